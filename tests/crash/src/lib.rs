//! The real binary under load, killed at random moments and after power cuts: does it keep what it acknowledged?
//!
//! ```text
//! load (threads of clients) → broker (a process) → killed → started again → check (reads everything, judges it)
//!      ↓ what was sent, and what was answered                                   ↑
//!      └──────────────────────────── ledger ───────────────────────────────────┘
//! ```

#![forbid(unsafe_code)]

pub mod binary;
pub mod broker_process;
pub mod check;
pub mod client;
pub mod ledger;
pub mod load;
pub mod payload;
pub mod scene;
pub mod summary;
