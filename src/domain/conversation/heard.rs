//! A person wrote or tapped: what it changes and what is answered. One message, one turn, one answer at most.

use super::draft::Draft;
use super::{Person, Reminder, Subscription, TOMBSTONE, Talk};
use crate::domain::decision::{Change, Decision, Effect, Refusal, Verdict};
use crate::domain::event::{Heard, Said, Tap};
use crate::domain::ids::PersonId;
use crate::domain::outbox::Kind;
use crate::domain::state::{Clock, State};
use crate::domain::time::{Millis, Timestamp};
use crate::domain::window::{AHEAD, WINDOW, Window};
use crate::domain::wording::{self, Wish};

/// Someone who was asked and writes on is answered at most once in this many seconds.
const ASK_AGAIN: u32 = 60;

/// A person did something.
pub fn heard(state: &State, now: Millis, heard: &Heard) -> Decision {
    let wish = wording::wish(&heard.said);
    let id = state.people.find(heard.from);
    let before = id.and_then(|id| state.people.get(id));
    if let Some(refusal) = refuse(state, now, heard, wish) {
        return Decision::refused(refusal);
    }
    let mut turn = Turn::new(state, now, heard, id.unwrap_or_else(|| state.people.next_id()), before);
    if let Some(refusal) = turn.outlived(wish) {
        turn.draft.decision.verdict = Verdict::Refused(refusal);
    } else if wish.stops(before.is_some()) {
        turn.stop();
    } else {
        turn.go_on(wish);
    }
    turn.draft.finish()
}

/// Why a message is not looked at, if it is not.
fn refuse(state: &State, now: Millis, heard: &Heard, wish: Wish) -> Option<Refusal> {
    let known = state.people.find(heard.from).is_some();
    if state.seen.contains(heard.hash, heard.at.hour()) {
        return Some(Refusal::Duplicate);
    }
    if state.clock == Clock::Trusted && heard.at > now.second().plus(AHEAD) {
        return Some(Refusal::Future);
    }
    (is_stale(state, now, heard) && !wish.stops(known)).then_some(Refusal::Stale)
}

fn is_stale(state: &State, now: Millis, heard: &Heard) -> bool {
    state.clock == Clock::Trusted && heard.at.plus(WINDOW) <= now.second()
}

/// One message being dealt with.
struct Turn<'a> {
    draft: Draft<'a>,
    now: Millis,
    heard: &'a Heard,
    id: PersonId,
    before: Option<&'a Person>,
    window: Window,
}

impl<'a> Turn<'a> {
    fn new(state: &'a State, now: Millis, heard: &'a Heard, id: PersonId, before: Option<&'a Person>) -> Turn<'a> {
        let window = match heard.said {
            Said::Text(_) | Said::Tapped(_) | Said::Other => {
                before.map_or(Window { latest: heard.at }, |person| person.window.counted(heard.at))
            }
            Said::Edited(_) => before.map_or(Window { latest: Timestamp(0) }, |person| person.window),
        };
        let mut draft = Draft::new(state);
        if !is_stale(state, now, heard) {
            draft.decision.changes.push(Change::Seen(heard.hash, heard.at.hour()));
        }
        Turn { draft, now, heard, id, before, window }
    }

    /// Why the message comes too late for what has been agreed since, if it does: the later timestamp wins, a stop wins ties.
    fn outlived(&self, wish: Wish) -> Option<Refusal> {
        let (at, stops) = (self.heard.at, wish.stops(self.before.is_some()));
        match (&self.heard.said, self.before.map(|person| &person.talk)) {
            (_, Some(Talk::Stopped { at: stopped })) if at <= *stopped => Some(Refusal::BeforeStop),
            (_, Some(Talk::Asked { .. })) if stops && self.before.is_some_and(|person| at < person.window.latest) => Some(Refusal::Stale),
            (_, Some(Talk::Subscribed { subscription, .. } | Talk::Lapsed { subscription } | Talk::Orphaned { subscription }))
                if stops && at < subscription.yes =>
            {
                Some(Refusal::Stale)
            }
            (Said::Edited(_), _) if !stops => Some(Refusal::NothingToDo),
            (Said::Text(_) | Said::Tapped(_) | Said::Other | Said::Edited(_), _) => None,
        }
    }

    /// Everything but a stop: the next talk and the answer, from the table.
    fn go_on(&mut self, wish: Wish) {
        let (talk, answer) = self.table(wish);
        self.remember(talk);
        self.draft.tidy(self.id, self.window, answer.is_some_and(Kind::is_answer));
        if let Some(kind) = answer {
            self.draft.enqueue(self.id, kind, self.window);
        }
        self.draft.decision.effects.push(Effect::MarkRead(self.heard.wamid.clone()));
    }

    /// The conversation as a table: what was agreed and what is wished give what is agreed and what is said.
    fn table(&self, wish: Wish) -> (Talk, Option<Kind>) {
        let newest = self.draft.state.feed.revision();
        let in_time = self.before.is_some_and(|person| self.heard.at < person.window.closes());
        let Some(before) = self.before else { return self.stranger(wish, Kind::Welcome) };
        match &before.talk {
            Talk::Asked { revision, .. } if wish.is_yes() => {
                (self.subscribe(newest), Some(Kind::Subscribed { figures: *revision < newest }))
            }
            Talk::Asked { answered, .. } if self.now.second().since(*answered) < ASK_AGAIN && !wish.wants_reply() => {
                (before.talk.clone(), None)
            }
            Talk::Asked { .. } => self.stranger(wish, Kind::Ask),
            Talk::Subscribed { subscription, reminder } => self.subscriber(*subscription, *reminder, wish),
            Talk::Lapsed { subscription } | Talk::Orphaned { subscription } if in_time => {
                self.subscriber(*subscription, Reminder::Pending, wish)
            }
            Talk::Lapsed { subscription } if wish.is_yes() => self.subscriber(*subscription, Reminder::Pending, wish),
            Talk::Lapsed { .. } => self.stranger(wish, Kind::Ask),
            Talk::Orphaned { subscription } if wish.is_yes() => {
                let (talk, _) = self.subscriber(*subscription, Reminder::Pending, wish);
                (talk, Some(Kind::Resumed))
            }
            Talk::Orphaned { .. } => self.stranger(wish, Kind::Interrupted),
            Talk::Stopped { .. } if wish.is_yes() => (self.subscribe(newest), Some(Kind::Subscribed { figures: true })),
            Talk::Stopped { .. } => self.stranger(wish, Kind::Welcome),
        }
    }

    /// Someone with whom nothing is agreed: a tap subscribes, everything else is answered with a question.
    fn stranger(&self, wish: Wish, question: Kind) -> (Talk, Option<Kind>) {
        let newest = self.draft.state.feed.revision();
        let asked = Talk::Asked { answered: self.now.second(), revision: newest };
        match wish {
            Wish::Tapped(Tap::Yes) => (self.subscribe(newest), Some(Kind::Subscribed { figures: true })),
            Wish::Privacy => (asked, Some(Kind::Privacy { ask: true })),
            Wish::Help => (asked, Some(Kind::Help { ask: true })),
            Wish::Yes | Wish::No | Wish::Tapped(Tap::No) | Wish::Stop | Wish::Figures | Wish::Nothing => (asked, Some(question)),
        }
    }

    /// A subscriber: everything that counts opens a new window; what they missed comes with it.
    fn subscriber(&self, before: Subscription, reminder: Reminder, wish: Wish) -> (Talk, Option<Kind>) {
        let newest = self.draft.state.feed.revision();
        let missed = before.revision < newest;
        let moved = self.before.is_none_or(|person| self.window.latest > person.window.latest);
        let reminder = if moved { Reminder::Pending } else { reminder };
        let yes = if wish.is_yes() { before.yes.max(self.heard.at) } else { before.yes };
        let answer = match wish {
            Wish::Figures => Some(Kind::Figures),
            Wish::Privacy => Some(Kind::Privacy { ask: false }),
            Wish::Help => Some(Kind::Help { ask: false }),
            Wish::Yes | Wish::No | Wish::Stop | Wish::Tapped(_) | Wish::Nothing => missed.then_some(Kind::Publication),
        };
        let shown = answer.is_some_and(Kind::shows_figures);
        let subscription = Subscription { yes, revision: if shown { newest } else { before.revision }, ..before };
        (Talk::Subscribed { subscription, reminder }, answer)
    }

    fn subscribe(&self, revision: u32) -> Talk {
        let at = self.heard.at;
        let subscription = Subscription { wording: wording::CONSENT, consent: at, yes: at, revision };
        Talk::Subscribed { subscription, reminder: Reminder::Pending }
    }

    /// One confirmation at most, then nothing is left but a tombstone.
    fn stop(&mut self) {
        let stale = is_stale(self.draft.state, self.now, self.heard);
        let confirmed = self.before.is_some_and(|person| matches!(person.talk, Talk::Stopped { .. }));
        self.draft.clear(self.id);
        if stale && self.heard.at.plus(TOMBSTONE) <= self.now.second() {
            if self.before.is_some() {
                self.draft.forget(self.id);
            }
            return;
        }
        self.remember(Talk::Stopped { at: self.heard.at });
        if stale || confirmed || !self.window.sendable(self.now) && self.draft.state.clock == Clock::Trusted {
            self.draft.decision.changes.push(Change::ForgetAddress(self.id));
            return;
        }
        self.draft.enqueue(self.id, Kind::Stopped, self.window);
        self.draft.decision.effects.push(Effect::MarkRead(self.heard.wamid.clone()));
    }

    fn remember(&mut self, talk: Talk) {
        let changes = &mut self.draft.decision.changes;
        changes.push(Change::Person(self.id, Person { hash: self.heard.from, window: self.window, talk }));
        if self.draft.state.addresses.get(&self.id) != Some(&self.heard.bsuid) {
            changes.push(Change::Address(self.id, self.heard.bsuid.clone()));
        }
    }
}
