//! The whole relay with a broker that floods it, and with a port that panics: what it still does. Asserts no throughput.

mod mosquitto;

use super::peer::{GRANTED, Peer, cases, listen, publish};
use crate::program::{Machine, Place, until, within};
use crate::webhook::{NUMBER, SECRET};
use drk_relay::config::Config;
use drk_relay::port::clock::Clock;
use drk_relay::port::stream::Source;
use drk_relay::port::systemd::Manager;
use drk_relay::port::update::Trial;
use drk_relay::run::{Drill, Show, Surroundings, run};
use drk_relay::simulator::meta::webhook::{body, sign};
use drk_relay::simulator::meta::{Meta, Person};
use rumqttc::Packet;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;

/// Milliseconds: long enough for tens of thousands of messages, and for many webhooks.
const FLOOD: u64 = 3_000;
/// Meta gives up on a webhook after some seconds more, and sends it again.
const META: Duration = Duration::from_secs(10);

/// A figure of QoS 1 is acknowledged, and its receipt comes. Receipts of a flood may stand before it, and what then finds no room is
/// dropped: whoever hears none sends it again.
async fn goes_through(broker: &mut Peer, first: u16) {
    for packet in first.. {
        broker.send(&[publish("figures/corona/incidence", "57,4", packet)]).await;
        if is_accepted_before(broker, packet).await {
            return;
        }
    }
}

/// Reads until `packet` is acknowledged: whether a receipt came by then.
async fn is_accepted_before(broker: &mut Peer, packet: u16) -> bool {
    let mut accepted = false;
    loop {
        match broker.pinged().await {
            Some(Packet::PubAck(ack)) if ack.pkid == packet => return accepted,
            Some(Packet::Publish(publish)) if publish.topic == "relay/receipts/corona/incidence" => {
                let body = String::from_utf8_lossy(&publish.payload).into_owned();
                // Of a flood of counts it may be held back with them: what was heard was taken.
                assert!(!body.contains(r#""result":"rejected""#), "{body}");
                accepted = true;
            }
            Some(_) => {}
            None => panic!("the connection ended"),
        }
    }
}

/// One message of a new person: the webhook's answer, if it came before Meta gives up.
async fn webhook(machine: &Machine, number: u32) -> Option<u16> {
    let (person, mut meta) = (Person::with_phone(number), Meta::new(NUMBER));
    meta.join(person.clone());
    let body = body(&[meta.message_webhook(&person.user_id, "Hallo", Clock::System.now().second())]);
    let head = format!("POST /webhook HTTP/1.1\r\nX-Hub-Signature-256: {}", sign(SECRET, &body));
    let asked = tokio::time::timeout(META, machine.ask(&head, &body)).await;
    asked.expect("answered before Meta gives up").map(|(status, _)| status)
}

#[tokio::test]
async fn a_flood_of_qos_0_costs_figures_and_no_webhook() {
    let (listener, address) = listen().await;
    let machine = Machine::new(address, Place::reserve().address);
    let relay = machine.start();
    let mut broker = Peer::accept(&listener, false).await;
    broker.greeted(&[GRANTED]).await;
    assert_eq!(until(async || webhook(&machine, 1).await).await, 200);

    let burst: Vec<Packet> = (0..1_000).map(|count| cases(count, 0)).collect();
    let (done, mut answered) = (AtomicBool::new(false), 0);
    let (times, ()) = tokio::join!(
        async {
            let times = broker.flood(&burst, FLOOD).await;
            done.store(true, Ordering::Relaxed);
            times
        },
        async {
            while !done.load(Ordering::Relaxed) {
                assert_eq!(webhook(&machine, 2 + answered).await, Some(200));
                answered += 1;
            }
        }
    );
    within(goes_through(&mut broker, 7)).await;
    assert!(times > 1 && answered > 1, "{times} bursts, {answered} webhooks");
    let log = machine.log();
    assert!(log.contains("figures of QoS 0 dropped"), "{times} bursts: {log}");
    assert_eq!(log.matches("connected to the MQTT broker").count(), 1, "{log}");
    let peak = relay.peak_megabytes();
    assert!(peak < 128, "{peak} MB after {times} bursts");
    assert_eq!(relay.stop().await.code(), Some(0));
}

/// Writes nothing, and panics at the first line with these words: a defect in the middle of the port, as far as it can tell.
struct Bomb(&'static str, &'static AtomicBool);

impl io::Write for Bomb {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let armed = String::from_utf8_lossy(bytes).contains(self.0) && !self.1.swap(true, Ordering::Relaxed);
        assert!(!armed, "as planned");
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_panic_of_the_port_costs_a_second_and_not_the_session() {
    static EXPLODED: AtomicBool = AtomicBool::new(false);
    let subscriber = tracing_subscriber::fmt().with_writer(|| Bomb("message rejected", &EXPLODED)).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (listener, address) = listen().await;
    let machine = Machine::new(address, Place::reserve().address);
    let config = Config::load(&machine.path("relay.toml")).expect("a good one");
    let around = Surroundings {
        clock: Clock::System,
        listener: Some(Source::Tcp(listen().await.0)),
        show: Show::default(),
        manager: Manager::default(),
        trial: Trial::default(),
        drill: Drill::default(),
    };
    let mut relay = pin!(run(config, around, std::future::pending()));
    tokio::select! {
        ended = &mut relay => unreachable!("{ended:?}"),
        () = taken_up_again(&listener, &EXPLODED) => {}
    }
}

async fn taken_up_again(listener: &TcpListener, exploded: &AtomicBool) {
    let mut broker = Peer::accept(listener, false).await;
    broker.greeted(&[GRANTED]).await;
    let unread = publish("figures/corona/cases_new", "siebzehn", 8);
    broker.send(std::slice::from_ref(&unread)).await;
    // Without DISCONNECT: a broker says "offline" for us.
    while within(broker.packet()).await.is_some() {}
    assert!(exploded.load(Ordering::Relaxed));
    let mut broker = Peer::accept(listener, true).await;
    assert_eq!(broker.greeted(&[GRANTED]).await, ["figures/corona/#", "relay/request/+"]);
    broker.send(&[unread]).await;
    within(goes_through(&mut broker, 9)).await;
}
