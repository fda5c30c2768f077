//! What is known of a configuration without its secrets: for commands of people who may not read them, and for the socket at which they
//! ask.

use super::document::{Document, Section};
use super::files::Files;
use super::kinds::{path as a_path, text};
use super::outside::phone_number;
use super::phone::PhoneNumber;
use super::report::Source;
use super::{Config, ConfigError, content};
use crate::domain::wording::{BRANCH_MAX, PRIVACY_MAX};
use std::path::{Path, PathBuf};

/// The directory that systemd/drk-relay.service asks for: RuntimeDirectory=.
pub const RUNTIME_DIRECTORY: &str = "/run/drk-relay";
/// The status socket in it, or in the state directory.
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

impl Config {
    /// Reads the file and no secret, and of the file only what is needed: whoever may not read the secrets, or is not finished with the
    /// rest, can still print a poster.
    ///
    /// # Errors
    /// Everything that is wrong with what is needed.
    pub fn public(path: &Path) -> Result<Public, ConfigError> {
        let (name, content) = (path.display().to_string(), content(path)?);
        let document = Document::parse(Source { name: &name, text: &content })?;
        let public = known(&mut document.root(), &Files::new(path.parent().unwrap_or(Path::new("")), None));
        public.ok_or_else(|| ConfigError::new(&name, document.into_findings().problems))
    }
}

fn known(root: &mut Section<'_>, files: &Files) -> Option<Public> {
    let state_dir = root.required("state_dir", "\"/var/lib/drk-relay\"", a_path);
    let branch = root.required_section("branch", "name und privacy").and_then(|mut section| {
        let name = section.required("name", "\"DRK-Ortsverein Musterstadt\"", text(BRANCH_MAX));
        let privacy = section.required("privacy", "\"drk-musterstadt.example/datenschutz\"", text(PRIVACY_MAX));
        section.end_early();
        Some((name?, privacy?))
    });
    let phone_number = root.section("whatsapp").and_then(|mut section| section.optional("phone_number", phone_number));
    let socket = root.section("status").and_then(|mut section| section.optional("socket", a_path));
    root.end_early();
    let ((branch, privacy), state_dir) = (branch?, state_dir?);
    let sockets = match socket? {
        Some(socket) => vec![files.at(&socket)],
        None => vec![files.at(&state_dir).join(SOCKET), Path::new(RUNTIME_DIRECTORY).join(SOCKET)],
    };
    Some(Public { branch, privacy, phone_number: phone_number?, sockets })
}

impl StatusConfig {
    /// As configured, else in the directory that systemd makes for the service (RuntimeDirectory=), else beside the store.
    pub(super) fn new(socket: Option<PathBuf>, state_dir: &Path) -> StatusConfig {
        let runtime = || std::env::var("RUNTIME_DIRECTORY").ok()?.split(':').next().filter(|first| !first.is_empty()).map(PathBuf::from);
        StatusConfig { socket: socket.unwrap_or_else(|| runtime().unwrap_or_else(|| state_dir.to_owned()).join(SOCKET)) }
    }
}
