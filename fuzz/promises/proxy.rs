//! What holds for the front of any connection that has to begin with a PROXY header. Knows no case: those are in tests/ports/door.

use drk_relay::port::tls::proxy::{Caller, LIMIT, Malformed, read};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Before its length is known.
const FIXED: usize = 16;
/// On behalf of somebody with an IPv4 address: everything but the length and what follows.
const INET: &[u8; 14] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11";
const ADDRESSES: [u8; 12] = [0; 12];
/// How TLS goes on behind it.
const BEHIND: &[u8] = b"\x16\x03\x01\x02\0";

/// Asserts it of these bytes: as the front of a connection, and as what a header carries. Whether they are a header.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let (outcome, rest) = take(bytes);
    match outcome {
        Ok(caller) => is_read_to_its_end(caller, &bytes[..bytes.len() - rest.len()]),
        Err(Malformed::Truncated) => assert!(bytes.len() < FIXED + LIMIT, "there was enough"),
        Err(why) => assert_eq!(take(&[bytes, BEHIND].concat()).0, Err(why), "what comes later does not matter"),
    }
    carried(bytes);
    outcome.is_ok()
}

/// What it is, and what is left behind it.
fn take(mut bytes: &[u8]) -> (Result<Caller, Malformed>, &[u8]) {
    let outcome = match pin!(read(&mut bytes)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("it waits although everything is there"),
    };
    (outcome, bytes)
}

/// Exactly the header is read, and all of it is needed.
fn is_read_to_its_end(caller: Caller, header: &[u8]) {
    let announced = usize::from(u16::from_be_bytes([header[FIXED - 2], header[FIXED - 1]]));
    assert!(header.len() == FIXED + announced && announced <= LIMIT, "{announced} bytes were announced");
    assert_eq!(take(&[header, BEHIND].concat()), (Ok(caller), BEHIND), "not one byte of TLS is read");
    for end in 0..header.len() {
        assert_eq!(take(&header[..end]).0, Err(Malformed::Truncated), "{end} bytes are no header");
    }
    for at in 0..12 {
        let mut other = header.to_vec();
        other[at] ^= 1;
        assert!(take(&other).0.is_err(), "byte {at} of the signature does not matter");
    }
}

/// Behind the addresses of a good header they are extensions or nothing, and never reach beyond it.
fn carried(bytes: &[u8]) {
    let length = ADDRESSES.len() + bytes.len();
    let Ok(announced) = u16::try_from(length) else { return };
    let header = [INET.as_slice(), &announced.to_be_bytes(), &ADDRESSES, bytes].concat();
    let whole = [&header, BEHIND].concat();
    match take(&whole) {
        (Ok(caller), rest) => assert!(caller == Caller::Client && rest == BEHIND && length <= LIMIT),
        (Err(why), _) if length > LIMIT => assert_eq!(why, Malformed::Long),
        (Err(why), _) => assert_eq!(why, Malformed::Extensions),
    }
}
