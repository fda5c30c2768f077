//! Implausible figures wait for a human. The feed's first metric is a total here, which has risen by 100 to 263 a day up to 12,663 on the
//! 20th; Anna is subscribed from 21.11. 10:00.

use crate::script::compare;
use crate::world::{World, rules};
use drk_relay::domain::rules::MetricKind;

const BEFORE: &str = "16.11. 16:00 clock trusted \n figure 16.11. 12000 \n 17.11. 16:00 figure 17.11. 12100 \n \
                      18.11. 16:00 figure 18.11. 12250 \n \
                      19.11. 16:00 figure 19.11. 12400 \n 20.11. 16:00 figure 20.11. 12663 57,4 \n \
                      21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";

#[track_caller]
fn of_a_total(script: &str) {
    let mut rules = rules();
    rules.feeds[0].metrics[0].kind = MetricKind::Total;
    compare(World::new(rules), BEFORE, script);
}

/// The real one of Saale-Orla-Kreis: a page began to write „12.735“, and a program took 12.
#[test]
fn a_thousands_point_read_as_a_comma_reaches_nobody_and_the_right_number_ends_it() {
    of_a_total(
        "
        21.11. 16:00:00 figure 21.11. 12
                        receipt Held 21.11. revision 5: cases_new total-fell
        21.11. 16:00:10 figure 21.11. 12
                        receipt Held 21.11. revision 5: cases_new total-fell
                        retained 21.11. 12
        21.11. 16:01:00 figure 21.11. - 61
                        receipt Held 21.11. revision 5: cases_new total-fell
        21.11. 17:00:00 figure 21.11. 12735
                        receipt Accepted 21.11. revision 6
        -> 21.11.: 12.735 (72 mehr als am 20.11.); 61,0 (3,6 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn a_released_figure_is_sent_at_once_and_judges_the_next() {
    of_a_total(
        "
        21.11. 16:00:00 figure 21.11. 27000
                        receipt Held 21.11. revision 5: cases_new jump
        21.11. 16:30:00 rules release 20.11.
                        refused AnotherDay
                        receipt AnotherDay 20.11. revision 5
                        rules release 21.11.
                        receipt Released 21.11. revision 6
                        -> 21.11.: 27.000 (14.337 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 16:30:01 taps Weiter informieren
                        read
                        = subscribed until 22.11. 16:30:01
        22.11. 16:00:00 figure 22.11. 27200
                        receipt Accepted 22.11. revision 7
                        -> 22.11.: 27.200 (200 mehr als am 21.11.) · endet heute um 16:30 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn a_discarded_figure_is_forgotten_and_its_repetition_changes_nothing() {
    of_a_total(
        "
        21.11. 16:00:00 figure 21.11. 12
                        receipt Held 21.11. revision 5: cases_new total-fell
                        rules discard
                        receipt Discarded 21.11. revision 5
        21.11. 16:00:10 figure 21.11. 12
                        refused Dismissed
                        receipt Dismissed 21.11. revision 5
                        retained 21.11. 12
                        refused Dismissed
        21.11. 17:00:00 figure 21.11. 12735
                        receipt Accepted 21.11. revision 6
                        -> 21.11.: 12.735 (72 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

/// The real one of the Wartburgkreis: active cases instead of the total.
#[test]
fn another_way_of_counting_is_taken_over_without_a_message() {
    of_a_total(
        "
        21.11. 16:00:00 figure 21.11. 478
                        receipt Held 21.11. revision 5: cases_new total-fell
                        rules rebaseline
                        receipt Rebaselined 21.11. revision 5
        21.11. 16:01:00 says Zahlen
                        read
                        = subscribed until 22.11. 16:01:00
                        -> 21.11.: 478
        22.11. 15:00:00 figure 22.11. 480
                        receipt Accepted 22.11. revision 6
                        -> 22.11.: 480 (2 mehr als am 21.11.) · endet heute um 16:01 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn a_newer_plausible_day_ends_it_and_an_older_one_does_not_come_back() {
    of_a_total(
        "
        21.11. 16:00:00 figure 21.11. 12
                        receipt Held 21.11. revision 5: cases_new total-fell
        22.11. 09:00:00 figure 22.11. 12800
                        receipt Accepted 22.11. revision 6
                        -> 22.11.: 12.800 (137 mehr als am 20.11.) · endet heute um 10:00 Uhr [Weiter informieren] [Stopp]
                        rules release
                        refused NothingHeld
                        receipt NothingHeld undated revision 6
                        figure 21.11. 12735
                        refused Stale
                        receipt Stale 21.11. revision 6
    ",
    );
}

#[test]
fn a_total_that_falls_a_little_is_a_correction_and_waits_for_second_thoughts() {
    of_a_total(
        "
        21.11. 16:00:00 figure 21.11. 12650
                        receipt Correction 21.11. revision 5
        21.11. 16:09:59 nothing
        21.11. 16:10:00 -> 21.11.: Korrektur; 12.650 (vorher 12.663) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 16:11:00 nothing
        21.11. 18:00:00 figure 21.11. 12640
                        receipt Correction 21.11. revision 6
        21.11. 18:10:00 -> 21.11.: Korrektur; 12.640 (vorher 12.650) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 18:30:00 nothing
    ",
    );
}

#[test]
fn what_is_held_before_the_clock_is_trusted_again_stays_held() {
    of_a_total(
        "
        21.11. 16:00:00 figure 21.11. 12
                        receipt Held 21.11. revision 5: cases_new total-fell
                        clock doubted
                        rules release
                        refused ClockInDoubt
                        receipt ClockInDoubt undated revision 5
        21.11. 16:05:00 clock trusted
                        rules discard
                        receipt Discarded 21.11. revision 5
    ",
    );
}
