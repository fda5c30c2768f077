//! Days and moments as publishers write them. Reads no clock, and knows no day but the one that is written.

use super::document::is_number;
use crate::domain::time::{Day, Timestamp};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::value::RawValue;

/// Digits of a number of seconds since 1970, from the year 2001 until 2286: with three more it counts milliseconds, and so on. No two of
/// them can be mistaken for each other.
const SECONDS: usize = 10;

/// `2026-11-22` and nothing else: a date with a time of day would leave open whose day it is.
pub(super) fn date(text: &str) -> Option<Day> {
    let shape = text.len() == 10 && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    if shape { text.parse().ok().map(Day::of) } else { None }
}

/// A moment as RFC 3339 writes it; without an offset it is local time. An hour that there is twice, in autumn, is the earlier one.
pub(super) fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    u32::try_from(instant(text, zone)?.as_second()).ok().map(Timestamp)
}

/// The local day that a foreign document means: by a date, a moment, or the time since 1970 in seconds or thousandths, millionths,
/// billionths of them.
pub(super) fn local_day(raw: &RawValue, zone: &TimeZone) -> Option<Day> {
    let at = if is_number(raw.get()) {
        since_1970(raw.get())?
    } else {
        let text: String = serde_json::from_str(raw.get()).ok()?;
        match date(&text) {
            Some(day) => return Some(day),
            None => instant(&text, zone)?,
        }
    };
    Some(Day::of(at.to_zoned(zone.clone()).date()))
}

fn instant(text: &str, zone: &TimeZone) -> Option<jiff::Timestamp> {
    // A week or the day of a year is no date of RFC 3339, and neither is a sign before the year.
    let begins = text.get(..10).is_some_and(|date_part| date(date_part).is_some());
    if !begins || text.len() == 10 {
        return None;
    }
    // A local time with an offset is a moment first: as a local time it would be read without the offset.
    text.parse().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        zone.to_ambiguous_timestamp(local).compatible().ok()
    })
}

fn since_1970(number: &str) -> Option<jiff::Timestamp> {
    let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
    let count: i64 = whole.parse().ok().filter(|count| *count >= 0)?;
    match whole.len().checked_sub(SECONDS)? {
        0 => jiff::Timestamp::from_second(count),
        3 => jiff::Timestamp::from_millisecond(count),
        6 => jiff::Timestamp::from_microsecond(count),
        9 => jiff::Timestamp::from_nanosecond(count.into()),
        _ => return None,
    }
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").expect("built in")
    }

    #[test]
    fn moments_are_rfc_3339_or_local() {
        let at = |text: &str| moment(text, &berlin()).map(|at| at.0);
        for (text, expected) in [
            ("2026-11-22T06:00:00Z", Some(1_795_327_200)),
            ("2026-11-22T07:00:00+01:00", Some(1_795_327_200)),
            ("2026-11-22t06:00:00.25z", Some(1_795_327_200)),
            ("2026-11-22T07:00:00", Some(1_795_327_200)),
            ("2026-11-22 07:00:00", Some(1_795_327_200)),
            ("2026-11-22T07:00", Some(1_795_327_200)),
            // 02:30 is there twice on this night: the first of them is summer time.
            ("2026-10-25T02:30:00", Some(1_792_888_200)),
            ("2026-10-25T02:30:00+02:00", Some(1_792_888_200)),
            ("2026-10-25T02:30:00+01:00", Some(1_792_891_800)),
            // 02:30 does not exist on this one.
            ("2026-03-29T02:30:00", Some(1_774_747_800)),
            ("2026-11-22", None),
            ("2026-W47-7T07:00", None),
            ("22.11.2026 07:00", None),
            ("07:00", None),
            ("1795327200", None),
            ("1969-12-31T00:00:00Z", None),
            ("2026-02-30T07:00:00", None),
            ("gestern um sieben", None),
            ("2026-11-22T25:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(at(text), expected, "{text}");
        }
    }

    #[test]
    fn foreign_days_are_local_days() {
        let day = |json: &str| local_day(serde_json::from_str(json).expect("JSON"), &berlin()).map(|day| day.date().to_string());
        for json in [
            r#""2026-11-22""#,
            r#""2026-11-22T23:59:59""#,
            r#""2026-11-21T23:00:00Z""#,
            r#""2026-11-22 08:15""#,
            "1795302000",
            "1795302000.5",
            "1795302000000",
            "1795302000000000",
            "1795302000000000000",
        ] {
            assert_eq!(day(json).as_deref(), Some("2026-11-22"), "{json}");
        }
        for json in ["17", "-1795302000", "17953020000", "1e9", r#""1795302000""#, r#""17""#, "null", "true", "{}", r#""22.11.2026""#] {
            assert_eq!(day(json), None, "{json}");
        }
    }
}
