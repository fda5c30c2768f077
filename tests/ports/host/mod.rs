//! The relay host as the handbook describes it: its files as they stand there, on a Debian of the test's own, with OpenSSH's client in the
//! place of the device. What is documented works, and each promise about it holds.

mod documented;
mod kept_apart;
mod passed_on;
mod relay;
mod stand_in;
mod taken_over;
pub(crate) mod world;
