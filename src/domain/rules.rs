//! The pure part of the configuration: what the branch has decided beforehand. Reads no file (that is `config`) and decides nothing itself.

use super::event::Tap;
use super::figures::gate;
use super::figures::holidays::Land;
use super::figures::rhythm::{Calendar, Due};
use super::ids::{FeedSet, Name, TopicId};
use super::time::{Day, Millis, Timestamp, local};
use super::window::Window;
use super::wording::Texts;
use jiff::civil::Time;
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
    /// Whose holidays those who make the figures have; `None`: those of all Germany.
    pub land: Option<Land>,
    /// Messages a second that may leave. Meta allows 80 (WhatsApp docs: throughput).
    pub rate: u32,
    /// Who is asked at 23 h 59 min.
    pub reminder: ReminderPolicy,
    /// When nobody is to be asked; `None`: at any hour.
    pub quiet: Option<Quiet>,
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

/// Hours of the night in which nobody is woken by a question: a reminder that would be due then comes before they begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quiet {
    from: Time,
    until: Time,
}

impl Quiet {
    /// Longest night, in hours: a reminder comes so much earlier at most, and the window has twice as many.
    pub const MAX_HOURS: i32 = 12;

    /// From one local time until another, over midnight if that is earlier; `None` if they are the same or more than
    /// [`Quiet::MAX_HOURS`] apart.
    pub fn new(from: Time, until: Time) -> Option<Quiet> {
        let minutes = |time: Time| i32::from(time.hour()) * 60 + i32::from(time.minute());
        let long = (minutes(until) - minutes(from)).rem_euclid(24 * 60);
        (1..=Quiet::MAX_HOURS * 60).contains(&long).then_some(Quiet { from, until })
    }

    /// When the quiet hours begin that `at` lies in; `at` itself if it lies in none.
    fn before(self, at: Timestamp, zone: &TimeZone) -> Timestamp {
        let local = local(at.millis(), zone);
        let (time, over_midnight) = (local.time(), self.until < self.from);
        let quiet = if over_midnight { time >= self.from || time < self.until } else { time >= self.from && time < self.until };
        let evening = if over_midnight && time < self.until { local.date().yesterday() } else { Ok(local.date()) };
        let begin = evening.ok().and_then(|date| zone.to_timestamp(date.to_datetime(self.from)).ok());
        let begin = begin.and_then(|begin| u32::try_from(begin.as_second()).ok());
        begin.filter(|_| quiet).map_or(at, |begin| at.min(Timestamp(begin)))
    }
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
    /// Seconds before a correction is sent: a mistake that is put right at once reaches nobody twice.
    pub correction_settle: u32,
    /// What becomes of another value for a day that has been published.
    pub updates: Updates,
    /// Figures about a day longer ago than this many days are shown on request, but not sent.
    pub max_age: u32,
    /// Before this local time, figures that name no day are of the day before.
    pub day_begins: Time,
    /// When the next figures are overdue.
    pub due: Due,
}

/// What becomes of another value for a day that has been published, if it corrects nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Updates {
    /// It is shown on request.
    #[default]
    Keep,
    /// It is sent.
    Send,
}

/// Seconds to wait for the rest of a day's metrics, if the configuration does not say (DESIGN.md section 3).
pub const SETTLE: u32 = 30;
/// Days after which figures are no longer sent, if the configuration does not say.
pub const MAX_AGE: u32 = 3;
/// Seconds before a correction is sent, if the configuration does not say (DESIGN.md section 3).
pub const CORRECTION_SETTLE: u32 = 600;

impl FeedRules {
    /// A feed with the usual settings.
    pub fn new(name: Name, title: &str, metrics: Vec<MetricRules>) -> FeedRules {
        FeedRules {
            name,
            title: title.to_owned(),
            description: None,
            metrics,
            settle: SETTLE,
            correction_settle: CORRECTION_SETTLE,
            updates: Updates::default(),
            max_age: MAX_AGE,
            day_begins: Time::midnight(),
            due: Due::default(),
        }
    }

    /// The day of figures that name none and arrive at `now`.
    pub fn day_at(&self, now: Millis, zone: &TimeZone) -> Day {
        let local = local(now, zone);
        let today = Day::of(local.date());
        if local.time() < self.day_begins { Day(today.0 - 1) } else { today }
    }

    /// The kind of the metric of that name.
    pub fn kind(&self, name: &Name) -> Option<MetricKind> {
        self.metric(name).map(|metric| metric.kind)
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
    /// What is plausible.
    pub gate: gate::GateRules,
}

impl MetricRules {
    /// A metric with the usual settings, which a publication waits for.
    pub fn new(name: Name, label: &str, kind: MetricKind) -> MetricRules {
        MetricRules {
            name,
            label: label.to_owned(),
            kind,
            unit: None,
            decimals: kind.decimals(),
            required: true,
            gate: gate::GateRules::default(),
        }
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
        let (land, quiet, monthly_messages, topics, end) = (None, None, None, Vec::new(), None);
        Rules { branch, contact, privacy, feeds, zone, land, rate: RATE, reminder, quiet, monthly_messages, topics, end, texts }
    }

    /// The calendar and the clock on the wall where the figures are made.
    pub fn calendar(&self) -> Calendar<'_> {
        Calendar { zone: &self.zone, land: self.land }
    }

    /// When the reminder of this window is due, if the rate allows: 23 h 59 min after its beginning, or before the night.
    pub fn remind_at(&self, window: Window) -> Timestamp {
        let nominal = window.remind_at();
        self.quiet.map_or(nominal, |quiet| quiet.before(nominal, &self.zone))
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

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    fn second(zone: &TimeZone, day: i8, hour: i8, minute: i8) -> Timestamp {
        let at = zone.to_timestamp(date(2026, 10, day).at(hour, minute, 0, 0)).expect("a time");
        Timestamp(u32::try_from(at.as_second()).expect("after 1970"))
    }

    #[test]
    fn a_reminder_in_the_night_comes_before_it() {
        let berlin = TimeZone::get("Europe/Berlin").expect("bundled");
        let quiet = Quiet::new(time(22, 0, 0, 0), time(7, 0, 0, 0)).expect("nine hours");
        let at = |day, hour, minute| second(&berlin, day, hour, minute);
        for (due, expected) in [
            (at(20, 21, 59), at(20, 21, 59)),
            (at(20, 22, 0), at(20, 22, 0)),
            (at(20, 23, 30), at(20, 22, 0)),
            (at(21, 0, 0), at(20, 22, 0)),
            (at(21, 6, 59), at(20, 22, 0)),
            (at(21, 7, 0), at(21, 7, 0)),
            // The night in which the clocks go back is an hour longer.
            (at(25, 6, 59), at(24, 22, 0)),
        ] {
            assert_eq!(quiet.before(due, &berlin), expected, "{due:?}");
        }
        let siesta = Quiet::new(time(13, 0, 0, 0), time(15, 0, 0, 0)).expect("two hours");
        assert_eq!(
            [at(20, 12, 59), at(20, 14, 0), at(20, 15, 0)].map(|due| siesta.before(due, &berlin)),
            [at(20, 12, 59), at(20, 13, 0), at(20, 15, 0)]
        );
    }

    #[test]
    fn a_night_is_not_endless() {
        for (from, until) in [(22, 22), (20, 9), (7, 22)] {
            assert_eq!(Quiet::new(time(from, 0, 0, 0), time(until, 0, 0, 0)), None, "{from} to {until}");
        }
    }
}
