use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::DeleteRecordsRequest;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};

use crate::api::test_node::{TestNode, batch, name};
use crate::node::Committed;

fn request(topic: &str, partitions: &[(i32, i64)]) -> DeleteRecordsRequest {
    let partitions = partitions.iter().map(|(index, offset)| {
        DeleteRecordsPartition::default()
            .with_partition_index(*index)
            .with_offset(*offset)
    });
    let topic = DeleteRecordsTopic::default()
        .with_name(name(topic))
        .with_partitions(partitions.collect());
    DeleteRecordsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(5_000)
}

async fn delete(node: &TestNode, topic: &str, partitions: &[(i32, i64)]) -> Vec<(i32, i64, i16)> {
    let response = node.call(2, &request(topic, partitions)).await;
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    partitions
        .map(|partition| (partition.partition_index, partition.low_watermark, partition.error_code))
        .collect()
}

async fn append(node: &TestNode, topic: &str, count: i64) {
    let partition = node.context.node.topics().partition(topic, 0).unwrap();
    for _ in 0..count {
        node.context.node.append(&partition, &batch(b"value")).unwrap();
    }
    let end = partition.reader().end_offset();
    assert!(matches!(partition.committed(end).await, Ok(Committed::Yes)));
}

const OUT_OF_RANGE: i16 = 1;
const UNKNOWN: i16 = 3;

#[tokio::test]
async fn the_start_moves_up_to_the_high_watermark_and_never_back() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 2, &[]).await;
    append(&node, "t", 10).await;
    assert_eq!(delete(&node, "t", &[(0, 4)]).await, [(0, 4, 0)]);
    assert_eq!(delete(&node, "t", &[(0, 2)]).await, [(0, 4, 0)]);
    assert_eq!(delete(&node, "t", &[(0, 11)]).await, [(0, -1, OUT_OF_RANGE)]);
    assert_eq!(delete(&node, "t", &[(0, -2)]).await, [(0, -1, OUT_OF_RANGE)]);
    assert_eq!(
        delete(&node, "t", &[(9, 1), (1, 0), (-1, 0)]).await,
        [(9, -1, UNKNOWN), (1, 0, 0), (-1, -1, UNKNOWN)]
    );
    assert_eq!(delete(&node, "nobody", &[(0, 1)]).await, [(0, -1, UNKNOWN)]);
    // The last offset that is given for a partition counts.
    assert_eq!(delete(&node, "t", &[(0, 99), (0, 5)]).await, [(0, 5, 0)]);
    assert_eq!(delete(&node, "t", &[(0, -1)]).await, [(0, 10, 0)]);
    assert_eq!(delete(&node, "t", &[]).await, []);
    let partition = node.context.node.topics().partition("t", 0).unwrap();
    assert_eq!(
        (partition.reader().start_offset(), partition.reader().end_offset()),
        (10, 10)
    );
}

/// As after a produce with acks=1, whose answer comes before the sync.
#[tokio::test]
async fn what_is_written_and_not_committed_is_waited_for() {
    let mut node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    append(&node, "t", 1).await;
    node.stop_flusher();
    let partition = node.context.node.topics().partition("t", 0).unwrap();
    for (asked, start) in [(3, 3), (-1, 5)] {
        for _ in 0..2 {
            node.context.node.append(&partition, &batch(b"value")).unwrap();
        }
        let synced = async {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            assert!(node.context.node.flush_pass());
        };
        let partitions = [(0, asked)];
        let (deleted, ()) = tokio::join!(delete(&node, "t", &partitions), synced);
        assert_eq!(deleted, [(0, start, 0)]);
    }
    node.context.node.append(&partition, &batch(b"value")).unwrap();
    assert_eq!(delete(&node, "t", &[(0, 5)]).await, [(0, 5, 0)], "it needs no wait");
    assert_eq!(delete(&node, "t", &[(0, 7)]).await, [(0, -1, OUT_OF_RANGE)]);
}

#[tokio::test]
async fn what_is_only_compacted_or_internal_is_refused() {
    let node = TestNode::start(&[]);
    node.create_topic("compact", 1, &[("cleanup.policy", "compact")]).await;
    node.create_topic("both", 1, &[("cleanup.policy", "compact,delete")])
        .await;
    node.create_topic("__consumer_offsets", 1, &[]).await;
    let policy = ResponseError::PolicyViolation.code();
    let invalid = ResponseError::InvalidTopicException.code();
    assert_eq!(delete(&node, "compact", &[(0, 0)]).await, [(0, -1, policy)]);
    assert_eq!(delete(&node, "both", &[(0, 0)]).await, [(0, 0, 0)]);
    assert_eq!(delete(&node, "__consumer_offsets", &[(0, 0)]).await, [(0, -1, invalid)]);
}

#[tokio::test]
async fn a_deletion_waits_for_what_is_only_in_memory_and_outlives_a_power_cut() {
    let node = TestNode::start(&[]);
    let caching = [("write.caching", "true"), ("flush.ms", "100000")];
    node.create_topic("t", 1, &caching).await;
    append(&node, "t", 8).await;
    assert_eq!(delete(&node, "t", &[(0, 6)]).await, [(0, 6, 0)]);
    let disk = node.disk.clone();
    // Without an orderly stop: nothing but what was synced is left.
    let mut node = node;
    node.stop_flusher();
    disk.crash(storage::disk::simulated::CrashOptions {
        data: storage::disk::simulated::Keep::Nothing,
        names: storage::disk::simulated::Keep::Nothing,
    });
    std::mem::forget(node);
    let node = TestNode::restart(disk, &[]);
    let partition = node.context.node.topics().partition("t", 0).unwrap();
    assert_eq!(
        (partition.reader().start_offset(), partition.reader().end_offset()),
        (6, 8)
    );
}
