//! What the phones of loyal people have shown, and the promises about it. Knows of the relay only what it calls its messages.

use super::told::{Point, Telling, Told};
use drk_relay::domain::ids::Name;
use drk_relay::domain::outbox::Kind;
use drk_relay::domain::time::{Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// In time is who got it within this many milliseconds: a broadcast to fifty people takes two seconds.
const IN_TIME: u64 = 60_000;
/// A month has this many milliseconds, on average.
const MONTH: f64 = 30.4375 * 24.0 * 3_600_000.0;

/// A message that Meta has accepted.
pub(super) struct Shown {
    pub(super) person: usize,
    pub(super) kind: Kind,
    /// The figures of the person's feed, if it shows any.
    pub(super) said: Option<Telling>,
    /// When the person last wrote, by Meta's own record.
    pub(super) latest: Timestamp,
    pub(super) at: Millis,
}

/// Everything that was seen.
#[derive(Default)]
pub(super) struct Witness {
    /// When each revision became current, by feed.
    published: BTreeMap<Name, BTreeMap<u32, Millis>>,
    /// Which revisions each person has seen, and when first.
    seen: BTreeMap<usize, BTreeMap<u32, Millis>>,
    /// Windows that had a reminder.
    reminded: BTreeSet<(usize, Timestamp)>,
    messages: u64,
    verdicts: BTreeMap<String, u32>,
    /// What the relay made of each line, by feed and time.
    taken: BTreeMap<(Name, Millis), String>,
    rulings: BTreeMap<String, u32>,
    told: Told,
}

impl Witness {
    /// What the relay made of one line of the file.
    pub(super) fn judged(&mut self, feed: &Name, what: &str, at: Millis) {
        *self.verdicts.entry(what.to_owned()).or_default() += 1;
        self.taken.insert((feed.clone(), at), what.to_owned());
    }

    /// What became of something that was held.
    pub(super) fn ruled(&mut self, what: &str) {
        *self.rulings.entry(what.to_owned()).or_default() += 1;
    }

    /// A human has discarded these values.
    pub(super) fn discarded(&mut self, points: impl IntoIterator<Item = Point>) {
        self.told.discarded(points);
    }

    /// A human says that this feed counts something else now.
    pub(super) fn begins_anew(&mut self, feed: &Name) {
        self.told.begins_anew(feed);
    }

    /// There is a new revision.
    pub(super) fn published(&mut self, feed: &Name, revision: u32, at: Millis) {
        self.published.entry(feed.clone()).or_default().insert(revision, at);
        self.told.published(feed, revision);
    }

    /// Meta has accepted a message; that the window was open, it has checked itself.
    ///
    /// # Panics
    /// At the second reminder of a window (promise 4), and if somebody is sent a publication that they have (promise 8).
    pub(super) fn shown(&mut self, shown: Shown) {
        let Shown { person, kind, said, latest, at } = shown;
        self.messages += 1;
        if kind == Kind::Reminder {
            assert!(self.reminded.insert((person, latest)), "a second reminder in the window from {latest:?}: person {person} at {at:?}");
        }
        if let Some(said) = said {
            let revision = said.revision;
            let previous = self.published.get(&said.feed).and_then(|known| known.range(..revision).next_back());
            self.told.tell(person, said, previous.map(|(before, _)| *before));
            let before = self.seen.entry(person).or_default().insert(revision, at);
            assert!(before.is_none(), "publication {revision} twice, {kind:?}: person {person} at {at:?}, and at {before:?}");
        }
    }

    /// What came of it: `feeds` are each person's feed, first and last moment.
    pub(super) fn report(self, people: &[(Name, Millis, Millis)]) -> Report {
        let (mut all, mut in_time, mut later, mut months) = (0_u32, 0_u32, 0_u32, 0.0);
        for (person, (feed, first, last)) in people.iter().enumerate() {
            months += last.since(*first) as f64 / MONTH;
            for (revision, at) in &self.published[feed] {
                all += 1;
                match self.seen.get(&person).and_then(|seen| seen.get(revision)) {
                    Some(seen) if seen.since(*at) <= IN_TIME => in_time += 1,
                    Some(_) => later += 1,
                    None => {}
                }
            }
        }
        let Witness { verdicts, taken, rulings, told, messages, reminded, published, .. } = self;
        let publications = published.values().map(BTreeMap::len).sum();
        Report { verdicts, taken, rulings, told, publications, all, in_time, later, messages, reminders: reminded.len(), months }
    }
}

/// One run in numbers.
pub(super) struct Report {
    /// What the relay made of the lines of the file.
    pub(super) verdicts: BTreeMap<String, u32>,
    /// The same, by feed and time.
    pub(super) taken: BTreeMap<(Name, Millis), String>,
    /// What became of what was held.
    pub(super) rulings: BTreeMap<String, u32>,
    /// What people were told.
    pub(super) told: Told,
    /// Revisions that were published.
    pub(super) publications: usize,
    /// Messages to people.
    pub(super) messages: u64,
    /// Reminders in all.
    pub(super) reminders: usize,
    all: u32,
    in_time: u32,
    later: u32,
    /// Months that people were subscribers for, added up.
    months: f64,
}

impl Report {
    /// Percent of the publications that reached people in time.
    pub(super) fn in_time(&self) -> f64 {
        100.0 * f64::from(self.in_time) / f64::from(self.all)
    }

    /// Percent that reached them when they wrote again.
    pub(super) fn later(&self) -> f64 {
        100.0 * f64::from(self.later) / f64::from(self.all)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (in_time, later) = (self.in_time(), self.later());
        let (messages, reminders) = (self.messages as f64 / self.months, self.reminders as f64 / self.months);
        write!(f, "{in_time:7.2} % {later:7.2} % {:7.2} % {messages:>22.1} {reminders:>23.1}", 100.0 - in_time - later)
    }
}
