//! `[[publisher]]`: accounts that the broker on the same device is to have. How its files look is for whoever writes them.

use super::super::document::{Complaint, Item, Section};
use super::super::kinds::{WORD_MAX, name, text, wrong};
use super::super::public::BrokerAddress;
use super::Neighbour;
use crate::domain::ids::Name;
use secrecy::SecretString;
use toml::de::DeValue;

/// The key of its password.
const PASSWORD: &str = "password";
/// What else stands there, and is no secret.
pub(super) const OPEN: [&str; 2] = ["name", "feeds"];
/// Accounts at most: more local systems than a branch has.
const PUBLISHERS_MAX: usize = 32;
/// Characters of a password at least: it is typed once, and a broker in a house answers guesses quickly.
const PASSWORD_MIN: usize = 8;

/// Somebody who may send figures.
#[derive(Clone, Debug)]
pub struct Publisher {
    /// As it logs in.
    pub name: Name,
    /// What it may send.
    pub feeds: Vec<Name>,
    /// Nothing if the broker knows it from an earlier card.
    pub password: Option<SecretString>,
}

/// All of them. `broker`: what the relay's part says of it, if that can be read. The `others` have accounts at the same broker.
pub(super) fn read(root: &mut Section<'_>, broker: Option<&BrokerAddress>, others: &[Neighbour]) -> Option<Vec<Publisher>> {
    let sections = root.sections("publisher", 0..=PUBLISHERS_MAX)?;
    if let (Some(first), Some(broker)) = (sections.first(), broker) {
        possible(first, broker);
    }
    let mut all: Vec<Publisher> = Vec::new();
    let mut complete = true;
    for mut section in sections {
        let found = section.required("name", "\"hausnotruf\"", name);
        let feeds = section.required("feeds", "[\"corona\"]", feeds);
        let password = section.read_silently(PASSWORD, password).optional();
        section.end();
        let (Some(name), Some(feeds), Some(password)) = (found, feeds, password) else {
            complete = false;
            continue;
        };
        if all.iter().any(|other| other.name == name) {
            section.refuse("name", &format!("„{name}“ gibt es schon."), "jedem Absender einen eigenen Namen geben.");
        }
        if let Some(other) = others.iter().find(|other| other.has(&name)) {
            let what = format!("„{name}“ heißt auch ein Zugang von {}, und beim Broker gibt es jeden Namen nur einmal.", other.name);
            section.refuse("name", &what, "in einer der beiden Dateien einen anderen Namen nehmen, und dem Absender diesen sagen.");
        }
        if let Some(broker) = broker {
            if broker.user.as_deref() == Some(name.as_str()) {
                section.refuse("name", &format!("als „{name}“ meldet sich das Relay selbst an."), "einen anderen Namen nennen.");
            }
            let unknown = feeds.iter().find(|feed| !broker.feeds.contains(feed));
            if let Some(unknown) = unknown {
                let known = broker.feeds.iter().map(|feed| format!("\"{feed}\"")).collect::<Vec<_>>().join(", ");
                let what = format!("die Zahlenreihe „{unknown}“ gibt es nicht. Eingerichtet: {known}.");
                section.refuse("feeds", &what, "eine von ihnen nennen, oder eine [[feed]] ergänzen.");
            }
        }
        all.push(Publisher { name, feeds, password });
    }
    complete.then_some(all)
}

/// What the accounts of a card are called, as far as that can be read.
pub(super) fn names(root: &mut Section<'_>) -> Vec<String> {
    let sections = root.sections("publisher", 0..=PUBLISHERS_MAX).unwrap_or_default();
    sections.into_iter().filter_map(|mut section| section.optional("name", name)?).map(|name| name.to_string()).collect()
}

/// Refuses accounts of a broker whose files this device does not write.
fn possible(first: &Section<'_>, broker: &BrokerAddress) {
    let (what, remedy) = if !broker.local {
        let what = format!("Zugänge richtet das Gerät nur beim eigenen Broker ein; dieser hier steht auf {}.", broker.host);
        (what, "[[publisher]] löschen; die Zeilen für den Broker dort druckt: drk-relay publisher add")
    } else if broker.tls || broker.certificate {
        let what = "einen Broker mit TLS richtet das Gerät nicht selbst ein: ihm fehlen Zertifikat und Schlüssel.".to_owned();
        (what, "tls unter [mqtt] löschen, oder [[publisher]] löschen und den Broker mit drk-relay publisher add einrichten.")
    } else {
        match &broker.user {
            None => {
                let what = "mit Zugängen lässt der Broker auch das Relay nur noch mit einem herein, und mqtt.user fehlt.".to_owned();
                (what, "unter [mqtt] ergänzen: user = \"relay\". Das Passwort dazu macht sich das Gerät selbst.")
            }
            Some(user) if Name::new(user).is_none() => {
                let what = format!("auch das Relay bekommt einen Zugang, und „{user}“ (mqtt.user) kann keiner heißen.");
                (what, "unter [mqtt] nur Kleinbuchstaben von a bis z, Ziffern, - und _ nehmen: user = \"relay\"")
            }
            Some(_) => return,
        }
    };
    first.refuse("name", &what, remedy);
}

fn feeds(item: &Item<'_>) -> Result<Vec<Name>, Complaint> {
    let remedy = "als Liste schreiben: feeds = [\"corona\"]";
    let DeValue::Array(all) = item.value else {
        return name(item).map(|one| vec![one]).map_err(|_| wrong("erwartet wird eine Liste.", remedy));
    };
    if all.is_empty() {
        return Err(wrong("die Liste ist leer: dieser Absender dürfte nichts senden.", remedy));
    }
    all.iter().map(|one| name(&Item::of(one))).collect()
}

fn password(item: &Item<'_>) -> Result<SecretString, Complaint> {
    let text = text(WORD_MAX)(item)?;
    if text.chars().count() < PASSWORD_MIN {
        let remedy = "ein längeres wählen, zum Beispiel vier Wörter; es wird nur einmal eingetragen.";
        return Err(wrong(format!("das Passwort hat weniger als {PASSWORD_MIN} Zeichen."), remedy));
    }
    Ok(text.into())
}
