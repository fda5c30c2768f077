//! The way to Meta's Cloud API. Decides nothing and repeats nothing: one order is one attempt, and what became of it is told to the relay,
//! which alone knows whether there is to be another one. There is no key that would make Meta refuse a repetition.
//!
//! What is known of an attempt that was not answered, exactly:
//!
//! - Until the client has a connection (through proxy and TLS) and asks for the body, nothing was written: [`Outcome::Later`], or
//!   [`Outcome::TooLate`] if its time is over by then.
//! - From then on Meta may have all of it: [`Outcome::Unknown`]. A connection that was closed while idle is noticed before, almost always:
//!   then the client takes another one.
//!
//! One bound holds for all of an attempt, so a peer that stalls, wherever it does, costs a slot for that long and no longer. `Retry-After`
//! and `X-Business-Use-Case-Usage` are not read: how fast and when again is the middle's to decide, by Meta's codes.

mod account;
mod ask;
mod client;
mod date;
mod payload;
mod register;
mod trouble;
mod wire;

pub use account::{Account, Health, HealthTrouble, Number, Token, account};
pub use ask::Unanswered;
pub use register::{Destination, Whose, register, registered};
pub use trouble::Trouble;

use super::clock::{Clock, Mark};
use super::link::Link;
use super::pseudonym::Pseudonyms;
use super::{Arrival, Inbox};
use crate::config::GraphConfig;
use crate::domain::decision::Send;
use crate::domain::event::{Event, Outcome};
use crate::domain::ids::{InstanceId, Wamid};
use crate::domain::time::{Millis, Timestamp};
use anyhow::Context;
use payload::Payload;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap};
use reqwest::{Body, Client, Url};
use std::convert::Infallible;
use std::future::{Future, pending};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use wire::Answer;

/// Sends at once: the relay's slots (`domain::outbox::SLOTS`), so an order that is taken never waits here.
const SENDS: usize = 64;
/// Read receipts at once: 8 in half a second of round trip each are 16 a second; more are not worth a send's bandwidth.
const READS: usize = 8;
/// For one attempt, from the connection to the last byte of the answer. Meta's own answer times are below a second.
const ATTEMPT: Duration = Duration::from_secs(20);
/// For asking what time it is: an answer that takes half as long tells too little, but the next one finds a connection.
const ASKING: Duration = Duration::from_secs(10);

/// A client of the Cloud API for one business number.
#[derive(Debug)]
pub struct Graph {
    client: Client,
    messages: Url,
    timekeeper: Client,
    /// Where it asks: anything that Meta answers is dated.
    root: Url,
    proxied: bool,
    clock: Clock,
    pseudonyms: Pseudonyms,
    instance: InstanceId,
    known: Mutex<Known>,
    link: Link,
}

/// What the latest attempts taught, so that it is said once per change and not once per message.
#[derive(Debug, Default)]
struct Known {
    trouble: Option<Trouble>,
    meta_ahead: Option<i64>,
}

/// When something was asked.
#[derive(Clone, Copy)]
struct Asked {
    mark: Mark,
    shown: Millis,
}

impl Asked {
    fn now(clock: &Clock) -> Asked {
        Asked { mark: clock.mark(), shown: clock.now() }
    }
}

/// What came of one request.
enum Reply {
    /// An answer, whoever gave it, perhaps not all of it.
    Answered(u16, Vec<u8>),
    /// Nothing was written.
    Unsent(Trouble, String),
    /// It was too late to be written.
    TooLate,
    /// It was written, and there is no answer.
    Silent(String),
}

impl Graph {
    /// A client that connects when there is something to send.
    ///
    /// # Errors
    /// If address, token, proxy or certificates cannot be used.
    pub fn new(config: GraphConfig, clock: Clock, pseudonyms: Pseudonyms, instance: InstanceId) -> anyhow::Result<Graph> {
        let base = config.base_url.trim_end_matches('/');
        let messages = Url::parse(&format!("{base}/{}/{}/messages", config.version, config.phone_number_id))
            .context("whatsapp.base_url: keine gültige Adresse")?;
        let root = Url::parse(base).context("whatsapp.base_url: keine gültige Adresse")?;
        let (client, timekeeper) = (client::client(&config, &clock, SENDS)?, client::timekeeper(&config, &clock)?);
        let proxied = config.proxy.is_some();
        let link = Link::new(clock.clone());
        Ok(Graph { client, messages, timekeeper, root, proxied, clock, pseudonyms, instance, known: Mutex::default(), link })
    }

    /// Whether Meta answers.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// One attempt, and what became of it.
    pub async fn send(&self, send: &Send) -> Outcome {
        if !self.clock.is_trusted() {
            // It was ordered before the doubt: whether there is time left nobody knows.
            return Outcome::Later;
        }
        let reply = self.post(&wire::message(send, self.instance), send.not_after).await;
        let outcome = match &reply {
            Reply::Answered(status, body) => wire::outcome(*status, body, &self.pseudonyms),
            Reply::Unsent(..) => Outcome::Later,
            Reply::TooLate => Outcome::TooLate,
            Reply::Silent(_) => Outcome::Unknown,
        };
        self.report(reply);
        outcome
    }

    /// The blue ticks. If it fails, a person misses them and nothing else.
    pub async fn mark_read(&self, wamid: &Wamid) {
        let reply = self.post(&wire::read(wamid), Timestamp(u32::MAX)).await;
        if !matches!(reply, Reply::Answered(200, _)) {
            tracing::debug!("read receipt not taken");
        }
        self.report(reply);
    }

    /// How far Meta's clock is ahead of ours at least, in milliseconds, by the `Date` of its latest answer; negative if it is behind.
    /// `None`: not measured, because nothing was asked yet or there is no TLS that proves whose clock it is.
    pub fn meta_ahead(&self) -> Option<i64> {
        self.known().meta_ahead
    }

    /// What keeps us from reaching Meta; `None` while nothing does, or nothing was tried.
    pub fn trouble(&self) -> Option<Trouble> {
        self.known().trouble
    }

    async fn post(&self, json: &serde_json::Value, not_after: Timestamp) -> Reply {
        let left = self.clock.remaining(not_after);
        if left.is_zero() {
            return Reply::TooLate;
        }
        let (payload, written) = Payload::new(json.to_string().into_bytes(), self.clock.clone(), not_after);
        let request = self.client.post(self.messages.clone()).header(CONTENT_TYPE, "application/json").body(Body::wrap(payload));
        let asked = Asked::now(&self.clock);
        let response = match request.timeout(left.min(ATTEMPT)).send().await {
            Ok(response) => response,
            Err(error) if written.has() => return Reply::Silent(trouble::reason(error)),
            Err(_) if self.clock.remaining(not_after).is_zero() => return Reply::TooLate,
            Err(error) => return Reply::Unsent(Trouble::connecting(&error, self.proxied), trouble::reason(error)),
        };
        self.learn_the_time(response.headers(), asked);
        let status = response.status().as_u16();
        Reply::Answered(status, trouble::bounded(response).await)
    }

    /// Asks Meta what time it is, whenever the clock wants to know. Without TLS that would prove nothing.
    pub async fn keep_time(&self) -> Infallible {
        if !self.is_proven() {
            return pending().await;
        }
        loop {
            self.clock.question().await;
            let asked = Asked::now(&self.clock);
            match self.timekeeper.head(self.root.clone()).timeout(ASKING).send().await {
                Ok(response) => {
                    self.learn_the_time(response.headers(), asked);
                    self.reached();
                }
                Err(error) => tracing::debug!(why = trouble::reason(error), "Meta does not say what time it is"),
            }
        }
    }

    fn learn_the_time(&self, head: &HeaderMap, asked: Asked) {
        let mut dates = head.get_all(DATE).iter();
        let (Some(date), None) = (dates.next(), dates.next()) else { return };
        let date = date.to_str().ok().and_then(date::parse);
        if let Some(date) = date.filter(|_| self.is_proven()) {
            self.clock.dated(date, asked.mark);
            if let Some(ahead) = date::ahead(date, asked.shown, self.clock.now()) {
                self.known().meta_ahead = Some(ahead);
            }
        }
    }

    /// Meta answered, though not to a message: what kept us from reaching it is over, and nobody waits for the next figures to hear so.
    /// What answers to messages in its place may still do so.
    fn reached(&self) {
        let of_the_way = |trouble: &mut Trouble| match trouble {
            Trouble::Name | Trouble::Unreachable | Trouble::Certificate | Trouble::ProxyLogin | Trouble::Proxy | Trouble::Silent => true,
            Trouble::Stranger(_) => false,
        };
        let over = self.known().trouble.take_if(of_the_way);
        if over.is_some() {
            self.link.up();
            tracing::info!("Meta answers again");
        }
    }

    /// Whether what answers is Meta: without TLS anybody on the way may have written it.
    fn is_proven(&self) -> bool {
        self.root.scheme() == "https"
    }

    /// Says what a technician must know, once per change. What Meta says about the message or the account is the middle's to judge.
    fn report(&self, reply: Reply) {
        let (trouble, detail) = match reply {
            Reply::TooLate => return,
            Reply::Unsent(trouble, detail) => (Some(trouble), detail),
            Reply::Silent(detail) => (Some(Trouble::Silent), detail),
            Reply::Answered(status, body) => {
                let stranger = !Answer::read(&body).is_metas();
                (stranger.then(|| Trouble::answered(status, self.proxied)), format!("HTTP {status}"))
            }
        };
        tracing::debug!(?trouble, detail, "attempt ended");
        match trouble {
            Some(trouble) => self.link.down(trouble.to_string()),
            None => self.link.up(),
        }
        let before = std::mem::replace(&mut self.known().trouble, trouble);
        match trouble {
            Some(trouble) if before != Some(trouble) => trouble.log(&detail),
            None if before.is_some() => tracing::info!("Meta answers again"),
            Some(_) | None => {}
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries out orders until nobody gives any. Every order is answered by exactly one [`Event::Sent`], even if an attempt panics; dropping
/// the future gives up what is in flight.
pub async fn run(graph: &Arc<Graph>, sends: &mut mpsc::Receiver<Box<Send>>, reads: &mut mpsc::Receiver<Wamid>, inbox: &Inbox) {
    let send = |send: Box<Send>| attempt(Arc::clone(graph), send, inbox.clone());
    let read = |wamid: Wamid| {
        let graph = Arc::clone(graph);
        async move { graph.mark_read(&wamid).await }
    };
    tokio::join!(side_by_side(SENDS, sends, send), side_by_side(READS, reads, read));
}

async fn attempt(graph: Arc<Graph>, send: Box<Send>, inbox: Inbox) {
    let id = send.id;
    let outcome = AbortOnDropHandle::new(tokio::spawn(async move { graph.send(&send).await })).await.unwrap_or(Outcome::Unknown);
    // A relay that is gone finds the message in flight when it starts again.
    let _ = inbox.send(Arrival::told(Event::Sent { id, outcome })).await;
}

/// Takes what comes, `limit` at a time; the rest waits in its queue.
async fn side_by_side<T, F>(limit: usize, queue: &mut mpsc::Receiver<T>, mut task: impl FnMut(T) -> F)
where
    F: Future<Output = ()> + std::marker::Send + 'static,
{
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = tasks.join_next() => {}
            item = queue.recv(), if tasks.len() < limit => match item {
                Some(item) => { tasks.spawn(task(item)); }
                None => break,
            },
        }
    }
    while tasks.join_next().await.is_some() {}
}
