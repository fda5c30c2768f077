//! The window closed, and it may have been our fault.

use crate::after;

const SUBSCRIBED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";
/// The reminder could not leave.
const ORPHANED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja \n 22.11. 09:58 net later \n 22.11. 10:10 net accepts";

#[test]
fn no_question_accepted_is_no_silence() {
    for answer in ["refuses", "unknown", "silent"] {
        after(
            &format!("{SUBSCRIBED} \n 22.11. 09:58 net {answer}"),
            "
            22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
            22.11. 10:10:00 = orphaned
            29.11. 09:59:59 nothing
            29.11. 10:00:00 = unknown
            30.11. 10:00:00 nothing
        ",
        );
    }
}

#[test]
fn a_question_that_failed_is_no_question() {
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:58 statuses off"),
        "
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 09:59:10 status sent
                        refused Duplicate
        22.11. 10:05:00 status failed
        22.11. 10:10:00 = orphaned
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn an_unknown_outcome_that_a_status_resolves_is_a_question() {
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:58 net unknown"),
        "
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:08:00 status delivered @ 22.11. 09:59:01
        22.11. 10:10:00 = lapsed
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn without_a_webhook_since_the_question_ingress_is_not_proven() {
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:57 statuses off \n status read"),
        "
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:10:00 = orphaned
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn a_restart_has_to_prove_ingress_again() {
    after(
        SUBSCRIBED,
        "
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:05:00 restart
        22.11. 10:05:10 clock trusted
        22.11. 10:10:00 = orphaned
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn a_question_in_the_morning_and_a_gap_since_prove_nothing() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 16:00 figure 21.11. 9"),
        "
        22.11. 10:00:00 photo @ 21.11. 09:00:00
                        refused Stale
        22.11. 10:10:00 = orphaned
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn a_relay_that_was_down_reminds_nobody_late_and_blames_nobody() {
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:00 restart"),
        "
        22.11. 14:00:00 clock trusted
                        = orphaned
        22.11. 15:00:00 nothing
    ",
    );
}

#[test]
fn a_word_is_told_of_the_interruption_and_asked() {
    after(
        ORPHANED,
        "
        24.11. 18:00:00 says Hallo?
                        read
                        = asked until 25.11. 18:00:00
                        -> Unterbrechung · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
        24.11. 18:00:30 taps Ja
                        read
                        = subscribed until 25.11. 18:00:30
                        -> bestätigt bis morgen um 18:00 Uhr
    ",
    );
}

#[test]
fn ja_resumes_at_once() {
    for yes in ["taps Ja, weiter", "says Ja"] {
        after(
            ORPHANED,
            &format!(
                "
            24.11. 18:00:00 {yes}
                            read
                            = subscribed until 25.11. 18:00:00
                            -> Unterbrechung, weiter · 20.11.: 17; 57,4 · läuft bis morgen um 18:00 Uhr
        "
            ),
        );
    }
}

#[test]
fn figures_are_never_flushed_to_orphans() {
    after(
        ORPHANED,
        "
        22.11. 16:00:00 figure 22.11. 20
                        receipt Accepted 22.11. revision 2
        23.11. 16:00:00 figure 23.11. 21
                        receipt Accepted 23.11. revision 3
        24.11. 18:00:00 says Ja
                        read
                        = subscribed until 25.11. 18:00:00
                        -> Unterbrechung, weiter · 23.11.: 21 (1 mehr als am 22.11.) · läuft bis morgen um 18:00 Uhr
        24.11. 19:00:00 nothing
    ",
    );
}

#[test]
fn an_answer_stamped_before_the_closing_wins_over_the_verdict() {
    after(
        ORPHANED,
        "
        22.11. 18:00:00 says Danke @ 22.11. 09:30:00
                        read
                        = subscribed until 23.11. 09:30:00
        23.11. 09:29:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        23.11. 09:30:00 nothing
    ",
    );
}

#[test]
fn nein_and_stopp_end_it() {
    for no in ["taps Nein, Stopp", "says Nein", "says Stopp"] {
        after(
            ORPHANED,
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
fn figures_that_never_left_come_with_the_next_word() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 16:00 net later \n figure 21.11. 9 \n 22.11. 10:00 net accepts"),
        "
        22.11. 10:10:00 = orphaned
        22.11. 18:00:00 says Danke @ 22.11. 09:30:00
                        read
                        = subscribed until 23.11. 09:30:00
                        -> 21.11.: 9 (8 weniger als am 20.11.) · endet morgen um 09:30 Uhr [Weiter informieren] [Stopp]
    ",
    );
}
