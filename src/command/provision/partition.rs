//! The boot partition of a card on a technician's computer: whether it is one that will do what is asked of it, and files onto it, each
//! whole or not at all. FAT has no rights and keeps no journal.

use super::names::FOLDER;
use super::packages::Package;
use crate::port::durable::{Readers, replace_for};
use anyhow::{Context, bail};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// What Imager 2 does that its predecessor does not.
const IMAGER: &str = "die Karte mit Raspberry Pi Imager 2.0 oder neuer beschreiben: Raspberry Pi OS Lite (Trixie), dabei \
                      Name, Benutzer und WLAN einstellen";

/// A boot partition.
pub(super) struct Partition {
    pub(super) folder: PathBuf,
}

impl Partition {
    /// Refuses what is no boot partition of a Raspberry Pi OS that reads cloud-init.
    pub(super) fn of(folder: &Path) -> anyhow::Result<Partition> {
        let shown = folder.display();
        if !folder.is_dir() {
            bail!("{shown} ist kein Ordner. Abhilfe: das Laufwerk nennen, als das die Karte erscheint („bootfs“)");
        }
        let is_there = |name: &str| folder.join(name).exists();
        if !(is_there("cmdline.txt") && is_there("config.txt")) {
            let inside = ["firmware", "boot/firmware", "bootfs"].into_iter().find(|inner| folder.join(inner).join("cmdline.txt").exists());
            let meant = inside.map_or(String::new(), |inner| format!(" Gemeint ist wohl {}.", folder.join(inner).display()));
            bail!(
                "{shown} ist keine Boot-Partition eines Raspberry Pi: cmdline.txt oder config.txt fehlt.{meant} Abhilfe: das Laufwerk \
                 „bootfs“ der Karte nennen"
            );
        }
        if is_there("firstrun.sh") || is_there("custom.toml") {
            let file = if is_there("firstrun.sh") { "firstrun.sh" } else { "custom.toml" };
            bail!(
                "{shown}: dort liegt {file}, wie es Raspberry Pi Imager 1 schreibt; Trixie liest das nicht, und Name, Benutzer und WLAN \
                 wären verloren. Abhilfe: {IMAGER}"
            );
        }
        if !is_there("meta-data") || !is_there("user-data") {
            bail!(
                "{shown}: user-data oder meta-data fehlt, dieses System richtet sich nicht mit cloud-init ein (Bookworm?). \
                 Abhilfe: {IMAGER}"
            );
        }
        Ok(Partition { folder: folder.to_owned() })
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Puts a file there; says whether it was not there already. What was there stays whole until the new one is.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> anyhow::Result<bool> {
        let path = self.at(name);
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(false);
        }
        let failed = || {
            format!(
                "{} lässt sich nicht schreiben; was dort war, ist unverändert. Abhilfe: Ist die Karte voll oder schreibgeschützt? Auf der \
                 Boot-Partition sind etwa 30 MB nötig",
                path.display()
            )
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(failed)?;
        }
        replace_for(&path, bytes, Readers::Everybody).with_context(failed)?;
        Ok(true)
    }

    /// The names of packages for the same devices as this one.
    pub(super) fn other_packages(&self, package: &Package) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.at(FOLDER)).context(FOLDER)? {
            let name = entry.context(FOLDER)?.file_name().to_string_lossy().into_owned();
            let other = name.starts_with("drk-relay_") && name.ends_with(&format!("_{}.deb", package.architecture));
            names.extend((other && name != package.name).then_some(name));
        }
        Ok(names)
    }

    /// Everything is on the card, also the names.
    pub(super) fn sync(&self) -> anyhow::Result<()> {
        let folders = [self.folder.clone(), self.at(FOLDER)];
        let synced = folders.iter().try_for_each(|folder| File::open(folder)?.sync_all());
        synced.with_context(|| format!("{}: die Karte nimmt nicht alles an. Abhilfe: eine andere nehmen", self.folder.display()))
    }
}
