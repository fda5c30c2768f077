//! Other people's servers, as they come from Debian: each on a free port, in a directory of its own, gone with the test. Asserts nothing.

pub(crate) mod debian;
pub(crate) mod handbook;
pub(crate) mod haproxy;
pub(crate) mod mosquitto;
pub(crate) mod nginx;
pub(crate) mod pebble;
pub(crate) mod processes;
pub(crate) mod sshd;
