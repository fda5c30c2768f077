//! The world outside, made of software: for `demo` and for tests. No device carries it, and nothing of the relay depends on it.

#[cfg(feature = "ports")]
pub mod broker;
