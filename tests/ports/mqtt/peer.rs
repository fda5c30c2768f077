//! The other end of an MQTT connection, packet by packet: a scripted broker for the port, or a client for the broker.

use bytes::BytesMut;
use drk_relay::config::MqttConfig;
use drk_relay::domain::decision::Receipt;
use drk_relay::domain::event::{Event, Figure};
use drk_relay::domain::ids::Name;
use drk_relay::domain::rules::{FeedRules, MetricKind, MetricRules};
use drk_relay::port::alarms::Alarms;
use drk_relay::port::clock::Clock;
use drk_relay::port::link::Link;
use drk_relay::port::mqtt::Around;
use drk_relay::port::outward::Outward;
use drk_relay::port::{Arrival, mqtt};
use drk_relay::relay::Surface;
use jiff::tz::TimeZone;
use rumqttc::mqttbytes::Error;
use rumqttc::{
    ConnAck, Connect, ConnectReturnCode, Login, Packet, PubAck, Publish, QoS, SubAck, Subscribe, SubscribeFilter, SubscribeReasonCode,
};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::subscriber::DefaultGuard;

/// Everything happens at once or after a back-off of a few seconds; this is for a machine that is busy. Longer than any pause of the port,
/// for the tests with a faster clock.
const PATIENCE: Duration = Duration::from_secs(150);
const PACKET: usize = 64 * 1024 * 1024;
pub(crate) const GRANTED: SubscribeReasonCode = SubscribeReasonCode::Success(QoS::AtLeastOnce);
pub(crate) const REFUSED: SubscribeReasonCode = SubscribeReasonCode::Failure;
/// Where it says which alarms there are.
pub(crate) const ALARMS: &str = "relay/alarms";
pub(crate) const NO_ALARMS: &str = r#"{"schema":1,"alarms":[]}"#;
/// What the port subscribes to.
pub(crate) const FILTERS: [&str; 3] = ["figures/corona/#", "figures/pegel/#", "relay/request/+"];

/// What `future` yields; a test that hangs fails.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("nothing happened for a long time")
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

pub(crate) fn name(name: &str) -> Name {
    Name::new(name).expect("a name")
}

/// Two feeds, no login, no TLS.
pub(crate) fn config(broker: SocketAddr) -> MqttConfig {
    let metric = |metric, kind| MetricRules::new(name(metric), "", kind);
    let corona = vec![metric("cases_new", MetricKind::Count), metric("incidence", MetricKind::Rate)];
    let feeds =
        vec![FeedRules::new(name("corona"), "", corona), FeedRules::new(name("pegel"), "", vec![metric("level", MetricKind::Count)])];
    MqttConfig::plain(&broker.ip().to_string(), broker.port(), feeds, TimeZone::get("Europe/Berlin").expect("built in"))
}

/// The port under test; ends with the test.
pub(crate) struct Port {
    pub(crate) inbox: mpsc::Receiver<Arrival>,
    pub(crate) receipts: mpsc::Sender<Receipt>,
    /// What it shows of its connection.
    pub(crate) link: Link,
    /// The alarms that it publishes.
    pub(crate) alarms: Alarms,
    /// How the relay looks; no document says anything before it has looked somehow.
    pub(crate) surface: watch::Sender<Surface>,
    task: JoinHandle<()>,
}

impl Port {
    pub(crate) fn start(broker: SocketAddr, inbox: usize) -> Port {
        Port::with(config(broker), inbox)
    }

    pub(crate) fn with(config: MqttConfig, inbox: usize) -> Port {
        let (sender, inbox) = mpsc::channel(inbox);
        let (receipts, mut queue) = mpsc::channel(16);
        let link = Link::new(Clock::System);
        let alarms = Alarms::silent();
        let surface = watch::Sender::default();
        let (shown, seen, looks) = (link.clone(), alarms.clone(), surface.clone());
        let task = tokio::spawn(async move {
            let around = Around { alarms: &seen, link: &shown, surface: &looks, started: Clock::System.mark() };
            mqtt::run(&config, &Outward::Direct, &sender, &mut queue, &around).await;
        });
        Port { inbox, receipts, link, alarms, surface, task }
    }

    /// The next arrival and what it states.
    pub(crate) async fn stated(&mut self) -> (Figure, Arrival) {
        let arrival = within(self.inbox.recv()).await.expect("the port runs");
        match arrival.events.as_slice() {
            [Event::Figure(figure)] => (figure.clone(), arrival),
            other => panic!("not one figure: {other:?}"),
        }
    }

    /// The next arrival and the digits of its first value.
    pub(crate) async fn figure(&mut self) -> (i64, Arrival) {
        let (figure, arrival) = self.stated().await;
        (figure.values.first().expect("a value").1.parts().0, arrival)
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

/// What the relay's own code logs on this thread, from info upwards.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Until the guard is dropped.
    pub(crate) fn start() -> (Log, DefaultGuard) {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The lines with these words.
    pub(crate) fn lines(&self, words: &str) -> Vec<String> {
        let bytes = self.0.lock().expect("nobody panicked").clone();
        let text = String::from_utf8(bytes).expect("text");
        text.lines().filter(|line| line.contains("drk_relay") && line.contains(words)).map(str::to_owned).collect()
    }

    /// Waits for such a line.
    pub(crate) async fn says(&self, words: &str) -> String {
        let found = within(async {
            loop {
                if let Some(line) = self.lines(words).pop() {
                    return line;
                }
                // waits: a log has no signal.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        found.await
    }
}

/// How long the port waits before the next attempt, in seconds, as such a line says.
pub(crate) fn pause(line: &str) -> f32 {
    let words = line.split_once("again=").expect("a pause").1;
    words.split(' ').next().and_then(|seconds| seconds.parse().ok()).expect("seconds")
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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

/// The same of the other feed.
pub(crate) fn level(count: u32, packet: u16) -> Packet {
    publish("figures/pegel/level", count.to_string(), packet)
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
        let mut peer = Peer::knocked(listener).await;
        peer.send(&[Packet::ConnAck(ConnAck { session_present, code: ConnectReturnCode::Success })]).await;
        peer
    }

    /// As a broker: waits for the client's CONNECT and does not answer it.
    pub(crate) async fn knocked(listener: &TcpListener) -> Peer {
        let (stream, _) = within(listener.accept()).await.expect("a connection");
        let mut peer = Peer { stream, read: BytesMut::new() };
        match peer.packet().await {
            Some(Packet::Connect(connect)) => assert!(!connect.clean_session && connect.client_id == "drk-relay"),
            other => panic!("not CONNECT: {other:?}"),
        }
        peer
    }

    /// As a client with a session that ends with the connection.
    pub(crate) async fn connect(broker: SocketAddr, client_id: &str) -> Peer {
        Peer::begin(broker, Connect::new(client_id)).await
    }

    /// The same, with a user and a password.
    pub(crate) async fn log_in(broker: SocketAddr, [user, password]: [&str; 2]) -> Peer {
        let mut connect = Connect::new(user);
        connect.login = Some(Login::new(user, password));
        Peer::begin(broker, connect).await
    }

    async fn begin(broker: SocketAddr, connect: Connect) -> Peer {
        let stream = within(TcpStream::connect(broker)).await.expect("a broker");
        let mut peer = Peer { stream, read: BytesMut::new() };
        peer.send(&[Packet::Connect(connect)]).await;
        let answer = peer.packet().await;
        assert!(matches!(answer, Some(Packet::ConnAck(ConnAck { code: ConnectReturnCode::Success, .. }))), "{answer:?}");
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
        within(self.stream.write_all(&bytes(packets))).await.expect("an open connection");
    }

    /// Sends these again and again for so many milliseconds and reads on meanwhile, as any broker does. Returns how often.
    pub(crate) async fn flood(&mut self, packets: &[Packet], millis: u64) -> u32 {
        let (bytes, until) = (bytes(packets), Clock::System.now().plus(millis));
        let (mut from, mut to) = self.stream.split();
        let mut writing = pin!(async {
            let mut times = 0;
            while Clock::System.now() < until {
                within(to.write_all(&bytes)).await.expect("an open connection");
                times += 1;
            }
            times
        });
        loop {
            tokio::select! {
                times = &mut writing => return times,
                read = from.read_buf(&mut self.read) => assert!(read.expect("an open connection") > 0, "an open connection"),
            }
        }
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

    /// The next message: topic and payload. Which alarms there are is for [`Peer::alarms`].
    pub(crate) async fn message(&mut self) -> (String, String) {
        loop {
            let message = self.any_message().await;
            if message.0 != ALARMS {
                return message;
            }
        }
    }

    /// The next message that says which alarms there are.
    pub(crate) async fn alarms(&mut self) -> String {
        loop {
            let (topic, payload) = self.any_message().await;
            if topic == ALARMS {
                return payload;
            }
        }
    }

    async fn any_message(&mut self) -> (String, String) {
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

    /// What the port says after CONNACK: perhaps SUBSCRIBE, which is answered as [`Peer::answer`] does, and then that it is
    /// online and that there is no alarm. Returns the filters.
    pub(crate) async fn greeted(&mut self, codes: &[SubscribeReasonCode]) -> Vec<String> {
        let (mut filters, mut said) = (Vec::new(), Vec::new());
        loop {
            match self.packet().await {
                Some(Packet::Subscribe(subscribe)) => filters = self.answer(subscribe, codes).await,
                Some(Packet::Publish(publish)) => {
                    self.send(&[Packet::PubAck(PubAck::new(publish.pkid))]).await;
                    said.push((publish.topic, String::from_utf8(publish.payload.to_vec()).expect("text"), publish.retain));
                    if let [status, alarms] = said.as_slice() {
                        assert_eq!(*status, ("relay/status".to_owned(), "online".to_owned(), true));
                        assert_eq!(*alarms, (ALARMS.to_owned(), NO_ALARMS.to_owned(), true));
                        return filters;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Answers SUBSCRIBE, or does not if there are no codes; what they do not suffice for is granted. Returns the filters.
    pub(crate) async fn answer(&mut self, subscribe: Subscribe, codes: &[SubscribeReasonCode]) -> Vec<String> {
        if !codes.is_empty() {
            let granted = subscribe.filters.iter().skip(codes.len()).map(|filter| SubscribeReasonCode::Success(filter.qos));
            let codes = codes.iter().copied().chain(granted).collect();
            self.send(&[Packet::SubAck(SubAck::new(subscribe.pkid, codes))]).await;
        }
        let expected = |filter: &SubscribeFilter| if filter.path == FILTERS[2] { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        assert!(subscribe.filters.iter().all(|filter| filter.qos == expected(filter)), "{subscribe:?}");
        subscribe.filters.into_iter().map(|filter| filter.path).collect()
    }

    /// A connection on which the port has subscribed.
    pub(crate) async fn subscribed(listener: &TcpListener) -> Peer {
        let mut peer = Peer::accept(listener, false).await;
        assert_eq!(peer.greeted(&[GRANTED; 2]).await, FILTERS);
        peer
    }

    /// The next packet that is no PINGREQ; those are answered.
    pub(crate) async fn pinged(&mut self) -> Option<Packet> {
        loop {
            match self.packet().await {
                Some(Packet::PingReq) => self.send(&[Packet::PingResp]).await,
                other => return other,
            }
        }
    }

    /// The packet ids that the port acknowledges until now: it answers nonsense of QoS 0 at once, whatever else it waits for.
    pub(crate) async fn acknowledged(&mut self) -> Vec<u16> {
        self.send(&[publish("figures/corona/cases_new", "siebzehn", 0)]).await;
        let mut acknowledged = Vec::new();
        loop {
            match self.pinged().await {
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
        loop {
            match self.pinged().await {
                Some(Packet::PubAck(ack)) => return ack.pkid,
                Some(Packet::Publish(publish)) if publish.topic == ALARMS => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

pub(crate) fn bytes(packets: &[Packet]) -> BytesMut {
    let mut bytes = BytesMut::new();
    for packet in packets {
        packet.write(&mut bytes, PACKET).expect("not larger than any test needs");
    }
    bytes
}
