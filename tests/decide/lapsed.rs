//! Was silent after a question that Meta had accepted, while ingress worked.

use crate::after;

/// The reminder left at 22.11. 09:59, its status came, and silence.
const LAPSED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja \n 22.11. 10:10 nothing";
const SUBSCRIBED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";

#[test]
fn silence_is_judged_ten_minutes_after_closing() {
    after(
        SUBSCRIBED,
        "
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:09:59 nothing
        22.11. 10:10:00 = lapsed
        23.11. 10:00:00 = unknown
        24.11. 10:00:00 nothing
    ",
    );
}

#[test]
fn a_late_ja_takes_it_up_again_typed_or_tapped() {
    for yes in ["taps Ja, weiter", "taps Weiter informieren", "says Ja", "says Weiter"] {
        after(
            LAPSED,
            &format!(
                "
            22.11. 18:00:00 {yes}
                            read
                            = subscribed until 23.11. 18:00:00
            23.11. 17:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
            23.11. 18:00:00 nothing
        "
            ),
        );
    }
}

/// The first message opens a window: the second is not an answer from before the closing.
#[test]
fn two_messages_in_a_row_are_no_ja() {
    after(
        LAPSED,
        "
        22.11. 18:00:00 … says Hallo
                        = lapsed + address
        22.11. 18:00:01 … says Danke
        22.11. 18:00:03 read
                        = asked until 23.11. 18:00:01
                        -> 20.11.: 17; 57,4 · Frage [Ja] [Nein]
        22.11. 18:00:30 nothing
    ",
    );
}

#[test]
fn a_late_ja_brings_the_figures_missed_meanwhile() {
    after(
        LAPSED,
        "
        22.11. 16:00:00 figure 22.11. 20
                        receipt Accepted 22.11. revision 2
        22.11. 18:00:00 says Ja
                        read
                        = subscribed until 23.11. 18:00:00
                        -> 22.11.: 20 (3 mehr als am 20.11.) · endet morgen um 18:00 Uhr [Weiter informieren] [Stopp]
        23.11. 17:59:00 nothing
    ",
    );
}

#[test]
fn anything_else_is_answered_as_to_a_stranger_without_the_introduction() {
    after(
        LAPSED,
        "
        22.11. 18:00:00 says Danke
                        read
                        = asked until 23.11. 18:00:00
                        -> 20.11.: 17; 57,4 · Frage [Ja] [Nein]
    ",
    );
    after(
        LAPSED,
        "
        22.11. 18:00:00 says Hilfe
                        read
                        = asked until 23.11. 18:00:00
                        -> Hilfe · Frage [Ja] [Nein]
    ",
    );
}

#[test]
fn an_answer_stamped_before_the_closing_wins_over_the_verdict() {
    for said in ["says Danke", "photo", "says Ja", "taps Ja, weiter"] {
        after(
            LAPSED,
            &format!(
                "
            22.11. 18:00:00 {said} @ 22.11. 09:59:59
                            read
                            = subscribed until 23.11. 09:59:59
            23.11. 09:58:59 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
            23.11. 09:59:00 nothing
        "
            ),
        );
    }
}

#[test]
fn a_word_stamped_at_the_closing_is_too_late() {
    after(
        LAPSED,
        "
        22.11. 18:00:00 says Danke @ 22.11. 10:00:00
                        read
                        = asked until 23.11. 10:00:00
                        -> 20.11.: 17; 57,4 · Frage [Ja] [Nein]
    ",
    );
}

#[test]
fn an_answer_that_came_a_day_late_was_not_silence() {
    after(
        LAPSED,
        "
        22.11. 21:00:00 says Danke @ 21.11. 20:00:00
                        = orphaned
                        again
                        refused Stale
        29.11. 19:59:59 nothing
        29.11. 20:00:00 = unknown
        29.11. 21:00:00 nothing
    ",
    );
}

#[test]
fn an_answer_between_closing_and_verdict_goes_on_as_ever() {
    after(
        SUBSCRIBED,
        "
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:05:00 says Danke
                        read
                        = subscribed until 23.11. 10:05:00
        23.11. 10:04:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        23.11. 10:05:00 nothing
    ",
    );
}

#[test]
fn nein_and_stopp_end_it() {
    for no in ["taps Nein, Stopp", "says Nein", "says Stopp"] {
        after(
            LAPSED,
            &format!(
                "
            22.11. 18:00:00 {no}
                            read
                            = stopped + address
                            -> abgemeldet
                            = stopped
        "
            ),
        );
    }
}

#[test]
fn a_stop_from_before_the_ja_does_not_end_it() {
    after(
        LAPSED,
        "
        22.11. 10:30:00 says Stopp @ 21.11. 09:59:59
                        refused Stale
                        says Stopp @ 21.11. 10:00:00
                        = stopped
    ",
    );
}

#[test]
fn a_tap_after_the_erasure_still_works() {
    after(
        LAPSED,
        "
        23.11. 10:00:00 = unknown
        23.11. 18:00:00 taps Ja, weiter
                        read
                        = subscribed until 24.11. 18:00:00
                        -> 20.11.: 17; 57,4 · bestätigt bis morgen um 18:00 Uhr
    ",
    );
}

#[test]
fn figures_do_not_go_to_the_lapsed() {
    after(
        LAPSED,
        "
        22.11. 16:00:00 figure 22.11. 20
                        receipt Accepted 22.11. revision 2
        22.11. 17:00:00 nothing
    ",
    );
}

#[test]
fn a_failure_after_the_verdict_changes_nothing() {
    after(
        LAPSED,
        "
        22.11. 10:11:00 status failed
                        refused UnknownMessage
    ",
    );
}
