//! Where Meta delivers this number's webhooks (WhatsApp docs: webhooks, override). One app may serve many branches: each number says where
//! its own `messages` go, and only what concerns the account (`account_update`, …) still goes to the app's address. Whether that address
//! answers is Meta's to find out: it asks for the challenge before it agrees.

use super::client;
use super::trouble::{self, Trouble};
use super::wire::Answer;
use crate::config::GraphConfig;
use crate::port::clock::Clock;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::time::Duration;

/// For one request: Meta calls the address before it answers.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of Meta's own words, so much is shown.
const WORDS: usize = 300;

/// Why webhooks do not come here.
#[derive(Debug, thiserror::Error)]
pub enum Unregistered {
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

/// Says where this number's webhooks go.
///
/// # Errors
/// See [`Unregistered`].
pub async fn register(config: &GraphConfig, url: &str, verify_token: &SecretString) -> Result<(), Unregistered> {
    let wish = json!({ "webhook_configuration": { "override_callback_uri": url, "verify_token": verify_token.expose_secret() } });
    let (status, answer) = ask(config, Method::POST, "", Some(&wish)).await?;
    if answer["success"] == true { Ok(()) } else { Err(Unregistered::Strange(status)) }
}

/// Where this number's webhooks go: its own address, if it has one.
///
/// # Errors
/// See [`Unregistered`].
pub async fn registered(config: &GraphConfig) -> Result<Option<String>, Unregistered> {
    let (status, answer) = ask(config, Method::GET, "?fields=webhook_configuration", None).await?;
    match &answer["webhook_configuration"] {
        Value::Object(addresses) => {
            Ok(addresses.get("phone_number").and_then(Value::as_str).filter(|url| !url.is_empty()).map(str::to_owned))
        }
        Value::Null if answer["id"].is_string() => Ok(None),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Err(Unregistered::Strange(status)),
    }
}

async fn ask(config: &GraphConfig, method: Method, query: &str, wish: Option<&Value>) -> Result<(u16, Value), Unregistered> {
    let client: Client = client::client(config, &Clock::System, 1).map_err(Unregistered::Client)?;
    let address = format!("{}/{}/{}{query}", config.base_url.trim_end_matches('/'), config.version, config.phone_number_id);
    let address = Url::parse(&address).map_err(|error| Unregistered::Client(error.into()))?;
    let mut request = client.request(method, address).timeout(PATIENCE);
    if let Some(wish) = wish {
        request = request.header(CONTENT_TYPE, "application/json").body(wish.to_string());
    }
    let response = request.send().await.map_err(|error| Unregistered::Way(Trouble::connecting(&error, config.proxy.is_some())))?;
    let status = response.status().as_u16();
    let body = trouble::bounded(response).await;
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    match Answer::read(&body) {
        Answer::Refused { code, .. } => {
            let error = &answer["error"];
            let words =
                error["error_user_msg"].as_str().or_else(|| error["error_data"]["details"].as_str()).or_else(|| error["message"].as_str());
            let words = words.unwrap_or_default().chars().filter(|char| !char.is_control()).take(WORDS).collect();
            Err(Unregistered::Refused { code, words, remedy: remedy(code) })
        }
        Answer::Foreign if answer.is_null() => Err(Unregistered::Way(Trouble::answered(status, config.proxy.is_some()))),
        Answer::Taken(_) | Answer::Done | Answer::Failed | Answer::Foreign => Ok((status, answer)),
    }
}

/// WhatsApp docs: error codes.
fn remedy(code: u32) -> &'static str {
    match code {
        190 => "Abhilfe: das Zugriffstoken ist abgelaufen oder falsch; in den Business-Einstellungen ein neues erzeugen.",
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
