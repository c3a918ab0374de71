//! What a command that looks after logs was pointed at: a data directory of a broker that is not running, or a partition
//! in it; what its journal and the cluster's metadata say of it, read without a change to anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use storage::disk::{DirLock, Disk, LockError, RealDisk};
use storage::journal::{GroupId, GroupState, Journal, RecoveredJournal};
use storage::log::verify::{Verified, verify, verify_journaled};
use storage::log::{LogError, LogFiles, StopKind};

use crate::node::{
    METADATA_TOPIC, METADATA_TOPIC_ID, Meta, is_partition_name, read_meta, replay_files, stop_kind, topic_id_of,
};

/// Descriptors that a command keeps open at most.
const MAX_DESCRIPTORS: usize = 64;

/// A data directory, locked, and what is meant of it.
pub(super) struct Target {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) data_dir: PathBuf,
    meta: Meta,
    /// The partition that was named; all of them, where none was.
    only: Option<String>,
    _lock: DirLock,
}

/// A partition that has a directory, or by the metadata should have one.
#[derive(Debug)]
pub(super) struct Partition {
    /// Its directory's name.
    pub(super) name: String,
    pub(super) files: LogFiles,
    /// The group by the directory.
    pub(super) on_disk: Option<GroupId>,
    /// The group by the metadata.
    pub(super) expected: Option<GroupId>,
    pub(super) has_directory: bool,
}

impl Partition {
    /// Whose log it is: as the directory has it, which the metadata knows as well where that has lost it.
    pub(super) fn group(&self) -> Option<GroupId> {
        self.on_disk.or(self.expected)
    }

    /// The directory is of another topic than the metadata has under that name.
    pub(super) fn is_of_another_topic(&self) -> bool {
        matches!((self.on_disk, self.expected), (Some(found), Some(expected)) if found != expected)
    }
}

/// The journal as it was left.
pub(super) struct StoppedJournal {
    pub(super) recovered: RecoveredJournal,
    pub(super) stop: StopKind,
}

impl StoppedJournal {
    pub(super) fn group(&self, group: Option<GroupId>) -> GroupState {
        let state = group.and_then(|group| self.recovered.groups.get(&group));
        state.cloned().unwrap_or_default()
    }
}

impl Target {
    /// To be read.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        Self::with(RealDisk::to_read(MAX_DESCRIPTORS), path, DirLock::acquire_to_read)
    }

    /// To be changed.
    pub(super) fn open_to_repair(path: &Path) -> Result<Self, String> {
        Self::with(RealDisk::new(MAX_DESCRIPTORS), path, DirLock::acquire)
    }

    fn with(disk: RealDisk, path: &Path, acquire: fn(&Path) -> Result<DirLock, LockError>) -> Result<Self, String> {
        let disk: Arc<dyn Disk> = Arc::new(disk);
        // A partition's directory may be what is missing.
        let path = match path.canonicalize() {
            Ok(path) => path,
            Err(error) => std::path::absolute(path)
                .ok()
                .filter(|path| path.parent().is_some_and(Path::is_dir))
                .ok_or_else(|| format!("cannot open {}: {error}", path.display()))?,
        };
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let read = |dir: &Path| read_meta(&*disk, dir).map_err(|error| said(&error));
        let (data_dir, meta, only) = match (read(&path)?, path.parent()) {
            (Some(meta), _) => (path.clone(), meta, None),
            (None, Some(parent)) => match read(parent)? {
                Some(meta) => (parent.to_path_buf(), meta, Some(partition_name(&path)?)),
                None => return Err(no_data(&path)),
            },
            (None, None) => return Err(no_data(&path)),
        };
        let lock = acquire(&data_dir).map_err(|error| said(&error))?;
        Ok(Target {
            disk,
            data_dir,
            meta,
            only,
            _lock: lock,
        })
    }

    /// The journal; `None` where none was ever in use.
    pub(super) fn journal(&self) -> Result<Option<StoppedJournal>, String> {
        let found = Journal::inspect(&*self.disk, &self.data_dir).map_err(|error| error.to_string())?;
        let boot_id = self.disk.boot_id(&self.data_dir).map_err(|error| error.to_string())?;
        Ok(found.map(|recovered| StoppedJournal {
            stop: stop_kind(&recovered, &boot_id),
            recovered,
        }))
    }

    /// The partitions that are meant, by name; and why the metadata could not be read to its end, if it could not.
    pub(super) fn partitions(
        &self,
        journal: Option<&StoppedJournal>,
    ) -> Result<(Vec<Partition>, Option<String>), String> {
        let (expected, problem) = match self.expected(journal) {
            Ok(expected) => (expected, None),
            Err(problem) => (BTreeMap::new(), Some(problem)),
        };
        let entries = self.disk.list(&self.data_dir);
        let entries = entries.map_err(|error| format!("cannot list {}: {error}", self.data_dir.display()))?;
        let there = entries.into_iter().filter(|entry| entry.is_dir);
        let there: Vec<String> = there.map(|entry| entry.name).collect();
        let mut names: Vec<&String> = there.iter().filter(|name| is_partition_name(name)).collect();
        names.extend(expected.keys());
        names.sort_unstable();
        names.dedup();
        names.retain(|name| self.only.as_ref().is_none_or(|only| only == *name));
        if let Some(only) = self.only.as_ref().filter(|_| names.is_empty()) {
            let dir = self.data_dir.display();
            return Err(format!("there is no partition {only} in {dir}, and none is missing"));
        }
        let mut partitions = Vec::with_capacity(names.len());
        for name in names {
            let files = self.files(name);
            let topic_id = topic_id_of(&*files.disk, &files.dir);
            let topic_id = topic_id.map_err(|error| format!("cannot read the topic id of {name}: {error}"))?;
            let number = name.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
            partitions.push(Partition {
                on_disk: topic_id
                    .zip(number)
                    .map(|(topic_id, partition)| GroupId { topic_id, partition }),
                expected: expected.get(name).copied(),
                has_directory: there.contains(name),
                name: name.clone(),
                files,
            });
        }
        Ok((partitions, problem))
    }

    /// Reads a partition through, beside the journal where there is one.
    pub(super) fn verify(&self, partition: &Partition, journal: Option<&StoppedJournal>) -> Result<Verified, LogError> {
        match journal {
            Some(journal) => verify_journaled(&partition.files, &journal.group(partition.group()), journal.stop),
            None if !partition.has_directory => Ok(Verified::default()),
            None => verify(&partition.files),
        }
    }

    /// What the metadata has on this node, as far as it can be read.
    fn expected(&self, journal: Option<&StoppedJournal>) -> Result<BTreeMap<String, GroupId>, String> {
        let name = format!("{METADATA_TOPIC}-0");
        let id = GroupId {
            topic_id: METADATA_TOPIC_ID,
            partition: 0,
        };
        let mut expected = BTreeMap::from([(name.clone(), id)]);
        let files = self.files(&name);
        if self.disk.list(&files.dir).is_err() {
            // A first start may have died before it was made; else the journal tells.
            return Ok(expected);
        }
        let verified = match journal {
            Some(journal) => verify_journaled(&files, &journal.group(Some(id)), journal.stop),
            None => verify(&files),
        };
        let end = verified.map_err(|error| error.to_string())?.next_offset;
        let image = replay_files(&files, end, &self.meta.cluster_id).map_err(|error| error.to_string())?;
        for topic in image.topics() {
            for (partition, number) in topic.partitions.iter().zip(0..) {
                if partition.replicas.iter().any(|&node| node as u64 == self.meta.node_id) {
                    let id = GroupId {
                        topic_id: topic.id,
                        partition: number,
                    };
                    expected.insert(format!("{}-{number}", topic.name), id);
                }
            }
        }
        Ok(expected)
    }

    fn files(&self, name: &str) -> LogFiles {
        LogFiles::new(self.disk.clone(), self.data_dir.join(name))
    }
}

fn no_data(path: &Path) -> String {
    format!(
        "{} is neither a data directory of Weir nor a partition in one: name the directory that holds weir.meta, or a \
         <topic>-<number> in it",
        path.display()
    )
}

fn partition_name(path: &Path) -> Result<String, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match is_partition_name(&name) {
        true => Ok(name),
        false => Err(format!(
            "{} is no partition: name a <topic>-<number>, or the data directory, whose journal is read with it",
            path.display()
        )),
    }
}
