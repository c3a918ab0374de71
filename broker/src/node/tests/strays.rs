//! What a start does with directories that the metadata does not name, and with a data directory that has lost a part.

use std::path::Path;
use std::sync::Arc;

use storage::disk::simulated::SimulatedDisk;
use storage::disk::{Disk, read_file, replace_file, write_all_at};

use super::append;
use crate::api::test_node::{NODE_ID, TestNode, config};
use crate::node::{OpenNode, StartError, SystemClock};
use crate::settings::{ConfiguredTopics, metadata_partition};

const DATA: &str = "/data";
const LOG: &str = "/data/t-0/00000000000000000000.log";

/// A disk that a node with one topic and a record in it has left, stopped in order.
async fn left() -> SimulatedDisk {
    let node = TestNode::start(&[]);
    node.create_topic("t", 1, &[]).await;
    assert_eq!(append(&node, b"kept").await, 0);
    let disk = node.disk.clone();
    drop(node);
    disk
}

/// The error of a start that is refused.
fn refusal(disk: &SimulatedDisk) -> StartError {
    let open = OpenNode {
        disk: Arc::new(disk.clone()),
        data_dir: DATA.into(),
        clock: Arc::new(SystemClock::default()),
        node_id: NODE_ID as u64,
        new_cluster_id: "another".into(),
        settings: Arc::new(ConfiguredTopics::new(Arc::new(config(&[])))),
        metadata_settings: metadata_partition(),
        reserve_bytes: 0,
        retention_interval_ms: 300_000,
        max_cached_bytes: 64 << 20,
    };
    open.run().expect_err("it starts")
}

fn names(disk: &SimulatedDisk) -> Vec<String> {
    disk.list(DATA.as_ref())
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .collect()
}

fn make(disk: &SimulatedDisk, path: &str, content: &[u8]) {
    let path = Path::new(path);
    disk.create_dir_all(path.parent().unwrap()).unwrap();
    replace_file(disk, path, content).unwrap();
}

#[tokio::test]
async fn metadata_with_a_flipped_bit_is_not_believed() {
    let disk = left().await;
    let path = Path::new("/data/__cluster_metadata-0/00000000000000000000.log");
    let content = read_file(&disk, path).unwrap();
    // The topic's name, after its length as a compact string.
    let at = content
        .windows(2)
        .position(|window| window == [2, b't'])
        .expect("its record")
        + 1;
    write_all_at(&*disk.open(path).unwrap(), &[b"u"], at as u64).unwrap();
    assert!(matches!(refusal(&disk), StartError::Metadata(_)));
    assert!(read_file(&disk, LOG.as_ref()).is_ok());
}

#[tokio::test]
async fn without_its_journal_or_its_meta_file_a_node_does_not_start() {
    let disk = left().await;
    disk.remove_dir_all("/data/journal".as_ref()).unwrap();
    assert!(matches!(refusal(&disk), StartError::JournalLost(_)));
    let disk = left().await;
    disk.remove_file("/data/weir.meta".as_ref()).unwrap();
    assert!(matches!(refusal(&disk), StartError::DataDir(_)));
    assert!(read_file(&disk, LOG.as_ref()).is_ok());
}

#[tokio::test]
async fn a_directory_of_no_topic_is_kept() {
    let disk = left().await;
    let id = "topic_id: AAAAAAAAAAAAAAAAAAAABQ\n";
    make(
        &disk,
        "/data/gone-3/partition.metadata",
        format!("version: 0\n{id}").as_bytes(),
    );
    make(&disk, "/data/gone-3/00000000000000000000.log", b"records");
    make(&disk, "/data/photos-2024/cat.jpg", b"a cat");
    make(&disk, "/data/u-0/notes.txt", b"notes");
    let node = TestNode::restart(disk.clone(), &[]);
    assert!(node.context.node.out_of_service().is_empty());
    let stray = names(&disk)
        .into_iter()
        .find(|name| name.ends_with("-stray"))
        .expect("kept aside");
    let kept = format!("/data/{stray}/00000000000000000000.log");
    assert_eq!(read_file(&disk, kept.as_ref()).unwrap(), b"records");
    assert!(!names(&disk).contains(&"gone-3".to_string()));
    assert_eq!(
        read_file(&disk, "/data/photos-2024/cat.jpg".as_ref()).unwrap(),
        b"a cat"
    );
    // Also where a topic wants the name.
    node.create_topic("u", 1, &[]).await;
    let kept = names(&disk)
        .into_iter()
        .find(|name| name.starts_with("u-0."))
        .expect("kept aside");
    assert_eq!(
        read_file(&disk, format!("/data/{kept}/notes.txt").as_ref()).unwrap(),
        b"notes"
    );
}

#[tokio::test]
async fn a_partition_with_anothers_topic_id_is_quarantined() {
    let disk = left().await;
    let id = "topic_id: AAAAAAAAAAAAAAAAAAAABQ\n";
    make(
        &disk,
        "/data/t-0/partition.metadata",
        format!("version: 0\n{id}").as_bytes(),
    );
    let node = TestNode::restart(disk.clone(), &[]);
    let out_of_service = node.context.node.out_of_service();
    assert!(
        out_of_service.len() == 1 && out_of_service[0].0 == "t-0",
        "{out_of_service:?}"
    );
    assert!(read_file(&disk, LOG.as_ref()).is_ok());
}
