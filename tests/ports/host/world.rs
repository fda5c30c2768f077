//! A relay host with two branches, and OpenSSH's client in the place of their devices. Asserts only that what is set up is there.

use crate::peers::debian::Debian;
use crate::peers::handbook::{block, with};
use crate::peers::processes::{descendants, signal};
use crate::peers::sshd::{make_key, public};
use crate::program::{Place, until, within};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Mutex;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// The handbook's branches.
pub(crate) const BRANCHES: [&str; 2] = ["musterstadt", "beispielhausen"];
/// What stands in the handbook where a device's public key belongs.
const PLACEHOLDER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI-HIER-DER-SCHLUESSEL-DES-GERAETS";
/// sshd starts itself again for every connection, and wants to be called by its whole name for that.
const SSHD: &str = "/usr/sbin/sshd";

/// The name that Meta calls.
pub(crate) fn name(branch: &str) -> String {
    format!("wa.drk-{branch}.example")
}

/// Its user.
pub(crate) fn user(branch: &str) -> String {
    format!("relay-{branch}")
}

/// Where its webhooks come out on the host.
pub(crate) fn socket(branch: &str) -> String {
    format!("/run/drk-relay-host/{branch}/in.sock")
}

/// The host; ends with the test.
pub(crate) struct World {
    pub(crate) debian: Debian,
    ssh: Place,
    sshd: Mutex<Option<Child>>,
}

impl World {
    /// Every step of the handbook, for both branches, with HAProxy in front.
    pub(crate) async fn new() -> World {
        World::with_group("haproxy").await
    }

    /// With somebody else in front, who is in this group.
    pub(crate) async fn with_group(group: &str) -> World {
        let world = World::without_sshd(group).await;
        world.serve(&[]).await
    }

    /// All but that sshd does not run yet.
    pub(crate) async fn without_sshd(group: &str) -> World {
        let debian = Debian::new().await;
        debian.shell(block("einrichten")).await;
        debian.documented("/etc/ssh/sshd_config.d/50-drk-relay-host.conf");
        debian.documented("/etc/ssh/sshd_config.d/10-schluessel.conf");
        for branch in BRANCHES {
            debian.shell(&with(block("zweig"), BRANCHES[0], branch)).await;
            // The device's key: it never comes to the host; here it lies beside its files, and not in them.
            make_key(&debian.path(branch));
            let line = with(block("/etc/ssh/authorized_keys.d/relay-musterstadt"), PLACEHOLDER, &public(&debian.path(branch)));
            debian.write(&format!("/etc/ssh/authorized_keys.d/{}", user(branch)), &with(&line, BRANCHES[0], branch), 0o644);
        }
        let folders = block("/etc/tmpfiles.d/drk-relay-host.conf").replace(" haproxy ", &format!(" {group} "));
        debian.write("/etc/tmpfiles.d/drk-relay-host.conf", &folders, 0o644);
        debian.shell(block("ordner")).await;
        World { debian, ssh: Place::reserve(), sshd: Mutex::default() }
    }

    /// Starts sshd, with these of the handbook's variants.
    pub(crate) async fn serve(self, variants: &[(&str, String)]) -> World {
        for (name, text) in variants {
            self.debian.write(name, text, 0o644);
        }
        self.serve_again().await;
        let key = fs::read_to_string(self.debian.path("/etc/ssh/ssh_host_ed25519_key.pub")).expect("a key");
        self.debian.write("known_hosts", &format!("[127.0.0.1]:{} {key}", self.ssh.address.port()), 0o600);
        self
    }

    /// SIGKILL for sshd and its sessions, if it runs, and a new one; ready when this returns.
    pub(crate) async fn serve_again(&self) {
        if let Some(before) = self.daemon() {
            signal("KILL", &descendants(before));
            signal("KILL", &[before]);
        }
        let listen = format!("ListenAddress={}", self.ssh.address);
        let command = self.debian.command(SSHD, ["-D", "-e", "-o", &listen]);
        let before = self.sshd.lock().expect("nobody panicked").replace(self.debian.spawn(command, "sshd.log"));
        if let Some(mut before) = before {
            before.wait().await.expect("our child");
        }
        until(async || {
            let mut banner = [0; 4];
            TcpStream::connect(self.ssh.address).await.ok()?.read_exact(&mut banner).await.ok().filter(|_| banner == *b"SSH-")
        })
        .await;
    }

    /// The process of sshd that starts all others.
    fn daemon(&self) -> Option<u32> {
        self.sshd.lock().expect("nobody panicked").as_ref().and_then(Child::id)
    }

    /// Where sshd listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.ssh.address
    }

    /// By what it is recognised: `ssh-ed25519 AAAA…`.
    pub(crate) fn host_key(&self) -> String {
        public(&self.debian.path("/etc/ssh/ssh_host_ed25519_key"))
    }

    /// sshd reads its files at every connection only where they are keys: what `sshd -T` says of this user.
    pub(crate) async fn effective(&self, user: &str) -> String {
        self.debian.shell(&format!("{SSHD} -T -C user={user},host=device,addr=192.0.2.1")).await
    }

    /// OpenSSH's client with the key of one branch, as the user of one; `what` is what it is to do there.
    pub(crate) fn ssh(&self, key: &str, branch: &str, options: &[&str], what: &[&str]) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-v", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "ExitOnForwardFailure=yes"]);
        command.arg("-o").arg(format!("UserKnownHostsFile={}", self.debian.path("known_hosts").display()));
        command.arg("-i").arg(self.debian.path(key)).arg("-p").arg(self.ssh.address.port().to_string());
        command.args(options).arg(format!("{}@127.0.0.1", user(branch))).args(what);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// What becomes of a client that does not stay: its exit code, what came back, and what it says about it.
    pub(crate) async fn tries(&self, branch: &str, options: &[&str], what: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = within(self.ssh(branch, branch, options, what).output()).await.expect("ssh is installed");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (status.code(), text(stdout), text(stderr))
    }

    /// The tunnel of a branch, as documented for systemd: up when this returns.
    pub(crate) async fn tunnel(&self, branch: &str, device: SocketAddr) -> Tunnel {
        let forward = format!("{}:{device}", socket(branch));
        self.tunnel_for(branch, &["-N", "-R", &forward], "remote forward success").await
    }

    /// Another forward; up when the client says `ready`.
    pub(crate) async fn tunnel_for(&self, branch: &str, arguments: &[&str], ready: &str) -> Tunnel {
        let log = tempfile::NamedTempFile::new().expect("a log");
        let mut command = self.ssh(branch, branch, arguments, &[]);
        let child = command.stdout(Stdio::null()).stderr(log.reopen().expect("a log")).spawn().expect("ssh is installed");
        let mut tunnel = Tunnel { child, log };
        until(async || {
            assert_eq!(tunnel.child.try_wait().expect("our child"), None, "it stays:\n{}", tunnel.said());
            tunnel.said().contains(ready).then_some(())
        })
        .await;
        tunnel
    }

    /// The processes on the host that work for a branch: one of root's, and one of its own.
    pub(crate) fn sessions(&self, branch: &str) -> Vec<u32> {
        let mine = format!("sshd: {}", user(branch));
        let is_mine = |id: &u32| fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.starts_with(&mine));
        descendants(self.daemon().expect("it runs")).into_iter().filter(is_mine).collect()
    }

    /// Where the branch's socket really lies.
    pub(crate) fn socket(&self, branch: &str) -> PathBuf {
        self.debian.path(&socket(branch))
    }
}

impl Drop for World {
    #[expect(clippy::print_stderr, reason = "who reads why a test failed wants to know what sshd had to say")]
    fn drop(&mut self) {
        // Sessions first: once sshd is gone they are nobody's children.
        if let Some(sshd) = self.daemon() {
            signal("KILL", &descendants(sshd));
        }
        if std::thread::panicking() {
            eprintln!("sshd said:\n{}", self.debian.said("sshd.log"));
        }
    }
}

/// A client that stays; ends with the test.
pub(crate) struct Tunnel {
    child: Child,
    log: tempfile::NamedTempFile,
}

impl Tunnel {
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.log.path()).expect("a log")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// SIGKILL, and gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("it ran");
    }
}
