//! What may be asked for on `relay/request/<name>`, and the answers on `relay/response/<name>`: `status`, `data`, `error` and what the
//! sender calls its `transaction`, as Zigbee2MQTT does it. Decides nothing: whether a request can be met, the domain says.

use super::document::{document, is_number, object};
use super::moment::date;
use super::payload::{self, JSON_MAX, misspelt};
use super::receipt::{Body, Message, json};
use super::rejected::Rejected;
use crate::config::MqttConfig;
use crate::domain::decision::{Receipt, Taken};
use crate::domain::event::{Event, Figure, ReplyTo, Request, Verb};
use crate::domain::ids::Name;
use crate::domain::time::Day;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Whether the relay works.
pub(super) const HEALTH: &str = "health";
/// What would become of a message.
const VALIDATE: &str = "validate";
/// What is decided about a feed.
const RULINGS: [(&str, Verb); 4] =
    [("release-held", Verb::Release), ("discard-held", Verb::Discard), ("rebaseline-held", Verb::Rebaseline), ("withdraw", Verb::Withdraw)];
/// A message to be validated may have [`JSON_MAX`] bytes; in a string each quote in it takes two.
const BYTES_MAX: usize = 2 * JSON_MAX + 1024;
/// A message to be validated nests four times, in an object.
const DEPTH_MAX: usize = 6;
/// Longest name of a request that is repeated in an answer.
const NAME_MAX: usize = 64;
/// Longest transaction, as JSON: a UUID has 38 bytes.
const TRANSACTION_MAX: usize = 128;

const MALFORMED: &str = "Das JSON ist nicht lesbar. Erwartet wird ein Objekt, zum Beispiel {\"feed\": \"corona\"}.";

/// What was asked for.
#[derive(Debug)]
pub(super) enum Asked {
    /// To be answered when the relay has made a step.
    Health(Option<Transaction>),
    /// To be answered by the relay.
    Event(Event),
    /// To be answered at once, because it cannot be met, or what is to be validated states nothing.
    Answered(Message),
    /// It asks for nothing that could be answered: it comes from another time, or its name is too long.
    Nothing,
}

/// A string or a number of JSON, as it came.
pub(super) type Transaction = Box<str>;

/// An answer.
#[derive(Serialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub(super) struct Response<'a, Data> {
    status: Status,
    /// What happened, in German; nothing if all went well.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    data: Data,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "documents", schemars(with = "Option<Called>"))]
    transaction: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Error,
}

/// What the sender calls its request.
#[cfg(feature = "documents")]
#[derive(schemars::JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is of interest")]
enum Called {
    Text(String),
    Number(serde_json::Number),
}

/// What is to be said of a request that cannot be met.
#[derive(Serialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct NoData {}

/// How the relay fares.
#[derive(Serialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub(super) struct Health<'a> {
    /// Whether there is no alarm.
    healthy: bool,
    /// The codes of those that there are.
    alarms: Vec<&'a str>,
    version: &'static str,
}

/// The filter that requests come by.
pub(super) fn filter(config: &MqttConfig) -> String {
    format!("{}/request/+", config.relay)
}

/// The request that a topic names, if it is one of theirs.
pub(super) fn named<'a>(config: &MqttConfig, topic: &'a str) -> Option<&'a str> {
    topic.strip_prefix(config.relay.as_str())?.strip_prefix("/request/")
}

/// The names of the requests by which something is decided.
#[cfg(feature = "documents")]
pub(super) fn rulings() -> impl Iterator<Item = &'static str> {
    RULINGS.into_iter().map(|(name, _)| name)
}

/// Reads a request.
pub(super) fn read(config: &MqttConfig, name: &str, payload: &[u8]) -> Asked {
    if name.len() > NAME_MAX || name.contains('/') {
        return Asked::Nothing;
    }
    let mut transaction = None;
    let asked = Fields::read(payload).and_then(|fields| {
        transaction = fields.transaction()?;
        asked(config, name, &fields, transaction.clone())
    });
    asked.unwrap_or_else(|error| Asked::Answered(answer(config, name, Some(&error), NoData {}, transaction.as_deref())))
}

fn asked(config: &MqttConfig, name: &str, fields: &Fields<'_>, transaction: Option<Transaction>) -> Result<Asked, String> {
    if name == HEALTH {
        return Ok(Asked::Health(transaction));
    }
    if name == VALIDATE {
        return fields.message(config, transaction);
    }
    let Some((request, verb)) = RULINGS.into_iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = [HEALTH, VALIDATE].into_iter().chain(RULINGS.map(|(known, _)| known)).collect();
        return Err(format!("Diese Anfrage gibt es nicht: „{name}“. Es gibt: {}.", known.join(", ")));
    };
    let (feed, as_of) = (fields.feed(config)?, fields.as_of()?);
    Ok(Asked::Event(Event::Asked(Request { verb, feed, as_of, reply: Some(ReplyTo::Response { request, transaction }) })))
}

/// What a request says: the keys of an object, or a feed's name alone.
enum Fields<'a> {
    Object(BTreeMap<String, &'a RawValue>),
    Name(&'a str),
    Nothing,
}

impl<'a> Fields<'a> {
    fn read(payload: &'a [u8]) -> Result<Fields<'a>, String> {
        match payload::text(payload, BYTES_MAX) {
            Ok(text) if text.starts_with('{') => {
                let read = document(text, DEPTH_MAX).and_then(object).map(Fields::Object);
                read.map_err(|rejected| if rejected == Rejected::Malformed { MALFORMED.to_owned() } else { rejected.hint() })
            }
            Ok(text) => Ok(Fields::Name(text)),
            Err(Rejected::Empty) => Ok(Fields::Nothing),
            Err(rejected) => Err(rejected.hint()),
        }
    }

    fn get(&self, key: &str) -> Option<&'a RawValue> {
        match self {
            Fields::Object(object) => object.get(key).copied(),
            Fields::Name(_) | Fields::Nothing => None,
        }
    }

    fn transaction(&self) -> Result<Option<Transaction>, String> {
        let Some(raw) = self.get("transaction").map(RawValue::get).filter(|raw| *raw != "null") else { return Ok(None) };
        let good = raw.len() <= TRANSACTION_MAX && (is_number(raw) || raw.starts_with('"'));
        good.then(|| Some(raw.into()))
            .ok_or_else(|| format!("transaction ist kein Text und keine Zahl von höchstens {TRANSACTION_MAX} Bytes."))
    }

    /// The feed that is meant.
    fn feed(&self, config: &MqttConfig) -> Result<Name, String> {
        let named = match self {
            Fields::Object(object) => {
                let raw = object.get("feed").ok_or_else(|| which(config))?;
                serde_json::from_str::<String>(raw.get()).map_err(|_| which(config))?
            }
            Fields::Name(name) => (*name).to_owned(),
            Fields::Nothing => return Err(which(config)),
        };
        let found = config.feeds.iter().find(|feed| feed.name.as_str() == named);
        found.map(|feed| feed.name.clone()).ok_or_else(|| {
            let (named, _) = misspelt(&named, std::iter::empty());
            format!("Diese Zahlenreihe gibt es nicht: „{named}“. {}", there_are(config))
        })
    }

    /// The day that a ruling must be about, if it is named.
    fn as_of(&self) -> Result<Option<Day>, String> {
        let Some(raw) = self.get("as_of").map(RawValue::get).filter(|raw| *raw != "null") else { return Ok(None) };
        let text: Option<String> = serde_json::from_str(raw).ok();
        text.as_deref().and_then(date).map(Some).ok_or_else(|| Rejected::BadDate.hint())
    }

    /// What would become of a message: `feed`, perhaps `metric`, and `payload`, as text or as JSON.
    fn message(&self, config: &MqttConfig, transaction: Option<Transaction>) -> Result<Asked, String> {
        let feed = self.feed(config)?;
        let metric: Option<String> = match self.get("metric").map(RawValue::get) {
            None => None,
            Some(raw) => serde_json::from_str(raw).map_err(|_| "metric ist kein Text.".to_owned())?,
        };
        let raw = self.get("payload").ok_or("Was soll geprüft werden? Bitte die Nachricht unter payload mitsenden.")?.get();
        // A string is the message's text; anything else is the message itself.
        let payload = serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned());
        let below = metric.as_ref().map_or(String::new(), |metric| format!("/{metric}"));
        Ok(match payload::parse(config, &format!("{}/{feed}{below}", config.figures), payload.as_bytes()) {
            Ok(figure) => {
                let receipt = Some(ReplyTo::Response { request: VALIDATE, transaction });
                Asked::Event(Event::Validate(Figure { receipt, ..figure }))
            }
            Err(rejected) => {
                let body = Body::refused(feed.as_str(), metric.as_deref(), &rejected);
                Asked::Answered(answer(config, VALIDATE, None, body, transaction.as_deref()))
            }
        })
    }
}

fn which(config: &MqttConfig) -> String {
    format!("Welche Zahlenreihe ist gemeint? Bitte als {{\"feed\": \"…\"}} mitsenden. {}", there_are(config))
}

fn there_are(config: &MqttConfig) -> String {
    let names: Vec<&str> = config.feeds.iter().map(|feed| feed.name.as_str()).collect();
    format!("Es gibt: {}.", names.join(", "))
}

/// The relay's answer.
pub(super) fn answered(config: &MqttConfig, receipt: &Receipt, request: &str, transaction: Option<&str>) -> Message {
    let body = Body::of(receipt, None);
    // A message that would be refused has been validated all the same.
    let validated = request == VALIDATE;
    let error = if let Taken::Refused(refusal) = &receipt.taken { Some(refusal.sentence()).filter(|_| !validated) } else { None };
    answer(config, request, error, body, transaction)
}

/// Whether the relay works: it has made a step, or it has not.
pub(super) fn health<'a>(config: &MqttConfig, stepped: bool, alarms: impl Iterator<Item = &'a str>, transaction: Option<&str>) -> Message {
    let alarms: Vec<&str> = alarms.collect();
    let health = Health { healthy: stepped && alarms.is_empty(), alarms, version: super::documents::VERSION };
    let error = (!stepped).then_some("Das Relay antwortet nicht. Abhilfe: drk-relay status sagt, wie es ihm geht.");
    answer(config, HEALTH, error, health, transaction)
}

fn answer(config: &MqttConfig, name: &str, error: Option<&str>, data: impl Serialize, transaction: Option<&str>) -> Message {
    let status = if error.is_some() { Status::Error } else { Status::Ok };
    let transaction = transaction.and_then(|transaction| serde_json::from_str(transaction).ok());
    (format!("{}/response/{name}", config.relay), json(&Response { status, error, data, transaction }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules::FeedRules;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn config() -> MqttConfig {
        let feed = FeedRules::new(Name::new("corona").expect("a name"), "", Vec::new());
        MqttConfig::plain("localhost", 1883, vec![feed], TimeZone::UTC)
    }

    proptest! {
        /// Whatever is asked is understood, or answered with a document that programs can read.
        #[test]
        fn every_request_is_understood_or_answered(
            name in "(health|validate|release-held|withdraw|[a-zü/]{0,70})",
            payload in "(corona|[{\\[\\]}\":,a-z0-9 ]{0,60}|\\{\"feed\":\"corona\",\"transaction\":[\\[\\]a-z0-9\"]{0,9}\\})",
        ) {
            if let Asked::Answered((topic, body)) = read(&config(), &name, payload.as_bytes()) {
                prop_assert_eq!(topic, format!("relay/response/{name}"));
                let answer: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
                prop_assert!(answer["status"].is_string());
            }
        }
    }

    #[test]
    fn a_transaction_comes_back_as_it_was() {
        for (stated, expected) in [("7", Some("7")), ("\"a-1\"", Some("\"a-1\"")), ("1.50", Some("1.50")), ("null", None)] {
            let payload = format!("{{\"transaction\":{stated}}}");
            let Asked::Health(transaction) = read(&config(), HEALTH, payload.as_bytes()) else { panic!("{stated}") };
            assert_eq!(transaction.as_deref(), expected);
            let (_, body) = health(&config(), true, std::iter::empty(), transaction.as_deref());
            let body = String::from_utf8(body).expect("text");
            assert_eq!(body.contains("transaction"), expected.is_some(), "{body}");
            assert!(expected.is_none_or(|expected| body.ends_with(&format!("\"transaction\":{expected}}}"))), "{body}");
        }
    }
}
