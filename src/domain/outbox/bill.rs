//! What a message's way means for the month's count: charged when it leaves, refunded when it has certainly not arrived (promise 9). Counts
//! nothing itself and knows no cap.

use super::entry::{Delivery, Doubt, Entry, Stage};
use super::is_past_grace;
use crate::domain::budget::{Budget, Room, Toll};
use crate::domain::decision::{Change, Decision};
use crate::domain::event::{News, Outcome, Status};
use crate::domain::state::State;
use crate::domain::time::{Millis, Timestamp};

/// Whether the messages that try what becomes of those that are not free should have arrived by now, and have not: everything else that
/// Meta tells has come all the while.
pub(super) fn is_cut_off(state: &State, now: Millis) -> bool {
    state.budget.unproven(now).is_some_and(|since| is_past_grace(state, since))
}

/// They have not: nothing leaves but one now and then.
pub(super) fn cut_off(state: &State, now: Millis) -> Decision {
    Decision { changes: vec![Change::Budget(state.budget.cut_off(now))], ..Decision::acted() }
}

/// When a message may leave that waits for Meta to deliver again.
pub(super) fn opens(state: &State, now: Millis) -> Option<Millis> {
    match state.budget.room(now) {
        Room::OneAt(at) => Some(at.millis()),
        Room::Few(_) | Room::Enough => None,
    }
}

/// Of so many free slots, those that may be used.
pub(super) fn bounded(state: &State, now: Millis, slots: usize) -> usize {
    match state.budget.room(now) {
        Room::Few(room) => slots.min(room),
        Room::OneAt(_) => slots.min(1),
        Room::Enough => slots,
    }
}

/// After the answer to an attempt that left at `left`.
pub(super) fn after_attempt(budget: Budget, toll: Toll, left: Timestamp, outcome: Outcome) -> Budget {
    match outcome {
        Outcome::Later | Outcome::TooLate | Outcome::Rejected { .. } => without(budget, toll, left).refund(left),
        // It may have arrived.
        Outcome::Unknown => without(budget, toll, left),
        Outcome::Accepted(_) => budget,
    }
}

/// After what was in flight is lost sight of: the process has started anew.
pub(super) fn without(budget: Budget, toll: Toll, left: Timestamp) -> Budget {
    match toll {
        Toll::Beyond => budget.no_witness(left),
        Toll::Within | Toll::Arrived | Toll::Said(_) => budget,
    }
}

/// After a status of this message: what is counted, and what is known of its price. `now` is ours.
pub(super) fn after_status(budget: Budget, entry: &Entry, status: &Status, now: Timestamp) -> (Budget, Toll) {
    let taken = taken(entry).unwrap_or(now);
    let (budget, toll) = match (entry.toll, status.price, status.news) {
        (Toll::Said(_), _, _) | (Toll::Within | Toll::Arrived, None, _) => (budget, entry.toll),
        (Toll::Within | Toll::Beyond | Toll::Arrived, Some(price), _) => (budget.priced(taken, entry.toll, price), Toll::Said(price)),
        (Toll::Beyond, None, News::Delivered | News::Read) => (budget.arrived(taken), Toll::Arrived),
        (Toll::Beyond, None, News::Sent | News::Failed(_)) => (budget, entry.toll),
    };
    let budget = match status.news {
        // Charged since it left. What certainly did not leave, and yet is known to Meta, was refunded.
        News::Sent | News::Delivered | News::Read if has_not_left(entry) => budget.charge(now.millis()),
        News::Sent | News::Delivered | News::Read => budget,
        // What has not left, or has failed before, was refunded then.
        News::Failed(_) => self::taken(entry).map_or(budget, |at| without(budget, toll, at).refund(at)),
    };
    (budget, toll)
}

/// When Meta took it, as far as we know; in the month that this lies in, it was charged.
fn taken(entry: &Entry) -> Option<Timestamp> {
    match entry.delivery {
        Delivery::Accepted { at, .. } | Delivery::Delivered { at, .. } => Some(at),
        Delivery::InFlight { since, .. } | Delivery::Unknown { since } => Some(since),
        Delivery::Queued { .. } | Delivery::Resting { .. } | Delivery::Failed { .. } => None,
    }
}

/// Whether every attempt so far has certainly not gone out. One that is repeated may have, and is charged for.
fn has_not_left(entry: &Entry) -> bool {
    entry.stage() == Stage::Waiting && entry.doubt == Doubt::None
}
