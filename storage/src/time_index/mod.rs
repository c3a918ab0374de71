//! The sparse index from timestamp to offset.
//!
//! Invariant: entries increase strictly in timestamp and never go back in offset, and every record before an entry's offset
//! has a timestamp at or below the entry's: a scan from the answered offset meets the first record at or above the asked
//! timestamp.
//!
//! The file `<base offset>.timeindex` is Kafka's (`TimeIndex`), big-endian, entries of 12 bytes until its end:
//!
//! ```text
//!  0                 8        12
//!  +-----------------+--------+
//!  | timestamp       | rel    |   timestamp: i64, the largest of the segment so far, ms since the epoch
//!  +-----------------+--------+   rel: i32, offset of the batch that brought it, minus the segment's base offset
//! ```
//!
//! Entries are added beside those of the offset index, and one last when the segment is sealed, so that its last entry is
//! the segment's largest timestamp. The active segment keeps the bytes in memory ([`TimeIndexBuilder`]); a sealed file is
//! read in place ([`TimeIndexView`]). Derived, like the offset index.

#[cfg(test)]
mod tests;

/// Bytes of one entry.
pub const ENTRY_SIZE: usize = 12;

/// The first batch that reached a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeEntry {
    /// The batch's largest timestamp, ms since the epoch.
    pub timestamp: i64,
    /// The batch's last offset.
    pub offset: i64,
}

/// Why an index or an entry is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TimeIndexError {
    /// The file's length is no multiple of the entry size.
    #[error("time index of segment {base_offset}: {len} bytes are no multiple of {ENTRY_SIZE}")]
    Length {
        /// The segment's base offset.
        base_offset: i64,
        /// Bytes found.
        len: usize,
    },
    /// An entry does not lie behind the one before it, or lies outside the segment.
    #[error("time index of segment {base_offset}: entry {slot} is timestamp {timestamp} at offset {offset}")]
    Entry {
        /// The segment's base offset.
        base_offset: i64,
        /// The number of the entry, from 0.
        slot: usize,
        /// The timestamp it names.
        timestamp: i64,
        /// The offset it names.
        offset: i64,
    },
    /// The offset does not fit the file's 31 bits: the segment had to be rolled before.
    #[error("time index of segment {base_offset}: offset {offset} does not fit")]
    TooFar {
        /// The segment's base offset.
        base_offset: i64,
        /// The offset given.
        offset: i64,
    },
}

/// The index of the active segment, growing at its end.
#[derive(Debug, Clone)]
pub struct TimeIndexBuilder {
    base_offset: i64,
    bytes: Vec<u8>,
}

impl TimeIndexBuilder {
    /// An empty index for the segment that begins at `base_offset`.
    pub fn new(base_offset: i64) -> Self {
        Self {
            base_offset,
            bytes: Vec::new(),
        }
    }

    /// Adds the largest timestamp so far and the offset of the batch that brought it. Answers whether there is a new
    /// entry: a timestamp at or below the last one, and a negative one (no timestamp), adds none. An error leaves the
    /// index as it was.
    pub fn push(&mut self, timestamp: i64, offset: i64) -> Result<bool, TimeIndexError> {
        let base_offset = self.base_offset;
        let Some(relative) = offset
            .checked_sub(base_offset)
            .and_then(|r| i32::try_from(r).ok())
            .filter(|r| *r >= 0)
        else {
            return Err(TimeIndexError::TooFar { base_offset, offset });
        };
        let last = self.last();
        if timestamp <= last.map_or(-1, |last| last.timestamp) {
            return Ok(false);
        }
        if last.is_some_and(|last| offset < last.offset) {
            return Err(TimeIndexError::Entry {
                base_offset,
                slot: self.len(),
                timestamp,
                offset,
            });
        }
        self.bytes.extend_from_slice(&timestamp.to_be_bytes());
        self.bytes.extend_from_slice(&relative.to_be_bytes());
        Ok(true)
    }

    /// Drops the entries at and behind `offset`.
    pub fn truncate_to(&mut self, offset: i64) {
        let keep = self.view().first_slot(|entry| entry.offset >= offset);
        self.bytes.truncate(keep * ENTRY_SIZE);
    }

    /// The offset from which to scan for the first record at or above `timestamp`: that of the last entry at or below
    /// it, else the base offset.
    pub fn lookup(&self, timestamp: i64) -> i64 {
        self.view().lookup(timestamp)
    }

    /// The last entry: the largest timestamp indexed.
    pub fn last(&self) -> Option<TimeEntry> {
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

    /// Bytes that the file will have.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The content of the file.
    pub fn encode(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// The entries so far.
    pub fn view(&self) -> TimeIndexView<'_> {
        TimeIndexView {
            base_offset: self.base_offset,
            bytes: &self.bytes,
        }
    }
}

/// The index of a sealed segment, read in place.
#[derive(Debug, Clone, Copy)]
pub struct TimeIndexView<'a> {
    base_offset: i64,
    bytes: &'a [u8],
}

impl<'a> TimeIndexView<'a> {
    /// A view of a file's content. Looks at the length only; call [`Self::sanity_check`] once where the file is opened
    /// after a stop that was not clean.
    pub fn new(base_offset: i64, bytes: &'a [u8]) -> Result<Self, TimeIndexError> {
        if !bytes.len().is_multiple_of(ENTRY_SIZE) {
            return Err(TimeIndexError::Length {
                base_offset,
                len: bytes.len(),
            });
        }
        Ok(Self { base_offset, bytes })
    }

    /// Whether every entry lies behind the one before it and below `next_offset`, the first offset behind the segment.
    pub fn sanity_check(&self, next_offset: i64) -> Result<(), TimeIndexError> {
        let mut before: Option<TimeEntry> = None;
        for (slot, entry) in self.iter().enumerate() {
            let TimeEntry { timestamp, offset } = entry;
            let behind = before.is_none_or(|before| timestamp > before.timestamp && offset >= before.offset);
            if !behind || timestamp < 0 || offset < self.base_offset || offset >= next_offset {
                return Err(TimeIndexError::Entry {
                    base_offset: self.base_offset,
                    slot,
                    timestamp,
                    offset,
                });
            }
            before = Some(entry);
        }
        Ok(())
    }

    /// The offset from which to scan for the first record at or above `timestamp`: that of the last entry at or below
    /// it, else the base offset.
    pub fn lookup(&self, timestamp: i64) -> i64 {
        self.entry_at_or_before(timestamp)
            .map_or(self.base_offset, |entry| entry.offset)
    }

    /// The last entry at or below `timestamp`.
    pub fn entry_at_or_before(&self, timestamp: i64) -> Option<TimeEntry> {
        let slot = self.first_slot(|entry| entry.timestamp > timestamp);
        slot.checked_sub(1).map(|slot| self.entry(slot))
    }

    /// The last entry: the segment's largest timestamp.
    pub fn last(&self) -> Option<TimeEntry> {
        self.len().checked_sub(1).map(|slot| self.entry(slot))
    }

    /// The entries, in order.
    pub fn iter(self) -> impl Iterator<Item = TimeEntry> + 'a {
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

    /// The first slot whose entry is past the point, by halving; the number of entries where none is.
    fn first_slot(&self, past: impl Fn(TimeEntry) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if past(self.entry(middle)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    fn entry(&self, slot: usize) -> TimeEntry {
        let bytes = &self.bytes[slot * ENTRY_SIZE..(slot + 1) * ENTRY_SIZE];
        let timestamp = i64::from_be_bytes(bytes[..8].try_into().expect("8 bytes"));
        let relative = i32::from_be_bytes(bytes[8..].try_into().expect("4 bytes"));
        TimeEntry {
            timestamp,
            offset: self.base_offset.wrapping_add(i64::from(relative)),
        }
    }
}
