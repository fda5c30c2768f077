//! What the two files on the card say: to a person who has pulled it out of the device and put it into a computer.

use super::broker::Broker;
use super::system::System;
use crate::command::provision::names::{Found, GOOD};
use crate::config::{Contents, IngressConfig, Origin, Taken, configuration_of};
use crate::port::tunnel::admitted;
use std::fmt::Write;
use std::fs;
use std::net::UdpSocket;

/// What is to be said of a relay that was taken over. Nothing secret.
pub(super) struct Said {
    file: String,
    unit: String,
    /// `/etc/drk-relay/relay.toml`.
    home: String,
    branch: String,
    feeds: Vec<String>,
    address: Option<String>,
    /// The line for the relay host, and its name.
    tunnel: Option<(String, String)>,
    /// Credentials, and whether each was on the card.
    secrets: Vec<(&'static str, &'static str)>,
    files: usize,
    publishers: Vec<(String, Vec<String>)>,
    broker: Option<Broker>,
    warnings: Vec<String>,
    wiped: bool,
    /// Whether somebody has edited the configuration on the device.
    edited: bool,
}

impl Said {
    pub(super) fn of(found: &Found, unit: &str, contents: Contents, broker: Option<Broker>, wiped: bool, edited: bool) -> Said {
        let config = &contents.checked.config;
        let key = contents.secrets.iter().find(|taken| taken.credential == "tunnel-key");
        let line = key.and_then(|key| admitted(&key.secret).ok());
        let host = match &config.ingress {
            IngressConfig::Tunnel(tunnel) => Some(tunnel.host.clone()),
            IngressConfig::Listen(_) => None,
        };
        Said {
            file: found.name(),
            unit: unit.to_owned(),
            home: format!("/{}", configuration_of(found.instance.as_deref())),
            branch: config.rules.branch.clone(),
            feeds: config.rules.feeds.iter().map(|feed| feed.name.as_str().to_owned()).collect(),
            address: config.probe.as_ref().map(|probe| probe.url("")),
            tunnel: line.zip(host),
            secrets: contents.secrets.iter().map(|taken| (taken.credential, whence(taken))).collect(),
            files: contents.files.len(),
            publishers: contents.publishers.iter().map(|one| (one.name.to_string(), names(&one.feeds))).collect(),
            broker,
            warnings: contents.checked.warnings.iter().map(ToString::to_string).collect(),
            wiped,
            edited,
        }
    }
}

fn names(all: &[crate::domain::ids::Name]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

fn whence(taken: &Taken) -> &'static str {
    match taken.origin {
        Origin::Written | Origin::File(_) => "von der Karte",
        Origin::Kept => "schon auf dem Gerät",
        Origin::Made => "auf dem Gerät gemacht",
    }
}

/// `drk-relay-OK.txt`.
pub(super) fn good(system: &System, taken: &[Said]) -> String {
    let mut text = format!(
        "drk-relay {}: alles übernommen.\n\n\
         Das Gerät: {}\n",
        env!("CARGO_PKG_VERSION"),
        device(system)
    );
    taken.iter().for_each(|said| text.push_str(&relay(said)));
    text.push_str(
        "\nWie es dem Relay geht, zeigt auf dem Gerät: sudo drk-relay status\n\
         Etwas ändern: die Datei hier auf der Karte ändern und das Gerät neu starten. Ein Geheimnis nur dann wieder eintragen, wenn es ein \
         anderes ist.\n",
    );
    text
}

/// `drk-relay-FEHLER.txt`. `begun`: whether the device was at it already.
pub(super) fn bad(wrong: &[String], taken: &[Said], begun: bool) -> String {
    let how = if begun {
        "das Gerät konnte nicht alles übernehmen; beim nächsten Start beginnt es noch einmal"
    } else {
        "so geht es noch nicht. Auf dem Gerät wurde dafür nichts geändert"
    };
    let mut text = format!(
        "drk-relay {}: {how}.\n\n{}\n\nGeheimnisse, die noch in einer Datei hier stehen, sind auf dieser Karte zu lesen: nicht herumliegen \
         lassen.\n",
        env!("CARGO_PKG_VERSION"),
        wrong.join("\n\n")
    );
    text.push_str("\nDanach die Karte wieder einstecken und das Gerät starten. Ging alles gut, heißt die Datei hier ");
    let _ = writeln!(text, "{GOOD}.");
    for said in taken {
        let _ = writeln!(text, "\nIn Ordnung und übernommen: {} ({})", said.file, said.branch);
    }
    text
}

/// Its name and its addresses at this moment. Asks nobody: a socket that is told where it would send knows from where.
fn device(system: &System) -> String {
    let name = fs::read_to_string(system.at("etc/hostname")).unwrap_or_default();
    let towards = |own: &str, there: &str| {
        let socket = UdpSocket::bind(own).ok()?;
        socket.connect(there).ok()?;
        Some(socket.local_addr().ok()?.ip().to_string())
    };
    // Addresses for documentation (RFC 5737, RFC 3849): nothing is sent.
    let addresses = [towards("0.0.0.0:0", "192.0.2.1:9"), towards("[::]:0", "[2001:db8::1]:9")];
    let addresses: Vec<String> = addresses.into_iter().flatten().collect();
    let addresses = if addresses.is_empty() { "noch ohne Adresse im Netz".to_owned() } else { addresses.join(", ") };
    match name.trim() {
        "" => addresses,
        name => format!("{name}.local; beim Einrichten: {addresses}"),
    }
}

fn relay(said: &Said) -> String {
    let mut text = format!("\n==== {}: {} ====\n\n", said.file, said.branch);
    let _ = writeln!(text, "Dienst {}, Zahlenreihen: {}.", said.unit, said.feeds.join(", "));
    if said.edited {
        let _ = writeln!(text, "{} wurde auf dem Gerät geändert; das gilt, bis sich {} hier ändert.", said.home, said.file);
    }
    if said.files > 0 {
        let _ = writeln!(text, "{} Dateien, die die Konfiguration nennt, liegen jetzt in /etc/drk-relay.", said.files);
    }
    text.push_str("Geheimnisse:\n");
    for (name, whence) in &said.secrets {
        let _ = writeln!(text, "  {name}: {whence}");
    }
    text.push_str(wiped(said));
    let mut number = 0;
    let mut step = |sentence: &str| {
        number += 1;
        let _ = write!(text, "\n{number}. {sentence}\n");
    };
    if let Some((line, host)) = &said.tunnel {
        step(&format!(
            "Diese Zeile gehört auf {host} in die authorized_keys des Benutzers, als der das Relay sich dort anmeldet. Sie \
             ist nicht geheim.\
             \n\n{line}\n\nDas Relay versucht es alle paar Minuten von selbst. Nachsehen: sudo drk-relay tunnel check"
        ));
    }
    let configuration = if said.unit == "drk-relay" { String::new() } else { format!(" --config {}", said.home) };
    match &said.address {
        Some(address) => step(&format!(
            "Sobald das Relay unter {address} zu erreichen ist: sudo drk-relay webhook register{configuration}\n   Damit \
             erfährt Meta, wohin \
             die Nachrichten gehen; das Prüfwort braucht sonst nur, wer sie im \
             App-Dashboard selbst einträgt, und dann steht es besser in [secrets]."
        )),
        None => step("Meta die Adresse der Webhooks nennen (App-Dashboard); in der Konfiguration steht keine ingress.url."),
    }
    if !said.publishers.is_empty() {
        step(&broker(said));
    }
    for warning in &said.warnings {
        let _ = write!(text, "\nHinweis: {warning}\n");
    }
    text
}

/// Honest: what was written to flash once may be there for long.
fn wiped(said: &Said) -> &'static str {
    if !said.wiped {
        return "ACHTUNG: Die Boot-Partition lässt sich nicht beschreiben; Geheimnisse und Passwörter stehen noch darauf.\n";
    }
    "Geheimnisse und Passwörter sind hier auf der Karte gelöscht. Ganz sicher ist das bei Flash-Speicher nie, und auf dem \
     Gerät liegt auch der \
     Schlüssel, mit dem sie dort verschlüsselt sind: Wird die Karte gestohlen, das Zugriffstoken bei Meta widerrufen und ein \
     neues machen.\n"
}

fn broker(said: &Said) -> String {
    let mut text = "Zahlen senden dürfen, jeder mit seinem Passwort (hier ist es gelöscht; wer es nicht mehr weiß, trägt hier ein neues \
                    ein):\n"
        .to_owned();
    for (name, feeds) in &said.publishers {
        let topics: Vec<String> = feeds.iter().map(|feed| format!("figures/{feed}/…")).collect();
        let _ = writeln!(text, "     {name}: {}", topics.join(", "));
    }
    match said.broker {
        Some(Broker { installed: false, .. }) => text.push_str(
            "   mosquitto ist nicht installiert, und ohne einen Broker kommen keine Zahlen an: sudo apt install mosquitto, dann das Gerät \
             neu starten.",
        ),
        Some(Broker { foreign: true, .. }) => text.push_str(
            "   /etc/mosquitto/conf.d/drk-relay.conf ist von Hand geschrieben und bleibt, wie es ist: drk-relay publisher add zeigt, was \
             darin stehen muss.",
        ),
        Some(_) | None => {
            text.push_str("   Wie man Zahlen sendet: im Handbuch, auf dem Gerät unter /usr/share/doc/drk-relay/handbuch/zahlen-senden.md");
        }
    }
    text
}
