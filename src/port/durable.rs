//! Small files that are replaced as a whole: after a power cut there is the old one or the new one, and nothing in between. Knows nothing
//! of what is in them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// For us alone.
const PRIVATE: u32 = 0o600;
/// For everybody to read.
const PUBLIC: u32 = 0o644;
/// For us, and for a group to read.
const SHARED: u32 = 0o640;

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readers {
    /// We alone (0600).
    Owner,
    /// Also this group (0640).
    Group(u32),
    /// Everybody (0644).
    Everybody,
}

/// Replaces the file at `path`, which only we may read (0600). On the disk when this returns.
///
/// # Errors
/// If the disk is full or fails, or the directory is not there. The old file is untouched then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_for(path, bytes, Readers::Owner)
}

/// Replaces the file at `path`. On the disk when this returns.
///
/// # Errors
/// As [`replace`]; also if the group may not be given the file.
pub fn replace_for(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let beside = beside(path);
    let written = match readers {
        Readers::Owner => write_new(&beside, bytes, PRIVATE, None),
        Readers::Group(group) => write_new(&beside, bytes, SHARED, Some(group)),
        Readers::Everybody => write_new(&beside, bytes, PUBLIC, None),
    };
    if let Err(error) = written.and_then(|()| fs::rename(&beside, path)) {
        // On a full disk half a file would take the room that somebody makes.
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    sync_directory_of(path)
}

/// Puts a file where none is, for everybody to read (0644), and says whether it did. On the disk when this returns.
///
/// # Errors
/// If the disk is full or fails, or the directory is not there. There is no file then.
pub fn place(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let beside = beside(path);
    write_new(&beside, bytes, PUBLIC, None)?;
    // Unlike a rename, a link replaces nothing.
    let placed = fs::hard_link(&beside, path);
    fs::remove_file(&beside)?;
    match placed {
        Ok(()) => sync_directory_of(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes a file where none is, which only we may read (0600). Unlike [`place`] on any file system, on a stick for PCs, too: after a power
/// cut there may be half of it. On the disk when this returns.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if there is one, which stays as it is. If the disk is full or fails, or the directory is not there:
/// there is no file then.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| sync_directory_of(path));
    if let Err(error) = written {
        // Half of it would be in the way of the next attempt.
        let _ = fs::remove_file(path);
        return Err(error);
    }
    Ok(file)
}

/// Whether [`replace`] would find room for so many bytes.
///
/// # Errors
/// As [`replace`].
pub fn rehearse(path: &Path, size: usize) -> io::Result<()> {
    let beside = beside(path);
    write_new(&beside, &vec![b'#'; size], PRIVATE, None)?;
    fs::remove_file(beside)
}

/// Where the new file is made: `<path>.new`.
pub fn beside(path: &Path) -> PathBuf {
    followed_by(path, ".new")
}

/// A file of the same name with an ending more.
pub fn followed_by(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Makes durable what the file at `path` is called, or that it is gone.
///
/// # Errors
/// If the disk fails, or the directory is not there.
pub fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// A new file. What a power cut has left there goes, whoever may read it.
fn write_new(path: &Path, bytes: &[u8], mode: u32, group: Option<u32>) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    group.map_or(Ok(()), |group| fchown(&file, None, Some(group)))?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_there_is_never_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let made = create(&path, b"first").expect("there was none");
        assert_eq!(made.metadata().expect("a file").permissions().mode() & 0o777, PRIVATE);
        assert_eq!(create(&path, b"second").map(|_| ()).map_err(|error| error.kind()), Err(io::ErrorKind::AlreadyExists));
        assert_eq!(fs::read(&path).expect("readable"), b"first");
        assert!(create(&folder.path().join("none/key"), b"x").is_err());
    }
}
