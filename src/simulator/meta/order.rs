//! Orders as Meta reads them: every limit that is documented, each with Meta's code. Sends nothing.
//!
//! Stricter than Meta in three ways, because no order of ours has a reason to need more: what is not known is refused; so are two
//! addresses, of which Meta would take one; and texts are counted in UTF-16 units, in which they are longest of all likely ways.

use serde_json::Value;
use std::collections::BTreeSet;

/// Something in the order is not known, not allowed or too long (WhatsApp docs: error-codes).
const INVALID: u32 = 100;
/// A required parameter is missing.
const MISSING: u32 = 131_008;
/// A parameter has a value that cannot be.
const VALUE: u32 = 131_009;
/// A type that cannot be sent.
const TYPE: u32 = 131_051;

/// A message that Meta is asked to send, well-formed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Order {
    /// To whom: a BSUID, or a telephone number with a leading `+`.
    pub to: String,
    /// What it says.
    pub body: String,
    /// Id and title of each button; none for a text or a list.
    pub buttons: Vec<(String, String)>,
    /// The rows of all sections of a list; none for anything else.
    pub rows: Vec<Row>,
    /// `biz_opaque_callback_data`.
    pub callback: Option<String>,
}

/// One row of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// What comes back when it is chosen.
    pub id: String,
    /// What is shown.
    pub title: String,
    /// What is shown below.
    pub description: Option<String>,
}

impl Order {
    /// Reads the body of a request (WhatsApp docs: send-messages, text messages, interactive reply buttons, interactive lists).
    ///
    /// # Errors
    /// Meta's code: 131008 for what is missing, 131009 for what has a wrong value, 100 for what is not known or too long, 131051 for a type
    /// that is not known.
    pub fn parse(request: &Value) -> Result<Order, u32> {
        let known = ["messaging_product", "recipient_type", "to", "recipient", "type", "text", "interactive", "biz_opaque_callback_data"];
        only(request, &known)?;
        let individual = request.get("recipient_type").is_none_or(|kind| kind == "individual");
        if request["messaging_product"] != "whatsapp" || !individual {
            return Err(INVALID);
        }
        let to = to(request)?;
        let callback = optional(request, "biz_opaque_callback_data", 512, INVALID)?;
        let empty = Order { to, callback, ..Order::default() };
        match request.get("type").map(Value::as_str) {
            Some(Some("text")) if request.get("interactive").is_none() => {
                let text = request.get("text").ok_or(MISSING)?;
                only(text, &["body", "preview_url"])?;
                if !text.get("preview_url").is_none_or(Value::is_boolean) {
                    return Err(INVALID);
                }
                Ok(Order { body: required(text, "body", 4_096, INVALID)?, ..empty })
            }
            Some(Some("interactive")) if request.get("text").is_none() => interactive(request.get("interactive").ok_or(MISSING)?, empty),
            Some(Some("text" | "interactive")) => Err(INVALID),
            Some(_) => Err(TYPE),
            None => Err(MISSING),
        }
    }
}

/// Whom it is for. With both Meta takes the number, which can only be a mistake.
fn to(request: &Value) -> Result<String, u32> {
    match (request.get("to"), request.get("recipient")) {
        (None, None) => Err(MISSING),
        (Some(_), Some(_)) => Err(INVALID),
        // Without the `+` it would go to a stranger in the business number's country.
        (Some(to), None) => to.as_str().filter(|to| is_phone(to)).map(str::to_owned).ok_or(VALUE),
        (None, Some(to)) => to.as_str().filter(|to| is_bsuid(to)).map(str::to_owned).ok_or(VALUE),
    }
}

fn is_phone(to: &str) -> bool {
    to.strip_prefix('+').is_some_and(|digits| (1..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()))
}

/// ISO 3166 alpha-2, a dot, up to 128 letters and digits; `ENT.` before them for whoever has several portfolios.
fn is_bsuid(to: &str) -> bool {
    let Some((country, id)) = to.split_once('.') else { return false };
    let id = id.strip_prefix("ENT.").unwrap_or(id);
    let country = country.len() == 2 && country.bytes().all(|letter| letter.is_ascii_uppercase());
    country && (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn interactive(interactive: &Value, order: Order) -> Result<Order, u32> {
    only(interactive, &["type", "body", "action"])?;
    let (body, action) = (interactive.get("body").ok_or(MISSING)?, interactive.get("action").ok_or(MISSING)?);
    only(body, &["text"])?;
    match interactive.get("type").map(Value::as_str) {
        Some(Some("button")) => {
            only(action, &["buttons"])?;
            Ok(Order { body: required(body, "text", 1_024, VALUE)?, buttons: buttons(action)?, ..order })
        }
        Some(Some("list")) => {
            only(action, &["button", "sections"])?;
            required(action, "button", 20, VALUE)?;
            Ok(Order { body: required(body, "text", 4_096, VALUE)?, rows: rows(action)?, ..order })
        }
        Some(_) => Err(VALUE),
        None => Err(MISSING),
    }
}

fn buttons(action: &Value) -> Result<Vec<(String, String)>, u32> {
    let buttons = some(action, "buttons", 3)?.iter().map(|button| {
        only(button, &["type", "reply"])?;
        if button["type"] != "reply" {
            return Err(VALUE);
        }
        let reply = button.get("reply").ok_or(MISSING)?;
        only(reply, &["id", "title"])?;
        Ok((required(reply, "id", 256, VALUE)?, required(reply, "title", 20, VALUE)?))
    });
    let buttons = buttons.collect::<Result<Vec<_>, _>>()?;
    distinct(buttons.iter().map(|(id, _)| id))?;
    distinct(buttons.iter().map(|(_, title)| title))?;
    Ok(buttons)
}

fn rows(action: &Value) -> Result<Vec<Row>, u32> {
    let mut rows = Vec::new();
    for section in some(action, "sections", 10)? {
        only(section, &["title", "rows"])?;
        required(section, "title", 24, VALUE)?;
        for row in some(section, "rows", 10)? {
            only(row, &["id", "title", "description"])?;
            let (id, title) = (required(row, "id", 200, VALUE)?, required(row, "title", 24, VALUE)?);
            rows.push(Row { id, title, description: optional(row, "description", 72, VALUE)? });
        }
    }
    distinct(rows.iter().map(|row| &row.id))?;
    // Over all sections.
    if rows.len() > 10 { Err(VALUE) } else { Ok(rows) }
}

/// An object with nothing in it but these.
fn only(object: &Value, known: &[&str]) -> Result<(), u32> {
    let object = object.as_object().ok_or(INVALID)?;
    object.keys().all(|key| known.contains(&key.as_str())).then_some(()).ok_or(INVALID)
}

/// One to `most`.
fn some<'a>(object: &'a Value, key: &str, most: usize) -> Result<&'a Vec<Value>, u32> {
    let items = object.get(key).ok_or(MISSING)?.as_array().ok_or(VALUE)?;
    (1..=most).contains(&items.len()).then_some(items).ok_or(VALUE)
}

fn required(object: &Value, key: &str, most: usize, code: u32) -> Result<String, u32> {
    optional(object, key, most, code)?.ok_or(MISSING)
}

/// How Meta counts characters is not documented: UTF-16 units are the strictest way that is likely.
fn optional(object: &Value, key: &str, most: usize, code: u32) -> Result<Option<String>, u32> {
    let Some(value) = object.get(key) else { return Ok(None) };
    let text = value.as_str().filter(|text| !text.trim().is_empty() && text.encode_utf16().count() <= most);
    text.map(|text| Some(text.to_owned())).ok_or(code)
}

fn distinct<'a>(texts: impl Iterator<Item = &'a String>) -> Result<(), u32> {
    let mut seen = BTreeSet::new();
    let mut texts = texts;
    texts.all(|text| seen.insert(text)).then_some(()).ok_or(VALUE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(content: Value) -> Value {
        let mut message = json!({ "messaging_product": "whatsapp", "recipient_type": "individual", "recipient": "DE.1" });
        message.as_object_mut().expect("an object").extend(content.as_object().expect("an object").clone());
        message
    }

    fn text(body: &str) -> Value {
        message(json!({ "type": "text", "text": { "preview_url": false, "body": body } }))
    }

    fn button(id: &str, title: &str) -> Value {
        json!({ "type": "reply", "reply": { "id": id, "title": title } })
    }

    fn question(body: &str, buttons: &[Value]) -> Value {
        message(json!({ "type": "interactive",
            "interactive": { "type": "button", "body": { "text": body }, "action": { "buttons": buttons } } }))
    }

    fn list(body: &str, button: &str, sections: Value) -> Value {
        message(json!({ "type": "interactive",
            "interactive": { "type": "list", "body": { "text": body }, "action": { "button": button, "sections": sections } } }))
    }

    fn rows(from: usize, to: usize) -> Value {
        (from..to).map(|n| json!({ "id": format!("{n}"), "title": "T" })).collect()
    }

    fn row(id: &str, title: &str, description: &str) -> Value {
        list("?", "x", json!([{ "title": "x", "rows": [{ "id": id, "title": title, "description": description }] }]))
    }

    /// The same order with something else at this place; `null` takes it away.
    fn but(mut order: Value, place: &str, value: Value) -> Value {
        let (parent, key) = place.rsplit_once('/').expect("a pointer");
        let parent = order.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
        if value.is_null() {
            parent.remove(key);
        } else {
            parent.insert(key.to_owned(), value);
        }
        order
    }

    fn x(n: usize) -> String {
        "x".repeat(n)
    }

    #[test]
    fn what_just_fits_is_taken() {
        let phone = but(but(text("x"), "/recipient", Value::Null), "/to", json!("+491515550101"));
        assert_eq!(Order::parse(&phone).map(|order| order.to), Ok("+491515550101".into()));
        assert_eq!(Order::parse(&text(&x(4_096))).map(|order| order.body.len()), Ok(4_096));
        let buttons = [button(&x(256), &"ü".repeat(20)), button("b", "B"), button("c", "C")];
        let order = Order::parse(&question(&x(1_024), &buttons)).expect("it fits");
        assert_eq!((order.buttons.len(), order.rows.len()), (3, 0));
        let sections = json!([{ "title": x(24), "rows": rows(0, 9) }, { "title": "y", "rows": rows(9, 10) }]);
        assert_eq!(Order::parse(&list(&x(4_096), &x(20), sections)).map(|order| order.rows.len()), Ok(10));
        let order = Order::parse(&but(row(&x(200), &x(24), &x(72)), "/biz_opaque_callback_data", json!(x(512)))).expect("it fits");
        assert_eq!(order.rows, [Row { id: x(200), title: x(24), description: Some(x(72)) }]);
        assert_eq!(order.callback.map(|callback| callback.len()), Some(512));
        let family = but(text("x"), "/recipient", json!("DE.ENT.10000000000000000101"));
        assert!(Order::parse(&family).is_ok());
    }

    #[test]
    fn what_meta_would_refuse_is_refused() {
        let two = [button("a", "A"), button("b", "B")];
        let good = row("a", "A", "a");
        let section = "/interactive/action/sections";
        let refused = [
            (json!({}), INVALID),
            (json!([]), INVALID),
            (but(text("x"), "/messaging_product", json!("messenger")), INVALID),
            (but(text("x"), "/recipient_type", json!("group")), INVALID),
            (but(text("x"), "/to", json!("+491515550101")), INVALID),
            (but(text("x"), "/recipient", Value::Null), MISSING),
            (but(text("x"), "/recipient", json!("")), VALUE),
            (but(text("x"), "/recipient", json!("+491515550101")), VALUE),
            (but(text("x"), "/recipient", json!("de.1")), VALUE),
            (but(text("x"), "/recipient", json!("DE.1 2")), VALUE),
            (but(but(text("x"), "/recipient", Value::Null), "/to", json!("491515550101")), VALUE),
            (but(but(text("x"), "/recipient", Value::Null), "/to", json!("+49 151")), VALUE),
            (but(text("x"), "/biz_opaque_callback_data", json!(x(513))), INVALID),
            (but(text("x"), "/typ", json!("text")), INVALID),
            (but(text("x"), "/type", Value::Null), MISSING),
            (but(text("x"), "/type", json!("poll")), TYPE),
            (but(text("x"), "/type", json!("interactive")), INVALID),
            (but(text("x"), "/text", Value::Null), MISSING),
            (but(text("x"), "/text/body", Value::Null), MISSING),
            (but(text("x"), "/text/preview", json!(true)), INVALID),
            (but(text("x"), "/text/preview_url", json!("false")), INVALID),
            (text(&x(4_097)), INVALID),
            (text(&"😀".repeat(2_049)), INVALID),
            (text(""), INVALID),
            (text(" \n"), INVALID),
            (question(&x(1_025), &two), VALUE),
            (question("", &two), VALUE),
            (question("?", &[]), VALUE),
            (question("?", &[button("a", "A"), button("b", "B"), button("c", "C"), button("d", "D")]), VALUE),
            (question("?", &[button("a", "A"), button("a", "B")]), VALUE),
            (question("?", &[button("a", "A"), button("b", "A")]), VALUE),
            (question("?", &[button("a", &x(21))]), VALUE),
            (question("?", &[button("a", &"😀".repeat(11))]), VALUE),
            (question("?", &[button("a", "")]), VALUE),
            (question("?", &[button(&x(257), "A")]), VALUE),
            (question("?", &[json!({ "type": "url", "reply": { "id": "a", "title": "A" } })]), VALUE),
            (question("?", &[json!({ "type": "reply" })]), MISSING),
            (but(question("?", &two), "/interactive/type", json!("carousel")), VALUE),
            (but(question("?", &two), "/interactive/action", Value::Null), MISSING),
            (but(question("?", &two), "/interactive/action/sections", json!([])), INVALID),
            (list(&x(4_097), "x", json!([{ "title": "x", "rows": rows(0, 1) }])), VALUE),
            (list("?", &x(21), json!([{ "title": "x", "rows": rows(0, 1) }])), VALUE),
            (list("?", "x", json!([{ "title": "x", "rows": rows(0, 11) }])), VALUE),
            (list("?", "x", json!([{ "title": "x", "rows": rows(0, 6) }, { "title": "y", "rows": rows(6, 11) }])), VALUE),
            (list("?", "x", json!([{ "title": "x", "rows": rows(0, 2) }, { "title": "y", "rows": rows(1, 3) }])), VALUE),
            (list("?", "x", json!([{ "title": x(25), "rows": rows(0, 1) }])), VALUE),
            (list("?", "x", json!([{ "rows": rows(0, 1) }])), MISSING),
            (list("?", "x", json!([{ "title": "x", "rows": [] }])), VALUE),
            (list("?", "x", json!([])), VALUE),
            (but(good.clone(), section, Value::Null), MISSING),
            (but(good, "/interactive/action/button", Value::Null), MISSING),
            (row(&x(201), "A", "a"), VALUE),
            (row("a", &x(25), "a"), VALUE),
            (row("a", "A", &x(73)), VALUE),
            (row("a", "A", ""), VALUE),
        ];
        for (request, code) in refused {
            assert_eq!(Order::parse(&request), Err(code), "{request}");
        }
    }
}
