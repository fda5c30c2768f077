//! mosquitto on the device: accounts, rights and settings, the same lines that `publisher add` prints. Other accounts in these files stay.

use super::system::System;
use crate::command::publisher::{Purpose, Role, account_line, opens, settings};
use crate::config::{BrokerAddress, Publisher};
use crate::domain::ids::Name;
use crate::port::durable::Readers;
use anyhow::Context;
use secrecy::SecretString;
use std::fs;

const PASSWORDS: &str = "etc/mosquitto/drk-relay.passwd";
const RIGHTS: &str = "etc/mosquitto/drk-relay.acl";
const SETTINGS: &str = "etc/mosquitto/conf.d/drk-relay.conf";
/// The first line of what we have written ourselves, and may write again.
const OURS: &str = "# Von drk-relay-provision.service geschrieben. Warum jede Zeile so lautet: /usr/share/drk-relay/mosquitto.conf\n";

/// What became of the broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Broker {
    /// Whether mosquitto is installed.
    pub(super) installed: bool,
    /// Whether somebody else's settings were found, and left alone.
    pub(super) foreign: bool,
    /// Whether it has to be started again.
    pub(super) changed: bool,
}

/// mosquitto was installed after its files were written: now there is a group that must read them. Says whether it could not until now.
pub(super) fn heal(system: &System) -> anyhow::Result<bool> {
    let Some(group) = system.group("mosquitto") else { return Ok(false) };
    let mut changed = false;
    for path in [PASSWORDS, RIGHTS] {
        if let Ok(bytes) = fs::read(system.at(path)) {
            changed |= system.write(&system.at(path), &bytes, Readers::Group(group))?;
        }
    }
    Ok(changed)
}

/// Names without a password, of which the broker knows none either.
pub(super) fn unknown<'p>(system: &System, publishers: &'p [Publisher]) -> Vec<&'p Name> {
    let known = fs::read_to_string(system.at(PASSWORDS)).unwrap_or_default();
    let lacking = |publisher: &&Publisher| publisher.password.is_none() && line_of(&known, &publisher.name).is_none();
    publishers.iter().filter(lacking).map(|publisher| &publisher.name).collect()
}

fn line_of<'k>(known: &'k str, name: &Name) -> Option<&'k str> {
    known.lines().find(|line| line.split_once(':').is_some_and(|(user, _)| user == name.as_str()))
}

/// Writes the accounts of the publishers and of the relay itself. The settings come last, because they name the other files.
pub(super) fn write(
    system: &System,
    address: &BrokerAddress,
    relay: (&Name, &SecretString),
    publishers: &[Publisher],
) -> anyhow::Result<Broker> {
    let mosquitto = system.group("mosquitto");
    let readers = mosquitto.map_or(Readers::Owner, Readers::Group);
    let mut passwords = fs::read_to_string(system.at(PASSWORDS)).unwrap_or_default();
    let mut rights = fs::read_to_string(system.at(RIGHTS)).unwrap_or_default();
    let own = (relay.0, Some(relay.1), Purpose::Serve(Role::Relay));
    let others = publishers.iter().map(|one| (&one.name, one.password.as_ref(), Purpose::Publish(&one.feeds)));
    for (name, password, purpose) in std::iter::once(own).chain(others) {
        if let Some(password) = password
            && !line_of(&passwords, name).is_some_and(|line| opens(line, password))
        {
            let line = account_line(name, password).context("der Kernel gibt keinen Zufall her")?;
            passwords = passwords.lines().filter(|line| !line.starts_with(&format!("{name}:"))).map(|line| format!("{line}\n")).collect();
            passwords.push_str(&format!("{line}\n"));
        }
        rights = without_section(&rights, name) + &format!("user {name}\n{}\n\n", purpose.rules(address).join("\n"));
    }
    let mut changed = system.write(&system.at(PASSWORDS), passwords.as_bytes(), readers)?;
    changed |= system.write(&system.at(RIGHTS), rights.as_bytes(), readers)?;
    let path = system.at(SETTINGS);
    let foreign = fs::read_to_string(&path).is_ok_and(|there| !there.starts_with(OURS));
    if !foreign {
        let lines = format!("{OURS}{}\n", settings(address).join("\n"));
        changed |= system.write(&path, lines.as_bytes(), Readers::Everybody)?;
    }
    Ok(Broker { installed: mosquitto.is_some(), foreign, changed })
}

/// The rights without those of one user; sections end with an empty line.
fn without_section(rights: &str, name: &Name) -> String {
    let (mut kept, mut inside) = (String::new(), false);
    for line in rights.lines() {
        inside |= line == format!("user {name}");
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
        inside &= !line.is_empty();
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_of_others_stay() {
        let wache = Name::new("wache").expect("a name");
        let rights = "user wache\ntopic read a\n\nuser wache2\ntopic read b\n\n";
        assert_eq!(without_section(rights, &wache), "user wache2\ntopic read b\n\n");
        assert_eq!(without_section("# von Hand\ntopic read c\n", &wache), "# von Hand\ntopic read c\n");
    }
}
