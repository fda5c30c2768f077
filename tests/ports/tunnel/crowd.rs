//! Strangers at the relay host's socket, and the real webhook port behind the real door at this end of the tunnel: whatever they do, an
//! everyday webhook through the same session is answered, and the session stays the same one.

use super::{Running, pace};
use crate::door::crowd::{Caller, Street};
use crate::peers::sshd::Host;
use crate::program::within;
use drk_relay::port::link::Condition;
use drk_relay::port::stream::Source;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

/// A webhook port that is reached through a tunnel.
struct Behind {
    host: Host,
    running: Running,
    caller: Caller,
    _street: Street,
}

impl Behind {
    async fn a_tunnel() -> Behind {
        let host = Host::start("").await;
        let mut running = Running::to(&host, pace());
        running.up().await;
        let (_, none) = mpsc::channel(1);
        let street = Street::open(Source::Handed(std::mem::replace(&mut running.streams, none)));
        let caller = street.caller(host.branch().socket("in.sock").into());
        caller.is_heard().await;
        Behind { host, running, caller, _street: street }
    }

    /// It has never been lost.
    fn is_the_first_session(&self) {
        assert_eq!(self.running.link.view().condition, Condition::Up);
        assert_eq!(self.host.log().matches("Accepted publickey").count(), 1, "it logged in again");
    }
}

/// As many requests as one connection has: their answers fit into what the relay host takes for who does not read, so all of them are
/// taken, and nobody else has to wait until they are read.
#[tokio::test]
async fn who_asks_and_does_not_read_disturbs_nobody() {
    const QUESTIONS: usize = 10_000;
    let behind = Behind::a_tunnel().await;
    let mut asking = Vec::new();
    for _ in 0..8 {
        let mut stranger = within(behind.caller.enter()).await.expect("let in");
        asking.push(tokio::spawn(async move {
            stranger.write_all(&b"GET /webhook HTTP/1.1\r\nHost: x\r\n\r\n".repeat(QUESTIONS)).await.expect("taken");
            stranger.flush().await.expect("taken");
            stranger
        }));
    }
    within(async {
        while asking.iter().any(|asking| !asking.is_finished()) {
            behind.caller.is_heard().await;
        }
    })
    .await;
    behind.caller.is_heard().await;
    for asking in asking {
        let (mut stranger, mut answers) = (asking.await.expect("no panic"), Vec::new());
        within(stranger.read_to_end(&mut answers)).await.expect("all of them, and the end");
        assert_eq!(answers.windows(12).filter(|bytes| bytes == b"HTTP/1.1 403").count(), QUESTIONS);
    }
    behind.is_the_first_session();
}

#[tokio::test]
async fn three_hundred_who_say_nothing_disturb_nobody() {
    let behind = Behind::a_tunnel().await;
    let mut silent = Vec::new();
    for nth in 0..300 {
        silent.push(behind.caller.connect().await);
        if nth % 10 == 0 {
            behind.caller.is_heard().await;
        }
    }
    behind.caller.is_heard().await;
    behind.is_the_first_session();
}
