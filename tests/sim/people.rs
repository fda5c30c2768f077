//! Simulated people: who they are, what they say and when, as chance has it. They know nothing of the relay but what reaches them.

use super::choices::Choices;
use super::promises::asks;
use super::world::{Transit, World};
use drk_relay::domain::decision::Send;
use drk_relay::domain::event::{Event, Heard, Moved, Said, Tap, Text};
use drk_relay::domain::ids::{Address, Bsuid, Identity, Name, PersonHash, Phone, Wamid, WamidHash};

/// The feeds of the simulated branch.
pub(crate) const FEEDS: [&str; 2] = ["corona", "klinik"];
const HOUR: u64 = 3_600_000;
/// Names of people, and their telephones: the hashes of both are just numbers here, and must not meet.
const FIRST_NAME: u64 = 1_000;
const FIRST_PHONE: u64 = 1_000_000_000;
/// Somebody who moves goes by a name that nobody ever had.
const MOVED_NAME: u64 = 500_000_000;

/// What Meta tells of a person in a webhook (WhatsApp docs: business-scoped-user-ids).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shown {
    /// The BSUID alone.
    Bsuid,
    /// The BSUID and the number.
    Both,
    /// The number alone, or both: as chance has it.
    Mixed,
}

/// What people do who are asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Habit {
    /// Answer, mostly: soon, later, or when the window has closed; whatever chance has them say.
    Chance,
    /// Nothing.
    Silent,
    /// Go on, 10 minutes to 4 hours later, by day and by night.
    Loyal,
}

/// Somebody with a phone.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) address: Address,
    /// By their BSUID: the name under which Meta and the witnesses know them. Another one when they have moved.
    pub(crate) hash: PersonHash,
    /// The latest message that reached them.
    pub(crate) received: Option<WamidHash>,
    phone: u64,
    shown: Shown,
    messages: u64,
}

impl Person {
    pub(crate) fn new(number: u64) -> Person {
        Person::named(FIRST_NAME + number, FIRST_PHONE + number, Shown::Bsuid)
    }

    /// The same person in a world in which Meta tells more.
    fn shown(number: u64, choices: &mut Choices) -> Person {
        let shown = *choices.of(&[Shown::Bsuid, Shown::Both, Shown::Mixed]);
        Person { shown, ..Person::new(number) }
    }

    /// A few people, each shown in their own way.
    pub(crate) fn some(count: u64, choices: &mut Choices) -> Vec<Person> {
        (0..count).map(|number| Person::shown(number, choices)).collect()
    }

    fn named(name: u64, phone: u64, shown: Shown) -> Person {
        let address = Address::Bsuid(Bsuid::new(&format!("DE.{name}")).expect("short"));
        Person { address, hash: PersonHash(name), received: None, phone, shown, messages: 0 }
    }

    /// By their number.
    pub(crate) fn phone_hash(&self) -> PersonHash {
        PersonHash(self.phone)
    }

    /// The address of an old payload without a BSUID.
    pub(crate) fn phone_address(&self) -> Address {
        Address::Phone(Phone::new(&self.phone.to_string()).expect("digits"))
    }

    /// How the next webhook names them.
    fn appears(&self, choices: &mut Choices) -> (Identity, Address) {
        let alias = self.phone_hash();
        let both = (Identity { hash: self.hash, alias: Some(alias) }, self.address.clone());
        match self.shown {
            Shown::Bsuid => (Identity { hash: self.hash, alias: None }, self.address.clone()),
            Shown::Both => both,
            Shown::Mixed if choices.chance(50) => (Identity { hash: alias, alias: Some(alias) }, self.phone_address()),
            Shown::Mixed => both,
        }
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

/// Whether Meta counts it as a message that opens a window.
pub(crate) fn counts(said: &Said) -> bool {
    match said {
        Said::Text(_) | Said::Tapped(_) | Said::Other => true,
        Said::Edited(_) | Said::Reacted(_) => false,
    }
}

impl World {
    pub(crate) fn somebody(&mut self) -> usize {
        self.choices.below(self.people.len() as u64) as usize
    }

    pub(crate) fn speaks_up(&mut self) {
        let (person, said) = (self.somebody(), words(&mut self.choices));
        self.speak(person, said);
    }

    /// Several messages within a few seconds.
    pub(crate) fn burst(&mut self) {
        let person = self.somebody();
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
    pub(crate) fn react(&mut self) {
        let person = self.somebody();
        if let Some(message) = self.people[person].received {
            self.count("reaction");
            self.speak(person, Said::Reacted(message));
        }
    }

    /// A call, or anything else that is no message: it proves that webhooks arrive.
    pub(crate) fn call(&mut self) {
        self.count("call");
        let delay = self.delay();
        self.after(delay, Transit::Webhook(vec![Event::Proof]));
    }

    /// Somebody gets another number, and with it another BSUID; or keeps that. The webhook that says so comes when it comes: before what
    /// they write next, or after it. What they wrote before is still on its way, under the old names.
    pub(crate) fn moves(&mut self) {
        let (index, at) = (self.somebody(), self.now.second());
        let old = self.people[index].clone();
        let fresh = MOVED_NAME + self.fresh();
        let phone = FIRST_PHONE + fresh;
        let keeps_the_name = old.shown == Shown::Both && self.choices.chance(30);
        let new = if keeps_the_name {
            self.count("another number, the same BSUID");
            Person { phone, ..old.clone() }
        } else {
            self.count("another number and BSUID");
            Person::named(fresh, phone, old.shown)
        };
        let known = [vec![old.hash], vec![old.phone_hash()], vec![old.hash, old.phone_hash()]];
        let from = if keeps_the_name { &known[1] } else { self.choices.of(&known) }.clone();
        let alias = (new.shown != Shown::Bsuid).then_some(new.phone_hash());
        let moved = Moved { from, to: Identity { hash: new.hash, alias }, at };
        if !keeps_the_name {
            self.ledger.goes_by(old.hash, new.hash);
        }
        self.people[index] = new;
        self.settle_in(index);
        let delay = self.delay();
        self.after(delay, Transit::Webhook(vec![Event::Moved(moved)]));
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

    /// Somebody writes: Meta stamps it now, and the webhook comes when it comes.
    pub(crate) fn speak(&mut self, index: usize, said: Said) {
        let delay = self.delay();
        self.speak_late(index, said, delay);
    }

    fn speak_late(&mut self, index: usize, said: Said, delay: u64) {
        let now = self.now.second();
        let at = if self.fault(1, "message from the future") { now.plus(400 + self.choices.below(90_000) as u32) } else { now };
        let (from, address) = self.people[index].appears(&mut self.choices);
        if from.alias.is_some() {
            self.count(if from.alias == Some(from.hash) { "number without BSUID" } else { "number and BSUID" });
        }
        let person = &mut self.people[index];
        person.messages += 1;
        let hash = WamidHash(person.hash.0 << 32 | person.messages);
        let wamid = Wamid::new(&format!("wamid.{}", { hash.0 }));
        if counts(&said) {
            let person = person.clone();
            // Whatever its clock shows: Meta's window begins when Meta says so.
            self.meta.wrote(&person, at);
        }
        if let Said::Edited(_) = said {
            self.count("edit");
        }
        self.meta.passed(self.now);
        let heard = Heard { from, address, wamid, hash, at, said };
        self.after(delay, Transit::Webhook(vec![Event::Heard(heard)]));
    }

    fn delay(&mut self) -> u64 {
        if self.fault(1, "webhook three days late") {
            return 72 * HOUR;
        }
        if self.fault(3, "webhook a day late") {
            return self.choices.below(30 * HOUR);
        }
        if self.fault(10, "webhook late, out of order") {
            return self.choices.below(HOUR);
        }
        self.choices.below(2_000)
    }

    /// Whoever is asked may answer.
    pub(crate) fn maybe_answer(&mut self, person: usize, send: &Send) {
        if !asks(&send.body) {
            return;
        }
        let (delay, said) = match self.habit {
            Habit::Silent => return,
            Habit::Chance if !self.faults || !self.choices.chance(65) => return,
            Habit::Chance => {
                let delay = match self.choices.below(10) {
                    0..=5 => self.choices.below(4 * HOUR),
                    6..=7 => self.choices.below(60_000),
                    _ => self.choices.below(30 * HOUR),
                };
                (delay, words(&mut self.choices))
            }
            Habit::Loyal => (HOUR / 6 + self.choices.below(4 * HOUR), yes(&FEEDS[..1])),
        };
        self.after(delay, Transit::Speak(person, said));
    }
}
