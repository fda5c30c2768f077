//! TLS at the door: names, versions, resumption, validations, and callers who mean nothing good.

use super::{House, OURS, PIPE};
use drk_relay::port::tls::{HANDSHAKE, Refusal};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

#[tokio::test]
async fn both_versions_and_whatever_protocols_are_offered() {
    let house = House::new(false, None);
    for version in [&TLS12, &TLS13] {
        for (offered, spoken) in [
            (vec![], None),
            (vec![b"http/1.1".to_vec()], Some(b"http/1.1".as_slice())),
            (vec![b"h2".to_vec(), b"http/1.1".to_vec()], Some(b"http/1.1".as_slice())),
        ] {
            let mut client = house.client(&[version], None);
            client.alpn_protocols = offered;
            let (caller, proven) = house.greets(&[], OURS, &Arc::new(client)).await;
            assert_eq!((caller.get_ref().1.alpn_protocol(), proven), (spoken, true));
        }
        let mut client = house.client(&[version], None);
        client.alpn_protocols = vec![b"h2".to_vec()];
        house.refuses(Refusal::Handshake, &[], OURS, &Arc::new(client)).await;
    }
}

#[tokio::test]
async fn our_name_no_name_and_another_name() {
    let house = House::new(false, None);
    house.greets(&[], "WA.Example", &house.plain()).await;
    // An address is no name: nothing is said.
    house.greets(&[], "127.0.0.1", &house.plain()).await;
    house.refuses(Refusal::OtherName, &[], "other.example", &house.plain()).await;
    house.refuses(Refusal::OtherName, &[], "a.wa.example", &house.plain()).await;
}

#[tokio::test]
async fn before_there_is_a_certificate_and_when_there_is_another() {
    let house = House::bare(false, None);
    assert_eq!(house.certificates.view(), None);
    house.refuses(Refusal::NoCertificate, &[], OURS, &house.plain()).await;
    let mut shown = Vec::new();
    for _ in 0..2 {
        house.certificates.show(house.authority.server(&[OURS]));
        let (caller, _) = house.greets(&[], OURS, &house.plain()).await;
        shown.push(caller.get_ref().1.peer_certificates().expect("shown")[0].clone());
    }
    assert_ne!(shown[0], shown[1]);
    let validity = house.certificates.view().expect("a certificate");
    assert!(validity.not_before < validity.not_after);
}

#[tokio::test]
async fn who_does_not_believe_us_is_counted() {
    let (house, stranger) = (House::new(false, None), House::bare(false, None));
    house.refuses(Refusal::Disbelieved, &[], OURS, &stranger.plain()).await;
}

#[tokio::test]
async fn who_comes_again_need_not_begin_anew() {
    let house = House::new(false, None);
    for version in [&TLS12, &TLS13] {
        let client = Arc::new(house.client(&[version], None));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            let (caller, _) = house.greets(&[], OURS, &client).await;
            assert_eq!(caller.get_ref().1.handshake_kind(), Some(kind), "{version:?}");
        }
    }
}

#[tokio::test]
async fn whatever_is_no_tls_is_refused_by_name() {
    let house = House::new(false, None);
    house.refuses_bytes(Refusal::Left, b"").await;
    house.refuses_bytes(Refusal::Left, b"\x16\x03\x01").await;
    house.refuses_bytes(Refusal::NoTls, b"GET /webhook HTTP/1.1\r\nHost: wa.example\r\n\r\n").await;
    house.refuses_bytes(Refusal::NoTls, b"SSH-2.0-OpenSSH_9.2\r\n").await;
    house.refuses_bytes(Refusal::NoTls, &[0; 4096]).await;
    house.refuses_bytes(Refusal::NoTls, &[0xff; 4096]).await;
    // A record of 16 kB that says nothing, and a message that promises 16 MB.
    house.refuses_bytes(Refusal::NoTls, b"\x16\x03\x01\x00\x04\x01\xff\xff\xff").await;
}

/// The bytes with which a client of ours begins.
pub(super) fn hello(client: Arc<ClientConfig>) -> Vec<u8> {
    let mut client = rustls::ClientConnection::new(client, ServerName::try_from(OURS).expect("a name")).expect("a client");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("in memory");
    bytes
}

#[tokio::test]
async fn half_a_hello_is_nothing_and_a_damaged_one_ends_the_connection() {
    let house = House::new(false, None);
    let hello = hello(house.plain());
    for end in 0..hello.len() {
        house.refuses_bytes(Refusal::Left, &hello[..end]).await;
    }
    for at in 0..hello.len() {
        let mut damaged = hello.clone();
        damaged[at] ^= 0xff;
        let (mut here, there) = duplex(PIPE);
        here.write_all(&damaged).await.expect("it fits");
        here.shutdown().await.expect("closed");
        assert!(house.door.enter(Box::new(there)).await.is_none(), "byte {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_more_is_sent_away_in_time() {
    let house = House::new(false, None);
    let hello = hello(house.plain());
    for (said, bytes) in [0, 1, 5, hello.len() - 1, hello.len()].into_iter().enumerate() {
        let (mut here, there) = duplex(PIPE);
        here.write_all(&hello[..bytes]).await.expect("it fits");
        let patience = tokio::time::timeout(HANDSHAKE + Duration::from_millis(1), house.door.enter(Box::new(there)));
        assert!(patience.await.expect("in time").is_none());
        assert_eq!(house.door.refused(Refusal::Slow), said as u64 + 1);
        drop(here);
    }
}

/// Who validates a name believes nobody: what counts is what the certificate says (RFC 8737).
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[tokio::test]
async fn who_validates_sees_the_challenge_and_nothing_else() {
    // Meta's certificate is asked for, but not of those who validate.
    let house = House::bare(false, Some(super::Authority::new().pem()));
    for version in [&TLS12, &TLS13] {
        let mut client = house.client(&[version], None);
        client.dangerous().set_certificate_verifier(Arc::new(Anybody));
        client.alpn_protocols = vec![b"acme-tls/1".to_vec()];
        let client = Arc::new(client);
        house.refuses(Refusal::NotOrdered, &[], OURS, &client).await;

        let key = house.authority.server(&[OURS]);
        let expected = key.cert[0].clone();
        let challenge = house.certificates.challenge(OURS, key);
        // From several places at once, as real ones do.
        for ((caller, visitor), ()) in
            [tokio::join!(house.call(&[], OURS, &client), async {}), tokio::join!(house.call(&[], "WA.example", &client), async {})]
        {
            let mut caller = caller.expect("a handshake");
            assert_eq!(caller.get_ref().1.alpn_protocol(), Some(b"acme-tls/1".as_slice()));
            assert_eq!(caller.get_ref().1.peer_certificates().expect("shown")[0], expected);
            assert!(visitor.is_none(), "nobody is let in");
            assert_eq!(caller.read(&mut [0]).await.expect("closed properly"), 0);
        }
        house.refuses(Refusal::NotOrdered, &[], "other.example", &client).await;
        house.refuses(Refusal::NoCertificate, &[], OURS, &house.plain()).await;
        drop(challenge);
        house.refuses(Refusal::NotOrdered, &[], OURS, &client).await;
    }
}
