//! The clock is known to be right, perhaps after it was wrong: by hours, months or years, ahead or behind. What was written down by a clock
//! that was ahead would rest, be held or count until that time has come. What it was behind with is due, and needs nothing.

use super::entry::{Delivery, Entry};
use super::{BACKOFF_MAX, hold};
use crate::domain::decision::Change;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::domain::window::{AHEAD, NONSENSE, WINDOW};

/// No message rests for longer: the longest wait and half of it, by which waits are spread.
const REST_MAX: u32 = BACKOFF_MAX + BACKOFF_MAX / 2;

/// What is to be put right.
pub(in crate::domain) fn set_right(state: &State, now: Timestamp) -> Vec<Change> {
    let righted = |entry: &Entry| Entry { delivery: delivery(entry.delivery, now), closes: closes(entry.closes, now), ..*entry };
    let entries = state.outbox.iter().filter(|(_, entry)| righted(entry) != **entry);
    let entries = entries.map(|(id, entry)| Change::Outbox(id, righted(entry)));
    hold::set_right(state, now).into_iter().chain(entries).collect()
}

fn delivery(delivery: Delivery, now: Timestamp) -> Delivery {
    // In whose window it was accepted nobody knows: a question too many is better than a window that closes without one. Seconds are no
    // matter of windows, and Meta's clock may be ahead.
    let accepted = |at: Timestamp| if at > now.plus(AHEAD) { Timestamp(0) } else { at };
    match delivery {
        Delivery::Resting { until, attempt } if until > now.plus(REST_MAX) => Delivery::Resting { until: now, attempt },
        Delivery::InFlight { attempt, since } => Delivery::InFlight { attempt, since: since.min(now) },
        Delivery::Unknown { since } => Delivery::Unknown { since: since.min(now) },
        Delivery::Accepted { at, wamid } => Delivery::Accepted { at: accepted(at), wamid },
        Delivery::Delivered { at, wamid } => Delivery::Delivered { at: accepted(at), wamid },
        Delivery::Queued { .. } | Delivery::Resting { .. } | Delivery::Failed { .. } => delivery,
    }
}

/// A window that closes later than any can was opened by nonsense: its messages are over.
fn closes(closes: Timestamp, now: Timestamp) -> Timestamp {
    if closes > now.plus(NONSENSE + WINDOW) { now } else { closes }
}
