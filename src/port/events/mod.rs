//! What happened lately, kept where a power cut does not reach it: the journal of a Pi usually lies in memory. Warnings and errors of the
//! log, and when the relay was started and stopped, when an alarm began and was over, as lines in two bounded files. Decides nothing about
//! what is logged, and slows nobody down.
//!
//! ```text
//!   tracing ──▶ layer ──bounded, dropped if full──▶ thread: fold ──▶ events.jsonl ──full──▶ events.1.jsonl
//! ```
//!
//! A flood of one message is one line with a count. The files are synced once a minute at most: a card lives by what is not written to it.

mod files;
mod fold;
mod layer;
mod line;

pub use files::{Reading, read};
pub use layer::Keeping;
pub use line::{Before, Kind, Level, Line};

use crate::port::clock::Clock;
use files::Files;
use fold::Fold;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// What is logged with this target is kept, whatever its level: it has a `kind`, see [`Kind`].
pub const KEPT: &str = "drk_relay::kept";

/// Events that may wait for the card. More come only in a flood, and of that a count is enough.
const QUEUE: usize = 256;
/// Between two syncs at least, and between two looks at what is folded, in milliseconds.
const TURN: u64 = 60_000;
/// How long the end of the process waits for the card at most.
const FAREWELL: Duration = Duration::from_secs(2);

/// What goes to the thread.
enum Order {
    Keep(Line),
    /// Everything that is folded, too; then this is dropped.
    Finish(SyncSender<()>),
}

/// The thread that keeps events. Ends when this and its layer are dropped.
#[derive(Debug)]
pub struct Keeper {
    orders: SyncSender<Order>,
}

impl Keeper {
    /// Starts it, and a layer that feeds it. `boot` names the time since the machine was started, if that is known. Without a thread
    /// nothing is kept.
    pub fn start(state_dir: &Path, clock: Clock, boot: Option<String>) -> (Keeper, Keeping) {
        let (orders, queue) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let layer = Keeping::new(orders.clone(), clock.clone(), Arc::clone(&lost));
        let writer = Writer { files: Files::at(state_dir), fold: Fold::default(), clock, lost, boot };
        let started = std::thread::Builder::new().name("events".to_owned()).spawn(move || writer.keep(&queue));
        if let Err(error) = started {
            tracing::warn!(%error, "events are not kept");
        }
        (Keeper { orders }, layer)
    }

    /// Returns when everything is on the card, or it takes too long.
    pub fn finish(self) {
        let (done, finished) = sync_channel(1);
        let Keeper { orders } = self;
        // In a thread of its own: a flood may have filled the queue, and a card that hangs does not empty it.
        let ask = std::thread::Builder::new().spawn(move || {
            // A thread that is gone has nothing to finish.
            let _ = orders.send(Order::Finish(done));
        });
        if ask.is_ok() {
            // Answered or dropped.
            let _ = finished.recv_timeout(FAREWELL);
        }
    }
}

/// The thread's own.
struct Writer {
    files: Files,
    fold: Fold,
    clock: Clock,
    /// Events that found no room in the queue.
    lost: Arc<AtomicU64>,
    boot: Option<String>,
}

impl Writer {
    fn keep(mut self, queue: &Receiver<Order>) {
        let mut turned = self.clock.now();
        loop {
            let order = queue.recv_timeout(Duration::from_millis(TURN));
            match order {
                Ok(Order::Keep(line)) => self.line(line),
                Ok(Order::Finish(done)) => {
                    self.turn(true);
                    drop(done);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let now = self.clock.now();
            // Also if it was set back.
            if now.0.abs_diff(turned.0) >= TURN {
                self.turn(false);
                turned = now;
            }
        }
        self.turn(true);
    }

    fn line(&mut self, mut line: Line) {
        match line.kind {
            Some(Kind::Started) => {
                // Nothing of this run was written before, but what went wrong on the way.
                line.begin(&self.files.lines(), self.boot.as_deref());
                self.files.append(&line);
                self.files.sync();
            }
            Some(_) => self.files.append(&line),
            None => {
                if let Some(line) = self.fold.take(line) {
                    self.files.append(&line);
                }
            }
        }
    }

    /// What is folded long enough is written down, or all of it; what was lost is said; all of it is synced.
    fn turn(&mut self, all: bool) {
        let now = self.clock.now();
        for line in self.fold.unfold(now, all) {
            self.files.append(&line);
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            self.files.append(&Line::lost(now, lost));
        }
        self.files.sync();
    }
}
