//! Whose fault a silence is, from what the world saw: which questions the relay knows to have been accepted, and when webhooks reached it.
//! A witness with its own rule; where a few seconds of clock error could decide, it has no opinion.

use drk_relay::domain::INGRESS_GAP;
use drk_relay::domain::conversation::Person;
use drk_relay::domain::event::{Event, News, Outcome};
use drk_relay::domain::ids::{OutboxId, PersonHash, WamidHash};
use drk_relay::domain::outbox::Kind;
use drk_relay::domain::time::{Millis, Timestamp};
use std::collections::BTreeMap;

/// The relay's clock, Meta's clock and a round trip may disagree by this many seconds.
const SLACK: i64 = 10;
/// No answer takes so many seconds, unless the machine stood still.
const ANSWER_LATEST: u32 = 30;
/// Shorter times without a webhook are no gap whatever the slack: they need not be remembered.
const NO_GAP: i64 = INGRESS_GAP as i64 / 2;

/// A question that has left.
struct Question {
    kind: Kind,
    /// When it left, by the relay's clock.
    left: Timestamp,
    /// When, if the relay was told so.
    accepted: Option<Timestamp>,
    /// Whether the relay was told that it failed.
    failed: bool,
    /// Whether a status has told anything of it. What is not free Meta may take and keep.
    mentioned: bool,
    /// Whether the process has died since: it may have to prove ingress again.
    outlived: bool,
}

/// What is known of questions and of ingress.
#[derive(Default)]
pub(crate) struct Silence {
    /// Meta keeps what is not free, and tells at once of everything else: what it does not mention was no question.
    pub(crate) withholding: bool,
    questions: BTreeMap<PersonHash, BTreeMap<OutboxId, Question>>,
    whose: BTreeMap<OutboxId, PersonHash>,
    wamids: BTreeMap<WamidHash, OutboxId>,
    /// When webhooks came first and last, by the relay's clock, since the process started.
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Longer times without one in between.
    gaps: Vec<(Timestamp, Timestamp)>,
}

impl Silence {
    /// A question leaves.
    pub(crate) fn left(&mut self, id: OutboxId, person: PersonHash, kind: Kind, left: Timestamp) {
        self.whose.insert(id, person);
        let question = Question { kind, left, accepted: None, failed: false, mentioned: false, outlived: false };
        self.questions.entry(person).or_default().insert(id, question);
    }

    /// The relay has committed these.
    pub(crate) fn told(&mut self, events: &[Event], now: Millis) {
        for event in events {
            match event {
                Event::Heard(_) | Event::Moved(_) | Event::Account(_) | Event::Proof => self.webhook(now.second()),
                Event::Status(status) => {
                    self.webhook(now.second());
                    if let Some(id) = status.id.or_else(|| self.wamids.get(&status.wamid).copied()) {
                        self.wamids.insert(status.wamid, id);
                        self.fared(id, status.at, matches!(status.news, News::Failed(_)));
                        self.mentioned(id);
                    }
                }
                Event::Sent { id, outcome: Outcome::Accepted(wamid) } => {
                    self.wamids.insert(*wamid, *id);
                    self.fared(*id, self.taken(*id, now.second()), false);
                }
                Event::Started | Event::ClockTrusted | Event::ClockDoubted | Event::Figure(_) | Event::Sent { .. } | Event::Due(_) => {}
                Event::Validate(_) | Event::Asked(_) | Event::Rewritten | Event::RewriteFailed => {}
            }
        }
    }

    fn webhook(&mut self, now: Timestamp) {
        if let Some(last) = self.last
            && i64::from(now.0) - i64::from(last.0) > NO_GAP
        {
            self.gaps.push((last, now));
        }
        self.first = self.first.or(Some(now));
        self.last = self.last.max(Some(now));
    }

    /// When Meta took the question that is answered now. An answer that has waited longer than the port does tells no more than that it
    /// left.
    fn taken(&self, id: OutboxId, now: Timestamp) -> Timestamp {
        let question = self.whose.get(&id).and_then(|person| self.questions.get(person)?.get(&id));
        question.map(|question| question.left).filter(|left| now.since(*left) > ANSWER_LATEST).unwrap_or(now)
    }

    fn fared(&mut self, id: OutboxId, at: Timestamp, failed: bool) {
        let question = self.whose.get(&id).and_then(|person| self.questions.get_mut(person)?.get_mut(&id));
        if let Some(question) = question {
            question.failed |= failed;
            question.accepted = question.accepted.or(Some(at));
        }
    }

    fn mentioned(&mut self, id: OutboxId) {
        if let Some(question) = self.whose.get(&id).and_then(|person| self.questions.get_mut(person)?.get_mut(&id)) {
            question.mentioned = true;
        }
    }

    /// The process died: what it heard before proves nothing any more.
    pub(crate) fn deaf(&mut self) {
        (self.first, self.last) = (None, None);
        self.gaps.clear();
        self.questions.values_mut().flat_map(BTreeMap::values_mut).for_each(|question| question.outlived = true);
    }

    /// The person's window has been judged: its questions are done with.
    pub(crate) fn judged(&mut self, person: PersonHash) {
        for id in self.questions.remove(&person).unwrap_or_default().keys() {
            self.whose.remove(id);
        }
    }

    /// Whether the relay knows that Meta took a publication for this person in this window, whenever it left.
    pub(crate) fn published(&self, person: PersonHash, window: Timestamp) -> bool {
        let mut publications = self.of(person).filter(|question| question.kind.is_publication());
        publications.any(|question| question.accepted.is_some_and(|at| at >= window))
    }

    /// Whether the silence of this person's window may be our fault; `None`: a matter of seconds, or of a restart. `name`: under which
    /// their questions are known here.
    pub(crate) fn ours(&self, name: PersonHash, person: &Person, now: Millis) -> Option<bool> {
        let proven = |question: &Question, slack: i64| {
            let since = question.accepted.filter(|at| i64::from(at.0) + slack >= i64::from(person.window.latest.0));
            since.is_some_and(|at| self.longest_gap(at, now.second()) <= i64::from(INGRESS_GAP) + slack)
        };
        let after = |at: Timestamp| self.last.is_some_and(|heard| i64::from(heard.0) > i64::from(at.0) + SLACK);
        let heard_since = |question: &Question| question.accepted.is_some_and(after);
        if self.of(name).any(|question| question.mentioned && !question.outlived && heard_since(question) && proven(question, -SLACK)) {
            return Some(false);
        }
        let perhaps = self.of(name).any(|question| (question.mentioned || !self.withholding) && proven(question, SLACK));
        (!perhaps).then_some(true)
    }

    fn of(&self, person: PersonHash) -> impl Iterator<Item = &Question> {
        self.questions.get(&person).into_iter().flat_map(BTreeMap::values).filter(|question| !question.failed)
    }

    /// The longest time without a webhook between `since` and `now`, if it is long enough to matter.
    fn longest_gap(&self, since: Timestamp, now: Timestamp) -> i64 {
        let seconds = |from: Timestamp, until: Timestamp| i64::from(until.0) - i64::from(from.0);
        let within = self.gaps.iter().filter(|(_, end)| *end > since).map(|(begin, end)| seconds(since.max(*begin), (*end).min(now)));
        let before = self.first.filter(|first| *first > since).map(|first| seconds(since, first.min(now)));
        let after = self.last.map_or(seconds(since, now), |last| seconds(last.max(since), now));
        within.chain(before).chain([after]).max().unwrap_or(0)
    }
}
