//! What the rows are called and how they become bytes: the tables, what a list of changes comes to, postcard. Opens no file.

use super::StoreError;
use super::layout::Layout;
use crate::domain::decision::Change;
use crate::domain::ids::WamidHash;
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Single rows: see [`Meta`].
pub(super) const META: TableDefinition<u8, &[u8]> = TableDefinition::new("meta");
/// `PersonId` to `Person`.
pub(super) const PEOPLE: TableDefinition<u32, &[u8]> = TableDefinition::new("people");
/// `PersonId` to `Address`: the one table in which a BSUID appears.
pub(super) const ADDRESSES: TableDefinition<u32, &[u8]> = TableDefinition::new("addresses");
/// `OutboxId` to `Entry`.
pub(super) const OUTBOX: TableDefinition<u64, &[u8]> = TableDefinition::new("outbox");
/// `FeedId` to `Feed`.
pub(super) const FEEDS: TableDefinition<u8, &[u8]> = TableDefinition::new("feeds");
/// Fingerprint to what the question said.
pub(super) const WORDINGS: TableDefinition<u32, &[u8]> = TableDefinition::new("wordings");
/// Hour and running number to the ids that one commit added, 8 bytes each.
pub(super) const SEEN: TableDefinition<u64, &[u8]> = TableDefinition::new("seen");

/// Keys of the table `meta`.
#[derive(Clone, Copy)]
pub(super) enum Meta {
    Schema = 0,
    Counters = 1,
    Notice = 2,
    Hold = 3,
    Rewritten = 4,
    Guard = 5,
    Throttle = 6,
    Budget = 7,
}

/// What a list of changes comes to: the last word on every row, in the order of the keys.
pub(super) struct Batch {
    layout: Layout,
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
    /// Nothing yet.
    pub(super) fn new(layout: Layout) -> Batch {
        Batch {
            layout,
            meta: BTreeMap::new(),
            people: BTreeMap::new(),
            addresses: BTreeMap::new(),
            outbox: BTreeMap::new(),
            feeds: BTreeMap::new(),
            wordings: BTreeMap::new(),
            seen: BTreeMap::new(),
            forgotten: BTreeSet::new(),
        }
    }

    pub(super) fn of(layout: Layout, changes: &[Change]) -> Batch {
        let mut batch = Batch::new(layout);
        for change in changes {
            match change {
                Change::Person(id, person) => drop(batch.people.insert(id.0, Some(encode(layout, person)))),
                Change::Forget(id) => drop(batch.people.insert(id.0, None)),
                Change::Address(id, address) => drop(batch.addresses.insert(id.0, Some(encode(layout, address)))),
                Change::ForgetAddress(id) => drop(batch.addresses.insert(id.0, None)),
                Change::Outbox(id, entry) => drop(batch.outbox.insert(id.0, Some(encode(layout, entry)))),
                Change::ForgetOutbox(id) => drop(batch.outbox.insert(id.0, None)),
                Change::Feed(id, feed) => drop(batch.feeds.insert(id.0, Some(encode(layout, feed)))),
                Change::ForgetFeed(id) => drop(batch.feeds.insert(id.0, None)),
                Change::Notice(notice) => drop(batch.meta.insert(Meta::Notice as u8, encode(layout, notice))),
                Change::Hold(hold) => drop(batch.meta.insert(Meta::Hold as u8, encode(layout, hold))),
                Change::Guard(guard) => drop(batch.meta.insert(Meta::Guard as u8, encode(layout, guard))),
                Change::Throttle(throttle) => drop(batch.meta.insert(Meta::Throttle as u8, encode(layout, throttle))),
                Change::Wording(fingerprint, text) => drop(batch.wordings.insert(*fingerprint, Some(encode(layout, text)))),
                Change::ForgetWording(fingerprint) => drop(batch.wordings.insert(*fingerprint, None)),
                Change::Counters(counters) => drop(batch.meta.insert(Meta::Counters as u8, encode(layout, counters))),
                Change::Budget(budget) => drop(batch.meta.insert(Meta::Budget as u8, encode(layout, budget))),
                Change::Seen(id, hour) => batch.seen.entry(*hour).or_default().push(*id),
                Change::ForgetSeen(hour) => {
                    batch.seen.remove(hour);
                    batch.forgotten.insert(*hour);
                }
                Change::Rewritten(at) => drop(batch.meta.insert(Meta::Rewritten as u8, encode(layout, at))),
                Change::Unread(..)
                | Change::Rewrite(_)
                | Change::Clock(_)
                | Change::Ingress(_)
                | Change::Paced(_)
                | Change::RoundTrip(_) => {}
            }
        }
        batch
    }

    pub(super) fn is_empty(&self) -> bool {
        let rows = self.meta.len() + self.people.len() + self.addresses.len() + self.outbox.len();
        rows + self.feeds.len() + self.wordings.len() + self.seen.len() + self.forgotten.len() == 0
    }

    pub(super) fn write(&self, transaction: &WriteTransaction) -> Result<(), StoreError> {
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
            table.insert(key, encode(self.layout, ids).as_slice())?;
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

pub(super) fn hour_of(key: u64) -> u32 {
    u32::try_from(key >> 32).unwrap_or(u32::MAX)
}

/// A row with its version: postcard writes the variant as the first byte. A new layout is a new variant; old ones stay readable.
#[derive(Serialize, Deserialize)]
enum Row<T> {
    V1(T),
    #[cfg(feature = "successor")]
    V2(T, u32),
}

pub(super) fn encode<T: Serialize>(layout: Layout, value: &T) -> Vec<u8> {
    let row = match layout {
        Layout::Four => Row::V1(value),
        #[cfg(feature = "successor")]
        Layout::Five => Row::V2(value, 0),
    };
    postcard::to_allocvec(&row).unwrap_or_else(|_| unreachable!("rows are plain data: writing them to memory cannot fail"))
}

pub(super) fn decode<T: DeserializeOwned>(table: &'static str, key: u64, bytes: &[u8]) -> Result<T, StoreError> {
    match postcard::take_from_bytes(bytes) {
        Ok((Row::V1(value), [])) => Ok(value),
        #[cfg(feature = "successor")]
        Ok((Row::V2(value, _), [])) => Ok(value),
        Ok(_) | Err(_) => Err(StoreError::Unreadable { table, key }),
    }
}

pub(super) fn read<T: DeserializeOwned>(table: &impl ReadableTable<u8, &'static [u8]>, key: Meta) -> Result<Option<T>, StoreError> {
    table.get(key as u8)?.map(|bytes| decode("meta", key as u64, bytes.value())).transpose()
}
