//! Any bytes at the front of a connection that has to begin with a PROXY header.
#![no_main]

#[path = "../promises/proxy.rs"]
mod proxy;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    proxy::check(bytes);
});
