//! The power goes after each single change that the device makes, and once more while it puts that right: the end is the same.

use super::{APP_SECRET, Bench, FEHLER, OK, PASSWORD, TOKEN, edited, filled_in};
use std::collections::BTreeMap;

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
