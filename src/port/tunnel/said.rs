//! What is logged of the tunnel: every change once, and a reason that goes on at powers of two. Decides nothing.

use super::pace::Healing;
use super::trouble::Trouble;
use crate::config::TunnelConfig;
use std::time::Duration;
use tracing::{debug, error, info, warn};

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// A session is up.
    up: bool,
    /// Failures since one proved good.
    failed: u64,
    /// The last reason.
    why: String,
}

impl Said {
    pub(super) fn up(&mut self, config: &TunnelConfig) {
        self.up = true;
        info!(host = %config.host, port = config.port, "the tunnel is up");
    }

    /// It has lasted for a while: what happens next is news.
    pub(super) fn proved(&mut self) {
        self.failed = 0;
        self.why.clear();
    }

    /// Error: somebody must change something, here or at the relay host. Warn: look, if it goes on.
    pub(super) fn lost(&mut self, trouble: &Trouble, healing: Healing, pause: Duration) {
        let (why, again) = (trouble.to_string(), pause.as_secs_f32());
        let was_up = std::mem::replace(&mut self.up, false);
        self.failed += 1;
        let (failed, changed) = (self.failed, why != self.why);
        match healing {
            Healing::Person if changed => error!(why, again, "no tunnel: somebody must change something"),
            Healing::Itself | Healing::Sshd if was_up => info!(why, again, "the tunnel is lost"),
            Healing::Itself | Healing::Sshd if changed || failed.is_power_of_two() => warn!(why, failed, again, "no tunnel"),
            Healing::Person | Healing::Itself | Healing::Sshd => debug!(why, failed, again, "no tunnel"),
        }
        self.why = why;
    }
}
