//! Why somebody may have gone unasked: what the world knows to have stood between the relay and a person while their window was about to
//! close. Without such a reason nobody is forgotten (promise 4).

use drk_relay::domain::ids::PersonHash;
use drk_relay::domain::time::{Millis, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// The reminder is due a minute before the closing, and is on its way for some seconds; what hinders the relay in the last two minutes
/// is a reason.
const LAST: u32 = 120;
/// Nobody is judged later than this after their closing.
const KEPT: u64 = 3 * 86_400_000;

/// What hindered the relay, in true time.
#[derive(Default)]
pub(crate) struct Excuses {
    /// The last time that a message to this person was refused, lost or too late.
    troubled: BTreeMap<PersonHash, Timestamp>,
    /// When the relay learned of this person's present window, or agreement.
    learned: BTreeMap<PersonHash, Timestamp>,
    /// When it could not send at all: from, until.
    hindered: VecDeque<(Millis, Millis)>,
    /// It cannot at present, since then.
    since: Option<Millis>,
    /// Its clock has lied to it, so verdicts of this life prove nothing.
    lied: bool,
}

impl Excuses {
    /// A message to this person was refused, lost or too late.
    pub(crate) fn troubled(&mut self, person: PersonHash, at: Timestamp) {
        self.troubled.insert(person, at);
    }

    /// The relay has learned something about this person's window.
    pub(crate) fn learned(&mut self, person: PersonHash, at: Timestamp) {
        self.learned.insert(person, at);
    }

    /// Nothing more is known of this person.
    pub(crate) fn forget(&mut self, person: PersonHash) {
        self.troubled.remove(&person);
        self.learned.remove(&person);
    }

    /// Whether the relay can send: its clock is trusted, and Meta lets our account.
    pub(crate) fn free(&mut self, now: Millis, free: bool) {
        match self.since {
            None if !free => self.since = Some(now),
            Some(since) if free => {
                self.since = None;
                self.absent(since, now);
            }
            None | Some(_) => {}
        }
    }

    /// The relay was not there.
    pub(crate) fn absent(&mut self, from: Millis, until: Millis) {
        self.hindered.push_back((from, until));
        while self.hindered.front().is_some_and(|(_, end)| until.since(*end) > KEPT) {
            self.hindered.pop_front();
        }
    }

    /// The relay trusts a clock that is hours away.
    pub(crate) fn clock_lies(&mut self) {
        self.lied = true;
    }

    /// Whether its clock has ever lied to it.
    pub(crate) fn has_been_lied_to(&self) -> bool {
        self.lied
    }

    /// Whether there is a reason why this person was not asked in the window that began at `latest` and closed at `closes`.
    pub(crate) fn any(&self, person: PersonHash, latest: Timestamp, closes: Timestamp) -> bool {
        let at = |times: &BTreeMap<PersonHash, Timestamp>| times.get(&person).copied();
        let troubled = at(&self.troubled).is_some_and(|at| at >= latest);
        let late = at(&self.learned).is_none_or(|at| at >= closes.minus(LAST));
        let (from, until) = (closes.minus(LAST).millis(), closes.millis());
        let hindered = self.since.is_some_and(|since| since <= until);
        let hindered = hindered || self.hindered.iter().any(|(begin, end)| *begin <= until && *end >= from);
        self.lied || troubled || late || hindered
    }
}
