//! `drk-relay.toml`, the file on a card: a `relay.toml` in which secrets and the broker's accounts stand, too, because there is nothing
//! else that a technician could give to a device. Takes the two apart and checks both, the rest by the very same rules as any
//! configuration. Installs nothing.

mod carried;
mod claims;
mod pieces;
mod prepared;
mod publisher;
mod secrets;
mod text;

pub(super) use carried::Carried;
pub use carried::{Origin, Taken};
pub use prepared::Marks;
pub use publisher::Publisher;
pub use secrets::credential_names;

use super::document::{Document, Findings};
use super::report::{ConfigError, Source, discreet, why};
use super::{BrokerAddress, Checked, Files, SIZE_MAX, Stored, ingress, tls};
use crate::domain::ids::Name;
use crate::domain::time::Millis;
use pieces::{Kind, Part, Piece, pieces, suspicious};
use secrecy::SecretString;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What stands in the place of a secret that was taken from a card.
const WIPED: &str = "übernommen";

/// A card's file, read and taken apart, but not understood yet.
#[derive(Debug)]
pub struct Card {
    name: String,
    /// In UTF-8, with straight quotes.
    text: String,
    /// The same without what nobody may see; as long, line for line.
    shown: String,
    pieces: Vec<Piece>,
}

/// Secrets that can be made where they are missing: nobody outside has to know them beforehand.
#[derive(Clone, Debug, Default)]
pub struct Spare {
    /// The word with which Meta checks the webhooks' address: it is told to Meta when the address is.
    pub verify_token: Option<SecretString>,
    /// The key for the relay host, in OpenSSH's format.
    pub tunnel_key: Option<SecretString>,
    /// The relay's password for the broker, if the broker's accounts are made, too.
    pub mqtt_password: Option<SecretString>,
}

/// Another relay on the same device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// What its file is called in reports.
    pub name: String,
    /// Its configuration.
    pub configuration: String,
    /// The broker's accounts that its card asks for.
    pub publishers: Vec<String>,
}

impl Neighbour {
    /// Whether it has this account at the broker on the device.
    fn has(&self, account: &Name) -> bool {
        let named = |name: &String| name == account.as_str();
        self.publishers.iter().any(named) || claims::local_user(&self.configuration).as_ref().is_some_and(named)
    }
}

/// Where a card's file is looked at.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    /// Where the files are that it names.
    pub folder: &'a Path,
    /// Of which service it is the configuration: nothing for `drk-relay.service`.
    pub instance: Option<&'a str>,
    /// What the device has of its secrets already; nothing on a technician's computer.
    pub kept: Option<Stored>,
    /// What the card says that the device has; nothing on the device, which knows it.
    pub marks: Marks,
    /// The other relays on the same device.
    pub others: &'a [Neighbour],
    /// What is made if it is missing.
    pub spare: Spare,
    /// If the clock can be trusted: it tells which topics are old.
    pub now: Option<Millis>,
}

/// What a card's file amounts to.
#[derive(Debug)]
pub struct Contents {
    /// The configuration, and what is to be said about it.
    pub checked: Checked,
    /// The text of `relay.toml`: with its comments, without secrets and accounts.
    pub configuration: String,
    /// The secrets that it uses.
    pub secrets: Vec<Taken>,
    /// Secrets that the device is to forget: credentials.
    pub forgotten: Vec<&'static str>,
    /// The files that it names, below the folder where it was looked at.
    pub files: Vec<PathBuf>,
    /// Accounts of the broker on the device.
    pub publishers: Vec<Publisher>,
    /// The broker.
    pub broker: BrokerAddress,
}

impl Card {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// If it cannot be read, or is no text.
    pub fn open(path: &Path) -> Result<Card, ConfigError> {
        let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        let refused = |what: &str, remedy: &str| ConfigError::single(&name, what, remedy);
        let unreadable = |error| refused(&format!("Die Datei lässt sich nicht lesen: {}.", why(&error)), "Pfad und Leserechte prüfen.");
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(refused("Das ist ein Ordner.", "die Konfiguration ist eine Datei; den Ordner umbenennen oder löschen."));
        }
        if !metadata.is_file() {
            return Err(refused("Das ist keine Datei.", "eine gewöhnliche Datei nennen."));
        }
        let mut bytes = Vec::new();
        std::fs::File::open(path).and_then(|file| io::Read::take(file, SIZE_MAX + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
        Card::read(&name, &bytes)
    }

    /// Takes the bytes of a file apart, which is called `name` in reports.
    ///
    /// # Errors
    /// If it is too long, empty or no text.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Card, ConfigError> {
        let refused = |what: &str, remedy: &str| Err(ConfigError::single(name, what, remedy));
        if bytes.len() as u64 > SIZE_MAX {
            return refused("Die Datei ist größer als 128 KiB.", "die richtige Datei nehmen; eine Konfiguration hat wenige KiB.");
        }
        let Some(text) = text::decoded(bytes) else {
            return refused("Die Datei ist kein Text.", "im Editor als „UTF-8“ speichern, nicht als Word- oder RTF-Dokument.");
        };
        if text.starts_with("{\\rtf") || text.starts_with("PK\u{3}") {
            return refused("Die Datei ist ein Dokument einer Textverarbeitung.", "als „Nur Text“ (UTF-8) speichern.");
        }
        if text.trim().is_empty() {
            return refused("Die Datei ist leer.", "von examples/drk-relay.toml ausgehen.");
        }
        let text = text::straightened(&text);
        let pieces = pieces(&text);
        Ok(Card { name: name.to_owned(), shown: shown(&text, &pieces), text, pieces })
    }

    /// Checks everything at once.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the file.
    pub fn contents(&self, around: Surroundings<'_>) -> Result<Contents, ConfigError> {
        let source = Source { name: &self.name, text: &self.shown };
        let (of_card, of_relay) = (self.only(|part| part != Part::Relay), self.only(|part| part == Part::Relay));
        let broker = Document::parse_as(&of_relay, source).ok().and_then(|document| super::public::broker_address(&mut document.root()));
        let parsed = self.stray(source).map_or_else(|| Document::parse_as(&of_card, source), Err);
        let carried = parsed.map(|document| {
            let mut root = document.root();
            let secrets = secrets::read(&mut root);
            let publishers = publisher::read(&mut root, broker.as_ref(), around.others).unwrap_or_default();
            root.end();
            let Findings { problems, .. } = document.into_findings();
            (secrets, publishers, (!problems.is_empty()).then(|| ConfigError::new(&self.name, problems)))
        });
        let (secrets, publishers, wrong) = match carried {
            Ok(read) => read,
            // What cannot be read is not missing.
            Err(error) => (secrets::Given { refused: self.named(), ..secrets::Given::default() }, Vec::new(), Some(error)),
        };
        let accounts = self.pieces.iter().any(|piece| piece.part == Part::Publisher);
        let spare = secrets::spare(around.spare, accounts && broker.as_ref().is_some_and(|broker| broker.user.is_some()));
        let here = around.kept.is_some();
        let secrets::Given { given, forgotten, refused } = secrets;
        let (names, mut dropped) = (given.keys().copied().collect::<Vec<_>>(), forgotten.clone());
        let (kept, marked) = (around.kept, around.marks.secrets);
        let carried = Carried { given, forgotten, refused, spare, kept, marked, here, seen: RefCell::default() };
        let files = Files::of_card(around.folder, carried);
        let mut checked = Document::parse_as(&of_relay, source).and_then(|document| {
            claims::check(&document, &of_relay, around.instance, around.others);
            Checked::of(document, &files, around.now)
        });
        if let Some(wrong) = wrong {
            checked = Err(match checked {
                Ok(_) => wrong,
                Err(error) => wrong.and(error),
            });
        }
        let seen = files.carried().map(|carried| carried.seen.take()).unwrap_or_default();
        let (checked, configuration) = (checked?, self.configuration());
        self.idle(source, &names, &seen)?;
        // A new one has been made in its place.
        dropped.retain(|name| !seen.secrets.iter().any(|taken| taken.credential == *name));
        let (files, forgotten) = (seen.files.into_iter().collect(), dropped.into_iter().collect());
        let unknown = || ConfigError::single(&self.name, "Der Broker ist nicht zu verstehen.", "den Abschnitt [mqtt] prüfen.");
        let broker = broker.ok_or_else(unknown)?;
        Ok(Contents { checked, configuration, secrets: seen.secrets, forgotten, files, publishers, broker })
    }

    /// Whose relay it is, as far as that can be read.
    pub fn phone_number_id(&self) -> Option<String> {
        claims::phone_number_id(&self.only(|part| part == Part::Relay))
    }

    /// What the cards of other relays have to know of it; in reports it is called `name`.
    pub fn neighbour(&self, name: String) -> Neighbour {
        let text = self.only(|part| part == Part::Publisher);
        let document = Document::parse(Source { name: "", text: &text }).ok();
        let publishers = document.map(|document| publisher::names(&mut document.root())).unwrap_or_default();
        Neighbour { name, configuration: self.configuration(), publishers }
    }

    /// The file without what was taken from it: accounts stay, so that the next card need not repeat them.
    pub fn wiped(&self) -> String {
        let mut wiped = String::new();
        let forgotten = |name: &str| self.pieces.iter().any(|piece| piece.part == Part::Secrets && self.is_empty(piece, name));
        for piece in &self.pieces {
            let lines = &self.text[piece.lines.clone()];
            match &piece.kind {
                // An earlier card had it.
                Kind::Other if piece.part == Part::Secrets && self.mark(piece).is_some_and(forgotten) => wiped.push_str("#\n"),
                Kind::Pair(key, _) if is_secret(piece.part, key) => {
                    // Never longer than it was: a full card has no room.
                    let room = lines.len() > key.len() + WIPED.len() + "# : ".len();
                    wiped.push_str(&if room && !self.is_empty(piece, key) { format!("# {key}: {WIPED}\n") } else { "#\n".to_owned() });
                    // Whoever is told of a line later finds it.
                    wiped.push_str(&"#\n".repeat(lines.matches('\n').count().saturating_sub(1)));
                }
                Kind::Header | Kind::Pair(..) | Kind::Other => wiped.push_str(&self.discreet(piece)),
            }
        }
        wiped
    }

    /// `relay.toml`: as it is written, without what is the card's.
    pub fn configuration(&self) -> String {
        let own = self.pieces.iter().filter(|piece| piece.part == Part::Relay);
        let text: String = own.map(|piece| self.discreet(piece)).collect();
        if text.ends_with('\n') { text } else { text + "\n" }
    }

    /// Lines as they are written, but for the secrets that somebody may have kept in a comment. Never longer.
    fn discreet(&self, piece: &Piece) -> String {
        let (mut kept, mut at) = (String::new(), piece.lines.start);
        for comment in &piece.comments {
            kept.push_str(&self.text[at..comment.start]);
            let text = &self.text[comment.clone()];
            let shown = match piece.part {
                Part::Relay => discreet(text),
                Part::Secrets | Part::Publisher if may_hold_secrets(text) => "#".to_owned(),
                Part::Secrets | Part::Publisher => text.to_owned(),
            };
            kept.push_str(if shown.len() > text.len() { "#" } else { &shown });
            at = comment.end;
        }
        kept + &self.text[at..piece.lines.end]
    }

    /// The text with spaces in the place of other parts.
    fn only(&self, wanted: impl Fn(Part) -> bool) -> String {
        let blank = |piece: &Piece| {
            let lines = &self.text[piece.lines.clone()];
            if wanted(piece.part) { lines.to_owned() } else { blanked(lines) }
        };
        self.pieces.iter().map(blank).collect()
    }

    /// The first line below `[secrets]` that begins nothing: the rest of what was pasted with a line break in it.
    fn stray(&self, source: Source<'_>) -> Option<ConfigError> {
        let begins_nothing = |piece: &&Piece| {
            let line = self.text[piece.lines.clone()].trim();
            piece.part == Part::Secrets && piece.kind == Kind::Other && !line.is_empty() && !line.starts_with('#')
        };
        let piece = self.pieces.iter().find(begins_nothing)?;
        let (what, remedy) = (
            "Diese Zeile beginnt keinen Wert; vielleicht ist das Geheimnis davor auf mehrere Zeilen verteilt.",
            "jedes Geheimnis in eine Zeile schreiben: name = \"…\"; nur Schlüssel haben mehrere, zwischen ''' und '''.",
        );
        Some(ConfigError::new(&self.name, vec![source.problem(&(piece.lines.start..piece.lines.end - 1), what, remedy)]))
    }

    /// Refuses secrets that nothing asks for: they would be wiped, and be nowhere.
    fn idle(&self, source: Source<'_>, given: &[&'static str], seen: &carried::Seen) -> Result<(), ConfigError> {
        let idle = given.iter().filter(|name| !seen.secrets.iter().any(|taken| taken.credential == **name));
        let problem = |name: &&'static str| {
            let lines = self.lines_of(name).unwrap_or(0..0);
            let belongs = [(&tls::SERVER_PAIR, "tls = \"file\""), (&ingress::TUNNEL_KEY, "mode = \"tunnel\"")];
            let belongs = belongs.iter().find(|(secret, _)| secret.credential == *name);
            let or = belongs.map_or(String::new(), |(_, line)| format!(", oder unter [ingress] ergänzen, wozu es gehört: {line}"));
            let what = format!("secrets.{name}: die Konfiguration braucht dieses Geheimnis nicht, und hier würde es gelöscht.");
            source.problem(&(lines.start..lines.end.min(lines.start + name.len())), &what, &format!("die Zeile löschen{or}."))
        };
        let problems: Vec<_> = idle.map(problem).collect();
        if problems.is_empty() { Ok(()) } else { Err(ConfigError::new(&self.name, problems)) }
    }

    /// Whether this is a key with an empty text.
    fn is_empty(&self, piece: &Piece, key: &str) -> bool {
        matches!(&piece.kind, Kind::Pair(name, value) if name == key && self.word(piece, *value).trim().is_empty())
    }

    /// The secrets that stand there, whatever is wrong with them.
    fn named(&self) -> BTreeSet<&'static str> {
        credential_names().filter(|name| self.lines_of(name).is_some()).collect()
    }

    /// Where a secret stands.
    fn lines_of(&self, credential: &str) -> Option<Range<usize>> {
        let names = |piece: &&Piece| piece.part == Part::Secrets && matches!(&piece.kind, Kind::Pair(key, _) if key == credential);
        self.pieces.iter().find(names).map(|piece| piece.lines.clone())
    }
}

/// Whether the value of this key is one.
fn is_secret(part: Part, key: &str) -> bool {
    match part {
        Part::Relay => false,
        Part::Secrets => true,
        // `publisher = [{ … }]` has its passwords in one value with all the rest.
        Part::Publisher => !publisher::OPEN.contains(&key),
    }
}

/// Whether a comment may be an old secret, or hold one.
fn may_hold_secrets(comment: &str) -> bool {
    let odd = |word: &str| word.len() >= 12 && word.contains(|char: char| char.is_ascii_digit());
    comment.contains('=') || discreet(comment) != comment || comment.split_whitespace().any(odd)
}

/// As long, line for line, and empty.
fn blanked(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

/// The text without what nobody may see.
fn shown(text: &str, pieces: &[Piece]) -> String {
    let mut hidden = suspicious(text);
    for Piece { lines, part, kind, comments } in pieces {
        match (part, kind) {
            (Part::Relay, _) => {}
            (_, Kind::Pair(key, value)) if is_secret(*part, key) => hidden.push(*value..lines.end),
            (_, Kind::Header | Kind::Pair(..)) => hidden.extend(comments.iter().cloned()),
            (_, Kind::Other) => hidden.push(lines.clone()),
        }
    }
    hidden.sort_by_key(|range| (range.start, range.end));
    let (mut shown, mut at) = (String::new(), 0);
    for Range { start, end } in hidden {
        let (start, end) = (start.max(at), end.max(at));
        shown.push_str(&text[at..start]);
        for line in text[start..end].split_inclusive('\n') {
            shown.push_str(&masked(line));
        }
        at = end;
    }
    shown + &text[at..]
}

/// A key may be seen; what stands behind it may not.
fn masked(line: &str) -> String {
    const DOTS: &str = "…";
    let key = line.find('=').filter(|at| line[..*at].trim().len() <= KEY_MAX && !line.trim_start().starts_with('#')).map_or(0, |at| at + 1);
    let key = key + line[key..].len() - line[key..].trim_start_matches([' ', '\t']).len();
    let (seen, rest) = line.split_at(key);
    let blank = blanked(rest);
    match blank.strip_prefix(" ".repeat(DOTS.len()).as_str()) {
        Some(more) if !rest.trim().is_empty() => format!("{seen}{DOTS}{more}"),
        Some(_) | None => format!("{seen}{blank}"),
    }
}

/// Longest name of a secret.
const KEY_MAX: usize = 32;
