//! Secrets off the card, in an order that a power cut at any moment leaves either to be done again or to be finished, and what was taken
//! from it on record. FAT keeps no journal, and flash keeps old cells: whoever steals the card may still find something.

use super::super::names::{FOLDER, Found, SCRIPT};
use super::system::System;
use crate::config::{Card, Origin, Taken};
use crate::port::durable::{Readers, beside, followed_by, sync_directory_of};
use anyhow::Context;
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What was taken, one file for each relay: a hash of the card as it is after that, and one of its configuration alone.
const RECORDS: &str = "var/lib/drk-relay-provision";
/// Files beside a configuration that are looked at: more than any has.
const FILES_MAX: usize = 1_000;
/// Of each so many bytes: more than any may have.
const FILE_MAX: u64 = 128 * 1024;

fn record_path(system: &System, found: &Found) -> PathBuf {
    system.at(RECORDS).join(found.stem())
}

/// Whether the card is as it was after it had been taken.
pub(super) fn is_taken(system: &System, found: &Found) -> bool {
    let recorded = fs::read_to_string(record_path(system, found)).unwrap_or_default();
    fs::read(&found.path).is_ok_and(|bytes| recorded.lines().next() == Some(&print(system, &bytes, &[])))
}

/// Writes down that this card was taken, and what it will look like without its secrets.
pub(super) fn record(system: &System, found: &Found, card: &Card, secrets: &[Taken]) -> anyhow::Result<()> {
    let clean = card.wiped();
    let print = print(system, clean.as_bytes(), &carried(system, secrets));
    let both = format!("{print}\n{}\n", hexadecimal(Sha256::digest(&clean).as_slice()));
    system.write(&record_path(system, found), both.as_bytes(), Readers::Everybody)?;
    Ok(())
}

/// The files on the card that hold secrets.
fn carried(system: &System, secrets: &[Taken]) -> Vec<PathBuf> {
    let file = |taken: &Taken| match &taken.origin {
        Origin::File(path) => path.starts_with(&system.boot).then(|| path.clone()),
        Origin::Written | Origin::Kept | Origin::Made => None,
    };
    secrets.iter().filter_map(file).collect()
}

/// A configuration and the files beside it, without those in `gone`.
fn print(system: &System, configuration: &[u8], gone: &[PathBuf]) -> String {
    let mut hash = Sha256::new();
    hash.update((configuration.len() as u64).to_le_bytes());
    hash.update(configuration);
    let mut files = Vec::new();
    collect(&system.boot.join(FOLDER), &mut files);
    files.sort();
    for path in files.iter().filter(|path| !gone.contains(path)) {
        let mut content = Vec::new();
        if let Ok(file) = File::open(path) {
            let _ = io::Read::read_to_end(&mut io::Read::take(file, FILE_MAX), &mut content);
        }
        let name = path.strip_prefix(&system.boot).unwrap_or(path).as_os_str().as_encoded_bytes();
        for part in [name, &content] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hexadecimal(hash.finalize().as_slice())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every file in a folder that a configuration may name.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let ours = name == SCRIPT || name.ends_with(".deb") || name.starts_with('.');
        match entry.file_type() {
            _ if ours || files.len() >= FILES_MAX => {}
            Ok(kind) if kind.is_dir() => collect(&path, files),
            Ok(_) => files.push(path),
            Err(_) => {}
        }
    }
}

/// What follows the name of a file with a secret while it is erased.
const GONE: &str = ".gone";

/// After a power cut in the middle of that.
pub(super) fn erase_rest(system: &System) -> anyhow::Result<()> {
    let mut files = Vec::new();
    collect(&system.boot.join(FOLDER), &mut files);
    let rest = files.iter().filter(|path| path.as_os_str().as_encoded_bytes().ends_with(GONE.as_bytes()));
    rest.into_iter().try_for_each(|path| erase(system, path).with_context(|| path.display().to_string()))
}

/// Takes the secrets off the card. The clean file is whole before the old one is written over, and takes its place then.
pub(super) fn wipe(system: &System, found: &Found, card: &Card, secrets: &[Taken]) -> io::Result<()> {
    let clean = card.wiped();
    if fs::read(&found.path)? != clean.as_bytes() {
        let fresh = beside(&found.path);
        match place(system, &fresh, clean.as_bytes()) {
            Ok(()) => finish(system, &fresh, &found.path)?,
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                let _ = fs::remove_file(&fresh);
                in_place(system, &found.path, clean.as_bytes())?;
            }
            Err(error) => return Err(error),
        }
    }
    carried(system, secrets).iter().try_for_each(|path| {
        // Under its name nobody may ever find half a secret, or none, and take it for one.
        let gone = followed_by(path, GONE);
        system.step();
        fs::rename(path, &gone)?;
        sync_directory_of(&gone)?;
        erase(system, &gone)
    })
}

fn erase(system: &System, path: &Path) -> io::Result<()> {
    system.overwrite(path)?;
    system.remove(path)
}

fn place(system: &System, path: &Path, bytes: &[u8]) -> io::Result<()> {
    system.remove(path)?;
    system.step();
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The old file's bytes go, and its name becomes that of the clean one.
fn finish(system: &System, fresh: &Path, path: &Path) -> io::Result<()> {
    system.overwrite(path)?;
    system.step();
    fs::rename(fresh, path)?;
    sync_directory_of(path)
}

/// On a card without room for a second file: as much of the clean one as the old one is long.
fn in_place(system: &System, path: &Path, clean: &[u8]) -> io::Result<()> {
    system.overwrite(path)?;
    system.step();
    let mut file = OpenOptions::new().write(true).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let lines = clean[..clean.len().min(length)].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    file.write_all(&clean[..if clean.len() <= length { clean.len() } else { lines }])?;
    file.set_len(clean.len().min(length) as u64)?;
    file.sync_all()
}

/// After a power cut in the middle of that: the clean file takes the place of the old one, if it is the one that was recorded and the old
/// one is what it was made of, or what is left of that; else it goes. Somebody may have put a corrected file there since.
pub(super) fn resume(system: &System, found: &Found) -> anyhow::Result<()> {
    let fresh = beside(&found.path);
    let Ok(clean) = fs::read(&fresh) else { return Ok(()) };
    let recorded = fs::read_to_string(record_path(system, found)).unwrap_or_default();
    let known = recorded.lines().nth(1) == Some(&hexadecimal(Sha256::digest(&clean).as_slice()));
    let old = fs::read(&found.path).unwrap_or_default();
    let source = || Card::read(&found.name(), &old).is_ok_and(|card| card.wiped().as_bytes() == clean);
    let done = if known && (is_overwritten(&old) || source()) { finish(system, &fresh, &found.path) } else { system.remove(&fresh) };
    done.with_context(|| fresh.display().to_string())
}

/// What a medium writes whole or not at all.
const SECTOR: usize = 512;

/// Whether [`System::overwrite`] has begun: nobody writes a whole sector of its sign.
fn is_overwritten(bytes: &[u8]) -> bool {
    bytes.chunks(SECTOR).any(|sector| sector.iter().all(|byte| *byte == b'#'))
}
