//! Everything through one connection: what the relay has to reach has names that only the relay host knows.

use super::{BRANCH, Caller, configure, linked};
use crate::host::world::{World, name};
use crate::mqtt::peer::{Peer, cases};
use crate::outages::cloud_config;
use crate::peers::handbook::block;
use crate::peers::haproxy::Haproxy;
use crate::peers::pebble::Pebble;
use crate::program::{Machine, Mosquitto, Place, within};
use drk_relay::port::clock::Clock;
use drk_relay::simulator::cloud::Cloud;
use drk_relay::simulator::meta::Person;
use drk_relay::simulator::meta::webhook::body;
use drk_relay::simulator::tls::Identity;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const EGRESS: &str = "/etc/ssh/sshd_config.d/40-relay-musterstadt.conf";
const META: &str = "graph.meta.example";
const BROKER: &str = "broker.kreisverband.example";

/// The handbook's variant, with these destinations.
fn permitting(destinations: &str) -> String {
    let line =
        |line: &str| if line.trim().starts_with("PermitOpen") { format!("    PermitOpen {destinations}\n") } else { format!("{line}\n") };
    block(EGRESS).lines().map(line).collect()
}

#[tokio::test]
async fn a_branch_whose_network_allows_one_destination_still_works() {
    let world = World::without_sshd("haproxy").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let api = listener.local_addr().expect("bound");
    let broker = Mosquitto::start(Place::reserve()).await;
    world.debian.write("/etc/hosts", &format!("127.0.0.1 localhost {META} {BROKER} {}\n", name(BRANCH)), 0o644);
    let haproxy = Haproxy::start(&world.debian).await;
    let pebble = Pebble::start(haproxy.address.port(), 157_766_400).await;
    let acme = pebble.directory().trim_start_matches("https://").trim_end_matches("/dir");
    let (public, metas, brokers) = (haproxy.address.port(), api.port(), broker.address.port());
    let permitted = permitting(&format!("{META}:{metas} {BROKER}:{brokers} {acme} {}:{public}", name(BRANCH)));
    world.debian.write(EGRESS, &permitted, 0o644);
    world.serve_again().await;

    let identity = Identity::named(META).expect("randomness");
    let (listener, _handshakes) = identity.listen(listener, &rustls::version::TLS13).expect("a certificate");
    let (ring, mut ringing) = mpsc::channel(16);
    let cloud = Cloud::start(listener, cloud_config("127.0.0.1:9".parse().expect("an address")), Clock::System, ring).expect("a client");
    cloud.join(Person::with_phone(1));

    let machine = Machine::new(broker.address, api);
    configure(&machine, &world, haproxy.address, &pebble, "mode = \"tunnel\"\n", "").await;
    machine.edit("relay.toml", &format!("base_url = \"http://{api}\""), &format!("base_url = \"https://{META}:{metas}\""));
    machine.edit("relay.toml", "[mqtt]\nhost = \"127.0.0.1\"", &format!("[mqtt]\negress = true\nhost = \"{BROKER}\""));
    let believed = std::fs::read(machine.path("ca.pem")).expect("written");
    machine.write("ca.pem", std::str::from_utf8(&[believed, identity.pem()].concat()).expect("PEM"), 0o644);
    // Where it runs none of these names is known.
    let relay = machine.start();
    linked(&machine, "certificate", "up").await;
    linked(&machine, "mqtt", "up").await;
    linked(&machine, "public", "up").await;
    let caller = Caller::new(haproxy.address, &pebble).await;
    let now = Clock::System.now().second();
    let update = cloud.look(|meta| meta.message_webhook(&Person::with_phone(1).user_id, "Hallo", now));
    assert_eq!(caller.post(&body(&[update])).await.expect("it answers"), 200, "{}", machine.log());
    let rung = within(ringing.recv()).await.expect("the answer");
    assert!(rung.body.contains("DRK-Ortsverein Musterstadt"), "{}", rung.body);

    let mut publisher = Peer::connect(broker.address, "publisher").await;
    publisher.subscribe("relay/receipts/#").await;
    publisher.send(&[cases(17, 1)]).await;
    assert!(publisher.message().await.1.contains("accepted"));
    // Meta has the message before the relay has Meta's answer.
    linked(&machine, "graph", "up").await;
    let (_, page, _) = machine.says(&["status"]).await;
    assert!(page.contains("Senden an Meta       geht seit "), "{page}");

    // A command that goes out, too, has a session of its own, and the relay keeps the forward. This Meta takes no addresses.
    let (code, said, last) = machine.says(&["webhook", "register"]).await;
    assert_eq!((code, said.contains("/webhook beantwortet Metas Prüfung.")), (Some(1), true), "{said}{last}");
    assert!(last.contains("Statt der Cloud API antwortet etwas anderes (HTTP 405)"), "{last}");
    let update = cloud.look(|meta| meta.message_webhook(&Person::with_phone(1).user_id, "Danke", now));
    assert_eq!(caller.post(&body(&[update])).await.expect("it answers"), 200, "{}", machine.log());
    assert_eq!(machine.log().matches("the tunnel is up").count(), 1, "{}", machine.log());
    relay.stop().await;
}
