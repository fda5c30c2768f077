//! One SSH session: built step by step, each with a time-out, and ended by force. Decides nothing about the next one.

use super::Hall;
use super::answers::{Answers, Told};
use super::channel::Tube;
use super::prompt::prompt;
use super::trouble::{Step, Trouble};
use crate::config::TunnelForward;
use crate::port::outward::NoWay;
use crate::port::stream::Stream;
use russh::client::{AuthResult, Handle, connect_stream};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, PrivateKey, PrivateKeyWithHashAlg};
use russh::{ChannelOpenFailure, Preferred, cipher, client, compression, kex, mac};
use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};

/// Bytes on the way that nobody has acknowledged for this long: the line is dead. As long as the keepalives take to notice it, for the case
/// that one of them is stuck behind such bytes.
const UNACKNOWLEDGED: Duration = Duration::from_secs(60);
/// What the other side may send on one channel before it hears from us: 5 MB/s over a line with 50 ms there and back.
const WINDOW: u32 = 256 * 1024;
/// The largest packet that every implementation takes (RFC 4253, 6.1).
const PACKET: u32 = 32 * 1024;
/// Packets that may wait for a channel's task. It always takes, so they only smooth turns: with a full window's worth the session would not
/// have to wait for it, and this is that.
const QUEUE: usize = (WINDOW / PACKET) as usize;
/// Connections to the outside at once. The proxy has fewer; what is beyond waits for a clumsy relay host that does not answer.
const OUTGOING: usize = 96;
const _: () = assert!(OUTGOING > super::proxy::CONNECTIONS, "else messages are turned away while the proxy has room");

/// Only what both sides have had for years: one kind of host key, authenticated ciphers, and key exchanges with the markers against prefix
/// truncation (Terrapin). The first is safe from tomorrow's quantum computers too; OpenSSH has it since 9.9.
const PREFERRED: Preferred = Preferred {
    kex: Cow::Borrowed(&[kex::MLKEM768X25519_SHA256, kex::CURVE25519, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT]),
    key: Cow::Borrowed(&[Algorithm::Ed25519]),
    host_key_certificates: Cow::Borrowed(&[]),
    cipher: Cow::Borrowed(&[cipher::CHACHA20_POLY1305, cipher::AES_256_GCM]),
    // Named for form's sake: these ciphers need none.
    mac: Cow::Borrowed(&[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM]),
    compression: Cow::Borrowed(&[compression::NONE]),
};

/// A session with the right relay host.
pub(super) struct Session {
    handle: Handle<Answers>,
    hall: Arc<Hall>,
    /// Room for [`OUTGOING`].
    outgoing: Arc<Semaphore>,
    /// Ends the session when it is dropped, whatever russh waits for.
    cut: CancellationToken,
}

/// Reaches the relay host.
pub(super) async fn reach(hall: &Hall) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>, Trouble> {
    let stream = hall.outward.connect(&hall.config.host, hall.config.port).await.map_err(Trouble::Way)?;
    let options = socket2::SockRef::from(&stream);
    options.set_tcp_user_timeout(Some(UNACKNOWLEDGED)).map_err(|error| Trouble::Way(NoWay::Refused(error)))?;
    Ok(prompt(stream))
}

impl Session {
    /// Key exchange; only the pinned host gets further. Also: how it ends.
    pub(super) async fn greet(
        hall: &Arc<Hall>,
        pinned: &KeyData,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<(Session, oneshot::Receiver<Trouble>, DropGuard), Trouble> {
        let cut = CancellationToken::new();
        let guard = cut.clone().drop_guard();
        let (answers, Told { mut shown, ended }) = Answers::new(Arc::clone(hall), pinned.clone());
        let stream = Severable { stream, cut: Box::pin(cut.clone().cancelled_owned()) };
        let greeted = timeout(hall.pace.step, connect_stream(config(hall), stream, answers)).await;
        let handle = greeted.map_err(|_| Trouble::Silent(Step::Greeting))?.map_err(|error| match (error, shown.try_recv()) {
            (_, Ok(shown)) => Trouble::HostKey { pinned: Box::new(pinned.clone()), shown: Box::new(shown) },
            (error @ russh::Error::NoCommonAlgo { .. }, Err(_)) => Trouble::Algorithms(error.to_string()),
            (error, Err(_)) => Trouble::Greeting(error),
        })?;
        Ok((Session { handle, hall: Arc::clone(hall), outgoing: Arc::new(Semaphore::new(OUTGOING)), cut }, ended, guard))
    }

    /// Proves who we are.
    pub(super) async fn login(&mut self, key: &Arc<PrivateKey>) -> Result<(), Trouble> {
        let (hall, user) = (Arc::clone(&self.hall), self.hall.config.user.clone());
        let answer = self.handle.authenticate_publickey(user.clone(), PrivateKeyWithHashAlg::new(Arc::clone(key), None));
        match timeout(hall.pace.step, answer).await.map_err(|_| Trouble::Silent(Step::Login))? {
            Ok(AuthResult::Success) => Ok(()),
            // A rejection names what might be tried instead. Without that it is how russh tells of a session that is gone.
            Ok(AuthResult::Failure { remaining_methods, .. }) if !remaining_methods.is_empty() => {
                Err(Trouble::Key { user, authorized: super::keys::authorized(key.public_key()) })
            }
            Ok(AuthResult::Failure { .. }) => Err(Trouble::Ended("during the login".to_owned())),
            Err(error) => Err(Trouble::Ended(error.to_string())),
        }
    }

    /// Asks for what is configured to be forwarded.
    pub(super) async fn forward(&self) -> Result<(), Trouble> {
        let forward = &self.hall.config.forward;
        let asked = async {
            match forward {
                TunnelForward::Unix(path) => self.handle.streamlocal_forward(path.clone()).await,
                TunnelForward::Tcp(address, port) => self.handle.tcpip_forward(address.clone(), u32::from(*port)).await.map(|_| ()),
            }
        };
        match timeout(self.hall.pace.step, asked).await.map_err(|_| Trouble::Silent(Step::Forward))? {
            Ok(()) => Ok(()),
            Err(russh::Error::RequestDenied) => Err(Trouble::Denied(forward.clone())),
            Err(error) => Err(Trouble::Ended(error.to_string())),
        }
    }

    /// Ends it, whatever it waits for.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }

    /// A connection from the relay host to `host:port`.
    pub(super) async fn open(self: Arc<Session>, host: &str, port: u16) -> io::Result<Stream> {
        let crowded = |_| io::Error::new(io::ErrorKind::ResourceBusy, "too many connections through the tunnel");
        let place = Arc::clone(&self.outgoing).try_acquire_owned().map_err(crowded)?;
        let (tell, told) = oneshot::channel();
        let (session, host) = (Arc::clone(&self), host.to_owned());
        // In a task of its own: a channel that is confirmed after somebody has given up must be closed.
        tokio::spawn(async move {
            let opened = session.handle.channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0).await;
            let opened = opened.map(|channel| Tube::new(channel, Arc::clone(&session.hall.pool), place));
            drop(tell.send(opened));
        });
        match told.await {
            Ok(Ok(tube)) => Ok(Box::new(tube)),
            Ok(Err(error)) => Err(refused(&error)),
            Err(_) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the tunnel is down")),
        }
    }
}

/// Why the relay host does not connect.
fn refused(error: &russh::Error) -> io::Error {
    let (kind, why) = if let russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited) = error {
        let why =
            "the relay host forbids this destination (AllowTcpForwarding and PermitOpen in sshd_config, permitopen in authorized_keys)";
        (io::ErrorKind::PermissionDenied, why.to_owned())
    } else if let russh::Error::ChannelOpenFailure(ChannelOpenFailure::ConnectFailed) = error {
        (io::ErrorKind::ConnectionRefused, "the relay host cannot connect to it".to_owned())
    } else {
        (io::ErrorKind::ConnectionAborted, format!("the tunnel: {error}"))
    };
    io::Error::new(kind, why)
}

fn config(hall: &Hall) -> Arc<client::Config> {
    Arc::new(client::Config {
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: QUEUE,
        preferred: PREFERRED,
        inactivity_timeout: Some(hall.pace.inactivity),
        keepalive_interval: Some(hall.pace.keepalive),
        keepalive_max: hall.pace.unanswered,
        ..client::Config::default()
    })
}

/// A stream that can be ended from outside: russh's task owns it, and listens to nobody while it waits for a write.
struct Severable<S> {
    stream: S,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S> Severable<S> {
    fn severed(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "torn down")),
            Poll::Pending => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Severable<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, read: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.severed(context)?;
        Pin::new(&mut self.stream).poll_read(context, read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Severable<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.severed(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::tunnel::{Pace, Tunnel, keys};
    use crate::port::{clock::Clock, link::Link, outward::Outward};
    use russh::server::{Auth, Handler, VerifiedPublicKey};
    use std::sync::atomic::{AtomicBool, Ordering};

    struct Welcoming;

    thread_local! {
        /// The host takes everything and says nothing: each test has a thread of its own.
        static FROZEN: AtomicBool = const { AtomicBool::new(false) };
    }

    impl Handler for Welcoming {
        type Error = russh::Error;

        async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
            Ok(Auth::Accept)
        }
    }

    /// A stream in which something goes wrong that must not: russh's task polls it, so that task panics.
    struct Mined(tokio::io::DuplexStream, Arc<AtomicBool>);

    impl AsyncRead for Mined {
        fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, read: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            assert!(!self.1.load(Ordering::Relaxed), "a mine");
            if FROZEN.with(|frozen| frozen.load(Ordering::Relaxed)) {
                return Poll::Pending;
            }
            Pin::new(&mut self.0).poll_read(context, read)
        }
    }

    impl AsyncWrite for Mined {
        fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(context, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(context)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(context)
        }
    }

    /// A session that is logged in, how it ends, and what makes it panic.
    async fn session() -> (Session, oneshot::Receiver<Trouble>, DropGuard, Arc<AtomicBool>) {
        let (key, _) = keys::generate("").expect("randomness");
        let ours = keys::private(&key).expect("a key");
        let config = crate::config::TunnelConfig {
            host: "relay".to_owned(),
            port: 22,
            user: "branch".to_owned(),
            key,
            host_key: keys::line(ours.public_key().key_data()),
            forward: TunnelForward::Unix("/x".to_owned()),
        };
        let (tunnel, _) = Tunnel::paced(config, Outward::Direct, Link::new(Clock::System), Pace::default()).expect("keys");
        let (here, there) = tokio::io::duplex(64 * 1024);
        let server = Arc::new(russh::server::Config { keys: vec![ours.clone()], ..Default::default() });
        tokio::spawn(async move { russh::server::run_stream(server, there, Welcoming).await.expect("a session").await });
        let mine = Arc::new(AtomicBool::new(false));
        let stream = Mined(here, Arc::clone(&mine));
        let (mut session, ended, guard) = Session::greet(&tunnel.hall, &tunnel.pinned, stream).await.expect("the right key");
        session.login(&Arc::new(ours)).await.expect("let in");
        (session, ended, guard, mine)
    }

    #[tokio::test]
    async fn a_panic_in_it_is_its_end_and_nothing_else() {
        let (session, ended, _guard, mine) = session().await;
        mine.store(true, Ordering::Relaxed);
        // Its answer is the next thing that is read.
        session.handle.send_keepalive(true).await.expect("it runs");
        assert!(matches!(ended.await, Ok(Trouble::Panicked)));
        let error = Arc::new(session).open("127.0.0.1", 1).await.err().expect("nobody is there");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }

    /// At work this takes a minute, and here no time at all.
    #[tokio::test(start_paused = true)]
    async fn a_host_that_says_nothing_any_more_is_given_up_after_a_minute() {
        let (session, ended, _guard, _) = session().await;
        // Longer than any limit: as long as it answers, it stays.
        // waits: on the paused clock.
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(!session.handle.is_closed());
        FROZEN.with(|frozen| frozen.store(true, Ordering::Relaxed));
        let mut ended = std::pin::pin!(ended);
        assert!(timeout(Duration::from_secs(44), ended.as_mut()).await.is_err(), "three questions have no answer yet");
        let Ok(Ok(Trouble::Ended(why))) = timeout(Duration::from_secs(17), ended).await else { panic!("it ends, and says why") };
        assert!(why.to_lowercase().contains("keepalive"), "{why}");
    }

    #[tokio::test]
    async fn it_can_be_cut_at_any_time() {
        let (session, ended, _guard, _) = session().await;
        session.cut();
        let Ok(Trouble::Ended(why)) = ended.await else { panic!("it ends, and says why") };
        assert!(why.contains("torn down"), "{why}");
    }
}
