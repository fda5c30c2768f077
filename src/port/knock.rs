//! The relay knocks at its own door from outside: what was said there, and whether it was heard here. Connects to nothing and answers
//! nobody; that is for `probe` and `webhook`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where it is heard, before the nonce.
pub const PATH: &str = "/probe/";
/// Where Meta is heard: so the app's callback URL ends.
pub const WEBHOOK: &str = "/webhook";

/// What the one who knocks and the one who opens have in common. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Knocks(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    expected: Mutex<Option<Knock>>,
    visits: AtomicU64,
}

#[derive(Debug)]
struct Knock {
    nonce: u128,
    heard: bool,
}

/// A knock that somebody waits for; forgotten when it is dropped.
#[derive(Debug)]
pub struct Expected {
    knocks: Knocks,
    nonce: u128,
}

impl Knocks {
    /// Expects a knock with this nonce, which nobody can guess.
    pub fn expect(&self, nonce: u128) -> Expected {
        *self.lock() = Some(Knock { nonce, heard: false });
        Expected { knocks: self.clone(), nonce }
    }

    /// Somebody knocks with these words: whether they are the expected ones.
    pub fn heard(&self, nonce: &str) -> bool {
        match (&mut *self.lock(), u128::from_str_radix(nonce, 16)) {
            (Some(knock), Ok(nonce)) if knock.nonce == nonce => {
                knock.heard = true;
                true
            }
            (_, _) => false,
        }
    }

    /// Somebody stands at the door, whoever it is.
    pub fn visited(&self) {
        self.0.visits.fetch_add(1, Ordering::Relaxed);
    }

    /// How many have stood there since the start.
    pub fn visits(&self) -> u64 {
        self.0.visits.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Knock>> {
        self.0.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expected {
    /// The path that is to be asked for.
    pub fn path(&self) -> String {
        format!("{PATH}{:032x}", self.nonce)
    }

    /// Whether it was heard.
    pub fn was_heard(&self) -> bool {
        self.knocks.lock().as_ref().is_some_and(|knock| knock.nonce == self.nonce && knock.heard)
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        *self.knocks.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_expected_words_are_heard_and_only_while_they_are() {
        let knocks = Knocks::default();
        let words = |expected: &Expected| expected.path().trim_start_matches(PATH).to_owned();
        assert!(!knocks.heard("0"));
        let first = knocks.expect(7);
        let said = words(&first);
        assert!(!knocks.heard("8") && !knocks.heard("") && !knocks.heard("x") && !first.was_heard());
        assert!(knocks.heard(&said) && first.was_heard());
        drop(first);
        assert!(!knocks.heard(&said), "what was expected is over");
    }
}
