//! The files beside the configuration: secrets, certificates, folders. Reads them within limits and says what is wrong with them; what
//! their content means is for others. No message of it contains a secret.

use super::card::Carried;
use super::credentials::Stored;
use super::document::{Complaint, Item, Read, Section, quoted};
use super::kinds;
use super::report::{Problem, discreet, why};
use secrecy::SecretString;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Longest file: a chain of ten certificates has 20 KiB, a topic 4 KiB, all our sentences together 10.
const FILE_MAX: u64 = 64 * 1024;
/// Files in a folder of texts: more than there can be topics or sentences.
const TEXTS_MAX: usize = 100;
/// Everybody but the owner.
pub(super) const OTHERS_AND_GROUP: u32 = 0o077;
/// systemd lets the service's user read a credential by an access list, which `stat` shows as rights of the group (systemd.exec:
/// credentials).
const OTHERS: u32 = 0o007;

/// Where files are looked for.
#[derive(Clone, Debug)]
pub struct Files {
    base: PathBuf,
    credentials: Credentials,
}

/// Where secrets are that no file of the configuration holds.
#[derive(Clone, Debug)]
enum Credentials {
    /// Nowhere.
    None,
    /// Where systemd shows a service its credentials.
    Shown(PathBuf),
    /// Where systemd will take them from.
    Stored(Stored),
    /// On a card, beside a configuration that is still to be installed.
    Carried(Carried),
}

impl Files {
    /// For a configuration in the folder `base`, where relative paths start. `credentials` is the folder in which systemd shows a service
    /// its credentials; there they go before paths.
    pub fn new(base: &Path, credentials: Option<&Path>) -> Files {
        let credentials = credentials.map_or(Credentials::None, |folder| Credentials::Shown(folder.to_owned()));
        Files { base: base.to_owned(), credentials }
    }

    /// For the configuration at `path`, as the service sees it.
    pub fn of_service(path: &Path) -> Files {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Files::new(path.parent().unwrap_or(Path::new("")), credentials.as_deref())
    }

    /// For the configuration at `path`, as somebody at a terminal sees it: credentials are where systemd will take them from.
    pub fn of_technician(path: &Path) -> Files {
        let files = Files::of_service(path);
        let credentials = match files.credentials {
            Credentials::None => Credentials::Stored(Stored::of(path)),
            there @ (Credentials::Shown(_) | Credentials::Stored(_) | Credentials::Carried(_)) => there,
        };
        Files { credentials, ..files }
    }

    /// For a configuration on a card, beside which `base` lies.
    pub(super) fn of_card(base: &Path, carried: Carried) -> Files {
        Files { base: base.to_owned(), credentials: Credentials::Carried(carried) }
    }

    /// What was looked for on the card so far.
    pub(super) fn carried(&self) -> Option<&Carried> {
        match &self.credentials {
            Credentials::Carried(carried) => Some(carried),
            Credentials::None | Credentials::Shown(_) | Credentials::Stored(_) => None,
        }
    }

    /// Whether the configuration is looked at on the machine that it is for.
    pub(super) fn is_here(&self) -> bool {
        self.carried().is_none_or(Carried::is_here)
    }

    /// A path of the configuration.
    pub(super) fn at(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    /// The path of a folder that may still have to be made.
    pub(super) fn folder_to_be(&self, item: &Item<'_>) -> Result<PathBuf, Complaint> {
        let path = kinds::path(item)?;
        let there = std::fs::metadata(self.at(&path));
        let taken = there.as_ref().is_ok_and(|found| !found.is_dir());
        let blocked = there.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotADirectory);
        if taken || blocked {
            let what = format!("{} oder ein Teil davon ist kein Ordner.", self.at(&path).display());
            return Err(kinds::wrong(what, "einen Ordner nennen, etwa \"/var/lib/drk-relay\"; er wird angelegt, wenn es ihn nicht gibt."));
        }
        Ok(path)
    }

    /// The path of a file that a key names.
    fn named(&self, item: &Item<'_>) -> Result<PathBuf, Complaint> {
        let path = kinds::path(item)?;
        self.carried().map_or(Ok(()), |carried| carried.brings(&path))?;
        Ok(self.at(&path))
    }

    /// Reads the file that a key names. Nothing if the key is not there; what is wrong is written down.
    pub(super) fn read(&self, section: &mut Section<'_>, key: &'static str) -> Read<Vec<u8>> {
        section.read(key, |item| {
            let path = self.named(item)?;
            self.carried().into_iter().for_each(|carried| carried.file(&self.base, &path));
            content(&path, 0).map_err(|refusal| refusal.complaint(Some(&path)))
        })
    }

    /// Reads the files with this extension in the folder that a key names, ordered by name.
    pub(super) fn folder(&self, section: &mut Section<'_>, key: &'static str, example: &str, extension: &str) -> Option<TextFolder> {
        let folder = section.required(key, example, |item| {
            let folder = self.named(item)?;
            let failed =
                |error| kinds::wrong(format!("{}: {}.", folder.display(), why(&error)), "den Pfad oder die Leserechte berichtigen.");
            let paths = listed(&folder, extension).map_err(failed)?;
            if !(1..=TEXTS_MAX).contains(&paths.len()) {
                let what = format!("{} enthält {} Dateien *.{extension}, erlaubt sind 1 bis {TEXTS_MAX}.", folder.display(), paths.len());
                return Err(kinds::wrong(what, "den richtigen Ordner nennen, oder den Abschnitt löschen."));
            }
            Ok((folder, paths))
        });
        let (folder, paths) = folder?;
        let order = section.span(key).start;
        self.carried().into_iter().for_each(|carried| paths.iter().for_each(|path| carried.file(&self.base, path)));
        let (mut complete, mut files) = (true, Vec::new());
        for path in paths {
            match TextFile::read(&path) {
                Ok(file) => files.push(file),
                Err(Complaint { what, remedy }) => {
                    section.document().refuse(Problem::of_file(order, &path.display().to_string(), &what, &remedy));
                    complete = false;
                }
            }
        }
        Some(TextFolder { path: folder.display().to_string(), files, complete })
    }

    /// Reads a secret that must be there.
    pub(super) fn required_secret(&self, section: &mut Section<'_>, secret: &Secret) -> Option<SecretString> {
        let found = self.secret(section, secret)?;
        if found.is_none() {
            let what = format!("{} fehlt: {}.", secret.title, self.nowhere(section, secret));
            section.missing(secret.key, &what, &self.remedy(secret));
        }
        found
    }

    /// Where a secret was looked for in vain.
    pub(super) fn nowhere(&self, section: &Section<'_>, secret: &Secret) -> String {
        let name = section.name(secret.key);
        let credential = match (self.credential(secret), self.carried()) {
            (None, Some(carried)) => {
                let there = if carried.forgets(secret) {
                    format!("ist {} leer", secret.credential)
                } else {
                    format!("steht kein {}", secret.credential)
                };
                return format!("unter [secrets] {there}, und {name} steht auch nicht da");
            }
            (None, None) => format!("das Credential {} gibt es auch nicht", secret.credential),
            (Some((path, Err(Refusal::Denied))), _) => format!("{} darf dieser Benutzer nicht lesen (als root aufrufen)", path.display()),
            (Some((path, _)), _) => format!("{} gibt es auch nicht", path.display()),
        };
        format!("{name} steht nicht da, und {credential}")
    }

    /// What to do about a secret that is not there.
    pub(super) fn remedy(&self, secret: &Secret) -> String {
        let Secret { key, credential, form, .. } = secret;
        if self.carried().is_some() {
            let (quotes, lines) = if *form == Form::Pem { ("'''", ", mit allen seinen Zeilen") } else { ("\"", "") };
            return format!("unter [secrets] ergänzen: {credential} = {quotes}…{quotes}{lines}");
        }
        let place = match &self.credentials {
            Credentials::Stored(stored) => stored.plain(credential),
            Credentials::None | Credentials::Shown(_) | Credentials::Carried(_) => Stored::usual().plain(credential),
        };
        format!(
            "das Geheimnis in eine Datei schreiben, die nur ihr Besitzer lesen darf (chmod 600), und sie mit {key} = \"…\" nennen; oder es \
             als {} ablegen, dann gibt systemd es dem Dienst.",
            place.display()
        )
    }

    /// What to do about a secret that is there and is not wanted: `otherwise`, unless only the device still has it.
    pub(super) fn dropping(&self, secret: &Secret, otherwise: &str) -> String {
        if self.carried().is_some_and(|carried| carried.found_on_device(secret)) {
            return format!("unter [secrets] schreiben, damit das Gerät es vergisst: {} = \"\"", secret.credential);
        }
        otherwise.to_owned()
    }

    /// What systemd has of a secret, and where.
    fn credential(&self, secret: &Secret) -> Option<(PathBuf, Result<Vec<u8>, Refusal>)> {
        match &self.credentials {
            Credentials::None | Credentials::Carried(_) => None,
            Credentials::Shown(folder) => {
                let path = folder.join(secret.credential);
                let found = content(&path, OTHERS);
                Some((path, found))
            }
            Credentials::Stored(stored) => Some(stored.read(secret.credential)),
        }
    }

    /// Reads a secret that may be left out: from systemd's credentials, else from the file that the key names.
    pub(super) fn secret(&self, section: &mut Section<'_>, secret: &Secret) -> Option<Option<SecretString>> {
        Some(self.secret_at(section, secret)?.map(|(text, _)| text))
    }

    /// The same, and where it lies, for what changes while the program runs.
    pub(super) fn secret_at(&self, section: &mut Section<'_>, secret: &Secret) -> Option<Option<(SecretString, PathBuf)>> {
        if let Credentials::Carried(carried) = &self.credentials {
            return carried.secret(self, section, secret);
        }
        if let Some((path, found)) = self.credential(secret) {
            match found.and_then(|bytes| secret.text(bytes)) {
                Ok(text) => {
                    section.has(secret.key);
                    section.effective(secret.shown(), &quoted(&format!("… (aus Credential {})", path.display())));
                    return Some(Some((text, path)));
                }
                // It is not there, or the folder is not ours to look into: then the file counts.
                Err(Refusal::Gone | Refusal::Denied) => {}
                Err(refusal) => {
                    let (Complaint { what, remedy }, order) = (refusal.complaint(None), section.span(secret.key).start);
                    section.has(secret.key);
                    section.document().refuse(Problem::of_file(order, &path.display().to_string(), &what, &remedy));
                    return None;
                }
            }
        }
        let mut shown = String::new();
        let read = section.read_silently(secret.key, |item| {
            let path = self.at(&kinds::path(item)?);
            shown = quoted(&format!("… (aus Datei {})", path.display()));
            match content(&path, OTHERS_AND_GROUP).and_then(|bytes| secret.text(bytes)) {
                Ok(text) => Ok((text, path)),
                Err(refusal) => Err(refusal.complaint(Some(&path))),
            }
        });
        if let Read::Given(_) = read {
            section.effective(secret.shown(), &shown);
        }
        read.optional()
    }
}

/// The visible files with this extension in a folder, ordered by name.
pub(super) fn listed(folder: &Path, extension: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let visible = path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."));
        paths.extend((visible && path.extension().is_some_and(|found| found == extension)).then_some(path));
    }
    paths.sort();
    Ok(paths)
}

/// A folder of texts.
pub(super) struct TextFolder {
    /// What it is called in reports.
    pub(super) path: String,
    /// What could be read.
    pub(super) files: Vec<TextFile>,
    /// Whether that is all.
    pub(super) complete: bool,
}

/// A text in a folder of texts.
pub(super) struct TextFile {
    /// Its name without the extension.
    pub(super) name: String,
    /// What it is called in reports.
    pub(super) path: String,
    pub(super) text: String,
}

impl TextFile {
    pub(super) fn read(path: &Path) -> Result<TextFile, Complaint> {
        let bytes = content(path, 0).map_err(|refusal| refusal.complaint(None))?;
        let broken = Refusal::Broken { what: "ist nicht in UTF-8 geschrieben", remedy: "im Editor als UTF-8 speichern." };
        let text = String::from_utf8(bytes).map_err(|_| broken.complaint(None))?;
        let name = path.file_stem().map_or(String::new(), |stem| stem.to_string_lossy().into_owned());
        Ok(TextFile { name, path: path.display().to_string(), text })
    }
}

/// One secret of the configuration.
pub(super) struct Secret {
    /// The key that names its file: `token_file`.
    pub(super) key: &'static str,
    /// What systemd/drk-relay.service calls it.
    pub(super) credential: &'static str,
    /// What it is, for people, at the beginning of a sentence.
    pub(super) title: &'static str,
    /// What it consists of.
    pub(super) form: Form,
}

/// What a secret consists of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Letters, digits and signs of ASCII, no spaces.
    Word,
    /// One line.
    Line,
    /// Lines.
    Pem,
}

impl Secret {
    /// `token` of `token_file`.
    pub(super) fn shown(&self) -> &'static str {
        self.key.strip_suffix("_file").unwrap_or(self.key)
    }

    pub(super) fn text(&self, bytes: Vec<u8>) -> Result<SecretString, Refusal> {
        let broken = |what, remedy| Err(Refusal::Broken { what, remedy });
        let Ok(text) = String::from_utf8(bytes) else {
            return broken("ist kein Text (UTF-8)", "nur das Geheimnis selbst in die Datei schreiben.");
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.trim().is_empty() {
            return broken("ist leer", "das Geheimnis in die Datei schreiben.");
        }
        match self.form {
            Form::Word if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                broken("enthält Leerzeichen, Umlaute oder mehrere Zeilen", "nur das Geheimnis selbst hineinschreiben, in eine Zeile.")
            }
            Form::Line if text.contains(char::is_control) => {
                broken("enthält mehrere Zeilen oder Steuerzeichen", "nur das Geheimnis selbst hineinschreiben, in eine Zeile.")
            }
            Form::Word | Form::Line | Form::Pem => Ok(text.into()),
        }
    }
}

/// Why a file is not read. The sentences continue the name of the file.
pub(super) enum Refusal {
    Gone,
    Denied,
    System(std::io::Error),
    /// Others may read it; its mode.
    Open(u32),
    /// systemd-creds does not decrypt it; its words.
    Sealed(String),
    Broken {
        what: &'static str,
        remedy: &'static str,
    },
}

impl Refusal {
    /// For people. `path` is left out where the file is named anyway.
    pub(super) fn complaint(&self, path: Option<&Path>) -> Complaint {
        let named = path.map_or("diese Datei".to_owned(), |path| discreet(&path.to_string_lossy()));
        let Complaint { what, remedy } = self.said_of(&named);
        match self {
            Refusal::Open(_) => Complaint { what, remedy: format!("chmod 600 {}", path.map_or("<Datei>".into(), Path::to_string_lossy)) },
            Refusal::Gone | Refusal::Denied | Refusal::System(_) | Refusal::Sealed(_) | Refusal::Broken { .. } => {
                Complaint { what, remedy }
            }
        }
    }

    /// The same, of something that is called `subject`.
    pub(super) fn said_of(&self, subject: &str) -> Complaint {
        let (what, remedy) = match self {
            Refusal::Gone => {
                let remedy = "den Pfad berichtigen oder die Datei anlegen; ein Geheimnis selbst gehört nicht hierher.";
                ("gibt es nicht".to_owned(), remedy.to_owned())
            }
            Refusal::Denied => {
                let remedy = "die Datei muss dem Benutzer gehören, unter dem das Relay läuft, ihr Ordner für ihn zugänglich sein.";
                ("darf dieser Benutzer nicht lesen".to_owned(), remedy.to_owned())
            }
            Refusal::System(error) => (format!("lässt sich nicht lesen: {error}"), "Datei und Speicherkarte prüfen.".to_owned()),
            Refusal::Open(mode) => {
                let what = format!("dürfen auch andere Benutzer lesen (Rechte {:03o})", mode & 0o777);
                (what, "chmod 600".to_owned())
            }
            Refusal::Sealed(words) => {
                let remedy = "das Geheimnis neu ablegen; auf einem anderen Gerät, oder ohne \
                /var/lib/systemd/credential.secret, lässt es sich \
                              nicht entschlüsseln.";
                (format!("lässt sich nicht entschlüsseln ({words})"), remedy.to_owned())
            }
            Refusal::Broken { what, remedy } => ((*what).to_owned(), (*remedy).to_owned()),
        };
        Complaint { what: format!("{subject} {what}."), remedy }
    }
}

/// What is in a file of at most [`FILE_MAX`] bytes, if nobody has one of the `forbidden` rights to it.
pub(super) fn content(path: &Path, forbidden: u32) -> Result<Vec<u8>, Refusal> {
    let failed = |error: std::io::Error| {
        let kinds = [(ErrorKind::NotFound, Refusal::Gone), (ErrorKind::PermissionDenied, Refusal::Denied)];
        kinds.into_iter().find(|(kind, _)| *kind == error.kind()).map_or(Refusal::System(error), |(_, refusal)| refusal)
    };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    // Opening a pipe would wait for somebody to write.
    if !metadata.is_file() {
        return Err(Refusal::Broken { what: "ist keine Datei", remedy: "eine gewöhnliche Datei nennen." });
    }
    let mode = metadata.permissions().mode();
    if mode & forbidden != 0 {
        return Err(Refusal::Open(mode));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(Refusal::Broken { what: "ist größer als 64 KiB", remedy: "nur hineinschreiben, was hineingehört." });
    }
    Ok(bytes)
}
