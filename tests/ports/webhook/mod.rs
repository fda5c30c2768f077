//! What Meta gets for an answer, and what arrives.

use drk_relay::config::WebhookConfig;
use drk_relay::domain::event::{Event, News, Said, Tap, Text};
use drk_relay::domain::ids::{Callback, InstanceId, OutboxId};
use drk_relay::domain::time::{Millis, Timestamp};
use drk_relay::port::Arrival;
use drk_relay::port::clock::Warp;
use drk_relay::port::pseudonym::Pseudonyms;
use drk_relay::port::webhook::serve;
use drk_relay::simulator::meta::webhook::{Report, body, sign};
use drk_relay::simulator::meta::{Meta, Order, Person, Refusal};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

pub(crate) const NUMBER: &str = "200000000000002";
pub(crate) const SECRET: &str = "test_app_secret";
pub(crate) const INSTANCE: InstanceId = InstanceId(7);
const AT: Timestamp = Timestamp(1_795_305_600);
const EMPTY: &[u8] = br#"{"object":"whatsapp_business_account","entry":[]}"#;

pub(crate) fn pseudonyms() -> Pseudonyms {
    Pseudonyms::new([1; 32])
}

/// The port on a free port, and where its arrivals come out.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) arrivals: mpsc::Receiver<Arrival>,
    _server: AbortOnDropHandle<()>,
}

impl Door {
    pub(crate) async fn open() -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let config =
            WebhookConfig { listen: address, app_secret: SECRET.into(), verify_token: "tök en+1".into(), phone_number_id: NUMBER.into() };
        let (inbox, arrivals) = mpsc::channel(16);
        let server = tokio::spawn(async move { drop(serve(&listener, &config, &pseudonyms(), INSTANCE, &inbox).await) });
        Door { address, arrivals, _server: AbortOnDropHandle::new(server) }
    }

    async fn ask(&self, head: &str, body: &[u8]) -> (u16, String) {
        ask(self.address, head, body).await
    }

    async fn post(&self, signature: &str, body: &[u8]) -> u16 {
        post(self.address, signature, body).await
    }
}

/// One request on a connection of its own: status line's number, and the body.
async fn ask(address: SocketAddr, head: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let head = format!("{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.expect("written");
    // Whoever is refused by the head alone may find the door closed while still talking.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).expect("UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    (head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"), body.to_owned())
}

async fn post(address: SocketAddr, signature: &str, body: &[u8]) -> u16 {
    ask(address, &format!("POST /webhook HTTP/1.1\r\nX-Hub-Signature-256: {signature}"), body).await.0
}

#[tokio::test]
async fn meta_is_answered_only_with_the_right_token() {
    let door = Door::open().await;
    let right = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=t%C3%B6k+en%2B1";
    let table = [
        (right.to_owned(), 200, "1158201444"),
        (right.replace("1158201444", "a%20%3Cb%3E%2F"), 200, "a <b>/"),
        (right.replace("hub.mode", "hub%2Emode") + "&extra=%FF", 200, "1158201444"),
        (right.replace("+en", "%20en"), 200, "1158201444"),
        (right.replace("%2B1", "%2B2"), 403, ""),
        (right.replace("%2B1", "%2B"), 403, ""),
        (right.replace("=subscribe", "=unsubscribe"), 403, ""),
        (format!("{right}&hub.verify_token=x"), 403, ""),
        (format!("{right}&hub.challenge=x"), 403, ""),
        ("hub.mode=subscribe&hub.challenge=1".into(), 403, ""),
        ("hub.challenge=1&hub.verify_token=t%C3%B6k+en%2B1".into(), 403, ""),
        ("hub.mode=subscribe&hub.verify_token=t%C3%B6k+en%2B1".into(), 403, ""),
        ("%".into(), 403, ""),
        (String::new(), 403, ""),
    ];
    for (query, status, challenge) in table {
        let answer = door.ask(&format!("GET /webhook?{query} HTTP/1.1"), b"").await;
        assert_eq!(answer, (status, challenge.to_owned()), "{query}");
    }
    assert_eq!(door.ask("GET /webhook HTTP/1.1", b"").await.0, 403);
    assert_eq!(door.ask(&format!("GET /other?{right} HTTP/1.1"), b"").await.0, 404);
    assert_eq!(door.ask("PUT /webhook HTTP/1.1", b"").await.0, 405);
}

#[tokio::test]
async fn only_meta_is_heard() {
    let door = Door::open().await;
    let good = sign(SECRET, EMPTY);
    let digits = good.trim_start_matches("sha256=").to_owned();
    assert_eq!(door.post(&good, EMPTY).await, 200);
    assert_eq!(door.post(&format!("sha256={}", digits.to_uppercase()), EMPTY).await, 200, "the same bytes");
    assert_eq!(door.ask("POST /webhook HTTP/1.1", EMPTY).await.0, 401, "unsigned");
    let wrong = [
        String::new(),
        digits.clone(),
        format!("sha1={digits}"),
        good[..70].to_owned(),
        format!("{good}0"),
        good.replace('d', "x"),
        sign("other", EMPTY),
    ];
    for wrong in wrong {
        assert_eq!(door.post(&wrong, EMPTY).await, 401, "{wrong}");
    }
    assert_eq!(door.post(&good, b"").await, 401, "another body");
    assert_eq!(door.post(&good, &EMPTY[..EMPTY.len() - 1]).await, 401, "a truncated body");
    let twice = format!("POST /webhook HTTP/1.1\r\nX-Hub-Signature-256: {good}\r\nX-Hub-Signature-256: {good}");
    assert_eq!(door.ask(&twice, EMPTY).await.0, 401, "signed twice");
}

#[tokio::test]
async fn what_repeating_cannot_heal_is_200() {
    let door = Door::open().await;
    let bodies: [&[u8]; 5] = [b"", b"<html>", b"[]", br#"{"object":"page","entry":[]}"#, br#"{"entry":[{"changes":[{"field":"calls"}]}]}"#];
    for body in bodies {
        assert_eq!(door.post(&sign(SECRET, body), body).await, 200);
    }
}

#[tokio::test]
async fn three_megabytes_and_not_one_byte_more() {
    let door = Door::open().await;
    let mut body = EMPTY.to_vec();
    body.resize(3 * 1024 * 1024, b' ');
    assert_eq!(door.post(&sign(SECRET, &body), &body).await, 200);
    body.push(b' ');
    assert_eq!(door.post(&sign(SECRET, &body), &body).await, 413);
}

/// Until it is read nobody knows whether a body is Meta's, so few large ones are in memory at once.
#[tokio::test]
async fn strangers_with_large_bodies_do_not_fill_the_memory() {
    let door = Door::open().await;
    let signature = "0".repeat(64);
    let head = format!("POST /webhook HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256={signature}\r\nContent-Length: 3000000\r\n\r\n");
    let mut strangers = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(door.address).await.expect("connected");
        stream.write_all(head.as_bytes()).await.expect("written");
        strangers.push(stream);
    }
    let mut large = EMPTY.to_vec();
    large.resize(100_000, b' ');
    let asked = tokio::spawn({
        let (address, signature) = (door.address, sign(SECRET, &large));
        async move { post(address, &signature, &large).await }
    });
    assert_eq!(door.post(&sign(SECRET, EMPTY), EMPTY).await, 200, "everyday webhooks need no room");
    let mut asked = Box::pin(asked);
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut asked).await.is_err(), "there is no room for a fifth one");
    strangers.pop();
    assert_eq!(asked.await.expect("answered"), 200);
}

#[tokio::test]
async fn accepted_only_when_it_is_durable() {
    let mut door = Door::open().await;
    let mut meta = Meta::new(NUMBER);
    meta.join(Person::with_phone(1));
    let body = body(&[meta.message_webhook(&Person::with_phone(1).user_id, "Grüße 😀 a@b.de https://example.org/x", AT)]);
    let head = format!(
        "POST /webhook HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: {}\r\nContent-Length: {}\r\n\r\n",
        sign(SECRET, &body),
        body.len()
    );
    for (durable, status) in [(true, "200"), (false, "503")] {
        let mut stream = TcpStream::connect(door.address).await.expect("connected");
        stream.write_all(&[head.as_bytes(), &body].concat()).await.expect("written");
        let arrival = door.arrivals.recv().await.expect("an arrival");
        let said: Vec<_> =
            arrival.events.iter().map(|event| if let Event::Heard(heard) = event { Some(&heard.said) } else { None }).collect();
        assert_eq!(said, [Some(&Said::Text(Text("Grüße 😀 a@b.de https://example.org/x".into())))]);
        let ack = arrival.ack.expect("awaited");
        let mut answer = [0; 12];
        let early = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut answer)).await;
        assert!(early.is_err(), "an answer before the commit");
        if durable {
            ack.send(()).expect("somebody waits");
        } else {
            drop(ack);
        }
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer[9..], status.as_bytes());
    }
}

#[tokio::test]
async fn without_a_relay_meta_is_asked_to_come_again() {
    let mut door = Door::open().await;
    door.arrivals.close();
    let mut meta = Meta::new(NUMBER);
    meta.join(Person::with_username(1));
    let body = body(&[meta.message_webhook(&Person::with_username(1).user_id, "Hallo", AT)]);
    assert_eq!(door.post(&sign(SECRET, &body), &body).await, 503);
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_loses_the_place() {
    let door = Door::open().await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(door.address).await.expect("connected"));
    }
    let clock = Warp::new(Millis(0), 1.0);
    assert_eq!(door.post(&sign(SECRET, EMPTY), EMPTY).await, 200, "number 65 has to wait for a place");
    assert!((10_000..12_000).contains(&clock.now().0), "{:?}", clock.now());
    for mut stream in silent {
        let mut nothing = Vec::new();
        let _ = stream.read_to_end(&mut nothing).await;
        assert_eq!(nothing, b"");
    }
}

#[tokio::test(start_paused = true)]
async fn who_never_finishes_is_not_waited_for() {
    let door = Door::open().await;
    let head = format!("POST /webhook HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: {}\r\nContent-Length: 99\r\n\r\n", sign(SECRET, EMPTY));
    let mut stream = TcpStream::connect(door.address).await.expect("connected");
    stream.write_all(head.as_bytes()).await.expect("written");
    stream.write_all(EMPTY).await.expect("written");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer[9..], b"408");
}

#[tokio::test(start_paused = true)]
async fn who_reads_no_answers_loses_the_place() {
    let door = Door::open().await;
    let mut stream = TcpStream::connect(door.address).await.expect("connected");
    let clock = Warp::new(Millis(0), 1.0);
    let questions = b"GET /webhook HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
    // Until no buffer takes any more, and then until the door is closed.
    let asking = async { while stream.write_all(&questions).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(3_600), asking).await.expect("closed");
    assert!((300_000..370_000).contains(&clock.now().0), "{:?}", clock.now());
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_between_two_answers() {
    let door = Door::open().await;
    let mut stream = TcpStream::connect(door.address).await.expect("connected");
    let (mut answers, mut answer) = (0, [0; 1_024]);
    loop {
        stream.write_all(b"GET /webhook HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("written");
        let length = stream.read(&mut answer).await.expect("read");
        if length == 0 {
            break;
        }
        assert!(answer[..length].starts_with(b"HTTP/1.1 403") && answer[..length].ends_with(b"\r\n\r\n"));
        answers += 1;
        tokio::time::advance(Duration::from_secs(7)).await;
    }
    assert_eq!(answers, 300 / 7 + 1);
}

#[tokio::test]
async fn a_batch_of_a_thousand_arrives_whole_and_in_order() {
    let mut door = Door::open().await;
    let (mut meta, foreign) = (Meta::new(NUMBER), &mut Meta::new("300000000000003"));
    let people = [Person::with_phone(1), Person::with_username(2)];
    let (mut updates, mut expected) = (Vec::new(), Vec::new());
    for person in &people {
        meta.join(person.clone());
        foreign.join(person.clone());
        meta.message_webhook(&person.user_id, "opens the window", AT);
    }
    for n in 0..1_000 {
        let at = AT.plus(n);
        let user_id = &people[n as usize % 2].user_id;
        let button = ("v1:no:corona".to_owned(), "Stopp".to_owned());
        match n % 5 {
            0 => updates.push(meta.message_webhook(user_id, &n.to_string(), at)),
            1 => updates.push(meta.tap_webhook(user_id, &button, at)),
            2 => updates.push(meta.heard_webhook(user_id, "image", serde_json::json!({ "id": "1" }), at)),
            3 => updates.push(foreign.message_webhook(user_id, "for another number", at)),
            _ => {
                let callback = Some(Callback { instance: INSTANCE, id: OutboxId(u64::from(n)) }.encode());
                let order = Order { to: user_id.clone(), body: "x".into(), buttons: vec![], callback };
                let wamid = meta.send(order, at, Refusal::AtOnce).expect("an open window");
                updates.push(meta.status_webhook(&wamid, Report::Failed(131_026), at).expect("ours"));
            }
        }
        match n % 5 {
            0 => expected.push((at, Some(Said::Text(Text(n.to_string().into()))), None)),
            1 => expected.push((at, Some(Said::Tapped(Tap::No)), None)),
            2 => expected.push((at, Some(Said::Other), None)),
            3 => {}
            _ => expected.push((at, None, Some((Some(OutboxId(u64::from(n))), News::Failed(131_026))))),
        }
    }
    let bytes = body(&updates);
    let asked = tokio::spawn({
        let (address, signature) = (door.address, sign(SECRET, &bytes));
        async move { post(address, &signature, &bytes).await }
    });
    let arrival = door.arrivals.recv().await.expect("an arrival");
    arrival.ack.expect("awaited").send(()).expect("somebody waits");
    assert_eq!(asked.await.expect("answered"), 200);
    assert!(door.arrivals.try_recv().is_err(), "one webhook is one arrival");
    let arrived: Vec<_> = arrival
        .events
        .into_iter()
        .map(|event| match event {
            Event::Heard(heard) => (heard.at, Some(heard.said), None),
            Event::Status(status) => (status.at, None, Some((status.id, status.news))),
            Event::Started | Event::ClockTrusted | Event::Figure(_) | Event::Sent { .. } | Event::Due(_) => {
                unreachable!("not from a webhook")
            }
        })
        .collect();
    assert_eq!(arrived, expected);
}
