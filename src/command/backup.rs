//! `drk-relay backup`: asks the running relay for what a backup keeps, or its store if it does not run, and puts the configuration beside
//! it. Decides neither what is kept nor what it looks like.

use super::{CONFIGURATION_FILE, Failure};
use crate::command::output::{complain, say};
use crate::config::{Config, Whereabouts, Written};
use crate::domain::backup::Backup;
use crate::port::backup::Document;
use crate::port::clock::Clock;
use crate::port::durable;
use crate::port::status::{self, NoBackup};
use crate::relay::backup::kept;
use crate::run::STORE;
use crate::store::{Files, StoreError};
use anyhow::{Context, anyhow};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What to keep, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Die Konfiguration: sie wird mitgesichert und sagt, wo das Relay antwortet.
    #[arg(long, value_name = "DATEI", default_value = CONFIGURATION_FILE)]
    config: PathBuf,
    /// Wohin; eine Datei, die es schon gibt, wird ersetzt. Ohne Angabe auf die Standardausgabe.
    #[arg(value_name = "DATEI")]
    file: Option<PathBuf>,
}

pub(super) async fn execute(options: &Options) -> Result<(), Failure> {
    let (written, left_out) = Written::read(&options.config)?;
    let whereabouts = Config::whereabouts(&options.config)?;
    let backup = backup(&whereabouts).await?;
    let now = i64::try_from(Clock::System.now().0).ok().and_then(|now| jiff::Timestamp::from_millisecond(now).ok());
    // A second is enough, and reads better.
    let made = now.and_then(|now| jiff::Timestamp::from_second(now.as_second()).ok()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let document = Document::new(made, backup, Some(written));
    put(options.file.as_deref(), &document)?;
    what_was_kept(&document, options.file.as_deref(), &left_out);
    Ok(())
}

/// From whoever has it: the relay, else the store.
async fn backup(whereabouts: &Whereabouts) -> anyhow::Result<Backup> {
    let mut refused = Vec::new();
    for socket in &whereabouts.sockets {
        match status::ask_for_backup(socket).await {
            Ok(document) => return Ok(document.backup),
            Err(NoBackup::Nobody(error)) => refused.push(format!("{}: {error}", socket.display())),
            Err(error @ (NoBackup::Refused(_) | NoBackup::Foreign)) => return Err(error.into()),
        }
    }
    let path = whereabouts.state_dir.join(STORE);
    let stored = if path.exists() { kept(&Files::at(&path)) } else { Ok(None) };
    match stored {
        Ok(Some(backup)) => Ok(backup),
        Ok(None) => anyhow::bail!(
            "{}: es gibt noch keinen Speicher, also nichts zu sichern. Abhilfe: state_dir in der Konfiguration prüfen, sudo benutzen.",
            path.display()
        ),
        Err(StoreError::Held) => anyhow::bail!(
            "Ein Relay hat den Speicher, antwortet aber nicht ({}). Abhilfe: sudo benutzen, oder in einer Minute noch einmal.",
            refused.join("; ")
        ),
        Err(error) if error.is_damage() => anyhow::bail!(
            "{}: {error} Abhilfe: eine frühere Sicherung nehmen; das Relay legt die Datei beim nächsten Start zur Seite und beginnt neu.",
            path.display()
        ),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// A file is there as a whole or not at all, and for its owner only: it says nothing about anybody, but it is nobody else's business.
fn put(file: Option<&Path>, document: &Document) -> anyhow::Result<()> {
    let text = document.write();
    let Some(path) = file else {
        return std::io::stdout().write_all(text.as_bytes()).context("Standardausgabe");
    };
    durable::replace(path, text.as_bytes()).map_err(|error| {
        anyhow!("{}: die Sicherung lässt sich nicht schreiben: {error}. Abhilfe: Ordner, Rechte und Platz prüfen.", path.display())
    })
}

/// What was kept, unless stdout is the backup itself, and what was not.
fn what_was_kept(document: &Document, file: Option<&Path>, left_out: &[String]) {
    if let Some(path) = file {
        let feeds = document.backup.feeds.iter().map(|feed| {
            let as_of = feed.current.as_ref().map(|current| current.as_of.date().strftime("vom %d.%m.%Y").to_string());
            format!("{} ({})", feed.name, as_of.as_deref().unwrap_or("noch keine Zahlen"))
        });
        let feeds = feeds.collect::<Vec<_>>().join(", ");
        say!("Gesichert in {}: Zahlen {feeds}; Zähler; Konfiguration. Keine Personen, keine Geheimnisse.", path.display());
    }
    for place in left_out {
        complain(format_args!("Hinweis: {place}: sieht aus wie ein Geheimnis und steht in der Sicherung als „…“. Abhilfe: dort löschen."));
    }
}
