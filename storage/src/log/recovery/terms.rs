//! Which raft index and which term comes next, on a walk over batches and the journal's entries.

use crate::journal::{GroupState, RaftEntry, SyncedMark};

/// Walks the journal's entries beside the batches.
pub(in crate::log) struct Terms<'a> {
    entries: &'a [RaftEntry],
    /// The raft index of the last entry passed.
    pub(in crate::log) index: u64,
    /// The term in force.
    pub(in crate::log) term: u64,
}

impl<'a> Terms<'a> {
    /// Behind the last entry that `mark` covers. An anchor at or below the mark may know of entries behind the last
    /// batch, which the journal has dropped since.
    pub(in crate::log) fn new(group: &'a GroupState, mark: &SyncedMark) -> Self {
        let mut index = mark.last_index;
        let mut term = 0;
        for anchor in group
            .anchors
            .values()
            .take_while(|anchor| anchor.segment_base <= mark.next_offset)
        {
            index = index.max(anchor.index);
            term = term.max(anchor.term_before);
        }
        let passed = group.entries.partition_point(|entry| entry.index <= index);
        if let Some(last) = passed.checked_sub(1) {
            term = term.max(group.entries[last].term);
        }
        Terms {
            entries: &group.entries[passed..],
            index,
            term,
        }
    }

    /// Passes the journal's entries that stand before the batch at `offset`.
    pub(in crate::log) fn consume_at(&mut self, offset: i64) {
        while let Some((next, rest)) = self.entries.split_first() {
            if next.index != self.index + 1 || next.next_offset != offset {
                return;
            }
            self.index = next.index;
            self.term = next.term;
            self.entries = rest;
        }
    }

    /// Passes a batch.
    pub(in crate::log) fn consume_batch(&mut self) -> u64 {
        self.index += 1;
        self.index
    }

    /// The first entry that was not passed.
    pub(in crate::log) fn next(&self) -> Option<u64> {
        self.entries.first().map(|entry| entry.index)
    }
}
