//! What Meta gets for an answer, and what arrives. The doors and the people that all tests of this folder share; what each kind of webhook
//! means is in `kinds`, who waits for whom in `crowd`, and what a real relay makes of it in `durable`.

mod checklist;
mod crowd;
mod damage;
mod durable;
mod fixtures;
mod kinds;

use drk_relay::config::WebhookConfig;
use drk_relay::domain::event::{Event, Heard, Said, Text};
use drk_relay::domain::ids::{Address, Bsuid, Identity, InstanceId, Phone, Wamid};
use drk_relay::domain::time::Timestamp;
use drk_relay::port::clock::Clock;
use drk_relay::port::knock::Knocks;
use drk_relay::port::link::Link;
use drk_relay::port::pseudonym::Pseudonyms;
use drk_relay::port::stream::{Source, Visitor};
use drk_relay::port::webhook::{Behind, serve};
use drk_relay::port::{Arrival, Inbox};
use drk_relay::simulator::meta::webhook::{body, sign};
use drk_relay::simulator::meta::{Meta, Person};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

pub(crate) const NUMBER: &str = "200000000000002";
pub(crate) const SECRET: &str = "test_app_secret";
/// What Meta may still sign with while the secret is being changed.
const OLD_SECRET: &str = "the_secret_before";
pub(crate) const INSTANCE: InstanceId = InstanceId(7);
const AT: Timestamp = Timestamp(1_795_305_600);
const METADATA: &str = r#""metadata":{"display_phone_number":"491515550000","phone_number_id":"200000000000002"}"#;
const EMPTY: &[u8] = br#"{"object":"whatsapp_business_account","entry":[]}"#;

pub(crate) fn pseudonyms() -> Pseudonyms {
    Pseudonyms::new([1; 32])
}

/// The port on a free port.
struct Port {
    address: SocketAddr,
    _server: AbortOnDropHandle<()>,
}

impl Port {
    async fn open(inbox: Inbox) -> Port {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let config = WebhookConfig {
            app_secrets: vec![SECRET.into(), OLD_SECRET.into()],
            verify_token: "tök en+1".into(),
            phone_number_id: NUMBER.into(),
        };
        let behind = Behind { inbox, link: Link::new(Clock::System), knocks: Knocks::default() };
        let server = tokio::spawn(async move {
            let open = |stream| async { Some(Visitor { stream, proven: true }) };
            drop(serve(&mut Source::Tcp(listener), open, &config, &pseudonyms(), INSTANCE, &behind).await);
        });
        Port { address, _server: AbortOnDropHandle::new(server) }
    }
}

/// The port, and where its arrivals come out: whoever takes one out says whether it is durable.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) arrivals: mpsc::Receiver<Arrival>,
    _port: Port,
}

impl Door {
    pub(crate) async fn open() -> Door {
        let (inbox, arrivals) = mpsc::channel(16);
        let port = Port::open(inbox).await;
        Door { address: port.address, arrivals, _port: port }
    }

    async fn post(&self, signature: &str, body: &[u8]) -> u16 {
        post(self.address, signature, body).await
    }
}

/// The port before a relay to which everything is durable at once.
struct Willing {
    address: SocketAddr,
    /// What arrived, webhook by webhook.
    events: mpsc::Receiver<Vec<Event>>,
    _port: Port,
    _relay: AbortOnDropHandle<()>,
}

impl Willing {
    async fn open() -> Willing {
        let Door { address, mut arrivals, _port } = Door::open().await;
        let (tell, events) = mpsc::channel(1_024);
        let relay = tokio::spawn(async move {
            while let Some(Arrival { events, ack }) = arrivals.recv().await {
                tell.try_send(events).expect("no test sends that many");
                // A client that went away waits no longer.
                let _ = ack.expect("awaited").send(());
            }
        });
        Willing { address, events, _port, _relay: AbortOnDropHandle::new(relay) }
    }

    async fn ask(&self, head: &str, body: &[u8]) -> (u16, String) {
        ask(self.address, head, body).await
    }

    async fn post(&self, signature: &str, body: &[u8]) -> u16 {
        post(self.address, signature, body).await
    }
}

/// One request on a connection of its own: status line's number, and the body.
async fn ask(address: SocketAddr, head: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let head = format!("{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.expect("written");
    // Whoever is refused by the head alone may find the door closed while still talking.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).expect("UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    (head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"), body.to_owned())
}

async fn post(address: SocketAddr, signature: &str, body: &[u8]) -> u16 {
    ask(address, &format!("POST /webhook HTTP/1.1\r\nX-Hub-Signature-256: {signature}"), body).await.0
}

/// What the wire says about who somebody is.
#[derive(Clone, Copy)]
struct Who {
    bsuid: Option<&'static str>,
    phone: Option<&'static str>,
}

/// Known by both names.
const ERIKA: Who = Who { bsuid: Some("DE.10000000000000000101"), phone: Some("491515550101") };
/// With a username, and without a number.
const MAX: Who = Who { bsuid: Some("DE.10000000000000000102"), phone: None };
/// In a payload from before there were BSUIDs.
const OLD: Who = Who { bsuid: None, phone: Some("491515550103") };

impl Who {
    fn identity(self) -> Identity {
        let alias = self.phone.map(|phone| pseudonyms().phone(phone));
        let hash = self.bsuid.map(|bsuid| pseudonyms().person(bsuid)).or(alias).expect("a name");
        Identity { hash, alias }
    }

    fn address(self) -> Address {
        let phone = || Phone::new(self.phone.expect("a number")).expect("digits");
        self.bsuid.map_or_else(|| Address::Phone(phone()), |bsuid| Address::Bsuid(Bsuid::new(bsuid).expect("short")))
    }

    /// The event of a message at [`AT`] with this id.
    fn says(self, wamid: &str, said: Said) -> Event {
        self.says_at(wamid, AT, said)
    }

    fn says_at(self, wamid: &str, at: Timestamp, said: Said) -> Event {
        let (from, address, hash) = (self.identity(), self.address(), pseudonyms().wamid(wamid));
        Event::Heard(Heard { from, address, wamid: Wamid::new(wamid), hash, at, said })
    }
}

fn text(text: &str) -> Said {
    Said::Text(Text(text.into()))
}

/// The body of a webhook with one change of the field `messages` for our number; `value` is what stands beside the metadata.
fn of_value(value: &str) -> String {
    of_field("messages", &format!(r#"{{"messaging_product":"whatsapp",{METADATA},{value}}}"#))
}

/// The body of a webhook with one change of this field.
fn of_field(field: &str, value: &str) -> String {
    let account = r#""id":"100000000000001","time":1795305600"#;
    format!(r#"{{"object":"whatsapp_business_account","entry":[{{{account},"changes":[{{"field":"{field}","value":{value}}}]}}]}}"#)
}

#[tokio::test]
async fn accepted_only_when_it_is_durable() {
    let mut door = Door::open().await;
    let mut meta = Meta::new(NUMBER);
    meta.join(Person::with_phone(1));
    let body = body(&[meta.message_webhook(&Person::with_phone(1).user_id, "Grüße 😀 a@b.de https://example.org/x", AT)]);
    let head = format!(
        "POST /webhook HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: {}\r\nContent-Length: {}\r\n\r\n",
        sign(SECRET, &body),
        body.len()
    );
    for (durable, status) in [(true, "200"), (false, "503")] {
        let mut stream = TcpStream::connect(door.address).await.expect("connected");
        stream.write_all(&[head.as_bytes(), &body].concat()).await.expect("written");
        let arrival = door.arrivals.recv().await.expect("an arrival");
        let said: Vec<_> =
            arrival.events.iter().map(|event| if let Event::Heard(heard) = event { Some(&heard.said) } else { None }).collect();
        assert_eq!(said, [Some(&Said::Text(Text("Grüße 😀 a@b.de https://example.org/x".into())))]);
        let ack = arrival.ack.expect("awaited");
        let mut answer = [0; 12];
        let early = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut answer)).await;
        assert!(early.is_err(), "an answer before the commit");
        if durable {
            ack.send(()).expect("somebody waits");
        } else {
            drop(ack);
        }
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer[9..], status.as_bytes());
    }
}

#[tokio::test]
async fn without_a_relay_meta_is_asked_to_come_again() {
    let mut door = Door::open().await;
    door.arrivals.close();
    let mut meta = Meta::new(NUMBER);
    meta.join(Person::with_username(1));
    let body = body(&[meta.message_webhook(&Person::with_username(1).user_id, "Hallo", AT)]);
    assert_eq!(door.post(&sign(SECRET, &body), &body).await, 503);
}
