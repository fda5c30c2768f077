//! Figures and counters out of a store, and into a new one, while no relay runs. Decides nothing: what is kept, and what must not be
//! replaced, is `domain::backup`'s business. Knows no format.

use crate::domain::backup::{Backup, Occupied};
use crate::domain::ids::InstanceId;
use crate::store::{Files, Store, StoreError};

/// Why a backup does not get into a store. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not new.
    #[error(
        "Im Speicher {0}: eine Sicherung kommt nur in einen neuen. Es wurde nichts verändert. Abhilfe: auf dem neuen Gerät zurückspielen, \
         bevor dort jemand schreibt oder Zahlen ankommen; soll der vorhandene Stand weg, das Relay anhalten und die Datei relay.redb löschen."
    )]
    Occupied(Occupied),
}

/// What is worth keeping of the store that lies there; `None` if there is none. Nothing is changed.
///
/// # Errors
/// If the store cannot be read, or a relay has it.
pub fn kept(files: &Files) -> Result<Option<Backup>, StoreError> {
    let Some(store) = Store::existing(files)? else { return Ok(None) };
    Ok(Some(Backup::of(&store.load()?)))
}

/// A place where a backup may go. No relay can begin there meanwhile, if there is a store.
#[derive(Debug)]
pub struct Vacancy {
    files: Files,
    /// Nobody else opens it while we have it.
    replaced: Option<Store>,
    already: bool,
}

impl Vacancy {
    /// Looks whether this backup may go there.
    ///
    /// # Errors
    /// See [`RestoreError`].
    pub fn of(files: &Files, backup: &Backup) -> Result<Vacancy, RestoreError> {
        let replaced = Store::existing(files)?;
        let state = replaced.as_ref().map(Store::load).transpose()?.unwrap_or_default();
        let already = replaced.is_some() && Backup::of(&state) == *backup;
        if !already {
            Backup::may_replace(&state).map_err(RestoreError::Occupied)?;
        }
        Ok(Vacancy { files: files.clone(), replaced, already })
    }

    /// Whether the store holds just this backup: it was restored before, and whoever did it did not see how it ended.
    pub fn is_filled(&self) -> bool {
        self.already
    }

    /// Makes a store of it, with `fresh` as its instance id: all of it or nothing, whenever the power fails.
    ///
    /// # Errors
    /// If the disk fails or is full.
    pub fn fill(self, fresh: InstanceId, backup: &Backup) -> Result<(), StoreError> {
        if !self.already {
            Store::begin(&self.files, fresh, &backup.changes())?.close()?;
        }
        // Only now somebody else may open what lies there.
        drop(self.replaced);
        Ok(())
    }
}
