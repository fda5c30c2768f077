//! What the package's judge has to say about an update (`packaging/update`): one is on trial, or one was taken back. Only looks: it judges
//! nothing and puts nothing back, because a program that does not start could not.

use crate::domain::time::Timestamp;
use std::path::{Path, PathBuf};

/// The predecessor, kept as long as the update is on trial.
const PREVIOUS: &str = "previous";
/// One line about an update that was taken back: from which version, to which, when, and why.
const ROLLED_BACK: &str = "rolled-back";

/// Where the judge keeps what it knows. Without one, nobody updates and nobody takes anything back.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    folder: Option<PathBuf>,
}

/// An update that was taken back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RolledBack {
    /// The version that goes on.
    pub from: String,
    /// The one that was tried.
    pub to: String,
    /// When, by the clock of the machine.
    pub at: Timestamp,
    /// Why.
    pub why: Why,
}

/// Why an update was taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// It did not become ready, or did not stay so.
    NotReady,
    /// It refuses a configuration with which its predecessor works.
    CheckConfig,
}

impl Why {
    /// Ends the sentence „Version 0.2.0 …“.
    pub fn words(self) -> &'static str {
        match self {
            Why::NotReady => "ist nicht bereit geworden",
            Why::CheckConfig => "kommt mit dieser Konfiguration nicht zurecht",
        }
    }
}

impl RolledBack {
    /// For technicians.
    pub fn sentence(&self) -> String {
        format!("Version {} {}, {} läuft weiter", self.to, self.why.words(), self.from)
    }

    fn read(line: &str) -> Option<RolledBack> {
        let mut words = line.split_ascii_whitespace();
        let (from, to, at, why) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let why = match why {
            "not-ready" => Why::NotReady,
            "check-config" => Why::CheckConfig,
            _ => return None,
        };
        Some(RolledBack { from: from.to_owned(), to: to.to_owned(), at: Timestamp(at.parse().ok()?), why })
    }
}

impl Trial {
    /// Where the service's unit says (systemd/drk-relay.service).
    pub fn from_environment() -> Trial {
        Trial { folder: std::env::var_os("DRK_RELAY_UPDATE").map(PathBuf::from) }
    }

    /// In this folder.
    pub fn at(folder: &Path) -> Trial {
        Trial { folder: Some(folder.to_owned()) }
    }

    /// Whether the predecessor may have to read what is written now.
    pub fn under_way(&self) -> bool {
        self.folder.as_ref().is_some_and(|folder| folder.join(PREVIOUS).exists())
    }

    /// The update that was taken back last, until another one has proved itself.
    pub fn rolled_back(&self) -> Option<RolledBack> {
        RolledBack::read(&std::fs::read_to_string(self.folder.as_ref()?.join(ROLLED_BACK)).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_judges_line_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let trial = Trial::at(folder.path());
        assert_eq!((trial.under_way(), trial.rolled_back()), (false, None));
        std::fs::write(folder.path().join(PREVIOUS), "").expect("writes");
        assert!(trial.under_way());
        for (line, sentence) in [
            ("0.1.0 0.2.0 1795305600 not-ready\n", Some("Version 0.2.0 ist nicht bereit geworden, 0.1.0 läuft weiter")),
            ("0.1.0 0.2.0 1795305600 check-config", Some("Version 0.2.0 kommt mit dieser Konfiguration nicht zurecht, 0.1.0 läuft weiter")),
            ("0.1.0 0.2.0 1795305600 something-else", None),
            ("0.1.0 0.2.0 soon not-ready", None),
            ("", None),
        ] {
            std::fs::write(folder.path().join(ROLLED_BACK), line).expect("writes");
            assert_eq!(trial.rolled_back().map(|found| found.sentence()).as_deref(), sentence, "{line:?}");
        }
        assert_eq!((Trial::default().under_way(), Trial::default().rolled_back()), (false, None));
    }
}
