//! What can be wrong with topics, in words that a technician understands. Finds nothing itself.

use super::{KEYWORD_MAX, OLD, TEXT_LONGEST, TEXT_WITH_QUESTION};
use crate::domain::ids::Name;
use crate::domain::rules::TOPICS_MAX;
use std::fmt;

/// Something is wrong with a topic's file. Displays as „Zeile 3: …“ with a remedy; which file it is, the caller knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicProblem {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub fault: TopicFault,
}

/// What is wrong with a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TopicFault {
    /// The file's name cannot stand in a row's id.
    Name {
        /// The name without `.md`.
        name: String,
    },
    /// It does not begin with lines between two `---`.
    NoFront,
    /// A line between the two `---` is no `key: value`.
    NoValue,
    /// There is no such key.
    UnknownKey {
        /// The key.
        key: String,
    },
    /// A key stands twice.
    Twice {
        /// The key.
        key: &'static str,
        /// Where it stood first.
        first: usize,
    },
    /// A key is missing, or has no value.
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// A value is too long.
    TooLong {
        /// The key.
        key: &'static str,
        /// UTF-16 units.
        length: usize,
        /// UTF-16 units allowed.
        most: usize,
    },
    /// The date is none.
    Date,
    /// The date has not come yet.
    Future,
    /// A keyword without a letter or a digit.
    EmptyKeyword {
        /// As it is written.
        keyword: String,
    },
    /// A keyword that nobody types.
    LongKeyword {
        /// As it is written.
        keyword: String,
    },
    /// A keyword that means something already.
    Reserved {
        /// As it is written.
        keyword: String,
    },
    /// There is no text.
    NoText,
    /// The text does not fit into a message.
    TextTooLong {
        /// UTF-16 units.
        length: usize,
    },
    /// Something that WhatsApp cannot show.
    Markup(Markup),
    /// A control character.
    Control,
}

/// Markdown that WhatsApp cannot show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Markup {
    /// Code.
    Code,
    /// HTML, or an address in angle brackets.
    Html,
    /// A picture.
    Image,
    /// A table.
    Table,
    /// A line across the page, or a heading underlined by one.
    Rule,
    /// A link without an address.
    Link,
}

/// Nothing is wrong, but somebody should know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TopicWarning {
    /// The question does not fit below the text.
    Long {
        /// UTF-16 units of the text.
        length: usize,
    },
    /// Nobody has looked at it for long.
    Old {
        /// Days.
        days: i32,
    },
}

/// What is wrong with several topics together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TopicClash {
    /// More than a list has rows.
    TooMany {
        /// How many.
        count: usize,
    },
    /// The names are the same, or share a hash.
    Name {
        /// One topic.
        one: Name,
        /// The other.
        other: Name,
    },
    /// Nobody could tell them apart in the list.
    Title {
        /// One topic.
        one: Name,
        /// The other.
        other: Name,
    },
    /// Only one of them would be found.
    Keyword {
        /// The keyword, folded.
        keyword: String,
        /// One topic.
        one: Name,
        /// The other.
        other: Name,
    },
}

impl fmt::Display for TopicProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zeile {}: {}", self.line, self.fault)
    }
}

impl fmt::Display for TopicFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopicFault::Name { name } => write!(
                f,
                "Der Dateiname „{name}.md“ geht nicht. Abhilfe: nur Kleinbuchstaben a–z, Ziffern, - und _ verwenden, höchstens 64 Zeichen."
            ),
            TopicFault::NoFront => f.write_str(
                "Die Angaben am Anfang fehlen. Abhilfe: Die Datei beginnt mit einer Zeile „---“, dann title:, keywords:, source: und \
                 date:, dann wieder „---“.",
            ),
            TopicFault::NoValue => f.write_str("Das ist keine Angabe. Abhilfe: in der Form „title: Symptome“ schreiben."),
            TopicFault::UnknownKey { key } => {
                write!(f, "Die Angabe „{key}“ gibt es nicht. Abhilfe: Möglich sind title, keywords, source und date.")
            }
            TopicFault::Twice { key, first } => write!(f, "„{key}“ steht schon in Zeile {first}. Abhilfe: eine der beiden löschen."),
            TopicFault::MissingKey { key } => write!(f, "„{key}“ fehlt. Abhilfe: zwischen den beiden „---“ ergänzen."),
            TopicFault::TooLong { key, length, most } => {
                write!(f, "„{key}“ hat {length} Zeichen, erlaubt sind {most}. Abhilfe: kürzen.")
            }
            TopicFault::Date => f.write_str("Das ist kein Datum. Abhilfe: in der Form 2026-11-22 schreiben."),
            TopicFault::Future => f.write_str(
                "Das Datum liegt in der Zukunft. Abhilfe: den Tag eintragen, an dem der Text zuletzt geprüft wurde; sonst die Uhr prüfen.",
            ),
            TopicFault::EmptyKeyword { keyword } => {
                write!(f, "Das Stichwort „{keyword}“ hat weder Buchstaben noch Ziffern. Abhilfe: löschen (auch überzählige Kommas).")
            }
            TopicFault::LongKeyword { keyword } => {
                write!(f, "Das Stichwort „{keyword}“ ist zu lang. Abhilfe: höchstens {KEYWORD_MAX} Zeichen; Kommas trennen Stichwörter.")
            }
            TopicFault::Reserved { keyword } => {
                write!(f, "„{keyword}“ hat schon eine Bedeutung, etwa Stopp, Ja oder Zahlen. Abhilfe: ein anderes Stichwort wählen.")
            }
            TopicFault::NoText => f.write_str("Der Text fehlt. Abhilfe: nach dem zweiten „---“ ergänzen."),
            TopicFault::TextTooLong { length } => {
                write!(f, "Der Text hat {length} Zeichen, höchstens {TEXT_LONGEST} passen. Abhilfe: kürzen oder zwei Themen daraus machen.")
            }
            TopicFault::Markup(markup) => markup.fmt(f),
            TopicFault::Control => f.write_str("Hier steht ein unsichtbares Steuerzeichen. Abhilfe: die Zeile neu tippen."),
        }
    }
}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Markup::Code => "Programmtext (`) kann WhatsApp so nicht zeigen. Abhilfe: ohne ` schreiben.",
            Markup::Html => "HTML kann WhatsApp nicht zeigen. Abhilfe: ohne spitze Klammern schreiben, auch Adressen: https://www.rki.de",
            Markup::Image => "Bilder kann eine Textnachricht nicht zeigen. Abhilfe: beschreiben oder weglassen.",
            Markup::Table => "Tabellen kann WhatsApp nicht zeigen. Abhilfe: eine Liste daraus machen.",
            Markup::Rule => "Linien kann WhatsApp nicht zeigen. Abhilfe: weglassen; Überschriften in der Form „# Überschrift“ schreiben.",
            Markup::Link => "Dieser Verweis hat keine Adresse. Abhilfe: in der Form [Text](https://www.rki.de) schreiben.",
        })
    }
}

impl fmt::Display for TopicWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopicWarning::Long { length } => write!(
                f,
                "Der Text hat {length} Zeichen; über {TEXT_WITH_QUESTION} passt die Frage „Möchtest du informiert werden …?“ nicht immer \
                 darunter. Abhilfe: wenn möglich kürzen."
            ),
            TopicWarning::Old { days } => write!(
                f,
                "Der Text wurde vor {days} Tagen zuletzt geprüft, also vor mehr als {OLD}. Abhilfe: mit der Quelle vergleichen, dann date \
                 auf heute setzen."
            ),
        }
    }
}

impl fmt::Display for TopicClash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopicClash::TooMany { count } => {
                write!(f, "{count} Themen, aber die Liste hat {TOPICS_MAX} Zeilen. Abhilfe: zusammenfassen oder weglassen.")
            }
            TopicClash::Name { one, other } => {
                write!(f, "Die Themen „{one}“ und „{other}“ sind nicht zu unterscheiden. Abhilfe: eine Datei umbenennen.")
            }
            TopicClash::Title { one, other } => {
                write!(f, "Die Themen „{one}“ und „{other}“ haben denselben Titel. Abhilfe: einen Titel ändern.")
            }
            TopicClash::Keyword { keyword, one, other } => {
                write!(f, "Das Stichwort „{keyword}“ haben die Themen „{one}“ und „{other}“. Abhilfe: bei einem der beiden streichen.")
            }
        }
    }
}
