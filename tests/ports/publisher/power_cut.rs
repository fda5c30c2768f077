//! The shipped lines for mosquitto: what they promise about a broker that loses its power, and about somebody who overdoes it.

use super::World;
use crate::peers::handbook::with;
use crate::peers::mosquitto::{Broker, Listening, output};
use crate::program::until;
use std::collections::BTreeSet;
use std::fs;

const SHIPPED: &str = include_str!("../../../mosquitto/drk-relay.conf");
/// Where the lines go.
const LINES: &str = "/etc/mosquitto/conf.d/drk-relay.conf";
/// Where mosquitto keeps what it knows.
const KEPT: &str = "/var/lib/mosquitto/mosquitto.db";

impl World {
    async fn publish(&self, broker: &Broker<'_>, value: &str, more: &[&str]) {
        let publish = [&["-q", "1", "-t", "figures/corona/cases_new", "-m", value], more].concat();
        let (content, said) = output(broker.client("mosquitto_pub", &self.publisher.login(), &publish)).await;
        assert!(content, "{said}");
    }

    /// Waits until this is in mosquitto's file.
    async fn kept(&self, value: &str) {
        until(async || self.has_kept(value).then_some(())).await;
    }

    fn has_kept(&self, value: &str) -> bool {
        let kept = fs::read(self.debian.path(KEPT)).unwrap_or_default();
        kept.windows(value.len()).any(|bytes| bytes == value.as_bytes())
    }
}

#[test]
fn every_shipped_line_has_a_reason_and_is_no_accident() {
    let mut explained = false;
    let mut names = BTreeSet::new();
    for line in SHIPPED.lines() {
        if line.starts_with("# ") {
            explained = !line.starts_with("# ----");
        } else if line.is_empty() {
            explained = false;
        } else {
            assert!(explained, "{line}");
            assert!(line == "#listener 8883" || names.insert(line.trim_start_matches('#').split(' ').next()), "{line} stands twice");
        }
    }
    // In bytes: as much as the port reads (port/mqtt/line), so that it is the relay that answers whatever the broker lets through.
    assert!(SHIPPED.contains(&format!("\nmax_packet_size {}\n", 256 * 1024)));
}

#[tokio::test]
async fn a_broker_without_power_loses_at_most_what_came_since_it_last_saved() {
    let world = World::new().await;
    // Debian's own, as it is without ours: half an hour.
    let shipped = fs::read_to_string(world.debian.path(LINES)).expect("text");
    world.debian.write(LINES, &with(&shipped, "autosave_interval 60\n", ""), 0o644);
    let broker = world.broker().await;
    world.relay_comes_and_goes().await;
    world.publish(&broker, "1111", &["-r"]).await;
    broker.kill().await;
    let broker = world.broker().await;
    assert!(!world.has_kept("1111"), "without our line it is gone, or this test shows nothing");
    drop(broker);

    // A minute is long for a test; what happens once in a second is the same.
    world.debian.write(LINES, &with(&shipped, "autosave_interval 60\n", "autosave_interval 1\n"), 0o644);
    let broker = world.broker().await;
    world.relay_comes_and_goes().await;
    world.publish(&broker, "2222", &[]).await;
    world.publish(&broker, "3333", &["-r"]).await;
    world.kept("2222").await;
    world.kept("3333").await;
    broker.kill().await;

    // Both come to the relay although it was away and the broker died: one of them retained, one only kept for its session.
    let broker = world.broker().await;
    let last = output(broker.client("mosquitto_sub", &world.relay.login(), &["-t", "figures/corona/#", "-C", "1", "-W", "20"])).await;
    assert_eq!(last, (true, "3333\n".to_owned()));
    let subscribe = ["-q", "1", "-v", "-t", "relay/status", "-t", "relay/receipts/corona/#"];
    let mut hearing = Listening::start(broker.client("mosquitto_sub", &world.publisher.login(), &subscribe));
    assert_eq!(hearing.line().await, "relay/status offline");
    let relay = world.machine.start();
    let mut receipts = 0;
    while receipts < 2 {
        let line = hearing.line().await;
        receipts += usize::from(line.contains(r#""metric":"cases_new""#));
    }
    assert_eq!(relay.stop().await.code(), Some(0));
}
