//! What is typed: `drk-relay run`, `drk-relay demo`. Commands start and show things; they hold no rule.

#[cfg(feature = "simulator")]
mod demo;
mod run;
#[cfg(feature = "simulator")]
mod self_test;
#[cfg(feature = "simulator")]
mod stage;

use crate::config::ConfigError;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Exit code for a configuration that cannot work: `EX_USAGE`, as systemd's `RestartPreventExitStatus=` expects it.
pub const CONFIGURATION: u8 = 64;

/// Zahlen per MQTT hinein, per WhatsApp hinaus.
#[derive(Debug, Parser)]
#[command(version, about, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Das Relay starten, bis es beendet wird.
    Run {
        /// Die Konfiguration.
        #[arg(long, value_name = "DATEI", default_value = "/etc/drk-relay/relay.toml")]
        config: PathBuf,
    },
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

impl Arguments {
    /// Does what was typed.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn execute(self) -> Result<(), Failure> {
        match self.command {
            Command::Run { config } => run::execute(&config).await,
            #[cfg(feature = "simulator")]
            Command::Demo => Ok(demo::execute().await?),
            #[cfg(feature = "simulator")]
            Command::SelfTest => Ok(self_test::execute().await?),
        }
    }
}
