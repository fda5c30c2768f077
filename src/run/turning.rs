//! The relay's thread: arrivals are gathered, stepped, acknowledged, and effects let out. While the disk is full there is no relay:
//! arrivals are dropped unacknowledged, and the store is opened again and again. Knows no port.

use super::{STORE, Show};
use crate::domain::backup::Backup;
use crate::domain::decision::{Effect, Receipt, Send};
use crate::domain::event::{Event, ReplyTo};
use crate::domain::ids::Wamid;
use crate::domain::time::Millis;
use crate::port::clock::{Clock, Mark};
use crate::port::{Arrival, INBOX, Inbox};
use crate::relay::{Pulse, Relay, SLOTS};
use crate::store::StoreError;
use anyhow::Context;
use std::future::pending;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Arrivals that share a commit at most: with 64 messages a commit writes about 10 kB for each instead of 50 kB alone.
const BATCH: usize = 64;
/// After the first arrival the relay waits this long for more, so that two half-full groups do not take turns (DESIGN.md section 4).
const GATHER: Duration = Duration::from_micros(500);
/// … and as often again as more came, at most: a message waits no longer than this for its group.
const GATHERINGS: u32 = 4;
/// Read receipts that may wait: they are lost on restart anyway, so they are dropped rather than waited for.
const READS: usize = 256;
/// Receipts for publishers that may wait: several times what mosquitto queues for a relay that was away (1,000), because they come out all
/// at once then. Dropped beyond that: a publisher that hears nothing publishes again.
const RECEIPTS: usize = 4_096;
/// Answers to people who ask on this machine, of whom there are four at once at most (`port/status`).
const ANSWERS: usize = 16;
/// While the disk is full, the store is opened again after this long at first, then after twice as long each time …
const PAUSE: Duration = Duration::from_secs(1);
/// … up to this: each attempt writes a megabyte, and who has made room waits this long at most.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A relay that turns on its own thread: where arrivals go in, where effects come out, and how it ended.
#[derive(Debug)]
pub struct Turning {
    /// For ports.
    pub inbox: Inbox,
    /// For ports.
    pub outlets: Outlets,
    /// Changes when the store is open again after the disk was full: until then arrivals were dropped unacknowledged.
    pub reopened: watch::Receiver<()>,
    /// Resolves when the relay has stopped or failed; dropped if it panicked.
    pub ended: oneshot::Receiver<anyhow::Result<()>>,
}

/// Where effects come out.
#[derive(Debug)]
pub struct Outlets {
    /// Messages for people.
    pub sends: mpsc::Receiver<Box<Send>>,
    /// Messages to be marked as read.
    pub reads: mpsc::Receiver<Wamid>,
    /// What publishers are told.
    pub receipts: mpsc::Receiver<Receipt>,
    /// What those are told who ask on this machine.
    pub answers: broadcast::Sender<Receipt>,
}

/// Starts the relay's thread. `open` opens the store at this time and loads it, at the start and after every time that the disk was full.
///
/// # Errors
/// If there is no thread to be had.
pub fn turn(
    open: impl FnMut(Millis) -> Result<Relay, StoreError> + std::marker::Send + 'static,
    clock: Clock,
    show: Show,
    stopped: CancellationToken,
) -> anyhow::Result<Turning> {
    let (inbox, arrivals) = mpsc::channel(INBOX);
    let (sends, send) = mpsc::channel(SLOTS);
    let (reads, read) = mpsc::channel(READS);
    let (receipts, receipt) = mpsc::channel(RECEIPTS);
    let (again, reopened) = watch::channel(());
    let (finished, ended) = oneshot::channel();
    let answers = broadcast::Sender::new(ANSWERS);
    let outputs = Outputs { sends, reads, receipts, answers: answers.clone(), dropped: 0 };
    let house = Wheelhouse { open, clock, arrivals, outputs, show, stopped, group: 0, trusted: false, full: None, again };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().context("runtime of the relay")?;
    let body = move || {
        let result = runtime.block_on(house.turn());
        // Nobody listens if the caller is gone already.
        drop(finished.send(result));
    };
    std::thread::Builder::new().name("relay".to_owned()).spawn(body).context("thread of the relay")?;
    Ok(Turning { inbox, outlets: Outlets { sends: send, reads: read, receipts: receipt, answers }, reopened, ended })
}

/// The other ends of [`Outlets`].
#[derive(Debug)]
struct Outputs {
    sends: mpsc::Sender<Box<Send>>,
    reads: mpsc::Sender<Wamid>,
    receipts: mpsc::Sender<Receipt>,
    answers: broadcast::Sender<Receipt>,
    /// Receipts dropped so far.
    dropped: u64,
}

impl Outputs {
    /// The one match that carries out what was decided.
    async fn perform(&mut self, effect: Effect) {
        match effect {
            // Waits for the port if it must: no more than SLOTS are in flight, so it hardly ever does.
            Effect::Send(send) => drop(self.sends.send(send).await),
            Effect::MarkRead(wamid) => drop(self.reads.try_send(wamid)),
            // Whoever has asked and is gone is not told.
            Effect::Receipt(receipt @ Receipt { to: ReplyTo::Local(_), .. }) => drop(self.answers.send(receipt)),
            Effect::Receipt(receipt) => {
                if self.receipts.try_send(receipt).is_err() {
                    self.dropped += 1;
                    // At the first, the second, the fourth …: a flood is a few lines.
                    if self.dropped.is_power_of_two() {
                        tracing::warn!(dropped = self.dropped, "receipts for publishers are dropped: too many wait");
                    }
                }
            }
        }
    }
}

/// Everything that the relay's thread needs, whether there is a relay at the moment or not.
struct Wheelhouse<Open> {
    open: Open,
    clock: Clock,
    arrivals: mpsc::Receiver<Arrival>,
    outputs: Outputs,
    show: Show,
    stopped: CancellationToken,
    /// Arrivals in the last group.
    group: usize,
    /// Whether it was said that the clock is right, and not that it is in doubt since: a relay that is opened again does not know.
    trusted: bool,
    /// The disk is full.
    full: Option<Full>,
    /// Told when it is no longer.
    again: watch::Sender<()>,
}

/// There is no room.
struct Full {
    since: Mark,
    /// Until the next attempt.
    pause: Duration,
}

impl<Open: FnMut(Millis) -> Result<Relay, StoreError>> Wheelhouse<Open> {
    /// Turns until told to stop. A full disk only interrupts it: whoever can make room needs no relay that comes and goes.
    async fn turn(mut self) -> anyhow::Result<()> {
        loop {
            let ended = match (self.open)(self.clock.now()) {
                Ok(relay) => self.live(relay).await,
                Err(error) => Err(error),
            };
            match ended {
                Ok(()) => return Ok(()),
                Err(StoreError::Full) if self.no_room().await => {}
                Err(StoreError::Full) => return Ok(()),
                Err(error) => return Err(error).context(STORE),
            }
        }
    }

    /// One relay until it is told to stop or its store fails. It is dropped then: its memory may be ahead of the disk.
    async fn live(&mut self, mut relay: Relay) -> Result<(), StoreError> {
        let (mut batch, mut events, mut acks) = (Vec::with_capacity(BATCH), vec![Event::Started], Vec::<oneshot::Sender<()>>::new());
        events.extend(self.trusted.then_some(Event::ClockTrusted));
        events.extend(self.full.as_ref().map(|_| Event::RewriteFailed));
        loop {
            let effects = relay.step(self.clock.now(), &events)?;
            self.has_room();
            events.clear();
            for ack in acks.drain(..) {
                // Who no longer waits is not told.
                let _ = ack.send(());
            }
            for effect in effects {
                self.outputs.perform(effect).await;
            }
            self.show(&relay);
            if !self.wait(&relay, &mut batch).await {
                return relay.close();
            }
            for arrival in batch.drain(..) {
                events.extend(arrival.events);
                acks.extend(arrival.ack);
            }
            self.trusted = told(&events, self.trusted);
        }
    }

    /// Waits for arrivals or the next deadline; `false` if it is time to stop.
    async fn wait(&mut self, relay: &Relay, batch: &mut Vec<Arrival>) -> bool {
        let next = relay.next_deadline(self.clock.now());
        tokio::select! {
            biased;
            () = self.stopped.cancelled() => return false,
            arrived = self.arrivals.recv_many(batch, BATCH) => if arrived == 0 {
                // Every port is gone, and with it whoever started us.
                return false;
            },
            () = due(&self.clock, next) => return true,
        }
        self.gather(batch);
        true
    }

    /// Waits for more as long as more comes or the last group was larger, a few times at most: whoever was acknowledged in one group comes
    /// again together.
    fn gather(&mut self, batch: &mut Vec<Arrival>) {
        for _ in 0..GATHERINGS {
            let before = batch.len();
            if before < BATCH {
                // This thread has nothing else to do, and a timer would be coarser.
                std::thread::sleep(GATHER);
            }
            while batch.len() < BATCH
                && let Ok(arrival) = self.arrivals.try_recv()
            {
                batch.push(arrival);
            }
            if batch.len() == before && before >= self.group {
                break;
            }
        }
        self.group = batch.len();
    }

    /// Waits until the store may be opened again, without keeping anybody waiting: Meta and the broker repeat what is dropped here. `false`
    /// if it is time to stop.
    async fn no_room(&mut self) -> bool {
        let clock = &self.clock;
        let full = self.full.get_or_insert_with(|| {
            tracing::error!("the disk is full: nothing is taken and nothing sent until there is room; goes on by itself then");
            Full { since: clock.mark(), pause: PAUSE }
        });
        let (since, pause) = (full.since, full.pause);
        full.pause = (pause * 2).min(PAUSE_MAX);
        let (mut over, mut dropped) = (pin!(tokio::time::sleep(pause)), Vec::with_capacity(BATCH));
        loop {
            let Show { pulse, roster: _, backup: _, surface: _ } = &self.show;
            if !pulse.is_closed() {
                pulse.send_replace(Pulse { full: Some(self.clock.when(since)), ..Pulse::default() });
            }
            tokio::select! {
                biased;
                () = self.stopped.cancelled() => return false,
                () = &mut over => return true,
                arrived = self.arrivals.recv_many(&mut dropped, BATCH) => if arrived == 0 {
                    return false;
                },
            }
            self.trusted = dropped.drain(..).fold(self.trusted, |trusted, arrival| told(&arrival.events, trusted));
        }
    }

    /// Something was committed: if the disk was full, it is no longer.
    fn has_room(&mut self) {
        if self.full.take().is_some() {
            tracing::info!("there is room on the disk again");
            self.again.send_replace(());
        }
    }

    fn show(&self, relay: &Relay) {
        let Show { pulse, roster, backup, surface } = &self.show;
        if !pulse.is_closed() {
            pulse.send_replace(relay.pulse(self.clock.now()));
        }
        if !roster.is_closed() {
            roster.send_replace(relay.roster());
        }
        if !backup.is_closed() {
            backup.send_replace(Backup::of(relay.state()));
        }
        if !surface.is_closed() {
            let seen = relay.surface();
            surface.send_if_modified(|shown| std::mem::replace(shown, seen) != *shown);
        }
    }
}

/// Whether the clock is trusted after these, if it was, or was not, before.
fn told(events: &[Event], trusted: bool) -> bool {
    events.iter().fold(trusted, |trusted, event| match event {
        Event::ClockTrusted => true,
        Event::ClockDoubted => false,
        Event::Started
        | Event::Figure(_)
        | Event::Validate(_)
        | Event::Asked(_)
        | Event::Heard(_)
        | Event::Moved(_)
        | Event::Status(_)
        | Event::Account(_) => trusted,
        Event::Proof | Event::Sent { .. } | Event::Rewritten | Event::RewriteFailed | Event::Due(_) => trusted,
    })
}

async fn due(clock: &Clock, at: Option<Millis>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => pending().await,
    }
}
