//! Decide and apply, per event and without a commit, with 100,000 people after a broadcast. Beside it in the same run: finding a row in a
//! `HashMap` and cloning it, the least that an event about somebody costs; and the whole step with its commit on a disk in memory that
//! syncs at once, of which deciding should be a small share. Ends with exit code 1 where it is not.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and stops where it cannot go on")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

mod support;

use drk_relay::domain::conversation::Person;
use drk_relay::domain::decide;
use drk_relay::domain::decision::Change;
use drk_relay::domain::event::{Event, Figure, Heard, Key, News, Outcome, Said, Status, Text};
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::{Identity, OutboxId, PersonHash};
use drk_relay::domain::outbox::{Delivery, Entry};
use drk_relay::domain::rules::Rules;
use drk_relay::domain::state::State;
use drk_relay::domain::time::Millis;
use drk_relay::relay::Relay;
use drk_relay::store::Store;
use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;
use support::{INSTANCE, Meter, Mix, NOW};

const PEOPLE: u32 = 100_000;
/// Events of each kind, about people all over the store: fewer than answers may be queued, so that none is refused.
const EVENTS: u32 = 6_000;
/// How many of them the whole step is measured with, one by one.
const COMMITS: u32 = 200;
/// The most that deciding may be of a step that commits one event, on a disk that is infinitely fast: then group commit, not the domain, is
/// what limits a Pi. Measured: 1 to 9 %.
const SHARE_MAX: f64 = 0.2;

fn main() {
    let meter = Meter::new(std::time::Duration::ZERO);
    let mut store = Store::on(meter, INSTANCE).expect("a store in memory");
    support::town(&mut store, PEOPLE, NOW, Mix::Informed);
    let mut bench = Bench { state: store.load().expect("loads"), rules: support::rules(), now: NOW.millis() };
    bench.all(&[Event::Started, Event::ClockTrusted]);
    let lookup = lookups(&bench.state);
    let heard: Vec<Event> = (0..EVENTS).map(heard).collect();
    let mut rows = vec![("a message heard", bench.time(&heard))];
    bench.now = NOW.millis().plus(10_000);
    rows.push(("its answer due", bench.time(&vec![Event::Due(Key::Answers); EVENTS as usize])));
    let statuses: Vec<Event> = (0..EVENTS).map(status).collect();
    rows.push(("a status", bench.time(&statuses)));
    let sent = bench.leave();
    rows.push(("a sent result", bench.time(&sent)));
    let figures: Vec<Event> = (0..EVENTS).map(|nth| figure(&bench.rules, nth)).collect();
    rows.push(("a figure", bench.time(&figures)));
    let commit = commits(store);
    println!("{PEOPLE} people: lookup and clone {lookup:.0} ns, a step that commits one message {commit:.0} ns");
    let mut failed = false;
    for (name, nanos) in rows {
        let share = nanos / commit;
        failed |= share > SHARE_MAX;
        let (times, percent, most) = (nanos / lookup, share * 100.0, SHARE_MAX * 100.0);
        println!("{name}: {nanos:.0} ns, {times:.1} lookups, {percent:.1} % of a step (limit {most:.0} %)");
    }
    std::process::exit(i32::from(failed));
}

struct Bench {
    state: State,
    rules: Rules,
    now: Millis,
}

impl Bench {
    /// Nanoseconds per event.
    fn time(&mut self, events: &[Event]) -> f64 {
        let clock = Instant::now();
        let changes = self.all(events);
        let nanos = clock.elapsed().as_secs_f64() * 1e9 / events.len() as f64;
        assert!(changes >= events.len(), "{changes} changes of {} events: some did nothing", events.len());
        nanos
    }

    fn all(&mut self, events: &[Event]) -> usize {
        let mut changes = 0;
        for event in events {
            let decision = decide(&self.state, &self.rules, self.now, event);
            decision.changes.iter().for_each(|change| self.state.apply(change));
            changes += decision.changes.len();
        }
        changes
    }

    /// Messages on the wire, and what Meta says to them.
    fn leave(&mut self) -> Vec<Event> {
        let first = self.state.counters.next_outbox;
        let entries: Vec<Entry> = self.state.outbox.iter().take(EVENTS as usize).map(|(_, entry)| *entry).collect();
        let mut events = Vec::new();
        for (id, entry) in (first..).map(OutboxId).zip(entries) {
            self.state.apply(&Change::Outbox(id, Entry { delivery: Delivery::InFlight { attempt: 0, since: NOW }, ..entry }));
            events.push(Event::Sent { id, outcome: Outcome::Accepted(support::wamid_hash(id.0 | 1 << 50)) });
        }
        events
    }
}

/// The `nth` message is from this person, always another, with an even number.
fn whom(nth: u32) -> u32 {
    2 * u32::try_from(u64::from(nth) * 2_654_435_761 % u64::from(PEOPLE / 2)).expect("below PEOPLE")
}

/// Asks for the figures: the dearest ordinary message.
fn heard(nth: u32) -> Event {
    let (hash, address) = support::person(whom(nth));
    let (from, unique) = (Identity { hash, alias: Some(support::alias(whom(nth))) }, u64::from(nth) | 1 << 44);
    let (wamid, hash) = (support::wamid(unique), support::wamid_hash(unique));
    Event::Heard(Heard { from, address, wamid, hash, at: NOW, said: Said::Text(Text("Zahlen".into())) })
}

/// What was accepted in `support::town` has reached the phone, of people who did not write.
fn status(nth: u32) -> Event {
    let person = whom(nth) + 1;
    Event::Status(Status { id: None, wamid: support::wamid_hash(u64::from(person) | 1 << 40), at: NOW, news: News::Delivered, price: None })
}

/// Yesterday's value, changed again.
fn figure(rules: &Rules, nth: u32) -> Event {
    let feed = &rules.feeds[0];
    let values = vec![(feed.metrics[0].name.clone(), Value::new(i64::from(nth) + 1_000_001, 0).expect("a figure"))];
    Event::Figure(Figure { as_of: Some(support::YESTERDAY), ..Figure::new(feed.name.clone(), values) })
}

fn lookups(state: &State) -> f64 {
    let rows: HashMap<PersonHash, Person> = state.people.iter().map(|(_, person)| (person.hash, person.clone())).collect();
    let wanted: Vec<PersonHash> = (0..EVENTS).map(|nth| support::person(whom(nth)).0).collect();
    let clock = Instant::now();
    for hash in &wanted {
        black_box(rows.get(hash).cloned());
    }
    clock.elapsed().as_secs_f64() * 1e9 / f64::from(EVENTS)
}

fn commits(store: Store) -> f64 {
    let mut relay = Relay::open(store, support::rules()).expect("loads");
    relay.step(NOW.millis(), &[Event::Started, Event::ClockTrusted]).expect("commits");
    let clock = Instant::now();
    for nth in 0..COMMITS {
        black_box(relay.step(NOW.millis(), &[heard(nth)]).expect("commits"));
    }
    clock.elapsed().as_secs_f64() * 1e9 / f64::from(COMMITS)
}
