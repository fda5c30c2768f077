//! The heartbeat: an address outside that hears from the relay again and again, and tells people when it does not. Decides nothing about
//! when. The conventions are those of healthchecks.io: a request to the address says that all is well, one to `<address>/fail` that it is
//! not, and its body is shown to people.

use super::Standing;
use crate::config::HeartbeatConfig;
use crate::port::clock::Clock;
use crate::port::outward::{Outward, causes};
use crate::port::trust::{Roots, believing};
use anyhow::{Context, anyhow};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// For one heartbeat, from the name lookup to the answer's first line, on a slow mobile line.
const BEATING: Duration = Duration::from_secs(20);

/// Who hears from us.
#[derive(Debug)]
pub struct Heartbeat {
    client: Client,
    well: SecretString,
    /// Where it is said that something is wrong; nothing if it is not said there.
    fail: Option<SecretString>,
    /// How often.
    pub interval: Duration,
}

/// Why nobody heard us. Never names the address.
#[derive(Debug, thiserror::Error)]
pub enum Unheard {
    /// No connection, or no answer.
    #[error("keine Antwort ({0}). Abhilfe: die Adresse, das Netz und den Weg nach draußen ([egress]) prüfen")]
    Silent(String),
    /// It is somewhere else, where nobody may be told the address.
    #[error("die Adresse leitet weiter (HTTP {0}). Abhilfe: die Adresse eintragen, zu der sie führt")]
    Elsewhere(u16),
    /// Any other answer but "yes".
    #[error("die Antwort ist HTTP {0}. Abhilfe: die Adresse mit der vergleichen, die der Dienst anzeigt")]
    Refused(u16),
}

impl Heartbeat {
    /// One that goes by `outward`.
    ///
    /// # Errors
    /// If address, proxy or certificates cannot be used: a German sentence without any of them.
    pub fn new(config: &HeartbeatConfig, outward: &Outward, clock: &Clock) -> anyhow::Result<Heartbeat> {
        let tls = believing(Roots::Mozillas(config.extra_roots.as_deref()), clock).map_err(|why| anyhow!("egress.ca_file: {why}"))?;
        // Each heartbeat proves the whole way, and between two nothing is kept open.
        let client = outward.http(tls.with_no_client_auth())?.timeout(BEATING).pool_max_idle_per_host(0);
        let base = config.url.expose_secret().trim_end_matches('/');
        Url::parse(base).map_err(|_| anyhow!("heartbeat.url_file: keine gültige Adresse"))?;
        let fail = config.fail.as_ref().map(|suffix| format!("{base}{suffix}").into());
        let client = client.build().context("kein HTTP-Client")?;
        Ok(Heartbeat { client, well: config.url.clone(), fail, interval: config.interval })
    }

    /// Says once how things are.
    ///
    /// # Errors
    /// See [`Unheard`].
    pub async fn beat(&self, standing: &Standing) -> Result<(), Unheard> {
        let lines = standing.lines();
        let request = match &self.fail {
            Some(fail) if !lines.is_empty() => self.client.post(fail.expose_secret()).body(lines.join("\n")),
            // Some services know no other method.
            Some(_) | None => self.client.get(self.well.expose_secret()),
        };
        // What it answers is for nobody.
        let status = request.send().await.map_err(|error| Unheard::Silent(reason(error)))?.status();
        match status.as_u16() {
            200..=299 => Ok(()),
            status @ 300..=399 => Err(Unheard::Elsewhere(status)),
            status => Err(Unheard::Refused(status)),
        }
    }
}

/// The deepest reason, without the address.
fn reason(error: reqwest::Error) -> String {
    let timeout = error.is_timeout();
    let error = error.without_url();
    if timeout {
        format!("nichts binnen {} s", BEATING.as_secs())
    } else {
        causes(&error).last().map_or_else(String::new, ToString::to_string)
    }
}
