//! `drk-relay events`: what happened lately, from the files in the state directory, whether the relay runs or not. Asks nobody.

use super::{CONFIGURATION_FILE, Failure};
use crate::command::output::say;
use crate::config::Config;
use crate::domain::alarm::Code;
use crate::port::clock::Clock;
use crate::port::events::{Before, Kind, Level, Line, Reading, read};
use anyhow::{Context, anyhow};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::path::PathBuf;

/// Which events, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Die Konfiguration: sie sagt, wo die Ereignisse liegen.
    #[arg(long, value_name = "DATEI", default_value = CONFIGURATION_FILE)]
    config: PathBuf,
    /// Jedes Ereignis als eine Zeile JSON.
    #[arg(long)]
    json: bool,
    /// Nur was seitdem war: 30m, 12h, 7d, 2026-11-22 oder 2026-11-22T18:00 (Ortszeit).
    #[arg(long, value_name = "ZEIT")]
    since: Option<String>,
}

pub(super) fn execute(options: &Options) -> Result<(), Failure> {
    let found = Config::whereabouts(&options.config)?;
    let now = Clock::System.now().second().instant();
    let since = options.since.as_deref().map(|since| moment(since, now, &found.zone)).transpose()?;
    let remedy = "Abhilfe: sudo drk-relay events, oder als der Benutzer, unter dem das Relay läuft";
    let reading =
        read(&found.state_dir).with_context(|| format!("{}: die Ereignisse sind nicht lesbar. {remedy}", found.state_dir.display()))?;
    let Reading { lines, damaged } = reading;
    for line in &lines[since.map_or(0, |since| first(&lines, since))..] {
        if options.json {
            say!("{}", serde_json::to_string(line).context("plain data")?);
        } else {
            say!("{}", rendered(line, &found.zone));
        }
    }
    if !options.json && lines.is_empty() {
        say!("Noch keine Ereignisse.");
    }
    if !options.json && damaged > 0 {
        say!("({damaged} Zeilen sind nicht lesbar: abgerissen, als der Strom weg war, oder von einer neueren Version)");
    }
    Ok(())
}

/// Where to begin. What was written before the clock was set stands before what was written after it, whatever it says of itself.
fn first(lines: &[Line], since: Timestamp) -> usize {
    lines.iter().position(|line| line.at >= since).unwrap_or(lines.len())
}

/// The beginning that is meant.
fn moment(text: &str, now: Timestamp, zone: &TimeZone) -> anyhow::Result<Timestamp> {
    let units = [("m", 60_i64), ("h", 3_600), ("d", 86_400)];
    let ago = units.iter().find_map(|(unit, seconds)| Some(i64::from(text.strip_suffix(unit)?.parse::<u32>().ok()?) * seconds));
    let local = || text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from)).ok();
    match ago {
        Some(ago) => Ok(Timestamp::from_second((now.as_second() - ago).max(0)).unwrap_or_default()),
        None => local()
            .and_then(|local| local.to_zoned(zone.clone()).ok())
            .map(|zoned: Zoned| zoned.timestamp())
            .ok_or_else(|| anyhow!("„{text}“ ist keine Zeitangabe. Abhilfe: zum Beispiel --since 12h, 7d oder 2026-11-22")),
    }
}

/// „22.11.2026 18:04:05  Warnung  …“, local time.
pub(super) fn rendered(line: &Line, zone: &TimeZone) -> String {
    let at = line.at.to_zoned(zone.clone()).strftime("%d.%m.%Y %H:%M:%S");
    let (word, text) = match line.kind {
        Some(kind) => of_kind(kind, line),
        None => (level(line.level), message(line)),
    };
    let times = if line.times > 1 && line.kind.is_none() { format!(" ({} Mal)", line.times) } else { String::new() };
    format!("{at}  {word:<8} {text}{times}")
}

fn of_kind(kind: Kind, line: &Line) -> (&'static str, String) {
    let field = |name: &str| line.fields.get(name).map_or("", String::as_str);
    let alarm = || {
        let code = field("alarm");
        format!("{code}: {}", Code::named(code).map_or("", Code::sentence))
    };
    match kind {
        Kind::Started => ("Start", format!("drk-relay {}{}", field("version"), before(field("before")))),
        Kind::Stopped => ("Ende", "wie verlangt".to_owned()),
        Kind::Failed => ("Abbruch", field("error").to_owned()),
        Kind::AlarmOn => ("ALARM", alarm()),
        Kind::AlarmOff => ("vorbei", alarm()),
        Kind::Lost => ("Lücke", format!("{} Ereignisse kamen zu schnell und fehlen hier", line.times)),
    }
}

/// How the run before ended.
fn before(name: &str) -> &'static str {
    match Before::named(name) {
        Some(Before::None) | None => "",
        Some(Before::Stopped) => "; der vorige Lauf wurde beendet",
        Some(Before::Failed) => "; der vorige Lauf brach ab",
        Some(Before::Killed) => "; der vorige Lauf wurde abgewürgt (Watchdog, Speichermangel oder kill), während das Gerät weiterlief",
        Some(Before::PowerCut) => "; der vorige Lauf endete ohne ein Wort: Stromausfall oder Neustart des Geräts",
        Some(Before::Unknown) => "; der vorige Lauf endete ohne ein Wort",
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "FEHLER",
        Level::Warn => "Warnung",
        Level::Info => "Hinweis",
    }
}

fn message(line: &Line) -> String {
    let fields: Vec<_> = line.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if fields.is_empty() { line.text.clone() } else { format!("{} [{}]", line.text, fields.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_a_span_or_a_local_time() {
        let (zone, now) = (TimeZone::get("Europe/Berlin").expect("bundled"), "2026-11-26T06:00:00Z".parse().expect("a time"));
        let at = |text: &str| moment(text, now, &zone).map(|at| at.to_string()).ok();
        for (text, expected) in [
            ("90m", "2026-11-26T04:30:00Z"),
            ("12h", "2026-11-25T18:00:00Z"),
            ("7d", "2026-11-19T06:00:00Z"),
            ("2026-11-22", "2026-11-21T23:00:00Z"),
            ("2026-11-22T18:00", "2026-11-22T17:00:00Z"),
            ("50000d", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(at(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "12", "h", "-1h", "gestern", "99999999999d", "2026-13-01"] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
