//! What the relay says of itself, as two retained messages: that it is there, and the alarms that there are. Whoever subscribes knows at
//! once, and so does a broker that was away, because every connection begins with both. Raises no alarm.

use super::status;
use crate::config::MqttConfig;
use crate::domain::time::Timestamp;
use crate::port::alarms::{Alarms, Shown, Standing, TEST, TEST_SENTENCE};
use rumqttc::Publish;
use rumqttc::mqttbytes::QoS;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of this document's schema. Fields may be added; none changes its meaning.
const SCHEMA: u32 = 1;

/// How far the broker has acknowledged what was said over this connection: only our own publishes of QoS 1 have an acknowledgement, and
/// these two messages are all of them.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Handed to rumqttc.
    handed: AtomicU64,
    acknowledged: AtomicU64,
    /// The latest alarms among them.
    revision: AtomicU64,
}

impl Said {
    /// A new connection begins with both.
    pub(super) fn connected(&self, revision: u64) {
        self.handed.store(2, Ordering::Relaxed);
        self.acknowledged.store(0, Ordering::Relaxed);
        self.revision.store(revision, Ordering::Relaxed);
    }

    /// Whether the alarms of this revision are to be said now. One after the other: a broker that acknowledges nothing must not fill up
    /// what may be in flight, or our own acknowledgements would wait behind it for ever.
    pub(super) fn lacks(&self, revision: u64) -> bool {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        read(&self.acknowledged) >= read(&self.handed) && read(&self.revision) != revision
    }

    /// The alarms of this revision are said, too.
    pub(super) fn also(&self, revision: u64) {
        self.handed.fetch_add(1, Ordering::Relaxed);
        self.revision.store(revision, Ordering::Relaxed);
    }

    /// The broker has taken one of them: the last one, perhaps.
    pub(super) fn acknowledged(&self, alarms: &Alarms) {
        let acknowledged = self.acknowledged.fetch_add(1, Ordering::Relaxed) + 1;
        if acknowledged >= self.handed.load(Ordering::Relaxed) {
            alarms.published(self.revision.load(Ordering::Relaxed));
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    schema: u32,
    alarms: Vec<Row<'a>>,
}

#[derive(Serialize)]
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
    // Strings and numbers only: cannot fail.
    let body = serde_json::to_vec(&Body { schema: SCHEMA, alarms }).unwrap_or_default();
    let mut publish = Publish::new(format!("{}/alarms", config.relay), QoS::AtLeastOnce, body);
    publish.retain = true;
    publish
}

/// `relay/status`.
pub(super) fn online(config: &MqttConfig) -> Publish {
    let mut publish = Publish::new(status(config), QoS::AtLeastOnce, "online");
    publish.retain = true;
    publish
}

impl Row<'_> {
    fn of(shown: &Shown) -> Row<'_> {
        let Shown { code, since, why } = shown;
        Row { code: code.name(), since: since.and_then(moment), text: code.sentence(), why, remedy: code.remedy() }
    }
}

fn moment(at: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(i64::from(at.0)).ok()
}
