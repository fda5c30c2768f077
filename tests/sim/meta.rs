//! The simulated Meta, as far as the relay's core can notice it: windows, acceptance, statuses. No socket and no JSON: those are proven
//! against the simulated Cloud API in `tests/ports`.

use super::people::Person;
use drk_relay::domain::decision::Send;
use drk_relay::domain::event::{Event, News, Status};
use drk_relay::domain::ids::{OutboxId, PersonHash, WamidHash};
use drk_relay::domain::time::Timestamp;
use std::collections::BTreeMap;

/// What Meta knows.
#[derive(Default)]
pub(crate) struct Meta {
    /// When each person last wrote: the window is 24 hours from here.
    latest: BTreeMap<PersonHash, Timestamp>,
    /// Messages accepted: their wamids count up.
    accepted: u64,
}

impl Meta {
    /// The person wrote at `at`: a message that counts.
    pub(crate) fn wrote(&mut self, person: &Person, at: Timestamp) {
        let latest = self.latest.entry(person.hash).or_insert(at);
        *latest = at.max(*latest);
    }

    /// When the person last wrote: which window it is.
    pub(crate) fn latest(&self, person: &Person) -> Timestamp {
        self.latest.get(&person.hash).copied().unwrap_or(Timestamp(0))
    }

    /// Takes a message.
    ///
    /// # Panics
    /// If the window is closed: promise 2.
    pub(crate) fn accept(&mut self, now: Timestamp, person: &Person, send: &Send) -> WamidHash {
        let latest = self.latest(person);
        assert!(now < latest.plus(24 * 3600), "outside the window: {send:?} at {now:?}, the person wrote last at {latest:?}");
        self.accepted += 1;
        WamidHash(self.accepted)
    }

    /// What will be told of a message that was accepted.
    pub(crate) fn fate(fails: bool) -> Vec<News> {
        if fails { vec![News::Sent, News::Failed(131_049)] } else { vec![News::Sent, News::Delivered, News::Read] }
    }

    /// A status webhook's content.
    pub(crate) fn status(id: Option<OutboxId>, wamid: WamidHash, at: Timestamp, news: News) -> Event {
        Event::Status(Status { id, wamid, at, news })
    }
}
