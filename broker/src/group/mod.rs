//! The consumer group coordinator.
//!
//! One [`Shard`] coordinates every group whose id hashes to one partition of `__consumer_offsets`. It is a pure state
//! machine: requests, the results of its appends, and the time go in; [`Effect`]s come out, to be polled until there
//! are none. It never waits, never looks at a clock, and the same calls always give the same effects.
//!
//! Invariants:
//! - An offset is shown, and its commit answered, only once its record is committed (below the high watermark).
//! - The results of appends take effect in the order of the appends, so of two commits to a partition the one that is
//!   later in the log wins, whenever the answers come.
//! - Every token gets exactly one response.
//! - What a new shard learns by replaying the committed records is what this one would write into a checkpoint.
//!
//! How a group's life runs through the files: `join` lets members in, `rebalance` gathers them into a generation, `sync`
//! hands out the leader's assignment, `heartbeat` keeps and expires sessions, `leave` lets them go. `offset_commit`,
//! `offset_fetch`, `offset_delete` and `expiry` deal with offsets, `admin` with describing, listing and deleting
//! groups. `resolve` takes the results of appends, `load` and `checkpoint` bring a shard up.

mod admin;
mod appends;
mod checkpoint;
mod classic;
mod config;
mod consumer_protocol;
mod deletion;
mod errors;
mod expiry;
mod group_entry;
mod heartbeat;
mod join;
mod leave;
mod load;
mod member;
mod member_memory;
mod metrics;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_memory;
mod offsets;
mod rebalance;
pub(crate) mod records;
mod resolve;
mod runtime;
mod shard;
mod static_member;
mod sync;
mod timers;

#[cfg(test)]
mod tests;

pub use appends::AppendId;
pub use checkpoint::CheckpointError;
pub use config::GroupConfig;
pub use member_memory::MemberMemory;
pub use metrics::{GroupMetrics, StateCounts};
pub use offset_memory::OffsetMemory;
pub use records::RecordError;
pub use runtime::{Client, Effect, Now, Response, Token, UuidSource};
pub use shard::{Shard, partition_for};
