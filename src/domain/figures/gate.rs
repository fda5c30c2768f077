//! Whether a value is plausible.

use super::Value;
use crate::domain::rules::MetricKind;
use crate::domain::time::Day;
use serde::{Deserialize, Serialize};

/// What is plausible of a metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GateRules;

/// What a metric's next value is judged by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Baseline {
    day: Day,
    value: Value,
}

impl Baseline {
    /// The first value.
    pub fn new(day: Day, value: Value) -> Baseline {
        Baseline { day, value }
    }

    /// The next value that was accepted.
    pub fn accept(&mut self, day: Day, value: Value) {
        *self = Baseline { day, value };
    }

    /// Forgets what came before.
    pub fn restart(&mut self, day: Day, value: Value) {
        *self = Baseline { day, value };
    }
}

/// What is thought of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// Nothing strange.
    Plausible,
    /// A total that fell a little: a correction.
    Lower,
    /// A human has to look.
    Implausible(Suspicion),
}

/// Why a human has to look.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Suspicion {
    /// A total fell.
    TotalFell,
}

impl Suspicion {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        "total-fell"
    }

    /// What is strange.
    pub fn sentence(&self, _: &crate::domain::rules::MetricRules) -> String {
        String::new()
    }
}

/// The judgement.
pub fn judge(_: &GateRules, _: MetricKind, _: Option<&Baseline>, _: Day, _: Value) -> Judgement {
    Judgement::Plausible
}
