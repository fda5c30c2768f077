//! The port that keeps a certificate: against Debian's pebble through the real door, against a scripted authority, and with files.
//! Asserts what is shown, what is on disk, and what technicians are told.

mod authority;
mod disk;
mod files;
mod real;
mod scripted;

use drk_relay::config::{AcmeConfig, CertificateConfig};
use drk_relay::domain::time::Timestamp;
use drk_relay::port::certificate;
use drk_relay::port::certificates::Certificates;
use drk_relay::port::clock::{Clock, Warp};
use drk_relay::port::link::{Condition, Link};
use drk_relay::port::outward::Outward;
use rustls::pki_types::CertificateDer;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// What we are called.
const OURS: &str = "wa.example";
const DAY: u32 = 24 * 3600;
/// Everything happens within a second or so; this is for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// How fast a clock goes that is to be somewhere else at once.
const JUMP: f64 = 1e12;

/// A port at work.
struct Station {
    certificates: Certificates,
    clock: Clock,
    trusted: watch::Sender<bool>,
    link: Link,
    _port: AbortOnDropHandle<()>,
}

impl Station {
    /// `trusted`: whether the clock is known to be right from the start.
    fn start(config: CertificateConfig, clock: &Clock, trusted: bool) -> Station {
        Station::behind(config, clock, trusted, None)
    }

    /// With a tunnel by which who validates comes in.
    fn behind(config: CertificateConfig, clock: &Clock, trusted: bool, way: Option<Link>) -> Station {
        let (certificates, link, trusted) = (Certificates::new(), Link::new(clock.clone()), watch::Sender::new(trusted));
        let port = tokio::spawn({
            let (certificates, clock, link, mut trusted) = (certificates.clone(), clock.clone(), link.clone(), trusted.subscribe());
            async move {
                certificate::run(&config, &certificates, &Outward::Direct, &clock, &mut trusted, way.as_ref(), &link).await;
            }
        });
        Station { certificates, clock: clock.clone(), trusted, link, _port: AbortOnDropHandle::new(port) }
    }

    /// The leaf that is shown.
    fn leaf(&self) -> Option<CertificateDer<'static>> {
        self.certificates.current().map(|key| key.cert[0].clone())
    }

    /// The first that is shown.
    async fn shown(&self) -> CertificateDer<'static> {
        until(|| self.leaf()).await
    }

    /// The next that is shown.
    async fn another(&self, than: &CertificateDer<'static>) -> CertificateDer<'static> {
        until(|| self.leaf().filter(|leaf| leaf != than)).await
    }

    /// What technicians are told, once it contains this.
    async fn complains(&self, of: &str) -> String {
        until(|| self.complaint().filter(|why| why.contains(of))).await
    }

    fn complaint(&self) -> Option<String> {
        match self.link.view().condition {
            Condition::Down(why) => Some(why),
            Condition::Untried | Condition::Up => None,
        }
    }

    async fn is_up(&self) {
        until(|| (self.link.view().condition == Condition::Up).then_some(())).await;
    }
}

/// Asks until there is an answer.
async fn until<T>(ask: impl Fn() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            // waits: what is asked about tells nobody when it changes.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("nothing happened for a long time")
}

/// A clock that shows `at`, and its hand.
fn clock(at: Timestamp) -> (Clock, Arc<Warp>) {
    let warp = Warp::new(at.millis(), 1.0);
    (Clock::Warped(Arc::clone(&warp)), warp)
}

fn acme(directory: &str, roots: Option<&[u8]>, folder: &Path) -> AcmeConfig {
    AcmeConfig {
        directory: directory.to_owned(),
        contact: Some("technik@drk.example".to_owned()),
        profile: None,
        roots: roots.map(<[u8]>::to_vec),
        name: OURS.to_owned(),
        folder: folder.to_owned(),
    }
}
