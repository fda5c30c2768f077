//! `relay.toml`: what is found wrong, where and how often, what takes effect, and what is shown of it. Starts the binary only to see what
//! it says and exits with; what a relay does with its configuration is for the other tests.

mod effect;
mod folders;
mod maps;
mod mistakes;
mod program;
mod secrets;
mod ways;

use drk_relay::config::{Checked, ConfigError, Files};
use rcgen::{CertificateParams, KeyPair};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

pub(crate) const EXAMPLE: &str = include_str!("../../../examples/relay.toml");
pub(crate) const FULL: &str = include_str!("full.toml");

/// What stands in the secrets' files, and must stand nowhere else.
pub(crate) const SECRETS: [(&str, &str); 8] = [
    ("password", "broker password with spaces "),
    ("token", "EAAGm0PX4ZCpsBAKZCyourtoken"),
    ("app-secret", "00112233445566778899aabbccddeeff"),
    ("app-secret-next", "ffeeddccbbaa99887766554433221100"),
    ("verify-token", "überprüfen"),
    ("proxy", "socks5h://relay:geheim@proxy.example:1080"),
    ("client-key", ""),
    ("heartbeat-url", "https://hc-ping.example/1f0c8f2e-6a5d-4a43-9d7e-2f7f3a1f6f11"),
];

/// The folder of a configuration, with everything that [`FULL`] names.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().expect("a directory"));
        fs::create_dir(folder.path("credentials")).expect("created");
        for (name, content) in SECRETS {
            folder.write(name, &format!("{content}\n"), 0o600);
        }
        let (certificate, key) = certificate();
        for name in ["ca.pem", "meta-ca.pem", "acme-ca.pem"] {
            folder.write(name, &certificate, 0o644);
        }
        folder.write("client.pem", &certificate, 0o644);
        folder.write("client-key", &key, 0o600);
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str, mode: u32) {
        fs::write(self.path(name), content).expect("written");
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).expect("chmod");
    }

    pub(crate) fn check(&self, text: &str) -> Result<Checked, ConfigError> {
        Checked::read("relay.toml", text, &Files::new(self.0.path(), Some(&self.path("credentials"))), None)
    }

    /// Line and sentence of everything that is wrong.
    pub(crate) fn wrong(&self, text: &str) -> Vec<(usize, String)> {
        let problems = self.check(text).expect_err("it cannot work");
        problems.problems().iter().map(|problem| (problem.line().unwrap_or(0), problem.what().to_owned())).collect()
    }
}

/// A certificate that is its own authority, and its key.
pub(crate) fn certificate() -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["broker.example".to_owned()]).expect("parameters");
    (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
}

/// A text with one piece replaced.
#[track_caller]
pub(crate) fn edited(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}
