//! An authority that does what a test wants, for what pebble cannot: advice on renewal, profiles, limits, and a clock of its own. It checks
//! no signature and validates no name: orders are ready at once.

use super::DAY;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drk_relay::domain::time::Timestamp;
use drk_relay::port::clock::Clock;
use rcgen::{BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// What it does.
pub(super) struct Script {
    pub(super) profiles: bool,
    /// From when until when to renew, and how many seconds later to ask again.
    pub(super) advice: Option<(Timestamp, Timestamp, u32)>,
    /// Orders get this answer: status, kind, detail, `Retry-After`.
    pub(super) refusal: Option<(u16, &'static str, String, Option<u32>)>,
    /// Only orders that replace something get it.
    pub(super) refuses_replacing_only: bool,
    /// Seconds that a certificate is good.
    pub(super) lifetime: u32,
    /// Everything that was asked, and when: the path, and what was posted.
    pub(super) heard: Vec<(Timestamp, String, Value)>,
    certificate: String,
}

pub(super) struct Authority {
    pub(super) directory: String,
    state: Arc<Inside>,
    _server: AbortOnDropHandle<()>,
}

struct Inside {
    base: String,
    clock: Clock,
    issuer: CertifiedIssuer<'static, KeyPair>,
    script: Mutex<Script>,
}

impl Authority {
    /// Its clock shows what `clock` shows.
    pub(super) async fn start(clock: &Clock) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let script = Script {
            profiles: false,
            advice: None,
            refusal: None,
            refuses_replacing_only: false,
            lifetime: 45 * DAY,
            heard: Vec::new(),
            certificate: String::new(),
        };
        let state = Arc::new(Inside { base: base.clone(), clock: clock.clone(), issuer, script: Mutex::new(script) });
        let router = Router::new()
            .route("/directory", get(directory))
            .route("/nonce", get(|| async {}))
            .route("/account", post(account))
            .route("/order", post(new_order))
            .route("/order/1", post(order))
            .route("/finalize", post(finalize))
            .route("/certificate", post(certificate))
            .route("/advice/{id}", get(advice))
            .layer(from_fn_with_state(Arc::clone(&state), stamp))
            .with_state(Arc::clone(&state));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Authority { directory: format!("{base}/directory"), state, _server: AbortOnDropHandle::new(server) }
    }

    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        self.state.script.lock().expect("whole")
    }

    /// What was posted there, and when.
    pub(super) fn heard(&self, path: &str) -> Vec<(Timestamp, Value)> {
        let heard = &self.script().heard;
        heard.iter().filter(|(_, heard, _)| heard.starts_with(path)).map(|(at, _, what)| (*at, what.clone())).collect()
    }
}

/// Notes what is asked, and puts date and nonce on every answer.
async fn stamp(State(inside): State<Arc<Inside>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 * 1024).await.expect("short");
    let payload = serde_json::from_slice::<Value>(&body).ok().and_then(|json| URL_SAFE_NO_PAD.decode(json["payload"].as_str()?).ok());
    let what = payload.and_then(|payload| serde_json::from_slice::<Value>(&payload).ok()).unwrap_or_default();
    let now = inside.clock.now().second();
    inside.script.lock().expect("whole").heard.push((now, parts.uri.path().to_owned(), what));
    let mut answer = next.run(Request::from_parts(parts, body.into())).await;
    let date = jiff::Timestamp::from_second(now.0.into()).expect("a time").strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    answer.headers_mut().insert(header::DATE, HeaderValue::from_str(&date).expect("ASCII"));
    answer.headers_mut().insert("replay-nonce", HeaderValue::from_static("bm9uY2U"));
    answer
}

type Shared = State<Arc<Inside>>;

fn told(status: StatusCode, location: Option<String>, body: &Value) -> Response {
    let mut headers = HeaderMap::new();
    if let Some(location) = location {
        headers.insert(header::LOCATION, HeaderValue::from_str(&location).expect("ASCII"));
    }
    (status, headers, body.to_string()).into_response()
}

async fn directory(State(inside): Shared) -> Response {
    let (base, script) = (&inside.base, inside.script.lock().expect("whole"));
    let mut directory = json!({
        "newNonce": format!("{base}/nonce"),
        "newAccount": format!("{base}/account"),
        "newOrder": format!("{base}/order"),
        "meta": {},
    });
    if script.profiles {
        directory["meta"]["profiles"] = json!({ "classic": "as ever", "tlsserver": "for servers" });
    }
    if script.advice.is_some() {
        directory["renewalInfo"] = format!("{base}/advice").into();
    }
    told(StatusCode::OK, None, &directory)
}

async fn account(State(inside): Shared) -> Response {
    told(StatusCode::CREATED, Some(format!("{}/account/1", inside.base)), &json!({ "status": "valid" }))
}

fn order_at(inside: &Inside, status: &str) -> Value {
    let script = inside.script.lock().expect("whole");
    let replaces = script.heard.iter().rev().find(|(_, path, _)| path == "/order").map(|(_, _, what)| what["replaces"].clone());
    json!({
        "status": status,
        "authorizations": [],
        "finalize": format!("{}/finalize", inside.base),
        "certificate": format!("{}/certificate", inside.base),
        "replaces": replaces,
    })
}

async fn new_order(State(inside): Shared) -> Response {
    {
        let script = inside.script.lock().expect("whole");
        let replacing = script.heard.last().is_some_and(|(_, _, what)| !what["replaces"].is_null());
        if let Some((status, kind, detail, hold)) = &script.refusal
            && (replacing || !script.refuses_replacing_only)
        {
            let problem = json!({ "type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail });
            let mut answer = told(StatusCode::from_u16(*status).expect("a status"), None, &problem);
            if let Some(hold) = hold {
                answer.headers_mut().insert(header::RETRY_AFTER, (*hold).into());
            }
            return answer;
        }
    }
    told(StatusCode::CREATED, Some(format!("{}/order/1", inside.base)), &order_at(&inside, "ready"))
}

async fn order(State(inside): Shared) -> Response {
    let done = !inside.script.lock().expect("whole").certificate.is_empty();
    told(StatusCode::OK, None, &order_at(&inside, if done { "valid" } else { "ready" }))
}

async fn finalize(State(inside): Shared) -> Response {
    {
        let mut script = inside.script.lock().expect("whole");
        let csr = script.heard.last().and_then(|(_, _, what)| URL_SAFE_NO_PAD.decode(what["csr"].as_str()?).ok()).expect("a request");
        let mut request = CertificateSigningRequestParams::from_der(&csr.into()).expect("readable");
        let now = Duration::from_secs(inside.clock.now().0 / 1000);
        request.params.not_before = date_time_ymd(1970, 1, 1) + now;
        request.params.not_after = date_time_ymd(1970, 1, 1) + now + Duration::from_secs(script.lifetime.into());
        request.params.use_authority_key_identifier_extension = true;
        script.certificate = request.signed_by(&inside.issuer).expect("signed").pem();
    }
    told(StatusCode::OK, None, &order_at(&inside, "processing"))
}

async fn certificate(State(inside): Shared) -> Response {
    // The next order begins anew.
    std::mem::take(&mut inside.script.lock().expect("whole").certificate).into_response()
}

async fn advice(State(inside): Shared, Path(_): Path<String>) -> Response {
    let advice = inside.script.lock().expect("whole").advice;
    let Some((start, end, again)) = advice else { return StatusCode::NOT_FOUND.into_response() };
    let time = |at: Timestamp| jiff::Timestamp::from_second(at.0.into()).expect("a time").to_string();
    let mut answer = told(StatusCode::OK, None, &json!({ "suggestedWindow": { "start": time(start), "end": time(end) } }));
    answer.headers_mut().insert(header::RETRY_AFTER, again.into());
    answer
}
