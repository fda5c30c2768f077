//! The document that the status socket answers with. Schema 1: fields may be added, none changes its meaning; readers ignore what they do
//! not know. It says how many, never who.

use crate::domain::figures::{HeldView, View};
use crate::domain::time::{Day, Timestamp};
use crate::port::alarms::Shown;
use crate::port::board::Board;
use crate::port::clock::ClockView;
use crate::port::link::{Condition, LinkView};
use crate::relay::pulse::{self, Pulse};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The number of this schema.
pub const SCHEMA: u32 = 1;

/// A moment, as RFC 3339 in UTC.
type Moment = jiff::Timestamp;
/// A day, as `2026-11-22`.
type Date = jiff::civil::Date;

/// The document.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The program's version.
    pub version: String,
    /// When this was written.
    pub now: Moment,
    /// When the relay was started.
    pub started: Moment,
    /// The branch's time zone, for whoever shows local times.
    pub time_zone: String,
    /// What time it is, and how that is known; absent from older relays.
    #[serde(default)]
    pub clock: Option<Time>,
    /// The links of the ports.
    pub links: Links,
    /// What people were told is wrong, the most urgent first.
    #[serde(default)]
    pub alarms: Vec<AlarmReport>,
    /// How the relay answered.
    pub relay: Answer,
}

/// One alarm.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AlarmReport {
    /// Which: `tunnel-down`.
    pub code: String,
    /// Since when; absent if the clock was not known to be right then.
    pub since: Option<Moment>,
    /// What is wrong, in German.
    pub text: String,
    /// What is known of it, in German; may be empty.
    pub why: String,
    /// What to do, in German.
    pub remedy: String,
}

/// The relay's clock.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Time {
    /// Whether it is known to be right.
    pub trusted: bool,
    /// By what, or why not and what to do, in German.
    pub says: String,
    /// Since when.
    pub since: Moment,
    /// How far Meta's clock is ahead of it at least, in milliseconds; negative if behind, 0 if both may be right. `None`: not heard yet.
    pub meta_ahead: Option<i64>,
    /// How far the system's clock is ahead of it, in milliseconds; negative if behind.
    pub system_ahead: i64,
}

/// The links of the ports.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Links {
    /// To the MQTT broker.
    pub mqtt: LinkReport,
    /// To Meta: what the relay sends.
    pub graph: LinkReport,
    /// From Meta: what people send.
    pub webhook: LinkReport,
    /// To the relay host; absent without a tunnel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<LinkReport>,
    /// The certificate that the relay shows; absent if something else ends TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateReport>,
    /// From outside to the relay itself, by the address that Meta calls; absent if it is not known. `why` begins with the broken part:
    /// `DNS`, `TCP`, `TLS`, `Relay-Host`, `Tunnel`, `Gerät`, `Weg nach draußen`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<LinkReport>,
    /// To who notices when the relay falls silent; absent if nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<LinkReport>,
    /// The alarm command; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm_command: Option<LinkReport>,
}

/// One link.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LinkReport {
    /// How it is.
    pub state: State,
    /// Since when it is so.
    pub since: Moment,
    /// Why it is down, in German.
    pub why: Option<String>,
    /// When it was last known to work.
    pub latest: Option<Moment>,
}

/// The certificate that the relay shows.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CertificateReport {
    /// Whether there is a good one, and one to follow it in time.
    pub link: LinkReport,
    /// Until when the one that is shown is good; `None` if there is none.
    pub not_after: Option<Moment>,
}

/// How a link is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not needed since the start.
    Untried,
    /// It works.
    Up,
    /// It does not.
    Down,
}

/// How the relay answered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It made a step and showed itself.
    Turning(Box<Relay>),
    /// There is no room on the disk: until there is again, it takes nothing and knows nothing.
    Full {
        /// Since when.
        since: Moment,
    },
    /// It made no step within a few seconds: that is a finding.
    Silent,
}

/// What the relay showed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Relay {
    /// Whether the clock is known to be right; until then nothing that depends on a window leaves.
    pub clock_trusted: bool,
    /// When it will do something by itself.
    pub next_step: Option<Moment>,
    /// When the earliest reminder is due.
    pub next_reminder: Option<Moment>,
    /// People by state.
    pub people: People,
    /// People to whom a message may be written now.
    pub open_windows: usize,
    /// Messages by state, of about a day.
    pub outbox: Outbox,
    /// Why nothing is sent at present, if so.
    pub held: Option<Held>,
    /// How fast messages leave, and until when.
    #[serde(default)]
    pub pace: Option<Pace>,
    /// The feeds.
    pub feeds: Vec<Feed>,
    /// While figures are being handed out: how many subscribers still lack them.
    pub lacking: Option<usize>,
    /// This month's messages.
    pub budget: Budget,
    /// Verified webhooks; `None` until the first.
    pub ingress: Option<Ingress>,
    /// The last day of the service, if one is planned.
    pub last_day: Option<Date>,
    /// Damaged stores that were set aside and still lie there: paths.
    #[serde(default)]
    pub damaged: Vec<String>,
}

/// People by state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct People {
    /// Wrote for the first time, a moment ago.
    pub new: usize,
    /// The question was put.
    pub asked: usize,
    /// Said "Ja" when there was no place.
    pub waiting: usize,
    /// Get figures and reminders.
    pub subscribed: usize,
    /// Were silent; a "Ja" takes it up again.
    pub lapsed: usize,
    /// Were lost by our own fault.
    pub orphaned: usize,
    /// Said stop lately.
    pub stopped: usize,
}

/// Messages by state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Outbox {
    /// Wait for their turn.
    pub queued: usize,
    /// Wait to be tried again.
    pub resting: usize,
    /// On their way to Meta.
    pub in_flight: usize,
    /// Perhaps sent, without an answer.
    pub unknown: usize,
    /// Meta took them.
    pub accepted: usize,
    /// On the phone.
    pub delivered: usize,
    /// Will not arrive.
    pub failed: usize,
}

/// One feed and its latest publication.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Feed {
    /// Its name in topics.
    pub name: String,
    /// What people read.
    pub title: String,
    /// The day that the latest publication is about.
    pub as_of: Option<Date>,
    /// Its number; 0 before the first.
    pub revision: u32,
    /// When it was published.
    pub published: Option<Moment>,
    /// When the next one is overdue, or was; absent: never, or that is not known yet.
    #[serde(default)]
    pub due: Option<Moment>,
    /// Since when it is; absent if it is not.
    #[serde(default)]
    pub overdue: Option<Moment>,
    /// Figures that are implausible, and wait for somebody to decide; absent: none do.
    #[serde(default)]
    pub held: Option<HeldFigures>,
}

/// Figures that nobody gets before a human has decided.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HeldFigures {
    /// The day that they are about.
    pub as_of: Date,
    /// Since when.
    pub since: Moment,
    /// Values by metric, as decimal numbers.
    pub values: BTreeMap<String, String>,
    /// What is strange about them and what to do, in German.
    pub doubts: Vec<String>,
}

/// Meta does not let us send: now and then one message tries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Held {
    /// Meta's code; `None` if it announced a restriction.
    pub code: Option<u32>,
    /// Since when.
    pub since: Moment,
    /// When the next one tries.
    pub until: Moment,
}

/// How fast messages leave, and until when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pace {
    /// Messages a second that Meta grants at present.
    pub rate: u32,
    /// Messages a second that are configured.
    pub permitted: u32,
    /// How many seconds before its end a window counts as closed; 5 until something else was learned, 30 at most.
    pub guard: u32,
    /// Publications that left a second time, because nobody knew whether they had arrived.
    pub repeated: u32,
}

/// Messages of this calendar month, local time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Budget {
    /// That have left and may have arrived: what has certainly not arrived is not counted.
    pub sent: u32,
    /// That Meta calls free.
    pub free: u32,
    /// That Meta charges for.
    pub paid: u32,
    /// That will have left by the end of the month, if everybody stays.
    pub forecast: u64,
    /// How many are allowed; `None`: nothing limits them.
    pub limit: Option<u32>,
    /// Whether they suffice.
    pub standing: Standing,
    /// What Meta does otherwise than expected.
    pub surprise: Option<Surprise>,
    /// For how many people that suffices.
    pub places: Option<usize>,
    /// How many take a place.
    pub taken: usize,
}

/// Whether the month's messages suffice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// They do.
    Enough,
    /// They will not, to the end of the month.
    Short,
    /// Only people who write get an answer any more.
    Reserve,
    /// Nothing leaves until the month turns.
    Spent,
}

/// What Meta does otherwise than expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surprise {
    /// It charges for messages that are free by our count.
    Charged,
    /// It takes messages and does not deliver them.
    CutOff,
}

/// Verified webhooks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ingress {
    /// Since when they have come without a long gap.
    pub since: Moment,
    /// The latest.
    pub latest: Moment,
}

impl Report {
    pub(super) fn of(board: &Board, pulse: Option<&Pulse>) -> Report {
        let links = &board.links;
        Report {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now: board.clock.now().second().instant(),
            started: board.clock.when(board.started).instant(),
            // A zone without a name is not configurable.
            time_zone: board.zone.iana_name().unwrap_or("UTC").to_owned(),
            clock: Some(board.clock.view().into()),
            links: Links {
                mqtt: links.mqtt.view().into(),
                graph: links.graph.view().into(),
                webhook: links.webhook.view().into(),
                tunnel: links.ways.tunnel.as_ref().map(|link| link.view().into()),
                certificate: links.ways.certificate.as_ref().map(|(link, certificates)| CertificateReport {
                    link: link.view().into(),
                    not_after: certificates.view().map(|validity| validity.not_after.instant()),
                }),
                public: links.ways.public.as_ref().map(|link| link.view().into()),
                heartbeat: board.alarms.heartbeat().map(|(_, link)| link.view().into()),
                alarm_command: board.alarms.command().map(|(_, link)| link.view().into()),
            },
            alarms: board.alarms.standing().active.into_iter().map(AlarmReport::from).collect(),
            relay: pulse.map_or(Answer::Silent, Answer::from),
        }
    }
}

impl From<Shown> for AlarmReport {
    fn from(Shown { code, since, why, remedy }: Shown) -> AlarmReport {
        let (code, text) = (code.name().to_owned(), code.sentence().to_owned());
        AlarmReport { code, since: since.map(Timestamp::instant), text, why, remedy }
    }
}

impl From<ClockView> for Time {
    fn from(view: ClockView) -> Time {
        let ClockView { standing, since, meta_ahead, system_ahead } = view;
        Time { trusted: view.is_trusted(), says: standing.sentence(), since: since.instant(), meta_ahead, system_ahead }
    }
}

impl From<LinkView> for LinkReport {
    fn from(view: LinkView) -> LinkReport {
        let (state, why) = match view.condition {
            Condition::Untried => (State::Untried, None),
            Condition::Up => (State::Up, None),
            Condition::Down(why) => (State::Down, Some(why)),
        };
        LinkReport { state, since: view.since.instant(), why, latest: view.latest.map(Timestamp::instant) }
    }
}

impl From<&Pulse> for Answer {
    fn from(pulse: &Pulse) -> Answer {
        match pulse.full {
            Some(since) => Answer::Full { since: since.instant() },
            None => Answer::Turning(Box::new(pulse.into())),
        }
    }
}

impl From<&Pulse> for Relay {
    fn from(pulse: &Pulse) -> Relay {
        let pulse::PeopleCount { new, asked, waiting, subscribed, lapsed, orphaned, stopped } = pulse.people;
        let pulse::PacePulse { rate, permitted, guard, repeated } = pulse.pace;
        let pulse::OutboxCount { queued, resting, in_flight, unknown, accepted, delivered, failed } = pulse.outbox;
        Relay {
            clock_trusted: pulse.clock_trusted,
            next_step: pulse.next.map(|at| at.second().instant()),
            next_reminder: pulse.next_reminder.map(Timestamp::instant),
            people: People { new, asked, waiting, subscribed, lapsed, orphaned, stopped },
            open_windows: pulse.open_windows,
            outbox: Outbox { queued, resting, in_flight, unknown, accepted, delivered, failed },
            held: pulse.held.map(Held::from),
            pace: Some(Pace { rate, permitted, guard, repeated }),
            feeds: pulse.feeds.iter().map(Feed::from).collect(),
            lacking: pulse.lacking,
            budget: pulse.budget.into(),
            last_day: pulse.last_day.map(Day::date),
            damaged: pulse.damaged.clone(),
            ingress: pulse.ingress.map(|ingress| Ingress { since: ingress.since.instant(), latest: ingress.latest.instant() }),
        }
    }
}

impl From<&View> for Feed {
    fn from(feed: &View) -> Feed {
        let (name, title) = (feed.name.to_string(), feed.title.clone());
        Feed {
            name,
            title,
            as_of: feed.current.as_ref().map(|current| current.as_of.date()),
            revision: feed.current.as_ref().map_or(0, |current| current.revision),
            published: feed.published.map(Timestamp::instant),
            due: feed.due.map(Timestamp::instant),
            overdue: feed.overdue.map(Timestamp::instant),
            held: feed.held.as_ref().map(HeldFigures::from),
        }
    }
}

impl From<&HeldView> for HeldFigures {
    fn from(held: &HeldView) -> HeldFigures {
        HeldFigures {
            as_of: held.as_of.date(),
            since: held.since.instant(),
            values: held.values.iter().map(|(metric, value)| (metric.to_string(), value.to_string())).collect(),
            doubts: held.doubts.iter().map(|doubt| doubt.sentence.clone()).collect(),
        }
    }
}

impl From<pulse::BudgetPulse> for Budget {
    fn from(budget: pulse::BudgetPulse) -> Budget {
        let pulse::BudgetPulse { month, limit, places, taken, forecast, standing, surprise } = budget;
        let standing = match standing {
            pulse::Standing::Enough => Standing::Enough,
            pulse::Standing::Short => Standing::Short,
            pulse::Standing::Reserve => Standing::Reserve,
            pulse::Standing::Spent => Standing::Spent,
        };
        let surprise = surprise.map(|surprise| match surprise {
            pulse::Surprise::Charged => Surprise::Charged,
            pulse::Surprise::CutOff => Surprise::CutOff,
        });
        let pulse::Month { charged: sent, free, paid, .. } = month;
        Budget { sent, free, paid, forecast, limit, standing, surprise, places, taken }
    }
}

impl From<pulse::HeldPulse> for Held {
    fn from(held: pulse::HeldPulse) -> Held {
        Held { code: held.code, since: held.since.instant(), until: held.until.instant() }
    }
}
