//! What systemd is told: that the relay is ready, how it fares, that its loop turns, that it stops. Takes no orders, and does nothing where
//! there is no systemd.
//!
//! The protocol is a datagram of lines (sd_notify(3), which recommends writing it oneself). The crates for it read the environment at every
//! call, which no test can change, and block when systemd's queue is full, which would stop the pings of the broker.

use super::board::Board;
use super::link::{Condition, Link};
use crate::relay::pulse::Pulse;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often the status line is made anew, at most: each costs a walk over all people.
const STATUS: Duration = Duration::from_secs(10);

/// The service manager, if one started us and wants to hear.
#[derive(Debug, Default)]
pub struct Manager {
    address: Option<SocketAddr>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// From `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` (sd_notify(3), sd_watchdog_enabled(3)).
    pub fn from_environment() -> Manager {
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let ours = number("WATCHDOG_PID").is_none_or(|process| process == u64::from(std::process::id()));
        let address = std::env::var_os("NOTIFY_SOCKET").and_then(|name| address(name.as_bytes()).ok());
        Manager { address, watchdog: number("WATCHDOG_USEC").filter(|_| ours).map(Duration::from_micros) }
    }

    /// One that listens at `path` and expects to hear at least every `watchdog`.
    ///
    /// # Errors
    /// If no socket can have this path.
    pub fn at(path: &std::path::Path, watchdog: Option<Duration>) -> io::Result<Manager> {
        Ok(Manager { address: Some(address(path.as_os_str().as_bytes())?), watchdog })
    }

    /// Stopping was asked for: from now on silence is no alarm.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=Beendet sich.\n");
    }

    /// Whether it is told; what it cannot take now must not be waited for.
    fn tell(&self, lines: &str) -> bool {
        let Some(address) = &self.address else { return false };
        let told = UnixDatagram::unbound().and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.send_to_addr(lines.as_bytes(), address)
        });
        if let Err(error) = &told {
            tracing::debug!(%error, "systemd does not listen");
        }
        told.is_ok()
    }
}

/// `@name` is an abstract one (sd_notify(3)).
fn address(name: &[u8]) -> io::Result<SocketAddr> {
    match name {
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest),
        path => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path)),
    }
}

/// Tells what there is to tell, for ever.
///
/// The watchdog is fed when the relay has made a whole step because it was asked to: decided, committed, let its effects out. If its thread
/// hangs (a dead card), or this runtime, nobody feeds, and systemd starts the service again.
pub async fn run(manager: &Manager, board: &Board) -> Infallible {
    if manager.address.is_none() {
        return pending().await;
    }
    // Half of what systemd waits for (sd_watchdog_enabled(3)).
    let mut ticks = interval(manager.watchdog.map_or(STATUS, |watchdog| STATUS.min(watchdog / 2)).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut ready, mut said) = (false, String::new());
    loop {
        ticks.tick().await;
        let looked = board.look().await;
        let status = looked.as_ref().map_or_else(|| "Das Relay antwortet nicht.".to_owned(), |pulse| status(board, pulse));
        let mut lines = String::new();
        if looked.is_some() {
            lines.push_str(if ready { "WATCHDOG=1\n" } else { "READY=1\nWATCHDOG=1\n" });
        }
        if status != said {
            lines.push_str(&format!("STATUS={status}\n"));
        }
        if !lines.is_empty() && manager.tell(&lines) {
            ready |= looked.is_some();
            said = status;
        }
    }
}

/// One line for `systemctl status`: what a technician looks for first.
fn status(board: &Board, pulse: &Pulse) -> String {
    if pulse.full.is_some() {
        return "Die Speicherkarte ist voll: bis wieder Platz ist, wird nichts angenommen und nichts gesendet.".to_owned();
    }
    let mut parts = vec![format!("{} Abos", pulse.people.subscribed), format!("{} offene Fenster", pulse.open_windows)];
    if !pulse.clock_trusted {
        parts.push("die Uhr ist noch nicht gestellt, gesendet wird erst danach".to_owned());
    } else if let Some(at) = pulse.next_reminder {
        let at = at.instant().to_zoned(board.zone.clone());
        parts.push(format!("nächste Erinnerung {:02}:{:02}", at.hour(), at.minute()));
    }
    if !pulse.damaged.is_empty() {
        parts.push("ein beschädigter Speicher wurde beiseitegelegt (drk-relay status)".to_owned());
    }
    if pulse.held.is_some() {
        parts.push("Senden angehalten".to_owned());
    }
    let pending = pulse.outbox.pending();
    if pending > 0 {
        parts.push(format!("{pending} Nachrichten im Ausgang"));
    }
    if board.links.mqtt.view().condition == Condition::Up {
        parts.push("MQTT verbunden".to_owned());
    }
    parts.extend(down("MQTT", &board.links.mqtt));
    parts.extend(down("Meta", &board.links.graph));
    parts.extend(down("Webhook", &board.links.webhook));
    parts.join(", ")
}

fn down(name: &str, link: &Link) -> Option<String> {
    match link.view().condition {
        Condition::Up | Condition::Untried => None,
        // One line each: what follows a line break would be another variable of the protocol.
        Condition::Down(why) => Some(format!("{name} gestört ({})", why.replace(char::is_control, " "))),
    }
}
