//! The tunnel against a real sshd.

mod host;
