//! What a person's words mean. The whole message is matched, folded: "Ende der Woche" is no stop. Nothing of it is kept.

use crate::domain::event::{Said, Tap};
use crate::domain::ids::{FeedSet, TopicId};
use crate::domain::rules::Rules;
use crate::domain::state::State;
use serde::{Deserialize, Serialize};

/// What someone wants, as far as it matters here. Parameters only: it may be written down until the person has paused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Wish {
    /// To be left alone: "Stopp", "Löschen", one of our buttons that says no.
    Stop,
    /// A typed "Nein": ends the subscription if there is a question that it can answer.
    No,
    /// A typed "Ja", or a tap that names no feed that there is.
    Yes,
    /// One of our buttons or rows that says yes to these feeds. Never empty.
    Chosen(FeedSet),
    /// The latest figures.
    Figures,
    /// How data are protected.
    Privacy,
    /// What is stored about them.
    Access,
    /// What can be written.
    Help,
    /// To begin: what the code on the poster writes.
    Start,
    /// Another choice of feeds.
    Choose,
    /// The list of topics.
    Topics,
    /// One topic.
    Topic(TopicId),
    /// Anything else: "Danke", a photo, 👍.
    Nothing,
}

impl Wish {
    /// Whether it subscribes, or keeps the subscription.
    pub fn is_yes(self) -> bool {
        match self {
            Wish::Yes | Wish::Chosen(_) => true,
            Wish::Stop | Wish::No | Wish::Figures | Wish::Privacy | Wish::Access | Wish::Help => false,
            Wish::Start | Wish::Choose | Wish::Topics | Wish::Topic(_) | Wish::Nothing => false,
        }
    }

    /// The feeds that it says yes to, if it names them.
    pub fn feeds(self) -> Option<FeedSet> {
        if let Wish::Chosen(feeds) = self { Some(feeds) } else { None }
    }

    /// Whether it ends the subscription: "Stopp" always, a typed "Nein" only from someone we know, because nobody else was asked.
    pub fn stops(self, known: bool) -> bool {
        match self {
            Wish::Stop => true,
            Wish::No => known,
            Wish::Yes | Wish::Chosen(_) | Wish::Figures | Wish::Privacy | Wish::Access | Wish::Help => false,
            Wish::Start | Wish::Choose | Wish::Topics | Wish::Topic(_) | Wish::Nothing => false,
        }
    }

    /// Whether it is answered even if an answer went out a moment ago.
    pub fn wants_reply(self) -> bool {
        match self {
            Wish::Privacy | Wish::Access | Wish::Help | Wish::Start | Wish::Choose | Wish::Topics | Wish::Topic(_) => true,
            Wish::Stop | Wish::No | Wish::Yes | Wish::Chosen(_) | Wish::Figures | Wish::Nothing => false,
        }
    }

    /// What is answered when several things were said in a row: the strongest.
    pub fn strength(self) -> u8 {
        match self {
            Wish::Nothing => 0,
            Wish::Figures | Wish::Privacy | Wish::Access | Wish::Help | Wish::Start | Wish::Choose | Wish::Topics | Wish::Topic(_) => 1,
            Wish::Yes => 2,
            Wish::Chosen(_) => 3,
            Wish::No => 4,
            Wish::Stop => 5,
        }
    }

    /// Of two things equally strong the later one, but two choices are both meant.
    #[must_use]
    pub fn together(self, before: Wish) -> Wish {
        if let (Wish::Chosen(later), Wish::Chosen(earlier)) = (self, before) { Wish::Chosen(later.union(earlier)) } else { self }
    }
}

/// The wish in what was said.
pub fn wish(state: &State, rules: &Rules, said: &Said) -> Wish {
    match said {
        Said::Tapped(Tap::Yes(feeds)) => {
            let known: FeedSet = feeds.iter().filter_map(|name| Some(state.feed(name)?.0)).collect();
            let chosen = known.common(state.configured(rules));
            if chosen.is_empty() { Wish::Yes } else { Wish::Chosen(chosen) }
        }
        Said::Tapped(Tap::No) => Wish::Stop,
        Said::Tapped(Tap::Topic(topic)) => Wish::Topic(TopicId::of(topic)),
        Said::Other | Said::Reacted(_) => Wish::Nothing,
        Said::Text(text) | Said::Edited(text) => of_text(rules, &text.0),
    }
}

/// Longest text that can be one of the words below; longer ones need not be folded.
const LONGEST: usize = 64;

fn of_text(rules: &Rules, text: &str) -> Wish {
    if text.len() > LONGEST {
        return Wish::Nothing;
    }
    let words = fold(text);
    let topic = || rules.topics.iter().find(|topic| topic.keywords.contains(&words)).map(|topic| Wish::Topic(TopicId::of(&topic.name)));
    match command(&words) {
        Some(Wish::Topics) if rules.topics.is_empty() => Wish::Nothing,
        Some(wish) => wish,
        None => topic().unwrap_or(Wish::Nothing),
    }
}

/// Whether these folded words mean something already, so that no topic can be found by them.
pub fn is_command(words: &str) -> bool {
    command(words).is_some()
}

fn command(words: &str) -> Option<Wish> {
    Some(match words {
        "stopp" | "stop" | "nein stopp" | "abmelden" | "abmeldung" | "ende" | "beenden" | "abbestellen" | "kuendigen" | "loeschen"
        | "loesche mich" | "loesch mich" | "unsubscribe" => Wish::Stop,
        "nein" | "nein danke" | "noe" | "nee" | "no" => Wish::No,
        "ja" | "ja bitte" | "ja weiter" | "ja gerne" | "ja gern" | "jo" | "jep" | "jap" | "weiter" | "weiter informieren" | "yes" => {
            Wish::Yes
        }
        "zahlen" | "aktuelle zahlen" | "neue zahlen" | "die zahlen" | "zahl" | "stand" | "aktuell" => Wish::Figures,
        "datenschutz" | "privacy" | "dsgvo" => Wish::Privacy,
        "auskunft" | "meine daten" => Wish::Access,
        "hilfe" | "help" | "info" => Wish::Help,
        "start" | "starten" | "los" => Wish::Start,
        "auswahl" | "auswaehlen" | "abo" | "abos" | "regionen" => Wish::Choose,
        "themen" | "thema" => Wish::Topics,
        _ => return None,
    })
}

/// Lower case, umlauts written out, one space between words, no punctuation and no emoji at all.
pub fn fold(text: &str) -> String {
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
        let rules = Rules::new("", "", "", jiff::tz::TimeZone::UTC, Vec::new());
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
            assert_eq!(of_text(&rules, text), meant, "{text}");
        }
        assert_eq!(of_text(&rules, &"ja ".repeat(1000)), Wish::Nothing);
    }
}
