//! chronyd's word on whether it has set the system's clock: one question and one answer of its command protocol, version 6 (chrony's
//! `candm.h`; the same in chrony 2.2 to 4). Anybody on this machine may ask. Sets nothing.
//!
//! What chronyd says by itself (`local` in its configuration), without having heard of anybody who knows the time, does not count.

use crate::domain::time::Millis;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// On loopback an answer comes at once, or never.
const PATIENCE: Duration = Duration::from_millis(500);
/// `PROTO_VERSION_NUMBER`.
const VERSION: u8 = 6;
/// `PKT_TYPE_CMD_REQUEST` and `PKT_TYPE_CMD_REPLY`.
const TYPES: (u8, u8) = (1, 2);
/// `REQ_TRACKING`, and `RPY_TRACKING` which answers it.
const TRACKING: (u16, u16) = (33, 5);
/// Where the answer's header ends.
const HEAD: usize = 28;
/// Header and `RPY_Tracking`. A question must not be shorter than its answer: nobody is flooded by way of chronyd.
const LENGTH: usize = HEAD + 76;
/// `LEAP_Unsynchronised`.
const UNSYNCHRONISED: u16 = 3;
/// chronyd refers to itself by 127.127.1.1.
const ITSELF: u32 = 0x7F7F_0101;
/// In seconds. chronyd corrects by slewing; while more is left than a trusted clock may follow, the system's is not right yet.
const LEFT: f64 = 1.0;

/// When chronyd, which answers there, has last set the system's clock by somebody who knows the time; `None`: it has not, or there is none.
pub(super) async fn synchronised(chronyd: SocketAddr) -> Option<Millis> {
    let asked = async {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.ok()?;
        socket.connect(chronyd).await.ok()?;
        let sequence = getrandom::u32().ok()?;
        socket.send(&question(sequence)).await.ok()?;
        let mut answer = [0; LENGTH];
        let length = socket.recv(&mut answer).await.ok()?;
        understood(answer.get(..length)?, sequence)
    };
    timeout(PATIENCE, asked).await.ok().flatten()
}

fn question(sequence: u32) -> [u8; LENGTH] {
    let mut question = [0; LENGTH];
    let head = [&[VERSION, TYPES.0, 0, 0][..], &TRACKING.0.to_be_bytes(), &[0, 0], &sequence.to_be_bytes()].concat();
    for (byte, said) in question.iter_mut().zip(head) {
        *byte = said;
    }
    question
}

/// What an answer to this question says. Anything else says nothing.
fn understood(answer: &[u8], sequence: u32) -> Option<Millis> {
    let short = |at: usize| Some(u16::from_be_bytes(answer.get(at..at + 2)?.try_into().ok()?));
    let long = |at: usize| Some(u32::from_be_bytes(answer.get(at..at + 4)?.try_into().ok()?));
    let ours = answer.first_chunk() == Some(&[VERSION, TYPES.1]) && short(4)? == TRACKING.0 && short(6)? == TRACKING.1;
    // Status 0: success.
    if !ours || short(8)? != 0 || long(16)? != sequence {
        return None;
    }
    // Reference, its address (20 bytes), stratum, leap status, time (seconds in two halves, nanoseconds), correction.
    let (reference, leap) = (long(HEAD)?, short(HEAD + 26)?);
    let (seconds, nanoseconds) = (u64::from(long(HEAD + 28)?) << 32 | u64::from(long(HEAD + 32)?), long(HEAD + 36)?);
    let correction = float(long(HEAD + 40)?);
    let set = leap != UNSYNCHRONISED && ![0, ITSELF].contains(&reference) && correction.abs() <= LEFT;
    set.then(|| Millis(seconds.saturating_mul(1_000).saturating_add(u64::from(nanoseconds / 1_000_000))))
}

/// chrony's own floating point: seven bits of exponent, 25 of coefficient, both signed.
fn float(raw: u32) -> f64 {
    let (exponent, coefficient) = (raw.cast_signed() >> 25, raw.cast_signed() << 7 >> 7);
    f64::from(coefficient) * 2_f64.powi(exponent - 25)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer as chronyd 4.3 gave it to question 7, synchronised to another one on the same machine.
    const ANSWER: &str = "060200000021000500000000000000000000000700000000000000007f0000017f00000100000000000000000000000000010000\
                          00090000000000006b07d0e7048f7570dd27a699d8953b34daddf598048d66c3fe9e60c0089d611fe0b0ffe8def75906fc812ee8";

    fn answer() -> Vec<u8> {
        (0..LENGTH).map(|at| u8::from_str_radix(&ANSWER[2 * at..2 * at + 2], 16).expect("two digits")).collect()
    }

    fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut changed = answer();
        changed.splice(at..at + bytes.len(), bytes.iter().copied());
        changed
    }

    #[test]
    fn an_answer_says_when_the_clock_was_set() {
        assert_eq!(understood(&answer(), 7), Some(Millis(1_795_674_343_076)));
        let table = [
            ("another question's", with(19, &[8])),
            ("a question", with(1, &[1])),
            ("another version", with(0, &[5])),
            ("another command", with(5, &[34])),
            ("another reply", with(7, &[6])),
            ("refused", with(9, &[2])),
            ("not synchronised", with(HEAD + 26, &[0, 3])),
            ("no reference", with(HEAD, &[0, 0, 0, 0])),
            ("itself", with(HEAD, &[0x7F, 0x7F, 1, 1])),
            ("two seconds are left", with(HEAD + 40, &(3_u32 << 25 | (1 << 23)).to_be_bytes())),
            ("cut short", answer()[..HEAD + 43].to_vec()),
            ("nothing", Vec::new()),
        ];
        for (what, answer) in table {
            assert_eq!(understood(&answer, 7), None, "{what}");
        }
        assert_eq!(understood(&with(HEAD + 28, &[255; 12]), 7), Some(Millis(u64::MAX)), "no time that a clock could show");
    }

    /// Debian's chronyd, which leaves this machine's clock alone (`-x`).
    fn chronyd(directory: &std::path::Path, name: &str, cmdport: u16, more: &str) -> tokio::process::Child {
        let path = directory.join(name);
        let text = format!(
            "{more}\ncmdport {cmdport}\nbindcmdaddress 127.0.0.1\nbindcmdaddress {path}.sock\npidfile {path}.pid\nuser root\n",
            path = path.display()
        );
        std::fs::write(&path, text).expect("written");
        let mut command = tokio::process::Command::new("/usr/sbin/chronyd");
        command.args(["-x", "-d", "-U", "-f"]).arg(path).kill_on_drop(true);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().expect("chrony is installed")
    }

    #[tokio::test]
    async fn debians_chronyd_says_when_it_has_heard_of_somebody_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let sockets = [0; 3].map(|_| std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
        let [ntp, first, second] = sockets.map(|socket| socket.local_addr().expect("an address").port());
        let address = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert_eq!(synchronised(address(second)).await, None, "nobody is there");
        let serves = format!("local stratum 8\nallow 127.0.0.1\nbindaddress 127.0.0.1\nport {ntp}");
        let _one = chronyd(directory.path(), "one", first, &serves);
        let _other =
            chronyd(directory.path(), "other", second, &format!("server 127.0.0.1 port {ntp} iburst minpoll -4 maxpoll -4\nport 0"));
        let before = super::super::reading::system();
        let set = async {
            loop {
                if let Some(at) = synchronised(address(second)).await {
                    return at;
                }
                // waits: chronyd has no signal for it.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let at = timeout(Duration::from_secs(60), set).await.expect("it is synchronised");
        assert!(at.0.abs_diff(before.0) < 60_000, "{at:?} and {before:?}");
        assert_eq!(synchronised(address(first)).await, None, "it only has itself");
    }

    #[test]
    fn its_numbers_are_its_own() {
        let raw = |exponent: i32, coefficient: i32| (exponent << 25 | coefficient & 0x1FF_FFFF).cast_unsigned();
        assert_eq!([raw(2, 1 << 23), raw(0, -(1 << 24)), raw(-2, 1 << 23), 0].map(float), [1.0, -0.5, 0.0625, 0.0]);
    }
}
