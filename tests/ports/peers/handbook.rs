//! The handbook's pages, of which every named block is meant literally. Asserts only that the block is there.
//!
//! Without saying which: the page about the relay host.

use std::fs;
use std::sync::LazyLock;

static PAGE: LazyLock<String> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/handbuch/relay-host.md");
    fs::read_to_string(path).expect("the page is there")
});

/// What stands in the block of this name: the second word behind its fence, which for a file is where it goes.
pub(crate) fn block(name: &str) -> &'static str {
    let found: Vec<_> = blocks().filter(|(called, _)| *called == name).map(|(_, text)| text).collect();
    assert_eq!(found.len(), 1, "blocks that are called {name}");
    found[0]
}

/// All blocks that have a name.
pub(crate) fn blocks() -> impl Iterator<Item = (&'static str, &'static str)> {
    blocks_of(page())
}

/// All blocks of a page that have a name.
pub(crate) fn blocks_of(page: &str) -> impl Iterator<Item = (&str, &str)> {
    // Text and block alternate.
    page.split("```").skip(1).step_by(2).filter_map(|block| {
        let (info, text) = block.split_once('\n')?;
        Some((info.split_once(' ')?.1, text))
    })
}

/// The whole page.
pub(crate) fn page() -> &'static str {
    &PAGE
}

/// The text with the one place in it changed that a test has to change.
pub(crate) fn with(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from} in\n{text}");
    text.replace(from, to)
}
