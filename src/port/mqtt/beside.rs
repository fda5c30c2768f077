//! What a publisher says beside the value: about which day, since when, under which name, what it puts right. Knows no value.

use super::moment::{date, moment};
use super::rejected::Rejected;
use crate::domain::event::{Corrects, Figure};
use crate::domain::time::{Day, Timestamp};
use jiff::tz::TimeZone;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The optional keys of the contract. What is `null` is not there: templates write it for what they do not have.
#[derive(Default)]
pub(super) struct Beside {
    /// The day that the figures are about.
    pub(super) as_of: Option<Day>,
    /// When the publisher says that it published them.
    pub(super) published_at: Option<Timestamp>,
    /// The publisher's own name for the message.
    pub(super) id: Option<Box<str>>,
    /// What it puts right.
    pub(super) corrects: Option<Corrects>,
    /// There are no figures of that day, says the publisher.
    pub(super) no_report: bool,
    /// In what it is measured, says the publisher.
    pub(super) unit: Option<String>,
}

impl Beside {
    /// `zone` is that of times without an offset.
    pub(super) fn read(object: &BTreeMap<String, &RawValue>, zone: &TimeZone) -> Result<Beside, Rejected> {
        let state = key(object, "value_state", Rejected::BadState, |text| match text {
            // What is provisional may be put right later, like everything else.
            "final" | "provisional" => Some(false),
            "no_report_today" => Some(true),
            _ => None,
        })?;
        let corrects = |text: &str| Some(date(text).map_or(Corrects::Id(id(text)?), Corrects::Day));
        Ok(Beside {
            as_of: key(object, "as_of", Rejected::BadDate, date)?,
            published_at: key(object, "published_at", Rejected::BadMoment, |text| moment(text, zone))?,
            id: key(object, "id", Rejected::BadId { key: "id" }, id)?,
            corrects: key(object, "corrects", Rejected::BadId { key: "corrects" }, corrects)?,
            no_report: state.unwrap_or_default(),
            unit: key(object, "unit", Rejected::BadUnit, |text| Some(text.to_owned()))?,
        })
    }
}

fn key<T>(
    object: &BTreeMap<String, &RawValue>,
    key: &str,
    wrong: Rejected,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Rejected> {
    let Some(raw) = object.get(key) else { return Ok(None) };
    match serde_json::from_str::<Option<String>>(raw.get()) {
        Ok(None) => Ok(None),
        Ok(Some(text)) => read(&text).map(Some).ok_or(wrong),
        Err(_) => Err(wrong),
    }
}

fn id(text: &str) -> Option<Box<str>> {
    let good = (1..=Figure::ID_MAX).contains(&text.len()) && !text.contains(char::is_control);
    good.then(|| text.into())
}
