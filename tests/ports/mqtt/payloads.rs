//! What every kind of message gets: the exact receipt of each, by way of broker, port and relay. The numbers are those of the field: pages
//! that group thousands, spreadsheets, templates that have no value, programs that print floats.

use super::peer::{Peer, Port, config, name, publish, within};
use super::{Restartable, online_with};
use drk_relay::domain::decision::Effect;
use drk_relay::domain::event::Event;
use drk_relay::domain::ids::InstanceId;
use drk_relay::domain::rules::{FeedRules, MetricKind, MetricRules, Rules};
use drk_relay::domain::time::{Millis, Timestamp};
use drk_relay::relay::Relay;
use drk_relay::store::Files;
use serde_json::{Value, json};
use tempfile::TempDir;

/// 10:00 on 22 November 2026 in Berlin.
const NOW: Timestamp = Timestamp(1_795_338_000);
const TODAY: &str = "2026-11-22";
const NEW: &str = "figures/corona/cases_new";
const TOTAL: &str = "figures/corona/cases_total";
const RATE: &str = "figures/corona/incidence";
const SHARE: &str = "figures/corona/beds";
const FEED: &str = "figures/corona";

/// A publisher, the port, and a relay that knows nothing yet.
pub(crate) struct Desk {
    _broker: Restartable,
    port: Port,
    people: Peer,
    relay: Relay,
    now: Millis,
    folder: TempDir,
    rules: Rules,
}

impl Desk {
    pub(crate) async fn open() -> Desk {
        let metric = |metric, kind, required| MetricRules { required, ..MetricRules::new(name(metric), "Wert", kind) };
        let beds = MetricRules { unit: Some("%".to_owned()), ..metric("beds", MetricKind::Rate, false) };
        let others = [metric("cases_total", MetricKind::Total, false), metric("incidence", MetricKind::Rate, false), beds];
        let metrics = [metric("cases_new", MetricKind::Count, true)].into_iter().chain(others).collect();
        let feeds = vec![FeedRules::new(name("corona"), "Corona", metrics)];
        let broker = Restartable::start().await;
        let mut config = config(broker.address);
        config.feeds.clone_from(&feeds);
        let rules = Rules::new("DRK", "07751 5550100", "drk.example", config.zone.clone(), feeds);
        let (port, people) = online_with(&broker, config).await;
        let folder = tempfile::tempdir().expect("a directory");
        let relay = fresh(&folder, "relay.redb", &rules);
        Desk { _broker: broker, port, people, relay, now: NOW.millis(), folder, rules }
    }

    /// A relay that knows nothing.
    fn forget(&mut self, nth: usize) {
        self.relay = fresh(&self.folder, &format!("{nth}.redb"), &self.rules);
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus(seconds * 1000);
        drop(self.relay.step(self.now, &[]).expect("a disk"));
    }

    /// The next message that the publisher hears after this one: topic and document.
    pub(crate) async fn ask(&mut self, topic: &str, payload: &[u8]) -> (String, Value) {
        self.people.send(&[publish(topic, payload, 0)]).await;
        let (topic, body) = loop {
            let arrival = tokio::select! {
                message = self.people.message() => if message.0 == topic { continue } else { break message },
                arrival = self.port.inbox.recv() => arrival.expect("the port runs"),
            };
            for effect in self.relay.step(self.now, &arrival.events).expect("a disk") {
                if let Effect::Receipt(receipt) = effect {
                    within(self.port.receipts.send(receipt)).await.expect("the port runs");
                }
            }
        };
        (topic, serde_json::from_str(&body).expect("JSON"))
    }
}

fn fresh(folder: &TempDir, file: &str, rules: &Rules) -> Relay {
    let mut relay = Relay::start(&Files::at(&folder.path().join(file)), InstanceId(7), rules, NOW.millis()).expect("a disk");
    drop(relay.step(NOW.millis(), &[Event::Started, Event::ClockTrusted]).expect("a disk"));
    relay
}

/// What a message without any effect gets: `code`, or `code: hint` where the hint names something of the message.
fn rejected(topic: &str, told: &str) -> Value {
    let (code, said) = told.split_once(": ").map_or((told, None), |(code, hint)| (code, Some(hint)));
    let hint = said.or_else(|| HINTS.iter().find(|(known, _)| *known == code).map(|(_, hint)| *hint));
    json!({
        "result": "rejected", "code": code, "feed": "corona", "metric": metric(topic), "value": null, "values": {}, "interpreted": null,
        "as_of": null, "revision": null, "received_at": null, "notify": null, "hint": hint.unwrap_or_else(|| panic!("a hint for {code}")),
    })
}

fn metric(topic: &str) -> Option<&str> {
    topic.strip_prefix("figures/corona/")
}

/// What a figure gets: `cases_new=17 deaths_new=0 @2026-11-21`, of today if there is no day; with `~` in front if it was interpreted.
fn taken(topic: &str, (result, code): (&str, &str), told: &str, revision: u32) -> Value {
    let (told, interpreted) = told.strip_prefix('~').map_or((told, false), |told| (told, true));
    let (told, day) = told.split_once(" @").unwrap_or((told, TODAY));
    let number = |text: &str| serde_json::from_str::<Value>(text).expect("a number");
    let values: Vec<(&str, Value)> = told.split_whitespace().filter_map(|word| word.split_once('=')).map(|(m, v)| (m, number(v))).collect();
    let one = match values.as_slice() {
        [(_, value)] => value.clone(),
        _ => Value::Null,
    };
    let hint = HINTS.iter().find(|(known, _)| *known == code).map(|(_, hint)| *hint);
    json!({
        "result": result, "code": code, "feed": "corona", "metric": metric(topic), "value": one,
        "values": values.into_iter().map(|(metric, value)| (metric.to_owned(), value)).collect::<serde_json::Map<_, _>>(),
        "interpreted": if interpreted { one } else { Value::Null }, "as_of": day, "revision": revision,
        "received_at": "2026-11-22T09:00:00Z", "notify": {"now": 0, "outside_window": 0},
        "hint": hint.unwrap_or_else(|| panic!("a hint for {code}")),
    })
}

const HINTS: [(&str, &str); 36] = [
    ("accepted", "Angenommen. Zurzeit ist niemand angemeldet."),
    ("rest", "Angenommen: gehört zu den Zahlen, die gleich zusammen verschickt werden."),
    (
        "update",
        "Angenommen: ein anderer Wert für einen Tag, der schon bekannt ist. Er wird auf Nachfrage gezeigt; verschickt wird er als \
         Berichtigung (corrects) oder mit updates = \"send\".",
    ),
    ("correction", "Angenommen: wird als Berichtigung verschickt, wenn bis dahin nichts anderes kommt."),
    ("old", "Angenommen, aber zu alt, um verschickt zu werden: wird auf Nachfrage gezeigt."),
    ("no-report", "Angenommen: für diesen Tag werden keine Zahlen erwartet."),
    ("duplicate", "Schon bekannt: nichts geändert."),
    ("stale", "Älter als der bekannte Stand: nicht verwendet. Bitte das Datum (as_of) prüfen."),
    ("future", "Das Datum liegt in der Zukunft: nicht verwendet. Bitte Datum und Uhrzeit des Absenders prüfen."),
    (
        "unknown-correction",
        "Die Nachricht, die berichtigt werden soll, ist nicht (mehr) bekannt. Bitte in corrects den Tag nennen, zum Beispiel 2026-11-22.",
    ),
    ("other-day", "as_of und corrects nennen verschiedene Tage. Bitte nur einen nennen."),
    ("reported", "Für diesen Tag liegen schon Zahlen vor: „keine Meldung“ wird nicht verwendet."),
    ("empty", "Die Nachricht ist leer. Bitte eine Zahl senden, zum Beispiel 17."),
    ("not-text", "Die Nachricht ist kein Text. Bitte als UTF-8 senden."),
    ("too-long", "Für eine Zahl ist das zu lang: höchstens 64 Zeichen. Bitte nur die Zahl senden."),
    ("too-large", "Die Nachricht ist zu groß: höchstens 4096 Bytes."),
    ("too-deep", "Das JSON ist zu tief verschachtelt: höchstens 4 Ebenen."),
    ("no-value", "Der Absender hatte keinen Wert. Bitte nur senden, wenn eine Zahl vorliegt."),
    ("not-a-number", "Das ist keine Zahl. Bitte nur Ziffern senden, zum Beispiel 17; bei einer Rate zum Beispiel 57,4."),
    ("exponent", "Zahlen mit Exponent wie 1e3 werden nicht gelesen. Bitte ausschreiben, zum Beispiel 1000."),
    ("not-whole", "Eine Anzahl hat keine Nachkommastellen. Bitte eine ganze Zahl ohne Punkt und Komma senden."),
    ("too-precise", "Zu viele Nachkommastellen: höchstens 6. Bitte vor dem Senden runden."),
    ("out-of-range", "Die Zahl ist zu groß. Bitte die Quelle prüfen."),
    ("malformed-json", "Das JSON ist nicht lesbar. Erwartet wird ein Objekt, zum Beispiel {\"value\": 17, \"as_of\": \"2026-11-22\"}."),
    ("duplicate-key", "Ein Schlüssel kommt im JSON zweimal vor. Bitte jeden nur einmal senden."),
    ("metric-missing", "Welche Kennzahl ist gemeint? Bitte auf das Topic der Kennzahl senden oder ein JSON-Objekt mit ihrem Namen."),
    ("no-metric", "Das JSON-Objekt enthält keine eingerichtete Kennzahl. Bitte die Namen mit [[feed.metric]] vergleichen."),
    ("value-missing", "Im JSON-Objekt fehlt \"value\". Beispiel: {\"value\": 17, \"as_of\": \"2026-11-22\"}."),
    ("bad-date", "as_of ist kein Datum. Bitte in der Form 2026-11-22 senden."),
    (
        "bad-published-at",
        "published_at ist kein Zeitpunkt. Bitte in der Form 2026-11-22T09:05:00+01:00 senden; ohne +01:00 gilt die Ortszeit.",
    ),
    ("bad-id", "id ist kein Text von 1 bis 64 Bytes. Bitte in Anführungszeichen setzen."),
    ("bad-corrects", "corrects ist kein Text von 1 bis 64 Bytes. Bitte in Anführungszeichen setzen."),
    ("bad-value-state", "value_state kennt nur \"final\", \"provisional\" und \"no_report_today\"."),
    ("bad-unit", "unit ist kein Text. Bitte in Anführungszeichen setzen oder weglassen."),
    (
        "other-unit",
        "Die Einheit passt nicht: eingerichtet ist „%“. Bitte den Wert umrechnen, oder unit unter [[feed.metric]] in relay.toml \
         berichtigen.",
    ),
    ("value-and-no-report", "\"no_report_today\" sagt, dass es keine Zahl gibt, und doch steht eine da. Bitte eines von beiden weglassen."),
];

/// The first figure of a relay that knows nothing: what was read.
const READ: [(&str, &[u8], &str); 63] = [
    (NEW, b"17", "cases_new=17"),
    (NEW, b"0", "cases_new=0"),
    (NEW, b" 17\n", "cases_new=17"),
    (NEW, b"17\r", "cases_new=17"),
    (NEW, b"17\r\n", "cases_new=17"),
    (NEW, b"\t17\t", "cases_new=17"),
    (NEW, b"\xef\xbb\xbf17", "cases_new=17"),
    (NEW, b"\xef\xbb\xbf17\r\n", "cases_new=17"),
    (NEW, b"\"17\"", "cases_new=17"),
    (NEW, b"'17'", "cases_new=17"),
    (NEW, b"+17", "~cases_new=17"),
    (NEW, b"017", "~cases_new=17"),
    (NEW, b"17.0", "~cases_new=17"),
    (NEW, b"17,00", "~cases_new=17"),
    (NEW, b"1.234", "~cases_new=1234"),
    (NEW, b"1 234", "~cases_new=1234"),
    (NEW, "1\u{a0}234".as_bytes(), "~cases_new=1234"),
    (NEW, "1\u{202f}234".as_bytes(), "~cases_new=1234"),
    (NEW, b"1.234,0", "~cases_new=1234"),
    (NEW, b"1234", "cases_new=1234"),
    (NEW, b"1000000000000000", "cases_new=1000000000000000"),
    // A page that began to write groups (Saale-Orla-Kreis, Eichsfeld): each was read as 12, 13, 14, 10, 16, 11 and 1 by somebody.
    (TOTAL, b"12.663", "~cases_total=12663"),
    (TOTAL, b"12.735", "~cases_total=12735"),
    (TOTAL, b"13.467", "~cases_total=13467"),
    (TOTAL, b"14.303", "~cases_total=14303"),
    (TOTAL, b"9.948", "~cases_total=9948"),
    (TOTAL, b"16.019", "~cases_total=16019"),
    (TOTAL, b"11.560", "~cases_total=11560"),
    (TOTAL, b"1.067", "~cases_total=1067"),
    (TOTAL, b"39.200.512", "~cases_total=39200512"),
    (TOTAL, b"27159178", "cases_total=27159178"),
    (TOTAL, b"{\"value\":\"12.735\"}", "~cases_total=12735"),
    (RATE, b"57.4", "incidence=57.4"),
    (RATE, b"57,4", "~incidence=57.4"),
    (RATE, b"0,875", "~incidence=0.875"),
    (RATE, b"61,0", "~incidence=61"),
    (RATE, b"1.234,5", "~incidence=1234.5"),
    (RATE, b"1,234.5", "~incidence=1234.5"),
    (RATE, b"1.2345", "incidence=1.2345"),
    (RATE, b"1.234.567", "~incidence=1234567"),
    (RATE, b"0.000001", "incidence=0.000001"),
    (RATE, b"{\"value\":1.234}", "incidence=1.234"),
    (RATE, b"{\"value\":0.1}", "incidence=0.1"),
    (RATE, b"{\"value\":57.40}", "~incidence=57.4"),
    (SHARE, b"{\"value\":12.5,\"unit\":\"%\"}", "beds=12.5"),
    (SHARE, b"{\"value\":12.5,\"unit\":\"Prozent\"}", "beds=12.5"),
    (NEW, b"{\"value\":17}", "cases_new=17"),
    (NEW, b"{\"value\":17.0}", "~cases_new=17"),
    (NEW, b"{\"value\":17,\"as_of\":\"2026-11-21\"}", "cases_new=17 @2026-11-21"),
    (NEW, b"{\"value\":17,\"as_of\":null,\"id\":null,\"unit\":null}", "cases_new=17"),
    (NEW, b"{\"v\\u0061lue\":17}", "cases_new=17"),
    (NEW, b"{\"value\":17,\"battery\":80,\"note\":{\"de\":{\"a\":[1]}}}", "cases_new=17"),
    (NEW, b"{\"value\":17,\"note\":\"[[[[[\\\"[\",\"source\":\"RKI\"}", "cases_new=17"),
    (NEW, b"{\"value\":17,\"value_state\":\"final\",\"published_at\":\"2026-11-22T09:05:00+01:00\"}", "cases_new=17"),
    (NEW, b"{\"value\":17,\"value_state\":\"provisional\",\"published_at\":\"2026-11-22T09:05:00\"}", "cases_new=17"),
    (NEW, b"{\"value\":17,\"id\":\"0b24\",\"unit\":\"Personen\"}", "cases_new=17"),
    (NEW, b"{\"value\":17,\"corrects\":\"2026-11-21\"}", "cases_new=17 @2026-11-21"),
    (FEED, b"{\"cases_new\":17,\"cases_total\":39200512,\"as_of\":\"2026-11-22\"}", "cases_new=17 cases_total=39200512"),
    (FEED, b"{\"cases_new\":\"1.234\",\"incidence\":57.4}", "~cases_new=1234 incidence=57.4"),
    (FEED, b"{\"cases_new\":17,\"incidence\":null}", "cases_new=17"),
    (FEED, b"{\"cases_new\":17,\"station\":\"K\xc3\xb6ln\",\"source\":\"RKI\"}", "cases_new=17"),
    ("figures/corona/", b"{\"cases_new\":17}", "cases_new=17"),
    (FEED, b" {\"cases_new\": 17 }\r\n", "cases_new=17"),
];

/// What states nothing: why.
const REJECTED: [(&str, &[u8], &str); 84] = [
    (NEW, b"", "empty"),
    (NEW, b" \r\n", "empty"),
    (NEW, b"\"\"", "empty"),
    (NEW, b"\xef\xbb\xbf", "empty"),
    (NEW, b"\xff\xfe1\x007\x00", "not-text"),
    (NEW, b"17\xe4", "not-text"),
    (NEW, b"{\"value\":17,\"source\":\"K\xf6ln\"}", "not-text"),
    (NEW, &[b'1'; 65], "too-long"),
    (NEW, &[b' '; 4097], "too-large"),
    (NEW, b"unknown", "no-value"),
    (NEW, b"unavailable", "no-value"),
    (NEW, b"None\n", "no-value"),
    (NEW, b"null", "no-value"),
    (NEW, b"NaN", "no-value"),
    (NEW, b"nan", "no-value"),
    (NEW, b"undefined", "no-value"),
    (NEW, b"-", "no-value"),
    (NEW, "–".as_bytes(), "no-value"),
    (NEW, b"inf", "not-a-number"),
    (NEW, b"Infinity", "not-a-number"),
    (NEW, b"-Infinity", "not-a-number"),
    (NEW, b"0x11", "not-a-number"),
    (NEW, b"0x1F", "not-a-number"),
    (NEW, b"17 F\xc3\xa4lle", "not-a-number"),
    (NEW, b"siebzehn", "not-a-number"),
    (NEW, b"on", "not-a-number"),
    (NEW, b"17\0", "not-a-number"),
    (NEW, "٣".as_bytes(), "not-a-number"),
    (NEW, b".5", "not-a-number"),
    (NEW, b"5.", "not-a-number"),
    (NEW, b"--1", "not-a-number"),
    (NEW, b"1'234", "not-a-number"),
    (NEW, b"12.34.567", "not-a-number"),
    (NEW, b"1 23", "not-a-number"),
    (NEW, b"[17]", "not-a-number"),
    (NEW, b"17;22.11.2026", "not-a-number"),
    (NEW, b"1e3", "exponent"),
    (NEW, b"1E+03", "exponent"),
    (RATE, b"1.5e2", "exponent"),
    (NEW, b"57,4", "not-whole"),
    (NEW, b"17.5", "not-whole"),
    (NEW, b"0.875", "not-whole"),
    (NEW, b"{\"value\":17.5}", "not-whole"),
    (RATE, b"57.400000000000006", "too-precise"),
    (RATE, b"{\"value\":57.400000000000006}", "too-precise"),
    (NEW, b"1000000000000001", "out-of-range"),
    (NEW, b"99999999999999999999", "out-of-range"),
    (
        RATE,
        b"1.234",
        "ambiguous-number: „1.234“ kann 1234 heißen oder eine Zahl mit Nachkommastellen sein. Bitte ohne Tausendertrennzeichen senden \
         (1234), Nachkommastellen einer Rate als JSON, zum Beispiel {\"value\": 57.4}.",
    ),
    (
        NEW,
        b"1,234",
        "ambiguous-number: „1,234“ kann 1234 heißen oder eine Zahl mit Nachkommastellen sein. Bitte ohne Tausendertrennzeichen senden \
         (1234), Nachkommastellen einer Rate als JSON, zum Beispiel {\"value\": 57.4}.",
    ),
    (
        TOTAL,
        b"12.000",
        "ambiguous-number: „12.000“ kann 12000 heißen oder eine Zahl mit Nachkommastellen sein. Bitte ohne Tausendertrennzeichen senden \
         (12000), Nachkommastellen einer Rate als JSON, zum Beispiel {\"value\": 57.4}.",
    ),
    (
        TOTAL,
        b"{\"value\":12.735}",
        "ambiguous-number: „12.735“ kann 12735 heißen oder eine Zahl mit Nachkommastellen sein. Bitte ohne Tausendertrennzeichen senden \
         (12735), Nachkommastellen einer Rate als JSON, zum Beispiel {\"value\": 57.4}.",
    ),
    (NEW, b"{\"value\":NaN}", "malformed-json"),
    (NEW, b"{\"value\":Infinity}", "malformed-json"),
    (NEW, b"{\"value\":0x11}", "malformed-json"),
    (NEW, b"{\"value\":017}", "malformed-json"),
    (NEW, b"{\"value\":17", "malformed-json"),
    (NEW, b"{\"value\":17} 3", "malformed-json"),
    (NEW, b"{value:17}", "malformed-json"),
    (NEW, b"{'value':17}", "malformed-json"),
    (NEW, b"{\"value\":1e3}", "exponent"),
    (NEW, b"{\"value\":17,\"value\":12}", "duplicate-key"),
    (NEW, b"{\"value\":17,\"x\":1,\"x\":1}", "duplicate-key"),
    (NEW, b"{\"value\":17,\"x\":{\"a\":[[[1]]]}}", "too-deep"),
    (NEW, b"{\"value\":null}", "no-value"),
    (NEW, b"{\"value\":\"\"}", "no-value"),
    (NEW, b"{\"value\":\"unavailable\"}", "no-value"),
    (NEW, b"{\"value\":true}", "not-a-number"),
    (NEW, b"{\"value\":[17]}", "not-a-number"),
    (NEW, b"{\"cases_new\":17}", "value-missing"),
    (NEW, b"{\"value\":17,\"as_of\":\"22.11.2026\"}", "bad-date"),
    (NEW, b"{\"value\":17,\"as_of\":\"2026-02-30\"}", "bad-date"),
    (NEW, b"{\"value\":17,\"as_of\":1795305600}", "bad-date"),
    (NEW, b"{\"value\":17,\"published_at\":\"gestern\"}", "bad-published-at"),
    (NEW, b"{\"value\":17,\"published_at\":1795305600}", "bad-published-at"),
    (NEW, b"{\"value\":17,\"id\":5}", "bad-id"),
    (NEW, b"{\"value\":17,\"id\":\"\"}", "bad-id"),
    (NEW, b"{\"value\":17,\"corrects\":17}", "bad-corrects"),
    (NEW, b"{\"value\":17,\"value_state\":\"endg\xc3\xbcltig\"}", "bad-value-state"),
    (NEW, b"{\"value\":17,\"unit\":5}", "bad-unit"),
    (SHARE, b"{\"value\":0.125,\"unit\":\"1\"}", "other-unit"),
    (NEW, b"{\"value\":17,\"value_state\":\"no_report_today\"}", "value-and-no-report"),
    (FEED, b"{\"cases_new\":17,\"value_state\":\"no_report_today\"}", "value-and-no-report"),
    (FEED, b"17", "metric-missing"),
    (FEED, b"{\"as_of\":\"2026-11-22\"}", "no-metric"),
];

/// Names that are written wrongly.
const MISSPELT: [(&str, &[u8], &str, &str); 6] = [
    ("figures/corona/cases", b"17", "cases", "cases_new"),
    ("figures/corona/Cases_New", b"17", "Cases_New", "cases_new"),
    ("figures/corona/inzidenz", b"17", "inzidenz", "incidence"),
    ("figures/corona/cases_new/x", b"17", "cases_new/x", "cases_new"),
    (FEED, b"{\"cases_new\":17,\"case_total\":18}", "case_total", "cases_total"),
    (FEED, b"{\"value\":17}", "value", "beds"),
];

#[tokio::test]
async fn every_payload_gets_its_exact_receipt() {
    let mut desk = Desk::open().await;
    for (nth, (topic, payload, told)) in READ.into_iter().enumerate() {
        desk.forget(nth);
        let (to, receipt) = desk.ask(topic, payload).await;
        let shown = String::from_utf8_lossy(payload);
        let topic = topic.trim_end_matches('/');
        // What is required is published at once; anything else waits for it.
        let revision = u32::from(told.contains("cases_new"));
        let expected = taken(topic, ("accepted", "accepted"), told, revision);
        assert_eq!(receipt, expected, "{topic} {shown}");
        assert_eq!(to, topic.replace("figures", "relay/receipts"), "{topic} {shown}");
    }
    desk.forget(READ.len());
    for (topic, payload, told) in REJECTED {
        let (_, receipt) = desk.ask(topic, payload).await;
        assert_eq!(receipt, rejected(topic, told), "{topic} {}", String::from_utf8_lossy(payload));
    }
    for (topic, payload, named, nearest) in MISSPELT {
        let hint = format!(
            "unknown-metric: Die Kennzahl „{named}“ ist nicht eingerichtet; am ähnlichsten ist „{nearest}“. Bitte den Namen mit \
             [[feed.metric]] in relay.toml vergleichen."
        );
        let (_, receipt) = desk.ask(topic, payload).await;
        assert_eq!(receipt, rejected(topic, &hint), "{topic} {}", String::from_utf8_lossy(payload));
    }
}

/// A payload of the feed, result and code, what was read, and the revision.
type Step = (&'static [u8], (&'static str, &'static str), &'static str, u32);

/// What a message gets depends on those before it: one after the other, each a minute after the last.
#[tokio::test]
async fn what_is_known_already_decides() {
    let mut desk = Desk::open().await;
    let story: [Step; 19] = [
        (b"{\"cases_new\":null,\"value_state\":\"no_report_today\",\"as_of\":\"2026-11-18\"}", ("accepted", "no-report"), "@2026-11-18", 0),
        (b"{\"value\":null,\"value_state\":\"no_report_today\",\"as_of\":\"2026-11-18\"}", ("duplicate", "duplicate"), "@2026-11-18", 0),
        (b"{\"cases_new\":12,\"as_of\":\"2026-11-17\"}", ("accepted", "old"), "cases_new=12 @2026-11-17", 0),
        (b"{\"cases_new\":15,\"as_of\":\"2026-11-21\",\"id\":\"a1\"}", ("accepted", "accepted"), "cases_new=15 @2026-11-21", 1),
        (b"{\"cases_new\":15,\"as_of\":\"2026-11-21\"}", ("duplicate", "duplicate"), "cases_new=15 @2026-11-21", 1),
        (b"{\"cases_new\":15,\"id\":\"a1\"}", ("duplicate", "duplicate"), "cases_new=15 @2026-11-21", 1),
        (b"{\"cases_new\":\"15\",\"as_of\":\"2026-11-21\"}", ("duplicate", "duplicate"), "cases_new=15 @2026-11-21", 1),
        (b"{\"cases_new\":16,\"as_of\":\"2026-11-21\"}", ("accepted", "update"), "cases_new=16 @2026-11-21", 1),
        (b"{\"cases_new\":14,\"corrects\":\"a1\"}", ("correction", "correction"), "cases_new=14 @2026-11-21", 1),
        (b"{\"cases_new\":14,\"corrects\":\"a2\"}", ("rejected", "unknown-correction"), "cases_new=14 @", 1),
        (b"{\"cases_new\":14,\"corrects\":\"2026-11-21\",\"as_of\":\"2026-11-22\"}", ("rejected", "other-day"), "cases_new=14", 1),
        (b"{\"cases_new\":13,\"as_of\":\"2026-11-20\"}", ("rejected", "stale"), "cases_new=13 @2026-11-20", 1),
        (b"{\"cases_new\":13,\"as_of\":\"2026-11-24\"}", ("rejected", "future"), "cases_new=13 @2026-11-24", 1),
        (b"{\"value_state\":\"no_report_today\",\"as_of\":\"2026-11-21\"}", ("rejected", "reported"), "@2026-11-21", 1),
        // What was about to be corrected is a day ago: the correction is superseded.
        (b"{\"cases_new\":17}", ("accepted", "accepted"), "cases_new=17", 2),
        (b"{\"incidence\":57.4}", ("accepted", "update"), "incidence=57.4", 2),
        (b"{\"cases_new\":17,\"incidence\":57.4}", ("duplicate", "duplicate"), "cases_new=17 incidence=57.4", 2),
        (b"{\"value_state\":\"no_report_today\"}", ("rejected", "reported"), "", 2),
        (b"{\"cases_new\":18,\"published_at\":\"2026-11-22T09:00:00\"}", ("accepted", "update"), "cases_new=18", 2),
    ];
    for (payload, called, told, revision) in story {
        let mut expected = taken(FEED, called, &format!(" {told}"), revision);
        let (_, receipt) = desk.ask(FEED, payload).await;
        if expected["as_of"] == "" {
            expected["as_of"] = Value::Null;
        }
        expected["received_at"] = receipt["received_at"].clone();
        assert_eq!(receipt, expected, "{}", String::from_utf8_lossy(payload));
        desk.pass(60);
    }
}

#[tokio::test]
async fn one_who_validates_changes_nothing() {
    let mut desk = Desk::open().await;
    let ask = json!({"feed": "corona", "metric": "cases_total", "payload": "12.735", "transaction": 7}).to_string();
    for _ in 0..2 {
        let (topic, answer) = desk.ask("relay/request/validate", ask.as_bytes()).await;
        assert_eq!((topic.as_str(), &answer["status"], &answer["transaction"]), ("relay/response/validate", &json!("ok"), &json!(7)));
        assert_eq!((&answer["data"]["code"], &answer["data"]["value"]), (&json!("accepted"), &json!(12_735)));
    }
    let object = br#"{"feed":"corona","payload":{"cases_new":17,"as_of":"2026-11-30"}}"#;
    let (_, answer) = desk.ask("relay/request/validate", object).await;
    assert_eq!((&answer["status"], &answer["data"]["code"], answer.get("transaction")), (&json!("ok"), &json!("future"), None));
    let (_, answer) = desk.ask("relay/request/validate", br#"{"feed":"corona","metric":"incidence","payload":"1.234"}"#).await;
    assert_eq!((&answer["status"], &answer["data"]["code"]), (&json!("ok"), &json!("ambiguous-number")));
}
