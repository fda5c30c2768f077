//! The sentences that come with the program, and what is refused in those of a branch. Nothing here says how they are put together.

use super::sentences::{NAMED, SENTENCES, Sentence, longest};
use super::{GERMAN, Part, Pattern, TextFault, TextProblem, Texts, file, longest_length};
use crate::domain::wording::length;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use std::collections::BTreeSet;
use std::fmt::Write;

fn overridden(content: &str) -> Result<Texts, Vec<TextProblem>> {
    Texts::overridden(&[("eigene.ftl".to_owned(), content.to_owned())])
}

fn fault(content: &str) -> (usize, String, TextFault) {
    let problems = overridden(content).expect_err(content);
    let [problem] = problems.as_slice() else { panic!("{content}: {problems:?}") };
    let sentence = problem.to_string();
    assert!(sentence.starts_with("eigene.ftl, Zeile ") && sentence.contains("Abhilfe: ") && sentence.ends_with('.'), "{sentence}");
    (problem.line, problem.key.clone(), problem.fault.clone())
}

#[test]
fn every_sentence_is_there_once_and_none_that_nobody_says() {
    let mut problems = Vec::new();
    let read = |(name, content): &(&str, &str)| file::read(name, content, &mut problems).into_iter().map(|found| found.key);
    let keys: Vec<_> = GERMAN.iter().flat_map(read).collect::<Vec<_>>();
    assert_eq!(problems, []);
    let known: BTreeSet<_> = SENTENCES.iter().map(|sentence| sentence.key).collect();
    assert_eq!((keys.len(), keys.iter().copied().collect::<BTreeSet<_>>()), (SENTENCES.len(), known.clone()));
    assert!(NAMED.iter().all(|(key, _)| known.contains(key)));
    for sentence in SENTENCES {
        for piece in sentence.pieces {
            assert!(longest(piece) > 0);
        }
    }
}

#[test]
fn every_piece_is_said_and_nothing_invisible_with_it() {
    let texts = Texts::german();
    for sentence in SENTENCES {
        let values: Vec<String> = sentence.pieces.iter().map(|piece| format!("<{piece}>")).collect();
        let pieces: Vec<(&str, &str)> = sentence.pieces.iter().copied().zip(values.iter().map(String::as_str)).collect();
        let said = texts.say(sentence.key, &pieces);
        assert!(!said.is_empty() && said.trim() == said, "{}: {said:?}", sentence.key);
        assert!(values.iter().all(|value| said.contains(value)), "{}: {said}", sentence.key);
        let invisible = |c: char| (c.is_control() && c != '\n') || ('\u{2066}'..='\u{2069}').contains(&c);
        assert!(!said.contains(invisible), "{}: {said:?}", sentence.key);
        assert!(texts.sentences.get(sentence.key).is_some_and(|pattern| longest_length(pattern) <= sentence.most), "{}", sentence.key);
    }
}

#[test]
fn the_sentences_of_the_design_stand_as_they_are() {
    let texts = Texts::german();
    assert_eq!(texts.question(), "Möchtest du informiert werden, wenn neue Zahlen vorliegen?");
    assert_eq!(texts.reminder(), "Es liegen aktuell keine neuen Zahlen vor. Möchtest du weiter informiert werden?");
    assert_eq!(texts.ends("heute um 14:32 Uhr"), "Ohne Antwort endet dein Abo heute um 14:32 Uhr.");
    assert_eq!(texts.notice("31.12.2026"), "Dieser Dienst endet am 31.12.2026.");
    assert_eq!([texts.button_yes(), texts.button_no()], ["Ja", "Nein"]);
    assert_eq!([texts.button_continue(), texts.button_stop()], ["Weiter informieren", "Stopp"]);
    assert_eq!([texts.button_go_on(), texts.button_no_stop()], ["Ja, weiter", "Nein, Stopp"]);
    assert!(texts.hint("Ja, weiter").contains("Bitte tippe auf *Ja, weiter*"));
}

#[test]
fn every_button_and_every_word_in_the_help_is_understood() {
    use crate::domain::wording::{fold, is_command};
    let texts = Texts::german();
    let buttons = SENTENCES.iter().filter(|sentence| sentence.key.starts_with("button_") && sentence.key != "button_choose");
    for title in buttons.map(|sentence| texts.say(sentence.key, &[])) {
        assert!(is_command(&fold(&title)), "who types „{title}“ instead of tapping is not understood");
    }
    let all = [texts.welcome(""), texts.help(), texts.help_choose(), texts.help_topics(), texts.access_end(), texts.privacy("", "")];
    for text in all {
        for word in text.split('*').skip(1).step_by(2) {
            assert!(is_command(&fold(word)), "„{word}“ is offered and not understood");
        }
    }
}

#[test]
fn a_branch_says_single_sentences_differently_and_the_last_file_counts() {
    let file = |name: &str, content: &str| (name.to_owned(), content.to_owned());
    let one = file("a.ftl", "# Unsere Fassung\r\nbutton_yes = Na klar\r\nnotice =\r\n    Am { $day } ist Schluss.\r\n    Danke!\r\n");
    let two = file("b.ftl", "\u{feff}button_yes = Aber ja{ \"!\" }\n");
    let texts = Texts::overridden(&[one, two]).expect("both are well");
    assert_eq!((texts.button_yes().as_str(), texts.button_no().as_str()), ("Aber ja!", "Nein"));
    assert_eq!(texts.notice("1.1."), "Am 1.1. ist Schluss.\nDanke!");
    assert_eq!(Texts::overridden(&[]).expect("nothing to refuse"), Texts::german());
}

#[test]
fn what_someone_agreed_to_is_the_question_that_was_put() {
    let german = Texts::german();
    assert_eq!((german.consent_question(1), german.consent_question(2)), (german.question(), german.choose()));
    assert_ne!(german.consent(1), german.consent(2));
    let other = overridden("question = Sollen wir dir neue Zahlen schicken?").expect("a question");
    assert_ne!(other.consent(1), german.consent(1));
    assert_eq!(other.consent(8), german.consent(2));
}

#[test]
fn mistakes_are_found_where_they_are() {
    let long = "ä".repeat(21);
    for (content, line, key, found) in [
        ("button_yes Ja", 1, "button_yes", TextFault::Syntax),
        ("button_yes = Ja\n\n# x\nhelp =\n    *Zahlen*\n", 4, "help", TextFault::Syntax),
        ("ends = Ende { $closes", 1, "ends", TextFault::Syntax),
        ("button_yes =\n", 1, "button_yes", TextFault::Syntax),
        ("\nwelcom = Hallo { $branch }", 2, "welcom", TextFault::UnknownKey { nearest: "welcome" }),
        ("buton_stop = Halt", 1, "buton_stop", TextFault::UnknownKey { nearest: "button_stop" }),
        ("button_yes = Ja\nbutton_yes = Jawohl", 2, "button_yes", TextFault::Twice { first: 1 }),
        ("notice = Ende am { $dya }", 1, "notice", TextFault::UnknownPiece { piece: "dya".to_owned(), pieces: &["day"] }),
        ("question = { $branch }?", 1, "question", TextFault::UnknownPiece { piece: "branch".to_owned(), pieces: &[] }),
        ("ends = Ohne Antwort endet dein Abo.", 1, "ends", TextFault::MissingPiece { piece: "closes" }),
        ("privacy = *Stopp* *Auskunft* { $privacy }", 1, "privacy", TextFault::MissingPiece { piece: "branch" }),
        ("welcome = Hier ist { $branch }. *Stopp* hilft.", 1, "welcome", TextFault::MissingWord { word: "Datenschutz" }),
        ("emergency = Im Notfall wähle 112.", 1, "emergency", TextFault::MissingWord { word: "116117" }),
        ("button_yes = { \"\" }", 1, "button_yes", TextFault::Empty),
        ("question = { \"  \" }", 1, "question", TextFault::Empty),
        ("button_yes = Ja\n    doch", 1, "button_yes", TextFault::Lines),
        (&format!("button_yes = {long}"), 1, "button_yes", TextFault::TooLong { length: 21, most: 20 }),
        ("row_all = 🧪🧪🧪🧪🧪🧪🧪🧪🧪🧪🧪🧪🧪", 1, "row_all", TextFault::TooLong { length: 26, most: 24 }),
        ("button_stop = Weiter informieren", 1, "button_stop", TextFault::Alike { other: "button_continue" }),
        ("button_yes = Nein", 1, "button_yes", TextFault::Alike { other: "button_no" }),
        ("-brand = DRK\n", 1, "brand", TextFault::Unusual),
        ("notice = { DATETIME($day) }", 1, "notice", TextFault::Unusual),
        ("notice = { $day ->\n    [x] y\n   *[z] { $day }\n }", 1, "notice", TextFault::Unusual),
        ("notice = { $day } { question }", 1, "notice", TextFault::Unusual),
        ("notice = { $day } { 5 }", 1, "notice", TextFault::Unusual),
        ("question = Was?\n    .title = Wie?", 1, "question", TextFault::Unusual),
    ] {
        assert_eq!(fault(content), (line, key.to_owned(), found), "{content}");
    }
    let length = length(&Texts::german().ends(&"x".repeat(26))) + 200;
    let too_long = format!("ends = Ohne Antwort endet dein Abo {{ $closes }}.{}", "x".repeat(200));
    assert_eq!(fault(&too_long).2, TextFault::TooLong { length, most: 120 });
    let problems = overridden("question = { \"\" }\nwas ist das\nbutton_no = Nö\nrow_none = { 1 }\n").expect_err("three mistakes");
    assert_eq!(problems.len(), 3, "{problems:?}");
}

#[test]
fn texts_are_shared_between_threads() {
    fn shared<T: Send + Sync + std::fmt::Debug + 'static>(_: &T) {}
    shared(&Texts::german());
}

/// Every sentence as long as a branch may make it.
pub(in crate::domain::wording) fn longest_texts() -> Texts {
    let mut content = String::new();
    for sentence in SENTENCES {
        let words = NAMED.iter().filter(|(key, _)| *key == sentence.key).flat_map(|(_, words)| *words);
        let start = words.map(|word| format!("{word} ")).collect::<String>();
        let pieces = sentence.pieces.iter().map(|piece| format!("{{ ${piece} }}")).collect::<String>();
        let room = sentence.most - length(&start) - sentence.pieces.iter().map(|piece| longest(piece)).sum::<usize>();
        // Buttons of one message must differ: some begin with another letter.
        let first = if sentence.key.starts_with("button_no") || ["button_stop", "row_none"].contains(&sentence.key) { "y" } else { "ß" };
        let filler = format!("{first}{}", "ß".repeat(room - 1));
        writeln!(content, "{} = {start}{filler}{pieces}", sentence.key).expect("a String takes everything");
    }
    overridden(&content).unwrap_or_else(|problems| panic!("{problems:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What comes in as a piece goes out as it is, whatever it looks like to Fluent.
    #[test]
    fn pieces_are_never_read_as_fluent(value in "(\\{ ?\\$day ?\\}|\\{|\\}|\\\\u0041|[a-z*_~`\n\"🧪 ]|\\PC){0,40}") {
        let texts = Texts::german();
        prop_assert_eq!(texts.notice(&value), format!("Dieser Dienst endet am {value}."));
    }

    /// No file makes the program fall over, and one that is accepted keeps every promise of the table.
    #[test]
    fn no_file_is_too_strange(
        lines in proptest::collection::vec(
            ("(button_yes|notice|ends|welcome|-x|\\PC{0,8})", "( =|=|)", any::<String>(), any::<bool>()), 0..8,
        ),
    ) {
        let content: String = lines.iter().map(|(key, equals, value, day)| {
            let piece = if *day { "{ $day }" } else { "" };
            format!("{key}{equals} {value} {piece}\n")
        }).collect();
        let keeps = |sentence: &Sentence, pattern: &Pattern| {
            longest_length(pattern) <= sentence.most && sentence.pieces.iter().all(|piece| pattern.contains(&Part::Piece(piece)))
        };
        match overridden(&content) {
            Ok(texts) => {
                for sentence in SENTENCES {
                    prop_assert!(texts.sentences.get(sentence.key).is_some_and(|pattern| keeps(sentence, pattern)));
                }
            }
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }
}
