//! A consumer without a group: reads partitions from given offsets on, many at a time.
//!
//! Invariant: records of one partition come in order, each once. What was fetched and not yet taken is bounded by
//! [`MAX_WAITING`] answers of at most [`FetchOptions::max_bytes`] (or one batch, where that is larger). Of [`MAX_DECODING`]
//! of them, what is decompressed is a batch and a few pieces of records each, however much the answer may hold.

mod decode;
mod fetcher;

pub use decode::Decoded;
pub use fetcher::{Chunk, Consumer, Position};

use std::time::Duration;

/// Answers of partitions that wait to be taken, at most.
pub const MAX_WAITING: usize = 8;

/// Answers of partitions that are decoded at a time, at most.
pub const MAX_DECODING: usize = 4;

/// How a consumer fetches.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// Only what transactions have committed.
    pub committed: bool,
    /// How long a broker waits for new records.
    pub max_wait: Duration,
    /// Bytes of one answer.
    pub max_bytes: i32,
    /// Bytes of one partition in an answer.
    pub partition_max_bytes: i32,
}

impl Default for FetchOptions {
    fn default() -> Self {
        FetchOptions {
            committed: true,
            max_wait: Duration::from_millis(500),
            max_bytes: 16 << 20,
            partition_max_bytes: 4 << 20,
        }
    }
}
