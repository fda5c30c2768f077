//! The promises, checked after every step from what the world knows and not from what the relay believes. Decides nothing for the relay.

use super::meta::Meta;
use super::world::rules;
use drk_relay::domain::conversation::{Person, Talk};
use drk_relay::domain::decide;
use drk_relay::domain::decision::{Body, Change, Effect, Send};
use drk_relay::domain::event::{Event, Heard, Said};
use drk_relay::domain::ids::{OutboxId, PersonHash, PersonId};
use drk_relay::domain::outbox::{Kind, Stage};
use drk_relay::domain::state::{Clock, State};
use drk_relay::domain::time::{Millis, Timestamp};
use drk_relay::domain::wording::wish;
use drk_relay::relay::Relay;
use std::collections::{BTreeMap, BTreeSet};

/// What has happened so far, as far as a promise depends on it.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Messages whose webhook got its 200.
    heard: BTreeSet<u64>,
    /// The latest counted message of each person that was acknowledged in time.
    latest: BTreeMap<PersonHash, Timestamp>,
    /// The latest stop of each person, and whether it was confirmed.
    stops: BTreeMap<PersonHash, (Timestamp, Option<OutboxId>)>,
    /// Reminders by window.
    reminders: BTreeMap<(PersonHash, Timestamp), OutboxId>,
    /// Publications by person and revision.
    publications: BTreeMap<(PersonHash, u32), OutboxId>,
    /// Messages that Meta took.
    accepted: BTreeSet<OutboxId>,
    talks: BTreeMap<PersonId, Person>,
}

/// Whether the message carries a question.
pub(crate) fn asks(body: &Body) -> bool {
    match body {
        Body::Buttons { .. } => true,
        Body::Text(_) => false,
    }
}

impl Ledger {
    /// Promise 8: what has been acknowledged before changes nothing when it comes again.
    pub(crate) fn duplicates(&self, state: &State, now: Millis, events: &[Event]) {
        for event in events {
            if let Event::Heard(heard) = event
                && self.heard.contains(&heard.hash.0)
            {
                let decision = decide(state, &rules(), now, event);
                let lasting = decision.changes.iter().any(|change| !matches!(change, Change::Ingress(_)));
                assert!(!lasting && decision.effects.is_empty(), "a duplicate changes something: {decision:?}");
            }
        }
    }

    /// A webhook got its 200: whatever it said has been heard for good.
    pub(crate) fn acknowledged(&mut self, events: &[Event], now: Millis, state: &State) {
        for event in events {
            if let Event::Heard(heard) = event
                && self.heard.insert(heard.hash.0)
            {
                self.said(heard, now, state);
            }
        }
    }

    fn said(&mut self, heard: &Heard, now: Millis, state: &State) {
        let stopped = self.stops.get(&heard.from).is_some_and(|(at, _)| heard.at <= *at);
        let stale = state.clock == Clock::Trusted && heard.at.plus(24 * 3600) <= now.second();
        let counts = match &heard.said {
            Said::Text(_) | Said::Tapped(_) | Said::Other => true,
            Said::Edited(_) => false,
        };
        if counts && !stale && !stopped {
            let latest = self.latest.entry(heard.from).or_insert(heard.at);
            *latest = heard.at.max(*latest);
        }
        if wish(&heard.said).stops(false) && !stopped {
            let row = state.people.find(heard.from).and_then(|id| state.people.get(id));
            // A later "Ja" beats an earlier stop: then the row says so.
            if row.is_none_or(|row| matches!(row.talk, Talk::Stopped { .. })) {
                self.stops.insert(heard.from, (heard.at, None));
            }
        }
    }

    /// Meta took a message.
    pub(crate) fn accepted(&mut self, send: &Send) {
        assert!(self.accepted.insert(send.id), "twice: {send:?}");
    }

    /// The process died: what it believed is what its disk says.
    pub(crate) fn crashed(&mut self) {
        self.talks.clear();
    }

    /// Checks every promise after a step; returns what was seen, for coverage.
    pub(crate) fn observe(&mut self, relay: &Relay, effects: &[Effect], meta: &Meta, load: impl FnOnce() -> State) -> Vec<&'static str> {
        let state = relay.state();
        relay.check();
        assert!(durable(state) == durable(&load()), "memory and the disk image that a power cut would leave disagree");
        let mut seen = Vec::new();
        for effect in effects {
            if let Effect::Send(send) = effect {
                self.leaves(state, send, &mut seen);
            }
        }
        self.windows(state);
        Self::addresses(state);
        self.talks(state, meta, &mut seen);
        seen
    }

    fn leaves(&mut self, state: &State, send: &Send, seen: &mut Vec<&'static str>) {
        let entry = state.outbox.get(send.id).expect("what leaves is in the outbox");
        assert_eq!(entry.stage(), Stage::Leaving, "only what is in flight may leave");
        let person = state.people.get(entry.person).expect("what leaves has a person");
        let hash = person.hash;
        assert_eq!(send.not_after, person.window.closes().minus(5), "not_after is not five seconds before closing");
        let stop = self.stops.get(&hash).copied().filter(|(at, _)| self.latest.get(&hash).is_none_or(|latest| latest <= at));
        if let Some((at, confirmed)) = stop {
            assert_eq!(entry.kind, Kind::Stopped, "after a stop, only its confirmation may leave");
            assert!(confirmed.is_none_or(|id| id == send.id), "a stop was confirmed twice");
            self.stops.insert(hash, (at, Some(send.id)));
        }
        if entry.kind == Kind::Reminder {
            seen.push("reminder");
            let first = *self.reminders.entry((hash, person.window.latest)).or_insert(send.id);
            assert_eq!(first, send.id, "a second reminder in one window");
        }
        if entry.kind == Kind::Publication {
            seen.push("publication");
            let first = *self.publications.entry((hash, state.feed.revision())).or_insert(send.id);
            assert_eq!(first, send.id, "the same publication twice");
        }
    }

    /// Promise 1: the window is the maximum over what was acknowledged, and nothing else.
    fn windows(&self, state: &State) {
        for (_, person) in state.people.iter() {
            let live = match person.talk {
                Talk::Asked { .. } | Talk::Subscribed { .. } => true,
                Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => false,
            };
            let latest = self.latest.get(&person.hash).copied().unwrap_or(person.window.latest);
            assert!(!live || person.window.latest >= latest, "a window moved back: {person:?}, heard {latest:?}");
        }
    }

    /// Promise 10: an address is kept while the window may be open, and for the confirmation of a stop.
    fn addresses(state: &State) {
        for id in state.addresses.keys() {
            let person = state.people.get(*id).expect("an address belongs to a person");
            let wanted = match person.talk {
                Talk::Asked { .. } | Talk::Subscribed { .. } => true,
                Talk::Stopped { .. } => state.outbox.of(*id).any(|(_, entry)| entry.stage() != Stage::Gone),
                Talk::Lapsed { .. } | Talk::Orphaned { .. } => false,
            };
            assert!(wanted, "an address is kept without need: {person:?}");
        }
    }

    /// Promise 5: lapsed is said only of someone to whom Meta took a question in that window.
    fn talks(&mut self, state: &State, meta: &Meta, seen: &mut Vec<&'static str>) {
        let now: BTreeMap<PersonId, Person> = state.people.iter().map(|(id, person)| (id, person.clone())).collect();
        for (id, person) in &now {
            let before = self.talks.get(id);
            match (&person.talk, before.map(|before| &before.talk)) {
                (Talk::Lapsed { .. }, Some(Talk::Subscribed { .. })) => {
                    seen.push("lapsed");
                    assert!(meta.asked_since(person.hash, person.window.latest), "lapsed without a question: {person:?}");
                }
                (Talk::Orphaned { .. }, Some(Talk::Subscribed { .. })) => seen.push("orphaned"),
                (Talk::Subscribed { .. }, Some(Talk::Lapsed { .. })) => seen.push("lapsed, and back"),
                (Talk::Subscribed { .. }, Some(Talk::Orphaned { .. })) => seen.push("orphaned, and back"),
                (Talk::Subscribed { .. }, Some(Talk::Asked { .. })) => seen.push("subscribed"),
                (Talk::Stopped { .. }, Some(Talk::Subscribed { .. })) => seen.push("stopped"),
                _ => {}
            }
        }
        self.talks = now;
    }
}

/// What of a state the disk must know.
pub(crate) fn durable(state: &State) -> State {
    State { clock: Clock::default(), ingress: None, bucket: drk_relay::domain::pacing::Bucket::default(), ..state.clone() }
}
