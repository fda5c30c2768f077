//! Webhooks accepted durably: signature, decision, commit, 200. The real webhook port and the real relay over loopback, 32 connections with
//! one message a webhook, and a disk in memory whose every sync takes 3 or 20 ms. The bar is what group commit could do at best: all
//! connections in every batch, and nothing but the sync and the CPU time of a batch between two batches. Ends with exit code 1 below it.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and stops where it cannot go on")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

mod support;

use drk_relay::config::WebhookConfig;
use drk_relay::domain::event::Event;
use drk_relay::domain::ids::{Address, Bsuid};
use drk_relay::port::Arrival;
use drk_relay::port::clock::Clock;
use drk_relay::port::knock::Knocks;
use drk_relay::port::link::Link;
use drk_relay::port::pseudonym::Pseudonyms;
use drk_relay::port::stream::{Source, Visitor};
use drk_relay::port::webhook::{self, Behind};
use drk_relay::relay::Relay;
use drk_relay::run::{Show, Turning, turn};
use drk_relay::simulator::meta::webhook::{body, sign};
use drk_relay::simulator::meta::{Meta, Person};
use drk_relay::store::Store;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use support::{INSTANCE, Meter, rules};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const CONNECTIONS: u32 = 32;
/// People who write: each says thanks, which opens a new window and needs no answer.
const SUBSCRIBERS: u32 = 10_000;
const NUMBER: &str = "200000000000002";
const SECRET: &str = "bench";
/// Measured time of one row, after a warm-up of a quarter of it.
const MEASURED: Duration = Duration::from_secs(4);
/// The bars of issue "part 1".
const SHARE: f64 = 0.6;
const MESSAGES_PER_SYNC: f64 = 12.0;

fn main() {
    let meter = Meter::new(Duration::ZERO);
    let address = server(&meter);
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!("{CONNECTIONS} connections, one message a webhook");
    // One Meta for all rows: it never gives two messages the same id, and duplicates would be acknowledged without a commit.
    let meta = Arc::new(Mutex::new(Meta::new(NUMBER)));
    let mut failed = false;
    for millis in [3, 20] {
        meter.set_latency(Duration::from_millis(millis));
        failed |= !client.block_on(row(&meter, address, &meta, millis));
    }
    std::process::exit(i32::from(failed));
}

/// The relay and its webhook port on a thread of their own, as on a device.
fn server(meter: &Meter) -> SocketAddr {
    let mut store = Store::on(meter.clone(), INSTANCE).expect("a store in memory");
    let pseudonyms = Pseudonyms::new([1; 32]);
    let known = |nth| {
        let id = Person::with_phone(nth).user_id;
        (pseudonyms.person(&id), Address::Bsuid(Bsuid::new(&id).expect("short")))
    };
    support::subscribers(&mut store, SUBSCRIBERS, Clock::System.now().second().minus(7_200), known);
    let mut opened = Some(store);
    let open = move |_| Relay::open(opened.take().expect("its disk is never full"), rules());
    let (told, address) = std::sync::mpsc::channel();
    let serve = async move {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        told.send(listener.local_addr().expect("bound")).expect("main waits");
        let Turning { inbox, mut outlets, ended: _ended, .. } =
            turn(open, Clock::System, Show::default(), CancellationToken::new()).expect("runs");
        tokio::spawn(async move { while outlets.reads.recv().await.is_some() {} });
        inbox.send(Arrival::told(Event::ClockTrusted)).await.expect("it turns");
        let config = WebhookConfig { app_secrets: vec![SECRET.into()], verify_token: "unused".into(), phone_number_id: NUMBER.to_owned() };
        let behind = Behind { inbox, link: Link::new(Clock::System), knocks: Knocks::default() };
        let open = |stream| async { Some(Visitor { stream, proven: true }) };
        webhook::serve(&mut Source::Tcp(listener), open, &config, &pseudonyms, INSTANCE, &behind).await;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    std::thread::Builder::new().name("ports".to_owned()).spawn(move || runtime.block_on(serve)).expect("a thread");
    address.recv().expect("the server starts")
}

async fn row(meter: &Meter, address: SocketAddr, meta: &Arc<Mutex<Meta>>, millis: u64) -> bool {
    let accepted = Arc::new(AtomicU64::new(0));
    let stop = CancellationToken::new();
    let talk = || connection(address, Arc::clone(meta), Arc::clone(&accepted), stop.clone());
    let people: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(talk())).collect();
    tokio::time::sleep(MEASURED / 4).await;
    let before = (accepted.load(Relaxed), meter.syncs.load(Relaxed), cpu(), Instant::now());
    tokio::time::sleep(MEASURED).await;
    let seconds = before.3.elapsed().as_secs_f64();
    let (messages, syncs) = (accepted.load(Relaxed) - before.0, meter.syncs.load(Relaxed) - before.1);
    let cpu = (cpu() - before.2).as_secs_f64() / syncs as f64;
    stop.cancel();
    for person in people {
        person.await.expect("no connection failed");
    }
    assert!(messages <= u64::from(CONNECTIONS) * (syncs + 1), "something was acknowledged without a sync");
    let rate = messages as f64 / seconds;
    let best = f64::from(CONNECTIONS) / (millis as f64 / 1e3 + cpu);
    let (share, group) = (rate / best, messages as f64 / syncs as f64);
    println!(
        "sync {millis} ms: {rate:.0} messages/s, {share:.2} of the best possible {best:.0}/s (bar {SHARE}); \
         {group:.1} messages a sync (bar {MESSAGES_PER_SYNC}); CPU of a batch {:.2} ms",
        cpu * 1e3
    );
    share >= SHARE && group >= MESSAGES_PER_SYNC
}

/// One connection of Meta's: a message, its 200, the next message.
async fn connection(address: SocketAddr, meta: Arc<Mutex<Meta>>, accepted: Arc<AtomicU64>, stop: CancellationToken) {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.set_nodelay(true).expect("a socket");
    let mut answer = vec![0; 1024];
    while !stop.is_cancelled() {
        let person = Person::with_phone(support::counted() as u32 % SUBSCRIBERS);
        let now = Clock::System.now().second();
        let bytes = {
            let mut meta = meta.lock().unwrap_or_else(PoisonError::into_inner);
            meta.join(person.clone());
            body(&[meta.message_webhook(&person.user_id, "Danke", now)])
        };
        let head = format!(
            "POST /webhook HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\nX-Hub-Signature-256: {}\r\n\
             Content-Length: {}\r\n\r\n",
            sign(SECRET, &bytes),
            bytes.len()
        );
        stream.write_all(&[head.as_bytes(), &bytes].concat()).await.expect("writes");
        let length = stream.read(&mut answer).await.expect("reads");
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..length]));
        accepted.fetch_add(1, Relaxed);
    }
}

/// CPU time of the server's two threads so far.
fn cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let of = |path: std::path::PathBuf| {
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let used = std::fs::read_to_string(path.join("schedstat")).ok()?;
        matches!(name.trim(), "relay" | "ports").then(|| used.split_whitespace().next().and_then(|nanos| nanos.parse::<u64>().ok()))?
    };
    Duration::from_nanos(tasks.filter_map(|task| of(task.ok()?.path())).sum())
}
