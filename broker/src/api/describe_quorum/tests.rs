use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::{ApiKey, DescribeQuorumRequest, DescribeQuorumResponse};

use crate::api::test_node::{NODE_ID, TestNode, name};
use crate::connection::Outcome;

async fn describe(node: &TestNode, version: i16, topics: &[(&str, &[i32])]) -> DescribeQuorumResponse {
    let topics = topics.iter().map(|(topic, partitions)| {
        let partitions = partitions
            .iter()
            .map(|index| PartitionData::default().with_partition_index(*index));
        TopicData::default()
            .with_topic_name(name(topic))
            .with_partitions(partitions.collect())
    });
    let request = DescribeQuorumRequest::default().with_topics(topics.collect());
    node.call(version, &request).await
}

#[tokio::test]
async fn the_metadatas_group_as_it_is() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    for version in 0..=2 {
        let response = describe(&node, version, &[("__cluster_metadata", &[0])]).await;
        let partition = &response.topics[0].partitions[0];
        assert_eq!((response.error_code, partition.error_code), (0, 0));
        assert_eq!((partition.leader_id.0, partition.current_voters.len()), (NODE_ID, 1));
        let reader = node.context.node.metadata_partition().reader();
        assert_eq!(partition.high_watermark, reader.high_watermark().offset);
        assert_eq!(partition.current_voters[0].log_end_offset, reader.end_offset());
        assert!(partition.leader_epoch > 0 && partition.observers.is_empty());
        assert_eq!(response.nodes.len(), usize::from(version == 2));
    }
}

#[tokio::test]
async fn anything_else_has_no_quorum() {
    let node = TestNode::start(&[]);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    let metadata = "__cluster_metadata";
    let asked: [&[(&str, &[i32])]; 5] = [
        &[("t", &[0])],
        &[(metadata, &[1])],
        &[(metadata, &[0, 0])],
        &[(metadata, &[0]), ("t", &[0])],
        &[(metadata, &[])],
    ];
    for topics in asked {
        let response = describe(&node, 2, topics).await;
        assert_eq!((response.error_code, response.nodes.len()), (0, 0));
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        assert!(partitions.clone().all(|partition| partition.error_code == unknown));
        assert_eq!(partitions.count(), topics.iter().map(|(_, it)| it.len()).sum::<usize>());
    }
    assert!(describe(&node, 0, &[]).await.topics.is_empty());
}

#[tokio::test]
async fn who_names_too_much_is_disconnected() {
    let node = TestNode::start(&[]);
    let topic = TopicData::default()
        .with_topic_name(name("t"))
        .with_partitions(vec![PartitionData::default(); 100_000]);
    let request = DescribeQuorumRequest::default().with_topics(vec![topic]);
    let outcome = node.outcome(ApiKey::DescribeQuorum as i16, 0, &request).await;
    assert!(matches!(outcome, Outcome::Close(_)), "{outcome:?}");
}
