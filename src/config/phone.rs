//! A telephone number as people write it and as `wa.me` wants it. Knows its shape only: whether anybody answers there it cannot know.

use std::fmt;

/// An international number. It is the branch's, stands on posters, and so may be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PhoneNumber {
    shown: String,
    digits: String,
}

/// Digits behind the `+`: E.164 allows 15, and no international number of a person or branch is shorter than 8.
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

/// What is wrong with a number, and what to do.
pub const RULE: &str =
    "keine internationale Telefonnummer. Abhilfe: mit + und Landesvorwahl schreiben, ohne (0), zum Beispiel \"+49 151 23456789\"";

impl PhoneNumber {
    /// The number, if it is one: `+`, then digits, between which people put spaces and `-/.()`. The `(0)` that is dialled only inside a
    /// country is none of them.
    pub fn parse(text: &str) -> Option<PhoneNumber> {
        let shown = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let rest = shown.strip_prefix('+')?;
        let allowed = rest.chars().all(|char| char.is_ascii_digit() || " -/.()".contains(char));
        let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
        let international = !digits.starts_with('0') && !rest.contains("(0)");
        (allowed && international && DIGITS.contains(&digits.len())).then_some(PhoneNumber { shown, digits })
    }

    /// Digits only, country code first.
    pub fn digits(&self) -> &str {
        &self.digits
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_international() {
        for (text, digits, shown) in [
            ("+49 151 23456789", "4915123456789", "+49 151 23456789"),
            (" +49 (511)  123-45/67.8 ", "4951112345678", "+49 (511) 123-45/67.8"),
        ] {
            let number = PhoneNumber::parse(text).expect(text);
            assert_eq!((number.digits(), number.to_string().as_str()), (digits, shown));
        }
        for wrong in ["", "+", "0151 23456789", "+0151 23456789", "+49 (0)151 23456789", "+49 151", "+49 151 2345678901234", "+49 151 x"] {
            assert_eq!(PhoneNumber::parse(wrong), None, "{wrong}");
        }
    }
}
