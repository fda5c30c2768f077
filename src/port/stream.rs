//! Byte streams, whatever carries them: where they come from, and what is done with them, is for the ports between which they travel.

use crate::config::Address;
use anyhow::Context;
use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Reads and writes.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection: TCP, a Unix socket, a channel of the tunnel, each with TLS or without.
pub type Stream = Box<dyn Duplex>;

/// A connection that has come through the door.
pub struct Visitor {
    /// What is said.
    pub stream: Stream,
    /// Whether it may be Meta: it has shown Meta's certificate, or nobody asks for that. Webhooks are taken from nobody else.
    pub proven: bool,
}

/// Streams that the tunnel may have handed over before somebody takes them: who takes them makes room at once (`webhook::places`).
pub const HANDED: usize = 8;

/// A Unix socket of ours is for its owner and its group.
const MODE: u32 = 0o660;

/// Where connections come from.
#[derive(Debug)]
pub enum Source {
    /// A TCP port.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
    /// The tunnel.
    Handed(mpsc::Receiver<Stream>),
}

impl Source {
    /// Listens. A socket that a killed process left behind is replaced, one where somebody answers is not.
    ///
    /// # Errors
    /// What is in the way: a German sentence.
    pub async fn bind(address: &Address) -> anyhow::Result<Source> {
        match address {
            Address::Tcp(address) => {
                let bound = TcpListener::bind(address).await;
                bound.map(Source::Tcp).with_context(|| format!("{address}: der Port lässt sich nicht öffnen"))
            }
            Address::Unix(path) => socket(path).map(Source::Unix).with_context(|| format!("{}", path.display())),
        }
    }

    /// The next connection.
    ///
    /// # Errors
    /// As [`patiently`]; and if the tunnel that handed them over is gone.
    pub async fn accept(&mut self) -> io::Result<Stream> {
        match self {
            Source::Tcp(listener) => {
                let (stream, _) = patiently(|| listener.accept()).await?;
                // An answer has two lines; waiting for more of them would only delay it.
                // One that is gone already ends by itself.
                let _ = stream.set_nodelay(true);
                Ok(Box::new(stream))
            }
            Source::Unix(listener) => {
                let (stream, _) = patiently(|| listener.accept()).await?;
                Ok(Box::new(stream))
            }
            Source::Handed(streams) => streams.recv().await.ok_or_else(|| io::ErrorKind::BrokenPipe.into()),
        }
    }
}

/// Between two attempts to accept a connection when the system has no descriptors left.
const BREATH: Duration = Duration::from_secs(1);
/// Failed attempts in a row after which it is not the connections that are broken, but the listener.
const ATTEMPTS: u32 = 30;

/// Accepts until a connection is there: what concerns one that is broken is passed over, and while the system has no room, that is waited
/// for.
///
/// # Errors
/// What the system says, again and again for half a minute.
pub async fn patiently<T, F: Future<Output = io::Result<T>>>(mut accept: impl FnMut() -> F) -> io::Result<T> {
    let mut failures = 0;
    loop {
        match accept().await {
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) if failures < ATTEMPTS => {
                tracing::warn!(%error, "no new connections possible, trying again in a second");
                failures += 1;
                sleep(BREATH).await;
            }
            accepted => return accepted,
        }
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    [ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted].contains(&error.kind())
}

/// Why a Unix socket cannot be ours.
#[derive(Debug, thiserror::Error)]
pub enum InTheWay {
    /// Somebody answers there.
    #[error("an diesem Socket antwortet schon ein anderes Programm. Abhilfe: es beenden oder in relay.toml einen anderen angeben")]
    Taken,
    /// It is a file that somebody wants to keep.
    #[error("dort liegt eine Datei, die kein Socket ist. Abhilfe: in relay.toml einen anderen Pfad angeben")]
    NoSocket,
    /// The system does not let us.
    #[error("der Socket lässt sich nicht anlegen: {0}. Abhilfe: Verzeichnis und Schreibrechte prüfen")]
    System(io::Error),
}

/// Takes the place of a Unix socket, for owner and group. One that a killed process left behind is replaced, one where somebody answers is
/// not.
///
/// # Errors
/// See [`InTheWay`].
pub fn socket(path: &Path) -> Result<UnixListener, InTheWay> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(InTheWay::NoSocket),
        // Who listens there may be busy, or somebody else's: only a refusal means that nobody does.
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path).map_err(InTheWay::System)?,
            Ok(_) | Err(_) => return Err(InTheWay::Taken),
        },
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(InTheWay::System)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE)).map_err(InTheWay::System)?;
    Ok(listener)
}
