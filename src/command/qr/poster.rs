//! The poster: one page of A4 as SVG, in millimetres. Knows no font's real widths, so it reckons with those of a wide one.
//!
//! It shows no red cross. The emblem is protected by the Geneva Conventions and in Germany by § 125 OWiG; who may use it where is for the
//! branch to decide, and not for a program that anybody may print from.

use super::QUIET;
use crate::config::phone::PhoneNumber;
use qrcode::{Color, QrCode};
use std::fmt::Write;

/// The page, and what no printer reaches, generously.
const PAGE: (f64, f64) = (210.0, 297.0);
const MARGIN: f64 = 20.0;
/// From one line to the next, in sizes.
const LEADING: f64 = 1.25;
/// The code with its quiet zone, and where it stands.
const CODE: f64 = 110.0;
const CODE_TOP: f64 = 100.0;

/// What stands on it.
pub(super) struct Poster<'a> {
    pub(super) branch: &'a str,
    pub(super) privacy: &'a str,
    pub(super) number: &'a PhoneNumber,
    pub(super) text: &'a str,
    pub(super) code: &'a QrCode,
}

/// A piece of text: its first line's top, the room that it has, and the sizes that it may have, largest first.
struct Block<'a> {
    text: &'a str,
    top: f64,
    height: f64,
    sizes: &'a [f64],
    weight: &'a str,
}

impl Poster<'_> {
    /// The page.
    pub(super) fn svg(&self) -> String {
        let (width, height) = PAGE;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}mm\" height=\"{height}mm\" viewBox=\"0 0 {width} {height}\">\n\
             <title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
             <g fill=\"#000\" text-anchor=\"middle\" font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\">\n",
            escaped(self.branch)
        );
        let write = if self.text.is_empty() { "eine Nachricht".to_owned() } else { format!("„{}“", self.text) };
        // A number is not broken.
        let by_hand = format!("Oder schreib {write} per WhatsApp an {}", self.number.to_string().replace(' ', "\u{a0}"));
        let privacy = format!(
            "Abmelden geht jederzeit mit „Stopp“. Deine Telefonnummer und deine Nachrichten speichern wir nicht. \
             WhatsApp ist ein Dienst von Meta. Datenschutz: {}",
            self.privacy
        );
        let block = |text, top, height, sizes, weight| Block { text, top, height, sizes, weight };
        block(self.branch, 20.0, 34.0, &[13.0, 11.0, 9.0, 7.0, 5.0], "normal").write(&mut svg);
        block("Neue Zahlen direkt auf dein Handy", 58.0, 36.0, &[13.0, 11.0], "bold").write(&mut svg);
        self.code(&mut svg);
        for (step, top) in [("1. QR-Code scannen", 213.0), ("2. Nachricht absenden", 222.0), ("3. Mit „Ja“ antworten", 231.0)] {
            block(step, top, 9.0, &[7.0], "bold").write(&mut svg);
        }
        block(&by_hand, 243.0, 16.0, &[6.0, 5.0, 4.0], "normal").write(&mut svg);
        block(&privacy, 260.0, 20.0, &[4.0, 3.5, 3.0], "normal").write(&mut svg);
        svg.push_str("</g>\n</svg>\n");
        svg
    }

    fn code(&self, svg: &mut String) {
        let (width, colors) = (self.code.width(), self.code.to_colors());
        let module = CODE / (width + 2 * QUIET) as f64;
        let (left, top) = ((PAGE.0 - CODE) / 2.0 + module * QUIET as f64, CODE_TOP + module * QUIET as f64);
        let _ = writeln!(svg, "<g id=\"code\" shape-rendering=\"crispEdges\" transform=\"translate({left} {top}) scale({module})\">");
        for (y, row) in colors.chunks(width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|one, other| one == other) {
                if run.first() == Some(&Color::Dark) {
                    let _ = writeln!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"1\"/>", run.len());
                }
                x += run.len();
            }
        }
        svg.push_str("</g>\n");
    }
}

impl Block<'_> {
    fn write(&self, svg: &mut String) {
        let (size, lines) = self.fitted();
        for (index, line) in lines.iter().enumerate() {
            // Letters stand on their line, and reach about four fifths of the size above it.
            let y = self.top + size * (0.8 + LEADING * index as f64);
            let (x, weight, line) = (PAGE.0 / 2.0, self.weight, escaped(line));
            let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y:.2}\" font-size=\"{size}\" font-weight=\"{weight}\">{line}</text>");
        }
    }

    /// The largest size in which it fits; in the smallest it is cut.
    fn fitted(&self) -> (f64, Vec<String>) {
        let (mut size, mut lines, mut room) = (0.0, Vec::new(), 0);
        for candidate in self.sizes {
            size = *candidate;
            lines = wrapped(self.text, (PAGE.0 - 2.0 * MARGIN) / size);
            room = (self.height / (size * LEADING)) as usize;
            if lines.len() <= room {
                return (size, lines);
            }
        }
        lines.truncate(room);
        if let Some(last) = lines.last_mut() {
            // The ellipsis is one of the widest characters: two make room for it.
            last.pop();
            last.pop();
            last.push('…');
        }
        (size, lines)
    }
}

/// Lines of at most `room` ems: broken between words, and inside words that are longer than a line.
fn wrapped(text: &str, room: f64) -> Vec<String> {
    let width = |text: &str| text.chars().map(ems).sum::<f64>();
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(|char: char| char.is_whitespace() && char != '\u{a0}').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if width(line) + ems(' ') + width(word) <= room => {
                line.push(' ');
                line.push_str(word);
                continue;
            }
            Some(_) | None => lines.push(String::new()),
        }
        for char in word.chars() {
            if let Some(line) = lines.last_mut()
                && (width(line) + ems(char) <= room || line.is_empty())
            {
                line.push(char);
            } else {
                lines.push(char.to_string());
            }
        }
    }
    lines
}

/// No narrower than in DejaVu Sans Bold, the widest of the fonts that a browser may take.
fn ems(char: char) -> f64 {
    match char {
        ' ' | '\u{a0}' => 0.35,
        'I' | 'f' | 'i' | 'j' | 'l' | 'r' | 't' | '.' | ',' | ':' | ';' | '!' | '|' | '\'' | '(' | ')' | '/' | '-' => 0.5,
        'W' | 'M' | 'm' | '@' | '%' | '—' | '…' | 'Œ' | 'œ' | 'Æ' | 'æ' => 1.1,
        'w' => 0.93,
        'A'..='Z' | 'Ä' | 'Ö' | 'Ü' | 'ẞ' | '&' | '<' | '>' | '=' | '+' => 0.88,
        '\0'..='\u{24f}' | '„' | '“' | '”' | '–' | '’' => 0.75,
        // Any other script, and pictures.
        _ => 1.4,
    }
}

/// As text of XML, which knows no control characters at all.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            char if char.is_control() || matches!(char, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::tests::{number, read};
    use super::super::{EcLevel, code, link};
    use super::*;
    use roxmltree::{Document, Node};

    fn svg(branch: &str, text: &str) -> String {
        let code = code(&link(&number(), text), EcLevel::Q).expect("it fits");
        Poster { branch, privacy: "drk.example/datenschutz?a=1&b=2", number: &number(), text, code: &code }.svg()
    }

    fn value(node: Node, name: &str) -> f64 {
        node.attribute(name).expect(name).parse().expect("a number")
    }

    /// The texts of a page on which nothing leaves the margins.
    fn texts(svg: &str) -> Vec<String> {
        let document = Document::parse(svg).expect("well-formed");
        let mut texts: Vec<(f64, f64, String)> = Vec::new();
        for node in document.descendants().filter(|node| node.has_tag_name("text")) {
            let (text, size, y) = (node.text().unwrap_or_default().to_owned(), value(node, "font-size"), value(node, "y"));
            let width = text.chars().map(ems).sum::<f64>() * size;
            assert!(width <= PAGE.0 - 2.0 * MARGIN, "{width} mm: {text}");
            assert!(y - size >= 0.0 && y + 0.25 * size <= PAGE.1 - 5.0, "{y}: {text}");
            texts.push((y, size, text));
        }
        let apart = |pair: &[(f64, f64, String)]| pair[1].0 - pair[0].0 >= pair[1].1;
        assert!(texts.windows(2).all(apart), "lines lie on each other: {texts:?}");
        let beside_the_code = |(y, size, _): &(f64, f64, String)| y + 0.25 * size <= CODE_TOP || y - size >= CODE_TOP + CODE;
        assert!(texts.iter().all(beside_the_code), "{texts:?}");
        texts.into_iter().map(|(.., text)| text).collect()
    }

    #[test]
    fn a_camera_reads_the_poster() {
        let svg = svg("DRK-Ortsverein Musterstadt", "Start");
        let document = Document::parse(&svg).expect("well-formed");
        let code = document.descendants().find(|node| node.attribute("id") == Some("code")).expect("a code");
        let runs: Vec<[f64; 3]> =
            code.children().filter(Node::is_element).map(|rect| ["x", "y", "width"].map(|name| value(rect, name))).collect();
        let side = 2 * QUIET + runs.iter().map(|[x, _, width]| (x + width) as usize).max().expect("runs");
        let dark = |x: usize, y: usize| {
            let (x, y) = (x as f64 - QUIET as f64, y as f64 - QUIET as f64);
            runs.iter().any(|[left, top, width]| *top == y && (*left..left + width).contains(&x))
        };
        assert_eq!(read(side, dark), "https://wa.me/4915123456789?text=Start");
        let all = texts(&svg).join(" ").replace('\u{a0}', " ");
        for said in ["DRK-Ortsverein Musterstadt", "Neue Zahlen direkt auf dein Handy", "QR-Code scannen", "„Start“", "+49 151 23456789"]
        {
            assert!(all.contains(said), "{said}: {all}");
        }
    }

    #[test]
    fn whatever_a_branch_is_called_it_stays_on_the_page() {
        let long = "Deutsches Rotes Kreuz Ortsverein Oberunterniederhausen an der Großen Weser und Umgebung e. V.";
        assert!(texts(&svg(long, "Start")).join(" ").contains(long), "all of it");
        let sharp = "A & B <DRK> \"Mitte\" 'West'";
        assert!(texts(&svg(sharp, "<&>")).join(" ").contains(sharp));
        for name in ["", &"Rettungshundestaffel".repeat(200), &"W".repeat(500), &"🚑 ".repeat(300), "\u{1}\u{0}", &"& ".repeat(2_000)] {
            texts(&svg(name, name.get(..40).unwrap_or("x")));
        }
    }
}
