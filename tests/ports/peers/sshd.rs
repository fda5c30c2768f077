//! The relay host: the real sshd, started on a free port with files of its own. It can be killed, frozen, and come back as somebody else.
//! Asserts nothing.
//!
//! A root account logs branches in as two of the system's users, which have neither a password nor a shell; anybody else as oneself, and
//! then there is one branch only.

use super::processes::{descendants, is_root, signal};
use crate::program::{Place, until};
use std::fs::{self, OpenOptions, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// sshd starts itself again for every connection, and wants to be called by its whole name for that.
const PROGRAM: &str = "/usr/sbin/sshd";
/// Started by root it wants this empty directory, in which it shuts its unprivileged half. Debian's unit makes it at every start.
const EMPTY: &str = "/run/sshd";
/// Of these every Debian has the accounts.
const ACCOUNTS: [&str; 2] = ["games", "news"];
/// What the handbook recommends for a branch's user, as far as it is not what a test is about: sshd takes the first line of a kind.
const RECOMMENDED: &str = "AllowTcpForwarding yes\nAllowStreamLocalForwarding remote\nStreamLocalBindUnlink yes\nStreamLocalBindMask 0117\n\
    GatewayPorts no\nMaxSessions 0\nPermitTTY no\nX11Forwarding no\nAllowAgentForwarding no\n\
    ClientAliveInterval 15\nClientAliveCountMax 3\n";

/// A relay host; ends with the test.
pub(crate) struct Host {
    directory: TempDir,
    place: Place,
    child: Option<Child>,
}

/// A branch on it: an account, a key that may log in, and a directory for sockets.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    /// Who it logs in as.
    pub(crate) user: String,
    /// Its private key, in OpenSSH's format.
    pub(crate) key: String,
    /// The same, in a file.
    pub(crate) key_file: PathBuf,
    /// Its public key: `ssh-ed25519 AAAA…`.
    pub(crate) public: String,
    /// Where its sockets lie; it may write there.
    pub(crate) sockets: PathBuf,
}

impl Branch {
    /// A socket of this branch.
    pub(crate) fn socket(&self, name: &str) -> String {
        self.sockets.join(name).to_str().expect("text").to_owned()
    }
}

impl Host {
    /// A host that listens. `special` are lines of sshd_config that this test is about: they win over what is recommended.
    pub(crate) async fn start(special: &str) -> Host {
        let directory = tempfile::tempdir().expect("a directory");
        let mut host = Host { directory, place: Place::reserve(), child: None };
        if is_root() {
            fs::create_dir_all(EMPTY).expect("a directory that sshd needs");
        }
        host.folder("", "root");
        host.folder("sockets", "root");
        host.folder("keys", "root");
        make_key(&host.path("host"));
        for account in accounts() {
            make_key(&host.path(&account));
            host.folder(&format!("sockets/{account}"), &account);
            host.authorize(&account, &format!("restrict,port-forwarding {}", public(&host.path(&account))));
        }
        let text = format!(
            "ListenAddress {}\nHostKey {}\nAuthorizedKeysFile {}/%u\nAuthenticationMethods publickey\nUsePAM no\nStrictModes no\n\
             LogLevel VERBOSE\nPidFile none\nUseDNS no\n{special}\n{RECOMMENDED}",
            host.address(),
            host.path("host").display(),
            host.path("keys").display()
        );
        fs::write(host.path("sshd_config"), text).expect("written");
        host.restart().await;
        host
    }

    /// Where it listens, or did.
    pub(crate) fn address(&self) -> SocketAddr {
        self.place.address
    }

    /// The line by which it is recognised: `ssh-ed25519 AAAA…`.
    pub(crate) fn host_key(&self) -> String {
        public(&self.path("host"))
    }

    /// The first branch.
    pub(crate) fn branch(&self) -> Branch {
        self.branches().swap_remove(0)
    }

    /// All branches: two for root, one for anybody else.
    pub(crate) fn branches(&self) -> Vec<Branch> {
        let branch = |user: String| {
            let key_file = self.path(&user);
            let key = fs::read_to_string(&key_file).expect("a key");
            let (public, sockets) = (public(&key_file), self.path("sockets").join(&user));
            Branch { user, key, key_file, public, sockets }
        };
        accounts().into_iter().map(branch).collect()
    }

    /// Who may log in as this user from now on: lines of authorized_keys.
    pub(crate) fn authorize(&self, user: &str, lines: &str) {
        let path = self.path("keys").join(user);
        fs::write(&path, format!("{lines}\n")).expect("written");
        fs::set_permissions(path, Permissions::from_mode(0o644)).expect("chmod");
    }

    /// Gives it another key of its own, which it shows after the next start.
    pub(crate) fn become_another(&self) {
        for name in ["host", "host.pub"] {
            fs::remove_file(self.path(name)).expect("there was one");
        }
        make_key(&self.path("host"));
    }

    /// Starts it, again if need be, with the same files at the same address; ready when this returns.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        let log = OpenOptions::new().create(true).append(true).open(self.path("log")).expect("a log");
        let mut command = Command::new(PROGRAM);
        command.args(["-D", "-e", "-f"]).arg(self.path("sshd_config")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().expect("sshd is installed"));
        until(async || {
            let mut banner = [0; 4];
            TcpStream::connect(self.address()).await.ok()?.read_exact(&mut banner).await.ok().filter(|_| banner == *b"SSH-")
        })
        .await;
    }

    /// SIGKILL for it and for all of its sessions: nobody tidies anything up.
    pub(crate) fn kill(&mut self) {
        // Sessions first: once it is gone they are nobody's children.
        self.kill_sessions();
        if let Some(mut child) = self.child.take() {
            child.kill().expect("our child");
            child.wait().expect("our child");
        }
    }

    /// SIGKILL for its sessions only. Their sockets stay behind.
    pub(crate) fn kill_sessions(&self) {
        signal("KILL", &self.sessions());
    }

    /// SIGSTOP: it and its sessions do nothing more, while the kernel still takes connections and bytes.
    pub(crate) fn freeze(&self) {
        self.freeze_sessions();
        signal("STOP", self.child.as_ref().map(Child::id).as_slice());
    }

    /// SIGSTOP for its sessions only: new ones are possible.
    pub(crate) fn freeze_sessions(&self) {
        signal("STOP", &self.sessions());
    }

    /// SIGCONT for all.
    pub(crate) fn thaw(&self) {
        signal("CONT", self.child.as_ref().map(Child::id).as_slice());
        signal("CONT", &self.sessions());
    }

    /// The processes of its sessions.
    pub(crate) fn sessions(&self) -> Vec<u32> {
        self.child.as_ref().map_or(Vec::new(), |child| descendants(child.id()))
    }

    /// All that it has said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// A file in its directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A folder through which everybody may go, and in which this user may write.
    fn folder(&self, name: &str, user: &str) {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("a folder");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("chmod");
        if is_root() {
            chown(&path, Some(number(user)), None).expect("chown");
        }
    }
}

impl Drop for Host {
    #[expect(clippy::print_stderr, reason = "who reads why a test failed wants to know what sshd had to say")]
    fn drop(&mut self) {
        self.thaw();
        self.kill();
        if std::thread::panicking() {
            eprintln!("sshd said:\n{}", self.log());
        }
    }
}

/// A new Ed25519 key without a password, and its public half beside it.
pub(crate) fn make_key(path: &Path) {
    let mut command = Command::new("ssh-keygen");
    let made = command.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(path).status().expect("ssh-keygen is installed");
    assert!(made.success(), "{}", path.display());
}

/// The line of a public key, without its comment.
pub(crate) fn public(path: &Path) -> String {
    let text = fs::read_to_string(path.with_extension("pub")).expect("a key");
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn accounts() -> Vec<String> {
    if is_root() {
        return ACCOUNTS.map(str::to_owned).to_vec();
    }
    let output = Command::new("id").arg("-un").output().expect("id");
    vec![String::from_utf8(output.stdout).expect("text").trim().to_owned()]
}

/// A user's number.
fn number(user: &str) -> u32 {
    let accounts = fs::read_to_string("/etc/passwd").expect("accounts");
    let line = accounts.lines().find(|line| line.split(':').next() == Some(user)).expect("an account that Debian has");
    line.split(':').nth(2).expect("a number").parse().expect("a number")
}
