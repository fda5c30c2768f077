//! The real binary and a card that is full or damaged: it says so, loses nothing that it acknowledged, and goes on by itself.

use crate::alarm::{listens, told, told_so_many};
use crate::killed::Publisher;
use crate::outages::{alone, hallo, verified};
use crate::program::{Machine, Mosquitto, Place, Relay, until};
use crate::webhook::{NUMBER, SECRET};
use drk_relay::domain::ids::PersonHash;
use drk_relay::port::clock::Clock;
use drk_relay::port::pseudonym::Pseudonyms;
use drk_relay::port::status::{Answer, Report};
use drk_relay::simulator::meta::webhook::{body, sign};
use drk_relay::simulator::meta::{Meta, Person};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// A card's size in megabytes: a few times what the relay wants to be free before it goes on.
const CARD: u32 = 4;
/// So many people fill whatever room is left in a store that cannot grow.
const MANY: u32 = 20_000;
const FULL: &str = "the disk is full";
const ROOM: &str = "there is room on the disk again";

/// What the state directory lies on.
enum Card {
    /// A file system of its own.
    Mounted(PathBuf),
    /// That of the machine, but no file may become longer. Needs no privilege; the system says EFBIG then, and not ENOSPC.
    Limited,
}

impl Card {
    /// A card for this machine; `None` if this user may not mount any.
    fn mounted(machine: &Machine) -> Option<Card> {
        let path = machine.path("state");
        fs::create_dir(&path).expect("a directory");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={CARD}m"), "tmpfs"]).arg(&path).status();
        mounted.is_ok_and(|status| status.success()).then_some(Card::Mounted(path))
    }

    fn start(&self, machine: &Machine) -> Relay {
        match self {
            Card::Mounted(_) => machine.start(),
            // The signal would end the process, and nothing on a device limits files.
            Card::Limited => machine.start_after("trap '' XFSZ"),
        }
    }

    /// Starts the relay on a card that is full already.
    fn start_full(&self, machine: &Machine) -> Relay {
        match self {
            Card::Mounted(_) => {
                self.ballast();
                machine.start()
            }
            // In blocks of 512 bytes: enough for the log, not for a store.
            Card::Limited => machine.start_after("trap '' XFSZ; ulimit -S -f 64"),
        }
    }

    /// From now on there is no room.
    fn fill(&self, machine: &Machine, relay: &Relay) {
        match self {
            Card::Mounted(_) => self.ballast(),
            Card::Limited => {
                limit(relay, &fs::metadata(machine.path("state/relay.redb")).expect("a store").len().to_string());
            }
        }
    }

    fn free(&self, relay: &Relay) {
        match self {
            Card::Mounted(path) => fs::remove_file(path.join("ballast")).expect("it was filled"),
            Card::Limited => limit(relay, "unlimited"),
        }
    }

    fn ballast(&self) {
        let Card::Mounted(path) = self else { return };
        let mut file = OpenOptions::new().create(true).append(true).open(path.join("ballast")).expect("a file");
        while file.write_all(&[0; 4096]).is_ok() {}
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        if let Card::Mounted(path) = self {
            drop(Command::new("umount").arg("--lazy").arg(path).status());
        }
    }
}

fn limit(relay: &Relay, bytes: &str) {
    let status =
        Command::new("prlimit").args(["--pid", &relay.id().to_string(), &format!("--fsize={bytes}:")]).status().expect("util-linux");
    assert!(status.success());
}

/// The status, once the relay answers like this.
async fn answers(machine: &Machine, like: impl Fn(&Answer) -> bool) -> Answer {
    until(async || {
        let (code, text, _) = machine.says(&["status", "--json"]).await;
        let report: Option<Report> = (code == Some(0)).then(|| serde_json::from_str(&text).expect("the document"));
        report.map(|report| report.relay).filter(&like)
    })
    .await
}

fn is_full(answer: &Answer) -> bool {
    matches!(answer, Answer::Full { .. })
}

/// Everyone who writes, and how they fared.
struct Crowd<'a> {
    machine: &'a Machine,
    /// One for all: it gives no two messages the same id, and duplicates are acknowledged without a commit.
    meta: Meta,
    number: u32,
    acknowledged: Vec<Person>,
}

impl<'a> Crowd<'a> {
    fn new(machine: &'a Machine) -> Crowd<'a> {
        Crowd { machine, meta: Meta::new(NUMBER), number: 0, acknowledged: Vec::new() }
    }

    /// Somebody new writes. Whether their webhook got its 200; Meta repeats it after a 503.
    async fn writes(&mut self) -> bool {
        self.number += 1;
        let person = Person::with_phone(self.number);
        self.meta.join(person.clone());
        let body = body(&[self.meta.message_webhook(&person.user_id, "Hallo", Clock::System.now().second())]);
        let head = format!("POST /webhook HTTP/1.1\r\nX-Hub-Signature-256: {}", sign(SECRET, &body));
        let status = self.machine.ask(&head, &body).await.map(|(status, _)| status);
        assert!(matches!(status, Some(200 | 503)), "{status:?}");
        if status == Some(200) {
            self.acknowledged.push(person);
        }
        status == Some(200)
    }

    async fn write_until_refused(&mut self) {
        for _ in 0..MANY {
            if !self.writes().await {
                return;
            }
        }
        panic!("the card was never full");
    }

    async fn write_until_heard(&mut self) {
        until(async || self.writes().await.then_some(())).await;
    }

    /// Promise 7: who got a 200 is there.
    fn all_there(&self) {
        let state = self.machine.store().load().expect("readable");
        let there: BTreeSet<PersonHash> = state.people.iter().map(|(_, person)| person.hash).collect();
        let pseudonyms = Pseudonyms::open(&self.machine.path("state/hash.key")).expect("a key");
        let missing = self.acknowledged.iter().filter(|person| !there.contains(&pseudonyms.person(&person.user_id))).count();
        assert_eq!(missing, 0, "acknowledged while the card was full, and never stored, of {}", self.acknowledged.len());
    }
}

async fn interrupted(card: impl Fn(&Machine) -> Card) {
    let (mosquitto, api) = (Mosquitto::start(Place::reserve()).await, Place::reserve());
    let machine = Machine::new(mosquitto.address, api.address);
    let card = card(&machine);
    let mut publisher = Publisher::connect(mosquitto.address).await;
    let relay = card.start(&machine);
    verified(&machine).await;
    answers(&machine, |answer| matches!(answer, Answer::Turning(relay) if relay.clock_trusted)).await;
    publisher.until(|heard| heard.online == 1).await;

    card.fill(&machine, &relay);
    let mut people = Crowd::new(&machine);
    people.write_until_refused().await;
    answers(&machine, is_full).await;
    let (code, text, _) = machine.says(&["status"]).await;
    assert!(code == Some(0) && text.contains("Die Speicherkarte ist voll, seit ") && text.contains("Abhilfe: Platz schaffen"), "{text}");
    publisher.publish_day(0, false).await;
    relay.kill().await;

    // It is full still when it starts again.
    let mut relay = card.start(&machine);
    if let Card::Limited = card {
        limit(&relay, &fs::metadata(machine.path("state/relay.redb")).expect("a store").len().to_string());
    }
    verified(&machine).await;
    people.write_until_refused().await;
    answers(&machine, is_full).await;
    publisher.publish_day(1, false).await;
    for _ in 0..20 {
        assert!(!people.writes().await, "acknowledged while the card is full");
    }
    assert_eq!(relay.ended(), None, "a full card ends nothing");

    card.free(&relay);
    people.write_until_heard().await;
    // The broker repeats what was not acknowledged: figures of both days, or of the newer one only.
    publisher.until(|heard| heard.receipts.iter().any(|receipt| receipt["as_of"] == "2015-01-02")).await;
    let answer = answers(&machine, |answer| !is_full(answer)).await;
    assert!(matches!(answer, Answer::Turning(relay) if relay.clock_trusted), "nobody tells it again that the clock is right");
    assert_eq!(relay.stop().await.code(), Some(0));
    let log = machine.log();
    assert_eq!((log.matches(FULL).count(), log.matches(ROOM).count()), (2, 1), "{log}");
    people.all_there();
}

async fn full_from_the_start(card: impl Fn(&Machine) -> Card) {
    let (machine, _broker, _api) = alone();
    let card = card(&machine);
    let relay = card.start(&machine);
    verified(&machine).await;
    assert_eq!(relay.stop().await.code(), Some(0));
    // The key is there, and the store is still to be made.
    fs::remove_file(machine.path("state/relay.redb")).expect("a store");
    let mut relay = card.start_full(&machine);
    answers(&machine, is_full).await;
    let mut people = Crowd::new(&machine);
    assert!(!people.writes().await, "acknowledged without a store");
    assert_eq!(relay.ended(), None);
    card.free(&relay);
    people.write_until_heard().await;
    assert_eq!(relay.stop().await.code(), Some(0));
    let (log, files) = (machine.log(), fs::read_dir(machine.path("state")).expect("a directory"));
    assert_eq!((log.matches(FULL).count(), log.matches(ROOM).count()), (1, 1), "{log}");
    let odd: Vec<_> = files.map(|file| file.expect("a file").file_name()).filter(|name| name.to_string_lossy().contains("redb.")).collect();
    assert!(odd.is_empty(), "{odd:?}");
    people.all_there();
}

#[tokio::test]
async fn a_full_card_interrupts_and_loses_nothing() {
    interrupted(|_| Card::Limited).await;
    // Where nobody may mount anything, the limit has proved the same.
    interrupted(|machine| Card::mounted(machine).unwrap_or(Card::Limited)).await;
}

#[tokio::test]
async fn a_card_may_be_full_before_there_is_a_store() {
    full_from_the_start(|_| Card::Limited).await;
    full_from_the_start(|machine| Card::mounted(machine).unwrap_or(Card::Limited)).await;
}

/// Although nothing can be written down, not even that it was told.
#[tokio::test]
async fn a_full_card_is_told() {
    let (machine, _broker, _api) = alone();
    listens(&machine);
    let card = Card::mounted(&machine).unwrap_or(Card::Limited);
    let relay = card.start(&machine);
    verified(&machine).await;
    card.fill(&machine, &relay);
    Crowd::new(&machine).write_until_refused().await;
    assert_eq!(told_so_many(&machine, 1).await, ["disk-full on"]);
    let answer = answers(&machine, |answer| !matches!(answer, Answer::Silent)).await;
    assert!(is_full(&answer), "{answer:?}");
    card.free(&relay);
    // Written down as soon as there is room, so that another process knows.
    until(async || fs::read_to_string(machine.path("state/alarms.json")).ok().filter(|text| text.contains("disk-full"))).await;
    assert_eq!((relay.stop().await.code(), told(&machine)), (Some(0), vec!["disk-full on".to_owned()]));
}

#[tokio::test]
async fn a_damaged_store_is_set_aside_and_named() {
    let (machine, _broker, _api) = alone();
    let relay = machine.start();
    verified(&machine).await;
    let person = Person::with_phone(1);
    assert_eq!(hallo(&machine, &person, Clock::System.now().second()).await.1, Some(200));
    assert_eq!(relay.stop().await.code(), Some(0));

    let store = machine.path("state/relay.redb");
    let mut damaged = fs::read(&store).expect("a store");
    damaged[..4096].fill(0);
    fs::write(&store, &damaged).expect("written");
    let relay = machine.start();
    verified(&machine).await;
    let (code, text, _) = machine.says(&["status"]).await;
    let path = text.split_once("liegt jetzt unverändert als ").and_then(|(_, rest)| Some(rest.split_once(';')?.0)).expect("where it lies");
    let path = PathBuf::from(path);
    assert!(code == Some(0) && text.contains("personenbezogene Daten") && text.contains("wer schreibt, wird neu gefragt"), "{text}");
    assert!(path.starts_with(machine.path("state")) && fs::read(&path).expect("it lies there") == damaged, "it was changed");
    let log = machine.log();
    let named = log
        .lines()
        .any(|line| line.contains("ERROR") && line.contains("the store is damaged") && line.contains(path.to_str().expect("text")));
    assert!(named && !log.contains("panicked"), "{log}");
    assert_eq!(hallo(&machine, &person, Clock::System.now().second()).await.1, Some(200), "it works");
    fs::remove_file(&path).expect("examined");
    assert!(!machine.says(&["status"]).await.1.contains("liegt jetzt unverändert"), "it is said as long as it lies there");
    assert_eq!(relay.stop().await.code(), Some(0));
}
