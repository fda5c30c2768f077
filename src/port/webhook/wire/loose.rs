//! How Meta writes the same thing here and there: a number as a string, a string as a number. Judges nothing: what is neither is an error
//! of the item that it stands in.

use super::Skip;
use crate::domain::event::Text;
use crate::domain::ids::{Bsuid, Phone};
use crate::domain::time::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Longest text that is kept: several times the longest that can mean something (`wording::wish` matches whole messages of at most
/// 64 bytes). Meta's own limit is 4,096 characters, and what means nothing need not be copied.
const TEXT: usize = 256;
/// Longest word of Meta's that is repeated in a log line.
const WORD: usize = 64;

/// A text, or a number where others are written as texts.
pub(super) enum Loose<'a> {
    /// Written as a number.
    Number(u64),
    /// Written as a text.
    Text(Cow<'a, str>),
}

impl<'a> Loose<'a> {
    /// As a text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Loose::Number(number) => Cow::Owned(number.to_string()),
            Loose::Text(text) => Cow::Borrowed(text),
        }
    }

    pub(super) fn number(&self) -> Option<u32> {
        match self {
            Loose::Number(number) => u32::try_from(*number).ok(),
            Loose::Text(text) => text.parse().ok(),
        }
    }

    pub(super) fn timestamp(&self) -> Option<Timestamp> {
        self.number().map(Timestamp)
    }

    /// If it is neither empty nor too long.
    pub(super) fn bsuid(&self) -> Option<Bsuid> {
        Bsuid::new(&self.text())
    }

    /// If it consists of digits. Some payloads write a `+` before them.
    pub(super) fn phone(&self) -> Option<Phone> {
        let text = self.text();
        Phone::new(text.strip_prefix('+').unwrap_or(&text))
    }

    /// One of Meta's own words (`ACCOUNT_RESTRICTION`, `TIER_250`), fit for a log line; what does not look like one is not repeated.
    pub(super) fn word(&self) -> String {
        let text = self.text();
        let fits = text.len() <= WORD && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        if fits { text.into_owned() } else { "(no word)".to_owned() }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Loose<'a>, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a whole number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Loose<'de>, E> {
        Ok(Loose::Number(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Owned(text.to_owned())))
    }
}

/// What a person wrote; `None` if it is too long to mean anything.
pub(super) struct Written(pub(super) Option<Text>);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Written, D::Error> {
        deserializer.deserialize_str(Short)
    }
}

struct Short;

impl Visitor<'_> for Short {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Written, E> {
        Ok(Written((text.len() <= TEXT).then(|| Text(text.into()))))
    }
}

/// One object, read from its own slice of the body.
pub(super) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Skip> {
    serde_json::from_str(raw.get()).map_err(|_| Skip::Broken)
}

/// The object that must be there.
pub(super) fn required<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Result<T, Skip> {
    raw.map_or(Err(Skip::Broken), read)
}
