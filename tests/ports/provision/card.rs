//! `drk-relay provision`: what it puts onto a card, and what it refuses before it puts anything there.

use super::{APP_SECRET, Bench, PASSWORD, TOKEN, edited, filled_in};
use std::fs;

const PACKAGE: &str = "drk-relay_1.2.3_arm64.deb";

/// An archive like that of a package.
fn deb() -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in [("debian-binary", "2.0\n"), ("control.tar.xz", "x\n"), ("data.tar.xz", "y\n")] {
        bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n{content}", 0, 0, 0, 100_644, content.len()).bytes());
    }
    bytes
}

/// A technician's computer with everything that is needed.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.write(PACKAGE, &deb());
    bench.write("pc/drk-relay.toml", filled_in().as_bytes());
    bench
}

#[tokio::test]
async fn a_prepared_card_is_one_that_the_device_takes() {
    let bench = bench();
    let text = edited(&filled_in(), &format!("whatsapp-token = \"{TOKEN}\"\n"), "") + "\n[topics]\nfolder = \"themen\"\n";
    let text = edited(&text, "[whatsapp]\n", "[whatsapp]\ntoken_file = \"geheim/token\"\n").replace('\n', "\r\n");
    bench.write("pc/drk-relay.toml", text.as_bytes());
    bench.write("pc/geheim/token", format!("{TOKEN}\n").as_bytes());
    bench.write("pc/themen/symptome.md", include_bytes!("../../../topics/symptome.md"));
    let (code, said, words) = bench.provision("pc/drk-relay.toml", &[]).await;
    assert_eq!(code, Some(0), "{words}");
    for shown in
        ["  drk-relay.toml: geschrieben\n", "Das Gerät macht sich selbst: mqtt-password, whatsapp-verify-token, tunnel-key.", "armhf"]
    {
        assert!(said.contains(shown), "{said}\n\nlacks\n\n{shown}");
    }
    assert!([TOKEN, APP_SECRET, PASSWORD].iter().all(|secret| !said.contains(secret)), "{said}");
    let user_data = bench.read("boot/user-data");
    let expected = "#cloud-config\nhostname: relaypi\nruncmd:\n- [rfkill, unblock, wifi]\n# drk-relay provision: Anfang\n\
                    - [sh, /boot/firmware/drk-relay/install.sh]\n# drk-relay provision: Ende\n";
    assert_eq!(user_data, expected);
    let card = bench.read("boot/drk-relay.toml");
    assert!(card.contains("\n[secrets]\nwhatsapp-token = ") && card.contains("\n# token_file = \"geheim/token\"\n"), "{card}");
    // Again: nothing changes, and nothing is left over.
    let before = bench.files("boot");
    let (code, said, _) = bench.provision("pc/drk-relay.toml", &[]).await;
    assert!(code == Some(0) && !said.contains("geschrieben") && before == bench.files("boot"), "{said}");
    assert!(before.keys().all(|name| !name.ends_with(".new")));
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(bench.credential("drk-relay", "whatsapp-token").await.as_deref(), Some(TOKEN));
    assert!(bench.is_there("root/etc/drk-relay/themen/symptome.md"));
    bench.holds_none("boot", &[TOKEN, APP_SECRET, PASSWORD]);
}

#[tokio::test]
async fn what_is_no_such_card_is_refused() {
    for (remove, write, what) in [
        (Some("cmdline.txt"), None, "ist keine Boot-Partition eines Raspberry Pi: cmdline.txt oder config.txt fehlt."),
        (None, Some("firstrun.sh"), "dort liegt firstrun.sh, wie es Raspberry Pi Imager 1 schreibt"),
        (Some("meta-data"), None, "richtet sich nicht mit cloud-init ein (Bookworm?). Abhilfe: die Karte mit Raspberry Pi Imager 2.0"),
    ] {
        let bench = bench();
        remove.into_iter().for_each(|name| fs::remove_file(bench.path(&format!("boot/{name}"))).expect("there"));
        write.into_iter().for_each(|name| bench.write(&format!("boot/{name}"), b""));
        refused(&bench, &[], 1, what).await;
    }
    let bench = bench();
    bench.write("boot/user-data", b"#cloud-config\nruncmd: [ls]\n");
    refused(&bench, &[], 1, "Zeile 2 von user-data: runcmd ist nicht als Liste mit einem Eintrag je Zeile geschrieben.").await;
}

/// Nothing on the card changes.
async fn refused(bench: &Bench, more: &[&str], exit: i32, what: &str) {
    let before = bench.files("boot");
    let (code, said, words) = bench.provision("pc/drk-relay.toml", more).await;
    assert!(code == Some(exit) && words.contains(what), "{said}{words}");
    assert!(said.is_empty() && before == bench.files("boot"), "{said}");
    assert!([TOKEN, APP_SECRET, PASSWORD].iter().all(|secret| !words.contains(secret)), "{words}");
}

#[tokio::test]
async fn what_could_not_work_on_the_device_is_refused_at_once() {
    let bench = bench();
    let with = |text: &str| bench.write("pc/drk-relay.toml", text.as_bytes());
    with(&(filled_in() + "\n[topics]\nfolder = \"/srv/topics\"\n"));
    refused(&bench, &[], 64, "dieser Pfad gilt nur auf diesem Computer, nicht auf dem Gerät.").await;
    with(&(filled_in() + "\n[topics]\nfolder = \"topics\"\n"));
    refused(&bench, &[], 64, "topics: es gibt sie nicht.").await;
    bench.write("pc/token", TOKEN.as_bytes());
    with(&edited(&filled_in(), "[whatsapp]\n", "[whatsapp]\ntoken_file = \"token\"\n"));
    refused(&bench, &[], 64, "whatsapp.token_file: whatsapp-token steht auch unter [secrets].").await;
    with(&edited(&filled_in(), &format!("password = \"{PASSWORD}\"\n"), ""));
    refused(&bench, &[], 64, "publisher „hausnotruf“: das Passwort fehlt, und der Broker kennt noch keines.").await;
    with(&filled_in());
    fs::remove_file(bench.path(PACKAGE)).expect("there");
    refused(&bench, &[], 1, "Kein Paket in . und ").await;
    bench.write("drk-relay_1.2.3_amd64.deb", &deb());
    refused(&bench, &["--package", "drk-relay_1.2.3_amd64.deb"], 1, "für amd64 ist kein Raspberry Pi.").await;
    bench.write("drk-relay_1.2.3_armhf.deb", &deb()[..190]);
    refused(&bench, &[], 1, "drk-relay_1.2.3_armhf.deb ist kein ganzes Debian-Paket.").await;
}

/// A card that was in the device comes back: secrets are on neither the PC nor the card, but the device has them.
#[tokio::test]
async fn a_corrected_card_needs_no_secret_again() {
    let bench = bench();
    let heartbeat = "https://herz.example/ping/geheim-0123456";
    let first = edited(
        &filled_in(),
        "[secrets]\n",
        &format!("[secrets]\nheartbeat-url = \"{heartbeat}\"\nproxy = \"http://u:p@proxy.example:1\"\n"),
    );
    let first = edited(&first, "[ingress]\n", "[egress]\nmode = \"proxy\"\n\n[ingress]\n");
    bench.write("pc/drk-relay.toml", first.as_bytes());
    assert_eq!(bench.provision("pc/drk-relay.toml", &[]).await.0, Some(0));
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    let old = bench.credential("drk-relay", "tunnel-key").await;
    let text = edited(&first, "title = \"Corona im Kreis Musterstadt\"", "title = \"Corona in Musterstadt\"");
    let text = edited(&text, &format!("password = \"{PASSWORD}\"\n"), "");
    let begin = text.find("[secrets]").expect("there");
    let text = edited(&text, &text[begin..text.find("[[publisher]]").expect("there")], "");
    bench.write("pc/drk-relay.toml", text.as_bytes());
    // And once more, before it was in the device.
    for _ in 0..2 {
        let (code, said, words) = bench.provision("pc/drk-relay.toml", &[]).await;
        let kept = "Das Gerät hat schon, wenn es dasselbe ist: whatsapp-token, whatsapp-app-secret, proxy, heartbeat-url.";
        assert!(code == Some(0) && said.contains(kept), "{said}{words}");
    }
    assert!(bench.read("boot/drk-relay.toml").contains("\n# password: übernommen\n"));
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    assert!(bench.read("root/etc/drk-relay/relay.toml").contains("Corona in Musterstadt"));
    assert_eq!(bench.credential("drk-relay", "whatsapp-token").await.as_deref(), Some(TOKEN));
    assert_eq!(bench.credential("drk-relay", "heartbeat-url").await.as_deref(), Some(heartbeat));
    assert_eq!(bench.credential("drk-relay", "tunnel-key").await, old);
    // Another relay's card says nothing of this one.
    bench.write("pc/drk-relay.toml", edited(&text, "200000000000002", "200000000000003").as_bytes());
    refused(&bench, &["--replace"], 64, "unter [secrets] steht kein whatsapp-token").await;
}

#[tokio::test]
async fn what_the_device_would_not_understand_is_refused_at_once() {
    for (name, what) in [
        ("drk-relay (1).toml", "drk-relay (1).toml: So heißt keine Konfiguration.\n Abhilfe: "),
        ("drk-relay.toml.txt", "drk-relay.toml und drk-relay.toml.txt: Welche von beiden gilt, ist nicht zu erkennen."),
    ] {
        let bench = bench();
        bench.write("boot/drk-relay.toml", filled_in().as_bytes());
        bench.write(&format!("boot/{name}"), b"a = 1\n");
        refused(&bench, &[], 1, what).await;
    }
    // A secret from a file has no place beside others that stand above all sections.
    let bench = bench();
    let text = edited(&filled_in(), "[whatsapp]\n", "[whatsapp]\ntoken_file = \"token\"\n");
    let text = edited(
        &text,
        &format!("[secrets]\n# Aus den Business-Einstellungen: Systembenutzer, Token generieren.\nwhatsapp-token = \"{TOKEN}\"\n"),
        "",
    );
    let text = edited(&text, &format!("whatsapp-app-secret = \"{APP_SECRET}\"\n"), "");
    bench.write("pc/drk-relay.toml", format!("secrets.whatsapp-app-secret = \"{APP_SECRET}\"\n{text}").as_bytes());
    bench.write("pc/token", TOKEN.as_bytes());
    refused(&bench, &[], 64, "die Geheimnisse stehen nicht unter einer Zeile [secrets]").await;
}

#[tokio::test]
async fn the_card_has_one_package_for_each_architecture() {
    let bench = bench();
    for name in ["drk-relay_2.0.0_arm64.deb", "drk-relay_2.0.0_armhf.deb"] {
        bench.write(&format!("boot/drk-relay/{name}"), &deb());
    }
    let (code, said, words) = bench.provision("pc/drk-relay.toml", &["--package", PACKAGE]).await;
    assert!(code == Some(0) && said.contains("  drk-relay/drk-relay_2.0.0_arm64.deb: gelöscht, 1.2.3 gilt\n"), "{said}{words}");
    let packages: Vec<String> = bench.files("boot/drk-relay").into_keys().filter(|name| name.ends_with(".deb")).collect();
    assert_eq!(packages, [PACKAGE, "drk-relay_2.0.0_armhf.deb"]);
}

#[tokio::test]
async fn a_second_relay_needs_a_word() {
    let bench = bench();
    assert_eq!(bench.provision("pc/drk-relay.toml", &[]).await.0, Some(0));
    let other = edited(&filled_in(), "200000000000002", "200000000000003");
    bench.write("pc/drk-relay.toml", other.as_bytes());
    refused(&bench, &[], 1, "Auf der Karte liegt schon drk-relay.toml, für eine andere Nummer (phone_number_id 200000000000002).").await;
    refused(&bench, &["--name", "zweite"], 64, "5 Fehler in drk-relay.toml").await;
    for what in ["state_dir = \"/var/lib/drk-relay-zweite\"", "mqtt.client_id", "mqtt.user", "tunnel.forward", "publisher.name"] {
        refused(&bench, &["--name", "zweite"], 64, what).await;
    }
    let second = edited(&other, "state_dir = \"/var/lib/drk-relay\"", "state_dir = \"/var/lib/drk-relay-zweite\"");
    let second = edited(&second, "user = \"relay\"\n", "user = \"relay2\"\nclient_id = \"drk-relay-zweite\"\n");
    let second = edited(&second, "name = \"hausnotruf\"", "name = \"pegel\"");
    bench.write("pc/drk-relay.toml", edited(&second, "musterstadt/in.sock", "zweite/in.sock").as_bytes());
    let (code, said, words) = bench.provision("pc/drk-relay.toml", &["--name", "zweite"]).await;
    assert!(code == Some(0) && said.contains("  drk-relay@zweite.toml: geschrieben"), "{said}{words}");
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    assert!(bench.is_there("root/etc/drk-relay/relay.toml") && bench.is_there("root/etc/drk-relay/zweite.toml"));
    bench.write("pc/drk-relay.toml", edited(&filled_in(), "200000000000002", "200000000000004").as_bytes());
    let (code, _, words) = bench.provision("pc/drk-relay.toml", &["--replace"]).await;
    assert_eq!(code, Some(0), "{words}");
    assert!(bench.read("boot/drk-relay.toml").contains("200000000000004"));
}

#[tokio::test]
async fn a_full_card_keeps_what_it_had() {
    let bench = bench();
    let boot = bench.path("boot");
    let there = bench.files("boot");
    let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&boot).status();
    assert!(mounted.is_ok_and(|status| status.success()), "this test mounts a small file system: it has to be root");
    there.iter().for_each(|(name, (_, bytes))| bench.write(&format!("boot/{name}"), bytes));
    let mut package = deb();
    let content = vec![b'z'; 100 * 1024];
    package.truncate(package.len() - 62);
    package.extend(format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "data.tar.xz", 0, 0, 0, 100_644, content.len()).bytes());
    package.extend(content);
    bench.write(PACKAGE, &package);
    let (code, _, words) = bench.provision("pc/drk-relay.toml", &[]).await;
    assert!(code == Some(1) && words.contains(&format!("{PACKAGE} lässt sich nicht schreiben; was dort war, ist unverändert.")), "{words}");
    let names: Vec<String> = bench.files("boot").into_keys().collect();
    let unmounted = std::process::Command::new("umount").arg(&boot).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    assert_eq!(names, there.into_keys().collect::<Vec<_>>());
}
