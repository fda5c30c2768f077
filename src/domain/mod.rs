//! Decisions. No I/O, no clock, no await, no randomness: [`decide`] looks at the state and an event, and says what is to be written down
//! and what may leave afterwards. It cannot fail, because what goes wrong outside arrives as an event.

pub mod budget;
pub mod conversation;
pub mod decision;
pub mod event;
pub mod figures;
pub mod ids;
pub mod outbox;
pub mod pacing;
pub mod state;
pub mod time;
pub mod window;
pub mod wording;

use decision::{Change, Decision, Ingress, Refusal, Verdict};
use event::{Event, Key};
use state::{Clock, Rules, State};
use time::Millis;

/// Ingress counts as proven while verified webhooks follow each other within this many seconds: the reminder's own statuses come within
/// a minute, the verdict follows eleven minutes after the reminder, and some slack is left for Meta.
pub const INGRESS_GAP: u32 = 15 * 60;

/// The one match from what happens to what is done.
pub fn decide(state: &State, rules: &Rules, now: Millis, event: &Event) -> Decision {
    match event {
        Event::Started => outbox::started(state),
        Event::ClockTrusted => trusted(state, rules, now),
        Event::Figure(figure) => figures::arrived(state, rules, now, figure),
        Event::Heard(heard) => with_ingress(state, now, conversation::heard(state, now, heard)),
        Event::Status(status) => with_ingress(state, now, outbox::status(state, rules, now, status)),
        Event::Sent { id, outcome } => outbox::sent(state, rules, now, *id, *outcome),
        Event::Due(Key::Feed) => figures::settled(state),
        Event::Due(Key::Seen) => forget_seen(state),
        Event::Due(Key::Person(id)) => conversation::due(state, now, *id),
        Event::Due(Key::Outbox) => outbox::turn(state, rules, now),
    }
}

fn trusted(state: &State, rules: &Rules, now: Millis) -> Decision {
    match state.clock {
        Clock::Trusted => Decision::refused(Refusal::NothingToDo),
        Clock::Untrusted => {
            let mut decision = Decision::acted();
            decision.changes.push(Change::Trusted);
            decision.changes.extend(figures::judge_held(state, rules, now));
            decision
        }
    }
}

/// Every message and status came in a verified webhook, so ingress works now.
fn with_ingress(state: &State, now: Millis, mut decision: Decision) -> Decision {
    let latest = now.second();
    let since = match state.ingress {
        Some(ingress) if latest.0.abs_diff(ingress.latest.0) <= INGRESS_GAP => ingress.since,
        Some(_) | None => latest,
    };
    let ingress = Ingress { since, latest };
    if state.ingress != Some(ingress) {
        decision.changes.push(Change::Ingress(ingress));
    }
    decision
}

fn forget_seen(state: &State) -> Decision {
    let Some(hour) = state.seen.oldest() else { return Decision::refused(Refusal::NothingToDo) };
    Decision { changes: vec![Change::ForgetSeen(hour)], effects: Vec::new(), verdict: Verdict::Acted }
}
