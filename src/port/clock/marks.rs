//! What a time server leaves behind when it has set the system's clock. Sets nothing and judges nothing. The kernel's own word for it
//! (adjtimex) is not to be had in the unit's sandbox.

use super::chrony;
use super::reading;
use crate::domain::time::Millis;
use crate::domain::trust::{Mark, Service, Uptime};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// systemd-timesyncd touches this file each time that it has set the clock (systemd-timesyncd.service(8)).
const TIMESYNCD: &str = "/run/systemd/timesync/synchronized";
/// Where chronyd answers questions (chrony.conf(5): cmdport, bindcmdaddress).
const CHRONY: ([u8; 4], u16) = ([127, 0, 0, 1], 323);
/// chronyd is asked this often, in milliseconds: it measures no more often than every 16 s, as Debian configures it.
const ASK: u64 = 10_000;

/// Where to look.
#[derive(Debug)]
pub(super) struct Marks {
    timesyncd: PathBuf,
    chrony: SocketAddr,
    said: Option<Mark>,
    again: Uptime,
}

impl Default for Marks {
    fn default() -> Marks {
        Marks { timesyncd: PathBuf::from(TIMESYNCD), chrony: CHRONY.into(), said: None, again: Uptime(0) }
    }
}

impl Marks {
    /// The latest mark. Only one of the two services runs on a machine: Debian's packages exclude each other.
    pub(super) async fn latest(&mut self) -> Option<Mark> {
        if let Some(at) = self.touched() {
            return Some(Mark { service: Service::Timesyncd, at });
        }
        let now = reading::uptime();
        if now >= self.again {
            self.again = now.plus(ASK);
            self.said = chrony::synchronised(self.chrony).await.map(|at| Mark { service: Service::Chrony, at });
        }
        self.said
    }

    fn touched(&self) -> Option<Millis> {
        let touched = std::fs::metadata(&self.timesyncd).and_then(|file| file.modified()).ok()?;
        let since = touched.duration_since(UNIX_EPOCH).ok()?;
        u64::try_from(since.as_millis()).ok().map(Millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::time::Duration;

    #[tokio::test]
    async fn the_file_says_when_and_nothing_says_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let timesyncd = directory.path().join("synchronized");
        // A port that refuses, at once.
        let mut marks = Marks { timesyncd: timesyncd.clone(), chrony: ([127, 0, 0, 1], 1).into(), ..Marks::default() };
        assert_eq!(marks.latest().await, None);
        let file = File::create(&timesyncd).expect("made");
        file.set_modified(UNIX_EPOCH + Duration::from_millis(1_795_305_600_123)).expect("set");
        let mark = Mark { service: Service::Timesyncd, at: Millis(1_795_305_600_123) };
        assert_eq!(marks.latest().await, Some(mark));
        fs::remove_file(timesyncd).expect("removed");
        assert_eq!(marks.latest().await, None);
    }
}
