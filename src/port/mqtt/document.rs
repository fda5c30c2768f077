//! JSON in which numbers are still the publisher's text, so that none goes through a float. Knows no key of the contract.

use super::rejected::Rejected;
use crate::config::JsonPointer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// One JSON document, nested no more deeply than `deepest`.
pub(super) fn document(text: &str, deepest: usize) -> Result<&RawValue, Rejected> {
    // Before anything recursive looks at it.
    if depth(text) > deepest {
        return Err(Rejected::TooDeep { deepest });
    }
    serde_json::from_str(text).map_err(|_| Rejected::Malformed)
}

/// What the pointer leads to; `None` if that is not there.
///
/// # Errors
/// If an object on the way has a key twice.
pub(super) fn at<'a>(document: &'a RawValue, pointer: &JsonPointer) -> Result<Option<&'a RawValue>, Rejected> {
    let mut found = Some(document);
    for step in pointer.steps() {
        let Some(raw) = found else { break };
        found = match raw.get().as_bytes() {
            [b'{', ..] => object(raw)?.remove(step),
            [b'[', ..] => element(raw, step),
            _ => None,
        };
    }
    Ok(found)
}

/// An object's keys and what they stand for, each key once.
pub(super) fn object(raw: &RawValue) -> Result<BTreeMap<String, &RawValue>, Rejected> {
    let entries: Entries = serde_json::from_str(raw.get()).map_err(|_| Rejected::Malformed)?;
    if entries.duplicate { Err(Rejected::DuplicateKey) } else { Ok(entries.values) }
}

/// RFC 6901, section 4: an index has no leading zero.
fn element<'a>(list: &'a RawValue, step: &str) -> Option<&'a RawValue> {
    let index: usize = step.parse().ok().filter(|index: &usize| index.to_string() == step)?;
    serde_json::from_str::<Vec<&RawValue>>(list.get()).ok()?.get(index).copied()
}

/// Whether it is a number, if it is JSON at all.
pub(super) fn is_number(raw: &str) -> bool {
    raw.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

/// How deeply brackets are nested; meaningful for valid JSON, harmless for anything else.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

struct Entries<'a> {
    values: BTreeMap<String, &'a RawValue>,
    duplicate: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries<'a>, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Entries { values: BTreeMap::new(), duplicate: false };
                while let Some((key, raw)) = map.next_entry::<String, &'de RawValue>()? {
                    entries.duplicate |= entries.values.insert(key, raw).is_some();
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, pointer: &str) -> Result<Option<String>, Rejected> {
        let pointer = JsonPointer::parse(pointer).expect("a pointer");
        at(document(text, 3)?, &pointer).map(|raw| raw.map(|raw| raw.get().to_owned()))
    }

    #[test]
    fn pointers_lead_where_the_standard_says() {
        // The document and the pointers of RFC 6901, section 5, but the empty one.
        let text = r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
        for (pointer, expected) in [
            ("/foo", Some(r#"["bar","baz"]"#)),
            ("/foo/0", Some(r#""bar""#)),
            ("/", Some("0")),
            ("/a~1b", Some("1")),
            ("/c%d", Some("2")),
            ("/e^f", Some("3")),
            ("/g|h", Some("4")),
            ("/i\\j", Some("5")),
            ("/k\"l", Some("6")),
            ("/ ", Some("7")),
            ("/m~0n", Some("8")),
            ("/foo/2", None),
            ("/foo/01", None),
            ("/foo/-", None),
            ("/foo/+1", None),
            ("/foo/0/x", None),
            ("/missing", None),
            ("/missing/x", None),
        ] {
            assert_eq!(found(text, pointer), Ok(expected.map(str::to_owned)), "{pointer}");
        }
        assert_eq!(found("[ {\"x\": 17 } ]", "/0/x"), Ok(Some("17".to_owned())));
        for none in ["", "foo", "/~", "/a~2b", "~1/a"] {
            assert_eq!(JsonPointer::parse(none), None, "{none}");
        }
        assert_eq!(JsonPointer::parse("/a~1b/m~0n").expect("a pointer").to_string(), "/a~1b/m~0n");
    }

    #[test]
    fn a_key_that_is_there_twice_matters_on_the_way_only() {
        let text = r#"{"a":{"x":1,"x":2},"b":{"y":3}}"#;
        assert_eq!(found(text, "/b/y"), Ok(Some("3".to_owned())));
        assert_eq!(found(text, "/a/x"), Err(Rejected::DuplicateKey));
        assert_eq!(found(r#"{"a":1,"a":1}"#, "/a"), Err(Rejected::DuplicateKey));
        assert_eq!(found("[[[[]]]]", "/0"), Err(Rejected::TooDeep { deepest: 3 }));
        assert_eq!(found("[[", "/0"), Err(Rejected::Malformed));
    }
}
