//! A certificate ordered through the tunnel, webhooks by it, and a relay that sees itself from outside.

use super::{BRANCH, Caller, configure, linked, start, status};
use crate::host::world::{World, name};
use crate::outages::alone;
use crate::peers::haproxy::Haproxy;
use crate::peers::pebble::Pebble;
use drk_relay::simulator::meta::Person;

/// Good for this long: pebble's own default, five years.
const VALIDITY: u64 = 157_766_400;

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
    linked(&machine, "public", "up").await;
    let said = status(&machine).await.expect("it answers");
    assert!(said["links"]["certificate"]["not_after"].is_string() && said["relay"]["ingress"]["latest"].is_string(), "{said:#}");
    let (_, page, _) = machine.says(&["status"]).await;
    for line in ["Tunnel               steht seit ", "Zertifikat           gültig bis ", "Adresse für Meta     führt hierher seit "] {
        assert!(page.contains(line), "{page}");
    }
    // The command that tells Meta asks the same address first, and says what is missing behind it: nobody answers for Meta here.
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
