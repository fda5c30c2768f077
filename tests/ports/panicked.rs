//! The relay while one of its ports panics, really and inside `run`: what becomes of the message in flight. And the self-test, which
//! practises the same on devices. Breaks no connection; that is `outages`.

use crate::outages::{alone, cloud_config, hallo};
use crate::program::{Machine, within};
use drk_relay::config::Config;
use drk_relay::domain::outbox::{Delivery, Kind};
use drk_relay::port::clock::{Clock, Warp};
use drk_relay::port::stream::Source;
use drk_relay::port::systemd::Manager;
use drk_relay::port::update::Trial;
use drk_relay::relay::Pulse;
use drk_relay::run::{Drill, Show, Surroundings, run};
use drk_relay::simulator::cloud::Cloud;
use drk_relay::simulator::meta::webhook::Report;
use drk_relay::simulator::meta::{Order, Person, Refusal};
use serde_json::Value;
use std::pin::pin;
use std::process::Stdio;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot, watch};

/// How a message fared whose answer never came, as the store says in the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    Nothing,
    Delivered,
}

#[tokio::test]
async fn a_message_in_flight_when_the_graph_port_panics_is_unknown_and_the_next_one_leaves() {
    for told in [Told::Nothing, Told::Delivered] {
        let (machine, _broker, api) = alone();
        let config = Config::load(&machine.path("relay.toml")).expect("a good one");
        let clock = Clock::Warped(Warp::new(Clock::System.now(), 1.0));
        let listener = TcpListener::bind(machine.webhook.address).await.expect("our place");
        let (pulse, pulses) = watch::channel(Pulse::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let (drill, show) = (Drill::default(), Show { pulse, ..Show::default() });
        let around = Surroundings {
            clock: clock.clone(),
            listener: Some(Source::Tcp(listener)),
            show,
            manager: Manager::default(),
            trial: Trial::default(),
            drill: drill.clone(),
        };
        let mut relay = pin!(run(config, around, async { drop(stopped.await) }));
        tokio::select! {
            ended = &mut relay => unreachable!("{ended:?}"),
            () = panic_in_flight(&machine, api.listen(), &drill, clock, pulses, told) => {}
        }
        stop.send(()).expect("it runs");
        relay.await.expect("asked to stop");
        let state = machine.store().load().expect("readable");
        let first = state.outbox.iter().find(|(_, entry)| entry.kind == Kind::Welcome).map(|(_, entry)| entry.delivery);
        match told {
            Told::Nothing => assert!(matches!(first, Some(Delivery::Unknown { .. })), "{first:?}"),
            Told::Delivered => assert!(matches!(first, Some(Delivery::Delivered { .. })), "{first:?}"),
        }
    }
}

async fn panic_in_flight(machine: &Machine, api: TcpListener, drill: &Drill, clock: Clock, mut pulses: watch::Receiver<Pulse>, told: Told) {
    let person = Person::with_phone(1);
    let now = clock.now().second();
    let (mut meta, status) = hallo(machine, &person, now).await;
    assert_eq!(status, Some(200));
    let (mut unanswered, order) = within(order(&api)).await;
    drill.strike("graph");
    // Meta has taken it and was about to say so.
    let wamid = meta.send(order, now, Refusal::AtOnce).expect("taken");
    assert_eq!(within(unanswered.read(&mut [0])).await.unwrap_or(0), 0, "the connection went with the port");
    within(pulses.wait_for(|pulse| pulse.outbox.pending() == 0 && pulse.people.asked == 1)).await.expect("it runs");

    let (noticed, mut accepted) = mpsc::channel(16);
    let cloud = Cloud::start(api, cloud_config(machine.webhook.address), clock, noticed).expect("a cloud");
    cloud.look(|model| *model = meta);
    if told == Told::Delivered {
        cloud.report(&wamid, Report::Delivered).await;
        within(pulses.wait_for(|pulse| pulse.outbox.delivered == 1)).await.expect("it runs");
    }
    cloud.say(&person.user_id, "Ja").await;
    let next = within(accepted.recv()).await.expect("the confirmation");
    assert!(next.buttons.is_empty() && next.wamid != wamid, "{next:?}");
    let both = if told == Told::Delivered { 2 } else { 1 };
    within(pulses.wait_for(|pulse| pulse.outbox.accepted + pulse.outbox.delivered == both)).await.expect("it runs");
    let counters = cloud.counters();
    assert_eq!((counters.sent, counters.twice, counters.outside_window), (2, 0, 0));
}

/// The first order that arrives, and the connection on which it waits for its answer. Read receipts wait for theirs in vain, too.
async fn order(api: &TcpListener) -> (TcpStream, Order) {
    let mut others = Vec::new();
    loop {
        let (mut stream, _) = api.accept().await.expect("a connection");
        let mut read = Vec::new();
        while !read.ends_with(b"}") {
            assert!(stream.read_buf(&mut read).await.expect("a request") > 0);
        }
        let body = read.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
        let request: Value = serde_json::from_slice(&read[body..]).expect("JSON");
        match Order::parse(&request) {
            Ok(order) => return (stream, order),
            Err(_) => others.push(stream),
        }
    }
}

#[tokio::test]
async fn the_self_test_passes_on_this_machine_too() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drk-relay"));
    command.arg("self-test").stdin(Stdio::null()).kill_on_drop(true);
    let output = within(command.output()).await.expect("the binary");
    let text = String::from_utf8(output.stdout).expect("text");
    let passed: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("ok      ")?.split_once(": ").map(|(name, _)| name)).collect();
    assert_eq!(passed, ["TLS", "Uhr", "MQTT", "Webhook", "Abo", "Panik", "Erinnerung", "Speicher"], "{text}");
    assert!(output.status.success(), "{text}");
}
