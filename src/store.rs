//! Rows to bytes and back: one redb file. Decides nothing, and holds no sentence and no name: what is written here is `domain`'s business.
//!
//! Keys are fixed-width integers, values are postcard bytes whose first byte is the row's version, so no redb type ever touches our data.
//! Deduplication ids are appended: one row for all ids that a commit adds to an hour, so that 64 messages cost one page and not 64.
//! [`files`] is where the file lies, [`rewrite`] makes it anew, [`rows`] knows the tables, and [`layout`] how an update goes back.

mod files;
mod inspect;
mod layout;
mod rewrite;
mod rows;

pub use files::{Directory, Files, Folder};
pub use inspect::{Inspected, inspect};
pub use rewrite::Progress;

use crate::domain::budget::Budget;
use crate::domain::conversation::Person;
use crate::domain::decision::Change;
use crate::domain::figures::Feed;
use crate::domain::ids::{Address, FeedId, InstanceId, OutboxId, PersonId, WamidHash};
use crate::domain::notice::Notice;
use crate::domain::outbox::{Entry, Hold};
use crate::domain::pacing::{Guard, Throttle};
use crate::domain::state::{Counters, State};
use crate::domain::time::Timestamp;
use layout::Layout;
use redb::{Builder, Database, ReadableDatabase, StorageBackend, TableError, WriteTransaction};
use rewrite::Rewriting;
use rows::{ADDRESSES, Batch, FEEDS, META, Meta, OUTBOX, PEOPLE, SEEN, WORDINGS, decode, encode, hour_of, read};
use std::io::ErrorKind;
use std::path::Path;

/// Page cache of one file in bytes; while it is rewritten there are two. redb's own default is 1 GiB; a Pi Zero has 512 MiB in all. Nothing
/// is read but at the start. But a part of it holds the pages of the commit that is being made: with 1 MiB those of a full group are pushed
/// out and written twice (`benches/commit.rs`: up to 13.9 kB a message, with 2 MiB up to 10.2).
const CACHE: usize = 2 << 20;

/// Why the store cannot be used. After any of them memory may be ahead of the disk: start again from what is durable.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("Der Speicher ist von einem anderen Prozess geöffnet. Läuft drk-relay schon? Abhilfe: den anderen Prozess beenden.")]
    Held,
    /// A newer program wrote it.
    #[error(
        "Der Speicher stammt von einer neueren Version (Aufbau {found}, bekannt bis {}). Abhilfe: die neuere Version starten.",
        Layout::newest().number()
    )]
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
    /// It is no store, or not a whole one. Nothing was changed.
    #[error("Der Speicher ist beschädigt: {0}. Es wurde nichts verändert.")]
    Damaged(String),
    /// There is no room.
    #[error("Die Speicherkarte ist voll. Abhilfe: Platz schaffen, zum Beispiel mit: sudo apt-get clean")]
    Full,
    /// It lies in no folder, so it cannot be made anew.
    #[error("Der Speicher liegt in keinem Verzeichnis und kann nicht neu geschrieben werden.")]
    Adrift,
    /// It is not the store that was there when the process started.
    #[error("Der Speicher ist nicht mehr der, mit dem das Relay gestartet wurde. Abhilfe: das Relay neu starten.")]
    Replaced,
    /// The disk, or redb.
    #[error("Der Speicher lässt sich nicht lesen oder schreiben: {0}. Abhilfe: Platz und Zustand der Speicherkarte prüfen.")]
    Disk(Box<redb::Error>),
}

impl StoreError {
    /// Whether the file itself is the trouble, so that only another file can help.
    pub fn is_damage(&self) -> bool {
        matches!(self, StoreError::Damaged(_) | StoreError::Unreadable { .. })
    }
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> StoreError {
        use redb::Error::{
            Corrupted, DatabaseAlreadyOpen, Io, TableDoesNotExist, TableIsMultimap, TableIsNotMultimap, TableTypeMismatch,
            TypeDefinitionChanged, UpgradeRequired,
        };
        let error = error.into();
        // What redb says of a file that is none of its own, and of one that ends too early (redb 4.6: `not_a_database`).
        const FOREIGN: [ErrorKind; 2] = [ErrorKind::InvalidData, ErrorKind::UnexpectedEof];
        // ENOSPC, EDQUOT and EFBIG.
        const FULL: [ErrorKind; 3] = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge];
        let foreign = matches!(
            error,
            Corrupted(_)
                | UpgradeRequired(_)
                | TableTypeMismatch { .. }
                | TableIsMultimap(_)
                | TableIsNotMultimap(_)
                | TypeDefinitionChanged { .. }
                | TableDoesNotExist(_)
        );
        let kind = if let Io(io) = &error { Some(io.kind()) } else { None };
        if let DatabaseAlreadyOpen = error {
            StoreError::Held
        } else if kind.is_some_and(|kind| FULL.contains(&kind)) {
            StoreError::Full
        } else if foreign || kind.is_some_and(|kind| FOREIGN.contains(&kind)) {
            StoreError::Damaged(error.to_string())
        } else {
            StoreError::Disk(Box::new(error))
        }
    }
}

/// One redb file.
#[derive(Debug)]
pub struct Store {
    database: Database,
    instance: InstanceId,
    /// How rows are written.
    layout: Layout,
    /// Where it lies. A store on a lone backend lies nowhere.
    files: Option<Files>,
    rewriting: Rewriting,
}

impl Store {
    /// Opens the file, or makes it with `fresh` as its instance id.
    ///
    /// # Errors
    /// If another process has it, it is damaged, another program wrote it, or the disk fails.
    pub fn open(path: &Path, fresh: InstanceId) -> Result<Store, StoreError> {
        Store::of(&Files::at(path), fresh)
    }

    /// The same in any folder. What an interrupted rewrite has left there is removed.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn of(files: &Files, fresh: InstanceId) -> Result<Store, StoreError> {
        Store::existing(files)?.map_or_else(|| Store::begin(files, fresh, &[]), Ok)
    }

    /// The same, if there is one.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn existing(files: &Files) -> Result<Option<Store>, StoreError> {
        let Some(database) = files.open()? else { return Ok(None) };
        let found = head(&database)?.ok_or_else(|| StoreError::Damaged("keine Tabelle meta".to_owned()))?;
        Ok(Some(Store::with(database, known(found)?, Some(files.clone()))))
    }

    /// Makes a new one that holds what these changes come to, in the place of what lies there. Under another name until it is whole: a
    /// power cut or a full disk in between leaves what was there, and nothing that looks like a damaged store.
    ///
    /// # Errors
    /// If the disk fails or is full.
    pub fn begin(files: &Files, fresh: InstanceId, changes: &[Change]) -> Result<Store, StoreError> {
        let database = files.fresh()?;
        let head = (Layout::FIRST, fresh);
        create(&database, head, &Batch::of(head.0, changes))?;
        files.replace()?;
        files.sync()?;
        Ok(Store::with(database, head, Some(files.clone())))
    }

    /// The same on a lone backend: a benchmark's, or one that counts and delays its syncs. It cannot be rewritten.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn on(backend: impl StorageBackend, fresh: InstanceId) -> Result<Store, StoreError> {
        let database = builder().create_with_backend(backend)?;
        let head = match head(&database)? {
            Some(found) => known(found)?,
            None => {
                let head = (Layout::FIRST, fresh);
                create(&database, head, &Batch::new(head.0))?;
                head
            }
        };
        Ok(Store::with(database, head, None))
    }

    fn with(database: Database, (layout, instance): Head, files: Option<Files>) -> Store {
        Store { database, instance, layout, files, rewriting: Rewriting::Idle }
    }

    /// From now on rows are written as only this release reads them: it has proved itself, and nobody goes back any more.
    ///
    /// # Errors
    /// As after a failed commit.
    pub fn advance(&mut self) -> Result<(), StoreError> {
        let newest = Layout::newest();
        if self.layout < newest {
            let transaction = self.database.begin_write()?;
            write_head(&transaction, (newest, self.instance))?;
            transaction.commit()?;
            self.layout = newest;
        }
        Ok(())
    }

    /// Paths of damaged files that were set aside and still lie beside it.
    pub fn damaged(&self) -> Vec<String> {
        // Who cannot look has a greater trouble, and hears of it from the next commit.
        self.files.as_ref().and_then(|files| files.damaged().ok()).unwrap_or_default()
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
        if let Some(budget) = read::<Budget>(&meta, Meta::Budget)? {
            state.apply(&Change::Budget(budget));
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
        if let Some(at) = read::<Timestamp>(&meta, Meta::Rewritten)? {
            state.apply(&Change::Rewritten(at));
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
    /// reason to touch the disk. A copy that is being made gets them, too: what becomes of it does not concern the caller.
    ///
    /// # Errors
    /// Memory is ahead of the disk then: drop both.
    pub fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let batch = Batch::of(self.layout, changes);
        if batch.is_empty() {
            return Ok(());
        }
        let transaction = self.database.begin_write()?;
        batch.write(&transaction)?;
        transaction.commit()?;
        self.rewriting.follow(&batch);
        Ok(())
    }

    /// Copies one page into a fresh file, and begins to if none is being made. After the last page the fresh file takes the place of this
    /// one, with `now` as the time of its rewriting. Nobody needs to call it to the end: a fresh file that was given up is removed.
    ///
    /// # Errors
    /// If nobody can say which of the two files a power cut would leave. As after a failed commit.
    pub fn rewrite(&mut self, now: Timestamp) -> Result<Progress, StoreError> {
        let Some(files) = &self.files else { return Ok(Progress::Abandoned(StoreError::Adrift)) };
        self.rewriting.turn(&mut self.database, files, self.layout, now)
    }

    /// Closes the file. Everything committed is durable already; this only says what dropping would swallow.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn close(self) -> Result<(), StoreError> {
        Ok(self.database.close()?)
    }
}

/// How a file is opened.
fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    builder
}

/// What a file says of itself.
type Head = (Layout, InstanceId);

/// The number of its layout and its instance id, if it has any.
fn head(database: &impl ReadableDatabase) -> Result<Option<(u32, InstanceId)>, StoreError> {
    match database.begin_read()?.open_table(META) {
        Ok(meta) => read(&meta, Meta::Schema),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The same, if this program knows the layout.
fn known((found, instance): (u32, InstanceId)) -> Result<Head, StoreError> {
    match Layout::numbered(found) {
        Some(layout) => Ok((layout, instance)),
        None if found > Layout::newest().number() => Err(StoreError::Newer { found }),
        None => Err(StoreError::Older { found }),
    }
}

/// In the oldest layout, always: whoever does not know the number must be able to read it.
fn write_head(transaction: &WriteTransaction, (layout, instance): Head) -> Result<(), StoreError> {
    let bytes = encode(Layout::FIRST, &(layout.number(), instance));
    transaction.open_table(META)?.insert(Meta::Schema as u8, bytes.as_slice())?;
    Ok(())
}

/// The tables of a new store, and what is in them from the beginning.
fn create(database: &Database, head: Head, rows: &Batch) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    write_head(&transaction, head)?;
    transaction.open_table(PEOPLE)?;
    transaction.open_table(ADDRESSES)?;
    transaction.open_table(OUTBOX)?;
    transaction.open_table(FEEDS)?;
    transaction.open_table(WORDINGS)?;
    transaction.open_table(SEEN)?;
    rows.write(&transaction)?;
    transaction.commit()?;
    Ok(())
}
