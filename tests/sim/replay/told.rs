//! What people have been told, value by value: the gate is worth what never reaches them. Knows nothing of how the relay judges.

use drk_relay::domain::figures::{Value, Values};
use drk_relay::domain::ids::Name;
use drk_relay::domain::time::Day;
use std::collections::{BTreeMap, BTreeSet};

/// A value of a day: feed, day, metric, value.
pub(super) type Point = (Name, Day, Name, Value);

/// Figures in a message.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    pub(super) feed: Name,
    pub(super) revision: u32,
    pub(super) as_of: Day,
    pub(super) values: Values,
    /// Whether it says that something before was wrong.
    pub(super) corrects: bool,
    /// Whether it is a publication, and not an answer.
    pub(super) published: bool,
}

/// Everything that was said.
#[derive(Default)]
pub(super) struct Told {
    /// By anybody, to anybody.
    points: BTreeSet<Point>,
    /// In publications.
    published: BTreeSet<Point>,
    /// The latest that each person was told.
    latest: BTreeMap<usize, Telling>,
    /// What a human has discarded.
    discarded: BTreeSet<Point>,
    /// Feeds that count something else, and the first revision of that as soon as there is one: nobody has been told what came before it.
    anew: BTreeMap<Name, Option<u32>>,
    /// Messages that put something right.
    corrections: u32,
}

impl Told {
    /// Somebody is told something. `before`: the feed's revision before this one.
    ///
    /// # Panics
    /// If a total is lower than in the publication before, which this person has, and nobody says so.
    pub(super) fn tell(&mut self, person: usize, said: Telling, before: Option<u32>) {
        for (metric, value) in &said.values {
            let point = (said.feed.clone(), said.as_of, metric.clone(), *value);
            self.points.insert(point.clone());
            if said.published {
                self.published.insert(point);
            }
        }
        self.corrections += u32::from(said.corrects);
        let anew = self.anew.get(&said.feed) == Some(&Some(said.revision));
        let known = self.latest.get(&person).filter(|known| said.published && !anew && Some(known.revision) == before);
        let lower = known.into_iter().flat_map(|known| &known.values).filter(|(metric, _)| is_total(metric));
        let lower: Vec<_> = lower.filter(|(metric, old)| said.values.get(*metric).is_some_and(|new| new < *old)).collect();
        assert!(lower.is_empty() || said.corrects, "lower totals without a word: {lower:?}, then {said:?}");
        self.latest.insert(person, said);
    }

    /// A human has discarded these.
    pub(super) fn discarded(&mut self, points: impl IntoIterator<Item = Point>) {
        self.discarded.extend(points);
    }

    /// Something else is counted, which is not sent.
    pub(super) fn begins_anew(&mut self, feed: &Name) {
        self.anew.insert(feed.clone(), None);
    }

    /// There is a new revision.
    pub(super) fn published(&mut self, feed: &Name, revision: u32) {
        if let Some(first) = self.anew.get_mut(feed) {
            first.get_or_insert(revision);
        }
    }

    /// What was discarded, and yet said.
    pub(super) fn slipped(&self) -> Vec<&Point> {
        self.discarded.intersection(&self.points).collect()
    }

    /// Whether it was published to anybody.
    pub(super) fn has(&self, point: &Point) -> bool {
        self.published.contains(point)
    }

    /// Messages that put something right.
    pub(super) fn corrections(&self) -> u32 {
        self.corrections
    }
}

/// A metric of the files that only rises.
fn is_total(metric: &Name) -> bool {
    metric.as_str().ends_with("_total")
}
