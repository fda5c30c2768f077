//! The sentences themselves, from Fluent files: those that come with the program, and what a branch says instead. Knows no person and no
//! figure: whatever varies comes in as a finished piece of text, and is never read as Fluent.
//!
//! Only as much of Fluent is used as a sentence needs: text and `{ $piece }`. A sentence is taken apart once, when it is loaded; saying it
//! is joining strings, and cannot fail.

mod file;
mod problem;
mod sentences;

pub use problem::{TextFault, TextProblem};
pub use sentences::{BRANCH_MAX, CONTACT_MAX, FEED_TITLE_MAX, LABEL_MAX, PRIVACY_MAX, SOURCE_MAX, UNIT_MAX};
pub(super) use sentences::{ORIGIN_LONGEST, QUESTION_LONGEST};

use super::length;
use crate::domain::ids::fingerprint;
use sentences::{SENTENCES, longest};
use std::collections::BTreeMap;

/// The sentences that come with the program, by file.
const GERMAN: &[(&str, &str)] = &[
    ("questions.ftl", include_str!("../../../../texts/de/questions.ftl")),
    ("answers.ftl", include_str!("../../../../texts/de/answers.ftl")),
    ("figures.ftl", include_str!("../../../../texts/de/figures.ftl")),
    ("buttons.ftl", include_str!("../../../../texts/de/buttons.ftl")),
];

/// Buttons and rows that stand in one message: they must not be called alike (WhatsApp docs: interactive reply buttons).
const SIDE_BY_SIDE: &[(&str, &str)] =
    &[("button_yes", "button_no"), ("button_continue", "button_stop"), ("button_go_on", "button_no_stop"), ("row_all", "row_none")];

/// All sentences. None is missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Texts {
    sentences: BTreeMap<&'static str, Pattern>,
}

/// A sentence, taken apart.
type Pattern = Vec<Part>;

/// A part of a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    /// As it is written.
    Text(Box<str>),
    /// The piece of this name.
    Piece(&'static str),
}

impl Texts {
    /// The sentences as they come with the program.
    pub fn german() -> Texts {
        match Texts::loaded(BTreeMap::new(), GERMAN.iter().copied()) {
            Ok(texts) => texts,
            Err(problems) => unreachable!("a test reads the texts that come with the program: {problems:?}"),
        }
    }

    /// The sentences that come with the program, but those in `files` (name and content) instead, later ones before earlier ones.
    ///
    /// # Errors
    /// Everything that is wrong, file by file: a mistake in one sentence hides none in another.
    pub fn overridden(files: &[(String, String)]) -> Result<Texts, Vec<TextProblem>> {
        Texts::loaded(Texts::german().sentences, files.iter().map(|(name, content)| (name.as_str(), content.as_str())))
    }

    fn loaded<'a>(
        mut sentences: BTreeMap<&'static str, Pattern>,
        files: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Texts, Vec<TextProblem>> {
        let mut problems = Vec::new();
        let mut from: BTreeMap<&'static str, (&str, usize)> = BTreeMap::new();
        for (name, content) in files {
            for found in file::read(name, content, &mut problems) {
                from.insert(found.key, (name, found.line));
                sentences.insert(found.key, found.pattern);
            }
        }
        let texts = Texts { sentences };
        for (one, other) in SIDE_BY_SIDE {
            if texts.say(one, &[]) == texts.say(other, &[])
                && let Some((key, (file, line))) = from.get_key_value(other).or_else(|| from.get_key_value(one))
            {
                let other = if key == one { other } else { one };
                problems.push(TextProblem::new(file, *line, key, TextFault::Alike { other }));
            }
        }
        if let Some(missing) = SENTENCES.iter().find(|sentence| !texts.sentences.contains_key(sentence.key)) {
            problems.push(TextProblem::new("", 1, missing.key, TextFault::Missing));
        }
        if problems.is_empty() { Ok(texts) } else { Err(problems) }
    }

    /// What someone agrees to who says "Ja", if so many feeds are configured: with one the question itself, with several which of them.
    pub fn consent_question(&self, feeds: usize) -> String {
        if feeds > 1 { self.choose() } else { self.question() }
    }

    /// The fingerprint of [`Texts::consent_question`]: part of the proof of consent.
    pub fn consent(&self, feeds: usize) -> u32 {
        fingerprint(&self.consent_question(feeds))
    }

    fn say(&self, key: &str, pieces: &[(&str, &str)]) -> String {
        self.sentences.get(key).map_or_else(String::new, |pattern| joined(pattern, pieces))
    }
}

fn joined(pattern: &[Part], pieces: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for part in pattern {
        match part {
            Part::Text(part) => text.push_str(part),
            Part::Piece(name) => text.push_str(pieces.iter().find(|(piece, _)| piece == name).map_or("", |(_, value)| value)),
        }
    }
    text
}

/// UTF-16 units of a sentence whose pieces are as long as they can be.
fn longest_length(pattern: &[Part]) -> usize {
    let of = |part: &Part| match part {
        Part::Text(text) => length(text),
        Part::Piece(name) => longest(name),
    };
    pattern.iter().map(of).sum()
}

#[cfg(test)]
pub(super) mod tests;
