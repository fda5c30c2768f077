//! The samples, everything that is refused, and what becomes of Markdown.

use super::{AROUND, Markup, OLD, TEXT_LONGEST, TEXT_WITH_QUESTION, TopicClash, TopicFault, TopicProblem, TopicWarning, check, parse};
use crate::domain::ids::Name;
use crate::domain::rules::{TOPICS_MAX, Topic};
use crate::domain::time::Day;
use crate::domain::wording::{Texts, german, length};
use proptest::prelude::{ProptestConfig, prop_assert, proptest};

/// What lies in `topics`, for branches to begin with.
pub(in crate::domain::wording) const SAMPLES: &[(&str, &str)] = &[
    ("blutspende", include_str!("../../../../topics/blutspende.md")),
    ("impfen", include_str!("../../../../topics/impfen.md")),
    ("notfall", include_str!("../../../../topics/notfall.md")),
    ("schutz", include_str!("../../../../topics/schutz.md")),
    ("symptome", include_str!("../../../../topics/symptome.md")),
    ("testen", include_str!("../../../../topics/testen.md")),
];

fn day(text: &str) -> Day {
    Day::of(text.parse().expect("a date"))
}

fn file(body: &str) -> String {
    format!("---\ntitle: Symptome\nkeywords: Symptome, Fieber\nsource: RKI\ndate: 2026-11-22\n---\n{body}")
}

fn shown(body: &str) -> String {
    parse("symptome", &file(body), None).expect(body).0.text
}

fn faults(name: &str, text: &str) -> Vec<(usize, TopicFault)> {
    let problems = parse(name, text, Some(day("2026-11-22"))).expect_err(text);
    for problem in &problems {
        let sentence = problem.to_string();
        assert!(sentence.starts_with("Zeile ") && sentence.contains("Abhilfe: "), "{sentence}");
    }
    problems.into_iter().map(|TopicProblem { line, fault }| (line, fault)).collect()
}

#[test]
fn the_samples_are_in_order() {
    let mut topics = Vec::new();
    for (name, text) in SAMPLES {
        let (topic, warnings) = parse(name, text, Some(day("2026-11-22"))).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        assert_eq!(warnings, [], "{name}");
        assert_eq!((topic.name.as_str(), topic.date), (*name, day("2026-11-22")));
        assert!(!topic.text.contains("**") && !topic.text.contains("\n- "), "{}", topic.text);
        topics.push(topic);
    }
    assert_eq!(check(&topics), []);
    let emergency = topics.iter().find(|topic| topic.keywords.contains(&"112".to_owned())).expect("a topic for emergencies");
    assert!(emergency.text.contains("*Lebensgefahr? Wähle 112*") && emergency.text.contains("116117"), "{}", emergency.text);
}

#[test]
fn a_topic_is_read_as_it_is_written() {
    let text = "\u{feff}---\r\ntitle: \"Symptome: was tun?\"\r\n\r\nkeywords: Symptome,  Übelkeit, ÜBELKEIT , was-tun\r\nsource: RKI\r\n\
                date: 2026-11-22\r\n---\r\n\r\nErste Zeile\r\ngeht weiter.\r\n\r\n\r\nZweiter Absatz.\r\n";
    let (topic, warnings) = parse("symptome", text, None).expect("well");
    let name = Name::new("symptome").expect("a name");
    let keywords = ["symptome", "uebelkeit", "was tun"].map(str::to_owned).to_vec();
    let text = "Erste Zeile geht weiter.\n\nZweiter Absatz.".to_owned();
    let title = "Symptome: was tun?".to_owned();
    assert_eq!((topic, warnings), (Topic { name, title, keywords, source: "RKI".to_owned(), date: day("2026-11-22"), text }, vec![]));
}

#[test]
fn markdown_becomes_what_whatsapp_shows() {
    for (markdown, whatsapp) in [
        ("**fett** und __fett__, *schräg* und _schräg_, ~~weg~~", "*fett* und *fett*, _schräg_ und _schräg_, ~weg~"),
        ("***beides***, **fett mit *schräg* darin**", "*_beides_*, *fett mit _schräg_ darin*"),
        ("2 * 3 * 4 ist 24, snake_case_name, 5*6*7", "2 * 3 * 4 ist 24, snake_case_name, 5*6*7"),
        ("ein * allein, **offen", "ein * allein, **offen"),
        ("\\*kein\\* Stern", "*kein* Stern"),
        ("# Überschrift\nText", "*Überschrift*\nText"),
        ("## **Fett** genug ##\n\nText", "*Fett genug*\n\nText"),
        ("#keine", "#keine"),
        ("- eins\n- zwei\n  geht weiter\n* drei\n+ vier", "• eins\n• zwei geht weiter\n• drei\n• vier"),
        ("Text:\n- eins\n\n- zwei", "Text:\n• eins\n\n• zwei"),
        ("1. eins\n2. zwei\n10) zehn", "1. eins\n2. zwei\n10) zehn"),
        ("2026 war\n17 Grad", "2026 war 17 Grad"),
        ("hart  \numbrochen\\\nzweimal", "hart\numbrochen\nzweimal"),
        ("> Zitat\n> zweite", "> Zitat\n> zweite"),
        ("[das RKI](https://www.rki.de)", "das RKI: https://www.rki.de"),
        ("[https://www.rki.de](https://www.rki.de)", "https://www.rki.de"),
        ("[www.rki.de](https://www.rki.de/)!", "https://www.rki.de/!"),
        ("[**Telefon**](tel:116117)", "*Telefon*: 116117"),
        ("https://x.de/a_b_c*d*e_f_ und _schräg_", "https://x.de/a_b_c*d*e_f_ und _schräg_"),
        ("**https://x.de**", "*https://x.de*"),
        ("[1] ist (keine) Adresse, [auch] (nicht)", "[1] ist (keine) Adresse, [auch] (nicht)"),
        ("Wert < 5 und > 3, <5", "Wert < 5 und > 3, <5"),
    ] {
        assert_eq!(shown(markdown), whatsapp, "{markdown}");
    }
}

#[test]
fn what_whatsapp_cannot_show_is_refused_in_its_line() {
    for (body, line, markup) in [
        ("Text\n\n`code`", 9, Markup::Code),
        ("```\n<b>\n```", 7, Markup::Code),
        ("~~~\n<b>\n~~~", 7, Markup::Code),
        ("a<br>b", 7, Markup::Html),
        ("<https://www.rki.de>", 7, Markup::Html),
        ("<!-- geheim -->", 7, Markup::Html),
        ("![Bild](bild.png)", 7, Markup::Image),
        ("| a | b |", 7, Markup::Table),
        ("Titel\n=====", 8, Markup::Rule),
        ("a\n\n- - -", 9, Markup::Rule),
        ("[Text]()", 7, Markup::Link),
    ] {
        assert_eq!(faults("symptome", &file(body)), [(line, TopicFault::Markup(markup))], "{body}");
    }
    assert_eq!(faults("symptome", &file("a\u{7}b")), [(7, TopicFault::Control)]);
}

#[test]
fn what_stands_in_front_must_be_complete() {
    let front = |lines: &str| format!("---\n{lines}\n---\nText");
    let rest = "source: RKI\ndate: 2026-11-22";
    let keyword = |written: &str| front(&format!("title: Symptome\nkeywords: {written}\n{rest}"));
    for (text, found) in [
        ("Text".to_owned(), vec![(1, TopicFault::NoFront)]),
        ("---\ntitle: x\n".to_owned(), vec![(1, TopicFault::NoFront)]),
        (
            front("title: A\nkeywords: b\nsource: c\ndate: 2026-11-22\nautor: ich"),
            vec![(6, TopicFault::UnknownKey { key: "autor".to_owned() })],
        ),
        (front("title: A\ntitle: A\nkeywords: b\nsource: c\ndate: 2026-11-22"), vec![(3, TopicFault::Twice { key: "title", first: 2 })]),
        (front("title: A\nkeywords b\nkeywords: b\nsource: c\ndate: 2026-11-22"), vec![(3, TopicFault::NoValue)]),
        (
            front("title:\nkeywords: b\ndate: 2026-11-22"),
            vec![(1, TopicFault::MissingKey { key: "source" }), (2, TopicFault::MissingKey { key: "title" })],
        ),
        (front("title: A\nkeywords: b\nsource: c\ndate: 22.11.2026"), vec![(5, TopicFault::Date)]),
        (front("title: A\nkeywords: b\nsource: c\ndate: 2026-02-30"), vec![(5, TopicFault::Date)]),
        (front("title: A\nkeywords: b\nsource: c\ndate: 2026-11-23"), vec![(5, TopicFault::Future)]),
        (keyword("gut, 👍"), vec![(3, TopicFault::EmptyKeyword { keyword: "👍".to_owned() })]),
        (keyword("gut,"), vec![(3, TopicFault::EmptyKeyword { keyword: String::new() })]),
        (keyword(&"x".repeat(41)), vec![(3, TopicFault::LongKeyword { keyword: "x".repeat(41) })]),
        (
            front(&format!("title: {}\nkeywords: b\nsource: {}\ndate: 2026-11-22", "🧪".repeat(13), "x".repeat(46))),
            vec![
                (2, TopicFault::TooLong { key: "title", length: 26, most: 24 }),
                (4, TopicFault::TooLong { key: "source", length: 46, most: 45 }),
            ],
        ),
        (file(" \n\n"), vec![(7, TopicFault::NoText)]),
    ] {
        assert_eq!(faults("symptome", &text), found, "{text}");
    }
    for name in ["", "Symptome", "übel", "a b", &"a".repeat(65)] {
        assert_eq!(faults(name, &file("Text")), [(1, TopicFault::Name { name: name.to_owned() })]);
    }
    for word in
        ["Stopp", "STOP!", "ja", "Nein", "Zahlen", "hilfe", "Datenschutz", "Auskunft", "Löschen", "Start", "Themen", "Auswahl", "weiter"]
    {
        assert_eq!(faults("x", &keyword(word)), [(3, TopicFault::Reserved { keyword: word.to_owned() })]);
    }
}

#[test]
fn a_text_is_neither_too_long_nor_too_old_unnoticed() {
    let warnings = |text: &str, today: Option<&str>| parse("x", text, today.map(day)).expect("well").1;
    assert_eq!(warnings(&file(&"x".repeat(TEXT_WITH_QUESTION)), None), []);
    let long = file(&"x".repeat(TEXT_WITH_QUESTION + 1));
    assert_eq!(warnings(&long, None), [TopicWarning::Long { length: TEXT_WITH_QUESTION + 1 }]);
    assert!(parse("x", &file(&"x".repeat(TEXT_LONGEST)), None).is_ok());
    let fault = TopicFault::TextTooLong { length: TEXT_LONGEST + 1 };
    assert_eq!(faults("x", &file(&"x".repeat(TEXT_LONGEST + 1))), [(7, fault)]);
    assert_eq!(warnings(&file("Text"), Some("2027-05-21")), []);
    assert_eq!(warnings(&file("Text"), Some("2027-05-22")), [TopicWarning::Old { days: OLD + 1 }]);
    assert_eq!(warnings(&file("Text"), None), []);
    let origin = Texts::german().topic_origin(&"x".repeat(45), &german::date(day("2026-11-22")));
    assert!(length(&format!("*{}*\n\n\n\n{origin}", "x".repeat(24))) <= AROUND);
}

#[test]
fn topics_get_along_with_each_other() {
    let named = |name: &str, title: &str, keywords: &[&str]| Topic {
        name: Name::new(name).expect("a name"),
        title: title.to_owned(),
        keywords: keywords.iter().map(|keyword| (*keyword).to_owned()).collect(),
        source: "RKI".to_owned(),
        date: Day(0),
        text: "Text".to_owned(),
    };
    let (a, b) = (named("a", "A", &["fieber", "husten"]), named("b", "B", &["fieber"]));
    let (one, other) = (a.name.clone(), b.name.clone());
    let clash = TopicClash::Keyword { keyword: "fieber".to_owned(), one: one.clone(), other: other.clone() };
    assert_eq!(check(&[a.clone(), b]), [clash]);
    assert_eq!(check(&[a.clone(), named("b", "A", &[])]), [TopicClash::Title { one: one.clone(), other }]);
    assert_eq!(check(&[a.clone(), named("a", "B", &[])]), [TopicClash::Name { one: one.clone(), other: one }]);
    let many: Vec<Topic> = (0..=TOPICS_MAX).map(|n| named(&format!("t{n}"), &format!("T{n}"), &[])).collect();
    assert_eq!(check(&many), [TopicClash::TooMany { count: TOPICS_MAX + 1 }]);
    assert_eq!(check(many.get(1..).unwrap_or(&[])), []);
    assert!(check(&many).iter().all(|clash| clash.to_string().contains("Abhilfe: ")));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// No file makes the program fall over, and what is accepted fits into a message.
    #[test]
    fn no_file_is_too_strange(body in "([*_~`\\[\\]()#>|\\\\ \n🧪-]|https://|\\PC){0,200}", front in proptest::bool::ANY) {
        let text = if front { file(&body) } else { body };
        match parse("x", &text, None) {
            Ok((topic, _)) => prop_assert!(length(&topic.text) <= TEXT_LONGEST && !topic.text.trim().is_empty()),
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }

    /// Plain words are left alone.
    #[test]
    fn plain_words_stay(body in "[a-zA-ZäöüÄÖÜß,.?!–„“]{1,20}( [a-zA-ZäöüÄÖÜß,?!–„“]{1,20}){0,10}") {
        prop_assert!(shown(&body) == body);
    }
}
