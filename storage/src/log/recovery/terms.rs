//! Which raft index and which term comes next, on a walk over batches and the journal's entries.

use crate::journal::{GroupState, RaftEntry, SyncedMark};

/// Whether retention has removed what is before the first anchor: with the anchors before it the journal dropped the
/// entries before it, and a log that still has its beginning has the entry of index 1, which begins its first term.
pub(in crate::log) fn has_dropped(group: &GroupState) -> bool {
    let has_first = group.entries.first().is_some_and(|entry| entry.index == 1);
    !has_first && !group.anchors.is_empty()
}

/// Where a log begins by the journal alone. The cleaner leaves that as it is, and lets Raft begin later.
pub(in crate::log) fn log_start(group: &GroupState) -> i64 {
    let first = group.cleaned.keys().next();
    first.copied().unwrap_or_else(|| start(group))
}

/// Where Raft's log begins by the journal alone.
pub(in crate::log) fn start(group: &GroupState) -> i64 {
    let anchors = group.anchors.keys();
    anchors.copied().next().filter(|_| has_dropped(group)).unwrap_or(0)
}

/// The synced mark. One at the end of the last segment that retention has removed is one at the start of the log.
pub(in crate::log) fn synced_mark(group: &GroupState) -> Option<SyncedMark> {
    let mark = group.synced_mark?;
    let is_removed = mark.next_offset == start(group) && mark.segment_base < mark.next_offset;
    Some(match is_removed {
        true => SyncedMark {
            segment_base: mark.next_offset,
            position: 0,
            ..mark
        },
        false => mark,
    })
}

/// Whether the mark vouches for any batch, or for a segment that is not the first.
pub(in crate::log) fn has_synced(group: &GroupState) -> bool {
    !group.cleaned.is_empty()
        || synced_mark(group).is_some_and(|mark| mark.position > 0 || mark.next_offset != start(group))
}

/// The term of the batch at `offset`, as far as the journal still knows.
pub(in crate::log) fn term_at(group: &GroupState, offset: i64) -> Option<u64> {
    let begun = group.entries.partition_point(|entry| entry.next_offset <= offset);
    if let Some(last) = begun.checked_sub(1) {
        return Some(group.entries[last].term);
    }
    let begun = group.epochs.partition_point(|epoch| epoch.start <= offset);
    let (&base, anchor) = group.anchors.first_key_value()?;
    if let Some(last) = begun.checked_sub(1).filter(|_| offset < base) {
        return Some(group.epochs[last].term);
    }
    (has_dropped(group) && base <= offset).then_some(anchor.term_before)
}

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
