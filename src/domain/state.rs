//! Everything the relay knows, and the rules it goes by. Decides nothing: [`State::apply`] takes facts, and cannot fail.

use super::budget::{Counters, local};
use super::conversation::{Person, Talk};
use super::decision::{Change, Ingress};
use super::event::Key;
use super::figures::{Broadcast, Feed};
use super::ids::{Bsuid, Name, PersonHash, PersonId, WamidHash};
use super::outbox::Outbox;
use super::pacing::Bucket;
use super::time::{Day, Millis, Timestamp};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Deduplication ids live this long after the hour that their message was stamped in has ended: messages older than 24 h do nothing, and
/// an hour more forgives a clock that is a little off (promise 8).
const SEEN: u32 = 25 * 3600;

/// The pure part of the configuration.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Who speaks: „DRK-Ortsverein Musterstadt“.
    pub branch: String,
    /// Where the branch's privacy notice is found, as people read it.
    pub privacy: String,
    /// The feed.
    pub feed: FeedRules,
    /// Local time of the branch.
    pub zone: TimeZone,
    /// Messages a second that may leave. Meta allows 80 (WhatsApp docs: throughput).
    pub rate: u32,
}

/// One series of figures, as configured.
#[derive(Clone, Debug)]
pub struct FeedRules {
    /// Its name in topics and button ids.
    pub name: Name,
    /// What people read: „Corona im Kreis Musterstadt“.
    pub title: String,
    /// Its metrics, in the order in which they are shown.
    pub metrics: Vec<MetricRules>,
    /// Seconds to wait for the rest of a day's metrics.
    pub settle: u32,
}

impl FeedRules {
    /// The metric of that name.
    pub fn metric(&self, name: &Name) -> Option<&MetricRules> {
        self.metrics.iter().find(|metric| metric.name == *name)
    }
}

/// One metric, as configured.
#[derive(Clone, Debug)]
pub struct MetricRules {
    /// Its name in topics and payloads.
    pub name: Name,
    /// What people read: „Neue Fälle“.
    pub label: String,
    /// What kind of number it is: decides how German figures are read.
    pub kind: MetricKind,
    /// Whether a publication is complete only with it.
    pub required: bool,
}

/// What kind of number a metric is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricKind {
    /// Something counted: `1.234` is one thousand two hundred and thirty-four.
    Count,
    /// Something measured, with decimals: `57,4`; `1.234` is ambiguous and refused.
    Rate,
}

impl MetricKind {
    /// Digits behind the comma that are always shown: „61,0“ beside „57,4“.
    pub fn decimals(self) -> u8 {
        match self {
            MetricKind::Count => 0,
            MetricKind::Rate => 1,
        }
    }
}

impl Rules {
    /// The local day of `now`.
    pub fn today(&self, now: Millis) -> Day {
        Day::of(local(now, &self.zone).date())
    }
}

/// Whether the system clock is known to be right (promise 11).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Clock {
    /// Not yet: figures and messages are accepted, deadlines and sends wait.
    #[default]
    Untrusted,
    /// Yes.
    Trusted,
}

/// Everything the relay knows. What the store keeps comes first; what every start has to earn again comes last.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct State {
    /// People, by number and by hash.
    pub people: People,
    /// Where to reach people whose window may be open. Nobody else's address is kept.
    pub addresses: BTreeMap<PersonId, Bsuid>,
    /// Messages on their way out.
    pub outbox: Outbox,
    /// The feed.
    pub feed: Feed,
    /// Messages heard in the last hours.
    pub seen: Seen,
    /// Counters that never run backwards.
    pub counters: Counters,
    /// Subscribers that the running broadcast has not reached, by the closing of their window. Derived from people and feed.
    pub waiting: BTreeSet<(Timestamp, PersonId)>,
    /// Memory only.
    pub clock: Clock,
    /// Memory only.
    pub ingress: Option<Ingress>,
    /// Memory only.
    pub bucket: Bucket,
}

impl State {
    /// Makes a fact of a change. Infallible; the same function rebuilds the state at start.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Person(id, person) => self.person(*id, Some(person.clone())),
            Change::Forget(id) => self.person(*id, None),
            Change::Address(id, bsuid) => drop(self.addresses.insert(*id, bsuid.clone())),
            Change::ForgetAddress(id) => drop(self.addresses.remove(id)),
            Change::Outbox(id, entry) => self.outbox.set(*id, Some(*entry)),
            Change::ForgetOutbox(id) => self.outbox.set(*id, None),
            Change::Feed(feed) => {
                self.feed = (**feed).clone();
                self.waiting = self.lacking();
            }
            Change::Counters(counters) => self.counters = *counters,
            Change::Seen(hash, hour) => self.seen.insert(*hash, *hour),
            Change::ForgetSeen(hour) => self.seen.forget(*hour),
            Change::Trusted => self.clock = Clock::Trusted,
            Change::Ingress(ingress) => self.ingress = Some(*ingress),
            Change::Paced(bucket) => self.bucket = *bucket,
        }
    }

    /// The deadline that a change may have moved, if it is one of those that the wheel keeps.
    pub fn touched(change: &Change) -> Option<Key> {
        match change {
            Change::Person(id, _) | Change::Forget(id) => Some(Key::Person(*id)),
            Change::Feed(_) => Some(Key::Feed),
            Change::Seen(..) | Change::ForgetSeen(_) => Some(Key::Seen),
            Change::Address(..) | Change::ForgetAddress(_) | Change::Outbox(..) | Change::ForgetOutbox(_) => None,
            Change::Counters(_) | Change::Trusted | Change::Ingress(_) | Change::Paced(_) => None,
        }
    }

    /// When a key is due; `None`: never, as things stand. The outbox has a finer grain and its own question, `outbox::deadline`.
    pub fn deadline(&self, key: Key) -> Option<Timestamp> {
        match key {
            Key::Feed => self.feed.settling.as_ref().map(|settling| settling.until),
            Key::Seen => self.seen.deadline(),
            Key::Person(id) => self.people.get(id).map(Person::deadline),
            Key::Outbox => None,
        }
    }

    /// All keys that may have a deadline in the wheel.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        [Key::Feed, Key::Seen].into_iter().chain(self.people.iter().map(|(id, _)| Key::Person(id)))
    }

    /// Whether a publication is being handed out and somebody may lack it.
    pub fn broadcasting(&self) -> bool {
        self.feed.broadcast == Broadcast::Running
    }

    /// Asserts what must hold between the parts.
    pub fn check(&self) {
        self.outbox.check();
        self.people.check();
        assert_eq!(self.waiting, self.lacking(), "the broadcast's waiting people do not agree with the rows");
        for id in self.addresses.keys() {
            assert!(self.people.get(*id).is_some(), "an address without a person: {id:?}");
        }
        for (id, entry) in self.outbox.iter() {
            assert!(self.people.get(entry.person).is_some(), "a message without a person: {id:?}");
            assert!(id.0 < self.counters.next_outbox, "a message beyond the counter: {id:?}");
        }
    }

    fn person(&mut self, id: PersonId, person: Option<Person>) {
        if let Some(old) = self.people.get(id) {
            self.waiting.remove(&(old.window.closes(), id));
        }
        if let Some(new) = &person
            && self.lacks(new)
        {
            self.waiting.insert((new.window.closes(), id));
        }
        self.people.set(id, person);
    }

    fn lacks(&self, person: &Person) -> bool {
        match &person.talk {
            Talk::Subscribed { subscription, .. } => self.broadcasting() && subscription.revision < self.feed.revision(),
            Talk::Asked { .. } | Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => false,
        }
    }

    fn lacking(&self) -> BTreeSet<(Timestamp, PersonId)> {
        if !self.broadcasting() {
            return BTreeSet::new();
        }
        self.people.iter().filter(|(_, person)| self.lacks(person)).map(|(id, person)| (person.window.closes(), id)).collect()
    }
}

/// People by dense number, found by hash.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct People {
    rows: Vec<Option<Person>>,
    free: BTreeSet<PersonId>,
    by_hash: HashMap<PersonHash, PersonId>,
}

impl People {
    /// The person's row.
    pub fn get(&self, id: PersonId) -> Option<&Person> {
        self.rows.get(id.0 as usize)?.as_ref()
    }

    /// The person with this hash.
    pub fn find(&self, hash: PersonHash) -> Option<PersonId> {
        self.by_hash.get(&hash).copied()
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
        self.by_hash.len()
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    fn set(&mut self, id: PersonId, person: Option<Person>) {
        let index = id.0 as usize;
        if let Some(old) = self.rows.get(index).and_then(Option::as_ref) {
            self.by_hash.remove(&old.hash);
        }
        if let Some(new) = &person {
            while self.rows.len() <= index {
                self.free.insert(PersonId(u32::try_from(self.rows.len()).unwrap_or(u32::MAX)));
                self.rows.push(None);
            }
            self.by_hash.insert(new.hash, id);
            self.free.remove(&id);
        } else if index < self.rows.len() {
            self.free.insert(id);
        }
        if let Some(row) = self.rows.get_mut(index) {
            *row = person;
        }
        self.trim();
    }

    /// Free numbers at the end are dropped, so that memory rebuilt from disk equals memory that lived through it.
    fn trim(&mut self) {
        while let Some(None) = self.rows.last() {
            self.rows.pop();
            self.free.pop_last();
        }
    }

    fn check(&self) {
        let mut fresh = People::default();
        for (id, person) in self.iter() {
            fresh.set(id, Some(person.clone()));
        }
        assert!(*self == fresh, "an index of people does not agree with the rows");
    }
}

/// Ids of messages heard, in buckets by the hour of their own timestamp: a duplicate carries the same timestamp.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    hours: BTreeMap<u32, HashSet<WamidHash>>,
}

impl Seen {
    /// Whether the message of this hour has been heard.
    pub fn contains(&self, hash: WamidHash, hour: u32) -> bool {
        self.hours.get(&hour).is_some_and(|ids| ids.contains(&hash))
    }

    /// Ids kept.
    pub fn len(&self) -> usize {
        self.hours.values().map(HashSet::len).sum()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    /// The oldest hour.
    pub fn oldest(&self) -> Option<u32> {
        self.hours.first_key_value().map(|(hour, _)| *hour)
    }

    fn insert(&mut self, hash: WamidHash, hour: u32) {
        self.hours.entry(hour).or_default().insert(hash);
    }

    fn forget(&mut self, hour: u32) {
        self.hours.remove(&hour);
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.oldest().map(|hour| Timestamp(hour.saturating_add(1).saturating_mul(3600)).plus(SEEN))
    }
}
