//! The circuit breaker: when Meta does not let our account send, nothing leaves but one probe now and then. Without it every message of a
//! broadcast would run into the same refusal, which Meta counts against the number.

use super::fault::{Fault, of_code};
use crate::domain::decision::Change;
use crate::domain::event::Outcome;
use crate::domain::state::State;
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// The first probe comes after this many seconds; the wait doubles with every probe that fails.
const FIRST_PROBE: u32 = 60;
/// The wait stops doubling here: an hour after the technician has repaired it, messages flow by themselves.
const LAST_PROBE: u32 = 3_600;
/// A failed status that is older than this many seconds tells of a trouble that may be over: Meta repeats webhooks for seven days.
const NEWS: u32 = 3_600;

/// Sending is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// Why.
    pub why: Why,
    /// Since when, by our clock.
    pub since: Timestamp,
    /// When one message may try.
    pub until: Timestamp,
    /// Probes that failed.
    failed: u8,
}

/// Why sending is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Why {
    /// Meta answered with this code (WhatsApp docs: error-codes).
    Code(u32),
    /// Meta announced a restriction (WhatsApp docs: webhooks reference, account_update).
    Restriction,
}

impl Hold {
    fn again(before: Option<Hold>, now: Timestamp, why: Why) -> Hold {
        let Some(before) = before else { return Hold { why, since: now, until: now.plus(FIRST_PROBE), failed: 0 } };
        if before.until > now {
            // One of those that were in flight together: it is the same refusal.
            return before;
        }
        let failed = before.failed.saturating_add(1);
        let wait = FIRST_PROBE.checked_shl(failed.into()).map_or(LAST_PROBE, |wait| wait.min(LAST_PROBE));
        Hold { why, until: now.plus(wait), failed, ..before }
    }
}

/// What the answer to a send says about the account.
pub(super) fn after(state: &State, now: Millis, outcome: Outcome) -> Option<Change> {
    // What was in flight when it began says nothing about how it is now: only a probe does.
    let waiting = state.hold.filter(|hold| hold.until > now.second());
    let next = match outcome {
        Outcome::Accepted(_) => waiting,
        Outcome::Rejected { code, transient } if of_code(code, transient) == Fault::Account => {
            Some(Hold::again(state.hold, now.second(), Why::Code(code)))
        }
        // Meta answers, and it is about this message: the probe got through.
        Outcome::Rejected { .. } => waiting,
        Outcome::Unknown => state.hold.map(|hold| Hold { until: hold.until.max(now.second().plus(FIRST_PROBE)), ..hold }),
        Outcome::Later | Outcome::TooLate => state.hold,
    };
    (next != state.hold).then_some(Change::Hold(next))
}

/// What a failed status says about the account.
pub(super) fn after_failure(state: &State, now: Millis, at: Timestamp, code: u32) -> Option<Change> {
    let fresh = now.second().since(at) <= NEWS;
    let held = fresh && of_code(code, false) == Fault::Account;
    let next = held.then(|| Hold::again(state.hold, now.second(), Why::Code(code)));
    (held && next != state.hold).then_some(Change::Hold(next))
}

/// Meta announces that we may not answer people until then.
pub(super) fn restricted(state: &State, now: Timestamp, until: Option<Timestamp>) -> Option<Change> {
    let until = until.unwrap_or(now.plus(LAST_PROBE));
    let hold = Hold { why: Why::Restriction, since: state.hold.map_or(now, |hold| hold.since), until, failed: 0 };
    (until > now && state.hold != Some(hold)).then_some(Change::Hold(Some(hold)))
}
