//! One world from its beginning to its quiet end, and what must have happened in all of them together. Uses nothing but the crate's public
//! face, so that a fuzzer and the example `simulate` can live the same lives.

use super::choices::Choices;
use super::meta::Strictness;
use super::world::World;
use drk_relay::domain::outbox::Stage;
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// Steps shown when a promise breaks.
const LAST: usize = 16;

/// Every fault and every turn of the conversation must really have happened.
pub(crate) const MUST_HAPPEN: [&str; 84] = [
    "a place",
    "a place, taken",
    "accepted, then failed",
    "account refused",
    "another number and BSUID",
    "another number, the same BSUID",
    "answer after the statuses",
    "answer lost, outcome unknown",
    "asked before the closing",
    "asleep with a message in the port",
    "batch of a thousand",
    "batch partly known",
    "broker connection lost",
    "burst",
    "call",
    "clock a year off at start",
    "clock lost at start",
    "clock step",
    "clock stepped by a year while untrusted",
    "disk error",
    "disk error that passes",
    "disk full",
    "duplicate webhook",
    "edit",
    "failed commit",
    "figures of unknown outcome once more",
    "guard widened",
    "hint",
    "implausible figure",
    "lapsed",
    "lapsed, and back",
    "late status",
    "message from the future",
    "messages are spent",
    "messages run short",
    "moved",
    "no place",
    "not asked before the closing",
    "number and BSUID",
    "number without BSUID",
    "number's limit reached",
    "orphaned",
    "orphaned, and back",
    "outside the window, by a clock that lies",
    "pair's limit reached",
    "power cut",
    "power cut between commit and send",
    "power cut during recovery",
    "probe",
    "PUBACK lost",
    "publication",
    "publication in parts",
    "rate cut",
    "reaction",
    "redelivered publish",
    "reminder",
    "request lost, outcome unknown",
    "restriction",
    "retained replay",
    "ruling",
    "send not written",
    "send refused",
    "send throttled",
    "send to a name that is gone",
    "stale publish",
    "status of a message that nobody sent",
    "status repeated",
    "status without a price",
    "status without callback data",
    "statuses out of order",
    "stopped",
    "store rewritten",
    "subscribed",
    "suspend",
    "too late at the port",
    "trusted clock stepped by hours",
    "two feeds in one publication",
    "webhook a day late",
    "webhook in a batch",
    "webhook late, out of order",
    "webhook three days late",
    "webhook twice in one step",
    "window closed minutes early",
    "window closed seconds early",
];

/// A promise broke.
pub(crate) struct Broken {
    /// What happened before, one step a line.
    pub(crate) last: Vec<String>,
    /// What the check said.
    pub(crate) panic: Box<dyn Any + Send>,
}

/// Lives a world of so many actions, at most.
///
/// # Errors
/// If a promise breaks. The life is lived again then, to tell what happened last: that costs too much to be told of every life.
pub(crate) fn live(choices: &Choices, actions: u32) -> Result<World, Broken> {
    let mut world = World::new(choices.clone());
    let lived = catch_unwind(AssertUnwindSafe(|| run(&mut world, actions)));
    lived.map(|()| world).map_err(|_| again(choices, actions))
}

fn again(choices: &Choices, actions: u32) -> Broken {
    let mut world = World::new(choices.clone());
    world.trace = Some(Vec::new());
    let lived = catch_unwind(AssertUnwindSafe(|| run(&mut world, actions)));
    let panic = lived.err().unwrap_or_else(|| Box::new("it did not happen again: chance has another source"));
    let trace = world.trace.unwrap_or_default();
    Broken { last: trace[trace.len().saturating_sub(LAST)..].to_vec(), panic }
}

/// The same, with every step told.
pub(crate) fn traced(choices: &Choices, actions: u32) -> World {
    let mut world = World::new(choices.clone());
    world.trace = Some(Vec::new());
    run(&mut world, actions);
    world
}

fn run(world: &mut World, actions: u32) {
    for _ in 0..actions {
        if world.choices.used_up() {
            break;
        }
        act(world);
    }
    come_to_rest(world);
}

/// One of the things that happen in a world.
fn act(world: &mut World) {
    match world.choices.below(200) {
        0..40 => world.speaks_up(),
        40..44 => world.burst(),
        44..48 => world.react(),
        48..50 => world.call(),
        50..52 => world.moves(),
        52..70 => world.publish(),
        70..126 => pass_up_to(world, 10 * MINUTE),
        126..154 => pass_up_to(world, 6 * HOUR),
        154..168 => pass_to_the_edge(world),
        168..182 => world.crash(&[]),
        182..186 => world.break_disk(),
        186..188 => world.account(),
        188..190 => world.suspend(),
        190..193 => world.break_line(),
        193..199 => world.wobble(),
        _ => {
            pass_to_the_edge(world);
            world.clock_lies();
        }
    }
}

fn pass_up_to(world: &mut World, millis: u64) {
    let millis = world.choices.below(millis);
    world.pass(millis);
}

/// To within a few seconds of somebody's closing window, where everything is decided.
fn pass_to_the_edge(world: &mut World) {
    let people = world.relay.state().people.iter();
    let edges: Vec<_> = people.map(|(_, person)| person.window.closes().millis()).filter(|at| *at > world.now).collect();
    if edges.is_empty() {
        return;
    }
    let edge = *world.choices.of(&edges);
    let before = world.choices.below(70_000);
    world.pass(edge.since(world.now).saturating_sub(before));
}

/// Faults stop, and nothing is restarted: work that never ends or never starts shows only here.
pub(crate) fn come_to_rest(world: &mut World) {
    world.faults = false;
    world.meta.strictness = Strictness::default();
    world.set_right();
    // A restriction lasts six hours at most, and then a probe has to get through.
    world.pass(8 * HOUR);
    // What came in the last second is still being answered.
    if world.relay.state().outbox.iter().any(|(_, entry)| entry.stage() != Stage::Gone) {
        world.pass(60_000);
    }
    let state = world.relay.state();
    assert!(!state.broadcasting(), "a broadcast never ends");
    let waiting: Vec<_> = state.outbox.iter().filter(|(_, entry)| entry.stage() != Stage::Gone).collect();
    assert!(waiting.is_empty(), "messages wait for ever: {waiting:?}, {:?}", state.hold);
    // What Meta brings three days late is still on its way.
    world.pass(4 * 24 * HOUR);
    let state = world.relay.state();
    assert!(state.addresses.is_empty(), "addresses are kept for ever");
    world.pass(9 * 24 * HOUR);
    world.compare();
    let state = world.relay.state();
    assert!(state.people.is_empty() && state.seen.is_empty() && state.outbox.iter().next().is_none(), "rows are kept for ever");
}

/// What many lives amount to.
#[derive(Default)]
pub(crate) struct Total {
    /// How often each fault and each turn has happened.
    pub(crate) coverage: BTreeMap<&'static str, u64>,
    /// Events that relays were told, and deadlines that they were woken for.
    pub(crate) events: u64,
    /// Simulated milliseconds.
    pub(crate) millis: u64,
}

impl Total {
    /// One more life.
    pub(crate) fn add(&mut self, world: &World) {
        self.events += world.events;
        self.millis += world.now.since(super::world::START);
        self.merge_coverage(&world.coverage);
    }

    /// The lives of another thread.
    pub(crate) fn merge(&mut self, other: &Total) {
        self.events += other.events;
        self.millis += other.millis;
        self.merge_coverage(&other.coverage);
    }

    fn merge_coverage(&mut self, coverage: &BTreeMap<&'static str, u64>) {
        for (what, times) in coverage {
            *self.coverage.entry(what).or_default() += times;
        }
    }

    /// How often that has happened.
    pub(crate) fn counted(&self, what: &str) -> u64 {
        self.coverage.get(what).copied().unwrap_or(0)
    }

    /// What should have happened and never did.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        MUST_HAPPEN.into_iter().filter(|what| self.counted(what) == 0).collect()
    }
}
