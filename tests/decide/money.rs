//! The month's messages run short: what still leaves, to whom, and what becomes of everybody else.

use crate::script::{compare, given};
use crate::world::{World, rules};
use drk_relay::domain::budget::Budget;
use drk_relay::domain::decision::Change;
use drk_relay::domain::rules::Rules;

const ASKED: &str = "20.11. 16:00 clock trusted \n figure 20.11. 17 57,4 \n 21.11. 09:59 says Hallo";

/// A thousand messages a month. Somebody has heard of the figures, and said "Ja" if they are `subscribed`; then so many messages are left.
fn left(left: u32, subscribed: bool) -> World {
    let mut world = World::new(Rules { monthly_messages: Some(1_000), ..rules() });
    given(&mut world, ASKED);
    given(&mut world, if subscribed { "21.11. 10:00 taps Ja \n 21.11. 10:01 nothing" } else { "21.11. 10:01 nothing" });
    let charged = (0..1_000 - left).fold(Budget::default(), |budget, _| budget.charge(world.now));
    world.state.apply(&Change::Budget(charged));
    world
}

/// Figures come, and nobody gets them: whoever writes is answered from the reserve, and the service ends at once for whoever wants that.
#[test]
fn from_the_reserve_only_those_who_write_are_answered() {
    compare(
        left(30, true),
        "",
        "
        21.11. 12:00:00 figure 21.11. 20 60,0
                        receipt Accepted 21.11. revision 2
        21.11. 13:00:00 says Zahlen
                        refused Spent
                        read
                        = subscribed until 22.11. 13:00:00
        21.11. 14:00:00 says Hilfe
                        read
                        = subscribed until 22.11. 14:00:00
                        -> Hilfe
                        charged 971
        21.11. 15:00:00 says Stopp
                        read
                        = stopped + address
                        -> abgemeldet
                        = stopped
                        charged 972
    ",
    );
    compare(
        left(11, false),
        "",
        "
        21.11. 12:00:00 taps Ja
                        read
                        = waiting until 22.11. 12:00:00
                        -> kein Platz
                        charged 990
        21.11. 13:00:00 says Datenschutz
                        read
                        = waiting until 22.11. 13:00:00
                        -> Datenschutz
                        charged 991
        21.11. 14:00:00 says Themen
                        refused Spent
                        read
                        = waiting until 22.11. 14:00:00
        21.11. 15:00:00 says Hilfe
                        read
                        = waiting until 22.11. 15:00:00
                        -> Hilfe
                        charged 992
    ",
    );
}

/// It is our fault, so nobody is taken for silent; when they write in the next month they hear of it.
#[test]
fn who_could_not_be_asked_is_orphaned_and_told_so() {
    compare(
        left(30, true),
        "",
        "
        22.11. 09:59:00 refused Spent
        22.11. 10:10:00 = orphaned
        22.11. 12:00:00 figure 22.11. 20
                        receipt Accepted 22.11. revision 2
        22.11. 13:00:00 says Ja
                        read
                        = subscribed until 23.11. 13:00:00
                        -> Unterbrechung, weiter · 22.11.: 20 (3 mehr als am 20.11.) · läuft bis morgen um 13:00 Uhr
    ",
    );
}

/// Everything that was said is done; only nobody hears of it.
#[test]
fn when_all_are_spent_a_stop_is_obeyed_without_a_word() {
    compare(
        left(0, true),
        "",
        "
        21.11. 12:00:00 says Hilfe
                        refused Spent
                        read
                        = subscribed until 22.11. 12:00:00
        21.11. 13:00:00 says Stopp
                        read
                        = stopped + address
                        = stopped
                        charged 1000
    ",
    );
}

/// By whose midnight Meta's month begins is not known. What nobody got in the old one is not flushed in the new one.
#[test]
fn the_month_turns_when_it_has_turned_in_california() {
    compare(
        left(0, true),
        "30.11. 18:00 says Zahlen \n 30.11. 20:00 figure 30.11. 20 60,0",
        "
        01.12. 09:00:00 says Zahlen
                        refused Spent
                        read
                        = asked until 02.12. 09:00:00
                        charged 1000
        01.12. 10:00:00 charged 0
        01.12. 10:00:01 nothing
        01.12. 11:00:00 says Hallo
                        read
                        = asked until 02.12. 11:00:00
                        -> 30.11.: 20 (3 mehr als am 20.11.); 60,0 (2,6 mehr als am 20.11.) · Frage [Ja] [Nein]
                        charged 1
    ",
    );
}

/// A crowd that finds no place must not use up what the subscribers need to the end of the month.
#[test]
fn subscribers_are_paid_for_before_strangers_are_answered() {
    // One subscriber: 36 × 10 / 31 messages until the end of November, and the reserve.
    for (money, answered) in [(43, true), (42, false)] {
        let mut world = left(money, true);
        given(&mut world, "21.11. 10:02 figure 21.11. 20 60,0 \n 21.11. 10:03 nothing");
        given(&mut world, &format!("21.11. 10:04 charged {}", 1_000 - money + 1));
        given(&mut world, "21.11. 10:05 says Zahlen \n 21.11. 10:06 nothing");
        let charged = world.state.budget.charged(world.now);
        assert_eq!(charged == 1_000 - money + 2, answered, "{charged}, {money} were left");
    }
}
