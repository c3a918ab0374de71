use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use consensus::Durability;
use storage::compression::Codec;
use storage::record_batch::{TimestampType, TopicCompression};
use uuid::Uuid;

use super::{BrokerSchema, ConfiguredTopics, Observers, controller_settings};
use crate::api::test_node::config;
use crate::controller::decide::ConfigSchema;
use crate::controller::image::{Image, Overrides, ResourceType};
use crate::node::{Partition, PartitionSettings, TopicObserver, TopicSettings};

fn overrides(values: &[(&str, &str)]) -> Overrides {
    values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn settings(properties: &[(&str, &str)], topic: &[(&str, &str)], broker: &[(&str, &str)]) -> PartitionSettings {
    let topics = ConfiguredTopics::new(Arc::new(config(properties)));
    topics.partition_settings("t", &overrides(topic), &overrides(broker))
}

#[test]
fn the_defaults_are_kafkas_and_synced() {
    let settings = settings(&[], &[], &[]);
    assert_eq!(settings.durability, Durability::Synced);
    assert_eq!(
        (settings.log.segment_bytes, settings.log.retention_ms),
        (1 << 30, 604_800_000)
    );
    assert_eq!((settings.log.retention_bytes, settings.log.delete), (-1, true));
    assert_eq!(settings.rules.max_message_bytes, 1_048_588);
    assert_eq!(
        (settings.rules.before_max_ms, settings.rules.after_max_ms),
        (i64::MAX, 3_600_000)
    );
    assert!(!settings.rules.compacted && settings.rules.zstd_allowed);
    assert!(matches!(settings.rules.compression, TopicCompression::Producer));
    assert_eq!((settings.flush_ms, settings.flush_messages), (100, i64::MAX as u64));
}

#[test]
fn a_topics_own_values_win_over_the_brokers() {
    let own = [
        ("compression.type", "gzip"),
        ("compression.gzip.level", "9"),
        ("message.timestamp.type", "LogAppendTime"),
        ("cleanup.policy", "compact"),
        ("segment.bytes", "2097152"),
        ("write.caching", "false"),
        ("flush.ms", "10"),
        ("flush.messages", "5"),
    ];
    let settings = settings(&[("log.segment.bytes", "4194304")], &own, &[("write.caching", "true")]);
    assert!(matches!(
        settings.rules.compression,
        TopicCompression::Codec {
            kind: Codec::Gzip,
            level: Some(9)
        }
    ));
    assert_eq!(settings.rules.timestamp_type, TimestampType::LogAppendTime);
    assert!(settings.rules.compacted && !settings.log.delete);
    assert_eq!(
        (settings.log.segment_bytes, settings.rules.segment_bytes),
        (2_097_152, 2_097_152)
    );
    assert_eq!(settings.durability, Durability::Synced);
    assert_eq!((settings.flush_ms, settings.flush_messages), (10, 5));
}

#[test]
fn a_stored_value_that_is_no_longer_allowed_counts_as_not_set() {
    let broker = [
        ("message.max.bytes", "7000"),
        ("no.such.property", "1"),
        ("log.roll.ms", "x"),
    ];
    let settings = settings(&[], &[("retention.ms", "x")], &broker);
    assert_eq!(
        (settings.rules.max_message_bytes, settings.log.retention_ms),
        (7000, 604_800_000)
    );
}

#[test]
fn more_topics_than_are_remembered() {
    let topics = ConfiguredTopics::new(Arc::new(config(&[])));
    for _ in 0..2 {
        for size in 1..600 {
            let own = overrides(&[("max.message.bytes", &size.to_string())]);
            let settings = topics.partition_settings("t", &own, &Overrides::new());
            assert_eq!(settings.rules.max_message_bytes, size);
        }
    }
}

#[test]
fn what_the_controller_decides_by() {
    let config = config(&[("num.partitions", "7"), ("transaction.state.log.num.partitions", "3")]);
    let settings = controller_settings(&config);
    assert_eq!((settings.node_id, settings.num_partitions), (1, 7));
    assert_eq!(
        (
            settings.offsets_topic.num_partitions,
            settings.transaction_topic.num_partitions
        ),
        (50, 3)
    );
    assert_eq!(
        (
            settings.transaction_topic.segment_bytes,
            settings.transaction_topic_min_isr
        ),
        (104_857_600, 2)
    );
}

#[test]
fn what_a_resource_may_have() {
    let (config, image) = (config(&[]), Image::empty("cluster"));
    let schema = BrokerSchema {
        config: &config,
        image: &image,
    };
    let none = Overrides::new();
    let check = |kind, name: &str, values: &[(&str, &str)], current: &[(&str, &str)]| {
        schema.validate(kind, name, &overrides(values), &overrides(current))
    };
    check(ResourceType::Topic, "t", &[("retention.ms", "5")], &[]).unwrap();
    let error = check(ResourceType::Topic, "t", &[("retention.mss", "5")], &[]).unwrap_err();
    assert!(error.to_string().contains("retention.ms"), "{error}");
    check(ResourceType::Broker, "", &[("message.max.bytes", "5")], &[]).unwrap();
    check(ResourceType::Broker, "1", &[("node.id", "5")], &[]).unwrap_err();
    check(
        ResourceType::Group,
        "g",
        &[("consumer.session.timeout.ms", "50000")],
        &[],
    )
    .unwrap();
    check(ResourceType::Group, "g", &[("consumer.session.timeout.ms", "5")], &[]).unwrap_err();
    check(ResourceType::Group, "g", &[("retention.ms", "5")], &[]).unwrap_err();
    check(ResourceType::ClientMetrics, "m", &[("interval.ms", "1000")], &[]).unwrap();
    // What is left over from an older release stays, and stands in nobody's way.
    let left_over = ("gone", "1");
    check(
        ResourceType::Topic,
        "t",
        &[left_over, ("retention.ms", "5")],
        &[left_over],
    )
    .unwrap();
    check(
        ResourceType::Topic,
        "t",
        &[left_over, ("retention.ms", "x")],
        &[left_over],
    )
    .unwrap_err();

    assert!(schema.is_list(ResourceType::Topic, "cleanup.policy"));
    assert!(!schema.is_list(ResourceType::Topic, "retention.ms"));
    assert_eq!(
        schema.default_value(ResourceType::Topic, "cleanup.policy").as_deref(),
        Some("delete")
    );
    assert_eq!(
        schema
            .default_value(ResourceType::Broker, "log.cleanup.policy")
            .as_deref(),
        Some("delete")
    );
    let shown = schema.effective_topic_configs(&none);
    assert!(shown.windows(2).all(|pair| pair[0].name < pair[1].name) && shown.len() > 30);
}

#[derive(Default)]
struct Counting(AtomicUsize);

impl TopicObserver for Counting {
    fn opened(&self, _: &Arc<Partition>) {}
    fn removed(&self, _: &str, _: Uuid) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn configured(&self, _: &Image) {
        self.0.fetch_add(10, Ordering::Relaxed);
    }
}

#[test]
fn every_observer_is_told() {
    let all = [Arc::new(Counting::default()), Arc::new(Counting::default())];
    let observers = Observers::new(all.iter().map(|one| one.clone() as Arc<dyn TopicObserver>).collect());
    observers.removed("t", Uuid::nil());
    observers.configured(&Image::empty("cluster"));
    assert!(all.iter().all(|one| one.0.load(Ordering::Relaxed) == 11));
}
