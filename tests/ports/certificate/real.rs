//! Pebble signs, and looks at us through the real door.

use super::super::peers::pebble::Pebble;
use super::{JUMP, OURS, Station, acme, clock, until};
use drk_relay::config::{CertificateConfig, TlsConfig, TlsServer};
use drk_relay::domain::time::Timestamp;
use drk_relay::port::certificates::Certificates;
use drk_relay::port::clock::Clock;
use drk_relay::port::link::Link;
use drk_relay::port::tls::Door;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

/// Seconds: short, so that two thirds of it are less than the hour by which our clock may differ from pebble's.
const VALIDITY: u64 = 1200;

/// Lets everybody in who gets through the door, and says hello.
async fn house(listener: TcpListener, certificates: &Certificates) -> AbortOnDropHandle<()> {
    let encrypted = Some(TlsServer { name: OURS.to_owned(), meta_roots: None });
    let door = Door::new(&TlsConfig { proxy_protocol: false, encrypted }, certificates, &Link::new(Clock::System)).expect("a door");
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let door = door.clone();
            tokio::spawn(async move {
                if let Some(mut visitor) = door.enter(Box::new(stream)).await {
                    let _ = visitor.stream.write_all(b"hello").await;
                    let _ = visitor.stream.shutdown().await;
                }
            });
        }
    }))
}

async fn somewhere() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// What somebody hears who believes only `issuer`.
async fn visits(address: SocketAddr, issuer: &[u8]) -> String {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(issuer).expect("PEM")).expect("a root");
    let client = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.expect("connected");
    let name = ServerName::try_from(OURS).expect("a name");
    let mut stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.expect("believed");
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.expect("heard");
    heard
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[tokio::test]
async fn a_certificate_is_ordered_kept_shown_and_renewed_in_time() {
    let (listener, address) = somewhere().await;
    let pebble = Pebble::start(address.port(), VALIDITY).await;
    let folder = tempfile::tempdir().expect("a directory");
    let folder = folder.path().join("acme");
    let config = || CertificateConfig::Acme(acme(pebble.directory(), Some(pebble.roots()), &folder));

    let (clock, warp) = clock(Clock::System.now().second());
    let station = Station::start(config(), &clock, true);
    let _house = house(listener, &station.certificates).await;
    let first = station.shown().await;
    assert_eq!(visits(address, &pebble.issuer().await).await, "hello");
    station.is_up().await;

    // Only we may read it; account and certificate are all there is.
    let mut files: Vec<_> = std::fs::read_dir(&folder).expect("there").map(|entry| entry.expect("read").path()).collect();
    files.sort();
    assert_eq!(files, [folder.join("account.json"), folder.join("certificate.pem")]);
    assert_eq!((mode(&folder), mode(&files[0]), mode(&files[1])), (0o700, 0o600, 0o600));
    let kept = std::fs::read(&files[1]).expect("read");
    assert_eq!(CertificateDer::from_pem_slice(&kept).expect("PEM"), first);

    // Nothing happens until two thirds of its time have passed. Pebble has no opinion of its own.
    let validity = station.certificates.view().expect("shown");
    let due = validity.not_after.minus((validity.not_after.0 - validity.not_before.0) / 3);
    warp.run_until(due.minus(1).millis(), JUMP);
    let again = Station::start(config(), &clock, true);
    assert_eq!(again.shown().await, first, "from disk");
    again.is_up().await;
    drop(again);
    assert_eq!(station.leaf(), Some(first.clone()));
    warp.run_until(due.plus(1).millis(), JUMP);
    let second = station.another(&first).await;
    assert_eq!(visits(address, &pebble.issuer().await).await, "hello");
    let renewed = until(|| std::fs::read(&files[1]).ok().filter(|bytes| *bytes != kept)).await;
    assert_eq!(CertificateDer::from_pem_slice(&renewed).expect("PEM"), second);
    let key = |pem: &[u8]| rustls::pki_types::PrivateKeyDer::from_pem_slice(pem).expect("a key").secret_der().to_vec();
    assert_ne!(key(&kept), key(&renewed), "each certificate has a key of its own");
}

#[tokio::test]
async fn nobody_answers_where_the_name_leads() {
    let (listener, address) = somewhere().await;
    drop(listener);
    let pebble = Pebble::start(address.port(), VALIDITY).await;
    let folder = tempfile::tempdir().expect("a directory");
    let clock = Clock::System;
    let station = Station::start(CertificateConfig::Acme(acme(pebble.directory(), Some(pebble.roots()), folder.path())), &clock, true);
    let why = station.complains("lehnt ab").await;
    assert!(
        why.contains("for the tls-alpn-01 challenge") && why.contains("von wa.example auf den Relay-Host? Ist dort Port 443 offen"),
        "{why}"
    );
    assert_eq!(station.leaf(), None);
}

#[tokio::test]
async fn nothing_is_ordered_by_a_wrong_clock() {
    let pebble = Pebble::start(1, VALIDITY).await;
    let folder = tempfile::tempdir().expect("a directory");
    let now = Clock::System.now().second();
    for wrong in [now.plus(3700), now.minus(3700), Timestamp(0)] {
        let (clock, _warp) = clock(wrong);
        let config = CertificateConfig::Acme(acme(pebble.directory(), Some(pebble.roots()), folder.path()));
        let station = Station::start(config, &clock, true);
        let why = station.complains("die Uhr geht falsch").await;
        assert!(why.contains("Zeitserver"), "{why}");
        assert!(!folder.path().join("account.json").exists(), "not even an account");
    }
}

#[tokio::test]
async fn an_authority_that_proves_nothing_is_not_asked() {
    let pebble = Pebble::start(1, VALIDITY).await;
    let folder = tempfile::tempdir().expect("a directory");
    let station = Station::start(CertificateConfig::Acme(acme(pebble.directory(), None, folder.path())), &Clock::System, true);
    let why = station.complains("Zertifikat der Zertifizierungsstelle selbst").await;
    assert!(why.contains("Uhrzeit") && why.contains("Wurzelzertifikat"), "{why}");
}
