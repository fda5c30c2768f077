//! The folder of texts: sentences of the branch in place of ours. Reads files and shows what is wrong in them; what they must look like is
//! `domain::wording`'s.

use super::document::Section;
use super::files::{Files, TextFile, TextFolder};
use super::report::{Problem, Source};
use crate::domain::wording::{TextProblem, Texts};

/// Our sentences, and in their place those of `[texts] folder`.
pub(super) fn read(root: &mut Section<'_>, files: &Files) -> Option<Texts> {
    let mut section = root.section("texts")?;
    if !section.is_given() {
        return Some(Texts::german());
    }
    section.begin();
    let read = files.folder(&mut section, "folder", "\"texts\"", "ftl");
    section.end();
    let TextFolder { files: found, complete, .. } = read?;
    let order = section.span("folder").start;
    let pairs: Vec<(String, String)> = found.iter().map(|file| (file.path.clone(), file.text.clone())).collect();
    let problems = match Texts::overridden(&pairs) {
        Ok(texts) => return complete.then_some(texts),
        Err(problems) => problems,
    };
    for problem in &problems {
        section.document().refuse(shown(problem, &found).ordered(order));
    }
    None
}

fn shown(problem: &TextProblem, found: &[TextFile]) -> Problem {
    let TextProblem { file, line, key, fault } = problem;
    let subject = if key.is_empty() { "Diese Zeile".to_owned() } else { format!("„{key}“") };
    let sentence = format!("{subject} {fault}");
    match found.iter().find(|read| read.path == *file) {
        Some(TextFile { path, text, .. }) => Source { name: path, text }.saying(*line, &sentence),
        None => Problem::saying(0, file, &sentence),
    }
}
