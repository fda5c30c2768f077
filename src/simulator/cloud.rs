//! The model of Meta over real sockets: the Cloud API on one side, webhooks on the other. Judges nothing itself, see [`super::meta`], and
//! is nobody's contact: people are played by whoever holds the [`Cloud`].
//!
//! Webhooks are delivered as Meta does it: side by side, in batches, in no promised order, and again until the answer is 200.

use super::account::Account;
use super::meta::webhook::{Report, Update, body, sign};
use super::meta::{Counters, Meta, Order, Person, Refusal, Row, http_status, refusal};
use crate::domain::time::Timestamp;
use crate::port::clock::Clock;
use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::Listener;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// Updates that may wait for delivery: a broadcast of ten seconds at 80/s with its statuses, twice. Whoever causes more waits.
const UPDATES: usize = 4_096;
/// Updates in one webhook. Meta allows 1,000; smaller ones show more of them.
const BATCH: usize = 100;
/// Webhooks under way at once: as many as a relay has idle connections for.
const DELIVERIES: usize = 16;
/// Before the first repetition of a webhook. Meta's is immediate.
const FIRST_RETRY: Duration = Duration::from_millis(50);
/// The pause doubles up to this: Meta's grows to hours, a test has none.
const LAST_RETRY: Duration = Duration::from_secs(2);
/// Longest wait for the answer to a webhook: Meta is reported to wait 5 to 10 s.
const PATIENCE: Duration = Duration::from_secs(10);

/// What both sides have agreed upon, and how this Meta behaves.
#[derive(Clone, Debug)]
pub struct CloudConfig {
    /// `v26.0`.
    pub version: String,
    /// The business number's id.
    pub phone_number_id: String,
    /// Whoever sends must have it.
    pub token: String,
    /// Signs every webhook.
    pub app_secret: String,
    /// Where webhooks go.
    pub webhook: String,
    /// When a message outside the window is refused.
    pub refusal: Refusal,
    /// Every so many-th webhook is delivered twice; 0: none.
    pub repeat_every: u64,
}

/// A message that Meta took: somebody's telephone rings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// To whom: the BSUID.
    pub to: String,
    /// Meta's id of it.
    pub wamid: String,
    /// What it says.
    pub body: String,
    /// Id and title of each button.
    pub buttons: Vec<(String, String)>,
    /// The rows of a list.
    pub rows: Vec<Row>,
    /// When it was taken.
    pub at: Timestamp,
}

/// A running Meta. Ends when the last clone is dropped.
#[derive(Clone)]
pub struct Cloud {
    inner: Arc<Inner>,
    _tasks: Arc<[AbortOnDropHandle<()>; 2]>,
}

struct Inner {
    config: CloudConfig,
    clock: Clock,
    meta: Mutex<Meta>,
    account: Mutex<Account>,
    accepted: mpsc::Sender<Accepted>,
    updates: mpsc::Sender<Update>,
    reads: AtomicU64,
    webhooks: AtomicU64,
    /// Updates on their way that have not got their 200 yet, repetitions included.
    undelivered: AtomicU64,
    pace: Mutex<Pace>,
}

/// How quickly orders are answered.
#[derive(Default)]
struct Pace {
    /// Every so many-th answer comes late; 0: none.
    every: u64,
    /// By this much.
    late: Duration,
    /// Orders so far.
    orders: u64,
}

impl Cloud {
    /// Serves the Cloud API on `listener`, plain or with TLS (see [`super::tls`]), and delivers webhooks. Accepted messages go to
    /// `accepted`; while that is full nobody notices them.
    ///
    /// # Errors
    /// If there is no HTTP client to be had.
    pub fn start<L>(listener: L, config: CloudConfig, clock: Clock, accepted: mpsc::Sender<Accepted>) -> anyhow::Result<Cloud>
    where
        L: Listener<Addr: Debug>,
    {
        let (updates, waiting) = mpsc::channel(UPDATES);
        let meta = Mutex::new(Meta::new(&config.phone_number_id));
        let (reads, webhooks, undelivered) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let (account, pace) = (Mutex::default(), Mutex::default());
        let inner = Arc::new(Inner { config, clock, meta, account, accepted, updates, reads, webhooks, undelivered, pace });
        let router = Router::new()
            .route("/{version}/{node}/messages", post(messages))
            .route("/{version}/{node}/subscribed_apps", get(subscribed_apps))
            .route("/{version}/{node}", get(node))
            .with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the simulated Cloud API has failed");
            }
        });
        let courier = tokio::spawn(deliver(Arc::clone(&inner), client()?, waiting));
        Ok(Cloud { inner, _tasks: Arc::new([server, courier].map(AbortOnDropHandle::new)) })
    }

    /// Someone gets WhatsApp.
    pub fn join(&self, person: Person) {
        self.look(|meta| meta.join(person));
    }

    /// Somebody who has joined writes.
    pub async fn say(&self, user_id: &str, text: &str) {
        self.tell(|meta| meta.message_webhook(user_id, text, self.inner.now())).await;
    }

    /// Somebody who has joined taps a button.
    pub async fn tap(&self, user_id: &str, button: &(String, String)) {
        self.tell(|meta| meta.tap_webhook(user_id, button, self.inner.now())).await;
    }

    /// Somebody who has joined chooses a row of a list.
    pub async fn choose(&self, user_id: &str, row: &Row) {
        self.tell(|meta| meta.choose_webhook(user_id, row, self.inner.now())).await;
    }

    /// Anything else happens, at any time, and a webhook tells of it.
    pub async fn tell(&self, happens: impl FnOnce(&mut Meta) -> Update) {
        let update = self.look(happens);
        self.inner.tell(update).await;
    }

    /// A message of ours fares, beyond `sent` and `delivered`, which come by themselves.
    pub async fn report(&self, wamid: &str, report: Report) {
        let update = self.look(|meta| meta.status_webhook(wamid, report, self.inner.now()));
        if let Some(update) = update {
            self.inner.tell(update).await;
        }
    }

    /// A look at what Meta says of number, token and account, or a change to it.
    pub fn account<T>(&self, at: impl FnOnce(&mut Account) -> T) -> T {
        at(&mut self.inner.account.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What promises are checked by.
    pub fn counters(&self) -> Counters {
        self.look(|meta| meta.counters())
    }

    /// Every `every`-th order (0: none) is taken at once, and its answer and statuses come so much later, as if Meta were busy.
    pub fn dawdle(&self, every: u64, late: Duration) {
        let mut pace = self.inner.pace.lock().unwrap_or_else(PoisonError::into_inner);
        (pace.every, pace.late) = (every, late);
    }

    /// Updates on their way that have not got their 200 yet.
    pub fn undelivered(&self) -> u64 {
        self.inner.undelivered.load(Ordering::Relaxed)
    }

    /// How many messages were marked as read.
    pub fn reads(&self) -> u64 {
        self.inner.reads.load(Ordering::Relaxed)
    }

    /// A look at the model itself, or a change to it.
    pub fn look<T>(&self, at: impl FnOnce(&mut Meta) -> T) -> T {
        self.inner.look(at)
    }
}

impl Inner {
    fn look<T>(&self, at: impl FnOnce(&mut Meta) -> T) -> T {
        at(&mut self.meta.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn now(&self) -> Timestamp {
        self.clock.now().second()
    }

    async fn tell(&self, update: Update) {
        self.undelivered.fetch_add(1, Ordering::Relaxed);
        // The courier ends with the cloud.
        let _ = self.updates.send(update).await;
    }

    /// A request: a message, or a read receipt.
    async fn take(self: &Arc<Self>, request: &Value) -> Result<Value, u32> {
        if request.get("status").is_some() {
            let known = ["messaging_product", "status", "message_id"];
            let known = request.as_object().is_some_and(|request| request.keys().all(|key| known.contains(&key.as_str())));
            let whatsapp = request["messaging_product"] == "whatsapp" && request["status"] == "read";
            return if known && whatsapp { self.read(request["message_id"].as_str().unwrap_or_default()) } else { Err(100) };
        }
        let order = Order::parse(request)?;
        let to = order.to.clone();
        let wamid = self.send(order).await?;
        let contact = if to.starts_with('+') { "wa_id" } else { "user_id" };
        let contact = json!({ "input": to, contact: to.trim_start_matches('+') });
        Ok(json!({ "messaging_product": "whatsapp", "contacts": [contact], "messages": [{ "id": wamid }] }))
    }

    fn read(&self, wamid: &str) -> Result<Value, u32> {
        if !self.look(|meta| meta.heard(wamid)) {
            return Err(131_009);
        }
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(json!({ "success": true }))
    }

    async fn send(self: &Arc<Self>, order: Order) -> Result<String, u32> {
        let at = self.now();
        let (body, buttons, rows) = (order.body.clone(), order.buttons.clone(), order.rows.clone());
        let wamid = self.look(|meta| meta.send(order, at, self.config.refusal))?;
        let Some((to, open)) = self.look(|meta| meta.record(&wamid).map(|record| (record.user_id.clone(), record.open))) else {
            return Err(1);
        };
        let reports: &[Report] = if open { &[Report::Sent, Report::Delivered] } else { &[Report::Failed(131_047)] };
        let updates: Vec<Update> = reports.iter().filter_map(|report| self.look(|meta| meta.status_webhook(&wamid, *report, at))).collect();
        let accepted = Accepted { to, wamid: wamid.clone(), body, buttons, rows, at };
        if open && self.accepted.try_send(accepted).is_err() {
            tracing::debug!("nobody notices the message");
        }
        let late = self.late();
        // Statuses come whether or not whoever waits for the answer still lives, and no sooner than it.
        let inner = Arc::clone(self);
        self.undelivered.fetch_add(updates.len() as u64, Ordering::Relaxed);
        let reporting = tokio::spawn(async move {
            tokio::time::sleep(late).await;
            for update in updates {
                // The courier ends with the cloud.
                let _ = inner.updates.send(update).await;
            }
        });
        let _ = reporting.await;
        Ok(wamid)
    }

    /// Whether who asks has the token.
    fn knows(&self, head: &HeaderMap) -> bool {
        let bearer = head.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer "));
        bearer == Some(&self.config.token)
    }

    fn tell_of_the_account(&self, version: &str, head: &HeaderMap, asked: impl FnOnce(&Account) -> Result<Value, u32>) -> Response {
        let told = match (self.knows(head), version == self.config.version) {
            (false, _) => Err(190),
            (true, false) => Err(100),
            (true, true) => asked(&self.account.lock().unwrap_or_else(PoisonError::into_inner)),
        };
        told.map_or_else(refused, |told| answer(StatusCode::OK, &told))
    }

    /// How late the next answer is.
    fn late(&self) -> Duration {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.orders += 1;
        if pace.every > 0 && pace.orders.is_multiple_of(pace.every) { pace.late } else { Duration::ZERO }
    }
}

/// `POST /{version}/{phone_number_id}/messages` (WhatsApp docs: messages API).
async fn messages(
    State(inner): State<Arc<Inner>>,
    Path((version, number)): Path<(String, String)>,
    head: HeaderMap,
    body: Bytes,
) -> Response {
    if !inner.knows(&head) {
        return refused(190);
    }
    let request = serde_json::from_slice(&body).ok().filter(|_| version == inner.config.version && number == inner.config.phone_number_id);
    let taken = match request {
        Some(request) => inner.take(&request).await,
        None => Err(100),
    };
    match taken {
        Ok(taken) => answer(StatusCode::OK, &taken),
        Err(code) => refused(code),
    }
}

/// `GET /{version}/debug_token` (Graph API: access token debugging) and `GET /{version}/{phone_number_id}` (WhatsApp docs: phone numbers).
async fn node(
    State(inner): State<Arc<Inner>>,
    Path((version, node)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
    head: HeaderMap,
) -> Response {
    let of = |name: &str| query.get(name).map_or("", String::as_str);
    inner.tell_of_the_account(&version, &head, |account| match node.as_str() {
        // Here a token asks about itself.
        "debug_token" if of("input_token") == inner.config.token => account.debug_token(),
        id if id == inner.config.phone_number_id => account.number(id, of("fields")),
        _ => Err(100),
    })
}

/// `GET /{version}/{waba_id}/subscribed_apps` (WhatsApp docs: webhooks, subscribed apps).
async fn subscribed_apps(State(inner): State<Arc<Inner>>, Path((version, waba)): Path<(String, String)>, head: HeaderMap) -> Response {
    inner.tell_of_the_account(&version, &head, |account| account.subscribed_apps(&waba))
}

fn refused(code: u32) -> Response {
    answer(StatusCode::from_u16(http_status(code)).unwrap_or(StatusCode::BAD_REQUEST), &refusal(code))
}

fn answer(status: StatusCode, json: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], json.to_string()).into_response()
}

/// Takes updates to the webhook until the cloud is gone.
async fn deliver(inner: Arc<Inner>, client: reqwest::Client, mut waiting: mpsc::Receiver<Update>) {
    let mut under_way = JoinSet::new();
    let mut batch = Vec::new();
    loop {
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= DELIVERIES {
            under_way.join_next().await;
        }
        if waiting.recv_many(&mut batch, BATCH).await == 0 {
            return;
        }
        let (bytes, updates) = (body(&batch), batch.len() as u64);
        batch.clear();
        let number = inner.webhooks.fetch_add(1, Ordering::Relaxed) + 1;
        let times = if inner.config.repeat_every > 0 && number.is_multiple_of(inner.config.repeat_every) { 2 } else { 1 };
        inner.undelivered.fetch_add(updates * (times - 1), Ordering::Relaxed);
        for _ in 0..times {
            let webhook = webhook(client.clone(), inner.config.webhook.clone(), sign(&inner.config.app_secret, &bytes), bytes.clone());
            let inner = Arc::clone(&inner);
            under_way.spawn(async move {
                webhook.await;
                inner.undelivered.fetch_sub(updates, Ordering::Relaxed);
            });
        }
    }
}

/// One webhook, again and again until the answer is 200.
async fn webhook(client: reqwest::Client, url: String, signature: String, bytes: Vec<u8>) {
    let mut pause = FIRST_RETRY;
    loop {
        let request = client.post(&url).header(header::CONTENT_TYPE, "application/json").header("X-Hub-Signature-256", &signature);
        match request.body(bytes.clone()).send().await {
            Ok(answer) if answer.status() == StatusCode::OK => return,
            Ok(answer) => tracing::debug!(status = answer.status().as_u16(), "webhook not taken"),
            Err(error) => tracing::debug!(%error, "webhook not delivered"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_RETRY);
    }
}

/// A client without any trusted root: the simulator speaks plain HTTP on loopback.
fn client() -> anyhow::Result<reqwest::Client> {
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().timeout(PATIENCE).build().context("kein HTTP-Client")
}
