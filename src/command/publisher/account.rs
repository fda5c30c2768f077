//! An account of the broker: a password that nobody has chosen, and what its owner may do, as mosquitto reads it. Writes nothing anywhere.

use crate::config::{BrokerAddress, FIGURES, RELAY};
use crate::domain::ids::Name;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::ValueEnum;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha512;
use std::iter;

/// Crockford's digits: 32, so that each is exactly five bits, and none that is taken for another one on paper.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 100 bits: nobody guesses it, however fast the hash is.
const LENGTH: usize = 20;
/// Read aloud and typed in groups.
const GROUP: usize = 5;
/// mosquitto 2.0 makes and takes salts of exactly so many bytes.
const SALT: usize = 12;
/// What mosquitto_passwd uses. More would slow down every connection of a Pi and add nothing to 100 bits.
const ITERATIONS: u32 = 101;
/// SHA-512.
const HASH: usize = 64;

/// A password, in groups with hyphens: nothing that a shell, TOML, YAML or JSON would have to quote.
///
/// # Errors
/// If the kernel gives no randomness.
pub(in crate::command) fn password() -> Result<SecretString, getrandom::Error> {
    let mut random = [0; LENGTH];
    getrandom::fill(&mut random)?;
    let digits = random.map(|byte| char::from(DIGITS[usize::from(byte % 32)]));
    let groups: Vec<String> = digits.chunks(GROUP).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-").into())
}

/// The line of mosquitto's password file, as `mosquitto_passwd` would write it: `name:$7$iterations$salt$hash`, PBKDF2 with HMAC-SHA-512.
///
/// # Errors
/// If the kernel gives no randomness.
pub(in crate::command) fn line(name: &Name, password: &SecretString) -> Result<String, getrandom::Error> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt)?;
    Ok(hashed(name, password, &salt))
}

/// Whether this line of the password file is that of this password.
pub(in crate::command) fn opens(line: &str, password: &SecretString) -> bool {
    let salt = line.split('$').nth(3).and_then(|salt| BASE64_STANDARD.decode(salt).ok()).and_then(|salt| salt.try_into().ok());
    let name = line.split_once(':').and_then(|(name, _)| Name::new(name));
    name.zip(salt).is_some_and(|(name, salt)| hashed(&name, password, &salt) == line)
}

fn hashed(name: &Name, password: &SecretString, salt: &[u8; SALT]) -> String {
    let hash = pbkdf2::pbkdf2_hmac_array::<Sha512, HASH>(password.expose_secret().as_bytes(), salt, ITERATIONS);
    format!("{name}:$7${ITERATIONS}${}${}", BASE64_STANDARD.encode(salt), BASE64_STANDARD.encode(hash))
}

/// Who is no publisher and needs an account all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(in crate::command) enum Role {
    /// Das Relay selbst: liest Zahlen und Anfragen, schreibt alles andere.
    Relay,
    /// Liest mit, zum Beispiel mit MQTT Explorer, und schreibt nichts.
    Reader,
    /// Liest mit und darf Anfragen an das Relay stellen: freigeben, verwerfen, zurückziehen.
    Operator,
}

/// What an account is for.
#[derive(Debug)]
pub(in crate::command) enum Purpose<'a> {
    /// Sends figures of these feeds.
    Publish(&'a [Name]),
    Serve(Role),
}

impl Purpose<'_> {
    /// Its lines of mosquitto's `acl_file`. The relay reads only what it is configured for: it may share its broker with others.
    pub(in crate::command) fn rules(&self, broker: &BrokerAddress) -> Vec<String> {
        match self {
            Purpose::Publish(feeds) => {
                let own = feeds.iter().flat_map(|feed| {
                    [
                        format!("topic write {FIGURES}/{feed}/#"),
                        format!("topic read {RELAY}/receipts/{feed}/#"),
                        format!("topic read {RELAY}/last/{feed}/#"),
                        format!("topic read {RELAY}/feeds/{feed}/state"),
                    ]
                });
                own.chain(iter::once(format!("topic read {RELAY}/status"))).collect()
            }
            Purpose::Serve(Role::Relay) => {
                let figures = broker.feeds.iter().map(|feed| format!("topic read {FIGURES}/{feed}/#"));
                let foreign = broker.foreign.iter().map(|topic| format!("topic read {topic}"));
                let own = [format!("topic read {RELAY}/request/#"), format!("topic write {RELAY}/#")];
                let discovery = broker.discovery.iter().map(|prefix| format!("topic write {prefix}/device/+/config"));
                figures.chain(foreign).chain(own).chain(discovery).collect()
            }
            Purpose::Serve(Role::Reader) => reading(),
            Purpose::Serve(Role::Operator) => reading().into_iter().chain(iter::once(format!("topic write {RELAY}/request/#"))).collect(),
        }
    }
}

fn reading() -> Vec<String> {
    vec![format!("topic read {FIGURES}/#"), format!("topic read {RELAY}/#")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_one_that_mosquitto_passwd_makes() {
        // mosquitto_passwd 2.0.11 -c -b file hausnotruf 0123-abcd
        let made =
            "hausnotruf:$7$101$XckJpGwojGCJl4UH$1sHf1Y8GR01y8MePFJahSnG2pzqJ/uiQjeMvQ/PboGpwiYOWDbUYRfBYkq/eNJ6ufc0E3tOUfB+o3AkSr5GUpQ==";
        let salt = BASE64_STANDARD.decode(made.split('$').nth(3).expect("a salt")).expect("base64");
        let name = Name::new("hausnotruf").expect("a name");
        assert_eq!(hashed(&name, &"0123-abcd".to_owned().into(), &salt.try_into().expect("twelve bytes")), made);
        assert!(opens(made, &"0123-abcd".to_owned().into()) && !opens(made, &"0123-abce".to_owned().into()));
        assert!(!opens("hausnotruf:$7$101$x", &"0123-abcd".to_owned().into()));
    }

    #[test]
    fn passwords_are_long_and_differ() {
        let [one, other] = [password(), password()].map(|password| password.expect("randomness").expose_secret().to_owned());
        assert_ne!(one, other);
        assert!(one.split('-').all(|group| group.len() == GROUP && group.bytes().all(|byte| DIGITS.contains(&byte))), "{one}");
        assert_eq!(one.split('-').count(), LENGTH / GROUP);
    }
}
