//! Secrets and certificates: from where they come, when they are refused, and that nothing shows them. Mistakes in the text are for
//! `mistakes`.

use super::{FULL, Folder, SECRETS, certificate, edited};
use secrecy::ExposeSecret;
use std::fs;

/// Secrets of [`FULL`], the key that names each and its credential.
const KEYS: [(&str, &str, &str); 8] = [
    ("password", "mqtt.password_file", "mqtt-password"),
    ("client-key", "mqtt.client_key_file", "mqtt-client-key"),
    ("token", "whatsapp.token_file", "whatsapp-token"),
    ("app-secret", "whatsapp.app_secret_file", "whatsapp-app-secret"),
    ("app-secret-next", "whatsapp.app_secret_next_file", "whatsapp-app-secret-next"),
    ("verify-token", "whatsapp.verify_token_file", "whatsapp-verify-token"),
    ("proxy", "egress.proxy_file", "proxy"),
    ("heartbeat-url", "heartbeat.url_file", "heartbeat-url"),
];

#[test]
fn a_file_that_cannot_hold_a_secret_is_refused_under_its_key() {
    for (file, key, _) in KEYS {
        let folder = Folder::new();
        let good = fs::read_to_string(folder.path(file)).expect("there");
        let refused = |because: &str| {
            let found = folder.wrong(FULL);
            let line = FULL.lines().position(|line| line.contains(&format!("_file = \"{file}\""))).map_or(0, |line| line + 1);
            let expected = (line, format!("{key}: {} {because}.", folder.path(file).display()));
            assert_eq!(found, [expected]);
        };
        for mode in [0o640, 0o604, 0o620, 0o601] {
            folder.write(file, &good, mode);
            refused(&format!("dürfen auch andere Benutzer lesen (Rechte {mode:03o})"));
        }
        folder.write(file, "\r\n \n", 0o600);
        refused("ist leer");
        folder.write(file, &"x".repeat(64 * 1024 + 1), 0o600);
        refused("ist größer als 64 KiB");
        fs::write(folder.path(file), [0xff, 0xfe]).expect("written");
        refused("ist kein Text (UTF-8)");
        fs::remove_file(folder.path(file)).expect("there");
        refused("gibt es nicht");
        fs::create_dir(folder.path(file)).expect("created");
        refused("ist keine Datei");
    }
    let folder = Folder::new();
    for (file, words) in [("token", "a b"), ("token", "a\nb"), ("app-secret", "ä"), ("verify-token", "a\nb"), ("password", "a\tb")] {
        let good = fs::read_to_string(folder.path(file)).expect("there");
        folder.write(file, words, 0o600);
        assert!(folder.wrong(FULL)[0].1.contains(" enthält "), "{words}");
        folder.write(file, &good, 0o600);
    }
}

#[test]
fn a_pipe_does_not_stop_the_reader() {
    let folder = Folder::new();
    let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(folder.path("pipe")).status();
    assert!(made.expect("coreutils").success());
    let found = folder.wrong(&edited(FULL, "token_file = \"token\"\napp", "token_file = \"pipe\"\napp"));
    assert!(found.len() == 1 && found[0].1.ends_with("/pipe ist keine Datei."), "{found:?}");
}

/// [`FULL`] without a line that names a file with a secret.
fn without_files() -> String {
    let named = |line: &str| KEYS.iter().any(|(_, key, _)| line.starts_with(key.split('.').next_back().unwrap_or_default()));
    FULL.lines().filter(|line| !named(line)).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn credentials_go_before_files() {
    let folder = Folder::new();
    let (_, key) = certificate();
    // What systemd shows a service is read-only, and its access list looks like a right of the group.
    let secrets = ["other password", "EAAother", "0".repeat(32).leak(), "1".repeat(32).leak(), "other word", "http://other:1"];
    let names = ["mqtt-password", "whatsapp-token", "whatsapp-app-secret", "whatsapp-app-secret-next", "whatsapp-verify-token", "proxy"];
    for (name, secret) in names.into_iter().zip(secrets) {
        folder.write(&format!("credentials/{name}"), secret, 0o440);
    }
    for text in [FULL, &without_files()] {
        if text != FULL {
            for (file, name) in [("client-key", "mqtt-client-key"), ("heartbeat-url", "heartbeat-url")] {
                fs::copy(folder.path(file), folder.path(&format!("credentials/{name}"))).expect("copied");
            }
        }
        let checked = folder.check(text).expect("complete");
        let config = &checked.config;
        let app_secrets: Vec<_> = config.webhook.app_secrets.iter().map(ExposeSecret::expose_secret).collect();
        let (user, password) = config.mqtt.login.as_ref().expect("a login");
        assert_eq!((user.as_str(), password.expose_secret(), config.graph.token.expose_secret()), ("relay", secrets[0], secrets[1]));
        assert_eq!((app_secrets, config.webhook.verify_token.expose_secret()), (vec![secrets[2], secrets[3]], secrets[4]));
        assert_eq!(config.graph.proxy.as_ref().map(ExposeSecret::expose_secret), Some(secrets[5]));
        assert!(checked.effective.contains("token = \"… (aus Credential "), "{}", checked.effective);
    }
    folder.write("credentials/mqtt-client-key", &key, 0o400);
    assert!(folder.wrong(FULL)[0].1.starts_with("mqtt.client_key_file: der Schlüssel passt nicht zum Zertifikat."));
    folder.write("credentials/mqtt-client-key", &fs::read_to_string(folder.path("client-key")).expect("there"), 0o600);
    for (mode, content, because) in
        [(0o444, "x", "diese Datei dürfen auch andere Benutzer lesen (Rechte 444)."), (0o400, "\n", "diese Datei ist leer.")]
    {
        fs::remove_file(folder.path("credentials/whatsapp-token")).expect("there");
        folder.write("credentials/whatsapp-token", content, mode);
        let report = folder.check(FULL).expect_err("refused").to_string();
        let expected = format!("{}: {because}\n Abhilfe: ", folder.path("credentials/whatsapp-token").display());
        assert!(report.starts_with(&expected), "{report}");
    }
}

#[test]
fn a_secret_that_is_nowhere_is_explained_both_ways() {
    let folder = Folder::new();
    let report = folder.check(&without_files()).expect_err("refused").to_string();
    assert!(report.starts_with("7 Fehler in relay.toml\n"), "{report}");
    for shown in [
        "mqtt.user: zum Benutzer fehlt das Passwort: mqtt.password_file steht nicht da, und ",
        "mqtt.client_certificate_file: zum Zertifikat fehlt der Schlüssel: mqtt.client_key_file steht nicht da, und ",
        "Das Zugriffstoken der Cloud API fehlt: whatsapp.token_file steht nicht da, und ",
        "credentials/whatsapp-app-secret gibt es auch nicht.",
        "Die Adresse, an die der Herzschlag geht, fehlt: heartbeat.url_file steht nicht da, und ",
        "chmod 600), und sie mit verify_token_file = \"…\" nennen; oder es als /etc/credstore/drk-relay.whatsapp-verify-token ablegen",
    ] {
        assert!(report.contains(shown), "{report}\n\nlacks\n\n{shown}");
    }
}

#[test]
fn nothing_shows_a_secret() {
    let folder = Folder::new();
    let checked = folder.check(FULL).expect("complete");
    let mut shown = vec![checked.effective.clone(), format!("{checked:?}")];
    // Secrets where they do not belong, in lines that are complained of for whatever reason.
    for (file, secret) in SECRETS.into_iter().filter(|(file, _)| *file != "client-key") {
        folder.write(file, secret, 0o644);
        shown.push(folder.check(FULL).expect_err("open to all").to_string());
        folder.write(file, secret, 0o600);
    }
    let (token, app_secret) = (SECRETS[1].1, SECRETS[2].1);
    for (from, to) in [
        ("token_file = \"token\"\napp", format!("token = \"{token}\"\napp")),
        ("token_file = \"token\"\napp", format!("token = {token}\napp")),
        ("token_file = \"token\"\napp", format!("token_file = \"{token}\"\napp")),
        ("app_secret_file = \"app-secret\"", format!("app_secret = \"{app_secret}")),
        ("password_file = \"password\"", "password = \"broker password with spaces \"".to_owned()),
        ("url_file = \"heartbeat-url\"", format!("url = \"{}\"", SECRETS[7].1)),
        ("url_file = \"heartbeat-url\"", format!("url_file = \"{}\"", SECRETS[7].1)),
        ("password_file = \"password\"", "password = [\"broker password with spaces \", 7".to_owned()),
        ("proxy_file = \"proxy\"", "proxy = \"socks5h://relay:geheim@proxy.example:1080\"".to_owned()),
        ("\"http://127.0.0.1:9/\"", "\"http://relay:geheim@proxy.example:1080\"".to_owned()),
    ] {
        shown.push(folder.check(&edited(FULL, from, &to)).expect_err(&to).to_string());
    }
    for text in shown {
        for secret in SECRETS.into_iter().map(|(_, secret)| secret).chain(["geheim", "PRIVATE KEY"]).filter(|secret| !secret.is_empty()) {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn secrets_that_look_like_another_deserve_a_look() {
    let folder = Folder::new();
    let remark = |token: &str, app_secret: &str| {
        folder.write("token", token, 0o600);
        folder.write("app-secret", app_secret, 0o600);
        let warnings = folder.check(FULL).expect("only a remark").warnings;
        warnings.iter().map(|warning| warning.what().to_owned()).collect::<Vec<_>>().join("; ")
    };
    let (token, app_secret) = (SECRETS[1].1, SECRETS[2].1);
    assert!(!remark(token, app_secret).contains("whatsapp"));
    assert!(remark(token, token).contains("whatsapp.token_file: Zugriffstoken und App-Geheimnis sind gleich."));
    assert!(remark(app_secret, token).contains("whatsapp.token_file: Zugriffstoken und App-Geheimnis scheinen vertauscht zu sein."));
    assert!(remark("x", app_secret).contains("whatsapp.token_file: ein Zugriffstoken beginnt sonst mit EAA."));
    assert!(remark(token, "x").contains("whatsapp.app_secret_file: ein App-Geheimnis besteht sonst aus 32 "));
}

#[test]
fn certificates_are_tried_out() {
    let folder = Folder::new();
    let good = folder.check(FULL).expect("complete").config.mqtt.tls.expect("encrypted");
    let (chain, key) = good.client.expect("a certificate of its own");
    assert_eq!(good.roots, Some(fs::read(folder.path("ca.pem")).expect("there")));
    assert_eq!(chain, fs::read(folder.path("client.pem")).expect("there"));
    assert_eq!(key.expose_secret(), fs::read_to_string(folder.path("client-key")).expect("there").trim_end());

    let (other, other_key) = certificate();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (file, content, mode, expected) in [
        ("ca.pem", "", 0o644, "mqtt.ca_file: darin steht kein brauchbares Zertifikat in PEM."),
        ("ca.pem", broken, 0o644, "mqtt.ca_file: darin steht kein brauchbares Zertifikat in PEM."),
        ("ca.pem", &other_key, 0o644, "mqtt.ca_file: darin steht kein brauchbares Zertifikat in PEM."),
        ("client.pem", "x", 0o644, "mqtt.client_certificate_file: darin steht kein brauchbares Zertifikat in PEM."),
        ("client.pem", &other, 0o644, "mqtt.client_key_file: der Schlüssel passt nicht zum Zertifikat."),
        ("client-key", &other, 0o600, "mqtt.client_key_file: darin steht kein brauchbarer privater Schlüssel in PEM."),
        ("client-key", &other_key, 0o600, "mqtt.client_key_file: der Schlüssel passt nicht zum Zertifikat."),
    ] {
        let before = fs::read_to_string(folder.path(file)).expect("there");
        folder.write(file, content, mode);
        assert_eq!(folder.wrong(FULL).into_iter().map(|(_, what)| what).collect::<Vec<_>>(), [expected], "{file}");
        folder.write(file, &before, mode);
    }
    let found = folder.wrong(&edited(FULL, "tls = true\n", ""));
    assert!(found.len() == 3 && found.iter().all(|(_, what)| what.ends_with(": das gilt nur mit Verschlüsselung.")), "{found:?}");
    let found = folder.wrong(&edited(FULL, "client_certificate_file = \"client.pem\"\n", ""));
    assert!(found.len() == 1 && found[0].1 == "mqtt.client_key_file: zum Schlüssel fehlt das Zertifikat.", "{found:?}");
}
