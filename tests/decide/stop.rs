//! Stop: at once, confirmed once, and nothing is left but a tombstone.

use crate::after;

const SUBSCRIBED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";
const STOPPED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja \n 21.11. 12:00 says Stopp";

#[test]
fn it_is_confirmed_once_and_the_tombstone_goes_after_25_hours() {
    for stop in ["says STOPP", "says stop!", "taps Stopp", "taps Nein, Stopp", "says Nein", "says Kündigen", "edits Stopp"] {
        after(
            SUBSCRIBED,
            &format!(
                "
            21.11. 12:00:00 {stop}
                            read
                            = stopped + address
                            -> abgemeldet
                            = stopped
            22.11. 12:59:59 nothing
            22.11. 13:00:00 = unknown
            23.11. 13:00:00 nothing
        "
            ),
        );
    }
}

#[test]
fn nothing_follows_it() {
    after(
        STOPPED,
        "
        21.11. 16:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
        22.11. 09:59:00 nothing
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn a_second_stop_is_not_confirmed_again() {
    after(
        STOPPED,
        "
        21.11. 12:00:10 says Stopp
        22.11. 13:00:09 nothing
        22.11. 13:00:10 = unknown
        22.11. 14:00:00 nothing
    ",
    );
}

#[test]
fn two_stops_at_once_are_confirmed_once() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 12:00 net silent \n says Zahlen"),
        "
        21.11. 12:00:10 says Stopp
                        read
                        = stopped + address
                        -> abgemeldet
        21.11. 12:00:11 says Stopp
                        net accepts
        21.11. 12:00:12 answer accepted
                        = stopped
        21.11. 13:00:00 nothing
    ",
    );
    after(
        &format!("{SUBSCRIBED} \n 21.11. 12:00 net later"),
        "
        21.11. 12:00:10 says Stopp
                        read
                        = stopped + address
                        -> abgemeldet
                        says Stopp @ 21.11. 12:00:11
                        net accepts
        21.11. 12:00:11 -> abgemeldet
                        = stopped
        21.11. 13:00:00 nothing
    ",
    );
}

#[test]
fn a_word_after_it_does_not_swallow_the_confirmation() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 12:00 net later"),
        "
        21.11. 12:00:10 says Stopp
                        read
                        = stopped + address
                        -> abgemeldet
                        says Danke @ 21.11. 12:00:17
                        read
                        = asked until 22.11. 12:00:17
                        net accepts
        21.11. 12:00:11 -> abgemeldet
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
        21.11. 13:00:00 nothing
    ",
    );
}

#[test]
fn a_ja_from_before_it_does_not_resubscribe_and_it_wins_ties() {
    for yes in ["says Ja", "taps Ja", "taps Weiter informieren"] {
        after(
            STOPPED,
            &format!(
                "
            21.11. 12:01:00 {yes} @ 21.11. 11:59:59
                            refused BeforeStop
                            {yes} @ 21.11. 12:00:00
                            refused BeforeStop
            22.11. 11:59:58 {yes} @ 21.11. 12:00:00
                            refused BeforeStop
            22.11. 13:00:00 = unknown
            22.11. 13:00:01 {yes} @ 21.11. 12:00:00
                            refused Stale
        "
            ),
        );
    }
}

#[test]
fn neither_does_it_when_something_was_written_in_between() {
    after(
        &format!("{STOPPED} \n 21.11. 12:01 says Danke"),
        "
        21.11. 12:03:00 taps Ja @ 21.11. 11:59:00
                        refused BeforeStop
                        taps Ja @ 21.11. 12:00:00
                        refused BeforeStop
                        taps Ja @ 21.11. 12:02:00
                        read
                        = subscribed until 22.11. 12:02:00
                        -> bestätigt bis morgen um 12:02 Uhr
    ",
    );
}

#[test]
fn a_ja_after_it_resubscribes() {
    after(
        STOPPED,
        "
        21.11. 12:01:00 says Ja
                        read
                        = subscribed until 22.11. 12:01:00
                        -> 20.11.: 17; 57,4 · bestätigt bis morgen um 12:01 Uhr
        21.11. 12:02:00 says Stopp @ 21.11. 12:00:30
                        refused Stale
                        says Stopp @ 21.11. 12:01:00
                        read
                        = stopped + address
                        -> abgemeldet
                        = stopped
    ",
    );
}

#[test]
fn anything_else_after_it_begins_anew() {
    after(
        STOPPED,
        "
        21.11. 12:01:00 says Hallo
                        read
                        = asked until 22.11. 12:01:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
        22.11. 12:01:00 = unknown
        22.11. 14:00:00 nothing
    ",
    );
}

#[test]
fn the_address_goes_whatever_becomes_of_the_confirmation() {
    for answer in ["refuses", "unknown", "accepts"] {
        after(
            &format!("{SUBSCRIBED} \n net {answer}"),
            "
            21.11. 12:00:00 says Stopp
                            read
                            = stopped + address
                            -> abgemeldet
                            = stopped
        ",
        );
    }
    after(
        &format!("{SUBSCRIBED} \n net silent"),
        "
        21.11. 12:00:00 says Stopp
                        read
                        = stopped + address
                        -> abgemeldet
        21.11. 12:00:10 restart
                        = stopped
        21.11. 12:00:20 clock trusted
        21.11. 13:00:00 nothing
    ",
    );
    after(
        &format!("{SUBSCRIBED} \n net silent"),
        "
        21.11. 12:00:00 says Stopp
                        read
                        = stopped + address
                        -> abgemeldet
        21.11. 12:00:10 answer late
                        = stopped
        21.11. 13:00:00 nothing
    ",
    );
}

#[test]
fn what_was_in_flight_is_neither_repeated_nor_doubled() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 11:59 net silent \n figure 21.11. 20"),
        "
        21.11. 12:00:00 net accepts
                        says Stopp
                        read
                        = stopped + address
                        -> abgemeldet
                        = stopped
        21.11. 13:00:00 nothing
    ",
    );
}

#[test]
fn a_stop_that_comes_a_day_late_stops_without_a_word() {
    after(
        SUBSCRIBED,
        "
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:05:00 says Stopp @ 21.11. 10:01:00
                        = stopped
                        again
                        refused BeforeStop
        22.11. 11:01:00 = unknown
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn an_edit_that_stops_opens_no_window() {
    after(
        &format!("{SUBSCRIBED} \n 22.11. 10:10 nothing"),
        "
        22.11. 12:00:00 edits Stopp
                        = stopped
    ",
    );
}

#[test]
fn a_stop_older_than_the_tombstone_erases_at_once() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 20:00 says Danke"),
        "
        22.11. 11:30:00 says Stopp @ 21.11. 10:01:00
                        = unknown
                        again
        22.11. 13:00:00 nothing
    ",
    );
}

#[test]
fn a_stop_from_the_future_stops_and_does_not_bury_a_later_ja() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 says Stopp @ 21.11. 18:00:00
                        read
                        = stopped + address
                        -> abgemeldet
                        = stopped
        21.11. 12:00:10 says Ja
                        read
                        = subscribed until 22.11. 12:00:10
                        -> 20.11.: 17; 57,4 · bestätigt bis morgen um 12:00 Uhr
    ",
    );
}

#[test]
fn whoever_writes_again_while_it_is_confirmed_is_answered() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 12:00 net silent \n says Stopp"),
        "
        21.11. 12:00:10 … says Hallo
                        net accepts
        21.11. 12:00:11 answer accepted
        21.11. 12:00:12 read
                        = asked until 22.11. 12:00:10
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
        21.11. 13:00:00 nothing
    ",
    );
}
