//! What the doctor sees: a relay that is well, one that is not there, an account that is not well, and next to nothing.

use super::{World, doctor, stand_in};
use crate::mqtt::peer::{Peer, cases};
use crate::program::{Machine, Place, until};
use drk_relay::command::doctor::Subject;
use drk_relay::port::status::{Answer, Report, State};
use drk_relay::simulator::account::Account;
use std::fs;
use std::time::Duration;

/// What is otherwise with an account.
type Otherwise = fn(&mut Account);

const UNCONFIGURED: &str = "dazu muss die Konfiguration brauchbar und lesbar sein";

/// The status of a relay that is connected to its broker.
async fn connected(world: &World) -> Report {
    until(async || {
        let (code, text, _) = world.machine.says(&["status", "--json"]).await;
        let report: Report = (code == Some(0)).then(|| serde_json::from_str(&text).expect("the document"))?;
        Some(report).filter(|report| report.links.mqtt.state == State::Up && matches!(report.relay, Answer::Turning(_)))
    })
    .await
}

#[tokio::test]
async fn a_relay_that_is_well_is_said_to_be() {
    let world = World::new().await;
    let _relay = world.machine.start();
    connected(&world).await;
    let seen = world.doctor().await;
    let ids: Vec<_> = seen.document["checks"].as_array().expect("checks").iter().map(|check| check["id"].as_str()).collect();
    assert_eq!(ids, Subject::ALL.map(|subject| Some(subject.name())));
    assert_eq!((seen.document["schema"].as_u64(), seen.document["version"].as_str()), (Some(1), Some(env!("CARGO_PKG_VERSION"))));
    seen.is("broker", "ok", "verbunden, angemeldet, abonniert");
    seen.is("tunnel", "not_applicable", "keiner eingerichtet (ingress.mode)");
    seen.is("public-address", "not_applicable", "ingress.url ist nicht angegeben");
    seen.is("certificate", "not_applicable", "TLS endet vor dem Relay: dort nachsehen");
    seen.is("token", "ok", "gültig ohne Ablauf, mit beiden Rechten");
    seen.is("number", "ok", "verbunden, Qualität hoch, Durchsatz STANDARD");
    seen.is("webhook", "ok", "gehen an https://app.example/webhook (die der App); ingress.url fehlt zum Vergleich");
    seen.is("sending", "ok", "seit dem Start noch nichts gesendet; Meta ist erreichbar");
    seen.is("payment", "ok", "Meta meldet nichts; ob eine Zahlungsart hinterlegt ist, sagt die API nicht");
    seen.is("budget", "ok", "0 von 1000 Nachrichten in diesem Monat, voraussichtlich 0 bis zum Ende");
    seen.is("store", "ok", "das Relay arbeitet damit");
    seen.is("alarms", "ok", "keine; keine Zahlen angehalten oder überfällig");
    seen.is("version", "ok", &format!("{}, auch im laufenden Relay", env!("CARGO_PKG_VERSION")));
    seen.is("service", "not_applicable", "diese Konfiguration gehört zu keinem Dienst (/etc/drk-relay)");
    assert_eq!(seen.check("relay")["outcome"], "ok");
    assert!(seen.check("space")["figures"]["free_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{seen:?}");

    let config = world.machine.path("relay.toml").display().to_string();
    let (code, page, last) = world.says(&["doctor", "--config", &config]).await;
    assert_eq!((code, last.as_str()), (seen.code, ""));
    assert!(page.contains("✓ ok         MQTT-Broker        verbunden, angemeldet, abonniert\n"), "{page}");
    assert!(page.contains("– entfällt   Tunnel"), "{page}");
}

#[tokio::test]
async fn without_a_relay_everything_is_looked_at_and_nothing_is_taken_from_anybody() {
    let world = World::new().await;
    let seen = world.doctor().await;
    seen.is("relay", "fault", "läuft nicht");
    seen.is("broker", "ok", "erreichbar; Anmeldung und Abonnieren gehen");
    seen.is("store", "ok", "noch keiner: das Relay legt ihn beim Start an");
    seen.is("budget", "unknown", "das weiß nur ein laufendes Relay");
    seen.is("sending", "ok", "Meta ist erreichbar");
    seen.is("state-folder", "warning", "es gibt ihn noch nicht");
    assert_eq!((seen.code, seen.document["outcome"].as_str()), (Some(1), Some("fault")));

    // A relay of whose socket this configuration knows nothing: its session must survive the doctor's look.
    let relay = world.machine.start();
    connected(&world).await;
    let text = fs::read_to_string(world.machine.path("relay.toml")).expect("text") + "[status]\nsocket = \"elsewhere.sock\"\n";
    world.machine.write("other.toml", &text, 0o644);
    let seen = doctor(&world.machine, "other.toml").await;
    seen.is("broker", "ok", "erreichbar; Anmeldung und Abonnieren gehen");
    seen.is("store", "unknown", "ein Relay hat ihn offen, antwortet aber nicht");
    // Whatever happened to its session, it has noticed by the time that a figure has come through it.
    let mut people = Peer::connect(world.broker.address, "people").await;
    people.subscribe("relay/receipts/#").await;
    people.send(&[cases(17, 1)]).await;
    people.message().await;
    let connections = world.machine.log().matches("connected to the MQTT broker").count();
    assert_eq!(connections, 1, "it was not thrown out");
    assert_eq!(relay.stop().await.code(), Some(0));
    let sound = world.doctor().await.check("store").clone();
    assert!(sound["text"].as_str().is_some_and(|text| text.starts_with("lässt sich öffnen (Aufbau ")), "{sound}");
    assert_eq!(sound["outcome"], "ok");
    world.machine.write("state/relay.redb", &"no store".repeat(1_000), 0o600);
    assert_eq!(world.doctor().await.check("store")["outcome"], "fault");
}

#[tokio::test]
async fn what_meta_says_of_the_account_is_judged() {
    let world = World::new().await;
    let table: [(Otherwise, &str, &str, &str); 12] = [
        (|account| account.refused = Some(190), "token", "fault", "abgelaufen oder falsch, sagt Meta: Access token has expired"),
        (
            |account| account.scopes = vec!["whatsapp_business_messaging".to_owned()],
            "token",
            "fault",
            "gültig, aber ohne whatsapp_business_management",
        ),
        (
            |account| account.scopes = vec!["whatsapp_business_messaging".to_owned()],
            "number",
            "fault",
            "Meta lehnt ab (Code 200): You do not have the necessary permissions",
        ),
        (
            |account| account.refused = Some(10),
            "number",
            "fault",
            "Meta lehnt ab (Code 10): Application does not have permission for this action",
        ),
        (|account| account.expires_at = 1_000_000_000, "token", "fault", "seit 09.09.2001 abgelaufen"),
        (|account| account.quality = "RED".to_owned(), "number", "warning", "verbunden, Qualität niedrig, Durchsatz STANDARD"),
        (|account| account.status = "BANNED".to_owned(), "number", "fault", "nicht verbunden (BANNED)"),
        (
            |account| account.subscribed = false,
            "webhook",
            "fault",
            "die App ist beim WhatsApp-Konto nicht angemeldet: Meta stellt nichts zu",
        ),
        (
            |account| account.account_webhook = Some("https://wa.example/webhook".to_owned()),
            "webhook",
            "ok",
            "gehen an https://wa.example/webhook (die des WhatsApp-Kontos); ingress.url fehlt zum Vergleich",
        ),
        (
            |account| account.troubles = vec![(141_006, "No payment method.".to_owned(), "Add one.".to_owned())],
            "payment",
            "warning",
            "Meta meldet: No payment method. Add one. (Code 141006); ohne Zahlungsart gehen nur die freien Nachrichten hinaus",
        ),
        (
            |account| account.limits = vec![("WABA".to_owned(), "Your account is under review.".to_owned())],
            "payment",
            "warning",
            "das WhatsApp-Konto darf nicht alles senden: Your account is under review.",
        ),
        (
            |account| account.limits = vec![("BUSINESS".to_owned(), "Your business is not verified.".to_owned())],
            "payment",
            "ok",
            "Meta meldet nichts; ob eine Zahlungsart hinterlegt ist, sagt die API nicht",
        ),
    ];
    for (otherwise, id, outcome, text) in table {
        world.cloud.account(|account| {
            *account = Account::default();
            otherwise(account);
        });
        world.doctor().await.is(id, outcome, text);
    }
    // An older version of the API: what it does not know is not said, and the rest is.
    world.cloud.account(|account| *account = Account { unknown_fields: vec!["health_status".to_owned()], ..Account::default() });
    let seen = world.doctor().await;
    seen.is("number", "ok", "Qualität hoch, Durchsatz STANDARD");
    seen.is("payment", "unknown", "Meta sagt nichts über das WhatsApp-Konto");
    seen.is("webhook", "ok", "gehen an https://app.example/webhook (die der App); ingress.url fehlt zum Vergleich");
}

#[tokio::test]
async fn next_to_nothing_is_looked_at_as_far_as_it_goes() {
    let places = [Place::reserve(), Place::reserve()];
    let machine = Machine::new(places[0].address, places[1].address);
    stand_in(&machine, "systemctl", "exit 1");
    stand_in(&machine, "journalctl", "exit 1");
    let nobody = doctor(&machine, "relay.toml").await;
    for (id, outcome) in [("relay", "fault"), ("broker", "fault"), ("token", "unknown"), ("number", "unknown"), ("sending", "fault")] {
        assert_eq!(nobody.check(id)["outcome"], outcome, "{id}: {nobody:?}");
    }
    assert_eq!(nobody.code, Some(1));

    // No configuration at all: 64, and the device is looked at nevertheless.
    let none = doctor(&machine, "there-is-none.toml").await;
    assert_eq!(none.code, Some(64));
    none.is("token", "unknown", UNCONFIGURED);
    none.is("broker", "unknown", UNCONFIGURED);
    assert_eq!(none.check("memory")["outcome"].as_str().map(|outcome| outcome == "unknown"), Some(false));
    machine.edit("relay.toml", "[mqtt]\n", "[mqtt]\nhots = \"x\"\n");
    let broken = doctor(&machine, "relay.toml").await;
    assert_eq!((broken.code, broken.check("configuration")["outcome"].as_str()), (Some(64), Some("fault")));
    assert!(broken.check("configuration")["text"].as_str().is_some_and(|text| text.contains("(Zeile ")), "{broken:?}");
}

/// A relay host, a broker or a systemd that says nothing costs its own time-out and nobody else's.
#[tokio::test]
async fn what_hangs_does_not_hold_it_up() {
    let (broker, api) = (Place::reserve().listen(), Place::reserve().listen());
    let address = |listener: &tokio::net::TcpListener| listener.local_addr().expect("bound");
    let machine = Machine::new(address(&broker), address(&api));
    stand_in(&machine, "systemctl", "exec sleep 600");
    stand_in(&machine, "journalctl", "exec sleep 600");
    let looked = tokio::time::timeout(Duration::from_secs(55), doctor(&machine, "relay.toml")).await;
    let seen = looked.expect("each look is bounded");
    seen.is("broker", "fault", "der Broker antwortet nicht binnen 15 s");
    seen.is("sending", "fault", "Meta ist nicht erreichbar");
}
