//! When to renew, and how long to wait after a failure: arithmetic, without a clock.

use super::super::standing::{late, lifetime};
use crate::domain::time::Timestamp;
use crate::port::certificates::Validity;

/// Attempts in quick succession. Let's Encrypt allows five failed validations an hour, for each account and name.
const QUICK: u32 = 5;
/// The pause after the first failure, in seconds; it doubles.
const FIRST: u32 = 60;
/// The pause after five failures that the authority has counted.
const HOURLY: u32 = 3600;
/// The longest pause after a failure that the authority knows nothing of: when the line is back, the certificate should not be long in
/// coming.
const AWAY: u32 = 15 * 60;
/// No certificate is renewed on the first day because the authority says so, or in the first eighth of its time: an authority that always
/// says so would get an order a minute.
const YOUNG: u32 = 24 * 3600;

/// How often it has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Patience {
    counted: u32,
    uncounted: u32,
}

impl Patience {
    /// The pause after one more failure, in seconds. `counted`: the authority may have counted it, too. `hold`: how long it wants to be
    /// left alone at least. `chance` spreads the devices of many branches.
    pub(super) fn after(&mut self, counted: bool, hold: u32, chance: u32) -> u32 {
        let failures = if counted { &mut self.counted } else { &mut self.uncounted };
        *failures = failures.saturating_add(1);
        let pause = match (counted, *failures) {
            (true, QUICK..) => HOURLY,
            (_, failures) => FIRST.checked_shl(failures.min(QUICK) - 1).unwrap_or(AWAY).min(AWAY),
        };
        let pause = pause.max(hold);
        pause + chance % (pause / 4 + 1)
    }
}

/// When to renew without advice: after two thirds of its time.
pub(super) fn two_thirds(validity: Validity) -> Timestamp {
    validity.not_after.minus(lifetime(validity) / 3)
}

/// A moment of the window that the authority advises (RFC 9773 4.2), neither absurdly early nor later than when a person would have to be
/// told.
pub(super) fn advised(validity: Validity, (start, end): (Timestamp, Timestamp), chance: u32) -> Timestamp {
    let moment = start.plus(chance % end.since(start).max(1));
    moment.max(validity.not_before.plus(youth(validity))).min(late(validity))
}

/// For how many seconds a certificate is too young to be replaced.
pub(super) fn youth(validity: Validity) -> u32 {
    YOUNG.min(lifetime(validity) / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u32 = 24 * 3600;

    #[test]
    fn no_more_than_five_failures_are_counted_in_an_hour() {
        for chance in [0, 1, u32::MAX / 2, u32::MAX] {
            let mut patience = Patience::default();
            let mut failed = vec![0_u32];
            for _ in 0..50 {
                // The line fails now and then, too, and does not make us quicker.
                let between = patience.after(false, 0, chance);
                assert!((FIRST..=AWAY + AWAY / 4).contains(&between));
                let pause = patience.after(true, 0, chance);
                failed.push(failed.last().copied().unwrap_or_default() + pause);
            }
            for (index, at) in failed.iter().enumerate() {
                let within = failed[index..].iter().filter(|other| **other - at < HOURLY).count();
                assert!(within <= 5, "{within} failures within an hour of {at}");
            }
        }
    }

    #[test]
    fn the_authority_is_left_alone_as_long_as_it_wants() {
        let mut patience = Patience::default();
        assert_eq!(patience.after(true, 100_000, 0), 100_000);
        assert!((100_000..=125_000).contains(&patience.after(true, 100_000, u32::MAX)));
    }

    #[test]
    fn the_moment_of_renewal_lies_where_it_makes_sense() {
        let validity = Validity { not_before: Timestamp(1000 * DAY), not_after: Timestamp(1045 * DAY) };
        assert_eq!(two_thirds(validity), Timestamp(1030 * DAY));
        let window = |start, end, chance| advised(validity, (Timestamp(start * DAY), Timestamp(end * DAY)), chance).0;
        assert_eq!(window(1020, 1022, 0), 1020 * DAY);
        assert_eq!(window(1020, 1022, 2 * DAY - 1), 1022 * DAY - 1);
        assert_eq!(window(1020, 1020, 77), 1020 * DAY);
        // Backwards, in the past, after the end.
        assert_eq!(window(1022, 1020, 77), 1022 * DAY);
        assert_eq!(window(1, 2, 77), 1001 * DAY);
        assert_eq!(window(2000, 2001, 77), late(validity).0);
    }
}
