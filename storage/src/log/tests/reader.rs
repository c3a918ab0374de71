//! Reads, and their limits.

use super::super::*;
use super::scenario::Scenario;

#[test]
fn a_read_ends_at_its_limit_also_at_the_boundary_of_segments() {
    let scenario = Scenario::with_two_segments(LogConfig::default());
    let reader = scenario.log.reader();
    // The end of the sealed segment, and the start of the next, are the same offset.
    let sealed_end = scenario.end_of(4);
    let next_start = LogPosition {
        offset: 3,
        segment_base: 3,
        position: 0,
    };
    assert_eq!(sealed_end.offset, 3);
    for limit in [sealed_end, next_start] {
        assert!(reader.read(3, limit, u64::MAX).unwrap().is_none());
        let slice = reader.read(0, limit, u64::MAX).unwrap().unwrap();
        assert_eq!((slice.position, slice.len), (0, sealed_end.position));
        // What is written and may not be read yet is waited for.
        assert!(reader.read(4, limit, 1).unwrap().is_none());
        let beyond = reader.end_offset() + 1;
        assert!(matches!(
            reader.read(beyond, limit, 1),
            Err(LogError::OutOfRange { .. })
        ));
    }
    let slice = reader.read(3, reader.end(), u64::MAX).unwrap().unwrap();
    assert_eq!((slice.position, slice.len), (0, reader.end().position));
}

#[test]
fn the_first_batch_comes_whole_whatever_the_limit_of_bytes() {
    let scenario = Scenario::with_two_segments(LogConfig::default());
    let reader = scenario.log.reader();
    let size = scenario.batches().next().unwrap().bytes.len() as u64;
    for max_bytes in [0, 1, size, size + 1] {
        assert_eq!(reader.read(0, reader.end(), max_bytes).unwrap().unwrap().len, size);
    }
}

#[test]
fn indexes_that_are_gone_are_made_anew() {
    let config = LogConfig {
        index_interval_bytes: 0,
        ..LogConfig::default()
    };
    let mut scenario = Scenario::with_two_segments(config);
    scenario.stop().unwrap();
    scenario.disk.kill(false);
    for suffix in [INDEX, TIME_INDEX] {
        crate::disk::Disk::remove_file(&scenario.disk, &scenario.path(0, suffix)).unwrap();
    }
    scenario.restart();
    let reader = scenario.log.reader().clone();
    let found = reader
        .offset_for_timestamp(scenario.now_ms - 4, reader.end(), 1 << 20)
        .unwrap()
        .unwrap();
    assert_eq!((found.offset, found.timestamp), (1, scenario.now_ms - 4));
    let newest = reader.max_timestamp(reader.end(), 1 << 20).unwrap().unwrap();
    assert_eq!(newest.offset, 5);
    let verified = verify::verify(reader.files()).unwrap();
    assert_eq!((verified.damage, verified.findings), (None, vec![]));
    assert_eq!(scenario.names(".index").len(), 2);
}

#[test]
fn a_time_that_only_uncommitted_records_reach_is_not_found() {
    let scenario = Scenario::with_two_segments(LogConfig::default());
    let reader = scenario.log.reader();
    let limit = scenario.end_of(6);
    assert_eq!(
        reader.offset_for_timestamp(scenario.now_ms, limit, 1 << 20).unwrap(),
        None
    );
    let newest = reader.max_timestamp(limit, 1 << 20).unwrap().unwrap();
    assert_eq!((newest.offset, newest.timestamp), (4, scenario.now_ms - 1));
}

#[test]
fn a_read_tells_before_whether_it_may_wait() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    let reader = scenario.log.reader().clone();
    assert!(!reader.may_wait(0), "nothing is committed that could be read");
    scenario.commit(7);
    assert!(
        reader.may_wait(0),
        "the index of a sealed segment is mapped at first use"
    );
    reader.read(0, reader.end(), u64::MAX).unwrap();
    assert!(!reader.may_wait(0));
    assert!(!reader.may_wait(reader.end_offset()));
}

#[test]
fn the_next_read_begins_at_a_bookmark_and_is_the_same() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    let reader = scenario.log.reader().clone();
    scenario.commit(7);
    let (end, size) = (reader.end(), scenario.batches().next().unwrap().bytes.len() as u64);
    let first = reader.read(0, end, size).unwrap().unwrap();
    let plain = reader.read(1, end, size).unwrap().unwrap();
    assert_eq!(plain.position, first.position + first.len);
    reader.read(0, end, size + 1).unwrap();
    assert_eq!(reader.segments()[0].bookmarks.position_of(1), Some(plain.position));
    let marked = reader.read(1, end, size).unwrap().unwrap();
    assert_eq!((marked.position, marked.len), (plain.position, plain.len));
    // The end of a read is looked up, too: a bookmark does not stand for the index.
    reader.release_idle_maps();
    reader.release_idle_maps();
    assert!(reader.may_wait(1));
}

#[test]
fn nobody_leaves_a_bookmark_above_the_watermark() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    let reader = scenario.log.reader().clone();
    reader.read(3, reader.end(), u64::MAX).unwrap();
    assert_eq!(reader.segments()[1].bookmarks.position_of(reader.end_offset()), None);
    scenario.commit(7);
    reader.read(3, reader.end(), u64::MAX).unwrap();
    assert!(
        reader.segments()[1]
            .bookmarks
            .position_of(reader.end_offset())
            .is_some()
    );
}
