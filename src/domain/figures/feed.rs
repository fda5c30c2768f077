//! What is known of one series of figures: the row of a feed. Judges nothing.

use super::Value;
use super::gate::{Baseline, Suspicion};
use super::rhythm::Rhythm;
use crate::domain::event::Figure;
use crate::domain::ids::{Name, fingerprint};
use crate::domain::time::{Day, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Values of one day, by metric.
pub type Values = BTreeMap<Name, Value>;

/// Ids of publishers that are remembered for each feed: a publisher that repeats itself after a restart repeats its last few.
const IDS: usize = 32;

/// What is sent as one message: the values of one day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Publication {
    /// Counts publications of all feeds that are sent, from 1. One that is only kept has the number of the one before, so nobody lacks it.
    pub revision: u32,
    /// Whether it is or was handed out. What is too old, or only a new state to start from, is kept and shown on request.
    pub sent: bool,
    /// The day the values are about.
    pub as_of: Day,
    /// Each metric's value.
    pub values: Values,
    /// What it puts right, if it does.
    pub correction: Option<Correction>,
    /// When the publisher says that it published them.
    pub stated: Option<Timestamp>,
}

impl Publication {
    /// One that is handed out and corrects nothing.
    pub fn new(revision: u32, as_of: Day, values: Values) -> Publication {
        Publication { revision, sent: true, as_of, values, correction: None, stated: None }
    }
}

/// What was said before, and was wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Correction {
    /// Whoever has a revision from this one on was told the values that were wrong.
    pub since: u32,
    /// Those values, of the metrics that have others now.
    pub was: Values,
}

/// Values that will be published, and wait: for the rest of their day, or for second thoughts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settling {
    /// The day.
    pub as_of: Day,
    /// What has come so far.
    pub values: Values,
    /// Then it is published with what there is.
    pub until: Timestamp,
    /// What it puts right, if it does: then it waits until the last moment.
    pub correction: Option<Correction>,
    /// When the publisher says that it published them.
    pub stated: Option<Timestamp>,
}

impl Settling {
    /// Values that correct nothing.
    pub fn new(as_of: Day, values: Values, until: Timestamp) -> Settling {
        Settling { as_of, values, until, correction: None, stated: None }
    }
}

/// Values that nobody is told before a human has looked at them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Held {
    /// The day they are about.
    pub as_of: Day,
    /// All that has come of that day, and is not known otherwise.
    pub values: Values,
    /// What is strange, by metric; not empty.
    pub suspicions: BTreeMap<Name, Suspicion>,
    /// Since when.
    pub since: Timestamp,
    /// When the publisher says that it published them.
    pub stated: Option<Timestamp>,
}

/// Values that a human has discarded or taken back. A broker that repeats them, and a device that does every ten seconds, change nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dismissed {
    /// The day they were about.
    pub as_of: Day,
    /// The values.
    pub values: Values,
    /// The publication's revision, if they had been published: whoever has it was told them.
    pub revision: Option<u32>,
}

/// One series of figures: everything the relay knows of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Feed {
    /// Its name in the configuration.
    pub name: Name,
    /// What subscribers have or are getting.
    pub current: Option<Publication>,
    /// What it is compared with: of an earlier day.
    pub previous: Option<Publication>,
    /// What is about to be published.
    pub settling: Option<Settling>,
    /// What a human has to look at.
    pub held: Option<Held>,
    /// What a human did not want.
    pub dismissed: Option<Dismissed>,
    /// Values that came before the clock was trusted, by their day if they said one: judged as soon as it is. None of a day: the publisher
    /// says that there are none.
    pub early: BTreeMap<Option<Day>, Values>,
    /// What the next value of each metric is judged by.
    pub baselines: BTreeMap<Name, Baseline>,
    /// The latest day of which the publisher says that there will be no figures.
    pub no_report: Option<Day>,
    /// The latest ids that publishers gave.
    pub ids: Ids,
    /// The highest revision that it ever had: no other publication gets it again, even if this one is taken back.
    pub highest: u32,
    /// When the current publication became current, by our clock.
    pub published: Timestamp,
    /// When something new was last said about it, by our clock.
    pub received: Timestamp,
    /// When it usually publishes.
    pub rhythm: Rhythm,
    /// When the figures after the latest ones are overdue; `None`: never, or that is not known yet.
    pub due: Option<Timestamp>,
    /// Since when they are: that moment, once it has passed by a trusted clock.
    pub overdue: Option<Timestamp>,
}

impl Feed {
    /// A feed of which nothing is known.
    pub fn new(name: Name) -> Feed {
        Feed {
            name,
            current: None,
            previous: None,
            settling: None,
            held: None,
            dismissed: None,
            early: BTreeMap::new(),
            baselines: BTreeMap::new(),
            no_report: None,
            ids: Ids::default(),
            highest: 0,
            published: Timestamp(0),
            received: Timestamp(0),
            rhythm: Rhythm::default(),
            due: None,
            overdue: None,
        }
    }

    /// The current publication's revision; 0 before the first.
    pub fn revision(&self) -> u32 {
        self.current.as_ref().map_or(0, |publication| publication.revision)
    }

    /// When something is to be done for it; `None`: not before something arrives.
    pub fn deadline(&self) -> Option<Timestamp> {
        let settling = self.settling.as_ref().map(|settling| settling.until);
        let due = self.due.filter(|_| self.overdue.is_none());
        [settling, due].into_iter().flatten().min()
    }

    /// The newest day of which there are values that are published or will be, and those values.
    pub(super) fn newest(&self) -> Option<(Day, &Values)> {
        let settling = self.settling.as_ref().map(|settling| (settling.as_of, &settling.values));
        settling.or(self.current.as_ref().map(|current| (current.as_of, &current.values)))
    }

    /// Whether the newest values say all of this already.
    pub(super) fn says(&self, figure: &Figure) -> bool {
        self.newest().is_some_and(|(_, values)| says(values, figure))
    }

    /// Whether a human has dismissed all of this.
    pub(super) fn is_dismissed(&self, as_of: Day, figure: &Figure) -> bool {
        self.dismissed.as_ref().is_some_and(|dismissed| dismissed.as_of == as_of && says(&dismissed.values, figure))
    }
}

fn says(values: &Values, figure: &Figure) -> bool {
    figure.values.iter().all(|(name, value)| values.get(name) == Some(value))
}

/// The latest ids that publishers gave their messages, and the days that those were about.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ids(VecDeque<(u32, Day)>);

impl Ids {
    /// These, the oldest first; more than are remembered, and the oldest are not.
    pub fn of(ids: impl IntoIterator<Item = (u32, Day)>) -> Ids {
        let mut all = Ids::default();
        ids.into_iter().for_each(|id| all.push(id));
        all
    }

    /// Fingerprints and days, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Day)> {
        self.0.iter().copied()
    }

    /// The day that the message with this id was about.
    pub(super) fn day(&self, id: &str) -> Option<Day> {
        let id = fingerprint(id);
        self.0.iter().rev().find(|(known, _)| *known == id).map(|(_, day)| *day)
    }

    pub(super) fn remember(&mut self, id: &str, day: Day) {
        if self.day(id) != Some(day) {
            self.push((fingerprint(id), day));
        }
    }

    fn push(&mut self, id: (u32, Day)) {
        if self.0.len() >= IDS {
            self.0.pop_front();
        }
        self.0.push_back(id);
    }
}
