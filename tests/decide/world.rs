//! The one place in these tests that knows the API: a state, a clock that jumps, and a Meta that answers as it is told.

use drk_relay::domain::conversation::{Burst, Person, Talk, next_answer};
use drk_relay::domain::decide;
use drk_relay::domain::decision::{Body, Effect, Receipt, Send, Verdict};
use drk_relay::domain::event::{Event, Figure, Heard, Key, News, Outcome, ReceiptTopic, ReplyTo, Said, Status, Tap, Text};
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::{Address, Bsuid, Identity, Name, OutboxId, PersonHash, Phone, Wamid, WamidHash};
use drk_relay::domain::outbox;
use drk_relay::domain::rules::{FeedRules, MetricKind, MetricRules, Rules};
use drk_relay::domain::state::{Clock, State};
use drk_relay::domain::time::{Day, Millis, Timestamp};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// What Meta answers to a send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Net {
    Accepts,
    Refuses,
    Unknown,
    Later,
    /// This error.
    Code(u32),
    /// Nothing, until the script says what.
    Silent,
}

/// What came out, in order.
pub(crate) enum Out {
    Sent(String),
    Read,
    Receipt(Receipt),
    Refused(String),
    Agreed(String),
}

pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) rules: Rules,
    pub(crate) now: Millis,
    pub(crate) net: Net,
    /// Whether Meta tells of every accepted message that it was delivered.
    pub(crate) statuses: bool,
    pub(crate) outs: Vec<(Millis, Out)>,
    /// Everything that was sent, for statuses and answers that come later.
    pub(crate) sends: Vec<Send>,
    /// The right time, for walks in which the clock is wrong.
    pub(crate) real: Timestamp,
    pub(crate) last_heard: Option<Heard>,
    /// Who the person is, and where they are reached.
    pub(crate) identity: Identity,
    pub(crate) address: Address,
    heard: u64,
    agreed: String,
    seen: Invariants,
}

/// What no case may do, whatever it is about.
#[derive(Default)]
struct Invariants {
    /// Windows that a reminder went into.
    reminded: BTreeSet<Timestamp>,
    /// Figures that went out unasked.
    published: BTreeSet<String>,
}

const PERSON: PersonHash = PersonHash(0xA11A);

pub(crate) fn anna() -> Address {
    Address::Bsuid(Bsuid::new("DE.anna").expect("short enough"))
}

/// Who a payload says it is: with a BSUID, a number, or both; `other` after either has changed.
pub(crate) fn named(names: &str) -> (Identity, Address) {
    let (number, other_number) = (PersonHash(0xF0AA), PersonHash(0xF0BB));
    let bsuid = |id: &str| Address::Bsuid(Bsuid::new(id).expect("short enough"));
    let phone = |digits: &str| Address::Phone(Phone::new(digits).expect("digits"));
    match names {
        "bsuid" => (Identity { hash: PERSON, alias: None }, anna()),
        "both" => (Identity { hash: PERSON, alias: Some(number) }, anna()),
        "phone" => (Identity { hash: number, alias: Some(number) }, phone("491515550101")),
        "other" => (Identity { hash: PersonHash(0xB22B), alias: None }, bsuid("DE.other")),
        "other both" => (Identity { hash: PersonHash(0xB22B), alias: Some(other_number) }, bsuid("DE.other")),
        "other on her number" => (Identity { hash: PersonHash(0xB22B), alias: Some(number) }, bsuid("DE.other")),
        unknown => panic!("who is {unknown}?"),
    }
}

/// A second feed, as far as the choice between the two is concerned.
pub(crate) fn two_feeds() -> Rules {
    let mut rules = rules();
    let beds = MetricRules::new(name("cases_new"), "Belegte Betten", MetricKind::Count);
    rules.feeds.push(FeedRules::new(name("klinik"), "Klinik Musterstadt", vec![beds]));
    rules
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

pub(crate) fn rules() -> Rules {
    let cases = MetricRules::new(name("cases_new"), "Neue Fälle", MetricKind::Count);
    let incidence = MetricRules { required: false, ..MetricRules::new(name("incidence"), "Inzidenz", MetricKind::Rate) };
    let feed = FeedRules::new(name("corona"), "Corona im Kreis Musterstadt", vec![cases, incidence]);
    let zone = TimeZone::get("Europe/Berlin").expect("bundled");
    Rules::new("DRK-Ortsverein Musterstadt", "07751 5550100", "https://drk.example/datenschutz", zone, vec![feed])
}

impl World {
    pub(crate) fn new(rules: Rules) -> World {
        let mut world = World {
            state: State::default(),
            rules,
            now: Millis(0),
            net: Net::Accepts,
            statuses: true,
            outs: Vec::new(),
            sends: Vec::new(),
            real: Timestamp(0),
            last_heard: None,
            identity: Identity { hash: PERSON, alias: None },
            address: anna(),
            heard: 0,
            agreed: "unknown".to_owned(),
            seen: Invariants::default(),
        };
        world.happens(&Event::Started);
        world.outs.clear();
        world
    }

    /// Lets time pass, stopping at every deadline on the way. An untrusted clock jumps, and its deadlines wait: so the relay does it.
    pub(crate) fn pass(&mut self, to: Millis) {
        for _ in 0..10_000 {
            if self.state.clock == Clock::Untrusted {
                self.now = to;
                return;
            }
            let Some(at) = self.next().filter(|at| *at <= to) else {
                self.now = self.now.max(to);
                return;
            };
            self.now = self.now.max(at);
            self.settle();
        }
        panic!("time does not pass: a deadline comes again and again");
    }

    fn next(&self) -> Option<Millis> {
        let rows = self.state.keys().filter_map(|key| self.state.deadline(&self.rules, key)).map(Timestamp::millis);
        let answer = next_answer(&self.state, self.now).map(Timestamp::millis);
        rows.chain(answer).chain(outbox::deadline(&self.state, &self.rules, self.now)).min()
    }

    /// Something happens now, and everything that follows from it at once.
    pub(crate) fn happens(&mut self, event: &Event) {
        self.turn(event);
        self.settle();
    }

    /// A person says something and pauses: it is answered at once, so that a case need not count the seconds of a pause.
    pub(crate) fn says_and_pauses(&mut self, event: &Event) {
        let mut answers = self.decided(event).1;
        if let Some(id) = self.state.people.find(self.identity.hash)
            && self.state.clock == Clock::Trusted
            && self.state.people.get(id).is_some_and(|person| person.burst.is_some())
        {
            answers.extend(self.decided(&Event::Due(Key::Person(id))).1);
        }
        self.note();
        for answer in answers {
            self.turn(&answer);
        }
        self.settle();
    }

    fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.state.clock == Clock::Untrusted {
                return;
            }
            if next_answer(&self.state, self.now).is_some_and(|at| at <= self.now.second()) {
                assert!(self.turn(&Event::Due(Key::Answers)), "somebody has paused, and is not answered");
                continue;
            }
            let due = self.state.keys().filter_map(|key| Some((self.state.deadline(&self.rules, key)?, key))).min();
            if let Some((_, key)) = due.filter(|(at, _)| *at <= self.now.second()) {
                let before = (self.state.deadline(&self.rules, key), self.burst());
                let moved = self.turn(&Event::Due(key));
                let after = (self.state.deadline(&self.rules, key), self.burst());
                assert!(moved && after != before, "{key:?} is due, and its deadline does not move");
            } else if outbox::deadline(&self.state, &self.rules, self.now).is_some_and(|at| at <= self.now) {
                assert!(self.turn(&Event::Due(Key::Outbox)), "the outbox is due, and nothing changes");
            } else {
                return;
            }
        }
        panic!("the present does not end: a deadline comes again and again");
    }

    fn turn(&mut self, event: &Event) -> bool {
        let (moved, answers) = self.decided(event);
        self.note();
        for answer in answers {
            self.turn(&answer);
        }
        moved
    }

    /// Decides, applies and carries out; whether anything changed, and what the world answers.
    fn decided(&mut self, event: &Event) -> (bool, Vec<Event>) {
        let decision = decide(&self.state, &self.rules, self.now, event);
        for change in &decision.changes {
            self.state.apply(change);
        }
        self.state.check();
        if let Verdict::Refused(refusal) = decision.verdict {
            self.out(Out::Refused(format!("{refusal:?}")));
        }
        let mut answers = Vec::new();
        for effect in decision.effects {
            match effect {
                Effect::Send(send) => answers.extend(self.sent(*send)),
                Effect::MarkRead(_) => self.out(Out::Read),
                Effect::Receipt(receipt) => self.out(Out::Receipt(receipt)),
            }
        }
        (!decision.changes.is_empty(), answers)
    }

    /// A message leaves. What must hold of every single one is asserted here.
    fn sent(&mut self, send: Send) -> Vec<Event> {
        let person = self.person().expect("a message to nobody");
        assert_eq!(self.state.clock, Clock::Trusted, "a message left by a clock that is not trusted");
        let guard = person.window.closes().since(send.not_after);
        assert!((5..=30).contains(&guard), "the message may leave until {guard} seconds before the closing");
        assert!(self.now.second() <= send.not_after, "a message left outside the window");
        assert_eq!(send.to, self.address, "to somebody else");
        let text = shown(&send.body);
        if text.ends_with("[Ja, weiter] [Nein, Stopp]") && self.net == Net::Accepts {
            assert!(self.seen.reminded.insert(person.window.latest), "a second reminder in one window");
        }
        if text.ends_with("[Weiter informieren] [Stopp]") && self.net == Net::Accepts {
            let figures = text.split("\n\n").next().unwrap_or_default().to_owned();
            assert!(self.seen.published.insert(figures), "the same figures twice: {text}");
        }
        let id = send.id;
        self.sends.push(send);
        self.out(Out::Sent(text));
        let mut events = Vec::new();
        let outcome = match self.net {
            Net::Accepts => Outcome::Accepted(wamid(id)),
            Net::Refuses => Outcome::Rejected { code: 131_026, transient: false },
            Net::Code(code) => Outcome::Rejected { code, transient: false },
            Net::Unknown => Outcome::Unknown,
            Net::Later => Outcome::Later,
            Net::Silent => return events,
        };
        events.push(Event::Sent { id, outcome });
        if self.statuses && self.net == Net::Accepts {
            events.push(self.status(id, News::Delivered, self.now.second()));
        }
        events
    }

    pub(crate) fn status(&self, id: OutboxId, news: News, at: Timestamp) -> Event {
        assert!(self.sends.iter().any(|send| send.id == id), "a status of nothing");
        Event::Status(Status { id: Some(id), wamid: wamid(id), at, news, price: None })
    }

    /// What the person has said and nobody has answered: whatever is due, that comes first.
    fn burst(&self) -> Option<Burst> {
        self.person()?.burst.as_deref().copied()
    }

    fn person(&self) -> Option<&Person> {
        self.state.people.get(self.state.people.find(self.identity.hash)?)
    }

    /// Notes what is agreed now, if that has changed.
    fn note(&mut self) {
        let agreed = self.agreement();
        if agreed != self.agreed {
            self.agreed.clone_from(&agreed);
            self.out(Out::Agreed(agreed));
        }
    }

    fn agreement(&self) -> String {
        let Some(person) = self.person() else { return "unknown".to_owned() };
        let until = super::script::local(person.window.closes().millis(), &self.rules.zone);
        let over = match person.talk {
            Talk::New => return format!("new until {until}"),
            Talk::Asked { .. } => return format!("asked until {until}"),
            Talk::Waiting { offered: false, .. } => return format!("waiting until {until}"),
            Talk::Waiting { offered: true, .. } => return format!("offered until {until}"),
            Talk::Subscribed { .. } => return format!("subscribed until {until}"),
            Talk::Lapsed { .. } => "lapsed",
            Talk::Orphaned { .. } => "orphaned",
            Talk::Stopped { .. } => "stopped",
        };
        let address = if self.state.addresses.is_empty() { "" } else { " + address" };
        format!("{over}{address}")
    }

    fn out(&mut self, out: Out) {
        self.outs.push((self.now, out));
    }

    /// A new message of the person, stamped `at`.
    pub(crate) fn heard(&mut self, said: Said, at: Timestamp) -> Event {
        self.heard += 1;
        let heard = Heard {
            from: self.identity,
            address: self.address.clone(),
            wamid: Wamid::new(&format!("wamid.{}", self.heard)),
            hash: WamidHash(self.heard),
            at,
            said,
        };
        self.last_heard = Some(heard.clone());
        Event::Heard(heard)
    }

    /// The process ends and starts again: what lives in memory only is gone, and the clock has to earn trust again.
    pub(crate) fn restart(&mut self) {
        self.state.clock = Clock::Untrusted;
        self.state.ingress = None;
        self.state.unread.clear();
        self.state.bucket = drk_relay::domain::pacing::Bucket::default();
        self.happens(&Event::Started);
    }
}

pub(crate) fn wamid(id: OutboxId) -> WamidHash {
    WamidHash(0xF000_0000 + id.0)
}

pub(crate) fn text(text: &str) -> Said {
    Said::Text(Text(text.into()))
}

pub(crate) fn edited(text: &str) -> Said {
    Said::Edited(Text(text.into()))
}

pub(crate) fn tapped(title: &str) -> Said {
    match title {
        "Ja" | "Ja, weiter" | "Weiter informieren" | "Corona" => Said::Tapped(Tap::Yes(vec![name("corona")])),
        "Klinik" => Said::Tapped(Tap::Yes(vec![name("klinik")])),
        "Alles" => Said::Tapped(Tap::Yes(vec![name("corona"), name("klinik")])),
        "Fremd" => Said::Tapped(Tap::Yes(vec![name("anderswo")])),
        "Nein" | "Nein, Stopp" | "Stopp" | "Nein, danke" => Said::Tapped(Tap::No),
        "Symptome" => Said::Tapped(Tap::Topic(name("symptome"))),
        other => panic!("there is no button {other}"),
    }
}

/// A figure of `as_of`; `waited_for`: somebody wants a receipt, as for everything but retained replays.
pub(crate) fn figure(feed: &str, values: &[(&str, i64, u8)], as_of: Option<Day>, waited_for: bool) -> Event {
    let value = |digits, decimals| Value::new(digits, decimals).expect("a small number");
    let values = values.iter().map(|(metric, digits, decimals)| (name(metric), value(*digits, *decimals))).collect();
    let receipt = waited_for.then(|| ReplyTo::Receipts(ReceiptTopic::new(name(feed), None)));
    Event::Figure(Figure { as_of, receipt, ..Figure::new(name(feed), values) })
}

/// The whole text, and the buttons: the first says yes and the second no, in the feed's name, and each fits Meta's limits.
pub(crate) fn shown(body: &Body) -> String {
    let length = |text: &str| text.encode_utf16().count();
    match body {
        Body::Text(text) => {
            assert!((1..=4096).contains(&length(text)), "{} characters: {text}", length(text));
            text.clone()
        }
        Body::Buttons { text, buttons } => {
            assert!((1..=1024).contains(&length(text)), "{} characters: {text}", length(text));
            let ids: Vec<_> = buttons.iter().map(|(id, _)| id.as_str()).collect();
            assert!(ids[0].starts_with("v1:yes:") && ids[1..] == ["v1:no:"], "{ids:?}");
            let titles: Vec<_> = buttons.iter().map(|(_, title)| format!("[{title}]")).collect();
            assert!(titles.iter().all(|title| (1..=22).contains(&length(title))), "{titles:?}");
            format!("{text}\n\n{}", titles.join(" "))
        }
        Body::List { text, button, rows } => {
            assert!((1..=4096).contains(&length(text)) && (1..=20).contains(&length(button)), "{button}: {text}");
            assert!((1..=10).contains(&rows.len()) && rows.iter().all(|row| (1..=24).contains(&length(&row.title))), "{rows:?}");
            let titles: Vec<_> = rows.iter().map(|row| format!("[{}]", row.title)).collect();
            format!("{text}\n\n{}", titles.join(" "))
        }
    }
}
