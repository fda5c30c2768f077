//! Which sentences there are: for each its pieces and how long it may become. The one table from which the functions, the checks of the
//! Fluent files and the tests are made. No wording: that is in `texts/de`.

use super::Texts;

/// The branch's name at most, in UTF-16 units: it stands in questions.
pub const BRANCH_MAX: usize = 80;
/// Whom people can ask, at most: a sentence with a telephone number and an address.
pub const CONTACT_MAX: usize = 120;
/// Where the branch's privacy notice is found, at most: an address on the web.
pub const PRIVACY_MAX: usize = 160;
/// A feed's title at most: eight of them with their dates fit into a question of 1,024.
pub const FEED_TITLE_MAX: usize = 60;
/// A metric's label at most: ten of them with the largest numbers fit into a question of 1,024.
pub const LABEL_MAX: usize = 40;
/// A metric's unit at most, for the same reason.
pub const UNIT_MAX: usize = 20;
/// A topic's source at most: with its date it fits into a row's description of 72.
pub const SOURCE_MAX: usize = 45;

/// The question for strangers at most: what it rides on has the rest of 1,024.
pub(in crate::domain::wording) const QUESTION_LONGEST: usize = 120;
/// What stands under a topic at most: a row's description.
pub(in crate::domain::wording) const ORIGIN_LONGEST: usize = crate::domain::wording::ROW_DESCRIPTION_MAX;

/// Titles of buttons (WhatsApp docs: interactive reply buttons, interactive lists).
const BUTTON: usize = 20;
/// Titles of rows (WhatsApp docs: interactive lists).
const ROW: usize = crate::domain::wording::ROW_TITLE_MAX;
/// What may become no longer than this stands in one line: buttons and rows.
pub(super) const ONE_LINE: usize = ROW;
/// A text that the question may follow: with [`QUESTION_LONGEST`] and an empty line between them it makes 1,024.
const ABOVE_QUESTION: usize = 900;
/// A text that stands alone, or that figures stand above: much less than the 4,096 there are, because nobody reads that.
const ALONE: usize = 700;

/// One sentence.
pub(super) struct Sentence {
    /// What it is called in the Fluent files.
    pub(super) key: &'static str,
    /// What must stand in it.
    pub(super) pieces: &'static [&'static str],
    /// UTF-16 units at most, with the longest pieces.
    pub(super) most: usize,
}

macro_rules! sentences {
    ($($(#[$doc:meta])* $key:ident($($piece:ident),*) <= $most:expr;)*) => {
        /// All of them.
        pub(super) const SENTENCES: &[Sentence] =
            &[$(Sentence { key: stringify!($key), pieces: &[$(stringify!($piece)),*], most: $most }),*];

        impl Texts {$(
            $(#[$doc])*
            pub(in crate::domain::wording) fn $key(&self, $($piece: &str),*) -> String {
                self.say(stringify!($key), &[$((stringify!($piece), $piece)),*])
            }
        )*}
    };
}

// What must fit together into 1,024 units: `welcome` or `interruption`, at least 340 for figures, `notice` and `question`; figures,
// `notice` and `ends`; `notice`, one of the three reminders and `reminder_late`; `place` and `question`; `help`, what may follow it, and
// `question`.
sentences! {
    /// Who we are; figures and the question follow.
    welcome(branch) <= 400;
    /// The question that a "Ja" answers, if there is one feed.
    question() <= QUESTION_LONGEST;
    /// The same question, if there are several.
    choose() <= 300;
    /// We were not there; figures and the question follow.
    interruption() <= 300;
    /// Until when a subscription lasts without an answer.
    ends(closes) <= 120;
    /// Nothing new; do you want to go on?
    reminder() <= 300;
    /// Nothing new, though by this hour there usually is; do you want to go on?
    reminder_overdue(hour) <= 300;
    /// There will be nothing new today; do you want to go on?
    reminder_no_report() <= 300;
    /// A later answer counts, too.
    reminder_late() <= 200;
    /// A place is free; the question follows.
    place() <= 300;
    /// The service will end.
    notice(day) <= 100;

    /// You are subscribed.
    subscribed(closes) <= ALONE;
    /// We were not there, and it goes on; figures follow.
    resumed() <= 300;
    /// Until when, below them.
    resumed_until(closes) <= 120;
    /// You are unsubscribed.
    stopped() <= ALONE;
    /// A thumb is no answer.
    hint(button) <= ALONE;
    /// There is no place at present.
    waiting(closes) <= ALONE;
    /// The service has ended.
    ended(day) <= ALONE;
    /// What can be written.
    help() <= 300;
    /// That feeds can be chosen.
    help_choose() <= 80;
    /// That there are topics.
    help_topics() <= 80;
    /// Whom to ask.
    help_contact(contact) <= 200;
    /// Whom to call.
    emergency() <= 160;
    /// What is stored, who is responsible, how to have it erased.
    privacy(branch, privacy) <= ABOVE_QUESTION;
    /// Above what is stored about this person.
    access() <= 80;
    /// The address, a BSUID.
    access_id(id, closes) <= 300;
    /// The address, a telephone number.
    access_number(number, closes) <= 200;
    /// The hash that a person is recognised by.
    access_hash() <= 80;
    /// The hashes, if there is one of the telephone number, too.
    access_hashes() <= 100;
    /// When the latest message came.
    access_latest(at) <= 120;
    /// The outbox.
    access_messages() <= 100;
    /// The proof of consent.
    access_agreed(at, asked, feeds) <= 1_200;
    /// A place in the line.
    access_waiting(feeds) <= 700;
    /// The tombstone.
    access_stopped(at) <= 120;
    /// No agreement.
    access_nothing() <= 60;
    /// Below what is stored about this person.
    access_end() <= 160;
    /// Above the list of topics.
    topics() <= ALONE;
    /// There are none, or not this one any more.
    no_topics() <= ALONE;
    /// Who says so, and as of when.
    topic_origin(source, date) <= ORIGIN_LONGEST;

    /// Nothing has been published.
    no_figures() <= 100;
    /// Below a feed's title.
    as_of(day) <= 40;
    /// Figures that were told before were wrong; below the day.
    correction() <= 60;
    /// What was told before, behind the number.
    corrected(amount) <= 50;
    /// Some lines were left out of a question.
    more() <= 25;
    /// Some lines were left out of a whole message.
    shortened() <= 25;
    /// It rose.
    change_more(amount, compared) <= 60;
    /// It fell.
    change_less(amount, compared) <= 60;
    /// It stayed.
    change_none(compared) <= 40;

    /// To the first question: yes.
    button_yes() <= BUTTON;
    /// To the first question: no.
    button_no() <= BUTTON;
    /// To new figures: yes.
    button_continue() <= BUTTON;
    /// To new figures: no.
    button_stop() <= BUTTON;
    /// To the reminder: yes.
    button_go_on() <= BUTTON;
    /// To the reminder: no.
    button_no_stop() <= BUTTON;
    /// Opens the list of feeds.
    button_choose() <= BUTTON;
    /// Opens the list of topics.
    button_topics() <= BUTTON;
    /// All feeds.
    row_all() <= ROW;
    /// None of them.
    row_none() <= ROW;
}

/// UTF-16 units of a piece at most. Pieces of one name mean the same in every sentence.
pub(super) fn longest(piece: &str) -> usize {
    match piece {
        "branch" => BRANCH_MAX,
        "contact" => CONTACT_MAX,
        "privacy" => PRIVACY_MAX,
        "source" => SOURCE_MAX,
        "button" => BUTTON,
        "closes" => "am 22.11.2026 um 14:32 Uhr".len(),
        "date" => "22.11.2026".len(),
        "hour" => "24".len(),
        "compared" => "22.11.".len(),
        "day" => "Donnerstag, 22.11.2026".len(),
        "at" => "22.11.2026, 14:32 Uhr".len(),
        // The largest value with a fraction, grouped; its sign becomes a word.
        "amount" => "1.000.000.000.000.000,000000".len(),
        "number" => 1 + crate::domain::ids::Phone::MAX,
        "id" => crate::domain::ids::Bsuid::MAX,
        "asked" => 300,
        "feeds" => crate::domain::rules::FEEDS_MAX * (FEED_TITLE_MAX + ", ".len()),
        _ => unreachable!("a test asks for every piece in the table"),
    }
}

/// What a sentence must name, however it is worded: without these words a promise is broken.
pub(super) const NAMED: &[(&str, &[&str])] = &[
    ("welcome", &["Datenschutz", "Stopp"]),
    ("subscribed", &["Stopp"]),
    ("help", &["Zahlen", "Ja", "Stopp", "Datenschutz", "Auskunft"]),
    ("help_choose", &["Auswahl"]),
    ("help_topics", &["Themen"]),
    ("privacy", &["Stopp", "Auskunft"]),
    ("access_end", &["Löschen"]),
    ("emergency", &["112", "116117"]),
];
