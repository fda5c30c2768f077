//! Short texts found by a keyword or in a list.

use crate::script::compare;
use crate::world::{World, name, rules};
use drk_relay::domain::rules::Topic;
use drk_relay::domain::time::Day;
use jiff::civil::date;

fn informed(text: &str) -> World {
    let mut rules = rules();
    rules.topics.push(Topic {
        name: name("symptome"),
        title: "Symptome".to_owned(),
        keywords: vec!["symptome".to_owned(), "woran erkenne ich es".to_owned()],
        source: "RKI".to_owned(),
        date: Day::of(date(2026, 11, 1)),
        text: text.to_owned(),
    });
    World::new(rules)
}

const FIGURES: &str = "20.11. 16:00 clock trusted \n figure 20.11. 17 57,4";

#[test]
fn a_stranger_finds_a_topic_by_its_keyword_and_the_question_rides_on() {
    compare(
        informed("Husten."),
        FIGURES,
        "
        21.11. 10:00:00 says Woran erkenne ich es?
                        read
                        = asked until 22.11. 10:00:00
                        -> Symptome · Husten. · Quelle: RKI, Stand: 01.11.2026 · Frage [Ja] [Nein]
        21.11. 10:00:10 says Themen
                        read
                        = asked until 22.11. 10:00:10
                        -> Themen [Symptome]
        21.11. 10:00:20 taps Symptome
                        read
                        = asked until 22.11. 10:00:20
                        -> Symptome · Husten. · Quelle: RKI, Stand: 01.11.2026 · Frage [Ja] [Nein]
        21.11. 10:00:30 taps Ja
                        read
                        = subscribed until 22.11. 10:00:30
                        -> 20.11.: 17; 57,4 · bestätigt bis morgen um 10:00 Uhr
        21.11. 10:00:40 taps Symptome
                        read
                        = subscribed until 22.11. 10:00:40
                        -> Symptome · Husten. · Quelle: RKI, Stand: 01.11.2026
    ",
    );
}

#[test]
fn a_long_topic_comes_without_the_question() {
    let long = "h".repeat(1_000);
    compare(
        informed(&long),
        FIGURES,
        &format!(
            "
        21.11. 10:00:00 says Symptome
                        read
                        = asked until 22.11. 10:00:00
                        -> Symptome · {long} · Quelle: RKI, Stand: 01.11.2026
    "
        ),
    );
}

#[test]
fn without_topics_the_word_means_nothing() {
    compare(
        World::new(rules()),
        FIGURES,
        "
        21.11. 10:00:00 says Themen
                        read
                        = asked until 22.11. 10:00:00
                        -> Hallo · 20.11.: 17; 57,4 · Frage [Ja] [Nein]
    ",
    );
}
