//! The real binary between mosquitto and a simulated Cloud API that repeats webhooks and answers late now and then, killed 100 times at
//! random moments while people write, subscribe, ask, stop and are reminded, and figures are published. What was acknowledged has its
//! effect, nothing but figures goes out twice, and what is missing at Meta is exactly what was on its way when the relay died.
//!
//! The moments follow from a seed, which is printed; what happens in them does not, because time is real here.

#![expect(clippy::print_stdout, reason = "it says what it saw")]

use super::Publisher;
use super::people::{Life, REMIND_AFTER, Role, Said, look, publishes, reminds};
use crate::outages::cloud_config;
use crate::program::{Machine, Mosquitto, Place, until};
use drk_relay::domain::conversation::{Reminder, Talk};
use drk_relay::domain::ids::{Callback, InstanceId, Name, PersonId};
use drk_relay::domain::outbox::{Delivery, Kind};
use drk_relay::domain::state::State;
use drk_relay::domain::time::{Day, Millis, Timestamp};
use drk_relay::port::clock::Clock;
use drk_relay::port::pseudonym::Pseudonyms;
use drk_relay::port::status::{Answer, Relay, Report, ask};
use drk_relay::simulator::cloud::{Accepted, Cloud};
use drk_relay::simulator::meta::Record;
use drk_relay::store::Store;
use rumqttc::QoS;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

// The same choices as in tests/sim.
#[allow(dead_code, reason = "a fuzzer chooses by bytes, this does not")]
#[path = "../../sim/choices.rs"]
mod choices;
use choices::Choices;

const KILLS: u32 = 100;
/// People who come while the relay is alive, each time.
const NEWCOMERS: u32 = 3;
/// Those whose window closes soon come in the first half, so that their reminders fall among the kills.
const EARLY: u32 = KILLS / 2;
/// Longest life in milliseconds; every fourth is so short that the relay has hardly begun.
const LIFE: u64 = 1_100;
const SHORT: u64 = 80;
/// Between two days of figures, in kills: all but the last are published while the relay is killed.
const PUBLISHED_EVERY: u32 = 6;
/// Every so many-th answer of Meta's comes so late that kills fall between an acceptance and its answer.
const LATE: (u64, Duration) = (5, Duration::from_millis(400));
/// Messages that may ring before somebody looks.
const RINGING: usize = 4_096;
/// Whoever has written is answered within 6 seconds (DESIGN.md section 3), by a clock that counts whole ones.
const ANSWERED: u64 = 7_000;

/// A window, as the documents have it, and how far from its end somebody may miss a publication.
const WINDOW: u32 = 24 * 3600;
const MARGIN: u32 = 60;

/// In milliseconds.
const DAY: u64 = 24 * 3600 * 1_000;

/// Feeds and their metric. One day each is published in turn, from the day before yesterday until tomorrow.
const FEEDS: [(&str, &str); 4] = [("corona", "cases_new"), ("pegel", "level"), ("pollen", "birch"), ("wald", "danger")];
const FIRST_DAY: i32 = -2;
const LAST_DAY: i32 = 1;

/// The publisher's books.
struct Books {
    publisher: Publisher,
    today: Day,
    /// Publications so far: the next one's feed and day follow from it.
    publications: usize,
    /// The newest value of each feed.
    values: BTreeMap<&'static str, (i32, i64)>,
    value: i64,
}

impl Books {
    const LAST: usize = FEEDS.len() * (LAST_DAY - FIRST_DAY + 1) as usize;

    /// The next day of the next feed: everyone is to hear of it.
    async fn publish(&mut self) {
        let (feed, metric) = FEEDS[self.publications % FEEDS.len()];
        let day = FIRST_DAY + i32::try_from(self.publications / FEEDS.len()).expect("a few");
        self.publications += 1;
        self.send(feed, metric, day).await;
    }

    /// Another value for a day that is known already: kept and shown, and not sent by itself.
    async fn update(&mut self, choices: &mut Choices) {
        let known: Vec<_> = FEEDS.iter().filter_map(|(feed, metric)| Some((*feed, *metric, self.values.get(feed)?.0))).collect();
        if !known.is_empty() {
            let (feed, metric, day) = *choices.of(&known);
            self.send(feed, metric, day).await;
        }
    }

    async fn send(&mut self, feed: &'static str, metric: &str, day: i32) {
        self.value += 1;
        self.values.insert(feed, (day, self.value));
        let payload = format!("{{\"value\":{},\"as_of\":\"{}\"}}", self.value, Day(self.today.0 + day).date());
        self.publisher.client.publish(format!("figures/{feed}/{metric}"), QoS::AtLeastOnce, false, payload).await.expect("connected");
        self.publisher.published += 1;
    }

    /// Until the relay has received everything: the broker keeps the order, so the last one's receipt is enough.
    async fn received(&mut self) {
        let (feed, _) = FEEDS[(self.publications - 1) % FEEDS.len()];
        let as_of = Day(self.today.0 + LAST_DAY).date().to_string();
        let published = self.publisher.published;
        self.publisher
            .until(|heard| {
                heard.acknowledged == published
                    && heard.receipts.iter().any(|receipt| receipt["feed"] == feed && receipt["as_of"] == as_of.as_str())
            })
            .await;
    }
}

/// Everybody, and what rings.
struct Town {
    cloud: Cloud,
    telephones: Arc<Mutex<BTreeMap<String, mpsc::Sender<Accepted>>>>,
    people: Vec<Arc<Mutex<Said>>>,
    lives: Vec<AbortOnDropHandle<Option<()>>>,
    _exchange: AbortOnDropHandle<()>,
}

impl Town {
    fn new(cloud: Cloud, mut ringing: mpsc::Receiver<Accepted>) -> Town {
        let telephones = Arc::new(Mutex::new(BTreeMap::<String, mpsc::Sender<Accepted>>::new()));
        let lines = Arc::clone(&telephones);
        let exchange = async move {
            while let Some(message) = ringing.recv().await {
                let line = lines.lock().expect("nobody panics with it").get(&message.to).cloned();
                // Whoever has said everything does not listen any more.
                let _ = line.expect("somebody who has joined").try_send(message);
            }
        };
        Town { cloud, telephones, people: Vec::new(), lives: Vec::new(), _exchange: AbortOnDropHandle::new(tokio::spawn(exchange)) }
    }

    fn welcome(&mut self, n: u32, left: u32) {
        let (ring, rings) = mpsc::channel(64);
        let (life, said) = Life::new(self.cloud.clone(), n, left, rings);
        self.telephones.lock().expect("nobody panics with it").insert(look(&said).person.user_id.clone(), ring);
        self.people.push(said);
        self.lives.push(AbortOnDropHandle::new(tokio::spawn(life.lived())));
    }

    /// Everything that people do from now on would be too late to be judged.
    fn falls_silent(&mut self) {
        self.lives.clear();
    }
}

/// Waits until nothing is on its way: no webhook, no message, nobody who lacks a publication.
async fn quiet(machine: &Machine, cloud: &Cloud) {
    let socket = machine.path("state/status.sock");
    until(async || {
        let report: Report = serde_json::from_str(&ask(&socket).await.ok()?).expect("the document");
        let Answer::Turning(relay) = report.relay else { return None };
        let Relay { outbox, people, lacking, .. } = *relay;
        let on_its_way = outbox.queued + outbox.resting + outbox.in_flight + people.new;
        (on_its_way == 0 && lacking.is_none() && cloud.undelivered() == 0).then_some(())
    })
    .await;
}

/// Waits for a moment of the real time.
async fn reached(at: Millis) {
    // waits: the relay's own deadlines must have passed, and they are real.
    Clock::System.sleep_until(at).await;
}

fn machine(broker: &Mosquitto, api: &Place) -> Machine {
    let machine = Machine::new(broker.address, api.address);
    let feed = |(feed, metric): &(&str, &str)| {
        format!("[[feed]]\nname = \"{feed}\"\ntitle = \"{feed}\"\nmetric = [{{ name = \"{metric}\", label = \"x\", kind = \"count\" }}]\n")
    };
    let more: String = FEEDS[1..].iter().map(feed).collect();
    let rules = "[budget]\nmonthly_messages = \"unlimited\"\n[reminder]\nwhen = \"unanswered\"\n";
    machine.edit("relay.toml", "[mqtt]\n", &format!("{more}{rules}[mqtt]\n"));
    machine
}

#[tokio::test]
async fn what_was_acknowledged_has_its_effect_after_a_hundred_kills() {
    let seed = std::env::var("KILLED_SEED").map_or(Clock::System.now().0, |seed| seed.parse().expect("a number"));
    println!("KILLED_SEED={seed}");
    let mut choices = Choices::seed(seed);
    let (mosquitto, api) = (Mosquitto::start(Place::reserve()).await, Place::reserve());
    let machine = machine(&mosquitto, &api);
    let (ring, ringing) = mpsc::channel(RINGING);
    let cloud = Cloud::start(api.listen(), cloud_config(machine.webhook.address), Clock::System, ring).expect("starts");
    cloud.dawdle(LATE.0, LATE.1);
    let mut town = Town::new(cloud.clone(), ringing);
    let today = Day((Clock::System.now().0 / DAY) as i32);
    let publisher = Publisher::connect(mosquitto.address).await;
    let mut books = Books { publisher, today, publications: 0, values: BTreeMap::new(), value: 20_000 };
    // From now on mosquitto keeps figures for the relay.
    let relay = machine.start();
    books.publisher.until(|heard| heard.online == 1).await;
    relay.kill().await;

    let mut cut_off = 0;
    for kill in 0..KILLS {
        let relay = machine.start();
        for newcomer in 0..NEWCOMERS {
            let n = kill * NEWCOMERS + newcomer;
            // The late ones among them are people whose window has just opened.
            if kill < EARLY || !Role::of(n).closes_soon() {
                town.welcome(n, 8 + choices.below(18) as u32);
            }
        }
        if kill % PUBLISHED_EVERY == 0 && books.publications + 1 < Books::LAST {
            books.publish().await;
        }
        for _ in 0..choices.below(4) {
            books.update(&mut choices).await;
        }
        let life = if choices.chance(25) { choices.below(SHORT) } else { choices.below(LIFE) };
        reached(Clock::System.now().plus(life)).await;
        relay.kill().await;
        cut_off += taken_without_an_answer(&machine, &cloud);
    }

    let relay = machine.start();
    quiet(&machine, &cloud).await;
    while books.publications < Books::LAST {
        books.publish().await;
    }
    let last = Clock::System.now().second();
    books.received().await;
    let due = town.people.iter().filter(|said| look(said).agreed.is_some() && look(said).role.closes_soon());
    let due = due.map(|said| look(said).latest.plus(REMIND_AFTER + 2)).filter(|due| *due < last.plus(120)).max().unwrap_or(last);
    reached(due.millis()).await;
    town.falls_silent();
    until(async || (cloud.undelivered() == 0).then_some(())).await;
    reached(Clock::System.now().plus(ANSWERED)).await;
    quiet(&machine, &cloud).await;
    assert_eq!(relay.stop().await.code(), Some(0));
    assert!(!machine.log().contains("ERROR"), "{}", machine.log());
    judged(&machine, &town, &books, last);
    println!("kills between Meta's acceptance of a message and its answer: {cut_off} messages");
    assert!(cut_off > 0, "no kill has fallen there");
}

/// Messages that Meta has taken and the relay died before it knew. Looks at a copy of the store: the relay recovers its own by itself.
fn taken_without_an_answer(machine: &Machine, cloud: &Cloud) -> usize {
    let copy = machine.path("copy.redb");
    std::fs::copy(machine.path("state/relay.redb"), &copy).expect("copied");
    let store = Store::open(&copy, InstanceId(0)).expect("a store that opens after a kill");
    let (instance, state) = (store.instance(), store.load().expect("readable after a kill"));
    let in_flight = state.outbox.iter().filter(|(_, entry)| matches!(entry.delivery, Delivery::InFlight { .. }));
    let in_flight: BTreeSet<String> = in_flight.map(|(id, _)| Callback { instance, id }.encode()).collect();
    cloud
        .look(|meta| meta.records().iter().filter(|record| record.order.callback.as_ref().is_some_and(|id| in_flight.contains(id))).count())
}

/// What is known at the end, from both sides.
struct Judge {
    state: State,
    instance: InstanceId,
    pseudonyms: Pseudonyms,
    records: Vec<Record>,
    /// When the relay stopped.
    end: Timestamp,
    /// What of each sort the relay had in flight when it was killed, and Meta never got.
    lost: BTreeMap<&'static str, usize>,
}

impl Judge {
    fn new(machine: &Machine, cloud: &Cloud) -> Judge {
        let store = machine.store();
        let state = store.load().expect("readable after a hundred kills");
        state.check();
        let pseudonyms = Pseudonyms::open(&machine.path("state/hash.key")).expect("the key");
        let (records, end) = (cloud.look(|meta| meta.records().to_vec()), Clock::System.now().second());
        Judge { state, instance: store.instance(), pseudonyms, records, end, lost: BTreeMap::new() }
    }

    /// Every figure that the broker has got rid of is there: the newest day of each feed with its newest value, each day one publication.
    fn figures(&self, books: &Books) {
        for (feed, metric) in FEEDS {
            let (_, row) = self.state.feed(&Name::new(feed).expect("a name")).expect("configured");
            let current = row.current.as_ref().expect("published");
            let value = current.values.get(&Name::new(metric).expect("a name")).map(|value| value.parts());
            let (day, newest) = books.values[feed];
            assert_eq!((current.as_of, value), (Day(books.today.0 + day), Some((newest, 0))), "{feed}");
            assert_eq!(row.settling, None);
        }
        assert_eq!(self.state.revision() as usize, Books::LAST, "a day was published twice, or never");
    }

    /// What Meta took from us: nothing outside a window; nothing twice but figures. How many of those.
    fn messages(&self) -> usize {
        assert!(self.records.iter().all(|record| record.open), "a message outside the window");
        let mut twice = 0;
        let mut callbacks = BTreeSet::new();
        for record in self.records.iter().filter(|record| record.wamid.is_some()) {
            if !callbacks.insert(record.order.callback.as_deref().expect("every order carries its id")) {
                assert!(publishes(&record.order.buttons), "twice, and no figures: {}", record.order.body);
                twice += 1;
            }
        }
        for (id, entry) in self.state.outbox.iter() {
            let callback = Callback { instance: self.instance, id }.encode();
            if is_lost(entry.delivery) {
                assert!(!callbacks.contains(callback.as_str()), "Meta took it, and said so: {entry:?}");
            }
        }
        twice
    }

    /// What was said to somebody who has said this is what should have been, and the row says the same.
    fn person(&mut self, said: &Said, newest: &str, last: Timestamp) {
        let Some(id) = self.state.people.find(self.pseudonyms.person(&said.person.user_id)) else {
            let asked = said.agreed.is_none() && said.stopped.is_none();
            assert!(asked && self.closed(said), "forgotten: {said:?}");
            return;
        };
        let row = self.state.people.get(id).expect("a row").clone();
        assert_eq!((row.window.latest, row.burst), (said.latest, None), "{said:?}");
        match (&row.talk, said.agreed, said.stopped) {
            (Talk::Stopped { at }, _, Some(stopped)) => assert_eq!(*at, stopped),
            (Talk::Subscribed { subscription, reminder }, Some(agreed), None) => {
                assert_eq!((subscription.consent, subscription.feeds.len()), (agreed, FEEDS.len()), "{said:?}");
                self.reminded(id, said, *reminder);
                self.up_to_date(said, newest, last);
            }
            (Talk::Asked { .. }, None, None) => {}
            (talk, _, _) => panic!("{talk:?}, but {said:?}"),
        }
        self.answered(id, said);
    }

    /// Every question has its one answer, but for those that were in flight at a kill. A stop takes back what had not left before it.
    fn answered(&mut self, id: PersonId, said: &Said) {
        let taken = self.taken(said).filter(|record| !publishes(&record.order.buttons) && !reminds(&record.order.buttons)).count();
        let lost = self.state.outbox.of(id).filter(|(_, entry)| entry.kind.is_answer() && is_lost(entry.delivery)).count();
        *self.lost.entry("answers").or_default() += lost;
        if said.stopped.is_none() {
            assert_eq!(taken + lost, said.questions, "answers: {said:?}");
            return;
        }
        assert!(taken <= said.questions, "{taken} answers: {said:?}");
        let confirmations = self.taken(said).filter(|record| record.order.body.contains("Du bist abgemeldet")).count();
        assert_eq!(confirmations + lost, 1, "confirmations of a stop: {said:?}");
    }

    /// One reminder at most in a window. In one that was about to close exactly one, unless a publication asked at that moment, or it was
    /// in flight at a kill.
    fn reminded(&mut self, id: PersonId, said: &Said, reminder: Reminder) {
        let Some(agreed) = said.agreed.filter(|_| said.role.closes_soon()) else { return };
        let due = agreed.plus(REMIND_AFTER);
        let reminders = self.taken(said).filter(|record| reminds(&record.order.buttons) && record.latest == Some(agreed)).count();
        let lost = |kind: fn(Kind) -> bool| self.state.outbox.of(id).any(|(_, entry)| kind(entry.kind) && is_lost(entry.delivery));
        let asked = self.taken(said).any(|record| publishes(&record.order.buttons) && record.at.plus(5) >= due);
        match reminder {
            Reminder::Pending => assert!(said.returned.is_some(), "never reminded: {said:?}"),
            Reminder::Sent if reminders == 0 => {
                assert!(lost(|kind| kind == Kind::Reminder), "the reminder has vanished: {said:?}");
                *self.lost.entry("reminders").or_default() += 1;
            }
            Reminder::Spared if reminders == 0 => assert!(asked || lost(Kind::is_publication), "spared for nothing: {said:?}"),
            Reminder::Sent | Reminder::Spared => {}
            Reminder::Refused => panic!("this Meta closes no window early: {said:?}"),
        }
        assert!(reminders <= 1 && (said.returned.is_none() || reminders == 1), "{reminders} reminders: {said:?}");
    }

    /// Whoever was subscribed with an open window when the last figures came, after the last kill, has them.
    fn up_to_date(&mut self, said: &Said, newest: &str, last: Timestamp) {
        let shown = || self.taken(said).filter(|record| record.order.body.contains(newest));
        if said.latest.plus(WINDOW) > last.plus(MARGIN) {
            let seen = || self.taken(said).last().map(|record| (record.at, &record.order.body));
            assert!(shown().count() > 0, "never saw the last figures, {newest} after {last:?}: {said:?}, but {:?}", seen());
        }
        // On a slow machine webhooks have come for two minutes: then figures of unknown outcome went once more.
        let allowed = 1 + usize::from(self.state.counters.repeated > 0);
        assert!(shown().filter(|record| publishes(&record.order.buttons)).count() <= allowed, "the last figures twice: {said:?}");
    }

    fn taken<'a>(&'a self, said: &'a Said) -> impl Iterator<Item = &'a Record> {
        self.records.iter().filter(|record| record.wamid.is_some() && record.user_id == said.person.user_id)
    }

    fn closed(&self, said: &Said) -> bool {
        said.latest.plus(WINDOW) <= self.end
    }
}

/// Nobody knows what became of it, and nobody will.
fn is_lost(delivery: Delivery) -> bool {
    match delivery {
        Delivery::InFlight { .. } | Delivery::Unknown { .. } | Delivery::Failed { code: 0 } => true,
        Delivery::Failed { .. } | Delivery::Queued { .. } | Delivery::Resting { .. } => false,
        Delivery::Accepted { .. } | Delivery::Delivered { .. } => false,
    }
}

fn judged(machine: &Machine, town: &Town, books: &Books, last: Timestamp) {
    let mut judge = Judge::new(machine, &town.cloud);
    judge.figures(books);
    let twice = judge.messages();
    let (feed, _) = FEEDS[(books.publications - 1) % FEEDS.len()];
    let newest = format!("{}.{:03}", books.values[feed].1 / 1_000, books.values[feed].1 % 1_000);
    let people: Vec<Said> = town.people.iter().map(|said| look(said).clone()).collect();
    for said in &people {
        judge.person(said, &newest, last);
    }
    let heard: usize = people.iter().map(|said| said.messages).sum();
    assert_eq!(judge.state.seen.len(), heard, "a webhook got its 200 and was not written down, or is there twice");
    let reminders = judge.records.iter().filter(|record| reminds(&record.order.buttons)).count();
    let publications = judge.records.iter().filter(|record| publishes(&record.order.buttons)).count();
    println!(
        "{KILLS} kills, {} people, {heard} messages heard, {} taken by Meta ({publications} publications, {reminders} reminders), \
         {} figures published; possible duplicates of figures: {twice}; in flight at a kill and never sent: {:?}",
        people.len(),
        judge.records.len(),
        books.publisher.published,
        judge.lost
    );
    assert!(reminders > 0 && people.iter().any(|said| said.stopped.is_some() || said.returned.is_some()), "nothing happened");
}
