//! Programs of Debian's that the tests start on loopback, each in a directory of its own; they end with the test. Asserts nothing.

pub(crate) mod pebble;
