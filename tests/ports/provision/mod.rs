//! From a card to a device: `drk-relay provision` on a technician's computer and `provision-device` on the device, with
//! folders in the place
//! of both. Only a real boot shows that systemd and cloud-init play along (tests/vm).

mod bad_files;
mod card;
mod device;
mod power_cut;
mod script;

use crate::program::within;
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use tempfile::TempDir;
use tokio::process::Command;

pub(crate) const EXAMPLE: &str = include_str!("../../../examples/drk-relay.toml");
pub(crate) const TOKEN: &str = "EAAGm0PX4ZCpsBAKZCyourtoken0123456789";
pub(crate) const APP_SECRET: &str = "00112233445566778899aabbccddeeff";
pub(crate) const PASSWORD: &str = "vier lange Wörter";
pub(crate) const OK: &str = "drk-relay-OK.txt";
pub(crate) const FEHLER: &str = "drk-relay-FEHLER.txt";
/// A systemd-creds that turns letters around, so that nothing lies in the clear by accident; and a systemctl that is only noticed.
const SYSTEMD_CREDS: &str = "#!/bin/sh\nset -e\ncase \"$1\" in\nencrypt) printf 'sealed:%s\\n' \"$3\"; tr 'a-zA-Z' 'n-za-mN-ZA-M' ;;\n\
                             decrypt) if [ \"$3\" = - ]; then cat; else cat \"$3\"; fi | { read -r head; [ \"$head\" = \"sealed:$2\" ]; \
                             tr 'a-zA-Z' 'n-za-mN-ZA-M'; } ;;\nesac\n";
const SYSTEMCTL: &str = "#!/bin/sh\necho \"$*\" >> \"$CALLS\"\n";

/// The example as a technician has filled it in.
pub(crate) fn filled_in() -> String {
    let text = EXAMPLE.replacen("whatsapp-token = \"…\"", &format!("whatsapp-token = \"{TOKEN}\""), 1);
    let text = text.replacen("whatsapp-app-secret = \"…\"", &format!("whatsapp-app-secret = \"{APP_SECRET}\""), 1);
    let text = text.replacen("password = \"…\"", &format!("password = \"{PASSWORD}\""), 1);
    assert!(!text.contains("\"…\""));
    text
}

/// A text with one piece replaced.
#[track_caller]
pub(crate) fn edited(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

/// A device, its boot partition, and a technician's computer.
pub(crate) struct Bench(TempDir);

impl Bench {
    pub(crate) fn new() -> Bench {
        let bench = Bench(tempfile::tempdir().expect("a directory"));
        for (name, text) in [("cmdline.txt", "root=x\n"), ("config.txt", "\n"), ("meta-data", "instance_id: rpios-image\n")] {
            bench.write(&format!("boot/{name}"), text.as_bytes());
        }
        bench.write("boot/user-data", b"#cloud-config\r\nhostname: relaypi\r\nruncmd:\r\n- [rfkill, unblock, wifi]\r\n");
        bench.write("root/etc/hostname", b"relaypi\n");
        bench.write("root/etc/group", b"root:x:0:\n");
        bench.program("systemd-creds", SYSTEMD_CREDS);
        bench.program("systemctl", SYSTEMCTL);
        bench
    }

    /// With the filled-in example on the card.
    pub(crate) fn with_card(text: &str) -> Bench {
        let bench = Bench::new();
        bench.write("boot/drk-relay.toml", text.as_bytes());
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn is_there(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// A program that is found before the machine's own.
    pub(crate) fn program(&self, name: &str, script: &str) {
        self.write(&format!("bin/{name}"), script.as_bytes());
        fs::set_permissions(self.path(&format!("bin/{name}")), Permissions::from_mode(0o755)).expect("chmod");
    }

    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").expect("a path");
        command.env("PATH", format!("{}:{path}", self.path("bin").display())).env("CALLS", self.path("calls"));
        command.env_remove("CREDENTIALS_DIRECTORY").current_dir(self.0.path()).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    async fn run(mut command: Command) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = within(command.output()).await.expect("the binary");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (status.code(), text(stdout), text(stderr))
    }

    /// What the oneshot does at a boot: its exit code and what the journal gets.
    pub(crate) async fn boot(&self) -> (Option<i32>, String) {
        let (code, _, words) = Bench::run(self.oneshot(&[])).await;
        (code, words)
    }

    /// The same, but the power goes after so many changes.
    pub(crate) async fn boot_for(&self, changes: usize) -> Option<i32> {
        Bench::run(self.oneshot(&["--power-for", &changes.to_string()])).await.0
    }

    fn oneshot(&self, more: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_drk-relay"));
        command.arg("provision-device").arg("--boot").arg(self.path("boot")).arg("--root").arg(self.path("root")).args(more);
        command
    }

    /// `drk-relay provision` with this file of the technician's computer.
    pub(crate) async fn provision(&self, file: &str, more: &[&str]) -> (Option<i32>, String, String) {
        let mut command = self.command(env!("CARGO_BIN_EXE_drk-relay"));
        command.arg("provision").arg("--boot").arg(self.path("boot")).arg("--config").arg(self.path(file)).args(more);
        Bench::run(command).await
    }

    /// Every file below a folder: its name, its rights and its content.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        collect(&self.path(folder), &self.path(folder), &mut found);
        found
    }

    /// What the service would see of a secret.
    pub(crate) async fn credential(&self, unit: &str, name: &str) -> Option<String> {
        let sealed = self.path(&format!("root/etc/credstore.encrypted/{unit}.{name}"));
        if !sealed.exists() {
            return fs::read_to_string(self.path(&format!("root/etc/credstore/{unit}.{name}"))).ok();
        }
        let mut command = self.command("systemd-creds");
        command.arg("decrypt").arg(format!("--name={name}")).arg(sealed).arg("-");
        let (code, secret, words) = Bench::run(command).await;
        assert_eq!(code, Some(0), "{words}");
        Some(secret)
    }

    /// What systemctl was asked.
    pub(crate) fn calls(&self) -> Vec<String> {
        fs::read_to_string(self.path("calls")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Nothing below this folder has one of these words in it.
    pub(crate) fn holds_none(&self, folder: &str, words: &[&str]) {
        for (name, (_, bytes)) in self.files(folder) {
            let text = String::from_utf8_lossy(&bytes);
            words.iter().for_each(|word| assert!(!text.contains(word), "{word} is in {name}"));
        }
    }
}

fn collect(top: &Path, folder: &Path, found: &mut BTreeMap<String, (u32, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            collect(top, &path, found);
        } else {
            let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
            let name = path.strip_prefix(top).expect("below").display().to_string();
            found.insert(name, (mode, fs::read(&path).expect("readable")));
        }
    }
}
