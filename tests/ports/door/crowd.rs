//! Many who mean nothing good before the real webhook port behind the real door: they say nothing, they say something else, or they say
//! very much very slowly. Whatever they do, Meta's webhooks are answered meanwhile, and what all of it costs has an end.
#![expect(clippy::print_stdout, reason = "it says what was measured")]

use super::header::{IPV4, good, header};
use super::tls::hello;
use super::{House, OURS};
use crate::outages::alone;
use crate::program::{until, within};
use crate::webhook::{INSTANCE, NUMBER, SECRET, pseudonyms};
use drk_relay::config::{Address, WebhookConfig};
use drk_relay::domain::time::Millis;
use drk_relay::port::Arrival;
use drk_relay::port::clock::{Clock, Warp};
use drk_relay::port::knock::Knocks;
use drk_relay::port::link::Link;
use drk_relay::port::stream::Source;
use drk_relay::port::tls::proxy::Malformed;
use drk_relay::port::tls::{HANDSHAKE, Refusal};
use drk_relay::port::webhook::{Behind, serve};
use drk_relay::simulator::meta::webhook::sign;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::task::AbortOnDropHandle;

/// Places in the port.
const PLACES: usize = 64;
/// An everyday webhook, as far as this is concerned.
const EMPTY: &[u8] = br#"{"object":"whatsapp_business_account","entry":[]}"#;

/// The largest webhook that Meta sends.
fn largest() -> Vec<u8> {
    let mut body = EMPTY.to_vec();
    body.resize(3_000_000, b' ');
    body
}

/// The webhook port behind a door that wants PROXY header and TLS, and a relay to which everything is durable at once.
pub(crate) struct Street {
    house: House,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Street {
    pub(crate) fn open(mut source: Source) -> Street {
        let house = House::new(true, None);
        let (inbox, mut arrivals) = mpsc::channel::<Arrival>(16);
        let (door, behind) = (house.door.clone(), Behind { inbox, link: Link::new(Clock::System), knocks: Knocks::default() });
        let serving = tokio::spawn(async move {
            let config =
                WebhookConfig { app_secrets: vec![SECRET.into()], verify_token: "token".into(), phone_number_id: NUMBER.to_owned() };
            let enter = |stream| {
                let door = door.clone();
                async move { door.enter(stream).await }
            };
            drop(serve(&mut source, enter, &config, &pseudonyms(), INSTANCE, &behind).await);
        });
        let relay = tokio::spawn(async move {
            while let Some(Arrival { ack, .. }) = arrivals.recv().await {
                // Who went away waits no longer.
                let _ = ack.expect("awaited").send(());
            }
        });
        Street { house, _tasks: [serving, relay].map(AbortOnDropHandle::new) }
    }

    /// On a Unix socket of its own, and who calls there.
    async fn on_a_socket() -> (Street, Caller, TempDir) {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("in.sock");
        let street = Street::open(Source::bind(&Address::Unix(socket.clone())).await.expect("free"));
        let caller = street.caller(socket);
        (street, caller, directory)
    }

    /// Who calls at `socket`, wherever that leads here from.
    pub(crate) fn caller(&self, socket: PathBuf) -> Caller {
        Caller { client: self.house.plain(), socket }
    }
}

/// Somebody who knows what belongs before an HTTP request.
#[derive(Clone)]
pub(crate) struct Caller {
    client: Arc<ClientConfig>,
    socket: PathBuf,
}

impl Caller {
    /// Comes again if too many wait at the socket.
    pub(crate) async fn connect(&self) -> UnixStream {
        let connected = async {
            loop {
                match UnixStream::connect(&self.socket).await {
                    Ok(stream) => return stream,
                    // waits: nobody says when there is room.
                    Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
                }
            }
        };
        within(connected).await
    }

    /// Through the door.
    pub(crate) async fn enter(&self) -> io::Result<TlsStream<UnixStream>> {
        let mut stream = self.connect().await;
        stream.write_all(&good()[0]).await?;
        let name = ServerName::try_from(OURS).expect("a name");
        TlsConnector::from(Arc::clone(&self.client)).connect(name, stream).await
    }

    /// Delivers a webhook: the answer's status.
    pub(crate) async fn post(&self, body: &[u8]) -> io::Result<u16> {
        self.post_signed(&sign(SECRET, body), body).await
    }

    async fn post_signed(&self, signature: &str, body: &[u8]) -> io::Result<u16> {
        let mut stream = self.enter().await?;
        stream.write_all(head(signature, body.len()).as_bytes()).await?;
        stream.write_all(body).await?;
        stream.flush().await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        Ok(std::str::from_utf8(&answer[9..]).expect("text").parse().expect("a status"))
    }

    /// An everyday webhook is answered, whatever else happens here.
    pub(crate) async fn is_heard(&self) {
        assert_eq!(within(self.post(EMPTY)).await.expect("it answers"), 200);
    }
}

fn head(signature: &str, length: usize) -> String {
    format!("POST /webhook HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: {signature}\r\nContent-Length: {length}\r\n\r\n")
}

/// Well formed, and nobody's.
fn forged() -> String {
    format!("sha256={}", "0".repeat(64))
}

/// Waits until the other side has closed the connection; it may have left unread what was said.
async fn closed(stream: &mut UnixStream) -> bool {
    let mut nothing = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut nothing)).await.expect("closed");
    nothing.is_empty()
}

fn is_open(stream: &UnixStream) -> bool {
    stream.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// How one may begin and not go on: nothing, half a PROXY header, a whole one, half a ClientHello behind it.
fn beginnings(hello: &[u8]) -> [Vec<u8>; 4] {
    let header = good().swap_remove(0);
    let greeted = [header.as_slice(), &hello[..hello.len() / 2]].concat();
    [vec![], header[..20].to_vec(), header, greeted]
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_who_do_not_finish_the_oldest_goes_first_and_no_webhook_waits() {
    let (street, caller, _directory) = Street::on_a_socket().await;
    let beginnings = beginnings(&hello(street.house.plain()));
    let (clock, mut standing) = (Warp::new(Millis(0), 1.0), VecDeque::new());
    for nth in 0..1_000 {
        let mut stranger = caller.connect().await;
        stranger.write_all(&beginnings[nth % beginnings.len()]).await.expect("written");
        standing.push_back(stranger);
        if standing.len() > PLACES {
            assert!(closed(&mut standing[0]).await, "the oldest has lost its place to number {nth}");
            standing.pop_front();
        }
        if nth % 10 == 0 {
            caller.is_heard().await;
        }
    }
    // The last webhook had the place of one of them, and left it to another.
    assert_eq!((standing.len(), standing.iter().filter(|stream| is_open(stream)).count()), (PLACES, PLACES));
    assert!(clock.now().0 < 1_000, "nobody waited until a stranger gave up: {:?}", clock.now());
    assert_eq!(street.house.door.refused(Refusal::Slow), 0);
    for mut stranger in standing {
        assert!(closed(&mut stranger).await);
    }
    assert!(clock.now().0 <= HANDSHAKE.as_millis() as u64 + 1_000, "{:?}", clock.now());
    assert_eq!(street.house.door.refused(Refusal::Slow), PLACES as u64);
}

#[tokio::test]
async fn garbage_and_forged_headers_are_counted_by_name_and_disturb_nobody() {
    const TIMES: u64 = 50;
    let (street, caller, _directory) = Street::on_a_socket().await;
    let behind = |bytes: &[u8]| [good()[0].as_slice(), bytes].concat();
    let table = [
        (Refusal::Header(Malformed::Signature), hello(street.house.plain())),
        (Refusal::Header(Malformed::Signature), b"GET /webhook HTTP/1.1\r\n\r\n".to_vec()),
        (Refusal::Header(Malformed::Version1), b"PROXY TCP4 203.0.113.7 192.0.2.1 54321 443\r\n".to_vec()),
        (Refusal::Header(Malformed::Command), header(0x22, 0x11, &IPV4)),
        (Refusal::Header(Malformed::Short), header(0x21, 0x21, &IPV4)),
        (Refusal::NoTls, behind(b"POST /webhook HTTP/1.1\r\nHost: x\r\n\r\n")),
        (Refusal::NoTls, behind(&[0xff; 4_096])),
        // A second header is no TLS, either.
        (Refusal::NoTls, behind(&good()[0])),
    ];
    for _ in 0..TIMES {
        for (_, bytes) in &table {
            let mut stranger = caller.connect().await;
            // It may be sent away before it has said all.
            let _ = stranger.write_all(bytes).await;
            let _ = within(stranger.read_to_end(&mut Vec::new())).await;
        }
        caller.is_heard().await;
    }
    let times = |refusal| table.iter().filter(|(other, _)| *other == refusal).count() as u64 * TIMES;
    for (refusal, _) in &table {
        assert_eq!(street.house.door.refused(*refusal), times(*refusal), "{refusal}");
    }
}

/// Strangers who know that a signature has 64 digits, and have time: first so many bytes at once, then 1 kB a second, and again.
fn dawdlers(caller: &Caller, number: usize, at_once: usize) -> Vec<AbortOnDropHandle<()>> {
    let dawdle = |caller: Caller| async move {
        loop {
            let Ok(mut stream) = caller.enter().await else { continue };
            let start = [head(&forged(), 3 * 1024 * 1024).into_bytes(), vec![b' '; at_once]].concat();
            let mut sent = stream.write_all(&start).await;
            while sent.is_ok() {
                // waits: that is how slow they are; the clock is paused.
                tokio::time::sleep(Duration::from_secs(1)).await;
                sent = stream.write_all(&[b' '; 1_000]).await.and(stream.flush().await);
            }
        }
    };
    (0..number).map(|_| AbortOnDropHandle::new(tokio::spawn(dawdle(caller.clone())))).collect()
}

/// Meanwhile one everyday webhook a second is answered at once, and the largest within so many milliseconds.
async fn answered_beside_dawdlers(number: usize, at_once: usize, patience: u64) {
    let (_street, caller, _directory) = Street::on_a_socket().await;
    let _dawdlers = dawdlers(&caller, number, at_once);
    // waits: until all of them have what they can get; the clock is paused.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let clock = Warp::new(Millis(0), 1.0);
    let large = tokio::spawn({
        let (caller, clock) = (caller.clone(), Arc::clone(&clock));
        async move {
            let mut longest = 0;
            for _ in 0..3 {
                let began = clock.now();
                assert_eq!(caller.post(&largest()).await.expect("it answers"), 200, "{number} strangers");
                longest = longest.max(clock.now().0 - began.0);
            }
            longest
        }
    });
    for _ in 0..40 {
        let began = clock.now();
        caller.is_heard().await;
        assert!(clock.now().0 - began.0 < 500, "an everyday webhook waited {} ms", clock.now().0 - began.0);
        // waits: the clock is paused.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let longest = within(large).await.expect("no panic");
    println!("3 MB beside {number} strangers who sent {at_once} bytes and then 1 kB/s: {longest} ms");
    assert!(longest < patience, "it waited {longest} ms");
}

#[tokio::test(start_paused = true)]
async fn uploads_at_a_kilobyte_a_second_keep_nobody_waiting() {
    for number in [4, 8, 20] {
        answered_beside_dawdlers(number, 0, 500).await;
    }
}

/// Room for large bodies is scarce, and they have all of it until somebody else wants some. Meta is reported to wait 5 to 10 s.
#[tokio::test(start_paused = true)]
async fn who_takes_room_and_stops_loses_it_to_who_waits() {
    for number in [4, 8, 20] {
        answered_beside_dawdlers(number, 100_000, 10_000).await;
    }
}

/// Megabytes beyond what the relay has at its start: four large bodies and 64 small ones are 16, the rest is for TLS and for what the
/// allocator keeps.
const MEMORY: u64 = 48;

/// The real program: all of it at once, as fast as it goes.
#[tokio::test]
async fn whatever_they_do_the_relays_memory_has_a_limit() {
    let (machine, _broker, _api) = alone();
    let made = rcgen::generate_simple_self_signed([OURS.to_owned()]).expect("a certificate");
    machine.write("chain.pem", &made.cert.pem(), 0o644);
    machine.write("tls-key", &made.signing_key.serialize_pem(), 0o600);
    let (listen, socket) = (format!("listen = \"{}\"\n", machine.webhook.address), machine.path("in.sock"));
    let ways = format!(
        "listen = \"unix:{}\"\nurl = \"https://{OURS}\"\nproxy_protocol = true\ntls = \"file\"\n\
         certificate_file = \"chain.pem\"\nkey_file = \"tls-key\"\n",
        socket.display()
    );
    machine.edit("relay.toml", &listen, &ways);
    let relay = machine.start();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a certificate");
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let client = builder.with_safe_default_protocol_versions().expect("TLS").with_root_certificates(roots).with_no_client_auth();
    let caller = Caller { client: Arc::new(client), socket };
    // Until its certificate is read.
    until(async || caller.post(EMPTY).await.ok()).await;
    let start = relay.peak_megabytes();

    let beginnings = beginnings(&hello(Arc::clone(&caller.client)));
    let mut standing = VecDeque::new();
    for nth in 0..1_000 {
        let mut stranger = caller.connect().await;
        // Who came first may be gone before it has said anything.
        let _ = stranger.write_all(&beginnings[nth % beginnings.len()]).await;
        standing.push_back(stranger);
        if standing.len() > 2 * PLACES {
            assert!(closed(&mut standing[0]).await);
            standing.pop_front();
        }
        if nth % 50 == 0 {
            caller.is_heard().await;
        }
    }
    drop(standing);
    let idle = relay.peak_megabytes();

    // As much as is read of a body without room, and then nothing more.
    let mut stopped = Vec::new();
    for _ in 0..PLACES - 16 {
        let mut stream = caller.enter().await.expect("there is a place");
        stream.write_all(head(&forged(), 3 * 1024 * 1024).as_bytes()).await.expect("written");
        stream.write_all(&vec![b' '; 64 * 1024]).await.expect("written");
        stream.flush().await.expect("written");
        stopped.push(stream);
    }
    let body = largest();
    let uploads = (0..12).map(|_| {
        let (caller, body) = (caller.clone(), body.clone());
        tokio::spawn(async move {
            for _ in 0..4 {
                assert_eq!(within(caller.post_signed(&forged(), &body)).await.expect("it answers"), 401);
            }
        })
    });
    for upload in uploads.collect::<Vec<_>>() {
        caller.is_heard().await;
        upload.await.expect("no panic");
    }
    assert_eq!(within(caller.post(&body)).await.expect("it answers"), 200);
    let peak = relay.peak_megabytes();
    println!("{start} MB at the start, {idle} MB with a thousand who say nothing, {peak} MB with uploads from all sides");
    assert!(peak < start + MEMORY, "{start} MB at the start, {peak} MB at most");
    relay.stop().await;
}
