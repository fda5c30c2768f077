//! `drk-relay demo`: two days in about two minutes, with nothing to install and no account. Broker, Cloud API and people are simulated; the
//! relay, its store and its sockets are the real ones. Holds no rule of the relay: it only plays the others, and judges at the end.

mod script;
mod transcript;

use super::stage::{FIRST_HOUR, Pace, Stage};
use crate::domain::time::{Millis, Timestamp};
use crate::port::pseudonym::Pseudonyms;
use crate::run::{Drill, KEY};
use anyhow::Context;
use jiff::tz::TimeZone;
use script::Script;
use std::time::Duration;
use transcript::Transcript;

/// How long the demo lasts in its own time.
const DAYS: u64 = 2 * 24 * 3600 * 1000;
/// Two days at full speed are a minute, and a machine that shows them has nothing else to do.
const PACE: Pace = Pace { fast: 2_880.0, late: Duration::from_millis(50), calm: Duration::from_millis(250) };

pub(super) async fn execute() -> anyhow::Result<()> {
    let (stage, relay) = Stage::set("demo", None, Drill::default()).await?;
    Transcript::addresses(&stage.config, stage.webhook);
    let (clock, pulses, start) = (stage.clock, stage.pulses, stage.start);
    let pseudonyms = Pseudonyms::open(&stage.config.state_dir.join(KEY)).context(KEY)?;
    let transcript = Transcript::new(clock.clone(), stage.config.rules.zone.clone(), pseudonyms);
    let (cloud, publisher, receipts) = (stage.cloud.clone(), stage.publisher, stage.receipts);
    let rosters = stage.rosters;
    let mut script = Script { cloud, publisher, receipts, rosters, transcript, start, end: start.plus(DAYS) };
    let pages = script.pages();
    let played = relay.beside(async {
        tokio::select! {
            () = script.play(&clock, stage.ringing) => {}
            () = PACE.keep(&clock, &stage.warp, pulses, &pages) => {}
        }
    });
    Box::pin(played).await?;
    script.transcript.summary(&stage.cloud)
}

/// The same second of a later day and hour, counted from the beginning.
fn at(start: Millis, day: u64, hour: u64, minute: u64, second: u64) -> Millis {
    let first = u64::from(FIRST_HOUR.unsigned_abs()) * 3600;
    start.plus((((day - 1) * 24 + hour) * 3600 + minute * 60 + second - first) * 1000)
}

/// A time of day for people: „Mo 08:05:00“.
fn clock_time(at: Timestamp, zone: &TimeZone) -> String {
    let time = crate::domain::time::local(at.millis(), zone);
    format!("{} {:02}:{:02}:{:02}", transcript::weekday(time.date().weekday()), time.hour(), time.minute(), time.second())
}
