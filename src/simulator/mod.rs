//! The world outside, made of software, for `demo` and for the tests. Knows the wire formats and nothing of the relay's rules: what is
//! checked here must not be copied from there. No device carries it, and nothing of the relay depends on it.
//!
//! The models are pure, so that a seed can drive them: time and choices come in as arguments. Sockets and a clock are behind `ports`.

pub mod account;
#[cfg(feature = "ports")]
pub mod broker;
#[cfg(feature = "ports")]
pub mod cloud;
pub mod meta;
#[cfg(feature = "ports")]
pub mod publisher;
#[cfg(feature = "ports")]
pub mod tls;
