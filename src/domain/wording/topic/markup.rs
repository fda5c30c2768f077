//! Markdown as people write it, turned into what WhatsApp shows: `*bold*`, `_italic_`, `~struck~`, `• ` and plain addresses. A small part
//! of Markdown, and no tree: what is not understood stays as it is written, and what cannot be shown is refused.

use super::{Markup, Problems, TopicFault};

/// What encloses text in Markdown, and what it becomes; the longest first.
const MARKS: &[(&str, &str, &str)] =
    &[("***", "*_", "_*"), ("**", "*", "*"), ("__", "*", "*"), ("~~", "~", "~"), ("*", "_", "_"), ("_", "_", "_")];

/// A paragraph, a heading, an item of a list or a quotation.
struct Block {
    /// What is put before it.
    before: String,
    /// Its lines, joined as Markdown joins them.
    text: String,
    heading: bool,
    /// Whether there is an empty line before it.
    apart: bool,
}

/// The text in WhatsApp's markup. `first` is the number of the first line.
pub(super) fn whatsapp(lines: &[&str], first: usize, problems: &mut Problems) -> String {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut apart, mut broken) = (false, false);
    for (line, written) in (first..).zip(lines) {
        if let Some(markup) = refused(written) {
            problems.add(line, TopicFault::Markup(markup));
            if written.trim_start().starts_with("```") || written.trim_start().starts_with("~~~") {
                // What follows is code, too: one complaint is enough.
                break;
            }
            continue;
        }
        let text = written.trim();
        if text.is_empty() {
            apart = true;
            continue;
        }
        let (before, heading, text) = begins(text);
        let breaks = written.ends_with("  ") || text.ends_with('\\');
        let text = text.trim_end_matches('\\');
        match blocks.last_mut().filter(|last| before.is_empty() && !heading && !apart && !last.heading) {
            Some(last) => {
                last.text.push(if broken { '\n' } else { ' ' });
                last.text.push_str(text);
            }
            None => blocks.push(Block { before, text: text.to_owned(), heading, apart }),
        }
        (apart, broken) = (false, breaks);
    }
    let mut out = String::new();
    for block in blocks {
        if !out.is_empty() {
            out.push_str(if block.apart { "\n\n" } else { "\n" });
        }
        out.push_str(&block.before);
        let text = inline(&block.text);
        // Bold within bold would end it.
        out.push_str(&if block.heading { format!("*{}*", text.replace('*', "")) } else { text });
    }
    out
}

/// What this line begins: what is put before it, whether it is a heading, and the rest.
fn begins(line: &str) -> (String, bool, &str) {
    let level = line.chars().take_while(|c| *c == '#').count();
    if let Some(heading) = line.get(level..).filter(|rest| (1..=6).contains(&level) && rest.starts_with(' ')) {
        return (String::new(), true, heading.trim_matches([' ', '#']));
    }
    if let Some(item) = ["- ", "* ", "+ "].iter().find_map(|mark| line.strip_prefix(mark)) {
        return ("• ".to_owned(), false, item.trim_start());
    }
    if let Some(quoted) = line.strip_prefix("> ") {
        return ("> ".to_owned(), false, quoted.trim_start());
    }
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    match line.split_once(' ') {
        // „31. Dezember“ at the beginning of a line is an item, too, for Markdown; it reads the same.
        Some((number, item)) if (1..=3).contains(&digits) && number.len() == digits + 1 && number.ends_with(['.', ')']) => {
            (format!("{number} "), false, item.trim_start())
        }
        Some(_) | None => (String::new(), false, line),
    }
}

/// What WhatsApp cannot show in this line.
fn refused(line: &str) -> Option<Markup> {
    let text = line.trim();
    let drawn = |mark: char| text.len() >= 3 && text.chars().all(|c| c == mark || c == ' ');
    let tag = |(at, _): (usize, &str)| {
        text.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || "/!".contains(c)))
    };
    if text.contains('`') || text.starts_with("~~~") {
        Some(Markup::Code)
    } else if text.contains("![") {
        Some(Markup::Image)
    } else if text.match_indices('<').any(tag) {
        Some(Markup::Html)
    } else if text.starts_with('|') {
        Some(Markup::Table)
    } else if ['-', '*', '_', '='].into_iter().any(drawn) {
        Some(Markup::Rule)
    } else if text.contains("]()") {
        Some(Markup::Link)
    } else {
        None
    }
}

/// Bold, italic, struck, links and addresses within a block.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let (written, used) = address(rest)
            .or_else(|| link(rest))
            .or_else(|| escaped(rest))
            .or_else(|| enclosed(rest, out.chars().next_back()))
            .unwrap_or_else(|| (next.to_string(), next.len_utf8()));
        out.push_str(&written);
        rest = rest.get(used..).unwrap_or("");
    }
    out
}

/// An address as it is: what looks like markup in it is none.
fn address(text: &str) -> Option<(String, usize)> {
    let is_address = text.starts_with("https://") || text.starts_with("http://");
    let end = text.find(|c: char| c.is_whitespace() || c == ')').unwrap_or(text.len());
    // What encloses the address has been taken off already, but for marks that belong to nothing.
    let address = text.get(..end).filter(|_| is_address)?;
    Some((address.to_owned(), address.len()))
}

/// `[text](address)` becomes `text: address`, or the address alone if the text says the same.
fn link(text: &str) -> Option<(String, usize)> {
    let (label, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (address, _) = rest.split_once(')').filter(|_| !label.contains('[') && !label.is_empty())?;
    let used = label.len() + address.len() + "[](".len() + ")".len();
    let address = address.trim();
    let plain = ["mailto:", "tel:"].iter().find_map(|scheme| address.strip_prefix(scheme)).unwrap_or(address);
    let bare = plain.strip_prefix("https://").or_else(|| plain.strip_prefix("http://")).unwrap_or(plain).trim_end_matches('/');
    let same = [plain, bare].contains(&label.trim_end_matches('/'));
    (!address.is_empty() && !address.contains(char::is_whitespace))
        .then(|| (if same { plain.to_owned() } else { format!("{}: {plain}", inline(label)) }, used))
}

/// `\*` is an asterisk.
fn escaped(text: &str) -> Option<(String, usize)> {
    let c = text.strip_prefix('\\')?.chars().next().filter(char::is_ascii_punctuation)?;
    Some((c.to_string(), 1 + c.len_utf8()))
}

/// Text between two marks. Marks stand at the edges of words: `2 * 3` and `snake_case` have none.
fn enclosed(text: &str, before: Option<char>) -> Option<(String, usize)> {
    let (mark, open, close) = MARKS.iter().find(|(mark, _, _)| text.starts_with(mark))?;
    let inner = text.get(mark.len()..)?;
    let opens = inner.starts_with(|c: char| !c.is_whitespace()) && !before.is_some_and(char::is_alphanumeric);
    let closes = |at: &usize| {
        let (left, right) = (inner.get(..*at).unwrap_or(""), inner.get(at + mark.len()..).unwrap_or(""));
        let same = mark.chars().next();
        let longer = mark.len() == 1 && (left.chars().next_back() == same || right.chars().next() == same);
        left.ends_with(|c: char| !c.is_whitespace()) && !right.starts_with(char::is_alphanumeric) && !longer
    };
    let end = inner.match_indices(mark).map(|(at, _)| at).filter(|_| opens).find(closes)?;
    let said = inline(inner.get(..end)?);
    Some((format!("{open}{said}{close}"), mark.len() + end + mark.len()))
}
