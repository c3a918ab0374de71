use kafka_protocol::messages::CreatePartitionsRequest;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;

use crate::api::test_node::{TestNode, name};

fn grow(topics: &[(&str, i32)]) -> CreatePartitionsRequest {
    let topics = topics.iter().map(|(topic, count)| {
        CreatePartitionsTopic::default()
            .with_name(name(topic))
            .with_count(*count)
            .with_assignments(None)
    });
    CreatePartitionsRequest::default()
        .with_topics(topics.collect())
        .with_timeout_ms(10_000)
}

#[tokio::test]
async fn added_partitions_take_batches_at_once() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    for version in 0..=3 {
        let count = i32::from(version) + 2;
        let response = node.call(version, &grow(&[("t", count), ("unknown", 2)])).await;
        let errors: Vec<i16> = response.results.iter().map(|topic| topic.error_code).collect();
        assert_eq!(errors, [0, 3]);
        assert!(
            node.context
                .node
                .topics()
                .partition("t", count - 1)
                .unwrap()
                .is_writable()
        );
    }
    let response = node.call(3, &grow(&[("t", 2)])).await;
    assert_eq!(response.results[0].error_code, 37);
    let response = node.call(3, &grow(&[("t", 9)]).with_validate_only(true)).await;
    assert_eq!(response.results[0].error_code, 0);
    assert!(node.context.node.topics().partition("t", 8).is_none());
}
