//! Meta's own certificate: shown, missing, and wrong in every way.

use super::{Authority, House, META, OURS, Shown};
use drk_relay::config::{TlsConfig, TlsServer};
use drk_relay::port::certificates::Certificates;
use drk_relay::port::clock::Clock;
use drk_relay::port::link::Link;
use drk_relay::port::tls::{Door, Refusal};
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use std::sync::Arc;

#[tokio::test]
async fn meta_is_known_by_its_name_and_stays_known() {
    let authority = Authority::new();
    let house = House::new(false, Some(authority.pem()));
    for version in [&TLS12, &TLS13] {
        for (names, common) in [(&[][..], &[META][..]), (&[META], &[]), (&["other.example", META], &["somebody"])] {
            let client = Arc::new(house.client(&[version], Some(authority.client(names, common, |_| {}))));
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
                let (caller, proven) = house.greets(&[], OURS, &client).await;
                assert_eq!((caller.get_ref().1.handshake_kind(), proven), (Some(kind), true), "{names:?} {common:?}");
            }
        }
    }
}

#[tokio::test]
async fn nobody_else_is_proven() {
    let authority = Authority::new();
    let house = House::new(false, Some(authority.pem()));
    for version in [&TLS12, &TLS13] {
        // A probe, or a stranger: also when they come again.
        let client = Arc::new(house.client(&[version], None));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (caller, proven) = house.greets(&[], OURS, &client).await;
            assert_eq!((caller.get_ref().1.handshake_kind(), proven), (Some(kind), false));
        }
        let wrong: [(Refusal, Shown); 8] = [
            (Refusal::NotMeta, authority.client(&[], &["somebody"], |_| {})),
            (Refusal::NotMeta, authority.client(&[], &[], |_| {})),
            (
                Refusal::NotMeta,
                authority.client(&["evil.client.webhooks.fbclientcerts.com"], &["x client.webhooks.fbclientcerts.com"], |_| {}),
            ),
            (Refusal::NotMeta, authority.client(&[], &[META, "somebody"], |_| {})),
            (Refusal::Issuer, Authority::new().client(&[META], &[META], |_| {})),
            (Refusal::Expired, authority.client(&[META], &[META], |params| params.not_after = date_time_ymd(2020, 4, 15))),
            (Refusal::Expired, authority.client(&[META], &[META], |params| params.not_before = date_time_ymd(2090, 1, 1))),
            (
                Refusal::Certificate,
                authority.client(&[META], &[META], |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
            ),
        ];
        for (refusal, shown) in wrong {
            house.refuses(refusal, &[], OURS, &Arc::new(house.client(&[version], Some(shown)))).await;
        }
    }
}

#[test]
fn roots_that_are_none_are_said_to_be_so() {
    for (roots, word) in
        [(&b""[..], "darin ist kein Zertifikat"), (b"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n", "beschädigt")]
    {
        let encrypted = Some(TlsServer { name: OURS.to_owned(), meta_roots: Some(roots.to_vec()) });
        let error = Door::new(&TlsConfig { proxy_protocol: false, encrypted }, &Certificates::new(), &Link::new(Clock::System))
            .expect_err("no roots");
        assert!(error.to_string().contains(word), "{error}");
    }
}
