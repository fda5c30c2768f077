//! What leaves: when, how often, to whom, and what becomes of it. Knows nobody's row but the one that a message is about.

use super::promises::{Ledger, asks};
use drk_relay::domain::conversation::{Person, Talk};
use drk_relay::domain::decision::Send;
use drk_relay::domain::event::Outcome;
use drk_relay::domain::ids::{OutboxId, PersonHash};
use drk_relay::domain::outbox::{Kind, Stage};
use drk_relay::domain::state::State;
use drk_relay::domain::time::{Millis, Timestamp, local};
use jiff::tz::{Offset, TimeZone};
use std::ops::RangeInclusive;

/// Nothing may be written later than so many seconds before the closing, at least and at most: the guard (promise 2).
const GUARD: RangeInclusive<u32> = 5..=30;
/// A reminder may be pulled earlier by what the planned rate requires (80 % of the rate, promise 4), and by this many seconds.
const PULLED: u64 = 5;

/// By whose midnight Meta's months begin is not known: hours from Greenwich.
const ZONES: [i8; 4] = [-8, 0, 1, 2];

/// A message that has left.
pub(super) struct Sent {
    pub(super) to: PersonHash,
    pub(super) publication: bool,
    /// How often Meta took it.
    pub(super) accepted: u8,
    /// The port has it and has not answered yet.
    pub(super) on_its_way: bool,
    /// The relay was told that its outcome is unknown, or died while it was on its way.
    pub(super) unknown: bool,
}

impl Ledger {
    /// Meta took a message; whether it has taken it before. Promise 8: only figures, and only once more, if nobody knew what became of
    /// them.
    pub(crate) fn accepted(&mut self, send: &Send, now: Millis) -> bool {
        self.spends(now);
        let sent = self.sent.get_mut(&send.id).expect("it has left");
        sent.accepted += 1;
        if asks(&send.body) {
            self.questions.insert(sent.to, now.second());
        }
        assert!(sent.accepted == 1 || (sent.accepted == 2 && sent.publication && sent.unknown), "twice: {send:?}");
        sent.accepted > 1
    }

    /// Promise 9: in whatever time zone a month begins, no more leave in it than are allowed.
    fn spends(&mut self, now: Millis) {
        for hours in ZONES {
            let local = local(now, &TimeZone::fixed(Offset::constant(hours)));
            let spent = self.spent.entry((hours, local.year(), local.month())).or_default();
            *spent += 1;
            let cap = self.rules.monthly_messages;
            let kept = self.excuses.has_been_lied_to() || cap.is_none_or(|cap| *spent <= cap);
            assert!(kept, "{spent} messages in {}-{}, {cap:?} allowed", local.year(), local.month());
        }
    }

    /// A message was refused, lost or too late.
    pub(crate) fn troubled(&mut self, id: OutboxId, at: Timestamp) {
        if let Some(sent) = self.sent.get(&id) {
            self.excuses.troubled(sent.to, at);
        }
    }

    pub(super) fn answered(&mut self, id: OutboxId, outcome: Outcome) {
        if let Some(sent) = self.sent.get_mut(&id) {
            sent.on_its_way = false;
            sent.unknown |= outcome == Outcome::Unknown;
        }
    }

    pub(super) fn leaves(&mut self, state: &State, send: &Send, now: Millis, seen: &mut Vec<&'static str>) {
        let entry = state.outbox.get(send.id).expect("what leaves is in the outbox");
        assert_eq!(entry.stage(), Stage::Leaving, "only what is in flight may leave");
        let person = state.people.get(entry.person).expect("what leaves has a person");
        let name = self.name(person.hash);
        let guard = person.window.closes().since(send.not_after);
        assert!(GUARD.contains(&guard), "not_after is not five to thirty seconds before closing, but {guard}");
        let publication = entry.kind.is_publication();
        let sent = self.sent.entry(send.id).or_insert(Sent { to: name, publication, accepted: 0, on_its_way: true, unknown: false });
        sent.on_its_way = true;
        if let Some(stop) = self.stops.get_mut(&name).filter(|stop| !stop.over) {
            assert_eq!(entry.kind, Kind::Stopped, "after a stop at {:?}, only its confirmation may leave: {person:?}", stop.at);
            assert!(stop.confirmed.is_none_or(|id| id == send.id), "a stop was confirmed twice: {:?} at {:?}", stop.confirmed, stop.at);
            stop.confirmed = Some(send.id);
        }
        if entry.kind == Kind::Reminder {
            seen.push("reminder");
            let known = self.reminders.insert((name, person.window.latest), send.id);
            assert!(known.is_none_or(|first| first == send.id), "a second reminder in one window");
            assert!(matches!(person.talk, Talk::Subscribed { .. }), "a reminder to someone who has not subscribed: {person:?}");
            let pulled = self.people * 5 / (u64::from(self.rules.rate) * 4) + PULLED;
            let earliest = person.window.latest.plus(24 * 3600 - 60).minus(u32::try_from(pulled).unwrap_or(u32::MAX));
            // One that is tried again may be tried after the clock has been set back.
            assert!(known.is_some() || now.second() >= earliest, "a reminder too early: {person:?} at {now:?}");
            // When something was accepted nobody knows after a clock has lied by hours: then a question too many is better than none.
            let spared = self.silence.published(name, person.window.latest) && !self.excuses.has_been_lied_to();
            assert!(!spared, "a reminder after a publication: {person:?}");
        }
        if let Kind::Publication { since } = entry.kind {
            seen.push("publication");
            self.publication(state, send, person, since, seen);
        }
        if entry.kind == Kind::Hint {
            seen.push("hint");
            let first = *self.hints.entry((name, person.window.latest)).or_insert(send.id);
            assert_eq!(first, send.id, "a second hint in one window");
        }
        if asks(&send.body) {
            self.silence.left(send.id, name, entry.kind, now.second());
        }
    }

    fn publication(&mut self, state: &State, send: &Send, person: &Person, since: u32, seen: &mut Vec<&'static str>) {
        let name = self.name(person.hash);
        let feeds = person.talk.subscription().map(|subscription| subscription.feeds).unwrap_or_default();
        let shown: Vec<_> = state.feeds.iter().filter(|(id, feed)| feeds.contains(**id) && feed.revision() > since).collect();
        seen.extend((shown.len() > 1).then_some("two feeds in one publication"));
        assert!(!shown.is_empty(), "a publication without news");
        for (_, feed) in shown {
            // What never reached Meta, and was too late then, may be made up for; what nobody knows of, once.
            let key = (name, feed.revision());
            let before = self.publications.insert(key, send.id).filter(|id| *id != send.id).and_then(|id| self.sent.get(&id));
            let twice = before.is_some_and(|before| before.accepted > 0);
            let pardoned = twice && before.is_some_and(|before| before.unknown) && self.repeated.insert(key);
            assert!(!twice || pardoned, "the same publication twice: revision {}, {:?}", feed.revision(), send.id);
        }
    }

    /// Promise 3: as fast as permitted, and no faster: a second's messages and the few that a full bucket holds.
    pub(super) fn paced(&mut self, now: Millis) {
        self.left.retain(|at| now.since(*at) < 1_000);
        self.left.push(now);
        assert!(self.left.len() <= self.rules.rate as usize + 10, "faster than permitted: {} messages in a second", self.left.len());
    }
}
