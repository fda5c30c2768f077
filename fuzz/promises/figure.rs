//! What holds for any MQTT message below the relay's topics. Knows no case: those are beside `port::mqtt::parse`.

use drk_relay::config::MqttConfig;
use drk_relay::domain::event::{Figure, ReplyTo};
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::Name;
use drk_relay::domain::rules::{FeedRules, MetricKind, MetricRules};
use drk_relay::port::mqtt::{Rejected, parse};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// Most bytes that a payload may have (`payload::JSON_MAX`).
const LARGEST: usize = 4096;
/// Most characters that a publisher is told: the longest names that are repeated, several times over.
const HINT: usize = 600;

/// Asserts it of a message: its first line is the topic, the rest the payload. Whether it states a figure.
pub(crate) fn check(message: &[u8]) -> bool {
    let end = message.iter().position(|byte| *byte == b'\n').unwrap_or(message.len());
    // What is no UTF-8 is no topic: brokers refuse it (MQTT 3.1.1, 1.5.3).
    let Ok(topic) = std::str::from_utf8(&message[..end]) else { return false };
    let payload = message.get(end + 1..).unwrap_or_default();
    let config = config();
    let read = parse(&config, topic, payload);
    match &read {
        Ok(figure) => can_be_published(&config, topic, figure),
        Err(rejected) => is_explained(rejected),
    }
    if payload.len() + 4 <= LARGEST {
        let padded = [b"\r\n ", payload, b"\n"].concat();
        assert_eq!(parse(&config, topic, &padded), read, "white space around it changes what it says");
    }
    if let Ok(text) = std::str::from_utf8(payload) {
        says_the_same_in_quotes(&config, text);
    }
    read.is_ok()
}

fn name(name: &str) -> Name {
    Name::new(name).unwrap_or_else(|| unreachable!("{name} follows the rule"))
}

fn config() -> MqttConfig {
    let metric = |(metric, kind): &(&str, MetricKind)| MetricRules::new(name(metric), "", *kind);
    let feed = |feed, metrics: &[(&str, MetricKind)]| FeedRules::new(name(feed), "", metrics.iter().map(metric).collect());
    let corona = [("cases_new", MetricKind::Count), ("cases_total", MetricKind::Total), ("incidence", MetricKind::Rate)];
    let feeds = vec![feed("corona", &corona), feed("pegel", &[("level", MetricKind::Rate), ("cases_new", MetricKind::Total)])];
    MqttConfig::plain("localhost", 1883, feeds, TimeZone::UTC)
}

/// What was accepted is in range, belongs to a metric that is configured, and says the same when it is written again as we would write it.
fn can_be_published(config: &MqttConfig, topic: &str, figure: &Figure) {
    let feed = config.feeds.iter().find(|feed| feed.name == figure.feed).expect("a feed that is configured");
    let Some(ReplyTo::Receipts(receipt)) = &figure.receipt else { panic!("somebody waits for it") };
    let named = receipt.metric.as_ref().map_or_else(String::new, |metric| format!("/{metric}"));
    assert_eq!(topic.trim_end_matches('/'), format!("figures/{}{named}", receipt.feed));
    assert_eq!(receipt.feed, figure.feed);
    if figure.values.is_empty() {
        return;
    }
    let mut metrics = BTreeSet::new();
    let mut members = Vec::new();
    for (metric, value) in &figure.values {
        let MetricRules { kind, .. } = feed.metrics.iter().find(|known| known.name == *metric).expect("a metric that is configured");
        let (digits, decimals) = value.parts();
        assert!(metrics.insert(metric), "{metric} twice");
        assert!(digits.abs() <= Value::LARGEST && decimals <= Value::DECIMALS, "{value:?}");
        assert!(*kind == MetricKind::Rate || decimals == 0, "{value:?} was counted");
        assert_eq!(Value::new(digits, decimals), Some(*value), "written in two ways");
        members.push(format!(r#""{metric}":{}"#, decimal(digits, decimals)));
    }
    let day = figure.as_of.map(|day| day.date().to_string());
    members.extend(day.map(|day| format!(r#""as_of":"{day}""#)));
    let again = parse(config, &format!("figures/{}", figure.feed), format!("{{{}}}", members.join(",")).as_bytes());
    let mut expected = figure.values.clone();
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    let again = again.map(|figure| (figure.values, figure.as_of));
    assert_eq!(again, Ok((expected, figure.as_of)));
}

/// A number of JSON.
fn decimal(digits: i64, decimals: u8) -> String {
    let (sign, places) = (if digits < 0 { "-" } else { "" }, usize::from(decimals));
    let all = format!("{:0width$}", digits.abs(), width = places + 1);
    let (whole, fraction) = all.split_at(all.len() - places);
    if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A code for programs, and a sentence for people that does not drown them.
fn is_explained(rejected: &Rejected) {
    let (code, hint) = (rejected.code(), rejected.hint());
    assert!(!code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code}");
    assert!(hint.ends_with(['.', '?']) && hint.chars().count() <= HINT, "{hint}");
}

/// Templates quote what they insert: a number is read in the same way whether or not it stands in an object.
fn says_the_same_in_quotes(config: &MqttConfig, text: &str) {
    let object = format!(r#"{{"value":{}}}"#, serde_json::Value::from(text));
    let blank = |c: char| c.is_whitespace() || c == '\u{feff}';
    if text.trim_matches(blank).trim_matches(['"', '\'']).trim_matches(blank).starts_with('{') || object.len() > LARGEST {
        return;
    }
    for metric in ["cases_new", "incidence"] {
        let topic = format!("figures/corona/{metric}");
        let (bare, quoted) = (parse(config, &topic, text.as_bytes()), parse(config, &topic, object.as_bytes()));
        // Nothing at all is an empty message there, and here a message without a value.
        let bare = if bare == Err(Rejected::Empty) { Err(Rejected::NoValue) } else { bare };
        assert_eq!(bare, quoted, "{text}");
    }
}
