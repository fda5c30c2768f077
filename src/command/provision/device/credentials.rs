//! Secrets into the places from which systemd gives them to a service: encrypted for this machine if it can, else readable by root alone.

use super::system::System;
use crate::config::{Origin, Stored, Taken, credential_names};
use crate::port::durable::Readers;
use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// The device's secrets of one relay.
pub(super) struct Vault<'a> {
    pub(super) system: &'a System,
    pub(super) stored: &'a Stored,
    /// `drk-relay`, or `drk-relay@second`.
    pub(super) unit: &'a str,
}

impl Vault<'_> {
    /// Stores what came with the card or was made. What the device has already stays as it is.
    pub(super) fn store(&self, secrets: &[Taken]) -> anyhow::Result<()> {
        for folder in [self.stored.plain(""), self.stored.encrypted("")].iter().filter_map(|path| path.parent()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| folder.display().to_string())?;
        }
        for taken in secrets.iter().filter(|taken| taken.origin != Origin::Kept) {
            self.put(taken.credential, &taken.secret)?;
        }
        self.drop_in()?;
        // What lies there in the clear while the drop-in names the encrypted one is old.
        for name in credential_names() {
            if self.stored.encrypted(name).exists() {
                self.system.remove(&self.stored.plain(name)).context("/etc/credstore")?;
            }
        }
        Ok(())
    }

    /// Removes what the relay is no longer to have.
    pub(super) fn forget(&self, names: &[&str]) -> anyhow::Result<()> {
        for path in names.iter().flat_map(|name| [self.stored.plain(name), self.stored.encrypted(name)]) {
            self.system.remove(&path).with_context(|| path.display().to_string())?;
        }
        self.drop_in()
    }

    fn put(&self, name: &str, secret: &SecretString) -> anyhow::Result<()> {
        let (plain, encrypted) = (self.stored.plain(name), self.stored.encrypted(name));
        // However often the same card is taken, nothing has to be written.
        if self.stored.opened(name).as_deref() == Some(secret.expose_secret().as_bytes()) {
            return Ok(());
        }
        if let Some(sealed) = self.sealed(name, secret) {
            self.system.write(&encrypted, &sealed, Readers::Owner)?;
        } else {
            self.system.write(&plain, secret.expose_secret().as_bytes(), Readers::Owner)?;
            self.system.remove(&encrypted).context("/etc/credstore.encrypted")?;
        }
        Ok(())
    }

    /// Encrypted with the machine's own key (systemd-creds(1)). There is no TPM on a Pi. What cannot be opened again is no use.
    fn sealed(&self, name: &str, secret: &SecretString) -> Option<Vec<u8>> {
        let (named, secret) = (format!("--name={name}"), secret.expose_secret().as_bytes());
        let sealed = self.system.program("systemd-creds", &["encrypt", "--with-key=host", &named, "-", "-"], secret).ok()?;
        if !sealed.status.success() {
            return None;
        }
        let opened = self.system.program("systemd-creds", &["decrypt", &named, "-", "-"], &sealed.stdout).ok()?;
        (opened.status.success() && opened.stdout == secret).then_some(sealed.stdout)
    }

    /// Tells the service's unit of the encrypted ones: a later line for the same name takes the place of an earlier one. Without a path
    /// systemd looks into its own folder for them, and starts the service also where one is gone (systemd.exec: credentials).
    fn drop_in(&self) -> anyhow::Result<()> {
        let path = self.drop_in_path();
        let lines: String = credential_names()
            .filter(|name| self.stored.encrypted(name).exists())
            .map(|name| format!("LoadCredentialEncrypted={name}:{}.{name}\n", self.unit))
            .collect();
        if lines.is_empty() {
            return self.system.remove(&path).with_context(|| path.display().to_string());
        }
        let text = format!("# Von drk-relay-provision.service geschrieben: welche Geheimnisse verschlüsselt liegen.\n[Service]\n{lines}");
        self.system.write(&path, text.as_bytes(), Readers::Everybody)?;
        Ok(())
    }

    fn drop_in_path(&self) -> PathBuf {
        self.system.at(format!("etc/systemd/system/{}.service.d/10-credentials.conf", self.unit))
    }
}
