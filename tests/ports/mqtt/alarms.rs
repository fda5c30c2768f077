//! The alarms as a retained message: whenever they change, and at the beginning of every connection, whatever the broker had kept.

use super::peer::{ALARMS, NO_ALARMS, Peer, Port, listen};
use super::{Restartable, online};
use drk_relay::domain::alarm::{Alarm, Code};
use drk_relay::domain::time::Timestamp;
use rumqttc::{Packet, PubAck};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) fn alarm(since: Option<u32>, why: &str) -> Alarm {
    Alarm { since: since.map(Timestamp), why: why.to_owned(), over: None, told: false }
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[tokio::test]
async fn alarms_are_retained_and_follow_every_change_and_every_connection() {
    let mut broker = Restartable::start().await;
    let (port, mut people) = online(&broker).await;
    assert_eq!(people.alarms().await, NO_ALARMS);
    let raised = BTreeMap::from([
        (Code::TunnelDown, alarm(Some(1_790_000_000), "der Schlüssel ist ein anderer")),
        (Code::ClockUntrusted, alarm(None, "")),
        (Code::SendingHeld, Alarm { over: Some(None), ..alarm(None, "") }),
    ]);
    port.alarms.show(raised.iter());
    let row = |code: Code, since: Option<&str>, why: &str| {
        json!({
            "code": code.name(), "since": since, "text": code.sentence(), "why": why, "remedy": code.remedy(),
        })
    };
    let both = json!({"schema": 1, "alarms": [
        row(Code::ClockUntrusted, None, ""),
        row(Code::TunnelDown, Some("2026-09-21T14:13:20Z"), "der Schlüssel ist ein anderer"),
    ]});
    assert_eq!(read(&people.alarms().await), both);
    // Who comes later knows at once.
    let mut late = Peer::connect(broker.address, "late").await;
    late.subscribe(ALARMS).await;
    assert_eq!(read(&late.alarms().await), both);
    broker.cut().await;
    let mut people = Peer::connect(broker.address, "publisher").await;
    people.subscribe(ALARMS).await;
    while read(&people.alarms().await) != both {}
    port.alarms.show(std::iter::empty());
    while people.alarms().await != NO_ALARMS {}
}

#[tokio::test]
async fn what_the_broker_has_acknowledged_is_known() {
    let (listener, address) = listen().await;
    let port = Port::start(address, 16);
    let mut published = port.alarms.publications();
    let mut broker = Peer::subscribed(&listener).await;
    published.changed().await.expect("ours");
    assert_eq!(*published.borrow_and_update(), 0);
    port.alarms.show([(&Code::DiskFull, &alarm(None, ""))].into_iter());
    let Some(Packet::Publish(first)) = broker.pinged().await else { panic!("the alarm") };
    // Two changes before the broker has said anything: one message.
    port.alarms.show([(&Code::TunnelDown, &alarm(None, ""))].into_iter());
    port.alarms.show([(&Code::BrokerUnreachable, &alarm(None, ""))].into_iter());
    broker.send(&[Packet::PubAck(PubAck::new(first.pkid))]).await;
    let Some(Packet::Publish(second)) = broker.pinged().await else { panic!("the next one") };
    assert!(String::from_utf8_lossy(&second.payload).contains("broker-unreachable"));
    broker.send(&[Packet::PubAck(PubAck::new(second.pkid))]).await;
    published.wait_for(|revision| *revision == port.alarms.standing().revision).await.expect("ours");
}
