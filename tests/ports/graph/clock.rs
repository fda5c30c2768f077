//! The real binary on a machine whose clock is wrong, without a time server: it learns the time from Meta's `Date`, over TLS whose
//! certificates are good this year and next, and then answers people. The clock is libfaketime's (Debian), and is set while the relay runs.

use super::tls::Authority;
use super::{SECRET, TOKEN, graph, listener, send};
use crate::program::{Machine, Place, Relay, until, within};
use crate::webhook::NUMBER;
use drk_relay::config::ClockConfig;
use drk_relay::domain::event::Outcome;
use drk_relay::domain::time::Timestamp;
use drk_relay::port::clock::Clock;
use drk_relay::simulator::cloud::{Accepted, Cloud, CloudConfig};
use drk_relay::simulator::meta::{Person, Refusal};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// For threads, and with the monotonic clock as it is.
fn libfaketime() -> PathBuf {
    let folders =
        fs::read_dir("/usr/lib").expect("a system").filter_map(|folder| Some(folder.ok()?.path().join("faketime/libfaketimeMT.so.1")));
    folders.into_iter().find(|library| library.exists()).expect("faketime is installed")
}

/// A branch's machine that has just been switched on, and a Meta that it reaches by TLS.
struct Wrong {
    machine: Machine,
    cloud: Cloud,
    accepted: mpsc::Receiver<Accepted>,
    person: Person,
    _front: AbortOnDropHandle<()>,
    _relay: Relay,
}

impl Wrong {
    /// Its clock is wrong by so many seconds.
    async fn by(seconds: i64) -> Wrong {
        let now = Clock::System.now().second();
        let year = 1970 + i32::try_from(now.0 / 31_556_952).expect("this century");
        let authority = Authority::valid(year, year + 2);
        let (behind, url) = listener().await;
        let (meta, front) = authority.front(url.trim_start_matches("http://").parse().expect("an address")).await;
        let machine = Machine::new(Place::reserve().address, meta);
        machine.edit("relay.toml", "trust = \"always\"", "trust = \"proven\"");
        machine.edit("relay.toml", "base_url = \"http://", "base_url = \"https://");
        machine.edit("relay.toml", "[ingress]\n", "[egress]\nca_file = \"ca.pem\"\n[ingress]\n");
        machine.write("ca.pem", std::str::from_utf8(&authority.root).expect("PEM"), 0o644);
        machine.write("token", TOKEN, 0o600);
        let (noticed, accepted) = mpsc::channel(16);
        let (version, phone_number_id) = ("v26.0".to_owned(), NUMBER.to_owned());
        let webhook = format!("http://{}/webhook", machine.webhook.address);
        let config = CloudConfig {
            version,
            phone_number_id,
            token: TOKEN.into(),
            app_secret: SECRET.into(),
            webhook,
            refusal: Refusal::AtOnce,
            repeat_every: 0,
        };
        let cloud = Cloud::start(behind, config, Clock::System, noticed).expect("a cloud");
        let person = Person::with_phone(1);
        cloud.join(person.clone());
        set(&machine, seconds);
        let variables = [
            ("LD_PRELOAD", libfaketime().display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", machine.path("faketime").display().to_string()),
            ("FAKETIME_CACHE_DURATION", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        let exports: Vec<String> = variables.iter().map(|(name, value)| format!("export {name}='{value}'")).collect();
        let relay = machine.start_after(&exports.join("; "));
        Wrong { machine, cloud, accepted, person, _front: front, _relay: relay }
    }

    /// What the status says of the clock, once it is so.
    async fn clock(&self, what: impl Fn(&Value) -> bool) -> Value {
        until(async || {
            let (code, said, _) = self.machine.says(&["status", "--json"]).await;
            let report: Value = serde_json::from_str(&said).ok().filter(|_| code == Some(0))?;
            let clock = report.get("clock")?.clone();
            what(&clock).then_some(clock)
        })
        .await
    }

    /// Writes, and is answered.
    async fn writes(&mut self, text: &str) -> Accepted {
        self.cloud.say(&self.person.user_id, text).await;
        within(self.accepted.recv()).await.expect("answered")
    }
}

/// The machine's clock is wrong by so many seconds from now on.
fn set(machine: &Machine, seconds: i64) {
    let sign = if seconds < 0 { "" } else { "+" };
    machine.write("faketime", &format!("{sign}{seconds}s\n"), 0o644);
}

/// Had it been written, nobody would have answered, and its outcome would be unknown.
#[tokio::test]
async fn nothing_is_written_by_a_clock_in_doubt() {
    let directory = tempfile::tempdir().expect("a directory");
    let clock = Clock::kept(ClockConfig::Proven, directory.path());
    let (_silent, url) = listener().await;
    let outcome = graph(&url, clock).send(&send(1, &Person::with_phone(1), Timestamp(u32::MAX))).await;
    assert_eq!(outcome, Outcome::Later);
}

const DAY: i64 = 86_400;
const YEAR: i64 = 365 * DAY;

#[tokio::test]
async fn a_machine_in_another_year_learns_the_time_from_meta_and_answers() {
    let now = i64::from(Clock::System.now().second().0);
    for wrong in [10 - now, 12 * YEAR, 30 * DAY] {
        let started = Clock::System.now();
        let mut relay = Wrong::by(wrong).await;
        let answer = relay.writes("Hallo").await;
        println!("wrong by {wrong} s: answered {} ms after it was started", Clock::System.now().since(started));
        assert!(answer.body.contains("Datenschutz"), "{}", answer.body);
        let clock = relay.clock(|clock| clock["trusted"] == true).await;
        assert_eq!(clock["says"], "gestellt nach Metas Uhr");
        let ahead = clock["system_ahead"].as_i64().expect("a number") / 1_000;
        assert!((ahead - wrong).abs() <= 2, "the system's clock is ahead by {ahead} s, and by {wrong} s in truth");
        assert_eq!(relay.cloud.counters().outside_window, 0);
    }
}

#[tokio::test]
async fn who_sets_the_systems_clock_does_not_set_the_relays() {
    let mut relay = Wrong::by(0).await;
    relay.writes("Hallo").await;
    for wrong in [YEAR, -YEAR] {
        set(&relay.machine, wrong);
        let near = |clock: &Value| (clock["system_ahead"].as_i64().unwrap_or_default() / 1_000 - wrong).abs() <= 2;
        relay.clock(|clock| near(clock) && clock["trusted"] == true).await;
        let answer = relay.writes("Hilfe").await;
        assert!(Clock::System.now().second().0.abs_diff(answer.at.0) < 60);
    }
    let log = fs::read_to_string(relay.machine.path("log")).expect("a log");
    assert_eq!(log.matches("the clock is in doubt").count(), 2, "{log}");
    assert_eq!(log.matches("the system's clock is wrong by so many seconds").count(), 1, "{log}");
    assert_eq!(relay.cloud.counters().outside_window, 0);
    let proven: u32 = fs::read_to_string(relay.machine.path("state/clock")).expect("written").trim().parse().expect("a number");
    assert!(Clock::System.now().second().0.abs_diff(proven) < 3_600);
}
