//! Figures in, receipts out, over one MQTT 3.1.1 session that the broker keeps for us. Decides nothing about figures, stores nothing,
//! and never gives up: reconnecting is its own business.
//!
//! ```text
//!              ┌─ QoS 0 ──────────── try_send ───────────▶ inbox
//!   poll ──────┤
//!     ▲        └─ QoS 1 ──▶ feed ──── waits for room ────▶ inbox
//!     │                       └──▶ acknowledge ◀──durable──┘ one after the other, in the order of arrival
//!     └─── requests ◀── PUBACK ──────┘        answer ◀── receipts
//! ```
//!
//! Four loops in *one* task, so that between a lost connection and the note of it in [`Link`] nothing else runs: an acknowledgement can
//! then never slip from one connection into the next, where its packet id may mean another message. `poll` waits for nothing but the
//! broker, or pings would stop.

mod number;
mod payload;
mod receipt;
mod rejected;

pub use payload::parse;
pub use rejected::Rejected;

use super::{Arrival, Inbox, link};
use crate::config::MqttConfig;
use crate::domain::decision::Receipt;
use crate::domain::event::{Event, Figure};
use rumqttc::mqttbytes::{self, QoS};
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, EventLoop, LastWill, MqttOptions, NetworkOptions, Packet, Publish, Request,
    StateError, Subscribe, SubscribeFilter, SubscribeReasonCode,
};
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info, warn};

/// Silence that is tolerated. rumqttc pings regardless of traffic and gives up if the previous ping is still unanswered.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Name lookup, TCP and CONNACK on a slow mobile line.
const CONNECT_SECONDS: u64 = 20;
/// Sixty-four times what a message of the contract may have. rumqttc's default of 10 KiB turns a mistake into a disconnect.
const PACKET: usize = 256 * 1024;
/// For one connection after an oversized packet, so that a photo that somebody published can be read, rejected and acknowledged: the
/// broker would otherwise send it again for ever. A Pi can spare that for a moment.
const PACKET_ONCE: usize = 4 * 1024 * 1024;
/// Publishes of QoS 1 that may wait for the relay: as many as there are packet ids, so no broker that keeps to the standard has more of
/// them unacknowledged. Most send 20 (mosquitto) or 32 (EMQX) at once, but mosquitto 2.0 adds 20 with every connection that was lost, and
/// can be told to have no limit. Whoever leaves because there are too many gets all of them again at once, and leaves again, for ever.
const WINDOW: usize = u16::MAX as usize;
/// Requests that may wait for the connection: receipts of a burst, and the acknowledgements that belong to it.
const REQUESTS: usize = 64;
/// Our own publishes of QoS 1 in flight: there is at most one, `online`.
const INFLIGHT: u16 = 8;
/// A publisher waits for its receipt about as long; a line that is stuck for longer must not hold up the others.
const PATIENCE: Duration = Duration::from_secs(1);
/// How soon to try again when an acknowledgement finds the requests full: they empty as fast as the socket takes them.
const RETRY: Duration = Duration::from_millis(5);
/// So much of a publisher's topic is shown in the log: it may have 65,535 bytes.
const TOPIC_SHOWN: usize = 120;
/// First and longest wait before another attempt.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Runs for ever: drop the future to stop, and the broker publishes our last will.
pub async fn run(config: &MqttConfig, inbox: &Inbox, receipts: &mut mpsc::Receiver<Receipt>, broker: &link::Link) -> Infallible {
    let (client, eventloop) = AsyncClient::new(options(config), REQUESTS);
    let link = Link::default();
    let (hand, handed) = mpsc::channel(WINDOW);
    let (fed, unacknowledged) = mpsc::channel(WINDOW);
    let tallies = Tallies::default();
    let (client, link) = (&client, &link);
    let mut poller = Poller {
        config,
        client,
        broker,
        link,
        eventloop,
        inbox: inbox.clone(),
        hand,
        subscribed: false,
        tallies,
        back_off: BackOff::new(),
    };
    poller.eventloop.set_network_options(network());
    let (never, ..) = tokio::join!(
        poller.run(),
        feed(handed, inbox.clone(), fed),
        acknowledge(unacknowledged, client, link),
        answer(receipts, config, client, link)
    );
    never
}

fn options(config: &MqttConfig) -> MqttOptions {
    let mut options = MqttOptions::new(&config.client_id, &config.host, config.port);
    options.set_keep_alive(KEEP_ALIVE).set_clean_session(false).set_manual_acks(true).set_inflight(INFLIGHT);
    options.set_max_packet_size(PACKET, PACKET).set_last_will(LastWill::new(status(config), "offline", QoS::AtLeastOnce, true));
    if let Some((user, password)) = &config.login {
        options.set_credentials(user, password.expose_secret());
    }
    options
}

fn network() -> NetworkOptions {
    let mut network = NetworkOptions::new();
    network.set_connection_timeout(CONNECT_SECONDS).set_tcp_nodelay(true);
    network
}

fn status(config: &MqttConfig) -> String {
    format!("{}/status", config.relay)
}

/// Which connection is up: counted from 1, [`Link::DOWN`] between two.
#[derive(Debug, Default)]
struct Link(AtomicU64);

impl Link {
    const DOWN: u64 = 0;

    fn set(&self, connection: u64) {
        self.0.store(connection, Ordering::Relaxed);
    }

    fn current(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether an acknowledgement that belongs to `connection` may still go out.
    fn is(&self, connection: u64) -> bool {
        connection != Link::DOWN && connection == self.current()
    }
}

/// What an acknowledgement needs: the packet id, and the connection on which it means something.
#[derive(Clone, Copy, Debug)]
struct Ticket {
    connection: u64,
    packet: u16,
}

/// A publish of QoS 1 on its way to the relay; `None` if it stated nothing and only wants its acknowledgement.
type Handed = (Ticket, Option<Event>);
/// A publish of QoS 1 that the relay has; `None` if there is nothing to wait for.
type Fed = (Ticket, Option<oneshot::Receiver<()>>);

/// Why a connection ended.
#[derive(Debug)]
enum Lost {
    /// More unacknowledged publishes than [`WINDOW`]: the broker keeps them, and sends them again after a pause.
    Window,
    /// The broker does not let us subscribe.
    Subscription,
    /// The broker does not let us in.
    Refused(ConnectReturnCode),
    /// A packet larger than the limit, with its size.
    Oversized(usize),
    /// The line, or what came over it.
    Line(String),
}

impl Lost {
    /// What a technician is told.
    fn sentence(&self) -> String {
        match self {
            Lost::Window => "es kamen mehr Zahlen, als das Relay annehmen kann; der Broker schickt sie noch einmal".to_owned(),
            Lost::Subscription => "der Broker erlaubt das Abonnieren nicht. Abhilfe: seine Zugriffsregeln prüfen".to_owned(),
            Lost::Refused(code) => format!("der Broker lehnt ab ({code:?}). Abhilfe: user, password_file und client_id prüfen"),
            Lost::Oversized(size) => format!("eine Nachricht ist mit {size} Bytes zu groß. Abhilfe: den Sender prüfen"),
            Lost::Line(why) => format!("keine Verbindung zum Broker: {why}"),
        }
    }
}

impl From<ConnectionError> for Lost {
    fn from(error: ConnectionError) -> Lost {
        match error {
            ConnectionError::ConnectionRefused(code) => Lost::Refused(code),
            ConnectionError::MqttState(StateError::Deserialization(mqttbytes::Error::PayloadSizeLimitExceeded(size))) => {
                Lost::Oversized(size)
            }
            // Its text would show the packet.
            ConnectionError::NotConnAck(_) => Lost::Line("the broker answered CONNECT with something else".to_owned()),
            ConnectionError::MqttState(_)
            | ConnectionError::NetworkTimeout
            | ConnectionError::FlushTimeout
            | ConnectionError::Tls(_)
            | ConnectionError::Io(_)
            | ConnectionError::RequestsDone => Lost::Line(error.to_string()),
        }
    }
}

/// Counts what is worth a line, but not a line each time.
#[derive(Debug, Default)]
struct Tallies {
    dropped: u64,
    failed: u64,
    /// By code, of which there are two dozen: a new mistake is heard of while an old one goes on.
    rejected: BTreeMap<&'static str, u64>,
}

impl Tallies {
    fn rejected(&mut self, code: &'static str) -> Option<u64> {
        worth_a_line(self.rejected.entry(code).or_default())
    }
}

/// The next count, if it is a power of two: a flood of a million costs twenty lines.
fn worth_a_line(count: &mut u64) -> Option<u64> {
    *count += 1;
    count.is_power_of_two().then_some(*count)
}

/// Owns the connection.
struct Poller<'a> {
    config: &'a MqttConfig,
    client: &'a AsyncClient,
    /// What others are shown of the connection.
    broker: &'a link::Link,
    link: &'a Link,
    eventloop: EventLoop,
    inbox: Inbox,
    hand: mpsc::Sender<Handed>,
    /// The broker has confirmed the subscriptions of this process, and kept the session since.
    subscribed: bool,
    tallies: Tallies,
    back_off: BackOff,
}

impl Poller<'_> {
    async fn run(&mut self) -> Infallible {
        let mut connections = 0;
        loop {
            let lost = self.until_lost(&mut connections).await;
            self.link.set(Link::DOWN);
            self.salvage();
            self.limit(&lost);
            let pause = self.back_off.next(getrandom::u32().unwrap_or_default());
            self.log(&lost, pause);
            tokio::time::sleep(pause).await;
        }
    }

    async fn until_lost(&mut self, connections: &mut u64) -> Lost {
        loop {
            let packet = match self.eventloop.poll().await {
                Ok(rumqttc::Event::Incoming(packet)) => packet,
                Ok(rumqttc::Event::Outgoing(_)) => continue,
                Err(error) => return error.into(),
            };
            if let Packet::ConnAck(ack) = &packet {
                *connections += 1;
                self.connected(*connections, ack.session_present);
            }
            if let Err(lost) = self.incoming(packet) {
                self.eventloop.clean();
                return lost;
            }
        }
    }

    fn incoming(&mut self, packet: Packet) -> Result<(), Lost> {
        match packet {
            Packet::Publish(publish) => self.arrived(&publish),
            Packet::SubAck(ack) if ack.return_codes.contains(&SubscribeReasonCode::Failure) => Err(Lost::Subscription),
            Packet::SubAck(_) => {
                self.subscribed = true;
                info!(feed = %self.config.feeds[0].name, "subscribed to figures");
                Ok(())
            }
            // The connection has lasted for a keep-alive. A CONNACK alone proves little: two relays under one client id get one a second.
            Packet::PingResp => {
                self.back_off = BackOff::new();
                self.tallies.failed = 0;
                Ok(())
            }
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::PubAck(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::UnsubAck(_)
            | Packet::PingReq
            | Packet::Disconnect => Ok(()),
        }
    }

    /// Subscribes where that is needed and says that we are there.
    ///
    /// Needed is it whenever the broker has no session of ours, at the first connection of a process (the session may be subscribed to what
    /// the configuration said before; retained figures come again, which the domain takes as duplicates), and as long as no SUBACK came: a
    /// session can be present without its SUBSCRIBE having arrived. Both go in front of what waits already and need no room among the
    /// requests, which receipts may have filled while the line was down.
    fn connected(&mut self, connection: u64, session_present: bool) {
        self.link.set(connection);
        self.subscribed &= session_present;
        let mut online = Publish::new(status(self.config), QoS::AtLeastOnce, "online");
        online.retain = true;
        self.eventloop.pending.push_front(Request::Publish(online));
        if !self.subscribed {
            let root = format!("{}/{}", self.config.figures, self.config.feeds[0].name);
            let filters = [root.clone(), root + "/+"].map(|filter| SubscribeFilter::new(filter, QoS::AtLeastOnce));
            self.eventloop.pending.push_front(Request::Subscribe(Subscribe::new_many(filters)));
        }
        self.broker.up();
        info!(host = %self.config.host, port = self.config.port, session_present, "connected to the MQTT broker");
    }

    /// Passes a publish on. While the link is down (see [`Poller::salvage`]) its ticket is void and it is never acknowledged.
    fn arrived(&mut self, publish: &Publish) -> Result<(), Lost> {
        let ticket = Ticket { connection: self.link.current(), packet: publish.pkid };
        let stale = ticket.connection == Link::DOWN;
        let acknowledged = publish.qos == QoS::AtLeastOnce;
        let event = self.event(publish, acknowledged && stale);
        if acknowledged {
            return match self.hand.try_send((ticket, event)) {
                Ok(()) => Ok(()),
                // It was not acknowledged, so the broker has it still.
                Err(_) if stale => Ok(()),
                Err(_) => Err(Lost::Window),
            };
        }
        if let Some(Err(mpsc::error::TrySendError::Full(_))) = event.map(|event| self.inbox.try_send(Arrival::told(event)))
            && let Some(dropped) = worth_a_line(&mut self.tallies.dropped)
        {
            warn!(dropped, "figures of QoS 0 dropped: the relay is busy. Publish with QoS 1.");
        }
        Ok(())
    }

    /// The figure, or a receipt that says why there is none. Retained replays get no receipt: nobody waits. Neither does a message that
    /// will be `redelivered`.
    fn event(&mut self, publish: &Publish, redelivered: bool) -> Option<Event> {
        match parse(self.config, &publish.topic, &publish.payload) {
            Ok(figure) if publish.retain => Some(Event::Figure(Figure { receipt: None, ..figure })),
            Ok(figure) => Some(Event::Figure(figure)),
            Err(rejected) => {
                let code = rejected.code();
                if let Some(so_far) = self.tallies.rejected(code) {
                    let topic: String = publish.topic.chars().take(TOPIC_SHOWN).collect();
                    warn!(topic, code, so_far, retained = publish.retain, "message rejected");
                }
                let receipt = receipt::rejected(self.config, &publish.topic, &rejected).filter(|_| !publish.retain && !redelivered);
                if let Some((topic, body)) = receipt
                    && self.client.try_publish(topic, QoS::AtMostOnce, false, body).is_err()
                {
                    debug!("receipt dropped: too many wait");
                }
                None
            }
        }
    }

    /// After a lost connection: passes on what had been read from it but not polled, before the next `poll` would present it as if it came
    /// from the new one. Keeps the receipts that wait; everything else that waits is said anew to every connection.
    fn salvage(&mut self) {
        for event in std::mem::take(&mut self.eventloop.state.events) {
            if let rumqttc::Event::Incoming(Packet::Publish(publish)) = event
                && self.arrived(&publish).is_err()
            {
                debug!("a stale publish found no room");
            }
        }
        // rumqttc does not clear it when a session is lost, and then waits for ever.
        self.eventloop.state.collision = None;
        let pending = &mut self.eventloop.pending;
        pending.retain(|request| matches!(request, Request::Publish(publish) if publish.qos == QoS::AtMostOnce));
        let surplus = pending.len().saturating_sub(REQUESTS);
        pending.drain(..surplus);
    }

    fn limit(&mut self, lost: &Lost) {
        let limit = if matches!(lost, Lost::Oversized(size) if *size <= PACKET_ONCE) { PACKET_ONCE } else { PACKET };
        self.eventloop.mqtt_options.set_max_packet_size(limit, PACKET);
    }

    /// Error: somebody must change something at the broker or in the configuration. Warn: look, if it goes on.
    fn log(&mut self, lost: &Lost, pause: Duration) {
        let (figures, feed) = (&self.config.figures, &self.config.feeds[0].name);
        let again = pause.as_secs_f32();
        let failed = worth_a_line(&mut self.tallies.failed);
        self.broker.down(lost.sentence());
        match lost {
            Lost::Refused(code) => error!(?code, again, "the MQTT broker refuses us: check user, password and client id"),
            Lost::Subscription => error!(again, "the MQTT broker refuses the subscription: allow {figures}/{feed} and {figures}/{feed}/+"),
            Lost::Oversized(size) if *size > PACKET_ONCE => {
                error!(
                    size,
                    again, "a message that is much too large waits below {figures}/{feed}: remove it (mosquitto_pub -r -n -t TOPIC)"
                );
            }
            Lost::Oversized(size) => warn!(size, again, "a message below {figures}/{feed} is too large and will be rejected"),
            Lost::Window => warn!(again, "more figures than the relay can take: the broker sends them again"),
            Lost::Line(why) => match failed {
                Some(failed) => warn!(why, failed, again, "no connection to the MQTT broker"),
                None => debug!(why, again, "no connection to the MQTT broker"),
            },
        }
    }
}

/// Passes publishes of QoS 1 to the relay in their order, however long it takes.
async fn feed(mut handed: mpsc::Receiver<Handed>, inbox: Inbox, fed: mpsc::Sender<Fed>) -> Infallible {
    while let Some((ticket, event)) = handed.recv().await {
        let mut awaited = None;
        if let Some(event) = event {
            let (arrival, durable) = Arrival::awaited(vec![event]);
            awaited = Some(durable);
            // A relay that is gone drops the arrival: no acknowledgement.
            let _ = inbox.send(arrival).await;
        }
        let _ = fed.send((ticket, awaited)).await;
    }
    pending().await
}

/// Acknowledges in the order of arrival (MQTT 3.1.1, 4.6), which is the order of commits. What is not durable is never acknowledged; what
/// came over a connection that is gone is not even waited for.
async fn acknowledge(mut unacknowledged: mpsc::Receiver<Fed>, client: &AsyncClient, link: &Link) -> Infallible {
    while let Some((ticket, durable)) = unacknowledged.recv().await {
        if let Some(durable) = durable.filter(|_| link.is(ticket.connection))
            && durable.await.is_err()
        {
            continue;
        }
        let mut publish = Publish::new("", QoS::AtLeastOnce, "");
        publish.pkid = ticket.packet;
        while link.is(ticket.connection) && client.try_ack(&publish).is_err() {
            tokio::time::sleep(RETRY).await;
        }
    }
    pending().await
}

/// Publishes the relay's receipts. QoS 0: a publisher that does not hear asks again, and hears "duplicate".
async fn answer(receipts: &mut mpsc::Receiver<Receipt>, config: &MqttConfig, client: &AsyncClient, link: &Link) -> Infallible {
    while let Some(receipt) = receipts.recv().await {
        let (topic, body) = receipt::decided(config, &receipt);
        // Without a connection some wait for the next one; nobody waits for all of them.
        let patience = if link.current() == Link::DOWN { Duration::ZERO } else { PATIENCE };
        if tokio::time::timeout(patience, client.publish(topic, QoS::AtMostOnce, false, body)).await.is_err() {
            debug!("receipt dropped: the connection is stuck");
        }
    }
    pending().await
}

/// How long to wait before the next attempt: doubling, and between half and all of it, so that a hundred relays do not knock at once.
#[derive(Debug)]
struct BackOff(Duration);

impl BackOff {
    fn new() -> BackOff {
        BackOff(BACK_OFF.0)
    }

    fn next(&mut self, random: u32) -> Duration {
        let half = self.0 / 2;
        self.0 = (self.0 * 2).min(BACK_OFF.1);
        half + half * random / u32::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_doubles_to_a_minute_and_is_spread() {
        let mut back_off = BackOff::new();
        let waits: Vec<u64> = (0..8).map(|_| back_off.next(u32::MAX).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(BackOff::new().next(0), Duration::from_millis(500));
    }

    #[test]
    fn powers_of_two_are_worth_a_line() {
        let mut count = 0;
        assert_eq!((0..9).filter_map(|_| worth_a_line(&mut count)).collect::<Vec<_>>(), [1, 2, 4, 8]);
        let mut tallies = Tallies::default();
        assert_eq!((0..9).filter_map(|_| tallies.rejected("empty")).collect::<Vec<_>>(), [1, 2, 4, 8]);
        assert_eq!(tallies.rejected("not-text"), Some(1), "another mistake");
    }
}
