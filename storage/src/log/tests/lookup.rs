//! A wrong index costs time, and never an answer.

use super::super::*;
use super::model::check;
use super::random::Random;
use super::scenario::{Scenario, files};
use crate::disk::read_file;

/// Two segments of batches of different sizes, all in the indexes, stopped in order.
fn stopped() -> Scenario {
    let config = LogConfig {
        index_interval_bytes: 0,
        ..LogConfig::default()
    };
    let mut scenario = Scenario::new(1, config);
    scenario.begin_epoch().unwrap();
    for size in 0..24 {
        if size == 12 {
            scenario.roll();
        }
        scenario.now_ms += 3;
        let timestamps = vec![scenario.now_ms; 1 + size % 3];
        scenario.append(&timestamps, size * 37 % 100, None).unwrap();
    }
    scenario.flush().unwrap();
    scenario.commit(25);
    scenario.stop().unwrap();
    scenario.disk.kill(false);
    scenario
}

fn all(scenario: &Scenario, seed: u64) {
    let mut random = Random(seed + 1);
    check::content(scenario, scenario.log.end().offset);
    for _ in 0..60 {
        check::read(scenario, &mut random);
        check::times(scenario, &mut random);
    }
    let reader = scenario.log.reader();
    // As of nothing but the look-ups: an error would be taken for a fault of the disk above.
    for offset in reader.start_offset()..reader.end_offset() {
        for max_bytes in [1, 200, 500] {
            reader.read(offset, reader.end(), max_bytes).unwrap().unwrap();
        }
    }
    for batch in scenario.batches() {
        let timestamp = batch.timestamps[0];
        let found = reader.offset_for_timestamp(timestamp, reader.end(), 1 << 20).unwrap();
        assert_eq!(found.unwrap().offset, batch.header.base_offset);
    }
}

#[test]
fn a_flipped_bit_anywhere_in_an_index_changes_no_answer() {
    let ends: Vec<(i64, &str)> = {
        let scenario = stopped();
        let bases: Vec<i64> = scenario
            .log
            .reader()
            .segments()
            .iter()
            .map(|it| it.base_offset())
            .collect();
        bases
            .iter()
            .flat_map(|&base| [(base, INDEX), (base, TIME_INDEX)])
            .collect()
    };
    assert_eq!(ends.len(), 4);
    for (base, suffix) in ends {
        let len = read_file(&stopped().disk, &stopped().path(base, suffix)).unwrap().len();
        assert!(len >= 80, "{len} bytes of {suffix}");
        for at in (0..len as u64).flat_map(|at| [(at, 0), (at, 3), (at, 7)]) {
            let mut scenario = stopped();
            scenario
                .disk
                .flip_bit(&scenario.path(base, suffix), at.0, at.1)
                .unwrap();
            scenario.disk.drop_cache();
            let restart = scenario.restart();
            assert_eq!(restart.damage, None, "{base} {suffix} {at:?}");
            all(&scenario, at.0);
        }
    }
}

#[test]
fn a_wrong_index_is_made_anew_in_its_file_once_it_is_met() {
    let mut scenario = stopped();
    let second = scenario.log.reader().segments()[1].base_offset();
    // An entry in the middle of each file, by a little: it still lies between the others.
    for base in [0, second] {
        scenario
            .disk
            .flip_bit(&scenario.path(base, INDEX), 5 * 8 + 7, 0)
            .unwrap();
    }
    scenario.disk.drop_cache();
    assert!(!verify::verify(&files(&scenario.disk)).unwrap().findings.is_empty());
    scenario.restart();
    all(&scenario, 1);
    let wrong = |scenario: &Scenario| {
        let findings = verify::verify(&files(&scenario.disk)).unwrap().findings;
        findings.iter().map(|finding| finding.file.clone()).collect::<Vec<_>>()
    };
    // The sealed one is; the active one is the writer's, who does so when it writes the index out.
    assert!(
        wrong(&scenario)
            .iter()
            .all(|file| file.contains(&format!("{second:020}")))
    );
    scenario.append_some(2);
    all(&scenario, 2);
    scenario.roll();
    scenario.append_some(2);
    scenario.flush().unwrap();
    all(&scenario, 3);
    assert_eq!(wrong(&scenario), Vec::<String>::new());
    scenario.commit(scenario.last());
    scenario.stop().unwrap();
    scenario.disk.kill(false);
    assert_eq!(scenario.restart().damage, None);
    all(&scenario, 4);
}

#[test]
fn damage_at_an_indexed_batch_is_damage_and_leaves_the_index_file() {
    let mut scenario = stopped();
    let start = scenario.entries[6].batch.as_ref().unwrap().start;
    assert_eq!(start.segment_base, 0);
    let before = read_file(&scenario.disk, &scenario.path(0, INDEX)).unwrap();
    scenario.restart();
    scenario
        .disk
        .flip_bit(&scenario.path(0, LOG), start.position + 16, 0)
        .unwrap();
    scenario.disk.drop_cache();
    let reader = scenario.log.reader();
    for _ in 0..2 {
        let error = reader.read(start.offset, reader.end(), 100).unwrap_err();
        assert!(
            matches!(&error, LogError::Damaged(damage) if damage.position == start.position),
            "{error}"
        );
    }
    assert!(reader.read(start.offset - 1, reader.end(), 100).unwrap().is_some());
    assert_eq!(read_file(&scenario.disk, &scenario.path(0, INDEX)).unwrap(), before);
}
