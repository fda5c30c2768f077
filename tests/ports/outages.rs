//! The relay with nobody there to talk to, and the real binary with something that it cannot work with: what it goes on doing, what it
//! exits with, and what it says. Kills nothing; that is `killed`.

use crate::mqtt::peer::{Peer, cases, publish};
use crate::program::{Machine, Mosquitto, Place, TOKEN, VERIFY_TOKEN, until, within};
use crate::webhook::{NUMBER, SECRET};
use drk_relay::config::Config;
use drk_relay::domain::ids::{InstanceId, Name};
use drk_relay::domain::time::Timestamp;
use drk_relay::port::clock::{Clock, Warp};
use drk_relay::port::stream::Source;
use drk_relay::port::systemd::Manager;
use drk_relay::port::update::Trial;
use drk_relay::relay::Pulse;
use drk_relay::run::{Drill, Show, Surroundings, run};
use drk_relay::simulator::broker::Broker;
use drk_relay::simulator::cloud::{Accepted, Cloud, CloudConfig};
use drk_relay::simulator::meta::webhook::{body, sign};
use drk_relay::simulator::meta::{Meta, Person, Refusal};
use drk_relay::simulator::publisher::Publisher;
use drk_relay::store::{Store, StoreError};
use redb::{Database, TableDefinition};
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::pin::pin;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

/// A machine whose broker and Cloud API are not there: whoever wants them listens at their places.
pub(crate) fn alone() -> (Machine, Place, Place) {
    let (broker, api) = (Place::reserve(), Place::reserve());
    (Machine::new(broker.address, api.address), broker, api)
}

/// Meta asks whether the address is ours. Returns when it is.
pub(crate) async fn verified(machine: &Machine) {
    let head = format!("GET /webhook?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={VERIFY_TOKEN} HTTP/1.1");
    let (status, answer) = until(async || machine.ask(&head, b"").await).await;
    assert_eq!((status, answer.ends_with("\r\n\r\n1158201444")), (200, true), "{answer}");
}

/// Somebody writes "Hallo" to the number: what Meta knows of it, and the webhook's answer.
pub(crate) async fn hallo(machine: &Machine, person: &Person, at: Timestamp) -> (Meta, Option<u16>) {
    let mut meta = Meta::new(NUMBER);
    meta.join(person.clone());
    let body = body(&[meta.message_webhook(&person.user_id, "Hallo", at)]);
    let head = format!("POST /webhook HTTP/1.1\r\nX-Hub-Signature-256: {}", sign(SECRET, &body));
    (meta, machine.ask(&head, &body).await.map(|(status, _)| status))
}

fn serve(broker: TcpListener) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move { Broker::default().serve(broker).await.expect("a listener that works") }))
}

/// How long the relay has waited before each further attempt to reach the broker, in seconds, as far as it said so.
fn pauses(log: &str) -> Vec<f32> {
    let lines = log.lines().filter(|line| line.contains("no connection to the MQTT broker"));
    lines.filter_map(|line| line.split_once("again=")?.1.split(' ').next()?.parse().ok()).collect()
}

#[tokio::test]
async fn alone_it_hears_and_stores_and_tries_again() {
    let (machine, broker, _api) = alone();
    let mut relay = machine.start();
    verified(&machine).await;
    let person = Person::with_phone(1);
    let now = Clock::System.now().second();
    assert_eq!(hallo(&machine, &person, now).await.1, Some(200), "durable, whether or not an answer can be sent");
    let pauses = until(async || Some(pauses(&machine.log())).filter(|pauses| pauses.len() >= 2)).await;
    assert!((0.5..=1.0).contains(&pauses[0]) && (1.0..=2.0).contains(&pauses[1]), "{pauses:?}");
    verified(&machine).await;
    assert_eq!(relay.ended(), None);

    let address = broker.address;
    let _broker = serve(broker.listen());
    let mut people = Peer::connect(address, "publisher").await;
    people.subscribe("relay/receipts/#").await;
    people.subscribe("relay/status").await;
    while people.message().await != ("relay/status".to_owned(), "online".to_owned()) {}
    people.send(&[cases(17, 1)]).await;
    let (topic, receipt) = people.message().await;
    assert_eq!(topic, "relay/receipts/corona/cases_new");
    assert!(receipt.contains("accepted"), "{receipt}");
    people.send(&[publish("figures/corona/cases_new", "siebzehn", 2)]).await;
    assert!(people.message().await.1.contains("not-a-number"));
    assert_eq!(relay.stop().await.code(), Some(0));

    let state = machine.store().load().expect("readable");
    let windows: Vec<_> = state.people.iter().map(|(_, person)| person.window.latest).collect();
    assert_eq!(windows, [now]);
    // The answer is written down two seconds later, if the relay still ran then.
    let pending = state.people.iter().filter(|(_, person)| person.burst.is_some()).count();
    assert_eq!(pending + state.outbox.iter().count(), 1);
}

pub(crate) fn cloud_config(webhook: SocketAddr) -> CloudConfig {
    CloudConfig {
        version: "v26.0".to_owned(),
        phone_number_id: NUMBER.to_owned(),
        token: TOKEN.to_owned(),
        app_secret: SECRET.to_owned(),
        webhook: format!("http://{webhook}/webhook"),
        refusal: Refusal::AtOnce,
        repeat_every: 3,
    }
}

/// Not the binary, because its clock must be trusted before anything is sent; everything else is what `drk-relay run` does.
#[tokio::test]
async fn what_could_not_be_sent_goes_out_when_the_others_come_back() {
    let (machine, broker, api) = alone();
    let config = Config::load(&machine.path("relay.toml")).expect("a good one");
    let clock = Clock::Warped(Warp::new(Clock::System.now(), 1.0));
    let listener = TcpListener::bind(machine.webhook.address).await.expect("our place");
    let (pulse, pulses) = watch::channel(Pulse::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let around = Surroundings {
        clock: clock.clone(),
        listener: Some(Source::Tcp(listener)),
        show: Show { pulse, ..Show::default() },
        manager: Manager::default(),
        trial: Trial::default(),
        drill: Drill::default(),
    };
    let mut relay = pin!(run(config, around, async { drop(stopped.await) }));
    tokio::select! {
        ended = &mut relay => unreachable!("{ended:?}"),
        () = come_back(&machine, broker, api, clock, pulses) => {}
    }
    stop.send(()).expect("it runs");
    relay.await.expect("asked to stop");
    assert_eq!(machine.store().load().expect("readable").revision(), 1);
}

async fn come_back(machine: &Machine, broker: Place, api: Place, clock: Clock, mut pulses: watch::Receiver<Pulse>) {
    let person = Person::with_phone(1);
    let (known, status) = hallo(machine, &person, clock.now().second()).await;
    assert_eq!(status, Some(200));
    // It has tried, and rests for a second or two: every other deadline is a day away.
    let soon = clock.now().plus(60_000);
    within(pulses.wait_for(|pulse| pulse.outbox.pending() == 1 && pulse.next.is_some_and(|next| next < soon))).await.expect("it runs");

    let (noticed, mut accepted) = mpsc::channel(16);
    let cloud = Cloud::start(api.listen(), cloud_config(machine.webhook.address), clock, noticed).expect("a cloud");
    cloud.look(|meta| *meta = known);
    let Accepted { to, buttons, .. } = within(accepted.recv()).await.expect("the answer to Hallo");
    assert_eq!(to, person.user_id);
    cloud.tap(&person.user_id, buttons.first().expect("Ja")).await;
    let subscribed = within(accepted.recv()).await.expect("the confirmation");
    assert!(subscribed.buttons.is_empty(), "{subscribed:?}");

    let address = broker.address;
    let _broker = serve(broker.listen());
    let (publisher, _receipts) = Publisher::connect(address);
    publisher.publish("figures/corona/cases_new", "12735").await;
    let figures = within(accepted.recv()).await.expect("the figures");
    assert!(figures.body.contains("12.735"), "{}", figures.body);
    let counters = cloud.counters();
    assert_eq!((counters.sent, counters.outside_window, counters.twice), (3, 0, 0));
}

#[tokio::test]
async fn a_figure_that_is_no_number_is_told_so() {
    let (mosquitto, api) = (Mosquitto::start(Place::reserve()).await, Place::reserve());
    let machine = Machine::new(mosquitto.address, api.address);
    let relay = machine.start();
    let mut people = Peer::connect(mosquitto.address, "early").await;
    people.subscribe("relay/status").await;
    while people.message().await.1 != "online" {}
    let port = mosquitto.address.port().to_string();
    for (payload, result) in [("siebzehn", r#""code":"not-a-number""#), ("17", r#""code":"accepted""#), ("17", r#""code":"duplicate""#)] {
        let mut command = Command::new("mosquitto_rr");
        // As README.md has it.
        command.args(["-q", "1", "-t", "figures/corona/cases_new", "-e", "relay/receipts/corona/cases_new", "-m", payload, "-p", &port]);
        let output = within(command.kill_on_drop(true).output()).await.expect("mosquitto-clients is installed");
        let receipt = String::from_utf8(output.stdout).expect("text");
        assert!(receipt.contains(result), "{payload}: {receipt}");
    }
    assert_eq!(relay.stop().await.code(), Some(0));
    // Dated if the machine's clock is trusted, else waiting for that.
    let feed = machine.store().load().expect("readable").feeds.into_values().next().expect("one feed");
    let cases_new = Name::new("cases_new").expect("a name");
    let value = feed
        .early
        .get(&None)
        .and_then(|values| values.get(&cases_new))
        .or_else(|| feed.current.as_ref()?.values.get(&cases_new))
        .map(|value| value.parts());
    assert_eq!(value, Some((17, 0)));
}

#[track_caller]
fn said(refused: (Option<i32>, String), code: i32, words: &[&str]) {
    let (exit, text) = refused;
    let missing: Vec<_> = words.iter().filter(|word| !text.contains(**word)).collect();
    assert!(exit == Some(code) && missing.is_empty() && !text.contains("panicked"), "{exit:?}, not {code}; without {missing:?}: {text}");
}

#[tokio::test]
async fn a_store_that_it_cannot_have_is_left_alone() {
    let (machine, _broker, _api) = alone();
    let relay = machine.start();
    verified(&machine).await;
    said(machine.refused().await, 1, &["der Port lässt sich nicht öffnen", &machine.webhook.address.to_string()]);
    machine.edit("relay.toml", &machine.webhook.address.to_string(), "127.0.0.1:0");
    said(machine.refused().await, 1, &["relay.redb", "Der Speicher ist von einem anderen Prozess geöffnet. Läuft drk-relay schon?"]);
    assert_eq!(relay.stop().await.code(), Some(0));

    let newer = Database::open(machine.path("state/relay.redb")).expect("a store");
    let transaction = newer.begin_write().expect("ours");
    let meta: TableDefinition<u8, &[u8]> = TableDefinition::new("meta");
    // Row version 1, layout 5, instance 7.
    transaction.open_table(meta).expect("there").insert(0, &[0, 5, 7][..]).expect("written");
    transaction.commit().expect("durable");
    drop(newer);
    said(machine.refused().await, 1, &["Der Speicher stammt von einer neueren Version (Aufbau 5, bekannt bis 4)", "Abhilfe"]);
    let again = Store::open(&machine.path("state/relay.redb"), InstanceId(0)).map(|store| store.instance());
    assert!(matches!(again, Err(StoreError::Newer { found: 5 })), "it was not changed: {again:?}");

    fs::set_permissions(machine.path("state/hash.key"), Permissions::from_mode(0o640)).expect("chmod");
    said(machine.refused().await, 1, &["hash.key", "Andere Benutzer dürfen die Schlüsseldatei lesen. Abhilfe: chmod 600"]);
}
