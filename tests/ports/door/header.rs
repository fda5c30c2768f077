//! The header of the PROXY protocol in front of TLS, and in front of nothing.

use super::{House, OURS, PIPE};
use drk_relay::config::TlsConfig;
use drk_relay::port::certificates::Certificates;
use drk_relay::port::clock::Clock;
use drk_relay::port::link::Link;
use drk_relay::port::tls::proxy::{LIMIT, Malformed};
use drk_relay::port::tls::{Door, Refusal};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
pub(super) const IPV4: [u8; 12] = [203, 0, 113, 7, 192, 0, 2, 1, 0xd4, 0x31, 0x01, 0xbb];

/// Version and command, family, and what follows.
pub(super) fn header(version_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
    [SIGNATURE.as_slice(), &[version_command, family], &length, rest].concat()
}

/// As HAProxy writes them with `send-proxy-v2`, with options, and for its health checks.
pub(super) fn good() -> Vec<Vec<u8>> {
    let authority = [2, 0, 10].iter().chain(b"wa.example").copied().collect::<Vec<_>>();
    let checksum = [3, 0, 4, 1, 2, 3, 4];
    let empty = [4, 0, 0];
    vec![
        header(0x21, 0x11, &IPV4),
        header(0x21, 0x11, &[IPV4.as_slice(), &authority, &checksum, &empty].concat()),
        header(0x21, 0x21, &[0x20; 36]),
        header(0x21, 0x31, &[0; 216]),
        header(0x21, 0x00, &[]),
        header(0x21, 0x00, &[0xff; 7]),
        header(0x20, 0x00, &[]),
        header(0x20, 0xff, &[0xff; LIMIT]),
    ]
}

#[tokio::test]
async fn behind_a_header_tls_begins_at_once() {
    let house = House::new(true, None);
    for header in good() {
        house.greets(&header, OURS, &house.plain()).await;
    }
}

#[tokio::test]
async fn whatever_is_no_header_is_refused_by_name() {
    let house = House::new(true, None);
    let long = u16::try_from(LIMIT).expect("short") + 1;
    let mut short = IPV4.to_vec();
    short.pop();
    let too_far = [IPV4.as_slice(), &[1, 0, 2, 0]].concat();
    let half = [IPV4.as_slice(), &[1, 0]].concat();
    let table: Vec<(Malformed, Vec<u8>)> = vec![
        (Malformed::Truncated, vec![]),
        (Malformed::Truncated, b"\r".to_vec()),
        (Malformed::Signature, b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        (Malformed::Signature, b"\r\n\r\n\0\r\nQUIT\r1234".to_vec()),
        (Malformed::Version1, b"PROXY TCP4 203.0.113.7 192.0.2.1 54321 443\r\n".to_vec()),
        (Malformed::Version, header(0x11, 0x11, &IPV4)),
        (Malformed::Version, header(0x31, 0x11, &IPV4)),
        (Malformed::Command, header(0x22, 0x11, &IPV4)),
        (Malformed::Family, header(0x21, 0x12, &IPV4)),
        (Malformed::Family, header(0x21, 0x41, &IPV4)),
        (Malformed::Long, [SIGNATURE.as_slice(), &[0x21, 0x11], &long.to_be_bytes()].concat()),
        (Malformed::Long, header(0x20, 0x00, &[0; LIMIT + 1])),
        (Malformed::Short, header(0x21, 0x11, &short)),
        (Malformed::Short, header(0x21, 0x21, &[0; 35])),
        (Malformed::Short, header(0x21, 0x31, &[])),
        (Malformed::Extensions, header(0x21, 0x11, &too_far)),
        (Malformed::Extensions, header(0x21, 0x11, &half)),
    ];
    for (why, bytes) in table {
        house.refuses_bytes(Refusal::Header(why), &bytes).await;
    }
    for good in good() {
        for end in 0..good.len() {
            house.refuses_bytes(Refusal::Header(Malformed::Truncated), &good[..end]).await;
        }
    }
    // Who comes to us without the relay host has no header.
    house.refuses(Refusal::Header(Malformed::Signature), &[], OURS, &house.plain()).await;
}

#[tokio::test]
async fn a_header_that_nobody_expects_is_no_tls() {
    let house = House::new(false, None);
    for header in good() {
        house.refuses_bytes(Refusal::NoTls, &header).await;
    }
}

#[tokio::test]
async fn without_tls_the_rest_is_what_the_visitor_says() {
    let door =
        Door::new(&TlsConfig { proxy_protocol: true, encrypted: None }, &Certificates::new(), &Link::new(Clock::System)).expect("a door");
    let (mut here, there) = duplex(PIPE);
    here.write_all(&[good()[1].as_slice(), b"GET /"].concat()).await.expect("it fits");
    here.shutdown().await.expect("closed");
    let mut visitor = door.enter(Box::new(there)).await.expect("let in");
    let mut rest = Vec::new();
    visitor.stream.read_to_end(&mut rest).await.expect("read");
    assert_eq!((rest.as_slice(), visitor.proven), (b"GET /".as_slice(), true));
}

#[tokio::test]
async fn without_anything_the_stream_passes_untouched() {
    let door =
        Door::new(&TlsConfig { proxy_protocol: false, encrypted: None }, &Certificates::new(), &Link::new(Clock::System)).expect("a door");
    let (mut here, there) = duplex(PIPE);
    // Nothing has been said yet, and nobody waits for it.
    let mut visitor = door.enter(Box::new(there)).await.expect("let in");
    here.write_all(b"\x16\x03\x01").await.expect("it fits");
    here.shutdown().await.expect("closed");
    let mut rest = Vec::new();
    visitor.stream.read_to_end(&mut rest).await.expect("read");
    assert_eq!(rest, b"\x16\x03\x01");
}

#[tokio::test(start_paused = true)]
async fn a_header_a_byte_a_second_takes_too_long() {
    let house = House::new(true, None);
    for header in good() {
        let (mut here, there) = duplex(PIPE);
        let trickle = async {
            for byte in &header {
                here.write_all(&[*byte]).await.expect("it fits");
                // waits: that is how slow they are; the clock is paused.
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
            std::future::pending::<()>().await;
        };
        let before = house.door.refused(Refusal::Slow);
        tokio::select! {
            () = trickle => {}
            entered = house.door.enter(Box::new(there)) => assert!(entered.is_none()),
        }
        assert_eq!(house.door.refused(Refusal::Slow), before + 1);
    }
}
