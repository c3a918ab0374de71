//! Rewriting, on a disk that keeps its promises; `crash_tests` has the others.

use std::thread;

use proptest::prelude::*;

use super::tests::{any_record, disk, group, open, power_cut, vote};
use super::*;
use crate::disk::simulated::Fault;

#[test]
fn a_mostly_dead_journal_is_rewritten() {
    let disk = disk(1);
    let (journal, _) = open(&disk).unwrap();
    let mut last = JournalPosition(0);
    let mut rewritten = 0;
    for term in 1..30_000 {
        let end = journal.append(&[(group((term % 5) as u8), vote(term, 1))]).unwrap();
        assert!(end > last);
        last = end;
        if journal.rewrite_if_mostly_dead().unwrap() {
            rewritten += 1;
            assert!(journal.synced() >= last, "what was written before is durable now");
            assert!(!journal.needs_sync());
        }
    }
    assert_eq!(rewritten, 1, "1.8 MiB were written");
    let names: Vec<_> = disk
        .list(Path::new("/data/journal"))
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    assert_eq!(names, ["00000000000000000002.journal"]);
    journal.sync().unwrap();
    let groups = journal.state.lock().mirror.groups.clone();
    power_cut(&disk);
    assert_eq!(open(&disk).unwrap().1.groups, groups);
}

#[test]
fn a_rewriting_that_fails_leaves_the_old_file() {
    let new = Path::new("/data/journal/00000000000000000002.journal");
    for fault in [Fault::NoSpace, Fault::WriteError, Fault::SyncDataError] {
        let disk = disk(1);
        let (journal, _) = open(&disk).unwrap();
        journal.append(&[(group(1), vote(1, 1))]).unwrap();
        disk.fail_next(fault, new, 1);
        assert!(journal.rewrite().is_err(), "{fault:?}");
        journal.append(&[(group(1), vote(2, 1))]).unwrap();
        journal.sync().unwrap();
        assert!(journal.rewrite().unwrap(), "{fault:?}");
        power_cut(&disk);
        assert_eq!(open(&disk).unwrap().1.groups[&group(1)].hard_state.term, 2);
    }
}

#[test]
fn appends_syncs_and_rewritings_go_on_together() {
    let disk = disk(1);
    let (journal, _) = open(&disk).unwrap();
    thread::scope(|scope| {
        for number in 0..4 {
            let journal = &journal;
            scope.spawn(move || {
                for term in 1..=200 {
                    let end = journal.append(&[(group(number), vote(term, 1))]).unwrap();
                    assert!(journal.sync().unwrap() >= end);
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..50 {
                journal.rewrite().unwrap();
            }
        });
    });
    power_cut(&disk);
    let (_, recovered) = open(&disk).unwrap();
    assert!((0..4).all(|number| recovered.groups[&group(number)].hard_state.term == 200));
}

#[test]
fn a_sync_of_the_old_file_says_nothing_of_the_new_one() {
    let disk = disk(1);
    let (journal, _) = open(&disk).unwrap();
    for term in 1..100 {
        journal.append(&[(group(1), vote(term, 1))]).unwrap();
    }
    let covers = journal.state.lock().begin_sync();
    let new = journal.build(&journal.begin_rewriting().unwrap().unwrap()).unwrap();
    assert!(journal.switch_to(new).unwrap());
    let result = covers.file.sync_data();
    let synced = journal.state.lock().end_sync(covers, result).unwrap();
    assert!(synced < journal.written() && journal.needs_sync());
    journal.append(&[(group(1), vote(100, 1))]).unwrap();
    journal.sync().unwrap();
    power_cut(&disk);
    assert_eq!(open(&disk).unwrap().1.groups[&group(1)].hard_state.term, 100);
}

proptest! {
    #[test]
    fn the_live_state_says_the_same_as_all_records(records in prop::collection::vec((0u8..3, any_record()), 0..60)) {
        let mut mirror = Mirror::default();
        for (number, record) in &records {
            let mut bytes = Vec::new();
            record.encode(group(*number), &mut bytes);
            prop_assert_eq!(bytes.len(), record.size());
            mirror.apply_write(&bytes).unwrap();
            for state in mirror.groups.values() {
                prop_assert!(state.entries.is_sorted_by(|a, b| a.index < b.index));
            }
        }
        let live = mirror.live();
        prop_assert_eq!(live.iter().map(Vec::len).sum::<usize>(), mirror.live_bytes());
        let mut again = Mirror::default();
        for write in &live {
            again.apply_write(write).unwrap();
        }
        prop_assert_eq!(again, mirror);
    }
}
