//! Simulated people and publishers: what they say and when, as the seed has it. They know nothing of the relay but what reaches them.

use super::choices::Choices;
use super::promises::asks;
use super::world::{Transit, World};
use drk_relay::domain::conversation::Talk;
use drk_relay::domain::decision::Send;
use drk_relay::domain::event::{Event, Figure, Heard, ReceiptTopic, Said, Tap, Text};
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::{Address, Bsuid, Identity, Name, PersonHash, Wamid, WamidHash};
use drk_relay::domain::time::Day;

/// The feeds of the simulated branch.
pub(crate) const FEEDS: [&str; 2] = ["corona", "klinik"];
/// The metrics of each.
pub(crate) const METRICS: [&str; 2] = ["cases_new", "incidence"];
const HOUR: u64 = 3_600_000;

/// Somebody with a phone.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) address: Address,
    pub(crate) hash: PersonHash,
    /// The latest message that reached them.
    pub(crate) received: Option<WamidHash>,
    messages: u64,
}

impl Person {
    pub(crate) fn new(number: u64) -> Person {
        let address = Address::Bsuid(Bsuid::new(&format!("DE.{}", 1_000 + number)).expect("short"));
        Person { address, hash: PersonHash(1_000 + number), received: None, messages: 0 }
    }
}

/// A tap that says yes to some of the feeds.
fn yes(feeds: &[&str]) -> Said {
    Said::Tapped(Tap::Yes(feeds.iter().map(|feed| Name::new(feed).expect("a valid name")).collect()))
}

fn words(choices: &mut Choices) -> Said {
    let text = |text: &str| Said::Text(Text(text.into()));
    match choices.below(18) {
        0..=3 => text("Ja"),
        4 => text("Nein"),
        5 => text("Stopp"),
        6 => text("Zahlen"),
        7..=8 => text("Danke!"),
        9 => text("Hilfe"),
        10 => text("Datenschutz"),
        11 => Said::Other,
        12 => Said::Edited(Text("STOPP".into())),
        13 => Said::Edited(Text("Danke".into())),
        14 => Said::Tapped(Tap::No),
        15 => yes(&FEEDS[..1]),
        16 => yes(&FEEDS[1..]),
        _ => yes(&FEEDS),
    }
}

impl World {
    /// One of the things that happen in a world.
    pub(crate) fn act(&mut self) {
        match self.choices.below(100) {
            0..20 => {
                let (person, said) = (self.choices.below(self.people.len() as u64) as usize, words(&mut self.choices));
                self.speak(person, said);
            }
            20..22 => self.burst(),
            22..24 => self.react(),
            24..34 => self.publish(),
            34..64 => self.pass_up_to(10 * 60_000),
            64..80 => self.pass_up_to(6 * HOUR),
            80..86 => self.pass_to_the_edge(),
            86..92 => self.crash(),
            92..94 => self.break_disk(),
            94..95 => self.account(),
            _ => self.wobble(),
        }
    }

    /// Several messages within a few seconds.
    fn burst(&mut self) {
        let person = self.choices.below(self.people.len() as u64) as usize;
        for _ in 0..2 + self.choices.below(6) {
            let said = words(&mut self.choices);
            let delay = self.choices.below(1_500);
            self.speak_late(person, said, delay);
            let pause = self.choices.below(2_500);
            self.pass(pause);
        }
        self.count("burst");
    }

    /// A thumb on the latest message.
    fn react(&mut self) {
        let person = self.choices.below(self.people.len() as u64) as usize;
        if let Some(message) = self.people[person].received {
            self.speak(person, Said::Reacted(message));
        }
    }

    fn pass_up_to(&mut self, millis: u64) {
        let millis = self.choices.below(millis);
        self.pass(millis);
    }

    /// To within a few seconds of somebody's closing window, where everything is decided.
    fn pass_to_the_edge(&mut self) {
        let people = self.relay.state().people.iter();
        let edges: Vec<_> = people.map(|(_, person)| person.window.closes().millis()).filter(|at| *at > self.now).collect();
        if edges.is_empty() {
            return;
        }
        let edge = *self.choices.of(&edges);
        let before = self.choices.below(70_000);
        self.pass(edge.since(self.now).saturating_sub(before));
    }

    /// Everybody subscribes within a few seconds.
    pub(crate) fn everybody_subscribes(&mut self) {
        for index in 0..self.people.len() {
            let delay = self.choices.below(5_000);
            self.after(delay, Transit::Speak(index, yes(&FEEDS)));
        }
        self.pass(60_000);
    }

    /// Everybody sends two photos at once; the webhook of the second comes late.
    pub(crate) fn everybody_sends_an_album(&mut self, late: u64) {
        for index in 0..self.people.len() {
            self.speak(index, Said::Other);
            self.speak_late(index, Said::Other, late);
        }
    }

    /// Whether no subscriber lacks the newest publication.
    pub(crate) fn everybody_has_the_newest(&self) -> bool {
        let state = self.relay.state();
        let newest = |talk: &Talk| match talk {
            Talk::Subscribed { subscription, .. } => subscription.revision >= state.revision_of(subscription.feeds),
            Talk::New | Talk::Waiting { .. } | Talk::Asked { .. } | Talk::Lapsed { .. } | Talk::Orphaned { .. } | Talk::Stopped { .. } => {
                true
            }
        };
        state.people.iter().all(|(_, person)| newest(&person.talk))
    }

    /// Somebody writes: Meta stamps it now, and the webhook comes when it comes.
    pub(crate) fn speak(&mut self, index: usize, said: Said) {
        let delay = self.delay();
        self.speak_late(index, said, delay);
    }

    fn speak_late(&mut self, index: usize, said: Said, delay: u64) {
        let at = self.now.second();
        let person = &mut self.people[index];
        person.messages += 1;
        let hash = WamidHash(person.hash.0 << 32 | person.messages);
        let wamid = Wamid::new(&format!("wamid.{}", { hash.0 }));
        let from = Identity { hash: person.hash, alias: None };
        let heard = Heard { from, address: person.address.clone(), wamid, hash, at, said };
        let counts = match &heard.said {
            Said::Text(_) | Said::Tapped(_) | Said::Other => true,
            Said::Edited(_) | Said::Reacted(_) => false,
        };
        if counts {
            let person = self.people[index].clone();
            self.meta.wrote(&person, at);
        }
        self.after(delay, Transit::Webhook(vec![Event::Heard(heard)]));
    }

    fn delay(&mut self) -> u64 {
        if self.fault(3, "webhook a day late") {
            return self.choices.below(30 * HOUR);
        }
        if self.fault(10, "webhook late, out of order") {
            return self.choices.below(HOUR);
        }
        self.choices.below(2_000)
    }

    /// Whoever is asked answers, mostly: soon, later, or when the window has closed.
    pub(crate) fn maybe_answer(&mut self, person: usize, send: &Send) {
        if !self.faults || !asks(&send.body) || self.choices.chance(35) {
            return;
        }
        let delay = match self.choices.below(10) {
            0..=5 => self.choices.below(4 * HOUR),
            6..=7 => self.choices.below(60_000),
            _ => self.choices.below(30 * HOUR),
        };
        let said = words(&mut self.choices);
        self.after(delay, Transit::Speak(person, said));
    }

    /// A publisher publishes: a new day mostly, whole or in parts; sometimes the same again, or something old.
    pub(crate) fn publish(&mut self) {
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
        let values: Vec<(Name, Value)> =
            METRICS.iter().map(|name| (Name::new(name).expect("valid"), value(self.choices.below(50)))).collect();
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

    fn send_figure(&mut self, feed: &str, values: Vec<(Name, Value)>, as_of: Option<Day>) {
        let feed = Name::new(feed).expect("a valid name");
        let figure = Figure { feed: feed.clone(), values, as_of, receipt: Some(ReceiptTopic { feed, metric: None }) };
        let delay = self.choices.below(45_000);
        self.after(delay, Transit::Publish(figure));
    }
}
