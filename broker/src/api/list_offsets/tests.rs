use std::time::{Duration, Instant};

use kafka_protocol::messages::ListOffsetsRequest;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};

use super::{SYNC_TIMEOUT, is_supported};
use crate::api::test_node::{TestNode, batch, name};

fn request(asked: &[(&str, i32, i64)]) -> ListOffsetsRequest {
    let topics = asked.iter().map(|(topic, partition, timestamp)| {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(*partition)
            .with_timestamp(*timestamp);
        ListOffsetsTopic::default()
            .with_name(name(topic))
            .with_partitions(vec![partition])
    });
    ListOffsetsRequest::default().with_topics(topics.collect())
}

/// Topic, partition, error and offset of each answer.
async fn answers(node: &TestNode, version: i16, request: &ListOffsetsRequest) -> Vec<(String, i32, i16, i64)> {
    let response = node.call(version, request).await;
    let topics = response.topics.into_iter().flat_map(|topic| {
        let name = topic.name.to_string();
        let partitions = topic.partitions.into_iter();
        partitions.map(move |partition| {
            let (index, error) = (partition.partition_index, partition.error_code);
            (name.clone(), index, error, partition.offset)
        })
    });
    topics.collect()
}

#[test]
fn special_timestamps_came_one_by_one() {
    for (timestamp, first) in [
        (-1, 1),
        (-2, 1),
        (-3, 7),
        (-4, 8),
        (-5, 9),
        (-6, 11),
        (0, 1),
        (i64::MAX, 1),
    ] {
        for version in 1..=11 {
            assert_eq!(
                is_supported(timestamp, version),
                version >= first,
                "{timestamp} in {version}"
            );
        }
    }
    for unknown in [-7, -8, i64::MIN] {
        assert!(!is_supported(unknown, 11));
    }
}

#[tokio::test]
async fn what_kafka_refuses_is_refused() {
    let node = TestNode::start(&[]);
    node.create_topic("a", 2, &[]).await;
    let partition = node.context.node.topics().partition("a", 0).unwrap();
    node.context.node.append(&partition, &batch(b"v")).unwrap();
    partition.committed(1).await.unwrap();
    let a = || "a".to_owned();
    let asked = request(&[
        ("a", 0, -1),
        ("a", 0, -3),
        ("a", 9, -9),
        ("none", 0, -1),
        ("none", 1, -9),
    ]);
    let none = "none".to_owned();
    assert_eq!(
        answers(&node, 6, &asked).await,
        [
            (a(), 0, 42, -1),
            (a(), 9, 35, -1),
            (none.clone(), 0, 3, -1),
            (none, 1, 35, -1)
        ]
    );
    for (version, error, offset) in [(1, 35, -1), (6, 35, -1), (7, 0, 0)] {
        let found = answers(&node, version, &request(&[("a", 0, -3)])).await;
        assert_eq!(found, [(a(), 0, error, offset)], "version {version}");
    }
    let twice = answers(
        &node,
        7,
        &request(&[("a", 0, -1), ("a", 1, -1), ("a", 0, -1), ("a", 0, -2)]),
    )
    .await;
    assert_eq!(twice, [(a(), 0, 42, -1), (a(), 1, 0, 0)]);
    for level in [-1, 2, 7] {
        let asked = request(&[("a", 0, -1), ("a", 1, -1)]).with_isolation_level(level);
        assert_eq!(answers(&node, 7, &asked).await, [(a(), 0, -1, -1), (a(), 1, -1, -1)]);
    }
}

#[tokio::test]
async fn the_end_has_what_was_written_before_it_was_asked_for() {
    let mut node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    let partition = node.context.node.topics().partition("t", 0).unwrap();
    node.stop_flusher();
    node.context.node.append(&partition, &batch(b"v")).unwrap();
    assert_eq!(partition.reader().high_watermark().offset, 0);
    let began = Instant::now();
    let asked = request(&[("t", 0, -1)]);
    let synced = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        node.context.node.flush_pass();
    };
    let (found, _) = tokio::join!(answers(&node, 7, &asked), synced);
    assert_eq!(found, [("t".to_owned(), 0, 0, 1)]);
    assert!(began.elapsed() < SYNC_TIMEOUT, "it did not wait for longer");
    // Where the sync does not come it is answered all the same; and who asks for the beginning need not wait.
    node.context.node.append(&partition, &batch(b"v")).unwrap();
    assert_eq!(answers(&node, 7, &request(&[("t", 0, -2)])).await[0].3, 0);
    assert_eq!(answers(&node, 7, &asked).await[0].3, 1);
    assert!(began.elapsed() > SYNC_TIMEOUT);
}
