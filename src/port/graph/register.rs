//! Where Meta delivers this number's webhooks (WhatsApp docs: webhooks, override). One app may serve many branches: each number says where
//! its own `messages` go, and only what concerns the account (`account_update`, …) still goes to the app's address. Whether that address
//! answers is Meta's to find out: it asks for the challenge before it agrees.

use super::ask::{Asking, Unanswered};
use crate::config::GraphConfig;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::time::Duration;

/// For one request: Meta calls the address before it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Says where this number's webhooks go.
///
/// # Errors
/// See [`Unanswered`].
pub async fn register(config: &GraphConfig, url: &str, verify_token: &SecretString) -> Result<(), Unanswered> {
    let wish = json!({ "webhook_configuration": { "override_callback_uri": url, "verify_token": verify_token.expose_secret() } });
    let (status, answer) = Asking::new(config, PATIENCE)?.post(&config.phone_number_id, &wish).await?;
    if answer["success"] == true { Ok(()) } else { Err(Unanswered::Strange(status)) }
}

/// Where this number's webhooks go: its own address, if it has one.
///
/// # Errors
/// See [`Unanswered`].
pub async fn registered(config: &GraphConfig) -> Result<Option<String>, Unanswered> {
    let (status, answer) = Asking::new(config, PATIENCE)?.get(&config.phone_number_id, &[("fields", "webhook_configuration")]).await?;
    own_address(&answer).ok_or(Unanswered::Strange(status))
}

/// The address in what Meta says of a number: nothing if that is no such answer, else the number's own address, if it has one.
pub(super) fn own_address(answer: &Value) -> Option<Option<String>> {
    match &answer["webhook_configuration"] {
        Value::Object(addresses) => {
            Some(addresses.get("phone_number").and_then(Value::as_str).filter(|url| !url.is_empty()).map(str::to_owned))
        }
        Value::Null if answer["id"].is_string() => Some(None),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}
