//! What a sync of the whole filesystem proves, and what its failure leaves in doubt.

use std::io;
use std::path::{Path, PathBuf};

use storage::disk::Disk;
use storage::disk::SimulatedDisk;
use storage::disk::simulated::Fault;

use super::super::Node;
use crate::api::test_node::{TestNode, batch};
use crate::node::flush_queue::Urgency;

/// Enough for a pass that syncs the filesystem.
const MANY: i32 = 20;

/// A node without a flusher, with a topic `t`.
async fn node_on(disk: SimulatedDisk) -> TestNode {
    let mut node = TestNode::restart(disk, &[]);
    node.create_topic("t", MANY, &[]).await;
    node.stop_flusher();
    while node.context.node.flush_pass() {}
    node
}

fn append(node: &Node, partition: i32) {
    let partition = node.topics().partition("t", partition).unwrap();
    node.append(&partition, &batch(b"value")).unwrap();
}

/// The next flush of the partition has a new file's name in it, and a checkpoint after it.
fn append_and_roll(node: &Node, index: i32) {
    append(node, index);
    let partition = node.topics().partition("t", index).unwrap();
    let rolled = partition.with_replica(|replica| replica.with_log(|log| log.roll(0)));
    rolled.unwrap().unwrap();
    node.queue.push(&partition, Urgency::Now);
}

fn out_of_service(node: &Node) -> Vec<String> {
    node.out_of_service()
        .into_iter()
        .map(|(partition, _)| partition)
        .collect()
}

#[tokio::test]
async fn a_directory_that_went_meanwhile_is_no_failure_of_the_filesystem() {
    let test_node = node_on(SimulatedDisk::new(1)).await;
    let node = &test_node.context.node;
    (0..MANY).for_each(|index| append(node, index));
    let mut pass = node.begin_flush().unwrap();
    // The other flusher's pass has brought a deletion.
    node.topics().partition("t", 0).unwrap().close();
    test_node
        .disk
        .rename(Path::new("/data/t-0"), Path::new("/data/t-0.x-delete"))
        .unwrap();
    node.sync_flush(&mut pass);
    node.end_flush(pass);
    assert_eq!(node.filesystem_failures(), 0);
    let committed = |index| {
        node.topics()
            .partition("t", index)
            .unwrap()
            .reader()
            .high_watermark()
            .offset
    };
    assert!((1..MANY).all(|index| committed(index) == 1));
}

#[tokio::test]
async fn checkpoints_count_where_each_file_is_synced_for_itself() {
    let disk = SimulatedDisk::new(1);
    disk.set_synced_whole(false);
    let test_node = node_on(disk).await;
    let node = &test_node.context.node;
    for _ in 0..8 {
        (0..MANY).for_each(|index| append_and_roll(node, index));
        assert!(node.flush_pass());
    }
    for index in 0..MANY {
        let names = test_node.disk.list(&PathBuf::from(format!("/data/t-{index}"))).unwrap();
        let snapshots = names.iter().filter(|entry| entry.name.ends_with(".snapshot")).count();
        assert!(
            (1..=4).contains(&snapshots),
            "partition {index} has {snapshots} snapshots"
        );
    }
    assert!(out_of_service(node).is_empty());
}

#[tokio::test]
async fn new_names_are_in_doubt_if_the_filesystem_could_not_be_synced_beside_them() {
    let test_node = node_on(SimulatedDisk::new(1)).await;
    let node = &test_node.context.node;
    append_and_roll(node, 0);
    append(node, 1);
    let mut beside = node.begin_flush().unwrap();
    node.sync_flush(&mut beside);
    (2..MANY).for_each(|index| append(node, index));
    test_node.disk.fail_next(Fault::SyncFilesystemError, Path::new("/"), 1);
    assert!(node.flush_pass());
    assert_eq!(node.filesystem_failures(), 1);
    node.end_flush(beside);
    let out = out_of_service(node);
    assert!(
        out.contains(&"t-0".to_owned()) && !out.contains(&"t-1".to_owned()),
        "{out:?}"
    );
}

#[tokio::test]
async fn new_names_are_in_doubt_until_all_were_looked_at_after_a_failure() {
    let test_node = node_on(SimulatedDisk::new(1)).await;
    let node = &test_node.context.node;
    append_and_roll(node, 0);
    // The sync has failed, and who called it has not come to put names in doubt.
    let failed = || Err(io::Error::other("planted"));
    assert!(!node.whole_sync.run(&node.counters, failed));
    let mut pass = node.begin_flush().unwrap();
    node.doubt_names_after(0);
    node.sync_flush(&mut pass);
    node.end_flush(pass);
    assert_eq!(out_of_service(node), ["t-0"]);
    append_and_roll(node, 1);
    assert!(node.flush_pass());
    assert_eq!(out_of_service(node), ["t-0"], "what is new since is not in doubt");
}
