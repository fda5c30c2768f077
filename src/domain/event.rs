//! Everything that can happen to the relay. No wire format: ports have turned bytes into these, or refused them.

pub use super::budget::Price;
use super::figures::Value;
use super::ids::{Address, FeedId, Identity, Name, OutboxId, PersonHash, PersonId, Wamid, WamidHash};
use super::time::{Day, Timestamp};
use std::fmt;

/// One thing that arrived. Time is one of them: [`Event::Due`].
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The process, or the port that sends, has started: whatever was in flight has an unknown outcome now.
    Started,
    /// The clock is known to be right. Until then sends that depend on a window wait (promise 11).
    ClockTrusted,
    /// It is in doubt, and may show another time when it is trusted again: everything waits as before it was trusted first.
    ClockDoubted,
    /// A publisher said something.
    Figure(Figure),
    /// A publisher wants to know what would become of it.
    Validate(Figure),
    /// Somebody who looks after the figures has decided.
    Asked(Request),
    /// A person wrote or tapped.
    Heard(Heard),
    /// Somebody goes by another number or another BSUID now.
    Moved(Moved),
    /// Meta tells how a message fares.
    Status(Status),
    /// Meta tells how our account fares.
    Account(Standing),
    /// Anything else in a verified webhook: it proves that ingress works.
    Proof,
    /// The answer to a send.
    Sent {
        /// Which message.
        id: OutboxId,
        /// What became of the attempt.
        outcome: Outcome,
    },
    /// The store's file has been made anew: whatever was erased before that began is gone from it.
    Rewritten,
    /// It could not be made anew.
    RewriteFailed,
    /// A deadline has come.
    Due(Key),
}

/// Whose deadline it was. Each has at most one, see `State::deadline`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key {
    /// A feed's publication has settled long enough.
    Feed(FeedId),
    /// The end of the service is to be announced, or has come.
    Notice,
    /// An hour of deduplication ids has aged out.
    Seen,
    /// The store's file is to be made anew.
    Rewrite,
    /// One person: reminder, verdict, or the end of what is kept.
    Person(PersonId),
    /// Somebody has paused and is to be answered.
    Answers,
    /// The queue of messages: a broadcast to page in, a free slot and a token, or something that ends.
    Outbox,
}

/// What one MQTT message stated, parsed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Figure {
    /// The feed that they belong to.
    pub feed: Name,
    /// Metrics and their values, each metric once. None at all: the publisher says that there are no figures of that day.
    pub values: Vec<(Name, Value)>,
    /// The day the figures are about; `None`: that of [`Figure::id`] if it is known, else the local day of receipt.
    pub as_of: Option<Day>,
    /// When the publisher says that it published them: of two messages about one day the later one counts.
    pub published_at: Option<Timestamp>,
    /// The publisher's own name for this message: the same one again is about the same day. At most [`Figure::ID_MAX`] bytes.
    pub id: Option<Box<str>>,
    /// What it puts right: whoever got the old values is told.
    pub corrects: Option<Corrects>,
    /// Where a receipt goes; `None` for retained replays, which nobody waits for.
    pub receipt: Option<ReplyTo>,
}

impl Figure {
    /// Longest id of a publisher: a UUID has 36 characters.
    pub const ID_MAX: usize = 64;

    /// Values of the day of their receipt, for which nobody waits.
    pub fn new(feed: Name, values: Vec<(Name, Value)>) -> Figure {
        Figure { feed, values, as_of: None, published_at: None, id: None, corrects: None, receipt: None }
    }
}

/// What a figure puts right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Corrects {
    /// What was said about this day.
    Day(Day),
    /// The message with this id, see [`Figure::id`].
    Id(Box<str>),
}

/// What a human decides about a feed's figures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// What is to be done.
    pub verb: Verb,
    /// With which feed.
    pub feed: Name,
    /// The day that it must be about, if it is named: what somebody has looked at may be something else by now.
    pub as_of: Option<Day>,
    /// Where the answer goes.
    pub reply: Option<ReplyTo>,
}

/// What can be decided about figures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verb {
    /// What is held is right: it is sent.
    Release,
    /// What is held is wrong: it is forgotten.
    Discard,
    /// What is held is a new beginning: it is kept, and what follows is judged by it, but it is not sent.
    Rebaseline,
    /// What was published last is taken back, as far as it has not left.
    Withdraw,
}

/// Where a receipt goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReplyTo {
    /// To the receipts of a feed.
    Receipts(ReceiptTopic),
    /// To the responses of a request, with what its sender calls it.
    Response {
        /// The request's name, as its topic has it.
        request: &'static str,
        /// Repeated as it came, if it came.
        transaction: Option<Box<str>>,
    },
    /// To whoever asks on this machine and has drawn this number.
    Local(u64),
}

/// The part of the topic that the receipt repeats: the feed alone or the feed and one metric.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceiptTopic {
    /// The feed.
    pub feed: Name,
    /// The metric that the publisher named in the topic.
    pub metric: Option<Name>,
    /// How the message came to its values.
    pub reading: Reading,
}

impl ReceiptTopic {
    /// The receipts of a message that says what it means.
    pub fn new(feed: Name, metric: Option<Name>) -> ReceiptTopic {
        ReceiptTopic { feed, metric, reading: Reading::Literal }
    }
}

/// How a message came to its values: what its publisher is told of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// They stand in it.
    Literal,
    /// A number was written in another way than it was read, `12.735` for 12735: the receipt says what was read.
    Interpreted,
    /// It is a foreign message that knows nothing of us and may repeat itself every ten seconds: nobody is told of duplicates.
    Foreign,
}

/// Something a person did that may count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    /// Who it was.
    pub from: Identity,
    /// Where an answer would go.
    pub address: Address,
    /// Meta's id, for the read receipt.
    pub wamid: Wamid,
    /// Keyed hash of [`Heard::wamid`], for deduplication.
    pub hash: WamidHash,
    /// Meta's timestamp of the message: the window counts from here, never from the arrival.
    pub at: Timestamp,
    /// What was said.
    pub said: Said,
}

/// A person's number or BSUID changed (WhatsApp docs: webhooks reference, messages/system). Whether the window survives that is not
/// documented, so nothing is sent until they write again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// Hashes of what they were called before: of the BSUID, of the number, of both, as far as the payload names them.
    pub from: Vec<PersonHash>,
    /// What they are called now.
    pub to: Identity,
    /// When, by Meta's clock.
    pub at: Timestamp,
}

/// What Meta says about our account (WhatsApp docs: webhooks reference, account_update).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// We may not answer people any more.
    Restricted {
        /// Until then, by Meta's clock; `None` if it does not say.
        until: Option<Timestamp>,
    },
    /// We may again.
    Restored,
}

/// What a person did. What never matters (calls, `system`, `unsupported`, `revoke`) does not get past the port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// Free text. Counts.
    Text(Text),
    /// A button of ours. Counts.
    Tapped(Tap),
    /// Media, location, contact, order, a foreign button: counts, says nothing.
    Other,
    /// A corrected text. Does not count, but "STOPP" still stops.
    Edited(Text),
    /// An emoji on this message of ours. Does not count.
    Reacted(WamidHash),
}

/// Text that a person wrote: read once, never stored, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(pub Box<str>);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

/// Which of our buttons or rows. The id carries version and feeds, so that a tap needs no stored row: one from before an erasure still
/// means what it said.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Tap {
    /// "Ja", "Ja, weiter", "Weiter informieren", or a feed chosen from the list.
    Yes(Vec<Name>),
    /// "Nein", "Nein, Stopp" and "Stopp".
    No,
    /// A topic chosen from the list.
    Topic(Name),
}

impl Tap {
    /// Longest id that we write: a row's id has at most 200 characters (WhatsApp docs: interactive lists). The configuration sees to it
    /// that the names of all feeds fit.
    pub const MAX: usize = 200;

    /// The id on the wire: `v1:yes:<feed>,<feed>`, `v1:no:`, `v1:topic:<topic>`.
    pub fn encode(&self) -> String {
        match self {
            Tap::Yes(feeds) => format!("v1:yes:{}", feeds.iter().map(Name::as_str).collect::<Vec<_>>().join(",")),
            Tap::No => "v1:no:".to_owned(),
            Tap::Topic(topic) => format!("v1:topic:{topic}"),
        }
    }

    /// The inverse of [`Tap::encode`] for feeds and topics of any name. Untrusted input: anything else is `None`.
    pub fn parse(id: &str) -> Option<Tap> {
        let (word, rest) = id.strip_prefix("v1:").filter(|_| id.len() <= Tap::MAX)?.split_once(':')?;
        match word {
            "yes" => rest.split(',').map(Name::new).collect::<Option<Vec<_>>>().map(Tap::Yes),
            // Before there were several feeds, it carried one.
            "no" => (rest.is_empty() || Name::new(rest).is_some()).then_some(Tap::No),
            "topic" => Name::new(rest).map(Tap::Topic),
            _ => None,
        }
    }
}

/// A status webhook about a message of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// From the echoed callback data, if it was there and of this store.
    pub id: Option<OutboxId>,
    /// Keyed hash of the message's wamid: the way to find it when the callback data is missing.
    pub wamid: WamidHash,
    /// When it happened, by Meta's clock.
    pub at: Timestamp,
    /// What happened.
    pub news: News,
    /// What the message costs, if Meta says so in a form that is known.
    pub price: Option<Price>,
}

/// What a status says. Higher ranks never go back to lower ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum News {
    /// Left Meta's servers.
    Sent,
    /// Arrived on the phone.
    Delivered,
    /// Was read (implies delivered).
    Read,
    /// Will not arrive; the code is Meta's (WhatsApp docs: error-codes).
    Failed(u32),
}

/// What became of one attempt to send. Facts only: what follows from them is decided by `outbox`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Meta took it.
    Accepted(WamidHash),
    /// It certainly did not go out, and may later: no connection, or something in between answered.
    Later,
    /// Meta refused it with this code (WhatsApp docs: error-codes). It certainly did not go out.
    Rejected {
        /// The code.
        code: u32,
        /// Whether Meta calls it transient, which helps with codes that nobody knows.
        transient: bool,
    },
    /// `not_after` passed before it was written. Nothing went out.
    TooLate,
    /// It was written and no answer came: never repeated blindly.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tap_survives_the_wire() {
        let feed = Name::new("corona").expect("a valid name");
        for tap in [Tap::Yes(vec![feed.clone()]), Tap::No, Tap::Topic(feed)] {
            assert_eq!(Tap::parse(&tap.encode()), Some(tap));
        }
        for foreign in ["", "yes", "v1:yes", "v1:maybe:corona", "v2:yes:corona", "v1:yes:Corona Köln"] {
            assert_eq!(Tap::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn text_shows_its_length_only() {
        assert_eq!(format!("{:?}", Text("Ich bin krank".into())), "Text(13 bytes)");
    }
}
