//! Is this figure new, is it believed, and what becomes a publication. Knows no topic, no payload and no person.
//!
//! `press` judges one figure, `gate` says what is plausible, `ruling` is what a human says to that; `rhythm` and `holidays` know when the
//! next one should come, and `overdue` that it has not; `feed` is the row of all this, and `view` what of it is shown outside.

mod feed;
pub mod gate;
pub mod holidays;
mod overdue;
mod press;
pub mod rhythm;
mod ruling;
mod value;
mod view;

pub use feed::{Correction, Dismissed, Feed, Held, Ids, Publication, Settling, Values};
pub use overdue::Today;
pub use value::Value;
pub use view::{Doubt, HeldView, View, views};

use super::audience::Reach;
use super::conversation::Person;
use super::decision::{Change, Decision, Effect, Receipt, Refusal, Taken, Verdict};
use super::event::{Figure, ReplyTo, Request};
use super::ids::{FeedId, FeedSet, Name};
use super::rules::Rules;
use super::state::{Clock, State};
use super::time::{Day, Millis};
use press::Press;
use std::collections::BTreeMap;

/// Days that wait for the clock to be trusted, at most: a publisher that catches up, not one that tells its whole history.
const EARLY: usize = 16;

/// The configuration was read: every feed in it has a row, as long as there are numbers for them. A feed that is gone from it keeps its row
/// while anybody is subscribed to it, or might be again.
pub fn configured(state: &State, rules: &Rules) -> Vec<Change> {
    let tapped = |person: &Person| person.burst.as_ref().and_then(|burst| burst.wish.feeds());
    let subscribed = state.people.iter().flat_map(|(_, person)| [person.talk.feeds(), tapped(person)]).flatten();
    let needed = subscribed.fold(FeedSet::default(), FeedSet::union);
    let gone = |(id, feed): &(&FeedId, &Feed)| {
        rules.feed(&feed.name).is_none() && !needed.contains(**id) && feed.revision() <= state.counters.reached
    };
    let gone: Vec<FeedId> = state.feeds.iter().filter(gone).map(|(id, _)| *id).collect();
    let numbers = (0..FeedSet::MAX).filter_map(|number| u8::try_from(number).ok()).map(FeedId);
    let free = numbers.filter(|id| gone.contains(id) || !state.feeds.contains_key(id));
    let unknown = rules.feeds.iter().filter(|feed| state.feed(&feed.name).is_none());
    let new = free.zip(unknown).map(|(id, feed)| Change::Feed(id, Box::new(Feed::new(feed.name.clone()))));
    let scheduled = overdue::rescheduled(state, rules, &gone);
    gone.iter().map(|id| Change::ForgetFeed(*id)).chain(scheduled).chain(new).collect()
}

/// A figure arrived.
pub fn arrived(state: &State, rules: &Rules, now: Millis, figure: &Figure) -> Decision {
    let about = About { feed: &figure.feed, reply: figure.receipt.as_ref(), values: &figure.values, as_of: figure.as_of };
    decided(state, rules, now, &about, |press| press.take(state.clock, figure))
}

/// What would become of a figure if it arrived now. Nothing does.
pub fn validated(state: &State, rules: &Rules, now: Millis, figure: &Figure) -> Decision {
    Decision { changes: Vec::new(), ..arrived(state, rules, now, figure) }
}

/// A human says what is to become of what is held, or was published.
pub fn ruled(state: &State, rules: &Rules, now: Millis, request: &Request) -> Decision {
    let about = About { feed: &request.feed, reply: request.reply.as_ref(), values: &[], as_of: request.as_of };
    decided(state, rules, now, &about, |press| match state.clock {
        // Which day it is, and so what may be sent, is not known.
        Clock::Untrusted => (Taken::Refused(Refusal::ClockInDoubt), None),
        Clock::Trusted => press.rule(request.verb, request.as_of),
    })
}

/// What a receipt repeats of what was said.
struct About<'a> {
    feed: &'a Name,
    reply: Option<&'a ReplyTo>,
    values: &'a [(Name, Value)],
    as_of: Option<Day>,
}

/// Puts something into a feed and says what became of it.
fn decided(
    state: &State,
    rules: &Rules,
    now: Millis,
    about: &About<'_>,
    put: impl FnOnce(&mut Press<'_>) -> (Taken, Option<Day>),
) -> Decision {
    let mut decision = Decision::acted();
    let (mut taken, mut as_of, mut revision, mut reach) = (Taken::Refused(Refusal::UnknownFeed), about.as_of, 0, Reach::default());
    if let Some((id, mut press)) = Press::new(state, rules, now, about.feed) {
        (taken, as_of) = put(&mut press);
        revision = press.feed.revision();
        reach = state.audience.of(id);
        if state.feeds.get(&id) != Some(&press.feed) {
            decision.changes.push(Change::Feed(id, Box::new(press.feed)));
        }
    }
    if let Taken::Refused(refusal) = taken {
        decision.verdict = Verdict::Refused(refusal);
    }
    if let Some(to) = about.reply {
        let received = (state.clock == Clock::Trusted).then_some(now.second());
        let (to, feed, values) = (to.clone(), about.feed.clone(), about.values.to_vec());
        decision.effects.push(Effect::Receipt(Receipt { to, feed, taken, values, as_of, revision, received, reach }));
    }
    decision
}

/// The clock is trusted now: what came before is judged in the order of its days, and what said none is of today. What would settle, or was
/// published, in a future that is none settles as from now, or was published now.
pub fn set_right(state: &State, rules: &Rules, now: Millis) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut revision = state.revision();
    for feed in state.feeds.values() {
        let Some((id, mut press)) = Press::new(state, rules, now, &feed.name) else { continue };
        press.revision = revision;
        press.feed.published = feed.published.min(press.now);
        press.feed.received = feed.received.min(press.now);
        press.feed.rhythm.forget_after(press.today);
        press.feed.schedule(rules);
        if let Some(settling) = &mut press.feed.settling {
            let wait = if settling.correction.is_some() { press.rules.correction_settle } else { press.rules.settle };
            settling.until = settling.until.min(press.now.plus(wait));
        }
        if let Some(held) = &mut press.feed.held {
            held.since = held.since.min(press.now);
        }
        let mut days: BTreeMap<Day, Values> = BTreeMap::new();
        for (day, values) in std::mem::take(&mut press.feed.early) {
            days.entry(day.unwrap_or(press.undated)).or_default().extend(values);
        }
        for (day, values) in days {
            let figure = Figure { as_of: Some(day), ..Figure::new(feed.name.clone(), values.into_iter().collect()) };
            // Whether it was new or not: it no longer waits.
            let _ = press.take(Clock::Trusted, &figure);
        }
        revision = press.revision;
        if press.feed != *feed {
            changes.push(Change::Feed(id, Box::new(press.feed)));
        }
    }
    changes
}

/// A publication has settled long enough, or the next one is overdue.
pub fn due(state: &State, rules: &Rules, now: Millis, id: FeedId) -> Decision {
    let settled = |feed: &&Feed| feed.settling.as_ref().is_some_and(|settling| settling.until <= now.second());
    let Some(feed) = state.feeds.get(&id).filter(settled) else { return overdue::passed(state, now, id) };
    let feed = match Press::new(state, rules, now, &feed.name) {
        Some((_, mut press)) => {
            press.settle();
            press.feed
        }
        // No longer configured: nobody is to get it.
        None => Feed { settling: None, ..feed.clone() },
    };
    Decision { changes: vec![Change::Feed(id, Box::new(feed))], ..Decision::acted() }
}

/// What is settling in any of these feeds is published at once: somebody's window closes.
pub fn settle_now(state: &State, rules: &Rules, now: Millis, feeds: FeedSet) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut revision = state.revision();
    for (id, feed) in state.feeds.iter().filter(|(id, feed)| feeds.contains(**id) && feed.settling.is_some()) {
        let Some((_, mut press)) = Press::new(state, rules, now, &feed.name).filter(|(_, press)| press.may_settle_early()) else {
            continue;
        };
        press.revision = revision;
        press.settle();
        revision = press.revision;
        changes.push(Change::Feed(*id, Box::new(press.feed)));
    }
    changes
}
