//! Where the certificate comes from that TLS shows: ordered by ourselves (`acme`), or from files that somebody else renews (`files`). Ends
//! no TLS: what is shown lies in `Certificates`.

mod acme;
mod files;
mod pair;
mod standing;

use super::certificates::Certificates;
use super::clock::Clock;
use super::link::Link;
use super::outward::Outward;
use crate::config::CertificateConfig;
use std::convert::Infallible;
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
