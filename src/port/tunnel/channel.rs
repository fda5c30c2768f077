//! One channel of the session as a byte stream. Opens none, and knows nothing of what is said over it.
//!
//! russh hands arrived data to a short queue for each channel and waits until there is room in it: a channel that nobody reads would stop
//! the whole session, keepalives included. And it makes room at the other end as data arrives, whoever reads. So each channel has a task
//! that always takes, into a buffer with a limit; who lets that fill loses the connection, and nobody else notices.

use bytes::{Buf, BytesMut};
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Bytes that one channel may hold for a reader who is late. A reader in the same thread empties it at every turn; this is for one who
/// waits for something else first (the webhook: until a place for a large body is free).
pub(super) const BUFFERED: usize = 1024 * 1024;
/// So many of them are its own: whatever strangers upload at the same time, a webhook of everyday size finds room.
const OWN: usize = 64 * 1024;
/// Bytes beyond these that all channels together may hold. With everybody's own it is 12 MiB, with egress through the
/// tunnel 18 MiB: a Pi Zero has 512 MB for everything.
pub(super) const SHARED: usize = 6 * 1024 * 1024;
/// A buffer that has grown beyond this is given back when it is empty.
const KEPT: usize = 64 * 1024;

/// A channel as a stream. Dropping it closes the channel.
pub(super) struct Tube {
    shared: Arc<Shared>,
    writer: Pin<Box<dyn AsyncWrite + Send>>,
    /// End of our side has been said.
    finished: bool,
    /// Dropped with the stream: that is how its task hears of it.
    _left: oneshot::Sender<()>,
}

/// What the stream and its task share.
struct Shared {
    state: Mutex<State>,
    /// What is left of [`SHARED`].
    pool: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    buffer: BytesMut,
    /// What the reader hears after the last byte.
    end: Option<End>,
    /// Nothing that is written arrives any more.
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// How the peer's data ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// It has said all.
    Said,
    /// It closed the channel in the middle.
    Closed,
    /// There is no session any more.
    Lost,
    /// The reader was late, and all the room was used up.
    Overflowed,
}

impl Tube {
    /// Takes the channel over. `place` is given back when it is closed.
    pub(super) fn new(channel: Channel<Msg>, pool: Arc<Semaphore>, place: OwnedSemaphorePermit) -> Tube {
        let (incoming, outgoing) = channel.split();
        let (_left, left) = oneshot::channel();
        let shared = Arc::new(Shared { state: Mutex::default(), pool });
        let writer = Box::pin(outgoing.make_writer());
        tokio::spawn(pump(incoming, outgoing, Arc::clone(&shared), left, place));
        Tube { shared, writer, finished: false, _left }
    }
}

/// Takes what arrives, at once, until one side has had enough.
async fn pump(
    mut incoming: ChannelReadHalf,
    outgoing: ChannelWriteHalf<Msg>,
    shared: Arc<Shared>,
    mut left: oneshot::Receiver<()>,
    place: OwnedSemaphorePermit,
) {
    let end = loop {
        let message = tokio::select! {
            biased;
            _ = &mut left => break End::Said,
            message = incoming.wait() => message,
        };
        match message {
            Some(ChannelMsg::Data { data }) if shared.take(&data) => {}
            Some(ChannelMsg::Data { .. }) => {
                tracing::debug!("a connection through the tunnel is cut: its reader was late");
                break End::Overflowed;
            }
            Some(ChannelMsg::Eof) => shared.end(End::Said),
            // russh has answered it already.
            Some(ChannelMsg::Close) => return shared.close(End::Closed),
            None => return shared.close(End::Lost),
            // Nothing else is said over a forwarded connection.
            Some(_) => {}
        }
    };
    shared.close(end);
    // Before anything else is waited for: with nobody at this end, the session drops what still comes.
    drop(incoming);
    // A session that is gone has closed it.
    let _ = outgoing.close().await;
    drop(place);
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Buffers what arrived; `false` if there is no room.
    fn take(&self, data: &[u8]) -> bool {
        let mut state = self.state();
        let (before, after) = (state.buffer.len(), state.buffer.len() + data.len());
        if after > BUFFERED {
            return false;
        }
        let more = u32::try_from(shared(after) - shared(before)).unwrap_or(u32::MAX);
        let Ok(room) = self.pool.try_acquire_many(more) else { return false };
        room.forget();
        state.buffer.extend_from_slice(data);
        wake(&mut state.reader);
        true
    }

    /// The peer says nothing more. The first reason counts.
    fn end(&self, end: End) {
        let mut state = self.state();
        state.end.get_or_insert(end);
        wake(&mut state.reader);
    }

    /// Nothing more comes through, in either direction.
    fn close(&self, end: End) {
        self.end(end);
        let mut state = self.state();
        state.closed = true;
        wake(&mut state.writer);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let kept = shared(self.state().buffer.len());
        self.pool.add_permits(kept);
    }
}

/// How many of the bytes that a channel holds are not its own.
fn shared(held: usize) -> usize {
    held.saturating_sub(OWN)
}

fn wake(waiting: &mut Option<Waker>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

impl End {
    fn told(self) -> io::Result<()> {
        match self {
            End::Said => Ok(()),
            End::Closed => Err(io::Error::new(io::ErrorKind::ConnectionReset, "closed by the relay host")),
            End::Lost => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the tunnel is down")),
            End::Overflowed => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the reader was late")),
        }
    }
}

impl AsyncRead for Tube {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, read: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.shared.state();
        if state.buffer.is_empty() {
            return match state.end {
                Some(end) => Poll::Ready(end.told()),
                None => {
                    state.reader = Some(context.waker().clone());
                    Poll::Pending
                }
            };
        }
        let bytes = read.remaining().min(state.buffer.len());
        read.put_slice(state.buffer.get(..bytes).unwrap_or_default());
        state.buffer.advance(bytes);
        let left = state.buffer.len();
        self.shared.pool.add_permits(shared(left + bytes) - shared(left));
        if state.buffer.is_empty() && state.buffer.capacity() > KEPT {
            state.buffer = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl Tube {
    /// russh wakes no writer that waits for room when the channel closes, so its task does.
    fn writable(&self, context: &Context<'_>) -> io::Result<()> {
        let mut state = self.shared.state();
        if state.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        state.writer = Some(context.waker().clone());
        Ok(())
    }
}

impl AsyncWrite for Tube {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writable(context)?;
        if bytes.is_empty() {
            // russh takes it for a mistake.
            return Poll::Ready(Ok(0));
        }
        self.writer.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.finished {
            self.writable(context)?;
            ready!(self.writer.as_mut().poll_shutdown(context))?;
            self.finished = true;
        }
        Poll::Ready(Ok(()))
    }
}
