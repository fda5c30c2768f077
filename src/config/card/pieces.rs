//! Which lines of the card's file belong to the card only. Cuts a text into headers, pairs and the rest, without understanding values, and
//! also where it is not TOML: wherever in doubt, lines below `[secrets]` are taken for secrets.

use super::text::end_of_quoted;
use crate::config::document::nearest;
use std::ops::Range;

/// Whose lines they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// The relay's own configuration.
    Relay,
    /// `[secrets]`.
    Secrets,
    /// `[[publisher]]`.
    Publisher,
}

/// What lines are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// `[section]`.
    Header,
    /// `key = value`: the key, and where the value begins.
    Pair(String, usize),
    /// Empty, a comment, or something that is neither.
    Other,
}

/// Whole lines that belong together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    pub(super) lines: Range<usize>,
    pub(super) part: Part,
    pub(super) kind: Kind,
    /// Where comments stand in it, from their `#` to the end of the line.
    pub(super) comments: Vec<Range<usize>>,
}

/// All pieces, which together are the text.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let (mut all, mut at, mut current) = (Vec::new(), 0, Part::Relay);
    let mut top = true;
    while at < text.len() {
        let line = text[at..].split_inclusive('\n').next().unwrap_or_default();
        let trimmed = line.trim_start();
        let mut comments: Vec<Range<usize>> =
            line.find('#').map(|begin| at + begin..at + line.trim_end_matches('\n').len()).into_iter().collect();
        let (kind, end) = if trimmed.starts_with('[') {
            (current, top) = (part_of(header(trimmed)), false);
            (Kind::Header, at + line.len())
        } else if trimmed.starts_with('#') || trimmed.is_empty() {
            (Kind::Other, at + line.len())
        } else {
            match line.split_once('=') {
                Some((key, _)) => {
                    let value = at + key.len() + 1;
                    let end;
                    (end, comments) = end_of(text, value);
                    (Kind::Pair(key.trim().trim_matches(['"', '\'']).to_owned(), value), end)
                }
                None => (Kind::Other, at + line.len()),
            }
        };
        let part = match &kind {
            Kind::Pair(key, _) if top => part_of(key.split('.').next().unwrap_or_default().trim()),
            Kind::Header | Kind::Pair(..) | Kind::Other => current,
        };
        all.push(Piece { lines: at..end, part, kind, comments });
        at = end;
    }
    all
}

/// The first name of a header.
pub(super) fn header(line: &str) -> &str {
    let inner = line.trim_start_matches(['[', ' ', '\t']);
    inner.split([']', '.', '\n', '#']).next().unwrap_or_default().trim().trim_matches(['"', '\''])
}

/// Misspelt it is a secret all the same.
fn part_of(name: &str) -> Part {
    let name = name.to_lowercase();
    let german = ["geheimnis", "geheimnisse", "passwort", "passwörter"].contains(&name.as_str());
    match nearest(&name, &["secrets", "publisher"]) {
        Some("secrets") => Part::Secrets,
        Some("publisher") => Part::Publisher,
        Some(_) | None if german => Part::Secrets,
        Some(_) | None => Part::Relay,
    }
}

/// Where the line ends in which a value ends that begins at `from`, and the comments until there: texts and lists may have several lines. A
/// header that is the card's ends it, too: then a bracket was forgotten.
fn end_of(text: &str, from: usize) -> (usize, Vec<Range<usize>>) {
    let (mut at, mut depth, mut comments) = (from, 0_usize, Vec::new());
    let line_end = |at: usize| text[at..].find('\n').map_or(text.len(), |found| at + found);
    while at < text.len() {
        let rest = &text[at..];
        if let Some(quotes) = ["\"\"\"", "'''"].into_iter().find(|quotes| rest.starts_with(quotes)) {
            let inside = at + quotes.len();
            at = text[inside..].find(quotes).map_or(text.len(), |found| inside + found + quotes.len());
            continue;
        }
        let char = rest.chars().next().unwrap_or_default();
        match char {
            '\n' if depth == 0 || part_of_line(&rest[1..]) != Part::Relay => return (at + 1, comments),
            '#' => {
                comments.push(at..line_end(at));
                at = line_end(at);
                continue;
            }
            '"' | '\'' => {
                let end = end_of_quoted(&rest[1..], char).map_or(text.len(), |end| at + 1 + end + 1);
                at = end.min(line_end(at));
                continue;
            }
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += char.len_utf8();
    }
    (text.len(), comments)
}

/// Whose section a line begins, if it is nothing but a header of the card.
fn part_of_line(text: &str) -> Part {
    let line = text.split('\n').next().unwrap_or_default().trim();
    let bare = line.trim_matches(['[', ']']);
    if line.starts_with('[') && line.ends_with(']') && ["secrets", "publisher"].contains(&bare) { part_of(bare) } else { Part::Relay }
}

/// Lines that stand below something that looks like `[secrets]`, whatever surrounds it: a text that was never closed hides a header.
pub(super) fn suspicious(text: &str) -> Vec<Range<usize>> {
    let (mut all, mut at, mut secret) = (Vec::new(), 0, false);
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        if trimmed.starts_with('[') {
            // Not only the first: what was pasted may stand before it on the same line.
            secret = trimmed.match_indices('[').any(|(at, _)| part_of(header(&trimmed[at..])) == Part::Secrets);
        } else if line.contains("[secrets") {
            secret = true;
        } else if secret {
            all.push(at..at + line.len());
        }
        at += line.len();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parts(text: &str) -> Vec<(Part, &str)> {
        let all = pieces(text);
        assert_eq!(all.iter().map(|piece| &text[piece.lines.clone()]).collect::<String>(), text);
        all.into_iter().map(|piece| (piece.part, text[piece.lines].lines().next().unwrap_or_default())).collect()
    }

    #[test]
    fn lines_are_the_cards_or_the_relays() {
        let text = "a = 1\n[secrets]\n# c\nk = '''\n[mqtt]\nx = 1\n'''\nt = \"[x]\"\n\n\
                    [mqtt]\nuser = \"relay\"\n[[publisher]]\nname = \"w\"\n[a.b]\nc = 1";
        use Part::{Publisher, Relay, Secrets};
        let expected = [
            (Relay, "a = 1"),
            (Secrets, "[secrets]"),
            (Secrets, "# c"),
            (Secrets, "k = '''"),
            (Secrets, "t = \"[x]\""),
            (Secrets, ""),
            (Relay, "[mqtt]"),
            (Relay, "user = \"relay\""),
            (Publisher, "[[publisher]]"),
            (Publisher, "name = \"w\""),
            (Relay, "[a.b]"),
            (Relay, "c = 1"),
        ];
        assert_eq!(parts(text), expected);
        assert_eq!(parts("command = [\n\"a\",\n\"b\" # ]\n]\n[ Secret ]\nx = 1\n").len(), 3);
        assert_eq!(parts("command = [\n\"a\"\n[secrets]\nx = 1\n")[1], (Secrets, "[secrets]"), "a bracket was forgotten");
        assert_eq!(parts("secrets.whatsapp-token = \"x\"\n")[0].0, Secrets);
        assert_eq!(parts("[Geheimnisse]\nx\n")[1].0, Secrets);
        for relay in ["[status]", "[texts]", "[topics]", "[tunnel]", "[whatsapp]", "[feed]", "[budget]", "[reminder]", "[egress]"] {
            assert_eq!(parts(relay)[0].0, Relay, "{relay}");
        }
    }

    /// In a text that begins before the header and ends behind the key, lines are a header, a value and junk at once.
    #[test]
    fn whatever_surrounds_a_header_of_secrets_what_follows_is_hidden() {
        for before in ["", "x = '''\n", "[mqtt]\n[ü<H`„$ä=“", "Pä)|E"] {
            let text = format!("{before}[secrets]\nproxy = '''\na b\n'''\n[mqtt]\nuser = 1\n");
            let hidden: Vec<&str> = suspicious(&text).into_iter().map(|lines| &text[lines]).collect();
            assert_eq!(hidden, ["proxy = '''\n", "a b\n", "'''\n"], "{text}");
        }
        assert!(suspicious("[[feed]]\nname = [\"a\"]\n").is_empty());
    }

    #[test]
    fn comments_are_not_in_texts() {
        let text = "[a] # 1\n# 2\nb = \"#\" # 3\nc = [ # 4\n '#', # 5\n]\nd = '''\n# kein\n''' # 6\n";
        let comments: Vec<&str> = pieces(text).into_iter().flat_map(|piece| piece.comments).map(|comment| &text[comment]).collect();
        assert_eq!(comments, ["# 1", "# 2", "# 3", "# 4", "# 5", "# 6"]);
    }
}
