//! A store that is damaged is set aside, named and left as it is, and the relay comes up. What only looks like damage is left in its place.

use super::choices::Choices;
use super::disk::{Disk, LIVE, Room};
use super::store::tamper;
use super::world::rules;
use drk_relay::domain::conversation::{Person, Talk};
use drk_relay::domain::decision::Change;
use drk_relay::domain::event::Event;
use drk_relay::domain::ids::{Address, Bsuid, InstanceId, PersonHash, PersonId};
use drk_relay::domain::time::{Millis, Timestamp};
use drk_relay::domain::window::Window;
use drk_relay::relay::Relay;
use drk_relay::store::{Store, StoreError};

/// 2026-10-24 10:00:00 UTC.
const NOW: Timestamp = Timestamp(1_792_836_000);
const ASIDE: &str = "relay.redb.damaged-20261024-100000";
/// Damages tried, each at another place.
const DAMAGES: u64 = 300;

fn start(disk: &Disk) -> Result<Relay, StoreError> {
    Relay::start(&disk.files(), InstanceId(2), &rules(), NOW.millis())
}

/// A store with people in it, closed.
fn filled() -> Disk {
    let disk = Disk::new();
    let mut store = Store::of(&disk.files(), InstanceId(1)).expect("new");
    let changes = (0..300).flat_map(|id| {
        let (hash, window) = (PersonHash(id.into()), Window { latest: NOW });
        let address = Address::Bsuid(Bsuid::new(&format!("DE.{id}")).expect("short"));
        let row = Person { hash, alias: None, window, talk: Talk::Stopped { at: NOW }, burst: None };
        [Change::Person(PersonId(id), row), Change::Address(PersonId(id), address)]
    });
    store.commit(&changes.collect::<Vec<_>>()).expect("commits");
    store.close().expect("closes");
    disk
}

/// It came up empty, works, and says what it has set aside.
fn begins_anew(disk: &Disk, aside: &[&str]) {
    let mut relay = start(disk).expect("it comes up");
    assert!(relay.state().people.is_empty() && relay.store().instance() == InstanceId(2), "not a fresh store");
    relay.step(NOW.millis(), &[Event::Started, Event::ClockTrusted]).expect("it works");
    assert_eq!(relay.pulse(NOW.millis()).damaged, aside);
    let mut names: Vec<_> = [LIVE].into_iter().chain(aside.iter().copied()).map(str::to_owned).collect();
    names.sort();
    assert_eq!(disk.synced().names(), names, "after a power cut it would be otherwise");
}

#[test]
fn what_is_no_store_is_set_aside_as_it_is_and_never_over_another() {
    let disk = Disk::new();
    let foreign = [b"-- MySQL dump".to_vec(), b"x".repeat(5_000), b"end".to_vec()];
    let aside = [ASIDE.to_owned(), format!("{ASIDE}-2"), format!("{ASIDE}-3")];
    for (nth, bytes) in foreign.iter().enumerate() {
        disk.put(LIVE, bytes);
        begins_anew(&disk, &aside.iter().take(nth + 1).map(String::as_str).collect::<Vec<_>>());
    }
    for (name, bytes) in aside.iter().zip(&foreign) {
        assert_eq!(disk.bytes(name), *bytes, "{name} was overwritten");
    }
}

#[test]
fn a_store_with_an_unreadable_row_is_set_aside() {
    let disk = filled();
    tamper(&disk, "meta", 2, &[9, 9, 9]);
    begins_anew(&disk, &[ASIDE]);
    let kept = Disk::new();
    kept.put(LIVE, &disk.bytes(ASIDE));
    tamper(&kept, "meta", 2, &[0, 0]);
    let people = Store::of(&kept.files(), InstanceId(0)).and_then(|store| store.load()).expect("somebody has repaired it").people.len();
    assert_eq!(people, 300, "what could be read is still there");
}

#[test]
fn a_file_of_another_program_is_set_aside() {
    let disk = Disk::new();
    tamper(&disk, "others", 1, b"not ours");
    begins_anew(&disk, &[ASIDE]);
}

#[test]
fn an_empty_file_is_a_new_one() {
    let disk = Disk::new();
    disk.put(LIVE, b"");
    begins_anew(&disk, &[]);
}

/// Bits flip, sectors are lost, files are cut short: either nothing is missing, or the store is set aside as it is. It never comes up with
/// something else in it.
#[test]
fn whatever_is_damaged_is_noticed() {
    let sound = filled();
    let (bytes, state) = (sound.bytes(LIVE), Store::of(&sound.files(), InstanceId(0)).and_then(|store| store.load()).expect("sound"));
    let (mut harmless, mut noticed) = (0, 0);
    for seed in 0..DAMAGES {
        let (mut choices, mut damaged) = (Choices::seed(seed), bytes.clone());
        let at = choices.below(bytes.len() as u64) as usize;
        match choices.below(4) {
            0..=1 => damaged[at] ^= 1 << choices.below(8),
            2 => damaged[at / 512 * 512..(at / 512 + 1) * 512].fill(0),
            _ => damaged.truncate(at),
        }
        let disk = Disk::new();
        disk.put(LIVE, &damaged);
        let relay = start(&disk).unwrap_or_else(|error| panic!("seed {seed}: it does not come up: {error}"));
        if relay.store().damaged().is_empty() {
            harmless += usize::from(damaged != bytes);
            assert!(*relay.state() == state, "seed {seed}: it came up with something else in it");
        } else {
            noticed += 1;
            assert!(relay.state().people.is_empty(), "seed {seed}");
        }
    }
    println!("{noticed} noticed, {harmless} where nothing lay");
    assert!(noticed > 20 && harmless > 20);
}

/// The disk fails, or is full, or the power fails while a store is made or opened: that is no damage, and the next start finds none.
#[test]
fn a_failing_disk_is_no_damage() {
    let mut failures = 0;
    for (fresh, seed) in [(true, 0..40), (false, 100..160)].into_iter().flat_map(|(fresh, seeds)| seeds.map(move |seed| (fresh, seed))) {
        let (mut choices, disk) = (Choices::seed(seed), if fresh { Disk::new() } else { filled() });
        if seed % 4 == 0 {
            disk.set_room(Room::Sparse(disk.taken() + choices.below(40_000) as usize));
        } else {
            disk.fail_after((seed % 100) as u32 / 2);
        }
        match start(&disk).map(|mut relay| relay.step(NOW.millis(), &[Event::Started, Event::ClockTrusted]).map(drop)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) | Err(error) => {
                failures += 1;
                assert!(matches!(error, StoreError::Disk(_) | StoreError::Full), "seed {seed}: {error:?}");
            }
        }
        let disk = disk.cut(&mut choices);
        disk.set_room(Room::Endless);
        let again = start(&disk).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(again.store().damaged(), Vec::<String>::new(), "seed {seed}: taken for damaged");
        assert_eq!(again.state().people.len(), if fresh { 0 } else { 300 }, "seed {seed}");
    }
    assert!(failures > 20, "{failures}");
}

#[test]
fn a_store_that_is_not_ours_to_open_is_left_in_its_place() {
    for (layout, now) in [(1, NOW.millis()), (9, Millis(0))] {
        let disk = filled();
        tamper(&disk, "meta", 0, &[0, layout, 1]);
        let refused = Relay::start(&disk.files(), InstanceId(2), &rules(), now).err();
        assert!(matches!(refused, Some(StoreError::Older { found: 1 } | StoreError::Newer { found: 9 })), "{refused:?}");
        assert_eq!(disk.names(), [LIVE]);
    }
}
