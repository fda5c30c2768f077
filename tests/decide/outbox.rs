//! One message's way out.

use crate::after;

const SUBSCRIBED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";
const NEW: &str = "-> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]";

#[test]
fn what_certainly_did_not_go_out_is_tried_again_ever_more_slowly() {
    after(
        &format!("{SUBSCRIBED} \n net later"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
        21.11. 16:00:01 {NEW}
        21.11. 16:00:04 {NEW}
        21.11. 16:00:05 net accepts
        21.11. 16:00:10 {NEW}
        21.11. 18:00:00 nothing
    "
        ),
    );
}

#[test]
fn an_unknown_outcome_is_never_repeated() {
    after(
        &format!("{SUBSCRIBED} \n net unknown"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
                        net accepts
        21.11. 18:00:00 status delivered
                        status delivered
                        refused Duplicate
        22.11. 10:10:00 = orphaned
        22.11. 12:00:00 nothing
    "
        ),
    );
}

#[test]
fn a_crash_in_flight_is_an_unknown_outcome() {
    after(
        &format!("{SUBSCRIBED} \n net silent"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
        21.11. 16:00:10 restart
                        net accepts
        21.11. 16:00:20 clock trusted
        21.11. 16:00:30 answer accepted
        22.11. 10:00:00 nothing
    "
        ),
    );
}

#[test]
fn a_refusal_is_not_repeated_and_the_reminder_is_wanted() {
    after(
        &format!("{SUBSCRIBED} \n net refuses"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
                        net accepts
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:00:00 nothing
    "
        ),
    );
}

#[test]
fn messages_of_one_person_leave_one_after_the_other() {
    after(
        &format!("{SUBSCRIBED} \n net silent"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
        21.11. 16:00:05 says Hilfe
                        read
                        = subscribed until 22.11. 16:00:05
                        says Datenschutz
                        read
                        answer accepted
                        -> Datenschutz
        21.11. 16:00:06 answer accepted
        21.11. 16:00:07 nothing
    "
        ),
    );
}

#[test]
fn statuses_of_strangers_and_late_ones_change_nothing() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 16:00 figure 21.11. 20"),
        "
        21.11. 17:00:00 status sent
                        refused Duplicate
                        status read
                        refused Duplicate
        21.11. 18:00:00 says Danke
                        read
                        = subscribed until 22.11. 18:00:00
                        status failed
                        refused UnknownMessage
    ",
    );
}

#[test]
fn a_status_that_overtakes_the_answer_counts() {
    after(
        &format!("{SUBSCRIBED} \n net silent"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
                        status sent
                        answer accepted
                        refused NothingToDo
                        net accepts
        22.11. 10:10:00 = orphaned
        22.11. 12:00:00 nothing
    "
        ),
    );
}

#[test]
fn what_rests_when_a_new_window_opens_leaves_in_it() {
    after(
        &format!("{SUBSCRIBED} \n net silent"),
        "
        22.11. 09:58:59 figure 22.11. 20
                        receipt Accepted 22.11. revision 2
                        -> 22.11.: 20 (3 mehr als am 20.11.) · endet heute um 10:00 Uhr [Weiter informieren] [Stopp]
        22.11. 09:59:50 says Danke
                        read
                        = subscribed until 23.11. 09:59:50
                        net accepts
        22.11. 10:00:10 answer later
        22.11. 10:00:11 -> 22.11.: 20 (3 mehr als am 20.11.) · endet morgen um 09:59 Uhr [Weiter informieren] [Stopp]
        22.11. 12:00:00 nothing
    ",
    );
}

/// Promise 8: the older message shows the newest, so the newer one has nothing to say.
#[test]
fn figures_that_come_back_beside_newer_ones_are_sent_once() {
    after(
        &format!("{SUBSCRIBED} \n net silent"),
        &format!(
            "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
                        {NEW}
        21.11. 16:00:01 figure 22.11. 22
                        receipt Accepted 22.11. revision 3
        21.11. 16:00:02 net accepts
                        answer later
        21.11. 16:00:03 -> 22.11.: 22 (2 mehr als am 21.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 17:00:00 nothing
    "
        ),
    );
}

#[test]
fn every_message_is_charged_when_it_leaves_even_one_taken_back() {
    after(
        &format!("{SUBSCRIBED} \n net silent"),
        "
        21.11. 16:00:00 charged 2
                        says Zahlen
                        read
                        = subscribed until 22.11. 16:00:00
                        -> 20.11.: 17; 57,4
                        charged 3
                        says Stopp @ 21.11. 16:00:01
                        read
                        = stopped + address
                        -> abgemeldet
                        answer accepted
                        = stopped
                        charged 4
                        answer accepted 1
                        refused UnknownMessage
                        status delivered
                        charged 4
        ",
    );
}

/// What nobody knows the outcome of may have arrived, until Meta tells otherwise.
#[test]
fn only_what_certainly_did_not_arrive_is_refunded() {
    after(
        SUBSCRIBED,
        "
        21.11. 16:00:00 charged 2
                        net refuses
                        says Zahlen
                        read
                        = subscribed until 22.11. 16:00:00
                        -> 20.11.: 17; 57,4
                        charged 2
        21.11. 17:00:00 net unknown
                        says Zahlen
                        read
                        = subscribed until 22.11. 17:00:00
                        -> 20.11.: 17; 57,4
                        charged 3
                        status failed
                        charged 2
    ",
    );
}
