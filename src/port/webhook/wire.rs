//! A webhook's body into events. Verifies nothing, waits for nothing, and repeats nothing of what it reads: no error here carries a value.
//!
//! Every message and every status is read on its own, from its own slice of the body. One that is broken (even a half emoji in a name,
//! which makes a strict reader refuse the whole document) costs itself only: Meta would repeat a refused batch for seven days.

mod account;
mod loose;
mod message;
mod notes;
mod status;

use crate::domain::event::Event;
use crate::domain::ids::InstanceId;
use crate::port::pseudonym::Pseudonyms;
use loose::{Loose, read};
use message::Contacts;
use notes::Notes;
use serde::Deserialize;
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

/// What `object` says in every webhook of a WhatsApp account (WhatsApp docs: webhooks overview).
const OBJECT: &str = "whatsapp_business_account";
/// The app dashboard's "Test" button: every field comes from an account of this name …
const TEST_ACCOUNT: &str = "0";
/// … and messages come to this number, which nobody has.
const TEST_NUMBER: &str = "123456123";

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    object: Option<Loose<'a>>,
    #[serde(borrow)]
    entry: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    id: Option<Loose<'a>>,
    #[serde(borrow)]
    changes: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    field: Option<Loose<'a>>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

/// What concerns people and messages. All lists are optional, and each item is read on its own.
#[derive(Deserialize)]
struct Value<'a> {
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    contacts: Option<&'a RawValue>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    statuses: Option<&'a RawValue>,
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
    #[serde(borrow)]
    user_id_update: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    phone_number_id: Option<Loose<'a>>,
}

/// Why one item gives no event although it should.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Skip {
    /// Nobody to answer to.
    Anonymous,
    /// Not what Meta documents.
    Broken,
}

/// Reads webhooks for one number.
#[derive(Debug)]
pub struct Reader {
    number: String,
    pseudonyms: Pseudonyms,
    instance: InstanceId,
    notes: Notes,
}

impl Reader {
    /// For the number with this `phone_number_id`. `instance` tells whose callback data a status echoes.
    pub fn new(number: &str, pseudonyms: Pseudonyms, instance: InstanceId) -> Reader {
        Reader { number: number.to_owned(), pseudonyms, instance, notes: Notes::default() }
    }

    /// The events of one webhook, in its order. What does not concern this number or its account gives none.
    ///
    /// # Errors
    /// If the body as a whole is not a webhook of WhatsApp's.
    pub fn events(&self, body: &[u8]) -> Result<Vec<Event>, Unreadable> {
        let envelope: Envelope = serde_json::from_slice(body).map_err(|error| match error.is_data() {
            true => Unreadable::Envelope,
            false => Unreadable::Json,
        })?;
        if envelope.object.is_some_and(|object| object.text() != OBJECT) {
            return Err(Unreadable::Envelope);
        }
        let mut reading = Reading { reader: self, events: Vec::new(), anonymous: 0, broken: 0 };
        for entry in envelope.entry {
            reading.entry(entry);
        }
        if reading.anonymous > 0 {
            tracing::warn!(messages = reading.anonymous, "messages of people without a BSUID or a number are not answered");
        }
        if reading.broken > 0 {
            tracing::warn!(updates = reading.broken, "parts of a webhook are unreadable and skipped");
        }
        Ok(reading.events)
    }

    /// Whether a value is about our number. Others are none of our business; which they are is said once.
    fn is_ours(&self, value: &Value) -> bool {
        let metadata = value.metadata.and_then(|raw| read::<Metadata>(raw).ok());
        let Some(id) = metadata.and_then(|metadata| metadata.phone_number_id) else { return false };
        let foreign = id.text();
        if foreign == self.number {
            return true;
        }
        if foreign == TEST_NUMBER {
            test("messages");
        } else if self.notes.first(format!("number {}", id.word()).into()) {
            tracing::warn!(
                foreign = id.word(),
                ours = self.number,
                "webhooks of another number are acknowledged and ignored. Remedy: if it is the branch's, put its phone_number_id into \
                 relay.toml; if not, unsubscribe the app from its account"
            );
        }
        false
    }
}

/// Somebody has pressed the button in the app dashboard.
fn test(field: &str) {
    let field = Loose::Text(field.into()).word();
    tracing::info!(field, "the app dashboard's test webhook arrived and its signature is right: webhooks work");
}

/// One webhook being read.
struct Reading<'a> {
    reader: &'a Reader,
    events: Vec<Event>,
    anonymous: u32,
    broken: u32,
}

impl Reading<'_> {
    fn entry(&mut self, raw: &RawValue) {
        let Ok(Entry { id, changes }) = read(raw) else { return self.broken += 1 };
        for change in changes.into_iter().flatten() {
            let Ok(change) = read::<Change>(change) else {
                self.broken += 1;
                continue;
            };
            let (Some(field), Some(value)) = (change.field, change.value) else { continue };
            match &*field.text() {
                field if id.as_ref().is_some_and(|id| id.text() == TEST_ACCOUNT) => test(field),
                "messages" | "user_id_update" => self.value(id.as_ref(), value),
                field => {
                    let item = self.reader.account(id.as_ref(), field, value);
                    self.take(item);
                }
            }
        }
    }

    fn value(&mut self, account: Option<&Loose>, raw: &RawValue) {
        let Ok(value) = read::<Value>(raw) else { return self.broken += 1 };
        if !self.reader.is_ours(&value) {
            return;
        }
        self.reader.notes.ours(account);
        let contacts = Contacts::new(value.contacts.and_then(|raw| read(raw).ok()).unwrap_or_default());
        for message in self.items(value.messages) {
            let item = self.reader.message(&contacts, message);
            self.take(item);
        }
        for renewal in self.items(value.user_id_update) {
            let item = self.reader.renewal(renewal);
            self.take(item);
        }
        for status in self.items(value.statuses) {
            let item = self.reader.status(status);
            self.take(item);
        }
        self.items(value.errors).into_iter().for_each(status::complaint);
    }

    fn items<'b>(&mut self, list: Option<&'b RawValue>) -> Vec<&'b RawValue> {
        let items = list.map_or(Ok(Vec::new()), read);
        self.broken += u32::from(items.is_err());
        items.unwrap_or_default()
    }

    fn take(&mut self, item: Result<Option<Event>, Skip>) {
        match item {
            Ok(event) => self.events.extend(event),
            Err(Skip::Anonymous) => self.anonymous += 1,
            Err(Skip::Broken) => self.broken += 1,
        }
    }
}
