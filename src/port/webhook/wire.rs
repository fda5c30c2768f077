//! A webhook's body into events. Verifies nothing, waits for nothing, and repeats nothing of what it reads: no error here carries a value.
//!
//! Every message and every status is read on its own, from its own slice of the body. One that is broken (even a half emoji in a name,
//! which makes a strict reader refuse the whole document) costs itself only: Meta would repeat a refused batch for seven days.

use crate::domain::event::{Event, Heard, News, Said, Status, Tap, Text};
use crate::domain::ids::{Address, Bsuid, Callback, Identity, InstanceId, Wamid};
use crate::domain::time::Timestamp;
use crate::port::pseudonym::Pseudonyms;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// Why nothing at all could be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreadable {
    /// Signed, but not JSON in UTF-8.
    #[error("not JSON")]
    Json,
    /// JSON, but not the envelope of a WhatsApp account.
    #[error("not a webhook of a WhatsApp account")]
    Envelope,
}

/// The events of one webhook for this number, in its order. What does not concern us gives none.
///
/// # Errors
/// If the body as a whole is not a webhook of WhatsApp's.
pub fn events(number: &str, pseudonyms: &Pseudonyms, instance: InstanceId, body: &[u8]) -> Result<Vec<Event>, Unreadable> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|error| match error.is_data() {
        true => Unreadable::Envelope,
        false => Unreadable::Json,
    })?;
    if envelope.object.is_some_and(|object| object != OBJECT) {
        return Err(Unreadable::Envelope);
    }
    let mut reader = Reader { number, pseudonyms, instance, events: Vec::new(), anonymous: 0, broken: 0 };
    for entry in envelope.entry {
        reader.entry(entry);
    }
    if reader.anonymous > 0 {
        tracing::warn!(messages = reader.anonymous, "messages without a BSUID are not answered");
    }
    if reader.broken > 0 {
        tracing::warn!(updates = reader.broken, "parts of a webhook are unreadable and skipped");
    }
    Ok(reader.events)
}

/// What `object` says in every webhook of a WhatsApp account (WhatsApp docs: webhooks overview).
const OBJECT: &str = "whatsapp_business_account";
/// The field that carries messages and statuses (WhatsApp docs: webhooks reference, messages).
const FIELD: &str = "messages";

#[derive(Deserialize)]
struct Envelope<'a> {
    object: Option<String>,
    #[serde(borrow)]
    entry: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    changes: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Change<'a> {
    field: Option<String>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

/// All lists are optional, and each item is read on its own.
#[derive(Deserialize)]
struct Value<'a> {
    metadata: Option<Metadata>,
    #[serde(borrow)]
    contacts: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    messages: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    statuses: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Metadata {
    phone_number_id: Option<Loose>,
}

#[derive(Deserialize)]
struct Contact {
    wa_id: Option<String>,
    user_id: Option<String>,
}

/// What all messages have in common (WhatsApp docs: webhooks reference, messages; business-scoped-user-ids).
#[derive(Deserialize)]
struct Message {
    id: Option<String>,
    from: Option<String>,
    from_user_id: Option<String>,
    timestamp: Option<Loose>,
    #[serde(rename = "type")]
    kind: Option<String>,
    group_id: Option<IgnoredAny>,
}

/// WhatsApp docs: webhooks reference, messages/status.
#[derive(Deserialize)]
struct Report<'a> {
    id: Option<String>,
    status: Option<String>,
    timestamp: Option<Loose>,
    recipient_type: Option<String>,
    biz_opaque_callback_data: Option<String>,
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
}

/// Meta writes the same number as a string here and as a number there.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Number(u64),
    Text(String),
}

impl Loose {
    fn number(&self) -> Option<u32> {
        match self {
            Loose::Number(number) => u32::try_from(*number).ok(),
            Loose::Text(text) => text.parse().ok(),
        }
    }

    fn is(&self, text: &str) -> bool {
        match self {
            Loose::Number(number) => number.to_string() == text,
            Loose::Text(own) => own == text,
        }
    }
}

/// Why one item gives no event although it should.
enum Skip {
    /// Nobody to answer to.
    Anonymous,
    /// Not what Meta documents.
    Broken,
}

impl From<serde_json::Error> for Skip {
    fn from(_: serde_json::Error) -> Skip {
        Skip::Broken
    }
}

struct Reader<'a> {
    number: &'a str,
    pseudonyms: &'a Pseudonyms,
    instance: InstanceId,
    events: Vec<Event>,
    anonymous: u32,
    broken: u32,
}

impl Reader<'_> {
    fn entry(&mut self, raw: &RawValue) {
        let Ok(entry) = serde_json::from_str::<Entry>(raw.get()) else { return self.broken += 1 };
        for change in entry.changes.into_iter().flatten() {
            match serde_json::from_str::<Change>(change.get()) {
                Ok(Change { field: Some(field), value: Some(value) }) if field == FIELD => self.value(value),
                Ok(_) => {}
                Err(_) => self.broken += 1,
            }
        }
    }

    fn value(&mut self, raw: &RawValue) {
        let Ok(value) = serde_json::from_str::<Value>(raw.get()) else { return self.broken += 1 };
        if !value.metadata.and_then(|metadata| metadata.phone_number_id).is_some_and(|id| id.is(self.number)) {
            return;
        }
        let contacts: Vec<Contact> = value.contacts.into_iter().flatten().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect();
        for message in value.messages.into_iter().flatten() {
            let heard = self.heard(&contacts, message);
            self.take(heard);
        }
        for status in value.statuses.into_iter().flatten() {
            let status = self.status(status);
            self.take(status);
        }
    }

    fn take(&mut self, item: Result<Option<Event>, Skip>) {
        match item {
            Ok(event) => self.events.extend(event),
            Err(Skip::Anonymous) => self.anonymous += 1,
            Err(Skip::Broken) => self.broken += 1,
        }
    }

    fn heard(&self, contacts: &[Contact], raw: &RawValue) -> Result<Option<Event>, Skip> {
        let message: Message = serde_json::from_str(raw.get())?;
        if message.group_id.is_some() {
            return Ok(None);
        }
        let Some(said) = said(message.kind.as_deref().unwrap_or_default(), raw.get())? else { return Ok(None) };
        let id = message.id.filter(|id| !id.is_empty()).ok_or(Skip::Broken)?;
        let at = message.timestamp.and_then(|at| at.number()).map(Timestamp).ok_or(Skip::Broken)?;
        let named = message.from_user_id.as_deref().and_then(Bsuid::new);
        let bsuid = named.or_else(|| user_id(contacts, message.from.as_deref()?)).ok_or(Skip::Anonymous)?;
        let from = Identity { hash: self.pseudonyms.person(bsuid.expose()), alias: None };
        let address = Address::Bsuid(bsuid);
        Ok(Some(Event::Heard(Heard { from, address, wamid: Wamid::new(&id), hash: self.pseudonyms.wamid(&id), at, said })))
    }

    fn status(&self, raw: &RawValue) -> Result<Option<Event>, Skip> {
        let report: Report = serde_json::from_str(raw.get())?;
        if report.recipient_type.as_deref() == Some("group") {
            return Ok(None);
        }
        let news = match report.status.as_deref() {
            Some("sent") => News::Sent,
            Some("delivered") => News::Delivered,
            Some("read" | "played") => News::Read,
            Some("failed") => News::Failed(report.errors.and_then(code).unwrap_or(0)),
            Some(_) | None => return Ok(None),
        };
        let callback = report.biz_opaque_callback_data.as_deref().and_then(Callback::parse);
        let id = callback.filter(|callback| callback.instance == self.instance).map(|callback| callback.id);
        if id.is_none() && report.id.is_none() {
            return Ok(None);
        }
        let at = report.timestamp.and_then(|at| at.number()).map(Timestamp).ok_or(Skip::Broken)?;
        let wamid = self.pseudonyms.wamid(report.id.as_deref().unwrap_or_default());
        Ok(Some(Event::Status(Status { id, wamid, at, news })))
    }
}

/// Contacts are matched by `wa_id`, never by their place in the list.
fn user_id(contacts: &[Contact], from: &str) -> Option<Bsuid> {
    let contact = contacts.iter().find(|contact| contact.wa_id.as_deref() == Some(from))?;
    Bsuid::new(contact.user_id.as_deref()?)
}

/// What a message of this kind says; `None` for what never counts (promise 1), and for every kind that is not known.
fn said(kind: &str, raw: &str) -> Result<Option<Said>, Skip> {
    let said = match kind {
        "text" => Said::Text(serde_json::from_str::<TextMessage>(raw)?.text.into_text()),
        "interactive" => serde_json::from_str::<InteractiveMessage>(raw)?.interactive.said(),
        "button" => tapped(serde_json::from_str::<ButtonMessage>(raw)?.button.payload),
        "image" | "audio" | "video" | "document" | "sticker" | "location" | "contacts" | "order" => Said::Other,
        "edit" => match serde_json::from_str::<EditMessage>(raw)?.edit.message.and_then(|message| message.text) {
            Some(text) => Said::Edited(text.into_text()),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(said))
}

#[derive(Deserialize)]
struct TextMessage {
    text: TextObject,
}

#[derive(Deserialize)]
struct TextObject {
    body: Box<str>,
}

impl TextObject {
    fn into_text(self) -> Text {
        Text(self.body)
    }
}

#[derive(Deserialize)]
struct InteractiveMessage {
    interactive: Interactive,
}

#[derive(Deserialize)]
struct Interactive {
    button_reply: Option<Reply>,
    list_reply: Option<Reply>,
}

impl Interactive {
    /// Flows, call permissions and what else there is: an answer, but none that says anything to us.
    fn said(self) -> Said {
        tapped(self.button_reply.or(self.list_reply).and_then(|reply| reply.id))
    }
}

#[derive(Deserialize)]
struct Reply {
    id: Option<String>,
}

#[derive(Deserialize)]
struct ButtonMessage {
    button: Button,
}

#[derive(Deserialize)]
struct Button {
    payload: Option<String>,
}

#[derive(Deserialize)]
struct EditMessage {
    edit: Edit,
}

#[derive(Deserialize)]
struct Edit {
    message: Option<Edited>,
}

#[derive(Deserialize)]
struct Edited {
    text: Option<TextObject>,
}

fn tapped(id: Option<String>) -> Said {
    id.as_deref().and_then(Tap::parse).map_or(Said::Other, Said::Tapped)
}

/// The first error's code; nothing if Meta found another shape for it.
fn code(errors: &RawValue) -> Option<u32> {
    #[derive(Deserialize)]
    struct Failure {
        code: Option<Loose>,
    }
    let errors: Vec<Failure> = serde_json::from_str(errors.get()).ok()?;
    errors.first()?.code.as_ref()?.number()
}

#[cfg(test)]
mod tests;
