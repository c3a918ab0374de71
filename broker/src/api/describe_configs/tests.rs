use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::messages::{ApiKey, DescribeConfigsRequest, DescribeConfigsResponse};

use crate::api::test_node::{NODE_ID, TestNode, decode, text};
use crate::connection::Outcome;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

fn of(resources: &[(i8, &str)], keys: Option<&[&str]>) -> DescribeConfigsRequest {
    let keys: Option<Vec<_>> = keys.map(|keys| keys.iter().map(|key| text(key)).collect());
    let resources = resources.iter().map(|(kind, resource)| {
        DescribeConfigsResource::default()
            .with_resource_type(*kind)
            .with_resource_name(text(resource))
            .with_configuration_keys(keys.clone())
    });
    DescribeConfigsRequest::default().with_resources(resources.collect())
}

fn errors(response: &DescribeConfigsResponse) -> Vec<i16> {
    response.results.iter().map(|result| result.error_code).collect()
}

fn value<'r>(result: &'r DescribeConfigsResult, name: &str) -> (Option<&'r str>, i8) {
    let entry = result.configs.iter().find(|entry| entry.name.as_str() == name).unwrap();
    (entry.value.as_deref(), entry.config_source)
}

#[tokio::test]
async fn topic_and_broker_at_every_version() {
    let node = TestNode::start(&[("log.retention.hours", "1")]);
    node.create_topic("t", 1, &[("max.message.bytes", "5000")]).await;
    let own = NODE_ID.to_string();
    for version in 1..=4 {
        let request = of(&[(TOPIC, "t"), (BROKER, &own), (BROKER, "")], None)
            .with_include_synonyms(true)
            .with_include_documentation(version >= 3);
        let response = node.call(version, &request).await;
        assert_eq!(errors(&response), [0, 0, 0]);
        let [topic, broker, all] = &response.results[..] else {
            panic!()
        };
        assert_eq!(value(topic, "max.message.bytes"), (Some("5000"), 1));
        assert_eq!(value(topic, "retention.ms"), (Some("3600000"), 5));
        assert_eq!(value(topic, "write.caching"), (Some("false"), 5));
        assert_eq!(value(broker, "log.retention.hours"), (Some("1"), 4));
        assert!(all.configs.is_empty());
        let entry = topic
            .configs
            .iter()
            .find(|entry| entry.name.as_str() == "max.message.bytes")
            .unwrap();
        assert_eq!(entry.synonyms.len(), 2);
        if version >= 3 {
            assert_eq!(entry.config_type, 3);
            assert!(entry.documentation.as_ref().is_some_and(|text| !text.is_empty()));
        }
    }
}

#[tokio::test]
async fn only_the_names_that_are_asked_for() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    let response = node
        .call(4, &of(&[(TOPIC, "t")], Some(&["retention.ms", "unknown"])))
        .await;
    let [entry] = &response.results[0].configs[..] else {
        panic!()
    };
    assert_eq!(entry.name.as_str(), "retention.ms");
    assert!(entry.synonyms.is_empty() && entry.documentation.is_none());
    let every = node.call(4, &of(&[(TOPIC, "t")], Some(&[]))).await;
    assert!(every.results[0].configs.len() > 30);
}

#[tokio::test]
async fn groups_metrics_and_loggers() {
    let node = TestNode::start(&[]);
    let own = NODE_ID.to_string();
    let request = of(&[(GROUP, "g"), (CLIENT_METRICS, "m"), (LOGGER, &own)], None);
    let response = node.call(4, &request).await;
    assert_eq!(errors(&response), [0, 0, 0]);
    assert!(!response.results[0].configs.is_empty());
    assert_eq!(response.results[1].configs.len(), 3);
    let loggers = &response.results[2].configs;
    assert!(loggers.iter().any(|logger| &*logger.name == "root"));
    assert!(loggers.iter().all(|logger| logger.value.as_deref() == Some("INFO")));
}

#[tokio::test]
async fn what_cannot_be_described() {
    let node = TestNode::start(&[]);
    let request = of(
        &[
            (TOPIC, "unknown"),
            (TOPIC, "no good"),
            (BROKER, "99"),
            (BROKER, "x"),
            (GROUP, ""),
            (CLIENT_METRICS, ""),
            (LOGGER, ""),
            (77, "x"),
        ],
        None,
    );
    for version in [1, 4] {
        assert_eq!(
            errors(&node.call(version, &request).await),
            [3, 17, 42, 42, 42, 42, 42, 42]
        );
    }
}

#[tokio::test]
async fn a_resource_that_is_named_again_and_again_is_answered_as_long_as_there_is_room() {
    let node = TestNode::start(&[]);
    let own = NODE_ID.to_string();
    let response = node.call(4, &of(&[(BROKER, own.as_str()); 3], None)).await;
    assert_eq!(errors(&response), [0, 0, 0]);
    let request = of(&vec![(BROKER, own.as_str()); 20_000], None)
        .with_include_synonyms(true)
        .with_include_documentation(true);
    let Outcome::Ready(response) = node.outcome(ApiKey::DescribeConfigs as i16, 4, &request).await else {
        panic!("no answer")
    };
    assert!(response.len() < 66 << 20, "{} bytes", response.len());
    let errors = errors(&decode(response, 4));
    let answered = errors.iter().take_while(|code| **code == 0).count();
    assert!(answered > 100, "{answered}");
    assert_eq!(errors.len(), 20_000);
    assert!(errors[answered..].iter().all(|code| *code == 44));
    let too_many = [
        of(&vec![(GROUP, "g"); 100_001], Some(&[])),
        of(&[(GROUP, "g")], Some(&vec!["key"; 100_000])),
    ];
    for request in too_many {
        let outcome = node.outcome(ApiKey::DescribeConfigs as i16, 4, &request).await;
        assert!(matches!(outcome, Outcome::Close(_)), "{outcome:?}");
    }
}
