//! What two relays on one device cannot share, and what the units of systemd allow a configuration: where its state lies.

use super::super::document::{Document, Section};
use super::super::kinds;
use super::super::report::Source;
use std::path::Path;

/// Where systemd/drk-relay.service may write: StateDirectory=.
const STATE: &str = "/var/lib/drk-relay";

/// What only one relay on a device can have: section, key, its value unless it is said otherwise, and what goes wrong with two.
const ALONE: [(&str, &str, Option<&str>, &str); 6] = [
    ("", "state_dir", None, "Beide schrieben in denselben Ordner."),
    ("whatsapp", "phone_number_id", None, "Zwei Relays mit derselben Nummer stören einander."),
    ("mqtt", "client_id", Some("drk-relay"), "Der Broker ließe immer nur eines von beiden herein."),
    ("ingress", "listen", None, "Zwei können nicht an derselben Adresse auf Webhooks warten."),
    ("status", "socket", None, "Zwei können nicht am selben Socket Auskunft geben."),
    ("tunnel", "forward", None, "Der Relay-Host gäbe die Webhooks immer nur einem von beiden."),
];

/// Refuses what would be in the way of the `others`, or of the service itself. `text` is the document's.
pub(super) fn check(document: &Document<'_>, text: &str, instance: Option<&str>, others: &[(String, String)]) {
    let folder = instance.map_or(STATE.to_owned(), |instance| format!("{STATE}-{instance}"));
    let own = values(text);
    if own[0].as_ref().is_some_and(|state| !Path::new(state).starts_with(&folder)) {
        let unit = instance.map_or("drk-relay".to_owned(), |instance| format!("drk-relay@{instance}"));
        let what = format!("dort darf der Dienst {unit} nicht schreiben.");
        document.root().refuse("state_dir", &what, &format!("state_dir = \"{folder}\""));
    }
    for (name, other) in others {
        for (place, ((section, key, ..), (own, other))) in ALONE.iter().zip(own.iter().zip(values(other))).enumerate() {
            let Some(value) = own.as_ref().filter(|own| other.as_ref() == Some(own)) else { continue };
            let (_, _, _, why) = ALONE[place];
            let what = format!("„{value}“ hat auch {name}. {why}");
            let remedy = "in einer der beiden Dateien etwas anderes angeben; was hier fehlt, hat seine Vorgabe.";
            match (*section, document.root().section(section)) {
                ("", _) => document.root().refuse(key, &what, remedy),
                (_, Some(section)) => section.refuse(key, &what, remedy),
                (_, None) => {}
            }
        }
    }
}

/// What a configuration says of each of [`ALONE`], as far as it can be read.
fn values(text: &str) -> [Option<String>; ALONE.len()] {
    let document = Document::parse(Source { name: "", text }).ok();
    ALONE.map(|(section, key, default, _)| {
        let document = document.as_ref()?;
        let read = |mut section: Section<'_>| section.optional(key, kinds::text(kinds::PATH_MAX))?.or_else(|| default.map(str::to_owned));
        if section.is_empty() { read(document.root()) } else { read(document.root().section(section)?) }
    })
}
