//! Where the certificate comes from that TLS shows: ordered by ourselves (`acme`), or from files that somebody else renews (`files`). Ends
//! no TLS: what is shown lies in `Certificates`.

mod acme;
mod files;
mod pair;
mod standing;

use super::certificates::{Certificates, Validity};
use super::clock::Clock;
use super::link::Link;
use super::outward::Outward;
use crate::config::CertificateConfig;
use crate::domain::time::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use standing::Standing;
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use tokio::sync::watch;

/// Keeps a valid certificate in `certificates`, for ever. `trusted` becomes true once the clock is known to be right: no order before that,
/// and no word on what has expired; a certificate that is on disk is shown at once. `way`: the link by which validations come in, if it is
/// ours: nothing is ordered while it is down.
pub async fn run(
    config: &CertificateConfig,
    certificates: &Certificates,
    outward: &Outward,
    clock: &Clock,
    trusted: &mut watch::Receiver<bool>,
    way: Option<&Link>,
    link: &Link,
) -> Infallible {
    match config {
        CertificateConfig::Acme(acme) => acme::keep(acme, certificates, outward, clock, trusted, way, link).await,
        CertificateConfig::Files { chain, key } => files::keep((chain, key), certificates, clock, trusted, link).await,
    }
}

/// Where the certificate lies that would be shown: for whoever looks while no relay runs.
pub fn path(config: &CertificateConfig) -> PathBuf {
    match config {
        CertificateConfig::Acme(acme) => acme::path(&acme.folder),
        CertificateConfig::Files { chain, .. } => chain.clone(),
    }
}

/// Until when the certificate in these bytes of PEM is good, and whether it should have been renewed or is over by `now`.
///
/// # Errors
/// If there is none that can be read.
pub fn until(pem: &[u8], now: Timestamp) -> io::Result<(Timestamp, bool)> {
    let unreadable = || io::Error::new(io::ErrorKind::InvalidData, "kein lesbares Zertifikat in PEM");
    let leaf = CertificateDer::from_pem_slice(pem).map_err(|_| unreadable())?;
    let validity = Validity::of(&leaf).ok_or_else(unreadable)?;
    Ok((validity.not_after, Standing::at(validity, now) != Standing::Good))
}
