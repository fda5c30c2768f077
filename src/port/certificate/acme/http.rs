//! HTTP for ACME: one request after the other, bounded in time and size, and by the way a look at the authority's clock. Knows no order.

use super::failure::Failure;
use crate::config::AcmeConfig;
use crate::domain::time::Timestamp;
use crate::port::clock::Clock;
use crate::port::outward::{CONNECT, Outward, causes};
use crate::port::trust::{Roots, Unusable, believing};
use anyhow::{Context, anyhow};
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use hyper::{Request, Response};
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use reqwest::Client;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// For one request and its answer, connection included. Authorities are slow when everybody renews.
const EXCHANGE: Duration = Duration::from_secs(60);
/// One order takes a dozen requests within seconds; a connection that nobody needs is closed before the authority closes it.
const IDLE: Duration = Duration::from_secs(10);
/// Bytes of an answer: a chain has less than ten thousand.
const SIZE: usize = 256 * 1024;
/// Seconds by which the authority's clock may differ from ours. A certificate that was ordered by a wrong clock may not be valid yet, or
/// will be renewed at the wrong time; an hour is what authorities date back.
const CLOCK: u32 = 3600;
/// Longest pause that is believed: the longest of Let's Encrypt's limits is counted by the week.
const HOLD: u32 = 7 * 24 * 3600;

/// A client for one authority. Clones share.
#[derive(Clone)]
pub(super) struct Http {
    client: Client,
    clock: Clock,
    hold: Arc<AtomicU32>,
}

impl Http {
    /// # Errors
    /// A German sentence, if certificates or proxy cannot be used.
    pub(super) fn new(config: &AcmeConfig, outward: &Outward, clock: &Clock) -> anyhow::Result<Http> {
        let roots = config.roots.as_deref().map_or(Roots::Mozillas(None), Roots::Only);
        let tls = believing(roots, clock).map_err(|why| match why {
            Unusable::Empty => anyhow!("Wurzelzertifikate der Zertifizierungsstelle: in der Datei ist keines"),
            Unusable::NoPem | Unusable::Damaged | Unusable::Provider(_) => {
                anyhow!("Wurzelzertifikate der Zertifizierungsstelle: {why}")
            }
        })?;
        let client = outward.http(tls.with_no_client_auth())?.pool_idle_timeout(IDLE).connect_timeout(CONNECT).timeout(EXCHANGE);
        Ok(Http { client: client.build().context("kein HTTP-Client")?, clock: clock.clone(), hold: Arc::default() })
    }

    /// For how many seconds the latest answer asked us to stay away; 0 if it did not, or there was none.
    pub(super) fn hold(&self) -> u32 {
        self.hold.load(Ordering::Relaxed)
    }

    async fn exchange(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Failure> {
        self.hold.store(0, Ordering::Relaxed);
        let request = request.map(reqwest::Body::wrap).try_into().map_err(|error| unreachable(&error))?;
        let answer: Response<reqwest::Body> = self.client.execute(request).await.map_err(|error| unreachable(&error))?.into();
        let (mut parts, body) = answer.into_parts();
        let now = self.clock.now().second();
        if let Some(theirs) = date(&parts.headers)
            && theirs.since(now).max(now.since(theirs)) > CLOCK
        {
            return Err(Failure::Clock(theirs));
        }
        let hold = retry_after(&parts.headers, now);
        if !parts.status.is_success() {
            self.hold.store(hold.unwrap_or(0), Ordering::Relaxed);
        }
        // instant-acme adds it to the time as it comes, and panics if the sum is too large for the system.
        match hold {
            Some(seconds) => drop(parts.headers.insert(RETRY_AFTER, seconds.into())),
            None => drop(parts.headers.remove(RETRY_AFTER)),
        }
        let body = to_bytes(Body::new(body), SIZE).await.map_err(|error| Failure::Unreachable(innermost(&error)))?;
        Ok(BytesResponse { parts, body: Box::new(body) })
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let exchange = self.clone().exchange(request);
        Box::pin(async { exchange.await.map_err(|failure| instant_acme::Error::Other(Box::new(failure))) })
    }
}

/// RFC 9110 5.6.7. The obsolete forms count as none.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    parse(headers.get(DATE)?.to_str().ok()?)
}

fn parse(date: &str) -> Option<Timestamp> {
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    u32::try_from(at.as_second()).ok().map(Timestamp)
}

/// RFC 9110 10.2.3: seconds, or a date. In seconds, [`HOLD`] at most.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u32> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match value.parse::<u64>() {
        Ok(seconds) => u32::try_from(seconds).unwrap_or(HOLD),
        Err(_) => parse(value)?.since(now),
    };
    Some(seconds.min(HOLD))
}

/// Why there is no answer.
fn unreachable(error: &reqwest::Error) -> Failure {
    let distrusted = causes(error).filter_map(|cause| cause.downcast_ref::<rustls::Error>());
    if distrusted.into_iter().any(|error| matches!(error, rustls::Error::InvalidCertificate(_))) {
        return Failure::Distrusted;
    }
    Failure::Unreachable(innermost(error))
}

/// The innermost reason: the outer ones only say that there was one, and name the URL.
fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use reqwest::header::HeaderValue;

    #[test]
    fn a_pause_is_seconds_or_a_date_and_no_longer_than_a_week() {
        let told = |value: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
            retry_after(&headers, Timestamp(784_111_000))
        };
        assert_eq!((told("120"), told(" 0 "), told("Sun, 06 Nov 1994 08:49:37 GMT")), (Some(120), Some(0), Some(777)));
        assert_eq!((told("18446744073709551615"), told("4294967295"), told("604801")), (Some(HOLD), Some(HOLD), Some(HOLD)));
        assert_eq!((told("soon"), told("-1"), told("")), (None, None, None));
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp(0)), None);
    }

    #[tokio::test]
    async fn the_library_gets_no_pause_that_it_cannot_add_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let answer = get(async || ([(RETRY_AFTER, "18446744073709551615")], "{}"));
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", answer)).await });
        let config = AcmeConfig {
            directory: String::new(),
            contact: None,
            profile: None,
            roots: None,
            name: String::new(),
            folder: std::path::PathBuf::new(),
        };
        let http = Http::new(&config, &Outward::Direct, &Clock::System).expect("a client");
        let request = Request::get(format!("http://{address}/")).body(BodyWrapper::default()).expect("a request");
        let Ok(answer) = http.exchange(request).await else { panic!("it answers") };
        assert_eq!(answer.parts.headers.get(RETRY_AFTER), Some(&HeaderValue::from(HOLD)));
    }
}
