//! Who is who: BSUID, telephone number, both, and what happens when they change.

use crate::after;

#[test]
fn who_comes_without_a_bsuid_is_answered_at_the_number() {
    after(
        "known phone",
        "
        21.11. 10:00:00 says Hallo
                        read
                        = asked until 22.11. 10:00:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
        21.11. 10:00:30 taps Ja
                        read
                        = subscribed until 22.11. 10:00:30
                        -> bestätigt bis morgen um 10:00 Uhr
    ",
    );
}

#[test]
fn a_payload_with_both_names_makes_one_person_of_them() {
    after(
        "known phone \n 21.11. 10:00 says Hallo \n taps Ja",
        "
        21.11. 12:00:00 known both
                        says Zahlen
                        read
                        = subscribed until 22.11. 12:00:00
                        -> 20.11.: 17; 57,4
                        known bsuid
        21.11. 13:00:00 says Zahlen
                        read
                        = subscribed until 22.11. 13:00:00
                        -> 20.11.: 17; 57,4
    ",
    );
}

#[test]
fn two_rows_for_one_person_become_one_with_the_agreement() {
    after(
        "known phone \n 21.11. 10:00 says Hallo \n taps Ja \n known bsuid \n 21.11. 11:00 says Hallo",
        "
        21.11. 12:00:00 known both
                        says Zahlen
                        read
                        = subscribed until 22.11. 12:00:00
                        -> 20.11.: 17; 57,4
                        says Stopp
                        read
                        = stopped + address
                        -> abgemeldet
                        = stopped
        22.11. 13:00:00 = unknown
        22.11. 14:00:00 nothing
    ",
    );
}

#[test]
fn a_later_payload_without_the_bsuid_is_the_same_person_and_keeps_the_address() {
    after(
        "known both \n 21.11. 10:00 says Hallo \n taps Ja",
        "
        21.11. 12:00:00 says Zahlen
                        read
                        = subscribed until 22.11. 12:00:00
                        -> 20.11.: 17; 57,4
    ",
    );
    let mut world = crate::world::World::new(crate::world::rules());
    world.happens(&drk_relay::domain::event::Event::ClockTrusted);
    let at = world.now.second();
    for names in ["both", "phone", "both"] {
        world.identity = crate::world::named(names).0;
        let (_, kept) = crate::world::named("both");
        let address = crate::world::named(names).1;
        world.address = address;
        let event = world.heard(crate::world::text("Hilfe"), at);
        world.address = kept;
        world.says_and_pauses(&event);
        assert_eq!((world.state.people.len(), world.state.addresses.len()), (1, 1), "{names}");
    }
}

#[test]
fn a_number_that_belongs_to_somebody_else_now_does_not_inherit_the_subscription() {
    after(
        "known both \n 21.11. 10:00 says Hallo \n taps Ja",
        "
        21.11. 12:00:00 known other on her number
                        says Hallo
                        read
                        = asked until 22.11. 12:00:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
                        known bsuid
        21.11. 13:00:00 says Zahlen
                        read
                        = subscribed until 22.11. 13:00:00
                        -> 20.11.: 17; 57,4
    ",
    );
}

#[test]
fn who_changes_the_number_is_not_written_to_until_they_write_and_stays_subscribed() {
    for (known, names) in [("known bsuid", "bsuid to other"), ("known both", "both to other both"), ("known both", "phone to other both")] {
        after(
            &format!("{known} \n 21.11. 10:00 says Hallo \n taps Ja"),
            &format!(
                "
            21.11. 12:00:00 moves {names}
                            = orphaned
            21.11. 16:00:00 figure 21.11. 20
                            receipt Accepted 21.11. revision 2
            21.11. 18:00:00 says Danke
                            read
                            = subscribed until 22.11. 18:00:00
                            -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 18:00 Uhr [Weiter informieren] [Stopp]
        "
            ),
        );
    }
}

#[test]
fn who_wrote_under_the_new_name_before_we_heard_of_it_stays_subscribed() {
    after(
        "21.11. 10:00 says Hallo \n taps Ja \n known other \n 21.11. 11:00 says Zahlen",
        "
        21.11. 12:00:00 moves bsuid to other
                        = subscribed until 22.11. 11:00:00
        21.11. 13:00:00 says Zahlen
                        read
                        = subscribed until 22.11. 13:00:00
                        -> 20.11.: 17; 57,4
    ",
    );
}

#[test]
fn a_move_of_a_stranger_or_to_the_same_name_is_nothing() {
    after(
        "21.11. 10:00 says Hallo \n taps Ja",
        "
        21.11. 12:00:00 moves bsuid to bsuid
                        refused Duplicate
                        moves phone to other
                        refused UnknownPerson
                        = unknown
    ",
    );
}

#[test]
fn a_stop_moves_with_the_person_and_a_question_does_not() {
    after(
        "21.11. 10:00 says Hallo \n taps Ja \n 21.11. 11:00 says Stopp",
        "
        21.11. 12:00:00 moves bsuid to other
        21.11. 12:01:00 taps Ja @ 21.11. 10:59:00
                        refused BeforeStop
    ",
    );
    after(
        "21.11. 10:00 says Hallo",
        "
        21.11. 12:00:00 moves bsuid to other
                        = unknown
    ",
    );
}
