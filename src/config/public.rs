//! What a configuration says without its secrets: for commands of people who may not read them, and where they ask. Starts nothing.

use super::phone::{self, PhoneNumber};
use super::{Config, ConfigError, Raw, RawWhatsapp, directory, value};
use serde::Deserialize;
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

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStatus {
    socket: Option<PathBuf>,
}

impl Config {
    /// Reads the file and no secret.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn public(path: &Path) -> Result<Public, ConfigError> {
        let raw = Raw::read(path)?;
        let phone_number = raw.whatsapp.phone_number()?;
        let sockets = match raw.status.socket {
            Some(socket) => vec![directory(path).join(socket)],
            None => vec![directory(path).join(raw.state_dir).join(SOCKET), Path::new(RUNTIME_DIRECTORY).join(SOCKET)],
        };
        Ok(Public { branch: raw.branch.name, privacy: raw.branch.privacy, phone_number, sockets })
    }
}

impl RawWhatsapp {
    pub(super) fn phone_number(&self) -> Result<Option<PhoneNumber>, ConfigError> {
        let parsed = |text: &String| PhoneNumber::parse(text).ok_or_else(|| value("whatsapp.phone_number", phone::RULE));
        self.phone_number.as_ref().map(parsed).transpose()
    }
}

impl RawStatus {
    /// As configured, else in the directory that systemd makes for the service (RuntimeDirectory=), else beside the store.
    pub(super) fn typed(self, base: &Path, state_dir: &Path) -> StatusConfig {
        let runtime = || std::env::var("RUNTIME_DIRECTORY").ok()?.split(':').next().filter(|first| !first.is_empty()).map(PathBuf::from);
        let fallback = || runtime().unwrap_or_else(|| state_dir.to_owned()).join(SOCKET);
        StatusConfig { socket: self.socket.map_or_else(fallback, |socket| base.join(socket)) }
    }
}
