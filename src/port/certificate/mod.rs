//! Where the certificate comes from. (being written)

use crate::config::CertificateConfig;
use crate::port::certificates::Certificates;
use crate::port::clock::Clock;
use crate::port::link::Link;
use crate::port::outward::Outward;
use std::convert::Infallible;
use tokio::sync::watch;

/// (being written)
pub async fn run(
    _config: &CertificateConfig,
    _certificates: &Certificates,
    _outward: &Outward,
    _clock: &Clock,
    _trusted: &mut watch::Receiver<bool>,
    _link: &Link,
) -> Infallible {
    std::future::pending().await
}
