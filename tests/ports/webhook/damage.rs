//! Webhooks of every shape, damaged in every way that JSON allows. Whatever comes: no panic, nothing about another number, and no log line
//! about a person.

use super::fixtures::{FIELDS, PERSONAL, VALUES};
use super::{INSTANCE, NUMBER, of_field, of_value, pseudonyms};
use drk_relay::domain::event::Event;
use drk_relay::port::webhook::wire::Reader;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::Level;

fn bodies() -> Vec<String> {
    // They are wrapped for reading: a line ends between two words.
    let fields = FIELDS.iter().map(|(field, value)| of_field(field, value));
    let unwrapped = |body: String| body.replace("\n    ", " ").replace("    ", "");
    VALUES.iter().map(|value| of_value(value)).chain(fields).map(unwrapped).collect()
}

fn reader() -> Reader {
    Reader::new(NUMBER, pseudonyms(), INSTANCE)
}

/// A piece of JSON that stands where another one is expected.
fn odd() -> impl Strategy<Value = Value> {
    let deep = (0..200_u32).prop_map(|depth| (0..depth).fold(json!(1), |inner, _| json!([inner])));
    let fixed = [json!(null), json!(true), json!(-1), json!(17.5), json!(u64::MAX), json!(""), json!([]), json!({}), json!([[null]])];
    prop_oneof![
        proptest::sample::select(fixed.to_vec()),
        proptest::sample::select(vec!["messages", "statuses", "text", "system", "1795305600", "sent", "v1:no:", "\u{0}"])
            .prop_map(Value::from),
        ".{0,300}".prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        deep,
    ]
}

/// What happens to the piece that is hit.
#[derive(Clone, Debug)]
enum Blow {
    Replaced(Value),
    Removed,
    Doubled,
    Wrapped,
    Renamed(String),
}

fn blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        odd().prop_map(Blow::Replaced),
        Just(Blow::Removed),
        Just(Blow::Doubled),
        Just(Blow::Wrapped),
        "[a-z_]{1,12}".prop_map(Blow::Renamed),
    ]
}

/// All places in a document.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut down = |key: &str, inner: &Value| {
        let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        found.push(at.clone());
        places(inner, &at, found);
    };
    match value {
        Value::Array(items) => items.iter().enumerate().for_each(|(nth, item)| down(&nth.to_string(), item)),
        Value::Object(fields) => fields.iter().for_each(|(key, inner)| down(key, inner)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn strike(document: &mut Value, place: Index, blow: Blow) {
    let mut all = Vec::new();
    places(document, "", &mut all);
    if all.is_empty() {
        return;
    }
    let place = place.get(&all);
    let (above, key) = place.rsplit_once('/').expect("a path");
    let key = key.replace("~1", "/").replace("~0", "~");
    let hit = document.pointer(place).expect("it is there").clone();
    let Some(above) = document.pointer_mut(above) else { return };
    match (above, blow) {
        (Value::Object(fields), Blow::Replaced(value)) => drop(fields.insert(key, value)),
        (Value::Object(fields), Blow::Removed) => drop(fields.remove(&key)),
        (Value::Object(fields), Blow::Doubled) => drop(fields.insert(key, json!([hit, hit]))),
        (Value::Object(fields), Blow::Wrapped) => drop(fields.insert(key, json!({ "inner": hit }))),
        (Value::Object(fields), Blow::Renamed(name)) => {
            fields.remove(&key);
            fields.insert(name, hit);
        }
        (Value::Array(items), blow) => {
            let nth: usize = key.parse().expect("a number");
            match blow {
                Blow::Replaced(value) => items[nth] = value,
                Blow::Removed => drop(items.remove(nth)),
                Blow::Doubled => items.insert(nth, hit),
                Blow::Wrapped => items[nth] = json!([hit]),
                Blow::Renamed(name) => items[nth] = json!(name),
            }
        }
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => unreachable!("something is inside"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_panics_and_nothing_is_another_numbers(
        which in any::<Index>(),
        blows in proptest::collection::vec((any::<Index>(), blow()), 0..5),
    ) {
        let mut ours: Value = serde_json::from_str(&bodies()[which.index(VALUES.len() + FIELDS.len())]).expect("JSON");
        for (place, blow) in blows {
            strike(&mut ours, place, blow);
        }
        let ours = ours.to_string();
        let foreign = ours.replace(NUMBER, "300000000000003");
        let _ = reader().events(ours.as_bytes());
        for event in reader().events(foreign.as_bytes()).unwrap_or_default() {
            // An account's news name no number.
            prop_assert!(matches!(event, Event::Account(_)), "{:?}", event);
        }
    }

    #[test]
    fn no_bytes_panic(
        which in any::<Index>(),
        damage in proptest::collection::vec((any::<Index>(), any::<u8>()), 0..4),
        end in any::<Index>(),
    ) {
        let mut body = bodies()[which.index(VALUES.len() + FIELDS.len())].clone().into_bytes();
        for (place, byte) in damage {
            let at = place.index(body.len());
            body[at] = byte;
        }
        let _ = reader().events(&body);
        let _ = reader().events(&body[..end.index(body.len())]);
    }

    #[test]
    fn no_noise_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = reader().events(&bytes);
    }
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged at any level while these are read, one after the other.
fn logged(bodies: &[String]) -> String {
    let (log, reader) = (Log::default(), reader());
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || bodies.iter().for_each(|body| drop(reader.events(body.as_bytes()))));
    let bytes = log.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    String::from_utf8(bytes).expect("text")
}

#[test]
fn every_shape_is_read_and_no_log_line_names_anybody() {
    let bodies = bodies();
    let read = |body: &String| reader().events(body.as_bytes()).expect("a webhook").len();
    assert_eq!(bodies.iter().map(read).sum::<usize>(), 18, "14 of people, 2 statuses, a renewal and a restriction");
    let foreign: Vec<String> = bodies.iter().map(|body| body.replace(NUMBER, "300000000000003")).collect();
    let cut: Vec<String> = bodies.iter().map(|body| body[..body.len() - 3].to_owned()).collect();
    let log = logged(&[bodies, foreign, cut].concat());
    assert!(log.lines().count() > 20, "{log}");
    for personal in PERSONAL {
        assert!(!log.contains(personal), "{personal} in {log}");
    }
}

/// Meta repeats itself for days; the technician is told once, and what to do.
#[test]
fn what_is_wrong_with_the_setup_is_said_once() {
    let foreign = of_value(r#""statuses":[]"#).replace(NUMBER, "300000000000003");
    let (calls, test) = (of_field("calls", "{}"), of_value(r#""messages":[]"#).replace(NUMBER, "123456123"));
    let log = logged(&[foreign.clone(), foreign, calls.clone(), calls, test.clone(), test.clone(), test.replace("100000000000001", "0")]);
    let lines = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    assert_eq!(lines("WARN"), 1, "{log}");
    assert_eq!(lines("webhooks of another number are acknowledged and ignored. Remedy: "), 1, "{log}");
    assert_eq!(lines("foreign=\"300000000000003\" ours=\"200000000000002\""), 1, "{log}");
    assert_eq!(lines("INFO") - 3, lines("Remedy: unsubscribe from it"), "{log}");
    assert_eq!(lines("the app dashboard's test webhook arrived"), 3, "{log}");
}

/// What a technician must do at once is an error, what can wait a warning.
#[test]
fn a_restriction_is_an_alarm() {
    let restriction = of_field("account_update", r#"{"event":"ACCOUNT_DELETED"}"#);
    assert!(logged(&[restriction]).contains("ERROR"));
    let log = logged(&[of_value(r#""errors":[{"code":130429},{"code":33}]"#)]);
    assert_eq!(log.lines().filter(|line| line.contains("WARN") && line.contains("code=")).count(), 2, "{log}");
}
