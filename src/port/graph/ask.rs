//! Questions to the Cloud API about the account, and what is wrong if there is no answer. Sends no message and knows no question.

use super::client;
use super::trouble::{self, Trouble};
use super::wire::Answer;
use crate::config::GraphConfig;
use crate::port::clock::Clock;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;
use std::time::Duration;

/// Of Meta's own words, so much is shown.
const WORDS: usize = 300;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// Meta was not reached.
    #[error("{0}")]
    Way(Trouble),
    /// Meta says no.
    #[error("Meta lehnt ab (Code {code}): {words} {remedy}")]
    Refused {
        /// Meta's code (WhatsApp docs: error codes).
        code: u32,
        /// What Meta says.
        words: String,
        /// What to do.
        remedy: &'static str,
    },
    /// An answer that cannot be read.
    #[error("Metas Antwort ist nicht zu verstehen (HTTP {0}). Abhilfe: whatsapp.version prüfen; sonst später noch einmal versuchen.")]
    Strange(u16),
    /// The token or the client cannot be used.
    #[error("{0:#}")]
    Client(anyhow::Error),
}

/// One who asks.
pub(super) struct Asking {
    client: Client,
    /// `https://graph.facebook.com/v26.0`.
    base: String,
    proxied: bool,
    patience: Duration,
}

impl Asking {
    /// One that waits so long for each answer.
    pub(super) fn new(config: &GraphConfig, patience: Duration) -> Result<Asking, Unanswered> {
        let client = client::client(config, &Clock::System, 1).map_err(Unanswered::Client)?;
        let base = format!("{}/{}", config.base_url.trim_end_matches('/'), config.version);
        Ok(Asking { client, base, proxied: config.proxy.is_some(), patience })
    }

    /// What Meta knows of `node`, and the HTTP status of the answer.
    pub(super) async fn get(&self, node: &str, query: &[(&str, &str)]) -> Result<(u16, Value), Unanswered> {
        let address = Url::parse_with_params(&format!("{}/{node}", self.base), query);
        self.ask(self.client.get(address.map_err(|error| Unanswered::Client(error.into()))?)).await
    }

    /// Tells Meta something about `node`.
    pub(super) async fn post(&self, node: &str, wish: &Value) -> Result<(u16, Value), Unanswered> {
        let address = Url::parse(&format!("{}/{node}", self.base)).map_err(|error| Unanswered::Client(error.into()))?;
        self.ask(self.client.post(address).header(CONTENT_TYPE, "application/json").body(wish.to_string())).await
    }

    async fn ask(&self, request: RequestBuilder) -> Result<(u16, Value), Unanswered> {
        let response = request.timeout(self.patience).send().await;
        let response = response.map_err(|error| Unanswered::Way(Trouble::connecting(&error, self.proxied)))?;
        let status = response.status().as_u16();
        let body = trouble::bounded(response).await;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        match Answer::read(&body) {
            Answer::Refused { code, .. } => Err(Unanswered::Refused { code, words: words(&answer["error"]), remedy: remedy(code) }),
            Answer::Foreign if answer.is_null() => Err(Unanswered::Way(Trouble::answered(status, self.proxied))),
            Answer::Taken(_) | Answer::Done | Answer::Failed | Answer::Foreign => Ok((status, answer)),
        }
    }
}

/// What Meta says to people.
pub(super) fn words(error: &Value) -> String {
    let words = error["error_user_msg"].as_str().or_else(|| error["error_data"]["details"].as_str()).or_else(|| error["message"].as_str());
    words.unwrap_or_default().chars().filter(|char| !char.is_control()).take(WORDS).collect()
}

/// WhatsApp docs: error codes.
fn remedy(code: u32) -> &'static str {
    match code {
        0 | 190 => "Abhilfe: das Zugriffstoken ist abgelaufen oder falsch; in den Business-Einstellungen ein neues erzeugen.",
        10 | 200..=299 => {
            "Abhilfe: dem Systembenutzer die App und das WhatsApp-Konto zuweisen (whatsapp_business_management und \
             whatsapp_business_messaging)."
        }
        100 | 33 => "Abhilfe: whatsapp.phone_number_id prüfen; ist die App bei diesem WhatsApp-Konto angemeldet (subscribed_apps)?",
        2_200 => {
            "Abhilfe: Meta hat die Adresse aufgerufen und nicht die richtige Antwort bekommen; läuft das Relay mit dieser Konfiguration?"
        }
        _ => "Abhilfe: den Code in Metas Dokumentation nachschlagen; vorübergehende Störungen abwarten.",
    }
}
