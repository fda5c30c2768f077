//! Webhooks before a real relay: batches, duplicates, and somebody who cannot stop writing. Sends nothing anywhere.

use super::{AT, Door, INSTANCE, NUMBER, Port, SECRET, post, pseudonyms, text};
use crate::program::{Machine, Place, within};
use drk_relay::config::Config;
use drk_relay::domain::decision::Send;
use drk_relay::domain::event::{Event, News, Outcome, Said, Tap};
use drk_relay::domain::ids::{Address, Bsuid, Callback, OutboxId};
use drk_relay::port::clock::{Clock, Warp};
use drk_relay::port::{Arrival, Inbox};
use drk_relay::relay::{Relay, Roster};
use drk_relay::run::{Outlets, Show, Turning, turn};
use drk_relay::simulator::meta::webhook::{Report, Update, body, sign};
use drk_relay::simulator::meta::{Meta, Order, Person, Refusal};
use drk_relay::store::Store;
use redb::backends::InMemoryBackend;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The port and a relay with an empty store in memory; its clock shows [`AT`] at first.
struct Relaying {
    port: Port,
    inbox: Inbox,
    outlets: Outlets,
    roster: watch::Receiver<Roster>,
    clock: Clock,
    warp: Arc<Warp>,
    _stop: DropGuard,
}

impl Relaying {
    async fn start() -> Relaying {
        let machine = Machine::new(Place::reserve().address, Place::reserve().address);
        let rules = Config::load(&machine.path("relay.toml")).expect("a good one").rules;
        let open = move |_| Relay::open(Store::on(InMemoryBackend::new(), INSTANCE)?, rules.clone());
        let (warp, stop) = (Warp::new(AT.millis(), 1.0), CancellationToken::new());
        let (clock, (tell, roster)) = (Clock::Warped(Arc::clone(&warp)), watch::channel(Roster::default()));
        let Turning { inbox, outlets, .. } =
            turn(open, clock.clone(), Show { roster: tell, ..Show::default() }, stop.clone()).expect("a thread");
        inbox.send(Arrival::told(Event::ClockTrusted)).await.expect("the relay turns");
        Relaying { port: Port::open(inbox.clone()).await, inbox, outlets, roster, clock, warp, _stop: stop.drop_guard() }
    }

    /// Delivers all of these at once: whether each got its 200.
    async fn deliver(&self, bodies: Vec<Vec<u8>>) {
        let mut couriers = JoinSet::new();
        for body in bodies {
            let (address, signature) = (self.port.address, sign(SECRET, &body));
            couriers.spawn(async move { post(address, &signature, &body).await });
        }
        assert!(within(couriers.join_all()).await.iter().all(|status| *status == 200));
    }

    /// All that is sent until a minute after [`AT`], each accepted at once.
    async fn sent(&mut self) -> Vec<Box<Send>> {
        let (mut sent, end) = (Vec::new(), AT.plus(60).millis());
        self.warp.set_speed(60.0);
        loop {
            tokio::select! {
                () = self.clock.sleep_until(end), if self.warp.now() < end => {}
                send = self.outlets.sends.recv(), if self.warp.now() < end => {
                    let send = send.expect("the relay turns");
                    let outcome = Outcome::Accepted(pseudonyms().wamid(&{ send.id.0 }.to_string()));
                    self.inbox.send(Arrival::told(Event::Sent { id: send.id, outcome })).await.expect("the relay turns");
                    sent.push(send);
                }
                else => return sent,
            }
        }
    }
}

#[tokio::test]
async fn the_same_webhook_twice_at_once_has_one_effect() {
    let mut relaying = Relaying::start().await;
    let (mut meta, erika) = (Meta::new(NUMBER), Person::with_phone(1));
    meta.join(erika.clone());
    let hallo = body(&[meta.message_webhook(&erika.user_id, "Hallo", AT)]);
    relaying.deliver(vec![hallo.clone(); 12]).await;
    let sent = relaying.sent().await;
    assert_eq!(sent.iter().map(|send| &send.to).collect::<Vec<_>>(), [&Address::Bsuid(Bsuid::new(&erika.user_id).expect("short"))]);
    relaying.deliver(vec![hallo]).await;
    assert_eq!(relaying.roster.borrow().0.len(), 1);
}

/// Fifty thoughts, each in a message of its own, and one answer.
#[tokio::test]
async fn fifty_messages_in_a_second_are_one_burst() {
    let mut relaying = Relaying::start().await;
    let (mut meta, erika) = (Meta::new(NUMBER), Person::with_phone(1));
    meta.join(erika.clone());
    let bodies = (0..50).map(|nth| body(&[meta.message_webhook(&erika.user_id, &format!("Gedanke {nth}"), AT)])).collect();
    relaying.deliver(bodies).await;
    assert_eq!(relaying.sent().await.len(), 1);
    let roster = relaying.roster.borrow();
    assert_eq!(roster.0.iter().map(|person| person.window.latest).collect::<Vec<_>>(), [AT]);
}

#[tokio::test]
async fn a_thousand_people_in_one_webhook_get_one_200() {
    let mut relaying = Relaying::start().await;
    let mut meta = Meta::new(NUMBER);
    let write = |nth| {
        let person = if nth % 2 == 0 { Person::with_phone(nth) } else { Person::with_username(nth) };
        meta.join(person.clone());
        meta.message_webhook(&person.user_id, "Hallo", AT)
    };
    let updates: Vec<Update> = (0..1_000).map(write).collect();
    relaying.deliver(vec![body(&updates)]).await;
    within(relaying.roster.wait_for(|roster| roster.0.len() == 1_000)).await.expect("the relay turns");
}

#[tokio::test]
async fn a_batch_of_a_thousand_arrives_whole_and_in_order() {
    let mut door = Door::open().await;
    let (mut meta, foreign) = (Meta::new(NUMBER), &mut Meta::new("300000000000003"));
    let people = [Person::with_phone(1), Person::with_username(2)];
    let (mut updates, mut expected) = (Vec::new(), Vec::new());
    for person in &people {
        meta.join(person.clone());
        foreign.join(person.clone());
        meta.message_webhook(&person.user_id, "opens the window", AT);
    }
    for n in 0..1_000 {
        let at = AT.plus(n);
        let user_id = &people[n as usize % 2].user_id;
        let button = ("v1:no:".to_owned(), "Stopp".to_owned());
        match n % 5 {
            0 => updates.push(meta.message_webhook(user_id, &n.to_string(), at)),
            1 => updates.push(meta.tap_webhook(user_id, &button, at)),
            2 => updates.push(meta.heard_webhook(user_id, "image", serde_json::json!({ "id": "1" }), at)),
            3 => updates.push(foreign.message_webhook(user_id, "for another number", at)),
            _ => {
                let callback = Some(Callback { instance: INSTANCE, id: OutboxId(u64::from(n)) }.encode());
                let order = Order { to: user_id.clone(), body: "x".into(), buttons: vec![], rows: vec![], callback };
                let wamid = meta.send(order, at, Refusal::AtOnce).expect("an open window");
                updates.push(meta.status_webhook(&wamid, Report::Failed(131_026), at).expect("ours"));
            }
        }
        match n % 5 {
            0 => expected.push((at, Some(text(&n.to_string())), None)),
            1 => expected.push((at, Some(Said::Tapped(Tap::No)), None)),
            2 => expected.push((at, Some(Said::Other), None)),
            3 => {}
            _ => expected.push((at, None, Some((Some(OutboxId(u64::from(n))), News::Failed(131_026))))),
        }
    }
    let bytes = body(&updates);
    let asked = tokio::spawn({
        let (address, signature) = (door.address, sign(SECRET, &bytes));
        async move { post(address, &signature, &bytes).await }
    });
    let arrival = door.arrivals.recv().await.expect("an arrival");
    arrival.ack.expect("awaited").send(()).expect("somebody waits");
    assert_eq!(asked.await.expect("answered"), 200);
    assert!(door.arrivals.try_recv().is_err(), "one webhook is one arrival");
    let told = |event: Event| {
        if let Event::Heard(heard) = event {
            return (heard.at, Some(heard.said), None);
        }
        let Event::Status(status) = event else { unreachable!("{event:?}") };
        (status.at, None, Some((status.id, status.news)))
    };
    let arrived: Vec<_> = arrival.events.into_iter().map(told).collect();
    assert_eq!(arrived, expected);
}
