//! Whom we believe when we call somebody by TLS. Calls nobody. Every client of the relay begins here: one provider, and one place for the
//! clock by which certificates are judged (DESIGN.md, promise 11, wants max(system, last persisted, build time) instead of the system's:
//! `builder_with_details` takes a rustls `TimeProvider`).

use rustls::client::WantsClientCert;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use std::sync::Arc;

/// Who may have signed.
#[derive(Clone, Copy, Debug)]
pub enum Roots<'a> {
    /// Mozilla's list, built in: a device needs no certificates of its own. And these besides, in PEM, if there are some: a company's proxy
    /// that looks into TLS signs with a root of its own.
    Mozillas(Option<&'a [u8]>),
    /// Only these, in PEM.
    Only(&'a [u8]),
}

/// Why nobody can be believed: in German, as part of a sentence.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is not PEM.
    #[error("kein Zertifikat im PEM-Format")]
    NoPem,
    /// It is PEM, and no certificate.
    #[error("ein Zertifikat darin ist beschädigt")]
    Damaged,
    /// There is none in it.
    #[error("darin ist kein Zertifikat. Abhilfe: die Datei im PEM-Format speichern (-----BEGIN CERTIFICATE-----)")]
    Empty,
    /// rustls with ring speaks TLS 1.2 and 1.3: cannot happen.
    #[error("TLS steht nicht zur Verfügung: {0}")]
    Provider(rustls::Error),
}

/// The beginning of a client; whether it shows a certificate of its own is left to say.
///
/// # Errors
/// See [`Unusable`].
pub fn believing(roots: Roots<'_>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Unusable> {
    let (mozillas, pem) = match roots {
        Roots::Mozillas(besides) => (webpki_roots::TLS_SERVER_ROOTS.to_vec(), besides),
        Roots::Only(pem) => (Vec::new(), Some(pem)),
    };
    let known = mozillas.len();
    let mut store = RootCertStore { roots: mozillas };
    for certificate in pem.into_iter().flat_map(CertificateDer::pem_slice_iter) {
        store.add(certificate.map_err(|_| Unusable::NoPem)?).map_err(|_| Unusable::Damaged)?;
    }
    if pem.is_some() && store.len() == known {
        return Err(Unusable::Empty);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    Ok(builder.with_safe_default_protocol_versions().map_err(Unusable::Provider)?.with_root_certificates(store))
}
