//! A support bundle holds nobody: people with recognisable names, numbers and words write to a relay, everything that may go wrong goes
//! wrong, and nothing of them, in whatever form, is in the file.

use super::{World, says};
use crate::mqtt::peer::{Peer, cases};
use crate::program::{Machine, Place, TOKEN, VERIFY_TOKEN, until, within};
use crate::webhook::SECRET;
use drk_relay::simulator::meta::{Person, Shown};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const NAME: &str = "Walburga Zwiebelfisch";
const PHONE: &str = "4915209876543";
const BSUID: &str = "DE.27182818284590452353";
const CONTACT: &str = "07751 5550100";
const OWN_NUMBER: &str = "+49 7751 5550199";
const MAIL: &str = "zwiebelfisch@drk-musterstadt.example";
const WORDS: [&str; 2] = ["Quarkstrudel", "Pflaumenaugust"];

/// As base64 has it, wherever it begins in what is encoded: what does not depend on its neighbours.
fn base64(text: &str) -> Vec<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let encoded = |bytes: &[u8]| -> String {
        let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
        bits.chunks_exact(6).map(|six| char::from(ALPHABET[six.iter().fold(0, |all, bit| all << 1 | usize::from(*bit))])).collect()
    };
    (0..3)
        .map(|before| {
            let whole = encoded(&[&vec![0; before], text.as_bytes()].concat());
            // The first characters mix with what stands before.
            whole[(before * 8).div_ceil(6)..].to_owned()
        })
        .collect()
}

/// Everything that must not be in it.
fn forbidden() -> Vec<String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut all: Vec<String> =
        [NAME, "Walburga", "Zwiebelfisch", PHONE, &PHONE[2..], BSUID, &BSUID[3..], CONTACT, "5550100", "5550199", MAIL]
            .into_iter()
            .chain(["zwiebelfisch@", TOKEN, SECRET, VERIFY_TOKEN, "broker-geheim", "proxy-geheim"])
            .chain(WORDS)
            .map(str::to_owned)
            .collect();
    for secret in [PHONE, &format!("+{PHONE}"), BSUID] {
        all.push(hex(&Sha256::digest(secret)));
        all.extend(base64(secret));
    }
    all
}

fn assert_nobody_in(bundle: &str) {
    for word in forbidden() {
        let line = bundle.lines().find(|line| line.contains(&word));
        assert_eq!(line, None, "{word}");
    }
}

/// A configuration with everything personal that it can have.
fn personal(machine: &Machine) {
    machine.write("mqtt-password", "broker-geheim", 0o600);
    machine.edit("relay.toml", "[whatsapp]\n", &format!("[whatsapp]\nphone_number = \"{OWN_NUMBER}\"\n"));
    machine.edit("relay.toml", "[mqtt]\n", "[mqtt]\nuser = \"relay\"\npassword_file = \"mqtt-password\"\n");
    let text = fs::read_to_string(machine.path("relay.toml")).expect("text");
    machine.write("relay.toml", &format!("{text}[alarm]\ncommand = [\"/bin/true\", \"{MAIL}\", \"{NAME}\"]\n"), 0o644);
}

async fn written(machine: &Machine, name: &str) -> String {
    let (into, config) = (machine.path(name).display().to_string(), machine.path("relay.toml").display().to_string());
    let (code, said, last) = says(machine, &["support-bundle", "--into", &into, "--config", &config]).await;
    assert_eq!((code, last.as_str()), (Some(0), ""), "{said}");
    assert!(said.contains(&into), "{said}");
    assert_eq!(fs::metadata(&into).expect("a file").permissions().mode() & 0o777, 0o600);
    let (again, _, why) = says(machine, &["support-bundle", "--into", &into, "--config", &config]).await;
    assert!(again == Some(1) && why.contains("gibt es schon"), "never overwritten: {why}");
    fs::read_to_string(into).expect("UTF-8")
}

#[tokio::test]
async fn nobody_is_in_it() {
    let mut world = World::new().await;
    personal(&world.machine);
    // What a careless alarm command, a mail server and Meta's own library might have written into a journal.
    let wamid = format!("wamid.HBgN{}FQIAEhgg", base64(PHONE)[0]);
    let foreign =
        format!("alarm: RCPT TO:<{MAIL}>\nto +{PHONE} as {BSUID}\n{wamid} for {PHONE}\ncall {CONTACT}, {OWN_NUMBER}\n{TOKEN}\n{NAME}");
    world.machine.write("foreign", &foreign, 0o600);
    let (log, foreign) = (world.machine.path("log"), world.machine.path("foreign"));
    world.stand_in("journalctl", &format!("cat {} {}", log.display(), foreign.display()));
    world.stand_in("systemctl", "echo ActiveState=active; echo LoadState=loaded");

    let relay = world.machine.start();
    let erika = Person { user_id: BSUID.to_owned(), wa_id: Some(PHONE.to_owned()), name: NAME.to_owned(), shown: Shown::Bsuid };
    world.cloud.join(erika);
    world.cloud.say(BSUID, WORDS[0]).await;
    let asked = within(world.accepted.recv()).await.expect("the question");
    world.cloud.tap(BSUID, asked.buttons.first().expect("Ja")).await;
    within(world.accepted.recv()).await.expect("the confirmation");
    let mut people = Peer::connect(world.broker.address, "people").await;
    people.send(&[cases(17, 1)]).await;
    within(world.accepted.recv()).await.expect("the figures");
    world.cloud.look(|meta| meta.refuse(190, 1));
    world.cloud.say(BSUID, WORDS[1]).await;
    world.cloud.say(BSUID, "Zahlen").await;
    until(async || {
        let (_, status, _) = world.machine.says(&["status", "--json"]).await;
        status.contains("\"subscribed\": 1").then_some(())
    })
    .await;

    let running = written(&world.machine, "running.txt").await;
    assert_nobody_in(&running);
    for part in [
        "Nicht enthalten sind: wer dem Relay schreibt",
        "==== Prüfungen (drk-relay doctor)",
        "\"subscribed\": 1",
        "contact = \"…\"",
        "phone_number = \"…\"",
        "command = [\"/bin/true\", …]",
        "==== Ereignisse (drk-relay events)",
        "Start    drk-relay",
        "==== drk-relay.service: Journal",
        "connected to the MQTT broker",
        "alarm: RCPT TO:<…>",
        "==== Dateisysteme (df)",
        "relay.redb",
    ] {
        assert!(running.contains(part), "{part} is not in\n{running}");
    }
    assert!(running.len() < 1024 * 1024);

    assert_eq!(relay.stop().await.code(), Some(0));
    let stopped = written(&world.machine, "stopped.txt").await;
    assert_nobody_in(&stopped);
    assert!(stopped.contains("Kein Relay hat geantwortet.") && stopped.contains("läuft nicht"), "{stopped}");
    nor_in_complaints(&world).await;
}

/// What the relay has said of a broken configuration stays in its journal.
async fn nor_in_complaints(world: &World) {
    // Broken where the personal lines are: they would be shown with the mistake.
    world.machine.edit("relay.toml", &format!("contact = \"{CONTACT}\""), &format!("contact = \"{CONTACT}, {NAME}"));
    world.machine.edit("relay.toml", &format!("phone_number = \"{OWN_NUMBER}\""), &format!("phone_number = \"{NAME}\""));
    // The relay that was started with it says so in its journal.
    let config = world.machine.path("relay.toml").display().to_string();
    let (code, _, complaint) = world.says(&["run", "--config", &config]).await;
    assert_eq!(code, Some(64));
    assert!(complaint.contains(NAME) && complaint.contains(" | "), "{complaint}");
    world.machine.write("complaint", &complaint, 0o600);
    let journal = format!("sed 's/^/2026-11-26T07:00:01+0100 drk-relay[4711]: /' {}", world.machine.path("complaint").display());
    world.stand_in("journalctl", &journal);
    let broken = written(&world.machine, "broken.txt").await;
    assert_nobody_in(&broken);
    assert!(broken.contains("Sie ist nicht brauchbar:") && broken.contains("drk-relay[4711]:  Abhilfe:"), "{broken}");
    // Put right, and what was written stays written.
    world.machine.edit("relay.toml", &format!("contact = \"{CONTACT}, {NAME}"), "contact = \"im Heim\"");
    world.machine.edit("relay.toml", &format!("phone_number = \"{NAME}\""), "phone_number = \"+49 7751 5550198\"");
    let mended = written(&world.machine, "mended.txt").await;
    assert!(!mended.contains("Sie ist nicht brauchbar:"), "{mended}");
    assert_nobody_in(&mended);
}

#[tokio::test]
async fn it_is_written_without_a_configuration_too() {
    let places = [Place::reserve(), Place::reserve()];
    let machine = Machine::new(places[0].address, places[1].address);
    let (into, none) = (machine.path("bundle.txt").display().to_string(), machine.path("none.toml").display().to_string());
    let (code, said, _) = says(&machine, &["support-bundle", "--into", &into, "--config", &none]).await;
    assert_eq!(code, Some(0), "{said}");
    let text = fs::read_to_string(into).expect("UTF-8");
    assert!(text.contains("Die Konfiguration lässt sich nicht lesen") && text.contains("==== Gerät und System"), "{text}");
}
