//! Messages per calendar month, counted when Meta accepts them, and how many people they suffice for. Stops nothing: the cap and the
//! forecast are promise 9's.

use super::rules::Rules;
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
    /// Everyone who could be reached has this revision: what is newer is still being handed out.
    pub reached: u32,
    /// Publications that left a second time, because nobody knew whether they had arrived: duplicates, perhaps.
    pub repeated: u32,
}

impl Counters {
    /// One more message accepted at `now`; starts again at 1 when the local month has changed.
    #[must_use]
    pub fn accept(self, now: Millis, zone: &TimeZone) -> Counters {
        let month = month_of(now, zone);
        let accepted = if month == self.month { self.accepted.saturating_add(1) } else { 1 };
        Counters { month, accepted, ..self }
    }

    /// Messages accepted in the local month of `now`: none yet if the count is of an earlier one.
    pub fn accepted_in_month_of(self, now: Millis, zone: &TimeZone) -> u32 {
        if month_of(now, zone) == self.month { self.accepted } else { 0 }
    }
}

/// How the month's messages stand against the cap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    /// They suffice, by what the subscribers of today will need.
    #[default]
    Enough,
    /// They will not suffice to the end of the month.
    Short,
    /// Only answers to people who write leave any more.
    Reserve,
    /// Nothing leaves any more until the month turns.
    Spent,
}

/// What Meta does with the month's messages, other than expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Surprise {
    /// It charges before the free ones have been used up, by our count.
    Charged,
    /// It takes messages and does not deliver them: as if there were no payment method.
    CutOff,
}

/// What a loyal subscriber of one daily feed costs a month, at most: 31 publications and 6 reminders or answers (DESIGN.md, promise 9).
const SUBSCRIBER: u32 = 37;
/// What each further daily feed adds for those who take all of them.
const FURTHER_FEED: u32 = 31;

/// Messages that somebody who takes every feed costs a month, at most, if each comes once a day.
pub fn messages_per_person(rules: &Rules) -> u32 {
    let further = u32::try_from(rules.feeds.len().saturating_sub(1)).unwrap_or(u32::MAX);
    SUBSCRIBER.saturating_add(further.saturating_mul(FURTHER_FEED))
}

/// How many people there is room for, if everyone takes every feed; `None`: no limit.
pub fn places(rules: &Rules) -> Option<usize> {
    rules.monthly_messages.map(|messages| (messages / messages_per_person(rules)) as usize)
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
        assert_eq!([before, before.plus(1_000)].map(|at| counters.accepted_in_month_of(at, &berlin)), [2, 0]);
    }
}
