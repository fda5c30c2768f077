//! The door that every connection comes through: the PROXY header off, TLS ended, Meta recognised, validations answered. Orders no
//! certificate, reads no HTTP, and has no places of its own: whoever calls it bounds how many stand in it at once.
//!
//! ```text
//!   Stream ─▶ PROXY header ─▶ ClientHello ─┬─ acme-tls/1 ──▶ the challenge's certificate, closed (RFC 8737)
//!                                          └─ anything else ─▶ our certificate, and Meta's if it shows one ─▶ Visitor
//! ```
//!
//! Nothing of a connection that is refused is logged but the reason: addresses are personal data.

mod meta;
pub mod proxy;
mod refusal;

pub use refusal::Refusal;

use super::certificates::Certificates;
use super::clock::Clock;
use super::link::Link;
use super::stream::{Stream, Visitor};
use crate::config::{TlsConfig, TlsServer};
use anyhow::Context;
use refusal::Counts;
use rustls::ServerConfig;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::server::{Acceptor, ClientHello, NoClientAuth, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;

/// For header and handshake together, two round trips at most. On a bad mobile line one takes a second; whoever needs ten keeps a place
/// from somebody else.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// What who validates a name asks for (RFC 8737), and nobody else.
const VALIDATION: &[u8] = b"acme-tls/1";
/// What is spoken otherwise. Who offers h2 besides takes this, and who offers nothing speaks it anyway.
const HTTP: &[u8] = b"http/1.1";

/// Lets connections in. Clones are the same door.
#[derive(Clone, Debug)]
pub struct Door(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    proxy_protocol: bool,
    encryption: Option<Encryption>,
    refused: Counts,
    /// Meta's webhooks: doubted when whoever shows a certificate is not recognised.
    webhook: Link,
}

impl Door {
    /// A door as configured, which shows `certificates` and says on the webhooks' link if Meta's own is not recognised.
    ///
    /// # Errors
    /// A German sentence, if Meta's certificates cannot be used or there is no randomness.
    pub fn new(config: &TlsConfig, certificates: &Certificates, webhook: &Link) -> anyhow::Result<Door> {
        let encryption = config.encrypted.as_ref().map(|server| Encryption::new(server, certificates, webhook.clock())).transpose()?;
        Ok(Door(Arc::new(Inside {
            proxy_protocol: config.proxy_protocol,
            encryption,
            refused: Counts::default(),
            webhook: webhook.clone(),
        })))
    }

    /// PROXY header and TLS as configured; `None` if the connection was none for us, and it is closed then. Without either it passes
    /// untouched.
    pub async fn enter(&self, stream: Stream) -> Option<Visitor> {
        let entered = timeout(HANDSHAKE, self.0.admit(stream)).await.unwrap_or(Err(Refusal::Slow));
        entered.unwrap_or_else(|refusal| {
            self.0.refused.add(refusal);
            if refusal.is_about_meta() {
                self.0.webhook.doubted(
                    "Metas Zertifikat wird nicht anerkannt. Abhilfe: hat Meta seine Stelle gewechselt? Dann ingress.meta_ca_file erneuern",
                );
            }
            None
        })
    }

    /// How many connections were refused for this reason since the start.
    pub fn refused(&self, refusal: Refusal) -> u64 {
        self.0.refused.of(refusal)
    }
}

impl Inside {
    async fn admit(&self, mut stream: Stream) -> Result<Option<Visitor>, Refusal> {
        if self.proxy_protocol {
            // A health check that says no more ends here, too: it closes the connection.
            proxy::read(&mut stream).await.map_err(Refusal::Header)?;
        }
        match &self.encryption {
            Some(encryption) => encryption.shake(stream).await,
            None => Ok(Some(Visitor { stream, proven: true })),
        }
    }
}

#[derive(Debug)]
struct Encryption {
    certificates: Certificates,
    name: String,
    asks_for_meta: bool,
    usual: Arc<ServerConfig>,
    validation: Arc<ServerConfig>,
}

impl Encryption {
    fn new(server: &TlsServer, certificates: &Certificates, clock: &Clock) -> anyhow::Result<Encryption> {
        let provider = Arc::new(default_provider());
        let roots = server.meta_roots.as_deref();
        let meta = roots.map(|roots| meta::verifier(roots, Arc::clone(&provider), clock)).transpose()?;
        let asks_for_meta = meta.is_some();
        let resolver = Ours { certificates: certificates.clone(), name: server.name.clone() };
        let mut usual = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(meta.unwrap_or_else(|| Arc::new(NoClientAuth)))
            .with_cert_resolver(Arc::new(resolver));
        usual.alpn_protocols = vec![HTTP.to_vec()];
        // Who comes again brings what we would have to remember, encrypted: nobody can fill our memory.
        usual.session_storage = Arc::new(NoServerSessionStorage {});
        usual.ticketer = Ticketer::new().context("kein Zufall für die Schlüssel von TLS")?;
        let mut validation = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Proof(certificates.clone())));
        validation.alpn_protocols = vec![VALIDATION.to_vec()];
        validation.session_storage = Arc::new(NoServerSessionStorage {});
        validation.send_tls13_tickets = 0;
        let (usual, validation) = (Arc::new(usual), Arc::new(validation));
        Ok(Encryption { certificates: certificates.clone(), name: server.name.clone(), asks_for_meta, usual, validation })
    }

    async fn shake(&self, stream: Stream) -> Result<Option<Visitor>, Refusal> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await.map_err(|error| Refusal::of(&error))?;
        let hello = start.client_hello();
        if hello.alpn().is_some_and(|mut offered| offered.any(|protocol| protocol == VALIDATION)) {
            let ordered = hello.server_name().is_some_and(|name| self.certificates.proof(name).is_some());
            let shaken = start.into_stream(Arc::clone(&self.validation)).await;
            let mut stream = shaken.map_err(|error| if ordered { Refusal::of(&error) } else { Refusal::NotOrdered })?;
            tracing::debug!("validation answered");
            // All has been said: whether it still hears that is its own affair.
            let _ = stream.shutdown().await;
            return Ok(None);
        }
        // rustls would only know that there was nothing to show.
        let nothing = if !is_called(&hello, &self.name) {
            Some(Refusal::OtherName)
        } else if self.certificates.current().is_none() {
            Some(Refusal::NoCertificate)
        } else {
            None
        };
        let shaken = start.into_stream(Arc::clone(&self.usual)).await;
        let stream = shaken.map_err(|error| nothing.unwrap_or_else(|| Refusal::of(&error)))?;
        let proven = !self.asks_for_meta || stream.get_ref().1.peer_certificates().is_some();
        Ok(Some(Visitor { stream: Box::new(stream), proven }))
    }
}

/// Whether it calls `name`, or none: then there is no other that it could mean.
fn is_called(hello: &ClientHello<'_>, name: &str) -> bool {
    hello.server_name().is_none_or(|called| called.eq_ignore_ascii_case(name))
}

/// Our certificate, for who calls us by our name.
#[derive(Debug)]
struct Ours {
    certificates: Certificates,
    name: String,
}

impl ResolvesServerCert for Ours {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if is_called(&hello, &self.name) { self.certificates.current() } else { None }
    }
}

/// The certificate of a challenge, for who validates its name.
#[derive(Debug)]
struct Proof(Certificates);

impl ResolvesServerCert for Proof {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.proof(hello.server_name()?)
    }
}
