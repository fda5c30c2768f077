//! The body of a request that knows whether it left. Sends nothing itself: the HTTP client asks for it, once, when it has a connection and
//! begins to write.
//!
//! Errors of the client do not tell this exactly: a time-out may strike while it connects or while it waits for the answer.

use crate::domain::time::Timestamp;
use crate::port::clock::Clock;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// What is to be written, if it is not too late by then.
pub(super) struct Payload {
    json: Option<Bytes>,
    clock: Clock,
    not_after: Timestamp,
    left: Left,
}

/// Whether the payload was handed out: while it was not, Meta cannot have the request, because its length was announced.
#[derive(Clone, Debug, Default)]
pub(super) struct Left(Arc<AtomicBool>);

/// The clock went past `not_after` while the connection was made.
#[derive(Debug, thiserror::Error)]
#[error("too late to be written")]
pub(super) struct TooLate;

impl Payload {
    pub(super) fn new(json: Vec<u8>, clock: Clock, not_after: Timestamp) -> (Payload, Left) {
        let left = Left::default();
        (Payload { json: Some(json.into()), clock, not_after, left: left.clone() }, left)
    }
}

impl Left {
    pub(super) fn has(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = TooLate;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, TooLate>>> {
        let Some(json) = self.json.take() else { return Poll::Ready(None) };
        // Right before writing (promise 2): the time-out is monotonic, and the clock may have been stepped since it was computed.
        if self.clock.remaining(self.not_after).is_zero() {
            return Poll::Ready(Some(Err(TooLate)));
        }
        self.left.0.store(true, Ordering::Release);
        Poll::Ready(Some(Ok(Frame::data(json))))
    }

    fn is_end_stream(&self) -> bool {
        self.json.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.json.as_ref().map_or(0, |json| json.len() as u64))
    }
}
