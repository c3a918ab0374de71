use consensus::Durability;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

use crate::api::test_node::{NODE_ID, TestNode, text};
use crate::node::PartitionSettings;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const LOGGER: i8 = 8;
const GROUP: i8 = 32;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;

fn alter(changes: &[(i8, &str, &str, i8, &str)]) -> IncrementalAlterConfigsRequest {
    let resources = changes.iter().map(|(kind, resource, property, operation, value)| {
        let config = AlterableConfig::default()
            .with_name(text(property))
            .with_config_operation(*operation)
            .with_value((*operation != DELETE).then(|| text(value)));
        AlterConfigsResource::default()
            .with_resource_type(*kind)
            .with_resource_name(text(resource))
            .with_configs(vec![config])
    });
    IncrementalAlterConfigsRequest::default().with_resources(resources.collect())
}

fn errors(response: &IncrementalAlterConfigsResponse) -> Vec<i16> {
    response.responses.iter().map(|resource| resource.error_code).collect()
}

async fn change(node: &TestNode, version: i16, change: (i8, &str, &str, i8, &str)) {
    assert_eq!(errors(&node.call(version, &alter(&[change])).await), [0], "{change:?}");
}

fn settings(node: &TestNode, topic: &str) -> PartitionSettings {
    PartitionSettings::clone(&node.context.node.topics().partition(topic, 0).unwrap().settings())
}

#[tokio::test]
async fn a_topics_settings_act_at_once() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    for version in [0, 1] {
        change(&node, version, (TOPIC, "t", "retention.ms", SET, "1000")).await;
        assert_eq!(settings(&node, "t").log.retention_ms, 1000);
        change(&node, version, (TOPIC, "t", "max.message.bytes", SET, "2000")).await;
        assert_eq!(settings(&node, "t").rules.max_message_bytes, 2000);
        change(&node, version, (TOPIC, "t", "segment.ms", SET, "3000")).await;
        assert_eq!(settings(&node, "t").log.segment_ms, 3000);
        change(&node, version, (TOPIC, "t", "cleanup.policy", APPEND, "compact")).await;
        assert!(settings(&node, "t").rules.compacted && settings(&node, "t").log.delete);
        change(&node, version, (TOPIC, "t", "write.caching", SET, "true")).await;
        assert_eq!(settings(&node, "t").durability, Durability::Written);
        for property in [
            "retention.ms",
            "max.message.bytes",
            "segment.ms",
            "cleanup.policy",
            "write.caching",
        ] {
            change(&node, version, (TOPIC, "t", property, DELETE, "")).await;
        }
        let defaults = settings(&node, "t");
        assert_eq!(
            (defaults.log.retention_ms, defaults.log.segment_ms),
            (604_800_000, 604_800_000)
        );
        assert_eq!(defaults.durability, Durability::Synced);
    }
}

#[tokio::test]
async fn a_brokers_settings_act_at_once() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    node.create_topic("own", 1, &[("max.message.bytes", "9000")]).await;
    let own = NODE_ID.to_string();
    change(&node, 1, (BROKER, "", "message.max.bytes", SET, "7000")).await;
    assert_eq!(settings(&node, "t").rules.max_message_bytes, 7000);
    assert_eq!(node.context.config.load().topics.defaults.max_message_bytes, 7000);
    change(&node, 1, (BROKER, &own, "message.max.bytes", SET, "8000")).await;
    assert_eq!(settings(&node, "t").rules.max_message_bytes, 8000);
    assert_eq!(node.context.config.load().topics.defaults.max_message_bytes, 8000);
    assert_eq!(settings(&node, "own").rules.max_message_bytes, 9000);

    let disk = node.disk.clone();
    drop(node);
    let node = TestNode::restart(disk, &[]);
    assert_eq!(settings(&node, "t").rules.max_message_bytes, 8000);
    assert_eq!(node.context.config.load().topics.defaults.max_message_bytes, 8000);
    change(&node, 1, (BROKER, &own, "message.max.bytes", DELETE, "")).await;
    change(&node, 1, (BROKER, "", "message.max.bytes", DELETE, "")).await;
    assert_eq!(settings(&node, "t").rules.max_message_bytes, 1_048_588);
}

#[tokio::test]
async fn internal_topics_hear_of_write_caching_only_themselves() {
    let node = TestNode::start(&[]);
    node.create_topic("__consumer_offsets", 1, &[]).await;
    node.create_topic("t", 1, &[]).await;
    change(&node, 1, (BROKER, "", "write.caching", SET, "true")).await;
    assert_eq!(settings(&node, "t").durability, Durability::Written);
    assert_eq!(settings(&node, "__consumer_offsets").durability, Durability::Synced);
    assert_eq!(
        node.context.node.metadata_partition().settings().durability,
        Durability::Synced
    );
    change(&node, 1, (TOPIC, "__consumer_offsets", "write.caching", SET, "true")).await;
    assert_eq!(settings(&node, "__consumer_offsets").durability, Durability::Written);
    change(&node, 1, (TOPIC, "t", "write.caching", SET, "false")).await;
    assert_eq!(settings(&node, "t").durability, Durability::Synced);
}

#[tokio::test]
async fn what_cannot_be_altered() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    let own = NODE_ID.to_string();
    let request = alter(&[
        (TOPIC, "t", "retention.mss", SET, "1"),
        (TOPIC, "unknown", "retention.ms", SET, "1"),
        (BROKER, "99", "message.max.bytes", SET, "1"),
        (BROKER, &own, "log.dirs", SET, "/elsewhere"),
        (BROKER, "", "message.max.bytes", SET, "x"),
        (GROUP, "g", "consumer.session.timeout.ms", SET, "46000"),
        (LOGGER, &own, "nobody", SET, "DEBUG"),
    ]);
    for version in [0, 1] {
        assert_eq!(errors(&node.call(version, &request).await), [40, 3, 42, 42, 42, 0, 40]);
    }
    let validating = alter(&[(TOPIC, "t", "retention.ms", SET, "1")]).with_validate_only(true);
    assert_eq!(errors(&node.call(1, &validating).await), [0]);
    assert_eq!(settings(&node, "t").log.retention_ms, 604_800_000);
}

#[tokio::test]
async fn loggers_change_at_once_and_answers_keep_the_order() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    let own = NODE_ID.to_string();
    let level = |name: &str| {
        let levels = node.context.loggers.levels();
        levels
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, level)| level.name())
    };
    for (name, operation, value, expected) in [
        ("root", SET, "debug", 40),
        ("root", SET, "OFF", 40),
        ("root", DELETE, "", 42),
        ("root", 2, "INFO", 42),
        ("root", 3, "INFO", 42),
        ("root", 7, "INFO", -1),
        ("nobody", DELETE, "", 40),
        ("root", SET, "DEBUG", 0),
        ("broker::node", SET, "ERROR", 0),
    ] {
        let request = alter(&[(LOGGER, &own, name, operation, value)]);
        assert_eq!(
            errors(&node.call(1, &request).await),
            [expected],
            "{name} {operation} {value}"
        );
    }
    assert_eq!(
        (level("storage"), level("broker::node")),
        (Some("DEBUG"), Some("ERROR"))
    );
    let request = alter(&[
        (TOPIC, "t", "retention.ms", SET, "1000"),
        (LOGGER, &own, "broker::node", DELETE, ""),
        (TOPIC, "unknown", "retention.ms", SET, "1"),
        (LOGGER, "99", "root", SET, "INFO"),
        (LOGGER, "x", "root", SET, "INFO"),
    ]);
    let response = node.call(1, &request).await;
    let kinds: Vec<_> = response
        .responses
        .iter()
        .map(|it| (it.resource_type, it.error_code))
        .collect();
    assert_eq!(kinds, [(TOPIC, 0), (LOGGER, 0), (TOPIC, 3), (LOGGER, 42), (LOGGER, 42)]);
    assert_eq!(level("broker::node"), Some("DEBUG"));
}

#[tokio::test]
async fn a_host_without_an_address_is_refused() {
    let node = TestNode::start(&[]);
    let own = NODE_ID.to_string();
    let limit = |value| (BROKER, own.as_str(), "max.connections.per.ip.overrides", SET, value);
    let request = alter(&[
        limit("localhost:4,nohost.invalid:3"),
        (BROKER, "", "log.retention.ms", SET, "1000"),
    ]);
    let response = node.call(1, &request).await;
    let refused = response
        .responses
        .iter()
        .find(|resource| *resource.resource_name == *own);
    let refused = refused.unwrap();
    assert_eq!((response.responses.len(), refused.error_code), (2, 40));
    let message = refused.error_message.as_deref().unwrap_or_default();
    assert!(message.contains("nohost.invalid"), "{message}");
    change(&node, 1, limit("localhost:4,10.0.0.1:3")).await;
    let response = node.call(1, &alter(&[limit("nonsense")])).await;
    let message = response.responses[0].error_message.as_deref().unwrap_or_default();
    assert!(message.starts_with("broker configuration: "), "{message}");
}
