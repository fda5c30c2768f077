//! The file as a technician's computer puts it onto a card: with the secrets that were in files beside it, and with the marks of those that
//! the device has from an earlier card.

use super::super::document::quoted;
use super::super::report::ConfigError;
use super::pieces::{Kind, Part, Piece, header};
use super::{Card, Origin, Publisher, Taken, WIPED, credential_names};
use secrecy::ExposeSecret;
use std::collections::BTreeSet;

/// What a card says that the device has: it was taken from this card.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// Credentials.
    pub secrets: BTreeSet<&'static str>,
    /// Whose password the broker knows.
    pub publishers: BTreeSet<String>,
}

impl Card {
    /// What was taken from it, and stands there no more.
    pub fn marks(&self) -> Marks {
        let (mut marks, mut publisher) = (Marks::default(), None);
        for piece in &self.pieces {
            let taken = self.mark(piece);
            match (&piece.kind, piece.part) {
                (Kind::Header, _) => publisher = None,
                (Kind::Pair(key, value), Part::Publisher) if key == "name" => publisher = Some(self.word(piece, *value)),
                (Kind::Other, Part::Secrets) => marks.secrets.extend(credential_names().find(|name| taken == Some(name))),
                (Kind::Other, Part::Publisher) if taken == Some("password") => marks.publishers.extend(publisher.clone()),
                (Kind::Pair(..) | Kind::Other, _) => {}
            }
        }
        marks
    }

    /// What this line says was taken.
    pub(super) fn mark(&self, piece: &Piece) -> Option<&str> {
        self.text[piece.lines.clone()].trim().strip_prefix("# ")?.strip_suffix(WIPED)?.strip_suffix(": ")
    }

    /// The text of a value in quotes.
    pub(super) fn word(&self, piece: &Piece, value: usize) -> String {
        let end = piece.comments.first().map_or(piece.lines.end, |comment| comment.start);
        self.text[value..end].trim().trim_matches(['"', '\'']).to_owned()
    }

    /// The file as it goes onto a card: secrets that were in files stand in it, and the keys that named the files do not; of what the
    /// device has it keeps the marks.
    ///
    /// # Errors
    /// If there is no `[secrets]` to which they could be added.
    pub fn with_secrets(&self, secrets: &[Taken], publishers: &[Publisher]) -> Result<String, ConfigError> {
        let there = self.marks();
        let marked = |taken: &&Taken| taken.origin == Origin::Kept && there.secrets.contains(taken.credential);
        let lines: String = secrets.iter().filter(|taken| !marked(taken)).map(written).collect();
        let known = |name: &str| publishers.iter().any(|one| one.name.as_str() == name && one.password.is_none());
        let (mut text, mut placed, mut section) = (String::new(), lines.is_empty(), "");
        for piece in &self.pieces {
            let content = &self.text[piece.lines.clone()];
            if let Kind::Header = piece.kind {
                section = header(content.trim_start());
            }
            let named = |taken: &&Taken| matches!(&piece.kind, Kind::Pair(key, _) if key == taken.key) && taken.belongs_to(section);
            let from_file = |taken: &&Taken| matches!(taken.origin, Origin::File(_));
            match secrets.iter().filter(from_file).find(named).filter(|_| piece.part == Part::Relay) {
                Some(_) => text.push_str(&content.split_inclusive('\n').map(|line| format!("# {line}")).collect::<String>()),
                None => text.push_str(content),
            }
            if !text.ends_with('\n') {
                text.push('\n');
            }
            match (&piece.kind, piece.part) {
                (Kind::Header, Part::Secrets) if !placed => {
                    text.push_str(&lines);
                    placed = true;
                }
                (Kind::Pair(key, value), Part::Publisher) if key == "name" => {
                    let name = self.word(piece, *value);
                    if known(&name) && !there.publishers.contains(&name) {
                        text.push_str(&format!("# password: {WIPED}\n"));
                    }
                }
                (Kind::Header | Kind::Pair(..) | Kind::Other, _) => {}
            }
        }
        if placed {
            return Ok(text);
        }
        if self.pieces.iter().any(|piece| piece.part == Part::Secrets) {
            let what = "die Geheimnisse stehen nicht unter einer Zeile [secrets], und so lassen sich die aus Dateien nicht ergänzen.";
            return Err(ConfigError::single(&self.name, what, "secrets.name = \"…\" als name = \"…\" unter [secrets] schreiben."));
        }
        Ok(format!("{text}\n[secrets]\n{lines}"))
    }
}

/// What stands below `[secrets]` of a secret that was not there; nothing of what the device makes.
fn written(taken: &Taken) -> String {
    let text = taken.secret.expose_secret();
    match taken.origin {
        Origin::Written | Origin::Made => String::new(),
        Origin::Kept => format!("# {}: {WIPED}\n", taken.credential),
        Origin::File(_) if text.trim().contains('\n') => format!("{} = '''\n{}\n'''\n", taken.credential, text.trim_end()),
        Origin::File(_) => format!("{} = {}\n", taken.credential, quoted(text)),
    }
}

impl Taken {
    /// Whether a key of this section may name its file.
    fn belongs_to(&self, section: &str) -> bool {
        let of = match self.credential {
            "mqtt-password" | "mqtt-client-key" => "mqtt",
            "proxy" => "egress",
            "tunnel-key" => "tunnel",
            "tls-key" => "ingress",
            "heartbeat-url" => "heartbeat",
            _ => "whatsapp",
        };
        section == of
    }
}
