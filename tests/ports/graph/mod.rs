//! The port that sends, against the simulated Meta: what becomes of a message that is taken or refused, and the whole round with its
//! statuses. A Meta that is not there, breaks off or lies is in `attempts`; proxies, certificates and clocks are in `way`; a machine whose
//! clock is wrong is in `clock`.

mod attempts;
mod clock;
mod tls;
mod way;

use crate::webhook::{Door, INSTANCE, NUMBER, SECRET, pseudonyms};
use drk_relay::config::GraphConfig;
use drk_relay::domain::decision::{Body, Row, Send};
use drk_relay::domain::event::{Event, Heard, News, Outcome, Said};
use drk_relay::domain::ids::{Address, Bsuid, OutboxId, Phone, Wamid};
use drk_relay::domain::time::Timestamp;
use drk_relay::port::clock::{Clock, Warp};
use drk_relay::port::graph::{Graph, run};
use drk_relay::simulator::cloud::{Accepted, Cloud, CloudConfig};
use drk_relay::simulator::meta::webhook::Report;
use drk_relay::simulator::meta::{Person, Refusal};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const TOKEN: &str = "EAAG-token";
const NOW: Timestamp = Timestamp(1_795_305_600);
const DAY: u32 = 24 * 3_600;

/// A clock that shows [`NOW`] and hardly moves.
fn clock() -> Clock {
    Clock::Warped(Warp::new(NOW.millis(), 0.001))
}

fn config(base_url: &str) -> GraphConfig {
    GraphConfig {
        base_url: base_url.to_owned(),
        version: "v26.0".to_owned(),
        phone_number_id: NUMBER.to_owned(),
        token: TOKEN.into(),
        proxy: None,
        extra_roots: None,
    }
}

fn graph(base_url: &str, clock: Clock) -> Graph {
    Graph::new(config(base_url), clock, pseudonyms(), INSTANCE).expect("a client")
}

fn send(id: u64, to: &Person, not_after: Timestamp) -> Box<Send> {
    let to = Address::Bsuid(Bsuid::new(&to.user_id).expect("short"));
    let buttons = vec![("v1:yes:corona".into(), "Ja".into()), ("v1:no:".into(), "Nein".into())];
    Box::new(Send { id: OutboxId(id), to, body: Body::Buttons { text: "Weiter informieren?".into(), buttons }, not_after })
}

fn rejected(code: u32) -> Outcome {
    Outcome::Rejected { code, transient: false }
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, url)
}

/// Meta on loopback: its address, and what it accepts.
async fn cloud(webhook: String, clock: Clock, refusal: Refusal) -> (Cloud, String, mpsc::Receiver<Accepted>) {
    let (listener, url) = listener().await;
    let (noticed, accepted) = mpsc::channel(16);
    let (version, phone_number_id) = ("v26.0".to_owned(), NUMBER.to_owned());
    let config =
        CloudConfig { version, phone_number_id, token: TOKEN.into(), app_secret: SECRET.into(), webhook, refusal, repeat_every: 2 };
    (Cloud::start(listener, config, clock, noticed).expect("a cloud"), url, accepted)
}

#[tokio::test]
async fn taken_in_the_window_and_refused_outside() {
    let (cloud, url, mut accepted) = cloud("http://127.0.0.1:1/".into(), clock(), Refusal::AtOnce).await;
    let graph = graph(&(url + "/"), clock());
    assert!(!format!("{graph:?}").contains(TOKEN));
    let (erika, max) = (Person::with_phone(1), Person::with_username(2));
    cloud.join(erika.clone());
    cloud.join(max.clone());
    cloud.say(&erika.user_id, "Hallo").await;
    let outcome = graph.send(&send(1, &erika, NOW.plus(60))).await;
    let Accepted { to, wamid, body, buttons, rows, at } = accepted.recv().await.expect("noticed");
    assert_eq!(outcome, Outcome::Accepted(pseudonyms().wamid(&wamid)));
    assert_eq!((to, body.as_str(), buttons.len(), rows.len(), at), (erika.user_id.clone(), "Weiter informieren?", 2, 0, NOW));
    assert_eq!(graph.send(&send(2, &max, NOW.plus(60))).await, rejected(131_047));
    assert_eq!(graph.send(&send(3, &Person::with_phone(3), NOW.plus(60))).await, rejected(131_026));
    let counters = cloud.counters();
    assert_eq!((counters.sent, counters.outside_window, counters.twice), (1, 1, 0));
    graph.mark_read(&Wamid::new("wamid.IN0000000000000000")).await;
    graph.mark_read(&Wamid::new("wamid.IN0000000000000001")).await;
    assert_eq!(cloud.reads(), 1);
}

/// A list to a number, whether or not its owner shows a BSUID: taken, chosen from, and heard.
#[tokio::test]
async fn a_list_goes_to_a_number_and_its_row_comes_back() {
    let mut door = Door::open().await;
    let (cloud, url, mut accepted) = cloud(format!("http://{}/webhook", door.address), clock(), Refusal::AtOnce).await;
    let person = Person::with_phone(1);
    for person in [Person::with_phone_only(2), person.clone()] {
        cloud.join(person.clone());
        cloud.say(&person.user_id, "Hallo").await;
    }
    let row = |id: &str, title: &str, description: Option<&str>| Row {
        id: id.to_owned(),
        title: title.to_owned(),
        description: description.map(str::to_owned),
    };
    let rows = vec![row("v1:yes:corona", "Corona", Some("täglich")), row("v1:yes:corona,pegel", "alle", None)];
    let body = Body::List { text: "Welche Zahlen?".into(), button: "Auswählen".into(), rows };
    let graph = graph(&url, clock());
    let mut list = async |to: &Person| {
        let to = Address::Phone(Phone::new(to.wa_id.as_deref().expect("shown")).expect("digits"));
        let outcome = graph.send(&Send { id: OutboxId(1), to, body: body.clone(), not_after: NOW.plus(60) }).await;
        assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
        accepted.recv().await.expect("noticed")
    };
    assert_eq!(list(&Person::with_phone_only(2)).await.to, Person::with_phone_only(2).user_id);
    let taken = list(&person).await;
    assert_eq!((taken.to.as_str(), taken.rows.len(), taken.buttons.len()), (person.user_id.as_str(), 2, 0));
    cloud.choose(&person.user_id, &taken.rows[1]).await;
    let chosen = async {
        loop {
            let arrival = door.arrivals.recv().await.expect("an arrival");
            arrival.ack.expect("awaited").send(()).expect("somebody waits");
            for event in arrival.events {
                if let Event::Heard(Heard { said: Said::Tapped(tap), .. }) = event {
                    return tap;
                }
            }
        }
    };
    let tap = tokio::time::timeout(Duration::from_secs(60), chosen).await.expect("heard");
    assert_eq!(tap.encode(), "v1:yes:corona,pegel");
}

/// What Meta says about a message or the account is told as it is; that something answers at all is no trouble of ours.
#[tokio::test]
async fn a_refusal_carries_its_code_whatever_its_status() {
    let (cloud, url, _accepted) = cloud("http://127.0.0.1:1/".into(), clock(), Refusal::AtOnce).await;
    let erika = Person::with_phone(1);
    cloud.join(erika.clone());
    cloud.say(&erika.user_id, "Hallo").await;
    let honest = graph(&url, clock());
    for code in [0, 2, 3, 4, 10, 33, 100, 190, 299, 368, 80_007, 131_016, 131_042, 131_056, 132_001, 133_004, 999_999] {
        cloud.look(|meta| meta.refuse(code, 1));
        assert_eq!(honest.send(&send(1, &erika, NOW.plus(60))).await, rejected(code));
        assert_eq!(honest.trouble(), None, "{code}");
    }
    let expired = GraphConfig { token: "expired".into(), ..config(&url) };
    let expired = Graph::new(expired, clock(), pseudonyms(), INSTANCE).expect("a client");
    assert_eq!(expired.send(&send(1, &erika, NOW.plus(60))).await, rejected(190));
    assert_eq!(cloud.look(|meta| meta.records().len()), 0);
    assert!(matches!(honest.send(&send(1, &erika, NOW.plus(60))).await, Outcome::Accepted(_)));
}

/// The whole round: an order, its answer, and the statuses that come back with our callback data, some webhooks twice, the first ones
/// refused.
#[tokio::test]
async fn a_status_finds_its_message() {
    let mut door = Door::open().await;
    let clock = Clock::Warped(Warp::new(NOW.millis(), 1.0));
    let webhook = format!("http://{}/webhook", door.address);
    let (cloud, url, mut accepted) = cloud(webhook, clock.clone(), Refusal::Later).await;
    let (inbox, mut results) = mpsc::channel(16);
    let (sends, mut orders) = mpsc::channel(4);
    let (reads, mut marks) = mpsc::channel(4);
    let graph = Arc::new(graph(&url, clock));
    let port = tokio::spawn(async move { run(&graph, &mut orders, &mut marks, &inbox).await });
    let person = Person::with_phone(1);
    cloud.join(person.clone());
    cloud.say(&person.user_id, "Hallo").await;
    let refused = door.arrivals.recv().await.expect("the message");
    drop(refused);
    let heard = door.arrivals.recv().await.expect("the message again");
    let [Event::Heard(heard_once)] = &heard.events[..] else { unreachable!("{:?}", heard.events) };
    reads.send(heard_once.wamid.clone()).await.expect("taken");
    heard.ack.expect("awaited").send(()).expect("somebody waits");
    sends.send(send(42, &person, NOW.plus(DAY))).await.expect("taken");
    let result = results.recv().await.expect("an answer");
    let wamid = accepted.recv().await.expect("noticed").wamid;
    let taken = Event::Sent { id: OutboxId(42), outcome: Outcome::Accepted(pseudonyms().wamid(&wamid)) };
    assert_eq!((&result.events[..], result.ack.is_some()), (&[taken][..], false));
    cloud.report(&wamid, Report::Read).await;
    let mut news = Vec::new();
    while !news.contains(&News::Read) {
        let arrival = door.arrivals.recv().await.expect("statuses");
        arrival.ack.expect("awaited").send(()).expect("somebody waits");
        for event in arrival.events {
            let Event::Status(status) = event else { unreachable!("{event:?}") };
            assert_eq!((status.id, status.wamid), (Some(OutboxId(42)), pseudonyms().wamid(&wamid)));
            news.push(status.news);
        }
    }
    drop((sends, reads));
    port.await.expect("it ends when nobody gives orders any more");
    assert_eq!(cloud.reads(), 1);
}
