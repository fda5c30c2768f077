//! Everything the relay knows. Decides nothing: [`State::apply`] takes facts, and cannot fail.

use super::addresses::Addresses;
use super::audience::Audience;
use super::budget::Budget;
use super::conversation::{Person, Reminder, Talk};
use super::decision::{Change, Ingress};
use super::event::Key;
use super::figures::Feed;
use super::ids::{FeedId, FeedSet, Name, PersonId, Wamid, WamidHash};
use super::notice::Notice;
use super::outbox::{Hold, Outbox};
use super::pacing::{Bucket, Guard, RoundTrip, Throttle};
use super::pages::Pages;
use super::people::People;
use super::rewrite::{self, Rewrite};
use super::rules::Rules;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Deduplication ids live this long after the hour that their message was stamped in has ended: messages older than 24 h do nothing, and
/// an hour more forgives a clock that is a little off (promise 8).
const SEEN: u32 = 25 * 3600;

/// Whether the system clock is known to be right (promise 11).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Clock {
    /// Not yet, or no longer: figures and messages are accepted, deadlines and sends wait.
    #[default]
    Untrusted,
    /// Yes.
    Trusted,
}

/// The few numbers that must never run backwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counters {
    /// The next message's id. Stored, because a removed row must not give its number to another message.
    pub next_outbox: u64,
    /// Everyone who could be reached has this revision: what is newer is still being handed out.
    pub reached: u32,
    /// Publications that left a second time, because nobody knew whether they had arrived: duplicates, perhaps.
    pub repeated: u32,
}

/// When the window closes, whether the question has been put in it, who it is.
pub type Lacking = (Timestamp, bool, PersonId);

/// Everything the relay knows. What the store keeps comes first; what every start has to earn again comes last.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct State {
    /// People, by number and by hash.
    pub people: People,
    /// Where to reach people whose window may be open. Nobody else's address is kept.
    pub addresses: Addresses,
    /// Messages on their way out.
    pub outbox: Outbox,
    /// Every feed that was ever configured.
    pub feeds: BTreeMap<FeedId, Feed>,
    /// The end of the service.
    pub notice: Notice,
    /// Why nothing is sent at present, if so.
    pub hold: Option<Hold>,
    /// How long before its end a window counts as closed.
    pub guard: Guard,
    /// Meta has granted less than is permitted, if it has.
    pub throttle: Option<Throttle>,
    /// What the question said, by fingerprint: what people agreed to.
    pub wordings: BTreeMap<u32, Box<str>>,
    /// Messages heard in the last hours.
    pub seen: Seen,
    /// Counters that never run backwards.
    pub counters: Counters,
    /// Messages of the months that are being counted.
    pub budget: Budget,
    /// When the file was made anew, or first known to be there. `None` before the clock was ever trusted.
    pub rewritten: Option<Timestamp>,
    /// Subscribers that the running broadcast has not reached, by the closing of their window; of those whose windows close together, who
    /// has not been asked in it comes first. Derived from people, feeds and notice.
    pub lacking: BTreeSet<Lacking>,
    /// How many people hear of each feed. Derived from people.
    pub audience: Audience,
    /// Memory only: messages that are to be marked as read with the answer.
    pub unread: BTreeMap<PersonId, Wamid>,
    /// Memory only.
    pub clock: Clock,
    /// Memory only.
    pub ingress: Option<Ingress>,
    /// Memory only.
    pub round_trip: RoundTrip,
    /// Memory only.
    pub bucket: Bucket,
    /// Memory only.
    pub rewrite: Rewrite,
}

impl State {
    /// Makes a fact of a change. Infallible; the same function rebuilds the state at start.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Person(id, person) => self.person(*id, Some(person.clone())),
            Change::Forget(id) => self.person(*id, None),
            Change::Address(id, address) => self.addresses.set(*id, Some(address)),
            Change::ForgetAddress(id) => self.addresses.set(*id, None),
            Change::Outbox(id, entry) => self.outbox.set(*id, Some(*entry)),
            Change::ForgetOutbox(id) => self.outbox.set(*id, None),
            Change::Feed(id, feed) => {
                let before = self.feeds.insert(*id, (**feed).clone());
                // A walk over everyone: not for every metric and every correction, only for what is handed out.
                if feed.revision() != before.as_ref().map_or(0, Feed::revision) {
                    self.lacking = self.all_lacking();
                }
            }
            Change::ForgetFeed(id) => drop(self.feeds.remove(id)),
            Change::Notice(notice) => {
                self.notice = *notice;
                self.lacking = self.all_lacking();
            }
            Change::Hold(hold) => self.hold = *hold,
            Change::Wording(fingerprint, text) => drop(self.wordings.insert(*fingerprint, text.clone())),
            Change::ForgetWording(fingerprint) => drop(self.wordings.remove(fingerprint)),
            Change::Counters(counters) => {
                let turned = counters.reached != self.counters.reached;
                self.counters = *counters;
                if turned {
                    self.lacking = self.all_lacking();
                }
            }
            Change::Budget(budget) => self.budget = *budget,
            Change::Seen(hash, hour) => self.seen.insert(*hash, *hour),
            Change::ForgetSeen(hour) => self.seen.forget(*hour),
            Change::Unread(id, Some(wamid)) => drop(self.unread.insert(*id, wamid.clone())),
            Change::Unread(id, None) => drop(self.unread.remove(id)),
            Change::Rewritten(at) => self.rewritten = Some(*at),
            Change::Rewrite(rewrite) => self.rewrite = *rewrite,
            Change::Clock(clock) => self.clock = *clock,
            Change::Ingress(ingress) => self.ingress = *ingress,
            Change::Guard(guard) => self.guard = *guard,
            Change::Throttle(throttle) => self.throttle = Some(*throttle),
            Change::RoundTrip(round_trip) => self.round_trip = *round_trip,
            Change::Paced(bucket) => self.bucket = *bucket,
        }
    }

    /// The deadline that a change may have moved, if it is one of those that the wheel keeps.
    pub fn touched(change: &Change) -> Option<Key> {
        match change {
            Change::Person(id, _) | Change::Forget(id) => Some(Key::Person(*id)),
            Change::Feed(id, _) | Change::ForgetFeed(id) => Some(Key::Feed(*id)),
            Change::Notice(_) => Some(Key::Notice),
            Change::Seen(..) | Change::ForgetSeen(_) => Some(Key::Seen),
            Change::Rewritten(_) | Change::Rewrite(_) => Some(Key::Rewrite),
            Change::Address(..) | Change::ForgetAddress(_) | Change::Outbox(..) | Change::ForgetOutbox(_) => None,
            Change::Hold(_) | Change::Wording(..) | Change::ForgetWording(_) | Change::Counters(_) | Change::Budget(_) => None,
            Change::Guard(_)
            | Change::Throttle(_)
            | Change::RoundTrip(_)
            | Change::Unread(..)
            | Change::Clock(_)
            | Change::Ingress(_)
            | Change::Paced(_) => None,
        }
    }

    /// When a key is due; `None`: never, as things stand. Answers and the outbox have questions of their own, `conversation::next_answer`
    /// and `outbox::deadline`.
    pub fn deadline(&self, rules: &Rules, key: Key) -> Option<Timestamp> {
        match key {
            Key::Feed(id) => self.feeds.get(&id)?.deadline(),
            Key::Notice => self.notice.deadline(),
            Key::Seen => self.seen.deadline(),
            Key::Rewrite => rewrite::deadline(self),
            Key::Person(id) => self.people.get(id).map(|person| person.deadline(rules)),
            Key::Answers | Key::Outbox => None,
        }
    }

    /// Whether the key's deadline is a reminder's, which may be early: as much as the rate requires.
    pub fn awaits_reminder(&self, key: Key) -> bool {
        match key {
            Key::Person(id) => self.people.get(id).is_some_and(|person| person.burst.is_none() && person.talk.awaits_reminder()),
            Key::Feed(_) | Key::Notice | Key::Seen | Key::Rewrite | Key::Answers | Key::Outbox => false,
        }
    }

    /// All keys that may have a deadline in the wheel.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        let feeds = self.feeds.keys().map(|id| Key::Feed(*id));
        [Key::Notice, Key::Seen, Key::Rewrite].into_iter().chain(feeds).chain(self.people.iter().map(|(id, _)| Key::Person(id)))
    }

    /// The feed of that name.
    pub fn feed(&self, name: &Name) -> Option<(FeedId, &Feed)> {
        self.feeds.iter().find(|(_, feed)| feed.name == *name).map(|(id, feed)| (*id, feed))
    }

    /// The feeds that are configured now.
    pub fn configured(&self, rules: &Rules) -> FeedSet {
        rules.feeds.iter().filter_map(|feed| Some(self.feed(&feed.name)?.0)).collect()
    }

    /// The latest revision of anything that is or was broadcast; 0 before the first.
    pub fn revision(&self) -> u32 {
        let of_feeds = self.feeds.values().map(|feed| feed.revision().max(feed.highest)).max();
        of_feeds.unwrap_or(0).max(self.notice.revision()).max(self.counters.reached)
    }

    /// The latest revision that concerns subscribers of these feeds.
    pub fn revision_of(&self, feeds: FeedSet) -> u32 {
        let of_feeds = self.feeds.iter().filter(|(id, _)| feeds.contains(**id)).map(|(_, feed)| feed.revision());
        of_feeds.max().unwrap_or(0).max(self.notice.revision())
    }

    /// Whether something is being handed out and somebody may lack it.
    pub fn broadcasting(&self) -> bool {
        self.counters.reached < self.revision() && !self.notice.is_over()
    }

    /// Asserts what must hold between the parts.
    pub fn check(&self) {
        self.outbox.check();
        self.people.check();
        assert_eq!(self.lacking, self.all_lacking(), "the broadcast's waiting people do not agree with the rows");
        let mut audience = Audience::default();
        self.people.iter().for_each(|(_, person)| audience.with(&person.talk));
        assert_eq!(self.audience, audience, "the audiences do not agree with the rows");
        for id in self.addresses.people() {
            assert!(self.people.get(id).is_some(), "an address without a person: {id:?}");
        }
        for (id, entry) in self.outbox.iter() {
            assert!(self.people.get(entry.person).is_some(), "a message without a person: {id:?}");
            assert!(id.0 < self.counters.next_outbox, "a message beyond the counter: {id:?}");
        }
    }

    fn person(&mut self, id: PersonId, person: Option<Person>) {
        if let Some(old) = self.people.get(id) {
            self.lacking.remove(&lacking(id, old));
            self.audience.without(&old.talk);
        }
        if let Some(new) = &person {
            self.audience.with(&new.talk);
        }
        match &person {
            Some(new) if self.lacks(new) => drop(self.lacking.insert(lacking(id, new))),
            Some(_) => {}
            None => drop(self.unread.remove(&id)),
        }
        self.people.set(id, person);
    }

    fn lacks(&self, person: &Person) -> bool {
        match &person.talk {
            Talk::Subscribed { reminder: Reminder::Refused, .. } => false,
            Talk::Subscribed { subscription, .. } => self.broadcasting() && subscription.revision < self.revision_of(subscription.feeds),
            Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } => false,
            Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => false,
        }
    }

    fn all_lacking(&self) -> BTreeSet<Lacking> {
        if !self.broadcasting() {
            return BTreeSet::new();
        }
        self.people.iter().filter(|(_, person)| self.lacks(person)).map(|(id, person)| lacking(id, person)).collect()
    }
}

fn lacking(id: PersonId, person: &Person) -> Lacking {
    (person.window.closes(), person.talk.is_asked(), id)
}

/// Ids of messages heard, in buckets by the hour of their own timestamp: a duplicate carries the same timestamp.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    hours: BTreeMap<u32, Pages<WamidHash>>,
}

impl Seen {
    /// Whether the message of this hour has been heard.
    pub fn contains(&self, hash: WamidHash, hour: u32) -> bool {
        self.hours.get(&hour).is_some_and(|ids| ids.get(hash).is_some())
    }

    /// Ids kept.
    pub fn len(&self) -> usize {
        self.hours.values().map(Pages::len).sum()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    /// The oldest hour.
    pub fn oldest(&self) -> Option<u32> {
        self.hours.first_key_value().map(|(hour, _)| *hour)
    }

    /// Hours after this one.
    pub fn hours_after(&self, hour: u32) -> impl Iterator<Item = u32> {
        self.hours.range(hour.saturating_add(1)..).map(|(hour, _)| *hour)
    }

    fn insert(&mut self, hash: WamidHash, hour: u32) {
        self.hours.entry(hour).or_default().insert(hash, ());
    }

    fn forget(&mut self, hour: u32) {
        self.hours.remove(&hour);
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.oldest().map(|hour| Timestamp(hour.saturating_add(1).saturating_mul(3600)).plus(SEEN))
    }
}
