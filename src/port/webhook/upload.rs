//! Bodies, read piece by piece. Knows nothing of what is in them: whose a body is shows only when all of it is there, so what it may cost
//! until then is bounded here.
//!
//! A small one is read at once. One that grows beyond that needs room, and there is little of it; while somebody waits for some, whoever
//! has it must be as fast as the largest body that is in time. Who sends a byte now and then never gets as far as needing room.

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use hyper::body::Body as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Sleep, sleep, timeout};

/// WhatsApp docs: a webhook has at most 3 MB.
pub(super) const BODY: usize = 3 * 1024 * 1024;
/// Bytes that need no room: 64 times as many are nothing. Meta's everyday webhooks have a few hundred.
const SMALL: usize = 64 * 1024;
/// Larger ones at once: 64 strangers with 3 MB each would use up a device's memory.
const LARGE: usize = 4;
/// For a body: 3 MB at 3 Mbit/s take 8 s.
const UPLOAD: Duration = Duration::from_secs(15);
/// So far behind may be who has room that somebody waits for. Twenty strangers who stop as soon as they have some keep Meta waiting for
/// five to eight of these; it is reported to wait 5 to 10 s.
const GRACE: Duration = Duration::from_secs(1);

/// Room for [`LARGE`] bodies.
pub(super) struct Uploads {
    room: Semaphore,
    /// How many wait for some.
    waiting: AtomicU32,
}

/// A whole body, and its room.
pub(super) struct Upload<'a> {
    pub(super) body: Bytes,
    /// Taken until it is dropped.
    pub(super) room: Option<Room<'a>>,
}

/// Room for one of them.
pub(super) struct Room<'a> {
    /// Until when it must have got on.
    late: Pin<Box<Sleep>>,
    _permit: Option<SemaphorePermit<'a>>,
}

/// Somebody waits, until this is dropped.
struct Waiting<'a>(&'a AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Uploads {
    pub(super) fn new() -> Uploads {
        Uploads { room: Semaphore::new(LARGE), waiting: AtomicU32::new(0) }
    }

    /// All of a body of which so many bytes were promised, or what to answer instead: 413 if it is too large, 408 if it takes too long,
    /// 400 if it breaks off.
    pub(super) async fn read(&self, body: Body, promised: Option<usize>) -> Result<Upload<'_>, StatusCode> {
        timeout(UPLOAD, self.whole(body, promised)).await.unwrap_or(Err(StatusCode::REQUEST_TIMEOUT))
    }

    async fn whole(&self, mut body: Body, promised: Option<usize>) -> Result<Upload<'_>, StatusCode> {
        let (mut read, mut room) = (Vec::new(), None);
        loop {
            let next = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
            let frame = match &mut room {
                None => next.await,
                Some(Room { late, .. }) => tokio::select! {
                    biased;
                    frame = next => frame,
                    () = self.outpaced(late.as_mut()) => return Err(StatusCode::REQUEST_TIMEOUT),
                },
            };
            let Some(frame) = frame else { return Ok(Upload { body: read.into(), room }) };
            // Trailers say nothing.
            let Ok(data) = frame.map_err(|_| StatusCode::BAD_REQUEST)?.into_data() else { continue };
            let length = read.len() + data.len();
            if length > BODY {
                return Err(StatusCode::PAYLOAD_TOO_LARGE);
            }
            match &mut room {
                Some(Room { late, .. }) => put_off(late.as_mut(), allowed(data.len())),
                None if length > SMALL => {
                    room = Some(self.room(length).await);
                    read.reserve_exact(promised.map_or(0, |promised| promised.min(BODY)).saturating_sub(read.len()));
                }
                None => {}
            }
            read.extend_from_slice(&data);
        }
    }

    /// Room for a body that has so many bytes already.
    async fn room(&self, read: usize) -> Room<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        // It is never closed, so there is a permit sooner or later.
        let permit = self.room.acquire().await.ok();
        Room { late: Box::pin(sleep(GRACE + allowed(read))), _permit: permit }
    }

    /// Waits until it is late, and somebody waits for the room.
    async fn outpaced(&self, mut late: Pin<&mut Sleep>) {
        loop {
            late.as_mut().await;
            if self.waiting.load(Ordering::Relaxed) > 0 {
                return;
            }
            put_off(late.as_mut(), GRACE);
        }
    }
}

/// How long so many bytes may take.
fn allowed(bytes: usize) -> Duration {
    (UPLOAD - GRACE).mul_f64(bytes as f64 / BODY as f64)
}

fn put_off(late: Pin<&mut Sleep>, by: Duration) {
    let until = late.deadline() + by;
    late.reset(until);
}
