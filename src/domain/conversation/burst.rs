//! Several messages in a row are one turn: they count one by one, and are answered once, by the strongest thing in them. Answers nothing.

use crate::domain::state::Clock;
use crate::domain::time::{Millis, Timestamp};
use crate::domain::wording::Wish;
use serde::{Deserialize, Serialize};

/// A person has paused after this long without another message, in milliseconds (DESIGN.md section 3).
const PAUSE: u64 = 2_000;
/// Nobody waits longer than this for an answer, in seconds, however much they write (DESIGN.md section 3).
pub(super) const BURST: u32 = 6;

/// What a person said and nobody has answered yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Burst {
    /// The strongest of it. Never a stop: that waits for nothing.
    pub wish: Wish,
    /// Meta's timestamp of the message that said so.
    pub at: Timestamp,
    /// When it is answered.
    pub until: Timestamp,
    /// When it is answered at the latest, however much follows.
    latest: Timestamp,
}

impl Burst {
    /// One more message, said at `at`. Nobody knows how long two seconds are by a clock that is not trusted: what comes before it is, is
    /// answered as soon as it is.
    pub(super) fn with(before: Option<&Burst>, clock: Clock, now: Millis, wish: Wish, at: Timestamp) -> Burst {
        let (paused, latest) = match clock {
            Clock::Trusted => (now.plus(PAUSE).second_after(), now.second().plus(BURST)),
            Clock::Untrusted => (Timestamp(0), Timestamp(0)),
        };
        let latest = before.map_or(latest, |before| before.latest.min(latest));
        let (wish, at) = match before {
            Some(before) if before.wish.strength() > wish.strength() => (before.wish, before.at),
            Some(before) => (wish.together(before.wish), at),
            None => (wish, at),
        };
        Burst { wish, at, until: paused.min(latest), latest }
    }
}
