//! What holds for the body of any webhook, signed as it may be. Knows no case: those are in tests/ports/webhook.

use drk_relay::domain::event::{Event, Heard, Moved, Said, Status, Text};
use drk_relay::domain::ids::{Address, Bsuid, Identity, InstanceId, PersonHash, Phone, Wamid, WamidHash};
use drk_relay::port::pseudonym::Pseudonyms;
use drk_relay::port::webhook::wire::Reader;
use serde_json::value::RawValue;

/// Longest text of a person's that is kept (`wire::loose`).
const TEXT: usize = 256;

/// Two messages and two statuses that are as they should be.
const MESSAGES: [&str; 2] = [
    r#"{"from":"491515550101","from_user_id":"DE.10000000000000000101","id":"wamid.IN1","timestamp":"1795305600","type":"image"}"#,
    r#"{"from":"491515550102","from_user_id":"DE.10000000000000000102","id":"wamid.IN2","timestamp":"1795305601","type":"image"}"#,
];
const STATUSES: [&str; 2] = [
    r#"{"id":"wamid.OUT1","status":"delivered","timestamp":"1795305602"}"#,
    r#"{"id":"wamid.OUT2","status":"failed","timestamp":"1795305603","errors":[{"code":131047}]}"#,
];

/// Asserts it of these bytes: as a whole body, and as a part of one wherever a part can stand. Whether they say anything.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let read = reader().events(bytes);
    assert_eq!(read, reader().events(bytes), "two readers read the same differently");
    for event in read.iter().flatten() {
        shows_nobody(event);
        agrees_with_itself(event);
    }
    if let Ok(part) = serde_json::from_slice::<&RawValue>(bytes) {
        spares_its_neighbours(part.get());
    }
    read.is_ok_and(|events| !events.is_empty())
}

fn pseudonyms() -> Pseudonyms {
    Pseudonyms::new([1; 32])
}

fn reader() -> Reader {
    Reader::new("200000000000002", pseudonyms(), InstanceId(7))
}

/// What is printed of an event does not depend on who somebody is or what they wrote: the same event of somebody else looks the same.
fn shows_nobody(event: &Event) {
    assert_eq!(format!("{event:?}"), format!("{:?}", of_somebody_else(event)));
}

fn of_somebody_else(event: &Event) -> Event {
    match event {
        Event::Heard(Heard { from, address, at, said, .. }) => {
            let other = |text: &Text| Text("x".repeat(text.0.len()).into());
            let said = match said {
                Said::Text(text) => Said::Text(other(text)),
                Said::Edited(text) => Said::Edited(other(text)),
                Said::Reacted(_) => Said::Reacted(WamidHash(1)),
                // The id of a button is ours.
                Said::Tapped(_) | Said::Other => said.clone(),
            };
            let address = match address {
                Address::Bsuid(_) => Bsuid::new("DE.1").map(Address::Bsuid),
                Address::Phone(_) => Phone::new("49").map(Address::Phone),
            };
            let address = address.unwrap_or_else(|| unreachable!("both are short"));
            Event::Heard(Heard { from: somebody(from), address, wamid: Wamid::new("wamid"), hash: WamidHash(1), at: *at, said })
        }
        Event::Moved(Moved { from, to, at }) => {
            Event::Moved(Moved { from: from.iter().map(|_| PersonHash(1)).collect(), to: somebody(to), at: *at })
        }
        Event::Status(status) => Event::Status(Status { wamid: WamidHash(1), ..status.clone() }),
        Event::Started
        | Event::ClockTrusted
        | Event::ClockDoubted
        | Event::Figure(_)
        | Event::Validate(_)
        | Event::Asked(_)
        | Event::Account(_)
        | Event::Proof => event.clone(),
        Event::Sent { .. } | Event::Rewritten | Event::RewriteFailed | Event::Due(_) => event.clone(),
    }
}

fn somebody(from: &Identity) -> Identity {
    Identity { hash: PersonHash(1), alias: from.alias.map(|_| PersonHash(1)) }
}

/// Who is recognised is who gets the answer, and only events that a webhook can bring come out of one.
fn agrees_with_itself(event: &Event) {
    match event {
        Event::Heard(Heard { from, address, wamid, hash, said, .. }) => {
            match address {
                Address::Bsuid(bsuid) => assert_eq!(from.hash, pseudonyms().person(bsuid.expose())),
                Address::Phone(phone) => {
                    let hash = pseudonyms().phone(phone.expose());
                    assert_eq!((from.hash, from.alias), (hash, Some(hash)), "a number is the name only if there is no other");
                }
            }
            assert!(!wamid.expose().is_empty(), "a message without an id cannot be told from its repetition");
            assert_eq!(*hash, pseudonyms().wamid(wamid.expose()));
            if let Said::Text(text) | Said::Edited(text) = said {
                assert!(text.0.len() <= TEXT, "{} bytes of text are kept", text.0.len());
            }
        }
        Event::Moved(Moved { from, to, .. }) => {
            assert!(!from.is_empty() && !from.contains(&to.hash), "nobody moves from nowhere, or to where they are");
        }
        Event::Status(_) | Event::Account(_) => {}
        Event::Started | Event::ClockTrusted | Event::ClockDoubted | Event::Figure(_) | Event::Proof | Event::Sent { .. } => {
            panic!("no webhook says {event:?}")
        }
        Event::Validate(_) | Event::Asked(_) | Event::Rewritten | Event::RewriteFailed | Event::Due(_) => {
            panic!("no webhook says {event:?}")
        }
    }
}

/// Whatever is broken costs itself only: what stands before it and behind it in the same webhook is read.
fn spares_its_neighbours(part: &str) {
    let ([first, last], [sent, failed]) = (MESSAGES, STATUSES);
    let of_messages = |items: &str| value(&format!(r#""messages":[{items}]"#));
    let around = |part: &str| format!("{},{part},{}", of_messages(first), of_messages(last));
    let values = [
        format!(r#""messages":[{first},{part},{last}]"#),
        format!(r#""contacts":[{part}],"messages":[{first},{last}]"#),
        format!(r#""contacts":{part},"messages":[{first},{last}]"#),
        format!(r#""errors":[{part}],"messages":[{first},{last}]"#),
        format!(r#""errors":{part},"statuses":{part},"user_id_update":{part},"messages":[{first},{last}]"#),
        format!(r#""messages":[{first},{{"from":"1","id":"x","timestamp":"1","type":"text","text":{part}}},{last}]"#),
        format!(r#""messages":[{first},{{"from":{part},"id":{part},"timestamp":"1","type":"image"}},{last}]"#),
        format!(r#""statuses":[{sent},{part},{failed}]"#),
    ];
    for value_with_part in values {
        reads_both_ends(&entry(&value(&value_with_part)));
    }
    for changes in [
        around(part),
        around(&format!(r#"{{"field":"messages","value":{part}}}"#)),
        around(&format!(r#"{{"field":"account_update","value":{part}}}"#)),
        around(&format!(r#"{{"field":{part},"value":{part}}}"#)),
    ] {
        reads_both_ends(&entry(&changes));
    }
    for between in [part.to_owned(), format!(r#"{{"id":{part},"changes":{part}}}"#)] {
        reads_both_ends(&format!("{},{between},{}", entry(&of_messages(first)), entry(&of_messages(last))));
    }
}

fn value(content: &str) -> String {
    format!(r#"{{"field":"messages","value":{{"metadata":{{"phone_number_id":"200000000000002"}},{content}}}}}"#)
}

fn entry(changes: &str) -> String {
    format!(r#"{{"id":"100000000000001","changes":[{changes}]}}"#)
}

fn events(entries: &str) -> Vec<Event> {
    let body = format!(r#"{{"object":"whatsapp_business_account","entry":[{entries}]}}"#);
    reader().events(body.as_bytes()).unwrap_or_else(|unreadable| panic!("all of it is lost: {unreadable}"))
}

/// The first event and the last are those of the two messages, or of the two statuses.
fn reads_both_ends(entries: &str) {
    let statuses = entries.contains(STATUSES[0]) && !entries.contains(MESSAGES[0]);
    let (name, items) = if statuses { ("statuses", STATUSES) } else { ("messages", MESSAGES) };
    let alone = events(&entry(&value(&format!(r#""{name}":[{},{}]"#, items[0], items[1]))));
    let found = events(entries);
    assert!(alone.len() == 2 && found.first() == alone.first(), "what stands before it is lost");
    assert_eq!(found.last(), alone.last(), "what stands behind it is lost");
}
