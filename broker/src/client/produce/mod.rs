//! A producer of one topic: records in, in any amount; batches out, in order for each partition.
//!
//! Invariant: one batch of a partition is under way at a time, and is sent again as it was until its outcome is known: with
//! `idempotent`, a record is in the log once, and order is kept. What waits is bounded by [`MAX_BUFFERED_BYTES`]: the input
//! is then left alone.

mod partitioner;
mod sender;
mod state;

pub use partitioner::{murmur2, partition_of};
pub use sender::{Producer, Sent};

use std::time::Duration;

use bytes::Bytes;
use storage::compression::Codec;

/// Bytes of records that wait to be answered, about; more input is not taken.
pub const MAX_BUFFERED_BYTES: usize = 64 << 20;

/// When a batch is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// Never: it may be lost unseen.
    None,
    /// Once the leader has it.
    Leader,
    /// Once it is as durable as the topic promises.
    All,
}

/// How a producer works.
#[derive(Debug, Clone)]
pub struct ProducerOptions {
    /// When a batch is answered.
    pub acks: Acks,
    /// How batches are compressed.
    pub codec: Codec,
    /// The codec's level; its default, if not given.
    pub level: Option<i32>,
    /// Records are collected up to so many bytes.
    pub batch_bytes: usize,
    /// A batch waits for more records up to so long.
    pub linger: Duration,
    /// Whether the broker drops what it gets twice.
    pub idempotent: bool,
}

/// A record to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewRecord {
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value; null for a tombstone.
    pub value: Option<Bytes>,
    /// Its headers, in order.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// Where it goes; by its key, or anywhere, if not given.
    pub partition: Option<i32>,
    /// ms since the epoch.
    pub timestamp: i64,
}

impl NewRecord {
    /// Its bytes, about.
    pub fn size(&self) -> usize {
        const OVERHEAD: usize = 24;
        let len = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers = self.headers.iter().map(|(name, value)| name.len() + len(value) + 4);
        len(&self.key) + len(&self.value) + headers.sum::<usize>() + OVERHEAD
    }
}
