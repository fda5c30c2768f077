//! `drk-relay restore`: a backup into the state directory of a new device, and its configuration where there is none. Everything is looked
//! at before anything is written, and the store comes last: until it is there, the same command simply does the rest. Decides neither what
//! is to be believed nor what may be replaced.

use super::{CONFIGURATION_FILE, Failure};
use crate::command::output::say;
use crate::config::{Config, Whereabouts, Written};
use crate::port::backup::{Document, SIZE_MAX};
use crate::port::durable;
use crate::relay::backup::Vacancy;
use crate::run::{STORE, fresh_instance};
use crate::store::Files;
use anyhow::{Context, anyhow};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};

/// What remains for a human, because no backup may hold it or because it stands elsewhere.
const BY_HAND: &str = "\
Noch von Hand:
  - Das alte Gerät muss aus bleiben: zwei Relays mit derselben Nummer stören einander.
  - Geheimnisse (Zugriffstoken, App-Geheimnis, Prüfwort, Passwort des Brokers) wieder ablegen: README, „Running it“.
  - Mit Tunnel: drk-relay tunnel keygen, die neue Zeile auf dem Relay-Host eintragen, drk-relay tunnel check.
  - Hat sich der Name geändert, unter dem Meta das Relay erreicht: DNS, dann drk-relay webhook register.
  - drk-relay check-config nennt alles, was noch fehlt. Danach das Relay starten.
Abos stehen in keiner Sicherung: wer schreibt oder auf einen alten Knopf tippt, ist wieder dabei.";

/// What to restore, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Die Konfiguration des neuen Geräts. Gibt es sie noch nicht, kommt sie aus der Sicherung.
    #[arg(long, value_name = "DATEI", default_value = CONFIGURATION_FILE)]
    config: PathBuf,
    /// Die Sicherung.
    #[arg(value_name = "DATEI")]
    file: PathBuf,
}

pub(super) fn execute(options: &Options) -> Result<(), Failure> {
    let named = || options.file.display().to_string();
    let document = Document::read(&content(&options.file).with_context(named)?).with_context(named)?;
    let whereabouts = whereabouts(&options.config, document.configuration.as_ref())?;
    let path = whereabouts.state_dir.join(STORE);
    make_directory(&whereabouts.state_dir)?;
    let vacancy = Vacancy::of(&Files::at(&path), &document.backup).with_context(|| path.display().to_string())?;
    say!("Sicherung vom {}, Version {}:", document.made.strftime("%d.%m.%Y %H:%M UTC"), document.version);
    if let Some(written) = &document.configuration {
        configure(&options.config, written, &whereabouts)?;
    }
    let again = vacancy.is_filled();
    vacancy.fill(fresh_instance()?, &document.backup).with_context(|| path.display().to_string())?;
    hand_over(&path, &whereabouts.state_dir)?;
    say!("  {}: {}", path.display(), if again { "war schon zurückgespielt" } else { "Zahlen und Zähler zurückgespielt" });
    for feed in &document.backup.feeds {
        let as_of = feed.current.as_ref().map(|current| current.as_of.date().strftime("Zahlen vom %d.%m.%Y").to_string());
        say!("    {}: {}", feed.name, as_of.as_deref().unwrap_or("noch keine Zahlen"));
        if !whereabouts.feeds.contains(&feed.name) {
            say!(
                "    Achtung: {0} ist nicht eingerichtet; beim ersten Start werden diese Zahlen vergessen. Abhilfe: vorher [[feed]] mit \
                 name = \"{0}\" in {1} ergänzen.",
                feed.name,
                options.config.display()
            );
        }
    }
    say!("{BY_HAND}");
    Ok(())
}

/// The file, as far as it can be a backup.
fn content(path: &Path) -> io::Result<Vec<u8>> {
    let (mut bytes, most) = (Vec::new(), SIZE_MAX as u64 + 1);
    fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where things belong: as the configuration says that is there, else as the one of the backup does.
fn whereabouts(config: &Path, written: Option<&Written>) -> Result<Whereabouts, Failure> {
    if config.exists() {
        return Ok(Config::whereabouts(config)?);
    }
    let Some(written) = written else {
        let what = "gibt es nicht, und in der Sicherung ist keine Konfiguration. Abhilfe: erst die Konfiguration anlegen.";
        return Err(anyhow!("{}: {what}", config.display()).into());
    };
    Ok(Config::whereabouts_of(config, written.relay())?)
}

/// Puts the files of the configuration where none are, `relay.toml` last: once it is there, it says where the others belong.
fn configure(config: &Path, written: &Written, whereabouts: &Whereabouts) -> anyhow::Result<()> {
    let files = written.places(whereabouts).into_iter().chain([(config.to_owned(), written.relay())]);
    for (path, text) in files {
        let failed = || format!("{}: lässt sich nicht anlegen. Abhilfe: sudo benutzen, Platz prüfen", path.display());
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).with_context(failed)?;
        }
        let said = if durable::place(&path, text.as_bytes()).with_context(failed)? {
            "angelegt"
        } else if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            "ist schon da, gleich"
        } else {
            "ist schon da, anders als in der Sicherung: nicht verändert"
        };
        say!("  {}: {said}", path.display());
    }
    Ok(())
}

/// The state directory, for its owner only.
fn make_directory(path: &Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("{}: lässt sich nicht anlegen. Abhilfe: sudo benutzen", path.display()))
}

/// Whose directory it is, theirs is the store: the service's user, not that of who restores.
fn hand_over(path: &Path, directory: &Path) -> anyhow::Result<()> {
    let hand_over = || {
        let (directory, file) = (fs::metadata(directory)?, fs::metadata(path)?);
        let same = (directory.uid(), directory.gid()) == (file.uid(), file.gid());
        if same { Ok(()) } else { chown(path, Some(directory.uid()), Some(directory.gid())) }
    };
    hand_over().with_context(|| format!("{}: Besitzer lässt sich nicht ändern. Abhilfe: sudo benutzen", path.display()))
}
