//! Messages per calendar month, counted when Meta accepts them. Does not limit anything: the cap and the forecast are promise 9's.

use super::time::Millis;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// The few numbers that must never run backwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counters {
    /// The next message's id. Stored, because a removed row must not give its number to another message.
    pub next_outbox: u64,
    /// The month that [`Counters::accepted`] counts, as year × 12 + month.
    pub month: u32,
    /// Messages that Meta accepted in that month.
    pub accepted: u32,
}

impl Counters {
    /// One more message accepted at `now`; starts again at 1 when the local month has changed.
    #[must_use]
    pub fn accept(self, now: Millis, zone: &TimeZone) -> Counters {
        let month = month_of(now, zone);
        let accepted = if month == self.month { self.accepted.saturating_add(1) } else { 1 };
        Counters { month, accepted, ..self }
    }
}

fn month_of(now: Millis, zone: &TimeZone) -> u32 {
    let date = local(now, zone).date();
    u32::try_from(date.year()).unwrap_or(0) * 12 + u32::try_from(date.month()).unwrap_or(0)
}

/// The local wall-clock time of `now`.
pub fn local(now: Millis, zone: &TimeZone) -> jiff::civil::DateTime {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(now.0).unwrap_or(i64::MAX)).unwrap_or(jiff::Timestamp::MAX);
    zone.to_datetime(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_month_is_the_local_one() {
        let berlin = TimeZone::get("Europe/Berlin").expect("bundled");
        let before = Millis(1_793_487_599_000); // 2026-10-31 23:59:59 in Berlin
        let counters = Counters::default().accept(before, &berlin).accept(before, &berlin);
        assert_eq!(counters.accepted, 2);
        let next = counters.accept(before.plus(1_000), &berlin);
        assert_eq!((next.accepted, next.month), (1, counters.month + 1));
    }
}
