//! A person wrote, tapped or reacted: what counts at once. The window, the end of a subscription, an answer to a reminder. What is said in
//! return waits until they have paused (`answer`).

use super::burst::{BURST, Burst};
use super::draft::Draft;
use super::identity::{Known, recognise};
use super::{Person, Reminder, TOMBSTONE, Talk};
use crate::domain::decision::{Change, Decision, Effect, Refusal, Verdict};
use crate::domain::event::{Heard, Said};
use crate::domain::ids::{PersonId, WamidHash};
use crate::domain::outbox::Kind;
use crate::domain::rules::Rules;
use crate::domain::state::{Clock, State};
use crate::domain::time::{Millis, Timestamp};
use crate::domain::window::{AHEAD, WINDOW, Window};
use crate::domain::wording::{self, Wish};

/// A person did something.
pub fn heard(state: &State, rules: &Rules, now: Millis, heard: &Heard) -> Decision {
    let wish = wording::wish(state, rules, &heard.said);
    let Known { id, person: before, tidied } = recognise(state, heard.from);
    if let Some(refusal) = refuse(state, now, heard, wish, before.is_some()) {
        let late = before.filter(|_| refusal == Refusal::Stale).and_then(|person| was_not_silent(heard, id, &person));
        return match late {
            Some(change) => Decision { changes: tidied.into_iter().chain([change]).collect(), ..Decision::acted() },
            None => Decision::refused(refusal),
        };
    }
    if let Said::Reacted(target) = heard.said {
        return reacted(state, now, heard, id, before, target);
    }
    let mut turn = Turn::new(state, now, heard, id, before, tidied);
    if let Some(refusal) = turn.outlived(wish) {
        turn.draft.decision.verdict = Verdict::Refused(refusal);
        turn.note_stop(wish);
    } else if wish.stops(turn.before.is_some()) {
        turn.stop();
    } else {
        turn.note(wish);
    }
    turn.draft.finish()
}

/// Why a message is not looked at, if it is not.
fn refuse(state: &State, now: Millis, heard: &Heard, wish: Wish, known: bool) -> Option<Refusal> {
    if state.seen.contains(heard.hash, heard.at.hour()) {
        return Some(Refusal::Duplicate);
    }
    if wish.stops(known) {
        return None;
    }
    if is_ahead(state, now, heard) {
        return Some(Refusal::Future);
    }
    is_stale(state, now, heard).then_some(Refusal::Stale)
}

fn is_ahead(state: &State, now: Millis, heard: &Heard) -> bool {
    state.clock == Clock::Trusted && heard.at > now.second().plus(AHEAD)
}

fn is_stale(state: &State, now: Millis, heard: &Heard) -> bool {
    state.clock == Clock::Trusted && heard.at.plus(WINDOW) <= now.second()
}

/// Whether it opens a new window at Meta.
fn counts(said: &Said) -> bool {
    match said {
        Said::Text(_) | Said::Tapped(_) | Said::Other => true,
        Said::Edited(_) | Said::Reacted(_) => false,
    }
}

/// An answer from before the closing that arrives more than a day late sends nothing and subscribes nobody. But it was an answer: the
/// silence that we took for a lapse was none, and if the window that it opened is closed by now, that is our fault.
fn was_not_silent(heard: &Heard, id: PersonId, person: &Person) -> Option<Change> {
    let answers = counts(&heard.said) && heard.at > person.window.latest && heard.at < person.window.closes();
    let talk = match &person.talk {
        Talk::Subscribed { subscription, .. } => Talk::Subscribed { subscription: *subscription, reminder: Reminder::Spared },
        Talk::Lapsed { subscription } | Talk::Orphaned { subscription } => Talk::Orphaned { subscription: *subscription },
        Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Stopped { .. } => return None,
    };
    answers.then(|| Change::Person(id, Person { window: person.window.counted(heard.at), talk, ..person.clone() }))
}

/// A thumb on a question looks like an answer to the person, and is none to Meta: they are told so, once in a window.
fn reacted(state: &State, now: Millis, heard: &Heard, id: PersonId, before: Option<Person>, target: WamidHash) -> Decision {
    let question = |person: &Person| {
        let entry = state.outbox.find(target).and_then(|message| state.outbox.get(message));
        let asked = entry.is_some_and(|entry| entry.person == id && entry.kind.asks() && entry.closes == person.window.closes());
        let told = state.outbox.of(id).any(|(_, entry)| entry.kind == Kind::Hint && entry.closes == person.window.closes());
        asked && !told && person.window.sendable(now, state.guard) && !matches!(person.talk, Talk::Stopped { .. })
    };
    let Some(person) = before.filter(question) else { return Decision::refused(Refusal::NothingToDo) };
    let mut draft = Draft::new(state);
    draft.decision.changes.push(Change::Seen(heard.hash, heard.at.hour()));
    draft.enqueue(id, Kind::Hint, person.window, person.talk.is_admitted());
    draft.finish()
}

/// One message being dealt with.
struct Turn<'a> {
    draft: Draft<'a>,
    now: Millis,
    heard: &'a Heard,
    id: PersonId,
    before: Option<Person>,
    window: Window,
}

impl<'a> Turn<'a> {
    fn new(state: &'a State, now: Millis, heard: &'a Heard, id: PersonId, before: Option<Person>, tidied: Vec<Change>) -> Turn<'a> {
        let counts = counts(&heard.said) && !is_ahead(state, now, heard);
        let window = match &before {
            Some(person) if counts => person.window.counted(heard.at),
            Some(person) => person.window,
            None => Window::opened(if counts { heard.at } else { Timestamp(0) }),
        };
        let mut draft = Draft::new(state);
        draft.decision.changes.extend(tidied);
        if !is_stale(state, now, heard) {
            draft.decision.changes.push(Change::Seen(heard.hash, heard.at.hour()));
        }
        Turn { draft, now, heard, id, before, window }
    }

    /// Why the message comes too late for what has been agreed since, if it does: the later timestamp wins, a stop wins ties. Within one
    /// burst a stop wins, whatever its timestamp: it is the strongest thing in it.
    fn outlived(&self, wish: Wish) -> Option<Refusal> {
        let (at, stops) = (self.heard.at, wish.stops(self.before.is_some()));
        if let Said::Edited(_) = self.heard.said
            && !stops
        {
            return Some(Refusal::NothingToDo);
        }
        let before = self.before.as_ref()?;
        if let Some(burst) = &before.burst
            && stops
            && burst.wish.is_yes()
        {
            return (at.plus(BURST) < burst.at).then_some(Refusal::Stale);
        }
        match &before.talk {
            Talk::Stopped { at: stopped } if stops && at <= *stopped => Some(Refusal::BeforeStop),
            Talk::Stopped { at: stopped } if !stops && at <= stopped.plus(BURST) => Some(Refusal::BeforeStop),
            Talk::Asked { stopped: Some(stopped), .. } if wish.is_yes() && at <= *stopped => Some(Refusal::BeforeStop),
            Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } if stops && at.plus(BURST) < before.window.latest => Some(Refusal::Stale),
            Talk::Subscribed { subscription, .. } | Talk::Lapsed { subscription } | Talk::Orphaned { subscription }
                if stops && at < subscription.yes =>
            {
                Some(Refusal::Stale)
            }
            Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. } => None,
            Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => None,
        }
    }

    /// A stop that was overtaken by a later message: a "Ja" from before it does not count, even so. One that is more than a day old need
    /// not be noted: no "Ja" from before it counts anyway.
    fn note_stop(&mut self, wish: Wish) {
        let Some(Person { talk: Talk::Asked { answered, revision, stopped, before }, burst, .. }) = &self.before else { return };
        if wish.stops(true) && *stopped < Some(self.heard.at) && !is_stale(self.draft.state, self.now, self.heard) {
            let talk = Talk::Asked { answered: *answered, revision: *revision, stopped: Some(self.heard.at), before: before.clone() };
            self.remember(talk, burst.clone());
        }
    }

    /// Everything but a stop: it counts now, and is answered later.
    fn note(&mut self, wish: Wish) {
        let at = self.heard.at;
        let before = self.before.as_ref().and_then(|person| person.burst.as_deref());
        let burst = Burst::with(before, self.draft.state.clock, self.now, wish, at);
        let talk = match &self.before {
            None => Talk::New,
            Some(person) => match &person.talk {
                Talk::Subscribed { subscription, reminder } => {
                    let moved = self.window.latest > person.window.latest;
                    let reminder = if moved { Reminder::Pending } else { *reminder };
                    Talk::Subscribed { subscription: subscription.agreed_again(burst.wish, burst.at), reminder }
                }
                // The verdict, or the new number, came before the answer: it was no silence. Not so the second message of a burst: the
                // first has opened another window.
                Talk::Lapsed { subscription } | Talk::Orphaned { subscription } if before.is_none() && at < person.window.closes() => {
                    Talk::Subscribed { subscription: subscription.agreed_again(wish, at), reminder: Reminder::Pending }
                }
                talk @ (Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Lapsed { .. } | Talk::Orphaned { .. }) => {
                    talk.clone()
                }
                talk @ Talk::Stopped { .. } => talk.clone(),
            },
        };
        self.remember(talk, Some(Box::new(burst)));
        self.draft.tidy(self.id, self.window, None);
        self.draft.decision.changes.push(Change::Unread(self.id, Some(self.heard.wamid.clone())));
    }

    /// One confirmation at most, then nothing is left but a tombstone.
    fn stop(&mut self) {
        let state = self.draft.state;
        let stale = is_stale(state, self.now, self.heard);
        let confirmed = self.before.as_ref().is_some_and(|person| matches!(person.talk, Talk::Stopped { .. }));
        let confirming = self.draft.clear_but_confirmation(self.id, self.window);
        if stale && self.heard.at.plus(TOMBSTONE) <= self.now.second() {
            self.draft.clear(self.id);
            if self.before.is_some() {
                self.draft.forget(self.id);
            }
            return;
        }
        let at = if is_ahead(state, self.now, self.heard) { self.now.second() } else { self.heard.at };
        self.remember(Talk::Stopped { at }, None);
        if state.unread.contains_key(&self.id) {
            self.draft.decision.changes.push(Change::Unread(self.id, None));
        }
        let open = self.window.sendable(self.now, state.guard) || state.clock == Clock::Untrusted;
        // After a change of names the window is that of the old ones: an edit does not open the new one's.
        let reachable = counts(&self.heard.said) || state.addresses.contains(self.id);
        let confirm = !stale && !confirmed && !confirming && open && reachable;
        if confirm && self.draft.enqueue(self.id, Kind::Stopped, self.window, false) {
            self.draft.decision.effects.push(Effect::MarkRead(self.heard.wamid.clone()));
        } else if !confirming {
            self.draft.decision.changes.push(Change::ForgetAddress(self.id));
        }
    }

    fn remember(&mut self, talk: Talk, burst: Option<Box<Burst>>) {
        let person = Person { window: self.window, talk, burst, ..Known::named(self.heard.from, self.before.as_ref()) };
        let address = Known::address(self.draft.state, self.id, &self.heard.address);
        self.draft.decision.changes.push(Change::Person(self.id, person));
        self.draft.decision.changes.extend(address);
    }
}
