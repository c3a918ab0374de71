//! The log as Raft sees it: entries by index, answered from memory for all that is uncommitted or unapplied, and from the
//! segments' headers for what is older.
//!
//! Invariant: it answers the log as of the last Ready that was taken. A batch that is written and not yet proposed is not
//! in it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use raft::eraftpb::{ConfState, Entry, EntryType, HardState, Snapshot};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};
use storage::journal::{EntryKind, GroupState, RaftEntry, SyncedMark};
use storage::log::{HeaderWalk, Log, LogPosition, Segment, Step, TailBatch};
use storage::record_batch::BatchHeader;

use crate::descriptor::Descriptor;

/// One entry in memory.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) entry: Entry,
    /// The end of the log after this entry: of its batch, or of the last batch before it.
    pub(crate) end: LogPosition,
}

/// The log, the journal's part of it, and what Raft was told of both.
pub(crate) struct RaftLog {
    pub(crate) log: Log,
    pub(crate) hard_state: HardState,
    pub(crate) conf_state: ConfState,
    /// Where each term begins: term, index.
    terms: Vec<(u64, u64)>,
    /// The journal's entries, by index.
    own: BTreeMap<u64, RaftEntry>,
    /// Where each segment begins: base offset, index of the last entry before its first batch.
    anchors: BTreeMap<i64, u64>,
    /// The newest entries, without a gap, up to `last_index`.
    ring: VecDeque<Slot>,
    first_index: u64,
    term_before: u64,
    last_index: u64,
    /// Where the last walk ended: the next index, and its place. A follower that catches up goes on from there.
    walked: Cell<Option<(u64, LogPosition)>>,
    /// Entries that Raft wants for a follower, and that have to be read first.
    wanted: RefCell<VecDeque<(u64, u64, GetEntriesContext)>>,
    /// What was read for the first of them.
    fetched: Vec<Entry>,
}

impl RaftLog {
    /// The log that recovery opened, beside what the journal says of it. An error says what of the two does not fit.
    pub(crate) fn new(log: Log, state: &GroupState, conf_state: ConfState, last_index: u64) -> Result<Self, String> {
        let segments = log.reader().segments();
        let is_there = |base: i64| {
            segments
                .binary_search_by_key(&base, |segment| segment.base_offset())
                .is_ok()
        };
        let anchors: BTreeMap<i64, u64> = state
            .anchors
            .iter()
            .filter(|&(&base, anchor)| is_there(base) && anchor.index <= last_index)
            .map(|(&base, anchor)| (base, anchor.index))
            .collect();
        let start = segments[0].base_offset();
        let (first_index, term_before) = match state.anchors.get(&start) {
            Some(anchor) => (anchor.index + 1, anchor.term_before),
            None if start == 0 => (1, 0),
            None => return Err(format!("the journal has no anchor for the first segment, {start}")),
        };
        if first_index - 1 > last_index {
            return Err(format!(
                "the log begins after index {} and ends at {last_index}",
                first_index - 1
            ));
        }
        let own: BTreeMap<u64, RaftEntry> = state
            .entries
            .iter()
            .filter(|entry| (first_index..=last_index).contains(&entry.index))
            .map(|entry| (entry.index, entry.clone()))
            .collect();
        let mut terms: Vec<(u64, u64)> = Vec::new();
        for entry in own.values() {
            if terms.last().map_or(term_before, |&(term, _)| term) < entry.term {
                terms.push((entry.term, entry.index));
            }
        }
        let storage::journal::HardState { term, vote } = state.hard_state;
        // Each anchor carries a commit index as well, which may be newer than the checkpoint's.
        let commit = state.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.commit);
        let commit = state
            .anchors
            .values()
            .map(|anchor| anchor.commit)
            .fold(commit, u64::max);
        let hard_state = HardState {
            term,
            vote,
            commit: commit.clamp(first_index - 1, last_index),
            ..HardState::default()
        };
        let mut raft_log = RaftLog {
            log,
            hard_state,
            conf_state,
            terms,
            own,
            anchors,
            ring: VecDeque::new(),
            first_index,
            term_before,
            last_index,
            walked: Cell::new(None),
            wanted: RefCell::new(VecDeque::new()),
            fetched: Vec::new(),
        };
        raft_log.complete_anchors()?;
        Ok(raft_log)
    }

    /// Anchors are written lazily, so the newest may be missing: those are counted.
    fn complete_anchors(&mut self) -> Result<(), String> {
        let segments = self.log.reader().segments();
        let mut index = self.first_index - 1;
        for pair in segments.windows(2) {
            let base = pair[1].base_offset();
            index = match self.anchors.get(&base) {
                Some(&index) => index,
                None => self.count(&pair[0], index)?,
            };
            self.anchors.insert(base, index);
        }
        Ok(())
    }

    /// The index of the last entry in `segment`, which begins after `index`, or of the journal's after it.
    fn count(&self, segment: &Segment, mut index: u64) -> Result<u64, String> {
        let mut walk = HeaderWalk::new(segment.file().clone(), 0, segment.size());
        loop {
            index = self.last_own_after(index);
            match walk.step().map_err(|error| error.to_string())? {
                Step::Batch { .. } => index += 1,
                Step::End => return Ok(index),
                Step::Bad { position, reason } => return Err(format!("byte {position}: {reason}")),
            }
        }
    }

    pub(crate) fn last(&self) -> u64 {
        self.last_index
    }

    /// Fills the memory with the entries after `applied`. Those above the synced mark come from recovery (`tail`), which
    /// has read them; a group whose applied index is behind the mark has to read the rest.
    pub(crate) fn fill(&mut self, applied: u64, mark: SyncedMark, tail: &[TailBatch]) -> Result<(), String> {
        if applied < mark.last_index {
            self.ring = self.walk(applied + 1, mark.last_index + 1)?.into();
            if self.ring.len() as u64 != mark.last_index - applied {
                return Err(format!(
                    "the log has not all entries from {} to {}",
                    applied + 1,
                    mark.last_index
                ));
            }
        }
        let mut end = LogPosition {
            offset: mark.next_offset,
            segment_base: mark.segment_base,
            position: mark.position,
        };
        let mut batches = tail.iter().peekable();
        // The log may begin behind the mark, where its first segments expired since.
        for index in (mark.last_index + 1).max(self.first_index)..=self.last_index {
            let entry = if let Some(own) = self.own.get(&index) {
                own_entry(own)
            } else {
                let batch = batches.next().filter(|batch| batch.index == index);
                let batch = batch.ok_or_else(|| format!("the log has no entry at index {index}"))?;
                end = batch.end;
                batch_entry(index, batch.header.leader_epoch as u64, &batch.header)
            };
            if index > applied {
                self.ring.push_back(Slot { entry, end });
            }
        }
        Ok(())
    }

    /// Takes an entry of a Ready into the log as Raft sees it.
    pub(crate) fn push(&mut self, entry: Entry, end: LogPosition) {
        debug_assert_eq!(entry.index, self.last_index + 1);
        self.last_index = entry.index;
        if self.terms.last().is_none_or(|&(term, _)| term < entry.term) {
            self.terms.push((entry.term, entry.index));
        }
        self.ring.push_back(Slot { entry, end });
    }

    /// The batch at `index` was written: it, and the entries of the journal after it, end here.
    pub(crate) fn set_end(&mut self, index: u64, end: LogPosition) {
        let front = self.ring.front().map(|slot| slot.entry.index);
        let Some(from) = front.and_then(|front| index.checked_sub(front)) else {
            return;
        };
        let from = (from as usize).min(self.ring.len());
        let mut is_first = true;
        for slot in self.ring.range_mut(from..) {
            if !is_first && !self.own.contains_key(&slot.entry.index) {
                return;
            }
            is_first = false;
            slot.end = end;
        }
    }

    /// The index of the last entry after `index` before the next batch.
    pub(crate) fn last_own_after(&self, index: u64) -> u64 {
        self.own_after(index).last().map_or(index, |own| own.index)
    }

    /// The journal's entries after the one at `index`, before the next batch.
    pub(crate) fn own_after(&self, index: u64) -> impl Iterator<Item = &RaftEntry> {
        self.own
            .range(index + 1..)
            .zip(index + 1..)
            .take_while(|((own, _), next)| *own == next)
            .map(|((_, own), _)| own)
    }

    /// The newest of the journal's entries that stand where the log ends, and begin an epoch there.
    pub(crate) fn epoch_at_end(&self) -> Option<u64> {
        let end = self.log.end().offset;
        self.own
            .values()
            .next_back()
            .filter(|own| own.next_offset == end)
            .map(|own| own.term)
    }

    pub(crate) fn push_own(&mut self, own: RaftEntry) {
        self.own.insert(own.index, own);
    }

    pub(crate) fn anchor(&mut self, segment_base: i64, index: u64) {
        self.anchors.insert(segment_base, index);
    }

    /// The log's end after the entry at `index`.
    pub(crate) fn end_of(&self, index: u64) -> Result<LogPosition, String> {
        if let Some(slot) = self.slot(index) {
            return Ok(slot.end);
        }
        if index < self.first_index {
            let segment_base = self.log.reader().segments()[0].base_offset();
            return Ok(LogPosition {
                offset: segment_base,
                segment_base,
                position: 0,
            });
        }
        let slots = self.walk(index, index + 1)?;
        slots
            .first()
            .map(|slot| slot.end)
            .ok_or_else(|| format!("no entry at index {index}"))
    }

    /// The beginning of segment `base`, with the index of the last entry before it.
    pub(crate) fn start_of(&self, base: i64) -> (u64, LogPosition) {
        let index = self.anchors.get(&base).copied().unwrap_or(self.first_index - 1);
        (
            index,
            LogPosition {
                offset: base,
                segment_base: base,
                position: 0,
            },
        )
    }

    /// Forgets the entries from `index` on.
    pub(crate) fn cut(&mut self, index: u64) {
        while self.ring.back().is_some_and(|slot| slot.entry.index >= index) {
            self.ring.pop_back();
        }
        self.own.split_off(&index);
        self.terms.retain(|&(_, start)| start < index);
        let base = self
            .log
            .reader()
            .segments()
            .last()
            .map_or(0, |segment| segment.base_offset());
        self.anchors.retain(|&segment, _| segment <= base);
        // The last segment may stay, empty.
        self.anchors
            .values_mut()
            .for_each(|anchor| *anchor = (*anchor).min(index - 1));
        self.last_index = index - 1;
        self.walked.set(None);
        self.fetched.clear();
    }

    /// Drops from memory what is applied, but for `keep` entries that followers may still ask for.
    pub(crate) fn release(&mut self, applied: u64, keep: usize) {
        while self.ring.len() > keep && self.ring.front().is_some_and(|slot| slot.entry.index <= applied) {
            self.ring.pop_front();
        }
    }

    /// The segment `base` is about to become the first: nothing that is not committed, and may be cut yet, counts as being
    /// before it.
    pub(crate) fn cap_anchor(&mut self, base: i64, committed: u64) {
        if let Some(index) = self.anchors.get_mut(&base) {
            *index = (*index).min(committed);
        }
    }

    /// The log begins at segment `base` now.
    pub(crate) fn compact_to(&mut self, base: i64) {
        let Some(&index) = self.anchors.get(&base) else { return };
        self.term_before = self.term_at(index).unwrap_or(self.term_before);
        self.first_index = index + 1;
        self.walked.set(None);
        self.anchors = self.anchors.split_off(&base);
        self.own = self.own.split_off(&self.first_index);
        self.terms.retain(|&(_, start)| start > index);
    }

    /// The segments whose beginning is known in Raft's indexes, by base offset.
    pub(crate) fn anchored(&self) -> impl Iterator<Item = i64> {
        self.anchors.keys().copied()
    }

    pub(crate) fn first(&self) -> u64 {
        self.first_index
    }

    /// The index of the last entry before the first batch of segment `base`, and its term.
    pub(crate) fn anchor_of(&self, base: i64) -> Option<(u64, u64)> {
        let index = *self.anchors.get(&base)?;
        Some((index, self.term_at(index)?))
    }

    pub(crate) fn slot(&self, index: u64) -> Option<&Slot> {
        let front = self.ring.front()?.entry.index;
        self.ring.get(usize::try_from(index.checked_sub(front)?).ok()?)
    }

    fn term_at(&self, index: u64) -> Option<u64> {
        if index + 1 == self.first_index {
            return Some(self.term_before);
        }
        if index < self.first_index || index > self.last_index {
            return None;
        }
        let after = self.terms.partition_point(|&(_, start)| start <= index);
        Some(after.checked_sub(1).map_or(self.term_before, |last| self.terms[last].0))
    }

    /// Reads the entries `[low, high)` from headers and journal.
    fn walk(&self, low: u64, high: u64) -> Result<Vec<Slot>, String> {
        let (mut index, mut end) = self.place_before(low);
        let segments = self.log.reader().segments();
        let first = segments.partition_point(|segment| segment.base_offset() < end.segment_base);
        let mut slots = Vec::new();
        for segment in &segments[first..] {
            if segment.base_offset() != end.segment_base {
                end = LogPosition {
                    segment_base: segment.base_offset(),
                    position: 0,
                    ..end
                };
            }
            let mut walk = HeaderWalk::new(segment.file().clone(), end.position, segment.size());
            loop {
                for own in self.own_after(index).take_while(|own| own.index < high) {
                    index = own.index;
                    if index >= low {
                        slots.push(Slot {
                            entry: own_entry(own),
                            end,
                        });
                    }
                }
                if index + 1 >= high {
                    self.walked.set(Some((index + 1, end)));
                    return Ok(slots);
                }
                match walk.step().map_err(|error| error.to_string())? {
                    Step::End => break,
                    Step::Bad { position, reason } => return Err(format!("byte {position}: {reason}")),
                    Step::Batch { position, header } => {
                        index += 1;
                        end.offset = header.next_offset();
                        end.position = position + header.size() as u64;
                        if index >= low {
                            let term = self.term_at(index).unwrap_or(header.leader_epoch as u64);
                            slots.push(Slot {
                                entry: batch_entry(index, term, &header),
                                end,
                            });
                        }
                    }
                }
            }
        }
        Ok(slots)
    }

    /// A place before the entry at `index` from which to walk to it: the last index before the place, and the place.
    fn place_before(&self, index: u64) -> (u64, LogPosition) {
        let start = self.log.reader().segments()[0].base_offset();
        let anchor = self.anchors.iter().rfind(|&(_, &before)| before < index);
        let (base, before) = anchor.map_or((start, self.first_index - 1), |(&base, &before)| (base, before));
        match self.walked.get() {
            Some((next, place)) if next <= index && next > before => (next - 1, place),
            _ => (
                before,
                LogPosition {
                    offset: base,
                    segment_base: base,
                    position: 0,
                },
            ),
        }
    }

    /// Reads the first of what Raft asked for and did not get, and hands out the context to call it back with.
    pub(crate) fn fetch_wanted(&mut self) -> Option<GetEntriesContext> {
        loop {
            let (low, high, context) = self.wanted.get_mut().pop_front()?;
            match self.walk(low, high.min(low + MAX_FETCHED)) {
                Ok(slots) if !slots.is_empty() => {
                    self.fetched = slots.into_iter().map(|slot| slot.entry).collect();
                    return Some(context);
                }
                // Raft asks again with the follower's next answer.
                Ok(_) => tracing::error!(low, "no entries where a follower needs some"),
                Err(error) => tracing::error!(error, low, "cannot read entries for a follower"),
            }
        }
    }

    fn fetched(&self, low: u64, high: u64) -> Option<Vec<Entry>> {
        let first = self.fetched.first()?.index;
        let from = usize::try_from(low.checked_sub(first)?).ok()?;
        let to = from.checked_add((high - low) as usize)?.min(self.fetched.len());
        (from < to).then(|| self.fetched[from..to].to_vec())
    }
}

fn batch_entry(index: u64, term: u64, header: &BatchHeader) -> Entry {
    Entry {
        index,
        term,
        data: Descriptor::of(header).encode().into(),
        ..Entry::default()
    }
}

/// Entries read at once for a follower that lags behind what is in memory.
const MAX_FETCHED: u64 = 1024;

/// Bytes of batches that one message names, but for one batch that is larger.
const MAX_SENT: u64 = 1 << 20;

/// Keeps as many entries as one message takes, at least one. Raft counts descriptors, not the batches they stand for.
fn limit_batches(entries: &mut Vec<Entry>) {
    let mut bytes = 0;
    let fit = entries.iter().take_while(|entry| {
        bytes += Descriptor::decode(&entry.data).map_or(0, |descriptor| u64::from(descriptor.size));
        bytes <= MAX_SENT
    });
    let fit = fit.count().max(1);
    entries.truncate(fit);
}

pub(crate) fn own_entry(own: &RaftEntry) -> Entry {
    let entry_type = match own.kind {
        EntryKind::Empty => EntryType::EntryNormal,
        EntryKind::ConfChange => EntryType::EntryConfChangeV2,
    };
    Entry {
        index: own.index,
        term: own.term,
        entry_type,
        data: own.payload.clone(),
        ..Entry::default()
    }
}

impl Storage for RaftLog {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState::new(self.hard_state.clone(), self.conf_state.clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low < self.first_index {
            return Err(raft::Error::Store(StorageError::Compacted));
        }
        assert!(
            high <= self.last_index + 1,
            "entries up to {high} of {}",
            self.last_index
        );
        // Only what is sent to a follower can wait for a read.
        let is_sent = context.can_async();
        let mut entries = if self.slot(low).is_some() {
            let front = self.ring.front().map_or(low, |slot| slot.entry.index);
            let range = (low - front) as usize..(high - front) as usize;
            self.ring.range(range).map(|slot| slot.entry.clone()).collect()
        } else if let Some(entries) = self.fetched(low, high) {
            entries
        } else if context.can_async() {
            self.wanted.borrow_mut().push_back((low, high, context));
            return Err(raft::Error::Store(StorageError::LogTemporarilyUnavailable));
        } else {
            let slots = self
                .walk(low, high)
                .map_err(|error| raft::Error::Store(StorageError::Other(error.into())))?;
            slots.into_iter().map(|slot| slot.entry).collect()
        };
        raft::util::limit_size(&mut entries, max_size.into());
        if is_sent {
            limit_batches(&mut entries);
        }
        Ok(entries)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index + 1 < self.first_index {
            return Err(raft::Error::Store(StorageError::Compacted));
        }
        self.term_at(index).ok_or(raft::Error::Store(StorageError::Unavailable))
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.first_index)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last_index)
    }

    /// A follower that is behind the log's start gets segment files, outside of Raft's messages.
    fn snapshot(&self, _: u64, _: u64) -> raft::Result<Snapshot> {
        Err(raft::Error::Store(StorageError::SnapshotTemporarilyUnavailable))
    }
}
