//! `[secrets]` of a card: which there may be, and how they are read there. Where else a secret may come from is in `carried`.

use super::super::document::{Read, Section};
use super::super::files::{Form, Secret};
use super::super::kinds::wrong;
use super::super::{alarm, ingress, outside, tls};
use super::Spare;
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use toml::de::DeValue;

/// Longest secret: a key of 4,096 bits in PEM has a quarter of that.
const SECRET_MAX: usize = 16 * 1024;

/// Every secret that a service may see: the names of its credentials are the keys of `[secrets]`.
const SECRETS: [&Secret; 10] = [
    &outside::TOKEN,
    &outside::APP_SECRET,
    &outside::VERIFY_TOKEN,
    &outside::APP_SECRET_NEXT,
    &outside::PASSWORD,
    &tls::KEY,
    &ingress::PROXY,
    &ingress::TUNNEL_KEY,
    &tls::SERVER_PAIR,
    &alarm::URL,
];

/// What the secrets of a service are called.
pub fn credential_names() -> impl Iterator<Item = &'static str> {
    SECRETS.into_iter().map(|secret| secret.credential)
}

/// What stands below `[secrets]`.
#[derive(Default)]
pub(super) struct Given {
    pub(super) given: BTreeMap<&'static str, SecretString>,
    /// Empty: the device is to forget it.
    pub(super) forgotten: BTreeSet<&'static str>,
    /// What is wrong with it has been written down.
    pub(super) refused: BTreeSet<&'static str>,
}

/// Reads `[secrets]`.
pub(super) fn read(root: &mut Section<'_>) -> Given {
    let mut found = Given::default();
    let Some(mut section) = root.section("secrets") else { return found };
    for secret in SECRETS {
        let read = section.read_silently(secret.credential, |item| {
            let DeValue::String(text) = item.value else {
                return Err(wrong("erwartet wird Text in Anführungszeichen.", "den Wert in Anführungszeichen setzen: \"…\""));
            };
            let lines: Vec<&str> = text.trim().lines().map(str::trim).collect();
            let text = if secret.form == Form::Pem { lines.join("\n") + "\n" } else { text.trim().to_owned() };
            if text.trim().is_empty() {
                return Ok(None);
            }
            if text.len() > SECRET_MAX {
                return Err(wrong("so lang ist kein Geheimnis.", "nur das Geheimnis selbst hineinschreiben."));
            }
            secret.text(text.into_bytes()).map(Some).map_err(|refusal| refusal.said_of("der Wert"))
        });
        match read {
            Read::Given(Some(value)) => drop(found.given.insert(secret.credential, value)),
            Read::Given(None) => drop(found.forgotten.insert(secret.credential)),
            Read::Refused => drop(found.refused.insert(secret.credential)),
            Read::Absent => {}
        }
    }
    section.end();
    found
}

/// What is made of a spare secret, by credential.
pub(super) fn spare(spare: Spare, accounts: bool) -> BTreeMap<&'static str, SecretString> {
    let Spare { verify_token, tunnel_key, mqtt_password } = spare;
    let made = [
        (outside::VERIFY_TOKEN.credential, verify_token),
        (ingress::TUNNEL_KEY.credential, tunnel_key),
        (outside::PASSWORD.credential, mqtt_password.filter(|_| accounts)),
    ];
    made.into_iter().filter_map(|(name, secret)| Some((name, secret?))).collect()
}

/// What stands for a secret that only the device has, where a computer looks at the card: the checks want to see one of its kind. Nothing
/// for keys that have to fit a certificate.
pub(super) fn stand_in(secret: &Secret) -> Option<SecretString> {
    let all = [
        (&outside::TOKEN, "EAA-auf-dem-Geraet"),
        (&outside::APP_SECRET, "00000000000000000000000000000000"),
        (&outside::VERIFY_TOKEN, "auf-dem-Geraet"),
        (&outside::APP_SECRET_NEXT, "00000000000000000000000000000000"),
        (&outside::PASSWORD, "auf-dem-Geraet"),
        (&ingress::PROXY, "http://auf-dem-geraet.invalid:3128"),
        (&alarm::URL, "https://auf-dem-geraet.invalid/"),
    ];
    all.into_iter().find(|(known, _)| known.credential == secret.credential).map(|(_, text)| text.into())
}
