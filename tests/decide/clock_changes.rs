//! Summer and winter time: the window is 24 elapsed hours, and the sentence names the right local time.

use crate::script::compare;
use crate::world::{World, rules};

fn check(given: &str, script: &str) {
    compare(World::new(rules()), given, script);
}

#[test]
fn the_night_with_an_hour_more() {
    check(
        "24.10. 13:00 clock trusted \n figure 24.10. 17 \n 24.10. 13:59 says Hallo",
        "
        24.10. 14:00:00 taps Ja
                        read
                        = subscribed until 25.10. 13:00:00
                        -> bestätigt bis morgen um 13:00 Uhr
        25.10. 12:00:00 figure 25.10. 17
                        receipt Accepted 25.10. revision 2
                        -> 25.10.: 17 (wie am 24.10.) · endet heute um 13:00 Uhr [Weiter informieren] [Stopp]
        25.10. 13:10:00 = orphaned
        25.10. 14:00:00 nothing
    ",
    );
    check(
        "24.10. 13:00 clock trusted \n figure 24.10. 17 \n 24.10. 13:59 says Hallo \n 24.10. 14:00 taps Ja",
        "
        25.10. 12:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        25.10. 13:10:00 = lapsed
        26.10. 13:00:00 = unknown
        26.10. 14:00:00 nothing
    ",
    );
}

#[test]
fn inside_the_hour_that_happens_twice() {
    check(
        "24.10. 13:00 clock trusted \n figure 24.10. 17 \n 24.10. 13:59 says Hallo",
        "
        25.10. 02:30:00 taps Ja
                        read
                        = subscribed until 26.10. 01:30:00
                        -> bestätigt bis morgen um 01:30 Uhr
        26.10. 01:29:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        26.10. 01:30:00 nothing
    ",
    );
}

#[test]
fn the_night_with_an_hour_less() {
    check(
        "27.03.2027 12:00 clock trusted \n figure 27.03.2027 17 \n 27.03.2027 12:59 says Hallo",
        "
        27.03.2027 13:00:00 taps Ja
                        read
                        = subscribed until 28.03.2027 14:00:00
                        -> bestätigt bis morgen um 14:00 Uhr
        28.03.2027 13:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        28.03.2027 14:10:00 = lapsed
        29.03.2027 14:00:00 = unknown
        29.03.2027 15:00:00 nothing
    ",
    );
}
