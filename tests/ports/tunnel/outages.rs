//! What passes by itself: a relay host that dies, freezes, comes back; a line that swallows everything; a power cut on our side.
#![expect(clippy::print_stdout, reason = "it says how long it took")]

use super::{Running, config, echoes, hasty, now, pace};
use crate::peers::sshd::Host;
use crate::program::{until, within};
use drk_relay::config::TunnelForward;
use drk_relay::port::tunnel::{Pace, Tunnel};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Waits for an echo, and prints how long it took since `began`.
async fn back(socket: &str, began: u64, what: &str) {
    until(async || echoes(socket).await).await;
    println!("{what}: back after {} ms", now() - began);
}

#[tokio::test]
async fn a_relay_host_that_was_killed_has_us_back_as_soon_as_it_is_there() {
    let mut host = Host::start("").await;
    let (mut running, socket) = (Running::to(&host, pace()), host.branch().socket("in.sock"));
    running.up().await;
    let _echo = running.echo();
    let mut caller = UnixStream::connect(&socket).await.expect("sshd listens");
    host.kill();
    assert_eq!(within(caller.read(&mut [0; 8])).await.unwrap_or(0), 0, "nobody is there");
    running.down("Relay-Host").await;
    running.down("Läuft der Dienst").await;
    let began = now();
    host.restart().await;
    back(&socket, began, "sshd killed and started again").await;
}

#[tokio::test]
async fn sessions_that_were_killed_leave_their_socket_behind_and_it_is_taken_over() {
    let host = Host::start("").await;
    let (mut running, socket) = (Running::to(&host, pace()), host.branch().socket("in.sock"));
    running.up().await;
    let _echo = running.echo();
    until(async || echoes(&socket).await).await;
    let began = now();
    host.kill_sessions();
    assert!(std::fs::exists(&socket).expect("a directory"), "sshd had no time to remove it");
    running.down("abgerissen").await;
    back(&socket, began, "session killed, socket left over").await;
}

#[tokio::test]
async fn a_frozen_relay_host_is_noticed_and_found_again() {
    let host = Host::start("").await;
    let (mut running, socket) = (Running::to(&host, hasty()), host.branch().socket("in.sock"));
    running.up().await;
    let _echo = running.echo();
    until(async || echoes(&socket).await).await;
    let began = now();
    host.freeze();
    running.down("abgerissen").await;
    println!("sshd frozen: noticed after {} ms, with keepalives of 500 ms", now() - began);
    running.down("antwortet beim Verbindungsaufbau").await;
    let began = now();
    host.thaw();
    back(&socket, began, "sshd thawed").await;
}

#[tokio::test]
async fn after_a_power_cut_the_socket_is_taken_over_from_the_session_before() {
    let host = Host::start("").await;
    let (before, socket) = (Running::to(&host, pace()), host.branch().socket("in.sock"));
    before.up().await;
    // sshd hears nothing of the end: its session is frozen, as after a cut without a last packet.
    host.freeze_sessions();
    drop(before);
    let began = now();
    let mut after = Running::to(&host, pace());
    let _echo = after.echo();
    back(&socket, began, "power cut, Unix socket").await;
}

#[tokio::test]
async fn after_a_power_cut_a_port_is_denied_until_sshd_has_noticed() {
    let host = Host::start("").await;
    let (branch, port) = (host.branch(), free_port().await);
    let forward = TunnelForward::Tcp("127.0.0.1".to_owned(), port);
    let start = |pace| Running::start(config(host.address(), host.host_key(), &branch, forward.clone()), pace);
    let before = start(pace());
    before.up().await;
    host.freeze_sessions();
    let frozen = host.sessions();
    drop(before);
    let after = start(Pace { stale_attempts: 100_000, ..pace() });
    let why = after.down("leitet").await;
    assert!(why.contains("frühere Sitzung"), "{why}");
    let (began, mut kill) = (now(), String::from("kill -KILL"));
    frozen.iter().for_each(|id| kill += &format!(" {id}"));
    std::process::Command::new("sh").args(["-c", &kill]).status().expect("a shell");
    after.up().await;
    println!("power cut, TCP port: up {} ms after sshd has noticed", now() - began);
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound").port()
}

/// A line on which everything can get lost without a trace.
struct Line {
    address: SocketAddr,
    swallows: watch::Sender<Swallows>,
    _task: AbortOnDropHandle<()>,
}

/// What passes nothing any more.
#[derive(Clone, Copy)]
enum Swallows {
    /// Connections made before this many others.
    Older(u64),
    /// All, and those that are made now.
    All,
}

async fn line(to: SocketAddr) -> Line {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, swallows) = (listener.local_addr().expect("bound"), watch::Sender::new(Swallows::Older(0)));
    let switch = swallows.clone();
    let task = tokio::spawn(async move {
        for number in 0.. {
            let (mut here, _) = listener.accept().await.expect("a connection");
            let mut swallowed = switch.subscribe();
            tokio::spawn(async move {
                let mut there = TcpStream::connect(to).await.expect("sshd listens");
                let swallowed = async {
                    let mine = |swallows: &Swallows| match swallows {
                        Swallows::Older(than) => number < *than,
                        Swallows::All => true,
                    };
                    drop(swallowed.wait_for(mine).await);
                };
                tokio::select! {
                    _ = copy_bidirectional(&mut here, &mut there) => {}
                    // Nobody reads, nobody writes, nobody closes.
                    () = swallowed => std::future::pending().await,
                }
            });
        }
    });
    Line { address, swallows, _task: AbortOnDropHandle::new(task) }
}

#[tokio::test]
async fn a_line_that_swallows_everything_is_noticed() {
    let host = Host::start("").await;
    let (line, branch) = (line(host.address()).await, host.branch());
    let socket = branch.socket("in.sock");
    let mut running = Running::start(config(line.address, host.host_key(), &branch, TunnelForward::Unix(socket.clone())), hasty());
    running.up().await;
    let _echo = running.echo();
    until(async || echoes(&socket).await).await;
    let began = now();
    line.swallows.send_replace(Swallows::All);
    running.down("abgerissen").await;
    println!("line swallows everything: noticed after {} ms, with keepalives of 500 ms", now() - began);
    running.down("antwortet beim Verbindungsaufbau").await;
    let began = now();
    line.swallows.send_replace(Swallows::Older(0));
    back(&socket, began, "line passes again").await;
}

#[tokio::test]
async fn whoever_finds_that_nothing_comes_through_gets_another_session_at_once() {
    let host = Host::start("").await;
    let (line, branch) = (line(host.address()).await, host.branch());
    let socket = branch.socket("in.sock");
    // With the patience of work: nobody else would notice for a minute.
    let mut running = Running::start(config(line.address, host.host_key(), &branch, TunnelForward::Unix(socket.clone())), pace());
    running.up().await;
    let _caller = UnixStream::connect(&socket).await.expect("sshd listens");
    let mut stream = within(running.streams.recv()).await.expect("handed over");
    line.swallows.send_replace(Swallows::Older(1));
    let began = now();
    running.tunnel.rebuild();
    let kind = within(stream.read(&mut [0; 8])).await.expect_err("of the old session").kind();
    assert_eq!(kind, std::io::ErrorKind::ConnectionAborted);
    let _echo = running.echo();
    back(&socket, began, "rebuilt on demand").await;
}

#[tokio::test]
async fn a_tunnel_that_is_run_again_after_a_panic_starts_anew() {
    let host = Host::start("").await;
    let branch = host.branch();
    let socket = branch.socket("in.sock");
    let mut running = Running::start(config(host.address(), host.host_key(), &branch, TunnelForward::Unix(socket.clone())), pace());
    running.up().await;
    let mut caller = UnixStream::connect(&socket).await.expect("sshd listens");
    let mut stream = within(running.streams.recv()).await.expect("handed over");
    let _echo = running.echo();
    // What `run` does with a port that panicked: its future is dropped, and called for again.
    let tunnel: Tunnel = running.tunnel.clone();
    running._task = AbortOnDropHandle::new(tokio::spawn(async move { match tunnel.run().await {} }));
    assert!(within(stream.read(&mut [0; 8])).await.is_err(), "the session before is gone");
    assert_eq!(within(caller.read(&mut [0; 8])).await.unwrap_or(0), 0, "and sshd knows");
    back(&socket, now(), "run again").await;
}
