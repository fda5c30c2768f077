//! A decimal number, exact. No float, no text: reading is for `port/mqtt`, writing for `wording`.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// A decimal number, exact: `digits` × 10^−`decimals`, without trailing zeros behind the point, so that 17 and 17.0 are equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Value {
    digits: i64,
    decimals: u8,
}

/// A value as it was written down, by us or by somebody else.
#[derive(Deserialize)]
struct Written {
    digits: i64,
    decimals: u8,
}

impl TryFrom<Written> for Value {
    type Error = &'static str;

    fn try_from(Written { digits, decimals }: Written) -> Result<Value, &'static str> {
        Value::new(digits, decimals).filter(|value| value.parts() == (digits, decimals)).ok_or("a value that nobody could have said")
    }
}

impl Value {
    /// More digits than this are not a figure of anything; the sum of two still fits an `i64`.
    pub const LARGEST: i64 = 1_000_000_000_000_000;
    /// Digits behind the point at most.
    pub const DECIMALS: u8 = 6;

    /// `digits` × 10^−`decimals`; `None` beyond [`Value::LARGEST`] or [`Value::DECIMALS`].
    pub fn new(mut digits: i64, mut decimals: u8) -> Option<Value> {
        while decimals > 0 && digits % 10 == 0 {
            (digits, decimals) = (digits / 10, decimals - 1);
        }
        (digits.unsigned_abs() <= Value::LARGEST.unsigned_abs() && decimals <= Value::DECIMALS).then_some(Value { digits, decimals })
    }

    /// Digits and decimals, for display.
    pub fn parts(self) -> (i64, u8) {
        (self.digits, self.decimals)
    }

    /// `self − other`, exact; `None` if it leaves the range.
    pub fn minus(self, other: Value) -> Option<Value> {
        let decimals = self.decimals.max(other.decimals);
        let scaled = |value: Value| value.digits.checked_mul(10_i64.checked_pow(u32::from(decimals - value.decimals))?);
        Value::new(scaled(self)?.checked_sub(scaled(other)?)?, decimals)
    }

    /// A whole number.
    pub(super) const fn whole(number: u32) -> Value {
        Value { digits: number as i64, decimals: 0 }
    }

    /// As a whole number of millionths, which is exact: there are at most [`Value::DECIMALS`].
    pub(super) fn millionths(self) -> i128 {
        i128::from(self.digits) * 10_i128.pow(u32::from(Value::DECIMALS - self.decimals))
    }

    /// The inverse, as near as there is one: what has too many digits loses its last, and what is too large is the largest.
    pub(super) fn of_millionths(millionths: i128) -> Value {
        let (mut digits, mut decimals) = (millionths, Value::DECIMALS);
        while decimals > 0 && digits.unsigned_abs() > u128::from(Value::LARGEST.unsigned_abs()) {
            (digits, decimals) = (digits / 10, decimals - 1);
        }
        let largest = i128::from(Value::LARGEST);
        let digits = i64::try_from(digits.clamp(-largest, largest)).unwrap_or(Value::LARGEST);
        Value::new(digits, decimals).unwrap_or(Value::whole(0))
    }

    /// With at most so many digits behind the point; the rest is cut off.
    pub(super) fn cut(self, decimals: u8) -> Value {
        let unit = 10_i128.pow(u32::from(Value::DECIMALS.saturating_sub(decimals)));
        Value::of_millionths(self.millionths() / unit * unit)
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        self.millionths().cmp(&other.millionths())
    }
}

impl fmt::Display for Value {
    /// `57.4`, `-36`: with a point, as programs write it; as exact as the value is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = usize::from(self.decimals);
        let sign = if self.digits < 0 { "-" } else { "" };
        let figures = format!("{:0width$}", self.digits.unsigned_abs(), width = decimals + 1);
        let (whole, fraction) = figures.split_at(figures.len() - decimals);
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_exact_and_canonical() {
        assert_eq!(Value::new(170, 1), Value::new(17, 0));
        assert_eq!(Value::new(574, 1).zip(Value::new(61, 0)).and_then(|(a, b)| a.minus(b)), Value::new(-36, 1));
        assert_eq!(Value::new(Value::LARGEST + 1, 0), None);
        assert_eq!(Value::new(1, 7), None);
    }

    #[test]
    fn values_are_ordered_by_size() {
        let value = |digits, decimals| Value::new(digits, decimals).expect("in range");
        let ordered = [value(-Value::LARGEST, 0), value(-61, 0), value(-574, 1), value(1, 6), value(574, 1), value(61, 0), value(610, 0)];
        assert!(ordered.is_sorted_by(|a, b| a < b));
        for value in ordered {
            assert_eq!(Value::of_millionths(value.millionths()), value);
        }
        assert_eq!([value(574, 1), value(-574, 1), value(5749, 2)].map(|value| value.cut(1).parts()), [(574, 1), (-574, 1), (574, 1)]);
        assert_eq!(Value::of_millionths(i128::MAX), value(Value::LARGEST, 0));
    }
}
