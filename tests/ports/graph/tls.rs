//! Certificates, a server that speaks TLS with them, and proxies on loopback. Asserts nothing about the port.

use super::attempts::head;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

/// A name that only the proxies know.
pub(super) const META: &str = "meta.example";

/// Somebody who signs certificates, and one that is good for [`META`] and 127.0.0.1.
pub(super) struct Authority {
    /// The root, in PEM.
    pub(super) root: Vec<u8>,
    server: Arc<ServerConfig>,
}

impl Authority {
    pub(super) fn new() -> Authority {
        Authority::valid(1975, 4096)
    }

    /// Everything that it signs is good in these years, from the first day of one to the first of the other.
    pub(super) fn valid(from: i32, until: i32) -> Authority {
        let of_its_time = |mut params: CertificateParams| {
            (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
            params
        };
        let mut params = of_its_time(CertificateParams::new(Vec::new()).expect("no names"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root");
        let key = KeyPair::generate().expect("a key");
        let names = vec![META.to_owned(), "127.0.0.1".to_owned()];
        let certificate = of_its_time(CertificateParams::new(names).expect("names")).signed_by(&key, &issuer).expect("signed");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("they belong together");
        Authority { root: issuer.pem().into_bytes(), server: Arc::new(server) }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.server))
    }

    /// Takes TLS away and passes on to `behind`.
    pub(super) async fn front(&self, behind: SocketAddr) -> (SocketAddr, AbortOnDropHandle<()>) {
        let acceptor = self.acceptor();
        serve(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                // Whoever does not trust us hangs up.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut behind = TcpStream::connect(behind).await.expect("somebody listens");
                let _ = copy_bidirectional(&mut stream, &mut behind).await;
            }
        })
        .await
    }
}

/// Listens on loopback and plays one part for each connection.
pub(super) async fn serve<F>(part: impl Fn(TcpStream) -> F + Send + 'static) -> (SocketAddr, AbortOnDropHandle<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(part(stream));
        }
    });
    (address, AbortOnDropHandle::new(server))
}

/// What an HTTP proxy does with a CONNECT to [`META`].
#[derive(Clone, Copy)]
pub(super) enum Connect {
    /// Connects, if the credentials are these.
    Lets(Option<&'static str>),
    /// Answers like this.
    Says(&'static str),
}

/// An HTTP proxy that knows one way: to `meta`.
pub(super) async fn connect_proxy(how: Connect, meta: SocketAddr) -> (SocketAddr, AbortOnDropHandle<()>) {
    serve(move |mut stream| async move {
        let head = head(&mut stream).await;
        let credentials = head.lines().find_map(|line| line.strip_prefix("Proxy-Authorization: "));
        let wanted = format!("CONNECT {META}:443 HTTP/1.1\r\nHost: {META}:443\r\n");
        let answer = match how {
            Connect::Lets(expected) if head.starts_with(&wanted) && credentials == expected => {
                "HTTP/1.1 200 Connection established\r\n\r\n"
            }
            Connect::Lets(_) => "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n",
            Connect::Says(answer) => answer,
        };
        stream.write_all(answer.as_bytes()).await.expect("written");
        if answer.starts_with("HTTP/1.1 200") {
            let mut meta = TcpStream::connect(meta).await.expect("somebody listens");
            let _ = copy_bidirectional(&mut stream, &mut meta).await;
        }
    })
    .await
}

/// What a SOCKS 5 proxy does (RFC 1928, RFC 1929).
#[derive(Clone, Copy)]
pub(super) struct Socks {
    /// User and password that it wants.
    pub(super) login: Option<(&'static str, &'static str)>,
    /// What it answers to a request: 0 lets through.
    pub(super) reply: u8,
    /// Whether it is asked for [`META`] by name, or for 127.0.0.1.
    pub(super) by_name: bool,
}

/// A SOCKS proxy that knows one way: to `meta`.
pub(super) async fn socks_proxy(how: Socks, meta: SocketAddr) -> (SocketAddr, AbortOnDropHandle<()>) {
    serve(move |mut stream| async move {
        if let Some(()) = socks(&mut stream, how, meta.port()).await {
            let mut meta = TcpStream::connect(meta).await.expect("somebody listens");
            let _ = copy_bidirectional(&mut stream, &mut meta).await;
        }
    })
    .await
}

/// The handshake; `None` if it ended with a refusal.
async fn socks(stream: &mut TcpStream, how: Socks, port: u16) -> Option<()> {
    let [version, methods] = bytes(stream).await;
    assert_eq!(version, 5);
    let mut offered = vec![0; methods.into()];
    stream.read_exact(&mut offered).await.expect("methods");
    let method = if how.login.is_some() { 2 } else { 0 };
    if !offered.contains(&method) {
        stream.write_all(&[5, 0xFF]).await.expect("written");
        return None;
    }
    stream.write_all(&[5, method]).await.expect("written");
    if let Some((user, password)) = how.login {
        assert_eq!(bytes(stream).await, [1], "the version of the login");
        let given = (text(stream).await, text(stream).await);
        let right = given == (user.to_owned(), password.to_owned());
        stream.write_all(&[1, u8::from(!right)]).await.expect("written");
        right.then_some(())?;
    }
    let [5, 1, 0, kind] = bytes(stream).await else { unreachable!("CONNECT") };
    match kind {
        1 => assert_eq!((bytes(stream).await, how.by_name), ([127, 0, 0, 1], false)),
        3 => assert_eq!((text(stream).await.as_str(), how.by_name), (META, true)),
        kind => unreachable!("address of type {kind}"),
    }
    let wanted = u16::from_be_bytes(bytes(stream).await);
    assert_eq!(wanted, if how.by_name { 443 } else { port });
    stream.write_all(&[5, how.reply, 0, 1, 0, 0, 0, 0, 0, 0]).await.expect("written");
    (how.reply == 0).then_some(())
}

async fn bytes<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.expect("bytes");
    bytes
}

async fn text(stream: &mut TcpStream) -> String {
    let [length] = bytes(stream).await;
    let mut text = vec![0; length.into()];
    stream.read_exact(&mut text).await.expect("text");
    String::from_utf8(text).expect("UTF-8")
}
