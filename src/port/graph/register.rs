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

/// Whose address a number's webhooks go to: its own goes before its WhatsApp account's, and that before the app's (WhatsApp docs: webhooks,
/// override).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// The number's own (`phone_number`).
    Number,
    /// Its WhatsApp account's (`whatsapp_business_account`).
    Account,
    /// The app's (`application`).
    App,
}

/// Where a number's webhooks go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Destination {
    /// The address.
    pub url: String,
    /// Whose it is.
    pub whose: Whose,
}

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

/// The address that counts in what Meta says of a number; nothing if Meta names none.
pub(super) fn destination(answer: &Value) -> Option<Destination> {
    let addresses = &answer["webhook_configuration"];
    let order = [("phone_number", Whose::Number), ("whatsapp_business_account", Whose::Account), ("application", Whose::App)];
    order.into_iter().find_map(|(key, whose)| {
        let url = addresses[key].as_str().filter(|url| !url.is_empty())?;
        Some(Destination { url: url.to_owned(), whose })
    })
}

/// The address in what Meta says of a number: nothing if that is no such answer, else the number's own address, if it has one.
fn own_address(answer: &Value) -> Option<Option<String>> {
    match &answer["webhook_configuration"] {
        Value::Object(addresses) => {
            Some(addresses.get("phone_number").and_then(Value::as_str).filter(|url| !url.is_empty()).map(str::to_owned))
        }
        Value::Null if answer["id"].is_string() => Some(None),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_address_goes_before_the_accounts_and_that_before_the_apps() {
        let of =
            |addresses: Value| destination(&json!({ "id": "1", "webhook_configuration": addresses })).map(|found| (found.url, found.whose));
        let all = json!({ "phone_number": "https://n", "whatsapp_business_account": "https://w", "application": "https://a" });
        assert_eq!(of(all), Some(("https://n".to_owned(), Whose::Number)));
        let account = json!({ "phone_number": "", "whatsapp_business_account": "https://w", "application": "https://a" });
        assert_eq!(of(account), Some(("https://w".to_owned(), Whose::Account)));
        assert_eq!(of(json!({ "application": "https://a" })), Some(("https://a".to_owned(), Whose::App)));
        assert_eq!(of(json!({})), None);
        assert_eq!(of(Value::Null), None);
    }
}
