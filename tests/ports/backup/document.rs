//! The document: what was stored comes back, nobody is in it, and nothing that was altered is believed.

use super::{BSUID, HASH, backup, name, somebody};
use drk_relay::config::Written;
use drk_relay::domain::backup::Backup;
use drk_relay::domain::budget::{Budget, Price, Toll};
use drk_relay::domain::decision::Change;
use drk_relay::domain::figures::rhythm::Rhythm;
use drk_relay::domain::figures::{Feed, Publication, Settling, Value};
use drk_relay::domain::ids::{InstanceId, Name};
use drk_relay::domain::notice::Notice;
use drk_relay::domain::state::Counters;
use drk_relay::domain::state::State;
use drk_relay::domain::time::{Day, Timestamp};
use drk_relay::port::backup::{Document, SIZE_MAX, Unusable};
use drk_relay::relay::backup::{Vacancy, kept};
use drk_relay::store::{Files, Store};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

fn written() -> Written {
    let file = |name: &str, text: &str| BTreeMap::from([(name.to_owned(), text.to_owned())]);
    let relay = "state_dir = \"state\"\r\n# „Grüße“ \\ \"\t\n\n".to_owned();
    Written::new(relay, file("du.ftl", "hallo = Hallo\n"), file("symptome.md", "")).expect("sound names")
}

fn document() -> Document {
    Document::new("2026-11-22T17:30:00Z".parse().expect("a time"), backup(), Some(written()))
}

/// The same document with something else in its content, and the checksum that belongs to it.
fn forged(change: impl FnOnce(&mut Json)) -> String {
    let mut json: Json = serde_json::from_str(&document().write()).expect("JSON");
    change(&mut json["content"]);
    let content = json["content"].to_string();
    let digest: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    let made = "\"made\":\"2026-11-22T17:30:00Z\"";
    format!(r#"{{"format":"drk-relay-backup","schema":1,"version":"0.1.0",{made},"sha256":"{digest}","content":{content}}}"#)
}

#[test]
fn a_human_can_read_it() {
    let text = document().write();
    for line in [
        "  \"format\": \"drk-relay-backup\",\n  \"schema\": 1,\n  \"note\": \"Sicherung von drk-relay: Zahlen,",
        "  \"made\": \"2026-11-22T17:30:00Z\",\n",
        "\n        \"current\": {\n          \"as_of\": \"2026-11-22\",\n          \"revision\": 12,\n          \"sent\": true,\n          \
         \"values\": {\n            \"cases_new\": \"17\",\n            \"incidence\": \"57.4\"\n          }\n        },\n",
        "\n        \"published\": \"2026-11-22T11:04:30Z\",\n",
        "\n        \"publications\": [\n          \"2026-11-22T12:04:00\"\n        ],\n",
        "\n    \"notice\": {\n      \"state\": \"announced\",\n      \"revision\": 10,\n      \"last_day\": \"2026-12-31\",\n",
        "\n    \"configuration\": {\n      \"relay.toml\": [\n        \"state_dir = \\\"state\\\"\\r\",\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert_eq!(Document::read(text.as_bytes()), Ok(document()));
    assert_eq!(Document::read(forged(|_| ()).as_bytes()), Ok(document()), "however it is laid out");
}

#[test]
fn what_is_cut_off_or_altered_is_not_believed() {
    let whole = document();
    let text = whole.write();
    for end in 0..text.trim_end().len() {
        let refused = Document::read(&text.as_bytes()[..end]).expect_err("cut off");
        assert_eq!(refused, Unusable::Truncated, "{end}");
    }
    let content = text.find("\"content\"").expect("it has one");
    for at in 0..text.len() {
        for bit in [0x01, 0x20] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= bit;
            match Document::read(&bytes) {
                // In the version, the time and the note a wrong letter does no harm.
                Ok(read) => assert!(at < content && (read.backup == whole.backup && read.configuration == whole.configuration), "{at}"),
                Err(why) => assert!(!why.to_string().is_empty() && why.to_string().contains("Abhilfe: "), "{why}"),
            }
        }
    }
}

#[test]
fn what_is_no_backup_is_called_so() {
    let text = document().write();
    let with = |from: &str, to: &str| text.replacen(from, to, 1);
    for (bytes, unusable) in [
        ("state_dir = \"x\"\n".to_owned(), Unusable::Foreign),
        ("null".to_owned(), Unusable::Foreign),
        ("[1, 2]".to_owned(), Unusable::Foreign),
        (r#"{"schema": 1, "version": "0.1.0", "links": {}}"#.to_owned(), Unusable::Foreign),
        (with("drk-relay-backup", "drk-relay-poster"), Unusable::Foreign),
        (format!("{text}{text}"), Unusable::Foreign),
        (String::new(), Unusable::Truncated),
        (with("\"schema\": 1", "\"schema\": 2"), Unusable::Newer { version: env!("CARGO_PKG_VERSION").to_owned() }),
        (
            r#"{"format":"drk-relay-backup","schema":9,"version":"3.0.0","all":"otherwise"}"#.to_owned(),
            Unusable::Newer { version: "3.0.0".into() },
        ),
        (with("\"schema\": 1", "\"schema\": 0"), Unusable::Damaged("schema")),
        (with("\"note\"", "\"people\""), Unusable::Damaged("format")),
        (with("57.4", "75.4"), Unusable::Altered),
        (" ".repeat(SIZE_MAX + 1), Unusable::TooLarge),
    ] {
        assert_eq!(Document::read(bytes.as_bytes()), Err(unusable), "{}", &bytes[..bytes.len().min(300)]);
    }
    assert_eq!(Document::read(b"\x1f\x8b\x08\x00\xff\xfe"), Err(Unusable::Foreign));
}

/// A feed of which nothing is known.
fn unknown_feed(number: u8) -> Json {
    let never = "1970-01-01T00:00:00Z";
    json!({"name": format!("f{number}"), "highest": 0, "published": never, "received": never})
}

/// A change to a content with the right checksum, and what is found to be damaged then.
type Forgery = (&'static str, fn(&mut Json));

const FORGERIES: [Forgery; 26] = [
    ("feeds", |content| content["feeds"][0]["name"] = json!("Corona")),
    ("feeds", |content| content["feeds"][1]["name"] = json!("corona")),
    ("feeds", |content| content["feeds"] = (0..9).map(unknown_feed).collect()),
    ("feeds", |content| content["feeds"][0]["current"]["revision"] = json!(u32::MAX)),
    ("feeds", |content| content["feeds"][0]["previous"]["revision"] = json!(1_u32 << 31)),
    ("feeds", |content| content["feeds"][0]["current"]["values"]["cases_new"] = json!("1,5")),
    ("feeds", |content| content["feeds"][0]["current"]["values"]["cases_new"] = json!("9999999999999999")),
    ("feeds", |content| content["feeds"][0]["current"]["values"]["Fälle"] = json!("1")),
    ("feeds", |content| content["feeds"][0]["published"] = json!("2107-01-01T00:00:00Z")),
    ("feeds", |content| content["feeds"][0]["published"] = json!("1969-12-31T23:59:59Z")),
    ("feeds", |content| content["feeds"][0]["settling"]["until"] = json!("2026-11-22T11:04:30.5Z")),
    ("content", |content| content["feeds"][0]["current"]["as_of"] = json!("2026-02-30")),
    ("content", |content| content["feeds"][0]["current"]["as_of"] = json!(20_779)),
    ("content", |content| content["feeds"][0]["current"]["values"]["cases_new"] = json!(17)),
    ("content", |content| content["feeds"][0]["current"]["revision"] = json!(-1)),
    ("content", |content| content["feeds"][0]["weather"] = json!("fine")),
    ("content", |content| content["people"] = json!([])),
    ("content", |content| content["counters"]["reached"] = json!(1_u64 << 32)),
    ("content", |content| content["counters"] = json!(null)),
    ("content", |content| content["budget"]["months"][0]["charged"] = json!(-1)),
    ("content", |content| drop(content.as_object_mut().and_then(|content| content.remove("budget")))),
    ("content", |content| content["notice"]["state"] = json!("soon")),
    ("notice", |content| content["notice"]["revision"] = json!(u32::MAX)),
    ("counters", |content| content["counters"]["reached"] = json!(u32::MAX)),
    ("configuration", |content| content["configuration"]["texts"]["../../etc/cron.d/x.ftl"] = json!(["x"])),
    ("configuration", |content| content["configuration"]["topics"]["du.ftl"] = json!(["x"])),
];

#[test]
fn what_cannot_be_is_refused_even_with_the_right_checksum() {
    for (number, (what, forge)) in FORGERIES.into_iter().enumerate() {
        let read = Document::read(forged(forge).as_bytes());
        assert_eq!(read, Err(Unusable::Damaged(what)), "forgery {number}");
    }
}

#[test]
fn nobody_is_in_it() {
    let mut state = State::default();
    backup().changes().iter().chain(&somebody()).for_each(|change| state.apply(change));
    assert_eq!(Backup::of(&state), backup());
    let text = Document::new(jiff::Timestamp::UNIX_EPOCH, Backup::of(&state), Some(written())).write();
    let hash = [HASH, !HASH, HASH.rotate_left(8)].map(|hash| [format!("{hash}"), format!("{hash:x}"), format!("{:x}", hash.swap_bytes())]);
    for needle in hash.iter().flatten().map(String::as_str).chain([BSUID, "10000000000000000101"]) {
        assert!(!text.contains(needle), "{needle}");
    }
}

fn values() -> impl Strategy<Value = BTreeMap<Name, Value>> {
    let value = (-Value::LARGEST..=Value::LARGEST, 0..=Value::DECIMALS)
        .prop_filter_map("a value", |(digits, decimals)| Value::new(digits, decimals));
    prop::collection::btree_map("[a-z0-9][a-z0-9_-]{0,20}".prop_map(|text| name(&text)), value, 0..4)
}

fn feeds() -> impl Strategy<Value = Vec<Feed>> {
    let day = || (-700_000..2_900_000).prop_map(Day);
    let publication =
        || (0..=u32::MAX / 2, day(), values()).prop_map(|(revision, as_of, values)| Publication::new(revision, as_of, values));
    let settling = (day(), values(), any::<u32>()).prop_map(|(as_of, values, until)| Settling::new(as_of, values, Timestamp(until)));
    let early = prop::collection::btree_map(prop::option::of(day()), values(), 0..3);
    let rhythm = prop::collection::vec((-700_000..2_900_000, 0..24_i8, any::<bool>()), 0..60).prop_map(|words| {
        let mut rhythm = Rhythm::default();
        for (day, hour, report) in words {
            let local = Day(day).date().at(hour, 0, 0, 0);
            if report { rhythm.published(local) } else { rhythm.no_report(local, Day(day)) }
        }
        rhythm
    });
    let publications = (prop::option::of(publication()), prop::option::of(publication()));
    let parts = (publications, prop::option::of(settling), early, any::<u32>(), rhythm, prop::option::of(any::<u32>().prop_map(Timestamp)));
    let feed = parts.prop_map(|((current, previous), settling, early, published, rhythm, due)| Feed {
        rhythm,
        due,
        overdue: due,
        current,
        previous,
        settling,
        early,
        published: Timestamp(published),
        ..Feed::new(name("later"))
    });
    let named = |feeds: Vec<Feed>| (0..).zip(feeds).map(|(number, feed)| Feed { name: name(&format!("feed-{number}")), ..feed }).collect();
    prop::collection::vec(feed, 0..=8).prop_map(named)
}

fn notices() -> impl Strategy<Value = Notice> {
    let at = || any::<u32>().prop_map(Timestamp);
    let day = || (-700_000..2_900_000).prop_map(Day);
    prop_oneof![
        Just(Notice::None),
        (at(), day(), at()).prop_map(|(announce, last_day, over)| Notice::Planned { announce, last_day, over }),
        (0..=u32::MAX / 2, day(), at()).prop_map(|(revision, last_day, over)| Notice::Announced { revision, last_day, over }),
        day().prop_map(|last_day| Notice::Over { last_day }),
    ]
}

fn counters() -> impl Strategy<Value = Counters> {
    let numbers = (any::<u64>(), 0..=u32::MAX / 2, any::<u32>());
    numbers.prop_map(|(next_outbox, reached, repeated)| Counters { next_outbox, reached, repeated })
}

/// Messages that left, were priced and were taken back, at any time.
fn budgets() -> impl Strategy<Value = Budget> {
    let turn = |budget: Budget, (at, what): (u32, u8)| match what {
        0 => budget.refund(Timestamp(at)),
        1 => budget.priced(Timestamp(at), Toll::Within, Price::Free),
        2 => budget.priced(Timestamp(at), Toll::Beyond, Price::Paid),
        _ => budget.charge(Timestamp(at).millis()),
    };
    prop::collection::vec((any::<u32>(), 0..8_u8), 0..20).prop_map(move |turns| turns.into_iter().fold(Budget::default(), turn))
}

/// The state of a store with these rows; nothing is left on the disk.
fn stored(rows: &[Change], backup: Option<&Backup>) -> (State, Option<Backup>) {
    let directory = tempfile::tempdir().expect("a directory");
    let files = Files::at(&directory.path().join("relay.redb"));
    match backup {
        Some(backup) => Vacancy::of(&files, backup).expect("an empty directory").fill(InstanceId(1), backup).expect("room"),
        None => Store::begin(&files, InstanceId(1), rows).expect("room").close().expect("room"),
    }
    let kept = kept(&files).expect("readable");
    (Store::existing(&files).expect("sound").expect("there").load().expect("readable"), kept)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Store, backup, document, another store: the same state, but for the people.
    #[test]
    fn what_was_stored_comes_back_without_people(feeds in feeds(), notice in notices(), counters in counters(), budget in budgets()) {
        let original = Backup { feeds, notice, counters, budget };
        let mut rows = original.changes();
        rows.extend(somebody());
        let (with_people, kept) = stored(&rows, None);
        prop_assert_eq!(with_people.people.len(), 1);
        let text = Document::new(jiff::Timestamp::UNIX_EPOCH, kept.expect("a store"), None).write();
        let document = Document::read(text.as_bytes()).expect("our own");
        prop_assert_eq!(&document.backup, &original);
        let (restored, kept) = stored(&[], Some(&document.backup));
        prop_assert_eq!(kept.as_ref(), Some(&original));
        let mut expected = State::default();
        original.changes().iter().for_each(|change| expected.apply(change));
        prop_assert!(restored == expected, "something else came along");
        let feeds: Vec<_> = restored.feeds.values().collect();
        prop_assert_eq!(feeds, with_people.feeds.values().collect::<Vec<_>>());
    }
}
