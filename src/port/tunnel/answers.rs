//! What we answer the relay host: whether it is the right one, and which of the channels that it opens are wanted. Everything else it may
//! ask for is refused; a hostile relay host can end the session, and nothing more.

use super::Hall;
use super::channel::Tube;
use super::trouble::Trouble;
use crate::config::TunnelForward;
use crate::port::stream::{HANDED, Stream};
use russh::client::{ChannelOpenHandle, DisconnectReason, Handler, Msg, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::keys::ssh_key::public::KeyData;
use russh::{Channel, ChannelOpenFailure};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

/// Channels that the relay host may have open at once. The webhook has 64 places and sheds whoever is idle longest, which only works if
/// newcomers get as far as that: so there is room for those besides who are handed over, and for those who were shed and are closing.
pub(super) const CHANNELS: usize = 64 + 4 * HANDED;

/// The client's side of one session. Its end is the session's end, panics included: russh owns it.
pub(super) struct Answers {
    hall: Arc<Hall>,
    pinned: KeyData,
    /// Told what was shown, if that was another key.
    shown: Option<oneshot::Sender<KeyData>>,
    /// Room for [`CHANNELS`].
    places: Arc<Semaphore>,
    /// Channels that nobody asked for.
    unwanted: u64,
    /// Why the session ended; nothing: it panicked.
    why: Option<String>,
    /// Told when it did.
    ended: Option<oneshot::Sender<Trouble>>,
}

/// What comes out of [`Answers`] besides streams.
pub(super) struct Told {
    /// The key that was shown, if it was another.
    pub(super) shown: oneshot::Receiver<KeyData>,
    /// That the session has ended.
    pub(super) ended: oneshot::Receiver<Trouble>,
}

impl Answers {
    pub(super) fn new(hall: Arc<Hall>, pinned: KeyData) -> (Answers, Told) {
        let ((show, shown), (end, ended)) = (oneshot::channel(), oneshot::channel());
        let places = Arc::new(Semaphore::new(CHANNELS));
        let answers = Answers { hall, pinned, shown: Some(show), places, unwanted: 0, why: None, ended: Some(end) };
        (answers, Told { shown, ended })
    }

    /// Takes a wanted channel in, as far as there is room, and hands it over.
    async fn admit(&self, channel: Channel<Msg>, reply: ChannelOpenHandle) {
        let hall = &self.hall;
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::debug!("all channels of the tunnel are taken: one more is refused");
            return reply.reject(ChannelOpenFailure::ResourceShortage).await;
        };
        match hall.streams.clone().try_reserve_owned() {
            Ok(permit) => hand_over(hall, channel, reply, place, permit).await,
            Err(mpsc::error::TrySendError::Full(streams)) => {
                // Never here: the whole session would wait.
                let hall = Arc::clone(hall);
                tokio::spawn(async move {
                    match timeout(hall.pace.handover, streams.reserve_owned()).await {
                        Ok(Ok(permit)) => hand_over(&hall, channel, reply, place, permit).await,
                        Ok(Err(_)) | Err(_) => reply.reject(ChannelOpenFailure::ResourceShortage).await,
                    }
                });
            }
            Err(mpsc::error::TrySendError::Closed(_)) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
        }
    }

    /// Nobody asked for it.
    async fn unwanted(&mut self, kind: &'static str, reply: ChannelOpenHandle) {
        self.unwanted += 1;
        let times = self.unwanted;
        // At the first, the second, the fourth …: who does so on purpose does not fill the log.
        if times.is_power_of_two() {
            tracing::warn!(kind, times, "the relay host opens a channel that nobody asked for: refused");
        }
        reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
    }
}

async fn hand_over(
    hall: &Hall,
    channel: Channel<Msg>,
    reply: ChannelOpenHandle,
    place: OwnedSemaphorePermit,
    permit: mpsc::OwnedPermit<Stream>,
) {
    let tube = Tube::new(channel, Arc::clone(&hall.pool), place);
    reply.accept().await;
    permit.send(Box::new(tube));
    hall.handed.fetch_add(1, Ordering::Relaxed);
    hall.link.up();
}

impl Drop for Answers {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            // Who no longer waits is not told.
            let _ = ended.send(self.why.take().map_or(Trouble::Panicked, Trouble::Ended));
        }
    }
}

impl Handler for Answers {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        // A certificate would be somebody else's word for it; none is offered, so none can come.
        let shown = key.public_key().key_data().clone();
        let right = key.certificate().is_none() && shown == self.pinned;
        if !right && let Some(told) = self.shown.take() {
            let _ = told.send(shown);
        }
        Ok(right)
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        match &self.hall.config.forward {
            TunnelForward::Unix(ours) if ours == path => self.admit(channel, reply).await,
            TunnelForward::Unix(_) | TunnelForward::Tcp(..) => self.unwanted("another socket", reply).await,
        }
        Ok(())
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        channel: Channel<Msg>,
        _: &str,
        connected: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        match &self.hall.config.forward {
            // Only one port was asked for; how its address is written differs among servers.
            TunnelForward::Tcp(_, port) if u32::from(*port) == connected => self.admit(channel, reply).await,
            TunnelForward::Unix(_) | TunnelForward::Tcp(..) => self.unwanted("another port", reply).await,
        }
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.unwanted("agent", reply).await;
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.unwanted("session", reply).await;
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.unwanted("direct-tcpip", reply).await;
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.unwanted("direct-streamlocal", reply).await;
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.unwanted("x11", reply).await;
        Ok(())
    }

    async fn should_accept_unknown_server_channel(&mut self, _: russh::ChannelId, _: &str) -> bool {
        false
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.why = Some(format!("the relay host says: {:?}", info.reason_code));
                Ok(())
            }
            DisconnectReason::Error(error) => {
                self.why = Some(error.to_string());
                Err(error)
            }
        }
    }
}
