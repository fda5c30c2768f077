//! The house rules, enforced: who may import whom, sizes, banned words, clocks. Reads the sources and nothing else; what needs types
//! (method calls, unwrap, wildcard arms) is clippy's part, see clippy.toml and `[lints]` in Cargo.toml.
//!
//! The table is `tidy/rooms.rs`, the rules are `tidy/rules.rs`. Below, every rule is shown to bite.

#[path = "tidy/rooms.rs"]
mod rooms;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;

use rules::violations;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn the_house_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(root, &mut files);
    files.sort();
    let mut all = Vec::new();
    for file in &files {
        // What is no text is no source.
        let Ok(text) = fs::read_to_string(file) else { continue };
        let path = file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        all.extend(violations(&path, &text).iter().map(ToString::to_string));
    }
    assert!(files.iter().any(|file| file.ends_with("src/lib.rs")), "the sources were not found below {}", root.display());
    assert!(all.is_empty(), "{} violations of the house rules:\n\n{}\n", all.len(), all.join("\n"));
}

/// Everything that people edit: no build output, no history.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let hidden = name.starts_with('.') && name != ".ci";
        match path.is_dir() {
            true if hidden || name == "target" => {}
            true => collect(&path, files),
            false if hidden => {}
            false => files.push(path),
        }
    }
}

/// What is wrong with a file of this name whose second line is `line`.
fn found(path: &str, line: &str) -> Vec<String> {
    violations(path, &format!("//! A file.\n{line}\n")).iter().map(ToString::to_string).collect()
}

#[track_caller]
fn bad(path: &str, line: &str, what: &str) {
    let found = found(path, line);
    assert!(found.iter().any(|violation| violation.contains(what)), "{path}: {line}\nshould be reported as: {what}\nfound: {found:#?}");
}

#[track_caller]
fn good(path: &str, line: &str) {
    assert_eq!(found(path, line), Vec::<String>::new(), "{path}: {line}");
}

#[test]
fn a_violation_says_where_what_why_and_what_to_do() {
    let found = found("src/domain/window.rs", "use crate::store::Store;");
    let expected = "src/domain/window.rs:2: `crate::store::Store` in domain\n    \
                    why: the domain decides and knows nothing else of the crate\n    \
                    instead: take what it needs as an argument, and return what should happen as a Change or an Effect";
    assert_eq!(found, [expected]);
}

#[test]
fn rooms_name_only_what_their_row_allows() {
    for (path, line, what) in [
        ("src/domain/outbox.rs", "use crate::{domain::ids, port::clock::Clock};", "`crate::port::clock::Clock` in domain"),
        ("src/domain/outbox.rs", "use super::super::relay::Relay;", "`crate::relay::Relay` in domain"),
        ("src/domain/outbox.rs", "use crate as house;", "`crate` in domain"),
        ("src/domain/outbox.rs", "fn f() { let _ = crate::wheel::Wheel::new(); }", "`crate::wheel::Wheel::new` in domain"),
        ("src/domain/outbox.rs", "#[cfg(test)]\nmod tests { use super::super::super::store; }", "`crate::store` in domain"),
        ("src/wheel.rs", "use crate::domain::ids::PersonId;", "`crate::domain::ids::PersonId` in wheel"),
        ("src/store.rs", "use crate::relay::Relay;", "`crate::relay::Relay` in store"),
        ("src/store/rows.rs", "use crate::port::Inbox;", "`crate::port::Inbox` in store"),
        ("src/relay.rs", "use crate::port::Arrival;", "`crate::port::Arrival` in relay"),
        ("src/run.rs", "use crate::domain::state::State;", "`crate::domain::state::State` in run"),
        ("src/run.rs", "use crate::command;", "`crate::command` in run"),
        ("src/config.rs", "use crate::domain::outbox;", "`crate::domain::outbox` in config"),
        ("src/port/mod.rs", "use crate::port::mqtt;", "`crate::port::mqtt` in port"),
        ("src/port/mqtt.rs", "use super::graph::Graph;", "`crate::port::graph::Graph` in a port"),
        ("src/port/mqtt.rs", "use crate::domain::{rules::MetricKind, state::State};", "`crate::domain::state::State` in a port"),
        ("src/port/mqtt.rs", "use crate::domain::*;", "`crate::domain` in a port"),
        ("src/port/mqtt/topics.rs", "use crate::config::GraphConfig;", "`crate::config::GraphConfig` in a port"),
        ("src/port/status/mod.rs", "use crate::relay::Relay;", "`crate::relay::Relay` in a port that shows the relay"),
        ("src/port/systemd.rs", "use crate::port::status::Report;", "`crate::port::status::Report` in a port that shows"),
        ("src/port/webhook.rs", "use crate::relay::pulse::Pulse;", "`crate::relay::pulse::Pulse` in a port"),
        ("src/simulator/people.rs", "use crate::domain::window::WINDOW;", "`crate::domain::window::WINDOW` in simulator"),
        ("src/simulator/people.rs", "use crate::port::clock::Clock;", "`crate::port::clock::Clock` in simulator"),
        ("src/main.rs", "use drk_relay::domain::ids;", "`crate::domain::ids` in main"),
        ("src/extra.rs", "", "no room has this file"),
    ] {
        bad(path, line, what);
    }
    good("src/domain/outbox.rs", "use crate::domain::{conversation, ids::PersonId as Who};\nuse super::state::State;");
    good("src/domain/outbox.rs", "#[cfg(test)]\nmod tests {\n    use super::*;\n    use super::super::time;\n}");
    good("src/relay.rs", "use crate::{domain::state::State, store, wheel::Wheel};");
    good("src/port/mqtt/topics.rs", "use crate::config::MqttConfig;\nuse super::super::{Arrival, clock};\nuse super::Session;");
    good("src/port/status/report.rs", "use crate::relay::pulse::Pulse;\nuse crate::config::StatusConfig;");
    good("src/simulator/cloud.rs", "use crate::port::clock::Clock;\nuse tokio::net::TcpListener;");
    good("src/command/demo.rs", "use crate::{domain, run::run, simulator};\nuse super::transcript;");
    good("src/main.rs", "pub(crate) use drk_relay::command;");
}

#[test]
fn rooms_name_only_their_dependencies() {
    bad("src/domain/ids.rs", "fn f(_: tokio::sync::Notify) {}", "`tokio` in domain");
    bad("src/domain/ids.rs", "use redb;", "`redb` in domain");
    bad("src/domain/ids.rs", "fn f() { ::reqwest::get(); }", "`reqwest` in domain");
    bad("src/wheel.rs", "use jiff::Timestamp;", "`jiff` in wheel");
    bad("src/relay.rs", "use redb::Database;", "`redb` in relay");
    bad("src/run.rs", "use rumqttc::Event;", "`rumqttc` in run");
    bad("src/port/webhook.rs", "use redb::Database;", "`redb` in a port");
    bad("src/simulator/people.rs", "fn f(b: &[u8]) { postcard::from_bytes(b); }", "`postcard` in simulator");
    good("src/port/mqtt.rs", "use rumqttc::{AsyncClient, EventLoop};");
    good("src/domain/ids.rs", "use serde::Serialize;\nuse jiff::tz::TimeZone;");
}

#[test]
fn the_pure_rooms_stay_pure() {
    for (line, what) in [
        ("async fn f() {}", "`async` in domain"),
        ("fn f() { g().await; }", "`await` in domain"),
        ("use std::{collections::BTreeMap, fs};", "`std::fs` in domain"),
        ("use std::net::IpAddr;", "`std::net` in domain"),
        ("fn f() { std::thread::yield_now(); }", "`std::thread` in domain"),
        ("const HOME: Option<&str> = std::env::var(\"HOME\");", "`std::env` in domain"),
        ("use core::time::Duration;", "`std::time` in domain"),
        ("fn f() { let now = Instant::now(); }", "`Instant` in domain"),
        ("fn f() { let now = jiff::Zoned::now(); }", "`Zoned::now` in domain"),
        ("use std::hash::RandomState;", "`RandomState` in domain"),
        ("#[cfg(test)]\nmod tests { use std::fs::File; }", "`std::fs` in domain"),
    ] {
        bad("src/domain/figures.rs", line, what);
    }
    bad("src/simulator/people.rs", "use std::time::Duration;", "`std::time` in simulator");
    bad("src/relay.rs", "use std::thread;", "`std::thread` in relay");
    bad("src/store.rs", "async fn commit() {}", "`async` in store");
    good("src/domain/figures.rs", "// async, .await, Instant::now() and std::fs may be spoken of\nconst TEXT: &str = \"std::fs\";");
}

#[test]
fn nobody_walks_over_a_hash_table() {
    let field = "struct S {\n    by_hash: HashMap<u8, u8>,\n}\n";
    bad("src/domain/ids.rs", &format!("{field}fn f(s: S) {{ s.by_hash.keys(); }}"), "walks over the hash table `by_hash`");
    bad("src/port/mqtt.rs", &format!("{field}impl S {{ fn f(&self) {{ for _ in &self.by_hash {{}} }} }}"), "hash table `by_hash`");
    bad("src/relay.rs", "fn f() { let set = HashSet::new(); set.into_iter(); }", "walks over the hash table `set`");
    good("src/domain/ids.rs", &format!("{field}impl S {{ fn f(&self) {{ self.by_hash.get(&1); self.by_hash.len(); }} }}"));
    good("src/domain/ids.rs", "struct S {\n    by_id: BTreeMap<u8, u8>,\n}\nfn f(s: &S) { s.by_id.iter(); }");
}

#[test]
fn sizes_have_a_ceiling() {
    let lines = |count: usize| "    let _ = [0; 1];\n".repeat(count);
    bad("src/relay.rs", &format!("fn long(a: [u8; 2])\nwhere\n    u8: Copy,\n{{\n{}}}", lines(66)), "`fn long` has 71 lines");
    good("src/relay.rs", &format!("fn fits() {{\n{}}}\nfn next() {{}}", lines(68)));
    good("src/relay.rs", &format!("trait T {{\n    fn declared(&self);\n{}}}", "    const A: u8;\n".repeat(80)));
    bad("tests/sim.rs", &"// a line\n".repeat(500), "502 lines, 500 allowed");
    bad("benches/wheel.rs", &"// a line\n".repeat(500), "502 lines, 500 allowed");
    bad("fuzz/promises/webhook.rs", &"// a line\n".repeat(500), "502 lines, 500 allowed");
    bad("fuzz/fuzz_targets/webhook.rs", &format!("fn long() {{\n{}}}", lines(69)), "`fn long` has 71 lines");
    bad("src/main.rs", &"// a line\n".repeat(58), "60 lines, 59 allowed");
    bad("src/relay.rs", &format!("// {}", "─".repeat(138)), "141 columns, 140 allowed");
    good("src/relay.rs", &format!("// {}", "─".repeat(137)));
    assert!(violations("src/relay.rs", "use std::fmt;\n").iter().any(|found| found.to_string().contains("no `//!`")));
}

#[test]
fn leftovers_are_found() {
    bad("src/port/misc.rs", "", "something is called `misc`");
    bad("src/utils/text.rs", "", "something is called `utils`");
    bad("tests/common/mod.rs", "", "something is called `common`");
    bad("src/relay.rs", "mod helpers;", "something is called `helpers`");
    bad("src/relay.rs", "fn f() { todo!() }", "`todo!`");
    bad("src/relay.rs", "fn f() { unimplemented!(\"later\") }", "`unimplemented!`");
    bad("tests/sim.rs", "fn f() { dbg!(1); }", "`dbg!`");
    bad("tests/sim.rs", "#[ignore = \"slow\"]", "`#[ignore`");
    bad("src/relay.rs", concat!("// FIX", "ME: later"), concat!("`FIX", "ME`"));
    bad("README.md", concat!("XX", "X"), concat!("`XX", "X`"));
    bad("tests/run", concat!("cd /wo", "rk/main"), concat!("`/wo", "rk/…`"));
    bad("README.md", concat!("see `/ro", "ot/notes`"), concat!("`/ro", "ot/…`"));
    good("README.md", "see `../shared/data` and https://example.org/work/today");
    good("src/relay.rs", "// A mask: XXXX. The words todo! and dbg! may be spoken of.");
}

#[test]
fn only_the_clock_reads_a_clock_and_tests_do_not_sleep() {
    bad("src/port/mqtt.rs", "fn f() { tokio::time::Instant::now(); }", "`Instant::now`");
    bad("tests/ports.rs", "fn f() { std::time::SystemTime::now(); }", "`SystemTime::now`");
    good("src/port/clock/reading.rs", "fn f() { std::time::SystemTime::now(); }");
    good("benches/wheel.rs", "fn f() { std::time::Instant::now(); }");
    bad("tests/ports.rs", "fn f() { std::thread::sleep(SECOND); }", "`sleep(`");
    bad("src/port/mqtt.rs", "#[cfg(test)]\nmod tests {\n    fn f() { tokio::time::sleep(SECOND); }\n}", "`sleep(`");
    good("tests/ports.rs", "// waits: mosquitto has no signal for \"listening\"\nfn f() { std::thread::sleep(SECOND); }");
    good("src/port/mqtt.rs", "async fn f() { tokio::time::sleep(SECOND).await; }");
}

#[test]
fn what_is_no_code_is_not_read_as_code() {
    good(
        "src/relay.rs",
        "const A: &str = r#\"dbg!(\"x\")\"#;\nconst B: char = '\"';\n/* todo! /* dbg! */ todo! */\nconst C: &[u8] = br\"todo!\";",
    );
    bad("src/relay.rs", "fn f<'a>(x: &'a str) { let _ = ('\\'', '\"', x); dbg!(x); }", "`dbg!`");
    bad("src/relay.rs", "const A: &str = \"\\\\\"; fn f() { dbg!(1); }", "`dbg!`");
}
