//! A decision in the making: hands out message ids, and keeps one person's messages in order. Decides nothing by itself.

use super::Reminder;
use crate::domain::budget::{Purse, Toll};
use crate::domain::decision::{Change, Decision, Refusal, Verdict};
use crate::domain::ids::{OutboxId, PersonId};
use crate::domain::outbox::{Class, Delivery, Doubt, Entry, Kind, QUEUE_FOR_ANSWERS, QUEUE_MAX, Stage};
use crate::domain::rules::{ReminderPolicy, Rules};
use crate::domain::state::{Counters, State};
use crate::domain::time::Millis;
use crate::domain::window::Window;

/// Changes so far, and the next free message id.
pub(super) struct Draft<'a> {
    pub(super) state: &'a State,
    pub(super) decision: Decision,
    next: u64,
    /// What the month's messages still suffice for.
    purse: Purse,
}

impl<'a> Draft<'a> {
    /// One whose messages are few: whether the month's still suffice for them is seen when they leave.
    pub(super) fn new(state: &'a State) -> Draft<'a> {
        Draft { state, decision: Decision::acted(), next: state.counters.next_outbox, purse: Purse::ENDLESS }
    }

    /// One that writes down what can be paid for, and nothing else: whoever is not told something must not be taken for somebody who was.
    pub(super) fn within(state: &'a State, rules: &Rules, now: Millis) -> Draft<'a> {
        Draft { purse: Purse::new(state, rules, now), ..Draft::new(state) }
    }

    /// The decision, with the counter moved on.
    pub(super) fn finish(mut self) -> Decision {
        if self.next != self.state.counters.next_outbox {
            self.decision.changes.push(Change::Counters(Counters { next_outbox: self.next, ..self.state.counters }));
        }
        self.decision
    }

    /// Writes a message down. A publication that waits already shows the newest figures when it leaves, so a second one is not written.
    /// Refused if too many messages wait, or the month's run short: the state still changes, the answer is not given. Whether it is written
    /// down now.
    pub(super) fn enqueue(&mut self, person: PersonId, kind: Kind, window: Window, admitted: bool) -> bool {
        let waits = |entry: &Entry| entry.kind.is_publication() && entry.stage() == Stage::Waiting;
        if kind.is_publication() && self.state.outbox.of(person).any(|(_, entry)| waits(entry)) {
            return true;
        }
        if let Some(refusal) = self.refusal(kind, admitted) {
            self.decision.verdict = Verdict::Refused(refusal);
            return false;
        }
        let delivery = Delivery::Queued { attempt: 0 };
        let entry = Entry { person, kind, delivery, doubt: Doubt::None, toll: Toll::default(), closes: window.closes() };
        self.decision.changes.push(Change::Outbox(OutboxId(self.next), entry));
        self.next += 1;
        true
    }

    /// Why such a message may not be written down, if so; `admitted`: to somebody who takes a place. While too many wait, answers are
    /// refused first.
    pub(super) fn refusal(&self, kind: Kind, admitted: bool) -> Option<Refusal> {
        let room = self.state.outbox.queued() < if kind.is_answer() { QUEUE_FOR_ANSWERS } else { QUEUE_MAX };
        match () {
            () if !room => Some(Refusal::Full),
            () if !self.purse.buys(kind.worth(admitted)) => Some(Refusal::Spent),
            () => None,
        }
    }

    /// The reminder of a window in which a publication is about to leave. It carries the question: a reminder that waits is taken back, and
    /// one that is to come is spared, unless the branch wants both.
    pub(super) fn spared(&mut self, rules: &Rules, person: PersonId, reminder: Reminder) -> Reminder {
        let waits = |(_, entry): &(OutboxId, &Entry)| entry.kind == Kind::Reminder && entry.stage() == Stage::Waiting;
        let waiting: Vec<OutboxId> = self.state.outbox.of(person).filter(waits).map(|(id, _)| id).collect();
        self.decision.changes.extend(waiting.iter().map(|id| Change::ForgetOutbox(*id)));
        match (reminder, rules.reminder) {
            (Reminder::Pending, ReminderPolicy::NoFigures | ReminderPolicy::Never) => Reminder::Spared,
            (Reminder::Sent, _) if !waiting.is_empty() => Reminder::Spared,
            (Reminder::Pending | Reminder::Sent | Reminder::Spared | Reminder::Refused, _) => reminder,
        }
    }

    /// After a counted message: what waits gets the new window's time, the old window's reminder is pointless, a newer answer replaces an
    /// older one (but never the confirmation of a stop) and a publication of the figures that it shows, and
    /// what the old window's verdict would have looked at is done with. Whether a publication was taken back.
    pub(super) fn tidy(&mut self, person: PersonId, window: Window, answer: Option<Kind>) -> bool {
        let answer = answer.filter(|answer| answer.is_answer());
        let shown = answer.is_some_and(Kind::shows_figures);
        let mut replaced = false;
        for (id, entry) in self.state.outbox.of(person) {
            let pointless = match entry.kind.class() {
                // A message from before the latest one has moved no window and answers no question.
                Class::Reminder => entry.closes < window.closes(),
                Class::Figures => shown,
                // What shows figures that were taken for seen has to leave, unless the answer shows them.
                Class::Answer => entry.kind != Kind::Stopped && answer.is_some() && (shown || !entry.kind.shows_figures()),
            };
            let change = match entry.stage() {
                Stage::Waiting if pointless => Some(Change::ForgetOutbox(id)),
                Stage::Waiting if entry.closes != window.closes() => Some(Change::Outbox(id, Entry { closes: window.closes(), ..*entry })),
                Stage::Gone if entry.is_spent(window.latest) => Some(Change::ForgetOutbox(id)),
                // What Meta accepted after this message was written counts in its window, and must stay until that is judged.
                // What nobody knows the outcome of must come to an end.
                Stage::Gone if entry.closes != window.closes() && entry.accepted_at().is_some() => {
                    Some(Change::Outbox(id, Entry { closes: window.closes(), ..*entry }))
                }
                Stage::Waiting | Stage::Leaving | Stage::Gone => None,
            };
            replaced |= entry.kind.is_publication() && pointless && entry.stage() == Stage::Waiting;
            self.decision.changes.extend(change);
        }
        replaced
    }

    /// Takes back every message of the person.
    pub(super) fn clear(&mut self, person: PersonId) {
        let gone = self.state.outbox.of(person).map(|(id, _)| Change::ForgetOutbox(id));
        self.decision.changes.extend(gone);
    }

    /// Takes back every message of the person but the confirmation of a stop that has not left for good; whether there is one.
    pub(super) fn clear_but_confirmation(&mut self, person: PersonId, window: Window) -> bool {
        let mut confirming = false;
        for (id, entry) in self.state.outbox.of(person) {
            let confirms = entry.kind == Kind::Stopped && entry.stage() != Stage::Gone;
            confirming |= confirms;
            let change = if !confirms {
                Change::ForgetOutbox(id)
            } else if entry.stage() == Stage::Waiting {
                Change::Outbox(id, Entry { closes: window.closes(), ..*entry })
            } else {
                continue;
            };
            self.decision.changes.push(change);
        }
        confirming
    }

    /// Removes every trace of the person but their messages, see [`Draft::clear`].
    pub(super) fn forget(&mut self, person: PersonId) {
        self.forget_address(person);
        self.decision.changes.push(Change::Forget(person));
    }

    /// The address is no longer needed.
    pub(super) fn forget_address(&mut self, person: PersonId) {
        if self.state.addresses.contains(person) {
            self.decision.changes.push(Change::ForgetAddress(person));
        }
    }
}
