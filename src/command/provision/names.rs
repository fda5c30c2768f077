//! How files on a card are called, whatever Windows, a copy and a typist make of their names. Reads none of them.

use crate::config::{FIRST_RELAY, service};
use crate::domain::ids::Name;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder beside the configuration: packages, the script that installs them, and what the configuration names.
pub(super) const FOLDER: &str = "drk-relay";
/// The script in it.
pub(super) const SCRIPT: &str = "install.sh";
/// What says that all is well.
pub(super) const GOOD: &str = "drk-relay-OK.txt";
/// What says that it is not.
pub(super) const BAD: &str = "drk-relay-FEHLER.txt";
/// Names that no other relay can have: its configuration would be the first one's, or its state would lie where the package keeps its own.
const TAKEN: [&str; 3] = [FIRST_RELAY, "provision", "update"];

/// What the configuration of a relay is called on a card: `drk-relay.toml`, or `drk-relay@second.toml`.
pub(super) fn of_card(instance: Option<&str>) -> String {
    format!("{}.toml", service(instance))
}

/// What another relay than the first may be called: an instance of drk-relay@.service.
pub(super) fn instance(text: &str) -> Option<Name> {
    Name::new(text).filter(|name| !TAKEN.contains(&name.as_str()))
}

/// A configuration on a card.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) instance: Option<String>,
}

impl Found {
    /// As it is called on the card.
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// As it is called at home, without extension: `relay`, or `second`.
    pub(super) fn stem(&self) -> &str {
        self.instance.as_deref().unwrap_or(FIRST_RELAY)
    }
}

/// The configurations on a card.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct Cards {
    /// The first relay's first.
    pub(super) found: Vec<Found>,
    /// What is called nearly as one, and what it would have to be called.
    pub(super) similar: Vec<String>,
    /// Several files for one relay.
    pub(super) twice: Vec<[String; 2]>,
}

impl Cards {
    /// Looks into the folder of a card.
    pub(super) fn of(boot: &Path) -> io::Result<Cards> {
        let mut names = Vec::new();
        for entry in fs::read_dir(boot)? {
            names.push(entry?.file_name());
        }
        names.sort();
        let mut cards = Cards::default();
        for name in names {
            let shown = name.to_string_lossy().into_owned();
            match Meaning::of(&shown) {
                Meaning::Relay(instance) => {
                    let found = Found { path: boot.join(&name), instance };
                    match cards.found.iter().find(|other| other.instance == found.instance) {
                        Some(other) => cards.twice.push([other.name(), shown]),
                        None => cards.found.push(found),
                    }
                }
                Meaning::Similar => cards.similar.push(shown),
                Meaning::Nothing => {}
            }
        }
        cards.found.sort_by(|one, other| one.instance.cmp(&other.instance));
        Ok(cards)
    }

    /// What of it nobody can understand, with remedies.
    pub(super) fn unclear(&self) -> Vec<String> {
        let similar = self.similar.iter().map(|name| {
            let (first, second) = (of_card(None), of_card(Some("zweite")));
            format!(
                "{name}: So heißt keine Konfiguration.\n Abhilfe: die richtige heißt {first}, eine zweite etwa {second}; alles andere \
                 löschen."
            )
        });
        let twice = self.twice.iter().map(|[one, other]| {
            format!("{one} und {other}: Welche von beiden gilt, ist nicht zu erkennen.\n Abhilfe: eine von beiden löschen.")
        });
        similar.chain(twice).collect()
    }
}

#[derive(PartialEq, Eq, Debug)]
enum Meaning {
    Relay(Option<String>),
    Similar,
    Nothing,
}

impl Meaning {
    fn of(name: &str) -> Meaning {
        let name = name.to_lowercase();
        let stem = [".toml.txt", ".toml"].into_iter().find_map(|end| name.strip_suffix(end));
        match stem.map(|stem| (stem, stem.strip_prefix("drk-relay"))) {
            Some((_, Some(""))) => Meaning::Relay(None),
            Some((_, Some(rest))) => match rest.strip_prefix('@').and_then(instance) {
                Some(instance) => Meaning::Relay(Some(instance.as_str().to_owned())),
                None => Meaning::Similar,
            },
            Some((FIRST_RELAY, None)) => Meaning::Similar,
            None if name == "drk-relay.txt" => Meaning::Relay(None),
            Some((_, None)) | None => Meaning::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_somebody_meant() {
        let second = || Meaning::Relay(Some("zweite".to_owned()));
        for (name, meaning) in [
            ("drk-relay.toml", Meaning::Relay(None)),
            ("DRK-RELAY.TOML", Meaning::Relay(None)),
            ("drk-relay.toml.txt", Meaning::Relay(None)),
            ("drk-relay.txt", Meaning::Relay(None)),
            ("drk-relay@zweite.toml", second()),
            ("Drk-Relay@Zweite.toml.TXT", second()),
            ("drk-relay (1).toml", Meaning::Similar),
            ("drk-relay@.toml", Meaning::Similar),
            ("drk-relay@relay.toml", Meaning::Similar),
            ("drk-relay@update.toml", Meaning::Similar),
            ("relay.toml", Meaning::Similar),
            ("drk-relay.toml.new", Meaning::Nothing),
            ("._drk-relay.toml", Meaning::Nothing),
            ("drk-relay-OK.txt", Meaning::Nothing),
            ("drk-relay", Meaning::Nothing),
            ("config.txt", Meaning::Nothing),
        ] {
            assert_eq!(Meaning::of(name), meaning, "{name}");
        }
    }
}
