//! Kinds of values: what text, numbers, names, dates and addresses must look like. Each function reads one value; what values have to do
//! with each other is for `branch` and `outside`.

use super::document::{Complaint, Item, kind};
use crate::domain::figures::Value;
use crate::domain::figures::holidays::Land;
use crate::domain::figures::rhythm::Due;
use crate::domain::ids::Name;
use crate::domain::rules::Quiet;
use crate::domain::time::Day;
use crate::domain::wording::length;
use jiff::civil::Time;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use toml::de::DeValue;

pub(super) fn wrong(what: impl Into<String>, remedy: impl Into<String>) -> Complaint {
    Complaint { what: what.into(), remedy: remedy.into() }
}

fn not_of_kind(expected: &str, item: &Item<'_>, remedy: &str) -> Complaint {
    wrong(format!("erwartet wird {expected}, hier steht {}.", kind(item.value)), remedy)
}

/// Text of 1 to `max` characters in one line, counted as WhatsApp does.
pub(super) fn text(max: usize) -> impl Fn(&Item<'_>) -> Result<String, Complaint> {
    move |item| {
        let DeValue::String(text) = item.value else {
            return Err(not_of_kind("Text in Anführungszeichen", item, "den Wert in Anführungszeichen setzen: \"…\""));
        };
        let length = length(text);
        if text.trim().is_empty() {
            return Err(wrong("der Text ist leer.", "ausfüllen oder die Zeile löschen."));
        }
        if text.contains(char::is_control) {
            return Err(wrong("der Text enthält Zeilenumbrüche oder Steuerzeichen.", "in eine Zeile schreiben."));
        }
        if length > max {
            return Err(wrong(format!("{length} Zeichen, erlaubt sind {max}."), "kürzen."));
        }
        Ok(text.trim().to_owned())
    }
}

/// Longest path that Linux takes.
pub(super) const PATH_MAX: usize = 4096;
/// Longest name of a host, a user, a client.
pub(super) const WORD_MAX: usize = 255;

pub(super) fn path(item: &Item<'_>) -> Result<PathBuf, Complaint> {
    text(PATH_MAX)(item).map(PathBuf::from)
}

pub(super) fn name(item: &Item<'_>) -> Result<Name, Complaint> {
    let remedy =
        "Kleinbuchstaben a–z, Ziffern, - und _, höchstens 64 Zeichen, vorn ein Buchstabe oder eine Ziffer, zum Beispiel \"cases_new\".";
    Name::new(&text(PATH_MAX)(item)?).ok_or_else(|| wrong("das ist kein Name, wie er in MQTT-Topics stehen kann.", remedy))
}

pub(super) fn boolean(item: &Item<'_>) -> Result<bool, Complaint> {
    let DeValue::Boolean(yes) = item.value else {
        return Err(not_of_kind("true oder false", item, "true oder false schreiben, ohne Anführungszeichen."));
    };
    Ok(*yes)
}

/// A whole number.
pub(super) fn integer(range: RangeInclusive<u32>) -> impl Fn(&Item<'_>) -> Result<u32, Complaint> {
    move |item| {
        let remedy = format!("eine ganze Zahl von {} bis {} ohne Anführungszeichen schreiben.", range.start(), range.end());
        let DeValue::Integer(number) = item.value else { return Err(not_of_kind("eine ganze Zahl", item, &remedy)) };
        let number = u32::from_str_radix(number.as_str(), number.radix()).ok().filter(|number| range.contains(number));
        number.ok_or_else(|| wrong(format!("erlaubt sind {} bis {}.", range.start(), range.end()), remedy))
    }
}

/// A decimal number that is not below zero, exactly as it is written.
pub(super) fn decimal(item: &Item<'_>, remedy: &str) -> Result<Value, Complaint> {
    let text = if let DeValue::Integer(number) = item.value
        && number.radix() == 10
    {
        number.as_str()
    } else if let DeValue::Float(number) = item.value {
        number.as_str()
    } else {
        return Err(not_of_kind("eine Zahl", item, remedy));
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}").parse::<u32>().ok().filter(|_| !text.starts_with('+'));
    let value = digits.zip(u8::try_from(fraction.len()).ok()).and_then(|(digits, decimals)| Value::new(i64::from(digits), decimals));
    value.ok_or_else(|| wrong("das ist keine einfache Zahl ab 0 mit höchstens neun Ziffern.", remedy))
}

pub(super) fn day(item: &Item<'_>) -> Result<Day, Complaint> {
    let remedy = "in der Form 2026-12-31 schreiben, ohne Uhrzeit und ohne Anführungszeichen.";
    let DeValue::Datetime(toml::value::Datetime { date: Some(date), time: None, offset: None }) = item.value else {
        return Err(not_of_kind("ein Tag", item, remedy));
    };
    let parts = (i16::try_from(date.year), i8::try_from(date.month), i8::try_from(date.day));
    let (Ok(year), Ok(month), Ok(day)) = parts else { return Err(wrong("diesen Tag gibt es nicht.", remedy)) };
    jiff::civil::Date::new(year, month, day).map(Day::of).map_err(|_| wrong("diesen Tag gibt es nicht.", remedy))
}

/// „04:00“: until when in the morning it is still yesterday.
pub(super) fn morning(item: &Item<'_>) -> Result<Time, Complaint> {
    let remedy = "eine Uhrzeit zwischen \"00:00\" und \"12:00\" schreiben.";
    let time = time(&text(WORD_MAX)(item)?).filter(|time| time.hour() < 12 || *time == jiff::civil::time(12, 0, 0, 0));
    time.ok_or_else(|| wrong("das ist keine Uhrzeit am Morgen.", remedy))
}

/// „learned“, „18:00“ or „never“.
pub(super) fn due(item: &Item<'_>) -> Result<Due, Complaint> {
    let remedy = "\"learned\" (gelernt aus den letzten Wochen), eine Uhrzeit wie \"18:00\" oder \"never\" schreiben.";
    match text(WORD_MAX)(item)?.as_str() {
        "learned" => Ok(Due::Learned),
        "never" => Ok(Due::Never),
        other => time(other).map(Due::By).ok_or_else(|| wrong("das ist weder eine Uhrzeit noch \"learned\" oder \"never\".", remedy)),
    }
}

/// „TH“.
pub(super) fn land(item: &Item<'_>) -> Result<Land, Complaint> {
    let text = text(WORD_MAX)(item)?;
    Land::of_code(&text).ok_or_else(|| {
        let meant = Land::ALL.into_iter().find(|land| land.name().eq_ignore_ascii_case(&text) || land.code().eq_ignore_ascii_case(&text));
        let known = Land::ALL.map(Land::code).join(", ");
        let remedy = meant.map_or(format!("eines von {known} schreiben."), |land| format!("\"{}\" schreiben.", land.code()));
        wrong("das ist kein Land nach ISO 3166-2.", remedy)
    })
}

/// „22:00“.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// „22:00-07:00“.
pub(super) fn quiet(item: &Item<'_>) -> Result<Quiet, Complaint> {
    let remedy = "Beginn und Ende der Nacht in der Form \"22:00-07:00\" schreiben.";
    let text = text(WORD_MAX)(item)?;
    let times = text.split_once(['-', '–']).and_then(|(from, until)| time(from).zip(time(until)));
    let Some((from, until)) = times else { return Err(wrong("das sind nicht zwei Uhrzeiten.", remedy)) };
    let long = format!("höchstens {} Stunden lang.", Quiet::MAX_HOURS);
    Quiet::new(from, until).ok_or_else(|| wrong("so lang ist keine Nacht.", long))
}

/// Decimal digits only.
pub(super) fn digits(item: &Item<'_>) -> Result<String, Complaint> {
    let text = text(WORD_MAX)(item)?;
    let good = text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_digit());
    let remedy = "die Nummer aus dem WhatsApp Manager in Anführungszeichen schreiben; es ist nicht die Telefonnummer.";
    if good { Ok(text) } else { Err(wrong("erwartet werden nur Ziffern.", remedy)) }
}

/// The host of a broker, without port and scheme.
pub(super) fn host(item: &Item<'_>) -> Result<String, Complaint> {
    let text = text(WORD_MAX)(item)?;
    let good = text.parse::<std::net::IpAddr>().is_ok() || text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let remedy = "nur den Namen oder die IP-Adresse schreiben, den Port unter port, Verschlüsselung unter tls.";
    if good { Ok(text) } else { Err(wrong("das ist kein Rechnername.", remedy)) }
}

/// What stands between scheme and path of an address.
pub(super) struct Authority<'a> {
    pub(super) scheme: &'a str,
    /// `user:password`.
    pub(super) user: Option<&'a str>,
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
    /// What follows, with its `/`.
    pub(super) path: &'a str,
}

impl<'a> Authority<'a> {
    /// Nothing if it is no address.
    pub(super) fn parse(url: &'a str) -> Option<Authority<'a>> {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, place) = authority.rsplit_once('@').map_or((None, authority), |(user, place)| (Some(user), place));
        // An IPv6 address has its colons in brackets.
        let (host, port) = match place.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (place, None),
        };
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let good = match inner {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)),
        };
        let plain = url.bytes().all(|byte| byte.is_ascii_graphic()) && !path.contains(['?', '#']);
        (good && plain).then_some(Authority { scheme, user, host, port, path })
    }

    /// Whether it leads nowhere but to this machine.
    pub(super) fn is_local(&self) -> bool {
        is_local(self.host.trim_matches(['[', ']']))
    }
}

/// Whether a host is this machine.
pub(super) fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
