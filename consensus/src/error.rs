//! Why a replica refuses or fails.

use std::io::ErrorKind;

use storage::journal::JournalError;
use storage::log::LogError;

/// Why a batch was not appended. Nothing of it is in the log.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// This replica does not lead (NOT_LEADER_OR_FOLLOWER).
    #[error("this replica does not lead the partition")]
    NotLeader,
    /// It leads, but its term's first entry is not durable yet; it will be in a moment.
    #[error("the leader's term has just begun")]
    NotReady,
    /// Too many bytes wait for their commit; there is room again when some are committed.
    #[error("{bytes} bytes wait for their commit")]
    Backlog {
        /// Bytes appended and not committed.
        bytes: u64,
    },
    /// The log refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The replica failed before, or just now.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// Why a change of the members was not proposed.
#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    /// This replica does not lead.
    #[error("this replica does not lead the partition")]
    NotLeader,
    /// Its term has just begun, or another change is under way; try again in a moment.
    #[error("the leader's term has just begun, or another membership change is under way")]
    NotReady,
    /// A group without voters could never decide anything again.
    #[error("node {0} is the group's last voter")]
    LastVoter(u64),
    /// The replica failed before, or just now.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// A replica that is out of service until it is opened again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReplicaError {
    /// A write or sync failed in a way that only a restart can clear up.
    #[error("the partition is out of service until the broker is restarted: {0}")]
    Poisoned(String),
    /// A broken invariant, or no room for the journal: what is in memory is ahead of the disk, and the replica can be
    /// opened again from there.
    #[error("the partition's replica failed: {0}")]
    Panicked(String),
}

impl From<JournalError> for ReplicaError {
    fn from(error: JournalError) -> Self {
        match &error {
            JournalError::Io { source, .. } if source.kind() == ErrorKind::StorageFull => {
                ReplicaError::Panicked(error.to_string())
            }
            _ => ReplicaError::Poisoned(error.to_string()),
        }
    }
}

impl From<LogError> for ReplicaError {
    fn from(error: LogError) -> Self {
        ReplicaError::Poisoned(error.to_string())
    }
}
