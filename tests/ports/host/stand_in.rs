//! A device that ends TLS and says who called, and somebody who calls. Asserts that the header of the PROXY protocol is one.

use crate::program::within;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::task::AbortOnDropHandle;

/// How a header of PROXY protocol version 2 begins (haproxy.org, proxy-protocol.txt, 2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// A name, a certificate for it, and those who know it by that.
pub(super) struct Identity {
    name: String,
    certificate: CertificateDer<'static>,
    /// The certificate and its key, in PEM.
    pub(super) chain: String,
    pub(super) key: String,
}

impl Identity {
    pub(super) fn new(name: &str) -> Identity {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        let (certificate, chain, key) = (made.cert.der().clone(), made.cert.pem(), made.signing_key.serialize_pem());
        Identity { name: name.to_owned(), certificate, chain, key }
    }

    fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .expect("they belong together");
        TlsAcceptor::from(Arc::new(config))
    }

    /// Calls it through `front`, naming `server`: what comes back.
    pub(super) async fn called(&self, front: SocketAddr, server: &str) -> io::Result<String> {
        self.posted(front, server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", true).await.map(|(answer, _)| answer)
    }

    /// The same with another request, and without naming the server in the clear if `named` is not true: the answer, and who asked.
    pub(super) async fn posted(&self, front: SocketAddr, server: &str, request: &str, named: bool) -> io::Result<(String, SocketAddr)> {
        let mut stream = self.connected(front, server, named).await?;
        let own = stream.get_ref().0.local_addr()?;
        within(async {
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok((answer, own))
        })
        .await
    }

    /// As far as TLS.
    pub(super) async fn connected(&self, front: SocketAddr, server: &str, named: bool) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a certificate");
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.enable_sni = named;
        let server = ServerName::try_from(server.to_owned()).expect("a name");
        within(async { TlsConnector::from(Arc::new(config)).connect(server, TcpStream::connect(front).await?).await }).await
    }
}

/// A device behind the tunnel.
pub(super) struct Device {
    /// Where its end of the tunnel goes.
    pub(super) address: SocketAddr,
    pub(super) identity: Identity,
    _server: AbortOnDropHandle<()>,
}

impl Device {
    /// One with a certificate for `name`. It answers every request with its name and the caller's address, which it has from the header
    /// before TLS; `none` if there is no such header and none is expected.
    pub(super) async fn start(name: &str, proxied: bool) -> Device {
        let identity = Identity::new(name);
        let (acceptor, name) = (identity.acceptor(), identity.name.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let (acceptor, name) = (acceptor.clone(), name.clone());
                // Whoever hangs up in the middle has no answer.
                tokio::spawn(async move { answer(stream, acceptor, &name, proxied).await.ok() });
            }
        });
        Device { address, identity, _server: AbortOnDropHandle::new(server) }
    }
}

/// One call: header, TLS, request, answer.
async fn answer(mut stream: TcpStream, acceptor: TlsAcceptor, name: &str, proxied: bool) -> io::Result<()> {
    let caller = if proxied { caller(&mut stream).await?.to_string() } else { "none".to_owned() };
    let mut stream = acceptor.accept(stream).await?;
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    stream.write_all(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{name} {caller}").as_bytes()).await?;
    stream.shutdown().await
}

/// Reads the header, and no byte more.
async fn caller(stream: &mut TcpStream) -> io::Result<SocketAddr> {
    let mut head = [0; 16];
    stream.read_exact(&mut head).await?;
    assert_eq!(&head[..12], SIGNATURE);
    assert_eq!(head[12..14], [0x21, 0x11], "version 2, PROXY, TCP over IPv4");
    let mut rest = vec![0; u16::from_be_bytes([head[14], head[15]]).into()];
    stream.read_exact(&mut rest).await?;
    let address: [u8; 4] = rest[..4].try_into().expect("four bytes");
    Ok((address, u16::from_be_bytes([rest[8], rest[9]])).into())
}

/// Takes the place of the branch's socket on the host, passes everything on to the real one, and keeps every byte.
pub(super) struct Recorder {
    /// To the device, and back.
    kept: [Arc<Mutex<Vec<u8>>>; 2],
    _task: AbortOnDropHandle<()>,
}

impl Recorder {
    pub(super) fn slip_in(socket: &Path) -> Recorder {
        let real = socket.with_extension("real");
        std::fs::rename(socket, &real).expect("it was there");
        let listener = UnixListener::bind(socket).expect("its place is free");
        std::fs::set_permissions(socket, std::os::unix::fs::PermissionsExt::from_mode(0o666)).expect("chmod");
        let kept = [(); 2].map(|()| Arc::new(Mutex::new(Vec::new())));
        let books = kept.clone();
        let task = tokio::spawn(async move {
            loop {
                let (before, _) = listener.accept().await.expect("a connection");
                let behind = UnixStream::connect(&real).await.expect("the tunnel is up");
                let ((from, to), (back, out)) = (before.into_split(), behind.into_split());
                tokio::spawn(copy(from, out, Arc::clone(&books[0])));
                tokio::spawn(copy(back, to, Arc::clone(&books[1])));
            }
        });
        Recorder { kept, _task: AbortOnDropHandle::new(task) }
    }

    pub(super) fn kept(&self) -> [Vec<u8>; 2] {
        self.kept.each_ref().map(|book| book.lock().expect("nobody panicked").clone())
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, book: Arc<Mutex<Vec<u8>>>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        book.lock().expect("nobody panicked").extend(&bytes[..length]);
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
