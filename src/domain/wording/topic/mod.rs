//! Topics: short Markdown files of the branch, checked and turned into what WhatsApp shows. Reads no file itself (that is `config`) and
//! says nothing to anybody (that is `wording`).
//!
//! ```text
//! ---
//! title: Symptome
//! keywords: symptome, krankheitszeichen
//! source: RKI
//! date: 2026-11-22
//! ---
//! Text mit **fetten** und *kursiven* Wörtern, Listen und [Adressen](https://www.rki.de).
//! ```

mod markup;
mod problem;

pub use problem::{Markup, TopicClash, TopicFault, TopicProblem, TopicWarning};

use super::texts::{ORIGIN_LONGEST, QUESTION_LONGEST};
use super::{PARAGRAPH, QUESTION_MAX, ROW_TITLE_MAX, SOURCE_MAX, TEXT_MAX, fold, is_command, length};
use crate::domain::ids::{Name, TopicId};
use crate::domain::rules::{TOPICS_MAX, Topic};
use crate::domain::time::Day;

/// What stands around a topic's text: its title in bold, its source and date, and the empty lines between them.
const AROUND: usize = ROW_TITLE_MAX + 2 + PARAGRAPH + PARAGRAPH + ORIGIN_LONGEST;
/// UTF-16 units of a topic's text at most (WhatsApp docs: text messages).
pub const TEXT_LONGEST: usize = TEXT_MAX - AROUND;
/// Up to so many the question fits below it (WhatsApp docs: interactive reply buttons).
pub const TEXT_WITH_QUESTION: usize = QUESTION_MAX - AROUND - PARAGRAPH - QUESTION_LONGEST;
/// Characters of a keyword at most: messages longer than 64 bytes are not looked up, and nobody types more than a few words.
pub const KEYWORD_MAX: usize = 40;
/// After so many days a text should be read again: half a year, because recommendations change with the seasons.
pub const OLD: i32 = 180;

const KEYS: [&str; 4] = ["title", "keywords", "source", "date"];

/// The topic in this file: `name` is the file's name without `.md`. `today` is `None` while the date is not known: then the topic's own
/// date is not judged.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(name: &str, text: &str, today: Option<Day>) -> Result<(Topic, Vec<TopicWarning>), Vec<TopicProblem>> {
    let mut problems = Problems::default();
    let known = Name::new(name);
    if known.is_none() {
        problems.add(1, TopicFault::Name { name: name.to_owned() });
    }
    let lines: Vec<&str> = text.strip_prefix('\u{feff}').unwrap_or(text).lines().collect();
    let strange = |line: &&str| line.chars().any(|c| c.is_control() && c != '\t');
    if let Some(line) = lines.iter().position(strange) {
        problems.add(line + 1, TopicFault::Control);
    }
    let front = Front::read(&lines, &mut problems);
    let title = front.short("title", ROW_TITLE_MAX, &mut problems);
    let source = front.short("source", SOURCE_MAX, &mut problems);
    let keywords = front.keywords(&mut problems);
    let date = front.date(today, &mut problems);
    let text = markup::whatsapp(lines.get(front.lines..).unwrap_or(&[]), front.lines + 1, &mut problems);
    let units = length(&text);
    if units == 0 && problems.0.is_empty() {
        problems.add(front.lines + 1, TopicFault::NoText);
    } else if units > TEXT_LONGEST {
        problems.add(front.lines + 1, TopicFault::TextTooLong { length: units });
    }
    match (known, date, problems.0.is_empty()) {
        (Some(name), Some(date), true) => {
            let long = (units > TEXT_WITH_QUESTION).then_some(TopicWarning::Long { length: units });
            let days = today.map_or(0, |today| today.0.saturating_sub(date.0));
            let old = (days > OLD).then_some(TopicWarning::Old { days });
            Ok((Topic { name, title, keywords, source, date, text }, long.into_iter().chain(old).collect()))
        }
        (_, _, _) => {
            problems.0.sort_by_key(|problem| problem.line);
            Err(problems.0)
        }
    }
}

/// What is wrong with these topics together, each of which is well by itself.
pub fn check(topics: &[Topic]) -> Vec<TopicClash> {
    let mut clashes = Vec::new();
    if topics.len() > TOPICS_MAX {
        clashes.push(TopicClash::TooMany { count: topics.len() });
    }
    for (index, other) in topics.iter().enumerate() {
        for one in topics.iter().take(index) {
            let (one_name, other_name) = (one.name.clone(), other.name.clone());
            if TopicId::of(&one.name) == TopicId::of(&other.name) {
                clashes.push(TopicClash::Name { one: one_name.clone(), other: other_name.clone() });
            }
            if one.title == other.title {
                clashes.push(TopicClash::Title { one: one_name.clone(), other: other_name.clone() });
            }
            for keyword in one.keywords.iter().filter(|keyword| other.keywords.contains(keyword)) {
                clashes.push(TopicClash::Keyword { keyword: keyword.clone(), one: one_name.clone(), other: other_name.clone() });
            }
        }
    }
    clashes
}

#[derive(Default)]
struct Problems(Vec<TopicProblem>);

impl Problems {
    fn add(&mut self, line: usize, fault: TopicFault) {
        self.0.push(TopicProblem { line, fault });
    }
}

/// What stands between the first two `---`: simple lines, no YAML.
struct Front<'a> {
    values: Vec<(&'static str, usize, &'a str)>,
    /// Lines up to the second `---`.
    lines: usize,
}

impl<'a> Front<'a> {
    fn read(lines: &[&'a str], problems: &mut Problems) -> Front<'a> {
        let mut front = Front { values: Vec::new(), lines: 0 };
        let begins = lines.first().is_some_and(|line| line.trim_end() == "---");
        let end = lines.iter().skip(1).position(|line| line.trim_end() == "---");
        let Some(end) = end.filter(|_| begins) else {
            problems.add(1, TopicFault::NoFront);
            front.lines = lines.len();
            return front;
        };
        front.lines = end + 2;
        for (line, text) in (1..).zip(lines).skip(1).take(end).filter(|(_, text)| !text.trim().is_empty()) {
            let Some((key, value)) = text.split_once(':') else {
                problems.add(line, TopicFault::NoValue);
                continue;
            };
            let Some(key) = KEYS.into_iter().find(|known| *known == key.trim()) else {
                problems.add(line, TopicFault::UnknownKey { key: key.trim().to_owned() });
                continue;
            };
            match front.get(key) {
                Some((first, _)) => problems.add(line, TopicFault::Twice { key, first }),
                None => front.values.push((key, line, unquoted(value.trim()))),
            }
        }
        for key in KEYS {
            if front.get(key).is_none_or(|(_, value)| value.is_empty()) {
                problems.add(front.get(key).map_or(1, |(line, _)| line), TopicFault::MissingKey { key });
            }
        }
        front
    }

    fn get(&self, key: &str) -> Option<(usize, &'a str)> {
        self.values.iter().find(|(known, _, _)| *known == key).map(|(_, line, value)| (*line, *value))
    }

    fn short(&self, key: &'static str, most: usize, problems: &mut Problems) -> String {
        let Some((line, value)) = self.get(key) else { return String::new() };
        if length(value) > most {
            problems.add(line, TopicFault::TooLong { key, length: length(value), most });
        }
        value.to_owned()
    }

    fn keywords(&self, problems: &mut Problems) -> Vec<String> {
        let Some((line, value)) = self.get("keywords").filter(|(_, value)| !value.is_empty()) else { return Vec::new() };
        let mut keywords: Vec<String> = Vec::new();
        for written in value.split(',').map(str::trim) {
            let (keyword, folded) = (written.to_owned(), fold(written));
            if folded.is_empty() {
                problems.add(line, TopicFault::EmptyKeyword { keyword });
            } else if folded.chars().count() > KEYWORD_MAX {
                problems.add(line, TopicFault::LongKeyword { keyword });
            } else if is_command(&folded) {
                problems.add(line, TopicFault::Reserved { keyword });
            } else if !keywords.contains(&folded) {
                keywords.push(folded);
            }
        }
        keywords
    }

    fn date(&self, today: Option<Day>, problems: &mut Problems) -> Option<Day> {
        let (line, value) = self.get("date").filter(|(_, value)| !value.is_empty())?;
        // Ten characters: jiff knows more forms of ISO 8601 than people do.
        let date = value.parse::<jiff::civil::Date>().ok().filter(|_| value.len() == "2026-11-22".len()).map(Day::of);
        match (date, today) {
            (None, _) => problems.add(line, TopicFault::Date),
            (Some(date), Some(today)) if date > today => problems.add(line, TopicFault::Future),
            (Some(_), _) => return date,
        }
        None
    }
}

/// Quotation marks around a value are a habit from YAML, and mean nothing here.
fn unquoted(value: &str) -> &str {
    let inner = |mark| value.strip_prefix(mark).and_then(|rest: &str| rest.strip_suffix(mark));
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests;
