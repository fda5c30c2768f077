//! What the relay talks to when it does not talk to the world, for `demo` and for the tests. Knows the wire formats and nothing of the
//! relay's rules: what is checked here must not be copied from there.
//!
//! The models are pure, so that a seed can drive them: time and choices come in as arguments. Sockets and a clock are behind `ports`.

#[cfg(feature = "ports")]
pub mod cloud;
pub mod meta;
