//! Everything that can happen to the relay. No wire format: ports have turned bytes into these, or refused them.

use super::figures::Value;
use super::ids::{Bsuid, Name, OutboxId, PersonHash, PersonId, Wamid, WamidHash};
use super::time::{Day, Timestamp};
use std::fmt;

/// One thing that arrived. Time is one of them: [`Event::Due`].
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The process, or the port that sends, has started: whatever was in flight has an unknown outcome now.
    Started,
    /// The system clock is known to be right. Until then sends that depend on a window wait (promise 11).
    ClockTrusted,
    /// A publisher said something.
    Figure(Figure),
    /// A person wrote or tapped.
    Heard(Heard),
    /// Meta tells how a message fares.
    Status(Status),
    /// The answer to a send.
    Sent {
        /// Which message.
        id: OutboxId,
        /// What became of the attempt.
        outcome: Outcome,
    },
    /// A deadline has come.
    Due(Key),
}

/// Whose deadline it was. Each has at most one, see `State::deadline`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key {
    /// The feed's publication has settled long enough.
    Feed,
    /// An hour of deduplication ids has aged out.
    Seen,
    /// One person: reminder, verdict, or the end of what is kept.
    Person(PersonId),
    /// The queue of messages: a broadcast to page in, a free slot and a token, or something that ends.
    Outbox,
}

/// What one MQTT message stated, parsed: at least one metric.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Figure {
    /// Metrics and their values, each metric once.
    pub values: Vec<(Name, Value)>,
    /// The day the figures are about; `None`: the local day of receipt.
    pub as_of: Option<Day>,
    /// Where a receipt goes; `None` for retained replays, which nobody waits for.
    pub receipt: Option<ReceiptTopic>,
}

/// The part of the topic that the receipt repeats: the feed alone or the feed and one metric.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceiptTopic {
    /// The metric that the publisher named in the topic.
    pub metric: Option<Name>,
}

/// Something a person did that may count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heard {
    /// Keyed hash of [`Heard::bsuid`].
    pub from: PersonHash,
    /// Where an answer would go.
    pub bsuid: Bsuid,
    /// Meta's id, for the read receipt.
    pub wamid: Wamid,
    /// Keyed hash of [`Heard::wamid`], for deduplication.
    pub hash: WamidHash,
    /// Meta's timestamp of the message: the window counts from here, never from the arrival.
    pub at: Timestamp,
    /// What was said.
    pub said: Said,
}

/// What a person did. What never matters (reactions, calls, `system`, `unsupported`, `revoke`) does not get past the port.
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
}

/// Text that a person wrote: read once, never stored, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(pub Box<str>);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

/// Which of our buttons. The id carries version and feed, so that a tap needs no stored row: one from before an erasure still means it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Tap {
    /// "Ja", "Ja, weiter" and "Weiter informieren".
    Yes,
    /// "Nein", "Nein, Stopp" and "Stopp".
    No,
}

impl Tap {
    /// The button's id on the wire, `v1:yes:<feed>`: at most 72 of the 256 characters that Meta allows.
    pub fn encode(self, feed: &Name) -> String {
        let word = match self {
            Tap::Yes => "yes",
            Tap::No => "no",
        };
        format!("v1:{word}:{feed}")
    }

    /// The inverse of [`Tap::encode`] for any feed. Untrusted input: anything else is `None`.
    pub fn parse(id: &str) -> Option<Tap> {
        let (word, feed) = id.strip_prefix("v1:")?.split_once(':')?;
        Name::new(feed)?;
        match word {
            "yes" => Some(Tap::Yes),
            "no" => Some(Tap::No),
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

/// What became of one attempt to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Meta took it.
    Accepted(WamidHash),
    /// It certainly did not go out, and may later: no connection, throttled, Meta overloaded, our token refused.
    Later,
    /// Meta refused it for good; the code is Meta's.
    Refused(u32),
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
        for tap in [Tap::Yes, Tap::No] {
            assert_eq!(Tap::parse(&tap.encode(&feed)), Some(tap));
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
