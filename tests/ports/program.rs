//! The real binary: its files, its life and its end. Asserts nothing about what it does; that is for the tests that start it.

use crate::webhook::{NUMBER, SECRET};
use drk_relay::domain::ids::InstanceId;
use drk_relay::store::Store;
use std::fs::{self, File, OpenOptions, Permissions};
use std::future::Future;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::{Child, Command};

/// Everything happens at once or after a back-off of a few seconds; this is for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what gives no signal.
const LOOK: Duration = Duration::from_millis(5);
pub(crate) const TOKEN: &str = "test-token";
pub(crate) const VERIFY_TOKEN: &str = "test-verify-token";

/// What `future` yields; a test that hangs fails.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("nothing happened for a long time")
}

/// Looks again and again until there is something.
pub(crate) async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    within(async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            // waits: another process or a log has no signal for what is looked for.
            tokio::time::sleep(LOOK).await;
        }
    })
    .await
}

/// An address that nobody else gets, and at which connections are refused until somebody listens: this test, or a program that it starts.
pub(crate) struct Place {
    socket: TcpSocket,
    pub(crate) address: SocketAddr,
}

impl Place {
    pub(crate) fn reserve() -> Place {
        let socket = TcpSocket::new_v4().expect("a socket");
        // With it a program may listen where this only holds the number.
        socket.set_reuseaddr(true).expect("an option that Linux has");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let address = socket.local_addr().expect("bound");
        Place { socket, address }
    }

    pub(crate) fn listen(self) -> TcpListener {
        self.socket.listen(64).expect("nobody else listens here")
    }
}

/// A branch's machine: configuration, secrets, state directory, and the address at which webhooks arrive.
pub(crate) struct Machine {
    directory: TempDir,
    pub(crate) webhook: Place,
}

impl Machine {
    pub(crate) fn new(broker: SocketAddr, api: SocketAddr) -> Machine {
        let machine = Machine { directory: tempfile::tempdir().expect("a directory"), webhook: Place::reserve() };
        for (name, content) in [("token", TOKEN), ("app-secret", SECRET), ("verify-token", VERIFY_TOKEN)] {
            machine.write(name, content, 0o600);
        }
        let text = format!(
            "state_dir = \"state\"\n\
             [clock]\ntrust = \"always\"\n\
             [branch]\nname = \"DRK-Ortsverein Musterstadt\"\ncontact = \"07751 5550100\"\n\
             privacy = \"drk-musterstadt.example/datenschutz\"\n\
             [[feed]]\nname = \"corona\"\ntitle = \"Corona im Kreis Musterstadt\"\n\
             [[feed.metric]]\nname = \"cases_new\"\nlabel = \"Neue Fälle\"\nkind = \"count\"\n\
             [[feed.metric]]\nname = \"incidence\"\nlabel = \"7-Tage-Inzidenz\"\nkind = \"rate\"\nrequired = false\n\
             [mqtt]\nhost = \"{}\"\nport = {}\n\
             [whatsapp]\nbase_url = \"http://{api}\"\nphone_number_id = \"{NUMBER}\"\n\
             token_file = \"token\"\napp_secret_file = \"app-secret\"\nverify_token_file = \"verify-token\"\n\
             [ingress]\nlisten = \"{}\"\n",
            broker.ip(),
            broker.port(),
            machine.webhook.address
        );
        machine.write("relay.toml", &text, 0o644);
        machine
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str, mode: u32) {
        let path = self.path(name);
        fs::write(&path, content).expect("written");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
    }

    /// Replaces one piece of a file.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).expect("text");
        assert_eq!(text.matches(from).count(), 1, "{from} in {name}");
        fs::write(self.path(name), text.replace(from, to)).expect("written");
    }

    /// Starts the relay. What it says goes to [`Machine::log`].
    pub(crate) fn start(&self) -> Relay {
        let log = OpenOptions::new().create(true).append(true).open(self.path("log")).expect("a log");
        Relay(self.command(Stdio::from(log)).spawn().expect("the binary"))
    }

    /// Starts the relay as systemd does, in an environment with these variables.
    pub(crate) fn start_for(&self, manager: &[(&str, &str)]) -> Relay {
        Relay(self.command(Stdio::null()).envs(manager.iter().copied()).spawn().expect("the binary"))
    }

    /// Starts the relay from a shell that does this before.
    pub(crate) fn start_after(&self, prelude: &str) -> Relay {
        let log = OpenOptions::new().create(true).append(true).open(self.path("log")).expect("a log");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{prelude}; exec \"$0\" run --config \"$1\"")]);
        command.arg(env!("CARGO_BIN_EXE_drk-relay")).arg(self.path("relay.toml"));
        command.env("CREDENTIALS_DIRECTORY", self.path("credentials")).stdin(Stdio::null()).stdout(Stdio::null());
        Relay(command.stderr(Stdio::from(log)).kill_on_drop(true).spawn().expect("a shell"))
    }

    /// Starts the relay where names lead to what this file says, whatever the machine's /etc/hosts does. Needs root.
    pub(crate) fn start_with_names(&self, hosts: &str) -> Relay {
        let log = OpenOptions::new().create(true).append(true).open(self.path("log")).expect("a log");
        let mut command = Command::new("unshare");
        let script = "mount --bind \"$2\" /etc/hosts; exec \"$0\" run --config \"$1\"";
        command.args(["--mount", "--propagation", "private", "sh", "-euc", script, env!("CARGO_BIN_EXE_drk-relay")]);
        command.arg(self.path("relay.toml")).arg(self.path(hosts));
        command.env("CREDENTIALS_DIRECTORY", self.path("credentials")).stdin(Stdio::null()).stdout(Stdio::null());
        Relay(command.stderr(Stdio::from(log)).kill_on_drop(true).spawn().expect("unshare"))
    }

    /// Another command of the same program, with this machine's configuration: its exit code, what it prints and its last words.
    pub(crate) async fn says(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = self.program();
        command.args(arguments).arg("--config").arg(self.path("relay.toml"));
        let output = within(command.output()).await.expect("the binary");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// Starts a relay that ends by itself: its exit code and its last words.
    pub(crate) async fn refused(&self) -> (Option<i32>, String) {
        let child = self.command(Stdio::piped()).spawn().expect("the binary");
        let output = within(child.wait_with_output()).await.expect("it ends");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    }

    fn command(&self, stderr: Stdio) -> Command {
        let mut command = self.program();
        command.args(["run", "--config"]).arg(self.path("relay.toml")).stdout(Stdio::null()).stderr(stderr);
        command
    }

    /// With credentials of this machine only, whatever the one that runs the tests has.
    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drk-relay"));
        command.env("CREDENTIALS_DIRECTORY", self.path("credentials")).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// All that relays have said on this machine.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The store of a relay that does not run.
    pub(crate) fn store(&self) -> Store {
        Store::open(&self.path("state/relay.redb"), InstanceId(0)).expect("a store that nobody holds")
    }

    /// One request to the relay: the status and the whole answer; `None` if there is nobody, or nobody any more.
    pub(crate) async fn ask(&self, head: &str, body: &[u8]) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.webhook.address).await.ok()?;
        let head = format!("{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), body].concat()).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        let answer = String::from_utf8(answer).ok()?;
        Some((answer.split(' ').nth(1)?.parse().ok()?, answer))
    }
}

impl Drop for Machine {
    #[expect(clippy::print_stderr, reason = "who reads why a test failed wants to know what the relay had to say")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the relay said:\n{}", self.log());
        }
    }
}

/// Any command of the program: its exit code, what it prints and its last words.
pub(crate) async fn says(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drk-relay"));
    let output = within(command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).output()).await.expect("the binary");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A running relay; ends with the test.
pub(crate) struct Relay(Child);

impl Relay {
    /// SIGKILL, and gone.
    pub(crate) async fn kill(mut self) {
        assert_eq!(self.ended(), None, "it ran until it was killed");
        self.0.kill().await.expect("it ran");
    }

    /// SIGTERM: how it ended.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        let id = self.0.id().expect("it runs");
        // The shell's own kill: the program of that name is in a package that not everybody has.
        let kill = Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status().await.expect("a shell");
        assert!(kill.success());
        within(self.0.wait()).await.expect("it ends")
    }

    /// The most memory that it ever had at once.
    pub(crate) fn peak_megabytes(&self) -> u64 {
        self.memory("VmHWM:") / 1024
    }

    /// The memory that it has now.
    pub(crate) fn kilobytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// As the kernel counts it (proc(5): status), in kB.
    fn memory(&self, what: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id().expect("it runs"))).expect("Linux");
        let memory = status.lines().find_map(|line| line.strip_prefix(what)?.strip_suffix("kB")?.trim().parse().ok());
        memory.expect("in kB")
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id().expect("it runs")
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("our child")
    }
}

/// The real mosquitto on `place`, from the package that `tests/run` installs; ends with the test.
pub(crate) struct Mosquitto {
    pub(crate) address: SocketAddr,
    _directory: TempDir,
    _child: Child,
    _place: Place,
}

impl Mosquitto {
    pub(crate) async fn start(place: Place) -> Mosquitto {
        let (address, directory) = (place.address, tempfile::tempdir().expect("a directory"));
        let (configuration, log) = (directory.path().join("mosquitto.conf"), directory.path().join("log"));
        // The default of 1,000 is for one client that stays away; here hundreds are published while the relay is killed again and again.
        let text = format!("listener {} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 10000\n", address.port());
        fs::write(&configuration, text).expect("written");
        let log = File::create(log).expect("a log");
        let mut command = Command::new("mosquitto");
        command.arg("-c").arg(configuration).stdin(Stdio::null()).stderr(log).kill_on_drop(true);
        let child = command.spawn().expect("mosquitto is installed");
        until(async || TcpStream::connect(address).await.ok()).await;
        Mosquitto { address, _directory: directory, _child: child, _place: place }
    }
}
