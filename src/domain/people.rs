//! Everyone we know, by number and by hash, and the line of those who wait for a place. Knows nobody's address and decides nothing.

use super::conversation::{Person, Talk};
use super::ids::{PersonHash, PersonId};
use super::pages::Pages;
use super::time::Timestamp;
use std::collections::BTreeSet;

/// People by dense number, found by hash.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct People {
    rows: Vec<Option<Person>>,
    free: BTreeSet<PersonId>,
    /// By half of the hash and by half of the alias; the rows know the rest.
    by_hash: Pages<(u32, PersonId)>,
    /// Who waits for a place, in the order in which they asked for it.
    line: BTreeSet<(Timestamp, PersonId)>,
    /// Who has said something and waits for an answer, by when it is due.
    paused: BTreeSet<(Timestamp, PersonId)>,
    /// Places taken.
    admitted: usize,
    known: usize,
}

impl People {
    /// The person's row.
    pub fn get(&self, id: PersonId) -> Option<&Person> {
        self.rows.get(id.0 as usize)?.as_ref()
    }

    /// The person with this hash or alias.
    pub fn find(&self, hash: PersonHash) -> Option<PersonId> {
        let half = half(hash);
        let mut alike = self.by_hash.from((half, PersonId(0))).take_while(|((other, _), ())| *other == half).map(|((_, id), ())| *id);
        alike.find(|id| self.get(*id).is_some_and(|person| person.hash == hash || person.alias == Some(hash)))
    }

    /// The lowest number that nobody has.
    pub fn next_id(&self) -> PersonId {
        let end = PersonId(u32::try_from(self.rows.len()).unwrap_or(u32::MAX));
        self.free.first().copied().unwrap_or(end)
    }

    /// Everyone, by number.
    pub fn iter(&self) -> impl Iterator<Item = (PersonId, &Person)> {
        (0..).zip(&self.rows).filter_map(|(id, row)| row.as_ref().map(|person| (PersonId(id), person)))
    }

    /// How many people are known.
    pub fn len(&self) -> usize {
        self.known
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.known == 0
    }

    /// Places taken: by subscribers, by those who may take their subscription up again, and by those to whom a place is offered.
    pub fn admitted(&self) -> usize {
        self.admitted
    }

    /// Who waits for an answer, and when it is due.
    pub fn paused(&self) -> impl Iterator<Item = (Timestamp, PersonId)> {
        self.paused.iter().copied()
    }

    /// Who waits for a place, first come, first served.
    pub fn line(&self) -> impl Iterator<Item = PersonId> {
        self.line.iter().map(|(_, id)| *id)
    }

    pub(super) fn set(&mut self, id: PersonId, person: Option<Person>) {
        let index = id.0 as usize;
        if let Some(old) = self.rows.get(index).and_then(Option::as_ref).cloned() {
            self.unindex(id, &old);
        }
        if let Some(new) = &person {
            if self.rows.len() == self.rows.capacity() {
                self.rows.reserve_exact((self.rows.len() / 8).max(16));
            }
            while self.rows.len() <= index {
                self.free.insert(PersonId(u32::try_from(self.rows.len()).unwrap_or(u32::MAX)));
                self.rows.push(None);
            }
            self.index(id, new);
            self.free.remove(&id);
        } else if index < self.rows.len() {
            self.free.insert(id);
        }
        if let Some(row) = self.rows.get_mut(index) {
            *row = person;
        }
        self.trim();
    }

    fn index(&mut self, id: PersonId, person: &Person) {
        for hash in [Some(person.hash), person.alias].into_iter().flatten() {
            self.by_hash.insert((half(hash), id), ());
        }
        self.line.extend(in_line(person).map(|since| (since, id)));
        self.paused.extend(person.burst.as_ref().map(|burst| (burst.until, id)));
        self.admitted += usize::from(person.talk.is_admitted());
        self.known += 1;
    }

    fn unindex(&mut self, id: PersonId, person: &Person) {
        for hash in [Some(person.hash), person.alias].into_iter().flatten() {
            self.by_hash.remove((half(hash), id));
        }
        if let Some(since) = in_line(person) {
            self.line.remove(&(since, id));
        }
        if let Some(burst) = &person.burst {
            self.paused.remove(&(burst.until, id));
        }
        self.admitted -= usize::from(person.talk.is_admitted());
        self.known -= 1;
    }

    /// Free numbers at the end are dropped, so that memory rebuilt from disk equals memory that lived through it.
    fn trim(&mut self) {
        while let Some(None) = self.rows.last() {
            self.rows.pop();
            self.free.pop_last();
        }
    }

    pub(super) fn check(&self) {
        let mut fresh = People::default();
        for (id, person) in self.iter() {
            fresh.set(id, Some(person.clone()));
        }
        assert!(*self == fresh, "an index of people does not agree with the rows");
    }
}

/// Half of a hash tells a million people apart but for some hundred pairs, and takes half the room.
fn half(hash: PersonHash) -> u32 {
    hash.0 as u32
}

fn in_line(person: &Person) -> Option<Timestamp> {
    match person.talk {
        Talk::Waiting { since, offered: false, .. } => Some(since),
        Talk::Waiting { offered: true, .. } | Talk::New | Talk::Asked { .. } | Talk::Subscribed { .. } => None,
        Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => None,
    }
}
