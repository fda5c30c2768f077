//! The timer wheel against a model that is too simple to be wrong: an ordered set of `(at, key)`. After every operation
//! the wheel checks itself, and everything that can be asked of it is compared with the model.

use std::collections::{BTreeMap, BTreeSet};

use drk_relay::wheel::{KEY_MAX, RING_SECONDS, Wheel};
use proptest::prelude::*;

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;
const YEAR: u32 = 365 * DAY;
/// Some second in August 2026.
const NOW: u32 = 1_787_000_000;

#[derive(Default)]
struct Model {
    by_key: BTreeMap<u32, u32>,
    by_time: BTreeSet<(u32, u32)>,
}

impl Model {
    fn set(&mut self, key: u32, at: Option<u32>) {
        if let Some(old) = self.by_key.remove(&key) {
            self.by_time.remove(&(old, key));
        }
        if let Some(at) = at {
            self.by_key.insert(key, at);
            self.by_time.insert((at, key));
        }
    }

    fn pop_due(&mut self, now: u32) -> Option<(u32, u32)> {
        let first = self.by_time.first().copied().filter(|&(at, _)| at <= now)?;
        self.by_time.remove(&first);
        self.by_key.remove(&first.1);
        Some(first)
    }
}

/// A wheel and its model, side by side: whatever is done is done to both, and the answers must agree.
struct Pair {
    wheel: Wheel,
    model: Model,
    now: u32,
}

impl Pair {
    fn new(now: u32) -> Self {
        Self { wheel: Wheel::new(), model: Model::default(), now }
    }

    fn set(&mut self, key: u32, at: Option<u32>) {
        self.wheel.set(key, at);
        self.model.set(key, at);
        assert_eq!(self.wheel.get(key), at);
        self.compare();
    }

    fn pop(&mut self) -> Option<(u32, u32)> {
        let popped = self.wheel.pop_due(self.now);
        assert_eq!(popped, self.model.pop_due(self.now), "popped at {}", self.now);
        self.compare();
        popped
    }

    fn pop_all(&mut self) -> Vec<(u32, u32)> {
        std::iter::from_fn(|| self.pop()).collect()
    }

    fn compare(&self) {
        self.wheel.check();
        assert_eq!(self.wheel.next(), self.model.by_time.first().map(|&(at, _)| at));
        assert_eq!(self.wheel.len(), self.model.by_key.len());
        assert_eq!(self.wheel.is_empty(), self.model.by_key.is_empty());
    }

    fn compare_keys(&self, keys: u32) {
        for key in 0..keys {
            assert_eq!(self.wheel.get(key), self.model.by_key.get(&key).copied(), "timer {key}");
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    /// Arm relative to the present second.
    In(u32, i64),
    /// Arm for any second there is.
    At(u32, u32),
    /// Arm for the second of another timer, so that seconds are shared.
    Like(u32, u32),
    Disarm(u32),
    /// Pop up to so many; whatever comes out is armed again for the present second plus `.1`, if that is given.
    Pop(u32, Option<i64>),
    /// Nothing is popped, but the ring may follow the clock.
    Advance,
    /// The clock moves.
    Step(i64),
    /// The clock is set.
    Clock(u32),
}

/// Few, so that they meet again and again; three are dense, the others leave gaps.
fn key() -> impl Strategy<Value = u32> {
    prop_oneof![6 => 0..40u32, 1 => Just(100u32), 1 => Just(1_000u32)]
}

/// Distances in seconds, with a liking for the edges of the ring.
fn distance() -> impl Strategy<Value = i64> {
    let ring = i64::from(RING_SECONDS);
    prop_oneof![
        6 => -3..4i64,
        4 => -200..200i64,
        3 => ring - 3..ring + 4,
        2 => -ring - 3..-ring + 4,
        4 => -i64::from(2 * DAY)..i64::from(2 * DAY),
        1 => -i64::from(30 * YEAR)..i64::from(30 * YEAR),
    ]
}

fn second() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0u32), Just(1u32), Just(u32::MAX), u32::MAX - RING_SECONDS - 2..=u32::MAX, any::<u32>()]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => (key(), distance()).prop_map(|(key, distance)| Op::In(key, distance)),
        1 => (key(), second()).prop_map(|(key, at)| Op::At(key, at)),
        5 => (key(), key()).prop_map(|(key, other)| Op::Like(key, other)),
        3 => key().prop_map(Op::Disarm),
        4 => (1..6u32, prop::option::of(distance())).prop_map(|(count, again)| Op::Pop(count, again)),
        1 => Just(Op::Pop(200, None)),
        3 => Just(Op::Advance),
        5 => distance().prop_map(Op::Step),
        1 => second().prop_map(Op::Clock),
    ]
}

fn shifted(second: u32, by: i64) -> u32 {
    let clamped = (i64::from(second) + by).clamp(0, i64::from(u32::MAX));
    u32::try_from(clamped).unwrap_or(u32::MAX)
}

fn run(pair: &mut Pair, op: &Op) {
    match *op {
        Op::In(key, distance) => pair.set(key, Some(shifted(pair.now, distance))),
        Op::At(key, at) => pair.set(key, Some(at)),
        Op::Like(key, other) => pair.set(key, pair.model.by_key.get(&other).copied()),
        Op::Disarm(key) => pair.set(key, None),
        Op::Pop(count, again) => {
            for _ in 0..count {
                let Some((_, key)) = pair.pop() else { return };
                if let Some(distance) = again {
                    pair.set(key, Some(shifted(pair.now, distance)));
                }
            }
        }
        Op::Advance => {
            pair.wheel.advance(pair.now);
            pair.compare();
        }
        Op::Step(distance) => pair.now = shifted(pair.now, distance),
        Op::Clock(now) => pair.now = now,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_model(
        start in prop_oneof![3 => Just(NOW), 1 => second()],
        anchored in any::<bool>(),
        ops in prop::collection::vec(op(), 1..250),
    ) {
        let mut pair = Pair::new(start);
        if anchored {
            pair.pop();
        }
        for op in &ops {
            run(&mut pair, op);
        }
        pair.compare_keys(1_001);
        pair.now = u32::MAX;
        pair.pop_all();
        prop_assert!(pair.wheel.is_empty());
    }
}

#[test]
fn an_empty_wheel_has_nothing_to_say() {
    let mut pair = Pair::new(NOW);
    assert_eq!(pair.pop(), None);
    assert_eq!(pair.wheel.next(), None);
    assert_eq!(pair.wheel.get(0), None);
    assert_eq!(pair.wheel.get(u32::MAX), None);
    pair.set(7, None);
    pair.wheel.set(u32::MAX, None);
    pair.compare();
}

#[test]
fn comes_out_by_second_then_by_key() {
    let mut pair = Pair::new(NOW);
    for (key, at) in [(5, NOW), (9, NOW), (1, NOW), (4, NOW - 1), (2, NOW + 1), (3, NOW)] {
        pair.set(key, Some(at));
    }
    assert_eq!(pair.pop_all(), [(NOW - 1, 4), (NOW, 1), (NOW, 3), (NOW, 5), (NOW, 9)]);
    pair.now += 1;
    assert_eq!(pair.pop_all(), [(NOW + 1, 2)]);
}

#[test]
fn the_first_and_the_last_second_there_are() {
    for start in [0, NOW, u32::MAX] {
        let mut pair = Pair::new(start);
        pair.pop();
        pair.set(1, Some(u32::MAX));
        pair.set(2, Some(0));
        pair.set(3, Some(u32::MAX - 1));
        pair.now = 0;
        assert_eq!(pair.pop_all(), [(0, 2)]);
        pair.now = u32::MAX - 1;
        assert_eq!(pair.pop_all(), [(u32::MAX - 1, 3)]);
        pair.now = u32::MAX;
        assert_eq!(pair.pop_all(), [(u32::MAX, 1)]);
    }
}

#[test]
fn a_past_deadline_is_due_at_once_before_and_after_the_first_pop() {
    let mut pair = Pair::new(NOW);
    pair.set(1, Some(NOW - YEAR));
    pair.set(2, Some(NOW - 1));
    pair.set(3, Some(NOW + HOUR));
    assert_eq!(pair.pop_all(), [(NOW - YEAR, 1), (NOW - 1, 2)]);
    pair.set(4, Some(NOW - 2));
    assert_eq!(pair.wheel.next(), Some(NOW - 2));
    assert_eq!(pair.pop_all(), [(NOW - 2, 4)]);
}

#[test]
fn timers_armed_while_their_own_second_is_drained() {
    let mut pair = Pair::new(NOW);
    for key in [30, 10, 20] {
        pair.set(key, Some(NOW));
    }
    assert_eq!(pair.pop(), Some((NOW, 10)));
    for key in [5, 25, 10, 40] {
        pair.set(key, Some(NOW));
    }
    pair.set(50, Some(NOW - 1));
    pair.set(30, None);
    let rest = [(NOW - 1, 50), (NOW, 5), (NOW, 10), (NOW, 20), (NOW, 25), (NOW, 40)];
    assert_eq!(pair.pop_all(), rest);
}

#[test]
fn a_second_half_drained_is_not_special_when_it_comes_round_again() {
    let mut pair = Pair::new(NOW);
    pair.set(1, Some(NOW));
    pair.set(2, Some(NOW));
    assert_eq!(pair.pop(), Some((NOW, 1)));
    pair.set(2, None);
    // The same slot, 36 hours later: in the overflow until the ring gets there.
    for key in [3, 9, 6] {
        pair.set(key, Some(NOW + RING_SECONDS));
    }
    pair.now = NOW + RING_SECONDS;
    assert_eq!(pair.pop_all(), [3, 6, 9].map(|key| (NOW + RING_SECONDS, key)));
}

#[test]
fn the_clock_steps_back_and_forth() {
    for step in [1, HOUR, RING_SECONDS, 2 * RING_SECONDS, YEAR, 50 * YEAR] {
        let mut pair = Pair::new(NOW);
        pair.pop();
        for key in 0..100 {
            pair.set(key, Some(NOW + 1 + key * 1_300));
        }
        pair.now = NOW - step;
        assert_eq!(pair.pop(), None);
        pair.set(100, Some(NOW - step + DAY));
        pair.set(101, Some(NOW - step));
        pair.set(102, Some(NOW - step - 1));
        assert_eq!(pair.pop_all(), [(NOW - step - 1, 102), (NOW - step, 101)]);
        pair.now = NOW + step;
        pair.pop_all();
        pair.now = NOW + 2 * DAY;
        pair.pop_all();
        assert!(pair.wheel.is_empty());
    }
}

#[test]
fn a_lone_large_key_comes_first() {
    let mut pair = Pair::new(NOW);
    pair.set(1_000_000, Some(NOW));
    assert!(pair.wheel.bytes() < 13_100_000, "{} bytes", pair.wheel.bytes());
    pair.set(0, Some(NOW));
    assert_eq!(pair.wheel.get(999_999), None);
    assert_eq!(pair.pop_all(), [(NOW, 0), (NOW, 1_000_000)]);
}

#[test]
#[should_panic(expected = "dense small numbers")]
fn a_key_that_is_no_small_number_is_refused() {
    Wheel::new().set(KEY_MAX + 1, Some(NOW));
}

#[test]
fn a_herd_in_one_second_comes_out_in_key_order_and_may_arm_itself_again() {
    const HERD: u32 = 100_000;
    let mut wheel = Wheel::new();
    wheel.pop_due(NOW);
    // 7 and the size of the herd have no common factor: every key once, in no useful order.
    for i in 0..HERD {
        wheel.set(i * 7 % HERD, Some(NOW + 1));
    }
    wheel.check();
    for key in 0..HERD {
        assert_eq!(wheel.pop_due(NOW + 1), Some((NOW + 1, key)));
        // One timer that is always due again, as the outbox would be; it comes last.
        wheel.set(HERD, Some(NOW + 1));
        wheel.set(key, Some(NOW + 1 + DAY));
    }
    wheel.check();
    assert_eq!(wheel.pop_due(NOW + 1), Some((NOW + 1, HERD)));
    assert_eq!((wheel.len(), wheel.next()), (HERD as usize, Some(NOW + 1 + DAY)));
}

#[test]
fn memory_per_timer_stays_small_however_many_there_are() {
    let mut wheel = Wheel::new();
    wheel.pop_due(NOW);
    let empty = wheel.bytes();
    assert!(empty < 1_100_000, "{empty} bytes");
    for key in 0..300_000u32 {
        wheel.set(key, Some(NOW + key % DAY));
        let each = (wheel.bytes() - empty) as f64 / f64::from(key + 1);
        assert!(key < 10_000 || each <= 13.6, "{each} bytes per timer at {key}");
    }
    wheel.check();
}
