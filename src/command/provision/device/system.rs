//! The device whose files are written: everything below a folder, every change whole or not at all, and countable, so that a test can take
//! the power away after each. Knows nothing of what is written.

use crate::port::durable::{Readers, replace_for, sync_directory_of};
use anyhow::Context;
use std::cell::Cell;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A device.
#[derive(Debug)]
pub(super) struct System {
    /// Where everything lies but the card.
    pub(super) root: PathBuf,
    /// The boot partition, which other computers can read.
    pub(super) boot: PathBuf,
    /// After so many changes the power goes.
    left: Cell<Option<u32>>,
}

impl System {
    pub(super) fn new(root: &Path, boot: &Path, left: Option<u32>) -> System {
        System { root: root.to_owned(), boot: boot.to_owned(), left: Cell::new(left) }
    }

    /// A path of the device, written as `etc/…`.
    pub(super) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// One more change is to be made.
    pub(super) fn step(&self) {
        if let Some(left) = self.left.get() {
            if left == 0 {
                std::process::abort();
            }
            self.left.set(Some(left - 1));
        }
    }

    /// Replaces a file, and makes the folders that it needs. Leaves alone what is as it should be; says whether it did not.
    pub(super) fn write(&self, path: &Path, bytes: &[u8], readers: Readers) -> anyhow::Result<bool> {
        let failed = || format!("{} lässt sich nicht schreiben. Abhilfe: Ist die Karte voll?", path.display());
        if fs::read(path).is_ok_and(|there| there == bytes) && fits(path, readers) {
            return Ok(false);
        }
        self.step();
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(failed)?;
        }
        replace_for(path, bytes, readers).with_context(failed)?;
        Ok(true)
    }

    /// Removes a file, if there is one.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        self.step();
        fs::remove_file(path)?;
        sync_directory_of(path)
    }

    /// Writes over what is in a file, without making it longer, so that it is nowhere else on the medium afterwards than where its cells
    /// keep old content by themselves.
    pub(super) fn overwrite(&self, path: &Path) -> io::Result<()> {
        self.step();
        let mut file = OpenOptions::new().write(true).open(path)?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        file.write_all(&vec![b'#'; length])?;
        file.sync_all()
    }

    /// Runs a program and gives it something to read.
    pub(super) fn program(&self, name: &str, arguments: &[&str], input: &[u8]) -> io::Result<Output> {
        self.step();
        let mut command = Command::new(name);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // Whoever does not read it has ended, and says why.
            let _ = stdin.write_all(input);
        }
        child.wait_with_output()
    }

    /// The number of a group, if the device has it.
    pub(super) fn group(&self, name: &str) -> Option<u32> {
        let groups = fs::read_to_string(self.at("etc/group")).ok()?;
        groups.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.split(':').nth(1)?.parse().ok())
    }
}

/// Whether those who are to read a file are those who may.
fn fits(path: &Path, readers: Readers) -> bool {
    let Ok(metadata) = fs::metadata(path) else { return false };
    let mode = metadata.permissions().mode() & 0o777;
    match readers {
        Readers::Owner => mode == 0o600,
        Readers::Group(group) => mode == 0o640 && metadata.gid() == group,
        Readers::Everybody => mode & 0o444 == 0o444,
    }
}
