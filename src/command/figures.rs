//! `drk-relay figures`: shows which figures are held because they are implausible, and carries to the running relay what somebody has
//! decided about them. Judges nothing.

use super::status::{self, Whom};
use super::{Failure, first_answer};
use crate::command::output::say;
use crate::domain::event::Verb;
use crate::domain::ids::Name;
use crate::domain::time::Day;
use crate::port::status::{Answer, Feed, HeldFigures, Ruling, ask_for_ruling};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fmt::Write;

/// What is to be done.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Welche Zahlen angehalten sind, weil sie unplausibel sind, und warum.
    Held(Whom),
    /// Die angehaltenen Zahlen stimmen: Sie werden gesendet.
    Release(Subject),
    /// Die angehaltenen Zahlen sind falsch: Sie werden verworfen.
    Discard(Subject),
    /// Es wird jetzt anders gezählt: Die angehaltenen Zahlen werden übernommen, aber nicht gesendet.
    Rebaseline(Subject),
    /// Die letzten Zahlen zurückziehen: Wer sie noch nicht hat, bekommt sie nicht.
    Withdraw(Subject),
}

/// Which figures.
#[derive(Debug, clap::Args)]
pub(super) struct Subject {
    /// Die Zahlenreihe: ihr name in relay.toml.
    #[arg(value_name = "FEED")]
    feed: String,
    /// Der Tag, um den es geht (2026-11-22). Ist es inzwischen ein anderer, geschieht nichts.
    #[arg(value_name = "TAG")]
    as_of: Option<Date>,
    #[command(flatten)]
    whom: Whom,
}

pub(super) async fn execute(command: &Command) -> Result<(), Failure> {
    let (verb, subject) = match command {
        Command::Held(whom) => return held(whom).await,
        Command::Release(subject) => (Verb::Release, subject),
        Command::Discard(subject) => (Verb::Discard, subject),
        Command::Rebaseline(subject) => (Verb::Rebaseline, subject),
        Command::Withdraw(subject) => (Verb::Withdraw, subject),
    };
    let wrong = || anyhow::anyhow!("„{}“ ist kein Name einer Zahlenreihe. Abhilfe: drk-relay status nennt sie", subject.feed);
    let feed = Name::new(&subject.feed).ok_or_else(wrong)?;
    let ruling = Ruling { verb, feed, as_of: subject.as_of.map(Day::of) };
    let sockets = status::sockets(&subject.whom)?;
    match first_answer(&sockets, "figures", async |socket| ask_for_ruling(socket, &ruling).await).await? {
        Ok(done) => {
            say!("{done}");
            Ok(())
        }
        Err(refused) => Err(anyhow::anyhow!("{refused}").into()),
    }
}

async fn held(whom: &Whom) -> Result<(), Failure> {
    let report = status::report(whom).await?;
    let Answer::Turning(relay) = &report.relay else {
        return Err(anyhow::anyhow!("das Relay nimmt gerade nichts an. Abhilfe: drk-relay status sagt, warum").into());
    };
    let zone = TimeZone::get(&report.time_zone).unwrap_or(TimeZone::UTC);
    let held: Vec<String> = relay.feeds.iter().filter_map(|feed| Some(shown(feed, feed.held.as_ref()?, &zone))).collect();
    if held.is_empty() {
        say!("Es sind keine Zahlen angehalten.");
    } else {
        say!("{}", held.join("\n").trim_end());
    }
    Ok(())
}

/// One feed's figures that are held, and the three commands that end it.
fn shown(feed: &Feed, held: &HeldFigures, zone: &TimeZone) -> String {
    let HeldFigures { as_of, since, values, doubts } = held;
    let mut text =
        format!("{} ({}), Stand {}, angehalten seit {}\n", feed.title, feed.name, as_of.strftime("%d.%m.%Y"), status::moment(*since, zone));
    // Writing to a String cannot fail.
    for (metric, value) in values {
        let _ = writeln!(text, "  {metric}: {value}");
    }
    for doubt in doubts {
        let _ = writeln!(text, "  {doubt}");
    }
    for (verb, what) in [("release", "stimmt: senden"), ("discard", "falsch: verwerfen"), ("rebaseline", "anders gezählt: übernehmen")] {
        let _ = writeln!(text, "    {:<52} {what}", format!("drk-relay figures {verb} {} {as_of}", feed.name));
    }
    text
}
