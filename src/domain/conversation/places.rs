//! Who waits for a place gets the next one that is free, first come, first served. Counts no money: how many there are is `budget`'s.

use super::draft::Draft;
use super::{Person, Talk};
use crate::domain::budget::{self, Purse};
use crate::domain::decision::{Change, Decision, Refusal};
use crate::domain::ids::PersonId;
use crate::domain::outbox::Kind;
use crate::domain::rules::Rules;
use crate::domain::state::State;
use crate::domain::time::Millis;

/// Who is to be told of a free place: the first in line whose window is open. `None` if there is no place, or nobody to tell.
pub fn next_in_line(state: &State, rules: &Rules, now: Millis) -> Option<PersonId> {
    // Before the money is counted: this is asked after every step, and as a rule nobody waits.
    if state.notice.is_over() || state.people.line().next().is_none() {
        return None;
    }
    let free = budget::admits(state, rules, now, state.people.admitted());
    let free = free && Purse::new(state, rules, now).buys(Kind::Place.worth(true));
    let open = |id: &PersonId| state.people.get(*id).is_some_and(|person| person.window.sendable(now, state.guard));
    free.then(|| state.people.line().find(open)).flatten()
}

/// Keeps a free place for the next in line and asks whether they still want it. If they are silent, it is free again at their closing.
pub fn offer(state: &State, rules: &Rules, now: Millis) -> Decision {
    let next = next_in_line(state, rules, now).and_then(|id| Some((id, state.people.get(id)?)));
    let Some((id, person)) = next else { return Decision::refused(Refusal::NothingToDo) };
    let Talk::Waiting { since, answered, feeds, .. } = person.talk else { return Decision::refused(Refusal::NothingToDo) };
    let mut draft = Draft::within(state, rules, now);
    let talk = Talk::Waiting { since, answered, feeds, offered: true };
    draft.decision.changes.push(Change::Person(id, Person { talk, ..person.clone() }));
    draft.enqueue(id, Kind::Place, person.window, true);
    draft.finish()
}
