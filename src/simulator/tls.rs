//! TLS for simulated servers, with a certificate made for the occasion that is on nobody's list. Serves nothing, and does not say whom a
//! client should believe.

use anyhow::Context;
use axum::serve::Listener;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ProtocolVersion, ServerConfig, SupportedProtocolVersion};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Handshakes that may wait to be looked at; more are not noticed.
const HANDSHAKES: usize = 64;
/// One connection shakes hands at a time: whoever connects and says nothing must not keep the others waiting for long.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a handshake went: the version that both speak, or why there is none.
pub type Handshake = Result<ProtocolVersion, String>;

/// A self-signed certificate and its key.
#[derive(Debug)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    pem: String,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Of a server at this address.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn of(address: IpAddr) -> anyhow::Result<Identity> {
        Identity::named(&address.to_string())
    }

    /// Of a server with this name.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn named(name: &str) -> anyhow::Result<Identity> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).context("kein Zertifikat")?;
        Ok(Identity { certificate: cert.der().clone(), pem: cert.pem(), key: signing_key.into() })
    }

    /// Whoever believes this one, in PEM, believes the server.
    pub fn pem(&self) -> Vec<u8> {
        self.pem.clone().into_bytes()
    }

    /// Puts TLS of one version in front of `listener`. How each handshake went comes out of the receiver.
    ///
    /// # Errors
    /// If ring does not like the certificate.
    pub fn listen(
        &self,
        listener: TcpListener,
        version: &'static SupportedProtocolVersion,
    ) -> anyhow::Result<(TlsListener, mpsc::Receiver<Handshake>)> {
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[version])?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())?;
        let (tell, handshakes) = mpsc::channel(HANDSHAKES);
        Ok((TlsListener { listener, acceptor: Arc::new(config).into(), tell }, handshakes))
    }
}

/// Accepts connections that speak TLS.
pub struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    tell: mpsc::Sender<Handshake>,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TlsStream<TcpStream>, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            let shaken = match tokio::time::timeout(PATIENCE, self.acceptor.accept(stream)).await {
                Ok(shaken) => shaken.map_err(|error| error.to_string()),
                Err(_) => Err("the client says nothing".to_owned()),
            };
            let (how, stream) = match shaken {
                Ok(stream) => (stream.get_ref().1.protocol_version().ok_or_else(|| "no version".to_owned()), Some(stream)),
                Err(why) => (Err(why), None),
            };
            // Whoever does not look in time does not notice.
            let _ = self.tell.try_send(how);
            if let Some(stream) = stream {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
