//! Rows to bytes and back: one redb file. Decides nothing, and holds no sentence and no name: what is written here is `domain`'s business.
//!
//! Keys are fixed-width integers, values are postcard bytes whose first byte is the row's version, so no redb type ever touches our data.
//! Deduplication ids are appended: one row for all ids that a commit adds to an hour, so that 64 messages cost one page and not 64.

use crate::domain::budget::Counters;
use crate::domain::conversation::Person;
use crate::domain::decision::Change;
use crate::domain::figures::Feed;
use crate::domain::ids::{Address, FeedId, InstanceId, OutboxId, PersonId, WamidHash};
use crate::domain::notice::Notice;
use crate::domain::outbox::{Entry, Hold};
use crate::domain::pacing::{Guard, Throttle};
use crate::domain::state::State;
use redb::{Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition, TableError, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Single rows: see [`Meta`].
const META: TableDefinition<u8, &[u8]> = TableDefinition::new("meta");
/// [`PersonId`] to [`Person`].
const PEOPLE: TableDefinition<u32, &[u8]> = TableDefinition::new("people");
/// [`PersonId`] to [`Address`]: the one table in which a BSUID appears.
const ADDRESSES: TableDefinition<u32, &[u8]> = TableDefinition::new("addresses");
/// [`OutboxId`] to [`Entry`].
const OUTBOX: TableDefinition<u64, &[u8]> = TableDefinition::new("outbox");
/// [`FeedId`] to [`Feed`].
const FEEDS: TableDefinition<u8, &[u8]> = TableDefinition::new("feeds");
/// Fingerprint to what the question said.
const WORDINGS: TableDefinition<u32, &[u8]> = TableDefinition::new("wordings");
/// Hour and running number to the ids that one commit added, 8 bytes each.
const SEEN: TableDefinition<u64, &[u8]> = TableDefinition::new("seen");

/// Keys of the table `meta`.
#[derive(Clone, Copy)]
enum Meta {
    Schema = 0,
    Counters = 1,
    Notice = 2,
    Hold = 3,
    Guard = 4,
    Throttle = 5,
}

/// The layout of the tables. A store with a higher number was written by a newer program; one with a lower number, before the first
/// release, by nobody who needs it.
const SCHEMA: u32 = 3;

/// Page cache in bytes. redb's own default is 1 GiB; a Pi Zero has 512 MiB in all (DESIGN.md section 6: 4 to 16 MiB).
const CACHE: usize = 4 << 20;

/// Why the store cannot be used. All are fatal: memory must never be ahead of the disk.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("Der Speicher ist von einem anderen Prozess geöffnet. Läuft drk-relay schon? Abhilfe: den anderen Prozess beenden.")]
    Held,
    /// A newer program wrote it.
    #[error("Der Speicher stammt von einer neueren Version (Aufbau {found}, bekannt bis {SCHEMA}). Abhilfe: die neuere Version starten.")]
    Newer {
        /// Its layout.
        found: u32,
    },
    /// A program from before the first release wrote it.
    #[error("Der Speicher ist älter als die erste Version (Aufbau {found}). Abhilfe: die Datei löschen; wer schreibt, wird neu gefragt.")]
    Older {
        /// Its layout.
        found: u32,
    },
    /// A row cannot be read. Nothing was changed.
    #[error("Der Speicher ist beschädigt: Tabelle {table}, Zeile {key}. Es wurde nichts verändert.")]
    Unreadable {
        /// Which table.
        table: &'static str,
        /// Which row.
        key: u64,
    },
    /// The disk, or redb.
    #[error("Der Speicher lässt sich nicht lesen oder schreiben: {0}. Abhilfe: Platz und Zustand der Speicherkarte prüfen.")]
    Disk(Box<redb::Error>),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> StoreError {
        let error = error.into();
        if let redb::Error::DatabaseAlreadyOpen = error { StoreError::Held } else { StoreError::Disk(Box::new(error)) }
    }
}

/// One redb file.
#[derive(Debug)]
pub struct Store {
    database: Database,
    instance: InstanceId,
}

impl Store {
    /// Opens the file, or makes it with `fresh` as its instance id.
    ///
    /// # Errors
    /// If another process has it, a newer program wrote it, or the disk fails.
    pub fn open(path: &Path, fresh: InstanceId) -> Result<Store, StoreError> {
        Store::prepare(Database::builder().set_cache_size(CACHE).create(path)?, fresh)
    }

    /// The same on any backend: the simulator's disk, or a file that counts and delays its syncs.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn on(backend: impl StorageBackend, fresh: InstanceId) -> Result<Store, StoreError> {
        Store::prepare(Database::builder().set_cache_size(CACHE).create_with_backend(backend)?, fresh)
    }

    fn prepare(database: Database, fresh: InstanceId) -> Result<Store, StoreError> {
        let found = match database.begin_read()?.open_table(META) {
            Ok(meta) => read::<(u32, InstanceId)>(&meta, Meta::Schema)?,
            Err(TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let instance = match found {
            Some((found, _)) if found > SCHEMA => return Err(StoreError::Newer { found }),
            Some((found, _)) if found < SCHEMA => return Err(StoreError::Older { found }),
            Some((_, instance)) => instance,
            None => {
                create(&database, fresh)?;
                fresh
            }
        };
        Ok(Store { database, instance })
    }

    /// The random number of this store: statuses that echo another are not ours.
    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    /// Everything that is stored, made into a state by the same `apply` that made it.
    ///
    /// # Errors
    /// If a row cannot be read, with its table and key; nothing is changed then.
    pub fn load(&self) -> Result<State, StoreError> {
        let mut state = State::default();
        let transaction = self.database.begin_read()?;
        for row in transaction.open_table(PEOPLE)?.range::<u32>(..)? {
            let (key, bytes) = row?;
            let person: Person = decode("people", key.value().into(), bytes.value())?;
            state.apply(&Change::Person(PersonId(key.value()), person));
        }
        for row in transaction.open_table(ADDRESSES)?.range::<u32>(..)? {
            let (key, bytes) = row?;
            let address: Address = decode("addresses", key.value().into(), bytes.value())?;
            state.apply(&Change::Address(PersonId(key.value()), address));
        }
        for row in transaction.open_table(OUTBOX)?.range::<u64>(..)? {
            let (key, bytes) = row?;
            let entry: Entry = decode("outbox", key.value(), bytes.value())?;
            state.apply(&Change::Outbox(OutboxId(key.value()), entry));
        }
        for row in transaction.open_table(SEEN)?.range::<u64>(..)? {
            let (key, bytes) = row?;
            let ids: Vec<WamidHash> = decode("seen", key.value(), bytes.value())?;
            ids.into_iter().for_each(|id| state.apply(&Change::Seen(id, hour_of(key.value()))));
        }
        let meta = transaction.open_table(META)?;
        if let Some(counters) = read::<Counters>(&meta, Meta::Counters)? {
            state.apply(&Change::Counters(counters));
        }
        if let Some(hold) = read::<Option<Hold>>(&meta, Meta::Hold)? {
            state.apply(&Change::Hold(hold));
        }
        if let Some(guard) = read::<Guard>(&meta, Meta::Guard)? {
            state.apply(&Change::Guard(guard));
        }
        if let Some(throttle) = read::<Throttle>(&meta, Meta::Throttle)? {
            state.apply(&Change::Throttle(throttle));
        }
        for row in transaction.open_table(WORDINGS)?.range::<u32>(..)? {
            let (key, bytes) = row?;
            state.apply(&Change::Wording(key.value(), decode("wordings", key.value().into(), bytes.value())?));
        }
        // Last, because who still lacks a publication is derived from the people.
        if let Some(notice) = read::<Notice>(&meta, Meta::Notice)? {
            state.apply(&Change::Notice(notice));
        }
        for row in transaction.open_table(FEEDS)?.range::<u8>(..)? {
            let (key, bytes) = row?;
            let feed: Feed = decode("feeds", key.value().into(), bytes.value())?;
            state.apply(&Change::Feed(FeedId(key.value()), Box::new(feed)));
        }
        Ok(state)
    }

    /// Writes all changes in one transaction and one fsync. When it returns, they are durable. Changes that live in memory only are no
    /// reason to touch the disk.
    ///
    /// # Errors
    /// Fatal: memory is ahead of the disk then.
    pub fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let batch = Batch::of(changes);
        if batch.is_empty() {
            return Ok(());
        }
        let transaction = self.database.begin_write()?;
        batch.write(&transaction)?;
        transaction.commit()?;
        Ok(())
    }

    /// Closes the file. Everything committed is durable already; this only says what dropping would swallow.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn close(self) -> Result<(), StoreError> {
        Ok(self.database.close()?)
    }
}

fn create(database: &Database, fresh: InstanceId) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert(Meta::Schema as u8, encode(&(SCHEMA, fresh)).as_slice())?;
    transaction.open_table(PEOPLE)?;
    transaction.open_table(ADDRESSES)?;
    transaction.open_table(OUTBOX)?;
    transaction.open_table(FEEDS)?;
    transaction.open_table(WORDINGS)?;
    transaction.open_table(SEEN)?;
    transaction.commit()?;
    Ok(())
}

/// What a list of changes comes to: the last word on every row, in the order of the keys.
#[derive(Default)]
struct Batch {
    meta: BTreeMap<u8, Vec<u8>>,
    people: BTreeMap<u32, Option<Vec<u8>>>,
    addresses: BTreeMap<u32, Option<Vec<u8>>>,
    outbox: BTreeMap<u64, Option<Vec<u8>>>,
    feeds: BTreeMap<u8, Option<Vec<u8>>>,
    wordings: BTreeMap<u32, Option<Vec<u8>>>,
    seen: BTreeMap<u32, Vec<WamidHash>>,
    forgotten: BTreeSet<u32>,
}

impl Batch {
    fn of(changes: &[Change]) -> Batch {
        let mut batch = Batch::default();
        for change in changes {
            match change {
                Change::Person(id, person) => drop(batch.people.insert(id.0, Some(encode(person)))),
                Change::Forget(id) => drop(batch.people.insert(id.0, None)),
                Change::Address(id, address) => drop(batch.addresses.insert(id.0, Some(encode(address)))),
                Change::ForgetAddress(id) => drop(batch.addresses.insert(id.0, None)),
                Change::Outbox(id, entry) => drop(batch.outbox.insert(id.0, Some(encode(entry)))),
                Change::ForgetOutbox(id) => drop(batch.outbox.insert(id.0, None)),
                Change::Feed(id, feed) => drop(batch.feeds.insert(id.0, Some(encode(feed)))),
                Change::ForgetFeed(id) => drop(batch.feeds.insert(id.0, None)),
                Change::Notice(notice) => drop(batch.meta.insert(Meta::Notice as u8, encode(notice))),
                Change::Hold(hold) => drop(batch.meta.insert(Meta::Hold as u8, encode(hold))),
                Change::Guard(guard) => drop(batch.meta.insert(Meta::Guard as u8, encode(guard))),
                Change::Throttle(throttle) => drop(batch.meta.insert(Meta::Throttle as u8, encode(throttle))),
                Change::Wording(fingerprint, text) => drop(batch.wordings.insert(*fingerprint, Some(encode(text)))),
                Change::ForgetWording(fingerprint) => drop(batch.wordings.insert(*fingerprint, None)),
                Change::Counters(counters) => drop(batch.meta.insert(Meta::Counters as u8, encode(counters))),
                Change::Seen(id, hour) => batch.seen.entry(*hour).or_default().push(*id),
                Change::ForgetSeen(hour) => {
                    batch.seen.remove(hour);
                    batch.forgotten.insert(*hour);
                }
                Change::Unread(..) | Change::Trusted | Change::Ingress(_) | Change::Paced(_) => {}
            }
        }
        batch
    }

    fn is_empty(&self) -> bool {
        let rows = self.meta.len() + self.people.len() + self.addresses.len() + self.outbox.len();
        rows + self.feeds.len() + self.wordings.len() + self.seen.len() + self.forgotten.len() == 0
    }

    fn write(&self, transaction: &WriteTransaction) -> Result<(), StoreError> {
        if !self.meta.is_empty() {
            let mut table = transaction.open_table(META)?;
            for (key, bytes) in &self.meta {
                table.insert(key, bytes.as_slice())?;
            }
        }
        write_rows(transaction, PEOPLE, &self.people)?;
        write_rows(transaction, ADDRESSES, &self.addresses)?;
        write_rows(transaction, OUTBOX, &self.outbox)?;
        write_rows(transaction, FEEDS, &self.feeds)?;
        write_rows(transaction, WORDINGS, &self.wordings)?;
        if self.seen.is_empty() && self.forgotten.is_empty() {
            return Ok(());
        }
        let mut table = transaction.open_table(SEEN)?;
        for hour in &self.forgotten {
            table.retain_in::<u64, _>(span(*hour), |_, _| false)?;
        }
        for (hour, ids) in &self.seen {
            let last = table.range::<u64>(span(*hour))?.next_back().transpose()?.map(|(key, _)| key.value());
            let key = last.map_or(*span(*hour).start(), |last| last + 1);
            table.insert(key, encode(ids).as_slice())?;
        }
        Ok(())
    }
}

fn write_rows<K: redb::Key + 'static + Copy + for<'a> std::borrow::Borrow<K::SelfType<'a>>>(
    transaction: &WriteTransaction,
    table: TableDefinition<K, &[u8]>,
    rows: &BTreeMap<K, Option<Vec<u8>>>,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = transaction.open_table(table)?;
    for (key, bytes) in rows {
        match bytes {
            Some(bytes) => drop(table.insert(*key, bytes.as_slice())?),
            None => drop(table.remove(*key)?),
        }
    }
    Ok(())
}

/// All keys of one hour.
fn span(hour: u32) -> std::ops::RangeInclusive<u64> {
    let first = u64::from(hour) << 32;
    first..=first | u64::from(u32::MAX)
}

fn hour_of(key: u64) -> u32 {
    u32::try_from(key >> 32).unwrap_or(u32::MAX)
}

/// A row with its version: postcard writes the variant as the first byte. A new layout is a new variant; old ones stay readable.
#[derive(Serialize, Deserialize)]
enum Row<T> {
    V1(T),
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(&Row::V1(value)).unwrap_or_else(|_| unreachable!("rows are plain data: writing them to memory cannot fail"))
}

fn decode<T: DeserializeOwned>(table: &'static str, key: u64, bytes: &[u8]) -> Result<T, StoreError> {
    match postcard::take_from_bytes(bytes) {
        Ok((Row::V1(value), [])) => Ok(value),
        Ok((Row::V1(_), _)) | Err(_) => Err(StoreError::Unreadable { table, key }),
    }
}

fn read<T: DeserializeOwned>(table: &impl ReadableTable<u8, &'static [u8]>, key: Meta) -> Result<Option<T>, StoreError> {
    table.get(key as u8)?.map(|bytes| decode("meta", key as u64, bytes.value())).transpose()
}
