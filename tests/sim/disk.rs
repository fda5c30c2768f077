//! A disk that forgets what was not synced. Knows no file system and no redb format: offsets and bytes.
//!
//! A power cut yields a *new* disk: the old database still writes from its destructor, and on a shared image that would look like damage
//! which no power cut can cause.

use super::choices::Choices;
use redb::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A torn write keeps or loses each of these alone: what cards and disks write in one piece.
const SECTOR: usize = 512;

/// One disk; clones are the same disk.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    inner: Arc<Mutex<Platter>>,
}

#[derive(Clone, Debug, Default)]
struct Platter {
    /// What a power cut leaves for certain.
    synced: Vec<u8>,
    /// What the running system sees.
    seen: Vec<u8>,
    /// What may or may not have reached the platter since the last sync.
    pending: Vec<Pending>,
    /// Operations until the disk fails; `None`: it does not.
    fails_after: Option<u32>,
}

#[derive(Clone, Debug)]
enum Pending {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Disk {
    /// An empty disk.
    pub(crate) fn new() -> Disk {
        Disk::holding(Vec::new())
    }

    fn holding(image: Vec<u8>) -> Disk {
        let platter = Platter { synced: image.clone(), seen: image, pending: Vec::new(), fails_after: None };
        Disk { inner: Arc::new(Mutex::new(platter)) }
    }

    /// What would be there if the power failed now and nothing unsynced survived.
    pub(crate) fn synced(&self) -> Disk {
        Disk::holding(self.platter().synced.clone())
    }

    /// The power fails: each unsynced sector survives or not, as chance has it.
    pub(crate) fn cut(&self, choices: &mut Choices) -> Disk {
        let platter = self.platter().clone();
        let mut image = platter.synced;
        for pending in platter.pending {
            match pending {
                Pending::Length(length) if choices.chance(50) => image.resize(length, 0),
                Pending::Length(_) => {}
                Pending::Write { offset, bytes } => keep_some(&mut image, offset, &bytes, choices),
            }
        }
        Disk::holding(image)
    }

    /// From now on the disk fails after `operations` more writes or syncs.
    pub(crate) fn fail_after(&self, operations: u32) {
        self.platter().fails_after = Some(operations);
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Platter {
    /// What was pending is on the platter. Not a copy of all that is seen: a crowd's image has many megabytes.
    fn settle(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Length(length) => self.synced.resize(length, 0),
                Pending::Write { offset, bytes } => self.synced[offset..offset + bytes.len()].copy_from_slice(&bytes),
            }
        }
    }

    fn wear(&mut self) -> io::Result<()> {
        match &mut self.fails_after {
            Some(0) => Err(io::Error::other("the disk failed, as planned")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.platter().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (platter, start) = (self.platter(), offset as usize);
        let bytes = platter.seen.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut platter = self.platter();
        platter.wear()?;
        platter.seen.resize(len as usize, 0);
        platter.pending.push(Pending::Length(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.platter();
        platter.wear()?;
        platter.settle();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (mut platter, start) = (self.platter(), offset as usize);
        platter.wear()?;
        let target = platter.seen.get_mut(start..start + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        target.copy_from_slice(data);
        platter.pending.push(Pending::Write { offset: start, bytes: data.to_vec() });
        Ok(())
    }
}
