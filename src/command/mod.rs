//! What is typed: `drk-relay run`, `check-config`, `status`, `backup`, `qr`, `demo`. Commands start and show things; they hold no rule.

mod alarm;
#[cfg(feature = "documents")]
mod asyncapi;
mod backup;
mod bundle;
mod check_config;
#[cfg(feature = "simulator")]
mod demo;
pub mod doctor;
#[cfg(feature = "documents")]
mod documents;
mod events;
mod figures;
pub mod journal;
pub mod output;
mod provision;
mod publisher;
mod qr;
mod restore;
mod run;
#[cfg(feature = "simulator")]
mod self_test;
#[cfg(feature = "simulator")]
mod stage;
mod status;
mod tunnel;
mod webhook;

use crate::config::ConfigError;
use clap::{Parser, Subcommand};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Exit code for a configuration that cannot work: `EX_USAGE`, as systemd's `RestartPreventExitStatus=` expects it.
pub const CONFIGURATION: u8 = 64;

/// Where the configuration is looked for.
const CONFIGURATION_FILE: &str = "/etc/drk-relay/relay.toml";

/// Zahlen per MQTT hinein, per WhatsApp hinaus.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Das Relay starten, bis es beendet wird.
    Run {
        /// Die Konfiguration.
        #[arg(long, value_name = "DATEI", default_value = CONFIGURATION_FILE)]
        config: PathBuf,
    },
    /// Was nicht stimmt und was zu tun ist: Uhr, Broker, Tunnel, Token, Nummer, Speicher, Gerät. Auch wenn das Relay nicht läuft.
    Doctor(doctor::Options),
    /// Eine Textdatei für die Hilfe aus der Ferne: Prüfungen, Ereignisse, Journale, Gerät. Nichts über Personen, keine Geheimnisse.
    SupportBundle(bundle::Options),
    /// Die Konfiguration prüfen: alle Fehler auf einmal, sonst was sie bewirkt und für wie viele Personen sie reicht.
    CheckConfig {
        /// Die Konfiguration.
        #[arg(long, value_name = "DATEI", default_value = CONFIGURATION_FILE)]
        config: PathBuf,
    },
    /// Wie es dem laufenden Relay geht: Abos, Fenster, Ausgang, Zahlen, Verbindungen.
    Status(status::Options),
    /// Zahlen, die angehalten sind, weil sie unplausibel sind: ansehen und entscheiden.
    #[command(subcommand)]
    Figures(figures::Command),
    /// Was in letzter Zeit geschah: Starts, Alarme, Warnungen. Auch wenn das Relay nicht läuft.
    Events(events::Options),
    /// Ob ein Alarm bei denen ankommt, die ihn bekommen sollen.
    #[command(subcommand)]
    Alarm(alarm::Options),
    /// Zahlen, Zähler und Konfiguration in eine Datei sichern, ohne Personen; auch während das Relay läuft.
    Backup(backup::Options),
    /// Eine Sicherung auf einem neuen Gerät zurückspielen.
    Restore(restore::Options),
    /// Der QR-Code, mit dem man ein Abo beginnt, im Terminal und als Plakat.
    Qr(qr::Options),
    /// Der Tunnel zum Relay-Host: einen Schlüssel dafür machen, und prüfen, ob er zustande kommt.
    #[command(subcommand)]
    Tunnel(tunnel::Options),
    /// Was Meta über dieses Relay wissen muss.
    #[command(subcommand)]
    Webhook(webhook::Options),
    /// Wer Zahlen senden darf: Zugänge zum Broker.
    #[command(subcommand)]
    Publisher(publisher::Options),
    /// Eine Speicherkarte vorbereiten: Paket, Konfiguration und was beim ersten Start geschieht.
    Provision(provision::Options),
    /// Übernehmen, was auf der Boot-Partition liegt: tut systemd bei jedem Start des Geräts.
    #[command(hide = true)]
    ProvisionDevice(provision::device::Options),
    /// Die Beschreibung der MQTT-Schnittstelle für Programme (AsyncAPI 3.1, JSON).
    #[cfg(feature = "documents")]
    Asyncapi,
    /// Handbuchseite und Vervollständigungen für bash, zsh und fish schreiben.
    #[cfg(feature = "documents")]
    Documents(documents::Options),
    /// Zwei Tage in zwei Minuten: Broker, WhatsApp und drei Leute sind nachgestellt, das Relay dazwischen ist das echte.
    #[cfg(feature = "simulator")]
    Demo,
    /// Prüfen, ob das Programm auf dieser Maschine tut, was es verspricht: Speicher, TLS, MQTT, Webhook, Erinnerung, Neustart nach Panik.
    #[cfg(feature = "simulator")]
    SelfTest,
}

/// Why a command failed, as far as the exit code tells.
#[derive(Debug)]
pub enum Failure {
    /// The configuration cannot work: starting again will not help.
    Configuration(ConfigError),
    /// Everything else: starting again may help.
    Fatal(anyhow::Error),
    /// All is said already: the exit code.
    Said(u8),
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::Configuration(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Fatal(error)
    }
}

/// What the first relay says that answers at one of these sockets. `typed`: the command, for whoever may not ask.
async fn first_answer<T>(sockets: &[PathBuf], typed: &str, ask: impl AsyncFn(&Path) -> io::Result<T>) -> anyhow::Result<T> {
    let mut refused = Vec::new();
    for socket in sockets {
        match ask(socket).await {
            Ok(answer) => return Ok(answer),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                anyhow::bail!("Die Antwort ist nicht von einem Relay dieser Version. Abhilfe: das Relay nach einem Update neu starten.")
            }
            Err(error) => refused.push(format!("{}: {error}", socket.display())),
        }
    }
    anyhow::bail!(
        "Das Relay läuft nicht (oder dieser Benutzer darf nicht fragen): {}. Abhilfe: sudo drk-relay {typed}; \
         systemctl status drk-relay; --config mit der Konfiguration des laufenden Relays angeben.",
        refused.join("; ")
    )
}

impl Arguments {
    /// Does what was typed.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn execute(self) -> Result<(), Failure> {
        match self.command {
            Command::Run { config } => run::execute(&config).await,
            #[cfg(feature = "documents")]
            Command::Asyncapi => asyncapi::execute(),
            #[cfg(feature = "documents")]
            Command::Documents(options) => documents::execute(&options),
            Command::Doctor(options) => doctor::execute(&options).await,
            Command::SupportBundle(options) => bundle::execute(&options).await,
            Command::CheckConfig { config } => check_config::execute(&config),
            Command::Status(options) => status::execute(&options).await,
            Command::Figures(command) => figures::execute(&command).await,
            Command::Events(options) => events::execute(&options),
            Command::Alarm(options) => alarm::execute(&options).await,
            Command::Backup(options) => backup::execute(&options).await,
            Command::Restore(options) => restore::execute(&options),
            Command::Qr(options) => qr::execute(&options),
            Command::Tunnel(options) => tunnel::execute(&options).await,
            Command::Webhook(options) => webhook::execute(&options).await,
            Command::Publisher(options) => publisher::execute(&options),
            Command::Provision(options) => provision::execute(&options),
            Command::ProvisionDevice(options) => provision::device::execute(&options),
            #[cfg(feature = "simulator")]
            Command::Demo => Ok(demo::execute().await?),
            #[cfg(feature = "simulator")]
            Command::SelfTest => Ok(self_test::execute().await?),
        }
    }
}
