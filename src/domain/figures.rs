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

/// Days that are held while the clock is not trusted, at most: a publisher that catches up, not one that tells its whole history.
const HELD: usize = 16;

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
    /// Values that came before the clock was trusted, by their day if they said one: judged as soon as it is.
    pub held: BTreeMap<Option<Day>, BTreeMap<Name, Value>>,
    /// Whether the current publication is still being handed out.
    pub broadcast: Broadcast,
}

impl Feed {
    /// The current publication's revision; 0 before the first.
    pub fn revision(&self) -> u32 {
        self.current.as_ref().map_or(0, |publication| publication.revision)
    }

    /// The feed once what is settling is published: it is current, and the broadcast starts. `None` if nothing is settling.
    pub fn settled(&self) -> Option<Feed> {
        self.settling.as_ref()?;
        let mut feed = self.clone();
        feed.settle();
        Some(feed)
    }

    fn settle(&mut self) {
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

    /// If the newest day is this one or later: its values, if it is this one.
    fn at_least(&mut self, as_of: Day) -> Option<Option<&mut BTreeMap<Name, Value>>> {
        let settling = self.settling.as_mut().map(|settling| (settling.as_of, &mut settling.values));
        let current = self.current.as_mut().map(|current| (current.as_of, &mut current.values));
        let (newest, values) = settling.or(current)?;
        (newest >= as_of).then(|| (newest == as_of).then_some(values))
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

/// The clock is trusted now: what was held is judged in the order of its days, and what said none is of today.
pub fn judge_held(state: &State, rules: &Rules, now: Millis) -> Option<Change> {
    if state.feed.held.is_empty() {
        return None;
    }
    let mut feed = state.feed.clone();
    let mut days: BTreeMap<Day, BTreeMap<Name, Value>> = BTreeMap::new();
    for (day, values) in std::mem::take(&mut feed.held) {
        days.entry(day.unwrap_or_else(|| rules.today(now))).or_default().extend(values);
    }
    for (day, values) in days {
        let figure = Figure { values: values.into_iter().collect(), as_of: Some(day), receipt: None };
        // Whether it was new or not: it no longer waits.
        let _ = take(&mut feed, Clock::Trusted, rules, now, &figure);
    }
    Some(Change::Feed(Box::new(feed)))
}

/// The publication has settled long enough.
pub fn settled(state: &State) -> Decision {
    let Some(feed) = state.feed.settled() else { return Decision::refused(Refusal::NothingToDo) };
    Decision { changes: vec![Change::Feed(Box::new(feed))], ..Decision::acted() }
}

fn take(feed: &mut Feed, clock: Clock, rules: &Rules, now: Millis, figure: &Figure) -> Verdict {
    if figure.values.iter().any(|(name, _)| rules.feed.metric(name).is_none()) {
        return Verdict::Refused(Refusal::UnknownMetric);
    }
    if figure.as_of.is_none() && figure.receipt.is_none() && feed.says(figure) {
        // A retained replay that does not say of which day: the day of its receipt does not make it new.
        return Verdict::Refused(Refusal::Duplicate);
    }
    match clock {
        Clock::Trusted => judge(feed, rules, now, figure),
        Clock::Untrusted => hold(feed, figure),
    }
}

fn judge(feed: &mut Feed, rules: &Rules, now: Millis, figure: &Figure) -> Verdict {
    let today = rules.today(now);
    let as_of = figure.as_of.unwrap_or(today);
    if as_of.0 > today.0 + 1 {
        return Verdict::Refused(Refusal::Future);
    }
    if let Some(values) = feed.at_least(as_of) {
        let verdict = values.map_or(Verdict::Refused(Refusal::Stale), |values| merge(values, figure));
        settle_if_complete(feed, rules);
        return verdict;
    }
    if let Some(superseded) = feed.settling.take() {
        feed.publish(feed.revision() + 1, superseded.as_of, superseded.values);
    }
    let values = figure.values.iter().cloned().collect();
    if as_of.0 < today.0 - MAX_AGE {
        feed.publish(feed.revision(), as_of, values);
        return Verdict::Acted;
    }
    feed.settling = Some(Settling { as_of, values, until: now.second().plus(rules.feed.settle) });
    settle_if_complete(feed, rules);
    Verdict::Acted
}

/// Whether a day is right, and when it has settled, only a trusted clock can tell. Of too many days the oldest give way.
fn hold(feed: &mut Feed, figure: &Figure) -> Verdict {
    if let Some(values) = figure.as_of.and_then(|as_of| feed.at_least(as_of)) {
        return values.map_or(Verdict::Refused(Refusal::Stale), |values| merge(values, figure));
    }
    let verdict = merge(feed.held.entry(figure.as_of).or_default(), figure);
    if feed.held.len() > HELD {
        let oldest = feed.held.keys().copied().find(Option::is_some);
        oldest.and_then(|oldest| feed.held.remove(&oldest));
    }
    verdict
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

fn settle_if_complete(feed: &mut Feed, rules: &Rules) {
    let complete =
        |settling: &Settling| rules.feed.metrics.iter().all(|metric| !metric.required || settling.values.contains_key(&metric.name));
    if feed.settling.as_ref().is_some_and(complete) {
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
