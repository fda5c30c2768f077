//! Text as technicians' editors write it: with a byte order mark, in UTF-16 or Windows-1252, with quotes that a word processor has made
//! round. Makes of it what TOML wants, line for line, so that lines keep their numbers. Understands no key.

/// Windows-1252 from 0x80 on, where it differs from Latin-1 (WHATWG Encoding: index windows-1252).
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–',
    '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];
/// Quotes that word processors, messengers and web pages put where a straight one was typed.
const ROUND: [char; 14] = ['„', '“', '”', '‟', '‚', '‘', '’', '‛', '«', '»', '‹', '›', '＂', '″'];
/// Spaces that are none for TOML.
const WIDE: [char; 4] = ['\u{a0}', '\u{2007}', '\u{202f}', '\u{3000}'];
/// Characters that nobody sees.
const UNSEEN: [char; 4] = ['\u{feff}', '\u{200b}', '\u{200e}', '\u{200f}'];

/// The text of a file, its lines ended by `\n` only. Nothing if it is no text in any of these encodings.
pub(super) fn decoded(bytes: &[u8]) -> Option<String> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    let text = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => narrow(rest),
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes)?,
        // Without a mark: what a technician writes begins with ASCII.
        [first, 0, ..] if *first != 0 => wide(bytes, u16::from_le_bytes)?,
        [0, first, ..] if *first != 0 => wide(bytes, u16::from_be_bytes)?,
        bytes => narrow(bytes),
    };
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    (!text.contains('\0')).then_some(text)
}

fn narrow(bytes: &[u8]) -> String {
    let windows = |byte: &u8| match byte {
        0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
        other => char::from(*other),
    };
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(windows).collect(), str::to_owned)
}

/// Where a line begins.
enum Within {
    Nothing,
    /// A text over several lines, and what ends it.
    Lines(&'static str),
}

/// The same text with straight quotes around values, and with spaces that TOML takes. What stands inside quotes stays as it is.
pub(super) fn straightened(text: &str) -> String {
    let (mut made, mut within) = (String::new(), Within::Nothing);
    for line in text.split_inclusive('\n') {
        let (content, end) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
        let rest = match within {
            Within::Nothing => Some(content),
            Within::Lines(quotes) => content.split_once(quotes).map(|(inside, rest)| {
                made.push_str(inside);
                made.push_str(quotes);
                rest
            }),
        };
        match rest {
            Some(rest) => within = straight_line(rest, &mut made),
            None => made.push_str(content),
        }
        made.push_str(end);
    }
    made
}

fn straight_line(line: &str, made: &mut String) -> Within {
    let mut rest = line;
    while let Some(char) = rest.chars().next() {
        if let Some(quotes) = ["\"\"\"", "'''"].into_iter().find(|quotes| rest.starts_with(quotes)) {
            let inside = &rest[quotes.len()..];
            let Some(length) = inside.find(quotes) else {
                made.push_str(rest);
                return Within::Lines(quotes);
            };
            let (text, after) = rest.split_at(quotes.len() + length + quotes.len());
            made.push_str(text);
            rest = after;
            continue;
        }
        let after = &rest[char.len_utf8()..];
        rest = match char {
            '#' => {
                made.push_str(rest);
                return Within::Nothing;
            }
            '"' | '\'' => quoted(char, after, made),
            round if ROUND.contains(&round) => rounded(round, after, made),
            other => {
                made.extend(if WIDE.contains(&other) { Some(' ') } else { (!UNSEEN.contains(&other)).then_some(other) });
                after
            }
        };
    }
    Within::Nothing
}

/// A value that begins with a straight quote; what follows it.
fn quoted<'l>(quote: char, after: &'l str, made: &mut String) -> &'l str {
    made.push(quote);
    if let Some(end) = end_of_quoted(after, quote) {
        made.push_str(&after[..=end]);
        return &after[end + 1..];
    }
    // „"Musterstadt““: the closing one was made round.
    let Some(end) = closing(after) else {
        made.push_str(after);
        return "";
    };
    made.push_str(&after[..end]);
    made.push(quote);
    &after[end + after[end..].chars().next().map_or(0, char::len_utf8)..]
}

/// Where the quote stands that ends a value which began with it right before `text`; a backslash hides one, as in TOML.
pub(super) fn end_of_quoted(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let end = text.char_indices().find(|(_, char)| {
        let ends = *char == quote && !escaped;
        escaped = quote == '"' && *char == '\\' && !escaped;
        ends
    });
    end.map(|(at, _)| at)
}

/// A value that begins with a round quote; what follows it.
fn rounded<'l>(round: char, after: &'l str, made: &mut String) -> &'l str {
    let Some(end) = closing(after) else {
        made.push(round);
        return after;
    };
    made.push('"');
    after[..end].chars().for_each(|char| {
        made.extend(['"', '\\'].contains(&char).then_some('\\'));
        made.push(char);
    });
    made.push('"');
    &after[end + after[end..].chars().next().map_or(0, char::len_utf8)..]
}

/// The first quote behind which a value can be over.
fn closing(text: &str) -> Option<usize> {
    let over = |rest: &str| rest.trim_start().chars().next().is_none_or(|next| ['#', ',', ']', '}'].contains(&next));
    let mut all = text.char_indices().filter(|(_, char)| ROUND.contains(char) || *char == '"');
    all.find(|(at, char)| over(&text[at + char.len_utf8()..])).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_an_editor_is_the_same_text() {
        let text = "name = \"Ölper €\"\n";
        let wide = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            b"name = \"\xd6lper \x80\"\r\n".to_vec(),
            b"name = \"\xd6lper \x80\"\r".to_vec(),
            [vec![0xff, 0xfe], wide(u16::to_le_bytes)].concat(),
            [vec![0xfe, 0xff], wide(u16::to_be_bytes)].concat(),
            wide(u16::to_le_bytes),
            wide(u16::to_be_bytes),
        ] {
            assert_eq!(decoded(&bytes).as_deref(), Some(text), "{bytes:?}");
        }
        assert_eq!(decoded(b"a = 1\n\0\0"), None);
        assert_eq!(decoded(b"\xff\xfe\x00\xd8"), None, "half a pair");
    }

    #[test]
    fn quotes_become_straight_and_what_is_inside_stays() {
        for (written, meant) in [
            ("a = „Wert“\n", "a = \"Wert\"\n"),
            ("a = “Wert”", "a = \"Wert\""),
            ("a = »Wert« # „so“", "a = \"Wert\" # „so“"),
            ("a = \"Wert“\n", "a = \"Wert\"\n"),
            ("a = „Wert\"\n", "a = \"Wert\"\n"),
            ("a = ‚Wert‘", "a = \"Wert\""),
            ("a = \"„Corona“ im Kreis\"", "a = \"„Corona“ im Kreis\""),
            ("a = „Die \"Wache\" hier“", "a = \"Die \\\"Wache\\\" hier\""),
            ("a = [„x“, „y“]", "a = [\"x\", \"y\"]"),
            ("a\u{a0}=\u{a0}1", "a = 1"),
            ("\u{200b}a = 1", "a = 1"),
            ("k = '''\nein „Text“\u{a0}\n'''\nb = „c“", "k = '''\nein „Text“\u{a0}\n'''\nb = \"c\""),
            ("k = '''x''' # „y“", "k = '''x''' # „y“"),
            ("a = \"offen", "a = \"offen"),
            ("a = \"\\\"\" # „", "a = \"\\\"\" # „"),
        ] {
            assert_eq!(straightened(written), meant, "{written}");
        }
    }
}
