//! Figures that have come at ten every morning since the first of October, and do not come any more.

use crate::script::{compare, given};
use crate::world::{World, name, rules, two_feeds};
use drk_relay::domain::event::Event;
use drk_relay::domain::figures::Feed;
use drk_relay::domain::figures::rhythm::Due;
use drk_relay::domain::rules::{End, Rules};
use drk_relay::domain::time::{Day, Timestamp, local};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};

/// Every day until this one of November, at ten.
fn daily(rules: Rules, until: i8) -> World {
    let mut world = World::new(rules);
    given(&mut world, "01.10. 08:00 clock trusted");
    for day in date(2026, 10, 1).series(1.day()).take_while(|day| *day <= date(2026, 11, until)) {
        publish(&mut world, day);
    }
    world
}

fn publish(world: &mut World, day: Date) {
    given(world, &format!("{} 10:00 figure {} 17", day.strftime("%d.%m."), day.strftime("%d.%m.")));
}

fn corona(world: &World) -> &Feed {
    world.state.feed(&name("corona")).expect("configured").1
}

fn moment(world: &World, at: Option<Timestamp>) -> Option<DateTime> {
    at.map(|at| local(at.millis(), &world.rules.zone))
}

/// Since when the figures are overdue, and when they are or were due.
fn standing(world: &World) -> (Option<DateTime>, Option<DateTime>) {
    (moment(world, corona(world).overdue), moment(world, corona(world).due))
}

fn november(day: i8, hour: i8) -> DateTime {
    date(2026, 11, day).at(hour, 0, 0, 0)
}

const NOTHING: &str = "nothing";

#[test]
fn three_hours_later_they_are_overdue_until_they_come() {
    let mut world = daily(rules(), 20);
    assert_eq!(standing(&world), (None, Some(november(21, 13))));
    given(&mut world, "21.11. 12:59:59 nothing");
    assert_eq!(standing(&world), (None, Some(november(21, 13))));
    given(&mut world, "21.11. 13:00 nothing");
    assert_eq!(standing(&world), (Some(november(21, 13)), Some(november(21, 13))));
    // Once: nothing happens with the days that follow.
    given(&mut world, "25.11. 09:00 nothing");
    assert_eq!(standing(&world), (Some(november(21, 13)), Some(november(21, 13))));
    publish(&mut world, date(2026, 11, 25));
    assert_eq!(standing(&world), (None, Some(november(26, 13))));
}

#[test]
fn what_is_said_of_a_day_that_is_known_is_not_what_is_waited_for() {
    for late in ["figure 20.11. 18", "figure 20.11. 17", "figure 19.11. 17", "retained 20.11. 17", "figure 20.11. 17 57,4"] {
        let mut world = daily(rules(), 20);
        given(&mut world, &format!("21.11. 09:00 {late} \n 21.11. 13:00 {NOTHING}"));
        assert_eq!(standing(&world).0, Some(november(21, 13)), "{late} before");
        given(&mut world, &format!("21.11. 14:00 {late}"));
        assert_eq!(standing(&world).0, Some(november(21, 13)), "{late} afterwards");
    }
}

#[test]
fn that_there_is_nothing_today_is_a_word() {
    for (at, of) in [("21.11. 09:00", "21.11."), ("21.11. 14:00", "21.11."), ("21.11. 14:00", "undated")] {
        let mut world = daily(rules(), 20);
        given(&mut world, &format!("{at} figure {of} \n 21.11. 15:00 {NOTHING}"));
        assert_eq!(standing(&world), (None, Some(november(22, 13))), "{at} {of}");
    }
}

#[test]
fn it_takes_a_clock_that_is_trusted_and_is_said_once_after_an_outage() {
    let mut world = daily(rules(), 20);
    given(&mut world, "20.11. 11:00 restart \n 23.11. 09:00 nothing");
    assert_eq!(standing(&world), (None, Some(november(21, 13))));
    given(&mut world, "23.11. 09:00:01 clock trusted");
    assert_eq!(standing(&world), (Some(november(21, 13)), Some(november(21, 13))));
    given(&mut world, "23.11. 09:10 restart \n 23.11. 09:11 clock trusted");
    assert_eq!(standing(&world), (Some(november(21, 13)), Some(november(21, 13))));
}

#[test]
fn what_came_before_the_clock_was_trusted_is_what_was_waited_for() {
    let mut world = daily(rules(), 20);
    given(&mut world, "21.11. 09:00 restart \n 01.01.1970 01:00:10 figure 21.11. 20 \n 21.11. 14:00 clock trusted");
    assert_eq!(standing(&world), (None, Some(november(22, 17))), "it counts as published at two");
}

#[test]
fn a_clock_that_was_ahead_teaches_nothing() {
    let mut world = daily(rules(), 20);
    given(&mut world, "01.12. 10:00 figure 01.12. 20 \n clock doubted \n 21.11. 12:00 clock trusted");
    assert_eq!(standing(&world), (None, Some(november(21, 13))));
}

#[test]
fn when_the_service_is_over_nobody_waits() {
    let mut rules = rules();
    let over = jiff::civil::date(2026, 11, 21).to_zoned(rules.zone.clone()).expect("midnight").timestamp();
    let over = Timestamp(u32::try_from(over.as_second()).expect("after 1970"));
    rules.end = Some(End { last_day: Day::of(date(2026, 11, 20)), announce: over.minus(86_400), over });
    let mut world = daily(rules, 20);
    given(&mut world, "24.11. 09:00 nothing");
    assert_eq!(standing(&world), (None, None));
}

#[test]
fn another_configuration_asks_the_question_anew() {
    let mut world = daily(rules(), 20);
    given(&mut world, "21.11. 14:00 nothing");
    for (due, overdue) in [(Due::Never, None), (Due::By(jiff::civil::time(18, 0, 0, 0)), None), (Due::Learned, Some(november(21, 13)))] {
        world.rules.feeds[0].due = due;
        world.happens(&Event::Started);
        given(&mut world, "21.11. 14:00 clock trusted");
        assert_eq!(standing(&world).0, overdue, "{due:?}");
    }
}

#[test]
fn a_feed_that_is_new_or_gone_is_not_overdue() {
    let mut world = World::new(rules());
    given(&mut world, "01.10. 08:00 clock trusted \n 30.11. 08:00 nothing");
    assert_eq!(standing(&world), (None, None));
    let mut world = daily(two_feeds(), 20);
    given(&mut world, "20.11. 11:00 says Hallo \n 20.11. 11:01 taps Corona");
    world.rules.feeds.remove(0);
    world.happens(&Event::Started);
    given(&mut world, "20.11. 12:00 clock trusted \n 23.11. 09:00 nothing");
    assert_eq!(standing(&world), (None, None));
}

const SUBSCRIBED: &str = "20.11. 14:30 says Hallo \n 20.11. 14:31 taps Ja";

#[test]
fn the_reminder_says_that_they_should_have_come() {
    compare(
        daily(rules(), 20),
        SUBSCRIBED,
        "
        21.11. 14:30:00 -> Es liegen aktuell keine neuen Zahlen vor: Sonst kommen sie bis 10 Uhr, heute noch nicht. \
         Möchtest du weiter informiert werden? · auch später [Ja, weiter] [Nein, Stopp]
        21.11. 14:30:30 taps Ja, weiter
                        read
                        = subscribed until 22.11. 14:30:30
        22.11. 09:00:00 says Danke
                        read
                        = subscribed until 23.11. 09:00:00
        23.11. 08:59:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        23.11. 09:00:00 nothing
    ",
    );
}

#[test]
fn the_reminder_says_that_there_are_none_today() {
    compare(
        daily(rules(), 20),
        &format!("{SUBSCRIBED} \n 21.11. 08:00 figure 21.11."),
        "
        21.11. 14:30:00 -> Heute gibt es keine Meldung mit neuen Zahlen. Möchtest du weiter informiert werden? · auch später \
         [Ja, weiter] [Nein, Stopp]
        21.11. 14:31:00 nothing
    ",
    );
}

#[test]
fn of_several_feeds_it_says_only_what_is_true_of_all() {
    let subscribed = "20.11. 14:30 says Hallo \n 20.11. 14:31 taps Alles";
    compare(
        daily(two_feeds(), 20),
        subscribed,
        "
        21.11. 14:30:00 -> Erinnerung · auch später [Ja, weiter] [Nein, Stopp]
        21.11. 14:31:00 nothing
    ",
    );
}
