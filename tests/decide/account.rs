//! Meta does not let our account send: nothing leaves but a probe, and everything flows again by itself.

use crate::after;

const SUBSCRIBED: &str = "21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";

#[test]
fn a_dead_token_holds_everything_until_a_probe_gets_through() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 net 190
                        says Zahlen
                        read
                        = subscribed until 22.11. 12:00:00
                        -> 20.11.: 17; 57,4
        21.11. 12:00:59 nothing
        21.11. 12:01:00 -> 20.11.: 17; 57,4
        21.11. 12:02:59 net accepts
        21.11. 12:03:00 -> 20.11.: 17; 57,4
        21.11. 13:00:00 says Zahlen
                        read
                        = subscribed until 22.11. 13:00:00
                        -> 20.11.: 17; 57,4
        21.11. 13:00:59 nothing
    ",
    );
}

#[test]
fn a_restriction_holds_until_it_ends() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 account restricted 21.11. 15:00
        21.11. 12:00:10 says Zahlen
                        read
                        = subscribed until 22.11. 12:00:10
        21.11. 14:59:59 nothing
        21.11. 15:00:00 -> 20.11.: 17; 57,4
        21.11. 15:00:59 nothing
    ",
    );
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 account restricted
        21.11. 12:00:10 says Zahlen
                        read
                        = subscribed until 22.11. 12:00:10
        21.11. 12:30:00 account restored
                        -> 20.11.: 17; 57,4
        21.11. 12:31:00 account restored
                        refused NothingToDo
                        account restricted 21.11. 12:00
                        refused NothingToDo
        21.11. 12:31:59 nothing
    ",
    );
}

#[test]
fn a_stop_counts_while_nothing_leaves_and_is_confirmed_later() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 account restricted 21.11. 15:00
        21.11. 12:00:10 says Stopp
                        read
                        = stopped + address
        21.11. 15:00:00 -> abgemeldet
                        = stopped
        21.11. 15:00:59 nothing
    ",
    );
}

#[test]
fn whoever_could_not_be_asked_is_orphaned() {
    after(
        SUBSCRIBED,
        "
        21.11. 12:00:00 account restricted 25.11. 12:00
        22.11. 10:10:00 = orphaned
        23.11. 10:00:00 nothing
    ",
    );
}

#[test]
fn a_failure_that_is_told_later_holds_too_unless_it_is_old() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 12:00 statuses off \n says Zahlen"),
        "
        21.11. 12:00:10 status unpaid
                        says Zahlen
                        read
                        = subscribed until 22.11. 12:00:10
        21.11. 12:01:10 -> 20.11.: 17; 57,4
        21.11. 12:01:59 nothing
    ",
    );
    after(
        &format!("{SUBSCRIBED} \n 21.11. 12:00 statuses off \n says Zahlen"),
        "
        21.11. 14:00:00 status unpaid @ 21.11. 12:00
                        says Zahlen
                        read
                        = subscribed until 22.11. 14:00:00
                        -> 20.11.: 17; 57,4
        21.11. 14:00:59 nothing
    ",
    );
}

#[test]
fn too_fast_for_one_person_waits_four_to_the_x() {
    after(
        &format!("{SUBSCRIBED} \n 21.11. 12:00 net 131056"),
        "
        21.11. 12:00:00 says Zahlen
                        read
                        = subscribed until 22.11. 12:00:00
                        -> 20.11.: 17; 57,4
        21.11. 12:00:01 -> 20.11.: 17; 57,4
        21.11. 12:00:05 -> 20.11.: 17; 57,4
        21.11. 12:00:10 net accepts
        21.11. 12:00:21 -> 20.11.: 17; 57,4
        21.11. 12:00:59 nothing
    ",
    );
}
