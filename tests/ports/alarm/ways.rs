//! Each way by itself: a command and an address that do what they should, that fail, and that hang.

use super::Address;
use drk_relay::config::{AlarmConfig, HeartbeatConfig};
use drk_relay::domain::alarm::{Alarm, Code, Word};
use drk_relay::domain::time::Timestamp;
use drk_relay::port::alarms::{Alarms, Command, Failed, Heartbeat, Shown, Standing, Unheard};
use drk_relay::port::clock::Clock;
use drk_relay::port::outward::Outward;
use jiff::tz::TimeZone;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;

fn zone() -> TimeZone {
    TimeZone::get("Europe/Berlin").expect("bundled")
}

/// A command in a shell.
fn command(script: &str) -> Command {
    let command = Some(("/bin/sh".into(), vec!["-c".to_owned(), script.to_owned()]));
    Command::new(&AlarmConfig { command, ..AlarmConfig::silent("Musterstadt") }, &zone()).expect("configured")
}

fn directory() -> (TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("file").display().to_string();
    (directory, path)
}

#[tokio::test]
async fn a_command_gets_the_text_and_nothing_of_ours() {
    let (_directory, file) = directory();
    let echo = command(&format!("{{ env | grep -v '^_=\\|^PWD=\\|^SHLVL=\\|^OLDPWD=' | sort; cat; }} > '{file}'"));
    let alarm = Alarm { since: Some(Timestamp(1_790_000_000)), why: "der Schlüssel ist ein anderer".to_owned(), over: None, told: false };
    let text = echo.text(Code::TunnelDown, Word::On, &alarm);
    echo.run(Code::TunnelDown.name(), Word::On, &text).await.expect("it succeeds");
    let written = fs::read_to_string(&file).expect("written");
    let (environment, said) = written.split_at(written.find("ALARM: ").expect("the text"));
    let names: Vec<_> = environment.lines().map(|line| line.split('=').next().unwrap_or_default()).collect();
    let ours = ["DRK_RELAY_ALARM", "DRK_RELAY_BRANCH", "DRK_RELAY_STATE"];
    assert!(names.iter().all(|name| ours.contains(name) || ["PATH", "LANG", "LC_ALL", "TZ"].contains(name)), "{names:?}");
    assert!(environment.contains("DRK_RELAY_ALARM=tunnel-down\nDRK_RELAY_BRANCH=Musterstadt\nDRK_RELAY_STATE=on\n"), "{environment}");
    let (sentence, remedy) = (Code::TunnelDown.sentence(), Code::TunnelDown.remedy());
    assert_eq!(
        said,
        format!(
            "ALARM: Musterstadt (tunnel-down)\n\n{sentence}\nSeit: 21.09.2026 16:13\nGrund: der Schlüssel ist ein anderer\n\
             Abhilfe: {remedy}\n"
        )
    );
    let over = Alarm { over: Some(Some(Timestamp(1_790_003_600))), ..alarm };
    let text = echo.text(Code::TunnelDown, Word::Off, &over);
    assert!(text.starts_with("VORBEI: Musterstadt (tunnel-down)\n") && text.contains("Vorbei seit: 21.09.2026 17:13\n"), "{text}");
}

#[test]
fn what_is_to_be_done_names_the_relay_that_is_meant() {
    let command = Some(("/bin/true".into(), vec![]));
    let second = AlarmConfig { command, relay: "/etc/drk-relay/wache.toml".into(), ..AlarmConfig::silent("Wache") };
    let alarms = Alarms::new(&second, None, &Outward::Direct, &zone(), &Clock::System).expect("good");
    let alarm = Alarm { since: None, why: String::new(), over: None, told: false };
    alarms.show([(&Code::TunnelDown, &alarm)].into_iter());
    let shown = alarms.standing().active.remove(0).remedy;
    assert!(shown.starts_with("sudo drk-relay tunnel check --config /etc/drk-relay/wache.toml zeigt"), "{shown}");
    let text = alarms.command().expect("configured").0.text(Code::TunnelDown, Word::On, &alarm);
    assert!(text.ends_with(&format!("Abhilfe: {shown}\n")), "{text}");
}

#[tokio::test]
async fn a_command_that_fails_says_why() {
    let run = async |command: Command| command.run("test", Word::On, &"x".repeat(1_000_000)).await;
    run(command("exit 0")).await.expect("it need not read");
    assert!(matches!(run(command("exit 7")).await, Err(Failed::Status(status)) if status.code() == Some(7)));
    assert!(matches!(run(command("kill -9 $$")).await, Err(Failed::Status(_))));
    let missing = AlarmConfig { command: Some(("/nowhere/alarm".into(), vec![])), ..AlarmConfig::silent("") };
    let missing = Command::new(&missing, &zone()).expect("configured");
    let why = run(missing).await.expect_err("it is not there");
    assert!(matches!(why, Failed::Start(_)) && why.to_string().contains("Abhilfe: Pfad und Rechte prüfen"), "{why}");
}

/// Time jumps as soon as everybody waits, so the half minute costs nothing.
#[tokio::test(start_paused = true)]
async fn a_command_that_hangs_is_killed_with_all_that_it_started() {
    let (_directory, file) = directory();
    // The test's clock must not jump before the shell has got so far.
    std::process::Command::new("mkfifo").arg(&file).status().expect("coreutils");
    let hangs = command(&format!("sleep 3600 & echo $! > '{file}'; wait"));
    let running = tokio::spawn(async move { hangs.run("test", Word::On, "").await });
    tokio::task::yield_now().await;
    let child = fs::read_to_string(&file).expect("the shell says whom it started");
    assert!(matches!(running.await.expect("no panic"), Err(Failed::Slow)));
    let process = Path::new("/proc").join(child.trim());
    // A process that was killed is gone when its parent, or whoever took its place, has asked how it ended.
    let gone = || fs::read_to_string(process.join("stat")).map_or(true, |stat| stat.contains(") Z ") || stat.contains(") X "));
    for _ in 0..1_000 {
        if gone() {
            return;
        }
        // waits: the kernel gives no signal.
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("what it started goes on");
}

fn heartbeat(url: &str, fail: Option<&str>) -> Heartbeat {
    let config = HeartbeatConfig { url: url.into(), interval: Duration::from_secs(300), fail: fail.map(str::to_owned), extra_roots: None };
    Heartbeat::new(&config, &Outward::Direct, &Clock::System).expect("an address")
}

fn standing(code: Option<Code>) -> Standing {
    let active =
        code.into_iter().map(|code| Shown { code, since: None, why: "Grund".to_owned(), remedy: code.remedy().to_owned() }).collect();
    Standing { revision: 1, active, test: false }
}

#[tokio::test]
async fn a_heartbeat_says_how_things_are() {
    let mut address = Address::answering("200 OK").await;
    let (well, ill) = (standing(None), standing(Some(Code::DiskFull)));
    let follows_healthchecks = heartbeat(&address.url, Some("/fail"));
    follows_healthchecks.beat(&well).await.expect("heard");
    assert_eq!(address.beats.recv().await, Some(("GET /ping/geheim HTTP/1.1".to_owned(), String::new())));
    follows_healthchecks.beat(&ill).await.expect("heard");
    let (line, body) = address.beats.recv().await.expect("heard");
    assert_eq!(line, "POST /ping/geheim/fail HTTP/1.1");
    let told = format!("disk-full: {} Abhilfe: {}", Code::DiskFull.sentence(), Code::DiskFull.remedy());
    assert_eq!(body, told);
    heartbeat(&address.url, None).beat(&ill).await.expect("heard");
    assert_eq!(address.beats.recv().await.expect("heard").0, "GET /ping/geheim HTTP/1.1");
}

#[tokio::test]
async fn who_does_not_hear_is_said_without_the_address() {
    for (status, expected) in [
        ("500 Internal Server Error", "HTTP 500"),
        ("404 Not Found", "HTTP 404"),
        ("302 Found\r\nLocation: /elsewhere", "leitet weiter (HTTP 302)"),
        ("no HTTP at all\r\n", "keine Antwort"),
    ] {
        let mut address = Address::answering(status).await;
        let why = heartbeat(&address.url, None).beat(&standing(None)).await.expect_err(status).to_string();
        assert!(why.contains(expected) && why.contains("Abhilfe") && !why.contains("geheim") && !why.contains("127.0.0.1"), "{why}");
        address.beats.recv().await.expect("asked once");
        assert!(address.beats.try_recv().is_err(), "and once only");
    }
    for url in ["http://127.0.0.1:1/geheim", "http://does-not-exist.invalid/geheim"] {
        let why = heartbeat(url, None).beat(&standing(None)).await.expect_err(url).to_string();
        assert!(why.contains("keine Antwort") && !why.contains("geheim") && !why.contains("does-not-exist"), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_hangs_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/geheim", silent.local_addr().expect("bound"));
    let why = heartbeat(&url, None).beat(&standing(None)).await.expect_err("nobody accepts");
    assert!(matches!(why, Unheard::Silent(_)) && why.to_string().contains("nichts binnen 20 s"), "{why}");
}

/// Nothing of a test remains, even if who asked for it has gone.
#[tokio::test(start_paused = true)]
async fn a_test_ends_with_whoever_asked_for_it() {
    let alarm = AlarmConfig { command: Some(("/bin/sleep".into(), vec!["3600".to_owned()])), ..AlarmConfig::silent("") };
    let alarms = Alarms::new(&alarm, None, &Outward::Direct, &zone(), &Clock::System).expect("good");
    let mut standings = alarms.watch();
    tokio::select! {
        _ = alarms.test() => panic!("it hangs"),
        seen = async { standings.wait_for(|standing| standing.test).await.is_ok() } => assert!(seen),
    }
    assert!(!alarms.standing().test);
}
