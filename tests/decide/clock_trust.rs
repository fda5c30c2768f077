//! Until the clock is known to be right everything is accepted, and nothing leaves.

use crate::after;
use crate::script::compare;
use crate::world::{World, rules};

const SUBSCRIBED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";

#[test]
fn what_may_still_leave_leaves_when_the_clock_is_trusted() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 restart
        01.01.1970 01:00:10 says Zahlen @ 21.11. 12:00:05
                        = subscribed until 22.11. 12:00:05
        01.01.1970 01:00:20 figure 21.11. 20
                        receipt Early 21.11. revision 1
        21.11. 12:01:00 clock trusted
                        read
                        -> 21.11.: 20 (3 mehr als am 20.11.)
        21.11. 13:00:00 nothing
    ",
    );
}

#[test]
fn what_comes_too_late_by_the_right_clock_does_not() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 restart
        01.01.1970 01:00:10 says Zahlen @ 21.11. 12:00:05
                        = subscribed until 22.11. 12:00:05
        22.11. 12:00:01 clock trusted
                        read
        22.11. 12:10:05 = orphaned
        22.11. 13:00:00 nothing
    ",
    );
}

#[test]
fn a_stop_is_confirmed_when_the_clock_is_trusted() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 restart
        01.01.1970 01:00:10 says Stopp @ 21.11. 12:00:05
                        read
                        = stopped + address
        21.11. 12:01:00 clock trusted
                        -> abgemeldet
                        = stopped
    ",
    );
}

#[test]
fn a_clock_that_ran_ahead_silences_nobody() {
    after(
        "21.11. 09:00 restart",
        "
        01.06.2030 12:00:00 says Hallo @ 21.11. 09:01:00
                        = new until 22.11. 09:01:00
        21.11. 09:02:00 clock trusted
                        read
                        = asked until 22.11. 09:01:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
        21.11. 09:10:00 says Wie bitte?
                        read
                        = asked until 22.11. 09:10:00
                        -> 20.11.: 17; 57,4 · Frage [Ja] [Nein]
    ",
    );
}

#[test]
fn undated_figures_get_their_day_with_the_clock() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 restart
        01.01.1970 01:00:10 figure undated - 60
                        receipt Early undated revision 1
                        figure undated 20 61
                        receipt Early undated revision 1
                        figure undated 20 61
                        refused Duplicate
                        receipt Duplicate undated revision 1
        21.11. 12:01:00 clock trusted
        -> 21.11.: 20 (3 mehr als am 20.11.); 61,0 (3,6 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn figures_that_only_settle_by_a_wrong_clock_settle_by_the_right_one() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 restart
        01.06.2030 12:00:00 figure 21.11. - 61
                        receipt Early 21.11. revision 1
        21.11. 12:01:00 clock trusted
        21.11. 12:01:30 -> 21.11.: 61,0 (3,6 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 12:10:00 nothing
    ",
    );
}

#[test]
fn days_that_come_before_the_clock_is_trusted_are_judged_in_their_order() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 restart
                        figure 22.11. 30
                        receipt Early 22.11. revision 1
                        figure 21.11. 20
                        receipt Early 21.11. revision 1
                        figure 21.11. 20
                        refused Duplicate
                        receipt Duplicate 21.11. revision 1
                        figure 19.11. 1
                        refused Stale
                        receipt Stale 19.11. revision 1
        21.11. 12:01:00 clock trusted
                        -> 22.11.: 30 (10 mehr als am 21.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn a_day_that_the_right_clock_finds_in_the_future_is_dropped() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 restart
                        figure 21.11.2036 20
                        receipt Early 21.11. revision 1
        21.11. 12:01:00 clock trusted
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn a_day_that_the_right_clock_finds_too_long_ago_is_shown_but_not_sent() {
    after(
        "24.11. 09:59 says Hallo \n 24.11. 10:00 taps Ja \n 25.11. 08:00 restart",
        "
        25.11. 08:00:00 figure 21.11. 20
                        receipt Early 21.11. revision 1
        25.11. 08:01:00 clock trusted
        25.11. 09:00:00 says Zahlen
                        read
                        = subscribed until 26.11. 09:00:00
                        -> 21.11.: 20 (3 mehr als am 20.11.)
    ",
    );
}

#[test]
fn the_clock_earns_trust_once() {
    compare(
        World::new(rules()),
        "",
        "
        21.11. 12:00:00 clock trusted
                        clock trusted
                        refused NothingToDo
    ",
    );
}

#[test]
fn a_clock_in_doubt_sends_nothing_and_keeps_everything() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 clock doubted
        21.11. 12:00:10 says Zahlen
                        = subscribed until 22.11. 12:00:10
        21.11. 12:00:20 figure 21.11. 20
                        receipt Early 21.11. revision 1
        21.11. 12:00:30 clock doubted
                        refused NothingToDo
        21.11. 12:01:00 clock trusted
                        read
                        -> 21.11.: 20 (3 mehr als am 20.11.)
        21.11. 13:00:00 nothing
    ",
    );
}

/// Every reminder waits, and whose window closes meanwhile was not silent: the doubt was ours.
#[test]
fn whose_window_closes_in_a_doubt_is_orphaned() {
    after(
        SUBSCRIBED,
        "
        22.11. 09:50:00 clock doubted
        22.11. 10:00:30 nothing
        22.11. 10:05:00 clock trusted
        22.11. 10:10:00 = orphaned
        22.11. 11:00:00 nothing
    ",
    );
}

/// The clock was hours ahead and trusted: what Meta took then counts for no window that was opened since.
#[test]
fn a_question_from_a_future_that_was_none_spares_no_reminder() {
    after(
        SUBSCRIBED,
        "
        21.11. 14:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 14:01:00 clock doubted
        21.11. 11:00:00 clock trusted
        21.11. 11:00:10 says Danke
                        read
                        = subscribed until 22.11. 11:00:10
        22.11. 10:59:10 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:59:30 nothing
    ",
    );
}

/// What settles by a clock that is hours ahead settles by the right one.
#[test]
fn figures_that_settle_in_a_future_that_is_none_settle_now() {
    after(
        SUBSCRIBED,
        "
        21.11. 14:00:00 figure 21.11. - 61
                        receipt Accepted 21.11. revision 1
        21.11. 14:00:10 clock doubted
        21.11. 11:00:00 clock trusted
        21.11. 11:00:30 -> 21.11.: 61,0 (3,6 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 12:00:00 nothing
    ",
    );
}

/// While nobody knows what time it is, a nonsense stamp is believed. It opens no window for years, and its „Ja“ does not outlive a „Stopp“.
#[test]
fn a_stamp_from_the_future_is_taken_back_when_the_clock_is_trusted() {
    after(
        "21.11. 09:00 restart",
        "
        21.11. 09:00:10 taps Ja @ 21.11.2036 09:00:00
                        = new until 22.11.2036 09:00:00
        21.11. 09:02:00 clock trusted
                        = new until 21.11. 09:02:00
                        = unknown
        21.11. 09:10:00 says Hallo
                        read
                        = asked until 22.11. 09:10:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
    ",
    );
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 restart
        21.11. 12:00:10 says Ja @ 21.11.2036 12:00:00
                        = subscribed until 22.11.2036 12:00:00
        21.11. 12:01:00 clock trusted
                        = subscribed until 21.11. 12:01:00
        21.11. 12:11:00 = orphaned
        21.11. 12:12:00 says Stopp
                        read
                        = stopped + address
                        -> abgemeldet
                        = stopped
    ",
    );
}
