//! Keyed hashes of what identifies people, so that the store holds none of it. Knows no person and keeps nothing but the key.

use super::durable;
use crate::domain::ids::{PersonHash, WamidHash};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The key of all hashes. Lives outside the store, so a copy of the store alone identifies nobody.
#[derive(Clone)]
pub struct Pseudonyms {
    /// Has taken in the key: every hash starts from a copy, at half the price.
    keyed: Hmac<Sha256>,
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms(…)")
    }
}

impl Pseudonyms {
    /// With this key.
    pub fn new(key: [u8; 32]) -> Pseudonyms {
        Pseudonyms { keyed: Hmac::new_from_slice(&key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length")) }
    }

    /// Reads the key file, or makes it (mode 0600) from the system's randomness if there is none.
    ///
    /// # Errors
    /// If the file cannot be read or made, is not 32 bytes long, or others may read it.
    pub fn open(path: &Path) -> io::Result<Pseudonyms> {
        let mut key = [0; 32];
        let file = match OpenOptions::new().read(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Pseudonyms::create(path),
            file => file,
        };
        let mut file = file?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            return Err(refused("Andere Benutzer dürfen die Schlüsseldatei lesen. Abhilfe: chmod 600"));
        }
        if file.metadata()?.len() != 32 {
            return Err(refused(
                "Die Schlüsseldatei ist nicht 32 Byte lang. Ohne den richtigen Schlüssel erkennt das Relay niemanden wieder",
            ));
        }
        file.read_exact(&mut key)?;
        Ok(Pseudonyms::new(key))
    }

    fn create(path: &Path) -> io::Result<Pseudonyms> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        durable::replace(path, &key)?;
        Ok(Pseudonyms::new(key))
    }

    /// The hash by which a person with a BSUID is recognised.
    pub fn person(&self, bsuid: &str) -> PersonHash {
        PersonHash(self.hash(b"person", bsuid))
    }

    /// The hash of a telephone number, digits only: the alias of somebody whose payload names one. Never that of a BSUID.
    pub fn phone(&self, digits: &str) -> PersonHash {
        PersonHash(self.hash(b"phone", digits))
    }

    /// The hash by which a message is recognised.
    pub fn wamid(&self, wamid: &str) -> WamidHash {
        WamidHash(self.hash(b"wamid", wamid))
    }

    fn hash(&self, domain: &[u8], text: &str) -> u64 {
        let mut mac = self.keyed.clone();
        mac.update(domain);
        mac.update(&[0]);
        mac.update(text.as_bytes());
        let digest = mac.finalize().into_bytes();
        digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept_private() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("hash.key");
        let first = Pseudonyms::open(&path).expect("made");
        let again = Pseudonyms::open(&path).expect("read");
        assert_eq!(first.person("DE.1"), again.person("DE.1"));
        assert_ne!(first.person("DE.1"), first.person("DE.2"));
        assert_ne!({ first.person("X").0 }, { first.wamid("X").0 });
        assert_ne!(first.person("491515550101"), first.phone("491515550101"));
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        assert!(Pseudonyms::open(&path).is_err());
    }
}
