//! Opens one partition: its directory, its log, its replica.

use std::collections::BTreeSet;
use std::sync::Arc;

use consensus::{OpenReplica, Replica, ReplicaError};
use parking_lot::Mutex;
use storage::disk::write_all_at;
use storage::journal::{GroupId, GroupState, Journal};
use storage::log::{LogError, LogFiles, PARTITION_METADATA, Recovery, StopKind, is_own_name};
use uuid::Uuid;

use super::flush_queue::FlushQueue;
use super::partition::{Partition, PartitionSettings};
use super::{strays, topic_id};

/// What it takes to open a partition.
pub(super) struct OpenPartition<'a> {
    pub(super) topic: Arc<str>,
    pub(super) id: GroupId,
    pub(super) files: LogFiles,
    pub(super) settings: PartitionSettings,
    pub(super) node_id: u64,
    pub(super) voters: &'a [u64],
    pub(super) journal: &'a Arc<Journal>,
    pub(super) flush_queue: &'a Arc<FlushQueue>,
    pub(super) state: GroupState,
    pub(super) stop: StopKind,
    pub(super) now_ms: i64,
    /// Topics that were deleted.
    pub(super) deleted: &'a Mutex<BTreeSet<Uuid>>,
    /// The filesystem was synced after [`OpenPartition::settle_lengths`].
    pub(super) is_filesystem_synced: bool,
}

impl OpenPartition<'_> {
    /// See [`Recovery::settle_lengths`].
    pub(super) fn settle_lengths(&self) -> Result<(), LogError> {
        self.recovery().settle_lengths()
    }

    fn recovery(&self) -> Recovery<'_> {
        Recovery {
            files: self.files.clone(),
            config: Arc::new(self.settings.log.clone()),
            group: &self.state,
            stop: self.stop,
            now_ms: self.now_ms,
            is_filesystem_synced: self.is_filesystem_synced,
        }
    }

    /// Opens the partition. Damage, and a disk that refuses, put it out of service and leave the others alone. Answers as
    /// well whether its log was read, so that what the last stop may have torn is known.
    pub(super) fn run(self) -> Result<(Partition, bool), ReplicaError> {
        let recovery = || self.recovery();
        if self.state.replacing.is_some() {
            // What is opened anew while the node runs: recovery acts on what the journal says.
            self.journal.sync()?;
        }
        let recovered = self.take_over_directory().and_then(|()| recovery().run());
        let was_read = recovered.is_ok();
        let mut recovered = match recovered {
            Ok(recovered) => recovered,
            Err(error) if self.state.synced_mark.is_none() => return Err(not_yet(&error)),
            Err(error) => recovery().unreadable(error.to_string()),
        };
        if let Some(damage) = &recovered.damage {
            tracing::error!(partition = %self.files.dir.display(), %damage, "quarantined");
        } else if let Err(error) = self.write_partition_metadata(&mut recovered.log) {
            if self.state.synced_mark.is_none() {
                return Err(not_yet(&error));
            }
            recovered = recovery().unreadable(error.to_string());
        }
        let open = |recovered| {
            Replica::open(OpenReplica {
                group: self.id,
                node_id: self.node_id,
                voters: self.voters,
                journal: self.journal.clone(),
                state: &self.state,
                recovered,
                durability: self.settings.durability,
                max_uncommitted_bytes: self.settings.max_uncommitted_bytes,
            })
        };
        let replica = match open(recovered) {
            // Its entries below the synced mark cannot be read: damage. Anything else may go well the next time.
            Err(ReplicaError::Poisoned(reason)) => open(recovery().unreadable(reason))?,
            opened => opened?,
        };
        Ok((
            Partition::new(self.topic, replica, self.settings, self.flush_queue.clone()),
            was_read,
        ))
    }

    /// A directory of that name may be another topic's, which was deleted; or one whose making never became durable.
    fn take_over_directory(&self) -> Result<(), LogError> {
        let disk = &self.files.disk;
        let io = |operation: &'static str| {
            let path = self.files.dir.clone();
            move |source| LogError::Io {
                operation,
                path,
                source,
            }
        };
        let entries = match disk.list(&self.files.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(io("list")(error)),
        };
        match strays::topic_id_of(&**disk, &self.files.dir).map_err(io("read the topic id of"))? {
            Some(id) if id == self.id.topic_id => Ok(()),
            Some(other) if self.state.synced_mark.is_some() => {
                let (own, other) = (topic_id::encode(self.id.topic_id), topic_id::encode(other));
                Err(io("use")(std::io::Error::other(format!(
                    "{PARTITION_METADATA} says that it is of the topic with id {other}, and {own} was written here: restore \
                     that file"
                ))))
            }
            Some(other) => {
                let is_deleted = self.deleted.lock().contains(&other);
                strays::move_aside(&**disk, &self.files.dir, Some(other), is_deleted).map_err(io("rename"))
            }
            None if self.state.synced_mark.is_some() || entries.is_empty() => Ok(()),
            None if entries.iter().all(|entry| !entry.is_dir && is_own_name(&entry.name)) => {
                disk.remove_dir_all(&self.files.dir).map_err(io("remove"))
            }
            None => strays::move_aside(&**disk, &self.files.dir, None, false).map_err(io("rename")),
        }
    }

    /// Kafka's `partition.metadata`, durable with the first flush.
    fn write_partition_metadata(&self, log: &mut storage::log::Log) -> Result<(), std::io::Error> {
        let path = self.files.dir.join(PARTITION_METADATA);
        if strays::topic_id_of(&*self.files.disk, &self.files.dir)?.is_some() {
            if self.state.synced_mark.is_none() {
                // Written in a life that may have ended before its first flush.
                log.add_dirty(self.files.disk.open(&path)?);
            }
            return Ok(());
        }
        match self.files.disk.remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.files.disk.create(&path)?;
        let content = format!("version: 0\ntopic_id: {}\n", topic_id::encode(self.id.topic_id));
        write_all_at(&*file, &[content.as_bytes()], 0)?;
        log.add_dirty(file);
        Ok(())
    }
}

/// Nothing of the partition was ever durable: nothing is lost if it is opened another time, say when the disk has room.
fn not_yet(error: &dyn std::fmt::Display) -> ReplicaError {
    ReplicaError::Panicked(error.to_string())
}
