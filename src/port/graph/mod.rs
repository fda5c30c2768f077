//! The way to Meta's Cloud API. Decides nothing and repeats nothing: one order is one attempt, and what became of it is told to the relay,
//! which alone knows whether there is to be another one. There is no key that would make Meta refuse a repetition.

mod wire;

use super::clock::Clock;
use super::link::Link;
use super::pseudonym::Pseudonyms;
use super::{Arrival, Inbox};
use crate::config::GraphConfig;
use crate::domain::decision::Send;
use crate::domain::event::{Event, Outcome};
use crate::domain::ids::{InstanceId, Wamid};
use crate::domain::outbox::fault::{Fault, of_code};
use anyhow::Context;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Url};
use secrecy::ExposeSecret;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// Sends at once: the relay's slots (`domain::outbox::SLOTS`), so an order that is taken never waits here.
const SENDS: usize = 64;
/// Read receipts at once: 8 in half a second of round trip each are 16 a second; more are not worth a send's bandwidth.
const READS: usize = 8;
/// For one attempt, from the connection to the last byte of the answer. Meta's own answer times are below a second.
const ATTEMPT: Duration = Duration::from_secs(20);
/// For the connection, less than an attempt: a time-out before anything is written must be known as such.
const CONNECT: Duration = Duration::from_secs(8);
/// Unused connections are closed before Meta closes them, because a request that meets a closing one has an unknown outcome.
const IDLE: Duration = Duration::from_secs(30);
/// An answer has a few hundred bytes; whatever is longer is not Meta's.
const ANSWER: usize = 64 * 1024;

/// A client of the Cloud API for one business number.
#[derive(Debug)]
pub struct Graph {
    client: Client,
    messages: Url,
    clock: Clock,
    pseudonyms: Pseudonyms,
    instance: InstanceId,
    /// The latest code that concerned our account, 0 for none: said once, not with every message of a broadcast. Code 0 itself is
    /// [`AUTH`] here.
    trouble: AtomicU32,
    link: Link,
}

/// Stands for Meta's code 0 (AuthException) in [`Graph::trouble`].
const AUTH: u32 = u32::MAX;

impl Graph {
    /// A client that connects when there is something to send.
    ///
    /// # Errors
    /// If address or token cannot be used in a request.
    pub fn new(config: GraphConfig, clock: Clock, pseudonyms: Pseudonyms, instance: InstanceId) -> anyhow::Result<Graph> {
        let base = config.base_url.trim_end_matches('/');
        let messages = Url::parse(&format!("{base}/{}/{}/messages", config.version, config.phone_number_id))
            .context("whatsapp.base_url: keine gültige Adresse")?;
        let mut token = HeaderValue::from_str(&format!("Bearer {}", config.token.expose_secret()))
            .map_err(|_| anyhow::anyhow!("whatsapp.token_file: der Token enthält unerlaubte Zeichen"))?;
        token.set_sensitive(true);
        let client = Client::builder()
            .tls_backend_preconfigured(tls()?)
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, token)]))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(ATTEMPT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(SENDS)
            .build()?;
        let link = Link::new(clock.clone());
        Ok(Graph { client, messages, clock, pseudonyms, instance, trouble: AtomicU32::new(0), link })
    }

    /// Whether Meta takes what is sent.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// One attempt, and what became of it.
    pub async fn send(&self, send: &Send) -> Outcome {
        let message = wire::message(send, self.instance);
        let left = self.clock.remaining(send.not_after);
        if left.is_zero() {
            return Outcome::TooLate;
        }
        let (status, body) = match self.post(&message, left.min(ATTEMPT)).await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => {
                let why = reason(error);
                tracing::debug!(error = why, "no connection to Meta");
                self.link.down(format!("keine Verbindung zu Meta: {why}"));
                return Outcome::Later;
            }
            Err(error) => {
                let why = reason(error);
                tracing::warn!(id = send.id.0, error = why, "no answer from Meta: whether the message arrived is unknown");
                self.link.down(format!("keine Antwort von Meta: {why}"));
                return Outcome::Unknown;
            }
        };
        let (outcome, code) = wire::outcome(status, &body, &self.pseudonyms);
        self.report(status, outcome, code);
        outcome
    }

    /// The blue ticks. If it fails, a person misses them and nothing else.
    pub async fn mark_read(&self, wamid: &Wamid) {
        match self.post(&wire::read(wamid), ATTEMPT).await {
            Ok((200, _)) => {}
            Ok((status, _)) => tracing::debug!(status, "read receipt refused"),
            Err(error) => tracing::debug!(error = reason(error), "read receipt not sent"),
        }
    }

    async fn post(&self, json: &serde_json::Value, limit: Duration) -> reqwest::Result<(u16, Vec<u8>)> {
        let mut response = self.client.post(self.messages.clone()).json(json).timeout(limit).send().await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER {
                break;
            }
        }
        Ok((response.status().as_u16(), body))
    }

    /// Says what a technician must know, once per change: neither person nor text is in it.
    fn report(&self, status: u16, outcome: Outcome, code: Option<u32>) {
        match (outcome, code) {
            (Outcome::Accepted(_), _) => {
                self.link.up();
                if self.trouble.swap(0, Ordering::Relaxed) != 0 {
                    tracing::info!("Meta takes messages again");
                }
            }
            (_, Some(code)) if of_code(code, false) == Fault::Account => {
                let name = if code == 0 { AUTH } else { code };
                self.link.down(format!("Meta lehnt alles ab (Code {code}). Abhilfe: Token, Nummer und Konto im WhatsApp Manager prüfen"));
                if self.trouble.swap(name, Ordering::Relaxed) != name {
                    tracing::error!(code, status, "Meta does not let us send: check token, number and account in the WhatsApp Manager");
                }
            }
            (_, _) => tracing::debug!(status, code, "message not taken"),
        }
    }
}

/// The deepest reason, without the address.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut deepest: &dyn std::error::Error = &error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// rustls with ring and Mozilla's roots: a device needs no certificates of its own, and nothing depends on a provider installed elsewhere.
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
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
