//! What one person and we have agreed, and what follows from what they say or leave unsaid. Speaks no German (that is `wording`) and
//! sends nothing (that is `outbox`).
//!
//! ```text
//!             writes anything               "Ja"                    silence after a question      24 h
//!   unknown ──────────────────▶ Asked ────────────────▶ Subscribed ───────────────────────▶ Lapsed ─────▶ unknown
//!      ▲                          │                      ▲   │  ▲ ▲                           │ │
//!      │  the window closes       │                      │   │  │ └──────── "Ja" ─────────────┘ │ anything else
//!      ├──────────────────────────┘                      │   │  │                               └─────────────▶ Asked
//!      │                                                 │   │  └─ an answer stamped before the closing (also from Orphaned)
//!      │                                           "Ja"  │   │ silence that may be our fault
//!      │                          7 days                 │   ▼
//!      ├──────────────────────────────────────────── Orphaned ── anything else ──▶ Asked
//!      │   25 h
//!      └────────── Stopped ◀── "Stopp", "Nein" to a question: from every state
//! ```
//!
//! A tap on "Ja" subscribes from every state: button ids mean what they say, whatever is remembered.

mod delivery;
mod draft;
mod heard;
mod silence;

pub use delivery::{leaves, message_ended, message_expired, message_failed, page};
pub use heard::heard;
pub use silence::due;

use super::ids::PersonHash;
use super::time::Timestamp;
use super::window::Window;
use serde::{Deserialize, Serialize};

/// A lapsed subscription can be taken up again this long after the window closed: `lapse.grace` (promise 5).
const LAPSE_GRACE: u32 = 24 * 3600;
/// Whom we lost by our own fault is kept this long after the window closed (promise 5).
const ORPHAN_GRACE: u32 = 7 * 24 * 3600;
/// A tombstone stays this long: an hour longer than a message can still subscribe anybody (promise 6).
const TOMBSTONE: u32 = 25 * 3600;
/// One person's row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Person {
    /// Who it is.
    pub hash: PersonHash,
    /// Until when we may write.
    pub window: Window,
    /// What we have agreed.
    pub talk: Talk,
}

/// What one person and we have agreed. See the drawing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Talk {
    /// The question was put; erased silently when the window closes.
    Asked {
        /// When they were last answered, by our clock.
        answered: Timestamp,
        /// The revision they were shown; 0 if none was.
        revision: u32,
        /// Meta's timestamp of a stop before it, if there was one lately: a "Ja" from before that does not count.
        stopped: Option<Timestamp>,
    },
    /// Gets figures and reminders.
    Subscribed {
        /// The agreement.
        subscription: Subscription,
        /// The reminder of this window.
        reminder: Reminder,
    },
    /// Was silent after a question that Meta had accepted.
    Lapsed {
        /// What a "Ja" takes up again.
        subscription: Subscription,
    },
    /// The window closed and it may have been our fault.
    Orphaned {
        /// What a "Ja" takes up again.
        subscription: Subscription,
    },
    /// Said stop: a tombstone, so that a "Ja" written before it does not undo it.
    Stopped {
        /// Meta's timestamp of the stop.
        at: Timestamp,
    },
}

/// The agreement with a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Subscription {
    /// Proof of consent: the version of the question's wording …
    pub wording: u16,
    /// … and Meta's timestamp of the "Ja".
    pub consent: Timestamp,
    /// Meta's timestamp of the latest "Ja": a stop stamped before it does not count.
    pub yes: Timestamp,
    /// The last publication put on its way to them.
    pub revision: u32,
}

/// The reminder of the present window. A new window starts at `Pending`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Reminder {
    /// Not dealt with yet.
    Pending,
    /// Written down. Never a second one in this window.
    Sent,
    /// Not needed, because a publication carries the question; or too late.
    Spared,
}

impl Person {
    /// When this row needs attention.
    pub fn deadline(&self) -> Timestamp {
        match &self.talk {
            Talk::Asked { .. } => self.window.closes(),
            Talk::Subscribed { reminder: Reminder::Pending, .. } => self.window.remind_at(),
            Talk::Subscribed { reminder: Reminder::Sent | Reminder::Spared, .. } => self.window.verdict_at(),
            Talk::Lapsed { .. } => self.window.closes().plus(LAPSE_GRACE),
            Talk::Orphaned { .. } => self.window.closes().plus(ORPHAN_GRACE),
            Talk::Stopped { at } => at.plus(TOMBSTONE),
        }
    }
}
