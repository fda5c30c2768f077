//! The loop: arrivals in, step, acknowledgements and effects out. Starts and connects the parts; decides nothing and knows no format.
//!
//! The relay steps on a thread of its own, because an fsync is slow; the ports are tasks on the caller's runtime, so a slow card never
//! stalls an MQTT ping. A failed commit or a panic in the relay ends the process; a panic in a port restarts that port.

mod drill;
mod turning;
mod ways;

pub use drill::Drill;
pub use turning::{Outlets, Turning, turn};
pub use ways::beside;

use crate::config::{Config, GraphConfig, StatusConfig};
use crate::domain::backup::Backup;
use crate::domain::event::Event;
use crate::domain::ids::InstanceId;
use crate::domain::time::Millis;
use crate::port::alarms::Alarms;
use crate::port::board::{Board, Links};
use crate::port::clock::{self, Clock};
use crate::port::link::Link;
use crate::port::pseudonym::Pseudonyms;
use crate::port::stream::Source;
use crate::port::update::Trial;
use crate::port::webhook::Behind;
use crate::port::{Arrival, alarm, events, graph, mqtt, status, systemd, webhook};
use crate::relay::{Pulse, Relay, Roster, Surface};
use crate::store::{Files, StoreError};
use anyhow::Context;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use ways::Ways;

/// A port that panicked comes back after this long.
const RESTART: Duration = Duration::from_secs(1);

/// The store's file in the state directory.
pub const STORE: &str = "relay.redb";
/// The key of all hashes, beside it.
pub const KEY: &str = "hash.key";

/// What surrounds one run and does not come from the configuration.
#[derive(Debug)]
pub struct Surroundings {
    /// What time it is.
    pub clock: Clock,
    /// Where webhooks arrive; bound by the caller, so that port 0 is possible. Nothing: through the tunnel.
    pub listener: Option<Source>,
    /// Where it shows itself.
    pub show: Show,
    /// Who has started it and wants to know how it fares.
    pub manager: systemd::Manager,
    /// Whether this program is on trial.
    pub trial: Trial,
    /// Makes ports panic; at work nobody does.
    pub drill: Drill,
}

/// What the relay shows after every step, each as far as somebody watches: two of them cost a walk over all people.
#[derive(Clone, Debug, Default)]
pub struct Show {
    /// How it fares.
    pub pulse: watch::Sender<Pulse>,
    /// Everyone's row, for the demo.
    pub roster: watch::Sender<Roster>,
    /// What a backup keeps.
    pub backup: watch::Sender<Backup>,
    /// How it looks from outside.
    pub surface: watch::Sender<Surface>,
}

/// Runs until `stop` resolves. Stopping needs no ceremony: what was acknowledged is durable.
///
/// # Errors
/// If the store cannot be opened, or a commit fails, or the relay panics.
pub async fn run(config: Config, around: Surroundings, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let Surroundings { clock, listener, show, manager, trial, drill } = around;
    // Asked once: what is on trial when it starts stays so. The judge removes what it asks for while it still runs.
    let advances = trial.may_advance();
    let (started, zone) = (clock.mark(), config.rules.zone.clone());
    let (pulse, backup, surface) = (show.pulse.clone(), show.backup.clone(), show.surface.clone());
    std::fs::create_dir_all(&config.state_dir).with_context(|| format!("{}: lässt sich nicht anlegen", config.state_dir.display()))?;
    let pseudonyms = Pseudonyms::open(&config.state_dir.join(KEY)).context(KEY)?;
    let (mut source, ways) = Ways::open(&config, listener, &clock).await?;
    let rules = config.rules;
    let start = move |files: &Files, fresh, now| tried(Relay::start(files, fresh, &rules, now)?, advances);
    let (open, instance) = shelf(Files::at(&config.state_dir.join(STORE)), start, clock.now())?;
    let to_meta = GraphConfig { proxy: ways.outward.proxy().cloned(), ..config.graph };
    let graph = Arc::new(graph::Graph::new(to_meta, clock.clone(), pseudonyms.clone(), instance)?);
    let socket = status_socket(&config.status)?;
    let stopped = CancellationToken::new();
    let Turning { inbox, mut outlets, mut reopened, ended } = turn(open, clock.clone(), show, stopped.clone())?;
    let link = || Link::new(clock.clone());
    let links = Links { mqtt: link(), graph: graph.link().clone(), webhook: ways.webhook.clone(), ways: ways.links() };
    let behind = Behind { inbox: inbox.clone(), link: links.webhook.clone(), knocks: ways.knocks.clone() };
    let trusted = watch::Sender::new(false);
    let alarms = Alarms::new(&config.alarm, config.heartbeat.as_ref(), &ways.outward, &zone, &clock)?;
    let answers = outlets.answers.clone();
    let board = Board { pulse, backup, answers, inbox: inbox.clone(), links, alarms, clock: clock.clone(), zone, started, trial };
    let around_mqtt = mqtt::Around { alarms: &board.alarms, link: &board.links.mqtt, surface: &surface, started };
    let mut restarted = false;
    let ports = async {
        tokio::join!(
            restarting("clock", &drill, async || clock::keep(&clock, &config.state_dir, &inbox, &trusted).await),
            restarting("time", &drill, async || graph.keep_time().await),
            restarting("mqtt", &drill, async || loop {
                tokio::select! {
                    never = mqtt::run(&config.mqtt, &ways.to_broker, &inbox, &mut outlets.receipts, &around_mqtt) => match never {},
                    // The broker repeats what was not acknowledged, but only over another connection.
                    Ok(()) = reopened.changed() => {}
                }
            }),
            restarting("graph", &drill, async || {
                if std::mem::replace(&mut restarted, true) {
                    // Nobody knows any more what became of the messages in flight. A relay that is gone does not ask.
                    let _ = inbox.send(Arrival::told(Event::Started)).await;
                }
                graph::run(&graph, &mut outlets.sends, &mut outlets.reads, &inbox).await;
            }),
            restarting("webhook", &drill, async || {
                webhook::serve(&mut source, |stream| ways.enter(stream), &config.webhook, &pseudonyms, instance, &behind).await
            }),
            ways.keep(&clock, &inbox, &trusted, &drill),
            restarting("status", &drill, async || match &socket {
                Some(socket) => status::serve(socket, &board).await,
                None => pending().await,
            }),
            restarting("systemd", &drill, async || systemd::run(&manager, &board).await),
            restarting("alarm", &drill, async || alarm::run(&board, &config.state_dir).await),
        )
    };
    tracing::info!(target: events::KEPT, kind = "started", version = env!("CARGO_PKG_VERSION"), "started");
    let stopping = || {
        manager.stopping();
        stopped.cancel();
    };
    let ended = until_stopped(ended, stop, ports, stopping).await;
    match &ended {
        Ok(()) => tracing::info!(target: events::KEPT, kind = "stopped", "stopped"),
        Err(error) => tracing::error!(target: events::KEPT, kind = "failed", error = format!("{error:#}"), "failed"),
    }
    ended
}

/// Returns when the relay has ended: by itself, or because it was told to.
async fn until_stopped<T>(
    ended: oneshot::Receiver<anyhow::Result<()>>,
    stop: impl Future<Output = ()>,
    ports: impl Future<Output = T>,
    stopping: impl FnOnce(),
) -> anyhow::Result<()> {
    let (mut ended, mut stop, ports) = (pin!(ended), pin!(stop), pin!(ports));
    tokio::select! {
        result = &mut ended => return result.context("the relay panicked")?,
        () = &mut stop => tracing::info!("stopping"),
        _ = ports => {}
    }
    stopping();
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
pub(crate) fn fresh_instance() -> anyhow::Result<InstanceId> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(InstanceId(u64::from_le_bytes(bytes)))
}

/// How the relay is started, now and again after the disk was full, and the instance id that ports may rely on. Started once already: who
/// may not have the store shall not take the status socket.
fn shelf(
    files: Files,
    mut start: impl FnMut(&Files, InstanceId, Millis) -> Result<Relay, StoreError>,
    now: Millis,
) -> anyhow::Result<(impl FnMut(Millis) -> Result<Relay, StoreError>, InstanceId)> {
    let fresh = fresh_instance()?;
    let mut first = match start(&files, fresh, now) {
        Ok(relay) => Some(relay),
        // It says so and waits, like one that is full later.
        Err(StoreError::Full) => None,
        Err(error) => return Err(error).context(STORE),
    };
    // Without room there is none yet: it will be made with this id.
    let instance = first.as_ref().map_or(fresh, |relay| relay.store().instance());
    let open = move |now| {
        if let Some(relay) = first.take() {
            return Ok(relay);
        }
        files.room()?;
        let relay = start(&files, fresh, now)?;
        if relay.store().instance() == instance { Ok(relay) } else { Err(StoreError::Replaced) }
    };
    Ok((open, instance))
}

/// As long as this program is on trial, its predecessor can read the store: the judge starts it once more afterwards.
fn tried(mut relay: Relay, advances: bool) -> Result<Relay, StoreError> {
    if advances {
        relay.advance()?;
    }
    Ok(relay)
}

/// Runs a port again whenever it ends or panics.
async fn restarting<T>(name: &'static str, drill: &Drill, mut port: impl AsyncFnMut() -> T) {
    loop {
        let practised = async {
            tokio::select! {
                ended = port() => ended,
                never = drill.awaited(name) => match never {},
            }
        };
        match caught(practised).await {
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

#[cfg(test)]
#[cfg(feature = "successor")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use tokio::net::TcpListener;

    /// A relay whose broker and Cloud API nobody is.
    const CONFIGURATION: &str = r#"
        state_dir = "state"
        [clock]
        trust = "always"
        [branch]
        name = "DRK-Ortsverein Musterstadt"
        contact = "07751 5550100"
        privacy = "drk-musterstadt.example/datenschutz"
        [[feed]]
        name = "corona"
        title = "Corona im Kreis Musterstadt"
        [[feed.metric]]
        name = "cases_new"
        label = "Neue Fälle"
        kind = "count"
        [mqtt]
        host = "127.0.0.1"
        port = 1
        [whatsapp]
        base_url = "http://127.0.0.1:1"
        phone_number_id = "106540352242922"
        token_file = "secret"
        app_secret_file = "secret"
        verify_token_file = "secret"
        [ingress]
        listen = "127.0.0.1:1"
    "#;

    /// Whoever runs the predecessor again has to find what it can read. Only a release to come has a layout of its own to begin.
    #[tokio::test]
    async fn a_layout_begins_when_the_update_has_proved_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let (secret, relay, judge) = (folder.path().join("secret"), folder.path().join("relay.toml"), folder.path().join("judge"));
        std::fs::write(&secret, "a-secret-of-tests").expect("writes");
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("chmod");
        std::fs::write(&relay, CONFIGURATION).expect("writes");
        std::fs::create_dir(&judge).expect("a folder");
        let config = Config::load(&relay).expect("good");
        for (kept, begun) in [(Some("previous"), false), (Some("rolled-back"), false), (None, true)] {
            let kept = kept.map(|name| judge.join(name));
            if let Some(kept) = &kept {
                std::fs::write(kept, "").expect("writes");
            }
            let around = Surroundings {
                clock: Clock::System,
                listener: Some(Source::Tcp(TcpListener::bind("127.0.0.1:0").await.expect("a free port"))),
                show: Show::default(),
                manager: systemd::Manager::default(),
                trial: Trial::at(&judge),
                drill: Drill::default(),
            };
            Box::pin(run(config.clone(), around, async {})).await.expect("runs, and stops");
            let files = Files::at(&config.state_dir.join(STORE));
            let relay = Relay::start(&files, InstanceId(7), &config.rules, Clock::System.now()).expect("closed");
            assert_eq!(relay.store().has_advanced(), begun, "{kept:?}");
            if let Some(kept) = kept {
                std::fs::remove_file(kept).expect("removes");
            }
        }
    }
}
