//! What a good configuration amounts to: every value reaches the part of the program that it is for, defaults are what the example says,
//! and what is shown is what counts.

use super::{EXAMPLE, FULL, Folder, SECRETS, edited};
use drk_relay::config::{AlarmConfig, Checked, ClockConfig};
use drk_relay::domain::figures::Value;
use drk_relay::domain::figures::gate::GateRules;
use drk_relay::domain::figures::holidays::Land;
use drk_relay::domain::figures::rhythm::Due;
use drk_relay::domain::ids::Name;
use drk_relay::domain::rules::{End, MetricKind, Quiet, ReminderPolicy, Updates};
use drk_relay::domain::time::{Day, Timestamp};
use jiff::civil::Time;
use secrecy::ExposeSecret;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// The example with secrets where it looks for them.
fn example(text: &str) -> Checked {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("secrets")).expect("created");
    for (file, secret) in [("whatsapp-token", "token"), ("whatsapp-app-secret", "app-secret"), ("whatsapp-verify-token", "verify-token")] {
        std::fs::copy(folder.path(secret), folder.path(&format!("secrets/{file}"))).expect("copied");
    }
    folder.check(text).expect("the example is a good one")
}

/// Every line with a value, commented out or not, and its section.
fn settings(text: &str) -> Vec<(String, String)> {
    let (mut section, mut settings) = (String::new(), Vec::new());
    for line in text.lines() {
        let header = line.trim_start_matches("# ").trim_matches(['[', ']']);
        if line.trim_start_matches("# ").starts_with('[') && line.ends_with(']') {
            header.clone_into(&mut section);
        } else if line.contains(" = ") {
            settings.push((section.clone(), line.to_owned()));
        }
    }
    settings
}

#[test]
fn the_example_works_and_says_the_defaults() {
    let checked = example(EXAMPLE);
    assert!(checked.warnings.is_empty(), "{:?}", checked.warnings);
    // Every key that there is stands in it, and where it is commented out as „Vorgabe“ it has that value.
    let known = settings(EXAMPLE);
    for (section, line) in settings(&checked.effective) {
        let (key, value) = line.split_once(" = ").expect("a value");
        if value.contains("(aus ") || key == "socket" {
            continue;
        }
        let said = |commented: &str| known.iter().any(|(of, said)| *of == section && *said == format!("{commented}{line}"));
        let named = |known: &(String, String)| known.0 == section && known.1.trim_start_matches("# ").starts_with(&format!("{key} = "));
        assert!(known.iter().any(named), "[{section}] {key} is not in the example");
        let deviates = [("mqtt", "tls"), ("feed.metric", "decimals"), ("feed.metric", "required")].contains(&(section.as_str(), key));
        assert!(deviates || said("# ") || said(""), "[{section}] {line}");
    }
    // What is only commented out exists, too.
    let all: String = EXAMPLE
        .lines()
        .map(|line| if line.contains(" = ") || line.contains("# [") { line.trim_start_matches("# ") } else { line })
        .flat_map(|line| [line, "\n"])
        .collect();
    let folder = Folder::new();
    let unknown: Vec<_> = folder.wrong(&all).into_iter().filter(|(_, what)| what.contains("unbekannt") || what.contains("TOML")).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn everything_reaches_its_part() {
    let folder = Folder::new();
    let config = folder.check(FULL).expect("complete").config;
    let rules = &config.rules;
    assert_eq!((config.state_dir, config.clock), (folder.path("state"), ClockConfig::Always));
    assert_eq!(config.status.socket, folder.path("here.sock"));
    assert_eq!((rules.branch.as_str(), rules.contact.as_str()), ("DRK-Ortsverein Musterstadt", "07751 5550100"));
    assert_eq!((rules.privacy.as_str(), rules.zone.iana_name()), ("drk-musterstadt.example/datenschutz", Some("Europe/Vienna")));
    assert_eq!((rules.reminder, rules.monthly_messages, rules.rate), (ReminderPolicy::Unanswered, None, 20));
    let (ten, half_past_six) = (jiff::civil::time(22, 0, 0, 0), jiff::civil::time(6, 30, 0, 0));
    assert_eq!(rules.quiet, Quiet::new(ten, half_past_six));
    let [corona, pollen] = rules.feeds.as_slice() else { panic!("two feeds") };
    assert_eq!((corona.name.as_str(), corona.settle, corona.description.as_deref()), ("corona", 20, Some("täglich gegen 9 Uhr")));
    assert_eq!((pollen.title.as_str(), pollen.settle, pollen.description.as_deref()), ("Pollenflug", 30, None));
    let half_past_six = jiff::civil::time(18, 30, 0, 0);
    let four = Time::constant(4, 0, 0, 0);
    assert_eq!((corona.correction_settle, corona.updates, corona.max_age, corona.day_begins), (300, Updates::Send, 10, four));
    assert_eq!((pollen.correction_settle, pollen.updates, pollen.max_age, pollen.day_begins), (600, Updates::Keep, 3, Time::midnight()));
    assert_eq!((rules.land, corona.due, pollen.due), (Some(Land::Bayern), Due::By(half_past_six), Due::Never));
    let [cases, incidence] = corona.metrics.as_slice() else { panic!("two metrics") };
    assert_eq!((cases.label.as_str(), cases.kind, cases.decimals, cases.required), ("Neue Fälle", MetricKind::Count, 0, true));
    assert_eq!((incidence.unit.as_deref(), incidence.decimals, incidence.required), (Some("je 100.000"), 2, false));
    let gates = [cases, incidence, &pollen.metrics[0]].map(|metric| metric.gate);
    assert_eq!(gates, [GateRules::default(), GateRules::On { slack: Value::new(25, 1).expect("small") }, GateRules::Off]);
    // Noon of 17 December, and the midnight after 31 December, in Vienna.
    let last_day = Day::of(jiff::civil::date(2026, 12, 31));
    assert_eq!(rules.end, Some(End { last_day, announce: Timestamp(1_797_505_200), over: Timestamp(1_798_758_000) }));

    let mqtt = &config.mqtt;
    assert_eq!((mqtt.host.as_str(), mqtt.port, mqtt.client_id.as_str()), ("broker.musterstadt.example", 8883, "musterstadt"));
    assert_eq!((mqtt.figures.as_str(), mqtt.relay.as_str()), ("figures", "relay"));
    let name = |name| Name::new(name).expect("a name");
    let feeds: Vec<_> = mqtt
        .feeds
        .iter()
        .map(|feed| (feed.name.clone(), feed.metrics.iter().map(|metric| (metric.name.clone(), metric.kind)).collect::<Vec<_>>()))
        .collect();
    let corona = vec![(name("cases_new"), MetricKind::Count), (name("incidence"), MetricKind::Rate)];
    assert_eq!(feeds, [(name("corona"), corona), (name("pollen"), vec![(name("birch"), MetricKind::Total)])]);
    let graph = &config.graph;
    assert_eq!((graph.base_url.as_str(), graph.version.as_str(), graph.phone_number_id.as_str()), ("http://127.0.0.1:9", "v27.1", "2"));
    assert_eq!(config.webhook.phone_number_id, "2");
    let command = Some(("/bin/sh".into(), vec!["-c".to_owned(), "cat > alarm".to_owned()]));
    assert_eq!(config.alarm, AlarmConfig { command, branch: "DRK-Ortsverein Musterstadt".to_owned(), relay: "relay.toml".into() });
    let heartbeat = config.heartbeat.expect("somebody who hears");
    assert_eq!((heartbeat.url.expose_secret(), heartbeat.interval, heartbeat.fail.as_deref()), (SECRETS[7].1, MINUTE * 2, Some("/1")));
    assert_eq!(config.webhook.app_secrets.len(), 2);
}

#[test]
fn defaults_are_the_safe_ones() {
    let config = example(EXAMPLE).config;
    assert_eq!((config.rules.reminder, config.rules.monthly_messages, config.rules.rate), (ReminderPolicy::NoFigures, Some(1_000), 80));
    assert_eq!((config.rules.end, config.rules.topics.len(), config.clock), (None, 0, ClockConfig::Proven));
    assert_eq!((config.mqtt.port, config.mqtt.tls.is_none(), config.mqtt.login.is_none()), (1883, true, true));
    assert!(config.graph.proxy.is_none() && config.alarm.command.is_none() && config.heartbeat.is_none());
    let feed = &config.rules.feeds[0];
    assert_eq!((feed.due, config.rules.land), (Due::Learned, Some(Land::Thueringen)));
    assert_eq!((feed.settle, feed.metrics[0].decimals, feed.metrics[0].required), (30, 0, true));
}

#[test]
fn what_is_shown_is_what_counts() {
    let folder = Folder::new();
    let first = folder.check(FULL).expect("complete");
    for line in FULL.lines().filter(|line| line.contains(" = ") && !line.contains("_file") && !line.starts_with("metric")) {
        assert!(first.effective.lines().any(|shown| shown == line || line.starts_with("base_url") || line.starts_with("socket")), "{line}");
    }
    // Read again, with the files named where it says „aus Datei“, it amounts to the same.
    let named = |line: &str| match line.split_once(" = \"… (aus Datei ") {
        Some((key, path)) => format!("{key}_file = \"{}\n", path.replace(")\"", "\"")),
        None => format!("{line}\n"),
    };
    let again = folder.check(&first.effective.lines().map(named).collect::<String>()).expect("what is shown is TOML");
    assert_eq!(again.effective, first.effective);
}

#[test]
fn what_works_but_deserves_a_look_is_said() {
    let folder = Folder::new();
    let said =
        |text: &str| folder.check(text).expect("it works").warnings.iter().map(|warning| warning.what().to_owned()).collect::<Vec<_>>();
    // With several feeds there is a list, which shows 24 characters of a title.
    let cut = "feed.title: in der Auswahlliste erscheinen nur die ersten 24 der 27 Zeichen.";
    assert_eq!(said(FULL), [cut]);
    assert_eq!(said(&edited(FULL, "im Kreis Musterstadt", "")), Vec::<String>::new());
    let begin = FULL.find("tls = true").expect("there");
    let end = FULL.find("client_id").expect("there");
    let files = FULL.find("ca_file").expect("there")..FULL.find("\n[whatsapp]").expect("there");
    let clear = format!("{}{}{}", &FULL[..begin], &FULL[end..files.start], &FULL[files.end..]);
    assert_eq!(said(&clear), [cut, "mqtt.user: das Passwort geht unverschlüsselt durchs Netz."]);
    assert_eq!(said(&edited(&clear, "broker.musterstadt.example", "localhost")), [cut]);
    let optional = edited(FULL, "kind = \"total\"", "kind = \"total\", required = false");
    assert!(said(&optional).contains(&"feed.metric: keine Kennzahl ist required: schon die erste, die kommt, wird verschickt.".to_owned()));
}
