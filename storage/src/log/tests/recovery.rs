//! Starts after every kind of stop.

use super::super::*;
use super::model::check;
use super::scenario::{GROUP, Scenario, dir, mark};
use crate::disk::Disk;
use crate::disk::simulated::{Fault, Keep};
use crate::journal::Record;

#[test]
fn a_new_log_that_was_never_synced_is_as_if_it_had_just_been_made() {
    for keep in [Keep::Nothing, Keep::Random, Keep::Everything] {
        let mut scenario = Scenario::new(1, LogConfig::default());
        scenario.power_cut(keep);
        assert_eq!(scenario.restart().last_index, 0);
        // The entry of a term is the journal's: it is there without any segment.
        scenario.begin_epoch().unwrap();
        scenario.power_cut(keep);
        assert_eq!(scenario.restart().last_index, 1);
        assert_eq!(scenario.log.reader().latest_epoch(), Some(1));
    }
}

#[test]
fn a_log_that_was_killed_before_its_first_flush_has_its_names_synced_by_the_next() {
    let mut scenario = Scenario::new(1, LogConfig::default());
    scenario.disk.kill(false);
    scenario.restart();
    scenario.begin_epoch().unwrap();
    scenario.append_some(1);
    scenario.flush().unwrap();
    scenario.power_cut(Keep::Nothing);
    assert_eq!(scenario.restart().last_index, 2);
}

#[test]
fn without_a_mark_all_that_was_synced_is_found() {
    for kill in [true, false] {
        let mut scenario = Scenario::with_two_segments(LogConfig::default());
        scenario.append_some(2);
        scenario.log.take_flush(false).unwrap().sync().unwrap();
        match kill {
            true => scenario.disk.kill(false),
            false => scenario.power_cut(Keep::Nothing),
        }
        let restart = scenario.restart();
        assert_eq!((restart.last_index, restart.cut_bytes), (9, 0));
    }
}

#[test]
fn what_a_failed_sync_left_in_the_cache_alone_is_cut_after_a_kill() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    scenario.append_some(2);
    scenario.disk.set_failed_sync_keeps(Keep::Nothing);
    scenario.disk.fail_next(Fault::SyncDataError, &dir(), 1);
    assert!(scenario.flush().is_err());
    scenario.disk.kill(false);
    let restart = scenario.restart();
    assert_eq!((restart.last_index, restart.damage), (7, None));
    check::content(&scenario, 6);
}

#[test]
fn after_a_kill_only_the_cut_off_last_write_is_cut() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    scenario.append_some(2);
    let path = scenario.path(3, LOG);
    let len = scenario.log.end().position;
    let batch = scenario.batches().next_back().unwrap().bytes.len() as u64;
    for left in [1, 20, 61, 62, batch - 1] {
        scenario.disk.kill(false);
        scenario.disk.open(&path).unwrap().set_len(len - batch + left).unwrap();
        let restart = scenario.restart();
        assert_eq!((restart.stop, restart.damage), (StopKind::Killed, None), "{left} bytes");
        assert_eq!(restart.cut_bytes, left);
        scenario.append_some(1);
    }
}

#[test]
fn after_a_kill_a_bad_batch_before_good_ones_is_damage_and_after_a_power_cut_the_end() {
    for is_kill in [true, false] {
        // A byte of the records, and the highest byte of the length.
        for at in [70, 8] {
            let mut scenario = Scenario::with_two_segments(LogConfig::default());
            let position = scenario.log.end().position;
            scenario.append_some(3);
            scenario.log.take_flush(false).unwrap().sync().unwrap();
            match is_kill {
                true => scenario.disk.kill(false),
                false => scenario.power_cut(Keep::Nothing),
            }
            scenario
                .disk
                .flip_bit(&scenario.path(3, LOG), position + at, 4)
                .unwrap();
            scenario.disk.drop_cache();
            let restart = scenario.restart();
            match is_kill {
                true => assert_eq!(restart.damage.unwrap().offset, 6),
                false => assert_eq!(restart.last_index, 7),
            }
        }
    }
}

#[test]
fn a_batch_whose_term_the_journal_does_not_know_is_not_taken() {
    for is_kill in [true, false] {
        let mut scenario = Scenario::with_two_segments(LogConfig::default());
        scenario.log.begin_epoch(5);
        scenario.term = 5;
        scenario.append_some(2);
        scenario.log.take_flush(false).unwrap().sync().unwrap();
        match is_kill {
            true => scenario.disk.kill(false),
            false => scenario.power_cut(Keep::Nothing),
        }
        let restart = scenario.restart();
        match is_kill {
            true => assert_eq!(restart.damage.unwrap().offset, 6),
            false => assert_eq!(restart.last_index, 7),
        }
    }
}

#[test]
fn entries_behind_a_cut_tail_are_dropped_from_the_journal() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    scenario.append_some(2);
    scenario.begin_epoch().unwrap();
    scenario.power_cut(Keep::Nothing);
    assert_eq!(scenario.restart().last_index, 7);
    let group = scenario.journal.group(GROUP).unwrap();
    assert_eq!(group.entries.iter().map(|entry| entry.index).collect::<Vec<_>>(), [1]);
    assert_eq!(scenario.log.reader().latest_epoch(), Some(1));
}

#[test]
fn after_an_orderly_stop_nothing_above_the_mark_is_read() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    scenario.append_some(2);
    scenario.stop().unwrap();
    scenario.disk.kill(false);
    let restart = scenario.restart();
    assert_eq!(
        (restart.stop, restart.last_index, restart.cut_bytes),
        (StopKind::Clean, 9, 0)
    );
    // The next batch is timed by the segment's own first one.
    assert_eq!(scenario.log.end().segment_base, 3);
}

#[test]
fn bytes_that_are_missing_below_the_mark_are_damage() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    let last = scenario.end_of(6);
    scenario.disk.kill(false);
    let file = scenario.disk.open(&scenario.path(3, LOG)).unwrap();
    file.set_len(last.position).unwrap();
    file.sync_data().unwrap();
    let damage = scenario.restart().damage.unwrap();
    assert_eq!((damage.offset, damage.position), (last.offset, last.position));
}

#[test]
fn a_sealed_segment_that_lost_its_end_is_damage() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    let last = scenario.end_of(3);
    scenario.disk.kill(false);
    for name in scenario.names(SNAPSHOT) {
        scenario.disk.remove_file(&dir().join(name)).unwrap();
    }
    scenario
        .disk
        .open(&scenario.path(0, LOG))
        .unwrap()
        .set_len(last.position)
        .unwrap();
    let damage = scenario.restart().damage.unwrap();
    assert_eq!((damage.offset, damage.position), (last.offset, last.position));
}

#[test]
fn a_marked_segment_that_is_gone_is_damage_and_what_is_below_stays_readable() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    scenario.disk.kill(false);
    scenario.disk.remove_file(&scenario.path(3, LOG)).unwrap();
    let opened = super::scenario::open(&scenario.disk, &scenario.config, 0).unwrap();
    assert_eq!(opened.recovered.damage.unwrap().offset, 3);
    let reader = opened.recovered.log.reader();
    let slice = reader.read(0, reader.high_watermark(), u64::MAX).unwrap().unwrap();
    assert_eq!(slice.len, scenario.end_of(4).position);
    assert!(opened.recovered.log.is_poisoned());
    // And with the directory gone as well.
    scenario.disk.remove_dir_all(&dir()).unwrap();
    assert!(scenario.restart().damage.is_some());
}

#[test]
fn leftovers_are_removed() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    for name in [
        "00000000000000000000.log.deleted",
        "00000000000000000009.snapshot.tmp",
        "00000000000000000009.index",
        "00000000000000000009.timeindex",
        "00000000000000000009.snapshot",
    ] {
        scenario.disk.create(&dir().join(name)).unwrap();
    }
    scenario.disk.kill(false);
    assert_eq!(scenario.restart().last_index, 7);
    check::state(&scenario, false);
}

#[test]
fn a_mark_at_the_end_of_a_sealed_segment_is_as_good_as_one_at_the_start_of_the_next() {
    for position in [false, true] {
        let mut scenario = Scenario::with_two_segments(LogConfig::default());
        let sealed_end = scenario.end_of(4);
        let next_start = LogPosition {
            offset: 3,
            segment_base: 3,
            position: 0,
        };
        let end = if position { sealed_end } else { next_start };
        let record = Record::SyncedMark(mark(4, end));
        scenario.journal.append(&[(GROUP, record)]).unwrap();
        scenario.journal.sync().unwrap();
        scenario.power_cut(Keep::Nothing);
        let restart = scenario.restart();
        assert_eq!((restart.last_index, restart.damage, restart.cut_bytes), (7, None, 0));
        check::content(&scenario, 6);
        check::state(&scenario, false);
    }
}
