//! Everything that fuzzing has kept, on stable: each file of `fuzz/corpus` takes a way through the code that no other file takes. What must
//! hold is in `fuzz/promises`; finding more is for `tests/run --all`.

#[path = "../../fuzz/promises/configuration.rs"]
mod configuration;
#[path = "../../fuzz/promises/figure.rs"]
mod figure;
#[path = "../../fuzz/promises/proxy.rs"]
mod proxy;
#[path = "../../fuzz/promises/webhook.rs"]
mod webhook;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Fewer would be an empty folder, or nearly.
const LEAST: usize = 20;
/// Bytes of one target's corpus at most: it is read by people and by every run of the tests.
const SIZE: usize = 64 * 1024;

/// The corpus of a target, in the order of the names.
fn files(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

/// Holds the promise against everything that is kept for a target, and names the file that breaks it.
fn replay(target: &str, check: impl Fn(&[u8]) -> bool) {
    let corpus = files(target);
    assert!(corpus.len() >= LEAST, "{} files", corpus.len());
    let (mut size, mut good, mut bad) = (0, 0, 0);
    for file in corpus {
        let bytes = fs::read(&file).expect("readable");
        size += bytes.len();
        let held = catch_unwind(AssertUnwindSafe(|| check(&bytes)));
        match held {
            Ok(true) => good += 1,
            Ok(false) => bad += 1,
            Err(_) => panic!("{} breaks what is promised, see above", file.display()),
        }
    }
    assert!(good > 0 && bad > 0, "{good} good ones and {bad} bad ones: each kind has to be there");
    assert!(size <= SIZE, "{size} bytes: `cargo fuzz cmin` keeps what is needed");
}

#[test]
fn webhooks() {
    replay("webhook", webhook::check);
}

#[test]
fn figures() {
    replay("figure", figure::check);
}

#[test]
fn configurations() {
    let folder = tempfile::tempdir().expect("a directory");
    configuration::furnish(folder.path()).expect("written");
    replay("configuration", |text| configuration::check(text, folder.path()));
}

#[test]
fn proxy_headers() {
    replay("proxy", proxy::check);
}
