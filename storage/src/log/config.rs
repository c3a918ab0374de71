//! What a topic's configuration says about its logs.

use crate::compaction::CompactionConfig;
use crate::producer_state::{ProducerRoom, ProducerStates};

/// The settings of one log, under Kafka's names. They may change while the log is open.
#[derive(Debug, Clone, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment is rolled before it grows beyond this.
    pub segment_bytes: u64,
    /// `segment.ms`: a segment is rolled at the first append after its first record is this old, in milliseconds.
    pub segment_ms: i64,
    /// `segment.index.bytes`: a segment is rolled when its offset index would grow beyond this.
    pub segment_index_bytes: u64,
    /// `index.interval.bytes`: bytes of log between two index entries.
    pub index_interval_bytes: u64,
    /// `retention.ms`, −1 for ever. Acts only where `delete` is set.
    pub retention_ms: i64,
    /// `retention.bytes`, −1 for no bound. Acts only where `delete` is set.
    pub retention_bytes: i64,
    /// `cleanup.policy` has `delete`.
    pub delete: bool,
    /// `cleanup.policy` has `compact`.
    pub compact: bool,
    /// How it is compacted. Acts only where `compact` is set.
    pub compaction: CompactionConfig,
    /// `file.delete.delay.ms`: how long a deleted segment's file stays for readers that are at it.
    pub file_delete_delay_ms: i64,
    /// `producer.id.expiration.ms`: how long an idle producer's sequence is remembered.
    pub producer_expiration_ms: i64,
    /// How many producers one log remembers; at the bound only expired ones make room.
    pub max_producers: usize,
    /// What it shares with the node's other logs.
    pub producer_room: ProducerRoom,
}

impl LogConfig {
    /// No producers yet, within the bounds.
    pub(super) fn no_producers(&self) -> ProducerStates {
        ProducerStates::new(self.max_producers).in_room(&self.producer_room)
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: 7 * 24 * 3_600_000,
            retention_bytes: -1,
            delete: true,
            compact: false,
            compaction: CompactionConfig::default(),
            file_delete_delay_ms: 60_000,
            producer_expiration_ms: 86_400_000,
            max_producers: 100_000,
            producer_room: ProducerRoom::default(),
        }
    }
}
