use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::frame::{HEAD, HEADER};
use super::*;
use crate::disk::simulated::{CrashOptions, Fault, Keep, SimulatedDisk};
use crate::disk::{read_file, write_all_at};

pub(super) const DIR: &str = "/data";
const FIRST_FILE: &str = "/data/journal/00000000000000000001.journal";

pub(super) fn disk(seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

pub(super) fn open(disk: &SimulatedDisk) -> Result<(Journal, RecoveredJournal), JournalError> {
    Journal::open(Arc::new(disk.clone()), Path::new(DIR))
}

/// Everything that was not synced is gone.
pub(super) fn power_cut(disk: &SimulatedDisk) {
    disk.crash(CrashOptions {
        data: Keep::Nothing,
        names: Keep::Nothing,
    });
}

pub(super) fn group(number: u8) -> GroupId {
    GroupId {
        topic_id: Uuid::from_bytes([number; 16]),
        partition: 0,
    }
}

pub(super) fn vote(term: u64, vote: u64) -> Record {
    Record::HardState(HardState { term, vote })
}

fn entry(index: u64, term: u64) -> Record {
    let (kind, payload) = (EntryKind::ConfChange, Bytes::from_static(b"change"));
    Record::Entry(RaftEntry {
        index,
        term,
        next_offset: index as i64,
        kind,
        payload,
    })
}

fn anchor(segment_base: i64, index: u64) -> Record {
    Record::Anchor(Anchor {
        segment_base,
        index,
        term_before: 3,
        commit: index,
        applied: index,
    })
}

fn mark(next_offset: i64, last_index: u64) -> Record {
    Record::SyncedMark(SyncedMark {
        segment_base: 0,
        position: 9,
        next_offset,
        last_index,
    })
}

fn checkpoint(commit: u64) -> Record {
    let membership = Bytes::from_static(b"members");
    Record::Checkpoint(Checkpoint {
        commit,
        applied: commit,
        membership,
        membership_index: 1,
    })
}

fn indexes(state: &GroupState) -> Vec<u64> {
    state.entries.iter().map(|entry| entry.index).collect()
}

#[test]
fn the_file_is_as_drawn() {
    let disk = disk(1);
    let (journal, recovered) = open(&disk).unwrap();
    assert_eq!(
        recovered,
        RecoveredJournal {
            is_new: true,
            groups: BTreeMap::new(),
            last_boot_id: None,
            clean_shutdown: false
        }
    );
    journal.append(&[(group(7), vote(5, 2))]).unwrap();
    let file = read_file(&disk, Path::new(FIRST_FILE)).unwrap();
    let mut expected = b"weirjrnl\0\0\0\x01\0\0\0\0\0\0\0\x01".to_vec();
    expected.extend_from_slice(&crc32c::crc32c(&expected).to_be_bytes());
    let mut write = |position: u64, synced_end: u64, records: &[u8]| {
        let mut counted = position.to_be_bytes().to_vec();
        counted.extend_from_slice(&synced_end.to_be_bytes());
        counted.extend_from_slice(records);
        expected.extend_from_slice(&(counted.len() as u32).to_be_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&1u64.to_be_bytes()), &counted);
        expected.extend_from_slice(&crc.to_be_bytes());
        expected.extend_from_slice(&counted);
    };
    write(24, 0, &[18]);
    let mut record = vec![1];
    record.extend_from_slice(&[7; 16]);
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 2]);
    write(49, 49, &record);
    assert_eq!(file, expected);
}

#[test]
fn what_is_synced_survives_and_the_rest_is_cut() {
    let disk = disk(1);
    let (journal, _) = open(&disk).unwrap();
    let records = [
        (group(1), vote(5, 2)),
        (group(1), entry(1, 5)),
        (group(1), anchor(0, 1)),
        (group(1), checkpoint(1)),
        (group(1), mark(40, 9)),
        (group(2), vote(1, 1)),
    ];
    let end = journal.append(&records).unwrap();
    assert!(journal.needs_sync() && journal.synced() < end);
    assert_eq!(journal.sync().unwrap(), end);
    assert!(!journal.needs_sync());
    journal.append(&[(group(1), vote(6, 2))]).unwrap();
    power_cut(&disk);
    let (journal, recovered) = open(&disk).unwrap();
    let state = &recovered.groups[&group(1)];
    assert_eq!(state.hard_state, HardState { term: 5, vote: 2 });
    assert_eq!(indexes(state), [1]);
    assert_eq!(state.entries[0].payload, &b"change"[..]);
    assert_eq!(state.anchors[&0].term_before, 3);
    assert_eq!(state.checkpoint.as_ref().unwrap().membership, &b"members"[..]);
    assert_eq!(state.synced_mark.unwrap().next_offset, 40);
    assert_eq!(recovered.groups.len(), 2);
    assert_eq!(journal.group(group(1)).as_ref(), Some(state));
    assert!(journal.group(group(9)).is_none());
}

#[test]
fn cuts_and_dropped_anchors_take_along_what_they_end() {
    let (journal, _) = open(&disk(1)).unwrap();
    let g = group(1);
    let append = |records: &[Record]| {
        journal
            .append(&records.iter().map(|record| (g, record.clone())).collect::<Vec<_>>())
            .unwrap();
        journal.group(g).unwrap_or_default()
    };
    append(&[
        entry(1, 1),
        entry(5, 2),
        entry(9, 3),
        anchor(0, 1),
        anchor(40, 7),
        anchor(90, 9),
        mark(95, 11),
    ]);
    let state = append(&[Record::Cut { from_index: 9 }]);
    assert_eq!(indexes(&state), [1, 5]);
    assert_eq!(state.anchors.keys().copied().collect::<Vec<_>>(), [0, 40]);
    assert_eq!(state.synced_mark, None);
    assert_eq!(
        indexes(&append(&[entry(9, 4), entry(12, 5), entry(10, 6)])),
        [1, 5, 9, 10],
        "an entry replaces"
    );
    let state = append(&[Record::AnchorsDropped { below: 40 }]);
    assert_eq!((indexes(&state), state.anchors.len()), (vec![9, 10], 1));
    let state = append(&[Record::AnchorsDropped { below: 50 }]);
    assert_eq!(
        (indexes(&state), state.anchors.len()),
        (vec![9, 10], 0),
        "nothing says how far the log goes"
    );
    append(&[Record::GroupRemoved]);
    assert_eq!(journal.group(g), None);
    assert_eq!(journal.state.lock().mirror.live_bytes(), 0);
}

#[test]
fn lazy_appends_wait_for_the_next_sync() {
    let (journal, _) = open(&disk(1)).unwrap();
    assert_eq!(journal.lazy_since(), None);
    journal.append_lazily(&[(group(1), mark(5, 5))], 1000).unwrap();
    let end = journal.append_lazily(&[(group(1), mark(6, 6))], 1500).unwrap();
    assert!(!journal.needs_sync());
    assert_eq!(journal.lazy_since(), Some(1000));
    journal.append(&[(group(1), vote(1, 1))]).unwrap();
    assert!(journal.needs_sync());
    assert!(journal.sync().unwrap() > end);
    assert_eq!((journal.needs_sync(), journal.lazy_since()), (false, None));
    journal.append_lazily(&[(group(1), mark(7, 7))], 2000).unwrap();
    assert_eq!((journal.needs_sync(), journal.lazy_since()), (false, Some(2000)));
    journal.hurry();
    assert!(journal.needs_sync());
    journal.sync().unwrap();
    assert_eq!((journal.needs_sync(), journal.lazy_since()), (false, None));
}

#[test]
fn a_full_disk_is_no_poison() {
    let disk = disk(1);
    let (journal, _) = open(&disk).unwrap();
    let before = journal.append(&[(group(1), vote(1, 1))]).unwrap();
    disk.fail_next(Fault::ShortWrite, Path::new(FIRST_FILE), 1);
    disk.set_capacity(Some(disk_used(&disk) + 30));
    let error = journal.append(&[(group(1), vote(2, 2))]).unwrap_err();
    assert!(
        matches!(error, JournalError::Io { ref source, .. } if source.kind() == io::ErrorKind::StorageFull),
        "{error}"
    );
    assert_eq!(journal.written(), before);
    assert_eq!(journal.group(group(1)).unwrap().hard_state.term, 1);
    disk.set_capacity(None);
    journal.append(&[(group(1), vote(3, 3))]).unwrap();
    journal.sync().unwrap();
    power_cut(&disk);
    assert_eq!(open(&disk).unwrap().1.groups[&group(1)].hard_state.term, 3);
}

fn disk_used(disk: &SimulatedDisk) -> u64 {
    read_file(disk, Path::new(FIRST_FILE)).unwrap().len() as u64
}

#[test]
fn a_failed_sync_is_final() {
    let disk = disk(1);
    let (journal, _) = open(&disk).unwrap();
    journal.append(&[(group(1), vote(1, 1))]).unwrap();
    disk.fail_next(Fault::SyncDataError, Path::new(FIRST_FILE), 1);
    assert!(matches!(
        journal.sync(),
        Err(JournalError::Io { operation: "sync", .. })
    ));
    assert!(matches!(journal.sync(), Err(JournalError::Poisoned { .. })));
    assert!(matches!(
        journal.append(&[(group(1), vote(2, 1))]),
        Err(JournalError::Poisoned { .. })
    ));
    assert!(matches!(journal.rewrite(), Err(JournalError::Poisoned { .. })));
    // The page cache may still show what the disk never got.
    disk.set_failed_sync_keeps(Keep::Nothing);
    disk.kill(false);
    open(&disk).unwrap();
}

#[test]
fn good_pages_over_a_bad_disk_are_not_believed() {
    let disk = disk(1);
    disk.set_failed_sync_keeps(Keep::Nothing);
    let (journal, _) = open(&disk).unwrap();
    journal.append(&[(group(1), vote(1, 1))]).unwrap();
    disk.fail_next(Fault::SyncDataError, Path::new(FIRST_FILE), 1);
    journal.sync().unwrap_err();
    disk.kill(false);
    let (journal, recovered) = open(&disk).unwrap();
    assert!(recovered.groups.is_empty());
    journal.append(&[(group(1), vote(2, 1))]).unwrap();
    journal.sync().unwrap();
    power_cut(&disk);
    assert_eq!(open(&disk).unwrap().1.groups[&group(1)].hard_state.term, 2);
}

#[test]
fn a_write_that_cannot_be_taken_back_is_final() {
    let disk = disk(1);
    let (journal, _) = open(&disk).unwrap();
    disk.halt_at(disk.operations() + 1);
    assert!(matches!(
        journal.append(&[(group(1), vote(1, 1))]),
        Err(JournalError::Io { operation: "write", .. })
    ));
    assert!(matches!(
        journal.append(&[(group(1), vote(1, 1))]),
        Err(JournalError::Poisoned { .. })
    ));
}

#[test]
fn a_clean_shutdown_is_the_last_word() {
    let disk = disk(1);
    let (journal, _) = open(&disk).unwrap();
    journal.started("boot 1").unwrap();
    journal.append(&[(group(1), vote(1, 1))]).unwrap();
    journal.stopped().unwrap();
    power_cut(&disk);
    for _ in 0..2 {
        let (journal, recovered) = open(&disk).unwrap();
        assert_eq!(
            (recovered.last_boot_id.as_deref(), recovered.clean_shutdown),
            (Some("boot 1"), true)
        );
        assert!(journal.rewrite().unwrap(), "rewriting keeps it");
        power_cut(&disk);
    }
    let (journal, _) = open(&disk).unwrap();
    journal.append_lazily(&[(group(1), mark(1, 1))], 0).unwrap();
    journal.sync().unwrap();
    power_cut(&disk);
    let (journal, recovered) = open(&disk).unwrap();
    assert!(!recovered.clean_shutdown);
    assert!(matches!(
        journal.started(&"x".repeat(256)),
        Err(JournalError::TooLarge { .. })
    ));
    assert_eq!(open(&disk).unwrap().1.last_boot_id.as_deref(), Some("boot 1"));
}

#[test]
fn every_flipped_bit_below_the_synced_end_is_damage() {
    let disk = disk(1);
    let (journal, _) = open(&disk).unwrap();
    journal
        .append(&[(group(1), vote(1, 1)), (group(2), entry(1, 1))])
        .unwrap();
    journal.append(&[(group(1), vote(2, 1))]).unwrap();
    let synced = journal.sync().unwrap().0;
    journal.append(&[(group(1), vote(3, 1))]).unwrap();
    let end = journal.sync().unwrap().0;
    for position in 0..end {
        let copy = copy_of(&disk);
        copy.flip_bit(Path::new(FIRST_FILE), position, (position % 8) as u8)
            .unwrap();
        match open(&copy) {
            Err(JournalError::Damaged {
                position: at,
                synced_end,
                ..
            }) => {
                assert!(
                    position < synced && at <= position && synced_end == synced,
                    "{position}: {at} {synced_end}"
                );
            }
            Err(error) => panic!("{position}: {error}"),
            Ok((_, recovered)) => {
                assert!(position >= synced, "{position}");
                assert_eq!(recovered.groups[&group(1)].hard_state.term, 2);
            }
        }
    }
}

/// A disk with the same first generation, synced.
fn copy_of(disk: &SimulatedDisk) -> SimulatedDisk {
    let content = read_file(disk, Path::new(FIRST_FILE)).unwrap();
    with_files(&[(1, &content)])
}

fn with_files(files: &[(u64, &[u8])]) -> SimulatedDisk {
    let disk = disk(1);
    let dir = Path::new("/data/journal");
    disk.create_dir_all(dir).unwrap();
    for (generation, content) in files {
        let file = disk.create(&recovery::file_path(dir, *generation)).unwrap();
        write_all_at(&*file, &[content], 0).unwrap();
        file.sync_data().unwrap();
    }
    disk.sync_dir(dir).unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    disk
}

#[test]
fn a_first_start_that_died_is_begun_again_but_no_journal_is_lost() {
    let mut whole = frame::header(1).to_vec();
    whole.extend_from_slice(&frame::head(1, HEADER as u64, 0, &[18]));
    whole.push(18);
    for len in 0..=whole.len() {
        let (journal, _) = open(&with_files(&[(1, &whole[..len])])).unwrap();
        journal.append(&[(group(1), vote(1, 1))]).unwrap();
        journal.sync().unwrap();
    }
    whole[HEADER] ^= 1;
    let longer = [&whole[..], &[0]].concat();
    for files in [
        &[(1, &longer[..])][..],
        &[(2, &whole[..0])][..],
        &[(1, &whole[..3]), (2, &whole[..3])][..],
    ] {
        assert!(
            matches!(open(&with_files(files)), Err(JournalError::NoWholeGeneration { .. })),
            "{files:?}"
        );
    }
}

#[test]
fn what_a_later_version_wrote_is_not_skipped() {
    let mut header = frame::header(1);
    header[11] = 2;
    let crc = crc32c::crc32c(&header[..20]);
    header[20..].copy_from_slice(&crc.to_be_bytes());
    assert!(matches!(
        open(&with_files(&[(1, &header)])),
        Err(JournalError::Version { found: 2, .. })
    ));
    let mut file = frame::header(1).to_vec();
    let body = [99; 40];
    file.extend_from_slice(&frame::head(1, HEADER as u64, 0, &body));
    file.extend_from_slice(&body);
    assert!(matches!(
        open(&with_files(&[(1, &file)])),
        Err(JournalError::UnknownRecord { position: 24, .. })
    ));
}

/// A sound checksum does not make them sound: they would become leader epochs and offsets below 0.
#[test]
fn terms_and_offsets_that_no_log_has_are_refused() {
    for record in [
        vote(u64::from(u32::MAX), 1),
        entry(1, 1 << 40),
        Record::Epoch(EpochStart {
            term: u64::MAX,
            start: 0,
        }),
        Record::Epoch(EpochStart { term: 1, start: -1 }),
        anchor(-1, 1),
        mark(-1, 1),
        Record::SyncedMark(SyncedMark {
            segment_base: 8,
            position: 0,
            next_offset: 7,
            last_index: 1,
        }),
        Record::StartOffset { offset: -1 },
    ] {
        let disk = disk(3);
        let (journal, _) = open(&disk).unwrap();
        journal.append(&[(group(1), record.clone())]).unwrap();
        journal.sync().unwrap();
        drop(journal);
        let opened = open(&disk);
        assert!(
            matches!(opened, Err(JournalError::UnknownRecord { .. })),
            "{record:?}: {:?}",
            opened.err()
        );
    }
}

#[test]
fn too_much_is_refused_and_nothing_written() {
    let (journal, _) = open(&disk(1)).unwrap();
    let before = journal.written();
    let big = |len: usize| {
        let payload = Bytes::from(vec![0; len]);
        Record::Entry(RaftEntry {
            index: 1,
            term: 1,
            next_offset: 0,
            kind: EntryKind::ConfChange,
            payload,
        })
    };
    let limit = MAX_PAYLOAD;
    assert!(
        matches!(journal.append(&[(group(1), big(limit + 1))]), Err(JournalError::TooLarge { limit: l, .. }) if l == limit)
    );
    let many = vec![(group(1), big(limit)); 17];
    assert!(matches!(
        journal.append(&many),
        Err(JournalError::TooLarge { limit: MAX_APPEND, .. })
    ));
    assert_eq!(journal.append(&[]).unwrap(), before);
    assert_eq!(journal.group(group(1)), None);
}

pub(super) fn any_record() -> impl Strategy<Value = Record> {
    let payload = prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
    let small = || 0u64..20;
    prop_oneof![
        (small(), small()).prop_map(|(term, by)| vote(term, by)),
        (small(), small(), payload.clone(), any::<bool>()).prop_map(|(index, term, payload, change)| {
            let kind = if change {
                EntryKind::ConfChange
            } else {
                EntryKind::Empty
            };
            Record::Entry(RaftEntry {
                index,
                term,
                next_offset: 7,
                kind,
                payload,
            })
        }),
        small().prop_map(|from_index| Record::Cut { from_index }),
        (small(), payload).prop_map(|(commit, membership)| {
            Record::Checkpoint(Checkpoint {
                commit,
                applied: commit,
                membership,
                membership_index: 3,
            })
        }),
        (0i64..20, small()).prop_map(|(base, index)| anchor(base, index)),
        (0i64..20).prop_map(|below| Record::AnchorsDropped { below }),
        (0i64..20).prop_map(|offset| Record::StartOffset { offset }),
        (0i64..20, small()).prop_map(|(next, last)| mark(next, last)),
        (0i64..20, 1i64..9, small()).prop_map(|(base_offset, len, size)| {
            Record::Cleaned(CleanedSegment {
                base_offset,
                end_offset: base_offset + len,
                size,
                stamps: 5,
            })
        }),
        Just(Record::CleanedInPlace),
        (0i64..20).prop_map(|offset| Record::DirtyFrom { offset }),
        (small(), 0i64..20).prop_map(|(term, start)| Record::Epoch(EpochStart { term, start })),
        Just(Record::GroupRemoved),
    ]
}

proptest! {
    #[test]
    fn any_records_are_answered_without_panic(body in prop::collection::vec(any::<u8>(), 0..100), kind in 0u8..20) {
        let _ = Mirror::default().apply_write(&[&[kind], &body[..]].concat());
    }

    #[test]
    fn any_file_is_answered_without_panic(tail in prop::collection::vec(any::<u8>(), 0..HEAD * 4), headed: bool) {
        let head = if headed { frame::header(1).to_vec() } else { Vec::new() };
        let _ = open(&with_files(&[(1, &[&head[..], &tail[..]].concat())]));
    }
}

#[test]
fn the_terms_of_cleaned_segments_go_with_the_last_of_them() {
    let disk = disk(1);
    let (journal, _) = open(&disk).unwrap();
    let append = |records: Vec<Record>| {
        let records: Vec<_> = records.into_iter().map(|record| (group(1), record)).collect();
        journal.append(&records).unwrap();
    };
    let entry = |index, term, next_offset| {
        Record::Entry(RaftEntry {
            index,
            term,
            next_offset,
            kind: EntryKind::Empty,
            payload: Bytes::new(),
        })
    };
    let anchor = |segment_base, index, term_before| {
        Record::Anchor(Anchor {
            segment_base,
            index,
            term_before,
            commit: index,
            applied: index,
        })
    };
    let cleaned = |base_offset, end_offset| {
        Record::Cleaned(CleanedSegment {
            base_offset,
            end_offset,
            size: 1,
            stamps: 1,
        })
    };
    append(vec![
        entry(1, 1, 0),
        anchor(100, 101, 1),
        cleaned(0, 100),
        Record::CleanedInPlace,
    ]);
    // Term 2 begins behind what was cleaned; then retention passes both.
    append(vec![entry(152, 2, 150), anchor(200, 202, 2)]);
    append(vec![Record::AnchorsDropped { below: 200 }]);
    append(vec![entry(253, 3, 250), anchor(300, 304, 3), cleaned(200, 300)]);
    let epochs = journal.group(group(1)).unwrap().epochs;
    let found: Vec<_> = epochs.iter().map(|epoch| (epoch.term, epoch.start)).collect();
    assert_eq!(found, [(2, 200), (3, 250)]);
}
