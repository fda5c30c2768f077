//! What a backup says, as JSON says it: days and moments as people write them, figures as decimal numbers, texts line by line. Turned into
//! what the domain knows, or refused; nothing is taken over that could not have been stored.

use super::Document;
use crate::config::Written;
use crate::domain::backup::Backup;
use crate::domain::budget::Budget;
use crate::domain::figures::gate::{Baseline, Suspicion};
use crate::domain::figures::rhythm::Rhythm;
use crate::domain::figures::{self, Value};
use crate::domain::ids::{FeedSet, Name};
use crate::domain::notice;
use crate::domain::state::Counters;
use crate::domain::time::{self, Day};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Revisions count publications. Nobody publishes two thousand million times; what is beyond is damage, and would leave no room to count.
const REVISION_MAX: u32 = u32::MAX / 2;

/// A moment, as RFC 3339 in UTC.
type Moment = jiff::Timestamp;
/// A moment by the clock on the wall, as `2026-11-22T10:30:00`.
type Local = jiff::civil::DateTime;
/// A day, as `2026-11-22`.
type Date = jiff::civil::Date;
/// Figures by metric: `"57.4"`.
type Values = BTreeMap<String, String>;
/// A text, line by line.
type Lines = Vec<String>;

/// All of it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    feeds: Vec<Feed>,
    notice: Notice,
    counters: Counters,
    budget: Budget,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    configuration: Option<Configuration>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feed {
    name: String,
    current: Option<Publication>,
    previous: Option<Publication>,
    settling: Option<Settling>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<Held>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dismissed: Option<Dismissed>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    early: Vec<Early>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    baselines: BTreeMap<String, Baseline>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    no_report: Option<Date>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ids: Vec<(u32, Date)>,
    highest: u32,
    published: Moment,
    received: Moment,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    publications: Vec<Local>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heard: Option<Local>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    overdue: Option<Moment>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Publication {
    as_of: Date,
    revision: u32,
    sent: bool,
    values: Values,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correction: Option<Correction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stated: Option<Moment>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Correction {
    since: u32,
    was: Values,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settling {
    as_of: Date,
    until: Moment,
    values: Values,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correction: Option<Correction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stated: Option<Moment>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    as_of: Date,
    values: Values,
    suspicions: BTreeMap<String, Suspicion>,
    since: Moment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stated: Option<Moment>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dismissed {
    as_of: Date,
    values: Values,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Early {
    as_of: Option<Date>,
    values: Values,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
enum Notice {
    None,
    Planned { announce: Moment, last_day: Date, over: Moment },
    Announced { revision: u32, last_day: Date, over: Moment },
    Over { last_day: Date },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    #[serde(rename = "relay.toml")]
    relay: Lines,
    texts: BTreeMap<String, Lines>,
    topics: BTreeMap<String, Lines>,
}

impl From<&Document> for Content {
    fn from(document: &Document) -> Content {
        let Document { backup: Backup { feeds, notice, counters, budget }, configuration, version: _, made: _ } = document;
        Content {
            feeds: feeds.iter().map(Feed::from).collect(),
            notice: Notice::from(*notice),
            counters: *counters,
            budget: *budget,
            configuration: configuration.as_ref().map(Configuration::from),
        }
    }
}

impl Content {
    /// What it says; what is not to be understood, if something is not.
    pub(super) fn understood(self) -> Result<(Backup, Option<Written>), &'static str> {
        let feeds: Vec<figures::Feed> = self.feeds.into_iter().map(Feed::understood).collect::<Option<_>>().ok_or("feeds")?;
        let twice = |(nth, feed): (usize, &figures::Feed)| feeds[..nth].iter().any(|other| other.name == feed.name);
        if feeds.len() > FeedSet::MAX || feeds.iter().enumerate().any(twice) {
            return Err("feeds");
        }
        let notice = self.notice.understood().ok_or("notice")?;
        if self.counters.reached > REVISION_MAX {
            return Err("counters");
        }
        let configuration = self.configuration.map(|configuration| configuration.understood().ok_or("configuration")).transpose()?;
        Ok((Backup { feeds, notice, counters: self.counters, budget: self.budget }, configuration))
    }
}

impl From<&figures::Feed> for Feed {
    fn from(feed: &figures::Feed) -> Feed {
        let figures::Feed { name, current, previous, settling, held, dismissed, early, baselines, .. } = feed;
        Feed {
            name: name.to_string(),
            current: current.as_ref().map(Publication::from),
            previous: previous.as_ref().map(Publication::from),
            settling: settling.as_ref().map(Settling::from),
            held: held.as_ref().map(Held::from),
            dismissed: dismissed.as_ref().map(|dismissed| Dismissed {
                as_of: dismissed.as_of.date(),
                values: values(&dismissed.values),
                revision: dismissed.revision,
            }),
            early: early.iter().map(|(day, figures)| Early { as_of: day.map(Day::date), values: values(figures) }).collect(),
            baselines: by_name(baselines),
            no_report: feed.no_report.map(Day::date),
            ids: feed.ids.iter().map(|(id, day)| (id, day.date())).collect(),
            highest: feed.highest,
            published: feed.published.instant(),
            received: feed.received.instant(),
            publications: feed.rhythm.publications().collect(),
            heard: feed.rhythm.heard(),
            due: feed.due.map(time::Timestamp::instant),
            overdue: feed.overdue.map(time::Timestamp::instant),
        }
    }
}

impl From<&figures::Publication> for Publication {
    fn from(publication: &figures::Publication) -> Publication {
        let figures::Publication { revision, sent, as_of, values: figures, correction, stated } = publication;
        let correction = correction.as_ref().map(Correction::from);
        let (as_of, stated) = (as_of.date(), stated.map(time::Timestamp::instant));
        Publication { as_of, revision: *revision, sent: *sent, values: values(figures), correction, stated }
    }
}

impl From<&figures::Correction> for Correction {
    fn from(correction: &figures::Correction) -> Correction {
        Correction { since: correction.since, was: values(&correction.was) }
    }
}

impl From<&figures::Settling> for Settling {
    fn from(settling: &figures::Settling) -> Settling {
        let figures::Settling { as_of, values: figures, until, correction, stated } = settling;
        let correction = correction.as_ref().map(Correction::from);
        Settling {
            as_of: as_of.date(),
            until: until.instant(),
            values: values(figures),
            correction,
            stated: stated.map(time::Timestamp::instant),
        }
    }
}

impl From<&figures::Held> for Held {
    fn from(held: &figures::Held) -> Held {
        let figures::Held { as_of, values: figures, suspicions, since, stated } = held;
        let (as_of, since, stated) = (as_of.date(), since.instant(), stated.map(time::Timestamp::instant));
        Held { as_of, values: values(figures), suspicions: by_name(suspicions), since, stated }
    }
}

impl Feed {
    fn understood(self) -> Option<figures::Feed> {
        let early = |Early { as_of, values }| Some((as_of.map(Day::of), read_values(values)?));
        let dismissed = |Dismissed { as_of, values, revision }| {
            let revision = all_or_nothing(revision, revision_read)?;
            Some(figures::Dismissed { as_of: Day::of(as_of), values: read_values(values)?, revision })
        };
        Some(figures::Feed {
            name: Name::new(&self.name)?,
            current: all_or_nothing(self.current, Publication::understood)?,
            previous: all_or_nothing(self.previous, Publication::understood)?,
            settling: all_or_nothing(self.settling, Settling::understood)?,
            held: all_or_nothing(self.held, Held::understood)?,
            dismissed: all_or_nothing(self.dismissed, dismissed)?,
            early: self.early.into_iter().map(early).collect::<Option<_>>()?,
            baselines: read_by_name(self.baselines)?,
            no_report: self.no_report.map(Day::of),
            ids: figures::Ids::of(self.ids.into_iter().map(|(id, day)| (id, Day::of(day)))),
            highest: revision_read(self.highest)?,
            published: timestamp(self.published)?,
            received: timestamp(self.received)?,
            rhythm: Rhythm::of(self.publications, self.heard),
            due: all_or_nothing(self.due, timestamp)?,
            overdue: all_or_nothing(self.overdue, timestamp)?,
        })
    }
}

impl Publication {
    fn understood(self) -> Option<figures::Publication> {
        let Publication { as_of, revision, sent, values, correction, stated } = self;
        let (correction, stated) = (all_or_nothing(correction, Correction::understood)?, all_or_nothing(stated, timestamp)?);
        let (revision, as_of, values) = (revision_read(revision)?, Day::of(as_of), read_values(values)?);
        Some(figures::Publication { revision, sent, as_of, values, correction, stated })
    }
}

impl Correction {
    fn understood(self) -> Option<figures::Correction> {
        Some(figures::Correction { since: revision_read(self.since)?, was: read_values(self.was)? })
    }
}

impl Settling {
    fn understood(self) -> Option<figures::Settling> {
        let Settling { as_of, until, values, correction, stated } = self;
        let (correction, stated) = (all_or_nothing(correction, Correction::understood)?, all_or_nothing(stated, timestamp)?);
        Some(figures::Settling { as_of: Day::of(as_of), values: read_values(values)?, until: timestamp(until)?, correction, stated })
    }
}

impl Held {
    fn understood(self) -> Option<figures::Held> {
        let Held { as_of, values, suspicions, since, stated } = self;
        let suspicions = Some(read_by_name(suspicions)?).filter(|suspicions| !suspicions.is_empty())?;
        let (since, stated) = (timestamp(since)?, all_or_nothing(stated, timestamp)?);
        Some(figures::Held { as_of: Day::of(as_of), values: read_values(values)?, suspicions, since, stated })
    }
}

fn revision_read(revision: u32) -> Option<u32> {
    Some(revision).filter(|revision| *revision <= REVISION_MAX)
}

fn by_name<T: Clone>(by_name: &BTreeMap<Name, T>) -> BTreeMap<String, T> {
    by_name.iter().map(|(name, row)| (name.to_string(), row.clone())).collect()
}

fn read_by_name<T>(by_name: BTreeMap<String, T>) -> Option<BTreeMap<Name, T>> {
    by_name.into_iter().map(|(name, row)| Some((Name::new(&name)?, row))).collect()
}

/// Nothing stays nothing; something must be understood.
fn all_or_nothing<T, U>(part: Option<T>, understood: impl FnOnce(T) -> Option<U>) -> Option<Option<U>> {
    part.map_or(Some(None), |part| understood(part).map(Some))
}

impl From<notice::Notice> for Notice {
    fn from(notice: notice::Notice) -> Notice {
        match notice {
            notice::Notice::None => Notice::None,
            notice::Notice::Planned { announce, last_day, over } => {
                Notice::Planned { announce: announce.instant(), last_day: last_day.date(), over: over.instant() }
            }
            notice::Notice::Announced { revision, last_day, over } => {
                Notice::Announced { revision, last_day: last_day.date(), over: over.instant() }
            }
            notice::Notice::Over { last_day } => Notice::Over { last_day: last_day.date() },
        }
    }
}

impl Notice {
    fn understood(self) -> Option<notice::Notice> {
        let notice = match self {
            Notice::None => notice::Notice::None,
            Notice::Planned { announce, last_day, over } => {
                notice::Notice::Planned { announce: timestamp(announce)?, last_day: Day::of(last_day), over: timestamp(over)? }
            }
            Notice::Announced { revision, last_day, over } => {
                let revision = Some(revision).filter(|revision| *revision <= REVISION_MAX)?;
                notice::Notice::Announced { revision, last_day: Day::of(last_day), over: timestamp(over)? }
            }
            Notice::Over { last_day } => notice::Notice::Over { last_day: Day::of(last_day) },
        };
        Some(notice)
    }
}

impl From<&Written> for Configuration {
    fn from(written: &Written) -> Configuration {
        let lines = |text: &str| text.split('\n').map(str::to_owned).collect();
        let files = |files: &BTreeMap<String, String>| files.iter().map(|(name, text)| (name.clone(), lines(text))).collect();
        Configuration { relay: lines(written.relay()), texts: files(written.texts()), topics: files(written.topics()) }
    }
}

impl Configuration {
    fn understood(self) -> Option<Written> {
        let text = |lines: Lines| lines.join("\n");
        let files = |files: BTreeMap<String, Lines>| files.into_iter().map(|(name, lines)| (name, text(lines))).collect();
        Written::new(text(self.relay), files(self.texts), files(self.topics))
    }
}

fn values(figures: &BTreeMap<Name, Value>) -> Values {
    figures.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn read_values(values: Values) -> Option<BTreeMap<Name, Value>> {
    values.into_iter().map(|(name, text)| Some((Name::new(&name)?, read_decimal(&text)?))).collect()
}

/// A decimal number, as programs write it.
fn read_decimal(text: &str) -> Option<Value> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let value = Value::new(format!("{whole}{fraction}").parse().ok()?, u8::try_from(fraction.len()).ok()?)?;
    // Whatever else is a number to a computer (`+1`, `1.`, `007`) nobody has written here.
    (value.to_string() == text).then_some(value)
}

fn timestamp(moment: Moment) -> Option<time::Timestamp> {
    let second = u32::try_from(moment.as_second()).ok().filter(|_| moment.subsec_nanosecond() == 0);
    second.map(time::Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_they_are_written() {
        for (digits, decimals, text) in
            [(17, 0, "17"), (574, 1, "57.4"), (-36, 1, "-3.6"), (5, 3, "0.005"), (-5, 6, "-0.000005"), (0, 0, "0"), (1_234, 2, "12.34")]
        {
            let value = Value::new(digits, decimals).expect("a value");
            assert_eq!((value.to_string().as_str(), read_decimal(text)), (text, Some(value)));
        }
        for text in ["", "-", "+1", "1.", ".5", "01", "1,5", "1.50", "1e3", "- 1", "0.-5", "1.0000001", "99999999999999999999", "NaN"] {
            assert_eq!(read_decimal(text), None, "{text}");
        }
    }
}
