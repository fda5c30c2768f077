//! What the relay looks like from outside: counts, never a person. Read off the state at one moment; decides nothing.

use crate::domain::budget::{self, places};
pub use crate::domain::budget::{Month, Standing, Surprise};
use crate::domain::conversation::{Person, Reminder, Talk};
use crate::domain::decision::Ingress;
use crate::domain::figures::{View, views};
use crate::domain::notice::Notice;
use crate::domain::outbox::{self, Delivery, Hold, Outbox, Why};
use crate::domain::pacing::Guard;
use crate::domain::rules::Rules;
use crate::domain::state::{Clock, State};
use crate::domain::time::{Day, Millis, Timestamp, local};

/// What the relay looks like from outside, for whoever watches. Without anybody in it: it may be shown to everybody.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pulse {
    /// When the relay will step by itself.
    pub next: Option<Millis>,
    /// Whether the clock is known to be right. Until then nothing that depends on a window leaves.
    pub clock_trusted: bool,
    /// People by what is agreed with them.
    pub people: PeopleCount,
    /// People to whom a free-form message may be written now.
    pub open_windows: usize,
    /// When the earliest reminder that is still to come is nominally due.
    pub next_reminder: Option<Timestamp>,
    /// Messages by how far they have come.
    pub outbox: OutboxCount,
    /// Why nothing is sent at present, if so.
    pub held: Option<HeldPulse>,
    /// How fast messages leave, and until when.
    pub pace: PacePulse,
    /// The feeds, in the order of the configuration.
    pub feeds: Vec<View>,
    /// While something is being handed out: the subscribers who still lack it. `None` when it is done.
    pub lacking: Option<usize>,
    /// Messages.
    pub budget: BudgetPulse,
    /// The last day of the service, if one is planned.
    pub last_day: Option<Day>,
    /// Since when verified webhooks have come without a long gap, and the latest. `None` since the start until the first.
    pub ingress: Option<Ingress>,
    /// Damaged stores that were set aside and still lie there: paths.
    pub damaged: Vec<String>,
    /// Since when there is no room on the disk. Until there is again, the relay knows nothing of all this.
    pub full: Option<Timestamp>,
}

/// How many people there are in each state of the conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PeopleCount {
    /// Wrote for the first time, a moment ago.
    pub new: usize,
    /// The question was put.
    pub asked: usize,
    /// Said "Ja" when there was no place.
    pub waiting: usize,
    /// Get figures and reminders.
    pub subscribed: usize,
    /// Were silent; a "Ja" takes it up again.
    pub lapsed: usize,
    /// Were lost by our own fault.
    pub orphaned: usize,
    /// Said stop lately.
    pub stopped: usize,
}

/// How many messages have come how far. Finished ones are kept until their window has been judged, so these are of about a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OutboxCount {
    /// Wait for their turn.
    pub queued: usize,
    /// Back off after an attempt that certainly did not go out.
    pub resting: usize,
    /// Handed to the port.
    pub in_flight: usize,
    /// Perhaps written, without an answer.
    pub unknown: usize,
    /// Meta took them.
    pub accepted: usize,
    /// On the phone.
    pub delivered: usize,
    /// Will not arrive.
    pub failed: usize,
}

impl OutboxCount {
    /// Messages that wait or are on their way.
    pub fn pending(&self) -> usize {
        self.queued + self.resting + self.in_flight
    }
}

/// The circuit breaker is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldPulse {
    /// Meta's code (WhatsApp docs: error-codes); `None` if it announced a restriction.
    pub code: Option<u32>,
    /// Since when.
    pub since: Timestamp,
    /// When one message may try again.
    pub until: Timestamp,
}

/// How fast messages leave, and until when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PacePulse {
    /// Messages a second that Meta grants at present.
    pub rate: u32,
    /// Messages a second that are configured.
    pub permitted: u32,
    /// How many seconds before its end a window counts as closed.
    pub guard: u32,
    /// Publications that left a second time, because nobody knew whether they had arrived.
    pub repeated: u32,
}

/// Messages and people, as far as they are limited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BudgetPulse {
    /// The month that it is now, by local time.
    pub month: Month,
    /// Messages a month that are allowed; `None`: without limit.
    pub limit: Option<u32>,
    /// People for whom there is room; `None`: without limit.
    pub places: Option<usize>,
    /// People who take a place.
    pub taken: usize,
    /// Messages that will have left by the end of the month, if everybody stays.
    pub forecast: u64,
    /// Whether they suffice.
    pub standing: Standing,
    /// What Meta does otherwise than expected.
    pub surprise: Option<Surprise>,
}

impl Pulse {
    /// The state at `now`, when `next` is the relay's next step. Costs a walk over all people and messages.
    pub fn of(state: &State, rules: &Rules, now: Millis, next: Option<Millis>) -> Pulse {
        let mut pulse = Pulse {
            next,
            clock_trusted: state.clock == Clock::Trusted,
            outbox: OutboxCount::of(&state.outbox),
            held: state.hold.map(HeldPulse::of),
            pace: PacePulse {
                rate: outbox::rate(state, rules, now),
                permitted: rules.rate,
                guard: state.guard.seconds(),
                repeated: state.counters.repeated,
            },
            feeds: views(state, rules),
            lacking: state.broadcasting().then_some(state.lacking.len()),
            budget: BudgetPulse {
                month: state.budget.of(local(now, &rules.zone).date()),
                limit: rules.monthly_messages,
                places: places(rules),
                taken: state.people.admitted(),
                forecast: budget::forecast(state, rules, now, state.people.admitted()),
                standing: budget::standing(state, rules, now),
                surprise: state.budget.surprise(now),
            },
            last_day: match state.notice {
                Notice::None => None,
                Notice::Planned { last_day, .. } | Notice::Announced { last_day, .. } | Notice::Over { last_day } => Some(last_day),
            },
            ingress: state.ingress,
            ..Pulse::default()
        };
        for (_, person) in state.people.iter() {
            pulse.count(rules, person, now, state.guard);
        }
        pulse
    }

    fn count(&mut self, rules: &Rules, person: &Person, now: Millis, guard: Guard) {
        let people = &mut self.people;
        let addressable = match &person.talk {
            Talk::New => {
                people.new += 1;
                true
            }
            Talk::Waiting { .. } => {
                people.waiting += 1;
                true
            }
            Talk::Asked { .. } => {
                people.asked += 1;
                true
            }
            Talk::Subscribed { reminder, .. } => {
                people.subscribed += 1;
                if *reminder == Reminder::Pending {
                    let at = rules.remind_at(person.window);
                    self.next_reminder = Some(self.next_reminder.map_or(at, |earliest| earliest.min(at)));
                }
                true
            }
            Talk::Lapsed { .. } => {
                people.lapsed += 1;
                false
            }
            Talk::Orphaned { .. } => {
                people.orphaned += 1;
                false
            }
            Talk::Stopped { .. } => {
                people.stopped += 1;
                false
            }
        };
        self.open_windows += usize::from(addressable && person.window.sendable(now, guard));
    }
}

impl OutboxCount {
    fn of(outbox: &Outbox) -> OutboxCount {
        let mut count = OutboxCount::default();
        for (_, entry) in outbox.iter() {
            *match entry.delivery {
                Delivery::Queued { .. } => &mut count.queued,
                Delivery::Resting { .. } => &mut count.resting,
                Delivery::InFlight { .. } => &mut count.in_flight,
                Delivery::Unknown { .. } => &mut count.unknown,
                Delivery::Accepted { .. } => &mut count.accepted,
                Delivery::Delivered { .. } => &mut count.delivered,
                Delivery::Failed { .. } => &mut count.failed,
            } += 1;
        }
        count
    }
}

impl HeldPulse {
    fn of(hold: Hold) -> HeldPulse {
        let code = match hold.why {
            Why::Code(code) => Some(code),
            Why::Restriction => None,
        };
        HeldPulse { code, since: hold.since, until: hold.until }
    }

    /// What happened and what to do, in German, for technicians.
    pub fn sentence(self) -> String {
        self.code.map_or(Why::Restriction, Why::Code).sentence()
    }
}

/// Everyone's row, for the demo, which knows who is who. Never for a display.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Roster(pub Vec<Person>);

impl Roster {
    /// Everyone at this moment. Costs a copy of every row.
    pub fn of(state: &State) -> Roster {
        Roster(state.people.iter().map(|(_, person)| person.clone()).collect())
    }
}
