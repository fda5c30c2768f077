//! What a publisher is told, as topic and JSON. Decides nothing: the verdict is the domain's, or the parser's.

use super::payload;
use super::rejected::Rejected;
use crate::config::MqttConfig;
use crate::domain::decision::{Receipt, Refusal, Taken};
use crate::domain::event::ReplyTo;
use crate::domain::ids::Name;
use serde::Serialize;

/// One message for a publisher: topic and payload.
pub(super) type Message = (String, Vec<u8>);

/// Three times the longest topic of the contract. One of 65,535 bytes, which MQTT allows, is not repeated: the receipt's topic would be
/// longer than that, rumqttc would write its length modulo 65,536, and the broker would end the connection, for every such message.
const TOPIC_MAX: usize = 512;

#[derive(Serialize)]
struct Body<'a> {
    result: &'static str,
    code: &'static str,
    feed: &'a str,
    metric: Option<&'a str>,
    as_of: Option<String>,
    revision: Option<u32>,
    hint: &'a str,
}

/// The relay's receipt.
pub(super) fn decided(config: &MqttConfig, receipt: &Receipt) -> Message {
    let metric = match &receipt.to {
        ReplyTo::Receipts(topic) => topic.metric.as_ref().map(Name::as_str),
        ReplyTo::Response { .. } | ReplyTo::Local(_) => None,
    };
    let (result, code, hint) = match &receipt.taken {
        Taken::Accepted => ("accepted", "accepted", "Angenommen."),
        Taken::Joined => ("accepted", "rest", "Angenommen."),
        Taken::Update => ("accepted", "update", "Angenommen."),
        Taken::Correction => ("correction", "correction", "Angenommen."),
        Taken::Old => ("accepted", "old", "Angenommen."),
        Taken::NoReport => ("accepted", "no-report", "Angenommen."),
        Taken::Early => ("accepted", "early", "Angenommen."),
        Taken::Held(_) => ("held", "held", "Angehalten."),
        Taken::Released => ("accepted", "released", "Angenommen."),
        Taken::Discarded => ("accepted", "discarded", "Angenommen."),
        Taken::Rebaselined => ("accepted", "rebaselined", "Angenommen."),
        Taken::Withdrawn => ("accepted", "withdrawn", "Angenommen."),
        Taken::Refused(Refusal::Duplicate) => ("duplicate", "duplicate", Refusal::Duplicate.sentence()),
        Taken::Refused(refusal) => ("rejected", code(*refusal), refusal.sentence()),
    };
    let as_of = receipt.as_of.map(|day| day.date().to_string());
    let feed = receipt.feed.as_str();
    message(config, &Body { result, code, feed, metric, as_of, revision: Some(receipt.revision), hint })
}

/// The port's own, for a message that states nothing; `None` if the topic is not below our root, where nobody listens to us, or so long
/// that the receipt's would not fit into a packet.
pub(super) fn rejected(config: &MqttConfig, topic: &str, rejected: &Rejected) -> Option<Message> {
    let (feed, metric) = payload::below_root(config, topic).filter(|_| topic.len() <= TOPIC_MAX)?;
    let (code, hint, metric) = (rejected.code(), rejected.hint(), metric.filter(|metric| !metric.is_empty()));
    Some(message(config, &Body { result: "rejected", code, feed, metric, as_of: None, revision: None, hint: &hint }))
}

fn message(config: &MqttConfig, body: &Body) -> Message {
    let mut topic = format!("{}/receipts/{}", config.relay, body.feed);
    if let Some(metric) = body.metric {
        topic.push('/');
        topic.push_str(metric);
    }
    // Strings and numbers only: cannot fail.
    (topic, serde_json::to_vec(body).unwrap_or_default())
}

/// Stable, for programs.
fn code(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Duplicate => "duplicate",
        Refusal::Stale => "stale",
        Refusal::Future => "future",
        Refusal::BeforeStop => "before-stop",
        Refusal::UnknownFeed => "unknown-feed",
        Refusal::UnknownMetric => "unknown-metric",
        Refusal::UnknownCorrection => "unknown-correction",
        Refusal::OtherDay => "other-day",
        Refusal::Reported => "reported",
        Refusal::Dismissed => "dismissed",
        Refusal::AnotherDay => "another-day",
        Refusal::NothingHeld => "nothing-held",
        Refusal::NothingToWithdraw => "nothing-to-withdraw",
        Refusal::ClockInDoubt => "clock-in-doubt",
        Refusal::UnknownMessage => "unknown-message",
        Refusal::UnknownPerson => "unknown-person",
        Refusal::NothingToDo => "nothing-to-do",
        Refusal::Full => "full",
        Refusal::Spent => "spent",
    }
}
