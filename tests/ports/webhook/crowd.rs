//! Who waits for whom: strangers with large bodies, clients that take their time, and more of them than there are places. Asserts nothing
//! about what is read.

use super::{AT, Door, EMPTY, ERIKA, SECRET, Willing, of_value, post, text};
use drk_relay::domain::event::Event;
use drk_relay::domain::time::Millis;
use drk_relay::port::clock::Warp;
use drk_relay::simulator::meta::webhook::sign;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// Places in the port.
const PLACES: usize = 64;

/// A complete request.
fn request(body: &str) -> String {
    format!(
        "POST /webhook HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: {}\r\nContent-Length: {}\r\n\r\n{body}",
        sign(SECRET, body.as_bytes()),
        body.len()
    )
}

/// A webhook with one message of Erika's.
fn hallo(nth: usize) -> String {
    let who = r#""from":"491515550101","from_user_id":"DE.10000000000000000101""#;
    of_value(&format!(r#""messages":[{{{who},"id":"W{nth}","timestamp":"{}","type":"text","text":{{"body":"Hallo"}}}}]"#, AT.0))
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("connected")
}

/// Whether the port has closed the connection: nothing more comes, and nothing was answered.
async fn was_closed(stream: &mut TcpStream) -> bool {
    let mut answer = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
    end.is_ok() && answer.is_empty()
}

/// The status of the next answer.
async fn status(stream: &mut TcpStream) -> String {
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer[9..]).into_owned()
}

/// Until it is read nobody knows whether a body is Meta's, so few large ones are in memory at once.
#[tokio::test]
async fn strangers_with_large_bodies_do_not_fill_the_memory() {
    let door = Willing::open().await;
    let signature = "0".repeat(64);
    let head = format!("POST /webhook HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256={signature}\r\nContent-Length: 3000000\r\n\r\n");
    let mut strangers = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(door.address).await.expect("connected");
        // Who has only promised a large one needs no room yet.
        stream.write_all(&[head.as_bytes(), &[b' '; 100_000]].concat()).await.expect("written");
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

/// 64 clients that take a second for every byte: each newcomer gets the place of the one that has been at it longest.
#[tokio::test(start_paused = true)]
async fn a_byte_a_second_keeps_nobody_waiting() {
    let mut port = Willing::open().await;
    let (mut slow, mut drips) = (Vec::new(), Vec::new());
    for _ in 0..PLACES {
        let (reader, mut writer) = connect(port.address).await.into_split();
        slow.push(reader);
        drips.push(AbortOnDropHandle::new(tokio::spawn(async move {
            for byte in request(&hallo(0)).into_bytes() {
                if writer.write_all(&[byte]).await.is_err() {
                    return;
                }
                // waits: that is what a slow client does.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })));
    }
    // waits: until all of them have begun to speak.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let clock = Warp::new(Millis(0), 1.0);
    for nth in 0..PLACES / 2 {
        let body = hallo(nth);
        assert_eq!(port.post(&sign(SECRET, body.as_bytes()), body.as_bytes()).await, 200);
        assert_eq!(port.events.recv().await, Some(vec![ERIKA.says(&format!("W{nth}"), text("Hallo"))]));
    }
    assert!(clock.now().0 < 1_000, "none had to wait until a slow one gave up: {:?}", clock.now());
    let mut nothing = [0];
    let gone = slow.iter().take_while(|reader| matches!(reader.try_read(&mut nothing), Ok(0) | Err(_))).count();
    assert!(gone >= 1, "the first to come are the first to go");
    let last = slow.last().expect("64");
    assert!(last.try_read(&mut nothing).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "the last still speaks");
}

/// The same on a socket that nobody pauses the time of, with bodies instead of heads.
#[tokio::test]
async fn slow_bodies_keep_nobody_waiting() {
    let mut port = Willing::open().await;
    let mut slow = Vec::new();
    for _ in 0..PLACES {
        let mut stream = connect(port.address).await;
        let request = request(&hallo(0));
        stream.write_all(&request.as_bytes()[..request.len() - 1]).await.expect("written");
        slow.push(stream);
    }
    for nth in 0..8 {
        let body = hallo(nth);
        assert_eq!(port.post(&sign(SECRET, body.as_bytes()), body.as_bytes()).await, 200);
    }
    assert!(was_closed(&mut slow[0]).await, "the first has lost its place");
    let last = slow.last_mut().expect("64");
    last.write_all(b"}").await.expect("it has not");
    assert_eq!(status(last).await, "200");
    assert_eq!(port.events.recv().await, Some(vec![ERIKA.says("W0", text("Hallo"))]));
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_makes_room_at_once() {
    let port = Willing::open().await;
    let mut silent = Vec::new();
    for _ in 0..PLACES {
        silent.push(connect(port.address).await);
    }
    let clock = Warp::new(Millis(0), 1.0);
    assert_eq!(port.post(&sign(SECRET, EMPTY), EMPTY).await, 200, "number 65");
    assert!(clock.now().0 < 1_000, "{:?}", clock.now());
    for mut stream in silent {
        assert!(was_closed(&mut stream).await, "and the others lose it in time");
    }
    assert!((10_000..12_000).contains(&clock.now().0), "{:?}", clock.now());
}

/// Meta keeps its connections open. One that has been answered may go, one that waits for its answer may not.
#[tokio::test(start_paused = true)]
async fn who_waits_for_the_commit_keeps_the_place() {
    let mut door = Door::open().await;
    let clock = Warp::new(Millis(0), 1.0);
    let mut waiting = Vec::new();
    for nth in 0..PLACES {
        let mut stream = connect(door.address).await;
        stream.write_all(request(&hallo(nth)).as_bytes()).await.expect("written");
        waiting.push(stream);
    }
    let mut late = connect(door.address).await;
    late.write_all(request(&hallo(PLACES)).as_bytes()).await.expect("written");
    let mut acks = Vec::new();
    for _ in 0..PLACES {
        let arrival = door.arrivals.recv().await.expect("all of them are in");
        acks.push((arrival.events, arrival.ack.expect("awaited")));
    }
    assert!(tokio::time::timeout(Duration::from_millis(200), door.arrivals.recv()).await.is_err(), "there is no place for one more");
    // The first commit makes room: that connection is idle now, and the only one that may be closed.
    let (events, ack) = acks.remove(0);
    ack.send(()).expect("somebody waits");
    let first = (0..PLACES).find(|nth| events == [ERIKA.says(&format!("W{nth}"), text("Hallo"))]).expect("one of them");
    assert_eq!(status(&mut waiting[first]).await, "200", "before it goes");
    let newcomer = door.arrivals.recv().await.expect("it has a place");
    assert_eq!(newcomer.events, [ERIKA.says(&format!("W{PLACES}"), text("Hallo"))]);
    acks.push((newcomer.events, newcomer.ack.expect("awaited")));
    for (_, ack) in acks {
        ack.send(()).expect("nobody was sent away");
    }
    waiting.remove(first);
    for stream in waiting.iter_mut().chain([&mut late]) {
        assert_eq!(status(stream).await, "200");
    }
    assert!(clock.now().0 < 1_000, "the newcomer came in as soon as there was room: {:?}", clock.now());
}

/// One connection, request after request, as Meta does it.
#[tokio::test]
async fn a_connection_is_used_again() {
    let mut port = Willing::open().await;
    let mut stream = connect(port.address).await;
    for nth in 0..3 {
        stream.write_all(request(&hallo(nth)).as_bytes()).await.expect("written");
        let mut answer = vec![0; 1_024];
        let length = stream.read(&mut answer).await.expect("read");
        assert!(answer[..length].starts_with(b"HTTP/1.1 200") && answer[..length].ends_with(b"\r\n\r\n"));
        assert_eq!(port.events.recv().await, Some(vec![ERIKA.says(&format!("W{nth}"), text("Hallo"))]));
    }
}

#[tokio::test]
async fn a_head_has_an_end() {
    let mut port = Willing::open().await;
    let mut stream = connect(port.address).await;
    let head = format!("POST /webhook HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n", "x".repeat(100_000));
    // It may be refused before everything is written.
    let _ = stream.write_all(head.as_bytes()).await;
    assert_eq!(status(&mut stream).await, "431");
    assert_eq!(port.post(&sign(SECRET, EMPTY), EMPTY).await, 200);
    assert_eq!(port.events.recv().await, Some(vec![Event::Proof]));
}

#[tokio::test(start_paused = true)]
async fn who_never_finishes_is_not_waited_for() {
    let door = Willing::open().await;
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
    let door = Willing::open().await;
    let mut stream = TcpStream::connect(door.address).await.expect("connected");
    let clock = Warp::new(Millis(0), 1.0);
    // With long answers, or the connection would end after so many of them.
    let challenge = "x".repeat(8_000);
    let question =
        format!("GET /webhook?hub.mode=subscribe&hub.verify_token=t%C3%B6k+en%2B1&hub.challenge={challenge} HTTP/1.1\r\nHost: x\r\n\r\n");
    let questions = question.into_bytes().repeat(10);
    // Until no buffer takes any more, and then until the door is closed.
    let asking = async { while stream.write_all(&questions).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(3_600), asking).await.expect("closed");
    assert!((300_000..370_000).contains(&clock.now().0), "{:?}", clock.now());
}

#[tokio::test]
async fn a_connection_ends_after_ten_thousand_answers() {
    let door = Willing::open().await;
    let (mut read, mut write) = TcpStream::connect(door.address).await.expect("connected").into_split();
    // No more than that: what the door no longer reads would make the system throw away answers on their way.
    let questions = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(10_000);
    let asking = tokio::spawn(async move { write.write_all(&questions).await.map(|()| write) });
    let mut answers = Vec::new();
    read.read_to_end(&mut answers).await.expect("the door closes");
    let _write = asking.await.expect("no panic").expect("written");
    let answers = String::from_utf8(answers).expect("text");
    assert_eq!(answers.matches("HTTP/1.1 404").count(), 10_000);
    assert_eq!(answers.matches("connection: close").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_between_two_answers() {
    let door = Willing::open().await;
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
