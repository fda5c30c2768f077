//! The two files: the one that is written to and the one before. Whatever happens to them (a power cut in the middle of a line, a full
//! card, somebody's hand), the next line is one of its own.

use super::line::Line;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The one that is written to.
const CURRENT: &str = "events.jsonl";
/// The one before.
const EARLIER: &str = "events.1.jsonl";
/// Longest that each becomes: more than a thousand lines, months of a relay that is well.
const SIZE: u64 = 256 * 1024;
/// Of a longer one, which is nobody's of ours, so much is read.
const READ: u64 = 4 * SIZE;

/// The two files, as their writer has them.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
    /// Nothing until the first line, and after one that could not be written.
    file: Option<File>,
    size: u64,
    dirty: bool,
}

impl Files {
    pub(super) fn at(directory: &Path) -> Files {
        Files { directory: directory.to_owned(), file: None, size: 0, dirty: false }
    }

    /// Everything that can be read.
    pub(super) fn lines(&self) -> Vec<Line> {
        read(&self.directory).map(|reading| reading.lines).unwrap_or_default()
    }

    /// Writes a line. One that finds no room is lost: the journal has it, and who reads it there is nearer.
    pub(super) fn append(&mut self, line: &Line) {
        let Ok(mut text) = serde_json::to_string(line) else { return };
        text.push('\n');
        if self.write(text.as_bytes()).is_err() {
            // Perhaps half of it was written: the file is looked at again before the next line.
            self.file = None;
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.file.is_some() && self.size + line.len() as u64 > SIZE {
            self.sync();
            self.file = None;
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let (file, size) = open(&self.directory)?;
                self.size = size;
                none.insert(file)
            }
        };
        file.write_all(line)?;
        self.size += line.len() as u64;
        self.dirty = true;
        Ok(())
    }

    /// What was written is on the card when this returns, if it can be.
    pub(super) fn sync(&mut self) {
        if let Some(file) = self.file.as_ref().filter(|_| self.dirty) {
            self.dirty = file.sync_data().is_err();
        }
    }
}

/// The file, ready for a line of its own, and its size. A full one becomes the earlier one.
fn open(directory: &Path) -> io::Result<(File, u64)> {
    let path = directory.join(CURRENT);
    match fs::metadata(&path) {
        Ok(found) if found.len() + SIZE / 32 > SIZE => fs::rename(&path, directory.join(EARLIER))?,
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => fs::create_dir_all(directory)?,
        Err(error) => return Err(error),
    }
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let mut size = file.metadata()?.len();
    if size > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            size += 1;
        }
    }
    Ok((file, size))
}

/// What was found in the files.
#[derive(Debug)]
pub struct Reading {
    /// In the order in which they were written.
    pub lines: Vec<Line>,
    /// Lines that cannot be read: torn by a power cut, or of a newer version.
    pub damaged: usize,
}

/// Reads what is kept in this directory, also while it is written to.
///
/// # Errors
/// If a file is there and cannot be read.
pub fn read(directory: &Path) -> io::Result<Reading> {
    let open = |name| match File::open(directory.join(name)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let inode = |file: &Option<File>| file.as_ref().and_then(|file| Some(file.metadata().ok()?.ino()));
    let mut reading = Reading { lines: Vec::new(), damaged: 0 };
    // If the one became the other in between, it is read once.
    let current = open(CURRENT)?;
    let earlier = open(EARLIER)?;
    let turned = current.is_some() && inode(&current) == inode(&earlier);
    for file in [earlier.filter(|_| !turned), current].into_iter().flatten() {
        let mut bytes = Vec::new();
        file.take(READ).read_to_end(&mut bytes)?;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(line) => reading.lines.push(line),
                Err(_) => reading.damaged += 1,
            }
        }
    }
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Millis;
    use crate::port::events::line::Level;

    fn line(number: u64) -> Line {
        Line::new(Millis(number), Level::Warn, None, "x", "y", Vec::new())
    }

    fn numbers(directory: &Path) -> (Vec<i64>, usize) {
        let reading = read(directory).expect("readable");
        (reading.lines.iter().map(|line| line.at.as_millisecond()).collect(), reading.damaged)
    }

    #[test]
    fn what_a_power_cut_leaves_costs_one_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(CURRENT);
        let mut files = Files::at(&directory.path().join("."));
        files.append(&line(1));
        files.append(&line(2));
        let whole = fs::read(&path).expect("written");
        for (torn, damaged) in [(&whole[..whole.len() - 9], 1), (&[&whole[..], &[0; 100]].concat()[..], 1), (&whole[..], 0), (&[], 0)] {
            fs::write(&path, torn).expect("written");
            Files::at(directory.path()).append(&line(3));
            let (numbers, found) = numbers(directory.path());
            assert_eq!((numbers.last(), found), (Some(&3), damaged), "{torn:?}");
        }
    }

    #[test]
    fn two_files_are_all_and_the_latest_are_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = Files::at(directory.path());
        for number in 1..=50_000 {
            files.append(&line(number));
            if number % 10_000 == 0 {
                files = Files::at(directory.path());
            }
        }
        files.sync();
        let sizes: u64 = fs::read_dir(directory.path()).expect("there").flatten().map(|entry| entry.metadata().expect("there").len()).sum();
        assert!(sizes <= 2 * SIZE, "{sizes}");
        let (numbers, damaged) = numbers(directory.path());
        assert!(numbers.len() > 1_000 && damaged == 0, "{}", numbers.len());
        let first = 50_001 - i64::try_from(numbers.len()).expect("few");
        assert_eq!(numbers, (first..=50_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_file_that_cannot_be_written_is_tried_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = Files::at(directory.path());
        fs::create_dir(directory.path().join(CURRENT)).expect("created");
        files.append(&line(1));
        assert!(read(directory.path()).is_err());
        fs::remove_dir(directory.path().join(CURRENT)).expect("empty");
        files.append(&line(2));
        assert_eq!(numbers(directory.path()), (vec![2], 0));
    }
}
