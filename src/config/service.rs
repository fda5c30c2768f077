//! What systemd calls the service of a relay, and where it has it find its things (systemd/drk-relay.service, drk-relay@.service). Looks at
//! no disk.

use std::path::Path;

/// Where the configurations of the services lie, below the root.
pub const CONFIGURATIONS: &str = "etc/drk-relay";
/// What the first relay's is called there; every other is an instance of drk-relay@.service.
pub const FIRST_RELAY: &str = "relay";
/// Where the first relay's state lies: StateDirectory=.
pub const STATE_DIRECTORY: &str = "/var/lib/drk-relay";
/// The directory for the first relay's socket: RuntimeDirectory=.
pub const RUNTIME_DIRECTORY: &str = "/run/drk-relay";

/// One of the two above, as a relay has it: an instance's has its name behind it, `/run/drk-relay-second`.
pub fn directory(first: &str, instance: Option<&str>) -> String {
    instance.map_or(first.to_owned(), |instance| format!("{first}-{instance}"))
}

/// Where the configuration of a relay lies below the root: `etc/drk-relay/relay.toml`, or `etc/drk-relay/second.toml`.
pub fn configuration_of(instance: Option<&str>) -> String {
    format!("{CONFIGURATIONS}/{}.toml", instance.unwrap_or(FIRST_RELAY))
}

/// What systemd calls the service of a relay: `drk-relay`, or `drk-relay@second`.
pub fn service(instance: Option<&str>) -> String {
    instance.map_or("drk-relay".to_owned(), |instance| format!("drk-relay@{instance}"))
}

/// The service whose configuration lies at `path`; nothing if that is not where services have theirs.
pub fn service_at(path: &Path) -> Option<String> {
    stem(path).map(|_| service(instance_at(path)))
}

/// Which instance the configuration at `path` belongs to; nothing for the first relay, and for one that lies anywhere else.
pub fn instance_at(path: &Path) -> Option<&str> {
    stem(path).filter(|stem| *stem != FIRST_RELAY)
}

/// `second` of `/etc/drk-relay/second.toml`.
fn stem(path: &Path) -> Option<&str> {
    let folder = path.parent()?.strip_prefix("/").ok()?;
    path.file_name()?.to_str()?.strip_suffix(".toml").filter(|_| folder == Path::new(CONFIGURATIONS))
}
