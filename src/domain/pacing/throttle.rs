//! The rate that Meta grants at present: less after it said „too many“ (130429) or did not let us send at all, and step by step the whole
//! again. Sends nothing and asks nobody: between two refusals the rate follows from the time alone.

use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// After a refusal three quarters of the rate are left.
const CUT: (u32, u32) = (3, 4);
/// When Meta lets us send again after an outage of ours, an eighth of the rate is left: what has piled up must not look like a flood.
const RESUMED: u32 = 8;
/// From nothing to the whole rate takes this many seconds. A number that gets a quarter of what is configured (20/s instead of 80/s: it is
/// used in the Business app, too) is refused every half minute or so then, and gets nine tenths of what it may have.
const RECOVERY: u32 = 300;

/// How far the rate has been cut, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Throttle {
    /// Messages a second after the cut.
    rate: u32,
    /// When that was.
    at: Timestamp,
}

impl Throttle {
    /// Messages a second at `now`, from 1 to `permitted`.
    pub fn rate(self, permitted: u32, now: Millis) -> u32 {
        let passed = if self.at > now.second().plus(RECOVERY) {
            // The clock was stepped back further than any cut lasts.
            RECOVERY
        } else {
            now.second().since(self.at).min(RECOVERY)
        };
        let regained = u64::from(permitted) * u64::from(passed) / u64::from(RECOVERY);
        self.rate.saturating_add(u32::try_from(regained).unwrap_or(u32::MAX)).min(permitted).max(1)
    }

    /// The rate after Meta refused for it at `now`; `None` within a second of the cut before: what left together is refused together.
    pub fn cut(before: Option<Throttle>, permitted: u32, now: Millis) -> Option<Throttle> {
        let second = now.second();
        if before.is_some_and(|before| before.at.plus(1) >= second && before.at <= second) {
            return None;
        }
        let rate = before.map_or(permitted, |before| before.rate(permitted, now));
        Some(Throttle { rate: (rate * CUT.0 / CUT.1).max(1), at: second })
    }

    /// The rate when Meta lets us send again at `now`.
    pub fn resumed(permitted: u32, now: Millis) -> Throttle {
        Throttle { rate: (permitted / RESUMED).max(1), at: now.second() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_305_600);

    fn after(seconds: u32) -> Millis {
        NOW.plus(seconds).millis()
    }

    #[test]
    fn a_refusal_cuts_once_a_second_and_the_rate_comes_back() {
        let first = Throttle::cut(None, 80, after(0)).expect("the first");
        assert_eq!([0, 4, 30, 75, 76, 9_999].map(|seconds| first.rate(80, after(seconds))), [60, 61, 68, 80, 80, 80]);
        assert_eq!(Throttle::cut(Some(first), 80, after(1)), None, "it left before the cut");
        let second = Throttle::cut(Some(first), 80, after(2)).expect("too fast still");
        assert_eq!(second.rate(80, after(2)), 45);
    }

    #[test]
    fn after_an_outage_it_begins_with_an_eighth() {
        let resumed = Throttle::resumed(80, after(0));
        assert_eq!([0, 75, 150, 263, 9_999].map(|seconds| resumed.rate(80, after(seconds))), [10, 30, 50, 80, 80]);
        assert_eq!(Throttle::resumed(1, after(0)).rate(1, after(0)), 1);
    }

    #[test]
    fn it_never_stands_still_and_never_exceeds_what_is_permitted() {
        let mut throttle = None;
        for seconds in (0..60).step_by(2) {
            throttle = Throttle::cut(throttle, 3, after(seconds)).or(throttle);
        }
        let throttle = throttle.expect("cut");
        assert_eq!(throttle.rate(3, after(58)), 1);
        assert_eq!(throttle.rate(1, after(9_999)), 1, "another configuration permits less");
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_it_low() {
        let throttle = Throttle::cut(None, 80, after(86_400)).expect("cut");
        assert_eq!(throttle.rate(80, after(0)), 80);
        assert_eq!(throttle.rate(80, after(86_390)), 60);
        let again = Throttle::cut(Some(throttle), 80, after(0)).expect("the one before lies in the future");
        assert_eq!(again.rate(80, after(0)), 60);
    }

    /// A number that Meta grants 20/s is used to nine tenths although 80/s are configured.
    #[test]
    fn it_settles_near_what_meta_grants() {
        let (granted, mut throttle, mut sent) = (20, None, 0);
        for second in 0..3_600 {
            let rate = throttle.map_or(80, |throttle: Throttle| throttle.rate(80, after(second)));
            sent += rate.min(granted);
            if rate > granted {
                throttle = Throttle::cut(throttle, 80, after(second)).or(throttle);
            }
        }
        let share = f64::from(sent) / f64::from(granted * 3_600);
        assert!(share > 0.85, "{share}");
    }
}
