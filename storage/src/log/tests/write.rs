//! Appends, rolls and flushes.

use super::super::*;
use super::scenario::{Scenario, dir};
use crate::disk::simulated::{Fault, Keep};

#[test]
fn a_batch_is_stamped_and_otherwise_as_it_came() {
    let mut scenario = Scenario::new(1, LogConfig::default());
    scenario.begin_epoch().unwrap();
    scenario.append_some(2);
    let slice = scenario
        .log
        .reader()
        .read(0, scenario.log.end(), u64::MAX)
        .unwrap()
        .unwrap();
    let bytes = slice.read().unwrap();
    let wanted: Vec<u8> = scenario.batches().flat_map(|batch| batch.bytes.to_vec()).collect();
    assert_eq!(bytes, wanted);
    assert_eq!(BatchHeader::parse(&bytes).unwrap().leader_epoch, 1);
}

#[test]
fn a_full_disk_refuses_one_append_and_takes_the_next() {
    let mut scenario = Scenario::new(1, LogConfig::default());
    scenario.begin_epoch().unwrap();
    scenario.append_some(1);
    let end = scenario.log.end();
    scenario.disk.fail_next(Fault::NoSpace, &dir(), 1);
    assert!(!scenario.append(&[1], 10, None).unwrap());
    assert!(!scenario.log.is_poisoned());
    assert_eq!(scenario.log.end(), end);
    scenario.append_some(1);
    assert_eq!(scenario.log.end().offset, 2);
}

#[test]
fn a_failed_write_leaves_nothing_that_a_power_cut_could_bring_back() {
    for seed in 0..40 {
        let mut scenario = Scenario::new(seed, LogConfig::default());
        scenario.begin_epoch().unwrap();
        scenario.append_some(1);
        scenario.flush().unwrap();
        scenario.disk.fail_next(Fault::WriteError, &dir(), 1);
        assert!(!scenario.append(&[1], 10, None).unwrap());
        scenario.power_cut(Keep::Random);
        assert_eq!(scenario.restart().last_index, 2, "seed {seed}");
    }
}

#[test]
fn an_append_that_fails_after_the_roll_leaves_the_roll_to_be_told_by_the_next() {
    let config = LogConfig {
        segment_bytes: 400,
        ..LogConfig::default()
    };
    let mut scenario = Scenario::new(1, config);
    scenario.begin_epoch().unwrap();
    scenario.append_some(2);
    // The index files and the segment are made, then the write fails.
    scenario.disk.fail_next(Fault::WriteError, &scenario.path(2, LOG), 1);
    assert!(!scenario.append(&[1], 100, None).unwrap());
    assert_eq!(scenario.log.end().segment_base, 2);
    scenario.append_some(1);
    let anchors = scenario.journal.group(super::scenario::GROUP).unwrap().anchors;
    assert_eq!(anchors.keys().copied().collect::<Vec<_>>(), [2]);
}

#[test]
fn a_segment_is_rolled_by_size_by_age_and_when_its_index_is_full() {
    for config in [
        LogConfig {
            segment_bytes: 400,
            ..LogConfig::default()
        },
        LogConfig {
            segment_ms: 1,
            ..LogConfig::default()
        },
        LogConfig {
            segment_index_bytes: 12,
            index_interval_bytes: 0,
            ..LogConfig::default()
        },
    ] {
        let mut scenario = Scenario::new(1, config);
        scenario.begin_epoch().unwrap();
        scenario.append_some(6);
        let segments = scenario.log.reader().segments();
        assert_eq!(
            segments.iter().map(|segment| segment.base_offset()).collect::<Vec<_>>(),
            [0, 2, 4]
        );
    }
}

#[test]
fn a_failed_sync_is_for_the_owner_to_poison_and_a_poisoned_log_takes_nothing() {
    let mut scenario = Scenario::new(1, LogConfig::default());
    scenario.begin_epoch().unwrap();
    scenario.append_some(1);
    scenario.disk.fail_next(Fault::SyncDataError, &dir(), 1);
    assert!(scenario.flush().is_err());
    assert!(scenario.append(&[1], 10, None).is_err());
    assert!(scenario.log.roll(0).is_err());
}

#[test]
fn names_in_doubt_after_a_checkpoint_poison_the_log() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    scenario.roll();
    scenario.append_some(1);
    let flush = scenario.log.take_flush(true).unwrap();
    flush.sync().unwrap();
    scenario.disk.fail_next(Fault::SyncDirError, &dir(), 1);
    flush.finish();
    assert!(scenario.log.is_poisoned());
}

#[test]
fn a_checkpoint_keeps_the_oldest_snapshot_and_the_two_newest() {
    let mut scenario = Scenario::new(1, LogConfig::default());
    scenario.begin_epoch().unwrap();
    for _ in 0..4 {
        scenario.append_some(2);
        scenario.take_flush(true);
        scenario.complete_flush().unwrap();
    }
    assert_eq!(
        scenario.names(SNAPSHOT),
        [
            "00000000000000000002.snapshot",
            "00000000000000000006.snapshot",
            "00000000000000000008.snapshot"
        ]
    );
    assert_eq!(scenario.names(LEADER_EPOCH_CHECKPOINT).len(), 1);
}
