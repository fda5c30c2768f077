//! How fast the demo's time runs: fast while nothing is due, at walking pace around everything that is, so that a slow disk cannot break a
//! promise. Starts nothing and knows nobody.

use crate::domain::time::Millis;
use crate::port::clock::{Clock, Warp};
use crate::relay::Pulse;
use std::time::Duration;
use tokio::sync::watch;

/// Two days at this speed are a minute.
const FAST: f64 = 2_880.0;
/// The last minute before something is due takes a second.
const APPROACH: f64 = 60.0;
/// Real time while something is happening.
const WALK: f64 = 1.0;
/// At FAST a millisecond is three seconds, and timers are a few milliseconds late: leave this much before anything due.
const FAR: u64 = 60_000;
/// At APPROACH a millisecond is 60 ms: leave this much.
const NEAR: u64 = 1_500;
/// After the last thing that happened, wait this long in real time for what follows from it: answers, statuses, the second webhook.
const CALM: Duration = Duration::from_millis(250);

/// Keeps the pace for ever. `pages` are the moments at which the script does something.
pub(super) async fn keep(clock: &Clock, warp: &Warp, mut pulses: watch::Receiver<Pulse>, pages: Vec<Millis>) {
    loop {
        calm(&mut pulses, warp).await;
        let now = clock.now();
        let page = pages.iter().copied().find(|page| *page > now);
        let due = pulses.borrow().next;
        let Some(next) = page.into_iter().chain(due).min() else { return std::future::pending().await };
        let (speed, until) = match next.since(now) {
            rest if rest > FAR => (FAST, Millis(next.0 - FAR)),
            rest if rest > NEAR => (APPROACH, Millis(next.0 - NEAR)),
            _ => (WALK, next.plus(1)),
        };
        warp.set_speed(speed);
        tokio::select! {
            _ = pulses.changed() => {}
            () = clock.sleep_until(until) => {
                if until > next {
                    // What was due has just begun: what follows from it is not over before it shows.
                    let _ = tokio::time::timeout(CALM, pulses.changed()).await;
                }
            }
        }
    }
}

/// Walks until nothing has happened for a while and no message is on its way.
async fn calm(pulses: &mut watch::Receiver<Pulse>, warp: &Warp) {
    while pulses.has_changed().unwrap_or(false) || pulses.borrow().outbox.pending() > 0 {
        warp.set_speed(WALK);
        pulses.mark_unchanged();
        // Nothing for a while, or the next thing: both are news.
        let _ = tokio::time::timeout(CALM, pulses.changed()).await;
    }
}
