//! What a node does with a replica that broke, and how it opens many partitions after a kill.

mod deleted;
mod strays;
mod syncs;

use consensus::Append;

use crate::api::test_node::{TestNode, batch};

async fn append(node: &TestNode, value: &[u8]) -> i64 {
    let partition = node.context.node.topics().partition("t", 0).expect("it is open");
    partition.writable().await.expect("it takes batches");
    match node.context.node.append(&partition, &batch(value)).expect("appended") {
        Append::Written(written) => {
            partition.committed(written.end.offset).await.expect("told");
            written.header.base_offset
        }
        other => panic!("{other:?}"),
    }
}

fn break_replica(node: &TestNode) {
    let partition = node.context.node.topics().partition("t", 0).expect("it is open");
    let broken = partition.with_replica(|replica| replica.with_log::<()>(|_| panic!("planted")));
    assert!(broken.is_none() && partition.has_panicked());
    assert!(partition.out_of_service().is_some());
}

#[tokio::test]
async fn a_replica_that_panicked_is_opened_anew() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    assert_eq!(append(&node, b"before").await, 0);
    break_replica(&node);
    while node
        .context
        .node
        .topics()
        .partition("t", 0)
        .is_some_and(|it| it.has_panicked())
    {
        node.context.node.rebuild_panicked();
    }
    assert_eq!(append(&node, b"after").await, 1);
    assert!(node.context.node.out_of_service().is_empty());
}

#[tokio::test]
async fn a_replica_that_panics_again_waits_before_it_is_opened_anew() {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    let id = node.context.node.topics().partition("t", 0).expect("it is open").id;
    let mut housekeeping = node.context.node.housekeeping.lock();
    assert!(housekeeping.may_rebuild(id, 0));
    assert!(!housekeeping.may_rebuild(id, 999));
    assert!(housekeeping.may_rebuild(id, 1_000));
    assert!(!housekeeping.may_rebuild(id, 2_999));
    assert!(housekeeping.may_rebuild(id, 3_000));
}

#[tokio::test]
async fn many_partitions_are_synced_at_once_after_a_kill() {
    let mut node = TestNode::start(&[]);
    node.create_topic("t", 20, &[]).await;
    assert_eq!(append(&node, b"before").await, 0);
    node.stop_flusher();
    let disk = node.disk.clone();
    disk.kill(false);
    drop(node);
    let node = TestNode::restart(disk, &[]);
    assert!(node.context.node.out_of_service().is_empty());
    assert_eq!(append(&node, b"after").await, 1);
}

/// A pass that has partitions to sync, which need nothing of the journal, syncs it all the same.
#[tokio::test]
async fn marks_are_synced_in_time_whatever_else_is_in_the_pass() {
    let mut node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    append(&node, b"marked").await;
    node.stop_flusher();
    let broker = node.context.node.clone();
    broker.write_marks();
    let noted = broker.journal.lazy_since().expect("a mark waits");
    let partition = broker.topics().partition("t", 0).expect("it is open");
    broker.append(&partition, &batch(b"in the pass")).expect("appended");
    broker.sync_marks_due(noted);
    assert!(broker.flush_pass());
    assert_eq!(broker.journal.lazy_since(), Some(noted), "it is not time yet");
    broker.append(&partition, &batch(b"in the next")).expect("appended");
    broker.sync_marks_due(noted + 1_000);
    assert!(broker.flush_pass());
    assert_eq!(broker.journal.lazy_since(), None);
}
