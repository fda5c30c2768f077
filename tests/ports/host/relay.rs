//! The relay itself behind the documented host, by its own tunnel: webhooks reach it, and the host reads nothing of them.

use super::stand_in::{Identity, Recorder};
use super::world::{BRANCHES, World, name, socket, user};
use crate::outages::alone;
use crate::peers::haproxy::Haproxy;
use crate::program::{Machine, Place, Relay, until};
use crate::webhook::{NUMBER, SECRET};
use drk_relay::port::clock::Clock;
use drk_relay::simulator::meta::webhook::{body, sign};
use drk_relay::simulator::meta::{Meta, Person};
use std::net::SocketAddr;
use tokio::net::UnixStream;

const BRANCH: &str = BRANCHES[0];
/// What the relay says when it has read its certificate.
const SHOWN: &str = "certificate shown";

/// A machine of the branch: with the tunnel that the handbook describes, and this certificate. Nobody is at its broker, and nobody answers
/// for Meta; those places are kept, so that nobody ever is.
fn machine(world: &World, identity: &Identity) -> (Machine, [Place; 2]) {
    let (machine, broker, api) = alone();
    machine.write("chain.pem", &identity.chain, 0o644);
    machine.write("tls-key", &identity.key, 0o600);
    let (listen, ssh) = (format!("listen = \"{}\"\n", machine.webhook.address), world.address());
    let tunnel = format!(
        "mode = \"tunnel\"\nurl = \"https://{}\"\ntls = \"file\"\ncertificate_file = \"chain.pem\"\nkey_file = \"tls-key\"\n\
         [tunnel]\nhost = \"{}\"\nport = {}\nuser = \"{}\"\nkey_file = \"{}\"\nhost_key = \"{}\"\nforward = \"unix:{}\"\n",
        name(BRANCH),
        ssh.ip(),
        ssh.port(),
        user(BRANCH),
        world.debian.path(BRANCH).display(),
        world.host_key(),
        socket(BRANCH)
    );
    machine.edit("relay.toml", &listen, &tunnel);
    (machine, [broker, api])
}

/// A webhook in which somebody writes "Hallo", and its HTTP request.
fn webhook(person: &Person) -> (String, String) {
    let mut meta = Meta::new(NUMBER);
    meta.join(person.clone());
    let body = body(&[meta.message_webhook(&person.user_id, "Hallo", Clock::System.now().second())]);
    let (signature, length) = (sign(SECRET, &body), body.len());
    let body = String::from_utf8(body).expect("JSON");
    let head = format!("POST /webhook HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}", name(BRANCH));
    (format!("{head}\r\nX-Hub-Signature-256: {signature}\r\n\r\n{body}"), signature)
}

/// Starts it. Returns once the tunnel is up and the certificate is read: HAProxy takes whoever knocks again and again for a flood.
async fn started(machine: &Machine, world: &World) -> Relay {
    let before = machine.log().matches(SHOWN).count();
    let relay = machine.start();
    until(async || (machine.log().matches(SHOWN).count() > before).then_some(())).await;
    until(async || UnixStream::connect(world.socket(BRANCH)).await.ok()).await;
    relay
}

/// Sends it through the whole chain: what the relay answers.
async fn delivered(identity: &Identity, front: SocketAddr, request: &str) -> String {
    identity.posted(front, &name(BRANCH), request, true).await.expect("it answers").0
}

#[tokio::test]
async fn a_webhook_reaches_the_relay_and_the_host_reads_none_of_it() {
    let world = World::new().await;
    let identity = Identity::new(&name(BRANCH));
    let haproxy = Haproxy::start(&world.debian).await;
    let (machine, _nobody) = machine(&world, &identity);
    let relay = started(&machine, &world).await;
    let (request, signature) = webhook(&Person::with_phone(1));
    let first = delivered(&identity, haproxy.address, &request).await;
    assert!(first.starts_with("HTTP/1.1 200 "), "{first}\n{}", machine.log());

    let recorder = Recorder::slip_in(&world.socket(BRANCH));
    let person = Person::with_phone(2);
    let (request, _) = webhook(&person);
    let second = delivered(&identity, haproxy.address, &request).await;
    assert!(second.starts_with("HTTP/1.1 200 "), "{second}\n{}", machine.log());
    let [to_device, back] = recorder.kept();
    assert!(to_device.len() > request.len() && !back.is_empty(), "all of it went past here");
    let sees = |what: &str| [&to_device, &back].iter().any(|bytes| contains(bytes, what));
    assert!(sees(&name(BRANCH)), "the name that is called is no secret");
    let user_id = person.user_id.clone();
    let method_and_path = "POST /webhook";
    assert!(request.contains(&user_id) && request.contains("Hallo") && request.starts_with(method_and_path), "{request}");
    for secret in
        [method_and_path, "webhook", "HTTP/1.1", "X-Hub-Signature-256", "whatsapp_business_account", "Hallo", &user_id, &signature]
    {
        assert!(!sees(secret), "{secret}");
    }
    relay.stop().await;
}

/// A power cut at the branch, as far as the host sees it: no goodbye, and a socket that is left over.
#[tokio::test]
async fn a_relay_that_was_killed_is_back_at_once() {
    let world = World::new().await;
    let identity = Identity::new(&name(BRANCH));
    let haproxy = Haproxy::start(&world.debian).await;
    let (machine, _nobody) = machine(&world, &identity);
    for number in 1..=2 {
        let relay = started(&machine, &world).await;
        let (request, _) = webhook(&Person::with_phone(number));
        let answer = delivered(&identity, haproxy.address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}\n{}", machine.log());
        relay.kill().await;
    }
    assert!(world.socket(BRANCH).exists(), "left over again");
}

fn contains(bytes: &[u8], what: &str) -> bool {
    bytes.windows(what.len()).any(|part| part.eq_ignore_ascii_case(what.as_bytes()))
}
