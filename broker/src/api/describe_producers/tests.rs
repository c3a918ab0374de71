use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::DescribeProducersRequest;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use storage::compression::Codec;
use storage::record_batch::{BatchBuilder, BatchHeader, ProducedBatch};

use crate::api::test_node::{TestNode, name};

fn asked(topic: &str, partitions: &[i32]) -> TopicRequest {
    TopicRequest::default()
        .with_name(name(topic))
        .with_partition_indexes(partitions.to_vec())
}

#[tokio::test]
async fn every_producer_that_a_partition_remembers() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    let partition = node.context.node.topics().partition("t", 0).unwrap();
    for (id, epoch) in [(9, 0), (7, 3)] {
        let mut batch = BatchBuilder::new(Codec::None).producer(id, epoch, 0);
        for _ in 0..2 {
            batch.push(0, None, Some(b"value"), &[]);
        }
        let bytes = batch.build();
        let header = BatchHeader::parse(&bytes).unwrap();
        node.context
            .node
            .append(&partition, &ProducedBatch { header, bytes })
            .unwrap();
    }
    let topics = vec![
        asked("t", &[0, 1, -1, 0]),
        asked("nobody", &[0]),
        asked("no!", &[0]),
        asked("t", &[]),
    ];
    let response = node
        .call(0, &DescribeProducersRequest::default().with_topics(topics))
        .await;
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    let codes = |topic: usize| -> Vec<i16> {
        let partitions = response.topics[topic].partitions.iter();
        partitions.map(|partition| partition.error_code).collect()
    };
    assert_eq!(codes(0), [0, unknown, unknown, 0]);
    assert_eq!(codes(1), [unknown]);
    assert_eq!(codes(2), [ResponseError::InvalidTopicException.code()]);
    assert!(codes(3).is_empty());
    let producers = &response.topics[0].partitions[0].active_producers;
    let seen: Vec<_> = producers
        .iter()
        .map(|producer| (producer.producer_id.0, producer.producer_epoch, producer.last_sequence))
        .collect();
    assert_eq!(seen, [(7, 3, 1), (9, 0, 1)]);
    assert!(producers.iter().all(|producer| producer.last_timestamp > 0));
    assert_eq!(
        (producers[0].coordinator_epoch, producers[0].current_txn_start_offset),
        (-1, -1)
    );
}
