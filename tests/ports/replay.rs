//! Two weeks of real figures through the real mosquitto and the real `run()`, by a clock that goes fast where nothing happens and stands
//! still where something is due. Asks only the simulated Meta's records whether the promises hold; what the reminder is worth over years
//! is measured in `tests/sim/replay`.
//!
//! The days are 2021-03-08 to 21, rebased to now: the first of them is today. Four authorities publish every day or two, one of them not
//! for a week, so many windows pass without figures. And publishers make mistakes: a digit too many, which is gone an hour later; another
//! column, which stays, and falls the next day; a Sunday that is too quiet. A scripted human looks at what is held after forty minutes and
//! answers by MQTT, as `tests/sim/replay/rulings.txt` says.

#![expect(clippy::print_stdout, reason = "it says what it saw, or that it saw nothing")]

// The same reader as in tests/sim.
#[path = "../sim/replay/file.rs"]
mod file;
// The same human.
#[path = "../sim/replay/rulings.rs"]
#[expect(dead_code, reason = "the replays of the core ask more of it")]
mod rulings;

use crate::outages::cloud_config;
use crate::program::{Machine, Mosquitto, Place, within};
use drk_relay::config::Config;
use drk_relay::domain::event::Tap;
use drk_relay::domain::ids::Name;
use drk_relay::domain::time::{Day, Millis, Timestamp};
use drk_relay::port::clock::{Clock, Warp};
use drk_relay::port::stream::Source;
use drk_relay::port::systemd::Manager;
use drk_relay::port::update::Trial;
use drk_relay::relay::Pulse;
use drk_relay::run::{Drill, Show, Surroundings, run};
use drk_relay::simulator::cloud::{Accepted, Cloud};
use drk_relay::simulator::meta::{Meta, Order, Person, Record};
use drk_relay::simulator::publisher::{Publisher, Receipt};
use rulings::{Ruling, Rulings};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

/// The first of the days, and the day after them.
const DAYS: [&str; 2] = ["2021-03-08", "2021-03-22"];
/// How many they are.
const LENGTH: u64 = 14;
/// What of them a human has to look at, at least: all that the table has of these days.
const HELD: usize = 4;
/// People for each feed.
const EACH: u32 = 2;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// A window, as the documents have it.
const WINDOW: u32 = 24 * 3600;
/// While nothing happens an hour takes a thirtieth of a second. The clock stands still where something is due, so only patience limits it.
const FAST: f64 = 100_000.0;
/// Real time while something is under way.
const WALK: f64 = 1.0;
/// Without news for this long, in real time, nothing is on its way any more. On a machine that is too slow for it, something arrives later
/// than it would: no promise depends on that.
const CALM: Duration = Duration::from_millis(150);
/// A publication has reached somebody if it came within this time.
const AT_ONCE: u32 = 60;
/// Who writes is answered within this time: a pause of two to six seconds, and the way there.
const ANSWER: u32 = 30;

/// A human has looked at what is held after so long.
const LOOKS: u64 = 40 * MINUTE;

/// One message to a topic of the broker.
struct Message {
    at: Millis,
    shows: Shows,
    /// The day that it was really about, which the human knows it by.
    day: Day,
    topic: String,
    payload: String,
}

/// What a message to people shows of a publication.
#[derive(Clone)]
struct Shows {
    feed: Name,
    /// The day, as it would be today.
    as_of: Day,
    /// A line for each metric, without its change.
    lines: Vec<String>,
}

impl Shows {
    /// Whether a text shows all of it, with this day.
    fn is_in(&self, text: &str) -> bool {
        let shown = |line: &String| text.lines().any(|shown| shown == line || shown.starts_with(&format!("{line} ")));
        text.contains(&self.as_of.date().strftime("%d.%m.%Y").to_string()) && self.lines.iter().all(shown)
    }
}

/// The days, as they would be today.
fn messages(lines: &[file::Line]) -> Vec<Message> {
    let [first, end] = DAYS.map(|day| Day::of(day.parse().expect("a date")));
    let today = Millis(Clock::System.now().0 / DAY * DAY);
    let later = today.0 / DAY - u64::from(first.0.unsigned_abs());
    let text = std::fs::read_to_string(file::path()).expect("it was there a moment ago");
    let mut messages = Vec::new();
    for (line, text) in lines.iter().zip(text.lines()) {
        let (as_of, figure) = (line.figure.as_of.expect("dated"), &line.figure);
        if as_of < first || as_of >= end {
            continue;
        }
        let mut json: serde_json::Value = serde_json::from_str(text).expect("JSON");
        assert_eq!((&json["qos"], &json["retain"]), (&1.into(), &true.into()), "the publisher below does so");
        let at = Millis(line.at.0 + later * DAY);
        json["payload"]["as_of"] = Day(as_of.0 + later as i32).date().to_string().into();
        let published = jiff::Timestamp::from_millisecond(at.0.cast_signed()).expect("a time");
        json["payload"]["published_at"] = published.to_string().into();
        let (feed, rebased) = (figure.feed.clone(), Day(as_of.0 + later as i32));
        // None of these days has a number that would be grouped.
        let lines = figure.values.iter().map(|(name, value)| format!("{name}: {}", value.parts().0).replace('-', "−"));
        messages.push(Message {
            at,
            shows: Shows { feed, as_of: rebased, lines: lines.collect() },
            day: as_of,
            topic: json["topic"].as_str().expect("a topic").to_owned(),
            payload: json["payload"].to_string(),
        });
    }
    messages
}

/// A publication, when its receipt came, and whose windows were open then.
struct Published {
    shows: Shows,
    at: Timestamp,
    open: Vec<String>,
}

/// The people, the publisher, and what they are about to do.
struct Town {
    cloud: Cloud,
    clock: Clock,
    people: Vec<(Person, Name)>,
    publisher: Publisher,
    receipts: mpsc::Receiver<Receipt>,
    pulses: watch::Receiver<Pulse>,
    /// When something is to be done, and what.
    plan: BTreeMap<(Millis, u64), Act>,
    /// The first of it.
    next: watch::Sender<Millis>,
    planned: u64,
    published: Vec<Published>,
    rulings: Rulings,
    /// What waits for the human, by feed and the day that it was really about.
    held: BTreeMap<(Name, Day), Shows>,
    /// What the human has said is wrong, or is not to be sent.
    unsaid: Vec<Shows>,
    counts: BTreeMap<String, u32>,
}

/// What is done.
enum Act {
    Publish(Message),
    /// The human looks at what is held.
    Rule(Name, Day),
    /// Somebody taps a button.
    Tap(String, (String, String)),
    End,
}

impl Town {
    fn plan(&mut self, at: Millis, act: Act) {
        self.planned += 1;
        self.plan.insert((at, self.planned), act);
        self.next.send_replace(self.plan.first_key_value().map_or(at, |(key, _)| key.0));
    }

    /// Everybody subscribes with a button from an old message, an hour before anything is published.
    fn begin(&mut self, start: Millis, messages: Vec<Message>) {
        for (number, (person, feed)) in self.people.clone().into_iter().enumerate() {
            self.cloud.join(person.clone());
            let button = (Tap::Yes(vec![feed]).encode(), "Ja".to_owned());
            self.plan(start.plus(number as u64 * SECOND), Act::Tap(person.user_id, button));
        }
        for message in messages {
            self.plan(message.at, Act::Publish(message));
        }
        self.plan(start.plus(LENGTH * DAY), Act::End);
    }

    /// Publishes what is no figure until somebody says so: then broker, publisher and relay have found each other. Meanwhile the clock
    /// stands still.
    async fn meet(&mut self) {
        within(async {
            while tokio::time::timeout(CALM, self.receipts.recv()).await.is_err() {
                self.publisher.publish(&format!("figures/{}/cases_total", self.people[0].1), "keine").await;
            }
        })
        .await;
    }

    /// Lives through the days.
    async fn live(&mut self, mut ringing: mpsc::Receiver<Accepted>) {
        self.meet().await;
        while let Some((at, _)) = self.plan.first_key_value().map(|(key, _)| *key) {
            self.next.send_replace(at);
            if self.clock.now() < at {
                tokio::select! {
                    biased;
                    Some(message) = ringing.recv() => self.rings(message),
                    () = self.clock.sleep_until(at) => {}
                }
                continue;
            }
            let Some((_, act)) = self.plan.pop_first() else { return };
            match act {
                Act::Publish(message) => self.publish(message).await,
                Act::Rule(feed, day) => self.rule(feed, day).await,
                Act::Tap(user_id, button) => {
                    self.pulses.mark_unchanged();
                    self.cloud.tap(&user_id, &button).await;
                    within(self.pulses.changed()).await.expect("it runs");
                }
                Act::End => return,
            }
        }
    }

    /// Whoever is asked answers after 10 minutes to 4 hours: spread, and the same in every run.
    fn rings(&mut self, message: Accepted) {
        if let Some(button) = message.buttons.first() {
            let minutes = 10 + (self.planned * 97 + 31) % 231;
            self.plan(message.at.millis().plus(minutes * MINUTE), Act::Tap(message.to, button.clone()));
        }
    }

    /// Whose windows are open for long enough.
    fn open(&self, feed: &Name, at: Timestamp) -> Vec<String> {
        let open = |(person, _): &&(Person, Name)| {
            self.cloud.look(|meta| meta.closes(&person.user_id)).is_some_and(|closes| closes > at.plus(AT_ONCE))
        };
        let people = self.people.iter().filter(|(_, theirs)| theirs == feed).filter(open);
        people.map(|(person, _)| person.user_id.clone()).collect()
    }

    /// What the relay says there.
    async fn receipt(&mut self, topic: &str) -> Receipt {
        let receipt = within(async {
            loop {
                let receipt = self.receipts.recv().await.expect("the connection lives");
                if receipt.topic == topic {
                    return receipt;
                }
            }
        });
        let receipt = receipt.await;
        *self.counts.entry(receipt.code.clone()).or_default() += 1;
        receipt
    }

    /// Publishes and waits for the receipt; meanwhile the clock stands still.
    async fn publish(&mut self, message: Message) {
        let Message { shows, day, topic, payload, .. } = message;
        let at = self.clock.now().second();
        let open = self.open(&shows.feed, at);
        self.publisher.publish(&topic, &payload).await;
        let receipt = self.receipt(&topic).await;
        if receipt.said.starts_with("held: ") {
            self.plan(at.millis().plus(LOOKS), Act::Rule(shows.feed.clone(), day));
            self.held.insert((shows.feed.clone(), day), shows);
            return;
        }
        assert!(receipt.said.starts_with("accepted: "), "{payload}: {}", receipt.said);
        if receipt.code == "accepted" {
            self.published.push(Published { shows, at, open });
        }
    }

    /// The human says what is to become of it, and waits for the response.
    async fn rule(&mut self, feed: Name, day: Day) {
        let Some(shows) = self.held.remove(&(feed.clone(), day)) else { return };
        let at = self.clock.now().second();
        let open = self.open(&feed, at);
        let (request, code) = match self.rulings.on(&feed, day) {
            Ruling::Release => ("release-held", "released"),
            Ruling::Discard => ("discard-held", "discarded"),
            Ruling::Rebaseline => ("rebaseline-held", "rebaselined"),
        };
        let payload = serde_json::json!({"feed": feed.as_str(), "as_of": shows.as_of.date().to_string()});
        self.publisher.ask(request, &payload.to_string()).await;
        let receipt = self.receipt(&format!("relay/response/{request}")).await;
        assert_eq!(receipt.code, code, "{feed} {day:?}: {receipt:?}");
        match code {
            "released" => self.published.push(Published { shows, at, open }),
            _ => self.unsaid.push(shows),
        }
    }
}

/// Keeps the clock: fast to the next thing that is due, at walking pace while a message is on its way to Meta.
async fn keep(clock: &Clock, warp: &Warp, mut pulses: watch::Receiver<Pulse>, next: watch::Receiver<Millis>) {
    loop {
        while tokio::time::timeout(CALM, pulses.changed()).await.is_ok_and(|news| news.is_ok()) {}
        let (due, under_way) = {
            let pulse = pulses.borrow_and_update();
            (pulse.next, pulse.outbox.pending() > 0)
        };
        let until = due.into_iter().chain([*next.borrow()]).min().unwrap_or_else(|| clock.now()).max(clock.now().plus(1));
        if under_way {
            warp.run_until(until, WALK);
        } else {
            warp.run_until(until, FAST);
            clock.sleep_until(until).await;
        }
    }
}

#[tokio::test]
async fn two_real_weeks_through_mosquitto() {
    let Some(lines) = file::lines() else {
        println!("skipped: {} is not there", file::PATH);
        return;
    };
    let messages = messages(&lines);
    let start = Millis(messages[0].at.0 - HOUR);
    let (mosquitto, api) = (Mosquitto::start(Place::reserve()).await, Place::reserve());
    let machine = Machine::new(mosquitto.address, api.address);
    let mut config = Config::load(&machine.path("relay.toml")).expect("a good one");
    config.rules.feeds = file::feeds(&lines);
    config.rules.monthly_messages = None;
    config.mqtt.feeds = config.rules.feeds.clone();
    let feeds: Vec<Name> = config.rules.feeds.iter().map(|feed| feed.name.clone()).collect();
    let people = (0..EACH * feeds.len() as u32).map(|n| (Person::with_phone(n), feeds[n as usize % feeds.len()].clone())).collect();

    let warp = Warp::new(start, WALK);
    let clock = Clock::Warped(warp.clone());
    let listener = TcpListener::bind(machine.webhook.address).await.expect("our place");
    let (ring, ringing) = mpsc::channel(256);
    let cloud = Cloud::start(api.listen(), cloud_config(machine.webhook.address), clock.clone(), ring).expect("a cloud");
    let (publisher, receipts) = Publisher::connect(mosquitto.address);
    let (pulse, pulses) = watch::channel(Pulse::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let show = Show { pulse, ..Show::default() };
    let around = Surroundings {
        clock: clock.clone(),
        listener: Some(Source::Tcp(listener)),
        show,
        manager: Manager::default(),
        trial: Trial::default(),
        drill: Drill::default(),
    };
    let mut relay = Box::pin(run(config, around, async { drop(stopped.await) }));
    let (next, soon) = watch::channel(start);
    let (plan, published, keeping) = (BTreeMap::new(), Vec::new(), pulses.clone());
    let rulings = Rulings::about(&feeds.iter().cloned().collect());
    let (held, unsaid, counts) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    let (here, planned) = (clock.clone(), 0);
    let mut town =
        Town { cloud, clock: here, people, publisher, receipts, pulses, plan, next, planned, published, rulings, held, unsaid, counts };
    town.begin(start, messages);
    tokio::select! {
        ended = &mut relay => unreachable!("{ended:?}"),
        () = keep(&clock, &warp, keeping, soon) => unreachable!("it never ends"),
        () = town.live(ringing) => {}
    }
    stop.send(()).expect("it runs");
    relay.await.expect("asked to stop");
    println!("{:?}", town.counts);
    town.rulings.settle_held();
    let ruled = ["released", "discarded", "rebaselined"].map(|code| town.counts.get(code).copied().unwrap_or(0));
    assert!(ruled.iter().sum::<u32>() as usize >= HELD && ruled.iter().all(|count| *count > 0), "{ruled:?}");
    town.cloud.look(|meta| judge(meta, &town.published, &town.unsaid));
}

/// A question without figures.
fn is_reminder(order: &Order) -> bool {
    !order.buttons.is_empty() && !order.body.contains("cases_total")
}

/// Whether they have just written: an answer may repeat the latest figures.
fn is_answer(record: &Record) -> bool {
    record.latest.is_some_and(|latest| record.at < latest.plus(ANSWER))
}

/// What Meta has on record.
fn judge(meta: &Meta, published: &[Published], unsaid: &[Shows]) {
    let counters = meta.counters();
    let reminders: Vec<_> = meta.records().iter().filter(|record| is_reminder(&record.order)).collect();
    let reached: usize = published.iter().map(|publication| publication.open.len()).sum();
    println!(
        "{} publications, {} messages, {} reminders; windows open at a publication: {reached}",
        published.len(),
        counters.sent,
        reminders.len()
    );
    assert_eq!((counters.outside_window, counters.twice), (0, 0), "outside a window, twice");
    assert_eq!(meta.most_per_window(is_reminder), 1, "reminders in one window");
    for record in reminders {
        let latest = record.latest.expect("they wrote");
        let nominal = latest.plus(WINDOW - 60);
        assert!((nominal.minus(60)..=latest.plus(WINDOW - 5)).contains(&record.at), "a reminder at the wrong time: {record:?}");
    }
    for Published { shows, at, open } in published {
        for user_id in open {
            let theirs = meta.records().iter().filter(|record| record.user_id == *user_id && shows.is_in(&record.order.body));
            let shown: Vec<Timestamp> = theirs.filter(|record| !is_answer(record)).map(|record| record.at).collect();
            let Shows { feed, lines, .. } = shows;
            assert!(shown.len() == 1 && (*at..=at.plus(AT_ONCE)).contains(&shown[0]), "{feed} {lines:?}, at {at:?}: {shown:?}");
        }
    }
    for shows in unsaid {
        let said = meta.records().iter().find(|record| shows.is_in(&record.order.body) && record.order.body.contains(shows.feed.as_str()));
        assert!(said.is_none(), "a human did not want it said: {:?}", said.map(|record| &record.order.body));
    }
    let (all, most) = (published.len() * EACH as usize, published.len());
    assert!(reached > most && reached <= all, "{reached} of {all} windows were open: these days no longer show what they are to show");
}
