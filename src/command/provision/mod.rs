//! `drk-relay provision`: a card that Raspberry Pi Imager has written gets package, configuration and one line for cloud-init, on a
//! technician's computer. Looks at everything before it writes anything. What the device does with it is in `device`.

pub(super) mod device;
mod names;
mod packages;
mod partition;
mod user_data;

use super::Failure;
use super::publisher::password;
use crate::command::output::say;
use crate::config::{Card, ConfigError, Contents, Marks, Neighbour, Origin, Publisher, Spare, Surroundings};
use crate::domain::ids::Name;
use crate::port::clock::Clock;
use crate::port::tunnel::generate;
use anyhow::{Context, anyhow};
use names::{BAD, Cards, FOLDER, GOOD, SCRIPT, of_card};
use packages::{ARCHITECTURES, Package};
use partition::Partition;
use std::fs;
use std::path::{Path, PathBuf};

/// What cloud-init runs on the device.
const INSTALL: &str = include_str!("install.sh");

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Das Laufwerk der Karte („bootfs“), beschrieben mit Raspberry Pi Imager 2: Raspberry Pi OS Lite (Trixie).
    #[arg(long, value_name = "ORDNER")]
    boot: PathBuf,
    /// Die Konfiguration, mit oder ohne den Abschnitt secrets; Vorlage: drk-relay.toml.
    #[arg(long, value_name = "DATEI")]
    config: PathBuf,
    /// Ein Paket für das Gerät; mehrfach für mehrere. Vorgabe: die neuesten in diesem Ordner und neben dem Programm.
    #[arg(long = "package", value_name = "DATEI")]
    packages: Vec<PathBuf>,
    /// Wie ein weiteres Relay auf demselben Gerät heißt (drk-relay@NAME).
    #[arg(long, value_name = "NAME", value_parser = instance)]
    name: Option<String>,
    /// Das Relay auf der Karte durch dieses hier ersetzen, auch wenn es eine andere Nummer hat.
    #[arg(long)]
    replace: bool,
}

fn instance(text: &str) -> Result<String, String> {
    let rule = "Kleinbuchstaben a–z, Ziffern, - und _, höchstens 64 Zeichen, vorn ein Buchstabe oder eine Ziffer; nicht relay, provision \
                oder update, die sind vergeben";
    names::instance(text).map(|name| name.to_string()).ok_or_else(|| rule.to_owned())
}

pub(super) fn execute(options: &Options) -> Result<(), Failure> {
    let partition = Partition::of(&options.boot)?;
    let own = options.name.as_deref();
    let cards = Cards::of(&options.boot).with_context(|| options.boot.display().to_string())?;
    // Its own file is called the same.
    let others =
        neighbours(&cards, own).map(|other| Neighbour { name: format!("{} auf der Karte", other.name), ..other }).collect::<Vec<_>>();
    if let unclear @ [_, ..] = cards.unclear().as_slice() {
        return Err(anyhow!("Auf der Karte: {}", unclear.join("\n\n")).into());
    }
    let card = Card::open(&options.config)?;
    let contents = contents(options, &card, &marks(&cards, own, &card), &others)?;
    if !options.replace {
        vacant(&cards, own, &card)?;
    }
    let packages = packages(options)?;
    let files = files(options, &contents)?;
    collisions(&partition, &files, &others, options.replace)?;
    let user_data = fs::read(partition.at("user-data")).context("user-data")?;
    let user_data =
        String::from_utf8(user_data).map_err(|_| anyhow!("user-data ist nicht in UTF-8 geschrieben. Abhilfe: neu beschreiben"))?;
    let user_data = user_data::with_entry(&user_data).map_err(anyhow::Error::from)?;
    let text = card.with_secrets(&contents.secrets, &contents.publishers)?;
    let written = Written { text: &text, contents: &contents, packages: &packages, files: &files, user_data: &user_data };
    write(&partition, &cards, own, &written)?;
    say!("{}", what_happens_next(&contents));
    Ok(())
}

/// The other relays on a card.
fn neighbours(cards: &Cards, own: Option<&str>) -> impl Iterator<Item = Neighbour> {
    let others = cards.found.iter().filter(move |found| found.instance.as_deref() != own);
    others.filter_map(|found| Some(Card::open(&found.path).ok()?.neighbour(found.name())))
}

/// What the device has of this relay from the card, if it was in one before.
fn marks(cards: &Cards, own: Option<&str>, card: &Card) -> Marks {
    let there = cards.found.iter().find(|found| found.instance.as_deref() == own).and_then(|found| Card::open(&found.path).ok());
    let same = there.filter(|there| there.phone_number_id() == card.phone_number_id());
    same.map_or_else(Marks::default, |there| there.marks())
}

/// Secrets that nobody outside has to know beforehand. `unit` is named in the key.
fn spare(unit: &str) -> anyhow::Result<Spare> {
    const NO_RANDOMNESS: &str = "der Kernel gibt keinen Zufall her";
    let random = || password().context(NO_RANDOMNESS);
    let (tunnel_key, _) = generate(unit).context(NO_RANDOMNESS)?;
    Ok(Spare { verify_token: Some(random()?), tunnel_key: Some(tunnel_key), mqtt_password: Some(random()?) })
}

/// What is wrong with an account without a password, in the file that is called `name`.
fn no_password(name: &str, publisher: &Name) -> ConfigError {
    let what = format!("publisher „{publisher}“: das Passwort fehlt, und der Broker kennt noch keines.");
    ConfigError::single(name, &what, "unter [[publisher]] ergänzen: password = \"…\"")
}

fn contents(options: &Options, card: &Card, marks: &Marks, others: &[Neighbour]) -> Result<Contents, Failure> {
    // Only so that their absence is no fault: the device makes its own.
    let spare = spare("drk-relay")?;
    let folder = options.config.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let now = Some(Clock::System.now());
    let around = Surroundings { folder, instance: options.name.as_deref(), kept: None, marks: marks.clone(), others, spare, now };
    let contents = card.contents(around)?;
    let unknown = |publisher: &&Publisher| publisher.password.is_none() && !marks.publishers.contains(publisher.name.as_str());
    if let Some(publisher) = contents.publishers.iter().find(unknown) {
        return Err(no_password(&options.config.display().to_string(), &publisher.name).into());
    }
    Ok(contents)
}

/// Whether the place on the card is free, or has the same relay.
fn vacant(cards: &Cards, own: Option<&str>, card: &Card) -> anyhow::Result<()> {
    let Some(there) = cards.found.iter().find(|found| found.instance.as_deref() == own) else { return Ok(()) };
    let number = Card::open(&there.path).ok().and_then(|there| there.phone_number_id());
    match number {
        Some(number) if Some(&number) == card.phone_number_id().as_ref() => Ok(()),
        Some(number) => Err(anyhow!(
            "Auf der Karte liegt schon {}, für eine andere Nummer (phone_number_id {number}). Abhilfe: --replace ersetzt es; \
             --name NAME legt dieses hier als weiteres Relay auf dasselbe Gerät",
            there.name()
        )),
        None => Err(anyhow!("Auf der Karte liegt schon {}, und es ist nicht zu lesen. Abhilfe: --replace ersetzt es", there.name())),
    }
}

fn packages(options: &Options) -> anyhow::Result<Vec<Package>> {
    if !options.packages.is_empty() {
        return options.packages.iter().map(|path| Package::of(path)).collect();
    }
    let beside = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.to_owned()));
    let folders: Vec<PathBuf> = [Some(PathBuf::from(".")), beside].into_iter().flatten().collect();
    let found = Package::in_folders(&folders)?;
    if found.is_empty() {
        let shown: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        anyhow::bail!(
            "Kein Paket in {}. Abhilfe: drk-relay_<Version>_arm64.deb dorthin legen oder mit --package nennen",
            shown.join(" und ")
        );
    }
    Ok(found)
}

/// What the configuration names: its place below the folder, and its content.
fn files(options: &Options, contents: &Contents) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let folder = options.config.parent().unwrap_or(Path::new(""));
    let read = |path: &PathBuf| {
        let bytes = fs::read(folder.join(path)).with_context(|| path.display().to_string())?;
        Ok((path.to_string_lossy().into_owned(), bytes))
    };
    contents.files.iter().map(read).collect()
}

/// Two relays share one folder on the device: a file of one must not become that of the other.
fn collisions(partition: &Partition, files: &[(String, Vec<u8>)], others: &[Neighbour], replace: bool) -> anyhow::Result<()> {
    let other = |(name, bytes): &&(String, Vec<u8>)| fs::read(partition.at(&format!("{FOLDER}/{name}"))).is_ok_and(|there| there != *bytes);
    match files.iter().find(other) {
        Some((name, _)) if !others.is_empty() && !replace => Err(anyhow!(
            "{name} liegt schon anders auf der Karte, und vielleicht gehört es {}. Abhilfe: hier anders nennen; oder --replace, wenn es \
             ersetzt werden soll",
            others[0].name
        )),
        Some(_) | None => Ok(()),
    }
}

/// What is put onto a card.
struct Written<'a> {
    /// The configuration, with its secrets.
    text: &'a str,
    contents: &'a Contents,
    packages: &'a [Package],
    files: &'a [(String, Vec<u8>)],
    user_data: &'a str,
}

/// What the device waits for comes last: a card that was pulled out too early does nothing.
fn write(partition: &Partition, cards: &Cards, own: Option<&str>, written: &Written<'_>) -> anyhow::Result<()> {
    let put = |name: &str, bytes: &[u8]| -> anyhow::Result<()> {
        let changed = partition.put(name, bytes)?;
        say!("  {name}: {}", if changed { "geschrieben" } else { "ist schon da" });
        Ok(())
    };
    say!("{}:", partition.folder.display());
    for package in written.packages {
        let bytes = fs::read(&package.path).with_context(|| package.path.display().to_string())?;
        put(&format!("{FOLDER}/{}", package.name), &bytes)?;
        // The device takes the newest that it finds.
        for name in partition.other_packages(package)? {
            fs::remove_file(partition.at(&format!("{FOLDER}/{name}"))).with_context(|| name.clone())?;
            say!("  {FOLDER}/{name}: gelöscht, {} gilt", package.version);
        }
    }
    for (name, bytes) in written.files {
        put(&format!("{FOLDER}/{name}"), bytes)?;
    }
    put(&format!("{FOLDER}/{SCRIPT}"), INSTALL.as_bytes())?;
    // Under whatever name it lies there, and only once.
    let there = cards.found.iter().find(|found| found.instance.as_deref() == own);
    let name = there.map_or_else(|| of_card(own), names::Found::name);
    put(&name, written.text.as_bytes())?;
    put("user-data", written.user_data.as_bytes())?;
    // What an earlier start has said is no longer true.
    for name in [GOOD, BAD] {
        let _ = fs::remove_file(partition.at(name));
    }
    partition.sync()?;
    for (architecture, which) in ARCHITECTURES {
        match written.packages.iter().find(|package| package.architecture == architecture) {
            Some(package) if package.version != env!("CARGO_PKG_VERSION") => {
                say!("Hinweis: {} hat eine andere Version als dieses Programm ({}).", package.name, env!("CARGO_PKG_VERSION"));
            }
            Some(_) => {}
            None => say!("Hinweis: ohne Paket für {architecture} ({which}) läuft die Karte dort nicht."),
        }
    }
    written.contents.checked.warnings.iter().for_each(|warning| say!("\nHinweis: {warning}"));
    Ok(())
}

/// Every waiting time as it is, or people flash a healthy card anew.
fn what_happens_next(contents: &Contents) -> String {
    let names = |origin: Origin, words: &str| {
        let names: Vec<&str> = contents.secrets.iter().filter(|taken| taken.origin == origin).map(|taken| taken.credential).collect();
        if names.is_empty() { String::new() } else { format!("\n{words}: {}.", names.join(", ")) }
    };
    let made = names(Origin::Made, "Das Gerät macht sich selbst");
    let kept = names(Origin::Kept, "Das Gerät hat schon, wenn es dasselbe ist");
    format!(
        "\nDie Karte ist vorbereitet.{made}{kept}\nAuf ihr stehen jetzt Geheimnisse im Klartext, bis das Gerät sie übernommen hat: \
         nicht herumliegen lassen.\n\n\
         1. Die Karte am PC auswerfen, in den Pi stecken, Netzwerkkabel und Strom anschließen.\n\
         2. Warten: der erste Start dauert 5 bis 10 Minuten, auf Pi 1, 2, Zero und Zero W 10 bis 20.\n   \
         Das Gerät ist nicht kaputt, solange die grüne LED blinkt.\n\
         3. Auf der Karte steht danach {GOOD} oder {BAD}: ausschalten (am Gerät: sudo poweroff), Karte in den PC, lesen.\n   \
         Oder auf dem Gerät: cat /boot/firmware/{GOOD}\n\n\
         War die Karte schon einmal in Betrieb, installiert das Gerät von selbst nichts, sondern übernimmt nur die Konfiguration, \
         beim nächsten Start.\n\
         Fehlt drk-relay dort noch, oder ist das Paket neuer, einmal am Gerät: sudo sh /boot/firmware/{FOLDER}/{SCRIPT}"
    )
}
