//! The real binary: backed up while it runs and when it does not, moved to another machine, and refused wherever something would be lost.

use super::{BSUID, HASH, backup, somebody};
use crate::killed::Publisher;
use crate::program::{Machine, Mosquitto, Place, until};
use drk_relay::domain::backup::Backup;
use drk_relay::domain::ids::InstanceId;
use drk_relay::port::backup::Document;
use drk_relay::store::{Files, Store};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A machine with nobody to talk to, whose configuration has sentences and a topic of its own.
pub(super) fn machine() -> (Machine, [Place; 2]) {
    let places = [Place::reserve(), Place::reserve()];
    let machine = Machine::new(places[0].address, places[1].address);
    for folder in ["texts", "topics"] {
        fs::create_dir(machine.path(folder)).expect("a folder");
    }
    machine.write("texts/du.ftl", "# unsere\nbutton_yes = Klar\n", 0o644);
    machine.write("topics/symptome.md", TOPIC, 0o644);
    machine.edit("relay.toml", "[mqtt]", "[texts]\nfolder = \"texts\"\n[topics]\nfolder = \"topics\"\n[mqtt]");
    (machine, places)
}

const TOPIC: &str = "---\ntitle: Symptome\nkeywords: symptome\nsource: RKI\ndate: 2026-11-01\n---\nHusten.\n";

/// A machine on which nobody has done anything yet.
fn new_machine() -> (Machine, [Place; 2]) {
    let places = [Place::reserve(), Place::reserve()];
    let machine = Machine::new(places[0].address, places[1].address);
    fs::remove_file(machine.path("relay.toml")).expect("written a moment ago");
    (machine, places)
}

/// Puts these figures and a subscriber into the store of a machine on which no relay runs.
pub(super) fn fill(machine: &Machine) {
    fs::create_dir_all(machine.path("state")).expect("a directory");
    let mut rows = backup().changes();
    rows.extend(somebody());
    let files = Files::at(&machine.path("state/relay.redb"));
    Store::begin(&files, InstanceId(7), &rows).expect("room").close().expect("room");
}

/// Backs up to a file, which must work: what it says, and the document.
pub(super) async fn back_up(machine: &Machine) -> (String, Document) {
    let path = machine.path("backup.json");
    let (code, text, said) = machine.says(&["backup", path.to_str().expect("text")]).await;
    assert_eq!((code, text.as_str()), (Some(0), ""), "{said}");
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    (said, Document::read(&fs::read(path).expect("there")).expect("our own"))
}

/// Restores what another machine has backed up: exit code, what it prints and its last words.
pub(super) async fn restore(machine: &Machine, from: &Machine) -> (Option<i32>, String, String) {
    machine.says(&["restore", from.path("backup.json").to_str().expect("text")]).await
}

#[tokio::test]
async fn a_running_relay_and_its_store_give_the_same() {
    let (machine, _places) = machine();
    let (code, _, why) = machine.says(&["backup"]).await;
    assert!(code == Some(1) && why.contains("es gibt noch keinen Speicher") && why.contains("Abhilfe: "), "{why}");
    fill(&machine);
    let (said, stopped) = back_up(&machine).await;
    assert!(said.contains("corona (vom 22.11.2026), rsv (noch keine Zahlen)") && said.contains("Keine Personen"), "{said}");
    assert_eq!(stopped.backup, backup());

    machine.edit("relay.toml", "[branch]", "# Token: EAABsbCS1iHgBO7ZCxyz0\n[branch]");
    let relay = machine.start();
    until(async || machine.path("state/status.sock").exists().then_some(())).await;
    // Once the clock is trusted what was held is of today, so what was settling is of yesterday; and the feed that is not configured is
    // forgotten, as at any start.
    let (running, text, said) = until(async || {
        let (code, text, said) = machine.says(&["backup"]).await;
        assert_eq!(code, Some(0), "{said}");
        let document = Document::read(text.as_bytes()).expect("on stdout, and nothing else");
        let current = document.backup.feeds[0].current.as_ref().map(|current| current.as_of);
        (current == backup().feeds[0].settling.as_ref().map(|settling| settling.as_of)).then_some((document, text, said))
    })
    .await;
    assert_eq!(running.backup.feeds.len(), 1);
    assert!(said.contains("relay.toml, Zeile ") && said.contains("sieht aus wie ein Geheimnis"), "{said}");
    for needle in [BSUID, "EAAB", &HASH.to_string(), "test-token", "test-verify-token", crate::webhook::SECRET] {
        assert!(!text.contains(needle), "{needle}: {text}");
    }
    let (_, again) = back_up(&machine).await;
    assert_eq!(relay.stop().await.code(), Some(0));
    let (_, stopped) = back_up(&machine).await;
    assert_eq!((&again.backup, &again.configuration), (&stopped.backup, &stopped.configuration));
    assert_eq!(stopped.configuration.expect("it has one").texts()["du.ftl"], "# unsere\nbutton_yes = Klar\n");
}

#[tokio::test]
async fn a_store_that_somebody_else_has_is_not_touched() {
    let (machine, _places) = machine();
    fill(&machine);
    back_up(&machine).await;
    let held = machine.store();
    let (code, _, why) = machine.says(&["backup"]).await;
    assert!(code == Some(1) && why.contains("Ein Relay hat den Speicher, antwortet aber nicht") && why.contains("Abhilfe: "), "{why}");
    let (code, _, why) = restore(&machine, &machine).await;
    assert!(code == Some(1) && why.contains("Läuft drk-relay schon? Abhilfe: "), "{why}");
    drop(held);
    // Its own backup is there already: nothing would be lost, but there are people.
    let (code, text, why) = restore(&machine, &machine).await;
    assert_eq!((code, why.as_str()), (Some(0), ""), "{text}");
    assert!(text.contains("war schon zurückgespielt") && machine.store().load().expect("readable").people.len() == 1, "{text}");
}

#[tokio::test]
async fn an_old_device_moves_to_a_new_one() {
    let (old, _places) = machine();
    fill(&old);
    back_up(&old).await;
    let (new, _others) = new_machine();
    let (code, text, why) = restore(&new, &old).await;
    assert_eq!((code, why.as_str()), (Some(0), ""), "{text}");
    for line in [
        "relay.toml: angelegt\n",
        "texts/du.ftl: angelegt\n",
        "topics/symptome.md: angelegt\n",
        "state/relay.redb: Zahlen und Zähler zurückgespielt\n",
        "    corona: Zahlen vom 22.11.2026\n",
        "    rsv: noch keine Zahlen\n    Achtung: rsv ist nicht eingerichtet",
        "Noch von Hand:\n",
        "Abos stehen in keiner Sicherung",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    for (name, mode) in [("relay.toml", 0o644), ("texts/du.ftl", 0o644), ("topics/symptome.md", 0o644), ("state/relay.redb", 0o600)] {
        assert_eq!(fs::metadata(new.path(name)).expect("there").permissions().mode() & 0o777, mode, "{name}");
        if mode == 0o644 {
            assert_eq!(fs::read(new.path(name)).expect("there"), fs::read(old.path(name)).expect("there"), "{name}");
        }
    }
    let state = new.store().load().expect("readable");
    assert_eq!((Backup::of(&state), state.people.len(), state.seen.len()), (backup(), 0, 0));
    let store = fs::read(new.path("state/relay.redb")).expect("there");
    for needle in [BSUID.as_bytes(), &HASH.to_le_bytes(), &HASH.to_be_bytes()] {
        assert!(!store.windows(needle.len()).any(|window| window == needle));
    }
    let (code, text, _) = new.says(&["check-config"]).await;
    assert_eq!(code, Some(0), "the secrets are there in this test: {text}");
    // The same again: nobody has to know how far it came.
    let (code, text, _) = restore(&new, &old).await;
    assert!(code == Some(0) && text.contains("relay.toml: ist schon da, gleich") && text.contains("war schon zurückgespielt"), "{text}");
}

#[tokio::test]
async fn what_is_there_stays_there() {
    let (old, _places) = machine();
    fill(&old);
    back_up(&old).await;
    let (new, _others) = machine();
    new.edit("relay.toml", "07751 5550100", "07751 5550199");
    new.edit("texts/du.ftl", "Klar", "Gern");
    let before = fs::read_to_string(new.path("relay.toml")).expect("text");
    let relay = new.start();
    until(async || new.path("state/status.sock").exists().then_some(())).await;
    let (code, _, why) = restore(&new, &old).await;
    assert!(code == Some(1) && why.contains("Läuft drk-relay schon?"), "{why}");
    assert_eq!(relay.stop().await.code(), Some(0));
    // A relay that was started and that nobody has used is no obstacle.
    let (code, text, why) = restore(&new, &old).await;
    assert_eq!((code, why.as_str()), (Some(0), ""));
    assert!(text.contains("relay.toml: ist schon da, anders als in der Sicherung: nicht verändert"), "{text}");
    assert!(text.contains("symptome.md: ist schon da, gleich"), "{text}");
    assert_eq!(fs::read_to_string(new.path("relay.toml")).expect("text"), before);
    assert!(fs::read_to_string(new.path("texts/du.ftl")).expect("text").contains("Gern"));
    assert_eq!(Backup::of(&new.store().load().expect("readable")), backup());

    // One with figures of its own is.
    old.edit("relay.toml", "\"Neue Fälle\"", "\"Fälle\"");
    let mut other = backup();
    other.feeds[0].previous = None;
    let document = Document::new(jiff::Timestamp::UNIX_EPOCH, other, None);
    old.write("backup.json", &document.write(), 0o600);
    let (code, _, why) = restore(&new, &old).await;
    assert!(code == Some(1) && why.contains("Im Speicher stehen schon Zahlen") && why.contains("Abhilfe: "), "{why}");
    assert_eq!(Backup::of(&new.store().load().expect("readable")), backup());
}

#[tokio::test]
async fn what_cannot_be_restored_changes_nothing() {
    let (new, _places) = new_machine();
    for (content, said) in [
        ("state_dir = \"x\"", "das ist keine Sicherung von drk-relay"),
        ("", "hört mittendrin auf"),
        (r#"{"format":"drk-relay-backup","schema":2,"version":"0.9.0"}"#, "neueren Version (0.9.0)"),
    ] {
        new.write("backup.json", content, 0o600);
        let (code, text, why) = restore(&new, &new).await;
        assert_eq!((code, text.as_str()), (Some(1), ""));
        assert!(why.contains(said) && why.contains("backup.json: ") && why.contains("Abhilfe: "), "{why}");
    }
    let without = Document::new(jiff::Timestamp::UNIX_EPOCH, backup(), None);
    new.write("backup.json", &without.write(), 0o600);
    let (code, _, why) = restore(&new, &new).await;
    assert!(code == Some(1) && why.contains("in der Sicherung ist keine Konfiguration"), "{why}");
    let (code, _, why) = new.says(&["restore", "/nowhere/backup.json"]).await;
    assert!(code == Some(1) && why.contains("/nowhere/backup.json"), "{why}");
    assert!(!new.path("state").exists() && !new.path("relay.toml").exists(), "something was written");
    let (code, _, why) = new.says(&["backup"]).await;
    assert!(code == Some(64) && why.contains("Die Konfiguration lässt sich nicht lesen"), "{why}");
}

/// The broker keeps what was published, and gives it to the new device as it did to the old one.
#[tokio::test]
async fn figures_that_were_restored_are_not_new() {
    let (mosquitto, api) = (Mosquitto::start(Place::reserve()).await, Place::reserve());
    let old = Machine::new(mosquitto.address, api.address);
    let mut publisher = Publisher::connect(mosquitto.address).await;
    let relay = old.start();
    publisher.until(|heard| heard.online == 1).await;
    publisher.publish_day(7, true).await;
    publisher.until(|heard| heard.receipts.len() == 1).await;
    let (_, document) = back_up(&old).await;
    assert!(document.backup.feeds[0].current.is_some());
    assert_eq!(relay.stop().await.code(), Some(0));

    let (new, _places) = new_machine();
    let (code, text, why) = restore(&new, &old).await;
    assert_eq!(code, Some(0), "{text} {why}");
    new.edit("relay.toml", &format!("listen = \"{}\"", old.webhook.address), &format!("listen = \"{}\"", new.webhook.address));
    let relay = new.start();
    publisher.until(|heard| heard.online == 2).await;
    publisher.publish_day(7, false).await;
    let heard = publisher.until(|heard| heard.receipts.len() == 2).await;
    assert_eq!((&heard.receipts[0]["result"], &heard.receipts[1]["result"]), (&"accepted".into(), &"duplicate".into()));
    assert_eq!(relay.stop().await.code(), Some(0));
    let state = new.store().load().expect("readable");
    assert_eq!(Backup::of(&state).feeds, document.backup.feeds, "nothing was published anew");
}
