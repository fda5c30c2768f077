//! Our end of the TCP connection to the relay host, which acknowledges at once. Speaks nothing.
//!
//! sshd leaves Nagle's algorithm on where there is no terminal (OpenSSH, `ssh_packet_set_interactive`): of several small packets in a row,
//! a channel that is opened and its first bytes, say, the second waits until the first is acknowledged. Linux puts an acknowledgement off
//! by 40 ms if nothing goes back by itself, and every new webhook connection would wait for that.

use socket2::SockRef;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, join};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

/// The connection, from now on prompt.
pub(super) fn prompt(stream: TcpStream) -> impl AsyncRead + AsyncWrite + Send + Unpin {
    let (incoming, outgoing) = stream.into_split();
    join(Prompt(incoming), outgoing)
}

/// What comes in.
struct Prompt(OwnedReadHalf);

impl AsyncRead for Prompt {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, read: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.0).poll_read(context, read);
        if polled.is_ready() {
            // The kernel takes it back by and by, so it is said after each read (tcp(7)). Without it, it is only slower.
            let _ = SockRef::from(self.0.as_ref()).set_tcp_quickack(true);
        }
        polled
    }
}
