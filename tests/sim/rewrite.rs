//! The store's file is made anew while the relay goes on: whatever fails and whenever, what was acknowledged is there, what was erased is
//! gone, and a half-finished file never wins. Rows mean nothing here.

use super::choices::Choices;
use super::disk::{Disk, LIVE, Room};
use super::world::rules;
use drk_relay::domain::conversation::{Person, Talk};
use drk_relay::domain::decision::Change;
use drk_relay::domain::event::Event;
use drk_relay::domain::ids::{Address, Bsuid, InstanceId, PersonHash, PersonId, WamidHash};
use drk_relay::domain::rewrite::EVERY;
use drk_relay::domain::state::State;
use drk_relay::domain::time::{Millis, Timestamp};
use drk_relay::domain::window::Window;
use drk_relay::relay::Relay;
use drk_relay::store::{Progress, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};

const SEEDS: u64 = 120;
const ACTIONS: u32 = 120;
/// Every third of these begins with more people than fit on a page.
const CROWD: u32 = 600;
const NOW: Timestamp = Timestamp(1_792_836_000);
const DAY: u32 = 24 * 3600;

/// Every fault must really have happened.
const MUST_HAPPEN: [&str; 12] = [
    "committed between two pages",
    "cut",
    "cut during a rewrite",
    "cut during recovery",
    "disk failed",
    "disk full",
    "disk full at the start",
    "not acknowledged, not there",
    "not acknowledged, there all the same",
    "rewrite abandoned",
    "rewritten",
    "rewritten with rows on more than one page",
];

/// What a BSUID looks like here: found in the raw bytes by its beginning, told apart by its end.
const MARK: &[u8] = b"DE.MARK";

fn address(mark: u32) -> Address {
    Address::Bsuid(Bsuid::new(&format!("DE.MARK{mark:08}")).expect("short"))
}

/// The marks in all files that have a name.
fn marks(disk: &Disk) -> BTreeSet<u32> {
    let mut marks = BTreeSet::new();
    for name in disk.names() {
        let bytes = disk.bytes(&name);
        let found = bytes.windows(MARK.len() + 8).filter(|window| window.starts_with(MARK));
        marks.extend(found.filter_map(|window| std::str::from_utf8(&window[MARK.len()..]).ok()?.parse::<u32>().ok()));
    }
    marks
}

fn person(hash: u64, talk: Talk, latest: Timestamp) -> Person {
    Person { hash: PersonHash(hash), alias: None, window: Window { latest }, talk, burst: None }
}

/// A store, and what must be in it.
struct Shelf {
    choices: Choices,
    disk: Disk,
    store: Option<Store>,
    /// What was acknowledged.
    state: State,
    /// What was not, and may be there all the same: the commit that failed.
    doubtful: Option<State>,
    /// The mark of everyone who has an address.
    living: BTreeMap<PersonId, u32>,
    next: u32,
    /// Marks that were erased before the rewrite at hand began; `None` if none is.
    before: Option<BTreeSet<u32>>,
    pages: u32,
    coverage: BTreeMap<&'static str, u64>,
}

impl Shelf {
    fn new(seed: u64) -> Shelf {
        let disk = Disk::new();
        let mut shelf = Shelf {
            choices: Choices::seed(seed),
            disk,
            store: None,
            state: State::default(),
            doubtful: None,
            living: BTreeMap::new(),
            next: 0,
            before: None,
            pages: 0,
            coverage: BTreeMap::new(),
        };
        if shelf.choices.chance(10) {
            shelf.disk.set_room(Room::Sparse(shelf.choices.below(60_000) as usize));
            shelf.open("disk full at the start");
        }
        shelf.open("");
        if seed.is_multiple_of(3) {
            let crowd: Vec<Change> = (0..CROWD).flat_map(|id| shelf.moves_in(PersonId(id))).collect();
            shelf.commit(&crowd);
        }
        shelf
    }

    fn count(&mut self, what: &'static str) {
        *self.coverage.entry(what).or_default() += 1;
    }

    fn act(&mut self) {
        match self.choices.below(100) {
            0..40 => self.something_changes(),
            40..84 => self.page(),
            84..89 => self.cut(),
            89..94 => {
                let operations = self.choices.below(40) as u32;
                if self.choices.chance(50) {
                    self.disk.fail_after(operations);
                } else {
                    self.disk.fail_once_after(operations);
                }
            }
            94..98 => {
                let taken = self.disk.taken() + self.choices.below(200_000) as usize;
                self.disk.set_room(if self.choices.chance(50) { Room::Solid(taken) } else { Room::Sparse(taken) });
            }
            _ => self.disk.set_room(Room::Endless),
        }
    }

    fn moves_in(&mut self, id: PersonId) -> [Change; 2] {
        self.next += 1;
        self.living.insert(id, self.next);
        let row = person(u64::from(id.0), Talk::Stopped { at: NOW.plus(self.next) }, NOW);
        [Change::Person(id, row), Change::Address(id, address(self.next))]
    }

    fn something_changes(&mut self) {
        let mut changes = Vec::new();
        for _ in 0..=self.choices.below(6) {
            let id = PersonId(self.choices.below(u64::from(CROWD) + 20) as u32);
            let hour = self.choices.below(5) as u32;
            match self.choices.below(8) {
                0..=2 => changes.extend(self.moves_in(id)),
                3..=4 => {
                    self.living.remove(&id);
                    changes.extend([Change::ForgetAddress(id), Change::Forget(id)]);
                }
                5..=6 => changes.push(Change::Seen(WamidHash(self.choices.below(u64::MAX)), hour)),
                _ => changes.push(Change::ForgetSeen(hour)),
            }
        }
        self.commit(&changes);
    }

    fn commit(&mut self, changes: &[Change]) {
        let mut after = self.state.clone();
        changes.iter().for_each(|change| after.apply(change));
        if self.before.is_some() {
            self.count("committed between two pages");
        }
        match self.store.as_mut().expect("open").commit(changes) {
            Ok(()) => self.state = after,
            Err(error) => self.failed(&error, after),
        }
    }

    fn page(&mut self) {
        if self.before.is_none() {
            let living: BTreeSet<u32> = self.living.values().copied().collect();
            self.before = Some((1..=self.next).filter(|mark| !living.contains(mark)).collect());
            self.pages = 0;
        }
        self.pages += 1;
        match self.store.as_mut().expect("open").rewrite(NOW.plus(self.next)) {
            Ok(Progress::Copying) => {}
            Ok(Progress::Done) => self.rewritten(),
            Ok(Progress::Abandoned(error)) => {
                assert!(!error.is_damage(), "a rewrite was abandoned for another reason than the disk: {error:?}");
                self.before = None;
                self.count("rewrite abandoned");
            }
            Err(error) => self.failed(&error, self.state.clone()),
        }
    }

    fn rewritten(&mut self) {
        self.count("rewritten");
        if self.pages > 9 {
            self.count("rewritten with rows on more than one page");
        }
        self.state.apply(&Change::Rewritten(NOW.plus(self.next)));
        assert_eq!(self.disk.names(), [LIVE], "a rewrite leaves something behind");
        let erased = self.before.take().expect("it was begun");
        for disk in [self.disk.clone(), self.disk.cut(&mut self.choices)] {
            let left: Vec<u32> = marks(&disk).intersection(&erased).copied().collect();
            assert!(left.is_empty(), "erased rows left in the file: {left:?}");
        }
    }

    /// Something could not be done: the process starts again, perhaps without power in between.
    fn failed(&mut self, error: &StoreError, doubtful: State) {
        assert!(matches!(error, StoreError::Full | StoreError::Disk(_)), "the disk failed, and the store says: {error:?}");
        self.count(if matches!(error, StoreError::Full) { "disk full" } else { "disk failed" });
        self.doubtful = Some(doubtful);
        if self.choices.chance(50) {
            self.cut();
        } else {
            self.open("disk full at the start");
        }
    }

    fn cut(&mut self) {
        self.count(if self.before.is_some() { "cut during a rewrite" } else { "cut" });
        self.disk = self.disk.cut(&mut self.choices);
        while self.choices.chance(30) {
            self.count("cut during recovery");
            self.disk.fail_after(self.choices.below(30) as u32);
            drop(Store::of(&self.disk.files(), InstanceId(0)));
            self.disk = self.disk.cut(&mut self.choices);
        }
        self.open("disk full at the start");
    }

    /// A new process, again and again until it comes up; the disk may be full, but it works.
    fn open(&mut self, full: &'static str) {
        self.store = None;
        self.before = None;
        self.disk.heal();
        let store = match Store::of(&self.disk.files(), InstanceId(1)) {
            Ok(store) => store,
            Err(error) => {
                assert!(matches!(error, StoreError::Full), "a store that was cut off does not open: {error:?}");
                self.count(full);
                assert!(matches!(self.disk.files().room(), Err(StoreError::Full)), "there was no room, and now there is");
                self.disk.set_room(Room::Endless);
                self.disk.files().room().expect("there is room");
                Store::of(&self.disk.files(), InstanceId(1)).expect("there is room")
            }
        };
        let found = store.load().expect("every row can be read");
        // A rewrite whose end nobody was told of is one all the same.
        let plain = |state: &State| State { rewritten: None, ..state.clone() };
        let doubtful = self.doubtful.take();
        if plain(&found) == plain(&self.state) {
            self.count(if doubtful.is_some() { "not acknowledged, not there" } else { "as it was" });
        } else {
            assert!(doubtful.is_some_and(|doubtful| plain(&found) == plain(&doubtful)), "what was acknowledged is not there, or more is");
            self.count("not acknowledged, there all the same");
        }
        self.living.retain(|id, mark| found.addresses.get(*id) == Some(address(*mark)));
        for (id, kept) in found.addresses.people().filter_map(|id| Some((id, found.addresses.get(id)?))) {
            // A commit that failed had erased it in memory, or given it to somebody else.
            let mark = (1..=self.next).find(|mark| address(*mark) == kept).expect("one of ours");
            self.living.insert(id, mark);
        }
        self.state = found;
        self.store = Some(store);
    }
}

#[test]
fn a_rewrite_loses_nothing_and_leaves_nothing() {
    let mut total: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        let mut shelf = Shelf::new(seed);
        let lived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (0..ACTIONS).for_each(|_| shelf.act())));
        if let Err(panic) = lived {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
        for (what, times) in shelf.coverage {
            *total.entry(what).or_default() += times;
        }
    }
    println!("{total:#?}");
    for what in MUST_HAPPEN {
        assert!(total.contains_key(what), "never happened: {what}");
    }
}

/// Promise 10, by the relay's own clock: people come and are erased when their windows close, every now and then a rewrite fails, and
/// nobody is in any file for longer than a day after.
#[test]
fn who_was_erased_is_gone_from_the_disk_within_a_day() {
    let (disk, mut choices) = (Disk::new(), Choices::seed(1));
    let mut now = NOW.millis();
    let mut store = Store::of(&disk.files(), InstanceId(1)).expect("opens");
    let asked = Talk::Asked { answered: NOW, revision: 0, stopped: None, before: None };
    let people: Vec<Change> = (0..400)
        .flat_map(|id| {
            let latest = NOW.minus(id * 200);
            [Change::Person(PersonId(id), person(id.into(), asked.clone(), latest)), Change::Address(PersonId(id), address(id))]
        })
        .collect();
    store.commit(&people).expect("commits");
    drop(store);
    let start = |now| Relay::start(&disk.files(), InstanceId(1), &rules(), now).expect("opens");
    let mut relay = start(now);
    relay.step(now, &[Event::Started, Event::ClockTrusted]).expect("commits");
    let (mut erased, mut rewrites, mut failures): (BTreeMap<u32, Millis>, BTreeSet<Timestamp>, u32) = Default::default();
    let mut looked = now;
    while now < NOW.plus(5 * DAY).millis() {
        if choices.chance(3) {
            disk.fail_once_after(choices.below(20) as u32);
        }
        match relay.step(now, &[]) {
            Ok(_) => {}
            Err(_) => {
                failures += 1;
                drop(relay);
                disk.heal();
                relay = start(now);
                relay.step(now, &[Event::Started, Event::ClockTrusted]).expect("commits");
            }
        }
        rewrites.extend(relay.state().rewritten);
        for id in (0..400).filter(|id| !relay.state().addresses.contains(PersonId(*id))) {
            erased.entry(id).or_insert(now);
        }
        if now.since(looked) >= 3_600_000 {
            looked = now;
            let left = marks(&disk);
            let late: Vec<_> =
                left.iter().filter(|mark| erased.get(mark).is_some_and(|at| now.since(*at) > u64::from(DAY) * 1000)).collect();
            assert!(late.is_empty(), "erased rows left in the file for more than a day: {late:?}");
        }
        now = relay.next_deadline(now).map_or(now.plus(600_000), |at| at.clamp(now, now.plus(600_000)));
    }
    assert_eq!(erased.len(), 400, "everyone was erased");
    assert!(marks(&disk).is_empty(), "and nobody is left in the file");
    assert!(rewrites.len() as u32 >= 5 * DAY / EVERY - 1, "too few: {rewrites:?}");
    assert!(failures > 0, "nothing ever failed");
}
