//! A person's deadline has come: the reminder, the verdict on silence, the end of what is kept. Reads no clock: the wheel says when.

use super::answer::answer;
use super::draft::Draft;
use super::{Person, Reminder, Subscription, Talk};
use crate::domain::INGRESS_GAP;
use crate::domain::budget::{Surprise, Toll};
use crate::domain::decision::{Change, Decision, Refusal};
use crate::domain::figures;
use crate::domain::ids::PersonId;
use crate::domain::outbox::{Entry, Kind, Stage};
use crate::domain::rules::{ReminderPolicy, Rules};
use crate::domain::state::State;
use crate::domain::time::{Millis, Timestamp};

/// The person's deadline has come. What they said last comes first, whatever else is due.
pub fn due(state: &State, rules: &Rules, now: Millis, id: PersonId) -> Decision {
    let Some(person) = state.people.get(id) else { return Decision::refused(Refusal::NothingToDo) };
    if let Some(burst) = &person.burst {
        return answer(state, rules, now, id, person, burst);
    }
    let mut draft = Draft::within(state, rules, now);
    match &person.talk {
        Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } => gone(&mut draft, id),
        Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => gone(&mut draft, id),
        Talk::Subscribed { subscription, reminder: Reminder::Pending } => remind(&mut draft, rules, now, id, person, *subscription),
        Talk::Subscribed { .. } if state.notice.is_over() => gone(&mut draft, id),
        Talk::Subscribed { subscription, reminder: Reminder::Sent | Reminder::Spared | Reminder::Refused } => {
            judge(&mut draft, now, id, person, *subscription);
        }
    }
    draft.finish()
}

fn gone(draft: &mut Draft, id: PersonId) {
    draft.clear(id);
    draft.forget(id);
}

/// 23 h 59 min after the latest counted message: ask, unless a publication does.
fn remind(draft: &mut Draft, rules: &Rules, now: Millis, id: PersonId, person: &Person, mut subscription: Subscription) {
    let state = draft.state;
    // What is settling is sent instead: it carries the same question.
    let settled = figures::settle_now(state, rules, now, subscription.feeds);
    let newest = settled.iter().filter_map(published).max().unwrap_or(0).max(state.revision_of(subscription.feeds));
    let live = !subscription.feeds.common(state.configured(rules)).is_empty();
    let mut publications = state.outbox.of(id).map(|(_, entry)| entry).filter(|entry| entry.kind.is_publication());
    let spared = match rules.reminder {
        ReminderPolicy::NoFigures => publications.any(|entry| on_its_way(entry) || entry.accepted_since(person.window.latest)),
        // But one that is still on its way asks as well.
        ReminderPolicy::Unanswered => publications.any(on_its_way),
        ReminderPolicy::Never => true,
    };
    let reminder = if !person.window.sendable(now, state.guard) || state.notice.is_over() {
        Reminder::Spared
    } else if subscription.revision < newest {
        // So is what is still on its way.
        if draft.enqueue(id, Kind::Publication { since: subscription.revision }, person.window, true) {
            draft.decision.changes.extend(settled);
            subscription.revision = newest;
        }
        Reminder::Spared
    } else if spared || !live || !draft.enqueue(id, Kind::Reminder, person.window, true) {
        Reminder::Spared
    } else {
        Reminder::Sent
    };
    let talk = Talk::Subscribed { subscription, reminder };
    draft.decision.changes.push(Change::Person(id, Person { talk, ..person.clone() }));
}

/// The revision that a change brings.
fn published(change: &Change) -> Option<u32> {
    if let Change::Feed(_, feed) = change { Some(feed.revision()) } else { None }
}

fn on_its_way(entry: &Entry) -> bool {
    match entry.stage() {
        Stage::Waiting | Stage::Leaving => true,
        Stage::Gone => false,
    }
}

/// Ten minutes after closing: silence is a lapse only if Meta accepted a question in this window and ingress worked from then until now.
fn judge(draft: &mut Draft, now: Millis, id: PersonId, person: &Person, subscription: Subscription) {
    // Beyond the free messages Meta may take a question and not deliver it, and says nothing of it then.
    let withheld = draft.state.budget.surprise(now) == Some(Surprise::CutOff);
    let mentioned = |toll: Toll| match toll {
        Toll::Within => !withheld,
        Toll::Beyond => false,
        Toll::Arrived | Toll::Said(_) => true,
    };
    let asks = |entry: &Entry| entry.kind.asks() && mentioned(entry.toll);
    let question = draft.state.outbox.of(id).filter(|(_, entry)| asks(entry)).filter_map(|(_, entry)| entry.accepted_at());
    let asked = question.filter(|at| *at >= person.window.latest).any(|at| ingress_proven(draft.state, now, at));
    let talk = if asked { Talk::Lapsed { subscription } } else { Talk::Orphaned { subscription } };
    draft.clear(id);
    draft.forget_address(id);
    draft.decision.changes.push(Change::Person(id, Person { talk, ..person.clone() }));
}

/// Whether verified webhooks came, without a long gap, from `question` until now, and at least one after it. A gap is a gap whichever way
/// the clock has stepped.
fn ingress_proven(state: &State, now: Millis, question: Timestamp) -> bool {
    state.ingress.is_some_and(|ingress| {
        let lately = now.second().0.abs_diff(ingress.latest.0) <= INGRESS_GAP;
        ingress.since <= question.plus(INGRESS_GAP) && ingress.latest >= question && lately
    })
}
