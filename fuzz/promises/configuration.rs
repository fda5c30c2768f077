//! What holds for any text as `relay.toml`. Knows no case: those are in tests/ports/configuration.

use drk_relay::config::{Checked, Config, ConfigError, Files, Problem};
use drk_relay::domain::rules::{FEEDS_MAX, METRICS_MAX, TOPICS_MAX};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What the text is called in reports.
const NAME: &str = "relay.toml";
/// Longest line of a report: 100 columns of a line, what is left and right of it, and as much again for what combines.
const LINE: usize = 1_000;
/// Files beside the configuration, as its example names them, and what must never be shown of them.
const SECRETS: [(&str, &str); 5] = [
    ("token", "EAAGm0PX4ZCpsBAKZCyourtoken"),
    ("app-secret", "00112233445566778899aabbccddeeff"),
    ("verify-token", "pruefwort-das-niemand-sieht"),
    ("password", "broker password with spaces"),
    ("proxy", "socks5h://relay:geheimnis@proxy.example:1080"),
];
const TOPIC: &str = "---\ntitle: Testen\nkeywords: Test\nsource: RKI\ndate: 2026-11-22\n---\n\nEin Test hilft.\n";

/// Puts the files into the folder.
///
/// # Errors
/// If they cannot be written.
pub(crate) fn furnish(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder.join("topics"))?;
    fs::write(folder.join("topics/testen.md"), TOPIC)?;
    for (name, content) in SECRETS {
        fs::write(folder.join(name), content)?;
        fs::set_permissions(folder.join(name), Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Asserts it of a text in a folder with the files of [`furnish`]. Whether the relay can work with it.
pub(crate) fn check(text: &[u8], folder: &Path) -> bool {
    // What is no UTF-8 never gets that far.
    let Ok(text) = std::str::from_utf8(text) else { return false };
    match Checked::read(NAME, text, &Files::new(folder, None), None) {
        Ok(Checked { config, warnings, effective }) => {
            can_work(&config);
            let shown = format!("{config:?}\n{effective}");
            keeps_secrets(text, &shown);
            assert!(effective.parse::<toml::Table>().is_ok(), "not TOML:\n{effective}");
            warnings.iter().for_each(|warning| points_into(text, warning));
            true
        }
        Err(error) => {
            explains(text, &error);
            false
        }
    }
}

/// At least one problem, each in the text, in the order of the text.
fn explains(text: &str, error: &ConfigError) {
    let problems = error.problems();
    assert!(!problems.is_empty(), "refused without a reason");
    keeps_secrets(text, &error.to_string());
    problems.iter().for_each(|problem| points_into(text, problem));
    let lines: Vec<usize> = problems.iter().filter_map(|problem| Some(place(problem)?.0)).collect();
    assert!(lines.is_sorted(), "{lines:?}");
}

/// Line and column that are shown, if it is about a place in the text.
fn place(problem: &Problem) -> Option<(usize, usize)> {
    let shown = problem.to_string();
    let (line, rest) = shown.strip_prefix(NAME)?.strip_prefix(':')?.split_once(':')?;
    let (column, _) = rest.split_once(':')?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// The place is in the text, and a terminal shows it as it is meant: no control characters, no endless lines.
fn points_into(text: &str, problem: &Problem) {
    let shown = problem.to_string();
    assert!(shown.contains("\n Abhilfe: "), "{shown}");
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    if let Some(line) = shown.lines().find(|line| line.chars().count() > LINE) {
        panic!("{} characters in one line: {line}", line.chars().count());
    }
    if let Some((line, column)) = place(problem) {
        assert_eq!(problem.line(), Some(line));
        // An empty last line is one: what is missing there is shown there.
        let content = text.split('\n').nth(line - 1).unwrap_or_else(|| panic!("line {line} of {}", text.lines().count()));
        assert!((1..=content.chars().count() + 1).contains(&column), "column {column} of {content:?}");
    }
}

/// Nothing of the files is shown, unless somebody has copied it into the text.
fn keeps_secrets(text: &str, shown: &str) {
    for (name, secret) in SECRETS.iter().filter(|(_, secret)| !text.contains(secret)) {
        assert!(!shown.contains(secret), "what is in {name} is shown");
    }
}

/// What the rest of the program relies upon.
fn can_work(config: &Config) {
    let rules = &config.rules;
    assert!((1..=FEEDS_MAX).contains(&rules.feeds.len()) && rules.topics.len() <= TOPICS_MAX && rules.rate > 0);
    for feed in &rules.feeds {
        assert!((1..=METRICS_MAX).contains(&feed.metrics.len()), "{} metrics", feed.metrics.len());
        assert!(feed.metrics.iter().any(|metric| metric.required), "complete without anything");
        assert_eq!(rules.feeds.iter().filter(|other| other.name == feed.name).count(), 1, "{} twice", feed.name);
    }
    let feeds: Vec<_> = rules.feeds.iter().map(|feed| &feed.name).collect();
    assert_eq!(config.mqtt.feeds.iter().map(|feed| &feed.name).collect::<Vec<_>>(), feeds);
    assert!(!config.webhook.app_secrets.is_empty() && config.webhook.phone_number_id == config.graph.phone_number_id);
}
