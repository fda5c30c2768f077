//! The publications of `../shared/data/replay_local_mqtt.ndjson` as the relay's core gets them. The wire format is read by the real port
//! in `tests/ports/replay.rs`; here a few lines suffice, because the file is well-formed.

use drk_relay::domain::event::{Figure, ReceiptTopic, ReplyTo};
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::Name;
use drk_relay::domain::rules::{FeedRules, MetricKind, MetricRules};
use drk_relay::domain::time::{Day, Millis};
use std::collections::{BTreeMap, BTreeSet};

/// Where it is, seen from the top of the project.
pub(super) const PATH: &str = "../shared/data/replay_local_mqtt.ndjson";
/// Always there, so publications wait for it and for nothing else.
const REQUIRED: &str = "cases_total";

/// One publication.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// When it was published.
    pub(super) at: Millis,
    /// What it said.
    pub(super) figure: Figure,
}

/// Where the file is.
pub(super) fn path() -> String {
    format!("{}/{PATH}", env!("CARGO_MANIFEST_DIR"))
}

/// All publications, oldest first; `None` if the file is not there.
pub(super) fn lines() -> Option<Vec<Line>> {
    let text = std::fs::read_to_string(path()).ok()?;
    let mut lines: Vec<Line> = text.lines().map(line).collect();
    lines.sort_by_key(|line| line.at);
    Some(lines)
}

fn line(text: &str) -> Line {
    let json: serde_json::Value = serde_json::from_str(text).expect("one JSON object a line");
    let word = |pointer: &str| json.pointer(pointer).and_then(serde_json::Value::as_str).expect("a word");
    let at: jiff::Timestamp = word("/at").parse().expect("a time");
    let feed = Name::new(word("/topic").strip_prefix("figures/").expect("a topic of ours")).expect("a feed");
    let as_of = Day::of(word("/payload/as_of").parse().expect("a date"));
    let payload = json["payload"].as_object().expect("an object");
    let numbers = payload.iter().filter_map(|(key, value)| Some((Name::new(key)?, Value::new(value.as_i64()?, 0)?)));
    let receipt = Some(ReplyTo::Receipts(ReceiptTopic::new(feed.clone(), None)));
    let figure = Figure { as_of: Some(as_of), receipt, ..Figure::new(feed, numbers.collect()) };
    Line { at: Millis(u64::try_from(at.as_millisecond()).expect("after 1970")), figure }
}

/// The feeds and metrics that occur.
pub(super) fn feeds(lines: &[Line]) -> Vec<FeedRules> {
    let mut metrics: BTreeMap<&Name, BTreeSet<&Name>> = BTreeMap::new();
    for Line { figure, .. } in lines {
        metrics.entry(&figure.feed).or_default().extend(figure.values.iter().map(|(name, _)| name));
    }
    let metric = |name: &Name| {
        let kind = if name.as_str().ends_with("_total") { MetricKind::Total } else { MetricKind::Count };
        MetricRules { required: name.as_str() == REQUIRED, ..MetricRules::new(name.clone(), name.as_str(), kind) }
    };
    let feed =
        |(name, metrics): (&Name, BTreeSet<&Name>)| FeedRules::new(name.clone(), name.as_str(), metrics.into_iter().map(metric).collect());
    metrics.into_iter().map(feed).collect()
}
