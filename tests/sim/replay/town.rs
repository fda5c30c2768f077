//! A town in which nothing goes wrong: a broker that publishes what is in the file, a Meta, loyal people, and the real core between them on
//! a disk that never fails. Lean, because 200 people live in it for 34 months; faults and crashes are `world`'s.

use super::Loyalty;
use super::file::{Line, feeds};
use super::witness::{Report, Shown, Witness};
use crate::choices::Choices;
use crate::meta::Meta;
use crate::people::Person;
use crate::promises::durable;
use drk_relay::domain::decision::{Body, Effect, Send, Taken};
use drk_relay::domain::event::{Event, Heard, Outcome, Said, Tap};
use drk_relay::domain::ids::{Address, Identity, InstanceId, Name, Wamid, WamidHash};
use drk_relay::domain::outbox::Kind;
use drk_relay::domain::rules::{ReminderPolicy, Rules};
use drk_relay::domain::time::Millis;
use drk_relay::relay::Relay;
use drk_relay::store::Store;
use redb::backends::InMemoryBackend;
use std::collections::BTreeMap;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// People answer after 10 minutes to 4 hours, in steps of ten minutes: who takes equally long shares a window, and so a commit, as in a
/// crowd.
const ANSWER: u64 = 10 * MINUTE;
const ANSWERS: u64 = 24;
/// Nothing happens any more when everybody has answered the last publication, and the subscriptions have lapsed.
const EPILOGUE: u64 = 30 * HOUR;
/// The tunnel's self-probe: while nobody writes, it proves that webhooks would come, or every silence might be our fault.
const PROBE: u64 = 10 * MINUTE;
/// From the relay to Meta.
const UPLINK: u64 = 300;
/// The relay turns at most this often: a full bucket fills again in an eighth of a second, so a broadcast loses nothing.
const TURN: u64 = 125;
/// Memory and disk are compared in full after so many steps.
const COMPARED: u64 = 50_000;

/// Something on its way.
enum Transit {
    /// The line of that number is published.
    Publish(usize),
    /// Somebody writes.
    Writes(usize),
    /// A webhook, an answer of the Graph API.
    Told(Event),
    /// A request to the Graph API: what it says, what the relay calls it, and the publication that it shows, if it shows any.
    Request(Box<Send>, Kind, Option<u32>),
}

/// Somebody loyal.
struct Neighbour {
    person: Person,
    feed: Name,
    choices: Choices,
    messages: u64,
    /// The last moment that counts: the last publication.
    until: Millis,
}

/// Everything there is.
pub(super) struct Town<'a> {
    lines: &'a [Line],
    loyalty: Loyalty,
    now: Millis,
    relay: Relay,
    meta: Meta,
    witness: Witness,
    people: Vec<Neighbour>,
    by_address: BTreeMap<Address, usize>,
    transit: BTreeMap<(Millis, u64), Transit>,
    order: u64,
    turned: Millis,
    steps: u64,
}

impl<'a> Town<'a> {
    /// Fifty of 200 for each feed, from an hour before its first publication.
    pub(super) fn new(lines: &'a [Line], policy: ReminderPolicy, loyalty: Loyalty, people: usize) -> Town<'a> {
        let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("bundled");
        let rules = Rules::new("DRK Musterstadt", "07751 5550100", "drk.example", zone, feeds(lines));
        let names: Vec<Name> = rules.feeds.iter().map(|feed| feed.name.clone()).collect();
        let store = Store::on(InMemoryBackend::new(), InstanceId(1)).expect("a new disk takes a new store");
        let relay = Relay::open(store, Rules { reminder: policy, monthly_messages: None, ..rules }).expect("a new store loads");
        let start = Millis(lines[0].at.0 - 2 * HOUR);
        let mut town = Town {
            lines,
            loyalty,
            now: start,
            relay,
            meta: Meta::default(),
            witness: Witness::default(),
            people: Vec::new(),
            by_address: BTreeMap::new(),
            transit: BTreeMap::new(),
            order: 0,
            turned: start,
            steps: 0,
        };
        for number in 0..people {
            town.moves_in(number, names[number % names.len()].clone());
        }
        for (number, line) in lines.iter().enumerate() {
            town.at(line.at, Transit::Publish(number));
        }
        town
    }

    fn moves_in(&mut self, number: usize, feed: Name) {
        let mut moments = self.lines.iter().filter(|line| line.figure.feed == feed).map(|line| line.at);
        let first = moments.next().expect("every feed has publications");
        let until = moments.next_back().expect("every feed has publications");
        let person = Person::new(number as u64);
        self.by_address.insert(person.address.clone(), number);
        self.people.push(Neighbour { person, feed, choices: Choices::seed(number as u64), messages: 0, until });
        self.at(Millis(first.0 - HOUR + number as u64 * SECOND), Transit::Writes(number));
    }

    fn at(&mut self, at: Millis, transit: Transit) {
        self.order += 1;
        self.transit.insert((at, self.order), transit);
    }

    /// From the first day to the last.
    pub(super) fn live(mut self) -> Report {
        self.step(&[Event::Started, Event::ClockTrusted], &[]);
        let end = self.lines.last().map_or(self.now, |line| line.at.plus(EPILOGUE));
        let mut probe = self.now;
        while self.now < end {
            let due = self.relay.next_deadline(self.now).map(|at| at.max(self.turned.plus(TURN)));
            let arrival = self.transit.first_key_value().map(|(key, _)| key.0);
            self.now = due.into_iter().chain(arrival).chain([probe]).min().unwrap_or(end).max(self.now);
            let (mut events, mut lines) = (Vec::new(), Vec::new());
            if self.now >= probe {
                events.push(Event::Proof);
                probe = self.now.plus(PROBE);
            }
            while let Some(arrived) = self.transit.first_entry().filter(|next| next.key().0 <= self.now) {
                match arrived.remove() {
                    Transit::Publish(line) => {
                        events.push(Event::Figure(self.lines[line].figure.clone()));
                        lines.push(line);
                    }
                    Transit::Writes(person) => self.writes(person),
                    Transit::Told(event) => events.push(event),
                    Transit::Request(send, kind, revision) => self.request(&send, kind, revision),
                }
            }
            if !events.is_empty() || due.is_some_and(|due| due <= self.now) {
                self.step(&events, &lines);
            }
        }
        self.compare();
        let people: Vec<_> = self.people.iter().map(|person| (person.feed.clone(), self.first(&person.feed), person.until)).collect();
        self.witness.report(&people)
    }

    fn first(&self, feed: &Name) -> Millis {
        self.lines.iter().find(|line| line.figure.feed == *feed).map_or(self.now, |line| line.at)
    }

    /// One step of the relay. Between its group of events and the next nothing else happens, so effects belong to what is known now.
    fn step(&mut self, events: &[Event], lines: &[usize]) {
        let before: Vec<u32> = lines.iter().map(|line| self.revision(&self.lines[*line].figure.feed)).collect();
        let effects = self.relay.step(self.now, events).expect("memory does not fail");
        self.turned = self.now;
        self.steps += 1;
        let mut receipts = lines.iter().zip(before);
        for effect in effects {
            match effect {
                Effect::Send(send) => self.leaves(send),
                Effect::Receipt(receipt) => {
                    let (line, before) = receipts.next().expect("one receipt for each publication");
                    self.judged(*line, &receipt.taken, before);
                }
                Effect::MarkRead(_) => {}
            }
        }
        assert!(receipts.next().is_none(), "a publisher waits for a receipt");
        if self.steps.is_multiple_of(COMPARED) {
            self.compare();
        }
    }

    fn compare(&self) {
        self.relay.check();
        let loaded = self.relay.store().load().expect("it loads");
        assert!(durable(self.relay.state()) == durable(&loaded), "memory and disk disagree");
    }

    fn revision(&self, feed: &Name) -> u32 {
        self.relay.state().feed(feed).map_or(0, |(_, feed)| feed.revision())
    }

    fn judged(&mut self, line: usize, taken: &Taken, before: u32) {
        let figure = &self.lines[line].figure;
        let revision = self.revision(&figure.feed);
        let what = match taken {
            Taken::Accepted => "publication".to_owned(),
            Taken::Old => "kept, too old".to_owned(),
            Taken::Update => "update".to_owned(),
            Taken::Refused(refusal) => format!("refused, {refusal:?}"),
            taken => format!("{taken:?}"),
        };
        self.witness.judged(&figure.feed, &what, (revision > before).then_some(revision), self.now);
        if self.loyalty == Loyalty::Returns && revision > before {
            let feed = figure.feed.clone();
            for person in 0..self.people.len() {
                if self.people[person].feed == feed {
                    self.answers(person);
                }
            }
        }
    }

    /// A message is on its way to Meta. What it shows was decided in this step.
    fn leaves(&mut self, send: Box<Send>) {
        let state = self.relay.state();
        let kind = state.outbox.get(send.id).expect("what leaves is in the outbox").kind;
        let person = self.by_address[&send.to];
        let revision = kind.shows_figures().then(|| self.revision(&self.people[person].feed)).filter(|revision| *revision > 0);
        self.at(self.now.plus(UPLINK), Transit::Request(send, kind, revision));
    }

    /// Meta accepts it, or panics because the window is closed. The telephone rings.
    fn request(&mut self, send: &Send, kind: Kind, revision: Option<u32>) {
        let (now, person) = (self.now.second(), self.by_address[&send.to]);
        let wamid = self.meta.accept(now, &self.people[person].person, send);
        let told = Millis((self.now.0 / SECOND + 1) * SECOND);
        self.at(told, Transit::Told(Event::Sent { id: send.id, outcome: Outcome::Accepted(wamid) }));
        let price = Some(self.meta.price(now));
        for news in self.meta.fate(now, false) {
            self.at(told, Transit::Told(Meta::status(Some(send.id), wamid, now, news, price)));
        }
        if self.now <= self.people[person].until.plus(MINUTE) {
            let latest = self.meta.latest(&self.people[person].person);
            self.witness.shown(&Shown { person, kind, revision, latest, at: self.now });
        }
        match &send.body {
            Body::Buttons { buttons, .. } => {
                let yes = Tap::Yes(vec![self.people[person].feed.clone()]);
                assert_eq!(Tap::parse(&buttons[0].0), Some(yes), "the first button continues with the person's feed");
                if self.loyalty == Loyalty::Answers {
                    self.answers(person);
                }
            }
            Body::Text(_) => {}
            Body::List { .. } => panic!("nobody here has to choose: {send:?}"),
        }
    }

    /// The person will write, unless it is over.
    fn answers(&mut self, person: usize) {
        let neighbour = &mut self.people[person];
        if self.now <= neighbour.until.plus(MINUTE) {
            let at = self.now.second().millis().plus((1 + neighbour.choices.below(ANSWERS)) * ANSWER);
            self.at(at, Transit::Writes(person));
        }
    }

    /// The person taps on the button that goes on with their feed; the webhook comes a second later.
    fn writes(&mut self, person: usize) {
        let (at, neighbour) = (self.now.second(), &mut self.people[person]);
        self.meta.wrote(&neighbour.person, at);
        neighbour.messages += 1;
        let (from, address) = (Identity { hash: neighbour.person.hash, alias: None }, neighbour.person.address.clone());
        let hash = WamidHash(neighbour.person.hash.0 << 32 | neighbour.messages);
        let (wamid, said) = (Wamid::new("wamid"), Said::Tapped(Tap::Yes(vec![neighbour.feed.clone()])));
        let heard = Heard { from, address, wamid, hash, at, said };
        self.at(self.now.plus(SECOND), Transit::Told(Event::Heard(heard)));
    }
}
