//! Other people's servers, as they come from Debian: each on a free port, in a directory of its own, gone with the test.

pub(crate) mod debian;
pub(crate) mod handbook;
pub(crate) mod haproxy;
pub(crate) mod nginx;
pub(crate) mod processes;
pub(crate) mod sshd;
