//! Deterministic simulation: the real core on a simulated disk, seeds for chance. No wall clock: a failing seed fails again.
#![expect(clippy::expect_used, clippy::print_stderr, reason = "a test stops where it cannot go on, and says which seed")]

mod boot;
mod choices;
mod damage;
mod disk;
mod excuses;
mod herd;
mod life;
mod meta;
mod month;
mod people;
mod process;
mod promises;
mod publishers;
#[cfg(feature = "simulator")]
mod replay;
mod restore;
mod rewrite;
mod rows;
mod sends;
mod silence;
mod store;
mod traffic;
mod world;

use choices::Choices;
use drk_relay::domain::rules::RATE;
use herd::{least_pull, missed_without_pacing};
use life::{Total, come_to_rest, live, traced};
use std::fs;
use std::panic::resume_unwind;
use std::path::Path;
use world::World;

/// Seeds of a normal run, and actions in each.
const SEEDS: u64 = 1_200;
const ACTIONS: u32 = 300;
/// What they must amount to at least.
const EVENTS: u64 = 1_000_000;
const POWER_CUTS: u64 = 10_000;
/// Seeds whose trace is compared with itself.
const REPEATED: u64 = 6;
/// Lives that are driven by bytes, and how many.
const FUZZED: u64 = 8;
const BYTES: u64 = 3_000;
/// Files that are kept for the fuzzer to begin with, at least; and what may be missing of what must happen, in all of them together. If the
/// simulator chooses otherwise than before, the bytes mean something else: empty the folder, and `examples/simulate.rs --keep` fills it.
const KEPT: usize = 12;
const MISSING: usize = 8;
/// People in a crowd: three times as many as there are slots.
const CROWD: u64 = 200;
/// People in the herd.
const HERD: u32 = 5_000;
const HOUR: u64 = 3_600_000;

#[test]
fn promises_hold_whatever_happens() {
    let half = |first: u64| move || (first..SEEDS).step_by(2).fold(Total::default(), lived);
    let total = std::thread::scope(|scope| {
        let (even, odd) = (scope.spawn(half(0)), scope.spawn(half(1)));
        [even, odd].into_iter().fold(Total::default(), |mut total, thread| {
            total.merge(&thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            total
        })
    });
    let (events, cuts) = (total.events, total.counted("power cut"));
    println!("{SEEDS} seeds, {:.1} simulated years, {events} events, {cuts} power cuts", total.millis as f64 / 3.156e10);
    println!("{:#?}", total.coverage);
    assert_eq!(total.missing(), Vec::<&str>::new(), "never happened");
    assert!(events >= EVENTS && cuts >= POWER_CUTS, "too little: {events} events, {cuts} power cuts");
}

fn lived(mut total: Total, seed: u64) -> Total {
    match live(&Choices::seed(seed), ACTIONS) {
        Ok(world) => total.add(&world),
        Err(broken) => {
            eprintln!("seed {seed} broke a promise; the last steps before:\n{}", broken.last.join("\n"));
            resume_unwind(broken.panic);
        }
    }
    total
}

#[test]
fn same_seed_same_trace() {
    let text = |choices: &Choices| traced(choices, ACTIONS).trace.unwrap_or_default();
    for seed in 0..REPEATED {
        let choices = Choices::seed(seed);
        let (first, second) = (text(&choices), text(&choices));
        for (one, other) in first.iter().zip(&second) {
            assert_eq!(one, other, "seed {seed}");
        }
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
    let crowd = || {
        let mut world = World::crowd(1, CROWD);
        world.trace = Some(Vec::new());
        world.everybody_subscribes();
        (0..5).for_each(|_| world.publish());
        world.pass(HOUR);
        world.trace
    };
    assert!(crowd() == crowd(), "a crowd's trace differs from run to run");
}

/// What a fuzzer does, with bytes that nobody has chosen well: every life comes to rest, whenever they end.
#[test]
fn bytes_make_a_life_too() {
    for seed in 0..FUZZED {
        let mut random = Choices::seed(seed);
        let bytes: Vec<u8> = (0..random.below(BYTES)).map(|_| random.below(256) as u8).collect();
        let lived = live(&Choices::bytes(&bytes), u32::MAX);
        if let Err(broken) = lived {
            eprintln!("bytes of seed {seed} broke a promise; the last steps before:\n{}", broken.last.join("\n"));
            resume_unwind(broken.panic);
        }
    }
}

/// What is kept for the fuzzer and what it has found: every file is a life that comes to rest, and nearly everything happens in them.
#[test]
fn every_kept_life_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/life");
    let mut files: Vec<_> = fs::read_dir(folder).expect("a folder").map(|file| file.expect("readable").path()).collect();
    files.sort();
    let mut total = Total::default();
    for file in &files {
        match live(&Choices::bytes(&fs::read(file).expect("readable")), u32::MAX) {
            Ok(world) => total.add(&world),
            Err(broken) => {
                eprintln!("{} broke a promise; the last steps before:\n{}", file.display(), broken.last.join("\n"));
                resume_unwind(broken.panic);
            }
        }
    }
    let missing = total.missing();
    assert!(files.len() >= KEPT && missing.len() <= MISSING, "{} files, and never: {missing:?}", files.len());
}

/// More people than slots and tokens, closing in the same seconds: the slots are all taken, and everyone gets one publication or one
/// reminder a day, never both.
#[test]
fn a_crowd_is_served_within_the_limits() {
    let mut world = World::crowd(7, CROWD);
    world.slow = 3_000;
    world.everybody_subscribes();
    world.pass(12 * HOUR);
    world.pass(13 * HOUR);
    assert_eq!((world.counted("reminder"), world.counted("publication")), (CROWD, 0), "nothing was published");
    world.everybody_subscribes();
    (0..20).for_each(|_| world.publish());
    world.pass(HOUR);
    assert!(everybody_has_the_newest(&world), "not everyone got the publication within the hour");
    world.pass(25 * HOUR);
    assert_eq!(world.counted("reminder"), CROWD, "a publication spares the reminder");
    assert!(world.counted("publication") >= CROWD, "not everyone got the publication");
    assert!(world.coverage.contains_key("all slots taken"), "the crowd was too small, or Meta too quick");
    come_to_rest(&mut world);
}

/// Whether no subscriber lacks the newest publication.
fn everybody_has_the_newest(world: &World) -> bool {
    let state = world.relay.state();
    let mut subscriptions = state.people.iter().filter_map(|(_, person)| person.talk.subscription());
    subscriptions.all(|subscription| subscription.revision >= state.revision_of(subscription.feeds))
}

/// Promise 4: thousands of windows that close in the same second, and nobody is missed. The example asks 100,000.
#[test]
fn a_herd_is_asked_in_time() {
    let (people, planned) = (u64::from(HERD), f64::from(RATE) * 0.8);
    let (quiet, least) = (herd::herd(HERD, false), least_pull(people, planned, 0.0));
    println!("{quiet}\nat 80 % of the rate {least:.1} s on average at least; without pacing {} missed", missed_without_pacing(people));
    assert_eq!((quiet.missed, quiet.only_reminded), (0, HERD as usize));
    assert!((least..least + 2.0).contains(&quiet.pulled_mean), "as early as the rate requires, and no earlier: {quiet}");
    assert!(missed_without_pacing(people) > 0, "too few to need any pacing");
    // Before any pacing begins; and in its midst, when some have been asked already.
    let many = herd::herd(8 * HERD, true);
    println!("{many}");
    assert_eq!((many.missed, many.overtaken), (0, 0), "{many}");
    assert!(many.only_reminded + many.both > 0 && many.only_published > 0, "the figures came too early or too late: {many}");
}

/// Promise 3: as fast as permitted.
#[test]
fn a_broadcast_uses_the_rate() {
    let share = herd::broadcast(HERD);
    println!("{share:.4} of {RATE} a second");
    assert!((0.98..1.01).contains(&share), "{share}");
}

/// The last photo of an album arrives a day late, after the reminder and before the closing: the window that it belongs to has had its
/// reminder.
#[test]
fn a_late_photo_brings_no_second_reminder() {
    let mut world = World::crowd(3, 4);
    world.everybody_subscribes();
    world.everybody_sends_an_album(24 * HOUR - 30_000);
    world.pass(25 * HOUR);
    assert_eq!(world.counted("reminder"), 4);
    come_to_rest(&mut world);
}
