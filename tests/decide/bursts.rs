//! Several messages in a row are one turn: answered once, after two seconds of silence, and after six at the latest.

use crate::after;

const SUBSCRIBED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";

#[test]
fn a_pause_of_two_seconds_brings_the_answer() {
    after(
        "",
        "
        21.11. 10:00:00 … says Hallo
                        = new until 22.11. 10:00:00
        21.11. 10:00:01 nothing
        21.11. 10:00:02 read
                        = asked until 22.11. 10:00:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
        21.11. 10:00:30 nothing
    ",
    );
}

#[test]
fn every_message_counts_and_one_answers_them_all() {
    after(
        "",
        "
        21.11. 10:00:00 … says Hallo
                        = new until 22.11. 10:00:00
        21.11. 10:00:01 … says ich wollte fragen
                        = new until 22.11. 10:00:01
        21.11. 10:00:02 … photo
                        = new until 22.11. 10:00:02
        21.11. 10:00:04 read
                        = asked until 22.11. 10:00:02
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
        21.11. 10:00:30 nothing
    ",
    );
}

#[test]
fn nobody_waits_longer_than_six_seconds() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 … says Zahlen
                        = subscribed until 22.11. 12:00:00
        21.11. 12:00:01 … says bitte
                        = subscribed until 22.11. 12:00:01
        21.11. 12:00:02 … says bitte
                        = subscribed until 22.11. 12:00:02
        21.11. 12:00:03 … says bitte
                        = subscribed until 22.11. 12:00:03
        21.11. 12:00:04 … says bitte
                        = subscribed until 22.11. 12:00:04
        21.11. 12:00:05 … says bitte
                        = subscribed until 22.11. 12:00:05
        21.11. 12:00:06 read
                        -> 20.11.: 17; 57,4
        21.11. 12:00:07 … says danke
                        = subscribed until 22.11. 12:00:07
        21.11. 12:00:09 read
        21.11. 12:01:00 nothing
    ",
    );
}

#[test]
fn ja_is_stronger_than_the_rest_whatever_comes_first() {
    for (first, then) in [("says Ja", "says Zahlen"), ("says Zahlen", "says Ja"), ("says Hilfe", "taps Ja"), ("taps Ja", "photo")] {
        after(
            "21.11. 10:00 says Hallo",
            &format!(
                "
            21.11. 10:00:30 … {first}
                            = asked until 22.11. 10:00:30
            21.11. 10:00:31 … {then}
                            = asked until 22.11. 10:00:31
            21.11. 10:00:33 read
                            = subscribed until 22.11. 10:00:31
                            -> bestätigt bis morgen um 10:00 Uhr
            21.11. 10:01:00 nothing
        "
            ),
        );
    }
}

#[test]
fn a_stop_is_stronger_than_ja_and_waits_for_nothing() {
    after(
        "21.11. 10:00 says Hallo",
        "
        21.11. 10:00:30 … says Ja
                        = asked until 22.11. 10:00:30
        21.11. 10:00:31 … says Stopp
                        read
                        = stopped + address
                        -> abgemeldet
                        = stopped
        21.11. 10:01:00 nothing
    ",
    );
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 … says Stopp
                        read
                        = stopped + address
                        -> abgemeldet
                        = stopped
        21.11. 12:00:01 … says Ja
                        refused BeforeStop
                        … says Danke
                        refused BeforeStop
        21.11. 12:00:07 … says Ja
                        = stopped + address
        21.11. 12:00:09 read
                        = subscribed until 22.11. 12:00:07
                        -> 20.11.: 17; 57,4 · bestätigt bis morgen um 12:00 Uhr
        21.11. 12:00:59 nothing
    ",
    );
}

#[test]
fn a_ja_that_came_later_than_the_burst_outlives_the_stop() {
    after(
        "21.11. 10:00 says Hallo",
        "
        21.11. 10:00:30 … says Ja @ 21.11. 10:00:29
                        = asked until 22.11. 10:00:29
                        … says Stopp @ 21.11. 10:00:22
                        refused Stale
        21.11. 10:00:32 read
                        = subscribed until 22.11. 10:00:29
                        -> bestätigt bis morgen um 10:00 Uhr
        21.11. 10:00:59 nothing
    ",
    );
}

#[test]
fn an_album_of_ten_photos_is_one_turn() {
    let photos: String = (0..10).map(|second| format!("21.11. 12:00:0{} … photo\n", second / 4)).collect();
    after(
        &format!("{SUBSCRIBED}\n{photos} 21.11. 12:01 nothing"),
        "
        22.11. 11:59:02 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 12:00:02 nothing
    ",
    );
}

#[test]
fn an_answer_to_the_reminder_counts_before_it_is_answered() {
    after(
        SUBSCRIBED,
        "
        22.11. 09:58:59 … says Danke
                        = subscribed until 23.11. 09:58:59
        22.11. 09:59:01 read
        22.11. 10:00:00 nothing
    ",
    );
}

#[test]
fn a_restart_in_between_forgets_the_blue_ticks_and_nothing_else() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 … says Zahlen
                        = subscribed until 22.11. 12:00:00
        21.11. 12:00:01 restart
        21.11. 12:00:05 clock trusted
                        -> 20.11.: 17; 57,4
        21.11. 12:00:59 nothing
    ",
    );
}
