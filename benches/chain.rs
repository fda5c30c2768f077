//! What the tunnel costs. The same webhooks to the same port, on the same thread: straight to its own TLS listener, and through the whole
//! chain as documented (HAProxy, sshd, tunnel, PROXY header, TLS on the device). In the same run: latency and CPU time per webhook on one
//! connection, webhooks per second over 32 kept-alive connections, new connections with their TLS handshakes per second; of the chain as a
//! share of straight. Everything shares this machine's cores: HAProxy, sshd, the client and the relay. On a device only the last of them
//! counts, which is why the CPU time of its thread stands beside every figure. Needs root, as the relay host's tests do. Ends with code
//! 1 below a bar.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and stops where it cannot go on")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![allow(dead_code, reason = "of what the tests have it needs a part")]

#[path = "../tests/ports/peers/mod.rs"]
mod peers;
#[path = "../tests/ports/program.rs"]
mod program;
#[path = "../tests/ports/host/world.rs"]
mod world;
mod webhook {
    pub(crate) const NUMBER: &str = "200000000000002";
    pub(crate) const SECRET: &str = "bench";
}

use drk_relay::config::{TlsConfig, TlsServer, TunnelConfig, TunnelForward, WebhookConfig};
use drk_relay::domain::ids::InstanceId;
use drk_relay::domain::time::Timestamp;
use drk_relay::port::certificates::Certificates;
use drk_relay::port::clock::Clock;
use drk_relay::port::knock::Knocks;
use drk_relay::port::link::Link;
use drk_relay::port::outward::Outward;
use drk_relay::port::pseudonym::Pseudonyms;
use drk_relay::port::stream::{Source, Stream};
use drk_relay::port::tls::Door;
use drk_relay::port::tunnel::Tunnel;
use drk_relay::port::webhook::wire::Reader;
use drk_relay::port::webhook::{Behind, serve};
use drk_relay::simulator::meta::webhook::{body, sign};
use drk_relay::simulator::meta::{Meta, Person};
use peers::haproxy::Haproxy;
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use webhook::{NUMBER, SECRET};
use world::{BRANCHES, World};

const BRANCH: &str = BRANCHES[0];
/// Webhooks one after the other on one connection.
const ONE_BY_ONE: usize = 2_000;
const CONNECTIONS: usize = 32;
/// New connections at once.
const NEWCOMERS: usize = 8;
/// Measured time of a row, after a warm-up of a quarter of it.
const MEASURED: Duration = Duration::from_secs(4);
/// The bars, as shares of straight: with everything on two cores.
const THROUGHPUT: f64 = 0.25;
const HANDSHAKES: f64 = 0.25;
/// CPU time of the relay's thread per webhook, as a multiple of straight.
const CPU: f64 = 3.0;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    std::process::exit(i32::from(!runtime.block_on(compared())));
}

async fn compared() -> bool {
    let world = World::new().await;
    let haproxy = Haproxy::start_unlimited(&world.debian).await;
    let (certificate, shown) = certificate();
    let (straight, ready) = device(&world, shown);
    ready.await.expect("the tunnel stands");
    let client = Arc::new(Client::new(certificate));
    println!("                         straight      chain      share");
    let mut good = true;
    println!("of ours, whichever way: reading a webhook takes {:.2} us", reading());
    let (direct, chain) = (client.one_by_one(straight).await, client.one_by_one(haproxy.address).await);
    println!("latency, median          {:>7.0} us {:>7.0} us", direct.median, chain.median);
    println!("latency, 99 %            {:>7.0} us {:>7.0} us", direct.late, chain.late);
    println!("CPU of ours per webhook  {:>7.1} us {:>7.1} us   {:.2} times (bar {CPU})", direct.cpu, chain.cpu, chain.cpu / direct.cpu);
    good &= chain.cpu / direct.cpu <= CPU;
    let kept = async |address| measured(CONNECTIONS, |done| Arc::clone(&client).kept(address, done)).await;
    let (direct, chain) = (kept(straight).await, kept(haproxy.address).await);
    let share = chain.rate / direct.rate;
    println!("{CONNECTIONS} connections, kept     {:>7.0}/s {:>8.0}/s   {share:.2} (bar {THROUGHPUT})", direct.rate, chain.rate);
    println!("CPU of ours per webhook  {:>7.1} us {:>7.1} us   {:.2} times (bar {CPU})", direct.cpu, chain.cpu, chain.cpu / direct.cpu);
    good &= share >= THROUGHPUT && chain.cpu / direct.cpu <= CPU;
    let newcomers = async |address| measured(NEWCOMERS, |done| Arc::clone(&client).new_ones(address, done)).await;
    let (direct, chain) = (newcomers(straight).await, newcomers(haproxy.address).await);
    let share = chain.rate / direct.rate;
    println!("new connections, {NEWCOMERS}       {:>7.0}/s {:>8.0}/s   {share:.2} (bar {HANDSHAKES})", direct.rate, chain.rate);
    println!("CPU of ours for each     {:>7.1} us {:>7.1} us   {:.2} times", direct.cpu, chain.cpu, chain.cpu / direct.cpu);
    good && share >= HANDSHAKES
}

/// The relay's ports on a thread of their own, as on a device: the address of the straight listener, and what resolves when the tunnel
/// stands.
fn device(world: &World, shown: CertifiedKey) -> (SocketAddr, tokio::sync::oneshot::Receiver<()>) {
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).expect("a key");
    let host_key = read(world.debian.path("/etc/ssh/ssh_host_ed25519_key.pub"));
    let config = TunnelConfig {
        host: world.address().ip().to_string(),
        port: world.address().port(),
        user: world::user(BRANCH),
        key: read(world.debian.path(BRANCH)).into(),
        host_key: host_key.split(' ').take(2).collect::<Vec<_>>().join(" "),
        forward: TunnelForward::Unix(world::socket(BRANCH)),
    };
    let (told, address) = std::sync::mpsc::channel();
    let (stands, ready) = tokio::sync::oneshot::channel();
    let serving = async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        told.send(listener.local_addr().expect("bound")).expect("main waits");
        let (inbox, mut arrivals) = mpsc::channel::<drk_relay::port::Arrival>(256);
        tokio::spawn(async move {
            while let Some(arrival) = arrivals.recv().await {
                // A client that went away waits no longer.
                arrival.ack.map(|ack| ack.send(()));
            }
        });
        let certificates = Certificates::new();
        certificates.show(shown);
        let link = Link::new(Clock::System);
        let (tunnel, streams) = Tunnel::new(config, Outward::Direct, link.clone()).expect("good keys");
        let behind = Behind { inbox, link: Link::new(Clock::System), knocks: Knocks::default() };
        let webhooks =
            WebhookConfig { app_secrets: vec![SECRET.into()], verify_token: "unused".into(), phone_number_id: NUMBER.to_owned() };
        let pseudonyms = Pseudonyms::new([1; 32]);
        let door = |proxy_protocol| {
            let encrypted = Some(TlsServer { name: world::name(BRANCH), meta_roots: None });
            Door::new(&TlsConfig { proxy_protocol, encrypted }, &certificates, &Link::new(Clock::System)).expect("a door")
        };
        let through = |door: Door| {
            move |stream: Stream| {
                let door = door.clone();
                async move { door.enter(stream).await }
            }
        };
        let (mut straight, mut handed) = (Source::Tcp(listener), Source::Handed(streams));
        let announced = async {
            while link.view().condition != drk_relay::port::link::Condition::Up {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            stands.send(()).expect("main waits");
            std::future::pending::<()>().await;
        };
        tokio::join!(
            serve(&mut straight, through(door(false)), &webhooks, &pseudonyms, InstanceId(7), &behind),
            serve(&mut handed, through(door(true)), &webhooks, &pseudonyms, InstanceId(7), &behind),
            tunnel.run(),
            announced,
        );
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    std::thread::Builder::new().name("ports".to_owned()).spawn(move || runtime.block_on(serving)).expect("a thread");
    (address.recv().expect("it listens"), ready)
}

/// Microseconds from a webhook's body to its events: the largest part of what the relay itself does for one.
fn reading() -> f64 {
    const TIMES: u32 = 200_000;
    let reader = Reader::new(NUMBER, Pseudonyms::new([1; 32]), InstanceId(7));
    let body = webhook_body();
    let began = Instant::now();
    for _ in 0..TIMES {
        assert_eq!(reader.events(&body).expect("a webhook").len(), 1);
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
}

/// Somebody says thanks.
fn webhook_body() -> Vec<u8> {
    let (mut meta, person) = (Meta::new(NUMBER), Person::with_phone(1));
    meta.join(person.clone());
    body(&[meta.message_webhook(&person.user_id, "Danke", Timestamp(1_795_305_600))])
}

/// For the branch's name: what clients believe, and what the device shows.
fn certificate() -> (CertificateDer<'static>, CertifiedKey) {
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec![world::name(BRANCH)]).expect("parameters").self_signed(&key).expect("signed");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let shown = CertifiedKey::new(vec![certificate.der().clone()], any_supported_type(&key).expect("ECDSA"));
    (certificate.der().clone(), shown)
}

/// Meta, as far as it sends webhooks.
struct Client {
    connector: TlsConnector,
    name: ServerName<'static>,
    request: Vec<u8>,
}

/// Of one way: microseconds.
struct Latency {
    median: f64,
    late: f64,
    cpu: f64,
}

/// Of one way: per second, and CPU time of the relay's thread for each in microseconds.
struct Rate {
    rate: f64,
    cpu: f64,
}

impl Client {
    fn new(certificate: CertificateDer<'static>) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(certificate).expect("a certificate");
        let builder = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let mut config = builder.with_safe_default_protocol_versions().expect("TLS").with_root_certificates(roots).with_no_client_auth();
        // Every handshake is a whole one.
        config.resumption = Resumption::disabled();
        let body = webhook_body();
        let head = format!(
            "POST /webhook HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nX-Hub-Signature-256: {}\r\nContent-Length: {}\r\n\r\n",
            world::name(BRANCH),
            sign(SECRET, &body),
            body.len()
        );
        let name = ServerName::try_from(world::name(BRANCH)).expect("a name");
        Client { connector: TlsConnector::from(Arc::new(config)), name, request: [head.as_bytes(), &body].concat() }
    }

    async fn connect(&self, address: SocketAddr) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(address).await.expect("connected");
        stream.set_nodelay(true).expect("a socket");
        self.connector.connect(self.name.clone(), stream).await.expect("TLS")
    }

    /// One webhook. Whether the connection stays: it ends after so many of them.
    async fn post(&self, stream: &mut TlsStream<TcpStream>) -> bool {
        stream.write_all(&self.request).await.expect("written");
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).await.expect("read");
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..length]));
        !answer[..length].windows(5).any(|bytes| bytes == b"close")
    }

    async fn one_by_one(&self, address: SocketAddr) -> Latency {
        let mut stream = self.connect(address).await;
        for _ in 0..ONE_BY_ONE / 4 {
            self.post(&mut stream).await;
        }
        let (before, mut took) = (cpu(), Vec::with_capacity(ONE_BY_ONE));
        for _ in 0..ONE_BY_ONE {
            let began = Instant::now();
            self.post(&mut stream).await;
            took.push(began.elapsed().as_secs_f64() * 1e6);
        }
        let cpu = (cpu() - before).as_secs_f64() * 1e6 / ONE_BY_ONE as f64;
        took.sort_by(f64::total_cmp);
        Latency { median: took[ONE_BY_ONE / 2], late: took[ONE_BY_ONE * 99 / 100], cpu }
    }

    /// Webhooks on a connection that is kept.
    async fn kept(self: Arc<Client>, address: SocketAddr, done: Arc<AtomicU64>) {
        let mut stream = self.connect(address).await;
        loop {
            if !self.post(&mut stream).await {
                stream = self.connect(address).await;
            }
            done.fetch_add(1, Relaxed);
        }
    }

    /// One webhook on each of many connections.
    async fn new_ones(self: Arc<Client>, address: SocketAddr, done: Arc<AtomicU64>) {
        loop {
            let mut stream = self.connect(address).await;
            self.post(&mut stream).await;
            done.fetch_add(1, Relaxed);
        }
    }
}

/// So many do the same side by side, each counting what it has done.
async fn measured<F: Future<Output = ()> + Send + 'static>(many: usize, task: impl Fn(Arc<AtomicU64>) -> F) -> Rate {
    let (done, mut tasks) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
    for _ in 0..many {
        tasks.spawn(task(Arc::clone(&done)));
    }
    tokio::time::sleep(MEASURED / 4).await;
    let before = (done.load(Relaxed), cpu(), Instant::now());
    tokio::time::sleep(MEASURED).await;
    let (count, seconds) = ((done.load(Relaxed) - before.0) as f64, before.2.elapsed().as_secs_f64());
    let rate = Rate { rate: count / seconds, cpu: (cpu() - before.1).as_secs_f64() * 1e6 / count };
    assert!(tasks.try_join_next().is_none(), "they go on for ever");
    rate
}

/// CPU time of the relay's thread so far.
fn cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let of = |path: std::path::PathBuf| {
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let used = std::fs::read_to_string(path.join("schedstat")).ok()?;
        (name.trim() == "ports").then(|| used.split_whitespace().next().and_then(|nanos| nanos.parse::<u64>().ok()))?
    };
    Duration::from_nanos(tasks.filter_map(|task| of(task.ok()?.path())).sum())
}
