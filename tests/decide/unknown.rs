//! Someone we do not know writes.

use crate::{after, check};

#[test]
fn anything_is_answered_with_who_we_are_the_figures_and_the_question() {
    check(
        "
        21.11. 10:00:00 says Hallo
                        read
                        = asked until 22.11. 10:00:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
    ",
    );
}

#[test]
fn a_photo_is_a_beginning_too() {
    check(
        "
        21.11. 10:00:00 photo
                        read
                        = asked until 22.11. 10:00:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
    ",
    );
}

#[test]
fn a_typed_ja_answers_no_question_yet() {
    check(
        "
        21.11. 10:00:00 says Ja
                        read
                        = asked until 22.11. 10:00:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
    ",
    );
}

#[test]
fn a_typed_nein_answers_no_question_either() {
    check(
        "
        21.11. 10:00:00 says Nein
                        read
                        = asked until 22.11. 10:00:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
    ",
    );
}

#[test]
fn a_tap_from_before_an_erasure_still_means_what_it_said() {
    check(
        "
        21.11. 10:00:00 taps Weiter informieren
                        read
                        = subscribed until 22.11. 10:00:00
                        -> 20.11.: 17; 57,4 · bestätigt bis morgen um 10:00 Uhr
    ",
    );
}

#[test]
fn before_the_first_figures_we_say_so() {
    let world = crate::world::World::new(crate::world::rules());
    crate::script::compare(
        world,
        "21.11. 09:00 clock trusted",
        "
        21.11. 10:00:00 says Hallo
                        read
                        = asked until 22.11. 10:00:00
                        -> Hallo · keine Zahlen · Frage [Ja] [Nein]
    ",
    );
}

#[test]
fn privacy_and_help_are_answered_with_the_question() {
    check(
        "
        21.11. 10:00:00 says Datenschutz
                        read
                        = asked until 22.11. 10:00:00
                        -> Datenschutz · Frage [Ja] [Nein]
        21.11. 10:00:10 says Hilfe
                        read
                        = asked until 22.11. 10:00:10
                        -> Hilfe · Frage [Ja] [Nein]
        21.11. 10:00:20 says Auskunft
                        read
                        = asked until 22.11. 10:00:20
                        -> Auskunft · Frage [Ja] [Nein]
    ",
    );
}

#[test]
fn who_was_told_of_privacy_first_gets_the_figures_with_the_confirmation() {
    after(
        "21.11. 10:00 says Datenschutz",
        "
        21.11. 10:00:30 taps Ja
                        read
                        = subscribed until 22.11. 10:00:30
                        -> 20.11.: 17; 57,4 · bestätigt bis morgen um 10:00 Uhr
    ",
    );
}

#[test]
fn a_stop_from_a_stranger_is_confirmed_and_remembered() {
    check(
        "
        21.11. 10:00:00 says Stopp
                        read
                        = stopped + address
                        -> abgemeldet
                        = stopped
        22.11. 11:00:00 = unknown
        22.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn an_edit_or_an_old_message_begins_nothing() {
    check(
        "
        21.11. 10:00:00 edits Hallo
                        refused NothingToDo
                        says Hallo @ 20.11. 10:00:00
                        refused Stale
                        taps Ja @ 20.11. 10:00:00
                        refused Stale
    ",
    );
}

#[test]
fn the_window_counts_from_metas_timestamp_however_late_the_message_comes() {
    check(
        "
        21.11. 10:00:00 says Hallo @ 20.11. 10:00:01
                        read
                        = asked until 21.11. 10:00:01
        21.11. 10:00:01 = unknown
        21.11. 12:00:00 nothing
    ",
    );
    check(
        "
        21.11. 10:00:00 says Hallo @ 20.11. 11:00:00
                        read
                        = asked until 21.11. 11:00:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
        21.11. 11:00:00 = unknown
        21.11. 12:00:00 nothing
    ",
    );
}

#[test]
fn a_message_from_the_future_is_not_counted() {
    check(
        "
        21.11. 10:00:00 says Hallo @ 21.11. 10:05:01
                        refused Future
                        says Hallo @ 21.11. 10:05:00
                        read
                        = asked until 22.11. 10:05:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
    ",
    );
}
