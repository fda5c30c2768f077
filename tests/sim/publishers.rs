//! Simulated publishers and their broker: QoS 1 as rumqttc and a broker with persistent sessions really do it (`poller.rs` of `port/mqtt`).
//!
//! A publish stays in the session until its PUBACK has reached the broker. When the connection breaks, what the port had read already is
//! handed on without being acknowledged ("stale"), and after the reconnect everything unacknowledged comes again, in its order: what was
//! never handed on, what was, and what was acknowledged by a PUBACK that got lost. A broker that has lost the session replays what is
//! retained.

use super::people::FEEDS;
use super::world::{Transit, World};
use drk_relay::domain::event::{Event, Figure, ReceiptTopic, ReplyTo, Request, Verb};
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::Name;
use drk_relay::domain::time::Day;
use std::collections::VecDeque;

/// The metrics of each feed.
pub(crate) const METRICS: [&str; 2] = ["cases_new", "incidence"];
/// Publishes that a broker has on their way to one client (mosquitto's default).
const WINDOW: usize = 20;

/// The broker's side of the session.
#[derive(Default)]
pub(crate) struct Broker {
    /// Without a PUBACK, oldest first.
    unacknowledged: VecDeque<Figure>,
    /// A connection is there.
    connected: bool,
    /// The latest of each feed, retained.
    retained: [Option<Figure>; FEEDS.len()],
}

impl World {
    /// A publisher publishes: a new day mostly, whole or in parts; sometimes the same again, or something old, or a slip of the hand. And
    /// sometimes a human decides about what has been published, or waits.
    pub(crate) fn publish(&mut self) {
        if self.choices.chance(4) {
            self.rule();
        }
        let today = self.now.second().0 / 86_400;
        let as_of = match self.choices.below(10) {
            0..=6 => {
                self.day = self.day.max(today.cast_signed() - 1) + 1;
                self.day
            }
            7..=8 => self.day,
            _ => self.day - 5,
        };
        let value = |digits: u64| Value::new(digits.cast_signed(), 0).expect("small");
        let mut values: Vec<(Name, Value)> = Vec::new();
        for name in METRICS {
            // By chance alone none of them is implausible.
            let digits = (10 + self.choices.below(30)) * self.slip();
            values.push((Name::new(name).expect("valid"), value(digits)));
        }
        let feed = *self.choices.of(&FEEDS);
        let dated = if self.choices.chance(90) { Some(Day(as_of)) } else { None };
        if self.choices.chance(50) {
            self.send_figure(feed, values, dated);
        } else {
            self.count("publication in parts");
            for value in values {
                self.send_figure(feed, vec![value], dated);
            }
        }
    }

    /// By what a figure is too large: three zeros too many, now and then.
    fn slip(&mut self) -> u64 {
        if self.fault(1, "implausible figure") { 1_000 } else { 1 }
    }

    fn rule(&mut self) {
        self.count("ruling");
        let verb = *self.choices.of(&[Verb::Release, Verb::Discard, Verb::Rebaseline, Verb::Withdraw]);
        let feed = Name::new(self.choices.of::<&str>(&FEEDS)).expect("a valid name");
        self.step("ruling", &[Event::Asked(Request { verb, feed, as_of: None, reply: Some(ReplyTo::Local(0)) })]);
    }

    /// The figures of every feed for today, whole and at once.
    pub(crate) fn publish_now(&mut self) {
        let today = Day((self.now.second().0 / 86_400).cast_signed());
        for feed in &self.rules.feeds.clone() {
            let feed = feed.name.as_str();
            let value = Value::new(17, 0).expect("small");
            let values = METRICS.iter().map(|name| (Name::new(name).expect("valid"), value)).collect();
            self.send_figure(feed, values, Some(today));
        }
    }

    fn send_figure(&mut self, feed: &str, values: Vec<(Name, Value)>, as_of: Option<Day>) {
        let feed = Name::new(feed).expect("a valid name");
        let figure = Figure { as_of, receipt: Some(ReplyTo::Receipts(ReceiptTopic::new(feed.clone(), None))), ..Figure::new(feed, values) };
        let delay = self.choices.below(45_000);
        self.after(delay, Transit::Publish(figure));
    }

    /// A publish has reached the broker.
    pub(crate) fn published(&mut self, figure: Figure) {
        let feed = FEEDS.iter().position(|feed| *feed == figure.feed.as_str()).expect("one of the feeds");
        self.broker.retained[feed] = Some(Figure { receipt: None, ..figure.clone() });
        self.broker.unacknowledged.push_back(figure);
        if self.broker.connected {
            self.deliver("publish");
        }
    }

    /// The connection to the broker breaks: what had been read is handed on, stale; the rest waits for the next connection.
    pub(crate) fn break_line(&mut self) {
        self.count("broker connection lost");
        let read = self.choices.below(3) as usize;
        let stale: Vec<Event> = self.broker.unacknowledged.iter().take(read).cloned().map(Event::Figure).collect();
        self.hang_up();
        if !stale.is_empty() {
            self.count("stale publish");
            self.step("stale publish", &stale);
        }
    }

    /// The port is connected: everything unacknowledged comes again.
    pub(crate) fn connected(&mut self) {
        self.broker.connected = true;
        if self.fault(20, "retained replay") {
            let retained: Vec<Event> = self.broker.retained.iter().flatten().cloned().map(Event::Figure).collect();
            self.step("retained replay", &retained);
        }
        // The step may have ended the process, and with it the connection.
        if self.broker.connected && !self.broker.unacknowledged.is_empty() {
            self.deliver("redelivered publish");
        }
    }

    /// The connection is gone, perhaps with the process.
    pub(crate) fn hang_up(&mut self) {
        self.broker.connected = false;
        let delay = 1_000 + self.choices.below(60_000);
        self.after(delay, Transit::Connected);
    }

    /// Everything in the session, a window at a time, until nothing is left or the connection breaks.
    fn deliver(&mut self, why: &'static str) {
        while self.broker.connected && !self.broker.unacknowledged.is_empty() {
            if why == "redelivered publish" {
                self.count(why);
            }
            let most = 1 + self.choices.below(WINDOW as u64) as usize;
            let figures: Vec<Event> = self.broker.unacknowledged.iter().take(most).cloned().map(Event::Figure).collect();
            // A process that has died acknowledges nothing, whether it had committed or not.
            if !self.step(why, &figures) || !self.broker.connected {
                return;
            }
            if self.fault(10, "PUBACK lost") {
                return self.hang_up();
            }
            self.broker.unacknowledged.drain(..figures.len());
        }
    }
}
