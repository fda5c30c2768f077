//! Several feeds: a choice, one message for everything that is new, and one subscription.

use crate::script::compare;
use crate::world::{World, rules, two_feeds};
use drk_relay::domain::rules::ReminderPolicy;

const FIGURES: &str = "20.11. 16:00 clock trusted \n figure 20.11. 17 57,4 \n clinic 20.11. 3";

#[test]
fn a_stranger_chooses_from_a_list() {
    compare(
        World::new(two_feeds()),
        "20.11. 16:00 clock trusted \n clinic 20.11. 3",
        "
        21.11. 10:00:00 says Hallo
                        read
                        = asked until 22.11. 10:00:00
                        -> Hallo · Klinik 20.11.: 3 · Auswahl [Corona im Kreis Musters…] [Klinik Musterstadt] [Alles] [Nein, danke]
        21.11. 10:00:30 says Ja
                        read
                        = asked until 22.11. 10:00:30
                        -> Auswahl [Corona im Kreis Musters…] [Klinik Musterstadt] [Alles] [Nein, danke]
        21.11. 10:01:00 taps Klinik
                        read
                        = subscribed until 22.11. 10:01:00
                        -> bestätigt bis morgen um 10:01 Uhr
        21.11. 16:00:00 figure 21.11. 20 60
                        receipt Accepted 21.11. revision 2
                        clinic 21.11. 5
                        receipt Accepted 21.11. revision 3
                        -> Klinik 21.11.: 5 (2 mehr als am 20.11.) · endet morgen um 10:01 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn another_choice_is_added_and_shown() {
    compare(
        World::new(two_feeds()),
        &format!("{FIGURES} \n 21.11. 10:00 says Hallo \n taps Klinik"),
        "
        21.11. 12:00:00 says Auswahl
                        read
                        = subscribed until 22.11. 12:00:00
                        -> Auswahl [Corona im Kreis Musters…] [Klinik Musterstadt] [Alles] [Nein, danke]
        21.11. 12:00:10 taps Corona
                        read
                        = subscribed until 22.11. 12:00:10
                        -> 20.11.: 17; 57,4 · Klinik 20.11.: 3 · bestätigt bis morgen um 12:00 Uhr
        21.11. 12:00:20 taps Klinik
                        read
                        = subscribed until 22.11. 12:00:20
    ",
    );
}

#[test]
fn what_is_new_in_both_comes_in_one_message() {
    compare(
        World::new(two_feeds()),
        "20.11. 16:00 clock trusted \n figure 20.11. 17 \n 21.11. 10:00 says Hallo \n taps Alles \n 21.11. 15:59 net later",
        "
        21.11. 16:00:00 figure 21.11. 17
                        receipt Accepted 21.11. revision 2
                        -> 21.11.: 17 (wie am 20.11.) · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
                        net accepts
                        clinic 21.11. 3
                        receipt Accepted 21.11. revision 3
        21.11. 16:00:01 -> 21.11.: 17 (wie am 20.11.) · Klinik 21.11.: 3 · endet morgen um 10:00 Uhr [Weiter informieren] [Stopp]
        21.11. 17:00:00 nothing
    ",
    );
}

#[test]
fn two_taps_in_a_row_are_both_meant() {
    compare(
        World::new(two_feeds()),
        &format!("{FIGURES} \n 21.11. 10:00 says Hallo"),
        "
        21.11. 10:01:00 … taps Klinik
                        = asked until 22.11. 10:01:00
        21.11. 10:01:01 … taps Corona
                        = asked until 22.11. 10:01:01
        21.11. 10:01:03 read
                        = subscribed until 22.11. 10:01:01
                        -> bestätigt bis morgen um 10:01 Uhr
        21.11. 16:00:00 clinic 21.11. 5
                        receipt Accepted 21.11. revision 3
                        -> Klinik 21.11.: 5 (2 mehr als am 20.11.) · endet morgen um 10:01 Uhr [Weiter informieren] [Stopp]
        21.11. 17:00:00 figure 21.11. 20
                        receipt Accepted 21.11. revision 4
                        -> 21.11.: 20 (3 mehr als am 20.11.) · endet morgen um 10:01 Uhr [Weiter informieren] [Stopp]
    ",
    );
}

#[test]
fn a_figure_of_an_unknown_feed_is_refused() {
    compare(
        World::new(rules()),
        "20.11. 16:00 clock trusted",
        "
        21.11. 10:00:00 clinic 21.11. 5
                        refused UnknownFeed
                        receipt UnknownFeed 21.11. revision 0
    ",
    );
}

#[test]
fn a_subscription_to_a_feed_that_is_gone_is_not_asked_about() {
    let mut world = World::new(two_feeds());
    crate::script::given(&mut world, &format!("{FIGURES} \n 21.11. 10:00 says Hallo \n taps Klinik"));
    world.rules = rules();
    compare(
        world,
        "",
        "
        22.11. 10:10:00 = orphaned
        22.11. 11:00:00 nothing
    ",
    );
}

#[test]
fn the_policy_decides_whom_the_reminder_asks() {
    let subscribed = "20.11. 16:00 clock trusted \n figure 20.11. 17 57,4 \n 21.11. 09:59 says Hallo \n 21.11. 10:00 taps Ja";
    let published = format!("{subscribed} \n 21.11. 16:00 figure 21.11. 20 60");
    let reminder = "22.11. 09:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp] \n 22.11. 10:00 nothing";
    let none = "22.11. 09:59:00 nothing \n 22.11. 10:00 nothing";
    for (when, given, expected) in [
        (ReminderPolicy::NoFigures, subscribed, reminder),
        (ReminderPolicy::NoFigures, published.as_str(), none),
        (ReminderPolicy::Unanswered, published.as_str(), reminder),
        (ReminderPolicy::Never, subscribed, none),
    ] {
        let mut rules = rules();
        rules.reminder = when;
        compare(World::new(rules), given, expected);
    }
}
