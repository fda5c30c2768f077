//! Debian's HAProxy on a free port, configured as the handbook says, shut into its directory and without root's rights. Asserts only that
//! it starts.

use super::debian::Debian;
use super::handbook::{block, with};
use crate::program::{Place, until};
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use tokio::net::{TcpStream, UnixDatagram};
use tokio::process::{Child, Command};

const CONFIGURATION: &str = "/etc/haproxy/haproxy.cfg";
/// Where Debian's unit shows it the journal's socket.
const SYSLOG: &str = "/var/lib/haproxy/dev/log";
/// What it needs beyond Debian's unit.
pub(crate) const UNIT: &str = "/etc/systemd/system/haproxy.service.d/drk-relay-host.conf";

/// It runs; ends with the test.
pub(crate) struct Haproxy<'a> {
    pub(crate) address: SocketAddr,
    /// What it would tell syslog.
    log: UnixDatagram,
    debian: &'a Debian,
    child: Child,
    _place: Place,
}

impl<'a> Haproxy<'a> {
    /// As documented.
    pub(crate) async fn start(debian: &'a Debian) -> Haproxy<'a> {
        Haproxy::start_with(debian, block(UNIT)).await
    }

    /// With another addition to systemd's unit.
    pub(crate) async fn start_with(debian: &'a Debian, unit: &str) -> Haproxy<'a> {
        Haproxy::start_as(debian, block(CONFIGURATION), unit).await
    }

    /// Without the limit for new connections from one address, for who measures from one.
    pub(crate) async fn start_unlimited(debian: &'a Debian) -> Haproxy<'a> {
        Haproxy::start_as(debian, &with(block(CONFIGURATION), "sc0_conn_rate gt 300", "sc0_conn_rate gt 1000000"), block(UNIT)).await
    }

    async fn start_as(debian: &'a Debian, text: &str, unit: &str) -> Haproxy<'a> {
        let place = Place::reserve();
        let text = with(text, "bind :::443 v4v6", &format!("bind {}", place.address));
        debian.write(CONFIGURATION, &text, 0o644);
        let syslog = debian.path(SYSLOG);
        let log = UnixDatagram::bind(&syslog).expect("a socket");
        fs::set_permissions(syslog, Permissions::from_mode(0o666)).expect("chmod");
        let command = debian.command_with(&binds(unit), "/usr/sbin/haproxy", ["-db", "-f", CONFIGURATION]);
        let child = debian.spawn(command, "haproxy.log");
        let mut haproxy = Haproxy { address: place.address, log, debian, child, _place: place };
        until(async || {
            assert_eq!(haproxy.child.try_wait().expect("our child"), None, "it stays");
            TcpStream::connect(haproxy.address).await.ok()
        })
        .await;
        haproxy
    }

    /// Whether it accepts the configuration exactly as documented, and what it says.
    pub(crate) fn check(debian: &Debian) -> Command {
        debian.documented(CONFIGURATION);
        debian.command("/usr/sbin/haproxy", ["-c", "-f", CONFIGURATION])
    }

    /// The next thing that it tells syslog about a connection.
    pub(crate) async fn logged(&self) -> String {
        let mut line = vec![0; 4096];
        let length = self.log.recv(&mut line).await.expect("a line");
        line.truncate(length);
        String::from_utf8(line).expect("text")
    }
}

impl Drop for Haproxy<'_> {
    #[expect(clippy::print_stderr, reason = "who reads why a test failed wants to know what HAProxy had to say")]
    fn drop(&mut self) {
        // Another one on the same Debian wants its place.
        let _ = fs::remove_file(self.debian.path(SYSLOG));
        if std::thread::panicking() {
            eprintln!("HAProxy said:\n{}", self.debian.said("haproxy.log"));
        }
    }
}

/// What systemd does for such a unit before the program starts.
fn binds(unit: &str) -> String {
    let paths = unit.lines().filter_map(|line| line.strip_prefix("BindReadOnlyPaths=")?.split_once(':'));
    paths.map(|(from, to)| format!("mkdir -p {to}; mount --bind {from} {to}; mount -o remount,ro,bind {to}\n")).collect()
}
