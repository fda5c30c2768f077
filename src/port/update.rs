//! What the package's judge has to say about an update (`packaging/update`): one is on trial, or one was taken back. Only looks: it judges
//! nothing and puts nothing back, because a program that does not start could not.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The predecessor, kept as long as the update is on trial.
const PREVIOUS: &str = "previous";
/// One line about an update that was taken back: from which version, to which, when, and why.
const ROLLED_BACK: &str = "rolled-back";
/// What the judge writes instead of a version that it cannot tell.
const UNKNOWN: &str = "unknown";

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
    /// A reason of a later judge: it came with the version that was taken back, and stays.
    Other,
}

impl Why {
    /// Goes on after „Version 0.2.0“.
    pub fn words(self) -> &'static str {
        match self {
            Why::Other => "hat sich nicht bewährt",
            Why::NotReady => "ist nicht bereit geworden",
            Why::CheckConfig => "kommt mit dieser Konfiguration nicht zurecht",
        }
    }
}

impl RolledBack {
    /// For technicians.
    pub fn sentence(&self) -> String {
        let to = if self.to == UNKNOWN { "Die neue Version".to_owned() } else { format!("Version {}", self.to) };
        let from = if self.from == UNKNOWN { "die vorige" } else { &self.from };
        format!("{to} {}, {from} läuft weiter", self.why.words())
    }

    /// However little of the line is there: that it is there says that an update was taken back.
    fn read(line: &str) -> RolledBack {
        let mut words = line.split_ascii_whitespace();
        let mut next = || words.next().unwrap_or(UNKNOWN);
        let (from, to, _when, why) = (next().to_owned(), next().to_owned(), next(), next());
        let why = match why {
            "not-ready" => Why::NotReady,
            "check-config" => Why::CheckConfig,
            _ => Why::Other,
        };
        RolledBack { from, to, why }
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

    /// Whether an update has yet to prove itself.
    pub fn under_way(&self) -> bool {
        self.has(PREVIOUS)
    }

    /// Whether rows may be written that the predecessor cannot read. Not while this program is on trial; and not once it was taken back,
    /// which is written down while it still runs.
    pub fn may_advance(&self) -> bool {
        !self.has(PREVIOUS) && !self.has(ROLLED_BACK)
    }

    /// The update that was taken back last, until another one is tried.
    pub fn rolled_back(&self) -> Option<RolledBack> {
        let path = self.folder.as_ref()?.join(ROLLED_BACK);
        match std::fs::read_to_string(path) {
            Ok(line) => Some(RolledBack::read(&line)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(_) => Some(RolledBack::read("")),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.folder.as_ref().is_some_and(|folder| folder.join(name).exists())
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
        assert_eq!((trial.under_way(), trial.may_advance()), (true, false));
        for (line, sentence) in [
            ("0.1.0 0.2.0 1795305600 not-ready\n", "Version 0.2.0 ist nicht bereit geworden, 0.1.0 läuft weiter"),
            ("0.1.0 0.2.0 1795305600 check-config", "Version 0.2.0 kommt mit dieser Konfiguration nicht zurecht, 0.1.0 läuft weiter"),
            ("0.1.0 0.2.0 1795305600 something-else", "Version 0.2.0 hat sich nicht bewährt, 0.1.0 läuft weiter"),
            ("0.1.0 unknown 1795305600 not-ready", "Die neue Version ist nicht bereit geworden, 0.1.0 läuft weiter"),
            ("", "Die neue Version hat sich nicht bewährt, die vorige läuft weiter"),
        ] {
            std::fs::write(folder.path().join(ROLLED_BACK), line).expect("writes");
            assert_eq!(trial.rolled_back().map(|found| found.sentence()).as_deref(), Some(sentence), "{line:?}");
        }
        assert_eq!((trial.under_way(), trial.may_advance()), (true, false));
        std::fs::remove_file(folder.path().join(PREVIOUS)).expect("removes");
        assert_eq!((trial.under_way(), trial.may_advance()), (false, false), "what was taken back may still run");
        std::fs::remove_file(folder.path().join(ROLLED_BACK)).expect("removes");
        assert!(trial.may_advance());
        assert_eq!((Trial::default().under_way(), Trial::default().rolled_back()), (false, None));
    }
}
