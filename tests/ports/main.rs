//! Ports against real sockets on loopback: scripted peers, our own simulators, and the real ones (mosquitto, which tests/run installs).
//! The real binary, too: killed, and with nobody there to talk to.
#![cfg(all(feature = "ports", feature = "simulator"))]
#![expect(clippy::expect_used, reason = "a test stops where it cannot go on")]

mod alarm;
mod backup;
mod card;
mod certificate;
mod chain;
mod configuration;
mod doctor;
mod door;
mod examples;
mod fuzzed;
mod graph;
mod host;
mod killed;
mod month;
mod mqtt;
mod outages;
mod panicked;
mod peers;
mod probe;
mod program;
mod publisher;
mod replay;
mod status;
mod systemd;
mod tunnel;
mod webhook;
