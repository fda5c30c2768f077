//! What can be wrong with a sentence, in words that a technician understands. Finds nothing itself: that is `file`.

use std::fmt;

/// Something is wrong with a sentence. Displays as a German sentence with a remedy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextProblem {
    /// The file's name, as it was given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Which sentence; empty if none can be made out.
    pub key: String,
    /// What is wrong.
    pub fault: TextFault,
}

/// What is wrong with a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TextFault {
    /// It is no Fluent.
    Syntax,
    /// There is no sentence of this name.
    UnknownKey {
        /// The one that is meant, perhaps.
        nearest: &'static str,
    },
    /// It stands twice in one file.
    Twice {
        /// Where it stood first.
        first: usize,
    },
    /// A term, an attribute, a function, a selection, a reference or a number: more of Fluent than a sentence needs.
    Unusual,
    /// It has a piece that nobody fills.
    UnknownPiece {
        /// Its name.
        piece: String,
        /// What this sentence can have.
        pieces: &'static [&'static str],
    },
    /// It lacks a piece without which it says nothing.
    MissingPiece {
        /// Its name.
        piece: &'static str,
    },
    /// It lacks a word without which a promise is broken.
    MissingWord {
        /// The word.
        word: &'static str,
    },
    /// It says nothing.
    Empty,
    /// With the longest pieces it does not fit into WhatsApp's limits.
    TooLong {
        /// UTF-16 units that it has then.
        length: usize,
        /// UTF-16 units that it may have.
        most: usize,
    },
    /// It is one word or two on a button, and must stand in one line.
    Lines,
    /// Two buttons or rows of one message are called alike.
    Alike {
        /// The other one.
        other: &'static str,
    },
    /// It is nowhere.
    Missing,
}

impl TextProblem {
    pub(super) fn new(file: &str, line: usize, key: &str, fault: TextFault) -> TextProblem {
        TextProblem { file: file.to_owned(), line, key: key.to_owned(), fault }
    }
}

impl fmt::Display for TextProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, Zeile {}: ", self.file, self.line)?;
        if !self.key.is_empty() {
            write!(f, "„{}“ ", self.key)?;
        }
        self.fault.fmt(f)
    }
}

impl fmt::Display for TextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TextFault::Syntax => f.write_str(
                "ist so nicht lesbar. Abhilfe: Die Form ist „name = Text“; Folgezeilen einrücken und nicht mit * [ . oder } beginnen; \
                 geschweifte Klammern nur für Werte, etwa { $branch }.",
            ),
            TextFault::UnknownKey { nearest } => write!(f, "gibt es nicht. Abhilfe: Ist „{nearest}“ gemeint? Sonst die Zeile löschen."),
            TextFault::Twice { first } => {
                write!(f, "steht schon in Zeile {first} dieser Datei. Abhilfe: eine der beiden Fassungen löschen.")
            }
            TextFault::Unusual => f.write_str(
                "benutzt mehr von Fluent, als hier möglich ist. Abhilfe: nur Text und Werte in der Form { $branch } verwenden, keine \
                 Auswahl (->), Funktionen, Verweise, Zahlen, Begriffe (-name) oder Attribute (.name).",
            ),
            TextFault::UnknownPiece { piece, pieces: [] } => {
                write!(f, "kennt den Wert {{ ${piece} }} nicht. Abhilfe: entfernen; dieser Satz hat keine Werte.")
            }
            TextFault::UnknownPiece { piece, pieces } => {
                write!(f, "kennt den Wert {{ ${piece} }} nicht. Abhilfe: Möglich sind hier: ${}.", pieces.join(", $"))
            }
            TextFault::MissingPiece { piece } => write!(f, "braucht den Wert {{ ${piece} }}. Abhilfe: im Text ergänzen."),
            TextFault::MissingWord { word } => write!(f, "muss „{word}“ nennen. Abhilfe: im Text ergänzen."),
            TextFault::Empty => f.write_str("ist leer. Abhilfe: Text ergänzen, oder die Zeile löschen: dann gilt der mitgelieferte Satz."),
            TextFault::TooLong { length, most } => write!(
                f,
                "kann mit den längsten Werten {length} Zeichen lang werden, erlaubt sind {most} (Grenze von WhatsApp). Abhilfe: um {} \
                 Zeichen kürzen.",
                length.saturating_sub(*most)
            ),
            TextFault::Lines => f.write_str("muss in einer Zeile stehen. Abhilfe: den Umbruch entfernen."),
            TextFault::Alike { other } => {
                write!(f, "heißt wie „{other}“, und beide stehen in derselben Nachricht. Abhilfe: verschieden benennen.")
            }
            TextFault::Missing => f.write_str("fehlt. Abhilfe: den Satz ergänzen."),
        }
    }
}
