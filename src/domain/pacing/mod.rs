//! How fast messages may leave, and when those must begin that have an end. No queue and no clock: everything here is arithmetic on what
//! others hold.
//!
//! ```text
//! ```
//!
//! The rate is that of the number ([`Bucket`]), as Meta grants it at present ([`Throttle`]), and no more than its answers allow
//! ([`RoundTrip`]). Plans use 80 % of it ([`begins`]): the rest is for answers. [`Guard`] says how long before its end a window counts
//! as closed.

mod bucket;
mod guard;
mod round_trip;
mod throttle;

pub use bucket::{BURST, Bucket};
pub use guard::{GUARD_MAX, GUARD_MIN, Guard};
pub use round_trip::RoundTrip;
pub use throttle::Throttle;

use super::time::{Millis, Timestamp};

/// Of five messages that may leave, plans use four (DESIGN.md, promise 4: planned at 80 %).
const PLANNED: (u64, u64) = (4, 5);

/// When the first of `waiting` messages has to begin, so that each can leave by its own second although `queued` others go before it;
/// `None` if there is none. `due` has the seconds in ascending order with the messages of each, `rate` is in messages a second.
///
/// This is the first element of the backward scan in the drawing: `min(due[k] − k/rate)` over all messages `k`. Looks no further than to
/// the second that all messages together could not pull before the earliest start so far, so it costs as many seconds as it takes to send
/// them.
pub fn begins(due: impl Iterator<Item = (Timestamp, u32)>, waiting: usize, queued: usize, rate: u32) -> Option<Millis> {
    let each = 1_000_000 * PLANNED.1 / (u64::from(rate.max(1)) * PLANNED.0);
    let ahead = |messages: usize| (messages as u64).saturating_mul(each);
    let all = ahead(queued.saturating_add(waiting));
    let (mut before, mut first) = (queued, None);
    for (at, count) in due {
        let at = u64::from(at.0) * 1_000_000;
        if first.is_some_and(|first| at.saturating_sub(all) >= first) {
            break;
        }
        before = before.saturating_add(count as usize);
        let start = at.saturating_sub(ahead(before.saturating_sub(1)));
        first = Some(first.map_or(start, |first: u64| first.min(start)));
    }
    first.map(|micros| Millis(micros / 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(counts: &[(u32, u32)], queued: usize, rate: u32) -> Option<Millis> {
        let waiting = counts.iter().map(|(_, count)| *count as usize).sum();
        begins(counts.iter().map(|(at, count)| (Timestamp(*at), *count)), waiting, queued, rate)
    }

    #[test]
    fn alone_it_begins_when_it_is_due() {
        assert_eq!(at(&[], 7, 80), None);
        assert_eq!(at(&[(1_000, 1)], 0, 80), Some(Millis(1_000_000)));
    }

    #[test]
    fn a_herd_begins_as_much_earlier_as_it_takes() {
        // 100,000 at 64 a second: the last leaves in its second, the first 99,999/64 s before.
        assert_eq!(at(&[(100_000, 100_000)], 0, 80), Some(Millis(100_000_000 - 1_562_485)));
        // What is queued goes before: 128 take two seconds more.
        assert_eq!(at(&[(100_000, 100_000)], 128, 80), Some(Millis(100_000_000 - 1_564_485)));
        // A few in front of the herd have to make room for it.
        assert_eq!(at(&[(99_000, 1), (100_000, 100_000)], 0, 80), Some(Millis(100_000_000 - 1_562_500)));
        // Behind it nobody is in its way.
        assert_eq!(at(&[(100_000, 640), (100_100, 640)], 0, 80), Some(Millis(100_000_000 - 9_985)));
    }

    #[test]
    fn a_rate_of_nothing_is_one_a_second() {
        assert_eq!(at(&[(1_000, 5)], 0, 0), Some(Millis(1_000_000 - 5_000)));
        assert_eq!(at(&[(3, 5)], 0, 1), Some(Millis(0)), "1970 is the earliest");
    }

    proptest! {
        /// The drawing, literally: a backward scan over every single message.
        #[test]
        fn it_is_the_first_of_the_backward_scan(
            counts in proptest::collection::btree_map(1_000_000_u32..1_000_400, 1_u32..300, 0..40),
            queued in 0_usize..500,
            rate in 1_u32..1_000,
        ) {
            let each = 1_000_000 * 5 / (u64::from(rate) * 4);
            let due = counts.iter().flat_map(|(at, count)| std::iter::repeat_n(u64::from(*at) * 1_000_000, *count as usize));
            let start = due.rev().fold(None, |next: Option<u64>, due| Some(next.map_or(due, |next| due.min(next - each))));
            let expected = start.map(|start| Millis((start - queued as u64 * each) / 1_000));
            let counts: Vec<_> = counts.into_iter().collect();
            prop_assert_eq!(at(&counts, queued, rate), expected);
        }
    }
}
