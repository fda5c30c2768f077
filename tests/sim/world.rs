//! The simulated world: the real domain, relay, store and wheel on a disk, a broker, a Meta and people that chance drives. No socket, no
//! clock of the system, no mock. Here is what it consists of and how time passes; what goes wrong on the way is in `traffic`, what happens
//! to the process in `process`.
//!
//! After every step the promises are judged (`promises`). What costs a walk over everything, the comparison of memory, wheel and the
//! disk's image in full, is done at every [`COMPARED`]th step of a small world and every [`COMPARED_CROWD`]th of a crowd, after every
//! power cut, and when the world has come to rest.

use super::choices::Choices;
use super::disk::{Disk, LIVE};
use super::meta::{Meta, Strictness};
use super::people::{FEEDS, Person};
use super::process::RelayClock;
use super::promises::{Ledger, durable};
use super::publishers::{Broker, METRICS};
use drk_relay::domain::budget::{self, FREE};
use drk_relay::domain::decision::{Effect, Send};
use drk_relay::domain::event::{Event, Figure, Outcome, Said};
use drk_relay::domain::ids::{Address, InstanceId, Name, OutboxId, PersonHash, PersonId};
use drk_relay::domain::outbox::Kind;
use drk_relay::domain::pacing::{Guard, Throttle};
use drk_relay::domain::rules::{FeedRules, MetricKind, MetricRules, Rules};
use drk_relay::domain::state::State;
use drk_relay::domain::time::{Millis, Timestamp};
use drk_relay::relay::{Relay, SLOTS};
use drk_relay::store::Store;
use std::collections::{BTreeMap, VecDeque};

/// 2026-10-24 10:00 UTC: a day before the clocks go back.
pub(crate) const START: Millis = Millis(1_792_836_000_000);
/// In a small world there are messages for three people who take both feeds (`budget::places`): one of four waits.
const MONTHLY: u32 = 3 * 68;
/// A loop that turns this often without time passing never ends.
const SPINS: u32 = 50_000;
/// A relay that is woken this often within a minute, and neither lets anything out nor moves its queue, turns in circles. 100,000 verdicts
/// take 400 steps.
const IDLE: u32 = 1_000;
/// A small world is compared in full at every so many steps: it costs five times as much as a step.
const COMPARED: u64 = 16;
/// The same for a crowd, whose comparison costs as much as thousands of steps.
const COMPARED_CROWD: u64 = 20_000;
/// More people than in a small world.
const CROWD: usize = 16;

/// Something on its way.
#[derive(Clone, Debug)]
pub(crate) enum Transit {
    /// A webhook; Meta delivers it until it gets its 200.
    Webhook(Vec<Event>),
    /// A QoS 1 publish reaches the broker, which delivers it until it gets its PUBACK.
    Publish(Figure),
    /// The port has connected to the broker.
    Connected,
    /// A request waits in the port; lost if the process dies.
    Request(Box<Send>),
    /// A request has been written, by the process of that number.
    Written(Box<Send>, u64),
    /// The answer to a request; lost if the process dies.
    Answer(OutboxId, Outcome),
    /// The relay's clock has been set right; lost if the process dies.
    Trust,
    /// Somebody says something.
    Speak(usize, Said),
}

/// What the relay remembers of what has gone wrong, and of its file's age.
#[derive(PartialEq)]
struct Learned {
    guard: Guard,
    throttle: Option<Throttle>,
    repeated: u32,
    rewritten: Option<Timestamp>,
}

impl Learned {
    fn of(state: &State) -> Learned {
        Learned { guard: state.guard, throttle: state.throttle, repeated: state.counters.repeated, rewritten: state.rewritten }
    }

    /// What is new in it, for coverage.
    fn beyond(self, before: Learned) -> Vec<&'static str> {
        let new = [
            (self.guard > before.guard, "guard widened"),
            (self.throttle != before.throttle, "rate cut"),
            (self.repeated > before.repeated, "figures of unknown outcome once more"),
            (self.rewritten > before.rewritten, "store rewritten"),
        ];
        new.into_iter().filter(|(new, _)| *new).map(|(_, what)| what).collect()
    }
}

/// A message has left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    pub(crate) at: Millis,
    pub(crate) person: PersonId,
    pub(crate) reminder: bool,
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) choices: Choices,
    /// True time.
    pub(crate) now: Millis,
    pub(crate) relay: Relay,
    pub(crate) meta: Meta,
    pub(crate) broker: Broker,
    pub(crate) people: Vec<Person>,
    /// Who has which address, and under which name Meta knows them there.
    pub(crate) addresses: BTreeMap<Address, (usize, PersonHash)>,
    pub(crate) ledger: Ledger,
    pub(crate) rules: Rules,
    /// Meta takes so many milliseconds longer to answer.
    pub(crate) slow: u64,
    /// While false nothing goes wrong any more.
    pub(crate) faults: bool,
    /// The day that the next figure is about.
    pub(crate) day: i32,
    /// Every step as text, if anybody wants to read it: that costs as much as the step.
    pub(crate) trace: Option<Vec<String>>,
    pub(crate) coverage: BTreeMap<&'static str, u64>,
    /// Events that the relay was told, and deadlines that it was woken for.
    pub(crate) events: u64,
    pub(crate) disk: Disk,
    pub(crate) clock: RelayClock,
    /// How many processes have died.
    pub(crate) process: u64,
    pub(crate) transit: BTreeMap<(Millis, u64), Transit>,
    /// When messages have left, and whether they were reminders, if anybody wants to know.
    pub(crate) departures: Option<Vec<Departure>>,
    /// When a message was last written by a clock that lies.
    pub(crate) written_by_a_lie: Millis,
    /// What webhooks have brought lately: Meta may bring it again.
    pub(crate) history: VecDeque<Event>,
    order: u64,
    steps: u64,
    /// The minute, and how often the relay was woken in it for nothing.
    idle: (u64, u32),
}

impl World {
    /// A few people, and everything that can go wrong.
    pub(crate) fn new(mut choices: Choices) -> World {
        let count = 1 + choices.below(4);
        let people = Person::some(count, &mut choices);
        let per_second = if choices.chance(25) { Some(1 + choices.below(4) as usize) } else { None };
        let free = *choices.of(&[FREE, 20]);
        let strictness = Strictness { per_second, pair_burst: *choices.of(&[1, 2, 45]), free, pays: true };
        let rules = Rules { monthly_messages: Some(MONTHLY), ..rules() };
        let mut world = World::with(choices, people, rules, true, |_| ());
        world.meta.strictness = strictness;
        world
    }

    /// A crowd, and nothing goes wrong.
    pub(crate) fn crowd(seed: u64, people: u64) -> World {
        World::with(Choices::seed(seed), (0..people).map(Person::new).collect(), rules(), false, |_| ())
    }

    /// A world whose store somebody has filled.
    pub(crate) fn with(choices: Choices, people: Vec<Person>, rules: Rules, faults: bool, fill: impl FnOnce(&mut Store)) -> World {
        let disk = Disk::new();
        let mut store = Store::of(&disk.files(), InstanceId(1)).expect("a new disk takes a new store");
        fill(&mut store);
        let relay = Relay::open(store, rules.clone()).expect("a new store loads");
        let ledger = Ledger::new(rules.clone(), budget::places(&rules), people.len());
        let mut world = World {
            choices,
            now: START,
            relay,
            meta: Meta::default(),
            broker: Broker::default(),
            people,
            addresses: BTreeMap::new(),
            ledger,
            rules,
            slow: 0,
            faults,
            day: 20_750,
            trace: None,
            coverage: BTreeMap::new(),
            events: 0,
            disk,
            clock: RelayClock::Off(0),
            process: 0,
            transit: BTreeMap::new(),
            departures: None,
            written_by_a_lie: Millis(0),
            history: VecDeque::new(),
            order: 0,
            steps: 0,
            idle: (0, 0),
        };
        (0..world.people.len()).for_each(|index| world.settle_in(index));
        world.remember();
        world.ledger.flawless = !faults;
        world.started();
        world
    }

    /// Those who are in the store from the beginning have written before.
    fn remember(&mut self) {
        for (_, row) in self.relay.state().people.iter() {
            self.ledger.was_there(row.hash, row.window.latest);
        }
        for person in self.people.iter().filter(|person| self.relay.state().people.find(person.hash).is_some()) {
            self.meta.wrote(person, self.ledger.wrote(person.hash));
        }
        self.ledger.refresh(self.relay.state());
    }

    /// Somebody goes by the names that they have now.
    pub(crate) fn settle_in(&mut self, index: usize) {
        let person = &self.people[index];
        self.ledger.known_as(person.phone_hash(), person.hash);
        self.addresses.insert(person.address.clone(), (index, person.hash));
        self.addresses.insert(person.phone_address(), (index, person.hash));
    }

    /// A number that was not used before.
    pub(crate) fn fresh(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// One more of these.
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.coverage.entry(what).or_default() += 1;
    }

    /// How often that has happened.
    pub(crate) fn counted(&self, what: &str) -> u64 {
        self.coverage.get(what).copied().unwrap_or(0)
    }

    /// Puts something on its way; it arrives `millis` from now.
    pub(crate) fn after(&mut self, millis: u64, transit: Transit) {
        self.order += 1;
        self.transit.insert((self.now.plus(millis), self.order), transit);
    }

    /// True if something goes wrong now, in `percent` of the cases.
    pub(crate) fn fault(&mut self, percent: u64, what: &'static str) -> bool {
        let wrong = self.faults && self.choices.chance(percent);
        if wrong {
            self.count(what);
        }
        wrong
    }

    /// Lets time pass: whatever arrives or is due until then happens in its order.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now.plus(millis);
        let mut spins = 0;
        loop {
            let arrival = self.transit.first_key_value().map(|(key, _)| key.0);
            let due = self.relay.next_deadline(self.relay_now()).map(|at| self.true_time(at));
            let Some(next) = arrival.into_iter().chain(due).min().filter(|next| *next <= end) else {
                self.now = self.now.max(end);
                return;
            };
            spins = if next > self.now { 0 } else { spins + 1 };
            assert!(spins < SPINS, "the relay spins at {:?}", self.now);
            self.now = self.now.max(next);
            match arrival.filter(|at| *at <= self.now).and_then(|_| self.transit.pop_first()) {
                Some((_, transit)) => self.arrive(transit),
                None => drop(self.step("due", &[])),
            }
        }
    }

    /// One step of the relay; whether it was committed. Effects leave, or die with the process.
    pub(crate) fn step(&mut self, why: &'static str, events: &[Event]) -> bool {
        let (now, queue, learned) = (self.relay_now(), self.queue(), Learned::of(self.relay.state()));
        self.events += events.len().max(1) as u64;
        self.steps += 1;
        self.ledger.before(self.relay.state(), now, self.now, events);
        let effects = match self.relay.step(now, events) {
            Ok(effects) => effects,
            Err(error) => {
                self.say(|| format!("{why}: commit failed: {error}"));
                self.count("failed commit");
                self.crash(events);
                return false;
            }
        };
        self.say(|| format!("{why} {events:?} -> {effects:?}"));
        self.ledger.acknowledged(events, &effects, now, self.relay.state());
        let observed = self.ledger.observe(self.relay.state(), events, &effects, now);
        observed.into_iter().for_each(|what| self.count(what));
        Learned::of(self.relay.state()).beyond(learned).into_iter().for_each(|what| self.count(what));
        if self.steps.is_multiple_of(if self.people.len() <= CROWD { COMPARED } else { COMPARED_CROWD }) {
            self.compare();
        }
        if events.is_empty() && effects.is_empty() && queue == self.queue() {
            self.was_idle();
        }
        if self.relay.state().outbox.in_flight() == SLOTS {
            self.count("all slots taken");
        }
        if !effects.is_empty() && self.fault(2, "power cut between commit and send") {
            self.crash(&[]);
            return true;
        }
        for effect in effects {
            if let Effect::Send(send) = effect {
                self.departs(&send);
                let delay = 10 + self.choices.below(90);
                self.after(delay, Transit::Request(send));
            }
        }
        true
    }

    /// Whether the queue has moved shows in these.
    fn queue(&self) -> (u64, usize, usize) {
        let state = self.relay.state();
        (state.counters.next_outbox, state.outbox.queued(), state.outbox.in_flight())
    }

    fn departs(&mut self, send: &Send) {
        if let Some(departures) = &mut self.departures {
            let entry = self.relay.state().outbox.get(send.id).expect("what leaves is in the outbox");
            departures.push(Departure { at: self.now, person: entry.person, reminder: entry.kind == Kind::Reminder });
        }
    }

    fn was_idle(&mut self) {
        let minute = self.now.0 / 60_000;
        let times = if self.idle.0 == minute { self.idle.1 + 1 } else { 1 };
        assert!(times < IDLE, "the relay turns in circles at {:?}", self.now);
        self.idle = (minute, times);
    }

    /// One line more of the trace.
    pub(crate) fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:?} {}", self.now, line()));
        }
    }

    /// Memory, wheel and what a power cut would leave on the disk agree.
    pub(crate) fn compare(&mut self) {
        self.relay.check();
        let loaded =
            Store::on(self.disk.synced().file(LIVE), InstanceId(0)).and_then(|store| store.load()).expect("the synced image opens");
        let same = durable(self.relay.state()) == durable(&loaded);
        assert!(same, "memory and the disk image that a power cut would leave disagree");
        self.ledger.refresh(self.relay.state());
    }
}

/// Two feeds, each with two metrics that a publication waits for.
pub(crate) fn rules() -> Rules {
    let name = |name: &str| Name::new(name).expect("a valid name");
    let metric = |index: usize, kind| MetricRules::new(name(METRICS[index]), METRICS[index], kind);
    let metrics = || vec![metric(0, MetricKind::Count), metric(1, MetricKind::Rate)];
    let feeds = FEEDS.iter().map(|feed| FeedRules::new(name(feed), feed, metrics())).collect();
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("bundled");
    Rules::new("DRK Musterstadt", "07751 5550100", "drk.example", zone, feeds)
}
