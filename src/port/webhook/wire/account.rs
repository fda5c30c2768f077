//! What Meta says about our account, in fields other than `messages` (WhatsApp docs: webhooks reference). Only what forbids or allows us to
//! answer people becomes an event; the rest is told to the technician, and what concerns only templates not even twice.

use super::loose::{Loose, read};
use super::{Reader, Skip};
use crate::domain::event::{Event, Standing};
use crate::domain::time::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Every object of every field, as far as it matters here; each is read on its own.
#[derive(Deserialize)]
struct Update<'a> {
    #[serde(borrow)]
    event: Option<Loose<'a>>,
    #[serde(borrow)]
    decision: Option<Loose<'a>>,
    #[serde(borrow)]
    status: Option<Loose<'a>>,
    #[serde(borrow)]
    waba_info: Option<&'a RawValue>,
    #[serde(borrow)]
    restriction_info: Option<&'a RawValue>,
    #[serde(borrow)]
    ban_info: Option<&'a RawValue>,
    #[serde(borrow)]
    violation_info: Option<&'a RawValue>,
    #[serde(borrow)]
    alert_info: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Account<'a> {
    #[serde(borrow)]
    waba_id: Option<Loose<'a>>,
}

#[derive(Deserialize)]
struct Restriction<'a> {
    #[serde(borrow)]
    restriction_type: Option<Loose<'a>>,
    #[serde(borrow)]
    expiration: Option<Loose<'a>>,
}

#[derive(Deserialize)]
struct Ban<'a> {
    #[serde(borrow)]
    waba_ban_state: Option<Loose<'a>>,
}

#[derive(Deserialize)]
struct Violation<'a> {
    #[serde(borrow)]
    violation_type: Option<Loose<'a>>,
}

#[derive(Deserialize)]
struct Alert<'a> {
    #[serde(borrow)]
    alert_severity: Option<Loose<'a>>,
    #[serde(borrow)]
    alert_status: Option<Loose<'a>>,
    #[serde(borrow)]
    alert_type: Option<Loose<'a>>,
}

/// Fields that are only about templates, which are never sent, or about services that are not used. Being subscribed to them costs
/// webhooks and nothing else.
const NEEDLESS: [&str; 17] = [
    "automatic_events",
    "calls",
    "flows",
    "group_lifecycle_update",
    "group_participants_update",
    "group_settings_update",
    "group_status_update",
    "history",
    "message_template_components_update",
    "message_template_quality_update",
    "message_template_status_update",
    "messaging_handovers",
    "partner_solutions",
    "smb_app_state_sync",
    "smb_message_echoes",
    "standby",
    "template_category_update",
];

impl Reader {
    /// A change in a field that is not about people. `entry` is the account's id.
    pub(super) fn account(&self, entry: Option<&Loose>, field: &str, raw: &RawValue) -> Result<Option<Event>, Skip> {
        match field {
            "account_update" => return Ok(self.account_update(entry, &read(raw)?)),
            "account_alerts" => alert(&read(raw)?),
            "phone_number_quality_update" => quality(&read(raw)?),
            "security" => tracing::warn!(
                event = word(read::<Update>(raw)?.event.as_ref()),
                "the number's two-step PIN is concerned. Remedy: if nobody of the branch has done this, set a new PIN in WhatsApp Manager"
            ),
            "account_review_update" | "phone_number_name_update" | "business_username_updates" => news(field, &read(raw)?),
            "business_capability_update" => tracing::debug!("other limits for writing first: the relay never does"),
            "payment_configuration_update" => {
                tracing::info!("Meta has changed how the account pays: nothing to do if the branch wanted it");
            }
            "user_preferences" if self.notes.first(field.into()) => {
                tracing::info!("people's choices about marketing messages are ignored: the relay sends none, and STOPP ends what it sends")
            }
            _ if NEEDLESS.contains(&field) && self.notes.first(field.into()) => {
                tracing::info!(field, "the app is subscribed to a webhook field that the relay does not need. Remedy: unsubscribe from it");
            }
            _ => tracing::debug!(field = Loose::Text(field.into()).word(), "a webhook field that is ignored"),
        }
        Ok(None)
    }

    /// The stop switch (WhatsApp docs: webhooks reference, account_update).
    fn account_update(&self, entry: Option<&Loose>, update: &Update) -> Option<Event> {
        let event = word(update.event.as_ref());
        // Updates about partners stand below the partner's id.
        let info = update.waba_info.and_then(|raw| read::<Account>(raw).ok()).and_then(|info| info.waba_id);
        if self.notes.is_foreign(info.as_ref().or(entry)) {
            tracing::info!(event, "an update of another account than our number's is ignored");
            return None;
        }
        let standing = match &*event {
            "ACCOUNT_RESTRICTION" => restriction(update),
            "ACCOUNT_DELETED" | "ACCOUNT_OFFBOARDED" => Some(forbidden(&event)),
            "ACCOUNT_RECONNECTED" => Some(allowed(&event)),
            "ACCOUNT_VIOLATION" | "DISABLED_UPDATE" => None,
            _ => {
                tracing::info!(event, "news about the account: nothing to do");
                None
            }
        };
        if event == "ACCOUNT_VIOLATION" {
            let violation = update.violation_info.and_then(|raw| read::<Violation>(raw).ok()).and_then(|info| info.violation_type);
            let violation = word(violation.as_ref());
            tracing::warn!(
                violation,
                "Meta says that the account violates a policy. Remedy: see the account's quality in Business Support"
            );
        }
        // Stands in updates about violations, too.
        standing.or_else(|| ban(update)).map(Event::Account)
    }
}

fn word(loose: Option<&Loose>) -> String {
    loose.map_or_else(|| "(none)".to_owned(), Loose::word)
}

fn forbidden(event: &str) -> Standing {
    tracing::error!(event, "Meta does not let us answer people any more: sending stops. Remedy: see the account in Business Support");
    Standing::Restricted { until: None }
}

fn allowed(event: &str) -> Standing {
    tracing::info!(event, "Meta lets us answer people again");
    Standing::Restored
}

/// Restrictions of other things do not stop us: we never write first.
fn restriction(update: &Update) -> Option<Standing> {
    let raw = update.restriction_info?;
    let items = read::<Vec<&RawValue>>(raw).unwrap_or_else(|_| vec![raw]);
    let mut until: Option<Option<Timestamp>> = None;
    for Restriction { restriction_type, expiration } in items.into_iter().filter_map(|raw| read(raw).ok()) {
        let kind = word(restriction_type.as_ref());
        let end = expiration.as_ref().and_then(Loose::timestamp);
        if kind == "RESTRICTED_CUSTOMER_INITIATED_MESSAGING" {
            tracing::error!(until = ?end, "Meta forbids us to answer people: sending stops. Remedy: see the account in Business Support");
            // The latest end counts; one that is not told is later than all.
            until = Some(match until {
                Some(before) => before.zip(end).map(|(before, end)| before.max(end)),
                None => end,
            });
        } else {
            tracing::warn!(restriction = kind, until = ?end, "Meta restricts the account; answers to people still go out");
        }
    }
    until.map(|until| Standing::Restricted { until })
}

fn ban(update: &Update) -> Option<Standing> {
    let state = read::<Ban>(update.ban_info?).ok()?.waba_ban_state?.word();
    match &*state {
        "DISABLE" => Some(forbidden(&state)),
        "REINSTATE" => Some(allowed(&state)),
        // It has not happened yet, and until then everything works.
        "SCHEDULE_FOR_DISABLE" => {
            tracing::error!("Meta is going to disable the account. Remedy: appeal in Business Support before it happens");
            None
        }
        _ => {
            tracing::warn!(
                state,
                "Meta has changed the account's state to one that is not known. Remedy: see the account in Business Support"
            );
            None
        }
    }
}

fn alert(update: &Update) {
    let info = update.alert_info.and_then(|raw| read::<Alert>(raw).ok());
    let Alert { alert_severity, alert_status, alert_type } =
        info.unwrap_or(Alert { alert_severity: None, alert_status: None, alert_type: None });
    let (severity, status, kind) = (word(alert_severity.as_ref()), word(alert_status.as_ref()), word(alert_type.as_ref()));
    let sentence = "Meta has an alert about the account. Remedy: see WhatsApp Manager, overview";
    match &*severity {
        "CRITICAL" => tracing::error!(severity, status, alert = kind, "{sentence}"),
        "INFORMATIONAL" => tracing::info!(severity, status, alert = kind, "{sentence}"),
        _ => tracing::warn!(severity, status, alert = kind, "{sentence}"),
    }
}

fn quality(update: &Update) {
    let event = word(update.event.as_ref());
    match &*event {
        "FLAGGED" | "DOWNGRADE" => {
            let sentence = "people block or report the number. Remedy: see the number's quality in WhatsApp Manager, and send less";
            tracing::warn!(event, "{sentence}");
        }
        _ => tracing::info!(event, "Meta has changed the number's quality or throughput: nothing to do"),
    }
}

fn news(field: &str, update: &Update) {
    let outcome = word(update.decision.as_ref().or(update.status.as_ref()).or(update.event.as_ref()));
    match &*outcome {
        "REJECTED" | "DECLINED" | "DEFERRED" => {
            tracing::warn!(field, outcome, "Meta has not accepted what was asked for. Remedy: see WhatsApp Manager");
        }
        _ => tracing::info!(field, outcome, "news about the account: nothing to do"),
    }
}
