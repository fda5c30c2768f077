//! All messages on their way, and the orders in which they are asked for. Decides nothing: what is to happen to a message is said by the
//! outbox and by the conversation.

use super::SLOTS;
use super::entry::{Class, Delivery, Entry, Stage};
use crate::domain::ids::{OutboxId, PersonId, WamidHash};
use crate::domain::pages::Pages;
use crate::domain::time::Timestamp;
use std::collections::BTreeSet;

/// All messages, and the orders in which they are asked for. The indexes are derived: [`Outbox::check`] says how.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outbox {
    entries: Pages<OutboxId, Entry>,
    by_person: Pages<(PersonId, OutboxId)>,
    /// By half of the wamid's hash; the entries know the rest.
    by_wamid: Pages<(u32, OutboxId)>,
    wakes: Pages<(Timestamp, OutboxId)>,
    /// The oldest waiting message of every person who has none in flight, unless it rests: by class, then by whose window closes first,
    /// then by what was written down first.
    ready: BTreeSet<(Class, Timestamp, OutboxId)>,
    /// The same by whose window closes first.
    closing: BTreeSet<(Timestamp, Class, OutboxId)>,
    /// Figures that may go once more, by since when their outcome is unknown.
    doubtful: BTreeSet<(Timestamp, OutboxId)>,
    /// Messages that wait, by class.
    waiting: [usize; Class::ALL.len()],
    in_flight: usize,
}

impl Outbox {
    /// The message.
    pub fn get(&self, id: OutboxId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// The message that Meta knows by this wamid.
    pub fn find(&self, wamid: WamidHash) -> Option<OutboxId> {
        let half = half(wamid);
        let mut alike = self.by_wamid.from((half, OutboxId(0))).take_while(|((other, _), ())| *other == half).map(|((_, id), ())| *id);
        alike.find(|id| self.get(*id).is_some_and(|entry| entry.wamid() == Some(wamid)))
    }

    /// All messages, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (OutboxId, &Entry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    /// One person's messages, oldest first.
    pub fn of(&self, person: PersonId) -> impl Iterator<Item = (OutboxId, &Entry)> {
        let ids = self.by_person.from((person, OutboxId(0))).map(|(key, ())| *key).take_while(move |(other, _)| *other == person);
        ids.filter_map(|(_, id)| self.entries.get(id).map(|entry| (id, entry)))
    }

    /// Messages that wait.
    pub fn queued(&self) -> usize {
        self.waiting.iter().sum()
    }

    /// Messages that wait and leave before figures do.
    pub fn queued_before_figures(&self) -> usize {
        self.queued() - self.waiting[Class::Figures as usize]
    }

    /// Messages that wait, and that nobody waits for: reminders and figures.
    pub fn queued_unasked(&self) -> usize {
        self.queued() - self.waiting[Class::Answer as usize]
    }

    /// Messages that could leave now, but for slots and tokens.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Which messages leave next. Those whose window closes at `urgent` or before come first, the earliest closing in front; then answers,
    /// reminders and figures, in each of these the earliest closing.
    pub fn next(&self, urgent: Timestamp) -> impl Iterator<Item = OutboxId> {
        let closing = self.closing.iter().take_while(move |(closes, ..)| *closes <= urgent).map(|(.., id)| *id);
        closing.chain(self.ready.iter().filter(move |(_, closes, _)| *closes > urgent).map(|(.., id)| *id))
    }

    /// When the first message needs a turn by itself.
    pub fn wakes(&self) -> Option<Timestamp> {
        self.wakes.first().map(|((at, _), ())| *at)
    }

    /// Messages that need a turn at `now`, the earliest first.
    pub fn woken(&self, now: Timestamp) -> impl Iterator<Item = (OutboxId, &Entry)> {
        let woken = self.wakes.iter().map(|(key, ())| *key).take_while(move |(at, _)| *at <= now);
        woken.filter_map(|(_, id)| self.entries.get(id).map(|entry| (id, entry)))
    }

    /// Figures that may go once more, by since when their outcome is unknown.
    pub fn doubtful(&self) -> impl Iterator<Item = (Timestamp, OutboxId)> {
        self.doubtful.iter().copied()
    }

    /// Messages handed to the port.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Sets one row; `None` removes it. Keeps every index.
    pub fn set(&mut self, id: OutboxId, entry: Option<Entry>) {
        let old = self.entries.get(id).copied();
        let people: BTreeSet<PersonId> = old.iter().chain(&entry).map(|entry| entry.person).collect();
        people.iter().for_each(|person| self.unready(*person));
        if let Some(old) = old {
            self.entries.remove(id);
            self.unindex(id, &old);
        }
        if let Some(new) = entry {
            self.entries.insert(id, new);
            self.index(id, &new);
        }
        for person in people {
            if let Some((id, entry)) = self.eligible(person) {
                self.ready.insert((entry.kind.class(), entry.closes, id));
                self.closing.insert((entry.closes, entry.kind.class(), id));
            }
        }
    }

    fn index(&mut self, id: OutboxId, entry: &Entry) {
        self.by_person.insert((entry.person, id), ());
        if let Some(wamid) = entry.wamid() {
            self.by_wamid.insert((half(wamid), id), ());
        }
        if let Some(at) = entry.wakes() {
            self.wakes.insert((at, id), ());
        }
        self.doubtful.extend(entry.repeatable().map(|since| (since, id)));
        self.waiting[entry.kind.class() as usize] += usize::from(entry.stage() == Stage::Waiting);
        self.in_flight += usize::from(entry.stage() == Stage::Leaving);
    }

    fn unindex(&mut self, id: OutboxId, entry: &Entry) {
        self.by_person.remove((entry.person, id));
        if let Some(wamid) = entry.wamid() {
            self.by_wamid.remove((half(wamid), id));
        }
        if let Some(at) = entry.wakes() {
            self.wakes.remove((at, id));
        }
        if let Some(since) = entry.repeatable() {
            self.doubtful.remove(&(since, id));
        }
        self.waiting[entry.kind.class() as usize] -= usize::from(entry.stage() == Stage::Waiting);
        self.in_flight -= usize::from(entry.stage() == Stage::Leaving);
    }

    fn unready(&mut self, person: PersonId) {
        if let Some((id, entry)) = self.eligible(person) {
            self.ready.remove(&(entry.kind.class(), entry.closes, id));
            self.closing.remove(&(entry.closes, entry.kind.class(), id));
        }
    }

    /// The person's message that could leave now.
    fn eligible(&self, person: PersonId) -> Option<(OutboxId, Entry)> {
        if self.of(person).any(|(_, entry)| entry.stage() == Stage::Leaving) {
            return None;
        }
        let (id, first) = self.of(person).find(|(_, entry)| entry.stage() == Stage::Waiting)?;
        match first.delivery {
            Delivery::Queued { .. } => Some((id, *first)),
            Delivery::Resting { .. } | Delivery::InFlight { .. } | Delivery::Unknown { .. } => None,
            Delivery::Accepted { .. } | Delivery::Delivered { .. } | Delivery::Failed { .. } => None,
        }
    }

    /// Asserts that every index says what the rows say.
    pub fn check(&self) {
        let mut fresh = Outbox::default();
        for (id, entry) in self.iter() {
            fresh.set(id, Some(*entry));
        }
        assert_eq!(*self, fresh, "an index of the outbox does not agree with its rows");
        assert!(self.in_flight <= SLOTS, "{} messages in flight, {SLOTS} allowed", self.in_flight);
    }
}

/// Half of a hash tells a day's messages apart but for a few, and takes half the room.
fn half(wamid: WamidHash) -> u32 {
    wamid.0 as u32
}
