//! What becomes of a message, with a Meta that takes it, refuses it, is not there, or says nothing.

use crate::webhook::{Door, INSTANCE, NUMBER, SECRET, pseudonyms};
use drk_relay::config::GraphConfig;
use drk_relay::domain::decision::{Body, Send};
use drk_relay::domain::event::{Event, News, Outcome};
use drk_relay::domain::ids::{Bsuid, OutboxId, Wamid};
use drk_relay::domain::time::{Millis, Timestamp};
use drk_relay::port::clock::{Clock, Warp};
use drk_relay::port::graph::{Graph, run};
use drk_relay::simulator::cloud::{Accepted, Cloud, CloudConfig};
use drk_relay::simulator::meta::webhook::Report;
use drk_relay::simulator::meta::{Person, Refusal};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const TOKEN: &str = "EAAG-token";
const NOW: Timestamp = Timestamp(1_795_305_600);
const DAY: u32 = 24 * 3_600;

/// A clock that shows [`NOW`] and hardly moves.
fn clock() -> Clock {
    Clock::Warped(Warp::new(NOW.millis(), 0.001))
}

fn graph(base_url: &str, clock: Clock) -> Graph {
    let (version, phone_number_id) = ("v26.0".to_owned(), NUMBER.to_owned());
    let config = GraphConfig { base_url: base_url.to_owned(), version, phone_number_id, token: TOKEN.into() };
    Graph::new(config, clock, pseudonyms(), INSTANCE).expect("a client")
}

fn send(id: u64, to: &Person, not_after: Timestamp) -> Box<Send> {
    let to = Bsuid::new(&to.user_id).expect("short");
    let buttons = vec![("v1:yes:corona".into(), "Ja".into()), ("v1:no:corona".into(), "Nein".into())];
    Box::new(Send { id: OutboxId(id), to, body: Body::Buttons { text: "Weiter informieren?".into(), buttons }, not_after })
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
    let Accepted { to, wamid, body, buttons, at } = accepted.recv().await.expect("noticed");
    assert_eq!(outcome, Outcome::Accepted(pseudonyms().wamid(&wamid)));
    assert_eq!((to, body.as_str(), buttons.len(), at), (erika.user_id.clone(), "Weiter informieren?", 2, NOW));
    assert_eq!(graph.send(&send(2, &max, NOW.plus(60))).await, Outcome::Refused(131_047));
    assert_eq!(graph.send(&send(3, &Person::with_phone(3), NOW.plus(60))).await, Outcome::Refused(131_026));
    let counters = cloud.counters();
    assert_eq!((counters.sent, counters.outside_window, counters.twice), (1, 1, 0));
    graph.mark_read(&Wamid::new("wamid.IN0000000000000000")).await;
    graph.mark_read(&Wamid::new("wamid.IN0000000000000001")).await;
    assert_eq!(cloud.reads(), 1);
}

#[tokio::test]
async fn a_refused_token_says_nothing_about_the_message() {
    let (cloud, url, _accepted) = cloud("http://127.0.0.1:1/".into(), clock(), Refusal::AtOnce).await;
    let (version, phone_number_id) = ("v26.0".to_owned(), NUMBER.to_owned());
    let config = GraphConfig { base_url: url, version, phone_number_id, token: "expired".into() };
    let graph = Graph::new(config, clock(), pseudonyms(), INSTANCE).expect("a client");
    assert_eq!(graph.send(&send(1, &Person::with_phone(1), NOW.plus(60))).await, Outcome::Later);
    assert_eq!(cloud.look(|meta| meta.records().len()), 0);
}

#[tokio::test]
async fn unreachable_is_not_unknown() {
    let (listener, url) = listener().await;
    drop(listener);
    assert_eq!(graph(&url, clock()).send(&send(1, &Person::with_phone(1), NOW.plus(60))).await, Outcome::Later);
    let config =
        GraphConfig { base_url: "no address".into(), version: "v26.0".into(), phone_number_id: NUMBER.into(), token: TOKEN.into() };
    assert!(Graph::new(config, clock(), pseudonyms(), INSTANCE).is_err());
}

/// A peer that reads one request and answers with these bytes: the bytes that it read.
async fn peer(listener: TcpListener, answer: &'static str) -> usize {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut read = [0; 4_096];
    let mut length = 0;
    while !read[..length].ends_with(b"}") {
        length += stream.read(&mut read[length..]).await.expect("a request");
    }
    stream.write_all(answer.as_bytes()).await.expect("written");
    length
}

#[tokio::test]
async fn what_was_written_and_not_answered_is_unknown() {
    let table = [
        ("", Outcome::Unknown),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"messages\":[{", Outcome::Unknown),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Outcome::Unknown),
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno", Outcome::Unknown),
        ("HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\n\r\nno", Outcome::Later),
        ("HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", Outcome::Later),
    ];
    for (answer, expected) in table {
        let (listener, url) = listener().await;
        let (graph, send) = (graph(&url, clock()), send(1, &Person::with_phone(1), NOW.plus(60)));
        let (read, outcome) = tokio::join!(peer(listener, answer), graph.send(&send));
        assert!(read > 0);
        assert_eq!(outcome, expected, "{answer}");
    }
}

#[tokio::test]
async fn nothing_is_written_after_its_time() {
    let (listener, url) = listener().await;
    let graph = graph(&url, clock());
    assert_eq!(graph.send(&send(1, &Person::with_phone(1), NOW.minus(1))).await, Outcome::TooLate);
    assert!(tokio::time::timeout(Duration::from_millis(50), listener.accept()).await.is_err(), "no connection either");
}

#[tokio::test]
async fn an_answer_is_not_awaited_beyond_the_last_second() {
    let (listener, url) = listener().await;
    let graph = graph(&url, Clock::Warped(Warp::new(Millis(NOW.millis().0 + 900), 1.0)));
    let silent = tokio::spawn(async move {
        let taken = listener.accept().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(taken);
    });
    let outcome = tokio::time::timeout(Duration::from_secs(10), graph.send(&send(1, &Person::with_phone(1), NOW))).await;
    assert_eq!(outcome, Ok(Outcome::Unknown));
    silent.abort();
}

/// The whole round: an order, its answer, and the statuses that come back with our callback data, some webhooks twice, the first ones refused.
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
