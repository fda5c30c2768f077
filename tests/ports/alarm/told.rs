//! The whole way: something is wrong, and each way says so once; it is repaired, and each says that once; killed in between, nothing twice.

use super::{Address, listens, told, told_so_many};
use crate::mqtt::peer::Peer;
use crate::outages::{alone, cloud_config, hallo};
use crate::program::{Machine, Mosquitto, Place, until, within};
use drk_relay::config::Config;
use drk_relay::port::clock::{Clock, Warp};
use drk_relay::port::status::Report;
use drk_relay::port::stream::Source;
use drk_relay::port::systemd::Manager;
use drk_relay::port::update::Trial;
use drk_relay::run::{Drill, Show, Surroundings, run};
use drk_relay::simulator::cloud::{Cloud, CloudConfig};
use drk_relay::simulator::meta::Person;
use std::fs;
use std::pin::pin;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// What takes five minutes takes five seconds.
const FAST: f64 = 60.0;

fn beats(machine: &Machine, address: &Address) {
    machine.write("heartbeat", &address.url, 0o600);
    machine.edit("relay.toml", "[branch]", "[heartbeat]\nurl_file = \"heartbeat\"\n[branch]");
}

/// Not the binary, because five minutes have to pass; everything else is what `drk-relay run` does.
#[tokio::test]
async fn a_dead_token_is_told_once_and_so_is_its_end() {
    let (mosquitto, api, mut address) = (Mosquitto::start(Place::reserve()).await, Place::reserve(), Address::answering("200 OK").await);
    let machine = Machine::new(mosquitto.address, api.address);
    listens(&machine);
    beats(&machine, &address);
    let config = Config::load(&machine.path("relay.toml")).expect("a good one");
    let warp = Warp::new(Clock::System.now(), 1.0);
    let clock = Clock::Warped(Arc::clone(&warp));
    let listener = TcpListener::bind(machine.webhook.address).await.expect("our place");
    let (stop, stopped) = oneshot::channel::<()>();
    let around = Surroundings {
        clock: clock.clone(),
        listener: Some(Source::Tcp(listener)),
        show: Show::default(),
        manager: Manager::default(),
        trial: Trial::default(),
        drill: Drill::default(),
    };
    let mut relay = pin!(run(config, around, async { drop(stopped.await) }));
    let course = async {
        let mut people = Peer::connect(mosquitto.address, "people").await;
        people.subscribe("relay/alarms").await;
        assert_eq!(within(address.beats.recv()).await.expect("it beats").0, "GET /ping/geheim HTTP/1.1");
        let (place, (noticed, _accepted)) = (api.address, mpsc::channel(16));
        let dead = CloudConfig { token: "another".to_owned(), ..cloud_config(machine.webhook.address) };
        let cloud = Cloud::start(api.listen(), dead, clock.clone(), noticed.clone()).expect("a cloud");
        let (known, status) = hallo(&machine, &Person::with_phone(1), clock.now().second()).await;
        assert_eq!(status, Some(200));
        warp.set_speed(FAST);
        assert_eq!(told_so_many(&machine, 1).await, ["sending-held on"]);
        while !people.alarms().await.contains(r#""code":"sending-held""#) {}
        let (line, body) = until(async || address.beats.recv().await.filter(|(line, _)| line.starts_with("POST"))).await;
        assert!(line.contains("/geheim/fail") && body.starts_with("sending-held: Meta lässt uns nicht senden"), "{line} {body}");

        // The technician has made another token.
        drop(cloud);
        let again = until(async || TcpListener::bind(place).await.ok()).await;
        let cloud = Cloud::start(again, cloud_config(machine.webhook.address), clock.clone(), noticed).expect("a cloud");
        cloud.look(|meta| *meta = known);
        assert_eq!(told_so_many(&machine, 2).await, ["sending-held on", "sending-held off"]);
        while people.alarms().await.contains("sending-held") {}
        until(async || address.beats.recv().await.filter(|(line, _)| line.starts_with("GET"))).await;
    };
    tokio::select! {
        ended = &mut relay => unreachable!("{ended:?}"),
        () = course => {}
    }
    stop.send(()).expect("it runs");
    relay.await.expect("asked to stop");
    assert_eq!(told(&machine), ["sending-held on", "sending-held off"]);
    let text = fs::read_to_string(machine.path("told")).expect("told");
    assert!(text.lines().all(|line| line.ends_with(' ')), "neither credentials nor systemd's socket: {text}");
}

/// A store that is none is set aside at the start, and that is an alarm until the file is gone.
#[tokio::test]
async fn who_was_told_is_not_told_again_by_the_next_process() {
    let (machine, _broker, _api) = alone();
    listens(&machine);
    fs::create_dir(machine.path("state")).expect("a directory");
    machine.write("state/relay.redb", &"no store".repeat(1_000), 0o600);
    let relay = machine.start();
    assert_eq!(told_so_many(&machine, 1).await, ["store-damaged on"]);
    // Written down, too: a kill between the two would tell it again.
    until(async || fs::read_to_string(machine.path("state/alarms.json")).ok().filter(|text| text.contains("\"told\":true"))).await;
    relay.kill().await;

    let relay = machine.start();
    let shown = until(async || {
        let (code, text, _) = machine.says(&["status", "--json"]).await;
        let report: Report = (code == Some(0)).then(|| serde_json::from_str(&text).expect("the document"))?;
        report.alarms.into_iter().next()
    });
    let shown = shown.await;
    assert!(shown.code == "store-damaged" && shown.why.contains("relay.redb.damaged-"), "{shown:?}");
    assert!(shown.remedy.contains(&format!("(drk-relay status --config {})", machine.path("relay.toml").display())), "{shown:?}");
    let (_, text, _) = machine.says(&["status"]).await;
    let (first, rest) = text.split_once("\n\n").expect("a headline and more");
    assert!(first.starts_with("drk-relay ") && rest.starts_with("  ALARM                store-damaged"), "{text}");
    fs::remove_file(shown.why).expect("looked at long enough");
    assert_eq!(told_so_many(&machine, 2).await, ["store-damaged on", "store-damaged off"]);
    assert_eq!(relay.stop().await.code(), Some(0));
    let (code, text, _) = machine.says(&["events"]).await;
    assert_eq!(
        (code, text.matches("ALARM    store-damaged").count(), text.matches("vorbei   store-damaged").count()),
        (Some(0), 1, 1),
        "{text}"
    );
}

#[tokio::test]
async fn a_test_goes_every_way_and_says_what_came_of_it() {
    let (mosquitto, api, mut address) = (Mosquitto::start(Place::reserve()).await, Place::reserve(), Address::answering("200 OK").await);
    let machine = Machine::new(mosquitto.address, api.address);
    let (code, _, why) = machine.says(&["alarm", "test"]).await;
    assert!(code == Some(1) && why.contains("Das Relay läuft nicht"), "{why}");
    listens(&machine);
    beats(&machine, &address);
    let relay = machine.start();
    let mut people = Peer::connect(mosquitto.address, "people").await;
    people.subscribe("relay/alarms").await;
    within(address.beats.recv()).await.expect("it beats");
    let tried = until(async || Some(machine.says(&["alarm", "test"]).await).filter(|(code, ..)| *code == Some(0))).await;
    assert_eq!((tried.1.lines().count(), tried.1.matches('✓').count()), (3, 3), "{tried:?}");
    assert_eq!(told(&machine), ["test on"]);
    while !people.alarms().await.contains(r#""code":"test""#) {}
    while people.alarms().await.contains(r#""code":"test""#) {}
    let (line, body) = within(address.beats.recv()).await.expect("it beats");
    assert!(line.starts_with("POST /ping/geheim/fail") && body.contains("Probealarm"), "{line} {body}");

    drop((mosquitto, address));
    machine.write("alarm", "#!/bin/sh\nexit 3\n", 0o755);
    let (code, text, why) = machine.says(&["alarm", "test"]).await;
    assert_eq!((code, text.matches('✗').count()), (Some(1), 3), "{text}{why}");
    assert!(text.contains("endete mit exit status: 3") && !text.contains("geheim"), "{text}");
    assert_eq!(relay.stop().await.code(), Some(0));
    assert!(!machine.log().contains("geheim") && !machine.log().contains("/ping/"), "a secret in the log");
}
