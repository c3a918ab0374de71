//! Where each leader epoch begins.
//!
//! Invariant: epochs and start offsets both increase strictly from entry to entry.
//!
//! Kept in memory and, as Kafka does (`LeaderEpochFileCache`, KIP-101), in the text file `leader-epoch-checkpoint`:
//!
//! ```text
//! 0                      version
//! 2                      entries
//! 3 0                    epoch, its first offset
//! 7 1042
//! ```
//!
//! An epoch whose leader wrote no batch has no entry of its own once a later epoch begins at the same offset.

#[cfg(test)]
mod tests;

/// The name of the file in a partition's directory.
pub const FILE_NAME: &str = "leader-epoch-checkpoint";

/// Answered where an epoch is not known (`UNDEFINED_EPOCH`, `UNDEFINED_EPOCH_OFFSET`).
pub const UNDEFINED: (i32, i64) = (-1, -1);

const VERSION: &str = "0";

/// One epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEntry {
    /// The leader epoch (Raft term).
    pub epoch: i32,
    /// The first offset written in it.
    pub start_offset: i64,
}

/// Why a checkpoint file is refused. The log then builds it again from its batches.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LeaderEpochsError {
    /// Not text.
    #[error("leader epoch checkpoint is not UTF-8")]
    NotText,
    /// A version that is not known.
    #[error("leader epoch checkpoint has version {found:?}, expected {VERSION}")]
    Version {
        /// What stands in the first line.
        found: String,
    },
    /// A line that is no entry, or one that does not lie behind the line before.
    #[error("leader epoch checkpoint: bad line {line}: {found:?}")]
    Line {
        /// The line's number, from 1.
        line: usize,
        /// Its text.
        found: String,
    },
    /// Lines are missing or too many.
    #[error("leader epoch checkpoint has {found} entries, expected {expected}")]
    Count {
        /// What the file's head says.
        expected: usize,
        /// Entries found.
        found: usize,
    },
}

/// The leader epochs of one log, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    entries: Vec<EpochEntry>,
}

impl LeaderEpochs {
    /// Notes that `epoch` begins at `start_offset` and answers whether anything changed. Entries that contradict it (the
    /// same or a higher epoch, the same or a higher start) are dropped; the same epoch again changes nothing, unless it
    /// begins earlier.
    pub fn assign(&mut self, epoch: i32, start_offset: i64) -> bool {
        debug_assert!(epoch >= 0 && start_offset >= 0, "epoch {epoch} from {start_offset}");
        if self
            .latest()
            .is_some_and(|latest| latest.epoch == epoch && latest.start_offset <= start_offset)
        {
            return false;
        }
        while self
            .latest()
            .is_some_and(|latest| latest.epoch >= epoch || latest.start_offset >= start_offset)
        {
            self.entries.pop();
        }
        self.entries.push(EpochEntry { epoch, start_offset });
        true
    }

    /// The latest epoch.
    pub fn latest(&self) -> Option<EpochEntry> {
        self.entries.last().copied()
    }

    /// The earliest epoch.
    pub fn earliest(&self) -> Option<EpochEntry> {
        self.entries.first().copied()
    }

    /// All, in order.
    pub fn entries(&self) -> &[EpochEntry] {
        &self.entries
    }

    /// What OffsetForLeaderEpoch answers: the largest known epoch at or below the asked one, and its end (the start of the
    /// next, or the log's end for the latest). An epoch before all known ones is answered with the first known start; one
    /// behind all, and −1, with [`UNDEFINED`].
    pub fn end_offset_for(&self, epoch: i32, log_end_offset: i64) -> (i32, i64) {
        if epoch == UNDEFINED.0 {
            return UNDEFINED;
        }
        if self.latest().is_some_and(|latest| latest.epoch == epoch) {
            return (epoch, log_end_offset);
        }
        let higher = self.entries.partition_point(|entry| entry.epoch <= epoch);
        match (
            higher.checked_sub(1).map(|floor| self.entries[floor]),
            self.entries.get(higher),
        ) {
            (_, None) => UNDEFINED,
            (None, Some(next)) => (epoch, next.start_offset),
            (Some(floor), Some(next)) => (floor.epoch, next.start_offset),
        }
    }

    /// The epoch in which `offset` was written; `None` before the first.
    pub fn epoch_for_offset(&self, offset: i64) -> Option<i32> {
        let next = self.entries.partition_point(|entry| entry.start_offset <= offset);
        next.checked_sub(1).map(|slot| self.entries[slot].epoch)
    }

    /// The log now ends at `end_offset`: epochs that begin at or behind it are gone. Answers whether any was.
    pub fn truncate_from_end(&mut self, end_offset: i64) -> bool {
        let before = self.entries.len();
        self.entries
            .truncate(self.entries.partition_point(|entry| entry.start_offset < end_offset));
        self.entries.len() < before
    }

    /// The log now begins at `start_offset`: epochs that end before it are gone, the one that holds it begins there.
    /// Answers whether anything changed.
    pub fn truncate_from_start(&mut self, start_offset: i64) -> bool {
        let Some(first) = self
            .entries
            .partition_point(|entry| entry.start_offset <= start_offset)
            .checked_sub(1)
        else {
            return false;
        };
        let changed = first > 0 || self.entries[first].start_offset != start_offset;
        self.entries.drain(..first);
        self.entries[0].start_offset = start_offset;
        changed
    }

    /// The content of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = format!("{VERSION}\n{}\n", self.entries.len());
        for EpochEntry { epoch, start_offset } in &self.entries {
            text.push_str(&format!("{epoch} {start_offset}\n"));
        }
        text.into_bytes()
    }

    /// Reads a file's content. An empty file, as Kafka creates it, holds no entries.
    pub fn decode(bytes: &[u8]) -> Result<Self, LeaderEpochsError> {
        let text = std::str::from_utf8(bytes).map_err(|_| LeaderEpochsError::NotText)?;
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
        match lines.next() {
            None => return Ok(Self::default()),
            Some((_, VERSION)) => {}
            Some((_, found)) => {
                return Err(LeaderEpochsError::Version {
                    found: found.to_owned(),
                });
            }
        }
        let bad = |line: usize, found: &str| LeaderEpochsError::Line {
            line,
            found: found.to_owned(),
        };
        let Some((line, count)) = lines.next() else {
            return Ok(Self::default());
        };
        let expected: usize = count.parse().map_err(|_| bad(line, count))?;
        let mut epochs = Self::default();
        for (line, found) in lines {
            let entry = parse_entry(found).ok_or_else(|| bad(line, found))?;
            let behind = |last: EpochEntry| entry.epoch > last.epoch && entry.start_offset > last.start_offset;
            if !epochs.latest().is_none_or(behind) {
                return Err(bad(line, found));
            }
            epochs.entries.push(entry);
        }
        if epochs.entries.len() != expected {
            return Err(LeaderEpochsError::Count {
                expected,
                found: epochs.entries.len(),
            });
        }
        Ok(epochs)
    }
}

fn parse_entry(line: &str) -> Option<EpochEntry> {
    let mut words = line.split_ascii_whitespace();
    let entry = EpochEntry {
        epoch: words.next()?.parse().ok()?,
        start_offset: words.next()?.parse().ok()?,
    };
    (words.next().is_none() && entry.epoch >= 0 && entry.start_offset >= 0).then_some(entry)
}
