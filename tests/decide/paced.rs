//! Sequences of events around reminders, broadcasts and a full queue that once broke a promise, found by a review.

use crate::script::{after, compare, given};
use crate::world::{World, rules, two_feeds};
use drk_relay::domain::budget::Toll;
use drk_relay::domain::conversation::{Person, Talk};
use drk_relay::domain::decision::Change;
use drk_relay::domain::ids::{OutboxId, PersonHash, PersonId};
use drk_relay::domain::outbox::{Delivery, Doubt, Entry, Kind, QUEUE_FOR_ANSWERS};
use drk_relay::domain::state::Counters;
use drk_relay::domain::window::Window;

const SUBSCRIBED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";
const REMINDER: &str = "-> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]";

/// Promise 4: the question would have ridden on figures that the answer has replaced.
#[test]
fn an_answer_that_replaces_waiting_figures_takes_their_question_over() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 12:00:00 … says Zahlen \n net later \n 21.11. 12:00:01 figure 21.11. 20"),
        &format!(
            "
        21.11. 12:00:01 net accepts
        21.11. 12:00:02 read
                        -> 21.11.: 20 (3 mehr als am 20.11.)
        22.11. 11:59:00 {REMINDER}
        22.11. 12:00:00 nothing
    "
        ),
    );
}

/// Promise 1 and 4: what was written before the latest message moves no window, and answers no reminder.
#[test]
fn a_late_message_does_not_take_a_waiting_reminder_back() {
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:58:30 net later"),
        &format!(
            "
        22.11. 09:59:00 {REMINDER}
        22.11. 09:59:01 {REMINDER}
        22.11. 09:59:02 net accepts
                        says Danke @ 21.11. 09:59:58
                        read
        22.11. 09:59:04 {REMINDER}
        22.11. 10:10:00 = lapsed
        22.11. 10:20:00 nothing
    "
        ),
    );
}

/// Two messages of one person run out of time in the same second: neither was seen.
#[test]
fn figures_of_two_feeds_that_expire_together_are_both_lacking() {
    let mut world = World::new(two_feeds());
    given(
        &mut world,
        "20.11. 16:00 clock trusted \n figure 20.11. 17 57,4 \n clinic 20.11. 5 \n 21.11. 09:59 says Hallo \n 21.11. 10:00 taps Alles",
    );
    given(
        &mut world,
        "22.11. 09:59:00 net silent \n figure 22.11. 20 \n 22.11. 09:59:40 clinic 22.11. 7 \n 22.11. 09:59:55 net later \n answer later",
    );
    given(&mut world, "22.11. 10:00:00 net accepts \n 22.11. 10:05:00 nothing");
    world.sends.clear();
    given(&mut world, "22.11. 10:06:00 says Danke \n 22.11. 10:07:00 nothing");
    let texts: Vec<_> = world.sends.iter().map(|send| crate::world::shown(&send.body)).collect();
    assert!(texts.iter().any(|text| text.contains("20 (")) && texts.iter().any(|text| text.contains("7 (")), "{texts:?}");
}

/// Statistics of promise 8: one repetition is one, however often it had to be tried.
#[test]
fn a_repetition_that_does_not_get_out_at_once_is_counted_once() {
    after(
        &format!("{SUBSCRIBED} \n net unknown \n 21.11. 16:00:00 figure 21.11. 20 \n 21.11. 16:00:30 webhook \n net later"),
        "
        21.11. 16:02:30 webhook
                        refused NothingToDo
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 16:02:31 -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 16:02:32 net accepts
        21.11. 16:02:34 -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 16:03:00 repeated 1
    ",
    );
}

/// Promise 8: grace counts only seconds in which ingress was proven, and a clock that is not trusted yet counts no seconds.
#[test]
fn the_seconds_that_a_clock_skips_when_it_is_set_prove_nothing() {
    after(
        &format!("{SUBSCRIBED} \n net silent \n 21.11. 16:00:00 figure 21.11. 20"),
        "
        21.11. 16:00:10 restart
        21.11. 16:00:20 webhook
                        refused NothingToDo
        21.11. 16:10:00 clock trusted
                        net accepts
        21.11. 16:10:05 webhook
                        refused NothingToDo
                        repeated 0
        21.11. 16:12:04 webhook
                        refused NothingToDo
                        repeated 0
        21.11. 16:12:05 webhook
                        refused NothingToDo
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

/// Promise 3: what waited for the row without a BSUID has not been seen when the two become one.
#[test]
fn figures_that_waited_for_one_of_two_rows_come_when_they_are_merged() {
    after(
        "known bsuid \n 21.11. 09:00 says Hallo \n known phone \n 21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja \n \
         21.11. 12:00 net later \n figure 21.11. 20",
        "
        21.11. 12:00:00 known both
                        net accepts
                        says Danke
                        read
                        = subscribed until 22.11. 12:00:00
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 12:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

/// Promise 4: whoever may not be answered because too many wait is asked all the same, and first.
#[test]
fn a_queue_full_of_answers_leaves_room_for_a_reminder() {
    let mut world = World::new(rules());
    given(&mut world, &format!("20.11. 16:00 clock trusted\n figure 20.11. 17 57,4 \n {SUBSCRIBED} \n 22.11. 09:58 nothing"));
    let window = Window::opened(world.now.second());
    let first = world.state.counters.next_outbox;
    let until = first + QUEUE_FOR_ANSWERS as u64;
    world.state.apply(&Change::Counters(Counters { next_outbox: until, ..world.state.counters }));
    for (nth, id) in (900..).zip(first..until) {
        let person = Person { hash: PersonHash(u64::from(nth)), alias: None, window, talk: Talk::New, burst: None };
        world.state.apply(&Change::Person(PersonId(nth), person));
        let delivery = Delivery::Resting { until: window.latest.plus(3_600), attempt: 1 };
        let (person, kind, doubt, closes) = (PersonId(nth), Kind::Help { ask: true }, Doubt::None, window.closes());
        world.state.apply(&Change::Outbox(OutboxId(id), Entry { person, kind, delivery, doubt, toll: Toll::default(), closes }));
    }
    compare(world, "", &format!("22.11. 09:59:00 {REMINDER} \n 22.11. 09:59:30 nothing"));
}
