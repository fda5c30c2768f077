//! What becomes of people's rows: windows, addresses, verdicts, and that nobody is forgotten. A copy of every row stands beside the
//! relay's, as it was before the present step. In a small world all of them are looked at after every step; in a crowd those whom the
//! step concerns: who is named in its events, whose deadline had come, who got a message. Now and then a crowd is copied anew
//! (`World::compare`).

use super::promises::{BURST, Ledger, row};
use drk_relay::domain::conversation::{Person, Talk};
use drk_relay::domain::decision::Effect;
use drk_relay::domain::event::{Event, Heard};
use drk_relay::domain::ids::{OutboxId, PersonHash, PersonId};
use drk_relay::domain::outbox::Stage;
use drk_relay::domain::rules::Rules;
use drk_relay::domain::state::{Clock, State};
use drk_relay::domain::time::{Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Up to so many people everyone is looked at after every step.
const FEW: usize = 16;
/// Of a crowd so many of those who are due are looked at in one step: four times as many as the relay handles in one. When thousands are
/// overdue because its queue is full, the others follow in the next steps.
const DUE: usize = 1_024;
/// Meta may have taken a question so many seconds before the message that opened the window, and the relay hear of it afterwards.
const ROUND_TRIP: u32 = 30;

/// Everyone's row before the present step.
pub(super) struct Rows {
    rows: BTreeMap<PersonId, Person>,
    ids: BTreeMap<PersonHash, PersonId>,
    /// When somebody's row needs attention.
    deadlines: BTreeSet<(Timestamp, PersonId)>,
    rules: Rules,
    everyone: bool,
    /// Whom the present step concerns, as far as is known before it.
    touched: BTreeSet<PersonId>,
    next: u64,
}

impl Rows {
    /// Of a world with so many people.
    pub(super) fn of(people: usize, rules: Rules) -> Rows {
        Rows {
            rules,
            rows: BTreeMap::new(),
            ids: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            everyone: people <= FEW,
            touched: BTreeSet::new(),
            next: 0,
        }
    }

    /// The row of whoever was called so.
    pub(super) fn get(&self, hash: PersonHash) -> Option<&Person> {
        self.rows.get(self.ids.get(&hash)?)
    }

    /// The row of whoever says something.
    pub(super) fn whose(&self, heard: &Heard) -> Option<&Person> {
        self.get(heard.from.hash).or_else(|| self.get(heard.from.alias?))
    }

    /// Whom the step concerns.
    pub(super) fn before(&mut self, state: &State, now: Millis, events: &[Event]) {
        self.touched.clear();
        self.next = state.counters.next_outbox;
        if self.everyone {
            return;
        }
        let due = self.deadlines.range(..=(now.second(), PersonId(u32::MAX)));
        self.touched.extend(due.take(DUE).map(|(_, id)| *id));
        self.touched.extend(named(state, events));
    }

    /// Whom the step has concerned.
    fn after(&mut self, state: &State, events: &[Event], effects: &[Effect]) -> BTreeSet<PersonId> {
        let mut touched = std::mem::take(&mut self.touched);
        if self.everyone || events.contains(&Event::Started) {
            touched.extend(self.rows.keys());
            touched.extend(state.people.iter().map(|(id, _)| id));
            return touched;
        }
        let person = |id: OutboxId| state.outbox.get(id).map(|entry| entry.person);
        touched.extend((self.next..state.counters.next_outbox).filter_map(|id| person(OutboxId(id))));
        touched.extend(effects.iter().filter_map(|effect| match effect {
            Effect::Send(send) => person(send.id),
            Effect::MarkRead(_) | Effect::Receipt(_) => None,
        }));
        touched.extend(named(state, events));
        touched
    }

    fn set(&mut self, id: PersonId, row: Option<&Person>) {
        if let Some(old) = self.rows.remove(&id) {
            self.deadlines.remove(&(attention(&self.rules, &old), id));
            for hash in [Some(old.hash), old.alias].into_iter().flatten() {
                if self.ids.get(&hash) == Some(&id) {
                    self.ids.remove(&hash);
                }
            }
        }
        if let Some(new) = row {
            self.deadlines.insert((attention(&self.rules, new), id));
            self.ids.insert(new.hash, id);
            self.ids.extend(new.alias.map(|alias| (alias, id)));
            self.rows.insert(id, new.clone());
        }
    }

    /// Everyone's row is what it is.
    pub(super) fn refresh(&mut self, state: &State) {
        (self.rows, self.ids, self.deadlines) = Default::default();
        for (id, person) in state.people.iter() {
            self.set(id, Some(person));
        }
    }
}

/// When a row needs attention: a deadline, or an answer.
fn attention(rules: &Rules, person: &Person) -> Timestamp {
    let deadline = person.deadline(rules);
    person.burst.as_ref().map_or(deadline, |burst| burst.until.min(deadline))
}

/// Who is named in these events.
fn named(state: &State, events: &[Event]) -> Vec<PersonId> {
    let mut ids = Vec::new();
    for event in events {
        match event {
            Event::Heard(heard) => {
                ids.extend([Some(heard.from.hash), heard.from.alias].into_iter().flatten().filter_map(|hash| state.people.find(hash)));
            }
            Event::Moved(moved) => {
                ids.extend(moved.from.iter().chain([&moved.to.hash]).filter_map(|hash| state.people.find(*hash)));
            }
            Event::Status(status) => {
                let id = status.id.or_else(|| state.outbox.find(status.wamid));
                ids.extend(id.and_then(|id| state.outbox.get(id)).map(|entry| entry.person));
            }
            Event::Sent { id, .. } => ids.extend(state.outbox.get(*id).map(|entry| entry.person)),
            Event::Started
            | Event::ClockTrusted
            | Event::ClockDoubted
            | Event::Figure(_)
            | Event::Validate(_)
            | Event::Asked(_)
            | Event::Account(_)
            | Event::Proof
            | Event::Due(_) => {}
            Event::Rewritten | Event::RewriteFailed => {}
        }
    }
    ids
}

/// Whether there is an agreement or an open question.
pub(super) fn live(person: &Person) -> bool {
    match person.talk {
        Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. } => true,
        Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => false,
    }
}

impl Ledger {
    /// Judges the rows of everyone whom the step has concerned.
    pub(super) fn judge_rows(&mut self, state: &State, events: &[Event], effects: &[Effect], now: Millis, seen: &mut Vec<&'static str>) {
        let touched = self.rows.after(state, events, effects);
        for id in &touched {
            if let Some(before) = self.rows.rows.get(id).cloned() {
                let after = row(state, before.hash).or_else(|| self.moved_to(state, before.hash));
                let after = after.or_else(|| row(state, before.alias?));
                self.turn(&before, after, now, seen);
            }
        }
        for id in &touched {
            if let Some(after) = state.people.get(*id) {
                self.window(state, after, now);
                let before = self.rows.rows.get(id);
                let subscribed = |row: &Person| matches!(row.talk, Talk::Subscribed { .. });
                if before.is_none_or(|before| before.window != after.window || subscribed(before) != subscribed(after)) {
                    self.excuses.learned(self.name(after.hash), self.now.second());
                }
                address(state, *id, after);
            }
            self.rows.set(*id, state.people.get(*id));
        }
    }

    /// The row of whoever was called so, under a later name.
    fn moved_to<'a>(&self, state: &'a State, hash: PersonHash) -> Option<&'a Person> {
        let mut name = self.name(hash);
        while let Some(next) = self.moved.get(&name) {
            if let Some(row) = row(state, *next) {
                return Some(row);
            }
            name = *next;
        }
        None
    }

    /// Promise 1: the window is the maximum over what was acknowledged, and nothing else. One that is closed may be told so.
    fn window(&self, state: &State, person: &Person, now: Millis) {
        if !live(person) {
            return;
        }
        let (latest, heard) = (person.window.latest, self.latest.get(&self.name(person.hash)).copied());
        assert!(heard.is_none_or(|heard| latest >= heard), "a window moved back: {person:?}, heard {heard:?}");
        let closed = state.clock == Clock::Trusted && latest.plus(24 * 3600) <= now.second();
        assert!(closed || heard == Some(latest), "a window that nobody opened: {person:?}, heard {heard:?}");
    }

    /// Promise 5: who was silent has lapsed, and only they; nobody is forgotten.
    fn turn(&mut self, before: &Person, after: Option<&Person>, now: Millis, seen: &mut Vec<&'static str>) {
        let name = self.name(before.hash);
        if after.is_none_or(|row| !live(row)) {
            let ours = if self.excuses.has_been_lied_to() { None } else { self.silence.ours(name, before, now) };
            match (&before.talk, after.map(|row| &row.talk)) {
                (Talk::Subscribed { .. }, Some(Talk::Lapsed { .. })) => {
                    seen.push("lapsed");
                    assert_ne!(ours, Some(true), "lapsed, and it may have been our fault: {after:?} at {now:?}");
                }
                (Talk::Subscribed { .. }, Some(Talk::Orphaned { .. })) if after.is_some_and(|row| self.name(row.hash) != name) => {
                    seen.push("moved");
                }
                (Talk::Subscribed { .. }, Some(Talk::Orphaned { .. })) => {
                    seen.push("orphaned");
                    assert_ne!(ours, Some(false), "orphaned, and it was not our fault: {after:?} at {now:?}");
                }
                (Talk::Subscribed { .. }, Some(Talk::Stopped { .. })) => seen.push("stopped"),
                (Talk::Subscribed { .. }, None) => {
                    let stopped = self.stops.get(&name).is_some_and(|stop| !stop.over);
                    assert!(stopped, "a subscriber was forgotten: {before:?}");
                }
                _ => {}
            }
            self.silence.judged(name);
        }
        self.asked(name, before, after, now, seen);
        match (&before.talk, after.map(|row| &row.talk)) {
            (Talk::Lapsed { .. }, Some(Talk::Subscribed { .. })) => {
                seen.push("lapsed, and back");
                self.agreed(name, before, after);
            }
            (Talk::Orphaned { .. }, Some(Talk::Subscribed { .. })) => {
                seen.push("orphaned, and back");
                self.agreed(name, before, after);
            }
            (Talk::Asked { .. }, Some(Talk::Subscribed { .. })) => seen.push("subscribed"),
            (Talk::Asked { .. }, Some(Talk::Waiting { offered: false, .. })) => seen.push("no place"),
            (Talk::Waiting { offered: false, .. }, Some(Talk::Waiting { offered: true, .. })) => seen.push("a place"),
            (Talk::Waiting { offered: true, .. }, Some(Talk::Subscribed { .. })) => seen.push("a place, taken"),
            _ => {}
        }
        if after.is_none() {
            self.latest.remove(&name);
            self.excuses.forget(name);
        }
    }

    /// Promise 5: a subscription that was over is taken up again by a "Ja", or by an answer from before the closing.
    fn agreed(&self, name: PersonHash, before: &Person, after: Option<&Person>) {
        let Some(after) = after.filter(|after| self.name(after.hash) == name) else { return };
        let since = before.burst.as_ref().map_or(before.window.latest, |burst| burst.at.min(before.window.latest));
        let yes = self.yes.get(&name).is_some_and(|yes| yes.plus(BURST) >= since);
        // Whoever has written since has moved the closing.
        let in_time = before.burst.is_none() && after.window.latest < before.window.closes();
        assert!(yes || in_time, "subscribed again without having agreed: {before:?}, {after:?}");
    }

    /// Promise 4: a subscriber whose window has closed was asked in it, unless the world knows why not.
    fn asked(&mut self, name: PersonHash, before: &Person, after: Option<&Person>, now: Millis, seen: &mut Vec<&'static str>) {
        let (latest, closes) = (before.window.latest, before.window.closes());
        let ended = after.is_some_and(|after| match after.talk {
            Talk::Lapsed { .. } | Talk::Orphaned { .. } => true,
            Talk::Subscribed { .. } => after.window != before.window,
            Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Stopped { .. } => false,
        });
        if !matches!(before.talk, Talk::Subscribed { .. }) || !ended || now.second() < closes {
            return;
        }
        if self.questions.get(&name).is_some_and(|at| *at >= latest.minus(ROUND_TRIP)) {
            seen.push("asked before the closing");
            return;
        }
        seen.push("not asked before the closing");
        let excused = !self.flawless && self.excuses.any(name, latest, closes);
        assert!(excused || self.missing.is_some(), "a subscriber was not asked before the window closed: {before:?} at {now:?}");
        self.missing.iter_mut().for_each(|missing| *missing += 1);
    }
}

/// Promise 10: an address is kept while the window may be open, and for the confirmation of a stop.
fn address(state: &State, id: PersonId, person: &Person) {
    if !state.addresses.contains(id) {
        return;
    }
    let wanted = match person.talk {
        _ if person.burst.is_some() => true,
        Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. } => true,
        Talk::Stopped { .. } => state.outbox.of(id).any(|(_, entry)| entry.stage() != Stage::Gone),
        Talk::Lapsed { .. } | Talk::Orphaned { .. } => false,
    };
    assert!(wanted, "an address is kept without need: {person:?}");
}
