//! Where systemd will take the service's secrets from: files of root, plain or encrypted for this machine. Encrypts nothing and writes
//! nothing.

use super::files::{OTHERS_AND_GROUP, Refusal, content};
use super::service::{instance_at, service};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where systemd looks for the credentials that `LoadCredential=` names without a path.
const PLAIN: &str = "etc/credstore";
/// Where the encrypted ones lie (systemd.exec: credentials).
const ENCRYPTED: &str = "etc/credstore.encrypted";
/// The credentials of one service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    root: PathBuf,
    /// `drk-relay`, or `drk-relay@second`.
    unit: String,
}

impl Stored {
    /// Those of `drk-relay.service`, or of `drk-relay@instance.service`, of the system below `root`.
    pub fn new(root: &Path, instance: Option<&str>) -> Stored {
        Stored { root: root.to_owned(), unit: service(instance) }
    }

    pub(super) fn usual() -> Stored {
        Stored::new(Path::new("/"), None)
    }

    /// Those of the service whose configuration lies at `path`: `/etc/drk-relay/second.toml` is that of `drk-relay@second.service`.
    pub(super) fn of(path: &Path) -> Stored {
        Stored::new(Path::new("/"), instance_at(path))
    }

    /// Where a credential lies in the clear.
    pub fn plain(&self, name: &str) -> PathBuf {
        self.root.join(PLAIN).join(format!("{}.{name}", self.unit))
    }

    /// Where it lies encrypted.
    pub fn encrypted(&self, name: &str) -> PathBuf {
        self.root.join(ENCRYPTED).join(format!("{}.{name}", self.unit))
    }

    /// What is in an encrypted credential, if this machine can open it.
    pub fn opened(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.encrypted(name);
        path.exists().then(|| decrypted(&path, name).ok())?
    }

    /// What is in a credential, and where it was looked for. Encrypted ones go first: a drop-in of the service names them.
    pub(super) fn read(&self, name: &str) -> (PathBuf, Result<Vec<u8>, Refusal>) {
        let (plain, encrypted) = (self.plain(name), self.encrypted(name));
        match content(&encrypted, OTHERS_AND_GROUP) {
            Ok(_) => {
                let found = decrypted(&encrypted, name);
                (encrypted, found)
            }
            // Most have only one of the two, and who may not read one may not read the other.
            Err(_) => {
                let found = content(&plain, OTHERS_AND_GROUP);
                (plain, found)
            }
        }
    }
}

fn decrypted(path: &Path, name: &str) -> Result<Vec<u8>, Refusal> {
    let mut command = Command::new("systemd-creds");
    let output = command.arg("decrypt").arg(format!("--name={name}")).arg(path).arg("-").stdin(Stdio::null()).output();
    let output = output.map_err(|error| Refusal::Sealed(format!("systemd-creds: {error}")))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(Refusal::Sealed(words.trim().lines().last().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_has_credentials_of_its_own() {
        for (path, plain) in [
            ("/etc/drk-relay/relay.toml", "/etc/credstore/drk-relay.proxy"),
            ("/etc/drk-relay/zweite.toml", "/etc/credstore/drk-relay@zweite.proxy"),
            ("/etc/drk-relay/backup/zweite.toml", "/etc/credstore/drk-relay.proxy"),
            ("zweite.toml", "/etc/credstore/drk-relay.proxy"),
            ("/etc/drk-relay/zweite", "/etc/credstore/drk-relay.proxy"),
        ] {
            assert_eq!(Stored::of(Path::new(path)).plain("proxy"), Path::new(plain), "{path}");
        }
        let zweite = Stored::new(Path::new("/"), Some("zweite"));
        assert_eq!(zweite.encrypted("proxy"), Path::new("/etc/credstore.encrypted/drk-relay@zweite.proxy"));
    }
}
