//! What a person must heal: said in a sentence that names what to do, and tried again all the same.

use super::{Running, config, pace};
use crate::peers::sshd::Host;
use crate::program::{Place, until, within};
use drk_relay::config::TunnelForward;
use drk_relay::port::clock::Clock;
use drk_relay::port::link::Link;
use drk_relay::port::outward::Outward;
use drk_relay::port::tunnel::Tunnel;
use std::fs;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

/// What ssh-keygen says of the host's key.
fn fingerprint(host: &Host) -> String {
    let output = std::process::Command::new("ssh-keygen").arg("-lf").arg(host.path("host.pub")).output().expect("ssh-keygen is installed");
    String::from_utf8(output.stdout).expect("text").split(' ').nth(1).expect("SHA256:…").to_owned()
}

#[tokio::test]
async fn another_host_key_is_named_and_nobody_logs_in() {
    let mut host = Host::start("").await;
    let running = Running::to(&host, pace());
    running.up().await;
    let before = fingerprint(&host);
    for name in ["host", "host.pub"] {
        fs::copy(host.path(name), host.path(&format!("{name}.kept"))).expect("copied");
    }
    host.become_another();
    let logins = host.log().matches("Accepted publickey").count();
    host.restart().await;
    let why = running.down("anderen Schlüssel").await;
    for part in [before.as_str(), &fingerprint(&host), "Angriff", &host.host_key()] {
        assert!(why.contains(part), "{part} in: {why}");
    }
    // Some more attempts are made, and none gets as far as that.
    until(async || (host.log().matches("Connection from").count() > 4).then_some(())).await;
    assert_eq!(host.log().matches("Accepted publickey").count(), logins, "nobody logs in at a stranger's");
    for name in ["host", "host.pub"] {
        fs::copy(host.path(&format!("{name}.kept")), host.path(name)).expect("copied");
    }
    host.restart().await;
    running.up().await;
}

#[tokio::test]
async fn a_revoked_key_is_told_with_the_line_that_lets_it_in() {
    let host = Host::start("").await;
    let (running, branch) = (Running::to(&host, pace()), host.branch());
    running.up().await;
    host.authorize(&branch.user, "");
    host.kill_sessions();
    let why = running.down("nimmt unseren Schlüssel").await;
    let line = why.split("authorized_keys dieses Benutzers: ").nth(1).expect("the line is the end").to_owned();
    assert!(why.contains(&branch.user) && line == format!("restrict,port-forwarding {}", branch.public), "{why}");
    host.authorize(&branch.user, &line);
    running.up().await;
}

#[tokio::test]
async fn a_denied_forward_is_told_with_what_allows_it() {
    let host = Host::start("AllowStreamLocalForwarding no").await;
    let running = Running::to(&host, pace());
    let why = running.down("leitet").await;
    assert!(why.contains("in.sock") && why.contains("AllowStreamLocalForwarding remote"), "{why}");
    let (host, place) = (Host::start("AllowTcpForwarding local").await, Place::reserve());
    let forward = TunnelForward::Tcp("127.0.0.1".to_owned(), place.address.port());
    let running = Running::start(config(host.address(), host.host_key(), &host.branch(), forward), pace());
    let why = running.down("leitet").await;
    assert!(why.contains(&place.address.to_string()) && why.contains("permitlisten"), "{why}");
}

#[tokio::test]
async fn who_has_no_algorithm_in_common_is_told_so() {
    let host = Host::start("KexAlgorithms diffie-hellman-group14-sha256").await;
    let why = Running::to(&host, pace()).down("kein gemeinsames Verfahren").await;
    assert!(why.contains("OpenSSH 8.5"), "{why}");
}

#[tokio::test]
async fn who_is_no_relay_host_is_told_apart_from_nobody() {
    let (host, nobody) = (Host::start("").await, Place::reserve());
    let (branch, forward) = (host.branch(), TunnelForward::Unix(host.branch().socket("in.sock")));
    let to = |address| Running::start(config(address, host.host_key(), &branch, forward.clone()), pace());
    to(nobody.address).down("keine Verbindung: der Relay-Host").await;
    let stranger = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let running = to(stranger.local_addr().expect("bound"));
    let (mut stream, _) = within(stranger.accept()).await.expect("it comes");
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("written");
    drop(stream);
    running.down("keine SSH-Verbindung").await;
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_refused_at_the_start() {
    let host = Host::start("").await;
    let forward = TunnelForward::Unix(host.branch().socket("in.sock"));
    let why = |key: &str, host_key: &str| {
        let mut config = config(host.address(), host_key.to_owned(), &host.branch(), forward.clone());
        config.key = key.to_owned().into();
        Tunnel::new(config, Outward::Direct, Link::new(Clock::System)).err().expect("refused").to_string()
    };
    assert!(why(&host.branch().key, "ssh-ed25519 AAAA").contains("host_key"));
    assert!(why("no key", &host.host_key()).contains("keygen"));
    let mut command = std::process::Command::new("ssh-keygen");
    let locked = host.path("locked");
    let made = command.args(["-q", "-t", "ed25519", "-N", "secret", "-f"]).arg(&locked).status().expect("ssh-keygen is installed");
    assert!(made.success());
    assert!(why(&fs::read_to_string(locked).expect("a key"), &host.host_key()).contains("Passwort"));
}
