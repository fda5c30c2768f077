//! Small files that are replaced as a whole: after a power cut there is the old one or the new one, and nothing in between. Knows nothing
//! of what is in them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Replaces the file at `path`, which only we may read (0600). On the disk when this returns.
///
/// # Errors
/// If the disk is full or fails, or the directory is not there. The old file is untouched then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path);
    write_new(&beside, bytes)?;
    fs::rename(&beside, path)?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(directory) => File::open(directory)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

/// Whether [`replace`] would find room for so many bytes.
///
/// # Errors
/// As [`replace`].
pub fn rehearse(path: &Path, size: usize) -> io::Result<()> {
    let beside = beside(path);
    write_new(&beside, &vec![b'#'; size])?;
    fs::remove_file(beside)
}

/// Where the new file is made: `<path>.new`.
fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    beside.into()
}

/// A file for us alone. What a power cut has left there goes, whoever may read it.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
