//! What the topics' configuration means here: Kafka's names, with sizes so small that a short run rolls, expires and
//! indexes a lot (the broker's own table allows no segment below 1 MiB).

use broker::controller::decide::{ApiError, ConfigSchema, InternalTopicSettings, Settings};
use broker::controller::image::{Overrides, ResourceType};
use broker::controller::topic_name::CONSUMER_OFFSETS_TOPIC;
use broker::node::{PartitionSettings, TopicSettings};
use broker::settings::metadata_partition;
use consensus::Durability;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_topics_response::CreatableTopicConfigs;
use storage::compaction::CompactionConfig;
use storage::log::LogConfig;
use storage::record_batch::ProduceRules;

use super::clients::compacted::{DELETE_RETENTION_MS, is_compacted};

/// Idle producers are never forgotten: a run would otherwise have to know when.
const NEVER_MS: i64 = i64::MAX / 4;

/// The settings of every partition.
pub(crate) struct SimulatedSettings;

impl TopicSettings for SimulatedSettings {
    fn partition_settings(&self, topic: &str, overrides: &Overrides, _: &Overrides) -> PartitionSettings {
        let number = |name: &str, default: i64| {
            overrides
                .get(name)
                .and_then(|value| value.parse().ok())
                .unwrap_or(default)
        };
        let policy = overrides.get("cleanup.policy").filter(|_| is_compacted(topic));
        let has = |what: &str| policy.is_some_and(|policy| policy.split(',').any(|it| it == what));
        let is_internal = topic.starts_with("__");
        let is_caching = overrides.get("write.caching").is_some_and(|value| value == "true");
        PartitionSettings {
            log: LogConfig {
                segment_bytes: number("segment.bytes", 2_000) as u64,
                segment_ms: number("segment.ms", 3_600_000),
                index_interval_bytes: number("index.interval.bytes", 200) as u64,
                retention_ms: number("retention.ms", -1),
                retention_bytes: number("retention.bytes", -1),
                delete: has("delete") || (!is_internal && !is_compacted(topic)),
                compact: has("compact") || (policy.is_none() && is_compacted(topic)) || topic == CONSUMER_OFFSETS_TOPIC,
                compaction: CompactionConfig {
                    delete_retention_ms: DELETE_RETENTION_MS,
                    min_lag_ms: number("min.compaction.lag.ms", 0),
                    max_lag_ms: i64::MAX,
                    min_dirty_ratio: 0.1,
                },
                file_delete_delay_ms: 1_000,
                producer_expiration_ms: NEVER_MS,
                ..LogConfig::default()
            },
            rules: ProduceRules {
                segment_bytes: 1 << 20,
                ..ProduceRules::default()
            },
            durability: if is_caching {
                Durability::Written
            } else {
                Durability::Synced
            },
            flush_ms: 100,
            flush_messages: u64::MAX,
            ..metadata_partition()
        }
    }
}

/// The settings of the metadata's log.
pub(crate) fn metadata_settings() -> PartitionSettings {
    let settings = metadata_partition();
    PartitionSettings {
        log: LogConfig {
            segment_bytes: 4_000,
            index_interval_bytes: 300,
            ..settings.log
        },
        ..settings
    }
}

/// What the controller decides by.
pub(crate) fn controller_settings() -> Settings {
    let internal = InternalTopicSettings {
        num_partitions: 2,
        replication_factor: 1,
        segment_bytes: 3_000,
    };
    Settings {
        node_id: 1,
        num_partitions: 1,
        default_replication_factor: 1,
        delete_topic_enable: true,
        max_partitions: 1_000,
        max_config_bytes: 1 << 20,
        max_client_metrics_subscriptions: 100,
        offsets_topic: internal,
        transaction_topic: internal,
        transaction_topic_min_isr: 1,
    }
}

/// Knows the properties that the run's topics have.
pub(crate) struct SimulatedSchema;

impl ConfigSchema for SimulatedSchema {
    fn validate(&self, _: ResourceType, _: &str, overrides: &Overrides, _: &Overrides) -> Result<(), ApiError> {
        match overrides
            .iter()
            .find(|(name, value)| *name == "retention.ms" && value.parse::<i64>().is_err())
        {
            Some((name, value)) => {
                let message = format!("{name} cannot be {value}");
                Err(ApiError::new(ResponseError::InvalidConfig, message))
            }
            None => Ok(()),
        }
    }

    fn is_list(&self, _: ResourceType, property: &str) -> bool {
        property == "cleanup.policy"
    }

    fn default_value(&self, _: ResourceType, _: &str) -> Option<String> {
        None
    }

    fn effective_topic_configs(&self, _: &Overrides) -> Vec<CreatableTopicConfigs> {
        Vec::new()
    }
}
