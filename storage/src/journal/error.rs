//! What can go wrong with the journal.

use std::io;
use std::path::{Path, PathBuf};

/// Why the journal cannot be opened, appended to or synced.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk refused. On an append the journal is as before; `source` tells a full disk (`StorageFull`) from others.
    #[error("journal: cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Something that was synced is not what was written. Term, vote and entries are in doubt: the node must not start.
    #[error("journal damaged at byte {position} of {}, which was synced up to byte {synced_end}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first byte that cannot be read as it was written.
        position: u64,
        /// How far the file was synced.
        synced_end: u64,
    },
    /// There are journal files, none of them is whole, and it cannot be that none was ever in use.
    #[error("journal damaged: no whole generation in {}", dir.display())]
    NoWholeGeneration {
        /// The journal's directory.
        dir: PathBuf,
    },
    /// A sound file of a version that is not known.
    #[error("journal {} has version {found}, expected {expected}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version that is known.
        expected: u32,
    },
    /// A sound write with a record that is not known.
    #[error("journal {}: unknown record in the write at byte {position}: {reason}", path.display())]
    UnknownRecord {
        /// The file.
        path: PathBuf,
        /// Where the write begins.
        position: u64,
        /// What is not understood.
        reason: &'static str,
    },
    /// More bytes than the journal takes at once; nothing was written.
    #[error("journal: {len} bytes are more than the {limit} allowed")]
    TooLarge {
        /// Bytes given.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A sync, or taking back a failed write, failed before. Final until restart.
    #[error("journal {} is poisoned until restart: {reason}", path.display())]
    Poisoned {
        /// The file.
        path: PathBuf,
        /// The first failure.
        reason: String,
    },
}

impl JournalError {
    pub(super) fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            operation,
            path: path.to_owned(),
            source,
        }
    }
}
