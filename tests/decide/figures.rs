//! What becomes a publication, and when. Anna is subscribed from 21.11. 10:00 and has the figures of the 20th.

use crate::after;

const SUBSCRIBED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";

#[test]
fn complete_at_once_when_all_required_are_there() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn without_a_required_one_after_thirty_seconds() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 figure 21.11. - 61
                        receipt Accepted 21.11. revision 1
        21.11. 16:00:29 nothing
        21.11. 16:00:30 -> 21.11.: 61,0 (3,6 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 17:00:00 nothing
    ",
    );
}

#[test]
fn what_was_missing_completes_it() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 figure 21.11. - 61
                        receipt Accepted 21.11. revision 1
        21.11. 16:00:10 figure 21.11. 20
                        receipt Joined 21.11. revision 2
        -> 21.11.: 20 (3 mehr als am 20.11.); 61,0 (3,6 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 17:00:00 nothing
    ",
    );
}

#[test]
fn a_newer_day_with_the_same_value_is_new() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 figure 21.11. 17 57,4
                        receipt Accepted 21.11. revision 2
                        -> 21.11.: 17 (wie am 20.11.); 57,4 (wie am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn the_same_again_is_a_duplicate_retained_or_not() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 figure 20.11. 17 57,4
                        refused Duplicate
                        receipt Duplicate 20.11. revision 1
                        retained 20.11. 17 57,4
                        refused Duplicate
                        figure 20.11. 17
                        refused Duplicate
                        receipt Duplicate 20.11. revision 1
    ",
    );
}

#[test]
fn another_value_for_the_same_day_is_kept_and_shown_on_request_but_not_sent() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 figure 20.11. 18
                        receipt Update 20.11. revision 1
        21.11. 16:30:00 says Danke
                        read
                        = subscribed until 22.11. 16:30:00
        21.11. 16:31:00 says Zahlen
                        read
                        = subscribed until 22.11. 16:31:00
                        -> 20.11.: 18; 57,4
    ",
    );
}

#[test]
fn older_is_stale_and_the_future_is_refused() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 figure 19.11. 5
                        refused Stale
                        receipt Stale 19.11. revision 1
                        figure 23.11. 5
                        refused Future
                        receipt Future 23.11. revision 1
                        figure 21.11. 5 1 2
                        refused UnknownMetric
                        receipt UnknownMetric 21.11. revision 1
    ",
    );
}

#[test]
fn older_than_three_days_is_shown_but_not_sent() {
    after(
        "24.11. 09:59 says Hallo \n 24.11. 10:00 taps Ja",
        "
        25.11. 00:30:00 figure 21.11. 20
                        receipt Old 21.11. revision 1
        25.11. 08:00:00 says Danke
                        read
                        = subscribed until 26.11. 08:00:00
        25.11. 09:00:00 says Zahlen
                        read
                        = subscribed until 26.11. 09:00:00
                        -> 21.11.: 20 (3 mehr als am 20.11.)
        26.11. 08:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        26.11. 09:00:00 nothing
    ",
    );
    after(
        "24.11. 09:59 says Hallo \n 24.11. 10:00 taps Ja",
        "
        24.11. 23:30:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn without_a_day_it_is_todays() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 figure undated 20
                        receipt Accepted 21.11. revision 2
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 16:00:01 figure undated 20
                        refused Duplicate
                        receipt Duplicate 21.11. revision 2
    ",
    );
}

#[test]
fn a_retained_replay_without_a_day_is_not_new_because_the_day_is() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 retained undated 17
                        refused Duplicate
                        retained undated 17 57,4
                        refused Duplicate
                        retained undated 20
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn a_newer_day_overtakes_one_that_settles() {
    after(
        SUBSCRIBED,
        "
        22.11. 08:00:00 figure 21.11. - 61
                        receipt Accepted 21.11. revision 1
        22.11. 08:00:10 figure 22.11. 20 62
                        receipt Accepted 22.11. revision 2
                        -> 22.11.: 20; 62,0 (1,0 mehr als am 21.11.) · endet heute um 10:00 Uhr [Weiter informieren] [Stopp]
        22.11. 09:00:00 nothing
    ",
    );
}

#[test]
fn a_restart_in_the_middle_of_a_broadcast_repeats_nothing() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
                        restart
        21.11. 16:00:10 clock trusted
                        retained 21.11. 20
                        refused Duplicate
        21.11. 17:00:00 nothing
    ",
    );
}
