//! Looks for what must not be there, in bytes of any kind: as it is written, in UTF-16, in hexadecimal digits, escaped as JSON and URLs do
//! it, with anything between the digits of a number, and in whatever looks like base64, in both alphabets and however it is aligned. Knows
//! nothing of stores and logs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Something that must not be found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Needle {
    /// What kind of thing it is.
    pub(super) kind: Kind,
    /// What it says. Of a telephone number the part behind the country code: `+49 151…` and `0151…` end alike.
    pub(super) text: String,
}

/// Kinds of what must not be found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    Phone,
    Bsuid,
    Name,
    Text,
    /// A token, a password, a key.
    Secret,
    Wamid,
}

impl Needle {
    pub(super) fn new(kind: Kind, text: &str) -> Needle {
        let text = if kind == Kind::Phone { text.trim_start_matches("49") } else { text };
        assert!(text.len() >= 6, "what is too short is found anywhere: {text}");
        Needle { kind, text: text.to_owned() }
    }
}

/// A needle that was found, and in which form.
pub(super) type Found = (Kind, String, &'static str);

/// Everything that is looked for.
pub(super) struct Search {
    needles: Vec<Needle>,
    /// Number of the needle, name of the form, its bytes.
    forms: Vec<(usize, &'static str, Vec<u8>)>,
    /// Whether any form begins with these two bytes, and which.
    begins: Vec<Vec<u32>>,
}

/// Shortest run of letters that is taken for base64: the shortest needle has 6 bytes.
const RUN: usize = 8;

impl Search {
    pub(super) fn new(needles: impl IntoIterator<Item = Needle>) -> Search {
        let needles: Vec<Needle> = needles.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut forms = Vec::new();
        for (number, needle) in needles.iter().enumerate() {
            forms.extend(written(&needle.text).into_iter().map(|(form, bytes)| (number, form, bytes)));
        }
        let mut begins = vec![Vec::new(); 1 << 16];
        for (number, (_, _, bytes)) in (0..).zip(&forms) {
            begins[usize::from(bytes[0]) << 8 | usize::from(bytes[1])].push(number);
        }
        Search { needles, forms, begins }
    }

    /// All needles in these bytes.
    pub(super) fn find(&self, bytes: &[u8]) -> BTreeSet<Found> {
        let mut found = BTreeSet::new();
        self.look(bytes, "", &mut found);
        self.look(&digits(bytes), "grouped", &mut found);
        for run in bytes.split(|byte| !is_base64(*byte)).filter(|run| run.len() >= RUN) {
            for begin in 0..4 {
                self.look(&decoded(&run[begin..]), "base64", &mut found);
            }
        }
        found
    }

    /// In these bytes as they are; `how` they came about, if not as they stood.
    fn look(&self, bytes: &[u8], how: &'static str, found: &mut BTreeSet<Found>) {
        for (at, pair) in bytes.windows(2).enumerate() {
            for number in &self.begins[usize::from(pair[0]) << 8 | usize::from(pair[1])] {
                let (needle, form, pattern) = &self.forms[*number as usize];
                if bytes[at..].starts_with(pattern) {
                    let Needle { kind, text } = &self.needles[*needle];
                    found.insert((*kind, text.clone(), if how.is_empty() { form } else { how }));
                }
            }
        }
    }
}

/// All ways in which a text may be written as bytes, each once.
fn written(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf16: Vec<u16> = text.encode_utf16().collect();
    let (mut hex, mut percent) = (String::new(), String::new());
    for byte in text.bytes() {
        let _ = write!(hex, "{byte:02x}");
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let _ = if plain { write!(percent, "{}", char::from(byte)) } else { write!(percent, "%{byte:02X}") };
    }
    let json = text.encode_utf16().fold(String::new(), |mut json, unit| {
        let _ = if unit < 0x80 { write!(json, "{}", char::from(unit as u8)) } else { write!(json, "\\u{unit:04x}") };
        json
    });
    let forms = [
        ("raw", text.as_bytes().to_vec()),
        ("json", json.into_bytes()),
        ("debug", text.escape_default().to_string().into_bytes()),
        ("percent", percent.into_bytes()),
        ("hex", hex.to_uppercase().into_bytes()),
        ("hex", hex.into_bytes()),
        ("utf-16le", utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect()),
        ("utf-16be", utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect()),
    ];
    let mut seen = BTreeSet::new();
    forms.into_iter().filter(|(_, bytes)| seen.insert(bytes.clone())).collect()
}

/// The same bytes without what people write between the digits of a number.
fn digits(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|byte| !b" -/().+_:\t".contains(byte)).collect()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte)
}

/// What a run of base64 says, in either alphabet. The last letters may make no whole group: with zeros behind them nothing is lost.
fn decoded(run: &[u8]) -> Vec<u8> {
    let standard = run.iter().map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        byte => *byte,
    });
    let zeros = run.len().next_multiple_of(4) - run.len();
    STANDARD.decode(standard.chain(std::iter::repeat_n(b'A', zeros)).collect::<Vec<u8>>()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

    const ALL: [(Kind, &str); 6] = [
        (Kind::Phone, "4915155007001"),
        (Kind::Bsuid, "DE.00000000000000007001"),
        (Kind::Name, "Erika Ö. 7001"),
        (Kind::Text, "Grüße vom Quittenbaum"),
        (Kind::Secret, "test-token"),
        (Kind::Wamid, "wamid."),
    ];

    fn search() -> Search {
        Search::new(ALL.map(|(kind, text)| Needle::new(kind, text)))
    }

    /// It finds every kind in every form, wherever it stands, and nothing in what is harmless. Or finding nothing would prove nothing.
    #[test]
    fn whatever_is_planted_is_found() {
        let search = search();
        let harmless =
            b"2026-11-22T11:04:30Z INFO drk_relay::run: stopping 4915155 DE.000 Erika test-tok wamid \x00\xff AAAAAAAAAAAAAAAAAAAA";
        assert_eq!(search.find(harmless), BTreeSet::new());
        for (kind, text) in ALL {
            let utf16 = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            let json = serde_json::to_string(text).expect("text").replace('Ö', "\\u00d6").replace('ü', "\\u00fc").replace('ß', "\\u00df");
            let mut planted: Vec<Vec<u8>> =
                vec![text.into(), hex.to_uppercase().into(), hex.into(), json.into(), utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)];
            for before in ["", "x", "xy", "xyz"] {
                let inner = format!("{before}{text}!");
                planted.extend([STANDARD.encode(&inner).into(), URL_SAFE_NO_PAD.encode(&inner).into()]);
                planted.push(format!("wamid={}HBgN", STANDARD_NO_PAD.encode(&inner)).into());
                planted.push(format!("q{}", STANDARD_NO_PAD.encode(&inner)).into());
            }
            for bytes in planted {
                for frame in [b"".as_slice(), b"\x00\xff\x7f", b" = \""] {
                    let hidden = [frame, &bytes, frame].concat();
                    assert!(
                        search.find(&hidden).iter().any(|(found, ..)| *found == kind),
                        "{kind:?} in {:?}",
                        String::from_utf8_lossy(&hidden)
                    );
                }
            }
        }
    }

    #[test]
    fn a_number_is_found_however_it_is_grouped() {
        for text in
            ["+49 151 55007001", "0151/55 00 70 01", "(0151) 5500-7001", "+49-1515-5007001", "0049 15155 007001", "tel:+4915155007001"]
        {
            assert!(search().find(text.as_bytes()).iter().any(|(kind, ..)| *kind == Kind::Phone), "{text}");
        }
    }
}
