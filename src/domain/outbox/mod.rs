//! One message's way out, and who goes first. Sends nothing: it marks what may leave, and the relay lets it leave after the commit.
//!
//! ```text
//!            enqueue             token, slot                 accepted                    delivered, read
//!   nothing ────────▶ Queued ───────────────▶ InFlight ───────────────▶ Accepted ───────────────────────▶ Delivered
//!                       ▲  │                   │ │ │ ▲                   │    ▲                            │
//!                       │  │ not_after         │ │ │ └ (the status may   │    │ a status tells             │ the window's
//!                       │  ▼                   │ │ │    come first)      │    │                            ▼ end and an hour
//!                       │ gone                 │ │ └─ no answer, or ────────▶ Unknown ── not_after ──▶   gone
//!                       └─── Resting ◀─ later ─┘ │    found at start     │                                 ▲
//!                                                └──── refused ──────────┴────────▶ Failed ────────────────┘
//! ```
//!
//! An unknown outcome is never repeated: a status ends it, or `not_after` does. Messages of one person leave one at a time, in the order
//! in which they were written down. A finished message stays until its window has been judged, because the verdict looks at it.

mod entry;
pub mod fault;
mod hold;

pub use entry::{Class, Delivery, Entry, Kind, Stage};
pub(super) use hold::set_right;
pub use hold::{Hold, Why};

use super::decision::{Change, Decision, Effect, Refusal, Send};
use super::event::{News, Outcome, Status};
use super::ids::{OutboxId, PersonId, WamidHash};
use super::rules::Rules;
use super::state::{Clock, State};
use super::time::{Millis, Timestamp};
use super::{conversation, wording};
use fault::Fault;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Sends that may be in flight at once: 80/s times half a second of round trip, and as much again for a slow uplink.
pub const SLOTS: usize = 64;
/// Entries handled in one turn: bounds a commit and its pause.
pub const PAGE: usize = 64;
/// A broadcast adds pages only while fewer messages than this wait: enough for three seconds at 80/s, so figures do not pile up and a
/// newer publication finds hardly any older one queued.
pub const REFILL: usize = 256;
/// Reminders wait in the wheel while this many messages are queued.
pub const QUEUE: usize = 4_096;
/// Above this many queued messages even answers are refused: half as much again, so that reminders cannot crowd them out.
pub const QUEUE_FOR_ANSWERS: usize = 6_144;
/// Finished messages stay this long after the verdict, for late statuses.
const KEEP: u32 = 3_600;
/// First wait after a send that may be repeated, in seconds; doubles with every attempt.
const BACKOFF: u32 = 1;
/// How many doublings later the wait begins when we are too fast for the number: 16 seconds, so that the others get through.
const SLOWER: u8 = 4;
/// The wait stops doubling here: five minutes.
const BACKOFF_MAX: u32 = 300;

/// All messages, and the orders in which they are asked for. The indexes are derived: [`Outbox::check`] says how.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outbox {
    entries: BTreeMap<OutboxId, Entry>,
    by_person: BTreeSet<(PersonId, OutboxId)>,
    by_wamid: HashMap<WamidHash, OutboxId>,
    wakes: BTreeSet<(Timestamp, OutboxId)>,
    /// The oldest waiting message of every person who has none in flight, unless it rests.
    ready: BTreeSet<Rank>,
    queued: usize,
    in_flight: usize,
}

/// What leaves first: the class, then whose window closes first, then what was written down first.
type Rank = (Class, Timestamp, OutboxId);

impl Outbox {
    /// The message.
    pub fn get(&self, id: OutboxId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// The message that Meta knows by this wamid.
    pub fn find(&self, wamid: WamidHash) -> Option<OutboxId> {
        self.by_wamid.get(&wamid).copied()
    }

    /// All messages, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (OutboxId, &Entry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    /// One person's messages, oldest first.
    pub fn of(&self, person: PersonId) -> impl Iterator<Item = (OutboxId, &Entry)> {
        let span = (person, OutboxId(0))..=(person, OutboxId(u64::MAX));
        self.by_person.range(span).filter_map(|(_, id)| self.entries.get(id).map(|entry| (*id, entry)))
    }

    /// Messages that wait.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Messages handed to the port.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Sets one row; `None` removes it. Keeps every index.
    pub fn set(&mut self, id: OutboxId, entry: Option<Entry>) {
        let old = self.entries.get(&id).copied();
        let people: BTreeSet<PersonId> = old.iter().chain(&entry).map(|entry| entry.person).collect();
        people.iter().for_each(|person| self.unready(*person));
        if let Some(old) = old {
            self.entries.remove(&id);
            self.unindex(id, &old);
        }
        if let Some(new) = entry {
            self.entries.insert(id, new);
            self.index(id, &new);
        }
        let ready: Vec<Rank> = people.iter().filter_map(|person| self.eligible(*person)).collect();
        self.ready.extend(ready);
    }

    fn index(&mut self, id: OutboxId, entry: &Entry) {
        self.by_person.insert((entry.person, id));
        self.by_wamid.extend(entry.wamid().map(|wamid| (wamid, id)));
        self.wakes.extend(entry.wakes().map(|at| (at, id)));
        self.queued += usize::from(entry.stage() == Stage::Waiting);
        self.in_flight += usize::from(entry.stage() == Stage::Leaving);
    }

    fn unindex(&mut self, id: OutboxId, entry: &Entry) {
        self.by_person.remove(&(entry.person, id));
        if let Some(wamid) = entry.wamid() {
            self.by_wamid.remove(&wamid);
        }
        if let Some(at) = entry.wakes() {
            self.wakes.remove(&(at, id));
        }
        self.queued -= usize::from(entry.stage() == Stage::Waiting);
        self.in_flight -= usize::from(entry.stage() == Stage::Leaving);
    }

    fn unready(&mut self, person: PersonId) {
        if let Some(rank) = self.eligible(person) {
            self.ready.remove(&rank);
        }
    }

    fn eligible(&self, person: PersonId) -> Option<Rank> {
        if self.of(person).any(|(_, entry)| entry.stage() == Stage::Leaving) {
            return None;
        }
        let (id, first) = self.of(person).find(|(_, entry)| entry.stage() == Stage::Waiting)?;
        match first.delivery {
            Delivery::Queued { .. } => Some((first.kind.class(), first.not_after, id)),
            Delivery::Resting { .. } | Delivery::InFlight { .. } | Delivery::Unknown => None,
            Delivery::Accepted { .. } | Delivery::Delivered { .. } | Delivery::Failed { .. } => None,
        }
    }

    /// Asserts that every index says what the rows say.
    pub fn check(&self) {
        let mut fresh = Outbox::default();
        for (id, entry) in &self.entries {
            fresh.set(*id, Some(*entry));
        }
        assert_eq!(*self, fresh, "an index of the outbox does not agree with its rows");
        assert!(self.in_flight <= SLOTS, "{} messages in flight, {SLOTS} allowed", self.in_flight);
    }
}

/// When the outbox has something to do, seen from `now`; `None`: not before something else happens. Everything waits for a trusted clock.
pub fn deadline(state: &State, rules: &Rules, now: Millis) -> Option<Millis> {
    if state.clock == Clock::Untrusted {
        return None;
    }
    let outbox = &state.outbox;
    let wake = outbox.wakes.first().map(|(at, _)| at.millis());
    let refill = (state.broadcasting() && outbox.queued < REFILL).then_some(now);
    let offer = conversation::next_in_line(state, rules, now).map(|_| now);
    let start = (free_slots(state) > 0 && !outbox.ready.is_empty()).then(|| may_start_at(state, rules, now));
    [wake, refill, offer, start].into_iter().flatten().min()
}

/// The outbox is due: wake what has rested and end what has ended, else page the broadcast in, else offer a place, else let messages leave.
pub fn turn(state: &State, rules: &Rules, now: Millis) -> Decision {
    if state.clock == Clock::Untrusted {
        return Decision::refused(Refusal::NothingToDo);
    }
    if state.outbox.wakes.first().is_some_and(|(at, _)| *at <= now.second()) {
        return wake(state, now);
    }
    if state.broadcasting() && state.outbox.queued < REFILL {
        return conversation::page(state, now);
    }
    if conversation::next_in_line(state, rules, now).is_some() {
        return conversation::offer(state, rules, now);
    }
    start(state, rules, now)
}

/// How many more may be in flight: while sending is held, one probe at a time.
fn free_slots(state: &State) -> usize {
    let slots = if state.hold.is_some() { 1 } else { SLOTS };
    slots.saturating_sub(state.outbox.in_flight)
}

/// When the next message may leave, if a slot is free.
fn may_start_at(state: &State, rules: &Rules, now: Millis) -> Millis {
    let paced = state.bucket.ready_at(now, rules.rate);
    state.hold.map_or(paced, |hold| paced.max(hold.until.millis()))
}

fn wake(state: &State, now: Millis) -> Decision {
    let mut decision = Decision::acted();
    let woken = state.outbox.wakes.iter().take_while(|(at, _)| *at <= now.second()).take(PAGE);
    for (id, entry) in woken.filter_map(|(_, id)| Some((*id, state.outbox.get(*id)?))) {
        let next = match entry.delivery {
            Delivery::Resting { attempt, .. } if now.second() <= entry.not_after => {
                Some(Entry { delivery: Delivery::Queued { attempt }, ..*entry })
            }
            Delivery::Unknown => Some(Entry { delivery: Delivery::Failed { code: 0 }, ..*entry }),
            Delivery::Queued { .. } | Delivery::Resting { .. } | Delivery::InFlight { .. } => None,
            Delivery::Accepted { .. } | Delivery::Delivered { .. } | Delivery::Failed { .. } => None,
        };
        if next.is_none() && entry.stage() == Stage::Waiting {
            decision.changes.extend(conversation::message_expired(state, entry));
        }
        decision.changes.push(next.map_or(Change::ForgetOutbox(id), |next| Change::Outbox(id, next)));
        if next.is_none_or(|next| next.stage() != Stage::Waiting) {
            decision.changes.extend(conversation::message_ended(state, id, entry.person));
        }
    }
    decision
}

fn start(state: &State, rules: &Rules, now: Millis) -> Decision {
    let mut decision = Decision::acted();
    let mut bucket = state.bucket;
    if may_start_at(state, rules, now) > now {
        return Decision::refused(Refusal::NothingToDo);
    }
    for (_, _, id) in state.outbox.ready.iter().take(free_slots(state)) {
        if bucket.ready_at(now, rules.rate) > now {
            break;
        }
        let Some(entry) = state.outbox.get(*id) else { continue };
        let Some(send) = render(state, rules, now, *id, entry) else {
            decision.changes.push(Change::ForgetOutbox(*id));
            decision.changes.extend(conversation::message_expired(state, entry));
            decision.changes.extend(conversation::message_ended(state, *id, entry.person));
            continue;
        };
        bucket = bucket.take(now, rules.rate);
        decision.changes.push(Change::Outbox(*id, Entry { delivery: Delivery::InFlight { attempt: entry.attempt() }, ..*entry }));
        decision.changes.extend(conversation::leaves(state, *id, entry));
        decision.effects.push(Effect::Send(Box::new(send)));
    }
    if bucket != state.bucket {
        decision.changes.push(Change::Paced(bucket));
    }
    decision
}

/// The message as it leaves, or `None` if it must not: no address, or the window would close while it is on its way.
fn render(state: &State, rules: &Rules, now: Millis, id: OutboxId, entry: &Entry) -> Option<Send> {
    let person = state.people.get(entry.person)?;
    let to = state.addresses.get(&entry.person)?.clone();
    let over = state.notice.is_over() && !entry.kind.outlives_the_service();
    let open = !over && state.clock == Clock::Trusted && now.second() <= entry.not_after && person.window.sendable(now);
    open.then(|| Send { id, to, body: wording::body(state, rules, now, person, entry.kind), not_after: entry.not_after })
}

/// The answer to a send.
pub fn sent(state: &State, rules: &Rules, now: Millis, id: OutboxId, outcome: Outcome) -> Decision {
    let Some(entry) = state.outbox.get(id) else { return taken_back(state, rules, now, outcome) };
    let attempt = match (entry.delivery, outcome) {
        (Delivery::InFlight { attempt }, _) => attempt,
        // The port was restarted while this attempt went on: what it learned is welcome, but nothing is tried again.
        (Delivery::Unknown, Outcome::Accepted(_)) => 0,
        (Delivery::Unknown, Outcome::Rejected { code, .. }) => {
            return moved(state, rules, now, id, entry, Delivery::Failed { code });
        }
        (_, _) => return Decision::refused(Refusal::NothingToDo),
    };
    // The person may have written while it was on its way: then there is more time, and nothing to remind of.
    let answered = state.people.get(entry.person).is_some_and(|person| person.window.not_after() > entry.not_after);
    let pointless = answered && entry.kind == Kind::Reminder;
    let delivery = match outcome {
        Outcome::Accepted(wamid) => Delivery::Accepted { at: now.second(), wamid },
        Outcome::Later | Outcome::TooLate if pointless => Delivery::Failed { code: 0 },
        Outcome::Later => rests(now, attempt, backoff(id, attempt)),
        Outcome::TooLate if answered => rests(now, attempt, backoff(id, attempt)),
        Outcome::TooLate => Delivery::Failed { code: 0 },
        Outcome::Rejected { code, transient } => rejected(id, now, attempt, code, transient, pointless),
        Outcome::Unknown => Delivery::Unknown,
    };
    let mut decision = moved(state, rules, now, id, entry, delivery);
    decision.changes.extend(hold::after(state, now, outcome));
    if outcome == Outcome::TooLate && now.second() > entry.not_after && !answered {
        decision.changes.extend(conversation::message_expired(state, entry));
    }
    decision
}

/// What becomes of a message that Meta refused.
fn rejected(id: OutboxId, now: Millis, attempt: u8, code: u32, transient: bool, pointless: bool) -> Delivery {
    match fault::of_code(code, transient) {
        Fault::Passing | Fault::Unclear | Fault::TooFast | Fault::TooFastForOne | Fault::Account if pointless => {
            Delivery::Failed { code: 0 }
        }
        Fault::Unclear if attempt >= fault::UNCLEAR_ATTEMPTS => Delivery::Failed { code },
        Fault::Passing | Fault::Unclear => rests(now, attempt, backoff(id, attempt)),
        Fault::TooFast => rests(now, attempt, backoff(id, attempt.saturating_add(SLOWER))),
        Fault::TooFastForOne => rests(now, attempt, 4_u32.checked_pow(attempt.into()).map_or(BACKOFF_MAX, |wait| wait.min(BACKOFF_MAX))),
        // As good as before, once that is repaired.
        Fault::Account => Delivery::Queued { attempt },
        Fault::Closed | Fault::Final => Delivery::Failed { code },
    }
}

fn rests(now: Millis, attempt: u8, wait: u32) -> Delivery {
    Delivery::Resting { until: now.second().plus(wait), attempt: attempt.saturating_add(1) }
}

/// The answer to a message that was taken back while it was on its way: it counts, and changes nothing else.
fn taken_back(state: &State, rules: &Rules, now: Millis, outcome: Outcome) -> Decision {
    let mut decision = Decision::refused(Refusal::UnknownMessage);
    match outcome {
        Outcome::Accepted(_) => decision.changes.push(Change::Counters(state.counters.accept(now, &rules.zone))),
        Outcome::Later | Outcome::Rejected { .. } | Outcome::TooLate | Outcome::Unknown => {}
    }
    decision.changes.extend(hold::after(state, now, outcome));
    decision
}

/// A status webhook.
pub fn status(state: &State, rules: &Rules, now: Millis, status: &Status) -> Decision {
    let id = status.id.or_else(|| state.outbox.find(status.wamid));
    let Some((id, entry)) = id.and_then(|id| Some((id, state.outbox.get(id)?))) else {
        return Decision::refused(Refusal::UnknownMessage);
    };
    let wamid = status.wamid;
    // A clock that nobody trusts may be years behind, and would put it before the window.
    let at = if state.clock == Clock::Trusted { status.at.min(now.second()) } else { status.at };
    let accepted = entry.accepted_at().unwrap_or(at);
    let delivery = match (entry.delivery, status.news) {
        (Delivery::Delivered { .. }, _) | (Delivery::Accepted { .. }, News::Sent) => return Decision::refused(Refusal::Duplicate),
        (Delivery::Failed { code }, _) if code != 0 => return Decision::refused(Refusal::Duplicate),
        (_, News::Sent) => Delivery::Accepted { at: accepted, wamid },
        (_, News::Delivered | News::Read) => Delivery::Delivered { at: accepted, wamid },
        (_, News::Failed(code)) => Delivery::Failed { code },
    };
    let mut decision = moved(state, rules, now, id, entry, delivery);
    match status.news {
        News::Failed(code) => decision.changes.extend(hold::after_failure(state, now, status.at, code)),
        // The status of a probe may come before its answer.
        News::Sent | News::Delivered | News::Read if entry.stage() == Stage::Leaving => {
            decision.changes.extend(hold::after(state, now, Outcome::Accepted(wamid)));
        }
        News::Sent | News::Delivered | News::Read => {}
    }
    decision
}

/// Meta announces that we may not answer people, until then if it says so.
pub fn restricted(state: &State, now: Millis, until: Option<Timestamp>) -> Decision {
    let Some(change) = hold::restricted(state, now.second(), until) else { return Decision::refused(Refusal::NothingToDo) };
    Decision { changes: vec![change], ..Decision::acted() }
}

/// Meta announces that we may.
pub fn restored(state: &State) -> Decision {
    match state.hold {
        Some(_) => Decision { changes: vec![Change::Hold(None)], ..Decision::acted() },
        None => Decision::refused(Refusal::NothingToDo),
    }
}

fn moved(state: &State, rules: &Rules, now: Millis, id: OutboxId, entry: &Entry, delivery: Delivery) -> Decision {
    let mut decision = Decision::acted();
    // The person may have written while it was on its way: then it may leave for longer.
    let not_after = state.people.get(entry.person).map_or(entry.not_after, |person| person.window.not_after());
    let next = Entry { delivery, not_after, ..*entry };
    decision.changes.push(Change::Outbox(id, next));
    if entry.accepted_at().is_none() && next.accepted_at().is_some() {
        decision.changes.push(Change::Counters(state.counters.accept(now, &rules.zone)));
    }
    if next.stage() == Stage::Gone {
        decision.changes.extend(conversation::message_ended(state, id, next.person));
    }
    if next.stage() == Stage::Gone && next.accepted_at().is_none() {
        decision.changes.extend(conversation::message_failed(state, &next));
    }
    decision
}

/// The process has started: what was in flight has an unknown outcome.
pub fn started(state: &State) -> Decision {
    let mut decision = Decision::acted();
    for (id, entry) in state.outbox.iter() {
        if entry.stage() == Stage::Leaving {
            decision.changes.push(Change::Outbox(id, Entry { delivery: Delivery::Unknown, ..*entry }));
            decision.changes.extend(conversation::message_failed(state, entry));
            decision.changes.extend(conversation::message_ended(state, id, entry.person));
        }
    }
    decision
}

/// Doubles from one second to five minutes; half of it is spread by the message's id, so that no two retry together.
fn backoff(id: OutboxId, attempt: u8) -> u32 {
    let full = BACKOFF.checked_shl(u32::from(attempt)).unwrap_or(BACKOFF_MAX).clamp(BACKOFF, BACKOFF_MAX);
    let spread = u32::try_from(id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40).unwrap_or(0);
    full + spread % (full / 2 + 1)
}
