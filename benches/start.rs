//! Time and memory of a start with 100,000 and with 1,000,000 subscribers: `Store::open`, `Relay::open` and the first step, in a fresh
//! process each (this program, called again), beside reading the same file in one go and beside redb's own walk over the same rows.
//!
//! People are as in `support::town`: each with an alias, an id of 23 bytes and two messages heard, at rest or after a broadcast that
//! reached everyone. The file is in the page cache, and times are those
//! spent on the processor, so that what else runs on the machine counts little. Ends with exit code 1 if memory is over its limit, or
//! if the start costs many times redb's own walk.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and stops where it cannot go on")]

mod support;

use drk_relay::domain::event::Event;
use drk_relay::relay::Relay;
use drk_relay::store::Store;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::Path;
use std::process::Command;
use support::{INSTANCE, Mix, NOW};

/// Subscribers, and the most memory that the process may take (issue "part 3"), in MB of 1,000,000 bytes.
const SIZES: [(u32, f64); 2] = [(100_000, 40.0), (1_000_000, 256.0)];
/// The start decodes every row and builds every index; redb's walk touches every byte and keeps none. Measured: 5 to 18.
const SLOWER_MAX: f64 = 20.0;

fn main() {
    let mut args = std::env::args().skip_while(|arg| arg != "--child").skip(1);
    if let (Some(what), Some(path)) = (args.next(), args.next()) {
        return child(&what, Path::new(&path));
    }
    let mut failed = false;
    for (count, limit) in SIZES {
        for (name, mix) in [("at rest", Mix::Rested), ("after a broadcast", Mix::Informed)] {
            failed |= !row(count, limit, name, mix);
        }
    }
    std::process::exit(i32::from(failed));
}

/// Makes the file, and measures it; whether it is within the limits.
fn row(count: u32, limit: f64, name: &str, mix: Mix) -> bool {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("relay.redb");
    let mut store = Store::open(&path, INSTANCE).expect("opens");
    support::town(&mut store, count, NOW, mix);
    store.close().expect("closes");
    let file = std::fs::metadata(&path).expect("a file").len() as f64 / 1e6;
    let read = again("read", &path);
    let walk = again("walk", &path);
    let start = again("start", &path);
    let slower = start.seconds / walk.seconds;
    println!(
        "{count} subscribers {name}: start {:.2} s (reading the file, {file:.0} MB: {:.2} s; redb's walk: {:.2} s, ratio {slower:.1}, \
         limit {SLOWER_MAX}), resident {:.1} MB, peak {:.1} MB (limit {limit}), {:.0} bytes each",
        start.seconds,
        read.seconds,
        walk.seconds,
        start.resident,
        start.peak,
        start.resident * 1e6 / f64::from(count),
    );
    start.peak <= limit && slower <= SLOWER_MAX
}

/// What a fresh process measured.
struct Figures {
    seconds: f64,
    resident: f64,
    peak: f64,
}

/// Calls this program again.
fn again(what: &str, path: &Path) -> Figures {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program).arg("--child").arg(what).arg(path).output().expect("runs");
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text.split_whitespace().map(|number| number.parse::<f64>().expect("a number"));
    let mut next = || numbers.next().expect("three numbers");
    Figures { seconds: next(), resident: next(), peak: next() }
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
    let relay = relay.map(rewrite);
    println!("{seconds} {} {}", status("VmRSS:"), status("VmHWM:"));
    drop(relay);
}

fn start(path: &Path) -> Relay {
    let store = Store::open(path, INSTANCE).expect("opens");
    let mut relay = Relay::open(store, support::rules()).expect("loads");
    let effects = relay.step(NOW.millis(), &[Event::Started, Event::ClockTrusted]).expect("commits");
    assert!(effects.is_empty(), "nothing is due at this second");
    relay
}

/// The place where the nightly rewrite is driven until the fresh file has taken over: its peak counts. This tree has none yet.
fn rewrite(relay: Relay) -> Relay {
    relay
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

/// A line of `/proc/self/status`, in MB.
fn status(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel says so");
    line.trim().trim_end_matches("kB").trim().parse::<f64>().expect("a number") * 1024.0 / 1e6
}
