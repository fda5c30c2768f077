//! Topic and bytes to a [`Figure`]. Knows no connection, no clock and no earlier figure: whether it is new, the domain says.
//!
//! The contract with publishers: a bare number or `{"value": 17, "as_of": "2026-11-22"}` on `<figures>/<feed>/<metric>`, several at once as
//! `{"cases_new": 17, "deaths_new": 0, "as_of": "2026-11-22"}` on `<figures>/<feed>`.

use super::beside::Beside;
use super::document::{document, is_number, object};
use super::rejected::Rejected;
use super::{number, unit};
use crate::config::MqttConfig;
use crate::domain::event::{Figure, Reading, ReceiptTopic, ReplyTo};
use crate::domain::figures::Value;
use crate::domain::ids::Name;
use crate::domain::rules::{FeedRules, MetricKind, MetricRules};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Ten metrics with long names and every optional key of the contract stay below half of it.
pub(super) const JSON_MAX: usize = 4096;
/// The contract nests twice (`note`); two more for what publishers add.
const DEPTH_MAX: usize = 4;
/// Longest name a metric can have: more of a wrong one need not be repeated in the receipt.
const NAME_MAX: usize = 64;
/// Keys of the contract that are no metrics. `source` and `note` are not looked at: a note would let any publisher write under the branch's
/// name (DESIGN.md, section 7).
const KNOWN: [&str; 8] = ["as_of", "published_at", "id", "unit", "source", "note", "value_state", "corrects"];

/// What the message states.
///
/// # Errors
/// Why it states nothing, with a code for programs and a sentence for people.
pub fn parse(config: &MqttConfig, topic: &str, payload: &[u8]) -> Result<Figure, Rejected> {
    let (feed, metric) = place(config, topic)?;
    let text = text(payload, JSON_MAX)?;
    let (beside, read) = if text.starts_with('{') {
        let object = object(document(text, DEPTH_MAX)?)?;
        let read = read(feed, metric, &object)?;
        let beside = Beside::read(&object, &config.zone)?;
        if beside.no_report != read.is_empty() {
            return Err(if beside.no_report { Rejected::Contradiction } else { nothing(metric, &object) });
        }
        if let (Some(metric), Some(unit)) = (metric, &beside.unit) {
            unit::agrees(metric, unit)?;
        }
        (beside, read)
    } else {
        let metric = metric.ok_or(Rejected::MetricMissing)?;
        (Beside::default(), vec![(metric, number::text(metric.kind, text)?, text.to_owned())])
    };
    let literal = read.iter().all(|(_, value, text)| value.to_string() == *text);
    let reading = if literal { Reading::Literal } else { Reading::Interpreted };
    let values = read.into_iter().map(|(metric, value, _)| (metric.name.clone(), value)).collect();
    let topic = ReceiptTopic { feed: feed.name.clone(), metric: metric.map(|metric| metric.name.clone()), reading };
    let Beside { as_of, published_at, id, corrects, .. } = beside;
    let receipt = Some(ReplyTo::Receipts(topic));
    Ok(Figure { as_of, published_at, id, corrects, receipt, ..Figure::new(feed.name.clone(), values) })
}

/// A metric, its value, and the text that was read.
type Read<'a> = (&'a MetricRules, Value, String);

/// What an object states: nothing, if everything that could be a value is `null` or is not there.
fn read<'a>(feed: &'a FeedRules, metric: Option<&'a MetricRules>, object: &BTreeMap<String, &RawValue>) -> Result<Vec<Read<'a>>, Rejected> {
    let mut read = Vec::new();
    for (key, raw) in object {
        // On a metric's topic other keys are the publisher's own.
        let named = match metric {
            Some(metric) => (key == "value").then_some(metric),
            None => known(feed, key),
        };
        if let Some(metric) = named {
            read.extend(value(metric.kind, raw)?.map(|(value, text)| (metric, value, text)));
        } else if metric.is_none() && !KNOWN.contains(&key.as_str()) && is_number(raw.get()) {
            // A number under a name that is not configured is a mistake somebody should hear of.
            return Err(unknown(feed, key));
        }
    }
    Ok(read)
}

/// Why an object states nothing.
fn nothing(metric: Option<&MetricRules>, object: &BTreeMap<String, &RawValue>) -> Rejected {
    match metric {
        Some(_) if object.contains_key("value") => Rejected::NoValue,
        Some(_) => Rejected::ValueMissing,
        None if object.iter().any(|(key, raw)| raw.get() == "null" && !KNOWN.contains(&key.as_str())) => Rejected::NoValue,
        None => Rejected::NoMetric,
    }
}

/// What the topic names below the root: a feed, and what the publisher wrote behind it.
pub(super) fn below_root<'a>(config: &MqttConfig, topic: &'a str) -> Option<(&'a str, Option<&'a str>)> {
    let below = topic.strip_prefix(config.figures.as_str())?.strip_prefix('/')?;
    Some(below.split_once('/').map_or((below, None), |(feed, rest)| (feed, Some(rest))))
}

/// The feed and the metric that the topic names; no metric on the feed's own topic.
fn place<'a>(config: &'a MqttConfig, topic: &str) -> Result<(&'a FeedRules, Option<&'a MetricRules>), Rejected> {
    let (named, metric) = below_root(config, topic).ok_or(Rejected::UnknownTopic)?;
    let Some(feed) = config.feeds.iter().find(|feed| feed.name.as_str() == named) else {
        let (named, nearest) = misspelt(named, config.feeds.iter().map(|feed| &feed.name));
        return Err(Rejected::UnknownFeed { named, nearest });
    };
    // `figures/corona/` is the feed itself.
    match metric.filter(|metric| !metric.is_empty()) {
        None => Ok((feed, None)),
        Some(metric) => Ok((feed, Some(known(feed, metric).ok_or_else(|| unknown(feed, metric))?))),
    }
}

fn known<'a>(feed: &'a FeedRules, named: &str) -> Option<&'a MetricRules> {
    feed.metrics.iter().find(|metric| metric.name.as_str() == named)
}

fn unknown(feed: &FeedRules, named: &str) -> Rejected {
    let (named, nearest) = misspelt(named, feed.metrics.iter().map(|metric| &metric.name));
    Rejected::UnknownMetric { named, nearest }
}

/// As much of a wrong name as need be repeated, and the right one that looks most like it.
pub(super) fn misspelt<'a>(named: &str, known: impl Iterator<Item = &'a Name>) -> (String, Option<Name>) {
    let named: String = named.chars().take(NAME_MAX).collect();
    let nearest = known.min_by_key(|name| distance(name.as_str(), &named)).cloned();
    (named, nearest)
}

/// Levenshtein's: insertions, deletions and replacements that turn one into the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let best = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// A payload of at most so many bytes as text that says something.
pub(super) fn text(payload: &[u8], most: usize) -> Result<&str, Rejected> {
    if payload.len() > most {
        return Err(Rejected::TooLarge { most });
    }
    let text = trimmed(std::str::from_utf8(payload).map_err(|_| Rejected::NotText)?);
    if text.is_empty() { Err(Rejected::Empty) } else { Ok(text) }
}

/// Without white space, line ends, byte order mark and one pair of quotes around it.
pub(super) fn trimmed(text: &str) -> &str {
    let blank = |c: char| c.is_whitespace() || c == '\u{feff}';
    let text = text.trim_matches(blank);
    let unquoted = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    unquoted('"').or_else(|| unquoted('\'')).map_or(text, |inner| inner.trim_matches(blank))
}

/// A value and the text that was read; nothing if it is `null`.
fn value(kind: MetricKind, raw: &RawValue) -> Result<Option<(Value, String)>, Rejected> {
    let raw = raw.get();
    if is_number(raw) {
        return Ok(Some((number::json(kind, raw)?, raw.to_owned())));
    }
    match raw {
        "null" => Ok(None),
        // Templates quote what they insert: the same rules as for bare text.
        _ => match serde_json::from_str::<String>(raw) {
            Ok(text) if trimmed(&text).is_empty() => Err(Rejected::NoValue),
            Ok(text) => Ok(Some((number::text(kind, trimmed(&text))?, trimmed(&text).to_owned()))),
            Err(_) => Err(Rejected::NotANumber),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn name(name: &str) -> Name {
        Name::new(name).expect("a name")
    }

    fn config() -> MqttConfig {
        let metric = |(metric, kind): &(&str, MetricKind)| MetricRules::new(name(metric), "", *kind);
        let feed = |feed, metrics: &[(&str, MetricKind)]| FeedRules::new(name(feed), "", metrics.iter().map(metric).collect());
        let corona = [("cases_new", MetricKind::Count), ("deaths_new", MetricKind::Count), ("incidence", MetricKind::Rate)];
        let feeds = vec![feed("corona", &corona), feed("pegel", &[("level", MetricKind::Rate), ("cases_new", MetricKind::Total)])];
        MqttConfig::plain("localhost", 1883, feeds, TimeZone::UTC)
    }

    /// `metric=value` and the day, or the code of the rejection.
    fn told(topic: &str, payload: &[u8]) -> String {
        match parse(&config(), topic, payload) {
            Err(rejected) => {
                assert!(rejected.hint().ends_with(['.', '?']), "{rejected:?}");
                rejected.code().to_owned()
            }
            Ok(figure) => {
                let mut words: Vec<String> = figure.values.is_empty().then(|| "nothing".to_owned()).into_iter().collect();
                for (name, value) in &figure.values {
                    let (digits, decimals) = value.parts();
                    words.push(if decimals == 0 { format!("{name}={digits}") } else { format!("{name}={digits}/{decimals}") });
                }
                words.extend(figure.as_of.map(|day| format!("@{}", day.date())));
                words.join(" ")
            }
        }
    }

    #[test]
    fn one_metric() {
        for (payload, expected) in [
            (&b"17"[..], "cases_new=17"),
            (b" 17\n", "cases_new=17"),
            (b"17\r", "cases_new=17"),
            (b"17\r\n", "cases_new=17"),
            (b"\xef\xbb\xbf17", "cases_new=17"),
            (b"\"17\"", "cases_new=17"),
            (b"' 12.735 '\n", "cases_new=12735"),
            (b"{\"value\":17}", "cases_new=17"),
            (b"\xef\xbb\xbf {\"value\": 17, \"as_of\": \"2026-11-22\"}\r\n", "cases_new=17 @2026-11-22"),
            (b"{\"value\":\"12.735\",\"as_of\":null}", "cases_new=12735"),
            (b"{\"v\\u0061lue\":17}", "cases_new=17"),
            (b"{\"value\":17,\"battery\":80,\"note\":{\"de\":{\"a\":[1]}}}", "cases_new=17"),
            (b"{\"value\":12.735}", "ambiguous-number"),
            (b"{\"value\":17.5}", "not-whole"),
            (b"{\"value\":1e3}", "exponent"),
            (b"{\"value\":NaN}", "malformed-json"),
            (b"{\"value\":null,\"value_state\":\"no_report_today\"}", "nothing"),
            (b"{\"value\":\"\"}", "no-value"),
            (b"{\"value\":\"unavailable\"}", "no-value"),
            (b"{\"value\":true}", "not-a-number"),
            (b"{\"value\":[17]}", "not-a-number"),
            (b"{\"value\":17,\"value\":12}", "duplicate-key"),
            (b"{\"value\":17,\"x\":{\"a\":[[[1]]]}}", "too-deep"),
            (b"{\"value\":17,\"x\":\"[[[[[\\\"[\"}", "cases_new=17"),
            (b"{\"value\":17", "malformed-json"),
            (b"{\"value\":17} 3", "malformed-json"),
            (b"{\"value\":017}", "malformed-json"),
            (b"{\"cases_new\":17}", "value-missing"),
            (b"{\"value\":17,\"as_of\":\"22.11.2026\"}", "bad-date"),
            (b"{\"value\":17,\"as_of\":\"2026-02-30\"}", "bad-date"),
            (b"{\"value\":17,\"as_of\":\"2026-11-22T06:00:00Z\"}", "bad-date"),
            (b"{\"value\":17,\"as_of\":1795305600}", "bad-date"),
            (b"[17]", "not-a-number"),
            (b"", "empty"),
            (b" \r\n", "empty"),
            (b"\"\"", "empty"),
            (b"NaN", "no-value"),
            (b"inf", "not-a-number"),
            (b"unknown", "no-value"),
            (b"unavailable", "no-value"),
            (b"None\n", "no-value"),
            (b"null", "no-value"),
            (b"1e3", "exponent"),
            (b"0x11", "not-a-number"),
            (b"17\0", "not-a-number"),
            (b"\xff\xfe1\x007\x00", "not-text"),
        ] {
            assert_eq!(told("figures/corona/cases_new", payload), expected, "{}", String::from_utf8_lossy(payload));
        }
        assert_eq!(told("figures/corona/cases_new", &[b'1'; 65]), "too-long");
        assert_eq!(told("figures/corona/cases_new", &[b' '; JSON_MAX + 1]), "too-large");
        assert_eq!(told("figures/corona/incidence", b"57,4"), "incidence=574/1");
        assert_eq!(told("figures/corona/incidence", b"1.234"), "ambiguous-number");
        assert_eq!(told("figures/corona/incidence", b"{\"value\":0.1}"), "incidence=1/1");
    }

    #[test]
    fn several_at_once() {
        for (payload, expected) in [
            (&b"{\"cases_new\":17,\"deaths_new\":0,\"as_of\":\"2026-11-22\"}"[..], "cases_new=17 deaths_new=0 @2026-11-22"),
            (b"{\"incidence\":57.4,\"cases_new\":\"1.234\"}", "cases_new=1234 incidence=574/1"),
            (
                b"{\"cases_new\":17,\"id\":\"5\",\"unit\":\"\",\"source\":[\"RKI\"],\"note\":\"x\",\"station\":\"K\xc3\xb6ln\"}",
                "cases_new=17",
            ),
            (b"{\"cases_new\":17,\"case_new\":18}", "unknown-metric"),
            (b"{\"value\":17}", "unknown-metric"),
            (b"{\"as_of\":\"2026-11-22\"}", "no-metric"),
            (b"{}", "no-metric"),
            (b"{\"cases_new\":null,\"deaths_new\":0}", "deaths_new=0"),
            (b"{\"cases_new\":null,\"as_of\":\"2026-11-22\"}", "no-value"),
            (b"{\"cases_new\":12.735,\"deaths_new\":0}", "ambiguous-number"),
            (b"17", "metric-missing"),
        ] {
            assert_eq!(told("figures/corona", payload), expected, "{}", String::from_utf8_lossy(payload));
        }
    }

    #[test]
    fn topics_name_feed_and_metric() {
        for topic in ["", "figures", "figure/corona", "x/figures/corona", "/figures/corona", "figurescorona"] {
            assert_eq!(told(topic, b"17"), "unknown-topic", "{topic}");
        }
        for topic in ["figures/", "figures/other", "figures/corona2", "figures/Corona/cases_new", "figures//cases_new"] {
            assert_eq!(told(topic, b"17"), "unknown-feed", "{topic}");
        }
        for topic in
            ["figures/corona/cases", "figures/corona/cases_new/x", "figures/corona/Cases_New", "figures/corona//", "figures/corona/level"]
        {
            assert_eq!(told(topic, b"17"), "unknown-metric", "{topic}");
        }
        let metric = |named| match parse(&config(), &format!("figures/corona/{named}"), b"17") {
            Err(Rejected::UnknownMetric { nearest: Some(nearest), .. }) => nearest.to_string(),
            other => unreachable!("three to choose from: {other:?}"),
        };
        assert_eq!(["cases", "Deaths", "inzidenz"].map(metric), ["cases_new", "deaths_new", "incidence"]);
        let Err(rejected) = parse(&config(), "figures/korona/cases_new", b"17") else { unreachable!("no such feed") };
        assert_eq!(rejected, Rejected::UnknownFeed { named: "korona".to_owned(), nearest: Some(name("corona")) });
        assert!(rejected.hint().starts_with("Dieser Feed ist nicht eingerichtet: „korona“. Eingerichtet ist zum Beispiel „corona“."));
        let receipt = parse(&config(), "figures/corona/cases_new", b"17").expect("a figure").receipt;
        assert_eq!(receipt, Some(ReplyTo::Receipts(ReceiptTopic::new(name("corona"), Some(name("cases_new"))))));
    }

    /// The same metric may be read in another way, and the same object may name other metrics.
    #[test]
    fn every_feed_has_metrics_of_its_own() {
        for (topic, payload, expected) in [
            ("figures/pegel/level", &b"57,4"[..], "level=574/1"),
            ("figures/pegel/cases_new", b"1.234", "cases_new=1234"),
            ("figures/pegel", b"{\"level\":3.1,\"cases_new\":17}", "cases_new=17 level=31/1"),
            ("figures/pegel", b"{\"incidence\":57.4}", "unknown-metric"),
            ("figures/corona", b"{\"level\":3.1}", "unknown-metric"),
        ] {
            assert_eq!(told(topic, payload), expected, "{topic}");
        }
        let figure = parse(&config(), "figures/pegel", b"{\"level\":3.1}").expect("a figure");
        assert_eq!((figure.feed, figure.receipt), (name("pegel"), Some(ReplyTo::Receipts(ReceiptTopic::new(name("pegel"), None)))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(payload in proptest::collection::vec(any::<u8>(), 0..200), topic in "figures/corona(/[a-zé_]{0,8})?") {
            let _ = parse(&config(), &topic, &payload);
        }

        #[test]
        fn nothing_that_looks_like_a_number_panics(
            payload in "[\"'{}:0-9., eE+−-]{0,70}",
            topic in "figures/corona(/incidence|/cases_new)?",
        ) {
            let _ = parse(&config(), &topic, payload.as_bytes());
        }

        #[test]
        fn a_count_survives_every_way_of_writing_it(count in -999_999_999_i64..999_999_999) {
            let plain = count.to_string();
            let digits = plain.trim_start_matches('-');
            let grouped = |separator: &str| {
                let group = |bytes| std::str::from_utf8(bytes).expect("digits");
                let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(group).collect();
                format!("{}{}", if count < 0 { "-" } else { "" }, groups.join(separator))
            };
            let expected = Ok(Value::new(count, 0).expect("in range"));
            prop_assert_eq!(number::text(MetricKind::Count, &plain), expected.clone());
            prop_assert_eq!(number::json(MetricKind::Count, &plain), expected.clone());
            prop_assert_eq!(number::text(MetricKind::Count, &grouped(" ")), expected.clone());
            let dotted = number::text(MetricKind::Count, &grouped("."));
            let unclear = matches!(dotted, Err(Rejected::Ambiguous { .. })) && digits.ends_with("000");
            prop_assert!(unclear || dotted == expected);
        }
    }
}
