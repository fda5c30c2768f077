//! Decisions. No I/O, no clock, no await, no randomness: [`decide`] looks at the state and an event, and says what is to be written down
//! and what may leave afterwards. It cannot fail, because what goes wrong outside arrives as an event.

pub mod addresses;
pub mod alarm;
pub mod audience;
pub mod backup;
pub mod budget;
pub mod conversation;
pub mod decision;
pub mod event;
pub mod figures;
pub mod ids;
pub mod notice;
pub mod outbox;
pub mod pacing;
mod pages;
pub mod people;
pub mod rewrite;
pub mod rules;
pub mod state;
mod taken;
pub mod time;
pub mod trust;
pub mod window;
pub mod wording;

use decision::{Change, Decision, Ingress, Refusal};
use event::{Event, Key, Standing};
use pacing::Bucket;
use rules::Rules;
use state::{Clock, State};
use std::collections::BTreeSet;
use time::Millis;

/// Ingress counts as proven while verified webhooks follow each other within this many seconds: the reminder's own statuses come within
/// a minute, the verdict follows eleven minutes after the reminder, and some slack is left for Meta.
pub const INGRESS_GAP: u32 = 15 * 60;

/// The one match from what happens to what is done.
pub fn decide(state: &State, rules: &Rules, now: Millis, event: &Event) -> Decision {
    match event {
        Event::Started => started(state, rules, now),
        Event::ClockTrusted => trusted(state, rules, now),
        Event::ClockDoubted => doubted(state),
        Event::Figure(figure) => figures::arrived(state, rules, now, figure),
        Event::Validate(figure) => figures::validated(state, rules, now, figure),
        Event::Asked(request) => figures::ruled(state, rules, now, request),
        Event::Heard(heard) => with_ingress(state, now, with_token(state, rules, now, conversation::heard(state, rules, now, heard))),
        Event::Moved(moved) => with_ingress(state, now, conversation::moved(state, moved)),
        Event::Status(status) => with_ingress(state, now, outbox::status(state, rules, now, status)),
        Event::Account(Standing::Restricted { until }) => with_ingress(state, now, outbox::restricted(state, now, *until)),
        Event::Account(Standing::Restored) => with_ingress(state, now, outbox::restored(state, rules, now)),
        Event::Proof => with_ingress(state, now, Decision::refused(Refusal::NothingToDo)),
        Event::Rewritten => rewrite::done(now),
        Event::RewriteFailed => rewrite::failed(state, now),
        Event::Sent { id, outcome } => outbox::sent(state, rules, now, *id, *outcome),
        Event::Due(Key::Feed(id)) => figures::due(state, rules, now, *id),
        Event::Due(Key::Notice) => notice::due(state, now),
        Event::Due(Key::Seen) => forget_seen(state),
        Event::Due(Key::Rewrite) => rewrite::due(),
        Event::Due(Key::Person(id)) => conversation::due(state, rules, now, *id),
        Event::Due(Key::Answers) => conversation::answers(state, rules, now),
        Event::Due(Key::Outbox) => outbox::turn(state, rules, now),
    }
}

/// The process has started, perhaps with another configuration than before.
fn started(state: &State, rules: &Rules, now: Millis) -> Decision {
    let mut decision = outbox::started(state, rules, now);
    decision.changes.extend(figures::configured(state, rules));
    decision.changes.extend(notice::planned(state, rules));
    let wording = rules.texts.consent(rules.feeds.len());
    if !state.wordings.contains_key(&wording) {
        decision.changes.push(Change::Wording(wording, rules.texts.consent_question(rules.feeds.len()).into()));
    }
    let agreed = state.people.iter().filter_map(|(_, person)| Some(person.talk.subscription()?.wording));
    let needed: BTreeSet<u32> = agreed.chain([wording]).collect();
    let gone = state.wordings.keys().filter(|wording| !needed.contains(wording));
    decision.changes.extend(gone.map(|wording| Change::ForgetWording(*wording)));
    decision
}

/// The clock is known to be right, for the first time or again. Nobody knows how far it has moved since: whatever was written down by one
/// that was ahead is put right, by whomever it belongs to.
fn trusted(state: &State, rules: &Rules, now: Millis) -> Decision {
    match state.clock {
        Clock::Trusted => Decision::refused(Refusal::NothingToDo),
        Clock::Untrusted => {
            let mut decision = Decision::acted();
            decision.changes.push(Change::Clock(Clock::Trusted));
            let budget = state.budget.set_right(now);
            decision.changes.extend((budget != state.budget).then_some(Change::Budget(budget)));
            // What an untrusted clock said of the second before is of no use.
            decision.changes.push(Change::Paced(Bucket::restarted(now, outbox::rate(state, rules, now))));
            decision.changes.extend(outbox::set_right(state, now.second()));
            decision.changes.extend(conversation::set_right(state, now.second()));
            decision.changes.extend(rewrite::set_right(state, now));
            decision.changes.extend(figures::set_right(state, rules, now));
            decision
        }
    }
}

/// The clock is in doubt. For how long webhooks have arrived is not known then: the seconds that it may skip would count as proven.
fn doubted(state: &State) -> Decision {
    match state.clock {
        Clock::Untrusted => Decision::refused(Refusal::NothingToDo),
        Clock::Trusted => Decision { changes: vec![Change::Clock(Clock::Untrusted), Change::Ingress(None)], ..Decision::acted() },
    }
}

/// Every message and status came in a verified webhook, so ingress works now. Since when, only a trusted clock can tell: when an untrusted
/// one is set right, the seconds that it skips would count as proven.
fn with_ingress(state: &State, now: Millis, mut decision: Decision) -> Decision {
    if state.clock == Clock::Untrusted {
        return decision;
    }
    let latest = now.second();
    let since = match state.ingress {
        Some(ingress) if latest.0.abs_diff(ingress.latest.0) <= INGRESS_GAP => ingress.since,
        Some(_) | None => latest,
    };
    let ingress = Ingress { since, latest };
    if state.ingress != Some(ingress) {
        decision.changes.push(Change::Ingress(Some(ingress)));
    }
    decision
}

/// Meta counts both directions (WhatsApp docs: throughput): a message that has not been here before takes a token.
fn with_token(state: &State, rules: &Rules, now: Millis, mut decision: Decision) -> Decision {
    if decision.changes.iter().any(|change| matches!(change, Change::Seen(..))) {
        decision.changes.push(Change::Paced(state.bucket.heard(now, outbox::rate(state, rules, now))));
    }
    decision
}

fn forget_seen(state: &State) -> Decision {
    let Some(hour) = state.seen.oldest() else { return Decision::refused(Refusal::NothingToDo) };
    Decision { changes: vec![Change::ForgetSeen(hour)], ..Decision::acted() }
}
