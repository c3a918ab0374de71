//! The log as Raft sees it: entries by index, answered from memory for all that is uncommitted or unapplied, and from the
//! segments' headers for what is older.
//!
//! Invariant: it answers the log as of the last Ready that was taken. A batch that is written and not yet in a Ready is not
//! in it.

mod raft_storage;
mod walk;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use raft::GetEntriesContext;
use raft::eraftpb::{ConfState, Entry, EntryType, HardState};
use storage::journal::{EntryKind, GroupState, RaftEntry, SyncedMark};
use storage::log::{Log, LogPosition, Segment, TailBatch};
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
    /// The base offset of the segment that has the first entry.
    begin: i64,
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
        // What the cleaner wrote lies below Raft's beginning.
        let start = log.first_uncleaned();
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
            begin: start,
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
        let segments = self.raft_segments();
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

    /// The segments that have Raft's entries.
    fn raft_segments(&self) -> Vec<Arc<Segment>> {
        let segments = self.log.reader().segments();
        let has_entries = |segment: &&Arc<Segment>| segment.base_offset() >= self.begin;
        segments.iter().filter(has_entries).cloned().collect()
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
            return Ok(LogPosition {
                offset: self.begin,
                segment_base: self.begin,
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

    /// Raft's log begins at segment `base` now, unless it begins later.
    pub(crate) fn compact_to(&mut self, base: i64) {
        let Some(&index) = self.anchors.get(&base).filter(|_| base > self.begin) else {
            return;
        };
        self.begin = base;
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

    /// The base offset of the segment with Raft's first entry.
    pub(crate) fn begin(&self) -> i64 {
        self.begin
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
}

fn batch_entry(index: u64, term: u64, header: &BatchHeader) -> Entry {
    Entry {
        index,
        term,
        data: Descriptor::of(header).encode().into(),
        ..Entry::default()
    }
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
