//! How long before its end a window counts as closed: a message that is written in the last seconds would reach Meta too late. Learns from
//! what happens; measures nothing itself.

use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Until something else is learned: a slow uplink takes a second or two, and two clocks may differ by as much (promise 2).
pub const GUARD_MIN: u32 = 5;
/// The guard never grows beyond this: reminders begin 60 s before the end, and what is refused earlier than this was no matter of seconds.
pub const GUARD_MAX: u32 = 30;
/// Added to a measured round trip, in seconds: both its ends are whole seconds, and the clock may be off by one.
const SLACK: u32 = 2;

/// The guard in seconds. Only ever widens: in the last half minute of a window hardly anything but a late reminder is waiting, so a wide
/// one costs next to nothing, and forgetting what was learned costs a refused message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Guard(u8);

impl Default for Guard {
    fn default() -> Guard {
        Guard::of(GUARD_MIN)
    }
}

impl Guard {
    fn of(seconds: u32) -> Guard {
        Guard(u8::try_from(seconds.clamp(GUARD_MIN, GUARD_MAX)).unwrap_or(u8::MAX))
    }

    /// Seconds, from [`GUARD_MIN`] to [`GUARD_MAX`].
    pub fn seconds(self) -> u32 {
        u32::from(self.0).clamp(GUARD_MIN, GUARD_MAX)
    }

    /// The guard after a message that left at `left` was taken at `answered`. A round trip that is longer than any port waits is none: the
    /// clock was stepped.
    #[must_use]
    pub fn after_round_trip(self, left: Timestamp, answered: Timestamp) -> Guard {
        let took = answered.since(left);
        if took + SLACK > GUARD_MAX { self } else { self.max(Guard::of(took + SLACK)) }
    }

    /// The guard after Meta has called a window closed that by our reckoning closes at `closes`, for a message that left at `left`. What
    /// lies further apart than [`GUARD_MAX`] is no matter of seconds and teaches nothing.
    #[must_use]
    pub fn after_refusal(self, left: Timestamp, closes: Timestamp) -> Guard {
        let early = closes.since(left).saturating_add(1);
        if early > GUARD_MAX { self } else { self.max(Guard::of(early)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Timestamp = Timestamp(1_795_305_600);

    #[test]
    fn usual_round_trips_change_nothing_and_slow_ones_widen_it() {
        let after = |seconds: u32| Guard::default().after_round_trip(LEFT, LEFT.plus(seconds)).seconds();
        assert_eq!([0, 1, 3, 4, 20, 28, 29, 3_600].map(after), [5, 5, 5, 6, 22, 30, 5, 5]);
        assert_eq!(Guard::default().after_round_trip(LEFT, LEFT.minus(9)).seconds(), 5, "the clock was stepped back");
        let wide = Guard::default().after_round_trip(LEFT, LEFT.plus(10));
        assert_eq!(wide.after_round_trip(LEFT, LEFT), wide, "it is remembered");
    }

    #[test]
    fn a_refusal_in_an_open_window_widens_it_beyond_that_moment() {
        let after = |before: u32| Guard::default().after_refusal(LEFT, LEFT.plus(before)).seconds();
        assert_eq!([0, 4, 5, 12, 29, 30, 7_200].map(after), [5, 5, 6, 13, 30, 5, 5]);
    }
}
