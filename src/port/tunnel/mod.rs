//! The outbound tunnel: one SSH session to a relay host, any stock OpenSSH server, through which webhooks come in and, if the branch wants
//! it so, everything else goes out. Knows nothing of what is said over it, ends no TLS, and opens no port here.
//!
//! ```text
//!   run ── session (russh's task) ──▶ relay host
//!            ├─ forwarded channel ── its task ── buffer ── Stream ──▶ whoever takes them
//!            └─ opened channel ───── its task ── buffer ── Stream ◀── open ◀── proxy
//! ```
//!
//! A session that is lost is built again for ever; what a person must heal (another host key, a rejected key, a denied forward) is said
//! once and tried again rarely. A panic in russh ends the session and nothing else.

mod answers;
mod channel;
mod keys;
mod pace;
mod prompt;
pub mod proxy;
mod said;
mod session;
mod trouble;

pub use keys::{Unusable, admitted, generate};
pub use pace::Pace;
pub use trouble::{Step, Trouble};

use super::link::Link;
use super::outward::Outward;
use super::stream::{HANDED, Stream};
use crate::config::TunnelConfig;
use pace::{BackOff, Healing};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::public::KeyData;
use said::Said;
use session::Session;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::DropGuard;

/// The tunnel, whether there is a session at the moment or not. Clones are the same one.
#[derive(Clone)]
pub struct Tunnel {
    hall: Arc<Hall>,
    key: Arc<PrivateKey>,
    pinned: Arc<KeyData>,
    /// The session that is up.
    session: watch::Sender<Option<Arc<Session>>>,
    /// Counts the calls of [`Tunnel::rebuild`].
    rebuild: watch::Sender<u64>,
}

/// What all sessions share.
pub(crate) struct Hall {
    config: TunnelConfig,
    outward: Outward,
    link: Link,
    pace: Pace,
    /// Where forwarded streams go.
    streams: mpsc::Sender<Stream>,
    /// How many did.
    handed: AtomicU64,
    /// Room for [`channel::SHARED`] bytes.
    pool: Arc<Semaphore>,
}

impl Tunnel {
    /// A tunnel that connects once [`Tunnel::run`] is polled, and where the streams that the relay host forwards arrive.
    ///
    /// # Errors
    /// If one of the keys cannot be used: see [`Unusable`].
    pub fn new(config: TunnelConfig, outward: Outward, link: Link) -> Result<(Tunnel, mpsc::Receiver<Stream>), Unusable> {
        Tunnel::paced(config, outward, link, Pace::default())
    }

    /// The same with other times.
    ///
    /// # Errors
    /// See [`Tunnel::new`].
    pub fn paced(config: TunnelConfig, outward: Outward, link: Link, pace: Pace) -> Result<(Tunnel, mpsc::Receiver<Stream>), Unusable> {
        let (key, pinned) = (Arc::new(keys::private(&config.key)?), Arc::new(keys::host(&config.host_key)?));
        let (streams, handed_over) = mpsc::channel(HANDED);
        let pool = Arc::new(Semaphore::new(channel::SHARED));
        let hall = Arc::new(Hall { config, outward, link, pace, streams, handed: AtomicU64::new(0), pool });
        Ok((Tunnel { hall, key, pinned, session: watch::Sender::new(None), rebuild: watch::Sender::new(0) }, handed_over))
    }

    /// Keeps a session up for ever. Dropping the future ends it, and with it all streams.
    pub async fn run(&self) -> Infallible {
        self.keep(true).await
    }

    /// The same, only as a way out: nothing is forwarded, and another session's forward is left alone.
    pub async fn run_outward(&self) -> Infallible {
        self.keep(false).await
    }

    async fn keep(&self, forward: bool) -> Infallible {
        let (mut rebuild, pace) = (self.rebuild.subscribe(), &self.hall.pace);
        let (mut back_off, mut said) = (BackOff::new(pace), Said::default());
        loop {
            rebuild.mark_unchanged();
            let breath = sleep(pace.breath);
            let trouble = Box::pin(self.once(forward, &mut rebuild, &mut back_off, &mut said)).await;
            let (healing, pause) = if matches!(trouble, Trouble::Rebuilt) {
                // No state survives it; how often it may happen is what `breath` is for.
                back_off = BackOff::new(pace);
                (Healing::Itself, Duration::ZERO)
            } else {
                back_off.pause(pace, trouble.healing(), getrandom::u32().unwrap_or(u32::MAX))
            };
            said.lost(&trouble, healing, pause);
            self.hall.link.down(trouble.sentence());
            tokio::select! {
                () = sleep(pause) => {}
                Ok(()) = rebuild.changed() => back_off = BackOff::new(pace),
            }
            breath.await;
        }
    }

    /// One session from its beginning to its end, and why it ended.
    async fn once(&self, forward: bool, rebuild: &mut watch::Receiver<u64>, back_off: &mut BackOff, said: &mut Said) -> Trouble {
        let hall = &self.hall;
        let (session, mut ended, _guard) = match Box::pin(self.build(forward, |_| ())).await {
            Ok(built) => built,
            Err(trouble) => return trouble,
        };
        // Whoever asked while it was being built has what was asked for.
        rebuild.mark_unchanged();
        said.up(&hall.config);
        hall.link.up();
        let shown = Shown::new(&self.session, session);
        let why = |ended: Result<Trouble, _>| ended.unwrap_or(Trouble::Panicked);
        let trouble = tokio::select! {
            ended = &mut ended => Some(why(ended)),
            Ok(()) = rebuild.changed() => Some(Trouble::Rebuilt),
            () = sleep(hall.pace.proved) => None,
        };
        if let Some(trouble) = trouble {
            return trouble;
        }
        *back_off = BackOff::new(&hall.pace);
        said.proved();
        let trouble = tokio::select! {
            ended = &mut ended => why(ended),
            Ok(()) = rebuild.changed() => Trouble::Rebuilt,
        };
        drop(shown);
        trouble
    }

    /// Builds a session, as far as it gets.
    async fn build(&self, forward: bool, passed: impl Fn(Milestone)) -> Result<Built, Trouble> {
        let stream = session::reach(&self.hall).await?;
        passed(Milestone::Reached);
        let (mut session, ended, guard) = Session::greet(&self.hall, &self.pinned, stream).await?;
        passed(Milestone::Recognised(keys::fingerprint(&self.pinned).to_string()));
        session.login(&self.key).await?;
        passed(Milestone::LoggedIn);
        if forward {
            session.forward().await?;
            passed(Milestone::Forwarding);
        }
        Ok((session, ended, guard))
    }

    /// Goes as far as a session gets, once, says how far that was, and leaves. With `forward` it takes the forward away from
    /// whoever has it.
    ///
    /// # Errors
    /// What was in the way.
    pub async fn rehearse(&self, forward: bool, passed: impl Fn(Milestone)) -> Result<(), Trouble> {
        Box::pin(self.build(forward, passed)).await.map(|_| ())
    }

    /// A connection from the relay host to `host:port`, which it looks up itself.
    ///
    /// # Errors
    /// If there is no session, or the relay host does not connect, and why not.
    pub async fn open(&self, host: &str, port: u16) -> io::Result<Stream> {
        let opened = async {
            let mut current = self.session.subscribe();
            // Between two sessions it is worth waiting.
            let session = current.wait_for(Option::is_some).await.ok().and_then(|session| session.clone());
            match session {
                Some(session) => session.open(host, port).await,
                None => Err(io::ErrorKind::NotConnected.into()),
            }
        };
        match timeout(self.hall.pace.open, opened).await {
            Ok(opened) => opened,
            Err(_) if self.session.borrow().is_none() => Err(io::Error::new(io::ErrorKind::NotConnected, "the tunnel is down")),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the relay host does not connect in time")),
        }
    }

    /// Tears the session down and builds a new one at once: somebody has found that nothing comes through. One that is just being built is
    /// let alone.
    pub fn rebuild(&self) {
        self.rebuild.send_modify(|calls| *calls += 1);
    }

    /// How many streams have been handed over since the start: whether anything comes through at all.
    pub fn handed(&self) -> u64 {
        self.hall.handed.load(Ordering::Relaxed)
    }
}

/// A session, how it ends, and what ends it.
type Built = (Session, oneshot::Receiver<Trouble>, DropGuard);

/// How far somebody got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Milestone {
    /// Somebody listens there.
    Reached,
    /// It is the right one: the fingerprint of its key.
    Recognised(String),
    /// It lets us in.
    LoggedIn,
    /// It forwards.
    Forwarding,
}

/// A session that others may use; no longer when this is dropped.
struct Shown<'a> {
    shelf: &'a watch::Sender<Option<Arc<Session>>>,
    session: Arc<Session>,
}

impl Shown<'_> {
    fn new(shelf: &watch::Sender<Option<Arc<Session>>>, session: Session) -> Shown<'_> {
        let session = Arc::new(session);
        shelf.send_replace(Some(Arc::clone(&session)));
        Shown { shelf, session }
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.shelf.send_replace(None);
        self.session.cut();
    }
}
