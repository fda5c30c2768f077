//! The customer service window: 24 hours from the person's latest counted message, by Meta's timestamp. Knows no "now" of its own.

use super::pacing::Guard;
use super::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Length of the window (WhatsApp docs: send-messages, "customer service windows").
pub const WINDOW: u32 = 24 * 3600;
/// The reminder comes nominally this long after the latest counted message: 23 h 59 min (promise 4).
pub const REMIND_AFTER: u32 = WINDOW - 60;
/// Whether a silent subscriber lapsed is judged this long after closing: answers may be on their way (promise 5).
pub const VERDICT_AFTER: u32 = 600;
/// Messages stamped further ahead of a trusted clock than this are not counted (promise 2).
pub const AHEAD: u32 = 300;
/// A stamp that was believed while the clock was not trusted is nonsense if it is further ahead than this. Meta repeats a webhook for as
/// long (WhatsApp docs: webhooks); what is kept for a nearer one ends by itself.
pub const NONSENSE: u32 = 7 * 24 * 3600;

/// Open until 24 h after [`Window::latest`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Window {
    /// Meta's timestamp of the latest counted message: the maximum over all of them, so late webhooks never move it back.
    pub latest: Timestamp,
}

impl Window {
    /// The window that a message of `at` opens.
    pub fn opened(at: Timestamp) -> Window {
        Window { latest: at }
    }

    /// The window after a counted message of `at`.
    #[must_use]
    pub fn counted(self, at: Timestamp) -> Window {
        Window { latest: self.latest.max(at) }
    }

    /// The first second in which it is closed.
    pub fn closes(self) -> Timestamp {
        self.latest.plus(WINDOW)
    }

    /// When the reminder is nominally due.
    pub fn remind_at(self) -> Timestamp {
        self.latest.plus(REMIND_AFTER)
    }

    /// The last second in which a send may be written.
    pub fn not_after(self, guard: Guard) -> Timestamp {
        self.closes().minus(guard.seconds())
    }

    /// When the silence of this window is judged.
    pub fn verdict_at(self) -> Timestamp {
        self.closes().plus(VERDICT_AFTER)
    }

    /// Whether a free-form message may still be written.
    pub fn sendable(self, now: Millis, guard: Guard) -> bool {
        now.second() <= self.not_after(guard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_the_maximum_and_ends_after_24_hours() {
        let window = Window::opened(Timestamp(1_000_000));
        assert_eq!(window.counted(Timestamp(999_999)), window);
        let later = window.counted(Timestamp(1_000_001));
        assert_eq!((later.closes(), later.remind_at()), (Timestamp(1_086_401), Timestamp(1_086_341)));
        assert!(later.sendable(Millis(1_086_396_999), Guard::default()));
        assert!(!later.sendable(Millis(1_086_397_000), Guard::default()));
    }
}
