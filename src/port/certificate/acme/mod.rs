//! A certificate of our own, ordered from an authority that speaks ACME (RFC 8555), renewed in time and for ever. Says when; how is in
//! `order`.
//!
//! | when | what |
//! |---|---|
//! | at start | what lies on disk is shown |
//! | the clock is not known to be right | nothing is ordered |
//! | the tunnel does not stand | nothing is ordered: who validates could not come in |
//! | there is none, or it is for another name, or of another authority | ordered at once |
//! | twice a day, or as often as the authority wants | asked when to renew (RFC 9773) |
//! | at a random moment of the window it names, else after two thirds of the lifetime | renewed, with a new key |
//! | it failed | again after 1, 2, 4, 8 minutes, then hourly |

mod failure;
mod folder;
mod http;
mod order;
mod patience;

use super::pair::Pair;
use super::standing::{Teller, late};
use crate::config::AcmeConfig;
use crate::domain::time::Timestamp;
use crate::port::certificates::{Certificates, Validity};
use crate::port::clock::{Clock, Mark};
use crate::port::link::{Condition, Link};
use crate::port::outward::Outward;
use folder::Folder;
pub(super) use folder::path;
use http::Http;
use order::{Advice, Authority, Failed};
use patience::{Patience, advised, two_thirds, youth};
use rustls::pki_types::CertificateDer;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// How often the authority is asked for its advice if it does not say.
const LOOK: u32 = 12 * 3600;
/// How often it is asked at least and at most, whatever it says (RFC 9773 4.3.2).
const LOOKS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(24 * 3600));

/// Keeps a certificate in `certificates`.
pub(super) async fn keep(
    config: &AcmeConfig,
    certificates: &Certificates,
    outward: &Outward,
    clock: &Clock,
    trusted: &mut watch::Receiver<bool>,
    way: Option<&Link>,
    link: &Link,
) -> Infallible {
    let folder = Folder::new(&config.folder, &config.directory);
    let held = on_disk(&folder, &config.name, certificates);
    let http = match Http::new(config, outward, clock) {
        Ok(http) => http,
        Err(error) => {
            tracing::error!("no certificate can be ordered with this configuration");
            link.down(format!("{error:#}"));
            return std::future::pending().await;
        }
    };
    let authority = Authority { config, http, folder, certificates };
    let (patience, teller) = (Patience::default(), Teller::default());
    let mut keeper = Keeper { authority, clock, link, way, held, patience, trouble: None, paused: Pause::new(clock, 0), teller };
    if keeper.held.is_none() && !*trusted.borrow() {
        link.down("noch kein Zertifikat: bestellt wird, sobald die Uhr gestellt ist. Abhilfe: den Zeitserver prüfen");
    }
    loop {
        if trusted.wait_for(|trusted| *trusted).await.is_err() {
            // Nobody is left who could say so: the relay is ending.
            return std::future::pending().await;
        }
        keeper.way_in().await;
        let next = keeper.turn().await;
        reach(clock, next).await;
    }
}

/// What is shown, and when it is to be replaced.
struct Held {
    leaf: CertificateDer<'static>,
    validity: Validity,
    /// The window that was advised last, and the moment of it that was drawn.
    advised: Option<((Timestamp, Timestamp), Timestamp)>,
    /// Another authority's: replaced at once.
    foreign: bool,
}

impl Held {
    /// Shows it.
    fn show(pair: Pair, foreign: bool, certificates: &Certificates) -> Held {
        certificates.show(pair.certified);
        Held { leaf: pair.leaf, validity: pair.validity, advised: None, foreign }
    }

    fn due(&self) -> Timestamp {
        match self.advised {
            _ if self.foreign => Timestamp(0),
            Some((_, moment)) => moment,
            None => two_thirds(self.validity),
        }
    }
}

/// Shows what lies on disk. Nothing that is wrong with it keeps us from ordering another one.
fn on_disk(folder: &Folder, name: &str, certificates: &Certificates) -> Option<Held> {
    match folder.certificate(name) {
        Ok(kept) => kept.map(|kept| Held::show(kept.pair, kept.foreign, certificates)),
        Err(error) => {
            tracing::warn!(%error, "the certificate on disk cannot be read");
            None
        }
    }
}

struct Keeper<'a> {
    authority: Authority<'a>,
    clock: &'a Clock,
    link: &'a Link,
    /// By what who validates comes in, if that is known: nothing is ordered while it does not work.
    way: Option<&'a Link>,
    held: Option<Held>,
    patience: Patience,
    /// Why there was no new one when it was last tried, in German.
    trouble: Option<String>,
    /// Until when nothing is ordered, because it failed, or has just been done.
    paused: Pause,
    teller: Teller,
}

impl Keeper<'_> {
    /// Waits for the way in if something is to be ordered. An authority that cannot come in counts a failure, and gives us five an hour.
    async fn way_in(&self) {
        let now = self.now();
        let due = self.held.as_ref().is_none_or(|held| held.due() <= now) && self.paused.until(self.clock) <= now;
        let Some(way) = self.way.filter(|way| due && way.view().condition != Condition::Up) else { return };
        if self.held.is_none() {
            self.link.down("noch kein Zertifikat: bestellt wird, sobald der Tunnel steht");
        }
        way.reached().await;
    }

    /// Does what is due, says how it stands, and when something will be due.
    async fn turn(&mut self) -> Timestamp {
        let now = self.now();
        let due = self.held.as_ref().is_none_or(|held| held.due() <= now);
        let next = match () {
            () if due && self.paused.until(self.clock) <= now => self.try_to_renew().await,
            // Only to say how it stands.
            () if due => self.paused.until(self.clock),
            () => self.look().await,
        };
        let now = self.now();
        self.teller.tell(self.held.as_ref().map(|held| held.validity), now, self.trouble.as_deref(), self.link);
        let turns = self.held.iter().flat_map(|held| [late(held.validity), held.validity.not_after.plus(1)]);
        turns.filter(|turn| *turn > now).fold(next, Timestamp::min)
    }

    /// When something else is to be done.
    async fn try_to_renew(&mut self) -> Timestamp {
        match self.renew().await {
            Ok(()) => {
                (self.patience, self.trouble) = (Patience::default(), None);
                // Not even if it should be due already: who issues such a thing would get one order after the other.
                self.paused = Pause::new(self.clock, self.held.as_ref().map_or(0, |held| youth(held.validity)));
                self.look().await
            }
            Err(Failed { why, counted }) => {
                let pause = self.patience.after(counted, self.authority.http.hold(), chance());
                tracing::info!(%why, pause, "no new certificate");
                self.trouble = Some(why.sentence(&self.authority.config.name, self.now()));
                self.paused = Pause::new(self.clock, pause);
                self.paused.until(self.clock)
            }
        }
    }

    async fn renew(&mut self) -> Result<(), Failed> {
        let replaces = self.held.as_ref().filter(|held| !held.foreign).map(|held| &held.leaf);
        let pair = self.authority.order(replaces).await?;
        self.held = Some(Held::show(pair, false, self.authority.certificates));
        Ok(())
    }

    /// Asks for advice. When to do so again, or something else.
    async fn look(&mut self) -> Timestamp {
        let Some(held) = &mut self.held else { return self.now().plus(LOOK) };
        let look = match self.authority.advice(&held.leaf).await {
            Ok(Advice { window, again }) => {
                if held.advised.is_none_or(|(known, _)| known != window) {
                    held.advised = Some((window, advised(held.validity, window, chance())));
                }
                u32::try_from(again.clamp(LOOKS.0, LOOKS.1).as_secs()).unwrap_or(LOOK)
            }
            Err(why) => {
                tracing::debug!(%why, "no advice on when to renew");
                LOOK
            }
        };
        let due = held.due();
        self.now().plus(look).min(due)
    }

    fn now(&self) -> Timestamp {
        self.clock.now().second()
    }
}

/// Waits for `at`, and no longer than it is until then now: the clock may be set back meanwhile.
async fn reach(clock: &Clock, at: Timestamp) {
    let pause = Pause::new(clock, at.since(clock.now().second()));
    loop {
        let end = pause.until(clock).min(at);
        if clock.now().second() >= end {
            return;
        }
        clock.sleep_until(end.millis()).await;
    }
}

/// Seconds from one moment on, however the clock is set meanwhile: one that was five days fast when the first order failed, and is right
/// now, must not cost five days without a certificate.
#[derive(Clone, Copy)]
struct Pause {
    since: Mark,
    seconds: u32,
}

impl Pause {
    /// From now on.
    fn new(clock: &Clock, seconds: u32) -> Pause {
        Pause { since: clock.mark(), seconds }
    }

    /// When it is over, by what the clock shows now.
    fn until(self, clock: &Clock) -> Timestamp {
        clock.when(self.since).plus(self.seconds)
    }
}

/// Without randomness all devices ask at once, which is rude and not wrong.
fn chance() -> u32 {
    getrandom::u32().unwrap_or_default()
}
