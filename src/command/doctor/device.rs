//! What the machine's facts mean: space, memory, voltage, watchdog, and what of the relay lies on it while it does not run. Pure.

use super::finding::Finding;
use super::machine::{Memory, Mount, Voltage, Watchdog};
use super::relay::ROOM;
use super::service::AS_ROOT;
use super::subject::Subject;
use super::systemd::Unit;
use crate::domain::time::Timestamp;
use crate::store::{Inspected, StoreError};
use std::io;
use std::path::Path;

pub(super) const CLOCK: &str = "timedatectl: Läuft systemd-timesyncd, und lässt das Netz NTP (UDP 123) zu? Das Relay starten: es weiß mehr";
pub(super) const CERTIFICATE: &str = "das Relay starten: es bestellt eines; kommt es aus Dateien, Pfade und Rechte unter [ingress] prüfen";
pub(super) const STORE: &str = "die Speicherkarte prüfen; das Relay legt beim Start beiseite, was beschädigt ist, und beginnt neu";
pub(super) const VOLATILE: &str =
    "den Ordner auf eine Platte legen, die einen Neustart übersteht (state_dir; raspi-config: Overlay ausschalten)";
pub(super) const READ_ONLY: &str = "neu starten; bleibt es so, ist die Speicherkarte am Ende: tauschen und neu einrichten";
pub(super) const NO_FOLDER: &str = "das Relay einmal starten: es legt den Ordner an; sonst state_dir prüfen";
pub(super) const INODES: &str = "viele kleine Dateien löschen: sudo du --inodes -x / | sort -n | tail zeigt, wo sie liegen";
pub(super) const MEMORY: &str = "andere Programme auf diesem Gerät beenden oder verlegen: ps aux --sort=-rss | head zeigt die größten";
pub(super) const LIMIT: &str = "MemoryHigh mit systemctl edit drk-relay erhöhen; wächst es immer weiter: drk-relay support-bundle schicken";
pub(super) const POWER: &str =
    "das Originalnetzteil und ein kurzes, dickes Kabel nehmen; USB-Geräte abziehen. Zu wenig Spannung zerstört Speicherkarten";
pub(super) const WATCHDOG: &str =
    "sudo mkdir -p /etc/systemd/system.conf.d && sudo cp /usr/share/drk-relay/watchdog.conf /etc/systemd/system.conf.d/, dann neu starten";
pub(super) const WATCHDOG_FAILED: &str = "RuntimeWatchdogSec auf 15s setzen: die Hardware kann vor Kernel 6.8 nicht mehr; dann neu starten";

/// With less something is about to fail: the nightly rewrite needs as much as the store, and apt needs some for an update.
const BYTES: (u64, u64) = (32 << 20, 256 << 20);
/// The same of files.
const FILES: (u64, u64) = (100, 2_000);
/// The same of memory, in kB: with less the kernel begins to push programs out, and then to kill.
const KILOBYTES: (u64, u64) = (16 << 10, 48 << 10);
/// What keeps nothing over a restart.
const VOLATILES: [&str; 4] = ["tmpfs", "ramfs", "overlay", "squashfs"];

/// Free bytes and files, and how many there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Space {
    pub(super) free: u64,
    pub(super) total: u64,
    pub(super) files_free: u64,
    /// 0: the file system does not count them.
    pub(super) files: u64,
}

pub(super) fn space(found: io::Result<Space>) -> Finding {
    let of = Subject::Space;
    let Space { free, total, files_free, files } = match found {
        Ok(space) => space,
        Err(error) => return Finding::unknown(of, format!("nicht zu sehen ({error})")),
    };
    let text = format!("{} von {} frei", megabytes(free), megabytes(total));
    let few = files > 0 && files_free < FILES.1;
    let finding = match () {
        () if free < BYTES.0 => Finding::fault(of, text, ROOM),
        () if files > 0 && files_free < FILES.0 => {
            Finding::fault(of, format!("{text}, aber nur noch {files_free} Dateien möglich"), INODES)
        }
        () if free < BYTES.1 => Finding::warning(of, text, ROOM),
        () if few => Finding::warning(of, format!("{text}, aber nur noch {files_free} Dateien möglich"), INODES),
        () => Finding::ok(of, text),
    };
    finding.with("free_bytes", free).with("total_bytes", total).with("free_inodes", files_free).with("total_inodes", files)
}

/// „1 234 MB“.
fn megabytes(bytes: u64) -> String {
    let megabytes = bytes >> 20;
    if megabytes >= 10_000 { format!("{} GB", megabytes >> 10) } else { format!("{megabytes} MB") }
}

/// `folder`: where the state directory really is, or why it is not there.
pub(super) fn state_folder(folder: Result<&Path, &io::Error>, mount: Option<&Mount>) -> Finding {
    let of = Subject::StateFolder;
    let folder = match folder {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Finding::warning(of, "es gibt ihn noch nicht", NO_FOLDER),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Finding::unknown(of, "dieser Benutzer darf ihn nicht sehen").remedied(AS_ROOT);
        }
        Err(error) => return Finding::unknown(of, format!("nicht zu sehen ({error})")),
    };
    let Some(Mount { at, kind, read_only }) = mount else {
        return Finding::unknown(of, format!("{}: auf welchem Dateisystem er liegt, ist nicht zu sehen", folder.display()));
    };
    let place = format!("{} ({kind} auf {})", folder.display(), at.display());
    let finding = match () {
        () if *read_only => Finding::fault(of, format!("{place} ist nur lesbar: das Relay kann sich nichts merken"), READ_ONLY),
        () if VOLATILES.contains(&kind.as_str()) => {
            Finding::fault(of, format!("{place} ist nach einem Neustart leer: alle Abos wären weg"), VOLATILE)
        }
        () => Finding::ok(of, place),
    };
    finding.with("file_system", kind.as_str()).with("read_only", *read_only)
}

pub(super) fn memory(memory: Option<Memory>, unit: Option<&Unit>) -> Finding {
    let of = Subject::Memory;
    let Some(Memory { total, available }) = memory else { return Finding::unknown(of, "/proc/meminfo ist nicht lesbar") };
    let used = unit.and_then(|unit| unit.memory);
    let limit = unit.and_then(|unit| unit.memory_high);
    let of_relay = used.map_or(String::new(), |used| format!("; das Relay belegt {}", megabytes(used)));
    let text = format!("{} von {} MB verfügbar{of_relay}", available >> 10, total >> 10);
    let held_back = used.zip(limit).is_some_and(|(used, limit)| used >= limit);
    let finding = match () {
        () if available < KILOBYTES.0 => Finding::fault(of, text, MEMORY),
        () if held_back => Finding::warning(of, format!("{text}: so viel, wie es darf, und wird deshalb gebremst"), LIMIT),
        () if available < KILOBYTES.1 => Finding::warning(of, text, MEMORY),
        () => Finding::ok(of, text),
    };
    let finding = finding.with("available_bytes", available << 10).with("total_bytes", total << 10);
    used.into_iter().fold(finding, |finding, used| finding.with("relay_bytes", used))
}

/// `times`: how often the kernel has said so since the start of the machine, if its log may be read. The journal forgets its oldest lines:
/// that there are none proves nothing about the first hours.
pub(super) fn power(voltage: Voltage, times: Option<usize>) -> Finding {
    let of = Subject::Power;
    let finding = match (voltage, times) {
        (Voltage::NoPi, _) => return Finding::not_applicable(of, "kein Raspberry Pi"),
        (Voltage::Low, _) => Finding::fault(of, "gerade zu wenig Spannung (unter 4,63 V)", POWER),
        (Voltage::Good | Voltage::Silent, Some(times)) if times > 0 => {
            Finding::warning(of, format!("{times} Mal zu wenig Spannung, soweit das Log des Kernels reicht"), POWER)
        }
        (Voltage::Good, Some(_)) => Finding::ok(of, "genug Spannung, soweit das Log des Kernels reicht"),
        (Voltage::Good, None) => Finding::ok(of, "gerade genug Spannung; das Log des Kernels ist nicht lesbar"),
        (Voltage::Silent, _) => Finding::unknown(of, "der Kernel hat keinen Sensor dafür (rpi_volt)"),
    };
    times.into_iter().fold(finding, |finding, times| finding.with("under_voltage_events", times))
}

/// `wanted`: what systemd is to feed, in its own words (`15s`); nothing if it cannot be asked.
pub(super) fn watchdog(found: &Watchdog, wanted: Option<&str>) -> Finding {
    let of = Subject::Watchdog;
    let on = wanted.map(|wanted| !["0", "infinity", ""].contains(&wanted));
    let name = found.identity.as_deref().unwrap_or("Watchdog");
    let after = found.timeout.map_or(String::new(), |seconds| format!(" nach {seconds} s"));
    let finding = match (found.there, found.active, on) {
        (false, _, Some(true)) => {
            Finding::fault(of, "systemd soll ihn füttern, aber der Kernel hat keinen", "dtparam=watchdog=on in config.txt; neu starten")
        }
        (false, _, Some(false) | None) => return Finding::not_applicable(of, "dieses Gerät hat keinen"),
        (true, Some(true), _) => Finding::ok(of, format!("eingeschaltet: {name} startet das Gerät{after} neu, wenn es hängt")),
        (true, Some(false), Some(true)) => {
            Finding::fault(of, "systemd soll ihn füttern, aber er ist nicht an: die Hardware kann diese Zeit nicht", WATCHDOG_FAILED)
        }
        (true, Some(false), Some(false) | None) => {
            Finding::warning(of, "nicht eingeschaltet: hängt das Gerät, muss jemand den Stecker ziehen", WATCHDOG)
        }
        (true, None, Some(true)) => Finding::ok(of, "eingeschaltet, sagt systemd"),
        (true, None, Some(false)) => Finding::warning(of, "nicht eingeschaltet: hängt das Gerät, muss jemand den Stecker ziehen", WATCHDOG),
        (true, None, None) => Finding::unknown(of, "weder der Kernel noch systemd sagen, ob er an ist"),
    };
    found.timeout.into_iter().fold(finding, |finding, seconds| finding.with("timeout_seconds", seconds))
}

/// While no relay runs that knows more. `trusted`: the configuration believes any clock.
pub(super) fn clock(synchronised: bool, trusted: bool) -> Finding {
    let of = Subject::Clock;
    match (synchronised, trusted) {
        (true, _) => Finding::ok(of, "von systemd-timesyncd gestellt, seit das Gerät läuft"),
        (false, true) => Finding::warning(of, "nicht gestellt; laut Konfiguration gilt sie trotzdem ([clock] trust)", CLOCK),
        (false, false) => Finding::unknown(of, "ob sie gestellt ist, weiß nur ein laufendes Relay oder systemd-timesyncd").remedied(CLOCK),
    }
}

/// While no relay runs that knows more. `found`: until when it is good, and whether that is soon or over; nothing if the relay has none.
pub(super) fn certificate(found: Option<&io::Result<(Timestamp, bool)>>, now: Timestamp) -> Finding {
    let of = Subject::Certificate;
    let Some(found) = found else {
        return Finding::not_applicable(of, "TLS endet vor dem Relay: dort nachsehen");
    };
    let (until, soon) = match found {
        Ok(found) => *found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Finding::fault(of, "es gibt noch keines", CERTIFICATE),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Finding::unknown(of, "dieser Benutzer darf es nicht lesen").remedied(AS_ROOT);
        }
        Err(error) => return Finding::fault(of, format!("nicht brauchbar: {error}"), CERTIFICATE),
    };
    let days = i64::from(until.0).saturating_sub(i64::from(now.0)).div_euclid(86_400);
    let day = until.instant().strftime("%d.%m.%Y").to_string();
    let finding = match () {
        () if now > until => Finding::fault(of, format!("galt bis {day}: Meta stellt nichts mehr zu"), CERTIFICATE),
        () if soon => Finding::warning(of, format!("gilt nur noch bis {day} und wurde nicht erneuert"), CERTIFICATE),
        () => Finding::ok(of, format!("gilt bis {day}")),
    };
    finding.with("days_left", days)
}

/// While no relay has it. `aside`: damaged files that were set aside.
pub(super) fn store(found: Result<&Inspected, &StoreError>, bytes: Option<u64>, aside: usize) -> Finding {
    let of = Subject::Store;
    let finding = match found {
        Err(StoreError::Held) => Finding::unknown(of, "ein Relay hat ihn offen, antwortet aber nicht"),
        Err(StoreError::Disk(error)) if denied(error) => Finding::unknown(of, "dieser Benutzer darf ihn nicht lesen").remedied(AS_ROOT),
        Err(error) => Finding::broken(of, &error.to_string(), STORE),
        Ok(_) if aside > 0 => super::relay::damaged(aside),
        Ok(Inspected::Absent) => Finding::ok(of, "noch keiner: das Relay legt ihn beim Start an"),
        Ok(Inspected::Unclosed) => Finding::ok(of, "wurde nicht geschlossen (Stromausfall?): das Relay prüft ihn beim Start"),
        Ok(Inspected::Sound { layout }) => Finding::ok(of, format!("lässt sich öffnen (Aufbau {layout})")).with("layout", *layout),
    };
    let finding = finding.with("damaged_files", aside);
    bytes.into_iter().fold(finding, |finding, bytes| finding.with("bytes", bytes))
}

fn denied(error: &redb::Error) -> bool {
    matches!(error, redb::Error::Io(error) if error.kind() == io::ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::super::tests::is;
    use super::*;

    #[test]
    fn little_room_is_a_warning_and_none_is_a_fault() {
        let of = |free: u64, files_free, files| space(Ok(Space { free, total: 29 << 30, files_free, files }));
        is(&of(20 << 30, 9_000, 10_000), Outcome::Ok, "20 GB von 29 GB frei", None);
        is(&of(200 << 20, 9_000, 10_000), Outcome::Warning, "200 MB von 29 GB frei", Some(ROOM));
        is(&of(31 << 20, 9_000, 10_000), Outcome::Fault, "31 MB von 29 GB frei", Some(ROOM));
        is(&of(20 << 30, 0, 0), Outcome::Ok, "20 GB von 29 GB frei", None);
        is(&of(20 << 30, 1_999, 10_000), Outcome::Warning, "20 GB von 29 GB frei, aber nur noch 1999 Dateien möglich", Some(INODES));
        is(&of(20 << 30, 99, 10_000), Outcome::Fault, "20 GB von 29 GB frei, aber nur noch 99 Dateien möglich", Some(INODES));
        is(&space(Err(io::Error::other("kaputt"))), Outcome::Unknown, "nicht zu sehen (kaputt)", None);
        assert_eq!(of(5 << 20, 1, 2).figures["free_bytes"], 5 << 20);
    }

    #[test]
    fn the_state_must_outlive_a_restart() {
        let on = |kind: &str, read_only| {
            let mount = Mount { at: "/".into(), kind: kind.to_owned(), read_only };
            state_folder(Ok(Path::new("/var/lib/private/drk-relay")), Some(&mount))
        };
        is(&on("ext4", false), Outcome::Ok, "/var/lib/private/drk-relay (ext4 auf /)", None);
        let lost = |kind: &str| format!("/var/lib/private/drk-relay ({kind} auf /) ist nach einem Neustart leer: alle Abos wären weg");
        for kind in VOLATILES {
            is(&on(kind, false), Outcome::Fault, &lost(kind), Some(VOLATILE));
        }
        let text = "/var/lib/private/drk-relay (ext4 auf /) ist nur lesbar: das Relay kann sich nichts merken";
        is(&on("ext4", true), Outcome::Fault, text, Some(READ_ONLY));
        let without = |kind: io::ErrorKind| state_folder(Err(&kind.into()), None);
        is(&without(io::ErrorKind::NotFound), Outcome::Warning, "es gibt ihn noch nicht", Some(NO_FOLDER));
        let denied = without(io::ErrorKind::PermissionDenied);
        is(&denied, Outcome::Unknown, "dieser Benutzer darf ihn nicht sehen", Some(AS_ROOT));
        let text = "/x: auf welchem Dateisystem er liegt, ist nicht zu sehen";
        is(&state_folder(Ok(Path::new("/x")), None), Outcome::Unknown, text, None);
    }

    #[test]
    fn memory_is_judged_by_what_is_available_and_by_the_units_limit() {
        let of = |available: u64, unit: Option<&Unit>| memory(Some(Memory { total: 441_344, available: available << 10 }), unit);
        is(&of(300, None), Outcome::Ok, "300 von 431 MB verfügbar", None);
        is(&of(47, None), Outcome::Warning, "47 von 431 MB verfügbar", Some(MEMORY));
        is(&of(15, None), Outcome::Fault, "15 von 431 MB verfügbar", Some(MEMORY));
        let unit = |memory: u64| Unit { memory: Some(memory << 20), memory_high: Some(192 << 20), ..Unit::default() };
        is(&of(300, Some(&unit(9))), Outcome::Ok, "300 von 431 MB verfügbar; das Relay belegt 9 MB", None);
        let text = "300 von 431 MB verfügbar; das Relay belegt 192 MB: so viel, wie es darf, und wird deshalb gebremst";
        is(&of(300, Some(&unit(192))), Outcome::Warning, text, Some(LIMIT));
        is(&memory(None, None), Outcome::Unknown, "/proc/meminfo ist nicht lesbar", None);
    }

    #[test]
    fn under_voltage_is_a_fault_now_and_a_warning_afterwards() {
        is(&power(Voltage::NoPi, None), Outcome::NotApplicable, "kein Raspberry Pi", None);
        is(&power(Voltage::Low, Some(1)), Outcome::Fault, "gerade zu wenig Spannung (unter 4,63 V)", Some(POWER));
        is(&power(Voltage::Good, Some(0)), Outcome::Ok, "genug Spannung, soweit das Log des Kernels reicht", None);
        is(&power(Voltage::Good, Some(3)), Outcome::Warning, "3 Mal zu wenig Spannung, soweit das Log des Kernels reicht", Some(POWER));
        let text = "gerade genug Spannung; das Log des Kernels ist nicht lesbar";
        is(&power(Voltage::Good, None), Outcome::Ok, text, None);
        is(&power(Voltage::Silent, Some(0)), Outcome::Unknown, "der Kernel hat keinen Sensor dafür (rpi_volt)", None);
    }

    #[test]
    fn a_watchdog_that_was_to_be_on_and_is_not_is_a_fault() {
        let of = |there, active, wanted| {
            let identity = Some("BCM2835".to_owned());
            watchdog(&Watchdog { there, active, timeout: Some(15), identity }, wanted)
        };
        let on = "eingeschaltet: BCM2835 startet das Gerät nach 15 s neu, wenn es hängt";
        is(&of(true, Some(true), Some("15s")), Outcome::Ok, on, None);
        let off = "nicht eingeschaltet: hängt das Gerät, muss jemand den Stecker ziehen";
        is(&of(true, Some(false), Some("0")), Outcome::Warning, off, Some(WATCHDOG));
        is(&of(true, None, Some("infinity")), Outcome::Warning, off, Some(WATCHDOG));
        is(&of(true, Some(false), None), Outcome::Warning, off, Some(WATCHDOG));
        let failed = "systemd soll ihn füttern, aber er ist nicht an: die Hardware kann diese Zeit nicht";
        is(&of(true, Some(false), Some("30s")), Outcome::Fault, failed, Some(WATCHDOG_FAILED));
        is(&of(true, None, Some("15s")), Outcome::Ok, "eingeschaltet, sagt systemd", None);
        is(&of(true, None, None), Outcome::Unknown, "weder der Kernel noch systemd sagen, ob er an ist", None);
        is(&of(false, None, Some("0")), Outcome::NotApplicable, "dieses Gerät hat keinen", None);
        let none = of(false, None, Some("15s"));
        let text = "systemd soll ihn füttern, aber der Kernel hat keinen";
        is(&none, Outcome::Fault, text, Some("dtparam=watchdog=on in config.txt; neu starten"));
    }

    #[test]
    fn without_a_relay_the_clock_is_known_by_its_mark() {
        is(&clock(true, false), Outcome::Ok, "von systemd-timesyncd gestellt, seit das Gerät läuft", None);
        let text = "nicht gestellt; laut Konfiguration gilt sie trotzdem ([clock] trust)";
        is(&clock(false, true), Outcome::Warning, text, Some(CLOCK));
        let text = "ob sie gestellt ist, weiß nur ein laufendes Relay oder systemd-timesyncd";
        is(&clock(false, false), Outcome::Unknown, text, Some(CLOCK));
    }

    #[test]
    fn without_a_relay_the_certificate_is_read_from_its_file() {
        const NOW: Timestamp = Timestamp(1_795_305_600);
        let of = |found: io::Result<(Timestamp, bool)>| certificate(Some(&found), NOW);
        is(&of(Ok((NOW.plus(60 * 86_400), false))), Outcome::Ok, "gilt bis 21.01.2027", None);
        let text = "gilt nur noch bis 27.11.2026 und wurde nicht erneuert";
        is(&of(Ok((NOW.plus(5 * 86_400), true))), Outcome::Warning, text, Some(CERTIFICATE));
        let text = "galt bis 21.11.2026: Meta stellt nichts mehr zu";
        let over = of(Ok((NOW.minus(86_400), true)));
        is(&over, Outcome::Fault, text, Some(CERTIFICATE));
        assert_eq!(over.figures["days_left"], -1);
        is(&of(Err(io::ErrorKind::NotFound.into())), Outcome::Fault, "es gibt noch keines", Some(CERTIFICATE));
        let denied = of(Err(io::ErrorKind::PermissionDenied.into()));
        is(&denied, Outcome::Unknown, "dieser Benutzer darf es nicht lesen", Some(AS_ROOT));
        is(&of(Err(io::Error::other("x"))), Outcome::Fault, "nicht brauchbar: x", Some(CERTIFICATE));
        is(&certificate(None, NOW), Outcome::NotApplicable, "TLS endet vor dem Relay: dort nachsehen", None);
    }

    #[test]
    fn without_a_relay_the_store_is_looked_at() {
        let of = |found: Result<Inspected, StoreError>, aside| store(found.as_ref(), Some(4096), aside);
        is(&of(Ok(Inspected::Sound { layout: 4 }), 0), Outcome::Ok, "lässt sich öffnen (Aufbau 4)", None);
        is(&of(Ok(Inspected::Absent), 0), Outcome::Ok, "noch keiner: das Relay legt ihn beim Start an", None);
        let text = "wurde nicht geschlossen (Stromausfall?): das Relay prüft ihn beim Start";
        is(&of(Ok(Inspected::Unclosed), 0), Outcome::Ok, text, None);
        assert_eq!(of(Ok(Inspected::Sound { layout: 4 }), 1).outcome, Outcome::Warning);
        is(&of(Err(StoreError::Held), 0), Outcome::Unknown, "ein Relay hat ihn offen, antwortet aber nicht", None);
        let damaged = of(Err(StoreError::Damaged("x".to_owned())), 0);
        is(&damaged, Outcome::Fault, "Der Speicher ist beschädigt: x. Es wurde nichts verändert", Some(STORE));
        let newer = of(Err(StoreError::Newer { found: 9 }), 0);
        assert_eq!((newer.outcome, newer.remedy.as_deref()), (Outcome::Fault, Some("die neuere Version starten")));
        let denied = redb::Error::Io(io::ErrorKind::PermissionDenied.into());
        let denied = of(Err(StoreError::Disk(Box::new(denied))), 0);
        is(&denied, Outcome::Unknown, "dieser Benutzer darf ihn nicht lesen", Some(AS_ROOT));
    }
}
