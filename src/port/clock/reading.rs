//! The only file that reads clocks: the system's, which anybody may set; the uptime, which nobody can; and the runtime's, which tests can
//! make stand still.

use crate::domain::time::Millis;
use crate::domain::trust::Uptime;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// What the system's clock shows, UTC. Before 1970 reads as 1970.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub(super) fn system() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// How long the system has been on, suspends included: a clock that does not count them would be hours behind after one, and trusted.
pub(super) fn uptime() -> Uptime {
    let up = clock_gettime(ClockId::Boottime);
    Uptime(u64::try_from(up.tv_sec).unwrap_or(0) * 1_000 + u64::try_from(up.tv_nsec).unwrap_or(0) / 1_000_000)
}

/// This instant, by the runtime's clock.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
pub(super) fn real() -> Instant {
    Instant::now()
}
