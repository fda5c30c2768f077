//! A Debian of the test's own: the machine's programs, but with accounts, configuration, sockets and logs that are gone with the test. What
//! the handbook says about a relay host is done to it literally, as root. Asserts only that commands succeed which have to.
//!
//! No container: a mount namespace in which five directories are others. The network is the machine's.

use super::handbook;
use super::processes::is_root;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// What is another there: a name in the test's directory, and where it appears.
const OWN: [(&str, &str); 5] =
    [("etc", "/etc"), ("run", "/run"), ("lib", "/var/lib/haproxy"), ("mosquitto", "/var/lib/mosquitto"), ("log", "/var/log")];
/// What the programs want to find in /etc, as it is on the machine. None of it is secret, and everybody may read it.
const KEPT: [&str; 17] = [
    "default/useradd",
    "group",
    "haproxy",
    "ld.so.cache",
    "localtime",
    "login.defs",
    "mime.types",
    "mosquitto",
    "nginx",
    "nsswitch.conf",
    "pam.d",
    "passwd",
    "protocols",
    "security/limits.conf",
    "security/pam_env.conf",
    "services",
    "ssl/openssl.cnf",
];
/// The configuration with which Debian's package comes, whatever the machine's own has become.
const SSHD_CONFIG: &str = "/usr/share/openssh/sshd_config";

/// The machine; what runs on it ends with whoever started it.
pub(crate) struct Debian {
    directory: TempDir,
}

impl Debian {
    /// As it is after the packages were installed.
    pub(crate) async fn new() -> Debian {
        assert!(is_root(), "this test gives each branch a user of its own, in a namespace that only it sees: it has to be root");
        let debian = Debian { directory: tempfile::tempdir().expect("a directory") };
        let folders =
            ["etc/ssh/sshd_config.d", "etc/ssl", "etc/default", "etc/security", "run/sshd", "run/lock", "run/mosquitto", "lib/dev"];
        for folder in folders.into_iter().chain(["mosquitto", "log/mosquitto", "log/nginx"]) {
            fs::create_dir_all(debian.path(folder)).expect("a folder");
        }
        for name in KEPT.into_iter().filter(|name| Path::new("/etc").join(name).exists()) {
            let mut copy = Command::new("cp");
            copy.arg("-a").arg(Path::new("/etc").join(name)).arg(debian.path("etc").join(name));
            assert!(copy.status().await.expect("cp").success(), "{name}");
        }
        let accounts = fs::read_to_string(debian.path("etc/passwd")).expect("accounts");
        let passwords = accounts.lines().filter_map(|line| Some(format!("{}:*:20000:0:99999:7:::\n", line.split_once(':')?.0)));
        debian.write("/etc/shadow", &passwords.collect::<String>(), 0o600);
        debian.write("/etc/hosts", "127.0.0.1 localhost\n", 0o644);
        debian.write("/etc/ssh/sshd_config", &fs::read_to_string(SSHD_CONFIG).expect("openssh-server is installed"), 0o644);
        debian.shell("ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key").await;
        debian
    }

    /// Where a file of this Debian really lies.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let name = Path::new(name);
        let moved = OWN.iter().find_map(|(own, there)| Some(Path::new(own).join(name.strip_prefix(there).ok()?)));
        self.directory.path().join(moved.unwrap_or_else(|| name.to_owned()))
    }

    /// A file on it, and the folders that it needs.
    pub(crate) fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("written");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
    }

    /// Writes the handbook's file of this name.
    pub(crate) fn documented(&self, name: &str) {
        self.write(name, handbook::block(name), 0o644);
    }

    /// Does as root what these lines say; the first that fails fails the test.
    pub(crate) async fn shell(&self, script: &str) -> String {
        let Output { status, stdout, stderr } = self.command("sh", ["-euc", script]).output().await.expect("a shell");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let (said, complained) = (text(stdout), text(stderr));
        assert!(status.success(), "{script}\n{said}{complained}");
        said
    }

    /// A program on this Debian; ends with the test.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, program: &str, arguments: impl IntoIterator<Item = A>) -> Command {
        self.command_with("", program, arguments)
    }

    /// A program before whose start these lines are done, in a namespace that only it sees.
    pub(crate) fn command_with<A: AsRef<OsStr>>(&self, before: &str, program: &str, arguments: impl IntoIterator<Item = A>) -> Command {
        let binds: String = OWN.iter().map(|(own, there)| format!("mount --bind \"$0/{own}\" {there}\n")).collect();
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-euc", &format!("{binds}{before}\nexec \"$@\"")]);
        command.arg(self.directory.path()).arg(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Starts what serves; what it says is in [`Debian::said`] under this name.
    pub(crate) fn spawn(&self, mut command: Command, name: &str) -> Child {
        let log = OpenOptions::new().create(true).append(true).open(self.path(name)).expect("a log");
        command.stdout(log.try_clone().expect("a log")).stderr(log).spawn().expect("unshare")
    }

    /// All that it has said.
    pub(crate) fn said(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}
