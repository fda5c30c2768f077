//! Whom we believe when we use TLS, and when. Calls nobody. Every client of the relay begins here: one provider, and one place for the
//! clock by which certificates are judged ([`judged`]; DESIGN.md, promise 11).

use super::clock::Clock;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WantsClientCert, WebPkiServerVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;
use std::time::Duration;

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
    Provider(Error),
}

/// The certificates of those who may have signed: at least one.
///
/// # Errors
/// See [`Unusable`].
pub fn store(roots: Roots<'_>) -> Result<RootCertStore, Unusable> {
    let (mozillas, pem) = match roots {
        Roots::Mozillas(besides) => (webpki_roots::TLS_SERVER_ROOTS.to_vec(), besides),
        Roots::Only(pem) => (Vec::new(), Some(pem)),
    };
    let known = mozillas.len();
    let mut store = RootCertStore { roots: mozillas };
    for certificate in pem.into_iter().flat_map(CertificateDer::pem_slice_iter) {
        store.add(certificate.map_err(|_| Unusable::NoPem)?).map_err(|_| Unusable::Damaged)?;
    }
    if pem.is_some() && store.len() == known { Err(Unusable::Empty) } else { Ok(store) }
}

/// The beginning of a client that judges certificates by `clock`; whether it shows one of its own is left to say.
///
/// # Errors
/// See [`Unusable`].
pub fn believing(roots: Roots<'_>, clock: &Clock) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Unusable> {
    let provider = Arc::new(default_provider());
    let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(store(roots)?), Arc::clone(&provider)).build();
    // It fails without a root and for revocation lists: there is a root, and there are no lists.
    let webpki = webpki.map_err(|_| Unusable::Empty)?;
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(Unusable::Provider)?;
    let verifier = Arc::new(Timely { webpki, clock: clock.clone() });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier))
}

/// What `verify` says of a certificate at the time by which `clock` wants it judged ([`Clock::certificate_times`]): at the second time if
/// it is outside its validity at the first. `system`: what rustls takes for the time.
///
/// # Errors
/// What `verify` says.
pub fn judged<T>(clock: &Clock, system: UnixTime, mut verify: impl FnMut(UnixTime) -> Result<T, Error>) -> Result<T, Error> {
    let Some(times) = clock.certificate_times() else { return verify(system) };
    let [first, second] = times.map(|at| UnixTime::since_unix_epoch(Duration::from_secs(at.0.into())));
    match verify(first) {
        Err(Error::InvalidCertificate(error)) if is_of_another_time(&error) && second != first => verify(second),
        verdict => verdict,
    }
}

fn is_of_another_time(error: &CertificateError) -> bool {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    matches!(error, Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
}

/// rustls' own judge, asked at the right time.
#[derive(Debug)]
struct Timely {
    webpki: Arc<WebPkiServerVerifier>,
    clock: Clock,
}

impl ServerCertVerifier for Timely {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        judged(&self.clock, now, |at| self.webpki.verify_server_cert(leaf, intermediates, name, ocsp, at))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}
