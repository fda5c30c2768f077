//! The Cloud API's JSON, and what its answers mean for a message. Sends nothing and knows no connection.

use crate::domain::decision::{Body, Row, Send};
use crate::domain::event::Outcome;
use crate::domain::ids::{Address, Callback, InstanceId, Wamid};
use crate::port::pseudonym::Pseudonyms;
use serde::Deserialize;
use serde_json::{Value, json};

/// One message (WhatsApp docs: send-messages, text messages, interactive reply buttons). Addressed by BSUID whenever there is one.
pub(super) fn message(send: &Send, instance: InstanceId) -> Value {
    let (kind, content) = match &send.body {
        Body::Text(text) => ("text", json!({ "preview_url": false, "body": text })),
        Body::Buttons { text, buttons } => ("interactive", interactive(text, buttons)),
        Body::List { text, button, rows } => ("interactive", list(text, button, rows)),
    };
    let (key, address) = match &send.to {
        Address::Bsuid(bsuid) => ("recipient", bsuid.expose().to_owned()),
        // Without the `+` Meta would prepend the business number's country code: a message to a stranger.
        Address::Phone(phone) => ("to", format!("+{}", phone.expose())),
    };
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        key: address,
        "type": kind,
        kind: content,
        "biz_opaque_callback_data": Callback { instance, id: send.id }.encode(),
    })
}

fn interactive(text: &str, buttons: &[(String, String)]) -> Value {
    let buttons: Vec<Value> = buttons.iter().map(|(id, title)| json!({ "type": "reply", "reply": { "id": id, "title": title } })).collect();
    json!({ "type": "button", "body": { "text": text }, "action": { "buttons": buttons } })
}

fn list(text: &str, button: &str, rows: &[Row]) -> Value {
    let row = |row: &Row| match &row.description {
        Some(description) => json!({ "id": row.id, "title": row.title, "description": description }),
        None => json!({ "id": row.id, "title": row.title }),
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    json!({ "type": "list", "body": { "text": text }, "action": { "button": button, "sections": [{ "title": button, "rows": rows }] } })
}

/// The blue ticks (WhatsApp docs: mark-messages-as-read).
pub(super) fn read(wamid: &Wamid) -> Value {
    json!({ "messaging_product": "whatsapp", "status": "read", "message_id": wamid.expose() })
}

/// What an answer means, and Meta's code if there is one.
pub(super) fn outcome(status: u16, body: &[u8], pseudonyms: &Pseudonyms) -> (Outcome, Option<u32>) {
    let answer: Answer = serde_json::from_slice(body).unwrap_or_default();
    match (status, answer) {
        (200, Answer { messages: Some(messages), .. }) if messages.first().is_some_and(|message| !message.id.is_empty()) => {
            let outcome = messages.first().map_or(Outcome::Unknown, |message| Outcome::Accepted(pseudonyms.wamid(&message.id)));
            (outcome, None)
        }
        (_, Answer { error: Some(Failure { code: Some(code), is_transient }), .. }) => match code.number() {
            Some(code) => (Outcome::Rejected { code, transient: is_transient == Some(true) }, Some(code)),
            None => (Outcome::Unknown, None),
        },
        // Taken, but by what name? Or broken after it may have been taken: a status will tell.
        (200..=299 | 500..=599, _) => (Outcome::Unknown, None),
        // Not an answer of the Cloud API's: something in between, or 429. It has not seen the message.
        (_, _) => (Outcome::Later, None),
    }
}

#[derive(Deserialize, Default)]
struct Answer {
    messages: Option<Vec<Taken>>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Taken {
    id: String,
}

#[derive(Deserialize)]
struct Failure {
    code: Option<Code>,
    is_transient: Option<bool>,
}

/// Documented as a number, seen as a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Number(u32),
    Text(String),
}

impl Code {
    fn number(&self) -> Option<u32> {
        match self {
            Code::Number(number) => Some(*number),
            Code::Text(text) => text.parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{Bsuid, OutboxId};
    use crate::domain::time::Timestamp;

    fn send(body: Body) -> Send {
        Send { id: OutboxId(42), to: Address::Bsuid(Bsuid::new("DE.101").expect("short")), body, not_after: Timestamp(0) }
    }

    #[test]
    fn a_text_on_the_wire() {
        let expected = json!({ "messaging_product": "whatsapp", "recipient_type": "individual", "recipient": "DE.101", "type": "text",
            "text": { "preview_url": false, "body": "17 neue Fälle" },
            "biz_opaque_callback_data": "v1:0000000000000007:000000000000002a" });
        assert_eq!(message(&send(Body::Text("17 neue Fälle".into())), InstanceId(7)), expected);
    }

    #[test]
    fn a_question_on_the_wire() {
        let expected = json!({ "messaging_product": "whatsapp", "recipient_type": "individual", "recipient": "DE.101",
            "type": "interactive", "interactive": { "type": "button", "body": { "text": "Weiter?" }, "action": { "buttons": [
                { "type": "reply", "reply": { "id": "v1:yes:corona", "title": "Ja" } },
                { "type": "reply", "reply": { "id": "v1:no:corona", "title": "Nein" } } ] } },
            "biz_opaque_callback_data": "v1:0000000000000007:000000000000002a" });
        let buttons = vec![("v1:yes:corona".into(), "Ja".into()), ("v1:no:corona".into(), "Nein".into())];
        assert_eq!(message(&send(Body::Buttons { text: "Weiter?".into(), buttons }), InstanceId(7)), expected);
        let expected = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": "wamid.IN" });
        assert_eq!(read(&Wamid::new("wamid.IN")), expected);
    }

    #[test]
    fn what_an_answer_means() {
        let pseudonyms = Pseudonyms::new([1; 32]);
        let error = |code: &str| format!(r#"{{"error":{{"message":"x","type":"OAuthException","code":{code},"error_data":"x"}}}}"#);
        let taken = r#"{"messaging_product":"whatsapp","contacts":[],"messages":[{"id":"W","message_status":"accepted"}]}"#.to_owned();
        let accepted = Outcome::Accepted(pseudonyms.wamid("W"));
        let table = [
            (200, taken, accepted),
            (200, "{}".into(), Outcome::Unknown),
            (200, r#"{"messages":[]}"#.into(), Outcome::Unknown),
            (200, "{".into(), Outcome::Unknown),
            (202, "<html>".into(), Outcome::Unknown),
            (400, error("131047"), Outcome::Refused(131_047)),
            (400, error(r#""131047""#), Outcome::Refused(131_047)),
            (400, error(r#"131099,"is_transient":true"#), Outcome::Later),
            (400, error("131056"), Outcome::Later),
            (500, error("131000"), Outcome::Later),
            (401, error("190"), Outcome::Later),
            (403, error("200"), Outcome::Later),
            (400, error("100"), Outcome::Refused(100)),
            (400, error(r#""what""#), Outcome::Unknown),
            (429, "slow down".into(), Outcome::Later),
            (302, String::new(), Outcome::Later),
            (404, "<html>".into(), Outcome::Later),
            (502, "<html>".into(), Outcome::Unknown),
        ];
        for (status, body, expected) in table {
            assert_eq!(outcome(status, body.as_bytes(), &pseudonyms).0, expected, "{status} {body}");
        }
    }
}
