use kafka_protocol::messages::DescribeTopicPartitionsRequest;
use kafka_protocol::messages::describe_topic_partitions_request::TopicRequest;

use crate::api::test_node::{NODE_ID, TestNode, name};

#[tokio::test]
async fn pages_are_bounded_by_request_and_broker() {
    let node = TestNode::start(&[("max.request.partition.size.limit", "2")]);
    node.create_topic("t", 3, &[]).await;
    let topics = ["t", "unknown"].map(|topic| TopicRequest::default().with_name(name(topic)));
    let request = DescribeTopicPartitionsRequest::default()
        .with_topics(topics.to_vec())
        .with_cursor(None);
    let response = node.call(0, &request).await;
    let partitions = &response.topics[0].partitions;
    assert_eq!(partitions.len(), 2);
    assert!(
        partitions
            .iter()
            .all(|partition| partition.leader_id.0 == NODE_ID && partition.leader_epoch > 0)
    );
    let cursor = response.next_cursor.unwrap();
    assert_eq!((cursor.topic_name.as_str(), cursor.partition_index), ("t", 2));

    let request = DescribeTopicPartitionsRequest::default()
        .with_topics(vec![TopicRequest::default().with_name(name("unknown"))])
        .with_cursor(None);
    assert_eq!(node.call(0, &request).await.topics[0].error_code, 3);
}
