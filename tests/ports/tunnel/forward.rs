//! What the relay host forwards: bytes, their end, many of them, and readers who are late.

use super::{Running, config, echoes, now, pace, said_again};
use crate::peers::sshd::Host;
use crate::program::{Place, until, within};
use drk_relay::config::TunnelForward;
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;

/// What OpenSSH takes on one channel before its reader has taken anything.
const WINDOW: usize = 2 * 1024 * 1024;
const BODY: usize = 3 * 1024 * 1024;

fn body() -> Vec<u8> {
    (0..BODY).map(|at| (at % 251) as u8).collect()
}

#[tokio::test]
async fn what_is_said_at_the_unix_socket_arrives_and_the_answer_goes_back() {
    let host = Host::start("").await;
    let mut running = Running::to(&host, pace());
    running.up().await;
    let socket = host.branch().socket("in.sock");
    let mut caller = within(UnixStream::connect(&socket)).await.expect("sshd listens");
    caller.write_all(b"Frage").await.expect("written");
    caller.shutdown().await.expect("said all");
    let mut stream = within(running.streams.recv()).await.expect("handed over");
    let (mut heard, mut answered) = (String::new(), String::new());
    within(stream.read_to_string(&mut heard)).await.expect("text, and its end");
    stream.write_all(b"Antwort").await.expect("written after the other side has said all");
    drop(stream);
    within(caller.read_to_string(&mut answered)).await.expect("text, and its end: dropped is closed");
    assert_eq!((heard.as_str(), answered.as_str(), running.tunnel.handed()), ("Frage", "Antwort", 1));
}

#[tokio::test]
async fn a_tcp_port_is_forwarded_as_well() {
    let host = Host::start("").await;
    let (branch, place) = (host.branch(), Place::reserve());
    let address = place.address;
    drop(place);
    let forward = TunnelForward::Tcp("127.0.0.1".to_owned(), address.port());
    let mut running = Running::start(config(host.address(), host.host_key(), &branch, forward), pace());
    running.up().await;
    let _echo = running.echo();
    let mut caller = TcpStream::connect(address).await.expect("sshd listens");
    assert!(within(said_again(&mut caller)).await.expect("an echo"));
}

#[tokio::test]
async fn three_mebibytes_pass_in_both_directions_at_full_speed() {
    let host = Host::start("").await;
    let mut running = Running::to(&host, pace());
    running.up().await;
    let _echo = running.echo();
    let (sent, mut heard, began) = (body(), Vec::with_capacity(BODY), now());
    let caller = UnixStream::connect(host.branch().socket("in.sock")).await.expect("sshd listens");
    let (mut from, mut to) = split(caller);
    let say = async {
        to.write_all(&sent).await.expect("written");
        to.shutdown().await.expect("said all");
    };
    let (_, heard_all) = within(async { tokio::join!(say, from.read_to_end(&mut heard)) }).await;
    heard_all.expect("all, and its end");
    assert!(heard == sent, "{} bytes of {} came back", heard.len(), sent.len());
    println!("3 MiB there and back: {} ms", now() - began);
}

#[tokio::test]
async fn who_does_not_read_loses_the_connection_and_disturbs_nobody() {
    let host = Host::start("").await;
    let mut running = Running::to(&host, super::hasty());
    running.up().await;
    let socket = host.branch().socket("in.sock");
    let mut flood = UnixStream::connect(&socket).await.expect("sshd listens");
    let mut unread = within(running.streams.recv()).await.expect("handed over");
    let _echo = running.echo();
    let flooding = tokio::spawn(async move {
        let block = vec![7; 64 * 1024];
        let mut taken = 0;
        while flood.write_all(&block).await.is_ok() {
            taken += block.len();
        }
        taken
    });
    // It ends because it was cut: nobody has read a byte.
    let taken = within(flooding).await.expect("no panic");
    within(until(async || echoes(&socket).await)).await;
    let (mut kept, mut heard) = (0, vec![0; 64 * 1024]);
    let why = within(async {
        loop {
            match unread.read(&mut heard).await {
                Ok(bytes) => kept += bytes,
                Err(error) => return error,
            }
        }
    })
    .await;
    assert_eq!((why.kind(), why.to_string().as_str()), (ErrorKind::ConnectionAborted, "the reader was late"));
    assert!((64 * 1024..=1024 * 1024).contains(&kept), "{kept} bytes were kept");
    assert_eq!(unread.write(b"x").await.expect_err("closed").kind(), ErrorKind::BrokenPipe);
    let lost = format!("{:?}", running.link.view().condition);
    assert_eq!(lost, "Up", "the session has never been lost");
    println!("{taken} bytes were taken from who floods, {kept} kept for who did not read");
}

#[tokio::test]
async fn readers_who_are_late_leave_room_for_everybody_else() {
    let host = Host::start("").await;
    let mut running = Running::to(&host, pace());
    running.up().await;
    let socket = host.branch().socket("in.sock");
    let mut uploads = Vec::new();
    let mut unread = Vec::new();
    for _ in 0..12 {
        let mut upload = UnixStream::connect(&socket).await.expect("sshd listens");
        unread.push(within(running.streams.recv()).await.expect("handed over"));
        // Less than one may hold; together more than all may. Who finds no room is cut.
        uploads.push(tokio::spawn(async move {
            let sent = upload.write_all(&vec![7; 900 * 1024]).await.and(upload.write_all(b"x").await);
            (upload, sent.is_ok())
        }));
    }
    let mut kept = Vec::new();
    for upload in uploads {
        kept.push(within(upload).await.expect("no panic"));
    }
    let _echo = running.echo();
    // Their own 64 KiB are there for everybody, however full the rest is.
    let body = vec![9; 48 * 1024];
    for _ in 0..4 {
        let mut caller = UnixStream::connect(&socket).await.expect("sshd listens");
        let mut heard = vec![0; body.len()];
        within(caller.write_all(&body)).await.expect("written");
        within(caller.read_exact(&mut heard)).await.expect("repeated");
        assert!(heard == body);
    }
    let mut held = 0;
    for mut stream in unread {
        let mut bytes = Vec::new();
        // What is there is there, whether it was cut or not.
        drop(kept.remove(0));
        let _ = within(stream.read_to_end(&mut bytes)).await;
        held += bytes.len();
    }
    let own = 12 * 64 * 1024;
    assert!(held > 4 * 1024 * 1024 && held <= 6 * 1024 * 1024 + own, "{held} bytes were held");
    println!("{held} bytes were held for twelve readers who were late");
}

#[tokio::test]
async fn a_writer_that_waits_for_room_hears_that_the_caller_has_gone() {
    let host = Host::start("").await;
    let mut running = Running::to(&host, pace());
    running.up().await;
    let caller = UnixStream::connect(host.branch().socket("in.sock")).await.expect("sshd listens");
    let mut stream = within(running.streams.recv()).await.expect("handed over");
    let block = vec![7; 64 * 1024];
    let (tell, told) = oneshot::channel();
    let writing = tokio::spawn(async move {
        // Until sshd's window is full: then a write waits for ever, as long as the caller does not read.
        let (mut written, mut tell) = (0, Some(tell));
        loop {
            if written > WINDOW / 2
                && let Some(tell) = tell.take()
            {
                tell.send(()).expect("somebody waits");
            }
            match stream.write_all(&block).await {
                Ok(()) => written += block.len(),
                Err(error) => return (written, error.kind()),
            }
        }
    });
    within(told).await.expect("half of it goes at once");
    drop(caller);
    let (written, kind) = within(writing).await.expect("no panic");
    assert_eq!(kind, ErrorKind::BrokenPipe);
    println!("{written} bytes were written to who does not read");
}

#[tokio::test]
async fn idle_callers_beyond_the_number_are_refused_and_those_who_leave_make_room() {
    let host = Host::start("").await;
    let mut running = Running::to(&host, pace());
    running.up().await;
    let socket = host.branch().socket("in.sock");
    let mut callers = Vec::new();
    for _ in 0..200 {
        // sshd lets 64 wait: whoever comes faster than it takes them is to come again.
        callers.push(until(async || UnixStream::connect(&socket).await.ok()).await);
    }
    // As many as are taken, each a stream; the others are closed by sshd, because we refuse.
    let mut held = Vec::new();
    let mut refused = 0;
    while held.len() + refused < callers.len() {
        tokio::select! {
            biased;
            Some(stream) = running.streams.recv() => held.push(stream),
            () = async { let mut byte = [0; 1]; let _ = callers[199 - refused].read(&mut byte).await; } => refused += 1,
        }
    }
    assert_eq!((held.len(), refused), (96, 104));
    held.clear();
    let _echo = running.echo();
    until(async || echoes(&socket).await).await;
}
