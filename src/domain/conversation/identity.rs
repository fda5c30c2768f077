//! Who is who: a person is found by BSUID or, as an alias, by telephone number, and stays the same when either changes. Answers nobody.

use super::delivery::unseen;
use super::draft::Draft;
use super::{Burst, Person, Reminder, Subscription, Talk};
use crate::domain::decision::{Change, Decision, Refusal};
use crate::domain::event::Moved;
use crate::domain::ids::{Address, Identity, PersonId};
use crate::domain::outbox::Stage;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::domain::window::Window;

/// The person whom a payload is about.
pub(super) struct Known {
    /// Their number, or the next free one.
    pub(super) id: PersonId,
    /// Their row, if there is one; two rows for the same person are one already.
    pub(super) person: Option<Person>,
    /// What makes it so in the store.
    pub(super) tidied: Vec<Change>,
}

impl Known {
    /// A row with the names that this payload and the row before it know. A BSUID is never dropped because a later payload lacks it.
    pub(super) fn named(from: Identity, before: Option<&Person>) -> Person {
        let nameless = from.alias == Some(from.hash);
        let hash = before.filter(|_| nameless).map_or(from.hash, |person| person.hash);
        let alias = from.alias.or(before.and_then(|person| person.alias));
        Person { hash, alias, window: Window::opened(Timestamp(0)), talk: Talk::New, burst: None }
    }

    /// What becomes of the address: a BSUID replaces a number, and not the other way round.
    pub(super) fn address(state: &State, id: PersonId, new: &Address) -> Option<Change> {
        let keep = match (&state.addresses.get(id), new) {
            (None, _) | (Some(Address::Phone(_)), Address::Bsuid(_)) => false,
            (Some(Address::Bsuid(_)), Address::Phone(_)) => true,
            (Some(old @ Address::Bsuid(_)), Address::Bsuid(_)) | (Some(old @ Address::Phone(_)), Address::Phone(_)) => old == new,
        };
        (!keep).then(|| Change::Address(id, new.clone()))
    }
}

/// Finds the person, and mends what a payload with both names shows to be wrong: two rows for one person become one; a number that belongs
/// to another BSUID now no longer finds the old one.
pub(super) fn recognise(state: &State, from: Identity) -> Known {
    let by_name = state.people.find(from.hash);
    let by_number = from.alias.and_then(|alias| state.people.find(alias));
    let row = |id: PersonId| state.people.get(id).cloned();
    match (by_name, by_number) {
        (Some(id), None) => Known { id, person: row(id), tidied: Vec::new() },
        (Some(id), Some(other)) if id == other => Known { id, person: row(id), tidied: Vec::new() },
        (named, Some(other)) => match row(other) {
            Some(person) if is_nameless(&person) => adopt(state, named, other, &person),
            Some(person) => {
                let tidied = vec![Change::Person(other, Person { alias: None, ..person })];
                let id = named.unwrap_or_else(|| state.people.next_id());
                Known { id, person: named.and_then(row), tidied }
            }
            None => Known { id: state.people.next_id(), person: None, tidied: Vec::new() },
        },
        (None, None) => Known { id: state.people.next_id(), person: None, tidied: Vec::new() },
    }
}

/// A row that came without a BSUID belongs to the person whose payload now names both.
fn adopt(state: &State, named: Option<PersonId>, nameless: PersonId, person: &Person) -> Known {
    let Some((id, kept)) = named.and_then(|id| Some((id, state.people.get(id)?))) else {
        return Known { id: nameless, person: Some(person.clone()), tidied: Vec::new() };
    };
    let mut draft = Draft::new(state);
    draft.clear(nameless);
    draft.forget(nameless);
    // What waited asks nobody any more.
    let talk = person.talk.clone().with_agreement(|subscription| lacking(state, nameless, subscription)).unasked();
    let merged = merged(kept, &Person { talk, ..person.clone() });
    draft.decision.changes.push(Change::Person(id, merged.clone()));
    Known { id, person: Some(merged), tidied: draft.decision.changes }
}

/// The agreement of somebody whose waiting messages are taken back: what they were to show has not been seen.
fn lacking(state: &State, id: PersonId, subscription: Subscription) -> Subscription {
    let waiting = state.outbox.of(id).filter(|(_, entry)| entry.stage() == Stage::Waiting);
    waiting.fold(subscription, |lacking, (_, entry)| unseen(entry, lacking))
}

fn is_nameless(person: &Person) -> bool {
    person.alias == Some(person.hash)
}

/// One person out of two rows: the later window, the stricter agreement, the earlier proof.
fn merged(kept: &Person, other: &Person) -> Person {
    let talk = match (kept.talk.subscription(), other.talk.subscription()) {
        (Some(mine), Some(theirs)) => kept.talk.clone().with_agreement(|_| both(mine, theirs)),
        (Some(mine), None) if stopped_before(&other.talk, mine) => kept.talk.clone(),
        (None, Some(theirs)) if stopped_before(&kept.talk, theirs) => other.talk.clone(),
        (_, _) if written_since(kept, &other.talk) => kept.talk.clone(),
        (_, _) if written_since(other, &kept.talk) => other.talk.clone(),
        (_, _) if strictness(&other.talk) > strictness(&kept.talk) => other.talk.clone(),
        (_, _) => kept.talk.clone(),
    };
    // Who waits has said "Ja", too: a stop from before that does not count.
    let waits = |person: &Person| if let Talk::Waiting { since, .. } = person.talk { Some(since.min(person.window.latest)) } else { None };
    let yes = waits(kept).max(waits(other)).unwrap_or(Timestamp(0));
    let talk = talk.with_agreement(|subscription| Subscription { yes: subscription.yes.max(yes), ..subscription });
    let stronger = other.burst.as_ref().filter(|other| kept.burst.as_ref().is_none_or(|kept| other.wish.strength() > kept.wish.strength()));
    let outlived = |burst: &Burst| if let Talk::Stopped { at } = talk { burst.at <= at } else { false };
    let burst = stronger.or(kept.burst.as_ref()).filter(|burst| !outlived(burst)).cloned();
    Person { window: kept.window.counted(other.window.latest), talk, burst, ..kept.clone() }
}

/// Whether this is a stop from before the latest "Ja": the later timestamp wins.
fn stopped_before(talk: &Talk, subscription: &Subscription) -> bool {
    if let Talk::Stopped { at } = talk { *at < subscription.yes } else { false }
}

/// Whether this person has written since that stop: it ended what was agreed before it, and they are being answered.
fn written_since(person: &Person, talk: &Talk) -> bool {
    if let Talk::Stopped { at } = talk { *at < person.window.latest && !matches!(person.talk, Talk::Stopped { .. }) } else { false }
}

fn both(mine: &Subscription, theirs: &Subscription) -> Subscription {
    let first = if theirs.consent < mine.consent { theirs } else { mine };
    Subscription {
        feeds: mine.feeds.union(theirs.feeds),
        yes: mine.yes.max(theirs.yes),
        revision: mine.revision.max(theirs.revision),
        ..*first
    }
}

/// A stop is the strictest agreement, and none is the least.
fn strictness(talk: &Talk) -> u8 {
    match talk {
        Talk::New => 0,
        Talk::Asked { .. } => 1,
        Talk::Waiting { .. } => 2,
        Talk::Orphaned { .. } => 3,
        Talk::Lapsed { .. } => 4,
        Talk::Subscribed { .. } => 5,
        Talk::Stopped { .. } => 6,
    }
}

/// Somebody goes by other names now. Whether the window survives that is not documented: nothing is sent until they write again, and what
/// was agreed is kept as if we had been away.
pub fn moved(state: &State, moved: &Moved) -> Decision {
    let found = moved.from.iter().find_map(|hash| state.people.find(*hash));
    let Some((id, person)) = found.and_then(|id| Some((id, state.people.get(id)?))) else {
        return Decision::refused(Refusal::UnknownPerson);
    };
    if person.hash == moved.to.hash {
        return Decision::refused(Refusal::Duplicate);
    }
    let mut draft = Draft::new(state);
    draft.clear(id);
    draft.forget_address(id);
    let Known { id: there, person: known, tidied } = recognise(state, moved.to);
    draft.decision.changes.extend(tidied);
    let (alias, burst) = (moved.to.alias, None);
    let talk = match &person.talk {
        Talk::Subscribed { subscription, .. } | Talk::Lapsed { subscription } | Talk::Orphaned { subscription } => {
            Talk::Orphaned { subscription: lacking(state, id, *subscription) }
        }
        Talk::Stopped { at } => Talk::Stopped { at: *at },
        Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } => {
            draft.forget(id);
            return draft.finish();
        }
    };
    let row = Person { hash: moved.to.hash, alias, window: person.window, talk, burst };
    match known {
        // They have written under the new name already: that was no silence. But whoever has only said stop there cannot be reached.
        Some(known) if there != id => {
            let reached = row.talk.subscription().filter(|_| state.addresses.contains(there));
            let talk = reached
                .map_or(row.talk.clone(), |subscription| Talk::Subscribed { subscription: *subscription, reminder: Reminder::Pending });
            let row = Person { talk, ..row };
            let window = known.window;
            let merged = Person { hash: row.hash, alias: row.alias.or(known.alias), window, ..merged(&known, &row) };
            // Nothing but a confirmation may leave after a stop.
            let stopped = matches!(merged.talk, Talk::Stopped { .. }) && merged.burst.is_none();
            if stopped && !draft.clear_but_confirmation(there, window) {
                draft.forget_address(there);
            }
            draft.decision.changes.push(Change::Forget(id));
            draft.decision.changes.push(Change::Person(there, merged));
        }
        Some(_) | None => draft.decision.changes.push(Change::Person(id, row)),
    }
    draft.finish()
}
