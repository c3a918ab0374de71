//! A node that cleans a log: without room, and over a crash.

use std::path::Path;

use storage::compression::Codec;
use storage::disk::simulated::{CrashOptions, Fault, Keep};
use storage::disk::{Disk, SimulatedDisk};
use storage::log::CLEANED;
use storage::record_batch::{BatchBuilder, BatchHeader, ProducedBatch};

use super::*;
use crate::api::test_node::TestNode;

const DIR: &str = "/data/t-0";
const RESERVE: u64 = 100_000;
const VALUE: usize = 1_000;
const SETTINGS: CleanerSettings = CleanerSettings {
    map_bytes: 1 << 20,
    load_factor: 0.9,
    io_bytes: 4_000,
    max_decompressed: 1 << 20,
    secret: (1, 2),
};

fn batch(key: u32) -> ProducedBatch {
    let mut batch = BatchBuilder::new(Codec::None);
    batch.push(1_700_000_000_000, Some(&key.to_be_bytes()), Some(&[7; VALUE]), &[]);
    let bytes = batch.build();
    let header = BatchHeader::parse(&bytes).expect("just built");
    ProducedBatch { header, bytes }
}

/// Batches with these keys, in a segment of their own, and one behind them.
fn fill(node: &TestNode, keys: impl Iterator<Item = u32>) -> Arc<Partition> {
    let broker = &node.context.node;
    let partition = broker.topics().partition("t", 0).expect("it is open");
    for key in keys {
        broker.append(&partition, &batch(key)).expect("there is room");
    }
    let rolled = partition.with_replica(|replica| replica.with_log(|log| log.roll(0)));
    rolled.expect("in service").expect("a healthy disk");
    broker.append(&partition, &batch(u32::MAX)).expect("there is room");
    while broker.flush_pass() {}
    partition
}

async fn start(disk: &SimulatedDisk, reserve: u64) -> TestNode {
    let mut node = TestNode::open(disk.clone(), &[], reserve);
    node.create_topic(
        "t",
        1,
        &[("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0")],
    )
    .await;
    node.stop_flusher();
    node
}

/// A round is due: what it needs of the flusher comes first.
fn begin(broker: &Node) -> Option<CleanRound> {
    (0..4).find_map(|_| {
        while broker.flush_pass() {}
        broker.begin_clean(&SETTINGS)
    })
}

fn cleaned_files(disk: &SimulatedDisk) -> Vec<String> {
    let mut names = disk.look_at_names(Path::new(DIR)).expect("it is there");
    names.retain(|name| name.ends_with(CLEANED));
    names
}

fn free(disk: &SimulatedDisk) -> u64 {
    disk.free_bytes(Path::new(DIR)).expect("it is known")
}

/// The room on the disk, from now on.
fn leave_free(disk: &SimulatedDisk, bytes: u64) {
    let all = u64::MAX / 2;
    disk.set_capacity(Some(all));
    disk.set_capacity(Some(all - free(disk) + bytes));
}

fn without_room(broker: &Node) -> u64 {
    broker.cleaner_counters().without_room.load(Ordering::Relaxed)
}

/// As time does.
fn let_it_be_tried(broker: &Node, id: GroupId) {
    let now = broker.clock.monotonic_ms();
    let mut cleaner = broker.cleaner.lock();
    let left_out = cleaner.left_out.get_mut(&id).expect("it waits");
    assert!(left_out.retry_ms <= now + RETRY_MS, "it is tried again soon, each time");
    left_out.retry_ms = 0;
}

#[tokio::test]
async fn a_round_leaves_the_reserve_alone_and_goes_on_once_there_is_room() {
    let disk = SimulatedDisk::new(1);
    let node = start(&disk, RESERVE).await;
    let broker = node.context.node.clone();
    // All of it stays: as much is written as there was.
    let partition = fill(&node, 0..200);
    let size = partition.reader().size();
    leave_free(&disk, RESERVE + size + 50_000);
    let mut round = begin(&broker);
    assert!(round.is_some(), "there is room for it");
    // Somebody else uses it up.
    leave_free(&disk, RESERVE + 60_000);
    while let Some(at) = round {
        round = broker.clean(at, 10_000).0;
        assert!(free(&disk) >= RESERVE, "{} bytes are free", free(&disk));
    }
    assert_eq!(without_room(&broker), 1);
    assert_eq!(cleaned_files(&disk), Vec::<String>::new());
    assert_eq!(partition.reader().size(), size, "the log is as it was");
    assert!(begin(&broker).is_none(), "not at once again");
    for tried in 2..5 {
        let_it_be_tried(&broker, partition.id);
        assert!(begin(&broker).is_none(), "there is no room to begin");
        assert_eq!(without_room(&broker), tried);
    }
    leave_free(&disk, RESERVE + size + 50_000);
    let_it_be_tried(&broker, partition.id);
    let mut round = begin(&broker);
    assert!(round.is_some());
    while let Some(at) = round {
        round = broker.clean(at, 10_000).0;
        assert!(free(&disk) >= RESERVE, "{} bytes are free", free(&disk));
    }
    assert_eq!(broker.cleaner_counters().rounds.load(Ordering::Relaxed), 1);
    assert_eq!(broker.cleaner_counters().failures.load(Ordering::Relaxed), 0);
    assert!(partition.reader().segments()[0].cleaned().is_some());
    assert!(broker.cleaner.lock().left_out.is_empty());
}

#[tokio::test]
async fn a_disk_that_says_that_it_is_full_ends_the_round_as_well() {
    let disk = SimulatedDisk::new(1);
    let node = start(&disk, 0).await;
    let broker = node.context.node.clone();
    let partition = fill(&node, 0..200);
    leave_free(&disk, 60_000);
    let mut round = begin(&broker);
    assert!(round.is_some());
    while let Some(at) = round {
        round = broker.clean(at, 10_000).0;
    }
    assert_eq!(without_room(&broker), 1);
    assert_eq!(cleaned_files(&disk), Vec::<String>::new());
    assert_eq!(partition.out_of_service(), None);
    let_it_be_tried(&broker, partition.id);
}

/// Cleans until a segment is in its place, of which the journal has no room to say so.
fn replace_unsaid(broker: &Node) -> Arc<Partition> {
    let mut round = begin(broker).expect("it is due");
    let partition = round.partition.clone();
    let replacement = loop {
        match round
            .clean
            .step(1 << 20, || last_offsets(&partition))
            .expect("a healthy disk")
        {
            Progress::More => {}
            Progress::Replace(replacement) => break replacement,
            Progress::Done { .. } => panic!("nothing was replaced"),
        }
    };
    let noted = partition.with_replica(|replica| replica.note_replacement(&replacement));
    assert_eq!(noted, Some(Readiness::Ready));
    broker.journal.sync().expect("a healthy disk");
    let aside = partition.with_replica(|replica| replica.replace(&replacement));
    assert!(aside.is_some());
    broker.disk.sync_dir(Path::new(DIR)).expect("a healthy disk");
    broker.abandon_clean(round);
    assert!(broker.journal.is_replacing(partition.id));
    partition
}

#[tokio::test]
async fn the_journal_knows_that_a_segment_is_in_its_place_before_the_next_is_begun() {
    let disk = SimulatedDisk::new(1);
    let node = start(&disk, 0).await;
    let broker = node.context.node.clone();
    fill(&node, (0..50).chain(0..100));
    let partition = replace_unsaid(&broker);
    fill(&node, 0..100);
    // There is no room yet: no round begins, and the log is not lost to the cleaner.
    while broker.flush_pass() {}
    disk.fail_next(Fault::NoSpace, Path::new("/data/journal"), 1);
    assert!(broker.begin_clean(&SETTINGS).is_none() && broker.journal.is_replacing(partition.id));
    disk.clear_faults();
    let mut round = begin(&broker).expect("it is due");
    assert!(!broker.journal.is_replacing(partition.id));
    while cleaned_files(&disk).is_empty() || round.clean.stats().bytes_written < 20_000 {
        round = broker.clean(round, 8_000).0.expect("it goes on");
    }
    // Half a file has the name of the one that is in its place.
    disk.crash(CrashOptions {
        data: Keep::Everything,
        names: Keep::Everything,
    });
    std::mem::forget((node, round));
    let node = TestNode::restart(disk.clone(), &[]);
    let partition = node.context.node.topics().partition("t", 0).expect("it is open");
    assert_eq!(partition.out_of_service(), None);
    assert_eq!(cleaned_files(&disk), Vec::<String>::new());
    assert!(partition.reader().segments()[0].cleaned().is_some());
}
