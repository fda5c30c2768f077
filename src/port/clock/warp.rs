//! A clock with a speed of its own, for the demo and for tests with scaled time.

use super::NAP;
use super::reading;
use crate::domain::time::Millis;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A clock that runs `speed` times as fast as the real one.
#[derive(Debug)]
pub struct Warp {
    hand: Mutex<Hand>,
    changed: Notify,
}

/// Where the hand stood at one real instant, and how fast it goes from there.
#[derive(Clone, Copy, Debug)]
struct Hand {
    real: Instant,
    shown: Millis,
    speed: f64,
    /// Here it stands still.
    until: Millis,
}

impl Hand {
    fn at(self, real: Instant) -> Millis {
        let passed = real.saturating_duration_since(self.real).as_secs_f64() * 1000.0 * self.speed;
        self.shown.plus(passed as u64).min(self.until)
    }
}

/// How far away a moment is that a standing clock will not show: longer than anybody waits, and short enough for every timer.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
/// A clock that was not told where to stop.
const ENDLESS: Millis = Millis(u64::MAX);

impl Warp {
    /// A clock that shows `start` now and goes at `speed` (more than 0).
    pub fn new(start: Millis, speed: f64) -> Arc<Warp> {
        Arc::new(Warp { hand: Mutex::new(Hand { real: reading::real(), shown: start, speed, until: ENDLESS }), changed: Notify::new() })
    }

    /// Goes at `speed` from now on; sleepers recompute.
    pub fn set_speed(&self, speed: f64) {
        self.run_until(ENDLESS, speed);
    }

    /// Goes at `speed` until it shows `until`, and stands still there, however late anybody looks: nothing that is due then is missed by a
    /// machine that is busy. A moment that has passed stops it at once.
    pub fn run_until(&self, until: Millis, speed: f64) {
        let mut hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner);
        let real = reading::real();
        let shown = hand.at(real);
        *hand = Hand { real, shown, speed, until: until.max(shown) };
        drop(hand);
        self.changed.notify_waiters();
    }

    /// What it shows.
    pub fn now(&self) -> Millis {
        self.hand().at(reading::real())
    }

    fn hand(&self) -> Hand {
        *self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn real_until(&self, at: Millis) -> Duration {
        let hand = self.hand();
        if at > hand.until {
            return NEVER;
        }
        let shown = at.since(hand.at(reading::real()));
        Duration::from_secs_f64(shown as f64 / 1000.0 / hand.speed)
    }

    pub(super) async fn sleep_until(&self, at: Millis) {
        loop {
            let changed = self.changed.notified();
            let rest = self.real_until(at);
            if rest.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(rest.min(NAP)) => {}
                () = changed => {}
            }
        }
    }
}
