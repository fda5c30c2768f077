//! Which connection is up, and what the loops of the port know of it. Opens none and closes none.

use super::line::Broken;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Which connection is up: counted from 1, [`Connection::DOWN`] between two. All loops of the port run in one task; the atomic and the
/// lock are there because that task may move between threads.
#[derive(Debug, Default)]
pub(super) struct Connection {
    number: AtomicU64,
    /// Why the line to the broker ended last.
    broken: Mutex<Option<Broken>>,
}

impl Connection {
    pub(super) const DOWN: u64 = 0;

    pub(super) fn set(&self, connection: u64) {
        self.number.store(connection, Ordering::Relaxed);
    }

    pub(super) fn current(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }

    /// Whether an acknowledgement that belongs to `connection` may still go out.
    pub(super) fn is(&self, connection: u64) -> bool {
        connection != Connection::DOWN && connection == self.current()
    }

    pub(super) fn broke(&self, broken: Broken) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(broken);
    }

    pub(super) fn mended(&self) {
        self.broken();
    }

    /// Why the line ended; once.
    pub(super) fn broken(&self) -> Option<Broken> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What an acknowledgement needs: the packet id, and the connection on which it means something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) connection: u64,
    pub(super) packet: u16,
}
