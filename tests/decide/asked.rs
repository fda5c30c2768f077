//! The question was put.

use crate::after;

const ASKED: &str = "21.11. 10:00 says Hallo";

#[test]
fn ja_subscribes_and_is_confirmed_with_the_end() {
    for yes in ["taps Ja", "says Ja", "says  JA! 👍", "says ja gerne"] {
        after(
            ASKED,
            &format!(
                "
            21.11. 10:00:30 {yes}
                            read
                            = subscribed until 22.11. 10:00:30
                            -> bestätigt bis morgen um 10:00 Uhr
        "
            ),
        );
    }
}

#[test]
fn ja_brings_the_figures_that_came_after_the_question() {
    after(
        ASKED,
        "
        21.11. 12:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
        21.11. 12:00:10 taps Ja
                        read
                        = subscribed until 22.11. 12:00:10
                        -> 21.11.: 20 (3 mehr als am 20.11.) · bestätigt bis morgen um 12:00 Uhr
    ",
    );
}

#[test]
fn anything_else_is_answered_at_most_once_a_minute() {
    after(
        ASKED,
        "
        21.11. 10:00:30 says Was ist das?
                        read
                        = asked until 22.11. 10:00:30
        21.11. 10:00:59 says Zahlen
                        read
                        = asked until 22.11. 10:00:59
        21.11. 10:01:00 says Wer seid ihr?
                        read
                        = asked until 22.11. 10:01:00
                        -> 20.11.: 17; 57,4 · Frage [Ja] [Nein]
        21.11. 10:01:10 photo
                        read
                        = asked until 22.11. 10:01:10
        21.11. 10:02:00 photo
                        read
                        = asked until 22.11. 10:02:00
                        -> 20.11.: 17; 57,4 · Frage [Ja] [Nein]
    ",
    );
}

#[test]
fn nein_ends_it() {
    for no in ["taps Nein", "says Nein", "says nein danke", "says Stopp", "says Löschen", "says Abmelden", "says Ende"] {
        after(
            ASKED,
            &format!(
                "
            21.11. 10:00:30 {no}
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
fn ende_der_woche_is_no_stop() {
    after(
        ASKED,
        "
        21.11. 11:00:00 says Ende der Woche
                        read
                        = asked until 22.11. 11:00:00
                        -> 20.11.: 17; 57,4 · Frage [Ja] [Nein]
    ",
    );
}

#[test]
fn new_figures_do_not_go_to_someone_only_asked() {
    after(
        ASKED,
        "
        21.11. 12:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 2
        21.11. 13:00:00 nothing
    ",
    );
}

#[test]
fn silence_erases_at_closing_without_a_word() {
    after(
        ASKED,
        "
        22.11. 10:00:00 = unknown
        23.11. 10:00:00 nothing
    ",
    );
}

#[test]
fn a_tap_on_ja_after_the_closing_still_subscribes() {
    after(
        ASKED,
        "
        22.11. 10:00:00 = unknown
        22.11. 18:00:00 taps Ja
                        read
                        = subscribed until 23.11. 18:00:00
                        -> 20.11.: 17; 57,4 · bestätigt bis morgen um 18:00 Uhr
    ",
    );
}

#[test]
fn a_reordered_message_never_moves_the_window_back() {
    after(
        ASKED,
        "
        21.11. 11:00:00 says Hallo? @ 21.11. 09:00:00
                        read
                        -> 20.11.: 17; 57,4 · Frage [Ja] [Nein]
        22.11. 10:00:00 = unknown
        22.11. 11:00:00 nothing
    ",
    );
}

#[test]
fn duplicates_change_nothing() {
    after(
        ASKED,
        "
        21.11. 10:30:00 again
                        refused Duplicate
        21.11. 10:31:00 taps Ja
                        read
                        = subscribed until 22.11. 10:31:00
                        -> bestätigt bis morgen um 10:31 Uhr
                        again
                        refused Duplicate
        21.11. 11:00:01 again
                        refused Duplicate
    ",
    );
}
