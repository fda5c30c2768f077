//! Foreign topics: subscribed to, read as `[[map]]` says, acknowledged once, and never noisy.

use super::decided;
use super::peer::{FILTERS, GRANTED, Peer, Port, config, durable, listen, name, publish, retained};
use drk_relay::config::{JsonPointer, MqttConfig, MqttMap};
use drk_relay::domain::decision::{Refusal, Taken};
use drk_relay::domain::event::{Event, Reading, ReceiptTopic};
use drk_relay::domain::rules::MetricKind;
use rumqttc::Packet;
use std::net::SocketAddr;

const TOPIC: &str = "tele/pegel/SENSOR";

/// One foreign topic with a metric of each feed.
fn mapped(broker: SocketAddr) -> MqttConfig {
    let map = |feed, metric, kind, pointer| MqttMap {
        topic: TOPIC.to_owned(),
        feed: name(feed),
        metric: name(metric),
        kind,
        pointer: JsonPointer::parse(pointer),
        as_of: None,
    };
    let maps =
        vec![map("pegel", "level", MetricKind::Count, "/SR04/Distance"), map("corona", "incidence", MetricKind::Rate, "/fields/incidence")];
    MqttConfig { maps, ..config(broker) }
}

async fn connected() -> (Port, Peer) {
    let (listener, address) = listen().await;
    let port = Port::with(mapped(address), 16);
    let mut broker = Peer::accept(&listener, false).await;
    assert_eq!(broker.greeted(&[GRANTED; 3]).await, [FILTERS[0], FILTERS[1], TOPIC, FILTERS[2]]);
    (port, broker)
}

#[tokio::test]
async fn a_document_with_figures_of_two_feeds_is_acknowledged_once() {
    let (mut port, mut broker) = connected().await;
    broker.send(&[publish(TOPIC, r#"{"SR04":{"Distance":312},"fields":{"incidence":1.234}}"#, 7)]).await;
    let arrival = super::peer::within(port.inbox.recv()).await.expect("the port runs");
    let stated = |event: &Event| {
        let Event::Figure(figure) = event else { panic!("{event:?}") };
        (figure.feed.to_string(), figure.values[0].1.parts())
    };
    let stated: Vec<_> = arrival.events.iter().map(stated).collect();
    assert_eq!(stated, [("pegel".to_owned(), (312, 0)), ("corona".to_owned(), (1234, 3))]);
    assert!(broker.acknowledged().await.is_empty());
    durable(arrival);
    assert_eq!(broker.acknowledgement().await, 7);
}

/// A sensor that is broken says so every ten seconds, for years.
#[tokio::test]
async fn of_the_same_mistake_ever_fewer_receipts_are_sent() {
    let (mut port, mut broker) = connected().await;
    let broken = publish(TOPIC, r#"{"SR04":{"Distance":null}}"#, 0);
    broker.send(&[retained(broken.clone())]).await;
    broker.send(&vec![broken; 19]).await;
    broker.send(&[publish(TOPIC, r#"{"SR04":{"Distance":1.5}}"#, 0), publish(TOPIC, r#"{"SR04":{"Distance":313}}"#, 0)]).await;
    assert_eq!(port.take().await, 313);
    let mut codes = Vec::new();
    while codes.last().is_none_or(|code| code != "not-whole") {
        let Some(Packet::Publish(receipt)) = broker.pinged().await else { panic!("a receipt") };
        assert_eq!(receipt.topic, "relay/receipts/pegel/level");
        let body: serde_json::Value = serde_json::from_slice(&receipt.payload).expect("JSON");
        codes.push(body["code"].as_str().expect("a code").to_owned());
    }
    assert_eq!(codes, ["no-value", "no-value", "no-value", "no-value", "no-value", "not-whole"], "1, 2, 4, 8, 16 of 19");
}

/// It says the same every ten seconds.
#[tokio::test]
async fn nobody_is_told_of_a_foreign_duplicate() {
    let (port, mut broker) = connected().await;
    for taken in [Taken::Refused(Refusal::Duplicate), Taken::Update] {
        let to = ReceiptTopic { reading: Reading::Foreign, ..ReceiptTopic::new(name("pegel"), Some(name("level"))) };
        port.receipts.send(decided(to, taken)).await.expect("the port runs");
    }
    let Some(Packet::Publish(receipt)) = broker.pinged().await else { panic!("a receipt") };
    let body = String::from_utf8_lossy(&receipt.payload).into_owned();
    assert!(body.contains(r#""code":"update""#), "{body}");
}
