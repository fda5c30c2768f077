//! A person has paused: what follows from the strongest thing that they said. One turn, one message at most. Counts nothing: that happened
//! when it arrived (`heard`).

use super::burst::{BURST, Burst};
use super::delivery::up_to_date;
use super::draft::Draft;
use super::{Person, Reminder, Subscription, Talk};
use crate::domain::budget;
use crate::domain::decision::{Change, Decision, Effect, Refusal};
use crate::domain::ids::{FeedSet, PersonId};
use crate::domain::outbox::{Kind, Stage};
use crate::domain::rules::Rules;
use crate::domain::state::State;
use crate::domain::time::{Millis, Timestamp};
use crate::domain::window::WINDOW;
use crate::domain::wording::Wish;

/// Someone who was asked and writes on is answered at most once in this many seconds.
const ASK_AGAIN: u32 = 60;

/// When the next person has paused, seen from `now`. Answers are not in the wheel, because they must not wait behind reminders that a full
/// queue holds back. Nobody pauses for longer than a burst: a clock that was set back meanwhile does not keep anybody waiting.
pub fn next_answer(state: &State, now: Millis) -> Option<Timestamp> {
    let (until, _) = state.people.paused().next()?;
    let latest = now.second().plus(BURST + 1);
    Some(if until > latest { now.second() } else { until })
}

/// The person who has paused for longest is answered.
pub fn answers(state: &State, rules: &Rules, now: Millis) -> Decision {
    let due = next_answer(state, now).is_some_and(|at| at <= now.second());
    let paused = state.people.paused().next().filter(|_| due);
    let next = paused.and_then(|(_, id)| state.people.get(id).map(|person| (id, person)));
    let Some((id, person)) = next else { return Decision::refused(Refusal::NothingToDo) };
    let Some(burst) = &person.burst else { return Decision::refused(Refusal::NothingToDo) };
    answer(state, rules, now, id, person, burst)
}

/// Answers what a person has said.
pub(super) fn answer(state: &State, rules: &Rules, now: Millis, id: PersonId, person: &Person, burst: &Burst) -> Decision {
    let mut draft = Draft::within(state, rules, now);
    if burst.at.plus(WINDOW) <= now.second() {
        return overslept(draft, id, person);
    }
    let turn = Turn { state, rules, now, person, wish: burst.wish, at: burst.at };
    let (mut talk, answer) = turn.table();
    let admitted = talk.is_admitted();
    let given = answer.filter(|answer| draft.refusal(*answer, admitted).is_none());
    if given.is_none() && answer.is_some_and(Kind::shows_figures) {
        // They will not be shown: nobody must take them for seen.
        talk = unshown(talk, &person.talk);
    }
    if draft.tidy(id, person.window, given) {
        talk = talk.unasked();
    }
    draft.decision.changes.push(Change::Person(id, Person { talk, burst: None, ..person.clone() }));
    if let Some(kind) = answer {
        draft.enqueue(id, kind, person.window, admitted);
    }
    if let Some(wamid) = state.unread.get(&id) {
        draft.decision.effects.push(Effect::MarkRead(wamid.clone()));
        draft.decision.changes.push(Change::Unread(id, None));
    }
    draft.finish()
}

/// The clock was trusted so late that what was said is more than a day old: it sends nothing and subscribes nobody (promise 8).
fn overslept(mut draft: Draft, id: PersonId, person: &Person) -> Decision {
    match &person.talk {
        Talk::New => {
            draft.clear(id);
            draft.forget(id);
        }
        Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => {
            draft.decision.changes.push(Change::Person(id, Person { burst: None, ..person.clone() }));
            if draft.state.outbox.of(id).all(|(_, entry)| entry.stage() == Stage::Gone) {
                draft.forget_address(id);
            }
        }
        Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. } => {
            draft.decision.changes.push(Change::Person(id, Person { burst: None, ..person.clone() }));
        }
    }
    draft.finish()
}

/// The same talk with somebody who has seen no more figures than before it.
fn unshown(talk: Talk, before: &Talk) -> Talk {
    let seen = match before {
        Talk::Asked { revision, .. } => *revision,
        Talk::Subscribed { subscription, .. } | Talk::Lapsed { subscription } | Talk::Orphaned { subscription } => subscription.revision,
        Talk::New | Talk::Waiting { .. } | Talk::Stopped { .. } => 0,
    };
    if let Talk::Asked { answered, stopped, before, .. } = talk {
        return Talk::Asked { answered, revision: seen, stopped, before };
    }
    talk.with_agreement(|subscription| Subscription { revision: seen, ..subscription })
}

/// One turn of the conversation.
struct Turn<'a> {
    state: &'a State,
    rules: &'a Rules,
    now: Millis,
    person: &'a Person,
    wish: Wish,
    /// Meta's timestamp of what was said.
    at: Timestamp,
}

impl Turn<'_> {
    /// The conversation as a table: what was agreed and what is wished give what is agreed and what is said.
    fn table(&self) -> (Talk, Option<Kind>) {
        let wish = self.wish;
        if self.state.notice.is_over() {
            return self.over();
        }
        match &self.person.talk {
            Talk::New => self.stranger(Kind::Welcome),
            Talk::Asked { before: Some(before), revision, .. } if wish.is_yes() => {
                let (talk, _) = self.subscriber(before.agreed_again(wish, self.at), Reminder::Pending);
                let figures = *revision < talk.feeds().map_or(0, |feeds| self.state.revision_of(feeds));
                (talk.with_agreement(|subscription| up_to_date(self.state, subscription)), Some(Kind::Subscribed { figures }))
            }
            Talk::Asked { revision, .. } if wish.is_yes() => self.agree(|newest| *revision < newest),
            Talk::Asked { answered, .. } if self.a_moment_ago(*answered) && !wish.wants_reply() => (self.person.talk.clone(), None),
            Talk::Asked { .. } => self.stranger(Kind::Ask),
            Talk::Waiting { offered: true, .. } if wish.is_yes() => self.agree(|_| true),
            Talk::Waiting { answered, .. } if self.a_moment_ago(*answered) && !wish.wants_reply() && wish.feeds().is_none() => {
                (self.person.talk.clone(), None)
            }
            Talk::Waiting { since, feeds, offered, .. } => self.in_line(*since, *feeds, *offered),
            Talk::Subscribed { subscription, reminder } => self.subscriber(*subscription, *reminder),
            Talk::Lapsed { subscription } if wish.is_yes() => self.subscriber(subscription.agreed_again(wish, self.at), Reminder::Pending),
            Talk::Lapsed { .. } => self.stranger(Kind::Ask),
            Talk::Orphaned { subscription } if wish.is_yes() => {
                let (talk, _) = self.subscriber(subscription.agreed_again(wish, self.at), Reminder::Pending);
                (talk.with_agreement(|subscription| up_to_date(self.state, subscription)), Some(Kind::Resumed))
            }
            Talk::Orphaned { .. } => self.stranger(Kind::Interrupted),
            Talk::Stopped { .. } if wish.is_yes() => self.agree(|_| true),
            Talk::Stopped { .. } => self.stranger(Kind::Welcome),
        }
    }

    /// Whether this is less than a minute after `answered`, which an untrusted clock may have put into the future.
    fn a_moment_ago(&self, answered: Timestamp) -> bool {
        answered <= self.now.second() && self.now.second().since(answered) < ASK_AGAIN
    }

    /// Someone with whom nothing is agreed: a tap subscribes, everything else is answered with a question.
    fn stranger(&self, question: Kind) -> (Talk, Option<Kind>) {
        if let Wish::Chosen(_) = self.wish {
            return self.agree(|_| true);
        }
        let answer = self.told(true).unwrap_or(question);
        (self.asked(answer), Some(answer))
    }

    /// What everyone is told who wants to know it, whatever is agreed; with the question for someone who has not answered it.
    fn told(&self, ask: bool) -> Option<Kind> {
        match self.wish {
            Wish::Privacy => Some(Kind::Privacy { ask }),
            Wish::Help => Some(Kind::Help { ask }),
            Wish::Access => Some(Kind::Access { ask }),
            Wish::Topics => Some(Kind::Topics),
            Wish::Topic(topic) => Some(Kind::Topic { topic, ask }),
            Wish::Yes | Wish::No | Wish::Stop | Wish::Chosen(_) | Wish::Figures | Wish::Start | Wish::Choose | Wish::Nothing => None,
        }
    }

    /// What is remembered of someone to whom this was said.
    fn asked(&self, answer: Kind) -> Talk {
        let (known, stopped, before) = match &self.person.talk {
            Talk::Asked { revision, stopped, before, .. } => (*revision, *stopped, before.clone()),
            Talk::Stopped { at } => (0, Some(*at), None),
            Talk::Lapsed { subscription } => (subscription.revision, None, None),
            Talk::Orphaned { subscription } => (subscription.revision, None, Some(Box::new(*subscription))),
            Talk::New | Talk::Waiting { .. } | Talk::Subscribed { .. } => (0, None, None),
        };
        let revision = if answer.shows_figures() { self.state.revision() } else { known };
        Talk::Asked { answered: self.now.second(), revision, stopped, before }
    }

    /// A "Ja" to what is offered: a subscription, if it is clear to what and there is a place. `lacks` says whether they have yet to see
    /// the figures of this revision.
    fn agree(&self, lacks: impl Fn(u32) -> bool) -> (Talk, Option<Kind>) {
        let Some(feeds) = self.meant() else { return (self.asked(Kind::Choose), Some(Kind::Choose)) };
        let at = self.at;
        let others = self.state.people.admitted() - usize::from(self.person.talk.is_admitted());
        if !budget::admits(self.state, self.rules, self.now, others) {
            let now = self.now.second();
            return (Talk::Waiting { since: now, answered: now, feeds, offered: false }, Some(Kind::Waiting));
        }
        let newest = self.state.revision_of(feeds);
        let wording = self.rules.texts.consent(self.rules.feeds.len());
        let subscription = Subscription { feeds, wording, consent: at, yes: at, revision: newest };
        (Talk::Subscribed { subscription, reminder: Reminder::Pending }, Some(Kind::Subscribed { figures: lacks(newest) }))
    }

    /// What a "Ja" means: what was tapped, what was waited for, or the only feed there is.
    fn meant(&self) -> Option<FeedSet> {
        let all = self.state.configured(self.rules);
        match (self.wish, &self.person.talk) {
            (Wish::Chosen(feeds), _) => Some(feeds),
            (_, Talk::Waiting { feeds, .. }) => Some(*feeds),
            (_, _) => (all.len() == 1).then_some(all),
        }
    }

    /// Someone who waits for a place.
    fn in_line(&self, since: Timestamp, feeds: FeedSet, offered: bool) -> (Talk, Option<Kind>) {
        let feeds = if let Wish::Chosen(chosen) = self.wish { chosen } else { feeds };
        let place = if offered { Kind::Place } else { Kind::Waiting };
        let talk = Talk::Waiting { since, answered: self.now.second(), feeds, offered };
        (talk, Some(self.asked_for().unwrap_or(place)))
    }

    /// What is answered whoever asks for it; `None` if nothing was asked for.
    fn asked_for(&self) -> Option<Kind> {
        match self.wish {
            Wish::Start | Wish::Choose if self.rules.feeds.len() > 1 => Some(Kind::Choose),
            Wish::Figures | Wish::Start | Wish::Choose => Some(Kind::Figures),
            Wish::Privacy | Wish::Help | Wish::Access | Wish::Topics | Wish::Topic(_) => self.told(false),
            Wish::Yes | Wish::No | Wish::Stop | Wish::Chosen(_) | Wish::Nothing => None,
        }
    }

    /// A subscriber: what they asked for, else what they missed, else nothing but the blue ticks.
    fn subscriber(&self, before: Subscription, reminder: Reminder) -> (Talk, Option<Kind>) {
        let chosen = if let Wish::Chosen(feeds) = self.wish { feeds } else { FeedSet::default() };
        let feeds = before.feeds.union(chosen);
        let newest = self.state.revision_of(feeds);
        let missed = (before.revision < newest).then_some(Kind::Publication { since: before.revision });
        let answer = if feeds == before.feeds { self.asked_for().or(missed) } else { Some(Kind::Subscribed { figures: true }) };
        let revision = if answer.is_some_and(Kind::shows_figures) { newest.max(before.revision) } else { before.revision };
        (Talk::Subscribed { subscription: Subscription { feeds, revision, ..before }, reminder }, answer)
    }

    /// The service has ended: nothing is agreed any more, and whoever asks is told so.
    fn over(&self) -> (Talk, Option<Kind>) {
        let answer = self.told(false).filter(|answer| answer.outlives_the_service()).unwrap_or(Kind::Ended);
        match &self.person.talk {
            Talk::Asked { answered, .. } if self.a_moment_ago(*answered) && !self.wish.wants_reply() => (self.person.talk.clone(), None),
            Talk::Subscribed { .. } => (self.person.talk.clone(), Some(answer)),
            Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } => (self.asked(answer), Some(answer)),
            Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => (self.asked(answer), Some(answer)),
        }
    }
}
