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
//! An unknown outcome is never repeated blindly: a status ends it, or its time does; only figures go once more, when a status would have
//! come ([`GRACE`]). Messages of one person leave one at a time, in the order in which they were written down. A finished message stays
//! until its window has been judged, because the verdict looks at it.

mod bill;
mod entry;
pub mod fault;
mod hold;
mod queue;
mod set_right;

pub use entry::{Class, Delivery, Doubt, Entry, Kind, Stage};
pub use hold::{Hold, Why};
pub use queue::Outbox;
pub(super) use set_right::set_right;

use super::budget::{Budget, Purse};
use super::decision::{Change, Decision, Effect, Refusal, Send};
use super::event::{News, Outcome, Status};
use super::ids::OutboxId;
use super::pacing::{BURST, Bucket, GUARD_MAX, Throttle};
use super::rules::Rules;
use super::state::{Clock, Counters, State};
use super::time::{Millis, Timestamp};
use super::{conversation, wording};
use fault::Fault;
use std::collections::BTreeSet;

/// Sends that may be in flight at once: 80/s times half a second of round trip, and as much again for a slow uplink.
pub const SLOTS: usize = 64;
/// Entries handled in one turn: bounds a commit and its pause.
pub const PAGE: usize = 64;
/// A broadcast adds pages only while fewer messages than this wait: enough for three seconds at 80/s, so figures do not pile up and a
/// newer publication finds hardly any older one queued.
pub const REFILL: usize = 256;
/// Reminders wait in the wheel while this many reminders and figures are queued. Answers do not count: however many people write, those
/// whose windows close are asked, and go first.
pub const QUEUE: usize = 4_096;
/// While this many messages are queued, answers are refused: half as much again, so that reminders cannot crowd them out.
pub const QUEUE_FOR_ANSWERS: usize = 6_144;
/// While this many are queued, everything is refused: what the two limits before permit together.
pub const QUEUE_MAX: usize = QUEUE + QUEUE_FOR_ANSWERS;
/// Finished messages stay this long after the verdict, for late statuses.
const KEEP: u32 = 3_600;
/// First wait after a send that may be repeated, in seconds; doubles with every attempt.
const BACKOFF: u32 = 1;
/// How many doublings later the wait begins when app or account have used up their hour: 16 seconds, so that others get through.
const SLOWER: u8 = 4;
/// The wait stops doubling here: five minutes.
const BACKOFF_MAX: u32 = 300;
/// A wait that would outlast the window ends so many seconds before it must have left: one more attempt is worth more than its pause.
const LAST_CHANCE: u32 = 2;
/// Figures whose outcome nobody knows go once more after so many seconds without a status, if webhooks arrived all the while: Meta's status
/// comes within seconds, and is repeated at once when it is not taken.
const GRACE: u32 = 120;
/// Messages that leave together while more wait than may leave: each group is one commit. At 80/s, ten commits a second.
const GROUP: u64 = 8;
/// How long the first of a group waits for the last at most, as a part of a second.
const GROUPS_PER_SECOND: u32 = 10;

/// When the outbox has something to do, seen from `now`; `None`: not before something else happens. Everything waits for a trusted clock.
pub fn deadline(state: &State, rules: &Rules, now: Millis) -> Option<Millis> {
    if state.clock == Clock::Untrusted {
        return None;
    }
    let outbox = &state.outbox;
    let wake = outbox.wakes().map(Timestamp::millis);
    let repeat = (bill::is_cut_off(state, now) || is_overdue(state)).then_some(now);
    let refill = (state.broadcasting() && outbox.queued() < REFILL).then_some(now);
    let offer = conversation::next_in_line(state, rules, now).map(|_| now);
    let start = (free_slots(state, now) > 0 && outbox.ready() > 0).then(|| may_start_at(state, rules, now));
    [wake, repeat, refill, offer, start].into_iter().flatten().min()
}

/// The outbox is due: repeat what is in doubt, else page the broadcast in, else offer a place, else let messages leave, else wake what has
/// rested and end what has ended. That comes last because it may be much: an hour after a herd's windows have closed, all its messages end
/// in the same second. What leaves is little at any moment, so it holds nothing up for long.
pub fn turn(state: &State, rules: &Rules, now: Millis) -> Decision {
    if state.clock == Clock::Untrusted {
        return Decision::refused(Refusal::NothingToDo);
    }
    if bill::is_cut_off(state, now) {
        return bill::cut_off(state, now);
    }
    if is_overdue(state) {
        return repeat(state, now);
    }
    if state.broadcasting() && state.outbox.queued() < REFILL {
        return conversation::page(state, rules, now);
    }
    if conversation::next_in_line(state, rules, now).is_some() {
        return conversation::offer(state, rules, now);
    }
    if free_slots(state, now) > 0 && state.outbox.ready() > 0 && may_start_at(state, rules, now) <= now {
        return start(state, rules, now);
    }
    wake(state, now)
}

/// How many more may be in flight: while sending is held, one probe at a time; while nobody knows whether Meta delivers, a few.
fn free_slots(state: &State, now: Millis) -> usize {
    let slots = if state.hold.is_some() { 1 } else { SLOTS };
    bill::bounded(state, now, slots.saturating_sub(state.outbox.in_flight()))
}

/// Messages a second that Meta grants at present.
pub fn rate(state: &State, rules: &Rules, now: Millis) -> u32 {
    state.throttle.map_or(rules.rate, |throttle| throttle.rate(rules.rate, now))
}

/// Messages a second that can leave: what Meta grants, and no more than its answers free slots for.
pub fn attainable_rate(state: &State, rules: &Rules, now: Millis) -> u32 {
    rate(state, rules, now).min(state.round_trip.rate(SLOTS))
}

/// When the next messages may leave, if a slot is free: as many together as wait, but not so many that the first would wait for long.
fn may_start_at(state: &State, rules: &Rules, now: Millis) -> Millis {
    let rate = rate(state, rules, now);
    let wanted = state.outbox.ready().min(free_slots(state, now)) as u64;
    let together = wanted.min(u64::from(rate / GROUPS_PER_SECOND)).clamp(1, GROUP.min(BURST));
    let paced = state.bucket.ready_at(now, rate, together);
    [state.hold.map(|hold| hold.until.millis()), bill::opens(state, now)].into_iter().flatten().fold(paced, Millis::max)
}

/// One message of each person in a turn: what its end means for the person is a whole row, and the next one builds upon that.
fn wake(state: &State, now: Millis) -> Decision {
    if state.outbox.wakes().is_none_or(|at| at > now.second()) {
        return Decision::refused(Refusal::NothingToDo);
    }
    let mut decision = Decision::acted();
    let mut people = BTreeSet::new();
    for (id, entry) in state.outbox.woken(now.second()).filter(|(_, entry)| people.insert(entry.person)).take(PAGE) {
        let next = match entry.delivery {
            Delivery::Resting { attempt, .. } if now.second() <= entry.not_after(state.guard) => {
                Some(Entry { delivery: Delivery::Queued { attempt }, ..*entry })
            }
            Delivery::Unknown { .. } => Some(Entry { delivery: Delivery::Failed { code: 0 }, ..*entry }),
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

/// Whether a status of the figures that have been in doubt for longest would have come by now: webhooks have arrived for long enough since.
fn is_overdue(state: &State) -> bool {
    state.outbox.doubtful().next().is_some_and(|(since, _)| is_past_grace(state, since))
}

fn is_past_grace(state: &State, since: Timestamp) -> bool {
    state.ingress.is_some_and(|ingress| ingress.proven_since(since) >= GRACE)
}

/// Figures whose outcome is unknown go once more, unless nobody wants them any more or has got newer ones: then they count as failed.
fn repeat(state: &State, now: Millis) -> Decision {
    let mut decision = Decision::acted();
    let overdue = state.outbox.doubtful().take_while(|(since, _)| is_past_grace(state, *since)).take(PAGE);
    for (id, entry) in overdue.filter_map(|(_, id)| Some((id, state.outbox.get(id)?))) {
        let person = state.people.get(entry.person).filter(|person| conversation::lacks_still(state, now, person, id, entry));
        let next = match person {
            Some(person) => {
                Entry { delivery: Delivery::Queued { attempt: 0 }, doubt: Doubt::Repeated, closes: person.window.closes(), ..*entry }
            }
            None => Entry { delivery: Delivery::Failed { code: 0 }, ..*entry },
        };
        decision.changes.push(Change::Outbox(id, next));
    }
    decision
}

fn start(state: &State, rules: &Rules, now: Millis) -> Decision {
    let mut decision = Decision::acted();
    let (mut bucket, mut budget, mut purse, mut repeated) = (state.bucket, state.budget, Purse::new(state, rules, now), 0);
    let rate = rate(state, rules, now);
    for id in state.outbox.next(urgent(state, now, rate)).take(free_slots(state, now)) {
        if bucket.ready_at(now, rate, 1) > now {
            break;
        }
        let Some(entry) = state.outbox.get(id) else { continue };
        let admitted = state.people.get(entry.person).is_some_and(|person| person.talk.is_admitted());
        let affordable = purse.buys(entry.kind.worth(admitted));
        let Some(send) = render(state, rules, now, id, entry).filter(|_| affordable) else {
            decision.changes.push(Change::ForgetOutbox(id));
            let dropped =
                if affordable { conversation::message_dropped(state, rules, entry) } else { conversation::message_unpaid(state, entry) };
            decision.changes.extend(dropped);
            decision.changes.extend(conversation::message_ended(state, id, entry.person));
            continue;
        };
        let toll = budget.toll(now);
        (bucket, budget, purse) = (bucket.take(now, rate), budget.charge(now), purse.spend());
        // Attempts before this one did not go out.
        repeated += u32::from(entry.doubt == Doubt::Repeated && entry.attempt() == 0);
        let delivery = Delivery::InFlight { attempt: entry.attempt(), since: now.second() };
        decision.changes.push(Change::Outbox(id, Entry { delivery, toll, ..*entry }));
        decision.changes.extend(conversation::leaves(state, id, entry));
        decision.effects.push(Effect::Send(Box::new(send)));
    }
    if repeated > 0 {
        let repeated = state.counters.repeated.saturating_add(repeated);
        decision.changes.push(Change::Counters(Counters { repeated, ..state.counters }));
    }
    if bucket != state.bucket {
        decision.changes.push(Change::Paced(bucket));
    }
    decision.changes.extend(billed(state, budget));
    decision
}

/// Whose window closes by then is served before everybody else: it would be over before everything that waits has left.
fn urgent(state: &State, now: Millis, rate: u32) -> Timestamp {
    let queue = u32::try_from(state.outbox.queued()).unwrap_or(u32::MAX) / rate.max(1);
    now.second().plus(queue.saturating_add(state.guard.seconds() + 1))
}

/// The message as it leaves, or `None` if it must not: no address, the window would close while it is on its way, or what it asks has been
/// asked already.
fn render(state: &State, rules: &Rules, now: Millis, id: OutboxId, entry: &Entry) -> Option<Send> {
    let person = state.people.get(entry.person)?;
    let to = state.addresses.get(entry.person)?;
    let over = state.notice.is_over() && !entry.kind.outlives_the_service();
    let not_after = entry.not_after(state.guard);
    let open = !over && state.clock == Clock::Trusted && now.second() <= not_after && person.window.sendable(now, state.guard);
    let leaves = open && !conversation::is_pointless(state, rules, person, entry);
    leaves.then(|| Send { id, to, body: wording::body(state, rules, now, person, entry.kind), not_after })
}

/// The answer to a send.
pub fn sent(state: &State, rules: &Rules, now: Millis, id: OutboxId, outcome: Outcome) -> Decision {
    let Some(entry) = state.outbox.get(id) else { return taken_back(state, rules, now, outcome) };
    let (attempt, left) = match (entry.delivery, outcome) {
        (Delivery::InFlight { attempt, since }, _) => (attempt, Some(since)),
        // The port was restarted while this attempt went on: what it learned is welcome, but nothing is tried again.
        (Delivery::Unknown { .. }, Outcome::Accepted(_)) => (0, None),
        (Delivery::Unknown { since }, Outcome::Rejected { code, .. }) => {
            let mut decision = moved(state, rules, now, id, entry, None, Delivery::Failed { code });
            decision.changes.extend(billed(state, state.budget.refund(since)));
            return decision;
        }
        (_, _) => return Decision::refused(Refusal::NothingToDo),
    };
    // The person may have written while it was on its way: then there is more time, and nothing to remind of.
    let answered = state.people.get(entry.person).is_some_and(|person| person.window.closes() > entry.closes);
    let pointless = answered && entry.kind == Kind::Reminder;
    let attempt = Attempt { state, now, id, entry, number: attempt };
    let delivery = match outcome {
        Outcome::Accepted(wamid) => Delivery::Accepted { at: taken_at(left, now.second()), wamid },
        Outcome::Later | Outcome::TooLate if pointless => Delivery::Failed { code: 0 },
        Outcome::Later => attempt.again(),
        Outcome::TooLate if answered => attempt.again(),
        Outcome::TooLate => Delivery::Failed { code: 0 },
        Outcome::Rejected { code, transient } => attempt.rejected(code, transient, pointless),
        Outcome::Unknown => Delivery::Unknown { since: now.second() },
    };
    let mut decision = moved(state, rules, now, id, entry, left, delivery);
    decision.changes.extend(billed(state, left.map_or(state.budget, |left| bill::after_attempt(state.budget, entry.toll, left, outcome))));
    decision.changes.extend(eased(rules, now, hold::after(state, now, outcome)));
    decision.changes.extend(throttled(state, rules, now, outcome));
    if outcome == Outcome::TooLate && now.second() > entry.not_after(state.guard) && !answered {
        decision.changes.extend(conversation::message_expired(state, entry));
    }
    decision
}

/// When Meta took a message, as far as the answer tells. One that is older than any port waits has waited itself, for a machine that stood
/// still: the person may have written meanwhile, and all that is certain is when the message left. A question too many is better than a
/// window that closes without one.
fn taken_at(left: Option<Timestamp>, answered: Timestamp) -> Timestamp {
    left.filter(|left| answered.since(*left) > GUARD_MAX).unwrap_or(answered)
}

/// An attempt that did not succeed, and what is to become of its message.
struct Attempt<'a> {
    state: &'a State,
    now: Millis,
    id: OutboxId,
    entry: &'a Entry,
    /// Attempts before this one that certainly did not go out.
    number: u8,
}

impl Attempt<'_> {
    /// What becomes of a message that Meta refused.
    fn rejected(&self, code: u32, transient: bool, pointless: bool) -> Delivery {
        match fault::of_code(code, transient) {
            Fault::Closed | Fault::Final => Delivery::Failed { code },
            Fault::Passing | Fault::Unclear | Fault::TooFast | Fault::TooMany | Fault::TooFastForOne | Fault::Account if pointless => {
                Delivery::Failed { code: 0 }
            }
            Fault::Unclear if self.number >= fault::UNCLEAR_ATTEMPTS => Delivery::Failed { code },
            Fault::Passing | Fault::Unclear | Fault::TooFast => self.again(),
            Fault::TooMany => self.rests(backoff(self.id, self.number.saturating_add(SLOWER))),
            Fault::TooFastForOne => self.rests(4_u32.checked_pow(self.number.into()).map_or(BACKOFF_MAX, |wait| wait.min(BACKOFF_MAX))),
            // As good as before, once that is repaired.
            Fault::Account => Delivery::Queued { attempt: self.number },
        }
    }

    fn again(&self) -> Delivery {
        self.rests(backoff(self.id, self.number))
    }

    fn rests(&self, wait: u32) -> Delivery {
        let now = self.now.second();
        let window = self.state.people.get(self.entry.person).map_or(self.entry.closes, |person| person.window.closes());
        let last = window.minus(self.state.guard.seconds() + LAST_CHANCE);
        let until = now.plus(wait);
        Delivery::Resting { until: if last > now { until.min(last) } else { until }, attempt: self.number.saturating_add(1) }
    }
}

/// Meta says that we are too fast: all messages leave more slowly for a while.
fn throttled(state: &State, rules: &Rules, now: Millis, outcome: Outcome) -> Option<Change> {
    match outcome {
        Outcome::Rejected { code, transient } if fault::of_code(code, transient) == Fault::TooFast => {
            Throttle::cut(state.throttle, rules.rate, now).map(Change::Throttle)
        }
        Outcome::Accepted(_) | Outcome::Rejected { .. } | Outcome::Later | Outcome::TooLate | Outcome::Unknown => None,
    }
}

/// The answer to a message that was taken back while it was on its way: it was charged, and says how fast we may be and whether at all.
fn taken_back(state: &State, rules: &Rules, now: Millis, outcome: Outcome) -> Decision {
    let mut decision = Decision::refused(Refusal::UnknownMessage);
    decision.changes.extend(eased(rules, now, hold::after(state, now, outcome)));
    decision.changes.extend(throttled(state, rules, now, outcome));
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
        (Delivery::Delivered { .. }, _) | (Delivery::Accepted { .. }, News::Sent) => return priced(state, id, entry, status, at),
        (Delivery::Failed { code }, _) if code != 0 => return Decision::refused(Refusal::Duplicate),
        (_, News::Sent) => Delivery::Accepted { at: accepted, wamid },
        (_, News::Delivered | News::Read) => Delivery::Delivered { at: accepted, wamid },
        (_, News::Failed(code)) => Delivery::Failed { code },
    };
    let (budget, toll) = bill::after_status(state.budget, entry, status, at);
    let known = Entry { toll, ..*entry };
    let mut decision = moved(state, rules, now, id, &known, entry.accepted_at(), delivery);
    decision.changes.extend(billed(state, budget));
    match status.news {
        News::Failed(code) => decision.changes.extend(hold::after_failure(state, now, status.at, code)),
        // The status of a probe may come before its answer.
        News::Sent | News::Delivered | News::Read if entry.stage() == Stage::Leaving => {
            decision.changes.extend(eased(rules, now, hold::after(state, now, Outcome::Accepted(wamid))));
        }
        News::Sent | News::Delivered | News::Read => {}
    }
    decision
}

/// A status that says nothing new, but perhaps what the message costs.
fn priced(state: &State, id: OutboxId, entry: &Entry, status: &Status, now: Timestamp) -> Decision {
    let (budget, toll) = match status.news {
        News::Sent | News::Delivered | News::Read => bill::after_status(state.budget, entry, status, now),
        // It has arrived: whatever is said now, it was charged.
        News::Failed(_) => (state.budget, entry.toll),
    };
    if toll == entry.toll {
        return Decision::refused(Refusal::Duplicate);
    }
    let changes = [Change::Outbox(id, Entry { toll, ..*entry })].into_iter().chain(billed(state, budget)).collect();
    Decision { changes, ..Decision::acted() }
}

/// The month's count, if it has changed.
fn billed(state: &State, budget: Budget) -> Option<Change> {
    (budget != state.budget).then_some(Change::Budget(budget))
}

/// Meta announces that we may not answer people, until then if it says so.
pub fn restricted(state: &State, now: Millis, until: Option<Timestamp>) -> Decision {
    let Some(change) = hold::restricted(state, now.second(), until) else { return Decision::refused(Refusal::NothingToDo) };
    Decision { changes: vec![change], ..Decision::acted() }
}

/// Meta announces that we may.
pub fn restored(state: &State, rules: &Rules, now: Millis) -> Decision {
    let restored = state.hold.map(|_| Change::Hold(None));
    if restored.is_none() {
        return Decision::refused(Refusal::NothingToDo);
    }
    Decision { changes: eased(rules, now, restored).collect(), ..Decision::acted() }
}

/// What has piled up while sending was held leaves slowly at first.
fn eased(rules: &Rules, now: Millis, change: Option<Change>) -> impl Iterator<Item = Change> {
    let throttle = (change == Some(Change::Hold(None))).then(|| Change::Throttle(Throttle::resumed(rules.rate, now)));
    change.into_iter().chain(throttle)
}

/// The message has come further. `left`: when the attempt that this is about was written, if that is known.
fn moved(state: &State, rules: &Rules, now: Millis, id: OutboxId, entry: &Entry, left: Option<Timestamp>, delivery: Delivery) -> Decision {
    let mut decision = Decision::acted();
    // The person may have written while it was on its way: then it may leave for longer.
    let closes = state.people.get(entry.person).map_or(entry.closes, |person| person.window.closes());
    let next = Entry { delivery, closes, ..*entry };
    decision.changes.push(Change::Outbox(id, next));
    if entry.accepted_at().is_none() && next.accepted_at().is_some() {
        decision.changes.extend(conversation::message_accepted(state, rules, &next));
        decision.changes.extend(superseded(state, id, entry));
    }
    if next.stage() == Stage::Gone {
        decision.changes.extend(conversation::message_ended(state, id, next.person));
    }
    if next.stage() == Stage::Gone && next.accepted_at().is_none() {
        decision.changes.extend(conversation::message_failed(state, &next, left));
    }
    decision.changes.extend(guarded(state, now, entry, left, delivery));
    decision.changes.extend(timed(state, now, entry, delivery));
    decision
}

/// The person has these figures now: older ones whose outcome is unknown need not go once more.
fn superseded(state: &State, id: OutboxId, entry: &Entry) -> Vec<Change> {
    let older = state.outbox.of(entry.person).take_while(|(other, _)| *other < id);
    let doubtful = older.filter(|(_, other)| entry.kind.shows_figures() && other.repeatable().is_some());
    doubtful.map(|(other, entry)| Change::Outbox(other, Entry { delivery: Delivery::Failed { code: 0 }, ..*entry })).collect()
}

/// How long before its end a window counts as closed, after what this message has met with.
fn guarded(state: &State, now: Millis, entry: &Entry, left: Option<Timestamp>, delivery: Delivery) -> Option<Change> {
    let left = left?;
    let guard = match (entry.delivery, delivery) {
        (Delivery::InFlight { .. }, Delivery::Accepted { .. }) => state.guard.after_round_trip(left, now.second()),
        (_, Delivery::Failed { code }) if fault::of_code(code, false) == Fault::Closed => state.guard.after_refusal(left, entry.closes),
        (_, _) => state.guard,
    };
    (guard != state.guard).then_some(Change::Guard(guard))
}

/// How long Meta takes to answer, after this answer.
fn timed(state: &State, now: Millis, entry: &Entry, delivery: Delivery) -> Option<Change> {
    let (Delivery::InFlight { since, .. }, Delivery::Accepted { .. }) = (entry.delivery, delivery) else { return None };
    let round_trip = state.round_trip.after(since, now.second());
    (round_trip != state.round_trip).then_some(Change::RoundTrip(round_trip))
}

/// The process has started: what was in flight has an unknown outcome, and how much has just been sent is not known either.
pub fn started(state: &State, rules: &Rules, now: Millis) -> Decision {
    let (mut decision, mut budget) = (Decision::acted(), state.budget);
    for (id, entry) in state.outbox.iter() {
        if let Delivery::InFlight { since, .. } = entry.delivery {
            budget = bill::without(budget, entry.toll, since);
            let unknown = Entry { delivery: Delivery::Unknown { since: now.second() }, ..*entry };
            decision.changes.push(Change::Outbox(id, unknown));
            decision.changes.extend(conversation::message_failed(state, &unknown, None));
            decision.changes.extend(conversation::message_ended(state, id, entry.person));
        }
    }
    decision.changes.extend(billed(state, budget));
    decision.changes.push(Change::Paced(Bucket::restarted(now, rate(state, rules, now))));
    decision
}

/// Doubles from one second to five minutes; half of it is spread by the message's id, so that no two retry together.
fn backoff(id: OutboxId, attempt: u8) -> u32 {
    let full = BACKOFF.checked_shl(u32::from(attempt)).unwrap_or(BACKOFF_MAX).clamp(BACKOFF, BACKOFF_MAX);
    let spread = u32::try_from(id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40).unwrap_or(0);
    full + spread % (full / 2 + 1)
}
