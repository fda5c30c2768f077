//! Gets figures and reminders.

use crate::after;

const SUBSCRIBED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";

#[test]
fn new_figures_come_at_once_with_date_change_and_end() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 figure 21.11. 9 61
                        receipt Accepted 21.11. revision 2
        -> 21.11.: 9 (8 weniger als am 20.11.); 61,0 (3,6 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn weiter_informieren_opens_a_new_window_and_is_read() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 16:00 figure 21.11. 9 61"),
        "
        21.11. 17:00:00 taps Weiter informieren
                        read
                        = subscribed until 22.11. 17:00:00
    ",
    );
}

#[test]
fn zahlen_brings_the_latest_figures() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 says Zahlen
                        read
                        = subscribed until 22.11. 12:00:00
                        -> 20.11.: 17; 57,4
    ",
    );
}

#[test]
fn anything_else_that_counts_is_only_read() {
    for said in ["says Danke", "says 👍", "photo", "says Ja", "taps Ja", "taps Fremd"] {
        after(
            SUBSCRIBED,
            &format!(
                "
            21.11. 12:00:00 {said}
                            read
                            = subscribed until 22.11. 12:00:00
        "
            ),
        );
    }
}

#[test]
fn help_and_privacy_come_without_the_question() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 says Hilfe
                        read
                        = subscribed until 22.11. 12:00:00
                        -> Hilfe
        21.11. 12:00:01 says Datenschutz
                        read
                        = subscribed until 22.11. 12:00:01
                        -> Datenschutz
        21.11. 12:00:02 says Auskunft
                        read
                        = subscribed until 22.11. 12:00:02
                        -> Auskunft
    ",
    );
}

#[test]
fn an_edit_counts_for_nothing_unless_it_says_stop() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 edits Danke!
                        refused NothingToDo
                        edits Zahlen
                        refused NothingToDo
                        edits STOPP
                        read
                        = stopped + address
                        -> abgemeldet
                        = stopped
    ",
    );
}

#[test]
fn the_window_is_the_maximum_whatever_the_order() {
    after(
        SUBSCRIBED,
        "
        21.11. 15:00:00 says Danke @ 21.11. 14:00:00
                        read
                        = subscribed until 22.11. 14:00:00
                        says Danke @ 21.11. 13:00:00
                        read
                        says Danke @ 21.11. 14:00:00
                        read
        22.11. 13:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 14:10:00 = lapsed
        22.11. 15:00:00 nothing
    ",
    );
}

#[test]
fn a_message_from_the_future_does_not_stretch_the_window() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 says Danke @ 21.11. 12:05:01
                        refused Future
                        says Danke @ 21.11. 12:05:00
                        read
                        = subscribed until 22.11. 12:05:00
    ",
    );
}

#[test]
fn an_old_message_sends_nothing() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 says Zahlen @ 20.11. 16:00:00
                        refused Stale
                        says Zahlen @ 20.11. 16:00:01
                        read
                        -> 20.11.: 17; 57,4
    ",
    );
}

#[test]
fn a_duplicate_after_a_day_is_still_one() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 12:00 says Zahlen"),
        "
        22.11. 11:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 11:59:30 again
                        refused Duplicate
        22.11. 12:10:00 = lapsed
        22.11. 13:30:00 again
                        refused Duplicate
        22.11. 14:00:00 again
                        refused Stale
    ",
    );
}

#[test]
fn figures_that_came_too_late_for_the_window_come_with_the_next_message() {
    after(
        SUBSCRIBED,
        "
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 09:59:58 figure 22.11. 20
                        receipt Accepted 22.11. revision 2
        22.11. 10:05:00 says Danke
                        read
                        = subscribed until 23.11. 10:05:00
                        -> 22.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:05 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn zahlen_while_the_same_figures_wait_brings_them_once() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 11:00 net later"),
        "
        21.11. 12:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
                        net accepts
                        says Zahlen
                        read
                        = subscribed until 22.11. 12:00:00
                        -> 21.11.: 20 (3 mehr als am 20.11.)
        21.11. 12:30:00 nothing
    ",
    );
}

#[test]
fn what_waits_goes_out_once_with_the_newest_figures() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 11:00 net silent \n says Zahlen"),
        "
        21.11. 12:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        says Danke
                        read
                        = subscribed until 22.11. 12:00:00
                        figure 22.11. 30
                        receipt Accepted 22.11. revision 3
                        says Danke
                        read
                        net accepts
                        answer accepted
                        -> 22.11.: 30 (10 mehr als am 21.11.) · endet morgen um 12:00 Uhr [Weiter informieren] [Stopp]
        21.11. 12:30:00 nothing
    ",
    );
}
