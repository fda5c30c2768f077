//! A town in which nothing goes wrong: a broker that publishes what is in the file, a Meta, loyal people, and the real core between them on
//! a disk that never fails. Lean, because 200 people live in it for 34 months; faults and crashes are `world`'s.

use super::Loyalty;
use super::file::{Line, feeds};
use super::rulings::{Ruling, Rulings};
use super::told::{Point, Telling};
use super::witness::{Report, Shown, Witness};
use crate::choices::Choices;
use crate::meta::Meta;
use crate::people::Person;
use crate::promises::durable;
use drk_relay::domain::decision::{Body, Effect, Receipt, Send, Taken};
use drk_relay::domain::event::{Event, Heard, Outcome, ReplyTo, Request, Said, Tap, Verb};
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::{Address, Identity, InstanceId, Name, Wamid, WamidHash};
use drk_relay::domain::outbox::Kind;
use drk_relay::domain::rules::{ReminderPolicy, Rules};
use drk_relay::domain::time::{Day, Millis};
use drk_relay::relay::Relay;
use drk_relay::store::Store;
use redb::backends::InMemoryBackend;
use std::collections::{BTreeMap, BTreeSet};

/// How a message says that it puts something right.
const CORRECTS: &str = "Korrektur";
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// People answer after 10 minutes to 4 hours, in steps of ten minutes: who takes equally long shares a window, and so a commit, as in a
/// crowd.
const ANSWER: u64 = 10 * MINUTE;
const ANSWERS: u64 = 24;
/// A human has looked at what is held after so long, by day and by night.
const LOOKS: u64 = 40 * MINUTE;
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
    /// A request to the Graph API: what it says, what the relay calls it, and the figures that it shows, if it shows any.
    Request(Box<Send>, Kind, Option<Telling>),
    /// A human looks at what is held of that day, if it still is.
    Rule(Name, Day),
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
    rulings: Rulings,
    /// What a human will look at.
    looked_at: BTreeSet<(Name, Day)>,
    /// The latest revision of each feed.
    revisions: BTreeMap<Name, u32>,
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
            rulings: Rulings::about(&names.iter().cloned().collect()),
            looked_at: BTreeSet::new(),
            revisions: names.iter().map(|name| (name.clone(), 0)).collect(),
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
                    Transit::Request(send, kind, said) => self.request(&send, kind, said),
                    Transit::Rule(feed, day) => events.extend(self.rule(feed, day)),
                }
            }
            if !events.is_empty() || due.is_some_and(|due| due <= self.now) {
                self.step(&events, &lines);
            }
        }
        self.compare();
        self.rulings.settle_held();
        let people: Vec<_> = self.people.iter().map(|person| (person.feed.clone(), self.first(&person.feed), person.until)).collect();
        self.witness.report(&people)
    }

    fn first(&self, feed: &Name) -> Millis {
        self.lines.iter().find(|line| line.figure.feed == *feed).map_or(self.now, |line| line.at)
    }

    /// One step of the relay. Between its group of events and the next nothing else happens, so effects belong to what is known now.
    fn step(&mut self, events: &[Event], lines: &[usize]) {
        let effects = self.relay.step(self.now, events).expect("memory does not fail");
        self.turned = self.now;
        self.steps += 1;
        self.look();
        let mut receipts = lines.iter();
        for effect in effects {
            match effect {
                Effect::Send(send) => self.leaves(send),
                Effect::Receipt(receipt) if matches!(receipt.to, ReplyTo::Response { .. }) => self.ruled(&receipt),
                Effect::Receipt(receipt) => {
                    let line = receipts.next().expect("one receipt for each publication");
                    self.judged(*line, &receipt.taken);
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

    /// What has been published.
    fn look(&mut self) {
        for (feed, known) in self.revisions.clone() {
            let revision = self.revision(&feed);
            if revision > known {
                self.revisions.insert(feed.clone(), revision);
                self.witness.published(&feed, revision, self.now);
                let theirs = (0..self.people.len()).filter(|person| self.people[*person].feed == feed);
                for person in theirs.filter(|_| self.loyalty == Loyalty::Returns).collect::<Vec<_>>() {
                    self.answers(person);
                }
            }
        }
    }

    fn judged(&mut self, line: usize, taken: &Taken) {
        let Line { at, figure } = &self.lines[line];
        self.witness.judged(&figure.feed, &word(taken), *at);
        let day = figure.as_of.expect("dated");
        if matches!(taken, Taken::Held(_)) && self.looked_at.insert((figure.feed.clone(), day)) {
            self.at(self.now.plus(LOOKS), Transit::Rule(figure.feed.clone(), day));
        }
    }

    /// A human looks at what is held of that day. Perhaps a plausible figure has ended it meanwhile.
    fn rule(&mut self, feed: Name, day: Day) -> Option<Event> {
        self.looked_at.remove(&(feed.clone(), day));
        let (_, row) = self.relay.state().feed(&feed)?;
        let Some(held) = row.held.as_ref().filter(|held| held.as_of == day) else {
            self.witness.ruled("ended by a plausible figure");
            return None;
        };
        let strange = held.values.clone().into_iter().filter(|(name, _)| held.suspicions.contains_key(name));
        let points: Vec<Point> = strange.map(|(name, value)| (feed.clone(), day, name, value)).collect();
        let verb = match self.rulings.on(&feed, day) {
            Ruling::Release => Verb::Release,
            Ruling::Discard => {
                self.witness.discarded(points);
                Verb::Discard
            }
            Ruling::Rebaseline => {
                self.witness.begins_anew(&feed);
                Verb::Rebaseline
            }
        };
        let reply = Some(ReplyTo::Response { request: "ruling", transaction: None });
        Some(Event::Asked(Request { verb, feed, as_of: Some(day), reply }))
    }

    fn ruled(&mut self, receipt: &Receipt) {
        assert!(!matches!(receipt.taken, Taken::Refused(_)), "a ruling that is refused: {receipt:?}");
        self.witness.ruled(&word(&receipt.taken));
    }

    /// A message is on its way to Meta. What it shows was decided in this step.
    fn leaves(&mut self, send: Box<Send>) {
        let state = self.relay.state();
        let kind = state.outbox.get(send.id).expect("what leaves is in the outbox").kind;
        let feed = &self.people[self.by_address[&send.to]].feed;
        let current = state.feed(feed).and_then(|(_, feed)| feed.current.as_ref()).filter(|_| kind.shows_figures());
        let said = current.filter(|current| current.revision > 0).map(|current| Telling {
            feed: feed.clone(),
            revision: current.revision,
            as_of: current.as_of,
            values: current.values.clone(),
            corrects: text(&send.body).contains(CORRECTS),
            published: matches!(kind, Kind::Publication { .. }),
        });
        for (metric, value) in said.iter().flat_map(|said| &said.values) {
            assert!(shows(text(&send.body), metric, *value), "{metric} is not {value:?} in {:?}", text(&send.body));
        }
        self.at(self.now.plus(UPLINK), Transit::Request(send, kind, said));
    }

    /// Meta accepts it, or panics because the window is closed. The telephone rings.
    fn request(&mut self, send: &Send, kind: Kind, said: Option<Telling>) {
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
            self.witness.shown(Shown { person, kind, said, latest, at: self.now });
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

/// What the relay made of a figure, or of a ruling.
fn word(taken: &Taken) -> String {
    match taken {
        Taken::Accepted => "accepted".to_owned(),
        Taken::Joined => "joined".to_owned(),
        Taken::Update => "update".to_owned(),
        Taken::Correction => "correction".to_owned(),
        Taken::Old => "kept, too old".to_owned(),
        Taken::NoReport => "no report".to_owned(),
        Taken::Early => "early".to_owned(),
        Taken::Held(doubts) => {
            // A total that fell says most.
            let codes: Vec<&str> = doubts.iter().map(|doubt| doubt.code).collect();
            format!("held, {}", codes.iter().find(|code| **code == "total-fell").unwrap_or(&codes[0]))
        }
        Taken::Released => "released".to_owned(),
        Taken::Discarded => "discarded".to_owned(),
        Taken::Rebaselined => "rebaselined".to_owned(),
        Taken::Withdrawn => "withdrawn".to_owned(),
        Taken::Refused(refusal) => format!("refused, {refusal:?}"),
    }
}

fn text(body: &Body) -> &str {
    match body {
        Body::Buttons { text, .. } | Body::Text(text) | Body::List { text, .. } => text,
    }
}

/// Whether the text has a line with this value of this metric, whatever groups its digits.
fn shows(text: &str, metric: &Name, value: Value) -> bool {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(metric.as_str())?.strip_prefix(": "));
    let digits = |shown: &str| shown.split(' ').next().unwrap_or_default().replace('.', "").replace('−', "-");
    lines.any(|shown| digits(shown).parse() == Ok(value.parts().0))
}
