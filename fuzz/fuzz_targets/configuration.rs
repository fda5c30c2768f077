//! Any bytes as `relay.toml`, in a folder that holds the files which the example names.
#![no_main]

#[path = "../promises/configuration.rs"]
mod configuration;

use std::path::PathBuf;
use std::sync::LazyLock;

/// One for all runs on this machine: a fuzzer ends without tidying up.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join("drk-relay-fuzz-configuration");
    configuration::furnish(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
});

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    configuration::check(text, &FOLDER);
});
