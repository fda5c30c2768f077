//! The whole chain, with nothing played: the real relay behind Debian's sshd and HAProxy as the handbook sets them up, a certificate from
//! pebble through its own tunnel, and whoever calls it from outside by its name.

mod issued;
mod lost;
mod only_way;

use crate::host::world::{BRANCHES, World, name, socket, user};
use crate::peers::pebble::Pebble;
use crate::program::{Machine, Relay, until, within};
use crate::webhook::{NUMBER, SECRET};
use drk_relay::port::clock::Clock;
use drk_relay::simulator::meta::webhook::{body, sign};
use drk_relay::simulator::meta::{Meta, Person};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const BRANCH: &str = BRANCHES[0];

/// Configures a machine of the branch: with the tunnel that the handbook describes, its public name at `front`, and a certificate that
/// `pebble` signs. `more` are further sections.
async fn configure(machine: &Machine, world: &World, front: SocketAddr, pebble: &Pebble, egress: &str, more: &str) {
    machine.write("acme-ca.pem", std::str::from_utf8(pebble.roots()).expect("PEM"), 0o644);
    let believed = [pebble.issuer().await, pebble.roots().to_vec()].concat();
    machine.write("ca.pem", std::str::from_utf8(&believed).expect("PEM"), 0o644);
    machine.write("hosts", &format!("127.0.0.1 localhost {}\n", name(BRANCH)), 0o644);
    let ssh = world.address();
    let ways = format!(
        "mode = \"tunnel\"\nurl = \"https://{}:{}\"\n\
         [tunnel]\nhost = \"{}\"\nport = {}\nuser = \"{}\"\nkey_file = \"{}\"\nhost_key = \"{}\"\nforward = \"unix:{}\"\n\
         [acme]\ndirectory = \"{}\"\nca_file = \"acme-ca.pem\"\n[egress]\n{egress}ca_file = \"ca.pem\"\n{more}",
        name(BRANCH),
        front.port(),
        ssh.ip(),
        ssh.port(),
        user(BRANCH),
        world.debian.path(BRANCH).display(),
        world.host_key(),
        socket(BRANCH),
        pebble.directory(),
    );
    machine.edit("relay.toml", &format!("listen = \"{}\"\n", machine.webhook.address), &ways);
}

/// What `drk-relay status --json` says; `None` while nobody answers.
async fn status(machine: &Machine) -> Option<Value> {
    let (code, said, _) = machine.says(&["status", "--json"]).await;
    (code == Some(0)).then(|| serde_json::from_str(&said).expect("JSON"))
}

/// Waits until a link is in this state, and returns what is said of it.
async fn linked(machine: &Machine, link: &str, state: &str) -> Value {
    until(async || {
        let found = status(machine).await?["links"].get(link)?.clone();
        let found = found.get("link").cloned().unwrap_or(found);
        (found["state"] == state).then_some(found)
    })
    .await
}

/// Somebody who calls the public address: Meta, as far as the way is concerned.
struct Caller {
    connector: TlsConnector,
    front: SocketAddr,
    meta: Mutex<Meta>,
}

impl Caller {
    /// One that believes whom pebble signs for.
    async fn new(front: SocketAddr, pebble: &Pebble) -> Caller {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pebble.issuer().await).expect("PEM")).expect("a certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = builder.with_safe_default_protocol_versions().expect("TLS").with_root_certificates(roots).with_no_client_auth();
        Caller { connector: TlsConnector::from(Arc::new(config)), front, meta: Mutex::new(Meta::new(NUMBER)) }
    }

    /// Somebody writes "Hallo": the answer's status; an error if nobody answers.
    async fn hallo(&self, person: &Person) -> io::Result<u16> {
        let update = {
            // One for all: no two messages may have the same id.
            let mut meta = self.meta.lock().expect("nobody panicked");
            meta.join(person.clone());
            meta.message_webhook(&person.user_id, "Hallo", Clock::System.now().second())
        };
        self.post(&body(&[update])).await
    }

    /// A webhook: the answer's status; an error if nobody answers.
    async fn post(&self, body: &[u8]) -> io::Result<u16> {
        let head = format!(
            "POST /webhook HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nX-Hub-Signature-256: {}\r\nContent-Length: {}\r\n\r\n",
            name(BRANCH),
            sign(SECRET, body),
            body.len()
        );
        let server = ServerName::try_from(name(BRANCH)).expect("a name");
        let asked = async {
            let mut stream = self.connector.connect(server, TcpStream::connect(self.front).await?).await?;
            stream.write_all(&[head.as_bytes(), body].concat()).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            let status = std::str::from_utf8(&answer).ok().and_then(|answer| answer.split(' ').nth(1)?.parse().ok());
            status.ok_or_else(|| io::ErrorKind::InvalidData.into())
        };
        within(asked).await
    }
}

/// Starts the relay where the branch's name leads to this machine.
fn start(machine: &Machine) -> Relay {
    machine.start_with_names("hosts")
}
