//! Files as technicians make them: what is read all the same, and what is answered, word for word. No answer contains a secret, whatever
//! was typed.

use super::{APP_SECRET, Bench, FEHLER, OK, PASSWORD, TOKEN, edited, filled_in};
use drk_relay::config::{Card, Contents, Marks, Spare, Stored, Surroundings};
use drk_relay::port::tunnel::generate;
use proptest::prelude::*;
use secrecy::ExposeSecret;
use std::fs;
use std::path::Path;

fn spare() -> Spare {
    let (tunnel_key, _) = generate("drk-relay").expect("randomness");
    Spare { verify_token: Some("wort-0123".into()), tunnel_key: Some(tunnel_key), mqtt_password: Some("passwort-0123".into()) }
}

/// What a device without anything makes of these bytes.
fn contents(bytes: &[u8]) -> Result<Contents, String> {
    let nowhere = Path::new("/nowhere");
    let around = Surroundings {
        folder: nowhere,
        instance: None,
        kept: Some(Stored::new(nowhere, None)),
        marks: Marks::default(),
        others: &[],
        spare: spare(),
        now: None,
    };
    let card = Card::read("drk-relay.toml", bytes).map_err(|error| error.to_string())?;
    card.contents(around).map_err(|error| error.to_string())
}

fn secret(contents: &Contents, name: &str) -> String {
    let taken = contents.secrets.iter().find(|taken| taken.credential == name).expect("used");
    taken.secret.expose_secret().to_owned()
}

#[test]
fn whatever_an_editor_makes_of_it_is_read() {
    let text = filled_in();
    let unix = contents(text.as_bytes()).expect("good");
    let utf16: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let windows = |text: &str| -> Vec<u8> {
        let narrow = |char: char| match char {
            '„' => 0x84,
            '“' => 0x93,
            '–' => 0x96,
            other => u8::try_from(u32::from(other)).expect("Latin-1"),
        };
        text.chars().map(narrow).collect()
    };
    for (how, bytes) in [
        ("CRLF", text.replace('\n', "\r\n").into_bytes()),
        ("BOM", format!("\u{feff}{text}").into_bytes()),
        ("tabs", text.replace(" = ", "\t=\t").into_bytes()),
        ("Windows-1252", windows(&text)),
        ("UTF-16", utf16),
        ("round quotes", text.replace(&format!("\"{TOKEN}\""), &format!("„{TOKEN}“")).replace("\"relay\"", "“relay”").into_bytes()),
        ("hard spaces", text.replace(" = \"", "\u{a0}=\u{a0}\"").into_bytes()),
        ("spaces around a token", edited(&text, TOKEN, &format!(" {TOKEN}\t")).into_bytes()),
        ("no line at the end", text.trim_end().as_bytes().to_vec()),
    ] {
        let read = contents(&bytes).unwrap_or_else(|error| panic!("{how}: {error}"));
        assert_eq!(secret(&read, "whatsapp-token"), TOKEN, "{how}");
        assert_eq!(read.publishers[0].password.as_ref().map(ExposeSecret::expose_secret), Some(PASSWORD), "{how}");
        assert_eq!(read.checked.effective, unix.checked.effective, "{how}");
    }
    let key = generate("x").expect("randomness").0.expose_secret().to_owned();
    let indented: String = key.lines().map(|line| format!("  {line}\n")).collect();
    let with_key = edited(&text, "[secrets]\n", &format!("[secrets]\ntunnel-key = '''\n{indented}'''\n"));
    assert_eq!(secret(&contents(with_key.replace('\n', "\r\n").as_bytes()).expect("a key"), "tunnel-key"), key.trim_end());
}

/// What is changed in the example, and all that is said of it.
const ANSWERS: &[(&str, &str, &str)] = &[
    (
        "EAAGm0PX4ZCpsBAKZCyourtoken0123456789",
        "EAAG m0PX4",
        "drk-relay.toml:51:18: secrets.whatsapp-token: der Wert enthält Leerzeichen, Umlaute oder mehrere Zeilen.\n    |\n 51 | \
         whatsapp-token =…\n    |                 ^\n Abhilfe: nur das Geheimnis selbst hineinschreiben, in eine Zeile.",
    ),
    (
        "EAAGm0PX4ZCpsBAKZCyourtoken0123456789",
        "EAAGm0PX4\nZCpsBAK",
        "drk-relay.toml:52:1: Diese Zeile beginnt keinen Wert; vielleicht ist das Geheimnis davor auf mehrere Zeilen \
         verteilt.\n    |\n 52 | \
         …\n    | ^^^^^^\n Abhilfe: jedes Geheimnis in eine Zeile schreiben: name = \"…\"; nur Schlüssel haben mehrere, \
         zwischen ''' und '''.",
    ),
    (
        "whatsapp-app-secret = \"00112233445566778899aabbccddeeff\"\n",
        "",
        "drk-relay.toml:30:1: Das App-Geheimnis, mit dem Meta seine Webhooks unterschreibt, fehlt: unter [secrets] steht kein \
         whatsapp-app-secret, und whatsapp.app_secret_file steht auch nicht da.\n    |\n 30 | [whatsapp]\n    | ^^^^^^^^^^\n \
         Abhilfe: unter \
         [secrets] ergänzen: whatsapp-app-secret = \"…\"",
    ),
    (
        "[secrets]\n",
        "[secrets]\nwhatsapp-token = \"doppelt\"\n",
        "drk-relay.toml:52:1: Dieser Schlüssel steht hier zum zweiten Mal.\n    |\n 52 | whatsapp-token =…\n    | \
         ^^^^^^^^^^^^^^\n Abhilfe: \
         eine der beiden Zeilen löschen.",
    ),
    (
        "[secrets]\n",
        "[secrets]\ntls-key = '''\n-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n'''\n",
        "drk-relay.toml:50:1: secrets.tls-key: die Konfiguration braucht dieses Geheimnis nicht, und hier würde es gelöscht.\n    |\n 50 | \
         tls-key =…\n    | ^^^^^^^\n Abhilfe: die Zeile löschen, oder unter [ingress] ergänzen, wozu es gehört: tls = \"file\".",
    ),
    (
        "feeds = [\"corona\"]",
        "feeds = [\"pegel\"]",
        "drk-relay.toml:58:9: publisher.feeds: die Zahlenreihe „pegel“ gibt es nicht. Eingerichtet: \"corona\".\n    |\n 58 | feeds = \
         [\"pegel\"]\n    |         ^^^^^^^^^\n Abhilfe: eine von ihnen nennen, oder eine [[feed]] ergänzen.",
    ),
    (
        "user = \"relay\"\n",
        "",
        "drk-relay.toml:56:8: publisher.name: mit Zugängen lässt der Broker auch das Relay nur noch mit einem herein, und mqtt.user \
         fehlt.\n    |\n 56 | name = \"hausnotruf\"\n    |        ^^^^^^^^^^^^\n Abhilfe: unter [mqtt] ergänzen: user = \
         \"relay\". Das Passwort \
         dazu macht sich das Gerät selbst.",
    ),
    (
        "user = \"relay\"\n",
        "user = \"Relay\"\n",
        "drk-relay.toml:57:8: publisher.name: auch das Relay bekommt einen Zugang, und „Relay“ (mqtt.user) kann keiner heißen.\n    \
         |\n 57 | name = \"hausnotruf\"\n    |        ^^^^^^^^^^^^\n Abhilfe: unter [mqtt] nur Kleinbuchstaben von a bis z, Ziffern, \
         - und _ nehmen: user = \"relay\"",
    ),
    (
        "user = \"relay\"\n",
        "user = \"relay\"\nhost = \"broker.example\"\n",
        "drk-relay.toml:58:8: publisher.name: Zugänge richtet das Gerät nur beim eigenen Broker ein; dieser hier steht auf \
         broker.example.\n    |\n 58 | name = \"hausnotruf\"\n    |        ^^^^^^^^^^^^\n Abhilfe: [[publisher]] löschen; \
         die Zeilen für den \
         Broker dort druckt: drk-relay publisher add",
    ),
    (
        "password = \"vier lange Wörter\"",
        "password = \"kurz\"",
        "drk-relay.toml:59:12: publisher.password: das Passwort hat weniger als 8 Zeichen.\n    |\n 59 | password =…\n    |           ^\n \
         Abhilfe: ein längeres wählen, zum Beispiel vier Wörter; es wird nur einmal eingetragen.",
    ),
    (
        "state_dir = \"/var/lib/drk-relay\"",
        "state_dir = \"/mnt/usb\"",
        "drk-relay.toml:9:13: state_dir: dort darf der Dienst drk-relay nicht schreiben.\n   |\n 9 | state_dir = \
         \"/mnt/usb\"\n   |             \
         ^^^^^^^^^^\n Abhilfe: state_dir = \"/var/lib/drk-relay\" schreiben.",
    ),
    (
        "[ingress]\n",
        "[topics]\nfolder = \"../topics\"\n[ingress]\n",
        "drk-relay.toml:36:10: topics.folder: der Pfad führt mit .. aus dem Ordner dieser Datei hinaus.\n    |\n 36 | folder = \
         \"../topics\"\n    |          ^^^^^^^^^^^\n Abhilfe: die Datei in diesen Ordner legen oder in einen Ordner darin.",
    ),
];

#[test]
fn mistakes_are_answered_word_for_word() {
    let said = |from: &str, to: &str| contents(edited(&filled_in(), from, to).as_bytes()).expect_err(to);
    let wrong: Vec<_> = ANSWERS.iter().filter(|(from, to, answer)| said(from, to) != *answer).collect();
    let shown: String = wrong.iter().map(|(from, to, answer)| format!("{to}\n{}\n--- and not\n{answer}\n\n", said(from, to))).collect();
    assert!(wrong.is_empty(), "{shown}");
}

#[test]
fn mistakes_in_both_parts_are_told_at_once_in_the_order_of_the_file() {
    let text = edited(&filled_in(), "kind = \"count\"", "kind = \"cuont\"");
    let text = edited(&text, TOKEN, "mit Leerzeichen");
    let text = edited(&text, "feeds = [\"corona\"]", "feeds = []");
    let said = contents(text.as_bytes()).expect_err("three");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("drk-relay.toml:")).collect();
    assert!(said.starts_with("3 Fehler in drk-relay.toml\n") && lines.len() == 3, "{said}");
    for (line, start) in lines.iter().zip(["drk-relay.toml:24:8: feed.metric.kind", "drk-relay.toml:51:18: ", "drk-relay.toml:58:9: "]) {
        assert!(line.starts_with(start), "{said}");
    }
    // What is no TOML in one part does not hide the other.
    let text = edited(&edited(&filled_in(), "land = \"TH\"", "land = TH"), TOKEN, "mit Leerzeichen");
    assert_eq!(contents(text.as_bytes()).expect_err("two").matches(" Abhilfe: ").count(), 2);
}

/// A value that a configuration needs stays in it, whatever it looks like.
#[test]
fn only_comments_are_looked_through_for_secrets() {
    let command = "command = [\"/bin/true\", \"--token=abc\", 'a # password=b', \"https://u:p@relay.example\"]";
    let read = contents(format!("{}\n[alarm]\n{command} # token=abc\n", filled_in()).as_bytes()).expect("good");
    assert!(read.configuration.ends_with(&format!("[alarm]\n{command} # token=…\n")), "{}", read.configuration);
}

#[tokio::test]
async fn files_that_are_none_are_answered() {
    for (name, bytes, what) in [
        ("drk-relay.toml", Some(&b""[..]), "drk-relay.toml: Die Datei ist leer.\r\n Abhilfe: "),
        ("drk-relay.toml.txt", Some(&b" \r\n"[..]), "drk-relay.toml.txt: Die Datei ist leer."),
        ("DRK-RELAY.TOML", Some(&[b'#'; 10 * 1024 * 1024][..]), "DRK-RELAY.TOML: Die Datei ist größer als 128 KiB."),
        ("drk-relay.toml", Some(&b"PK\x03\x04\0\0word/document.xml"[..]), "drk-relay.toml: Die Datei ist kein Text."),
        ("drk-relay.toml", Some(&b"{\\rtf1\\ansi state_dir}"[..]), "drk-relay.toml: Die Datei ist ein Dokument einer Textverarbeitung."),
        ("drk-relay.toml/x", Some(&b""[..]), "drk-relay.toml: Das ist ein Ordner."),
        ("drk-relay (1).toml", Some(&b"a"[..]), "drk-relay (1).toml: So heißt keine Konfiguration."),
        ("andere.txt", None, "drk-relay.toml fehlt: auf dieser Karte liegt keine Konfiguration."),
    ] {
        let bench = Bench::new();
        bytes.into_iter().for_each(|bytes| bench.write(&format!("boot/{name}"), bytes));
        let (code, words) = bench.boot().await;
        let said = bench.read(&format!("boot/{FEHLER}"));
        assert!(code == Some(1) && said.contains(what), "{said}\n{words}");
        assert!(!bench.is_there(&format!("boot/{OK}")) && bench.calls().is_empty() && !bench.is_there("root/etc/drk-relay"));
    }
    let bench = Bench::with_card(&filled_in());
    bench.write("boot/drk-relay.toml.txt", filled_in().as_bytes());
    assert_eq!(bench.boot().await.0, Some(1));
    let said = bench.read(&format!("boot/{FEHLER}"));
    assert!(said.contains("drk-relay.toml und drk-relay.toml.txt: Welche von beiden gilt, ist nicht zu erkennen."), "{said}");
    // A device that is in use, and a card without a file: nothing is missing.
    fs::remove_file(bench.path("boot/drk-relay.toml.txt")).expect("there");
    assert_eq!(bench.boot().await.0, Some(0));
    fs::remove_file(bench.path("boot/drk-relay.toml")).expect("there");
    assert_eq!(bench.boot().await, (Some(0), String::new()));
}

/// Secrets that nobody could take for a word of an answer.
const HIDDEN: [&str; 4] = [TOKEN, APP_SECRET, "geheimes-Prüfwort!", PASSWORD];

/// Pieces of which a technician's file may consist, secrets where they belong.
fn piece() -> impl Strategy<Value = String> {
    let secret = (0..HIDDEN.len()).prop_map(|at| HIDDEN[at]);
    let key = prop_oneof![Just("whatsapp-token"), Just("whatsapp-verify-token"), Just("proxy"), Just("heartbeat-url"), Just("xyz")];
    let quotes = prop_oneof![
        Just(("\"", "\"")),
        Just(("„", "“")),
        Just(("'", "'")),
        Just(("\"", "")),
        Just(("", "\"")),
        Just(("", "")),
        Just(("'''\n", "\n'''")),
        Just(("\"\"\"", "")),
        Just(("[\"", "\"]")),
        Just(("\"a\n", "\"")),
    ];
    let given = (key, quotes, secret).prop_map(|(key, (open, close), secret)| format!("[secrets]\n{key} = {open}{secret}{close}\n"));
    let other = prop_oneof![
        Just("[mqtt]\n".to_owned()),
        Just("[[publisher]]\nname = \"a\"\nfeeds = [\"b\"]\n".to_owned()),
        Just(format!("publisher = [{{ name = \"a\", feeds = [\"b\"], password = \"{PASSWORD}\" }}]\n")),
        Just("[alarm]\ncommand = [\n\"a\",\n".to_owned()),
        Just("x = '''\n".to_owned()),
        Just("x = \"\"\"\n".to_owned()),
        "[ -~äöü„“\t\n]{0,40}",
    ];
    prop_oneof![given, other]
}

proptest! {
    #[test]
    fn no_answer_shows_a_secret(pieces in proptest::collection::vec(piece(), 0..8)) {
        let text = pieces.concat();
        if let Err(said) = contents(text.as_bytes()) {
            HIDDEN.iter().for_each(|secret| assert!(!said.contains(secret), "{text}\n\n{said}"));
        }
    }

    #[test]
    fn no_bytes_make_it_stumble(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = contents(&bytes);
    }

    #[test]
    fn a_part_of_a_good_file_is_answered(from in 0_usize..3000, length in 0_usize..400, junk in "[\"'\\[\\]=#„“\n a]{0,6}") {
        let mut text: Vec<char> = filled_in().chars().collect();
        let from = from.min(text.len());
        let to = (from + length).min(text.len());
        text.splice(from..to, junk.chars());
        let text: String = text.into_iter().collect();
        match contents(text.as_bytes()) {
            Ok(contents) => assert!(!contents.configuration.contains(TOKEN) && !contents.configuration.contains(PASSWORD), "{text}"),
            Err(said) => [TOKEN, APP_SECRET].iter().for_each(|secret| assert!(!said.contains(secret), "{text}\n\n{said}")),
        }
    }

    #[test]
    fn a_wiped_file_holds_no_secret_and_is_as_long(pieces in proptest::collection::vec(piece(), 0..8)) {
        let text = filled_in() + &pieces.concat();
        if contents(text.as_bytes()).is_ok() {
            let wiped = Card::read("drk-relay.toml", text.as_bytes()).expect("read").wiped();
            HIDDEN.iter().for_each(|secret| assert!(!wiped.contains(secret), "{wiped}"));
            assert_eq!(wiped.lines().count(), text.lines().count());
            assert!(wiped.len() <= text.len() + 1);
        }
    }
}
