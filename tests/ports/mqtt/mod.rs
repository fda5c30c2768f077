//! The MQTT port against a scripted broker, and against our own.

pub(crate) mod peer;
mod real;

use drk_relay::domain::decision::{Receipt, Refusal, Verdict};
use drk_relay::domain::event::ReceiptTopic;
use drk_relay::domain::ids::Name;
use drk_relay::domain::time::Day;
use drk_relay::simulator::broker::Broker;
use peer::{Peer, Port, cases, durable, listen, publish, retained, within};
use rumqttc::{Packet, QoS, SubscribeReasonCode};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

const GRANTED: Option<SubscribeReasonCode> = Some(SubscribeReasonCode::Success(QoS::AtLeastOnce));

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
async fn hands_on_what_a_broken_connection_left_and_acknowledges_none_of_it_on_the_next() {
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 16);
    let mut broker = Peer::subscribed(&listener).await;
    broker.send(&[cases(17, 1)]).await;
    let (_, unresolved) = port.figure().await;
    // Read together with the end of the connection: rumqttc keeps them and would show them as the next connection's.
    broker.send(&[cases(18, 2), cases(19, 3)]).await;
    drop(broker);
    assert_eq!((port.take().await, port.take().await), (18, 19));
    let mut broker = Peer::accept(&listener, true).await;
    assert_eq!(broker.greeted(GRANTED).await, None);
    durable(unresolved);
    assert!(broker.acknowledged().await.is_empty());
    broker.send(&[cases(20, 1)]).await;
    let (twenty, arrival) = port.figure().await;
    assert_eq!(twenty, 20);
    assert!(broker.acknowledged().await.is_empty());
    durable(arrival);
    assert_eq!(broker.acknowledgement().await, 1);
}

#[tokio::test]
async fn subscribes_until_that_is_confirmed() {
    let (listener, address) = listen().await;
    let _port = Port::start(address, 16);
    let mut broker = Peer::accept(&listener, true).await;
    assert!(broker.greeted(None).await.is_some(), "the session may have another configuration's subscriptions");
    drop(broker);
    let mut broker = Peer::accept(&listener, true).await;
    assert!(broker.greeted(Some(SubscribeReasonCode::Failure)).await.is_some(), "no SUBACK came");
    while broker.packet().await.is_some() {}
    let mut broker = Peer::accept(&listener, true).await;
    assert!(broker.greeted(GRANTED).await.is_some(), "it was refused");
}

#[tokio::test]
async fn subscribes_again_when_the_session_is_lost_and_only_then() {
    let (listener, address) = listen().await;
    let _port = Port::start(address, 16);
    // The answer to nonsense proves that the SUBACK before it has been read.
    assert!(Peer::subscribed(&listener).await.acknowledged().await.is_empty());
    let mut broker = Peer::accept(&listener, true).await;
    assert!(broker.greeted(GRANTED).await.is_none());
    drop(broker);
    let mut broker = Peer::accept(&listener, false).await;
    assert!(broker.greeted(GRANTED).await.is_some());
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

#[tokio::test]
async fn takes_all_that_a_broker_may_send_unacknowledged() {
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 1);
    let mut broker = Peer::subscribed(&listener).await;
    let flood: Vec<Packet> = (1..=5_000).map(|count| cases(count.into(), count)).collect();
    broker.send(&flood).await;
    assert!(broker.acknowledged().await.is_empty());
    for expected in 1..=5_000 {
        assert_eq!(port.take().await, i64::from(expected));
        assert_eq!(broker.acknowledgement().await, expected);
    }
}

#[tokio::test]
async fn leaves_a_broker_that_sends_more_than_there_are_packet_ids() {
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 1);
    let mut broker = Peer::subscribed(&listener).await;
    let flood: Vec<Packet> = (1..=u16::MAX).chain(1..=u16::MAX).map(|count| cases(count.into(), count)).collect();
    broker.send(&flood).await;
    while broker.packet().await.is_some() {}
    let mut broker = Peer::accept(&listener, true).await;
    broker.greeted(GRANTED).await;
    for expected in 1..=200 {
        assert_eq!(port.take().await, expected);
    }
    assert!(broker.acknowledged().await.is_empty());
}

#[tokio::test]
async fn waits_for_a_broker_that_is_not_there_yet() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let address = socket.local_addr().expect("bound");
    let mut port = Port::start(address, 16);
    // Refused until somebody listens. A broker that hangs up at once is not there yet either.
    tokio::task::yield_now().await;
    let listener = socket.listen(16).expect("listening");
    drop(within(listener.accept()).await.expect("a connection"));
    let mut broker = Peer::subscribed(&listener).await;
    broker.send(&[cases(17, 1)]).await;
    assert_eq!(port.take().await, 17);
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
    let mut people = Peer::connect(broker.address, "publisher").await;
    people.subscribe("relay/#").await;
    let port = Port::start(broker.address, 16);
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
        body.starts_with(r#"{"result":"rejected","code":"ambiguous-number","feed":"corona","metric":"incidence","as_of":null"#),
        "{body}"
    );
    let (topic, body) = people.message().await;
    assert_eq!(topic, "relay/receipts/corona/cases");
    assert!(body.contains(r#""code":"unknown-metric""#) && body.contains("„cases_new“"), "{body}");

    let metric = Name::new("cases_new");
    for (metric, verdict, expected) in [
        (
            None,
            Verdict::Acted,
            r#"{"result":"accepted","code":"accepted","feed":"corona","metric":null,"as_of":"2026-11-22","revision":3,"#,
        ),
        (
            metric.clone(),
            Verdict::Refused(Refusal::Duplicate),
            r#"{"result":"duplicate","code":"duplicate","feed":"corona","metric":"cases_new","#,
        ),
        (metric, Verdict::Refused(Refusal::Stale), r#"{"result":"rejected","code":"stale","feed":"corona","metric":"cases_new","#),
    ] {
        let receipt = Receipt { topic: ReceiptTopic { metric }, verdict, as_of: Some(Day(20_779)), revision: 3 };
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
async fn gets_past_a_message_that_is_much_too_large() {
    let broker = Restartable::start().await;
    let (mut port, mut people) = online(&broker).await;
    people.send(&[publish("figures/corona/cases_new", vec![b'1'; 1_000_000], 1), cases(17, 2)]).await;
    let mut told = Vec::new();
    while !told.iter().any(|body: &String| body.contains("too-large")) {
        told.push(people.message().await.1);
    }
    assert!(told.contains(&"offline".to_owned()), "{told:?}");
    assert_eq!(port.take().await, 17);
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
