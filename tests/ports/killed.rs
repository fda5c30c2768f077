//! SIGKILL on the real binary, again and again, under load: what was acknowledged is stored, and nothing is stored twice. Does not look at
//! what goes out; the Cloud API is not there at all. With it, and with people who answer: `load`.

mod load;
mod people;

use crate::program::{Machine, Mosquitto, Place, within};
use crate::webhook::{NUMBER, SECRET};
use drk_relay::domain::conversation::Talk;
use drk_relay::domain::ids::{Address, Bsuid, Name};
use drk_relay::domain::time::{Day, Timestamp};
use drk_relay::port::clock::Clock;
use drk_relay::port::pseudonym::Pseudonyms;
use drk_relay::simulator::meta::webhook::{body, sign};
use drk_relay::simulator::meta::{Meta, Person};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// Figures about days so long ago are stored at once, each in place of the day before, and go to nobody.
const FIRST: jiff::civil::Date = jiff::civil::date(2015, 1, 1);
/// Days published in one go: several times the 20 messages that mosquitto sends before it wants an acknowledgement, so that more wait than
/// the relay has stored whenever it is killed.
const GO: i32 = 80;

/// When the relay is killed, seen from its start.
enum Moment {
    /// When mosquitto has acknowledged so many figures more: the relay has hardly begun.
    Acknowledged(u64),
    /// When it says that it is there: figures are on their way to it.
    Online,
    /// When so many receipts more have come, with more figures waiting.
    Receipts(usize),
}

const MOMENTS: [Moment; 14] = [
    Moment::Receipts(1),
    Moment::Receipts(7),
    Moment::Acknowledged(10),
    Moment::Receipts(20),
    Moment::Online,
    Moment::Receipts(2),
    Moment::Receipts(31),
    Moment::Acknowledged(25),
    Moment::Receipts(13),
    Moment::Online,
    Moment::Receipts(21),
    Moment::Receipts(5),
    Moment::Receipts(40),
    Moment::Receipts(3),
];

/// What a publisher has heard so far.
#[derive(Clone, Default)]
pub(crate) struct Heard {
    /// From mosquitto, for its publishes.
    acknowledged: u64,
    /// How often the relay has said that it is there.
    pub(crate) online: u64,
    pub(crate) receipts: Vec<Value>,
}

/// Publishes figures, a day each, and listens to the relay.
pub(crate) struct Publisher {
    client: AsyncClient,
    heard: watch::Receiver<Heard>,
    /// Days so far.
    days: i32,
    /// Publishes so far.
    published: u64,
    _connection: AbortOnDropHandle<()>,
}

impl Publisher {
    pub(crate) async fn connect(broker: SocketAddr) -> Publisher {
        let (client, mut connection) = AsyncClient::new(MqttOptions::new("publisher", broker.ip().to_string(), broker.port()), 64);
        let (tell, heard) = watch::channel(Heard::default());
        let connection = tokio::spawn(async move {
            loop {
                match connection.poll().await.expect("mosquitto runs") {
                    Event::Incoming(Packet::PubAck(_)) => tell.send_modify(|heard| heard.acknowledged += 1),
                    Event::Incoming(Packet::Publish(publish)) if publish.topic == "relay/status" => {
                        tell.send_modify(|heard| heard.online += u64::from(&publish.payload[..] == b"online"));
                    }
                    Event::Incoming(Packet::Publish(publish)) if publish.topic.starts_with("relay/receipts/") => {
                        let receipt = serde_json::from_slice(&publish.payload).expect("JSON");
                        tell.send_modify(|heard| heard.receipts.push(receipt));
                    }
                    Event::Incoming(_) | Event::Outgoing(_) => {}
                }
            }
        });
        client.subscribe("relay/#", QoS::AtMostOnce).await.expect("connected");
        Publisher { client, heard, days: 0, published: 0, _connection: AbortOnDropHandle::new(connection) }
    }

    /// The next days: some retained, some twice, some with a repetition of an older one, some on the feed's own topic.
    async fn publish(&mut self, days: i32) {
        for day in self.days..self.days + days {
            self.publish_day(day, day % 7 == 0).await;
            if day % 5 == 0 {
                self.publish_day(day, day % 2 == 0).await;
            }
            if day % 11 == 10 {
                self.publish_day(day - 4, false).await;
            }
        }
        self.days += days;
    }

    pub(crate) async fn publish_day(&mut self, day: i32, retain: bool) {
        let (date, value) = (date(day), cases(day));
        let (topic, payload) = match day % 9 {
            0 => ("figures/corona", format!("{{\"cases_new\":{value},\"as_of\":\"{date}\"}}")),
            _ => ("figures/corona/cases_new", format!("{{\"value\":{value},\"as_of\":\"{date}\"}}")),
        };
        self.client.publish(topic, QoS::AtLeastOnce, retain, payload).await.expect("connected");
        self.published += 1;
    }

    pub(crate) async fn until(&mut self, wanted: impl FnMut(&Heard) -> bool) -> Heard {
        within(self.heard.wait_for(wanted)).await.expect("connected").clone()
    }
}

fn date(day: i32) -> String {
    Day(Day::of(FIRST).0 + day).date().to_string()
}

fn cases(day: i32) -> i64 {
    i64::from(1_000 + day)
}

#[tokio::test]
async fn every_figure_that_mosquitto_acknowledged_is_stored_once() {
    let (mosquitto, api) = (Mosquitto::start(Place::reserve()).await, Place::reserve());
    let machine = Machine::new(mosquitto.address, api.address);
    let mut people = Publisher::connect(mosquitto.address).await;
    // From now on mosquitto keeps figures for the relay.
    let relay = machine.start();
    people.until(|heard| heard.online == 1).await;
    assert_eq!(relay.stop().await.code(), Some(0));

    let mut stored = BTreeSet::new();
    for moment in &MOMENTS {
        let before = people.heard.borrow().clone();
        let relay = machine.start();
        people.publish(GO).await;
        match moment {
            Moment::Acknowledged(more) => people.until(|heard| heard.acknowledged >= before.acknowledged + more).await,
            Moment::Online => people.until(|heard| heard.online > before.online).await,
            Moment::Receipts(more) => {
                people.until(|heard| heard.online > before.online).await;
                people.publish(GO).await;
                people.until(|heard| heard.receipts.len() >= before.receipts.len() + more).await
            }
        };
        relay.kill().await;
        stored.extend(newest(&machine));
    }

    let relay = machine.start();
    people.publish(1).await;
    let (last, published) = (people.days - 1, people.published);
    let heard = people.until(|heard| heard.receipts.iter().any(|receipt| receipt["as_of"] == date(last))).await;
    let heard = if heard.acknowledged < published { people.until(|heard| heard.acknowledged >= published).await } else { heard };
    assert_eq!(heard.acknowledged, published);
    assert_eq!(relay.stop().await.code(), Some(0));
    assert!(!machine.log().contains("ERROR"), "{}", machine.log());
    stored_once(&machine, &heard.receipts, &stored, people.days);
}

/// The newest day in the store of a relay that does not run: published, or kept because it came before the clock was trusted.
fn newest(machine: &Machine) -> Option<i32> {
    let state = machine.store().load().expect("readable after a kill");
    state.check();
    let feed = state.feeds.into_values().next().expect("one feed is configured");
    let early = feed.early.keys().copied().flatten().max();
    let newest = early.max(feed.current.map(|current| current.as_of));
    newest.map(|day| day.0 - Day::of(FIRST).0)
}

/// Every day was accepted, and none twice. A receipt is the proof, unless the relay was killed after the commit and before the receipt:
/// then the store, which was looked at after each kill (`stored`: the newest day then), holds that day or a later one, and no day between
/// has a receipt. At the end the last two days are there in full.
fn stored_once(machine: &Machine, receipts: &[Value], stored: &BTreeSet<i32>, days: i32) {
    let mut accepted: BTreeMap<String, u32> = BTreeMap::new();
    for receipt in receipts.iter().filter(|receipt| receipt["result"] == "accepted") {
        *accepted.entry(receipt["as_of"].as_str().expect("a day").to_owned()).or_default() += 1;
    }
    let twice: Vec<_> = accepted.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "accepted twice: {twice:?}");
    let silent = |day: i32| !accepted.contains_key(&date(day));
    let died_before_the_receipt = |day: i32| stored.range(day..).next().is_some_and(|last| (day..=*last).all(silent));
    let lost: Vec<_> = (0..days).filter(|day| silent(*day) && !died_before_the_receipt(*day)).map(date).collect();
    assert!(lost.is_empty(), "acknowledged by mosquitto and never stored: {lost:?}");

    let state = machine.store().load().expect("readable");
    state.check();
    let cases_new = Name::new("cases_new").expect("a name");
    let feed = state.feeds.into_values().next().expect("one feed is configured");
    let publications = [feed.previous, feed.current].map(|publication| {
        let publication = publication.expect("there");
        (publication.as_of.date().to_string(), publication.values.get(&cases_new).map(|value| value.parts()))
    });
    assert_eq!(publications, [days - 2, days - 1].map(|day| (date(day), Some((cases(day), 0)))));
    assert_eq!(feed.settling, None);
}

/// How many webhooks more are answered with 200 before each kill.
const ANSWERED: [usize; 6] = [1, 40, 7, 64, 23, 3];
/// Webhooks on their way at once.
const SIDE_BY_SIDE: usize = 12;
/// Webhooks, with two people each.
const WEBHOOKS: u32 = 220;

/// Before a webhook is delivered again.
const AGAIN: Duration = Duration::from_millis(5);

/// Two people who write for the first time.
struct Webhook {
    people: [(Person, Timestamp); 2],
    head: String,
    body: Vec<u8>,
}

fn webhooks() -> Vec<Webhook> {
    let mut meta = Meta::new(NUMBER);
    let now = Clock::System.now().second();
    let write = |number: u32| {
        let people = [2 * number, 2 * number + 1].map(|n| (Person::with_phone(n), now.minus(n)));
        let updates = people.clone().map(|(person, at)| {
            meta.join(person.clone());
            // The second is answered every time, unless the message is known.
            meta.message_webhook(&person.user_id, if number.is_multiple_of(2) { "Hallo" } else { "Datenschutz" }, at)
        });
        let body = body(&updates);
        Webhook { people, head: format!("POST /webhook HTTP/1.1\r\nX-Hub-Signature-256: {}", sign(SECRET, &body)), body }
    };
    (0..WEBHOOKS).map(write).collect()
}

/// As Meta does it: each again and again until the answer is 200, and some once more although it was.
async fn deliver(machine: Arc<Machine>, webhooks: Arc<[Webhook]>, next: Arc<AtomicUsize>, answered: watch::Sender<usize>) {
    while let Some(webhook) = webhooks.get(next.fetch_add(1, Ordering::Relaxed)) {
        while let status = machine.ask(&webhook.head, &webhook.body).await.map(|(status, _)| status)
            && status != Some(200)
        {
            assert_eq!(status, None, "an answer, but not 200");
            // waits: the relay is being started.
            tokio::time::sleep(AGAIN).await;
        }
        let mut so_far = 0;
        answered.send_modify(|answered| {
            *answered += 1;
            so_far = *answered;
        });
        if so_far % 4 == 0 {
            // Whether anybody hears it is not important.
            let _ = machine.ask(&webhook.head, &webhook.body).await;
        }
    }
}

#[tokio::test]
async fn every_webhook_that_got_its_200_is_stored_once() {
    // Neither a broker nor Meta.
    let (broker, api) = (Place::reserve(), Place::reserve());
    let machine = Arc::new(Machine::new(broker.address, api.address));
    let webhooks: Arc<[Webhook]> = webhooks().into();
    let (next, (tell, mut answered)) = (Arc::new(AtomicUsize::new(0)), watch::channel(0));
    let mut couriers = JoinSet::new();
    for _ in 0..SIDE_BY_SIDE {
        couriers.spawn(deliver(Arc::clone(&machine), Arc::clone(&webhooks), Arc::clone(&next), tell.clone()));
    }
    drop(tell);
    for more in ANSWERED {
        let before = *answered.borrow();
        let relay = machine.start();
        within(answered.wait_for(|answered| *answered >= before + more)).await.expect("webhooks go on");
        relay.kill().await;
    }
    assert!(*answered.borrow() + SIDE_BY_SIDE < webhooks.len(), "the last kill came too late");
    let relay = machine.start();
    while let Some(courier) = within(couriers.join_next()).await {
        courier.expect("every webhook was taken");
    }
    assert_eq!(relay.stop().await.code(), Some(0));
    assert!(!machine.log().contains("ERROR"), "{}", machine.log());

    let state = machine.store().load().expect("readable");
    state.check();
    let pseudonyms = Pseudonyms::open(&machine.path("state/hash.key")).expect("the key");
    let mut waiting: BTreeMap<_, usize> = BTreeMap::new();
    state.outbox.iter().for_each(|(_, entry)| *waiting.entry(entry.person).or_default() += 1);
    for (person, at) in webhooks.iter().flat_map(|webhook| &webhook.people) {
        let id = state.people.find(pseudonyms.person(&person.user_id)).expect("stored, because the answer was 200");
        let row = state.people.get(id).expect("a row");
        assert_eq!(row.window.latest, *at);
        // Who had not paused for two seconds when the relay was killed has yet to be answered.
        let answers = match row.talk {
            Talk::Asked { .. } if row.burst.is_none() => 1,
            Talk::New if row.burst.is_some() => 0,
            Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. } => panic!("{row:?}"),
            Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => panic!("{row:?}"),
        };
        assert_eq!(waiting.get(&id).copied().unwrap_or(0), answers, "one answer each");
        let address = Address::Bsuid(Bsuid::new(&person.user_id).expect("short"));
        assert_eq!(state.addresses.get(id), Some(address));
    }
    let people = 2 * webhooks.len();
    assert_eq!((state.people.len(), state.seen.len()), (people, people));
    assert_eq!(usize::try_from(state.counters.next_outbox), Ok(waiting.len()), "no message was answered twice");
}
