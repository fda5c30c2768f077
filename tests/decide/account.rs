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

#[test]
fn too_many_for_an_hour_waits_longer_than_too_fast_for_a_second() {
    let waits = |code: &str| {
        let mut world = crate::world::World::new(crate::world::rules());
        let subscribed = format!("20.11. 16:00 clock trusted \n figure 20.11. 17 57,4 \n {SUBSCRIBED}");
        crate::script::given(&mut world, &format!("{subscribed} \n 21.11. 12:00 net {code} \n says Zahlen"));
        let (refused, sent) = (world.now, world.sends.len());
        while world.sends.len() == sent {
            world.pass(world.now.plus(1_000));
        }
        world.now.since(refused) / 1_000
    };
    assert!((1..=2).contains(&waits("131000")), "{}", waits("131000"));
    assert!((1..=2).contains(&waits("130429")), "{}", waits("130429"));
    assert!((16..=24).contains(&waits("80007")), "{}", waits("80007"));
}

#[test]
fn a_reminder_that_is_due_while_messages_back_off_leaves_before_the_closing_or_not_at_all() {
    after(
        &format!("{SUBSCRIBED} \n 22.11. 09:58:30 net 131056"),
        "
        22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 09:59:01 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 09:59:05 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 09:59:21 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 09:59:53 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        22.11. 10:10:00 = orphaned
        22.11. 11:00:00 nothing
    ",
    );
}

/// What has piled up leaves slowly at first: an eighth of the rate, and in five minutes the whole.
#[test]
fn sending_resumes_gently() {
    let resumed = format!("{SUBSCRIBED} \n 21.11. 12:00 account restricted \n 21.11. 12:30 account restored");
    after(&resumed, "21.11. 12:30:00 rate 10 \n 21.11. 12:32:30 rate 50 \n 21.11. 12:35:00 rate 80");
    let probed = format!("{SUBSCRIBED} \n 21.11. 12:00 net 190 \n says Zahlen \n 21.11. 12:02:59 net accepts \n 21.11. 12:03:01 nothing");
    after(&probed, "21.11. 12:03:02 rate 10 \n 21.11. 12:08:00 rate 80");
}
