//! Where the simulated world takes its choices from: a seed, or the bytes of a fuzzer. No clock, no operating system; the same source makes
//! the same choices.

/// What is chosen, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// SplitMix64: one number of state, good enough to mix a test's choices, and the same everywhere. Never ends.
    Seed(u64),
    /// Each choice eats as many bytes as it needs. When they are used up, the first of several is chosen and nothing happens by chance.
    Bytes { bytes: Box<[u8]>, at: usize },
}

impl Choices {
    /// Choices that follow from this seed.
    pub(crate) fn seed(seed: u64) -> Choices {
        Choices { source: Source::Seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D) }
    }

    /// Choices that somebody else makes: a fuzzer that looks for those under which a promise breaks.
    pub(crate) fn bytes(bytes: &[u8]) -> Choices {
        Choices { source: Source::Bytes { bytes: bytes.into(), at: 0 } }
    }

    /// Whether there are no bytes left: the world comes to rest.
    pub(crate) fn used_up(&self) -> bool {
        match &self.source {
            Source::Seed(_) => false,
            Source::Bytes { bytes, at } => *at >= bytes.len(),
        }
    }

    /// A number below `end` (more than 0).
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        match &mut self.source {
            Source::Seed(state) => mixed(state) % end,
            Source::Bytes { bytes, at } => {
                let wanted = (u64::BITS - (end - 1).leading_zeros()).div_ceil(8) as usize;
                let eaten = bytes.get(*at..).unwrap_or_default().iter().take(wanted);
                let number = eaten.fold(0, |number, byte| number << 8 | u64::from(*byte));
                *at += wanted;
                number % end
            }
        }
    }

    /// True in `percent` of 100 cases.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        !self.used_up() && self.below(100) < percent
    }

    /// One of these.
    pub(crate) fn of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len() as u64) as usize]
    }
}

fn mixed(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
