//! `drk-relay status` and the socket behind it: the real binary asked, killed and doubled, and a relay that hangs. What the numbers mean is
//! for the tests of the middle.

use crate::program::{Machine, Place, says, until, within};
use crate::webhook::{NUMBER, SECRET};
use drk_relay::config::StatusConfig;
use drk_relay::domain::backup::Backup;
use drk_relay::domain::conversation::{Person, Reminder, Subscription, Talk};
use drk_relay::domain::decision::Change;
use drk_relay::domain::figures::Feed;
use drk_relay::domain::ids::{FeedId, FeedSet, Name, PersonHash, PersonId};
use drk_relay::domain::rules::{FeedRules, MetricKind, MetricRules, Rules};
use drk_relay::domain::state as domain;
use drk_relay::domain::time::Timestamp;
use drk_relay::domain::window::Window;
use drk_relay::port::alarms::Alarms;
use drk_relay::port::backup::Document;
use drk_relay::port::board::{Board, Links, WayLinks};
use drk_relay::port::clock::Clock;
use drk_relay::port::link::Link;
use drk_relay::port::status::{Answer, NoBackup, Relay, Report, State, Unavailable, ask, ask_for_backup, bind, serve};
use drk_relay::port::update::Trial;
use drk_relay::port::{Arrival, INBOX};
use drk_relay::relay::pulse::{PeopleCount, Pulse};
use drk_relay::simulator::meta::webhook::{body, sign};
use drk_relay::simulator::meta::{Meta, Person as Sender};
use jiff::tz::TimeZone;
use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

/// A machine with nobody to talk to.
fn alone() -> (Machine, [Place; 2]) {
    let places = [Place::reserve(), Place::reserve()];
    (Machine::new(places[0].address, places[1].address), places)
}

/// The first status that is like this.
async fn report(machine: &Machine, like: impl Fn(&Report) -> bool) -> Report {
    until(async || {
        let (code, text, _) = machine.says(&["status", "--json"]).await;
        let report = (code == Some(0)).then(|| serde_json::from_str(&text).expect("the document"));
        report.filter(&like)
    })
    .await
}

fn turning(report: &Report) -> &Relay {
    match &report.relay {
        Answer::Turning(relay) => relay,
        Answer::Full { .. } | Answer::Silent => panic!("it answers"),
    }
}

#[tokio::test]
async fn the_running_relay_says_how_it_fares() {
    let (machine, _places) = alone();
    let (code, text, why) = machine.says(&["status"]).await;
    assert_eq!((code, text.as_str()), (Some(1), ""));
    assert!(why.contains("Das Relay läuft nicht (oder dieser Benutzer darf nicht fragen)") && why.contains("Abhilfe"), "{why}");

    let relay = machine.start();
    let first = report(&machine, |report| turning(report).clock_trusted).await;
    assert_eq!((first.schema, first.version.as_str(), first.time_zone.as_str()), (1, env!("CARGO_PKG_VERSION"), "Europe/Berlin"));
    assert_eq!((first.links.webhook.state, first.links.graph.state), (State::Untried, State::Untried));
    assert!(first.started <= first.now && turning(&first).ingress.is_none());

    let person = Sender::with_phone(1);
    let mut meta = Meta::new(NUMBER);
    meta.join(person.clone());
    let said = body(&[meta.message_webhook(&person.user_id, "Hallo", Clock::System.now().second())]);
    let head = format!("POST /webhook HTTP/1.1\r\nX-Hub-Signature-256: {}", sign(SECRET, &said));
    assert_eq!(machine.ask(&head, &said).await.expect("it runs").0, 200);

    let seen = report(&machine, |report| report.links.mqtt.state == State::Down).await;
    let Relay { people, open_windows, feeds, .. } = turning(&seen);
    assert_eq!((people.new + people.asked, people.subscribed, *open_windows), (1, 0, 1));
    assert_eq!((feeds[0].name.as_str(), feeds[0].as_of), ("corona", None));
    assert_eq!((seen.links.mqtt.state, seen.links.webhook.state), (State::Down, State::Up));
    assert!(seen.links.mqtt.why.as_deref().expect("why").contains("keine Verbindung zum Broker"));
    assert!(turning(&seen).ingress.is_some());

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
    report(&machine, |_| true).await;
    let socket = machine.path("state/status.sock");
    assert_eq!(fs::metadata(&socket).expect("there").permissions().mode() & 0o777, 0o660);
    relay.kill().await;
    assert!(socket.exists(), "nobody tidied up");
    let (code, _, why) = machine.says(&["status"]).await;
    assert!(code == Some(1) && why.contains("Das Relay läuft nicht"), "{why}");
    let relay = machine.start();
    let first = report(&machine, |_| true).await;

    // Another branch's relay on the same machine, with a slip in its configuration.
    let (other, _others) = alone();
    other.edit("relay.toml", "[branch]", &format!("[status]\nsocket = \"{}\"\n[branch]", socket.display()));
    let (code, why) = other.refused().await;
    assert!(code == Some(1) && why.contains("antwortet schon ein anderes Relay. Abhilfe: "), "{why}");
    assert_eq!(report(&machine, |_| true).await.started.as_second(), first.started.as_second(), "the first one still answers");
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
    backup: watch::Sender<Backup>,
    arrivals: mpsc::Receiver<Arrival>,
    _directory: TempDir,
    _server: AbortOnDropHandle<Infallible>,
}

fn served() -> Served {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("status.sock");
    let listener = bind(&StatusConfig { socket: socket.clone() }).expect("a free place");
    let (inbox, arrivals) = mpsc::channel(INBOX);
    let (clock, pulse, backup) = (Clock::System, watch::Sender::default(), watch::Sender::default());
    let link = || Link::new(Clock::System);
    let links = Links { mqtt: link(), graph: link(), webhook: link(), ways: WayLinks::default() };
    let (board_backup, started) = (backup.clone(), clock.mark());
    let alarms = Alarms::silent();
    let board = Board {
        pulse: pulse.clone(),
        backup: board_backup,
        answers: broadcast::Sender::new(1),
        inbox,
        links,
        alarms,
        started,
        clock,
        zone: TimeZone::UTC,
        trial: Trial::default(),
    };
    let server = tokio::spawn(async move { serve(&listener, &board).await });
    Served { socket, pulse, backup, arrivals, _directory: directory, _server: AbortOnDropHandle::new(server) }
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

/// What a relay with these figures answers to these bytes, when the peer then says no more (`half`), or does not hang up.
async fn answer_to(bytes: &[u8], half: bool) -> String {
    let mut served = served();
    let relay = AbortOnDropHandle::new(tokio::spawn(async move {
        while served.arrivals.recv().await.is_some() {
            served.pulse.send_replace(Pulse::default());
            served.backup.send_replace(Backup { feeds: vec![Feed::new(Name::new("corona").expect("a name"))], ..Backup::default() });
        }
    }));
    let (mut stream, mut text) = (UnixStream::connect(&served.socket).await.expect("it serves"), String::new());
    stream.write_all(bytes).await.expect("a small word");
    if half {
        stream.shutdown().await.expect("connected");
    }
    within(stream.read_to_string(&mut text)).await.expect("an answer");
    drop(relay);
    text
}

#[tokio::test]
async fn one_word_is_understood() {
    for (word, half) in [("", true), ("", false), ("\n", false), ("status\n", false), ("status", true), ("status", false)] {
        let report: Report = serde_json::from_str(&answer_to(word.as_bytes(), half).await).expect("the document");
        assert!(matches!(report.relay, Answer::Turning(_)), "{word:?} {half}");
    }
    for (word, half) in [("backup\n", false), (" backup\r\n", false), ("backup", true)] {
        let document = Document::read(answer_to(word.as_bytes(), half).await.as_bytes()).expect("a backup");
        assert_eq!((document.backup.feeds.len(), document.configuration), (1, None), "{word:?} {half}");
    }
    for (word, half) in [("restore\n", false), ("backup now\n", false), ("Backup\n", false), ("\u{0}", true), ("0123456789abcdef", false)] {
        let text = answer_to(word.as_bytes(), half).await;
        assert!(text.contains("Dieses Wort kennt das Relay nicht. Abhilfe: ") && text.contains("refused"), "{word:?}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_makes_no_step_gives_no_backup() {
    let served = served();
    let refused = ask_for_backup(&served.socket).await.expect_err("it hangs");
    assert!(matches!(&refused, NoBackup::Refused(why) if why.contains("Abhilfe: drk-relay status")), "{refused}");
    drop(served);
    let gone = ask_for_backup(Path::new("/nowhere")).await.expect_err("nobody is there");
    assert!(matches!(gone, NoBackup::Nobody(_)), "{gone}");
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

/// Everything that can be shown at once, five minutes after a start on a day in November.
const DOCUMENT: &str = r#"{
  "schema": 1, "version": "0.1.0", "now": "2026-11-22T17:30:00Z", "started": "2026-11-22T17:25:00Z", "time_zone": "Europe/Berlin",
  "clock": {"trusted": true, "says": "gestellt nach Metas Uhr", "since": "2026-11-22T17:25:02Z",
    "meta_ahead": 1200, "system_ahead": -93600000},
  "links": {
    "mqtt": {"state": "down", "since": "2026-11-22T17:29:18Z", "why": "keine Verbindung zum Broker: x", "latest": "2026-11-22T17:26:00Z"},
    "graph": {"state": "untried", "since": "2026-11-22T17:25:00Z", "why": null, "latest": null},
    "webhook": {"state": "up", "since": "2026-11-22T17:25:30Z", "why": null, "latest": "2026-11-22T17:29:00Z"}
  },
  "relay": {
    "answer": "turning", "clock_trusted": false, "next_step": null, "next_reminder": "2026-11-23T10:42:00Z",
    "people": {"new": 1, "asked": 2, "waiting": 3, "subscribed": 17, "lapsed": 4, "orphaned": 5, "stopped": 6},
    "open_windows": 20,
    "outbox": {"queued": 1, "resting": 2, "in_flight": 3, "unknown": 4, "accepted": 5, "delivered": 6, "failed": 7},
    "held": {"code": 190, "since": "2026-11-20T15:30:00Z", "until": "2026-11-22T17:30:45Z"},
    "pace": {"rate": 60, "permitted": 80, "guard": 12, "repeated": 3},
    "feeds": [
      {"name": "corona", "title": "Corona", "as_of": "2026-11-22", "revision": 12, "published": "2026-11-22T11:04:30Z",
        "due": "2026-11-22T15:00:00Z", "overdue": "2026-11-22T15:00:00Z"},
      {"name": "rsv", "title": "RSV", "as_of": null, "revision": 0, "published": null, "due": "2026-11-23T12:00:00Z"}
    ],
    "lacking": 8,
    "budget": {"sent": 612, "free": 600, "paid": 0, "forecast": 960, "limit": 1000, "standing": "enough", "surprise": null, "places": 26,
      "taken": 25},
    "ingress": {"since": "2026-11-22T17:25:30Z", "latest": "2026-11-22T17:29:00Z"},
    "last_day": "2026-12-31",
    "damaged": ["/var/lib/drk-relay/relay.redb.damaged-20261122-172500"], "added_later": {"and": "not known yet"}
  }
}"#;

/// A relay that does not know what time it is.
const DOUBTED: &str = r#"{
  "schema": 1, "version": "0.1.0", "now": "2026-11-22T17:30:00Z", "started": "2026-11-22T17:25:00Z", "time_zone": "Europe/Berlin",
  "clock": {"trusted": false, "says": "noch nicht gestellt: bis sie bestätigt ist, wird nichts gesendet", "since": "2026-11-22T17:25:00Z",
    "meta_ahead": null, "system_ahead": 0},
  "links": {
    "mqtt": {"state": "untried", "since": "2026-11-22T17:25:00Z", "why": null, "latest": null},
    "graph": {"state": "untried", "since": "2026-11-22T17:25:00Z", "why": null, "latest": null},
    "webhook": {"state": "untried", "since": "2026-11-22T17:25:00Z", "why": null, "latest": null}
  },
  "relay": {
    "answer": "turning", "clock_trusted": false, "next_step": null, "next_reminder": null,
    "people": {"new": 0, "asked": 0, "waiting": 0, "subscribed": 0, "lapsed": 0, "orphaned": 0, "stopped": 0}, "open_windows": 0,
    "outbox": {"queued": 0, "resting": 0, "in_flight": 0, "unknown": 0, "accepted": 0, "delivered": 0, "failed": 0},
    "held": null, "feeds": [], "lacking": null,
    "budget": {"sent": 0, "free": 0, "paid": 0, "forecast": 0, "limit": null, "standing": "enough", "surprise": null,
      "places": null, "taken": 0},
    "ingress": null, "last_day": null
  }
}"#;

const PAGE: &str = "\
drk-relay 0.1.0, läuft seit 5 min (22.11.2026 18:25)

  MQTT                 gestört seit 42 s: keine Verbindung zum Broker: x; zuletzt vor 4 min
  Senden an Meta       seit dem Start noch nichts gesendet
  Webhooks von Meta    kommen an seit 4 min, zuletzt vor 1 min
  Achtung              Der Speicher war beschädigt und liegt jetzt unverändert als /var/lib/drk-relay/relay.redb.damaged-20261122-172500; \
überschrieben wurde nichts. Das Relay hat neu begonnen: wer schreibt, wird neu gefragt. Abhilfe: Speicherkarte prüfen; die Datei enthält \
personenbezogene Daten, deshalb löschen, sobald niemand sie mehr untersuchen will
  Uhr                  gestellt nach Metas Uhr; Metas Uhr geht 1 Sekunde vor
  Uhr des Systems      geht 1 Tag nach: danach richtet sich das Relay nicht. Abhilfe: timedatectl

  Abos                 17
  gefragt              3
  auf der Warteliste   3
  ruhend               4 (haben nicht geantwortet; ein „Ja“ nimmt das Abo wieder auf)
  unterbrochen         5 (durch eine Störung bei uns; wer schreibt, erfährt davon)
  abgemeldet           6 (in den letzten 25 Stunden)
  offene Fenster       20
  nächste Erinnerung   23.11.2026 11:42, in 17 h 12 min

  Ausgang              1 warten, 2 nach Fehlversuch, 3 unterwegs, 4 ungeklärt
                       5 angenommen, 6 zugestellt, 7 gescheitert
  Senden angehalten    seit 2 Tagen 2 h: Meta lehnt ab mit Code 190; nächster Versuch 22.11.2026 18:30, in 45 s. Abhilfe: Token, Nummer \
und Konto im WhatsApp Manager prüfen
  Tempo                60 von 80 Nachrichten je Sekunde: Meta hat gebremst; es steigt von selbst wieder
  Sendeschluss         12 s vor dem Ende eines Fensters statt 5 s: Meta antwortet langsam oder unsere Uhr geht nach. Abhilfe: \
Internetverbindung und timedatectl prüfen
  vielleicht doppelt   3 Zahlenmeldungen: ob die erste ankam, war nicht zu erfahren
  in diesem Monat      612 von 1000 Nachrichten gesendet; laut Meta 600 kostenlos, 0 berechnet
                       voraussichtlich 960 bis zum Monatsende
  Plätze               25 von 26 vergeben
  letzter Tag          31.12.2026

  Zahlenreihe          Corona (corona)
  letzte Zahlen        vom 22.11.2026, veröffentlicht 22.11.2026 12:04
  nächste Zahlen       überfällig seit 2 h 30 min (22.11.2026 16:00)

  Zahlenreihe          RSV (rsv)
  letzte Zahlen        noch keine
  nächste Zahlen       erwartet bis 23.11.2026 13:00
  wird verteilt        8 Abos fehlt noch etwas
";

/// What the command says when a relay answers like this.
async fn shown(document: &'static str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("status.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let relay = AbortOnDropHandle::new(tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("asked");
        stream.write_all(document.as_bytes()).await.expect("read");
    }));
    let said = says(&[arguments, &["--socket", socket.to_str().expect("text")]].concat()).await;
    relay.await.expect("it answered");
    said
}

#[tokio::test]
async fn a_technician_reads_german_and_a_program_the_document() {
    assert_eq!(shown(DOCUMENT, &["status"]).await, (Some(0), PAGE.to_owned(), String::new()));
    // Printed text ends a line.
    assert_eq!(shown(DOCUMENT, &["status", "--json"]).await, (Some(0), format!("{DOCUMENT}\n"), String::new()));
    let (_, text, _) = shown(DOUBTED, &["status"]).await;
    let clock = "  Uhr                  noch nicht gestellt: bis sie bestätigt ist, wird nichts gesendet (seit 5 min)\n\n  Abos";
    assert!(text.contains(clock), "{text}");
    let newer = r#"{"schema": 2}"#;
    let (code, text, why) = shown(newer, &["status"]).await;
    assert!(code == Some(1) && text.is_empty() && why.contains("Abhilfe: das Relay nach einem Update neu starten"), "{why}");
    assert_eq!(shown(newer, &["status", "--json"]).await, (Some(0), format!("{newer}\n"), String::new()), "a program may understand it");
    let (code, _, why) = shown("", &["status", "--json"]).await;
    assert!(code == Some(1) && why.contains("nicht von einem Relay"), "{why}");
}

fn person(hash: u64, latest: Timestamp, talk: Talk) -> Change {
    Change::Person(
        PersonId(u32::try_from(hash).expect("small")),
        Person { hash: PersonHash(hash), alias: None, window: Window::opened(latest), talk, burst: None },
    )
}

#[test]
fn a_pulse_counts_and_shows_nobody() {
    let now = Timestamp(1_795_000_000);
    let subscription = Subscription { feeds: FeedSet::default().with(FeedId(0)), wording: 1, consent: now, yes: now, revision: 0 };
    let subscribed = |reminder| Talk::Subscribed { subscription, reminder };
    let hour = |hours: u32| now.minus(hours * 3_600);
    let talks = [
        (hour(1), Talk::New),
        (hour(2), Talk::Asked { answered: now, revision: 0, stopped: None, before: None }),
        (hour(3), Talk::Waiting { since: now, answered: now, feeds: FeedSet::default(), offered: true }),
        (hour(4), subscribed(Reminder::Pending)),
        (hour(5), subscribed(Reminder::Pending)),
        (hour(23), subscribed(Reminder::Sent)),
        (hour(24), subscribed(Reminder::Spared)),
        (hour(25), Talk::Lapsed { subscription }),
        (hour(26), Talk::Orphaned { subscription }),
        (hour(6), Talk::Stopped { at: now }),
    ];
    let mut state = domain::State::default();
    for (hash, (latest, talk)) in (0..).zip(talks) {
        state.apply(&person(hash, latest, talk));
    }
    let metric = MetricRules::new(Name::new("cases").expect("a name"), "Fälle", MetricKind::Count);
    let feed = FeedRules::new(Name::new("corona").expect("a name"), "Corona", vec![metric]);
    let rules = Rules::new("DRK-Ortsverein Musterstadt", "", "drk.example", TimeZone::UTC, vec![feed]);
    let rules = Rules { monthly_messages: Some(1_000), ..rules };
    let pulse = Pulse::of(&state, &rules, now.millis(), None);
    let people = PeopleCount { new: 1, asked: 1, waiting: 1, subscribed: 4, lapsed: 1, orphaned: 1, stopped: 1 };
    assert_eq!((pulse.people, pulse.open_windows), (people, 6));
    assert_eq!(pulse.next_reminder, Some(hour(5).plus(23 * 3_600 + 59 * 60)));
    assert_eq!((pulse.budget.places, pulse.budget.taken, pulse.clock_trusted), (Some(26), 7, false));
    assert_eq!((pulse.feeds.len(), pulse.feeds[0].current.as_ref(), pulse.held, pulse.lacking), (1, None, None, None));
}
