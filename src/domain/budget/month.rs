//! The months that are being counted, and what Meta was seen to do with their messages. Knows no cap.

use super::{FREE, Price, Surprise};
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Months that are kept: the two that a moment may belong to, and as many again for a clock that was wrong for a while.
const KEPT: usize = 4;
/// Seconds by which the earliest time zone is ahead of UTC (Kiritimati), and by which the latest is behind it (Baker Island); and an hour
/// each for clocks that differ, and for what is delivered a little later.
const EARLIEST: u32 = 15 * 3_600;
const LATEST: u32 = 13 * 3_600;
/// Messages beyond the free ones that may be out until one of them has arrived: fewer than ten, so that a cut-off costs no more than that.
const CANARIES: u8 = 8;
/// While Meta does not deliver, one message in so many seconds tries whether it does again: who has entered a payment method waits no
/// longer than this.
const AGAIN: u32 = 3_600;

/// The months that are being counted, the latest in front.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Budget {
    months: [Month; KEPT],
}

/// One calendar month.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Month {
    /// Which: year × 12 + month − 1; 0 for none.
    pub number: u32,
    /// Messages that have left and may have arrived.
    pub charged: u32,
    /// Those that Meta calls free.
    pub free: u32,
    /// Those that Meta charges for.
    pub paid: u32,
    /// Meta has charged for one of those that are free by our count.
    pub early: bool,
    /// What becomes of those that are not free.
    pub beyond: Beyond,
}

/// What Meta does with messages beyond the free ones. Without a payment method it takes them and does not deliver them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Beyond {
    /// None has arrived yet.
    Untested {
        /// How many have left.
        left: u8,
        /// When the first left.
        first: Timestamp,
        /// When the latest left.
        latest: Timestamp,
    },
    /// They arrive.
    Delivered,
    /// They do not.
    CutOff {
        /// When the first left.
        first: Timestamp,
        /// When one may try again.
        again: Timestamp,
    },
}

impl Default for Beyond {
    fn default() -> Beyond {
        Beyond::Untested { left: 0, first: Timestamp(0), latest: Timestamp(0) }
    }
}

/// How many messages may leave, as far as it is known whether they would arrive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Room {
    /// So many; more when one of them has arrived.
    Few(usize),
    /// One, and not before this.
    OneAt(Timestamp),
    /// As many as there are.
    Enough,
}

impl Budget {
    /// One message leaves at `now`.
    #[must_use]
    pub fn charge(self, now: Millis) -> Budget {
        let now = now.second();
        self.with(now, |month| month.charge(now))
    }

    /// One that left at `left` has certainly not arrived.
    #[must_use]
    pub fn refund(self, left: Timestamp) -> Budget {
        self.with(left, |month| Month { charged: month.charged.saturating_sub(1), ..month })
    }

    /// Meta tells what the message that it took at `taken` costs.
    #[must_use]
    pub fn priced(self, taken: Timestamp, price: Price) -> Budget {
        self.with(taken, |month| {
            let beyond = month.beyond.priced(price);
            match price {
                Price::Free => Month { free: month.free.saturating_add(1), beyond, ..month },
                Price::Paid => {
                    let early = month.early || month.charged <= FREE;
                    Month { paid: month.paid.saturating_add(1), early, beyond, ..month }
                }
            }
        })
    }

    /// The message that Meta took at `taken` has arrived, whatever it cost.
    #[must_use]
    pub fn delivered(self, taken: Timestamp) -> Budget {
        self.with(taken, |month| Month { beyond: month.beyond.delivered(taken), ..month })
    }

    /// Whether messages beyond the free ones are out that should have arrived by now, if Meta delivered them: since when, then.
    pub fn unproven(self, now: Millis) -> Option<Timestamp> {
        let since = |month: Month| match month.beyond {
            Beyond::Untested { left, latest, .. } if left >= CANARIES => Some(latest),
            Beyond::Untested { .. } | Beyond::Delivered | Beyond::CutOff { .. } => None,
        };
        self.at(now.second()).filter_map(since).min()
    }

    /// None of those has arrived, although everything else that Meta tells did.
    #[must_use]
    pub fn cut_off(self, now: Millis) -> Budget {
        self.with(now.second(), |month| match month.beyond {
            Beyond::Untested { left, first, .. } if left >= CANARIES => {
                Month { beyond: Beyond::CutOff { first, again: now.second().plus(AGAIN) }, ..month }
            }
            Beyond::Untested { .. } | Beyond::Delivered | Beyond::CutOff { .. } => month,
        })
    }

    /// How many may leave at `now`, whatever the cap.
    pub fn room(self, now: Millis) -> Room {
        self.at(now.second()).map(Month::room).min().unwrap_or(Room::Enough)
    }

    /// Messages of the month at `now` that have left and may have arrived: of the fuller one, while two may be Meta's.
    pub fn charged(self, now: Millis) -> u32 {
        self.at(now.second()).map(|month| month.charged).max().unwrap_or(0)
    }

    /// The month to which that local date belongs, by whoever's midnight.
    pub fn of(self, date: jiff::civil::Date) -> Month {
        let number = number(date);
        let month = self.months.into_iter().find(|month| month.number == number);
        month.unwrap_or(Month { number, ..Month::default() })
    }

    /// All months that are kept, the latest in front.
    pub fn months(self) -> impl Iterator<Item = Month> {
        self.months.into_iter().filter(|month| month.number != 0)
    }

    /// What Meta does otherwise than expected, in the month at `now`.
    pub fn surprise(self, now: Millis) -> Option<Surprise> {
        let is_cut_off = |month: Month| match month.beyond {
            Beyond::CutOff { .. } => true,
            Beyond::Untested { .. } | Beyond::Delivered => false,
        };
        let cut_off = self.at(now.second()).any(is_cut_off).then_some(Surprise::CutOff);
        cut_off.or(self.at(now.second()).any(|month| month.early).then_some(Surprise::Charged))
    }

    /// The months that are kept of those to which this second may belong.
    fn at(self, second: Timestamp) -> impl Iterator<Item = Month> {
        let numbers = numbers(second);
        self.months.into_iter().filter(move |month| numbers.contains(&month.number))
    }

    /// Changes the months to which this second may belong. The oldest gives way to a new one.
    fn with(mut self, second: Timestamp, change: impl Fn(Month) -> Month) -> Budget {
        let [earlier, later] = numbers(second);
        for number in [earlier, later].into_iter().skip(usize::from(earlier == later)) {
            let place = self.months.iter().position(|month| month.number <= number);
            // Older than all that are kept: a clock that was wrong, and nobody's month.
            let Some(place) = place else { continue };
            if self.months[place].number != number {
                self.months[place..].rotate_right(1);
                self.months[place] = Month { number, ..Month::default() };
            }
            self.months[place] = change(self.months[place]);
        }
        self
    }
}

impl Month {
    fn charge(self, now: Timestamp) -> Month {
        let beyond = if self.charged < FREE { self.beyond } else { self.beyond.left(now) };
        Month { charged: self.charged.saturating_add(1), beyond, ..self }
    }

    fn room(self) -> Room {
        let free = FREE.saturating_sub(self.charged) as usize;
        match self.beyond {
            Beyond::Untested { left, .. } => Room::Few(free + usize::from(CANARIES.saturating_sub(left))),
            Beyond::Delivered => Room::Enough,
            Beyond::CutOff { .. } if free > 0 => Room::Few(free),
            Beyond::CutOff { again, .. } => Room::OneAt(again),
        }
    }
}

impl Beyond {
    fn left(self, now: Timestamp) -> Beyond {
        match self {
            Beyond::Untested { left: 0, .. } => Beyond::Untested { left: 1, first: now, latest: now },
            Beyond::Untested { left, first, latest } => Beyond::Untested { left: left.saturating_add(1), first, latest: latest.max(now) },
            Beyond::Delivered => Beyond::Delivered,
            Beyond::CutOff { first, .. } => Beyond::CutOff { first, again: now.plus(AGAIN) },
        }
    }

    /// Who charges can collect. While Meta still calls them free, its count is behind ours, and they arrive.
    fn priced(self, price: Price) -> Beyond {
        match (self, price) {
            (Beyond::Untested { left, .. }, Price::Paid) if left > 0 => Beyond::Delivered,
            (Beyond::CutOff { .. }, Price::Paid) => Beyond::Delivered,
            (Beyond::CutOff { .. }, Price::Free) => Beyond::default(),
            (Beyond::Untested { first, latest, .. }, Price::Free) => Beyond::Untested { left: 0, first, latest },
            (Beyond::Untested { .. } | Beyond::Delivered, Price::Free | Price::Paid) => self,
        }
    }

    /// One that left with the last of the free ones may be one of them.
    fn delivered(self, taken: Timestamp) -> Beyond {
        match self {
            Beyond::Untested { left, first, .. } if left > 0 && taken > first => Beyond::Delivered,
            Beyond::CutOff { first, .. } if taken > first => Beyond::Delivered,
            Beyond::Untested { .. } | Beyond::Delivered | Beyond::CutOff { .. } => self,
        }
    }
}

/// The months to which a second belongs in the latest and in the earliest time zone; mostly the same.
fn numbers(second: Timestamp) -> [u32; 2] {
    [second.minus(LATEST), second.plus(EARLIEST)].map(|at| {
        let at = jiff::Timestamp::from_second(i64::from(at.0)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        number(jiff::tz::TimeZone::UTC.to_datetime(at).date())
    })
}

fn number(date: jiff::civil::Date) -> u32 {
    let month = i32::from(date.year()) * 12 + i32::from(date.month()) - 1;
    u32::try_from(month).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    /// 2026-11-10 11:00 UTC.
    const NOW: Timestamp = Timestamp(1_794_308_400);
    /// 2026-12-01 00:00 UTC.
    const TURN: Timestamp = Timestamp(1_796_083_200);

    fn after(times: u32, at: Timestamp) -> Budget {
        (0..times).fold(Budget::default(), |budget, _| budget.charge(at.millis()))
    }

    fn charged(budget: Budget, at: Timestamp) -> u32 {
        budget.charged(at.millis())
    }

    #[test]
    fn near_a_boundary_a_message_counts_in_both_months() {
        for (at, november, december) in [
            (TURN.minus(EARLIEST + 1), 1, 0),
            (TURN.minus(EARLIEST), 1, 1),
            (TURN, 1, 1),
            (TURN.plus(LATEST - 1), 1, 1),
            (TURN.plus(LATEST), 0, 1),
        ] {
            let budget = after(1, at);
            let counts = [date(2026, 11, 30), date(2026, 12, 1)].map(|date| budget.of(date).charged);
            assert_eq!(counts, [november, december], "{at:?}");
        }
        // 990 in November, 5 in the hours that may be either's: November's cap decides as long as it may still be November.
        let budget = (0..5).fold(after(990, NOW), |budget, _| budget.charge(TURN.minus(1).millis()));
        assert_eq!([TURN.minus(1), TURN.plus(LATEST - 1), TURN.plus(LATEST)].map(|at| charged(budget, at)), [995, 995, 5]);
    }

    #[test]
    fn a_refund_is_for_the_month_in_which_the_message_left() {
        let budget = after(3, NOW).charge(TURN.plus(86_400).millis()).refund(NOW);
        assert_eq!([NOW, TURN.plus(86_400)].map(|at| charged(budget, at)), [2, 1]);
        assert_eq!(charged(Budget::default().refund(NOW), NOW), 0, "never below nothing");
        assert_eq!(charged(after(1, NOW).refund(NOW.minus(400 * 86_400)), NOW), 1, "of a month that nobody knows any more");
    }

    /// A clock that is a year ahead for a moment, and then right again, must not begin the month anew.
    #[test]
    fn a_clock_that_was_wrong_takes_no_month_away() {
        let mut budget = after(7, NOW);
        for wrong in [NOW.plus(365 * 86_400), NOW.minus(365 * 86_400), Timestamp(0), Timestamp(u32::MAX)] {
            budget = budget.charge(wrong.millis());
        }
        assert_eq!(charged(budget, NOW), 7);
        let numbers: Vec<u32> = budget.months().map(|month| month.number).collect();
        assert!(numbers.is_sorted_by(|one, next| one > next), "{numbers:?}");
    }

    #[test]
    fn counters_stop_at_their_end() {
        let full = Month { number: numbers(NOW)[0], charged: u32::MAX, free: u32::MAX, paid: u32::MAX, ..Month::default() };
        let budget = Budget { months: [full, Month::default(), Month::default(), Month::default()] };
        let more = budget.charge(NOW.millis()).priced(NOW, Price::Free).priced(NOW, Price::Paid);
        let month = more.of(date(2026, 11, 10));
        assert_eq!((month.charged, month.free, month.paid), (u32::MAX, u32::MAX, u32::MAX));
        let half = Month { charged: 1 << 31, ..full };
        let budget = Budget { months: [half, Month::default(), Month::default(), Month::default()] };
        assert_eq!(charged(budget.charge(NOW.millis()), NOW), (1 << 31) + 1);
    }

    #[test]
    fn whoever_charges_too_early_is_noticed() {
        assert_eq!(after(1_000, NOW).priced(NOW, Price::Free).surprise(NOW.millis()), None);
        assert_eq!(after(1_000, NOW).priced(NOW, Price::Paid).surprise(NOW.millis()), Some(Surprise::Charged));
        assert_eq!(after(1_001, NOW).priced(NOW, Price::Paid).surprise(NOW.millis()), None);
        let later = TURN.plus(86_400);
        assert_eq!(after(5, NOW).priced(NOW, Price::Paid).charge(later.millis()).surprise(later.millis()), None, "that was last month");
    }

    #[test]
    fn a_few_try_whether_what_is_not_free_arrives() {
        let at = |second: Timestamp| second.millis();
        assert_eq!(after(999, NOW).room(at(NOW)), Room::Few(1 + 8));
        assert_eq!(after(1_007, NOW).room(at(NOW)), Room::Few(1));
        let eight = after(1_008, NOW);
        assert_eq!((eight.room(at(NOW)), eight.unproven(at(NOW))), (Room::Few(0), Some(NOW)));
        assert_eq!(after(1_007, NOW).unproven(at(NOW)), None);

        let gone = eight.cut_off(at(NOW.plus(120)));
        assert_eq!((gone.surprise(at(NOW)), gone.room(at(NOW))), (Some(Surprise::CutOff), Room::OneAt(NOW.plus(120 + 3_600))));
        let tried = gone.charge(at(NOW.plus(4_000)));
        assert_eq!(tried.room(at(NOW)), Room::OneAt(NOW.plus(4_000 + 3_600)));
        let back = tried.delivered(NOW.plus(4_000));
        assert_eq!((back.surprise(at(NOW)), back.room(at(NOW))), (None, Room::Enough));
    }

    #[test]
    fn only_what_is_not_free_proves_anything() {
        let (few, eight, gone) = (after(10, NOW), after(1_008, NOW), after(1_008, NOW).cut_off(NOW.millis()));
        let room = |budget: Budget| budget.room(NOW.millis());
        for tried in [eight, gone] {
            assert_eq!(room(tried.delivered(NOW.plus(1))), Room::Enough);
            assert_eq!(room(tried.priced(NOW, Price::Paid)), Room::Enough);
            assert_eq!(room(tried.delivered(NOW)), room(tried), "it may be one of the free ones");
            assert_eq!(room(tried.priced(NOW, Price::Free)), Room::Few(8), "Meta counts fewer than we do");
        }
        assert_eq!(few.delivered(NOW.plus(1)), few, "nobody had asked");
        assert_eq!(few.priced(NOW, Price::Paid).of(date(2026, 11, 10)).beyond, Beyond::default());
    }
}
