//! `drk-relay webhook register` between a device and a Graph API that calls the address back before it agrees, as Meta does.

use super::{Chain, Host, VERIFY_TOKEN};
use crate::program::{Machine, Place, TOKEN};
use crate::webhook::NUMBER;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// How it behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Agrees,
    /// Calls back and gets no answer that it likes.
    CannotReach,
    /// Keeps what another branch has set.
    Forgets,
}

/// Meta's side: what was set, and by what the address is reached.
struct Graph {
    mood: Mood,
    client: reqwest::Client,
    set: Mutex<Option<String>>,
}

/// WhatsApp docs: webhooks, override.
async fn set(State(graph): State<Arc<Graph>>, Path(path): Path<(String, String)>, head: HeaderMap, body: String) -> (StatusCode, String) {
    let refused = |code: u32, words: &str| {
        let error = json!({ "error": { "message": words, "type": "OAuthException", "code": code, "fbtrace_id": "x" } });
        (StatusCode::BAD_REQUEST, error.to_string())
    };
    if head["authorization"] != format!("Bearer {TOKEN}") || path != ("v26.0".to_owned(), NUMBER.to_owned()) {
        return refused(190, "Invalid OAuth access token");
    }
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let field = |name: &str| body["webhook_configuration"][name].as_str().expect("text").to_owned();
    let (url, token) = (field("override_callback_uri"), field("verify_token"));
    let query = [("hub.mode", "subscribe"), ("hub.challenge", "1158201444"), ("hub.verify_token", token.as_str())];
    let asked = graph.client.get(reqwest::Url::parse_with_params(&url, query).expect("a URL")).send().await;
    let answer = asked.expect("it was asked before").text().await.expect("text");
    if graph.mood == Mood::CannotReach || answer != "1158201444" {
        return refused(2_200, "(#2200) Callback verification failed");
    }
    *graph.set.lock().unwrap_or_else(PoisonError::into_inner) = Some(url);
    (StatusCode::OK, json!({ "success": true }).to_string())
}

async fn get(State(graph): State<Arc<Graph>>) -> String {
    let own = graph.set.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let own = if graph.mood == Mood::Forgets { Some("https://wa.other.example/webhook".to_owned()) } else { own };
    let all = json!({ "application": "https://app.example/webhook", "phone_number": own });
    json!({ "webhook_configuration": all, "id": NUMBER }).to_string()
}

/// What the command prints between `chain` and a Graph API of this mood: its exit code, what it says and its last words.
async fn registered(chain: &Chain, mood: Mood, verify_token: &str) -> (Option<i32>, String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let machine = Machine::new(Place::reserve().address, listener.local_addr().expect("bound"));
    machine.write("verify-token", verify_token, 0o600);
    machine.write("ca.pem", std::str::from_utf8(&chain.authority.root).expect("PEM"), 0o644);
    let ways = format!("[ingress]\nurl = \"https://localhost:{}\"\n", chain.port);
    machine.edit("relay.toml", "[ingress]\n", &format!("[egress]\nca_file = \"ca.pem\"\n{ways}"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(certificates(&chain.authority.root));
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let tls = tls.with_safe_default_protocol_versions().expect("TLS").with_root_certificates(roots).with_no_client_auth();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().expect("a client");
    let router = Router::new().route("/{version}/{number}", post(set).get(get));
    let router = router.with_state(Arc::new(Graph { mood, client, set: Mutex::default() }));
    let _graph = AbortOnDropHandle::new(tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") }));
    machine.says(&["webhook", "register"]).await
}

fn certificates(pem: &[u8]) -> Vec<rustls::pki_types::CertificateDer<'static>> {
    use rustls::pki_types::pem::PemObject;
    rustls::pki_types::CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().expect("PEM")
}

#[tokio::test]
async fn a_number_says_where_its_webhooks_go() {
    let chain = Chain::new(Host::Passes).await;
    let (code, said, last) = registered(&chain, Mood::Agrees, VERIFY_TOKEN).await;
    assert_eq!(code, Some(0), "{said}{last}");
    let address = format!("https://localhost:{}/webhook", chain.port);
    for line in [format!("✓ {address} beantwortet Metas Prüfung."), format!("✓ Die Webhooks der Nummer {NUMBER} kommen hierher.")] {
        assert!(said.contains(&line), "{said}");
    }
}

#[tokio::test]
async fn what_keeps_it_from_that_is_said() {
    let chain = Chain::new(Host::Passes).await;
    for (mood, token, words) in [
        (Mood::Agrees, "another", "kennt aber dieses Prüfwort nicht"),
        (Mood::CannotReach, VERIFY_TOKEN, "Meta lehnt ab (Code 2200): (#2200) Callback verification failed Abhilfe: Meta hat die Adresse"),
        (Mood::Forgets, VERIFY_TOKEN, "Meta liefert weiter an https://wa.other.example/webhook"),
    ] {
        let (code, said, last) = registered(&chain, mood, token).await;
        assert_eq!(code, Some(1), "{said}{last}");
        assert!(last.contains(words), "{last}");
        assert!(!format!("{said}{last}").contains(token) || token == "another", "the token is not shown");
    }
    let (code, _, last) = registered(&Chain::new(Host::HangsUp).await, Mood::Agrees, VERIFY_TOKEN).await;
    assert_eq!((code, last.contains("Relay-Host: localhost führt nicht bis hierher")), (Some(1), true), "{last}");
}
