//! One attempt against a Meta that is not there, breaks off, lies or stalls: what is known of the message then. Everything is over plain
//! HTTP on loopback; what comes before the request in real life is in `way`.

use super::{NOW, TOKEN, clock, graph, listener, send};
use crate::webhook::pseudonyms;
use drk_relay::domain::event::Outcome;
use drk_relay::domain::ids::Wamid;
use drk_relay::port::clock::{Clock, Warp};
use drk_relay::port::graph::{Graph, Trouble};
use drk_relay::simulator::meta::Person;
use std::future::pending;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How much of a request the peer reads.
#[derive(Clone, Copy, Debug)]
enum Reads {
    Nothing,
    Head,
    HalfBody,
    All,
}

/// What it does then.
#[derive(Clone, Copy, Debug)]
enum Then {
    Closes,
    /// Says this and closes.
    Says(&'static str),
    /// Says nothing more and stays; the test's clock jumps to the next time-out.
    Stalls(&'static str),
}

/// Head and body of one request, as far as they come.
pub(super) async fn request(stream: &mut (impl AsyncRead + Unpin)) -> (String, Vec<u8>) {
    let head = head(stream).await;
    let mut body = vec![0; length(&head)];
    let mut read = 0;
    while read < body.len() {
        match stream.read(&mut body[read..]).await {
            Ok(0) | Err(_) => break,
            Ok(n) => read += n,
        }
    }
    body.truncate(read);
    (head, body)
}

/// Up to the empty line, as far as it comes.
pub(super) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { break };
        head.push(byte);
    }
    String::from_utf8(head).expect("ASCII")
}

fn length(head: &str) -> usize {
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    length.unwrap_or(0)
}

async fn peer(listener: TcpListener, reads: Reads, then: Then) {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    match reads {
        Reads::Nothing => {}
        Reads::Head => drop(head(&mut stream).await),
        Reads::HalfBody => {
            let length = length(&head(&mut stream).await);
            stream.read_exact(&mut vec![0; length / 2]).await.expect("half a body");
        }
        Reads::All => {
            let (head, body) = request(&mut stream).await;
            assert!(body.ends_with(b"}") && body.len() == length(&head), "one piece, its length said before: {head}");
        }
    }
    match then {
        Then::Closes => {}
        Then::Says(text) => stream.write_all(text.as_bytes()).await.expect("written"),
        Then::Stalls(text) => {
            stream.write_all(text.as_bytes()).await.expect("written");
            // The port has written everything: whatever it waits for now is a time-out.
            tokio::time::pause();
            pending::<()>().await;
        }
    }
}

/// The outcome, and what stands between us and Meta by it. Judged in a runtime of its own, because a clock that was paused stays so.
fn attempt(reads: Reads, then: Then) -> (Outcome, Option<Trouble>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (listener, url) = listener().await;
        let graph = graph(&url, clock());
        let peer = tokio::spawn(peer(listener, reads, then));
        let outcome = graph.send(&send(1, &Person::with_phone(1), NOW.plus(60))).await;
        peer.abort();
        assert!(peer.await.is_ok_and(|()| true) || matches!(then, Then::Stalls(_)), "{reads:?} {then:?}");
        (outcome, graph.trouble())
    })
}

#[test]
fn what_was_written_and_not_answered_is_unknown() {
    let silent = (Outcome::Unknown, Some(Trouble::Silent));
    let strange = |status| (Outcome::Unknown, Some(Trouble::Stranger(status)));
    let refused = |status| (Outcome::Later, Some(Trouble::Stranger(status)));
    let accepted = (Outcome::Accepted(pseudonyms().wamid("W")), None);
    let rejected = |code| (Outcome::Rejected { code, transient: false }, None);
    let table = [
        (Reads::Head, Then::Closes, silent),
        (Reads::HalfBody, Then::Closes, silent),
        (Reads::All, Then::Closes, silent),
        (Reads::All, Then::Stalls(""), silent),
        (Reads::All, Then::Stalls("HTTP/1.1 200 OK\r\nContent-"), silent),
        (Reads::All, Then::Stalls("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"messages\":[{"), strange(200)),
        (Reads::All, Then::Stalls("HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{\"error\":{"), refused(400)),
        (Reads::All, Then::Says("HTTP/1.1 200 OK\r\nContent-"), silent),
        (Reads::All, Then::Says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"messages\":[{"), strange(200)),
        (Reads::All, Then::Says("SSH-2.0-OpenSSH_9.2\r\n"), silent),
        (Reads::All, Then::Says("HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{\"messages\":[{\"id\":\"W\"}]}"), strange(200)),
        (Reads::All, Then::Says("HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n{\"messages\":[{\"id\":\"W\"}]}"), accepted),
        (Reads::All, Then::Says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), strange(200)),
        (Reads::All, Then::Says("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno"), strange(502)),
        (Reads::All, Then::Says("HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\n\r\nno"), refused(429)),
        (Reads::All, Then::Says("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"), refused(413)),
        (Reads::All, Then::Says("HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), refused(307)),
        (Reads::All, Then::Says("HTTP/1.1 303 See Other\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), refused(303)),
        // A gateway that answers before it has heard all of it.
        (Reads::Head, Then::Stalls("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"), refused(403)),
        (Reads::All, Then::Says("HTTP/1.1 500 Oops\r\nContent-Length: 25\r\n\r\n{\"error\":{\"code\":131000}}"), rejected(131_000)),
    ];
    for (reads, then, expected) in table {
        assert_eq!(attempt(reads, then), expected, "{reads:?} {then:?}");
    }
}

/// Whether the request was on its way when the connection closed is chance here; what is claimed must be true in both cases.
#[test]
fn a_peer_that_closes_at_once_has_nothing_or_nobody_knows() {
    let (outcome, trouble) = attempt(Reads::Nothing, Then::Closes);
    let known = [(Outcome::Later, Trouble::Unreachable), (Outcome::Unknown, Trouble::Silent)];
    assert!(known.iter().any(|(known, why)| (outcome, trouble) == (*known, Some(*why))), "{outcome:?} {trouble:?}");
}

#[tokio::test]
async fn unreachable_is_not_unknown() {
    let (listener, url) = listener().await;
    drop(listener);
    let refused = graph(&url, clock());
    assert_eq!(refused.send(&send(1, &Person::with_phone(1), NOW.plus(60))).await, Outcome::Later);
    assert_eq!(refused.trouble(), Some(Trouble::Unreachable));
    let nameless = graph("http://meta.invalid", clock());
    assert_eq!(nameless.send(&send(1, &Person::with_phone(1), NOW.plus(60))).await, Outcome::Later);
    assert_eq!(nameless.trouble(), Some(Trouble::Name));
}

#[tokio::test]
async fn nothing_is_written_after_its_time() {
    let (listener, url) = listener().await;
    let graph = graph(&url, clock());
    assert_eq!(graph.send(&send(1, &Person::with_phone(1), NOW.minus(1))).await, Outcome::TooLate);
    assert!(tokio::time::timeout(Duration::from_millis(50), listener.accept()).await.is_err(), "no connection either");
    assert_eq!(graph.trouble(), None);
}

#[tokio::test]
async fn an_answer_is_not_awaited_beyond_the_last_second() {
    let (listener, url) = listener().await;
    // Two seconds are left, far less than an attempt may take.
    let warp = Warp::new(NOW.millis(), 1.0);
    let graph = graph(&url, Clock::Warped(Arc::clone(&warp)));
    let silent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        request(&mut stream).await;
        tokio::time::pause();
        pending::<()>().await;
    });
    assert_eq!(graph.send(&send(1, &Person::with_phone(1), NOW.plus(1))).await, Outcome::Unknown);
    let late = warp.now().since(NOW.plus(2).millis());
    assert!(late < 1_000, "{late} ms after the last second was over");
    silent.abort();
}

/// More than an answer can be, for ever: neither memory nor time runs out.
#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    for (status, expected) in [("200 OK", Outcome::Unknown), ("400 Bad Request", Outcome::Later)] {
        let (listener, url) = listener().await;
        let endless = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            request(&mut stream).await;
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: 100000000\r\n\r\n{{\"x\":\"");
            stream.write_all(head.as_bytes()).await.expect("written");
            let mut written = 0;
            while stream.write_all(&[b'x'; 1024]).await.is_ok() {
                written += 1;
            }
            written
        });
        let graph = graph(&url, clock());
        assert_eq!(graph.send(&send(1, &Person::with_phone(1), NOW.plus(60))).await, expected, "{status}");
        assert!(endless.await.expect("hung up on") < 50_000, "kB, of which sockets buffer some");
    }
}

const TAKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n{\"messages\":[{\"id\":\"W\"}]}";

async fn answered(stream: &mut TcpStream) {
    let (_, body) = request(stream).await;
    assert!(!body.is_empty());
    stream.write_all(TAKEN.as_bytes()).await.expect("written");
}

#[tokio::test]
async fn a_connection_is_used_again_and_one_that_was_closed_while_idle_is_not() {
    let (listener, url) = listener().await;
    let (graph, person) = (graph(&url, clock()), Person::with_phone(1));
    let accepted = Outcome::Accepted(pseudonyms().wamid("W"));
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        answered(&mut stream).await;
        answered(&mut stream).await;
        drop(stream);
        let (mut stream, _) = listener.accept().await.expect("another connection");
        answered(&mut stream).await;
        stream
    });
    for id in [1, 2] {
        assert_eq!(graph.send(&send(id, &person, NOW.plus(60))).await, accepted);
    }
    // waits: the client hears of the closed connection in a task of its own, without a signal for us.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(graph.send(&send(3, &person, NOW.plus(60))).await, accepted);
    peer.await.expect("three requests");
}

/// The client would know how to ask again over another connection. It must not: the first peer may have passed it on.
#[tokio::test]
async fn a_request_on_a_used_connection_that_then_closes_is_not_repeated() {
    let (listener, url) = listener().await;
    let (graph, person) = (graph(&url, clock()), Person::with_phone(1));
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        answered(&mut stream).await;
        let (_, body) = request(&mut stream).await;
        drop(stream);
        (body.len(), tokio::time::timeout(Duration::from_millis(200), listener.accept()).await.is_err())
    });
    assert!(matches!(graph.send(&send(1, &person, NOW.plus(60))).await, Outcome::Accepted(_)));
    assert_eq!(graph.send(&send(2, &person, NOW.plus(60))).await, Outcome::Unknown);
    let (read, alone) = peer.await.expect("two requests");
    assert!(read > 0 && alone, "{read} bytes, and nobody came again: {alone}");
}

/// What the log gets in this thread.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Everything that is logged from here on in this thread.
    pub(super) fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
        let log = Log::default();
        let lines = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || lines.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("one thread").clone()).expect("text")
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("one thread").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn fails(graph: &Graph, times: u64) {
    for id in 0..times {
        assert_eq!(graph.send(&send(id, &Person::with_phone(1), NOW.plus(60))).await, Outcome::Later);
        graph.mark_read(&Wamid::new("wamid.IN491515550101")).await;
    }
}

#[tokio::test]
async fn trouble_is_said_once_and_so_is_its_end() {
    let (log, _here) = Log::listen();
    let (place, url) = listener().await;
    let address = place.local_addr().expect("an address");
    drop(place);
    let graph = graph(&url, clock());
    fails(&graph, 3).await;
    let listener = TcpListener::bind(address).await.expect("the place is free");
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        answered(&mut stream).await;
        answered(&mut stream).await;
    });
    for id in [4, 5] {
        assert!(matches!(graph.send(&send(id, &Person::with_phone(1), NOW.plus(60))).await, Outcome::Accepted(_)));
    }
    peer.await.expect("two requests");
    fails(&graph, 2).await;
    let text = log.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].contains("Meta cannot be reached") && lines[1].contains("Meta answers again"), "{text}");
    assert!(lines[2].contains("Meta cannot be reached") && lines[2].contains("Unreachable"), "{text}");
    for secret in [TOKEN, "wamid", "491515", "DE.0", "Weiter"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}
