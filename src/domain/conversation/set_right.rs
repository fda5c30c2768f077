//! The clock is known to be right. What somebody said while it was not was believed, whatever its stamp. One that is days ahead would keep
//! a window open for years, and a "Ja" that no "Stopp" could end: it does not count now, as it would not have counted then (promise 2).
//! What is hours ahead ends by itself.

use super::{Person, Subscription, Talk};
use crate::domain::decision::Change;
use crate::domain::ids::PersonId;
use crate::domain::outbox::Stage;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::domain::window::{NONSENSE, WINDOW, Window};

/// The rows that are to be put right.
pub fn set_right(state: &State, now: Timestamp) -> Vec<Change> {
    let mut changes: Vec<Change> = state.seen.hours_after(now.plus(NONSENSE).hour()).map(Change::ForgetSeen).collect();
    for (id, person) in state.people.iter() {
        let righted = righted(person, now);
        if person.burst.is_some() && righted.burst.is_none() {
            changes.extend(unheard(state, id, person));
        }
        if righted != *person {
            changes.push(Change::Person(id, righted));
        }
    }
    changes
}

/// Nobody answers what does not count: what was kept for the answer is not needed.
fn unheard(state: &State, id: PersonId, person: &Person) -> impl Iterator<Item = Change> {
    let silent = match person.talk {
        Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => {
            state.outbox.of(id).all(|(_, entry)| entry.stage() == Stage::Gone)
        }
        Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. } => false,
    };
    let unread = state.unread.contains_key(&id).then_some(Change::Unread(id, None));
    let address = (silent && state.addresses.contains(id)).then_some(Change::ForgetAddress(id));
    unread.into_iter().chain(address)
}

fn righted(person: &Person, now: Timestamp) -> Person {
    let future = |at: Timestamp| at > now.plus(NONSENSE);
    // Until when it was open nobody knows any more: it has just closed, and whoever was subscribed is orphaned.
    let window = if future(person.window.latest) { Window::opened(now.minus(WINDOW)) } else { person.window };
    let burst = person.burst.clone().filter(|burst| !future(burst.at));
    Person { window, burst, talk: talk(&person.talk, now), ..person.clone() }
}

fn talk(talk: &Talk, now: Timestamp) -> Talk {
    let stamp = |at: Timestamp| if at > now.plus(NONSENSE) { now } else { at };
    let agreed = |old: Subscription| Subscription { consent: stamp(old.consent), yes: stamp(old.yes), ..old };
    match talk.clone() {
        Talk::Asked { answered, revision, stopped, before } => {
            let before = before.map(|before| Box::new(agreed(*before)));
            Talk::Asked { answered, revision, stopped: stopped.map(stamp), before }
        }
        // By our clock: whoever asked while it was ahead would wait behind everybody else.
        Talk::Waiting { since, answered, feeds, offered } => Talk::Waiting { since: since.min(now), answered, feeds, offered },
        Talk::Stopped { at } => Talk::Stopped { at: stamp(at) },
        talk @ (Talk::New | Talk::Subscribed { .. } | Talk::Lapsed { .. } | Talk::Orphaned { .. }) => talk.with_agreement(agreed),
    }
}
