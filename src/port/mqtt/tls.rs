//! TLS towards the broker: whom we believe, who we say we are, and what a failed handshake means. Opens no socket and reads no file.

use crate::config::MqttTls;
use crate::port::clock::Clock;
use crate::port::trust::{self, Roots, believing};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ClientConfig};
use secrecy::ExposeSecret;
use std::io;

/// Why nothing can be done with `[mqtt.tls]`: sentences for the technician.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// No certificate in what should be the broker's roots.
    #[error(
        "Die Datei mit den Wurzelzertifikaten des Brokers enthält kein lesbares Zertifikat. Abhilfe: Erwartet wird PEM (BEGIN CERTIFICATE)."
    )]
    Roots,
    /// No certificate in what should be ours.
    #[error("Die Datei mit dem eigenen Zertifikat enthält keines. Abhilfe: Erwartet wird PEM (BEGIN CERTIFICATE), das eigene zuerst.")]
    Chain,
    /// No key.
    #[error("Die Datei mit dem Schlüssel des eigenen Zertifikats enthält keinen lesbaren. Abhilfe: Erwartet wird PEM ohne Passwort.")]
    Key,
    /// The key is another certificate's, or of an unknown kind.
    #[error("Das eigene Zertifikat und sein Schlüssel passen nicht zusammen ({0}). Abhilfe: Beide Dateien vergleichen.")]
    Mismatch(rustls::Error),
    /// rustls with ring speaks TLS 1.2 and 1.3: cannot happen.
    #[error("TLS steht nicht zur Verfügung: {0}")]
    Provider(rustls::Error),
}

/// What rustls needs; also tells whether `[mqtt.tls]` can work, without a connection.
///
/// # Errors
/// What is wrong with the certificates or the key.
pub fn client_config(tls: &MqttTls, clock: &Clock) -> Result<ClientConfig, Unusable> {
    let builder = believing(tls.roots.as_deref().map_or(Roots::Mozillas(None), Roots::Only), clock).map_err(|why| match why {
        trust::Unusable::NoPem | trust::Unusable::Damaged | trust::Unusable::Empty => Unusable::Roots,
        trust::Unusable::Provider(error) => Unusable::Provider(error),
    })?;
    match &tls.client {
        None => Ok(builder.with_no_client_auth()),
        Some((pem, key)) => {
            let chain = chain(pem).ok_or(Unusable::Chain)?;
            let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes()).map_err(|_| Unusable::Key)?;
            builder.with_client_auth_cert(chain, key).map_err(Unusable::Mismatch)
        }
    }
}

/// At least one certificate, and nothing unreadable among them.
fn chain(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    Some(chain).filter(|chain| !chain.is_empty())
}

/// Why one of the two does not believe the other. Waiting does not help; somebody must change something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Distrust {
    #[error("the broker's certificate is signed by nobody we believe: give its CA certificate as the broker's roots")]
    Issuer,
    #[error("the broker's certificate has expired (or this machine's clock is wrong): renew it")]
    Expired,
    #[error("the broker's certificate is not valid yet: is this machine's clock right?")]
    TooEarly,
    #[error("the broker's certificate is for another name: connect by the name in the certificate, or add this one to it")]
    Name,
    #[error("the broker's certificate is not acceptable")]
    Other,
    #[error("the broker wants a certificate of ours, or does not believe the one it got")]
    Ours,
    #[error("the broker answers something else than TLS: is this the port for TLS?")]
    NoTls,
    #[error("TLS fails")]
    Handshake,
}

impl Distrust {
    /// For the technician, with what can be done about it.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Distrust::Issuer => "das Zertifikat des Brokers ist von keiner bekannten Stelle. Abhilfe: deren Wurzelzertifikat eintragen",
            Distrust::Expired => "das Zertifikat des Brokers ist abgelaufen. Abhilfe: erneuern (oder geht die Uhr hier falsch?)",
            Distrust::TooEarly => "das Zertifikat des Brokers gilt noch nicht. Abhilfe: die Uhr prüfen",
            Distrust::Name => "das Zertifikat des Brokers gilt für einen anderen Namen. Abhilfe: host an das Zertifikat anpassen",
            Distrust::Other => "das Zertifikat des Brokers ist nicht brauchbar. Abhilfe: ein neues ausstellen",
            Distrust::Ours => "der Broker verlangt ein Zertifikat von uns oder glaubt unserem nicht. Abhilfe: es prüfen",
            Distrust::NoTls => "der Broker spricht hier kein TLS. Abhilfe: Ist das sein Port für TLS (üblich: 8883)?",
            Distrust::Handshake => "die Verschlüsselung kommt nicht zustande. Abhilfe: TLS 1.2 oder 1.3 beim Broker einschalten",
        }
    }

    /// `None` if the failure was the line's and not about TLS.
    #[expect(clippy::wildcard_enum_match_arm, reason = "rustls has dozens of each, and adds more in minor versions")]
    #[expect(clippy::collapsible_match, reason = "one arm for each of its errors is easier to read")]
    pub(super) fn of(error: &io::Error) -> Option<Distrust> {
        Some(match error.get_ref()?.downcast_ref::<rustls::Error>()? {
            rustls::Error::InvalidCertificate(why) => match why {
                CertificateError::UnknownIssuer | CertificateError::BadSignature => Distrust::Issuer,
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Distrust::Expired,
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Distrust::TooEarly,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Distrust::Name,
                _ => Distrust::Other,
            },
            rustls::Error::AlertReceived(alert) => match alert {
                rustls::AlertDescription::CertificateRequired
                | rustls::AlertDescription::BadCertificate
                | rustls::AlertDescription::UnknownCA
                | rustls::AlertDescription::CertificateExpired
                | rustls::AlertDescription::CertificateUnknown
                | rustls::AlertDescription::UnsupportedCertificate
                | rustls::AlertDescription::CertificateRevoked
                | rustls::AlertDescription::AccessDenied
                | rustls::AlertDescription::DecryptError
                // What OpenSSL says in TLS 1.2 if there is no certificate.
                | rustls::AlertDescription::HandshakeFailure => Distrust::Ours,
                _ => Distrust::Handshake,
            },
            rustls::Error::InvalidMessage(_) => Distrust::NoTls,
            _ => Distrust::Handshake,
        })
    }
}
