//! Checkpoints and what follows them in the log.

use std::time::Instant;

use kafka_protocol::messages::OffsetDeleteRequest;
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use storage::compression::Codec;
use storage::disk::simulated::{CrashOptions, Keep};
use storage::disk::{Disk, read_file, replace_file};
use storage::record_batch::{BatchBuilder, BatchError, BatchHeader, ProducedBatch};

use super::rig::{GROUP, PARTITIONS, Rig, TOPIC, commit_request, group_id, topic_name};
use crate::coordinator::checkpoint::FILE;
use crate::coordinator::load::LoadError;
use crate::metrics::{Collector, TextWriter};
use crate::node::CleanerSettings;

const POWER_CUT: CrashOptions = CrashOptions {
    data: Keep::Nothing,
    names: Keep::Nothing,
};

fn commit_some(rig: &Rig, from: i64, count: i64) {
    for offset in from..from + count {
        let partition = (offset % i64::from(PARTITIONS)) as i32;
        assert_eq!(rig.commit(GROUP, &[(partition, offset)]), [0]);
    }
}

fn cut_and_open(rig: &Rig) -> Rig {
    rig.disk.crash(POWER_CUT);
    Rig::open(rig.disk.clone(), &[])
}

#[test]
fn checkpoint_and_tail_give_what_the_whole_log_gives() {
    let rig = Rig::start(&[]);
    commit_some(&rig, 0, 30);
    rig.coordinator().checkpoint(true);
    commit_some(&rig, 30, 10);
    let before = rig.state();
    let rig = cut_and_open(&rig);
    assert_eq!(rig.state(), before);
    assert!(rig.coordinator().written.lock().is_some(), "the checkpoint was used");
    rig.disk.remove_file(&rig.directory().join(FILE)).unwrap();
    rig.disk.sync_dir(&rig.directory()).unwrap();
    let rig = cut_and_open(&rig);
    assert!(!rig.coordinator().written.lock().is_some());
    assert_eq!(rig.state(), before);
}

#[test]
fn a_checkpoint_that_is_not_of_this_log_is_ignored() {
    let rig = Rig::start(&[]);
    commit_some(&rig, 0, 10);
    rig.coordinator().checkpoint(true);
    let state = rig.state();
    let path = rig.directory().join(FILE);
    let good = read_file(&rig.disk, &path).unwrap();
    let other_epoch = [&good[..11], &[good[11] ^ 1], &good[12..]].concat();
    let beyond_the_log = [&[0, 0, 0, 0, 0, 0, 1, 0], &good[8..]].concat();
    let flipped = [&good[..40], &[good[40] ^ 1], &good[41..]].concat();
    let mut rig = rig;
    for bad in [
        other_epoch,
        beyond_the_log,
        flipped,
        good[..7].to_vec(),
        good[..30].to_vec(),
        Vec::new(),
    ] {
        replace_file(&rig.disk, &path, &bad).unwrap();
        rig = cut_and_open(&rig);
        assert!(!rig.coordinator().written.lock().is_some());
        assert_eq!(rig.state(), state);
    }
    replace_file(&rig.disk, &path, &good).unwrap();
    rig = cut_and_open(&rig);
    assert!(rig.coordinator().written.lock().is_some());
    assert_eq!(rig.state(), state);
}

/// One round after the other, until none is due.
fn clean(rig: &Rig) {
    let settings = CleanerSettings {
        map_bytes: 1 << 20,
        load_factor: 0.9,
        io_bytes: 1 << 12,
        max_decompressed: 1 << 20,
        secret: (1, 2),
    };
    let node = &rig.context.node;
    let mut idle = 0;
    while idle < 3 {
        rig.flush();
        let mut round = node.begin_clean(&settings);
        idle = if round.is_some() { 0 } else { idle + 1 };
        while let Some(at) = round {
            round = node.clean(at, 1 << 20).0;
        }
    }
}

#[test]
fn a_checkpoint_older_than_a_cleaning_is_not_used_and_another_is_made() {
    let properties = [
        ("offsets.topic.segment.bytes", "4000"),
        ("log.cleaner.delete.retention.ms", "0"),
        ("log.cleaner.min.cleanable.ratio", "0"),
    ];
    let rig = Rig::start(&properties);
    commit_some(&rig, 0, 30);
    rig.coordinator().checkpoint(true);
    let applied = rig.coordinator().written.lock().applied();
    let state = rig.state();
    // The offset of a partition goes, and so does in time the tombstone that says so.
    let gone = OffsetDeleteRequestPartition::default().with_partition_index(1);
    let gone = OffsetDeleteRequestTopic::default()
        .with_name(topic_name(TOPIC))
        .with_partitions(vec![gone]);
    let request = OffsetDeleteRequest::default()
        .with_group_id(group_id(GROUP))
        .with_topics(vec![gone]);
    assert_eq!(rig.call(0, &request).error_code, 0);
    for round in 0..3 {
        for offset in 0..30 {
            assert_eq!(rig.commit(GROUP, &[(2, 100 * round + offset)]), [0]);
        }
        rig.pass(1_000);
        clean(&rig);
    }
    let reader = rig.coordinator().partition.reader().clone();
    assert!(
        reader.first_uncleaned() > applied,
        "the cleaner has passed the checkpoint"
    );
    let before = rig.state();
    assert_ne!(before, state);
    rig.disk.crash(POWER_CUT);
    let rig = Rig::open(rig.disk.clone(), &properties);
    assert!(!rig.coordinator().written.lock().is_some(), "the old one was used");
    assert_eq!(rig.state(), before);
    assert_eq!(rig.fetch(GROUP, 1), -1, "the offset is back");
    // One that was made before, and is passed while the node runs, is made anew at the stop though nothing was committed.
    rig.coordinator().checkpoint(true);
    let first = rig.coordinator().written.lock().applied();
    for offset in 0..60 {
        assert_eq!(rig.commit(GROUP, &[(2, offset)]), [0]);
    }
    rig.coordinator().checkpoint(true);
    let second = rig.coordinator().written.lock().applied();
    assert!(second > first);
    rig.disk.crash(POWER_CUT);
    let rig = Rig::open(rig.disk.clone(), &properties);
    assert!(rig.coordinator().written.lock().is_some(), "the new one is used");
    assert_eq!(rig.fetch(GROUP, 1), -1);
    assert_eq!(rig.fetch(GROUP, 2), 59);
}

/// `WEIR_LOAD_COMMITS` sets the number of commits (100,000 by default): after 10 M a start must still load the group
/// within a second, so what is read must not depend on it.
#[test]
fn loading_does_not_take_longer_with_the_number_of_commits() {
    const WIDTH: i32 = 100;
    let commits: i64 = std::env::var("WEIR_LOAD_COMMITS").map_or(100_000, |count| count.parse().unwrap());
    let rig = Rig::start(&[]);
    rig.create_topic("wide", WIDTH);
    for round in 0..commits / i64::from(WIDTH) {
        let offsets: Vec<_> = (0..WIDTH).map(|partition| (partition, round)).collect();
        let response = rig.call(9, &commit_request(GROUP, "wide", &offsets));
        assert!(
            response.topics[0]
                .partitions
                .iter()
                .all(|partition| partition.error_code == 0)
        );
        if round % 50 == 0 {
            rig.pass(1_000);
            rig.context.coordinators.housekeep();
        }
    }
    let before = rig.state();
    let applied = rig.coordinator().read(|shard| shard.applied_offset()).unwrap();
    let tail = applied - rig.coordinator().written.lock().applied();
    assert!(
        applied >= commits && tail < 26_000,
        "{tail} records of {applied} to be replayed"
    );

    let time_to_load = |rig: &Rig| {
        let partition = rig.coordinator().partition.clone();
        let begin = Instant::now();
        let loaded = rig.context.coordinators.load_apart(partition.reader()).unwrap();
        assert_eq!(loaded.checkpoint(), before);
        begin.elapsed()
    };
    let with_checkpoint = time_to_load(&rig);
    rig.disk.remove_file(&rig.directory().join(FILE)).unwrap();
    let whole_log = time_to_load(&rig);
    println!(
        "{commits} commits: loaded in {with_checkpoint:?}, the last {tail} records; without checkpoint {whole_log:?}"
    );
}

/// Appends a batch to the group's partition as only the broker itself may.
fn append_foreign(rig: &Rig, key: &[u8], value: Option<&[u8]>) {
    let mut batch = BatchBuilder::new(Codec::None);
    batch.push(0, Some(key), value, &[]);
    let bytes = batch.build();
    let header = BatchHeader::parse(&bytes).unwrap();
    let partition = rig.coordinator().partition.clone();
    let node = &rig.context.node;
    node.append(&partition, &ProducedBatch { header, bytes }).unwrap();
    rig.flush();
}

#[test]
fn records_that_make_no_sense_are_left_out_and_counted() {
    let rig = Rig::start(&[]);
    commit_some(&rig, 0, 3);
    // A key without a version, a commit whose value has an unknown version, and one that ends inside a field.
    let offset_key = [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 0];
    append_foreign(&rig, b"", Some(b"v"));
    append_foreign(&rig, &offset_key, Some(&[0, 99]));
    append_foreign(&rig, &offset_key[..7], Some(b"v"));
    commit_some(&rig, 3, 3);
    let before = rig.state();
    let rig = cut_and_open(&rig);
    assert!(rig.coordinator().is_serving());
    assert_eq!(rig.state(), before);
    assert_eq!(rig.fetch(GROUP, 1), 5);
    let mut text = TextWriter::default();
    rig.context.coordinators.collect(&mut text);
    assert!(text.finish().contains("weir_group_skipped_records_total 3"));
}

#[test]
fn a_batch_that_is_damaged_ends_the_load() {
    let rig = Rig::start(&[]);
    commit_some(&rig, 0, 3);
    let rig = cut_and_open(&rig);
    let reader = rig.coordinator().partition.reader().clone();
    let path = rig.directory().join("00000000000000000000.log");
    let len = read_file(&rig.disk, &path).unwrap().len();
    // A bit of the last record's value: all lengths are as they were, only the CRC tells.
    let digit = reader.size() - 6;
    assert!(digit < len as u64);
    rig.disk.flip_bit(&path, digit, 0).unwrap();
    rig.disk.drop_cache();
    let error = rig.context.coordinators.load_apart(&reader).map(|_| ()).unwrap_err();
    assert!(
        matches!(
            error,
            LoadError::Batch {
                source: BatchError::CrcMismatch { .. },
                ..
            }
        ),
        "{error}"
    );
}
