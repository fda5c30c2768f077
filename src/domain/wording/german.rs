//! Numbers, days and times as German readers expect them. No sentence, no decision.

use crate::domain::figures::Value;
use crate::domain::time::{Day, Millis, Timestamp, local};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

/// Digits are grouped from this many on: „1234“, but „12.735“.
const GROUP_FROM: usize = 5;

/// `57,4`, `1234`, `12.735`, `−3,6` (with a real minus sign), with at least `least` digits behind the comma.
pub(in crate::domain) fn number(value: Value, least: u8) -> String {
    let (digits, exact) = value.parts();
    let decimals = exact.max(least.min(Value::DECIMALS));
    let scaled = u128::from(digits.unsigned_abs()) * 10_u128.pow(u32::from(decimals - exact));
    let text = format!("{scaled:0width$}", width = usize::from(decimals) + 1);
    let (whole, fraction) = text.split_at(text.len() - usize::from(decimals));
    let sign = if digits < 0 { "−" } else { "" };
    let comma = if fraction.is_empty() { "" } else { "," };
    format!("{sign}{}{comma}{fraction}", grouped(whole))
}

fn grouped(whole: &str) -> String {
    if whole.len() < GROUP_FROM {
        return whole.to_owned();
    }
    let mut out = String::with_capacity(whole.len() + whole.len() / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push('.');
        }
        out.push(digit);
    }
    out
}

/// „Sonntag, 22.11.2026“.
pub(super) fn day(day: Day) -> String {
    let date = day.date();
    format!("{}, {}", weekday(date), short(date))
}

/// „22.11.2026“.
pub(super) fn date(day: Day) -> String {
    short(day.date())
}

/// „22.11.2026, 08:06 Uhr“.
pub(super) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    let then = local(at.millis(), zone);
    format!("{}, {:02}:{:02} Uhr", short(then.date()), then.hour(), then.minute())
}

/// „22.11.“ for comparisons.
pub(super) fn day_and_month(day: Day) -> String {
    let date = day.date();
    format!("{:02}.{:02}.", date.day(), date.month())
}

/// „heute um 14:32 Uhr“, „morgen um 14:32 Uhr“, else „am 24.11.2026 um 14:32 Uhr“. An hour that happens twice is named as the clock shows
/// it: both readings are at most an hour from the truth, and nothing is decided by the sentence.
pub(super) fn until(at: Timestamp, now: Millis, zone: &TimeZone) -> String {
    let then = local(at.millis(), zone);
    let today = local(now, zone).date();
    let when = match Day::of(then.date()).0 - Day::of(today).0 {
        0 => "heute".to_owned(),
        1 => "morgen".to_owned(),
        _ => format!("am {}", short(then.date())),
    };
    format!("{when} um {:02}:{:02} Uhr", then.hour(), then.minute())
}

fn short(date: Date) -> String {
    format!("{:02}.{:02}.{}", date.day(), date.month(), date.year())
}

fn weekday(date: Date) -> &'static str {
    match date.weekday() {
        Weekday::Monday => "Montag",
        Weekday::Tuesday => "Dienstag",
        Weekday::Wednesday => "Mittwoch",
        Weekday::Thursday => "Donnerstag",
        Weekday::Friday => "Freitag",
        Weekday::Saturday => "Samstag",
        Weekday::Sunday => "Sonntag",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_germans_write_them() {
        for (digits, decimals, text) in [
            (0, 0, "0"),
            (17, 0, "17"),
            (1234, 0, "1234"),
            (12735, 0, "12.735"),
            (1_234_567, 0, "1.234.567"),
            (574, 1, "57,4"),
            (-36, 1, "−3,6"),
            (5, 2, "0,05"),
            (123_456_789, 3, "123.456,789"),
        ] {
            assert_eq!(Value::new(digits, decimals).map(|value| number(value, 0)).as_deref(), Some(text));
        }
        assert_eq!(Value::new(61, 0).map(|value| number(value, 1)).as_deref(), Some("61,0"));
    }

    #[test]
    fn until_knows_the_local_day_and_both_clock_changes() {
        let berlin = TimeZone::get("Europe/Berlin").expect("bundled");
        let at = |text: &str| Timestamp(u32::try_from(text.parse::<jiff::Timestamp>().expect("a time").as_second()).expect("after 1970"));
        for (closes, now, text) in [
            ("2026-11-22T13:32:00Z", "2026-11-22T09:00:00Z", "heute um 14:32 Uhr"),
            ("2026-11-22T23:30:00Z", "2026-11-22T22:30:00Z", "morgen um 00:30 Uhr"),
            ("2026-10-25T12:00:00Z", "2026-10-24T12:00:00Z", "morgen um 13:00 Uhr"), // written at 14:00 summer time
            ("2027-03-28T12:00:00Z", "2027-03-27T12:00:00Z", "morgen um 14:00 Uhr"), // written at 13:00 winter time
            ("2026-11-24T13:00:00Z", "2026-11-22T12:00:00Z", "am 24.11.2026 um 14:00 Uhr"),
        ] {
            assert_eq!(until(at(closes), at(now).millis(), &berlin), text);
        }
        assert_eq!(day(Day::of(jiff::civil::date(2026, 11, 22))), "Sonntag, 22.11.2026");
    }
}
