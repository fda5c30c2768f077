//! What Meta says of a number, its token and its account when asked (Graph API: debug_token; WhatsApp docs: phone numbers, health status,
//! subscribed_apps). A model without sockets. Whoever holds it decides how the account fares; whether that is good is not judged here.

use serde_json::{Map, Value, json};

/// What a question about a number may name in this version of the API.
const FIELDS: [&str; 13] = [
    "id",
    "display_phone_number",
    "verified_name",
    "quality_rating",
    "status",
    "name_status",
    "code_verification_status",
    "throughput",
    "account_mode",
    "platform_type",
    "webhook_configuration",
    "health_status",
    "is_official_business_account",
];
/// The permission without which nothing of the account may be read.
const MANAGEMENT: &str = "whatsapp_business_management";

/// An app, its token, a WhatsApp account and its number. Everything is well by default.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The app.
    pub app_id: String,
    /// The WhatsApp Business Account.
    pub waba_id: String,
    /// What the token permits.
    pub scopes: Vec<String>,
    /// When the token ends, in seconds since 1970; 0: never.
    pub expires_at: u32,
    /// A code with which every question is refused, as with an expired token: 190.
    pub refused: Option<u32>,
    /// `GREEN`, `YELLOW`, `RED`.
    pub quality: String,
    /// `CONNECTED`, `FLAGGED`, `RESTRICTED`, `BANNED`, `DISCONNECTED`.
    pub status: String,
    /// `APPROVED`, `DECLINED`, …
    pub name_status: String,
    /// Where the number's own webhooks go.
    pub webhook: Option<String>,
    /// Where those of the account's numbers go that have no address of their own.
    pub account_webhook: Option<String>,
    /// Whether the app is told of what happens to the account.
    pub subscribed: bool,
    /// Code, words and remedy for each thing that keeps the account from sending.
    pub troubles: Vec<(u32, String, String)>,
    /// What is limited, and by what: `WABA`, `BUSINESS`, `APP`, `PHONE_NUMBER`, and Meta's words.
    pub limits: Vec<(String, String)>,
    /// Fields that an older version of the API does not know: a question with one of them is refused.
    pub unknown_fields: Vec<String>,
}

impl Default for Account {
    fn default() -> Account {
        let own = |text: &str| text.to_owned();
        Account {
            app_id: own("634974688087057"),
            waba_id: own("100000000000001"),
            scopes: vec![own(MANAGEMENT), own("whatsapp_business_messaging")],
            expires_at: 0,
            refused: None,
            quality: own("GREEN"),
            status: own("CONNECTED"),
            name_status: own("APPROVED"),
            webhook: None,
            account_webhook: None,
            subscribed: true,
            troubles: Vec::new(),
            limits: Vec::new(),
            unknown_fields: Vec::new(),
        }
    }
}

impl Account {
    /// `GET /debug_token`.
    ///
    /// # Errors
    /// Meta's code.
    pub fn debug_token(&self) -> Result<Value, u32> {
        self.let_in()?;
        let granted = |scope: &String| json!({ "scope": scope, "target_ids": [self.waba_id] });
        Ok(json!({ "data": {
            "app_id": self.app_id, "type": "SYSTEM_USER", "application": "DRK", "data_access_expires_at": 0,
            "expires_at": self.expires_at, "is_valid": true, "issued_at": 1_793_491_200, "scopes": self.scopes,
            "granular_scopes": self.scopes.iter().map(granted).collect::<Vec<_>>(), "user_id": "10222270944537964" } }))
    }

    /// `GET /{phone_number_id}?fields=`.
    ///
    /// # Errors
    /// Meta's code.
    pub fn number(&self, id: &str, fields: &str) -> Result<Value, u32> {
        self.managed()?;
        let known = |field: &str| FIELDS.contains(&field) && !self.unknown_fields.iter().any(|unknown| unknown == field);
        let mut answer = Map::from_iter([("id".to_owned(), json!(id))]);
        for field in fields.split(',').filter(|field| *field != "id") {
            if !known(field) {
                return Err(100);
            }
            answer.insert(field.to_owned(), self.field(id, field));
        }
        Ok(Value::Object(answer))
    }

    fn field(&self, id: &str, field: &str) -> Value {
        match field {
            "display_phone_number" => json!("+49 7751 5550100"),
            "verified_name" => json!("DRK-Ortsverein Musterstadt"),
            "quality_rating" => json!(self.quality),
            "status" => json!(self.status),
            "name_status" => json!(self.name_status),
            "code_verification_status" => json!("VERIFIED"),
            "throughput" => json!({ "level": "STANDARD" }),
            "account_mode" => json!("LIVE"),
            "platform_type" => json!("CLOUD_API"),
            "webhook_configuration" => {
                let mut addresses = json!({ "application": "https://app.example/webhook" });
                // Only what is set is named.
                for (whose, address) in [("phone_number", &self.webhook), ("whatsapp_business_account", &self.account_webhook)] {
                    if let Some(address) = address {
                        addresses[whose] = json!(address);
                    }
                }
                addresses
            }
            "health_status" => self.health(id),
            _ => json!(false),
        }
    }

    fn health(&self, id: &str) -> Value {
        let error = |(code, words, solution): &(u32, String, String)| {
            let mut error = json!({ "error_code": code, "error_description": words });
            error["possible_solution"] = json!(solution);
            error
        };
        let entity = |kind: &str, id: &str| {
            let limits: Vec<_> = self.limits.iter().filter(|(limited, _)| limited == kind).map(|(_, words)| words).collect();
            let mut entity = json!({ "entity_type": kind, "id": id, "can_send_message": "AVAILABLE" });
            if kind == "WABA" && !self.troubles.is_empty() {
                entity["can_send_message"] = json!("BLOCKED");
                entity["errors"] = self.troubles.iter().map(error).collect();
            } else if !limits.is_empty() {
                entity["can_send_message"] = json!("LIMITED");
                entity["additional_info"] = json!(limits);
            }
            entity
        };
        let of = [("PHONE_NUMBER", id), ("WABA", &self.waba_id), ("BUSINESS", "506914307656634"), ("APP", &self.app_id)];
        let entities = of.map(|(kind, id)| entity(kind, id));
        let worst = ["BLOCKED", "LIMITED"].into_iter().find(|worst| entities.iter().any(|entity| entity["can_send_message"] == **worst));
        json!({ "can_send_message": worst.unwrap_or("AVAILABLE"), "entities": entities })
    }

    /// `GET /{waba_id}/subscribed_apps`.
    ///
    /// # Errors
    /// Meta's code.
    pub fn subscribed_apps(&self, waba: &str) -> Result<Value, u32> {
        self.managed()?;
        if waba != self.waba_id {
            return Err(100);
        }
        let app = json!({ "id": self.app_id, "link": "https://www.facebook.com/games/", "name": "DRK" });
        let app = json!({ "whatsapp_business_api_data": app });
        Ok(json!({ "data": if self.subscribed { vec![app] } else { Vec::new() } }))
    }

    fn let_in(&self) -> Result<(), u32> {
        self.refused.map_or(Ok(()), Err)
    }

    fn managed(&self) -> Result<(), u32> {
        self.let_in()?;
        if self.scopes.iter().any(|scope| scope == MANAGEMENT) { Ok(()) } else { Err(200) }
    }
}
