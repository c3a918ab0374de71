//! What is under way for a topic that is deleted leaves the files of its successor of that name alone; and a mark counts only
//! once the journal has it.

use std::path::Path;

use kafka_protocol::messages::DeleteTopicsRequest;
use storage::compression::Codec;
use storage::disk::Disk;
use storage::disk::simulated::{CrashOptions, Fault, Keep};
use storage::record_batch::{BatchBuilder, BatchHeader, ProducedBatch};

use super::super::{Committed, Node};
use crate::api::test_node::{TestNode, name};
use crate::node::flush_queue::Urgency;

fn files(node: &TestNode, dir: &str) -> Vec<String> {
    let entries = node.disk.list(Path::new(dir)).unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

fn batch(producer: i64, sequence: i32, timestamp: i64) -> ProducedBatch {
    let mut batch = BatchBuilder::new(Codec::None).producer(producer, 0, sequence);
    batch.push(timestamp, None, Some(b"value"), &[]);
    let bytes = batch.build();
    ProducedBatch {
        header: BatchHeader::parse(&bytes).unwrap(),
        bytes,
    }
}

fn delete(topic: &str) -> DeleteTopicsRequest {
    DeleteTopicsRequest::default()
        .with_timeout_ms(10_000)
        .with_topic_names(vec![name(topic)])
}

async fn produce(node: &Node, topic: &str, batch: &ProducedBatch) {
    let partition = node.topics().partition(topic, 0).unwrap();
    node.append(&partition, batch).unwrap();
    let end = partition.reader().end_offset();
    assert_eq!(partition.committed(end).await.unwrap(), Committed::Yes);
}

/// Retention had decided on segments of the topic when it was deleted.
#[tokio::test]
async fn retention_of_a_deleted_topic_leaves_its_successor_alone() {
    let node = TestNode::start(&[]);
    let broker = node.context.node.clone();
    node.create_topic("t", 1, &[]).await;
    produce(&broker, "t", &batch(-1, -1, 0)).await;
    // All has expired: rolled, and to go once the new segment is synced.
    broker.run_retention();
    let old = broker.topics().partition("t", 0).unwrap();
    while old
        .with_replica(|replica| Ok(replica.synced_end()))
        .flatten()
        .unwrap()
        .segment_base
        == 0
    {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let response = node.call(1, &delete("t")).await;
    assert_eq!(response.responses[0].error_code, 0);
    node.create_topic("t", 1, &[]).await;
    let now = broker.clock().wall_ms();
    produce(&broker, "t", &batch(-1, -1, now)).await;
    // The rest of what retention had begun.
    broker.housekeep();
    let there = files(&node, "/data/t-0");
    assert!(
        there.iter().any(|name| name == "00000000000000000000.log"),
        "the new topic's acknowledged record is in none of {there:?}"
    );
}

/// A flusher's pass had taken a flush of the topic when it was deleted; the other flusher's pass brought the deletion.
#[tokio::test]
async fn a_checkpoint_of_a_deleted_topic_does_not_go_to_its_successor() {
    let mut node = TestNode::start(&[]);
    let broker = node.context.node.clone();
    node.create_topic("t", 1, &[("segment.bytes", "1048576")]).await;
    for sequence in 0..3 {
        produce(&broker, "t", &batch(1, sequence, broker.clock().wall_ms())).await;
    }
    node.stop_flusher();
    let old = broker.topics().partition("t", 0).unwrap();
    old.with_replica(|replica| replica.with_log(|log| log.roll(0)))
        .unwrap()
        .unwrap();
    broker.queue.push(&old, Urgency::Now);
    let mut pass = broker.begin_flush().unwrap();
    broker.sync_flush(&mut pass);
    let flush = async {
        loop {
            broker.flush_pass();
            tokio::task::yield_now().await;
        }
    };
    let request = delete("t");
    let change = async {
        assert_eq!(node.call(1, &request).await.responses[0].error_code, 0);
        node.create_topic("t", 1, &[]).await;
    };
    tokio::select! { () = flush => {}, () = change => {} }
    let before = files(&node, "/data/t-0");
    broker.end_flush(pass);
    assert_eq!(
        before,
        files(&node, "/data/t-0"),
        "files of the deleted topic in its successor's directory"
    );
}

/// The journal had no room for a mark; what has to be in it before retention removes anything is not.
#[tokio::test]
async fn a_mark_that_the_journal_refused_is_noted_before_retention_relies_on_it() {
    let mut node = TestNode::start(&[]);
    let broker = node.context.node.clone();
    node.create_topic("t", 1, &[]).await;
    let partition = broker.topics().partition("t", 0).unwrap();
    let marked = |offset: i64| {
        let mark = broker.journal().group(partition.id).and_then(|group| group.synced_mark);
        mark.is_some_and(|mark| mark.next_offset == offset)
    };
    produce(&broker, "t", &batch(-1, -1, 0)).await;
    while !marked(1) {
        broker.write_marks();
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    broker.journal().sync().unwrap();
    produce(&broker, "t", &batch(-1, -1, 0)).await;
    partition
        .with_replica(|replica| replica.with_log(|log| log.roll(0)))
        .unwrap()
        .unwrap();
    let now = broker.clock().wall_ms();
    produce(&broker, "t", &batch(-1, -1, now)).await;
    node.stop_flusher();
    node.disk.fail_next(Fault::NoSpace, Path::new("/data/journal"), 1);
    broker.write_marks();
    assert!(marked(1), "the journal took the mark");
    // Now there is room again.
    broker.run_retention();
    assert_eq!(partition.reader().start_offset(), 2, "the first segment has expired");
    let disk = node.disk.clone();
    disk.crash(CrashOptions {
        data: Keep::Nothing,
        names: Keep::Nothing,
    });
    std::mem::forget(node);
    let node = TestNode::restart(disk, &[]);
    let partition = node.context.node.topics().partition("t", 0).unwrap();
    assert_eq!(partition.out_of_service(), None);
}
