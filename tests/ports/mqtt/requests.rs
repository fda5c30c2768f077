//! What is asked for by MQTT, and what comes back.

use super::payloads::Desk;
use super::peer::{Peer, Port, listen, publish, retained};
use super::{Restartable, online};
use rumqttc::Packet;
use serde_json::{Value, json};

/// The answer to a request, without its data.
async fn answer(desk: &mut Desk, name: &str, payload: &str) -> (Value, Value, Value) {
    let (topic, mut answer) = desk.ask(&format!("relay/request/{name}"), payload.as_bytes()).await;
    assert_eq!(topic, format!("relay/response/{name}"), "{payload}");
    let data = answer["data"].take();
    (answer["status"].take(), answer["error"].take(), data)
}

#[tokio::test]
async fn a_request_that_cannot_be_met_is_told_what_there_is() {
    let mut desk = Desk::open().await;
    for (name, payload, error) in [
        (
            "relase-held",
            "{}",
            "Diese Anfrage gibt es nicht: „relase-held“. Es gibt: health, validate, release-held, discard-held, rebaseline-held, withdraw.",
        ),
        ("release-held", "korona", "Diese Zahlenreihe gibt es nicht: „korona“. Es gibt: corona."),
        ("release-held", r#"{"feed":"korona"}"#, "Diese Zahlenreihe gibt es nicht: „korona“. Es gibt: corona."),
        ("withdraw", "", "Welche Zahlenreihe ist gemeint? Bitte als {\"feed\": \"…\"} mitsenden. Es gibt: corona."),
        ("withdraw", "{}", "Welche Zahlenreihe ist gemeint? Bitte als {\"feed\": \"…\"} mitsenden. Es gibt: corona."),
        ("withdraw", r#"{"feed":17}"#, "Welche Zahlenreihe ist gemeint? Bitte als {\"feed\": \"…\"} mitsenden. Es gibt: corona."),
        ("withdraw", r#"{"feed":"#, "Das JSON ist nicht lesbar. Erwartet wird ein Objekt, zum Beispiel {\"feed\": \"corona\"}."),
        ("withdraw", r#"{"feed":"corona","feed":"corona"}"#, "Ein Schlüssel kommt im JSON zweimal vor. Bitte jeden nur einmal senden."),
        ("withdraw", r#"{"feed":"corona","as_of":"heute"}"#, "as_of ist kein Datum. Bitte in der Form 2026-11-22 senden."),
        ("withdraw", r#"{"feed":"corona","transaction":[]}"#, "transaction ist kein Text und keine Zahl von höchstens 128 Bytes."),
        ("validate", r#"{"feed":"corona"}"#, "Was soll geprüft werden? Bitte die Nachricht unter payload mitsenden."),
        ("validate", r#"{"feed":"corona","payload":"17","metric":17}"#, "metric ist kein Text."),
        ("release-held", "corona", "In dieser Zahlenreihe ist nichts angehalten."),
        ("discard-held", "corona", "In dieser Zahlenreihe ist nichts angehalten."),
        ("rebaseline-held", r#"{"feed":"corona"}"#, "In dieser Zahlenreihe ist nichts angehalten."),
        ("withdraw", r#"{"feed":"corona"}"#, "In dieser Zahlenreihe gibt es nichts zurückzuziehen."),
    ] {
        let (status, said, _) = answer(&mut desk, name, payload).await;
        assert_eq!((status, said), (json!("error"), json!(error)), "{name} {payload}");
    }
    let (status, error, _) = answer(&mut desk, "validate", &format!("{{\"x\":\"{}\"}}", "x".repeat(10_000))).await;
    assert_eq!((status, error), (json!("error"), json!("Die Nachricht ist zu groß: höchstens 9216 Bytes.")));
}

#[tokio::test]
async fn what_was_published_can_be_taken_back_by_mqtt() {
    let mut desk = Desk::open().await;
    assert_eq!(desk.ask("figures/corona/cases_new", b"71").await.1["code"], "accepted");
    let other_day = answer(&mut desk, "withdraw", r#"{"feed":"corona","as_of":"2026-11-21"}"#).await;
    assert_eq!(other_day.0, "error");
    let (topic, said) = desk.ask("relay/request/withdraw", br#"{"feed":"corona","as_of":"2026-11-22","transaction":"a-1"}"#).await;
    assert_eq!((topic.as_str(), &said["status"], &said["transaction"]), ("relay/response/withdraw", &json!("ok"), &json!("a-1")));
    let data = &said["data"];
    assert_eq!((&data["code"], &data["feed"], &data["as_of"]), (&json!("withdrawn"), &json!("corona"), &json!("2026-11-22")));
    assert_eq!(desk.ask("figures/corona/cases_new", b"71").await.1["code"], "dismissed");
    // Whoever was told 71 hears that it was wrong.
    assert_eq!(desk.ask("figures/corona/cases_new", b"17").await.1["code"], "correction");
}

#[tokio::test]
async fn health_is_that_the_relay_steps_and_that_there_is_no_alarm() {
    let broker = Restartable::start().await;
    let (mut port, mut people) = online(&broker).await;
    let healthy = json!({
        "status": "ok", "transaction": 1, "data": {"healthy": true, "alarms": [], "version": env!("CARGO_PKG_VERSION")},
    });
    people.send(&[publish("relay/request/health", r#"{"transaction":1}"#, 0)]).await;
    let arrival = super::peer::within(port.inbox.recv()).await.expect("the port runs");
    assert!(arrival.events.is_empty());
    super::peer::durable(arrival);
    let answer = |message: (String, String)| serde_json::from_str::<Value>(&message.1).expect("JSON");
    while people.message().await.0 != "relay/request/health" {}
    assert_eq!(answer(people.message().await), healthy);
    // A relay that is gone drops it.
    people.send(&[publish("relay/request/health", "", 0)]).await;
    drop(super::peer::within(port.inbox.recv()).await);
    while people.message().await.0 != "relay/request/health" {}
    let ill = answer(people.message().await);
    assert_eq!((&ill["status"], &ill["data"]["healthy"]), (&json!("error"), &json!(false)));
}

/// A decision of another time is none.
#[tokio::test]
async fn a_retained_request_is_left_alone() {
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 16);
    let mut broker = Peer::subscribed(&listener).await;
    let request = |payload: &str| publish("relay/request/release-held", payload, 0);
    broker.send(&[retained(request("corona")), retained(request("korona")), super::cases(17, 7)]).await;
    assert_eq!(port.take().await, 17);
    let next = broker.pinged().await;
    assert!(matches!(&next, Some(Packet::PubAck(ack)) if ack.pkid == 7), "{next:?}");
}
