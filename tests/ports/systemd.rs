//! What systemd hears: the real binary with a service manager of ours, and a relay whose disk hangs. Nothing here is systemd itself.

use crate::program::{Machine, Place, within};
use drk_relay::domain::event::{Event, Figure};
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::{InstanceId, Name};
use drk_relay::domain::rules::{FeedRules, MetricKind, MetricRules, Rules};
use drk_relay::port::Arrival;
use drk_relay::port::alarms::Alarms;
use drk_relay::port::board::{Board, Links, WayLinks};
use drk_relay::port::clock::Clock;
use drk_relay::port::link::Link;
use drk_relay::port::systemd::{self, Manager};
use drk_relay::port::update::Trial;
use drk_relay::relay::Relay;
use drk_relay::run::{Show, Turning, turn};
use drk_relay::store::Store;
use jiff::tz::TimeZone;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpStream, UnixDatagram};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Where services report, as systemd has it.
struct Listener {
    directory: TempDir,
    socket: UnixDatagram,
}

impl Listener {
    fn new() -> Listener {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = UnixDatagram::bind(directory.path().join("notify")).expect("a socket");
        Listener { directory, socket }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("notify")
    }

    /// The next datagram.
    async fn heard(&self) -> String {
        let mut buffer = [0; 4096];
        let length = within(self.socket.recv(&mut buffer)).await.expect("a datagram");
        String::from_utf8(buffer[..length].to_vec()).expect("text")
    }

    /// All datagrams up to the first one with this line.
    async fn until(&self, line: &str) -> Vec<String> {
        within(async {
            let mut all = Vec::new();
            while !all.last().is_some_and(|heard: &String| heard.lines().any(|said| said.starts_with(line))) {
                all.push(self.heard().await);
            }
            all
        })
        .await
    }
}

#[tokio::test]
async fn systemd_hears_when_it_is_ready_that_it_turns_and_that_it_stops() {
    let places = [Place::reserve(), Place::reserve()];
    let machine = Machine::new(places[0].address, places[1].address);
    let listener = Listener::new();
    let path = listener.path();
    let relay = machine.start_for(&[("NOTIFY_SOCKET", path.to_str().expect("text")), ("WATCHDOG_USEC", "200000")]);
    let first = listener.heard().await;
    assert!(first.starts_with("READY=1\nWATCHDOG=1\nSTATUS=0 Abos, 0 offene Fenster"), "{first}");
    assert!(first.ends_with('\n') && first.lines().count() == 3, "{first}");
    TcpStream::connect(machine.webhook.address).await.expect("ready is when webhooks are taken");
    for _ in 0..3 {
        let fed = listener.until("WATCHDOG=1").await;
        assert!(fed.iter().all(|heard| !heard.contains("READY")), "{fed:?}");
    }
    assert_eq!(relay.stop().await.code(), Some(0));
    assert!(listener.until("STOPPING=1").await.iter().all(|heard| !heard.contains("READY")));
}

#[tokio::test]
async fn another_process_is_not_whom_the_watchdog_means() {
    let places = [Place::reserve(), Place::reserve()];
    let machine = Machine::new(places[0].address, places[1].address);
    let listener = Listener::new();
    let path = listener.path();
    let environment = [("NOTIFY_SOCKET", path.to_str().expect("text")), ("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    let relay = machine.start_for(&environment);
    listener.until("READY=1").await;
    assert_eq!(relay.stop().await.code(), Some(0));
    // At a millisecond there would be hundreds before it has stopped; the next look is due in ten seconds.
    let rest = listener.until("STOPPING=1").await;
    assert!(rest.len() <= 2, "{rest:?}");
}

#[tokio::test]
async fn abstract_names_are_understood() {
    let name = format!("drk-relay-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let socket = std::os::unix::net::UnixDatagram::bind_addr(&address).expect("free");
    Manager::at(Path::new(&format!("@{name}")), None).expect("an address").stopping();
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer).expect("a datagram");
    assert!(buffer[..length].starts_with(b"STOPPING=1\n"));
}

/// A disk whose syncs hang while its gate is closed.
#[derive(Clone, Debug, Default)]
struct Disk {
    memory: Arc<InMemoryBackend>,
    closed: Arc<(Mutex<bool>, Condvar)>,
    reached: Arc<Notify>,
}

impl Disk {
    fn close(&self, closed: bool) {
        let (gate, changed) = &*self.closed;
        *gate.lock().unwrap_or_else(PoisonError::into_inner) = closed;
        changed.notify_all();
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.reached.notify_one();
        let (gate, changed) = &*self.closed;
        drop(changed.wait_while(gate.lock().unwrap_or_else(PoisonError::into_inner), |closed| *closed));
        self.memory.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.memory.write(offset, data)
    }
}

fn name(name: &str) -> Name {
    Name::new(name).expect("a name")
}

/// Something that must be written down.
fn figure() -> Event {
    let value = Value::new(17, 0).expect("a value");
    Event::Figure(Figure::new(name("corona"), vec![(name("cases"), value)]))
}

#[tokio::test]
async fn who_hangs_is_not_fed() {
    let disk = Disk::default();
    let metric = MetricRules::new(name("cases"), "Fälle", MetricKind::Count);
    let feed = FeedRules::new(name("corona"), "Corona", vec![metric]);
    let rules = Rules::new("DRK-Ortsverein Musterstadt", "", "drk.example", TimeZone::UTC, vec![feed]);
    let shelf = disk.clone();
    let open = move |_| Relay::open(Store::on(shelf.clone(), InstanceId(7))?, rules.clone());
    let (clock, show, stopped) = (Clock::System, Show::default(), CancellationToken::new());
    let (pulse, backup) = (show.pulse.clone(), show.backup.clone());
    let Turning { inbox, outlets: _outlets, ended, .. } = turn(open, clock.clone(), show, stopped.clone()).expect("a thread");
    let link = || Link::new(Clock::System);
    let links = Links { mqtt: link(), graph: link(), webhook: link(), ways: WayLinks::default() };
    let (started, alarms) = (clock.mark(), Alarms::silent());
    let board = Board {
        pulse,
        backup,
        answers: broadcast::Sender::new(1),
        inbox: inbox.clone(),
        links,
        alarms,
        started,
        clock,
        zone: TimeZone::UTC,
        trial: Trial::default(),
    };
    let listener = Listener::new();
    let manager = Manager::at(&listener.path(), Some(Duration::from_millis(20))).expect("an address");
    let port = AbortOnDropHandle::new(tokio::spawn(async move { systemd::run(&manager, &board).await }));
    listener.until("READY=1").await;
    listener.until("WATCHDOG=1").await;

    disk.close(true);
    // Whoever synced before has left its mark; this is the sync that hangs.
    let _ = tokio::time::timeout(Duration::ZERO, disk.reached.notified()).await;
    inbox.send(Arrival::told(figure())).await.expect("it turns");
    within(disk.reached.notified()).await;
    let mut buffer = [0; 4096];
    while listener.socket.try_recv(&mut buffer).is_ok() {}
    let silent = listener.until("STATUS=Das Relay antwortet nicht.").await;
    let fed = silent.iter().filter(|heard| heard.contains("WATCHDOG=1")).count();
    // One look may have been answered just before.
    let fed_now = silent.last().is_some_and(|heard| heard.contains("WATCHDOG=1"));
    assert!(fed <= 1 && !fed_now, "fed although it hangs: {silent:?}");

    disk.close(false);
    let again = listener.until("WATCHDOG=1").await;
    assert!(again.last().is_some_and(|heard| heard.contains("Abos")), "{again:?}");
    drop(port);
    stopped.cancel();
    within(ended).await.expect("it did not panic").expect("it stopped");
}
