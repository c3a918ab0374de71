//! Damage is found, below it all can be read, and a repair opens the partition again.

use super::super::*;
use super::model::check;
use super::scenario::{GROUP, Scenario, dir, files, open};
use crate::disk::Disk;
use crate::disk::simulated::Keep;
use crate::journal::Record;

/// Two segments, stopped in order, and one bit flipped in the batch of this index.
fn flipped(index: u64, at: u64) -> Scenario {
    let config = LogConfig {
        index_interval_bytes: 0,
        ..LogConfig::default()
    };
    let mut scenario = Scenario::with_two_segments(config);
    scenario.commit(7);
    scenario.stop().unwrap();
    scenario.disk.kill(false);
    let start = scenario.entries[index as usize - 1].batch.as_ref().unwrap().start;
    let path = scenario.path(start.segment_base, LOG);
    scenario.disk.flip_bit(&path, start.position + at, 3).unwrap();
    scenario.disk.drop_cache();
    scenario
}

/// Repairs, opens again, and goes on.
pub(super) fn repair(scenario: &mut Scenario, damage: Option<&Damage>) -> repair::RepairPlan {
    let files = files(&scenario.disk);
    let arc: std::sync::Arc<dyn Disk> = files.disk.clone();
    let (journal, found) = crate::journal::Journal::open(arc, &super::scenario::data_dir()).unwrap();
    let group = found.groups.get(&GROUP).cloned().unwrap_or_default();
    let plan = repair::plan(&files, &group, damage).unwrap().expect("there is damage");
    plan.apply(&files).unwrap();
    let records: Vec<_> = plan.records.iter().map(|record| (GROUP, record.clone())).collect();
    journal.append(&records).unwrap();
    journal.sync().unwrap();
    let opened = open(&scenario.disk, &scenario.config, scenario.now_ms).unwrap();
    assert_eq!(opened.recovered.damage, None);
    assert_eq!(opened.recovered.log.end(), plan.end);
    let cut = Record::Cut {
        from_index: opened.recovered.last_index + 1,
    };
    assert!(plan.lost_before.is_some() || plan.records.contains(&cut));
    scenario.committed = scenario.committed.min(opened.recovered.last_index);
    scenario.reopen(opened);
    plan
}

#[test]
fn verify_finds_a_flipped_bit_anywhere_in_a_batch() {
    for index in [2, 4, 5, 7] {
        for at in [8, 11, 16, 18, 22, 60, 100] {
            let scenario = flipped(index, at);
            let damage = verify::verify(&files(&scenario.disk)).unwrap().damage.unwrap();
            assert_eq!(damage.offset, index as i64 - 2, "byte {at} of entry {index}");
        }
    }
    // Offset and epoch are outside the CRC, and the batches around tell.
    for at in [0, 7, 12, 15] {
        let scenario = flipped(3, at);
        let damage = verify::verify(&files(&scenario.disk)).unwrap().damage.unwrap();
        assert!([1, 2].contains(&damage.offset) || at < 8, "byte {at}");
    }
}

#[test]
fn an_offset_that_leaps_up_is_damage_at_its_batch_and_a_repair_cuts_there() {
    for index in 2..=7 {
        for at in 0..8 {
            let mut scenario = flipped(index, at);
            let offset = index as i64 - 2;
            let damage = verify::verify(&files(&scenario.disk)).unwrap().damage.unwrap();
            assert_eq!(damage.offset, offset, "byte {at} of entry {index}");
            let plan = repair(&mut scenario, None);
            assert_eq!(
                (plan.end.offset, plan.lost_until),
                (offset, 6),
                "byte {at} of entry {index}"
            );
            check::content(&scenario, offset);
            scenario.begin_epoch().unwrap();
            scenario.append_some(2);
            scenario.flush().unwrap();
            scenario.disk.kill(false);
            assert_eq!(scenario.restart().damage, None);
            check::content(&scenario, offset + 2);
        }
    }
}

#[test]
fn a_missing_segment_is_a_gap_and_a_repair_cuts_before_it() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    scenario.roll();
    scenario.append_some(3);
    scenario.flush().unwrap();
    scenario.commit(10);
    scenario.stop().unwrap();
    scenario.disk.kill(false);
    scenario.disk.remove_file(&scenario.path(3, LOG)).unwrap();
    let verified = verify::verify(&files(&scenario.disk)).unwrap();
    assert_eq!(verified.gap, Some((3, 6)));
    let damage = verified.damage.unwrap();
    assert_eq!((damage.offset, damage.position), (3, 0));
    assert!(
        damage.reason.contains("the offsets from 3 to 5 are missing"),
        "{damage}"
    );
    let plan = repair(&mut scenario, None);
    assert_eq!((plan.end.offset, plan.lost_until), (3, 9));
    check::content(&scenario, 3);
}

/// What a verification says beside the journal, which it only reads.
fn journaled(scenario: &Scenario, stop: StopKind) -> verify::Verified {
    let files = files(&scenario.disk);
    let journal = crate::journal::Journal::inspect(&*files.disk, &super::scenario::data_dir());
    let group = journal.unwrap().unwrap().groups.get(&GROUP).cloned().unwrap();
    verify::verify_journaled(&files, &group, stop).unwrap()
}

#[test]
fn what_the_journal_vouches_for_and_is_gone_is_damage_though_all_that_is_there_is_whole() {
    let stopped = || {
        let mut scenario = Scenario::with_two_segments(LogConfig::default());
        scenario.stop().unwrap();
        scenario.disk.kill(false);
        scenario
    };
    assert_eq!(journaled(&stopped(), StopKind::Clean).damage, None);
    // Cut between two batches.
    let scenario = stopped();
    let start = scenario.entries[6].batch.as_ref().unwrap().start;
    let file = scenario.disk.open(&scenario.path(3, LOG)).unwrap();
    file.set_len(start.position).unwrap();
    assert_eq!(verify::verify(&files(&scenario.disk)).unwrap().damage, None);
    for stop in [StopKind::Clean, StopKind::Killed, StopKind::Rebooted] {
        let damage = journaled(&scenario, stop).damage.unwrap();
        assert_eq!((damage.offset, damage.position), (start.offset, start.position));
        assert!(damage.reason.contains("synced up to offset 6"), "{damage}");
    }
    // Without its last segment, its first, or any.
    for (bases, offset) in [(&[3][..], 3), (&[0], 0), (&[0, 3], 0)] {
        let scenario = stopped();
        for &base in bases {
            scenario.disk.remove_file(&scenario.path(base, LOG)).unwrap();
        }
        let verified = journaled(&scenario, StopKind::Clean);
        assert_eq!(verified.damage.unwrap().offset, offset);
        assert_eq!(verified.gap, (bases == [0]).then_some((0, 3)));
    }
    let scenario = stopped();
    scenario.disk.remove_dir_all(&dir()).unwrap();
    assert_eq!(journaled(&scenario, StopKind::Clean).damage.unwrap().offset, 0);
}

#[test]
fn a_log_that_lost_its_beginning_begins_later_after_a_repair() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    scenario.commit(7);
    scenario.stop().unwrap();
    scenario.disk.kill(false);
    scenario.disk.remove_file(&scenario.path(0, LOG)).unwrap();
    assert_eq!(journaled(&scenario, StopKind::Clean).gap, Some((0, 3)));
    scenario.starts.push(3);
    let plan = repair(&mut scenario, None);
    assert_eq!(plan.end.offset, 6);
    assert_eq!((plan.lost_before, plan.lost_until), (Some(3), 3));
    assert_eq!(scenario.log.reader().start_offset(), 3);
    check::content(&scenario, 6);
    let verified = journaled(&scenario, StopKind::Clean);
    assert_eq!((verified.damage, verified.gap, verified.batches), (None, None, 3));
    scenario.begin_epoch().unwrap();
    scenario.append_some(2);
    scenario.flush().unwrap();
    scenario.disk.kill(false);
    assert_eq!(scenario.restart().damage, None);
    check::content(&scenario, 8);
}

#[test]
fn a_wrong_epoch_is_found_at_its_batch_and_a_repair_cuts_there() {
    for index in 2..=7 {
        for at in 12..16 {
            let mut scenario = flipped(index, at);
            let offset = index as i64 - 2;
            let damage = journaled(&scenario, StopKind::Clean).damage.unwrap();
            assert_eq!(damage.offset, offset, "byte {at} of entry {index}");
            assert_eq!(repair(&mut scenario, None).end.offset, offset);
            check::content(&scenario, offset);
        }
    }
}

#[test]
fn what_is_torn_above_the_mark_is_left_to_the_next_start() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    scenario.append_some(2);
    scenario.disk.kill(false);
    let last = scenario.entries[8].batch.as_ref().unwrap().clone();
    let file = scenario.disk.open(&scenario.path(3, LOG)).unwrap();
    file.set_len(last.start.position + 80).unwrap();
    for stop in [StopKind::Killed, StopKind::Rebooted] {
        let verified = journaled(&scenario, stop);
        assert_eq!((verified.damage, verified.next_offset), (None, 7));
        assert_eq!(verified.torn_tail.unwrap().offset, 7);
    }
    assert_eq!(journaled(&scenario, StopKind::Clean).damage.unwrap().offset, 7);
    // A bad batch in the middle is no write that a kill cut off.
    file.sync_data().unwrap();
    let before = scenario.entries[7].batch.as_ref().unwrap().start;
    scenario
        .disk
        .flip_bit(&scenario.path(3, LOG), before.position + 100, 1)
        .unwrap();
    scenario.disk.drop_cache();
    assert_eq!(journaled(&scenario, StopKind::Killed).damage.unwrap().offset, 6);
    assert_eq!(journaled(&scenario, StopKind::Rebooted).torn_tail.unwrap().offset, 6);
}

#[test]
fn verify_tells_of_wrong_indexes_and_snapshots_and_does_not_call_them_damage() {
    let scenario = flipped(5, 0);
    scenario.disk.flip_bit(&scenario.path(3, LOG), 0, 3).unwrap();
    scenario.disk.drop_cache();
    let files = files(&scenario.disk);
    let verified = verify::verify(&files).unwrap();
    assert_eq!((verified.damage, verified.findings.len()), (None, 0));
    for (offset, suffix, at) in [(0, INDEX, 7), (0, TIME_INDEX, 7), (6, SNAPSHOT, 3)] {
        scenario.disk.flip_bit(&scenario.path(offset, suffix), at, 0).unwrap();
        scenario.disk.drop_cache();
        let verified = verify::verify(&files).unwrap();
        assert_eq!(verified.damage, None);
        assert!(!verified.findings.is_empty(), "{suffix}");
        scenario.disk.flip_bit(&scenario.path(offset, suffix), at, 0).unwrap();
    }
}

#[test]
fn after_a_repair_everything_below_is_there_and_appends_go_on() {
    for index in 2..=7 {
        let mut scenario = flipped(index, 100);
        let plan = repair(&mut scenario, None);
        let offset = index as i64 - 2;
        assert_eq!((plan.end.offset, plan.lost_until), (offset, 6));
        check::content(&scenario, offset);
        check::state(&scenario, true);
        scenario.begin_epoch().unwrap();
        scenario.append_some(3);
        scenario.flush().unwrap();
        scenario.power_cut(Keep::Nothing);
        let restart = scenario.restart();
        assert_eq!((restart.damage, restart.last_index), (None, index - 1 + 4));
        check::content(&scenario, offset + 3);
        let verified = verify::verify(&files(&scenario.disk)).unwrap();
        assert_eq!((verified.damage, verified.findings), (None, vec![]));
    }
}

#[test]
fn a_repair_of_a_partition_without_its_files_goes_on_behind_them() {
    for is_all in [false, true] {
        let mut scenario = Scenario::with_two_segments(LogConfig::default());
        scenario.disk.kill(false);
        match is_all {
            true => scenario.disk.remove_dir_all(&dir()).unwrap(),
            false => scenario.disk.remove_file(&scenario.path(3, LOG)).unwrap(),
        }
        let damage = scenario.restart().damage.unwrap();
        let files = files(&scenario.disk);
        let group = scenario.journal.group(GROUP).unwrap();
        let plan = repair::plan(&files, &group, Some(&damage)).unwrap().unwrap();
        assert_eq!((plan.end.offset, plan.lost_until), (3, 6));
        plan.apply(&files).unwrap();
        let (journal, _) = crate::journal::Journal::open(files.disk.clone(), &super::scenario::data_dir()).unwrap();
        let records: Vec<_> = plan.records.iter().map(|record| (GROUP, record.clone())).collect();
        journal.append(&records).unwrap();
        journal.sync().unwrap();
        let opened = open(&scenario.disk, &scenario.config, 0).unwrap();
        assert_eq!(opened.recovered.damage, None);
        assert_eq!(opened.recovered.log.end().offset, 3);
        assert_eq!(opened.recovered.last_index, if is_all { 7 } else { 4 });
    }
}

#[test]
fn a_sound_partition_has_nothing_to_repair() {
    let scenario = Scenario::with_two_segments(LogConfig::default());
    let group = scenario.journal.group(GROUP).unwrap();
    assert_eq!(repair::plan(&files(&scenario.disk), &group, None).unwrap(), None);
}

/// Reads the log through in steps; what the last one saw.
fn scrub(reader: &LogReader, limit: LogPosition, budget: u64) -> (u64, Scrubbed) {
    let (mut scrub, mut bytes) = (Scrub::default(), 0);
    loop {
        match scrub.step(reader, limit, budget).unwrap() {
            Scrubbed::More(more) => bytes += more,
            seen => return (bytes, seen),
        }
    }
}

#[test]
fn the_scrub_reads_all_below_its_limit_and_finds_a_flipped_bit() {
    let mut found = 0;
    for index in [2, 4, 5, 7] {
        for at in [8, 11, 16, 18, 22, 60, 100] {
            let mut scenario = flipped(index, at);
            let opened = open(&scenario.disk, &scenario.config, scenario.now_ms).unwrap();
            if opened.recovered.damage.is_some() {
                continue;
            }
            found += 1;
            scenario.reopen(opened);
            let start = scenario.entries[index as usize - 1].batch.as_ref().unwrap().start;
            let reader = scenario.log.reader().clone();
            for budget in [1, 150, u64::MAX] {
                let (bytes, Scrubbed::Damaged(damage, end)) = scrub(&reader, reader.end(), budget) else {
                    panic!("byte {at} of entry {index} is not found");
                };
                assert_eq!((damage.position, damage.offset), (start.position, start.offset));
                assert_eq!((end.segment_base, end.position), (start.segment_base, start.position));
                assert!(bytes <= start.position + 10_000);
                // Below the damage all is well.
                assert!(matches!(scrub(&reader, start, budget).1, Scrubbed::End(_)));
            }
            // From now on it can be read up to the damage only.
            let (_, Scrubbed::Damaged(damage, end)) = scrub(&reader, reader.end(), 1) else {
                unreachable!()
            };
            let consumed = reader.end();
            scenario.log.quarantine_noted(damage.clone(), end);
            for offset in [start.offset, consumed.offset, consumed.offset + 1] {
                assert!(
                    matches!(reader.read(offset, end, 100), Err(LogError::Damaged(_))),
                    "{offset}"
                );
            }
            if start.offset > 0 {
                assert!(reader.read(0, end, u64::MAX).unwrap().is_some());
            }
        }
    }
    assert!(found >= 10, "the start finds most of it: {found}");
}

#[test]
fn damage_that_the_scrub_found_is_known_to_the_next_start_until_it_is_repaired_or_reads_right() {
    let mut scenario = flipped(2, 60);
    let opened = open(&scenario.disk, &scenario.config, scenario.now_ms).unwrap();
    assert_eq!(opened.recovered.damage, None, "the start does not read there");
    scenario.reopen(opened);
    let reader = scenario.log.reader().clone();
    let (_, Scrubbed::Damaged(damage, end)) = scrub(&reader, reader.end(), 100) else {
        panic!("the scrub does not find it")
    };
    scenario.log.quarantine_noted(damage.clone(), end);
    let path = scenario.path(end.segment_base, LOG);
    let again = open(&scenario.disk, &scenario.config, scenario.now_ms)
        .unwrap()
        .recovered;
    assert_eq!(again.damage, Some(damage.clone()));
    assert_eq!(again.log.end(), end);
    // The bit as it was.
    scenario.disk.flip_bit(&path, end.position + 60, 3).unwrap();
    scenario.disk.drop_cache();
    let mended = open(&scenario.disk, &scenario.config, scenario.now_ms)
        .unwrap()
        .recovered;
    assert_eq!(mended.damage, None);
    assert!(scenario.disk.open(&dir().join(DAMAGE)).is_err());
}

#[test]
fn the_scrub_finds_a_segment_that_is_gone() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    scenario.commit(7);
    scenario.log.roll(0).unwrap();
    let reader = scenario.log.reader().clone();
    let end = reader.end();
    assert!(matches!(scrub(&reader, end, 1).1, Scrubbed::End(_)));
    let mut kept = reader.segments().to_vec();
    assert_eq!(kept.len(), 3);
    let gone = kept.remove(1);
    scenario.log.swap_segments(kept);
    let (_, Scrubbed::Damaged(damage, at)) = scrub(&reader, end, 1) else {
        panic!("it is not missed")
    };
    assert_eq!((damage.offset, at.offset), (gone.base_offset(), gone.base_offset()));
}

/// An epoch outside the CRC that was flipped: the scrub notes it, the next start forgets it.
#[test]
fn a_noted_wrong_epoch_is_known_to_the_next_start() {
    let mut forgotten = Vec::new();
    for at in 12..16 {
        for index in [2, 3, 4, 5] {
            let mut scenario = flipped(index, at);
            let opened = open(&scenario.disk, &scenario.config, scenario.now_ms).unwrap();
            if opened.recovered.damage.is_some() {
                continue;
            }
            scenario.reopen(opened);
            let reader = scenario.log.reader().clone();
            let (_, Scrubbed::Damaged(damage, end)) = scrub(&reader, reader.end(), 100) else {
                forgotten.push((at, index, "the scrub does not see it".to_string()));
                continue;
            };
            scenario.log.quarantine_noted(damage.clone(), end);
            let again = open(&scenario.disk, &scenario.config, scenario.now_ms)
                .unwrap()
                .recovered;
            if again.damage.is_none() {
                forgotten.push((at, index, damage.to_string()));
            }
        }
    }
    assert!(forgotten.is_empty(), "forgotten: {forgotten:#?}");
}

/// A gap was noted, the operator puts the file back.
#[test]
fn a_noted_gap_goes_when_the_segment_is_back() {
    let mut scenario = Scenario::with_two_segments(LogConfig::default());
    scenario.roll();
    scenario.append_some(3);
    scenario.flush().unwrap();
    scenario.commit(10);
    let reader = scenario.log.reader().clone();
    let end = reader.end();
    let all = reader.segments().to_vec();
    let mut kept = all.clone();
    kept.remove(1);
    scenario.log.swap_segments(kept);
    let (_, Scrubbed::Damaged(damage, at)) = scrub(&reader, end, 1) else {
        panic!("it is not missed")
    };
    scenario.log.swap_segments(all);
    scenario.log.quarantine_noted(damage, at);
    scenario.disk.kill(false);
    // The files are all there and whole: verify and repair say so.
    let group = scenario.journal.group(GROUP).unwrap();
    assert_eq!(journaled(&scenario, StopKind::Killed).damage, None);
    assert_eq!(repair::plan(&files(&scenario.disk), &group, None).unwrap(), None);
    let again = open(&scenario.disk, &scenario.config, scenario.now_ms)
        .unwrap()
        .recovered;
    assert_eq!(again.damage, None, "still quarantined, and repair does nothing");
}

/// The segment was restored from a shorter copy, or lost its end.
#[test]
fn a_note_behind_the_end_of_its_segment_does_not_panic() {
    let mut scenario = flipped(7, 60);
    let opened = open(&scenario.disk, &scenario.config, scenario.now_ms).unwrap();
    if opened.recovered.damage.is_none() {
        scenario.reopen(opened);
    }
    let start = scenario.entries[6].batch.as_ref().unwrap().start;
    let damage = Damage {
        file: "x".into(),
        position: start.position,
        offset: start.offset,
        reason: "flipped".into(),
    };
    scenario.log.quarantine_noted(damage, start);
    let file = scenario.disk.open(&scenario.path(3, LOG)).unwrap();
    file.set_len(start.position - 10).unwrap();
    file.sync_data().unwrap();
    scenario.disk.drop_cache();
    let again = open(&scenario.disk, &scenario.config, scenario.now_ms)
        .unwrap()
        .recovered;
    assert!(again.damage.is_some());
}
