//! As many simulated lives as you like: the worlds of `tests/sim` under more seeds than a test has time for, and the herd with as many
//! people as fit into memory.
//!
//! ```text
//! cargo run --release --example simulate -- --seeds 10000
//! cargo run --release --example simulate -- --seed 4711        one life; if a promise breaks, with its last steps
//! cargo run --release --example simulate -- --herd 100000
//! cargo run --release --example simulate -- --keep fuzz/corpus/life     lives of bytes, for the fuzzer to begin with
//! ```
//!
//! Ends with exit code 1 if a promise breaks.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "it stops where it cannot go on, and talks to a terminal")]
#![allow(dead_code, reason = "the tests use more of the world than this does")]

#[path = "../tests/sim/choices.rs"]
mod choices;
#[path = "../tests/sim/disk.rs"]
mod disk;
#[path = "../tests/sim/excuses.rs"]
mod excuses;
#[path = "../tests/sim/herd.rs"]
mod herd;
#[path = "../tests/sim/life.rs"]
mod life;
#[path = "../tests/sim/meta.rs"]
mod meta;
#[path = "../tests/sim/people.rs"]
mod people;
#[path = "../tests/sim/process.rs"]
mod process;
#[path = "../tests/sim/promises.rs"]
mod promises;
#[path = "../tests/sim/publishers.rs"]
mod publishers;
#[path = "../tests/sim/rows.rs"]
mod rows;
#[path = "../tests/sim/sends.rs"]
mod sends;
#[path = "../tests/sim/silence.rs"]
mod silence;
#[path = "../tests/sim/traffic.rs"]
mod traffic;
#[path = "../tests/sim/world.rs"]
mod world;

use choices::Choices;
use clap::Parser;
use drk_relay::domain::rules::RATE;
use drk_relay::port::clock::Clock;
use herd::{broadcast, herd, least_pull, missed_without_pacing};
use life::{MUST_HAPPEN, Total, live};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Random bytes of a life at most: a longer one would be cut down anyway.
const BYTES: u64 = 3_000;
/// Pieces shorter than this are not tried without: each trial is a life.
const PIECE: usize = 32;
/// A year in milliseconds.
const YEAR: f64 = 365.25 * 86_400_000.0;

/// Lives simulated worlds and tells whether every promise held.
#[derive(Parser)]
struct Arguments {
    /// So many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// This seed alone.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Things that happen in each life.
    #[arg(long, default_value_t = 300)]
    actions: u32,
    /// Go on after a failure, and name every seed that fails.
    #[arg(long)]
    all: bool,
    /// A herd of so many people instead, whose windows close in the same second.
    #[arg(long)]
    herd: Option<u32>,
    /// Lives of random bytes instead. For everything that happens in no file of this folder yet, a short one is added.
    #[arg(long, conflicts_with_all = ["seed", "herd"])]
    keep: Option<PathBuf>,
}

/// Seeds that failed, and what the check said.
type Failures = BTreeMap<u64, String>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(people) = arguments.herd {
        return if herds(people) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    if let Some(folder) = arguments.keep {
        std::panic::set_hook(Box::new(|_| ()));
        keep(&folder, arguments.from, arguments.seeds);
        return ExitCode::SUCCESS;
    }
    let (from, count) = arguments.seed.map_or((arguments.from, arguments.seeds), |seed| (seed, 1));
    let clock = Clock::System;
    let begin = clock.now();
    // What a check says is told below, once, and not by every thread in between.
    std::panic::set_hook(Box::new(|_| ()));
    let (total, failures) = everything(from, count, arguments.actions, arguments.all);
    let seconds = clock.now().since(begin) as f64 / 1_000.0;
    report(&total, seconds);
    let Some((seed, _)) = failures.first_key_value() else {
        println!("Every promise held.");
        return ExitCode::SUCCESS;
    };
    if arguments.all {
        failures.iter().for_each(|(seed, said)| println!("seed {seed}: {said}"));
    }
    tell(*seed, arguments.actions);
    ExitCode::FAILURE
}

/// Two herds, one that hears nothing new, and one whose figures arrive ten minutes before the closing; and a broadcast. Whether nobody
/// was missed, and the rate was used.
fn herds(people: u32) -> bool {
    let rate = f64::from(RATE);
    let (quiet, figures, share) = (herd(people, false), herd(people, true), broadcast(people));
    println!("nothing new:  {quiet}");
    println!("figures 10 minutes before:  {figures}");
    println!("without pacing, all at 23:59:00:  {} missed", missed_without_pacing(people.into()));
    println!(
        "reminders have to be pulled forward by {:.1} s on average at 80 % of {RATE}/s, by {:.1} s at all of it, and by {:.1} s if the \
         last leaves in the last permitted second",
        least_pull(people.into(), 0.8 * rate, 0.0),
        least_pull(people.into(), rate, 0.0),
        least_pull(people.into(), rate, 55.0)
    );
    println!("a broadcast uses {share:.4} of the rate");
    quiet.missed + figures.missed == 0 && share >= 0.98
}

/// Every seed, on every core.
fn everything(from: u64, count: u64, actions: u32, all: bool) -> (Total, Failures) {
    let (next, failed) = (AtomicU64::new(from), AtomicBool::new(false));
    let results = Mutex::new((Total::default(), Failures::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while all || !failed.load(Relaxed) {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= from + count {
                        return;
                    }
                    let lived = live(&Choices::seed(seed), actions);
                    let mut results = results.lock().expect("no thread panics with it");
                    match lived {
                        Ok(world) => results.0.add(&world),
                        Err(broken) => {
                            results.1.insert(seed, said(broken.panic.as_ref()));
                            failed.store(true, Relaxed);
                        }
                    }
                }
            });
        }
    });
    results.into_inner().expect("no thread panics with it")
}

fn report(total: &Total, seconds: f64) {
    let years = total.millis as f64 / YEAR;
    println!("{years:.1} simulated years in {seconds:.1} s: {:.0} years a minute", years * 60.0 / seconds);
    println!("{} events, {} power cuts", total.events, total.counted("power cut"));
    total.coverage.iter().for_each(|(what, times)| println!("{times:>10}  {what}"));
    for what in total.missing() {
        println!("     never  {what}");
    }
}

/// What happened before a promise broke, and how to see it again.
fn tell(seed: u64, actions: u32) {
    if let Err(broken) = live(&Choices::seed(seed), actions) {
        println!("Seed {seed} broke a promise. The last steps before:\n{}", broken.last.join("\n"));
        println!("{}", said(broken.panic.as_ref()));
        println!("Once more: cargo run --release --example simulate -- --seed {seed} --actions {actions}");
    }
}

/// What happened in the life of these bytes; nothing, if it broke a promise: that is for the fuzzer to find.
fn happened(bytes: &[u8]) -> BTreeSet<&'static str> {
    live(&Choices::bytes(bytes), u32::MAX).map(|world| world.coverage.into_keys().collect()).unwrap_or_default()
}

/// Adds files, for the rarest first, because what is common happens beside it.
fn keep(folder: &Path, from: u64, count: u64) {
    let read = |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file.expect("readable").path()).expect("readable");
    let mut known: BTreeSet<_> = std::fs::read_dir(folder).expect("a folder").flat_map(|file| happened(&read(file))).collect();
    // How often it has happened, and the seed of the shortest bytes in which it did.
    let mut found: BTreeMap<&str, (u32, u64)> = BTreeMap::new();
    for seed in from..from + count {
        for what in happened(&random(seed)) {
            let (times, shortest) = found.entry(what).or_insert((0, seed));
            *times += 1;
            *shortest = [*shortest, seed].into_iter().min_by_key(|seed| random(*seed).len()).unwrap_or(seed);
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|(_, (times, _))| *times);
    for (what, (_, seed)) in found {
        if !known.contains(what) {
            let bytes = cut(random(seed), what);
            std::fs::write(folder.join(what.replace(|c: char| !c.is_alphanumeric(), "-")), &bytes).expect("written");
            known.extend(happened(&bytes));
        }
    }
    let missing: Vec<_> = MUST_HAPPEN.into_iter().filter(|what| !known.contains(what)).collect();
    println!("{} things happen in the files of {}, and never: {missing:?}", known.len(), folder.display());
}

fn random(seed: u64) -> Vec<u8> {
    let mut random = Choices::seed(seed);
    (0..random.below(BYTES)).map(|_| random.below(256) as u8).collect()
}

/// As few of the bytes as it takes for this to happen still: pieces are left out, long ones first.
fn cut(mut bytes: Vec<u8>, what: &str) -> Vec<u8> {
    let mut piece = bytes.len() / 2;
    while piece >= PIECE {
        let mut end = bytes.len();
        while end > 0 {
            let start = end.saturating_sub(piece);
            let without = [&bytes[..start], &bytes[end..]].concat();
            if happened(&without).contains(what) {
                bytes = without;
            }
            end = start;
        }
        piece /= 2;
    }
    bytes
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "it does not say why".to_owned())
}
