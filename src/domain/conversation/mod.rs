//! What one person and we have agreed, and what follows from what they say or leave unsaid. Speaks no German (that is `wording`) and
//! sends nothing (that is `outbox`).
//!
//! ```text
//!             writes anything             "Ja"                    silence after a question      24 h
//!   unknown ────▶ New ────▶ Asked ────────────────▶ Subscribed ───────────────────────▶ Lapsed ─────▶ unknown
//!      ▲           2 s        │  │ "Ja", no place    ▲   │  ▲ ▲                           │ │
//!      │  the window closes   │  ▼                   │   │  │ └──────── "Ja" ─────────────┘ │ anything else
//!      ├──────────────────────┤ Waiting ─────────────┤   │  │                               └─────────────▶ Asked
//!      ├──────────────────────┘  a place, "Ja"       │   │  └─ an answer stamped before the closing (also from Orphaned)
//!      │                                             │   │ silence that may be our fault
//!      │                                       "Ja"  │   ▼
//!      │                          7 days             │
//!      ├──────────────────────────────────────────── Orphaned ── anything else ──▶ Asked
//!      │   25 h
//!      └────────── Stopped ◀── "Stopp", "Nein" to a question: from every state
//! ```
//!
//! A tap on "Ja" subscribes from every state: button ids mean what they say, whatever is remembered. What arrives counts at once (`heard`);
//! it is answered when the person has paused (`answer`), except a stop, which ends everything at once.

mod answer;
mod burst;
mod delivery;
mod draft;
mod heard;
mod identity;
mod places;
mod set_right;
mod silence;

pub use answer::{answers, next_answer};
pub use burst::Burst;
pub use delivery::{is_pointless, lacks_still, leaves, message_accepted, message_dropped, message_ended, message_expired, message_unpaid};
pub use delivery::{message_failed, page};
pub use heard::heard;
pub use identity::moved;
pub use places::{next_in_line, offer};
pub use set_right::set_right;
pub use silence::due;

use super::ids::{FeedSet, PersonHash};
use super::rules::Rules;
use super::time::Timestamp;
use super::window::Window;
use super::wording::Wish;
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
    /// Who it is, too, if a telephone number was ever seen.
    pub alias: Option<PersonHash>,
    /// Until when we may write.
    pub window: Window,
    /// What we have agreed.
    pub talk: Talk,
    /// What they said just now, and nobody has answered yet.
    /// Rare, therefore boxed: at any moment nearly everybody has been answered.
    pub burst: Option<Box<Burst>>,
}

/// Most of the memory is these rows: one cache line each, a million in 64 MB.
const _: () = assert!(size_of::<Option<Person>>() <= 64);

/// What one person and we have agreed. See the drawing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Talk {
    /// Wrote for the first time, a moment ago.
    New,
    /// The question was put; erased silently when the window closes.
    Asked {
        /// When they were last answered, by our clock.
        answered: Timestamp,
        /// The revision they were shown; 0 if none was.
        revision: u32,
        /// Meta's timestamp of a stop before it, if there was one lately: a "Ja" from before that does not count.
        stopped: Option<Timestamp>,
        /// What a "Ja" takes up again: we had lost them by our own fault. Their place is kept, too.
        /// Rare, therefore boxed.
        before: Option<Box<Subscription>>,
    },
    /// Said "Ja" when there was no place; erased silently when the window closes.
    Waiting {
        /// Since when, by our clock: first come, first served.
        since: Timestamp,
        /// When they were last answered, by our clock.
        answered: Timestamp,
        /// What they said "Ja" to.
        feeds: FeedSet,
        /// A place became free and is kept for them.
        offered: bool,
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
    /// The window closed and it may have been our fault, or they go by another number now.
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

impl Talk {
    /// Whether it takes a place: subscribers do, those who may take their subscription up again, and those to whom one is offered.
    pub fn is_admitted(&self) -> bool {
        match self {
            Talk::Subscribed { .. } | Talk::Lapsed { .. } | Talk::Orphaned { .. } => true,
            Talk::Waiting { offered, .. } => *offered,
            Talk::Asked { before, .. } => before.is_some(),
            Talk::New | Talk::Stopped { .. } => false,
        }
    }

    /// The same talk with another agreement, if there is one that is in force or may be taken up again.
    #[must_use]
    pub(super) fn with_agreement(self, change: impl FnOnce(Subscription) -> Subscription) -> Talk {
        match self {
            Talk::Subscribed { subscription, reminder } => Talk::Subscribed { subscription: change(subscription), reminder },
            Talk::Lapsed { subscription } => Talk::Lapsed { subscription: change(subscription) },
            Talk::Orphaned { subscription } => Talk::Orphaned { subscription: change(subscription) },
            talk @ (Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Stopped { .. }) => talk,
        }
    }

    /// The same talk after figures were taken back that would have carried the question: what they spared is wanted again.
    #[must_use]
    fn unasked(self) -> Talk {
        match self {
            Talk::Subscribed { subscription, reminder: Reminder::Spared } => Talk::Subscribed { subscription, reminder: Reminder::Pending },
            talk @ (Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. }) => talk,
            talk @ (Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. }) => talk,
        }
    }

    /// Whether a subscriber has been asked in this window, is being asked, or need not be.
    pub fn is_asked(&self) -> bool {
        match self {
            Talk::Subscribed { reminder, .. } => *reminder != Reminder::Pending,
            Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } => false,
            Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => false,
        }
    }

    /// Whether a reminder is to come: the one deadline that may be early, as far as the rate requires.
    pub fn awaits_reminder(&self) -> bool {
        match self {
            Talk::Subscribed { reminder, .. } => *reminder == Reminder::Pending,
            Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } => false,
            Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => false,
        }
    }

    /// The feeds that they have chosen, if they have.
    pub fn feeds(&self) -> Option<FeedSet> {
        match self {
            Talk::Waiting { feeds, .. } => Some(*feeds),
            Talk::Asked { before, .. } => before.as_ref().map(|before| before.feeds),
            Talk::Subscribed { subscription, .. } | Talk::Lapsed { subscription } | Talk::Orphaned { subscription } => {
                Some(subscription.feeds)
            }
            Talk::New | Talk::Stopped { .. } => None,
        }
    }

    /// The agreement, if there is one that is in force or may be taken up again.
    pub fn subscription(&self) -> Option<&Subscription> {
        match self {
            Talk::Subscribed { subscription, .. } | Talk::Lapsed { subscription } | Talk::Orphaned { subscription } => Some(subscription),
            Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Stopped { .. } => None,
        }
    }
}

/// The agreement with a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Subscription {
    /// What they want to hear of. Never empty.
    pub feeds: FeedSet,
    /// Proof of consent: the fingerprint of the question's wording (`State::wordings`) …
    pub wording: u32,
    /// … and Meta's timestamp of the "Ja".
    pub consent: Timestamp,
    /// Meta's timestamp of the latest "Ja": a stop stamped before it does not count.
    pub yes: Timestamp,
    /// The last revision put on its way to them.
    pub revision: u32,
}

impl Subscription {
    /// The agreement after a message of `at`: a "Ja" in it is newer than any stop before.
    #[must_use]
    fn agreed_again(self, wish: Wish, at: Timestamp) -> Subscription {
        let yes = if wish.is_yes() { self.yes.max(at) } else { self.yes };
        Subscription { yes, ..self }
    }
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
    /// Meta has called this window closed (131047) although it should be open: whatever we believe, nothing more is tried in it.
    Refused,
}

impl Person {
    /// When this row needs attention, but for an answer: those have an order of their own, see [`next_answer`].
    pub fn deadline(&self, rules: &Rules) -> Timestamp {
        match &self.talk {
            Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } => self.window.closes(),
            Talk::Subscribed { reminder: Reminder::Pending, .. } => rules.remind_at(self.window),
            Talk::Subscribed { reminder: Reminder::Sent | Reminder::Spared | Reminder::Refused, .. } => self.window.verdict_at(),
            Talk::Lapsed { .. } => self.window.closes().plus(LAPSE_GRACE),
            Talk::Orphaned { .. } => self.window.closes().plus(ORPHAN_GRACE),
            Talk::Stopped { at } => at.plus(TOMBSTONE),
        }
    }
}
