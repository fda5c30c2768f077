//! A certificate ordered through the tunnel, webhooks by it, and a relay that sees itself from outside.

use super::{BRANCH, Caller, configure, linked, start, status};
use crate::host::world::{World, name};
use crate::outages::alone;
use crate::peers::haproxy::Haproxy;
use crate::peers::pebble::Pebble;
use crate::program::{Machine, within};
use crate::webhook::{NUMBER, SECRET};
use drk_relay::port::clock::Clock;
use drk_relay::simulator::meta::webhook::{body, sign};
use drk_relay::simulator::meta::{Meta, Person};
use std::net::SocketAddr;
use tokio::process::Command;

/// Good for this long: pebble's own default, five years.
const VALIDITY: u64 = 157_766_400;

/// The same by a program that is nobody's of ours: what it got for an answer.
async fn curl(machine: &Machine, front: SocketAddr) -> String {
    let (mut meta, person) = (Meta::new(NUMBER), Person::with_phone(2));
    meta.join(person.clone());
    let body = body(&[meta.message_webhook(&person.user_id, "Hallo", Clock::System.now().second())]);
    machine.write("webhook.json", std::str::from_utf8(&body).expect("JSON"), 0o600);
    let (name, port) = (name(BRANCH), front.port());
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--output", "/dev/null", "--write-out", "%{http_code}", "--cacert"])
        .arg(machine.path("ca.pem"));
    command.args([
        "--resolve",
        &format!("{name}:{port}:{}", front.ip()),
        "--header",
        &format!("X-Hub-Signature-256: {}", sign(SECRET, &body)),
    ]);
    command.arg("--data-binary").arg(format!("@{}", machine.path("webhook.json").display())).arg(format!("https://{name}:{port}/webhook"));
    let output = within(command.kill_on_drop(true).output()).await.expect("curl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn a_certificate_is_issued_through_the_tunnel_and_webhooks_come_by_it() {
    let world = World::new().await;
    let haproxy = Haproxy::start(&world.debian).await;
    let pebble = Pebble::start(haproxy.address.port(), VALIDITY).await;
    let (machine, ..) = alone();
    configure(&machine, &world, haproxy.address, &pebble, "", "").await;
    let relay = start(&machine);
    linked(&machine, "tunnel", "up").await;
    linked(&machine, "certificate", "up").await;
    let caller = Caller::new(haproxy.address, &pebble).await;
    assert_eq!(caller.hallo(&Person::with_phone(1)).await.expect("it answers"), 200, "{}", machine.log());
    assert_eq!(curl(&machine, haproxy.address).await, "200", "{}", machine.log());
    linked(&machine, "public", "up").await;
    let said = status(&machine).await.expect("it answers");
    assert!(said["links"]["certificate"]["not_after"].is_string() && said["relay"]["ingress"]["latest"].is_string(), "{said:#}");
    let (_, page, _) = machine.says(&["status"]).await;
    for line in ["Tunnel               steht seit ", "Zertifikat           gültig bis ", "Adresse für Meta     führt hierher seit "] {
        assert!(page.contains(line), "{page}");
    }
    relay.stop().await;
    for secret in [name(BRANCH), "BEGIN".to_owned()] {
        assert!(!machine.log().contains(&secret), "{}", machine.log());
    }

    // What it has, it keeps: the next start orders nothing, and shows it before the tunnel stands.
    drop(pebble);
    let relay = start(&machine);
    linked(&machine, "certificate", "up").await;
    linked(&machine, "public", "up").await;
    relay.stop().await;
}
