//! Figures in. So far only the parser; decides nothing about figures.

mod number;
mod payload;
mod rejected;

pub use payload::parse;
pub use rejected::Rejected;
