//! The simulated Meta, as far as the relay's core can notice it: windows, limits, acceptance, statuses. No socket and no JSON: those are
//! proven against the simulated Cloud API in `tests/ports`.

use super::people::Person;
use drk_relay::domain::budget::FREE;
use drk_relay::domain::decision::Send;
use drk_relay::domain::event::{Event, News, Price, Status};
use drk_relay::domain::ids::{OutboxId, PersonHash, WamidHash};
use drk_relay::domain::time::{Millis, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// One message in so many milliseconds to one person; more are borrowed from the future (WhatsApp docs: throughput, pair rate limit).
const PAIR_INTERVAL: u64 = 6_000;
/// Messages that may be borrowed.
const PAIR_BURST: u64 = 45;
/// The penalty is 4^X seconds after the Xth violation in a row, and X grows no further than this: 17 minutes.
const PAIR_VIOLATIONS: u32 = 5;

/// Which limit a message runs into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Limit {
    /// 130429: too many messages a second from and to the number.
    Number,
    /// 131056: too many messages to this person.
    Pair,
}

/// How strict this Meta is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strictness {
    /// Messages a second for the number, both directions; `None`: as many as there are.
    pub(crate) per_second: Option<usize>,
    /// Messages to one person that are borrowed from the future.
    pub(crate) pair_burst: u64,
    /// Messages a month that it carries free of charge.
    pub(crate) free: u32,
    /// Whether there is a payment method: without one, it takes what is not free and does not deliver it.
    pub(crate) pays: bool,
}

impl Default for Strictness {
    fn default() -> Strictness {
        Strictness { per_second: None, pair_burst: PAIR_BURST, free: FREE, pays: true }
    }
}

/// What Meta knows of one person and us, under one name of theirs.
#[derive(Clone, Copy, Default)]
struct Pair {
    /// When they last wrote: the window is 24 hours from here.
    latest: Option<Timestamp>,
    /// Until when messages have been borrowed, in milliseconds.
    borrowed: u64,
    /// Until when everything is refused, in milliseconds.
    penalty: u64,
    violations: u32,
}

/// What Meta knows.
#[derive(Default)]
pub(crate) struct Meta {
    /// How strict it is.
    pub(crate) strictness: Strictness,
    pairs: BTreeMap<PersonHash, Pair>,
    /// Messages in either direction within the last second.
    second: VecDeque<Millis>,
    /// Messages accepted: their wamids count up.
    accepted: u64,
    /// Messages accepted by month: its months begin by Greenwich.
    months: BTreeMap<(i16, i8), u32>,
}

impl Meta {
    /// The person wrote at `at`: a message that counts.
    pub(crate) fn wrote(&mut self, person: &Person, at: Timestamp) {
        let pair = self.pairs.entry(person.hash).or_default();
        pair.latest = pair.latest.max(Some(at));
    }

    /// A message in either direction, which counts against the number's limit.
    pub(crate) fn passed(&mut self, now: Millis) {
        while self.second.front().is_some_and(|at| now.since(*at) >= 1_000) {
            self.second.pop_front();
        }
        self.second.push_back(now);
    }

    /// When the person last wrote: which window it is.
    pub(crate) fn latest(&self, person: &Person) -> Timestamp {
        self.pairs.get(&person.hash).and_then(|pair| pair.latest).unwrap_or(Timestamp(0))
    }

    /// Whether the window is open.
    pub(crate) fn is_open(&self, now: Timestamp, person: &Person) -> bool {
        now < self.latest(person).plus(24 * 3600)
    }

    /// The limit that a message runs into now, if it does.
    pub(crate) fn limit(&mut self, now: Millis, person: &Person) -> Option<Limit> {
        let recent = self.second.iter().filter(|at| now.since(**at) < 1_000).count();
        if self.strictness.per_second.is_some_and(|most| recent >= most) {
            return Some(Limit::Number);
        }
        let (burst, pair) = (self.strictness.pair_burst, self.pairs.entry(person.hash).or_default());
        if now.0 < pair.penalty || pair.borrowed.saturating_sub(now.0) >= burst * PAIR_INTERVAL {
            pair.penalty = pair.penalty.max(now.0 + 1_000 * 4_u64.pow(pair.violations));
            pair.violations = (pair.violations + 1).min(PAIR_VIOLATIONS);
            return Some(Limit::Pair);
        }
        pair.violations = 0;
        None
    }

    /// Takes a message.
    ///
    /// # Panics
    /// If the window is closed: promise 2.
    pub(crate) fn accept(&mut self, now: Timestamp, person: &Person, send: &Send) -> WamidHash {
        let latest = self.latest(person);
        assert!(self.is_open(now, person), "outside the window: {send:?} at {now:?}, the person wrote last at {latest:?}");
        let pair = self.pairs.entry(person.hash).or_default();
        pair.borrowed = pair.borrowed.max(now.millis().0) + PAIR_INTERVAL;
        self.accepted += 1;
        *self.months.entry(month(now)).or_default() += 1;
        WamidHash(self.accepted)
    }

    /// What the message costs that was accepted just now.
    pub(crate) fn price(&self, now: Timestamp) -> Price {
        let count = self.months.get(&month(now)).copied().unwrap_or(0);
        if count <= self.strictness.free { Price::Free } else { Price::Paid }
    }

    /// What will be told of the message that was accepted just now.
    pub(crate) fn fate(&self, now: Timestamp, fails: bool) -> Vec<News> {
        match self.price(now) {
            Price::Paid if !self.strictness.pays => Vec::new(),
            Price::Free | Price::Paid if fails => vec![News::Sent, News::Failed(131_049)],
            Price::Free | Price::Paid => vec![News::Sent, News::Delivered, News::Read],
        }
    }

    /// A status webhook's content.
    pub(crate) fn status(id: Option<OutboxId>, wamid: WamidHash, at: Timestamp, news: News, price: Option<Price>) -> Event {
        Event::Status(Status { id, wamid, at, news, price })
    }
}

/// Year and month, by Greenwich.
fn month(at: Timestamp) -> (i16, i8) {
    let at = jiff::Timestamp::from_second(at.0.into()).expect("a time").to_zoned(jiff::tz::TimeZone::UTC);
    (at.year(), at.month())
}
