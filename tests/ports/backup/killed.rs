//! SIGKILL on `drk-relay restore`, again and again: what is there afterwards is nothing or everything, and the same command does the rest.

use super::backup;
use super::command::{back_up, fill, machine, restore};
use crate::program::{Machine, Place};
use drk_relay::domain::backup::Backup;
use std::fs;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Kills. A restore takes a few milliseconds; each kill comes a little later than the one before.
const KILLS: u32 = 60;
const LATER: Duration = Duration::from_micros(400);

#[tokio::test]
async fn a_killed_restore_leaves_nothing_or_everything() {
    let (old, _places) = machine();
    fill(&old);
    back_up(&old).await;
    let places = [Place::reserve(), Place::reserve()];
    let new = Machine::new(places[0].address, places[1].address);
    for number in 0..KILLS {
        for path in ["relay.toml", "texts", "topics", "state"] {
            let path = new.path(path);
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            assert!(removed.is_ok() || number == 0);
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_drk-relay"));
        command.args(["restore", "--config"]).arg(new.path("relay.toml")).arg(old.path("backup.json"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn().expect("the binary");
        // waits: for a moment that is nobody's business, which is what it is about.
        tokio::time::sleep(LATER * number).await;
        child.kill().await.expect("our child");
        // The files of the configuration are there as a whole or not at all.
        for name in ["relay.toml", "texts/du.ftl", "topics/symptome.md"] {
            if let Ok(there) = fs::read(new.path(name)) {
                assert_eq!(there, fs::read(old.path(name)).expect("there"), "{name}");
            }
        }
        let stored = new.path("state/relay.redb").exists();
        if stored {
            assert_eq!(Backup::of(&new.store().load().expect("whole")), backup());
        }
        let (code, text, why) = restore(&new, &old).await;
        assert_eq!((code, why.as_str()), (Some(0), ""), "{text}");
        assert_eq!(text.contains("war schon zurückgespielt"), stored, "{text}");
        assert_eq!(Backup::of(&new.store().load().expect("whole")), backup());
        let mut left: Vec<_> = fs::read_dir(new.path("state")).expect("there").map(|entry| entry.expect("readable").file_name()).collect();
        left.sort();
        assert_eq!(left, ["relay.redb"]);
    }
}
