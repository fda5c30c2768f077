//! Foreign messages to [`Figure`]s, as `[[map]]` says: Tasmota, Home Assistant's statestream, Telegraf, Zigbee2MQTT and whatever else
//! publishes plain text or JSON by its own conventions. Whether a figure is new, the domain says.
//!
//! What programs publish differs from what people do: a point is a decimal point, decimals go on for ever, and the same message comes again
//! every ten seconds.

use super::document;
use super::moment::local_day;
use super::number;
use super::payload::{self, trimmed};
use super::rejected::Rejected;
use crate::config::{JsonPointer, MqttConfig, MqttMap};
use crate::domain::event::{Figure, Reading, ReceiptTopic, ReplyTo};
use crate::domain::figures::Value;
use crate::domain::time::Day;
use serde_json::value::RawValue;

/// What a device says of all that it measures fits four times over (Zigbee2MQTT with `device`: 3 kB; a Shelly's status: 4 kB; a batch of
/// fifty of Telegraf's metrics: 12 kB), and a Pi Zero reads it in two milliseconds.
const BYTES_MAX: usize = 64 * 1024;
/// The same documents nest five times.
const DEPTH_MAX: usize = 16;

/// What a message states for one map, or why it does not.
pub type Mapped<'a> = Result<Figure, (&'a MqttMap, Rejected)>;

/// What a message on a foreign topic states: one figure for each feed and day, and each map that cannot be served. Nothing if no map names
/// the topic. A document without one of several values is nothing unusual; without any of them it is a mistake.
pub fn mapped<'a>(config: &'a MqttConfig, topic: &str, payload: &[u8]) -> Vec<Mapped<'a>> {
    let maps: Vec<&MqttMap> = config.maps.iter().filter(|map| map.topic == topic).collect();
    let text = match payload::text(payload, BYTES_MAX) {
        Ok(text) => text,
        Err(rejected) => return maps.into_iter().map(|map| Err((map, rejected.clone()))).collect(),
    };
    let read: Vec<_> = maps.into_iter().map(|map| (map, value(config, map, text))).collect();
    let absent = |read: &Result<_, Rejected>| matches!(read, Err(Rejected::NotThere { .. }));
    let some = read.iter().any(|(_, read)| !absent(read));
    let mut found: Vec<Mapped<'a>> = Vec::new();
    for (map, read) in read.into_iter().filter(|(_, read)| !(some && absent(read))) {
        match read {
            Ok((value, as_of)) => state(&mut found, map, value, as_of),
            Err(rejected) => found.push(Err((map, rejected))),
        }
    }
    found
}

/// Adds a value to the figure of its feed and day.
fn state<'a>(found: &mut Vec<Mapped<'a>>, map: &'a MqttMap, value: Value, as_of: Option<Day>) {
    let receipt = |metric| Some(ReplyTo::Receipts(ReceiptTopic { feed: map.feed.clone(), metric, reading: Reading::Foreign }));
    let beside = found.iter_mut().flatten().find(|figure| figure.feed == map.feed && figure.as_of == as_of);
    match beside {
        Some(figure) => {
            figure.values.push((map.metric.clone(), value));
            figure.receipt = receipt(None);
        }
        None => {
            let values = vec![(map.metric.clone(), value)];
            found.push(Ok(Figure { as_of, receipt: receipt(Some(map.metric.clone())), ..Figure::new(map.feed.clone(), values) }));
        }
    }
}

fn value(config: &MqttConfig, map: &MqttMap, text: &str) -> Result<(Value, Option<Day>), Rejected> {
    let Some(pointer) = &map.pointer else { return Ok((number::machine(map.kind, text)?, None)) };
    let document = document::document(text, DEPTH_MAX)?;
    let number = match at(document, pointer)?.get() {
        "null" => return Err(Rejected::NoValue),
        raw if document::is_number(raw) => raw.to_owned(),
        raw => serde_json::from_str(raw).map_err(|_| Rejected::NotANumber)?,
    };
    let as_of = match &map.as_of {
        None => None,
        Some(pointer) => Some(local_day(at(document, pointer)?, &config.zone).ok_or(Rejected::NoDay)?),
    };
    match trimmed(&number) {
        "" => Err(Rejected::NoValue),
        number => Ok((number::machine(map.kind, number)?, as_of)),
    }
}

fn at<'a>(document: &'a RawValue, pointer: &JsonPointer) -> Result<&'a RawValue, Rejected> {
    document::at(document, pointer)?.ok_or_else(|| Rejected::NotThere { pointer: pointer.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Name;
    use crate::domain::rules::MetricKind::{Count, Rate, Total};
    use crate::domain::rules::{FeedRules, MetricRules};
    use jiff::tz::TimeZone;

    fn name(name: &str) -> Name {
        Name::new(name).expect("a name")
    }

    fn config() -> MqttConfig {
        let metrics = [("level", Rate), ("flow", Rate), ("cases", Count), ("total", Total)];
        let metrics = metrics.map(|(metric, kind)| MetricRules::new(name(metric), "", kind)).to_vec();
        let feeds = ["pegel", "luft"].map(|feed| FeedRules::new(name(feed), "", metrics.clone()));
        let map = |topic: &str, feed, metric, pointer: &str, as_of: &str| MqttMap {
            topic: topic.to_owned(),
            feed: name(feed),
            metric: name(metric),
            kind: metrics.iter().find(|known| known.name.as_str() == metric).expect("one of them").kind,
            pointer: JsonPointer::parse(pointer),
            as_of: JsonPointer::parse(as_of),
        };
        let zone = TimeZone::get("Europe/Berlin").expect("built in");
        let mut config = MqttConfig::plain("localhost", 1883, feeds.to_vec(), zone);
        config.maps = vec![
            map("tele/pegel/SENSOR", "pegel", "level", "/SR04/Distance", "/Time"),
            map("tele/pegel/SENSOR", "pegel", "flow", "/COUNTER/C1", "/Time"),
            map("tele/pegel/SENSOR", "luft", "level", "/SHT3X/Temperature", "/Time"),
            map("statestream/sensor/rhein/state", "pegel", "level", "", ""),
            map("statestream/sensor/faelle/state", "pegel", "cases", "", ""),
            map("telegraf/nas/cases", "pegel", "total", "/fields/total", "/timestamp"),
            map("telegraf/nas/batch", "pegel", "total", "/metrics/0/fields/total", "/metrics/0/timestamp"),
            map("zigbee2mqtt/Küche/Fühler", "luft", "level", "/temperature", ""),
        ];
        config
    }

    /// What a message states: feed, day and values of each figure, and where its receipt goes; metric and code of each that it does not.
    fn told(topic: &str, payload: &str) -> Vec<String> {
        let config = config();
        let told = |read: Mapped<'_>| match read {
            Err((map, rejected)) => {
                assert!(rejected.hint().ends_with('.'), "{rejected:?}");
                format!("{}/{}: {}", map.feed, map.metric, rejected.code())
            }
            Ok(Figure { feed, values, as_of, receipt, .. }) => {
                let value = |(metric, value): &(Name, Value)| {
                    let (digits, decimals) = value.parts();
                    format!(" {metric}={digits}e-{decimals}")
                };
                let Some(ReplyTo::Receipts(receipt)) = receipt else { panic!("somebody may look") };
                assert_eq!((&receipt.feed, receipt.metric.is_some()), (&feed, values.len() == 1));
                let day = as_of.map_or(String::new(), |day| format!(" @{}", day.date()));
                format!("{feed}:{}{day}", values.iter().map(value).collect::<String>())
            }
        };
        mapped(&config, topic, payload.as_bytes()).into_iter().map(told).collect()
    }

    #[test]
    fn tasmota_says_the_local_time_without_its_offset() {
        let told = |payload| told("tele/pegel/SENSOR", payload);
        let all =
            r#"{"Time":"2026-11-22T23:59:58","SR04":{"Distance":112.734},"COUNTER":{"C1":17},"SHT3X":{"Temperature":4.5},"TempUnit":"C"}"#;
        assert_eq!(told(all), ["pegel: level=112734e-3 flow=17e-0 @2026-11-22", "luft: level=45e-1 @2026-11-22"]);
        // A sensor that is not connected just now is not there.
        assert_eq!(told(r#"{"Time":"2026-11-22T00:00:01","SR04":{"Distance":1.234}}"#), ["pegel: level=1234e-3 @2026-11-22"]);
        assert_eq!(told(r#"{"Time":"2026-11-22T00:00:01","SR04":{"Distance":null}}"#), ["pegel/level: no-value"]);
        let none = ["pegel/level: not-there", "pegel/flow: not-there", "luft/level: not-there"];
        assert_eq!(told(r#"{"Time":"2026-11-22T00:00:01","ANALOG":{"A0":1024}}"#), none);
        assert_eq!(told(r#"{"Time":"gleich","SR04":{"Distance":1.2}}"#), ["pegel/level: bad-date"]);
        assert_eq!(told("{")[0], "pegel/level: malformed-json");
    }

    #[test]
    fn statestream_says_plain_text() {
        let told = |payload| told("statestream/sensor/rhein/state", payload);
        assert_eq!(told("3.412"), ["pegel: level=3412e-3"]);
        assert_eq!(told("21.456789012"), ["pegel: level=21456789e-6"]);
        for nothing in ["unknown", "unavailable", "None", "nan"] {
            assert_eq!(told(nothing), ["pegel/level: no-value"]);
        }
        assert_eq!(told("on"), ["pegel/level: not-a-number"]);
        assert_eq!(told(""), ["pegel/level: empty"]);
        assert_eq!(super::tests::told("statestream/sensor/faelle/state", "17.0"), ["pegel: cases=17e-0"]);
        assert_eq!(super::tests::told("statestream/sensor/faelle/state", "12.735"), ["pegel/cases: ambiguous-number"]);
    }

    #[test]
    fn telegraf_counts_seconds() {
        let metric = r#"{"fields":{"total":39200512},"name":"cases","tags":{"host":"nas"},"timestamp":1795302000}"#;
        assert_eq!(told("telegraf/nas/cases", metric), ["pegel: total=39200512e-0 @2026-11-22"]);
        assert_eq!(told("telegraf/nas/batch", &format!("{{\"metrics\":[{metric}]}}")), ["pegel: total=39200512e-0 @2026-11-22"]);
        assert_eq!(told("telegraf/nas/cases", "cases,host=nas total=17i 1795302000000000000"), ["pegel/total: malformed-json"]);
        let without = r#"{"fields":{"total":17},"name":"cases","tags":{}}"#;
        assert_eq!(told("telegraf/nas/cases", without), ["pegel/total: not-there"]);
    }

    #[test]
    fn zigbee2mqtt_may_say_much() {
        let topic = "zigbee2mqtt/Küche/Fühler";
        let long = format!(r#"{{"device":{{"description":"{}"}},"temperature":21.56,"update":{{"a":[{{"b":{{}}}}]}}}}"#, "x".repeat(9_000));
        assert_eq!(told(topic, &long), ["luft: level=2156e-2"]);
        assert_eq!(told(topic, r#"{"linkquality":96}"#), ["luft/level: not-there"]);
        assert_eq!(told(topic, r#"{"temperature":"21.5"}"#), ["luft: level=215e-1"]);
        assert_eq!(told(topic, r#"{"temperature":true}"#), ["luft/level: not-a-number"]);
        assert_eq!(told(topic, r#"{"temperature":""}"#), ["luft/level: no-value"]);
        assert_eq!(told(topic, &" ".repeat(BYTES_MAX + 1)), ["luft/level: too-large"]);
        assert_eq!(told(topic, &format!("{{\"x\":{}{}}}", "[".repeat(16), "]".repeat(16))), ["luft/level: too-deep"]);
        assert_eq!(told("zigbee2mqtt/Küche", "{}"), [""; 0]);
    }
}
