//! Topics and texts: read from their folders, and refused with file and line. What they must look like is tested in the middle.

use super::{FULL, Folder};
use drk_relay::config::{Checked, ConfigError, Files};
use drk_relay::domain::time::Millis;
use std::fs;

const TESTEN: &str = "---\ntitle: Testen\nkeywords: Testen, Test\nsource: RKI\ndate: 2026-11-22\n---\n\nBei Symptomen: zu Hause bleiben.\n";
const FOLDERS: &str = "[topics]\nfolder = \"topics\"\n[texts]\nfolder = \"texts\"\n";

/// [`FULL`] with both folders, each with one file.
fn with_folders() -> (Folder, String) {
    let folder = Folder::new();
    ["topics", "texts"].iter().for_each(|name| fs::create_dir(folder.path(name)).expect("created"));
    folder.write("topics/testen.md", TESTEN, 0o644);
    folder.write("texts/ours.ftl", "button_yes = Klar\n", 0o644);
    (folder, format!("{FULL}\n{FOLDERS}"))
}

#[test]
fn topics_are_in_the_order_of_their_names_and_our_words_in_their_place() {
    let (folder, text) = with_folders();
    folder.write("topics/aushang.md", &TESTEN.replace("Test", "Aushang"), 0o644);
    folder.write("topics/.testen.md.swp", "editor", 0o644);
    folder.write("topics/liesmich.txt", "not a topic", 0o644);
    let rules = folder.check(&text).expect("good").config.rules;
    assert_eq!(rules.topics.iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["aushang", "testen"]);
    let asis = folder.check(FULL).expect("good").config.rules;
    assert!(asis.topics.is_empty() && format!("{:?}", asis.texts) != format!("{:?}", rules.texts));
}

#[test]
fn what_is_wrong_in_a_folder_is_shown_in_its_file() {
    let (folder, text) = with_folders();
    folder.write("topics/testen.md", &TESTEN.replace("date: 2026-11-22", "date: gestern").replace("title: Testen", "titel: Testen"), 0o644);
    folder.write("topics/Impfen.md", TESTEN, 0o644);
    fs::write(folder.path("topics/schutz.md"), [0xff]).expect("written");
    folder.write("texts/ours.ftl", "button_yes = Klar\n# ja\nbutton_jein = Vielleicht\n", 0o644);
    let report = folder.check(&text).expect_err("refused").to_string();
    for shown in [
        "topics/testen.md:5:1: ",
        "\n 5 | date: gestern\n   | ^^^^^^^^^^^^^\n Abhilfe: ",
        "topics/testen.md:2:1: ",
        "topics/Impfen.md:1:1: Der Dateiname „Impfen.md“ geht nicht.\n",
        "topics/schutz.md: diese Datei ist nicht in UTF-8 geschrieben.\n Abhilfe: im Editor",
        "texts/ours.ftl:3:1: „button_jein“ gibt es nicht.\n   |\n 3 | button_jein = Vielleicht\n",
    ] {
        assert!(report.contains(shown), "{report}\n\nlacks\n\n{shown}");
    }
    assert_eq!(report.matches("Abhilfe: ").count(), folder.wrong(&text).len(), "one each: {report}");
}

#[test]
fn a_folder_that_is_not_there_or_empty_is_a_mistake() {
    for name in ["topics", "texts"] {
        let (folder, text) = with_folders();
        fs::remove_dir_all(folder.path(name)).expect("there");
        let line = text.lines().position(|line| line == format!("folder = \"{name}\"")).map_or(0, |line| line + 1);
        assert_eq!(folder.wrong(&text), [(line, format!("{name}.folder: {}: es gibt sie nicht.", folder.path(name).display()))]);
        fs::create_dir(folder.path(name)).expect("created");
        let found = folder.wrong(&text);
        assert!(found.len() == 1 && found[0].1.contains(" enthält 0 Dateien *."), "{found:?}");
    }
    let (folder, text) = with_folders();
    (0..11).for_each(|index| {
        let topic = TESTEN.replace("Testen", &format!("T{index}")).replace(", Test", "");
        folder.write(&format!("topics/t{index}.md"), &topic, 0o644);
    });
    let found = folder.wrong(&text);
    assert!(found.len() == 1 && found[0].1.starts_with("12 Themen, aber die Liste hat 10 Zeilen."), "{found:?}");
}

#[test]
fn old_topics_are_remarked_when_the_clock_is_known() {
    let (folder, text) = with_folders();
    let files = Files::new(&folder.path(""), None);
    let at = |seconds: u64| -> Result<Checked, ConfigError> { Checked::read("relay.toml", &text, &files, Some(Millis(seconds * 1000))) };
    // 22 November 2026, at noon; half past midnight of that day in Vienna, the day before; a year later.
    for (seconds, warned) in [(1_795_345_200, false), (1_795_303_800, false), (1_795_345_200 + 365 * 86_400, true)] {
        let warnings = at(seconds).expect("good").warnings;
        assert_eq!(warnings.iter().any(|warning| warning.to_string().contains("topics/testen.md: Der Text wurde vor 365 Tagen")), warned);
    }
    let early = at(1_795_345_200 - 2 * 86_400).expect_err("a date that has not come").to_string();
    assert!(early.contains("topics/testen.md:5:1: "), "{early}");
}
