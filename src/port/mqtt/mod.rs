//! Figures in, receipts out, over one MQTT 3.1.1 session that the broker keeps for us. Decides nothing about figures, stores nothing,
//! and never gives up: reconnecting is its own business.
//!
//! ```text
//!              ┌─ QoS 0 ──────────── try_send ───────────▶ inbox
//!   poll ──────┤
//!     ▲        └─ QoS 1 ──▶ feed ──── waits for room ────▶ inbox
//!     │                       └──▶ acknowledge ◀──durable──┘ one after the other, in the order of arrival
//!     ├─── requests ◀── PUBACK ──────┘        answer ◀── receipts
//!     ├─── requests ◀── examine ◀── who asks how the relay fares
//!     ├─── requests ◀── announce ◀── alarms, surface
//!     └─── line ◀── TLS, TCP ──▶ broker
//! ```
//!
//! Seven loops in *one* task, so that between a lost connection and the note of it in [`Connection`] nothing else runs: an acknowledgement
//! can then never slip from one connection into the next, where its packet id may mean another message. `poll` waits for nothing but the
//! broker, or pings would stop.
//!
//! What slows whom down: a relay that is busy fills the inbox; `feed` waits for room there; behind it [`WINDOW`] publishes of QoS 1 may
//! wait, which no broker that bounds its unacknowledged messages ever fills. Publishes of QoS 0 never wait: they may take half of the inbox
//! and are dropped beyond, so that a flood of them cannot keep webhooks out.

#[cfg(feature = "documents")]
mod asyncapi;
mod beside;
mod connection;
mod cut;
mod discovery;
mod document;
mod documents;
mod line;
mod lost;
mod mapped;
mod moment;
mod number;
mod payload;
mod poller;
mod receipt;
mod rejected;
mod request;
mod standing;
mod subscriptions;
mod tls;
mod trial;
mod unit;

#[cfg(feature = "documents")]
pub use asyncapi::asyncapi;
pub use mapped::{Mapped, mapped};
pub use payload::parse;
pub use rejected::Rejected;
pub use tls::{Unusable, client_config};
pub use trial::trial;

use super::{Arrival, Inbox, link};
use crate::config::MqttConfig;
use crate::domain::decision::Receipt;
use crate::domain::event::Event;
use crate::port::alarms::Alarms;
use crate::port::clock::Mark;
use crate::port::outward::Outward;
use crate::relay::Surface;
use connection::{Connection, Ticket};
use line::Line;
use poller::Poller;
use request::Transaction;
use rumqttc::mqttbytes::QoS;
use rumqttc::{AsyncClient, LastWill, MqttOptions, NetworkOptions, Publish, Transport};
use secrecy::ExposeSecret;
use standing::Said;
use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, error};

/// Silence that is tolerated. rumqttc pings regardless of traffic and gives up if the previous ping is still unanswered.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// For the line, which tells its own reason after [`line::CONNECT`], and then for CONNACK.
const CONNECT_SECONDS: u64 = line::CONNECT.as_secs() + 10;
/// Publishes of QoS 1 that may wait for the relay, and as many again for their commit. Brokers send only so many unacknowledged: mosquitto
/// and VerneMQ 20, EMQX 32, AWS 100. A broker without that limit is read on, for pings must be, but what finds no room is left to the
/// broker, which sends it again on the next connection: see `Window` in [`poller`].
const WINDOW: usize = 1024;
/// Requests that may wait for the connection: receipts of a burst, and the acknowledgements that belong to it.
const REQUESTS: usize = 64;
/// Our own publishes of QoS 1 in flight, see [`standing`].
const INFLIGHT: u16 = 8;
/// Questions after the relay's health that may wait for their answers: it steps many times a second, or it does not.
const PATIENTS: usize = 4;
/// A relay that has not stepped within this long hangs (`board` waits as long).
const STEP: Duration = Duration::from_secs(5);
/// How often the documents are made anew at most, while the relay changes all the time: a flood of figures is a few documents a second.
const CALM: Duration = Duration::from_secs(1);
/// A publisher waits for its receipt about as long; a line that is stuck for longer must not hold up the others.
const PATIENCE: Duration = Duration::from_secs(1);
/// How soon to try again when an acknowledgement finds the requests full: they empty as fast as the socket takes them.
const RETRY: Duration = Duration::from_millis(5);

/// What is around the port: what it says of the relay, and to whom it shows how it fares.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The alarms that there are.
    pub alarms: &'a Alarms,
    /// Shows how the connection fares.
    pub link: &'a link::Link,
    /// How the relay looks from outside.
    pub surface: &'a watch::Sender<Surface>,
    /// When the relay was started.
    pub started: Mark,
}

/// Runs for ever and shows how the connection fares: drop the future to stop, and the broker publishes our last will. Started again (after
/// a panic) it takes the session up where it was: what was not acknowledged comes again.
pub async fn run(
    config: &MqttConfig,
    outward: &Outward,
    inbox: &Inbox,
    receipts: &mut mpsc::Receiver<Receipt>,
    around: &Around<'_>,
) -> Infallible {
    let connection = &Connection::default();
    let (line, path) = loop {
        match Line::new(config, outward, around.link.clock(), connection) {
            Ok(line) => break line,
            Err(error) => error!(%error, "no socket for the MQTT connection"),
        }
        sleep(lost::BACK_OFF.1).await;
    };
    let (client, mut eventloop) = AsyncClient::new(options(config, path), REQUESTS);
    let client = &client;
    eventloop.set_network_options(network());
    let (hand, handed) = mpsc::channel(WINDOW);
    let (fed, unacknowledged) = mpsc::channel(WINDOW);
    let said = &Said::default();
    let (patients, examined) = mpsc::channel(PATIENTS);
    let mut poller = Poller::new(config, client, connection, (around, said), eventloop, inbox.clone(), (hand, patients));
    let (never, ..) = tokio::join!(
        poller.run(),
        line.run(),
        feed(handed, inbox.clone(), fed),
        acknowledge(unacknowledged, client, connection),
        answer(receipts, config, client, connection),
        announce(around, said, config, client, connection),
        examine(examined, around, inbox, config, client)
    );
    never
}

/// `socket`: where the [`Line`] listens.
fn options(config: &MqttConfig, socket: String) -> MqttOptions {
    let mut options = plain(config, &config.client_id, socket);
    options.set_clean_session(false).set_inflight(INFLIGHT);
    options.set_last_will(LastWill::new(status(config), "offline", QoS::AtLeastOnce, true));
    options
}

/// What every connection has, whoever it is for.
fn plain(config: &MqttConfig, client_id: &str, socket: String) -> MqttOptions {
    let mut options = MqttOptions::new(client_id, socket, config.port);
    options.set_transport(Transport::unix()).set_keep_alive(KEEP_ALIVE).set_manual_acks(true);
    options.set_max_packet_size(line::PACKET, line::PACKET);
    if let Some((user, password)) = &config.login {
        options.set_credentials(user, password.expose_secret());
    }
    options
}

fn network() -> NetworkOptions {
    let mut network = NetworkOptions::new();
    network.set_connection_timeout(CONNECT_SECONDS);
    network
}

fn status(config: &MqttConfig) -> String {
    format!("{}/status", config.relay)
}

/// A publish of QoS 1 on its way to the relay, and what it stated: nothing, if it only wants its acknowledgement; several figures, if it is
/// a foreign one.
type Handed = (Ticket, Vec<Event>);
/// A publish of QoS 1 that the relay has; `None` if there is nothing to wait for.
type Fed = (Ticket, Option<oneshot::Receiver<()>>);

/// Passes publishes of QoS 1 to the relay in their order, however long it takes.
async fn feed(mut handed: mpsc::Receiver<Handed>, inbox: Inbox, fed: mpsc::Sender<Fed>) -> Infallible {
    while let Some((ticket, events)) = handed.recv().await {
        let mut awaited = None;
        if !events.is_empty() {
            let (arrival, durable) = Arrival::awaited(events);
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
async fn acknowledge(mut unacknowledged: mpsc::Receiver<Fed>, client: &AsyncClient, connection: &Connection) -> Infallible {
    while let Some((ticket, durable)) = unacknowledged.recv().await {
        if let Some(durable) = durable.filter(|_| connection.is(ticket.connection))
            && durable.await.is_err()
        {
            continue;
        }
        let mut publish = Publish::new("", QoS::AtLeastOnce, "");
        publish.pkid = ticket.packet;
        while connection.is(ticket.connection) && client.try_ack(&publish).is_err() {
            sleep(RETRY).await;
        }
    }
    pending().await
}

/// Publishes the relay's receipts. QoS 0: a publisher that does not hear asks again, and hears "duplicate".
async fn answer(receipts: &mut mpsc::Receiver<Receipt>, config: &MqttConfig, client: &AsyncClient, connection: &Connection) -> Infallible {
    while let Some(receipt) = receipts.recv().await {
        let Some((topic, body)) = receipt::decided(config, &receipt) else { continue };
        // Without a connection some wait for the next one; nobody waits for all of them.
        let patience = if connection.current() == Connection::DOWN { Duration::ZERO } else { PATIENCE };
        if timeout(patience, client.publish(topic, QoS::AtMostOnce, false, body)).await.is_err() {
            debug!("receipt dropped: the connection is stuck");
        }
    }
    pending().await
}

/// Says how the relay fares: whether it steps, and which alarms there are.
async fn examine(
    mut patients: mpsc::Receiver<Option<Transaction>>,
    around: &Around<'_>,
    inbox: &Inbox,
    config: &MqttConfig,
    client: &AsyncClient,
) -> Infallible {
    while let Some(transaction) = patients.recv().await {
        let (arrival, durable) = Arrival::awaited(Vec::new());
        let stepped = async { inbox.send(arrival).await.is_ok() && durable.await.is_ok() };
        let stepped = timeout(STEP, stepped).await.unwrap_or(false);
        let standing = around.alarms.standing();
        let alarms = standing.active.iter().map(|shown| shown.code.name());
        let (topic, body) = request::health(config, stepped, alarms, transaction.as_deref());
        if client.try_publish(topic, QoS::AtMostOnce, false, body).is_err() {
            debug!("an answer is dropped: too many wait");
        }
    }
    pending().await
}

/// Says what is retained whenever it changes. A new connection begins with all of it.
async fn announce(around: &Around<'_>, said: &Said, config: &MqttConfig, client: &AsyncClient, connection: &Connection) -> Infallible {
    let (mut standings, mut surfaces) = (around.alarms.watch(), around.surface.subscribe());
    let mut documents = documents::of(config, &surfaces.borrow_and_update(), around);
    let mut calm = pin!(sleep(Duration::ZERO));
    loop {
        let up = connection.current() != Connection::DOWN;
        let full = up && !said.say(client, config, &around.alarms.standing(), &documents);
        tokio::select! {
            Ok(()) = standings.changed() => {}
            () = said.news() => {}
            () = sleep(RETRY), if full => {}
            () = &mut calm, if !calm.is_elapsed() => {}
            Ok(()) = surfaces.changed(), if calm.is_elapsed() => {
                documents = documents::of(config, &surfaces.borrow_and_update(), around);
                calm.set(sleep(CALM));
            }
        }
    }
}
