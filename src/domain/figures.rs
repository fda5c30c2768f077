//! Is this figure new, and what becomes a publication. Knows no topic, no payload and no person.
//!
//! ```text
//!             first metric of a newer day            all required, or 30 s
//!   nothing ─────────────────────────────▶ Settling ───────────────────────▶ current ──▶ broadcast
//!                                            │  ▲ another metric               │  ▲ same day, other value: an update, shown on request
//!                                            └──┘                              └──┘
//! ```

use super::decision::{Change, Decision, Effect, Receipt, Refusal, Verdict};
use super::event::Figure;
use super::ids::Name;
use super::state::{Clock, Rules, State};
use super::time::{Day, Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Figures about a day longer ago than this many days are kept and shown on request, but not sent.
pub const MAX_AGE: i32 = 3;

/// A decimal number, exact: `digits` × 10^−`decimals`, without trailing zeros behind the point, so that 17 and 17.0 are equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Value {
    digits: i64,
    decimals: u8,
}

impl Value {
    /// More digits than this are not a figure of anything; the sum of two still fits an `i64`.
    pub const LARGEST: i64 = 1_000_000_000_000_000;
    /// Digits behind the point at most.
    pub const DECIMALS: u8 = 6;

    /// `digits` × 10^−`decimals`; `None` beyond [`Value::LARGEST`] or [`Value::DECIMALS`].
    pub fn new(mut digits: i64, mut decimals: u8) -> Option<Value> {
        while decimals > 0 && digits % 10 == 0 {
            (digits, decimals) = (digits / 10, decimals - 1);
        }
        (digits.abs() <= Value::LARGEST && decimals <= Value::DECIMALS).then_some(Value { digits, decimals })
    }

    /// Digits and decimals, for display.
    pub fn parts(self) -> (i64, u8) {
        (self.digits, self.decimals)
    }

    /// `self − other`, exact; `None` if it leaves the range.
    pub fn minus(self, other: Value) -> Option<Value> {
        let decimals = self.decimals.max(other.decimals);
        let scaled = |value: Value| value.digits.checked_mul(10_i64.checked_pow(u32::from(decimals - value.decimals))?);
        Value::new(scaled(self)?.checked_sub(scaled(other)?)?, decimals)
    }
}

/// What is sent as one message: the values of one day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Publication {
    /// Counts publications that are sent, from 1. Figures too old to be sent keep the number before theirs, so that nobody lacks them.
    pub revision: u32,
    /// The day the values are about.
    pub as_of: Day,
    /// Each metric's value.
    pub values: BTreeMap<Name, Value>,
}

/// Values of a newer day that wait for the rest of their day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settling {
    /// The day.
    pub as_of: Day,
    /// What has come so far.
    pub values: BTreeMap<Name, Value>,
    /// Then it is published with what there is.
    pub until: Timestamp,
}

/// Whether the current publication is still on its way to subscribers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Broadcast {
    /// Everyone who could be reached has it in the outbox.
    #[default]
    Done,
    /// Some may still lack it.
    Running,
}

/// One series of figures: everything the relay knows of it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Feed {
    /// What subscribers have or are getting.
    pub current: Option<Publication>,
    /// What it is compared with.
    pub previous: Option<Publication>,
    /// What is about to be published.
    pub settling: Option<Settling>,
    /// Values without a date that came before the clock was trusted: dated as soon as it is.
    pub undated: BTreeMap<Name, Value>,
    /// Whether the current publication is still being handed out.
    pub broadcast: Broadcast,
}

impl Feed {
    /// The current publication's revision; 0 before the first.
    pub fn revision(&self) -> u32 {
        self.current.as_ref().map_or(0, |publication| publication.revision)
    }

    /// Publishes what is settling, if anything: it becomes current, and the broadcast starts.
    pub fn settle(&mut self) {
        if let Some(settling) = self.settling.take() {
            self.publish(self.revision() + 1, settling.as_of, settling.values);
            self.broadcast = Broadcast::Running;
        }
    }

    /// Whether the newest values say all of this already.
    fn says(&self, figure: &Figure) -> bool {
        let newest = self.settling.as_ref().map(|settling| &settling.values).or(self.current.as_ref().map(|current| &current.values));
        newest.is_some_and(|values| figure.values.iter().all(|(name, value)| values.get(name) == Some(value)))
    }

    fn publish(&mut self, revision: u32, as_of: Day, values: BTreeMap<Name, Value>) {
        self.previous = self.current.replace(Publication { revision, as_of, values });
        self.broadcast = Broadcast::Done;
    }
}

/// A figure arrived.
pub fn arrived(state: &State, rules: &Rules, now: Millis, figure: &Figure) -> Decision {
    let mut feed = state.feed.clone();
    let verdict = take(&mut feed, state.clock, rules, now, figure);
    let mut decision = Decision { changes: Vec::new(), effects: Vec::new(), verdict };
    if let Some(topic) = &figure.receipt {
        let receipt = Receipt { topic: topic.clone(), verdict, as_of: figure.as_of, revision: feed.revision() };
        decision.effects.push(Effect::Receipt(receipt));
    }
    if verdict == Verdict::Acted {
        decision.changes.push(Change::Feed(Box::new(feed)));
    }
    decision
}

/// The clock is trusted now: values that waited for a date get today's, and those with a date can be judged by it.
pub fn date_the_undated(state: &State, rules: &Rules, now: Millis) -> Option<Change> {
    if state.feed.undated.is_empty() && state.feed.settling.is_none() {
        return None;
    }
    let mut feed = state.feed.clone();
    let dated = feed.settling.take().map(|settling| (Some(settling.as_of), settling.values));
    let undated = Some((None, std::mem::take(&mut feed.undated))).filter(|(_, values)| !values.is_empty());
    for (as_of, values) in dated.into_iter().chain(undated) {
        let figure = Figure { values: values.into_iter().collect(), as_of, receipt: None };
        // Whether it was new or not: it no longer waits.
        let _ = take(&mut feed, Clock::Trusted, rules, now, &figure);
    }
    Some(Change::Feed(Box::new(feed)))
}

/// The publication has settled long enough.
pub fn settled(state: &State) -> Decision {
    let mut decision = Decision::acted();
    let mut feed = state.feed.clone();
    feed.settle();
    decision.changes.push(Change::Feed(Box::new(feed)));
    decision
}

fn take(feed: &mut Feed, clock: Clock, rules: &Rules, now: Millis, figure: &Figure) -> Verdict {
    if figure.values.iter().any(|(name, _)| rules.feed.metric(name).is_none()) {
        return Verdict::Refused(Refusal::UnknownMetric);
    }
    let today = match clock {
        Clock::Trusted => Some(rules.today(now)),
        Clock::Untrusted => None,
    };
    let Some(as_of) = figure.as_of.or(today) else {
        return merge(&mut feed.undated, figure);
    };
    if today.is_some_and(|today| as_of.0 > today.0 + 1) {
        return Verdict::Refused(Refusal::Future);
    }
    if figure.as_of.is_none() && figure.receipt.is_none() && feed.says(figure) {
        // A retained replay that does not say of which day: the day of its receipt does not make it new.
        return Verdict::Refused(Refusal::Duplicate);
    }
    let newest = feed.settling.as_ref().map(|settling| settling.as_of).max(feed.current.as_ref().map(|current| current.as_of));
    if let Some(newest) = newest.filter(|newest| *newest >= as_of) {
        return same_day_or_older(feed, clock, rules, figure, newest, as_of);
    }
    let values = figure.values.iter().cloned().collect();
    let Some(today) = today else {
        // Whether the day is right, and when it has settled, a trusted clock will tell.
        feed.settling = Some(Settling { as_of, values, until: now.second().plus(rules.feed.settle) });
        return Verdict::Acted;
    };
    if let Some(superseded) = feed.settling.take() {
        feed.publish(feed.revision() + 1, superseded.as_of, superseded.values);
    }
    if as_of.0 < today.0 - MAX_AGE {
        feed.publish(feed.revision(), as_of, values);
        return Verdict::Acted;
    }
    feed.settling = Some(Settling { as_of, values, until: now.second().plus(rules.feed.settle) });
    settle_if_complete(feed, clock, rules);
    Verdict::Acted
}

fn same_day_or_older(feed: &mut Feed, clock: Clock, rules: &Rules, figure: &Figure, newest: Day, as_of: Day) -> Verdict {
    if as_of < newest {
        return Verdict::Refused(Refusal::Stale);
    }
    if let Some(settling) = &mut feed.settling {
        let verdict = merge(&mut settling.values, figure);
        settle_if_complete(feed, clock, rules);
        return verdict;
    }
    match &mut feed.current {
        Some(current) => merge(&mut current.values, figure),
        None => Verdict::Refused(Refusal::Stale),
    }
}

fn merge(values: &mut BTreeMap<Name, Value>, figure: &Figure) -> Verdict {
    let mut verdict = Verdict::Refused(Refusal::Duplicate);
    for (name, value) in &figure.values {
        if values.insert(name.clone(), *value) != Some(*value) {
            verdict = Verdict::Acted;
        }
    }
    verdict
}

fn settle_if_complete(feed: &mut Feed, clock: Clock, rules: &Rules) {
    let complete =
        |settling: &Settling| rules.feed.metrics.iter().all(|metric| !metric.required || settling.values.contains_key(&metric.name));
    if clock == Clock::Trusted && feed.settling.as_ref().is_some_and(complete) {
        feed.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_exact_and_canonical() {
        assert_eq!(Value::new(170, 1), Value::new(17, 0));
        assert_eq!(Value::new(574, 1).zip(Value::new(61, 0)).and_then(|(a, b)| a.minus(b)), Value::new(-36, 1));
        assert_eq!(Value::new(Value::LARGEST + 1, 0), None);
        assert_eq!(Value::new(1, 7), None);
    }
}
