//! Keys as files and people have them: OpenSSH's private format, and lines of `authorized_keys` and `known_hosts`. Touches no file.

use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::ssh_key::{Fingerprint, LineEnding};
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};
use secrecy::{ExposeSecret, SecretString};
use std::io;

/// What our key may do at the relay host: nothing but forward ports.
const RESTRICTED: &str = "restrict,port-forwarding";

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Not in OpenSSH's format.
    #[error("der Schlüssel ist kein privater Schlüssel im Format von OpenSSH. Abhilfe: drk-relay tunnel keygen")]
    Private,
    /// It has a password.
    #[error("der Schlüssel hat ein Passwort, und niemand ist da, der es eingibt. Abhilfe: drk-relay tunnel keygen")]
    Encrypted,
    /// Neither kind of key is wrong in itself, but only one is offered.
    #[error("der Schlüssel ist kein Ed25519-Schlüssel. Abhilfe: drk-relay tunnel keygen, oder am Relay-Host ssh-keygen -t ed25519")]
    Kind,
    /// No public key at all.
    #[error(
        "host_key ist kein öffentlicher Schlüssel. Abhilfe: die Zeile „ssh-ed25519 AAAA…“ aus /etc/ssh/ssh_host_ed25519_key.pub vom \
         Relay-Host"
    )]
    Public,
}

/// Our own key.
///
/// # Errors
/// See [`Unusable`].
pub(super) fn private(text: &SecretString) -> Result<PrivateKey, Unusable> {
    let key = PrivateKey::from_openssh(text.expose_secret()).map_err(|_| Unusable::Private)?;
    if key.is_encrypted() {
        return Err(Unusable::Encrypted);
    }
    if key.algorithm() == Algorithm::Ed25519 { Ok(key) } else { Err(Unusable::Kind) }
}

/// The key by which the relay host is recognised: `ssh-ed25519 AAAA…`, with or without a comment.
///
/// # Errors
/// See [`Unusable`].
pub(super) fn host(line: &str) -> Result<KeyData, Unusable> {
    let key = PublicKey::from_openssh(line.trim()).map_err(|_| Unusable::Public)?;
    if key.algorithm() == Algorithm::Ed25519 { Ok(key.key_data().clone()) } else { Err(Unusable::Kind) }
}

/// `ssh-ed25519 AAAA…`, without a comment.
pub(super) fn line(key: &KeyData) -> String {
    PublicKey::new(key.clone(), "").to_openssh().map(|line| line.trim().to_owned()).unwrap_or_default()
}

/// `SHA256:…`, as ssh-keygen shows it.
pub(super) fn fingerprint(key: &KeyData) -> Fingerprint {
    key.fingerprint(HashAlg::Sha256)
}

/// The line of `authorized_keys` that lets our key in.
pub(super) fn authorized(key: &PublicKey) -> String {
    match key.comment().as_str_lossy() {
        "" => format!("{RESTRICTED} {}", line(key.key_data())),
        comment => format!("{RESTRICTED} {} {comment}", line(key.key_data())),
    }
}

/// The line of `authorized_keys` that lets a key of ours in.
///
/// # Errors
/// See [`Unusable`].
pub fn admitted(text: &SecretString) -> Result<String, Unusable> {
    private(text).map(|key| authorized(key.public_key()))
}

/// A new key pair: the private key's file, and the line that lets it in.
///
/// # Errors
/// If the system has no randomness.
pub fn generate(comment: &str) -> io::Result<(SecretString, String)> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let key = PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed)), comment).map_err(io::Error::other)?;
    let text = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
    Ok((SecretString::from(text.as_str()), authorized(key.public_key())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_one_that_we_take_and_shows_the_line_that_lets_it_in() {
        let (text, allowed) = generate("drk-relay").expect("randomness");
        let key = private(&text).expect("our own");
        assert_eq!(authorized(key.public_key()), allowed);
        let parts: Vec<&str> = allowed.split(' ').collect();
        assert_eq!((parts.len(), parts[0], parts[1], parts[3]), (4, "restrict,port-forwarding", "ssh-ed25519", "drk-relay"));
        assert_eq!(host(&format!("ssh-ed25519 {} root@relay\n", parts[2])).expect("a public key"), *key.public_key().key_data());
        assert_ne!(generate("drk-relay").expect("randomness").1, allowed, "nobody else has it");
    }

    #[test]
    fn other_keys_are_named() {
        let why = |text: &str| private(&SecretString::from(text)).expect_err("not ours").to_string();
        assert!(why("-----BEGIN PRIVATE KEY-----").contains("Format"));
        assert!(host("localhost ssh-ed25519 AAAA").expect_err("a line of known_hosts").to_string().contains("host_key"));
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5\
                     RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=";
        assert!(host(ecdsa).expect_err("only one kind").to_string().contains("Ed25519"));
    }
}
