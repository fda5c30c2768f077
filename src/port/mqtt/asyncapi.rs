//! The MQTT interface as an AsyncAPI 3.1 document (asyncapi/spec 3.1.0, asyncapi/bindings mqtt 0.2.0): for tools, and for people who write
//! a publisher. What we say is described by the types that it is made from, and each example of it is made by them; what we hear is
//! described by hand, with the parser's own limits, and a test runs every example through the parser. Speaks no MQTT.

use super::documents::{FeedState, Info, Last, LastMetric, VERSION};
use super::receipt::{self, Body, json};
use super::rejected::Rejected;
use super::request::{self, Health, NoData, Response};
use super::{KEEP_ALIVE, standing};
use crate::config::MqttConfig;
use crate::domain::alarm::Code;
use crate::domain::decision::{Receipt, Taken};
use crate::domain::event::{Figure, Reading, ReceiptTopic, ReplyTo};
use crate::domain::figures::{Publication, Value, View};
use crate::domain::ids::Name;
use crate::domain::rules::{FeedRules, MetricKind, MetricRules};
use crate::domain::time::{Day, Timestamp};
use crate::port::alarms::{Shown, Standing};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

/// The version of the bindings' schema that is stated with each of them.
const BINDING: &str = "0.2.0";
/// 22 November 2026, 10:00 in Berlin.
const AT: Timestamp = Timestamp(1_795_338_000);
const DAY: Day = Day(20_779);

/// The document. Topics begin as they do without any configuration.
pub fn asyncapi() -> Json {
    json!({
        "asyncapi": "3.1.0",
        "info": {
            "title": "drk-relay",
            "version": VERSION,
            "description": "Figures by MQTT. Publishers send what they have, and are told at once what became of it.",
            "license": {"name": "Apache-2.0 OR MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": {
            "host": "localhost:1883",
            "protocol": "mqtt",
            "protocolVersion": "3.1.1",
            "bindings": {"mqtt": {
                "clientId": "drk-relay",
                "cleanSession": false,
                "keepAlive": KEEP_ALIVE.as_secs(),
                "lastWill": {"topic": "relay/status", "qos": 1, "message": "offline", "retain": true},
                "bindingVersion": BINDING,
            }},
        }},
        "channels": channels(),
        "operations": operations(),
    })
}

fn channels() -> Json {
    let samples = Samples::new();
    let mut channels = figures();
    channels.extend(receipts(&samples));
    channels.extend(documents(&samples));
    channels.extend(requests());
    channels.extend(responses(&samples));
    Json::Object(channels)
}

/// A channel: its topic, and the messages on it by their names. What stands in braces in the topic is a parameter.
fn channel(address: &str, messages: &[(&str, Json)]) -> Json {
    let names = address.split('/').filter_map(|level| level.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Map<String, Json> = names.map(|name| (name.to_owned(), parameter(name))).collect();
    let messages: Map<String, Json> = messages.iter().map(|(name, message)| ((*name).to_owned(), message.clone())).collect();
    if parameters.is_empty() {
        json!({"address": address, "messages": messages})
    } else {
        json!({"address": address, "parameters": parameters, "messages": messages})
    }
}

fn parameter(name: &str) -> Json {
    match name {
        "feed" => json!({"description": "The name of a [[feed]] in relay.toml.", "examples": ["corona"]}),
        "metric" => json!({"description": "The name of a [[feed.metric]] in relay.toml.", "examples": ["cases_new", "incidence"]}),
        _ => json!({"description": "What is decided.", "enum": request::rulings().collect::<Vec<_>>()}),
    }
}

fn message(summary: &str, schema: Json, examples: Vec<Json>) -> Json {
    json!({"summary": summary, "contentType": "application/json", "payload": schema, "examples": examples})
}

fn text(summary: &str, schema: Json, examples: Vec<Json>) -> Json {
    json!({"summary": summary, "contentType": "text/plain", "payload": schema, "examples": examples})
}

/// An example without a name.
fn example(payload: Json) -> Json {
    json!({"payload": payload})
}

/// One of a metric's topic: called like the metric.
fn of_metric(metric: &str, payload: Json) -> Json {
    json!({"name": metric, "payload": payload})
}

/// What the type looks like when it is written.
fn schema<T: JsonSchema>() -> Json {
    let settings = SchemaSettings::draft07().for_serialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn as_json(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// What publishers say. Keys that are not named here are the publisher's own.
fn figures() -> Map<String, Json> {
    let number = json!({
        "type": "string",
        "maxLength": super::number::TEXT_MAX,
        "description": "A number as people and scripts write it: 17, 1.234, 1 234, 57,4. `1.234` for a rate is refused, never guessed.",
    });
    let mut one = beside();
    one.insert(
        "value".to_owned(),
        json!({
            "type": ["number", "string", "null"],
            "description": "A number, or one in quotes as people write it; null only with value_state no_report_today.",
        }),
    );
    let several = json!({
        "type": "object",
        "description": "Metrics by their names, each as `value` on its own topic. At most 4096 bytes.",
        "properties": beside(),
        "additionalProperties": true,
    });
    let one = json!({
        "type": "object",
        "description": "One value and what belongs to it. At most 4096 bytes.",
        "properties": one,
        "required": ["value"],
        "additionalProperties": true,
    });
    let no_report = json!({"value": null, "value_state": "no_report_today", "as_of": "2026-11-22"});
    let metric = [
        (
            "number",
            text(
                "One value, alone.",
                number,
                vec![of_metric("cases_new", json!("17")), of_metric("cases_new", json!("12.735")), of_metric("incidence", json!("57,4"))],
            ),
        ),
        (
            "value",
            message(
                "One value.",
                one,
                vec![
                    of_metric("cases_new", json!({"value": 17, "as_of": "2026-11-22"})),
                    of_metric(
                        "incidence",
                        json!({"value": 57.4, "unit": "/100k", "published_at": "2026-11-22T09:05:00+01:00", "id": "0b24"}),
                    ),
                    of_metric("cases_new", json!({"value": 17, "corrects": "2026-11-22"})),
                    of_metric("cases_new", no_report),
                ],
            ),
        ),
    ];
    let feed = [(
        "values",
        message(
            "Several values at once.",
            several,
            vec![
                example(json!({"cases_new": 17, "incidence": 57.4, "as_of": "2026-11-22"})),
                example(json!({"value_state": "no_report_today"})),
            ],
        ),
    )];
    Map::from_iter([
        ("figure".to_owned(), channel("figures/{feed}/{metric}", &metric)),
        ("figures".to_owned(), channel("figures/{feed}", &feed)),
    ])
}

/// The keys of the contract that stand beside values.
fn beside() -> Map<String, Json> {
    let id =
        |description: &str| json!({"type": ["string", "null"], "minLength": 1, "maxLength": Figure::ID_MAX, "description": description});
    let day =
        json!({"type": ["string", "null"], "format": "date", "description": "The day the figures are about, in the site's time zone."});
    let moment = "RFC 3339; without an offset in the site's time zone, and of an hour that there is twice the earlier one.";
    Map::from_iter([
        ("as_of".to_owned(), day),
        ("published_at".to_owned(), json!({"type": ["string", "null"], "description": moment})),
        ("id".to_owned(), id("The publisher's own name for the message: the same one again is about the same day.")),
        ("corrects".to_owned(), id("What it puts right: a day, or the id of a message. Whoever got the old values is told.")),
        ("value_state".to_owned(), json!({"enum": ["final", "provisional", "no_report_today", null]})),
        ("unit".to_owned(), json!({"type": ["string", "null"], "description": "Refused if it is certainly another one than configured."})),
        ("source".to_owned(), json!({"description": "Not looked at."})),
        ("note".to_owned(), json!({"description": "Not looked at: it would let any publisher write under the branch's name."})),
    ])
}

/// What one relay would say.
struct Samples {
    config: MqttConfig,
    view: View,
    publication: Publication,
}

impl Samples {
    fn new() -> Samples {
        let metric = |metric, label, kind| MetricRules::new(name(metric), label, kind);
        let incidence = MetricRules { unit: Some("je 100.000".to_owned()), ..metric("incidence", "7-Tage-Inzidenz", MetricKind::Rate) };
        let metrics = vec![metric("cases_new", "Neue Fälle", MetricKind::Count), incidence];
        let feeds = vec![FeedRules::new(name("corona"), "Corona im Kreis Musterstadt", metrics)];
        let values = [("cases_new", number(17, 0)), ("incidence", number(574, 1))].map(|(metric, value)| (name(metric), value));
        let publication = Publication::new(7, DAY, values.into_iter().collect());
        let mut view = View::new(name("corona"), "Corona im Kreis Musterstadt");
        (view.current, view.published, view.received) = (Some(publication.clone()), Some(AT), Some(AT));
        (view.reach.now, view.reach.outside) = (41, 12);
        let config = MqttConfig::plain("localhost", 1883, feeds, TimeZone::UTC);
        Samples { config, view, publication }
    }

    fn receipt(&self, taken: Taken, value: Value, reading: Reading) -> Receipt {
        let topic = ReceiptTopic { feed: self.view.name.clone(), metric: Some(name("cases_new")), reading };
        Receipt {
            to: ReplyTo::Receipts(topic),
            feed: self.view.name.clone(),
            taken,
            values: vec![(name("cases_new"), value)],
            as_of: Some(DAY),
            revision: 7,
            received: Some(AT),
            reach: self.view.reach,
        }
    }

    fn told(&self, receipt: &Receipt) -> Json {
        receipt::decided(&self.config, receipt).map(|(_, body)| as_json(&body)).unwrap_or_default()
    }
}

fn name(name: &str) -> Name {
    Name::new(name).unwrap_or_else(|| unreachable!("{name} follows the rule"))
}

fn number(digits: i64, decimals: u8) -> Value {
    Value::new(digits, decimals).unwrap_or_else(|| unreachable!("in range"))
}

fn receipts(samples: &Samples) -> Map<String, Json> {
    let accepted = samples.receipt(Taken::Accepted, number(12_735, 0), Reading::Interpreted);
    let corrected = samples.receipt(Taken::Correction, number(17, 0), Reading::Literal);
    let unclear = Rejected::Ambiguous { text: "1.234".to_owned(), digits: "1234".to_owned() };
    let refused = Body::refused("corona", Some("incidence"), &unclear);
    let examples = vec![example(samples.told(&accepted)), example(samples.told(&corrected)), example(as_json(&json(&refused)))];
    let receipt = message("What became of a message.", schema::<Body>(), examples.clone());
    Map::from_iter([
        ("receipt".to_owned(), channel("relay/receipts/{feed}/{metric}", &[("receipt", receipt.clone())])),
        ("receiptOfFeed".to_owned(), channel("relay/receipts/{feed}", &[("receipt", receipt)])),
    ])
}

fn documents(samples: &Samples) -> Map<String, Json> {
    let Samples { config, view, publication } = samples;
    let of = |document: &[u8]| vec![example(as_json(document))];
    let incidence = name("incidence");
    let last = config.feeds.first().and_then(|rules| LastMetric::of(rules, &incidence, view, publication));
    let info = Info { version: VERSION, started_at: Some(AT.instant()), clock_synced: true, queue: 0 };
    let code = Code::DiskFull;
    let shown = Shown { code, since: Some(AT), why: String::new(), remedy: code.remedy().to_owned() };
    let alarms = standing::message(config, &Standing { active: vec![shown], ..Standing::default() }).payload;
    let status = json!({"type": "string", "enum": ["online", "offline"]});
    let all = [
        (
            "last",
            "relay/last/{feed}",
            message("The values that subscribers have.", schema::<Last>(), of(&json(&Last::of(view, publication)))),
        ),
        ("lastOfMetric", "relay/last/{feed}/{metric}", message("One of them.", schema::<LastMetric>(), of(&json(&last)))),
        ("feedState", "relay/feeds/{feed}/state", message("How a feed fares.", schema::<FeedState>(), of(&json(&FeedState::of(view))))),
        ("info", "relay/info", message("The relay.", schema::<Info>(), of(&json(&info)))),
        ("alarms", "relay/alarms", message("The alarms that there are.", schema::<standing::Body>(), of(&alarms))),
        ("status", "relay/status", text("Whether it is there.", status, vec![example(json!("online")), example(json!("offline"))])),
    ];
    all.map(|(name, address, message)| (name.to_owned(), channel(address, &[(name, message)]))).into_iter().collect()
}

fn requests() -> Map<String, Json> {
    let transaction = json!({"type": ["string", "number", "null"], "description": "Repeated in the answer."});
    let feed = json!({"type": "string", "description": "The name of a feed."});
    let day = json!({"type": ["string", "null"], "format": "date", "description": "The day it must be about, or nothing is done."});
    let ruling = json!({
        "type": "object",
        "required": ["feed"],
        "properties": {"feed": feed, "as_of": day, "transaction": transaction},
    });
    let validation = json!({
        "type": "object",
        "required": ["feed", "payload"],
        "properties": {
            "feed": feed,
            "metric": {"type": ["string", "null"], "description": "The metric whose topic it would be sent to."},
            "payload": {"description": "The message: text, or JSON as it is."},
            "transaction": transaction,
        },
    });
    let health = json!({"type": "object", "properties": {"transaction": transaction}});
    let ruling = [
        ("feed", text("The feed, alone.", json!({"type": "string"}), vec![example(json!("corona"))])),
        ("ruling", message("The feed.", ruling, vec![example(json!({"feed": "corona", "as_of": "2026-11-22", "transaction": "a-1"}))])),
    ];
    let validation = message(
        "What would become of a message?",
        validation,
        vec![
            example(json!({"feed": "corona", "metric": "cases_new", "payload": "12.735"})),
            example(json!({"feed": "corona", "payload": {"cases_new": 17}, "transaction": 7})),
        ],
    );
    let health = message("Does it work?", health, vec![example(json!({})), example(json!({"transaction": 7}))]);
    Map::from_iter([
        ("ruling".to_owned(), channel("relay/request/{request}", &ruling)),
        ("validation".to_owned(), channel("relay/request/validate", &[("validation", validation)])),
        ("healthRequest".to_owned(), channel("relay/request/health", &[("health", health)])),
    ])
}

fn responses(samples: &Samples) -> Map<String, Json> {
    let config = &samples.config;
    let withdrawn = samples.receipt(Taken::Withdrawn, number(17, 0), Reading::Literal);
    let withdrawn = Receipt { values: Vec::new(), ..withdrawn };
    let validated = samples.receipt(Taken::Accepted, number(12_735, 0), Reading::Literal);
    let ruled = as_json(&request::answered(config, &withdrawn, "withdraw", Some("\"a-1\"")).1);
    let validated = as_json(&request::answered(config, &validated, "validate", None).1);
    let health = as_json(&request::health(config, true, std::iter::empty(), Some("7")).1);
    let refused = match request::read(config, "withdraw", b"korona") {
        request::Asked::Answered((_, body)) => as_json(&body),
        request::Asked::Health(_) | request::Asked::Event(_) | request::Asked::Nothing => Json::Null,
    };
    let refused = message("It could not be understood.", schema::<Response<NoData>>(), vec![example(refused)]);
    let receipt = |summary, example_of| message(summary, schema::<Response<Body>>(), vec![example(example_of)]);
    let health = message("How it fares.", schema::<Response<Health>>(), vec![example(health)]);
    let both = |message| [("answer", message), ("refused", refused.clone())];
    Map::from_iter([
        ("ruled".to_owned(), channel("relay/response/{request}", &both(receipt("What became of it.", ruled)))),
        ("validated".to_owned(), channel("relay/response/validate", &both(receipt("What would become of it.", validated)))),
        ("health".to_owned(), channel("relay/response/health", &both(health))),
    ])
}

/// What this application does.
fn operations() -> Json {
    let heard = |channel: &str, messages: &[&str], qos: u8, reply: (&str, &[&str])| {
        let mut operation = operation("receive", channel, messages, json!({"qos": qos, "bindingVersion": BINDING}));
        let (answered, answers) = reply;
        operation["reply"] = json!({"channel": channel_of(answered), "messages": messages_of(answered, answers)});
        operation
    };
    let said = |channel: &str, message: &str, qos: u8| {
        operation("send", channel, &[message], json!({"qos": qos, "retain": qos == 1, "bindingVersion": BINDING}))
    };
    let answer = ["answer", "refused"];
    json!({
        "hearFigure": heard("figure", &["number", "value"], 1, ("receipt", &["receipt"])),
        "hearFigures": heard("figures", &["values"], 1, ("receiptOfFeed", &["receipt"])),
        "hearRuling": heard("ruling", &["feed", "ruling"], 0, ("ruled", &answer)),
        "hearValidation": heard("validation", &["validation"], 0, ("validated", &answer)),
        "hearHealth": heard("healthRequest", &["health"], 0, ("health", &answer)),
        "sayLast": said("last", "last", 1),
        "sayLastOfMetric": said("lastOfMetric", "lastOfMetric", 1),
        "sayFeedState": said("feedState", "feedState", 1),
        "sayInfo": said("info", "info", 1),
        "sayAlarms": said("alarms", "alarms", 1),
        "sayStatus": said("status", "status", 1),
    })
}

fn operation(action: &str, channel: &str, messages: &[&str], binding: Json) -> Json {
    json!({"action": action, "channel": channel_of(channel), "messages": messages_of(channel, messages), "bindings": {"mqtt": binding}})
}

fn channel_of(channel: &str) -> Json {
    json!({"$ref": format!("#/channels/{channel}")})
}

fn messages_of(channel: &str, messages: &[&str]) -> Vec<Json> {
    messages.iter().map(|message| json!({"$ref": format!("#/channels/{channel}/messages/{message}")})).collect()
}
