//! The tunnel against a real sshd, and against one that is hostile.

mod command;
mod crowd;
mod egress;
mod forward;
mod host;
mod hostile;
mod outages;
mod refusals;

use crate::peers::sshd::{Branch, Host};
use crate::program::until;
use drk_relay::config::{TunnelConfig, TunnelForward};
use drk_relay::port::clock::Clock;
use drk_relay::port::link::{Condition, Link};
use drk_relay::port::outward::Outward;
use drk_relay::port::stream::Stream;
use drk_relay::port::tunnel::{Pace, Tunnel};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

/// The same behaviour in less time. What tells a dead relay host from a slow one is as patient as at work: the machine may be busy.
fn pace() -> Pace {
    Pace {
        first: Duration::from_millis(50),
        longest: Duration::from_millis(200),
        refused: Duration::from_millis(300),
        stale: Duration::from_millis(100),
        stale_attempts: 10,
        breath: Duration::from_millis(10),
        proved: Duration::from_millis(300),
        ..Pace::default()
    }
}

/// A dead relay host is noticed after two seconds instead of a minute.
fn hasty() -> Pace {
    Pace { keepalive: Duration::from_millis(500), inactivity: Duration::from_secs(3), step: Duration::from_secs(3), ..pace() }
}

/// As a branch's relay.toml would have it.
fn config(address: SocketAddr, host_key: String, branch: &Branch, forward: TunnelForward) -> TunnelConfig {
    TunnelConfig {
        host: address.ip().to_string(),
        port: address.port(),
        user: branch.user.clone(),
        key: branch.key.clone().into(),
        host_key,
        forward,
    }
}

/// A tunnel that runs.
struct Running {
    tunnel: Tunnel,
    streams: mpsc::Receiver<Stream>,
    link: Link,
    _task: AbortOnDropHandle<()>,
}

impl Running {
    fn start(config: TunnelConfig, pace: Pace) -> Running {
        let link = Link::new(Clock::System);
        let (tunnel, streams) = Tunnel::paced(config, Outward::Direct, link.clone(), pace).expect("keys");
        let running = tunnel.clone();
        let task = AbortOnDropHandle::new(tokio::spawn(async move { match running.run().await {} }));
        Running { tunnel, streams, link, _task: task }
    }

    /// To the first branch's `in.sock`.
    fn to(host: &Host, pace: Pace) -> Running {
        let branch = host.branch();
        let forward = TunnelForward::Unix(branch.socket("in.sock"));
        Running::start(config(host.address(), host.host_key(), &branch, forward), pace)
    }

    async fn up(&self) {
        until(async || (self.link.view().condition == Condition::Up).then_some(())).await;
    }

    /// Waits until it is down for a reason with these words, and shows the sentence.
    async fn down(&self, words: &str) -> String {
        let look = async || match self.link.view().condition {
            Condition::Down(why) if why.contains(words) => Some(why),
            Condition::Down(_) | Condition::Up | Condition::Untried => None,
        };
        until(look).await
    }

    /// From now on everybody who comes through hears what he said.
    fn echo(&mut self) -> AbortOnDropHandle<()> {
        let (_, none) = mpsc::channel(1);
        let mut streams = std::mem::replace(&mut self.streams, none);
        AbortOnDropHandle::new(tokio::spawn(async move {
            while let Some(stream) = streams.recv().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = split(stream);
                    // How it ends is for the caller to see.
                    if copy(&mut from, &mut to).await.is_ok() {
                        let _ = to.shutdown().await;
                    }
                });
            }
        }))
    }
}

/// Whether somebody answers at the socket by repeating what is said. A session that is frozen still has the socket: the kernel lets callers
/// in, and nobody comes.
async fn echoes(socket: &str) -> Option<()> {
    let asked = async {
        let mut stream = UnixStream::connect(socket).await.ok()?;
        said_again(&mut stream).await.ok().filter(|same| *same).map(|_| ())
    };
    timeout(Duration::from_millis(200), asked).await.ok().flatten()
}

async fn said_again(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin)) -> std::io::Result<bool> {
    stream.write_all(b"Hallo").await?;
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).await?;
    Ok(&heard == b"Hallo")
}

/// Milliseconds on the wall clock, to print how long something took.
fn now() -> u64 {
    Clock::System.now().0
}
