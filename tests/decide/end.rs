//! The end of the service: told once to everyone, and then it is over.

use crate::script::compare;
use crate::world::{World, rules};
use drk_relay::domain::rules::End;
use drk_relay::domain::time::{Day, Timestamp};
use jiff::civil::date;

/// The last day is 23 November, announced on the 21st at noon.
fn ending() -> World {
    let mut rules = rules();
    let second = |text: &str| Timestamp(u32::try_from(text.parse::<jiff::Timestamp>().expect("a time").as_second()).expect("after 1970"));
    let last_day = Day::of(date(2026, 11, 23));
    rules.end = Some(End { last_day, announce: second("2026-11-21T11:00:00Z"), over: second("2026-11-23T23:00:00Z") });
    World::new(rules)
}

const SUBSCRIBED: &str = "20.11. 16:00 clock trusted \n figure 20.11. 17 57,4 \n 21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";

#[test]
fn subscribers_are_told_once_and_every_question_says_so_from_then_on() {
    compare(
        ending(),
        SUBSCRIBED,
        "
        21.11. 12:00:00 -> 20.11.: 17; 57,4 · Ende am 23.11.2026 · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 13:00:00 restart
        21.11. 13:00:01 clock trusted
        21.11. 18:00:00 taps Weiter informieren
                        read
                        = subscribed until 22.11. 18:00:00
        22.11. 17:59:00 -> Ende am 23.11.2026 · Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 18:00:00 nothing
    ",
    );
}

#[test]
fn afterwards_nothing_leaves_but_that_it_is_over() {
    compare(
        ending(),
        &format!("{SUBSCRIBED} \n 21.11. 13:00 nothing \n 22.11. 09:00 says Danke \n 23.11. 08:00 says Danke"),
        "
        24.11. 07:00:00 figure 23.11. 20
                        receipt Accepted 23.11. revision 3
        24.11. 07:30:00 says Zahlen
                        read
                        = subscribed until 25.11. 07:30:00
                        -> zu Ende
        25.11. 07:40:00 = unknown
        26.11. 10:00:00 says Hallo
                        read
                        = asked until 27.11. 10:00:00
                        -> zu Ende
        26.11. 10:00:10 taps Ja
                        read
                        = asked until 27.11. 10:00:10
    ",
    );
}
