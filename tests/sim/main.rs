//! Deterministic simulation: the real core on a simulated disk, seeds for chance. No wall clock: a failing seed fails again.
#![expect(clippy::expect_used, clippy::print_stderr, reason = "a test stops where it cannot go on, and says which seed")]

mod choices;
mod damage;
mod disk;
mod meta;
mod people;
mod promises;
#[cfg(feature = "simulator")]
mod replay;
mod rewrite;
mod silence;
mod store;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use world::World;

/// Seeds of a normal run, and actions in each.
const SEEDS: u64 = 300;
const ACTIONS: u32 = 300;
/// Seeds whose trace is compared with itself.
const REPEATED: u64 = 12;
/// Steps shown when a promise breaks.
const LAST: usize = 16;
/// People in a crowd: three times as many as there are slots.
const CROWD: u64 = 200;
const HOUR: u64 = 3_600_000;

/// Every fault and every turn of the conversation must really have happened.
const MUST_HAPPEN: [&str; 37] = [
    "a place",
    "a place, taken",
    "accepted, then failed",
    "account refused",
    "answer lost, outcome unknown",
    "burst",
    "clock lost at start",
    "clock step",
    "disk error",
    "duplicate webhook",
    "failed commit",
    "hint",
    "lapsed",
    "lapsed, and back",
    "late status",
    "no place",
    "orphaned",
    "orphaned, and back",
    "power cut",
    "power cut between commit and send",
    "power cut during recovery",
    "probe",
    "publication",
    "publication in parts",
    "redelivered publish",
    "reminder",
    "request lost, outcome unknown",
    "restriction",
    "send not written",
    "send refused",
    "send throttled",
    "status without callback data",
    "stopped",
    "subscribed",
    "two feeds in one publication",
    "webhook a day late",
    "webhook late, out of order",
];

#[test]
fn promises_hold_whatever_happens() {
    let half = |first: u64| move || (first..SEEDS).step_by(2).map(|seed| live(seed).coverage).collect::<Vec<_>>();
    let coverages = std::thread::scope(|scope| {
        let (even, odd) = (scope.spawn(half(0)), scope.spawn(half(1)));
        [even, odd].into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect::<Vec<_>>()
    });
    let mut total: BTreeMap<&str, u64> = BTreeMap::new();
    for (what, times) in coverages.into_iter().flatten() {
        *total.entry(what).or_default() += times;
    }
    println!("{total:#?}");
    for what in MUST_HAPPEN {
        assert!(total.contains_key(what), "never happened: {what}");
    }
}

#[test]
fn same_seed_same_trace() {
    for seed in 0..REPEATED {
        let (first, second) = (live(seed), live(seed));
        for (one, other) in first.trace.iter().zip(&second.trace) {
            assert_eq!(one, other, "seed {seed}");
        }
        assert_eq!(first.trace.len(), second.trace.len(), "seed {seed}");
    }
    let crowd = || {
        let mut world = World::crowd(1, CROWD);
        world.everybody_subscribes();
        (0..5).for_each(|_| world.publish());
        world.pass(HOUR);
        world.trace
    };
    assert!(crowd() == crowd(), "a crowd's trace differs from run to run");
}

/// More people than slots and tokens, closing in the same seconds: the slots are all taken, and everyone gets one publication or one
/// reminder a day, never both.
#[test]
fn a_crowd_is_served_within_the_limits() {
    let mut world = World::crowd(7, CROWD);
    world.slow = 3_000;
    world.everybody_subscribes();
    world.pass(12 * HOUR);
    let reminders = |world: &World| world.coverage.get("reminder").copied().unwrap_or(0);
    let publications = |world: &World| world.coverage.get("publication").copied().unwrap_or(0);
    world.pass(13 * HOUR);
    assert_eq!((reminders(&world), publications(&world)), (CROWD, 0), "nothing was published");
    world.everybody_subscribes();
    (0..20).for_each(|_| world.publish());
    world.pass(HOUR);
    assert!(world.everybody_has_the_newest(), "not everyone got the publication within the hour");
    world.pass(25 * HOUR);
    assert_eq!(reminders(&world), CROWD, "a publication spares the reminder");
    assert!(publications(&world) >= CROWD, "not everyone got the publication");
    assert!(world.coverage.contains_key("all slots taken"), "the crowd was too small, or Meta too quick");
    come_to_rest(&mut world);
}

/// The last photo of an album arrives a day late, after the reminder and before the closing: the window that it belongs to has had its
/// reminder.
#[test]
fn a_late_photo_brings_no_second_reminder() {
    let mut world = World::crowd(3, 4);
    world.everybody_subscribes();
    world.everybody_sends_an_album(24 * HOUR - 30_000);
    world.pass(25 * HOUR);
    assert_eq!(world.coverage.get("reminder"), Some(&4));
    come_to_rest(&mut world);
}

/// One world from its beginning to its quiet end. Names the seed if a promise breaks.
fn live(seed: u64) -> World {
    let mut world = World::new(seed);
    let lived = catch_unwind(AssertUnwindSafe(|| {
        (0..ACTIONS).for_each(|_| world.act());
        come_to_rest(&mut world);
    }));
    if let Err(panic) = lived {
        let last = world.trace.len().saturating_sub(LAST);
        eprintln!("seed {seed} broke a promise; the last steps before:\n{}", world.trace[last..].join("\n"));
        resume_unwind(panic);
    }
    world
}

/// Faults stop, and nothing is restarted: work that never ends or never starts shows only here.
fn come_to_rest(world: &mut World) {
    world.faults = false;
    // A restriction lasts six hours at most, and then a probe has to get through.
    world.pass(8 * HOUR);
    let state = world.relay.state();
    assert!(!state.broadcasting(), "a broadcast never ends");
    assert_eq!((state.outbox.queued(), state.outbox.in_flight()), (0, 0), "messages wait for ever");
    world.pass(60 * HOUR);
    let state = world.relay.state();
    assert!(state.addresses.is_empty(), "addresses are kept for ever");
    world.pass(9 * 24 * HOUR);
    let state = world.relay.state();
    assert!(state.people.is_empty() && state.seen.is_empty() && state.outbox.iter().next().is_none(), "rows are kept for ever");
}
