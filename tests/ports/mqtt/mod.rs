//! The MQTT port against a scripted broker, and against our own.

mod alarms;
mod asyncapi;
mod documents;
mod flood;
mod foreign;
mod payloads;
pub(crate) mod peer;
mod real;
mod reconnect;
mod requests;
pub(crate) mod tls;

use drk_relay::config::MqttConfig;
use drk_relay::domain::decision::{Receipt, Refusal, Taken};
use drk_relay::domain::event::{ReceiptTopic, ReplyTo};
use drk_relay::domain::figures::Value;
use drk_relay::domain::time::Day;
use drk_relay::simulator::broker::Broker;
use peer::{GRANTED, Peer, Port, cases, config, durable, level, listen, name, publish, retained};
use rumqttc::Packet;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

#[tokio::test]
async fn acknowledges_what_is_durable_and_in_the_order_of_arrival() {
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 16);
    let mut broker = Peer::subscribed(&listener).await;
    broker.send(&[cases(17, 7), cases(18, 8), cases(19, 9)]).await;
    let (seventeen, first) = port.figure().await;
    let (eighteen, second) = port.figure().await;
    let (_, third) = port.figure().await;
    assert_eq!((seventeen, eighteen), (17, 18));
    assert!(broker.acknowledged().await.is_empty());
    durable(second);
    assert!(broker.acknowledged().await.is_empty());
    durable(first);
    assert_eq!((broker.acknowledgement().await, broker.acknowledgement().await), (7, 8));
    durable(third);
    assert_eq!(broker.acknowledgement().await, 9);
}

#[tokio::test]
async fn never_acknowledges_what_was_not_committed() {
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 16);
    let mut broker = Peer::subscribed(&listener).await;
    broker.send(&[cases(17, 7), cases(18, 8)]).await;
    drop(port.figure().await);
    assert_eq!(port.take().await, 18);
    assert_eq!(broker.acknowledgement().await, 8);
    assert!(broker.acknowledged().await.is_empty());
}

#[tokio::test]
async fn acknowledges_nonsense_after_what_came_before_it() {
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 16);
    let mut broker = Peer::subscribed(&listener).await;
    broker.send(&[cases(17, 7), retained(publish("figures/corona/cases_new", "", 8))]).await;
    let (_, arrival) = port.figure().await;
    assert!(broker.acknowledged().await.is_empty());
    durable(arrival);
    assert_eq!((broker.acknowledgement().await, broker.acknowledgement().await), (7, 8));
}

#[tokio::test]
async fn a_busy_relay_costs_qos_0_and_delays_qos_1() {
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 1);
    let mut broker = Peer::subscribed(&listener).await;
    let flood: Vec<Packet> = (0..1000).map(|count| cases(count, 0)).collect();
    broker.send(&flood).await;
    broker.send(&[cases(2000, 1)]).await;
    // It reads on and answers although nobody empties the inbox.
    assert!(broker.acknowledged().await.is_empty());
    assert_eq!(port.take().await, 0);
    assert_eq!(port.take().await, 2000);
    assert_eq!(broker.acknowledgement().await, 1);
}

/// The other half is for webhooks and for publishes of QoS 1, which wait for room and so would be behind any flood.
#[tokio::test]
async fn a_flood_of_qos_0_leaves_half_of_the_inbox() {
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 16);
    let mut broker = Peer::subscribed(&listener).await;
    let flood: Vec<Packet> = (0..1000).map(|count| cases(count, 0)).collect();
    broker.send(&flood).await;
    assert!(broker.acknowledged().await.is_empty());
    assert_eq!(port.inbox.len(), 8);
    broker.send(&[cases(2000, 1)]).await;
    for expected in (0..8).chain([2000]) {
        assert_eq!(port.take().await, expected);
    }
    assert_eq!(broker.acknowledgement().await, 1);
}

/// A broker with an address that can lose all its connections.
struct Restartable {
    broker: Broker,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Restartable {
    async fn start() -> Restartable {
        let (listener, address) = listen().await;
        let broker = Broker::default();
        let task = Restartable::serve(&broker, listener);
        Restartable { broker, address, task }
    }

    fn serve(broker: &Broker, listener: TcpListener) -> JoinHandle<()> {
        let broker = broker.clone();
        tokio::spawn(async move { broker.serve(listener).await.expect("a listener that works") })
    }

    async fn cut(&mut self) {
        self.task.abort();
        assert!((&mut self.task).await.is_err());
        let listener = TcpListener::bind(self.address).await.expect("the same port");
        self.task = Restartable::serve(&self.broker, listener);
    }
}

impl Drop for Restartable {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn online(broker: &Restartable) -> (Port, Peer) {
    online_with(broker, config(broker.address)).await
}

async fn online_with(broker: &Restartable, config: MqttConfig) -> (Port, Peer) {
    let mut people = Peer::connect(broker.address, "publisher").await;
    people.subscribe("relay/#").await;
    let port = Port::with(config, 16);
    assert_eq!(people.message().await, ("relay/status".to_owned(), "online".to_owned()));
    (port, people)
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again() {
    let mut broker = Restartable::start().await;
    let (mut port, mut people) = online(&broker).await;
    people.send(&[cases(17, 5)]).await;
    assert_eq!(people.acknowledgement().await, 5);
    let (_, lost) = port.figure().await;
    broker.cut().await;
    assert_eq!(port.take().await, 17);
    drop(lost);
    let mut people = Peer::connect(broker.address, "publisher").await;
    people.subscribe("relay/receipts/#").await;
    people.settled().await;
    broker.cut().await;
    let mut people = Peer::connect(broker.address, "publisher").await;
    people.send(&[cases(18, 6)]).await;
    // The second copy was acknowledged: there is no third.
    assert_eq!(port.take().await, 18);
}

#[tokio::test]
async fn publishers_hear_what_became_of_their_messages() {
    let broker = Restartable::start().await;
    let (mut port, mut people) = online(&broker).await;
    people.send(&[publish("figures/corona/incidence", "1.234", 0), publish("figures/corona/cases", "17", 0)]).await;
    let (topic, body) = people.message().await;
    assert_eq!(topic, "relay/receipts/corona/incidence");
    assert!(
        body.starts_with(r#"{"result":"rejected","code":"ambiguous-number","feed":"corona","metric":"incidence","value":null,"values":{}"#),
        "{body}"
    );
    let (topic, body) = people.message().await;
    assert_eq!(topic, "relay/receipts/corona/cases");
    assert!(body.contains(r#""code":"unknown-metric""#) && body.contains("„cases_new“"), "{body}");

    let metric = Some(name("cases_new"));
    for (metric, taken, expected) in [
        (None, Taken::Accepted, r#"{"result":"accepted","code":"accepted","feed":"corona","metric":null,"value":"#),
        (
            metric.clone(),
            Taken::Refused(Refusal::Duplicate),
            r#"{"result":"duplicate","code":"duplicate","feed":"corona","metric":"cases_new","#,
        ),
        (metric, Taken::Refused(Refusal::Stale), r#"{"result":"rejected","code":"stale","feed":"corona","metric":"cases_new","#),
    ] {
        let receipt = decided(ReceiptTopic::new(name("corona"), metric), taken);
        port.receipts.send(receipt).await.expect("the port runs");
        let (_, body) = people.message().await;
        assert!(body.starts_with(expected), "{body}");
    }

    people.send(&[publish("figures/corona", "{\"cases_new\":17,\"as_of\":\"2026-11-22\"}", 0)]).await;
    let (_, arrival) = port.figure().await;
    assert!(format!("{:?}", arrival.events).contains("receipt: Some"), "{arrival:?}");
}

#[tokio::test]
async fn retained_replays_are_read_and_nobody_is_told() {
    let broker = Restartable::start().await;
    let mut people = Peer::connect(broker.address, "early").await;
    people.send(&[retained(cases(17, 1)), retained(publish("figures/corona/incidence", "keine", 2))]).await;
    assert_eq!((people.acknowledgement().await, people.acknowledgement().await), (1, 2));
    let (mut port, mut people) = online(&broker).await;
    let (value, arrival) = port.figure().await;
    assert_eq!(value, 17);
    assert!(format!("{:?}", arrival.events).contains("receipt: None"), "{arrival:?}");
    people.send(&[publish("figures/corona/cases_new", "siebzehn", 0)]).await;
    assert!(people.message().await.1.contains("not-a-number"), "the first receipt is the one for what was not retained");
}

#[tokio::test]
async fn a_message_that_is_much_too_large_is_one_that_is_rejected() {
    let broker = Restartable::start().await;
    let (mut port, mut people) = online(&broker).await;
    people.send(&[publish("figures/corona/cases_new", vec![b'1'; 1_000_000], 1), cases(17, 2)]).await;
    let (topic, body) = people.message().await;
    assert!(topic.ends_with("/cases_new") && body.contains("too-large"), "{topic}: {body}");
    assert_eq!(port.take().await, 17);
}

/// What the relay says of 22 November.
fn decided(topic: ReceiptTopic, taken: Taken) -> Receipt {
    let feed = topic.feed.clone();
    let (as_of, received) = (Some(Day(20_779)), None);
    Receipt { to: ReplyTo::Receipts(topic), feed, taken, values: Vec::new(), as_of, revision: 3, received, reach: Default::default() }
}

#[tokio::test]
async fn every_feed_is_heard_and_answered_on_its_own_topics() {
    let broker = Restartable::start().await;
    let (mut port, mut people) = online(&broker).await;
    people.send(&[level(312, 0), publish("figures/pegel", "{\"level\":313}", 0), publish("figures/pegel/cases_new", "17", 0)]).await;
    for (value, metric) in [(312, Some(name("level"))), (313, None)] {
        let (figure, _) = port.stated().await;
        assert_eq!((figure.feed, figure.values), (name("pegel"), vec![(name("level"), Value::new(value, 0).expect("in range"))]));
        let topic = ReceiptTopic::new(name("pegel"), metric);
        assert_eq!(figure.receipt, Some(ReplyTo::Receipts(topic.clone())));
        port.receipts.send(decided(topic, Taken::Accepted)).await.expect("the port runs");
    }
    let mut told = [people.message().await, people.message().await, people.message().await];
    told.sort();
    assert_eq!(
        [&told[0].0, &told[1].0, &told[2].0],
        ["relay/receipts/pegel", "relay/receipts/pegel/cases_new", "relay/receipts/pegel/level"]
    );
    assert!(told[1].1.contains(r#""code":"unknown-metric","feed":"pegel""#) && told[2].1.contains(r#""feed":"pegel","metric":"level""#));
}

/// The session is older than the configuration: its broker still sends what was subscribed to then.
#[tokio::test]
async fn a_feed_that_is_not_configured_any_more_is_told_so() {
    let (listener, address) = listen().await;
    let _port = Port::start(address, 16);
    let mut broker = Peer::accept(&listener, true).await;
    broker.greeted(&[GRANTED; 2]).await;
    broker.send(&[publish("figures/korona/cases_new", "17", 0)]).await;
    let (topic, body) = broker.message().await;
    assert_eq!(topic, "relay/receipts/korona/cases_new");
    assert!(body.contains(r#""code":"unknown-feed","feed":"korona""#) && body.contains("Dieser Feed ist nicht eingerichtet"), "{body}");
}

/// MQTT allows topics of 65,535 bytes. A receipt with that and a bit more would end the connection, and what was not acknowledged would
/// come again, and again.
#[tokio::test]
async fn a_monstrous_topic_is_read_and_not_repeated() {
    let (listener, address) = listen().await;
    let _port = Port::start(address, 16);
    let mut broker = Peer::subscribed(&listener).await;
    let topic = format!("figures/corona/{}", "x".repeat(65_520));
    broker.send(&[publish(&topic, "17", 7), publish(&topic, "17", 0)]).await;
    assert_eq!(broker.acknowledgement().await, 7);
    assert!(broker.acknowledged().await.is_empty());
}

#[tokio::test]
async fn the_last_will_says_that_the_relay_is_gone() {
    let broker = Restartable::start().await;
    let (port, mut people) = online(&broker).await;
    drop(port);
    assert_eq!(people.message().await, ("relay/status".to_owned(), "offline".to_owned()));
    let mut late = Peer::connect(broker.address, "late").await;
    late.subscribe("relay/status").await;
    assert_eq!(late.message().await.1, "offline");
}
