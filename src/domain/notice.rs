//! The end of the service: announced once to everyone, and then it is over. Says nothing itself (that is `wording`); it has a revision like
//! a publication, so it goes out by the same broadcast.

use super::decision::{Change, Decision, Refusal};
use super::rules::{End, Rules};
use super::state::{Counters, State};
use super::time::{Day, Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// How far the end of the service has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Notice {
    /// None is planned.
    #[default]
    None,
    /// Planned; nobody has been told.
    Planned {
        /// When subscribers are told.
        announce: Timestamp,
        /// The last day.
        last_day: Day,
        /// The first second after it.
        over: Timestamp,
    },
    /// Subscribers have been told, or are being told.
    Announced {
        /// Who knows an older revision has not been told.
        revision: u32,
        /// The last day.
        last_day: Day,
        /// The first second after it.
        over: Timestamp,
    },
    /// The service has ended.
    Over {
        /// The last day.
        last_day: Day,
    },
}

impl Notice {
    /// When something becomes of it by itself.
    pub fn deadline(self) -> Option<Timestamp> {
        match self {
            Notice::None | Notice::Over { .. } => None,
            Notice::Planned { announce, over, .. } => Some(announce.min(over)),
            Notice::Announced { over, .. } => Some(over),
        }
    }

    /// The revision that tells of it; 0 if none does.
    pub fn revision(self) -> u32 {
        match self {
            Notice::Announced { revision, .. } => revision,
            Notice::None | Notice::Planned { .. } | Notice::Over { .. } => 0,
        }
    }

    /// Whether the service has ended.
    pub fn is_over(self) -> bool {
        match self {
            Notice::Over { .. } => true,
            Notice::None | Notice::Planned { .. } | Notice::Announced { .. } => false,
        }
    }

    /// The last day, once people may know it.
    pub fn told(self) -> Option<Day> {
        match self {
            Notice::Announced { last_day, .. } | Notice::Over { last_day } => Some(last_day),
            Notice::None | Notice::Planned { .. } => None,
        }
    }
}

/// The configuration was read: another last day than the one that is known is a new plan, and people are told anew.
pub fn planned(state: &State, rules: &Rules) -> Vec<Change> {
    let planned = rules.end.map_or(Notice::None, |End { last_day, announce, over }| Notice::Planned { announce, last_day, over });
    let known = match (state.notice, planned) {
        (Notice::Announced { last_day, .. } | Notice::Over { last_day }, Notice::Planned { last_day: same, .. }) => last_day == same,
        (known, planned) => known == planned,
    };
    if known { Vec::new() } else { used_up(state).into_iter().chain([Change::Notice(planned)]).collect() }
}

/// The revision of a notice that is not handed out any more is not used again: nobody must take later figures for something that they know.
fn used_up(state: &State) -> Option<Change> {
    let reached = state.notice.revision();
    (reached > state.counters.reached).then_some(Change::Counters(Counters { reached, ..state.counters }))
}

/// Its time has come: to be announced, or to be over.
pub fn due(state: &State, now: Millis) -> Decision {
    let next = match state.notice {
        Notice::Planned { over, last_day, .. } | Notice::Announced { over, last_day, .. } if over <= now.second() => {
            Notice::Over { last_day }
        }
        Notice::Planned { over, last_day, .. } => Notice::Announced { revision: state.revision() + 1, last_day, over },
        Notice::None | Notice::Announced { .. } | Notice::Over { .. } => return Decision::refused(Refusal::NothingToDo),
    };
    let used = if next.is_over() { used_up(state) } else { None };
    Decision { changes: used.into_iter().chain([Change::Notice(next)]).collect(), ..Decision::acted() }
}
