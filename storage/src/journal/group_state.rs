//! What the journal's records add up to.
//!
//! Invariant: applying the same records in the same order gives the same state, whether they come from an append, from the
//! file at open, or from the live state of a rewritten file and what was appended since.

use std::collections::BTreeMap;

use super::record::{
    Anchor, Checkpoint, CleanedSegment, Decoded, EpochStart, GroupId, HardState, NodeRecord, RaftEntry, Record,
    SyncedMark, decode,
};

/// Bytes of records after which the live state goes on in another write.
const LIVE_WRITE: usize = 1 << 20;

/// The state of one group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupState {
    /// Term and vote.
    pub hard_state: HardState,
    /// Raft's own entries, by increasing index; between them stand the batches of the segments.
    pub entries: Vec<RaftEntry>,
    /// The last checkpoint. Each anchor carries a commit and an applied index as well, which may be newer.
    pub checkpoint: Option<Checkpoint>,
    /// The anchors by their segment's base offset.
    pub anchors: BTreeMap<i64, Anchor>,
    /// How far the segments are synced.
    pub synced_mark: Option<SyncedMark>,
    /// The log start offset that was asked for, if ever: see [`Record::StartOffset`].
    pub start_offset: Option<i64>,
    /// The segments that the cleaner has written, by base offset: all those below the first anchor.
    pub cleaned: BTreeMap<i64, CleanedSegment>,
    /// The one of them that may still have to be put in its place.
    pub replacing: Option<i64>,
    /// How far the cleaner has looked at the log.
    pub dirty_from: Option<i64>,
    /// The terms that began below the first anchor, where there are cleaned segments: Raft has no entries of them any more.
    pub epochs: Vec<EpochStart>,
}

impl GroupState {
    fn apply(&mut self, record: &Record) {
        match record {
            Record::HardState(hard_state) => self.hard_state = *hard_state,
            Record::Entry(entry) => {
                self.drop_entries_from(entry.index);
                self.entries.push(entry.clone());
            }
            Record::Cut { from_index } => {
                self.drop_entries_from(*from_index);
                // An anchor's index is the last before its segment, so one at `from_index - 1` still stands.
                self.anchors.retain(|_, anchor| anchor.index < *from_index);
                self.synced_mark = self.synced_mark.filter(|mark| mark.last_index < *from_index);
            }
            Record::Checkpoint(checkpoint) => self.checkpoint = Some(checkpoint.clone()),
            Record::Anchor(anchor) => {
                self.anchors.insert(anchor.segment_base, *anchor);
            }
            Record::AnchorsDropped { below } => {
                self.drop_anchors_below(*below);
                // The last that began before is in force there.
                let begun = self.epochs.partition_point(|epoch| epoch.start <= *below);
                self.epochs.drain(..begun.saturating_sub(1));
                self.cleaned = self.cleaned.split_off(below);
                if self.cleaned.is_empty() {
                    // Terms may have begun since whose entries go with the anchors: the first one left says which is in
                    // force there.
                    self.epochs.clear();
                }
                self.replacing = self.replacing.filter(|base| base >= below);
            }
            Record::SyncedMark(mark) => self.synced_mark = Some(*mark),
            Record::Cleaned(cleaned) => {
                let CleanedSegment {
                    base_offset,
                    end_offset,
                    ..
                } = *cleaned;
                self.keep_epochs_below(end_offset);
                self.drop_anchors_below(end_offset);
                self.cleaned.retain(|base, _| !(base_offset..end_offset).contains(base));
                self.cleaned.insert(base_offset, *cleaned);
                self.replacing = Some(base_offset);
            }
            Record::CleanedInPlace => self.replacing = None,
            Record::DirtyFrom { offset } => self.dirty_from = Some(*offset),
            Record::Epoch(epoch) => self.push_epoch(*epoch),
            Record::GroupRemoved => *self = Self::default(),
            Record::StartOffset { offset } => self.start_offset = Some(*offset),
        }
    }

    fn drop_anchors_below(&mut self, base: i64) {
        self.anchors = self.anchors.split_off(&base);
        if let Some((_, first)) = self.anchors.first_key_value() {
            let index = first.index;
            self.entries
                .drain(..self.entries.partition_point(|entry| entry.index <= index));
        }
    }

    /// Remembers where the terms began whose entries go with the anchors below `base`.
    fn keep_epochs_below(&mut self, base: i64) {
        let Some((&first, anchor)) = self.anchors.first_key_value() else {
            return;
        };
        if self.epochs.is_empty() && self.entries.first().is_none_or(|entry| entry.index > 1) {
            self.push_epoch(EpochStart {
                term: anchor.term_before,
                start: first,
            });
        }
        let Some((_, anchor)) = self.anchors.range(base..).next() else {
            return;
        };
        let gone = self.entries.partition_point(|entry| entry.index <= anchor.index);
        let begun: Vec<_> = self.entries[..gone]
            .iter()
            .map(|entry| (entry.term, entry.next_offset))
            .collect();
        for (term, start) in begun {
            self.push_epoch(EpochStart { term, start });
        }
    }

    /// An epoch that has no batch counts for nothing: the next one begins where it did.
    fn push_epoch(&mut self, epoch: EpochStart) {
        if self.epochs.last().is_some_and(|last| last.term >= epoch.term) {
            return;
        }
        while self.epochs.last().is_some_and(|last| last.start >= epoch.start) {
            self.epochs.pop();
        }
        self.epochs.push(epoch);
    }

    /// The records of the cleaned segments: the one that is not in its place yet comes last.
    fn cleaned_records(&self) -> impl Iterator<Item = Record> {
        let is_replacing = |base: &i64| Some(*base) == self.replacing;
        let in_place = self.cleaned.iter().filter(move |(base, _)| !is_replacing(base));
        let replacing = self.cleaned.iter().filter(move |(base, _)| is_replacing(base));
        let epochs = self.epochs.iter().copied().map(Record::Epoch);
        epochs
            .chain(in_place.map(|(_, cleaned)| Record::Cleaned(*cleaned)))
            .chain((!self.cleaned.is_empty()).then_some(Record::CleanedInPlace))
            .chain(replacing.map(|(_, cleaned)| Record::Cleaned(*cleaned)))
            .chain(self.dirty_from.map(|offset| Record::DirtyFrom { offset }))
    }

    fn drop_entries_from(&mut self, index: u64) {
        self.entries
            .truncate(self.entries.partition_point(|entry| entry.index < index));
    }

    /// The fewest records that give this state.
    fn live_records(&self) -> impl Iterator<Item = Record> {
        // What the cleaner did stands before the anchors: there it drops none.
        std::iter::once(Record::HardState(self.hard_state))
            .chain(self.cleaned_records())
            .chain(self.entries.iter().cloned().map(Record::Entry))
            .chain(self.anchors.values().copied().map(Record::Anchor))
            .chain(self.checkpoint.iter().cloned().map(Record::Checkpoint))
            .chain(self.synced_mark.into_iter().map(Record::SyncedMark))
            .chain(self.start_offset.map(|offset| Record::StartOffset { offset }))
    }
}

/// The state of all groups and of the node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Mirror {
    pub(super) groups: BTreeMap<GroupId, GroupState>,
    /// Of the last start.
    pub(super) boot_id: Option<String>,
    /// Whether the last record says that the node stopped.
    pub(super) stopped: bool,
    /// Whether the file's live state is whole.
    pub(super) complete: bool,
    /// Bytes of the records in [`Self::live`], heads of writes aside.
    live_bytes: usize,
}

impl Mirror {
    pub(super) fn apply(&mut self, group: GroupId, record: &Record) {
        self.stopped = false;
        if matches!(record, Record::GroupRemoved) {
            if let Some(state) = self.groups.remove(&group) {
                self.live_bytes -= state.live_records().map(|record| record.size()).sum::<usize>();
            }
            return;
        }
        let state = self.groups.entry(group).or_insert_with(|| {
            self.live_bytes += HardState::SIZE;
            GroupState::default()
        });
        // Only what this record touches is measured: a group may have thousands of anchors.
        let measure = |state: &GroupState| match record {
            Record::HardState(_) | Record::GroupRemoved => 0,
            Record::Entry(RaftEntry { index: from_index, .. }) | Record::Cut { from_index } => {
                let from = state.entries.partition_point(|entry| entry.index < *from_index);
                let entries: usize = state.entries[from..].iter().map(RaftEntry::size).sum();
                entries + state.anchors.len() * Anchor::SIZE + state.synced_mark.map_or(0, |_| SyncedMark::SIZE)
            }
            Record::Checkpoint(_) => state.checkpoint.as_ref().map_or(0, Checkpoint::size),
            Record::Anchor(_) => state.anchors.len() * Anchor::SIZE,
            Record::AnchorsDropped { .. }
            | Record::Cleaned(_)
            | Record::CleanedInPlace
            | Record::Epoch(_)
            | Record::DirtyFrom { .. } => {
                let cleaned: usize = state.cleaned_records().map(|record| record.size()).sum();
                let entries: usize = state.entries.iter().map(RaftEntry::size).sum();
                state.anchors.len() * Anchor::SIZE + entries + cleaned
            }
            Record::SyncedMark(_) => state.synced_mark.map_or(0, |_| SyncedMark::SIZE),
            Record::StartOffset { .. } => state.start_offset.map_or(0, |_| Record::START_OFFSET_SIZE),
        };
        let before = measure(state);
        state.apply(record);
        self.live_bytes = self.live_bytes + measure(state) - before;
    }

    pub(super) fn apply_node(&mut self, record: &NodeRecord) {
        match record {
            NodeRecord::Started { boot_id } => {
                self.boot_id = Some(boot_id.clone());
                self.stopped = false;
            }
            NodeRecord::Stopped => self.stopped = true,
            NodeRecord::Complete => self.complete = true,
        }
    }

    /// Applies the records of a sound write. An error says what is not understood.
    pub(super) fn apply_write(&mut self, mut body: &[u8]) -> Result<(), &'static str> {
        while !body.is_empty() {
            match decode(&mut body)? {
                Decoded::Group(group, record) => self.apply(group, &record),
                Decoded::Node(record) => self.apply_node(&record),
            }
        }
        Ok(())
    }

    /// About the bytes of a file that holds nothing but the live state.
    pub(super) fn live_bytes(&self) -> usize {
        self.live_bytes
    }

    /// The live state, as the records of several writes.
    pub(super) fn live(&self) -> Vec<Vec<u8>> {
        let mut writes = Vec::new();
        let mut write = Vec::new();
        if let Some(boot_id) = &self.boot_id {
            NodeRecord::Started {
                boot_id: boot_id.clone(),
            }
            .encode(&mut write);
        }
        for (group, state) in &self.groups {
            for record in state.live_records() {
                record.encode(*group, &mut write);
                if write.len() >= LIVE_WRITE {
                    writes.push(std::mem::take(&mut write));
                }
            }
        }
        if self.stopped {
            NodeRecord::Stopped.encode(&mut write);
        }
        if !write.is_empty() {
            writes.push(write);
        }
        writes
    }
}
