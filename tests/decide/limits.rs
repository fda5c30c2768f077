//! What is not known, what is too fast and what is too late: figures of unknown outcome, windows that Meta calls closed, rates, the night.

use crate::script::{after, check, compare};
use crate::world::{World, rules};
use drk_relay::domain::rules::{Quiet, ReminderPolicy, Rules};
use jiff::civil::time;

const SUBSCRIBED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";
const NEW: &str = "-> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]";
const REMINDER: &str = "-> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]";

/// Promise 8: two minutes in which webhooks came, and no status among them.
#[test]
fn figures_of_unknown_outcome_go_once_more_when_a_status_would_have_come() {
    after(
        &format!("{SUBSCRIBED} \n net unknown"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
        21.11. 16:00:30 webhook
                        refused NothingToDo
        21.11. 16:02:29 webhook
                        refused NothingToDo
                        repeated 0
                        net accepts
        21.11. 16:02:30 webhook
                        refused NothingToDo
                        {NEW}
                        repeated 1
        22.11. 09:59:30 nothing
    "
        ),
    );
}

#[test]
fn and_not_a_third_time() {
    after(
        &format!("{SUBSCRIBED} \n net unknown"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
        21.11. 16:00:30 webhook
                        refused NothingToDo
        21.11. 16:02:30 webhook
                        refused NothingToDo
                        {NEW}
        21.11. 16:10:00 webhook
                        refused NothingToDo
        21.11. 16:20:00 webhook
                        refused NothingToDo
                        net accepts
        22.11. 09:59:00 {REMINDER}
        22.11. 10:00:00 repeated 1
    "
        ),
    );
}

#[test]
fn nobody_repeats_anything_while_no_webhook_comes() {
    after(
        &format!("{SUBSCRIBED} \n net unknown"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
                        net accepts
        21.11. 16:01:59 webhook
                        refused NothingToDo
        21.11. 18:00:00 webhook
                        refused NothingToDo
        21.11. 18:01:59 webhook
                        refused NothingToDo
                        repeated 0
        21.11. 18:02:00 webhook
                        refused NothingToDo
                        {NEW}
    "
        ),
    );
}

#[test]
fn a_status_takes_the_doubt_away() {
    after(
        &format!("{SUBSCRIBED} \n net unknown"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
                        net accepts
        21.11. 16:00:30 webhook
                        refused NothingToDo
        21.11. 16:01:00 status delivered
        21.11. 16:05:00 webhook
                        refused NothingToDo
        22.11. 09:59:30 nothing
                        repeated 0
    "
        ),
    );
}

#[test]
fn newer_figures_take_it_away_too() {
    after(
        &format!("{SUBSCRIBED} \n net unknown"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
                        net accepts
        21.11. 16:00:30 webhook
                        refused NothingToDo
        21.11. 16:01:00 figure 22.11. 22
                        receipt Accepted 22.11. revision 3
                        -> 22.11.: 22 (2 mehr als am 21.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 16:05:00 webhook
                        refused NothingToDo
                        repeated 0
    "
        ),
    );
}

#[test]
fn a_question_of_unknown_outcome_is_never_repeated() {
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:50 webhook \n net unknown"),
        &format!(
            "
        22.11. 09:59:00 {REMINDER}
        22.11. 09:59:01 net accepts
        22.11. 09:59:30 webhook
                        refused NothingToDo
        22.11. 10:05:00 webhook
                        refused NothingToDo
        22.11. 10:10:00 = orphaned
        22.11. 10:20:00 repeated 0
    "
        ),
    );
}

/// Promise 8: however much time is left. In the evening before a quiet night it is hours.
#[test]
fn nor_one_that_was_put_long_before_the_closing() {
    let quiet = Quiet::new(time(22, 0, 0, 0), time(7, 0, 0, 0));
    compare(
        with(quiet, ReminderPolicy::NoFigures),
        &format!("{SUBSCRIBED} \n 22.11. 03:00 says Danke \n 22.11. 21:50 webhook \n net unknown"),
        &format!(
            "
        22.11. 22:00:00 {REMINDER}
        22.11. 22:00:01 net accepts
        22.11. 22:01:00 webhook
                        refused NothingToDo
        22.11. 22:05:00 webhook
                        refused NothingToDo
        22.11. 22:30:00 repeated 0
    "
        ),
    );
}

/// Promise 2, by Meta's word: until they write again.
#[test]
fn a_window_that_meta_calls_closed_is_closed() {
    after(
        &format!("{SUBSCRIBED} \n net 131047"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
                        net accepts
                        guard 5
        21.11. 17:00:00 figure 22.11. 22
                        receipt Accepted 22.11. revision 3
        21.11. 18:00:00 says Danke
                        read
                        = subscribed until 22.11. 18:00:00
                        -> 22.11.: 22 (2 mehr als am 21.11.) · endet morgen um 18:00 Uhr [Weiter informieren] [Stopp]
    "
        ),
    );
    after(
        &format!("{SUBSCRIBED} \n net 131047"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
                        net accepts
        22.11. 10:10:00 = orphaned
        22.11. 10:20:00 nothing
    "
        ),
    );
}

#[test]
fn a_refusal_that_concerns_an_older_window_closes_no_newer_one() {
    after(
        &format!("{SUBSCRIBED} \n net silent"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
        21.11. 16:00:01 says Danke
                        read
                        = subscribed until 22.11. 16:00:01
        21.11. 16:00:02 answer 131047
                        net accepts
        22.11. 15:59:01 {REMINDER}
        22.11. 16:00:00 nothing
    "
        ),
    );
}

#[test]
fn a_refusal_in_the_last_seconds_widens_the_guard() {
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:58:30 net silent"),
        &format!(
            "
        22.11. 09:59:00 {REMINDER}
        22.11. 09:59:48 answer later
                        net 131047
        22.11. 09:59:49 {REMINDER}
        22.11. 09:59:50 guard 12
        "
        ),
    );
}

#[test]
fn slow_answers_widen_the_guard() {
    after(
        &format!("{SUBSCRIBED} \n net silent"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
        21.11. 16:00:02 answer accepted
                        guard 5
        21.11. 17:00:00 figure 22.11. 22
                        receipt Accepted 22.11. revision 3
                        -> 22.11.: 22 (2 mehr als am 21.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 17:00:15 answer accepted
                        guard 17
    "
        ),
    );
}

#[test]
fn meta_s_too_fast_slows_everything_and_wears_off() {
    check(
        "
        21.11. 10:00:00 rate 80
                        net 130429
                        says Hallo
                        read
                        = asked until 22.11. 10:00:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
                        rate 60
                        net accepts
        21.11. 10:00:01 -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
        21.11. 10:01:14 rate 79
        21.11. 10:01:15 rate 80
    ",
    );
}

/// Also if the message that met with it has been taken back since.
#[test]
fn too_fast_is_too_fast_whoever_still_wants_the_message() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 16:00:00 net silent \n says Zahlen \n says Stopp @ 21.11. 16:00:01"),
        "
        21.11. 16:00:02 rate 80
                        answer 130429 1
                        refused UnknownMessage
                        rate 60
        ",
    );
}

/// What waits to be asked is asked by the figures.
#[test]
fn figures_take_the_place_of_a_reminder_that_has_not_left() {
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:58:30 net later"),
        &format!(
            "
        22.11. 09:59:00 {REMINDER}
        22.11. 09:59:01 {REMINDER}
        22.11. 09:59:02 net accepts
                        figure 22.11. 20
                        receipt Accepted 22.11. revision 2
                        -> 22.11.: 20 (3 mehr als am 20.11.) · endet heute um 10:00 Uhr [Weiter informieren] [Stopp]
        22.11. 10:10:00 = lapsed
        22.11. 10:20:00 nothing
    "
        ),
    );
}

/// The publication whose outcome was unknown turns out to have arrived while the reminder still waits.
#[test]
fn a_status_makes_a_waiting_reminder_pointless() {
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:58:00 net unknown \n figure 22.11. 20 \n net later"),
        &format!(
            "
        22.11. 09:59:00 {REMINDER}
        22.11. 09:59:01 {REMINDER}
        22.11. 09:59:02 status delivered 2
                        net accepts
        22.11. 10:10:00 = lapsed
        22.11. 10:20:00 nothing
    "
        ),
    );
}

fn with(quiet: Option<Quiet>, reminder: ReminderPolicy) -> World {
    let mut world = World::new(Rules { quiet, reminder, ..rules() });
    crate::script::given(&mut world, "20.11. 16:00 clock trusted\n figure 20.11. 17 57,4");
    world
}

#[test]
fn who_would_be_asked_in_the_night_is_asked_before_it() {
    let night = || Quiet::new(time(22, 0, 0, 0), time(7, 0, 0, 0));
    compare(
        with(night(), ReminderPolicy::NoFigures),
        &format!("{SUBSCRIBED} \n 22.11. 03:00 says Danke"),
        &format!(
            "
        22.11. 22:00:00 {REMINDER}
        23.11. 03:09:00 nothing
    "
        ),
    );
    compare(
        with(night(), ReminderPolicy::NoFigures),
        &format!("{SUBSCRIBED} \n 22.11. 09:00 says Danke"),
        &format!(
            "
        23.11. 08:59:00 {REMINDER}
        23.11. 09:00:00 nothing
    "
        ),
    );
}
