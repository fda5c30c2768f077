//! What the broker knows: sessions, retained messages, who is connected. No socket and no await: each method is one step under the lock.

use super::lock;
use bytes::Bytes;
use rumqttc::mqttbytes::{self, v4::Packet};
use rumqttc::{
    ConnAck, Connect, ConnectReturnCode, LastWill, Protocol, Publish, QoS, SubAck, Subscribe, SubscribeReasonCode, UnsubAck, Unsubscribe,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use tracing::warn;

/// Sessions kept, connected or not: a few times the number of connections.
const SESSIONS: usize = 256;
/// Filters of one session.
const FILTERS: usize = 64;
/// Messages that wait for one client; mosquitto's default (max_queued_messages).
const QUEUE: usize = 1000;
/// Messages sent and not acknowledged; mosquitto's default (max_inflight_messages).
const WINDOW: usize = 20;
/// Retained messages: ten feeds with all their metrics, status and receipts.
const RETAINED: usize = 1000;

/// All of it.
#[derive(Default)]
pub(super) struct Hub {
    sessions: BTreeMap<String, Session>,
    retained: BTreeMap<String, Message>,
    connections: u64,
}

#[derive(Clone)]
struct Message {
    topic: String,
    payload: Bytes,
    qos: QoS,
    retain: bool,
}

struct Session {
    /// The connection that serves it.
    online: Option<Online>,
    /// Forgotten when the connection ends.
    clean: bool,
    filters: Vec<(String, QoS)>,
    queue: VecDeque<Message>,
    in_flight: VecDeque<(u16, Message)>,
    last_id: u16,
}

struct Online {
    connection: u64,
    will: Option<LastWill>,
    wake: Arc<Notify>,
}

/// CONNACK that lets nobody in.
pub(super) fn refusal(code: ConnectReturnCode) -> Packet {
    Packet::ConnAck(ConnAck { session_present: false, code })
}

/// One connection's hold on its session. Dropped, however that comes, it lets go: the will is published unless the client said goodbye.
pub(super) struct Attached {
    hub: Arc<Mutex<Hub>>,
    client: String,
    connection: u64,
}

impl Attached {
    /// Takes the session over from whoever has it. Returns what to send first: CONNACK, then what was never acknowledged.
    pub(super) fn new(hub: Arc<Mutex<Hub>>, connect: Connect, wake: Arc<Notify>) -> Result<(Attached, Vec<Packet>), ConnectReturnCode> {
        if connect.protocol != Protocol::V4 {
            return Err(ConnectReturnCode::RefusedProtocolVersion);
        }
        let mut locked = lock(&hub);
        locked.connections += 1;
        let connection = locked.connections;
        let client = match connect.client_id.as_str() {
            "" if connect.clean_session => format!("anonymous-{connection}"),
            "" => return Err(ConnectReturnCode::BadClientId),
            name => name.to_owned(),
        };
        locked.release(&client, None);
        if locked.sessions.len() >= SESSIONS && !locked.sessions.contains_key(&client) {
            return Err(ConnectReturnCode::ServiceUnavailable);
        }
        if connect.clean_session {
            locked.sessions.remove(&client);
        }
        let session_present = locked.sessions.contains_key(&client);
        let session = locked.sessions.entry(client.clone()).or_insert_with(Session::new);
        session.clean = connect.clean_session;
        session.online = Some(Online { connection, will: connect.last_will, wake });
        let mut first = vec![Packet::ConnAck(ConnAck { session_present, code: ConnectReturnCode::Success })];
        first.extend(session.in_flight.iter().map(|(id, message)| message.packet(*id, true)));
        drop(locked);
        Ok((Attached { hub, client, connection }, first))
    }

    /// What may go out now; `None` if another connection has taken the session over.
    pub(super) fn outgoing(&self) -> Option<Vec<Packet>> {
        self.with(Session::outgoing)
    }

    /// The client has it.
    pub(super) fn acknowledged(&self, id: u16) {
        self.with(|session| session.in_flight.retain(|(sent, _)| *sent != id));
    }

    /// Passes a message on to everyone who subscribed to it, and keeps it if it is retained.
    pub(super) fn publish(&self, publish: &Publish) {
        let Publish { topic, payload, qos, retain, .. } = publish.clone();
        lock(&self.hub).publish(Message { topic, payload, qos, retain });
    }

    /// Adds filters and queues the retained messages that match.
    pub(super) fn subscribe(&self, subscribe: &Subscribe) -> Packet {
        let mut hub = lock(&self.hub);
        let hub = &mut *hub;
        let mut codes = Vec::new();
        for filter in &subscribe.filters {
            let granted = filter.qos.min_with(QoS::AtLeastOnce);
            let session = hub.sessions.get_mut(&self.client).filter(|session| session.belongs_to(self.connection));
            let added =
                session.is_some_and(|session| session.add(&filter.path, granted) && session.replay(&hub.retained, &filter.path, granted));
            codes.push(if added { SubscribeReasonCode::Success(granted) } else { SubscribeReasonCode::Failure });
        }
        Packet::SubAck(SubAck::new(subscribe.pkid, codes))
    }

    /// Removes filters.
    pub(super) fn unsubscribe(&self, unsubscribe: &Unsubscribe) -> Packet {
        self.with(|session| session.filters.retain(|(filter, _)| !unsubscribe.topics.contains(filter)));
        Packet::UnsubAck(UnsubAck::new(unsubscribe.pkid))
    }

    /// The client leaves in order: no will.
    pub(super) fn goodbye(&self) {
        self.with(|session| {
            if let Some(online) = &mut session.online {
                online.will = None;
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let mut hub = lock(&self.hub);
        hub.sessions.get_mut(&self.client).filter(|session| session.belongs_to(self.connection)).map(act)
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        lock(&self.hub).release(&self.client, Some(self.connection));
    }
}

impl Hub {
    /// Ends the hold of `connection`, or of whoever has it, on the client's session, and publishes the will.
    fn release(&mut self, client: &str, connection: Option<u64>) {
        let Some(session) = self.sessions.get_mut(client) else { return };
        if connection.is_some_and(|connection| !session.belongs_to(connection)) {
            return;
        }
        let Some(online) = session.online.take() else { return };
        online.wake.notify_one();
        if session.clean {
            self.sessions.remove(client);
        }
        if let Some(LastWill { topic, message, qos, retain }) = online.will {
            self.publish(Message { topic, payload: message, qos, retain });
        }
    }

    fn publish(&mut self, message: Message) {
        if message.retain {
            self.retain(&message);
        }
        for session in self.sessions.values_mut() {
            let granted = session.filters.iter().filter(|(filter, _)| matches(&message.topic, filter)).map(|(_, qos)| *qos);
            if let Some(granted) = granted.reduce(QoSExt::max_with) {
                session.enqueue(Message { qos: message.qos.min_with(granted), retain: false, ..message.clone() });
            }
        }
    }

    fn retain(&mut self, message: &Message) {
        if message.payload.is_empty() {
            self.retained.remove(&message.topic);
        } else if self.retained.len() < RETAINED || self.retained.contains_key(&message.topic) {
            self.retained.insert(message.topic.clone(), message.clone());
        } else {
            warn!("too many retained messages: one was not kept");
        }
    }
}

impl Session {
    fn new() -> Session {
        Session { online: None, clean: true, filters: Vec::new(), queue: VecDeque::new(), in_flight: VecDeque::new(), last_id: 0 }
    }

    fn belongs_to(&self, connection: u64) -> bool {
        self.online.as_ref().is_some_and(|online| online.connection == connection)
    }

    fn enqueue(&mut self, message: Message) {
        if self.online.is_none() && message.qos == QoS::AtMostOnce {
            return;
        }
        if self.queue.len() >= QUEUE {
            warn!("a client's queue is full: one message was dropped");
            return;
        }
        self.queue.push_back(message);
        if let Some(online) = &self.online {
            online.wake.notify_one();
        }
    }

    fn outgoing(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        while let Some(message) = self.queue.pop_front() {
            if message.qos == QoS::AtMostOnce {
                packets.push(message.packet(0, false));
            } else if self.in_flight.len() < WINDOW {
                let id = self.next_id();
                packets.push(message.packet(id, false));
                self.in_flight.push_back((id, message));
            } else {
                self.queue.push_front(message);
                break;
            }
        }
        packets
    }

    /// Ends: at most [`WINDOW`] of 65,535 ids are taken.
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if self.in_flight.iter().all(|(id, _)| *id != self.last_id) {
                return self.last_id;
            }
        }
    }

    fn add(&mut self, filter: &str, granted: QoS) -> bool {
        self.filters.retain(|(known, _)| known != filter);
        let fits = mqttbytes::valid_filter(filter) && self.filters.len() < FILTERS;
        if fits {
            self.filters.push((filter.to_owned(), granted));
        }
        fits
    }

    fn replay(&mut self, retained: &BTreeMap<String, Message>, filter: &str, granted: QoS) -> bool {
        for message in retained.values().filter(|message| matches(&message.topic, filter)) {
            self.enqueue(Message { qos: message.qos.min_with(granted), ..message.clone() });
        }
        true
    }
}

impl Message {
    fn packet(&self, id: u16, dup: bool) -> Packet {
        let mut publish = Publish::from_bytes(&self.topic, self.qos, self.payload.clone());
        (publish.pkid, publish.dup, publish.retain) = (id, dup, self.retain);
        Packet::Publish(publish)
    }
}

/// rumqttc's QoS has an order but is not `Ord`.
trait QoSExt {
    fn min_with(self, other: QoS) -> QoS;
    fn max_with(self, other: QoS) -> QoS;
}

impl QoSExt for QoS {
    fn min_with(self, other: QoS) -> QoS {
        if other < self { other } else { self }
    }

    fn max_with(self, other: QoS) -> QoS {
        if other > self { other } else { self }
    }
}

/// Whether a filter covers a topic (MQTT 3.1.1, 4.7). rumqttc's own slices the topic's first byte off and panics at an umlaut.
fn matches(topic: &str, filter: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut levels, mut wanted) = (topic.split('/'), filter.split('/'));
    loop {
        match (wanted.next(), levels.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(want), Some(level)) if want == level => {}
            (Some(_), _) | (None, Some(_)) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_the_standard_says() {
        for (topic, filter) in
            [("a", "#"), ("a", "a/#"), ("a/b/c", "a/#"), ("a/b", "a/+"), ("a/", "a/+"), ("/a", "+/+"), ("ä/b", "+/b"), ("$SYS/x", "$SYS/#")]
        {
            assert!(matches(topic, filter), "{topic} {filter}");
        }
        for (topic, filter) in [("a", "a/+"), ("a/b/c", "a/+"), ("a", "b"), ("a/b", "a"), ("$SYS/x", "#"), ("$SYS/x", "+/x"), ("A", "a")] {
            assert!(!matches(topic, filter), "{topic} {filter}");
        }
    }
}
