//! Names of things. No type here prints a person: whatever identifies somebody shows `…` in `Debug`, so no log line has to remember.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A person's dense number in this store: the key of the row and of the timer. Reused after erasure, lowest free number first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct PersonId(pub u32);

/// Keyed hash (HMAC-SHA-256, first 64 bits) of a BSUID: how a person is recognised. The key lies outside the store. Among a million
/// people two share a hash with a probability of 3 in 100 million. Packed, because beside numbers of four bytes the alignment of eight
/// would leave four empty, several times for every person and message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(Rust, packed(4))]
pub struct PersonHash(pub u64);

/// Keyed hash (HMAC-SHA-256, first 64 bits) of a wamid: recognises duplicates. The wamid itself contains a phone number in base64.
/// Packed as a [`PersonHash`] is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(Rust, packed(4))]
pub struct WamidHash(pub u64);

/// Business-scoped user id, Meta's name for a person to this business: an opaque string of at most [`Bsuid::MAX`] bytes
/// (WhatsApp docs: business-scoped-user-ids).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bsuid(Box<str>);

impl Bsuid {
    /// Longest id that is accepted: two letters, a dot, `ENT.` and 128 characters fit twice over; longer ones are not Meta's.
    pub const MAX: usize = 200;

    /// The id, if it is neither empty nor longer than [`Bsuid::MAX`] bytes. The text is not looked at: it is Meta's.
    pub fn new(id: &str) -> Option<Bsuid> {
        (!id.is_empty() && id.len() <= Bsuid::MAX).then(|| Bsuid(id.into()))
    }

    /// The id as Meta wrote it. Only for the wire and for the one table that keeps it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A telephone number as WhatsApp writes it, digits only (`wa_id`). Kept only to answer somebody who came without a BSUID, and only while
/// their window may be open (promise 10).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Phone(Box<str>);

impl Phone {
    /// ITU-T E.164: a number has at most 15 digits. Some slack, because what counts is that it is one.
    pub const MAX: usize = 20;

    /// The number, if it consists of 1 to [`Phone::MAX`] digits.
    pub fn new(digits: &str) -> Option<Phone> {
        let fits = (1..=Phone::MAX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Phone(digits.into()))
    }

    /// The digits, without a `+`. Only for the wire and for the one table that keeps them.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Where an answer goes: `recipient` with the BSUID whenever one is known, else `to` with the number (WhatsApp docs: send-messages).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Address {
    /// The rule since April 2026.
    Bsuid(Bsuid),
    /// An old payload that carried no BSUID.
    Phone(Phone),
}

/// By what a person is recognised. The phone's hash is only an alias: it finds a person again whose number changed, or who came without a
/// BSUID once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Hash of the BSUID; of the telephone number if there was no BSUID.
    pub hash: PersonHash,
    /// Hash of the telephone number, if the payload carried one.
    pub alias: Option<PersonHash>,
}

/// A feed's dense number in this store, at most 7: a feed keeps it for ever, whatever becomes of the configuration's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FeedId(pub u8);

/// Some of at most eight feeds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct FeedSet(u8);

impl FeedSet {
    /// Feeds that a store can know: a list message has ten rows, eight feeds, „alle“ and „nein“ (WhatsApp docs: interactive lists).
    pub const MAX: usize = 8;

    /// With this feed, too.
    #[must_use]
    pub fn with(self, feed: FeedId) -> FeedSet {
        FeedSet(self.0 | 1_u8.checked_shl(feed.0.into()).unwrap_or(0))
    }

    /// Everything in either.
    #[must_use]
    pub fn union(self, other: FeedSet) -> FeedSet {
        FeedSet(self.0 | other.0)
    }

    /// Everything in both.
    #[must_use]
    pub fn common(self, other: FeedSet) -> FeedSet {
        FeedSet(self.0 & other.0)
    }

    /// Whether this feed is one of them.
    pub fn contains(self, feed: FeedId) -> bool {
        self.common(FeedSet::default().with(feed)) != FeedSet::default()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }
}

impl FromIterator<FeedId> for FeedSet {
    fn from_iter<T: IntoIterator<Item = FeedId>>(feeds: T) -> FeedSet {
        feeds.into_iter().fold(FeedSet::default(), FeedSet::with)
    }
}

/// A topic: the FNV-1a hash of its file's name, so that a row written down before a restart finds it again, wherever it stands then.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct TopicId(u32);

impl TopicId {
    /// The id of the topic of this name.
    pub fn of(name: &Name) -> TopicId {
        TopicId(fingerprint(name.as_str()))
    }
}

/// FNV-1a, 32 bits: tells texts apart that nobody forges.
pub fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Meta's id of one message. Contains the phone number in base64, therefore never stored and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Wamid(Box<str>);

impl Wamid {
    /// Wraps an id from the wire.
    pub fn new(id: &str) -> Wamid {
        Wamid(id.into())
    }

    /// The id as Meta wrote it. Only for the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// One message on its way out: a counter that never repeats within a store. Travels to Meta as `biz_opaque_callback_data`.
/// Packed as a [`PersonHash`] is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(Rust, packed(4))]
pub struct OutboxId(pub u64);

/// Random number of one store, drawn when it is created: statuses that echo another one are not ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InstanceId(pub u64);

/// What `biz_opaque_callback_data` carries: no personal data, because Meta echoes it to every subscribed app. Meta allows 512 characters
/// (WhatsApp docs: send-messages); this needs 36.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Callback {
    /// The store that sent the message.
    pub instance: InstanceId,
    /// The message.
    pub id: OutboxId,
}

impl Callback {
    /// `v1:<instance>:<id>`, both as 16 hexadecimal digits.
    pub fn encode(self) -> String {
        format!("v1:{:016x}:{:016x}", self.instance.0, { self.id.0 })
    }

    /// The inverse of [`Callback::encode`]; `None` for anything else, which is then not ours.
    pub fn parse(text: &str) -> Option<Callback> {
        let (instance, id) = text.strip_prefix("v1:")?.split_once(':')?;
        let hex = |part: &str| (part.len() == 16).then(|| u64::from_str_radix(part, 16).ok()).flatten();
        Some(Callback { instance: InstanceId(hex(instance)?), id: OutboxId(hex(id)?) })
    }
}

/// Name of a feed or of a metric: `[a-z0-9][a-z0-9_-]{0,63}`, the rule of the publishers' contract.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Name(Box<str>);

impl Name {
    /// The name, if it follows the rule.
    pub fn new(name: &str) -> Option<Name> {
        let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let fits = (1..=64).contains(&name.len()) && name.starts_with(alphanumeric);
        (fits && name.chars().all(|c| alphanumeric(c) || c == '_' || c == '-')).then(|| Name(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! hidden {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}
hidden!(PersonHash, WamidHash, Bsuid, Phone, Wamid);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callback_round_trip_and_strangers() {
        let callback = Callback { instance: InstanceId(0xfeed_0000_0000_0001), id: OutboxId(42) };
        assert_eq!(Callback::parse(&callback.encode()), Some(callback));
        for stranger in ["", "v1:", "v2:feed000000000001:000000000000002a", "v1:1:2", "v1:feed000000000001:000000000000002a:x", "v1:é:é"]
        {
            assert_eq!(Callback::parse(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn names_follow_the_contract() {
        assert!(["a", "cases_new", "kv-x", "0", &"a".repeat(64)].iter().all(|name| Name::new(name).is_some()));
        assert!(["", "-a", "_a", "A", "ä", "a/b", "a b", &"a".repeat(65)].iter().all(|name| Name::new(name).is_none()));
    }

    #[test]
    fn people_hide_themselves() {
        let (Some(bsuid), wamid) = (Bsuid::new("DE.1"), Wamid::new("wamid.X")) else { unreachable!("DE.1 is short enough") };
        assert_eq!(format!("{bsuid:?} {wamid:?} {:?} {:?}", PersonHash(7), WamidHash(7)), "Bsuid(…) Wamid(…) PersonHash(…) WamidHash(…)");
    }
}
