//! What the benchmarks share: a metered disk in memory, a store full of subscribers, and names for them. Measures nothing itself.
#![allow(dead_code, reason = "each benchmark uses its part")]
#![allow(clippy::expect_used, reason = "a benchmark stops where it cannot go on")]

use drk_relay::domain::conversation::{Person, Reminder, Subscription, Talk};
use drk_relay::domain::decision::{Change, Effect};
use drk_relay::domain::event::{Event, Outcome};
use drk_relay::domain::ids::{Address, Bsuid, FeedId, FeedSet, InstanceId, Name, PersonHash, PersonId, Wamid, WamidHash};
use drk_relay::domain::rules::{FeedRules, MetricKind, MetricRules, Rules};
use drk_relay::domain::time::{Millis, Timestamp};
use drk_relay::domain::window::Window;
use drk_relay::relay::Relay;
use drk_relay::store::Store;
use redb::StorageBackend;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Every benchmark's store.
pub(crate) const INSTANCE: InstanceId = InstanceId(7);

/// A disk in memory that counts what is written and lets every sync take its time.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Bytes written.
    pub(crate) written: Arc<AtomicU64>,
    /// Syncs.
    pub(crate) syncs: Arc<AtomicU64>,
    latency: Arc<AtomicU64>,
}

impl Meter {
    /// An empty disk whose syncs take `latency`.
    pub(crate) fn new(latency: Duration) -> Meter {
        let meter = Meter { bytes: Arc::default(), written: Arc::default(), syncs: Arc::default(), latency: Arc::default() };
        meter.set_latency(latency);
        meter
    }

    /// From now on a sync takes this long.
    pub(crate) fn set_latency(&self, latency: Duration) {
        self.latency.store(u64::try_from(latency.as_micros()).expect("not that long"), Relaxed);
    }

    /// Its length in bytes.
    pub(crate) fn size(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for Meter {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = offset as usize;
        out.copy_from_slice(self.lock().get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.lock().resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Relaxed);
        let latency = self.latency.load(Relaxed);
        if latency > 0 {
            std::thread::sleep(Duration::from_micros(latency));
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.written.fetch_add(data.len() as u64, Relaxed);
        let start = offset as usize;
        self.lock().get_mut(start..start + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        Ok(())
    }
}

/// A feed with one metric.
pub(crate) fn rules() -> Rules {
    let name = |name: &str| Name::new(name).expect("a valid name");
    let metric = MetricRules::new(name("cases_new"), "Neue Fälle", MetricKind::Count);
    let feed = FeedRules::new(name("corona"), "Corona", vec![metric]);
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("bundled");
    Rules::new("DRK Musterstadt", "07751 5550100", "drk.example/datenschutz", zone, vec![feed])
}

/// The `nth` person: a hash that is spread like a real one, and an id as long as a real one.
pub(crate) fn person(nth: u32) -> (PersonHash, Address) {
    let hash = (u64::from(nth) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let bsuid = Bsuid::new(&format!("DE.{:020}", u64::from(nth) + 10_000_000)).expect("short");
    (PersonHash(hash), Address::Bsuid(bsuid))
}

/// A message's id.
pub(crate) fn wamid(nth: u64) -> Wamid {
    Wamid::new(&format!("wamid.{nth:040}"))
}

/// Its hash.
pub(crate) fn wamid_hash(nth: u64) -> WamidHash {
    WamidHash((nth + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93))
}

/// 1, 2, 3 …: one sequence for the whole process.
pub(crate) fn counted() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

/// Fills the store with people who subscribed at `start`, their windows spread over an hour.
pub(crate) fn subscribers(store: &mut Store, count: u32, start: Timestamp, person: impl Fn(u32) -> (PersonHash, Address)) {
    let ids: Vec<u32> = (0..count).collect();
    for page in ids.chunks(5_000) {
        let rows = page.iter().flat_map(|id| {
            let (hash, address) = person(*id);
            let at = start.plus(id % 3_600);
            let subscription = Subscription { feeds: FeedSet::default().with(FeedId(0)), wording: 1, consent: at, yes: at, revision: 0 };
            let talk = Talk::Subscribed { subscription, reminder: Reminder::Pending };
            let row = Person { hash, alias: None, window: Window::opened(at), talk, burst: None };
            [Change::Person(PersonId(*id), row), Change::Address(PersonId(*id), address)]
        });
        store.commit(&rows.collect::<Vec<_>>()).expect("commits");
    }
}

/// Answers every send so that no slot stays taken.
pub(crate) fn answer(relay: &mut Relay, now: Millis, effects: &[Effect]) {
    let mut effects = effects.to_vec();
    while !effects.is_empty() {
        let accepted = |effect: &Effect| match effect {
            Effect::Send(send) => Some(Event::Sent { id: send.id, outcome: Outcome::Accepted(wamid_hash(counted() | 1 << 60)) }),
            Effect::MarkRead(_) | Effect::Receipt(_) => None,
        };
        let events: Vec<Event> = effects.iter().filter_map(accepted).collect();
        effects = if events.is_empty() { Vec::new() } else { relay.step(now.plus(1_000), &events).expect("commits") };
    }
}
