//! Every kind of update that is documented, and what is left of damaged ones.

use super::*;
use proptest::prelude::*;

const NUMBER: &str = "200000000000002";
const INSTANCE: InstanceId = InstanceId(7);

fn pseudonyms() -> Pseudonyms {
    Pseudonyms::new([1; 32])
}

fn read(body: &[u8]) -> Result<Vec<Event>, Unreadable> {
    events(NUMBER, &pseudonyms(), INSTANCE, body)
}

/// The events of one change whose `value` has this in it besides the metadata.
fn of_value(value: &str) -> Vec<Event> {
    let body = format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"1","changes":[{{"field":"messages","value":{{
        "messaging_product":"whatsapp","metadata":{{"display_phone_number":"491515550000","phone_number_id":"{NUMBER}"}},{value}}}}}]}}]}}"#
    );
    read(body.as_bytes()).expect("a webhook")
}

const CONTACTS: &str = r#""contacts":[{"profile":{"name":"Erika M."},"wa_id":"491515550101","user_id":"DE.101"}]"#;

fn said_in(message: &str) -> Option<Said> {
    let events =
        of_value(&format!(r#"{CONTACTS},"messages":[{{"from":"491515550101","id":"wamid.IN","timestamp":"1795305600",{message}}}]"#));
    assert!(events.len() <= 1);
    events.into_iter().next().map(|event| heard(event).said)
}

fn heard(event: Event) -> Heard {
    let Event::Heard(heard) = event else { unreachable!("{event:?}") };
    heard
}

/// All of the kinds of WhatsApp docs: webhooks reference, messages.
#[test]
fn every_kind_of_message() {
    let text = |text: &str| Some(Said::Text(Text(text.into())));
    let (yes, no, other) = (Some(Said::Tapped(Tap::Yes)), Some(Said::Tapped(Tap::No)), Some(Said::Other));
    let stop = Some(Said::Edited(Text("STOPP".into())));
    let table = [
        (r#""type":"text","text":{"body":"START"}"#, text("START")),
        (r#""type":"text","text":{"body":"Gr\u00fc\u00dfe \ud83d\ude00 a\u0040b.de https:\/\/x"}"#, text("Grüße 😀 a@b.de https://x")),
        (r#""type":"text""#, None),
        (r#""type":"interactive","interactive":{"type":"button_reply","button_reply":{"id":"v1:yes:corona","title":"Ja"}}"#, yes),
        (r#""type":"interactive","interactive":{"type":"list_reply","list_reply":{"id":"v1:no:corona","title":"x"}}"#, no.clone()),
        (r#""type":"interactive","interactive":{"type":"button_reply","button_reply":{"id":"keep:v1","title":"Ja"}}"#, other.clone()),
        (r#""type":"interactive","interactive":{"type":"nfm_reply","nfm_reply":{"response_json":"{}"}}"#, other.clone()),
        (r#""type":"button","button":{"payload":"STOP","text":"Abmelden"}"#, other.clone()),
        (r#""type":"button","button":{"payload":"v1:no:corona","text":"Stopp"}"#, no),
        (r#""type":"image","image":{"id":"1","mime_type":"image/jpeg","sha256":"x"}"#, other.clone()),
        (r#""type":"audio","audio":{"id":"1","voice":true}"#, other.clone()),
        (r#""type":"video","video":{}"#, other.clone()),
        (r#""type":"document","document":{"filename":"x"}"#, other.clone()),
        (r#""type":"sticker","sticker":{"animated":false}"#, other.clone()),
        (r#""type":"location","location":{"latitude":47.62,"longitude":"8.21"}"#, other.clone()),
        (r#""type":"contacts","contacts":[{"origin":"contact_request"}]"#, other.clone()),
        (r#""type":"order","order":{"product_items":[{"item_price":"1"}]}"#, other),
        (r#""type":"edit","edit":{"original_message_id":"x","message":{"type":"text","text":{"body":"STOPP"}}}"#, stop),
        (r#""type":"edit","edit":{"original_message_id":"x","message":{"type":"image","image":{"caption":"STOPP"}}}"#, None),
        (r#""type":"reaction","reaction":{"message_id":"wamid.OUT","emoji":"👍"}"#, None),
        (r#""type":"reaction","reaction":{"message_id":"wamid.OUT"}"#, None),
        (r#""type":"system","system":{"type":"user_changed_number","user_id":"DE.199","body":"x"}"#, None),
        (r#""type":"unsupported","unsupported":{"type":"poll_creation"},"errors":[{"code":131051}]"#, None),
        (r#""type":"unknown","errors":[{"code":"501"}]"#, None),
        (r#""type":"revoke","revoke":{"original_message_id":"x"}"#, None),
        (r#""type":"request_welcome""#, None),
        (r#""type":"hologram","hologram":{}"#, None),
        (r#""group_id":"G","type":"text","text":{"body":"STOPP"}"#, None),
    ];
    for (message, said) in table {
        assert_eq!(said_in(message), said, "{message}");
    }
}

#[test]
fn a_person_is_the_bsuid_wherever_it_stands() {
    let table = [
        (r#""from":"491515550101","from_user_id":"DE.101""#, Some("DE.101")),
        (r#""from_user_id":"DE.102""#, Some("DE.102")),
        (r#""from":"491515550101""#, Some("DE.101")),
        (r#""from":"491515550101","from_user_id":"""#, Some("DE.101")),
        (r#""from":"491515550999""#, None),
        (r#""type":"text""#, None),
    ];
    for (who, bsuid) in table {
        let rest = if who.contains("type") { "" } else { r#","type":"text""# };
        let events = of_value(&format!(r#"{CONTACTS},"messages":[{{{who}{rest},"id":"W","timestamp":17,"text":{{"body":"x"}}}}]"#));
        let heard = events.into_iter().next().map(heard);
        assert_eq!(heard.as_ref().map(|heard| heard.bsuid.expose()), bsuid, "{who}");
        assert!(heard.is_none_or(|heard| {
            (heard.at, heard.hash, heard.from) == (Timestamp(17), pseudonyms().wamid("W"), pseudonyms().person(heard.bsuid.expose()))
        }));
    }
}

/// All of the values of WhatsApp docs: webhooks reference, messages/status, and the ones that only old payloads have.
#[test]
fn every_kind_of_status() {
    let (ours, foreign) = ("v1:0000000000000007:000000000000002a", "v1:0000000000000008:000000000000002a");
    let status = |rest: &str| of_value(&format!(r#""statuses":[{{"timestamp":"1795305632",{rest}}}]"#));
    let news = |id: Option<u64>, wamid: &str, news| {
        let id = id.map(crate::domain::ids::OutboxId);
        vec![Event::Status(Status { id, wamid: pseudonyms().wamid(wamid), at: Timestamp(1_795_305_632), news })]
    };
    let with = |word: &str| status(&format!(r#""id":"W","status":"{word}","biz_opaque_callback_data":"{ours}""#));
    assert_eq!(with("sent"), news(Some(42), "W", News::Sent));
    assert_eq!(with("delivered"), news(Some(42), "W", News::Delivered));
    assert_eq!(with("read"), news(Some(42), "W", News::Read));
    assert_eq!(with("played"), news(Some(42), "W", News::Read));
    assert_eq!(with("warning"), []);
    for (errors, code) in [(r#"[{"code":131047}]"#, 131_047), (r#"[{"code":"131026"}]"#, 131_026), ("[]", 0), (r#"{"x":1}"#, 0), ("[7]", 0)]
    {
        assert_eq!(status(&format!(r#""id":"W","status":"failed","errors":{errors}"#)), news(None, "W", News::Failed(code)));
    }
    assert_eq!(status(&format!(r#""id":"W","status":"sent","biz_opaque_callback_data":"{foreign}""#)), news(None, "W", News::Sent));
    assert_eq!(status(&format!(r#""status":"sent","biz_opaque_callback_data":"{ours}""#)), news(Some(42), "", News::Sent));
    assert_eq!(status(&format!(r#""status":"sent","biz_opaque_callback_data":"{foreign}""#)), []);
    assert_eq!(status(r#""id":"W","status":"sent","recipient_type":"group""#), []);
}

#[test]
fn what_is_broken_harms_nothing_else() {
    let good = r#"{"from_user_id":"DE.1","id":"W","timestamp":"17","type":"text","text":{"body":"x"}}"#;
    let half_emoji = r#"{"from_user_id":"DE.1","id":"W","timestamp":"17","type":"text","text":{"body":"\ud83d"}}"#;
    let broken = [
        half_emoji,
        "7",
        "null",
        "{}",
        r#"{"type":"text"}"#,
        &good.replace("17", "soon"),
        &good.replace(r#""17""#, "17.5"),
        &good.replace(r#""17""#, "-1"),
    ];
    for broken in broken {
        let contacts = r#"{"profile":{"name":"half an emoji \ud83d"},"wa_id":7},null"#;
        let events = of_value(&format!(r#""contacts":[{contacts}],"messages":[{good},{broken},{good}],"statuses":null"#));
        assert_eq!(events.len(), 2, "{broken}");
    }
}

#[test]
fn what_is_not_ours_gives_nothing() {
    let change =
        r#"{"metadata":{"phone_number_id":"200000000000002"},"messages":[{"from_user_id":"DE.1","id":"W","timestamp":1,"type":"image"}]}"#;
    let body = |object: &str, field: &str, value: &str| {
        format!(r#"{{{object}"entry":[7,{{}},{{"changes":[7,{{"field":"{field}","value":{value}}}]}}]}}"#)
    };
    assert_eq!(read(body("", "messages", change).as_bytes()).map(|events| events.len()), Ok(1));
    assert_eq!(read(body("", "messages", &change.replace(r#""200000000000002""#, NUMBER)).as_bytes()).map(|events| events.len()), Ok(1));
    for nothing in [
        body("", "calls", change),
        body("", "messages", &change.replace("02", "03")),
        body("", "messages", "{}"),
        body("", "messages", "7"),
    ] {
        assert_eq!(read(nothing.as_bytes()), Ok(vec![]), "{nothing}");
    }
    assert_eq!(read(br#"{"object":"whatsapp_business_account","entry":[]}"#), Ok(vec![]));
    assert_eq!(read(body(r#""object":"page","#, "messages", change).as_bytes()), Err(Unreadable::Envelope));
    for json in ["{}", "7", "null", r#"{"entry":{}}"#] {
        assert_eq!(read(json.as_bytes()), Err(Unreadable::Envelope), "{json}");
    }
    for bytes in [&b""[..], b"{", b"\xff", b"<html>"] {
        assert_eq!(read(bytes), Err(Unreadable::Json), "{bytes:?}");
    }
}

const WEBHOOK: &str = concat!(
    r#"{"object":"whatsapp_business_account","entry":[{"changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"#,
    r#""200000000000002"},"contacts":[{"wa_id":"49","user_id":"DE.1"}],"messages":[{"from":"49","id":"W","timestamp":"1","type":"text","#,
    r#""text":{"body":"x"}},{"from":"49","id":"W","timestamp":2,"type":"button","button":{"payload":"v1:yes:x"}}],"statuses":[{"id":"W","#,
    r#""status":"failed","timestamp":"3","errors":[{"code":1}],"biz_opaque_callback_data":"v1:é:1"}]}}]}]}"#
);

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_damage_panics(damage in proptest::collection::vec((0..WEBHOOK.len(), any::<u8>()), 0..4), end in 0..=WEBHOOK.len()) {
        prop_assert_eq!(read(WEBHOOK.as_bytes()).map(|events| events.len()), Ok(3));
        let mut body = WEBHOOK.as_bytes().to_vec();
        for (at, byte) in damage {
            body[at] = byte;
        }
        let _ = read(&body);
        let _ = read(&body[..end]);
    }
}
