//! Every kind of update that is documented, as the port reads it, and what is left of damaged ones. No socket, no signature.

use super::{AT, ERIKA, INSTANCE, MAX, NUMBER, OLD, Who, of_field, of_value, pseudonyms, text};
use drk_relay::domain::event::{Event, Moved, News, Said, Standing, Status, Tap, Text};
use drk_relay::domain::ids::{Name, OutboxId};
use drk_relay::domain::time::Timestamp;
use drk_relay::port::webhook::wire::{Reader, Unreadable};

fn reader() -> Reader {
    Reader::new(NUMBER, pseudonyms(), INSTANCE)
}

fn read(body: &str) -> Vec<Event> {
    reader().events(body.as_bytes()).expect("a webhook")
}

const CONTACTS: &str = r#""contacts":[{"wa_id":"1","user_id":"X"},{"wa_id":"491515550101","user_id":"DE.10000000000000000101"}]"#;

/// What a message of Erika's says.
fn said_in(message: &str) -> Option<Said> {
    let fixed = r#""from":"491515550101","from_user_id":"DE.10000000000000000101","id":"wamid.IN","timestamp":"1795305600""#;
    let events = read(&of_value(&format!(r#"{CONTACTS},"messages":[{{{fixed},{message}}}]"#)));
    assert!(events.len() <= 1);
    events.into_iter().next().map(|event| {
        let Event::Heard(heard) = event else { unreachable!("{event:?}") };
        heard.said
    })
}

fn feeds(names: &[&str]) -> Vec<Name> {
    names.iter().map(|name| Name::new(name).expect("a name")).collect()
}

/// All of the kinds of WhatsApp docs: webhooks reference, messages.
#[test]
fn every_kind_of_message() {
    let (yes, other) = (Some(Said::Tapped(Tap::Yes(feeds(&["corona"])))), Some(Said::Other));
    let (no, topic) = (Some(Said::Tapped(Tap::No)), Some(Said::Tapped(Tap::Topic(feeds(&["testen"]).remove(0)))));
    let stop = Some(Said::Edited(Text("STOPP".into())));
    let thumb = Some(Said::Reacted(pseudonyms().wamid("wamid.OUT")));
    let tap =
        |kind: &str, id: &str| format!(r#""type":"interactive","interactive":{{"type":"{kind}","{kind}":{{"id":"{id}","title":"x"}}}}"#);
    let both = Some(Said::Tapped(Tap::Yes(feeds(&["corona", "grippe"]))));
    let table = [
        (r#""type":"text","text":{"body":"START"}"#, Some(text("START"))),
        (
            r#""type":"text","text":{"body":"Gr\u00fc\u00dfe \ud83d\ude00 a\u0040b.de https:\/\/x"}"#,
            Some(text("Grüße 😀 a@b.de https://x")),
        ),
        (r#""type":"text","text":{"body":""}"#, Some(text(""))),
        (r#""type":"text""#, None),
        (r#""type":"text","text":{"body":7}"#, None),
        (&tap("button_reply", "v1:yes:corona"), yes.clone()),
        (&tap("button_reply", "v1:no:"), no.clone()),
        (&tap("button_reply", "v1:no:corona"), no.clone()),
        (&tap("button_reply", "keep:v1"), other.clone()),
        (&tap("button_reply", &"v1:yes:corona,".repeat(30)), other.clone()),
        (&tap("list_reply", "v1:yes:corona,grippe"), both),
        (&tap("list_reply", "v1:topic:testen"), topic),
        (&tap("list_reply", "lk:08337"), other.clone()),
        (r#""type":"interactive","interactive":{"type":"nfm_reply","nfm_reply":{"response_json":"{}"}}"#, other.clone()),
        (r#""type":"interactive","interactive":{"type":"call_permission_reply","call_permission_reply":{}}"#, other.clone()),
        (r#""type":"interactive","interactive":{"type":"hologram"}"#, other.clone()),
        (r#""type":"button","button":{"payload":"STOP","text":"Abmelden"}"#, other.clone()),
        (r#""type":"button","button":{"payload":"v1:yes:corona","text":"Ja"}"#, yes),
        (r#""type":"button","button":{"payload":"v1:no:","text":"Stopp"}"#, no),
        (r#""type":"image","image":{"id":"1","mime_type":"image/jpeg","sha256":"x","caption":"STOPP"}"#, other.clone()),
        (r#""type":"audio","audio":{"id":"1","voice":true}"#, other.clone()),
        (r#""type":"video","video":{}"#, other.clone()),
        (r#""type":"document","document":{"filename":"x"}"#, other.clone()),
        (r#""type":"sticker","sticker":{"animated":false}"#, other.clone()),
        (r#""type":"location","location":{"latitude":47.62,"longitude":"8.21"}"#, other.clone()),
        (r#""type":"contacts","contacts":[{"origin":"contact_request"}]"#, other.clone()),
        (r#""type":"order","order":{"product_items":[{"item_price":"1"}]}"#, other),
        (r#""type":"edit","edit":{"original_message_id":"x","message":{"type":"text","text":{"body":"STOPP"}}}"#, stop),
        (r#""type":"edit","edit":{"original_message_id":"x","message":{"type":"image","image":{"caption":"STOPP"}}}"#, None),
        (r#""type":"reaction","reaction":{"message_id":"wamid.OUT","emoji":"\ud83d\udc4d"}"#, thumb),
        (r#""type":"reaction","reaction":{"message_id":"wamid.OUT"}"#, None),
        (r#""type":"reaction","reaction":{"message_id":"wamid.OUT","emoji":""}"#, None),
        (r#""type":"reaction","reaction":{"emoji":"x"}"#, None),
        (r#""type":"system","system":{"type":"user_identity_changed","user_id":"DE.199","body":"x"}"#, None),
        (r#""type":"system","system":{"type":"customer_identity_changed","wa_id":"1"}"#, None),
        (r#""type":"system","system":{"type":"hologram","wa_id":"1"}"#, None),
        (r#""type":"unsupported","unsupported":{"type":"poll_creation"},"errors":[{"code":131051}]"#, None),
        (r#""type":"unsupported","errors":[{"code":131060}]"#, None),
        (r#""type":"unknown","errors":[{"code":"501"}]"#, None),
        (r#""type":"revoke","revoke":{"original_message_id":"x"}"#, None),
        (r#""type":"request_welcome""#, None),
        (r#""type":"call""#, None),
        (r#""type":"hologram","hologram":{}"#, None),
        (r#""type":7"#, None),
        (r#""group_id":"G","type":"text","text":{"body":"STOPP"}"#, None),
    ];
    for (message, said) in table {
        assert_eq!(said_in(message), said, "{message}");
    }
}

/// A text keeps no more than can mean something; a longer one is an answer that says nothing.
#[test]
fn long_texts_are_not_copied() {
    let written = |kind: &str, text: &str| match kind {
        "text" => said_in(&format!(r#""type":"text","text":{{"body":"{text}"}}"#)),
        _ => said_in(&format!(r#""type":"edit","edit":{{"message":{{"text":{{"body":"{text}"}}}}}}"#)),
    };
    assert_eq!(written("text", &"a".repeat(256)), Some(text(&"a".repeat(256))));
    for long in ["a".repeat(257), r"\ud83d\ude00".repeat(4_096), format!("STOPP {}", "ja ".repeat(1_362)), " ".repeat(100_000)] {
        assert_eq!(written("text", &long), Some(Said::Other));
        assert_eq!(written("edit", &long), None);
    }
}

/// Contacts stand in another order than the messages, and are asked only for what a message does not say.
#[test]
fn who_wrote_is_found_wherever_it_stands() {
    let erika = r#""from":"491515550101","from_user_id":"DE.10000000000000000101""#;
    let one = r#"{"wa_id":"491515550101","user_id":"DE.10000000000000000101"}"#;
    let two = r#"{"wa_id":"491515550999","user_id":"DE.10000000000000000999"}"#;
    let (other_number, other_id) = (one.replace("0101\",", "0777\","), one.replace("0101\"}", "0777\"}"));
    let both = format!("{two},{one}");
    let table = [
        ("both names", erika.to_owned(), both.clone(), Some(ERIKA)),
        ("no contacts", erika.to_owned(), String::new(), Some(ERIKA)),
        ("the number only", r#""from":"491515550101""#.into(), both.clone(), Some(ERIKA)),
        ("a number with a plus", r#""from":"+491515550101""#.into(), both.clone(), Some(ERIKA)),
        ("a number that is one", r#""from":491515550101"#.into(), both.clone(), Some(ERIKA)),
        ("the BSUID only", r#""from_user_id":"DE.10000000000000000101""#.into(), both.clone(), Some(ERIKA)),
        ("empty instead of missing", erika.replace("DE.10000000000000000101", ""), both.clone(), Some(ERIKA)),
        ("an empty number", erika.replace("491515550101", ""), both.clone(), Some(ERIKA)),
        ("a BSUID that is none", erika.replace("DE.", &"D".repeat(200)), both, Some(ERIKA)),
        ("another number beside it", erika.to_owned(), other_number, Some(ERIKA)),
        ("another BSUID beside it", erika.to_owned(), other_id, Some(ERIKA)),
        ("a username", r#""from_user_id":"DE.10000000000000000102""#.into(), two.into(), Some(MAX)),
        ("a parent", r#""from_user_id":"DE.10000000000000000102","from_parent_user_id":"DE.ENT.1""#.into(), two.into(), Some(MAX)),
        ("an old payload", r#""from":"491515550103""#.into(), r#"{"wa_id":"491515550103"}"#.into(), Some(OLD)),
        ("an old payload, others beside it", r#""from":"491515550103""#.into(), two.into(), Some(OLD)),
        ("nobody", r#""from_user_id":null"#.into(), two.into(), None),
        ("no number", r#""from":"49 1515 550101""#.into(), two.into(), None),
    ];
    for (name, from, contacts, who) in table {
        let message = format!(r#"{{{from},"id":"W","timestamp":1795305600,"type":"image"}}"#);
        let events = read(&of_value(&format!(r#""contacts":[{contacts}],"messages":[{message}]"#)));
        assert_eq!(events, Vec::from_iter(who.map(|who: Who| who.says("W", Said::Other))), "{name}");
    }
}

/// Somebody's number or BSUID changes: by which names they were known, and what they are called now.
#[test]
fn every_change_of_names() {
    let person = |bsuid: &str| pseudonyms().person(bsuid);
    let phone = |digits: &str| pseudonyms().phone(digits);
    let new = Who { bsuid: Some("DE.199"), phone: Some("4915199") };
    let (nameless, numberless) = (Who { bsuid: None, ..new }, Who { phone: None, ..new });
    let moved = |from: &[_], to: Who| vec![Event::Moved(Moved { from: from.to_vec(), to: to.identity(), at: AT })];
    let table = [
        (r#""from":"4915101""#, r#""type":"user_changed_number","wa_id":"4915199","user_id":"DE.199""#, moved(&[phone("4915101")], new)),
        (r#""from":"4915101""#, r#""type":"user_changed_number","wa_id":"4915199""#, moved(&[phone("4915101")], nameless)),
        (r#""from":"4915101""#, r#""type":"customer_changed_number","new_wa_id":"4915199""#, moved(&[phone("4915101")], nameless)),
        (
            r#""from":"4915101","from_user_id":"DE.101""#,
            r#""type":"user_changed_number","wa_id":"4915199","user_id":"DE.199""#,
            moved(&[person("DE.101"), phone("4915101")], new),
        ),
        (
            r#""from":"4915101","from_user_id":"DE.199""#,
            r#""type":"user_changed_number","wa_id":"4915199","user_id":"DE.199""#,
            moved(&[phone("4915101")], new),
        ),
        (
            r#""from":null"#,
            r#""type":"user_changed_user_id","user_id":"DE.199","previous_user_id":"DE.101","body":"User A changed from DE.7 to DE.199""#,
            moved(&[person("DE.101")], numberless),
        ),
        (
            r#""from":null"#,
            r#""type":"user_changed_user_id","user_id":"DE.199","body":"User changed from A to B changed from DE.101 to DE.199""#,
            moved(&[person("DE.101")], numberless),
        ),
        (
            r#""from":null"#,
            r#""type":"user_changed_number","wa_id":"4915199","body":"User A changed from 4915101 to 4915199""#,
            moved(&[phone("4915101")], nameless),
        ),
        (r#""from":"4915101""#, r#""type":"user_changed_user_id","user_id":"DE.199","body":"?""#, moved(&[phone("4915101")], numberless)),
        (r#""from":null"#, r#""type":"user_changed_user_id","user_id":"DE.199","body":"User Max has moved""#, vec![]),
        (r#""from":null"#, r#""type":"user_changed_user_id","user_id":"DE.199","previous_user_id":"DE.199""#, vec![]),
        (r#""from":"4915101""#, r#""type":"user_changed_number","body":"User A changed from 4915101 to 4915199""#, vec![]),
        (r#""from":"4915101","timestamp":"soon""#, r#""type":"user_changed_number","wa_id":"4915199""#, vec![]),
    ];
    for (from, system, events) in table {
        let at = if from.contains("timestamp") { "" } else { r#","timestamp":"1795305600""# };
        let message = format!(r#"{{{from}{at},"id":"wamid.SYS","type":"system","system":{{{system}}}}}"#);
        assert_eq!(read(&of_value(&format!(r#""messages":[{message}]"#))), events, "{message}");
    }
    let metadata = super::METADATA;
    let renewal = |item: &str| read(&of_field("user_id_update", &format!(r#"{{{metadata},"user_id_update":[7,{item}]}}"#)));
    let ids =
        r#""user_id":{"previous":"DE.101","current":"DE.199"},"parent_user_id":{"previous":"a","current":"b"},"timestamp":1795305600"#;
    assert_eq!(renewal(&format!(r#"{{"wa_id":"4915199",{ids}}}"#)), moved(&[person("DE.101")], new));
    assert_eq!(renewal(&format!("{{{ids}}}")), moved(&[person("DE.101")], numberless));
    assert_eq!(renewal(&format!("{{{}}}", ids.replace("DE.199", ""))), []);
    assert_eq!(renewal(&format!("{{{}}}", ids.replace("DE.101", "DE.199"))), []);
    assert_eq!(renewal(r#"{"wa_id":"4915199"}"#), []);
}

/// All of the values of WhatsApp docs: webhooks reference, messages/status, and the ones that only old payloads have.
#[test]
fn every_kind_of_status() {
    let (ours, foreign) = ("v1:0000000000000007:000000000000002a", "v1:0000000000000008:000000000000002a");
    let status = |rest: &str| read(&of_value(&format!(r#""statuses":[{{"timestamp":"1795305600",{rest}}}]"#)));
    let news = |id: Option<u64>, wamid: &str, news| {
        vec![Event::Status(Status { id: id.map(OutboxId), wamid: pseudonyms().wamid(wamid), at: AT, news, price: None })]
    };
    let with =
        |word: &str| status(&format!(r#""id":"W","status":"{word}","biz_opaque_callback_data":"{ours}","pricing":{{"billable":7}}"#));
    assert_eq!(with("sent"), news(Some(42), "W", News::Sent));
    assert_eq!(with("delivered"), news(Some(42), "W", News::Delivered));
    assert_eq!(with("read"), news(Some(42), "W", News::Read));
    assert_eq!(with("played"), news(Some(42), "W", News::Read));
    for unknown in ["warning", "deleted", "held_for_quality_assessment", ""] {
        assert_eq!(with(unknown), [], "{unknown}");
    }
    let errors = [
        (r#"[{"code":131047}]"#, 131_047),
        (r#"[{"code":"131026","title":"x"}]"#, 131_026),
        (r#"[{"title":"x"},7,{"code":131047},{"code":1}]"#, 131_047),
        ("[]", 0),
        (r#"{"x":1}"#, 0),
        ("[7]", 0),
        ("null", 0),
    ];
    for (errors, code) in errors {
        assert_eq!(status(&format!(r#""id":"W","status":"failed","errors":{errors}"#)), news(None, "W", News::Failed(code)), "{errors}");
    }
    assert_eq!(status(&format!(r#""id":"W","status":"sent","biz_opaque_callback_data":"{foreign}""#)), news(None, "W", News::Sent));
    assert_eq!(status(&format!(r#""status":"sent","biz_opaque_callback_data":"{ours}""#)), news(Some(42), "", News::Sent));
    assert_eq!(status(&format!(r#""status":"sent","biz_opaque_callback_data":"{foreign}""#)), []);
    assert_eq!(status(r#""id":"W","status":"sent","recipient_type":"individual""#), news(None, "W", News::Sent));
    assert_eq!(status(r#""id":"W","status":"sent","recipient_type":"group","recipient_participant_id":"1""#), []);
}

/// WhatsApp docs: webhooks reference, account_update. Nothing else stops us.
#[test]
fn what_forbids_and_allows_to_answer() {
    let account = |value: &str| read(&of_field("account_update", value));
    let restricted = |until: Option<u32>| vec![Event::Account(Standing::Restricted { until: until.map(Timestamp) })];
    let restriction = |kind: &str, expiration: &str| {
        format!(r#"{{"event":"ACCOUNT_RESTRICTION","restriction_info":[{{"restriction_type":"{kind}","expiration":{expiration}}}]}}"#)
    };
    let (answers, first) = ("RESTRICTED_CUSTOMER_INITIATED_MESSAGING", "RESTRICTED_BIZ_INITIATED_MESSAGING");
    let ban = |event: &str, state: &str| account(&format!(r#"{{"event":"{event}","ban_info":{{"waba_ban_state":"{state}"}}}}"#));
    assert_eq!(account(&restriction(answers, "1795660000")), restricted(Some(1_795_660_000)));
    assert_eq!(account(&restriction(answers, r#""1795660000""#)), restricted(Some(1_795_660_000)));
    assert_eq!(account(&restriction(answers, r#""2026-11-26""#)), restricted(None));
    assert_eq!(account(&restriction(answers, "1795660000").replace(['[', ']'], "")), restricted(Some(1_795_660_000)), "no list");
    let two = restriction(answers, "1795660000").replace("]}", r#",7,{"restriction_type":"X","expiration":1}]}"#);
    assert_eq!(account(&two), restricted(Some(1_795_660_000)));
    let later = two.replace("\"X\",\"expiration\":1", &format!("\"{answers}\",\"expiration\":1795669999"));
    assert_eq!(account(&later), restricted(Some(1_795_669_999)));
    assert_eq!(account(&later.replace("1795660000", "null")), restricted(None));
    assert_eq!(account(&restriction(first, "1795660000")), []);
    assert_eq!(account(&restriction("RESTRICTED_ADD_PHONE_NUMBER_ACTION", "1795660000")), []);
    assert_eq!(account(r#"{"event":"ACCOUNT_RESTRICTION"}"#), []);
    assert_eq!(ban("DISABLED_UPDATE", "DISABLE"), restricted(None));
    assert_eq!(ban("DISABLED_UPDATE", "SCHEDULE_FOR_DISABLE"), [], "it still works");
    assert_eq!(ban("DISABLED_UPDATE", "REINSTATE"), [Event::Account(Standing::Restored)]);
    assert_eq!(ban("ACCOUNT_VIOLATION", "DISABLE"), restricted(None));
    assert_eq!(account(r#"{"event":"ACCOUNT_VIOLATION","violation_info":{"violation_type":"SCAM"}}"#), []);
    assert_eq!(account(r#"{"event":"ACCOUNT_DELETED"}"#), restricted(None));
    assert_eq!(account(r#"{"event":"ACCOUNT_OFFBOARDED"}"#), restricted(None));
    assert_eq!(account(r#"{"event":"ACCOUNT_RECONNECTED"}"#), [Event::Account(Standing::Restored)]);
    assert_eq!(account(r#"{"event":"PARTNER_ADDED","waba_info":{"waba_id":"1"}}"#), []);
    assert_eq!(account(r#"{"event":7}"#), []);
    assert_eq!(account("7"), []);
}

/// An app may belong to several accounts, a test account that Meta deletes among them.
#[test]
fn another_account_does_not_stop_us() {
    let reader = reader();
    let read = |body: String| reader.events(body.as_bytes()).expect("a webhook");
    let deleted = of_field("account_update", r#"{"event":"ACCOUNT_DELETED"}"#);
    let foreign = deleted.replace("100000000000001", "999");
    let partner = of_field("account_update", r#"{"event":"ACCOUNT_DELETED","waba_info":{"waba_id":"100000000000001"}}"#);
    assert_eq!(read(foreign.clone()).len(), 1, "as long as we do not know which is ours");
    assert_eq!(read(of_value(r#""statuses":[]"#)), []);
    assert_eq!(read(foreign), []);
    assert_eq!(read(deleted).len(), 1);
    assert_eq!(read(partner.replace(r#""id":"100000000000001""#, r#""id":"555""#)).len(), 1, "below a partner");
    assert_eq!(read(of_field("account_update", r#"{"event":"ACCOUNT_DELETED"}"#).replace("100000000000001", "0")), [], "a test");
}

const GOOD: &str = r#"{"from_user_id":"DE.10000000000000000102","id":"W","timestamp":"1795305600","type":"text","text":{"body":"x"}}"#;

#[test]
fn a_broken_item_harms_nothing_else() {
    let good = MAX.says("W", text("x"));
    let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let broken = [
        GOOD.replace(r#""body":"x""#, r#""body":"\ud83d""#),
        GOOD.replace(r#""body":"x""#, &format!(r#""body":{}"#, deep(100_000))),
        GOOD.replace("text\":", r#"\ud83d":"#),
        GOOD.replace("\"W\"", &deep(1_000)),
        GOOD.replace("\"W\"", r#""""#),
        GOOD.replace("1795305600", "soon"),
        GOOD.replace("\"1795305600\"", "17.5"),
        GOOD.replace("\"1795305600\"", "-1"),
        GOOD.replace("1795305600", "99999999999"),
        GOOD.replace("\"id\"", r#""id":"V","id""#),
        "7".into(),
        "null".into(),
        "{}".into(),
        r#"{"type":"text"}"#.into(),
    ];
    for broken in &broken {
        let contacts = r#"{"profile":{"name":"half an emoji \ud83d"},"wa_id":{}},null,7"#;
        let events = read(&of_value(&format!(r#""contacts":[{contacts}],"messages":[{GOOD},{broken},{GOOD}],"statuses":null,"errors":7"#)));
        assert_eq!(events, [good.clone(), good.clone()], "{}", &broken[..broken.len().min(200)]);
    }
    let ignored = GOOD.replace("\"type\"", &format!(r#""new":{},"half":"\ud83d","type""#, deep(100_000)));
    assert_eq!(read(&of_value(&format!(r#""messages":[{ignored}]"#))), [good], "what is ignored need not be right");
}

/// The same for whole entries, changes, values, lists, and for statuses.
#[test]
fn a_broken_level_harms_nothing_else() {
    let value = format!(r#"{{{},"messages":[{GOOD}]}}"#, super::METADATA);
    let change = format!(r#"{{"field":"messages","value":{value}}}"#);
    let entry = format!(r#"{{"id":"100000000000001","changes":[{change}]}}"#);
    let bodies = [
        format!(r#"[7,null,{{}},{{"\ud83d":1}},{{"changes":7}},{entry}]"#),
        format!(r#"[{{"id":"1","changes":[7,null,{{}},{{"field":{{}},"value":1}},{{"field":"messages","value":7}},{change}]}}]"#),
        format!("[{}]", entry.replace(&change, &format!(r#"{},{change}"#, change.replace(r#""messages":["#, r#""\ud83d":["#)))),
        format!("[{}]", entry.replace(r#""messages":["#, r#""contacts":7,"statuses":{"a":1},"messages":["#)),
        format!("[{}]", entry.replace(r#""messages":["#, r#""statuses":[7,{"status":"sent","id":"x","timestamp":"soon"}],"messages":["#)),
        format!("[{},{entry}]", entry.replace(r#""metadata":{"#, r#""metadata":7,"old":{"#)),
    ];
    for entries in bodies {
        let body = format!(r#"{{"object":"whatsapp_business_account","entry":{entries}}}"#);
        assert_eq!(read(&body), [MAX.says("W", text("x"))], "{body}");
    }
}

#[test]
fn what_is_not_ours_gives_nothing() {
    let ours = of_value(&format!(r#""messages":[{GOOD}]"#));
    assert_eq!(read(&ours).len(), 1);
    assert_eq!(read(&ours.replace(r#""object":"whatsapp_business_account","#, "")).len(), 1);
    assert_eq!(read(&ours.replace(&format!("\"{NUMBER}\""), NUMBER)).len(), 1, "a number that is one");
    for nothing in [
        ours.replace("\"field\":\"messages\"", "\"field\":\"calls\""),
        ours.replace("\"field\":\"messages\"", "\"field\":\"hologram\""),
        ours.replace("\"field\":\"messages\",", ""),
        ours.replace(NUMBER, "300000000000003"),
        ours.replace(NUMBER, "123456123"),
        ours.replace("phone_number_id", "phone_id"),
        of_field("messages", "{}"),
        of_field("messages", "7"),
        r#"{"object":"whatsapp_business_account","entry":[]}"#.into(),
    ] {
        assert_eq!(read(&nothing), [], "{nothing}");
    }
    let read = |body: &[u8]| reader().events(body);
    assert_eq!(read(ours.replace("whatsapp_business_account", "page").as_bytes()), Err(Unreadable::Envelope));
    for json in ["{}", "7", "null", r#"{"entry":{}}"#] {
        assert_eq!(read(json.as_bytes()), Err(Unreadable::Envelope), "{json}");
    }
    for bytes in [&b""[..], b"{", b"\xff", b"<html>", br#"{"entry":[],"\ud83d":1}"#] {
        assert_eq!(read(bytes), Err(Unreadable::Json), "{bytes:?}");
    }
}
