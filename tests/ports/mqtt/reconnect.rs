//! What a lost, deaf, silent or hostile broker does to the port: each rule of `dependencies.md` 2.2 to 2.4 with a scripted broker. Knows no
//! payload rules.

use super::peer::{
    ALARMS, FILTERS, GRANTED, Log, Peer, Port, REFUSED, cases, config, durable, level, listen, pause, publish, retained, within,
};
use drk_relay::config::MqttConfig;
use drk_relay::domain::alarm::{Alarm, Code};
use drk_relay::domain::time::Timestamp;
use drk_relay::port::link::Condition;
use rumqttc::{ConnAck, ConnectReturnCode, Packet, PubAck};
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// Makes tokio's paused clock run fifty times as fast as a real one. Left alone it jumps to the next timer whenever all tasks wait, even if
/// the kernel is about to deliver something to one of them.
fn fast() -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async {
        loop {
            // waits: a tenth of a second of the test's clock …
            sleep(Duration::from_millis(100)).await;
            // waits: … takes the kernel's.
            std::thread::sleep(Duration::from_millis(2));
        }
    }))
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
    assert_eq!(broker.greeted(&[]).await, [""; 0]);
    durable(unresolved);
    assert!(broker.acknowledged().await.is_empty());
    broker.send(&[cases(20, 1)]).await;
    let (twenty, arrival) = port.figure().await;
    assert_eq!(twenty, 20);
    assert!(broker.acknowledged().await.is_empty());
    durable(arrival);
    assert_eq!(broker.acknowledgement().await, 1);
}

/// The same packet id means another message in a new session: what belongs to the old one must not be acknowledged there.
#[tokio::test]
async fn an_acknowledgement_never_reaches_a_new_session() {
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 16);
    let mut broker = Peer::subscribed(&listener).await;
    broker.send(&[cases(17, 1), cases(18, 2)]).await;
    let (_, first) = port.figure().await;
    let (_, second) = port.figure().await;
    durable(first);
    drop(broker);
    let mut broker = Peer::subscribed(&listener).await;
    broker.send(&[cases(19, 1), cases(20, 2)]).await;
    durable(second);
    let (nineteen, third) = port.figure().await;
    let (_, fourth) = port.figure().await;
    assert_eq!(nineteen, 19);
    assert!(broker.acknowledged().await.is_empty());
    durable(third);
    durable(fourth);
    assert_eq!((broker.acknowledgement().await, broker.acknowledgement().await), (1, 2));
}

#[tokio::test]
async fn subscribes_until_that_is_confirmed() {
    let (listener, address) = listen().await;
    let _port = Port::start(address, 16);
    let mut broker = Peer::accept(&listener, true).await;
    assert_eq!(broker.greeted(&[]).await, FILTERS, "the session may have another configuration's subscriptions");
    drop(broker);
    let mut broker = Peer::accept(&listener, true).await;
    assert_eq!(broker.greeted(&[GRANTED; 2]).await, FILTERS, "no SUBACK came");
    // The answer to nonsense proves that the SUBACK before it has been read.
    assert!(broker.acknowledged().await.is_empty());
    drop(broker);
    let mut broker = Peer::accept(&listener, true).await;
    assert_eq!(broker.greeted(&[]).await, [""; 0], "confirmed, and the broker has the session");
    drop(broker);
    let mut broker = Peer::accept(&listener, false).await;
    assert_eq!(broker.greeted(&[GRANTED; 2]).await, FILTERS, "the session is lost");
}

/// An ACL that forgets one feed costs that feed, not the other.
#[tokio::test(start_paused = true)]
async fn one_refused_subscription_is_said_and_tried_again_while_the_other_feed_is_heard() {
    let _clock = fast();
    let (log, _guard) = Log::start();
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 16);
    let mut broker = Peer::accept(&listener, false).await;
    assert_eq!(broker.greeted(&[REFUSED, GRANTED]).await, FILTERS);
    broker.send(&[level(312, 7)]).await;
    assert_eq!(port.take().await, 312);
    assert_eq!(broker.acknowledgement().await, 7);
    let Condition::Down(why) = port.link.view().condition else { panic!("a feed that cannot be heard is shown") };
    assert!(why.contains(FILTERS[0]), "{why}");
    for code in [REFUSED, GRANTED] {
        match broker.pinged().await {
            Some(Packet::Subscribe(subscribe)) => assert_eq!(broker.answer(subscribe, &[code]).await, FILTERS[..1]),
            other => panic!("{other:?}"),
        }
    }
    assert!(broker.acknowledged().await.is_empty());
    assert_eq!(port.link.view().condition, Condition::Up);
    let said = log.lines("refuses the subscription");
    assert!(said.len() == 1 && said[0].contains("ERROR") && said[0].contains(FILTERS[0]), "once: {said:?}");
    assert_eq!(log.lines("subscribed to figures").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn leaves_a_broker_that_does_not_answer() {
    let _clock = fast();
    let (log, _guard) = Log::start();
    let (listener, address) = listen().await;
    let _port = Port::start(address, 16);
    // Neither SUBACK …
    let mut broker = Peer::accept(&listener, false).await;
    assert_eq!(broker.greeted(&[]).await, FILTERS);
    assert_eq!(broker.pinged().await, None);
    assert_eq!(log.lines("does not answer the subscription").len(), 1);
    // … nor PINGRESP …
    let mut broker = Peer::accept(&listener, true).await;
    assert_eq!(broker.greeted(&[GRANTED; 2]).await, FILTERS);
    assert_eq!(broker.packet().await, Some(Packet::PingReq));
    assert_eq!(broker.packet().await, None);
    // … nor CONNACK.
    let mut broker = Peer::knocked(&listener).await;
    assert_eq!(broker.packet().await, None);
    Peer::accept(&listener, true).await.greeted(&[]).await;
}

/// Our own publish of QoS 1 is never acknowledged: rumqttc keeps it in flight and, left alone, comes to "collide" with itself and stop.
#[tokio::test(start_paused = true)]
async fn a_broker_that_never_acknowledges_our_status_does_not_stop_us() {
    let _clock = fast();
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 16);
    // More than rumqttc has packet ids.
    for connection in 1..=9 {
        let mut broker = Peer::accept(&listener, true).await;
        loop {
            match broker.pinged().await {
                Some(Packet::Subscribe(subscribe)) => drop(broker.answer(subscribe, &[GRANTED; 2]).await),
                Some(Packet::Publish(publish)) if publish.topic == ALARMS => break,
                Some(Packet::Publish(publish)) => assert_eq!(&publish.payload[..], b"online"),
                other => panic!("{other:?}"),
            }
        }
        // However often that changes, what is in flight does not become more.
        for at in 0..20 {
            let alarm = Alarm { since: Some(Timestamp(at)), why: String::new(), over: None, told: false };
            port.alarms.show([(&Code::TunnelDown, &alarm)].into_iter());
            tokio::task::yield_now().await;
        }
        broker.send(&[cases(connection, 7)]).await;
        assert_eq!(port.take().await, i64::from(connection));
        assert_eq!(broker.pinged().await, Some(Packet::PubAck(PubAck::new(7))));
    }
}

/// Of any size, retained or not, with either QoS: read on the same connection, acknowledged, and the other feed is heard behind it.
#[tokio::test]
async fn a_monster_neither_ends_the_connection_nor_silences_the_other_feed() {
    const MONSTER: usize = 20 * 1024 * 1024;
    let (log, _guard) = Log::start();
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 16);
    let mut broker = Peer::subscribed(&listener).await;
    let monster = |packet| publish("figures/corona/cases_new", vec![b'1'; MONSTER], packet);
    broker.send(&[retained(monster(7)), level(312, 8), retained(monster(0)), level(313, 9)]).await;
    assert_eq!(port.take().await, 312);
    assert_eq!(port.take().await, 313);
    for packet in 7..=9 {
        assert_eq!(broker.acknowledgement().await, packet);
    }
    broker.send(&[monster(10)]).await;
    let mut told = Vec::new();
    while told.len() < 2 {
        match broker.packet().await {
            Some(Packet::PubAck(ack)) => told.push(ack.pkid.to_string()),
            Some(Packet::Publish(publish)) => told.push(publish.topic),
            other => panic!("{other:?}"),
        }
    }
    told.sort();
    assert_eq!(told, ["10", "relay/receipts/corona/cases_new"]);
    let said = log.lines("too-large");
    assert!(said.len() == 2 && said[0].contains("figures/corona/cases_new"), "at the first and the second: {said:?}");
    assert_eq!(log.lines("connected to the MQTT broker").len(), 1);
}

/// Said once, tried once a minute, and let in as soon as somebody has mended it.
#[tokio::test(start_paused = true)]
async fn a_refused_login_is_said_once_and_tried_slowly() {
    let _clock = fast();
    let (log, _guard) = Log::start();
    let (listener, address) = listen().await;
    let _port = Port::start(address, 16);
    for _ in 0..3 {
        let mut broker = Peer::knocked(&listener).await;
        broker.send(&[Packet::ConnAck(ConnAck { session_present: false, code: ConnectReturnCode::NotAuthorized })]).await;
        assert_eq!(broker.packet().await, None);
    }
    Peer::subscribed(&listener).await;
    let said = log.lines("ERROR");
    assert_eq!(said.len(), 2, "at the first and the second failure: {said:?}");
    for line in &said {
        assert!(line.contains("check user, password and client id") && (30.0..=60.0).contains(&pause(line)), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_change_of_the_link_is_said_once_with_its_reason() {
    let _clock = fast();
    let (log, _guard) = Log::start();
    let (listener, address) = listen().await;
    let _port = Port::start(address, 16);
    for connection in 0..2 {
        let mut broker = Peer::accept(&listener, connection > 0).await;
        broker.greeted(&[GRANTED; 2]).await;
        // Proof that the link is good.
        assert_eq!(broker.packet().await, Some(Packet::PingReq));
        broker.send(&[Packet::PingResp]).await;
        assert!(broker.acknowledged().await.is_empty());
    }
    let mut broker = Peer::accept(&listener, true).await;
    broker.greeted(&[]).await;
    let lines: Vec<_> = log.lines("MQTT broker").iter().map(|line| line.split_once(" INFO ").expect("info").1.to_owned()).collect();
    let (up, down): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.contains("connected to"));
    assert_eq!((lines.len(), up.len(), down.len()), (5, 3, 2), "{lines:?}");
    assert!(down.iter().all(|line| line.contains("closed by the broker")), "{down:?}");
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_a_line_that_is_down() {
    let (log, _guard) = Log::start();
    let (_listener, address) = listen().await;
    let _port = Port::with(MqttConfig { host: "drk-relay.invalid".to_owned(), ..config(address) }, 16);
    let said = log.says("no connection to the MQTT broker").await;
    assert!(said.contains("WARN") && said.contains("the name is unknown"), "{said}");
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

#[tokio::test]
async fn takes_all_that_brokers_send_unacknowledged() {
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 1);
    let mut broker = Peer::subscribed(&listener).await;
    let flood: Vec<Packet> = (1..=1_000).map(|count| cases(count.into(), count)).collect();
    broker.send(&flood).await;
    assert!(broker.acknowledged().await.is_empty());
    for expected in 1..=1_000 {
        assert_eq!(port.take().await, i64::from(expected));
        assert_eq!(broker.acknowledgement().await, expected);
    }
}

/// A broker without any bound: it gets back what the relay has no room for, and its packet ids start again with every connection.
#[tokio::test]
async fn more_than_it_can_keep_is_fetched_connection_by_connection_and_in_order() {
    const ALL: u16 = 5_000;
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 1);
    let taken = tokio::spawn(async move {
        for expected in 1..=ALL {
            assert_eq!(port.take().await, i64::from(expected), "in order, none missing, none twice");
        }
        port
    });
    let (mut acknowledged, mut connections) = (0, 0);
    let mut broker = Peer::subscribed(&listener).await;
    while acknowledged < ALL {
        connections += 1;
        let flood: Vec<Packet> = (acknowledged + 1..=ALL).map(|count| cases(count.into(), count)).collect();
        broker.send(&flood).await;
        while acknowledged < ALL
            && let Some(packet) = broker.packet().await
        {
            assert_eq!(packet, Packet::PubAck(PubAck::new(acknowledged + 1)));
            acknowledged += 1;
        }
        if acknowledged < ALL {
            broker = Peer::accept(&listener, true).await;
            broker.greeted(&[]).await;
        }
    }
    let _port = within(taken).await.expect("in order");
    assert!(connections > 1, "the window has a bound");
}
