//! What a person's words mean. The whole message is matched, folded: "Ende der Woche" is no stop. Nothing of it is kept.

use crate::domain::event::{Said, Tap};

/// What someone wants, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// To be left alone.
    Stop,
    /// A typed "Nein": ends the subscription if there is a question that it can answer.
    No,
    /// A typed "Ja".
    Yes,
    /// One of our buttons.
    Tapped(Tap),
    /// The latest figures.
    Figures,
    /// What is stored.
    Privacy,
    /// What can be written.
    Help,
    /// Anything else: "Danke", a photo, 👍.
    Nothing,
}

impl Wish {
    /// Whether it subscribes, or keeps the subscription.
    pub fn is_yes(self) -> bool {
        match self {
            Wish::Yes | Wish::Tapped(Tap::Yes) => true,
            Wish::Stop | Wish::No | Wish::Tapped(Tap::No) | Wish::Figures | Wish::Privacy | Wish::Help | Wish::Nothing => false,
        }
    }

    /// Whether it ends the subscription: "Stopp" always, a typed "Nein" only from someone we know, because nobody else was asked.
    pub fn stops(self, known: bool) -> bool {
        match self {
            Wish::Stop | Wish::Tapped(Tap::No) => true,
            Wish::No => known,
            Wish::Yes | Wish::Tapped(Tap::Yes) | Wish::Figures | Wish::Privacy | Wish::Help | Wish::Nothing => false,
        }
    }

    /// Whether it is answered even if an answer went out a moment ago.
    pub fn wants_reply(self) -> bool {
        match self {
            Wish::Privacy | Wish::Help => true,
            Wish::Stop | Wish::No | Wish::Yes | Wish::Tapped(_) | Wish::Figures | Wish::Nothing => false,
        }
    }
}

/// The wish in what was said.
pub fn wish(said: &Said) -> Wish {
    match said {
        Said::Tapped(tap) => Wish::Tapped(*tap),
        Said::Other => Wish::Nothing,
        Said::Text(text) | Said::Edited(text) => of_text(&text.0),
    }
}

/// Longest text that can be one of the words below; longer ones need not be folded.
const LONGEST: usize = 64;

fn of_text(text: &str) -> Wish {
    if text.len() > LONGEST {
        return Wish::Nothing;
    }
    match fold(text).as_str() {
        "stopp" | "stop" | "nein stopp" | "abmelden" | "abmeldung" | "ende" | "beenden" | "abbestellen" | "kuendigen" | "loeschen"
        | "loesche mich" | "loesch mich" | "unsubscribe" => Wish::Stop,
        "nein" | "nein danke" | "noe" | "nee" | "no" => Wish::No,
        "ja" | "ja bitte" | "ja weiter" | "ja gerne" | "ja gern" | "jo" | "jep" | "jap" | "weiter" | "weiter informieren" | "yes" => {
            Wish::Yes
        }
        "zahlen" | "aktuelle zahlen" | "neue zahlen" | "die zahlen" | "zahl" | "stand" | "aktuell" => Wish::Figures,
        "datenschutz" | "auskunft" | "privacy" | "dsgvo" => Wish::Privacy,
        "hilfe" | "help" | "info" => Wish::Help,
        _ => Wish::Nothing,
    }
}

/// Lower case, umlauts written out, one space between words, no punctuation and no emoji at all.
fn fold(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        if !words.is_empty() {
            words.push(' ');
        }
        for c in word.chars().flat_map(char::to_lowercase) {
            match c {
                'ä' => words.push_str("ae"),
                'ö' => words.push_str("oe"),
                'ü' => words.push_str("ue"),
                'ß' => words.push_str("ss"),
                plain => words.push(plain),
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_message_is_matched() {
        for (text, meant) in [
            ("STOPP", Wish::Stop),
            (" stop. ", Wish::Stop),
            ("Stopp!!! 🛑", Wish::Stop),
            ("Löschen", Wish::Stop),
            ("Ende", Wish::Stop),
            ("Ende der Woche", Wish::Nothing),
            ("Bitte nicht stoppen", Wish::Nothing),
            ("Nein", Wish::No),
            ("Ja, weiter", Wish::Yes),
            ("ja 👍", Wish::Yes),
            ("Jahr", Wish::Nothing),
            ("Zahlen?", Wish::Figures),
            ("DATENSCHUTZ", Wish::Privacy),
            ("Hilfe!", Wish::Help),
            ("👍", Wish::Nothing),
            ("", Wish::Nothing),
        ] {
            assert_eq!(of_text(text), meant, "{text}");
        }
        assert_eq!(of_text(&"ja ".repeat(1000)), Wish::Nothing);
    }
}
