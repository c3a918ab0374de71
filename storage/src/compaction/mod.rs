//! The log cleaner: of each key the latest record stays, and tombstones until their time.
//!
//! Decisions and bytes, apart from the log's own files: what is to be cleaned ([`choose`]), the latest offset of each key
//! ([`OffsetMap`]), which records of a batch stay ([`Filter`]), which segments become one ([`group`]); and [`Clean`], which
//! does one round over one log with them, in steps. That a cleaned segment takes the place of the old ones is the log's
//! and its owner's part: see [`crate::log::Replacement`].
//!
//! Invariants:
//! - nothing at or above the round's end is touched, which is at or below the high watermark, below the active segment, and
//!   below the first open transaction, once there are any;
//! - of a key's records, those below the latest one that the round has mapped go, and that one stays. So a round that was
//!   broken off anywhere, or that mapped a part only, loses no key's latest record;
//! - groups of segments are replaced from the log's beginning on: where a tombstone goes, what it deletes is gone before it;
//! - offsets never change: a batch keeps its base offset and its last offset, so what is left has gaps.

mod choose;
mod clean;
mod filter;
mod group;
mod offset_map;
#[cfg(test)]
mod tests;

pub use choose::{Choice, CompactionConfig, SegmentFacts, choose};
pub use clean::{Clean, CleanError, CleanOptions, CleanStats, Progress};
pub use filter::{Filter, Filtered, NoTransactions, Transactions};
pub use group::{SegmentSize, group};
pub use offset_map::{BYTES_PER_KEY, KeyHash, OffsetMap};
