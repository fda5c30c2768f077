//! Any bytes as the body of a webhook whose signature was right.
#![no_main]

#[path = "../promises/webhook.rs"]
mod webhook;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    webhook::check(body);
});
