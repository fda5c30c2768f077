//! `drk-relay check-config`: whether a configuration can work, what it amounts to and how many people it suffices for. Starts nothing and
//! connects to nothing; what is wrong with a configuration is found by `config`.

use super::Failure;
use crate::command::output::say;
use crate::config::{Checked, Files};
use crate::domain::budget;
use crate::domain::rules::Rules;
use crate::port::clock::Clock;
use std::path::Path;

pub(super) fn execute(path: &Path) -> Result<(), Failure> {
    let checked = Checked::open(path, &Files::of_technician(path), Some(Clock::System.now()))?;
    say!("{}", page(&checked));
    Ok(())
}

/// All that is to be said.
fn page(checked: &Checked) -> String {
    let mut page = "Die Konfiguration ist in Ordnung.".to_owned();
    match checked.warnings.as_slice() {
        [] => {}
        [warning] => page += &format!(" Ein Hinweis dazu:\n\n{warning}"),
        warnings => {
            page += &format!(" {} Hinweise dazu:", warnings.len());
            warnings.iter().for_each(|warning| page += &format!("\n\n{warning}"));
        }
    }
    page + &format!("\n\n{}\n\nSo gilt sie, mit allen Vorgaben:\n\n{}", places(&checked.config.rules), checked.effective.trim())
}

/// How many people the messages suffice for (DESIGN.md, promise 9).
fn places(rules: &Rules) -> String {
    let each = budget::messages_per_person(rules);
    let basis = match rules.feeds.len() {
        1 => format!("wer täglich Zahlen bekommt, kostet im Monat bis zu {each} Nachrichten"),
        many => format!("wer alle {many} Zahlenreihen täglich bekommt, kostet im Monat bis zu {each} Nachrichten"),
    };
    match (rules.monthly_messages, budget::places(rules)) {
        (Some(messages), Some(0)) => format!("Das Monatskontingent von {messages} Nachrichten reicht für niemanden ({basis})."),
        (Some(messages), Some(1)) => format!("Das Monatskontingent von {messages} Nachrichten reicht für etwa eine Person ({basis})."),
        (Some(messages), Some(places)) => {
            format!("Das Monatskontingent von {messages} Nachrichten reicht für etwa {places} Personen ({basis}).")
        }
        (None, _) | (_, None) => format!("Das Monatskontingent ist unbegrenzt; {basis}."),
    }
}
