//! What happened lately, as the real binary keeps and shows it.

use crate::outages::{alone, verified};
use crate::program::{Machine, until};
use drk_relay::domain::time::Millis;
use drk_relay::port::clock::{Clock, Warp};
use drk_relay::port::events::{Keeper, Keeping, Kind, Line, read};
use std::fs::{self, OpenOptions};
use std::io::Write;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;

async fn events(machine: &Machine, more: &[&str]) -> String {
    let (code, text, why) = machine.says(&[&["events"], more].concat()).await;
    assert_eq!(code, Some(0), "{why}");
    text
}

#[tokio::test]
async fn every_start_says_how_the_run_before_ended() {
    let (machine, _broker, _api) = alone();
    assert_eq!(events(&machine, &[]).await, "Noch keine Ereignisse.\n");
    let relay = machine.start();
    until(async || events(&machine, &[]).await.contains("  Start ").then_some(())).await;
    relay.kill().await;
    let relay = machine.start();
    verified(&machine).await;
    until(async || events(&machine, &[]).await.contains("der vorige Lauf wurde abgewürgt").then_some(())).await;
    assert_eq!(relay.stop().await.code(), Some(0));
    let relay = machine.start();
    verified(&machine).await;
    until(async || events(&machine, &[]).await.contains("der vorige Lauf wurde beendet").then_some(())).await;
    relay.kill().await;
    // The same as systemd says after the machine was started anew, and a line that the power cut tore.
    let mut file = OpenOptions::new().append(true).open(machine.path("state/events.jsonl")).expect("there");
    file.write_all(b"{\"at\":\"2026-11-2").expect("room");
    let relay = machine.start_for(&[("DRK_RELAY_BOOT", "another")]);
    verified(&machine).await;
    assert_eq!(relay.stop().await.code(), Some(0));
    // No store is needed to read them.
    fs::write(machine.path("state/relay.redb"), "no store").expect("written");

    let text = events(&machine, &[]).await;
    let kinds: Vec<_> = text.lines().filter(|line| [" Start ", " Ende "].iter().any(|word| line.contains(word))).collect();
    let expected = ["drk-relay", "abgewürgt", "wie verlangt", "wurde beendet", "Stromausfall", "wie verlangt"];
    assert!(kinds.len() == expected.len() && kinds.iter().zip(expected).all(|(line, word)| line.contains(word)), "{kinds:#?}");
    assert!(text.ends_with("(1 Zeilen sind nicht lesbar: abgerissen, als der Strom weg war, oder von einer neueren Version)\n"), "{text}");
    let json = events(&machine, &["--json", "--since", "1h"]).await;
    let lines: Vec<Line> = json.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    assert_eq!(lines.iter().filter(|line| line.kind == Some(Kind::Started)).count(), 4);
    assert!(lines.iter().any(|line| line.text.contains("no connection to the MQTT broker")), "{json}");
    assert_eq!(events(&machine, &["--json", "--since", "2100-01-01"]).await, "");
    let (code, _, why) = machine.says(&["events", "--since", "gestern"]).await;
    assert!(code == Some(1) && why.contains("„gestern“ ist keine Zeitangabe. Abhilfe: "), "{why}");
}

#[tokio::test]
async fn a_ring_that_cannot_be_written_stops_nothing() {
    let (machine, _broker, _api) = alone();
    fs::create_dir_all(machine.path("state/events.jsonl")).expect("created");
    let relay = machine.start();
    verified(&machine).await;
    let (code, _, why) = machine.says(&["events"]).await;
    assert!(code == Some(1) && why.contains("die Ereignisse sind nicht lesbar"), "{why}");
    assert_eq!(relay.stop().await.code(), Some(0));
}

/// Both the log's own messages and what libraries say by way of the crate `log`.
#[test]
fn a_flood_is_a_line_and_who_logs_does_not_wait() {
    let directory = tempfile::tempdir().expect("a directory");
    let clock = Clock::Warped(Warp::new(Millis(1_790_000_000_000), 1.0));
    let (keeper, keeping) = Keeper::start(directory.path(), clock, None);
    let subscriber = tracing_subscriber::registry().with(keeping.with_filter(filter_fn(Keeping::wants)));
    tracing::subscriber::with_default(subscriber, || {
        for number in 0..100_000 {
            tracing::warn!(number, "a flood");
        }
        tracing::info!("nobody needs this");
        tracing::error!(error = %"broken", "something else");
    });
    keeper.finish();
    let lines = read(directory.path()).expect("readable").lines;
    let of = |text: &str| lines.iter().filter(|line| line.text == text).collect::<Vec<_>>();
    let lost: u64 = lines.iter().filter(|line| line.kind == Some(Kind::Lost)).map(|line| line.times).sum();
    let flood = of("a flood");
    assert!(flood.len() <= 2 && lines.len() <= 4, "{lines:#?}");
    let errors = of("something else");
    let counted = flood.iter().chain(&errors).map(|line| line.times).sum::<u64>() + lost;
    assert_eq!(counted, 100_001, "each is written, counted, or said to be lost");
    assert!(of("nobody needs this").is_empty());
}
