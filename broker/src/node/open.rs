//! Opens one partition: its directory, its log, its replica.

use std::path::PathBuf;
use std::sync::Arc;

use consensus::{OpenReplica, Replica, ReplicaError};
use storage::disk::{read_file, write_all_at};
use storage::journal::{GroupId, GroupState, Journal};
use storage::log::{LogError, LogFiles, PARTITION_METADATA, Recovery, StopKind};
use uuid::Uuid;

use super::partition::{Partition, PartitionSettings};
use super::topic_id;

/// Suffix of a directory that is out of use and waits for its removal.
pub(super) const DELETE_SUFFIX: &str = "-delete";

/// What it takes to open a partition.
pub(super) struct OpenPartition<'a> {
    pub(super) topic: Arc<str>,
    pub(super) id: GroupId,
    pub(super) files: LogFiles,
    pub(super) settings: PartitionSettings,
    pub(super) node_id: u64,
    pub(super) voters: &'a [u64],
    pub(super) journal: &'a Arc<Journal>,
    pub(super) state: GroupState,
    pub(super) stop: StopKind,
    pub(super) now_ms: i64,
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
        let recovered = self.take_over_directory().and_then(|()| recovery().run());
        let was_read = recovered.is_ok();
        let mut recovered = match recovered {
            Ok(recovered) => recovered,
            Err(error) => recovery().unreadable(error.to_string()),
        };
        if let Some(damage) = &recovered.damage {
            tracing::error!(partition = %self.files.dir.display(), %damage, "quarantined");
        } else if let Err(error) = self.write_partition_metadata(&mut recovered.log) {
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
        Ok((Partition::new(self.topic, replica, self.settings), was_read))
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
        match topic_id_on_disk(&self.files).map_err(io("read the topic id of"))? {
            Some(id) if id == self.id.topic_id => Ok(()),
            Some(other) => {
                let aside = PathBuf::from(format!(
                    "{}.{}{DELETE_SUFFIX}",
                    self.files.dir.display(),
                    other.simple()
                ));
                disk.rename(&self.files.dir, &aside).map_err(io("rename"))
            }
            None if self.state.synced_mark.is_none() && !entries.is_empty() => {
                disk.remove_dir_all(&self.files.dir).map_err(io("remove"))
            }
            None => Ok(()),
        }
    }

    /// Kafka's `partition.metadata`, durable with the first flush.
    fn write_partition_metadata(&self, log: &mut storage::log::Log) -> Result<(), std::io::Error> {
        let path = self.files.dir.join(PARTITION_METADATA);
        if topic_id_on_disk(&self.files)?.is_some() {
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

/// The topic that the directory says it belongs to; `None` where it says nothing that makes sense. A disk that refuses the
/// read is an error: a directory in doubt is not for removal.
pub(crate) fn topic_id_on_disk(files: &LogFiles) -> Result<Option<Uuid>, std::io::Error> {
    let content = match read_file(&*files.disk, &files.dir.join(PARTITION_METADATA)) {
        Ok(content) => content,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let text = String::from_utf8(content).unwrap_or_default();
    Ok(text
        .lines()
        .find_map(|line| line.strip_prefix("topic_id: "))
        .and_then(topic_id::decode))
}
