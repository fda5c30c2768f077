//! The way to Meta: proxies, certificates, and the time that its answers tell. The simulated Meta stands behind TLS here.

use super::attempts::request;
use super::tls::{Authority, Connect, META, Socks, connect_proxy, serve, socks_proxy};
use super::{NOW, clock, cloud, config, rejected, send};
use crate::program::within;
use crate::webhook::{INSTANCE, pseudonyms};
use drk_relay::config::{ClockConfig, GraphConfig};
use drk_relay::domain::event::Outcome;
use drk_relay::domain::ids::Wamid;
use drk_relay::domain::time::Timestamp;
use drk_relay::port::clock::{Clock, Warp};
use drk_relay::port::graph::{Graph, Trouble};
use drk_relay::port::link::Condition;
use drk_relay::simulator::cloud::Cloud;
use drk_relay::simulator::meta::{Person, Refusal};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// Meta behind TLS, with Erika, whose window is open.
struct World {
    authority: Authority,
    cloud: Cloud,
    meta: SocketAddr,
    erika: Person,
    _front: AbortOnDropHandle<()>,
}

impl World {
    async fn new() -> World {
        let (cloud, url, _) = cloud("http://127.0.0.1:1/".into(), clock(), Refusal::AtOnce).await;
        let erika = Person::with_phone(1);
        cloud.join(erika.clone());
        cloud.say(&erika.user_id, "Hallo").await;
        let authority = Authority::new();
        let (meta, front) = authority.front(url.trim_start_matches("http://").parse().expect("an address")).await;
        World { authority, cloud, meta, erika, _front: front }
    }

    fn config(&self, base_url: &str, proxy: Option<String>) -> GraphConfig {
        GraphConfig { proxy: proxy.map(Into::into), extra_roots: Some(self.authority.root.clone()), ..config(base_url) }
    }

    /// One message: what became of it, and what is in the way.
    async fn attempt(&self, config: GraphConfig) -> (Outcome, Option<Trouble>) {
        let graph = Graph::new(config, clock(), pseudonyms(), INSTANCE).expect("a client");
        let outcome = graph.send(&send(1, &self.erika, NOW.plus(60))).await;
        (outcome, graph.trouble())
    }

    async fn through(&self, proxy: String) -> (Outcome, Option<Trouble>) {
        self.attempt(self.config(&format!("https://{META}"), Some(proxy))).await
    }
}

#[track_caller]
fn accepted((outcome, trouble): (Outcome, Option<Trouble>)) {
    assert!(matches!(outcome, Outcome::Accepted(_)) && trouble.is_none(), "{outcome:?} {trouble:?}");
}

/// A Meta that is not proven to be Meta gets nothing: no token, no message.
#[tokio::test]
async fn only_a_proven_meta_gets_anything() {
    let world = World::new().await;
    let direct = format!("https://{}", world.meta);
    accepted(world.attempt(world.config(&direct, None)).await);
    let refused = (Outcome::Later, Some(Trouble::Certificate));
    let mozilla = GraphConfig { extra_roots: None, ..world.config(&direct, None) };
    assert_eq!(world.attempt(mozilla).await, refused, "signed by nobody we know");
    let others = GraphConfig { extra_roots: Some(Authority::new().root), ..world.config(&direct, None) };
    assert_eq!(world.attempt(others).await, refused, "signed by somebody else");
    let localhost = format!("https://localhost:{}", world.meta.port());
    assert_eq!(world.attempt(world.config(&localhost, None)).await, refused, "another name");
    assert_eq!(world.cloud.counters().sent, 1);
    let plain = format!("http://{}", world.meta);
    assert_eq!(world.attempt(world.config(&plain, None)).await.0, Outcome::Unknown, "no HTTP is spoken there");
}

#[tokio::test]
async fn a_connection_that_ends_before_tls_carried_nothing() {
    let world = World::new().await;
    let (closes, _closing) = serve(|stream| async move { drop(stream) }).await;
    let (babbles, _babbling) = serve(|mut stream| async move { drop(stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await) }).await;
    for peer in [closes, babbles] {
        let unreachable = (Outcome::Later, Some(Trouble::Unreachable));
        assert_eq!(world.attempt(world.config(&format!("https://{peer}"), None)).await, unreachable);
    }
}

/// A peer that takes the connection and never answers the handshake is given up after the time for connecting, or earlier if the window
/// closes.
#[test]
fn a_handshake_that_stalls_carried_nothing() {
    for (left, expected) in [(60, Outcome::Later), (3, Outcome::TooLate)] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let world = World::new().await;
            let (stalls, _stalling) = serve(|mut stream| async move {
                // The client's hello is here: whatever it waits for now is a time-out.
                let _ = tokio::io::AsyncReadExt::read_u8(&mut stream).await;
                tokio::time::pause();
                std::future::pending::<()>().await;
            })
            .await;
            let config = world.config(&format!("https://{stalls}"), None);
            let clock = Clock::Warped(Warp::new(NOW.millis(), 1.0));
            let graph = Graph::new(config, clock, pseudonyms(), INSTANCE).expect("a client");
            assert_eq!(graph.send(&send(1, &world.erika, NOW.plus(left))).await, expected);
        });
    }
}

/// The clock is stepped past the last second while the connection is made: no time-out notices, and nothing is written.
#[tokio::test]
async fn a_clock_that_is_stepped_while_connecting_stops_the_message() {
    let authority = Authority::new();
    let (warp, seen) = (Warp::new(NOW.millis(), 0.001), Arc::new(Mutex::new(Vec::new())));
    let (acceptor, stepped, body) = (authority.acceptor(), Arc::clone(&warp), Arc::clone(&seen));
    let (meta, _serving) = serve(move |stream| {
        let (acceptor, stepped, seen) = (acceptor.clone(), Arc::clone(&stepped), Arc::clone(&body));
        async move {
            stepped.set_speed(1e9);
            while stepped.now().second() <= NOW.plus(60) {
                tokio::task::yield_now().await;
            }
            let mut stream = acceptor.accept(stream).await.expect("it trusts us");
            let (_, body) = request(&mut stream).await;
            seen.lock().expect("one thread").extend(body);
        }
    })
    .await;
    let config = GraphConfig { extra_roots: Some(authority.root), ..config(&format!("https://{meta}")) };
    let graph = Graph::new(config, Clock::Warped(warp), pseudonyms(), INSTANCE).expect("a client");
    assert_eq!(graph.send(&send(1, &Person::with_phone(1), NOW.plus(60))).await, Outcome::TooLate);
    assert_eq!(*seen.lock().expect("one thread"), b"");
}

#[tokio::test]
async fn through_an_http_proxy() {
    let world = World::new().await;
    // Base64 of `pi:p@ss`.
    for (login, expected) in [("", None), ("pi:p%40ss@", Some("Basic cGk6cEBzcw=="))] {
        let (proxy, _proxying) = connect_proxy(Connect::Lets(expected), world.meta).await;
        accepted(world.through(format!("http://{login}{proxy}")).await);
    }
    let (proxy, _proxying) = connect_proxy(Connect::Lets(Some("Basic cGk6cEBzcw==")), world.meta).await;
    for login in ["", "pi:pass@"] {
        let refused = (Outcome::Later, Some(Trouble::ProxyLogin));
        assert_eq!(world.through(format!("http://{login}{proxy}")).await, refused, "{login}");
    }
    for answer in ["HTTP/1.1 502 Bad Gateway\r\n\r\n", "HTTP/1.1 403 Forbidden\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", ""] {
        let (proxy, _proxying) = connect_proxy(Connect::Says(answer), world.meta).await;
        assert_eq!(world.through(format!("http://{proxy}")).await, (Outcome::Later, Some(Trouble::Proxy)), "{answer}");
    }
    assert_eq!(world.cloud.counters().sent, 2);
}

#[tokio::test]
async fn through_a_socks_proxy() {
    let world = World::new().await;
    let open = Socks { login: None, reply: 0, by_name: true };
    let locked = Socks { login: Some(("pi", "p@ss")), ..open };
    let refused = (Outcome::Later, Some(Trouble::ProxyLogin));
    let table = [
        ("socks5h://", open, None),
        ("socks5h://pi:p%40ss@", locked, None),
        ("socks5h://", locked, Some(refused)),
        ("socks5h://pi:pass@", locked, Some(refused)),
        ("socks5h://", Socks { reply: 2, ..open }, Some((Outcome::Later, Some(Trouble::Proxy)))),
        ("socks5h://", Socks { reply: 5, ..open }, Some((Outcome::Later, Some(Trouble::Proxy)))),
    ];
    for (prefix, how, expected) in table {
        let (proxy, _proxying) = socks_proxy(how, world.meta).await;
        let came = world.through(format!("{prefix}{proxy}")).await;
        match expected {
            None => accepted(came),
            Some(expected) => assert_eq!(came, expected, "{prefix}"),
        }
    }
    let (proxy, _proxying) = socks_proxy(Socks { by_name: false, ..open }, world.meta).await;
    let direct = format!("https://{}", world.meta);
    accepted(world.attempt(world.config(&direct, Some(format!("socks5://{proxy}")))).await);
    assert_eq!(world.cloud.counters().sent, 3);
}

/// Which of the two refuses is what a technician has to know first.
#[tokio::test]
async fn a_proxy_that_refuses_is_not_a_meta_that_refuses() {
    let world = World::new().await;
    let (proxy, _proxying) = connect_proxy(Connect::Lets(None), world.meta).await;
    let expired = GraphConfig { token: "expired".into(), ..world.config(&format!("https://{META}"), Some(format!("http://{proxy}"))) };
    assert_eq!(world.attempt(expired).await, (rejected(190), None));
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("an address");
    assert_eq!(world.through(format!("http://{nobody}")).await, (Outcome::Later, Some(Trouble::Proxy)));
    assert_eq!(world.through(format!("socks5h://{nobody}")).await, (Outcome::Later, Some(Trouble::Proxy)));
    // Plain HTTP, as in a test's configuration: the proxy is asked with the request itself.
    let (proxy, _proxying) = serve(|mut stream| async move {
        let (head, _) = request(&mut stream).await;
        assert!(head.starts_with("POST http://meta.example/v26.0/"), "{head}");
        stream.write_all(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n").await.expect("written");
    })
    .await;
    let plain = world.config("http://meta.example", Some(format!("http://{proxy}")));
    assert_eq!(world.attempt(plain).await, (Outcome::Later, Some(Trouble::ProxyLogin)));
    assert!(Trouble::ProxyLogin.to_string().contains("Meta wurde nicht gefragt"));
}

#[test]
fn a_configuration_that_cannot_work_is_refused_without_its_secrets() {
    let refused = |config: GraphConfig| {
        let error = Graph::new(config, clock(), pseudonyms(), INSTANCE).expect_err("it cannot work");
        let text = format!("{error:#} {error:?}");
        assert!(!text.contains("geheim"), "{text}");
        text
    };
    assert!(refused(config("no address")).contains("whatsapp.base_url"));
    let token = |token: &str| GraphConfig { token: token.into(), ..config("https://meta.example") };
    assert!(refused(token("geheim\n")).contains("whatsapp.token_file"));
    let proxy = |proxy: &str| GraphConfig { proxy: Some(proxy.into()), ..config("https://meta.example") };
    for address in
        ["", "proxy", "ftp://pi:geheim@proxy", "http://pi:geheim@", "http://pi:geheim@proxy:port", "socks4://pi:geheim@proxy", "//x"]
    {
        assert!(refused(proxy(address)).contains("egress.proxy"), "{address}");
    }
    let roots = |roots: &[u8]| GraphConfig { extra_roots: Some(roots.to_vec()), ..config("https://meta.example") };
    let broken = b"-----BEGIN CERTIFICATE-----\nZ2VoZWlt\n-----END CERTIFICATE-----\n";
    for file in [&b""[..], b"geheim", broken, b"-----BEGIN CERTIFICATE-----\n!\n"] {
        assert!(refused(roots(file)).contains("egress.ca_file"), "{}", String::from_utf8_lossy(file));
    }
}

/// A Meta that dates its answers like this: what the port makes of it with a clock that shows `NOW`.
async fn dated(authority: &Authority, scheme: &str, dates: &'static [&'static str]) -> Option<i64> {
    let (acceptor, tls) = (authority.acceptor(), scheme == "https");
    let answer = move |date: &str| format!("HTTP/1.1 200 OK\r\n{date}Content-Length: 25\r\n\r\n{{\"messages\":[{{\"id\":\"W\"}}]}}");
    let (meta, _serving) = serve(move |mut stream| {
        let acceptor = acceptor.clone();
        async move {
            if tls {
                let mut stream = acceptor.accept(stream).await.expect("it trusts us");
                for date in dates {
                    request(&mut stream).await;
                    stream.write_all(answer(date).as_bytes()).await.expect("written");
                }
            } else {
                for date in dates {
                    request(&mut stream).await;
                    stream.write_all(answer(date).as_bytes()).await.expect("written");
                }
            }
        }
    })
    .await;
    let config = GraphConfig { extra_roots: Some(authority.root.clone()), ..config(&format!("{scheme}://{meta}")) };
    let graph = Graph::new(config, clock(), pseudonyms(), INSTANCE).expect("a client");
    for _ in dates {
        let outcome = tokio::time::timeout(Duration::from_secs(60), graph.send(&send(1, &Person::with_phone(1), NOW.plus(60)))).await;
        assert!(matches!(outcome, Ok(Outcome::Accepted(_))), "whatever its date: {outcome:?}");
    }
    graph.meta_ahead()
}

#[tokio::test]
async fn a_date_over_tls_tells_how_wrong_our_clock_is() {
    assert_eq!(NOW, Timestamp(1_795_305_600), "the dates below are about it");
    let authority = Authority::new();
    let table: [(&str, &'static [&'static str], Option<i64>); 8] = [
        ("https", &["Date: Sun, 22 Nov 2026 00:00:00 GMT\r\n"], Some(0)),
        ("https", &["date: Sun, 22 Nov 2026 00:01:00 GMT\r\n"], Some(60)),
        ("https", &["Date: Sat, 21 Nov 2026 23:00:00 GMT\r\n"], Some(-3_600)),
        ("https", &["Date: Sun, 22 Nov 2026 00:01:00 GMT\r\n", "", "Date: Sunday, 22-Nov-26 00:00:00 GMT\r\n", "Date: x\r\n"], Some(60)),
        ("https", &["Date: Sun, 22 Nov 2026 00:01:00 GMT\r\n", "Date: Sun, 22 Nov 2026 00:00:00 GMT\r\n"], Some(0)),
        ("https", &["Date: Sun, 22 Nov 2026 00:00:00 GMT\r\nDate: Sun, 22 Nov 2026 01:00:00 GMT\r\n"], None),
        ("https", &[""], None),
        ("http", &["Date: Sun, 22 Nov 2026 00:01:00 GMT\r\n"], None),
    ];
    for (scheme, dates, expected) in table {
        let ahead = dated(&authority, scheme, dates).await;
        // What the whole second leaves open, and what the test's clock moves meanwhile.
        let seconds = ahead.map(|ahead| (ahead + ahead.signum() * 500) / 1_000);
        let near = seconds.zip(expected).is_none_or(|(seconds, expected)| (seconds - expected).abs() <= 1);
        assert!(ahead.is_some() == expected.is_some() && near, "{scheme} {dates:?}: {ahead:?}, not {expected:?}");
    }
}

/// A way that failed at night is known to be back before there are figures again.
#[tokio::test]
async fn whoever_says_what_time_it_is_can_be_reached() {
    let world = World::new().await;
    let (cut, meta) = (Arc::new(AtomicBool::new(true)), world.meta);
    let gate = Arc::clone(&cut);
    let (address, _gate) = serve(move |mut stream| {
        let gate = Arc::clone(&gate);
        async move {
            if gate.load(Ordering::SeqCst) {
                return;
            }
            let mut meta = TcpStream::connect(meta).await.expect("somebody listens");
            let _ = copy_bidirectional(&mut stream, &mut meta).await;
        }
    })
    .await;
    let directory = tempfile::tempdir().expect("a directory");
    let kept = Clock::kept(ClockConfig::Proven, directory.path());
    let graph = Graph::new(world.config(&format!("https://{address}"), None), kept, pseudonyms(), INSTANCE).expect("a client");
    graph.mark_read(&Wamid::new("wamid.x")).await;
    assert_eq!(graph.trouble(), Some(Trouble::Unreachable));
    assert!(matches!(graph.link().view().condition, Condition::Down(_)));
    cut.store(false, Ordering::SeqCst);
    within(async {
        tokio::select! {
            never = graph.keep_time() => match never {},
            () = graph.link().reached() => {}
        }
    })
    .await;
    assert_eq!(graph.trouble(), None);
}
