//! What is on its way between the relay, Meta and the broker, and what happens to it there: lost, late, twice, out of order, in batches,
//! refused. Meta's own rules are `meta`'s.

use super::meta::{Limit, Meta};
use super::people::Person;
use super::world::{Transit, World};
use drk_relay::domain::decision::Send;
use drk_relay::domain::event::{Event, News, Outcome, Standing};
use drk_relay::domain::ids::{OutboxId, WamidHash};
use drk_relay::domain::time::Timestamp;

/// How Meta refuses, in percent, and with which codes.
const REJECTIONS: [(u64, &str, &[u32]); 3] = [
    (2, "send refused", &[131_026, 131_047, 100]),
    (2, "send throttled", &[130_429, 131_056, 131_000, 4]),
    (1, "account refused", &[190, 131_042, 368]),
];
/// Meta closes windows early, in percent, this many seconds before the closing or less.
const EARLY: [(u64, &str, u32); 2] = [(15, "window closed seconds early", 30), (8, "window closed minutes early", 600)];
/// Nobody is called that any more: 131026, undeliverable.
const UNDELIVERABLE: u32 = 131_026;
const CLOSED: u32 = 131_047;
/// A port gives up after this many milliseconds: `port/graph`.
const TIMEOUT: u64 = 20_000;
/// Webhooks that Meta may bring again.
const HISTORY: usize = 60;
/// Meta puts this much into one webhook at most (WhatsApp docs: webhooks overview).
const BATCH: usize = 1_000;
/// A message that nobody sent has such an id.
const NOBODYS: u64 = 1 << 40;

impl World {
    /// Something has arrived.
    pub(crate) fn arrive(&mut self, transit: Transit) {
        match transit {
            Transit::Webhook(events) => self.webhook(events),
            Transit::Publish(figure) => self.published(figure),
            Transit::Connected => self.connected(),
            Transit::Request(send) => self.request(send),
            Transit::Written(send, process) => self.written(&send, process == self.process),
            Transit::Answer(id, outcome) => drop(self.step("answer", &[Event::Sent { id, outcome }])),
            Transit::Trust => self.trust(),
            Transit::Speak(person, said) => self.speak(person, said),
        }
    }

    /// Meta delivers, again and again until it gets its 200, and sometimes once more.
    fn webhook(&mut self, mut events: Vec<Event>) {
        if events.len() < BATCH && self.fault(6, "webhook in a batch") {
            self.fill_up(&mut events);
        }
        if events.len() <= BATCH / 2 && self.fault(2, "webhook twice in one step") {
            events.extend(events.clone());
        }
        if !self.step("webhook", &events) {
            let delay = 1_000 + self.choices.below(60_000);
            return self.after(delay, Transit::Webhook(events));
        }
        if self.faults {
            self.history.extend(events.iter().take(HISTORY).cloned());
            let surplus = self.history.len().saturating_sub(HISTORY);
            self.history.drain(..surplus);
        }
        if events.len() < BATCH && self.fault(15, "duplicate webhook") {
            let delay = self.choices.below(7_200_000);
            self.after(delay, Transit::Webhook(events));
        }
    }

    /// Meta puts together what is on its way, and what it has brought before.
    fn fill_up(&mut self, events: &mut Vec<Event>) {
        let horizon = (self.now.plus(60_000), u64::MAX);
        let webhooks = self.transit.range(..horizon).filter(|(_, transit)| matches!(transit, Transit::Webhook(_)));
        let keys: Vec<_> = webhooks.map(|(key, _)| *key).take(1 + self.choices.below(8) as usize).collect();
        for key in keys {
            match self.transit.remove(&key) {
                Some(Transit::Webhook(more)) if events.len() + more.len() <= BATCH => events.extend(more),
                Some(other) => drop(self.transit.insert(key, other)),
                None => {}
            }
        }
        let room = BATCH.saturating_sub(events.len());
        let known = if self.choices.below(500) == 499 { room } else { self.choices.below(8).min(room as u64) as usize };
        if known > 0 && !self.history.is_empty() {
            self.count("batch partly known");
            let again: Vec<Event> = self.history.iter().cycle().take(known).cloned().collect();
            events.extend(again);
        }
        if events.len() == BATCH {
            self.count("batch of a thousand");
        }
    }

    /// The port looks at the clock once more before it writes.
    fn request(&mut self, send: Box<Send>) {
        if self.fault(2, "asleep with a message in the port") {
            self.suspend();
        }
        if self.relay_now().second() > send.not_after {
            self.count("too late at the port");
            return self.fails(&send, Some(0), Outcome::TooLate);
        }
        if self.is_lied_to() {
            self.written_by_a_lie = self.now;
        }
        if self.fault(4, "send not written") {
            return self.fails(&send, Some(300), Outcome::Later);
        }
        let delay = self.choices.below(700);
        self.after(delay, Transit::Written(send, self.process));
    }

    /// A request reaches Meta, or does not. `waits`: the process that wrote it is there to hear the answer.
    fn written(&mut self, send: &Send, waits: bool) {
        let mut answer = self.slow + 20 + self.choices.below(500);
        if self.fault(5, "answer after the statuses") {
            answer += self.choices.below(TIMEOUT - 1_000);
        }
        if self.fault(3, "request lost, outcome unknown") {
            return self.fails(send, waits.then_some(TIMEOUT), Outcome::Unknown);
        }
        let (index, name) = *self.addresses.get(&send.to).expect("nobody else has an address");
        let person = self.people[index].clone();
        let code = if person.hash == name { self.refuses(&person) } else { Some(self.nobody()) };
        if let Some(code) = code {
            return self.fails(send, waits.then_some(answer), Outcome::Rejected { code, transient: false });
        }
        self.accepts(index, send, waits.then_some(answer));
    }

    /// Whoever was called that has moved.
    fn nobody(&mut self) -> u32 {
        self.count("send to a name that is gone");
        UNDELIVERABLE
    }

    /// Why Meta refuses a message to this person, if it does.
    fn refuses(&mut self, person: &Person) -> Option<u32> {
        let (now, second) = (self.now, self.now.second());
        // The clock may have been set right while the message was on its way.
        let lied = self.is_lied_to() || now.since(self.written_by_a_lie) <= TIMEOUT;
        if lied && !self.meta.is_open(second, person) {
            self.count("outside the window, by a clock that lies");
            return Some(CLOSED);
        }
        if !self.faults {
            return None;
        }
        match self.meta.limit(now, person) {
            Some(Limit::Number) => {
                self.count("number's limit reached");
                return Some(130_429);
            }
            Some(Limit::Pair) => {
                self.count("pair's limit reached");
                return Some(131_056);
            }
            None => {}
        }
        let left = self.meta.latest(person).plus(24 * 3600).since(second);
        for (percent, what, early) in EARLY {
            if left <= early && self.fault(percent, what) {
                return Some(CLOSED);
            }
        }
        for (percent, what, codes) in REJECTIONS {
            if self.fault(percent, what) {
                return Some(*self.choices.of(codes));
            }
        }
        None
    }

    /// Meta takes the message.
    fn accepts(&mut self, index: usize, send: &Send, answer: Option<u64>) {
        let now = self.now;
        self.meta.passed(now);
        let wamid = self.meta.accept(now.second(), &self.people[index], send);
        if self.ledger.accepted(send, now) {
            self.count("possible duplicate of figures");
        }
        self.people[index].received = Some(wamid);
        self.statuses(send, wamid);
        self.maybe_answer(index, send);
        let Some(answer) = answer else { return };
        if self.fault(4, "answer lost, outcome unknown") {
            return self.after(TIMEOUT, Transit::Answer(send.id, Outcome::Unknown));
        }
        self.after(answer, Transit::Answer(send.id, Outcome::Accepted(wamid)));
    }

    /// The message certainly does not arrive, or nobody knows: the port says so after `delay`, if it is still there.
    fn fails(&mut self, send: &Send, delay: Option<u64>, outcome: Outcome) {
        self.ledger.troubled(send.id, self.now.second());
        if let Some(delay) = delay {
            self.after(delay, Transit::Answer(send.id, outcome));
        }
    }

    fn statuses(&mut self, send: &Send, wamid: WamidHash) {
        let fails = self.fault(4, "accepted, then failed");
        let (mut latest, mut late, at) = (0, false, self.now.second());
        for news in self.meta.fate(at, fails) {
            let price = if self.fault(10, "status without a price") { None } else { Some(self.meta.price(at)) };
            let price = price.filter(|_| news != News::Read);
            let callback = if self.fault(10, "status without callback data") { None } else { Some(send.id) };
            let late_status = self.fault(10, "late status");
            let delay = self.choices.below(if late_status { 3_600_000 } else { 3_000 });
            late |= delay < latest;
            latest = latest.max(delay);
            let status = Transit::Webhook(vec![Meta::status(callback, wamid, at, news, price)]);
            if self.fault(6, "status repeated") {
                for _ in 0..1 + self.choices.below(2) {
                    let delay = self.choices.below(60_000);
                    self.after(delay, status.clone());
                }
            }
            self.after(delay, status);
        }
        if late {
            self.count("statuses out of order");
        }
        if self.fault(2, "status of a message that nobody sent") {
            self.nobodys_status(at);
        }
    }

    /// Another instance's would be filtered by the port: this one is ours, or has no id.
    fn nobodys_status(&mut self, at: Timestamp) {
        let id = NOBODYS + self.fresh();
        let callback = if self.choices.chance(50) { Some(OutboxId(id)) } else { None };
        let news = *self.choices.of(&[News::Sent, News::Delivered, News::Read, News::Failed(131_026), News::Failed(131_042)]);
        let delay = self.choices.below(10_000);
        self.after(delay, Transit::Webhook(vec![Meta::status(callback, WamidHash(id), at, news, None)]));
    }

    /// Meta announces a restriction, or that there is none any more.
    pub(crate) fn account(&mut self) {
        let standing = match self.choices.below(3) {
            0 => Standing::Restored,
            1 => Standing::Restricted { until: None },
            _ => Standing::Restricted { until: Some(self.now.second().plus(self.choices.below(6 * 3_600) as u32)) },
        };
        self.count("restriction");
        let delay = self.choices.below(60_000);
        self.after(delay, Transit::Webhook(vec![Event::Account(standing)]));
    }
}
