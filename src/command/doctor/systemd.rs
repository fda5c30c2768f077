//! What systemd says of the relay's service and of itself, through `systemctl` and `journalctl`: they may be missing, or refuse, and then
//! it is not known. Every call is bounded in time and in what is taken of its answer.

use crate::config::service_at;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

/// For one call: a Pi Zero whose card is busy needs seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is asked of a service.
const PROPERTIES: &str = "LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainStatus,NRestarts,WatchdogUSec,MemoryCurrent,\
                          MemoryHigh";
/// What the kernel says of the voltage (raspberrypi-hwmon), however it writes it.
const UNDER_VOLTAGE: [&str; 2] = ["undervoltage detected", "under-voltage detected"];
/// Of the kernel's log so much is kept, the end of it.
const KERNEL_LOG: usize = 4 << 20;
/// Of the answer about a unit.
const ANSWER: usize = 64 << 10;

/// A service, as systemd sees it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Unit {
    /// Its name.
    pub(crate) name: String,
    /// `loaded`, `not-found`.
    pub(crate) load: String,
    /// `active`, `activating`, `failed`, `inactive`.
    pub(crate) active: String,
    /// `running`, `auto-restart`.
    pub(crate) sub: String,
    /// `enabled`, `disabled`.
    pub(crate) enabled: String,
    /// `success`, `exit-code`, `watchdog`.
    pub(crate) result: String,
    /// Its last exit code.
    pub(crate) status: Option<i32>,
    /// How often it was started again since it was started by hand or at boot.
    pub(crate) restarts: Option<u32>,
    /// Whether it is ended if it falls silent.
    pub(crate) watched: bool,
    /// Bytes that it has.
    pub(crate) memory: Option<u64>,
    /// Bytes from which on it is slowed down.
    pub(crate) memory_high: Option<u64>,
}

/// The service that runs with this configuration: nothing if none does, because it lies elsewhere.
pub(crate) fn unit_of(config: &Path) -> Option<String> {
    service_at(config).map(|service| format!("{service}.service"))
}

/// What systemd says of this service; nothing if it cannot be asked.
pub(crate) async fn unit(name: &str) -> Option<Unit> {
    let text = said("systemctl", &["show", name, "--no-pager", &format!("--property={PROPERTIES}")], ANSWER).await?;
    Some(parsed(name, &text))
}

fn parsed(name: &str, text: &str) -> Unit {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
    let own = |name: &str| field(name).to_owned();
    // `[not set]` and `infinity` are no numbers; what was not counted is 2^64 - 1.
    let number = |name: &str| field(name).parse().ok().filter(|number| *number != u64::MAX);
    Unit {
        name: name.to_owned(),
        load: own("LoadState"),
        active: own("ActiveState"),
        sub: own("SubState"),
        enabled: own("UnitFileState"),
        result: own("Result"),
        status: field("ExecMainStatus").parse().ok(),
        restarts: field("NRestarts").parse().ok(),
        watched: !["", "0", "infinity"].contains(&field("WatchdogUSec")),
        memory: number("MemoryCurrent"),
        memory_high: number("MemoryHigh"),
    }
}

/// What systemd is to do with the hardware watchdog, in its own words: `15s`.
pub(crate) async fn runtime_watchdog() -> Option<String> {
    let text = said("systemctl", &["show", "--no-pager", "--property=RuntimeWatchdogUSec"], ANSWER).await?;
    text.trim().strip_prefix("RuntimeWatchdogUSec=").map(str::to_owned)
}

/// The lines in which the kernel says that the voltage was too low, since the start of the machine; nothing if its log may not be read.
pub(crate) async fn under_voltage() -> Option<Vec<String>> {
    let log = said("journalctl", &["-k", "-b", "--no-pager", "--quiet", "-o", "short-iso", "--no-hostname"], KERNEL_LOG).await?;
    // Whoever may not read it is shown nothing.
    (!log.trim().is_empty()).then(|| {
        let low = |line: &&str| UNDER_VOLTAGE.iter().any(|words| line.to_lowercase().contains(words));
        log.lines().filter(low).map(str::to_owned).collect()
    })
}

/// What a program prints, at most the last so many bytes of it, if it ends well in time.
pub(crate) async fn said(program: &str, arguments: &[&str], most: usize) -> Option<String> {
    let mut command = Command::new(program);
    // German words of these programs would be taken for others.
    command.args(arguments).env("LC_ALL", "C.UTF-8").env("SYSTEMD_COLORS", "0").env("SYSTEMD_PAGER", "");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let run = async {
        let mut child = command.spawn().ok()?;
        let (mut bytes, mut stdout) = (Vec::new(), child.stdout.take()?);
        // To the end, because what is new stands there; moved only now and then.
        while stdout.read_buf(&mut bytes).await.ok()? > 0 {
            if bytes.len() >= 2 * most {
                bytes.drain(..bytes.len() - most);
            }
        }
        bytes.drain(..bytes.len().saturating_sub(most));
        child.wait().await.ok()?.success().then(|| String::from_utf8_lossy(&bytes).into_owned())
    };
    timeout(PATIENCE, run).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_belongs_to_a_service() {
        for (path, unit) in [
            ("/etc/drk-relay/relay.toml", Some("drk-relay.service")),
            ("/etc/drk-relay/wache.toml", Some("drk-relay@wache.service")),
            ("/home/relay.toml", None),
            ("relay.toml", None),
        ] {
            assert_eq!(unit_of(Path::new(path)).as_deref(), unit, "{path}");
        }
    }

    #[test]
    fn what_systemd_does_not_know_is_not_known() {
        let text = "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nResult=success\nExecMainStatus=0\n\
                    NRestarts=3\nWatchdogUSec=1min\nMemoryCurrent=9000000\nMemoryHigh=201326592\n";
        let unit = parsed("x", text);
        assert_eq!((unit.active.as_str(), unit.restarts, unit.watched, unit.memory), ("active", Some(3), true, Some(9_000_000)));
        let gone = parsed("x", "LoadState=not-found\nActiveState=inactive\nMemoryCurrent=[not set]\nMemoryHigh=infinity\nWatchdogUSec=0\n");
        assert_eq!((gone.load.as_str(), gone.memory, gone.memory_high, gone.watched), ("not-found", None, None, false));
        assert_eq!(parsed("x", "MemoryCurrent=18446744073709551615\n").memory, None);
    }

    #[tokio::test]
    async fn a_program_that_is_missing_or_fails_says_nothing() {
        assert_eq!(said("there-is-no-such-program", &[], 10).await, None);
        assert_eq!(said("false", &[], 10).await, None);
        assert_eq!(said("printf", &["wort"], 10).await.as_deref(), Some("wort"));
        assert_eq!(said("seq", &["100000"], 7).await.as_deref(), Some("100000\n"), "of a long answer the end");
    }
}
