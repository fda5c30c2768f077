//! Bytes that reach the card when an inbound message is accepted, and when it is answered two seconds later, with 100,000 subscribers:
//! alone, and in groups of 64. Counts, not times: the figures are the same on every machine. Ends with exit code 1 if one of them is over
//! its limit.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and stops where it cannot go on")]

mod support;

use drk_relay::domain::event::{Event, Heard, Said, Text};
use drk_relay::domain::ids::Identity;
use drk_relay::domain::time::{Millis, Timestamp};
use drk_relay::relay::Relay;
use drk_relay::store::Store;
use std::sync::atomic::Ordering::Relaxed;
use support::{Meter, counted, rules, subscribers};

/// Subscribers that the store is sized for (DESIGN.md section 6).
const PEOPLE: u32 = 100_000;
/// Limits of issue "part 1": alone, and each of a group.
const ALONE: u64 = 55_000;
const GROUPED: u64 = 11_000;
const GROUP: u32 = 64;
/// Milliseconds after which everyone has paused.
const PAUSE: u64 = 3_000;
/// Rounds of each; the median is reported.
const ROUNDS: u32 = 21;

fn main() {
    let meter = Meter::new(std::time::Duration::ZERO);
    let mut store = Store::on(meter.clone(), support::INSTANCE).expect("a store in memory");
    let start = Timestamp(1_795_300_000);
    subscribers(&mut store, PEOPLE, start, support::person);
    let mut relay = Relay::open(store, rules()).expect("loads");
    let now = start.plus(3_600).millis();
    relay.step(now, &[Event::Started, Event::ClockTrusted]).expect("starts");
    println!("{PEOPLE} subscribers, file {:.1} MB", meter.size() as f64 / 1e6);
    let mut failed = false;
    for (name, said, size, limit) in [
        ("„Danke“ alone", "Danke", 1, ALONE),
        ("„Zahlen“ alone", "Zahlen", 1, ALONE),
        ("„Danke“ in groups of 64", "Danke", GROUP, GROUPED),
        ("„Zahlen“ in groups of 64", "Zahlen", GROUP, GROUPED),
    ] {
        let minute = |round: u32| now.plus(u64::from(round) * 60_000);
        let bytes: Vec<(u64, u64)> = (0..ROUNDS).map(|round| measure(&mut relay, &meter, minute(round), said, size)).collect();
        let (mut accepted, mut answered): (Vec<u64>, Vec<u64>) = bytes.into_iter().unzip();
        for (what, bytes) in [("accepted", &mut accepted), ("answered", &mut answered)] {
            bytes.sort_unstable();
            let (median, most) = (bytes[bytes.len() / 2], bytes[bytes.len() - 1]);
            failed |= most > limit;
            println!("{name}, {what}: {median} bytes a message (most {most}, limit {limit})");
        }
    }
    std::process::exit(i32::from(failed));
}

/// Bytes written for each of `size` messages from people all over the store: accepted in one commit, answered in another when they have
/// paused.
fn measure(relay: &mut Relay, meter: &Meter, now: Millis, said: &str, size: u32) -> (u64, u64) {
    let events: Vec<Event> = (0..size).map(|nth| heard(now, said, nth)).collect();
    let accepted = written(meter, || drop(relay.step(now, &events).expect("commits")));
    let mut effects = Vec::new();
    let paused = now.plus(PAUSE);
    let answered = written(meter, || effects = relay.step(paused, &[]).expect("commits"));
    support::answer(relay, paused, &effects);
    (accepted / u64::from(size), answered / u64::from(size))
}

/// Bytes written by one commit. One that makes the file grow has an fsync more: redb makes the larger file durable before its header may
/// tell of it (redb 4.6: `TransactionalMemory::grow`).
fn written(meter: &Meter, commit: impl FnOnce()) -> u64 {
    let (before, syncs, size) = (meter.written.load(Relaxed), meter.syncs.load(Relaxed), meter.size());
    commit();
    let grown = u64::from(meter.size() > size);
    assert_eq!(meter.syncs.load(Relaxed) - syncs, 1 + grown, "one commit, one fsync, and one if the file grows");
    meter.written.load(Relaxed) - before
}

fn heard(now: Millis, said: &str, nth: u32) -> Event {
    let unique = counted();
    let person = u32::try_from((unique * 2_654_435_761 + u64::from(nth)) % u64::from(PEOPLE)).expect("below PEOPLE");
    let (hash, address) = support::person(person);
    let from = Identity { hash, alias: None };
    let at = Timestamp(now.second().0);
    let said = Said::Text(Text(said.into()));
    Event::Heard(Heard { from, address, wamid: support::wamid(unique), hash: support::wamid_hash(unique), at, said })
}
