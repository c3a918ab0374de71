//! A group of one voter: it leads by itself, and what it answered for is there after every restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use raft::eraftpb::{Entry, EntryType, Message, MessageType};
use storage::compression::Codec;
use storage::disk::simulated::{CrashOptions, Fault, Keep};
use storage::disk::{Disk, SimulatedDisk};
use storage::journal::{GroupId, Journal, Record};
use storage::log::{LogConfig, LogError, LogFiles, Recovery, StopKind};
use storage::record_batch::{BatchBuilder, BatchHeader};
use uuid::Uuid;

use crate::{Append, AppendError, Durability, OpenReplica, PeerMessage, Readiness, Replica, ReplicaError, Role};

const NOW: i64 = 1_700_000_000_000;

fn new_disk(seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    disk.create_dir_all(Path::new("data")).expect("a new disk has room");
    disk.sync_dir(Path::new("")).expect("a new disk is sound");
    disk
}

struct Node {
    disk: SimulatedDisk,
    journal: Arc<Journal>,
    replica: Replica,
}

fn group() -> GroupId {
    GroupId {
        topic_id: Uuid::from_u128(7),
        partition: 0,
    }
}

fn open(disk: &SimulatedDisk, stop: StopKind, durability: Durability) -> Node {
    let (journal, recovered) = Journal::open(Arc::new(disk.clone()), Path::new("data")).expect("a sound journal");
    let journal = Arc::new(journal);
    let state = recovered.groups.get(&group()).cloned().unwrap_or_default();
    let files = LogFiles::new(Arc::new(disk.clone()), PathBuf::from("data/topic-0"));
    let config = Arc::new(LogConfig {
        segment_bytes: 600,
        retention_bytes: 2000,
        ..LogConfig::default()
    });
    let recovered = Recovery {
        files,
        config,
        group: &state,
        stop,
        now_ms: NOW,
        is_filesystem_synced: false,
    }
    .run()
    .expect("a sound log");
    assert_eq!(recovered.damage, None);
    let replica = Replica::open(OpenReplica {
        group: group(),
        node_id: 1,
        voters: &[1],
        journal: journal.clone(),
        state: &state,
        recovered,
        durability,
        max_uncommitted_bytes: 1 << 20,
    })
    .expect("a replica");
    Node {
        disk: disk.clone(),
        journal,
        replica,
    }
}

fn batch(value: &str) -> (BatchHeader, Bytes) {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push(NOW, None, Some(value.as_bytes()), &[]);
    let bytes = builder.build();
    (BatchHeader::parse(&bytes).expect("a batch"), bytes)
}

impl Node {
    fn flush(&mut self) {
        for _ in 0..10 {
            if let Some(flush) = self.replica.take_flush(false) {
                if let Some(log) = &flush.log {
                    log.sync().expect("a sound disk");
                }
                self.journal.sync().expect("a sound journal");
                if let Some(log) = &flush.log {
                    log.finish();
                }
                self.replica.flushed(&flush, Ok(())).expect("a sound replica");
            }
        }
    }

    fn append(&mut self, value: &str) -> i64 {
        let (header, bytes) = batch(value);
        match self.replica.append(&header, &bytes, NOW).expect("a leader") {
            Append::Written(appended) => appended.header.base_offset,
            other => panic!("{other:?}"),
        }
    }

    fn high_watermark(&self) -> i64 {
        self.replica.reader().high_watermark().offset
    }

    fn mark(&mut self) {
        let records: Vec<_> = self
            .replica
            .take_mark()
            .into_iter()
            .map(|record| (group(), record))
            .collect();
        self.journal.append_lazily(&records, 0).expect("room");
    }
}

#[test]
fn it_leads_appends_and_comes_back() {
    let disk = new_disk(1);
    let mut node = open(&disk, StopKind::Clean, Durability::Synced);
    assert!(!node.replica.is_writable());
    node.flush();
    assert!(node.replica.is_writable(), "{:?}", node.replica.failure());
    for offset in 0..10 {
        assert_eq!(node.append("a value that fills the segment a little"), offset);
        assert_eq!(node.high_watermark(), offset);
        node.flush();
        assert_eq!(node.high_watermark(), offset + 1);
        if offset == 5 {
            node.mark();
        }
    }
    let mut term = 1;
    for round in 0..20_i64 {
        let end = 10 + 2 * round;
        let stop = match round % 3 {
            0 => {
                node.disk.kill(false);
                StopKind::Killed
            }
            1 => {
                node.disk.crash(CrashOptions {
                    data: Keep::Random,
                    names: Keep::Random,
                });
                StopKind::Rebooted
            }
            _ => {
                node.flush();
                node.mark();
                node.journal.stopped().expect("a sound journal");
                node.disk.kill(false);
                StopKind::Clean
            }
        };
        node = open(&disk, stop, Durability::Synced);
        term += 1;
        assert_eq!(node.replica.reader().end_offset(), end, "round {round}");
        node.flush();
        assert!(node.replica.is_writable(), "{:?}", node.replica.failure());
        assert_eq!(node.high_watermark(), end);
        assert_eq!(node.replica.reader().latest_epoch(), Some(term));
        node.append("one");
        node.append("two");
        node.flush();
        assert_eq!(node.high_watermark(), end + 2);
    }
}

/// The steps of a removal; a crash after any of them leaves a log that goes on.
fn remove_expired(node: &mut Node, steps: usize) {
    let Some(base) = node.replica.expired_before(NOW).expect("a sound replica") else {
        return;
    };
    if steps == 0 {
        return;
    }
    node.flush();
    let anchor = node
        .replica
        .anchor_for(base)
        .expect("the mark is above the segments that go");
    let anchor: Vec<_> = anchor.into_iter().map(|record| (group(), record)).collect();
    node.journal.append(&anchor).expect("room");
    if steps == 1 {
        return;
    }
    node.journal.sync().expect("a sound journal");
    let aside = node.replica.remove_before(base).expect("a sound replica");
    if steps == 2 {
        return;
    }
    node.journal
        .append_lazily(&[(group(), Record::AnchorsDropped { below: base })], 0)
        .expect("room");
    if steps == 3 {
        return;
    }
    for path in aside {
        node.disk.remove_file(&path).expect("it is there");
    }
}

#[test]
fn old_segments_go_whenever_it_stops() {
    let disk = new_disk(3);
    let mut node = open(&disk, StopKind::Clean, Durability::Synced);
    let mut end = 0;
    let mut starts = Vec::new();
    for round in 0..40 {
        node.flush();
        for _ in 0..6 {
            assert_eq!(
                node.append("a value that fills the segment a little"),
                end,
                "{:?}",
                node.replica.failure()
            );
            end += 1;
            if round % 3 == 0 {
                node.flush();
            }
        }
        node.flush();
        assert_eq!(node.high_watermark(), end);
        remove_expired(&mut node, round % 5);
        starts.push(node.replica.reader().start_offset());
        match round % 2 {
            0 => node.disk.crash(CrashOptions {
                data: Keep::Random,
                names: Keep::Random,
            }),
            _ => node.disk.kill(false),
        }
        let stop = if round % 2 == 0 {
            StopKind::Rebooted
        } else {
            StopKind::Killed
        };
        node = open(&disk, stop, Durability::Synced);
        assert_eq!(node.replica.reader().end_offset(), end, "round {round}");
    }
    assert!(starts.last() > Some(&(end - 40)), "{starts:?}");
}

#[test]
fn a_full_disk_refuses_and_then_takes_again() {
    let disk = new_disk(4);
    let mut node = open(&disk, StopKind::Clean, Durability::Synced);
    node.flush();
    node.append("one");
    disk.fail_next(Fault::NoSpace, Path::new("data/topic-0"), 1);
    let (header, bytes) = batch("two");
    let refused = node.replica.append(&header, &bytes, NOW);
    assert!(
        matches!(refused, Err(AppendError::Log(LogError::Full { .. }))),
        "{refused:?}"
    );
    assert_eq!(node.append("two"), 1);
    node.flush();
    assert_eq!(node.high_watermark(), 2);
}

#[test]
fn a_failed_sync_takes_it_out_of_service_until_a_start() {
    let disk = new_disk(5);
    let mut node = open(&disk, StopKind::Clean, Durability::Synced);
    node.flush();
    node.append("one");
    node.flush();
    node.append("two");
    disk.fail_next(Fault::SyncDataError, Path::new("data/topic-0"), 1);
    let flush = node.replica.take_flush(false).expect("something is dirty");
    let error = flush.log.as_ref().expect("a batch").sync().expect_err("the disk fails");
    assert!(node.replica.flushed(&flush, Err(&error)).is_err());
    assert_eq!(node.replica.role(), Role::Down);
    assert_eq!(node.high_watermark(), 1, "readers still see what is committed");
    assert!(matches!(node.replica.tick(), Err(ReplicaError::Poisoned(_))));
    disk.kill(false);
    node = open(&disk, StopKind::Killed, Durability::Synced);
    node.flush();
    assert!(node.replica.is_writable());
    assert!(node.high_watermark() >= 1);
}

#[test]
fn flushes_count_in_order() {
    let disk = new_disk(6);
    let mut node = open(&disk, StopKind::Clean, Durability::Synced);
    node.flush();
    node.append("one");
    let first = node.replica.take_flush(false).expect("something is dirty");
    node.append("two");
    let second = node.replica.take_flush(false).expect("something is dirty");
    node.replica.flushed(&second, Ok(())).expect("a sound replica");
    assert_eq!(node.high_watermark(), 0, "what the first holds is not durable");
    node.replica.flushed(&first, Ok(())).expect("a sound replica");
    assert_eq!(node.high_watermark(), 2);
}

#[test]
fn more_than_the_backlog_is_refused() {
    let disk = new_disk(7);
    let mut node = open(&disk, StopKind::Clean, Durability::Synced);
    node.flush();
    let (header, bytes) = batch(&"x".repeat(100_000));
    let refused = (0..20)
        .map(|_| node.replica.append(&header, &bytes, NOW))
        .find(|answer| answer.is_err());
    assert!(matches!(refused, Some(Err(AppendError::Backlog { .. }))), "{refused:?}");
    node.flush();
    node.append("there is room again");
}

#[test]
fn nothing_that_a_peer_sends_takes_it_out_of_service() {
    let disk = new_disk(8);
    let mut node = open(&disk, StopKind::Clean, Durability::Synced);
    node.flush();
    let end = node.append("one") + 1;
    node.flush();
    let (_, bytes) = batch("two");
    let entry = |index, term, kind, data: &'static [u8]| Entry {
        index,
        term,
        entry_type: kind,
        data: Bytes::from_static(data),
        ..Entry::default()
    };
    let bad = [
        entry(3, 9, EntryType::EntryNormal, b"no descriptor"),
        entry(3, 9, EntryType::EntryConfChange, b""),
        entry(3, 9, EntryType::EntryConfChangeV2, b"no change"),
        entry(3, 10, EntryType::EntryNormal, b""),
        entry(7, 9, EntryType::EntryNormal, b""),
        entry(3, 9, EntryType::EntryNormal, &[0; 24]),
    ];
    for (kind, index, commit) in [
        (MessageType::MsgAppend, 2, 2),
        (MessageType::MsgAppend, u64::MAX, 2),
        (MessageType::MsgHeartbeat, 0, 1 << 40),
        (MessageType::MsgPropose, 2, 2),
        (MessageType::MsgSnapshot, 2, 2),
        (MessageType::MsgHup, 0, 0),
    ] {
        for entry in &bad {
            let mut message = Message {
                msg_type: kind,
                from: 2,
                to: 1,
                term: 9,
                index,
                log_term: 1,
                commit,
                ..Message::default()
            };
            message.entries = vec![entry.clone()].into();
            let peer = PeerMessage {
                message,
                batches: vec![bytes.clone()],
            };
            node.replica.step(peer).expect("a sound replica");
        }
    }
    assert_eq!(node.replica.reader().end_offset(), end);
}

/// Cleans all but the active segment; a crash after any of the steps leaves a log that goes on.
fn clean(node: &mut Node, steps: usize) -> Option<()> {
    let reader = node.replica.reader().clone();
    let end = reader.segments().last()?.base_offset();
    while node.replica.may_clean_below(end).expect("a sound replica") == Readiness::Later {
        node.flush();
    }
    let stable_end = reader.high_watermark().offset;
    super::clean::clean(&mut node.replica, &node.journal, &node.disk, stable_end, steps)
}

#[test]
fn segments_are_cleaned_whenever_it_stops() {
    let disk = new_disk(9);
    let mut node = open(&disk, StopKind::Clean, Durability::Synced);
    node.flush();
    let mut end = 0;
    for round in 0..60 {
        for number in 0..12 {
            node.append(&format!("{round}-{number}, padded so that a segment has few"));
            end += 1;
            if number % 3 == 0 {
                node.flush();
                node.mark();
            }
        }
        node.flush();
        assert_eq!(node.high_watermark(), end);
        clean(&mut node, [usize::MAX, 0, 1, 2, 3, 4, 6][round % 7]);
        // What is left of it can be read, up to the end, and the records of the active segment are all there.
        let stop = match round % 3 {
            0 => {
                node.disk.crash(CrashOptions {
                    data: Keep::Random,
                    names: Keep::Random,
                });
                StopKind::Rebooted
            }
            1 => {
                node.disk.kill(false);
                StopKind::Killed
            }
            _ => continue,
        };
        node = open(&disk, stop, Durability::Synced);
        assert_eq!(node.replica.reader().end_offset(), end, "round {round}");
        node.flush();
        assert!(node.replica.is_writable(), "{:?}", node.replica.failure());
        assert_eq!(node.high_watermark(), end);
    }
    assert_eq!(clean(&mut node, usize::MAX), Some(()));
    let reader = node.replica.reader();
    let first = reader.first_uncleaned();
    assert!(first > 100, "all but the active segment is cleaned");
    assert_eq!(reader.start_offset(), 0, "the log begins where it did");
    let slice = reader
        .read(0, reader.high_watermark(), 1)
        .expect("readable")
        .expect("a batch");
    let header = BatchHeader::parse(&slice.read().expect("readable")).expect("a header");
    assert_eq!(header.next_offset(), first, "of one key the last record is left");
}
