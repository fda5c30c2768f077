//! Other people's servers, as they come from Debian: each on a free port, in a directory of its own, gone with the test. Asserts nothing.

pub(crate) mod pebble;
pub(crate) mod sshd;
