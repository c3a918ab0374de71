use std::collections::BTreeSet;

use super::{broker, overrides};
use crate::config::ConfigEntry;
use crate::config::describe::{
    ConfigSource, describe_all_brokers, describe_broker, describe_client_metrics, describe_group, describe_topic,
};
use crate::config::topic::TopicKind;

fn entry(entries: &[ConfigEntry], name: &str) -> ConfigEntry {
    entries
        .iter()
        .find(|entry| entry.name == name)
        .unwrap_or_else(|| panic!("no {name}"))
        .clone()
}

fn said(entry: &ConfigEntry) -> Vec<(&str, &str, ConfigSource)> {
    entry
        .synonyms
        .iter()
        .map(|s| (s.name.as_str(), s.value.as_deref().unwrap_or_default(), s.source))
        .collect()
}

#[test]
fn a_topic_has_the_names_that_kafka_reports_and_write_caching() {
    let section = include_str!("../testdata/kafka-4.3-reported.tsv")
        .split("# TOPIC\n")
        .nth(1)
        .unwrap();
    let section = section.split("# BROKER\n").next().unwrap();
    let mut expected: BTreeSet<&str> = section.lines().filter_map(|line| line.split('\t').next()).collect();
    expected.insert("write.caching");
    let entries = describe_topic(&broker(&[]), &overrides(&[]), TopicKind::User);
    assert!(entries.is_sorted_by_key(|entry| &entry.name));
    assert_eq!(
        entries.iter().map(|entry| entry.name.as_str()).collect::<BTreeSet<_>>(),
        expected
    );
    assert!(
        entries
            .iter()
            .all(|entry| entry.is_default() && !entry.read_only && !entry.documentation.is_empty())
    );
}

#[test]
fn a_topics_value_says_where_it_is_from() {
    let broker = broker(&[("log.segment.bytes", "2097152"), ("log.retention.hours", "1")]);
    let entries = describe_topic(
        &broker,
        &overrides(&[("retention.ms", "9"), ("cleanup.policy", "compact , delete")]),
        TopicKind::User,
    );
    let segment = entry(&entries, "segment.bytes");
    assert_eq!(segment.value.as_deref(), Some("2097152"));
    assert_eq!(segment.source, ConfigSource::StaticBroker);
    assert_eq!(
        said(&segment),
        [
            ("log.segment.bytes", "2097152", ConfigSource::StaticBroker),
            ("log.segment.bytes", "1073741824", ConfigSource::Default),
        ]
    );
    let retention = entry(&entries, "retention.ms");
    // What is said in hours alone is no synonym to Kafka, nor a source.
    assert_eq!(said(&retention), [("retention.ms", "9", ConfigSource::DynamicTopic)]);
    assert_eq!(
        entry(&entries, "cleanup.policy").value.as_deref(),
        Some("compact,delete")
    );
    assert_eq!(
        entry(&entries, "flush.ms").value.as_deref(),
        Some("9223372036854775807")
    );
    assert_eq!(
        entry(&entries, "min.cleanable.dirty.ratio").value.as_deref(),
        Some("0.5")
    );
    assert_eq!(entry(&entries, "segment.ms").synonyms, []);
    assert!(!entries.iter().any(|entry| entry.name == "internal.segment.bytes"));
    let internal = describe_topic(&broker, &overrides(&[("internal.segment.bytes", "9")]), TopicKind::User);
    assert_eq!(
        entry(&internal, "internal.segment.bytes").source,
        ConfigSource::DynamicTopic
    );
}

#[test]
fn an_internal_topic_does_not_show_the_brokers_write_caching() {
    let broker = broker(&[("write.caching", "true")]);
    let shown = |kind| entry(&describe_topic(&broker, &overrides(&[]), kind), "write.caching").value;
    assert_eq!(shown(TopicKind::User).as_deref(), Some("true"));
    assert_eq!(shown(TopicKind::Internal).as_deref(), Some("false"));
}

#[test]
fn a_broker_has_the_names_that_kafka_reports_and_weirs_own() {
    let entries = describe_broker(&broker(&[]));
    assert!(entries.is_sorted_by_key(|entry| &entry.name));
    let own = |entry: &&ConfigEntry| entry.name.starts_with("weir.") || entry.name.starts_with("write.caching");
    let kafka: Vec<&str> = entries
        .iter()
        .filter(|entry| !own(entry))
        .map(|entry| entry.name.as_str())
        .collect();
    let section = include_str!("../testdata/kafka-4.3-reported.tsv")
        .split("# BROKER\n")
        .nth(1)
        .unwrap();
    let section = section.split("# GROUP\n").next().unwrap();
    assert_eq!(
        kafka,
        section
            .lines()
            .filter_map(|line| line.split('\t').next())
            .collect::<Vec<_>>()
    );
    assert!(
        entries
            .iter()
            .any(|entry| entry.name == "write.caching" && !entry.read_only)
    );
    assert!(entries.iter().all(ConfigEntry::is_default));
    let cleaner = entry(&entries, "log.cleaner.io.max.bytes.per.second");
    assert_eq!(cleaner.value.as_deref(), Some("1.7976931348623157E308"));
    assert_eq!(entry(&entries, "advertised.listeners").value, None);
    assert_eq!(entry(&entries, "controller.quorum.voters").value.as_deref(), Some(""));
}

#[test]
fn a_brokers_value_says_where_it_is_from() {
    let broker = broker(&[
        ("log.retention.hours", "2"),
        ("ssl.keystore.password", "secret"),
        ("listener.name.x.ssl.keystore.location", "/k"),
        ("rsm.config.key", "secret"),
        ("zookeeper.connect", "z"),
        ("broker.id", "5"),
    ]);
    let dynamic = broker.with_dynamic(
        &overrides(&[("log.retention.ms", "7")]),
        &overrides(&[("message.max.bytes", "8")]),
    );
    let dynamic = dynamic.unwrap();
    let entries = describe_broker(&dynamic);
    let hours = entry(&entries, "log.retention.hours");
    assert_eq!((hours.source, hours.read_only), (ConfigSource::StaticBroker, true));
    assert_eq!(
        said(&hours),
        [
            ("log.retention.hours", "2", ConfigSource::StaticBroker),
            ("log.retention.hours", "168", ConfigSource::Default)
        ]
    );
    let millis = entry(&entries, "log.retention.ms");
    assert_eq!(
        (millis.source, millis.read_only),
        (ConfigSource::DynamicDefaultBroker, false)
    );
    assert_eq!(millis.value.as_deref(), Some("7"));
    assert_eq!(entry(&entries, "message.max.bytes").source, ConfigSource::DynamicBroker);
    let password = entry(&entries, "ssl.keystore.password");
    assert_eq!(
        (password.value, password.sensitive, password.source),
        (None, true, ConfigSource::StaticBroker)
    );
    assert!(password.synonyms.iter().all(|synonym| synonym.value.is_none()));
    let plugin = entry(&entries, "rsm.config.key");
    assert_eq!((plugin.value, plugin.sensitive), (None, true));
    assert_eq!(
        entry(&entries, "listener.name.x.ssl.keystore.location")
            .value
            .as_deref(),
        Some("/k")
    );
    assert_eq!(entry(&entries, "node.id").value.as_deref(), Some("5"));
    assert_eq!(entry(&entries, "zookeeper.connect").source, ConfigSource::StaticBroker);
    let for_all = describe_all_brokers(&dynamic);
    assert_eq!(
        for_all.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(),
        ["log.retention.ms"]
    );
    // Topics hear of it.
    let topic = describe_topic(&dynamic, &overrides(&[]), TopicKind::User);
    assert_eq!(entry(&topic, "retention.ms").source, ConfigSource::DynamicDefaultBroker);
}

#[test]
fn groups_and_client_metrics_are_described() {
    let broker = broker(&[("group.consumer.session.timeout.ms", "50000")]);
    let group = describe_group(&broker, &overrides(&[("share.isolation.level", "read_committed")]));
    assert_eq!(group.len(), 17);
    assert_eq!(entry(&group, "share.isolation.level").source, ConfigSource::Group);
    let timeout = entry(&group, "consumer.session.timeout.ms");
    assert_eq!(
        (timeout.value.as_deref(), timeout.source),
        (Some("50000"), ConfigSource::StaticBroker)
    );
    let metrics = describe_client_metrics(&overrides(&[("interval.ms", "1000")]));
    assert_eq!(metrics.len(), 3);
    assert_eq!(entry(&metrics, "interval.ms").source, ConfigSource::ClientMetrics);
}

#[test]
fn sources_and_types_have_kafkas_numbers() {
    let ids = ConfigSource::OF_BROKERS.map(ConfigSource::id);
    assert_eq!(ids, [2, 3, 4, 5]);
    assert_eq!(ConfigSource::DynamicTopic.id(), 1);
    let entries = describe_broker(&broker(&[]));
    let kind = |name| entry(&entries, name).kind.id();
    let kinds = [
        "delete.topic.enable",
        "broker.rack",
        "node.id",
        "offsets.topic.replication.factor",
        "log.roll.ms",
    ]
    .map(kind);
    assert_eq!(kinds, [1, 2, 3, 4, 5]);
    let kinds = [
        "log.cleaner.min.cleanable.ratio",
        "log.dirs",
        "principal.builder.class",
        "ssl.key.password",
    ]
    .map(kind);
    assert_eq!(kinds, [6, 7, 8, 9]);
}
