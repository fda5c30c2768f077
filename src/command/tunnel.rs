//! `drk-relay tunnel keygen` and `drk-relay tunnel check`: a key for the relay host, and how far a session with it gets. Speaks no SSH
//! itself, and never takes the forward away from a relay that runs.

use super::Failure;
use crate::command::output::say;
use crate::config::{Checked, Config, Files, IngressConfig, TunnelConfig, TunnelForward};
use crate::port::clock::Clock;
use crate::port::durable;
use crate::port::link::Link;
use crate::port::outward::Outward;
use crate::port::status;
use crate::port::tunnel::{Milestone, Trouble, Tunnel, generate};
use anyhow::{anyhow, bail};
use secrecy::{ExposeSecret, SecretString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Longest comment of a key: a line of `authorized_keys` stays one line on a screen.
const COMMENT_MAX: usize = 64;

/// What to do about the tunnel.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Options {
    /// Einen SSH-Schlüssel für den Relay-Host machen. Eine Datei, die es schon gibt, wird nie überschrieben.
    Keygen {
        /// Wohin der private Schlüssel kommt.
        #[arg(long, value_name = "DATEI")]
        key: PathBuf,
        /// Woran man ihn auf dem Relay-Host erkennt.
        #[arg(long, value_name = "TEXT", default_value = "drk-relay", value_parser = comment)]
        comment: String,
    },
    /// Den Weg zum Relay-Host einmal gehen und sagen, wie weit er führt. Einem Relay, das läuft, wird nichts weggenommen.
    Check {
        /// Die Konfiguration.
        #[arg(long, value_name = "DATEI", default_value = super::CONFIGURATION_FILE)]
        config: PathBuf,
    },
}

pub(super) async fn execute(options: &Options) -> Result<(), Failure> {
    match options {
        Options::Keygen { key, comment } => Ok(keygen(key, comment)?),
        Options::Check { config } => check(config).await,
    }
}

/// A comment ends the line: whatever ends lines or hides must not be in it.
fn comment(text: &str) -> Result<String, String> {
    let good = text.len() <= COMMENT_MAX && text.chars().all(|char| char.is_ascii_graphic() || char == ' ') && text.trim() == text;
    if good { Ok(text.to_owned()) } else { Err(format!("höchstens {COMMENT_MAX} Zeichen ohne Umlaute und Sonderzeichen")) }
}

fn keygen(path: &Path, comment: &str) -> anyhow::Result<()> {
    let (key, authorized) = generate(comment)?;
    store(path, &key)?;
    let shown = path.display();
    say!(
        "Der private Schlüssel liegt in {shown}. Nur der Eigentümer darf ihn lesen; er verlässt dieses Gerät nie.\n\n\
         Diese Zeile kommt auf dem Relay-Host in die authorized_keys des Benutzers, als der das Relay sich anmeldet. Sie erlaubt \
         Weiterleitungen und sonst nichts:\n\n{authorized}\n\n\
         In relay.toml gehören dazu:\n\n\
         [tunnel]\n\
         host = \"relay.example\"\n\
         user = \"…\"\n\
         host_key = \"ssh-ed25519 AAAA…\"   # zeigt der Relay-Host: cat /etc/ssh/ssh_host_ed25519_key.pub\n\
         forward = \"unix:/run/…/in.sock\"\n\
         key_file = \"{shown}\"\n\n\
         Danach: drk-relay tunnel check"
    );
    Ok(())
}

/// Writes a file that was not there; after a power cut it is there as a whole or can be made again.
fn store(path: &Path, key: &SecretString) -> anyhow::Result<()> {
    let shown = path.display();
    match durable::create(path, key.expose_secret().as_bytes()) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
            "{shown} gibt es schon, und ein Schlüssel wird nie überschrieben. Abhilfe: einen anderen Namen nennen; oder die Datei löschen, \
             wenn ihn kein Relay-Host mehr kennt"
        ),
        Err(error) => {
            let remedy = "Pfad und Schreibrechte prüfen; ist der Datenträger voll?";
            Err(anyhow!(error).context(format!("{shown} lässt sich nicht anlegen. Abhilfe: {remedy}")))
        }
    }
}

async fn check(path: &Path) -> Result<(), Failure> {
    let Checked { config, .. } = Checked::open(path, &Files::of_technician(path), None)?;
    let IngressConfig::Tunnel(tunnel) = config.ingress else {
        return Err(anyhow!("in dieser Konfiguration gibt es keinen Tunnel. Abhilfe: ingress.mode = \"tunnel\"").into());
    };
    let mut occupied = None;
    for socket in Config::public(path)?.sockets {
        occupied = occupied.or(occupant(&socket).await);
    }
    Ok(walk(tunnel, Outward::of(&config.egress), occupied).await?)
}

/// Why the forward must be let alone, if it must: a second session that asks for it takes it away from the first.
async fn occupant(socket: &Path) -> Option<&'static str> {
    match status::ask(socket).await {
        Ok(_) => Some("ein Relay läuft und hat sie; „drk-relay status“ sagt, wie es ihm damit geht"),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => None,
        Err(_) => Some("vielleicht läuft ein Relay und hat sie. Abhilfe: sudo drk-relay tunnel check"),
    }
}

/// Every step a line.
async fn walk(config: TunnelConfig, outward: Outward, occupied: Option<&str>) -> anyhow::Result<()> {
    let (place, user) = (format!("{}:{}", config.host, config.port), config.user.clone());
    let forward = match &config.forward {
        TunnelForward::Unix(path) => path.clone(),
        TunnelForward::Tcp(address, port) => format!("{address}:{port}"),
    };
    let (tunnel, _streams) = Tunnel::new(config, outward, Link::new(Clock::System))?;
    let walked = tunnel.rehearse(occupied.is_none(), |milestone| match milestone {
        Milestone::Reached => say!("✓ Verbindung: {place} antwortet"),
        Milestone::Recognised(fingerprint) => say!("✓ Schlüssel des Relay-Hosts: {fingerprint}, wie in der Konfiguration"),
        Milestone::LoggedIn => say!("✓ Anmeldung: als {user}"),
        Milestone::Forwarding => say!("✓ Weiterleitung: {forward}"),
    });
    match (walked.await, occupied) {
        (Ok(()), None) => Ok(()),
        (Ok(()), Some(why)) => {
            say!("– Weiterleitung: nicht geprüft, denn {why}");
            Ok(())
        }
        (Err(trouble), _) => {
            say!("✗ {}: {}", stage(&trouble), trouble.sentence());
            if let Some(line) = trouble.shown() {
                say!("  Was er zeigt, als Zeile für relay.toml:\n  host_key = \"{line}\"");
            }
            bail!("der Tunnel kommt nicht zustande")
        }
    }
}

/// Where the way ends.
fn stage(trouble: &Trouble) -> &'static str {
    use crate::port::outward::NoWay;
    use crate::port::tunnel::Step;
    match trouble {
        Trouble::Way(NoWay::Name(_)) => "Name",
        Trouble::Way(NoWay::Refused(_) | NoWay::Silent) => "Verbindung",
        Trouble::Way(NoWay::ProxyAway(_) | NoWay::Proxy(_)) => "Proxy",
        Trouble::Silent(Step::Greeting) | Trouble::Greeting(_) | Trouble::Algorithms(_) => "SSH",
        Trouble::HostKey { .. } => "Schlüssel des Relay-Hosts",
        Trouble::Key { .. } | Trouble::Silent(Step::Login) => "Anmeldung",
        Trouble::Denied(_) | Trouble::Silent(Step::Forward) => "Weiterleitung",
        Trouble::Ended(_) | Trouble::Panicked | Trouble::Rebuilt => "Sitzung",
    }
}
