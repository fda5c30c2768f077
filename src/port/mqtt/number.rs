//! A number's text to an exact value. No float, and no guess: where two readings are a factor of thousand apart, neither is taken
//! (seven times in the field `12.735` was read as 12).

use super::document::is_number;
use super::rejected::Rejected;
use crate::domain::figures::Value;
use crate::domain::rules::MetricKind;
use serde_json::value::RawValue;

/// A figure with sign, groups and decimals needs 25 characters; what is longer is something else.
pub(super) const TEXT_MAX: usize = 64;
/// What local systems publish when they have nothing (Home Assistant, Python, JavaScript, tables made by hand).
const NOTHING: [&str; 9] = ["unknown", "unavailable", "none", "null", "nan", "undefined", "n/a", "-", "–"];

/// Text as people and shell scripts write it: `17`, `1.234`, `1 234`, `57,4`. Expects it trimmed.
pub(super) fn text(kind: MetricKind, text: &str) -> Result<Value, Rejected> {
    if text.len() > TEXT_MAX {
        return Err(Rejected::TooLong);
    }
    if NOTHING.iter().any(|nothing| text.eq_ignore_ascii_case(nothing)) {
        return Err(Rejected::NoValue);
    }
    let (negative, body) = sign(text);
    let body: String = body.chars().map(|c| if matches!(c, '\u{a0}' | '\u{202f}' | '\u{2009}') { ' ' } else { c }).collect();
    let float = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | 'e' | 'E' | '+' | '-');
    if body.contains(['e', 'E']) && body.starts_with(|c: char| c.is_ascii_digit()) && body.chars().all(float) {
        return Err(Rejected::Exponent);
    }
    let (whole, fraction) = separate(kind, &body)?;
    exact(kind, negative, &whole, fraction)
}

/// A number in JSON, which has one decimal point and no groups. Expects the grammar checked.
pub(super) fn json(kind: MetricKind, text: &str) -> Result<Value, Rejected> {
    if text.len() > TEXT_MAX {
        return Err(Rejected::TooLong);
    }
    if text.contains(['e', 'E']) {
        return Err(Rejected::Exponent);
    }
    let (negative, body) = sign(text);
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    if kind != MetricKind::Rate && looks_grouped(whole, fraction) {
        return Err(ambiguous(body));
    }
    exact(kind, negative, whole, fraction)
}

/// A number that a program prints, as JSON or alone: what looks like a number of JSON is one, so a point is a decimal point. A rate with
/// more decimals than a value keeps is rounded, because whoever maps a device cannot make it round. Anything else is read as people write.
pub(super) fn machine(kind: MetricKind, text: &str) -> Result<Value, Rejected> {
    if !is_number(text) || serde_json::from_str::<&RawValue>(text).is_err() {
        return self::text(kind, text);
    }
    match json(kind, text) {
        Err(Rejected::TooPrecise) => rounded(text),
        read => read,
    }
}

/// Half away from zero. Expects the grammar checked, and more decimals than a value keeps.
fn rounded(text: &str) -> Result<Value, Rejected> {
    let (negative, body) = sign(text);
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    let (kept, rest) = fraction.split_at_checked(Value::DECIMALS.into()).ok_or(Rejected::TooPrecise)?;
    let digits: i64 = format!("{whole}{kept}").parse().map_err(|_| Rejected::OutOfRange)?;
    let digits = digits + i64::from(rest.starts_with(|c: char| c >= '5'));
    Value::new(if negative { -digits } else { digits }, Value::DECIMALS).ok_or(Rejected::OutOfRange)
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix(['-', '−']) {
        Some(body) => (true, body),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// Digits before and behind the decimal point, groups joined.
fn separate(kind: MetricKind, body: &str) -> Result<(String, &str), Rejected> {
    let separators: Vec<char> = body.chars().filter(|c| !c.is_ascii_digit()).collect();
    let Some(&last) = separators.last() else { return Ok((body.to_owned(), "")) };
    if separators.iter().any(|c| !matches!(c, ' ' | '.' | ',')) {
        return Err(Rejected::NotANumber);
    }
    let others: Vec<char> = separators.iter().copied().filter(|c| *c != last).collect();
    if others.is_empty() && (last == ' ' || separators.len() > 1) {
        return Ok((groups(body, last)?, ""));
    }
    let (whole, fraction) = body.rsplit_once(last).filter(|(_, fraction)| !fraction.is_empty()).ok_or(Rejected::NotANumber)?;
    if let Some(&other) = others.first() {
        let tidy = last != ' ' && separators.len() == others.len() + 1 && others.iter().all(|c| *c == other);
        return if tidy { Ok((groups(whole, other)?, fraction)) } else { Err(Rejected::NotANumber) };
    }
    if !looks_grouped(whole, fraction) {
        return Ok((whole.to_owned(), fraction));
    }
    // `12.735` is how German pages print a count. `12.000` is also how a program prints 12 with three decimals: not taken.
    if kind != MetricKind::Rate && last == '.' && fraction != "000" { Ok((groups(body, last)?, "")) } else { Err(ambiguous(body)) }
}

/// One to three digits and then exactly three: `1.234`, but not `0.875` nor `57.4`.
fn looks_grouped(whole: &str, fraction: &str) -> bool {
    (1..=3).contains(&whole.len()) && !whole.starts_with('0') && fraction.len() == 3
}

fn groups(body: &str, separator: char) -> Result<String, Rejected> {
    let mut parts = body.split(separator);
    let first = parts.next().unwrap_or_default();
    let tidy = (1..=3).contains(&first.len()) && !first.starts_with('0') && parts.all(|part| part.len() == 3);
    if tidy { Ok(body.split(separator).collect()) } else { Err(Rejected::NotANumber) }
}

fn ambiguous(body: &str) -> Rejected {
    Rejected::Ambiguous { text: body.to_owned(), digits: body.chars().filter(char::is_ascii_digit).collect() }
}

fn exact(kind: MetricKind, negative: bool, whole: &str, fraction: &str) -> Result<Value, Rejected> {
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err(Rejected::NotANumber);
    }
    let fraction = fraction.trim_end_matches('0');
    if kind != MetricKind::Rate && !fraction.is_empty() {
        return Err(Rejected::NotWhole);
    }
    let decimals = u8::try_from(fraction.len()).ok().filter(|decimals| *decimals <= Value::DECIMALS).ok_or(Rejected::TooPrecise)?;
    let digits: i64 = format!("{whole}{fraction}").parse().map_err(|_| Rejected::OutOfRange)?;
    Value::new(if negative { -digits } else { digits }, decimals).ok_or(Rejected::OutOfRange)
}

#[cfg(test)]
mod tests {
    use super::*;
    use MetricKind::{Count, Rate};

    fn value(digits: i64, decimals: u8) -> Result<Value, Rejected> {
        Value::new(digits, decimals).ok_or(Rejected::OutOfRange)
    }

    fn unclear(text: &str, digits: &str) -> Result<Value, Rejected> {
        Err(Rejected::Ambiguous { text: text.to_owned(), digits: digits.to_owned() })
    }

    #[test]
    fn text_is_read_exactly_or_refused() {
        for (kind, written, expected) in [
            (Count, "17", value(17, 0)),
            (Count, "0", value(0, 0)),
            (Count, "-3", value(-3, 0)),
            (Count, "−4863", value(-4863, 0)),
            (Count, "+17", value(17, 0)),
            (Count, "27159178", value(27_159_178, 0)),
            // The seven cases of a page that began to write groups (Saale-Orla-Kreis, Eichsfeld), and their neighbours.
            (Count, "12.663", value(12_663, 0)),
            (Count, "13.467", value(13_467, 0)),
            (Count, "14.303", value(14_303, 0)),
            (Count, "9.948", value(9_948, 0)),
            (Count, "16.019", value(16_019, 0)),
            (Count, "11.560", value(11_560, 0)),
            (Count, "1.067", value(1_067, 0)),
            (Count, "12.735", value(12_735, 0)),
            (Count, "39.200.512", value(39_200_512, 0)),
            (Count, "1 234", value(1234, 0)),
            (Count, "39\u{a0}200\u{202f}512", value(39_200_512, 0)),
            (Count, "1.234,0", value(1234, 0)),
            (Count, "17.0", value(17, 0)),
            (Count, "17,00", value(17, 0)),
            (Count, "12.000", unclear("12.000", "12000")),
            (Count, "1,234", unclear("1,234", "1234")),
            (Count, "1.23", Err(Rejected::NotWhole)),
            (Count, "57,4", Err(Rejected::NotWhole)),
            (Count, "1.2345", Err(Rejected::NotWhole)),
            (Count, "0.875", Err(Rejected::NotWhole)),
            (Count, "12.34.567", Err(Rejected::NotANumber)),
            (Count, "1 23", Err(Rejected::NotANumber)),
            (Count, "1.234 567", Err(Rejected::NotANumber)),
            (Count, "012.345", Err(Rejected::NotWhole)),
            (Rate, "57,4", value(574, 1)),
            (Rate, "57.4", value(574, 1)),
            (Rate, "1.234,5", value(12_345, 1)),
            (Rate, "1,234.5", value(12_345, 1)),
            (Rate, "1 234,5", value(12_345, 1)),
            (Rate, "0,875", value(875, 3)),
            (Rate, "1.2345", value(12_345, 4)),
            (Rate, "1.234.567", value(1_234_567, 0)),
            (Rate, "1.234", unclear("1.234", "1234")),
            (Rate, "-1,234", unclear("1,234", "1234")),
            (Rate, "57.400000000000006", Err(Rejected::TooPrecise)),
            (Count, "99999999999999999999", Err(Rejected::OutOfRange)),
            (Count, "1000000000000001", Err(Rejected::OutOfRange)),
            (Count, "1e3", Err(Rejected::Exponent)),
            (Rate, "1.5E+2", Err(Rejected::Exponent)),
        ] {
            assert_eq!(text(kind, written), expected, "{kind:?} {written}");
        }
        for nothing in ["unknown", "unavailable", "None", "null", "nan", "NaN", "-"] {
            assert_eq!(text(Count, nothing), Err(Rejected::NoValue), "{nothing}");
        }
        for strange in ["inf", "Infinity", "0x1F", "17 Fälle", "siebzehn", ".5", "5.", ",", "--1", "+-1", "1..2", "1'234", "e", "٣", "on"]
        {
            assert_eq!(text(Count, strange), Err(Rejected::NotANumber), "{strange}");
        }
        assert_eq!(text(Count, &"1".repeat(TEXT_MAX + 1)), Err(Rejected::TooLong));
    }

    #[test]
    fn what_is_read_is_written_as_json_has_it() {
        for text in ["0", "17", "-17", "57.4", "-0.000001", "0.5", "1000000000000000", "12.05"] {
            assert_eq!(json(Rate, text).map(|value| value.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn programs_write_points_and_floats() {
        for (kind, written, expected) in [
            (Rate, "1.234", value(1234, 3)),
            (Rate, "57.400000000000006", value(574, 1)),
            (Rate, "-0.0000005", value(-1, 6)),
            (Rate, "-0.00000049", value(0, 0)),
            (Rate, "99999999.9999999999", value(100_000_000, 0)),
            (Rate, "57,4", value(574, 1)),
            (Rate, "1,234", unclear("1,234", "1234")),
            (Rate, "1e-7", Err(Rejected::Exponent)),
            (Rate, "unavailable", Err(Rejected::NoValue)),
            (Rate, "on", Err(Rejected::NotANumber)),
            (Rate, "99999999999999999.1234567", Err(Rejected::OutOfRange)),
            (Count, "17.0", value(17, 0)),
            (Count, "17.00000001", Err(Rejected::NotWhole)),
            // Even a program may print what a page had grouped.
            (Count, "12.735", unclear("12.735", "12735")),
            (Count, "39.200.512", value(39_200_512, 0)),
        ] {
            assert_eq!(machine(kind, written), expected, "{kind:?} {written}");
        }
    }

    #[test]
    fn numbers_in_json_are_exact() {
        for (kind, written, expected) in [
            (Count, "17", value(17, 0)),
            (Count, "-3", value(-3, 0)),
            (Count, "17.0", value(17, 0)),
            (Count, "0.000", value(0, 0)),
            (Count, "12.735", unclear("12.735", "12735")),
            (Count, "12.000", unclear("12.000", "12000")),
            (Count, "17.5", Err(Rejected::NotWhole)),
            (Rate, "57.4", value(574, 1)),
            (Rate, "1.234", value(1234, 3)),
            (Rate, "0.1", value(1, 1)),
            (Rate, "1e3", Err(Rejected::Exponent)),
        ] {
            assert_eq!(json(kind, written), expected, "{kind:?} {written}");
        }
    }
}
