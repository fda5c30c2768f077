//! Ports against real sockets on loopback: scripted peers, our own simulators, and the real ones (mosquitto, which tests/run installs).
#![cfg(all(feature = "ports", feature = "simulator"))]

mod graph;
mod mqtt;
mod webhook;
