//! The sentences that people read: German, `du`, as the original bot spoke. No decision: which of them is said is settled elsewhere.
//!
//! Limits: text of a question 1,024 characters, of a list or a text 4,096; button titles 20, row titles 24, row descriptions 72
//! (WhatsApp docs: text messages, interactive reply buttons, interactive lists).

mod figures;
mod german;
mod texts;
pub mod topic;
mod wish;

pub(super) use german::number;
pub use texts::{BRANCH_MAX, CONTACT_MAX, FEED_TITLE_MAX, LABEL_MAX, PRIVACY_MAX, SOURCE_MAX, UNIT_MAX};
pub use texts::{TextFault, TextProblem, Texts};
pub use wish::{Wish, fold, is_command, wish};

use super::conversation::{Person, Talk};
use super::decision::{Body, Row};
use super::event::Tap;
use super::figures::{Feed, Today};
use super::ids::{Address, FeedId, FeedSet, Name, TopicId};
use super::outbox::Kind;
use super::rules::{Rules, Topic};
use super::state::State;
use super::time::Millis;
use figures::{Shown, figures};

/// Characters of a question at most (WhatsApp docs: interactive reply buttons).
const QUESTION_MAX: usize = 1_024;
/// Characters of a text or a list at most (WhatsApp docs: text messages, interactive lists).
const TEXT_MAX: usize = 4_096;
/// Units of an empty line between two paragraphs.
const PARAGRAPH: usize = 2;
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
            Kind::Choose => self.choice("", &joined(&[&self.notice(), &self.texts.choose()])),
            Kind::Figures => Body::Text(self.all_figures(TEXT_MAX)),
            Kind::Subscribed { figures: true } => self.with_all_figures("", &self.texts.subscribed(&self.closes())),
            Kind::Subscribed { figures: false } => Body::Text(joined(&[&self.texts.subscribed(&self.closes()), &self.notice()])),
            Kind::Publication { since } => {
                let shown = Shown::newer(self.state, self.rules, self.feeds(), since);
                self.with_figures(&shown, "", &self.texts.ends(&self.closes()), self.continue_stop())
            }
            Kind::Reminder => {
                let asked = joined(&[&self.notice(), &self.reminder(), &self.texts.reminder_late()]);
                question("", &asked, self.go_on_stop())
            }
            Kind::Stopped => Body::Text(self.texts.stopped()),
            Kind::Resumed => self.with_all_figures(&self.texts.resumed(), &self.texts.resumed_until(&self.closes())),
            Kind::Privacy { ask } => self.perhaps_asking(&self.texts.privacy(&self.rules.branch, &self.rules.privacy), ask),
            Kind::Help { ask } => self.perhaps_asking(&self.help(), ask),
            Kind::Access { ask } => self.asking_if_it_fits(&self.access(), ask),
            Kind::Topics => self.topics(),
            Kind::Topic { topic, ask } => self.asking_if_it_fits(&self.topic(topic), ask),
            Kind::Hint => Body::Text(self.texts.hint(&self.yes_that_is_asked())),
            Kind::Waiting => Body::Text(self.texts.waiting(&self.closes())),
            Kind::Place => question(&self.texts.place(), &self.texts.question(), self.yes_no(self.feeds())),
            Kind::Ended => Body::Text([self.texts.ended(&self.last_day()), self.texts.emergency()].join("\n")),
        }
    }

    /// The feeds that this person hears of, or waits for; all that there are for everyone else.
    fn feeds(&self) -> FeedSet {
        match &self.person.talk {
            Talk::Subscribed { subscription, .. } | Talk::Lapsed { subscription } | Talk::Orphaned { subscription } => subscription.feeds,
            Talk::Waiting { feeds, .. } => *feeds,
            Talk::New | Talk::Asked { .. } | Talk::Stopped { .. } => self.state.configured(self.rules),
        }
    }

    /// „heute um 14:32 Uhr“: until when we may write.
    fn closes(&self) -> String {
        german::until(self.person.window.closes(), self.now, &self.rules.zone)
    }

    fn last_day(&self) -> String {
        self.state.notice.told().map_or_else(String::new, german::date)
    }

    /// That the service will end, if people may know that.
    fn notice(&self) -> String {
        self.state.notice.told().map_or_else(String::new, |day| self.texts.notice(&german::date(day)))
    }

    /// That there is nothing new, and why, if that is known of all feeds of this person.
    fn reminder(&self) -> String {
        let heard = |id: &FeedId, feed: &Feed| self.feeds().contains(*id) && self.rules.feed(&feed.name).is_some();
        let feeds = self.state.feeds.iter().filter(|(id, feed)| heard(id, feed));
        let today: Vec<Today> = feeds.map(|(_, feed)| Today::of(feed, self.rules, self.now)).collect();
        let late = |today: &Today| match today {
            Today::Late { by } => Some(*by),
            Today::Usual | Today::NoReport => None,
        };
        let hours: Option<Vec<u16>> = today.iter().map(late).collect();
        match hours.and_then(|hours| hours.into_iter().max()) {
            Some(by) => self.texts.reminder_overdue(&by.div_ceil(60).to_string()),
            None if !today.is_empty() && today.iter().all(|today| *today == Today::NoReport) => self.texts.reminder_no_report(),
            None => self.texts.reminder(),
        }
    }

    /// The question that strangers are asked: yes or no if there is one feed, else which.
    fn first_question(&self, intro: &str) -> Body {
        let shown = Shown::all(self.state, self.rules, self.feeds());
        let asked = self.texts.consent_question(self.rules.feeds.len());
        if self.rules.feeds.len() > 1 {
            let asked = joined(&[&self.notice(), &asked]);
            let room = TEXT_MAX.saturating_sub(length(intro) + length(&asked) + 2 * PARAGRAPH);
            return self.choice(&joined(&[intro, &figures(&shown, self.texts, room, &self.texts.shortened())]), &asked);
        }
        self.with_figures(&shown, intro, &asked, self.yes_no(self.feeds()))
    }

    fn choice(&self, text: &str, asked: &str) -> Body {
        let names: Vec<Name> = self.rules.feeds.iter().map(|feed| feed.name.clone()).collect();
        let mut rows: Vec<Row> = Vec::with_capacity(names.len() + 2);
        for feed in &self.rules.feeds {
            let description = feed.description.as_deref().map(|text| cut(text, ROW_DESCRIPTION_MAX));
            rows.push(Row { id: Tap::Yes(vec![feed.name.clone()]).encode(), title: cut(&feed.title, ROW_TITLE_MAX), description });
        }
        if names.len() > 1 {
            rows.push(Row { id: Tap::Yes(names).encode(), title: self.texts.row_all(), description: None });
        }
        rows.push(Row { id: Tap::No.encode(), title: self.texts.row_none(), description: None });
        Body::List { text: above(text, asked, TEXT_MAX), button: self.texts.button_choose(), rows }
    }

    fn topics(&self) -> Body {
        let row = |topic: &Topic| {
            let description = Some(cut(&self.origin(topic), ROW_DESCRIPTION_MAX));
            Row { id: Tap::Topic(topic.name.clone()).encode(), title: cut(&topic.title, ROW_TITLE_MAX), description }
        };
        let rows: Vec<Row> = self.rules.topics.iter().map(row).collect();
        if rows.is_empty() {
            return Body::Text(self.texts.no_topics());
        }
        Body::List { text: self.texts.topics(), button: self.texts.button_topics(), rows }
    }

    fn topic(&self, id: TopicId) -> String {
        let Some(topic) = self.rules.topic(id) else { return self.texts.no_topics() };
        joined(&[&format!("*{}*", topic.title), &topic.text, &self.origin(topic)])
    }

    fn origin(&self, topic: &Topic) -> String {
        self.texts.topic_origin(&topic.source, &german::date(topic.date))
    }

    fn help(&self) -> String {
        let mut help = vec![self.texts.help()];
        if self.rules.feeds.len() > 1 {
            help.push(self.texts.help_choose());
        }
        if !self.rules.topics.is_empty() {
            help.push(self.texts.help_topics());
        }
        if !self.rules.contact.is_empty() {
            help.push(self.texts.help_contact(&self.rules.contact));
        }
        help.push(self.texts.emergency());
        help.join("\n")
    }

    /// What is stored about this person, in full.
    fn access(&self) -> String {
        let (texts, closes) = (self.texts, self.closes());
        let moment = |at| german::moment(at, &self.rules.zone);
        let address = self.state.people.find(self.person.hash).and_then(|id| self.state.addresses.get(id));
        let mut stored = vec![texts.access()];
        stored.extend(address.map(|address| match address {
            Address::Bsuid(id) => texts.access_id(id.expose(), &closes),
            Address::Phone(number) => texts.access_number(&format!("+{}", number.expose()), &closes),
        }));
        stored.push(if self.person.alias.is_some() { texts.access_hashes() } else { texts.access_hash() });
        stored.push(texts.access_latest(&moment(self.person.window.latest)));
        stored.push(texts.access_messages());
        stored.push(match &self.person.talk {
            Talk::Subscribed { subscription, .. } | Talk::Lapsed { subscription } | Talk::Orphaned { subscription } => {
                let asked = self.state.wordings.get(&subscription.wording).map_or("", |text| text);
                texts.access_agreed(&moment(subscription.consent), asked, &self.titles(subscription.feeds))
            }
            Talk::Waiting { feeds, .. } => texts.access_waiting(&self.titles(*feeds)),
            Talk::Asked { stopped: Some(at), .. } | Talk::Stopped { at } => texts.access_stopped(&moment(*at)),
            Talk::New | Talk::Asked { stopped: None, .. } => texts.access_nothing(),
        });
        stored.push(texts.access_end());
        stored.join("\n")
    }

    fn titles(&self, feeds: FeedSet) -> String {
        let chosen = self.rules.feeds.iter().filter(|feed| self.state.feed(&feed.name).is_some_and(|(id, _)| feeds.contains(id)));
        chosen.map(|feed| feed.title.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The text, and the question below it.
    fn perhaps_asking(&self, text: &str, ask: bool) -> Body {
        let asked = self.texts.consent_question(self.rules.feeds.len());
        match ask {
            true if self.rules.feeds.len() > 1 => self.choice(text, &asked),
            true => question(text, &asked, self.yes_no(self.feeds())),
            false => Body::Text(cut(text, TEXT_MAX)),
        }
    }

    /// The same, but the question is left out where the text would have to be cut for its sake.
    fn asking_if_it_fits(&self, text: &str, ask: bool) -> Body {
        let asked = self.texts.consent_question(self.rules.feeds.len());
        let most = if self.rules.feeds.len() > 1 { TEXT_MAX } else { QUESTION_MAX };
        self.perhaps_asking(text, ask && length(text) + PARAGRAPH + length(&asked) <= most)
    }

    fn all_figures(&self, room: usize) -> String {
        let shown = Shown::all(self.state, self.rules, self.feeds());
        cut(&figures(&shown, self.texts, room, &self.texts.shortened()), room)
    }

    /// What was agreed, below the figures that it is about.
    fn with_all_figures(&self, intro: &str, agreed: &str) -> Body {
        let agreed = joined(&[agreed, &self.notice()]);
        let room = TEXT_MAX.saturating_sub(length(intro) + length(&agreed) + 2 * PARAGRAPH);
        Body::Text(joined(&[intro, &self.all_figures(room), &agreed]))
    }

    /// An introduction, the latest figures, and a question: the figures take what room the others leave.
    fn with_figures(&self, shown: &[Shown], intro: &str, asked: &str, buttons: Vec<(String, String)>) -> Body {
        let asked = joined(&[&self.notice(), asked]);
        let room = QUESTION_MAX.saturating_sub(length(intro) + length(&asked) + 2 * PARAGRAPH);
        let figures = figures(shown, self.texts, room, &self.texts.more());
        question(&joined(&[intro, &figures]), &asked, buttons)
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

    /// The button that says yes to the question that this person was asked.
    fn yes_that_is_asked(&self) -> String {
        match self.person.talk {
            Talk::Subscribed { .. } | Talk::Lapsed { .. } | Talk::Orphaned { .. } => self.texts.button_go_on(),
            Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Stopped { .. } => self.texts.button_yes(),
        }
    }

    fn buttons(&self, feeds: FeedSet, yes: String, no: String) -> Vec<(String, String)> {
        let named = self.rules.feeds.iter().map(|feed| &feed.name);
        let names = named.filter(|name| self.state.feed(name).is_some_and(|(id, _)| feeds.contains(id))).cloned().collect();
        vec![(Tap::Yes(names).encode(), yes), (Tap::No.encode(), no)]
    }
}

/// A question with buttons below a text.
fn question(text: &str, asked: &str, buttons: Vec<(String, String)>) -> Body {
    Body::Buttons { text: above(text, asked, QUESTION_MAX), buttons }
}

/// What is asked comes last and whole; a text too long for Meta, because of a very long name, say, is cut before it.
fn above(text: &str, asked: &str, most: usize) -> String {
    joined(&[&cut(text, most.saturating_sub(length(asked) + PARAGRAPH)), asked])
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
    let Some(mut left) = room.checked_sub(1) else { return String::new() };
    let fits = |c: &char| {
        let enough = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        enough
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
