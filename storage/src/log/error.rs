//! What can go wrong with a log, with the place and the values that a person needs to act on it.

use std::io;
use std::path::PathBuf;

use crate::producer_state::SequenceError;

/// A failed operation on a log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk refused an operation; the log's content is as before.
    #[error("{operation} {path}: {source}")]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// No room for the write; nothing was appended, and the next append may succeed.
    #[error("no space left on the device for {path}: free some, writes then go on by themselves")]
    Full {
        /// The segment's file.
        path: PathBuf,
    },
    /// A write failed and could not be cut back, or a sync failed: what the disk holds is in doubt until a restart
    /// verifies it.
    #[error("{dir}: a write or sync failed before, the log takes no writes until the broker is restarted")]
    Poisoned {
        /// The partition's directory.
        dir: PathBuf,
    },
    /// The offset is not in the log.
    #[error("offset {offset} is out of range, the log has {start} to {end}")]
    OutOfRange {
        /// The offset asked for.
        offset: i64,
        /// The log start offset.
        start: i64,
        /// The log end offset.
        end: i64,
    },
    /// Bytes below the synced mark do not read as they were written.
    #[error("{0}")]
    Damaged(Damage),
    /// The producer's sequence does not fit.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
}

/// Where and how a log is damaged. Offsets below `offset` can still be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} is damaged at byte {position} (offset {offset}): {reason}")]
pub struct Damage {
    /// The segment's file.
    pub file: String,
    /// The byte in it.
    pub position: u64,
    /// The first offset that cannot be read.
    pub offset: i64,
    /// What was expected and found.
    pub reason: String,
}

impl LogError {
    /// An I/O error with its place; `ENOSPC` and `EDQUOT` become [`LogError::Full`].
    pub(crate) fn io(operation: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LogError::Full { path },
            _ => LogError::Io {
                operation,
                path,
                source,
            },
        }
    }
}
