//! The months that are being counted, and what Meta was seen to do with their messages. Knows no cap.

use super::{FREE, Price, Surprise, Toll};
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Months that are kept: the two that a moment may belong to, and as many again for a clock that was wrong for a while.
const KEPT: usize = 4;
/// By whose midnight Meta's months begin: seconds by which our own is ahead of Greenwich at most, and Meta's behind it (California); and an
/// hour each for clocks that differ, and for what is delivered a little later.
const EARLIEST: u32 = 3 * 3_600;
const LATEST: u32 = 9 * 3_600;
/// Messages beyond the free ones that may be out until something is known of them: so few that a cut-off is noticed within ten, even if
/// each of them has overtaken one of the free ones on the way. More than these never do that.
const CANARIES: u32 = 5;
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
    /// It is not known.
    Untested {
        /// How many have left.
        left: u32,
        /// How many of these Meta calls free: they have overtaken others on the way, or its count is behind ours.
        free: u32,
        /// How many have arrived, without a word of what they cost.
        arrived: u32,
        /// When the latest left.
        latest: Timestamp,
    },
    /// They arrive.
    Delivered,
    /// They do not.
    CutOff {
        /// When one may try again.
        again: Timestamp,
    },
}

impl Default for Beyond {
    fn default() -> Beyond {
        Beyond::Untested { left: 0, free: 0, arrived: 0, latest: Timestamp(0) }
    }
}

/// How many messages may leave, as far as it is known whether they would arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Room {
    /// So many; more when one of them has arrived.
    Few(usize),
    /// One, and not before this.
    OneAt(Timestamp),
    /// As many as there are.
    Enough,
}

impl Room {
    /// The one that lets fewer leave.
    fn tighter(self, other: Room) -> Room {
        match (self, other) {
            (Room::Enough, room) | (room, Room::Enough) => room,
            (Room::Few(one), Room::Few(other)) => Room::Few(one.min(other)),
            (Room::OneAt(one), Room::OneAt(other)) => Room::OneAt(one.max(other)),
            (Room::OneAt(_), Room::Few(0)) | (Room::Few(0), Room::OneAt(_)) => Room::Few(0),
            (Room::OneAt(at), Room::Few(_)) | (Room::Few(_), Room::OneAt(at)) => Room::OneAt(at),
        }
    }
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

    /// One that left at `left`, and is not free by our count, tells nothing of what becomes of such: nobody knows whether Meta has it, or
    /// it certainly has not.
    #[must_use]
    pub fn no_witness(self, left: Timestamp) -> Budget {
        self.with(left, |month| Month { beyond: month.beyond.no_witness(), ..month })
    }

    /// Meta tells what a message costs that it took at `taken`, and of which this was known.
    #[must_use]
    pub fn priced(self, taken: Timestamp, toll: Toll, price: Price) -> Budget {
        self.with(taken, |month| {
            let beyond = month.beyond.priced(toll, price);
            match price {
                Price::Free => Month { free: month.free.saturating_add(1), beyond, ..month },
                Price::Paid => {
                    // Near a boundary it is counted in a month to which it may not belong.
                    let early = month.early || toll == Toll::Within && month.charged <= FREE;
                    Month { paid: month.paid.saturating_add(1), early, beyond, ..month }
                }
            }
        })
    }

    /// A message that Meta took at `taken`, and that is not free by our count, has arrived.
    #[must_use]
    pub fn arrived(self, taken: Timestamp) -> Budget {
        self.with(taken, |month| Month { beyond: month.beyond.arrived(), ..month })
    }

    /// The clock is known to be right: what it said of a future is no month, and nothing waits for it.
    #[must_use]
    pub fn set_right(self, now: Millis) -> Budget {
        let [_, latest] = numbers(now.second());
        let mut months = [Month::default(); KEPT];
        let real = self.months.into_iter().filter(|month| month.number <= latest);
        months.iter_mut().zip(real).for_each(|(place, month)| *place = Month { beyond: month.beyond.set_right(now.second()), ..month });
        Budget { months }
    }

    /// Whether the next message is one of the month's free ones.
    pub fn toll(self, now: Millis) -> Toll {
        if self.charged(now) < FREE { Toll::Within } else { Toll::Beyond }
    }

    /// Whether messages beyond the free ones are out that should have arrived by now, if Meta delivered them: since when, then.
    pub fn unproven(self, now: Millis) -> Option<Timestamp> {
        let since = |month: Month| match month.beyond {
            Beyond::Untested { latest, .. } if month.beyond.out() >= CANARIES => Some(latest),
            Beyond::Untested { .. } | Beyond::Delivered | Beyond::CutOff { .. } => None,
        };
        self.at(now).filter_map(since).min()
    }

    /// None of those has arrived, although everything else that Meta tells did.
    #[must_use]
    pub fn cut_off(self, now: Millis) -> Budget {
        self.with(now.second(), |month| match month.beyond {
            Beyond::Untested { .. } if month.beyond.out() >= CANARIES => {
                Month { beyond: Beyond::CutOff { again: now.second().plus(AGAIN) }, ..month }
            }
            Beyond::Untested { .. } | Beyond::Delivered | Beyond::CutOff { .. } => month,
        })
    }

    /// How many may leave at `now`, whatever the cap: as long as two months may be Meta's, what is known of either.
    pub fn room(self, now: Millis) -> Room {
        self.at(now).map(Month::room).fold(Room::Enough, Room::tighter)
    }

    /// Messages of the month at `now` that have left and may have arrived: of the fuller one, while two may be Meta's.
    pub fn charged(self, now: Millis) -> u32 {
        self.at(now).map(|month| month.charged).max().unwrap_or(0)
    }

    /// The months to which `now` may belong: one, or two near a boundary.
    pub fn at(self, now: Millis) -> impl Iterator<Item = Month> {
        let [earlier, later] = numbers(now.second());
        [earlier, later].into_iter().skip(usize::from(earlier == later)).map(move |number| self.numbered(number))
    }

    /// The month of that date, by whoever's midnight.
    pub fn of(self, date: jiff::civil::Date) -> Month {
        self.numbered(number(date))
    }

    fn numbered(self, number: u32) -> Month {
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
        let cut_off = self.at(now).any(is_cut_off).then_some(Surprise::CutOff);
        cut_off.or(self.at(now).any(|month| month.early).then_some(Surprise::Charged))
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
            Beyond::Untested { .. } => Room::Few(free + CANARIES.saturating_sub(self.beyond.out()) as usize),
            Beyond::Delivered => Room::Enough,
            Beyond::CutOff { .. } if free > 0 => Room::Few(free),
            Beyond::CutOff { again } => Room::OneAt(again),
        }
    }
}

impl Beyond {
    fn left(self, now: Timestamp) -> Beyond {
        match self {
            Beyond::Untested { left, free, arrived, latest } => {
                Beyond::Untested { left: left.saturating_add(1), free, arrived, latest: latest.max(now) }
            }
            Beyond::Delivered => Beyond::Delivered,
            Beyond::CutOff { .. } => Beyond::CutOff { again: now.plus(AGAIN) },
        }
    }

    fn no_witness(self) -> Beyond {
        match self {
            Beyond::Untested { left, free, arrived, latest } => Beyond::Untested { left: left.saturating_sub(1), free, arrived, latest },
            Beyond::Delivered | Beyond::CutOff { .. } => self,
        }
    }

    fn set_right(self, now: Timestamp) -> Beyond {
        match self {
            Beyond::Untested { left, free, arrived, latest } => Beyond::Untested { left, free, arrived, latest: latest.min(now) },
            Beyond::Delivered => Beyond::Delivered,
            Beyond::CutOff { again } => Beyond::CutOff { again: again.min(now.plus(AGAIN)) },
        }
    }

    /// Messages of which nothing is known.
    fn out(self) -> u32 {
        match self {
            Beyond::Untested { left, free, arrived, .. } => left.saturating_sub(free.saturating_add(arrived)),
            Beyond::Delivered | Beyond::CutOff { .. } => 0,
        }
    }

    /// Who charges can collect. What is free is none of these.
    fn priced(self, toll: Toll, price: Price) -> Beyond {
        match (self, toll, price) {
            (_, _, Price::Paid) => Beyond::Delivered,
            (Beyond::Untested { left, free, arrived, latest }, Toll::Beyond, Price::Free) => {
                Beyond::Untested { left, free: free.saturating_add(1), arrived, latest }
            }
            (Beyond::Untested { left, free, arrived, latest }, Toll::Arrived, Price::Free) => {
                Beyond::Untested { left, free: free.saturating_add(1), arrived: arrived.saturating_sub(1), latest }
            }
            (Beyond::CutOff { .. }, Toll::Beyond | Toll::Arrived, Price::Free) => Beyond::default(),
            (Beyond::Delivered, Toll::Beyond | Toll::Arrived, Price::Free) | (_, Toll::Within | Toll::Said(_), Price::Free) => self,
        }
    }

    /// One has arrived that is not free by our count, and nothing is known of its price. It may have overtaken one of the free ones; more
    /// than the first few have not.
    fn arrived(self) -> Beyond {
        match self {
            Beyond::Untested { arrived, .. } if arrived >= CANARIES => Beyond::Delivered,
            Beyond::Untested { left, free, arrived, latest } => Beyond::Untested { left, free, arrived: arrived + 1, latest },
            Beyond::CutOff { .. } => Beyond::default(),
            Beyond::Delivered => Beyond::Delivered,
        }
    }
}

/// The months to which a second belongs in the latest and in the earliest time zone; mostly the same.
fn numbers(second: Timestamp) -> [u32; 2] {
    [second.minus(LATEST), second.plus(EARLIEST)].map(|at| number(jiff::tz::TimeZone::UTC.to_datetime(at.instant()).date()))
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
        let more = budget.charge(NOW.millis()).priced(NOW, Toll::Within, Price::Free).priced(NOW, Toll::Within, Price::Paid);
        let month = more.of(date(2026, 11, 10));
        assert_eq!((month.charged, month.free, month.paid), (u32::MAX, u32::MAX, u32::MAX));
        let half = Month { charged: 1 << 31, ..full };
        let budget = Budget { months: [half, Month::default(), Month::default(), Month::default()] };
        assert_eq!(charged(budget.charge(NOW.millis()), NOW), (1 << 31) + 1);
    }

    #[test]
    fn whoever_charges_too_early_is_noticed() {
        assert_eq!(after(1_000, NOW).priced(NOW, Toll::Within, Price::Free).surprise(NOW.millis()), None);
        assert_eq!(after(1_000, NOW).priced(NOW, Toll::Within, Price::Paid).surprise(NOW.millis()), Some(Surprise::Charged));
        assert_eq!(after(1_001, NOW).priced(NOW, Toll::Within, Price::Paid).surprise(NOW.millis()), None);
        let later = TURN.plus(86_400);
        assert_eq!(
            after(5, NOW).priced(NOW, Toll::Within, Price::Paid).charge(later.millis()).surprise(later.millis()),
            None,
            "that was last month"
        );
    }

    #[test]
    fn a_few_try_whether_what_is_not_free_arrives() {
        let at = |second: Timestamp| second.millis();
        assert_eq!(after(999, NOW).room(at(NOW)), Room::Few(1 + 5));
        assert_eq!(after(1_004, NOW).room(at(NOW)), Room::Few(1));
        let five = after(1_005, NOW);
        assert_eq!((five.room(at(NOW)), five.unproven(at(NOW))), (Room::Few(0), Some(NOW)));
        assert_eq!(after(1_004, NOW).unproven(at(NOW)), None);

        let gone = five.cut_off(at(NOW.plus(120)));
        assert_eq!((gone.surprise(at(NOW)), gone.room(at(NOW))), (Some(Surprise::CutOff), Room::OneAt(NOW.plus(120 + 3_600))));
        let tried = gone.charge(at(NOW.plus(4_000)));
        assert_eq!(tried.room(at(NOW)), Room::OneAt(NOW.plus(4_000 + 3_600)));
        let back = tried.priced(NOW.plus(4_000), Toll::Beyond, Price::Paid);
        assert_eq!((back.surprise(at(NOW)), back.room(at(NOW))), (None, Room::Enough));
    }

    /// In the hours that may be either month's, what is known of the one before still holds.
    #[test]
    fn a_cut_off_outlives_midnight_until_its_month_is_over_everywhere() {
        let gone = after(1_005, NOW).cut_off(NOW.plus(120).millis());
        let again = Room::OneAt(NOW.plus(3_720));
        let found = [TURN.minus(1), TURN, TURN.plus(LATEST - 1), TURN.plus(LATEST)].map(|at| gone.room(at.millis()));
        assert_eq!(found, [again, again, again, Room::Few(1_005)]);
        assert_eq!(after(1_005, NOW).room(TURN.millis()), Room::Few(0));
        let delivered = gone.priced(NOW, Toll::Beyond, Price::Paid);
        assert_eq!(delivered.room(TURN.millis()), Room::Few(1_005));
    }

    #[test]
    fn a_clock_that_is_set_right_takes_its_future_back() {
        let ahead = NOW.plus(20 * 86_400);
        let wrong =
            (1..5).fold(after(1_005, ahead).cut_off(ahead.millis()), |budget, year| budget.charge(NOW.plus(year * 365 * 86_400).millis()));
        let right = after(1_005, ahead).cut_off(ahead.millis()).set_right(NOW.millis());
        assert_eq!(right.room(NOW.millis()), Room::OneAt(NOW.plus(3_600)));
        assert_eq!(charged(wrong.set_right(NOW.millis()).charge(NOW.millis()), NOW), 1);
        let same = after(7, NOW);
        assert_eq!(same.set_right(NOW.millis()), same);
    }

    #[test]
    fn what_proves_that_they_arrive() {
        let (five, gone) = (after(1_005, NOW), after(1_005, NOW).cut_off(NOW.millis()));
        let room = |budget: Budget| budget.room(NOW.millis());
        let free = |budget: Budget, toll: Toll| budget.priced(NOW, toll, Price::Free);
        for tried in [five, gone] {
            assert_eq!(room(tried.priced(NOW, Toll::Beyond, Price::Paid)), Room::Enough);
            assert_eq!(room(free(tried, Toll::Within)), room(tried), "it is one of the free ones");
        }
        assert_eq!(room(free(five, Toll::Beyond)), Room::Few(1), "another has not come");
        assert_eq!(room(five.no_witness(NOW)), Room::Few(1), "nor has this: it was lost on the way");
        let known = (0..5).fold(five, |budget, _| free(budget.arrived(NOW), Toll::Arrived));
        assert_eq!((room(known), known.unproven(NOW.millis())), (Room::Few(5), None), "Meta counts fewer than we do");
        // Without a word of prices, as many that arrive as cannot all have overtaken others.
        let arrived = |times: u32| (0..times).fold(after(1_010, NOW), |budget, _| budget.arrived(NOW));
        assert_eq!([room(arrived(5)), room(arrived(6))], [Room::Few(0), Room::Enough]);
        assert_eq!([room(gone.arrived(NOW)), room(free(gone, Toll::Beyond))], [Room::Few(5); 2], "it tries anew");
        assert_eq!([after(999, NOW), after(1_000, NOW)].map(|budget| budget.toll(NOW.millis())), [Toll::Within, Toll::Beyond]);
    }
}
