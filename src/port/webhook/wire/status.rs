//! What became of our messages, and what Meta says is wrong with the number. Ranks nothing and repeats nothing: the domain knows which news
//! are older. What a message cost is read from what Meta calls it, never computed.

use super::loose::{Loose, read};
use super::{Reader, Skip};
use crate::domain::event::{Event, News, Price, Status};
use crate::domain::ids::Callback;
use serde::Deserialize;
use serde_json::value::RawValue;

/// WhatsApp docs: webhooks reference, messages/status.
#[derive(Deserialize)]
struct Report<'a> {
    #[serde(borrow)]
    id: Option<Loose<'a>>,
    #[serde(borrow)]
    status: Option<Loose<'a>>,
    #[serde(borrow)]
    timestamp: Option<Loose<'a>>,
    #[serde(borrow)]
    recipient_type: Option<Loose<'a>>,
    #[serde(borrow)]
    biz_opaque_callback_data: Option<Loose<'a>>,
    #[serde(borrow)]
    pricing: Option<&'a RawValue>,
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
}

/// WhatsApp docs: pricing. `billable` is what older payloads have instead of `type`, and will go.
#[derive(Deserialize)]
struct Pricing<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Loose<'a>>,
    #[serde(borrow)]
    billable: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(borrow)]
    code: Option<Loose<'a>>,
}

impl Reader {
    /// One item of `statuses`.
    pub(super) fn status(&self, raw: &RawValue) -> Result<Option<Event>, Skip> {
        let report: Report = read(raw)?;
        if report.recipient_type.is_some_and(|kind| kind.text() == "group") {
            return Ok(None);
        }
        let word = report.status.as_ref().map(Loose::text).unwrap_or_default();
        let news = match &*word {
            "sent" => News::Sent,
            "delivered" => News::Delivered,
            "read" | "played" => News::Read,
            "failed" => News::Failed(report.errors.and_then(code).unwrap_or(0)),
            _ => return Ok(None),
        };
        let callback = report.biz_opaque_callback_data.and_then(|data| Callback::parse(&data.text()));
        let id = callback.filter(|callback| callback.instance == self.instance).map(|callback| callback.id);
        let wamid = report.id.as_ref().map(Loose::text).filter(|wamid| !wamid.is_empty());
        if id.is_none() && wamid.is_none() {
            return Ok(None);
        }
        let at = report.timestamp.as_ref().and_then(Loose::timestamp).ok_or(Skip::Broken)?;
        let wamid = self.pseudonyms.wamid(&wamid.unwrap_or_default());
        let price = report.pricing.and_then(price);
        Ok(Some(Event::Status(Status { id, wamid, at, news, price })))
    }
}

/// Nothing if it is said in another shape, or in a word that is newer than this line: a price that nobody knows is none.
fn price(pricing: &RawValue) -> Option<Price> {
    let Pricing { kind, billable } = read(pricing).ok()?;
    match kind {
        Some(kind) => match &*kind.text() {
            "regular" => Some(Price::Paid),
            "free_customer_service" | "free_entry_point" | "free_group_customer_service" => Some(Price::Free),
            _ => None,
        },
        None => match billable?.get() {
            "true" => Some(Price::Paid),
            "false" => Some(Price::Free),
            _ => None,
        },
    }
}

/// The first code that can be read; nothing if Meta found another shape for it.
fn code(errors: &RawValue) -> Option<u32> {
    read::<Vec<&RawValue>>(errors).ok()?.into_iter().find_map(failure)
}

fn failure(raw: &RawValue) -> Option<u32> {
    read::<Failure>(raw).ok()?.code?.number()
}

/// An error that belongs to no message: something is wrong with the app, the account or the number (WhatsApp docs: webhooks reference,
/// messages/errors). It is news about what we send, never about a person, and nothing follows from it: each message that suffered says so.
pub(super) fn complaint(raw: &RawValue) {
    match failure(raw) {
        // The answers to our orders say the same, and slow us down.
        Some(code @ (4 | 80_007 | 130_429)) => tracing::warn!(code, "Meta says that too much is sent: the relay slows down by itself"),
        Some(131_035) => tracing::warn!(
            code = 131_035,
            "Meta has dropped messages of people, because no webhook arrived for an hour. Remedy: turn off \"No Storage\" for the number"
        ),
        Some(code) => {
            tracing::warn!(code, "Meta says that something is wrong with the number. Remedy: look the code up in Meta's error codes");
        }
        None => tracing::warn!("Meta says that something is wrong with the number, in a form that is not known"),
    }
}
