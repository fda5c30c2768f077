//! `relay.toml`: what serde reads ([`Raw`]) and what the program lives by ([`Config`], complete and typed). Reads its file and the secrets
//! it names, and nothing else; consulted only at start.

pub mod phone;
mod public;

use crate::domain::ids::Name;
use crate::domain::rules::{FeedRules, METRICS_MAX, MetricKind, MetricRules, RATE, Rules, SETTLE};
use jiff::tz::TimeZone;
use public::RawStatus;
pub use public::{Public, RUNTIME_DIRECTORY, SOCKET, StatusConfig};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Longest time to wait for the rest of a day's metrics: the reminder comes 55 s before the last second in which one may be sent.
const SETTLE_MAX: u32 = 40;

/// Everything that is wrong with a configuration, in a sentence that a technician understands.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}. Abhilfe: Pfad und Leserechte prüfen.")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not the TOML that is expected.
    #[error("{path}: {source}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Line, snippet, reason.
        source: Box<toml::de::Error>,
    },
    /// A value that cannot work.
    #[error("{key}: {why}")]
    Value {
        /// Which key.
        key: &'static str,
        /// What is wrong, and what to do.
        why: String,
    },
}

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
    /// The port of the same name.
    pub status: StatusConfig,
}

/// When the system's clock is taken to be right (promise 11).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClockConfig {
    /// When systemd-timesyncd says that it has been synchronised.
    Timesyncd,
    /// Always: the machine has a battery clock, or another service sets the time before the relay starts.
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
    /// The feeds, as far as topics and payloads know them.
    pub feeds: Vec<MqttFeed>,
    /// Encryption, if the broker wants it.
    pub tls: Option<MqttTls>,
}

/// One feed, as far as topics and payloads know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MqttFeed {
    /// Its name in topics.
    pub name: Name,
    /// Its metrics and their kinds.
    pub metrics: Vec<(Name, MetricKind)>,
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
    /// The proxy that leads outside, if there is one: `http://host:port` (CONNECT), `socks5://` or `socks5h://`; may carry user and password.
    pub proxy: Option<SecretString>,
}

/// Where Meta's webhooks arrive.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Sign every webhook: one of them, two while the app secret is being rotated. Never empty.
    pub app_secrets: Vec<SecretString>,
    /// Proves that the registration is ours.
    pub verify_token: SecretString,
    /// Updates for other numbers are not ours.
    pub phone_number_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    state_dir: PathBuf,
    #[serde(default = "berlin")]
    time_zone: String,
    #[serde(default)]
    clock: RawClock,
    branch: RawBranch,
    feed: RawFeed,
    mqtt: RawMqtt,
    whatsapp: RawWhatsapp,
    webhook: RawWebhook,
    #[serde(default)]
    status: RawStatus,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClock {
    trust: ClockConfig,
}

impl Default for RawClock {
    fn default() -> RawClock {
        RawClock { trust: ClockConfig::Timesyncd }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBranch {
    name: String,
    privacy: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFeed {
    name: String,
    title: String,
    settle_seconds: Option<u32>,
    metric: Vec<RawMetric>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMetric {
    name: String,
    label: String,
    kind: RawKind,
    #[serde(default = "yes")]
    required: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawKind {
    Count,
    Total,
    Rate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMqtt {
    #[serde(default = "localhost")]
    host: String,
    #[serde(default = "mqtt_port")]
    port: u16,
    #[serde(default = "client_id")]
    client_id: String,
    user: Option<String>,
    password_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWhatsapp {
    #[serde(default = "base_url")]
    base_url: String,
    #[serde(default = "version")]
    version: String,
    phone_number_id: String,
    phone_number: Option<String>,
    token_file: PathBuf,
    app_secret_file: PathBuf,
    verify_token_file: PathBuf,
    messages_per_second: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWebhook {
    listen: SocketAddr,
}

fn berlin() -> String {
    "Europe/Berlin".to_owned()
}
fn localhost() -> String {
    "localhost".to_owned()
}
fn mqtt_port() -> u16 {
    1883
}
fn client_id() -> String {
    "drk-relay".to_owned()
}
fn base_url() -> String {
    "https://graph.facebook.com".to_owned()
}
fn version() -> String {
    "v26.0".to_owned()
}
fn yes() -> bool {
    true
}

impl Config {
    /// Reads the file and the secrets that it names; relative paths start at the file's directory.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        Raw::read(path)?.typed(directory(path))
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

impl Raw {
    fn read(path: &Path) -> Result<Raw, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
        toml::from_str(&text).map_err(|source| ConfigError::Syntax { path: path.into(), source: Box::new(source) })
    }

    fn typed(self, base: &Path) -> Result<Config, ConfigError> {
        let zone = TimeZone::get(&self.time_zone).map_err(|_| value("time_zone", "unbekannte Zeitzone, zum Beispiel \"Europe/Berlin\""))?;
        let rate = self.whatsapp.messages_per_second.unwrap_or(RATE);
        if !(1..=1000).contains(&rate) {
            return Err(value("whatsapp.messages_per_second", "erlaubt sind 1 bis 1000; Meta gestattet 80"));
        }
        self.whatsapp.phone_number()?;
        let state_dir = base.join(self.state_dir);
        let base_url = self.whatsapp.base_url;
        let host = base_url.strip_prefix("https://").or_else(|| base_url.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(value("whatsapp.base_url", "keine gültige Adresse, zum Beispiel \"https://graph.facebook.com\""));
        }
        let token = secret("whatsapp.token_file", base, &self.whatsapp.token_file)?;
        if !token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(value("whatsapp.token_file", "der Token enthält unerlaubte Zeichen; er ist eine Zeile ohne Leerzeichen"));
        }
        let feed = self.feed.typed()?;
        let (name, metrics) = (feed.name.clone(), feed.metrics.iter().map(|metric| (metric.name.clone(), metric.kind)).collect());
        let phone_number_id = self.whatsapp.phone_number_id;
        Ok(Config {
            rules: Rules { rate, ..Rules::new(&self.branch.name, "", &self.branch.privacy, zone, vec![feed]) },
            status: self.status.typed(base, &state_dir),
            state_dir,
            clock: self.clock.trust,
            mqtt: self.mqtt.typed(base, name, metrics)?,
            graph: GraphConfig { base_url, version: self.whatsapp.version, phone_number_id: phone_number_id.clone(), token, proxy: None },
            webhook: WebhookConfig {
                listen: self.webhook.listen,
                app_secrets: vec![secret("whatsapp.app_secret_file", base, &self.whatsapp.app_secret_file)?],
                verify_token: secret("whatsapp.verify_token_file", base, &self.whatsapp.verify_token_file)?,
                phone_number_id,
            },
        })
    }
}

impl RawFeed {
    fn typed(self) -> Result<FeedRules, ConfigError> {
        let name = Name::new(&self.name).ok_or_else(|| value("feed.name", NAME_RULE))?;
        let settle = self.settle_seconds.unwrap_or(SETTLE);
        if settle > SETTLE_MAX {
            return Err(value("feed.settle_seconds", &format!("höchstens {SETTLE_MAX}")));
        }
        if !(1..=METRICS_MAX).contains(&self.metric.len()) {
            return Err(value("feed.metric", &format!("1 bis {METRICS_MAX} Kennzahlen")));
        }
        let metrics = self.metric.into_iter().map(RawMetric::typed).collect::<Result<Vec<_>, _>>()?;
        let twice = |index: usize, metric: &MetricRules| metrics.iter().take(index).any(|other| other.name == metric.name);
        if metrics.iter().enumerate().any(|(index, metric)| twice(index, metric)) {
            return Err(value("feed.metric.name", "jeder Name darf nur einmal vorkommen"));
        }
        Ok(FeedRules { settle, ..FeedRules::new(name, &self.title, metrics) })
    }
}

impl RawMetric {
    fn typed(self) -> Result<MetricRules, ConfigError> {
        let name = Name::new(&self.name).ok_or_else(|| value("feed.metric.name", NAME_RULE))?;
        let kind = match self.kind {
            RawKind::Count => MetricKind::Count,
            RawKind::Total => MetricKind::Total,
            RawKind::Rate => MetricKind::Rate,
        };
        Ok(MetricRules { required: self.required, ..MetricRules::new(name, &self.label, kind) })
    }
}

impl RawMqtt {
    fn typed(self, base: &Path, feed: Name, metrics: Vec<(Name, MetricKind)>) -> Result<MqttConfig, ConfigError> {
        let login = match (self.user, self.password_file) {
            (Some(user), Some(file)) => Some((user, secret("mqtt.password_file", base, &file)?)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(value("mqtt", "user und password_file gehören zusammen")),
        };
        if self.client_id.is_empty() {
            return Err(value("mqtt.client_id", "darf nicht leer sein: der Broker merkt sich die Sitzung unter diesem Namen"));
        }
        let (host, port, client_id) = (self.host, self.port, self.client_id);
        Ok(MqttConfig {
            host,
            port,
            client_id,
            login,
            figures: "figures".to_owned(),
            relay: "relay".to_owned(),
            feeds: vec![MqttFeed { name: feed, metrics }],
            tls: None,
        })
    }
}

const NAME_RULE: &str = "erlaubt sind Kleinbuchstaben a–z, Ziffern, - und _, höchstens 64 Zeichen";

fn value(key: &'static str, why: &str) -> ConfigError {
    ConfigError::Value { key, why: why.to_owned() }
}

/// A secret's file: not empty, and nobody else's to read.
fn secret(key: &'static str, base: &Path, file: &Path) -> Result<SecretString, ConfigError> {
    let path = base.join(file);
    let failed = |source| ConfigError::Read { path: path.clone(), source };
    let mode = std::fs::metadata(&path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(value(key, &format!("{}: andere Benutzer dürfen das Geheimnis lesen. Abhilfe: chmod 600", path.display())));
    }
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    if text.trim().is_empty() {
        return Err(value(key, &format!("{}: die Datei ist leer", path.display())));
    }
    Ok(text.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;

    const PLAIN: &str = r#"
        state_dir = "state"
        [branch]
        name = "DRK Musterstadt"
        privacy = "drk.example/datenschutz"
        [feed]
        name = "corona"
        title = "Corona"
        metric = [{ name = "cases_new", label = "Neue Fälle", kind = "count" }]
        [mqtt]
        user = "relay"
        password_file = "password"
        [whatsapp]
        phone_number_id = "2"
        token_file = "token"
        app_secret_file = "app_secret"
        verify_token_file = "verify_token"
        [webhook]
        listen = "127.0.0.1:8080"
    "#;

    #[test]
    fn a_secret_that_cannot_be_used_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let write = |name: &str, text: &str, mode: u32| {
            std::fs::write(at(name), text).expect("written");
            std::fs::set_permissions(at(name), Permissions::from_mode(mode)).expect("chmod");
        };
        write("relay.toml", PLAIN, 0o644);
        let files = ["password", "token", "app_secret", "verify_token"];
        for file in files {
            write(file, "geheim\n", 0o600);
        }
        let config = Config::load(&at("relay.toml")).expect("complete");
        assert_eq!((config.state_dir, config.mqtt.port), (at("state"), 1883));
        for (file, key) in files.into_iter().zip(["mqtt.password", "whatsapp.token", "whatsapp.app_secret", "whatsapp.verify_token"]) {
            for (text, mode) in [("geheim", 0o640), (" \n", 0o600)] {
                write(file, text, mode);
                let why = Config::load(&at("relay.toml")).expect_err("refused").to_string();
                assert!(why.starts_with(&format!("{key}_file: ")) && !why.contains("geheim"), "{why}");
            }
            write(file, "geheim", 0o600);
        }
    }
}
