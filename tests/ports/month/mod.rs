//! A month of a branch through the real `run()`, by a clock that goes fast where nothing happens: people with and without numbers, names
//! and texts, who answer, fall silent, stop, move and come back; a token that dies, messages that fail, restarts, backups. Meanwhile and
//! afterwards every byte of every file in the state directory and of the log at its finest level is searched for them (promise 10). Judges
//! no other promise: those are for `replay` and `tests/sim`.
//!
//! Finding nothing proves something only because the search finds what is planted (`search`), because it finds all of it in what Meta sent,
//! and because it finds the BSUIDs in the store as long as they may be there.

mod people;
mod search;
mod tables;
mod town;

use crate::program::{Machine, Place, TOKEN, VERIFY_TOKEN};
use crate::webhook::SECRET;
use drk_relay::command::journal::journal;
use drk_relay::config::Config;
use drk_relay::domain::decision::Change;
use drk_relay::domain::ids::InstanceId;
use drk_relay::domain::time::Millis;
use drk_relay::port::clock::Clock;
use drk_relay::port::events::{Keeper, Keeping};
use drk_relay::store::Store;
use people::TEXTS;
use search::{Found, Kind, Needle, Search};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use town::Town;
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// What people are sent, in part: it is in no log, either. The store keeps the question, as part of the proof of consent.
const SENT: [&str; 2] = ["Ohne Antwort endet", "Es liegen aktuell keine neuen Zahlen vor"];
/// A month has something to say at each of these, or the log was not at its finest.
const LEVELS: [&str; 4] = [" TRACE ", " DEBUG ", " INFO ", " WARN "];

/// Where the log goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that identifies somebody or opens something.
fn needles() -> Vec<Needle> {
    let mut needles = people::needles();
    needles.extend(TEXTS.map(|text| Needle::new(Kind::Text, text)));
    needles.extend([TOKEN, SECRET, VERIFY_TOKEN].map(|secret| Needle::new(Kind::Secret, secret)));
    needles.push(Needle::new(Kind::Wamid, "wamid."));
    needles
}

/// Searches every file, now: what may be there (addresses in the store), and what must not, as sentences. What is erased is gone from the
/// file a day later (promise 10).
fn look(search: &Search, town: &Town, state_dir: &Path) -> (BTreeSet<String>, Vec<String>) {
    let (now, mut known, mut trespasses) = (town.now(), BTreeSet::new(), Vec::new());
    for path in files(state_dir) {
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            // The file that is being made anew has just taken the place of the other.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => panic!("{}: {error}", path.display()),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for found in search.find(&bytes) {
            if name.starts_with("relay.redb") && town.may_be_kept(&found, now, DAY) {
                known.insert(found.1);
            } else {
                trespasses.push(format!("{found:?} in {name} at {now:?}"));
            }
        }
    }
    (known, trespasses)
}

/// All files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("readable") {
        let entry = entry.expect("readable");
        let kind = entry.file_type().expect("known");
        if kind.is_dir() {
            files.extend(self::files(&entry.path()));
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    files
}

/// The log since the last time: nothing in it, and how many lines of each level.
fn judge_log(search: &Search, bytes: &[u8], lines: &mut BTreeMap<&'static str, usize>) {
    let log = String::from_utf8_lossy(bytes);
    let found = search.find(bytes);
    let said = |(_, text, _): &Found| log.lines().find(|line| line.contains(text)).map(str::to_owned);
    assert!(found.is_empty(), "{found:?} in the log: {:?}", found.iter().map(said).collect::<Vec<_>>());
    for level in LEVELS {
        *lines.entry(level).or_default() += log.lines().filter(|line| line.contains(level)).count();
    }
}

/// Whether everything that is looked for would be found here, in a file of its own and in the store.
fn plant(search: &Search, town: &Town, state_dir: &Path) {
    let planted = state_dir.join("planted");
    for needle in needles() {
        let utf16: Vec<u8> = needle.text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(&planted, [b"\0\xff", utf16.as_slice()].concat()).expect("room");
        let (_, trespasses) = look(search, town, state_dir);
        assert!(trespasses.iter().any(|found| found.contains(&format!("{:?}", needle.text))), "{needle:?} was not found");
    }
    fs::remove_file(planted).expect("ours");
    let path = state_dir.join("relay.redb");
    let mut store = Store::open(&path, InstanceId(0)).expect("a store that nobody holds");
    store.commit(&[Change::Wording(7, people::anna().name.into())]).expect("room");
    store.close().expect("room");
    assert!(look(search, town, state_dir).1.iter().any(|found| found.contains("relay.redb")), "the store's bytes hide what is in a row");
    assert!(!tables::judge(&path, search, town).1.is_empty(), "the tables hide what is in a row");
}

/// As `drk-relay run` does it, but at the finest level: where the log goes, and who keeps of it what must outlive a power cut.
fn listen(state_dir: &Path) -> (Log, Keeper) {
    let log = Log::default();
    let writer = log.clone();
    let (keeper, keeping) = Keeper::start(state_dir, Clock::System, None);
    let journal = journal(Level::TRACE, move || writer.clone());
    let subscriber = tracing_subscriber::registry().with(journal).with(keeping.with_filter(filter_fn(Keeping::wants)));
    tracing::subscriber::set_global_default(subscriber).expect("no other test of this program listens to all threads");
    (log, keeper)
}

#[tokio::test]
async fn a_month_later_nobody_is_found() {
    let search = Search::new(needles());
    let in_the_log = Search::new(needles().into_iter().chain(SENT.map(|text| Needle::new(Kind::Text, text))));

    let (broker, api) = (Place::reserve(), Place::reserve());
    let machine = Machine::new(broker.address, api.address);
    let config = Config::load(&machine.path("relay.toml")).expect("a good one");
    let (log, keeper) = listen(&config.state_dir);
    let start = Millis(Clock::System.now().0 / DAY * DAY + 6 * HOUR);
    let mut town = Town::new(start, broker, api, machine.webhook.address);
    people::plan(&mut town, start);
    assert_eq!(search.find(&town.heard()), BTreeSet::new(), "nothing was said yet");

    let (mut lines, mut seen, mut rows) = (BTreeMap::new(), BTreeSet::new(), 0);
    while town.live(&config).await {
        let (known, trespasses) = look(&search, &town, &config.state_dir);
        assert_eq!(trespasses, Vec::<String>::new());
        seen.extend(known);
        if !town.runs() {
            let (looked_at, trespasses) = tables::judge(&config.state_dir.join("relay.redb"), &search, &town);
            assert_eq!(trespasses, Vec::<String>::new());
            rows += looked_at;
        }
        judge_log(&in_the_log, &log.take(), &mut lines);
    }
    judge_log(&in_the_log, &log.take(), &mut lines);
    println!("lines {lines:?}, {rows} rows, {} messages to people; {:?}", town.sent(), town.happened());
    keeper.finish();
    let kept = fs::read_to_string(config.state_dir.join("events.jsonl")).expect("it was there a month");
    assert!(["\"started\"", "\"stopped\"", "\"warn\""].iter().all(|word| kept.contains(word)), "{kept}");
    let left = look(&search, &town, &config.state_dir);
    assert_eq!(left, (BTreeSet::new(), Vec::new()), "everybody has been silent for days, and is still in a file");

    assert!(LEVELS.iter().all(|level| lines[level] > 0), "{lines:?}: that was not the finest level");
    let met: BTreeSet<Kind> = search.find(&town.heard()).into_iter().map(|(kind, ..)| kind).collect();
    let all = [Kind::Phone, Kind::Bsuid, Kind::Name, Kind::Text, Kind::Wamid];
    assert_eq!(met, BTreeSet::from(all), "Meta sent everything that was looked for");
    let kept = people::kept_by_bsuid().into_iter().map(|person| person.user_id).chain([people::kept_by_number().text]);
    assert_eq!(seen, kept.collect(), "who was in the store while their window was open");
    assert!(rows > 0);
    town.judge();
    plant(&search, &town, &config.state_dir);
}
