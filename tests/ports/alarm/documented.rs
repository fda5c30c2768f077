//! The handbook's page about alarms against the program: every code, with what it says and what to do.

use drk_relay::domain::alarm::Code;

const PAGE: &str = include_str!("../../../docs/handbuch/alarme.md");

#[test]
fn the_handbook_has_every_alarm_as_it_is_told() {
    let headings: Vec<_> = PAGE.lines().filter_map(|line| line.strip_prefix("### ")?.strip_prefix('`')?.strip_suffix('`')).collect();
    assert_eq!(headings, Code::ALL.map(Code::name));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let sections: Vec<_> = PAGE.split("\n### `").skip(1).collect();
    for (code, section) in Code::ALL.into_iter().zip(sections) {
        let section = words(section.split("\n## ").next().unwrap_or_default());
        for text in [code.sentence(), code.remedy()] {
            assert!(section.contains(&words(text)), "{code:?}: {text}\nis not in\n{section}");
        }
    }
}
