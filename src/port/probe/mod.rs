//! The relay calls itself from outside, by the address that Meta calls, through the whole chain: name, TCP, relay host, tunnel, TLS, and
//! the webhook's port, which hears the nonce. What answers webhooks is thereby proven even when nobody writes; and a tunnel that died
//! without a word (the classic fault of every tunnel) is found, named and built anew. Decides nothing about people: it tells the relay that
//! ingress works, like any other webhook.

mod broken;

pub use broken::{Broken, Part};

use super::clock::Clock;
use super::knock::{Knocks, WEBHOOK};
use super::link::{Condition, Link};
use super::outward::Outward;
use super::trust::{Roots, believing};
use super::{Arrival, Inbox};
use crate::config::ProbeConfig;
use crate::domain::event::Event;
use anyhow::anyhow;
use rustls::pki_types::ServerName;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Between two calls that succeed: three of them fit into the gap in which ingress still counts as proven (`domain::INGRESS_GAP`, 15
/// minutes), and each costs 5 kB.
const EVERY: Duration = Duration::from_secs(4 * 60);
/// After one that fails, doubled each time up to the second: right after a start the certificate is still being fetched, and a name or a
/// tunnel that is being repaired shall be seen soon.
const AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// For TLS and the answer, after the connection: a webhook of Meta's waits 5 to 10 s.
const ANSWER: Duration = Duration::from_secs(15);
/// At the start the tunnel gets so long to come up, and what is needed for an answer a little more: what is about to work is not to be
/// called broken.
const START: Duration = Duration::from_secs(10);
/// Calls that nothing came of in a row, while everything before the tunnel works: the first may have met a moment's outage. After a new
/// session that did not help they are twice as many, up to the second, which take a quarter of an hour: then it was not the session, and
/// each new one costs what is under way in the old one.
const DEAD_AFTER: (u32, u32) = (2, 32);
/// An answer has 200 bytes; whatever is longer is not a relay's.
const LONGEST: u64 = 16 * 1024;

/// The tunnel, as far as a probe is concerned.
pub struct Tunnelling<'a> {
    /// Whether its session is up.
    pub link: &'a Link,
    /// Tears the session down and builds another.
    pub rebuild: &'a (dyn Fn() + Sync),
}

/// One who calls.
pub struct Probe {
    config: ProbeConfig,
    outward: Outward,
    connector: TlsConnector,
    name: ServerName<'static>,
    knocks: Knocks,
}

impl Probe {
    /// One that calls by `outward`.
    ///
    /// # Errors
    /// If the name or the certificates cannot be used: a German sentence.
    pub fn new(config: ProbeConfig, outward: Outward, knocks: Knocks, clock: &Clock) -> anyhow::Result<Probe> {
        let tls = believing(Roots::Mozillas(config.extra_roots.as_deref()), clock).map_err(|why| anyhow!("egress.ca_file: {why}"))?;
        let mut tls = tls.with_no_client_auth();
        // As Meta does it: each call proves the whole handshake.
        tls.resumption = rustls::client::Resumption::disabled();
        let name = ServerName::try_from(config.host.clone())?;
        Ok(Probe { config, outward, connector: TlsConnector::from(Arc::new(tls)), name, knocks })
    }

    /// Calls once.
    ///
    /// # Errors
    /// Which part of the chain is broken. `up`: whether the tunnel's session is; nothing if there is no tunnel of ours.
    pub async fn call(&self, up: Option<bool>) -> Result<(), Broken> {
        let expected = self.knocks.expect(nonce());
        let before = self.knocks.visits();
        let outcome = self.ask(&expected.path()).await.map(|answer| answer.status);
        // Whether anybody came to our door meanwhile tells on which side of it the fault is.
        let visited = self.knocks.visits() != before;
        match outcome {
            Ok(204) if expected.was_heard() => Ok(()),
            Ok(204) => Err(Broken::at(Part::RelayHost, "an other device answers under this name")),
            Ok(status) if visited => Err(Broken::at(Part::Device, &format!("HTTP {status}"))),
            Ok(status) => Err(Broken::at(Part::RelayHost, &format!("something else answers: HTTP {status}"))),
            Err(broken) => Err(broken.placed(visited, up)),
        }
    }

    /// Asks what Meta asks before it delivers to an address (WhatsApp docs: create-webhook-endpoint, verification requests): whether who
    /// answers there knows `verify_token`.
    ///
    /// # Errors
    /// Which part of the chain is broken.
    pub async fn challenge(&self, verify_token: &str) -> Result<bool, Broken> {
        let challenge = nonce().to_string();
        let token = percent_encoding::utf8_percent_encode(verify_token, percent_encoding::NON_ALPHANUMERIC);
        let path = format!("{WEBHOOK}?hub.mode=subscribe&hub.challenge={challenge}&hub.verify_token={token}");
        let answer = self.ask(&path).await?;
        match answer.status {
            200 => Ok(answer.body == challenge.as_bytes()),
            403 => Ok(false),
            status => Err(Broken::at(Part::Device, &format!("HTTP {status}"))),
        }
    }

    async fn ask(&self, path: &str) -> Result<Answer, Broken> {
        let stream = self.outward.connect(&self.config.host, self.config.port).await.map_err(Broken::Way)?;
        let asked = async {
            let stream = self.connector.connect(self.name.clone(), stream).await.map_err(Broken::tls)?;
            exchange(stream, &self.config.host, path).await
        };
        timeout(ANSWER, asked).await.unwrap_or(Err(Broken::Silent))
    }
}

/// What came back.
struct Answer {
    status: u16,
    body: Vec<u8>,
}

/// One request. The other side closes after the answer.
async fn exchange(mut stream: TlsStream<TcpStream>, host: &str, path: &str) -> Result<Answer, Broken> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(Broken::Cut)?;
    stream.flush().await.map_err(Broken::Cut)?;
    let mut answer = Vec::new();
    let ended = stream.take(LONGEST).read_to_end(&mut answer).await;
    // However it ends, what was said before counts.
    let end = match (answer.windows(4).position(|bytes| bytes == b"\r\n\r\n"), ended) {
        (Some(end), _) => end,
        (None, Err(error)) => return Err(Broken::Cut(error)),
        (None, Ok(0)) => return Err(Broken::Cut(std::io::ErrorKind::UnexpectedEof.into())),
        (None, Ok(_)) => return Err(Broken::Nonsense),
    };
    let body = answer.split_off(end + 4);
    let status = std::str::from_utf8(&answer).ok().and_then(|head| head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    Ok(Answer { status: status.ok_or(Broken::Nonsense)?, body })
}

/// Nobody can guess it.
fn nonce() -> u128 {
    // Without randomness it may be guessed, and a stranger who does learns that it is expected.
    u128::from(getrandom::u64().unwrap_or_default()) << 64 | u128::from(getrandom::u64().unwrap_or_default())
}

/// Calls again and again, and says on `link` how the chain fares. `webhook` is the link of Meta's own webhooks.
pub async fn run(probe: &Probe, tunnel: Option<Tunnelling<'_>>, clock: &Clock, inbox: &Inbox, webhook: &Link, link: &Link) -> Infallible {
    let (mut dead, mut enough, mut said, mut again) = (0, DEAD_AFTER.0, None, AGAIN.0);
    let mut visits = probe.knocks.visits();
    if let Some(tunnel) = &tunnel {
        // If it does not, that is what the first call finds.
        let _ = timeout(START, tunnel.link.reached()).await;
    }
    tokio::time::sleep(AGAIN.0).await;
    loop {
        let up = tunnel.as_ref().map(|tunnel| tunnel.link.view().condition == Condition::Up);
        let began = clock.now();
        let pause = match probe.call(up).await {
            Ok(()) => {
                tracing::debug!(millis = clock.now().since(began), "the public address answers");
                link.up();
                if said.take().is_some() {
                    tracing::info!("the public address answers again");
                }
                (dead, enough, again) = (0, DEAD_AFTER.0, AGAIN.0);
                // While Meta's own are refused (another certificate, another secret), that we get through proves nothing of them.
                if !matches!(webhook.view().condition, Condition::Down(_)) {
                    // A relay that is gone needs no proof.
                    let _ = inbox.send(Arrival::told(Event::Proof)).await;
                }
                EVERY
            }
            Err(broken) => {
                link.down(broken.sentence(&probe.config.host));
                if said != Some(broken.part()) {
                    said = Some(broken.part());
                    tracing::warn!(part = ?broken.part(), %broken, "the public address does not lead to this relay");
                }
                // Whoever comes to our door between two calls came through the tunnel: it lives, and only our calls do not get so far.
                let lives = probe.knocks.visits() != visits;
                dead = if broken.is_behind_the_host() && !lives { dead + 1 } else { 0 };
                if let Some(tunnel) = tunnel.as_ref().filter(|_| dead >= enough && up == Some(true)) {
                    tracing::warn!("nothing comes through the tunnel: it is built anew");
                    (tunnel.rebuild)();
                    (dead, enough) = (0, (enough * 2).min(DEAD_AFTER.1));
                }
                let pause = again;
                again = (again * 2).min(AGAIN.1);
                pause
            }
        };
        visits = probe.knocks.visits();
        tokio::time::sleep(pause).await;
    }
}
