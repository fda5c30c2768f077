//! The store's refusals: each clear, and none touches anything.

use super::disk::{Disk, LIVE};
use drk_relay::domain::decision::Change;
use drk_relay::domain::ids::{InstanceId, WamidHash};
use drk_relay::store::{Store, StoreError};
use redb::{Database, TableDefinition};

#[test]
fn a_second_process_is_told_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("relay.redb");
    let _first = Store::open(&path, InstanceId(1)).expect("opens");
    let second = Store::open(&path, InstanceId(2));
    assert!(matches!(second, Err(StoreError::Held)), "{second:?}");
    assert!(StoreError::Held.to_string().contains("Läuft drk-relay schon?"));
}

#[test]
fn the_instance_id_is_drawn_once() {
    let disk = Disk::new();
    drop(Store::of(&disk.files(), InstanceId(1)).expect("new"));
    assert_eq!(Store::of(&disk.synced().files(), InstanceId(2)).expect("again").instance(), InstanceId(1));
}

#[test]
fn a_newer_store_is_refused_and_left_alone() {
    let disk = Disk::new();
    drop(Store::of(&disk.files(), InstanceId(1)).expect("new"));
    tamper(&disk, "meta", 0, &[0, 5, 1]);
    let refused = Store::of(&disk.files(), InstanceId(1));
    assert!(matches!(refused, Err(StoreError::Newer { found: 5 })), "{refused:?}");
}

#[test]
fn a_store_from_before_the_first_release_is_refused() {
    let disk = Disk::new();
    drop(Store::of(&disk.files(), InstanceId(1)).expect("new"));
    tamper(&disk, "meta", 0, &[0, 1, 1]);
    let refused = Store::of(&disk.files(), InstanceId(1));
    assert!(matches!(refused, Err(StoreError::Older { found: 1 })), "{refused:?}");
}

#[test]
fn an_unreadable_row_stops_the_start_and_is_named() {
    let disk = Disk::new();
    let mut store = Store::of(&disk.files(), InstanceId(1)).expect("new");
    store.commit(&[Change::Seen(WamidHash(1), 5)]).expect("commits");
    drop(store);
    tamper(&disk, "meta", 2, &[9, 9, 9]);
    let store = Store::of(&disk.files(), InstanceId(1)).expect("the schema is fine");
    let error = store.load().expect_err("the row is not");
    assert_eq!(error.to_string(), "Der Speicher ist beschädigt: Tabelle meta, Zeile 2. Es wurde nichts verändert.");
}

/// Somebody else changes a row.
pub(crate) fn tamper(disk: &Disk, table: &str, key: u8, bytes: &[u8]) {
    let database = Database::builder().create_with_backend(disk.file(LIVE)).expect("opens");
    let transaction = database.begin_write().expect("writes");
    transaction.open_table(TableDefinition::<u8, &[u8]>::new(table)).expect("table").insert(key, bytes).expect("inserts");
    transaction.commit().expect("commits");
}
