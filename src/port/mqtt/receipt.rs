//! What a publisher is told, as topic and JSON. Decides nothing: the verdict is the domain's, or the parser's.

use super::payload;
use super::rejected::Rejected;
use crate::config::MqttConfig;
use crate::domain::decision::{Receipt, Refusal, Verdict};
use crate::domain::ids::Name;
use serde::Serialize;

/// One message for a publisher: topic and payload.
pub(super) type Message = (String, Vec<u8>);

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
    let metric = receipt.topic.metric.as_ref().map(Name::as_str);
    let (result, code, hint) = match receipt.verdict {
        Verdict::Acted => ("accepted", "accepted", "Angenommen."),
        Verdict::Refused(Refusal::Duplicate) => ("duplicate", "duplicate", Refusal::Duplicate.sentence()),
        Verdict::Refused(refusal) => ("rejected", code(refusal), refusal.sentence()),
    };
    let as_of = receipt.as_of.map(|day| day.date().to_string());
    message(
        config,
        metric,
        &Body { result, code, feed: config.feeds[0].name.as_str(), metric, as_of, revision: Some(receipt.revision), hint },
    )
}

/// The port's own, for a message that states nothing; `None` if the topic is another feed's, where nobody listens to us.
pub(super) fn rejected(config: &MqttConfig, topic: &str, rejected: &Rejected) -> Option<Message> {
    let metric = Some(payload::below_feed(config, topic)?).filter(|metric| !metric.is_empty());
    let (code, hint) = (rejected.code(), rejected.hint());
    let body = Body { result: "rejected", code, feed: config.feeds[0].name.as_str(), metric, as_of: None, revision: None, hint: &hint };
    Some(message(config, metric, &body))
}

fn message(config: &MqttConfig, metric: Option<&str>, body: &Body) -> Message {
    let mut topic = format!("{}/receipts/{}", config.relay, config.feeds[0].name);
    if let Some(metric) = metric {
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
        Refusal::UnknownMessage => "unknown-message",
        Refusal::UnknownPerson => "unknown-person",
        Refusal::NothingToDo => "nothing-to-do",
        Refusal::Full => "full",
    }
}
