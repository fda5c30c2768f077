//! How fast messages may leave: a token bucket in virtual time. No queue and no clock: it is asked with a "now" and says when.

use super::time::Millis;

/// Tokens that may be saved up: an eighth of a second at 80/s. Small, because Meta counts both directions and answers arrive in bursts.
const BURST: u64 = 10;

/// Generic cell rate algorithm: one number, the theoretical arrival time of the next message, in microseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bucket {
    theoretical: u64,
}

impl Bucket {
    /// When the next message may leave at `rate` messages a second: `now`, or later. A clock that stepped back does not stop the flow:
    /// more than a full bucket is never owed.
    pub fn ready_at(self, now: Millis, rate: u32) -> Millis {
        let earliest = self.clamped(now, rate).saturating_sub((BURST - 1) * interval(rate));
        Millis(earliest.div_ceil(1000)).max(now)
    }

    /// The bucket after one message left at `now`.
    #[must_use]
    pub fn take(self, now: Millis, rate: u32) -> Bucket {
        Bucket { theoretical: self.clamped(now, rate).max(now.0 * 1000) + interval(rate) }
    }

    /// What is owed by the present clock. More than a full bucket was owed by a clock that has been set back since: then nothing is saved
    /// up, and nothing is owed. It must not slide along with "now", or nothing would leave before the clock has caught up.
    fn clamped(self, now: Millis, rate: u32) -> u64 {
        let now = now.0 * 1000;
        let known = self.theoretical <= now + (BURST + 1) * interval(rate);
        if known { self.theoretical } else { now + (BURST - 1) * interval(rate) }
    }
}

/// Microseconds between two messages.
fn interval(rate: u32) -> u64 {
    1_000_000 / u64::from(rate.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_within(rate: u32, from: Millis, millis: u64) -> u64 {
        let (mut bucket, mut now, mut sent) = (Bucket::default(), from, 0);
        while now < from.plus(millis) {
            let at = bucket.ready_at(now, rate);
            if at > now {
                now = at;
                continue;
            }
            bucket = bucket.take(now, rate);
            sent += 1;
        }
        sent
    }

    #[test]
    fn never_more_than_the_rate_and_one_burst() {
        assert_eq!(sent_within(80, Millis(1_000_000_000), 10_000), 800 + BURST - 1);
        assert_eq!(sent_within(1, Millis(0), 10_000), 10 + BURST - 1);
    }

    #[test]
    fn a_clock_that_steps_back_does_not_stop_the_flow() {
        let full = (0..BURST).fold(Bucket::default(), |bucket, _| bucket.take(Millis(9_000_000), 80));
        let ready = full.ready_at(Millis(1_000), 80);
        assert!(ready.since(Millis(1_000)) < 1_000, "{ready:?}");
        assert_eq!(full.ready_at(ready, 80), ready, "it does not slide along with the clock");
    }
}
