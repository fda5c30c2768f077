//! The minimal conformance checklist for webhooks (`reference/whatsapp-cloud-api.md`, section 11), a row for each thing that it names. Each
//! row goes through the real port: request, answer, events. Where a line concerns another part, it says which test covers it.

use super::{AT, EMPTY, ERIKA, INSTANCE, MAX, METADATA, OLD, OLD_SECRET, SECRET, Who, Willing, of_field, of_value, pseudonyms, text};
use drk_relay::domain::event::{Event, Moved, News, Said, Status, Tap, Text};
use drk_relay::domain::ids::{Callback, Name, OutboxId};
use drk_relay::domain::time::Timestamp;
use drk_relay::simulator::meta::webhook::sign;
use std::fs;
use std::path::{Path, PathBuf};

/// The lines of the checklist, in its order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Line {
    Challenge,
    Signature,
    Body,
    Batch,
    Identities,
    Changes,
    Kinds,
    Order,
    Statuses,
    Codes,
    Reminder,
    Budget,
}

use Line::{Batch, Body, Budget, Challenge, Changes, Codes, Identities, Kinds, Order, Reminder, Signature, Statuses};

/// What the list says beyond the rows below, and the test that covers it. Not there: 130429, which slows everything down; a reminder due
/// in a back-off.
const ELSEWHERE: [(Line, &str, &str); 26] = [
    (Batch, "1,000 mixed updates in one POST", "a_batch_of_a_thousand_arrives_whole_and_in_order"),
    (Batch, "… committed together, one 200", "a_thousand_people_in_one_webhook_get_one_200"),
    (Batch, "the same POST twice concurrently", "the_same_webhook_twice_at_once_has_one_effect"),
    (Identities, "merge", "two_rows_for_one_person_become_one_with_the_agreement"),
    (Changes, "a later status for the old BSUID: found by callback data or wamid, whoever it was", "every_kind_of_status"),
    (Changes, "what becomes of the subscription", "who_changes_the_number_is_not_written_to_until_they_write_and_stays_subscribed"),
    (Kinds, "reactions open no window", "a_thumb_on_the_question_is_told_once_that_it_does_not_count"),
    (Kinds, "edits open no window", "an_edit_counts_for_nothing_unless_it_says_stop"),
    (Order, "an older message never moves the window back", "the_window_is_the_maximum_whatever_the_order"),
    (Order, "a future message is not counted", "a_message_from_the_future_is_not_counted"),
    (Statuses, "in any order; an unknown wamid", "statuses_of_strangers_and_late_ones_change_nothing"),
    (Statuses, "before the answer to the order", "a_status_that_overtakes_the_answer_counts"),
    (Codes, "131056: 4^X", "too_fast_for_one_person_waits_four_to_the_x"),
    (Codes, "130429: slower", "meta_s_too_fast_slows_everything_and_wears_off"),
    (Codes, "131047 at once", "taken_in_the_window_and_refused_outside"),
    (Codes, "131047 later", "a_question_that_failed_is_no_question"),
    (Codes, "190: breaker", "a_dead_token_holds_everything_until_a_probe_gets_through"),
    (Codes, "131042: breaker", "a_failure_that_is_told_later_holds_too_unless_it_is_old"),
    (Reminder, "due while offline", "a_relay_that_was_down_reminds_nobody_late_and_blames_nobody"),
    (Reminder, "due during a back-off", "a_reminder_that_is_due_while_messages_back_off_leaves_before_the_closing_or_not_at_all"),
    (Reminder, "cancelled by a message", "a_reminder_that_could_not_leave_is_not_sent_after_the_answer"),
    (Reminder, "DST change", "the_night_with_an_hour_more"),
    (Reminder, "clock step", "a_clock_that_ran_ahead_silences_nobody"),
    (Reminder, "restart", "a_restart_in_the_last_minute_neither_loses_nor_doubles_it"),
    (Budget, "monthly counter", "every_message_is_charged_when_it_leaves_even_one_taken_back"),
    (Budget, "cap", "without_a_place_they_are_told_so_and_erased_silently_at_closing"),
];

/// How a body is signed.
enum Signed {
    Right,
    ByOld,
    ByStranger,
    UpperCase,
    Unsigned,
    OtherBody,
    Header(&'static str),
}

enum Request {
    /// The query.
    Get(&'static str),
    Post(Signed, Vec<u8>),
}

struct Row {
    line: Line,
    name: &'static str,
    request: Request,
    status: u16,
    /// In the body of the answer to a challenge.
    answer: &'static str,
    events: Vec<Event>,
}

fn challenge(name: &'static str, query: &'static str, answer: Option<&'static str>) -> Row {
    let (status, answer) = answer.map_or((403, ""), |answer| (200, answer));
    Row { line: Challenge, name, request: Request::Get(query), status, answer, events: vec![] }
}

/// A body that Meta signs: it is always taken, and proves at least that it came.
fn taken(line: Line, name: &'static str, body: impl Into<Vec<u8>>, events: impl Into<Vec<Event>>) -> Row {
    let events = Some(events.into()).filter(|events| !events.is_empty()).unwrap_or_else(|| vec![Event::Proof]);
    Row { line, name, request: Request::Post(Signed::Right, body.into()), status: 200, answer: "", events }
}

fn signature(name: &'static str, signed: Signed, right: bool) -> Row {
    let (status, events) = if right { (200, vec![Event::Proof]) } else { (401, vec![]) };
    Row { line: Signature, name, request: Request::Post(signed, EMPTY.to_vec()), status, answer: "", events }
}

fn challenges() -> Vec<Row> {
    vec![
        challenge("good token", "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=t%C3%B6k+en%2B1", Some("1158201444")),
        challenge("space written as %20", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=t%C3%B6k%20en%2B1", Some("1")),
        challenge("percent-encoded names", "hub%2Emode=subscribe&hub.challenge=1&hub.verify_token=t%C3%B6k+en%2B1&x=%FF", Some("1")),
        challenge(
            "a challenge that is no number",
            "hub.mode=subscribe&hub.challenge=a%20%3Cb%3E%2F&hub.verify_token=t%C3%B6k+en%2B1",
            Some("a <b>/"),
        ),
        challenge("an empty challenge", "hub.mode=subscribe&hub.challenge=&hub.verify_token=t%C3%B6k+en%2B1", Some("")),
        challenge("bad token", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=t%C3%B6k+en%2B2", None),
        challenge("a plus that is one", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=t%C3%B6k%2Ben%2B1", None),
        challenge("half a token", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=t%C3%B6k", None),
        challenge("empty token", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=", None),
        challenge("another mode", "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=t%C3%B6k+en%2B1", None),
        challenge("no mode", "hub.challenge=1&hub.verify_token=t%C3%B6k+en%2B1", None),
        challenge("no challenge", "hub.mode=subscribe&hub.verify_token=t%C3%B6k+en%2B1", None),
        challenge("no token", "hub.mode=subscribe&hub.challenge=1", None),
        challenge("nothing", "", None),
        challenge("a broken escape", "%", None),
        challenge("repeated token", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=t%C3%B6k+en%2B1&hub.verify_token=x", None),
        challenge("repeated challenge", "hub.mode=subscribe&hub.challenge=1&hub.verify_token=t%C3%B6k+en%2B1&hub.challenge=2", None),
    ]
}

fn signatures() -> Vec<Row> {
    // Meta's escapes, as they are on the wire.
    let greeting = r#"Gr\u00fc\u00dfe \ud83d\ude00 a\u0040b.de https:\/\/example.org\/x"#;
    let escaped =
        of_value(&format!(r#""messages":[{}]"#, message(ERIKA, "W", &format!(r#""type":"text","text":{{"body":"{greeting}"}}"#))));
    vec![
        signature("good", Signed::Right, true),
        signature("by the old secret, during rotation", Signed::ByOld, true),
        signature("upper-case hex: the same bytes", Signed::UpperCase, true),
        signature("bad", Signed::ByStranger, false),
        signature("missing", Signed::Unsigned, false),
        signature("of another body", Signed::OtherBody, false),
        signature("empty", Signed::Header(""), false),
        signature("too short", Signed::Header("sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c63375"), false),
        signature("too long", Signed::Header("sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c6337560"), false),
        signature("without a prefix", Signed::Header("dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756"), false),
        signature("of another kind", Signed::Header("sha1=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756"), false),
        signature("not hex", Signed::Header("sha256=+ec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756"), false),
        taken(Signature, "escaped unicode", escaped, [ERIKA.says("W", text("Grüße 😀 a@b.de https://example.org/x"))]),
        taken(Signature, "empty body", "", []),
    ]
}

fn bodies() -> Vec<Row> {
    let mut full = EMPTY.to_vec();
    full.resize(3 * 1024 * 1024, b' ');
    let over = Request::Post(Signed::Right, [&full[..], b" "].concat());
    vec![
        taken(Body, "3 MiB", full, []),
        Row { line: Body, name: "3 MiB and a byte", request: over, status: 413, answer: "", events: vec![] },
        taken(Body, "not JSON", "<html>", []),
        taken(Body, "not UTF-8", *b"\xff", []),
        taken(Body, "another object", r#"{"object":"page","entry":[]}"#, []),
        taken(Body, "no envelope", "[]", []),
        taken(Body, "another field", of_field("hologram", "{}"), []),
        taken(Body, "the dashboard's test", of_field("messages", r#"{"metadata":{"phone_number_id":"123456123"},"messages":[{}]}"#), []),
        taken(Body, "another number", of_value(r#""messages":[]"#).replace("200000000000002", "300000000000003"), []),
    ]
}

/// One message at [`AT`] by somebody, with this content.
fn message(who: Who, wamid: &str, content: &str) -> String {
    message_at(who, wamid, r#""1795305600""#, content)
}

fn message_at(who: Who, wamid: &str, at: &str, content: &str) -> String {
    let field = |name: &str, value: Option<&str>| value.map_or_else(String::new, |value| format!(r#""{name}":"{value}","#));
    let (from, user_id) = (field("from", who.phone), field("from_user_id", who.bsuid));
    format!(r#"{{{from}{user_id}"id":"{wamid}","timestamp":{at},{content}}}"#)
}

const HALLO: &str = r#""type":"text","text":{"body":"Hallo"}"#;

fn identities() -> Vec<Row> {
    let with = |contacts: &str, who: Who| of_value(&format!(r#""contacts":[{contacts}],"messages":[{}]"#, message(who, "W", HALLO)));
    let (bare, erika) = (Who { bsuid: None, ..ERIKA }, r#"{"wa_id":"491515550101","user_id":"DE.10000000000000000101"}"#);
    let other = r#"{"wa_id":"491515550101","user_id":"DE.10000000000000000777"}"#;
    vec![
        taken(Identities, "with a number and no BSUID (old)", with(r#"{"wa_id":"491515550103"}"#, OLD), [OLD.says("W", text("Hallo"))]),
        taken(Identities, "with the BSUID beside it", with(erika, bare), [ERIKA.says("W", text("Hallo"))]),
        taken(Identities, "with a BSUID only", with(r#"{"user_id":"DE.10000000000000000102"}"#, MAX), [MAX.says("W", text("Hallo"))]),
        taken(Identities, "with both", with(erika, ERIKA), [ERIKA.says("W", text("Hallo"))]),
        taken(Identities, "conflicting: the message's own names count", with(other, ERIKA), [ERIKA.says("W", text("Hallo"))]),
    ]
}

fn changes() -> Vec<Row> {
    let system = |from: &str, system: &str| {
        of_value(&format!(r#""messages":[{{{from}"id":"W","timestamp":"1795305600","type":"system","system":{{{system}}}}}]"#))
    };
    let new = Who { bsuid: Some("DE.10000000000000000199"), phone: Some("491515550199") };
    let number = system(
        r#""from":"491515550101","#,
        r#""type":"user_changed_number","wa_id":"491515550199","user_id":"DE.10000000000000000199","body":"User Erika M. changed …""#,
    );
    let bsuid = system(
        "",
        r#""type":"user_changed_user_id","user_id":"DE.10000000000000000199","previous_user_id":"DE.10000000000000000102","body":"x""#,
    );
    let sentence = bsuid
        .replace("previous_user_id", "x")
        .replace("\"body\":\"x\"", "\"body\":\"User Max changed from DE.10000000000000000102 to DE.1\"");
    let moved = |from, to: Who| [Event::Moved(Moved { from: vec![from], to: to.identity(), at: AT })];
    let max = || pseudonyms().person("DE.10000000000000000102");
    let renewal = format!(
        r#"{{{METADATA},"user_id_update":[{{"user_id":{{"previous":"DE.10000000000000000102","current":"DE.10000000000000000199"}},
        "wa_id":"491515550199","timestamp":1795305600}}]}}"#
    );
    vec![
        taken(Changes, "by number", number, moved(pseudonyms().phone("491515550101"), new)),
        taken(Changes, "by BSUID", bsuid, moved(max(), Who { phone: None, ..new })),
        taken(Changes, "by BSUID, in a sentence", sentence, moved(max(), Who { phone: None, ..new })),
        taken(Changes, "by BSUID, in a field of its own", of_field("user_id_update", &renewal), moved(max(), new)),
    ]
}

fn kinds() -> Vec<Row> {
    let of = |content: &str| of_value(&format!(r#""messages":[{}]"#, message(ERIKA, "W", content)));
    let said = |said| [ERIKA.says("W", said)];
    let corona = Name::new("corona").expect("a name");
    let button = r#""type":"interactive","interactive":{"type":"button_reply","button_reply":{"id":"v1:yes:corona","title":"Ja"}}"#;
    let list = r#""type":"interactive","interactive":{"type":"list_reply","list_reply":{"id":"v1:topic:corona","title":"x"}}"#;
    let edit = r#""type":"edit","edit":{"original_message_id":"V","message":{"type":"text","text":{"body":"STOPP"}}}"#;
    vec![
        taken(Kinds, "button", of(button), said(Said::Tapped(Tap::Yes(vec![corona.clone()])))),
        taken(Kinds, "list", of(list), said(Said::Tapped(Tap::Topic(corona)))),
        taken(Kinds, "template button", of(r#""type":"button","button":{"payload":"STOP","text":"Abmelden"}"#), said(Said::Other)),
        taken(
            Kinds,
            "reaction with an emoji",
            of(r#""type":"reaction","reaction":{"message_id":"wamid.OUT","emoji":"\ud83d\udc4d"}"#),
            said(Said::Reacted(pseudonyms().wamid("wamid.OUT"))),
        ),
        taken(Kinds, "reaction without", of(r#""type":"reaction","reaction":{"message_id":"wamid.OUT"}"#), []),
        taken(Kinds, "unsupported", of(r#""type":"unsupported","errors":[{"code":131051}]"#), []),
        taken(Kinds, "edit", of(edit), said(Said::Edited(Text("STOPP".into())))),
        taken(Kinds, "revoke", of(r#""type":"revoke","revoke":{"original_message_id":"V"}"#), []),
        taken(
            Kinds,
            "a text of 4,096 emoji",
            of(&format!(r#""type":"text","text":{{"body":"{}"}}"#, r"\ud83d\ude00".repeat(4_096))),
            said(Said::Other),
        ),
    ]
}

fn orders() -> Vec<Row> {
    let later = message_at(ERIKA, "V", "\"1795305660\"", HALLO);
    let two = of_value(&format!(r#""messages":[{later},{}]"#, message(ERIKA, "W", HALLO)));
    let at = |at: &str| of_value(&format!(r#""messages":[{}]"#, message_at(ERIKA, "W", at, HALLO)));
    let (first, second) = (ERIKA.says_at("V", AT.plus(60), text("Hallo")), ERIKA.says("W", text("Hallo")));
    vec![
        taken(Order, "an older timestamp later", two, [first, second.clone()]),
        taken(Order, "a timestamp that is a number", at("1795305600"), [second]),
        taken(Order, "a future timestamp", at("\"4000000000\""), [ERIKA.says_at("W", Timestamp(4_000_000_000), text("Hallo"))]),
        taken(Order, "a timestamp that is none", at("\"soon\""), []),
    ]
}

fn statuses() -> Vec<Row> {
    let callback = Callback { instance: INSTANCE, id: OutboxId(42) }.encode();
    let one = |word: &str, rest: &str| format!(r#"{{"id":"wamid.OUT","status":"{word}","timestamp":"1795305600"{rest}}}"#);
    let data = format!(r#","biz_opaque_callback_data":"{callback}","recipient_id":"491515550101""#);
    let news = |id, news| Event::Status(Status { id, wamid: pseudonyms().wamid("wamid.OUT"), at: AT, news, price: None });
    let all =
        [one("read", &data), one("failed", r#","errors":[{"code":"131047"}]"#), one("delivered", &data), one("sent", &data)].join(",");
    let of = |statuses: &str| of_value(&format!(r#""statuses":[{statuses}]"#));
    let told = [
        news(Some(OutboxId(42)), News::Read),
        news(None, News::Failed(131_047)),
        news(Some(OutboxId(42)), News::Delivered),
        news(Some(OutboxId(42)), News::Sent),
    ];
    let foreign = one("sent", r#","biz_opaque_callback_data":"somebody else's""#);
    vec![
        taken(Statuses, "in any order, none left out", of(&all), told),
        taken(Statuses, "an unknown wamid, foreign data", of(&foreign), [news(None, News::Sent)]),
        taken(Statuses, "an unknown word", of(&one("teleported", &data)), []),
        taken(Codes, "a complaint about the whole number", of_value(r#""errors":[{"code":130429}]"#), []),
    ]
}

fn rows() -> Vec<Row> {
    let lines = [challenges(), signatures(), bodies(), identities(), changes(), kinds(), orders(), statuses()];
    lines.into_iter().flatten().collect()
}

#[tokio::test]
async fn line_by_line() {
    let mut port = Willing::open().await;
    for Row { line, name, request, status, answer, events } in rows() {
        let got = match request {
            Request::Get(query) => {
                let got = port.ask(&format!("GET /webhook?{query} HTTP/1.1"), b"").await;
                assert_eq!(got.1, answer, "{line:?}: {name}");
                got.0
            }
            Request::Post(signed, body) => {
                let header = match signed {
                    Signed::Right => Some(sign(SECRET, &body)),
                    Signed::ByOld => Some(sign(OLD_SECRET, &body)),
                    Signed::ByStranger => Some(sign("a stranger's", &body)),
                    Signed::UpperCase => Some(format!("sha256={}", sign(SECRET, &body).trim_start_matches("sha256=").to_uppercase())),
                    Signed::OtherBody => Some(sign(SECRET, b"{}")),
                    Signed::Header(header) => Some(header.to_owned()),
                    Signed::Unsigned => None,
                };
                let header = header.map_or_else(String::new, |header| format!("\r\nX-Hub-Signature-256: {header}"));
                port.ask(&format!("POST /webhook HTTP/1.1{header}"), &body).await.0
            }
        };
        let arrived: Vec<Event> = std::iter::from_fn(|| port.events.try_recv().ok()).flatten().collect();
        assert_eq!((got, arrived), (status, events), "{line:?}: {name}");
    }
}

/// So that nobody crosses out a line by deleting its rows, or a test by giving it another name.
#[test]
fn no_line_is_left_out() {
    let mut lines: Vec<Line> = rows().iter().map(|row| row.line).chain(ELSEWHERE.iter().map(|(line, _, _)| *line)).collect();
    lines.sort();
    lines.dedup();
    let all = [Challenge, Signature, Body, Batch, Identities, Changes, Kinds, Order, Statuses, Codes, Reminder, Budget];
    assert_eq!(lines, all);
    let tests = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"));
    let missing: Vec<_> = ELSEWHERE.iter().filter(|(_, _, test)| !tests.contains(&format!("fn {test}("))).collect();
    assert!(missing.is_empty(), "covered by no test of that name: {missing:?}");
}

/// All Rust below a folder.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let text = |path: PathBuf| match path.is_dir() {
        true => sources(&path),
        false => fs::read_to_string(&path).ok().filter(|_| path.extension().is_some_and(|end| end == "rs")).unwrap_or_default(),
    };
    entries.map(text).collect()
}
