//! What anybody may read, retained: the latest figures, how each feed fares, the relay, and what Home Assistant needs to know.

use super::peer::{ALARMS, Peer, Port, config, listen, name};
use super::{Restartable, online, online_with};
use drk_relay::config::MqttConfig;
use drk_relay::domain::audience::Reach;
use drk_relay::domain::figures::{Doubt, HeldView, Publication, Value, Values, View};
use drk_relay::domain::time::{Day, Timestamp};
use drk_relay::relay::Surface;
use rumqttc::{Packet, PubAck};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const AT: Timestamp = Timestamp(1_795_338_000);
const DAY: Day = Day(20_779);

fn values(values: &[(&str, i64, u8)]) -> Values {
    values.iter().map(|(metric, digits, decimals)| (name(metric), Value::new(*digits, *decimals).expect("in range"))).collect()
}

fn nothing_known(feed: &str) -> View {
    View::new(name(feed), "Corona im Kreis")
}

/// A publication of two metrics.
fn known() -> View {
    View {
        current: Some(Publication::new(7, DAY, values(&[("cases_new", 17, 0), ("incidence", 574, 1)]))),
        published: Some(AT),
        received: Some(AT.plus(60)),
        due: Some(AT.plus(3600)),
        reach: Reach { now: 41, outside: 12 },
        ..nothing_known("corona")
    }
}

fn surface(corona: View) -> Surface {
    Surface { feeds: vec![corona, nothing_known("pegel")], clock_trusted: true, queue: 3 }
}

/// The documents that arrive until there are so many of them.
async fn heard(people: &mut Peer, many: usize) -> BTreeMap<String, Json> {
    let mut heard = BTreeMap::new();
    while heard.len() < many {
        let (topic, payload) = people.message().await;
        let document = if payload.is_empty() { Json::Null } else { serde_json::from_str(&payload).expect("JSON") };
        heard.insert(topic, document);
    }
    heard
}

/// Two of each feed and one of the relay, and one of each of the three metrics.
const ALL: usize = 8;

fn state_of_corona() -> Json {
    json!({
        "feed": "corona", "title": "Corona im Kreis", "last_as_of": "2026-11-22", "last_received_at": "2026-11-22T09:01:00Z",
        "due_at": "2026-11-22T10:00:00Z", "overdue": false, "held": 0, "held_values": {}, "held_as_of": null, "held_since": null,
        "held_because": {}, "no_report": null, "subscribers": 41, "outside_window": 12,
    })
}

#[tokio::test]
async fn the_latest_figures_are_there_for_whoever_comes() {
    let mut broker = Restartable::start().await;
    let (port, mut people) = online(&broker).await;
    port.surface.send_replace(surface(known()));
    let all = heard(&mut people, ALL).await;
    let (day, at) = ("2026-11-22", "2026-11-22T09:00:00Z");
    let both = json!({"cases_new": 17, "incidence": 57.4});
    assert_eq!(
        all["relay/last/corona"],
        json!({"feed": "corona", "as_of": day, "values": both, "revision": 7, "published_at": at, "correction": false})
    );
    assert_eq!(
        all["relay/last/corona/incidence"],
        json!({"feed": "corona", "metric": "incidence", "value": 57.4, "unit": null, "as_of": day, "revision": 7, "published_at": at})
    );
    assert_eq!(all["relay/feeds/corona/state"], state_of_corona());
    assert_eq!(all["relay/last/pegel"], Json::Null, "nothing to be known of it");
    assert_eq!(all["relay/feeds/pegel/state"]["subscribers"], 0);
    let info = &all["relay/info"];
    assert_eq!((&info["version"], &info["clock_synced"], &info["queue"]), (&json!(env!("CARGO_PKG_VERSION")), &json!(true), &json!(3)));
    assert!(info["started_at"].is_string());

    let mut late = Peer::connect(broker.address, "late").await;
    late.subscribe("relay/feeds/corona/state").await;
    assert_eq!(serde_json::from_str::<Json>(&late.message().await.1).expect("JSON"), state_of_corona());
    // A broker that has lost all of it hears it again.
    broker.cut().await;
    let mut people = Peer::connect(broker.address, "publisher").await;
    people.subscribe("relay/#").await;
    while people.message().await != ("relay/status".to_owned(), "online".to_owned()) {}
    while people.message().await.0 != "relay/last/corona" {}
}

#[tokio::test]
async fn only_what_changes_is_said_again() {
    let broker = Restartable::start().await;
    let (port, mut people) = online(&broker).await;
    port.surface.send_replace(surface(known()));
    heard(&mut people, ALL).await;
    let held = HeldView {
        as_of: DAY,
        values: values(&[("cases_new", 12, 0)]),
        since: AT,
        doubts: vec![Doubt { metric: name("cases_new"), code: "total-fell", sentence: "Zu wenig.".to_owned() }],
    };
    port.surface.send_replace(surface(View { held: Some(held), overdue: Some(AT.plus(3600)), ..known() }));
    let (topic, payload) = people.message().await;
    let mut expected = state_of_corona();
    for (key, value) in [
        ("overdue", json!(true)),
        ("held", json!(1)),
        ("held_values", json!({"cases_new": 12})),
        ("held_as_of", json!("2026-11-22")),
        ("held_since", json!("2026-11-22T09:00:00Z")),
        ("held_because", json!({"cases_new": {"code": "total-fell", "text": "Zu wenig."}})),
    ] {
        expected[key] = value;
    }
    assert_eq!((topic.as_str(), serde_json::from_str::<Json>(&payload).expect("JSON")), ("relay/feeds/corona/state", expected));
    // What has been withdrawn is there no more, and a late comer hears nothing of it.
    port.surface.send_replace(surface(nothing_known("corona")));
    let cleared = heard(&mut people, 4).await;
    assert_eq!((&cleared["relay/last/corona"], &cleared["relay/last/corona/cases_new"]), (&Json::Null, &Json::Null));
    let mut late = Peer::connect(broker.address, "late").await;
    late.subscribe("relay/last/#").await;
    late.subscribe("relay/info").await;
    assert_eq!(late.message().await.0, "relay/info");
}

/// A broker that acknowledges nothing is not told more than our own acknowledgements can get past.
#[tokio::test]
async fn a_broker_that_acknowledges_nothing_hears_little() {
    let (listener, address) = listen().await;
    let mut port = Port::start(address, 16);
    let mut broker = Peer::subscribed(&listener).await;
    port.surface.send_replace(surface(known()));
    let mut documents = Vec::new();
    while documents.len() < 4 {
        let Some(Packet::Publish(publish)) = broker.pinged().await else { panic!("a document") };
        documents.push(publish);
    }
    broker.send(&[super::cases(17, 7)]).await;
    assert_eq!(port.take().await, 17);
    let next = broker.pinged().await;
    assert!(matches!(&next, Some(Packet::PubAck(ack)) if ack.pkid == 7), "{next:?}");
    // An alarm waits for its turn, and comes first then.
    port.alarms.show([(&drk_relay::domain::alarm::Code::DiskFull, &super::alarms::alarm(None, ""))].into_iter());
    broker.send(&[Packet::PubAck(PubAck::new(documents[0].pkid))]).await;
    let Some(Packet::Publish(publish)) = broker.pinged().await else { panic!("the alarms") };
    assert_eq!(publish.topic, ALARMS);
}

#[tokio::test]
async fn home_assistant_finds_a_device() {
    let broker = Restartable::start().await;
    let mut config =
        MqttConfig { discovery: Some("homeassistant".to_owned()), client_id: "drk-relay".to_owned(), ..config(broker.address) };
    config.feeds[0].metrics[1].unit = Some("je 100.000".to_owned());
    config.feeds[0].title = "Corona".to_owned();
    let mut assistant = Peer::connect(broker.address, "assistant").await;
    assistant.subscribe("homeassistant/#").await;
    let (port, _people) = online_with(&broker, config).await;
    port.surface.send_replace(surface(known()));
    let (topic, payload) = assistant.message().await;
    assert_eq!(topic, "homeassistant/device/drk-relay/config");
    let document: Json = serde_json::from_str(&payload).expect("JSON");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(document["origin"], json!({"name": "drk-relay", "sw_version": version}));
    assert_eq!(document["device"], json!({"identifiers": ["drk-relay"], "name": "drk-relay", "model": "drk-relay", "sw_version": version}));
    assert_eq!((&document["availability_topic"], &document["qos"]), (&json!("relay/status"), &json!(1)));
    let components = &document["components"];
    assert_eq!(
        components["corona.overdue"],
        json!({
            "platform": "binary_sensor", "unique_id": "drk-relay.corona.overdue", "name": "Corona: überfällig", "device_class": "problem",
            "state_topic": "relay/feeds/corona/state", "value_template": "{{ 'ON' if value_json.overdue else 'OFF' }}",
        })
    );
    assert_eq!(
        components["corona.last.incidence"],
        json!({
            "platform": "sensor", "unique_id": "drk-relay.corona.last.incidence", "name": "Corona: ", "state_class": "measurement",
            "state_topic": "relay/last/corona/incidence", "unit_of_measurement": "je 100.000", "suggested_display_precision": 1,
            "value_template": "{{ value_json.value if value_json is defined else none }}",
        })
    );
    let keys: Vec<&String> = components.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "alarms",
            "corona.held",
            "corona.last.cases_new",
            "corona.last.incidence",
            "corona.overdue",
            "corona.subscribers",
            "pegel.held",
            "pegel.last.level",
            "pegel.overdue",
            "pegel.subscribers",
            "queue"
        ]
    );
}
