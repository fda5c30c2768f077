//! The alarms that there are, for everyone who shows or tells them, and the ways by which people are told. Raises none and decides nothing:
//! that is for `port/alarm`.
//!
//! MQTT and the heartbeat repeat what there is; a command is run once for each beginning and each end.

mod command;
mod heartbeat;

pub use command::{Command, Failed};
pub use heartbeat::{Heartbeat, Unheard};

use super::clock::Clock;
use super::link::Link;
use crate::config::{AlarmConfig, HeartbeatConfig};
use crate::domain::alarm::{Alarm, Code, Word};
use crate::domain::time::Timestamp;
use crate::port::outward::Outward;
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long the broker may take to acknowledge a test alarm: as long as it may to answer a ping would be, and nobody waits that long.
const ACKNOWLEDGED: Duration = Duration::from_secs(10);
/// What a test calls itself where an alarm has its code.
pub const TEST: &str = "test";

/// The alarms, and the ways to tell them. Clones share them.
#[derive(Clone, Debug)]
pub struct Alarms(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    standing: watch::Sender<Standing>,
    /// The latest [`Standing::revision`] that the broker has acknowledged.
    published: watch::Sender<u64>,
    config: AlarmConfig,
    command: Option<(Command, Link)>,
    heartbeat: Option<(Heartbeat, Link)>,
}

/// What there is at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// Counts changes.
    pub revision: u64,
    /// The alarms, the most urgent first.
    pub active: Vec<Shown>,
    /// Whether somebody tries out whether alarms arrive.
    pub test: bool,
}

/// One alarm, as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Which.
    pub code: Code,
    /// When it was seen first; nothing if the clock was not known to be right then.
    pub since: Option<Timestamp>,
    /// What was known of it last, in German; may be empty.
    pub why: String,
    /// What is to be done about this relay, in German.
    pub remedy: String,
}

/// What came of a test, by each way; nothing where there is none.
#[derive(Debug)]
pub struct Tried {
    /// Whether the broker acknowledged it.
    pub mqtt: bool,
    /// How the command ended.
    pub command: Option<Result<(), Failed>>,
    /// Whether the address took it.
    pub heartbeat: Option<Result<(), Unheard>>,
}

impl Alarms {
    /// Those of the first relay, and nobody is told but by MQTT.
    pub fn silent() -> Alarms {
        Alarms::of(AlarmConfig::silent(""), None, None)
    }

    /// As configured. The heartbeat goes by `outward`.
    ///
    /// # Errors
    /// If address, proxy or certificates cannot be used: a German sentence without any of them.
    pub fn new(
        alarm: &AlarmConfig,
        heartbeat: Option<&HeartbeatConfig>,
        outward: &Outward,
        zone: &TimeZone,
        clock: &Clock,
    ) -> anyhow::Result<Alarms> {
        let link = || Link::new(clock.clone());
        let heartbeat = heartbeat.map(|config| Heartbeat::new(config, outward, clock)).transpose()?;
        let command = Command::new(alarm, zone).map(|command| (command, link()));
        Ok(Alarms::of(alarm.clone(), command, heartbeat.map(|heartbeat| (heartbeat, link()))))
    }

    fn of(config: AlarmConfig, command: Option<(Command, Link)>, heartbeat: Option<(Heartbeat, Link)>) -> Alarms {
        Alarms(Arc::new(Inner { standing: watch::Sender::default(), published: watch::Sender::default(), config, command, heartbeat }))
    }

    /// What there is, and what there will be.
    pub fn watch(&self) -> watch::Receiver<Standing> {
        self.0.standing.subscribe()
    }

    /// What there is.
    pub fn standing(&self) -> Standing {
        self.0.standing.borrow().clone()
    }

    /// From now on there are these.
    pub fn show<'a>(&self, raised: impl Iterator<Item = (&'a Code, &'a Alarm)>) {
        let active: Vec<_> = raised.filter_map(|(code, alarm)| Shown::of(&self.0.config, *code, alarm)).collect();
        self.change(|standing| {
            let changed = standing.active != active;
            standing.active = active;
            changed
        });
    }

    fn change(&self, how: impl FnOnce(&mut Standing) -> bool) {
        self.0.standing.send_if_modified(|standing| {
            let changed = how(standing);
            standing.revision += u64::from(changed);
            changed
        });
    }

    fn set_test(&self, test: bool) {
        self.change(|standing| std::mem::replace(&mut standing.test, test) != test);
    }

    /// The broker has what there was at this revision.
    pub fn published(&self, revision: u64) {
        self.0.published.send_replace(revision);
    }

    /// What the broker has.
    pub fn publications(&self) -> watch::Receiver<u64> {
        self.0.published.subscribe()
    }

    /// What is run for each beginning and each end, and how that fares.
    pub fn command(&self) -> Option<&(Command, Link)> {
        self.0.command.as_ref()
    }

    /// Who hears from us again and again, and how that fares.
    pub fn heartbeat(&self) -> Option<&(Heartbeat, Link)> {
        self.0.heartbeat.as_ref()
    }

    /// Tells everybody, by every way and at once, that this is a test. Takes as long as the slowest of them.
    pub async fn test(&self) -> Tried {
        let _testing = Testing::begin(self);
        let revision = self.0.standing.borrow().revision;
        let mut published = self.0.published.subscribe();
        let tried = tokio::join!(
            async { matches!(timeout(ACKNOWLEDGED, published.wait_for(|latest| *latest >= revision)).await, Ok(Ok(_))) },
            async {
                match self.command() {
                    Some((command, _)) => Some(command.run(TEST, Word::On, &command.test()).await),
                    None => None,
                }
            },
            async {
                match self.heartbeat() {
                    Some((heartbeat, _)) => Some(heartbeat.beat(&self.standing()).await),
                    None => None,
                }
            },
        );
        let (mqtt, command, heartbeat) = tried;
        Tried { mqtt, command, heartbeat }
    }
}

/// As long as it lives, everybody is told that this is a test: no longer, whoever gives up waiting for it.
struct Testing<'a>(&'a Alarms);

impl Testing<'_> {
    fn begin(alarms: &Alarms) -> Testing<'_> {
        alarms.set_test(true);
        Testing(alarms)
    }
}

impl Drop for Testing<'_> {
    fn drop(&mut self) {
        self.0.set_test(false);
    }
}

impl Shown {
    fn of(config: &AlarmConfig, code: Code, alarm: &Alarm) -> Option<Shown> {
        alarm.over.is_none().then(|| Shown { code, since: alarm.since, why: alarm.why.clone(), remedy: config.remedy(code.remedy()) })
    }
}

impl Standing {
    /// For whoever hears of it outside: nothing if all is well.
    fn lines(&self) -> Vec<String> {
        let test = self.test.then(|| TEST_SENTENCE.to_owned());
        let line = |shown: &Shown| format!("{}: {} Abhilfe: {}", shown.code.name(), shown.code.sentence(), shown.remedy);
        test.into_iter().chain(self.active.iter().map(line)).collect()
    }
}

/// What a test says.
pub const TEST_SENTENCE: &str = "Dies ist ein Probealarm: Es ist nichts geschehen.";
