//! The last time that was proven, in the state directory: no clock shows an earlier one after it. One number, so that a technician can read
//! it, or delete it.

use crate::domain::time::Timestamp;
use crate::port::durable;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The file: seconds since 1970, in decimal.
const FILE: &str = "clock";
/// A `u32` and the end of the line. Whatever is longer is not ours.
const LONGEST: u64 = 12;

/// What was written down. Nothing that is wrong with the file keeps the relay from starting: it only knows less.
pub(super) fn read(directory: &Path) -> Option<Timestamp> {
    let path = directory.join(FILE);
    let mut text = String::new();
    match fs::File::open(&path).and_then(|file| file.take(LONGEST).read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "the time that was proven last cannot be read");
            return None;
        }
    }
    let proven = text.trim_end().parse().ok().map(Timestamp);
    if proven.is_none() {
        tracing::warn!(path = %path.display(), "no time stands here: written anew once the clock is known to be right");
    }
    proven
}

/// Writes it down.
pub(super) fn write(directory: &Path, proven: Timestamp) {
    if let Err(error) = durable::replace(&directory.join(FILE), format!("{}\n", proven.0).as_bytes()) {
        tracing::debug!(%error, "the time that was proven was not written down");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_and_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let (folder, file) = (directory.path(), directory.path().join(FILE));
        assert_eq!(read(folder), None);
        write(folder, Timestamp(1_795_305_600));
        assert_eq!((read(folder), fs::read_to_string(&file).expect("text").as_str()), (Some(Timestamp(1_795_305_600)), "1795305600\n"));
        for bad in ["", "\n", "-1", "1e9", "4294967296", "17953056001795305600", "Mittag", "\u{661}", "1 2"] {
            fs::write(&file, bad).expect("written");
            assert_eq!(read(folder), None, "{bad}");
        }
        fs::write(&file, [0xFF; 4]).expect("written");
        assert_eq!(read(folder), None);
        fs::remove_file(&file).expect("removed");
        fs::create_dir(&file).expect("a folder");
        assert_eq!(read(folder), None);
        write(folder, Timestamp(1));
    }
}
