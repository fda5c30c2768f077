//! The ports against real sockets on loopback. No relay and no store: what arrives is looked at, and acknowledged, here.
#![cfg(all(feature = "ports", feature = "simulator"))]

mod graph;
mod webhook;
