//! Is this value plausible? A pure judge of one metric (promise 12): it compares with the latest figures that were believed, and holds back
//! what no source says by itself: a digit lost or typed twice, a thousands point read as a comma, another column. It corrects nothing and
//! keeps nothing; what becomes of a value is decided in `figures`, and by a human if it is held.
//!
//! **Totals** rise. If one rose by at most `r` a day lately, it may rise by `r × (days + 2)`: as it always did on the days that have
//! passed, and three times as much on a single day. It may fall as far as a correction goes: by no more than it rises in a day, or by a
//! thousandth, and by no more than a tenth in any case. What a correction took away may come back.
//!
//! **Counts and rates** go up and down, and a figure may be about one day or about all that have passed. So they are measured against the
//! range in which they have been: three times the largest, a third of the smallest, more after a longer gap than there has been.
//!
//! Small numbers jump: changes of at most [`GateRules::On`]'s `slack` are plausible whatever came before. There is no fixed cap: the next
//! wave is larger than any that has been. Calibrated on real figures in `tests/sim/replay`.

use super::Value;
use crate::domain::rules::{MetricKind, MetricRules};
use crate::domain::time::Day;
use crate::domain::wording::number;
use serde::{Deserialize, Serialize};

/// Changes up to this are plausible if the configuration does not say. With more, an extra digit in a small total gets through.
pub const SLACK: Value = Value::whole(10);
/// Figures that are remembered of each metric: the latest, and fourteen before it. Two weeks of a daily figure have seen each weekday
/// twice.
const REMEMBERED: usize = 15;
/// With fewer rises than this, a total's usual rise is not known yet.
const RISES_KNOWN: usize = 3;
/// Until then it may rise by a quarter from one day to the next: a twelfth for each of the day and the two days of grace.
const UNKNOWN_RISE: i128 = 12;
/// However long the gap, a total becomes at most four times what it was: an extra digit makes it more than five times as much.
const GROWTH_MAX: i128 = 3;
/// A total may rise for this many days more than have passed.
const GRACE_DAYS: i128 = 2;
/// A fall by more than a tenth is no correction: a lost digit takes at least half.
const FALL_MAX: i128 = 10;
/// A correction may take away a thousandth, even where a total hardly rises any more: who sums up a whole country corrects more in one go
/// than comes in on a quiet day.
const CORRECTION: i128 = 1_000;
/// With fewer figures than this, a count has not seen a weekend: a low one proves nothing.
const WEEK: usize = 7;
/// Counts and rates: three times the largest value is plausible, after a longer gap than there has been up to five times. A lost comma
/// makes it ten times as much.
const FACTORS: std::ops::RangeInclusive<i128> = 3..=5;

/// How it is judged whether a metric's value is plausible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GateRules {
    /// Against the latest figures.
    On {
        /// Changes of at most this much are plausible whatever came before.
        slack: Value,
    },
    /// It is not: everything is sent.
    Off,
}

impl Default for GateRules {
    fn default() -> GateRules {
        GateRules::On { slack: SLACK }
    }
}

/// What one metric is compared with: the latest figures that were believed, at most [`REMEMBERED`], one for each day, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<(Day, Value)>", into = "Vec<(Day, Value)>")]
pub struct Baseline {
    figures: Vec<(Day, Value)>,
}

impl From<Baseline> for Vec<(Day, Value)> {
    fn from(baseline: Baseline) -> Vec<(Day, Value)> {
        baseline.figures
    }
}

impl TryFrom<Vec<(Day, Value)>> for Baseline {
    type Error = &'static str;

    fn try_from(figures: Vec<(Day, Value)>) -> Result<Baseline, &'static str> {
        let ordered = figures.is_sorted_by(|(earlier, _), (later, _)| earlier < later);
        let good = ordered && (1..=REMEMBERED).contains(&figures.len());
        if good { Ok(Baseline { figures }) } else { Err("figures that cannot be what a metric is compared with") }
    }
}

impl Baseline {
    /// The first figure of a metric.
    pub fn new(day: Day, value: Value) -> Baseline {
        Baseline { figures: vec![(day, value)] }
    }

    /// The latest day, and its value.
    pub fn latest(&self) -> Option<(Day, Value)> {
        self.figures.last().copied()
    }

    /// The value is believed: it arrived and was plausible, or a human has released it. It replaces another one of the same day.
    pub fn accept(&mut self, day: Day, value: Value) {
        match self.figures.binary_search_by_key(&day, |(day, _)| *day) {
            Ok(known) => self.figures[known] = (day, value),
            Err(place) => self.figures.insert(place, (day, value)),
        }
        let forgotten = self.figures.len().saturating_sub(REMEMBERED);
        self.figures.drain(..forgotten);
    }

    /// What was believed of that day was wrong. Whether something is left to compare with.
    pub fn forget(&mut self, day: Day) -> bool {
        self.figures.retain(|(known, _)| *known != day);
        !self.figures.is_empty()
    }

    /// A human says that something else is counted from now on: what came before is forgotten.
    pub fn restart(&mut self, day: Day, value: Value) {
        *self = Baseline::new(day, value);
    }
}

/// What is thought of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// It may be sent.
    Plausible,
    /// A total is a little lower than before: it is sent as a correction.
    Lower,
    /// Nobody sees it before a human has looked at it.
    Implausible(Suspicion),
}

/// Why a value is held. What a program does by [`Suspicion::code`] it does for ever: codes never change their meaning.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Suspicion {
    /// A total is lower than before, by more than a correction takes away.
    TotalFell(Contrast),
    /// Far more than the figures before suggest.
    Jump(Contrast),
    /// Far less than that. Of counts and rates; a total that is lower has fallen.
    Drop(Contrast),
    /// Below zero, where nothing has been.
    Negative {
        /// The value before, if there is one.
        from: Option<Value>,
        /// The one that was judged.
        to: Value,
    },
}

/// A value that does not go together with what came before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Contrast {
    /// The value before.
    pub from: Value,
    /// The one that was judged.
    pub to: Value,
    /// The most or the least that would have been plausible.
    pub bound: Value,
    /// What has been usual.
    pub usual: Usual,
}

/// What has been usual lately.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Usual {
    /// A total rises by at most this much a day; zero if it did not rise, or nothing is known of it.
    Rise(Value),
    /// It was between these.
    Range(Value, Value),
}

impl Suspicion {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Suspicion::TotalFell(_) => "total-fell",
            Suspicion::Jump(_) => "jump",
            Suspicion::Drop(_) => "drop",
            Suspicion::Negative { .. } => "negative",
        }
    }

    /// What is wrong with which value, and what to do, in German, for publishers and technicians.
    pub fn sentence(&self, metric: &MetricRules) -> String {
        let written = |value: Value| number(value, metric.decimals);
        let (contrast, what) = match self {
            Suspicion::TotalFell(contrast) => (contrast, "zu wenig für eine Korrektur, plausibel wären mindestens"),
            Suspicion::Jump(contrast) => (contrast, "ungewöhnlich viel, plausibel wären höchstens"),
            Suspicion::Drop(contrast) => (contrast, "ungewöhnlich wenig, plausibel wären mindestens"),
            Suspicion::Negative { from, to } => {
                let from = from.map_or_else(String::new, |from| format!(", statt zuvor {}", written(from)));
                return format!("{}: {} liegt unter null{from}. {WHAT_TO_DO}", metric.label, written(*to));
            }
        };
        let Contrast { from, to, bound, usual } = *contrast;
        let usual = match usual {
            Usual::Rise(most) if most.millionths() == 0 => "kein Anstieg".to_owned(),
            Usual::Rise(most) => format!("an einem Tag bis zu {} mehr", written(most.cut(metric.decimals))),
            Usual::Range(least, most) if least == most => written(least),
            Usual::Range(least, most) => format!("{} bis {}", written(least), written(most)),
        };
        let (to, from, bound) = (written(to), written(from), written(bound.cut(metric.decimals)));
        format!("{}: {to} statt zuvor {from} ist {what} {bound}. Üblich: {usual}. {WHAT_TO_DO}", metric.label)
    }
}

/// The three ways out of being held.
const WHAT_TO_DO: &str = "Bitte an der Quelle nachsehen. Stimmt die Zahl: freigeben. Ist sie falsch: verwerfen und richtig senden. Wird \
                          jetzt anders gezählt: als neuen Stand übernehmen.";

/// Whether the value of that day is plausible after what came before. The first figure of a metric is, if it is not below zero; and so is
/// one that is older than everything that is remembered.
pub fn judge(rules: &GateRules, kind: MetricKind, baseline: Option<&Baseline>, day: Day, value: Value) -> Judgement {
    let figures = baseline.map_or(&[][..], |baseline| &baseline.figures);
    let (before, after) = figures.split_at(figures.partition_point(|(known, _)| *known < day));
    let same = after.first().filter(|(known, _)| *known == day).map(|(_, value)| *value);
    let slack = match rules {
        GateRules::On { slack } => slack.millionths().max(0),
        GateRules::Off => return lower(kind, same.or(before.last().map(|(_, value)| *value)), value),
    };
    // A day that has a value already, and none before it to compare with, is compared with that.
    let before = if before.is_empty() && same.is_some() { &after[..1] } else { before };
    let past = Past { figures: before, same, day, slack };
    match kind {
        MetricKind::Total => past.judge_total(value),
        MetricKind::Count | MetricKind::Rate => past.judge_level(kind, value),
    }
}

/// A total that falls is a correction, however far.
fn lower(kind: MetricKind, known: Option<Value>, value: Value) -> Judgement {
    if kind == MetricKind::Total && known.is_some_and(|known| value < known) { Judgement::Lower } else { Judgement::Plausible }
}

/// What is known of the days before, and of the day itself. All arithmetic is in millionths, exact but for a last one that is cut off.
struct Past<'a> {
    figures: &'a [(Day, Value)],
    same: Option<Value>,
    day: Day,
    slack: i128,
}

impl Past<'_> {
    fn negative(&self, to: Value) -> Judgement {
        Judgement::Implausible(Suspicion::Negative { from: self.figures.last().map(|(_, from)| *from), to })
    }

    fn judge_total(&self, value: Value) -> Judgement {
        if value.millionths() < 0 {
            return self.negative(value);
        }
        let Some((latest, from)) = self.figures.last().copied() else { return Judgement::Plausible };
        let (base, new) = (from.millionths(), value.millionths());
        // What a correction took away may come back: a rise is measured from the highest figure that is no further away than that.
        let near = self.figures.iter().map(|(day, value)| (*day, value.millionths())).filter(|(_, value)| value - base <= value / FALL_MAX);
        let (summit, highest) = near.max_by_key(|(_, value)| *value).unwrap_or((latest, base));
        let days = days(summit, self.day) + GRACE_DAYS;
        let rises: Vec<(i128, i128)> = self.figures.windows(2).map(|pair| rise(pair[0], pair[1])).collect();
        let usual = rises.iter().map(|(rise, days)| rise / days).max().unwrap_or(0);
        let grown = rises.iter().map(|(rise, over)| rise * days / over).max().unwrap_or(0);
        let grown = if rises.len() < RISES_KNOWN { grown.max(highest * days / UNKNOWN_RISE) } else { grown };
        let most = highest + grown.min(highest * GROWTH_MAX).max(self.slack);
        let fall = usual.max(self.slack).max(base / CORRECTION).min((base / FALL_MAX).max(ONE));
        let contrast =
            |bound| Contrast { from, to: value, bound: Value::of_millionths(bound), usual: Usual::Rise(Value::of_millionths(usual)) };
        if new > most {
            Judgement::Implausible(Suspicion::Jump(contrast(most)))
        } else if new < base && (new < base - fall || new == 0) {
            Judgement::Implausible(Suspicion::TotalFell(contrast((base - fall).max(ONE))))
        } else {
            lower(MetricKind::Total, self.same.map_or(Some(from), |same| Some(same.max(from))), value)
        }
    }

    fn judge_level(&self, kind: MetricKind, value: Value) -> Judgement {
        let new = value.millionths();
        let values = || self.figures.iter().map(|(_, value)| *value);
        let (Some((latest, from)), Some(least), Some(most)) = (self.figures.last().copied(), values().min(), values().max()) else {
            let impossible = kind == MetricKind::Count && new < 0;
            return if impossible { self.negative(value) } else { Judgement::Plausible };
        };
        let largest = values().map(|value| value.millionths().abs()).max().unwrap_or(0);
        // Corrections make counts of new cases negative, but by no more than what was counted. What else never was negative does not
        // become so.
        let taken_back = if kind == MetricKind::Count { largest.max(self.slack) } else { 0 };
        if least.millionths() >= 0 && new < -taken_back {
            return self.negative(value);
        }
        let known = self.figures.len() >= WEEK;
        let gaps = self.figures.windows(2).map(|pair| days(pair[0].0, pair[1].0));
        let gap = days(latest, self.day).saturating_sub(1) / gaps.max().unwrap_or(1);
        let factor = if known { (FACTORS.start() + gap).min(*FACTORS.end()) } else { *FACTORS.end() };
        let highest = (largest * factor).max(largest + self.slack);
        let smallest = least.millionths();
        let lowest = (smallest / factor).min(smallest - self.slack);
        let contrast = |bound| Contrast { from, to: value, bound: Value::of_millionths(bound), usual: Usual::Range(least, most) };
        let measured = known || largest > 0;
        if new > highest && measured {
            Judgement::Implausible(Suspicion::Jump(contrast(highest)))
        } else if new < -highest && measured {
            Judgement::Implausible(Suspicion::Drop(contrast(-highest)))
        } else if smallest > self.slack && new < lowest && (known || kind == MetricKind::Rate) {
            Judgement::Implausible(Suspicion::Drop(contrast(lowest)))
        } else {
            Judgement::Plausible
        }
    }
}

/// One, in millionths.
const ONE: i128 = 1_000_000;

/// By how much it has risen, and over how many days. A correction downwards is no rise.
fn rise(earlier: (Day, Value), later: (Day, Value)) -> (i128, i128) {
    ((later.1.millionths() - earlier.1.millionths()).max(0), days(earlier.0, later.0))
}

/// At least one.
fn days(earlier: Day, later: Day) -> i128 {
    (i128::from(later.0) - i128::from(earlier.0)).max(1)
}

#[cfg(test)]
mod tests;
