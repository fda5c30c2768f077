//! What a publisher is told, as topic and JSON. Decides nothing: the verdict is the domain's, or the parser's.

use super::rejected::Rejected;
use super::{payload, request};
use crate::config::{MqttConfig, MqttMap};
use crate::domain::decision::{Receipt, Refusal, Taken};
use crate::domain::event::{Reading, ReceiptTopic, ReplyTo};
use crate::domain::figures::Value;
use crate::domain::ids::Name;
use crate::domain::time::{Day, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One message for a publisher: topic and payload.
pub(super) type Message = (String, Vec<u8>);

/// Three times the longest topic of the contract. One of 65,535 bytes, which MQTT allows, is not repeated: the receipt's topic would be
/// longer than that, rumqttc would write its length modulo 65,536, and the broker would end the connection, for every such message.
const TOPIC_MAX: usize = 512;

/// A receipt. Every key is always there, so that no template has to ask.
#[derive(Serialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub(super) struct Body<'a> {
    result: Outcome,
    /// Why, for programs.
    code: &'static str,
    feed: &'a str,
    metric: Option<&'a str>,
    /// What was read, if it is one value.
    #[cfg_attr(feature = "documents", schemars(with = "Option<serde_json::Number>"))]
    value: Option<Number>,
    /// What was read.
    #[cfg_attr(feature = "documents", schemars(with = "BTreeMap<String, serde_json::Number>"))]
    values: BTreeMap<&'a str, Number>,
    /// The value again, if it was written in another way than it was read.
    #[cfg_attr(feature = "documents", schemars(with = "Option<serde_json::Number>"))]
    interpreted: Option<Number>,
    as_of: Option<jiff::civil::Date>,
    /// The revision that subscribers have or are getting.
    revision: Option<u32>,
    /// Nothing while the clock is not known to be right.
    received_at: Option<jiff::Timestamp>,
    /// How many people are concerned.
    notify: Option<Notify>,
    hint: Cow<'a, str>,
}

/// What became of a message.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Accepted,
    Duplicate,
    Correction,
    Held,
    Rejected,
}

/// How many people a figure concerns.
#[derive(Serialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
struct Notify {
    /// Subscribers: they get what is published.
    now: u32,
    /// People whose window has closed: they get it when they write.
    outside_window: u32,
}

/// A number of JSON as it is, not by way of a float.
pub(super) type Number = Box<RawValue>;

pub(super) fn number(value: Value) -> Number {
    RawValue::from_string(value.to_string()).unwrap_or_else(|_| unreachable!("a number of JSON"))
}

/// The relay's receipt, as topic and payload; nothing if nobody wants to hear of it.
pub(super) fn decided(config: &MqttConfig, receipt: &Receipt) -> Option<Message> {
    match &receipt.to {
        ReplyTo::Receipts(topic) => {
            let silent = topic.reading == Reading::Foreign && receipt.taken == Taken::Refused(Refusal::Duplicate);
            (!silent).then(|| message(config, &Body::of(receipt, Some(topic))))
        }
        // Who asks on this machine is answered there.
        ReplyTo::Local(_) => None,
        ReplyTo::Response { request, transaction } => Some(request::answered(config, receipt, request, transaction.as_deref())),
    }
}

/// The port's own, for a message that states nothing; `None` if the topic is not below our root, where nobody listens to us, or so long
/// that the receipt's would not fit into a packet.
pub(super) fn rejected(config: &MqttConfig, topic: &str, rejected: &Rejected) -> Option<Message> {
    let (feed, metric) = payload::below_root(config, topic).filter(|_| topic.len() <= TOPIC_MAX)?;
    Some(message(config, &Body::refused(feed, metric.filter(|metric| !metric.is_empty()), rejected)))
}

/// The same, for a foreign message: on the topic of the metric that was to be found there.
pub(super) fn unmapped(config: &MqttConfig, map: &MqttMap, rejected: &Rejected) -> Message {
    message(config, &Body::refused(map.feed.as_str(), Some(map.metric.as_str()), rejected))
}

impl Body<'_> {
    /// What became of something. `topic`: where it goes, if it goes to the receipts of a feed.
    pub(super) fn of<'a>(receipt: &'a Receipt, topic: Option<&'a ReceiptTopic>) -> Body<'a> {
        let Receipt { feed, taken, values, as_of, revision, received, reach, .. } = receipt;
        let one = match values.as_slice() {
            [(_, value)] => Some(*value),
            [] | [_, ..] => None,
        };
        let interpreted = topic.is_some_and(|topic| topic.reading == Reading::Interpreted);
        let (result, code) = called(taken);
        Body {
            result,
            code,
            feed: feed.as_str(),
            metric: topic.and_then(|topic| topic.metric.as_ref()).map(Name::as_str),
            value: one.map(number),
            values: values.iter().map(|(name, value)| (name.as_str(), number(*value))).collect(),
            interpreted: one.filter(|_| interpreted).map(number),
            as_of: as_of.map(Day::date),
            revision: Some(*revision),
            received_at: received.map(Timestamp::instant),
            notify: Some(Notify { now: reach.now, outside_window: reach.outside }),
            hint: taken.sentence(reach.now),
        }
    }

    /// What is wrong with a message that states nothing.
    pub(super) fn refused<'a>(feed: &'a str, metric: Option<&'a str>, rejected: &Rejected) -> Body<'a> {
        Body {
            result: Outcome::Rejected,
            code: rejected.code(),
            feed,
            metric,
            value: None,
            values: BTreeMap::new(),
            interpreted: None,
            as_of: None,
            revision: None,
            received_at: None,
            notify: None,
            hint: rejected.hint().into(),
        }
    }
}

fn message(config: &MqttConfig, body: &Body) -> Message {
    let mut topic = format!("{}/receipts/{}", config.relay, body.feed);
    if let Some(metric) = body.metric {
        topic.push('/');
        topic.push_str(metric);
    }
    (topic, json(body))
}

/// Strings, numbers and maps by strings only: cannot fail.
pub(super) fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}

/// Result and code, stable, for programs.
fn called(taken: &Taken) -> (Outcome, &'static str) {
    match taken {
        Taken::Accepted => (Outcome::Accepted, "accepted"),
        Taken::Joined => (Outcome::Accepted, "rest"),
        Taken::Update => (Outcome::Accepted, "update"),
        Taken::Correction => (Outcome::Correction, "correction"),
        Taken::Old => (Outcome::Accepted, "old"),
        Taken::NoReport => (Outcome::Accepted, "no-report"),
        Taken::Early => (Outcome::Accepted, "early"),
        Taken::Held(doubts) => (Outcome::Held, doubts.first().map_or("held", |doubt| doubt.code)),
        Taken::Released => (Outcome::Accepted, "released"),
        Taken::Discarded => (Outcome::Accepted, "discarded"),
        Taken::Rebaselined => (Outcome::Accepted, "rebaselined"),
        Taken::Withdrawn => (Outcome::Accepted, "withdrawn"),
        Taken::Refused(Refusal::Duplicate) => (Outcome::Duplicate, "duplicate"),
        Taken::Refused(refusal) => (Outcome::Rejected, code(*refusal)),
    }
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
