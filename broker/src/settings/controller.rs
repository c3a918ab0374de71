//! The part of the configuration that the controller decides by.

use crate::config::{BrokerConfig, Value};
use crate::controller::decide::{InternalTopicSettings, Settings};

/// What decisions depend on.
pub fn controller_settings(config: &BrokerConfig) -> Settings {
    Settings {
        node_id: config.node_id,
        num_partitions: config.topics.num_partitions,
        default_replication_factor: short(config.topics.default_replication_factor),
        delete_topic_enable: config.topics.delete_topic_enable,
        max_partitions: config.topics.max_partitions,
        max_config_bytes: config.topics.max_config_bytes,
        max_client_metrics_subscriptions: config.topics.max_client_metrics_subscriptions,
        offsets_topic: InternalTopicSettings {
            num_partitions: config.offsets.topic_num_partitions,
            replication_factor: config.offsets.topic_replication_factor,
            segment_bytes: config.offsets.topic_segment_bytes,
        },
        transaction_topic: InternalTopicSettings {
            num_partitions: int(config, "transaction.state.log.num.partitions"),
            replication_factor: short(int(config, "transaction.state.log.replication.factor")),
            segment_bytes: int(config, "transaction.state.log.segment.bytes"),
        },
        transaction_topic_min_isr: int(config, "transaction.state.log.min.isr"),
    }
}

/// An INT of the table that has a default.
fn int(config: &BrokerConfig, name: &str) -> i32 {
    match config.settings().value(name) {
        Value::Int(value) => i32::try_from(value).unwrap_or(i32::MAX),
        value => unreachable!("{name} is a number with a default, not {value:?}: a test reads it"),
    }
}

fn short(value: i32) -> i16 {
    i16::try_from(value).unwrap_or(i16::MAX)
}
