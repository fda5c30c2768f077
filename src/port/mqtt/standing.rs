//! What the relay says of itself, retained: that it is there, the alarms that there are, and the documents of [`super::documents`]. Whoever
//! subscribes knows at once, and so does a broker that was away, because every connection begins with all of it. Raises no alarm.

use super::documents::Documents;
use super::receipt::json;
use super::status;
use crate::config::MqttConfig;
use crate::domain::time::Timestamp;
use crate::port::alarms::{Alarms, Shown, Standing, TEST, TEST_SENTENCE};
use rumqttc::mqttbytes::QoS;
use rumqttc::{AsyncClient, Publish};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The number of the alarms' schema. Fields may be added; none changes its meaning.
const SCHEMA: u32 = 1;
/// Publishes of QoS 1 that the broker may owe us an acknowledgement for: half of what may be in flight, because behind all of it our own
/// acknowledgements would wait, for ever if the broker acknowledges nothing.
const OWED: usize = super::INFLIGHT as usize / 2;

/// What was said over this connection, and how far the broker has acknowledged it.
#[derive(Debug, Default)]
pub(super) struct Said {
    ledger: Mutex<Ledger>,
    /// There may be room for more.
    news: Notify,
}

#[derive(Debug, Default)]
struct Ledger {
    /// Handed to rumqttc, in order: acknowledgements come in the order of the publishes (MQTT 3.1.1, 4.6).
    owed: VecDeque<Owed>,
    /// The alarms that were said last.
    alarms: u64,
    /// The payload that was said last, by topic.
    documents: Documents,
}

/// Something that the broker has not acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Owed {
    Online,
    /// The alarms of this revision.
    Alarms(u64),
    Document,
}

impl Said {
    /// A new connection begins with these two; nothing else has been said over it.
    pub(super) fn connected(&self, revision: u64) {
        let owed = VecDeque::from([Owed::Online, Owed::Alarms(revision)]);
        *self.ledger() = Ledger { owed, alarms: revision, documents: Documents::new() };
        self.news.notify_one();
    }

    /// The broker has taken what it has owed for the longest time: the alarms, perhaps.
    pub(super) fn acknowledged(&self, alarms: &Alarms) {
        let taken = self.ledger().owed.pop_front();
        if let Some(Owed::Alarms(revision)) = taken {
            alarms.published(revision);
        }
        self.news.notify_one();
    }

    /// Resolves when there may be room for more.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Says what has not been said over this connection, as far as there is room: the alarms first. To be called while it is up; waits for
    /// nothing, so that what is handed over belongs to it. `false` if the requests are full, of receipts: again in a moment.
    pub(super) fn say(&self, client: &AsyncClient, config: &MqttConfig, standing: &Standing, documents: &Documents) -> bool {
        let mut ledger = self.ledger();
        // One after the other: two changes within a moment are one message.
        let owes_alarms = ledger.owed.iter().any(|owed| matches!(owed, Owed::Alarms(_)));
        if ledger.alarms != standing.revision && !owes_alarms && ledger.owed.len() < OWED {
            let Publish { topic, payload, .. } = message(config, standing);
            if client.try_publish(topic, QoS::AtLeastOnce, true, payload).is_err() {
                return false;
            }
            ledger.alarms = standing.revision;
            ledger.owed.push_back(Owed::Alarms(standing.revision));
        }
        for (topic, payload) in documents {
            if ledger.documents.get(topic) == Some(payload) {
                continue;
            }
            if ledger.owed.len() >= OWED {
                break;
            }
            if client.try_publish(topic, QoS::AtLeastOnce, true, payload.clone()).is_err() {
                return false;
            }
            ledger.documents.insert(topic.clone(), payload.clone());
            ledger.owed.push_back(Owed::Document);
        }
        true
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub(super) struct Body<'a> {
    schema: u32,
    alarms: Vec<Row<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
struct Row<'a> {
    code: &'a str,
    /// RFC 3339; nothing if the clock was not known to be right then.
    since: Option<jiff::Timestamp>,
    text: &'a str,
    /// What is known of it.
    why: &'a str,
    remedy: &'a str,
}

/// `relay/alarms`, with all of them: an empty list if all is well.
pub(super) fn message(config: &MqttConfig, standing: &Standing) -> Publish {
    let test = standing.test.then_some(Row { code: TEST, since: None, text: TEST_SENTENCE, why: "", remedy: "" });
    let alarms = test.into_iter().chain(standing.active.iter().map(Row::of)).collect();
    retained(format!("{}/alarms", config.relay), json(&Body { schema: SCHEMA, alarms }))
}

/// `relay/status`.
pub(super) fn online(config: &MqttConfig) -> Publish {
    retained(status(config), "online".into())
}

fn retained(topic: String, payload: Vec<u8>) -> Publish {
    let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
    publish.retain = true;
    publish
}

impl Row<'_> {
    fn of(shown: &Shown) -> Row<'_> {
        let Shown { code, since, why, remedy } = shown;
        Row { code: code.name(), since: since.map(Timestamp::instant), text: code.sentence(), why, remedy }
    }
}
