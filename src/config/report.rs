//! What is wrong with a configuration, for somebody who has to put it right: where, the line, the sentence, the remedy. Finds nothing by
//! itself, and shows no secret, whatever stands in the line.

use std::fmt;
use std::io;
use std::ops::Range;

/// Columns of a line that are shown; of a longer one what is around the place.
const COLUMNS: usize = 100;
/// Bytes of a line that is shown at all: nobody writes longer ones by hand.
const LINE_MAX: usize = 1_000;
/// What a tab is shown as, and how wide: terminals differ.
const TAB: &str = "    ";
/// Stands for what is left out or not to be shown.
const DOTS: char = '…';

/// A file's text, and what it is called in reports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'t> {
    pub(super) name: &'t str,
    pub(super) text: &'t str,
}

/// One thing that is wrong, or that deserves a look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where in `relay.toml` it belongs: reports are in the order of the file.
    order: usize,
    file: String,
    place: Option<Place>,
    what: String,
    remedy: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Place {
    line: usize,
    column: usize,
    /// The line as shown, and below it what marks the place.
    snippet: (String, String),
}

impl Problem {
    /// Something about a file as a whole, shown where byte `order` of `relay.toml` stands.
    pub(super) fn of_file(order: usize, file: &str, what: &str, remedy: &str) -> Problem {
        Problem { order, file: file.to_owned(), place: None, what: what.to_owned(), remedy: remedy.to_owned() }
    }

    /// The same, with a sentence of the domain, which brings its remedy along.
    pub(super) fn saying(order: usize, file: &str, sentence: &str) -> Problem {
        let (what, remedy) = taken_apart(sentence);
        Problem::of_file(order, file, what, remedy)
    }

    /// The same, shown where byte `order` of `relay.toml` stands.
    pub(super) fn ordered(self, order: usize) -> Problem {
        Problem { order, ..self }
    }

    /// The line it is in, counted from 1, if it is about a line.
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.line)
    }

    /// What is wrong, in a sentence.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to do about it.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { file, place, what, remedy, .. } = self;
        match place {
            Some(Place { line, column, snippet: (shown, marks) }) => {
                let gutter = " ".repeat(line.to_string().len());
                writeln!(f, "{file}:{line}:{column}: {what}")?;
                writeln!(f, " {gutter} |\n {line} | {shown}\n {gutter} | {marks}")?;
            }
            None => writeln!(f, "{file}: {what}")?,
        }
        write!(f, " Abhilfe: {remedy}")
    }
}

impl<'t> Source<'t> {
    /// Something about the bytes `span` of this file.
    pub(super) fn problem(self, span: &Range<usize>, what: &str, remedy: &str) -> Problem {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.floor_char_boundary(span.end).max(start);
        let line = self.text[..start].matches('\n').count() + 1;
        let begin = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let content = self.text[begin..].split('\n').next().unwrap_or_default();
        let content = content.strip_suffix('\r').unwrap_or(content);
        let from = (start - begin).min(content.len());
        let to = (end - begin).clamp(from, content.len());
        let column = content[..from].chars().count() + 1;
        let place = Place { line, column, snippet: snippet(content, &(from..to)) };
        Problem { order: start, place: Some(place), ..Problem::of_file(start, self.name, what, remedy) }
    }

    /// Something about line `line` of this file, counted from 1: a sentence of the domain, which brings its remedy along.
    pub(super) fn saying(self, line: usize, sentence: &str) -> Problem {
        let before: usize = self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let length = self.text[before..].split(['\r', '\n']).next().map_or(0, str::len);
        let (what, remedy) = taken_apart(sentence);
        self.problem(&(before..before + length), what, remedy)
    }
}

/// What is wrong, and what to do.
fn taken_apart(sentence: &str) -> (&str, &str) {
    sentence.split_once(" Abhilfe: ").unwrap_or((sentence, "die Stelle berichtigen."))
}

/// A line as it is shown, and the marks under bytes `span` of it.
fn snippet(line: &str, span: &Range<usize>) -> (String, String) {
    if line.len() > LINE_MAX {
        return (DOTS.to_string(), "^".to_owned());
    }
    let (mut shown, mut marks) = (String::new(), String::new());
    let (mut at, hidden) = (0, secrets(line));
    while let Some(char) = line[at..].chars().next() {
        let end = hidden.iter().filter(|range| range.contains(&at)).map(|range| range.end).max();
        let (text, width) = match char {
            _ if end.is_some() => (DOTS.to_string(), 1),
            '\t' => (TAB.to_owned(), TAB.len()),
            control if control.is_control() => ("\u{fffd}".to_owned(), 1),
            other => (other.to_string(), columns(other)),
        };
        let next = end.unwrap_or(at + char.len_utf8());
        let mark = if at < span.end && span.start < next { "^" } else { " " };
        // A secret that goes on where the last one ended is one.
        if end.is_none() || !shown.ends_with(DOTS) {
            shown.push_str(&text);
            marks.push_str(&mark.repeat(width));
        }
        if span.is_empty() && next == span.start {
            marks.push('^');
        }
        at = next;
    }
    if !marks.contains('^') {
        marks.insert(0, '^');
    }
    clipped(shown.trim_end(), marks.trim_end())
}

/// At most [`COLUMNS`] of both, with what is marked.
fn clipped(shown: &str, marks: &str) -> (String, String) {
    let first = marks.find('^').unwrap_or(0);
    let skipped = if first < COLUMNS * 3 / 4 { 0 } else { first - COLUMNS / 4 };
    let (mut column, mut line) = (0, String::new());
    for char in shown.chars() {
        if (skipped..skipped + COLUMNS).contains(&column) {
            line.push(char);
        }
        column += columns(char);
    }
    let marks: String = marks.chars().skip(skipped).take(COLUMNS).collect();
    let more = if column > skipped + COLUMNS { DOTS.to_string() } else { String::new() };
    if skipped == 0 { (line + &more, marks) } else { (format!("{DOTS} {line}{more}"), format!("  {marks}")) }
}

/// Columns that a terminal gives to a character: two to the wide ones of East Asia and to pictures, none to what combines.
fn columns(char: char) -> usize {
    match u32::from(char) {
        0x0300..=0x036f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f => 2,
        0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Names under which somebody may write down a secret itself instead of the file that holds it.
const SECRET_NAMES: &[&str] = &["token", "secret", "secret_next", "password", "passwort", "passphrase", "key"];
/// A run of letters and digits that long is no word: Meta's app secret has 32.
const SECRET_RUN: usize = 20;
/// Neither is this: the address to which a heartbeat goes ends like that.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];

/// The bytes of a line that may be secret: values of keys that are called so, user and password of an address, long runs of letters and
/// digits. Looks at the text, because a line that is not TOML may contain a secret, too.
fn secrets(line: &str) -> Vec<Range<usize>> {
    let called = called_so(line).map(|at| at + 1..line.len());
    called.chain(logins(line)).chain(runs(line)).collect()
}

/// Where the value of a key begins that is called like a secret: its equals signs.
fn called_so(line: &str) -> impl Iterator<Item = usize> {
    line.match_indices('=').map(|(at, _)| at).filter(|at| {
        let key = line[..*at].trim_end_matches([' ', '\t', '"', '\'']).to_lowercase();
        SECRET_NAMES.iter().any(|name| key.ends_with(name))
    })
}

/// User and password of addresses.
fn logins(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices("://").filter_map(|(at, _)| {
        let from = at + "://".len();
        let authority = line[from..].split(['"', '\'', ' ']).next().unwrap_or_default();
        authority.rfind('@').map(|end| from..from + end)
    })
}

/// Long runs of letters and digits.
fn runs(line: &str) -> Vec<Range<usize>> {
    let (mut hidden, mut from) = (Vec::new(), 0);
    for run in line.split_inclusive(|char: char| !char.is_ascii_alphanumeric()) {
        let word = run.trim_end_matches(|char: char| !char.is_ascii_alphanumeric());
        if word.len() >= SECRET_RUN && word.bytes().any(|byte| byte.is_ascii_digit()) {
            hidden.push(from..from + word.len());
        }
        from += run.len();
    }
    let mut from = 0;
    for word in line.split(|char: char| !char.is_ascii_alphanumeric() && char != '-') {
        let parts: Vec<_> = word.split('-').map(str::len).collect();
        if parts == UUID {
            hidden.push(from..from + word.len());
        }
        // Whatever ends a word has its own length.
        from += word.len() + line[from + word.len()..].chars().next().map_or(0, char::len_utf8);
    }
    hidden
}

/// A text in which what may be secret is left out: somebody may have written the secret where its file should be named.
pub fn discreet(text: &str) -> String {
    without(text, &secrets(text))
}

/// The same for a line of a file that is kept: what is not commented out should take effect again as it is. Of that, only values are left
/// out that no configuration needs: of keys called like secrets (a host's key is none), user and password of an address.
pub(super) fn guarded(line: &str) -> String {
    let mut quoted = false;
    let comment = line.find(|char: char| {
        quoted ^= char == '"';
        char == '#' && !quoted
    });
    let (kept, comment) = line.split_at(comment.unwrap_or(line.len()));
    let host_key = |at: &usize| kept[..*at].trim_end().ends_with("host_key");
    let called = called_so(kept).filter(|at| !host_key(at)).map(|at| at + 1..kept.len());
    without(kept, &called.chain(logins(kept)).collect::<Vec<_>>()) + &discreet(comment)
}

fn without(text: &str, hidden: &[Range<usize>]) -> String {
    let mut shown = String::new();
    for (at, char) in text.char_indices() {
        match hidden.iter().any(|range| range.contains(&at)) {
            false => shown.push(char),
            true if shown.ends_with(DOTS) => {}
            true => shown.push(DOTS),
        }
    }
    shown
}

/// How reports say that this user may not read something (`files`, [`why`]).
const DENIED: [&str; 2] = ["darf dieser Benutzer nicht lesen", "dieser Benutzer darf sie nicht lesen"];

/// Everything that is wrong with a configuration: at least one thing, in the order of the file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct ConfigError {
    name: String,
    problems: Vec<Problem>,
}

impl ConfigError {
    /// All that was found.
    pub(super) fn new(name: &str, mut problems: Vec<Problem>) -> ConfigError {
        in_order(&mut problems);
        ConfigError { name: name.to_owned(), problems }
    }

    /// What is wrong with parts of one file, together.
    pub(super) fn and(mut self, other: ConfigError) -> ConfigError {
        self.problems.extend(other.problems);
        in_order(&mut self.problems);
        self
    }

    /// One thing about a file, or about an argument, as a whole.
    pub fn single(name: &str, what: &str, remedy: &str) -> ConfigError {
        ConfigError::new(name, vec![Problem::of_file(0, name, what, remedy)])
    }

    /// Whether all that is wrong is that this user may not read something: for who may, it may be in order.
    pub fn is_about_rights(&self) -> bool {
        self.problems.iter().all(|problem| DENIED.iter().any(|words| problem.what.contains(words)))
    }

    /// What is wrong, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = self.problems.as_slice() {
            return write!(f, "{problem}");
        }
        write!(f, "{} Fehler in {}", self.problems.len(), self.name)?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n\n{problem}"))
    }
}

/// As they stand in the file.
pub(super) fn in_order(problems: &mut [Problem]) {
    problems.sort_by_key(|problem| problem.order);
}

/// Why a file cannot be read, in German as far as it is usual.
pub(super) fn why(error: &io::Error) -> String {
    let usual = [
        (io::ErrorKind::NotFound, "es gibt sie nicht"),
        (io::ErrorKind::PermissionDenied, "dieser Benutzer darf sie nicht lesen"),
        (io::ErrorKind::NotADirectory, "ein Teil des Pfads ist kein Ordner"),
    ];
    let known = usual.into_iter().find(|(kind, _)| *kind == error.kind());
    known.map_or_else(|| error.to_string(), |(_, german)| german.to_owned())
}
