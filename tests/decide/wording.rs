//! The sentences in full, and Meta's limits.

use crate::world::{World, figure, name, rules, shown, tapped, text};
use drk_relay::domain::event::{Event, Said};
use drk_relay::domain::figures::gate::GateRules;
use drk_relay::domain::rules::{MetricKind, MetricRules};
use drk_relay::domain::time::{Day, Millis, Timestamp};

const NOON: u32 = 1_795_258_800; // Saturday, 2026-11-21 12:00 in Berlin

fn started(mut world: World) -> World {
    world.now = Timestamp(NOON).millis();
    world.happens(&Event::ClockTrusted);
    world
}

fn last(world: &World) -> String {
    shown(&world.sends.last().expect("nothing was sent").body)
}

fn says(world: &mut World, said: Said) -> String {
    world.now = world.now.plus(60_000);
    let event = world.heard(said, world.now.second());
    let sent = world.sends.len();
    world.says_and_pauses(&event);
    assert_eq!(world.sends.len(), sent + 1, "one answer");
    last(world)
}

fn today() -> Day {
    Day::of(jiff::civil::date(2026, 11, 21))
}

#[test]
fn the_greeting_says_who_we_are_and_what_can_be_read() {
    let mut world = started(World::new(rules()));
    world.happens(&figure("corona", &[("cases_new", 12_735, 0), ("incidence", 574, 1)], Some(today()), true));
    let greeting = says(&mut world, text("Hallo"));
    assert_eq!(
        greeting,
        "Hallo! Hier ist DRK-Ortsverein Musterstadt mit dem automatischen Zahlen-Dienst.\nSchreibe *Hilfe*, wenn du nicht weiterweißt, \
         *Datenschutz*, wenn du wissen möchtest, was wir speichern, und *Stopp*, um dich abzumelden.\n\n\
         *Corona im Kreis Musterstadt*\nStand: Samstag, 21.11.2026\nNeue Fälle: 12.735\nInzidenz: 57,4\n\n\
         Möchtest du informiert werden, wenn neue Zahlen vorliegen?\n\n[Ja] [Nein]"
    );
    let confirmed = says(&mut world, tapped("Ja"));
    assert_eq!(
        confirmed,
        "Danke! Du bekommst neue Zahlen, sobald sie vorliegen. Dein Abo läuft bis morgen um 12:02 Uhr. Vorher fragen wir dich, ob du \
         weiter informiert werden möchtest. Mit *Stopp* meldest du dich jederzeit ab."
    );
}

#[test]
fn the_reminder_says_that_a_later_answer_counts_too() {
    let mut world = started(World::new(rules()));
    let _ = says(&mut world, text("Hallo"));
    let _ = says(&mut world, tapped("Ja"));
    world.pass(world.now.plus(24 * 3_600_000 - 60_000));
    assert_eq!(
        last(&world),
        "Es liegen aktuell keine neuen Zahlen vor. Möchtest du weiter informiert werden?\n\n\
         Du kannst auch später noch antworten: dann geht es weiter.\n\n[Ja, weiter] [Nein, Stopp]"
    );
}

#[test]
fn help_names_the_emergency_numbers_and_privacy_who_is_responsible() {
    let mut world = started(World::new(rules()));
    let help = says(&mut world, text("Hilfe"));
    assert!(help.contains("112") && help.contains("116117"), "{help}");
    let privacy = says(&mut world, text("Datenschutz"));
    assert!(privacy.contains("DRK-Ortsverein Musterstadt") && privacy.contains("https://drk.example/datenschutz"), "{privacy}");
    assert!(says(&mut world, text("Stopp")).starts_with("Du bist abgemeldet"));
}

/// Ten metrics with labels of 60 characters and the largest numbers there are, names and addresses as long as a careless person makes
/// them: every question keeps to Meta's 1,024 characters, and says the most important thing at the end.
#[test]
fn every_question_fits_however_much_there_is_to_say() {
    let mut rules = rules();
    rules.branch = "Deutsches Rotes Kreuz Kreisverband Musterstadt-Umland e. V.".to_owned();
    rules.feeds[0].metrics =
        (0..10).map(|n| MetricRules::new(name(&format!("m{n}")), &format!("{n}{}", "ä".repeat(59)), MetricKind::Count)).collect();
    // Nothing about these is plausible.
    rules.feeds[0].metrics.iter_mut().for_each(|metric| metric.gate = GateRules::Off);
    let mut world = started(World::new(rules));
    let names: Vec<_> = (0..10).map(|n| format!("m{n}")).collect();
    let publish = |world: &mut World, day: i32, digits: i64| {
        let values: Vec<_> = names.iter().map(|name| (name.as_str(), digits, 0)).collect();
        let as_of = Some(Day(today().0 + day));
        world.happens(&figure("corona", &values, as_of, true));
    };
    publish(&mut world, -1, -999_999_999_999_999);
    publish(&mut world, 0, 111_111_111_111_111 - 1_000_000_000_000_000);
    let question = "Möchtest du informiert werden, wenn neue Zahlen vorliegen?\n\n[Ja] [Nein]";
    for hello in ["Hallo", "Was?", "Datenschutz", "Hilfe"] {
        let answer = says(&mut world, text(hello));
        assert!(answer.ends_with(question), "{answer}");
    }
    let _ = says(&mut world, tapped("Ja"));
    let all = says(&mut world, text("Zahlen"));
    assert!(all.contains("mehr als am 20.11.") && all.lines().count() == 12, "on request everything is shown: {all}");
    world.pass(Millis(world.now.0 + 12 * 3_600_000));
    publish(&mut world, 1, 888_888_888_888_888 - 2_000_000_000_000_000 + 888_888_888_888_888 + 1);
    let sent = last(&world);
    assert!(sent.contains("Stand: Sonntag, 22.11.2026\n0ää"), "{sent}");
    assert!(sent.contains("Ohne Antwort endet dein Abo heute um") && sent.ends_with("[Weiter informieren] [Stopp]"), "{sent}");
}

#[test]
fn a_name_without_end_is_cut_before_the_question() {
    let mut rules = rules();
    rules.branch = "Ö".repeat(2_000);
    let mut world = started(World::new(rules));
    for hello in ["Hallo", "Datenschutz"] {
        let answer = says(&mut world, text(hello));
        assert!(answer.ends_with("…\n\nMöchtest du informiert werden, wenn neue Zahlen vorliegen?\n\n[Ja] [Nein]"), "{answer}");
    }
}
