//! The other end of an MQTT connection, packet by packet: a scripted broker for the port, or a client for the broker.

use bytes::BytesMut;
use drk_relay::config::MqttConfig;
use drk_relay::domain::decision::Receipt;
use drk_relay::domain::event::Event;
use drk_relay::domain::ids::Name;
use drk_relay::domain::state::MetricKind;
use drk_relay::port::clock::Clock;
use drk_relay::port::link::Link;
use drk_relay::port::{Arrival, mqtt};
use rumqttc::mqttbytes::Error;
use rumqttc::{ConnAck, Connect, ConnectReturnCode, Packet, PubAck, Publish, QoS, SubAck, Subscribe, SubscribeReasonCode};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Everything happens at once or after a back-off of a few seconds; this is for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);
const PACKET: usize = 8 * 1024 * 1024;

/// What `future` yields; a test that hangs fails.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("nothing happened for a long time")
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// The port under test; ends with the test.
pub(crate) struct Port {
    pub(crate) inbox: mpsc::Receiver<Arrival>,
    pub(crate) receipts: mpsc::Sender<Receipt>,
    task: JoinHandle<()>,
}

impl Port {
    pub(crate) fn start(broker: SocketAddr, inbox: usize) -> Port {
        let name = |name| Name::new(name).expect("a name");
        let config = MqttConfig {
            host: broker.ip().to_string(),
            port: broker.port(),
            client_id: "drk-relay".to_owned(),
            login: None,
            figures: "figures".to_owned(),
            relay: "relay".to_owned(),
            feed: name("corona"),
            metrics: vec![(name("cases_new"), MetricKind::Count), (name("incidence"), MetricKind::Rate)],
        };
        let (sender, inbox) = mpsc::channel(inbox);
        let (receipts, mut queue) = mpsc::channel(16);
        let task = tokio::spawn(async move {
            mqtt::run(&config, &sender, &mut queue, &Link::new(Clock::System)).await;
        });
        Port { inbox, receipts, task }
    }

    /// The next arrival and the digits of its first value.
    pub(crate) async fn figure(&mut self) -> (i64, Arrival) {
        let arrival = within(self.inbox.recv()).await.expect("the port runs");
        match arrival.events.as_slice() {
            [Event::Figure(figure)] => (figure.values.first().expect("a value").1.parts().0, arrival),
            other => panic!("not one figure: {other:?}"),
        }
    }

    /// The same, acknowledged if anybody waits.
    pub(crate) async fn take(&mut self) -> i64 {
        let (value, arrival) = self.figure().await;
        durable(arrival);
        value
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn durable(arrival: Arrival) {
    if let Some(ack) = arrival.ack {
        let _ = ack.send(());
    }
}

pub(crate) fn publish(topic: &str, payload: impl Into<Vec<u8>>, packet: u16) -> Packet {
    let mut publish = Publish::new(topic, if packet == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce }, payload);
    publish.pkid = packet;
    Packet::Publish(publish)
}

/// A count on its topic: QoS 1 under this packet id, or QoS 0 if it is 0.
pub(crate) fn cases(count: u32, packet: u16) -> Packet {
    publish("figures/corona/cases_new", count.to_string(), packet)
}

pub(crate) fn retained(mut packet: Packet) -> Packet {
    if let Packet::Publish(publish) = &mut packet {
        publish.retain = true;
    }
    packet
}

pub(crate) struct Peer {
    stream: TcpStream,
    read: BytesMut,
}

impl Peer {
    /// As a broker: waits for the client's CONNECT and lets it in.
    pub(crate) async fn accept(listener: &TcpListener, session_present: bool) -> Peer {
        let (stream, _) = within(listener.accept()).await.expect("a connection");
        let mut peer = Peer { stream, read: BytesMut::new() };
        match peer.packet().await {
            Some(Packet::Connect(connect)) => assert!(!connect.clean_session && connect.client_id == "drk-relay"),
            other => panic!("not CONNECT: {other:?}"),
        }
        peer.send(&[Packet::ConnAck(ConnAck { session_present, code: ConnectReturnCode::Success })]).await;
        peer
    }

    /// As a client with a session that ends with the connection.
    pub(crate) async fn connect(broker: SocketAddr, client_id: &str) -> Peer {
        let stream = within(TcpStream::connect(broker)).await.expect("a broker");
        let mut peer = Peer { stream, read: BytesMut::new() };
        peer.send(&[Packet::Connect(Connect::new(client_id))]).await;
        assert!(matches!(peer.packet().await, Some(Packet::ConnAck(_))));
        peer
    }

    pub(crate) async fn subscribe(&mut self, filter: &str) {
        let mut subscribe = Subscribe::new(filter, QoS::AtLeastOnce);
        subscribe.pkid = 1;
        self.send(&[Packet::Subscribe(subscribe)]).await;
        assert!(matches!(self.packet().await, Some(Packet::SubAck(_))));
    }

    /// All in one write, so that the other side reads them at once.
    pub(crate) async fn send(&mut self, packets: &[Packet]) {
        let mut bytes = BytesMut::new();
        for packet in packets {
            packet.write(&mut bytes, PACKET).expect("a small packet");
        }
        within(self.stream.write_all(&bytes)).await.expect("an open connection");
    }

    /// The next packet; `None` at the end of the connection.
    pub(crate) async fn packet(&mut self) -> Option<Packet> {
        loop {
            match Packet::read(&mut self.read, PACKET) {
                Ok(packet) => return Some(packet),
                Err(Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("{error}"),
            }
            match within(self.stream.read_buf(&mut self.read)).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next message: topic and payload.
    pub(crate) async fn message(&mut self) -> (String, String) {
        loop {
            match self.packet().await {
                Some(Packet::Publish(publish)) => {
                    if publish.qos == QoS::AtLeastOnce {
                        self.send(&[Packet::PubAck(PubAck::new(publish.pkid))]).await;
                    }
                    return (publish.topic, String::from_utf8(publish.payload.to_vec()).expect("text"));
                }
                Some(_) => {}
                None => panic!("the connection ended"),
            }
        }
    }

    /// What the port says after CONNACK: perhaps SUBSCRIBE, which is answered with `code`, and then that it is online.
    pub(crate) async fn greeted(&mut self, code: Option<SubscribeReasonCode>) -> Option<Subscribe> {
        let mut subscribed = None;
        loop {
            match self.packet().await {
                Some(Packet::Subscribe(subscribe)) => {
                    if let Some(code) = code {
                        self.send(&[Packet::SubAck(SubAck::new(subscribe.pkid, vec![code; subscribe.filters.len()]))]).await;
                    }
                    subscribed = Some(subscribe);
                }
                Some(Packet::Publish(publish)) => {
                    assert_eq!((publish.topic.as_str(), &publish.payload[..], publish.retain), ("relay/status", &b"online"[..], true));
                    self.send(&[Packet::PubAck(PubAck::new(publish.pkid))]).await;
                    return subscribed;
                }
                None if code == Some(SubscribeReasonCode::Failure) => return subscribed,
                other => panic!("{other:?}"),
            }
        }
    }

    /// A connection on which the port has subscribed.
    pub(crate) async fn subscribed(listener: &TcpListener) -> Peer {
        let mut peer = Peer::accept(listener, false).await;
        let subscribe = peer.greeted(Some(SubscribeReasonCode::Success(QoS::AtLeastOnce))).await.expect("SUBSCRIBE");
        let filters: Vec<_> = subscribe.filters.iter().map(|filter| (filter.path.as_str(), filter.qos)).collect();
        assert_eq!(filters, [("figures/corona", QoS::AtLeastOnce), ("figures/corona/+", QoS::AtLeastOnce)]);
        peer
    }

    /// The packet ids that the port acknowledges until now: it answers nonsense of QoS 0 at once, whatever else it waits for.
    pub(crate) async fn acknowledged(&mut self) -> Vec<u16> {
        self.send(&[publish("figures/corona/cases_new", "siebzehn", 0)]).await;
        let mut acknowledged = Vec::new();
        loop {
            match self.packet().await {
                Some(Packet::PubAck(ack)) => acknowledged.push(ack.pkid),
                Some(Packet::Publish(publish)) if publish.topic.starts_with("relay/receipts/") => return acknowledged,
                other => panic!("{other:?}"),
            }
        }
    }

    /// As a publisher that hears receipts: returns when the port has sent all that it had to send before. Twice, because the first receipt
    /// may overtake what the port queued in the same moment.
    pub(crate) async fn settled(&mut self) {
        for _ in 0..2 {
            self.send(&[publish("figures/corona/cases_new", "siebzehn", 0)]).await;
            while !self.message().await.1.contains("not-a-number") {}
        }
    }

    /// The packet id that is acknowledged next.
    pub(crate) async fn acknowledgement(&mut self) -> u16 {
        match self.packet().await {
            Some(Packet::PubAck(ack)) => ack.pkid,
            other => panic!("{other:?}"),
        }
    }
}
