//! How long Meta takes to answer, and how many messages a second that allows: no more are on their way at once than there are slots.
//! Measures nothing itself.

use super::GUARD_MAX;
use crate::domain::time::Timestamp;

/// One answer counts for so small a part of the average: three seconds' answers at 80/s. Not fewer, because whole seconds are measured: of
/// what leaves late in a second most answers come "a second later".
const WEIGHT: i64 = 256;

/// The average of the latest answers; nothing before the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RoundTrip {
    /// In milliseconds, [`WEIGHT`] times.
    weighed: i64,
}

impl RoundTrip {
    /// The average after a message that left at `left` was answered at `answered`. Both are whole seconds, which even out. What takes
    /// longer than any port waits was no round trip: the clock was stepped.
    #[must_use]
    pub fn after(self, left: Timestamp, answered: Timestamp) -> RoundTrip {
        let took = answered.since(left);
        if took > GUARD_MAX {
            return self;
        }
        RoundTrip { weighed: self.weighed + i64::from(took) * 1_000 - self.weighed / WEIGHT }
    }

    /// Messages a second that `slots` at once come to, at least 1.
    pub fn rate(self, slots: usize) -> u32 {
        let slots = i64::try_from(slots).unwrap_or(i64::MAX);
        let rate = slots.saturating_mul(1_000).checked_div(self.weighed / WEIGHT).unwrap_or(i64::MAX);
        u32::try_from(rate).unwrap_or(u32::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Timestamp = Timestamp(1_795_305_600);

    fn after(seconds: &[u32], times: usize) -> RoundTrip {
        let trips = seconds.iter().cycle().take(times);
        trips.fold(RoundTrip::default(), |average, took| average.after(LEFT, LEFT.plus(*took)))
    }

    #[test]
    fn slots_and_round_trips_bound_the_rate() {
        assert_eq!(RoundTrip::default().rate(64), u32::MAX, "nothing is known");
        assert!((30..=33).contains(&after(&[2], 3_000).rate(64)), "{:?}", after(&[2], 3_000));
        // Half a second is no second in one case and one in the other.
        assert!((110..=150).contains(&after(&[0, 1], 3_000).rate(64)), "{:?}", after(&[0, 1], 3_000));
        assert_eq!(after(&[20], 10_000).rate(1), 1);
    }

    #[test]
    fn a_stepped_clock_is_no_round_trip() {
        let known = after(&[2], 3_000);
        assert_eq!(known.after(LEFT, LEFT.plus(3_600)), known);
    }
}
