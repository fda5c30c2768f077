//! The line to the broker: name lookup, TCP, TLS, and a knife for monsters. Speaks no MQTT and keeps no session: that is rumqttc's.
//!
//! rumqttc takes no stream of ours. It does connect to a Unix socket, so it gets one whose other end is here:
//!
//! ```text
//!   rumqttc ◀──▶ socket of this process ◀──▶ line ◀── cut ── TLS ── TCP ──▶ broker
//! ```
//!
//! That buys three things. A message of any size passes without costing memory or the connection ([`super::cut`]). Certificates are checked
//! by the one rustls of the whole tree, while rumqttc's own features for it bring a second, outdated webpki with open advisories. And what
//! is wrong (the name, the route, the certificate) is known, instead of guessed from a library's text.

use super::connection::Connection;
use super::cut::Cutter;
use super::tls::{self, Distrust, Unusable};
use crate::config::MqttConfig;
use crate::port::clock::Clock;
use crate::port::outward::{self, NoWay, Outward};
use rustls::pki_types::ServerName;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::either::Either;
use tracing::warn;

/// Connection and TLS on a slow mobile line. Shorter than rumqttc's own limit, so that the reason is told here.
pub(super) const CONNECT: Duration = outward::CONNECT.saturating_add(Duration::from_secs(5));
/// A remaining length of sixty-four times what a message of the contract may have. Larger publishes are cut to it; more than the longest
/// topic (65,535 bytes), so that topic and packet id survive.
pub(super) const PACKET: usize = 256 * 1024;
/// Bytes read at once.
const BUFFER: usize = 16 * 1024;
/// A broker takes in a few acknowledgements at once, or it hangs.
const FAREWELL: Duration = Duration::from_secs(1);
/// No sockets left: that changes only slowly.
const EXHAUSTED: Duration = Duration::from_secs(10);

/// Why the line is down.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("the name is unknown: {0}")]
    Name(io::Error),
    #[error("no answer in time")]
    Silent,
    #[error("{0}")]
    Io(io::Error),
    #[error("{0}")]
    Proxy(NoWay),
    #[error("closed by the broker")]
    Closed,
    #[error("{0}")]
    Distrust(Distrust),
    #[error("the broker ends the TLS handshake ({0}): is this its port for TLS?")]
    Handshake(io::Error),
    #[error("the host is neither a name nor an address that a certificate could have")]
    Host,
    #[error("{0}")]
    Unusable(#[from] Unusable),
}

impl Broken {
    /// For the technician, with what can be done about it.
    pub(super) fn sentence(&self) -> String {
        match self {
            Broken::Name(why) => format!("der Name des Brokers lässt sich nicht auflösen ({why}). Abhilfe: host und das Netz prüfen"),
            Broken::Silent => "der Broker antwortet nicht. Abhilfe: host, port und das Netz prüfen".to_owned(),
            Broken::Io(why) => format!("keine Verbindung zum Broker ({why}). Abhilfe: Läuft er? Stimmen host und port?"),
            Broken::Proxy(why) => why.sentence("der Broker"),
            Broken::Closed => "der Broker hat die Verbindung beendet".to_owned(),
            Broken::Distrust(distrust) => distrust.sentence().to_owned(),
            Broken::Handshake(why) => {
                format!("der Broker bricht die Verschlüsselung ab ({why}). Abhilfe: Ist das sein Port für TLS (üblich: 8883)?")
            }
            Broken::Host => "host ist weder ein Name noch eine Adresse, für die es ein Zertifikat geben kann".to_owned(),
            Broken::Unusable(unusable) => unusable.to_string(),
        }
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Distrust::of(&error).map_or(Broken::Io(error), Broken::Distrust)
    }
}

impl From<NoWay> for Broken {
    fn from(why: NoWay) -> Broken {
        match why {
            NoWay::Name(error) => Broken::Name(error),
            NoWay::Refused(error) => Broken::Io(error),
            NoWay::Silent => Broken::Silent,
            NoWay::ProxyAway(_) | NoWay::Proxy(_) => Broken::Proxy(why),
        }
    }
}

/// The socket that rumqttc connects to: in Linux's abstract namespace, so that there is no file to put somewhere and to clean up.
pub(super) struct Line<'a> {
    config: &'a MqttConfig,
    outward: &'a Outward,
    clock: &'a Clock,
    connection: &'a Connection,
    listener: UnixListener,
}

impl Line<'_> {
    /// The line, and the path of its socket.
    pub(super) fn new<'a>(
        config: &'a MqttConfig,
        outward: &'a Outward,
        clock: &'a Clock,
        connection: &'a Connection,
    ) -> io::Result<(Line<'a>, String)> {
        let number = getrandom::u64().map_err(io::Error::other)?;
        let path = format!("\0drk-relay-mqtt-{}-{number:016x}", std::process::id());
        let listener = UnixListener::bind(&path)?;
        Ok((Line { config, outward, clock, connection, listener }, path))
    }

    /// Carries one connection after the other: rumqttc has one at a time.
    pub(super) async fn run(&self) -> Infallible {
        loop {
            match self.listener.accept().await {
                Ok((mut client, _)) if is_ours(&client) => {
                    self.connection.mended();
                    if let Err(broken) = Box::pin(self.carry(&mut client)).await {
                        // Before rumqttc sees the end of it, and asks why.
                        self.connection.broke(broken);
                    }
                }
                Ok(_) => warn!("another process knocks at the relay's own MQTT socket"),
                Err(error) => {
                    warn!(%error, "no socket for the MQTT connection");
                    tokio::time::sleep(EXHAUSTED).await;
                }
            }
        }
    }

    /// Until one side leaves. `Ok`: rumqttc did.
    async fn carry(&self, client: &mut UnixStream) -> Result<(), Broken> {
        let broker = timeout(CONNECT, open(self.config, self.outward, self.clock)).await.map_err(|_| Broken::Silent)??;
        let (mut from_broker, mut to_broker) = tokio::io::split(broker);
        let (mut from_client, mut to_client) = client.split();
        let mut up = std::pin::pin!(tokio::io::copy(&mut from_client, &mut to_broker));
        let mut down = std::pin::pin!(down(&mut from_broker, &mut to_client));
        tokio::select! {
            biased;
            ended = &mut down => {
                if ended.is_ok() {
                    // rumqttc has left. Its last words are on their way: acknowledgements, without which all of it comes again.
                    let _ = timeout(FAREWELL, up).await;
                }
                ended
            }
            sent = &mut up => match sent {
                Ok(_) => Ok(()),
                // What the broker said before it stopped listening tells more: CONNACK, or an alert of TLS.
                Err(_) => down.await,
            }
        }
    }
}

/// No other process may speak through our connection, and with our certificate.
fn is_ours(client: &UnixStream) -> bool {
    let peer = client.peer_cred().ok().and_then(|credentials| credentials.pid());
    peer.is_some() && peer == i32::try_from(std::process::id()).ok()
}

async fn down(broker: &mut (impl AsyncRead + Unpin), client: &mut (impl AsyncWriteExt + Unpin)) -> Result<(), Broken> {
    let (mut cutter, mut read, mut passed) = (Cutter::new(PACKET), vec![0; BUFFER], Vec::with_capacity(BUFFER));
    loop {
        let bytes = match broker.read(&mut read).await? {
            0 => return Err(Broken::Closed),
            bytes => bytes,
        };
        passed.clear();
        cutter.pass(read.get(..bytes).unwrap_or_default(), &mut passed);
        if client.write_all(&passed).await.is_err() {
            return Ok(());
        }
    }
}

type Stream = Either<TcpStream, tokio_rustls::client::TlsStream<TcpStream>>;

async fn open(config: &MqttConfig, outward: &Outward, clock: &Clock) -> Result<Stream, Broken> {
    // Before the network is asked: what is wrong here is wrong at every attempt.
    let secure = match &config.tls {
        None => None,
        Some(tls) => {
            let name = ServerName::try_from(config.host.clone()).map_err(|_| Broken::Host)?;
            Some((TlsConnector::from(Arc::new(tls::client_config(tls, clock)?)), name))
        }
    };
    let tcp = outward.connect(&config.host, config.port).await?;
    match secure {
        None => Ok(Either::Left(tcp)),
        Some((connector, name)) => match connector.connect(name, tcp).await {
            Ok(stream) => Ok(Either::Right(stream)),
            Err(error) => Err(Distrust::of(&error).map_or(Broken::Handshake(error), Broken::Distrust)),
        },
    }
}
