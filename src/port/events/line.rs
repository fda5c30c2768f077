//! One event: what a line of the file says. Fields may be added; readers ignore what they do not know.

use crate::domain::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest text and longest value of a field, in characters: a line stays below two kilobytes.
const TEXT: usize = 400;
const VALUE: usize = 200;
/// Fields at most.
const FIELDS: usize = 8;

/// One event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// When, by the clock that the relay had then. Of a flood: when it began.
    pub at: jiff::Timestamp,
    /// How bad.
    pub level: Level,
    /// What, if it is none of the log's messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Which part of the program said it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// What it said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// And what belongs to it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// How often it was said within ten minutes; this is the latest of them.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u64,
}

fn once() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_once(times: &u64) -> bool {
    *times == 1
}

/// The log's levels (ARCHITECTURE.md).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Somebody has to do something now.
    Error,
    /// … this week.
    Warn,
    /// Nobody has to.
    Info,
}

/// What happened that is no message of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The relay runs. `fields.before` says how the run before ended, see [`Before`].
    Started,
    /// It was asked to stop, and has.
    Stopped,
    /// It ended because something failed.
    Failed,
    /// An alarm began: `fields.alarm`.
    AlarmOn,
    /// It is over.
    AlarmOff,
    /// So many events found no room: `times`.
    Lost,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Before {
    /// There was none.
    None,
    /// It was asked to.
    Stopped,
    /// Something failed, and it said so.
    Failed,
    /// Without a word, and the machine went on: it was killed, by the watchdog, for want of memory or by hand.
    Killed,
    /// Without a word, and the machine was started anew.
    PowerCut,
    /// Without a word, and that is all that is known.
    Unknown,
}

impl Before {
    const ALL: [Before; 6] = [Before::None, Before::Stopped, Before::Failed, Before::Killed, Before::PowerCut, Before::Unknown];

    /// Stable, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Before::None => "none",
            Before::Stopped => "stopped",
            Before::Failed => "failed",
            Before::Killed => "killed",
            Before::PowerCut => "power-cut",
            Before::Unknown => "unknown",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Before> {
        Before::ALL.into_iter().find(|before| before.name() == name)
    }

    /// By what was written down until now.
    fn of(lines: &[Line], boot: Option<&str>) -> Before {
        let last = |kinds: &[Kind]| lines.iter().rev().find(|line| line.kind.is_some_and(|kind| kinds.contains(&kind)));
        let Some(last) = last(&[Kind::Started, Kind::Stopped, Kind::Failed]) else { return Before::None };
        match (last.kind, last.fields.get("boot"), boot) {
            (Some(Kind::Stopped), ..) => Before::Stopped,
            (Some(Kind::Failed), ..) => Before::Failed,
            (_, Some(then), Some(now)) if then == now => Before::Killed,
            (_, Some(_), Some(_)) => Before::PowerCut,
            (_, _, _) => Before::Unknown,
        }
    }
}

impl Line {
    /// One that happened now. Of what is longer than it may be, the beginning.
    pub(super) fn new(at: Millis, level: Level, kind: Option<Kind>, from: &str, text: &str, fields: Vec<(String, String)>) -> Line {
        let at = i64::try_from(at.0).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok()).unwrap_or_default();
        let fields = fields.into_iter().take(FIELDS).map(|(name, value)| (name, cut(&value, VALUE))).collect();
        Line { at, level, kind, from: from.to_owned(), text: cut(text, TEXT), fields, times: 1 }
    }

    /// So many events found no room.
    pub(super) fn lost(at: Millis, times: u64) -> Line {
        Line { times, ..Line::new(at, Level::Warn, Some(Kind::Lost), "", "", Vec::new()) }
    }

    /// The first of a run: how the one before ended.
    pub(super) fn begin(&mut self, before: &[Line], boot: Option<&str>) {
        self.fields.insert("before".to_owned(), Before::of(before, boot).name().to_owned());
        self.fields.extend(boot.map(|boot| ("boot".to_owned(), boot.to_owned())));
    }
}

fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: Kind, boot: Option<&str>) -> Line {
        let fields = boot.map(|boot| ("boot".to_owned(), boot.to_owned())).into_iter().collect();
        Line::new(Millis(1), Level::Info, Some(kind), "", "", fields)
    }

    #[test]
    fn how_a_run_ended_is_known_from_what_it_wrote() {
        let (started, warned) = (line(Kind::Started, Some("a")), Line::new(Millis(2), Level::Warn, None, "x", "y", vec![]));
        let cases: [(&[Line], Option<&str>, Before); 8] = [
            (&[], Some("a"), Before::None),
            (std::slice::from_ref(&warned), Some("a"), Before::None),
            (&[started.clone(), line(Kind::Stopped, None)], Some("b"), Before::Stopped),
            (&[started.clone(), line(Kind::Failed, None), warned.clone()], Some("a"), Before::Failed),
            (&[started.clone(), line(Kind::AlarmOn, None), warned.clone()], Some("a"), Before::Killed),
            (std::slice::from_ref(&started), Some("b"), Before::PowerCut),
            (std::slice::from_ref(&started), None, Before::Unknown),
            (&[line(Kind::Started, None)], Some("a"), Before::Unknown),
        ];
        for (lines, boot, expected) in cases {
            assert_eq!(Before::of(lines, boot), expected, "{lines:?}");
            assert_eq!(Before::named(expected.name()), Some(expected));
        }
    }

    #[test]
    fn a_line_is_bounded_and_comes_back() {
        let long = "ü".repeat(5_000);
        let fields = (0..100).map(|index| (format!("f{index}"), long.clone())).collect();
        let line = Line { times: 7, ..Line::new(Millis(1_790_000_000_123), Level::Error, None, "x", &long, fields) };
        let text = serde_json::to_string(&line).expect("plain data");
        assert!(text.len() < 6_000 && !text.contains('\n'), "{}", text.len());
        assert_eq!(serde_json::from_str::<Line>(&text).expect("the same"), line);
    }
}
