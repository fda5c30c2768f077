//! Things arrive. The relay decides, writes it down, acknowledges, and acts. Time is one more thing that arrives.
//!
//! ```text
//!                         ┌──────────────────── relay ─────────────────────┐
//!    mqtt     ──figure──▶ │                                                │
//!    webhook  ──message─▶ │   decide ──▶ apply ──▶ commit ──▶ ack ──▶ act  │ ──send──▶ graph ──▶ Meta
//!    webhook  ──status──▶ │   domain     state     store                   │             │
//!    graph    ──result──▶ │      ▲                                         │             │
//!       ▲                 │      └── due ── wheel (index of deadlines)     │             │
//!       │                 └────────────────────────────────────────────────┘             │
//!       └────────────────────────────── the answer arrives ◀─────────────────────────────┘
//! ```
//!
//! The modules in reading order. Who may use whom is written in ARCHITECTURE.md and enforced by `tests/tidy.rs`.

pub mod domain;
pub mod relay;
pub mod store;
pub mod wheel;

#[cfg(feature = "ports")]
pub mod command;
#[cfg(feature = "ports")]
pub mod config;
#[cfg(feature = "ports")]
pub mod port;
#[cfg(feature = "ports")]
pub mod run;

#[cfg(feature = "simulator")]
pub mod simulator;
