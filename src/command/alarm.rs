//! `drk-relay alarm test`: lets the running relay tell everybody that this is a test, and says what came of it by each way. The relay does
//! it and not this process, because only it has the service's rights, its way outside and its connection to the broker.

use super::{Failure, first_answer};
use crate::command::output::say;
use crate::config::Config;
use crate::port::status::{Outcome, Trial, ask_for_alarm_test};
use anyhow::anyhow;
use std::path::{Path, PathBuf};

/// What to do about alarms.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Options {
    /// Auf jedem eingerichteten Weg einen Probealarm schicken und sagen, was daraus wurde. Das Relay muss laufen.
    Test {
        /// Die Konfiguration des laufenden Relays.
        #[arg(long, value_name = "DATEI", default_value = super::CONFIGURATION_FILE)]
        config: PathBuf,
    },
}

pub(super) async fn execute(options: &Options) -> Result<(), Failure> {
    match options {
        Options::Test { config } => test(config).await,
    }
}

async fn test(config: &Path) -> Result<(), Failure> {
    let Trial { mqtt, command, heartbeat } = first_answer(&Config::public(config)?.sockets, "alarm test", ask_for_alarm_test).await?;
    let ways = [
        ("MQTT", Some(mqtt), "der Broker hat relay/alarms angenommen", ""),
        (
            "Alarmbefehl",
            command,
            "endete ohne Fehler; ob die Nachricht ankam, weiß nur, wer sie bekommt",
            "keiner eingerichtet ([alarm] command)",
        ),
        ("Herzschlag", heartbeat, "die Adresse hat angenommen", "keiner eingerichtet ([heartbeat] url_file)"),
    ];
    let mut failed = 0;
    for (name, outcome, good, none) in ways {
        match outcome {
            Some(Outcome { failed: None }) => say!("✓ {name}: {good}"),
            Some(Outcome { failed: Some(why) }) => {
                say!("✗ {name}: {why}");
                failed += 1;
            }
            None => say!("– {name}: {none}"),
        }
    }
    if failed == 0 { Ok(()) } else { Err(anyhow!("nicht auf allen Wegen kommen Alarme an").into()) }
}
