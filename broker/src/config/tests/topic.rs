use proptest::prelude::*;

use super::{broker, overrides};
use crate::config::properties::topic_properties;
use crate::config::topic::{CleanupPolicy, Compression, MessageTimestampType, TopicConfig, TopicKind, validate};

fn topic(of_broker: &[(&str, &str)], of_topic: &[(&str, &str)]) -> TopicConfig {
    TopicConfig::resolve(broker(of_broker).settings(), &overrides(of_topic), TopicKind::User)
}

#[test]
fn without_overrides_kafkas_defaults_hold() {
    let config = topic(&[], &[]);
    assert_eq!(
        config.cleanup_policy,
        CleanupPolicy {
            compact: false,
            delete: true
        }
    );
    assert_eq!(config.compression, Compression::Producer);
    assert_eq!(config.max_message_bytes, 1_048_588);
    assert_eq!(config.message_timestamp_type, MessageTimestampType::CreateTime);
    assert_eq!(config.message_timestamp_after_max_ms, 3_600_000);
    assert_eq!(config.message_timestamp_before_max_ms, i64::MAX);
    assert_eq!(config.flush_ms, i64::MAX);
    assert_eq!(config.retention_ms, 604_800_000);
    assert_eq!(config.retention_bytes, -1);
    assert_eq!(config.segment_ms, 604_800_000);
    assert_eq!(config.segment_bytes, 1 << 30);
    assert_eq!(config.segment_jitter_ms, 0);
    assert!((config.min_cleanable_dirty_ratio - 0.5).abs() < f64::EPSILON);
}

#[test]
fn the_table_gives_topics_the_same_defaults_as_the_broker() {
    let broker = broker(&[]);
    for property in topic_properties() {
        let none = overrides(&[]);
        let effective = crate::config::topic::Effective {
            broker: broker.settings(),
            overrides: &none,
            kind: TopicKind::User,
        };
        assert_eq!(
            effective.inherited(property),
            property.default_value(),
            "{}",
            property.name
        );
    }
}

#[test]
fn of_hours_minutes_and_milliseconds_the_finest_holds() {
    let hours = ("log.retention.hours", "1");
    let minutes = ("log.retention.minutes", "2");
    let millis = ("log.retention.ms", "3");
    assert_eq!(topic(&[hours], &[]).retention_ms, 3_600_000);
    assert_eq!(topic(&[hours, minutes], &[]).retention_ms, 120_000);
    assert_eq!(topic(&[millis, minutes, hours], &[]).retention_ms, 3);
    assert_eq!(topic(&[millis], &[("retention.ms", "4")]).retention_ms, 4);
    assert_eq!(topic(&[("log.retention.hours", "-5")], &[]).retention_ms, -1);
    assert_eq!(topic(&[("log.roll.hours", "2")], &[]).segment_ms, 7_200_000);
    assert_eq!(
        topic(&[("log.roll.hours", "2"), ("log.roll.ms", "9")], &[]).segment_ms,
        9
    );
    assert_eq!(
        topic(&[("log.roll.jitter.hours", "1")], &[]).segment_jitter_ms,
        3_600_000
    );
    assert_eq!(topic(&[("log.flush.scheduler.interval.ms", "5")], &[]).flush_ms, 5);
    assert_eq!(
        topic(
            &[("log.flush.scheduler.interval.ms", "5"), ("log.flush.interval.ms", "6")],
            &[]
        )
        .flush_ms,
        6
    );
}

#[test]
fn overrides_win_over_the_broker() {
    let config = topic(
        &[
            ("message.max.bytes", "10"),
            ("compression.type", "gzip"),
            ("compression.zstd.level", "7"),
        ],
        &[
            ("compression.type", "zstd"),
            ("cleanup.policy", "compact,delete"),
            ("internal.segment.bytes", "9"),
        ],
    );
    assert_eq!(config.max_message_bytes, 10);
    assert_eq!(config.compression, Compression::Zstd { level: 7 });
    assert_eq!(
        config.cleanup_policy,
        CleanupPolicy {
            compact: true,
            delete: true
        }
    );
    assert_eq!(config.segment_bytes, 9);
    assert_eq!(
        topic(&[], &[("compression.type", "gzip")]).compression,
        Compression::Gzip { level: -1 }
    );
}

#[test]
fn the_brokers_own_topics_take_write_caching_only_when_it_is_set_on_them() {
    let broker = broker(&[("write.caching", "true")]);
    let caching = |of_topic: &[(&str, &str)], kind| broker.topic(&overrides(of_topic), kind).write_caching;
    assert!(caching(&[], TopicKind::User));
    assert!(!caching(&[("write.caching", "false")], TopicKind::User));
    assert!(!caching(&[], TopicKind::Internal));
    assert!(caching(&[("write.caching", "true")], TopicKind::Internal));
}

#[test]
fn overrides_are_checked_as_kafka_checks_them() {
    let broker = broker(&[]);
    let passes = |name: &str, value: &str| validate(broker.settings(), &overrides(&[(name, value)])).is_ok();
    for (name, value) in [
        ("cleanup.policy", ""),
        ("cleanup.policy", "compact, delete"),
        ("cleanup.policy", "delete,delete"),
        ("retention.ms", "-1"),
        ("retention.ms", " 5 "),
        ("retention.ms", "+5"),
        ("segment.bytes", "1048576"),
        ("min.cleanable.dirty.ratio", "1e-1"),
        ("min.cleanable.dirty.ratio", "0.5f"),
        ("preallocate", "TRUE"),
        ("leader.replication.throttled.replicas", "*"),
        ("leader.replication.throttled.replicas", "1:2,3:4"),
        ("leader.replication.throttled.replicas", ""),
        ("leader.replication.throttled.replicas", "1:2,,3:4"),
        ("leader.replication.throttled.replicas", "*,"),
        ("remote.storage.enable", "false"),
        ("local.retention.ms", "100000000000000"),
        ("write.caching", "true"),
    ] {
        assert!(passes(name, value), "{name}={value}");
    }
    for (name, value) in [
        ("cleanup.policy", "none"),
        ("cleanup.policy", "COMPACT"),
        ("cleanup.policy", "delete,"),
        ("retention.ms", "-2"),
        ("retention.ms", "5.0"),
        ("retention.ms", ""),
        ("retention.ms", "99999999999999999999"),
        ("segment.bytes", "1048575"),
        ("segment.bytes", "3000000000"),
        ("min.cleanable.dirty.ratio", "1.5"),
        ("min.cleanable.dirty.ratio", "NaN"),
        ("min.cleanable.dirty.ratio", "0.5x"),
        ("preallocate", "yes"),
        ("compression.type", "GZIP"),
        ("compression.gzip.level", "0"),
        ("compression.lz4.level", "18"),
        ("compression.zstd.level", "-131073"),
        ("message.timestamp.type", "createtime"),
        ("leader.replication.throttled.replicas", "x"),
        ("leader.replication.throttled.replicas", "*,1:2"),
        ("leader.replication.throttled.replicas", "*,*"),
        ("remote.storage.enable", "true"),
        ("local.retention.ms", "-3"),
        ("max.message.bytes", "-1"),
        ("min.insync.replicas", "0"),
        ("message.format.version", "3.0"),
        ("Retention.ms", "5"),
        ("weir.max.groups", "5"),
    ] {
        assert!(!passes(name, value), "{name}={value}");
    }
}

#[test]
fn the_compaction_lags_must_fit_also_against_the_brokers() {
    let broker = broker(&[("log.cleaner.max.compaction.lag.ms", "100")]);
    let error = validate(broker.settings(), &overrides(&[("min.compaction.lag.ms", "101")])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "topic configuration: min.compaction.lag.ms (101) must not be above max.compaction.lag.ms (100)"
    );
    let both = overrides(&[("min.compaction.lag.ms", "101"), ("max.compaction.lag.ms", "101")]);
    validate(broker.settings(), &both).unwrap();
}

#[test]
fn an_unknown_override_names_the_nearest() {
    let error = validate(broker(&[]).settings(), &overrides(&[("retention.msec", "1")])).unwrap_err();
    assert!(error.to_string().ends_with("did you mean retention.ms?"), "{error}");
}

#[test]
fn stored_overrides_that_no_longer_pass_count_as_not_set() {
    let stale = [
        ("retention.ms", "soon"),
        ("gone", "1"),
        ("segment.bytes", "1"),
        ("segment.ms", "5"),
    ];
    let config = topic(&[], &stale);
    assert_eq!(
        (config.retention_ms, config.segment_bytes, config.segment_ms),
        (604_800_000, 1 << 30, 5)
    );
}

proptest! {
    #[test]
    fn no_override_makes_it_panic(index in any::<prop::sample::Index>(), value in prop_oneof![r"\PC{0,20}".boxed(), any::<i64>().prop_map(|n| n.to_string()).boxed()]) {
        let names: Vec<_> = topic_properties().map(|property| property.name).collect();
        let pair = [(names[index.index(names.len())], value.as_str())];
        let broker = broker(&[]);
        let _ = validate(broker.settings(), &overrides(&pair));
        TopicConfig::resolve(broker.settings(), &overrides(&pair), TopicKind::User);
    }
}
