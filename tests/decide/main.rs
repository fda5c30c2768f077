//! Given, when, then, as text: what happens, what is answered, and what is agreed afterwards. One case is one transcript, complete: a line
//! that is missing or too many fails it. Only [`world`] knows the API of the domain and only [`script`] knows the notation, so that
//! hundreds of cases survive a changed signature.
//!
//! ```text
//! 21.11. 10:00:00 says Hallo                                  what happens: says, taps, edits, reacts, a photo, figure, status, answer, …
//!                 -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]   what leaves, shortened: `script::short` says how
//!                 read                                        the blue ticks
//!                 = asked until 22.11. 10:00:00               what is agreed, when it changes; `+ address`: kept though the talk is over
//!                 … says Ja                                   more follows: two seconds pass before this is answered
//! 22.11. 10:00:00 = unknown                                   time passes by itself until the next thing happens
//! ```
//!
//! After a line without `…` the person pauses, and is answered in the same second: only `bursts` counts the pause.
//!
//! Everything else that can come out: `refused Duplicate`, `receipt Acted 20.11. revision 1`. No time: the same as in the line before.

#![allow(clippy::expect_used, reason = "a case that cannot be read or run fails where it stands")]

mod script;
mod world;

mod account;
mod asked;
mod bursts;
mod clock_changes;
mod clock_trust;
mod corrections;
mod end;
mod feeds;
mod figures;
mod held;
mod identity;
mod lapsed;
mod limits;
mod money;
mod orphaned;
mod outbox;
mod overdue;
mod paced;
mod places;
mod reactions;
mod reminder;
mod review;
mod rewrite;
mod rhythm;
mod step;
mod stop;
mod subscribed;
mod topics;
mod unknown;
mod walk;
mod wording;

use script::{after, check};
