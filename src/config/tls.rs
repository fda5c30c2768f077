//! Certificates: read, and tried out as far as that is possible without a connection. How they are used is for the ports.

use super::MqttTls;
use super::document::{Read, Section};
use super::files::{Files, Form, Secret};
use super::kinds::path;
use rustls::RootCertStore;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;

const AUTHORITY: &str = "ca_file";
const CERTIFICATE: &str = "client_certificate_file";
pub(super) const KEY: Secret =
    Secret { key: "client_key_file", credential: "mqtt-client-key", title: "Der Schlüssel zum Zertifikat", form: Form::Pem };
pub(super) const SERVER_PAIR: Secret =
    Secret { key: SERVER_KEY, credential: "tls-key", title: "Der Schlüssel zum Zertifikat", form: Form::Pem };
/// With `tls = "file"`: our certificate and its key.
pub(super) const SERVER_CERTIFICATE: &str = "certificate_file";
pub(super) const SERVER_KEY: &str = "key_file";

/// How the broker proves who it is, and how we do. Nothing if it is not asked to.
pub(super) fn mqtt(section: &mut Section<'_>, files: &Files, encrypted: Option<bool>) -> Option<Option<MqttTls>> {
    let (roots, chain) = (authority(section, files, AUTHORITY), files.read(section, CERTIFICATE));
    let key = files.secret(section, &KEY);
    let chain = good(section, CERTIFICATE, chain, |pem| certificates(pem).is_some());
    let (roots, chain, key) = (roots?, chain?, key?);
    if !encrypted? {
        let given = [(AUTHORITY, roots.is_some()), (CERTIFICATE, chain.is_some()), (KEY.key, key.is_some())];
        let in_vain: Vec<_> = given.into_iter().filter(|(_, given)| *given).collect();
        for (key, _) in &in_vain {
            let drop = if *key == KEY.key { files.dropping(&KEY, "diese Zeile löschen.") } else { "diese Zeile löschen.".to_owned() };
            section.missing_beside("tls", key, "das gilt nur mit Verschlüsselung.", &format!("tls = true ergänzen; oder {drop}"));
        }
        return in_vain.is_empty().then_some(None);
    }
    let client = match (chain, key) {
        (None, None) => None,
        (Some(chain), Some(key)) => {
            belongs(section, &KEY, &chain, &key)?;
            Some((chain, key))
        }
        (Some(_), None) => {
            let what = format!("zum Zertifikat fehlt der Schlüssel: {}.", files.nowhere(section, &KEY));
            section.missing_beside(KEY.key, CERTIFICATE, &what, &files.remedy(&KEY));
            return None;
        }
        (None, Some(_)) => {
            let drop = files.dropping(&KEY, "den Schlüssel weglassen.");
            let remedy = format!("{CERTIFICATE} = \"…\" ergänzen; oder {drop}");
            section.missing_beside(CERTIFICATE, KEY.key, "zum Schlüssel fehlt das Zertifikat.", &remedy);
            return None;
        }
    };
    Some(Some(MqttTls { roots, client }))
}

/// The certificates that the other side's must be signed by.
pub(super) fn authority(section: &mut Section<'_>, files: &Files, key: &'static str) -> Option<Option<Vec<u8>>> {
    let read = files.read(section, key);
    good(section, key, read, |pem| {
        let mut store = RootCertStore::empty();
        certificates(pem).is_some_and(|all| all.into_iter().all(|certificate| store.add(certificate).is_ok()))
    })
}

/// A file in which `check` finds certificates. What is wrong is written down.
fn good(section: &Section<'_>, key: &str, read: Read<Vec<u8>>, check: impl FnOnce(&[u8]) -> bool) -> Option<Option<Vec<u8>>> {
    let read = read.optional()?;
    if read.as_ref().is_some_and(|pem| !check(pem)) {
        let remedy = "eine Datei mit Zeilen „-----BEGIN CERTIFICATE-----“ nennen; DER wandelt openssl x509 -inform der um.";
        section.refuse(key, "darin steht kein brauchbares Zertifikat in PEM.", remedy);
        return None;
    }
    Some(read)
}

/// The certificates in a PEM file, if there are some and all of them are readable.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    (!all.is_empty()).then_some(all)
}

/// Whether certificate and key belong together.
fn belongs(section: &Section<'_>, secret: &Secret, chain: &[u8], key: &SecretString) -> Option<()> {
    let Ok(parsed) = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes()) else {
        let remedy = "eine Datei mit einer Zeile „-----BEGIN PRIVATE KEY-----“ nennen, ohne Passwort: openssl pkey entfernt es.";
        section.refuse(secret.key, "darin steht kein brauchbarer privater Schlüssel in PEM.", remedy);
        return None;
    };
    let certified = CertifiedKey::from_der(certificates(chain)?, parsed, &default_provider());
    if certified.is_err() {
        section.refuse(secret.key, "der Schlüssel passt nicht zum Zertifikat.", "beide Dateien aus demselben Vorgang verwenden.");
        return None;
    }
    Some(())
}

/// Where our certificate and its key lie, for those who renew them in files.
pub(super) fn server(section: &mut Section<'_>, files: &Files) -> Option<(PathBuf, PathBuf)> {
    let chain = files.read(section, SERVER_CERTIFICATE);
    let at = section.read_silently(SERVER_CERTIFICATE, path).optional();
    let key = files.secret_at(section, &SERVER_PAIR);
    if let Read::Absent = chain {
        section.missing_beside(SERVER_CERTIFICATE, "tls", "das Zertifikat fehlt.", &format!("{SERVER_CERTIFICATE} = \"…\" ergänzen."));
    } else if let Some(None) = &key {
        let what = format!("zum Zertifikat fehlt der Schlüssel: {}.", files.nowhere(section, &SERVER_PAIR));
        section.missing_beside(SERVER_KEY, SERVER_CERTIFICATE, &what, &files.remedy(&SERVER_PAIR));
    }
    let chain = good(section, SERVER_CERTIFICATE, chain, |pem| certificates(pem).is_some());
    let (chain, (key, key_at)) = (chain??, key??);
    belongs(section, &SERVER_PAIR, &chain, &key)?;
    Some((files.at(&at??), key_at))
}
