//! Which slots of the ring have timers, so that the next one is found without looking at empty ones. Knows no timer.

use super::{COUNT, FIRST, NONE, RING_SECONDS, Slot, zeroed};

/// How many slots a word of the occupancy covers.
const WORD: u32 = u64::BITS;
const WORDS: usize = (RING_SECONDS / WORD) as usize;
/// Words for those words: 32. Scanning them all takes nanoseconds, so there is no third level.
const GROUPS: usize = WORDS / WORD as usize;

/// Which slots have timers: one bit for each slot, and one for each word of those bits.
pub(super) struct Occupancy {
    words: Box<[u64; WORDS]>,
    groups: [u64; GROUPS],
}

impl Default for Occupancy {
    fn default() -> Self {
        Self { words: zeroed(), groups: [0; GROUPS] }
    }
}

impl Occupancy {
    /// The memory that it occupies beside itself, in bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.words)
    }

    pub(super) fn insert(&mut self, slot: u32) {
        let word = slot / WORD;
        self.words[word as usize] |= bit(slot);
        self.groups[(word / WORD) as usize] |= bit(word);
    }

    pub(super) fn remove(&mut self, slot: u32) {
        let word = slot / WORD;
        self.words[word as usize] &= !bit(slot);
        if self.words[word as usize] == 0 {
            self.groups[(word / WORD) as usize] &= !bit(word);
        }
    }

    /// The first occupied slot at or after `slot`, going round.
    pub(super) fn next_from(&self, slot: u32) -> Option<u32> {
        self.find(slot).or_else(|| self.find(0))
    }

    /// The first occupied slot at or after `from`, not going round.
    pub(super) fn find(&self, from: u32) -> Option<u32> {
        let word = from / WORD;
        let bits = self.words.get(word as usize)? & (u64::MAX << (from % WORD));
        if bits != 0 {
            return Some(word * WORD + bits.trailing_zeros());
        }
        let word = self.find_word(word + 1)?;
        Some(word * WORD + self.words[word as usize].trailing_zeros())
    }

    /// The first word at or after `from` that is not zero.
    fn find_word(&self, from: u32) -> Option<u32> {
        let mut group = from / WORD;
        let mut bits = self.groups.get(group as usize)? & (u64::MAX << (from % WORD));
        while bits == 0 {
            group += 1;
            bits = *self.groups.get(group as usize)?;
        }
        Some(group * WORD + bits.trailing_zeros())
    }

    pub(super) fn check(&self, slots: &[Slot]) {
        for ((word, &bits), slots) in (0..).zip(&*self.words).zip(slots.chunks(WORD as usize)) {
            let marked = self.groups[(word / WORD) as usize] & bit(word) != 0;
            assert_eq!(marked, bits != 0, "the occupancy contradicts itself at word {word}");
            // Nearly all words are zero, and looking at their slots all at once is fast.
            let empty = || slots.iter().fold(0, |any, slot| any | slot[FIRST] | slot[COUNT]) == 0;
            let agree = || (0..).zip(slots).all(|(slot, row)| (row[FIRST] != NONE) == (bits & bit(slot) != 0));
            assert!(if bits == 0 { empty() } else { agree() }, "occupancy and slots disagree at word {word}");
        }
    }
}

fn bit(index: u32) -> u64 {
    1 << (index % WORD)
}
