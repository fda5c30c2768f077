//! Where Meta's webhooks arrive. Decides nothing, remembers nothing and answers nobody: it proves who speaks, hands over what was said as
//! one arrival, and says 200 once that is durable. Anything but 200 makes Meta send the same webhook again, for up to seven days, so only
//! what a repetition can heal gets another answer (WhatsApp docs: webhooks, create-webhook-endpoint).
//!
//! Where connections come from, and TLS, is not here. The bytes are read by hyper, because `axum::serve` has no time-outs; axum only finds
//! the handler.

mod places;
mod upload;
pub mod wire;

use super::knock::{self, Knocks};
use super::link::Link;
use super::pseudonym::Pseudonyms;
use super::stream::{Source, Stream, Visitor};
use super::{Arrival, Inbox};
use crate::config::WebhookConfig;
use crate::domain::event::Event;
use crate::domain::ids::InstanceId;
use crate::domain::time::Timestamp;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hmac::{Hmac, KeyInit, Mac};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use places::{Places, Visit};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::time::timeout;
use upload::{BODY, Upload, Uploads};
use wire::Reader;

/// Connections at once. Meta sends up to 3 × outgoing + incoming webhooks, 320 a second at 80 messages a second; a commit takes less than
/// 100 ms, so 32 are busy, and as many again may idle. When all are taken, a newcomer gets the place of whoever was idle longest.
const CONNECTIONS: usize = 64;
/// For a request's head, in bytes: Meta's has a few hundred, and the loopback side of a tunnel adds some.
const HEAD_BYTES: usize = 16 * 1024;
/// For a request's head, and how long a connection may idle: Meta sends it at once, and a place must become free again.
const HEAD: Duration = Duration::from_secs(10);
/// For the commit. Meta is reported to wait 5 to 10 s, so a later answer reaches nobody.
const COMMIT: Duration = Duration::from_secs(20);
/// For a connection as a whole; then it may finish what it has begun, and Meta makes another. hyper has no time-out for writing: who sends
/// requests and reads no answers would keep the place for ever.
const CONNECTION: Duration = Duration::from_secs(300);
/// Requests over one connection; then Meta makes another. Their answers, 120 bytes each with TLS, fit into what the relay host takes for
/// someone who does not read (2 MiB), so that nobody can stop the tunnel for all by sending and not reading.
const REQUESTS: u32 = 10_000;
/// For what it has begun: longer than a body and its commit together.
const FAREWELL: Duration = Duration::from_secs(60);

/// What the port hands on to.
#[derive(Clone, Debug)]
pub struct Behind {
    /// Where arrivals go.
    pub inbox: Inbox,
    /// Up while Meta's webhooks come.
    pub link: Link,
    /// Hears the relay's own knocks.
    pub knocks: Knocks,
}

/// Serves until the source is broken, and says why. Each connection first has to get through `enter`; how long it takes there counts for
/// its place. Dropping the future closes all connections.
pub async fn serve<E>(
    source: &mut Source,
    enter: impl Fn(Stream) -> E,
    config: &WebhookConfig,
    pseudonyms: &Pseudonyms,
    instance: InstanceId,
    behind: &Behind,
) -> io::Error
where
    E: Future<Output = Option<Visitor>> + Send + 'static,
{
    let reader = Reader::new(&config.phone_number_id, pseudonyms.clone(), instance);
    let (config, behind) = (config.clone(), behind.clone());
    let knocks = behind.knocks.clone();
    let door = Door { config, reader, behind, mismatch: AtomicBool::new(false), uploads: Uploads::new() };
    let knock = format!("{}{{nonce}}", knock::PATH);
    let router = Router::new().route(knock::WEBHOOK, get(verify).post(receive)).route(&knock, get(answer));
    let router = router.with_state(Arc::new(door));
    let mut places = Places::new(CONNECTIONS);
    loop {
        let stream = match source.accept().await {
            Ok(stream) => stream,
            Err(error) => return error,
        };
        knocks.visited();
        places.free().await;
        let (entering, router) = (enter(stream), router.clone());
        places.take(|visit| async move {
            if let Some(visitor) = entering.await {
                converse(visitor, router, visit).await;
            }
        });
    }
}

/// One connection until it ends. How it ends concerns only Meta, who comes again.
async fn converse(Visitor { stream, proven }: Visitor, router: Router, visit: Arc<Visit>) {
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    let router = TowerToHyperService::new(router);
    let answered = AtomicU32::new(0);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&visit));
        request.extensions_mut().insert(Proven(proven));
        let last = answered.fetch_add(1, Ordering::Relaxed) + 1 >= REQUESTS;
        let answer = router.call(request);
        async move {
            let mut answer = answer.await?;
            if last {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    let ended = match timeout(CONNECTION, connection.as_mut()).await {
        Ok(ended) => Ok(ended),
        Err(_) => {
            connection.as_mut().graceful_shutdown();
            timeout(FAREWELL, connection).await
        }
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "connection ended early"),
        Err(_) => tracing::debug!("connection cut: it takes no answers"),
    }
}

/// Whether a connection is Meta's, or need not prove it.
#[derive(Clone, Copy)]
struct Proven(bool);

/// What every request needs.
struct Door {
    config: WebhookConfig,
    reader: Reader,
    behind: Behind,
    /// Whether the latest signature was wrong: the technician is told once, not with each of seven days' repetitions.
    mismatch: AtomicBool,
    uploads: Uploads,
}

/// Meta asks whether the address is ours (WhatsApp docs: create-webhook-endpoint, verification requests). A parameter that is there twice
/// means nothing.
async fn verify(State(door): State<Arc<Door>>, query: Result<Query<Vec<(String, String)>>, QueryRejection>) -> Response {
    let pairs = query.map(|Query(pairs)| pairs).unwrap_or_default();
    let only = |name: &str| {
        let mut values = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let value = values.next()?;
        values.next().is_none().then_some(value)
    };
    match (only("hub.mode"), only("hub.challenge"), only("hub.verify_token")) {
        (Some("subscribe"), Some(challenge), Some(token)) if same(token, door.config.verify_token.expose_secret()) => {
            ([(header::CONTENT_TYPE, "text/plain")], challenge.to_owned()).into_response()
        }
        (_, _, _) => StatusCode::FORBIDDEN.into_response(),
    }
}

fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// The relay itself, from outside. Whoever else comes learns nothing.
async fn answer(State(door): State<Arc<Door>>, Path(nonce): Path<String>) -> StatusCode {
    if door.behind.knocks.heard(&nonce) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

/// A webhook. The cheap refusals first: nobody makes us hold a body without a well-formed signature.
async fn receive(
    State(door): State<Arc<Door>>,
    Extension(visit): Extension<Arc<Visit>>,
    Extension(Proven(proven)): Extension<Proven>,
    request: Request,
) -> Response {
    if !proven {
        door.behind.link.doubted("ein Webhook kam ohne Metas Zertifikat. Abhilfe: ist in Metas App mTLS eingeschaltet?");
        return StatusCode::FORBIDDEN.into_response();
    }
    let Some(signature) = signature(request.headers()) else { return StatusCode::UNAUTHORIZED.into_response() };
    let promised = promised(request.headers());
    if promised.is_some_and(|length| length > BODY) {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    let Upload { body, room: _room } = match door.uploads.read(request.into_body(), promised).await {
        Ok(upload) => upload,
        Err(status) => return status.into_response(),
    };
    let _answering = visit.answering();
    if !door.signed(&body, &signature) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut events = door.reader.events(&body).unwrap_or_else(|unreadable| {
        tracing::warn!(%unreadable, bytes = body.len(), "a signed webhook was not understood: acknowledged and skipped");
        Vec::new()
    });
    drop(body);
    if let Some(latest) = events.iter().filter_map(stamp).max() {
        door.behind.link.clock().heard(latest);
    }
    if events.is_empty() {
        // Whatever it is, it is Meta's, and it has found its way.
        events.push(Event::Proof);
    }
    door.commit(events).await.into_response()
}

impl Door {
    /// Whether these bytes, exactly as they came, are Meta's: decoded and encoded again they would be others.
    fn signed(&self, body: &[u8], signature: &[u8]) -> bool {
        // All of them, whichever fits: how long it takes tells nobody which.
        let signs = |secret: &SecretString| signs(secret.expose_secret(), body, signature);
        let right = self.config.app_secrets.iter().map(signs).fold(false, |one, other| one | other);
        if !self.mismatch.swap(!right, Ordering::Relaxed) && !right {
            tracing::warn!("webhook with a wrong signature refused: if it came from Meta, check the app secret");
        }
        if right {
            self.behind.link.up();
        } else {
            self.behind.link.doubted("die Signatur eines Webhooks ist falsch. Abhilfe: wenn er von Meta kam, das App-Secret prüfen");
        }
        right
    }

    async fn commit(&self, events: Vec<Event>) -> StatusCode {
        let (arrival, durable) = Arrival::awaited(events);
        let committed = async { self.behind.inbox.send(arrival).await.is_ok() && durable.await.is_ok() };
        match timeout(COMMIT, committed).await {
            Ok(true) => StatusCode::OK,
            Ok(false) | Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// When it happened, by Meta's clock.
fn stamp(event: &Event) -> Option<Timestamp> {
    match event {
        Event::Heard(heard) => Some(heard.at),
        Event::Moved(moved) => Some(moved.at),
        Event::Status(status) => Some(status.at),
        Event::Started | Event::ClockTrusted | Event::ClockDoubted | Event::Figure(_) | Event::Account(_) | Event::Proof => None,
        Event::Validate(_) | Event::Asked(_) => None,
        Event::Sent { .. } | Event::Rewritten | Event::RewriteFailed | Event::Due(_) => None,
    }
}

fn signs(secret: &str, body: &[u8], signature: &[u8]) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(body);
    mac.verify_slice(signature).is_ok()
}

/// How long the head says that the body is. hyper reads no more than was promised.
fn promised(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The one signature of the head: `sha256=` and 64 hexadecimal digits. Meta writes small letters; what counts are the bytes they mean.
fn signature(headers: &HeaderMap) -> Option<[u8; 32]> {
    let mut values = headers.get_all("x-hub-signature-256").iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let digits = value.to_str().ok()?.strip_prefix("sha256=")?.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut signature = [0; 32];
    for (byte, pair) in signature.iter_mut().zip(digits.chunks(2)) {
        *byte = pair.iter().try_fold(0, |value: u8, digit| Some(value << 4 | u8::try_from(char::from(*digit).to_digit(16)?).ok()?))?;
    }
    Some(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ESCAPED: &str = concat!(
        r#"{"object":"whatsapp_business_account","entry":[{"id":"100000000000001","changes":[{"field":"messages","value":"#,
        r#"{"text":"Gr\u00fc\u00dfe \ud83d\ude00 a\u0040b.de https:\/\/example.org\/x"}}]}]}"#
    );
    const UNESCAPED: &str = concat!(
        r#"{"object":"whatsapp_business_account","entry":[{"id":"100000000000001","changes":[{"field":"messages","value":"#,
        r#"{"text":"Grüße 😀 a@b.de https://example.org/x"}}]}]}"#
    );

    fn parsed(value: &str) -> Option<[u8; 32]> {
        let mut headers = HeaderMap::new();
        headers.insert("x-hub-signature-256", HeaderValue::from_str(value).expect("a header"));
        signature(&headers)
    }

    #[test]
    fn the_raw_bytes_are_signed() {
        assert_eq!((ESCAPED.len(), UNESCAPED.len()), (191, 167));
        let vectors = [
            (r#"{"object":"whatsapp_business_account","entry":[]}"#, "dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756"),
            (r#"{"object": "whatsapp_business_account", "entry": []}"#, "56cbbaf4961c6cfdae48b7f116c047e5eb513d2c931baae63a2bc1afd26f803a"),
            (ESCAPED, "40aa5601be149ead3eb6126de2fe7bd148e6a59caa04704fbca3363cda59ccd7"),
            (UNESCAPED, "5a28f3bb934d18e8aad46fc4546b01eb84614177f5d8e0012cb522d8e46d7817"),
        ];
        for (index, (body, _)) in vectors.iter().enumerate() {
            for (other, (_, digest)) in vectors.iter().enumerate() {
                let signature = parsed(&format!("sha256={digest}")).expect("well-formed");
                assert_eq!(signs("test_app_secret", body.as_bytes(), &signature), index == other, "{body}");
            }
        }
    }

    #[test]
    fn a_signature_has_one_shape() {
        let digest = "dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756";
        assert_eq!(parsed(&format!("sha256={digest}")), parsed(&format!("sha256={}", digest.to_uppercase())));
        assert!(parsed(&format!("sha256={digest}")).is_some());
        let (short, long, sign) = (&digest[1..], format!("{digest}0"), digest.replace("de", "+e"));
        for wrong in
            [digest, "", "sha256=", "sha1=dec6a680", &format!("sha256={short}"), &format!("sha256={long}"), &format!("sha256={sign}")]
        {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
        let mut twice = HeaderMap::new();
        for _ in 0..2 {
            twice.append("x-hub-signature-256", HeaderValue::from_str(&format!("sha256={digest}")).expect("a header"));
        }
        assert_eq!(signature(&twice), None);
    }
}
