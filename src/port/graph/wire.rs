//! The Cloud API's JSON, and what its answers mean for a message. Sends nothing and knows no connection.

use crate::domain::decision::{Body, Row, Send};
use crate::domain::event::Outcome;
use crate::domain::ids::{Address, Callback, InstanceId, Wamid};
use crate::port::pseudonym::Pseudonyms;
use serde_json::{Value, json};

/// One message (WhatsApp docs: send-messages, text messages, interactive reply buttons, interactive lists). Addressed by BSUID or by
/// number, never by both: then the number would win.
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

/// One section. Its title is documented as required, older editions wanted one for several sections only: what opens the list is a title
/// that fits both (20 of its 24 characters).
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

/// What an answer means for the message.
///
/// A code decides, whatever the HTTP status: Meta sends its codes with 400, 401, 403, 404, 500 and 503 (WhatsApp docs: error-codes), and no
/// message has a code and an id. So a 500 with a code (131000, 131016) is a refusal, too: it is the Cloud API itself that says the message
/// was not taken, as opposed to something in front of it that lost sight of it. A failure that Meta finds out later comes as a status about
/// an id that was given, not as an answer without one.
pub(super) fn outcome(status: u16, body: &[u8], pseudonyms: &Pseudonyms) -> Outcome {
    match (Answer::read(body), status) {
        (Answer::Taken(wamid), 200..=299) => Outcome::Accepted(pseudonyms.wamid(&wamid)),
        (Answer::Refused { code, transient }, _) => Outcome::Rejected { code, transient },
        // Taken, but by what name? Or broken after it may have been taken: a status will tell.
        (Answer::Taken(_), _) | (Answer::Done | Answer::Failed | Answer::Foreign, 200..=299 | 500..=599) => Outcome::Unknown,
        // Refused without a reason, or by something in between: a proxy, a redirection, 429. The Cloud API has not taken it.
        (Answer::Done | Answer::Failed | Answer::Foreign, _) => Outcome::Later,
    }
}

/// An answer's body, read leniently: whatever is not needed may be anything.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// The message has this id, whatever `message_status` says besides (`accepted`, `held_for_quality_assessment`, `paused`).
    Taken(String),
    /// To a read receipt.
    Done,
    /// An error with a code: documented as a number, seen as a string; `is_transient` is Meta's hint about codes that nobody knows.
    Refused { code: u32, transient: bool },
    /// An error without a code that can be read.
    Failed,
    /// Not the Cloud API's.
    Foreign,
}

impl Answer {
    pub(super) fn read(body: &[u8]) -> Answer {
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = &json["error"];
        let code = &error["code"];
        let code = code.as_u64().or_else(|| code.as_str()?.trim().parse().ok()).and_then(|code| u32::try_from(code).ok());
        let wamid = json["messages"][0]["id"].as_str().filter(|id| !id.is_empty());
        match (code, wamid) {
            (Some(code), _) => Answer::Refused { code, transient: error["is_transient"] == true || error["is_transient"] == "true" },
            (None, _) if error.is_object() => Answer::Failed,
            (None, Some(wamid)) => Answer::Taken(wamid.to_owned()),
            (None, None) if json["success"] == true => Answer::Done,
            (None, None) => Answer::Foreign,
        }
    }

    /// Whether the Cloud API said it.
    pub(super) fn is_metas(&self) -> bool {
        *self != Answer::Foreign
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{Bsuid, OutboxId, Phone};
    use crate::domain::time::Timestamp;

    fn wire(to: Address, body: Body) -> String {
        let send = Send { id: OutboxId(42), to, body, not_after: Timestamp(0) };
        message(&send, InstanceId(7)).to_string()
    }

    fn bsuid() -> Address {
        Address::Bsuid(Bsuid::new("DE.101").expect("short"))
    }

    /// What every message to `DE.101` has, and what this one has besides.
    fn with(content: Value) -> String {
        let mut message = json!({ "messaging_product": "whatsapp", "recipient_type": "individual", "recipient": "DE.101",
            "biz_opaque_callback_data": "v1:0000000000000007:000000000000002a" });
        message.as_object_mut().expect("an object").extend(content.as_object().expect("an object").clone());
        message.to_string()
    }

    #[test]
    fn a_text_on_the_wire() {
        let text = "17 neue Fälle, \"Inzidenz\" 84,2\n😀";
        let expected = with(json!({ "type": "text", "text": { "preview_url": false, "body": text } }));
        assert_eq!(wire(bsuid(), Body::Text(text.into())), expected);
    }

    #[test]
    fn a_telephone_number_has_a_plus_and_no_recipient_beside_it() {
        let expected = json!({ "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+491515550101", "type": "text",
            "text": { "preview_url": false, "body": "17" }, "biz_opaque_callback_data": "v1:0000000000000007:000000000000002a" });
        let phone = Address::Phone(Phone::new("491515550101").expect("digits"));
        assert_eq!(wire(phone, Body::Text("17".into())), expected.to_string());
    }

    #[test]
    fn a_question_on_the_wire() {
        let expected = with(json!({ "type": "interactive", "interactive": { "type": "button", "body": { "text": "Weiter?" },
            "action": { "buttons": [
                { "type": "reply", "reply": { "id": "v1:yes:corona", "title": "Ja" } },
                { "type": "reply", "reply": { "id": "v1:no:", "title": "Nein" } } ] } } }));
        let buttons = vec![("v1:yes:corona".into(), "Ja".into()), ("v1:no:".into(), "Nein".into())];
        assert_eq!(wire(bsuid(), Body::Buttons { text: "Weiter?".into(), buttons }), expected);
    }

    #[test]
    fn a_list_on_the_wire() {
        let expected = with(json!({ "type": "interactive", "interactive": { "type": "list", "body": { "text": "Welche Zahlen?" },
            "action": { "button": "Auswählen", "sections": [ { "title": "Auswählen", "rows": [
                { "id": "v1:yes:corona", "title": "Corona", "description": "täglich" },
                { "id": "v1:yes:pegel", "title": "Pegel" } ] } ] } } }));
        let row = |id: &str, title: &str, description: Option<&str>| Row {
            id: id.into(),
            title: title.into(),
            description: description.map(str::to_owned),
        };
        let rows = vec![row("v1:yes:corona", "Corona", Some("täglich")), row("v1:yes:pegel", "Pegel", None)];
        assert_eq!(wire(bsuid(), Body::List { text: "Welche Zahlen?".into(), button: "Auswählen".into(), rows }), expected);
    }

    #[test]
    fn a_read_receipt_on_the_wire() {
        let expected = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": "wamid.IN" });
        assert_eq!(read(&Wamid::new("wamid.IN")), expected);
    }

    #[test]
    fn what_an_answer_means() {
        let pseudonyms = Pseudonyms::new([1; 32]);
        let error = |rest: &str| format!(r#"{{"error":{{"message":"x","type":"OAuthException",{rest},"fbtrace_id":"x"}}}}"#);
        let rejected = |code| Outcome::Rejected { code, transient: false };
        let transient = |code| Outcome::Rejected { code, transient: true };
        let taken = |rest: &str| format!(r#"{{"messaging_product":"whatsapp","contacts":[],"messages":[{{"id":"W"{rest}}}]}}"#);
        let accepted = Outcome::Accepted(pseudonyms.wamid("W"));
        let page = "<html><title>Zugriff verweigert</title></html>";
        let table: [(u16, &str, Outcome); 41] = [
            (200, &taken(""), accepted),
            (200, &taken(r#","message_status":"accepted""#), accepted),
            (200, &taken(r#","message_status":"held_for_quality_assessment""#), accepted),
            (200, &taken(r#","message_status":7"#), accepted),
            (200, r#"{"messages":[{"id":"W"},{"id":"X"}],"contacts":"x"}"#, accepted),
            (200, "{}", Outcome::Unknown),
            (200, r#"{"messages":[]}"#, Outcome::Unknown),
            (200, r#"{"messages":[{"id":""}]}"#, Outcome::Unknown),
            (200, r#"{"messages":[{"id":7}]}"#, Outcome::Unknown),
            (200, r#"{"success":true}"#, Outcome::Unknown),
            (200, r#"{"messages":[{"id":"W""#, Outcome::Unknown),
            (200, page, Outcome::Unknown),
            (202, "", Outcome::Unknown),
            (200, &error(r#""code":131047"#), rejected(131_047)),
            (400, &error(r#""code":131047,"error_data":{"messaging_product":"whatsapp","details":"x"}"#), rejected(131_047)),
            (400, &error(r#""code":131047,"error_data":"x""#), rejected(131_047)),
            (400, &error(r#""code":"131047""#), rejected(131_047)),
            (400, &error(r#""code":131099,"is_transient":true"#), transient(131_099)),
            (400, &error(r#""code":131099,"is_transient":"true""#), transient(131_099)),
            (400, &error(r#""code":131099,"is_transient":null,"error_subcode":{}"#), rejected(131_099)),
            (400, &error(r#""code":131056"#), rejected(131_056)),
            (401, &error(r#""code":190"#), rejected(190)),
            (401, &error(r#""code":0"#), rejected(0)),
            (403, &error(r#""code":200"#), rejected(200)),
            (404, &error(r#""code":132001"#), rejected(132_001)),
            (429, &error(r#""code":80007"#), rejected(80_007)),
            (500, &error(r#""code":131016"#), rejected(131_016)),
            (503, &error(r#""code":2,"is_transient":true"#), transient(2)),
            (400, &error(r#""code":"what""#), Outcome::Later),
            (400, &error(r#""code":-1"#), Outcome::Later),
            (400, &error(r#""code":4294967296"#), Outcome::Later),
            (400, &error(r#""error_subcode":1"#), Outcome::Later),
            (400, r#"{"error":"x"}"#, Outcome::Later),
            (500, &error(r#""is_transient":true"#), Outcome::Unknown),
            (400, &taken(""), Outcome::Unknown),
            (302, "", Outcome::Later),
            (401, page, Outcome::Later),
            (413, page, Outcome::Later),
            (429, "slow down", Outcome::Later),
            (502, page, Outcome::Unknown),
            (503, &taken(""), Outcome::Unknown),
        ];
        for (status, body, expected) in table {
            assert_eq!(outcome(status, body.as_bytes(), &pseudonyms), expected, "{status} {body}");
        }
        for status in [301, 307, 308, 400, 403, 404, 407, 408, 451] {
            assert_eq!(outcome(status, page.as_bytes(), &pseudonyms), Outcome::Later, "{status}");
        }
        for status in [500, 501, 502, 503, 504, 520, 599] {
            assert_eq!(outcome(status, page.as_bytes(), &pseudonyms), Outcome::Unknown, "{status}");
        }
        let deep = "[".repeat(10_000);
        assert_eq!(outcome(400, deep.as_bytes(), &pseudonyms), Outcome::Later);
    }

    #[test]
    fn meta_is_told_from_a_stranger() {
        for metas in [r#"{"success":true}"#, r#"{"error":{}}"#, r#"{"error":{"code":190}}"#, r#"{"messages":[{"id":"W"}]}"#] {
            assert!(Answer::read(metas.as_bytes()).is_metas(), "{metas}");
        }
        for foreign in ["", "null", "{}", "[]", "<html>", r#"{"error":"x"}"#, r#"{"success":false}"#, r#"{"messages":[]}"#] {
            assert!(!Answer::read(foreign.as_bytes()).is_metas(), "{foreign}");
        }
    }
}
