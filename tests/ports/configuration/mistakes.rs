//! Mistakes in the text: each is found, once, where it is, and no text makes the reader stumble. Secrets and their files are for `secrets`.

use super::{EXAMPLE, FULL, Folder, edited};
use proptest::prelude::*;
use std::collections::BTreeSet;

const TEN: &str = r#"state_dir = "state"
time_zone = "Europe/Bonn"

[branch]
name = ""
contact = "07751 5550100"
privacy = "drk-musterstadt.example/datenschutz"

[[feed]]
name = "Corona"
titel = "Corona im Kreis Musterstadt"
metric = [{ name = "cases_new", label = "Neue Fälle", kind = "cuont" }]

[budget]
monthly_messages = "1000"

[mqtt]
port = 70000
user = "relay"
password_file = "open"

[whatsapp]
phone_number_id = 200000000000002
token_file = "token"
verify_token_file = "verify-token"

[ingress]
listen = "127.0.0.1:8080"
"#;

#[test]
fn ten_mistakes_are_ten() {
    let folder = Folder::new();
    folder.write("open", "geheim", 0o640);
    let expected = [
        (2, "time_zone: diese Zeitzone gibt es nicht."),
        (5, "branch.name: der Text ist leer."),
        (10, "feed.name: das ist kein Name, wie er in MQTT-Topics stehen kann."),
        (11, "„titel“ ist unter [[feed]] unbekannt. Meinten Sie „title“?"),
        (12, "feed.metric.kind: das gibt es hier nicht. Meinten Sie \"count\"?"),
        (15, "budget.monthly_messages: erwartet wird eine ganze Zahl oder \"unlimited\"."),
        (18, "mqtt.port: erlaubt sind 1 bis 65535."),
        (20, "mqtt.password_file: "),
        (22, "Das App-Geheimnis, mit dem Meta seine Webhooks unterschreibt, fehlt: "),
        (23, "whatsapp.phone_number_id: erwartet wird Text in Anführungszeichen, hier steht eine ganze Zahl."),
    ];
    let found = folder.wrong(TEN);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for ((line, what), (expected_line, start)) in found.iter().zip(expected) {
        assert!(*line == expected_line && what.starts_with(start), "{line}: {what}, not {expected_line}: {start}");
    }
    let report = folder.check(TEN).expect_err("ten mistakes").to_string();
    assert!(report.starts_with("10 Fehler in relay.toml\n\nrelay.toml:2:13: time_zone: "), "{report}");
    assert_eq!(report.matches("\n Abhilfe: ").count(), 10, "{report}");
}

#[test]
fn a_report_shows_the_place_and_what_to_do() {
    let text = "state_dir = \"state\"\n\t[branch] # 日本 🦠\nname = \"Töne\"\n\tnmae = \"\u{65}\u{301}\" # ✓\n";
    let report = Folder::new().check(text).expect_err("nearly nothing is there").to_string();
    for shown in [
        "relay.toml:2:2: branch.contact fehlt.\n   |\n 2 |     [branch] # 日本 🦠\n   |     ^^^^^^^^\n Abhilfe: unter [branch] ergänzen, ",
        "relay.toml:4:2: „nmae“ ist unter [branch] unbekannt. Meinten Sie „name“?\n",
        "\n 4 |     nmae = \"e\u{301}\" # ✓\n   |     ^^^^\n Abhilfe: ",
        "relay.toml: Der Abschnitt [whatsapp] fehlt.\n Abhilfe: [whatsapp] ergänzen, darunter mindestens phone_number_id, ",
        "relay.toml: Es fehlt mindestens ein Abschnitt [[feed]].\n Abhilfe: ",
    ] {
        assert!(report.contains(shown), "{report}\n\nlacks\n\n{shown}");
    }
    let wide = edited(FULL, "name = \"DRK-Ortsverein Musterstadt\"", "name = \"日本🦠\", x");
    let report = Folder::new().check(&wide).expect_err("no TOML").to_string();
    assert!(report.contains(" 8 | name = \"日本🦠\", x\n   |                ^"), "{report}");
    let long = format!("{}{}= 1\n{FULL}", "# \n", "x".repeat(300));
    let report = Folder::new().check(&long).expect_err("an unknown key").to_string();
    assert!(report.contains(&format!(" 2 | {}…\n", "x".repeat(100))), "{report}");
    let endless = format!("# {}\nx = {}\n{FULL}", "=".repeat(40_000), "[".repeat(2_000));
    let report = Folder::new().check(&endless).expect_err("no TOML").to_string();
    assert!(report.contains("\n 2 | …\n   | ^\n"), "{report}");
}

/// What is replaced in [`FULL`] by what, a piece of the line that is then complained of, and the beginning of the one complaint.
const ONE_EACH: &[(&str, &str, &str, &str)] = &[
    (
        "state_dir = \"state\"",
        "state_dir = 7",
        "state_dir",
        "state_dir: erwartet wird Text in Anführungszeichen, hier steht eine ganze Zahl.",
    ),
    ("state_dir = \"state\"", "state_dir = \"token\"", "state_dir", "state_dir: "),
    ("trust = \"always\"", "trust = \"ever\"", "ever", "clock.trust: das gibt es hier nicht."),
    ("trust = \"always\"", "trust = true", "trust", "clock.trust: erwartet wird \"proven\" oder \"always\", nicht true oder false."),
    ("[clock]", "[cloock]", "cloock", "„cloock“ ist auf oberster Ebene unbekannt. Meinten Sie „clock“?"),
    ("[branch]", "[brunch]", "brunch", "„brunch“ ist auf oberster Ebene unbekannt. Meinten Sie „branch“?"),
    ("contact = \"07751 5550100\"\n", "", "[branch]", "branch.contact fehlt."),
    ("contact = \"07751 5550100\"", "contact = \" \"", "contact", "branch.contact: der Text ist leer."),
    ("contact = \"07751 5550100\"", "contact = \"a\\nb\"", "contact", "branch.contact: der Text enthält Zeilenumbrüche"),
    ("name = \"corona\"", "name = \"corona\"\nname = \"grippe\"", "grippe", "Dieser Schlüssel steht hier zum zweiten Mal."),
    ("name = \"pollen\"", "name = \"corona\"", "name = \"corona\"\ntitle = \"Poll", "feed.name: diesen Namen hat schon eine andere"),
    ("name = \"incidence\"", "name = \"cases_new\"", "name = \"cases_new\"\nlabel = \"7", "feed.metric.name: diesen Namen hat"),
    ("settle_seconds = 20", "settle_seconds = 41", "settle", "feed.settle_seconds: erlaubt sind 0 bis 40."),
    ("correction_settle_seconds = 300", "correction_settle_seconds = 90000", "correction", "feed.correction_settle_seconds: erlaubt sind"),
    ("updates = \"send\"", "updates = \"never\"", "updates", "feed.updates: das gibt es hier nicht."),
    ("max_age_days = 10", "max_age_days = 63", "max_age", "feed.max_age_days: erlaubt sind 0 bis 62."),
    ("day_begins = \"04:00\"", "day_begins = \"13:00\"", "day_begins", "feed.day_begins: das ist keine Uhrzeit am Morgen."),
    ("due = \"18:30\"", "due = \"abends\"", "due", "feed.due: das ist weder eine Uhrzeit noch \"learned\" oder \"never\"."),
    ("due = \"18:30\"", "due = \"24:00\"", "due", "feed.due: das ist weder eine Uhrzeit"),
    ("due = \"18:30\"", "due = 18", "due", "feed.due: erwartet wird Text in Anführungszeichen, hier steht eine ganze Zahl."),
    ("land = \"BY\"", "land = \"Bayern\"", "land", "branch.land: das ist kein Land nach ISO 3166-2."),
    ("decimals = 2", "decimals = 7", "decimals", "feed.metric.decimals: erlaubt sind 0 bis 6."),
    ("decimals = 2", "decimals = -1", "decimals", "feed.metric.decimals: erlaubt sind 0 bis 6."),
    ("decimals = 2", "decimals = 2.0", "decimals", "feed.metric.decimals: erwartet wird eine ganze Zahl, hier steht eine Kommazahl."),
    ("gate = 2.5", "gate = \"2,5\"", "gate", "feed.metric.gate: erwartet wird eine Zahl oder \"off\"."),
    ("gate = 2.5", "gate = true", "gate", "feed.metric.gate: erwartet wird eine Zahl, hier steht true oder false."),
    ("gate = 2.5", "gate = -2.5", "gate", "feed.metric.gate: das ist keine einfache Zahl ab 0"),
    ("gate = 2.5", "gate = 2e3", "gate", "feed.metric.gate: das ist keine einfache Zahl ab 0"),
    ("gate = 2.5", "gate = inf", "gate", "feed.metric.gate: das ist keine einfache Zahl ab 0"),
    ("gate = 2.5", "gate = 0.0000001", "gate", "feed.metric.gate: das ist keine einfache Zahl ab 0"),
    ("required = false", "required = \"nein\"", "required", "feed.metric.required: erwartet wird true oder false, hier steht Text."),
    ("kind = \"rate\"\n", "", "[[feed.metric]]\nname = \"inc", "feed.metric.kind fehlt."),
    ("kind = \"total\"", "kind = \"sum\"", "metric = [", "feed.metric.kind: das gibt es hier nicht."),
    ("metric = [{ name", "metric = [7, { name", "metric = [", "feed.metric: hier wird ein Abschnitt erwartet, nicht eine ganze Zahl."),
    ("when = \"unanswered\"", "when = \"no_figures\"", "when", "reminder.when: das gibt es hier nicht. Meinten Sie \"no-figures\"?"),
    ("\"unlimited\"", "0", "monthly", "budget.monthly_messages: erlaubt sind 1 bis 4294967295."),
    ("\"22:00-06:30\"", "\"22 bis 6\"", "quiet", "reminder.quiet: das sind nicht zwei Uhrzeiten."),
    ("\"22:00-06:30\"", "\"20:00-10:00\"", "quiet", "reminder.quiet: so lang ist keine Nacht."),
    ("[reminder]", "[[reminder]]", "reminder", "reminder: hier wird ein Abschnitt erwartet, nicht eine Liste."),
    ("host = \"broker.", "host = \"mqtt://broker.", "host", "mqtt.host: das ist kein Rechnername."),
    ("tls = true", "tsl = true", "tsl", "„tsl“ ist unter [mqtt] unbekannt. Meinten Sie „tls“?"),
    ("user = \"relay\"", "uesr = \"relay\"", "uesr", "„uesr“ ist unter [mqtt] unbekannt. Meinten Sie „user“?"),
    ("user = \"relay\"\n", "", "password_file", "mqtt.password_file: zum Passwort fehlt der Benutzer."),
    ("password_file = \"password\"\n", "", "user", "mqtt.user: zum Benutzer fehlt das Passwort: "),
    ("password_file = \"password\"", "password = \"x\"", "password", "„password“ ist unter [mqtt] unbekannt. Meinten Sie „password_file“?"),
    ("phone_number_id = \"2\"", "phone_number_id = \"+49\"", "phone_number_id", "whatsapp.phone_number_id: erwartet werden nur Ziffern."),
    ("\"+49 7751 5550100\"", "\"07751 5550100\"", "phone_number =", "whatsapp.phone_number: das ist keine internationale Telefonnummer."),
    ("version = \"v27.1\"", "version = \"27\"", "version", "whatsapp.version: das ist keine Version der Graph API."),
    (
        "\"http://127.0.0.1:9/\"",
        "\"http://graph.example\"",
        "base_url",
        "whatsapp.base_url: http:// ist nur zu diesem Rechner selbst erlaubt",
    ),
    ("\"http://127.0.0.1:9/\"", "\"graph.example\"", "base_url", "whatsapp.base_url: das ist keine Adresse"),
    ("\"http://127.0.0.1:9/\"", "\"ftp://graph.example\"", "base_url", "whatsapp.base_url: die Adresse muss mit https:// beginnen."),
    ("messages_per_second = 20", "messages_per_second = 0", "per_second", "whatsapp.messages_per_second: erlaubt sind 1 bis 1000."),
    ("proxy_file = \"proxy\"", "proxy_file = \"token\"", "proxy_file", "egress.proxy_file: das ist keine Adresse eines Proxys."),
    ("proxy_file = \"proxy\"", "proxy = \"http://a:b@c:1\"", "proxy =", "egress.proxy: Benutzer und Passwort gehören nicht in diese Datei"),
    ("proxy_file = \"proxy\"", "proxy = \"https://c:1\"", "proxy =", "egress.proxy: das ist keine Adresse eines Proxys."),
    ("proxy_file", "proxy = \"http://c:1\"\nproxy_file", "proxy =", "egress.proxy: proxy_file gibt es auch."),
    ("mode = \"listen\"", "mode = \"tunel\"", "mode", "ingress.mode: das gibt es hier nicht. Meinten Sie \"tunnel\"?"),
    ("\"127.0.0.1:8080\"", "\"localhost:8080\"", "listen =", "ingress.listen: das ist keine Adresse mit Port."),
    ("last_day = 2026-12-31", "last_day = \"31.12.2026\"", "last_day", "end.last_day: erwartet wird ein Tag, hier steht Text."),
    ("last_day = 2026-12-31", "last_day = 2026-12-31T12:00:00", "last_day", "end.last_day: erwartet wird ein Tag, hier steht ein Datum"),
    ("last_day = 2026-12-31", "last_day = 2026-12-01", "announce", "end.announce: das Ende würde erst danach angekündigt."),
    ("last_day = 2026-12-31", "last_day = 2206-12-31", "last_day", "end.last_day: dieser Tag liegt zu weit weg."),
    ("socket = \"here.sock\"", "sockte = \"here.sock\"", "sockte", "„sockte“ ist unter [status] unbekannt. Meinten Sie „socket“?"),
    ("command = [", "comand = [", "comand", "„comand“ ist unter [alarm] unbekannt. Meinten Sie „command“?"),
    (
        "[\"/bin/sh\", \"-c\", \"cat > alarm\"]",
        "\"/bin/sh\"",
        "command",
        "alarm.command: erwartet wird eine Liste aus Programm und Argumenten",
    ),
    ("[\"/bin/sh\", \"-c\", \"cat > alarm\"]", "[]", "command", "alarm.command: 0 Teile, erlaubt sind 1 bis 16."),
    ("\"-c\", \"cat", "7, \"cat", "command", "alarm.command: erwartet wird Text in Anführungszeichen, hier steht eine ganze Zahl."),
    ("[\"/bin/sh\"", "[\"sh\"", "command", "alarm.command: das Programm muss mit seinem Pfad genannt werden."),
    ("url_file = \"heartbeat-url\"\n", "", "[heartbeat]", "Die Adresse, an die der Herzschlag geht, fehlt: "),
    (
        "url_file = \"heartbeat-url\"",
        "url = \"https://x/y\"",
        "url = \"https://x/y",
        "heartbeat.url: diese Adresse ist ein Geheimnis und gehört nicht",
    ),
    ("url_file = \"heartbeat-url\"", "url_file = \"proxy\"", "url_file", "heartbeat.url_file: darin steht keine Adresse, an die ein Herz"),
    ("interval_minutes = 2", "interval_minutes = 0", "interval", "heartbeat.interval_minutes: erlaubt sind 1 bis 60."),
    ("fail_suffix = \"/1\"", "fail_suffix = \"fail\"", "fail_suffix", "heartbeat.fail_suffix: so geht keine Adresse weiter."),
    ("[mqtt]", "[mqtt", "[mqtt", "Die schließende Klammer ] fehlt."),
    ("[mqtt]", "[branch]", "[branch]\nhost", "Diesen Abschnitt gibt es schon."),
    ("trust = \"always\"", "trust = always", "trust", "Text steht hier ohne Anführungszeichen."),
    ("trust = \"always\"", "trust = \"always", "trust", "Das schließende Anführungszeichen fehlt."),
    ("trust = \"always\"", "trust", "trust", "Hinter dem Schlüssel fehlen = und ein Wert."),
    ("trust = \"always\"", "trust =", "trust", "Hinter dem = fehlt der Wert."),
];

#[test]
fn every_mistake_is_found_once_and_in_its_line() {
    let folder = Folder::new();
    folder.check(FULL).expect("without a mistake");
    let mut failures = Vec::new();
    for (from, to, at, start) in ONE_EACH {
        let text = edited(FULL, from, to);
        let line = text.find(at).map_or(0, |at| text[..at].matches('\n').count() + 1);
        let found = match folder.check(&text) {
            Ok(_) => Vec::new(),
            Err(_) => folder.wrong(&text),
        };
        if found.len() != 1 || found[0].0 != line || !found[0].1.starts_with(start) {
            failures.push(format!("{to:?}: {found:?}, not line {line}: {start}"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn there_is_room_for_eight_feeds_and_ten_metrics_and_no_more() {
    let folder = Folder::new();
    let feed = |index: usize, name: &str| {
        format!("[[feed]]\nname = \"{name}{index}\"\ntitle = \"T\"\nmetric = [{{ name = \"m\", label = \"L\", kind = \"count\" }}]\n")
    };
    let begin = FULL.find("[[feed]]").expect("there");
    let end = FULL.find("[reminder]").expect("there");
    let with = |feeds: &str| format!("{}{feeds}{}", &FULL[..begin], &FULL[end..]);
    let feeds = |count: usize, name: &str| with(&(0..count).map(|index| feed(index, name)).collect::<String>());
    assert_eq!(folder.check(&feeds(8, "f")).expect("eight").config.rules.feeds.len(), 8);
    for (text, start) in [
        (feeds(0, "f"), "Es fehlt mindestens ein Abschnitt [[feed]]."),
        (feeds(9, "f"), "feed: erlaubt sind 1 bis 8 Abschnitte, hier sind es 9."),
        (feeds(8, &"f".repeat(40)), "feed: die Namen aller Zahlenreihen sind zusammen 335 Zeichen lang, erlaubt sind "),
        (format!("feed = [7]\n{}", with("")), "feed: hier wird ein Abschnitt erwartet, nicht eine ganze Zahl."),
    ] {
        let found = folder.wrong(&text);
        assert!(found.len() == 1 && found[0].1.starts_with(start), "{found:?}, not {start}");
    }
    let metrics = |count: usize| {
        let metric = |index: usize| format!("[[feed.metric]]\nname = \"m{index}\"\nlabel = \"L\"\nkind = \"count\"\n");
        with(&format!("[[feed]]\nname = \"f\"\ntitle = \"T\"\n{}", (0..count).map(metric).collect::<String>()))
    };
    assert_eq!(folder.check(&metrics(10)).expect("ten").config.rules.feeds[0].metrics.len(), 10);
    assert!(folder.wrong(&metrics(11))[0].1.starts_with("feed.metric: erlaubt sind 1 bis 10 Abschnitte, hier sind es 11."));
}

#[test]
fn texts_are_as_long_as_messages_allow() {
    let folder = Folder::new();
    for (from, key, most) in [
        ("\"DRK-Ortsverein Musterstadt\"", "branch.name", 80),
        ("\"07751 5550100\"", "branch.contact", 120),
        ("\"drk-musterstadt.example/datenschutz\"", "branch.privacy", 160),
        ("\"Corona im Kreis Musterstadt\"", "feed.title", 60),
        ("\"täglich gegen 9 Uhr\"", "feed.description", 72),
        ("\"Neue Fälle\"", "feed.metric.label", 40),
        ("\"je 100.000\"", "feed.metric.unit", 20),
    ] {
        folder.check(&edited(FULL, from, &format!("\"{}\"", "ü".repeat(most)))).expect(key);
        let found = folder.wrong(&edited(FULL, from, &format!("\"{}\"", "ü".repeat(most + 1))));
        let expected = format!("{key}: {} Zeichen, erlaubt sind {most}.", most + 1);
        assert_eq!(found.into_iter().map(|(_, what)| what).collect::<Vec<_>>(), [expected]);
    }
}

/// Whatever stands there, there is an answer, and nothing is said twice of one place.
fn answered(folder: &Folder, text: &str) -> Result<(), TestCaseError> {
    let Err(report) = folder.check(text) else { return Ok(()) };
    let said: Vec<_> = report.problems().iter().map(ToString::to_string).collect();
    prop_assert!(!said.is_empty(), "refused without a reason: {text}");
    prop_assert_eq!(said.iter().collect::<BTreeSet<_>>().len(), said.len(), "{}", report);
    prop_assert!(!report.to_string().contains(|char: char| char.is_control() && char != '\n'), "{report}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_stumble(text in "(\\PC|[\\[\\]=\"'#,\\.\\n\\t\r{}0-9 ]|\u{1b}){0,80}") {
        answered(&Folder::new(), &text)?;
    }

    #[test]
    fn no_damage_makes_the_reader_stumble(
        which in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, "[\\PC\\n\\[\\]=\"]{0,6}"), 1..5),
    ) {
        let mut text = if which { FULL } else { EXAMPLE }.to_owned();
        for (place, length, other) in damage {
            let from = text.floor_char_boundary(place.index(text.len() + 1));
            let to = text.floor_char_boundary((from + length).min(text.len()));
            text.replace_range(from..to, &other);
        }
        answered(&Folder::new(), &text)?;
    }
}
