//! `drk-relay demo`: two days in about two minutes, with nothing to install and no account. Broker, Cloud API and people are simulated; the
//! relay, its store and its sockets are the real ones. Holds no rule of the relay: it only plays the others, and judges at the end.

mod pace;
mod script;
mod transcript;

use crate::config::{ClockConfig, Config, GraphConfig, MqttConfig, MqttFeed, StatusConfig, WebhookConfig};
use crate::domain::ids::Name;
use crate::domain::rules::{FeedRules, MetricKind, MetricRules, Rules};
use crate::domain::time::{Millis, Timestamp};
use crate::port::clock::{Clock, Warp};
use crate::port::pseudonym::Pseudonyms;
use crate::port::systemd::Manager;
use crate::relay::{Pulse, Roster};
use crate::run::{KEY, Show, Surroundings, run};
use crate::simulator::broker::Broker;
use crate::simulator::cloud::{Accepted, Cloud, CloudConfig};
use crate::simulator::meta::Refusal;
use crate::simulator::publisher::Publisher;
use anyhow::Context;
use jiff::tz::TimeZone;
use script::Script;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use transcript::Transcript;

/// How long the demo lasts in its own time.
const DAYS: u64 = 2 * 24 * 3600 * 1000;
/// The hour, local time, at which it begins today.
const FIRST_HOUR: i8 = 8;
/// Messages that may ring before somebody looks: more than the whole demo sends.
const RINGING: usize = 256;
const ZONE: &str = "Europe/Berlin";
const VERSION: &str = "v26.0";
const NUMBER: &str = "200000000000002";
const TOKEN: &str = "demo-token";
const APP_SECRET: &str = "demo-app-secret";
const VERIFY_TOKEN: &str = "demo-verify-token";

pub(super) async fn execute() -> anyhow::Result<()> {
    let state_dir = StateDir::new()?;
    let zone = TimeZone::get(ZONE).context(ZONE)?;
    let start = morning(Clock::System.now(), &zone)?;
    let warp = Warp::new(start, 1.0);
    let clock = Clock::Warped(warp.clone());
    let (broker, api, webhook) = (listen().await?, listen().await?, listen().await?);
    let config = config(&state_dir.0, zone.clone(), broker.local_addr()?, api.local_addr()?, webhook.local_addr()?);
    Transcript::addresses(&config);
    let pseudonyms = Pseudonyms::open(&state_dir.0.join(KEY)).context(KEY)?;
    let (ring, ringing) = mpsc::channel(RINGING);
    let cloud = Cloud::start(api, cloud_config(webhook.local_addr()?), clock.clone(), ring)?;
    let (publisher, receipts) = Publisher::connect(broker.local_addr()?);
    let broker = tokio::spawn(async move { Broker::default().serve(broker).await });
    let ((pulse, pulses), (roster, rosters)) = (watch::channel(Pulse::default()), watch::channel(Roster::default()));
    let (stop, stopped) = oneshot::channel::<()>();
    let around = Surroundings { clock: clock.clone(), listener: webhook, show: Show { pulse, roster }, manager: Manager::default() };
    let relay = Box::pin(run(config, around, async { drop(stopped.await) }));
    let end = start.plus(DAYS);
    let transcript = Transcript::new(clock.clone(), zone, pseudonyms);
    let script = Script { cloud: cloud.clone(), publisher, receipts, rosters, transcript, start, end };
    let played = Box::pin(play(script, &clock, &warp, ringing, pulses, relay, stop)).await;
    broker.abort();
    played?.summary(&cloud)
}

/// Lets the script, the pace and the relay go on until the last page, or until the relay fails.
async fn play(
    mut script: Script,
    clock: &Clock,
    warp: &Warp,
    ringing: mpsc::Receiver<Accepted>,
    pulses: watch::Receiver<Pulse>,
    mut relay: Pin<Box<impl Future<Output = anyhow::Result<()>>>>,
    stop: oneshot::Sender<()>,
) -> anyhow::Result<Transcript> {
    let pages = script.pages();
    tokio::select! {
        () = script.play(clock, ringing) => {}
        () = pace::keep(clock, warp, pulses, pages) => {}
        ended = &mut relay => {
            ended?;
            anyhow::bail!("das Relay endete vor der Vorführung");
        }
    }
    // The relay may be gone already; then the next line says why.
    let _ = stop.send(());
    relay.await?;
    Ok(script.transcript)
}

/// Eight o'clock this morning.
fn morning(now: Millis, zone: &TimeZone) -> anyhow::Result<Millis> {
    let now = jiff::Timestamp::from_millisecond(i64::try_from(now.0)?)?;
    let morning = zone.to_datetime(now).date().at(FIRST_HOUR, 0, 0, 0).to_zoned(zone.clone())?;
    Ok(Millis(u64::try_from(morning.timestamp().as_millisecond())?))
}

async fn listen() -> anyhow::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await.context("127.0.0.1: kein freier Port")
}

fn config(state_dir: &Path, zone: TimeZone, broker: SocketAddr, api: SocketAddr, webhook: SocketAddr) -> Config {
    let cases = MetricRules::new(name("cases_new"), "Neue Fälle", MetricKind::Count);
    let metrics = vec![cases, MetricRules::new(name("incidence"), "7-Tage-Inzidenz", MetricKind::Rate)];
    let kinds = metrics.iter().map(|metric| (metric.name.clone(), metric.kind)).collect();
    let feeds = vec![FeedRules::new(name(script::FEED), "Corona im Kreis Musterstadt", metrics)];
    let contact = "DRK-Ortsverein Musterstadt, 07751 5550100";
    Config {
        rules: Rules::new("DRK-Ortsverein Musterstadt", contact, "drk-musterstadt.example/datenschutz", zone, feeds),
        state_dir: state_dir.to_owned(),
        clock: ClockConfig::Always,
        mqtt: MqttConfig {
            host: broker.ip().to_string(),
            port: broker.port(),
            client_id: "drk-relay".to_owned(),
            login: None,
            figures: "figures".to_owned(),
            relay: "relay".to_owned(),
            feeds: vec![MqttFeed { name: name(script::FEED), metrics: kinds }],
            tls: None,
        },
        graph: GraphConfig {
            base_url: format!("http://{api}"),
            version: VERSION.to_owned(),
            phone_number_id: NUMBER.to_owned(),
            token: TOKEN.into(),
            proxy: None,
        },
        webhook: WebhookConfig {
            listen: webhook,
            app_secrets: vec![APP_SECRET.into()],
            verify_token: VERIFY_TOKEN.into(),
            phone_number_id: NUMBER.to_owned(),
        },
        status: StatusConfig { socket: state_dir.join("status.sock") },
    }
}

fn cloud_config(webhook: SocketAddr) -> CloudConfig {
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
    fn new() -> anyhow::Result<StateDir> {
        let path = std::env::temp_dir().join(format!("drk-relay-demo-{}", std::process::id()));
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

/// The same second of a later day and hour, counted from the beginning.
fn at(start: Millis, day: u64, hour: u64, minute: u64, second: u64) -> Millis {
    let first = u64::from(FIRST_HOUR.unsigned_abs()) * 3600;
    start.plus((((day - 1) * 24 + hour) * 3600 + minute * 60 + second - first) * 1000)
}

/// A time of day for people: „Mo 08:05:00“.
fn clock_time(at: Timestamp, zone: &TimeZone) -> String {
    let time = crate::domain::budget::local(at.millis(), zone);
    format!("{} {:02}:{:02}:{:02}", transcript::weekday(time.date().weekday()), time.hour(), time.minute(), time.second())
}
