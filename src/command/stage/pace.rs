//! How fast the time on stage runs: fast while nothing is due, at walking pace around everything that is, so that neither a slow disk nor
//! a slow machine can break a promise. Starts nothing and knows nobody.

use crate::domain::time::Millis;
use crate::port::clock::{Clock, Warp};
use crate::relay::pulse::Pulse;
use std::time::Duration;
use tokio::sync::watch;

/// Real time while something is happening.
const WALK: f64 = 1.0;
/// So much before something due it walks.
const NEAR: u64 = 1_500;

/// How fast, and how patient in real time.
#[derive(Clone, Copy, Debug)]
pub(in crate::command) struct Pace {
    /// How many times faster than real time at most.
    pub(in crate::command) fast: f64,
    /// What remains until something is due takes at least twice as long: so late may a timer be.
    pub(in crate::command) late: Duration,
    /// After the last thing that happened, wait this long for what follows from it: answers, statuses, the second webhook.
    pub(in crate::command) calm: Duration,
}

impl Pace {
    /// Keeps the pace for ever. `pages` are the moments at which the script does something.
    pub(in crate::command) async fn keep(self, clock: &Clock, warp: &Warp, mut pulses: watch::Receiver<Pulse>, pages: &[Millis]) {
        loop {
            self.calm(&mut pulses, warp).await;
            let now = clock.now();
            let page = pages.iter().copied().find(|page| *page > now);
            let due = pulses.borrow().next;
            let Some(next) = page.into_iter().chain(due).min() else { return std::future::pending().await };
            let (speed, until) = self.hop(now, next);
            warp.set_speed(speed);
            tokio::select! {
                _ = pulses.changed() => {}
                () = clock.sleep_until(until) => {
                    if until > next {
                        // What was due has just begun: what follows from it is not over before it shows.
                        let _ = tokio::time::timeout(self.calm, pulses.changed()).await;
                    }
                }
            }
        }
    }

    /// How fast, and until when: half of what remains, so that being late costs a part of the other half.
    fn hop(self, now: Millis, next: Millis) -> (f64, Millis) {
        let rest = next.since(now);
        if rest <= NEAR {
            return (WALK, next.plus(1));
        }
        let speed = rest as f64 / (2_000.0 * self.late.as_secs_f64());
        (speed.clamp(WALK, self.fast), now.plus(rest / 2))
    }

    /// Walks until nothing has happened for a while and no message is on its way.
    async fn calm(self, pulses: &mut watch::Receiver<Pulse>, warp: &Warp) {
        while pulses.has_changed().unwrap_or(false) || pulses.borrow().outbox.pending() > 0 {
            warp.set_speed(WALK);
            pulses.mark_unchanged();
            // Nothing for a while, or the next thing: both are news.
            let _ = tokio::time::timeout(self.calm, pulses.changed()).await;
        }
    }
}
