//! What was told was wrong, and what becomes of that. Anna is subscribed from 21.11. 10:00 and has the figures of the 20th.

use crate::after;

const SUBSCRIBED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";
const TOLD: &str =
    "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja \n 21.11. 16:00 figure 21.11. 71 \n 21.11. 16:01 taps Weiter informieren";

#[test]
fn a_correction_is_sent_once_after_ten_minutes_and_says_what_was_wrong() {
    after(
        TOLD,
        "
        21.11. 17:00:00 corrects 21.11. 17
                        receipt Correction 21.11. revision 2
        21.11. 17:05:00 corrects 21.11. 18
                        receipt Correction 21.11. revision 2
        21.11. 17:10:00 -> 21.11.: Korrektur; 18 (vorher 71) · endet morgen um 16:01 Uhr [Weiter informieren] [Stopp]
        21.11. 18:00:00 nothing
    ",
    );
}

#[test]
fn what_is_put_back_at_once_was_never_wrong() {
    after(
        TOLD,
        "
        21.11. 17:00:00 corrects 21.11. 17
                        receipt Correction 21.11. revision 2
        21.11. 17:05:00 figure 21.11. 71
                        receipt Update 21.11. revision 2
        21.11. 18:00:00 nothing
    ",
    );
}

#[test]
fn who_was_not_told_what_was_wrong_hears_of_no_correction() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 net later
                        figure 21.11. 71 61
                        receipt Accepted 21.11. revision 2
        -> 21.11.: 71 (54 mehr als am 20.11.); 61,0 (3,6 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
                        rules withdraw
                        receipt Withdrawn 21.11. revision 1
                        figure 21.11. 17
                        receipt Correction 21.11. revision 3
                        net accepts
        21.11. 16:00:01 -> 21.11.: 17 (wie am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 16:01:00 nothing
    ",
    );
}

#[test]
fn what_is_withdrawn_does_not_leave_and_what_replaces_it_is_a_correction() {
    after(
        TOLD,
        "
        21.11. 17:00:00 rules withdraw 20.11.
                        refused AnotherDay
                        receipt AnotherDay 20.11. revision 2
                        rules withdraw 21.11.
                        receipt Withdrawn 21.11. revision 1
        21.11. 17:01:00 figure 21.11. 71
                        refused Dismissed
                        receipt Dismissed 21.11. revision 1
                        retained 21.11. 71
                        refused Dismissed
        21.11. 17:02:00 figure 21.11. 17
                        receipt Correction 21.11. revision 3
                        -> 21.11.: Korrektur; 17 (vorher 71) · endet morgen um 16:01 Uhr [Weiter informieren] [Stopp]
        21.11. 17:03:00 rules withdraw
                        receipt Withdrawn 21.11. revision 1
                        rules withdraw
                        receipt Withdrawn 20.11. revision 0
                        rules withdraw
                        refused NothingToWithdraw
                        receipt NothingToWithdraw undated revision 0
    ",
    );
}

#[test]
fn what_still_waits_when_it_is_withdrawn_reaches_nobody() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 net silent
                        figure 21.11. 71 61
                        receipt Accepted 21.11. revision 2
        -> 21.11.: 71 (54 mehr als am 20.11.); 61,0 (3,6 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
                        answer later
                        rules withdraw
                        receipt Withdrawn 21.11. revision 1
                        net accepts
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:10:00 = lapsed
        22.11. 10:20:00 nothing
    ",
    );
}

#[test]
fn what_settles_can_be_withdrawn() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 figure 21.11. - 61
                        receipt Accepted 21.11. revision 1
                        rules withdraw
                        receipt Withdrawn 21.11. revision 1
        21.11. 16:01:00 figure 21.11. - 61
                        refused Dismissed
                        receipt Dismissed 21.11. revision 1
        21.11. 16:01:30 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn nothing_is_held_that_could_be_judged() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 rules release
                        refused NothingHeld
                        receipt NothingHeld undated revision 1
                        rules discard
                        refused NothingHeld
                        receipt NothingHeld undated revision 1
                        rules rebaseline
                        refused NothingHeld
                        receipt NothingHeld undated revision 1
    ",
    );
}

#[test]
fn no_report_is_remembered_until_there_is_one() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 figure 21.11.
                        receipt NoReport 21.11. revision 1
                        figure 21.11.
                        refused Duplicate
                        receipt Duplicate 21.11. revision 1
                        figure 20.11.
                        refused Reported
                        receipt Reported 20.11. revision 1
        21.11. 17:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}
