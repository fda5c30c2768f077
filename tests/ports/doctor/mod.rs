//! `drk-relay doctor` and `drk-relay support-bundle`: the real binary beside a relay that runs, beside none, and with a Meta that says all
//! that may be wrong with an account. What each fact means is for the tables beside the code.

mod bundle;
mod documented;
mod looks;

use crate::outages::cloud_config;
use crate::program::{Machine, Mosquitto, Place, within};
use drk_relay::port::clock::Clock;
use drk_relay::simulator::cloud::{Accepted, Cloud};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;
use tokio::sync::mpsc;

/// A machine with a broker and a Meta that let it in.
struct World {
    machine: Machine,
    cloud: Cloud,
    accepted: mpsc::Receiver<Accepted>,
    _broker: Mosquitto,
}

impl World {
    async fn new() -> World {
        let (broker, api) = (Mosquitto::start(Place::reserve()).await, Place::reserve());
        let machine = Machine::new(broker.address, api.address);
        let (noticed, accepted) = mpsc::channel(64);
        let cloud = Cloud::start(api.listen(), cloud_config(machine.webhook.address), Clock::System, noticed).expect("a cloud");
        let world = World { machine, cloud, accepted, _broker: broker };
        // The device's own systemd is nobody's to ask here: a stand-in knows nothing.
        world.stand_in("systemctl", "exit 1");
        world.stand_in("journalctl", "exit 1");
        world
    }

    /// A program of that name, before all others.
    fn stand_in(&self, name: &str, script: &str) {
        stand_in(&self.machine, name, script);
    }

    async fn says(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        says(&self.machine, arguments).await
    }

    async fn doctor(&self) -> Doctor {
        doctor(&self.machine, "relay.toml").await
    }
}

fn stand_in(machine: &Machine, name: &str, script: &str) {
    fs::create_dir_all(machine.path("bin")).expect("a folder");
    let path = machine.path("bin").join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
    fs::set_permissions(path, Permissions::from_mode(0o755)).expect("chmod");
}

/// A command with this machine's configuration and stand-ins: its exit code, what it prints and its last words.
async fn says(machine: &Machine, arguments: &[&str]) -> (Option<i32>, String, String) {
    let path = format!("{}:{}", machine.path("bin").display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new(env!("CARGO_BIN_EXE_drk-relay"));
    command.args(arguments).env("PATH", path).env("CREDENTIALS_DIRECTORY", machine.path("credentials"));
    let output = within(command.stdin(Stdio::null()).kill_on_drop(true).output()).await.expect("the binary");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// What it found.
#[derive(Debug)]
struct Doctor {
    code: Option<i32>,
    document: Value,
}

async fn doctor(machine: &Machine, config: impl AsRef<Path>) -> Doctor {
    let config = machine.path(&config.as_ref().to_string_lossy()).display().to_string();
    let (code, text, last) = says(machine, &["doctor", "--json", "--config", &config]).await;
    assert_eq!(last, "", "all is said in the document");
    Doctor { code, document: serde_json::from_str(&text).expect("JSON") }
}

impl Doctor {
    fn check(&self, id: &str) -> &Value {
        let checks = self.document["checks"].as_array().expect("checks");
        checks.iter().find(|check| check["id"] == id).expect("a check of that name")
    }

    fn is(&self, id: &str, outcome: &str, text: &str) {
        let check = self.check(id);
        assert_eq!((check["outcome"].as_str(), check["text"].as_str()), (Some(outcome), Some(text)), "{id}: {check}");
        assert!(check["remedy"].is_string() || outcome == "ok" || outcome == "not_applicable" || outcome == "unknown", "{check}");
    }
}
