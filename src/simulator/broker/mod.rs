//! A small MQTT 3.1.1 broker for the demo and for quick tests. Not for production: no TLS, no login, no ACL, no QoS 2, no MQTT 5 (clients
//! such as mosquitto_rr need `-V mqttv311`), nothing survives the process, and no bridge. Listen on loopback only.
//!
//! It does what a relay meets: persistent sessions with queued and repeated QoS 1 messages, retained messages, last wills, takeover of a
//! client id, keep-alive, wildcards.

mod hub;

use bytes::BytesMut;
use hub::{Attached, Hub};
use rumqttc::mqttbytes::{self, v4::Packet};
use rumqttc::{Connect, ConnectReturnCode, Publish, QoS};
use std::future::pending;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tracing::debug;

/// More connections than a branch has devices.
const CONNECTIONS: usize = 64;
/// A photo fits; what is larger ends the connection.
const PACKET: usize = 8 * 1024 * 1024;
/// Who connects says CONNECT within this time.
const HELLO: Duration = Duration::from_secs(10);
/// A peer that reads nothing for so long is gone.
const WRITE: Duration = Duration::from_secs(10);

/// A broker. Clones share sessions and retained messages, so dropping what [`Broker::serve`] returned and serving again is a restart of
/// the network, not of the broker's memory.
#[derive(Clone, Default)]
pub struct Broker {
    hub: Arc<Mutex<Hub>>,
}

impl Broker {
    /// Serves until dropped; then every connection is closed.
    ///
    /// # Errors
    /// The listener's.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    let hub = Arc::clone(&self.hub);
                    if let Ok(permit) = Arc::clone(&room).try_acquire_owned() {
                        connections.spawn(async move {
                            let _permit = permit;
                            if let Err(error) = Wire::new(stream).connection(hub).await {
                                debug!(%error, "connection closed");
                            }
                        });
                    }
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// A broker of its own on `listener`, until dropped.
///
/// # Errors
/// The listener's.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    Broker::default().serve(listener).await
}

/// What goes wrong with a connection; none of it concerns another.
#[derive(Debug, thiserror::Error)]
enum Closed {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Codec(#[from] mqttbytes::Error),
    #[error("{0}")]
    Because(&'static str),
}

/// Packets over a socket.
struct Wire {
    stream: TcpStream,
    read: BytesMut,
}

impl Wire {
    fn new(stream: TcpStream) -> Wire {
        Wire { stream, read: BytesMut::new() }
    }

    /// The next packet. Cancel safe: what was read stays.
    async fn packet(&mut self) -> Result<Packet, Closed> {
        loop {
            match Packet::read(&mut self.read, PACKET) {
                Ok(packet) => return Ok(packet),
                Err(mqttbytes::Error::InsufficientBytes(_)) => {}
                Err(error) => return Err(error.into()),
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(Closed::Because("closed by the client"));
            }
        }
    }

    async fn write(&mut self, packets: &[Packet]) -> Result<(), Closed> {
        let mut bytes = BytesMut::new();
        for packet in packets {
            packet.write(&mut bytes, PACKET)?;
        }
        match tokio::time::timeout(WRITE, self.stream.write_all(&bytes)).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(Closed::Because("the client reads nothing")),
        }
    }

    async fn connection(mut self, hub: Arc<Mutex<Hub>>) -> Result<(), Closed> {
        let hello = tokio::time::timeout(HELLO, self.packet()).await.map_err(|_| Closed::Because("no CONNECT"))?;
        let connect = match hello {
            Ok(Packet::Connect(connect)) => connect,
            Ok(_) => return Err(Closed::Because("something else instead of CONNECT")),
            Err(error) => {
                // MQTT 5 has another CONNECT, which may not even parse: say in 3.1.1 that we do not speak it.
                self.write(&[hub::refusal(ConnectReturnCode::RefusedProtocolVersion)]).await?;
                return Err(error);
            }
        };
        let silence = silence(&connect);
        let wake = Arc::new(Notify::new());
        let attached = match Attached::new(hub, connect, Arc::clone(&wake)) {
            Ok((attached, first)) => {
                self.write(&first).await?;
                attached
            }
            Err(code) => return self.write(&[hub::refusal(code)]).await,
        };
        let mut quiet = pin!(silence_of(silence));
        loop {
            let Some(outgoing) = attached.outgoing() else { return Err(Closed::Because("taken over by another connection")) };
            self.write(&outgoing).await?;
            tokio::select! {
                packet = self.packet() => {
                    quiet.set(silence_of(silence));
                    if let Handled::Goodbye = handle(&attached, &mut self, packet?).await? {
                        return Ok(());
                    }
                }
                () = wake.notified() => {}
                () = &mut quiet => return Err(Closed::Because("silent for longer than its keep-alive")),
            }
        }
    }
}

enum Handled {
    Continue,
    Goodbye,
}

async fn handle(attached: &Attached, wire: &mut Wire, packet: Packet) -> Result<Handled, Closed> {
    let answer = match packet {
        Packet::Publish(publish) => published(attached, &publish)?,
        Packet::PubAck(ack) => {
            attached.acknowledged(ack.pkid);
            None
        }
        Packet::Subscribe(subscribe) => Some(attached.subscribe(&subscribe)),
        Packet::Unsubscribe(unsubscribe) => Some(attached.unsubscribe(&unsubscribe)),
        Packet::PingReq => Some(Packet::PingResp),
        Packet::Disconnect => {
            attached.goodbye();
            return Ok(Handled::Goodbye);
        }
        Packet::Connect(_)
        | Packet::ConnAck(_)
        | Packet::PubRec(_)
        | Packet::PubRel(_)
        | Packet::PubComp(_)
        | Packet::SubAck(_)
        | Packet::UnsubAck(_)
        | Packet::PingResp => return Err(Closed::Because("a packet that no client sends here")),
    };
    wire.write(answer.as_slice()).await?;
    Ok(Handled::Continue)
}

fn published(attached: &Attached, publish: &Publish) -> Result<Option<Packet>, Closed> {
    if publish.topic.is_empty() || !mqttbytes::valid_topic(&publish.topic) {
        return Err(Closed::Because("a topic with wildcards, or none"));
    }
    match publish.qos {
        QoS::AtMostOnce => {
            attached.publish(publish);
            Ok(None)
        }
        QoS::AtLeastOnce => {
            attached.publish(publish);
            Ok(Some(Packet::PubAck(rumqttc::PubAck::new(publish.pkid))))
        }
        QoS::ExactlyOnce => Err(Closed::Because("QoS 2 is not spoken here")),
    }
}

/// One and a half times the keep-alive (MQTT 3.1.1, 3.1.2.10); `None` if the client wants none.
fn silence(connect: &Connect) -> Option<Duration> {
    (connect.keep_alive > 0).then(|| Duration::from_millis(1500) * u32::from(connect.keep_alive))
}

async fn silence_of(silence: Option<Duration>) {
    match silence {
        Some(silence) => tokio::time::sleep(silence).await,
        None => pending().await,
    }
}

fn lock(hub: &Mutex<Hub>) -> std::sync::MutexGuard<'_, Hub> {
    hub.lock().unwrap_or_else(PoisonError::into_inner)
}
