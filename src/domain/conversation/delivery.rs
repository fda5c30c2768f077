//! What a message's fate means for the person, and who gets a publication next. The outbox asks; nothing here moves a message.

use super::draft::Draft;
use super::{Person, Reminder, Subscription, Talk};
use crate::domain::budget::Counters;
use crate::domain::decision::{Change, Decision};
use crate::domain::ids::{OutboxId, PersonId};
use crate::domain::outbox::{Entry, Kind, PAGE, Stage};
use crate::domain::state::State;
use crate::domain::time::Millis;
use crate::domain::window::GUARD;

/// The next page of a broadcast: those whose window closes first among those whose last revision is older. No stored position, because
/// windows move while it runs. When nobody with an open window is left, the broadcast is done.
pub fn page(state: &State, now: Millis) -> Decision {
    let mut draft = Draft::new(state);
    let open = (now.second().plus(GUARD), PersonId(0));
    for (_, id) in state.lacking.range(open..).take(PAGE) {
        let Some(person) = state.people.get(*id) else { continue };
        let since = person.talk.subscription().map_or(0, |subscription| subscription.revision);
        if !state.outbox.of(*id).any(|(_, entry)| entry.kind.shows_figures() && entry.stage() == Stage::Waiting) {
            draft.enqueue(*id, Kind::Publication { since }, person.window);
        }
        draft.decision.changes.extend(up_to_date(state, *id));
    }
    if draft.decision.changes.is_empty() {
        draft.decision.changes.push(Change::Counters(Counters { reached: state.revision(), ..state.counters }));
    }
    draft.finish()
}

/// A message leaves now: if it shows figures, it shows the newest, so the person has these, and a publication that was to bring them need
/// not leave any more. There are two of those if one could not be sent before the next was written down.
pub fn leaves(state: &State, id: OutboxId, entry: &Entry) -> Vec<Change> {
    if !entry.kind.shows_figures() {
        return Vec::new();
    }
    let others = state.outbox.of(entry.person).filter(|(other, _)| *other != id);
    let publications = others.filter(|(_, entry)| entry.kind.is_publication() && entry.stage() == Stage::Waiting);
    publications.map(|(other, _)| Change::ForgetOutbox(other)).chain(up_to_date(state, entry.person)).collect()
}

/// Nothing more will be written for this message. The address of someone who said stop is kept only for the confirmation, or because they
/// have written again and wait for an answer.
pub fn message_ended(state: &State, id: OutboxId, person: PersonId) -> Option<Change> {
    let stopped = state.people.get(person).is_some_and(|row| match row.talk {
        Talk::Stopped { .. } => row.burst.is_none(),
        Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. } => false,
        Talk::Lapsed { .. } | Talk::Orphaned { .. } => false,
    });
    let more = state.outbox.of(person).any(|(other, entry)| other != id && entry.stage() != Stage::Gone);
    (stopped && !more && state.addresses.contains(person)).then_some(Change::ForgetAddress(person))
}

/// It is not certain that the message arrives. If it was the publication that spared the reminder, the reminder is wanted after all.
pub fn message_failed(state: &State, entry: &Entry) -> Option<Change> {
    let person = state.people.get(entry.person)?;
    match &person.talk {
        Talk::Subscribed { subscription, reminder: Reminder::Spared } if entry.kind.is_publication() => {
            let talk = Talk::Subscribed { subscription: *subscription, reminder: Reminder::Pending };
            Some(Change::Person(entry.person, Person { talk, ..person.clone() }))
        }
        Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. } => None,
        Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => None,
    }
}

/// The window closed before the message left: whoever was to see the figures in it lacks them still, and gets them when they write again.
pub fn message_expired(state: &State, entry: &Entry) -> Option<Change> {
    let person = state.people.get(entry.person)?;
    let talk = person.talk.clone().with_agreement(|old| unseen(entry, old));
    (talk != person.talk).then(|| Change::Person(entry.person, Person { talk, ..person.clone() }))
}

/// The agreement of somebody whom this message did not reach. What an answer was to show, they had asked for: they have seen nothing.
pub(super) fn unseen(entry: &Entry, subscription: Subscription) -> Subscription {
    let before = if let Kind::Publication { since } = entry.kind { since } else { 0 };
    let revision = if entry.kind.shows_figures() { subscription.revision.min(before) } else { subscription.revision };
    Subscription { revision, ..subscription }
}

fn up_to_date(state: &State, id: PersonId) -> Option<Change> {
    let person = state.people.get(id)?;
    match &person.talk {
        Talk::Subscribed { subscription, reminder } if subscription.revision < state.revision_of(subscription.feeds) => {
            let revision = state.revision_of(subscription.feeds);
            let talk = Talk::Subscribed { subscription: Subscription { revision, ..*subscription }, reminder: *reminder };
            Some(Change::Person(id, Person { talk, ..person.clone() }))
        }
        Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. } => None,
        Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => None,
    }
}
