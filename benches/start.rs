//! Time and memory of a start with 100,000 and with 1,000,000 subscribers: `Store::open`, `Relay::open` and the first step, in a fresh
//! process each (this program, called again), beside reading the same file in one go and beside redb's own walk over the same rows. Then
//! of the nightly rewrite, step by step until the fresh file has taken over: the peak is that of both together.
//!
//! People are as in `support::town`: each with an alias, an id of 23 bytes and two messages heard, at rest or after a broadcast that
//! reached everyone. The file is in the page cache, and times are those spent on the processor, so that what else runs on the machine
//! counts little.
//!
//! Ends with exit code 1 if the peak is over its limit, or if the start costs many times redb's own walk. 100,000 is what a device is sized
//! for, so its limit holds after a broadcast, too. One million is a benchmark (DESIGN, section 6): its limit is for subscribers at rest,
//! and what a broadcast adds, a message kept for each of them until their windows have been judged, is only reported.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and stops where it cannot go on")]

mod support;

use drk_relay::domain::decision::Change;
use drk_relay::domain::event::Event;
use drk_relay::domain::rewrite::{EVERY, Rewrite};
use drk_relay::domain::time::Timestamp;
use drk_relay::relay::Relay;
use drk_relay::store::Store;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::Path;
use std::process::Command;
use support::{INSTANCE, Mix, NOW, QUIET};

/// Subscribers, what their store holds besides, and the most memory that the process may take (issue "part 3"), in MB of 1,000,000 bytes;
/// `None` where it is only reported.
const ROWS: [(u32, Mix, Option<f64>); 4] = [
    (100_000, Mix::Rested, Some(40.0)),
    (100_000, Mix::Informed, Some(40.0)),
    (1_000_000, Mix::Rested, Some(256.0)),
    (1_000_000, Mix::Informed, None),
];
/// The start decodes every row and builds every index; redb's walk touches every byte and keeps none. Measured: 5 to 18.
const SLOWER_MAX: f64 = 20.0;
/// The rewrite is due a minute after the start, while nobody's reminder is.
const REWRITE: Timestamp = Timestamp(NOW.0 + 60);
const _: () = assert!(REWRITE.0 - NOW.0 < QUIET);

fn main() {
    let mut args = std::env::args().skip_while(|arg| arg != "--child").skip(1);
    if let (Some(what), Some(path)) = (args.next(), args.next()) {
        return child(&what, Path::new(&path));
    }
    let mut failed = false;
    for (count, mix, limit) in ROWS {
        failed |= !row(count, mix, limit);
    }
    std::process::exit(i32::from(failed));
}

/// Makes the file, and measures it; whether it is within the limits.
fn row(count: u32, mix: Mix, limit: Option<f64>) -> bool {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("relay.redb");
    let mut store = Store::open(&path, INSTANCE).expect("opens");
    support::town(&mut store, count, NOW, mix);
    store.commit(&[Change::Rewritten(REWRITE.minus(EVERY))]).expect("commits");
    store.close().expect("closes");
    let megabytes = || std::fs::metadata(&path).expect("a file").len() as f64 / 1e6;
    let before = megabytes();
    let [read, ..] = again("read", &path);
    let [walk, ..] = again("walk", &path);
    let [seconds, resident, at_start, rewriting, steps, peak] = again("start", &path);
    let after = megabytes();
    let slower = seconds / walk;
    let name = match mix {
        Mix::Rested => "at rest",
        Mix::Informed => "after a broadcast",
    };
    let limited = limit.map_or("only reported".to_owned(), |limit| format!("limit {limit}"));
    println!(
        "{count} subscribers {name}: start {seconds:.2} s (reading the file, {before:.0} MB: {read:.2} s; redb's walk: {walk:.2} s, ratio \
         {slower:.1}, limit {SLOWER_MAX}), resident {resident:.1} MB, {:.0} bytes each, peak {at_start:.1} MB\n    the nightly rewrite: \
         {rewriting:.2} s in {steps} steps, {:.2} ms each, to {after:.0} MB; peak of everything {peak:.1} MB ({limited})",
        resident * 1e6 / f64::from(count),
        rewriting * 1e3 / steps,
    );
    limit.is_none_or(|limit| peak <= limit) && slower <= SLOWER_MAX
}

/// Calls this program again. What it measured: the seconds that it took, memory resident and peak in MB then; and of the rewrite, if there
/// was one, the seconds, the steps, and the peak at the end.
fn again(what: &str, path: &Path) -> [f64; 6] {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program).arg("--child").arg(what).arg(path).output().expect("runs");
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = text.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    numbers.try_into().expect("six numbers")
}

fn child(what: &str, path: &Path) {
    let relay = match what {
        "read" => {
            std::hint::black_box(std::fs::read(path).expect("reads"));
            None
        }
        "walk" => {
            std::hint::black_box(walk(path));
            None
        }
        _ => Some(start(path)),
    };
    let seconds = on_processor();
    let megabytes = |line| support::memory(line) as f64 / 1e6;
    let (resident, peak) = (megabytes("VmRSS:"), megabytes("VmHWM:"));
    let steps = relay.map_or(0, rewrite);
    println!("{seconds} {resident} {peak} {} {steps} {}", on_processor() - seconds, megabytes("VmHWM:"));
}

fn start(path: &Path) -> Relay {
    let store = Store::open(path, INSTANCE).expect("opens");
    let mut relay = Relay::open(store, support::rules()).expect("loads");
    let effects = relay.step(NOW.millis(), &[Event::Started, Event::ClockTrusted]).expect("commits");
    assert!(effects.is_empty(), "nothing is due at this second");
    relay
}

/// From when the rewrite is due until the fresh file has taken over, as a quiet night drives it: a step for each page; how many. Nothing
/// else is due by then.
fn rewrite(mut relay: Relay) -> u32 {
    let mut now = NOW.millis();
    let mut steps = 0;
    while relay.state().rewritten != Some(REWRITE) {
        now = relay.next_deadline(now).expect("a page, or the rewrite itself");
        assert_eq!(now, REWRITE.millis(), "nothing but the rewrite is due");
        let effects = relay.step(now, &[]).expect("commits");
        assert!(effects.is_empty(), "a rewrite says nothing to anybody");
        steps += 1;
    }
    assert_eq!(relay.state().rewrite, Rewrite::Resting, "the rewrite has ended");
    steps
}

/// The bytes of all rows, as redb hands them out.
fn walk(path: &Path) -> usize {
    let database = Database::builder().set_cache_size(4 << 20).open(path).expect("opens");
    let transaction = database.begin_read().expect("reads");
    let mut bytes = 0;
    for name in ["people", "addresses"] {
        let table = transaction.open_table(TableDefinition::<u32, &[u8]>::new(name)).expect("a table");
        bytes += table.iter().expect("reads").map(|row| row.expect("reads").1.value().len()).sum::<usize>();
    }
    for name in ["outbox", "seen"] {
        let table = transaction.open_table(TableDefinition::<u64, &[u8]>::new(name)).expect("a table");
        bytes += table.iter().expect("reads").map(|row| row.expect("reads").1.value().len()).sum::<usize>();
    }
    bytes
}

/// Seconds that this process has spent on a processor.
fn on_processor() -> f64 {
    let schedule = std::fs::read_to_string("/proc/self/schedstat").expect("Linux");
    schedule.split_whitespace().next().and_then(|nanos| nanos.parse::<f64>().ok()).expect("nanoseconds") / 1e9
}
