//! Whether a feed's next figures are overdue, and what people may be told of that. What is usual is for `rhythm`, who is alarmed for the
//! ports.
//!
//! ```text
//!   published, or said that there is nothing ──▶ due ──(the hour passes, by a trusted clock)──▶ overdue ──▶ published, or …
//! ```

use super::feed::{Feed, Held};
use super::rhythm::minutes;
use crate::domain::decision::{Change, Decision, Refusal, Taken};
use crate::domain::ids::FeedId;
use crate::domain::rules::Rules;
use crate::domain::state::State;
use crate::domain::time::{Day, Millis, local};
use jiff::civil::DateTime;

/// What there is to say about a feed that has nothing new today.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Today {
    /// Nothing: the figures are not expected, or not yet.
    Usual,
    /// They should have come.
    Late {
        /// The minute of the day by which they usually come.
        by: u16,
    },
    /// The publisher says that there are none.
    NoReport,
}

impl Today {
    /// What of this is said of a feed at `now`.
    pub fn of(feed: &Feed, rules: &Rules, now: Millis) -> Today {
        let now = local(now, &rules.zone);
        if feed.rhythm.is_without_report(Day::of(now.date())) {
            return Today::NoReport;
        }
        let of_feed = rules.feed(&feed.name);
        let usually = of_feed.and_then(|of_feed| feed.rhythm.usually_by(of_feed.due, rules.calendar()));
        // What was expected yesterday, or by an hour after midnight, is not „heute noch nicht“.
        let since = feed.overdue.map(|at| local(at.millis(), &rules.zone)).filter(|since| since.date() == now.date());
        match usually.zip(since) {
            Some((by, since)) if minutes(since.time()) >= by => Today::Late { by },
            Some(_) | None => Today::Usual,
        }
    }
}

impl Feed {
    /// The publisher has been heard at this local time: `before` was known then, and this became of what it said about that day. A new day
    /// is what was waited for, also if nobody may see it yet; other values for a day that is known are not.
    pub(super) fn heard(&mut self, before: &Feed, local: DateTime, taken: &Taken, as_of: Day) {
        let newest = before.newest().map(|(day, _)| day).max(before.held.as_ref().map(|Held { as_of, .. }| *as_of));
        match taken {
            Taken::NoReport => self.rhythm.no_report(local, as_of),
            Taken::Accepted | Taken::Correction | Taken::Old | Taken::Held(_) if newest.is_none_or(|newest| newest < as_of) => {
                self.rhythm.published(local);
            }
            Taken::Accepted | Taken::Correction | Taken::Old | Taken::Held(_) => {}
            Taken::Joined | Taken::Update | Taken::Early | Taken::Refused(_) => {}
            Taken::Released | Taken::Discarded | Taken::Rebaselined | Taken::Withdrawn => {}
        }
    }

    /// Another rhythm, or another configuration: when the next figures are overdue is another question then, and is put anew.
    pub(super) fn schedule(&mut self, rules: &Rules) {
        let due = rules.feed(&self.name).and_then(|of_feed| self.rhythm.due(of_feed.due, rules.calendar()));
        if due != self.due {
            (self.due, self.overdue) = (due, None);
        }
    }
}

/// The configuration was read, perhaps another than before.
pub(super) fn rescheduled(state: &State, rules: &Rules, gone: &[FeedId]) -> Vec<Change> {
    let kept = state.feeds.iter().filter(|(id, _)| !gone.contains(id));
    let scheduled = kept.filter_map(|(id, feed)| {
        let mut scheduled = feed.clone();
        scheduled.schedule(rules);
        (scheduled != *feed).then(|| Change::Feed(*id, Box::new(scheduled)))
    });
    scheduled.collect()
}

/// The hour has passed, and nothing has come. When the service is over, nobody waits for anything.
pub(super) fn passed(state: &State, now: Millis, id: FeedId) -> Decision {
    let due = state.feeds.get(&id).filter(|feed| feed.overdue.is_none() && feed.due.is_some_and(|due| due <= now.second()));
    let Some(feed) = due else { return Decision::refused(Refusal::NothingToDo) };
    let due = feed.due.filter(|_| !state.notice.is_over());
    Decision { changes: vec![Change::Feed(id, Box::new(Feed { due, overdue: due, ..feed.clone() }))], ..Decision::acted() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::figures::{Publication, Values};
    use crate::domain::ids::Name;
    use crate::domain::time::Timestamp;
    use jiff::civil::date;
    use std::collections::BTreeMap;

    const NOON: DateTime = date(2026, 11, 21).at(12, 0, 0, 0);

    /// Whether a word about this day, of which this became, is what a feed was waited for that has figures of the 20th.
    fn ends_the_waiting(before: &Feed, taken: &Taken, day: i8) -> bool {
        let mut feed = before.clone();
        feed.heard(before, NOON, taken, Day::of(date(2026, 11, day)));
        feed.rhythm != before.rhythm
    }

    #[test]
    fn a_new_day_is_what_was_waited_for_even_if_nobody_may_see_it() {
        let (name, day) = (Name::new("corona").expect("a name"), |day| Day::of(date(2026, 11, day)));
        let known = Feed { current: Some(Publication::new(1, day(20), Values::new())), ..Feed::new(name) };
        for taken in [Taken::Accepted, Taken::Correction, Taken::Old, Taken::Held(Vec::new())] {
            assert!(ends_the_waiting(&known, &taken, 21), "{taken:?}");
            assert!(!ends_the_waiting(&known, &taken, 20), "{taken:?} of a day that is known");
        }
        assert!(ends_the_waiting(&known, &Taken::NoReport, 21));
        let others = [Taken::Joined, Taken::Update, Taken::Early, Taken::Refused(Refusal::Duplicate), Taken::Released, Taken::Withdrawn];
        for taken in others.into_iter().chain([Taken::Discarded, Taken::Rebaselined]) {
            assert!(!ends_the_waiting(&known, &taken, 21), "{taken:?}");
        }
        // A device that repeats every ten seconds what is held writes nothing down.
        let held = Held { as_of: day(21), values: Values::new(), suspicions: BTreeMap::new(), since: Timestamp(1), stated: None };
        let held = Feed { held: Some(held), ..known };
        assert!(!ends_the_waiting(&held, &Taken::Held(Vec::new()), 21));
        assert!(ends_the_waiting(&held, &Taken::Accepted, 22));
    }
}
