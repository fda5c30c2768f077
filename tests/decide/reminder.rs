//! 23 hours and 59 minutes after the latest counted message.

use crate::after;

const SUBSCRIBED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";
const PUBLISHED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja \n 21.11. 16:00 statuses off \n figure 21.11. 9";

#[test]
fn nothing_new_and_so_we_ask() {
    after(
        SUBSCRIBED,
        "
        22.11. 09:58:59 nothing
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 09:59:30 taps Ja, weiter
                        read
                        = subscribed until 23.11. 09:59:30
        23.11. 09:58:30 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        23.11. 09:59:00 nothing
    ",
    );
}

#[test]
fn ten_photos_get_one_reminder_after_the_last_whatever_their_order() {
    let photos: String = (0..10).map(|n| format!("photo @ 21.11. 11:00:0{} \n again \n", (n * 7) % 10)).collect();
    after(
        &format!("{SUBSCRIBED} \n 21.11. 11:00:10 nothing \n {photos}"),
        "
        22.11. 10:59:09 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:59:10 again
                        refused Duplicate
                        photo @ 21.11. 11:00:04
                        read
        22.11. 11:10:09 = lapsed
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn a_publication_accepted_after_the_latest_message_spares_it() {
    after(
        PUBLISHED,
        "
        22.11. 09:59:00 nothing
        22.11. 10:10:00 = orphaned
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn a_publication_before_the_latest_message_does_not() {
    after(
        PUBLISHED,
        "
        21.11. 17:00:00 says Danke
                        read
                        = subscribed until 22.11. 17:00:00
        22.11. 16:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 17:00:00 nothing
    ",
    );
}

/// The machine stands still while the answer waits: that it comes after the message does not mean that Meta took the publication after it.
#[test]
fn a_publication_that_left_before_the_latest_message_does_not_whenever_its_answer_comes() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 16:00 net silent \n figure 21.11. 9"),
        "
        21.11. 18:00:00 answer accepted
                        photo @ 21.11. 17:00:00
                        read
                        = subscribed until 22.11. 17:00:00
        22.11. 16:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 16:59:30 nothing
    ",
    );
}

#[test]
fn a_reply_to_zahlen_does_not() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 12:00 says Zahlen"),
        "
        22.11. 11:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn a_publication_that_failed_before_does_not() {
    after(
        PUBLISHED,
        "
        21.11. 18:00:00 status failed
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:00:00 nothing
    ",
    );
}

#[test]
fn a_publication_that_fails_afterwards_brings_it_after_all_and_once() {
    after(
        PUBLISHED,
        "
        22.11. 09:59:20 status failed
                        -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 09:59:30 status failed 1
                        refused Duplicate
        22.11. 10:00:00 nothing
    ",
    );
}

#[test]
fn a_failure_that_overtook_the_news_of_sending_stays_one() {
    after(
        PUBLISHED,
        "
        21.11. 18:00:00 status failed
                        status sent
                        refused Duplicate
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:00:00 nothing
    ",
    );
}

#[test]
fn a_publication_that_fails_after_the_guard_brings_nothing_any_more() {
    after(
        PUBLISHED,
        "
        22.11. 09:59:56 status failed
        22.11. 10:10:00 = orphaned
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn a_publication_still_settling_is_sent_instead() {
    after(
        SUBSCRIBED,
        "
        22.11. 09:58:40 figure 22.11. - 61
                        receipt Accepted 22.11. revision 1
        22.11. 09:59:00 -> 22.11.: 61,0 (3,6 mehr als am 20.11.) · endet heute um 10:00 Uhr [Weiter informieren] [Stopp]
        22.11. 09:59:10 figure 22.11. 5
                        receipt Update 22.11. revision 2
        22.11. 10:10:00 = lapsed
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn a_publication_in_flight_spares_it_unless_its_outcome_stays_unknown() {
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:58:59 net silent \n figure 22.11. 9"),
        "
        22.11. 09:59:20 answer accepted
        22.11. 10:10:00 = orphaned
        22.11. 12:00:00 nothing
    ",
    );
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:58:59 net silent \n figure 22.11. 9"),
        "
        22.11. 09:59:20 net accepts
                        answer unknown
                        -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:10:00 = lapsed
        22.11. 12:00:00 nothing
    ",
    );
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:58:59 net silent \n figure 22.11. 9"),
        "
        22.11. 09:59:20 net accepts
                        restart
        22.11. 09:59:30 clock trusted
                        -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:10:00 = lapsed
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn a_publication_of_unknown_outcome_does_not_spare_it() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 16:00 net unknown \n figure 21.11. 9 \n net accepts"),
        "
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:00:00 nothing
    ",
    );
    after(
        &format!("{SUBSCRIBED} \n 21.11. 16:00 net unknown \n figure 21.11. 9 \n net accepts"),
        "
        21.11. 18:00:00 status delivered
        22.11. 10:10:00 = orphaned
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn a_reminder_that_could_not_leave_is_not_sent_after_the_answer() {
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:58:59 net silent"),
        "
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 09:59:10 says Danke
                        read
                        = subscribed until 23.11. 09:59:10
                        net accepts
        22.11. 09:59:15 answer later
        22.11. 12:00:00 nothing
    ",
    );
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:58:59 net later"),
        "
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 09:59:01 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 09:59:02 says Danke
                        read
                        = subscribed until 23.11. 09:59:02
                        net accepts
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn a_restart_in_the_last_minute_neither_loses_nor_doubles_it() {
    after(
        SUBSCRIBED,
        "
        22.11. 09:58:50 restart
        22.11. 09:59:40 clock trusted
                        -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 09:59:42 restart
        22.11. 09:59:45 clock trusted
        22.11. 10:00:00 nothing
    ",
    );
}

#[test]
fn it_is_never_sent_after_the_guard() {
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:58:50 restart"),
        "
        22.11. 09:59:56 clock trusted
        22.11. 10:10:00 = orphaned
        22.11. 12:00:00 nothing
    ",
    );
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:58:50 restart"),
        "
        22.11. 09:59:55 clock trusted
                        -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:10:00 = lapsed
        22.11. 12:00:00 nothing
    ",
    );
}
