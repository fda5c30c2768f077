//! The stage on which `demo` and `self-test` play: broker, Cloud API and people are simulated on free ports of 127.0.0.1, the relay between
//! them is the real one with its real store, in a directory of its own. Plays nobody, and judges nothing.

mod pace;

pub(super) use pace::Pace;

use crate::config::{
    Address, AlarmConfig, ClockConfig, Config, EgressConfig, GraphConfig, IngressConfig, MqttConfig, StatusConfig, TlsConfig, WebhookConfig,
};
use crate::domain::ids::Name;
use crate::domain::rules::{FeedRules, MetricKind, MetricRules, Rules};
use crate::domain::time::Millis;
use crate::port::clock::{Clock, Warp};
use crate::port::stream::Source;
use crate::port::systemd::Manager;
use crate::port::update::Trial;
use crate::relay::pulse::{Pulse, Roster};
use crate::run::{Drill, Show, Surroundings, run};
use crate::simulator::broker::Broker;
use crate::simulator::cloud::{Accepted, Cloud, CloudConfig};
use crate::simulator::meta::Refusal;
use crate::simulator::publisher::{Publisher, Receipt};
use crate::simulator::tls::Identity;
use anyhow::Context;
use jiff::tz::TimeZone;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

/// The hour, local time, at which a play begins today.
pub(super) const FIRST_HOUR: i8 = 8;
/// The feed that is published.
pub(super) const FEED: &str = "corona";
/// Begins the reminder: how it is told from other messages.
pub(super) const REMINDER: &str = "Es liegen aktuell keine neuen Zahlen vor.";
/// Signs webhooks.
pub(super) const APP_SECRET: &str = "stage-app-secret";
/// Messages that may ring before somebody looks: more than a whole play sends.
const RINGING: usize = 256;
const ZONE: &str = "Europe/Berlin";
const VERSION: &str = "v26.0";
const NUMBER: &str = "200000000000002";
const TOKEN: &str = "stage-token";
const VERIFY_TOKEN: &str = "stage-verify-token";

/// Everything but the relay. The broker and the directory end with it.
pub(super) struct Stage {
    pub(super) config: Config,
    /// Where webhooks arrive.
    pub(super) webhook: SocketAddr,
    /// Eight o'clock this morning.
    pub(super) start: Millis,
    /// What time it is on stage: `start` at first.
    pub(super) clock: Clock,
    pub(super) warp: Arc<Warp>,
    pub(super) cloud: Cloud,
    /// Telephones that ring.
    pub(super) ringing: mpsc::Receiver<Accepted>,
    pub(super) publisher: Publisher,
    pub(super) receipts: mpsc::Receiver<Receipt>,
    pub(super) pulses: watch::Receiver<Pulse>,
    /// Everyone's row.
    pub(super) rosters: watch::Receiver<Roster>,
    _broker: AbortOnDropHandle<io::Result<()>>,
    _state_dir: StateDir,
}

/// The relay, which runs while it is polled.
pub(super) struct Player {
    running: Pin<Box<dyn Future<Output = anyhow::Result<()>>>>,
    stop: oneshot::Sender<()>,
}

impl Stage {
    /// Sets it. With an `identity` the Cloud API speaks TLS, and the relay believes it.
    pub(super) async fn set(name: &str, identity: Option<&Identity>, drill: Drill) -> anyhow::Result<(Stage, Player)> {
        let state_dir = StateDir::new(name)?;
        let zone = TimeZone::get(ZONE).context(ZONE)?;
        let start = morning(Clock::System.now(), &zone)?;
        let warp = Warp::new(start, 1.0);
        let clock = Clock::Warped(warp.clone());
        let (broker, api, listener) = (listen().await?, listen().await?, listen().await?);
        let webhook = listener.local_addr()?;
        let scheme = if identity.is_some() { "https" } else { "http" };
        let mut graph = graph_config(format!("{scheme}://{}", api.local_addr()?));
        graph.extra_roots = identity.map(Identity::pem);
        let config = config(&state_dir.0, zone, broker.local_addr()?, graph, webhook);
        let (ring, ringing) = mpsc::channel(RINGING);
        let cloud = match identity {
            Some(identity) => {
                let (api, _) = identity.listen(api, &rustls::version::TLS13)?;
                Cloud::start(api, cloud_config(webhook), clock.clone(), ring)?
            }
            None => Cloud::start(api, cloud_config(webhook), clock.clone(), ring)?,
        };
        let (publisher, receipts) = Publisher::connect(broker.local_addr()?);
        let broker = AbortOnDropHandle::new(tokio::spawn(Broker::default().serve(broker)));
        let ((pulse, pulses), (roster, rosters)) = (watch::channel(Pulse::default()), watch::channel(Roster::default()));
        let (stop, stopped) = oneshot::channel::<()>();
        let show = Show { pulse, roster, ..Show::default() };
        let (manager, trial) = (Manager::default(), Trial::default());
        let around = Surroundings { clock: clock.clone(), listener: Some(Source::Tcp(listener)), show, manager, trial, drill };
        let running = Box::pin(run(config.clone(), around, async { drop(stopped.await) }));
        let stage = Stage {
            config,
            webhook,
            start,
            clock,
            warp,
            cloud,
            ringing,
            publisher,
            receipts,
            pulses,
            rosters,
            _broker: broker,
            _state_dir: state_dir,
        };
        Ok((stage, Player { running, stop }))
    }
}

impl Player {
    /// Lets the relay run beside the play, and then stops it.
    pub(super) async fn beside<T>(mut self, play: impl Future<Output = T>) -> anyhow::Result<T> {
        let played = tokio::select! {
            played = play => played,
            ended = &mut self.running => {
                ended?;
                anyhow::bail!("das Relay endete vorzeitig");
            }
        };
        // The relay may be gone already; then the next line says why.
        let _ = self.stop.send(());
        self.running.await?;
        Ok(played)
    }
}

/// Eight o'clock this morning.
fn morning(now: Millis, zone: &TimeZone) -> anyhow::Result<Millis> {
    let now = jiff::Timestamp::from_millisecond(i64::try_from(now.0)?)?;
    let morning = zone.to_datetime(now).date().at(FIRST_HOUR, 0, 0, 0).to_zoned(zone.clone())?;
    Ok(Millis(u64::try_from(morning.timestamp().as_millisecond())?))
}

/// A free port.
pub(super) async fn listen() -> anyhow::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await.context("127.0.0.1: kein freier Port")
}

fn config(state_dir: &Path, zone: TimeZone, broker: SocketAddr, graph: GraphConfig, webhook: SocketAddr) -> Config {
    let cases = MetricRules::new(name("cases_new"), "Neue Fälle", MetricKind::Count);
    let metrics = vec![cases, MetricRules::new(name("incidence"), "7-Tage-Inzidenz", MetricKind::Rate)];
    let feeds = vec![FeedRules::new(name(FEED), "Corona im Kreis Musterstadt", metrics)];
    let contact = "DRK-Ortsverein Musterstadt, 07751 5550100";
    Config {
        mqtt: MqttConfig::plain(&broker.ip().to_string(), broker.port(), feeds.clone(), zone.clone()),
        rules: Rules::new("DRK-Ortsverein Musterstadt", contact, "drk-musterstadt.example/datenschutz", zone, feeds),
        state_dir: state_dir.to_owned(),
        clock: ClockConfig::Always,
        graph,
        ingress: IngressConfig::Listen(Address::Tcp(webhook)),
        tls: TlsConfig { proxy_protocol: false, encrypted: None },
        certificate: None,
        egress: EgressConfig::Direct,
        probe: None,
        webhook: WebhookConfig {
            app_secrets: vec![APP_SECRET.into()],
            verify_token: VERIFY_TOKEN.into(),
            phone_number_id: NUMBER.to_owned(),
        },
        status: StatusConfig { socket: state_dir.join("status.sock") },
        alarm: AlarmConfig::silent("DRK-Ortsverein Musterstadt"),
        heartbeat: None,
    }
}

/// How the relay finds a Cloud API at this address.
pub(super) fn graph_config(base_url: String) -> GraphConfig {
    GraphConfig {
        base_url,
        version: VERSION.to_owned(),
        phone_number_id: NUMBER.to_owned(),
        token: TOKEN.into(),
        proxy: None,
        extra_roots: None,
    }
}

/// The Cloud API's side of the same, with the relay's webhook at this address.
pub(super) fn cloud_config(webhook: SocketAddr) -> CloudConfig {
    CloudConfig {
        version: VERSION.to_owned(),
        phone_number_id: NUMBER.to_owned(),
        token: TOKEN.to_owned(),
        app_secret: APP_SECRET.to_owned(),
        webhook: format!("http://{webhook}/webhook"),
        refusal: Refusal::AtOnce,
        repeat_every: 3,
    }
}

fn name(name: &str) -> Name {
    Name::new(name).unwrap_or_else(|| unreachable!("{name} follows the rule for names"))
}

/// A directory of its own, removed at the end.
struct StateDir(PathBuf);

impl StateDir {
    fn new(name: &str) -> anyhow::Result<StateDir> {
        let path = std::env::temp_dir().join(format!("drk-relay-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("{}: lässt sich nicht anlegen", path.display()))?;
        Ok(StateDir(path))
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        // Left behind it would only be in the way.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
