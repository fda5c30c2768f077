//! Points in time, and nothing that reads a clock: every function here is arithmetic.
//!
//! Two grains on purpose. [`Timestamp`] is what Meta states and what rows keep: whole seconds. [`Millis`] is "now", because 80 messages a
//! second need a finer grain than a second.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whole seconds since 1970-01-01 00:00 UTC, the unit of Meta's `timestamp`. Ranges from 1970 to 2106; arithmetic saturates at both ends,
/// because a Pi without a battery clock really does wake up in 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub u32);

impl Timestamp {
    /// `self` plus `seconds`, at most the year 2106.
    pub fn plus(self, seconds: u32) -> Timestamp {
        Timestamp(self.0.saturating_add(seconds))
    }

    /// `self` minus `seconds`, at least 1970.
    pub fn minus(self, seconds: u32) -> Timestamp {
        Timestamp(self.0.saturating_sub(seconds))
    }

    /// Seconds from `earlier` to `self`; 0 if `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> u32 {
        self.0.saturating_sub(earlier.0)
    }

    /// The instant at which this second begins.
    pub fn millis(self) -> Millis {
        Millis(u64::from(self.0) * 1000)
    }

    /// The same for whoever needs a calendar or a text: every second until 2106 is one.
    pub fn instant(self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(i64::from(self.0)).unwrap_or(jiff::Timestamp::MAX)
    }

    /// The hour since 1970 that this second lies in: the bucket of its deduplication id.
    pub fn hour(self) -> u32 {
        self.0 / 3600
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

/// Milliseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// The whole second that has begun.
    pub fn second(self) -> Timestamp {
        Timestamp(u32::try_from(self.0 / 1000).unwrap_or(u32::MAX))
    }

    /// The first whole second that does not begin before this.
    pub fn second_after(self) -> Timestamp {
        Timestamp(u32::try_from(self.0.div_ceil(1000)).unwrap_or(u32::MAX))
    }

    /// `self` plus `millis`.
    pub fn plus(self, millis: u64) -> Millis {
        Millis(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to `self`; 0 if `earlier` is later.
    pub fn since(self, earlier: Millis) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// The local wall-clock time of `now`.
pub fn local(now: Millis, zone: &TimeZone) -> DateTime {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(now.0).unwrap_or(i64::MAX)).unwrap_or(jiff::Timestamp::MAX);
    zone.to_datetime(at)
}

/// A calendar day, as days since 1970-01-01: what a figure is about. No time zone, no hour.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Day(pub i32);

impl Day {
    /// The day of a civil date.
    pub fn of(date: jiff::civil::Date) -> Day {
        let days = date.since((jiff::Unit::Day, EPOCH)).map_or(0, |span| span.get_days());
        Day(days)
    }

    /// The civil date; days beyond the calendar (the year 9999) become 1970-01-01.
    pub fn date(self) -> jiff::civil::Date {
        EPOCH.checked_add(jiff::Span::new().days(self.0.clamp(-700_000, 2_900_000))).unwrap_or(EPOCH)
    }
}

const EPOCH: jiff::civil::Date = jiff::civil::date(1970, 1, 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        for (day, date) in
            [(0, jiff::civil::date(1970, 1, 1)), (20_779, jiff::civil::date(2026, 11, 22)), (-1, jiff::civil::date(1969, 12, 31))]
        {
            assert_eq!((Day::of(date), Day(day).date()), (Day(day), date));
        }
    }
}
