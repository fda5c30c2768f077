//! Meta's side of the Cloud API as a model. No socket, no clock, no chance: when something happens and which way it goes are arguments.
//!
//! It judges with its own words what the relay promises. A person's window is counted here from what the person did; an order outside it is
//! refused as Meta refuses it, and stays on record either way. Records are kept for good: this is for days of traffic, not for months.

mod order;
pub mod webhook;

pub use order::{Order, Row};

use crate::domain::time::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// WhatsApp docs: send-messages, customer service windows.
const WINDOW: u32 = 24 * 3600;

/// Message kinds that open a window or keep it open (WhatsApp docs: send-messages). Whether a reaction does is not documented: it does not
/// here, so that whoever relies on it is refused.
const COUNTED: [&str; 11] =
    ["text", "interactive", "button", "image", "audio", "video", "document", "sticker", "location", "contacts", "order"];

/// Somebody with WhatsApp.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// The business-scoped user id.
    pub user_id: String,
    /// Telephone number without `+`; people with a username hide it (WhatsApp docs: business-scoped-user-ids).
    pub wa_id: Option<String>,
    /// The profile's name.
    pub name: String,
    /// What webhooks call them by.
    pub shown: Shown,
}

/// What a webhook says about who it is (WhatsApp docs: business-scoped-user-ids).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    /// The BSUID, and the telephone number unless there is a username.
    Bsuid,
    /// The telephone number only: webhooks from before April 2026, which Meta repeats for days.
    PhoneOnly,
}

impl Person {
    /// The `n`-th person who shows a number.
    pub fn with_phone(n: u32) -> Person {
        let (user_id, wa_id) = (format!("DE.{:020}", u64::from(n)), Some(format!("4915155{n:06}")));
        Person { user_id, wa_id, name: format!("Erika Ö. {n}"), shown: Shown::Bsuid }
    }

    /// The `n`-th person, whose webhooks carry no BSUID.
    pub fn with_phone_only(n: u32) -> Person {
        Person { shown: Shown::PhoneOnly, ..Person::with_phone(n) }
    }

    /// The `n`-th person, who shows a username only.
    pub fn with_username(n: u32) -> Person {
        Person { wa_id: None, name: format!("Max M. {n}"), ..Person::with_phone(n) }
    }
}

/// When Meta says that a message cannot go out. Both are seen (WhatsApp docs: error-codes, "synchronous and asynchronous").
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Refusal {
    /// In the answer to the order.
    #[default]
    AtOnce,
    /// The order is taken; a `failed` status follows. The caller sends it with [`Meta::status_webhook`].
    Later,
}

/// An order and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// What was asked for.
    pub order: Order,
    /// To whom: the BSUID.
    pub user_id: String,
    /// When.
    pub at: Timestamp,
    /// The person's latest counted message before it: which window it fell into.
    pub latest: Option<Timestamp>,
    /// Whether that window was open.
    pub open: bool,
    /// Meta's id, if it was taken.
    pub wamid: Option<String>,
    /// Whether it is one of the free messages of its month, which begins by Greenwich here.
    pub free: bool,
}

/// Messages of a calendar month that are carried free of charge (WhatsApp docs: pricing, from 2026-10-01).
const FREE: u32 = 1_000;

/// What promises are checked by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Messages that were taken.
    pub sent: u64,
    /// Orders outside a window, taken or not. Promise 2: none.
    pub outside_window: u64,
    /// Messages that were taken although one with the same callback data had been. Promise 8: only after an unknown outcome.
    pub twice: u64,
}

/// One business number at Meta.
#[derive(Clone, Debug)]
pub struct Meta {
    phone_number_id: String,
    people: BTreeMap<String, Person>,
    by_phone: BTreeMap<String, String>,
    /// The latest counted message of each person.
    windows: BTreeMap<String, Timestamp>,
    records: Vec<Record>,
    /// The month of the latest message that was taken, and how many were in it.
    month: ((i16, i8), u32),
    callbacks: BTreeSet<String>,
    counters: Counters,
    /// Messages of people so far: the number in the next one's wamid.
    heard: u64,
    /// With what code the next orders are refused, and how many of them.
    refusing: Option<(u32, usize)>,
}

impl Meta {
    /// A number that nobody has written to.
    pub fn new(phone_number_id: &str) -> Meta {
        Meta {
            phone_number_id: phone_number_id.to_owned(),
            people: BTreeMap::new(),
            by_phone: BTreeMap::new(),
            windows: BTreeMap::new(),
            records: Vec::new(),
            month: ((0, 0), 0),
            callbacks: BTreeSet::new(),
            counters: Counters::default(),
            heard: 0,
            refusing: None,
        }
    }

    /// Someone gets WhatsApp.
    pub fn join(&mut self, person: Person) {
        if let Some(wa_id) = &person.wa_id {
            self.by_phone.insert(wa_id.clone(), person.user_id.clone());
        }
        self.people.insert(person.user_id.clone(), person);
    }

    /// The next `orders` are refused with this code, whoever they are for; 0: none any more. They leave no record.
    pub fn refuse(&mut self, code: u32, orders: usize) {
        self.refusing = (orders > 0).then_some((code, orders));
    }

    /// The first second in which the person's window is closed; `None` for who never wrote.
    pub fn closes(&self, user_id: &str) -> Option<Timestamp> {
        self.windows.get(user_id).map(|latest| latest.plus(WINDOW))
    }

    /// Everything that was asked for, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// What promises are checked by.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The largest number of taken messages of one kind that one person got in one window: promise 4 allows one reminder.
    pub fn most_per_window(&self, of_kind: impl Fn(&Order) -> bool) -> usize {
        let mut counts: BTreeMap<(&str, Option<Timestamp>), usize> = BTreeMap::new();
        for record in self.records.iter().filter(|record| record.wamid.is_some() && of_kind(&record.order)) {
            *counts.entry((&record.user_id, record.latest)).or_default() += 1;
        }
        counts.into_values().max().unwrap_or(0)
    }

    /// An order arrives: the wamid, or Meta's code.
    ///
    /// # Errors
    /// 131026 for somebody without WhatsApp, 131047 outside the window if refused at once, and what [`Meta::refuse`] asked for.
    pub fn send(&mut self, order: Order, at: Timestamp, refusal: Refusal) -> Result<String, u32> {
        if let Some((code, orders)) = self.refusing {
            self.refuse(code, orders - 1);
            return Err(code);
        }
        let user_id = match order.to.strip_prefix('+') {
            Some(phone) => self.by_phone.get(phone).cloned(),
            None => self.people.contains_key(&order.to).then(|| order.to.clone()),
        };
        let user_id = user_id.ok_or(131_026u32)?;
        let latest = self.windows.get(&user_id).copied();
        let open = latest.is_some_and(|latest| at < latest.plus(WINDOW));
        let taken = open || refusal == Refusal::Later;
        let wamid = taken.then(|| format!("wamid.OUT{:016}", self.records.len()));
        self.counters.outside_window += u64::from(!open);
        if taken {
            self.counters.sent += 1;
            let repeated = order.callback.as_ref().is_some_and(|callback| !self.callbacks.insert(callback.clone()));
            self.counters.twice += u64::from(repeated);
        }
        let free = taken && self.charge(at);
        self.records.push(Record { order, user_id, at, latest, open, wamid: wamid.clone(), free });
        wamid.ok_or(131_047)
    }

    /// One more message is taken; whether it is free.
    fn charge(&mut self, at: Timestamp) -> bool {
        let day = jiff::Timestamp::from_second(at.0.into()).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
        let (month, before) = ((day.year(), day.month()), self.month);
        self.month = (month, if before.0 == month { before.1 + 1 } else { 1 });
        self.month.1 <= FREE
    }

    /// The order with this wamid.
    pub fn record(&self, wamid: &str) -> Option<&Record> {
        let number: usize = wamid.strip_prefix("wamid.OUT")?.parse().ok()?;
        self.records.get(number).filter(|record| record.wamid.is_some())
    }

    /// Whether the wamid is a person's message: only such a one can be marked as read.
    pub fn heard(&self, wamid: &str) -> bool {
        wamid.strip_prefix("wamid.IN").and_then(|number| number.parse::<u64>().ok()).is_some_and(|number| number < self.heard)
    }
}

/// The body of an answer that refuses (WhatsApp docs: error-codes).
pub fn refusal(code: u32) -> Value {
    json!({ "error": {
        "message": format!("(#{code}) {}", title(code)), "type": "OAuthException", "code": code,
        "error_data": { "messaging_product": "whatsapp", "details": title(code) }, "fbtrace_id": "AbCdEf" } })
}

/// The HTTP status that comes with a code (WhatsApp docs: error-codes).
pub fn http_status(code: u32) -> u16 {
    match code {
        0 | 190 => 401,
        10 | 200..=299 | 368 | 130_497 | 131_005 | 131_031 => 403,
        132_001 => 404,
        3 | 131_000 | 131_016 | 131_045 | 131_057 | 133_000 => 500,
        2 | 133_004 => 503,
        _ => 400,
    }
}

fn title(code: u32) -> &'static str {
    match code {
        10 => "Application does not have permission for this action",
        190 => "Access token has expired",
        200..=299 => "You do not have the necessary permissions",
        131_008 => "Required parameter is missing",
        131_009 => "Parameter value is not valid",
        131_026 => "Message undeliverable",
        131_042 => "Business eligibility payment issue",
        131_047 => "Re-engagement message",
        131_051 => "Unsupported message type",
        131_056 => "(Business Account, Consumer Account) pair rate limit hit",
        _ => "Invalid parameter",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_795_305_600);

    fn order(to: &str, callback: &str) -> Order {
        Order { to: to.into(), body: "17".into(), callback: Some(callback.into()), ..Order::default() }
    }

    #[test]
    fn a_window_closes_after_24_hours_and_every_trespass_is_recorded() {
        let mut meta = Meta::new("2");
        let (erika, max) = (Person::with_phone(1), Person::with_username(2));
        meta.join(erika.clone());
        meta.join(max.clone());
        assert_eq!(meta.send(order("DE.nobody", "a"), AT, Refusal::AtOnce), Err(131_026));
        assert_eq!(meta.send(order(&max.user_id, "b"), AT, Refusal::AtOnce), Err(131_047));
        meta.message_webhook(&erika.user_id, "Hallo", AT);
        let last = AT.plus(WINDOW - 1);
        assert!(meta.send(order(&erika.user_id, "c"), last, Refusal::AtOnce).is_ok());
        assert!(meta.send(order("+4915155000001", "c"), last, Refusal::AtOnce).is_ok());
        assert_eq!(meta.send(order(&erika.user_id, "d"), last.plus(1), Refusal::AtOnce), Err(131_047));
        let wamid = meta.send(order(&erika.user_id, "d"), last.plus(1), Refusal::Later).expect("taken");
        assert_eq!(meta.record(&wamid).map(|record| record.open), Some(false));
        assert_eq!(meta.counters(), Counters { sent: 3, outside_window: 3, twice: 1 });
        assert_eq!(meta.most_per_window(|order| order.body == "17"), 3);
        meta.message_webhook(&erika.user_id, "Ja", last);
        meta.message_webhook(&erika.user_id, "came late", AT);
        assert_eq!(meta.closes(&erika.user_id), Some(last.plus(WINDOW)));
    }

    #[test]
    fn errors_come_on_demand() {
        let mut meta = Meta::new("2");
        let erika = Person::with_phone(1);
        meta.join(erika.clone());
        meta.message_webhook(&erika.user_id, "Hallo", AT);
        meta.refuse(190, 2);
        for _ in 0..2 {
            assert_eq!(meta.send(order(&erika.user_id, "a"), AT, Refusal::AtOnce), Err(190));
        }
        assert!(meta.send(order(&erika.user_id, "a"), AT, Refusal::AtOnce).is_ok());
        meta.refuse(131_016, usize::MAX);
        assert_eq!(meta.send(order(&erika.user_id, "b"), AT, Refusal::AtOnce), Err(131_016));
        meta.refuse(131_016, 0);
        assert!(meta.send(order(&erika.user_id, "b"), AT, Refusal::AtOnce).is_ok());
        assert_eq!(meta.counters(), Counters { sent: 2, outside_window: 0, twice: 0 });
    }
}
