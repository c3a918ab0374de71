//! Cuts of what was never committed.

use super::super::*;
use super::model::check;
use super::scenario::Scenario;
use crate::disk::simulated::Keep;

#[test]
fn a_cut_goes_over_segments_and_survives_a_power_cut_at_once() {
    for index in 2..=7 {
        let mut scenario = Scenario::with_two_segments(LogConfig::default());
        scenario.truncate(index).unwrap();
        scenario.power_cut(Keep::Nothing);
        let restart = scenario.restart();
        assert_eq!((restart.last_index, restart.damage), (index - 1, None));
        check::content(&scenario, index as i64 - 2);
        check::state(&scenario, false);
    }
}

#[test]
fn a_cut_to_the_end_of_a_sealed_segment_leaves_the_next_one_empty() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    scenario.truncate(5).unwrap();
    assert_eq!(scenario.names(LOG).len(), 2);
    let empty = LogPosition {
        offset: 3,
        segment_base: 3,
        position: 0,
    };
    assert_eq!(scenario.log.end(), empty);
}

#[test]
fn after_a_cut_into_a_sealed_segment_its_indexes_go_on() {
    let config = LogConfig {
        index_interval_bytes: 0,
        ..LogConfig::default()
    };
    let mut scenario = Scenario::with_two_segments(config);
    scenario.truncate(4).unwrap();
    scenario.begin_epoch().unwrap();
    scenario.append_some(4);
    scenario.stop().unwrap();
    scenario.disk.kill(false);
    assert_eq!(scenario.restart().stop, StopKind::Clean);
    check::content(&scenario, 6);
    let verified = verify::verify(scenario.log.reader().files()).unwrap();
    assert_eq!((verified.damage, verified.findings), (None, vec![]));
}

#[test]
fn a_kill_at_any_moment_of_a_cut_leaves_no_gap() {
    for step in 1..30 {
        for is_kill in [true, false] {
            let mut scenario = Scenario::with_two_segments(LogConfig::default());
            scenario.roll();
            scenario.append_some(2);
            scenario.disk.halt_at(scenario.disk.operations() + step);
            let _ = scenario.truncate(3);
            match is_kill {
                true => scenario.disk.kill(true),
                false => scenario.power_cut(Keep::Random),
            }
            let restart = scenario.restart();
            assert_eq!(restart.damage, None, "step {step}");
            assert!(restart.last_index >= 2, "step {step}");
            check::content(&scenario, restart.last_index as i64 - 1);
        }
    }
}

#[test]
fn a_flush_that_a_cut_overtook_writes_no_snapshot_and_does_not_count() {
    let mut scenario = Scenario::new(1, LogConfig::default());
    scenario.begin_epoch().unwrap();
    scenario.append_some(4);
    let flush = scenario.log.take_flush(true).unwrap();
    let to = scenario.end_of(3);
    scenario.log.truncate_to(to).unwrap();
    flush.sync().unwrap();
    flush.finish();
    assert!(!scenario.log.is_current(&flush));
    assert_eq!(scenario.names(SNAPSHOT), Vec::<String>::new());
}

#[test]
fn a_cut_drops_the_snapshots_above_it_for_good() {
    let mut scenario = Scenario::new(1, LogConfig::default());
    scenario.begin_epoch().unwrap();
    for _ in 0..2 {
        scenario
            .append(&[1], 10, Some((7, 0, scenario.last() as i32 - 1)))
            .unwrap();
        scenario.take_flush(true);
        scenario.complete_flush().unwrap();
    }
    scenario.truncate(3).unwrap();
    assert_eq!(scenario.names(SNAPSHOT), ["00000000000000000001.snapshot"]);
    scenario.power_cut(Keep::Nothing);
    scenario.restart();
    assert_eq!(scenario.names(SNAPSHOT), ["00000000000000000001.snapshot"]);
    check::producers(&scenario, false);
}

#[test]
#[should_panic(expected = "a cut below the high watermark")]
fn what_is_committed_is_never_cut() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    scenario.commit(7);
    let to = scenario.end_of(6);
    let _ = scenario.log.truncate_to(to);
}
