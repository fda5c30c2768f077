//! The pure part of the configuration: what the branch has decided beforehand. Reads no file (that is `config`) and decides nothing itself.

use super::budget::local;
use super::event::Tap;
use super::ids::{FeedSet, Name, TopicId};
use super::time::{Day, Millis, Timestamp};
use super::wording::Texts;
use jiff::tz::TimeZone;

/// Feeds at most: a list to choose from has ten rows, one for each feed, „alle“ and „nein“ (WhatsApp docs: interactive lists).
pub const FEEDS_MAX: usize = FeedSet::MAX;
/// Metrics of a feed at most: titles and labels must leave room in 1,024 characters.
pub const METRICS_MAX: usize = 10;
/// Topics at most: the rows of one list (WhatsApp docs: interactive lists).
pub const TOPICS_MAX: usize = 10;
/// All feeds' names and the commas between them at most, so that „alle“ fits into one id: `v1:yes:` and this.
pub const NAMES_MAX: usize = Tap::MAX - "v1:yes:".len();

/// What the branch has decided.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Who speaks: „DRK-Ortsverein Musterstadt“.
    pub branch: String,
    /// Whom people can ask: a telephone number, an address, as people read it.
    pub contact: String,
    /// Where the branch's privacy notice is found, as people read it.
    pub privacy: String,
    /// The feeds, 1 to [`FEEDS_MAX`], in the order in which they are shown.
    pub feeds: Vec<FeedRules>,
    /// Local time of the branch.
    pub zone: TimeZone,
    /// Messages a second that may leave. Meta allows 80 (WhatsApp docs: throughput).
    pub rate: u32,
    /// Who is asked at 23 h 59 min.
    pub reminder: ReminderPolicy,
    /// Messages a calendar month; `None`: without limit. Decides how many people there is room for, see `budget::places`.
    pub monthly_messages: Option<u32>,
    /// What people can read about, at most [`TOPICS_MAX`].
    pub topics: Vec<Topic>,
    /// When the service ends, if it does.
    pub end: Option<End>,
    /// The sentences.
    pub texts: Texts,
}

/// Who is asked whether to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReminderPolicy {
    /// Who got no new publication in this window: a publication carries the same question.
    #[default]
    NoFigures,
    /// Everyone who was silent in this window, publication or not.
    Unanswered,
    /// Nobody: only publications ask. For comparison, and for who wants to send as little as possible.
    Never,
}

/// One series of figures, as configured.
#[derive(Clone, Debug)]
pub struct FeedRules {
    /// Its name in topics and button ids.
    pub name: Name,
    /// What people read: „Corona im Kreis Musterstadt“. In a list its first 24 characters.
    pub title: String,
    /// One line more in the list to choose from, at most 72 characters.
    pub description: Option<String>,
    /// Its metrics, 1 to [`METRICS_MAX`], in the order in which they are shown.
    pub metrics: Vec<MetricRules>,
    /// Seconds to wait for the rest of a day's metrics.
    pub settle: u32,
}

/// Seconds to wait for the rest of a day's metrics, if the configuration does not say (DESIGN.md section 3).
pub const SETTLE: u32 = 30;

impl FeedRules {
    /// A feed with the usual settings.
    pub fn new(name: Name, title: &str, metrics: Vec<MetricRules>) -> FeedRules {
        FeedRules { name, title: title.to_owned(), description: None, metrics, settle: SETTLE }
    }

    /// The metric of that name.
    pub fn metric(&self, name: &Name) -> Option<&MetricRules> {
        self.metrics.iter().find(|metric| metric.name == *name)
    }
}

/// One metric, as configured.
#[derive(Clone, Debug)]
pub struct MetricRules {
    /// Its name in topics and payloads.
    pub name: Name,
    /// What people read: „Neue Fälle“.
    pub label: String,
    /// What kind of number it is: decides how German figures are read.
    pub kind: MetricKind,
    /// Written behind the number: „je 100.000“, „%“.
    pub unit: Option<String>,
    /// Digits behind the comma that are always shown: „61,0“ beside „57,4“.
    pub decimals: u8,
    /// Whether a publication is complete only with it.
    pub required: bool,
}

impl MetricRules {
    /// A metric with the usual settings, which a publication waits for.
    pub fn new(name: Name, label: &str, kind: MetricKind) -> MetricRules {
        MetricRules { name, label: label.to_owned(), kind, unit: None, decimals: kind.decimals(), required: true }
    }
}

/// What kind of number a metric is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricKind {
    /// Something counted: `1.234` is one thousand two hundred and thirty-four.
    Count,
    /// Something counted since the beginning, which never falls.
    Total,
    /// Something measured, with decimals: `57,4`; `1.234` is ambiguous and refused.
    Rate,
}

impl MetricKind {
    /// Digits behind the comma if the configuration names none.
    pub fn decimals(self) -> u8 {
        match self {
            MetricKind::Count | MetricKind::Total => 0,
            MetricKind::Rate => 1,
        }
    }
}

/// A short text that people find by a keyword or in the list of topics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topic {
    /// Its file's name without `.md`.
    pub name: Name,
    /// What people read, at most 24 characters: a row's title.
    pub title: String,
    /// Words that find it, folded as `wording::fold` does.
    pub keywords: Vec<String>,
    /// Who says so: „RKI“.
    pub source: String,
    /// As of when.
    pub date: Day,
    /// What it says, in WhatsApp's markup; with title, source and date at most 4,096 characters.
    pub text: String,
}

/// The end of the service, as announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct End {
    /// The last day.
    pub last_day: Day,
    /// When subscribers are told.
    pub announce: Timestamp,
    /// The first second after the last day, in local time: nothing is sent any more but the answer that it is over.
    pub over: Timestamp,
}

/// WhatsApp docs: throughput. More than this many messages a second is never permitted to a number that has not been upgraded.
pub const RATE: u32 = 80;

impl Rules {
    /// The usual settings: no topics, no end, no limit to messages.
    pub fn new(branch: &str, contact: &str, privacy: &str, zone: TimeZone, feeds: Vec<FeedRules>) -> Rules {
        let (branch, contact, privacy) = (branch.to_owned(), contact.to_owned(), privacy.to_owned());
        let (reminder, texts) = (ReminderPolicy::default(), Texts::german());
        Rules { branch, contact, privacy, feeds, zone, rate: RATE, reminder, monthly_messages: None, topics: Vec::new(), end: None, texts }
    }

    /// The local day of `now`.
    pub fn today(&self, now: Millis) -> Day {
        Day::of(local(now, &self.zone).date())
    }

    /// The feed of that name, if it is configured.
    pub fn feed(&self, name: &Name) -> Option<&FeedRules> {
        self.feeds.iter().find(|feed| feed.name == *name)
    }

    /// The topic with that id, if it is there.
    pub fn topic(&self, id: TopicId) -> Option<&Topic> {
        self.topics.iter().find(|topic| TopicId::of(&topic.name) == id)
    }
}
