//! The sentences that people read: German, `du`, as the original bot spoke. No decision: which of them is said is settled elsewhere.
//!
//! Limits (WhatsApp docs: interactive reply buttons): text of a question 1,024 characters, button titles 20.

mod german;
mod wish;

pub use wish::{Wish, wish};

use super::conversation::Person;
use super::decision::Body;
use super::event::Tap;
use super::figures::{Publication, Value};
use super::outbox::Kind;
use super::state::{MetricRules, Rules, State};
use super::time::Millis;
use std::cmp::Ordering;
use std::fmt::Write;

/// Version of the question's wording: part of the proof of consent. Raise it whenever [`QUESTION`] changes.
pub const CONSENT: u16 = 1;

/// Characters of a question at most (WhatsApp docs: interactive reply buttons).
const QUESTION_MAX: usize = 1_024;
/// Characters of a text at most (WhatsApp docs: text messages).
const TEXT_MAX: usize = 4_096;

const QUESTION: &str = "Möchtest du informiert werden, wenn neue Zahlen vorliegen?";
const NO_FIGURES: &str = "Es liegen noch keine Zahlen vor.";

/// What the message says, from what is known as it leaves.
pub fn body(state: &State, rules: &Rules, now: Millis, person: &Person, kind: Kind) -> Body {
    let figures = || figures(state, rules, TEXT_MAX / 2);
    let closes = german::until(person.window.closes(), now, &rules.zone);
    let ends = format!("Ohne Antwort endet dein Abo {closes}.");
    match kind {
        Kind::Welcome => {
            let intro = format!(
                "Hallo! Hier ist der Zahlen-Dienst von {}.\nSchreibe *Datenschutz*, wenn du wissen möchtest, was wir speichern, und \
                 *Stopp*, um dich abzumelden.",
                rules.branch
            );
            with_figures(state, rules, &intro, QUESTION, YES_NO)
        }
        Kind::Ask => with_figures(state, rules, "", QUESTION, YES_NO),
        Kind::Figures => Body::Text(figures()),
        Kind::Subscribed { figures: shown } => {
            let agreed = format!(
                "Danke! Du bekommst neue Zahlen, sobald sie vorliegen. Dein Abo läuft bis {closes}. \
                 Vorher fragen wir dich, ob du weiter informiert werden möchtest. Mit *Stopp* meldest du dich jederzeit ab."
            );
            Body::Text(if shown { format!("{}\n\n{agreed}", figures()) } else { agreed })
        }
        Kind::Publication => with_figures(state, rules, "", &ends, CONTINUE_STOP),
        Kind::Reminder => {
            let nothing = "Es liegen aktuell keine neuen Zahlen vor. Möchtest du weiter informiert werden?";
            let late = "Du kannst auch später noch antworten: dann geht es weiter.";
            question(rules, nothing, late, GO_ON_STOP)
        }
        Kind::Stopped => Body::Text(
            "Du bist abgemeldet und bekommst keine Zahlen mehr. Was wir über dich gespeichert hatten, wird gelöscht. \
             Wenn du wieder Zahlen möchtest, schreib uns einfach."
                .to_owned(),
        ),
        Kind::Interrupted => with_figures(state, rules, INTERRUPTION, QUESTION, YES_NO),
        Kind::Resumed => Body::Text(format!("{INTERRUPTION} Jetzt geht es weiter.\n\n{}\n\nDein Abo läuft bis {closes}.", figures())),
        Kind::Privacy { ask } => with_question(rules, &privacy(rules), ask),
        Kind::Help { ask } => with_question(rules, HELP, ask),
    }
}

const INTERRUPTION: &str = "Entschuldige: Bei uns gab es eine Unterbrechung, deshalb hast du nichts von uns gehört.";
const HELP: &str = "Schreibe *Zahlen* für die neuesten Zahlen, *Ja*, um informiert zu werden, *Stopp*, um dich abzumelden, oder \
    *Datenschutz*.\nIm Notfall wähle 112. Den ärztlichen Bereitschaftsdienst erreichst du unter 116117.";

fn privacy(rules: &Rules) -> String {
    format!(
        "Datenschutz: Wir speichern eine Kennung von WhatsApp, den Zeitpunkt deiner letzten Nachricht und dein Ja zu den Zahlen, aber \
         nicht deine Telefonnummer, deinen Namen oder was du schreibst. Nach *Stopp* wird alles gelöscht. \
         WhatsApp (Meta) überträgt die Nachrichten. Verantwortlich: {}. Mehr: {}",
        rules.branch, rules.privacy
    )
}

fn with_question(rules: &Rules, text: &str, ask: bool) -> Body {
    if ask { question(rules, text, QUESTION, YES_NO) } else { Body::Text(text.to_owned()) }
}

type Buttons = [(Tap, &'static str); 2];
const YES_NO: Buttons = [(Tap::Yes, "Ja"), (Tap::No, "Nein")];
const CONTINUE_STOP: Buttons = [(Tap::Yes, "Weiter informieren"), (Tap::No, "Stopp")];
const GO_ON_STOP: Buttons = [(Tap::Yes, "Ja, weiter"), (Tap::No, "Nein, Stopp")];

/// An introduction, the latest figures, and a question: the figures take what room the others leave.
fn with_figures(state: &State, rules: &Rules, intro: &str, asked: &str, buttons: Buttons) -> Body {
    let room = QUESTION_MAX.saturating_sub(length(intro) + length(asked) + 4);
    let figures = figures(state, rules, room);
    let text = if intro.is_empty() { figures } else { format!("{intro}\n\n{figures}") };
    question(rules, &text, asked, buttons)
}

/// What is asked comes last and whole; a text too long for Meta, because of a very long name, say, is cut before it.
fn question(rules: &Rules, text: &str, asked: &str, buttons: Buttons) -> Body {
    let buttons = buttons.iter().map(|(tap, title)| (tap.encode(&rules.feed.name), (*title).to_owned())).collect();
    let room = QUESTION_MAX.saturating_sub(length(asked) + 2);
    let fits = if length(text) <= room { text.to_owned() } else { cut(text, room) };
    Body::Buttons { text: format!("{fits}\n\n{asked}"), buttons }
}

/// Characters as Meta may count them: UTF-16 is the most that they can be.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

fn cut(text: &str, room: usize) -> String {
    let mut left = room.saturating_sub(1);
    let fits = |c: &char| {
        let enough = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        enough
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// Title, date, and one line for each metric with its change. Where the room does not suffice, first the changes go, then the last lines.
fn figures(state: &State, rules: &Rules, room: usize) -> String {
    let Some(current) = &state.feed.current else { return NO_FIGURES.to_owned() };
    let previous = state.feed.previous.as_ref();
    let lines = rules.feed.metrics.iter().filter(|metric| current.values.contains_key(&metric.name)).count();
    let shorter = (0..lines).rev().map(|lines| (None, lines));
    let forms = [(previous, lines), (None, lines)].into_iter().chain(shorter);
    let mut text = String::new();
    for (previous, lines) in forms {
        text = lines_of(current, previous, rules, lines);
        if length(&text) <= room {
            break;
        }
    }
    text
}

fn lines_of(current: &Publication, previous: Option<&Publication>, rules: &Rules, lines: usize) -> String {
    let mut text = format!("*{}*\nStand: {}", rules.feed.title, german::day(current.as_of));
    let mut all = rules.feed.metrics.iter().filter_map(|metric| Some((metric, *current.values.get(&metric.name)?)));
    for (metric, value) in all.by_ref().take(lines) {
        let change = previous.and_then(|previous| compared(previous, metric, value));
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{}: {}{}", metric.label, german::number(value, metric.kind.decimals()), change.unwrap_or_default());
    }
    if all.next().is_some() {
        text.push_str("\n… mehr mit *Zahlen*");
    }
    text
}

/// „ (8 weniger als am 21.11.)“; nothing if the day before had no such metric.
fn compared(previous: &Publication, metric: &MetricRules, value: Value) -> Option<String> {
    let change = value.minus(*previous.values.get(&metric.name)?)?;
    let (digits, decimals) = change.parts();
    let amount = german::number(Value::new(digits.checked_abs()?, decimals)?, metric.kind.decimals());
    let day = german::day_and_month(previous.as_of);
    Some(match digits.cmp(&0) {
        Ordering::Greater => format!(" ({amount} mehr als am {day})"),
        Ordering::Less => format!(" ({amount} weniger als am {day})"),
        Ordering::Equal => format!(" (wie am {day})"),
    })
}
