//! `docs/asyncapi.json` says what the code does: it is made by it, every example of what is heard goes through the parser, and every
//! example is valid as one message of its channel and as no other.

use super::peer::name;
use boon::{Compiler, Draft, SchemaIndex, Schemas};
use drk_relay::config::MqttConfig;
use drk_relay::domain::rules::{FeedRules, MetricKind, MetricRules};
use drk_relay::port::mqtt::{asyncapi, parse};
use jiff::tz::TimeZone;
use serde_json::Value;

const COPY: &str = include_str!("../../../docs/asyncapi.json");

/// The schemas of a document's messages.
pub(crate) struct Described {
    document: Value,
    schemas: Schemas,
    /// Channel, message, and what its payload must look like.
    messages: Vec<(String, String, SchemaIndex)>,
}

impl Described {
    pub(crate) fn new() -> Described {
        let (document, mut schemas, mut compiler) = (asyncapi(), Schemas::new(), Compiler::new());
        compiler.set_default_draft(Draft::V7);
        compiler.enable_format_assertions();
        let mut messages = Vec::new();
        for (channel, described) in document["channels"].as_object().expect("channels") {
            for (message, described) in described["messages"].as_object().expect("messages") {
                let place = format!("https://drk.example/{channel}/{message}");
                compiler.add_resource(&place, described["payload"].clone()).expect("a schema");
                let schema = compiler.compile(&place, &mut schemas).unwrap_or_else(|error| panic!("{channel} {message}: {error}"));
                messages.push((channel.clone(), message.clone(), schema));
            }
        }
        Described { document, schemas, messages }
    }

    /// The messages of a channel that a payload is.
    pub(crate) fn is(&self, channel: &str, payload: &Value) -> Vec<&str> {
        let of_channel = self.messages.iter().filter(|(of, ..)| of == channel);
        of_channel.filter(|(.., schema)| self.schemas.validate(payload, *schema).is_ok()).map(|(_, message, _)| message.as_str()).collect()
    }
}

#[test]
fn the_copy_is_what_the_code_says() {
    let said = serde_json::to_string_pretty(&asyncapi()).expect("JSON");
    assert!(COPY.trim_end() == said, "docs/asyncapi.json is old: cargo run -- asyncapi > docs/asyncapi.json");
}

#[test]
fn every_example_is_one_message_and_no_other() {
    let described = Described::new();
    let mut examples = 0;
    for (channel, of) in described.document["channels"].as_object().expect("channels") {
        for (message, of) in of["messages"].as_object().expect("messages") {
            let said = of["examples"].as_array().expect("examples");
            assert!(!said.is_empty(), "{channel} {message} has no example");
            for example in said {
                assert_eq!(described.is(channel, &example["payload"]), [message], "{channel}: {example}");
                examples += 1;
            }
        }
    }
    assert!(examples > 25, "{examples}");
}

#[test]
fn every_example_of_a_figure_is_one() {
    let metric = |metric, kind| MetricRules::new(name(metric), "", kind);
    let incidence = MetricRules { unit: Some("je 100.000".to_owned()), ..metric("incidence", MetricKind::Rate) };
    let feeds = vec![FeedRules::new(name("corona"), "", vec![metric("cases_new", MetricKind::Count), incidence])];
    let config = MqttConfig::plain("localhost", 1883, feeds, TimeZone::UTC);
    let document = asyncapi();
    for channel in ["figure", "figures"] {
        for (message, of) in document["channels"][channel]["messages"].as_object().expect("messages") {
            for example in of["examples"].as_array().expect("examples") {
                let metric = example["name"].as_str().map_or(String::new(), |metric| format!("/{metric}"));
                let (topic, payload) = (format!("figures/corona{metric}"), &example["payload"]);
                let payload = payload.as_str().map_or_else(|| payload.to_string(), str::to_owned);
                assert!(parse(&config, &topic, payload.as_bytes()).is_ok(), "{channel} {message} {topic} {payload}");
            }
        }
    }
}

/// Where it says "$ref", there is something.
#[test]
fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => object.iter().for_each(|(key, value)| match value {
                Value::String(to) if key == "$ref" => found.push(to),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                    references(value, found);
                }
            }),
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = asyncapi();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 30, "{found:?}");
    for to in found {
        assert!(to.strip_prefix('#').is_some_and(|pointer| document.pointer(pointer).is_some()), "{to}");
    }
}
