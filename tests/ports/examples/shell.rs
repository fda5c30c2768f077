//! mosquitto's own clients, by hand and from cron.

use super::page::block;
use super::{Ended, example, run};
use crate::peers::handbook::with;
use crate::peers::mosquitto::output;
use crate::publisher::World;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// A volunteer's home: what the page says is to be there.
struct Home(TempDir);

impl Home {
    fn new(world: &World) -> Home {
        let home = Home(tempfile::tempdir().expect("a directory"));
        let host = format!("-h 127.0.0.1\n-p {}", world.place.address.port());
        let options = with(block("mosquitto_rr"), "-h broker.musterstadt.example", &host);
        let options = with(&with(&options, "hausnotruf", &world.publisher.user), "00000-00000-00000-00000", &world.publisher.password);
        for name in ["mosquitto_rr", "mosquitto_pub", "mosquitto_sub"] {
            fs::write(home.at(name), &options).expect("written");
        }
        home
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    async fn shell(&self, script: &str, arguments: &[&str]) -> Ended {
        let configuration = self.0.path().display().to_string();
        let arguments = ["-euc", script, "sh"].into_iter().chain(arguments.iter().copied());
        run("sh", arguments, &[("XDG_CONFIG_HOME", &configuration)]).await
    }

    /// The script for cron, with this in its file.
    async fn script(&self, feed: &str, metric: &str, number: &str) -> Ended {
        let (script, file) = (example("zahl-senden.sh").display().to_string(), self.at("zahl.txt").display().to_string());
        fs::write(&file, number).expect("written");
        self.shell("exec \"$@\"", &[&script, feed, metric, &file]).await
    }
}

#[tokio::test]
async fn by_hand_a_figure_is_answered() {
    let world = World::new().await;
    let (broker, home) = (world.broker().await, Home::new(&world));
    let relay = world.relay().await;
    let mut receipts = world.receipts(&broker).await;
    let answer = home.shell(block("antwort"), &[]).await;
    assert!(answer.quietly() && answer.said.contains(r#""result":"accepted""#), "{answer:?}");
    assert_eq!(receipts.said().await.0, "accepted");
    assert!(home.shell(block("ohne-antwort"), &[]).await.quietly());
    assert_eq!(receipts.said().await, ("duplicate".to_owned(), "duplicate".to_owned()));
    // QoS 1 and retained: who comes later gets it.
    let kept = broker.client("mosquitto_sub", &world.reader.login(), &["-t", "figures/#", "-C", "1", "-F", "%t %q %r %p", "-q", "1"]);
    assert_eq!(output(kept).await, (true, "figures/corona/cases_new 1 1 17\n".to_owned()));

    let several = home.shell(block("mehrere"), &[]).await;
    assert!(several.quietly() && several.said.contains(r#""feed":"corona""#) && !several.said.contains("rejected"), "{several:?}");
    assert_eq!(relay.stop().await.code(), Some(0));
}

#[tokio::test]
async fn the_script_for_cron_is_silent_unless_there_is_something_to_do() {
    let world = World::new().await;
    let (broker, home) = (world.broker().await, Home::new(&world));
    let relay = world.relay().await;
    let mut receipts = world.receipts(&broker).await;
    for (content, code) in [("1.204\r\nvon Hand\n", "accepted"), ("1.204", "duplicate")] {
        let ended = home.script("corona", "cases_new", content).await;
        assert!(ended.quietly() && ended.said.is_empty(), "{ended:?}");
        assert_eq!(receipts.said().await.1, code);
    }
    for (metric, content, code) in [("incidence", "1.234", "ambiguous-number"), ("cases_new", "unavailable", "no-value")] {
        let ended = home.script("corona", metric, content).await;
        assert!(ended.code == Some(1) && ended.complained.contains(code) && ended.complained.contains(r#""hint":""#), "{ended:?}");
        assert_eq!(receipts.said().await.1, code);
    }
    // Another branch's feed, and a relay that is not there: nobody answers, and that is said.
    let (foreign, ()) = tokio::join!(home.script("pegel", "level", "312"), async { assert_eq!(relay.stop().await.code(), Some(0)) });
    for ended in [foreign, home.script("corona", "cases_new", "1.300").await] {
        assert!(ended.code == Some(1) && ended.complained.contains("Keine Antwort"), "{ended:?}");
    }
}
