//! What a message's fate means for the person, and who gets a publication next. The outbox asks; nothing here moves a message.

use super::draft::Draft;
use super::{Person, Reminder, Talk};
use crate::domain::decision::{Change, Decision};
use crate::domain::figures::{Broadcast, Feed};
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
    for (_, id) in state.waiting.range(open..).take(PAGE) {
        let Some(person) = state.people.get(*id) else { continue };
        draft.enqueue(*id, Kind::Publication, person.window);
        draft.decision.changes.extend(up_to_date(state, *id));
    }
    if draft.decision.changes.is_empty() {
        let feed = Feed { broadcast: Broadcast::Done, ..state.feed.clone() };
        draft.decision.changes.push(Change::Feed(Box::new(feed)));
    }
    draft.finish()
}

/// A message leaves now: a publication shows the newest figures, so the person has these.
pub fn leaves(state: &State, entry: &Entry) -> Option<Change> {
    (entry.kind == Kind::Publication).then(|| up_to_date(state, entry.person)).flatten()
}

/// Nothing more will be written for this message. The address of someone who said stop is kept only for the confirmation.
pub fn message_ended(state: &State, id: OutboxId, person: PersonId) -> Option<Change> {
    let stopped = state.people.get(person).is_some_and(|row| match row.talk {
        Talk::Stopped { .. } => true,
        Talk::Asked { .. } | Talk::Subscribed { .. } | Talk::Lapsed { .. } | Talk::Orphaned { .. } => false,
    });
    let more = state.outbox.of(person).any(|(other, entry)| other != id && entry.stage() != Stage::Gone);
    (stopped && !more && state.addresses.contains_key(&person)).then_some(Change::ForgetAddress(person))
}

/// A message will not arrive. If it was the publication that spared the reminder, the reminder is wanted after all.
pub fn message_failed(state: &State, now: Millis, entry: &Entry) -> Option<Change> {
    let person = state.people.get(entry.person)?;
    match &person.talk {
        Talk::Subscribed { subscription, reminder: Reminder::Spared }
            if entry.kind == Kind::Publication && person.window.sendable(now) && now.second() >= person.window.remind_at() =>
        {
            let talk = Talk::Subscribed { subscription: *subscription, reminder: Reminder::Pending };
            Some(Change::Person(entry.person, Person { talk, ..person.clone() }))
        }
        Talk::Subscribed { .. } | Talk::Asked { .. } | Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => None,
    }
}

fn up_to_date(state: &State, id: PersonId) -> Option<Change> {
    let person = state.people.get(id)?;
    let revision = state.feed.revision();
    match &person.talk {
        Talk::Subscribed { subscription, reminder } if subscription.revision < revision => {
            let talk = Talk::Subscribed { subscription: super::Subscription { revision, ..*subscription }, reminder: *reminder };
            Some(Change::Person(id, Person { talk, ..person.clone() }))
        }
        Talk::Subscribed { .. } | Talk::Asked { .. } | Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => None,
    }
}
