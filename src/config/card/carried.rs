//! What a configuration on a card brings along, and where its secrets come from: written down below `[secrets]`, in files beside it, on the
//! device from an earlier card, or made there. Remembers what was asked for, so that exactly that can be installed.

use super::super::credentials::Stored;
use super::super::document::{Complaint, Section, quoted};
use super::super::files::{Files, Refusal, Secret, content};
use super::super::kinds;
use super::secrets::stand_in;
use secrecy::SecretString;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// Where a secret came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The card's `[secrets]`.
    Written,
    /// A file beside the configuration.
    File(PathBuf),
    /// The device has it from an earlier card.
    Kept,
    /// It was made, because nobody outside needs to know it beforehand.
    Made,
}

/// A secret that the configuration uses.
#[derive(Clone, Debug)]
pub struct Taken {
    /// `whatsapp-token`.
    pub credential: &'static str,
    /// The key that may name its file: `token_file`.
    pub key: &'static str,
    /// What the service is to see.
    pub secret: SecretString,
    /// Where it came from.
    pub origin: Origin,
}

/// Where the secrets of a configuration on a card are, and what it was seen to use.
#[derive(Clone, Debug)]
pub(in crate::config) struct Carried {
    /// Below `[secrets]`, by credential.
    pub(super) given: BTreeMap<&'static str, SecretString>,
    /// What stands there empty: the device is to forget it.
    pub(super) forgotten: BTreeSet<&'static str>,
    /// What stands there, too, and is wrong: that has been written down.
    pub(super) refused: BTreeSet<&'static str>,
    /// What takes the place of a secret that is nowhere.
    pub(super) spare: BTreeMap<&'static str, SecretString>,
    /// What the device has already.
    pub(super) kept: Option<Stored>,
    /// What it is said to have, where this is another computer.
    pub(super) marked: BTreeSet<&'static str>,
    /// Whether this is the device that it will run on, so that absolute paths mean what they will mean.
    pub(super) here: bool,
    pub(super) seen: RefCell<Seen>,
}

/// What a configuration was seen to use.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) secrets: Vec<Taken>,
    /// Below the folder beside the configuration.
    pub(super) files: BTreeSet<PathBuf>,
}

impl Carried {
    /// Whether it runs here.
    pub(in crate::config) fn is_here(&self) -> bool {
        self.here
    }

    /// Refuses a path at which the device would find nothing, or something else.
    pub(in crate::config) fn brings(&self, path: &Path) -> Result<(), Complaint> {
        if path.is_absolute() && !self.here {
            let remedy = "die Datei neben diese hier legen und nur ihren Namen nennen; sie kommt dann mit auf die Karte.";
            return Err(kinds::wrong("dieser Pfad gilt nur auf diesem Computer, nicht auf dem Gerät.", remedy));
        }
        if path.components().any(|part| part == Component::ParentDir) {
            let remedy = "die Datei in diesen Ordner legen oder in einen Ordner darin.";
            return Err(kinds::wrong("der Pfad führt mit .. aus dem Ordner dieser Datei hinaus.", remedy));
        }
        Ok(())
    }

    /// Remembers a file that has to come along.
    pub(in crate::config) fn file(&self, base: &Path, path: &Path) {
        if let Ok(inside) = path.strip_prefix(base) {
            self.seen.borrow_mut().files.insert(inside.to_owned());
        }
    }

    /// Reads a secret: what the card says goes before what the device has, and that before what can be made.
    pub(in crate::config) fn secret(
        &self,
        files: &Files,
        section: &mut Section<'_>,
        secret: &Secret,
    ) -> Option<Option<(SecretString, PathBuf)>> {
        let named = section.read_silently(secret.key, |item| {
            let path = kinds::path(item)?;
            self.brings(&path)?;
            let path = files.at(&path);
            // FAT knows no rights, and whose file it is on a technician's computer is not ours to judge.
            match content(&path, 0).and_then(|bytes| secret.text(bytes)) {
                Ok(text) => Ok(Some((text, Origin::File(path)))),
                // It was taken from there, and erased.
                Err(Refusal::Gone) if self.given.contains_key(secret.credential) || self.kept(secret).is_some() => Ok(None),
                Err(refusal) => Err(refusal.complaint(Some(&path))),
            }
        });
        let named = named.optional()?.flatten();
        if self.refused.contains(secret.credential) {
            return None;
        }
        if named.is_some() && (self.given.contains_key(secret.credential) || self.forgets(secret)) {
            // Of two only one would be taken, and erased.
            let what = format!("{} steht auch unter [secrets].", secret.credential);
            section.refuse(secret.key, &what, "nur eines von beiden angeben.");
            return None;
        }
        let given = self.given.get(secret.credential).map(|text| (text.clone(), Origin::Written));
        let kept = || Some((self.kept(secret)?, Origin::Kept));
        let made = || self.spare.get(secret.credential).map(|text| (text.clone(), Origin::Made));
        let Some((text, origin)) = given.or(named).or_else(kept).or_else(made) else { return Some(None) };
        let path = match &origin {
            Origin::File(path) => path.clone(),
            Origin::Written | Origin::Kept | Origin::Made => PathBuf::from(secret.credential),
        };
        section.effective(secret.shown(), &quoted("… (von der Karte)"));
        let taken = Taken { credential: secret.credential, key: secret.key, secret: text.clone(), origin };
        self.seen.borrow_mut().secrets.push(taken);
        Some(Some((text, path)))
    }

    /// What the device has of it, and is not to forget.
    fn kept(&self, secret: &Secret) -> Option<SecretString> {
        if self.forgets(secret) {
            return None;
        }
        match &self.kept {
            Some(stored) => stored.read(secret.credential).1.and_then(|bytes| secret.text(bytes)).ok(),
            None if self.marked.contains(secret.credential) => self.spare.get(secret.credential).cloned().or_else(|| stand_in(secret)),
            None => None,
        }
    }

    /// Whether the device is to forget it.
    pub(in crate::config) fn forgets(&self, secret: &Secret) -> bool {
        self.forgotten.contains(secret.credential)
    }

    /// Whether the secret that was found is none of the card's, but of an earlier one.
    pub(in crate::config) fn found_on_device(&self, secret: &Secret) -> bool {
        self.seen.borrow().secrets.iter().any(|taken| taken.credential == secret.credential && taken.origin == Origin::Kept)
    }
}
