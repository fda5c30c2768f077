//! What everybody who may read our topics sees of the relay: figures and counts, and nobody. Cheap, because it is made after every step.

use crate::domain::figures::{View, views};
use crate::domain::rules::Rules;
use crate::domain::state::{Clock, State};

/// How the relay looks from outside.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Surface {
    /// The feeds, in the order of the configuration; none before the first step.
    pub feeds: Vec<View>,
    /// Whether the clock is known to be right.
    pub clock_trusted: bool,
    /// Messages to people that have not left yet, those of a running broadcast among them.
    pub queue: usize,
}

impl Surface {
    /// What there is to be seen now.
    pub fn of(state: &State, rules: &Rules) -> Surface {
        let lacking = if state.broadcasting() { state.lacking.len() } else { 0 };
        let queue = state.outbox.queued() + state.outbox.in_flight() + lacking;
        Surface { feeds: views(state, rules), clock_trusted: state.clock == Clock::Trusted, queue }
    }
}
