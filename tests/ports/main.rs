//! Ports against peers: scripted ones, our own simulators, and (ignored unless asked for) the real ones.

mod mqtt;
