//! Every message at its longest, against Meta's limits (WhatsApp docs: text messages, interactive reply buttons, interactive lists). What
//! is said when is tested in `tests/decide`.

use super::*;
use crate::domain::conversation::{Reminder, Subscription};
use crate::domain::decision::Change;
use crate::domain::figures::{Correction, Feed, Publication, Value};
use crate::domain::ids::{Bsuid, FeedId, PersonHash, PersonId, Phone};
use crate::domain::notice::Notice;
use crate::domain::rules::{FEEDS_MAX, FeedRules, METRICS_MAX, MetricKind, MetricRules, TOPICS_MAX};
use crate::domain::time::{Day, Timestamp};
use crate::domain::window::Window;
use jiff::tz::TimeZone;
use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
use std::collections::BTreeSet;

const NOW: Timestamp = Timestamp(1_795_374_000); // 2026-11-22
const PERSON: PersonId = PersonId(0);

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// As long as it may be, in letters of two bytes.
fn long(units: usize) -> String {
    "Ä".repeat(units)
}

/// The longest of everything, for so many feeds.
fn world(feeds: usize, texts: Texts) -> (State, Rules) {
    let metric = |index: usize| MetricRules {
        unit: Some(long(UNIT_MAX)),
        decimals: Value::DECIMALS,
        ..MetricRules::new(name(&format!("m{index}")), &long(LABEL_MAX), MetricKind::Count)
    };
    let feed = |index: usize| FeedRules {
        description: Some(long(ROW_DESCRIPTION_MAX)),
        // Together with the commas they make 191 of the 193 characters that there are.
        ..FeedRules::new(name(&format!("{index:x<23}")), &long(FEED_TITLE_MAX), (0..METRICS_MAX).map(metric).collect())
    };
    let topic = |index: usize| Topic {
        name: name(&format!("{index:x<64}")),
        title: long(ROW_TITLE_MAX),
        keywords: vec![format!("t{index}")],
        source: long(SOURCE_MAX),
        date: Day(20_779),
        text: long(if index == 0 { topic::TEXT_LONGEST } else { topic::TEXT_WITH_QUESTION }),
    };
    let zone = TimeZone::get("Europe/Berlin").expect("bundled");
    let rules = Rules {
        topics: (0..TOPICS_MAX).map(topic).collect(),
        texts,
        ..Rules::new(&long(BRANCH_MAX), &long(CONTACT_MAX), &long(PRIVACY_MAX), zone, (0..feeds).map(feed).collect())
    };
    let mut state = State::default();
    for (index, feed) in (0..).zip(&rules.feeds) {
        let values = |digits| feed.metrics.iter().map(|metric| (metric.name.clone(), Value::new(digits, 0).expect("small"))).collect();
        let publication = |revision, as_of, digits| Publication::new(revision, Day(as_of), values(digits));
        let wrong = Correction { since: 0, was: values(Value::LARGEST) };
        let current = Some(Publication { correction: Some(wrong), ..publication(2, 20_780, -Value::LARGEST) });
        let known = Feed { current, previous: Some(publication(1, 20_773, 0)), ..Feed::new(feed.name.clone()) };
        state.apply(&Change::Feed(FeedId(index), Box::new(known)));
    }
    state.apply(&Change::Notice(Notice::Announced { revision: 3, last_day: Day(20_800), over: Timestamp(u32::MAX) }));
    state.apply(&Change::Wording(1, long(300).into()));
    (state, rules)
}

/// Everything that can be agreed with somebody.
fn talks(all: FeedSet) -> Vec<Talk> {
    let subscription = Subscription { feeds: all, wording: 1, consent: NOW, yes: NOW, revision: 0 };
    vec![
        Talk::New,
        Talk::Asked { answered: NOW, revision: 0, stopped: None, before: None },
        Talk::Asked { answered: NOW, revision: 0, stopped: Some(NOW), before: None },
        Talk::Waiting { since: NOW, answered: NOW, feeds: all, offered: true },
        Talk::Subscribed { subscription, reminder: Reminder::Pending },
        Talk::Lapsed { subscription },
        Talk::Orphaned { subscription },
        Talk::Stopped { at: NOW },
    ]
}

/// Every kind of message: whoever adds one is made to put it into this chain.
fn following(kind: Kind) -> Option<Kind> {
    let topic = |index: usize| TopicId::of(&name(&format!("{index:x<64}")));
    Some(match kind {
        Kind::Welcome => Kind::Ask,
        Kind::Ask => Kind::Figures,
        Kind::Figures => Kind::Subscribed { figures: false },
        Kind::Subscribed { figures: false } => Kind::Subscribed { figures: true },
        Kind::Subscribed { figures: true } => Kind::Publication { since: 0 },
        Kind::Publication { .. } => Kind::Reminder,
        Kind::Reminder => Kind::Stopped,
        Kind::Stopped => Kind::Interrupted,
        Kind::Interrupted => Kind::Resumed,
        Kind::Resumed => Kind::Privacy { ask: false },
        Kind::Privacy { ask: false } => Kind::Privacy { ask: true },
        Kind::Privacy { ask: true } => Kind::Help { ask: false },
        Kind::Help { ask: false } => Kind::Help { ask: true },
        Kind::Help { ask: true } => Kind::Access { ask: false },
        Kind::Access { ask: false } => Kind::Access { ask: true },
        Kind::Access { ask: true } => Kind::Choose,
        Kind::Choose => Kind::Topics,
        Kind::Topics => Kind::Topic { topic: topic(0), ask: false },
        Kind::Topic { topic: id, ask: false } => Kind::Topic { topic: id, ask: true },
        Kind::Topic { topic: id, ask: true } if id == topic(0) => Kind::Topic { topic: topic(1), ask: false },
        Kind::Topic { topic: id, ask: true } if id == topic(1) => Kind::Topic { topic: topic(99), ask: true },
        Kind::Topic { .. } => Kind::Hint,
        Kind::Hint => Kind::Waiting,
        Kind::Waiting => Kind::Place,
        Kind::Place => Kind::Ended,
        Kind::Ended => return None,
    })
}

fn kinds() -> impl Iterator<Item = Kind> {
    std::iter::successors(Some(Kind::Welcome), |kind| following(*kind))
}

fn person(talk: Talk, alias: bool) -> Person {
    let alias = alias.then_some(PersonHash(2));
    Person { hash: PersonHash(1), alias, window: Window::opened(NOW), talk, burst: None }
}

/// All of Meta's limits. Returns the text.
fn within_limits(body: &Body) -> &str {
    let fits = |text: &str, most: usize| assert!((1..=most).contains(&length(text)), "{} of {most}: {text}", length(text));
    match body {
        Body::Text(text) => {
            fits(text, 4_096);
            text
        }
        Body::Buttons { text, buttons } => {
            fits(text, 1_024);
            buttons.iter().for_each(|(id, title)| {
                fits(id, 256);
                fits(title, 20);
            });
            let (ids, titles): (BTreeSet<_>, BTreeSet<_>) = buttons.iter().map(|(id, title)| (id, title)).unzip();
            assert!((1..=3).contains(&buttons.len()) && ids.len() == buttons.len() && titles.len() == buttons.len(), "{buttons:?}");
            text
        }
        Body::List { text, button, rows } => {
            fits(text, 4_096);
            fits(button, 20);
            for row in rows {
                fits(&row.id, 200);
                fits(&row.title, 24);
                row.description.iter().for_each(|description| fits(description, 72));
            }
            let ids: BTreeSet<_> = rows.iter().map(|row| &row.id).collect();
            assert!((1..=10).contains(&rows.len()) && ids.len() == rows.len(), "{rows:?}");
            text
        }
    }
}

/// With what this message must end, if it asks.
fn asked(rules: &Rules, kind: Kind) -> Option<String> {
    let closes = "morgen um ";
    match kind {
        Kind::Welcome | Kind::Ask | Kind::Interrupted | Kind::Privacy { ask: true } | Kind::Help { ask: true } => {
            Some(rules.texts.consent_question(rules.feeds.len()))
        }
        Kind::Choose => Some(rules.texts.choose()),
        Kind::Place => Some(rules.texts.question()),
        Kind::Reminder => Some(joined(&[&rules.texts.reminder(), &rules.texts.reminder_late()])),
        Kind::Publication { .. } => rules.texts.ends(closes).split_once(closes).map(|(before, _)| before.to_owned()),
        Kind::Figures
        | Kind::Subscribed { .. }
        | Kind::Stopped
        | Kind::Resumed
        | Kind::Privacy { ask: false }
        | Kind::Help { ask: false } => None,
        Kind::Access { .. } | Kind::Topics | Kind::Topic { .. } | Kind::Hint | Kind::Waiting | Kind::Ended => None,
    }
}

#[test]
fn the_longest_messages_keep_to_all_limits_and_what_is_asked_is_whole() {
    for (feeds, texts) in [1, 2, FEEDS_MAX].into_iter().flat_map(|feeds| [(feeds, Texts::german()), (feeds, texts::tests::longest_texts())])
    {
        let (mut state, rules) = world(feeds, texts);
        let all: FeedSet = state.feeds.keys().copied().collect();
        let addresses = [
            Address::Bsuid(Bsuid::new(&"x".repeat(Bsuid::MAX)).expect("short enough")),
            Address::Phone(Phone::new(&"4".repeat(Phone::MAX)).expect("digits")),
        ];
        for (talk, address) in talks(all).into_iter().flat_map(|talk| addresses.clone().map(|address| (talk.clone(), address))) {
            let person = person(talk, true);
            state.apply(&Change::Person(PERSON, person.clone()));
            state.apply(&Change::Address(PERSON, address));
            for kind in kinds() {
                let body = body(&state, &rules, NOW.millis(), &person, kind);
                let text = within_limits(&body);
                if let Some(asked) = asked(&rules, kind) {
                    let last = text.rfind(&asked).unwrap_or_else(|| panic!("{kind:?} does not ask „{asked}“: {text}"));
                    assert!(!text[last + asked.len()..].contains("\n\n") && !matches!(body, Body::Text(_)), "{kind:?}: {text}");
                }
                let whole = [(Kind::Privacy { ask: true }, &rules.privacy), (Kind::Help { ask: true }, &rules.contact)];
                for (_, piece) in whole.into_iter().filter(|(other, _)| *other == kind) {
                    assert!(text.contains(piece.as_str()) && !text.contains('…'), "{kind:?} was cut: {text}");
                }
                if kind.shows_figures() && feeds == 1 {
                    let title = format!("*{}*\n", long(FEED_TITLE_MAX));
                    assert!(text.contains(&title) && text.matches(&long(LABEL_MAX)).count() > 0, "{kind:?} shows no figures: {text}");
                }
            }
        }
    }
}

#[test]
fn figures_are_shortened_by_lines_and_it_is_said_where_the_rest_is() {
    for feeds in 1..=FEEDS_MAX {
        let (mut state, rules) = world(feeds, Texts::german());
        let all = state.feeds.keys().copied().collect();
        let subscriber = person(talks(all)[4].clone(), true);
        state.apply(&Change::Person(PERSON, subscriber.clone()));
        for kind in kinds().filter(|kind| kind.shows_figures()) {
            let body = body(&state, &rules, NOW.millis(), &subscriber, kind);
            let rest = if matches!(body, Body::Buttons { .. }) { "… mehr mit *Zahlen*" } else { "… gekürzt" };
            let text = within_limits(&body);
            assert_eq!(text.matches('…').count(), text.lines().filter(|line| *line == rest).count(), "{kind:?}: {text}");
            assert_eq!(text.matches("Stand: Montag, 23.11.2026\n").count(), feeds, "{kind:?}: {text}");
        }
    }
}

#[test]
fn an_answer_is_not_cut_for_the_sake_of_the_question() {
    let (mut state, rules) = world(1, Texts::german());
    let ask = |state: &State, person: &Person, kind| body(state, &rules, NOW.millis(), person, kind);
    let topic = |index: usize| Kind::Topic { topic: TopicId::of(&rules.topics[index].name), ask: true };
    let stranger = person(Talk::New, false);
    assert!(matches!(ask(&state, &stranger, topic(0)), Body::Text(text) if text.contains("Quelle: ") && length(&text) > 1_024));
    assert!(matches!(ask(&state, &stranger, topic(1)), Body::Buttons { .. }));
    let subscription = Subscription { feeds: FeedSet::default().with(FeedId(0)), wording: 1, consent: NOW, yes: NOW, revision: 0 };
    state.apply(&Change::Wording(1, long(1_000).into()));
    let agreed = person(Talk::Subscribed { subscription, reminder: Reminder::Pending }, false);
    assert!(matches!(ask(&state, &agreed, Kind::Access { ask: true }), Body::Text(text) if text.ends_with("wird alles gelöscht.")));
}

#[test]
fn help_offers_what_there_is() {
    let (state, mut rules) = world(2, Texts::german());
    rules.contact = "Telefon 01234 5678".to_owned();
    let help = |rules: &Rules| match body(&state, rules, NOW.millis(), &person(Talk::New, false), Kind::Help { ask: false }) {
        Body::Text(text) | Body::Buttons { text, .. } | Body::List { text, .. } => text,
    };
    let all = help(&rules);
    for word in
        ["*Zahlen*", "*Ja*", "*Stopp*", "*Datenschutz*", "*Auskunft*", "*Auswahl*", "*Themen*", "Telefon 01234 5678", "112", "116117"]
    {
        assert!(all.contains(word), "{word}: {all}");
    }
    rules.topics.clear();
    rules.feeds.truncate(1);
    rules.contact.clear();
    let less = help(&rules);
    for word in ["*Auswahl*", "*Themen*", "Menschen"] {
        assert!(!less.contains(word), "{word}: {less}");
    }
}

#[test]
fn access_names_what_is_stored_about_this_person() {
    let (mut state, mut rules) = world(1, Texts::german());
    rules.feeds[0].title = "Corona im Kreis".to_owned();
    state.apply(&Change::Wording(1, "Magst du?".into()));
    let subscription = Subscription { feeds: FeedSet::default().with(FeedId(0)), wording: 1, consent: NOW, yes: NOW, revision: 0 };
    let access = |state: &mut State, person: &Person, address: Option<Address>| {
        state.apply(&Change::Person(PERSON, person.clone()));
        state.apply(&Change::ForgetAddress(PERSON));
        address.into_iter().for_each(|address| state.apply(&Change::Address(PERSON, address)));
        within_limits(&body(state, &rules, NOW.millis(), person, Kind::Access { ask: false })).to_owned()
    };
    let agreed = person(Talk::Subscribed { subscription, reminder: Reminder::Pending }, true);
    assert_eq!(
        access(&mut state, &agreed, Bsuid::new("DE.1").map(Address::Bsuid)),
        "*Auskunft*: Das haben wir über dich gespeichert.\n\
         • die Kennung, die WhatsApp uns für dich nennt: DE.1 (etwa bis morgen um 20:00 Uhr)\n\
         • verschlüsselte Prüfsummen der Kennung und deiner Nummer\n\
         • den Zeitpunkt deiner letzten Nachricht: 22.11.2026, 20:00 Uhr\n\
         • welche unserer Nachrichten bei dir angekommen sind\n\
         • dein Ja vom 22.11.2026, 20:00 Uhr auf die Frage „Magst du?“, für: Corona im Kreis\n\
         Deinen Namen und was du schreibst speichern wir nicht. Mit *Löschen* wird alles gelöscht."
    );
    let old = access(&mut state, &person(Talk::New, false), Phone::new("49123").map(Address::Phone));
    assert!(old.contains("deine Nummer") && old.contains("+49123") && old.contains("eine verschlüsselte Prüfsumme davon"), "{old}");
    assert!(old.contains("kein Abo"), "{old}");
    let stopped = access(&mut state, &person(Talk::Asked { answered: NOW, revision: 0, stopped: Some(NOW), before: None }, false), None);
    assert!(stopped.contains("Abmeldung: 22.11.2026") && !stopped.contains("die Kennung"), "{stopped}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    /// However long and whatever it is: it fits, and it is the beginning.
    #[test]
    fn a_text_that_is_cut_fits_and_begins_alike(text in "(\\PC|[🧪👩‍🚒🇩🇪\n]){0,40}", room in 0_usize..30) {
        let short = cut(&text, room);
        prop_assert!(length(&short) <= room);
        prop_assert!(short == text || (length(&text) > room && text.starts_with(short.trim_end_matches('…'))));
    }

    /// Whatever a branch calls itself and its figures, however little it keeps to the limits: Meta takes every message.
    #[test]
    fn strange_names_keep_to_the_limits(
        branch: String, contact: String, title in "(\\PC|🧪|\n){1,90}", label in "\\PC{1,90}", long in any::<bool>(),
    ) {
        let (mut state, mut rules) = world(3, Texts::german());
        let times = if long { 40 } else { 1 };
        (rules.branch, rules.contact, rules.privacy) = (branch.repeat(times), contact.repeat(times), title.repeat(times));
        for feed in &mut rules.feeds {
            (feed.title, feed.description) = (title.repeat(times), Some(label.clone()));
            feed.metrics.iter_mut().for_each(|metric| metric.label.clone_from(&label));
        }
        for topic in &mut rules.topics {
            (topic.title, topic.source, topic.text) = (title.clone(), label.repeat(times), label.repeat(200));
        }
        let feeds = rules.feeds.clone();
        for count in [1, 3] {
            rules.feeds = feeds.iter().take(count).cloned().collect();
            for talk in talks(state.feeds.keys().copied().collect()) {
                let person = person(talk, false);
                state.apply(&Change::Person(PERSON, person.clone()));
                for kind in kinds() {
                    within_limits(&body(&state, &rules, NOW.millis(), &person, kind));
                }
            }
        }
    }
}
