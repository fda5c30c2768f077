//! What two relays on one device cannot share, and what the units of systemd allow a configuration: where its state lies.

use super::super::document::Document;
use super::super::kinds;
use super::super::report::Source;
use super::super::service::{STATE_DIRECTORY, directory, service, service_at};
use super::Neighbour;
use std::path::Path;

/// What only one relay on a device can have: section, key, its value unless it is said otherwise, and what goes wrong with two.
const ALONE: [(&str, &str, Option<&str>, &str); 7] = [
    ("", "state_dir", None, "Beide schrieben in denselben Ordner."),
    ("whatsapp", "phone_number_id", None, "Zwei Relays mit derselben Nummer stören einander."),
    ("mqtt", "client_id", Some("drk-relay"), "Der Broker ließe immer nur eines von beiden herein."),
    ("mqtt", "user", None, "Beim Broker auf dem Gerät hat jedes Relay sein eigenes Passwort."),
    ("ingress", "listen", None, "Zwei können nicht an derselben Adresse auf Webhooks warten."),
    ("status", "socket", None, "Zwei können nicht am selben Socket Auskunft geben."),
    ("tunnel", "forward", None, "Der Relay-Host gäbe die Webhooks immer nur einem von beiden."),
];

/// Refuses what would be in the way of the `others`, or of the service itself. `text` is the document's.
pub(super) fn check(document: &Document<'_>, text: &str, instance: Option<&str>, others: &[Neighbour]) {
    // The only one where systemd lets it write.
    let folder = directory(STATE_DIRECTORY, instance);
    let own = values(text);
    let astray = own[0].as_ref().is_some_and(|state| !Path::new(&state.shown).starts_with(&folder));
    if astray {
        let what = format!("dort darf der Dienst {} nicht schreiben.", service(instance));
        document.root().refuse("state_dir", &what, &format!("state_dir = \"{folder}\" schreiben."));
    }
    let user = shown(&own, "user");
    for Neighbour { name, configuration, publishers } in others {
        let publisher = user.as_ref().filter(|user| publishers.contains(user));
        if let (Some(user), Some(section)) = (publisher, document.root().section("mqtt")) {
            let what = format!("„{user}“ ist ein Absender von {name}, und beim Broker gibt es jeden Namen nur einmal.");
            section.refuse("user", &what, "in einer der beiden Dateien einen anderen Namen nehmen.");
        }
        for ((section, key, _, why), (own, other)) in ALONE.iter().zip(own.iter().zip(values(configuration))) {
            let Some(value) = own.as_ref().filter(|own| other.as_ref() == Some(own)) else { continue };
            let what = format!("„{}“ hat auch {name}. {why}", value.shown);
            let remedy = &remedy(name);
            match (*section, document.root().section(section)) {
                ("", _) if astray => {}
                ("", _) => document.root().refuse(key, &what, remedy),
                (_, Some(section)) => section.refuse(key, &what, remedy),
                (_, None) => {}
            }
        }
    }
}

/// A relay whose file is not on the card any more lives on until somebody ends it.
fn remedy(other: &str) -> String {
    let otherwise = "in einer der beiden Dateien etwas anderes angeben; was hier fehlt, hat seine Vorgabe.";
    service_at(Path::new(other)).map_or(otherwise.to_owned(), |service| {
        let end = format!("sudo systemctl disable --now {service}; sudo rm {other}");
        format!("soll es dieses Relay nicht mehr geben, auf dem Gerät: {end}. Sonst {otherwise}")
    })
}

/// As whom a relay logs in at the broker of this device.
pub(super) fn local_user(text: &str) -> Option<String> {
    shown(&values(text), "user")
}

/// Something that a configuration claims.
#[derive(PartialEq, Eq)]
struct Claim {
    shown: String,
    /// On which machine; names of a broker are its own.
    host: Option<String>,
}

/// Whose relay it is.
pub(super) fn phone_number_id(text: &str) -> Option<String> {
    shown(&values(text), "phone_number_id")
}

fn shown(claims: &[Option<Claim>; ALONE.len()], key: &str) -> Option<String> {
    let (_, claim) = ALONE.iter().zip(claims).find(|((_, known, ..), _)| *known == key)?;
    claim.as_ref().map(|claim| claim.shown.clone())
}

/// What a configuration claims of each of [`ALONE`], as far as it can be read.
fn values(text: &str) -> [Option<Claim>; ALONE.len()] {
    let document = Document::parse(Source { name: "", text }).ok();
    ALONE.map(|(section, key, default, _)| {
        let mut root = document.as_ref()?.root();
        let mut section = if section.is_empty() { root } else { root.section(section)? };
        let shown = section.optional(key, kinds::text(kinds::PATH_MAX))?.or_else(|| default.map(str::to_owned))?;
        let host = match key {
            "client_id" | "user" => Some(section.or("host", "localhost".to_owned(), kinds::host)?),
            "forward" => section.optional("host", kinds::host)?,
            _ => None,
        };
        // Accounts are made for the broker on this device only.
        let theirs = key == "user" && host.as_ref().is_some_and(|host| !kinds::is_local(host));
        (!theirs).then_some(Claim { shown, host })
    })
}
