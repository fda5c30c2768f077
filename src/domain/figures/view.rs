//! What of a feed is shown outside: to publishers and to those who look after the device. Decides nothing.

use super::feed::{Feed, Held, Publication, Values};
use super::gate::Suspicion;
use crate::domain::audience::Reach;
use crate::domain::ids::Name;
use crate::domain::rules::{FeedRules, MetricRules, Rules};
use crate::domain::state::State;
use crate::domain::time::{Day, Timestamp};

/// One feed, as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// Its name in topics.
    pub name: Name,
    /// What people read.
    pub title: String,
    /// What subscribers have or are getting.
    pub current: Option<Publication>,
    /// When it became current.
    pub published: Option<Timestamp>,
    /// When something new was last said about it.
    pub received: Option<Timestamp>,
    /// What a human has to look at.
    pub held: Option<HeldView>,
    /// The latest day of which the publisher says that there will be no figures.
    pub no_report: Option<Day>,
    /// When the next figures are overdue, or were; `None`: never, or that is not known yet.
    pub due: Option<Timestamp>,
    /// Since when they are, if they are.
    pub overdue: Option<Timestamp>,
    /// How many people hear of it.
    pub reach: Reach,
}

/// The configured feeds, in the order of the configuration; one without a row is one of which nothing is known.
pub fn views(state: &State, rules: &Rules) -> Vec<View> {
    let over = state.notice.is_over();
    let view = |rules: &FeedRules| match state.feed(&rules.name) {
        Some((id, feed)) => View { reach: state.audience.of(id), ..View::of(rules, feed, over) },
        None => View::new(rules.name.clone(), &rules.title),
    };
    rules.feeds.iter().map(view).collect()
}

/// Figures that a human has to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldView {
    /// The day that they are about.
    pub as_of: Day,
    /// All that has come of it.
    pub values: Values,
    /// Since when they are held.
    pub since: Timestamp,
    /// What is strange about them; not empty.
    pub doubts: Vec<Doubt>,
}

/// What is strange about a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Doubt {
    /// Whose value it is.
    pub metric: Name,
    /// Stable, for programs.
    pub code: &'static str,
    /// What is strange and what to do, in German, for publishers and technicians.
    pub sentence: String,
}

impl Doubt {
    pub(super) fn of(metric: &MetricRules, suspicion: &Suspicion) -> Doubt {
        Doubt { metric: metric.name.clone(), code: suspicion.code(), sentence: suspicion.sentence(metric) }
    }
}

impl HeldView {
    /// Of a metric that is gone from the configuration nothing can be said.
    fn of(rules: &FeedRules, held: &Held) -> HeldView {
        let doubts = held.suspicions.iter().filter_map(|(name, suspicion)| Some(Doubt::of(rules.metric(name)?, suspicion)));
        HeldView { as_of: held.as_of, values: held.values.clone(), since: held.since, doubts: doubts.collect() }
    }
}

impl View {
    /// A feed of which nothing is known.
    pub fn new(name: Name, title: &str) -> View {
        let (current, published, received, held) = (None, None, None, None);
        let (no_report, due, overdue, reach) = (None, None, None, Reach::default());
        View { name, title: title.to_owned(), current, published, received, held, no_report, due, overdue, reach }
    }

    /// Of a service that is over, nothing is overdue.
    fn of(rules: &FeedRules, feed: &Feed, over: bool) -> View {
        let moment = |at: Timestamp| (at > Timestamp(0)).then_some(at);
        View {
            name: feed.name.clone(),
            title: rules.title.clone(),
            current: feed.current.clone(),
            published: moment(feed.published),
            received: moment(feed.received),
            held: feed.held.as_ref().map(|held| HeldView::of(rules, held)),
            no_report: feed.no_report,
            due: feed.due.filter(|_| !over),
            overdue: feed.overdue.filter(|_| !over),
            reach: Reach::default(),
        }
    }
}
