//! What the program says, and in which form: one line an event, for the journal. Chooses no place: who starts something does.

use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

/// Our own events from this level on. The libraries speak only when something is wrong: at `debug` some of them would print what must not
/// be in a log.
pub fn journal<S, W>(level: Level, writer: W) -> impl tracing_subscriber::Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    let levels = Targets::new().with_default(Level::WARN).with_target("drk_relay", level);
    tracing_subscriber::fmt::layer().with_writer(writer).with_filter(levels)
}
