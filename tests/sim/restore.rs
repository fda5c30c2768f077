//! A backup goes into a store whenever the power fails: afterwards there is what was there before, or all of the backup, and the same
//! command does the rest. What a backup looks like as a document is for `tests/ports/backup`.

use super::choices::Choices;
use super::disk::{Disk, LIVE, Room};
use super::world::rules;
use drk_relay::domain::backup::{Backup, Occupied};
use drk_relay::domain::budget::Budget;
use drk_relay::domain::conversation::{Person, Talk};
use drk_relay::domain::decision::{Change, Effect, Refusal, Taken};
use drk_relay::domain::event::{Event, Figure, ReceiptTopic, ReplyTo};
use drk_relay::domain::figures::{Feed, Publication, Value};
use drk_relay::domain::ids::{InstanceId, PersonHash, PersonId};
use drk_relay::domain::state::Counters;
use drk_relay::domain::time::{Day, Millis};
use drk_relay::domain::window::Window;
use drk_relay::relay::Relay;
use drk_relay::relay::backup::{RestoreError, Vacancy, kept};
use drk_relay::store::{Files, Store, StoreError};

const NOW: Millis = Millis(1_792_836_000_000);
/// A restore is not so many operations of a disk; looked for below.
const OPERATIONS: u32 = 200;
/// Power cuts after each number of operations: each leaves other writes behind.
const CUTS: u64 = 6;

/// Figures of every feed that is configured, and some counting.
fn backup() -> Backup {
    let mut backup = Backup::default();
    for (number, feed) in (1..).zip(&rules().feeds) {
        let value = |digits| feed.metrics.iter().filter_map(|metric| Some((metric.name.clone(), Value::new(digits, 0)?))).collect();
        let day = Day((NOW.0 / 86_400_000) as i32);
        backup.feeds.push(Feed {
            current: Some(Publication::new(number, day, value(17))),
            previous: Some(Publication::new(0, Day(day.0 - 1), value(25))),
            published: NOW.second(),
            ..Feed::new(feed.name.clone())
        });
    }
    backup.counters.next_outbox = 612;
    backup.counters.reached = backup.feeds.len() as u32;
    backup.budget = Budget::default().charge(NOW).charge(NOW);
    backup
}

/// A disk with the store of a relay that was started once, and that nobody has used.
fn started(disk: &Disk) {
    let mut relay = Relay::start(&disk.files(), InstanceId(1), &rules(), NOW).expect("an empty disk");
    relay.step(NOW, &[Event::Started, Event::ClockTrusted]).expect("room");
    relay.close().expect("room");
}

fn restore(files: &Files, backup: &Backup) -> Result<(), RestoreError> {
    Ok(Vacancy::of(files, backup)?.fill(InstanceId(2), backup)?)
}

/// Whether the backup is there in full; if not, all is as before.
fn is_restored(disk: &Disk, backup: &Backup, before: bool) -> bool {
    match kept(&disk.files()).expect("never half a store") {
        Some(found) if found == *backup => true,
        Some(found) => {
            assert!(before && found.feeds.iter().all(|feed| feed.current.is_none()), "neither old nor new: {found:?}");
            false
        }
        None => {
            assert!(!before, "the old store is gone and no new one is there");
            false
        }
    }
}

#[test]
fn a_power_cut_leaves_the_old_store_or_the_whole_backup() {
    let backup = backup();
    let (mut lost, mut kept_all, mut done) = (0, 0, 0);
    for before in [false, true] {
        for operations in 0..OPERATIONS {
            let disk = Disk::new();
            if before {
                started(&disk);
            }
            disk.fail_after(operations);
            let restored = restore(&disk.files(), &backup);
            done += u32::from(restored.is_ok());
            for seed in 0..CUTS {
                disk.heal();
                let left = disk.cut(&mut Choices::seed(u64::from(operations) * CUTS + seed));
                let there = is_restored(&left, &backup, before);
                assert!(there || restored.is_err(), "said to be done, and not there after a power cut");
                if there {
                    kept_all += 1;
                } else {
                    lost += 1;
                }
                restore(&left.files(), &backup).expect("the same again does the rest");
                assert!(is_restored(&left, &backup, before));
                assert_eq!(left.names(), [LIVE]);
            }
        }
    }
    assert!(lost > 100 && kept_all > 100 && done > 10, "lost {lost}, kept {kept_all}, done {done}: nothing was cut off");
}

#[test]
fn a_full_disk_changes_nothing() {
    let (backup, disk) = (backup(), Disk::new());
    started(&disk);
    disk.set_room(Room::Sparse(disk.taken() + 4_096));
    let refused = restore(&disk.files(), &backup).expect_err("no room");
    assert!(matches!(refused, RestoreError::Store(StoreError::Full)), "{refused}");
    disk.set_room(Room::Endless);
    assert!(!is_restored(&disk, &backup, true));
}

#[test]
fn only_a_store_that_nobody_has_used_is_replaced() {
    let backup = backup();
    let person = Person {
        hash: PersonHash(7),
        alias: None,
        window: Window { latest: NOW.second() },
        talk: Talk::Stopped { at: NOW.second() },
        burst: None,
    };
    let counted = Counters { next_outbox: 1, ..Counters::default() };
    let figures = Backup { feeds: backup.feeds[..1].to_vec(), ..Backup::default() };
    for (changes, occupied) in [
        (vec![Change::Person(PersonId(0), person)], Occupied::People),
        (figures.changes(), Occupied::Figures),
        (vec![Change::Counters(counted)], Occupied::Counters),
        (vec![Change::Budget(Budget::default().charge(NOW))], Occupied::Counters),
    ] {
        let disk = Disk::new();
        Store::begin(&disk.files(), InstanceId(1), &changes).expect("room").close().expect("room");
        let rows = || Store::existing(&disk.files()).expect("sound").expect("there").load().expect("readable");
        let before = rows();
        let refused = restore(&disk.files(), &backup).expect_err("it is in use");
        assert!(matches!(refused, RestoreError::Occupied(found) if found == occupied), "{refused}");
        assert!(refused.to_string().contains("Abhilfe: "));
        assert!(rows() == before && disk.names() == [LIVE], "it was touched all the same");
    }
}

#[test]
fn a_relay_goes_on_where_the_backup_ends() {
    let (backup, disk) = (backup(), Disk::new());
    restore(&disk.files(), &backup).expect("an empty disk");
    let mut relay = Relay::start(&disk.files(), InstanceId(3), &rules(), NOW).expect("a store");
    assert_eq!(relay.store().instance(), InstanceId(2), "statuses for the old device's messages are not taken for ours");
    relay.step(NOW, &[Event::Started, Event::ClockTrusted]).expect("room");
    // The publisher, or its broker, says again what is known, first as it was and then as a retained message without a day.
    let feed = &backup.feeds[0];
    let current = feed.current.clone().expect("figures");
    let again = |as_of, receipt| Figure { as_of, receipt, ..Figure::new(feed.name.clone(), current.values.clone().into_iter().collect()) };
    let topic = ReplyTo::Receipts(ReceiptTopic::new(feed.name.clone(), None));
    let events = [Event::Figure(again(Some(current.as_of), Some(topic))), Event::Figure(again(None, None))];
    let effects = relay.step(NOW.plus(1_000), &events).expect("room");
    let [Effect::Receipt(receipt)] = effects.as_slice() else { panic!("a receipt and nothing else: {effects:?}") };
    assert_eq!(receipt.taken, Taken::Refused(Refusal::Duplicate));
    assert_eq!(Backup::of(relay.state()), backup, "nothing was published anew");
    relay.check();
    assert!(!relay.state().broadcasting() && relay.state().outbox.iter().next().is_none());
    assert_eq!(Backup::of(&relay.store().load().expect("it loads")), backup);
    // A newer day is a publication like any other, with the next number.
    let next = Figure { as_of: Some(Day(current.as_of.0 + 1)), ..again(None, None) };
    relay.step(NOW.plus(2_000), &[Event::Figure(next)]).expect("room");
    assert_eq!(relay.state().revision(), backup.counters.reached + 1);
}
