//! `drk-relay publisher add` and the broker that is configured by what it prints: Debian's mosquitto, with everything pasted as it is.

mod certificate;
mod power_cut;
mod refused;
mod rights;

use crate::peers::debian::Debian;
use crate::peers::mosquitto::{Broker, Listening, blocks, installed, paste};
use crate::program::{Machine, Place, Relay, until};
use serde_json::Value;

/// Retained: who hears it has subscribed.
const STATUS: &str = "relay/status ";

/// What the command prints.
async fn add(machine: &Machine, arguments: &[&str]) -> String {
    let (code, said, complained) = machine.says(&[&["publisher", "add"], arguments].concat()).await;
    assert_eq!((code, complained.as_str()), (Some(0), ""), "{said}");
    said
}

/// Prints an account and pastes its first block, which is all that a broker needs which knows the relay already.
async fn added(machine: &Machine, debian: &Debian, arguments: &[&str]) -> Account {
    let said = add(machine, arguments).await;
    paste(debian, blocks(&said, "sudo")[0]).await;
    Account::of(&said)
}

/// Who may log in.
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Account {
    /// As a person reads it.
    fn of(said: &str) -> Account {
        let field = |name: &str| said.lines().find_map(|line| line.trim().strip_prefix(name)).expect(name).trim().to_owned();
        Account { user: field("Benutzer"), password: field("Passwort") }
    }

    pub(crate) fn login(&self) -> [&str; 4] {
        ["-u", &self.user, "-P", &self.password]
    }
}

/// Debian's mosquitto with the accounts of the relay, of a publisher and of somebody who only listens, all as printed and pasted.
pub(crate) struct World {
    pub(crate) debian: Debian,
    pub(crate) place: Place,
    pub(crate) machine: Machine,
    /// Of the feed `corona`.
    pub(crate) publisher: Account,
    pub(crate) relay: Account,
    pub(crate) reader: Account,
    _api: Place,
}

impl World {
    pub(crate) async fn new() -> World {
        let (debian, place, api) = (installed().await, Place::reserve(), Place::reserve());
        let machine = Machine::new(place.address, api.address);
        let publisher = added(&machine, &debian, &["wache", "--feed", "corona"]).await;
        let reader = added(&machine, &debian, &["explorer", "--role", "reader"]).await;
        let said = add(&machine, &["relay", "--role", "relay"]).await;
        for block in blocks(&said, "sudo") {
            paste(&debian, block).await;
        }
        let relay = Account::of(&said);
        machine.write("mqtt-password", &relay.password, 0o600);
        machine.edit("relay.toml", "[mqtt]\n", "[mqtt]\nuser = \"relay\"\npassword_file = \"mqtt-password\"\n");
        World { debian, place, machine, publisher, relay, reader, _api: api }
    }

    pub(crate) async fn broker(&self) -> Broker<'_> {
        Broker::start(&self.debian, self.place.address).await
    }

    /// Starts the relay; it has subscribed.
    pub(crate) async fn relay(&self) -> Relay {
        const SUBSCRIBED: &str = "subscribed to figures";
        let before = self.machine.log().matches(SUBSCRIBED).count();
        let relay = self.machine.start();
        until(async || (self.machine.log().matches(SUBSCRIBED).count() > before).then_some(())).await;
        relay
    }

    /// Starts the relay and stops it: from then on the broker keeps figures for it.
    async fn relay_comes_and_goes(&self) {
        assert_eq!(self.relay().await.stop().await.code(), Some(0));
    }

    /// Somebody who hears all that the relay says to publishers from now on. The relay runs.
    pub(crate) async fn receipts(&self, broker: &Broker<'_>) -> Receipts {
        let subscribe = ["-q", "1", "-F", "%t %p", "-t", "relay/receipts/#", "-t", "relay/status"];
        let mut listening = Listening::start(broker.client("mosquitto_sub", &self.reader.login(), &subscribe));
        let first = listening.line().await;
        assert!(first.starts_with(STATUS), "{first}");
        Receipts(listening)
    }
}

/// What the relay says to publishers.
pub(crate) struct Receipts(Listening);

impl Receipts {
    /// The next one: its topic, and what it says.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        loop {
            let line = self.0.line().await;
            // It says that at every connection.
            if !line.starts_with(STATUS) {
                let (topic, text) = line.split_once(' ').expect("a topic and a text");
                return (topic.to_owned(), serde_json::from_str(text).expect(&line));
            }
        }
    }

    /// The next one's result and code.
    pub(crate) async fn said(&mut self) -> (String, String) {
        let (_, receipt) = self.next().await;
        let field = |name: &str| receipt[name].as_str().expect("text").to_owned();
        (field("result"), field("code"))
    }
}
