//! `drk-relay provision-device`: what systemd/drk-relay-provision.service runs before any relay starts. Takes over what lies on the boot
//! partition and writes there, for whoever puts the card into a computer, what became of it. Waits for nothing; a bad card changes nothing.
//!
//! What a power cut may interrupt is done in this order: files that the configuration names, secrets, the configuration, secrets that are
//! to be forgotten, the broker's files, the record, the secrets on the card, the result. Until the record is written the card is simply
//! taken again, with the same end; from then on only its wiping has to be finished.

mod broker;
mod credentials;
mod said;
mod system;
mod wipe;

use super::names::{BAD, Cards, FOLDER, Found, GOOD, of_card};
use super::{neighbours, no_password, spare};
use crate::command::Failure;
use crate::command::output::complain;
use crate::config::{
    CONFIGURATIONS, Card, ConfigError, Contents, Marks, Neighbour, Stored, Surroundings, Taken, configuration_of, service,
};
use crate::domain::ids::Name;
use crate::port::durable::Readers;
use anyhow::Context;
use broker::Broker;
use credentials::Vault;
use said::{Said, bad, good};
use secrecy::SecretString;
use std::fs;
use std::path::{Path, PathBuf};
use system::System;

#[derive(Debug, clap::Args)]
pub(in crate::command) struct Options {
    /// Die Boot-Partition.
    #[arg(long, value_name = "ORDNER", default_value = "/boot/firmware")]
    boot: PathBuf,
    /// Wo alles andere liegt, für Tests.
    #[arg(long, value_name = "ORDNER", default_value = "/", hide = true)]
    root: PathBuf,
    /// Nach so vielen Änderungen endet das Programm wie ohne Strom, für Tests.
    #[arg(long, value_name = "ZAHL", hide = true)]
    power_for: Option<u32>,
}

/// Why a card was not taken.
#[derive(Debug)]
enum Refused {
    /// Something on it is wrong.
    Card(ConfigError),
    /// Something on the device is.
    Device(anyhow::Error),
}

impl From<ConfigError> for Refused {
    fn from(error: ConfigError) -> Refused {
        Refused::Card(error)
    }
}

impl From<anyhow::Error> for Refused {
    fn from(error: anyhow::Error) -> Refused {
        Refused::Device(error)
    }
}

pub(in crate::command) fn execute(options: &Options) -> Result<(), Failure> {
    let system = System::new(&options.root, &options.boot, options.power_for);
    let cards = Cards::of(&system.boot).with_context(|| system.boot.display().to_string())?;
    if let Err(error) = finish(&system, &cards) {
        complain(format_args!("drk-relay: {error:#}"));
    }
    let healed = broker::heal(&system);
    if matches!(healed, Ok(true)) {
        restart_broker(&system);
    }
    let [is_good, is_bad] = [GOOD, BAD].map(|name| system.boot.join(name).exists());
    let unchanged = cards.unclear().is_empty() && cards.found.iter().all(|found| is_installed(&system, found));
    // A card that brings nothing, in a device that is in use.
    let bare = cards.found.is_empty() && system.at(configuration_of(None)).exists();
    let as_said = matches!(healed, Ok(false)) && is_good || bare && healed.is_ok();
    if unchanged && !is_bad && as_said {
        return Ok(());
    }
    let mut outcome = Outcome { wrong: cards.unclear(), ..Outcome::default() };
    if let Err(error) = healed {
        outcome.refuse("mosquitto", &Refused::Device(error));
    }
    take_all(&system, &cards, &mut outcome);
    report(&system, &outcome)
}

/// What a power cut has left half done on the card.
fn finish(system: &System, cards: &Cards) -> anyhow::Result<()> {
    wipe::erase_rest(system)?;
    cards.found.iter().try_for_each(|found| wipe::resume(system, found))
}

/// Where a configuration belongs on the device.
fn home(system: &System, found: &Found) -> PathBuf {
    system.at(configuration_of(found.instance.as_deref()))
}

/// Whether the device has it as it is on the card, but for what somebody has edited there since.
fn is_installed(system: &System, found: &Found) -> bool {
    home(system, found).exists() && wipe::is_taken(system, found)
}

/// What became of each.
#[derive(Default)]
struct Outcome {
    taken: Vec<Said>,
    /// What is wrong, with remedies.
    wrong: Vec<String>,
    /// Whether something of that was begun on the device.
    begun: bool,
}

impl Outcome {
    fn refuse(&mut self, name: &str, refused: &Refused) {
        match refused {
            Refused::Card(error) => self.wrong.push(error.to_string()),
            Refused::Device(error) => {
                self.wrong.push(format!("{name}: {error:#}"));
                self.begun = true;
            }
        }
    }
}

fn take_all(system: &System, cards: &Cards, outcome: &mut Outcome) {
    if cards.found.is_empty() && outcome.wrong.is_empty() {
        outcome.wrong.push(format!(
            "{0} fehlt: auf dieser Karte liegt keine Konfiguration.\n Abhilfe: die Datei {0} neben diese hier legen, oder die Karte mit \
             drk-relay provision neu vorbereiten.",
            of_card(None)
        ));
    }
    // With two files for one relay nobody knows which is meant.
    for found in cards.found.iter().filter(|found| !cards.twice.iter().any(|[one, _]| *one == found.name())) {
        match take(system, cards, found) {
            Ok(said) => outcome.taken.push(said),
            Err(refused) => outcome.refuse(&found.name(), &refused),
        }
    }
}

/// Takes one configuration over. Nothing is written before everything has been understood.
fn take(system: &System, cards: &Cards, found: &Found) -> Result<Said, Refused> {
    let instance = found.instance.as_deref();
    let unit = service(instance);
    let stored = Stored::new(&system.root, instance);
    let folder = system.boot.join(FOLDER);
    let card = Card::open(&found.path)?;
    let others = others(system, cards, found);
    let spare = spare(&unit)?;
    let around =
        Surroundings { folder: &folder, instance, kept: Some(stored.clone()), marks: Marks::default(), others: &others, spare, now: None };
    let contents = card.contents(around)?;
    let lacking = broker::unknown(system, &contents.publishers);
    if let [first, ..] = lacking.as_slice() {
        return Err(no_password(&found.name(), first).into());
    }
    // What was edited on the device holds until the card changes.
    let installed = is_installed(system, found);
    if !installed {
        install_files(system, &folder, &contents)?;
    }
    let vault = Vault { system, stored: &stored, unit: &unit };
    vault.store(&contents.secrets)?;
    if !installed {
        system.write(&home(system, found), contents.configuration.as_bytes(), Readers::Everybody)?;
    }
    // Last, because the configuration of before may need it.
    vault.forget(&contents.forgotten)?;
    let edited = installed && fs::read(home(system, found)).is_ok_and(|there| there != contents.configuration.as_bytes());
    let broker = accounts(system, &contents)?;
    wipe::record(system, found, &card, &contents.secrets)?;
    let wiped = wipe::wipe(system, found, &card, &contents.secrets);
    if let Err(error) = &wiped {
        complain(format_args!("drk-relay: {}: die Geheimnisse stehen noch auf der Boot-Partition ({error})", found.name()));
    }
    begin(system, &unit, instance.is_some(), broker);
    Ok(Said::of(found, &unit, contents, broker, wiped.is_ok(), edited))
}

/// The other relays on this device: those on the card as they will be, else as they are.
fn others(system: &System, cards: &Cards, own: &Found) -> Vec<Neighbour> {
    let mut others: Vec<Neighbour> = neighbours(cards, own.instance.as_deref()).collect();
    for entry in fs::read_dir(system.at(CONFIGURATIONS)).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let Some(stem) = name.strip_suffix(".toml").filter(|stem| Name::new(stem).is_some()) else { continue };
        if !cards.found.iter().any(|found| found.stem() == stem)
            && let Ok(configuration) = fs::read_to_string(&path)
        {
            others.push(Neighbour { name: format!("/{CONFIGURATIONS}/{name}"), configuration, publishers: Vec::new() });
        }
    }
    others.sort_by(|one, other| one.name.cmp(&other.name));
    others
}

/// What the configuration names goes where it will be looked for.
fn install_files(system: &System, folder: &Path, contents: &Contents) -> anyhow::Result<()> {
    for file in &contents.files {
        let bytes = fs::read(folder.join(file)).with_context(|| file.display().to_string())?;
        system.write(&system.at(CONFIGURATIONS).join(file), &bytes, Readers::Everybody)?;
    }
    Ok(())
}

/// The broker's accounts, if the card has any.
fn accounts(system: &System, contents: &Contents) -> anyhow::Result<Option<Broker>> {
    if contents.publishers.is_empty() {
        return Ok(None);
    }
    let own = contents.broker.user.as_deref().and_then(Name::new).zip(secret(&contents.secrets, "mqtt-password"));
    let (user, password) = own.context("mqtt.user ist kein Name aus a-z, 0-9, - und _. Abhilfe: user = \"relay\"")?;
    broker::write(system, &contents.broker, (&user, password), &contents.publishers).map(Some)
}

fn secret<'s>(secrets: &'s [Taken], name: &str) -> Option<&'s SecretString> {
    secrets.iter().find(|taken| taken.credential == name).map(|taken| &taken.secret)
}

/// Starts what has to know of it. Without waiting: the relay itself is ordered behind us. At a boot all of it starts by itself.
fn begin(system: &System, unit: &str, instance: bool, broker: Option<Broker>) {
    let service = format!("{unit}.service");
    systemctl(system, &["daemon-reload"]);
    if broker.is_some_and(|broker| broker.installed && broker.changed) {
        restart_broker(system);
    }
    if instance {
        systemctl(system, &["enable", &service]);
    }
    systemctl(system, &["--no-block", "restart", &service]);
}

/// Also if it could not read its files so often that systemd has given it up.
fn restart_broker(system: &System) {
    systemctl(system, &["reset-failed", "mosquitto.service"]);
    systemctl(system, &["--no-block", "restart", "mosquitto.service"]);
}

fn systemctl(system: &System, arguments: &[&str]) {
    if let Err(error) = system.program("systemctl", arguments, &[]) {
        complain(format_args!("drk-relay: systemctl {}: {error}", arguments.join(" ")));
    }
}

/// One of the two files, never both, and the same to journal and console.
fn report(system: &System, Outcome { taken, wrong, begun }: &Outcome) -> Result<(), Failure> {
    let (text, name, other) = match wrong.as_slice() {
        [] => (good(system, taken), GOOD, BAD),
        wrong => (bad(wrong, taken, *begun), BAD, GOOD),
    };
    // As Notepad reads it, of whatever age: a mark that it is UTF-8, and both characters at the end of a line.
    let bytes = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let written = system.remove(&system.boot.join(other)).map_err(anyhow::Error::from);
    let written = written.and_then(|()| system.write(&system.boot.join(name), bytes.as_bytes(), Readers::Everybody));
    if let Err(error) = written {
        complain(format_args!("drk-relay: {name} lässt sich nicht auf die Boot-Partition schreiben ({error:#})"));
    }
    match wrong.as_slice() {
        [] => {
            complain(format_args!("drk-relay: die Konfiguration von der Boot-Partition ist übernommen"));
            Ok(())
        }
        wrong => Err(Failure::Fatal(anyhow::anyhow!("die Boot-Partition ist nicht übernommen:\n\n{}", wrong.join("\n\n")))),
    }
}
