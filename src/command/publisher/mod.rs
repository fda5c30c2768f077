//! `drk-relay publisher add`: an account of the broker for somebody who sends figures, as lines for mosquitto that can be pasted as they
//! are. Changes nothing itself and keeps nothing: the broker may be on another machine, and the password is nobody's but its owner's.

mod account;

use super::Failure;
use crate::command::output::say;
use crate::config::{BrokerAddress, Config, ConfigError, RELAY};
use crate::domain::ids::Name;
pub(super) use account::{Purpose, Role};
pub(super) use account::{line as account_line, opens, password};
use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;

/// What the broker gets once, with the reason for every line.
const SHIPPED: &str = include_str!("../../../mosquitto/drk-relay.conf");

#[derive(Debug, clap::Subcommand)]
pub(super) enum Options {
    /// Einen Zugang zum Broker drucken: Passwort, Rechte und alle Zeilen für mosquitto. Geändert wird nichts.
    Add {
        /// Wie der Zugang heißt: ein Name für jedes Gerät und jede Stelle.
        #[arg(value_parser = name)]
        name: Name,
        /// Die Zahlenreihe, für die er senden darf; mehrfach für mehrere.
        #[arg(long = "feed", value_name = "FEED", value_parser = name, required_unless_present = "role")]
        feeds: Vec<Name>,
        /// Statt dessen ein Zugang, der keine Zahlen sendet.
        #[arg(long, value_name = "ROLLE", conflicts_with = "feeds")]
        role: Option<Role>,
        /// Die Konfiguration.
        #[arg(long, value_name = "DATEI", default_value = super::CONFIGURATION_FILE)]
        config: PathBuf,
    },
}

/// A name as feeds have it: it may stand in a line of mosquitto's files, in a shell and in a certificate.
fn name(text: &str) -> Result<Name, String> {
    let rule = "Kleinbuchstaben a–z, Ziffern, - und _, höchstens 64 Zeichen, vorn ein Buchstabe oder eine Ziffer";
    Name::new(text).ok_or_else(|| rule.to_owned())
}

pub(super) fn execute(options: &Options) -> Result<(), Failure> {
    let Options::Add { name, feeds, role, config } = options;
    let broker = Config::broker(config)?;
    possible(name, feeds, *role, &broker)?;
    let purpose = role.map_or(Purpose::Publish(feeds), Purpose::Serve);
    // Who shows a certificate is known by it.
    let password = (!broker.certificate).then(password).transpose().context("der Kernel gibt keinen Zufall her")?;
    let line = password.as_ref().map(|password| account_line(name, password)).transpose().context("der Kernel gibt keinen Zufall her")?;
    let page = Page { name, purpose, password, line, broker: &broker };
    say!("{}", page.rendered().trim_end());
    Ok(())
}

/// Refuses what would not work, or would take the relay's own account away.
fn possible(name: &Name, feeds: &[Name], role: Option<Role>, broker: &BrokerAddress) -> Result<(), ConfigError> {
    if let Some(unknown) = feeds.iter().find(|feed| !broker.feeds.contains(feed)) {
        let what = format!("Die Zahlenreihe „{unknown}“ gibt es nicht. Eingerichtet: {}.", listed(&broker.feeds));
        return Err(ConfigError::single("--feed", &what, "eine von ihnen nennen, oder in relay.toml eine [[feed]] ergänzen."));
    }
    let of_relay = broker.user.as_deref();
    match role {
        Some(Role::Relay) if of_relay.is_some_and(|user| user != name.as_str()) => {
            let what = format!("Das Relay meldet sich als „{}“ an.", of_relay.unwrap_or_default());
            Err(ConfigError::single("NAME", &what, "diesen Namen nennen, oder in relay.toml unter [mqtt] den user ändern."))
        }
        Some(Role::Reader | Role::Operator) | None if of_relay == Some(name.as_str()) => {
            let what = format!("Als „{name}“ meldet sich das Relay selbst an.");
            Err(ConfigError::single("NAME", &what, "einen anderen Namen nennen."))
        }
        Some(Role::Relay | Role::Reader | Role::Operator) | None => Ok(()),
    }
}

fn listed(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}

/// What is printed. Every block that begins with `sudo` or `mosquitto_sub` stands alone between empty lines and can be pasted as it is.
struct Page<'a> {
    name: &'a Name,
    purpose: Purpose<'a>,
    password: Option<SecretString>,
    /// Of the password file.
    line: Option<String>,
    broker: &'a BrokerAddress,
}

impl Page<'_> {
    fn rendered(&self) -> String {
        let serve = match &self.purpose {
            Purpose::Serve(Role::Relay) => self.for_the_relay(),
            Purpose::Publish(_) | Purpose::Serve(Role::Reader | Role::Operator) => self.check(),
        };
        [self.credentials(), self.account(), self.once(), serve].concat()
    }

    fn credentials(&self) -> String {
        let name = self.name;
        let what = match &self.purpose {
            Purpose::Publish(feeds) => format!("darf Zahlen senden für {}", listed(feeds)),
            Purpose::Serve(Role::Relay) => "ist das Relay".to_owned(),
            Purpose::Serve(Role::Reader) => "darf mitlesen und nichts senden".to_owned(),
            Purpose::Serve(Role::Operator) => "darf mitlesen und freigeben, verwerfen, zurückziehen".to_owned(),
        };
        let proof = match &self.password {
            Some(password) => format!(
                "  Benutzer  {name}\n  Passwort  {}\n\nDas Passwort steht nur hier, niemand hebt es auf. Ist es verloren: denselben Befehl \
                 noch einmal; das alte gilt dann nicht mehr.\n",
                password.expose_secret()
            ),
            None => format!(
                "  Zertifikat mit dem Namen (CN) {name}, von der Stelle, die der Broker kennt (cafile). Ein Passwort \
                 gibt es nicht.\n"
            ),
        };
        format!("Zugang „{name}“: {what}.\n\n{proof}")
    }

    /// Replaces an account of the same name. Sections of the file with the rights end with an empty line.
    fn account(&self) -> String {
        let (name, place) = (self.name, self.place());
        let rules = self.purpose.rules(self.broker).join("\n");
        let line = self.line.as_ref().map_or(String::new(), |line| format!("echo '{line}' >> drk-relay.passwd\n"));
        format!(
            "\n1. {place}: Zugang und Rechte.\n\n\
             sudo sh -e <<'ENDE'\n\
             cd /etc/mosquitto\n\
             touch drk-relay.passwd drk-relay.acl\n\
             chgrp mosquitto drk-relay.passwd drk-relay.acl\n\
             chmod 640 drk-relay.passwd drk-relay.acl\n\
             sed -i '/^{name}:/d' drk-relay.passwd\n\
             sed -i '/^user {name}$/,/^$/d' drk-relay.acl\n\
             {line}\
             cat >> drk-relay.acl <<'RECHTE'\n\
             user {name}\n\
             {rules}\n\
             RECHTE\n\
             echo >> drk-relay.acl\n\
             systemctl reload mosquitto\n\
             ENDE\n"
        )
    }

    /// What a broker needs that knows nothing of the relay yet.
    fn once(&self) -> String {
        let lines = settings(self.broker).join("\n");
        let relay = match (&self.purpose, &self.broker.user) {
            (Purpose::Publish(_) | Purpose::Serve(Role::Reader | Role::Operator), None) if !self.broker.certificate => {
                "\n   Das Relay hat noch keinen Zugang und käme dann nicht mehr herein: drk-relay publisher add relay --role relay"
            }
            (Purpose::Publish(_) | Purpose::Serve(_), _) => "",
        };
        let pair =
            if self.broker.tls { "\n   Zertifikat und Schlüssel des Brokers liegen schon dort, wo die Zeilen sie nennen." } else { "" };
        format!(
            "\n2. Ebenda, nur beim ersten Mal: Ohne eine Zeile mit listener antwortet mosquitto nur dem eigenen Gerät (localhost).\n   \
             Danach braucht jeder einen Zugang. Warum jede Zeile so lautet, steht in mosquitto/drk-relay.conf.{pair}{relay}\n\n\
             sudo sh -e <<'ENDE'\n\
             cat > /etc/mosquitto/conf.d/drk-relay.conf <<'ZEILEN'\n\
             {lines}\n\
             ZEILEN\n\
             systemctl restart mosquitto\n\
             ENDE\n"
        )
    }

    /// Sends nothing: figures go to people.
    fn check(&self) -> String {
        let BrokerAddress { host, port, .. } = self.broker;
        let name = self.name;
        let mut proof = match &self.password {
            Some(password) => format!("-u {name} -P {}", password.expose_secret()),
            None => format!("--cert {name}.crt --key {name}.key"),
        };
        if self.broker.tls {
            proof.push_str(" --cafile broker-ca.crt");
        }
        let elsewhere = if self.broker.local { "\n   Von einem anderen Gerät aus mit dem Namen von diesem statt localhost." } else { "" };
        let how = match &self.purpose {
            Purpose::Publish(_) => "\nWie man Zahlen sendet und was die Antworten bedeuten: docs/handbuch/zahlen-senden.md\n",
            Purpose::Serve(_) => "",
        };
        format!(
            "\n3. Ausprobieren, ohne etwas zu senden: die Antwort ist „online“, wenn das Relay läuft.{elsewhere}\n\n\
             mosquitto_sub -h {host} -p {port} {proof} -t {RELAY}/status -C 1 -W 5\n{how}"
        )
    }

    /// Where it looks for its password.
    fn for_the_relay(&self) -> String {
        let name = self.name;
        let Some(password) = &self.password else {
            return "\n3. Das Relay zeigt sein Zertifikat: client_certificate_file unter [mqtt] in relay.toml.\n".to_owned();
        };
        format!(
            "\n3. Auf dem Gerät mit dem Relay: das Passwort dorthin, wo systemd es ihm zeigt. In relay.toml gehört unter [mqtt]: user = \
             \"{name}\"; password_file entfällt. Danach: systemctl restart drk-relay\n\n\
             sudo sh -e <<'ENDE'\n\
             mkdir -p /etc/credstore\n\
             umask 077\n\
             echo '{}' > /etc/credstore/drk-relay.mqtt-password\n\
             ENDE\n",
            password.expose_secret()
        )
    }

    fn place(&self) -> String {
        if self.broker.local { "Auf diesem Gerät".to_owned() } else { format!("Auf dem Gerät mit dem Broker, {}", self.broker.host) }
    }
}

/// The shipped lines without their reasons, and with that listener which the relay's own configuration says there is. What stands there
/// behind a `#` without a space is one of two possibilities.
pub(super) fn settings(broker: &BrokerAddress) -> Vec<String> {
    let setting = |line: &str| {
        let other = line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' '));
        let text = match other {
            None if line.is_empty() || line.starts_with('#') => return None,
            None => line,
            Some(rest) => rest,
        };
        match text.split(' ').next() {
            Some("listener") => (other.is_some() == broker.tls).then(|| format!("listener {}", broker.port)),
            Some("certfile" | "keyfile") => broker.tls.then(|| text.to_owned()),
            Some("cafile" | "require_certificate" | "use_identity_as_username") => broker.certificate.then(|| text.to_owned()),
            Some(_) | None => Some(text.to_owned()),
        }
    };
    SHIPPED.lines().filter_map(setting).collect()
}
