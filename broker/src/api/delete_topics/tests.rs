use kafka_protocol::messages::DeleteTopicsRequest;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;

use crate::api::test_node::{TestNode, name};

fn by_name(version: i16, topics: &[&str]) -> DeleteTopicsRequest {
    let request = DeleteTopicsRequest::default().with_timeout_ms(10_000);
    if version < 6 {
        return request.with_topic_names(topics.iter().map(|topic| name(topic)).collect());
    }
    let states = topics
        .iter()
        .map(|topic| DeleteTopicState::default().with_name(Some(name(topic))));
    request.with_topics(states.collect())
}

#[tokio::test]
async fn a_deleted_topic_is_gone_and_can_be_created_again() {
    let node = TestNode::start(&[]);
    for version in 1..=6 {
        node.create_topic("t", 2, &[]).await;
        let id = node.context.node.image().topic("t").unwrap().id;
        let response = node.call(version, &by_name(version, &["t", "unknown"])).await;
        let errors: Vec<i16> = response.responses.iter().map(|topic| topic.error_code).collect();
        assert_eq!(errors, [0, 3]);
        assert!(node.context.node.topics().partition("t", 0).is_none());
        if version >= 6 {
            assert_eq!(response.responses[0].topic_id, id);
        }
    }
}

#[tokio::test]
async fn a_topic_is_deleted_by_its_id() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    let id = node.context.node.image().topic("t").unwrap().id;
    let request = DeleteTopicsRequest::default()
        .with_timeout_ms(10_000)
        .with_topics(vec![DeleteTopicState::default().with_name(None).with_topic_id(id)]);
    let response = node.call(6, &request).await;
    assert_eq!(response.responses[0].error_code, 0);
    assert_eq!(response.responses[0].name.as_ref().unwrap().as_str(), "t");
    let response = node.call(6, &request).await;
    assert_eq!(response.responses[0].error_code, 100);
}

#[tokio::test]
async fn deleting_can_be_switched_off() {
    let node = TestNode::start(&[("delete.topic.enable", "false")]);
    node.create_topic("t", 1, &[]).await;
    for (version, error) in [(1, 42), (6, 73)] {
        let response = node.call(version, &by_name(version, &["t"])).await;
        assert_eq!(response.responses[0].error_code, error);
    }
}
