//! The number's token bucket, in virtual time. Meta counts both directions (WhatsApp docs: throughput), so what people write takes tokens,
//! too. No queue and no clock: it is asked with a "now" and says when.

use crate::domain::time::Millis;

/// Tokens that may be saved up: an eighth of a second at 80/s. Small, because answers to a broadcast arrive in bursts.
pub const BURST: u64 = 10;
/// What arrives takes at most three quarters of the rate: however much people write, answers still leave.
const ARRIVING: (u64, u64) = (3, 4);
/// More than this is never owed, in microseconds: a second of what people wrote at once.
const DEBT: u64 = 1_000_000;

/// Generic cell rate algorithm, twice: the theoretical arrival time of the next message, in microseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bucket {
    /// Of both directions.
    both: u64,
    /// Of what people write, as far as it is counted.
    arriving: u64,
}

impl Bucket {
    /// A bucket with one token: of the second before a new process knows nothing, and it may have been full of messages.
    pub fn restarted(now: Millis, rate: u32) -> Bucket {
        Bucket { both: now.0 * 1000 + (BURST - 1) * interval(rate), arriving: 0 }
    }

    /// When the next `messages` (1 to [`BURST`]) may leave together at `rate` messages a second: `now`, or later.
    pub fn ready_at(self, now: Millis, rate: u32, messages: u64) -> Millis {
        let spare = BURST.saturating_sub(messages.clamp(1, BURST));
        let earliest = self.theoretical(now, rate).saturating_sub(spare * interval(rate));
        Millis(earliest.div_ceil(1000)).max(now)
    }

    /// The bucket after one message left at `now`.
    #[must_use]
    pub fn take(self, now: Millis, rate: u32) -> Bucket {
        Bucket { both: self.theoretical(now, rate).max(now.0 * 1000) + interval(rate), ..self }
    }

    /// The bucket after one message arrived at `now`.
    #[must_use]
    pub fn heard(self, now: Millis, rate: u32) -> Bucket {
        let (micros, each) = (now.0 * 1000, interval(rate) * ARRIVING.1 / ARRIVING.0);
        // What a clock that has been stepped back since has set is of no use.
        let arriving = if self.arriving > micros + DEBT + each { micros } else { self.arriving.max(micros) };
        if arriving > micros + DEBT {
            return self;
        }
        Bucket { arriving: arriving + each, ..self.take(now, rate) }
    }

    /// The theoretical arrival time. One that lies further ahead than anything can put it was set by a clock that has been stepped back
    /// since: it says nothing. What stands for it must not slide along with "now", or nothing would leave before the clock has caught up.
    fn theoretical(self, now: Millis, rate: u32) -> u64 {
        let furthest = now.0 * 1000 + (BURST + 1) * interval(rate) + DEBT;
        if self.both > furthest { now.0 * 1000 } else { self.both }
    }
}

/// Microseconds between two messages.
fn interval(rate: u32) -> u64 {
    1_000_000 / u64::from(rate.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What leaves within so many milliseconds, in groups of `together`, while `arriving` messages a second arrive.
    fn sent_within(rate: u32, from: Millis, millis: u64, together: u64, arriving: u64) -> u64 {
        let (mut bucket, mut sent) = (Bucket::default(), 0);
        for now in (from.0..from.0 + millis).map(Millis) {
            let heard = |at: Millis| at.0 * arriving / 1000;
            for _ in heard(now)..heard(now.plus(1)) {
                bucket = bucket.heard(now, rate);
            }
            while bucket.ready_at(now, rate, together) <= now {
                (0..together).for_each(|_| bucket = bucket.take(now, rate));
                sent += together;
            }
        }
        sent
    }

    #[test]
    fn never_more_than_the_rate_and_one_burst() {
        assert_eq!(sent_within(80, Millis(1_000_000_000), 10_000, 1, 0), 800 + BURST - 1);
        assert_eq!(sent_within(1, Millis(0), 10_000, 1, 0), 10 + BURST - 1);
        assert_eq!(sent_within(80, Millis(1_000_000_000), 10_000, 8, 0), 808, "in groups as fast as one by one");
    }

    #[test]
    fn what_arrives_counts_but_never_takes_everything() {
        assert_eq!(sent_within(80, Millis(1_000_000_000), 10_000, 1, 40), 400 + BURST);
        for flood in [60, 80, 1_000] {
            let sent = sent_within(80, Millis(1_000_000_000), 100_000, 1, flood);
            assert!((1_900..=2_100).contains(&sent), "{sent} beside {flood} a second");
        }
    }

    #[test]
    fn a_restart_is_no_burst() {
        let now = Millis(1_000_000_000);
        for (rate, second) in [(80, 13), (1, 1_000)] {
            let bucket = Bucket::restarted(now, rate);
            assert_eq!((bucket.ready_at(now, rate, 1), bucket.ready_at(now, rate, 2)), (now, now.plus(second)));
        }
    }

    #[test]
    fn a_clock_that_steps_back_does_not_stop_the_flow() {
        let full = (0..BURST).fold(Bucket::default(), |bucket, _| bucket.take(Millis(9_000_000), 80));
        let full = (0..BURST).fold(full, |bucket, _| bucket.heard(Millis(9_000_000), 80));
        let back = Millis(1_000);
        assert_eq!((full.ready_at(back, 80, 1), full.ready_at(back, 80, BURST)), (back, back));
        let after = (0..BURST).fold(full, |bucket, _| bucket.take(back, 80));
        assert_eq!(after.ready_at(back, 80, 1), back.plus(13), "and then as usual");
        assert_ne!(full.heard(back, 80), full);
    }
}
