//! What the device makes of a card: where everything lies afterwards, what is said, and what it does with the same card again.

use super::{APP_SECRET, Bench, FEHLER, OK, PASSWORD, TOKEN, edited, filled_in};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn a_good_card_is_taken_over() {
    let bench = Bench::with_card(&filled_in());
    bench.write("root/etc/group", b"root:x:0:\nmosquitto:x:0:\n");
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    // What the service will find.
    let configuration = bench.read("root/etc/drk-relay/relay.toml");
    assert!(!configuration.contains("[secrets]") && !configuration.contains("[[publisher]]"), "{configuration}");
    assert!(configuration.contains("# Das Passwort dazu macht sich das Gerät selbst.\nuser = \"relay\"\n"), "{configuration}");
    assert_eq!(bench.credential("drk-relay", "whatsapp-token").await.as_deref(), Some(TOKEN));
    assert_eq!(bench.credential("drk-relay", "whatsapp-app-secret").await.as_deref(), Some(APP_SECRET));
    let made = bench.credential("drk-relay", "whatsapp-verify-token").await.expect("made");
    assert_eq!(made.len(), "01234-56789-abcde-fghjk".len());
    let drop_in = bench.read("root/etc/systemd/system/drk-relay.service.d/10-credentials.conf");
    assert!(drop_in.contains("\nLoadCredentialEncrypted=whatsapp-token:drk-relay.whatsapp-token\n"), "{drop_in}");
    assert_eq!(drop_in.matches("LoadCredentialEncrypted=").count(), 5, "{drop_in}");
    for (name, (mode, _)) in bench.files("root/etc") {
        // Root's alone, or the broker's, too; the others hold no secret.
        let expected = if name.starts_with("credstore") {
            0o600
        } else if name.contains("drk-relay.acl") || name.contains("passwd") {
            0o640
        } else {
            0o644
        };
        assert_eq!(mode, expected, "{name}: {mode:o}");
    }
    bench.holds_none("root", &[TOKEN, APP_SECRET, PASSWORD]);
    // What the card says.
    bench.holds_none("boot", &[TOKEN, APP_SECRET, PASSWORD]);
    let said = bench.read(&format!("boot/{OK}"));
    assert!(said.starts_with("\u{feff}drk-relay ") && !bench.is_there(&format!("boot/{FEHLER}")), "{said}");
    assert!(said.lines().count() > 20 && said.matches('\n').count() == said.matches("\r\n").count(), "Notepad");
    for shown in [
        "DRK-Ortsverein Musterstadt",
        "Das Gerät: relaypi.local; beim Einrichten: ",
        "  whatsapp-token: von der Karte\r\n",
        "  tunnel-key: auf dem Gerät gemacht\r\n",
        "\r\nrestrict,port-forwarding ssh-ed25519 AAAA",
        "sudo drk-relay webhook register",
        "hausnotruf: figures/corona/…",
        "Wird die Karte gestohlen, das Zugriffstoken bei Meta widerrufen",
    ] {
        assert!(said.contains(shown), "{said}\n\nlacks\n\n{shown}");
    }
    assert!(!said.contains(&made) && !said.contains("mosquitto ist nicht installiert"), "{said}");
    let card = bench.read("boot/drk-relay.toml");
    assert!(card.contains("\n[secrets]\n") && card.contains("\n# whatsapp-token: übernommen\n"), "{card}");
    assert_eq!(card.lines().count(), filled_in().lines().count(), "lines keep their numbers");
    let [reset, restart] = ["reset-failed mosquitto.service", "--no-block restart mosquitto.service"];
    assert_eq!(bench.calls(), ["daemon-reload", reset, restart, "--no-block restart drk-relay.service"]);
}

/// Comments and accounts as some write them: what the page says is deleted, is.
#[tokio::test]
async fn no_secret_stays_wherever_it_stood() {
    let old = "EAAOldToken0123456789abc";
    let text = edited(&filled_in(), "[whatsapp]\n", &format!("[whatsapp]\n# token = \"{old}\"\n"));
    let text = edited(&text, "phone_number = \"+49 7751 5550100\"\n", &format!("phone_number = \"+49 7751 5550100\" # {old}\n"));
    let text = edited(&text, "[secrets]\n", &format!("# vorher {old}\n[secrets] # alt: geheim-0123456\n"));
    let text = edited(&text, "feeds = [\"corona\"]\n", "feeds = [ # früher pass-0123456789\n\"corona\"]\n");
    let account =
        format!("[[publisher]]\nname = \"hausnotruf\"\nfeeds = [ # früher pass-0123456789\n\"corona\"]\npassword = \"{PASSWORD}\"\n");
    let inline = format!("publisher = [{{ name = \"hausnotruf\", feeds = [\"corona\"], password = \"{PASSWORD}\" }}]\n");
    for text in [text.clone(), inline + &edited(&text, &account, "")] {
        let bench = Bench::with_card(&text);
        let (code, words) = bench.boot().await;
        assert_eq!(code, Some(0), "{words}");
        for folder in ["boot", "root"] {
            bench.holds_none(folder, &[TOKEN, APP_SECRET, PASSWORD, old, "geheim-0123456", "pass-0123456789"]);
        }
        assert!(bench.read("root/etc/mosquitto/drk-relay.passwd").contains("\nhausnotruf:"));
        let card = bench.read("boot/drk-relay.toml");
        assert!(card.contains("\nphone_number = \"+49 7751 5550100\" # ") && card.contains("\n[secrets] #\n"), "{card}");
        assert_eq!(card.lines().count(), text.lines().count(), "lines keep their numbers");
        assert_eq!(bench.boot().await, (Some(0), String::new()), "then it is taken");
    }
}

#[tokio::test]
async fn a_card_that_was_taken_changes_nothing() {
    let bench = Bench::with_card(&filled_in());
    assert_eq!(bench.boot().await.0, Some(0));
    let before = (bench.files("root"), bench.files("boot"), bench.calls());
    let (code, words) = bench.boot().await;
    assert_eq!((code, words.as_str()), (Some(0), ""));
    assert!(before == (bench.files("root"), bench.files("boot"), bench.calls()));
    // Whoever throws the page away gets it again, and nothing else changes.
    fs::remove_file(bench.path(&format!("boot/{OK}"))).expect("there");
    assert_eq!(bench.boot().await.0, Some(0));
    assert!(bench.is_there(&format!("boot/{OK}")) && before.0 == bench.files("root"));
}

/// What only the device has can be dropped with the next card, and whoever leaves it out is told how.
#[tokio::test]
async fn an_empty_secret_is_forgotten() {
    let proxy = "http://benutzer:wort-0123@proxy.example:3128";
    let address = "https://herz.example/ping/geheim-0123456";
    let closed = "[egress]\nmode = \"proxy\"\n\n";
    let open = "[egress]\nmode = \"proxy\"\nproxy = \"http://proxy.example:3128\"\n\n";
    let text = edited(&filled_in(), "[ingress]\n", &format!("{closed}[ingress]\n"));
    let text = edited(&text, "[secrets]\n", &format!("[secrets]\nproxy = \"{proxy}\"\nheartbeat-url = \"{address}\"\n"));
    let bench = Bench::with_card(&text);
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(bench.credential("drk-relay", "heartbeat-url").await.as_deref(), Some(address));
    let taken = bench.read("boot/drk-relay.toml");
    let nobody = edited(&taken[..taken.find("# Wer Zahlen senden darf").expect("there")], "user = \"relay\"\n", "");
    let wanted = [(edited(&taken, closed, open), "proxy"), (edited(&taken, closed, ""), "proxy"), (nobody.clone(), "mqtt-password")];
    for (text, name) in wanted {
        bench.write("boot/drk-relay.toml", text.as_bytes());
        let (code, words) = bench.boot().await;
        let remedy = format!("unter [secrets] schreiben, damit das Gerät es vergisst: {name} = \"\"");
        assert!(code == Some(1) && words.contains(&remedy), "{words}");
    }
    let empty = "[secrets]\nproxy = \"\"\nheartbeat-url = ''  # wird hier nicht mehr gebraucht\nmqtt-password = \"\"\n";
    let without = edited(&edited(&nobody, closed, open), "[secrets]\n", empty);
    bench.write("boot/drk-relay.toml", without.as_bytes());
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    let drop_in = bench.read("root/etc/systemd/system/drk-relay.service.d/10-credentials.conf");
    for name in ["proxy", "heartbeat-url", "mqtt-password"] {
        assert!(bench.credential("drk-relay", name).await.is_none() && !drop_in.contains(&format!("={name}:")), "{name}: {drop_in}");
    }
    assert_eq!(bench.credential("drk-relay", "whatsapp-token").await.as_deref(), Some(TOKEN));
    let card = bench.read("boot/drk-relay.toml");
    assert!(
        ["heartbeat-url: ", "heartbeat-url = ", "proxy: "].iter().all(|mark| !card.contains(mark)),
        "what a PC would take for there: {card}"
    );
    assert_eq!(bench.boot().await, (Some(0), String::new()));
    // What the device can make it makes anew, what it needs it says.
    let old = bench.credential("drk-relay", "tunnel-key").await;
    bench.write("boot/drk-relay.toml", edited(&card, "[secrets]\n", "[secrets]\ntunnel-key = \"\"\n").as_bytes());
    assert_eq!(bench.boot().await.0, Some(0));
    assert!(bench.credential("drk-relay", "tunnel-key").await.is_some_and(|key| Some(key) != old));
    bench.write("boot/drk-relay.toml", edited(&card, "[secrets]\n", "[secrets]\nwhatsapp-token = \"\"\n").as_bytes());
    let (code, words) = bench.boot().await;
    assert!(code == Some(1) && words.contains("fehlt: unter [secrets] ist whatsapp-token leer, und"), "{words}");
    assert_eq!(bench.credential("drk-relay", "whatsapp-token").await.as_deref(), Some(TOKEN), "a bad card changes nothing");
}

/// The other way to change something: only what is changed on the card takes its place.
#[tokio::test]
async fn what_was_edited_on_the_device_stays_until_the_card_changes() {
    let bench = Bench::with_card(&(filled_in() + "\n[topics]\nfolder = \"topics\"\n"));
    bench.write("boot/drk-relay/topics/symptome.md", include_bytes!("../../../topics/symptome.md"));
    assert_eq!(bench.boot().await.0, Some(0));
    assert!(!bench.read(&format!("boot/{OK}")).contains("wurde auf dem Gerät geändert"));
    let [configuration, topic] = ["root/etc/drk-relay/relay.toml", "root/etc/drk-relay/topics/symptome.md"];
    bench.write(configuration, edited(&bench.read(configuration), "Corona im Kreis", "Corona im Landkreis").as_bytes());
    bench.write(topic, format!("{}\n", bench.read(topic)).as_bytes());
    let before = bench.files("root");
    // Neither who throws the page away, nor a stray file, nor another relay's card changes it.
    fs::remove_file(bench.path(&format!("boot/{OK}"))).expect("there");
    assert_eq!(bench.boot().await.0, Some(0));
    assert!(bench.read(&format!("boot/{OK}")).contains("\r\n/etc/drk-relay/relay.toml wurde auf dem Gerät geändert; das gilt, bis sich"));
    bench.write("boot/drk-relay (1).toml", b"x");
    assert_eq!(bench.boot().await.0, Some(1));
    fs::remove_file(bench.path("boot/drk-relay (1).toml")).expect("there");
    assert_eq!(bench.boot().await.0, Some(0));
    assert!(before == bench.files("root"));
    bench.write("boot/drk-relay@zweite.toml", second().as_bytes());
    assert_eq!(bench.boot().await.0, Some(0));
    let now = bench.files("root");
    assert!(["etc/drk-relay/relay.toml", "etc/drk-relay/topics/symptome.md"].iter().all(|name| before[*name] == now[*name]));
    let card = bench.read("boot/drk-relay.toml");
    bench.write("boot/drk-relay.toml", edited(&card, "Corona im Kreis", "Zahlen im Kreis").as_bytes());
    assert_eq!(bench.boot().await.0, Some(0));
    assert!(bench.read(configuration).contains("Zahlen im Kreis"));
}

#[tokio::test]
async fn what_a_corrected_card_leaves_out_is_kept() {
    let bench = Bench::with_card(&filled_in());
    assert_eq!(bench.boot().await.0, Some(0));
    let (old, key) = (bench.files("root"), bench.credential("drk-relay", "tunnel-key").await);
    let card = bench.read("boot/drk-relay.toml");
    let card = edited(&card, "title = \"Corona im Kreis Musterstadt\"", "title = „Corona in Musterstadt“");
    bench.write("boot/drk-relay.toml", edited(&card, "# whatsapp-token: übernommen", "whatsapp-token = \"EAAother0123456789\"").as_bytes());
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(bench.credential("drk-relay", "whatsapp-token").await.as_deref(), Some("EAAother0123456789"));
    assert_eq!(bench.credential("drk-relay", "whatsapp-app-secret").await.as_deref(), Some(APP_SECRET));
    assert_eq!(bench.credential("drk-relay", "tunnel-key").await, key);
    assert!(bench.read("root/etc/drk-relay/relay.toml").contains("title = \"Corona in Musterstadt\""));
    let new = bench.files("root");
    let changed: Vec<&String> = new.iter().filter(|(name, file)| old.get(*name) != Some(file)).map(|(name, _)| name).collect();
    let expected = ["etc/credstore.encrypted/drk-relay.whatsapp-token", "etc/drk-relay/relay.toml", "var/lib/drk-relay-provision/relay"];
    assert_eq!(changed, expected);
    bench.holds_none("boot", &["EAAother0123456789"]);
}

#[tokio::test]
async fn a_bad_card_changes_nothing_and_says_what_is_wrong() {
    let bench = Bench::with_card(&filled_in());
    assert_eq!(bench.boot().await.0, Some(0));
    let (before, good) = (bench.files("root"), bench.read("boot/drk-relay.toml"));
    bench.write("boot/drk-relay.toml", edited(&good, "kind = \"count\"", "kind = \"cuont\"").as_bytes());
    for _ in 0..2 {
        let (code, words) = bench.boot().await;
        assert!(code == Some(1) && words.contains("Meinten Sie \"count\"?"), "{words}");
        assert!(before == bench.files("root"));
        let said = bench.read(&format!("boot/{FEHLER}"));
        assert!(!bench.is_there(&format!("boot/{OK}")) && said.contains("\r\ndrk-relay.toml:24:8: feed.metric.kind: "), "{said}");
    }
    bench.write("boot/drk-relay.toml", good.as_bytes());
    assert_eq!(bench.boot().await.0, Some(0));
    assert!(bench.is_there(&format!("boot/{OK}")) && !bench.is_there(&format!("boot/{FEHLER}")) && before == bench.files("root"));
}

#[tokio::test]
async fn without_systemd_creds_root_alone_may_read() {
    let bench = Bench::with_card(&filled_in());
    bench.program("systemd-creds", "#!/bin/sh\nexit 1\n");
    assert_eq!(bench.boot().await.0, Some(0));
    let stored = &bench.files("root")["etc/credstore/drk-relay.whatsapp-token"];
    assert_eq!(stored, &(0o600, TOKEN.as_bytes().to_vec()));
    assert!(!bench.is_there("root/etc/systemd/system/drk-relay.service.d/10-credentials.conf"));
    // Later it works: what lies in the clear goes, once it comes again.
    bench.program("systemd-creds", super::SYSTEMD_CREDS);
    let card = bench.read("boot/drk-relay.toml");
    bench.write("boot/drk-relay.toml", edited(&card, "# whatsapp-token: übernommen", &format!("whatsapp-token = \"{TOKEN}\"")).as_bytes());
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    assert!(!bench.is_there("root/etc/credstore/drk-relay.whatsapp-token"));
    assert_eq!(bench.credential("drk-relay", "whatsapp-token").await.as_deref(), Some(TOKEN));
    assert_eq!(bench.credential("drk-relay", "whatsapp-app-secret").await.as_deref(), Some(APP_SECRET), "still in the clear");
}

/// Debian's own, as root, on this machine's key.
#[tokio::test]
async fn the_real_systemd_creds_gives_back_what_it_got() {
    let bench = Bench::with_card(&filled_in());
    fs::remove_file(bench.path("bin/systemd-creds")).expect("there");
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    assert!(bench.is_there("root/etc/credstore.encrypted/drk-relay.whatsapp-token"), "systemd is installed, and this is root");
    assert_eq!(bench.credential("drk-relay", "whatsapp-token").await.as_deref(), Some(TOKEN));
    bench.holds_none("root", &[TOKEN]);
}

#[tokio::test]
async fn accounts_of_the_broker_join_those_that_are_there() {
    let bench = Bench::with_card(&filled_in());
    bench.write("root/etc/mosquitto/drk-relay.passwd", b"wache:$7$101$a$b\nhausnotruf:$7$101$old$old\n");
    bench.write("root/etc/mosquitto/drk-relay.acl", b"user hausnotruf\ntopic write figures/alt/#\n\nuser wache\ntopic read a\n\n");
    assert_eq!(bench.boot().await.0, Some(0));
    let [passwords, rights] = ["passwd", "acl"].map(|name| bench.read(&format!("root/etc/mosquitto/drk-relay.{name}")));
    let names: Vec<&str> = passwords.lines().map(|line| line.split(':').next().unwrap_or_default()).collect();
    assert_eq!(names, ["wache", "relay", "hausnotruf"]);
    assert!(!passwords.contains("$old$") && !rights.contains("figures/alt"), "{passwords}{rights}");
    assert!(
        rights.starts_with("user wache\ntopic read a\n\nuser relay\n") && rights.contains("\ntopic write figures/corona/#\n"),
        "{rights}"
    );
    let settings = bench.read("root/etc/mosquitto/conf.d/drk-relay.conf");
    assert!(settings.contains("\nallow_anonymous false\n") && settings.contains("\nlistener 1883\n"), "{settings}");
    assert!(bench.read(&format!("boot/{OK}")).contains("mosquitto ist nicht installiert"));
    assert_eq!(bench.files("root/etc/mosquitto")["drk-relay.passwd"].0, 0o600);
    // It is installed later, and has tried to read them in vain: its group may read what only root could, and it starts again.
    bench.write("root/etc/group", b"root:x:0:\nmosquitto:x:0:\n");
    fs::remove_file(bench.path("calls")).expect("there");
    assert_eq!(bench.boot().await.0, Some(0));
    assert_eq!(bench.files("root/etc/mosquitto")["drk-relay.passwd"].0, 0o640);
    assert_eq!(bench.calls()[..2], ["reset-failed mosquitto.service", "--no-block restart mosquitto.service"]);
    assert!(!bench.read(&format!("boot/{OK}")).contains("mosquitto ist nicht installiert"), "no longer true");
    assert_eq!(bench.boot().await, (Some(0), String::new()));
}

#[tokio::test]
async fn settings_that_somebody_else_wrote_stay() {
    let bench = Bench::with_card(&filled_in());
    bench.write("root/etc/mosquitto/conf.d/drk-relay.conf", b"listener 8883\n");
    bench.write("root/etc/group", b"mosquitto:x:0:\n");
    assert_eq!(bench.boot().await.0, Some(0));
    assert_eq!(bench.read("root/etc/mosquitto/conf.d/drk-relay.conf"), "listener 8883\n");
    assert!(bench.read(&format!("boot/{OK}")).contains("ist von Hand geschrieben und bleibt"));
}

/// A card for a second relay on the same device.
fn second() -> String {
    let second = filled_in();
    let second = edited(&second, "state_dir = \"/var/lib/drk-relay\"", "state_dir = \"/var/lib/drk-relay-zweite\"");
    let second = edited(&second, "200000000000002", "200000000000003");
    let second = edited(&second, "user = \"relay\"\n", "user = \"relay2\"\nclient_id = \"drk-relay-zweite\"\n");
    let second = edited(&second, "musterstadt/in.sock", "zweite/in.sock");
    edited(&second, "name = \"hausnotruf\"", "name = \"pegel\"")
}

/// The broker has one account of each name, and each card would give it rights and a password of its own.
#[tokio::test]
async fn two_relays_share_no_account() {
    for (first, name, what) in [
        ("hausnotruf", "name = \"hausnotruf\"", "„hausnotruf“ heißt auch ein Zugang von drk-relay"),
        ("hausnotruf", "name = \"relay\"", "„relay“ heißt auch ein Zugang von drk-relay.toml"),
        ("relay2", "name = \"pegel\"", "„relay2“ heißt auch ein Zugang von drk-relay@zweite.toml"),
    ] {
        let bench = Bench::with_card(&edited(&filled_in(), "name = \"hausnotruf\"", &format!("name = \"{first}\"")));
        bench.write("boot/drk-relay@zweite.toml", edited(&second(), "name = \"pegel\"", name).as_bytes());
        let (code, words) = bench.boot().await;
        assert!(code == Some(1) && words.contains(what), "{words}");
        assert!(!bench.is_there("root/etc/drk-relay") && !bench.is_there("root/etc/mosquitto"), "neither is taken");
    }
    // The first relay is on the device alone, the card has the second only.
    let bench = Bench::with_card(&filled_in());
    assert_eq!(bench.boot().await.0, Some(0));
    fs::rename(bench.path("boot/drk-relay.toml"), bench.path("alt.toml")).expect("renamed");
    bench.write("boot/drk-relay@zweite.toml", edited(&second(), "name = \"pegel\"", "name = \"relay\"").as_bytes());
    let (code, words) = bench.boot().await;
    assert!(code == Some(1) && words.contains("„relay“ heißt auch ein Zugang von /etc/drk-relay/relay.toml"), "{words}");
    bench.write("boot/drk-relay@zweite.toml", edited(&second(), "200000000000003", "200000000000002").as_bytes());
    let (code, words) = bench.boot().await;
    let remedy =
        "soll es dieses Relay nicht mehr geben, auf dem Gerät: sudo systemctl disable --now drk-relay; sudo rm /etc/drk-relay/relay.toml.";
    assert!(code == Some(1) && words.contains(remedy), "{words}");
}

#[tokio::test]
async fn two_relays_live_on_one_device() {
    let bench = Bench::with_card(&filled_in());
    bench.write("boot/DRK-Relay@Zweite.toml.txt", second().as_bytes());
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(bench.credential("drk-relay@zweite", "whatsapp-token").await.as_deref(), Some(TOKEN));
    let drop_in = bench.read("root/etc/systemd/system/drk-relay@zweite.service.d/10-credentials.conf");
    assert!(drop_in.contains("=whatsapp-token:drk-relay@zweite.whatsapp-token\n"), "{drop_in}");
    assert!(bench.is_there("root/etc/drk-relay/zweite.toml"));
    let said = bench.read(&format!("boot/{OK}"));
    assert!(said.contains("webhook register --config /etc/drk-relay/zweite.toml"), "{said}");
    let accounts = bench.read("root/etc/mosquitto/drk-relay.passwd");
    assert_eq!(accounts.lines().filter_map(|line| line.split(':').next()).collect::<Vec<_>>(), ["relay", "hausnotruf", "relay2", "pegel"]);
    assert!(bench.calls().contains(&"enable drk-relay@zweite.service".to_owned()));
    bench.holds_none("boot", &[TOKEN, APP_SECRET, PASSWORD]);
    // They are in each other's way: both go on as they were, and the page says it of both.
    let before = bench.files("root");
    let card = bench.read("boot/DRK-Relay@Zweite.toml.txt");
    bench.write("boot/DRK-Relay@Zweite.toml.txt", edited(&card, "200000000000003", "200000000000002").as_bytes());
    let (code, words) = bench.boot().await;
    assert!(code == Some(1) && words.contains("„200000000000002“ hat auch drk-relay.toml. Zwei Relays mit derselben Nummer"), "{words}");
    let said = bench.read(&format!("boot/{FEHLER}"));
    assert!(said.contains("\ndrk-relay.toml:32:19: ") && said.contains("\nDRK-Relay@Zweite.toml.txt:33:19: "), "{said}");
    assert!(before == bench.files("root"));
}

#[tokio::test]
async fn files_beside_the_configuration_come_along() {
    let text = filled_in() + "\n[topics]\nfolder = \"topics\"\n";
    let text = edited(&text, "[whatsapp]\n", "[whatsapp]\ntoken_file = \"secrets/token.txt\"\n");
    let bench = Bench::with_card(&edited(&text, &format!("whatsapp-token = \"{TOKEN}\"\n"), ""));
    bench.write("boot/drk-relay/topics/symptome.md", include_bytes!("../../../topics/symptome.md"));
    // FAT shows every file as readable by all.
    bench.write("boot/drk-relay/secrets/token.txt", format!("{TOKEN}\r\n").as_bytes());
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    assert!(bench.is_there("root/etc/drk-relay/topics/symptome.md") && !bench.is_there("boot/drk-relay/secrets/token.txt"));
    assert_eq!(bench.credential("drk-relay", "whatsapp-token").await.as_deref(), Some(TOKEN));
    bench.holds_none("boot", &[TOKEN]);
    let before = bench.files("root");
    assert_eq!(bench.boot().await, (Some(0), String::new()));
    // A topic alone is a change, too.
    let longer = format!("{}\n", include_str!("../../../topics/symptome.md"));
    bench.write("boot/drk-relay/topics/symptome.md", longer.as_bytes());
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(bench.read("root/etc/drk-relay/topics/symptome.md"), longer);
    assert_eq!(before.len(), bench.files("root").len());
}

#[tokio::test]
async fn a_card_without_room_is_taken_all_the_same() {
    let bench = Bench::new();
    let boot = bench.path("boot");
    let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"]).arg(&boot).status();
    assert!(mounted.is_ok_and(|status| status.success()), "this test mounts a small file system: it has to be root");
    let _unmount = Unmount(boot.clone());
    bench.write("boot/drk-relay.toml", filled_in().as_bytes());
    // Whatever is left goes.
    let _ = fs::write(boot.join("voll"), vec![b'x'; 64 * 1024]);
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(bench.credential("drk-relay", "whatsapp-token").await.as_deref(), Some(TOKEN));
    bench.holds_none("boot", &[TOKEN, APP_SECRET, PASSWORD]);
    assert!(bench.read("boot/drk-relay.toml").contains("[mqtt]\n") && words.contains("lässt sich nicht auf die Boot-Partition schreiben"));
    // Read-only: nothing is lost, and the journal knows.
    fs::remove_file(boot.join("voll")).expect("there");
    bench.write("boot/drk-relay.toml", edited(&filled_in(), "title = \"Corona im", "title = \"Zahlen im").as_bytes());
    let remounted = std::process::Command::new("mount").args(["-o", "remount,ro"]).arg(&boot).status();
    assert!(remounted.is_ok_and(|status| status.success()));
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("die Geheimnisse stehen noch auf der Boot-Partition"), "{words}");
    assert!(bench.read("root/etc/drk-relay/relay.toml").contains("title = \"Zahlen im"));
}

/// Takes a mounted file system away again.
struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_device_that_cannot_be_written_says_so_and_keeps_the_secrets_on_the_card() {
    let bench = Bench::with_card(&filled_in());
    bench.write("root/etc/drk-relay", b"a file where a folder should be");
    let (code, words) = bench.boot().await;
    assert!(code == Some(1) && words.contains("relay.toml lässt sich nicht schreiben"), "{words}");
    assert!(bench.read("boot/drk-relay.toml").contains(TOKEN));
    let said = bench.read(&format!("boot/{FEHLER}"));
    assert!(said.contains(": das Gerät konnte nicht alles übernehmen; beim nächsten Start beginnt es noch einmal.\r\n"), "{said}");
    assert!(said.contains("sind auf dieser Karte zu lesen: nicht herumliegen lassen."), "{said}");
    fs::remove_file(bench.path("root/etc/drk-relay")).expect("there");
    fs::set_permissions(bench.path("boot"), Permissions::from_mode(0o755)).expect("chmod");
    assert_eq!(bench.boot().await.0, Some(0));
    bench.holds_none("boot", &[TOKEN]);
    // Whatever it is at: the broker's files cannot be given to their group.
    bench.write("root/etc/group", b"mosquitto:x:0:\n");
    fs::create_dir(bench.path("root/etc/mosquitto/drk-relay.passwd.new")).expect("a folder");
    let (code, _) = bench.boot().await;
    let said = bench.read(&format!("boot/{FEHLER}"));
    assert!(code == Some(1) && said.contains("\r\nmosquitto: ") && !bench.is_there(&format!("boot/{OK}")), "{said}");
}
