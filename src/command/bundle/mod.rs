//! `drk-relay support-bundle`: one text file that says how the relay and its device fare, for somebody who was not there. It can be read
//! before it is sent, and nobody is in it: what it is made of holds no people, and `discretion` goes over every line besides.

mod discretion;

use super::doctor::{Examination, Machine, examine, rendered, said};
use super::events;
use super::{CONFIGURATION_FILE, Failure};
use crate::command::output::say;
use crate::config::{Checked, Config, ConfigError};
use crate::port::clock::Clock;
use crate::port::durable;
use crate::port::events::read;
use anyhow::{Context, bail};
use discretion::{Discretion, without_quoted};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes of one part, the end of it: what is new stands there. 64 KiB are some 500 lines of the journal, hours of a relay in trouble.
const PART: usize = 64 * 1024;
/// Bytes of all: any mail takes a megabyte, and people look through it before they send it.
const WHOLE: usize = 1024 * 1024;
/// Events that are shown: months of a relay that is well.
const EVENTS: usize = 400;
/// Lines of a unit's journal.
const JOURNAL: &str = "500";
/// Files of the state directory that are listed.
const FILES: usize = 100;
/// Units that concern the relay, besides its own.
const UNITS: [&str; 3] = ["drk-relay-provision.service", "drk-relay-update.service", "mosquitto.service"];
/// Debian's mosquitto writes here, and next to nothing into its journal (/etc/mosquitto/mosquitto.conf: log_dest).
const BROKER_LOG: &str = "/var/log/mosquitto/mosquitto.log";
/// Packages whose versions matter.
const PACKAGES: [&str; 6] = ["drk-relay", "mosquitto", "systemd", "systemd-timesyncd", "chrony", "raspi-firmware"];

/// Where to write it.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Wohin; ohne Angabe drk-relay-support-ZEIT.txt in diesem Ordner. Eine Datei, die es schon gibt, wird nie überschrieben.
    #[arg(long, value_name = "DATEI")]
    into: Option<PathBuf>,
    /// Die Konfiguration.
    #[arg(long, value_name = "DATEI", default_value = CONFIGURATION_FILE)]
    config: PathBuf,
}

pub(super) async fn execute(options: &Options) -> Result<(), Failure> {
    let now = Clock::System.now().second().instant();
    let named = || PathBuf::from(now.strftime("drk-relay-support-%Y%m%d-%H%M%S.txt").to_string());
    let path = options.into.clone().unwrap_or_else(named);
    let bundle = Box::pin(bundle(&options.config, now)).await;
    store(&path, &bundle)?;
    say!(
        "{} geschrieben ({} kB). Vor dem Versenden durchlesen: Was darin steht und was nicht, sagt der Anfang.",
        path.display(),
        bundle.len() / 1024
    );
    Ok(())
}

/// Writes a file that was not there. Whoever called `sudo` gets it.
fn store(path: &Path, bundle: &str) -> anyhow::Result<()> {
    let shown = path.display();
    let file = match durable::create(path, bundle.as_bytes()) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{shown} gibt es schon. Abhilfe: mit --into einen anderen Namen nennen")
        }
        Err(error) => {
            let remedy = "mit --into einen anderen Ordner nennen, etwa /tmp; ist der Datenträger voll?";
            return Err(error).with_context(|| format!("{shown} lässt sich nicht anlegen. Abhilfe: {remedy}"));
        }
    };
    let id = |name: &str| std::env::var(name).ok()?.parse().ok();
    if let (Some(user), group) = (id("SUDO_UID"), id("SUDO_GID")) {
        // Else only root may read it, who can.
        let _ = std::os::unix::fs::fchown(&file, Some(user), group);
    }
    Ok(())
}

/// The whole text.
async fn bundle(config: &Path, now: Timestamp) -> String {
    let machine = Machine::real();
    let examination = examine(config, &machine).await;
    let Examination { findings, checked, state_dir, status, under_voltage, unit } = &examination;
    let known = checked.as_ref().ok().map(|checked| &checked.config);
    let phone_number = Config::public(config).ok().and_then(|public| public.phone_number).map(|number| number.to_string());
    let mut bundle = Bundle { text: head(now), discretion: Discretion::of(known, phone_number) };
    bundle.part("Prüfungen (drk-relay doctor)", &rendered(findings).lines().map(|line| without_quoted(line) + "\n").collect::<String>());
    bundle.part("Gerät und System", &device(&machine));
    bundle.part("Status (drk-relay status --json)", status.as_deref().unwrap_or("Kein Relay hat geantwortet."));
    bundle.configuration(config, checked);
    let zone = known.map_or(TimeZone::UTC, |config| config.rules.zone.clone());
    bundle.part("Ereignisse (drk-relay events)", &happened(state_dir, &zone));
    let under_voltage = under_voltage.as_ref().map_or("Das Log des Kernels ist nicht lesbar.".to_owned(), |lines| lines.join("\n"));
    bundle.part("Unterspannung (Log des Kernels)", &under_voltage);
    bundle.part("Zustandsordner", &listed(state_dir));
    bundle.ask("Dateisysteme (df)", "df", &["-h", "-T"]).await;
    bundle.ask("Dateisysteme, Dateien (df -i)", "df", &["-i"]).await;
    let packages: Vec<_> =
        ["-W", "-f", "${Package} ${Version} ${Architecture} ${db:Status-Abbrev}\\n"].into_iter().chain(PACKAGES).collect();
    bundle.ask_whatever("Pakete (dpkg)", "dpkg-query", &packages).await;
    let own = unit.as_deref().unwrap_or("drk-relay.service");
    for unit in std::iter::once(own).chain(UNITS) {
        bundle
            .ask_whatever(&format!("{unit}: systemctl status"), "systemctl", &["status", unit, "--no-pager", "--full", "--lines=0"])
            .await;
        bundle.ask_whatever(&format!("{unit}: systemctl show"), "systemctl", &["show", unit, "--no-pager", SHOWN]).await;
        let journal = ["-u", unit, "-n", JOURNAL, "--no-pager", "--quiet", "-o", "short-iso", "--no-hostname"];
        bundle.journal(&format!("{unit}: Journal"), &journal).await;
    }
    let broker = tail(Path::new(BROKER_LOG)).unwrap_or_else(|error| format!("nicht lesbar: {error}"));
    bundle.part(&format!("MQTT-Broker ({BROKER_LOG})"), &broker);
    bundle.text
}

/// What is asked of systemd: nothing with an environment or a command line.
const SHOWN: &str = "--property=LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainCode,ExecMainStatus,ExecMainStartTimestamp,\
                     ActiveEnterTimestamp,InactiveEnterTimestamp,NRestarts,WatchdogUSec,MemoryCurrent,MemoryPeak,MemoryHigh,MemoryMax,\
                     TasksCurrent,CPUUsageNSec,ConditionResult,DropInPaths,FragmentPath";

fn head(now: Timestamp) -> String {
    format!(
        "drk-relay support-bundle, drk-relay {}, {now}\n\n\
         Enthalten sind: die Prüfungen von drk-relay doctor, der Status (Anzahlen, keine Personen), die Konfiguration, wie sie gilt, die\n\
         Ereignisse, die Journale von drk-relay und mosquitto, das Log des Brokers, Modell, System, Pakete, Dateisysteme. Darin stehen\n\
         Namen von Geräten, Zugängen und Rechnern, Adressen im eigenen Netz und die öffentliche Adresse des Relays.\n\n\
         Nicht enthalten sind: wer dem Relay schreibt (Nummern, Namen, Kennungen, Texte), Geheimnisse (Token, Passwörter, Schlüssel),\n\
         Telefonnummern, Ansprechpartner, E-Mail-Adressen, was dem Alarmbefehl mitgegeben wird, Zugangsdaten in Adressen. Wo so etwas\n\
         stand oder gestanden haben könnte, steht „…“. Die Texte der Sätze und Themen fehlen ganz.\n\n\
         Bitte vor dem Versenden trotzdem durchlesen: Was andere Programme in ihr Journal schreiben, weiß das Relay nicht.\n",
        env!("CARGO_PKG_VERSION")
    )
}

struct Bundle {
    text: String,
    discretion: Discretion,
}

impl Bundle {
    /// One part, made discreet.
    fn part(&mut self, title: &str, text: &str) {
        let text = self.discretion.text(end_of(text));
        self.append(title, &text);
    }

    fn append(&mut self, title: &str, text: &str) {
        let text = match () {
            () if self.text.len() + text.len() > WHOLE => "(ausgelassen: Die Datei wird zu lang.)\n",
            () if text.trim().is_empty() => "(nichts)\n",
            () => text,
        };
        // Writing to a String cannot fail.
        let _ = write!(self.text, "\n==== {title}\n\n{text}");
    }

    /// What a program prints, if it ends well.
    async fn ask(&mut self, title: &str, program: &str, arguments: &[&str]) {
        let text = said(program, arguments, PART * 4).await;
        self.part(title, text.as_deref().unwrap_or("(nicht zu erfahren)"));
    }

    /// What `journalctl` prints.
    async fn journal(&mut self, title: &str, arguments: &[&str]) {
        let text = said("journalctl", arguments, PART * 4).await;
        let text = self.discretion.journal(end_of(text.as_deref().unwrap_or("(nicht zu erfahren)")));
        self.append(title, &text);
    }

    /// What a program prints that ends badly if one of several things is not there.
    async fn ask_whatever(&mut self, title: &str, program: &str, arguments: &[&str]) {
        let shell: Vec<_> = ["-c", "\"$0\" \"$@\" 2>/dev/null || true", program].into_iter().chain(arguments.iter().copied()).collect();
        self.ask(title, "sh", &shell).await;
    }

    fn configuration(&mut self, path: &Path, checked: &Result<Checked, ConfigError>) {
        let title = format!("Konfiguration ({})", path.display());
        match checked {
            Ok(Checked { effective, warnings, .. }) => {
                let hints: String = warnings.iter().map(|warning| format!("# Hinweis: {}\n", without_quoted(warning.what()))).collect();
                let text = self.discretion.text(&hints) + &self.discretion.configuration(end_of(effective));
                self.append(&title, &text);
            }
            Err(error) => {
                // Neither the lines nor what is quoted of them: whose they are is not known.
                let problems = error.problems().iter().map(|problem| {
                    let line = problem.line().map_or(String::new(), |line| format!("Zeile {line}: "));
                    format!("{line}{}\n", without_quoted(problem.what()))
                });
                let text = problems.collect::<String>();
                self.part(&title, &format!("Sie ist nicht brauchbar:\n{text}"));
            }
        }
    }
}

/// The end of a file that another program writes, from the beginning of a line: half a number would not be known for one.
fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    // One byte more than is kept of a text, so that what is cut off here is cut off there, too.
    let most = PART as u64 + 1;
    let from = file.metadata()?.len().saturating_sub(most);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(end_of(&String::from_utf8_lossy(&bytes)).to_owned())
}

/// The end of a text, from the beginning of a line.
fn end_of(text: &str) -> &str {
    if text.len() <= PART {
        return text;
    }
    let from = text.ceil_char_boundary(text.len() - PART);
    let rest = text.get(from..).unwrap_or_default();
    rest.split_once('\n').map_or(rest, |(_, rest)| rest)
}

fn device(machine: &Machine) -> String {
    let release = machine.read("/etc/os-release").unwrap_or_default();
    let system = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("unbekannt").trim_matches('"').to_owned();
    let read = |path| machine.read(path).unwrap_or_else(|_| "unbekannt".to_owned());
    let memory: String = read("/proc/meminfo").lines().take(3).map(|line| format!("{line}\n")).collect();
    format!(
        "drk-relay {} ({})\nModell: {}\nSystem: {system}\nKernel: {}\nLaufzeit (s): {}\nLast: {}\n{memory}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        machine.model().unwrap_or_else(|| "unbekannt".to_owned()),
        read("/proc/sys/kernel/osrelease"),
        read("/proc/uptime").split(' ').next().unwrap_or_default(),
        read("/proc/loadavg"),
    )
}

fn happened(state_dir: &Path, zone: &TimeZone) -> String {
    match read(state_dir) {
        Ok(reading) => {
            let skipped = reading.lines.len().saturating_sub(EVENTS);
            reading.lines.iter().skip(skipped).map(|line| events::rendered(line, zone) + "\n").collect()
        }
        Err(error) => format!("nicht lesbar: {error}"),
    }
}

/// Names and sizes only.
fn listed(folder: &Path) -> String {
    let Ok(entries) = std::fs::read_dir(folder) else { return "nicht lesbar".to_owned() };
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some(format!("{:>12}  {}\n", entry.metadata().ok()?.len(), entry.file_name().to_string_lossy()))
        })
        .take(FILES)
        .collect();
    files.sort();
    files.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_part_the_end_is_kept_from_the_beginning_of_a_line() {
        let text = format!("{}\nletzte Zeile", "x".repeat(PART));
        assert_eq!(end_of(&text), "letzte Zeile");
        assert_eq!(end_of("kurz"), "kurz");
    }

    #[test]
    fn of_a_long_file_the_end_is_read_from_the_beginning_of_a_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        std::fs::write(&path, format!("{}\nletzte Zeile\n", "07751 5550100 ".repeat(PART))).expect("written");
        assert_eq!(tail(&path).expect("readable"), "letzte Zeile\n");
        std::fs::write(&path, "kurz\n").expect("written");
        assert_eq!(tail(&path).expect("readable"), "kurz\n");
        assert!(tail(&folder.path().join("none")).is_err());
    }

    #[test]
    fn the_whole_is_bounded() {
        let mut bundle = Bundle { text: String::new(), discretion: Discretion::default() };
        (0..20).for_each(|_| bundle.part("t", &"wort \n".repeat(PART / 6)));
        assert!((WHOLE - 2 * PART..=WHOLE + 1_000).contains(&bundle.text.len()), "{}", bundle.text.len());
        assert!(bundle.text.ends_with("==== t\n\n(ausgelassen: Die Datei wird zu lang.)\n"), "a part that is not there is said to be");
    }
}
