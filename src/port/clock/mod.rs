//! The only place that reads the time. Decides nothing about it: whether it can be trusted is an event like any other.
//!
//! Two clocks: the system's, and a warped one for the demo and for tests with scaled time, whose speed can change while it runs.

use super::{Arrival, Inbox};
use crate::config::ClockConfig;
use crate::domain::event::Event;
use crate::domain::time::{Millis, Timestamp};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Longest sleep in one piece: a wall clock that was stepped is noticed within this time.
const NAP: Duration = Duration::from_secs(30);
/// systemd-timesyncd makes this file when the clock has been synchronised (systemd-timesyncd.service(8)).
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";
/// How often the file is looked for until it is there: a start waits at most this much longer than it must.
const LOOK: Duration = Duration::from_secs(2);

/// What time it is, and how long until.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's wall clock.
    #[default]
    System,
    /// A clock with a speed of its own.
    Warped(Arc<Warp>),
}

impl Clock {
    /// Wall-clock time, UTC. Before 1970 reads as 1970.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now(&self) -> Millis {
        match self {
            Clock::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            Clock::Warped(warp) => warp.now(),
        }
    }

    /// This moment, to be asked about later.
    pub fn mark(&self) -> Mark {
        Mark { real: real_now(), shown: self.now() }
    }

    /// When `mark` was, by what the clock shows now: a clock that was set meanwhile, as a Pi's is after every start, would otherwise make
    /// of three minutes three weeks.
    pub fn when(&self, mark: Mark) -> Timestamp {
        match self {
            Clock::System => {
                let passed = real_now().saturating_duration_since(mark.real).as_millis();
                Millis(self.now().0.saturating_sub(u64::try_from(passed).unwrap_or(u64::MAX))).second()
            }
            // It is never set, and its speed changes.
            Clock::Warped(_) => mark.shown.second(),
        }
    }

    /// Resolves at `at`, or a little earlier if the clock was stepped meanwhile: ask again what time it is.
    pub async fn sleep_until(&self, at: Millis) {
        match self {
            Clock::System => tokio::time::sleep(Duration::from_millis(at.since(self.now())).min(NAP)).await,
            Clock::Warped(warp) => warp.sleep_until(at).await,
        }
    }

    /// How long, in real time, until the second `until` is over: the bound for anything that must not happen after it.
    pub fn remaining(&self, until: Timestamp) -> Duration {
        let end = until.plus(1).millis();
        match self {
            Clock::System => Duration::from_millis(end.since(self.now())),
            Clock::Warped(warp) => warp.real_until(end),
        }
    }
}

/// A moment that survives the setting of the clock. See [`Clock::when`].
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    real: Instant,
    shown: Millis,
}

/// Waits until the clock is known to be right and says so, once: to the relay, and to the ports that must not act before. A warped clock is
/// right by definition.
pub async fn watch_trust(config: ClockConfig, clock: &Clock, inbox: &Inbox, trusted: &watch::Sender<bool>) {
    match (config, clock) {
        (ClockConfig::Timesyncd, Clock::System) => {
            while !Path::new(SYNCHRONISED).exists() {
                tokio::time::sleep(LOOK).await;
            }
        }
        (ClockConfig::Always, Clock::System) | (_, Clock::Warped(_)) => {}
    }
    trusted.send_replace(true);
    // A relay that is gone needs no clock.
    let _ = inbox.send(Arrival::told(Event::ClockTrusted)).await;
}

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
        Arc::new(Warp { hand: Mutex::new(Hand { real: real_now(), shown: start, speed, until: ENDLESS }), changed: Notify::new() })
    }

    /// Goes at `speed` from now on; sleepers recompute.
    pub fn set_speed(&self, speed: f64) {
        self.run_until(ENDLESS, speed);
    }

    /// Goes at `speed` until it shows `until`, and stands still there, however late anybody looks: nothing that is due then is missed by a
    /// machine that is busy. A moment that has passed stops it at once.
    pub fn run_until(&self, until: Millis, speed: f64) {
        let mut hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner);
        let real = real_now();
        let shown = hand.at(real);
        *hand = Hand { real, shown, speed, until: until.max(shown) };
        drop(hand);
        self.changed.notify_waiters();
    }

    /// What it shows.
    pub fn now(&self) -> Millis {
        self.hand().at(real_now())
    }

    fn hand(&self) -> Hand {
        *self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn real_until(&self, at: Millis) -> Duration {
        let hand = self.hand();
        if at > hand.until {
            return NEVER;
        }
        let shown = at.since(hand.at(real_now()));
        Duration::from_secs_f64(shown as f64 / 1000.0 / hand.speed)
    }

    async fn sleep_until(&self, at: Millis) {
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

#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
fn real_now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_warped_clock_keeps_its_speed_and_its_sleepers_follow() {
        let warp = Warp::new(Millis(1_000_000), 100.0);
        let clock = Clock::Warped(Arc::clone(&warp));
        assert_eq!(clock.remaining(Timestamp(1_099)), Duration::from_secs(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.now(), Millis(1_100_000));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(Millis(1_200_000)).await }
        });
        tokio::task::yield_now().await;
        warp.set_speed(1_000.0);
        tokio::time::advance(Duration::from_millis(100)).await;
        sleeper.await.expect("woken");
        assert_eq!(clock.now(), Millis(1_200_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_mark_outlives_what_the_clock_was_set_to() {
        let warp = Warp::new(Millis(1_000_000), 10.0);
        let warped = Clock::Warped(Arc::clone(&warp));
        let (then, shown) = (warped.mark(), Mark { real: real_now(), shown: Millis(0) });
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!((warped.now(), warped.when(then)), (Millis(1_600_000), Timestamp(1_000)));
        // When it was made the clock showed 1970; the paused one counts the minute since.
        let before = Clock::System.now();
        let when = Clock::System.when(shown);
        let minute_ago = |at: Millis| Timestamp(at.second().0 - 60);
        assert!((minute_ago(before)..=minute_ago(Clock::System.now())).contains(&when), "{when:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_warped_clock_stands_still_where_it_was_told_to() {
        let warp = Warp::new(Millis(1_000_000), 1.0);
        let clock = Clock::Warped(Arc::clone(&warp));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(Millis(1_200_000)).await }
        });
        tokio::task::yield_now().await;
        warp.run_until(Millis(1_199_999), 1_000_000.0);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!((clock.now(), sleeper.is_finished()), (Millis(1_199_999), false));
        warp.run_until(Millis(1_200_000), 1.0);
        sleeper.await.expect("woken");
        assert_eq!(clock.now(), Millis(1_200_000));
    }
}
