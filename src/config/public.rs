//! What is known of a configuration without its secrets: for commands of people who may not read them, for the socket at which they ask,
//! and for the broker's own configuration.

use super::branch::zone;
use super::document::{Document, Section, quoted};
use super::files::Files;
use super::kinds::{WORD_MAX, is_local, name as a_name, path as a_path, text};
use super::maps;
use super::outside::{broker, phone_number, topic_root};
use super::phone::PhoneNumber;
use super::report::Source;
use super::service::{RUNTIME_DIRECTORY, directory, instance_at};
use super::{Config, ConfigError, content};
use crate::domain::ids::Name;
use crate::domain::rules::FEEDS_MAX;
use crate::domain::wording::{BRANCH_MAX, PRIVACY_MAX};
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// The status socket in the directory that systemd makes for it, or in the state directory.
pub const SOCKET: &str = "status.sock";

/// Where one may ask how the relay fares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusConfig {
    /// The Unix socket.
    pub socket: PathBuf,
}

/// What a configuration says without its secrets.
#[derive(Clone, Debug)]
pub struct Public {
    /// Who speaks.
    pub branch: String,
    /// Where the branch's privacy notice is found.
    pub privacy: String,
    /// The number that people write to, if it is given.
    pub phone_number: Option<PhoneNumber>,
    /// Where a relay with this configuration may answer who asks for its status.
    pub sockets: Vec<PathBuf>,
}

/// Where a relay with this configuration keeps what it keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whereabouts {
    /// Where it may answer who asks.
    pub sockets: Vec<PathBuf>,
    /// Where the store and the key of all hashes lie.
    pub state_dir: PathBuf,
    /// The feeds that it takes figures of.
    pub feeds: Vec<Name>,
    /// The folder of sentences, if there is one.
    pub texts: Option<PathBuf>,
    /// The folder of topics, if there is one.
    pub topics: Option<PathBuf>,
    /// Local time of the branch.
    pub zone: TimeZone,
}

/// The broker, and what it carries for this relay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerAddress {
    /// Host name or address.
    pub host: String,
    /// Whether it is on this machine.
    pub local: bool,
    /// TCP port.
    pub port: u16,
    /// The relay's own user, if it has one.
    pub user: Option<String>,
    /// Whether it is asked with TLS.
    pub tls: bool,
    /// Whether the relay shows a certificate instead of a password.
    pub certificate: bool,
    /// The feeds that the relay takes figures of.
    pub feeds: Vec<Name>,
    /// Topics of others that it reads, too.
    pub foreign: Vec<String>,
    /// Where it tells Home Assistant of itself, if it does.
    pub discovery: Option<String>,
}

impl Config {
    /// What the configuration at `path` says of the broker. Reads no other file.
    ///
    /// # Errors
    /// Everything that is wrong with what is needed.
    pub fn broker(path: &Path) -> Result<BrokerAddress, ConfigError> {
        let (name, content) = (path.display().to_string(), content(path)?);
        let document = Document::parse(Source { name: &name, text: &content })?;
        let found = broker_address(&mut document.root());
        found.ok_or_else(|| ConfigError::new(&name, document.into_findings().problems))
    }

    /// What the configuration at `path` says of where things are. Reads no other file.
    ///
    /// # Errors
    /// Everything that is wrong with what is needed.
    pub fn whereabouts(path: &Path) -> Result<Whereabouts, ConfigError> {
        Config::whereabouts_of(path, &content(path)?)
    }

    /// The same of a text that would lie at `path`.
    ///
    /// # Errors
    /// As [`Config::whereabouts`].
    pub fn whereabouts_of(path: &Path, text: &str) -> Result<Whereabouts, ConfigError> {
        let name = path.display().to_string();
        let document = Document::parse(Source { name: &name, text })?;
        let found = whereabouts(&mut document.root(), path);
        found.ok_or_else(|| ConfigError::new(&name, document.into_findings().problems))
    }

    /// Reads the file and no secret, and of the file only what is needed: whoever may not read the secrets, or is not finished with the
    /// rest, can still print a poster.
    ///
    /// # Errors
    /// Everything that is wrong with what is needed.
    pub fn public(path: &Path) -> Result<Public, ConfigError> {
        let (name, content) = (path.display().to_string(), content(path)?);
        let document = Document::parse(Source { name: &name, text: &content })?;
        let public = known(&mut document.root(), path);
        public.ok_or_else(|| ConfigError::new(&name, document.into_findings().problems))
    }
}

fn known(root: &mut Section<'_>, path: &Path) -> Option<Public> {
    let state_dir = root.required("state_dir", "\"/var/lib/drk-relay\"", a_path);
    let branch = root.required_section("branch", "name und privacy").and_then(|mut section| {
        let name = section.required("name", "\"DRK-Ortsverein Musterstadt\"", text(BRANCH_MAX));
        let privacy = section.required("privacy", "\"drk-musterstadt.example/datenschutz\"", text(PRIVACY_MAX));
        section.end_early();
        Some((name?, privacy?))
    });
    let phone_number = root.section("whatsapp").and_then(|mut section| section.optional("phone_number", phone_number));
    let sockets = sockets(root, path, state_dir.as_deref());
    root.end_early();
    let (branch, privacy) = branch?;
    Some(Public { branch, privacy, phone_number: phone_number?, sockets: sockets? })
}

fn whereabouts(root: &mut Section<'_>, path: &Path) -> Option<Whereabouts> {
    let files = &files_of(path);
    let state_dir = root.required("state_dir", "\"/var/lib/drk-relay\"", a_path);
    let zone = zone(root);
    let feeds = feeds(root);
    let (texts, topics) = (folder(root, files, "texts"), folder(root, files, "topics"));
    let sockets = sockets(root, path, state_dir.as_deref());
    root.end_early();
    Some(Whereabouts { sockets: sockets?, state_dir: files.at(&state_dir?), feeds: feeds?, texts: texts?, topics: topics?, zone: zone? })
}

pub(super) fn broker_address(root: &mut Section<'_>) -> Option<BrokerAddress> {
    let feeds = feeds(root);
    let mut section = root.section("mqtt")?;
    let (host, tls, port) = broker(&mut section);
    let user = section.optional("user", text(WORD_MAX));
    let certificate = section.optional("client_certificate_file", a_path);
    let discovery = section.optional("discovery_prefix", topic_root);
    section.end_early();
    let foreign = foreign(root);
    root.end_early();
    let host = host?;
    Some(BrokerAddress {
        local: is_local(&host),
        host,
        port: u16::try_from(port?).ok()?,
        user: user?,
        tls: tls?,
        certificate: certificate?.is_some(),
        feeds: feeds?,
        foreign: foreign?,
        discovery: discovery?,
    })
}

/// The topics of `[[map]]`.
fn foreign(root: &mut Section<'_>) -> Option<Vec<String>> {
    let topics = root.sections("map", 0..=maps::MAPS_MAX)?.into_iter().map(|mut section| {
        let topic = section.required("topic", maps::TOPIC, maps::topic);
        section.end_early();
        topic
    });
    topics.collect()
}

/// The names of all feeds.
fn feeds(root: &mut Section<'_>) -> Option<Vec<Name>> {
    let feeds = root.sections("feed", 1..=FEEDS_MAX)?.into_iter().map(|mut section| {
        let name = section.required("name", "\"corona\"", a_name);
        section.end_early();
        name
    });
    feeds.collect()
}

/// Where a relay may answer: who started it decides, if the configuration does not.
fn sockets(root: &mut Section<'_>, path: &Path, state_dir: Option<&Path>) -> Option<Vec<PathBuf>> {
    let files = files_of(path);
    let runtime = directory(RUNTIME_DIRECTORY, instance_at(path));
    let socket = root.section("status").and_then(|mut section| section.optional("socket", a_path));
    let sockets = match socket? {
        Some(socket) => vec![files.at(&socket)],
        None => vec![files.at(state_dir?).join(SOCKET), Path::new(&runtime).join(SOCKET)],
    };
    Some(sockets)
}

/// The folder that a section names, if there is such a section.
fn folder(root: &mut Section<'_>, files: &Files, key: &'static str) -> Option<Option<PathBuf>> {
    let mut section = root.section(key)?;
    if !section.is_given() {
        return Some(None);
    }
    let folder = section.required("folder", &quoted(key), a_path);
    section.end_early();
    Some(Some(files.at(&folder?)))
}

/// The files beside the configuration at `path`; no credentials.
fn files_of(path: &Path) -> Files {
    Files::new(path.parent().unwrap_or(Path::new("")), None)
}

impl StatusConfig {
    /// As configured, else in the directory that systemd makes for the service (RuntimeDirectory=), else beside the store.
    pub(super) fn new(socket: Option<PathBuf>, state_dir: &Path) -> StatusConfig {
        let runtime = || std::env::var("RUNTIME_DIRECTORY").ok()?.split(':').next().filter(|first| !first.is_empty()).map(PathBuf::from);
        StatusConfig { socket: socket.unwrap_or_else(|| runtime().unwrap_or_else(|| state_dir.to_owned()).join(SOCKET)) }
    }
}
