//! The relay calls itself: what it finds when each part of the chain is broken. The chain is a door of ours with a real webhook port behind
//! it, and in front of it a relay host that does as it is told.

mod registered;

use crate::program::within;
use crate::webhook::{INSTANCE, NUMBER, SECRET, pseudonyms};
use drk_relay::config::{ProbeConfig, TlsConfig, TlsServer, WebhookConfig};
use drk_relay::domain::event::Event;
use drk_relay::port::certificates::Certificates;
use drk_relay::port::clock::Clock;
use drk_relay::port::knock::Knocks;
use drk_relay::port::link::{Condition, Link};
use drk_relay::port::outward::Outward;
use drk_relay::port::probe::{Broken, Part, Probe, Tunnelling, run};
use drk_relay::port::stream::Source;
use drk_relay::port::tls::Door;
use drk_relay::port::webhook::{Behind, serve};
use drk_relay::port::{Arrival, Inbox};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

const NAME: &str = "localhost";
const VERIFY_TOKEN: &str = "tök en+1";

/// Who signs, and what it is known by.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: Vec<u8>,
}

impl Authority {
    fn new() -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("signed").pem().into_bytes();
        Authority { issuer: Issuer::new(params, key), root }
    }

    /// A certificate for a name, which is still good or has expired.
    fn certify(&self, name: &str, good: bool) -> CertifiedKey {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        if !good {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        CertifiedKey::new(vec![certificate.der().clone()], any_supported_type(&key).expect("ECDSA"))
    }
}

/// What stands between the public port and the device.
#[derive(Clone, Copy)]
enum Host {
    /// Hands on.
    Passes,
    /// Hangs up: it knows no such name.
    HangsUp,
    /// Takes the connection, and nothing else ever happens.
    Silent,
}

/// A device, and a relay host before it.
struct Chain {
    authority: Authority,
    certificates: Certificates,
    knocks: Knocks,
    /// Of Meta's webhooks.
    webhook: Link,
    inbox: Inbox,
    arrivals: mpsc::Receiver<Arrival>,
    port: u16,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Chain {
    /// With a good certificate.
    async fn new(host: Host) -> Chain {
        let chain = Chain::without_certificate(host).await;
        chain.certificates.show(chain.authority.certify(NAME, true));
        chain
    }

    async fn without_certificate(host: Host) -> Chain {
        let (authority, certificates, knocks) = (Authority::new(), Certificates::new(), Knocks::default());
        let (inbox, arrivals) = mpsc::channel(16);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let device = listener.local_addr().expect("bound");
        let encrypted = Some(TlsServer { name: NAME.to_owned(), meta_roots: None });
        let door = Door::new(&TlsConfig { proxy_protocol: false, encrypted }, &certificates, &Link::new(Clock::System)).expect("a door");
        let behind = Behind { inbox: inbox.clone(), link: Link::new(Clock::System), knocks: knocks.clone() };
        let serving = tokio::spawn(async move {
            let config =
                WebhookConfig { app_secrets: vec![SECRET.into()], verify_token: VERIFY_TOKEN.into(), phone_number_id: NUMBER.to_owned() };
            let enter = |stream| {
                let door = door.clone();
                async move { door.enter(stream).await }
            };
            drop(serve(&mut Source::Tcp(listener), enter, &config, &pseudonyms(), INSTANCE, &behind).await);
        });
        let public = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = public.local_addr().expect("bound").port();
        let passing = tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((mut caller, _)) = public.accept().await {
                match host {
                    Host::HangsUp => drop(caller),
                    Host::Silent => kept.push(caller),
                    Host::Passes => {
                        let mut device = TcpStream::connect(device).await.expect("it listens");
                        tokio::spawn(async move { copy_bidirectional(&mut caller, &mut device).await });
                    }
                }
            }
        });
        let _tasks = [serving, passing].map(AbortOnDropHandle::new);
        Chain { authority, certificates, knocks, webhook: Link::new(Clock::System), inbox, arrivals, port, _tasks }
    }

    fn probe(&self) -> Probe {
        self.probe_of(NAME, self.port, self.knocks.clone())
    }

    fn probe_of(&self, host: &str, port: u16, knocks: Knocks) -> Probe {
        let config = ProbeConfig { host: host.to_owned(), port, extra_roots: Some(self.authority.root.clone()) };
        Probe::new(config, Outward::Direct, knocks, &Clock::System).expect("a probe")
    }
}

/// Which part is broken.
#[track_caller]
fn part(outcome: Result<(), Broken>) -> Part {
    let broken = outcome.expect_err("it cannot work");
    assert!(broken.sentence(NAME).starts_with(&format!("{}: {NAME} führt nicht bis hierher", broken.part().name())), "{broken}");
    broken.part()
}

#[tokio::test]
async fn the_way_from_outside_proves_itself() {
    let mut chain = Chain::new(Host::Passes).await;
    chain.probe().call(None).await.expect("it leads here");
    let (probe, link) = (chain.probe(), Link::new(Clock::System));
    let (clock, inbox) = (Clock::System, chain.inbox.clone());
    let arrived = within(async {
        tokio::select! {
            never = run(&probe, None, &clock, &inbox, &chain.webhook, &link) => match never {},
            arrival = chain.arrivals.recv() => arrival,
        }
    });
    assert_eq!(arrived.await.expect("proof").events, [Event::Proof]);
    assert_eq!(link.view().condition, Condition::Up);
}

/// The branch's app secret is wrong, say: that our own call comes through does not mean that people are heard.
#[tokio::test(start_paused = true)]
async fn while_meta_s_webhooks_are_refused_nothing_is_proven() {
    let mut chain = Chain::new(Host::Passes).await;
    let (probe, link, webhook) = (chain.probe(), Link::new(Clock::System), Link::new(Clock::System));
    webhook.doubted("die Signatur eines Webhooks ist falsch");
    let (clock, inbox) = (Clock::System, chain.inbox.clone());
    // waits: on the paused clock, for three calls.
    let calls = tokio::time::sleep(Duration::from_secs(600));
    tokio::select! {
        never = run(&probe, None, &clock, &inbox, &webhook, &link) => match never {},
        () = calls => {}
    }
    assert_eq!(link.view().condition, Condition::Up);
    assert!(chain.arrivals.try_recv().is_err());
}

#[tokio::test]
async fn a_name_that_leads_nowhere() {
    let chain = Chain::new(Host::Passes).await;
    assert_eq!(part(chain.probe_of("nirgends.invalid", 443, chain.knocks.clone()).call(None).await), Part::Dns);
    let closed = crate::program::Place::reserve();
    assert_eq!(part(chain.probe_of(NAME, closed.address.port(), chain.knocks.clone()).call(None).await), Part::Tcp);
    let proxied = ProbeConfig { host: NAME.to_owned(), port: chain.port, extra_roots: None };
    let proxy = Outward::Proxy(format!("http://{}", closed.address).into());
    assert_eq!(part(Probe::new(proxied, proxy, chain.knocks.clone(), &Clock::System).expect("a probe").call(None).await), Part::Egress);
}

#[tokio::test]
async fn a_certificate_that_meta_would_not_believe() {
    let chain = Chain::new(Host::Passes).await;
    for wrong in
        [Authority::new().certify(NAME, true), chain.authority.certify("other.example", true), chain.authority.certify(NAME, false)]
    {
        chain.certificates.show(wrong);
        assert_eq!(part(chain.probe().call(Some(true)).await), Part::Tls);
    }
    chain.certificates.show(chain.authority.certify(NAME, true));
    chain.probe().call(Some(true)).await.expect("repaired");
}

#[tokio::test]
async fn a_device_that_has_no_certificate_yet() {
    let chain = Chain::without_certificate(Host::Passes).await;
    assert_eq!(part(chain.probe().call(Some(true)).await), Part::Device);
}

#[tokio::test]
async fn a_host_that_hangs_up() {
    let chain = Chain::new(Host::HangsUp).await;
    for (up, expected) in [(None, Part::RelayHost), (Some(true), Part::RelayHost), (Some(false), Part::Tunnel)] {
        assert_eq!(part(chain.probe().call(up).await), expected, "{up:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_that_died_without_a_word() {
    let chain = Chain::new(Host::Silent).await;
    for (up, expected) in [(None, Part::RelayHost), (Some(true), Part::Tunnel), (Some(false), Part::Tunnel)] {
        assert_eq!(part(chain.probe().call(up).await), expected, "{up:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_dead_is_built_anew_after_two_calls() {
    let chain = Chain::new(Host::Silent).await;
    let (link, session, rebuilt) = (Link::new(Clock::System), Link::new(Clock::System), AtomicU32::new(0));
    session.up();
    let probe = chain.probe();
    let rebuild = || {
        rebuilt.fetch_add(1, Ordering::Relaxed);
    };
    let tunnel = Tunnelling { link: &session, rebuild: &rebuild };
    let calls = async {
        // A moment, two calls and the pause between them; a third has not ended yet.
        // waits: on the paused clock.
        tokio::time::sleep(Duration::from_secs(2 + 15 + 2 + 15 + 1)).await;
    };
    tokio::select! {
        never = run(&probe, Some(tunnel), &Clock::System, &chain.inbox, &chain.webhook, &link) => match never {},
        () = calls => {}
    }
    assert_eq!(rebuilt.load(Ordering::Relaxed), 1);
    assert!(matches!(link.view().condition, Condition::Down(why) if why.starts_with("Tunnel: ")));
}

/// How often the session has been built anew at each of these seconds, if all calls end in silence and others come to the door at `visits`.
async fn rebuilt<const N: usize>(visits: &[u64], seconds: [u64; N]) -> [u32; N] {
    let chain = Chain::new(Host::Silent).await;
    let (link, session, rebuilt) = (Link::new(Clock::System), Link::new(Clock::System), AtomicU32::new(0));
    session.up();
    let (probe, rebuild) = (chain.probe(), || {
        rebuilt.fetch_add(1, Ordering::Relaxed);
    });
    let tunnel = Tunnelling { link: &session, rebuild: &rebuild };
    // waits: on the paused clock, from one second to the other.
    let pass = async |from: &mut u64, to| tokio::time::sleep(Duration::from_secs(to - std::mem::replace(from, to))).await;
    let visited = async {
        let mut now = 0;
        for second in visits {
            pass(&mut now, *second).await;
            chain.knocks.visited();
        }
        std::future::pending::<()>().await;
    };
    let counted = async {
        let (mut counts, mut now) = ([0; N], 0);
        for (count, second) in counts.iter_mut().zip(seconds) {
            pass(&mut now, second).await;
            *count = rebuilt.load(Ordering::Relaxed);
        }
        counts
    };
    tokio::select! {
        never = run(&probe, Some(tunnel), &Clock::System, &chain.inbox, &chain.webhook, &link) => match never {},
        () = visited => unreachable!("it waits"),
        counts = counted => counts,
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_session_that_does_not_help_is_not_built_every_minute() {
    let [soon, hour, two] = rebuilt(&[], [40, 3600, 7200]).await;
    assert!(soon == 1 && (4..=6).contains(&hour) && (hour + 1..=hour + 4).contains(&two), "{soon}, {hour}, {two}");
}

#[tokio::test(start_paused = true)]
async fn a_session_through_which_others_come_is_let_alone() {
    // Calls last from second 2 to 17, 19 to 34, 38 to 53 and 61 to 76: the second would have been the one.
    assert_eq!(rebuilt(&[18], [35, 75, 77]).await, [0, 0, 1]);
}

#[tokio::test]
async fn a_host_that_ends_tls_by_itself() {
    let (ours, theirs) = (Chain::new(Host::Passes).await, Chain::without_certificate(Host::Passes).await);
    assert_eq!(part(ours.probe_of(NAME, theirs.port, ours.knocks.clone()).call(Some(true)).await), Part::RelayHost);
}

#[tokio::test]
async fn somebody_else_under_our_name() {
    let (ours, theirs) = (Chain::new(Host::Passes).await, Chain::new(Host::Passes).await);
    // What they hear is not heard here.
    theirs.certificates.show(ours.authority.certify(NAME, true));
    assert_eq!(part(ours.probe_of(NAME, theirs.port, ours.knocks.clone()).call(Some(true)).await), Part::RelayHost);
}

/// It has our certificate, and agrees with everything: only what was heard here counts.
#[tokio::test]
async fn somebody_who_agrees_under_our_name() {
    let chain = Chain::new(Host::Passes).await;
    let key = Arc::new(SingleCertAndKey::from(chain.authority.certify(NAME, true)));
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = builder.with_safe_default_protocol_versions().expect("TLS").with_no_client_auth().with_cert_resolver(key);
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.expect("a free port"));
    let port = listener.local_addr().expect("bound").port();
    let agreeing = async {
        let (stream, _) = listener.accept().await.expect("it calls");
        let mut stream = acceptor.accept(stream).await.expect("TLS");
        stream.read_u8().await.expect("a request");
        stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.expect("written");
        stream.shutdown().await.expect("written");
    };
    let probe = chain.probe_of(NAME, port, chain.knocks.clone());
    let (outcome, ()) = within(async { tokio::join!(Box::pin(probe.call(Some(true))), Box::pin(agreeing)) }).await;
    assert_eq!(part(outcome), Part::RelayHost);
}

#[tokio::test]
async fn the_address_is_asked_what_meta_will_ask() {
    let chain = Chain::new(Host::Passes).await;
    assert!(chain.probe().challenge(VERIFY_TOKEN).await.expect("it answers"));
    assert!(!chain.probe().challenge("another").await.expect("it answers"));
    assert_eq!(Chain::new(Host::HangsUp).await.probe().challenge(VERIFY_TOKEN).await.expect_err("nobody").part(), Part::RelayHost);
}
