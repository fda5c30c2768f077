//! The same through Debian's mosquitto, configured as shipped: what a publisher that has lost its senses does to everybody else, and what
//! ten thousand retained messages do to a start. Counts and order only; what it prints is for whoever wants to know how quick it was.

use super::webhook;
use crate::mqtt::peer::{Peer, cases, publish, retained};
use crate::publisher::World;
use drk_relay::port::clock::Clock;
use rumqttc::Packet;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Messages in one burst, and bursts: ten a second, so 10,000 messages a second for three seconds.
const BURST: u32 = 1_000;
const BURSTS: u32 = 30;
const BEAT: Duration = Duration::from_millis(100);
/// The flood's last third may not cost more than this, in kB: what a queue without a bound would hold of it is several times as much, for a
/// figure on its way takes more than half a kilobyte.
const GROWTH: u64 = 4 * 1024;
/// Retained topics at the start.
const TOPICS: u16 = 10_000;

fn login(world: &World) -> [&str; 2] {
    [&world.publisher.user, &world.publisher.password]
}

/// Webhooks of new people, one after the other, until it is over: how many were answered, all of them with 200.
async fn webhooks(world: &World, first: u32, over: &AtomicBool, answered: &AtomicU32) {
    while !over.load(Ordering::Relaxed) {
        let number = first + answered.load(Ordering::Relaxed);
        assert_eq!(webhook(&world.machine, number).await, Some(200));
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn ten_thousand_messages_a_second_starve_nobody_and_are_not_kept() {
    let world = World::new().await;
    let broker = world.broker().await;
    let relay = world.relay().await;
    let mut receipts = world.receipts(&broker).await;
    let mut flood = Peer::log_in(broker.address, login(&world)).await;
    // Of one day, and all different: what gets through is an update each time, and has to be committed.
    let burst: Vec<Packet> = (0..BURST).map(|count| cases(count, 0)).collect();
    let (over, answered) = (AtomicBool::new(false), AtomicU32::new(0));
    let (memory, ()) = tokio::join!(
        async {
            let (mut beat, mut memory) = (tokio::time::interval(BEAT), Vec::new());
            for _ in 0..BURSTS {
                beat.tick().await;
                flood.send(&burst).await;
                memory.push(relay.kilobytes());
            }
            // Behind all of them, from the same publisher: MQTT keeps their order.
            flood.send(&[publish("figures/corona/incidence", "57,4", 7)]).await;
            assert_eq!(flood.acknowledgement().await, 7);
            over.store(true, Ordering::Relaxed);
            memory
        },
        webhooks(&world, 1, &over, &answered)
    );
    let mut codes: BTreeMap<String, u32> = BTreeMap::new();
    loop {
        let (topic, receipt) = receipts.next().await;
        if topic == "relay/receipts/corona/incidence" {
            assert_ne!(receipt["result"], "rejected", "{receipt}");
            break;
        }
        *codes.entry(receipt["code"].as_str().expect("text").to_owned()).or_default() += 1;
    }
    let (sent, taken) = (BURST * BURSTS, codes.values().sum::<u32>());
    let (before, after) = (memory[memory.len() * 2 / 3], relay.kilobytes());
    let answered = answered.into_inner();
    println!(
        "{sent} sent, {taken} taken: {codes:?}; {answered} webhooks; {before} kB, then {after} kB, peak {} MB",
        relay.peak_megabytes()
    );
    assert!(answered > 1 && taken <= sent && taken > 0);
    assert!(after < before + GROWTH, "{memory:?}");
    assert_eq!(world.machine.log().matches("connected to the MQTT broker").count(), 1, "{}", world.machine.log());
    assert_eq!(relay.stop().await.code(), Some(0));
}

/// Publishes with QoS 1 and retained, and waits for the broker.
async fn retain(publisher: &mut Peer, topics: impl Iterator<Item = (u16, String)>) {
    for (packet, topic) in topics {
        publisher.send(&[retained(publish(&topic, "17", packet))]).await;
        assert_eq!(publisher.acknowledgement().await, packet);
    }
}

#[tokio::test]
async fn ten_thousand_retained_topics_do_not_delay_the_first_webhook() {
    let world = World::new().await;
    let broker = world.broker().await;
    let mut publisher = Peer::log_in(broker.address, login(&world)).await;
    // Metrics that nobody has configured, and at last one that somebody has.
    let last = (TOPICS, "figures/corona/cases_new".to_owned());
    retain(&mut publisher, (1..TOPICS).map(|number| (number, format!("figures/corona/sensor_{number}"))).chain([last])).await;

    let started = Clock::System.now();
    let relay = world.relay().await;
    let mut receipts = world.receipts(&broker).await;
    let (over, answered) = (AtomicBool::new(false), AtomicU32::new(0));
    let subscribed = Clock::System.now();
    let (first, ()) = tokio::join!(
        async {
            // mosquitto queues it behind what it had retained. That was read, because this is a duplicate; and nobody was told so before.
            publisher.send(&[publish("figures/corona/cases_new", "17", 1)]).await;
            let first = receipts.said().await;
            over.store(true, Ordering::Relaxed);
            first
        },
        webhooks(&world, 1, &over, &answered)
    );
    let done = Clock::System.now();
    let answered = answered.into_inner();
    // mosquitto 2.0.11 keeps to max_inflight_messages except for what it had retained: the port takes what it has room for, and has the
    // rest sent again over another connection.
    let connections = world.machine.log().matches("connected to the MQTT broker").count();
    println!(
        "{TOPICS} retained: subscribed after {} ms, all read after {} ms and {connections} connections, {answered} webhooks answered \
         meanwhile; peak {} MB",
        subscribed.since(started),
        done.since(started),
        relay.peak_megabytes()
    );
    assert_eq!(first.1, "duplicate");
    assert!(answered > 1, "{answered}");
    assert_eq!(relay.stop().await.code(), Some(0));
}
