//! The one place in these tests that knows the API: a state, a clock that jumps, and a Meta that answers as it is told.

use drk_relay::domain::conversation::{Person, Talk};
use drk_relay::domain::decide;
use drk_relay::domain::decision::{Body, Effect, Receipt, Send, Verdict};
use drk_relay::domain::event::{Event, Figure, Heard, Key, News, Outcome, ReceiptTopic, Said, Status, Tap, Text};
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::{Bsuid, Name, OutboxId, PersonHash, Wamid, WamidHash};
use drk_relay::domain::outbox;
use drk_relay::domain::state::{Clock, FeedRules, MetricKind, MetricRules, Rules, State};
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

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

fn metric(text: &str, label: &str, kind: MetricKind, required: bool) -> MetricRules {
    MetricRules { name: name(text), label: label.to_owned(), kind, required }
}

pub(crate) fn rules() -> Rules {
    Rules {
        branch: "DRK-Ortsverein Musterstadt".to_owned(),
        privacy: "https://drk.example/datenschutz".to_owned(),
        feed: FeedRules {
            name: name("corona"),
            title: "Corona im Kreis Musterstadt".to_owned(),
            metrics: vec![
                metric("cases_new", "Neue Fälle", MetricKind::Count, true),
                metric("incidence", "Inzidenz", MetricKind::Rate, false),
            ],
            settle: 30,
        },
        zone: TimeZone::get("Europe/Berlin").expect("bundled"),
        rate: 80,
    }
}

impl World {
    pub(crate) fn new(rules: Rules) -> World {
        World {
            state: State::default(),
            rules,
            now: Millis(0),
            net: Net::Accepts,
            statuses: true,
            outs: Vec::new(),
            sends: Vec::new(),
            real: Timestamp(0),
            last_heard: None,
            heard: 0,
            agreed: "unknown".to_owned(),
            seen: Invariants::default(),
        }
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
        let rows = self.state.keys().filter_map(|key| self.state.deadline(key)).map(Timestamp::millis);
        rows.chain(outbox::deadline(&self.state, &self.rules, self.now)).min()
    }

    /// Something happens now, and everything that follows from it at once.
    pub(crate) fn happens(&mut self, event: &Event) {
        self.turn(event);
        self.settle();
    }

    fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.state.clock == Clock::Untrusted {
                return;
            }
            let due = self.state.keys().filter_map(|key| Some((self.state.deadline(key)?, key))).min();
            if let Some((_, key)) = due.filter(|(at, _)| *at <= self.now.second()) {
                let before = self.state.deadline(key);
                let moved = self.turn(&Event::Due(key));
                assert!(moved && self.state.deadline(key) != before, "{key:?} is due, and its deadline does not move");
            } else if outbox::deadline(&self.state, &self.rules, self.now).is_some_and(|at| at <= self.now) {
                assert!(self.turn(&Event::Due(Key::Outbox)), "the outbox is due, and nothing changes");
            } else {
                return;
            }
        }
        panic!("the present does not end: a deadline comes again and again");
    }

    fn turn(&mut self, event: &Event) -> bool {
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
        self.note();
        for answer in answers {
            self.turn(&answer);
        }
        !decision.changes.is_empty()
    }

    /// A message leaves. What must hold of every single one is asserted here.
    fn sent(&mut self, send: Send) -> Vec<Event> {
        let person = self.person().expect("a message to nobody");
        assert_eq!(self.state.clock, Clock::Trusted, "a message left by a clock that is not trusted");
        assert_eq!(send.not_after, person.window.closes().minus(5), "not_after is not five seconds before the closing");
        assert!(self.now.second() <= send.not_after, "a message left outside the window");
        assert_eq!(send.to.expose(), "DE.anna");
        let text = shown(&send.body);
        if text.ends_with("[Ja, weiter] [Nein, Stopp]") && self.net != Net::Later {
            assert!(self.seen.reminded.insert(person.window.latest), "a second reminder in one window");
        }
        if text.ends_with("[Weiter informieren] [Stopp]") && self.net != Net::Later && self.net != Net::Silent {
            let figures = text.split("\n\n").next().unwrap_or_default().to_owned();
            assert!(self.seen.published.insert(figures), "the same figures twice: {text}");
        }
        let id = send.id;
        self.sends.push(send);
        self.out(Out::Sent(text));
        let mut events = Vec::new();
        let outcome = match self.net {
            Net::Accepts => Outcome::Accepted(wamid(id)),
            Net::Refuses => Outcome::Refused(131_026),
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
        Event::Status(Status { id: Some(id), wamid: wamid(id), at, news })
    }

    fn person(&self) -> Option<&Person> {
        self.state.people.get(self.state.people.find(PERSON)?)
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
            Talk::Asked { .. } => return format!("asked until {until}"),
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
            from: PERSON,
            bsuid: Bsuid::new("DE.anna").expect("short enough"),
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
        "Ja" | "Ja, weiter" | "Weiter informieren" => Said::Tapped(Tap::Yes),
        "Nein" | "Nein, Stopp" | "Stopp" => Said::Tapped(Tap::No),
        other => panic!("there is no button {other}"),
    }
}

/// A figure of `as_of`; `waited_for`: somebody wants a receipt, as for everything but retained replays.
pub(crate) fn figure(values: &[(&str, i64, u8)], as_of: Option<Day>, waited_for: bool) -> Event {
    let value = |digits, decimals| Value::new(digits, decimals).expect("a small number");
    let values = values.iter().map(|(metric, digits, decimals)| (name(metric), value(*digits, *decimals))).collect();
    Event::Figure(Figure { values, as_of, receipt: waited_for.then_some(ReceiptTopic { metric: None }) })
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
            assert_eq!(ids, ["v1:yes:corona", "v1:no:corona"]);
            let titles: Vec<_> = buttons.iter().map(|(_, title)| format!("[{title}]")).collect();
            assert!(titles.iter().all(|title| (1..=22).contains(&length(title))), "{titles:?}");
            format!("{text}\n\n{}", titles.join(" "))
        }
    }
}
