//! The power goes after each single change that the device makes, and once more while it puts that right: the end is the same.

use super::{APP_SECRET, Bench, FEHLER, OK, PASSWORD, TOKEN, edited, filled_in};
use std::collections::BTreeMap;
use std::fs;

/// More changes than there are.
const MANY: usize = 200;

fn card() -> String {
    let text = filled_in() + "\n[topics]\nfolder = \"topics\"\n";
    let text = edited(&text, "[whatsapp]\n", "[whatsapp]\ntoken_file = \"secrets/token.txt\"\n");
    edited(&text, &format!("whatsapp-token = \"{TOKEN}\"\n"), "")
}

fn bench() -> Bench {
    let bench = Bench::with_card(&card());
    bench.write("boot/drk-relay/topics/symptome.md", include_bytes!("../../../topics/symptome.md"));
    bench.write("boot/drk-relay/secrets/token.txt", TOKEN.as_bytes());
    bench.write("root/etc/group", b"root:x:0:\nmosquitto:x:0:\n");
    bench
}

/// What must be the same in the end: all names, and all contents that no chance is in.
fn end(bench: &Bench) -> BTreeMap<String, Option<Vec<u8>>> {
    let files = bench.files("root").into_iter().chain(bench.files("boot").into_iter().map(|(name, file)| (format!("boot/{name}"), file)));
    let by_chance = |name: &str| {
        name.contains("drk-relay-OK")
            || name.ends_with(".passwd")
            || ["mqtt-password", "verify-token", "tunnel-key"].iter().any(|part| name.ends_with(part))
    };
    files.map(|(name, (_, bytes))| (name.clone(), (!by_chance(&name)).then_some(bytes))).collect()
}

async fn sound(bench: &Bench, expected: &BTreeMap<String, Option<Vec<u8>>>, when: &str) {
    let (code, words) = bench.boot().await;
    assert_eq!(code, Some(0), "{when}: {words}");
    let found = end(bench);
    let names = |end: &BTreeMap<String, Option<Vec<u8>>>| end.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(expected), "{when}");
    found.iter().for_each(|(name, bytes)| assert!(expected[name] == *bytes, "{when}: {name}"));
    assert_eq!(bench.credential("drk-relay", "whatsapp-token").await.as_deref(), Some(TOKEN), "{when}");
    bench.holds_none("boot", &[TOKEN, APP_SECRET, PASSWORD]);
    assert!(bench.is_there(&format!("boot/{OK}")) && !bench.is_there(&format!("boot/{FEHLER}")), "{when}");
    assert_eq!(bench.boot().await, (Some(0), String::new()), "{when}: then it is taken");
}

#[tokio::test]
async fn a_power_cut_at_any_moment_changes_nothing_in_the_end() {
    let whole = bench();
    assert_eq!(whole.boot().await.0, Some(0));
    let expected = end(&whole);
    let mut cuts = 0;
    for changes in 0..MANY {
        let bench = bench();
        if bench.boot_for(changes).await.is_some() {
            break;
        }
        cuts += 1;
        // The configuration is never there before what it needs.
        if bench.is_there("root/etc/drk-relay/relay.toml") {
            assert!(
                bench.credential("drk-relay", "whatsapp-token").await.is_some() && bench.is_there("root/etc/drk-relay/topics/symptome.md")
            );
        }
        // And once more, somewhere else in what is left.
        let _ = bench.boot_for(changes * 7 % 11).await;
        sound(&bench, &expected, &format!("after {changes} changes")).await;
    }
    assert!((30..MANY).contains(&cuts), "{cuts} changes");
}

#[tokio::test]
async fn half_a_clean_file_is_none() {
    let bench = bench();
    bench.write("boot/drk-relay.toml.new", b"[secrets]\n# whats");
    let whole = super::power_cut::bench();
    assert_eq!(whole.boot().await.0, Some(0));
    sound(&bench, &end(&whole), "beside half a file").await;
}

/// Nothing says OK, so the card comes back from a PC with a better file, while the clean one of before still lies beside it.
#[tokio::test]
async fn a_file_that_was_corrected_meanwhile_is_taken() {
    let whole = bench();
    assert_eq!(whole.boot().await.0, Some(0));
    let clean = whole.read("boot/drk-relay.toml");
    let other = "EAAother0123456789";
    let text = edited(&card(), "title = \"Corona im Kreis Musterstadt\"", "title = \"Corona in Musterstadt\"");
    let text = edited(&text, "[secrets]\n", &format!("[secrets]\nwhatsapp-app-secret-next = \"{other}\"\n"));
    whole.write("boot/drk-relay.toml", text.as_bytes());
    whole.write("boot/drk-relay.toml.new", clean.as_bytes());
    fs::remove_file(whole.path(&format!("boot/{OK}"))).expect("there");
    let (code, words) = whole.boot().await;
    assert_eq!(code, Some(0), "{words}");
    assert!(whole.read("root/etc/drk-relay/relay.toml").contains("Corona in Musterstadt") && !whole.is_there("boot/drk-relay.toml.new"));
    assert_eq!(whole.credential("drk-relay", "whatsapp-app-secret-next").await.as_deref(), Some(other));
    // What was written over, even in part, is finished.
    let clean = whole.read("boot/drk-relay.toml");
    let (old, signs) = (text.as_bytes(), vec![b'#'; text.len()]);
    for old in [signs.clone(), [&signs[..512], &old[512..]].concat(), [&old[..1024], &signs[1024..]].concat()] {
        whole.write("boot/drk-relay.toml", &old);
        whole.write("boot/drk-relay.toml.new", clean.as_bytes());
        assert_eq!(whole.boot().await, (Some(0), String::new()));
        assert_eq!(whole.read("boot/drk-relay.toml"), clean);
    }
}
