//! The broker properties that the coordinator obeys, by their Kafka names.

use super::member_memory::MemberMemory;
use super::offset_memory::OffsetMemory;

/// Settings of a shard; each field names the Kafka property that it comes from. Times are in milliseconds.
#[derive(Debug, Clone)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`
    pub max_session_timeout_ms: i32,
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members before its first generation.
    pub initial_rebalance_delay_ms: u64,
    /// `group.max.size`
    pub max_size: usize,
    /// `offset.metadata.max.bytes`, counted in UTF-16 units, as Kafka counts.
    pub offset_metadata_max_size: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`
    pub offsets_retention_check_interval_ms: u64,
    /// `offsets.commit.timeout.ms`: how long an answer waits for its record to be committed.
    pub offset_commit_timeout_ms: u64,
    /// What members hold, and may hold.
    pub member_memory: MemberMemory,
    /// What committed offsets hold, and may hold.
    pub offset_memory: OffsetMemory,
}

impl Default for GroupConfig {
    /// Kafka 4.3's defaults.
    fn default() -> Self {
        Self {
            min_session_timeout_ms: 6_000,
            max_session_timeout_ms: 1_800_000,
            initial_rebalance_delay_ms: 3_000,
            max_size: i32::MAX as usize,
            offset_metadata_max_size: 4_096,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1_000,
            offsets_retention_check_interval_ms: 600_000,
            offset_commit_timeout_ms: 5_000,
            member_memory: MemberMemory::default(),
            offset_memory: OffsetMemory::default(),
        }
    }
}

/// How long a member that has just joined may wait in a rebalance before it counts as gone: it has no session yet that
/// heartbeats could keep. Fixed in Kafka as well (`classicGroupNewMemberJoinTimeoutMs`).
pub(crate) const NEW_MEMBER_JOIN_TIMEOUT_MS: u64 = 5 * 60 * 1_000;

/// The least pause before a rebalance in which nobody joined is tried again, whatever timeout the members asked for.
pub(crate) const MIN_REBALANCE_RETRY_MS: u64 = 100;

/// At most so many member ids of one group may be handed out and not yet used; beyond it a join is answered
/// GROUP_MAX_SIZE_REACHED.
pub(crate) const MAX_PENDING_JOINS: usize = 10_000;

/// At most so many appends of one shard may wait for their commit; beyond it offset commits are answered
/// COORDINATOR_LOAD_IN_PROGRESS, which clients retry.
pub(crate) const MAX_PENDING_APPENDS: usize = 65_536;

/// Tombstones are appended in batches of about so many bytes of keys, far below any `max.message.bytes`.
pub(crate) const TOMBSTONE_BATCH_BYTES: usize = 256 * 1024;

/// The longest group, member, instance, client, topic and protocol name: what a record's string can hold.
pub(crate) const MAX_NAME_BYTES: usize = i16::MAX as usize;
