//! A webhook's body into events. Verifies nothing, waits for nothing, and repeats nothing of what it reads: no error here carries a value.
//!
//! Every message and every status is read on its own, from its own slice of the body. One that is broken (even a half emoji in a name,
//! which makes a strict reader refuse the whole document) costs itself only: Meta would repeat a refused batch for seven days.
//!
//! What stands around them is read at once if it is as documented, and piece by piece only if something in it is not: cutting a body into
//! ever smaller slices reads all of it again for each level.

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

/// With entries as documented, or each in a slice of its own.
#[derive(Deserialize)]
struct Envelope<'a, E> {
    #[serde(borrow)]
    object: Option<Loose<'a>>,
    entry: Vec<E>,
}

/// With changes as documented, or each in a slice of its own.
#[derive(Deserialize)]
struct Entry<'a, C> {
    #[serde(borrow)]
    id: Option<Loose<'a>>,
    changes: Option<Vec<C>>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    field: Option<Loose<'a>>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

/// A change that concerns people and messages, as documented.
#[derive(Deserialize)]
struct Usual<'a> {
    #[serde(borrow)]
    field: Loose<'a>,
    #[serde(borrow)]
    value: Value<'a, Items<'a>>,
}

/// The fields of such changes (WhatsApp docs: webhooks, messages and user_id_update).
const OF_PEOPLE: [&str; 2] = ["messages", "user_id_update"];

/// What concerns people and messages. All lists are optional: lists as documented, or each in a slice of its own. Each item is read on its
/// own.
#[derive(Deserialize)]
struct Value<'a, L> {
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    contacts: Option<&'a RawValue>,
    messages: Option<L>,
    statuses: Option<L>,
    errors: Option<L>,
    user_id_update: Option<L>,
}

/// Items of a list, each in a slice of its own.
type Items<'a> = Vec<&'a RawValue>;

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
        let mut reading = Reading { reader: self, events: Vec::new(), anonymous: 0, broken: 0 };
        if let Some(Envelope { object, entry }) = usual(body) {
            of_whatsapp(object.as_ref())?;
            for Entry { id, changes } in entry {
                changes.into_iter().flatten().for_each(|change| reading.usual(id.as_ref(), change));
            }
        } else {
            let Envelope { object, entry } = serde_json::from_slice(body).map_err(|error| match error.is_data() {
                true => Unreadable::Envelope,
                false => Unreadable::Json,
            })?;
            of_whatsapp(object.as_ref())?;
            entry.into_iter().for_each(|entry| reading.entry(entry));
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
    fn is_ours(&self, metadata: Option<&RawValue>) -> bool {
        let metadata = metadata.and_then(|raw| read::<Metadata>(raw).ok());
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

/// A webhook that is as documented all through, and about people and messages only, as nearly all are.
fn usual(body: &[u8]) -> Option<Envelope<'_, Entry<'_, Usual<'_>>>> {
    let envelope: Envelope<Entry<Usual>> = serde_json::from_slice(body).ok()?;
    let mut changes = envelope.entry.iter().flat_map(|entry| entry.changes.iter().flatten());
    changes.all(|change| OF_PEOPLE.contains(&&*change.field.text())).then_some(envelope)
}

fn of_whatsapp(object: Option<&Loose>) -> Result<(), Unreadable> {
    if object.is_some_and(|object| object.text() != OBJECT) { Err(Unreadable::Envelope) } else { Ok(()) }
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
            match read(change) {
                Ok(change) => self.change(id.as_ref(), change),
                Err(_) => self.broken += 1,
            }
        }
    }

    fn usual(&mut self, account: Option<&Loose>, Usual { field, value }: Usual) {
        if account.is_some_and(|id| id.text() == TEST_ACCOUNT) {
            test(&field.text());
        } else if self.reader.is_ours(value.metadata) {
            self.lists(account, value);
        }
    }

    fn change(&mut self, account: Option<&Loose>, Change { field, value }: Change) {
        let (Some(field), Some(value)) = (field, value) else { return };
        match &*field.text() {
            field if account.is_some_and(|id| id.text() == TEST_ACCOUNT) => test(field),
            field if OF_PEOPLE.contains(&field) => self.value(account, value),
            field => {
                let item = self.reader.account(account, field, value);
                self.take(item);
            }
        }
    }

    fn value(&mut self, account: Option<&Loose>, raw: &RawValue) {
        let Ok(Value { metadata, contacts, messages, statuses, errors, user_id_update }) = read(raw) else { return self.broken += 1 };
        if self.reader.is_ours(metadata) {
            let mut items = |list| self.items(list);
            let (messages, statuses, errors) = (items(messages), items(statuses), items(errors));
            let user_id_update = items(user_id_update);
            self.lists(account, Value { metadata, contacts, messages, statuses, errors, user_id_update });
        }
    }

    fn lists(&mut self, account: Option<&Loose>, value: Value<Items>) {
        self.reader.notes.ours(account);
        let contacts = Contacts::new(value.contacts.and_then(|raw| read(raw).ok()).unwrap_or_default());
        for message in value.messages.into_iter().flatten() {
            let item = self.reader.message(&contacts, message);
            self.take(item);
        }
        for renewal in value.user_id_update.into_iter().flatten() {
            let item = self.reader.renewal(renewal);
            self.take(item);
        }
        for status in value.statuses.into_iter().flatten() {
            let item = self.reader.status(status);
            self.take(item);
        }
        value.errors.into_iter().flatten().for_each(status::complaint);
    }

    /// The items of a list; what is none counts as broken.
    fn items<'b>(&mut self, list: Option<&'b RawValue>) -> Option<Items<'b>> {
        let items = list.map(read).transpose();
        self.broken += u32::from(items.is_err());
        items.ok().flatten()
    }

    fn take(&mut self, item: Result<Option<Event>, Skip>) {
        match item {
            Ok(event) => self.events.extend(event),
            Err(Skip::Anonymous) => self.anonymous += 1,
            Err(Skip::Broken) => self.broken += 1,
        }
    }
}
