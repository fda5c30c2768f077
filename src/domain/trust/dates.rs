//! What Meta's clock says: the `Date` of its latest answers, as bounds of how far the right time is ahead of the uptime. Believes no single
//! one of them, and does not know ours.

use super::{Uptime, signed};
use crate::domain::time::Timestamp;
use std::collections::VecDeque;

/// Answers that are remembered: as many as outvote two that lie.
const REMEMBERED: usize = 5;
/// Answers that must agree: more than half of those that are remembered.
const AGREE: usize = 3;
/// An answer that took longer tells too little, in milliseconds: our clock may end up in the middle of what it leaves open, and half of
/// that has to be less than the guard of five seconds.
const SLOWEST: u64 = 5_000;
/// A crystal without a time server is wrong by less than one second in so many: 200 ppm. What was measured is worth that much less later.
const DRIFT: i64 = 5_000;

/// Offsets, from and to, both possible. In milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// The time cannot be earlier.
    pub least: i64,
    /// Nor later.
    pub most: i64,
}

impl Bounds {
    /// How far they certainly lie ahead of `offset`; negative if behind, 0 if it may be right.
    pub fn ahead(self, offset: i64) -> i64 {
        // Not `clamp`, which panics if an answer came before it was asked for.
        0.max(self.least.saturating_sub(offset)).min(self.most.saturating_sub(offset))
    }

    /// What is possible by both.
    fn and(self, other: Bounds) -> Bounds {
        Bounds { least: self.least.max(other.least), most: self.most.min(other.most) }
    }
}

/// One answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Dated {
    heard: Uptime,
    bounds: Bounds,
}

impl Dated {
    /// What it is worth at `now`.
    fn at(self, now: Uptime) -> Bounds {
        let slack = signed(now.since(self.heard)) / DRIFT;
        Bounds { least: self.bounds.least.saturating_sub(slack), most: self.bounds.most.saturating_add(slack) }
    }
}

/// The latest answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Dates(VecDeque<Dated>);

impl Dates {
    /// One more. It was dated at some moment between asking and hearing it, in whole seconds. Whether it is of any use.
    pub(super) fn take(&mut self, date: Timestamp, asked: Uptime, heard: Uptime) -> bool {
        if asked > heard || heard.since(asked) > SLOWEST {
            return false;
        }
        let date = signed(date.millis().0);
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(Dated { heard, bounds: Bounds { least: date - signed(heard.0), most: date + 999 - signed(asked.0) } });
        true
    }

    /// What was said before says nothing any more.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Whether there are enough for them to agree.
    pub(super) fn suffice(&self) -> bool {
        self.0.len() >= AGREE
    }

    /// What a majority of them agrees upon.
    pub(super) fn agreed(&self, now: Uptime) -> Option<Bounds> {
        let all = || self.0.iter().map(|dated| dated.at(now));
        // Where most of them overlap, one of them begins.
        let together = |least: i64| all().filter(move |bounds| bounds.least <= least && least <= bounds.most);
        let best = all().map(|bounds| bounds.least).max_by_key(|least| together(*least).count())?;
        (together(best).count() >= AGREE).then(|| together(best).reduce(Bounds::and)).flatten()
    }

    /// Whether any of them permits this offset.
    pub(super) fn permit(&self, now: Uptime, offset: i64) -> bool {
        self.0.iter().any(|dated| dated.at(now).ahead(offset) == 0)
    }

    /// What the latest of them says.
    pub(super) fn latest(&self, now: Uptime) -> Option<Bounds> {
        self.0.back().map(|dated| dated.at(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of a Meta whose clock is ahead of the uptime by so many seconds, each heard 200 ms after it was asked for.
    fn dates(seconds: &[u32]) -> Dates {
        let mut dates = Dates::default();
        for (second, at) in seconds.iter().zip((1_000..).step_by(1_000)) {
            assert!(dates.take(Timestamp(second + at / 1_000), Uptime(at.into()), Uptime(u64::from(at) + 200)));
        }
        dates
    }

    #[test]
    fn three_of_five_are_believed_and_two_never() {
        let table: &[(&[u32], Option<i64>)] = &[
            (&[], None),
            (&[500, 500], None),
            (&[500, 500, 500], Some(500)),
            (&[500, 9, 500], None),
            (&[500, 9, 500, 500], Some(500)),
            (&[9, 500, 9, 500, 500], Some(500)),
            (&[1, 2, 3, 4, 5], None),
            (&[9, 9, 9, 500, 500], Some(9)),
            // The three are forgotten one by one.
            (&[9, 9, 9, 500, 500, 500], Some(500)),
        ];
        for (said, expected) in table {
            let agreed = dates(said).agreed(Uptime(6_000));
            assert_eq!(agreed.map(|bounds| (bounds.least + 600) / 1_000), *expected, "{said:?}");
        }
    }

    #[test]
    fn what_the_second_and_the_way_leave_open_is_possible() {
        let mut dates = Dates::default();
        assert!(dates.take(Timestamp(1_000), Uptime(100), Uptime(300)));
        let bounds = dates.latest(Uptime(300)).expect("said");
        assert_eq!(bounds, Bounds { least: 999_700, most: 1_000_899 });
        assert_eq!([999_699, 999_700, 1_000_899, 1_000_900].map(|offset| bounds.ahead(offset)), [1, 0, 0, -1]);
        // An hour later a crystal may have gone 0.72 s wrong.
        let later = dates.latest(Uptime(3_600_300)).expect("said");
        assert_eq!(later, Bounds { least: 999_700 - 720, most: 1_000_899 + 720 });
    }

    #[test]
    fn an_answer_that_took_long_or_came_before_it_was_asked_for_tells_nothing() {
        let mut dates = Dates::default();
        assert!(!dates.take(Timestamp(1_000), Uptime(0), Uptime(5_001)));
        assert!(!dates.take(Timestamp(1_000), Uptime(2), Uptime(1)));
        assert!(dates.take(Timestamp(1_000), Uptime(0), Uptime(5_000)));
        assert!(dates.take(Timestamp(u32::MAX), Uptime(0), Uptime(0)));
        assert_eq!(dates.agreed(Uptime(u64::MAX)), None);
    }
}
