//! How many people hear of each feed: kept beside the rows, because a publisher is told with every figure, and counting them each time
//! would be a walk over everyone. Decides nothing.

use super::conversation::Talk;
use super::ids::{FeedId, FeedSet};

/// How many people a publication of a feed concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Subscribers: their window is open, or closes just now.
    pub now: u32,
    /// People whose window has closed: they hear of it when they write.
    pub outside: u32,
}

/// How many people hear of each feed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Audience([Reach; FeedSet::MAX]);

impl Audience {
    /// How many people hear of this feed.
    pub fn of(&self, feed: FeedId) -> Reach {
        self.0.get(usize::from(feed.0)).copied().unwrap_or_default()
    }

    /// Somebody with whom this is agreed is counted.
    pub(super) fn with(&mut self, talk: &Talk) {
        self.change(talk, |count| *count += 1);
    }

    /// … or no longer.
    pub(super) fn without(&mut self, talk: &Talk) {
        self.change(talk, |count| *count -= 1);
    }

    fn change(&mut self, talk: &Talk, change: impl Fn(&mut u32)) {
        let (feeds, subscribed) = match talk {
            Talk::Subscribed { subscription, .. } => (subscription.feeds, true),
            Talk::Lapsed { subscription } | Talk::Orphaned { subscription } => (subscription.feeds, false),
            Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Stopped { .. } => return,
        };
        for (id, reach) in (0..).map(FeedId).zip(&mut self.0) {
            if feeds.contains(id) {
                change(if subscribed { &mut reach.now } else { &mut reach.outside });
            }
        }
    }
}
