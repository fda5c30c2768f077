//! `[[map]]`: topics of publishers that keep to other conventions than ours (Tasmota, Home Assistant, Telegraf, Zigbee2MQTT), and which
//! metric is found there. Reads no message: that is `port/mqtt`'s.
//!
//! Topics are exact. With a wildcard two sensors would state the same metric, each correcting the other.

use super::MqttConfig;
use super::document::{Complaint, Item, Section, nearest};
use super::kinds::{name, text, wrong};
use crate::domain::ids::Name;
use crate::domain::rules::{FEEDS_MAX, METRICS_MAX, MetricKind, Rules};
use std::fmt;

/// As many as there can be metrics.
pub(super) const MAPS_MAX: usize = FEEDS_MAX * METRICS_MAX;
/// Longest foreign topic: no convention comes near it, and receipts and log lines repeat it.
const TOPIC_MAX: usize = 256;
/// Longest pointer, for the same reason.
const POINTER_MAX: usize = 128;
/// What a foreign topic looks like.
pub(super) const TOPIC: &str = "\"tele/pegel/SENSOR\"";
/// What begins like this is no topic, but asks to share messages with others (MQTT 5, 4.8.2; mosquitto does it for 3.1.1, too).
const SHARED: &str = "$share";

/// A foreign topic, and the metric that is found there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MqttMap {
    /// The topic, exactly.
    pub topic: String,
    /// The feed that the figure belongs to.
    pub feed: Name,
    /// Its metric.
    pub metric: Name,
    /// How its numbers are read.
    pub kind: MetricKind,
    /// Where the number stands in the payload, which is JSON then; nothing: the payload is the number.
    pub pointer: Option<JsonPointer>,
    /// Where the day stands that the figure is about; nothing: it is the day of receipt.
    pub as_of: Option<JsonPointer>,
}

/// The way to one value in a JSON document (RFC 6901).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct JsonPointer(Vec<String>);

impl JsonPointer {
    /// The way that `/fields/level` describes; `None` if it does not begin with `/`, or a `~` is followed by anything but 0 or 1. The empty
    /// pointer, which is the whole document, is none here.
    pub fn parse(text: &str) -> Option<JsonPointer> {
        text.strip_prefix('/')?.split('/').map(unescaped).collect::<Option<Vec<_>>>().map(JsonPointer)
    }

    /// Keys of objects, or indices of lists, from the outside in.
    pub fn steps(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| write!(f, "/{}", step.replace('~', "~0").replace('/', "~1")))
    }
}

/// RFC 6901, section 4: first `~1`, then `~0`.
fn unescaped(step: &str) -> Option<String> {
    let good = step.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    good.then(|| step.replace("~1", "/").replace("~0", "~"))
}

/// All of them; none if there is none. `rules` and `mqtt` as far as they could be read.
pub(super) fn read(root: &mut Section<'_>, rules: Option<&Rules>, mqtt: Option<&MqttConfig>) -> Option<Vec<MqttMap>> {
    let mut sections = root.sections("map", 0..=MAPS_MAX)?;
    let mut maps: Vec<Option<MqttMap>> = Vec::new();
    for section in &mut sections {
        let mut read = map(section, rules, mqtt);
        for other in maps.iter().flatten() {
            if read.as_ref().is_some_and(|map| clash(section, map, other)) {
                read = None;
            }
        }
        maps.push(read);
    }
    maps.into_iter().collect()
}

fn map(section: &mut Section<'_>, rules: Option<&Rules>, mqtt: Option<&MqttConfig>) -> Option<MqttMap> {
    section.begin_another();
    let topic = section.required("topic", TOPIC, topic);
    let feed = section.required("feed", "\"corona\"", name);
    let metric = section.required("metric", "\"cases_new\"", name);
    let value = section.optional("pointer", pointer);
    let as_of = section.optional("as_of", pointer);
    section.end();
    let (topic, feed, metric, pointer, as_of) = (topic?, feed?, metric?, value?, as_of?);
    let own = mqtt.is_some_and(|mqtt| [&mqtt.figures, &mqtt.relay].into_iter().any(|root| below(&topic, root)));
    if own {
        let what = "auf diesem Topic spricht oder hört das Relay selbst.";
        section.refuse("topic", what, "das Topic des fremden Absenders nennen; für figures/… braucht es kein [[map]].");
    }
    if as_of.is_some() && pointer.is_none() {
        let what = "wo die Nachricht nur aus der Zahl besteht, steht kein Tag.";
        section.refuse("as_of", what, "pointer ergänzen, wenn die Nachricht JSON ist, sonst as_of löschen.");
        return None;
    }
    let kind = kind(section, rules?, &feed, &metric)?;
    (!own).then_some(MqttMap { topic, feed, metric, kind, pointer, as_of })
}

/// How the metric's numbers are read. Nothing if there is no such metric, which has been written down then.
fn kind(section: &Section<'_>, rules: &Rules, feed: &Name, metric: &Name) -> Option<MetricKind> {
    let unknown = |key: &str, what: &str, given: &Name, known: Vec<&str>| {
        let meant = nearest(given.as_str(), &known).map_or(String::new(), |near| format!(" Meinten Sie „{near}“?"));
        section.refuse(key, &format!("„{given}“ ist {what}.{meant}"), &format!("einen dieser Namen schreiben: {}.", known.join(", ")));
    };
    let Some(rules) = rules.feeds.iter().find(|rules| rules.name == *feed) else {
        let known = rules.feeds.iter().map(|rules| rules.name.as_str()).collect();
        unknown("feed", "keine Zahlenreihe", feed, known);
        return None;
    };
    let Some(rules) = rules.metric(metric) else {
        let known = rules.metrics.iter().map(|rules| rules.name.as_str()).collect();
        unknown("metric", &format!("keine Kennzahl der Zahlenreihe „{feed}“"), metric, known);
        return None;
    };
    Some(rules.kind)
}

/// Whether two of them cannot both be meant, which has been written down then.
fn clash(section: &Section<'_>, map: &MqttMap, other: &MqttMap) -> bool {
    let metric = (&map.feed, &map.metric) == (&other.feed, &other.metric);
    if map.topic != other.topic {
        if metric {
            let what = format!("dieselbe Kennzahl kommt auch von {}: was zuletzt kommt, gilt.", other.topic);
            section.warn("metric", &what, "nur einen Absender nennen, wenn nicht beide dasselbe messen.");
        }
        return false;
    }
    if map.pointer == other.pointer {
        let what = "dieselbe Stelle derselben Nachrichten ist schon einer anderen Kennzahl zugeordnet.";
        section.refuse("topic", what, "einen der beiden Abschnitte [[map]] löschen, oder pointer berichtigen.");
        return true;
    }
    if metric {
        let what = "diese Kennzahl steht in denselben Nachrichten schon an einer anderen Stelle.";
        section.refuse("metric", what, "einen der beiden Abschnitte [[map]] löschen, oder metric berichtigen.");
    }
    metric
}

fn below(topic: &str, root: &str) -> bool {
    topic.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(super) fn topic(item: &Item<'_>) -> Result<String, Complaint> {
    let topic = text(TOPIC_MAX)(item)?;
    let remedy = format!("das Topic schreiben, wie der Absender es verwendet, zum Beispiel {TOPIC}.");
    if topic.contains(['+', '#']) {
        let remedy = format!("für jedes Topic einen eigenen Abschnitt [[map]] schreiben, zum Beispiel {TOPIC}.");
        return Err(wrong("Platzhalter (+, #) sind hier nicht erlaubt: zwei Absender würden einander berichtigen.", remedy));
    }
    if below(&topic, SHARED) { Err(wrong("das ist kein Topic, sondern ein geteiltes Abonnement.", remedy)) } else { Ok(topic) }
}

fn pointer(item: &Item<'_>) -> Result<JsonPointer, Complaint> {
    let remedy = "mit / beginnen und jede Ebene mit / abtrennen, zum Beispiel \"/SR04/Distance\"; / in einem Namen wird ~1, ~ wird ~0.";
    JsonPointer::parse(&text(POINTER_MAX)(item)?).ok_or_else(|| wrong("das ist kein JSON-Pointer (RFC 6901).", remedy))
}
