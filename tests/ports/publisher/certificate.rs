//! The listener with TLS, and the one that wants a certificate instead of a password: which lines are printed follows from the relay's own
//! configuration.

use super::{Account, add};
use crate::mqtt::tls::Authority;
use crate::peers::debian::Debian;
use crate::peers::mosquitto::{Broker, blocks, installed, output, paste};
use crate::program::{Machine, Place};

/// The broker's certificate and key, and what the authority signs for clients, where the printed lines expect them.
fn certificates(debian: &Debian, broker: &Authority, clients: &Authority) {
    let (certificate, key) = broker.sign("127.0.0.1", 2020, 2100);
    debian.write("/etc/mosquitto/certs/drk-relay.crt", &certificate, 0o644);
    debian.write("/etc/mosquitto/certs/drk-relay.key", &key, 0o640);
    let text = |pem| String::from_utf8(pem).expect("PEM");
    debian.write("/etc/mosquitto/ca_certificates/drk-relay.crt", &text(clients.root()), 0o644);
    debian.write("/etc/hausnotruf/broker-ca.crt", &text(broker.root()), 0o644);
}

fn machine(place: &Place, extra: &str) -> (Machine, Place) {
    let api = Place::reserve();
    let machine = Machine::new(place.address, api.address);
    machine.edit("relay.toml", "[mqtt]\n", &format!("[mqtt]\ntls = true\nca_file = \"ca.pem\"\n{extra}"));
    (machine, api)
}

/// Whether the printed check, with a topic that somebody has retained, answers.
async fn checks(debian: &Debian, said: &str) -> String {
    debian.shell(&format!("cd /etc/hausnotruf; {}", blocks(said, "mosquitto_sub")[0])).await
}

#[tokio::test]
async fn with_tls_the_password_goes_encrypted() {
    let (debian, place) = (installed().await, Place::reserve());
    let (broker, clients) = (Authority::new("Broker-Stelle"), Authority::new("niemand"));
    certificates(&debian, &broker, &clients);
    debian.shell("chgrp mosquitto /etc/mosquitto/certs/drk-relay.key").await;
    let (machine, _api) = machine(&place, "");
    let said = add(&machine, &["hausnotruf", "--feed", "corona"]).await;
    let relay = add(&machine, &["relay", "--role", "relay"]).await;
    for block in [blocks(&said, "sudo"), blocks(&relay, "sudo")].concat() {
        paste(&debian, block).await;
    }
    let broker = Broker::start(&debian, place.address).await;
    let trust = debian.path("/etc/hausnotruf/broker-ca.crt").display().to_string();
    let relay = Account::of(&relay);
    let online = ["-q", "1", "-r", "-t", "relay/status", "-m", "online"];
    let login: Vec<_> = relay.login().into_iter().chain(["--cafile", &trust]).collect();
    let (content, complained) = output(broker.client("mosquitto_pub", &login, &online)).await;
    assert!(content, "{complained}");
    assert_eq!(checks(&debian, &said).await, "online\n");
    // Without TLS nobody gets as far as a password.
    assert!(!output(broker.client("mosquitto_pub", &relay.login(), &online)).await.0);
}

#[tokio::test]
async fn who_shows_a_certificate_needs_no_password_and_is_called_as_it_says() {
    let (debian, place) = (installed().await, Place::reserve());
    let (broker, clients) = (Authority::new("Broker-Stelle"), Authority::new("Stelle des Kreisverbands"));
    certificates(&debian, &broker, &clients);
    debian.shell("chgrp mosquitto /etc/mosquitto/certs/drk-relay.key").await;
    for (name, authority) in [("hausnotruf", &clients), ("relay", &clients), ("fremd", &broker)] {
        let (certificate, key) = authority.sign(name, 2020, 2100);
        debian.write(&format!("/etc/hausnotruf/{name}.crt"), &certificate, 0o644);
        debian.write(&format!("/etc/hausnotruf/{name}.key"), &key, 0o600);
    }
    let (machine, _api) = machine(&place, "client_certificate_file = \"relay.pem\"\nclient_key_file = \"relay.key\"\n");
    let said = add(&machine, &["hausnotruf", "--feed", "corona"]).await;
    assert!(!said.contains("Passwort  ") && said.contains("(CN) hausnotruf") && !said.contains("drk-relay.passwd <<"), "{said}");
    let relay = add(&machine, &["relay", "--role", "relay"]).await;
    for block in [blocks(&said, "sudo"), blocks(&relay, "sudo")].concat() {
        paste(&debian, block).await;
    }
    let broker = Broker::start(&debian, place.address).await;
    let shown = |name: &str| {
        let at = |file: &str| debian.path(&format!("/etc/hausnotruf/{file}")).display().to_string();
        [
            "--cafile".to_owned(),
            at("broker-ca.crt"),
            "--cert".to_owned(),
            at(&format!("{name}.crt")),
            "--key".to_owned(),
            at(&format!("{name}.key")),
        ]
    };
    let publish = async |name: &str, topic: &str| {
        let login = shown(name);
        let login: Vec<_> = login.iter().map(String::as_str).collect();
        output(broker.client("mosquitto_pub", &login, &["-V", "mqttv5", "-q", "1", "-r", "-t", topic, "-m", "online"])).await
    };
    assert!(publish("relay", "relay/status").await.0);
    assert_eq!(checks(&debian, &said).await, "online\n");
    for (name, topic, allowed) in [
        ("hausnotruf", "figures/corona/cases_new", true),
        ("hausnotruf", "figures/pegel/level", false),
        ("hausnotruf", "relay/status", false),
        ("relay", "relay/receipts/corona", true),
        ("relay", "figures/corona/cases_new", false),
    ] {
        let (_, said) = publish(name, topic).await;
        assert_eq!(said.contains("Not authorized"), !allowed, "{name} {topic}: {said}");
    }
    // A certificate of somebody else's, and none.
    assert!(!publish("fremd", "figures/corona/cases_new").await.0);
    let trust = shown("relay");
    let alone = [trust[0].as_str(), trust[1].as_str()];
    assert!(!output(broker.client("mosquitto_pub", &alone, &["-q", "1", "-t", "figures/corona", "-m", "17"])).await.0);
}
