//! What a message's fate means for the person, and who gets a publication next. The outbox asks; nothing here moves a message.

use super::draft::Draft;
use super::{Person, Reminder, Subscription, Talk};
use crate::domain::decision::{Change, Decision, Refusal};
use crate::domain::ids::{OutboxId, PersonId};
use crate::domain::outbox::fault::{Fault, of_code};
use crate::domain::outbox::{Delivery, Entry, Kind, PAGE, Stage};
use crate::domain::rules::{ReminderPolicy, Rules};
use crate::domain::state::{Counters, State};
use crate::domain::time::{Millis, Timestamp};

/// The next page of a broadcast: those whose window closes first among those whose last revision is older. No stored position, because
/// windows move while it runs. When nobody with an open window is left, the broadcast is done; also when the month's messages are, because
/// old figures are never flushed: whoever writes gets what they missed.
pub fn page(state: &State, rules: &Rules, now: Millis) -> Decision {
    let mut draft = Draft::within(state, rules, now);
    let paid_for = draft.refusal(Kind::Publication { since: 0 }, true) != Some(Refusal::Spent);
    let open = (now.second().plus(state.guard.seconds()), false, PersonId(0));
    for (.., id) in state.lacking.range(open..).take(if paid_for { PAGE } else { 0 }) {
        let Some(person) = state.people.get(*id) else { continue };
        let Talk::Subscribed { subscription, mut reminder } = person.talk else { continue };
        if !state.outbox.of(*id).any(|(_, entry)| entry.kind.shows_figures() && entry.stage() == Stage::Waiting) {
            draft.enqueue(*id, Kind::Publication { since: subscription.revision }, person.window, true);
            reminder = draft.spared(rules, *id, reminder);
        }
        let talk = Talk::Subscribed { subscription: up_to_date(state, subscription), reminder };
        draft.decision.changes.push(Change::Person(*id, Person { talk, ..person.clone() }));
    }
    if draft.decision.changes.is_empty() {
        draft.decision.changes.push(Change::Counters(Counters { reached: state.revision(), ..state.counters }));
    }
    draft.finish()
}

/// A message leaves now: if it shows figures, it shows the newest, so the person has these, and a publication that was to bring them need
/// not leave any more. There are two of those if one could not be sent before the next was written down. If the question would have ridden
/// on it, the reminder is wanted again.
pub fn leaves(state: &State, id: OutboxId, entry: &Entry) -> Vec<Change> {
    if !entry.kind.shows_figures() {
        return Vec::new();
    }
    let others = state.outbox.of(entry.person).filter(|(other, _)| *other != id);
    let publications = others.filter(|(_, entry)| entry.kind.is_publication() && entry.stage() == Stage::Waiting);
    let mut changes: Vec<Change> = publications.map(|(other, _)| Change::ForgetOutbox(other)).collect();
    if let Some(person) = state.people.get(entry.person)
        && let Talk::Subscribed { subscription, reminder } = person.talk
    {
        let talk = Talk::Subscribed { subscription: up_to_date(state, subscription), reminder };
        let talk = if changes.is_empty() || entry.kind.asks() { talk } else { talk.unasked() };
        changes.extend(with_talk(entry.person, person, talk));
    }
    changes
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

/// Meta took the message. A publication carries the question: with it the reminder of its window is spared.
pub fn message_accepted(state: &State, rules: &Rules, entry: &Entry) -> Option<Change> {
    let person = state.people.get(entry.person)?;
    let asked = entry.kind.is_publication() && entry.accepted_since(person.window.latest);
    match (&person.talk, rules.reminder) {
        (Talk::Subscribed { subscription, reminder: Reminder::Pending }, ReminderPolicy::NoFigures) if asked => {
            let talk = Talk::Subscribed { subscription: *subscription, reminder: Reminder::Spared };
            with_talk(entry.person, person, talk)
        }
        // By a clock that was behind it came before the window: whoever judges that will not count it.
        (talk @ Talk::Subscribed { reminder: Reminder::Spared, .. }, _) if entry.kind.is_publication() && !asked => {
            with_talk(entry.person, person, talk.clone().unasked())
        }
        (_, ReminderPolicy::NoFigures | ReminderPolicy::Unanswered | ReminderPolicy::Never) => None,
    }
}

/// It is not certain that the message arrives. If it was the publication that spared the reminder, the reminder is wanted after all. If
/// Meta says that the window is closed, although the message left (`left`) after everything that we have heard, then it is, and nothing
/// more is tried in it.
pub fn message_failed(state: &State, entry: &Entry, left: Option<Timestamp>) -> Option<Change> {
    let person = state.people.get(entry.person)?;
    let refused = is_refused(entry) && left.is_some_and(|left| person.window.latest <= left);
    match &person.talk {
        Talk::Subscribed { subscription, .. } if refused => {
            let subscription = if entry.kind.is_publication() { unseen(entry, *subscription) } else { *subscription };
            with_talk(entry.person, person, Talk::Subscribed { subscription, reminder: Reminder::Refused })
        }
        talk @ Talk::Subscribed { .. } if entry.kind.is_publication() => with_talk(entry.person, person, talk.clone().unasked()),
        Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. } => None,
        Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => None,
    }
}

/// Whether Meta refused the message because the window is closed.
fn is_refused(entry: &Entry) -> bool {
    match entry.delivery {
        Delivery::Failed { code } => of_code(code, false) == Fault::Closed,
        Delivery::Queued { .. } | Delivery::Resting { .. } | Delivery::InFlight { .. } | Delivery::Unknown { .. } => false,
        Delivery::Accepted { .. } | Delivery::Delivered { .. } => false,
    }
}

/// Whether the message need not leave any more: a reminder, while Meta has taken a publication in this window, a publication that has been
/// taken back, or anything unasked in a window that Meta has called closed.
pub fn is_pointless(state: &State, rules: &Rules, person: &Person, entry: &Entry) -> bool {
    let published = |other: &Entry| other.kind.is_publication() && other.accepted_since(person.window.latest);
    if let Talk::Subscribed { reminder: Reminder::Refused, .. } = person.talk
        && !entry.kind.is_answer()
    {
        return true;
    }
    if let (Kind::Publication { since }, Some(subscription)) = (entry.kind, person.talk.subscription())
        && state.revision_of(subscription.feeds) <= since
    {
        return true;
    }
    match rules.reminder {
        ReminderPolicy::NoFigures => entry.kind == Kind::Reminder && state.outbox.of(entry.person).any(|(_, other)| published(other)),
        ReminderPolicy::Unanswered | ReminderPolicy::Never => false,
    }
}

/// The message must not leave: it was pointless, or too late.
pub fn message_dropped(state: &State, rules: &Rules, entry: &Entry) -> Option<Change> {
    let person = state.people.get(entry.person)?;
    match &person.talk {
        Talk::Subscribed { subscription, reminder: Reminder::Sent }
            if entry.kind == Kind::Reminder && is_pointless(state, rules, person, entry) =>
        {
            with_talk(entry.person, person, Talk::Subscribed { subscription: *subscription, reminder: Reminder::Spared })
        }
        talk @ Talk::Subscribed { reminder: Reminder::Spared, .. }
            if entry.kind.is_publication() && is_pointless(state, rules, person, entry) =>
        {
            with_talk(entry.person, person, talk.clone().with_agreement(|old| unseen(entry, old)).unasked())
        }
        Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. } => message_expired(state, entry),
        Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => message_expired(state, entry),
    }
}

/// The month's messages did not suffice for it. If it showed figures, the person lacks them still, and the reminder that they would have
/// spared is wanted again: when it is due, the month may have turned.
pub fn message_unpaid(state: &State, entry: &Entry) -> Option<Change> {
    let person = state.people.get(entry.person)?;
    let talk = match (person.talk.clone(), entry.kind) {
        (Talk::Asked { answered, stopped, before, .. }, kind) if kind.shows_figures() => {
            Talk::Asked { answered, revision: 0, stopped, before }
        }
        (Talk::Waiting { since, answered, feeds, .. }, Kind::Place) => Talk::Waiting { since, answered, feeds, offered: false },
        // Who asked for them once more may have seen them, and asks again.
        (talk, Kind::Figures) => talk,
        (talk, _) => talk.with_agreement(|old| unseen(entry, old)),
    };
    with_talk(entry.person, person, if entry.kind.is_publication() { talk.unasked() } else { talk })
}

/// Whether this person still lacks the figures of this message, whose outcome nobody knows.
pub fn lacks_still(state: &State, now: Millis, person: &Person, id: OutboxId, entry: &Entry) -> bool {
    let newer = |other: OutboxId, entry: &Entry| other > id && !matches!(entry.delivery, Delivery::Failed { .. });
    let subscribed = matches!(person.talk, Talk::Subscribed { reminder: Reminder::Pending | Reminder::Sent | Reminder::Spared, .. });
    let superseded = state.outbox.of(entry.person).any(|(other, entry)| entry.kind.shows_figures() && newer(other, entry));
    subscribed && !superseded && person.window.sendable(now, state.guard)
}

/// The window closed before the message left: whoever was to see the figures in it lacks them still, and gets them when they write again.
pub fn message_expired(state: &State, entry: &Entry) -> Option<Change> {
    let person = state.people.get(entry.person)?;
    with_talk(entry.person, person, person.talk.clone().with_agreement(|old| unseen(entry, old)))
}

/// The agreement of somebody whom this message did not reach. What an answer was to show, they had asked for: they have seen nothing.
pub(super) fn unseen(entry: &Entry, subscription: Subscription) -> Subscription {
    let before = if let Kind::Publication { since } = entry.kind { since } else { 0 };
    let revision = if entry.kind.shows_figures() { subscription.revision.min(before) } else { subscription.revision };
    Subscription { revision, ..subscription }
}

/// The agreement of somebody who is shown everything that there is.
pub(super) fn up_to_date(state: &State, subscription: Subscription) -> Subscription {
    Subscription { revision: state.revision_of(subscription.feeds).max(subscription.revision), ..subscription }
}

/// The row with this agreement, if that is another one.
fn with_talk(id: PersonId, person: &Person, talk: Talk) -> Option<Change> {
    (talk != person.talk).then(|| Change::Person(id, Person { talk, ..person.clone() }))
}
