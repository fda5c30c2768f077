//! What Home Assistant has to know to show the relay as a device: one message for all of its entities, as it is understood since 2024.12
//! (Home Assistant docs: MQTT, device discovery payload). Says nothing about any figure: the entities read the documents of `documents`.

use super::documents::VERSION;
use super::receipt::json;
use super::status;
use crate::config::MqttConfig;
use crate::domain::rules::{FeedRules, MetricKind, MetricRules};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Discovery<'a> {
    device: Device<'a>,
    origin: Origin,
    /// `online` and `offline` are what Home Assistant expects.
    availability_topic: String,
    qos: u8,
    components: BTreeMap<String, Component<'a>>,
}

#[derive(Serialize)]
struct Device<'a> {
    identifiers: [String; 1],
    name: &'a str,
    model: &'static str,
    sw_version: &'static str,
}

#[derive(Serialize)]
struct Origin {
    name: &'static str,
    sw_version: &'static str,
}

/// One entity.
#[derive(Serialize)]
struct Component<'a> {
    platform: &'static str,
    unique_id: String,
    name: String,
    state_topic: String,
    value_template: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_category: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_of_measurement: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suggested_display_precision: Option<u8>,
}

/// Topic and payload.
pub(super) fn document(config: &MqttConfig, prefix: &str) -> (String, Vec<u8>) {
    let id = identifier(&config.client_id);
    let mut components = Components { config, id: &id, all: BTreeMap::new() };
    components.relay();
    config.feeds.iter().for_each(|feed| components.feed(feed));
    let discovery = Discovery {
        device: Device { identifiers: [id.clone()], name: &config.client_id, model: "drk-relay", sw_version: VERSION },
        origin: Origin { name: "drk-relay", sw_version: VERSION },
        availability_topic: status(config),
        qos: 1,
        components: components.all,
    };
    (format!("{prefix}/device/{id}/config"), json(&discovery))
}

/// Home Assistant takes letters, digits, `_` and `-` in its topics.
fn identifier(client_id: &str) -> String {
    client_id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

struct Components<'a> {
    config: &'a MqttConfig,
    id: &'a str,
    all: BTreeMap<String, Component<'a>>,
}

impl<'a> Components<'a> {
    /// A sensor that shows one key of a document. Names of feeds and metrics have no dots, so no two keys are the same.
    fn add(&mut self, (key, name): (String, String), topic: &str, value_template: &'static str) -> &mut Component<'a> {
        let component = Component {
            platform: "sensor",
            unique_id: format!("{}.{key}", self.id),
            name,
            state_topic: format!("{}/{topic}", self.config.relay),
            value_template,
            device_class: None,
            entity_category: None,
            state_class: None,
            unit_of_measurement: None,
            suggested_display_precision: None,
        };
        self.all.entry(key).insert_entry(component).into_mut()
    }

    fn relay(&mut self) {
        let queue = self.add(("queue".to_owned(), "Warteschlange".to_owned()), "info", "{{ value_json.queue }}");
        (queue.state_class, queue.entity_category) = (Some("measurement"), Some("diagnostic"));
        let template = "{{ 'ON' if value_json.alarms | length > 0 else 'OFF' }}";
        let alarms = self.add(("alarms".to_owned(), "Alarme".to_owned()), "alarms", template);
        (alarms.platform, alarms.device_class) = ("binary_sensor", Some("problem"));
    }

    fn feed(&mut self, feed: &'a FeedRules) {
        let FeedRules { name, title, .. } = feed;
        let state = format!("feeds/{name}/state");
        let words = |key: &str, called: &str| (format!("{name}.{key}"), format!("{title}: {called}"));
        let overdue = self.add(words("overdue", "überfällig"), &state, "{{ 'ON' if value_json.overdue else 'OFF' }}");
        (overdue.platform, overdue.device_class) = ("binary_sensor", Some("problem"));
        let held = self.add(words("held", "angehaltene Werte"), &state, "{{ value_json.held }}");
        held.state_class = Some("measurement");
        let subscribers = self.add(words("subscribers", "Abonnenten"), &state, "{{ value_json.subscribers }}");
        subscribers.state_class = Some("measurement");
        for metric in &feed.metrics {
            self.metric(feed, metric);
        }
    }

    fn metric(&mut self, feed: &'a FeedRules, metric: &'a MetricRules) {
        let words = (format!("{}.last.{}", feed.name, metric.name), format!("{}: {}", feed.title, metric.label));
        let last =
            self.add(words, &format!("last/{}/{}", feed.name, metric.name), "{{ value_json.value if value_json is defined else none }}");
        // A document of which there is none any more is empty: unknown, then.
        last.unit_of_measurement = metric.unit.as_deref();
        last.suggested_display_precision = Some(metric.decimals);
        // A total may be corrected downwards, which Home Assistant's `total_increasing` would take for a new beginning.
        last.state_class = Some(match metric.kind {
            MetricKind::Count | MetricKind::Rate => "measurement",
            MetricKind::Total => "total",
        });
    }
}
