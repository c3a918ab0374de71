//! What was sent to one partition, and what consumers read there.

use super::Moment;
use crate::client::{Acks, ProducerIdentity};
use crate::payload::WriterId;

/// A batch that was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Who sent it.
    pub writer: WriterId,
    /// The writer's connection on which it was sent last: one arrives there in the order of sending.
    pub session: u32,
    /// The writer's sequence of its first record, in this partition.
    pub first: u64,
    /// How many records.
    pub count: u32,
    /// What was asked for.
    pub acks: Acks,
    /// Of an idempotent producer: who it was and the batch's base sequence.
    pub producer: Option<(ProducerIdentity, i32)>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a batch.
#[derive(Debug, Clone, Copy)]
pub enum Outcome {
    /// There was no answer: it is there once, or not.
    Unknown,
    /// It has its place.
    Acknowledged {
        /// Offset of its first record.
        base_offset: i64,
        /// When the answer came.
        at: Moment,
    },
}

/// A record that a consumer read under load.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Where.
    pub offset: i64,
    /// Who wrote it.
    pub writer: WriterId,
    /// Which of the writer's.
    pub sequence: u64,
    /// When it was read.
    pub at: Moment,
}

/// One partition of the ledger.
#[derive(Debug, Clone, Default)]
pub struct PartitionLedger {
    /// In the order of sending, for each writer.
    pub sent: Vec<Sent>,
    /// In no order.
    pub seen: Vec<Seen>,
}
