//! The webhooks that Meta would send, as bytes and with its signature. Delivers nothing: what is lost, repeated or reordered on the way is
//! the caller's choice.

use super::{COUNTED, Meta, Person, Row, Shown, title};
use crate::domain::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::fmt::Write;

/// One update: the `value` of a change. Several of them make a webhook, see [`body`].
#[derive(Clone, PartialEq, Debug)]
pub struct Update(Value);

/// What a status tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Report {
    /// Left Meta's servers.
    Sent,
    /// Arrived on the phone.
    Delivered,
    /// Was read.
    Read,
    /// Will not arrive.
    Failed(u32),
}

impl Meta {
    /// Somebody writes. Opens the window, whether or not the webhook ever arrives.
    ///
    /// # Panics
    /// If nobody with this id has joined.
    pub fn message_webhook(&mut self, user_id: &str, text: &str, at: Timestamp) -> Update {
        self.heard_webhook(user_id, "text", json!({ "body": text }), at)
    }

    /// Somebody taps a button.
    ///
    /// # Panics
    /// If nobody with this id has joined.
    pub fn tap_webhook(&mut self, user_id: &str, button: &(String, String), at: Timestamp) -> Update {
        let (id, title) = button;
        let content = json!({ "type": "button_reply", "button_reply": { "id": id, "title": title } });
        self.heard_webhook(user_id, "interactive", content, at)
    }

    /// Somebody chooses a row of a list.
    ///
    /// # Panics
    /// If nobody with this id has joined.
    pub fn choose_webhook(&mut self, user_id: &str, row: &Row, at: Timestamp) -> Update {
        let mut reply = json!({ "id": row.id, "title": row.title });
        if let Some(description) = &row.description {
            reply["description"] = json!(description);
        }
        self.heard_webhook(user_id, "interactive", json!({ "type": "list_reply", "list_reply": reply }), at)
    }

    /// Somebody does anything else: `kind` is the message's type, `content` the object of the same name (WhatsApp docs: webhooks
    /// reference).
    ///
    /// # Panics
    /// If nobody with this id has joined.
    pub fn heard_webhook(&mut self, user_id: &str, kind: &str, content: Value, at: Timestamp) -> Update {
        let Some(person) = self.people.get(user_id) else { panic!("nobody has joined as {user_id}") };
        let mut message =
            json!({ "id": format!("wamid.IN{:016}", self.heard), "timestamp": at.0.to_string(), "type": kind, kind: content });
        if person.shown == Shown::Bsuid {
            message["from_user_id"] = json!(user_id);
        }
        if let Some(wa_id) = &person.wa_id {
            message["from"] = json!(wa_id);
        }
        let update = Update(json!({ "messaging_product": "whatsapp", "metadata": self.metadata(),
            "contacts": [contact(person)], "messages": [message] }));
        self.heard += 1;
        if COUNTED.contains(&kind) {
            let latest = self.windows.entry(user_id.to_owned()).or_insert(at);
            *latest = at.max(*latest);
        }
        update
    }

    /// How a message fares; `None` for a wamid that is not one of ours.
    pub fn status_webhook(&self, wamid: &str, report: Report, at: Timestamp) -> Option<Update> {
        let record = self.record(wamid)?;
        let person = self.people.get(&record.user_id)?;
        let word = match report {
            Report::Sent => "sent",
            Report::Delivered => "delivered",
            Report::Read => "read",
            Report::Failed(_) => "failed",
        };
        let mut status = json!({ "id": wamid, "status": word, "timestamp": at.0.to_string() });
        if person.shown == Shown::Bsuid {
            status["recipient_user_id"] = json!(record.user_id);
        }
        if let Some(wa_id) = &person.wa_id {
            status["recipient_id"] = json!(wa_id);
        }
        if let Some(callback) = &record.order.callback {
            status["biz_opaque_callback_data"] = json!(callback);
        }
        let mut value = json!({ "messaging_product": "whatsapp", "metadata": self.metadata() });
        match report {
            Report::Failed(code) => {
                let href = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/";
                status["errors"] = json!([{ "code": code, "title": title(code), "message": title(code),
                    "error_data": { "details": title(code) }, "href": href }]);
            }
            Report::Sent | Report::Delivered | Report::Read => {
                let word = if record.free { "free_customer_service" } else { "regular" };
                status["pricing"] = json!({ "billable": !record.free, "pricing_model": "PMP", "type": word, "category": "service" });
                value["contacts"] = json!([contact(person)]);
            }
        }
        value["statuses"] = json!([status]);
        Some(Update(value))
    }

    fn metadata(&self) -> Value {
        json!({ "display_phone_number": "491515550000", "phone_number_id": self.phone_number_id })
    }
}

fn contact(person: &Person) -> Value {
    let mut contact = json!({ "profile": { "name": person.name } });
    match &person.wa_id {
        Some(wa_id) => contact["wa_id"] = json!(wa_id),
        None => contact["profile"]["username"] = json!("max.muster"),
    }
    if person.shown == Shown::Bsuid {
        contact["user_id"] = json!(person.user_id);
    }
    contact
}

/// The bytes of one webhook: several updates in several entries and changes, escaped as Meta does.
pub fn body(updates: &[Update]) -> Vec<u8> {
    // Two changes in each entry, so that whoever looks at the first one only is found out.
    let change = |update: &Update| json!({ "field": "messages", "value": update.0 });
    let entry = |updates: &[Update]| json!({ "id": "100000000000001", "changes": updates.iter().map(change).collect::<Vec<_>>() });
    let entries: Vec<Value> = updates.chunks(2).map(entry).collect();
    escaped(&json!({ "object": "whatsapp_business_account", "entry": entries }).to_string()).into_bytes()
}

/// `X-Hub-Signature-256` of these bytes.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(body);
    mac.finalize().into_bytes().iter().fold("sha256=".to_owned(), |mut header, byte| {
        let _ = write!(header, "{byte:02x}");
        header
    })
}

/// Compact JSON as Meta's servers write it: `ü` is `\u00fc`, `/` is `\/`, `@` and `<` are escaped as well. All of these occur in strings
/// only.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '/' => text.push_str("\\/"),
            '@' => text.push_str("\\u0040"),
            '<' => text.push_str("\\u003C"),
            c if c.is_ascii() => text.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_called_by_what_they_show() {
        let mut meta = Meta::new("2");
        let row = Row { id: "v1:yes:pegel".into(), title: "Pegel".into(), description: None };
        for (person, bsuid, phone) in
            [(Person::with_phone(1), true, true), (Person::with_username(2), true, false), (Person::with_phone_only(3), false, true)]
        {
            meta.join(person.clone());
            let Update(value) = meta.choose_webhook(&person.user_id, &row, Timestamp(1));
            let (message, contact) = (&value["messages"][0], &value["contacts"][0]);
            assert_eq!(message["interactive"], json!({ "type": "list_reply", "list_reply": { "id": "v1:yes:pegel", "title": "Pegel" } }));
            assert_eq!((message.get("from_user_id").is_some(), message.get("from").is_some()), (bsuid, phone));
            assert_eq!((contact.get("user_id").is_some(), contact.get("wa_id").is_some()), (bsuid, phone));
            assert_eq!(value.to_string().contains(&person.user_id), bsuid);
        }
    }

    #[test]
    fn bytes_and_signature_are_metas() {
        let json = json!({ "text": "Grüße 😀 a@b.de https://example.org/x <\\>" }).to_string();
        assert_eq!(escaped(&json), r#"{"text":"Gr\u00fc\u00dfe \ud83d\ude00 a\u0040b.de https:\/\/example.org\/x \u003C\\>"}"#);
        assert_eq!(serde_json::from_str::<Value>(&escaped(&json)).expect("JSON").to_string(), json);
        let digest = "sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756";
        assert_eq!(sign("test_app_secret", br#"{"object":"whatsapp_business_account","entry":[]}"#), digest);
    }
}
