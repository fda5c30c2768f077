//! The door: what begins with a PROXY header, what speaks TLS, who is Meta, who validates a name, and everything that is none of these.
//! Both ends are in memory; what lies between is the real rustls on both sides.

pub(crate) mod crowd;
mod header;
mod meta;
mod tls;

use drk_relay::config::{TlsConfig, TlsServer};
use drk_relay::port::certificates::Certificates;
use drk_relay::port::clock::Clock;
use drk_relay::port::link::Link;
use drk_relay::port::stream::Visitor;
use drk_relay::port::tls::{Door, Refusal};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What we are called.
const OURS: &str = "wa.example";
/// What Meta is called (WhatsApp docs: mTLS for webhooks).
const META: &str = "client.webhooks.fbclientcerts.com";
/// Bytes on the way: more than any handshake has.
const PIPE: usize = 64 * 1024;

/// Somebody who signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root"))
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&self.pem()).expect("PEM")).expect("a root");
        roots
    }

    /// As described, with a key of its own.
    pub(crate) fn sign(&self, params: &CertificateParams) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        (certificate.der().clone(), PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
    }

    /// A server's, for these names.
    pub(crate) fn server(&self, names: &[&str]) -> CertifiedKey {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let (certificate, key) = self.sign(&CertificateParams::new(names).expect("names"));
        CertifiedKey::from_der(vec![certificate], key, &rustls::crypto::ring::default_provider()).expect("they belong together")
    }

    /// A client's, with these DNS names and common names.
    fn client(&self, names: &[&str], common: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Shown {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        for name in common {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        self.sign(&params)
    }
}

/// What a client shows.
type Shown = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// A door, and what its callers need to know.
struct House {
    authority: Authority,
    certificates: Certificates,
    door: Door,
}

impl House {
    /// With a certificate for [`OURS`].
    fn new(proxy_protocol: bool, meta_roots: Option<Vec<u8>>) -> House {
        let house = House::bare(proxy_protocol, meta_roots);
        house.certificates.show(house.authority.server(&[OURS, "127.0.0.1"]));
        house
    }

    /// With nothing to show.
    fn bare(proxy_protocol: bool, meta_roots: Option<Vec<u8>>) -> House {
        let certificates = Certificates::new();
        let encrypted = Some(TlsServer { name: OURS.to_owned(), meta_roots });
        let door = Door::new(&TlsConfig { proxy_protocol, encrypted }, &certificates, &Link::new(Clock::System)).expect("a door");
        House { authority: Authority::new(), certificates, door }
    }

    /// A client that believes our authority.
    fn client(&self, versions: &[&'static rustls::SupportedProtocolVersion], shown: Option<Shown>) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).expect("versions");
        let builder = builder.with_root_certificates(self.authority.roots());
        match shown {
            Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).expect("they belong together"),
            None => builder.with_no_client_auth(),
        }
    }

    fn plain(&self) -> Arc<ClientConfig> {
        Arc::new(self.client(rustls::ALL_VERSIONS, None))
    }

    /// Both sides of one connection that begins with `first` and goes on with TLS.
    async fn call(&self, first: &[u8], name: &str, client: &Arc<ClientConfig>) -> (io::Result<TlsStream<DuplexStream>>, Option<Visitor>) {
        let (mut here, there) = duplex(PIPE);
        here.write_all(first).await.expect("it fits");
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let connector = TlsConnector::from(Arc::clone(client));
        tokio::join!(connector.connect(name, here), self.door.enter(Box::new(there)))
    }

    /// What is said comes through in both directions; whether it is proven.
    async fn greets(&self, first: &[u8], name: &str, client: &Arc<ClientConfig>) -> (TlsStream<DuplexStream>, bool) {
        let (caller, visitor) = self.call(first, name, client).await;
        let (mut caller, mut visitor) = (caller.expect("a handshake"), visitor.expect("let in"));
        caller.write_all(b"hello").await.expect("said");
        caller.flush().await.expect("said");
        let mut heard = [0; 5];
        visitor.stream.read_exact(&mut heard).await.expect("heard");
        assert_eq!(&heard, b"hello");
        visitor.stream.write_all(b"there").await.expect("answered");
        visitor.stream.flush().await.expect("answered");
        caller.read_exact(&mut heard).await.expect("heard");
        assert_eq!(&heard, b"there");
        (caller, visitor.proven)
    }

    /// Nobody is let in, for this reason, and the caller notices.
    async fn refuses(&self, refusal: Refusal, first: &[u8], name: &str, client: &Arc<ClientConfig>) {
        let before = self.door.refused(refusal);
        let (caller, visitor) = self.call(first, name, client).await;
        assert!(visitor.is_none(), "{refusal}");
        assert_eq!(self.door.refused(refusal), before + 1, "{refusal}");
        if let Ok(mut caller) = caller {
            // In TLS 1.3 the client has finished before its certificate is looked at.
            assert!(caller.read_u8().await.is_err(), "{refusal}");
        }
    }

    /// The same of bytes that are no TLS, and of the end after them.
    async fn refuses_bytes(&self, refusal: Refusal, bytes: &[u8]) {
        let before = self.door.refused(refusal);
        let (mut here, there) = duplex(PIPE);
        here.write_all(bytes).await.expect("it fits");
        here.shutdown().await.expect("closed");
        assert!(self.door.enter(Box::new(there)).await.is_none(), "{refusal}");
        assert_eq!(self.door.refused(refusal), before + 1, "{refusal}: {bytes:?}");
    }
}
