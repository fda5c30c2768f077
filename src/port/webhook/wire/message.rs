//! What people do: messages and changes of who they are. Decides nothing but what is no message to us at all (promise 1).

use super::loose::{Loose, Written, read, required};
use super::{Reader, Skip};
use crate::domain::event::{Event, Heard, Moved, Said, Tap};
use crate::domain::ids::{Address, Bsuid, Identity, PersonHash, Phone, Wamid};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// The block beside the messages, one item for each sender. Read only if a message does not say by itself who wrote it.
pub(super) struct Contacts<'a> {
    raw: Vec<&'a RawValue>,
    read: OnceCell<Names>,
}

/// Who is called what: by telephone number and by BSUID, never by the place in the list.
#[derive(Default)]
struct Names {
    bsuids: BTreeMap<Phone, Bsuid>,
    phones: BTreeMap<Bsuid, Phone>,
}

#[derive(Deserialize)]
struct Contact<'a> {
    #[serde(borrow)]
    wa_id: Option<Loose<'a>>,
    #[serde(borrow)]
    user_id: Option<Loose<'a>>,
}

impl<'a> Contacts<'a> {
    pub(super) fn new(raw: Vec<&'a RawValue>) -> Contacts<'a> {
        Contacts { raw, read: OnceCell::new() }
    }

    fn names(&self) -> &Names {
        self.read.get_or_init(|| {
            let mut names = Names::default();
            for Contact { wa_id, user_id } in self.raw.iter().filter_map(|raw| read(raw).ok()) {
                let (Some(wa_id), Some(user_id)) = (wa_id, user_id) else { continue };
                let (Some(phone), Some(bsuid)) = (wa_id.phone(), user_id.bsuid()) else { continue };
                names.bsuids.entry(phone.clone()).or_insert_with(|| bsuid.clone());
                names.phones.entry(bsuid).or_insert(phone);
            }
            names
        })
    }
}

/// What all messages have in common, and the objects of those that say something (WhatsApp docs: webhooks reference, messages;
/// business-scoped-user-ids). Parent BSUIDs are not used: they stand for the same person in other portfolios.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<Loose<'a>>,
    #[serde(borrow)]
    from: Option<Loose<'a>>,
    #[serde(borrow)]
    from_user_id: Option<Loose<'a>>,
    #[serde(borrow)]
    timestamp: Option<Loose<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Loose<'a>>,
    group_id: Option<IgnoredAny>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    interactive: Option<&'a RawValue>,
    #[serde(borrow)]
    button: Option<&'a RawValue>,
    #[serde(borrow)]
    edit: Option<&'a RawValue>,
    #[serde(borrow)]
    reaction: Option<&'a RawValue>,
    #[serde(borrow)]
    system: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct TextObject {
    body: Written,
}

#[derive(Deserialize)]
struct Interactive<'a> {
    #[serde(borrow)]
    button_reply: Option<Reply<'a>>,
    #[serde(borrow)]
    list_reply: Option<Reply<'a>>,
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    id: Option<Loose<'a>>,
}

/// The quick reply of a template. We send none, but somebody may have before us.
#[derive(Deserialize)]
struct Button<'a> {
    #[serde(borrow)]
    payload: Option<Loose<'a>>,
}

#[derive(Deserialize)]
struct Edit {
    message: Option<Edited>,
}

#[derive(Deserialize)]
struct Edited {
    text: Option<TextObject>,
}

/// Taken back: the same without the emoji (WhatsApp docs: webhooks reference, messages/reaction).
#[derive(Deserialize)]
struct Reaction<'a> {
    #[serde(borrow)]
    message_id: Option<Loose<'a>>,
    #[serde(borrow)]
    emoji: Option<Loose<'a>>,
}

/// WhatsApp docs: webhooks reference, messages/system. `new_wa_id` is what `wa_id` was called before.
#[derive(Deserialize)]
struct System<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Loose<'a>>,
    #[serde(borrow)]
    wa_id: Option<Loose<'a>>,
    #[serde(borrow)]
    new_wa_id: Option<Loose<'a>>,
    #[serde(borrow)]
    user_id: Option<Loose<'a>>,
    #[serde(borrow)]
    previous_user_id: Option<Loose<'a>>,
    #[serde(borrow)]
    body: Option<Loose<'a>>,
}

/// An item of the field `user_id_update`, which Meta has taken out of its documents (2026-08-11) and may still send.
#[derive(Deserialize)]
struct Renewal<'a> {
    #[serde(borrow)]
    wa_id: Option<Loose<'a>>,
    #[serde(borrow)]
    user_id: Option<Renewed<'a>>,
    #[serde(borrow)]
    timestamp: Option<Loose<'a>>,
}

#[derive(Deserialize)]
struct Renewed<'a> {
    #[serde(borrow)]
    previous: Option<Loose<'a>>,
    #[serde(borrow)]
    current: Option<Loose<'a>>,
}

impl Reader {
    /// One item of `messages`.
    pub(super) fn message(&self, contacts: &Contacts, raw: &RawValue) -> Result<Option<Event>, Skip> {
        let message: Message = read(raw)?;
        if message.group_id.is_some() {
            return Ok(None);
        }
        if message.kind.as_ref().is_some_and(|kind| kind.text() == "system") {
            return self.system(&message);
        }
        let Some(said) = self.said(&message)? else { return Ok(None) };
        let id = message.id.as_ref().map(Loose::text).filter(|id| !id.is_empty()).ok_or(Skip::Broken)?;
        let at = message.timestamp.as_ref().and_then(Loose::timestamp).ok_or(Skip::Broken)?;
        let (from, address) = self.sender(contacts, &message).ok_or(Skip::Anonymous)?;
        Ok(Some(Event::Heard(Heard { from, address, wamid: Wamid::new(&id), hash: self.pseudonyms.wamid(&id), at, said })))
    }

    /// Who wrote, and where an answer goes. What the message says itself counts before what stands beside it.
    fn sender(&self, contacts: &Contacts, message: &Message) -> Option<(Identity, Address)> {
        let bsuid = message.from_user_id.as_ref().and_then(Loose::bsuid);
        let phone = message.from.as_ref().and_then(Loose::phone);
        let bsuid = bsuid.or_else(|| contacts.names().bsuids.get(phone.as_ref()?).cloned());
        let phone = phone.or_else(|| contacts.names().phones.get(bsuid.as_ref()?).cloned());
        let identity = self.identity(bsuid.as_ref(), phone.as_ref())?;
        Some((identity, bsuid.map(Address::Bsuid).or(phone.map(Address::Phone))?))
    }

    /// By what somebody with these names is recognised: the number is an alias, and the name only if there is no other.
    fn identity(&self, bsuid: Option<&Bsuid>, phone: Option<&Phone>) -> Option<Identity> {
        let alias = phone.map(|phone| self.pseudonyms.phone(phone.expose()));
        let hash = bsuid.map(|bsuid| self.pseudonyms.person(bsuid.expose())).or(alias)?;
        Some(Identity { hash, alias })
    }

    /// What a message says; `None` for what never counts (promise 1), and for every kind that is not known.
    fn said(&self, message: &Message) -> Result<Option<Said>, Skip> {
        let kind = message.kind.as_ref().map(Loose::text).unwrap_or_default();
        let said = match &*kind {
            "text" => required::<TextObject>(message.text)?.body.0.map_or(Said::Other, Said::Text),
            "interactive" => {
                // Flows, call permissions and what else there is: an answer, but none that says anything to us.
                let Interactive { button_reply, list_reply } = required(message.interactive)?;
                tapped(button_reply.or(list_reply).and_then(|reply| reply.id))
            }
            "button" => tapped(required::<Button>(message.button)?.payload),
            "image" | "audio" | "video" | "document" | "sticker" | "location" | "contacts" | "order" => Said::Other,
            "edit" => match required::<Edit>(message.edit)?.message.and_then(|message| message.text).and_then(|text| text.body.0) {
                Some(text) => Said::Edited(text),
                None => return Ok(None),
            },
            "reaction" => match self.reaction(required(message.reaction)?) {
                Some(said) => said,
                None => return Ok(None),
            },
            "unsupported" | "unknown" | "revoke" | "request_welcome" | "call" => return Ok(None),
            _ => {
                let kind = message.kind.as_ref().map(Loose::word);
                tracing::debug!(kind, "a message of a kind that is not known does not count");
                return Ok(None);
            }
        };
        Ok(Some(said))
    }

    fn reaction(&self, reaction: Reaction) -> Option<Said> {
        reaction.emoji.filter(|emoji| !emoji.text().is_empty())?;
        let target = reaction.message_id.filter(|id| !id.text().is_empty())?;
        Some(Said::Reacted(self.pseudonyms.wamid(&target.text())))
    }

    /// Somebody goes by another number or BSUID now. Contacts never stand beside these messages.
    fn system(&self, message: &Message) -> Result<Option<Event>, Skip> {
        let system: System = required(message.system)?;
        let kind = system.kind.as_ref().map(Loose::text).unwrap_or_default();
        match &*kind {
            "user_changed_number" | "customer_changed_number" | "user_changed_user_id" => {}
            // A new phone or a new installation: the same person under the same names.
            "user_identity_changed" | "customer_identity_changed" => return Ok(None),
            _ => {
                let kind = system.kind.as_ref().map(Loose::word);
                tracing::debug!(kind, "a system message of a kind that is not known has no effect");
                return Ok(None);
            }
        }
        let phone = system.new_wa_id.or(system.wa_id).as_ref().and_then(Loose::phone);
        let bsuid = system.user_id.as_ref().and_then(Loose::bsuid);
        let previous = system.previous_user_id.as_ref().and_then(Loose::bsuid).map(|bsuid| self.pseudonyms.person(bsuid.expose()));
        let previous = previous.or_else(|| self.name_before(&system.body?.text()));
        let own = message.from_user_id.as_ref().and_then(Loose::bsuid).map(|bsuid| self.pseudonyms.person(bsuid.expose()));
        let number = message.from.as_ref().and_then(Loose::phone).map(|phone| self.pseudonyms.phone(phone.expose()));
        let at = message.timestamp.as_ref();
        self.moved([previous, own, number], bsuid.as_ref(), phone.as_ref(), at)
    }

    /// „User Max changed from X to Y“: X, a number or a BSUID. A name may contain any words, so the last ones count.
    fn name_before(&self, body: &str) -> Option<PersonHash> {
        let (before, _) = body.rsplit_once(" changed from ")?.1.split_once(" to ")?;
        let before = Loose::Text(before.trim().into());
        let phone = before.phone().map(|phone| self.pseudonyms.phone(phone.expose()));
        phone.or_else(|| before.bsuid().map(|bsuid| self.pseudonyms.person(bsuid.expose())))
    }

    /// One item of `user_id_update`.
    pub(super) fn renewal(&self, raw: &RawValue) -> Result<Option<Event>, Skip> {
        let Renewal { wa_id, user_id, timestamp } = read(raw)?;
        let Renewed { previous, current } = user_id.ok_or(Skip::Broken)?;
        let previous = previous.as_ref().and_then(Loose::bsuid).map(|bsuid| self.pseudonyms.person(bsuid.expose()));
        let phone = wa_id.as_ref().and_then(Loose::phone);
        self.moved([previous, None, None], current.as_ref().and_then(Loose::bsuid).as_ref(), phone.as_ref(), timestamp.as_ref())
    }

    fn moved(
        &self,
        from: [Option<PersonHash>; 3],
        bsuid: Option<&Bsuid>,
        phone: Option<&Phone>,
        at: Option<&Loose>,
    ) -> Result<Option<Event>, Skip> {
        let Some(to) = self.identity(bsuid, phone) else { return Ok(None) };
        let mut known = Vec::new();
        for name in from.into_iter().flatten().filter(|name| *name != to.hash) {
            if !known.contains(&name) {
                known.push(name);
            }
        }
        let at = at.and_then(Loose::timestamp).ok_or(Skip::Broken)?;
        Ok((!known.is_empty()).then_some(Event::Moved(Moved { from: known, to, at })))
    }
}

fn tapped(id: Option<Loose>) -> Said {
    id.and_then(|id| Tap::parse(&id.text())).map_or(Said::Other, Said::Tapped)
}
