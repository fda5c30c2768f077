//! The certificates that TLS shows: put here by who orders or reads them, taken from here for every handshake. Reads no file, asks nobody,
//! and does not say which connection sees which.

use crate::domain::time::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use x509_parser::parse_x509_certificate;

/// What TLS shows. Clones show the same.
#[derive(Clone, Debug, Default)]
pub struct Certificates(Arc<watch::Sender<Shown>>);

#[derive(Debug, Default)]
struct Shown {
    current: Option<Current>,
    /// By the name that is being validated.
    challenges: BTreeMap<String, Arc<CertifiedKey>>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    validity: Option<Validity>,
}

/// From when until when a certificate is good, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// Its first second.
    pub not_before: Timestamp,
    /// Its last second.
    pub not_after: Timestamp,
}

impl Validity {
    /// Of a certificate in DER; `None` if it cannot be read. Seconds outside the years 1970 to 2106 become their ends.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Validity> {
        let (_, parsed) = parse_x509_certificate(certificate).ok()?;
        let second = |at: i64| Timestamp(u32::try_from(at.max(0)).unwrap_or(u32::MAX));
        let validity = parsed.validity();
        Some(Validity { not_before: second(validity.not_before.timestamp()), not_after: second(validity.not_after.timestamp()) })
    }
}

impl Certificates {
    /// Nothing to show yet.
    pub fn new() -> Certificates {
        Certificates::default()
    }

    /// Shows this one from now on, the leaf first. Connections that stand keep theirs.
    pub fn show(&self, key: CertifiedKey) {
        let validity = key.cert.first().and_then(Validity::of);
        self.0.send_modify(|shown| shown.current = Some(Current { key: Arc::new(key), validity }));
    }

    /// Shows `key` to whoever validates `name` (RFC 8737), until the result is dropped.
    pub fn challenge(&self, name: &str, key: CertifiedKey) -> Challenge {
        let name = name.to_ascii_lowercase();
        self.0.send_modify(|shown| drop(shown.challenges.insert(name.clone(), Arc::new(key))));
        Challenge { certificates: self.clone(), name }
    }

    /// How long what is shown is good; `None` if there is nothing.
    pub fn view(&self) -> Option<Validity> {
        self.0.borrow().current.as_ref()?.validity
    }

    /// For a handshake of anybody's.
    pub fn current(&self) -> Option<Arc<CertifiedKey>> {
        self.0.borrow().current.as_ref().map(|current| Arc::clone(&current.key))
    }

    /// For a handshake of who validates `name`.
    pub fn proof(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.0.borrow().challenges.get(&name.to_ascii_lowercase()).cloned()
    }
}

/// A validation that is going on.
#[derive(Debug)]
pub struct Challenge {
    certificates: Certificates,
    name: String,
}

impl Drop for Challenge {
    fn drop(&mut self) {
        self.certificates.0.send_modify(|shown| drop(shown.challenges.remove(&self.name)));
    }
}
