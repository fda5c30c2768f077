//! When the store's file is made anew. A deleted row stays in a free page of the file until another row happens to lie there, so what is
//! erased is gone only once the file has been rewritten (promise 10). Copies nothing: that is the store's work.

use super::decision::{Change, Decision, Refusal};
use super::state::State;
use super::time::{Millis, Timestamp};

/// In seconds, from the end of one rewrite to the next. What is erased while one runs may still lie in the fresh file and is gone with the
/// next one, half a day later; the other half of the 24 hours that promise 10 leaves is for attempts that fail. Seconds, not an hour of the
/// day: that would make a day of 25 hours in October.
pub const EVERY: u32 = 12 * 3600;
/// In seconds, until a rewrite that failed is tried again: somebody has to make room first, and each attempt writes a whole file.
pub const AGAIN: u32 = 3600;

/// How a rewrite fares. Lives in memory only: one that was cut off begins anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rewrite {
    /// None is under way.
    #[default]
    Resting,
    /// Pages are being copied.
    UnderWay,
    /// It was given up.
    Failed {
        /// When it is tried again.
        again: Timestamp,
    },
}

/// When the next one is due; `None` while one is under way, or if nobody knows yet how old the file is.
pub fn deadline(state: &State) -> Option<Timestamp> {
    match state.rewrite {
        Rewrite::Resting => state.rewritten.map(|at| at.plus(EVERY)),
        Rewrite::UnderWay => None,
        Rewrite::Failed { again } => Some(again),
    }
}

/// It is time.
pub(super) fn due() -> Decision {
    Decision { changes: vec![Change::Rewrite(Rewrite::UnderWay)], ..Decision::acted() }
}

/// The file is a fresh one now.
pub(super) fn done(now: Millis) -> Decision {
    Decision { changes: vec![Change::Rewritten(now.second()), Change::Rewrite(Rewrite::Resting)], ..Decision::acted() }
}

/// The file is still the old one, or the disk was full a moment ago: a copy of everything would only fill it again.
pub(super) fn failed(state: &State, now: Millis) -> Decision {
    let failed = Rewrite::Failed { again: now.second().plus(AGAIN) };
    if state.rewrite == failed {
        return Decision::refused(Refusal::NothingToDo);
    }
    Decision { changes: vec![Change::Rewrite(failed)], ..Decision::acted() }
}

/// The clock is trusted now. For a file that never was rewritten, or in a future that is none, the time counts from here; and an attempt
/// that would be repeated in a future that is none is repeated now.
pub(super) fn set_right(state: &State, now: Millis) -> Vec<Change> {
    let now = now.second();
    let known = state.rewritten.is_some_and(|at| at <= now);
    let again = match state.rewrite {
        Rewrite::Failed { again } if again > now.plus(AGAIN) => Some(Change::Rewrite(Rewrite::Failed { again: now })),
        Rewrite::Resting | Rewrite::UnderWay | Rewrite::Failed { .. } => None,
    };
    (!known).then_some(Change::Rewritten(now)).into_iter().chain(again).collect()
}
