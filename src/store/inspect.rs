//! A look at the file of a relay that does not run: whether it can be opened and which layout it has. Reads only; what has to be repaired
//! after a power cut is left to the relay. For as long as the look takes, a relay that starts finds the file held, and tries again.

use super::{StoreError, builder, head, known};
use redb::{DatabaseError, StorageError};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// What is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inspected {
    /// There is none, or one without a byte: the relay makes it when it starts.
    Absent,
    /// It can be opened.
    Sound {
        /// The number of its layout.
        layout: u32,
    },
    /// It was not closed: after a power cut or a kill. The relay checks and repairs it when it starts.
    Unclosed,
}

/// Looks at the file at this path.
///
/// # Errors
/// If another process has it, it is damaged, another program wrote it, or the disk fails.
pub fn inspect(path: &Path) -> Result<Inspected, StoreError> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Inspected::Absent),
        Ok(found) if found.len() == 0 => return Ok(Inspected::Absent),
        Ok(_) | Err(_) => {}
    }
    // A file that is damaged in a way that redb has not thought of may make it panic.
    let opened = catch_unwind(AssertUnwindSafe(|| builder().open_read_only(path)));
    let database = match opened.unwrap_or_else(|_| Err(StorageError::Corrupted("redb panicked".to_owned()).into())) {
        Ok(database) => database,
        Err(DatabaseError::RepairAborted) => return Ok(Inspected::Unclosed),
        Err(error) => return Err(error.into()),
    };
    let found = head(&database)?.ok_or_else(|| StoreError::Damaged("keine Tabelle meta".to_owned()))?;
    known(found)?;
    Ok(Inspected::Sound { layout: found.0 })
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::super::layout::Layout;
    use super::*;
    use crate::domain::ids::InstanceId;

    #[test]
    fn a_look_tells_what_there_is_and_changes_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("relay.redb");
        assert_eq!(inspect(&path).expect("nothing there"), Inspected::Absent);
        let store = Store::open(&path, InstanceId(1)).expect("a new one");
        assert!(matches!(inspect(&path), Err(StoreError::Held)));
        store.close().expect("closed");
        let before = std::fs::read(&path).expect("a file");
        assert_eq!(inspect(&path).expect("a store"), Inspected::Sound { layout: Layout::newest().number() });
        assert_eq!(std::fs::read(&path).expect("a file"), before);
        std::fs::write(&path, "no store".repeat(1_000)).expect("written");
        assert!(inspect(&path).is_err_and(|error| error.is_damage()));
    }
}
