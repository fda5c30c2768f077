//! What a human says about figures: release what is held, discard it, start anew from it, or take back what was published. Judges nothing.

use super::feed::{Correction, Dismissed, Feed, Publication, Settling, Values};
use super::press::{Press, changed, fell};
use crate::domain::decision::{Refusal, Taken};
use crate::domain::event::Verb;
use crate::domain::ids::Name;
use crate::domain::time::Day;

impl Press<'_> {
    /// Carries it out, or says why not, and which day it was about.
    pub(super) fn rule(&mut self, verb: Verb, as_of: Option<Day>) -> (Taken, Option<Day>) {
        if as_of.is_some() && as_of != self.subject(verb) {
            return (Taken::Refused(Refusal::AnotherDay), as_of);
        }
        match verb {
            Verb::Release => self.release(),
            Verb::Discard => self.discard(),
            Verb::Rebaseline => self.rebaseline(),
            Verb::Withdraw => self.withdraw(),
        }
    }

    /// The day that a ruling is about.
    fn subject(&self, verb: Verb) -> Option<Day> {
        match verb {
            Verb::Release | Verb::Discard | Verb::Rebaseline => self.feed.held.as_ref().map(|held| held.as_of),
            Verb::Withdraw => self.feed.newest().map(|(newest, _)| newest),
        }
    }

    /// It is right: it is sent at once, and believed like any other. What came before is believed, too: a wave that begins is no new way of
    /// counting, and with less to compare with more would be held.
    fn release(&mut self) -> (Taken, Option<Day>) {
        let Some((_, settling)) = self.unhold() else { return (Taken::Refused(Refusal::NothingHeld), None) };
        let as_of = settling.as_of;
        if self.is_past(as_of) {
            return (Taken::Refused(Refusal::Stale), Some(as_of));
        }
        self.supersede_older(as_of);
        let correction = self.replaced(as_of, &settling.values).or_else(|| self.put_right(as_of, &settling.values));
        let settled = Settling { values: self.joined(as_of, settling.values), correction, ..settling };
        let taken = if self.is_old(as_of) {
            self.keep(settled);
            Taken::Old
        } else {
            self.send(settled);
            Taken::Released
        };
        (taken, Some(as_of))
    }

    /// It is wrong: it is forgotten, and nothing changes.
    fn discard(&mut self) -> (Taken, Option<Day>) {
        let Some((_, settling)) = self.unhold() else { return (Taken::Refused(Refusal::NothingHeld), None) };
        self.feed.dismissed = Some(Dismissed { as_of: settling.as_of, values: settling.values, revision: None });
        (Taken::Discarded, Some(settling.as_of))
    }

    /// It is counted in another way now: it is shown on request and compared with nothing before, what comes next is judged by it, and
    /// nobody is sent it.
    fn rebaseline(&mut self) -> (Taken, Option<Day>) {
        let Some((strange, settling)) = self.unhold() else { return (Taken::Refused(Refusal::NothingHeld), None) };
        let as_of = settling.as_of;
        if self.is_past(as_of) {
            return (Taken::Refused(Refusal::Stale), Some(as_of));
        }
        self.supersede_older(as_of);
        let values = self.joined(as_of, settling.values);
        self.feed.settling = None;
        self.keep(Settling { values, ..settling });
        self.feed.previous = None;
        self.restart(&strange);
        (Taken::Rebaselined, Some(as_of))
    }

    /// What is settling is forgotten; else what was published last is taken back, as far as it has not left: the publication before it is
    /// current again.
    fn withdraw(&mut self) -> (Taken, Option<Day>) {
        if let Some(Settling { as_of, values, .. }) = self.feed.settling.take() {
            self.feed.dismissed = Some(Dismissed { as_of, values, revision: None });
            return (Taken::Withdrawn, Some(as_of));
        }
        let Some(Publication { as_of, values, revision, .. }) = self.feed.current.take_if(|current| current.sent) else {
            return (Taken::Refused(Refusal::NothingToWithdraw), None);
        };
        self.feed.dismissed = Some(Dismissed { as_of, values, revision: Some(revision) });
        self.feed.current = self.feed.previous.take();
        self.feed.baselines.retain(|_, baseline| baseline.forget(as_of));
        (Taken::Withdrawn, Some(as_of))
    }

    /// What is held, as something that may be published, and the metrics that were strange about it.
    fn unhold(&mut self) -> Option<(Vec<Name>, Settling)> {
        let held = self.feed.held.take()?;
        let strange = held.suspicions.into_keys().collect();
        Some((strange, Settling { as_of: held.as_of, values: held.values, until: self.now, correction: None, stated: held.stated }))
    }

    /// Whether something newer is published or will be.
    fn is_past(&self, as_of: Day) -> bool {
        self.feed.newest().is_some_and(|(newest, _)| newest > as_of)
    }

    fn supersede_older(&mut self, as_of: Day) {
        if self.feed.settling.as_ref().is_some_and(|settling| settling.as_of != as_of) {
            self.supersede();
        }
    }

    /// All values of that day, these the newest. What was settling of it is part of them.
    fn joined(&mut self, as_of: Day, values: Values) -> Values {
        let known = self.feed.newest().filter(|(newest, _)| *newest == as_of).map(|(_, values)| values.clone());
        self.feed.settling.take_if(|settling| settling.as_of == as_of);
        let mut all = known.unwrap_or_default();
        all.extend(values);
        all
    }

    /// What these values put right: any other value of the same day, a lower total of an earlier one.
    fn put_right(&self, as_of: Day, values: &Values) -> Option<Correction> {
        let current = self.feed.current.as_ref().filter(|current| current.sent)?;
        let mut was = changed(&current.values, values);
        if current.as_of != as_of {
            was.retain(|name, old| fell(self.rules, name, *old, values));
        }
        (!was.is_empty()).then_some(Correction { since: current.revision, was })
    }

    /// What comes next is judged by the current values of these metrics alone.
    fn restart(&mut self, strange: &[Name]) {
        let Feed { current: Some(current), baselines, .. } = &mut self.feed else { return };
        for name in strange {
            if let (Some(value), Some(baseline)) = (current.values.get(name), baselines.get_mut(name)) {
                baseline.restart(current.as_of, *value);
            }
        }
    }
}
