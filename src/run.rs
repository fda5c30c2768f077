//! The loop: arrivals in, step, acknowledgements and effects out. Starts and connects the parts; decides nothing and knows no format.
//!
//! The relay steps on a thread of its own, because an fsync is slow; the ports are tasks on the caller's runtime, so a slow card never
//! stalls an MQTT ping. A failed commit or a panic in the relay ends the process; a panic in a port restarts that port.

use crate::config::{Config, StatusConfig};
use crate::domain::decision::{Effect, Receipt, Send};
use crate::domain::event::Event;
use crate::domain::ids::{InstanceId, Wamid};
use crate::domain::time::Millis;
use crate::port::board::{Board, Links};
use crate::port::clock::{self, Clock};
use crate::port::link::Link;
use crate::port::pseudonym::Pseudonyms;
use crate::port::{Arrival, INBOX, Inbox, graph, mqtt, status, systemd, webhook};
use crate::relay::{Pulse, Relay, Roster, SLOTS};
use crate::store::Store;
use anyhow::Context;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, oneshot, watch};
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
/// A port that panicked comes back after this long.
const RESTART: Duration = Duration::from_secs(1);

/// The store's file in the state directory.
const STORE: &str = "relay.redb";
/// The key of all hashes, beside it.
pub const KEY: &str = "hash.key";

/// What surrounds one run and does not come from the configuration.
#[derive(Debug)]
pub struct Surroundings {
    /// What time it is.
    pub clock: Clock,
    /// Where webhooks arrive; bound by the caller, so that port 0 is possible.
    pub listener: TcpListener,
    /// Where it shows itself.
    pub show: Show,
    /// Who has started it and wants to know how it fares.
    pub manager: systemd::Manager,
}

/// What the relay shows after every step, each as far as somebody watches: both cost a walk over all people.
#[derive(Clone, Debug, Default)]
pub struct Show {
    /// How it fares.
    pub pulse: watch::Sender<Pulse>,
    /// Everyone's row, for the demo.
    pub roster: watch::Sender<Roster>,
}

/// Runs until `stop` resolves. Stopping needs no ceremony: what was acknowledged is durable.
///
/// # Errors
/// If the store cannot be opened, or a commit fails, or the relay panics.
pub async fn run(config: Config, around: Surroundings, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let Surroundings { clock, listener, show, manager } = around;
    let (started, pulse, zone) = (clock.mark(), show.pulse.clone(), config.rules.zone.clone());
    std::fs::create_dir_all(&config.state_dir).with_context(|| format!("{}: lässt sich nicht anlegen", config.state_dir.display()))?;
    let pseudonyms = Pseudonyms::open(&config.state_dir.join(KEY)).context(KEY)?;
    let store = Store::open(&config.state_dir.join(STORE), fresh_instance()?).context(STORE)?;
    let instance = store.instance();
    let graph = Arc::new(graph::Graph::new(config.graph, clock.clone(), pseudonyms.clone(), instance)?);
    let socket = status_socket(&config.status)?;
    let relay = Relay::open(store, config.rules).context(STORE)?;
    let stopped = CancellationToken::new();
    let Turning { inbox, mut outlets, ended } = turn(relay, clock.clone(), show, stopped.clone())?;
    let links = Links { mqtt: Link::new(clock.clone()), graph: graph.link().clone(), webhook: Link::new(clock.clone()) };
    let board = Board { pulse, inbox: inbox.clone(), links, clock: clock.clone(), zone, started };
    let mut restarted = false;
    let ports = async {
        tokio::join!(
            clock::watch_trust(config.clock, &clock, &inbox),
            restarting("mqtt", async || mqtt::run(&config.mqtt, &inbox, &mut outlets.receipts, &board.links.mqtt).await),
            restarting("graph", async || {
                if std::mem::replace(&mut restarted, true) {
                    // Nobody knows any more what became of the messages in flight. A relay that is gone does not ask.
                    let _ = inbox.send(Arrival::told(Event::Started)).await;
                }
                graph::run(&graph, &mut outlets.sends, &mut outlets.reads, &inbox).await;
            }),
            restarting("webhook", async || {
                webhook::serve(&listener, &config.webhook, &pseudonyms, instance, &inbox, &board.links.webhook).await
            }),
            restarting("status", async || match &socket {
                Some(socket) => status::serve(socket, &board).await,
                None => pending().await,
            }),
            restarting("systemd", async || systemd::run(&manager, &board).await),
        )
    };
    let (mut ended, mut stop, ports) = (pin!(ended), pin!(stop), pin!(ports));
    tokio::select! {
        result = &mut ended => return result.context("the relay panicked")?,
        () = &mut stop => tracing::info!("stopping"),
        _ = ports => {}
    }
    manager.stopping();
    stopped.cancel();
    ended.await.context("the relay panicked")?
}

/// The status socket. Whoever has it already is a second relay and a mistake; without one for another reason the relay does what it is for,
/// and only nobody can look.
fn status_socket(config: &StatusConfig) -> anyhow::Result<Option<UnixListener>> {
    match status::bind(config) {
        Ok(listener) => Ok(Some(listener)),
        Err(error @ status::Unavailable::Taken(_)) => Err(error.into()),
        Err(error @ (status::Unavailable::NoSocket(_) | status::Unavailable::System { .. })) => {
            tracing::error!(%error, "no status socket");
            Ok(None)
        }
    }
}

/// A random id for a store that is made now.
fn fresh_instance() -> anyhow::Result<InstanceId> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(InstanceId(u64::from_le_bytes(bytes)))
}

/// Runs a port again whenever it ends or panics.
async fn restarting<T>(name: &'static str, mut port: impl AsyncFnMut() -> T) {
    loop {
        match caught(port()).await {
            Ok(_) => tracing::error!(port = name, "ended, restarting"),
            Err(()) => tracing::error!(port = name, "panicked, restarting"),
        }
        tokio::time::sleep(RESTART).await;
    }
}

/// A future whose panic is an error.
async fn caught<T>(future: impl Future<Output = T>) -> Result<T, ()> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(())),
    })
    .await
}

/// A relay that turns on its own thread: where arrivals go in, where effects come out, and how it ended.
#[derive(Debug)]
pub struct Turning {
    /// For ports.
    pub inbox: Inbox,
    /// For ports.
    pub outlets: Outlets,
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
}

/// Starts the relay's thread.
///
/// # Errors
/// If there is no thread to be had.
pub fn turn(relay: Relay, clock: Clock, show: Show, stopped: CancellationToken) -> anyhow::Result<Turning> {
    let (inbox, arrivals) = mpsc::channel(INBOX);
    let (sends, send) = mpsc::channel(SLOTS);
    let (reads, read) = mpsc::channel(READS);
    let (receipts, receipt) = mpsc::channel(RECEIPTS);
    let (finished, ended) = oneshot::channel();
    let house = Wheelhouse { relay, clock, arrivals, outputs: Outputs { sends, reads, receipts, dropped: 0 }, show, stopped, group: 0 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().context("runtime of the relay")?;
    let body = move || {
        let result = runtime.block_on(house.turn());
        // Nobody listens if the caller is gone already.
        drop(finished.send(result));
    };
    std::thread::Builder::new().name("relay".to_owned()).spawn(body).context("thread of the relay")?;
    Ok(Turning { inbox, outlets: Outlets { sends: send, reads: read, receipts: receipt }, ended })
}

/// The other ends of [`Outlets`].
#[derive(Debug)]
struct Outputs {
    sends: mpsc::Sender<Box<Send>>,
    reads: mpsc::Sender<Wamid>,
    receipts: mpsc::Sender<Receipt>,
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

/// The relay and everything that its thread needs.
struct Wheelhouse {
    relay: Relay,
    clock: Clock,
    arrivals: mpsc::Receiver<Arrival>,
    outputs: Outputs,
    show: Show,
    stopped: CancellationToken,
    /// Arrivals in the last group.
    group: usize,
}

impl Wheelhouse {
    async fn turn(mut self) -> anyhow::Result<()> {
        let (mut batch, mut events, mut acks) = (Vec::with_capacity(BATCH), vec![Event::Started], Vec::<oneshot::Sender<()>>::new());
        loop {
            let effects = self.relay.step(self.clock.now(), &events).context("commit failed")?;
            events.clear();
            for ack in acks.drain(..) {
                // Who no longer waits is not told.
                let _ = ack.send(());
            }
            for effect in effects {
                self.outputs.perform(effect).await;
            }
            self.show();
            if !self.wait(&mut batch).await {
                return Ok(self.relay.close()?);
            }
            for arrival in batch.drain(..) {
                events.extend(arrival.events);
                acks.extend(arrival.ack);
            }
        }
    }

    /// Waits for arrivals or the next deadline; `false` if it is time to stop.
    async fn wait(&mut self, batch: &mut Vec<Arrival>) -> bool {
        let next = self.relay.next_deadline(self.clock.now());
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

    fn show(&self) {
        let Show { pulse, roster } = &self.show;
        if !pulse.is_closed() {
            pulse.send_replace(self.relay.pulse(self.clock.now()));
        }
        if !roster.is_closed() {
            roster.send_replace(self.relay.roster());
        }
    }
}

async fn due(clock: &Clock, at: Option<Millis>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => pending().await,
    }
}
