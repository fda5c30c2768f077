//! The sentences that people read: German, `du`, as the original bot spoke. No decision: which of them is said is settled elsewhere.
//!
//! Limits: text of a question 1,024 characters, of a list or a text 4,096; button titles 20, row titles 24, row descriptions 72
//! (WhatsApp docs: text messages, interactive reply buttons, interactive lists).

mod figures;
mod german;
mod texts;
mod wish;

pub use texts::Texts;
pub use wish::{Wish, fold, wish};

use super::conversation::{Person, Talk};
use super::decision::{Body, Row};
use super::event::Tap;
use super::ids::{FeedSet, Name, TopicId};
use super::outbox::Kind;
use super::rules::{Rules, Topic};
use super::state::State;
use super::time::Millis;
use figures::{Shown, figures};

/// Characters of a question at most (WhatsApp docs: interactive reply buttons).
const QUESTION_MAX: usize = 1_024;
/// Characters of a text or a list at most (WhatsApp docs: text messages, interactive lists).
const TEXT_MAX: usize = 4_096;
/// Characters of a row's title at most (WhatsApp docs: interactive lists).
pub const ROW_TITLE_MAX: usize = 24;
/// Characters of a row's description at most (WhatsApp docs: interactive lists).
pub const ROW_DESCRIPTION_MAX: usize = 72;

/// What the message says, from what is known as it leaves.
pub fn body(state: &State, rules: &Rules, now: Millis, person: &Person, kind: Kind) -> Body {
    Speaker { state, rules, now, person, texts: &rules.texts }.say(kind)
}

/// Everything a sentence may need.
struct Speaker<'a> {
    state: &'a State,
    rules: &'a Rules,
    now: Millis,
    person: &'a Person,
    texts: &'a Texts,
}

impl Speaker<'_> {
    fn say(&self, kind: Kind) -> Body {
        match kind {
            Kind::Welcome => self.first_question(&self.texts.welcome(&self.rules.branch)),
            Kind::Ask => self.first_question(""),
            Kind::Interrupted => self.first_question(&self.texts.interruption()),
            Kind::Choose => self.choice(&self.notice(self.texts.choose())),
            Kind::Figures => Body::Text(self.all_figures(TEXT_MAX)),
            Kind::Subscribed { figures } => self.with_all_figures(figures, &self.notice(self.texts.subscribed(&self.closes()))),
            Kind::Publication { since } => {
                let ends = self.notice(self.texts.ends(&self.closes()));
                self.with_figures(&Shown::newer(self.state, self.rules, self.feeds(), since), "", &ends, self.continue_stop())
            }
            Kind::Reminder => self.question(&self.notice(self.texts.reminder()), &self.texts.reminder_late(), self.go_on_stop()),
            Kind::Stopped => Body::Text(self.texts.stopped()),
            Kind::Resumed => self.with_all_figures(true, &self.texts.resumed(&self.closes())),
            Kind::Privacy { ask } => self.perhaps_asking(self.texts.privacy(&self.rules.branch, &self.rules.privacy), ask),
            Kind::Help { ask } => self.perhaps_asking(self.texts.help(&self.rules.contact, !self.rules.topics.is_empty()), ask),
            Kind::Access { ask } => self.perhaps_asking(self.access(), ask),
            Kind::Topics => self.topics(),
            Kind::Topic { topic, ask } => self.topic(topic, ask),
            Kind::Hint => Body::Text(self.texts.hint()),
            Kind::Waiting => Body::Text(self.texts.waiting()),
            Kind::Place => self.question(&self.texts.place(), &self.texts.question(), self.yes_no(self.feeds())),
            Kind::Ended => Body::Text(self.texts.ended(&self.last_day())),
        }
    }

    /// The feeds that this person hears of, or waits for; all that there are for everyone else.
    fn feeds(&self) -> FeedSet {
        let all = || self.rules.feeds.iter().filter_map(|feed| Some(self.state.feed(&feed.name)?.0)).collect();
        match &self.person.talk {
            Talk::Subscribed { subscription, .. } | Talk::Lapsed { subscription } | Talk::Orphaned { subscription } => subscription.feeds,
            Talk::Waiting { feeds, .. } => *feeds,
            Talk::New | Talk::Asked { .. } | Talk::Stopped { .. } => all(),
        }
    }

    /// „heute um 14:32 Uhr“: until when we may write.
    fn closes(&self) -> String {
        german::until(self.person.window.closes(), self.now, &self.rules.zone)
    }

    fn last_day(&self) -> String {
        self.state.notice.told().map_or_else(String::new, german::date)
    }

    /// The text, and that the service will end, if people may know that.
    fn notice(&self, text: String) -> String {
        match self.state.notice.told() {
            Some(day) => format!("{text}\n\n{}", self.texts.notice(&german::date(day))),
            None => text,
        }
    }

    /// The question that strangers are asked: yes or no if there is one feed, else which.
    fn first_question(&self, intro: &str) -> Body {
        if self.rules.feeds.len() > 1 {
            let asked = self.notice(self.texts.choose());
            let room = TEXT_MAX.saturating_sub(length(intro) + length(&asked) + 4);
            return self.choice(&joined(&[intro, &self.all_figures(room), &asked]));
        }
        let shown = Shown::all(self.state, self.rules, self.feeds());
        self.with_figures(&shown, intro, &self.notice(self.texts.question()), self.yes_no(self.feeds()))
    }

    fn choice(&self, text: &str) -> Body {
        let names: Vec<Name> = self.rules.feeds.iter().map(|feed| feed.name.clone()).collect();
        let mut rows: Vec<Row> = Vec::with_capacity(names.len() + 2);
        for feed in &self.rules.feeds {
            let description = feed.description.as_deref().map(|text| cut(text, ROW_DESCRIPTION_MAX));
            rows.push(Row { id: Tap::Yes(vec![feed.name.clone()]).encode(), title: cut(&feed.title, ROW_TITLE_MAX), description });
        }
        rows.push(Row { id: Tap::Yes(names).encode(), title: self.texts.row_all(), description: None });
        rows.push(Row { id: Tap::No.encode(), title: self.texts.row_none(), description: None });
        Body::List { text: cut(text, TEXT_MAX), button: self.texts.button_choose(), rows }
    }

    fn topics(&self) -> Body {
        let row = |topic: &Topic| {
            let description = cut(&self.texts.topic_origin(&topic.source, &german::date(topic.date)), ROW_DESCRIPTION_MAX);
            let id = Tap::Topic(topic.name.clone()).encode();
            Row { id, title: cut(&topic.title, ROW_TITLE_MAX), description: Some(description) }
        };
        let rows: Vec<Row> = self.rules.topics.iter().map(row).collect();
        if rows.is_empty() {
            return Body::Text(self.texts.no_topics());
        }
        Body::List { text: self.texts.topics(), button: self.texts.button_topics(), rows }
    }

    fn topic(&self, id: TopicId, ask: bool) -> Body {
        let Some(topic) = self.rules.topic(id) else { return self.perhaps_asking(self.texts.no_topics(), ask) };
        let origin = self.texts.topic_origin(&topic.source, &german::date(topic.date));
        let text = format!("*{}*\n\n{}\n\n{origin}", topic.title, topic.text);
        let fits = length(&text) + length(&self.texts.question()) + 2 <= QUESTION_MAX;
        self.perhaps_asking(text, ask && fits)
    }

    /// What is stored about this person, in full.
    fn access(&self) -> String {
        let titles = |feeds: FeedSet| {
            let chosen = self.rules.feeds.iter().filter(|feed| self.state.feed(&feed.name).is_some_and(|(id, _)| feeds.contains(id)));
            chosen.map(|feed| feed.title.as_str()).collect::<Vec<_>>().join(", ")
        };
        let agreed = match self.person.talk.subscription() {
            Some(subscription) => {
                let at = german::moment(subscription.consent, &self.rules.zone);
                let asked = self.state.wordings.get(&subscription.wording).map_or("", |text| text);
                self.texts.access_agreed(&titles(subscription.feeds), &at, asked)
            }
            None => self.texts.access_nothing(),
        };
        self.texts.access(&german::moment(self.person.window.latest, &self.rules.zone), &agreed)
    }

    fn perhaps_asking(&self, text: String, ask: bool) -> Body {
        match ask {
            true if self.rules.feeds.len() > 1 => self.choice(&format!("{text}\n\n{}", self.texts.choose())),
            true => self.question(&text, &self.texts.question(), self.yes_no(self.feeds())),
            false => Body::Text(cut(&text, TEXT_MAX)),
        }
    }

    fn all_figures(&self, room: usize) -> String {
        figures(&Shown::all(self.state, self.rules, self.feeds()), self.texts, room)
    }

    fn with_all_figures(&self, shown: bool, text: &str) -> Body {
        let room = TEXT_MAX.saturating_sub(length(text) + 2);
        Body::Text(if shown { format!("{}\n\n{text}", self.all_figures(room)) } else { text.to_owned() })
    }

    /// An introduction, the latest figures, and a question: the figures take what room the others leave.
    fn with_figures(&self, shown: &[Shown], intro: &str, asked: &str, buttons: Vec<(String, String)>) -> Body {
        let room = QUESTION_MAX.saturating_sub(length(intro) + length(asked) + 4);
        let figures = figures(shown, self.texts, room);
        self.question(&joined(&[intro, &figures]), asked, buttons)
    }

    /// What is asked comes last and whole; a text too long for Meta, because of a very long name, say, is cut before it.
    fn question(&self, text: &str, asked: &str, buttons: Vec<(String, String)>) -> Body {
        let room = QUESTION_MAX.saturating_sub(length(asked) + 2);
        Body::Buttons { text: format!("{}\n\n{asked}", cut(text, room)), buttons }
    }

    fn yes_no(&self, feeds: FeedSet) -> Vec<(String, String)> {
        self.buttons(feeds, self.texts.button_yes(), self.texts.button_no())
    }

    fn continue_stop(&self) -> Vec<(String, String)> {
        self.buttons(self.feeds(), self.texts.button_continue(), self.texts.button_stop())
    }

    fn go_on_stop(&self) -> Vec<(String, String)> {
        self.buttons(self.feeds(), self.texts.button_go_on(), self.texts.button_no_stop())
    }

    fn buttons(&self, feeds: FeedSet, yes: String, no: String) -> Vec<(String, String)> {
        let named = self.rules.feeds.iter().map(|feed| &feed.name);
        let names = named.filter(|name| self.state.feed(name).is_some_and(|(id, _)| feeds.contains(id))).cloned().collect();
        vec![(Tap::Yes(names).encode(), yes), (Tap::No.encode(), no)]
    }
}

/// Paragraphs, without the empty ones.
fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("\n\n")
}

/// Characters as Meta may count them: UTF-16 is the most that they can be.
pub fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text, or as much of it as fits, with an ellipsis.
fn cut(text: &str, room: usize) -> String {
    if length(text) <= room {
        return text.to_owned();
    }
    let mut left = room.saturating_sub(1);
    let fits = |c: &char| {
        let enough = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        enough
    };
    text.chars().take_while(fits).chain(['…']).collect()
}
