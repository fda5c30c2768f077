//! The real binary with good and bad configurations: what it prints, where, and what it exits with.

use super::{EXAMPLE, SECRETS};
use crate::program::{Machine, Place, TOKEN, VERIFY_TOKEN};
use crate::webhook::SECRET;
use std::fs;

/// A machine with nobody to talk to.
fn alone() -> (Machine, [Place; 2]) {
    let places = [Place::reserve(), Place::reserve()];
    (Machine::new(places[0].address, places[1].address), places)
}

#[tokio::test]
async fn check_config_says_what_it_amounts_to() {
    let (machine, _places) = alone();
    let (code, page, words) = machine.says(&["check-config"]).await;
    assert_eq!((code, words.as_str()), (Some(0), ""));
    for shown in [
        // The secrets of tests do not look like Meta's.
        "Die Konfiguration ist in Ordnung. Ein Hinweis dazu:\n\n",
        "whatsapp.app_secret_file: ein App-Geheimnis besteht sonst aus 32 ",
        "\nDas Monatskontingent von 1000 Nachrichten reicht für etwa 26 Personen (wer täglich Zahlen bekommt, kostet im Monat bis zu 37 ",
        "\nSo gilt sie, mit allen Vorgaben:\n\nstate_dir = \"state\"\n",
        "\n[budget]\nmonthly_messages = 1000\n",
        "\ntoken = \"… (aus Datei ",
    ] {
        assert!(page.contains(shown), "{page}\n\nlacks\n\n{shown}");
    }
    assert!([TOKEN, SECRET, VERIFY_TOKEN].iter().all(|secret| !page.contains(secret)), "{page}");
    for (budget, shown) in [
        ("[budget]\nmonthly_messages = 37\n", "Das Monatskontingent von 37 Nachrichten reicht für niemanden ("),
        ("[budget]\nmonthly_messages = 38\n", "Das Monatskontingent von 38 Nachrichten reicht für etwa eine Person ("),
        (
            "[budget]\nmonthly_messages = \"unlimited\"\n",
            "Das Monatskontingent ist unbegrenzt; wer täglich Zahlen bekommt, kostet im Monat bis zu 37",
        ),
    ] {
        let (machine, _places) = alone();
        machine.edit("relay.toml", "[mqtt]", &format!("{budget}[mqtt]"));
        let (code, page, _) = machine.says(&["check-config"]).await;
        assert!(code == Some(0) && page.contains(shown), "{page}");
    }
    assert!(!machine.path("state").exists(), "it only looks");
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_64_and_says_the_same_to_all() {
    let (machine, _places) = alone();
    machine.edit("relay.toml", "title = ", "titel = ");
    machine.edit("relay.toml", "port = ", "port = \"x\" # ");
    machine.write("token", "x", 0o644);
    let (code, page, words) = machine.says(&["check-config"]).await;
    assert_eq!((code, page.as_str()), (Some(64), ""));
    assert!(
        words.starts_with("drk-relay: 3 Fehler in ") && words.contains("Meinten Sie „title“?") && words.contains("chmod 600 "),
        "{words}"
    );
    assert_eq!(machine.refused().await, (Some(64), words));
    assert!(!machine.path("state").exists(), "nothing is made before the configuration is understood");

    fs::remove_file(machine.path("relay.toml")).expect("there");
    let (code, words) = machine.refused().await;
    assert!(code == Some(64) && words.contains("relay.toml: Die Konfiguration lässt sich nicht lesen: es gibt sie nicht."), "{words}");
    fs::write(machine.path("relay.toml"), b"# gut\n[branch]\nname = \"M\xfcnchen\"\n").expect("written");
    let (code, words) = machine.refused().await;
    assert!(code == Some(64) && words.contains("relay.toml: Zeile 3 ist nicht in UTF-8 geschrieben."), "{words}");
    fs::write(machine.path("relay.toml"), vec![b'#'; 128 * 1024 + 1]).expect("written");
    let (code, words) = machine.refused().await;
    assert!(code == Some(64) && words.contains("relay.toml: Die Datei ist größer als 128 KiB."), "{words}");
}

#[tokio::test]
async fn without_an_app_secret_it_does_not_start() {
    let (machine, _places) = alone();
    machine.edit("relay.toml", "app_secret_file = \"app-secret\"\n", "");
    let (code, words) = machine.refused().await;
    assert!(code == Some(64) && words.contains("Das App-Geheimnis, mit dem Meta seine Webhooks unterschreibt, fehlt: "), "{words}");
    // systemd has it.
    fs::create_dir(machine.path("credentials")).expect("created");
    machine.write("credentials/whatsapp-app-secret", SECRETS[2].1, 0o400);
    let (code, page, _) = machine.says(&["check-config"]).await;
    let from = format!("app_secret = \"… (aus Credential {})\"", machine.path("credentials/whatsapp-app-secret").display());
    assert!(code == Some(0) && page.contains(&from), "{page}");
}

#[tokio::test]
async fn who_only_wants_a_poster_needs_no_secret_and_no_finished_rest() {
    let (machine, _places) = alone();
    machine.edit("relay.toml", "[whatsapp]\n", "[whatsapp]\nphone_number = \"+49 7751 5550100\"\n");
    machine.edit("relay.toml", "kind = \"rate\"", "kind = \"?\"");
    fs::remove_file(machine.path("token")).expect("there");
    let (code, page, _) = machine.says(&["qr"]).await;
    assert!(code == Some(0) && page.contains("https://wa.me/4977515550100"), "{page}");
    machine.edit("relay.toml", "\"+49 7751 5550100\"", "\"07751 5550100\"");
    machine.edit("relay.toml", "privacy = ", "# privacy = ");
    let (code, _, words) = machine.says(&["qr"]).await;
    assert_eq!(code, Some(64));
    for shown in ["2 Fehler in ", "branch.privacy fehlt.", "whatsapp.phone_number: das ist keine internationale Telefonnummer."] {
        assert!(words.contains(shown), "{words}");
    }
}

#[tokio::test]
async fn the_example_passes() {
    let (machine, _places) = alone();
    machine.write("relay.toml", EXAMPLE, 0o644);
    fs::create_dir(machine.path("secrets")).expect("created");
    for (name, secret) in [("token", SECRETS[1].1), ("app-secret", SECRETS[2].1), ("verify-token", SECRETS[4].1)] {
        machine.write(&format!("secrets/whatsapp-{name}"), secret, 0o600);
    }
    let (code, page, words) = machine.says(&["check-config"]).await;
    assert!(code == Some(0) && page.starts_with("Die Konfiguration ist in Ordnung.\n\nDas Monatskontingent von 1000 "), "{page}{words}");
}
