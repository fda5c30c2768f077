//! The way out through the tunnel, for libraries that know proxies: an HTTP CONNECT proxy on loopback. Serves nobody without the
//! credential, which is made anew at every start; looks nothing up, and sees only ciphertext.

use super::Tunnel;
use crate::port::stream::{Stream, patiently};
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONNECTION, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use secrecy::{ExposeSecret, SecretString};
use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::io::{InspectReader, InspectWriter};

/// Connections at once. The Graph API gets 72 at most, one for each message and each read receipt under way; a certificate order, the probe
/// and the broker one each.
pub const CONNECTIONS: usize = 80;
/// For a request's head, in bytes: it has a destination and a credential. The least that hyper takes.
const HEAD_BYTES: usize = 8 * 1024;
/// For a request's head: whoever is on this machine sends it at once.
const HEAD: Duration = Duration::from_secs(10);
/// A tunnel over which nothing goes for this long to twice as long is closed. MQTT pings every 30 s; what is kept for the next request is
/// given up by its library earlier.
const IDLE: Duration = Duration::from_secs(300);
/// Bytes copied at once.
const BUFFER: usize = 16 * 1024;

/// Serves until the listener breaks, and says why. The credential is the password of `Proxy-Authorization: Basic`, whatever the user is
/// called. Dropping the future closes all connections.
pub async fn serve(listener: &TcpListener, credential: &SecretString, tunnel: &Tunnel) -> io::Error {
    let (places, mut running) = (Arc::new(Semaphore::new(CONNECTIONS)), JoinSet::new());
    loop {
        while running.try_join_next().is_some() {}
        // When all are taken the next one waits, as at any other busy proxy.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return io::ErrorKind::BrokenPipe.into() };
        let stream = match patiently(|| listener.accept()).await {
            Ok((stream, _)) => stream,
            Err(error) => return error,
        };
        let (credential, tunnel) = (credential.clone(), tunnel.clone());
        running.spawn(async move {
            converse(stream, credential, tunnel).await;
            drop(place);
        });
    }
}

/// One connection: one request, and then bytes.
async fn converse(stream: TcpStream, credential: SecretString, tunnel: Tunnel) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES).keep_alive(false);
    let agreed = Mutex::new(None);
    let service = service_fn(|request| async { Ok::<_, Infallible>(answer(request, &credential, &tunnel, &agreed).await) });
    // How it ends concerns only who asked.
    let served = server.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    let agreed = agreed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if served.is_ok()
        && let Some((upgrade, outside)) = agreed
        && let Ok(Ok(inside)) = timeout(HEAD, upgrade).await
    {
        carry(TokioIo::new(inside), outside).await;
    }
}

/// What is left to do after the answer: both sides of the connection that was asked for.
type Agreed = Mutex<Option<(OnUpgrade, Stream)>>;

async fn answer(mut request: Request<Incoming>, credential: &SecretString, tunnel: &Tunnel, agreed: &Agreed) -> Response<Body> {
    if request.method() != Method::CONNECT {
        return says(StatusCode::METHOD_NOT_ALLOWED, "only CONNECT", Some((ALLOW, "CONNECT")));
    }
    if !knows(request.headers().get(PROXY_AUTHORIZATION), credential) {
        let why = "the credential is another one";
        return says(StatusCode::PROXY_AUTHENTICATION_REQUIRED, why, Some((PROXY_AUTHENTICATE, "Basic realm=\"drk-relay\"")));
    }
    let Some((host, port)) = request.uri().authority().and_then(|to| Some((to.host().to_owned(), to.port_u16()?))) else {
        return says(StatusCode::BAD_REQUEST, "no destination like host:port", None);
    };
    match tunnel.open(host.trim_matches(['[', ']']), port).await {
        Ok(outside) => {
            *agreed.lock().unwrap_or_else(PoisonError::into_inner) = Some((hyper::upgrade::on(&mut request), outside));
            Response::new(Body::empty())
        }
        Err(error) => {
            tracing::debug!(%error, "no connection through the tunnel");
            says(StatusCode::BAD_GATEWAY, &error.to_string(), None)
        }
    }
}

fn says(status: StatusCode, why: &str, header: Option<(HeaderName, &'static str)>) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{why}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    if let Some((name, value)) = header {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether the header carries the credential (RFC 7617). Compared in constant time: other programs on this machine can knock, too.
fn knows(header: Option<&HeaderValue>, credential: &SecretString) -> bool {
    let encoded = header.and_then(|value| value.to_str().ok()).and_then(|value| value.split_once(' '));
    let encoded = encoded.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Basic")).map(|(_, encoded)| encoded.trim());
    let pair = encoded.and_then(|encoded| STANDARD.decode(encoded).ok()).unwrap_or_default();
    let password = pair.iter().position(|byte| *byte == b':').and_then(|colon| pair.get(colon + 1..));
    password.is_some_and(|password| password.ct_eq(credential.expose_secret().as_bytes()).into())
}

/// Bytes in both directions, until both sides have said all, one breaks, or nothing has moved for long.
async fn carry(mut inside: impl AsyncRead + AsyncWrite + Unpin, outside: Stream) {
    let moved = AtomicU64::new(0);
    let moving = |_: &[u8]| {
        moved.fetch_add(1, Ordering::Relaxed);
    };
    let mut outside = InspectReader::new(InspectWriter::new(outside, moving), moving);
    let idle = async {
        let mut before = u64::MAX;
        while before != moved.load(Ordering::Relaxed) {
            before = moved.load(Ordering::Relaxed);
            sleep(IDLE).await;
        }
    };
    tokio::select! {
        _ = copy_bidirectional_with_sizes(&mut inside, &mut outside, BUFFER, BUFFER) => {}
        () = idle => tracing::debug!("a connection through the tunnel was idle and is closed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[test]
    fn only_the_password_counts_and_all_of_it() {
        let secret = SecretString::from("geheim");
        let header = |text: &str| HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(text))).expect("a header");
        assert!(knows(Some(&header("relay:geheim")), &secret) && knows(Some(&header(":geheim")), &secret));
        for wrong in ["relay:geheim ", "relay:gehei", "geheim", "relay:", "", "geheim:"] {
            assert!(!knows(Some(&header(wrong)), &secret), "{wrong}");
        }
        let other = HeaderValue::from_static("Bearer geheim");
        assert!(!knows(None, &secret) && !knows(Some(&other), &secret) && !knows(Some(&HeaderValue::from_static("Basic ?")), &secret));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_idle_ends_and_what_is_not_does_not() {
        let ((mut here, inside), (mut there, outside)) = (duplex(64), duplex(64));
        let carrying = tokio::spawn(carry(inside, Box::new(outside)));
        // As MQTT does, but more rarely.
        for _ in 0..10 {
            // waits: on the paused clock.
            sleep(IDLE - Duration::from_secs(1)).await;
            here.write_all(b"x").await.expect("open");
            assert_eq!(there.read_u8().await.expect("open"), b'x');
        }
        // waits: on the paused clock.
        sleep(IDLE * 2 + Duration::from_secs(1)).await;
        assert!(carrying.is_finished());
        assert_eq!(here.read(&mut [0; 8]).await.expect("the end"), 0);
    }
}
