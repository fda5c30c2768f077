//! Ports against real sockets on loopback: scripted peers, our own simulators, and the real ones (mosquitto, which tests/run installs).
#![cfg(all(feature = "ports", feature = "simulator"))]
#![expect(clippy::expect_used, reason = "a test stops where it cannot go on")]

mod graph;
mod mqtt;
mod webhook;
