//! The HTTP client: whose certificates it trusts, through which proxy it goes, how long it waits for a connection. Knows no message.

use crate::config::GraphConfig;
use crate::port::clock::Clock;
use crate::port::trust::{Roots, believing};
use anyhow::{Context, anyhow, bail};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, Proxy, Url};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// For the connection, through proxy and TLS, less than an attempt: there is time left for an answer.
const CONNECT: Duration = Duration::from_secs(8);
/// Unused connections are closed before Meta closes them, because a request that meets a closing one has an unknown outcome.
const IDLE: Duration = Duration::from_secs(30);
/// Questions in a row go over one connection: on a slow line the first, which has to connect, takes too long to tell anything. Later ones
/// ask another of Meta's servers, perhaps.
const WARM: Duration = Duration::from_secs(3);

/// A client that shows the token with every request, follows nobody elsewhere and never asks twice: what was asked twice may be sent twice.
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
    let mut client = Client::builder()
        .tls_backend_preconfigured(tls.with_no_client_auth())
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        // Not from the environment: a proxy is said in relay.toml or there is none.
        .no_proxy()
        .connect_timeout(CONNECT);
    if let Some(address) = &config.proxy {
        client = client.proxy(proxy(address)?);
    }
    Ok(client)
}

/// CONNECT or SOCKS 5, with user and password if the address carries them.
fn proxy(address: &SecretString) -> anyhow::Result<Proxy> {
    // reqwest would quote the address, password and all.
    let url =
        Url::parse(address.expose_secret()).map_err(|_| anyhow!("egress.proxy: keine gültige Adresse, zum Beispiel \"{EXAMPLE}\""))?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") || url.host_str().is_none_or(str::is_empty) {
        bail!("egress.proxy: erlaubt sind http://, https://, socks5:// und socks5h://, zum Beispiel \"{EXAMPLE}\"");
    }
    Proxy::all(url).map_err(|_| anyhow!("egress.proxy: keine gültige Adresse, zum Beispiel \"{EXAMPLE}\""))
}

const EXAMPLE: &str = "http://proxy.example.org:3128";
