//! What the reader of webhooks remembers from one to the next. Nothing about people: only whose account ours is, and what has been said
//! about the setup already, because Meta repeats itself for days.

use super::loose::Loose;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Things said once at most: there are two dozen fields, and a few numbers in one app. Beyond that nothing new is said.
const SAID: usize = 64;

/// As long as the process lives.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The account that our number's messages come from; 0: none have come yet.
    account: AtomicU64,
    said: Mutex<BTreeSet<String>>,
}

/// The id of an account (`entry[].id`), if it is one.
pub(super) fn account(id: Option<&Loose>) -> Option<u64> {
    id.map(Loose::text).as_deref().and_then(|text: &str| text.parse().ok()).filter(|id| *id != 0)
}

impl Notes {
    /// Our number's messages come from this account.
    pub(super) fn ours(&self, id: Option<&Loose>) {
        if let Some(id) = account(id) {
            self.account.store(id, Ordering::Relaxed);
        }
    }

    /// Whether it is certain that this is not our number's account: an app may belong to several, a test account among them.
    pub(super) fn is_foreign(&self, id: Option<&Loose>) -> bool {
        let ours = self.account.load(Ordering::Relaxed);
        ours != 0 && account(id).is_some_and(|id| id != ours)
    }

    /// Whether this is to be said now, for the first and only time.
    pub(super) fn first(&self, what: Cow<'_, str>) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.len() < SAID && !said.contains(&*what) && said.insert(what.into_owned())
    }
}
