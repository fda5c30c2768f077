//! Making the file anew, page by page while the relay goes on: compaction, and the only way by which erased rows are really gone. Does not
//! know when: that is `domain::rewrite`'s business.
//!
//! Every commit goes into the copy, too. So a row in front of the cursor is right because the commit wrote it, and a row behind it because
//! the page that comes later reads what the live file holds by then.

use super::StoreError;
use super::files::Files;
use super::layout::Layout;
use super::rows::{ADDRESSES, Batch, FEEDS, META, Meta, OUTBOX, PEOPLE, SEEN, WORDINGS, encode};
use crate::domain::time::Timestamp;
use redb::{Database, Durability, Key, ReadTransaction, ReadableDatabase, TableDefinition, WriteTransaction};
use std::ops::Bound;

/// Rows of one table copied at once: a few milliseconds on a Pi Zero, so that a message that arrives meanwhile hardly waits.
const PAGE: usize = 256;
/// After so many pages what was copied is synced, one or two megabytes. All at once at the end would stall a slow card for seconds.
const PAGES: u32 = 64;

/// How far a rewrite has come.
#[derive(Debug)]
pub enum Progress {
    /// There is more to copy.
    Copying,
    /// The fresh file has taken the place of the old one.
    Done,
    /// The fresh file is gone and the old one as good as before, for this reason.
    Abandoned(StoreError),
}

/// What is being done.
#[derive(Debug)]
pub(super) enum Rewriting {
    /// Nothing.
    Idle,
    /// A copy is being made.
    Copying(Copy),
    /// A commit did not get into the copy.
    Broken(StoreError),
}

impl Rewriting {
    /// The live file has these changes now.
    pub(super) fn follow(&mut self, batch: &Batch) {
        if let Rewriting::Copying(copy) = self
            && let Err(error) = copy.write(Durability::None, |transaction| batch.write(transaction))
        {
            *self = Rewriting::Broken(error);
        }
    }

    /// One page more.
    pub(super) fn turn(&mut self, live: &mut Database, files: &Files, layout: Layout, now: Timestamp) -> Result<Progress, StoreError> {
        let copy = match std::mem::replace(self, Rewriting::Idle) {
            Rewriting::Idle => Copy::begin(files),
            Rewriting::Copying(copy) => Ok(copy),
            Rewriting::Broken(error) => Err(error),
        };
        let turned = copy.and_then(|mut copy| {
            if !copy.page(live)? {
                return Ok(Some(copy));
            }
            copy.seal(layout, now)?;
            files.replace()?;
            *live = copy.database;
            Ok(None)
        });
        match turned {
            Ok(Some(copy)) => {
                *self = Rewriting::Copying(copy);
                Ok(Progress::Copying)
            }
            Ok(None) => {
                files.sync()?;
                Ok(Progress::Done)
            }
            Err(error) => {
                // If it cannot be removed now, the next start or the next rewrite does.
                let _ = files.discard();
                Ok(Progress::Abandoned(error))
            }
        }
    }
}

/// The fresh file.
#[derive(Debug)]
pub(super) struct Copy {
    database: Database,
    /// The table at hand, an index into [`TABLES`], and its last row that was copied.
    table: usize,
    after: Option<u64>,
    pages: u32,
}

/// See [`page`].
type Page = fn(&ReadTransaction, &WriteTransaction, Option<u64>) -> Result<Option<u64>, StoreError>;

/// All tables.
const TABLES: [Page; 7] = [
    |from, to, after| page(META, from, to, after),
    |from, to, after| page(PEOPLE, from, to, after),
    |from, to, after| page(ADDRESSES, from, to, after),
    |from, to, after| page(OUTBOX, from, to, after),
    |from, to, after| page(FEEDS, from, to, after),
    |from, to, after| page(WORDINGS, from, to, after),
    |from, to, after| page(SEEN, from, to, after),
];

impl Copy {
    fn begin(files: &Files) -> Result<Copy, StoreError> {
        Ok(Copy { database: files.fresh()?, table: 0, after: None, pages: 0 })
    }

    /// Copies one page; whether it was the last.
    fn page(&mut self, live: &Database) -> Result<bool, StoreError> {
        let Some(page) = TABLES.get(self.table) else { return Ok(true) };
        self.pages += 1;
        let durability = if self.pages.is_multiple_of(PAGES) { Durability::Immediate } else { Durability::None };
        let (from, mut after) = (live.begin_read()?, self.after);
        self.write(durability, |to| {
            after = page(&from, to, after)?;
            Ok(())
        })?;
        self.after = after;
        self.table += usize::from(after.is_none());
        Ok(self.table == TABLES.len())
    }

    /// Writes down when it was made, and makes all of it durable.
    fn seal(&self, layout: Layout, now: Timestamp) -> Result<(), StoreError> {
        self.write(Durability::Immediate, |transaction| {
            transaction.open_table(META)?.insert(Meta::Rewritten as u8, encode(layout, &now).as_slice())?;
            Ok(())
        })
    }

    fn write(&self, durability: Durability, rows: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(durability).map_err(redb::Error::from)?;
        rows(&transaction)?;
        Ok(transaction.commit()?)
    }
}

/// Copies rows of one table that come after this key; the last key, if there may be more.
fn page<K>(
    table: TableDefinition<K, &'static [u8]>,
    from: &ReadTransaction,
    to: &WriteTransaction,
    after: Option<u64>,
) -> Result<Option<u64>, StoreError>
where
    K: for<'a> Key<SelfType<'a> = K> + Into<u64> + TryFrom<u64> + std::marker::Copy,
{
    let (source, mut target) = (from.open_table(table)?, to.open_table(table)?);
    let first = after.and_then(|key| K::try_from(key).ok()).map_or(Bound::Unbounded, Bound::Excluded);
    let (mut rows, mut last) = (0, None);
    for row in source.range::<K>((first, Bound::Unbounded))?.take(PAGE) {
        let (key, bytes) = row?;
        target.insert(key.value(), bytes.value())?;
        (rows, last) = (rows + 1, Some(key.value().into()));
    }
    Ok(last.filter(|_| rows == PAGE))
}
