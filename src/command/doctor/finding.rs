//! What came of a check, how it is shown, and the JSON document. Judges nothing.

use super::subject::Subject;
use crate::config::remedy_for;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// The number of the JSON document's schema: fields and checks may be added, none changes its meaning.
pub(crate) const SCHEMA: u32 = 1;
/// Column in which the text of a check starts.
const TEXT: usize = 32;

/// How it is. In this order each is worse than the one before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// There is nothing to look at: no tunnel is configured, this is no Raspberry Pi.
    NotApplicable,
    /// Good.
    Ok,
    /// It could not be looked at.
    Unknown,
    /// It works, but not as it should.
    Warning,
    /// It does not.
    Fault,
}

impl Outcome {
    /// A sign and a word: neither colour nor sign alone.
    fn shown(self) -> &'static str {
        match self {
            Outcome::NotApplicable => "– entfällt",
            Outcome::Ok => "✓ ok",
            Outcome::Unknown => "? unbekannt",
            Outcome::Warning => "! Warnung",
            Outcome::Fault => "✗ Fehler",
        }
    }
}

/// One check and what came of it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Finding {
    #[serde(rename = "id", serialize_with = "name")]
    pub(crate) subject: Subject,
    pub(crate) outcome: Outcome,
    /// What is found, in German.
    pub(crate) text: String,
    /// What to do, in German.
    pub(crate) remedy: Option<Cow<'static, str>>,
    /// What was measured, by name: numbers with their unit in the name, words, or nothing.
    pub(crate) figures: BTreeMap<&'static str, Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn name<S: serde::Serializer>(subject: &Subject, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(subject.name())
}

impl Finding {
    fn new(subject: Subject, outcome: Outcome, text: impl Into<String>, remedy: Option<Cow<'static, str>>) -> Finding {
        Finding { subject, outcome, text: text.into(), remedy, figures: BTreeMap::new() }
    }

    /// It is good.
    pub(crate) fn ok(subject: Subject, text: impl Into<String>) -> Finding {
        Finding::new(subject, Outcome::Ok, text, None)
    }

    /// It works, but not as it should.
    pub(crate) fn warning(subject: Subject, text: impl Into<String>, remedy: impl Into<Cow<'static, str>>) -> Finding {
        Finding::new(subject, Outcome::Warning, text, Some(remedy.into()))
    }

    /// It does not work.
    pub(crate) fn fault(subject: Subject, text: impl Into<String>, remedy: impl Into<Cow<'static, str>>) -> Finding {
        Finding::new(subject, Outcome::Fault, text, Some(remedy.into()))
    }

    /// It does not work, in a sentence that may bring its remedy along ([`apart`]).
    pub(crate) fn broken(subject: Subject, sentence: &str, otherwise: &'static str) -> Finding {
        let (what, remedy) = apart(sentence, otherwise);
        Finding::fault(subject, what, remedy)
    }

    /// It could not be looked at, and why.
    pub(crate) fn unknown(subject: Subject, why: impl Into<String>) -> Finding {
        Finding::new(subject, Outcome::Unknown, why, None)
    }

    /// There is nothing to look at, and why.
    pub(crate) fn not_applicable(subject: Subject, why: impl Into<String>) -> Finding {
        Finding::new(subject, Outcome::NotApplicable, why, None)
    }

    /// With a remedy besides.
    pub(crate) fn remedied(self, remedy: impl Into<Cow<'static, str>>) -> Finding {
        Finding { remedy: Some(remedy.into()), ..self }
    }

    /// As it is said of the relay whose configuration lies at `path`.
    pub(crate) fn about(self, path: &Path) -> Finding {
        Finding { remedy: self.remedy.map(|remedy| remedy_for(path, &remedy).into()), ..self }
    }

    /// With something that was measured.
    pub(crate) fn with(mut self, figure: &'static str, value: impl Into<Value>) -> Finding {
        self.figures.insert(figure, value.into());
        self
    }
}

/// A sentence that brings its remedy along („… Abhilfe: …“), taken apart; `otherwise` if it brings none.
pub(crate) fn apart(sentence: &str, otherwise: &'static str) -> (String, Cow<'static, str>) {
    match sentence.split_once("Abhilfe: ") {
        Some((what, remedy)) => {
            (what.trim_end_matches([' ', '.', ';', ',']).to_owned(), Cow::Owned(remedy.trim_end_matches('.').to_owned()))
        }
        None => (sentence.trim_end_matches('.').to_owned(), Cow::Borrowed(otherwise)),
    }
}

/// The JSON document.
#[derive(Serialize)]
pub(crate) struct Document<'a> {
    schema: u32,
    /// The program that looked.
    version: &'static str,
    now: Timestamp,
    /// The worst of all.
    outcome: Outcome,
    checks: &'a [Finding],
}

impl Document<'_> {
    /// Of these checks.
    pub(crate) fn new(now: Timestamp, checks: &[Finding]) -> Document<'_> {
        Document { schema: SCHEMA, version: env!("CARGO_PKG_VERSION"), now, outcome: worst(checks), checks }
    }
}

/// The worst of all.
pub(crate) fn worst(findings: &[Finding]) -> Outcome {
    findings.iter().map(|finding| finding.outcome).max().unwrap_or(Outcome::Unknown)
}

/// The page for people.
pub(crate) fn rendered(findings: &[Finding]) -> String {
    let mut page = String::new();
    for Finding { subject, outcome, text, remedy, .. } in findings {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "{:<13}{:<width$}{}", outcome.shown(), subject.title(), one_line(text), width = TEXT - 13);
        if let Some(remedy) = remedy {
            let _ = writeln!(page, "{:TEXT$}Abhilfe: {}", "", one_line(remedy));
        }
    }
    let count = |outcome| findings.iter().filter(|finding| finding.outcome == outcome).count();
    let (faults, warnings, unknown) = (count(Outcome::Fault), count(Outcome::Warning), count(Outcome::Unknown));
    let warnings = if warnings == 1 { "1 Warnung".to_owned() } else { format!("{warnings} Warnungen") };
    let _ = writeln!(page, "\n{faults} Fehler, {warnings}, {unknown} unbekannt.");
    page
}

/// One line each, whatever others put into their words.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_line_for_each_check_and_a_remedy_below() {
        let findings = [
            Finding::ok(Subject::Clock, "gestellt"),
            Finding::fault(Subject::PublicAddress, "führt\nnicht hierher", "den Namen prüfen"),
            Finding::warning(Subject::Space, "wenig", "aufräumen").with("free_bytes", 5),
        ];
        let page = "✓ ok         Uhr                gestellt\n\
                    ✗ Fehler     Adresse für Meta   führt nicht hierher\n\
                    \x20                               Abhilfe: den Namen prüfen\n\
                    ! Warnung    Freier Platz       wenig\n\
                    \x20                               Abhilfe: aufräumen\n\n\
                    1 Fehler, 1 Warnung, 0 unbekannt.\n";
        assert_eq!(rendered(&findings), page);
        let document = serde_json::to_value(Document::new(Timestamp::UNIX_EPOCH, &findings)).expect("plain data");
        assert_eq!((document["schema"].as_u64(), document["outcome"].as_str()), (Some(1), Some("fault")));
        assert_eq!(document["checks"][2]["figures"]["free_bytes"], 5);
        assert_eq!(document["checks"][0]["remedy"], Value::Null);
    }

    #[test]
    fn what_is_not_known_is_worse_than_good_and_better_than_a_warning() {
        let of = |outcomes: &[Outcome]| {
            worst(&outcomes.iter().map(|outcome| Finding::new(Subject::Clock, *outcome, "", None)).collect::<Vec<_>>())
        };
        assert_eq!(of(&[Outcome::Ok, Outcome::Unknown, Outcome::NotApplicable]), Outcome::Unknown);
        assert_eq!(of(&[Outcome::Unknown, Outcome::Warning]), Outcome::Warning);
        assert_eq!(of(&[Outcome::NotApplicable, Outcome::Ok]), Outcome::Ok);
        assert_eq!(of(&[]), Outcome::Unknown);
    }

    #[test]
    fn a_sentence_brings_its_remedy_along() {
        assert_eq!(apart("Keine Verbindung. Abhilfe: Netz prüfen.", "x"), ("Keine Verbindung".to_owned(), Cow::from("Netz prüfen")));
        assert_eq!(apart("Kein Wort.", "x"), ("Kein Wort".to_owned(), Cow::from("x")));
    }
}
