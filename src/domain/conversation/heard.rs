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
        let mut decision = Decision::refused(refusal);
        if let Some(change) =
            id.zip(before).filter(|_| refusal == Refusal::Stale).and_then(|(id, person)| was_not_silent(heard, id, person))
        {
            decision = Decision { changes: vec![change], ..Decision::acted() };
        }
        return decision;
    }
    let mut turn = Turn::new(state, now, heard, id.unwrap_or_else(|| state.people.next_id()), before);
    if let Some(refusal) = turn.outlived(wish) {
        turn.draft.decision.verdict = Verdict::Refused(refusal);
        turn.note_stop(wish);
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
        Said::Edited(_) => false,
    }
}

/// An answer from before the closing that arrives more than a day late sends nothing and subscribes nobody. But it was an answer: the
/// silence that we took for a lapse was none, and if the window that it opened is closed by now, that is our fault.
fn was_not_silent(heard: &Heard, id: PersonId, person: &Person) -> Option<Change> {
    let answers = counts(&heard.said) && heard.at > person.window.latest && heard.at < person.window.closes();
    let talk = match &person.talk {
        Talk::Subscribed { subscription, .. } => Talk::Subscribed { subscription: *subscription, reminder: Reminder::Spared },
        Talk::Lapsed { subscription } | Talk::Orphaned { subscription } => Talk::Orphaned { subscription: *subscription },
        Talk::Asked { .. } | Talk::Stopped { .. } => return None,
    };
    answers.then(|| Change::Person(id, Person { hash: person.hash, window: person.window.counted(heard.at), talk }))
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
        let counts = counts(&heard.said) && !is_ahead(state, now, heard);
        let window = match before {
            Some(person) if counts => person.window.counted(heard.at),
            Some(person) => person.window,
            None => Window { latest: if counts { heard.at } else { Timestamp(0) } },
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
            (_, Some(Talk::Asked { stopped: Some(stopped), .. })) if wish.is_yes() && at <= *stopped => Some(Refusal::BeforeStop),
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

    /// A stop that was overtaken by a later message: a "Ja" from before it does not count, even so.
    fn note_stop(&mut self, wish: Wish) {
        let Some(Person { talk: Talk::Asked { answered, revision, stopped }, .. }) = self.before else { return };
        if wish.stops(true) && *stopped < Some(self.heard.at) {
            self.remember(Talk::Asked { answered: *answered, revision: *revision, stopped: Some(self.heard.at) });
        }
    }

    /// Everything but a stop: the next talk and the answer, from the table.
    fn go_on(&mut self, wish: Wish) {
        let (talk, answer) = self.table(wish);
        self.remember(talk);
        self.draft.tidy(self.id, self.window, answer);
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
            Talk::Asked { answered, .. } if self.a_moment_ago(*answered) && !wish.wants_reply() => (before.talk.clone(), None),
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

    /// Whether this is less than a minute after `answered`, which an untrusted clock may have put into the future.
    fn a_moment_ago(&self, answered: Timestamp) -> bool {
        answered <= self.now.second() && self.now.second().since(answered) < ASK_AGAIN
    }

    /// Someone with whom nothing is agreed: a tap subscribes, everything else is answered with a question.
    fn stranger(&self, wish: Wish, question: Kind) -> (Talk, Option<Kind>) {
        let newest = self.draft.state.feed.revision();
        let answer = match wish {
            Wish::Tapped(Tap::Yes) => return (self.subscribe(newest), Some(Kind::Subscribed { figures: true })),
            Wish::Privacy => Kind::Privacy { ask: true },
            Wish::Help => Kind::Help { ask: true },
            Wish::Yes | Wish::No | Wish::Tapped(Tap::No) | Wish::Stop | Wish::Figures | Wish::Nothing => question,
        };
        let (known, stopped) = match self.before.map(|person| &person.talk) {
            Some(Talk::Asked { revision, stopped, .. }) => (*revision, *stopped),
            Some(Talk::Stopped { at }) => (0, Some(*at)),
            Some(Talk::Lapsed { subscription } | Talk::Orphaned { subscription }) => (subscription.revision, None),
            Some(Talk::Subscribed { .. }) | None => (0, None),
        };
        let revision = if answer.shows_figures() { newest } else { known };
        (Talk::Asked { answered: self.now.second(), revision, stopped }, Some(answer))
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
        let state = self.draft.state;
        let stale = is_stale(state, self.now, self.heard);
        let confirmed = self.before.is_some_and(|person| matches!(person.talk, Talk::Stopped { .. }));
        let confirming = self.draft.clear_but_confirmation(self.id, self.window);
        if stale && self.heard.at.plus(TOMBSTONE) <= self.now.second() {
            self.draft.clear(self.id);
            if self.before.is_some() {
                self.draft.forget(self.id);
            }
            return;
        }
        let at = if is_ahead(state, self.now, self.heard) { self.now.second() } else { self.heard.at };
        self.remember(Talk::Stopped { at });
        let open = self.window.sendable(self.now) || state.clock == Clock::Untrusted;
        let confirm = !stale && !confirmed && !confirming && open;
        if confirm && self.draft.enqueue(self.id, Kind::Stopped, self.window) {
            self.draft.decision.effects.push(Effect::MarkRead(self.heard.wamid.clone()));
        } else if !confirming {
            self.draft.decision.changes.push(Change::ForgetAddress(self.id));
        }
    }

    fn remember(&mut self, talk: Talk) {
        let changes = &mut self.draft.decision.changes;
        changes.push(Change::Person(self.id, Person { hash: self.heard.from, window: self.window, talk }));
        if self.draft.state.addresses.get(&self.id) != Some(&self.heard.bsuid) {
            changes.push(Change::Address(self.id, self.heard.bsuid.clone()));
        }
    }
}
