//! Where the log is overheard: what is to be kept goes to the thread that keeps it. Waits for nothing and writes nothing.

use super::line::{Kind, Level, Line};
use super::{KEPT, Order};
use crate::port::clock::Clock;
use std::fmt::{Debug, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// A layer for the log. See [`super`].
#[derive(Debug)]
pub struct Keeping {
    orders: SyncSender<Order>,
    clock: Clock,
    lost: Arc<AtomicU64>,
}

impl Keeping {
    pub(super) fn new(orders: SyncSender<Order>, clock: Clock, lost: Arc<AtomicU64>) -> Keeping {
        Keeping { orders, clock, lost }
    }

    /// Whether what is logged there is kept.
    pub fn wants(metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN || metadata.target() == KEPT
    }
}

impl<S: Subscriber> Layer<S> for Keeping {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if !Keeping::wants(metadata) {
            return;
        }
        let mut said = Said::default();
        event.record(&mut said);
        let level = match *metadata.level() {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            _ => Level::Info,
        };
        // What the crate `log` says comes from one place for all, and names its own.
        let (target, place) = (said.target.as_deref().unwrap_or(metadata.target()), metadata.line().filter(|_| said.target.is_none()));
        let from = match (said.kind, place) {
            (Some(_), _) => String::new(),
            (None, Some(place)) => format!("{target}:{place}"),
            (None, None) => target.to_owned(),
        };
        let line = Line::new(self.clock.now(), level, said.kind, &from, &said.text, said.fields);
        if self.orders.try_send(Order::Keep(line)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    kind: Option<Kind>,
    target: Option<String>,
    text: String,
    fields: Vec<(String, String)>,
}

impl Said {
    fn take(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.text = value,
            "kind" => self.kind = serde_json::from_value(value.into()).ok(),
            "log.target" => self.target = Some(value),
            // Where in a library's sources: nobody asks.
            name if name.starts_with("log.") => {}
            name => self.fields.push((name.to_owned(), value)),
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = write!(text, "{value:?}");
        self.take(field, text);
    }
}
