//! Ports against peers: scripted ones, our own simulators, and the real ones (mosquitto, which tests/run installs).

mod mqtt;
