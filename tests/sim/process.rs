//! The relay's process and its machine: power cuts, disks that fail, suspends, and clocks that are wrong. Knows nobody outside.

use super::disk::Room;
use super::world::{Transit, World};
use drk_relay::domain::event::Event;
use drk_relay::domain::ids::InstanceId;
use drk_relay::domain::state::Clock;
use drk_relay::domain::time::Millis;
use drk_relay::relay::Relay;
use drk_relay::store::Store;

/// The relay's clock may be wrong by this much while it is trusted: less than the guard of five seconds, less the way to Meta.
const CLOCK_ERROR: u64 = 2_000;
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const YEAR: i64 = 365 * 24 * HOUR.cast_signed();

/// The relay's clock against the true one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RelayClock {
    /// Off by some milliseconds.
    Off(i64),
    /// A Pi without a battery: it booted at this true time and believes in 1970.
    Lost(Millis),
}

impl World {
    /// What the relay's clock shows.
    pub(crate) fn relay_now(&self) -> Millis {
        match self.clock {
            RelayClock::Off(error) => Millis(self.now.0.saturating_add_signed(error)),
            RelayClock::Lost(booted) => Millis(self.now.since(booted)),
        }
    }

    /// When the relay's clock will show this.
    pub(crate) fn true_time(&self, relay_time: Millis) -> Millis {
        match self.clock {
            RelayClock::Off(error) => Millis(relay_time.0.saturating_add_signed(-error)),
            RelayClock::Lost(booted) => booted.plus(relay_time.0),
        }
    }

    /// The relay's clock is stepped: a little, or by a year while nobody trusts it.
    pub(crate) fn wobble(&mut self) {
        match (self.relay.state().clock, self.clock) {
            (Clock::Trusted, RelayClock::Off(_)) => {
                let error = self.choices.below(2 * CLOCK_ERROR + 1).cast_signed() - CLOCK_ERROR.cast_signed();
                self.set_clock(error);
                self.count("clock step");
            }
            (Clock::Untrusted, _) => {
                let error = *self.choices.of(&[YEAR, -YEAR]);
                self.set_clock(error);
                self.count("clock stepped by a year while untrusted");
            }
            (Clock::Trusted, RelayClock::Lost(_)) => {}
        }
    }

    /// A clock that is trusted lies by hours for some minutes: nothing protects a window then. Everything else still holds.
    pub(crate) fn clock_lies(&mut self) {
        if self.relay.state().clock == Clock::Untrusted {
            return;
        }
        let hours = 1 + self.choices.below(5).cast_signed();
        let error = if self.choices.chance(50) { hours } else { -hours } * HOUR.cast_signed();
        self.count("trusted clock stepped by hours");
        self.ledger.excuses.clock_lies();
        self.set_clock(error);
        for _ in 0..3 {
            self.publish();
            self.speaks_up();
            let minutes = self.choices.below(15 * MINUTE);
            self.pass(minutes);
        }
        if let RelayClock::Off(_) = self.clock {
            self.set_clock(0);
        }
    }

    /// Whether the relay believes in a time that is hours away.
    pub(crate) fn is_lied_to(&self) -> bool {
        let RelayClock::Off(error) = self.clock else { return false };
        self.relay.state().clock == Clock::Trusted && error.unsigned_abs() > CLOCK_ERROR
    }

    /// The clock is right from now on.
    pub(crate) fn set_right(&mut self) {
        if self.is_lied_to() {
            self.set_clock(0);
        }
    }

    /// The relay's clock is off by so much from now on, in milliseconds.
    pub(crate) fn set_clock(&mut self, error: i64) {
        self.clock = RelayClock::Off(error);
        self.ledger.clock_stepped();
    }

    /// The machine sleeps: the relay does not run, what was written goes its way, people write, and everything else waits.
    pub(crate) fn suspend(&mut self) {
        let millis = *self.choices.of(&[MINUTE, 10 * MINUTE, 3 * HOUR]);
        let (begin, end) = (self.now, self.now.plus(1 + self.choices.below(millis)));
        self.count("suspend");
        while let Some(key) = self.next_outside(end) {
            self.now = self.now.max(key.0);
            if let Some(transit) = self.transit.remove(&key) {
                self.arrive(transit);
            }
        }
        self.now = end;
        self.ledger.excuses.absent(begin, end);
    }

    fn next_outside(&self, end: Millis) -> Option<(Millis, u64)> {
        self.transit.range(..=(end, u64::MAX)).find(|(_, transit)| transit.needs_no_process()).map(|(key, _)| *key)
    }

    /// The power fails, or a commit did: a new process on what the disk kept. `lost`: what was being committed.
    pub(crate) fn crash(&mut self, lost: &[Event]) {
        let now = self.relay_now();
        self.count("power cut");
        self.process += 1;
        self.disk = self.disk.cut(&mut self.choices);
        if self.choices.chance(20) {
            self.count("power cut during recovery");
            drop(Store::of(&self.disk.files(), InstanceId(0)).map(|store| store.load()));
            self.disk = self.disk.cut(&mut self.choices);
        }
        // Whoever started it has made room.
        self.disk.set_room(Room::Endless);
        let store = Store::of(&self.disk.files(), InstanceId(0)).expect("a power cut leaves a store that opens");
        self.relay = Relay::open(store, self.rules.clone()).expect("a power cut leaves a store that loads");
        self.transit.retain(|_, transit| !transit.dies_with_the_process());
        self.ledger.survived(lost, now, self.relay.state());
        self.ledger.crashed(self.relay.state());
        self.compare();
        self.started();
    }

    /// The process starts, sometimes with a clock that is wrong.
    pub(crate) fn started(&mut self) {
        self.clock = RelayClock::Off(0);
        let mut trusted_after = 0;
        if self.fault(20, "clock lost at start") {
            self.clock = RelayClock::Lost(self.now);
            trusted_after = self.choices.below(10 * MINUTE);
        } else if self.fault(10, "clock a year off at start") {
            self.clock = RelayClock::Off(*self.choices.of(&[YEAR, -YEAR]));
            trusted_after = self.choices.below(10 * MINUTE);
        }
        self.after(trusted_after, Transit::Trust);
        self.hang_up();
        self.step("started", &[Event::Started]);
    }

    /// The clock is known to be right.
    pub(crate) fn trust(&mut self) {
        if self.relay.state().clock == Clock::Untrusted {
            self.set_clock(0);
        }
        self.step("trust", &[Event::ClockTrusted]);
    }

    /// The disk fails soon, or is full soon: for good or, when a new process has begun, no longer.
    pub(crate) fn break_disk(&mut self) {
        let operations = self.choices.below(12) as u32;
        match self.choices.below(3) {
            0 => {
                self.count("disk error");
                self.disk.fail_after(operations);
            }
            1 => {
                self.count("disk error that passes");
                self.disk.fail_once_after(operations);
            }
            _ => {
                self.count("disk full");
                let room = self.disk.taken() + self.choices.below(64 * 1_024) as usize;
                self.disk.set_room(Room::Sparse(room));
            }
        }
    }
}

impl Transit {
    fn dies_with_the_process(&self) -> bool {
        match self {
            Transit::Answer(..) | Transit::Trust | Transit::Request(_) | Transit::Connected => true,
            Transit::Webhook(_) | Transit::Publish(_) | Transit::Written(..) | Transit::Speak(..) => false,
        }
    }

    fn needs_no_process(&self) -> bool {
        match self {
            Transit::Written(..) | Transit::Speak(..) => true,
            Transit::Webhook(_) | Transit::Publish(_) | Transit::Connected | Transit::Request(_) => false,
            Transit::Answer(..) | Transit::Trust => false,
        }
    }
}
