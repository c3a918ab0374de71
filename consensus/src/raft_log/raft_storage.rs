//! What raft-rs asks of the log.

use raft::eraftpb::{Entry, Snapshot};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};

use super::RaftLog;
use crate::descriptor::Descriptor;

/// Bytes of batches that one message names, but for one batch that is larger.
const MAX_SENT: u64 = 1 << 20;

/// Keeps as many entries as one message takes, at least one. Raft counts descriptors, not the batches they stand for.
fn limit_batches(entries: &mut Vec<Entry>) {
    let mut bytes = 0;
    let fit = entries.iter().take_while(|entry| {
        bytes += Descriptor::decode(&entry.data).map_or(0, |descriptor| u64::from(descriptor.size));
        bytes <= MAX_SENT
    });
    let fit = fit.count().max(1);
    entries.truncate(fit);
}

impl Storage for RaftLog {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState::new(self.hard_state.clone(), self.conf_state.clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low < self.first_index {
            return Err(raft::Error::Store(StorageError::Compacted));
        }
        assert!(
            high <= self.last_index + 1,
            "entries up to {high} of {}",
            self.last_index
        );
        // Only what is sent to a follower can wait for a read.
        let is_sent = context.can_async();
        let mut entries = if self.slot(low).is_some() {
            let front = self.ring.front().map_or(low, |slot| slot.entry.index);
            let range = (low - front) as usize..(high - front) as usize;
            self.ring.range(range).map(|slot| slot.entry.clone()).collect()
        } else if let Some(entries) = self.fetched(low, high) {
            entries
        } else if context.can_async() {
            self.wanted.borrow_mut().push_back((low, high, context));
            return Err(raft::Error::Store(StorageError::LogTemporarilyUnavailable));
        } else {
            let slots = self
                .walk(low, high)
                .map_err(|error| raft::Error::Store(StorageError::Other(error.into())))?;
            slots.into_iter().map(|slot| slot.entry).collect()
        };
        raft::util::limit_size(&mut entries, max_size.into());
        if is_sent {
            limit_batches(&mut entries);
        }
        Ok(entries)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index + 1 < self.first_index {
            return Err(raft::Error::Store(StorageError::Compacted));
        }
        self.term_at(index).ok_or(raft::Error::Store(StorageError::Unavailable))
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.first_index)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last_index)
    }

    /// A follower that is behind the log's start gets segment files, outside of Raft's messages.
    fn snapshot(&self, _: u64, _: u64) -> raft::Result<Snapshot> {
        Err(raft::Error::Store(StorageError::SnapshotTemporarilyUnavailable))
    }
}
