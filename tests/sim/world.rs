//! The simulated world: the real domain, relay, store and wheel on a disk, a broker, a Meta and people that a seed drives. No socket, no
//! clock of the system, no mock. After every step of the relay the promises are checked, see `promises`.

use super::choices::Choices;
use super::disk::{Disk, LIVE};
use super::meta::Meta;
use super::people::{FEEDS, METRICS, Person};
use super::promises::Ledger;
use drk_relay::domain::budget;
use drk_relay::domain::decision::{Effect, Send};
use drk_relay::domain::event::{Event, Figure, Outcome, Said, Standing};
use drk_relay::domain::ids::{InstanceId, Name, OutboxId, WamidHash};
use drk_relay::domain::rules::{FeedRules, MetricKind, MetricRules, Rules};
use drk_relay::domain::time::Millis;
use drk_relay::relay::{Relay, SLOTS};
use drk_relay::store::Store;
use std::collections::BTreeMap;

/// 2026-10-24 10:00 UTC: a day before the clocks go back.
const START: Millis = Millis(1_792_836_000_000);
/// The relay's clock may be wrong by this much while it is trusted: less than the guard of five seconds, less the way to Meta.
const CLOCK_ERROR: u64 = 2_000;
/// In a small world there are messages for three people who take both feeds (`budget::places`): one of four waits.
const MONTHLY: u32 = 3 * 68;
/// A loop that turns this often without time passing never ends.
const SPINS: u32 = 50_000;

/// How Meta refuses, in percent, and with which codes.
const REJECTIONS: [(u64, &str, &[u32]); 3] = [
    (2, "send refused", &[131_026, 131_047, 100]),
    (2, "send throttled", &[130_429, 131_056, 131_000, 4]),
    (1, "account refused", &[190, 131_042, 368]),
];

/// Something on its way.
#[derive(Clone, Debug)]
pub(crate) enum Transit {
    /// A webhook; Meta delivers it until it gets its 200.
    Webhook(Vec<Event>),
    /// A QoS 1 publish; the broker delivers it until it gets its PUBACK.
    Publish(Figure),
    /// A request to the Graph API.
    Request(Box<Send>),
    /// The answer to a request; lost if the process dies.
    Answer(OutboxId, Outcome),
    /// The relay's clock has been set right; lost if the process dies.
    Trust,
    /// Somebody says something.
    Speak(usize, Said),
}

/// The relay's clock against the true one.
#[derive(Clone, Copy, Debug)]
enum RelayClock {
    /// Off by some milliseconds.
    Off(i64),
    /// A Pi without a battery: it booted at this true time and believes in 1970.
    Lost(Millis),
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) choices: Choices,
    /// True time.
    pub(crate) now: Millis,
    pub(crate) relay: Relay,
    pub(crate) meta: Meta,
    pub(crate) people: Vec<Person>,
    pub(crate) ledger: Ledger,
    rules: Rules,
    /// Meta takes so many milliseconds longer to answer.
    pub(crate) slow: u64,
    /// While false nothing goes wrong any more.
    pub(crate) faults: bool,
    /// The day that the next figure is about.
    pub(crate) day: i32,
    pub(crate) trace: Vec<String>,
    pub(crate) coverage: BTreeMap<&'static str, u64>,
    disk: Disk,
    clock: RelayClock,
    transit: BTreeMap<(Millis, u64), Transit>,
    order: u64,
}

impl World {
    /// A few people.
    pub(crate) fn new(seed: u64) -> World {
        let mut choices = Choices::seed(seed);
        let people = 1 + choices.below(4);
        World::with(choices, seed, people, Some(MONTHLY))
    }

    /// A crowd, and nothing goes wrong.
    pub(crate) fn crowd(seed: u64, people: u64) -> World {
        let mut world = World::with(Choices::seed(seed), seed, people, None);
        world.faults = false;
        world
    }

    fn with(choices: Choices, seed: u64, people: u64, monthly_messages: Option<u32>) -> World {
        let disk = Disk::new();
        let store = Store::of(&disk.files(), InstanceId(seed)).expect("a new disk takes a new store");
        let rules = Rules { monthly_messages, ..rules() };
        let relay = Relay::open(store, rules.clone()).expect("a new store loads");
        let people = (0..people).map(Person::new).collect();
        let mut world = World {
            choices,
            now: START,
            relay,
            meta: Meta::default(),
            people,
            ledger: Ledger::with_places(budget::places(&rules)),
            rules,
            slow: 0,
            faults: true,
            day: 20_750,
            trace: Vec::new(),
            coverage: BTreeMap::new(),
            disk,
            clock: RelayClock::Off(0),
            transit: BTreeMap::new(),
            order: 0,
        };
        world.started();
        world
    }

    /// One more of these.
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.coverage.entry(what).or_default() += 1;
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

    /// What the relay's clock shows.
    pub(crate) fn relay_now(&self) -> Millis {
        match self.clock {
            RelayClock::Off(error) => Millis(self.now.0.saturating_add_signed(error)),
            RelayClock::Lost(booted) => Millis(self.now.since(booted)),
        }
    }

    /// The relay's clock is stepped a little.
    pub(crate) fn wobble(&mut self) {
        if let RelayClock::Off(_) = self.clock {
            let error = self.choices.below(2 * CLOCK_ERROR + 1).cast_signed() - CLOCK_ERROR.cast_signed();
            self.clock = RelayClock::Off(error);
            self.ledger.clock_stepped();
            self.count("clock step");
        }
    }

    /// Lets time pass: whatever arrives or is due until then happens in its order.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now.plus(millis);
        for _ in 0..SPINS {
            let arrival = self.transit.first_key_value().map(|(key, _)| key.0);
            let due = self.relay.next_deadline(self.relay_now()).map(|at| self.true_time(at));
            let Some(next) = arrival.into_iter().chain(due).min().filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            match arrival.filter(|at| *at <= self.now).and_then(|_| self.transit.pop_first()) {
                Some((_, transit)) => self.arrive(transit),
                None => drop(self.step("due", &[])),
            }
        }
        panic!("the relay spins at {:?}", self.now);
    }

    fn true_time(&self, relay_time: Millis) -> Millis {
        match self.clock {
            RelayClock::Off(error) => Millis(relay_time.0.saturating_add_signed(-error)),
            RelayClock::Lost(booted) => booted.plus(relay_time.0),
        }
    }

    fn arrive(&mut self, transit: Transit) {
        match transit {
            Transit::Webhook(events) => {
                let again = Transit::Webhook(events.clone());
                if !self.step("webhook", &events) {
                    let delay = 1_000 + self.choices.below(60_000);
                    self.after(delay, again);
                } else if self.fault(15, "duplicate webhook") {
                    let delay = self.choices.below(7_200_000);
                    self.after(delay, again);
                }
            }
            Transit::Publish(figure) => {
                let acknowledged = self.step("publish", &[Event::Figure(figure.clone())]);
                if !acknowledged || self.fault(15, "redelivered publish") {
                    let delay = 1_000 + self.choices.below(60_000);
                    self.after(delay, Transit::Publish(figure));
                }
            }
            Transit::Request(send) => self.request(&send),
            Transit::Answer(id, outcome) => drop(self.step("answer", &[Event::Sent { id, outcome }])),
            Transit::Trust => {
                if let RelayClock::Lost(_) = self.clock {
                    self.clock = RelayClock::Off(0);
                    self.ledger.clock_stepped();
                }
                self.step("trust", &[Event::ClockTrusted]);
            }
            Transit::Speak(person, said) => self.speak(person, said),
        }
    }

    /// One step of the relay; whether it was committed. Effects leave, or die with the process.
    fn step(&mut self, why: &'static str, events: &[Event]) -> bool {
        let now = self.relay_now();
        self.ledger.before(self.relay.state(), now, events);
        let effects = match self.relay.step(now, events) {
            Ok(effects) => effects,
            Err(error) => {
                self.trace.push(format!("{:?} {why}: commit failed: {error}", self.now));
                self.count("failed commit");
                self.crash();
                return false;
            }
        };
        self.trace.push(format!("{:?} {why} {events:?} -> {effects:?}", self.now));
        self.ledger.acknowledged(events, &effects, now, self.relay.state());
        let image = self.disk.synced();
        let observed = self.ledger.observe(&self.relay, &effects, now, || {
            Store::on(image.file(LIVE), InstanceId(0)).and_then(|store| store.load()).expect("the synced image opens")
        });
        observed.into_iter().for_each(|what| self.count(what));
        if self.relay.state().outbox.in_flight() == SLOTS {
            self.count("all slots taken");
        }
        if !effects.is_empty() && self.fault(2, "power cut between commit and send") {
            self.crash();
            return true;
        }
        for effect in effects {
            if let Effect::Send(send) = effect {
                let delay = 20 + self.choices.below(800);
                self.after(delay, Transit::Request(send));
            }
        }
        true
    }

    /// A request reaches Meta, or does not.
    fn request(&mut self, send: &Send) {
        let answer = self.slow + 20 + self.choices.below(500);
        if self.fault(4, "send not written") {
            return self.after(answer, Transit::Answer(send.id, Outcome::Later));
        }
        if self.fault(3, "request lost, outcome unknown") {
            return self.after(20_000, Transit::Answer(send.id, Outcome::Unknown));
        }
        for (percent, what, codes) in REJECTIONS {
            if self.fault(percent, what) {
                let code = *self.choices.of(codes);
                return self.after(answer, Transit::Answer(send.id, Outcome::Rejected { code, transient: false }));
            }
        }
        let (now, person) = (self.now.second(), self.person(send));
        let wamid = self.meta.accept(now, &self.people[person], send);
        self.ledger.accepted(send);
        self.people[person].received = Some(wamid);
        self.statuses(send, wamid);
        self.maybe_answer(person, send);
        if self.fault(4, "answer lost, outcome unknown") {
            return self.after(20_000, Transit::Answer(send.id, Outcome::Unknown));
        }
        self.after(answer, Transit::Answer(send.id, Outcome::Accepted(wamid)));
    }

    fn statuses(&mut self, send: &Send, wamid: WamidHash) {
        let fails = self.fault(4, "accepted, then failed");
        for news in Meta::fate(fails) {
            let callback = if self.fault(10, "status without callback data") { None } else { Some(send.id) };
            let late = if self.fault(10, "late status") { 3_600_000 } else { 3_000 };
            let delay = self.choices.below(late);
            let at = self.now.second();
            self.after(delay, Transit::Webhook(vec![Meta::status(callback, wamid, at, news)]));
        }
    }

    fn person(&self, send: &Send) -> usize {
        self.people.iter().position(|person| person.address == send.to).expect("nobody else has an address")
    }

    /// The power fails: a new process on what the disk kept.
    pub(crate) fn crash(&mut self) {
        self.count("power cut");
        self.disk = self.disk.cut(&mut self.choices);
        if self.choices.chance(20) {
            self.count("power cut during recovery");
            drop(Store::of(&self.disk.files(), InstanceId(0)).map(|store| store.load()));
            self.disk = self.disk.cut(&mut self.choices);
        }
        let store = Store::of(&self.disk.files(), InstanceId(0)).expect("a power cut leaves a store that opens");
        self.relay = Relay::open(store, self.rules.clone()).expect("a power cut leaves a store that loads");
        let lost: Vec<_> = self.transit.iter().filter(|(_, transit)| transit.dies_with_the_process()).map(|(key, _)| *key).collect();
        for key in lost {
            self.transit.remove(&key);
        }
        self.ledger.crashed();
        self.started();
    }

    fn started(&mut self) {
        if self.fault(30, "clock lost at start") {
            self.clock = RelayClock::Lost(self.now);
            self.step("started", &[Event::Started]);
            let delay = self.choices.below(600_000);
            self.after(delay, Transit::Trust);
        } else {
            self.clock = RelayClock::Off(0);
            self.step("started", &[Event::Started]);
            self.after(0, Transit::Trust);
        }
    }

    /// Meta announces a restriction, or that there is none any more.
    pub(crate) fn account(&mut self) {
        let standing = match self.choices.below(3) {
            0 => Standing::Restored,
            1 => Standing::Restricted { until: None },
            _ => Standing::Restricted { until: Some(self.now.second().plus(self.choices.below(6 * 3_600) as u32)) },
        };
        self.count("restriction");
        let delay = self.choices.below(60_000);
        self.after(delay, Transit::Webhook(vec![Event::Account(standing)]));
    }

    /// The disk fails soon.
    pub(crate) fn break_disk(&mut self) {
        self.count("disk error");
        let operations = self.choices.below(12);
        self.disk.fail_after(operations as u32);
    }
}

impl Transit {
    fn dies_with_the_process(&self) -> bool {
        match self {
            Transit::Answer(..) | Transit::Trust => true,
            Transit::Webhook(_) | Transit::Publish(_) | Transit::Request(_) | Transit::Speak(..) => false,
        }
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
