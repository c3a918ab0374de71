//! The sparse index from offset to file position.
//!
//! Invariant: entries increase strictly in offset, and a look-up never answers a position behind the batch that holds the
//! offset: a scan from the answered position always meets it.
//!
//! The file `<base offset>.index` is Kafka's (`OffsetIndex`), big-endian, entries of 8 bytes until its end:
//!
//! ```text
//!  0        4        8
//!  +--------+--------+
//!  | rel    | pos    |   rel: i32, last offset of a batch minus the segment's base offset
//!  +--------+--------+   pos: i32, where that batch begins in the `.log` file
//! ```
//!
//! The active segment keeps the same bytes in memory ([`OffsetIndexBuilder`]) and writes them as a file when it is sealed;
//! a sealed file is read in place ([`OffsetIndexView`]). The index is derived: where it is missing or fails
//! [`OffsetIndexView::sanity_check`], it is built again from the batches.

#[cfg(test)]
mod tests;

use crate::planted::{Bug, is_planted};

/// Bytes of one entry.
pub const ENTRY_SIZE: usize = 8;

/// Where a batch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetEntry {
    /// The last offset of the batch.
    pub offset: i64,
    /// The batch's first byte in the segment file.
    pub position: u32,
}

/// Why an index or an entry is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OffsetIndexError {
    /// The file's length is no multiple of the entry size.
    #[error("offset index of segment {base_offset}: {len} bytes are no multiple of {ENTRY_SIZE}")]
    Length {
        /// The segment's base offset.
        base_offset: i64,
        /// Bytes found.
        len: usize,
    },
    /// An entry does not lie behind the one before it, or lies outside the segment.
    #[error("offset index of segment {base_offset}: entry {slot} is offset {offset} at position {position}")]
    Entry {
        /// The segment's base offset.
        base_offset: i64,
        /// The number of the entry, from 0.
        slot: usize,
        /// The offset it names.
        offset: i64,
        /// The position it names.
        position: u32,
    },
    /// The offset does not fit the file's 31 bits, or the position does not: the segment had to be rolled before.
    #[error("offset index of segment {base_offset}: offset {offset} at position {position} does not fit")]
    TooFar {
        /// The segment's base offset.
        base_offset: i64,
        /// The offset given.
        offset: i64,
        /// The position given.
        position: u32,
    },
}

/// The index of the active segment, growing at its end.
#[derive(Debug, Clone)]
pub struct OffsetIndexBuilder {
    base_offset: i64,
    bytes: Vec<u8>,
}

impl OffsetIndexBuilder {
    /// An empty index for the segment that begins at `base_offset`.
    pub fn new(base_offset: i64) -> Self {
        Self {
            base_offset,
            bytes: Vec::new(),
        }
    }

    /// Adds the batch that begins at `position` and ends with `last_offset`. Both increase from call to call, the
    /// position from 0 on; an error leaves the index as it was.
    pub fn push(&mut self, last_offset: i64, position: u32) -> Result<(), OffsetIndexError> {
        let base_offset = self.base_offset;
        let too_far = OffsetIndexError::TooFar {
            base_offset,
            offset: last_offset,
            position,
        };
        let Some(relative) = relative(base_offset, last_offset) else {
            return Err(too_far);
        };
        if position > i32::MAX as u32 {
            return Err(too_far);
        }
        if let Some(last) = self.last()
            && (last_offset <= last.offset || position <= last.position)
        {
            return Err(OffsetIndexError::Entry {
                base_offset,
                slot: self.len(),
                offset: last_offset,
                position,
            });
        }
        self.bytes.extend_from_slice(&relative.to_be_bytes());
        self.bytes.extend_from_slice(&position.to_be_bytes());
        Ok(())
    }

    /// Drops the entries at and behind `offset`.
    pub fn truncate_to(&mut self, offset: i64) {
        let keep = self.view().entries_below(offset);
        self.bytes.truncate(keep * ENTRY_SIZE);
    }

    /// Where to begin a scan for `offset`: the position of the last entry at or before it, else 0.
    pub fn lookup(&self, offset: i64) -> u32 {
        self.view().lookup(offset)
    }

    /// The last entry.
    pub fn last(&self) -> Option<OffsetEntry> {
        self.view().last()
    }

    /// Entries.
    pub fn len(&self) -> usize {
        self.bytes.len() / ENTRY_SIZE
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that the file will have; `segment.index.bytes` bounds it (the log rolls before).
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The content of the file.
    pub fn encode(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// The entries so far.
    pub fn view(&self) -> OffsetIndexView<'_> {
        OffsetIndexView {
            base_offset: self.base_offset,
            bytes: &self.bytes,
        }
    }
}

/// The index of a sealed segment, read in place.
#[derive(Debug, Clone, Copy)]
pub struct OffsetIndexView<'a> {
    base_offset: i64,
    bytes: &'a [u8],
}

impl<'a> OffsetIndexView<'a> {
    /// A view of a file's content. Looks at the length only; call [`Self::sanity_check`] once where the file is opened
    /// after a stop that was not clean.
    pub fn new(base_offset: i64, bytes: &'a [u8]) -> Result<Self, OffsetIndexError> {
        if !bytes.len().is_multiple_of(ENTRY_SIZE) {
            return Err(OffsetIndexError::Length {
                base_offset,
                len: bytes.len(),
            });
        }
        Ok(Self { base_offset, bytes })
    }

    /// Whether every entry lies behind the one before it and inside a segment of `segment_size` bytes.
    pub fn sanity_check(&self, segment_size: u64) -> Result<(), OffsetIndexError> {
        let mut before: Option<OffsetEntry> = None;
        for (slot, entry) in self.iter().enumerate() {
            let OffsetEntry { offset, position } = entry;
            let behind = before.is_none_or(|before| offset > before.offset && position > before.position);
            if !behind || offset < self.base_offset || u64::from(position) >= segment_size {
                return Err(OffsetIndexError::Entry {
                    base_offset: self.base_offset,
                    slot,
                    offset,
                    position,
                });
            }
            before = Some(entry);
        }
        Ok(())
    }

    /// Where to begin a scan for `offset`: the position of the last entry at or before it, else 0.
    pub fn lookup(&self, offset: i64) -> u32 {
        self.entry_at_or_before(offset).map_or(0, |entry| entry.position)
    }

    /// The last entry at or before `offset`.
    pub fn entry_at_or_before(&self, offset: i64) -> Option<OffsetEntry> {
        let mut slot = self.entries_below(offset.saturating_add(1));
        if is_planted(Bug::IndexOffByOne) && slot < self.len() {
            slot += 1;
        }
        slot.checked_sub(1).map(|slot| self.entry(slot))
    }

    /// The last entry whose batch begins at or before `position`.
    pub fn boundary(&self, position: u32) -> Option<OffsetEntry> {
        let after = self.first_slot(|entry| entry.position > position);
        after.checked_sub(1).map(|slot| self.entry(slot))
    }

    /// The last entry.
    pub fn last(&self) -> Option<OffsetEntry> {
        self.len().checked_sub(1).map(|slot| self.entry(slot))
    }

    /// The entries, in order.
    pub fn iter(self) -> impl Iterator<Item = OffsetEntry> + 'a {
        (0..self.len()).map(move |slot| self.entry(slot))
    }

    /// Entries.
    pub fn len(&self) -> usize {
        self.bytes.len() / ENTRY_SIZE
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn entries_below(&self, offset: i64) -> usize {
        self.first_slot(|entry| entry.offset >= offset)
    }

    fn first_slot(&self, is_behind: impl Fn(OffsetEntry) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if is_behind(self.entry(middle)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    fn entry(&self, slot: usize) -> OffsetEntry {
        let at = slot * ENTRY_SIZE;
        let word = |at: usize| u32::from_be_bytes(self.bytes[at..at + 4].try_into().expect("4 bytes"));
        OffsetEntry {
            offset: self.base_offset.wrapping_add(i64::from(word(at) as i32)),
            position: word(at + 4),
        }
    }
}

/// The offset as the file holds it; `None` where it does not fit.
fn relative(base_offset: i64, offset: i64) -> Option<i32> {
    i32::try_from(offset.checked_sub(base_offset)?)
        .ok()
        .filter(|relative| *relative >= 0)
}
