//! What time it is. Decides nothing about it: whether it can be trusted is judged by `domain::trust` and is an event like any other.
//!
//! | clock | for |
//! |---|---|
//! | [`Kept`] | the relay: its own, which moves only for a reason (see the drawing in `domain::trust`) |
//! | the system's | commands that ask once, and tests |
//! | [`Warp`] | the demo and tests with scaled time, whose speed can change while it runs |
//!
//! Proofs come from a time server's [`marks`] and, told by the ports that hear them, from Meta's `Date` and the stamps of webhooks. The
//! [`keeper`] tells the relay and the ports.

mod chrony;
mod keeper;
mod kept;
mod marks;
mod reading;
mod remembered;
#[cfg(test)]
mod tests;
mod warp;

pub use keeper::keep;
pub use kept::Kept;
pub use warp::Warp;

use crate::config::ClockConfig;
use crate::domain::time::{Millis, Timestamp};
use crate::domain::trust::{Proof, Standing, Trust, Uptime};
use kept::Machine;
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Longest sleep in one piece: a wall clock that was stepped is noticed within this time.
const NAP: Duration = Duration::from_secs(30);
/// 2026-11-01 00:00 UTC: no clock is right that shows an earlier time than that of this program's making. The first of the month in which
/// the newest release of CHANGELOG.md was made, or before the first one that in which it was written.
pub const RELEASED: Timestamp = Timestamp(1_793_491_200);

/// What time it is, and how long until.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's wall clock.
    #[default]
    System,
    /// Our own.
    Kept(Arc<Kept>),
    /// A clock with a speed of its own.
    Warped(Arc<Warp>),
}

impl Clock {
    /// Our own clock, by what was last proven in this state directory. [`keep`] keeps it.
    pub fn kept(config: ClockConfig, directory: &Path) -> Clock {
        let trust = match config {
            ClockConfig::Proven => Trust::new(remembered::read(directory).map_or(RELEASED, |proven| proven.max(RELEASED))),
            ClockConfig::Always => Trust::said(),
        };
        Clock::Kept(Arc::new(Kept::new(trust, Machine::Real)))
    }

    /// Wall-clock time, UTC. Before 1970 reads as 1970.
    pub fn now(&self) -> Millis {
        match self {
            Clock::System => reading::system(),
            Clock::Kept(kept) => kept.now(),
            Clock::Warped(warp) => warp.now(),
        }
    }

    /// This moment, to be asked about later.
    pub fn mark(&self) -> Mark {
        let up = match self {
            Clock::Kept(kept) => kept.uptime(),
            Clock::System | Clock::Warped(_) => Uptime(0),
        };
        Mark { real: reading::real(), up, shown: self.now() }
    }

    /// When `mark` was, by what the clock shows now: a clock that was set meanwhile, as a Pi's is after every start, would otherwise make
    /// of three minutes three weeks.
    pub fn when(&self, mark: Mark) -> Timestamp {
        match self {
            Clock::System => {
                let passed = reading::real().saturating_duration_since(mark.real).as_millis();
                Millis(self.now().0.saturating_sub(u64::try_from(passed).unwrap_or(u64::MAX))).second()
            }
            Clock::Kept(kept) => kept.then(mark.up).second(),
            // It is never set, and its speed changes.
            Clock::Warped(_) => mark.shown.second(),
        }
    }

    /// Resolves at `at`, or a little earlier if the clock was stepped meanwhile: ask again what time it is.
    pub async fn sleep_until(&self, at: Millis) {
        match self {
            Clock::System | Clock::Kept(_) => tokio::time::sleep(Duration::from_millis(at.since(self.now())).min(NAP)).await,
            Clock::Warped(warp) => warp.sleep_until(at).await,
        }
    }

    /// How long, in real time, until the second `until` is over: the bound for anything that must not happen after it.
    pub fn remaining(&self, until: Timestamp) -> Duration {
        let end = until.plus(1).millis();
        match self {
            Clock::System | Clock::Kept(_) => Duration::from_millis(end.since(self.now())),
            Clock::Warped(warp) => warp.real_until(end),
        }
    }

    /// How it stands.
    pub fn view(&self) -> ClockView {
        match self {
            Clock::Kept(kept) => kept.ask(|trust, up, system| {
                let since = trust.shows(up, system).0.saturating_sub(up.since(trust.since()));
                ClockView {
                    standing: trust.standing(),
                    since: Millis(since).second(),
                    meta_ahead: trust.meta_ahead(up),
                    system_ahead: trust.system_ahead(),
                }
            }),
            Clock::System | Clock::Warped(_) => {
                ClockView { standing: Standing::Trusted(Proof::Said), since: Timestamp(0), meta_ahead: None, system_ahead: 0 }
            }
        }
    }

    /// Whether it is known to be right. The system's own and a warped one are, by definition.
    pub fn is_trusted(&self) -> bool {
        match self {
            Clock::Kept(kept) => kept.ask(|trust, _, _| trust.is_trusted()),
            Clock::System | Clock::Warped(_) => true,
        }
    }

    /// By what times certificates are judged, the second only if the first is outside a certificate's validity; `None`: by the system's.
    ///
    /// While the clock is not trusted that is the later of what it shows and the last time that is known to have passed, or else that time
    /// itself: a clock in 1970 or in 2038 must not keep us from ever learning the right one.
    pub fn certificate_times(&self) -> Option<[Timestamp; 2]> {
        match self {
            Clock::Kept(kept) => kept.ask(|trust, up, system| {
                let shown = trust.shows(up, system).second();
                Some(if trust.is_trusted() { [shown; 2] } else { [shown.max(trust.floor()), trust.floor()] })
            }),
            Clock::System | Clock::Warped(_) => None,
        }
    }

    /// Meta's clock showed `date` at some moment between `asked` and now. Only what came over TLS that proves Meta may be told.
    pub fn dated(&self, date: Timestamp, asked: Mark) {
        match self {
            Clock::Kept(kept) => kept.dated(date, asked.up),
            Clock::System | Clock::Warped(_) => {}
        }
    }

    /// A webhook that Meta has signed says something that happened at `stamp`.
    pub fn heard(&self, stamp: Timestamp) {
        match self {
            Clock::Kept(kept) => kept.heard(stamp),
            Clock::System | Clock::Warped(_) => {}
        }
    }

    /// Returns when Meta is to be asked what time it is.
    pub async fn question(&self) {
        match self {
            Clock::Kept(kept) => kept.question().await,
            Clock::System | Clock::Warped(_) => pending().await,
        }
    }
}

/// The clock at one moment, for those who show it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockView {
    /// Whether it is known to be right, and why.
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    /// How far Meta's clock is ahead of it at least, in milliseconds; negative if behind, 0 if both may be right. `None`: not heard yet.
    pub meta_ahead: Option<i64>,
    /// How far the system's clock is ahead of it, in milliseconds; negative if behind.
    pub system_ahead: i64,
}

impl ClockView {
    /// Whether it is known to be right.
    pub fn is_trusted(&self) -> bool {
        match self.standing {
            Standing::Trusted(_) => true,
            Standing::Untrusted(_) => false,
        }
    }

    /// Why it is not known to be right, if so: in German, as part of a sentence.
    pub fn doubt(&self) -> Option<String> {
        match self.standing {
            Standing::Trusted(_) => None,
            Standing::Untrusted(why) => Some(why.what()),
        }
    }
}

/// A moment that survives the setting of the clock. See [`Clock::when`].
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    real: Instant,
    up: Uptime,
    shown: Millis,
}
