//! What anybody may read of the figures and of the relay, as retained documents. Decides nothing and publishes nothing: see `standing`.
//!
//! | topic | what |
//! |---|---|
//! | `relay/last/<feed>` | the values that subscribers have or are getting |
//! | `relay/last/<feed>/<metric>` | one of them |
//! | `relay/feeds/<feed>/state` | how the feed fares: overdue, held, how many subscribe |
//! | `relay/info` | the relay: version, since when, clock, queue |
//!
//! A document of which there is none any more is empty, which is how one removes a retained message (MQTT 3.1.1, 3.3.1.3).

use super::receipt::{Number, json, number};
use super::{Around, discovery};
use crate::config::MqttConfig;
use crate::domain::figures::{Publication, View};
use crate::domain::ids::Name;
use crate::domain::rules::FeedRules;
use crate::domain::time::{Day, Timestamp};
use crate::relay::Surface;
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;

/// Payloads by topic.
pub(super) type Documents = BTreeMap<String, Vec<u8>>;

/// All of them; none before the relay has made its first step.
pub(super) fn of(config: &MqttConfig, surface: &Surface, around: &Around<'_>) -> Documents {
    let mut documents = Documents::new();
    if surface.feeds.is_empty() {
        return documents;
    }
    for (rules, view) in surface.feeds.iter().filter_map(|view| Some((config.feeds.iter().find(|feed| feed.name == view.name)?, view))) {
        let current = view.current.as_ref();
        let topic = |metric: &str| format!("{}/last/{}{metric}", config.relay, view.name);
        documents.insert(topic(""), current.map_or_else(Vec::new, |current| json(&Last::of(view, current))));
        for metric in &rules.metrics {
            let last = current.and_then(|current| LastMetric::of(rules, &metric.name, view, current));
            documents.insert(topic(&format!("/{}", metric.name)), last.as_ref().map_or_else(Vec::new, json));
        }
        documents.insert(format!("{}/feeds/{}/state", config.relay, view.name), json(&FeedState::of(view)));
    }
    // What was shown while the clock was wrong would only mislead.
    let started = surface.clock_trusted.then(|| around.link.clock().when(around.started));
    let Surface { clock_trusted, queue, .. } = surface;
    let info = Info { version: VERSION, started_at: started.map(Timestamp::instant), clock_synced: *clock_trusted, queue: *queue };
    documents.insert(format!("{}/info", config.relay), json(&info));
    documents.extend(config.discovery.as_ref().map(|prefix| discovery::document(config, prefix)));
    documents
}

pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The latest values of a feed.
#[derive(Serialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub(super) struct Last<'a> {
    feed: &'a str,
    /// The day they are about.
    as_of: Date,
    #[cfg_attr(feature = "documents", schemars(with = "BTreeMap<String, serde_json::Number>"))]
    values: BTreeMap<&'a str, Number>,
    /// Counts what was sent. What is only shown on request has the number of what was sent before it.
    revision: u32,
    /// When they became the latest.
    published_at: Option<jiff::Timestamp>,
    /// Whether they put right what was sent before.
    correction: bool,
}

/// The latest value of a metric.
#[derive(Serialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub(super) struct LastMetric<'a> {
    feed: &'a str,
    metric: &'a str,
    #[cfg_attr(feature = "documents", schemars(with = "serde_json::Number"))]
    value: Number,
    unit: Option<&'a str>,
    as_of: Date,
    revision: u32,
    published_at: Option<jiff::Timestamp>,
}

/// How a feed fares.
#[derive(Serialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub(super) struct FeedState<'a> {
    feed: &'a str,
    title: &'a str,
    /// The day of the latest values.
    last_as_of: Option<Date>,
    /// When something new was last said about the feed.
    last_received_at: Option<jiff::Timestamp>,
    /// When the next figures are overdue, or were; nothing if that is not known.
    due_at: Option<jiff::Timestamp>,
    overdue: bool,
    /// Values that wait for a human.
    held: usize,
    /// Those values.
    #[cfg_attr(feature = "documents", schemars(with = "BTreeMap<String, serde_json::Number>"))]
    held_values: BTreeMap<&'a str, Number>,
    /// The day they are about.
    held_as_of: Option<Date>,
    held_since: Option<jiff::Timestamp>,
    /// Why, by metric.
    held_because: BTreeMap<&'a str, Because<'a>>,
    /// The latest day of which the publisher says that there will be no figures.
    no_report: Option<Date>,
    subscribers: u32,
    /// People whose window has closed.
    outside_window: u32,
}

/// Why a value is held.
#[derive(Serialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
struct Because<'a> {
    /// That of receipts.
    code: &'static str,
    text: &'a str,
}

/// The relay.
#[derive(Serialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub(super) struct Info {
    pub(super) version: &'static str,
    /// Nothing while the clock is not known to be right.
    pub(super) started_at: Option<jiff::Timestamp>,
    pub(super) clock_synced: bool,
    /// Messages to people that have not left yet.
    pub(super) queue: usize,
}

fn numbers(values: &BTreeMap<Name, crate::domain::figures::Value>) -> BTreeMap<&str, Number> {
    values.iter().map(|(name, value)| (name.as_str(), number(*value))).collect()
}

impl Last<'_> {
    pub(super) fn of<'a>(view: &'a View, current: &'a Publication) -> Last<'a> {
        Last {
            feed: view.name.as_str(),
            as_of: current.as_of.date(),
            values: numbers(&current.values),
            revision: current.revision,
            published_at: view.published.map(Timestamp::instant),
            correction: current.correction.is_some(),
        }
    }
}

impl LastMetric<'_> {
    pub(super) fn of<'a>(rules: &'a FeedRules, metric: &'a Name, view: &'a View, current: &Publication) -> Option<LastMetric<'a>> {
        Some(LastMetric {
            feed: view.name.as_str(),
            metric: metric.as_str(),
            value: number(*current.values.get(metric)?),
            unit: rules.metric(metric)?.unit.as_deref(),
            as_of: current.as_of.date(),
            revision: current.revision,
            published_at: view.published.map(Timestamp::instant),
        })
    }
}

impl FeedState<'_> {
    pub(super) fn of(view: &View) -> FeedState<'_> {
        let held = view.held.as_ref();
        let because = held.into_iter().flat_map(|held| &held.doubts);
        FeedState {
            feed: view.name.as_str(),
            title: &view.title,
            last_as_of: view.current.as_ref().map(|current| current.as_of.date()),
            last_received_at: view.received.map(Timestamp::instant),
            due_at: view.due.map(Timestamp::instant),
            overdue: view.overdue.is_some(),
            held: held.map_or(0, |held| held.values.len()),
            held_values: held.map(|held| numbers(&held.values)).unwrap_or_default(),
            held_as_of: held.map(|held| held.as_of.date()),
            held_since: held.map(|held| held.since.instant()),
            held_because: because.map(|doubt| (doubt.metric.as_str(), Because { code: doubt.code, text: &doubt.sentence })).collect(),
            no_report: view.no_report.map(Day::date),
            subscribers: view.reach.now,
            outside_window: view.reach.outside,
        }
    }
}
