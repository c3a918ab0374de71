//! One partition as its owner drives it: a log and a journal on one simulated disk, and beside them every raft entry in a
//! plain vector.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::super::*;
use crate::compression::Codec;
use crate::disk::simulated::{CrashOptions, Keep};
use crate::disk::{Disk, SimulatedDisk};
use crate::journal::{
    Anchor, EntryKind, GroupId, GroupState, HardState, Journal, JournalError, RaftEntry, Record, SyncedMark,
};
use crate::record_batch::{BatchBuilder, prefix};

pub(super) const GROUP: GroupId = GroupId {
    topic_id: Uuid::from_u128(7),
    partition: 0,
};

pub(super) fn data_dir() -> PathBuf {
    PathBuf::from("/data")
}

pub(super) fn dir() -> PathBuf {
    data_dir().join("topic-0")
}

/// An entry of Raft's log, as it must be.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) term: u64,
    /// The log's end after it.
    pub(super) end: LogPosition,
    /// Whether the write that brought it answered well.
    pub(super) is_certain: bool,
    pub(super) batch: Option<Batch>,
}

/// A batch as it must be.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) header: BatchHeader,
    pub(super) start: LogPosition,
    pub(super) bytes: Bytes,
    pub(super) timestamps: Vec<i64>,
}

/// What was done failed, and the process has to be started again.
#[derive(Debug)]
pub(super) struct Down;

/// The partition.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) disk: SimulatedDisk,
    pub(super) config: Arc<LogConfig>,
    pub(super) journal: Journal,
    pub(super) log: Log,
    /// The entry of index `i` is at `i − 1`.
    pub(super) entries: Vec<Entry>,
    /// Every entry up to this index is durable.
    pub(super) synced: u64,
    /// Every entry up to this index is committed.
    pub(super) committed: u64,
    pub(super) term: u64,
    pub(super) now_ms: i64,
    /// Where the log may begin: where it does, and where a removal that was under way puts it.
    pub(super) starts: Vec<i64>,
    flush: Option<(LogFlush, u64)>,
    aside: Vec<PathBuf>,
}

/// How a recovery ended.
pub(super) struct Opened {
    pub(super) journal: Journal,
    pub(super) group: GroupState,
    pub(super) stop: StopKind,
    pub(super) recovered: Recovered,
}

pub(super) fn files(disk: &SimulatedDisk) -> LogFiles {
    LogFiles::new(Arc::new(disk.clone()), dir())
}

/// What a start does: the journal, then the log, then what the log says of the journal.
pub(super) fn open(disk: &SimulatedDisk, config: &Arc<LogConfig>, now_ms: i64) -> Result<Opened, String> {
    let arc: Arc<dyn Disk> = Arc::new(disk.clone());
    let (journal, found) = Journal::open(arc, &data_dir()).map_err(|error| error.to_string())?;
    let boot_id = disk.boot_id(Path::new("/")).map_err(|error| error.to_string())?;
    let stop = match () {
        () if found.clean_shutdown => StopKind::Clean,
        () if found.last_boot_id.is_none_or(|last| last == boot_id) => StopKind::Killed,
        () => StopKind::Rebooted,
    };
    let group = journal.group(GROUP).unwrap_or_default();
    let recovery = Recovery {
        files: files(disk),
        config: config.clone(),
        group: &group,
        stop,
        now_ms,
        is_filesystem_synced: false,
    };
    let recovered = recovery.run().map_err(|error| error.to_string())?;
    let note = || -> Result<(), JournalError> {
        if let Some(from_index) = recovered.drop_entries_from {
            journal.append(&[(GROUP, Record::Cut { from_index })])?;
        }
        if recovered.is_replaced {
            journal.append(&[(GROUP, Record::CleanedInPlace)])?;
        }
        journal.started(&boot_id)?;
        journal.sync().map(drop)
    };
    note().map_err(|error| error.to_string())?;
    Ok(Opened {
        journal,
        group,
        stop,
        recovered,
    })
}

impl Scenario {
    pub(super) fn new(seed: u64, config: LogConfig) -> Scenario {
        let disk = SimulatedDisk::new(seed);
        let config = Arc::new(config);
        let now_ms = 1_700_000_000_000;
        disk.create_dir_all(&data_dir()).expect("a healthy disk");
        disk.sync_dir(Path::new("/")).expect("a healthy disk");
        let opened = open(&disk, &config, now_ms).expect("a healthy disk");
        Scenario {
            disk,
            config,
            journal: opened.journal,
            log: opened.recovered.log,
            entries: Vec::new(),
            synced: 0,
            committed: 0,
            term: 0,
            now_ms,
            starts: vec![0],
            flush: None,
            aside: Vec::new(),
        }
    }

    pub(super) fn last(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn batches(&self) -> impl DoubleEndedIterator<Item = &Batch> {
        self.entries.iter().filter_map(|entry| entry.batch.as_ref())
    }

    pub(super) fn end_of(&self, index: u64) -> LogPosition {
        match index {
            0 => LogPosition::default(),
            index => self.entries[index as usize - 1].end,
        }
    }

    /// A new term: its entry is in the journal, and synced, before any batch of it.
    pub(super) fn begin_epoch(&mut self) -> Result<(), Down> {
        self.term += 1;
        let (index, end) = (self.last() + 1, self.log.end());
        let entry = RaftEntry {
            index,
            term: self.term,
            next_offset: end.offset,
            kind: EntryKind::Empty,
            payload: Bytes::new(),
        };
        let hard_state = HardState {
            term: self.term,
            vote: 1,
        };
        let records = [(GROUP, Record::HardState(hard_state)), (GROUP, Record::Entry(entry))];
        let written = self.journal.append(&records).and_then(|_| self.journal.sync());
        self.entries.push(Entry {
            term: self.term,
            end,
            is_certain: written.is_ok(),
            batch: None,
        });
        written.map_err(|_| Down)?;
        self.log.begin_epoch(self.term as i32);
        Ok(())
    }

    /// Appends a batch of records with these timestamps and values of `value_len` bytes.
    pub(super) fn append(
        &mut self,
        timestamps: &[i64],
        value_len: usize,
        producer: Option<(i64, i16, i32)>,
    ) -> Result<bool, Down> {
        let mut builder = BatchBuilder::new(Codec::None);
        if let Some((id, epoch, sequence)) = producer {
            builder = builder.producer(id, epoch, sequence);
        }
        let value: Vec<u8> = (0..value_len).map(|at| (at as u64 * 31 + self.last()) as u8).collect();
        for &timestamp in timestamps {
            builder.push(timestamp, Some(b"key"), Some(&value), &[]);
        }
        self.append_built(builder.build(), timestamps)
    }

    /// Appends a batch that is built, of records with these timestamps.
    pub(super) fn append_built(&mut self, bytes: Bytes, timestamps: &[i64]) -> Result<bool, Down> {
        let header = BatchHeader::parse(&bytes).expect("just built");
        let result = self.log.append(&header, &bytes, self.term as i32, self.now_ms);
        let (is_certain, start, end, header) = match &result {
            Ok(appended) => (true, appended.start, appended.end, appended.header),
            Err(_) if !self.log.is_poisoned() => return Ok(false),
            Err(_) => {
                // It may be there, or not.
                let start = self.log.end();
                let header = BatchHeader {
                    base_offset: start.offset,
                    leader_epoch: self.term as i32,
                    ..header
                };
                let end = LogPosition {
                    offset: header.next_offset(),
                    position: start.position + bytes.len() as u64,
                    ..start
                };
                (false, start, end, header)
            }
        };
        let mut stamped = prefix(start.offset, header.batch_length, self.term as i32).to_vec();
        stamped.extend_from_slice(&bytes[stamped.len()..]);
        self.entries.push(Entry {
            term: self.term,
            end,
            is_certain,
            batch: Some(Batch {
                header,
                start,
                bytes: stamped.into(),
                timestamps: timestamps.to_vec(),
            }),
        });
        match result {
            Ok(appended) if appended.rolled => {
                let anchor = self.anchor(appended.start.segment_base);
                let _ = self.journal.append_lazily(&[(GROUP, Record::Anchor(anchor))], 0);
                Ok(true)
            }
            Ok(_) => Ok(true),
            Err(_) => Err(Down),
        }
    }

    fn anchor(&self, segment_base: i64) -> Anchor {
        let is_behind = |entry: &Entry| {
            entry
                .batch
                .as_ref()
                .is_some_and(|batch| batch.start.offset >= segment_base)
        };
        let index = self.entries.iter().position(is_behind).unwrap_or(self.entries.len());
        Anchor {
            segment_base,
            index: index as u64,
            term_before: index.checked_sub(1).map_or(0, |last| self.entries[last].term),
            commit: self.committed,
            applied: self.committed,
        }
    }

    /// Appends batches of one record of 100 bytes each.
    pub(super) fn append_some(&mut self, count: usize) {
        for _ in 0..count {
            self.now_ms += 1;
            assert!(self.append(&[self.now_ms], 100, None).expect("a healthy disk"));
        }
    }

    /// A term, three batches, a roll, three batches, a flush.
    pub(super) fn with_two_segments(config: LogConfig) -> Scenario {
        let mut scenario = Scenario::new(1, config);
        scenario.begin_epoch().expect("a healthy disk");
        scenario.append_some(3);
        scenario.roll();
        scenario.append_some(3);
        scenario.flush().expect("a healthy disk");
        scenario.sync_journal().expect("a healthy disk");
        scenario
    }

    pub(super) fn power_cut(&self, keep: Keep) {
        self.disk.crash(CrashOptions {
            data: keep,
            names: keep,
        });
    }

    pub(super) fn roll(&mut self) {
        let _ = self.log.roll(self.now_ms);
    }

    pub(super) fn take_flush(&mut self, checkpoint: bool) {
        if self.flush.is_none() {
            let last = self.last();
            match self.log.take_flush(checkpoint) {
                Some(flush) => self.flush = Some((flush, last)),
                None => self.synced = last,
            }
        }
    }

    /// Syncs what was taken, and notes it.
    pub(super) fn complete_flush(&mut self) -> Result<(), Down> {
        let Some((flush, index)) = self.flush.take() else {
            return Ok(());
        };
        if flush.sync().is_err() {
            self.log.poison();
            return Err(Down);
        }
        flush.finish();
        if self.log.is_current(&flush) {
            self.synced = self.synced.max(index);
            self.note_mark(index, flush.end)?;
        }
        if self.log.is_poisoned() { Err(Down) } else { Ok(()) }
    }

    fn note_mark(&mut self, last_index: u64, end: LogPosition) -> Result<(), Down> {
        let mark = mark(last_index, end);
        match self.journal.append_lazily(&[(GROUP, Record::SyncedMark(mark))], 0) {
            Err(JournalError::Poisoned { .. }) => Err(Down),
            _ => Ok(()),
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), Down> {
        self.complete_flush()?;
        self.take_flush(false);
        self.complete_flush()
    }

    pub(super) fn sync_journal(&mut self) -> Result<(), Down> {
        self.journal.sync().map(drop).map_err(|_| Down)
    }

    pub(super) fn commit(&mut self, index: u64) {
        self.committed = self.committed.max(index.min(self.synced));
        if self.committed > 0 {
            self.log.set_high_watermark(self.end_of(self.committed));
        }
    }

    /// Another leader overrules the entries from `index` on.
    pub(super) fn truncate(&mut self, index: u64) -> Result<(), Down> {
        assert!(index > self.committed);
        let to = self.end_of(index - 1);
        let marked = self.journal.group(GROUP).and_then(|group| group.synced_mark);
        if marked.is_some_and(|mark| mark.last_index >= index) {
            let lower = Record::SyncedMark(mark(index - 1, to));
            let lowered = self.journal.append(&[(GROUP, lower)]).and_then(|_| self.journal.sync());
            lowered.map_err(|_| Down)?;
        }
        for entry in &mut self.entries[index as usize - 1..] {
            entry.is_certain = false;
        }
        let was_synced = self.synced >= index;
        self.synced = self.synced.min(index - 1);
        self.log.truncate_to(to).map_err(|_| Down)?;
        let mut records = vec![(GROUP, Record::Cut { from_index: index })];
        if was_synced {
            records.push((GROUP, Record::SyncedMark(mark(index - 1, self.log.end()))));
        }
        let noted = self.journal.append(&records).and_then(|_| self.journal.sync());
        noted.map_err(|_| Down)?;
        self.entries.truncate(index as usize - 1);
        Ok(())
    }

    /// Removes what has expired; answers whether anything had.
    pub(super) fn retain(&mut self) -> Result<bool, Down> {
        let Ok(Some(base)) = self.log.expired_before(self.now_ms) else {
            return Ok(false);
        };
        self.flush()?;
        if !self.log.remembers_producers(base, self.log.end().offset) {
            return Ok(false);
        }
        // The log shall never begin behind what is committed.
        let anchor = self.committed_anchor(base);
        let records = [
            (GROUP, Record::SyncedMark(mark(self.last(), self.log.end()))),
            (GROUP, Record::Anchor(anchor)),
            (GROUP, Record::AnchorsDropped { below: base }),
        ];
        let start = base.max(self.log.reader().start_offset());
        self.starts.push(start);
        let noted = self.journal.append(&records).and_then(|_| self.journal.sync());
        noted.map_err(|_| Down)?;
        self.starts = vec![start];
        let aside = self.log.remove_before(base).map_err(|_| Down)?;
        self.aside.extend(aside);
        Ok(true)
    }

    /// Deletes what lies below `offset`, as a request does: at most the end of what is committed and synced.
    pub(super) fn delete_records(&mut self, offset: i64) -> Result<(), Down> {
        if !self.log.plan_start(offset).map_err(|_| Down)? {
            return Ok(());
        }
        self.starts.push(offset);
        let noted = self.journal.append(&[(GROUP, Record::StartOffset { offset })]);
        noted.map_err(|_| Down)?;
        self.log.note_start(offset);
        self.journal.sync().map_err(|_| Down)?;
        self.starts = vec![offset];
        assert_eq!(self.log.advance_start(offset), offset);
        Ok(())
    }

    /// What is to be removed later.
    pub(super) fn put_aside(&mut self, paths: Vec<PathBuf>) {
        self.aside.extend(paths);
    }

    /// The anchor of the segment at `base`, which may become Raft's first.
    pub(super) fn committed_anchor(&self, base: i64) -> Anchor {
        let mut anchor = self.anchor(base);
        anchor.index = anchor.index.min(self.committed);
        anchor.term_before = match anchor.index {
            0 => 0,
            index => self.entries[index as usize - 1].term,
        };
        anchor
    }

    /// What waits for its removal.
    pub(super) fn aside(&self) -> &[PathBuf] {
        &self.aside
    }

    pub(super) fn remove_aside(&mut self) {
        for path in self.aside.drain(..) {
            let _ = self.log.files.remove_aside(&path);
        }
    }

    /// An orderly stop.
    pub(super) fn stop(&mut self) -> Result<(), Down> {
        self.complete_flush()?;
        self.take_flush(true);
        self.complete_flush()?;
        self.note_mark(self.last(), self.log.end())?;
        self.journal.stopped().map(drop).map_err(|_| Down)
    }

    /// Opens it again, as the stopped process left it. What is not in the recovered log is forgotten.
    pub(super) fn reopen(&mut self, opened: Opened) {
        self.flush = None;
        self.aside.clear();
        let last = opened.recovered.last_index;
        self.entries.truncate(last as usize);
        // An entry of the journal may have stood behind a roll that is gone.
        let mut end = LogPosition::default();
        for entry in &mut self.entries {
            entry.is_certain = true;
            match entry.batch {
                Some(_) => end = entry.end,
                None => entry.end = end,
            }
        }
        self.synced = last;
        self.journal = opened.journal;
        self.log = opened.recovered.log;
        self.starts = vec![self.log.reader().start_offset()];
        if self.committed > 0 {
            self.log.set_high_watermark(self.end_of(self.committed));
        }
    }

    pub(super) fn restart(&mut self) -> Restart {
        let opened = open(&self.disk, &self.config, self.now_ms).expect("a healthy disk");
        let seen = Restart {
            stop: opened.stop,
            last_index: opened.recovered.last_index,
            damage: opened.recovered.damage.clone(),
            cut_bytes: opened.recovered.cut_bytes,
        };
        if seen.damage.is_none() {
            self.reopen(opened);
        }
        seen
    }

    /// Epoch, last sequence and last offset of each producer, by the entries.
    pub(super) fn producers(&self) -> BTreeMap<i64, (i16, i32, i64)> {
        let mut producers = BTreeMap::new();
        for Batch { header, .. } in self.batches().filter(|batch| batch.header.has_producer()) {
            let state = (header.producer_epoch, header.last_sequence(), header.last_offset());
            producers.insert(header.producer_id, state);
        }
        producers
    }

    pub(super) fn names(&self, suffix: &str) -> Vec<String> {
        let entries = self.disk.list(&dir()).unwrap_or_default();
        let names = entries.into_iter().map(|entry| entry.name);
        names.filter(|name| name.ends_with(suffix)).collect()
    }

    pub(super) fn path(&self, offset: i64, suffix: &str) -> PathBuf {
        files(&self.disk).path(offset, suffix)
    }
}

/// What a restart found.
#[derive(Debug)]
pub(super) struct Restart {
    pub(super) stop: StopKind,
    pub(super) last_index: u64,
    pub(super) damage: Option<Damage>,
    pub(super) cut_bytes: u64,
}

pub(super) fn mark(last_index: u64, end: LogPosition) -> SyncedMark {
    SyncedMark {
        segment_base: end.segment_base,
        position: end.position,
        next_offset: end.offset,
        last_index,
    }
}
