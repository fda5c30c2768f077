//! A disk that forgets what was not synced: one folder of files. Knows no redb format: names, offsets and bytes.
//!
//! A power cut yields a *new* disk: the old database still writes from its destructor, and on a shared image that would look like damage
//! which no power cut can cause.

use super::choices::Choices;
use drk_relay::store::{Files, Folder};
use redb::{Builder, Database, DatabaseError, StorageBackend};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the store's file is called.
pub(crate) const LIVE: &str = "relay.redb";
/// A torn write keeps or loses each of these alone: what cards and disks write in one piece.
const SECTOR: usize = 512;
/// What a file system hands out in one piece.
const BLOCK: usize = 4096;

/// One disk; clones are the same disk.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    inner: Arc<Mutex<Platter>>,
}

#[derive(Clone, Debug, Default)]
struct Platter {
    /// By number. A file without a name is gone after a power cut, and when nobody has it open any more.
    files: BTreeMap<usize, File>,
    next: usize,
    /// What the running system calls them.
    names: BTreeMap<String, usize>,
    /// What they are called for certain after a power cut.
    synced_names: BTreeMap<String, usize>,
    /// What may or may not have become of the names since the last sync of the folder: a prefix of it.
    renaming: Vec<Naming>,
    room: Room,
    failure: Failure,
}

#[derive(Clone, Debug, Default)]
struct File {
    /// What a power cut leaves for certain.
    synced: Vec<u8>,
    /// What the running system sees.
    seen: Vec<u8>,
    /// What may or may not have reached the platter since the last sync.
    pending: Vec<Pending>,
    /// Blocks that have been written to; the others are holes.
    blocks: BTreeSet<usize>,
    /// How many have it open.
    open: usize,
}

#[derive(Clone, Debug)]
enum Pending {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Clone, Debug)]
enum Naming {
    Make(String, usize),
    Rename(String, String),
    Remove(String),
}

/// How much fits on the disk, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Room {
    /// Everything.
    #[default]
    Endless,
    /// So much, and a file takes all of its length at once.
    Solid(usize),
    /// So much, and a file takes only what was written to: a write into a hole may find the disk full.
    Sparse(usize),
}

/// When operations fail.
#[derive(Clone, Copy, Debug, Default)]
enum Failure {
    #[default]
    Never,
    /// All after so many more.
    From(u32),
    /// One after so many more.
    Once(u32),
}

impl Disk {
    /// An empty disk.
    pub(crate) fn new() -> Disk {
        Disk::holding(Platter::default())
    }

    fn holding(platter: Platter) -> Disk {
        Disk { inner: Arc::new(Mutex::new(platter)) }
    }

    /// The store's files on it.
    pub(crate) fn files(&self) -> Files {
        Files::new(self.clone(), LIVE)
    }

    /// The file of this name, made if there is none.
    pub(crate) fn file(&self, name: &str) -> Handle {
        let mut platter = self.platter();
        let number = platter.names.get(name).copied().unwrap_or_else(|| platter.make(name));
        if let Some(file) = platter.files.get_mut(&number) {
            file.open += 1;
        }
        Handle { disk: self.clone(), number }
    }

    /// What would be there if the power failed now and nothing unsynced survived.
    pub(crate) fn synced(&self) -> Disk {
        let platter = self.platter();
        let files = platter.synced_names.values().filter_map(|number| Some((*number, File::holding(&platter.files.get(number)?.synced))));
        Disk::holding(platter.after_a_cut(files.collect(), platter.synced_names.clone()))
    }

    /// The power fails: each unsynced sector survives or not, as chance has it, and so many of the folder's changes as it likes, the first
    /// ones.
    pub(crate) fn cut(&self, choices: &mut Choices) -> Disk {
        let platter = self.platter();
        let kept = choices.below(platter.renaming.len() as u64 + 1) as usize;
        let mut names = platter.synced_names.clone();
        platter.renaming.iter().take(kept).for_each(|naming| naming.apply(&mut names));
        let files = names.values().filter_map(|number| Some((*number, File::holding(&platter.files.get(number)?.torn(choices)))));
        Disk::holding(platter.after_a_cut(files.collect(), names.clone()))
    }

    /// From now on the disk fails after `operations` more.
    pub(crate) fn fail_after(&self, operations: u32) {
        self.platter().failure = Failure::From(operations);
    }

    /// One operation fails after `operations` more, and then all is well again.
    pub(crate) fn fail_once_after(&self, operations: u32) {
        self.platter().failure = Failure::Once(operations);
    }

    /// From now on no operation fails but for want of room.
    pub(crate) fn heal(&self) {
        self.platter().failure = Failure::Never;
    }

    /// From now on this much fits on it. What is there already stays.
    pub(crate) fn set_room(&self, room: Room) {
        self.platter().room = room;
    }

    /// Bytes that its files take, as far as they were written to.
    pub(crate) fn taken(&self) -> usize {
        self.platter().taken(|file| file.blocks.len() * BLOCK)
    }

    /// Names of its files.
    pub(crate) fn names(&self) -> Vec<String> {
        self.platter().names.keys().cloned().collect()
    }

    /// What a file holds.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let platter = self.platter();
        platter.names.get(name).and_then(|number| platter.files.get(number)).map(|file| file.seen.clone()).unwrap_or_default()
    }

    /// Somebody writes a file from outside, durably.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let mut platter = self.platter();
        let number = platter.make(name);
        platter.files.insert(number, File::holding(bytes));
        platter.settle_names();
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platter {
    /// Another disk with these files only, on which nothing goes wrong.
    fn after_a_cut(&self, files: BTreeMap<usize, File>, names: BTreeMap<String, usize>) -> Platter {
        Platter { files, next: self.next, names: names.clone(), synced_names: names, room: self.room, ..Platter::default() }
    }

    fn make(&mut self, name: &str) -> usize {
        let number = self.next;
        self.next += 1;
        self.files.insert(number, File::default());
        self.name(Naming::Make(name.to_owned(), number));
        number
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.renaming.push(naming);
        self.tidy();
    }

    fn settle_names(&mut self) {
        self.synced_names = self.names.clone();
        self.renaming.clear();
        self.tidy();
    }

    /// Files that nobody can reach any more, before or after a power cut, are gone.
    fn tidy(&mut self) {
        let mut named: BTreeSet<usize> = self.names.values().chain(self.synced_names.values()).copied().collect();
        named.extend(self.renaming.iter().filter_map(|naming| match naming {
            Naming::Make(_, number) => Some(*number),
            Naming::Rename(..) | Naming::Remove(_) => None,
        }));
        self.files.retain(|number, file| file.open > 0 || named.contains(number));
    }

    /// What files take that have a name or are open.
    fn taken(&self, size: impl Fn(&File) -> usize) -> usize {
        let named: BTreeSet<usize> = self.names.values().copied().collect();
        self.files.iter().filter(|(number, file)| file.open > 0 || named.contains(number)).map(|(_, file)| size(file)).sum()
    }

    /// One operation, which may fail.
    fn wear(&mut self) -> io::Result<()> {
        let failed = || Err(io::Error::other("the disk failed, as planned"));
        match &mut self.failure {
            Failure::Never => Ok(()),
            Failure::From(0) => failed(),
            Failure::Once(0) => {
                self.failure = Failure::Never;
                failed()
            }
            Failure::From(left) | Failure::Once(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    /// Whether a file may have this length.
    fn grow(&self, number: usize, length: usize) -> io::Result<()> {
        match self.room {
            Room::Solid(room) => {
                let before = self.files.get(&number).map_or(0, |file| file.seen.len());
                let fits = length <= before || self.taken(|file| file.seen.len()) - before + length <= room;
                fits.then_some(()).ok_or(ErrorKind::StorageFull.into())
            }
            Room::Endless | Room::Sparse(_) => Ok(()),
        }
    }

    /// Whether these blocks of a file may be written to.
    fn fill(&self, number: usize, blocks: &BTreeSet<usize>) -> io::Result<()> {
        match self.room {
            Room::Sparse(room) => {
                let holes = self.files.get(&number).map_or(0, |file| blocks.difference(&file.blocks).count());
                let fits = holes == 0 || self.taken(|file| file.blocks.len() * BLOCK) + holes * BLOCK <= room;
                fits.then_some(()).ok_or(ErrorKind::StorageFull.into())
            }
            Room::Endless | Room::Solid(_) => Ok(()),
        }
    }

    fn of(&mut self, number: usize) -> io::Result<&mut File> {
        self.files.get_mut(&number).ok_or(ErrorKind::NotFound.into())
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Naming::Make(name, number) => drop(names.insert(name.clone(), *number)),
            Naming::Rename(from, to) => {
                if let Some(number) = names.remove(from) {
                    names.insert(to.clone(), number);
                }
            }
            Naming::Remove(name) => drop(names.remove(name)),
        }
    }
}

impl File {
    fn holding(image: &[u8]) -> File {
        let blocks = (0..image.len().div_ceil(BLOCK)).collect();
        File { synced: image.to_vec(), seen: image.to_vec(), pending: Vec::new(), blocks, open: 0 }
    }

    /// What a power cut leaves of it.
    fn torn(&self, choices: &mut Choices) -> Vec<u8> {
        let mut image = self.synced.clone();
        for pending in &self.pending {
            match pending {
                Pending::Length(length) if choices.chance(50) => image.resize(*length, 0),
                Pending::Length(_) => {}
                Pending::Write { offset, bytes } => keep_some(&mut image, *offset, bytes, choices),
            }
        }
        image
    }

    /// What was pending is on the platter. Not a copy of all that is seen: a crowd's image has many megabytes.
    fn settle(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Length(length) => self.synced.resize(length, 0),
                Pending::Write { offset, bytes } => self.synced[offset..offset + bytes.len()].copy_from_slice(&bytes),
            }
        }
    }

    fn resize(&mut self, length: usize) {
        self.seen.resize(length, 0);
        self.blocks.retain(|block| block * BLOCK < length);
        self.pending.push(Pending::Length(length));
    }
}

/// Keeps a random set of the sectors that the write covers.
fn keep_some(image: &mut Vec<u8>, offset: usize, bytes: &[u8], choices: &mut Choices) {
    let (mut at, end) = (offset, offset + bytes.len());
    while at < end {
        let next = ((at / SECTOR + 1) * SECTOR).min(end);
        if choices.chance(50) {
            if image.len() < next {
                image.resize(next, 0);
            }
            image[at..next].copy_from_slice(&bytes[at - offset..next - offset]);
        }
        at = next;
    }
}

impl Folder for Disk {
    fn open(&self, name: &str, builder: &Builder) -> Result<Database, DatabaseError> {
        self.platter().wear()?;
        builder.create_with_backend(self.file(name))
    }

    fn fill(&self, name: &str, bytes: usize) -> io::Result<()> {
        let file = self.file(name);
        let filled = file.set_len(bytes as u64).and_then(|()| file.write(0, &vec![0; bytes])).and_then(|()| file.sync_data());
        file.close()?;
        filled
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut platter = self.platter();
        platter.wear()?;
        let length = |number| platter.files.get(number).map_or(0, |file| file.seen.len() as u64);
        Ok(platter.names.iter().map(|(name, number)| (name.clone(), length(number))).collect())
    }

    fn path(&self, name: &str) -> String {
        name.to_owned()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut platter = self.platter();
        platter.wear()?;
        platter.names.get(from).ok_or(ErrorKind::NotFound)?;
        platter.name(Naming::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut platter = self.platter();
        platter.wear()?;
        platter.names.get(name).ok_or(ErrorKind::NotFound)?;
        platter.name(Naming::Remove(name.to_owned()));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut platter = self.platter();
        platter.wear()?;
        platter.settle_names();
        Ok(())
    }
}

/// A file that somebody has opened, whatever it is called by now.
#[derive(Debug)]
pub(crate) struct Handle {
    disk: Disk,
    number: usize,
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.platter().of(self.number)?.seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (mut platter, start) = (self.disk.platter(), offset as usize);
        platter.wear()?;
        let bytes = platter.of(self.number)?.seen.get(start..start + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut platter = self.disk.platter();
        platter.wear()?;
        platter.grow(self.number, len as usize)?;
        platter.of(self.number)?.resize(len as usize);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.disk.platter();
        platter.wear()?;
        platter.of(self.number)?.settle();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (mut platter, start) = (self.disk.platter(), offset as usize);
        platter.wear()?;
        let blocks = (start / BLOCK..(start + data.len()).div_ceil(BLOCK)).collect();
        platter.fill(self.number, &blocks)?;
        let file = platter.of(self.number)?;
        let target = file.seen.get_mut(start..start + data.len()).ok_or(ErrorKind::UnexpectedEof)?;
        target.copy_from_slice(data);
        file.blocks.extend(blocks);
        file.pending.push(Pending::Write { offset: start, bytes: data.to_vec() });
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        let mut platter = self.disk.platter();
        if let Ok(file) = platter.of(self.number) {
            file.open = file.open.saturating_sub(1);
        }
        platter.tidy();
        Ok(())
    }
}
