//! `relay.toml`: from its text and the files that it names to [`Config`], complete and typed, or to everything that is wrong with it, at
//! once. Consulted only at start; connects to nothing and waits for nothing.
//!
//! `document` reads TOML with the place of every value, `branch`, `outside`, `ingress` and `alarm` say what there is to be read, `files`
//! fetches secrets and certificates, `report` shows what is wrong.

mod alarm;
mod branch;
mod card;
mod credentials;
mod document;
mod files;
mod ingress;
mod kinds;
mod maps;
mod nearest;
mod outside;
pub mod phone;
mod public;
mod remedy;
mod report;
mod service;
mod texts;
mod tls;
mod topics;
mod ways;
mod written;

pub use alarm::{AlarmConfig, HeartbeatConfig};
pub use card::{Card, Contents, Marks, Neighbour, Origin, Publisher, Spare, Surroundings, Taken, credential_names};
pub use credentials::Stored;
pub use files::Files;
pub use maps::{JsonPointer, MqttMap};
pub use public::{BrokerAddress, Public, SOCKET, StatusConfig, Whereabouts};
pub use remedy::remedy_for;
pub use report::{ConfigError, Problem, discreet};
pub use service::{
    CONFIGURATIONS, FIRST_RELAY, RUNTIME_DIRECTORY, STATE_DIRECTORY, configuration_of, directory, instance_at, service, service_at,
};
pub use ways::{
    AcmeConfig, Address, CertificateConfig, EgressConfig, IngressConfig, ProbeConfig, TlsConfig, TlsServer, TunnelConfig, TunnelForward,
};
pub use written::Written;

use crate::domain::rules::{FeedRules, Rules};
use crate::domain::time::{Day, Millis, local};
use document::Document;
use jiff::tz::TimeZone;
use report::{Source, why};
use secrecy::SecretString;
use std::path::{Path, PathBuf};

/// Longest configuration, in bytes: twenty times the example.
const SIZE_MAX: u64 = 128 * 1024;
/// Publishers write below this: `figures/<feed>/<metric>`.
pub const FIGURES: &str = "figures";
/// The relay writes below this: `relay/receipts/…`, `relay/status`. Not below the other, so that rights are two lines and `figures/#` is
/// never an answer.
pub const RELAY: &str = "relay";

/// Complete and typed: nothing in it is optional that the program cannot live without.
#[derive(Clone, Debug)]
pub struct Config {
    /// The pure part.
    pub rules: Rules,
    /// Where the store and the key of all hashes lie.
    pub state_dir: PathBuf,
    /// The port of the same name.
    pub clock: ClockConfig,
    /// The port of the same name.
    pub mqtt: MqttConfig,
    /// The port of the same name.
    pub graph: GraphConfig,
    /// The port of the same name.
    pub webhook: WebhookConfig,
    /// How Meta's webhooks come in.
    pub ingress: IngressConfig,
    /// The port of the same name.
    pub tls: TlsConfig,
    /// The port of the same name; nothing if something in front of the relay ends TLS.
    pub certificate: Option<CertificateConfig>,
    /// How the relay gets outside.
    pub egress: EgressConfig,
    /// The port of the same name; nothing if it is not known what Meta calls.
    pub probe: Option<ProbeConfig>,
    /// The port of the same name.
    pub status: StatusConfig,
    /// The port of the same name.
    pub alarm: AlarmConfig,
    /// Who notices when the relay falls silent; nothing if nobody does.
    pub heartbeat: Option<HeartbeatConfig>,
}

/// When the clock is taken to be right (promise 11).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockConfig {
    /// When a time server has set it, or Meta's own clock confirms it.
    Proven,
    /// Always: whatever the system's clock shows, and nobody is asked.
    Always,
}

/// The broker and the topics.
#[derive(Clone, Debug)]
pub struct MqttConfig {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Fixed: the broker keeps our session under this name.
    pub client_id: String,
    /// User and password, if the broker wants them.
    pub login: Option<(String, SecretString)>,
    /// Publishers write below this: `figures/<feed>/<metric>`.
    pub figures: String,
    /// The relay writes below this: `relay/receipts/…`, `relay/status`.
    pub relay: String,
    /// The feeds: how their numbers are read.
    pub feeds: Vec<FeedRules>,
    /// Encryption, if the broker wants it.
    pub tls: Option<MqttTls>,
    /// Whether it is far away, so that the way there is [`EgressConfig`]'s; else it is asked directly.
    pub egress: bool,
    /// Foreign topics, and which metrics are found there.
    pub maps: Vec<MqttMap>,
    /// Where Home Assistant looks for devices, if it is to find this one: `homeassistant`.
    pub discovery: Option<String>,
    /// The local time of publishers who do not say which they mean.
    pub zone: TimeZone,
}

impl MqttConfig {
    /// A broker that lets everyone in, without encryption, with the usual topics.
    pub fn plain(host: &str, port: u16, feeds: Vec<FeedRules>, zone: TimeZone) -> MqttConfig {
        MqttConfig {
            host: host.to_owned(),
            port,
            client_id: "drk-relay".to_owned(),
            login: None,
            figures: FIGURES.to_owned(),
            relay: RELAY.to_owned(),
            feeds,
            tls: None,
            egress: false,
            maps: Vec::new(),
            discovery: None,
            zone,
        }
    }
}

/// How the broker proves who it is, and how we do.
#[derive(Clone, Debug)]
pub struct MqttTls {
    /// Certificates in PEM that the broker's must be signed by; Mozilla's roots if there are none.
    pub roots: Option<Vec<u8>>,
    /// Our own certificate chain and its key in PEM, if the broker wants them.
    pub client: Option<(Vec<u8>, SecretString)>,
}

/// The Cloud API.
#[derive(Clone, Debug)]
pub struct GraphConfig {
    /// `https://graph.facebook.com`, or the simulator's address.
    pub base_url: String,
    /// `v26.0`.
    pub version: String,
    /// The business number's id.
    pub phone_number_id: String,
    /// The system user's access token.
    pub token: SecretString,
    /// The proxy that leads outside, if there is one: `http://host:port` (CONNECT), `socks5://` or `socks5h://`; may carry user and
    /// password.
    pub proxy: Option<SecretString>,
    /// Certificates in PEM that are trusted besides Mozilla's roots: that of a company's proxy which looks into TLS.
    pub extra_roots: Option<Vec<u8>>,
}

/// Where Meta's webhooks arrive.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Sign every webhook: one of them, two while the app secret is being rotated. Never empty.
    pub app_secrets: Vec<SecretString>,
    /// Proves that the registration is ours.
    pub verify_token: SecretString,
    /// Updates for other numbers are not ours.
    pub phone_number_id: String,
}

/// A configuration that can work, and what is to be said about it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What the program lives by.
    pub config: Config,
    /// What works, but deserves a look, in the order of the file.
    pub warnings: Vec<Problem>,
    /// Every value as it takes effect, defaults too, in TOML; of secrets only where they come from.
    pub effective: String,
}

impl Config {
    /// Reads the file and what it names, as the service sees them.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        Ok(Checked::open(path, &Files::of_service(path), None)?.config)
    }
}

impl Checked {
    /// Reads the file at `path` and what it names. `now`, if the clock can be trusted, tells which topics are old.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn open(path: &Path, files: &Files, now: Option<Millis>) -> Result<Checked, ConfigError> {
        Checked::read(&path.display().to_string(), &content(path)?, files, now)
    }

    /// Reads `text`, which is called `name` in reports, and the files that it names; `now` as for [`Checked::open`].
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn read(name: &str, text: &str, files: &Files, now: Option<Millis>) -> Result<Checked, ConfigError> {
        Checked::of(Document::parse(Source { name, text })?, files, now)
    }

    fn of(document: Document<'_>, files: &Files, now: Option<Millis>) -> Result<Checked, ConfigError> {
        let (config, name) = (settings(&document, files, now), document.name().to_owned());
        let document::Findings { problems, mut warnings, effective } = document.into_findings();
        report::in_order(&mut warnings);
        match config {
            Some(config) if problems.is_empty() => Ok(Checked { config, warnings, effective }),
            Some(_) | None => Err(ConfigError::new(&name, problems)),
        }
    }
}

/// Everything that there is to be read. Nothing if something is missing or wrong, which has been written down then.
fn settings(document: &Document<'_>, files: &Files, now: Option<Millis>) -> Option<Config> {
    let mut root = document.root();
    let state_dir = root.required("state_dir", "\"/var/lib/drk-relay\"", |item| files.folder_to_be(item));
    let zone = branch::zone(&mut root);
    let today = now.zip(zone.as_ref()).map(|(now, zone)| Day::of(local(now, zone).date()));
    let clock = outside::clock(&mut root);
    let rules = branch::rules(&mut root, zone);
    let mqtt = outside::mqtt(&mut root, files);
    let maps = maps::read(&mut root, rules.as_ref(), mqtt.as_ref());
    let whatsapp = outside::whatsapp(&mut root, files);
    let ways = ingress::ways(&mut root, files, state_dir.as_deref());
    let topics = topics::read(&mut root, files, today);
    let texts = texts::read(&mut root, files);
    let status = outside::status(&mut root, files, state_dir.as_deref());
    let (alarm, heartbeat) = (alarm::alarm(&mut root, files), alarm::heartbeat(&mut root, files));
    root.end();
    let (rules, whatsapp, ways) = (rules?, whatsapp?, ways?);
    let proxy = match &ways.egress {
        EgressConfig::Proxy(address) => Some(address.clone()),
        EgressConfig::Direct | EgressConfig::Tunnel => None,
    };
    let rules = Rules { rate: whatsapp.rate, topics: topics?, texts: texts?, ..rules };
    Some(Config {
        state_dir: files.at(&state_dir?),
        clock: clock?,
        mqtt: MqttConfig { feeds: rules.feeds.clone(), maps: maps?, zone: rules.zone.clone(), ..mqtt? },
        webhook: outside::webhook(&whatsapp),
        alarm: AlarmConfig { branch: rules.branch.clone(), relay: document.name().into(), ..alarm? },
        heartbeat: heartbeat?.map(|heartbeat| HeartbeatConfig { extra_roots: ways.extra_roots.clone(), ..heartbeat }),
        graph: GraphConfig { proxy, extra_roots: ways.extra_roots, ..whatsapp.graph },
        ingress: ways.ingress,
        tls: ways.tls,
        certificate: ways.certificate,
        egress: ways.egress,
        probe: ways.probe,
        status: status?,
        rules,
    })
}

/// The configuration's text.
fn content(path: &Path) -> Result<String, ConfigError> {
    use std::io::Read;
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(SIZE_MAX + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Err(ConfigError::single(
            &name,
            &format!("Die Konfiguration lässt sich nicht lesen: {}.", why(&error)),
            "Pfad und Leserechte prüfen.",
        ));
    }
    if bytes.len() as u64 > SIZE_MAX {
        return Err(ConfigError::single(&name, "Die Datei ist größer als 128 KiB.", "die richtige Datei nennen."));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        ConfigError::single(&name, &format!("Zeile {line} ist nicht in UTF-8 geschrieben."), "im Editor als UTF-8 speichern.")
    })
}
