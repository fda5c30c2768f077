//! The timer wheel: which deadline comes next, for up to millions of them.
//!
//! It reads no clock, calls nobody back and holds no truth. It is only an index of the deadlines that the state already
//! has: rebuilt from the store at start, corrected after every change. What a timer means, the state knows. Times are UTC
//! seconds (`u32`, good until 2106), because the customer service window is wall-clock time; so `now` may jump in either
//! direction, by any amount, at any call.
//!
//! # How it works
//!
//! ```text
//!    overflow (ordered)      ring: one slot per second, 36 hours from `base`           overflow (ordered)
//!    earlier than `base`   ┌─────┬─────┬─────┬─────┬─────┬─ ─ ─┬─────┬─────┬─────┐     36 h ahead or more
//!    (already late)        │base │ +1  │ +2  │     │     │     │     │     │     │     (orphans, housekeeping)
//!                          └──┬──┴─────┴──┬──┴─────┴─────┴─ ─ ─┴─────┴──┬──┴─────┘
//!    occupancy, one bit:      1     0     1     0     0     . . .       1     0        second level: one bit per 64
//!                             ▼           ▼                             ▼
//!                            k7          k1 ◀─▶ k9 ◀─▶ k4               k2
//! ```
//!
//! - A timer is a `Node` at the place of its key: its deadline and its two neighbours in the slot, 12 bytes. Arming and
//!   disarming relink a few nodes: O(1), no allocation (except when a key is the largest so far).
//! - A slot is in no order while timers come and go; it is sorted, in place, by key, when its second is drained. A timer
//!   that is armed for this very second meanwhile goes in front if it has the lowest key, else into the overflow, so that
//!   the slot stays sorted and a herd that re-arms itself while it is drained costs no second sort.
//! - What the ring does not cover waits in the overflow, an ordered set. The earliest timer is the lower of the firsts of both,
//!   so *where* a timer waits never decides *when* it comes out.
//! - Only [`Wheel::pop_due`] and [`Wheel::advance`] move the ring: to `now`, or to the ring's earliest timer if that is earlier.
//!   Moving forward takes timers in from the overflow, moving backward (the clock stepped back) also puts out those that lie
//!   too far ahead.
//!   Both cost O(log n) per timer that changes places: next to none as the seconds tick, each of them after a step by days.
//!
//! A new ring lies at 1970. **Call `pop_due(now)` once before filling the wheel**: while it is empty that costs nothing and
//! puts the ring where the deadlines are. To forget it is slow (everything detours through the overflow), but not wrong.

mod occupancy;

use occupancy::Occupancy;
use std::collections::BTreeSet;
use std::hint::select_unpredictable;

/// What the ring covers, in seconds, one slot each: 36 hours, rounded up to a power of two (36 h 24 min), so that the slot of
/// a second is a mask away. Nearly all deadlines lie within the 24 hours of a window; the rest is room for a drain that lags
/// behind and for the 25 hours of tombstones. At 8 bytes a slot, its first timer
/// and their number, this is a megabyte.
pub const RING_SECONDS: u32 = (36_u32 * 60 * 60).next_power_of_two();

/// The highest key that can be armed: places are counted from 1, and the numbers above mark what is not in the ring.
pub const KEY_MAX: u32 = APART - 2;

/// The latest second at which the ring may begin, so that its last slot is `u32::MAX` and no addition wraps.
const BASE_MAX: u32 = u32::MAX - (RING_SECONDS - 1);

/// The place of nobody, where both ends of a slot's list meet. Links that concern no timer are written there and never
/// read, which saves the branches that would ask: unpredictable ones, each waiting for memory.
const NONE: u32 = 0;
/// The slot of nobody, for the same purpose.
const NOWHERE: u32 = RING_SECONDS;
/// In `Node::prev`: the timer waits in the overflow.
const APART: u32 = u32::MAX - 1;
/// In `Node::prev`: the timer is not armed.
const FREE: u32 = u32::MAX;

/// The nodes grow by an eighth. Doubling could leave almost 24 bytes per timer allocated; this bounds it by 13.5.
const GROWTH_DIVISOR: usize = 8;
/// The least that the nodes grow by, so that the first few timers do not each reallocate.
const GROWTH_MIN: usize = 64;

/// An upper bound for what the overflow allocates per timer: the standard library does not tell. Its B-tree has at least 5
/// entries of 8 bytes per node, in leaves of 104 and inner nodes of 200 bytes. Once more, because the root may hold fewer.
const OVERFLOW_BYTES_EACH: usize = 24;
const OVERFLOW_BYTES_ONCE: usize = 304;

/// A timer.
#[derive(Clone, Copy)]
struct Node {
    /// The deadline; it has a meaning unless the timer is [`FREE`].
    at: u32,
    /// The place of the next in the slot, or [`NONE`]. It has a meaning only in the ring.
    next: u32,
    /// The place of the previous in the slot, or [`NONE`] (first in the slot), [`APART`], [`FREE`].
    prev: u32,
}

/// A second of the ring. Both numbers stand together because each re-arm needs both: apart, they would be two cache lines. No struct,
/// because a `Vec` of structs is written to when it is made, and of what nobody has written to the kernel gives no memory: two megabytes
/// of an idle relay.
type Slot = [u32; 2];
/// In a [`Slot`]: the place of its first timer, or [`NONE`].
const FIRST: usize = 0;
/// In a [`Slot`]: how many timers it has.
const COUNT: usize = 1;

/// An index of deadlines: see the module. Keys are dense small numbers, as the memory follows the largest key ever armed.
pub struct Wheel {
    /// By place: that of a timer is its key + 1; [`NONE`] comes first.
    nodes: Vec<Node>,
    /// The ring; [`NOWHERE`] comes last.
    slots: Box<[Slot; NOWHERE as usize + 1]>,
    occupied: Occupancy,
    /// The second at which the ring begins. All timers in the ring lie in `base .. base + RING_SECONDS`.
    base: u32,
    /// The slot being drained: occupied, its keys ascending. Or [`NOWHERE`].
    sorted: u32,
    /// `(at, key)` of the timers that are not in the ring.
    overflow: BTreeSet<(u32, u32)>,
    /// How many timers are armed, wherever they wait.
    armed: usize,
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            nodes: vec![Node { at: 0, next: NONE, prev: FREE }],
            slots: zeroed(),
            occupied: Occupancy::default(),
            base: 0,
            sorted: NOWHERE,
            overflow: BTreeSet::new(),
            armed: 0,
        }
    }
}

impl Wheel {
    /// An empty wheel. Call [`pop_due`](Self::pop_due) once before filling it (see the module).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Arms the timer `key` for `at`, in UTC seconds, whatever it was armed for before; `None` disarms it.
    ///
    /// Any `at` is good, also one in the past: then it is due at once. Keys are `0..=`[`KEY_MAX`].
    #[inline]
    pub fn set(&mut self, key: u32, at: Option<u32>) {
        let Some(at) = at else { return self.disarm(key) };
        match self.nodes.get(place_of(key) as usize) {
            Some(&node) if node.prev < APART => {
                if node.at != at {
                    self.unlink(node);
                    self.put(place_of(key), at);
                }
            }
            Some(_) | None => self.set_new(key, at),
        }
    }

    /// What the timer `key` is armed for, in UTC seconds; `None` if it is not armed.
    #[must_use]
    pub fn get(&self, key: u32) -> Option<u32> {
        self.node(key).map(|node| node.at)
    }

    /// The earliest timer that is due (`at <= now`), as `(at, key)`, and forgets it. Among those of one second the lowest
    /// key is first. `None` if nothing is due.
    ///
    /// The wheel remembers nothing else of `now`: it may be any second, before or after that of the last call.
    pub fn pop_due(&mut self, now: u32) -> Option<(u32, u32)> {
        self.turn(now);
        let apart = self.overflow.first().copied();
        // A slot is sorted only if it may be next.
        let ring = self.first_slot().filter(|&(at, _)| at <= now && apart.is_none_or(|(other, _)| at <= other));
        let ring = ring.map(|(at, slot)| (at, self.lowest(slot) - 1));
        let (at, key) = ring.into_iter().chain(apart).min().filter(|&(at, _)| at <= now)?;
        self.disarm(key);
        Some((at, key))
    }

    /// The earliest timer, whether it is due or not, as `(at, key)`, and forgets it: for those that may be early.
    pub fn pop_first(&mut self) -> Option<(u32, u32)> {
        self.next().and_then(|first| self.pop_due(first))
    }

    /// Moves the ring to `now`, or to its earliest timer if that is earlier, unless it is there already. Popping does it as well: this is
    /// for timers that are looked at for hours before one of them is popped. The ring never moves back here, so that a slot being drained
    /// ahead of time stays sorted.
    pub fn advance(&mut self, now: u32) {
        if now > self.base {
            self.turn(now);
        }
    }

    /// The seconds at which timers are armed, ascending, and how many at each; a second may be told in parts.
    pub fn counts(&self) -> impl Iterator<Item = (u32, u32)> {
        let start = slot_of(self.base);
        let mut ahead = 0;
        let ring = std::iter::from_fn(move || {
            let slot = self.occupied.next_from(slot_of(start + ahead)).filter(|_| ahead < RING_SECONDS)?;
            let found = slot_of(slot + RING_SECONDS - start);
            // One that lies before was found by going round: there is none any more.
            let next = (found >= ahead).then_some((self.base + found, self.slots[slot as usize][COUNT]));
            ahead = found.max(ahead) + 1;
            next
        });
        let (mut ring, mut apart) = (ring.peekable(), self.overflow.iter().map(|&(at, _)| (at, 1)).peekable());
        std::iter::from_fn(move || match (ring.peek(), apart.peek()) {
            (Some(slot), Some(timer)) if timer.0 < slot.0 => apart.next(),
            (None, _) => apart.next(),
            (Some(_), _) => ring.next(),
        })
    }

    /// The earliest armed deadline, in UTC seconds; `None` if nothing is armed.
    #[must_use]
    pub fn next(&self) -> Option<u32> {
        let apart = self.overflow.first().map(|&(at, _)| at);
        self.first_slot().map(|(at, _)| at).into_iter().chain(apart).min()
    }

    /// How many timers are armed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.armed
    }

    /// Whether no timer is armed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.armed == 0
    }

    /// The memory that the wheel occupies, in bytes, with everything allocated in advance; for the overflow an upper bound.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.nodes.capacity() * size_of::<Node>()
            + size_of_val(&*self.slots)
            + self.occupied.bytes()
            + OVERFLOW_BYTES_ONCE
            + self.overflow.len() * OVERFLOW_BYTES_EACH
    }

    /// Panics if the wheel contradicts itself; for tests and the simulator. About 20 µs, and more for each key up to the largest.
    pub fn check(&self) {
        assert!(self.base <= BASE_MAX, "the ring wraps: base {}", self.base);
        self.occupied.check(&self.slots[..RING_SECONDS as usize]);
        let apart = self.check_nodes();
        assert_eq!(self.check_slots() + apart, self.armed, "armed timers, against those that can be found");
        assert_eq!(apart, self.overflow.len(), "timers apart, against the overflow");
        assert!(self.sorted == NOWHERE || self.slots[self.sorted as usize][FIRST] != NONE, "slot {} is sorted, but empty", self.sorted);
        // What the ring covers is in it, except arrivals in the second being drained: `base`, unless that can go no further.
        if self.base < BASE_MAX {
            let stray = self.overflow.range((self.base + 1, 0)..(self.base + RING_SECONDS, 0)).next();
            assert_eq!(stray, None, "left in the overflow by a ring that begins at {}", self.base);
        }
    }

    /// Checks the nodes one by one; returns how many are in the overflow.
    fn check_nodes(&self) -> usize {
        let (mut armed, mut apart) = (0, 0);
        for (key, node) in (0..).zip(&self.nodes[1..]) {
            armed += usize::from(node.prev != FREE);
            if node.prev == APART {
                apart += 1;
                assert!(self.overflow.contains(&(node.at, key)), "timer {key} at {} is not in the overflow", node.at);
            } else if node.prev != FREE {
                assert!(self.covers(node.at), "timer {key} at {} is outside the ring at {}", node.at, self.base);
            }
        }
        assert_eq!(armed, self.armed, "armed timers, counted");
        apart
    }

    /// Checks the slots that are occupied and their counts; returns how many timers they hold. Back links that agree rule out a circle.
    fn check_slots(&self) -> usize {
        let mut found = 0;
        let mut rest = self.occupied.find(0);
        while let Some(slot) = rest {
            let (mut prev, mut place, before) = (NONE, self.slots[slot as usize][FIRST], found);
            while place != NONE {
                let node = self.nodes[place as usize];
                assert_eq!((node.prev, slot_of(node.at)), (prev, slot), "back link and slot of place {place} at {}", node.at);
                assert!(self.sorted != slot || prev < place, "slot {slot} is not sorted: {prev}, {place}");
                found += 1;
                (prev, place) = (place, node.next);
            }
            assert_eq!(found - before, self.slots[slot as usize][COUNT] as usize, "timers in slot {slot}, against their count");
            rest = self.occupied.find(slot + 1);
        }
        found
    }

    fn covers(&self, at: u32) -> bool {
        // One comparison: what is earlier than `base` wraps to a number that `BASE_MAX` keeps out of the ring.
        at.wrapping_sub(self.base) < RING_SECONDS
    }

    /// The ring's earliest occupied slot and its second.
    fn first_slot(&self) -> Option<(u32, u32)> {
        let start = slot_of(self.base);
        let slot = self.occupied.next_from(start)?;
        Some((self.base + slot_of(slot + RING_SECONDS - start), slot))
    }

    /// The timer `key`, if it is armed.
    fn node(&self, key: u32) -> Option<Node> {
        self.nodes.get(place_of(key) as usize).copied().filter(|node| node.prev != FREE)
    }

    /// Arms a timer that is not in the ring.
    fn set_new(&mut self, key: u32, at: u32) {
        self.grow(key);
        let node = self.nodes[place_of(key) as usize];
        if node.prev == APART {
            self.overflow.remove(&(node.at, key));
        } else {
            self.armed += 1;
        }
        self.put(place_of(key), at);
    }

    /// Makes room for `key` and all below it, if there is none.
    fn grow(&mut self, key: u32) {
        assert!(key <= KEY_MAX, "timer keys are dense small numbers: {key}");
        let len = key as usize + 2;
        if len > self.nodes.capacity() {
            let more = (self.nodes.len() / GROWTH_DIVISOR).max(GROWTH_MIN);
            self.nodes.reserve_exact(more.max(len - self.nodes.len()));
        }
        self.nodes.resize(len.max(self.nodes.len()), Node { at: 0, next: NONE, prev: FREE });
    }

    fn disarm(&mut self, key: u32) {
        let Some(node) = self.node(key) else { return };
        if node.prev == APART {
            self.overflow.remove(&(node.at, key));
        } else {
            self.unlink(node);
        }
        self.nodes[place_of(key) as usize].prev = FREE;
        self.armed -= 1;
    }

    /// Puts a timer, that waits nowhere, where it belongs.
    #[inline(always)] // Like the next: or nodes would travel by way of the stack, which costs a fifth of the time to re-arm.
    fn put(&mut self, place: u32, at: u32) {
        let slot = slot_of(at);
        let stays_sorted = self.sorted != slot || place < self.slots[slot as usize][FIRST];
        if self.covers(at) && stays_sorted {
            self.link(place, at);
        } else {
            self.put_apart(place, at);
        }
    }

    fn put_apart(&mut self, place: u32, at: u32) {
        self.overflow.insert((at, place - 1));
        self.nodes[place as usize] = Node { at, next: NONE, prev: APART };
    }

    /// Puts a timer first in its slot.
    #[inline(always)]
    fn link(&mut self, place: u32, at: u32) {
        let slot = slot_of(at);
        let [next, count] = self.slots[slot as usize];
        self.slots[slot as usize] = [place, count + 1];
        if next == NONE {
            self.occupied.insert(slot);
        }
        let nodes = &mut self.nodes[..];
        nodes[next as usize].prev = place;
        nodes[place as usize] = Node { at, next, prev: NONE };
    }

    /// Takes a timer out of its slot; what its node says is for the caller to put right.
    #[inline(always)]
    fn unlink(&mut self, node: Node) {
        let Node { at, next, prev } = node;
        let slot = slot_of(at);
        self.slots[slot as usize][COUNT] -= 1;
        let nodes = &mut self.nodes[..];
        nodes[prev as usize].next = next;
        nodes[next as usize].prev = prev;
        self.slots[select_unpredictable(prev == NONE, slot, NOWHERE) as usize][FIRST] = next;
        // Both are nobody: the slot is empty now, and no longer being drained.
        if prev == next {
            self.occupied.remove(slot);
            self.sorted = if self.sorted == slot { NOWHERE } else { self.sorted };
        }
    }

    /// Moves the ring to `now`, or to its earliest timer if that is earlier.
    fn turn(&mut self, now: u32) {
        let first = self.first_slot().map_or(u32::MAX, |(at, _)| at);
        let base = now.min(first).min(BASE_MAX);
        if base == self.base {
            return;
        } else if base < self.base {
            self.evict(base + RING_SECONDS);
        }
        self.base = base;
        self.sorted = NOWHERE;
        // Take in what the ring covers now.
        while let Some(&(at, key)) = self.overflow.range((base, 0)..).next().filter(|&&(at, _)| self.covers(at)) {
            self.overflow.remove(&(at, key));
            self.link(place_of(key), at);
        }
    }

    /// Moves the timers at `cut` and later from the ring to the overflow; `cut` is before the end of the ring.
    fn evict(&mut self, cut: u32) {
        // Going round from the cut meets the later timers first, and then an earlier one or nothing.
        let from = slot_of(cut.max(self.base));
        while let Some(slot) = self.occupied.next_from(from) {
            let place = self.slots[slot as usize][FIRST];
            let node = self.nodes[place as usize];
            if node.at < cut {
                return;
            }
            self.unlink(node);
            self.put_apart(place, node.at);
        }
    }

    /// Sorts an occupied slot by key, if need be, with a merge sort that needs no memory but the links; returns its first place.
    fn lowest(&mut self, slot: u32) -> u32 {
        if self.sorted == slot {
            return self.slots[slot as usize][FIRST];
        }
        self.sorted = slot;
        // runs[i] is empty or a sorted run of 2^i timers, as in a binary counter. 32 suffice, since keys have 32 bits.
        let mut runs = [NONE; 32];
        let mut rest = self.slots[slot as usize][FIRST];
        while rest != NONE {
            let mut run = rest;
            rest = self.nodes[run as usize].next;
            self.nodes[run as usize].next = NONE;
            let mut level = 0;
            while runs[level] != NONE {
                run = self.merge(runs[level], run);
                runs[level] = NONE;
                level += 1;
            }
            runs[level] = run;
        }
        let head = runs.into_iter().fold(NONE, |low, high| self.merge(low, high));
        self.slots[slot as usize][FIRST] = head;
        // Only the forward links are right so far.
        let (mut prev, mut place) = (NONE, head);
        while place != NONE {
            let node = &mut self.nodes[place as usize];
            node.prev = prev;
            (prev, place) = (place, node.next);
        }
        head
    }

    /// Merges two sorted runs along their forward links, either of which may be [`NONE`]; returns the first place.
    fn merge(&mut self, a: u32, b: u32) -> u32 {
        if a == NONE || b == NONE {
            return a.max(b);
        }
        let (mut low, mut high) = (a.min(b), a.max(b));
        // Follow one run as far as it stays below the other, then let it go on with that one.
        while high != NONE {
            let next = self.nodes[low as usize].next;
            if next != NONE && next < high {
                low = next;
            } else {
                self.nodes[low as usize].next = high;
                (low, high) = (high, next);
            }
        }
        a.min(b)
    }
}

/// A large array on the heap that never was on the stack. Its length is part of its type, so that indices derived from a
/// second need no check.
fn zeroed<T: Clone + Default, const N: usize>() -> Box<[T; N]> {
    let filled: Result<Box<[T; N]>, _> = vec![T::default(); N].into_boxed_slice().try_into();
    filled.unwrap_or_else(|_| unreachable!("a slice of {N} is an array of {N}"))
}

/// A key too high for a timer gets a place too high for one, not that of nobody.
fn place_of(key: u32) -> u32 {
    key.saturating_add(1)
}

fn slot_of(at: u32) -> u32 {
    at % RING_SECONDS
}
