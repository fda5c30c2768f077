//! What of a feed is shown outside: to publishers and to those who look after the device. Decides nothing.

use super::feed::{Feed, Held, Publication};
use crate::domain::ids::Name;
use crate::domain::rules::Rules;
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
    pub held: Option<Held>,
    /// The latest day of which the publisher says that there will be no figures.
    pub no_report: Option<Day>,
    /// When the next figures are overdue, or were; `None`: never, or that is not known yet.
    pub due: Option<Timestamp>,
    /// Since when they are, if they are.
    pub overdue: Option<Timestamp>,
}

/// The configured feeds, in the order of the configuration.
pub fn views(state: &State, rules: &Rules) -> Vec<View> {
    let known = rules.feeds.iter().filter_map(|feed| Some((feed, state.feed(&feed.name)?.1)));
    let over = state.notice.is_over();
    known.map(|(rules, feed)| View::of(&rules.title, feed, over)).collect()
}

impl View {
    /// Of a service that is over, nothing is overdue.
    fn of(title: &str, feed: &Feed, over: bool) -> View {
        let moment = |at: Timestamp| (at > Timestamp(0)).then_some(at);
        View {
            name: feed.name.clone(),
            title: title.to_owned(),
            current: feed.current.clone(),
            published: moment(feed.published),
            received: moment(feed.received),
            held: feed.held.clone(),
            no_report: feed.no_report,
            due: feed.due.filter(|_| !over),
            overdue: feed.overdue.filter(|_| !over),
        }
    }
}
