//! Why a connection was not let in: names, counted. Says nothing of who it was.

use super::proxy::Malformed;
use rustls::{CertificateError, Error};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

/// Why a connection was closed before it could say anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, thiserror::Error)]
pub enum Refusal {
    /// The header of the PROXY protocol is missing or wrong.
    #[error("{0}")]
    Header(Malformed),
    /// Header and handshake took too long.
    #[error("header and handshake were not complete in time")]
    Slow,
    /// It ended by itself.
    #[error("the connection ended within the handshake")]
    Left,
    /// It does not begin like TLS.
    #[error("something else than TLS")]
    NoTls,
    /// There is nothing to show yet.
    #[error("there is no certificate yet")]
    NoCertificate,
    /// It calls another name than ours.
    #[error("another name is called")]
    OtherName,
    /// Somebody validates what nobody ordered.
    #[error("a validation that was not ordered")]
    NotOrdered,
    /// It does not believe our certificate.
    #[error("the caller does not believe our certificate")]
    Disbelieved,
    /// It shows a certificate with another name than Meta's.
    #[error("the caller's certificate is not Meta's: another name")]
    NotMeta,
    /// It shows a certificate that none of Meta's authorities has signed.
    #[error("the caller's certificate is not Meta's: signed by somebody else")]
    Issuer,
    /// It shows a certificate that is not good any more, or not yet.
    #[error("the caller's certificate has expired or is not valid yet")]
    Expired,
    /// It shows a certificate that is otherwise wrong.
    #[error("the caller's certificate is not acceptable")]
    Certificate,
    /// The handshake fails for another reason: no version or cipher in common.
    #[error("the handshake fails")]
    Handshake,
}

impl Refusal {
    /// What a failed handshake means.
    #[expect(clippy::wildcard_enum_match_arm, reason = "rustls has dozens of each, and adds more in minor versions")]
    pub(super) fn of(error: &io::Error) -> Refusal {
        let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<Error>()) else { return Refusal::Left };
        match error {
            Error::InvalidMessage(_) => Refusal::NoTls,
            Error::AlertReceived(_) => Refusal::Disbelieved,
            Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => Refusal::NotMeta,
            Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => Refusal::Issuer,
            Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ) => Refusal::Expired,
            Error::InvalidCertificate(_) => Refusal::Certificate,
            _ => Refusal::Handshake,
        }
    }
}

impl Refusal {
    /// Whether something here or on the relay host may be set up wrongly, so that somebody should hear of it. Else it is what strangers do
    /// all day, or what is told elsewhere.
    fn may_be_our_fault(self) -> bool {
        match self {
            // Who stands before us sends a header always or never.
            Refusal::Header(malformed) => malformed != Malformed::Truncated,
            // Only Meta is asked for a certificate, and strangers have none to show. It is Meta's that has changed, or our `meta_ca_file`.
            Refusal::NotMeta | Refusal::Issuer | Refusal::Expired | Refusal::Certificate => true,
            Refusal::Slow | Refusal::Left | Refusal::NoTls | Refusal::NoCertificate | Refusal::OtherName => false,
            Refusal::NotOrdered | Refusal::Disbelieved | Refusal::Handshake => false,
        }
    }
}

/// How often each has happened.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<BTreeMap<Refusal, u64>>);

impl Counts {
    /// Once more. Told the first time, and whenever the number has doubled: whoever knocks all day writes twenty lines.
    pub(super) fn add(&self, refusal: Refusal) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = counts.entry(refusal).or_default();
        *times += 1;
        if times.is_power_of_two() {
            if refusal.may_be_our_fault() {
                tracing::warn!(%refusal, times, "connection refused: if it was Meta's, or the relay host's, no webhook gets through");
            } else {
                tracing::debug!(%refusal, times, "connection refused");
            }
        }
    }

    pub(super) fn of(&self, refusal: Refusal) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&refusal).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_setting_can_heal_is_told_and_what_strangers_do_is_not() {
        let told = [Refusal::Header(Malformed::Version1), Refusal::Header(Malformed::Signature), Refusal::Issuer, Refusal::NotMeta];
        assert!(told.into_iter().all(Refusal::may_be_our_fault));
        let strangers = [Refusal::Header(Malformed::Truncated), Refusal::NoTls, Refusal::OtherName, Refusal::Slow, Refusal::Disbelieved];
        assert!(!strangers.into_iter().any(Refusal::may_be_our_fault));
    }
}
