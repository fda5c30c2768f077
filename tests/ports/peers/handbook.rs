//! The handbook's page about the relay host, of which every named block is meant literally. Reads it and asserts that the block is there.

/// The page itself.
pub(crate) const PAGE: &str = include_str!("../../../docs/handbuch/relay-host.md");

/// What stands in the block of this name: the second word behind its fence, which for a file is where it goes.
pub(crate) fn block(name: &str) -> &'static str {
    let found: Vec<_> = blocks().filter(|(called, _)| *called == name).map(|(_, text)| text).collect();
    assert_eq!(found.len(), 1, "blocks that are called {name}");
    found[0]
}

/// All blocks that have a name.
pub(crate) fn blocks() -> impl Iterator<Item = (&'static str, &'static str)> {
    // Text and block alternate.
    PAGE.split("```").skip(1).step_by(2).filter_map(|block| {
        let (info, text) = block.split_once('\n')?;
        Some((info.split_once(' ')?.1, text))
    })
}

/// The text with the one place in it changed that a test has to change.
pub(crate) fn with(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from} in\n{text}");
    text.replace(from, to)
}
