//! The handbook's page about the doctor against the program: every check with its name, and every remedy of ours.

use drk_relay::command::doctor::Subject;

const PAGE: &str = include_str!("../../../docs/handbuch/doctor.md");

#[test]
fn the_handbook_has_every_check_with_its_remedies() {
    let headings: Vec<_> = PAGE.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(headings, Subject::ALL.map(|subject| format!("{} (`{}`)", subject.title(), subject.name())));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (subject, section) in Subject::ALL.into_iter().zip(PAGE.split("\n### ").skip(1)) {
        let section = words(section.split("\n## ").next().unwrap_or_default());
        for remedy in subject.remedies() {
            assert!(section.contains(&words(remedy)), "{subject:?}: {remedy}\nis not in\n{section}");
        }
    }
}
