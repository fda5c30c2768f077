//! Remedies are written for the first relay: they name its service, and commands of ours that read its configuration. Who looks after
//! another one would restart, register and look at the wrong relay, so for its configuration they are put right here, all in one place.
//! Judges nothing.

use super::service::service_at;
use std::path::Path;

/// What the program, its package and the first relay's service are called.
const NAME: &str = "drk-relay";
/// Our commands that remedies name and that read a configuration.
const COMMANDS: [&str; 9] =
    ["alarm test", "check-config", "doctor", "events", "figures held", "status", "support-bundle", "tunnel check", "webhook register"];

/// What is to be done about the relay whose configuration lies at `path`.
pub fn remedy_for(path: &Path, remedy: &str) -> String {
    let own = service_at(path);
    if own.as_deref() == Some(NAME) {
        return remedy.to_owned();
    }
    let own = own.unwrap_or_else(|| NAME.to_owned());
    let (mut said, mut rest) = (String::new(), remedy);
    while let Some((before, after)) = rest.split_once(NAME) {
        said += before;
        rest = after;
        // `drk-relay-update`, `drk-relay@NAME`, `/usr/share/drk-relay/`.
        let other = before.ends_with(['/', '-']) || after.starts_with(['-', '@', '.', '/']);
        let is_service = said.ends_with("-u ") || said.split_whitespace().rev().take(3).any(|word| word == "systemctl");
        said += if !other && is_service { &own } else { NAME };
        let command = COMMANDS.into_iter().find(|command| after.strip_prefix(' ').is_some_and(|after| after.starts_with(command)));
        if let Some(command) = command {
            rest = after[1..].strip_prefix(command).unwrap_or(after);
            said += &format!(" {command}");
            // A remedy that a relay has sent names it already.
            if !rest.starts_with(" --config ") {
                said += &format!(" --config {}", path.display());
            }
        }
    }
    said + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: &str = "/etc/drk-relay/wache.toml";

    #[test]
    fn a_remedy_names_the_service_and_the_configuration_that_are_meant() {
        for (remedy, said) in [
            ("sudo systemctl start drk-relay; startet es nicht", "sudo systemctl start drk-relay@wache; startet es nicht"),
            ("sudo systemctl enable --now drk-relay", "sudo systemctl enable --now drk-relay@wache"),
            ("journalctl -u drk-relay -u drk-relay-update", "journalctl -u drk-relay@wache -u drk-relay-update"),
            ("sudo systemctl start drk-relay-update", "sudo systemctl start drk-relay-update"),
            ("sudo drk-relay webhook register", "sudo drk-relay webhook register --config /etc/drk-relay/wache.toml"),
            ("Dateien (drk-relay status) löschen", "Dateien (drk-relay status --config /etc/drk-relay/wache.toml) löschen"),
            ("das Paket drk-relay installieren", "das Paket drk-relay installieren"),
            ("cp /usr/share/drk-relay/watchdog.conf x", "cp /usr/share/drk-relay/watchdog.conf x"),
        ] {
            assert_eq!(remedy_for(Path::new(SECOND), remedy), said);
            assert_eq!(remedy_for(Path::new(SECOND), said), said, "once is enough");
            assert_eq!(remedy_for(Path::new("/etc/drk-relay/relay.toml"), remedy), remedy);
        }
        // One that belongs to no service.
        assert_eq!(
            remedy_for(Path::new("x.toml"), "drk-relay doctor; systemctl stop drk-relay"),
            "drk-relay doctor --config x.toml; systemctl stop drk-relay"
        );
    }
}
