//! What those who look at the relay from outside look at: its pulse, fresh, and the links of its ports. Shows nothing itself: that is for
//! `status` and `systemd`.

use super::alarms::Alarms;
use super::certificates::Certificates;
use super::clock::{Clock, Mark};
use super::link::Link;
use super::update::Trial;
use super::{Arrival, Inbox};
use crate::domain::backup::Backup;
use crate::domain::decision::Receipt;
use crate::domain::event::{Event, ReplyTo, Request, Verb};
use crate::domain::ids::Name;
use crate::domain::time::Day;
use crate::relay::pulse::Pulse;
use jiff::tz::TimeZone;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// How long a relay may take for one step before it is said not to answer: an fsync on a bad card takes a second or two.
const PATIENCE: Duration = Duration::from_secs(5);

/// Questions asked so far, by whoever asks: each answer carries the number of its own.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// Everything that can be seen from outside.
#[derive(Clone, Debug)]
pub struct Board {
    /// Where the relay shows itself, as far as somebody looks.
    pub pulse: watch::Sender<Pulse>,
    /// Where it shows what a backup keeps, as far as somebody wants one.
    pub backup: watch::Sender<Backup>,
    /// Where it answers those who ask on this machine.
    pub answers: broadcast::Sender<Receipt>,
    /// The way to make it step.
    pub inbox: Inbox,
    /// The links of the ports.
    pub links: Links,
    /// The alarms, and how people are told.
    pub alarms: Alarms,
    /// What time it is.
    pub clock: Clock,
    /// Local time of the branch.
    pub zone: TimeZone,
    /// When the relay was started.
    pub started: Mark,
    /// What became of updates.
    pub trial: Trial,
}

/// A link for each port that has one.
#[derive(Clone, Debug)]
pub struct Links {
    /// To the broker.
    pub mqtt: Link,
    /// To the Cloud API: what we send.
    pub graph: Link,
    /// From Meta: what people send.
    pub webhook: Link,
    /// The ways in, as far as they are ours.
    pub ways: WayLinks,
}

/// The ways in, as far as they are ours.
#[derive(Clone, Debug, Default)]
pub struct WayLinks {
    /// To the relay host.
    pub tunnel: Option<Link>,
    /// Our certificate: how it fares, and what is shown.
    pub certificate: Option<(Link, Certificates)>,
    /// From outside to ourselves, by the address that Meta calls.
    pub public: Option<Link>,
}

impl Board {
    /// What the relay looks like after a step that ended later than this call; `None` if there was none within a few seconds.
    ///
    /// Only meanwhile somebody watches: otherwise the relay would walk over all people after every step. The empty arrival makes it step; a
    /// relay that is too busy to take it shows itself anyway.
    pub async fn look(&self) -> Option<Pulse> {
        self.shown(&self.pulse).await
    }

    /// What a backup keeps after such a step; `None` also while the relay has no store, because the disk is full.
    pub async fn kept(&self) -> Option<Backup> {
        self.shown(&self.backup).await
    }

    /// What became of what a human has decided about a feed; `None` if the relay says nothing within a few seconds.
    pub async fn ruled(&self, verb: Verb, feed: Name, as_of: Option<Day>) -> Option<Receipt> {
        let number = ASKED.fetch_add(1, Ordering::Relaxed);
        let (mut answers, reply) = (self.answers.subscribe(), Some(ReplyTo::Local(number)));
        let answered = async {
            let asked = Arrival::told(Event::Asked(Request { verb, feed, as_of, reply }));
            self.inbox.send(asked).await.ok()?;
            loop {
                let answer = answers.recv().await.ok()?;
                if answer.to == ReplyTo::Local(number) {
                    return Some(answer);
                }
            }
        };
        tokio::time::timeout(PATIENCE, answered).await.ok()?
    }

    async fn shown<T: Clone>(&self, window: &watch::Sender<T>) -> Option<T> {
        let mut window = window.subscribe();
        let nudge = async {
            // A relay that is gone does not show itself either.
            let _ = self.inbox.send(Arrival { events: Vec::new(), ack: None }).await;
            std::future::pending::<()>().await;
        };
        let shown = async {
            tokio::select! {
                shown = window.changed() => shown.is_ok(),
                () = nudge => false,
            }
        };
        let shown = tokio::time::timeout(PATIENCE, shown).await.unwrap_or(false);
        shown.then(|| window.borrow().clone())
    }
}
