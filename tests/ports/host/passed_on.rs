//! What arrives at port 443 reaches the device of the branch that is named, and nothing else reaches any.

use super::stand_in::{Device, Recorder};
use super::world::{BRANCHES, Tunnel, World, name};
use crate::peers::haproxy::Haproxy;
use crate::peers::nginx::Nginx;
use crate::program::{until, within};
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The first record of a connection says that so many bytes of handshake follow; they do not.
const HALF_A_HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3];

/// A device for each branch, and its tunnel.
async fn devices(world: &World, proxied: bool) -> Vec<(Device, Tunnel)> {
    let mut devices = Vec::new();
    for branch in BRANCHES {
        let device = Device::start(&name(branch), proxied).await;
        let tunnel = world.tunnel(branch, device.address).await;
        devices.push((device, tunnel));
    }
    devices
}

/// Whoever is in front: each branch gets its own calls, and whoever names none of them gets nothing.
async fn only_who_names_a_branch_reaches_it(front: SocketAddr, devices: &[(Device, Tunnel)], proxied: bool) {
    for (branch, (device, _)) in BRANCHES.into_iter().zip(devices) {
        let request = "GET /webhook HTTP/1.1\r\nHost: x\r\n\r\n";
        let (answer, caller) = device.identity.posted(front, &name(branch), request, true).await.expect("it answers");
        let told = if proxied { caller.to_string() } else { "none".to_owned() };
        assert!(answer.ends_with(&format!("\r\n\r\n{} {told}", name(branch))), "{answer}");
        let shouted = device.identity.called(front, &name(branch).to_uppercase()).await.expect("names have no case");
        assert!(shouted.contains(&name(branch)), "{shouted}");

        for (unknown, named) in [("wa.drk-nirgendwo.example", true), ("drk-musterstadt.example", true), (&*name(branch), false)] {
            let refused = device.identity.posted(front, unknown, request, named).await.expect_err("nobody is called that");
            assert!(matches!(refused.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{unknown}: {refused:?}");
        }
    }
    for plain in ["GET / HTTP/1.1\r\nHost: wa.drk-musterstadt.example\r\n\r\n", "SSH-2.0-x\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 1 443\r\n"]
    {
        assert_eq!(say(front, plain.as_bytes()).await, b"", "{plain}");
    }
}

/// What comes back to whoever says this and then waits.
async fn say(front: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(front).await.expect("it listens");
    stream.write_all(bytes).await.expect("it takes that");
    let mut answer = Vec::new();
    // Bytes that it did not want to read end the connection the other way; nothing comes back either way.
    let _ = within(stream.read_to_end(&mut answer)).await;
    answer
}

/// A byte now and then buys no time.
async fn whoever_dawdles_must_go(front: SocketAddr) {
    let mut stream = TcpStream::connect(front).await.expect("it listens");
    stream.write_all(HALF_A_HELLO).await.expect("it takes that");
    let mut nothing = [0; 1];
    within(async {
        loop {
            tokio::select! {
                end = stream.read(&mut nothing) => return assert!(matches!(end, Ok(0) | Err(_)), "{end:?}"),
                // waits: it is the other side's patience that is tried here.
                () = tokio::time::sleep(std::time::Duration::from_millis(500)) => {}
            }
            let _ = stream.write_all(&[0]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn haproxy_passes_each_branch_its_calls_and_says_who_calls() {
    let world = World::new().await;
    let devices = devices(&world, true).await;
    let haproxy = Haproxy::start(&world.debian).await;
    only_who_names_a_branch_reaches_it(haproxy.address, &devices, true).await;
    whoever_dawdles_must_go(haproxy.address).await;
}

#[tokio::test]
async fn nginx_passes_each_branch_its_calls() {
    let world = World::with_group("www-data").await;
    let devices = devices(&world, false).await;
    let nginx = Nginx::start(&world.debian).await;
    only_who_names_a_branch_reaches_it(nginx.address, &devices, false).await;
    whoever_dawdles_must_go(nginx.address).await;
    assert_eq!(nginx.logged(), "", "no address of a caller is kept");
}

/// Nothing of a request or of its answer but its length can be read on the host.
#[tokio::test]
async fn the_host_sees_only_ciphertext() {
    let world = World::new().await;
    let devices = devices(&world, true).await;
    let haproxy = Haproxy::start(&world.debian).await;
    let recorder = Recorder::slip_in(&world.socket(BRANCHES[0]));

    let body = r#"{"object":"whatsapp_business_account","text":{"body":"Bin ich ansteckend?"},"from":"4915123456789"}"#;
    let length = body.len();
    let request = format!("POST /webhook-path HTTP/1.1\r\nX-Hub-Signature-256: sha256=0123\r\nContent-Length: {length}\r\n\r\n{body}");
    let (answer, caller) = devices[0].0.identity.posted(haproxy.address, &name(BRANCHES[0]), &request, true).await.expect("it answers");
    assert!(answer.contains(&caller.to_string()), "{answer}");

    let [to_device, back] = recorder.kept();
    let sees = |bytes: &[u8], what: &str| bytes.windows(what.len()).any(|part| part.eq_ignore_ascii_case(what.as_bytes()));
    assert!(to_device.len() > request.len() && back.len() > answer.len(), "all of it went past here");
    assert!(sees(&to_device, &name(BRANCHES[0])), "the name that is called is no secret");
    for secret in
        ["POST", "webhook-path", "HTTP/1.1", "X-Hub-Signature", "sha256", "Content-Length", "object", "ansteckend", "4915123456789"]
    {
        assert!(!sees(&to_device, secret) && !sees(&back, secret), "{secret}");
    }
    let caller = caller.to_string();
    for secret in ["200 OK", "Connection: close", &caller] {
        assert!(!sees(&back, secret), "{secret}");
    }
}

/// The log says how connections end, and not whose they were.
#[tokio::test]
async fn haproxy_logs_no_address() {
    let world = World::new().await;
    let devices = devices(&world, true).await;
    let haproxy = Haproxy::start(&world.debian).await;
    devices[0].0.identity.called(haproxy.address, &name(BRANCHES[0])).await.expect("it answers");
    let passed = logged(&haproxy, "eingang musterstadt ts=--").await;
    assert_eq!(say(haproxy.address, b"GET / HTTP/1.1\r\n\r\n").await, b"");
    let refused = logged(&haproxy, "ts=PR").await;
    devices[0].0.identity.called(haproxy.address, "wa.drk-nirgendwo.example").await.expect_err("nobody is called that");
    let unknown = logged(&haproxy, "eingang eingang ts=SC").await;
    for line in [passed, refused, unknown] {
        assert!(!line.contains("127.0.0.1"), "{line}");
    }
}

/// The first line in its log with this in it. None says where a connection came from.
async fn logged(haproxy: &Haproxy<'_>, what: &str) -> String {
    within(async {
        loop {
            let line = haproxy.logged().await;
            if line.contains(what) {
                return line;
            }
        }
    })
    .await
}

/// HAProxy shuts itself in: without what systemd shows it there, it finds no socket.
#[tokio::test]
async fn without_the_addition_to_its_unit_haproxy_finds_no_socket() {
    let world = World::new().await;
    let devices = devices(&world, true).await;
    let haproxy = Haproxy::start_with(&world.debian, "").await;
    devices[0].0.identity.called(haproxy.address, &name(BRANCHES[0])).await.expect_err("nobody finds the device");
    logged(&haproxy, "ts=SC").await;
}

/// Without a device the caller is told at once, and not kept waiting; the log says why.
#[tokio::test]
async fn without_a_tunnel_callers_are_refused() {
    let world = World::new().await;
    let device = Device::start(&name(BRANCHES[0]), true).await;
    let haproxy = Haproxy::start(&world.debian).await;
    device.identity.called(haproxy.address, &name(BRANCHES[0])).await.expect_err("there is no socket");
    logged(&haproxy, "eingang musterstadt ts=SC").await;
    let _tunnel = world.tunnel(BRANCHES[0], device.address).await;
    device.identity.called(haproxy.address, &name(BRANCHES[0])).await.expect("it is there now");
}

/// One address gets 64 connections at once, and not one more; when they are gone, it may call again.
#[tokio::test]
async fn a_flood_from_one_address_is_held_off() {
    let world = World::new().await;
    let devices = devices(&world, true).await;
    let haproxy = Haproxy::start(&world.debian).await;
    let (device, name) = (&devices[0].0, name(BRANCHES[0]));
    let mut held = Vec::new();
    while let Ok(stream) = device.identity.connected(haproxy.address, &name, true).await {
        held.push(stream);
        assert!(held.len() <= 64, "nobody holds it off");
    }
    // A connection that has just ended may still count.
    assert!(held.len() > 60, "{} and no more", held.len());
    drop(held);
    until(async || device.identity.called(haproxy.address, &name).await.ok()).await;
}
