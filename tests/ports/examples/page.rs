//! The page shows what lies in docs/beispiele, and nothing there is not on the page.

use super::{example, text};
use crate::mqtt::peer::config;
use crate::peers::handbook::blocks_of;
use crate::program::says;
use drk_relay::port::mqtt::{Rejected, parse};
use std::collections::BTreeSet;
use std::fs;

pub(super) const PAGE: &str = include_str!("../../../docs/handbuch/zahlen-senden.md");

/// The block of the page with this name.
pub(super) fn block(name: &str) -> &'static str {
    let mut found = blocks_of(PAGE).filter(|(called, _)| *called == name).map(|(_, text)| text);
    let first = found.next().expect(name);
    assert_eq!(found.next(), None, "{name} is there twice");
    first
}

#[test]
fn the_page_shows_every_example_as_it_is() {
    let files = fs::read_dir(example("")).expect("a folder").map(|entry| entry.expect("readable").file_name().into_string().expect("text"));
    let mut files: Vec<_> = files.collect();
    files.sort();
    assert_eq!(files, ["home-assistant.yaml", "node-red.json", "tabelle.csv", "tabelle_senden.py", "zahl-senden.sh", "zahlen_senden.py"]);
    for file in &files {
        // On a page nobody sees a BOM.
        assert_eq!(block(file), text(file).trim_start_matches('\u{feff}').replace("\r\n", "\n"), "{file}");
    }
}

/// With `--help` nothing is done, and what is no command is refused all the same.
#[tokio::test]
async fn the_program_has_every_command_that_the_page_names() {
    let inline = PAGE.split('`').skip(1).step_by(2).chain([block("zugang").trim()]);
    let commands: BTreeSet<_> = inline.filter_map(|code| code.strip_prefix("drk-relay ")).filter(|code| !code.contains('\n')).collect();
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        let (code, ..) = says(&command.split(' ').chain(["--help"]).collect::<Vec<_>>()).await;
        assert_eq!(code, Some(0), "{command}");
    }
}

/// Codes are for programs and never change their meaning: what the page says of one must be said of one that there is.
#[test]
fn every_code_of_the_table_is_one_that_receipts_have() {
    const SOURCES: [&str; 3] = [
        include_str!("../../../src/port/mqtt/receipt.rs"),
        include_str!("../../../src/port/mqtt/rejected.rs"),
        include_str!("../../../src/domain/figures/gate.rs"),
    ];
    let rows = PAGE.lines().skip_while(|line| !line.starts_with("| `result` |")).skip(2).take_while(|line| line.starts_with('|'));
    let codes: Vec<_> = rows.filter_map(|row| row.split('|').nth(2)).flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(codes.len() >= 20, "{codes:?}");
    for code in codes {
        assert!(SOURCES.iter().any(|source| source.contains(&format!("\"{code}\""))), "{code}");
    }
}

#[test]
fn the_messages_of_the_table_are_read_as_it_says() {
    let config = config(([127, 0, 0, 1], 1883).into());
    for (topic, payload, code) in [
        ("figures/corona/cases_new", "17", None),
        ("figures/corona/cases_new", r#"{"value": 17, "as_of": "2026-11-22"}"#, None),
        ("figures/corona", r#"{"cases_new": 17, "incidence": 57.4, "as_of": "2026-11-22"}"#, None),
        ("figures/corona/cases_new", "12.735", None),
        ("figures/corona/incidence", "57,4", None),
        ("figures/corona/incidence", "1.234", Some("ambiguous-number")),
        ("figures/corona/cases_new", r#"{"value_state": "no_report_today"}"#, None),
        ("figures/corona", r#"{"value_state": "no_report_today"}"#, None),
        ("figures/corona/cases_new", r#"{"value": 71, "as_of": "2026-11-21", "corrects": "2026-11-21"}"#, None),
    ] {
        assert!(PAGE.contains(&format!("`{payload}`")), "{payload}");
        let read = parse(&config, topic, payload.as_bytes());
        assert_eq!(read.as_ref().err().map(Rejected::code), code, "{topic} {payload}: {read:?}");
    }
}
