//! The outside world, one file or folder each. Ports turn bytes into events and effects into bytes; they decide nothing, and no port knows
//! another. What all of them share is here: how something arrives, and how it is acknowledged.

pub mod alarm;
pub mod alarms;
pub mod backup;
pub mod board;
pub mod certificate;
pub mod certificates;
pub mod clock;
pub mod durable;
pub mod events;
pub mod graph;
pub mod knock;
pub mod link;
pub mod mqtt;
pub mod outward;
pub mod probe;
pub mod pseudonym;
pub mod status;
pub mod stream;
pub mod systemd;
pub mod tls;
pub mod trust;
pub mod tunnel;
pub mod update;
pub mod webhook;

use crate::domain::event::Event;
use tokio::sync::{mpsc, oneshot};

/// Arrivals that may wait for the relay. A webhook of Meta's holds at most 1,000 updates; at 80 messages a second this is three seconds.
pub const INBOX: usize = 256;

/// Where ports put what arrived. Bounded: a port that waits here slows its peer down, and nothing is lost.
pub type Inbox = mpsc::Sender<Arrival>;

/// What arrived together and is acknowledged together: all updates of one webhook, or one MQTT publish.
#[derive(Debug)]
pub struct Arrival {
    /// Decided in this order, committed in one transaction.
    pub events: Vec<Event>,
    /// Resolved after the commit; dropped unresolved if there is none.
    pub ack: Option<oneshot::Sender<()>>,
}

impl Arrival {
    /// An arrival that somebody waits for: the receiver resolves once it is durable.
    pub fn awaited(events: Vec<Event>) -> (Arrival, oneshot::Receiver<()>) {
        let (ack, durable) = oneshot::channel();
        (Arrival { events, ack: Some(ack) }, durable)
    }

    /// An arrival that nobody waits for.
    pub fn told(event: Event) -> Arrival {
        Arrival { events: vec![event], ack: None }
    }
}
