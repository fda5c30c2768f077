//! `drk-relay doctor`: what is wrong, and what to do. One line for each check, for people; a JSON document for programs. Works whether the
//! relay runs or not, without network and without configuration, as root or not, and says what it could not look at.
//!
//! ```text
//!   machine, systemd (facts of the device) ─┐
//!   status socket, or a look of our own ────┼─▶ examine ─▶ device, service, relay, meta (pure: what it means) ─▶ finding
//!   Meta, broker, relay host ───────────────┘
//! ```
//!
//! | exit code | |
//! |---|---|
//! | 0 | everything is good, or a warning at worst |
//! | 1 | something does not work |
//! | 3 | no fault, but something could not be looked at |
//! | 64 | the configuration cannot work; the other checks are made nevertheless |

mod device;
mod examine;
mod finding;
mod machine;
mod meta;
mod relay;
mod service;
mod subject;
mod systemd;

pub use subject::Subject;

pub(super) use examine::{Examination, examine};
pub(super) use finding::rendered;
pub(super) use machine::Machine;
pub(super) use systemd::said;

use super::{CONFIGURATION, CONFIGURATION_FILE, Failure};
use crate::command::output::say;
use crate::port::clock::Clock;
use anyhow::Context;
use finding::{Document, Finding, Outcome, worst};
use std::path::PathBuf;

/// Something does not work.
const FAULT: u8 = 1;
/// Something could not be looked at. 2 is what `clap` ends with.
const UNKNOWN: u8 = 3;

/// What to look at, and how to say it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit-Code: 0 alles in Ordnung oder höchstens Warnungen, 1 Fehler, 3 kein Fehler, aber etwas war nicht zu prüfen, \
                        64 die Konfiguration ist nicht brauchbar.")]
pub(super) struct Options {
    /// Die Konfiguration.
    #[arg(long, value_name = "DATEI", default_value = CONFIGURATION_FILE)]
    config: PathBuf,
    /// Als JSON-Dokument (schema 1), für Programme.
    #[arg(long)]
    json: bool,
}

pub(super) async fn execute(options: &Options) -> Result<(), Failure> {
    let Examination { findings, .. } = Box::pin(examine(&options.config, &Machine::real())).await;
    if options.json {
        let document = Document::new(Clock::System.now().second().instant(), &findings);
        say!("{}", serde_json::to_string_pretty(&document).context("plain data")?);
    } else {
        say!("{}", rendered(&findings).trim_end());
    }
    match code(&findings) {
        0 => Ok(()),
        code => Err(Failure::Said(code)),
    }
}

/// The exit code.
fn code(findings: &[Finding]) -> u8 {
    let unusable = |finding: &Finding| finding.subject == Subject::Configuration && finding.outcome == Outcome::Fault;
    match worst(findings) {
        Outcome::Fault if findings.iter().any(unusable) => CONFIGURATION,
        Outcome::Fault => FAULT,
        Outcome::Unknown => UNKNOWN,
        // A warning hides what is not known.
        Outcome::Warning if findings.iter().any(|finding| finding.outcome == Outcome::Unknown) => UNKNOWN,
        Outcome::Warning | Outcome::Ok | Outcome::NotApplicable => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alarm::Code;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// A finding is this, and its remedy is in the handbook or comes from elsewhere.
    pub(super) fn is(finding: &Finding, outcome: Outcome, text: &str, remedy: Option<&str>) {
        assert_eq!((finding.outcome, finding.text.as_str(), finding.remedy.as_deref()), (outcome, text, remedy), "{finding:?}");
    }

    #[test]
    fn the_exit_code_tells_the_worst() {
        let of = |findings: &[Finding]| code(findings);
        let (ok, warning) = (Finding::ok(Subject::Clock, ""), Finding::warning(Subject::Space, "", ""));
        let (unknown, fault) = (Finding::unknown(Subject::Relay, ""), Finding::fault(Subject::Relay, "", ""));
        assert_eq!(of(&[ok.clone(), warning.clone()]), 0);
        assert_eq!(of(&[ok.clone(), unknown.clone()]), 3);
        assert_eq!(of(&[warning, unknown.clone()]), 3);
        assert_eq!(of(&[unknown, fault.clone()]), 1);
        assert_eq!(of(&[fault, Finding::fault(Subject::Configuration, "", "")]), 64);
    }

    #[test]
    fn names_are_unique_and_every_remedy_says_something() {
        let names: BTreeSet<_> = Subject::ALL.iter().map(|subject| subject.name()).collect();
        assert_eq!(names.len(), Subject::ALL.len());
        for subject in Subject::ALL {
            assert!(!subject.title().is_empty() && subject.remedies().iter().all(|remedy| !remedy.ends_with('.')), "{subject:?}");
        }
    }

    /// Whatever is written into one some day, of a check or of an alarm.
    #[test]
    fn no_remedy_leads_to_the_first_relay_instead() {
        let second = Path::new("/etc/drk-relay/wache.toml");
        let of_checks = Subject::ALL.into_iter().flat_map(Subject::remedies).copied().filter(|remedy| *remedy != service::INSTALL);
        for remedy in of_checks.chain(Code::ALL.map(Code::remedy)) {
            let said = Finding::fault(Subject::Relay, "", remedy).about(second).remedy.expect("there");
            for after in said.split("drk-relay").skip(1).filter(|after| !after.starts_with(['-', '@', '.', '/'])) {
                assert!(after.split(' ').take(4).any(|word| word == "--config"), "{said}");
            }
        }
    }
}
