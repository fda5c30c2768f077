//! The Python examples with Debian's paho-mqtt (1.x), and with 2.x where `tests/run --all` has installed it.

use super::{Ended, environment, example, run, text};
use crate::peers::handbook::with;
use crate::publisher::World;
use drk_relay::domain::time::{Day, local};
use drk_relay::port::clock::Clock;
use jiff::tz::TimeZone;
use std::fs;
use std::path::Path;

/// Where paho-mqtt 2.x is: `tests/run --all` says so.
const PAHO_2: &str = "DRK_RELAY_PAHO_2";

/// Debian's, not one that somebody has put before it.
async fn python(world: &World, paho: Option<&str>, script: &Path, arguments: &[&str]) -> Ended {
    let mut variables = environment(world);
    // The cache would lie beside the examples.
    variables.push(("PYTHONDONTWRITEBYTECODE", "1".to_owned()));
    variables.extend(paho.map(|paho| ("PYTHONPATH", paho.to_owned())));
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let script = script.display().to_string();
    run("/usr/bin/python3", [script.as_str()].into_iter().chain(arguments.iter().copied()), &variables).await
}

async fn sends(paho: Option<&str>) {
    let world = World::new().await;
    let broker = world.broker().await;
    let relay = world.relay().await;
    let mut receipts = world.receipts(&broker).await;
    let script = example("zahlen_senden.py");
    let ended = python(&world, paho, &script, &["corona", "cases_new=1.204", "incidence=57,4"]).await;
    assert!(ended.quietly() && ended.said.starts_with("accepted: "), "{ended:?}");
    let (topic, receipt) = receipts.next().await;
    assert_eq!((topic.as_str(), receipt["result"].as_str()), ("relay/receipts/corona", Some("accepted")));
    let ended = python(&world, paho, &script, &["corona", "cases_new=1.204", "incidence=57,4"]).await;
    assert!(ended.quietly() && ended.said.starts_with("duplicate: "), "{ended:?}");
    let ended = python(&world, paho, &script, &["corona", "incidence=1.234"]).await;
    assert!(ended.code == Some(1) && ended.complained.starts_with("rejected: ") && ended.said.is_empty(), "{ended:?}");
    let ended = python(&world, paho, &script, &["corona", "--stand", "22.11.2026", "cases_new=17"]).await;
    assert!(ended.code == Some(1) && ended.complained.starts_with("rejected: "), "{ended:?}");

    table(&world, paho).await;
    // Another feed's, which the broker drops without a word.
    let ended = python(&world, paho, &script, &["pegel", "level=312"]).await;
    assert!(ended.code == Some(1) && ended.complained.contains("Keine Antwort"), "{ended:?}");
    assert_eq!(relay.stop().await.code(), Some(0));
    drop(broker);
    let ended = python(&world, paho, &script, &["corona", "cases_new=17"]).await;
    assert!(ended.code == Some(1) && ended.complained.contains("nicht zu erreichen"), "{ended:?}");
}

/// The example's table, some days later: its last line with figures is today's, and there is one for tomorrow already.
async fn table(world: &World, paho: Option<&str>) {
    let folder = tempfile::tempdir().expect("a directory");
    for name in ["zahlen_senden.py", "tabelle_senden.py"] {
        fs::copy(example(name), folder.path().join(name)).expect("copied");
    }
    let zone = TimeZone::get("Europe/Berlin").expect("a zone");
    let today = local(Clock::System.now(), &zone).date();
    let shown = |day: jiff::civil::Date| day.strftime("%d.%m.%Y").to_string();
    let table = with(&text("tabelle.csv"), "22.11.2026;1.234", &format!("{};1.305", shown(today)));
    let table = with(&table, "23.11.2026;", &format!("{};", shown(Day(Day::of(today).0 + 1).date())));
    assert!(table.starts_with('\u{feff}') && table.contains("\r\n"));
    let file = folder.path().join("tabelle.csv");
    fs::write(&file, table).expect("written");
    let ended = python(world, paho, &folder.path().join("tabelle_senden.py"), &[&file.display().to_string()]).await;
    // Another value than the one before for today.
    assert!(ended.quietly() && !ended.said.starts_with("duplicate"), "{ended:?}");
}

#[tokio::test]
async fn python_with_debians_paho_sends_and_says_what_became_of_it() {
    sends(None).await;
}

#[tokio::test]
async fn python_with_the_newer_paho_does_the_same() {
    match std::env::var(PAHO_2) {
        Ok(paho) => sends(Some(&paho)).await,
        Err(_) => println!("skipped: {PAHO_2} does not say where paho-mqtt 2.x is (tests/run --all does)"),
    }
}
