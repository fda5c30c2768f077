//! Who is responsible is told what is wrong, once when it begins and once when it is over: which alarms there are, and when a finding has
//! become one. Finds nothing and tells nobody; that is for `port/alarm`.
//!
//! ```text
//!               seen for `lasts`               said "on"
//!   (nothing) ────────────────────▶ begun ──────────────────▶ begun, told
//!       ▲                             │ not seen for `gone`     │ not seen for `gone`
//!       │          said "off"         ▼                         ▼
//!       └─────────────────────────── over ◀─────────────────────┘
//! ```
//!
//! What comes and goes counts as seen until it has been gone for `gone`: a tunnel that drops every two minutes is as bad as none.

mod code;

pub use code::Code;

use super::time::Timestamp;
use std::collections::BTreeMap;

/// Whether something is wrong, at one look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// It is, and this is known of it: a German sentence, or nothing.
    Seen(String),
    /// It is not.
    NotSeen,
    /// It cannot be known now: that neither begins an alarm nor ends one.
    Unknown,
}

/// When somebody looked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// Seconds since the process was started, by a clock that nobody sets.
    pub elapsed: u32,
    /// What time it is, if that is known.
    pub now: Option<Timestamp>,
}

/// An alarm that was raised, until its end has been told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alarm {
    /// When it was seen first; nothing if the clock was not known to be right then.
    pub since: Option<Timestamp>,
    /// What was known of it last; may be empty.
    pub why: String,
    /// Whether it is over, and since when, as far as that is known.
    pub over: Option<Option<Timestamp>>,
    /// Whether "on" is the last that was said of it.
    pub told: bool,
}

/// What is said of an alarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// It is there.
    On,
    /// It is over.
    Off,
}

impl Word {
    /// Stable, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Word::On => "on",
            Word::Off => "off",
        }
    }
}

impl Alarm {
    /// What is still to be said of it. An end is told even if the beginning could not be: it says from when until when.
    pub fn owed(&self) -> Option<Word> {
        match (&self.over, self.told) {
            (None, false) => Some(Word::On),
            (None, true) => None,
            (Some(_), _) => Some(Word::Off),
        }
    }
}

/// How long something has been seen, or not.
#[derive(Clone, Copy, Debug, Default)]
struct Watched {
    /// Since when, with gaps shorter than [`Code::gone`].
    seen: Option<u32>,
    /// Since when it has not been seen.
    missed: Option<u32>,
}

/// Makes alarms of findings.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    raised: BTreeMap<Code, Alarm>,
    watched: BTreeMap<Code, Watched>,
}

impl Judge {
    /// One that knows what was raised before the process was started.
    pub fn knowing(raised: BTreeMap<Code, Alarm>) -> Judge {
        Judge { raised, watched: BTreeMap::new() }
    }

    /// All that were raised and whose end has not been told, in their order.
    pub fn raised(&self) -> &BTreeMap<Code, Alarm> {
        &self.raised
    }

    /// Something was looked for: what begins or ends thereby.
    pub fn judge(&mut self, look: Look, code: Code, finding: Finding) -> Option<Word> {
        let watched = self.watched.entry(code).or_default();
        let active = self.raised.get(&code).is_some_and(|alarm| alarm.over.is_none());
        let turn = match finding {
            Finding::Seen(why) => {
                watched.missed = None;
                let seen = *watched.seen.get_or_insert(look.elapsed);
                self.seen(look, code, seen, why, active)
            }
            Finding::NotSeen if active || watched.seen.is_some() => {
                let missed = *watched.missed.get_or_insert(look.elapsed);
                let gone = look.elapsed.saturating_sub(missed) >= code.gone();
                if gone {
                    *watched = Watched::default();
                }
                (gone && active).then(|| self.end(look, code, missed))
            }
            Finding::NotSeen => None,
            Finding::Unknown => {
                watched.missed = None;
                None
            }
        };
        self.date(look, code);
        turn
    }

    fn seen(&mut self, look: Look, code: Code, seen: u32, why: String, active: bool) -> Option<Word> {
        match self.raised.get_mut(&code) {
            Some(alarm) if active => {
                alarm.why = why;
                None
            }
            _ if look.elapsed.saturating_sub(seen) < code.lasts() => None,
            earlier => {
                // Its end was never heard of: to who was told, it goes on.
                let told = earlier.is_some_and(|earlier| earlier.told);
                self.raised.insert(code, Alarm { since: None, why, over: None, told });
                Some(Word::On)
            }
        }
    }

    fn end(&mut self, look: Look, code: Code, missed: u32) -> Word {
        if let Some(alarm) = self.raised.get_mut(&code) {
            alarm.over = Some(look.at(missed));
        }
        Word::Off
    }

    /// As soon as it is known what time it is, it is known since when.
    fn date(&mut self, look: Look, code: Code) {
        let seen = self.watched.get(&code).and_then(|watched| watched.seen);
        if let (Some(alarm), Some(seen)) = (self.raised.get_mut(&code), seen)
            && alarm.since.is_none()
            && alarm.over.is_none()
        {
            alarm.since = look.at(seen);
        }
    }

    /// Somebody was told. What has happened meanwhile is still to be said.
    pub fn told(&mut self, code: Code, word: Word) {
        let Some(alarm) = self.raised.get_mut(&code) else { return };
        match (word, &alarm.over) {
            (Word::Off, Some(_)) => {
                self.raised.remove(&code);
            }
            (Word::On | Word::Off, _) => alarm.told = word == Word::On,
        }
    }

    /// Nobody is to be told: what is over is forgotten at once.
    pub fn forget_ended(&mut self) {
        self.raised.retain(|_, alarm| alarm.over.is_none());
    }
}

impl Look {
    /// What time it was `elapsed` seconds after the start.
    fn at(self, elapsed: u32) -> Option<Timestamp> {
        Some(self.now?.minus(self.elapsed.saturating_sub(elapsed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Finding::{NotSeen, Unknown};

    const CODE: Code = Code::TunnelDown;

    /// What was found from which second on, and what was said at which.
    type Case<'a> = (&'a str, Code, &'a [(u32, Finding)], &'a [(u32, Word)]);

    fn seen(why: &str) -> Finding {
        Finding::Seen(why.to_owned())
    }

    /// What was said at which second, looking every 20 seconds at what was found from which second on.
    fn said(judge: &mut Judge, code: Code, until: u32, found: &[(u32, Finding)]) -> Vec<(u32, Word)> {
        let found_at = |at: u32| found.iter().rev().find(|(from, _)| *from <= at).map_or(NotSeen, |(_, finding)| finding.clone());
        let look = |elapsed| Look { elapsed, now: Some(Timestamp(1_000_000 + elapsed)) };
        (0..=until).step_by(20).filter_map(|at| Some((at, judge.judge(look(at), code, found_at(at))?))).collect()
    }

    #[test]
    fn an_alarm_begins_once_and_ends_once_whatever_flaps() {
        let flapping: Vec<_> = (0..100).flat_map(|at| [(at * 120, seen("weg")), (at * 120 + 100, NotSeen)]).collect();
        let cases: &[Case<'_>] = &[
            ("nothing", CODE, &[], &[]),
            ("shorter than it must last", CODE, &[(0, seen("")), (880, NotSeen)], &[]),
            ("just as long", CODE, &[(0, seen("")), (920, NotSeen)], &[(900, Word::On), (1_220, Word::Off)]),
            ("a gap that is too short", CODE, &[(0, seen("")), (600, NotSeen), (880, seen(""))], &[(900, Word::On)]),
            ("a gap that is long enough", CODE, &[(0, seen("")), (600, NotSeen), (920, seen(""))], &[(1_820, Word::On)]),
            ("back before it was over", CODE, &[(0, seen("")), (1_000, NotSeen), (1_280, seen(""))], &[(900, Word::On)]),
            ("not to be known is not over", CODE, &[(0, seen("")), (1_000, Unknown)], &[(900, Word::On)]),
            (
                "… and no proof of a gap",
                CODE,
                &[(0, seen("")), (1_000, NotSeen), (1_100, Unknown), (1_120, NotSeen), (1_400, seen(""))],
                &[(900, Word::On)],
            ),
            ("flapping", CODE, &flapping, &[(900, Word::On)]),
            ("at once", Code::SendingHeld, &[(40, seen("190")), (100, NotSeen)], &[(40, Word::On), (400, Word::Off)]),
            ("put right", Code::StoreDamaged, &[(40, seen("")), (100, NotSeen)], &[(40, Word::On), (100, Word::Off)]),
        ];
        for (name, code, found, expected) in cases {
            assert_eq!(said(&mut Judge::default(), *code, 10_000, found), *expected, "{name}");
        }
    }

    #[test]
    fn what_is_owed_is_told_once() {
        let mut judge = Judge::default();
        assert_eq!(said(&mut judge, CODE, 900, &[(0, seen("weg"))]), [(900, Word::On)]);
        let alarm = |judge: &Judge| judge.raised().get(&CODE).cloned();
        let first = alarm(&judge).expect("raised");
        assert_eq!((first.since, first.why.as_str(), first.owed()), (Some(Timestamp(1_000_000)), "weg", Some(Word::On)));
        judge.told(CODE, Word::On);
        assert_eq!(alarm(&judge).and_then(|alarm| alarm.owed()), None);
        // A new process, which has seen nothing yet.
        let mut judge = Judge::knowing(judge.raised().clone());
        assert_eq!(said(&mut judge, CODE, 5_000, &[(0, Unknown), (60, seen("noch weg"))]), [], "it was told before");
        // And another, which finds it repaired.
        let mut judge = Judge::knowing(judge.raised().clone());
        assert_eq!(said(&mut judge, CODE, 400, &[(0, Unknown), (60, NotSeen)]), [(360, Word::Off)]);
        let over = alarm(&judge).expect("not told yet");
        assert_eq!((over.since, over.over, over.owed()), (Some(Timestamp(1_000_000)), Some(Some(Timestamp(1_000_060))), Some(Word::Off)));
        judge.told(CODE, Word::Off);
        assert_eq!(alarm(&judge), None);
    }

    #[test]
    fn what_happens_while_nobody_can_be_told_is_told_as_it_is_then() {
        let (look, mut judge) = (|elapsed| Look { elapsed, now: None }, Judge::default());
        let code = Code::SendingHeld;
        assert_eq!(judge.judge(look(0), code, seen("190")), Some(Word::On));
        judge.judge(look(20), code, NotSeen);
        assert_eq!(judge.judge(look(320), code, NotSeen), Some(Word::Off));
        assert_eq!(judge.raised()[&code].owed(), Some(Word::Off), "an end that tells of a beginning");
        assert_eq!(judge.raised()[&code].over, Some(None), "nobody knows what time it is");
        judge.told(code, Word::On);
        assert_eq!(judge.raised()[&code].owed(), Some(Word::Off), "told while it ended");
        assert_eq!(judge.judge(look(400), code, seen("190")), Some(Word::On));
        assert_eq!(judge.raised()[&code].owed(), None, "to who was told, it goes on");
        judge.told(code, Word::Off);
        assert_eq!(judge.raised()[&code].owed(), Some(Word::On), "it began again while its end was told");
        judge.forget_ended();
        assert_eq!(judge.raised().len(), 1);
    }

    #[test]
    fn a_beginning_is_dated_when_the_time_is_known() {
        let mut judge = Judge::default();
        for elapsed in (0..=900).step_by(20) {
            judge.judge(Look { elapsed, now: None }, CODE, seen(""));
        }
        assert_eq!(judge.raised()[&CODE].since, None);
        judge.judge(Look { elapsed: 1_000, now: Some(Timestamp(5_000_000)) }, CODE, seen(""));
        assert_eq!(judge.raised()[&CODE].since, Some(Timestamp(4_999_000)));
    }
}
