//! install.sh, as cloud-init runs it, with an apt and a dpkg of ours: what it installs, and what it says if it cannot.

use super::{Bench, FEHLER};
use crate::program::within;
use std::process::Output;

const SCRIPT: &[u8] = include_bytes!("../../../src/command/provision/install.sh");
const DPKG: &str = "#!/bin/sh\ncase \"$1\" in\n--print-architecture) echo arm64 ;;\n\
                    *) echo \"dpkg $*\" >> \"$CALLS\"; [ ! -e dpkg-fails ] || { echo 'dpkg: kaputt' >&2; exit 1; } ;;\nesac\n";

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
    bench.program("apt-get", "#!/bin/sh\n[ -e net ] || exit 100\nfor last; do :; done\necho \"apt $last\" >> \"$CALLS\"\n");
    bench.program("df", "#!/bin/sh\nprintf 'a\\nb 1 1 %s 1 /\\n' \"$(cat free)\"\n");
    bench.program("systemctl", "#!/bin/sh\necho \"$*\" >> \"$CALLS\"\n[ ! -e oneshot-fails ] || [ \"$1\" != restart ]\n");
    bench.write("free", b"1000000\n");
    bench
}

async fn run(bench: &Bench) -> Option<i32> {
    let mut command = bench.command("sh");
    command.arg(bench.path("boot/drk-relay/install.sh"));
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
    let rest = ["daemon-reload".to_owned(), "restart drk-relay-provision.service".to_owned()];
    assert_eq!(bench.calls(), [&[format!("dpkg -i --force-downgrade {package}")][..], &rest].concat());
    std::fs::remove_file(bench.path("calls")).expect("there");
    bench.write("net", b"");
    assert_eq!(run(&bench).await, Some(0));
    assert_eq!(bench.calls(), [&["apt update".to_owned(), format!("apt {package}")][..], &rest].concat());
    // Installed already: only what is on the card is looked at.
    std::fs::remove_file(bench.path("calls")).expect("there");
    bench.write("installed", b"1.10.0 installed");
    assert_eq!(run(&bench).await, Some(0));
    assert_eq!(bench.calls(), rest);
    assert!(!bench.is_there(&format!("boot/{FEHLER}")));
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
        (&[ARM64], Some(("oneshot-fails", "")), "Die Übernahme der Konfiguration ist abgebrochen.\r\n"),
    ] {
        let bench = bench(packages);
        file.into_iter().for_each(|(name, content)| bench.write(name, content.as_bytes()));
        assert_eq!(run(&bench).await, Some(1), "{what}");
        let said = bench.read(&format!("boot/{FEHLER}"));
        assert!(said.starts_with("\u{feff}drk-relay ist nicht installiert.\r\n") && said.contains(what), "{said}");
        assert_eq!(said.matches('\n').count(), said.matches("\r\n").count(), "{said}");
    }
    let bench = bench(&[ARM64]);
    bench.write("dpkg-fails", b"");
    run(&bench).await;
    assert!(bench.read(&format!("boot/{FEHLER}")).ends_with("dpkg: kaputt\r\n"));
}
