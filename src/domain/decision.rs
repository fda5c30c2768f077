//! Everything the relay can answer. Orders as data: nothing here carries anything out.

pub use super::taken::Taken;

use super::audience::Reach;
use super::budget::Budget;
use super::conversation::Person;
use super::event::ReplyTo;
use super::figures::{Feed, Value};
use super::ids::{Address, FeedId, Name, OutboxId, PersonId, Wamid, WamidHash};
use super::notice::Notice;
use super::outbox::{Entry, Hold};
use super::pacing::{Bucket, Guard, RoundTrip, Throttle};
use super::rewrite::Rewrite;
use super::state::{Clock, Counters};
use super::time::{Day, Timestamp};
use std::fmt;

/// What to write down, what to do afterwards, and how it is called.
#[must_use]
#[derive(Debug)]
pub struct Decision {
    /// Applied to memory and committed to disk, in this order.
    pub changes: Vec<Change>,
    /// Leave only after the commit.
    pub effects: Vec<Effect>,
    /// Why it went this way.
    pub verdict: Verdict,
}

impl Decision {
    /// Something was done.
    pub fn acted() -> Decision {
        Decision { changes: Vec::new(), effects: Vec::new(), verdict: Verdict::Acted }
    }

    /// Nothing was done, for a reason.
    pub fn refused(refusal: Refusal) -> Decision {
        Decision { changes: Vec::new(), effects: Vec::new(), verdict: Verdict::Refused(refusal) }
    }
}

/// One fact. Whole rows, so that applying and committing are two short matches over the same list.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// This is the person's row now.
    Person(PersonId, Person),
    /// The row is gone; so must be its messages and its address.
    Forget(PersonId),
    /// Where to reach the person.
    Address(PersonId, Address),
    /// The address is no longer needed.
    ForgetAddress(PersonId),
    /// This is the message's row now.
    Outbox(OutboxId, Entry),
    /// The message is done with.
    ForgetOutbox(OutboxId),
    /// This is the feed's row now.
    Feed(FeedId, Box<Feed>),
    /// Nobody hears of this feed any more, and it is not configured: its number is free.
    ForgetFeed(FeedId),
    /// This is what is known about the end of the service.
    Notice(Notice),
    /// Sending is held, or is held no longer.
    Hold(Option<Hold>),
    /// The question reads like this: part of the proof of consent, under its fingerprint.
    Wording(u32, Box<str>),
    /// Nobody's consent refers to this wording any more.
    ForgetWording(u32),
    /// Counters: the next message id, how far the broadcast has come.
    Counters(Counters),
    /// Messages of the months that are being counted.
    Budget(Budget),
    /// This message has been heard: its id and the hour of its own timestamp.
    Seen(WamidHash, u32),
    /// All ids of this hour are forgotten.
    ForgetSeen(u32),
    /// The message that the next read receipt is about; `None`: there is none to send. Memory only: it contains a phone number.
    Unread(PersonId, Option<Wamid>),
    /// The file was made anew then, or, if it never was, is first known to be there.
    Rewritten(Timestamp),
    /// How making the file anew fares. Memory only.
    Rewrite(Rewrite),
    /// Whether the clock is trusted. Lives in memory only: every start has to earn it again.
    Clock(Clock),
    /// A verified webhook arrived, so ingress works; or nobody knows any more whether it did, because the clock is in doubt. Memory only:
    /// after a restart it has to be proven again.
    Ingress(Option<Ingress>),
    /// How long before its end a window counts as closed.
    Guard(Guard),
    /// Meta grants less than is permitted.
    Throttle(Throttle),
    /// How long Meta takes to answer. Memory only.
    RoundTrip(RoundTrip),
    /// The token bucket's state. Memory only.
    Paced(Bucket),
}

/// Since when ingress has been proven without a gap, and when last. Both by our clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ingress {
    /// The first verified webhook after the last gap.
    pub since: Timestamp,
    /// The latest verified webhook.
    pub latest: Timestamp,
}

impl Ingress {
    /// For how many seconds since `since` it has been proven that webhooks arrive.
    pub fn proven_since(self, since: Timestamp) -> u32 {
        self.latest.since(self.since.max(since))
    }
}

/// What leaves, once its cause is durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// A message to a person, through the outbox.
    Send(Box<Send>),
    /// The blue ticks: outside outbox and budget, lost on restart.
    MarkRead(Wamid),
    /// What the publisher is told.
    Receipt(Receipt),
}

/// One message for the Graph API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Send {
    /// Which message.
    pub id: OutboxId,
    /// To whom.
    pub to: Address,
    /// What it says.
    pub body: Body,
    /// The port must not write it after this second, and bounds its time-out by it.
    pub not_after: Timestamp,
}

/// What a message shows.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// At most 4,096 characters (WhatsApp docs: text messages).
    Text(String),
    /// A question. Text of at most 1,024 characters, at most three buttons (WhatsApp docs: interactive reply buttons).
    Buttons {
        /// What it says.
        text: String,
        /// Id and title of each button; the title has at most 20 characters and is unique in the message.
        buttons: Vec<(String, String)>,
    },
    /// A choice. Text of at most 4,096 characters, 1 to 10 rows (WhatsApp docs: interactive lists).
    List {
        /// What it says.
        text: String,
        /// What opens the list, at most 20 characters.
        button: String,
        /// What can be chosen.
        rows: Vec<Row>,
    },
}

/// One row of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// What comes back when it is chosen, at most 200 characters.
    pub id: String,
    /// At most 24 characters.
    pub title: String,
    /// At most 72 characters.
    pub description: Option<String>,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Body::Buttons { text, buttons } => write!(f, "Buttons({} bytes, {} buttons)", text.len(), buttons.len()),
            Body::List { text, rows, .. } => write!(f, "List({} bytes, {} rows)", text.len(), rows.len()),
        }
    }
}

/// The answer to one publication: the only proof of acceptance that a publisher gets (promise 7).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Where it goes.
    pub to: ReplyTo,
    /// The feed it is about.
    pub feed: Name,
    /// What became of it.
    pub taken: Taken,
    /// The values as they were read.
    pub values: Vec<(Name, Value)>,
    /// The day they were taken to be about.
    pub as_of: Option<Day>,
    /// The revision that subscribers have or are getting now.
    pub revision: u32,
    /// When it was decided; nothing if the clock was not known to be right.
    pub received: Option<Timestamp>,
    /// How many people hear of this feed.
    pub reach: Reach,
}

/// How a decision is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Something was done.
    Acted,
    /// Nothing was done, and this is why.
    Refused(Refusal),
}

/// Why nothing was done. Tests compare these, technicians read [`Refusal::sentence`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The same message or figure has been here before.
    Duplicate,
    /// Older than what is known or than what is acted upon.
    Stale,
    /// Stamped later than it can be.
    Future,
    /// Sent before the person said stop.
    BeforeStop,
    /// The figure belongs to a feed that is not configured.
    UnknownFeed,
    /// The figure names a metric that the feed does not have.
    UnknownMetric,
    /// The figure corrects a message that is not known (any more).
    UnknownCorrection,
    /// The figure corrects another day than the one that it is about.
    OtherDay,
    /// There are figures of the day of which the publisher says that there will be none.
    Reported,
    /// A human has discarded these figures, or taken them back.
    Dismissed,
    /// What a human has decided about is not, or no longer, of the day that they named.
    AnotherDay,
    /// No figures wait for a human.
    NothingHeld,
    /// No figures have been published that could be taken back.
    NothingToWithdraw,
    /// The clock is not known to be right: whether figures may still be sent cannot be told.
    ClockInDoubt,
    /// A status or an answer for a message that is not known (any more).
    UnknownMessage,
    /// A change of number or BSUID of somebody who is not known.
    UnknownPerson,
    /// A due deadline that no longer concerns anything.
    NothingToDo,
    /// Too many messages wait already.
    Full,
    /// The month's messages have been used up, but for what goes before this.
    Spent,
}

impl Refusal {
    /// What happened, in German, for technicians and publishers.
    pub fn sentence(self) -> &'static str {
        match self {
            Refusal::Duplicate => "Schon bekannt: nichts geändert.",
            Refusal::Stale => "Älter als der bekannte Stand: nicht verwendet. Bitte das Datum (as_of) prüfen.",
            Refusal::Future => "Das Datum liegt in der Zukunft: nicht verwendet. Bitte Datum und Uhrzeit des Absenders prüfen.",
            Refusal::BeforeStop => "Vor der Abmeldung geschrieben: die Abmeldung gilt.",
            Refusal::UnknownFeed => "Dieser Feed ist nicht eingerichtet. Bitte den Namen im Topic mit [[feed]] in relay.toml vergleichen.",
            Refusal::UnknownMetric => {
                "Diese Kennzahl ist nicht eingerichtet. Bitte den Namen mit [[feed.metric]] in relay.toml vergleichen."
            }
            Refusal::UnknownCorrection => {
                "Die Nachricht, die berichtigt werden soll, ist nicht (mehr) bekannt. Bitte in corrects den Tag nennen, zum Beispiel \
                 2026-11-22."
            }
            Refusal::OtherDay => "as_of und corrects nennen verschiedene Tage. Bitte nur einen nennen.",
            Refusal::Reported => "Für diesen Tag liegen schon Zahlen vor: „keine Meldung“ wird nicht verwendet.",
            Refusal::Dismissed => "Diese Zahlen wurden verworfen oder zurückgezogen. Bitte die richtigen senden.",
            Refusal::AnotherDay => "Das ist nicht (mehr) der Stand, um den es geht. Bitte noch einmal ansehen: drk-relay figures held.",
            Refusal::NothingHeld => "In dieser Zahlenreihe ist nichts angehalten.",
            Refusal::NothingToWithdraw => "In dieser Zahlenreihe gibt es nichts zurückzuziehen.",
            Refusal::ClockInDoubt => "Die Uhr ist noch nicht sicher gestellt. Bitte später noch einmal; drk-relay status sagt, warum.",
            Refusal::UnknownMessage => "Zu dieser Nachricht ist nichts (mehr) gespeichert.",
            Refusal::UnknownPerson => "Zu dieser Person ist nichts gespeichert.",
            Refusal::NothingToDo => "Nichts zu tun.",
            Refusal::Full => "Es warten schon zu viele Nachrichten: diese Antwort entfällt.",
            Refusal::Spent => "Die Nachrichten dieses Monats sind bis auf die Reserve verbraucht: diese entfällt.",
        }
    }
}
