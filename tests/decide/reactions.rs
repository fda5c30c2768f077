//! A thumb on a question is no answer at Meta.

use crate::after;

const REMINDED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja \n 22.11. 09:59:30 nothing";

#[test]
fn a_thumb_on_the_question_is_told_once_that_it_does_not_count() {
    after(
        REMINDED,
        "
        22.11. 09:59:31 reacts
                        -> bitte tippen
                        reacts 1
                        refused NothingToDo
        22.11. 09:59:35 taps Ja, weiter
                        read
                        = subscribed until 23.11. 09:59:35
    ",
    );
}

#[test]
fn a_thumb_on_anything_else_or_after_the_closing_is_nothing() {
    after(
        "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja",
        "
        21.11. 12:00:00 reacts
                        refused NothingToDo
    ",
    );
    after(
        REMINDED,
        "
        22.11. 10:00:00 reacts
                        refused NothingToDo
        22.11. 10:10:00 = lapsed
        22.11. 10:11:00 reacts
                        refused NothingToDo
    ",
    );
}

#[test]
fn a_stranger_is_told_too_and_in_the_next_window_again() {
    after(
        "21.11. 10:00 says Hallo",
        "
        21.11. 10:01:00 reacts
                        -> bitte tippen
        21.11. 10:02:00 reacts 1
                        refused NothingToDo
        21.11. 11:00:00 says Was?
                        read
                        = asked until 22.11. 11:00:00
                        -> 20.11.: 17; 57,4 · Frage [Ja] [Nein]
                        reacts
                        -> bitte tippen
    ",
    );
}
