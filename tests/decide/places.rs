//! The budget has a place for one: who comes second waits, and is told of a free place while their window is open.

use crate::script::compare;
use crate::world::{World, rules};
use drk_relay::domain::conversation::{Person, Reminder, Subscription, Talk};
use drk_relay::domain::decision::Change;
use drk_relay::domain::event::Event;
use drk_relay::domain::ids::{FeedId, FeedSet, PersonHash, PersonId};
use drk_relay::domain::time::Timestamp;
use drk_relay::domain::window::Window;

const BERTA: PersonId = PersonId(900);

/// One place, and Berta has it, until `until` (local time on 22 November, whole hours).
fn full(until: u32) -> World {
    let mut rules = rules();
    rules.monthly_messages = Some(73);
    let mut world = World::new(rules);
    // Before her row is there, which is from days that are still to come.
    world.happens(&Event::ClockTrusted);
    let latest = Timestamp(1_795_302_000 + until * 3_600 - 86_400); // 2026-11-22 00:00 in Berlin
    let consent = Timestamp(1);
    let subscription = Subscription { feeds: FeedSet::default().with(FeedId(0)), wording: 0, consent, yes: consent, revision: 99 };
    let talk = Talk::Subscribed { subscription, reminder: Reminder::Spared };
    let berta = Person { hash: PersonHash(0xBEA), alias: None, window: Window::opened(latest), talk, burst: None };
    world.state.apply(&Change::Person(BERTA, berta));
    world
}

/// Who asked waits for a place, and Berta's has just become free.
fn freed() -> World {
    let mut world = full(20);
    crate::script::given(&mut world, &format!("{ASKED} \n taps Ja \n 21.11. 12:00 nothing"));
    world.state.apply(&Change::Forget(BERTA));
    world
}

const ASKED: &str = "20.11. 16:00 clock trusted \n figure 20.11. 17 57,4 \n 21.11. 10:00 says Hallo";

#[test]
fn without_a_place_they_are_told_so_and_erased_silently_at_closing() {
    compare(
        full(20),
        ASKED,
        "
        21.11. 10:00:30 taps Ja
                        read
                        = waiting until 22.11. 10:00:30
                        -> kein Platz
        21.11. 10:00:40 says Schade
                        read
                        = waiting until 22.11. 10:00:40
        21.11. 10:00:50 says Hilfe
                        read
                        = waiting until 22.11. 10:00:50
                        -> Hilfe
        21.11. 11:00:00 says Zahlen
                        read
                        = waiting until 22.11. 11:00:00
                        -> 20.11.: 17; 57,4
        21.11. 12:00:00 says Ja
                        read
                        = waiting until 22.11. 12:00:00
                        -> kein Platz
        21.11. 13:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
        22.11. 12:00:00 = unknown
        22.11. 13:00:00 nothing
    ",
    );
}

#[test]
fn a_free_place_is_offered_and_taken() {
    compare(
        freed(),
        "",
        "
        21.11. 12:00:00 = offered until 22.11. 10:00:00
                        -> ein Platz · Frage [Ja] [Nein]
        21.11. 13:00:00 taps Ja
                        read
                        = subscribed until 22.11. 13:00:00
                        -> 20.11.: 17; 57,4 · bestätigt bis morgen um 13:00 Uhr
    ",
    );
}

#[test]
fn an_offer_that_is_not_taken_is_gone_at_closing() {
    compare(
        freed(),
        "",
        "
        21.11. 12:00:00 = offered until 22.11. 10:00:00
                        -> ein Platz · Frage [Ja] [Nein]
        22.11. 10:00:00 = unknown
        22.11. 13:00:00 nothing
    ",
    );
}

#[test]
fn whoever_has_a_place_keeps_it_through_a_lapse() {
    let mut rules = rules();
    rules.monthly_messages = Some(73);
    compare(
        World::new(rules),
        &format!("{ASKED} \n taps Ja \n 22.11. 10:10 nothing"),
        "
        22.11. 18:00:00 says Ja
                        read
                        = subscribed until 23.11. 18:00:00
    ",
    );
}
