//! What is worth keeping when a device is replaced: figures, the end of the service, counters. No person, no message and no id of either:
//! a list that renews itself every day needs no backup (promise 10). Knows no file and no format.

use super::budget::Budget;
use super::decision::Change;
use super::figures::Feed;
use super::ids::FeedId;
use super::notice::Notice;
use super::state::{Counters, State};
use std::fmt;

/// What is kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Backup {
    /// Every feed of which the store knows, at most [`super::ids::FeedSet::MAX`]. With their numbers only people's rows had to do.
    pub feeds: Vec<Feed>,
    /// The end of the service: whoever was told is not told again.
    pub notice: Notice,
    /// Counters that never run backwards.
    pub counters: Counters,
    /// Messages of the months that are being counted: to Meta it is the same number, whatever device it is on.
    pub budget: Budget,
}

/// Why a state must not be replaced by a backup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occupied {
    /// There are people in it, or messages for them.
    People,
    /// There are figures in it.
    Figures,
    /// Messages have been counted in it.
    Counters,
}

impl fmt::Display for Occupied {
    /// German, after „Im Speicher “.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Occupied::People => "stehen schon Personen",
            Occupied::Figures => "stehen schon Zahlen",
            Occupied::Counters => "sind schon Nachrichten gezählt",
        })
    }
}

impl Backup {
    /// What is kept of this state.
    pub fn of(state: &State) -> Backup {
        let State { notice, counters, budget, .. } = *state;
        Backup { feeds: state.feeds.values().cloned().collect(), notice, counters, budget }
    }

    /// The same as changes to a state of which nothing is known yet. Feeds beyond the numbers that there are get none.
    pub fn changes(&self) -> Vec<Change> {
        let numbers = (0..=u8::MAX).map(FeedId);
        let feeds = numbers.zip(&self.feeds).map(|(id, feed)| Change::Feed(id, Box::new(feed.clone())));
        feeds.chain([Change::Notice(self.notice), Change::Counters(self.counters), Change::Budget(self.budget)]).collect()
    }

    /// Whether this state may be thrown away for a backup: it is one of a relay that was started, and that nobody has used.
    ///
    /// # Errors
    /// What is in it.
    pub fn may_replace(state: &State) -> Result<(), Occupied> {
        let figures = |feed: &Feed| *feed != Feed::new(feed.name.clone());
        if state.people.iter().next().is_some() || state.outbox.iter().next().is_some() {
            Err(Occupied::People)
        } else if state.feeds.values().any(figures) {
            Err(Occupied::Figures)
        } else if state.counters != Counters::default() || state.budget != Budget::default() {
            Err(Occupied::Counters)
        } else {
            Ok(())
        }
    }
}
