//! Owns the connection: what comes over it, and what to do when it is gone. Waits for nothing but the broker.
//!
//! rumqttc reconnects, but what that does to a session is left to its user (`dependencies.md`, 2.2, measured): what had been read from the
//! old connection comes out *after* the CONNACK of the new one; a new session forgets subscriptions and requests; a publish in collision
//! stays there. Each of these has its few lines here, in [`Poller::salvage`] and [`Poller::connected`].

use super::connection::{Connection, Ticket};
use super::lost::{Attempts, Lost};
use super::mapped::mapped;
use super::payload::parse;
use super::request::{self, Asked, Transaction};
use super::standing::{self, Said};
use super::subscriptions::Subscriptions;
use super::{Around, Arrival, Handed, Inbox, REQUESTS, receipt};
use crate::config::{MqttConfig, MqttMap};
use crate::domain::event::{Event, Figure};
use crate::domain::ids::Name;
use rumqttc::mqttbytes::QoS;
use rumqttc::{AsyncClient, EventLoop, Outgoing, Packet, Publish, Request};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{Sleep, sleep};
use tracing::{debug, info, warn};

/// So much of a publisher's topic is shown in the log: it may have 65,535 bytes.
const TOPIC_SHOWN: usize = 120;
/// A window that is full and from which nothing has been acknowledged for so long: the relay is stuck, or the acknowledgement is.
const STALL: Duration = Duration::from_secs(30);

pub(super) struct Poller<'a> {
    config: &'a MqttConfig,
    client: &'a AsyncClient,
    connection: &'a Connection,
    around: &'a Around<'a>,
    said: &'a Said,
    eventloop: EventLoop,
    inbox: Inbox,
    hand: mpsc::Sender<Handed>,
    /// Who asks how the relay fares.
    patients: mpsc::Sender<Option<Transaction>>,
    subscriptions: Subscriptions,
    window: Window,
    tallies: Tallies,
    attempts: Attempts,
}

/// The publishes of QoS 1 that came over this connection.
///
/// If more come than we keep, all further ones are left to the broker (not one, or the order would be lost: an older figure would come
/// after a newer one). What we have is finished and acknowledged; then the connection is given up, and the next one brings the rest. So
/// every connection makes progress. Leaving at once would not: acknowledgements of a connection that is gone are void, all of it would
/// come again, and so on for ever.
#[derive(Debug)]
struct Window {
    /// Handed on and not yet acknowledged.
    owed: usize,
    /// There if publishes are left to the broker: runs out after [`STALL`] without an acknowledgement.
    full: Option<Pin<Box<Sleep>>>,
}

/// Counts what is worth a line, but not a line each time.
#[derive(Debug, Default)]
struct Tallies {
    dropped: u64,
    /// By code, of which there are two dozen: a new mistake is heard of while an old one goes on.
    rejected: BTreeMap<&'static str, u64>,
    /// By metric and code, of foreign messages.
    repeated: BTreeMap<(Name, Name, &'static str), u64>,
}

impl Tallies {
    fn rejected(&mut self, code: &'static str) -> Option<u64> {
        worth_a_line(self.rejected.entry(code).or_default())
    }

    fn repeated(&mut self, map: &MqttMap, code: &'static str) -> Option<u64> {
        worth_a_line(self.repeated.entry((map.feed.clone(), map.metric.clone(), code)).or_default())
    }
}

/// The next count, if it is a power of two: a flood of a million costs twenty lines.
fn worth_a_line(count: &mut u64) -> Option<u64> {
    *count += 1;
    count.is_power_of_two().then_some(*count)
}

impl<'a> Poller<'a> {
    pub(super) fn new(
        config: &'a MqttConfig,
        client: &'a AsyncClient,
        connection: &'a Connection,
        (around, said): (&'a Around<'a>, &'a Said),
        eventloop: EventLoop,
        inbox: Inbox,
        (hand, patients): (mpsc::Sender<Handed>, mpsc::Sender<Option<Transaction>>),
    ) -> Poller<'a> {
        let (subscriptions, window) = (Subscriptions::new(config), Window { owed: 0, full: None });
        let (tallies, attempts) = (Tallies::default(), Attempts::new());
        Poller { config, client, connection, around, said, eventloop, inbox, hand, patients, subscriptions, window, tallies, attempts }
    }

    pub(super) async fn run(&mut self) -> Infallible {
        let mut connections = 0;
        loop {
            let lost = self.until_lost(&mut connections).await;
            self.connection.set(Connection::DOWN);
            self.eventloop.clean();
            self.salvage();
            self.around.link.down(lost.sentence());
            let pause = self.attempts.lost(&lost, getrandom::u32().unwrap_or_default());
            sleep(pause).await;
        }
    }

    async fn until_lost(&mut self, connections: &mut u64) -> Lost {
        loop {
            let result = match self.next().await {
                Ok(rumqttc::Event::Incoming(packet)) => {
                    if let Packet::ConnAck(ack) = &packet {
                        *connections += 1;
                        self.connected(*connections, ack.session_present);
                    }
                    self.incoming(packet)
                }
                Ok(rumqttc::Event::Outgoing(Outgoing::PubAck(_))) => self.acknowledged(),
                Ok(rumqttc::Event::Outgoing(_)) => Ok(()),
                Err(lost) => Err(lost),
            };
            if let Err(lost) = result {
                return lost;
            }
        }
    }

    /// What happens next. One `poll` is never dropped to be started anew while the connection lives, or a request that it has taken could
    /// be lost.
    async fn next(&mut self) -> Result<rumqttc::Event, Lost> {
        let up = self.connection.current() != Connection::DOWN;
        let Poller { eventloop, subscriptions, client, window, connection, .. } = self;
        let mut poll = pin!(eventloop.poll());
        loop {
            tokio::select! {
                biased;
                polled = &mut poll => return polled.map_err(|error| Lost::new(error, connection.broken())),
                () = subscriptions.due(), if up => {
                    if let Some(subscribe) = subscriptions.remind()?
                        && client.try_subscribe_many(subscribe.filters).is_err()
                    {
                        subscriptions.postpone();
                    }
                }
                () = stalled(&mut window.full) => return Err(Lost::Window),
            }
        }
    }

    fn incoming(&mut self, packet: Packet) -> Result<(), Lost> {
        match packet {
            Packet::Publish(publish) => self.arrived(&publish),
            Packet::SubAck(ack) => {
                self.subscriptions.answered(&ack.return_codes);
                self.show();
                Ok(())
            }
            Packet::PingResp => {
                self.attempts.proved();
                self.show();
                Ok(())
            }
            Packet::PubAck(_) => {
                self.said.acknowledged(self.around.alarms);
                Ok(())
            }
            Packet::Connect(_)
            | Packet::ConnAck(_)
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

    /// Subscribes where that is needed, says that we are there and what alarms there are. All of it goes in front of what waits already and
    /// needs no room among the requests, which receipts may have filled while the line was down.
    fn connected(&mut self, connection: u64, session_present: bool) {
        self.connection.set(connection);
        self.window = Window { owed: 0, full: None };
        let standing = self.around.alarms.standing();
        self.said.connected(standing.revision);
        for publish in [standing::message(self.config, &standing), standing::online(self.config)] {
            self.eventloop.pending.push_front(Request::Publish(publish));
        }
        if let Some(subscribe) = self.subscriptions.connected(session_present) {
            self.eventloop.pending.push_front(Request::Subscribe(subscribe));
        }
        self.attempts.connected(self.config, session_present);
        self.show();
    }

    /// A connection over which a feed cannot be heard is not up.
    fn show(&self) {
        match self.subscriptions.refused() {
            None => self.around.link.up(),
            Some(topic) => {
                self.around
                    .link
                    .down(format!("der Broker erlaubt nicht, {topic} zu abonnieren. Abhilfe: seine Zugriffsregeln (ACL) prüfen"));
            }
        }
    }

    /// Passes a publish on. While the link is down (see [`Poller::salvage`]) its ticket is void and it is never acknowledged.
    fn arrived(&mut self, publish: &Publish) -> Result<(), Lost> {
        if let Some(name) = request::named(self.config, &publish.topic) {
            self.asked(publish, name);
            return Ok(());
        }
        let ticket = Ticket { connection: self.connection.current(), packet: publish.pkid };
        let stale = ticket.connection == Connection::DOWN;
        // QoS 2 comes from no broker that keeps to the standard: we subscribe with QoS 1.
        if publish.qos != QoS::AtLeastOnce {
            let events = self.events(publish, false);
            self.at_most_once(events);
            return Ok(());
        }
        if self.window.full.is_some() {
            return Ok(());
        }
        let events = self.events(publish, stale);
        match self.hand.try_send((ticket, events)) {
            Ok(()) => {
                self.window.owed += usize::from(!stale);
                Ok(())
            }
            // It was not acknowledged, so the broker has it still.
            Err(_) if stale => Ok(()),
            // What is in the way came over connections that are gone.
            Err(_) if self.window.owed == 0 => Err(Lost::Window),
            Err(_) => {
                info!(owed = self.window.owed, "more figures of QoS 1 than the relay can take: the rest is left to the broker for now");
                self.window.full = Some(Box::pin(sleep(STALL)));
                Ok(())
            }
        }
    }

    /// Half of the inbox, or nothing: webhooks and publishes of QoS 1 need the other half.
    fn at_most_once(&mut self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let room = self.inbox.capacity() > self.inbox.max_capacity() / 2;
        // A relay that is gone does not count.
        let full = !room || matches!(self.inbox.try_send(Arrival { events, ack: None }), Err(TrySendError::Full(_)));
        if full && let Some(dropped) = worth_a_line(&mut self.tallies.dropped) {
            warn!(dropped, "figures of QoS 0 dropped: the relay is busy. Publish with QoS 1.");
        }
    }

    /// Passes a request on, or refuses it. One that is retained was meant for another time, and one of a connection that is gone is not
    /// answered any more. Subscribed to with QoS 0: a broker that sends it with QoS 1 all the same sends it again, and is told the same.
    fn asked(&mut self, publish: &Publish, name: &str) {
        if publish.retain || self.connection.current() == Connection::DOWN {
            debug!("a request of another time is left alone");
            return;
        }
        match request::read(self.config, name, &publish.payload) {
            Asked::Event(event) => self.at_most_once(vec![event]),
            Asked::Health(transaction) => {
                if self.patients.try_send(transaction).is_err() {
                    debug!("too many ask how the relay fares");
                }
            }
            Asked::Answered(answer) => self.told(Some(answer)),
            Asked::Nothing => debug!("a request without a name that could be answered"),
        }
    }

    /// A PUBACK is on the wire.
    fn acknowledged(&mut self) -> Result<(), Lost> {
        self.window.owed = self.window.owed.saturating_sub(1);
        if self.window.full.is_none() {
            return Ok(());
        }
        self.window.full = Some(Box::pin(sleep(STALL)));
        if self.window.owed > 0 {
            return Ok(());
        }
        // As good a proof as a ping: no reason to wait long.
        self.attempts.proved();
        Err(Lost::Window)
    }

    /// What it states, or receipts that say why it does not. Retained replays get no receipt: nobody waits. Neither does a message that
    /// will be `redelivered`.
    fn events(&mut self, publish: &Publish, redelivered: bool) -> Vec<Event> {
        let silent = publish.retain || redelivered;
        if self.config.maps.iter().any(|map| map.topic == publish.topic) {
            return self.foreign(publish, silent);
        }
        match parse(self.config, &publish.topic, &publish.payload) {
            Ok(figure) => vec![stated(figure, publish)],
            Err(rejected) => {
                self.log(publish, rejected.code());
                let receipt = receipt::rejected(self.config, &publish.topic, &rejected).filter(|_| !silent);
                self.told(receipt);
                Vec::new()
            }
        }
    }

    /// The same, of a foreign message. Who publishes it knows nothing of us and may repeat a mistake every ten seconds for years: of the
    /// same mistake only the first receipt is sent, the second, the fourth, …
    fn foreign(&mut self, publish: &Publish, silent: bool) -> Vec<Event> {
        let mut events = Vec::new();
        for read in mapped(self.config, &publish.topic, &publish.payload) {
            match read {
                Ok(figure) => events.push(stated(figure, publish)),
                Err((map, rejected)) => {
                    let code = rejected.code();
                    self.log(publish, code);
                    let worth = !silent && self.tallies.repeated(map, code).is_some();
                    self.told(worth.then(|| receipt::unmapped(self.config, map, &rejected)));
                }
            }
        }
        events
    }

    fn log(&mut self, publish: &Publish, code: &'static str) {
        if let Some(so_far) = self.tallies.rejected(code) {
            let topic: String = publish.topic.chars().take(TOPIC_SHOWN).collect();
            warn!(topic, code, so_far, retained = publish.retain, "message rejected");
        }
    }

    fn told(&self, receipt: Option<receipt::Message>) {
        if let Some((topic, body)) = receipt
            && self.client.try_publish(topic, QoS::AtMostOnce, false, body).is_err()
        {
            debug!("receipt dropped: too many wait");
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
        // What was left to the broker comes with the next connection.
        self.window.full = None;
        // rumqttc does not clear it when a session is lost, and then waits for ever.
        self.eventloop.state.collision = None;
        let pending = &mut self.eventloop.pending;
        pending.retain(|request| matches!(request, Request::Publish(publish) if publish.qos == QoS::AtMostOnce));
        let surplus = pending.len().saturating_sub(REQUESTS);
        pending.drain(..surplus);
    }
}

/// Nobody waits for the receipt of a retained replay.
fn stated(figure: Figure, publish: &Publish) -> Event {
    Event::Figure(if publish.retain { Figure { receipt: None, ..figure } } else { figure })
}

async fn stalled(timer: &mut Option<Pin<Box<Sleep>>>) {
    match timer {
        Some(timer) => timer.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_worth_a_line() {
        let mut count = 0;
        assert_eq!((0..9).filter_map(|_| worth_a_line(&mut count)).collect::<Vec<_>>(), [1, 2, 4, 8]);
        let mut tallies = Tallies::default();
        assert_eq!((0..9).filter_map(|_| tallies.rejected("empty")).collect::<Vec<_>>(), [1, 2, 4, 8]);
        assert_eq!(tallies.rejected("not-text"), Some(1), "another mistake");
    }
}
