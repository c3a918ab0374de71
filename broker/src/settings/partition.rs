//! What a topic's configuration means for its partitions.
//!
//! Invariant: equal overrides of equal brokers give equal settings, which are computed once: opening 10,000 partitions
//! of topics without overrides resolves the configuration once.

use std::collections::BTreeMap;
use std::sync::Arc;

use consensus::Durability;
use parking_lot::Mutex;
use storage::compaction::CompactionConfig;
use storage::compression::Codec;
use storage::log::LogConfig;
use storage::producer_state::ProducerRoom;
use storage::record_batch::{ProduceRules, TimestampType, TopicCompression};

use super::dynamic::with_dynamic;
use crate::config::topic::{Compression, MessageTimestampType, TopicKind};
use crate::config::{BrokerConfig, TopicConfig};
use crate::controller::image::Overrides;
use crate::controller::topic_name::is_internal_topic;
use crate::node::{PartitionSettings, TopicSettings};

/// Different sets of overrides whose settings are remembered; when there are more, all are forgotten.
const MAX_REMEMBERED: usize = 256;
/// Bytes of names and values in such a set; larger ones are resolved each time.
const MAX_REMEMBERED_BYTES: usize = 4096;

/// Settings of partitions by a broker's configuration.
pub struct ConfiguredTopics {
    at_start: Arc<BrokerConfig>,
    /// What the producers of all partitions may hold together.
    producers: ProducerRoom,
    resolved: Mutex<Resolved>,
}

/// What was computed for one set of broker-level overrides.
struct Resolved {
    overrides: Overrides,
    config: Arc<BrokerConfig>,
    users: BTreeMap<Overrides, PartitionSettings>,
    internals: BTreeMap<Overrides, PartitionSettings>,
}

impl ConfiguredTopics {
    /// Settings by the configuration that the broker was started with; what requests set on brokers comes with each
    /// question.
    pub fn new(at_start: Arc<BrokerConfig>) -> Self {
        let resolved = Resolved::new(at_start.clone(), Overrides::new());
        ConfiguredTopics {
            producers: ProducerRoom::new(at_start.producers.max_ids),
            at_start,
            resolved: Mutex::new(resolved),
        }
    }
}

impl TopicSettings for ConfiguredTopics {
    fn partition_settings(&self, topic: &str, overrides: &Overrides, broker: &Overrides) -> PartitionSettings {
        let mut resolved = self.resolved.lock();
        if resolved.overrides != *broker {
            let config = with_dynamic(&self.at_start, &Overrides::new(), broker);
            *resolved = Resolved::new(Arc::new(config), broker.clone());
        }
        let kind = if is_internal_topic(topic) {
            TopicKind::Internal
        } else {
            TopicKind::User
        };
        let mut settings = resolved.settings(overrides, kind);
        settings.log.producer_room = self.producers.clone();
        settings
    }
}

impl Resolved {
    fn new(config: Arc<BrokerConfig>, overrides: Overrides) -> Self {
        Resolved {
            overrides,
            config,
            users: BTreeMap::new(),
            internals: BTreeMap::new(),
        }
    }

    fn settings(&mut self, overrides: &Overrides, kind: TopicKind) -> PartitionSettings {
        let remembered = match kind {
            TopicKind::User => &mut self.users,
            TopicKind::Internal => &mut self.internals,
        };
        if let Some(settings) = remembered.get(overrides) {
            return settings.clone();
        }
        let bytes = overrides.iter().map(|(name, value)| name.len() + value.len());
        if bytes.sum::<usize>() > MAX_REMEMBERED_BYTES {
            return settings_of(&self.config, &self.config.topic(overrides, kind));
        }
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        let settings = settings_of(&self.config, &self.config.topic(overrides, kind));
        remembered.insert(overrides.clone(), settings.clone());
        settings
    }
}

/// The settings of the metadata's own log: always synced, never deleted from, its batches checked by nobody else.
pub fn metadata_partition() -> PartitionSettings {
    PartitionSettings {
        log: LogConfig {
            retention_ms: -1,
            retention_bytes: -1,
            delete: false,
            ..LogConfig::default()
        },
        rules: ProduceRules::default(),
        durability: Durability::Synced,
        flush_ms: u64::MAX,
        flush_messages: u64::MAX,
        max_uncommitted_bytes: 64 << 20,
    }
}

fn settings_of(broker: &BrokerConfig, topic: &TopicConfig) -> PartitionSettings {
    let durability = if topic.write_caching {
        Durability::Written
    } else {
        Durability::Synced
    };
    PartitionSettings {
        log: log_config(broker, topic),
        rules: rules(broker, topic),
        durability,
        max_uncommitted_bytes: broker.log.max_uncommitted_bytes as u64,
        flush_ms: broker.log.write_caching_flush_ms.min(positive(topic.flush_ms)),
        flush_messages: positive(topic.flush_messages),
    }
}

fn log_config(broker: &BrokerConfig, topic: &TopicConfig) -> LogConfig {
    LogConfig {
        segment_bytes: positive(topic.segment_bytes.into()),
        // Nothing is compacted while it is in the active segment (KIP-354).
        segment_ms: match topic.cleanup_policy.compact {
            true => topic.segment_ms.min(topic.max_compaction_lag_ms),
            false => topic.segment_ms,
        },
        segment_index_bytes: positive(topic.segment_index_bytes.into()),
        index_interval_bytes: positive(topic.index_interval_bytes.into()),
        retention_ms: topic.retention_ms,
        retention_bytes: topic.retention_bytes,
        delete: topic.cleanup_policy.delete,
        compact: topic.cleanup_policy.compact,
        compaction: CompactionConfig {
            delete_retention_ms: topic.delete_retention_ms,
            min_lag_ms: topic.min_compaction_lag_ms,
            max_lag_ms: topic.max_compaction_lag_ms,
            min_dirty_ratio: topic.min_cleanable_dirty_ratio,
        },
        file_delete_delay_ms: topic.file_delete_delay_ms,
        producer_expiration_ms: i64::try_from(broker.producers.id_expiration_ms).unwrap_or(i64::MAX),
        max_producers: broker.producers.max_ids_per_partition,
        producer_room: ProducerRoom::default(),
    }
}

fn rules(broker: &BrokerConfig, topic: &TopicConfig) -> ProduceRules {
    ProduceRules {
        max_message_bytes: topic.max_message_bytes.max(0) as usize,
        segment_bytes: topic.segment_bytes.max(0) as usize,
        timestamp_type: match topic.message_timestamp_type {
            MessageTimestampType::CreateTime => TimestampType::CreateTime,
            MessageTimestampType::LogAppendTime => TimestampType::LogAppendTime,
        },
        before_max_ms: topic.message_timestamp_before_max_ms,
        after_max_ms: topic.message_timestamp_after_max_ms,
        compression: compression(topic.compression),
        compacted: topic.cleanup_policy.compact,
        // A request of an older version narrows this.
        zstd_allowed: true,
        max_decompressed_bytes: broker.log.max_decompressed_batch_bytes,
    }
}

fn compression(compression: Compression) -> TopicCompression {
    let (kind, level) = match compression {
        Compression::Producer => return TopicCompression::Producer,
        Compression::Uncompressed => (Codec::None, None),
        // -1 stands for the codec's own default.
        Compression::Gzip { level } => (Codec::Gzip, Some(level).filter(|level| *level >= 0)),
        Compression::Snappy => (Codec::Snappy, None),
        Compression::Lz4 { level } => (Codec::Lz4, Some(level)),
        Compression::Zstd { level } => (Codec::Zstd, Some(level)),
    };
    TopicCompression::Codec { kind, level }
}

/// A number that its check keeps from being negative.
fn positive(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
