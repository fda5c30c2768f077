//! Byte streams, whatever carries them: where they come from, and what is done with them, is for the ports between which they travel.

use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;

/// Reads and writes.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection: TCP, a Unix socket, a channel of the tunnel, each with TLS or without.
pub type Stream = Box<dyn Duplex>;

/// Streams that the tunnel may have handed over before somebody takes them: who takes them makes room at once (`webhook::places`).
pub const HANDED: usize = 8;

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
    /// The next connection.
    ///
    /// # Errors
    /// What the system says.
    pub async fn accept(&mut self) -> io::Result<Stream> {
        match self {
            Source::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // An answer has two lines; waiting for more of them would only delay it.
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Source::Unix(listener) => listener.accept().await.map(|(stream, _)| Box::new(stream) as Stream),
            Source::Handed(streams) => streams.recv().await.ok_or_else(|| io::ErrorKind::BrokenPipe.into()),
        }
    }
}
