//! `[[map]]`: what reaches the port, and every way in which a foreign topic can be mapped wrongly.

use super::{FULL, Folder};
use drk_relay::domain::rules::MetricKind;

/// A configuration with these maps.
fn with(maps: &str) -> String {
    format!("{FULL}\n{maps}")
}

const GOOD: &str = r#"
[[map]]
topic = "tele/pollen/SENSOR"
feed = "pollen"
metric = "birch"
pointer = "/Counter/a~1b"
as_of = "/Time"

[[map]]
topic = "homeassistant/sensor/incidence/state"
feed = "corona"
metric = "incidence"
"#;

#[test]
fn maps_reach_the_port() {
    let checked = Folder::new().check(&with(GOOD)).expect("a good one");
    let [pollen, incidence] = checked.config.mqtt.maps.as_slice() else { panic!("two maps") };
    assert_eq!((pollen.topic.as_str(), pollen.feed.as_str(), pollen.metric.as_str()), ("tele/pollen/SENSOR", "pollen", "birch"));
    assert_eq!(pollen.pointer.as_ref().expect("one").steps(), ["Counter", "a/b"]);
    assert_eq!(pollen.as_of.as_ref().expect("one").to_string(), "/Time");
    assert_eq!((pollen.kind, incidence.kind), (MetricKind::Total, MetricKind::Rate));
    assert_eq!((&incidence.pointer, &incidence.as_of), (&None, &None));
    assert_eq!(checked.config.mqtt.zone.iana_name(), Some("Europe/Vienna"));
    assert!(checked.effective.contains("\n[[map]]\ntopic = \"tele/pollen/SENSOR\"\nfeed = \"pollen\"\n"), "{}", checked.effective);
    assert!(checked.warnings.iter().all(|warning| !warning.what().starts_with("map.")), "{:?}", checked.warnings);
}

#[test]
fn a_map_that_cannot_work_is_refused() {
    let folder = Folder::new();
    let wrong = |topic: &str, feed: &str, metric: &str, rest: &str| {
        let map = format!("[[map]]\ntopic = \"{topic}\"\nfeed = \"{feed}\"\nmetric = \"{metric}\"\n{rest}");
        let found = folder.wrong(&with(&map));
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().map(|(_, what)| what).collect::<String>()
    };
    let topic = |topic: &str| wrong(topic, "corona", "cases_new", "");
    for wildcard in ["tele/+/SENSOR", "#", "zigbee2mqtt/#"] {
        assert_eq!(topic(wildcard), "map.topic: Platzhalter (+, #) sind hier nicht erlaubt: zwei Absender würden einander berichtigen.");
    }
    for own in ["figures", "figures/corona/cases_new", "relay/receipts/corona", "relay"] {
        assert_eq!(topic(own), "map.topic: auf diesem Topic spricht oder hört das Relay selbst.");
    }
    assert_eq!(topic("$share/group/topic"), "map.topic: das ist kein Topic, sondern ein geteiltes Abonnement.");
    assert_eq!(topic(&"x".repeat(257)), "map.topic: 257 Zeichen, erlaubt sind 256.");
    let named = |feed: &str, metric: &str| wrong("a/b", feed, metric, "");
    assert_eq!(named("korona", "cases_new"), "map.feed: „korona“ ist keine Zahlenreihe. Meinten Sie „corona“?");
    assert_eq!(named("wetter", "cases_new"), "map.feed: „wetter“ ist keine Zahlenreihe.");
    assert_eq!(named("corona", "case_new"), "map.metric: „case_new“ ist keine Kennzahl der Zahlenreihe „corona“. Meinten Sie „cases_new“?");
    assert_eq!(named("corona", "birch"), "map.metric: „birch“ ist keine Kennzahl der Zahlenreihe „corona“.");
    for pointer in ["SR04/Distance", "/a~", "/a~2", "$.value"] {
        let what = wrong("a/b", "corona", "cases_new", &format!("pointer = \"{pointer}\""));
        assert_eq!(what, "map.pointer: das ist kein JSON-Pointer (RFC 6901).", "{pointer}");
    }
    let what = wrong("a/b", "corona", "cases_new", "as_of = \"/Time\"");
    assert_eq!(what, "map.as_of: wo die Nachricht nur aus der Zahl besteht, steht kein Tag.");
    let what = wrong("a/b", "corona", "cases_new", "pointr = \"/x\"");
    assert_eq!(what, "„pointr“ ist unter [[map]] unbekannt. Meinten Sie „pointer“?");
}

/// What technicians copy from the handbook works.
#[test]
fn the_handbook_says_what_works() {
    const PAGE: &str = include_str!("../../../docs/handbuch/geraete-anbinden.md");
    let feed = "[[feed]]\nname = \"pegel\"\ntitle = \"Pegel\"\nmetric = [{ name = \"level\", label = \"Stand\", kind = \"rate\" }]\n";
    let folder = Folder::new();
    let blocks: Vec<&str> = PAGE.split("```toml\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block).collect();
    assert_eq!(blocks.len(), 4);
    for block in blocks {
        let checked = folder.check(&with(&format!("{feed}{block}"))).unwrap_or_else(|error| panic!("{block}\n{error}"));
        assert_eq!(checked.config.mqtt.maps.len(), 1, "{block}");
    }
}

#[test]
fn home_assistant_is_told_only_if_somebody_says_where() {
    let folder = Folder::new();
    let with = |prefix: &str| FULL.replace("[mqtt]\n", &format!("[mqtt]\ndiscovery_prefix = \"{prefix}\"\n"));
    assert_eq!(folder.check(FULL).expect("complete").config.mqtt.discovery, None);
    assert_eq!(folder.check(&with("homeassistant")).expect("complete").config.mqtt.discovery.as_deref(), Some("homeassistant"));
    for wrong in ["#", "home/+", "/homeassistant", "homeassistant/", "$SYS"] {
        assert_eq!(folder.wrong(&with(wrong))[0].1, "mqtt.discovery_prefix: das ist kein Anfang von Topics.", "{wrong}");
    }
}

#[test]
fn two_maps_must_not_contradict_each_other() {
    let folder = Folder::new();
    let maps = |second: &str| with(&format!("[[map]]\ntopic = \"a/b\"\nfeed = \"corona\"\nmetric = \"cases_new\"\n[[map]]\n{second}"));
    let said = |second: &str| folder.wrong(&maps(second)).into_iter().map(|(_, what)| what).collect::<Vec<_>>();
    assert_eq!(
        said("topic = \"a/b\"\nfeed = \"corona\"\nmetric = \"incidence\""),
        ["map.topic: dieselbe Stelle derselben Nachrichten ist schon einer anderen Kennzahl zugeordnet."]
    );
    assert_eq!(
        said("topic = \"a/b\"\nfeed = \"corona\"\nmetric = \"cases_new\"\npointer = \"/x\""),
        ["map.metric: diese Kennzahl steht in denselben Nachrichten schon an einer anderen Stelle."]
    );
    let checked = folder.check(&maps("topic = \"a/c\"\nfeed = \"corona\"\nmetric = \"cases_new\"")).expect("it may be meant");
    let warned = |warning: &&drk_relay::config::Problem| warning.what().starts_with("map.metric: dieselbe Kennzahl kommt auch von a/b");
    assert_eq!(checked.warnings.iter().filter(warned).count(), 1, "{:?}", checked.warnings);
}
