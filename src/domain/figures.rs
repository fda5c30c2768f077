//! Is this figure new, and what becomes a publication. Knows no topic, no payload and no person.
//!
//! ```text
//!             first metric of a newer day            all required, or 30 s
//!   nothing ─────────────────────────────▶ Settling ───────────────────────▶ current ──▶ broadcast
//!                                            │  ▲ another metric               │  ▲ same day, other value: an update, shown on request
//!                                            └──┘                              └──┘
//! ```

pub mod holidays;
pub mod rhythm;

use super::conversation::Person;
use super::decision::{Change, Decision, Effect, Receipt, Refusal, Verdict};
use super::event::Figure;
use super::ids::{FeedId, FeedSet, Name};
use super::rules::{FeedRules, Rules};
use super::state::{Clock, State};
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
    /// Counts publications of all feeds that are sent, from 1. Figures too old to be sent keep their feed's number, so nobody lacks them.
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

/// One series of figures: everything the relay knows of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Feed {
    /// Its name in the configuration.
    pub name: Name,
    /// What subscribers have or are getting.
    pub current: Option<Publication>,
    /// What it is compared with.
    pub previous: Option<Publication>,
    /// What is about to be published.
    pub settling: Option<Settling>,
    /// Values that came before the clock was trusted, by their day if they said one: judged as soon as it is.
    pub held: BTreeMap<Option<Day>, BTreeMap<Name, Value>>,
    /// When the current publication became current, by our clock.
    pub published: Timestamp,
}

impl Feed {
    /// A feed of which nothing is known.
    pub fn new(name: Name) -> Feed {
        let (current, previous, settling, held) = (None, None, None, BTreeMap::new());
        Feed { name, current, previous, settling, held, published: Timestamp(0) }
    }

    /// The current publication's revision; 0 before the first.
    pub fn revision(&self) -> u32 {
        self.current.as_ref().map_or(0, |publication| publication.revision)
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
}

/// A feed that figures are being put into, and what it takes to make a publication of them.
struct Press<'a> {
    feed: Feed,
    rules: &'a FeedRules,
    today: Day,
    now: Timestamp,
    /// The latest revision of all feeds.
    revision: u32,
}

impl<'a> Press<'a> {
    /// The press for the feed of that name, if it is configured and known.
    fn new(state: &State, rules: &'a Rules, now: Millis, name: &Name) -> Option<(FeedId, Press<'a>)> {
        let (id, feed) = state.feed(name)?;
        let (today, revision) = (rules.today(now), state.revision());
        Some((id, Press { feed: feed.clone(), rules: rules.feed(name)?, today, now: now.second(), revision }))
    }

    fn take(&mut self, clock: Clock, figure: &Figure) -> Verdict {
        if figure.values.iter().any(|(name, _)| self.rules.metric(name).is_none()) {
            return Verdict::Refused(Refusal::UnknownMetric);
        }
        if figure.as_of.is_none() && figure.receipt.is_none() && self.feed.says(figure) {
            // A retained replay that does not say of which day: the day of its receipt does not make it new.
            return Verdict::Refused(Refusal::Duplicate);
        }
        match clock {
            Clock::Trusted => self.judge(figure),
            Clock::Untrusted => hold(&mut self.feed, figure),
        }
    }

    fn judge(&mut self, figure: &Figure) -> Verdict {
        let as_of = figure.as_of.unwrap_or(self.today);
        if as_of.0 > self.today.0 + 1 {
            return Verdict::Refused(Refusal::Future);
        }
        if let Some(values) = self.feed.at_least(as_of) {
            let verdict = values.map_or(Verdict::Refused(Refusal::Stale), |values| merge(values, figure));
            self.settle_if_complete();
            return verdict;
        }
        if let Some(superseded) = self.feed.settling.take() {
            // What it is compared with; nobody gets it, because something newer is on its way.
            self.publish(self.feed.revision(), superseded.as_of, superseded.values);
        }
        let values = figure.values.iter().cloned().collect();
        if as_of.0 < self.today.0 - MAX_AGE {
            self.publish(self.feed.revision(), as_of, values);
            return Verdict::Acted;
        }
        self.feed.settling = Some(Settling { as_of, values, until: self.now.plus(self.rules.settle) });
        self.settle_if_complete();
        Verdict::Acted
    }

    fn settle_if_complete(&mut self) {
        let metrics = &self.rules.metrics;
        let complete = |settling: &Settling| metrics.iter().all(|metric| !metric.required || settling.values.contains_key(&metric.name));
        if self.feed.settling.as_ref().is_some_and(complete) {
            self.settle();
        }
    }

    /// What is settling is published: it is current, and will be broadcast.
    fn settle(&mut self) {
        if let Some(settling) = self.feed.settling.take() {
            self.revision += 1;
            self.publish(self.revision, settling.as_of, settling.values);
        }
    }

    fn publish(&mut self, revision: u32, as_of: Day, values: BTreeMap<Name, Value>) {
        self.feed.previous = self.feed.current.replace(Publication { revision, as_of, values });
        self.feed.published = self.now;
    }
}

/// The configuration was read: every feed in it has a row, as long as there are numbers for them. A feed that is gone from it keeps its row
/// while anybody is subscribed to it, or might be again.
pub fn configured(state: &State, rules: &Rules) -> Vec<Change> {
    let tapped = |person: &Person| person.burst.as_ref().and_then(|burst| burst.wish.feeds());
    let subscribed = state.people.iter().flat_map(|(_, person)| [person.talk.feeds(), tapped(person)]).flatten();
    let needed = subscribed.fold(FeedSet::default(), FeedSet::union);
    let gone = |(id, feed): &(&FeedId, &Feed)| {
        rules.feed(&feed.name).is_none() && !needed.contains(**id) && feed.revision() <= state.counters.reached
    };
    let gone: Vec<FeedId> = state.feeds.iter().filter(gone).map(|(id, _)| *id).collect();
    let numbers = (0..FeedSet::MAX).filter_map(|number| u8::try_from(number).ok()).map(FeedId);
    let free = numbers.filter(|id| gone.contains(id) || !state.feeds.contains_key(id));
    let unknown = rules.feeds.iter().filter(|feed| state.feed(&feed.name).is_none());
    let new = free.zip(unknown).map(|(id, feed)| Change::Feed(id, Box::new(Feed::new(feed.name.clone()))));
    gone.iter().map(|id| Change::ForgetFeed(*id)).chain(new).collect()
}

/// A figure arrived.
pub fn arrived(state: &State, rules: &Rules, now: Millis, figure: &Figure) -> Decision {
    let mut decision = Decision::refused(Refusal::UnknownFeed);
    let mut revision = 0;
    if let Some((id, mut press)) = Press::new(state, rules, now, &figure.feed) {
        decision.verdict = press.take(state.clock, figure);
        revision = press.feed.revision();
        if decision.verdict == Verdict::Acted {
            decision.changes.push(Change::Feed(id, Box::new(press.feed)));
        }
    }
    if let Some(topic) = &figure.receipt {
        let receipt = Receipt { topic: topic.clone(), verdict: decision.verdict, as_of: figure.as_of, revision };
        decision.effects.push(Effect::Receipt(receipt));
    }
    decision
}

/// The clock is trusted now: what was held is judged in the order of its days, and what said none is of today. What would settle, or was
/// published, in a future that is none settles as from now, or was published now.
pub fn set_right(state: &State, rules: &Rules, now: Millis) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut revision = state.revision();
    for feed in state.feeds.values() {
        let Some((id, mut press)) = Press::new(state, rules, now, &feed.name) else { continue };
        press.revision = revision;
        press.feed.published = feed.published.min(press.now);
        if let Some(settling) = &mut press.feed.settling {
            settling.until = settling.until.min(press.now.plus(press.rules.settle));
        }
        let mut days: BTreeMap<Day, BTreeMap<Name, Value>> = BTreeMap::new();
        for (day, values) in std::mem::take(&mut press.feed.held) {
            days.entry(day.unwrap_or(press.today)).or_default().extend(values);
        }
        for (day, values) in days {
            let figure = Figure { feed: feed.name.clone(), values: values.into_iter().collect(), as_of: Some(day), receipt: None };
            // Whether it was new or not: it no longer waits.
            let _ = press.take(Clock::Trusted, &figure);
        }
        revision = press.revision;
        if press.feed != *feed {
            changes.push(Change::Feed(id, Box::new(press.feed)));
        }
    }
    changes
}

/// The publication has settled long enough.
pub fn settled(state: &State, rules: &Rules, now: Millis, id: FeedId) -> Decision {
    let Some(feed) = state.feeds.get(&id).filter(|feed| feed.settling.is_some()) else { return Decision::refused(Refusal::NothingToDo) };
    let feed = match Press::new(state, rules, now, &feed.name) {
        Some((_, mut press)) => {
            press.settle();
            press.feed
        }
        // No longer configured: nobody is to get it.
        None => Feed { settling: None, ..feed.clone() },
    };
    Decision { changes: vec![Change::Feed(id, Box::new(feed))], ..Decision::acted() }
}

/// What is settling in any of these feeds is published at once: somebody's window closes.
pub fn settle_now(state: &State, rules: &Rules, now: Millis, feeds: FeedSet) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut revision = state.revision();
    for (id, feed) in state.feeds.iter().filter(|(id, feed)| feeds.contains(**id) && feed.settling.is_some()) {
        let Some((_, mut press)) = Press::new(state, rules, now, &feed.name) else { continue };
        press.revision = revision;
        press.settle();
        revision = press.revision;
        changes.push(Change::Feed(*id, Box::new(press.feed)));
    }
    changes
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
