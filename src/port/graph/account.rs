//! What Meta says of our account when asked: the token (Graph API: debug_token), the number (WhatsApp docs: phone numbers, health status)
//! and the apps that are told of it (subscribed_apps). Judges nothing, changes nothing. Whatever Meta leaves out is not known.

use super::ask::{Asking, Unanswered, words};
use super::register::{Destination, destination};
use crate::config::GraphConfig;
use crate::domain::time::Timestamp;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::time::Duration;

/// For one question. Three are asked, two of them at once.
const PATIENCE: Duration = Duration::from_secs(8);
/// What is asked of the number.
const FIELDS: &str = "id,quality_rating,status,name_status,code_verification_status,throughput,account_mode,platform_type,\
                      webhook_configuration,health_status";
/// What every version of the API knows: it refuses a question with a single field that it does not.
const FEWER_FIELDS: &str = "id,quality_rating,code_verification_status,throughput,webhook_configuration";
/// Meta's code for such a question, and for a number that is not ours (WhatsApp docs: error codes).
const INVALID: u32 = 100;
/// Of what an entity suffers from, so much is kept.
const TROUBLES: usize = 8;

/// Everything that was asked, each with its answer.
#[derive(Debug)]
pub struct Account {
    /// The token.
    pub token: Result<Token, Unanswered>,
    /// The number.
    pub number: Result<Number, Unanswered>,
    /// Ids of the apps that are told of what happens to the WhatsApp account; nothing if it is not known which account that is.
    pub apps: Option<Result<Vec<String>, Unanswered>>,
}

/// A token, as Meta sees it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Token {
    /// Whether it can be used.
    pub valid: bool,
    /// Why not.
    pub why: Option<String>,
    /// What it permits.
    pub scopes: Vec<String>,
    /// The app that it was made for: an id.
    pub app: Option<String>,
    /// When it ends; nothing if it does not, or Meta does not say.
    pub expires: Option<Timestamp>,
    /// The WhatsApp accounts that it may manage, by id; empty if Meta names none.
    pub accounts: Vec<String>,
}

/// A business number. Meta's words, as they are: `GREEN`, `CONNECTED`, `APPROVED`, `VERIFIED`, `STANDARD`, `LIVE`, `CLOUD_API`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Number {
    /// What people make of it: `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    pub quality: Option<String>,
    /// Whether it is connected.
    pub status: Option<String>,
    /// Whether the name that people see is approved.
    pub name_status: Option<String>,
    /// Whether the number was proved to be ours.
    pub code_verification: Option<String>,
    /// How fast it may send: `STANDARD` is 80 messages a second.
    pub throughput: Option<String>,
    /// `LIVE`, or `SANDBOX` for Meta's test numbers.
    pub mode: Option<String>,
    /// Where it is registered.
    pub platform: Option<String>,
    /// Where its webhooks go.
    pub webhook: Option<Destination>,
    /// Whether it and what it depends on can send.
    pub health: Vec<Health>,
}

/// Whether something that is needed for sending lets us send (WhatsApp docs: messaging and calling health status, of 17 June 2026).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Health {
    /// `PHONE_NUMBER`, `WABA`, `BUSINESS`, `APP`.
    pub entity: String,
    /// Meta's id of it.
    pub id: String,
    /// `AVAILABLE`, `LIMITED`, `BLOCKED`.
    pub can_send: String,
    /// Why not: `errors`, which come with `BLOCKED`.
    pub troubles: Vec<HealthTrouble>,
    /// What it is limited by, in Meta's words: `additional_info`, which comes with `LIMITED`.
    pub limits: Vec<String>,
}

/// Why something does not let us send, or not everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HealthTrouble {
    /// Meta's code; 0 if there is none.
    pub code: u32,
    /// In Meta's words.
    pub words: String,
    /// What Meta says is to be done.
    pub solution: String,
}

/// Asks about token, number and account.
pub async fn account(config: &GraphConfig) -> Account {
    let asking = match Asking::new(config, PATIENCE) {
        Ok(asking) => asking,
        Err(Unanswered::Client(error)) => {
            let again = Unanswered::Client(anyhow::anyhow!("{error:#}"));
            return Account { token: Err(Unanswered::Client(error)), number: Err(again), apps: None };
        }
        Err(error @ (Unanswered::Way(_) | Unanswered::Refused { .. } | Unanswered::Strange(_))) => {
            return Account { token: Err(error), number: Err(Unanswered::Strange(0)), apps: None };
        }
    };
    let (token, number) = tokio::join!(token(&asking, config), number(&asking, &config.phone_number_id));
    let waba = number.as_ref().ok().and_then(|number| number.health.iter().find(|health| health.entity == "WABA"));
    let only = token.as_ref().ok().and_then(|token| <&[String; 1]>::try_from(token.accounts.as_slice()).ok());
    let apps = match waba.map(|waba| &waba.id).filter(|id| !id.is_empty()).or(only.map(|[id]| id)) {
        Some(waba) => Some(apps(&asking, waba).await),
        None => None,
    };
    Account { token, number, apps }
}

async fn token(asking: &Asking, config: &GraphConfig) -> Result<Token, Unanswered> {
    let (status, answer) = asking.get("debug_token", &[("input_token", config.token.expose_secret())]).await?;
    read_token(&answer["data"]).ok_or(Unanswered::Strange(status))
}

async fn number(asking: &Asking, id: &str) -> Result<Number, Unanswered> {
    let answered = match asking.get(id, &[("fields", FIELDS)]).await {
        Err(Unanswered::Refused { code: INVALID, .. }) => asking.get(id, &[("fields", FEWER_FIELDS)]).await,
        answered => answered,
    };
    let (status, answer) = answered?;
    read_number(&answer).ok_or(Unanswered::Strange(status))
}

async fn apps(asking: &Asking, waba: &str) -> Result<Vec<String>, Unanswered> {
    // An id of Meta's is a number; whatever else it may be, it must not lead elsewhere.
    let node: String = waba.chars().filter(char::is_ascii_alphanumeric).collect();
    let (status, answer) = asking.get(&format!("{node}/subscribed_apps"), &[]).await?;
    let apps = answer["data"].as_array().ok_or(Unanswered::Strange(status))?;
    Ok(apps.iter().filter_map(|app| text(&app["whatsapp_business_api_data"]["id"])).collect())
}

fn read_token(data: &Value) -> Option<Token> {
    let valid = data["is_valid"].as_bool()?;
    let all = |list: &Value| list.as_array().into_iter().flatten().filter_map(text).collect::<Vec<_>>();
    let granted = data["granular_scopes"].as_array().into_iter().flatten();
    let management = granted.into_iter().find(|granted| granted["scope"] == "whatsapp_business_management");
    Some(Token {
        valid,
        why: data["error"].is_object().then(|| words(&data["error"])),
        scopes: all(&data["scopes"]),
        app: text(&data["app_id"]),
        // 0: never.
        expires: data["expires_at"].as_u64().filter(|at| *at > 0).map(|at| Timestamp(u32::try_from(at).unwrap_or(u32::MAX))),
        accounts: management.map(|management| all(&management["target_ids"])).unwrap_or_default(),
    })
}

fn read_number(answer: &Value) -> Option<Number> {
    answer["id"].as_str()?;
    let health = answer["health_status"]["entities"].as_array().into_iter().flatten();
    Some(Number {
        quality: text(&answer["quality_rating"]),
        status: text(&answer["status"]),
        name_status: text(&answer["name_status"]),
        code_verification: text(&answer["code_verification_status"]),
        throughput: text(&answer["throughput"]["level"]),
        mode: text(&answer["account_mode"]),
        platform: text(&answer["platform_type"]),
        webhook: destination(answer),
        health: health.map(read_health).collect(),
    })
}

fn read_health(entity: &Value) -> Health {
    let troubles = entity["errors"].as_array().into_iter().flatten().take(TROUBLES).map(|trouble| HealthTrouble {
        code: trouble["error_code"].as_u64().and_then(|code| u32::try_from(code).ok()).unwrap_or(0),
        words: text(&trouble["error_description"]).unwrap_or_default(),
        solution: text(&trouble["possible_solution"]).unwrap_or_default(),
    });
    let limits = entity["additional_info"].as_array().into_iter().flatten().filter_map(text).take(TROUBLES).collect();
    let word = |key: &str| text(&entity[key]).unwrap_or_default();
    Health { entity: word("entity_type"), id: word("id"), can_send: word("can_send_message"), troubles: troubles.collect(), limits }
}

/// A word or an id: Meta writes the latter as text, and now and then as a number.
fn text(value: &Value) -> Option<String> {
    let text = value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))?;
    let text: String = text.chars().filter(|char| !char.is_control()).take(300).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_is_read_as_the_documentation_shows_it() {
        let data = json!({ "app_id": "634974688087057", "type": "SYSTEM_USER", "application": "Relay", "data_access_expires_at": 0,
            "expires_at": 0, "is_valid": true, "issued_at": 1_712_099_387, "scopes": ["whatsapp_business_management"],
            "granular_scopes": [{ "scope": "whatsapp_business_management", "target_ids": ["102289599326934"] }],
            "user_id": "10222270944537964" });
        let token = Token {
            valid: true,
            scopes: vec!["whatsapp_business_management".to_owned()],
            app: Some("634974688087057".to_owned()),
            accounts: vec!["102289599326934".to_owned()],
            ..Token::default()
        };
        assert_eq!(read_token(&data), Some(token));
        let expired = json!({ "is_valid": false, "expires_at": 1_795_305_600, "error": { "code": 190, "message": "has\nexpired" } });
        let token = Token { why: Some("hasexpired".to_owned()), expires: Some(Timestamp(1_795_305_600)), ..Token::default() };
        assert_eq!(read_token(&expired), Some(token));
        assert_eq!(read_token(&json!({ "scopes": [] })), None);
    }

    #[test]
    fn what_a_number_does_not_say_is_not_known() {
        assert_eq!(read_number(&json!({ "id": "1" })), Some(Number::default()));
        assert_eq!(read_number(&json!({ "success": true })), None);
        let error = json!({ "error_code": 141_006, "error_description": "There is an error with the payment method.",
            "possible_solution": "Add one." });
        let answer = json!({ "id": "1", "quality_rating": "GREEN", "throughput": { "level": "STANDARD" }, "health_status": {
            "can_send_message": "BLOCKED", "entities": [
                { "entity_type": "PHONE_NUMBER", "id": "1", "can_send_message": "AVAILABLE" },
                { "entity_type": "WABA", "id": 2, "can_send_message": "BLOCKED", "errors": [error] }] } });
        let number = read_number(&answer).expect("a number");
        assert_eq!((number.quality.as_deref(), number.throughput.as_deref()), (Some("GREEN"), Some("STANDARD")));
        let trouble = HealthTrouble {
            code: 141_006,
            words: "There is an error with the payment method.".to_owned(),
            solution: "Add one.".to_owned(),
        };
        let (entity, id, can_send) = ("WABA".to_owned(), "2".to_owned(), "BLOCKED".to_owned());
        let waba = Health { entity, id, can_send, troubles: vec![trouble], limits: Vec::new() };
        assert_eq!(number.health.last(), Some(&waba));
        let limited = json!({ "entity_type": "PHONE_NUMBER", "id": "1", "can_send_message": "LIMITED",
            "additional_info": ["Your display name has not been approved yet.", 5] });
        assert_eq!(read_health(&limited).limits, ["Your display name has not been approved yet.", "5"]);
    }
}
