//! What is read of `[alarm]` and `[heartbeat]`: who is told what is wrong, besides MQTT, and who notices when the relay falls silent.

use super::document::{Complaint, Item, Section, kind, quoted};
use super::files::{Files, Form, Secret};
use super::kinds::{Authority, PATH_MAX, integer, text, wrong};
use super::remedy::remedy_for;
use super::service::configuration_of;
use secrecy::{ExposeSecret, SecretString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeValue;

pub(super) const URL: Secret =
    Secret { key: "url_file", credential: "heartbeat-url", title: "Die Adresse, an die der Herzschlag geht,", form: Form::Word };

/// Arguments of a command, itself included: whoever needs more writes a script.
const ARGUMENTS_MAX: usize = 16;
/// Minutes between two heartbeats, if nothing is said: what healthchecks.io proposes.
const INTERVAL: u32 = 5;
/// What healthchecks.io wants behind the address if something is wrong.
const FAIL: &str = "/fail";
/// Longest that may be there.
const FAIL_MAX: usize = 64;

/// Who is told when an alarm begins and when it is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlarmConfig {
    /// A program and its arguments.
    pub command: Option<(PathBuf, Vec<String>)>,
    /// Who speaks.
    pub branch: String,
    /// Where the configuration of the relay lies that it is about.
    pub relay: PathBuf,
}

impl AlarmConfig {
    /// Nobody is told; what is wrong is the first relay's.
    pub fn silent(branch: &str) -> AlarmConfig {
        AlarmConfig { command: None, branch: branch.to_owned(), relay: Path::new("/").join(configuration_of(None)) }
    }

    /// A remedy, as it is said of this relay.
    pub fn remedy(&self, remedy: &str) -> String {
        remedy_for(&self.relay, remedy)
    }
}

/// Somebody outside who hears from the relay again and again, and tells people when it falls silent.
#[derive(Clone, Debug)]
pub struct HeartbeatConfig {
    /// The address: whoever knows it can speak in the relay's name.
    pub url: SecretString,
    /// How often.
    pub interval: Duration,
    /// What is put behind the address while there are alarms; nothing if they are not told there.
    pub fail: Option<String>,
    /// Certificates in PEM that are believed besides Mozilla's.
    pub extra_roots: Option<Vec<u8>>,
}

/// Who is told. Who speaks, and about which relay, is filled in later.
pub(super) fn alarm(root: &mut Section<'_>, files: &Files) -> Option<AlarmConfig> {
    let mut section = root.section("alarm")?;
    section.begin();
    let command = section.read_silently("command", |item| command(item, files)).optional();
    section.end();
    let command = command?;
    if let Some((program, arguments)) = &command {
        let program = program.to_string_lossy();
        let words = std::iter::once(&*program).chain(arguments.iter().map(String::as_str));
        section.effective("command", &format!("[{}]", words.map(quoted).collect::<Vec<_>>().join(", ")));
        let found = std::fs::metadata(&*program).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
        if !found && files.is_here() {
            let what = format!("{program} gibt es nicht, oder es ist kein Programm.");
            section.warn("command", &what, "den Pfad berichtigen oder chmod 755; drk-relay alarm test zeigt, ob es geht.");
        }
    }
    Some(AlarmConfig { command, ..AlarmConfig::silent("") })
}

fn command(item: &Item<'_>, files: &Files) -> Result<(PathBuf, Vec<String>), Complaint> {
    let remedy = "als Liste schreiben: command = [\"/usr/local/bin/alarm\", \"technik@drk-musterstadt.example\"]";
    let DeValue::Array(words) = item.value else {
        return Err(wrong(format!("erwartet wird eine Liste aus Programm und Argumenten, hier steht {}.", kind(item.value)), remedy));
    };
    if !(1..=ARGUMENTS_MAX).contains(&words.len()) {
        return Err(wrong(format!("{} Teile, erlaubt sind 1 bis {ARGUMENTS_MAX}.", words.len()), remedy));
    }
    let word = |word| text(PATH_MAX)(&Item::of(word));
    let mut words = words.iter().map(word).collect::<Result<Vec<_>, _>>()?;
    let program = words.remove(0);
    if !program.contains('/') {
        return Err(wrong("das Programm muss mit seinem Pfad genannt werden.", remedy));
    }
    Ok((files.at(&PathBuf::from(program)), words))
}

/// Who hears from the relay; `Some(None)` if nobody does. Certificates are filled in later.
pub(super) fn heartbeat(root: &mut Section<'_>, files: &Files) -> Option<Option<HeartbeatConfig>> {
    let mut section = root.section("heartbeat")?;
    section.begin();
    let open = section.read_silently("url", |_| -> Result<(), Complaint> {
        let what = "diese Adresse ist ein Geheimnis und gehört nicht in diese Datei, die viele lesen dürfen.";
        Err(wrong(what, format!("sie in eine Datei mit chmod 600 schreiben und diese mit {} = \"…\" nennen.", URL.key)))
    });
    let open = open.optional();
    let given = section.is_given() && open.is_some();
    let url = if given { files.required_secret(&mut section, &URL).map(Some) } else { files.secret(&mut section, &URL) };
    let interval = section.or("interval_minutes", INTERVAL, integer(1..=60));
    let fail = section.or("fail_suffix", FAIL.to_owned(), suffix);
    section.end();
    open?;
    let (url, interval, fail) = (url?, interval?, fail?);
    let Some(url) = url else { return Some(None) };
    match address(url.expose_secret()) {
        Ok(address) if address.scheme == "http" && !address.is_local() => {
            section.warn(URL.key, "die Adresse, ein Geheimnis, geht unverschlüsselt durchs Netz.", "https:// schreiben, wenn es geht.");
        }
        Ok(_) => {}
        Err(Complaint { what, remedy }) => {
            section.refuse(URL.key, &what, &remedy);
            return None;
        }
    }
    let fail = Some(fail).filter(|fail| !fail.is_empty());
    Some(Some(HeartbeatConfig { url, interval: Duration::from_secs(u64::from(interval) * 60), fail, extra_roots: None }))
}

fn address(url: &str) -> Result<Authority<'_>, Complaint> {
    let good = |address: &Authority<'_>| ["https", "http"].contains(&address.scheme);
    let remedy = "https:// und die ganze Adresse schreiben, ohne das, was mit ? oder # beginnt.";
    Authority::parse(url).filter(good).ok_or_else(|| wrong("darin steht keine Adresse, an die ein Herzschlag gehen kann.", remedy))
}

/// What follows an address, or nothing.
fn suffix(item: &Item<'_>) -> Result<String, Complaint> {
    if matches!(item.value, DeValue::String(text) if text.is_empty()) {
        return Ok(String::new());
    }
    let suffix = text(FAIL_MAX)(item)?;
    let good = suffix.starts_with('/') && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte));
    let remedy = "\"/fail\" schreiben, oder \"\", wenn Alarme dort nicht gemeldet werden sollen.";
    if good { Ok(suffix) } else { Err(wrong("so geht keine Adresse weiter.", remedy)) }
}
