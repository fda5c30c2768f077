//! Who may do what: every account is tried on every kind of topic, in both directions.

use super::{Account, add, added};
use crate::peers::debian::Debian;
use crate::peers::mosquitto::{Broker, Listening, asked, blocks, installed, output, paste};
use crate::program::{Machine, Place, until};
use drk_relay::config::{Checked, Files};
use std::collections::BTreeSet;
use std::fs;

/// One of each kind.
const TOPICS: [&str; 17] = [
    "figures",
    "figures/corona",
    "figures/corona/cases_new",
    "figures/coronation",
    "figures/pegel/level",
    "relay/status",
    "relay/info",
    "relay/alarms",
    "relay/receipts/corona",
    "relay/receipts/corona/cases_new",
    "relay/receipts/pegel/level",
    "relay/last/corona/cases_new",
    "relay/feeds/corona/state",
    "relay/feeds/pegel/state",
    "relay/request/withdraw",
    "relay/response/withdraw",
    "homeassistant/status",
];

/// What an account may do, and nothing else.
struct Rights {
    write: fn(&str) -> bool,
    read: fn(&str) -> bool,
}

fn within(topic: &str, folder: &str) -> bool {
    topic.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

const PUBLISHER: Rights = Rights {
    write: |topic| within(topic, "figures/corona"),
    read: |topic| {
        ["relay/receipts/corona", "relay/last/corona"].iter().any(|folder| within(topic, folder))
            || ["relay/status", "relay/feeds/corona/state"].contains(&topic)
    },
};
/// Its only feed is this one.
const RELAY: Rights =
    Rights { write: |topic| within(topic, "relay"), read: |topic| within(topic, "figures/corona") || within(topic, "relay/request") };
const READER: Rights = Rights { write: |_| false, read: |topic| within(topic, "figures") || within(topic, "relay") };
const OPERATOR: Rights = Rights { write: |topic| within(topic, "relay/request"), read: READER.read };

/// Somebody of the test's who may do everything.
async fn superuser(debian: &Debian) -> Account {
    let rules = "printf 'user alles\\ntopic readwrite #\\n\\n' >> drk-relay.acl";
    debian.shell(&format!("cd /etc/mosquitto; mosquitto_passwd -b drk-relay.passwd alles geheim; {rules}")).await;
    Account { user: "alles".to_owned(), password: "geheim".to_owned() }
}

impl Rights {
    /// Tries every topic.
    async fn tried(&self, broker: &Broker<'_>, account: &Account, all: &Account) {
        self.writing(broker, account, all).await;
        self.reading(broker, account, all).await;
    }

    /// MQTT 5 says what is refused; MQTT 3.1.1, which most speak, does not, so who listens decides.
    async fn writing(&self, broker: &Broker<'_>, account: &Account, all: &Account) {
        let user = &account.user;
        mark(broker, all, "test/ready", "ready").await;
        let mut listening = Listening::start(broker.client("mosquitto_sub", &all.login(), &["-q", "1", "-t", "#", "-F", "%t %p"]));
        while listening.line().await != "test/ready ready" {}
        for topic in TOPICS {
            for version in ["mqttv311", "mqttv5"] {
                let publish = ["-V", version, "-q", "1", "-t", topic, "-m", user];
                let (_, said) = output(broker.client("mosquitto_pub", &account.login(), &publish)).await;
                let refused = version == "mqttv5" && !(self.write)(topic);
                assert_eq!(said.contains("Not authorized"), refused, "{user} {topic} {version}: {said}");
            }
        }
        let (content, said) = output(broker.client("mosquitto_pub", &all.login(), &["-q", "1", "-t", "test/done", "-m", "done"])).await;
        assert!(content, "{said}");
        let mut passed = Vec::new();
        loop {
            match listening.line().await {
                line if line == "test/done done" => break,
                // As alive as a real one.
                line => passed.extend(line.strip_suffix(&format!(" {user}")).map(str::to_owned)),
            }
        }
        let expected: Vec<_> = TOPICS.into_iter().filter(|topic| (self.write)(topic)).flat_map(|topic| [topic, topic]).collect();
        assert_eq!(passed, expected, "{user}");
    }

    async fn reading(&self, broker: &Broker<'_>, account: &Account, all: &Account) {
        let user = &account.user;
        let readable: BTreeSet<_> = TOPICS.into_iter().filter(|topic| (self.read)(topic)).collect();
        let first = readable.first().expect("everybody may read something");
        mark(broker, all, first, "ready").await;
        let mut listening = Listening::start(broker.client("mosquitto_sub", &account.login(), &["-q", "1", "-t", "#", "-F", "%t %p"]));
        while listening.line().await != format!("{first} ready") {}
        for topic in TOPICS.iter().filter(|topic| *topic != first).chain([first]) {
            let (content, said) = output(broker.client("mosquitto_pub", &all.login(), &["-q", "1", "-t", topic, "-m", "17"])).await;
            assert!(content, "{said}");
        }
        let mut heard = BTreeSet::new();
        while !heard.contains(*first) {
            heard.extend(listening.line().await.strip_suffix(" 17").map(str::to_owned));
        }
        assert_eq!(heard.iter().map(String::as_str).collect::<BTreeSet<_>>(), readable, "{user}");
        // The next one is not to take it for its own.
        mark(broker, all, first, "").await;
    }
}

/// Retained, so that who subscribes later knows that it has.
async fn mark(broker: &Broker<'_>, all: &Account, topic: &str, payload: &str) {
    let (content, said) = output(broker.client("mosquitto_pub", &all.login(), &["-q", "1", "-r", "-t", topic, "-m", payload])).await;
    assert!(content, "{said}");
}

#[tokio::test]
async fn every_account_may_do_what_it_is_for_and_nothing_else() {
    let (debian, place, api) = (installed().await, Place::reserve(), Place::reserve());
    let machine = Machine::new(place.address, api.address);
    let relay = add(&machine, &["relay", "--role", "relay"]).await;
    for block in blocks(&relay, "sudo") {
        paste(&debian, block).await;
    }
    assert_eq!(asked(&debian), "reload mosquitto\nrestart mosquitto\n");
    let all = superuser(&debian).await;
    let broker = Broker::start(&debian, place.address).await;
    let nobody = output(broker.client("mosquitto_pub", &[], &["-t", "figures/corona", "-m", "17"])).await;
    assert!(!nobody.0 && nobody.1.contains("not authori"), "{nobody:?}");

    let publisher = added(&machine, &debian, &["hausnotruf", "--feed", "corona"]).await;
    let reader = added(&machine, &debian, &["explorer", "--role", "reader"]).await;
    let operator = added(&machine, &debian, &["technik", "--role", "operator"]).await;
    // SIGHUP says nothing when it is done.
    until(async || output(broker.client("mosquitto_pub", &operator.login(), &["-t", "x", "-m", "x"])).await.0.then_some(())).await;
    for (rights, account) in [(PUBLISHER, &publisher), (RELAY, &Account::of(&relay)), (READER, &reader), (OPERATOR, &operator)] {
        rights.tried(&broker, account, &all).await;
    }

    // A new password takes the old one's place, and nobody else's.
    let again = added(&machine, &debian, &["hausnotruf", "--feed", "corona"]).await;
    until(async || output(broker.client("mosquitto_pub", &again.login(), &["-t", "x", "-m", "x"])).await.0.then_some(())).await;
    assert!(!output(broker.client("mosquitto_pub", &publisher.login(), &["-t", "x", "-m", "x"])).await.0);
    PUBLISHER.tried(&broker, &again, &all).await;
    OPERATOR.tried(&broker, &operator, &all).await;
    let files = ["passwd", "acl"].map(|name| fs::read_to_string(debian.path(&format!("/etc/mosquitto/drk-relay.{name}"))).expect("text"));
    assert_eq!(files.map(|text| text.matches("hausnotruf").count()), [1, 1]);
}

#[tokio::test]
async fn a_publisher_gets_from_nothing_to_a_receipt_by_what_is_printed() {
    let (debian, place, api) = (installed().await, Place::reserve(), Place::reserve());
    let machine = Machine::new(place.address, api.address);
    let said = add(&machine, &["hausnotruf", "--feed", "corona"]).await;
    assert!(said.contains("Das Relay hat noch keinen Zugang") && said.contains("publisher add relay --role relay"), "{said}");
    for block in blocks(&said, "sudo") {
        paste(&debian, block).await;
    }
    let relay = add(&machine, &["relay", "--role", "relay"]).await;
    for block in blocks(&relay, "sudo") {
        paste(&debian, block).await;
    }
    let _broker = Broker::start(&debian, place.address).await;

    // As the third step says; systemd would show it as a credential.
    let password = fs::read_to_string(debian.path("/etc/credstore/drk-relay.mqtt-password")).expect("text");
    machine.write("mqtt-password", &password, 0o600);
    machine.edit("relay.toml", "[mqtt]\n", "[mqtt]\nuser = \"relay\"\npassword_file = \"mqtt-password\"\n");
    let path = machine.path("relay.toml");
    let Checked { config, .. } = Checked::open(&path, &Files::new(path.parent().expect("a folder"), None), None).expect("a good one");
    assert!(config.mqtt.login.is_some());
    let running = machine.start();
    until(async || machine.log().contains("subscribed to figures").then_some(())).await;
    assert!(!add(&machine, &["hausnotruf", "--feed", "corona"]).await.contains("Das Relay hat noch keinen Zugang"));

    let check = blocks(&said, "mosquitto_sub")[0];
    assert_eq!(debian.shell(check).await, "online\n");
    let send = check.replace("mosquitto_sub", "mosquitto_rr").replace("-t relay/status -C 1", "");
    let send = format!("{send} -q 1 -t figures/corona/cases_new -e relay/receipts/corona/cases_new -m 17");
    let receipt = debian.shell(&send).await;
    assert!(receipt.contains(r#""result":"accepted""#), "{receipt}");
    assert!(!machine.log().contains(&Account::of(&said).password));
    assert_eq!(running.stop().await.code(), Some(0));
}
