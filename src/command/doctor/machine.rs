//! What is to be seen of the machine: files of the kernel and of systemd, below a root that a test may put elsewhere. Judges nothing.

use crate::port::update::{RolledBack, Trial};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Bytes of a file that are read: mountinfo of a machine with many containers has 50 KiB.
const FILE_MAX: u64 = 256 * 1024;
/// Sensors that are looked through.
const SENSORS_MAX: usize = 64;

/// Where the package's judge keeps what it knows (`port/update`).
const UPDATE: &str = "/var/lib/drk-relay-update";

/// A machine, or a folder that looks like one.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    root: PathBuf,
}

/// A file system and how it is mounted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mount {
    /// Where.
    pub(crate) at: PathBuf,
    /// `ext4`.
    pub(crate) kind: String,
    /// Nothing can be written to it.
    pub(crate) read_only: bool,
}

/// The voltage, as the Pi's firmware sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Voltage {
    /// This is no Raspberry Pi.
    NoPi,
    /// A Pi whose kernel does not tell.
    Silent,
    /// Enough.
    Good,
    /// Too low, right now.
    Low,
}

/// The hardware watchdog.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Watchdog {
    /// The kernel has one.
    pub(crate) there: bool,
    /// It counts: whoever feeds it, does.
    pub(crate) active: Option<bool>,
    /// In seconds.
    pub(crate) timeout: Option<u32>,
    /// `Broadcom BCM2835 Watchdog timer`.
    pub(crate) identity: Option<String>,
}

/// Memory of the machine in kB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Memory {
    /// All of it.
    pub(crate) total: u64,
    /// What a program could get without others being pushed out.
    pub(crate) available: u64,
}

/// What became of the latest update.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Update {
    /// Nothing is open.
    Settled,
    /// The new version has to prove itself still: the old one lies ready.
    Pending,
    /// It did not.
    RolledBack(RolledBack),
    /// The folder could not be read.
    Hidden,
}

impl Machine {
    /// The one that this runs on.
    pub(crate) fn real() -> Machine {
        Machine::at(Path::new("/"))
    }

    /// One whose files lie below `root`.
    pub(crate) fn at(root: &Path) -> Machine {
        Machine { root: root.to_owned() }
    }

    /// Where this absolute path is.
    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// What is in a file, without what is at its end.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn read(&self, path: &str) -> io::Result<String> {
        let mut bytes = Vec::new();
        File::open(self.path(path))?.take(FILE_MAX).read_to_end(&mut bytes)?;
        // The device tree ends its texts with a NUL.
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches(['\0', '\n', ' ']).to_owned())
    }

    /// „Raspberry Pi 4 Model B Rev 1.4“.
    pub(crate) fn model(&self) -> Option<String> {
        self.read("/proc/device-tree/model").or_else(|_| self.read("/sys/firmware/devicetree/base/model")).ok()
    }

    /// Memory (proc(5): meminfo).
    pub(crate) fn memory(&self) -> Option<Memory> {
        let text = self.read("/proc/meminfo").ok()?;
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix("kB")?.trim().parse().ok());
        Some(Memory { total: field("MemTotal:")?, available: field("MemAvailable:")? })
    }

    /// What carries this path, which is absolute and without symbolic links (proc(5): mountinfo).
    pub(crate) fn mount(&self, path: &Path) -> Option<Mount> {
        let text = self.read("/proc/self/mountinfo").ok()?;
        let mounts = text.lines().filter_map(mount);
        // Of several at one place the last one counts.
        mounts.filter(|mount| path.starts_with(&mount.at)).max_by_key(|mount| mount.at.components().count())
    }

    /// The voltage (kernel: raspberrypi-hwmon). Needs no firmware tools and no right.
    pub(crate) fn voltage(&self) -> Voltage {
        if !self.model().is_some_and(|model| model.starts_with("Raspberry Pi")) {
            return Voltage::NoPi;
        }
        let sensors = std::fs::read_dir(self.path("/sys/class/hwmon")).into_iter().flatten().take(SENSORS_MAX);
        let mut names = sensors.filter_map(|sensor| Some(format!("/sys/class/hwmon/{}", sensor.ok()?.file_name().to_string_lossy())));
        let Some(firmware) = names.find(|sensor| self.read(&format!("{sensor}/name")).is_ok_and(|name| name == "rpi_volt")) else {
            return Voltage::Silent;
        };
        match self.read(&format!("{firmware}/in0_lcrit_alarm")).as_deref() {
            Ok("0") => Voltage::Good,
            Ok("1") => Voltage::Low,
            Ok(_) | Err(_) => Voltage::Silent,
        }
    }

    /// The hardware watchdog (kernel: watchdog-api, sysfs).
    pub(crate) fn watchdog(&self) -> Watchdog {
        let field = |name: &str| self.read(&format!("/sys/class/watchdog/watchdog0/{name}")).ok();
        Watchdog {
            there: self.path("/dev/watchdog0").exists() || self.path("/sys/class/watchdog/watchdog0").exists(),
            active: field("state").map(|state| state == "active"),
            timeout: field("timeout").and_then(|seconds| seconds.parse().ok()),
            identity: field("identity"),
        }
    }

    /// When systemd-timesyncd has set the clock last, since this start of the machine.
    pub(crate) fn timesyncd(&self) -> Option<SystemTime> {
        std::fs::metadata(self.path("/run/systemd/timesync/synchronized")).and_then(|file| file.modified()).ok()
    }

    /// What became of the latest update.
    pub(crate) fn update(&self) -> Update {
        let folder = self.path(UPDATE);
        let trial = Trial::at(&folder);
        match (std::fs::read_dir(&folder), trial.rolled_back()) {
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => Update::Settled,
            (Err(_), _) => Update::Hidden,
            (Ok(_), _) if trial.under_way() => Update::Pending,
            (Ok(_), Some(back)) => Update::RolledBack(back),
            (Ok(_), None) => Update::Settled,
        }
    }
}

/// One line: `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`.
fn mount(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(4);
    let (at, options) = (left.next()?, left.next()?);
    let mut right = right.split(' ');
    let (kind, own) = (right.next()?, right.nth(1)?);
    let read_only = [options, own].iter().any(|options| options.split(',').any(|option| option == "ro"));
    // Spaces are written as octal numbers.
    Some(Mount { at: at.replace("\\040", " ").into(), kind: kind.to_owned(), read_only })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    fn machine(files: &[(&str, &str)]) -> (TempDir, Machine) {
        let directory = tempfile::tempdir().expect("a directory");
        for (path, content) in files {
            let path = directory.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, content).expect("written");
        }
        let machine = Machine::at(directory.path());
        (directory, machine)
    }

    #[test]
    fn an_empty_machine_tells_nothing() {
        let (_directory, empty) = machine(&[]);
        assert_eq!((empty.model(), empty.memory(), empty.mount(Path::new("/var")), empty.timesyncd()), (None, None, None, None));
        assert_eq!((empty.voltage(), empty.watchdog(), empty.update()), (Voltage::NoPi, Watchdog::default(), Update::Settled));
    }

    #[test]
    fn a_pi_tells_its_voltage() {
        const MODEL: (&str, &str) = ("/proc/device-tree/model", "Raspberry Pi 3 Model B Plus Rev 1.3\0");
        let sensor = |alarm| {
            let (_directory, machine) = machine(&[
                MODEL,
                ("/sys/class/hwmon/hwmon0/name", "cpu_thermal\n"),
                ("/sys/class/hwmon/hwmon1/name", "rpi_volt\n"),
                ("/sys/class/hwmon/hwmon1/in0_lcrit_alarm", alarm),
            ]);
            machine.voltage()
        };
        assert_eq!([sensor("0\n"), sensor("1\n"), sensor("")], [Voltage::Good, Voltage::Low, Voltage::Silent]);
        let (_directory, silent) = machine(&[MODEL]);
        assert_eq!(silent.voltage(), Voltage::Silent);
        assert_eq!(silent.model().as_deref(), Some("Raspberry Pi 3 Model B Plus Rev 1.3"));
        let (_directory, other) = machine(&[("/proc/device-tree/model", "Orange Pi\0"), ("/sys/class/hwmon/hwmon1/name", "rpi_volt")]);
        assert_eq!(other.voltage(), Voltage::NoPi);
    }

    #[test]
    fn the_mount_that_carries_a_path_is_the_longest_and_the_last() {
        const MOUNTS: &str = "22 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw,errors=remount-ro\n\
                              23 22 0:21 / /run rw,nosuid - tmpfs tmpfs rw\n\
                              24 22 8:1 / /mnt/mit\\040Platz rw - ext4 /dev/sda1 ro\n\
                              25 22 8:2 / /var/lib rw - ext4 /dev/sda2 rw\n\
                              26 25 0:30 / /var/lib rw - overlay overlay rw\n";
        let (_directory, machine) = machine(&[("/proc/self/mountinfo", MOUNTS)]);
        let found = |path| machine.mount(Path::new(path)).map(|mount| (mount.at.display().to_string(), mount.kind, mount.read_only));
        let is = |at: &str, kind: &str, read_only| Some((at.to_owned(), kind.to_owned(), read_only));
        assert_eq!(found("/var/cache"), is("/", "ext4", false));
        assert_eq!(found("/run/drk-relay"), is("/run", "tmpfs", false));
        assert_eq!(found("/mnt/mit Platz/x"), is("/mnt/mit Platz", "ext4", true));
        assert_eq!(found("/var/lib/private/drk-relay"), is("/var/lib", "overlay", false));
        assert_eq!(found("/var/library"), is("/", "ext4", false));
    }

    #[test]
    fn watchdog_memory_and_update_are_read_as_they_lie_there() {
        let (_directory, machine) = machine(&[
            ("/sys/class/watchdog/watchdog0/state", "active\n"),
            ("/sys/class/watchdog/watchdog0/timeout", "15\n"),
            ("/sys/class/watchdog/watchdog0/identity", "Broadcom BCM2835 Watchdog timer\n"),
            ("/proc/meminfo", "MemTotal:         441320 kB\nMemFree:           20000 kB\nMemAvailable:     300000 kB\n"),
            ("/var/lib/drk-relay-update/previous", ""),
        ]);
        let identity = Some("Broadcom BCM2835 Watchdog timer".to_owned());
        assert_eq!(machine.watchdog(), Watchdog { there: true, active: Some(true), timeout: Some(15), identity });
        assert_eq!(machine.memory(), Some(Memory { total: 441_320, available: 300_000 }));
        assert_eq!(machine.update(), Update::Pending);
        let line = "1.2.0 1.3.0 1795305600 not-ready\n";
        let (_directory, machine) = self::machine(&[("/var/lib/drk-relay-update/rolled-back", line)]);
        let Update::RolledBack(back) = machine.update() else { panic!("it was taken back") };
        assert_eq!((back.from.as_str(), back.to.as_str()), ("1.2.0", "1.3.0"));
    }
}
