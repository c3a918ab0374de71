//! What the journal says of a log: where it begins, how far it was synced, and in which term each batch was written.

use super::super::files::{CLEANED, LOG, parse_name};
use super::super::recovery::{StopKind, has_dropped, has_synced, log_start, start, synced_mark, term_at};
use crate::disk::Entry;
use crate::journal::{GroupState, SyncedMark};
use crate::record_batch::BatchHeader;

/// What the journal says of a log, and how the broker stopped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Journaled<'a> {
    pub(super) group: &'a GroupState,
    pub(super) stop: StopKind,
}

impl Journaled<'_> {
    /// Takes a segment that the cleaner has written, and that waits to be put in its place, for what it replaces: the next
    /// start goes on with that. Answers its base offset where it waits.
    pub(super) fn replace(&self, entries: &[Entry], bases: &mut Vec<i64>) -> Option<i64> {
        let cleaned = self.group.cleaned.get(&self.group.replacing?)?;
        let (base, end) = (cleaned.base_offset, cleaned.end_offset);
        bases.retain(|&other| !(base < other && other < end));
        let aside = format!("{LOG}.{CLEANED}");
        let waits = entries
            .iter()
            .any(|entry| parse_name(&entry.name) == Some((base, &aside)));
        if waits && !bases.contains(&base) {
            bases.push(base);
            bases.sort_unstable();
        }
        waits.then_some(base)
    }

    /// Drops the segments that retention was removing: the next start goes on with that.
    pub(super) fn drop_expired(&self, bases: &mut Vec<i64>) {
        let start = log_start(self.group);
        if has_dropped(self.group) && bases.contains(&start) {
            bases.retain(|&base| base >= start);
        }
    }

    /// Where the log must begin: nowhere, where nothing of it was synced.
    pub(super) fn start(&self) -> Option<i64> {
        has_synced(self.group).then(|| log_start(self.group))
    }

    /// The mark, where it vouches for anything.
    pub(super) fn mark(&self) -> Option<SyncedMark> {
        synced_mark(self.group).filter(|_| has_synced(self.group))
    }

    /// The batch of the segment at `base` that ends at byte `end` is the last below the mark, or behind it: does the mark
    /// fit it? And is it of the term that the journal says?
    pub(super) fn check(&self, header: &BatchHeader, base: i64, begin: u64, end: u64) -> Result<(), String> {
        if let Some(term) = term_at(self.group, header.base_offset)
            && i64::from(header.leader_epoch) != term as i64
        {
            return Err(format!(
                "epoch {} stands where the journal says {term}",
                header.leader_epoch
            ));
        }
        let Some(mark) = self.mark().filter(|mark| mark.segment_base == base) else {
            return Ok(());
        };
        let is_crossed = begin < mark.position && mark.position <= end;
        if is_crossed && (end, header.next_offset()) != (mark.position, mark.next_offset) {
            return Err(format!(
                "the journal says that offset {} begins at byte {}, and a batch up to offset {} ends at byte {end}",
                mark.next_offset,
                mark.position,
                header.last_offset()
            ));
        }
        Ok(())
    }

    /// Why a log whose good batches end at `end` lacks some, where it does.
    pub(super) fn lacks(&self, bases: &[i64], end: i64) -> Option<String> {
        let mark = self.mark()?;
        if end < mark.next_offset {
            return Some(format!(
                "the journal says that it was synced up to offset {}",
                mark.next_offset
            ));
        }
        let is_there = bases.contains(&mark.segment_base);
        (!is_there).then(|| format!("the journal says that there was a segment at {}", mark.segment_base))
    }

    /// Whether what is bad at `offset` was never synced and is what the next start cuts: all that is there after a power
    /// cut, and the write that a kill cut off.
    pub(super) fn is_tail(&self, offset: i64, is_cut_off: bool) -> bool {
        let synced = self.mark().map_or(start(self.group), |mark| mark.next_offset);
        offset >= synced
            && match self.stop {
                StopKind::Clean => false,
                StopKind::Killed => is_cut_off,
                StopKind::Rebooted => true,
            }
    }
}
