//! A publication to 5,000 subscribers at Meta's 80 messages a second: the real relay with its graph and webhook ports over loopback, a
//! simulated Cloud API that answers after a round trip of 100 ms and reports `sent` and `delivered`, and a disk in memory whose every sync
//! takes 20 ms. The bar is the permitted rate itself, from the first acceptance at Meta to the last. Ends with exit code 1 below 95 % of
//! it, or if anybody gets nothing, or something twice.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and stops where it cannot go on")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

mod support;

use drk_relay::config::{GraphConfig, WebhookConfig};
use drk_relay::domain::event::{Event, Figure};
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::{Address, Bsuid, Name};
use drk_relay::domain::rules::RATE;
use drk_relay::domain::time::Timestamp;
use drk_relay::port::clock::Clock;
use drk_relay::port::graph::{self, Graph};
use drk_relay::port::knock::Knocks;
use drk_relay::port::link::Link;
use drk_relay::port::pseudonym::Pseudonyms;
use drk_relay::port::stream::{Source, Visitor};
use drk_relay::port::webhook::Behind;
use drk_relay::port::{Arrival, webhook};
use drk_relay::relay::Relay;
use drk_relay::run::{Show, Turning, turn};
use drk_relay::simulator::cloud::{Accepted, Cloud, CloudConfig};
use drk_relay::simulator::meta::{Person, Refusal};
use drk_relay::store::Store;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{INSTANCE, Meter, rules};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const SUBSCRIBERS: u32 = 5_000;
const NUMBER: &str = "200000000000002";
const SECRET: &str = "bench";
const TOKEN: &str = "bench";
const VERSION: &str = "v26.0";
/// A sync of a good SD card.
const SYNC: Duration = Duration::from_millis(20);
/// From an order to its answer, as Meta usually needs.
const ROUND_TRIP: Duration = Duration::from_millis(100);
/// The bar of issue "part 3": this share of the permitted rate.
const SHARE: f64 = 0.95;
/// Messages that the token bucket has saved up (`domain::pacing`): they leave at once and prove nothing about the rate.
const SAVED_UP: u32 = 10;
/// Without a message for so long the broadcast has ended.
const END: Duration = Duration::from_secs(10);

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (cloud, mut ringing, api) = runtime.block_on(meta());
    relay(api.relay, api.cloud);
    let (share, seconds, reached) = runtime.block_on(measured(&mut ringing));
    let counters = cloud.counters();
    println!(
        "{SUBSCRIBERS} subscribers, {RATE}/s permitted, sync {} ms, round trip {} ms: {reached} reached in {seconds:.1} s, \
         {share:.3} of the permitted rate (bar {SHARE})",
        SYNC.as_millis(),
        ROUND_TRIP.as_millis()
    );
    let once = reached == SUBSCRIBERS as usize && counters.sent == u64::from(SUBSCRIBERS);
    if !once || counters.twice > 0 || counters.outside_window > 0 {
        println!("not everyone once: {counters:?}");
    }
    std::process::exit(i32::from(share < SHARE || !once || counters.twice > 0 || counters.outside_window > 0));
}

/// Both ends of the way.
struct Api {
    cloud: SocketAddr,
    relay: std::net::TcpListener,
}

/// Meta, where everyone has written two hours ago, and the telephones that will ring.
async fn meta() -> (Cloud, mpsc::Receiver<Accepted>, Api) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let relay = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    relay.set_nonblocking(true).expect("a socket");
    let api = Api { cloud: listener.local_addr().expect("bound"), relay };
    let config = CloudConfig {
        version: VERSION.to_owned(),
        phone_number_id: NUMBER.to_owned(),
        token: TOKEN.to_owned(),
        app_secret: SECRET.to_owned(),
        webhook: format!("http://{}/webhook", api.relay.local_addr().expect("bound")),
        refusal: Refusal::AtOnce,
        repeat_every: 0,
    };
    let (ring, ringing) = mpsc::channel(SUBSCRIBERS as usize + 1);
    let cloud = Cloud::start(listener, config, Clock::System, ring).expect("starts");
    cloud.dawdle(1, ROUND_TRIP);
    let at = wrote();
    cloud.look(|meta| {
        for person in (0..SUBSCRIBERS).map(Person::with_phone) {
            meta.join(person.clone());
            // Long since delivered.
            drop(meta.message_webhook(&person.user_id, "Ja", at.plus(3_600)));
        }
    });
    (cloud, ringing, api)
}

/// When the first of them wrote; the others did in the hour after it.
fn wrote() -> Timestamp {
    Clock::System.now().second().minus(7_200)
}

/// The relay and its ports on threads of their own, as on a device. The publication arrives at once.
fn relay(webhooks: std::net::TcpListener, api: SocketAddr) {
    let disk = Meter::new(SYNC);
    let mut store = Store::on(disk.clone(), INSTANCE).expect("a store in memory");
    let pseudonyms = Pseudonyms::new([1; 32]);
    let known = |nth| {
        let id = Person::with_phone(nth).user_id;
        (pseudonyms.person(&id), Address::Bsuid(Bsuid::new(&id).expect("short")))
    };
    support::subscribers(&mut store, SUBSCRIBERS, wrote(), known);
    store.close().expect("a disk that never fails");
    let open = move |_| Store::on(disk.clone(), INSTANCE).and_then(|store| Relay::open(store, rules()));
    let serve = async move {
        let listener = TcpListener::from_std(webhooks).expect("a listener");
        let Turning { inbox, mut outlets, ended: _ended, reopened: _ } =
            turn(open, Clock::System, Show::default(), CancellationToken::new()).expect("runs");
        inbox.send(Arrival::told(Event::ClockTrusted)).await.expect("it turns");
        let config = GraphConfig {
            base_url: format!("http://{api}"),
            version: VERSION.to_owned(),
            phone_number_id: NUMBER.to_owned(),
            token: TOKEN.into(),
            proxy: None,
            extra_roots: None,
        };
        let graph = Arc::new(Graph::new(config, Clock::System, pseudonyms.clone(), INSTANCE).expect("a client"));
        let config = WebhookConfig { app_secrets: vec![SECRET.into()], verify_token: "unused".into(), phone_number_id: NUMBER.to_owned() };
        let metric = (Name::new("cases_new").expect("a name"), Value::new(17, 0).expect("a value"));
        let figure = Figure::new(Name::new("corona").expect("a name"), vec![metric]);
        inbox.send(Arrival::told(Event::Figure(figure))).await.expect("it runs");
        let behind = Behind { inbox: inbox.clone(), link: Link::new(Clock::System), knocks: Knocks::default() };
        let mut source = Source::Tcp(listener);
        let open = |stream| async { Some(Visitor { stream, proven: true }) };
        tokio::join!(
            graph::run(&graph, &mut outlets.sends, &mut outlets.reads, &inbox),
            webhook::serve(&mut source, open, &config, &pseudonyms, INSTANCE, &behind),
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    std::thread::Builder::new().name("ports".to_owned()).spawn(move || runtime.block_on(serve)).expect("a thread");
}

/// The share of the permitted rate, the seconds from the first to the last, and how many people were reached.
async fn measured(ringing: &mut mpsc::Receiver<Accepted>) -> (f64, f64, usize) {
    let (mut people, mut first, mut last, mut messages) = (BTreeSet::new(), None, Instant::now(), 0_u32);
    while let Ok(Some(message)) = tokio::time::timeout(END, ringing.recv()).await {
        last = Instant::now();
        first.get_or_insert(last);
        people.insert(message.to);
        messages += 1;
    }
    let seconds = first.map_or(0.0, |first| last.duration_since(first).as_secs_f64());
    let share = f64::from(messages.saturating_sub(SAVED_UP)) / (seconds * f64::from(RATE));
    (share, seconds, people.len())
}
