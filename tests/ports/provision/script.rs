//! install.sh, as cloud-init runs it, with an apt and a dpkg of ours: what it installs, and what it says if it cannot.

use super::{Bench, FEHLER};
use crate::program::within;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

const SCRIPT: &[u8] = include_bytes!("../../../src/command/provision/install.sh");
const DPKG: &str = "#!/bin/sh\ncase \"$1\" in\n--print-architecture) echo arm64 ;;\n\
                    --compare-versions) exec /usr/bin/dpkg \"$@\" ;;\n--configure) echo \"dpkg $1 $2\" >> \"$CALLS\" ;;\n\
                    *) echo \"dpkg $*\" >> \"$CALLS\"; [ ! -e dpkg-fails ] || { echo 'dpkg: kaputt' >&2; exit 1; } ;;\nesac\n";
/// What cloud-init calls at every boot.
const AGAIN: &str = "root/var/lib/cloud/scripts/per-boot/drk-relay";

/// A device with a card on which these packages lie. Whether apt works is a file.
fn bench(packages: &[&str]) -> Bench {
    let bench = Bench::new();
    bench.write("boot/drk-relay/install.sh", SCRIPT);
    packages.iter().for_each(|name| bench.write(&format!("boot/drk-relay/{name}"), b"!<arch>\n"));
    bench.program("dpkg", DPKG);
    bench.program(
        "dpkg-deb",
        "#!/bin/sh\n[ ! -e broken ] || { echo 'not a Debian archive' >&2; exit 2; }\nname=${2##*/drk-relay_}\necho \"${name%%_*}\"\n",
    );
    bench.program("dpkg-query", "#!/bin/sh\n[ -e installed ] && cat installed\n");
    bench.program(
        "apt-get",
        "#!/bin/sh\n[ ! -e cut ] || kill -9 \"$PPID\"\n[ -e net ] || exit 100\nfor last; do :; done\necho \"apt $last\" >> \"$CALLS\"\n",
    );
    bench.program("df", "#!/bin/sh\nprintf 'a\\nb 1 1 %s 1 /\\n' \"$(cat free)\"\n");
    bench.program("systemctl", "#!/bin/sh\necho \"$*\" >> \"$CALLS\"\n[ ! -e oneshot-fails ] || [ \"$1\" != restart ]\n");
    bench.write("free", b"1000000\n");
    for folder in ["root/run", "root/var/lib/cloud"] {
        std::fs::create_dir_all(bench.path(folder)).expect("a folder");
    }
    bench
}

async fn run(bench: &Bench) -> Option<i32> {
    run_this(bench, "boot/drk-relay/install.sh").await
}

async fn run_this(bench: &Bench, script: &str) -> Option<i32> {
    let mut command = bench.command("sh");
    command.arg(bench.path(script)).env("DRK_RELAY_ROOT", bench.path("root"));
    let Output { status, .. } = within(command.output()).await.expect("a shell");
    status.code()
}

const ARM64: &str = "drk-relay_1.10.0_arm64.deb";

#[tokio::test]
async fn the_newest_package_of_this_architecture_is_installed() {
    let bench = bench(&["drk-relay_1.9.0_arm64.deb", ARM64, "drk-relay_1.11.0_armhf.deb"]);
    let package = bench.path(&format!("boot/drk-relay/{ARM64}")).display().to_string();
    // Without a network there is dpkg, with one apt brings what is recommended.
    assert_eq!(run(&bench).await, Some(0));
    let first = ["dpkg --configure -a".to_owned()];
    let rest = ["daemon-reload".to_owned(), "restart drk-relay-provision.service".to_owned()];
    assert_eq!(bench.calls(), [&first[..], &[format!("dpkg --refuse-downgrade -i {package}")], &rest].concat());
    std::fs::remove_file(bench.path("calls")).expect("there");
    bench.write("net", b"");
    assert_eq!(run(&bench).await, Some(0));
    assert_eq!(bench.calls(), [&first[..], &["apt update".to_owned(), format!("apt {package}")], &rest].concat());
    assert!(!bench.is_there(&format!("boot/{FEHLER}")) && !bench.is_there(AGAIN));
}

#[tokio::test]
async fn only_what_is_newer_takes_the_place_of_what_is_installed() {
    for (packages, installed, replaced) in [
        (&[ARM64][..], "installed 1.10.0", false),
        // It has updated itself since.
        (&[ARM64], "installed 1.11.0~rc1", false),
        (&[ARM64], "installed 1.9.0", true),
        (&[ARM64], "half-configured 1.10.0", true),
        (&[ARM64], "config-files 1.11.0", true),
        // Nobody needs it any more.
        (&[], "installed 1.9.0", false),
    ] {
        let bench = bench(packages);
        bench.write("net", b"");
        bench.write("installed", installed.as_bytes());
        assert_eq!(run(&bench).await, Some(0), "{installed}");
        assert_eq!(bench.calls().contains(&"apt update".to_owned()), replaced, "{installed}");
        assert_eq!(bench.calls().last().map(String::as_str), Some("restart drk-relay-provision.service"));
        assert!(!bench.is_there(&format!("boot/{FEHLER}")) && !bench.is_there(AGAIN), "{installed}");
    }
}

/// cloud-init has it on record that this script was run, and runs it no second time.
#[tokio::test]
async fn what_a_power_cut_interrupts_goes_on_at_the_next_boot() {
    let bench = bench(&[ARM64]);
    ["net", "cut"].iter().for_each(|name| bench.write(name, b""));
    bench.write("boot/drk-relay-OK.txt", b"old");
    assert_eq!(run(&bench).await, None, "killed");
    let said = bench.read(&format!("boot/{FEHLER}"));
    assert!(
        said.starts_with("\u{feff}drk-relay wird gerade installiert, oder das wurde unterbrochen.") && said.contains("\r\n Abhilfe: "),
        "{said}"
    );
    assert!(!bench.is_there("boot/drk-relay-OK.txt"));
    let mode = std::fs::metadata(bench.path(AGAIN)).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o755, "cloud-init passes over what is not executable");
    std::fs::remove_file(bench.path("cut")).expect("there");
    assert_eq!(run_this(&bench, AGAIN).await, Some(0));
    assert_eq!(bench.calls().iter().filter(|call| call.starts_with("apt /")).count(), 1);
    assert!(!bench.is_there(&format!("boot/{FEHLER}")) && !bench.is_there(AGAIN));
}

#[tokio::test]
async fn what_goes_wrong_stands_on_the_card() {
    for (packages, file, what) in [
        (
            &["drk-relay_1.0.0_armhf.deb"][..],
            None,
            "Für dieses Gerät (arm64) liegt kein Paket im Ordner drk-relay der Karte.\r\n Abhilfe: ",
        ),
        (&[ARM64], Some(("free", "20480\n")), "Auf dem Gerät sind nur noch 20 MiB frei, nötig sind 64.\r\n"),
        (&[ARM64], Some(("broken", "")), "Das Paket drk-relay_1.10.0_arm64.deb ist beschädigt.\r\n"),
        (&[ARM64], Some(("dpkg-fails", "")), "Das Paket drk-relay_1.10.0_arm64.deb lässt sich nicht installieren.\r\n"),
    ] {
        let bench = bench(packages);
        file.into_iter().for_each(|(name, content)| bench.write(name, content.as_bytes()));
        assert_eq!(run(&bench).await, Some(1), "{what}");
        let said = bench.read(&format!("boot/{FEHLER}"));
        assert!(said.starts_with("\u{feff}drk-relay ist nicht installiert.\r\n") && said.contains(what), "{said}");
        assert!(said.contains("an Geheimnissen steht, ist bis dahin auf dieser Karte zu lesen."), "{said}");
        assert_eq!(said.matches('\n').count(), said.matches("\r\n").count(), "{said}");
        assert!(bench.is_there(AGAIN), "once it is mended, a boot is enough");
    }
    let broken = bench(&[ARM64]);
    broken.write("dpkg-fails", b"");
    run(&broken).await;
    assert!(broken.read(&format!("boot/{FEHLER}")).ends_with("dpkg: kaputt\r\n"));
    let bench = bench(&[ARM64]);
    bench.write("oneshot-fails", b"");
    assert_eq!(run(&bench).await, Some(1));
    let said = bench.read(&format!("boot/{FEHLER}"));
    let expected = "\u{feff}drk-relay ist installiert, aber die Konfiguration ist nicht übernommen.\r\n\r\n\
                    Die Übernahme der Konfiguration ist abgebrochen.\r\n Abhilfe: ";
    assert!(said.starts_with(expected) && !bench.is_there(AGAIN), "{said}");
}
