//! One Fluent file: taken apart and checked, sentence by sentence. Knows not whether it comes with the program or from a branch.

use super::problem::{TextFault, TextProblem};
use super::sentences::{NAMED, ONE_LINE, SENTENCES, Sentence};
use super::{Part, Pattern, joined, longest_length};
use fluent_syntax::ast::{Entry, Expression, InlineExpression, Message, PatternElement};
use fluent_syntax::parser;
use fluent_syntax::unicode::unescape_unicode_to_string;

/// A sentence without fault.
pub(super) struct Found {
    pub(super) key: &'static str,
    pub(super) line: usize,
    pub(super) pattern: Pattern,
}

/// The sentences in this file that are well; what is wrong with the others is added to `problems`.
pub(super) fn read(file: &str, content: &str, problems: &mut Vec<TextProblem>) -> Vec<Found> {
    // Windows editors like to begin with a byte order mark.
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    let (resource, errors) = match parser::parse_runtime(content) {
        Ok(resource) => (resource, Vec::new()),
        Err((resource, errors)) => (resource, errors),
    };
    for error in errors {
        let from = error.slice.unwrap_or(error.pos).start;
        let (line, key) = broken_line(content, from);
        problems.push(TextProblem::new(file, line, key, TextFault::Syntax));
    }
    let mut found: Vec<Found> = Vec::new();
    let mut lines = Lines { content, next: 0 };
    for entry in &resource.body {
        let (line, key, checked) = match entry {
            Entry::Message(message) => {
                let line = lines.of(message.id.name);
                let known = SENTENCES.iter().find(|sentence| sentence.key == message.id.name);
                (line, message.id.name, known.ok_or_else(|| unknown_key(message.id.name)).and_then(|known| pattern(message, known)))
            }
            Entry::Term(term) => (lines.of(&format!("-{}", term.id.name)), term.id.name, Err(TextFault::Unusual)),
            Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) | Entry::Junk { .. } => continue,
        };
        let twice = found.iter().find(|earlier| earlier.key == key).map(|earlier| TextFault::Twice { first: earlier.line });
        match (checked, twice) {
            (Err(fault), _) | (Ok(_), Some(fault)) => problems.push(TextProblem::new(file, line, key, fault)),
            (Ok((key, pattern)), None) => found.push(Found { key, line, pattern }),
        }
    }
    found
}

/// Finds sentences again: the parser does not say where they stood.
struct Lines<'a> {
    content: &'a str,
    next: usize,
}

impl Lines<'_> {
    /// The line, from 1, in which the next sentence of this name begins. Nothing else begins in the first column like that.
    fn of(&mut self, name: &str) -> usize {
        let begins = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='));
        if let Some(at) = self.content.lines().skip(self.next).position(begins) {
            self.next += at + 1;
        }
        self.next
    }
}

/// The first line at or after this byte that says something, from 1, and the name that it begins with.
fn broken_line(content: &str, from: usize) -> (usize, &str) {
    let before = content.get(..from).unwrap_or(content);
    let rest = content.get(from..).unwrap_or("");
    let blank = rest.lines().take_while(|line| line.trim().is_empty()).count();
    let line = rest.lines().nth(blank).unwrap_or("");
    let end = line.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(line.len());
    (before.matches('\n').count() + 1 + blank, line.get(..end).unwrap_or(""))
}

fn pattern(message: &Message<&str>, sentence: &'static Sentence) -> Result<(&'static str, Pattern), TextFault> {
    let value = message.value.as_ref().filter(|_| message.attributes.is_empty()).ok_or(TextFault::Unusual)?;
    let mut pattern = Pattern::new();
    for element in &value.elements {
        pattern.push(part(element, sentence)?);
    }
    checked(&pattern, sentence)?;
    Ok((sentence.key, pattern))
}

fn part(element: &PatternElement<&str>, sentence: &'static Sentence) -> Result<Part, TextFault> {
    match element {
        PatternElement::TextElement { value } => Ok(Part::Text((*value).into())),
        PatternElement::Placeable { expression: Expression::Inline(InlineExpression::StringLiteral { value }) } => {
            Ok(Part::Text(unescape_unicode_to_string(value).into()))
        }
        PatternElement::Placeable { expression: Expression::Inline(InlineExpression::VariableReference { id }) } => {
            let known = sentence.pieces.iter().find(|piece| **piece == id.name);
            let unknown = || TextFault::UnknownPiece { piece: id.name.to_owned(), pieces: sentence.pieces };
            known.map(|piece| Part::Piece(piece)).ok_or_else(unknown)
        }
        PatternElement::Placeable { .. } => Err(TextFault::Unusual),
    }
}

/// The promises that a sentence makes, whoever wrote it.
fn checked(pattern: &[Part], sentence: &'static Sentence) -> Result<(), TextFault> {
    let missing = sentence.pieces.iter().find(|piece| !pattern.contains(&Part::Piece(piece)));
    if let Some(piece) = missing {
        return Err(TextFault::MissingPiece { piece });
    }
    let text = joined(pattern, &[]);
    if text.trim().is_empty() && sentence.pieces.is_empty() {
        return Err(TextFault::Empty);
    }
    // „116 117“ is the same number.
    let unspaced: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let named = NAMED.iter().filter(|(key, _)| *key == sentence.key).flat_map(|(_, words)| *words);
    if let Some(word) = named.copied().find(|word| !unspaced.contains(word)) {
        return Err(TextFault::MissingWord { word });
    }
    if sentence.most <= ONE_LINE && text.contains('\n') {
        return Err(TextFault::Lines);
    }
    let length = longest_length(pattern);
    if length > sentence.most {
        return Err(TextFault::TooLong { length, most: sentence.most });
    }
    Ok(())
}

/// The name that needs the fewest letters changed.
fn unknown_key(key: &str) -> TextFault {
    let nearest = SENTENCES.iter().map(|sentence| sentence.key).min_by_key(|known| distance(key, known));
    TextFault::UnknownKey { nearest: nearest.unwrap_or("") }
}

/// Levenshtein's distance: letters to insert, remove or replace.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (before, letter) in one.chars().enumerate() {
        let mut diagonal = before;
        let mut left = before + 1;
        for (cell, against) in row.iter_mut().skip(1).zip(other.chars()) {
            let changed = diagonal + usize::from(letter != against);
            diagonal = *cell;
            left = changed.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = before + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
