//! `drk-relay status` and the socket behind it: the real binary asked, killed and doubled, and a relay that hangs. What the numbers mean is
//! for the tests of the middle.

use crate::program::{Machine, Place, until, within};
use crate::webhook::{NUMBER, SECRET};
use drk_relay::config::StatusConfig;
use drk_relay::port::board::{Board, Links};
use drk_relay::port::clock::Clock;
use drk_relay::port::link::Link;
use drk_relay::port::status::{Answer, Relay, Report, State, Unavailable, ask, bind, serve};
use drk_relay::port::{Arrival, INBOX};
use drk_relay::relay::pulse::Pulse;
use drk_relay::simulator::meta::webhook::{body, sign};
use drk_relay::simulator::meta::{Meta, Person};
use jiff::tz::TimeZone;
use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

/// A machine with nobody to talk to.
fn alone() -> (Machine, [Place; 2]) {
    let places = [Place::reserve(), Place::reserve()];
    (Machine::new(places[0].address, places[1].address), places)
}

/// The status as soon as there is one.
async fn report(machine: &Machine) -> Report {
    let text = until(async || {
        let (code, text, _) = machine.says(&["status", "--json"]).await;
        (code == Some(0)).then_some(text)
    });
    serde_json::from_str(&text.await).expect("the document")
}

fn turning(report: &Report) -> &Relay {
    match &report.relay {
        Answer::Turning(relay) => relay,
        Answer::Silent => panic!("it answers"),
    }
}

#[tokio::test]
async fn the_running_relay_says_how_it_fares() {
    let (machine, _places) = alone();
    let (code, text, why) = machine.says(&["status"]).await;
    assert_eq!((code, text.as_str()), (Some(1), ""));
    assert!(why.contains("Das Relay läuft nicht (oder dieser Benutzer darf nicht fragen)") && why.contains("Abhilfe"), "{why}");

    let relay = machine.start();
    let first = report(&machine).await;
    assert_eq!((first.schema, first.version.as_str(), first.time_zone.as_str()), (1, env!("CARGO_PKG_VERSION"), "Europe/Berlin"));
    assert_eq!((first.links.webhook.state, first.links.graph.state), (State::Untried, State::Untried));
    assert!(first.started <= first.now && turning(&first).clock_trusted);

    let person = Person::with_phone(1);
    let mut meta = Meta::new(NUMBER);
    meta.join(person.clone());
    let said = body(&[meta.message_webhook(&person.user_id, "Hallo", Clock::System.now().second())]);
    let head = format!("POST /webhook HTTP/1.1\r\nX-Hub-Signature-256: {}", sign(SECRET, &said));
    assert_eq!(machine.ask(&head, &said).await.expect("it runs").0, 200);

    let seen = report(&machine).await;
    let Relay { people, open_windows, feeds, .. } = turning(&seen);
    assert_eq!((people.new + people.asked, people.subscribed, *open_windows), (1, 0, 1));
    assert_eq!((feeds[0].name.as_str(), feeds[0].as_of), ("corona", None));
    assert_eq!((seen.links.mqtt.state, seen.links.webhook.state), (State::Down, State::Up));
    assert!(seen.links.mqtt.why.expect("why").contains("keine Verbindung zum Broker"));
    assert!(turning(&report(&machine).await).ingress.is_some());

    let (code, text, _) = machine.says(&["status"]).await;
    assert_eq!(code, Some(0));
    for line in
        ["läuft seit ", "  MQTT                 gestört seit ", "  gefragt              1\n", "  offene Fenster       1\n", "(corona)"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    let (_, json, _) = machine.says(&["status", "--json"]).await;
    for secret in [person.user_id.as_str(), "Hallo", "wamid", "4915"] {
        assert!(!text.contains(secret) && !json.contains(secret), "{secret}: {json}");
    }
    assert_eq!(relay.stop().await.code(), Some(0));
}

#[tokio::test]
async fn a_killed_relays_socket_is_replaced_and_a_living_ones_is_not() {
    let (machine, _places) = alone();
    let relay = machine.start();
    report(&machine).await;
    let socket = machine.path("state/status.sock");
    assert_eq!(fs::metadata(&socket).expect("there").permissions().mode() & 0o777, 0o660);
    relay.kill().await;
    assert!(socket.exists(), "nobody tidied up");
    let (code, _, why) = machine.says(&["status"]).await;
    assert!(code == Some(1) && why.contains("Das Relay läuft nicht"), "{why}");
    let relay = machine.start();
    let first = report(&machine).await;

    // Another branch's relay on the same machine, with a slip in its configuration.
    let (other, _others) = alone();
    other.edit("relay.toml", "[branch]", &format!("[status]\nsocket = \"{}\"\n[branch]", socket.display()));
    let (code, why) = other.refused().await;
    assert!(code == Some(1) && why.contains("antwortet schon ein anderes Relay. Abhilfe: "), "{why}");
    assert_eq!(report(&machine).await.started.as_second(), first.started.as_second(), "the first one still answers");
    assert_eq!(relay.stop().await.code(), Some(0));
}

#[tokio::test]
async fn without_a_place_for_the_socket_the_relay_does_what_it_is_for() {
    let (machine, _places) = alone();
    machine.write("notes", "do not lose me", 0o600);
    machine.edit("relay.toml", "[branch]", "[status]\nsocket = \"notes\"\n[branch]");
    let relay = machine.start();
    until(async || machine.log().contains("dort liegt eine Datei, die kein Socket ist").then_some(())).await;
    until(async || machine.ask("GET / HTTP/1.1", b"").await).await;
    assert_eq!(fs::read_to_string(machine.path("notes")).expect("text"), "do not lose me");
    assert_eq!(relay.stop().await.code(), Some(0));
}

/// A socket and what is behind it, served.
struct Served {
    socket: PathBuf,
    pulse: watch::Sender<Pulse>,
    arrivals: mpsc::Receiver<Arrival>,
    _directory: TempDir,
    _server: AbortOnDropHandle<Infallible>,
}

fn served() -> Served {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("status.sock");
    let listener = bind(&StatusConfig { socket: socket.clone() }).expect("a free place");
    let (inbox, arrivals) = mpsc::channel(INBOX);
    let (clock, pulse) = (Clock::System, watch::Sender::default());
    let link = || Link::new(Clock::System);
    let links = Links { mqtt: link(), graph: link(), webhook: link() };
    let board = Board { pulse: pulse.clone(), inbox, links, started: clock.mark(), clock, zone: TimeZone::UTC };
    let server = tokio::spawn(async move { serve(&listener, &board).await });
    Served { socket, pulse, arrivals, _directory: directory, _server: AbortOnDropHandle::new(server) }
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_makes_no_step_is_a_finding() {
    let mut served = served();
    let text = ask(&served.socket).await.expect("an answer");
    let report: Report = serde_json::from_str(&text).expect("the document");
    assert_eq!(report.relay, Answer::Silent);
    let arrival = served.arrivals.recv().await.expect("it was asked to step");
    assert!(arrival.events.is_empty());
    assert!(served.pulse.is_closed(), "nobody looks any more");
}

#[tokio::test]
async fn those_who_do_not_read_are_in_nobodys_way() {
    let mut served = served();
    let relay = AbortOnDropHandle::new(tokio::spawn(async move {
        while served.arrivals.recv().await.is_some() {
            served.pulse.send_replace(Pulse::default());
        }
    }));
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(UnixStream::connect(&served.socket).await.expect("room in the backlog"));
    }
    let asked = (0..20).map(|_| {
        let socket = served.socket.clone();
        tokio::spawn(async move { ask(&socket).await.expect("an answer") })
    });
    for text in asked.collect::<Vec<_>>() {
        let report: Report = serde_json::from_str(&within(text).await.expect("asked")).expect("the document");
        assert!(matches!(report.relay, Answer::Turning(_)));
    }
    drop((relay, silent));
}

#[tokio::test]
async fn only_sockets_are_replaced() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = |name: &str| StatusConfig { socket: directory.path().join(name) };
    let first = bind(&config("a")).expect("free");
    assert!(matches!(bind(&config("a")), Err(Unavailable::Taken(_))));
    drop(first);
    let again = bind(&config("a")).expect("left behind");
    std::os::unix::fs::symlink(directory.path().join("a"), directory.path().join("link")).expect("a link");
    fs::write(directory.path().join("file"), "x").expect("written");
    for name in ["link", "file"] {
        assert!(matches!(bind(&config(name)), Err(Unavailable::NoSocket(_))), "{name}");
    }
    for name in ["missing/a", &"a".repeat(200)] {
        assert!(matches!(bind(&config(name)), Err(Unavailable::System { .. })), "{name}");
    }
    drop(again);
}
