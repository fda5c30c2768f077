//! One figure, judged: whether it is new, what it changes, whether it is believed. Knows one feed, and nobody who hears of it.
//!
//! ```text
//!             implausible ──▶ Held ──▶ (a human, see `ruling`, or a plausible value of that day or a newer one)
//!                  ▲
//!   figure ────────┤   newer day                     all required, or 30 s
//!                  ├─────────────▶ Settling ────────────────────────────────▶ current ──▶ broadcast
//!                  │                 ▲  a total is lower: a correction, 10 min   │  ▲
//!                  │                 │ corrects, or a total fell                 │  │ any other value: an update, shown on request
//!                  └─────────────────┴──────────── same day ─────────────────────┘──┘
//! ```

use super::feed::{Correction, Dismissed, Feed, Held, Publication, Settling, Values};
use super::gate::{self, Baseline, Judgement, Suspicion};
use super::{Doubt, EARLY, Value};
use crate::domain::decision::{Refusal, Taken};
use crate::domain::event::{Corrects, Figure};
use crate::domain::ids::{FeedId, Name};
use crate::domain::rules::{FeedRules, MetricKind, Rules, Updates};
use crate::domain::state::{Clock, State};
use crate::domain::time::{Day, Millis, Timestamp, local};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A feed that figures are being put into, and what it takes to make a publication of them.
pub(super) struct Press<'a> {
    pub(super) feed: Feed,
    pub(super) rules: &'a FeedRules,
    /// Those of all feeds.
    all: &'a Rules,
    /// The day it is.
    pub(super) today: Day,
    /// The day of figures that name none.
    pub(super) undated: Day,
    pub(super) now: Timestamp,
    /// The latest revision of all feeds.
    pub(super) revision: u32,
}

impl<'a> Press<'a> {
    /// The press for the feed of that name, if it is configured and known.
    pub(super) fn new(state: &State, rules: &'a Rules, now: Millis, name: &Name) -> Option<(FeedId, Press<'a>)> {
        let (id, feed) = state.feed(name)?;
        let feed_rules = rules.feed(name)?;
        let (today, undated) = (rules.today(now), feed_rules.day_at(now, &rules.zone));
        let (feed, revision) = (feed.clone(), state.revision());
        Some((id, Press { feed, rules: feed_rules, all: rules, today, undated, now: now.second(), revision }))
    }

    /// Takes a figure in, or says why not, and which day it was taken to be about.
    pub(super) fn take(&mut self, clock: Clock, figure: &Figure) -> (Taken, Option<Day>) {
        if figure.values.iter().any(|(name, _)| self.rules.metric(name).is_none()) {
            return (Taken::Refused(Refusal::UnknownMetric), figure.as_of);
        }
        let as_of = match self.day(figure) {
            Ok(as_of) => as_of,
            Err(refusal) => return (Taken::Refused(refusal), figure.as_of),
        };
        if as_of.is_none() && figure.receipt.is_none() && self.feed.says(figure) {
            // A retained replay that does not say of which day: the day of its receipt does not make it new.
            return (Taken::Refused(Refusal::Duplicate), None);
        }
        match clock {
            Clock::Trusted => {
                let (before, as_of) = (self.feed.clone(), as_of.unwrap_or(self.undated));
                let taken = self.judge(figure, as_of);
                if let Some(id) = figure.id.as_ref().filter(|_| taken.is_kept()) {
                    self.feed.ids.remember(id, as_of);
                }
                self.feed.heard(&before, local(self.now.millis(), &self.all.zone), &taken, as_of);
                if self.feed.rhythm != before.rhythm {
                    self.feed.schedule(self.all);
                }
                if self.feed != before {
                    self.feed.received = self.now;
                }
                (taken, Some(as_of))
            }
            Clock::Untrusted => (self.keep_for_later(figure, as_of), as_of),
        }
    }

    /// The day that a figure names, in whatever way.
    fn day(&self, figure: &Figure) -> Result<Option<Day>, Refusal> {
        let corrected = match &figure.corrects {
            Some(Corrects::Day(day)) => Some(*day),
            Some(Corrects::Id(id)) => Some(self.feed.ids.day(id).ok_or(Refusal::UnknownCorrection)?),
            None => None,
        };
        match (figure.as_of, corrected) {
            (Some(as_of), Some(corrected)) if as_of != corrected => Err(Refusal::OtherDay),
            (Some(as_of), _) | (None, Some(as_of)) => Ok(Some(as_of)),
            (None, None) => Ok(figure.id.as_deref().and_then(|id| self.feed.ids.day(id))),
        }
    }

    fn judge(&mut self, figure: &Figure, as_of: Day) -> Taken {
        if as_of.0 > self.today.0 + 1 {
            return Taken::Refused(Refusal::Future);
        }
        let newest = self.feed.newest().map(|(day, _)| day);
        if newest.is_some_and(|newest| newest > as_of) || self.feed.held.as_ref().is_some_and(|held| held.as_of > as_of) {
            return Taken::Refused(Refusal::Stale);
        }
        if figure.values.is_empty() {
            return self.no_report(as_of, newest);
        }
        if figure.published_at.zip(self.stated(as_of)).is_some_and(|(now, before)| now < before) {
            return Taken::Refused(Refusal::Stale);
        }
        if self.feed.is_dismissed(as_of, figure) {
            return Taken::Refused(Refusal::Dismissed);
        }
        let known = self.feed.newest().filter(|(day, _)| *day == as_of).map(|(_, values)| values.clone()).unwrap_or_default();
        self.weigh(figure, as_of, &known)
    }

    /// When the publisher said that the newest values of this day were published.
    fn stated(&self, as_of: Day) -> Option<Timestamp> {
        let settling = self.feed.settling.as_ref().map(|settling| (settling.as_of, settling.stated));
        let (day, stated) = settling.or(self.feed.current.as_ref().map(|current| (current.as_of, current.stated)))?;
        stated.filter(|_| day == as_of)
    }

    /// There will be no figures of that day.
    fn no_report(&mut self, as_of: Day, newest: Option<Day>) -> Taken {
        if newest == Some(as_of) {
            return Taken::Refused(Refusal::Reported);
        }
        match self.feed.no_report {
            Some(known) if known > as_of => Taken::Refused(Refusal::Stale),
            Some(known) if known == as_of => Taken::Refused(Refusal::Duplicate),
            Some(_) | None => {
                self.feed.no_report = Some(as_of);
                Taken::NoReport
            }
        }
    }

    /// `known`: what is published, or will be, of the same day.
    fn weigh(&mut self, figure: &Figure, as_of: Day, known: &Values) -> Taken {
        let held = self.feed.held.take_if(|held| held.as_of == as_of);
        let mut values = held.as_ref().map(|held| held.values.clone()).unwrap_or_default();
        values.extend(figure.values.iter().cloned());
        values.retain(|name, value| known.get(name) != Some(value));
        if values.is_empty() {
            // What was held of that day has been put right.
            return Taken::Refused(Refusal::Duplicate);
        }
        let (suspicions, lower) = self.suspicions(as_of, &values);
        if !suspicions.is_empty() {
            let (since, before) = held.map_or((self.now, None), |held| (held.since, held.stated));
            let doubts = suspicions.iter().filter_map(|(name, suspicion)| Some(Doubt::of(self.rules.metric(name)?, suspicion)));
            let taken = Taken::Held(doubts.collect());
            self.feed.held = Some(Held { as_of, values, suspicions, since, stated: figure.published_at.or(before) });
            return taken;
        }
        // A plausible word on everything that was strange ends it, of that day or of a newer one.
        let heard = |name: &Name| values.contains_key(name);
        self.feed.held.take_if(|held| held.suspicions.keys().all(heard));
        let settling = self.feed.settling.as_ref().is_some_and(|settling| settling.as_of == as_of);
        let current = self.feed.current.as_ref().is_some_and(|current| current.as_of == as_of);
        match () {
            () if settling => self.join(values, &lower, figure),
            () if current => self.revise(values, &lower, figure),
            () => self.begin(as_of, values, &lower, figure),
        }
    }

    /// What is strange about these values, and the totals that are a little lower than before.
    fn suspicions(&self, as_of: Day, values: &Values) -> (BTreeMap<Name, Suspicion>, Vec<Name>) {
        let (mut suspicions, mut lower) = (BTreeMap::new(), Vec::new());
        for (name, value) in values {
            let Some(metric) = self.rules.metric(name) else { continue };
            match gate::judge(&metric.gate, metric.kind, self.feed.baselines.get(name), as_of, *value) {
                Judgement::Plausible => {}
                Judgement::Lower => lower.push(name.clone()),
                Judgement::Implausible(suspicion) => drop(suspicions.insert(name.clone(), suspicion)),
            }
        }
        (suspicions, lower)
    }

    /// More of a day that is settling.
    fn join(&mut self, values: Values, lower: &[Name], figure: &Figure) -> Taken {
        let until = self.now.plus(self.rules.correction_settle);
        let current = self.feed.current.clone();
        let Some(settling) = &mut self.feed.settling else { return Taken::Refused(Refusal::NothingToDo) };
        settling.values.extend(values);
        settling.stated = figure.published_at.or(settling.stated);
        if let Some(current) = current.as_ref().filter(|current| current.as_of == settling.as_of) {
            if settling.values == current.values {
                // Back to what has been sent: there is nothing to put right.
                self.feed.settling = None;
                return Taken::Update;
            }
            if let Some(correction) = &mut settling.correction {
                correction.was = changed(&current.values, &settling.values);
            }
        } else if let Some(fallen) = current.and_then(|current| fallen(&current, lower)) {
            settling.until = settling.until.max(until);
            settling.correction.get_or_insert(fallen);
        }
        let taken = if settling.correction.is_some() { Taken::Correction } else { Taken::Joined };
        self.settle_if_complete();
        taken
    }

    /// Other values for the day that has been published.
    fn revise(&mut self, values: Values, lower: &[Name], figure: &Figure) -> Taken {
        let Some(current) = &mut self.feed.current else { return Taken::Refused(Refusal::NothingToDo) };
        let mut all = current.values.clone();
        all.extend(values);
        let was = changed(&current.values, &all);
        let fell = was.iter().any(|(name, old)| fell(self.rules, name, *old, &all));
        let corrects = !was.is_empty() && (figure.corrects.is_some() || fell || !lower.is_empty());
        if !current.sent || !corrects && self.rules.updates == Updates::Keep {
            (current.values, current.stated) = (all, figure.published_at.or(current.stated));
            self.accept();
            return Taken::Update;
        }
        let (taken, wait, correction) = if corrects {
            (Taken::Correction, self.rules.correction_settle, Some(Correction { since: current.revision, was }))
        } else {
            (Taken::Update, self.rules.settle, None)
        };
        let until = self.now.plus(wait);
        self.feed.settling = Some(Settling { as_of: current.as_of, values: all, until, correction, stated: figure.published_at });
        taken
    }

    /// The first values of a newer day.
    fn begin(&mut self, as_of: Day, values: Values, lower: &[Name], figure: &Figure) -> Taken {
        self.supersede();
        let stated = figure.published_at;
        if self.is_old(as_of) {
            self.keep(Settling { as_of, values, until: self.now, correction: None, stated });
            return Taken::Old;
        }
        let replaced = self.replaced(as_of, &values);
        let fallen = self.feed.current.as_ref().and_then(|current| fallen(current, lower)).filter(|_| replaced.is_none());
        let wait = if fallen.is_some() { self.rules.correction_settle.max(self.rules.settle) } else { self.rules.settle };
        let correction = replaced.or(fallen);
        let taken = if correction.is_some() { Taken::Correction } else { Taken::Accepted };
        self.feed.settling = Some(Settling { as_of, values, until: self.now.plus(wait), correction, stated });
        self.settle_if_complete();
        taken
    }

    /// Whether a day is too long ago for its figures to be sent.
    pub(super) fn is_old(&self, as_of: Day) -> bool {
        i64::from(as_of.0) < i64::from(self.today.0) - i64::from(self.rules.max_age)
    }

    /// What is put right if these values replace some of that day that a human has taken back.
    pub(super) fn replaced(&self, as_of: Day, values: &Values) -> Option<Correction> {
        let dismissed = self.feed.dismissed.as_ref().filter(|dismissed| dismissed.as_of == as_of)?;
        let Dismissed { values: told, revision, .. } = dismissed;
        revision.map(|since| Correction { since, was: changed(told, values) })
    }

    /// What is settling is of an older day now: what the newer one is compared with; nobody gets it, because something newer is on its way.
    pub(super) fn supersede(&mut self) {
        if let Some(superseded) = self.feed.settling.take() {
            self.keep(superseded);
        }
    }

    fn settle_if_complete(&mut self) {
        let metrics = &self.rules.metrics;
        let complete = |settling: &Settling| metrics.iter().all(|metric| !metric.required || settling.values.contains_key(&metric.name));
        let waits = |settling: &Settling| settling.correction.is_some() && self.replaced(settling.as_of, &settling.values).is_none();
        let revises = |settling: &Settling| self.feed.current.as_ref().is_some_and(|current| current.as_of == settling.as_of);
        if self.feed.settling.as_ref().is_some_and(|settling| complete(settling) && !waits(settling) && !revises(settling)) {
            self.settle();
        }
    }

    /// Whether what is settling may be published before its time: what puts something right waits for second thoughts.
    pub(super) fn may_settle_early(&self) -> bool {
        self.feed.settling.as_ref().is_some_and(|settling| settling.correction.is_none())
    }

    /// What is settling is published: it is current, and will be broadcast.
    pub(super) fn settle(&mut self) {
        if let Some(settling) = self.feed.settling.take() {
            self.send(settling);
        }
    }

    /// It is current, and everybody gets it.
    pub(super) fn send(&mut self, settled: Settling) {
        self.revision += 1;
        self.feed.highest = self.revision;
        self.publish(self.revision, true, settled);
    }

    /// It is current, and shown on request.
    pub(super) fn keep(&mut self, settled: Settling) {
        self.publish(self.feed.revision(), false, settled);
    }

    fn publish(&mut self, revision: u32, sent: bool, settled: Settling) {
        let Settling { as_of, values, correction, stated, .. } = settled;
        let before = self.feed.current.replace(Publication { revision, sent, as_of, values, correction, stated });
        if before.as_ref().is_some_and(|before| before.as_of != as_of) {
            self.feed.previous = before;
        }
        self.feed.published = self.now;
        self.feed.dismissed.take_if(|dismissed| dismissed.as_of <= as_of);
        self.accept();
    }

    /// The next values are judged by the current ones.
    fn accept(&mut self) {
        let Feed { current: Some(current), baselines, .. } = &mut self.feed else { return };
        for (name, value) in &current.values {
            match baselines.get_mut(name) {
                Some(baseline) => baseline.accept(current.as_of, *value),
                None => drop(baselines.insert(name.clone(), Baseline::new(current.as_of, *value))),
            }
        }
    }

    /// Whether a day is right, and when it has settled, only a trusted clock can tell. Of too many days the oldest give way.
    fn keep_for_later(&mut self, figure: &Figure, as_of: Option<Day>) -> Taken {
        if let Some((newest, as_of)) = self.feed.newest().map(|(newest, _)| newest).zip(as_of) {
            match newest.cmp(&as_of) {
                Ordering::Greater => return Taken::Refused(Refusal::Stale),
                Ordering::Equal if self.feed.says(figure) => return Taken::Refused(Refusal::Duplicate),
                Ordering::Equal | Ordering::Less => {}
            }
        }
        let known = self.feed.early.get(&as_of).cloned();
        let values = self.feed.early.entry(as_of).or_default();
        values.extend(figure.values.iter().cloned());
        let new = known.as_ref() != Some(values);
        if self.feed.early.len() > EARLY {
            let oldest = self.feed.early.keys().copied().find(Option::is_some);
            oldest.and_then(|oldest| self.feed.early.remove(&oldest));
        }
        if new { Taken::Early } else { Taken::Refused(Refusal::Duplicate) }
    }
}

/// The totals that are lower than they were told before.
pub(super) fn fallen(current: &Publication, lower: &[Name]) -> Option<Correction> {
    let was: Values = current.values.iter().filter(|(name, _)| lower.contains(name)).map(|(name, value)| (name.clone(), *value)).collect();
    (current.sent && !was.is_empty()).then_some(Correction { since: current.revision, was })
}

/// The old values of the metrics that have others now.
pub(super) fn changed(old: &Values, new: &Values) -> Values {
    let other = |(name, value): &(&Name, &Value)| new.get(*name).is_some_and(|new| new != *value);
    old.iter().filter(other).map(|(name, value)| (name.clone(), *value)).collect()
}

/// Whether this is a total, and lower among the new values than it was.
pub(super) fn fell(rules: &FeedRules, name: &Name, old: Value, new: &Values) -> bool {
    rules.kind(name) == Some(MetricKind::Total) && new.get(name).is_some_and(|new| *new < old)
}
