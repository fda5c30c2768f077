//! The examples for publishers, docs/beispiele and the handbook's page that shows them: every one is run as it stands, with the account
//! that `drk-relay publisher add` prints, through Debian's mosquitto, to the real relay.

mod home_assistant;
mod node_red;
mod page;
mod python;
mod shell;

use crate::program::within;
use crate::publisher::World;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use tokio::process::Command;

/// German time without a database of zones, which not every machine has: as_of is to be the relay's day.
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// An example's file.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/beispiele").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(example(name)).expect("the example is there")
}

/// How a program ended and what it said.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    said: String,
    complained: String,
}

impl Ended {
    /// Content and silent, as cron likes it.
    fn quietly(&self) -> bool {
        self.code == Some(0) && self.complained.is_empty()
    }
}

/// Runs a program where it is German time, with this in its environment.
async fn run<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>, environment: &[(&str, &str)]) -> Ended {
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().copied()).env("TZ", BERLIN).stdin(Stdio::null()).kill_on_drop(true);
    let Output { status, stdout, stderr } = within(command.output()).await.expect("it is installed");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ended { code: status.code(), said: text(stdout), complained: text(stderr) }
}

/// What the publisher's environment says of the broker, for Python and for its password.
fn environment(world: &World) -> Vec<(&'static str, String)> {
    let account = &world.publisher;
    vec![
        ("MQTT_HOST", "127.0.0.1".to_owned()),
        ("MQTT_PORT", world.place.address.port().to_string()),
        ("MQTT_USER", account.user.clone()),
        ("MQTT_PASSWORD", account.password.clone()),
    ]
}
