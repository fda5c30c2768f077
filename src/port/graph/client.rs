//! The HTTP client: whose certificates it trusts, through which proxy it goes, how long it waits for a connection. Knows no message.

use crate::config::GraphConfig;
use crate::port::clock::Clock;
use crate::port::outward::Outward;
use crate::port::trust::{Roots, believing};
use anyhow::{Context, anyhow};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder};
use secrecy::ExposeSecret;
use std::time::Duration;

/// For the connection, through proxy and TLS, less than an attempt: there is time left for an answer.
const CONNECT: Duration = Duration::from_secs(8);
/// Unused connections are closed before Meta closes them, because a request that meets a closing one has an unknown outcome.
const IDLE: Duration = Duration::from_secs(30);
/// Questions in a row go over one connection: on a slow line the first, which has to connect, takes too long to tell anything. Later ones
/// ask another of Meta's servers, perhaps.
const WARM: Duration = Duration::from_secs(3);

/// A client that shows the token with every request.
///
/// # Errors
/// If token, proxy or certificates cannot be used: a German sentence without any of them.
pub(super) fn client(config: &GraphConfig, clock: &Clock, connections: usize) -> anyhow::Result<Client> {
    let mut token = HeaderValue::from_str(&format!("Bearer {}", config.token.expose_secret()))
        .map_err(|_| anyhow!("whatsapp.token_file: der Token enthält unerlaubte Zeichen"))?;
    token.set_sensitive(true);
    let client = stranger(config, clock)?.default_headers(HeaderMap::from_iter([(AUTHORIZATION, token)]));
    client.pool_idle_timeout(IDLE).pool_max_idle_per_host(connections).build().context("kein HTTP-Client")
}

/// A client by the same way that shows no token, because it only wants to know what time it is.
///
/// # Errors
/// As [`client`].
pub(super) fn timekeeper(config: &GraphConfig, clock: &Clock) -> anyhow::Result<Client> {
    stranger(config, clock)?.pool_idle_timeout(WARM).pool_max_idle_per_host(1).build().context("kein HTTP-Client")
}

fn stranger(config: &GraphConfig, clock: &Clock) -> anyhow::Result<ClientBuilder> {
    let tls = believing(Roots::Mozillas(config.extra_roots.as_deref()), clock).map_err(|why| anyhow!("egress.ca_file: {why}"))?;
    let outward = config.proxy.clone().map_or(Outward::Direct, Outward::Proxy);
    Ok(outward.http(tls.with_no_client_auth())?.connect_timeout(CONNECT))
}
