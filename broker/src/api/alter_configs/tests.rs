use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::AlterConfigsRequest;
use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};

use crate::api::test_node::{TestNode, text};
use crate::controller::image::ResourceType;

fn resource(kind: i8, name: &str, configs: &[(&str, Option<&str>)]) -> AlterConfigsResource {
    let configs = configs.iter().map(|(name, value)| {
        AlterableConfig::default()
            .with_name(text(name))
            .with_value(value.map(text))
    });
    AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(configs.collect())
}

async fn alter(node: &TestNode, resources: Vec<AlterConfigsResource>, validate_only: bool) -> Vec<i16> {
    let request = AlterConfigsRequest::default()
        .with_resources(resources)
        .with_validate_only(validate_only);
    let response = node.call(2, &request).await;
    response.responses.iter().map(|resource| resource.error_code).collect()
}

fn topic_overrides(node: &TestNode) -> Vec<(String, String)> {
    let image = node.context.node.image();
    let overrides = image.overrides(ResourceType::Topic, "t");
    overrides
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[tokio::test]
async fn a_resource_has_what_it_is_given_and_nothing_else() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[("retention.ms", "5000"), ("flush.ms", "7")])
        .await;
    let given = [("retention.bytes", Some("99")), ("flush.ms", Some("8"))];
    assert_eq!(alter(&node, vec![resource(2, "t", &given)], true).await, [0]);
    assert_eq!(topic_overrides(&node).len(), 2);
    assert_eq!(alter(&node, vec![resource(2, "t", &given)], false).await, [0]);
    let expected = [("flush.ms", "8"), ("retention.bytes", "99")].map(|(name, value)| (name.into(), value.into()));
    assert_eq!(topic_overrides(&node), expected);
    assert_eq!(alter(&node, vec![resource(2, "t", &[])], false).await, [0]);
    assert_eq!(topic_overrides(&node), []);
}

#[tokio::test]
async fn what_is_wrong_is_named_as_kafka_names_it() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    let request = ResponseError::InvalidRequest.code();
    let config = ResponseError::InvalidConfig.code();
    let one = |kind, name: &str, configs: &[(&str, Option<&str>)]| vec![resource(kind, name, configs)];
    for (resources, expected) in [
        (one(2, "t", &[("retention.bytes", Some("x"))]), config),
        (one(2, "t", &[("nobody", Some("x"))]), config),
        (one(2, "t", &[("retention.bytes", None)]), request),
        (
            one(2, "t", &[("flush.ms", Some("1")), ("flush.ms", Some("2"))]),
            request,
        ),
        (one(2, "other", &[]), ResponseError::UnknownTopicOrPartition.code()),
        (one(2, "b!", &[]), ResponseError::InvalidTopicException.code()),
        (one(2, "", &[]), request),
        (one(4, "zz", &[]), request),
        (one(4, "1", &[("node.id", Some("2"))]), request),
        (one(4, "1", &[]), 0),
        (one(8, "1", &[]), request),
        (one(0, "1", &[]), request),
        (one(16, "", &[]), request),
        (one(16, "m", &[("a", Some("b"))]), request),
        (one(16, "m", &[("interval.ms", Some("99"))]), request),
        (one(16, "m", &[("interval.ms", Some("x"))]), config),
        (one(16, "m", &[("match", Some("client_id=["))]), config),
        (one(16, "m", &[("match", Some("foo=bar"))]), config),
        (
            one(16, "m", &[("match", Some("client_id=a,client_software_name=b"))]),
            0,
        ),
        (one(32, "", &[]), request),
        (one(32, "g", &[("a", Some("b"))]), config),
        (one(32, "g", &[("consumer.session.timeout.ms", Some("1"))]), config),
        (
            one(32, "g", &[("consumer.heartbeat.interval.ms", Some("16000"))]),
            config,
        ),
        (one(32, "g", &[("streams.num.standby.replicas", Some("9"))]), config),
        (one(32, "g", &[("consumer.session.timeout.ms", Some("50000"))]), 0),
    ] {
        let shown = format!("{resources:?}");
        assert_eq!(alter(&node, resources, true).await, [expected], "{shown}");
    }
    let twice = vec![resource(2, "t", &[]), resource(2, "t", &[]), resource(4, "1", &[])];
    assert_eq!(alter(&node, twice, false).await, [request, request, 0]);
}
