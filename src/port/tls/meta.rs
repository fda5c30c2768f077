//! Meta's own certificate, if it is asked for one (WhatsApp docs: mTLS for webhooks). Whoever shows none is let in, unproven: a probe, or a
//! stranger. Whoever shows a wrong one is not.

use crate::port::clock::Clock;
use crate::port::trust::{Roots, judged, store};
use anyhow::anyhow;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::sync::Arc;
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::{AttributeTypeAndValue, GeneralName};

/// What Meta is called in its certificate (WhatsApp docs: mTLS for webhooks).
const NAME: &str = "client.webhooks.fbclientcerts.com";

/// Believes certificates that `roots` (PEM) have signed and that are Meta's.
///
/// # Errors
/// A German sentence, if there is no certificate among `roots`, or an unreadable one.
pub(super) fn verifier(roots: &[u8], provider: Arc<CryptoProvider>, clock: &Clock) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    let store = store(Roots::Only(roots)).map_err(|why| anyhow!("Metas Zertifikate: {why}"))?;
    let signed = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider).allow_unauthenticated().build()?;
    Ok(Arc::new(Meta { signed, clock: clock.clone() }))
}

/// Signed by the right ones, and by the right name.
#[derive(Debug)]
struct Meta {
    signed: Arc<dyn ClientCertVerifier>,
    clock: Clock,
}

impl ClientCertVerifier for Meta {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.signed.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = judged(&self.clock, now, |at| self.signed.verify_client_cert(leaf, intermediates, at))?;
        if is_meta(leaf) { Ok(verified) } else { Err(CertificateError::ApplicationVerificationFailure.into()) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}

/// By its one common name, which is what Meta's has, or by one of its DNS names, which is where such names have moved.
fn is_meta(leaf: &CertificateDer<'_>) -> bool {
    let Ok((_, leaf)) = parse_x509_certificate(leaf) else { return false };
    let mut names = leaf.subject().iter_common_name().map(AttributeTypeAndValue::as_str);
    if matches!((names.next(), names.next()), (Some(Ok(NAME)), None)) {
        return true;
    }
    let alternatives = leaf.subject_alternative_name().ok().flatten();
    alternatives.is_some_and(|names| names.value.general_names.contains(&GeneralName::DNSName(NAME)))
}
