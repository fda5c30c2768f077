//! Where the file lies, and what lies beside it: the fresh one while it is made, and damaged ones that were set aside. Knows no row.

use super::{StoreError, builder};
use crate::domain::time::{Day, Timestamp};
use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, StorageError};
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What must be free before a store that found the disk full is opened again: a hundred full commits. With less the disk would be full
/// again at once, and the relay would come and go.
const ROOM: usize = 1 << 20;

/// A folder with files: a directory, or the simulated disk. Names in it change for good only with [`Folder::sync`].
pub trait Folder: Debug + Send + Sync + 'static {
    /// Opens the file of this name, or makes it.
    ///
    /// # Errors
    /// As redb says.
    fn open(&self, name: &str, builder: &Builder) -> Result<Database, DatabaseError>;

    /// Makes a file of so many zeros, durably.
    ///
    /// # Errors
    /// If there is no room, or the disk fails.
    fn fill(&self, name: &str, bytes: usize) -> io::Result<()>;

    /// All files, with their lengths in bytes.
    ///
    /// # Errors
    /// If the disk fails.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;

    /// What people call the file of this name.
    fn path(&self, name: &str) -> String;

    /// Calls a file otherwise. One that is called so already is gone.
    ///
    /// # Errors
    /// If the disk fails. Then nothing has changed.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// If the disk fails, or there is none.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes durable what every file is called.
    ///
    /// # Errors
    /// If the disk fails.
    fn sync(&self) -> io::Result<()>;
}

/// A directory of the system.
#[derive(Clone, Debug)]
pub struct Directory(pub PathBuf);

impl Folder for Directory {
    fn open(&self, name: &str, builder: &Builder) -> Result<Database, DatabaseError> {
        // Whoever makes it, and whatever their umask is: what is in it concerns nobody else.
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(self.0.join(name));
        builder.create_with_backend(FileBackend::new(file.map_err(StorageError::Io)?)?)
    }

    fn fill(&self, name: &str, bytes: usize) -> io::Result<()> {
        let mut file = File::create(self.0.join(name))?;
        file.write_all(&vec![0; bytes])?;
        file.sync_all()
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                files.push((name, entry.metadata()?.len()));
            }
        }
        Ok(files)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.0.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

/// The store's files in a folder: `<name>`, `<name>.new` while that is made, `<name>.damaged-<time>`.
#[derive(Clone, Debug)]
pub struct Files {
    folder: Arc<dyn Folder>,
    name: String,
}

impl Files {
    /// Files called so in a folder.
    pub fn new(folder: impl Folder, name: &str) -> Files {
        Files { folder: Arc::new(folder), name: name.to_owned() }
    }

    /// The file at this path and what lies beside it.
    pub fn at(path: &Path) -> Files {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Files::new(Directory(folder.to_owned()), &path.file_name().unwrap_or_default().to_string_lossy())
    }

    /// Moves the file out of the way, as it is, to a path that no other has, and says which. The name tells the time, UTC; a Pi that has
    /// just started may believe in 1970.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn set_aside(&self, now: Timestamp) -> Result<String, StoreError> {
        let (date, second) = (Day(i32::try_from(now.0 / 86_400).unwrap_or(0)).date(), now.0 % 86_400);
        let (hours, minutes, seconds) = (second / 3_600, second / 60 % 60, second % 60);
        let time = format!("{:04}{:02}{:02}-{hours:02}{minutes:02}{seconds:02}", date.year(), date.month(), date.day());
        let taken = self.folder.list()?;
        let first = format!("{}{time}", self.aside());
        let (mut name, mut nth) = (first.clone(), 1);
        while taken.iter().any(|(other, _)| *other == name) {
            nth += 1;
            name = format!("{first}-{nth}");
        }
        self.folder.rename(&self.name, &name)?;
        self.folder.sync()?;
        Ok(self.folder.path(&name))
    }

    /// Paths of damaged files that were set aside.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn damaged(&self) -> Result<Vec<String>, StoreError> {
        let names = self.folder.list()?.into_iter().map(|(name, _)| name).filter(|name| name.starts_with(&self.aside()));
        let mut paths: Vec<String> = names.map(|name| self.folder.path(&name)).collect();
        paths.sort();
        Ok(paths)
    }

    /// Whether there is enough room again for a store that found none.
    ///
    /// # Errors
    /// If there is not, or the disk fails.
    pub fn room(&self) -> Result<(), StoreError> {
        let filled = self.folder.fill(&self.new_name(), ROOM);
        // If there was no room, some of it is taken now.
        self.discard()?;
        Ok(filled?)
    }

    /// The file, if there is one; a file without a byte is none. Its name is durable afterwards, and no fresh one lies beside it.
    pub(super) fn open(&self) -> Result<Option<Database>, StoreError> {
        let there = self.folder.list()?.iter().any(|(name, length)| *name == self.name && *length > 0);
        if !there {
            self.discard()?;
            return Ok(None);
        }
        let mut builder = builder();
        // A card may change what it holds. Without the check a wrong byte in a row is taken for what the row says.
        builder.set_check_integrity_on_open(true);
        // A file that is damaged in a way that redb has not thought of may make it panic.
        let opened = catch_unwind(AssertUnwindSafe(|| self.folder.open(&self.name, &builder)));
        let database = opened.unwrap_or_else(|_| Err(StorageError::Corrupted("redb panicked".to_owned()).into()))?;
        // Only now: whoever holds the file may be making a fresh one.
        self.discard()?;
        // Whoever renamed it last may not have come to this.
        self.folder.sync()?;
        Ok(Some(database))
    }

    /// An empty file beside it.
    pub(super) fn fresh(&self) -> Result<Database, StoreError> {
        self.discard()?;
        Ok(self.folder.open(&self.new_name(), &builder())?)
    }

    /// Removes the fresh file, if there is one.
    pub(super) fn discard(&self) -> Result<(), StoreError> {
        match self.folder.remove(&self.new_name()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The fresh file takes the file's place: for the running system at once, for good after [`Files::sync`].
    pub(super) fn replace(&self) -> Result<(), StoreError> {
        Ok(self.folder.rename(&self.new_name(), &self.name)?)
    }

    pub(super) fn sync(&self) -> Result<(), StoreError> {
        Ok(self.folder.sync()?)
    }

    fn new_name(&self) -> String {
        format!("{}.new", self.name)
    }

    fn aside(&self) -> String {
        format!("{}.damaged-", self.name)
    }
}
