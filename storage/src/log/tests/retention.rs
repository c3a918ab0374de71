//! Removal of what has expired.

use super::super::*;
use super::model::check;
use super::scenario::Scenario;
use crate::disk::simulated::{CrashOptions, Keep};

fn expired() -> Scenario {
    let config = LogConfig {
        retention_ms: 1_000,
        ..LogConfig::default()
    };
    let mut scenario = Scenario::with_two_segments(config);
    scenario.now_ms += 2_000;
    scenario
}

#[test]
fn what_is_not_committed_stays() {
    let mut scenario = expired();
    assert!(!scenario.retain().unwrap());
    scenario.commit(4);
    assert!(scenario.retain().unwrap());
    assert_eq!(scenario.log.reader().start_offset(), 3);
}

#[test]
fn the_active_segment_goes_once_all_of_it_has_expired_and_offsets_go_on() {
    let mut scenario = expired();
    scenario.commit(7);
    assert!(scenario.retain().unwrap());
    let reader = scenario.log.reader().clone();
    assert_eq!((reader.start_offset(), reader.end_offset(), reader.size()), (6, 6, 0));
    assert_eq!(scenario.names(DELETED).len(), 6);
    scenario.remove_aside();
    assert_eq!(scenario.names(DELETED), Vec::<String>::new());
    scenario.append_some(1);
    assert_eq!(scenario.log.end().offset, 7);
    assert!(matches!(
        reader.read(5, reader.end(), 1),
        Err(LogError::OutOfRange { .. })
    ));
}

#[test]
fn what_lies_below_the_start_goes_whatever_the_policy_but_never_the_active_segment() {
    let config = LogConfig {
        delete: false,
        ..LogConfig::default()
    };
    let mut scenario = Scenario::with_two_segments(config);
    scenario.commit(7);
    scenario.flush().unwrap();
    scenario.delete_records(2).unwrap();
    assert!(!scenario.retain().unwrap());
    scenario.delete_records(6).unwrap();
    assert!(scenario.retain().unwrap());
    assert_eq!(scenario.log.reader().segments().len(), 1);
    assert!(!scenario.retain().unwrap());
    let reader = scenario.log.reader();
    assert_eq!((reader.start_offset(), reader.end_offset()), (6, 6));
}

#[test]
fn a_deletion_is_checked_and_outlives_any_stop() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    scenario.commit(4);
    scenario.flush().unwrap();
    let mark = scenario.log.reader().high_watermark().offset;
    for wrong in [-1, mark + 1, i64::MAX, i64::MIN] {
        let refused = scenario.log.plan_start(wrong);
        assert!(matches!(refused, Err(LogError::OutOfRange { .. })), "{wrong}");
    }
    scenario.delete_records(2).unwrap();
    scenario.delete_records(1).unwrap();
    assert_eq!(scenario.log.reader().start_offset(), 2);
    scenario.disk.crash(CrashOptions {
        data: Keep::Nothing,
        names: Keep::Nothing,
    });
    scenario.restart();
    let reader = scenario.log.reader();
    assert_eq!(reader.start_offset(), 2);
    assert!(matches!(
        reader.read(1, reader.end(), 1),
        Err(LogError::OutOfRange { start: 2, .. })
    ));
    assert!(reader.read(2, reader.end(), 1).unwrap().is_some());
}

#[test]
fn by_size_the_oldest_go_while_enough_stays() {
    let config = LogConfig {
        retention_bytes: 700,
        retention_ms: -1,
        ..LogConfig::default()
    };
    let mut scenario = Scenario::with_two_segments(config);
    scenario.commit(7);
    let size = scenario.log.reader().size();
    assert!(size > 700);
    let first = scenario.log.reader().segments()[0].size();
    assert_eq!(scenario.retain().unwrap(), size - first >= 700);
    scenario.roll();
    scenario.append_some(3);
    scenario.flush().unwrap();
    scenario.commit(10);
    while scenario.retain().unwrap() {}
    let sizes: Vec<u64> = scenario
        .log
        .reader()
        .segments()
        .iter()
        .map(|segment| segment.size())
        .collect();
    let total: u64 = sizes.iter().sum();
    assert!(total - sizes[0] < 700, "{sizes:?}");
}

#[test]
fn a_removal_that_was_broken_off_is_finished_at_the_next_start() {
    for step in 1..40 {
        for keep in [Keep::Nothing, Keep::Random, Keep::Everything] {
            let mut scenario = expired();
            scenario.commit(7);
            scenario.disk.halt_at(scenario.disk.operations() + step);
            let _ = scenario.retain();
            scenario.power_cut(keep);
            let restart = scenario.restart();
            assert_eq!((restart.damage, restart.last_index), (None, 7), "step {step}");
            let start = scenario.log.reader().start_offset();
            assert!([0, 6].contains(&start), "step {step}: {start}");
            check::content(&scenario, 6);
            check::state(&scenario, true);
            // The term goes on behind what was removed.
            scenario.append_some(1);
            scenario.flush().unwrap();
            scenario.power_cut(Keep::Nothing);
            assert_eq!(scenario.restart().last_index, 8);
        }
    }
}
