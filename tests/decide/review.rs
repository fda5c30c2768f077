//! Sequences of events that once broke a promise, found by a review: each waits for something that goes wrong at the worst moment.

use crate::script::{compare, given};
use crate::world::{World, rules, two_feeds};
use crate::{after, script};
use drk_relay::domain::budget::Toll;
use drk_relay::domain::conversation::{Person, Talk};
use drk_relay::domain::decision::Change;
use drk_relay::domain::ids::{OutboxId, PersonHash, PersonId};
use drk_relay::domain::outbox::{Delivery, Doubt, Entry, Kind, QUEUE_FOR_ANSWERS};
use drk_relay::domain::window::Window;

const SUBSCRIBED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";

/// Promise 6: the later timestamp wins, whatever was said a moment ago.
#[test]
fn a_late_stop_from_before_the_ja_does_not_end_it_because_of_a_danke() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 … says Danke
                        = subscribed until 22.11. 12:00:00
        21.11. 12:00:01 … says Stopp @ 21.11. 09:59:30
                        refused Stale
        21.11. 12:00:02 read
        21.11. 12:01:00 nothing
    ",
    );
}

/// A tombstone is not moved, and a newcomer's word is not swallowed.
#[test]
fn a_second_late_stop_does_not_swallow_what_was_said_since() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 12:00 says Stopp"),
        "
        21.11. 12:05:00 … says Hallo
                        = stopped + address
        21.11. 12:05:01 … says Stopp @ 21.11. 11:59:00
                        refused BeforeStop
        21.11. 12:05:02 read
                        = asked until 22.11. 12:05:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
        21.11. 12:06:00 nothing
    ",
    );
}

/// Promise 3: figures that arrived while an answer waited.
#[test]
fn an_answer_that_replaces_a_waiting_one_does_not_lose_the_figures() {
    let mut world = World::new(rules());
    given(
        &mut world,
        &format!("20.11. 16:00 clock trusted\n figure 20.11. 17 57,4 \n {SUBSCRIBED} \n 21.11. 12:00 net later \n says Zahlen"),
    );
    given(&mut world, "21.11. 12:00:10 figure 21.11. 20 \n 21.11. 12:00:20 says Hilfe");
    world.sends.clear();
    given(&mut world, "21.11. 12:01 net accepts \n 21.11. 13:00 nothing");
    let texts: Vec<_> = world.sends.iter().map(|send| crate::world::shown(&send.body)).collect();
    if texts.iter().any(|text| text.contains("20 (")) {
        return;
    }
    eprintln!("what left once it could: {texts:?}");
    compare(
        world,
        "",
        "
        21.11. 14:00:00 says Danke
                        read
                        = subscribed until 22.11. 14:00:00
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 14:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

/// The confirmation that shows the figures for the first time.
#[test]
fn a_stranger_whose_welcome_was_replaced_sees_the_figures_sooner_or_later() {
    let mut world = World::new(rules());
    given(
        &mut world,
        "20.11. 16:00 clock trusted\n figure 20.11. 17 57,4 \n 21.11. 10:00 net later \n says Hallo \n 21.11. 10:00:01 says Hilfe",
    );
    world.sends.clear();
    given(&mut world, "21.11. 10:02 net accepts \n 21.11. 10:10 nothing \n 21.11. 10:20 taps Ja");
    assert!(world.sends.iter().any(|send| crate::world::shown(&send.body).contains("57,4")), "subscribed, and never shown any figures");
}

/// Rows of messages of which nobody will ever hear again.
#[test]
fn an_unknown_outcome_ends_although_the_person_writes_every_day() {
    let mut world = World::new(rules());
    given(
        &mut world,
        &format!("20.11. 16:00 clock trusted\n figure 20.11. 17 57,4 \n {SUBSCRIBED} \n 21.11. 12:00 net unknown \n says Zahlen"),
    );
    given(&mut world, "21.11. 13:00 net accepts");
    // Every 20 hours, always before the window closes.
    for day in 0..10 {
        world.pass(drk_relay::domain::time::Millis(world.now.0 + 20 * 3_600_000 + day));
        given(&mut world, "says Danke");
    }
    let rows: Vec<_> = world.state.outbox.iter().map(|(id, entry)| (id, *entry)).collect();
    assert!(rows.iter().all(|(_, entry)| !matches!(entry.delivery, Delivery::Unknown { .. })), "{rows:?}");
}

/// A message taken back has not been seen.
#[test]
fn figures_taken_back_by_a_move_come_with_the_next_word() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 16:00 net later \n figure 21.11. 20 \n moves bsuid to other \n 21.11. 17:00 net accepts"),
        "
        21.11. 18:00:00 says Danke
                        read
                        = subscribed until 22.11. 18:00:00
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 18:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

/// What could not be written down has not been seen.
#[test]
fn a_full_queue_refuses_an_answer_and_not_the_figures() {
    let mut world = World::new(rules());
    given(
        &mut world,
        &format!("20.11. 16:00 clock trusted\n figure 20.11. 17 57,4 \n {SUBSCRIBED} \n 21.11. 16:00 net later \n figure 21.11. 20"),
    );
    let crowd = PersonId(900);
    let window = Window::opened(world.now.second());
    let person = Person { hash: PersonHash(0xBEA), alias: None, window, talk: Talk::New, burst: None };
    world.state.apply(&Change::Person(crowd, person));
    let first = world.state.counters.next_outbox;
    let until = first + QUEUE_FOR_ANSWERS as u64;
    world.state.apply(&Change::Counters(drk_relay::domain::state::Counters { next_outbox: until, ..world.state.counters }));
    for id in first..until {
        // Rests, so that none leaves.
        let delivery = Delivery::Resting { until: window.latest.plus(3_600), attempt: 1 };
        world.state.apply(&Change::Outbox(
            OutboxId(id),
            Entry {
                person: crowd,
                kind: Kind::Help { ask: true },
                delivery,
                doubt: Doubt::None,
                toll: Toll::default(),
                closes: window.closes(),
            },
        ));
    }
    let event = world.heard(crate::world::text("Zahlen"), window.latest);
    world.says_and_pauses(&event);
    world.state.apply(&Change::Forget(crowd));
    for id in first..until {
        world.state.apply(&Change::ForgetOutbox(OutboxId(id)));
    }
    world.sends.clear();
    given(&mut world, "21.11. 16:00:30 net accepts \n 21.11. 17:00 nothing \n 21.11. 18:00 says Danke");
    let last = world.sends.last().map(|send| crate::world::shown(&send.body)).unwrap_or_default();
    assert!(last.contains("20 ("), "the figures of the 21st never arrive: {last}");
}

/// Our fault costs nobody their choice: "Ja" resumes at once, whatever they wrote before.
#[test]
fn an_orphan_of_two_feeds_resumes_with_ja() {
    let mut world = World::new(two_feeds());
    given(
        &mut world,
        "20.11. 16:00 clock trusted \n figure 20.11. 17 57,4 \n clinic 20.11. 3 \n \
         21.11. 10:00 says Hallo \n taps Klinik \n 22.11. 09:58 net later \n 22.11. 10:10 net accepts \n 24.11. 18:00 says Hallo?",
    );
    given(&mut world, "24.11. 18:00:30 says Ja");
    let id = world.state.people.find(world.identity.hash);
    let talk = id.and_then(|id| world.state.people.get(id)).map(|person| person.talk.clone());
    assert!(matches!(talk, Some(Talk::Subscribed { .. })), "{talk:?}");
}

/// Promise 6 across two rows: the later timestamp wins.
#[test]
fn a_ja_after_the_stop_survives_the_merging_of_two_rows() {
    after(
        "known phone \n 21.11. 10:00 says Stopp \n known bsuid \n 21.11. 12:00 says Hallo \n taps Ja",
        "
        21.11. 14:00:00 known both
                        says Zahlen
                        read
                        = subscribed until 22.11. 14:00:00
                        -> 20.11.: 17; 57,4
    ",
    );
}

/// Nobody waits longer than six seconds, also if the clock is set back meanwhile.
#[test]
fn a_clock_that_is_set_back_does_not_delay_an_answer_for_as_long() {
    let mut world = World::new(rules());
    given(&mut world, "20.11. 16:00 clock trusted\n figure 20.11. 17 57,4 \n 21.11. 10:00:00 … says Hallo @ 21.11. 09:59:00");
    world.now = drk_relay::domain::time::Millis(world.now.0 - 3_600_000);
    let limit = world.now.plus(10_000);
    world.pass(limit);
    assert_eq!(world.sends.len(), 1, "no answer within ten seconds");
}

/// Promise 8: older than a day, subscribes nobody.
#[test]
fn a_ja_three_days_old_subscribes_nobody_when_the_clock_is_trusted_late() {
    let mut world = World::new(rules());
    given(&mut world, "01.01.1970 01:00 taps Ja @ 18.11. 09:00 \n 21.11. 12:00 clock trusted");
    let id = world.state.people.find(world.identity.hash);
    let talk = id.and_then(|id| world.state.people.get(id)).map(|person| person.talk.clone());
    assert!(talk.as_ref().is_none_or(|talk| talk.subscription().is_none()), "{talk:?}");
}

/// The end: nothing leaves but that it is over.
#[test]
fn figures_that_waited_do_not_leave_after_the_end() {
    let mut rules = rules();
    let second = |text: &str| {
        drk_relay::domain::time::Timestamp(u32::try_from(text.parse::<jiff::Timestamp>().expect("a time").as_second()).expect("after 1970"))
    };
    let last_day = drk_relay::domain::time::Day::of(jiff::civil::date(2026, 11, 23));
    rules.end =
        Some(drk_relay::domain::rules::End { last_day, announce: second("2026-11-21T11:00:00Z"), over: second("2026-11-23T23:00:00Z") });
    let mut world = World::new(rules);
    given(
        &mut world,
        &format!(
            "20.11. 16:00 clock trusted\n figure 20.11. 17 57,4 \n {SUBSCRIBED} \n 22.11. 09:00 says Danke \n \
             23.11. 08:00 says Danke \n 23.11. 23:50 net later \n figure 23.11. 20 \n 23.11. 23:59:50 nothing"
        ),
    );
    let before = world.sends.len();
    given(&mut world, "24.11. 00:00:01 net accepts \n 24.11. 02:00 nothing");
    let later: Vec<_> = world.sends.iter().skip(before).map(|send| crate::world::shown(&send.body)).collect();
    assert!(later.is_empty(), "{later:?}");
}

/// Promise 5: a tap that waits for its answer keeps its feed's number over a restart with another configuration.
#[test]
fn a_tap_never_subscribes_to_a_feed_that_took_the_number() {
    let mut world = World::new(two_feeds());
    given(&mut world, "20.11. 16:00 clock trusted \n 21.11. 10:00 says Hallo \n 21.11. 10:01 … taps Klinik");
    let mut rules = rules();
    let beds =
        drk_relay::domain::rules::MetricRules::new(crate::world::name("cases_new"), "x", drk_relay::domain::rules::MetricKind::Count);
    rules.feeds.push(drk_relay::domain::rules::FeedRules::new(crate::world::name("pollen"), "Pollen", vec![beds]));
    world.rules = rules;
    script::given(&mut world, "restart \n 21.11. 10:02 clock trusted \n 21.11. 10:03 nothing");
    let id = world.state.people.find(world.identity.hash);
    let feeds = id.and_then(|id| world.state.people.get(id)).and_then(|person| person.talk.feeds());
    let pollen = world.state.feed(&crate::world::name("pollen")).map(|(id, _)| id);
    assert!(!feeds.zip(pollen).is_some_and(|(feeds, pollen)| feeds.contains(pollen)), "subscribed to what nobody chose");
}

/// The probe's status comes before its answer: the account may send.
#[test]
fn a_probe_whose_status_overtakes_the_answer_ends_the_hold() {
    let mut world = World::new(rules());
    given(
        &mut world,
        &format!("20.11. 16:00 clock trusted\n figure 20.11. 17 57,4 \n {SUBSCRIBED} \n 21.11. 12:00 net 190 \n says Zahlen"),
    );
    given(&mut world, "21.11. 12:00:30 net silent \n 21.11. 12:01:00 nothing");
    given(&mut world, "21.11. 12:01:01 status delivered \n answer accepted");
    assert_eq!(world.state.hold, None);
}

/// Our fault costs nobody their place.
#[test]
fn an_orphan_who_writes_keeps_the_place() {
    let mut one = rules();
    one.monthly_messages = Some(60);
    let mut world = World::new(one);
    given(
        &mut world,
        &format!(
            "20.11. 16:00 clock trusted\n figure 20.11. 17 57,4 \n {SUBSCRIBED} \n 22.11. 09:58 net later \n 22.11. 10:10 net accepts"
        ),
    );
    assert_eq!(world.state.people.admitted(), 1);
    given(&mut world, "24.11. 18:00 says Hallo?");
    assert_eq!(world.state.people.admitted(), 1, "the place is somebody else's now");
}

/// Two feeds came while an answer waited, and it never left: both are lacking.
#[test]
fn an_answer_that_expires_gives_back_every_feed_that_came_meanwhile() {
    let mut world = World::new(two_feeds());
    given(
        &mut world,
        "20.11. 16:00 clock trusted \n figure 20.11. 17 57,4 \n clinic 20.11. 3 \n \
         21.11. 09:59 says Hallo \n 21.11. 10:00 taps Alles \n 21.11. 12:00 net later \n says Zahlen",
    );
    given(&mut world, "21.11. 13:00 figure 21.11. 20 60 \n 21.11. 14:00 clinic 21.11. 5 \n 22.11. 12:05 net accepts");
    world.sends.clear();
    given(&mut world, "22.11. 13:00 says Danke @ 22.11. 11:59:00");
    let texts: Vec<_> = world.sends.iter().map(|send| crate::world::shown(&send.body)).collect();
    assert!(texts.iter().any(|text| text.contains("20 (")), "{texts:?}");
}

/// Who waits for a place and chooses once more means both, or the later, but not only the first.
#[test]
fn a_second_choice_in_the_same_minute_counts_while_waiting() {
    let mut none = two_feeds();
    none.monthly_messages = Some(0);
    let mut world = World::new(none);
    given(&mut world, "20.11. 16:00 clock trusted \n 21.11. 10:00 says Hallo \n 21.11. 10:01 taps Klinik \n 21.11. 10:01:20 taps Corona");
    let id = world.state.people.find(world.identity.hash);
    let feeds = id.and_then(|id| world.state.people.get(id)).and_then(|person| person.talk.feeds());
    let corona = world.state.feed(&crate::world::name("corona")).map(|(id, _)| id);
    assert!(feeds.zip(corona).is_some_and(|(feeds, corona)| feeds.contains(corona)), "{feeds:?}");
}

/// One burst out of two rows: the stronger thing counts.
#[test]
fn the_stronger_burst_survives_the_merging_of_two_rows() {
    let mut world = World::new(rules());
    given(
        &mut world,
        "20.11. 16:00 clock trusted\n figure 20.11. 17 57,4 \n known bsuid \n \
         21.11. 10:00:00 … says Hallo \n known phone \n 21.11. 10:00:01 … taps Ja \n known both \n 21.11. 10:00:01 … photo",
    );
    given(&mut world, "21.11. 10:01 nothing");
    let id = world.state.people.find(world.identity.hash);
    let talk = id.and_then(|id| world.state.people.get(id)).map(|person| person.talk.clone());
    assert!(matches!(talk, Some(Talk::Subscribed { .. })), "{talk:?}");
}

/// A move onto a row that has only the number so far must leave the new name behind.
#[test]
fn a_move_onto_a_nameless_row_keeps_the_new_name() {
    let mut world = World::new(rules());
    given(
        &mut world,
        "20.11. 16:00 clock trusted\n figure 20.11. 17 57,4 \n known bsuid \n 21.11. 10:00 says Hallo \n \
         taps Ja \n known phone \n 21.11. 11:00 says Zahlen",
    );
    given(&mut world, "21.11. 12:00 moves bsuid to other on her number");
    assert!(world.state.people.find(world.identity.hash).is_some(), "found by the number only");
}
