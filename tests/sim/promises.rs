//! The promises, checked after every step from what the world knows and not from what the relay believes. Decides nothing for the relay.

use super::silence::Silence;
use super::world::rules;
use drk_relay::domain::conversation::{Person, Talk};
use drk_relay::domain::decide;
use drk_relay::domain::decision::{Body, Change, Effect, Send};
use drk_relay::domain::event::{Event, Figure, Heard, Said};
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::{FeedId, Name, OutboxId, PersonHash};
use drk_relay::domain::outbox::{Kind, Stage};
use drk_relay::domain::rewrite::Rewrite;
use drk_relay::domain::state::{Clock, State};
use drk_relay::domain::time::{Day, Millis, Timestamp};
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
    /// The latest "Ja" of each person.
    yes: BTreeMap<PersonHash, Timestamp>,
    /// The latest stop of each person that counted.
    stops: BTreeMap<PersonHash, Stop>,
    /// Reminders by window.
    reminders: BTreeMap<(PersonHash, Timestamp), OutboxId>,
    /// Publications by person and revision.
    publications: BTreeMap<(PersonHash, u32), OutboxId>,
    /// Messages that Meta took.
    accepted: BTreeSet<OutboxId>,
    /// The newest day that there were figures of, by feed.
    newest: BTreeMap<FeedId, Day>,
    /// Questions that have left, and what the relay was told of them.
    pub(super) silence: Silence,
    /// When messages left, since the last restart or clock step.
    left: Vec<Millis>,
    /// Hints by window.
    hints: BTreeMap<(PersonHash, Timestamp), OutboxId>,
    /// Places that the budget pays for.
    places: Option<usize>,
    /// Everyone's row before the present step.
    talks: BTreeMap<PersonHash, Person>,
}

/// Messages this close together, in seconds, may be one burst.
const BURST: u32 = 6;

/// Somebody said stop.
#[derive(Clone, Copy)]
struct Stop {
    at: Timestamp,
    confirmed: Option<OutboxId>,
    /// They have written something later since, that may be answered.
    over: bool,
}

/// Whether the message carries a question.
pub(crate) fn asks(body: &Body) -> bool {
    match body {
        Body::Buttons { .. } | Body::List { .. } => true,
        Body::Text(_) => false,
    }
}

impl Ledger {
    /// A ledger for a branch with so many places.
    pub(crate) fn with_places(places: Option<usize>) -> Ledger {
        Ledger { places, ..Ledger::default() }
    }

    /// Before a step. Promise 8: what has been acknowledged before changes nothing when it comes again, and what is older than a day sends
    /// nothing and subscribes nobody.
    pub(crate) fn before(&mut self, state: &State, now: Millis, events: &[Event]) {
        self.talks = state.people.iter().map(|(_, person)| (person.hash, person.clone())).collect();
        for event in events {
            let Event::Heard(heard) = event else { continue };
            if self.heard.contains(&heard.hash.0) {
                changes_nothing(state, now, event);
            } else if is_stale(state, now, heard) && !wish(state, &rules(), &heard.said).stops(true) {
                let decision = decide(state, &rules(), now, event);
                let revives = decision.changes.iter().any(|change| self.revives(change));
                assert!(!revives && decision.effects.is_empty(), "a message more than a day old has an effect: {decision:?}");
            }
        }
    }

    fn revives(&self, change: &Change) -> bool {
        match change {
            Change::Person(_, row) => live(row) && !self.talks.get(&row.hash).is_some_and(live),
            Change::Outbox(..) => true,
            Change::Forget(_) | Change::Address(..) | Change::ForgetAddress(_) | Change::ForgetOutbox(_) | Change::Feed(..) => false,
            Change::ForgetFeed(_) => false,
            Change::Notice(_) | Change::Hold(_) | Change::Wording(..) | Change::ForgetWording(_) | Change::Counters(_) => false,
            Change::Rewritten(_) | Change::Rewrite(_) => false,
            Change::Seen(..) | Change::ForgetSeen(_) | Change::Unread(..) | Change::Trusted | Change::Ingress(_) | Change::Paced(_) => {
                false
            }
        }
    }

    /// After a commit. Promise 7: a webhook got its 200, a publish its PUBACK, so whatever they said has been heard for good.
    pub(crate) fn acknowledged(&mut self, events: &[Event], effects: &[Effect], now: Millis, state: &State) {
        self.silence.told(events, now);
        for event in events {
            match event {
                Event::Heard(heard) if self.heard.insert(heard.hash.0) => self.said(heard, now, state),
                Event::Figure(figure) => self.published(figure, now, state),
                Event::Heard(_) | Event::Status(_) | Event::Moved(_) => {}
                Event::Account(_) | Event::Proof => continue,
                Event::Started | Event::ClockTrusted | Event::Sent { .. } | Event::Due(_) => continue,
                Event::Rewritten | Event::RewriteFailed => continue,
            }
            changes_nothing(state, now, event);
        }
        // While the clock is not trusted nobody knows which day is in the future, and which it is.
        for (id, feed) in &state.feeds {
            let days = [feed.settling.as_ref().map(|settling| settling.as_of), feed.current.as_ref().map(|current| current.as_of)];
            let newest = days.into_iter().flatten().max();
            self.newest.extend(newest.map(|newest| (*id, newest)));
        }
        let wanted = events.iter().filter(|event| matches!(event, Event::Figure(Figure { receipt: Some(_), .. }))).count();
        let receipts = effects.iter().filter(|effect| matches!(effect, Effect::Receipt(_))).count();
        assert_eq!(receipts, wanted, "a publisher waits for a receipt, or gets two");
    }

    fn said(&mut self, heard: &Heard, now: Millis, state: &State) {
        let from = heard.from.hash;
        let before = self.talks.get(&from);
        let stop = self.stops.get(&from).copied().filter(|stop| !stop.over && before.is_some());
        let stale = is_stale(state, now, heard);
        let wish = wish(state, &rules(), &heard.said);
        let would_stop = wish.stops(before.is_some());
        // Within one burst a stop is the strongest thing.
        let outdone = stop.is_some_and(|stop| heard.at <= stop.at.plus(if would_stop { 0 } else { BURST }));
        let stops = would_stop && !outdone && !self.outlived(heard, before);
        let counts = match &heard.said {
            Said::Text(_) | Said::Tapped(_) | Said::Other => !stale && !outdone,
            Said::Edited(_) | Said::Reacted(_) => false,
        };
        if counts {
            raise(&mut self.latest, heard);
        }
        if counts && wish.is_yes() {
            raise(&mut self.yes, heard);
        }
        if stops {
            let row = state.people.find(from).and_then(|id| state.people.get(id));
            assert!(row.is_none_or(is_stopped), "a stop was not obeyed: {heard:?}, {row:?}");
            let confirmed = stop.and_then(|stop| stop.confirmed);
            self.stops.insert(from, Stop { at: heard.at, confirmed, over: false });
        } else if counts && let Some(stop) = self.stops.get_mut(&from) {
            stop.over = true;
        }
    }

    /// Promise 6: the later timestamp wins. To someone who has agreed to nothing, whatever they wrote later.
    fn outlived(&self, heard: &Heard, before: Option<&Person>) -> bool {
        let Some(person) = before else { return false };
        if let Some(burst) = person.burst {
            return burst.wish.is_yes() && heard.at.plus(BURST) < burst.at;
        }
        let open = matches!(person.talk, Talk::New | Talk::Asked { .. } | Talk::Waiting { .. });
        let agreed = person.talk.subscription().is_some() && self.yes.get(&person.hash).is_some_and(|yes| heard.at < *yes);
        (open && heard.at < person.window.latest) || agreed
    }

    /// Figures of a day that is not older than any before, and not in the future, are kept.
    fn published(&mut self, figure: &Figure, now: Millis, state: &State) {
        let today = rules().today(now);
        let as_of = figure.as_of.unwrap_or(today);
        let (id, feed) = state.feed(&figure.feed).expect("every feed of the configuration is known");
        let values = feed.settling.as_ref().map(|settling| (settling.as_of, &settling.values));
        let values = values.or(feed.current.as_ref().map(|current| (current.as_of, &current.values)));
        if state.clock == Clock::Trusted && as_of.0 <= today.0 + 1 && self.newest.get(&id).is_none_or(|newest| as_of >= *newest) {
            let says = |values: &BTreeMap<Name, Value>| figure.values.iter().all(|(name, value)| values.get(name) == Some(value));
            assert!(values.is_some_and(|(day, values)| day == as_of && says(values)), "an acknowledged figure is nowhere: {figure:?}");
        }
    }

    /// Meta took a message.
    pub(crate) fn accepted(&mut self, send: &Send) {
        assert!(self.accepted.insert(send.id), "twice: {send:?}");
    }

    /// The process died: what it believed is what its disk says.
    pub(crate) fn crashed(&mut self) {
        self.silence.deaf();
        self.left.clear();
    }

    /// The relay's clock was stepped: it may believe that more time has passed.
    pub(crate) fn clock_stepped(&mut self) {
        self.left.clear();
    }

    /// Checks every promise after a step; returns what was seen, for coverage.
    pub(crate) fn observe(&mut self, relay: &Relay, effects: &[Effect], now: Millis, load: impl FnOnce() -> State) -> Vec<&'static str> {
        let state = relay.state();
        relay.check();
        assert!(durable(state) == durable(&load()), "memory and the disk image that a power cut would leave disagree");
        let mut seen = Vec::new();
        for effect in effects {
            if let Effect::Send(send) = effect {
                self.leaves(state, send, now, &mut seen);
                self.paced(now);
            }
        }
        let sends = effects.iter().filter(|effect| matches!(effect, Effect::Send(_))).count();
        if state.hold.is_some() && sends > 0 {
            seen.push("probe");
            assert_eq!(state.outbox.in_flight(), 1, "more than a probe leaves while sending is held");
        }
        // Promise 9: whoever is beyond the budget waits.
        let admitted = state.people.admitted();
        assert!(self.places.is_none_or(|places| admitted <= places), "{admitted} places are taken");
        self.windows(state, now);
        Self::addresses(state);
        self.turns(state, now, &mut seen);
        seen
    }

    fn leaves(&mut self, state: &State, send: &Send, now: Millis, seen: &mut Vec<&'static str>) {
        let entry = state.outbox.get(send.id).expect("what leaves is in the outbox");
        assert_eq!(entry.stage(), Stage::Leaving, "only what is in flight may leave");
        let person = state.people.get(entry.person).expect("what leaves has a person");
        let hash = person.hash;
        assert_eq!(send.not_after, person.window.closes().minus(5), "not_after is not five seconds before closing");
        if let Some(stop) = self.stops.get_mut(&hash).filter(|stop| !stop.over) {
            assert_eq!(entry.kind, Kind::Stopped, "after a stop, only its confirmation may leave");
            assert!(stop.confirmed.is_none_or(|id| id == send.id), "a stop was confirmed twice");
            stop.confirmed = Some(send.id);
        }
        if entry.kind == Kind::Reminder {
            seen.push("reminder");
            let first = *self.reminders.entry((hash, person.window.latest)).or_insert(send.id);
            assert_eq!(first, send.id, "a second reminder in one window");
            assert!(matches!(person.talk, Talk::Subscribed { .. }), "a reminder to someone who has not subscribed: {person:?}");
            // It may be pulled earlier by what the rate requires: for so few people, seconds.
            assert!(now.second() >= person.window.latest.plus(24 * 3600 - 120), "a reminder too early: {person:?} at {now:?}");
            assert!(!self.silence.published(hash, person.window.latest), "a reminder after a publication: {person:?}");
        }
        if let Kind::Publication { since } = entry.kind {
            seen.push("publication");
            let feeds = person.talk.subscription().map(|subscription| subscription.feeds).unwrap_or_default();
            let shown: Vec<_> = state.feeds.iter().filter(|(id, feed)| feeds.contains(**id) && feed.revision() > since).collect();
            seen.extend((shown.len() > 1).then_some("two feeds in one publication"));
            assert!(!shown.is_empty(), "a publication without news");
            for (_, feed) in shown {
                // What never reached Meta, and was too late then, may be made up for.
                let before = self.publications.insert((hash, feed.revision()), send.id);
                let twice = before.is_some_and(|id| id != send.id && self.accepted.contains(&id));
                assert!(!twice, "the same publication twice: {before:?}, {:?}", send.id);
            }
        }
        if entry.kind == Kind::Hint {
            seen.push("hint");
            let first = *self.hints.entry((hash, person.window.latest)).or_insert(send.id);
            assert_eq!(first, send.id, "a second hint in one window");
        }
        if asks(&send.body) {
            self.silence.left(send.id, hash, entry.kind);
        }
    }

    /// Promise 3: as fast as permitted, and no faster: a second's messages and the few that a full bucket holds.
    fn paced(&mut self, now: Millis) {
        self.left.retain(|at| now.since(*at) < 1_000);
        self.left.push(now);
        assert!(self.left.len() <= rules().rate as usize + 10, "faster than permitted: {} messages in a second", self.left.len());
    }

    /// Promise 1: the window is the maximum over what was acknowledged, and nothing else. One that is closed may be told so.
    fn windows(&mut self, state: &State, now: Millis) {
        self.latest.retain(|hash, _| state.people.find(*hash).is_some());
        for (_, person) in state.people.iter().filter(|(_, person)| live(person)) {
            let (latest, heard) = (person.window.latest, self.latest.get(&person.hash).copied());
            assert!(heard.is_none_or(|heard| latest >= heard), "a window moved back: {person:?}, heard {heard:?}");
            let closed = state.clock == Clock::Trusted && latest.plus(24 * 3600) <= now.second();
            assert!(closed || heard == Some(latest), "a window that nobody opened: {person:?}, heard {heard:?}");
        }
    }

    /// Promise 10: an address is kept while the window may be open, and for the confirmation of a stop.
    fn addresses(state: &State) {
        for id in state.addresses.keys() {
            let person = state.people.get(*id).expect("an address belongs to a person");
            let wanted = match person.talk {
                _ if person.burst.is_some() => true,
                Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. } => true,
                Talk::Stopped { .. } => state.outbox.of(*id).any(|(_, entry)| entry.stage() != Stage::Gone),
                Talk::Lapsed { .. } | Talk::Orphaned { .. } => false,
            };
            assert!(wanted, "an address is kept without need: {person:?}");
        }
    }

    /// Promise 5: who was silent has lapsed, and only they; nobody is forgotten.
    fn turns(&mut self, state: &State, now: Millis, seen: &mut Vec<&'static str>) {
        for before in self.talks.values() {
            let row = state.people.find(before.hash).and_then(|id| state.people.get(id));
            if row.is_none_or(|row| !live(row)) {
                let ours = self.silence.ours(before, now);
                match (&before.talk, row.map(|row| &row.talk)) {
                    (Talk::Subscribed { .. }, Some(Talk::Lapsed { .. })) => {
                        seen.push("lapsed");
                        assert_ne!(ours, Some(true), "lapsed, and it may have been our fault: {row:?} at {now:?}");
                    }
                    (Talk::Subscribed { .. }, Some(Talk::Orphaned { .. })) => {
                        seen.push("orphaned");
                        assert_ne!(ours, Some(false), "orphaned, and it was not our fault: {row:?} at {now:?}");
                    }
                    (Talk::Subscribed { .. }, Some(Talk::Stopped { .. })) => seen.push("stopped"),
                    (Talk::Subscribed { .. }, None) => {
                        let stopped = self.stops.get(&before.hash).is_some_and(|stop| !stop.over);
                        assert!(stopped, "a subscriber was forgotten: {before:?}");
                    }
                    _ => {}
                }
                self.silence.judged(before.hash);
            }
            match (&before.talk, row.map(|row| &row.talk)) {
                (Talk::Lapsed { .. }, Some(Talk::Subscribed { .. })) => seen.push("lapsed, and back"),
                (Talk::Orphaned { .. }, Some(Talk::Subscribed { .. })) => seen.push("orphaned, and back"),
                (Talk::Asked { .. }, Some(Talk::Subscribed { .. })) => seen.push("subscribed"),
                (Talk::Asked { .. }, Some(Talk::Waiting { offered: false, .. })) => seen.push("no place"),
                (Talk::Waiting { offered: false, .. }, Some(Talk::Waiting { offered: true, .. })) => seen.push("a place"),
                (Talk::Waiting { offered: true, .. }, Some(Talk::Subscribed { .. })) => seen.push("a place, taken"),
                _ => {}
            }
        }
    }
}

/// Whether there is an agreement or an open question.
fn live(person: &Person) -> bool {
    match person.talk {
        Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. } => true,
        Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => false,
    }
}

fn is_stopped(person: &Person) -> bool {
    matches!(person.talk, Talk::Stopped { .. })
}

fn is_stale(state: &State, now: Millis, heard: &Heard) -> bool {
    state.clock == Clock::Trusted && heard.at.plus(24 * 3600) <= now.second()
}

fn raise(latest: &mut BTreeMap<PersonHash, Timestamp>, heard: &Heard) {
    let latest = latest.entry(heard.from.hash).or_insert(heard.at);
    *latest = heard.at.max(*latest);
}

/// The same once more: a receipt and the proof that webhooks arrive may come again, nothing else.
fn changes_nothing(state: &State, now: Millis, event: &Event) {
    let decision = decide(state, &rules(), now, event);
    let changes = decision.changes.iter().any(|change| !matches!(change, Change::Ingress(_)));
    let leaves = decision.effects.iter().any(|effect| !matches!(effect, Effect::Receipt(_)));
    assert!(!changes && !leaves, "a duplicate changes something: {event:?}, {decision:?}");
}

/// What of a state the disk must know.
pub(crate) fn durable(state: &State) -> State {
    let bucket = drk_relay::domain::pacing::Bucket::default();
    State { unread: BTreeMap::new(), clock: Clock::default(), ingress: None, bucket, rewrite: Rewrite::Resting, ..state.clone() }
}
