//! Debian's mosquitto, configured by the lines that are handed out for it and pasted as they are, with its own user and without root's
//! rights; and its clients. Asserts only that it starts.

use super::debian::Debian;
use crate::program::{until, within};
use std::fs;
use std::net::SocketAddr;
use std::process::{Output, Stdio};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

/// Before what is pasted: programs that are not on every Debian, or would speak to the machine's own systemd. What is to be restarted is
/// started by the test.
const STAND_IN: &str = "/etc/stand-in";
const SUDO: &str = "#!/bin/sh\nexec \"$@\"\n";
const SYSTEMCTL: &str = "#!/bin/sh\n\
    echo \"$@\" >> /etc/stand-in/asked\n\
    [ \"$1\" != reload ] || [ ! -e /run/mosquitto/mosquitto.pid ] || kill -HUP \"$(cat /run/mosquitto/mosquitto.pid)\"\n";

/// A Debian on which the package was just installed.
pub(crate) async fn installed() -> Debian {
    let debian = Debian::new().await;
    debian.shell("rm -f /etc/mosquitto/conf.d/*.conf; chown mosquitto: /var/lib/mosquitto /run/mosquitto /var/log/mosquitto").await;
    debian.write(&format!("{STAND_IN}/sudo"), SUDO, 0o755);
    debian.write(&format!("{STAND_IN}/systemctl"), SYSTEMCTL, 0o755);
    debian
}

/// The blocks of a text that can be pasted: paragraphs that begin with this word.
pub(crate) fn blocks<'t>(text: &'t str, word: &str) -> Vec<&'t str> {
    text.split("\n\n").filter(|paragraph| paragraph.split(' ').next() == Some(word)).collect()
}

/// Pastes it into a terminal of the technician's.
pub(crate) async fn paste(debian: &Debian, block: &str) -> String {
    debian.shell(&format!("PATH={STAND_IN}:$PATH\n{block}\n")).await
}

/// What systemd was asked for.
pub(crate) fn asked(debian: &Debian) -> String {
    fs::read_to_string(debian.path(&format!("{STAND_IN}/asked"))).unwrap_or_default()
}

/// It runs; ends with the test.
pub(crate) struct Broker<'a> {
    pub(crate) address: SocketAddr,
    debian: &'a Debian,
    child: Child,
}

impl<'a> Broker<'a> {
    /// As systemd would start it, where its configuration says.
    pub(crate) async fn start(debian: &'a Debian, address: SocketAddr) -> Broker<'a> {
        let child = debian.spawn(debian.command("/usr/sbin/mosquitto", ["-c", "/etc/mosquitto/mosquitto.conf"]), "mosquitto.log");
        let mut broker = Broker { address, debian, child };
        until(async || {
            assert_eq!(broker.child.try_wait().expect("our child"), None, "it stays: {}", broker.said());
            TcpStream::connect(address).await.ok()
        })
        .await;
        broker
    }

    /// SIGKILL, and gone: what the kernel has of its file is there, as after a crash.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("it ran");
    }

    /// What it wrote into its log, and on the way there.
    pub(crate) fn said(&self) -> String {
        ["mosquitto.log", "log/mosquitto/mosquitto.log"].map(|name| self.debian.said(name)).concat()
    }

    /// One of mosquitto's clients, logged in like this.
    pub(crate) fn client(&self, program: &str, login: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["-h", "127.0.0.1", "-p", &self.address.port().to_string()]).args(login).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

impl Drop for Broker<'_> {
    #[expect(clippy::print_stderr, reason = "who reads why a test failed wants to know what mosquitto had to say")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("mosquitto said:\n{}", self.said());
        }
    }
}

/// What a client that ends by itself has said, and whether it was content.
pub(crate) async fn output(mut command: Command) -> (bool, String) {
    let Output { status, stdout, stderr } = within(command.output()).await.expect("mosquitto-clients is installed");
    (status.success(), [stdout, stderr].map(|bytes| String::from_utf8(bytes).expect("text")).concat())
}

/// A client that goes on: what it prints, line by line.
pub(crate) struct Listening {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Listening {
    pub(crate) fn start(mut command: Command) -> Listening {
        let mut child = command.spawn().expect("mosquitto-clients is installed");
        Listening { lines: BufReader::new(child.stdout.take().expect("piped")).lines(), _child: child }
    }

    pub(crate) async fn line(&mut self) -> String {
        within(self.lines.next_line()).await.expect("text").expect("it goes on")
    }
}
