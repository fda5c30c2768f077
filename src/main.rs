//! The program. Nothing to run yet: the rooms that `run` connects come first.

fn main() {}
