//! Any bytes as topic and payload of an MQTT message: the topic is the first line.
#![no_main]

#[path = "../promises/figure.rs"]
mod figure;

libfuzzer_sys::fuzz_target!(|message: &[u8]| {
    figure::check(message);
});
