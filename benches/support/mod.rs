//! What the benchmarks share: a metered disk in memory, a store full of subscribers, and names for them. Measures nothing itself.
#![allow(dead_code, reason = "each benchmark uses its part")]
#![allow(clippy::expect_used, reason = "a benchmark stops where it cannot go on")]

use drk_relay::domain::budget::Toll;
use drk_relay::domain::conversation::{Person, Reminder, Subscription, Talk};
use drk_relay::domain::decision::{Change, Effect};
use drk_relay::domain::event::{Event, Outcome};
use drk_relay::domain::figures::{Feed, Publication, Value};
use drk_relay::domain::ids::{Address, Bsuid, FeedId, FeedSet, InstanceId, Name, OutboxId, PersonHash, PersonId, Wamid, WamidHash};
use drk_relay::domain::outbox::{Delivery, Doubt, Entry, Kind};
use drk_relay::domain::rules::{FeedRules, MetricKind, MetricRules, Rules};
use drk_relay::domain::state::Counters;
use drk_relay::domain::time::{Day, Millis, Timestamp};
use drk_relay::domain::window::{REMIND_AFTER, Window};
use drk_relay::relay::Relay;
use drk_relay::store::Store;
use redb::StorageBackend;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The second at which the benchmarks' days begin, and the days about it.
pub(crate) const NOW: Timestamp = Timestamp(1_795_300_000);
pub(crate) const YESTERDAY: Day = Day(20_777);
pub(crate) const TODAY: Day = Day(20_778);

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

    /// A disk that holds this, and whose syncs take no time.
    pub(crate) fn holding(bytes: Vec<u8>) -> Meter {
        let meter = Meter::new(Duration::ZERO);
        *meter.lock() = bytes;
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

/// What a store full of subscribers holds besides their rows and addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mix {
    /// Nothing has been sent in their windows yet.
    Rested,
    /// Everyone got the publication that is current, and Meta accepted it: the fullest state of an ordinary day.
    Informed,
}

/// Messages that each person wrote in the last 25 hours: the tap that opened the window, and another before it.
const HEARD: u64 = 2;
/// Until then every window of [`town`] is open, and no reminder is due.
pub(crate) const QUIET: u32 = 600;

/// Fills the store with people as they are at `now`: windows spread over the day, in no order, and everyone known by a telephone number,
/// too. Pages of 5,000 are committed, as a store that has lived holds its rows. The last of them waits for what the others do not wait for,
/// a reminder or none: so both of the relay's wheels are as large as in one that has lived.
pub(crate) fn town(store: &mut Store, count: u32, now: Timestamp, mix: Mix) {
    let revision = u32::from(mix == Mix::Informed);
    let ids: Vec<u32> = (0..count).collect();
    for page in ids.chunks(5_000) {
        let rows = page.iter().flat_map(|id| {
            let (hash, address) = person(*id);
            let spread = id.wrapping_mul(2_654_435_761) % (REMIND_AFTER - QUIET);
            let window = Window { latest: now.minus(spread) };
            let (consent, feeds) = (window.latest.minus(7 * 86_400), FeedSet::default().with(FeedId(0)));
            let subscription = Subscription { feeds, wording: 0x5EED_5EED, consent, yes: consent, revision };
            let reminder = if (mix == Mix::Informed) != (*id == count - 1) { Reminder::Spared } else { Reminder::Pending };
            let talk = Talk::Subscribed { subscription, reminder };
            let row = Person { hash, alias: Some(alias(*id)), window, talk, burst: None };
            let heard = (0..HEARD).map(move |nth| {
                let ago = u32::try_from(nth).expect("few") * (id % 3_600);
                Change::Seen(wamid_hash(u64::from(*id) * HEARD + nth), window.latest.minus(ago).hour())
            });
            let delivery = Delivery::Accepted { at: now.minus(QUIET), wamid: wamid_hash(u64::from(*id) | 1 << 40) };
            let entry = Entry {
                person: PersonId(*id),
                kind: Kind::Publication { since: 0 },
                delivery,
                doubt: Doubt::None,
                toll: Toll::default(),
                closes: window.closes(),
            };
            let sent = (mix == Mix::Informed).then_some(Change::Outbox(OutboxId((*id).into()), entry));
            [Change::Person(PersonId(*id), row), Change::Address(PersonId(*id), address)].into_iter().chain(heard).chain(sent)
        });
        store.commit(&rows.collect::<Vec<_>>()).expect("commits");
    }
    let rules = rules();
    let mut feed = Feed::new(rules.feeds[0].name.clone());
    let value = (rules.feeds[0].metrics[0].name.clone(), Value::new(17, 0).expect("a figure"));
    feed.current = Some(Publication::new(revision, YESTERDAY, [value].into()));
    feed.published = now.minus(QUIET);
    let counters = Counters { next_outbox: count.into(), reached: revision, ..Counters::default() };
    store.commit(&[Change::Feed(FeedId(0), Box::new(feed)), Change::Counters(counters)]).expect("commits");
}

/// A telephone number's hash.
pub(crate) fn alias(nth: u32) -> PersonHash {
    PersonHash((u64::from(nth) + 1).wrapping_mul(0xC2B2_AE3D_27D4_EB4F))
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

/// Bytes of this process's memory that a line of `/proc/self/status` counts: `VmRSS:` is what it has now, `VmHWM:` the most it has had.
pub(crate) fn memory(line: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let value = status.lines().find_map(|given| given.strip_prefix(line)).expect("the kernel says so");
    value.trim().trim_end_matches("kB").trim().parse::<usize>().expect("a number") * 1024
}
