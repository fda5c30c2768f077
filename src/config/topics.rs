//! The folder of topics: short texts that people can ask for, one Markdown file each. Reads files and shows what is wrong in them; what
//! they must look like is `domain::wording::topic`'s.

use super::document::Section;
use super::files::{Files, TextFile, TextFolder};
use super::report::{Problem, Source};
use crate::domain::rules::Topic;
use crate::domain::time::Day;
use crate::domain::wording::topic;

/// The topics of `[topics] folder`, in the order of their files' names; none if there is no such section. With `today` known, it is said
/// which texts somebody should look at again.
pub(super) fn read(root: &mut Section<'_>, files: &Files, today: Option<Day>) -> Option<Vec<Topic>> {
    let mut section = root.section("topics")?;
    if !section.is_given() {
        return Some(Vec::new());
    }
    section.begin();
    let read = files.folder(&mut section, "folder", "\"topics\"", "md");
    section.end();
    let TextFolder { path: folder, files: found, mut complete } = read?;
    let order = section.span("folder").start;
    let refuse = |problem: Problem| section.document().refuse(problem.ordered(order));
    let mut topics = Vec::new();
    for TextFile { name, path, text } in &found {
        match topic::parse(name, text, today) {
            Ok((topic, warnings)) => {
                let said = |warning: &topic::TopicWarning| Problem::saying(order, path, &warning.to_string());
                warnings.iter().for_each(|warning| section.document().warn(said(warning)));
                topics.push(topic);
            }
            Err(problems) => {
                let source = Source { name: path, text };
                problems.iter().for_each(|problem| refuse(source.saying(problem.line, &problem.fault.to_string())));
                complete = false;
            }
        }
    }
    let clashes = topic::check(&topics);
    clashes.iter().for_each(|clash| refuse(Problem::saying(order, &folder, &clash.to_string())));
    (complete && clashes.is_empty()).then_some(topics)
}
