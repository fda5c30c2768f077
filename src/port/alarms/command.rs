//! The alarm command: a program that gets the text on its standard input and sends it to people, by mail or however. Decides nothing about
//! when it is run.

use crate::config::AlarmConfig;
use crate::domain::alarm::{Alarm, Code, Word};
use crate::domain::time::Timestamp;
use jiff::tz::TimeZone;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{self, Child};
use tokio::time::timeout;

/// For a run of the command: a mail over a slow mobile line. Then it is killed, and whatever it has started.
const RUNNING: Duration = Duration::from_secs(30);
/// Of the relay's own environment it gets these and no other: systemd's socket and where the secrets lie are nothing for it.
const KEPT: [&str; 4] = ["PATH", "LANG", "LC_ALL", "TZ"];

/// The command.
#[derive(Debug)]
pub struct Command {
    program: PathBuf,
    arguments: Vec<String>,
    config: AlarmConfig,
    zone: TimeZone,
}

/// Why nobody was told. What the command itself says goes nowhere: it may name whom it writes to.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// It could not be started.
    #[error("lässt sich nicht starten: {0}. Abhilfe: Pfad und Rechte prüfen (chmod 755), bei einem Skript auch die erste Zeile")]
    Start(io::Error),
    /// It says that it did not succeed.
    #[error("endete mit {0}. Abhilfe: es von Hand aufrufen, mit einem Text auf der Standardeingabe")]
    Status(ExitStatus),
    /// It took too long.
    #[error("war nach {} s nicht fertig und wurde beendet. Abhilfe: Erreicht es seinen Server?", RUNNING.as_secs())]
    Slow,
}

/// A process and all that it has started: killed if it is dropped before it has ended.
struct Group(Child, Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.1 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Command {
    /// The configured one, if there is one.
    pub fn new(config: &AlarmConfig, zone: &TimeZone) -> Option<Command> {
        let (program, arguments) = config.command.clone()?;
        Some(Command { program, arguments, config: config.clone(), zone: zone.clone() })
    }

    /// Runs it once.
    ///
    /// # Errors
    /// See [`Failed`].
    pub async fn run(&self, code: &str, word: Word, text: &str) -> Result<(), Failed> {
        let mut command = process::Command::new(&self.program);
        command.args(&self.arguments).env_clear().process_group(0);
        command.envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.env("DRK_RELAY_ALARM", code).env("DRK_RELAY_STATE", word.name()).env("DRK_RELAY_BRANCH", &self.config.branch);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().map_err(Failed::Start)?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let mut group = Group(child, id);
        let told = async {
            if let Some(mut input) = group.0.stdin.take() {
                // Whoever needs no text closes it.
                let _ = input.write_all(text.as_bytes()).await;
            }
            let ended = group.0.wait().await;
            // What it leaves running on purpose may go on.
            group.1 = None;
            ended
        };
        match timeout(RUNNING, told).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Failed::Status(status)),
            Ok(Err(error)) => Err(Failed::Start(error)),
            Err(_) => Err(Failed::Slow),
        }
    }

    /// The whole text about an alarm.
    pub fn text(&self, code: Code, word: Word, alarm: &Alarm) -> String {
        let (moment, why) = (|at: Option<Timestamp>| at.map(|at| self.moment(at)), Some(&alarm.why).filter(|why| !why.is_empty()));
        let (head, until, remedy) = match word {
            Word::On => ("ALARM", None, Some(self.config.remedy(code.remedy()))),
            Word::Off => ("VORBEI", alarm.over.map(moment), None),
        };
        let lines = [
            Some(format!("{head}: {} ({})", self.config.branch, code.name())),
            Some(String::new()),
            Some(code.sentence().to_owned()),
            moment(alarm.since).map(|at| format!("Seit: {at}")),
            until.map(|until| format!("Vorbei seit: {}", until.unwrap_or_else(|| "eben".to_owned()))),
            why.map(|why| format!("Grund: {why}")),
            remedy.map(|remedy| format!("Abhilfe: {remedy}")),
        ];
        lines.into_iter().flatten().fold(String::new(), |text, line| text + &line + "\n")
    }

    /// The whole text of a test.
    pub fn test(&self) -> String {
        format!("PROBEALARM: {}\n\n{}\n", self.config.branch, super::TEST_SENTENCE)
    }

    fn moment(&self, at: Timestamp) -> String {
        at.instant().to_zoned(self.zone.clone()).strftime("%d.%m.%Y %H:%M").to_string()
    }
}
